// Features in the plane or in space.

import { colorLegend, levelColor, levelRgb, levels, nearestPoint } from "./chart.js";
import { exact, nameOf, toCsv } from "./data.js";
import { drawing, interaction } from "./drawing.js";
import { checkbox, choice, element, hint } from "./elements.js";
import { norms, orthonormalize, principalAxes, project } from "./linear.js";
import { short } from "./number.js";

/** @typedef {import("./page_state.js").Page} Page */
/** @typedef {import("./page_state.js").View} View */
/** @typedef {import("./data.js").Features} Features */

/** Up to so many features have a line from the origin. */
const MOST_LINES = 1200;
/** Up to so many have their names beside them. */
const MOST_NAMES = 64;

/**
 * @param {HTMLElement} root
 * @param {Page} page
 * @param {Features & { directions: Float32Array }} features
 * @returns {View}
 */
export function geometry(root, page, features) {
  const { n, m, directions } = features;
  const lengths = norms(directions, m);
  const columns = [...features.columns, ...features.probes].filter((column) => column.numbers);
  const ways = ["principal axes", "hidden dimensions", "two features"];
  let way = m <= 3 ? 1 : 0;
  let three = m >= 3;
  let colored = Math.max(0, columns.findIndex((column) => column.name === "dimensionality"));
  let named = n <= MOST_NAMES;
  const chosen = [0, Math.min(1, m - 1), Math.min(2, m - 1)];
  const view = { yaw: 0.6, pitch: 0.35, zoom: 1, x: 0, y: 0 };
  /** @type {Float32Array[]} */
  let place = [];
  let axisNames = ["", "", ""];
  let about = "";
  const sx = new Float32Array(n);
  const sy = new Float32Array(n);

  /** The largest coordinate, and which colour each feature has: as long as these stay. */
  let reach = 1;
  /** @type {ReturnType<typeof levels> | null} */
  let leveled = null;

  /** The coordinates, when the axes are others. */
  const projected = () => {
    coordinates();
    let square = 0;
    for (let i = 0; i < n; i++) {
      const sum = place[0][i] ** 2 + place[1][i] ** 2 + place[2][i] ** 2;
      if (sum < Infinity) square = Math.max(square, sum);
    }
    reach = Math.sqrt(square) || 1;
  };
  const coordinates = () => {
    const unit = (/** @type {number} */ k) => Float64Array.from({ length: m }, (_, j) => (j === k ? 1 : 0));
    const dimensions = Math.min(three ? 3 : 2, m);
    if (ways[way] === "hidden dimensions") {
      const axes = chosen.slice(0, dimensions).map(unit);
      place = project(directions, m, axes);
      axisNames = chosen.map((k) => `h${k}`);
      about = m > dimensions ? `${dimensions} of ${m} hidden dimensions` : "all hidden dimensions";
      return;
    }
    if (ways[way] === "two features") {
      const [a, b] = page.selected.length >= 2 ? page.selected.slice(-2) : [0, Math.min(1, n - 1)];
      const axes = [a, b].slice(0, m).map((i) => Float64Array.from(directions.subarray(i * m, (i + 1) * m)));
      orthonormalize(axes);
      place = project(directions, m, axes);
      axisNames = [`along ${nameOf(features, a)}`, `the rest of ${nameOf(features, b)}`, ""];
      about =
        page.selected.length >= 2 ? "the plane of the two features selected last" : "the plane of the first two features: select two others";
      return;
    }
    const which = [];
    for (let i = 0; i < n; i++) if (lengths[i] > features.min_norm) which.push(i);
    const { axes, share } = principalAxes(directions, m, which, dimensions);
    place = project(directions, m, axes);
    axisNames = ["axis 1", "axis 2", "axis 3"];
    about = `principal axes through the origin, which hold ${(100 * share).toFixed(1)} % of the represented features' squared norms`;
  };

  const said = element("p", { class: "note" });
  const dimensionChoices = element("span");
  const controls = element("div", { class: "controls" });
  /** The controls that fit what is shown. */
  const arrange = () => {
    const names = Array.from({ length: m }, (_, k) => `h${k}`);
    const axesShown = ways[way] === "hidden dimensions" && m > 2 ? (three ? 3 : 2) : 0;
    dimensionChoices.replaceChildren(
      ...["x", "y", "z"]
        .slice(0, axesShown)
        .map((axis, k) => choice(axis, names, chosen[k], (to) => ((chosen[k] = to), changed()))),
    );
  };
  const changed = () => {
    arrange();
    projected();
    page.redraw();
  };
  controls.append(
    choice("axes", ways, way, (k) => ((way = k), changed())),
    dimensionChoices,
    ...(m >= 3 ? [checkbox("in space", three, (on) => ((three = on), changed()))] : []),
    choice("colour", columns.map((column) => column.name), colored, (k) => ((colored = k), (leveled = null), page.redraw())),
    checkbox("names", named, (on) => ((named = on), page.redraw())),
  );
  root.append(controls);

  const shown = (/** @type {number} */ i) => page.visible[i] === 1;
  const plot = drawing(root, `The directions of ${n} features, projected`, 0, (surface, theme) => {
    const side = Math.min(surface.width, surface.height);
    const scale = (0.43 * side * view.zoom) / reach;
    const [cx, cy] = [surface.width / 2 + view.x, surface.height / 2 + view.y];
    const turns = three && ways[way] !== "two features" && m >= 3;
    const [c1, s1, c2, s2] = turns
      ? [Math.cos(view.yaw), Math.sin(view.yaw), Math.cos(view.pitch), Math.sin(view.pitch)]
      : [1, 0, 1, 0];
    const put = (/** @type {number} */ x, /** @type {number} */ y, /** @type {number} */ z) => {
      const [right, depth] = [c1 * x + s1 * z, c1 * z - s1 * x];
      return /** @type {[number, number]} */ ([cx + scale * right, cy - scale * (c2 * y - s2 * depth)]);
    };
    const ends = [[reach, 0, 0], [0, reach, 0], [0, 0, reach]].slice(0, turns ? 3 : Math.min(2, m));
    ends.forEach(([x, y, z], k) => {
      surface.line([put(-x, -y, -z), put(x, y, z)], theme.faint);
      const [tx, ty] = put(1.04 * x, 1.04 * y, 1.04 * z);
      surface.text(tx, ty - (k ? 0 : 6), axisNames[k], { color: theme.soft, size: 11, align: k ? "center" : "right" });
    });
    for (let i = 0; i < n; i++) {
      const [right, depth] = [c1 * place[0][i] + s1 * place[2][i], c1 * place[2][i] - s1 * place[0][i]];
      sx[i] = cx + scale * right;
      sy[i] = cy - scale * (c2 * place[1][i] - s2 * depth);
    }
    leveled ??= levels(columns[colored]?.numbers ?? new Float64Array(n), shown);
    if (n <= MOST_LINES) {
      leveled.groups.forEach((group, k) => {
        for (const i of group) surface.line([[cx, cy], [sx[i], sy[i]]], levelColor(k, theme), 1);
      });
    }
    const radius = n > 2000 ? 1.7 : n > 300 ? 2.6 : 3.8;
    surface.dots(sx, sy, leveled.none, radius, theme.line);
    surface.cloud(sx, sy, leveled.groups, radius, leveled.groups.map((_, k) => levelRgb(k, theme)));
    const beside = (/** @type {number} */ i, /** @type {string} */ color) => {
      const left = sx[i] < cx;
      surface.text(sx[i] + (left ? -7 : 7), sy[i] + 4, nameOf(features, i), { size: 11, color, align: left ? "right" : "left" });
    };
    if (named) {
      let written = 0;
      for (let i = 0; i < n && written < MOST_NAMES; i++) {
        if (shown(i) && lengths[i] > features.min_norm && !page.selected.includes(i)) {
          beside(i, theme.soft);
          written += 1;
        }
      }
    }
    for (const i of page.selected) {
      surface.line([[cx, cy], [sx[i], sy[i]]], theme.accent, 2);
      surface.ring(sx[i], sy[i], radius + 3, theme.accent);
      beside(i, theme.text);
    }
    if (columns[colored]) colorLegend(surface, theme, { x: 12, y: 18 }, columns[colored].name, leveled);
    said.textContent = `${about}. ${turns ? "Drag to turn, wheel to zoom" : "Drag to move, wheel to zoom"}, click to select; keys: arrows, + − 0.`;
  });
  root.append(said);
  arrange();
  projected();
  page.on("filter", () => (leveled = null));
  page.on("selection", () => {
    if (ways[way] === "two features") projected();
  });

  const find = (/** @type {[number, number]} */ at) => nearestPoint(sx, sy, at, shown);
  interaction(plot, {
    drag(dx, dy) {
      if (three && ways[way] !== "two features") {
        view.yaw += 0.008 * dx;
        view.pitch = Math.max(-1.57, Math.min(1.57, view.pitch + 0.008 * dy));
      } else {
        view.x += dx;
        view.y += dy;
      }
      page.redraw();
    },
    zoom(factor, [x, y]) {
      const [cx, cy] = [x - plot.canvas.clientWidth / 2, y - plot.canvas.clientHeight / 2];
      const to = Math.max(0.2, Math.min(200, view.zoom * factor));
      view.x = cx - ((cx - view.x) * to) / view.zoom;
      view.y = cy - ((cy - view.y) * to) / view.zoom;
      view.zoom = to;
      page.redraw();
    },
    reset() {
      Object.assign(view, { yaw: 0.6, pitch: 0.35, zoom: 1, x: 0, y: 0 });
      page.redraw();
    },
    click(at, event) {
      const i = find(at);
      if (i >= 0) page.select(event.shiftKey ? [...page.selected, i] : [i]);
      else if (!event.shiftKey) page.select([]);
    },
    hover(at, event) {
      const i = at ? find(at) : -1;
      const column = columns[colored];
      const lines = i < 0 ? null : [nameOf(features, i), `norm ${short(lengths[i])}`];
      if (lines && column) lines.push(`${column.name} ${exact(column, i)}`);
      hint(lines, event);
    },
  });
  return {
    id: "geometry",
    title: "Geometry",
    draw: () => plot.draw(),
    svg: () => plot.svg("Directions of features"),
    csv() {
      const rows = [];
      for (let i = 0; i < n; i++) if (shown(i)) rows.push(i);
      const coordinates = place.slice(0, three ? 3 : 2).map((values, k) => ({
        name: axisNames[k],
        about: "",
        numbers: Float64Array.from(values),
      }));
      return toCsv([{ name: "feature", about: "", numbers: features.index }, ...coordinates], rows);
    },
  };
}
