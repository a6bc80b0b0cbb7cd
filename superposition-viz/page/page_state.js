// What all views share: the data, which features are selected, and which the filter lets through.

import { units } from "./linear.js";

/** @typedef {import("./data.js").PageData} PageData */

/**
 * @typedef {object} Page
 * @property {PageData} data
 * @property {number[]} selected features, the one last chosen at the end; at most `MOST_SELECTED`
 * @property {Uint8Array} visible 1 for features that the filter lets through
 * @property {(features: number[]) => void} select
 * @property {(features: number[]) => void} filter lets these through alone
 * @property {() => void} redraw
 * @property {(event: "selection" | "filter" | "draw", listener: () => void) => void} on
 * @property {() => Float32Array | null} unit directions of length 1, computed once
 */

/** More are not told apart. */
const MOST_SELECTED = 24;

/**
 * @param {PageData} data
 * @returns {Page}
 */
export function pageState(data) {
  /** @type {Record<string, (() => void)[]>} */
  const listeners = { selection: [], filter: [], draw: [] };
  const tell = (/** @type {string} */ event) => listeners[event].forEach((listener) => listener());
  const n = data.features?.n ?? 0;
  /** @type {Float32Array | null} */
  let unit = null;
  let waits = false;
  /** @type {Page} */
  const page = {
    data,
    selected: [],
    visible: new Uint8Array(n).fill(1),
    select(features) {
      page.selected = [...new Set(features)].filter((i) => i >= 0 && i < n).slice(-MOST_SELECTED);
      tell("selection");
      page.redraw();
    },
    filter(features) {
      page.visible = new Uint8Array(n);
      for (const i of features) page.visible[i] = 1;
      tell("filter");
      page.redraw();
    },
    redraw() {
      if (waits) return;
      waits = true;
      requestAnimationFrame(() => {
        waits = false;
        tell("draw");
      });
    },
    on(event, listener) {
      listeners[event].push(listener);
    },
    unit() {
      const { features } = data;
      if (!unit && features?.directions) unit = units(features.directions, features.m);
      return unit;
    },
  };
  return page;
}

/**
 * @typedef {object} View
 * @property {string} id
 * @property {string} title
 * @property {() => void} draw
 * @property {() => string | null} svg the view as a figure; null if it has none
 * @property {() => string} csv the numbers behind it
 */
