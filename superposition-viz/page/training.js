// A training played back: its curves, and the features at each snapshot.

import { axes, inner, levelColor, scales } from "./chart.js";
import { category } from "./color.js";
import { nameOf, toCsv } from "./data.js";
import { drawing, interaction } from "./drawing.js";
import { button, checkbox, choice, element, hint } from "./elements.js";
import { dimensionality, norms, principalAxes, project } from "./linear.js";
import { at, short } from "./number.js";

/** @typedef {import("./page_state.js").Page} Page */
/** @typedef {import("./page_state.js").View} View */
/** @typedef {import("./data.js").Training} Training */

/**
 * @param {HTMLElement} root
 * @param {Page} page
 * @param {Training} training
 * @returns {View}
 */
export function training(root, page, { columns, snapshots }) {
  const steps = columns[0]?.numbers ?? new Float64Array();
  const measured = columns.slice(1).filter((column) => column.numbers);
  let shown = 0;
  let log = true;
  let now = snapshots ? snapshots.steps.length - 1 : 0;
  let playing = 0;

  const n = snapshots?.n ?? 0;
  const m = snapshots?.m ?? 0;
  const size = n * m;
  const weights = (/** @type {number} */ k) => (snapshots ? snapshots.w.subarray(k * size, (k + 1) * size) : new Float32Array());
  const count = snapshots?.steps.length ?? 0;
  // The axes are the last snapshot's, so that what moves is the features.
  const last = weights(count - 1);
  const basis =
    m <= 2
      ? Array.from({ length: m }, (_, k) => Float64Array.from({ length: m }, (_, j) => Number(j === k)))
      : principalAxes(last, m, Array.from({ length: n }, (_, i) => i), 2).axes;
  /** @type {Map<number, { place: Float32Array[], d: Float64Array }>} */
  const known = new Map();
  const snapshot = (/** @type {number} */ k) => {
    const found = known.get(k);
    if (found) return found;
    const w = weights(k);
    const made = { place: project(w, m, basis), d: dimensionality(w, m) };
    known.set(k, made);
    return made;
  };
  let reach = 1e-12;
  for (let k = 0; k < count; k += Math.max(1, count >> 3)) for (const norm of norms(weights(k), m)) reach = Math.max(reach, norm || 0);

  const slider = element("input", { type: "range", min: "0", max: String(Math.max(0, count - 1)), value: String(now), "aria-label": "Snapshot" });
  const at_ = element("span", { class: "note", role: "status" });
  const go = (/** @type {number} */ k) => {
    now = Math.max(0, Math.min(count - 1, k));
    slider.value = String(now);
    page.redraw();
  };
  slider.addEventListener("input", () => go(Number(slider.value)));
  const play = button("Play", () => {
    if (playing) return stop();
    if (now === count - 1) go(0);
    play.textContent = "Pause";
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    playing = window.setInterval(() => (now < count - 1 && root.offsetParent ? go(now + 1) : stop()), calm ? 900 : 140);
  });
  const stop = () => {
    clearInterval(playing);
    playing = 0;
    play.textContent = "Play";
  };
  const controls = element(
    "div",
    { class: "controls" },
    choice("curve", measured.map((column) => column.name), 0, (k) => ((shown = k), page.redraw())),
    checkbox("log", log, (on) => ((log = on), page.redraw())),
  );
  if (count > 1) controls.append(play, slider, at_);
  root.append(controls);

  const curve = drawing(root, "A measure over training steps", 230, (surface, theme) => {
    const column = measured[shown];
    if (!column?.numbers) return;
    const box = inner(surface);
    const positive = log && column.numbers.every((value) => !(value <= 0));
    const both = scales(box, steps, column.numbers, { y: positive });
    axes(surface, theme, box, { ...both, xLabel: "steps", yLabel: column.name });
    /** @type {[number, number][][]} */
    const parts = [[]];
    column.numbers.forEach((value, k) => {
      const place = at(both.y, value);
      if (Number.isFinite(place)) parts[parts.length - 1].push([at(both.x, steps[k]), place]);
      else parts.push([]);
    });
    for (const part of parts) if (part.length) surface.line(part, category(0, theme), 1.6);
    if (snapshots) {
      const x = at(both.x, snapshots.steps[now]);
      surface.line([[x, box.y], [x, box.y + box.height]], theme.accent, 1.5);
    }
  });
  interaction(curve, {
    hover(place, event) {
      const column = measured[shown];
      if (!place || !column?.numbers || !steps.length) return hint(null);
      const box = inner({ width: curve.canvas.clientWidth, height: 0 });
      const wanted = steps[0] + ((place[0] - box.x) / box.width) * (steps[steps.length - 1] - steps[0]);
      let k = 0;
      steps.forEach((step, j) => Math.abs(step - wanted) < Math.abs(steps[k] - wanted) && (k = j));
      hint([`step ${steps[k]}`, `${column.name} ${column.numbers[k]}`], event);
    },
  });
  /** @type {import("./drawing.js").Drawing | null} */
  let planes = null;
  if (count) {
    planes = drawing(root, "Features and their dimensionality at the snapshot", 330, (surface, theme) => {
      const { place, d } = snapshot(now);
      const wide = surface.width > 620;
      const left = { ...surface, width: wide ? surface.width * 0.42 : surface.width };
      const [cx, cy] = [left.width / 2, surface.height / 2 + 6];
      const scale = (Math.min(left.width, surface.height) / 2 - 26) / reach;
      surface.text(cx, 16, m > 2 ? "in two principal axes of the last snapshot" : "in the hidden plane", { align: "center", size: 12, color: theme.soft });
      surface.line([[cx - scale * reach, cy], [cx + scale * reach, cy]], theme.faint);
      surface.line([[cx, cy - scale * reach], [cx, cy + scale * reach]], theme.faint);
      const xs = place[0].map((value) => cx + scale * value);
      const ys = place[1].map((value) => cy - scale * value);
      for (let i = 0; i < n; i++) {
        if (n <= 1200) surface.line([[cx, cy], [xs[i], ys[i]]], levelColor(Math.min(23, d[i] * 24), theme), 1.4);
        if (n <= 2000) surface.disc(xs[i], ys[i], 3, levelColor(Math.min(23, d[i] * 24), theme));
      }
      for (const i of page.selected) if (i < n) surface.ring(xs[i], ys[i], 7, theme.accent);
      if (!wide) return;
      const box = { x: left.width + 64, y: 26, width: surface.width - left.width - 84, height: surface.height - 76 };
      const x = { low: -0.5, high: n - 0.5, log: false, from: box.x, to: box.x + box.width };
      const y = { low: 0, high: 1.04, log: false, from: box.y + box.height, to: box.y };
      axes(surface, theme, box, { x, y, xLabel: "feature", yLabel: "dimensionality D" });
      for (const [share, label] of /** @type {[number, string][]} */ ([[1 / 2, "1/2 digon"], [2 / 3, "2/3 triangle"], [3 / 4, "3/4 tetrahedron"], [2 / 5, "2/5 pentagon"], [3 / 8, "3/8 antiprism"]])) {
        surface.line([[box.x, at(y, share)], [box.x + box.width, at(y, share)]], theme.line, 1, [2, 4]);
        surface.text(box.x + box.width - 4, at(y, share) + (share === 3 / 8 ? 11 : -3), label, { size: 10, align: "right", color: theme.soft });
      }
      const px = Float64Array.from({ length: n }, (_, i) => at(x, i));
      const py = d.map((value) => at(y, value));
      surface.dots(px, py, Array.from({ length: n }, (_, i) => i), 3, category(0, theme));
      for (const i of page.selected) if (i < n) surface.ring(px[i], py[i], 6.5, theme.accent);
    });
    interaction(planes, {
      hover(place, event) {
        const { d, place: of } = snapshot(now);
        if (!place || !planes) return hint(null);
        const wide = planes.canvas.clientWidth > 620;
        const width = wide ? planes.canvas.clientWidth * 0.42 : planes.canvas.clientWidth;
        const scale = (Math.min(width, planes.canvas.clientHeight) / 2 - 26) / reach;
        let best = -1;
        let distance = 12;
        for (let i = 0; i < n; i++) {
          const far = Math.hypot(width / 2 + scale * of[0][i] - place[0], planes.canvas.clientHeight / 2 + 6 - scale * of[1][i] - place[1]);
          if (far < distance) [best, distance] = [i, far];
        }
        const { features } = page.data;
        hint(best < 0 ? null : [features && best < features.n ? nameOf(features, best) : String(best), `D ${short(d[best])}`], event);
      },
    });
  } else {
    root.append(element("p", { class: "note" }, "No snapshots of the weights were kept: `explore` keeps them."));
  }
  return {
    id: "training",
    title: "Training",
    draw() {
      if (snapshots) at_.textContent = `step ${snapshots.steps[now]}`;
      curve.draw();
      planes?.draw();
    },
    svg: () => (planes ?? curve).svg("A training"),
    csv: () => toCsv(columns, steps.keys()),
  };
}
