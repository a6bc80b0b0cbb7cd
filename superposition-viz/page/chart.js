// Axes, and points or lines over them.

import { css, sequential } from "./color.js";
import { at, scaleOver, short, ticks } from "./number.js";

/** @typedef {import("./number.js").Scale} Scale */
/** @typedef {import("./surface.js").Surface} Surface */
/** @typedef {import("./color.js").Theme} Theme */
/** @typedef {{ x: number, y: number, width: number, height: number }} Box */

/** Colours of a scale: as many are told apart, and points of one colour are drawn together. */
const LEVELS = 24;

/**
 * The part of a surface that is left between axis labels.
 * @param {{ width: number, height: number }} surface
 * @param {number} [right] room for a legend
 * @returns {Box}
 */
export function inner(surface, right = 16) {
  return { x: 70, y: 16, width: Math.max(20, surface.width - 70 - right), height: Math.max(20, surface.height - 66) };
}

/**
 * @param {Surface} surface
 * @param {Theme} theme
 * @param {Box} box
 * @param {{ x: Scale, y: Scale, xLabel: string, yLabel: string }} of
 */
export function axes(surface, theme, box, { x, y, xLabel, yLabel }) {
  const bottom = box.y + box.height;
  for (const { value, label } of ticks(x, Math.max(2, box.width / 90))) {
    const place = at(x, value);
    surface.line([[place, box.y], [place, bottom]], theme.faint);
    surface.text(place, bottom + 17, label, { align: "center", color: theme.soft });
  }
  for (const { value, label } of ticks(y, Math.max(2, box.height / 55))) {
    const place = at(y, value);
    surface.line([[box.x, place], [box.x + box.width, place]], theme.faint);
    surface.text(box.x - 7, place + 4, label, { align: "right", color: theme.soft });
  }
  surface.frame(box.x, box.y, box.width, box.height, theme.line);
  surface.text(box.x + box.width / 2, bottom + 38, xLabel, { align: "center", color: theme.text });
  surface.text(box.x - 56, box.y + box.height / 2, yLabel, { align: "center", color: theme.text, up: true });
}

/**
 * The scales of a box over two lists of values.
 * @param {Box} box
 * @param {ArrayLike<number>} xs
 * @param {ArrayLike<number>} ys
 * @param {{ x?: boolean, y?: boolean }} [log]
 */
export function scales(box, xs, ys, log = {}) {
  return {
    x: scaleOver(Array.from(xs), box.x, box.x + box.width, log.x),
    y: scaleOver(Array.from(ys), box.y + box.height, box.y, log.y),
  };
}

/**
 * Which colour each value has: places of the values by level, and what the ends are. Values that are not finite are at
 * the end, in `undefined`.
 * @param {ArrayLike<number>} values
 * @param {(i: number) => boolean} shown
 */
export function levels(values, shown) {
  let low = Infinity;
  let high = -Infinity;
  for (let i = 0; i < values.length; i++) {
    if (!Number.isFinite(values[i])) continue;
    low = Math.min(low, values[i]);
    high = Math.max(high, values[i]);
  }
  /** @type {number[][]} */
  const groups = Array.from({ length: LEVELS }, () => []);
  /** @type {number[]} */
  const none = [];
  for (let i = 0; i < values.length; i++) {
    if (!shown(i)) continue;
    if (!Number.isFinite(values[i])) none.push(i);
    else groups[Math.min(LEVELS - 1, Math.floor(((values[i] - low) / (high - low || 1)) * LEVELS))].push(i);
  }
  return { groups, none, low, high };
}

/**
 * The colour of a level.
 * @param {number} level
 * @param {Theme} theme
 */
export function levelColor(level, theme) {
  return css(levelRgb(level, theme));
}

/**
 * @param {number} level
 * @param {Theme} theme
 */
export function levelRgb(level, theme) {
  return sequential((level + 0.5) / LEVELS, theme.dark);
}

/**
 * Which colours stand for which values, in a corner.
 * @param {Surface} surface
 * @param {Theme} theme
 * @param {{ x: number, y: number }} place
 * @param {string} name
 * @param {{ low: number, high: number, none: number[] }} of
 */
export function colorLegend(surface, theme, { x, y }, name, { low, high, none }) {
  surface.text(x, y, name, { color: theme.soft, size: 11 });
  if (low <= high) {
    for (let k = 0; k < LEVELS; k++) surface.fill(x + 5 * k, y + 6, 5.5, 9, levelColor(k, theme));
    surface.text(x, y + 28, short(low), { color: theme.soft, size: 11 });
    surface.text(x + 5 * LEVELS, y + 28, short(high), { color: theme.soft, size: 11, align: "right" });
  }
  if (none.length) {
    surface.fill(x, y + 36, 9, 9, theme.line);
    surface.text(x + 14, y + 45, "no value", { color: theme.soft, size: 11 });
  }
}

/**
 * The point nearest to a place, within some pixels; -1 if there is none.
 * @param {ArrayLike<number>} xs
 * @param {ArrayLike<number>} ys
 * @param {[number, number]} place
 * @param {(i: number) => boolean} shown
 */
export function nearestPoint(xs, ys, [x, y], shown) {
  let best = -1;
  let distance = 14 ** 2;
  for (let i = 0; i < xs.length; i++) {
    const d = (xs[i] - x) ** 2 + (ys[i] - y) ** 2;
    if (d < distance && shown(i)) [best, distance] = [i, d];
  }
  return best;
}
