// Many trained models: maps over two parameters, and runs.

import { levelColor } from "./chart.js";
import { category, css, sequential } from "./color.js";
import { exact, toCsv } from "./data.js";
import { drawing, interaction } from "./drawing.js";
import { choice, element, hint } from "./elements.js";
import { dimensionality, norms, principalAxes, project } from "./linear.js";
import { at, scaleOver, short, ticks } from "./number.js";
import { scatter } from "./scatter.js";

/** @typedef {import("./page_state.js").Page} Page */
/** @typedef {import("./page_state.js").View} View */
/** @typedef {import("./data.js").PhaseMap} PhaseMap */
/** @typedef {import("./data.js").MapLayer} MapLayer */

/**
 * The value of a cell in words.
 * @param {MapLayer} layer
 * @param {number} cell
 */
function inWords(layer, cell) {
  const value = layer.cells[cell];
  if (Number.isNaN(value)) return "no value";
  return layer.categories ? layer.categories[value] : String(value);
}

/**
 * What is known of one thing, as a table.
 * @param {HTMLElement} place
 * @param {[string, string][]} rows
 */
function detail(place, rows) {
  const table = element("table");
  for (const [name, value] of rows) {
    table.append(element("tr", {}, element("th", { scope: "row" }, name), element("td", { class: "value" }, value)));
  }
  place.replaceChildren(table);
}

/**
 * @param {HTMLElement} root
 * @param {PhaseMap} map
 */
function phaseMap(root, map) {
  let shown = 0;
  let cell = -1;
  const columns = map.x.values.length;
  const box = { x: 64, y: 14, side: 1 };
  const about = element("div", { class: "detail" }, element("p", { class: "note" }, "Click a cell to see what is known of it. Arrow keys move from cell to cell."));
  const draw = () => plot.draw();
  root.append(
    element("h2", {}, map.title),
    element("div", { class: "controls" }, choice("show", map.layers.map((layer) => layer.name), 0, (k) => ((shown = k), draw()))),
  );
  const both = element("div", { class: "beside" });
  root.append(both);
  const ends = (/** @type {import("./data.js").MapAxis} */ axis) => {
    const values = axis.log ? axis.values.map(Math.log10) : axis.values;
    const step = values.length > 1 ? (values[values.length - 1] - values[0]) / (values.length - 1) : 1;
    return { low: values[0] - step / 2, high: values[values.length - 1] + step / 2, log: axis.log };
  };
  const plot = drawing(both, `${map.title}: a map of ${map.layers[0].cells.length} cells`, 540, (surface, theme) => {
    const layer = map.layers[shown];
    box.side = Math.max(40, Math.min(surface.width - 80, surface.height - 170));
    const { side } = box;
    const rows = map.y.values.length;
    const [wide, tall] = [side / columns, side / rows];
    const scale = scaleOver(layer.cells, 0, 1);
    const low = layer.cells.reduce((a, b) => (b < a ? b : a), Infinity);
    const high = layer.cells.reduce((a, b) => (b > a ? b : a), -Infinity);
    layer.cells.forEach((value, k) => {
      const [column, row] = [k % columns, Math.floor(k / columns)];
      // Whole pixels, so that no seams are seen.
      const x = Math.round(box.x + column * wide);
      const y = Math.round(box.y + side - (row + 1) * tall);
      const share = (value - low) / (high - low || 1);
      const color = Number.isNaN(value) ? theme.line : layer.categories ? category(value, theme) : css(sequential(share, theme.dark));
      surface.fill(x, y, Math.round(box.x + (column + 1) * wide) - x, Math.round(box.y + side - row * tall) - y, color);
    });
    surface.frame(box.x, box.y, side, side, theme.line);
    const x = { ...ends(map.x), from: box.x, to: box.x + side };
    const y = { ...ends(map.y), from: box.y + side, to: box.y };
    for (const { value, label } of ticks(x, 5)) {
      surface.text(at(x, value), box.y + side + 17, label, { align: "center", color: theme.soft });
      surface.line([[at(x, value), box.y + side], [at(x, value), box.y + side + 4]], theme.line);
    }
    for (const { value, label } of ticks(y, 5)) {
      surface.text(box.x - 8, at(y, value) + 4, label, { align: "right", color: theme.soft });
      surface.line([[box.x - 4, at(y, value)], [box.x, at(y, value)]], theme.line);
    }
    surface.text(box.x + side / 2, box.y + side + 38, map.x.label, { align: "center", color: theme.text });
    surface.text(14, box.y + side / 2, map.y.label, { align: "center", up: true, color: theme.text });
    if (cell >= 0) {
      surface.frame(box.x + (cell % columns) * wide, box.y + side - (Math.floor(cell / columns) + 1) * tall, wide, tall, theme.accent, 3);
    }
    const under = box.y + side + 60;
    if (layer.categories) {
      const present = layer.categories.map((name, k) => ({ name, k })).filter(({ k }) => layer.cells.includes(k));
      present.forEach(({ name, k }, place) => {
        const y_ = under + 17 * place;
        surface.fill(box.x, y_ - 9, 11, 11, category(k, theme));
        surface.text(box.x + 17, y_ + 1, name, { size: 11, color: theme.soft });
      });
    } else if (scale.low < scale.high) {
      for (let k = 0; k < 40; k++) surface.fill(box.x + 4 * k, under - 9, 4.5, 11, css(sequential((k + 0.5) / 40, theme.dark)));
      surface.text(box.x, under + 18, short(low), { size: 11, color: theme.soft });
      surface.text(box.x + 160, under + 18, short(high), { size: 11, align: "right", color: theme.soft });
    }
  });
  both.append(about);
  const choose = (/** @type {number} */ to) => {
    cell = to;
    detail(about, [
      [map.x.label, String(map.x.values[cell % columns])],
      [map.y.label, String(map.y.values[Math.floor(cell / columns)])],
      ...map.layers.map((layer) => /** @type {[string, string]} */ ([layer.name, inWords(layer, cell)])),
    ]);
    draw();
  };
  const find = (/** @type {[number, number]} */ [x, y]) => {
    const column = Math.floor(((x - box.x) / box.side) * columns);
    const row = Math.floor(((box.y + box.side - y) / box.side) * map.y.values.length);
    return column >= 0 && column < columns && row >= 0 && row < map.y.values.length ? row * columns + column : -1;
  };
  interaction(plot, {
    click(place) {
      const found = find(place);
      if (found >= 0) choose(found);
    },
    hover(place, event) {
      const found = place ? find(place) : -1;
      if (found < 0) return hint(null);
      hint([inWords(map.layers[shown], found), `${map.x.label} ${short(map.x.values[found % columns])}`, `${map.y.label} ${short(map.y.values[Math.floor(found / columns)])}`], event);
    },
  });
  plot.canvas.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: columns, ArrowDown: -columns }[event.key];
    if (!step) return;
    event.preventDefault();
    const to = Math.max(0, cell) + (cell < 0 ? 0 : step);
    if (to >= 0 && to < map.layers[0].cells.length) choose(to);
  });
  return plot;
}

