// Rows of W: what each hidden neuron takes from each feature, and what it was found to respond to.

import { diverging } from "./color.js";
import { exact, nameOf, toCsv } from "./data.js";
import { drawing, interaction } from "./drawing.js";
import { element, hint } from "./elements.js";
import { at, scaleOver, short, ticks } from "./number.js";

/** @typedef {import("./page_state.js").Page} Page */
/** @typedef {import("./page_state.js").View} View */
/** @typedef {import("./data.js").Features} Features */
/** @typedef {import("./data.js").Column} Column */

/**
 * @param {HTMLElement} root
 * @param {Page} page
 * @param {Features & { directions: Float32Array }} features
 * @returns {View}
 */
export function neurons(root, page, features) {
  const { n, m, directions } = features;
  const known = page.data.neurons;
  let neuron = 0;
  let largest = 1e-12;
  for (const value of directions) if (Number.isFinite(value)) largest = Math.max(largest, Math.abs(value));
  const left = 56;
  const map = { x: left, y: 14, width: 1, height: 1 };
  const weight = (/** @type {number} */ row, /** @type {number} */ i) => directions[i * m + row];

  root.append(element("p", { class: "note" }, known?.about ?? "Weights alone are known: which neurons respond to what takes activations."));
  const image = document.createElement("canvas");
  let imageOf = "";
  /** Weights as pixels, once for a size and a colour scheme. */
  const paintImage = (/** @type {number} */ columns, /** @type {number} */ rows, /** @type {boolean} */ dark) => {
    const key = `${columns} ${rows} ${dark}`;
    if (key === imageOf) return;
    imageOf = key;
    [image.width, image.height] = [columns, rows];
    const context = image.getContext("2d");
    if (!context) return;
    const pixels = new ImageData(columns, rows);
    for (let y = 0; y < rows; y++) {
      const row = Math.floor(((y + 0.5) * m) / rows);
      for (let x = 0; x < columns; x++) {
        const value = weight(row, Math.floor(((x + 0.5) * n) / columns)) / largest;
        pixels.data.set(diverging(Number.isFinite(value) ? value : 0, dark), 4 * (y * columns + x));
        pixels.data[4 * (y * columns + x) + 3] = 255;
      }
    }
    context.putImageData(pixels, 0, 0);
  };

  const plot = drawing(root, `Weights of ${m} neurons over ${n} features`, 0, (surface, theme) => {
    map.width = surface.width - left - 16;
    map.height = Math.max(30, Math.min(surface.height * 0.5, 18 * m));
    const [columns, rows] = [Math.min(n, Math.round(map.width)), Math.min(m, Math.round(map.height))];
    paintImage(columns, rows, theme.dark);
    surface.image(image, map.x, map.y, map.width, map.height);
    surface.frame(map.x, map.y, map.width, map.height, theme.line);
    const tall = map.height / m;
    const step = Math.max(1, Math.ceil(14 / tall));
    for (let k = 0; k < m; k += step) {
      surface.text(left - 6, map.y + (k + 0.5) * tall + 4, `h${k}`, { size: 11, align: "right", color: theme.soft });
    }
    surface.frame(map.x, map.y + neuron * tall, map.width, tall, theme.accent, 2);
    for (const i of page.selected) {
      const wide = map.width / n;
      surface.frame(map.x + i * wide, map.y, Math.max(2, wide), map.height, theme.accent, 1);
    }
    // The weights of one neuron, as bars under their features.
    const bottom = surface.height - 34;
    const top = map.y + map.height + 34;
    if (bottom - top > 40) {
      const row = Array.from({ length: n }, (_, i) => weight(neuron, i));
      const y = scaleOver([...row, 0], bottom, top);
      for (const { value, label } of ticks(y, 6)) {
        surface.line([[left, at(y, value)], [left + map.width, at(y, value)]], theme.faint);
        surface.text(left - 6, at(y, value) + 4, label, { size: 11, align: "right", color: theme.soft });
      }
      const wide = Math.max(1, map.width / n - (map.width / n > 4 ? 1 : 0));
      row.forEach((value, i) => {
        if (!Number.isFinite(value)) return;
        const color = page.selected.includes(i) ? theme.accent : value < 0 ? "#0072b2" : "#d55e00";
        const [a, b] = [at(y, 0), at(y, value)];
        surface.fill(left + (i * map.width) / n, Math.min(a, b), wide, Math.abs(a - b), color);
      });
      surface.text(left, top - 9, `weights of neuron h${neuron}`, { color: theme.text, size: 12 });
      surface.text(left + map.width / 2, bottom + 24, n === features.total ? `feature, 0 to ${n - 1}` : `features of this page, in the file's order`, { color: theme.soft, size: 11, align: "center" });
    }
    said.textContent = about();
  });
  const said = element("p", { class: "note", role: "status" });
  root.append(said);
  const about = () => {
    const facts = (known?.columns ?? []).map((column) => {
      const text = column.numbers ? short(column.numbers[neuron]) : exact(column, neuron);
      return `${column.name}: ${text || "none"}`;
    });
    return [`Neuron h${neuron}`, ...facts].join("; ") + ". Up and down keys choose a neuron.";
  };
  const find = (/** @type {[number, number]} */ [x, y]) => {
    const i = Math.floor(((x - map.x) * n) / map.width);
    const row = Math.floor(((y - map.y) * m) / map.height);
    return { i: i >= 0 && i < n ? i : -1, row: row >= 0 && row < m ? row : -1 };
  };
  interaction(plot, {
    click(place) {
      const { i, row } = find(place);
      if (row >= 0) neuron = row;
      if (i >= 0) page.select([i]);
    },
    hover(place, event) {
      const { i, row } = place ? find(place) : { i: -1, row: -1 };
      if (i < 0) return hint(null);
      const which = row < 0 ? neuron : row;
      hint([nameOf(features, i), `weight of neuron h${which}: ${weight(which, i)}`], event);
    },
  });
  plot.canvas.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    neuron = Math.max(0, Math.min(m - 1, neuron + step));
    page.redraw();
  });
  return {
    id: "neurons",
    title: "Neurons",
    draw: () => plot.draw(),
    svg: () => plot.svg("Weights of neurons"),
    csv() {
      const names = { name: "neuron", about: "", text: Array.from({ length: m }, (_, k) => `h${k}`) };
      const weights = Array.from({ length: n }, (_, i) => ({
        name: `w_${features.index[i]}`,
        about: "",
        numbers: Float64Array.from({ length: m }, (_, k) => weight(k, i)),
      }));
      return toCsv([names, ...(known?.columns ?? []), ...weights], Array.from({ length: m }, (_, k) => k));
    },
  };
}
