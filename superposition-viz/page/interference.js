// Cosines of all pairs as a map that is computed where one looks.

import { diverging, sequential } from "./color.js";
import { nameOf } from "./data.js";
import { drawing, interaction } from "./drawing.js";
import { checkbox, choice, element, hint } from "./elements.js";
import { dot, norms } from "./linear.js";

/** @typedef {import("./page_state.js").Page} Page */
/** @typedef {import("./page_state.js").View} View */
/** @typedef {import("./data.js").Features} Features */

/** Cells on a side at most: more are not told apart on a screen. */
const CELLS = 480;
/** Milliseconds of computing before the page has its turn. */
const SLICE = 8;
/** Milliseconds without a movement after which cells are computed. */
const REST = 60;

/**
 * @param {HTMLElement} root
 * @param {Page} page
 * @param {Features & { directions: Float32Array }} features
 * @returns {View}
 */
export function interference(root, page, features) {
  const { n, m } = features;
  const orders = ["the file", ...(features.clusters ? ["cluster"] : []), ...features.columns.filter((c) => c.numbers).map((c) => c.name)];
  let order = features.clusters ? 1 : 0;
  let squared = 0;
  const lengths = norms(features.directions, m);
  const represented = lengths.filter((length) => length > features.min_norm).length;
  let all = represented === 0 || represented === n;
  /** @type {number[]} */
  let sorted = [];
  /** What of it is seen: first row and column, and how many. */
  let window_ = { row: 0, column: 0, span: 1 };
  const image = document.createElement("canvas");
  /** What the image shows, once it is complete. */
  let drawn = { ...window_ };
  let job = 0;
  let done = false;
  let resting = 0;

  const unit = () => page.unit() ?? new Float32Array();
  const side = () => Math.max(60, Math.min(plot.canvas.clientWidth - 150, plot.canvas.clientHeight - 46));
  const left = 56;
  const top = 16;

  const sort = () => {
    sorted = [];
    for (let i = 0; i < n; i++) if (page.visible[i] && (all || lengths[i] > features.min_norm)) sorted.push(i);
    const by = orders[order];
    const values =
      by === "cluster" && features.clusters
        ? features.clusters.of
        : features.columns.find((column) => column.name === by)?.numbers;
    if (values) {
      const sign = by === "cluster" ? 1 : -1;
      const key = (/** @type {number} */ i) => (Number.isNaN(values[i]) ? Infinity : sign * values[i]);
      sorted.sort((a, b) => key(a) - key(b) || a - b || 0);
    }
    window_ = { row: 0, column: 0, span: Math.max(1, sorted.length) };
    compute();
  };

  /** The cells of the window, a slice at a time. */
  const compute = () => {
    const mine = ++job;
    done = false;
    const from = { ...window_ };
    const cells = Math.max(1, Math.min(CELLS, Math.ceil(from.span)));
    const context = image.getContext("2d");
    if (!context || !sorted.length) return page.redraw();
    const pixels = new ImageData(cells, cells);
    const dark = document.documentElement.dataset.print === undefined && matchMedia("(prefers-color-scheme: dark)").matches;
    const w = unit();
    const feature = (/** @type {number} */ start, /** @type {number} */ k) =>
      sorted[Math.min(sorted.length - 1, Math.floor(start + ((k + 0.5) * from.span) / cells))];
    const columns = Array.from({ length: cells }, (_, k) => feature(from.column, k));
    let row = 0;
    const slice = () => {
      if (mine !== job) return;
      const end = performance.now() + SLICE;
      while (row < cells && performance.now() < end) {
        const i = feature(from.row, row);
        for (let k = 0; k < cells; k++) {
          const cosine = dot(w, m, i, columns[k]);
          const color = squared ? sequential(cosine * cosine) : diverging(cosine, dark);
          pixels.data.set(color, 4 * (row * cells + k));
          pixels.data[4 * (row * cells + k) + 3] = 255;
        }
        row += 1;
      }
      if (row < cells) return void setTimeout(slice, 0);
      [image.width, image.height] = [cells, cells];
      context.putImageData(pixels, 0, 0);
      drawn = from;
      done = true;
      page.redraw();
    };
    slice();
    page.redraw();
  };

  const said = element("p", { class: "note" });
  root.append(
    element(
      "div",
      { class: "controls" },
      choice("order by", orders, order, (k) => ((order = k), sort())),
      ...(all ? [] : [checkbox("features that are not represented too", false, (on) => ((all = on), sort()))]),
      choice("show", ["cosine", "cosine²"], squared, (k) => ((squared = k), compute())),
    ),
  );
  const plot = drawing(root, "Cosines of pairs of features", 0, (surface, theme) => {
    const size = side();
    if (image.width && sorted.length && drawn.span > 0) {
      // Until the new image is there the old one stands in, moved.
      const scale = size / window_.span;
      const x = left + (drawn.column - window_.column) * scale;
      const y = top + (drawn.row - window_.row) * scale;
      surface.image(image, x, y, drawn.span * scale, drawn.span * scale);
      surface.fill(0, 0, left, surface.height, theme.back);
      surface.fill(0, 0, surface.width, top, theme.back);
      surface.fill(left + size, 0, surface.width - left - size, surface.height, theme.back);
      surface.fill(0, top + size, surface.width, surface.height - top - size, theme.back);
    }
    surface.frame(left, top, size, size, theme.line);
    const cell = size / window_.span;
    const step = Math.max(1, Math.ceil(22 / cell));
    for (let k = Math.ceil(window_.row / step) * step; k < window_.row + window_.span && k < sorted.length; k += step) {
      const y = top + (k + 0.5 - window_.row) * cell;
      surface.text(left - 5, y + 4, String(features.index[sorted[k]]), { size: 11, align: "right", color: theme.soft });
    }
    const wide = Math.max(1, Math.ceil(44 / cell));
    for (let k = Math.ceil(window_.column / wide) * wide; k < window_.column + window_.span && k < sorted.length; k += wide) {
      const x = left + (k + 0.5 - window_.column) * cell;
      surface.text(x, top + size + 15, String(features.index[sorted[k]]), { size: 11, align: "center", color: theme.soft });
    }
    for (const i of page.selected) {
      const k = sorted.indexOf(i);
      if (k < 0) continue;
      const [x, y] = [left + (k - window_.column) * cell, top + (k - window_.row) * cell];
      const thick = Math.max(2, cell);
      if (x >= left - 1 && x < left + size) surface.frame(x, top, thick, size, theme.accent, 1.5);
      if (y >= top - 1 && y < top + size) surface.frame(left, y, size, thick, theme.accent, 1.5);
    }
    const x = left + size + 18;
    surface.text(x, top + 10, squared ? "cosine²" : "cosine", { size: 11, color: theme.soft });
    for (let k = 0; k < 40; k++) {
      const share = 1 - (k + 0.5) / 40;
      const color = squared ? sequential(share) : diverging(2 * share - 1, theme.dark);
      surface.fill(x, top + 20 + 3 * k, 12, 3.5, `rgb(${color})`);
    }
    surface.frame(x, top + 20, 12, 120, theme.faint);
    (squared ? ["1", "0.5", "0"] : ["1", "0", "−1"]).forEach((label, k) =>
      surface.text(x + 18, top + 24 + 58 * k, label, { size: 11, color: theme.soft }),
    );
    const every = Math.ceil(window_.span) > CELLS ? `; every ${(window_.span / CELLS).toFixed(1)}th feature is drawn: zoom in for all` : "";
    said.textContent = `${Math.min(sorted.length, Math.round(window_.span))} of ${sorted.length} features on a side${every}${done ? "" : "; computing …"}. Wheel to zoom, drag to move, click to select the pair.`;
  });
  root.append(said);

  const pair = (/** @type {[number, number]} */ [x, y]) => {
    const cell = side() / window_.span;
    const row = Math.floor(window_.row + (y - top) / cell);
    const column = Math.floor(window_.column + (x - left) / cell);
    const inside = x >= left && y >= top && x < left + side() && y < top + side();
    return inside && sorted[row] !== undefined && sorted[column] !== undefined ? [sorted[row], sorted[column]] : null;
  };
  const settle = () => {
    window_.span = Math.max(Math.min(4, sorted.length), Math.min(sorted.length, window_.span));
    const most = sorted.length - window_.span;
    window_.row = Math.max(0, Math.min(most, window_.row));
    window_.column = Math.max(0, Math.min(most, window_.column));
    // Once the hand rests: until then the image that is there is moved.
    job += 1;
    done = false;
    clearTimeout(resting);
    resting = window.setTimeout(compute, REST);
    page.redraw();
  };
  interaction(plot, {
    drag(dx, dy) {
      window_.column -= (dx * window_.span) / side();
      window_.row -= (dy * window_.span) / side();
      settle();
    },
    zoom(factor, [x, y]) {
      const [a, b] = [(x - left) / side(), (y - top) / side()];
      const span = Math.max(Math.min(4, sorted.length), Math.min(sorted.length, window_.span / factor));
      window_.column += a * (window_.span - span);
      window_.row += b * (window_.span - span);
      window_.span = span;
      settle();
    },
    reset: sort,
    click(place) {
      const found = pair(place);
      if (found) page.select(found);
    },
    hover(place, event) {
      const found = place && pair(place);
      if (!found) return hint(null);
      const [i, j] = found;
      hint([`${nameOf(features, i)}  ×  ${nameOf(features, j)}`, `cosine ${dot(unit(), m, i, j).toPrecision(6)}`], event);
    },
  });
  let begun = false;
  page.on("filter", () => begun && sort());
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => begun && compute());
  return {
    id: "interference",
    title: "Interference",
    draw() {
      if (!begun) {
        begun = true;
        sort();
      }
      plot.draw();
    },
    svg: () => plot.svg("Cosines of pairs of features"),
    csv() {
      const from = Math.floor(window_.row);
      const rows = sorted.slice(from, from + Math.min(200, Math.ceil(window_.span)));
      const start = Math.floor(window_.column);
      const columns = sorted.slice(start, start + Math.min(200, Math.ceil(window_.span)));
      const w = unit();
      const head = ["feature", ...columns.map((j) => String(features.index[j]))].join(",");
      return `${[head, ...rows.map((i) => [features.index[i], ...columns.map((j) => dot(w, m, i, j))].join(","))].join("\n")}\n`;
    },
  };
}