/**
 * The features of the model that is chosen, in the plane.
 * @param {HTMLElement} root
 * @param {import("./data.js").Models} models
 * @param {() => number} chosen -1 for none
 */
function model(root, { n, m, w }, chosen) {
  return drawing(root, "The features of the chosen run", 300, (surface, theme) => {
    const k = chosen();
    if (k < 0) return;
    const own = w.subarray(k * n * m, (k + 1) * n * m);
    const all = Array.from({ length: n }, (_, i) => i);
    const basis =
      m <= 2
        ? Array.from({ length: m }, (_, a) => Float64Array.from({ length: m }, (_, b) => Number(a === b)))
        : principalAxes(own, m, all, 2).axes;
    const place = project(own, m, basis);
    const d = dimensionality(own, m);
    const reach = norms(own, m).reduce((a, b) => (b > a ? b : a), 1e-12);
    const [cx, cy] = [surface.width / 2, surface.height / 2 + 8];
    const scale = (Math.min(surface.width, surface.height) / 2 - 34) / reach;
    surface.text(cx, 14, `${m > 2 ? "two principal axes" : "the hidden plane"}; colour: dimensionality, 0 to 1`, { align: "center", size: 11, color: theme.soft });
    surface.line([[cx - scale * reach, cy], [cx + scale * reach, cy]], theme.faint);
    surface.line([[cx, cy - scale * reach], [cx, cy + scale * reach]], theme.faint);
    for (const i of all) {
      const [x, y] = [cx + scale * place[0][i], cy - scale * (place[1]?.[i] ?? 0)];
      const color = levelColor(Math.min(23, d[i] * 24), theme);
      surface.line([[cx, cy], [x, y]], color, 1.6);
      surface.disc(x, y, 3.5, color);
      surface.text(x + (x < cx ? -7 : 7), y + 4, String(i), { size: 11, align: x < cx ? "right" : "left", color: theme.text });
    }
  });
}

/**
 * @param {HTMLElement} root
 * @param {Page} page
 * @returns {View}
 */
export function sweeps(root, page) {
  const { maps, runs } = page.data;
  const plots = maps.map((map) => phaseMap(root, map));
  for (const { title, columns, models } of runs) {
    root.append(element("h2", {}, title));
    const frame = element("div", { class: "half" });
    const why = models ? "Click a point to see the run and its model." : "Click a point to see the run. Models of more than 64 weights are not kept in a sweep's document.";
    const about = element("div", { class: "detail" }, element("p", { class: "note" }, why));
    const seen = element("div", {});
    const both = element("div", { class: "beside" }, seen, about);
    root.append(frame, both);
    let chosen = -1;
    const shown = models ? model(seen, models, () => chosen) : null;
    const plot = scatter(frame, {
      label: title,
      columns,
      log: { x: true, y: false },
      chosen: [0, Math.max(0, columns.findIndex((column) => column.name === "dimensions_per_feature"))],
      shown: () => true,
      selected: () => (chosen >= 0 ? [chosen] : []),
      select(i) {
        chosen = i;
        detail(about, columns.map((column) => [column.name, exact(column, i)]));
        plot.draw();
        shown?.draw();
      },
      describe: (i, both) => both.map((column) => `${column.name} ${exact(column, i)}`),
    });
    plots.push(plot);
    if (shown) plots.push(shown);
  }
  return {
    id: "sweeps",
    title: maps.length ? "Phases" : "Sweep",
    draw: () => plots.forEach((plot) => plot.draw()),
    svg: () => plots[0].svg(maps[0]?.title ?? runs[0].title),
    csv() {
      if (!maps.length) return toCsv(runs[0].columns, (runs[0].columns[0].numbers ?? []).keys());
      const [map] = maps;
      const cells = map.layers[0].cells;
      const of = (/** @type {(k: number) => number} */ value) => Float64Array.from(cells, (_, k) => value(k));
      return toCsv(
        [
          { name: map.x.label, about: "", numbers: of((k) => map.x.values[k % map.x.values.length]) },
          { name: map.y.label, about: "", numbers: of((k) => map.y.values[Math.floor(k / map.x.values.length)]) },
          ...map.layers.map((layer) => ({ name: layer.name, about: "", text: Array.from(cells, (_, k) => inWords(layer, k)) })),
        ],
        cells.keys(),
      );
    },
  };
}
