// A canvas that follows the size of its place, and the same drawing as SVG.

import { theme } from "./color.js";
import { element } from "./elements.js";
import { canvasSurface, svgSurface } from "./surface.js";

/** @typedef {import("./surface.js").Surface} Surface */
/** @typedef {import("./color.js").Theme} Theme */

/**
 * @typedef {object} Drawing
 * @property {HTMLCanvasElement} canvas
 * @property {() => void} draw
 * @property {(title: string) => string} svg
 * @property {(height: number) => void} setHeight
 * @property {(event: { clientX: number, clientY: number }) => [number, number]} place of the pointer on the canvas
 */

/**
 * A canvas inside `root` that `paint` fills. `label` says to those who do not see it what it shows.
 * @param {HTMLElement} root
 * @param {string} label
 * @param {number} height in CSS pixels; 0 to fill the place
 * @param {(surface: Surface, theme: Theme) => void} paint
 * @returns {Drawing}
 */
export function drawing(root, label, height, paint) {
  const canvas = element("canvas", { role: "img", "aria-label": label, tabindex: "0" });
  const frame = element("div", { class: height ? "drawing" : "drawing tall" }, canvas);
  if (height) frame.style.height = `${height}px`;
  root.append(frame);
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  const size = () => ({ width: Math.max(60, frame.clientWidth), height: Math.max(60, frame.clientHeight) });
  /** @type {Drawing} */
  const made = {
    canvas,
    draw() {
      if (!frame.isConnected || frame.clientWidth === 0) return;
      const ratio = window.devicePixelRatio || 1;
      const now = size();
      const [width, height] = [Math.round(now.width * ratio), Math.round(now.height * ratio)];
      if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
      context.setTransform(ratio, 0, 0, ratio, 0, 0);
      const colors = theme();
      context.fillStyle = colors.back;
      context.fillRect(0, 0, now.width, now.height);
      paint(canvasSurface(context, now.width, now.height), colors);
    },
    svg(title) {
      const now = size();
      const colors = theme();
      const surface = svgSurface(now.width, now.height, colors.back);
      paint(surface, colors);
      return surface.finish(title);
    },
    setHeight(pixels) {
      frame.style.height = `${pixels}px`;
    },
    place(event) {
      const box = canvas.getBoundingClientRect();
      return [event.clientX - box.left, event.clientY - box.top];
    },
  };
  new ResizeObserver(() => made.draw()).observe(frame);
  return made;
}

/**
 * The pointer's drags, wheel, clicks and hovering over a canvas, and the keys of one that has the focus.
 * @param {Drawing} drawing
 * @param {object} on
 * @param {(dx: number, dy: number) => void} [on.drag]
 * @param {(factor: number, place: [number, number]) => void} [on.zoom]
 * @param {(place: [number, number], event: PointerEvent) => void} [on.click]
 * @param {(place: [number, number] | null, event: PointerEvent) => void} [on.hover]
 * @param {() => void} [on.reset]
 */
export function interaction(drawing, on) {
  const { canvas } = drawing;
  /** @type {{ x: number, y: number, moved: boolean } | null} */
  let held = null;
  canvas.addEventListener("pointerdown", (event) => {
    held = { x: event.clientX, y: event.clientY, moved: false };
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!held) return on.hover?.(drawing.place(event), event);
    const [dx, dy] = [event.clientX - held.x, event.clientY - held.y];
    if (!held.moved && Math.hypot(dx, dy) < 4) return;
    held = { x: event.clientX, y: event.clientY, moved: true };
    on.drag?.(dx, dy);
  });
  canvas.addEventListener("pointerup", (event) => {
    if (held && !held.moved) on.click?.(drawing.place(event), event);
    held = null;
  });
  canvas.addEventListener("pointerleave", (event) => on.hover?.(null, event));
  if (on.drag) canvas.style.touchAction = "none";
  if (on.zoom) {
    canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      on.zoom?.(Math.exp(-0.0015 * event.deltaY), drawing.place(event));
    }, { passive: false });
  }
  canvas.addEventListener("keydown", (event) => {
    const middle = /** @type {[number, number]} */ ([canvas.clientWidth / 2, canvas.clientHeight / 2]);
    /** @type {Record<string, () => void>} */
    const keys = {
      ArrowLeft: () => on.drag?.(-20, 0),
      ArrowRight: () => on.drag?.(20, 0),
      ArrowUp: () => on.drag?.(0, -20),
      ArrowDown: () => on.drag?.(0, 20),
      "+": () => on.zoom?.(1.25, middle),
      "=": () => on.zoom?.(1.25, middle),
      "-": () => on.zoom?.(0.8, middle),
      0: () => on.reset?.(),
    };
    const action = keys[event.key];
    if (!action || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    action();
  });
}
