// Colours that are told apart under the common colour blindnesses, the same as in superposition-viz's figures.

/** Okabe and Ito's colours; the last one is black on white and white on black. */
const CATEGORIES = ["#0072b2", "#d55e00", "#009e73", "#e69f00", "#56b4e9", "#cc79a7", "#f0e442"];

/** @type {[number, number, number][]} viridis at equal distances */
const VIRIDIS = [
  [0x44, 0x01, 0x54], [0x47, 0x2d, 0x7b], [0x3b, 0x52, 0x8b], [0x2c, 0x72, 0x8e], [0x21, 0x91, 0x8c],
  [0x28, 0xae, 0x80], [0x5e, 0xc9, 0x62], [0xad, 0xdc, 0x30], [0xfd, 0xe7, 0x25],
];

/**
 * @typedef {object} Theme
 * @property {boolean} dark
 * @property {string} text
 * @property {string} soft text that steps back
 * @property {string} line axes and frames
 * @property {string} faint grid lines
 * @property {string} back
 * @property {string} accent what is selected
 */

/**
 * The colours that the style sheet has now.
 * @returns {Theme}
 */
export function theme() {
  const style = getComputedStyle(document.documentElement);
  const value = (/** @type {string} */ name) => style.getPropertyValue(name).trim();
  return {
    dark: value("--dark") === "1",
    text: value("--text"),
    soft: value("--soft"),
    line: value("--line"),
    faint: value("--faint"),
    back: value("--back"),
    accent: value("--accent"),
  };
}

/**
 * @param {number} k
 * @param {Theme} theme
 */
export function category(k, theme) {
  const place = k % (CATEGORIES.length + 1);
  // Blue is hard to see on a dark page.
  if (theme.dark && place === 0) return "#3d9be0";
  return place < CATEGORIES.length ? CATEGORIES[place] : theme.text;
}

/**
 * @param {[number, number, number][]} anchors
 * @param {number} share from 0 to 1
 * @returns {[number, number, number]}
 */
function between(anchors, share) {
  const place = Math.min(1, Math.max(0, share)) * (anchors.length - 1);
  const low = Math.min(Math.floor(place), anchors.length - 2);
  const rest = place - low;
  const mix = (/** @type {number} */ k) =>
    Math.round(anchors[low][k] + rest * (anchors[low + 1][k] - anchors[low][k]));
  return [mix(0), mix(1), mix(2)];
}

/**
 * viridis, dark for low values. On a dark page its darkest part is left out: it could not be seen.
 * @param {number} share from 0 to 1
 * @param {boolean} [onDark]
 */
export function sequential(share, onDark = false) {
  return between(VIRIDIS, onDark ? 0.18 + 0.82 * share : share);
}

/**
 * Blue below 0, vermillion above, the background's colour at 0.
 * @param {number} share from -1 to 1
 * @param {boolean} dark
 */
export function diverging(share, dark) {
  /** @type {[number, number, number]} */
  const middle = dark ? [0x20, 0x22, 0x26] : [0xf7, 0xf7, 0xf7];
  return between([[0x00, 0x72, 0xb2], middle, [0xd5, 0x5e, 0x00]], (share + 1) / 2);
}

/** @param {[number, number, number]} color */
export function css([r, g, b]) {
  return `rgb(${r},${g},${b})`;
}
