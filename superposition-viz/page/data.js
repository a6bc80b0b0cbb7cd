// What a page is about: the document that superposition-viz embedded, with its numbers as typed arrays.

/**
 * A named column: numbers (NaN where there is none) or text, one per row.
 * @typedef {{ name: string, about: string, numbers?: Float64Array, text?: string[] }} Column
 */

/** @typedef {{ group: string, name: string, value: string, note: string }} Fact */

/**
 * Features, in the order of their file. `index` is a feature's number in the file, where the page holds a part of them.
 * @typedef {object} Features
 * @property {number} n on this page
 * @property {number} m hidden dimensions; 0 where directions are not known
 * @property {number} total in the file
 * @property {Float64Array} index
 * @property {number} min_norm features above it are represented
 * @property {string[] | null} labels
 * @property {Float32Array | null} directions feature after feature, m values each
 * @property {Column[]} columns
 * @property {Column[]} probes
 * @property {{ of: Float64Array, names: string[], about: string } | null} clusters
 */

/** @typedef {{ steps: number[], n: number, m: number, w: Float32Array }} Snapshots */
/** @typedef {{ columns: Column[], snapshots: Snapshots | null }} Training */
/** @typedef {{ label: string, values: number[], log: boolean }} MapAxis */
/** @typedef {{ name: string, categories: string[] | null, cells: Float64Array }} MapLayer */
/** @typedef {{ title: string, x: MapAxis, y: MapAxis, layers: MapLayer[] }} PhaseMap */
/** @typedef {{ n: number, m: number, w: Float32Array }} Models run after run, feature after feature */
/** @typedef {{ title: string, columns: Column[], models: Models | null }} Runs */

/**
 * @typedef {object} PageData
 * @property {string} title
 * @property {string[]} notes
 * @property {Fact[]} facts
 * @property {Features | null} features
 * @property {{ about: string, columns: Column[] } | null} neurons
 * @property {Training | null} training
 * @property {PhaseMap[]} maps
 * @property {Runs[]} runs
 */

/**
 * The bytes that base64 text stands for.
 * @param {string} text
 * @returns {ArrayBuffer}
 */
function bytes(text) {
  const binary = atob(text);
  const result = new Uint8Array(binary.length);
  for (let k = 0; k < binary.length; k++) result[k] = binary.charCodeAt(k);
  return result.buffer;
}

/** @param {string} text */
function f64(text) {
  return new Float64Array(bytes(text));
}

/**
 * @param {any} raw
 * @returns {Column}
 */
function readColumn(raw) {
  const { name, about } = raw;
  return raw.text ? { name, about, text: raw.text } : { name, about, numbers: f64(raw.f64) };
}

/**
 * @param {any} raw
 * @returns {Features | null}
 */
function readFeatures(raw) {
  if (!raw) return null;
  const clusters = raw.clusters && { ...raw.clusters, of: f64(raw.clusters.of) };
  return {
    ...raw,
    clusters,
    index: f64(raw.index),
    directions: raw.directions && new Float32Array(bytes(raw.directions)),
    columns: raw.columns.map(readColumn),
    probes: raw.probes.map(readColumn),
  };
}

/**
 * @param {any} raw
 * @returns {Training | null}
 */
function readTraining(raw) {
  if (!raw) return null;
  const { snapshots } = raw;
  return {
    columns: raw.columns.map(readColumn),
    snapshots: snapshots && { ...snapshots, w: new Float32Array(bytes(snapshots.w)) },
  };
}

/**
 * The document in the page.
 * @param {string} text
 * @returns {PageData}
 */
export function parse(text) {
  const raw = JSON.parse(text);
  return {
    title: raw.title,
    notes: raw.notes,
    facts: raw.facts,
    features: readFeatures(raw.features),
    neurons: raw.neurons && { about: raw.neurons.about, columns: raw.neurons.columns.map(readColumn) },
    training: readTraining(raw.training),
    maps: raw.maps.map((/** @type {any} */ map) => ({
      ...map,
      layers: map.layers.map((/** @type {any} */ layer) => ({ ...layer, cells: f64(layer.cells) })),
    })),
    runs: raw.runs.map((/** @type {any} */ runs) => ({
      title: runs.title,
      columns: runs.columns.map(readColumn),
      models: runs.models && { ...runs.models, w: new Float32Array(bytes(runs.models.w)) },
    })),
  };
}

/**
 * What a feature is called.
 * @param {Features} features
 * @param {number} i
 */
export function nameOf(features, i) {
  const number = `${features.index[i]}`;
  const label = features.labels?.[i];
  return label ? `${number} ${label}` : number;
}

/**
 * A cell of a column as text; numbers with all their digits.
 * @param {Column} column
 * @param {number} i
 */
export function exact(column, i) {
  if (column.text) return column.text[i];
  const value = column.numbers ? column.numbers[i] : NaN;
  return Number.isNaN(value) ? "" : String(value);
}

/**
 * Columns as comma-separated values.
 * @param {Column[]} columns
 * @param {Iterable<number>} rows
 */
export function toCsv(columns, rows) {
  const quoted = (/** @type {string} */ text) => {
    // A cell that a spreadsheet would read as a formula is text.
    const safe = /^[=+@\t\r]|^-(?![\d.]|Infinity)/.test(text) ? `'${text}` : text;
    return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
  };
  const lines = [columns.map((column) => quoted(column.name)).join(",")];
  for (const i of rows) lines.push(columns.map((column) => quoted(exact(column, i))).join(","));
  return `${lines.join("\n")}\n`;
}
