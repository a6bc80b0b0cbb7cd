// Any column against any other: runs of a sweep, probes.

import { axes, inner, nearestPoint, scales } from "./chart.js";
import { category } from "./color.js";
import { drawing, interaction } from "./drawing.js";
import { checkbox, choice, element, hint } from "./elements.js";
import { at } from "./number.js";

/** @typedef {import("./data.js").Column} Column */

/**
 * A scatter plot with a choice of columns.
 * @param {HTMLElement} root
 * @param {object} of
 * @param {string} of.label
 * @param {Column[]} of.columns with numbers
 * @param {[number, number]} of.chosen
 * @param {{ x: boolean, y: boolean }} [of.log] which axes begin logarithmic
 * @param {boolean} [of.diagonal] whether equal values are marked
 * @param {(i: number) => boolean} of.shown
 * @param {() => number[]} of.selected
 * @param {(i: number) => void} of.select
 * @param {(i: number, columns: [Column, Column]) => string[]} of.describe
 */
export function scatter(root, of) {
  const numeric = of.columns.filter((column) => column.numbers);
  const names = numeric.map((column) => column.name);
  let [x, y] = of.chosen;
  const log = of.log ?? { x: false, y: false };
  /** @type {Float64Array} */
  let xs = new Float64Array();
  /** @type {Float64Array} */
  let ys = new Float64Array();
  const numbers = (/** @type {number} */ k) => numeric[k]?.numbers ?? new Float64Array();

  const controls = element(
    "div",
    { class: "controls" },
    choice("across", names, x, (k) => ((x = k), plot.draw())),
    checkbox("log", log.x, (on) => ((log.x = on), plot.draw())),
    choice("up", names, y, (k) => ((y = k), plot.draw())),
    checkbox("log", log.y, (on) => ((log.y = on), plot.draw())),
  );
  const said = element("p", { class: "note" });
  root.append(controls);
  const plot = drawing(root, of.label, 0, (surface, theme) => {
    if (!numeric.length) return;
    const box = inner(surface);
    const filtered = (/** @type {Float64Array} */ values) => values.filter((_, i) => of.shown(i));
    const both = scales(box, filtered(numbers(x)), filtered(numbers(y)), log);
    axes(surface, theme, box, { ...both, xLabel: names[x], yLabel: names[y] });
    xs = numbers(x).map((value) => at(both.x, value));
    ys = numbers(y).map((value) => at(both.y, value));
    if (of.diagonal && !log.x && !log.y) {
      const low = Math.max(both.x.low, both.y.low);
      const high = Math.min(both.x.high, both.y.high);
      const corner = (/** @type {number} */ v) => /** @type {[number, number]} */ ([at(both.x, v), at(both.y, v)]);
      if (low < high) surface.line([corner(low), corner(high)], theme.soft, 1, [5, 4]);
    }
    const which = [];
    let lost = 0;
    for (let i = 0; i < xs.length; i++) {
      if (!of.shown(i)) continue;
      if (Number.isFinite(xs[i]) && Number.isFinite(ys[i])) which.push(i);
      else lost += 1;
    }
    surface.dots(xs, ys, which, which.length > 2000 ? 1.6 : 3.5, category(0, theme));
    for (const i of of.selected()) {
      if (of.shown(i) && Number.isFinite(xs[i] + ys[i])) surface.ring(xs[i], ys[i], 7, theme.accent);
    }
    said.textContent = `${which.length} points${lost ? `; ${lost} have no place on these axes` : ""}`;
  });
  root.append(said);
  const find = (/** @type {[number, number]} */ place) => nearestPoint(xs, ys, place, of.shown);
  interaction(plot, {
    click(place) {
      const i = find(place);
      if (i >= 0) of.select(i);
    },
    hover(place, event) {
      const i = place ? find(place) : -1;
      hint(i < 0 ? null : of.describe(i, [numeric[x], numeric[y]]), event);
    },
  });
  return plot;
}
