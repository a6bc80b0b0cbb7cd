// The page: tabs of views, and what is known of the selected feature.

import { clusters } from "./clusters.js";
import { exact, nameOf, parse } from "./data.js";
import { button, download, element } from "./elements.js";
import { featureTable } from "./feature_table.js";
import { geometry } from "./geometry.js";
import { interference } from "./interference.js";
import { neighbors } from "./linear.js";
import { neurons } from "./neurons.js";
import { overview } from "./overview.js";
import { pageState } from "./page_state.js";
import { probes } from "./probes.js";
import { sweeps } from "./sweeps.js";
import { training } from "./training.js";

/** @typedef {import("./page_state.js").Page} Page */
/** @typedef {import("./page_state.js").View} View */

/** Neighbours beside a selected feature. */
const NEIGHBORS = 8;

/**
 * The views for which there are data: what each is called, and how it is made when it is first looked at.
 * @param {Page} page
 * @returns {{ title: string, make: (root: HTMLElement) => View }[]}
 */
function views(page) {
  const { data } = page;
  const { features } = data;
  const made = [{ title: "Overview", make: (/** @type {HTMLElement} */ root) => overview(root, page) }];
  const add = (/** @type {string} */ title, /** @type {(root: HTMLElement) => View} */ make) => made.push({ title, make });
  if (features) {
    const { directions, clusters: given } = features;
    const withDirections = directions && features.m > 0 && features.n > 0 ? { ...features, directions } : null;
    if (withDirections) {
      add("Geometry", (root) => geometry(root, page, withDirections));
      add("Interference", (root) => interference(root, page, withDirections));
    }
    add("Features", (root) => featureTable(root, page, features));
    if (withDirections && given) add("Clusters", (root) => clusters(root, page, { ...withDirections, clusters: given }));
    if (withDirections) add("Neurons", (root) => neurons(root, page, withDirections));
  }
  const { training: trained } = data;
  if (trained) add("Training", (root) => training(root, page, trained));
  if (data.maps.length || data.runs.length) add(data.maps.length ? "Phases" : "Sweep", (root) => sweeps(root, page));
  if (features?.probes.length) add("Probes", (root) => probes(root, page, features));
  return made;
}

/**
 * What is known of the feature selected last.
 * @param {HTMLElement} place
 * @param {Page} page
 */
function selection(place, page) {
  const { features } = page.data;
  const i = page.selected[page.selected.length - 1];
  if (!features || i === undefined) {
    place.replaceChildren(element("h2", {}, "Selected"), element("p", { class: "note" }, features ? "Nothing: click a feature in any view, with Shift for several." : ""));
    return;
  }
  const table = element("table");
  for (const column of [...features.columns, ...features.probes]) {
    const name = element("th", { scope: "row", title: column.about }, column.name);
    table.append(element("tr", {}, name, element("td", { class: "value" }, exact(column, i) || "–")));
  }
  /** @type {HTMLElement[]} */
  const parts = [element("h2", {}, nameOf(features, i))];
  if (page.selected.length > 1) {
    const others = page.selected.slice(0, -1).reverse();
    const chips = others.map((j) => button(nameOf(features, j), () => page.select([...page.selected.filter((k) => k !== j), j]), { class: "chip" }));
    parts.push(element("p", { class: "chips" }, "and ", ...chips));
  }
  parts.push(table);
  const unit = page.unit();
  if (unit) {
    const { nearest, opposed } = neighbors(unit, features.m, i, NEIGHBORS);
    const whole = features.n === features.total ? "" : " on this page";
    for (const [title, list] of /** @type {const} */ ([[`Nearest${whole}`, nearest], [`Most opposed${whole}`, opposed]])) {
      const rows = list.map(({ feature, cosine }) =>
        element("li", {}, button(nameOf(features, feature), () => page.select([feature]), { class: "link" }), element("span", { class: "value" }, cosine.toFixed(4))),
      );
      parts.push(element("h3", {}, title), element("ol", { class: "neighbors" }, ...rows));
    }
  }
  place.replaceChildren(...parts);
}

/** @param {string} text */
function fileName(text) {
  return text.toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-+|-+$/g, "").slice(0, 60) || "view";
}

function start() {
  const stored = document.getElementById("data");
  const page = pageState(parse(stored?.textContent ?? ""));
  const { data } = page;
  const tabs = element("div", { class: "tabs", role: "tablist", "aria-label": "Views" });
  const main = element("main");
  const side = element("aside", { "aria-label": "Selected feature", "aria-live": "polite" });
  const all = views(page);
  /** @type {(View | undefined)[]} */
  const opened = [];
  let current = 0;

  const panels = all.map(({ title }, k) => {
    const panel = element("section", { role: "tabpanel", id: `view-${k}`, "aria-labelledby": `tab-${k}`, class: "view" });
    panel.hidden = true;
    main.append(panel);
    const tab = button(title, () => open(k), { role: "tab", id: `tab-${k}`, "aria-controls": `view-${k}` });
    tab.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (!step) return;
      event.preventDefault();
      open((k + step + all.length) % all.length);
      document.getElementById(`tab-${current}`)?.focus();
    });
    tabs.append(tab);
    return panel;
  });
  const figure = button("SVG", () => {
    const svg = opened[current]?.svg();
    if (svg) download(`${fileName(data.title)}-${opened[current]?.id}.svg`, "image/svg+xml", svg);
  }, { title: "Save this view as a figure" });
  const numbers = button("CSV", () => {
    const view = opened[current];
    if (view) download(`${fileName(data.title)}-${view.id}.csv`, "text/csv", view.csv());
  }, { title: "Save the numbers behind this view" });

  const open = (/** @type {number} */ k) => {
    current = k;
    panels.forEach((panel, j) => (panel.hidden = j !== k));
    [...tabs.children].forEach((tab, j) => {
      tab.setAttribute("aria-selected", String(j === k));
      tab.setAttribute("tabindex", j === k ? "0" : "-1");
    });
    const view = (opened[k] ??= all[k].make(panels[k]));
    // Now, and not with the next frame, so that no empty view is ever shown.
    view.draw();
    figure.disabled = !panels[k].querySelector("canvas");
  };

  document.body.append(
    element("header", {}, element("h1", {}, data.title), element("div", { class: "bar" }, tabs, element("div", { class: "exports" }, figure, numbers))),
    element("div", { class: data.features ? "columns" : "columns alone" }, main, ...(data.features ? [side] : [])),
  );
  page.on("draw", () => opened[current]?.draw());
  page.on("selection", () => selection(side, page));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => page.redraw());
  // Paper is white.
  addEventListener("beforeprint", () => {
    document.documentElement.dataset.print = "";
    opened[current]?.draw();
  });
  addEventListener("afterprint", () => {
    delete document.documentElement.dataset.print;
    page.redraw();
  });
  addEventListener("keydown", (event) => {
    if (event.key === "Escape") page.select([]);
  });
  selection(side, page);
  open(0);
}

start();
