// Features that interfere, a small plane for each cluster: the interference graph, cluster by cluster.

import { category, css, diverging } from "./color.js";
import { nameOf, toCsv } from "./data.js";
import { drawing, interaction } from "./drawing.js";
import { element, hint } from "./elements.js";
import { dot, principalAxes, project } from "./linear.js";

/** @typedef {import("./page_state.js").Page} Page */
/** @typedef {import("./page_state.js").View} View */
/** @typedef {import("./data.js").Features} Features */

/** The largest ones, so many, are drawn. */
const MOST = 240;
/** Pairs of larger clusters have no lines between them. */
const MOST_LINKED = 60;
const CELL = { width: 168, height: 190 };

/**
 * @param {HTMLElement} root
 * @param {Page} page
 * @param {Features & { directions: Float32Array, clusters: NonNullable<Features["clusters"]> }} features
 * @returns {View}
 */
export function clusters(root, page, features) {
  const { m, directions, clusters: given } = features;
  /** @type {Map<number, number[]>} */
  const members = new Map();
  given.of.forEach((cluster, i) => {
    if (Number.isNaN(cluster)) return;
    const list = members.get(cluster);
    if (list) list.push(i);
    else members.set(cluster, [i]);
  });
  const all = [...members].sort(([a, x], [b, y]) => y.length - x.length || a - b);
  const several = all.filter(([, list]) => list.length > 1);
  const alone = all.length - several.length;
  const drawn = several.slice(0, MOST);
  /** @type {Map<number, Float32Array[]>} */
  const places = new Map();
  const placeOf = (/** @type {number} */ k) => {
    const known = places.get(k);
    if (known) return known;
    const list = drawn[k][1].slice(0, 400);
    const w = Float32Array.from(list.flatMap((i) => [...directions.subarray(i * m, (i + 1) * m)]));
    const { axes } = principalAxes(w, m, list.map((_, a) => a), 2);
    const made = project(w, m, axes);
    places.set(k, made);
    return made;
  };

  root.append(element("p", { class: "note" }, given.about));
  const rest = [];
  if (several.length > drawn.length) rest.push(`the ${drawn.length} largest of ${several.length} clusters are drawn`);
  if (alone) rest.push(`${alone} features are alone`);
  root.append(element("p", { class: "note" }, `${several.length} clusters of two features and more${rest.length ? `; ${rest.join("; ")}` : ""}. Each is drawn in its own two principal axes; lines join features with a cosine below 0 (blue) or above (vermillion).`));

  const csv = () => {
    const name = (/** @type {number} */ i) => given.names[given.of[i]] ?? "";
    /** @type {import("./data.js").Column[]} */
    const columns = [
      { name: "feature", about: "", numbers: features.index },
      { name: "cluster", about: "", numbers: given.of },
      { name: "name", about: "", text: Array.from({ length: features.n }, (_, i) => name(i)) },
    ];
    return toCsv(columns, all.flatMap(([, list]) => list));
  };
  if (!several.length) return { id: "clusters", title: "Clusters", draw: () => {}, svg: () => null, csv };

  const perRow = (/** @type {number} */ width) => Math.max(1, Math.floor(width / CELL.width));
  const plot = drawing(root, `${drawn.length} clusters of features`, CELL.height, (surface, theme) => {
    const columns = perRow(surface.width);
    drawn.forEach(([cluster, list], k) => {
      const [x, y] = [(k % columns) * CELL.width, Math.floor(k / columns) * CELL.height];
      const chosen = list.some((i) => page.selected.includes(i));
      surface.frame(x + 4, y + 4, CELL.width - 8, CELL.height - 8, chosen ? theme.accent : theme.faint, chosen ? 2 : 1);
      const name = given.names[cluster] || `cluster ${cluster}`;
      surface.text(x + CELL.width / 2, y + 22, name.length > 24 ? `${name.slice(0, 23)}…` : name, { align: "center", size: 12, bold: true, color: theme.text });
      const what = list.length <= 8 ? list.map((i) => features.index[i]).join(" ") : `${list.length} features`;
      surface.text(x + CELL.width / 2, y + CELL.height - 14, what, { align: "center", size: 11, color: theme.soft });
      const [px, py] = placeOf(k);
      let reach = 1e-12;
      for (let a = 0; a < px.length; a++) reach = Math.max(reach, Math.hypot(px[a], py[a]));
      const scale = 56 / reach;
      const [cx, cy] = [x + CELL.width / 2, y + CELL.height / 2 + 2];
      const xs = px.map((value) => cx + scale * value);
      const ys = py.map((value) => cy - scale * value);
      const unit = page.unit();
      if (list.length <= MOST_LINKED && unit) {
        for (let a = 0; a < xs.length; a++) {
          for (let b = 0; b < a; b++) {
            const cosine = dot(unit, m, list[a], list[b]);
            if (cosine * cosine < 0.02) continue;
            const strong = Math.sign(cosine) * (0.25 + 0.75 * Math.abs(cosine));
            surface.line([[xs[a], ys[a]], [xs[b], ys[b]]], css(diverging(strong, theme.dark)), 1);
          }
        }
      }
      if (list.length <= 40) for (let a = 0; a < xs.length; a++) surface.line([[cx, cy], [xs[a], ys[a]]], theme.line, 1);
      surface.dots(xs, ys, list.slice(0, xs.length).map((_, a) => a), list.length > 60 ? 2 : 3.5, category(0, theme));
      list.slice(0, xs.length).forEach((i, a) => {
        if (page.selected.includes(i)) surface.ring(xs[a], ys[a], 6.5, theme.accent);
      });
    });
  });
  const find = (/** @type {[number, number]} */ [x, y]) => {
    const columns = perRow(plot.canvas.clientWidth);
    const column = Math.floor(x / CELL.width);
    return column < columns ? drawn[Math.floor(y / CELL.height) * columns + column] : undefined;
  };
  interaction(plot, {
    click(place) {
      const found = find(place);
      if (found) page.select(found[1]);
    },
    hover(place, event) {
      const found = place && find(place);
      if (!found) return hint(null);
      const [cluster, list] = found;
      const shown = list.slice(0, 12).map((i) => nameOf(features, i));
      const more = list.length > shown.length ? [`and ${list.length - shown.length} more`] : [];
      hint([given.names[cluster] || `cluster ${cluster}`, ...shown, ...more], event);
    },
  });
  return {
    id: "clusters",
    title: "Clusters",
    draw() {
      const width = root.clientWidth;
      if (width) plot.setHeight(Math.max(1, Math.ceil(drawn.length / perRow(width))) * CELL.height);
      plot.draw();
    },
    svg: () => plot.svg("Clusters of features"),
    csv,
  };
}
