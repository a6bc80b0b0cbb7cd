// Where a view draws: a canvas, or an SVG document. A view draws once, for both.

/** @typedef {{ align?: "left" | "center" | "right", size?: number, color?: string, bold?: boolean, up?: boolean }} TextStyle */

/**
 * @typedef {object} Surface
 * @property {number} width
 * @property {number} height
 * @property {(points: [number, number][], color: string, width?: number, dash?: number[]) => void} line
 * @property {(x: number, y: number, width: number, height: number, color: string) => void} fill
 * @property {(x: number, y: number, width: number, height: number, color: string, thickness?: number) => void} frame
 * @property {(x: number, y: number, radius: number, color: string) => void} disc
 * @property {(x: number, y: number, radius: number, color: string) => void} ring
 * @property {(xs: ArrayLike<number>, ys: ArrayLike<number>, which: ArrayLike<number>, radius: number, color: string) => void} dots
 * @property {(xs: ArrayLike<number>, ys: ArrayLike<number>, groups: number[][], radius: number, colors: [number, number, number][]) => void} cloud dots in groups of a colour each
 * @property {(x: number, y: number, text: string, style?: TextStyle) => void} text
 * @property {(image: HTMLCanvasElement, x: number, y: number, width: number, height: number) => void} image
 */

const FONT = "system-ui, sans-serif";
/** From this many dots on they are squares, set pixel by pixel: a canvas draws no shape as fast. */
const MANY = 3000;

/** Pixels of a cloud, kept from one drawing to the next. */
const layer = { canvas: /** @type {HTMLCanvasElement | null} */ (null), image: /** @type {ImageData | null} */ (null) };

/**
 * @param {CanvasRenderingContext2D} context
 * @param {number} width
 * @param {number} height
 * @returns {Surface}
 */
export function canvasSurface(context, width, height) {
  const circle = (/** @type {number} */ x, /** @type {number} */ y, /** @type {number} */ radius) => {
    context.beginPath();
    context.arc(x, y, radius, 0, 2 * Math.PI);
  };
  return {
    width,
    height,
    line(points, color, thickness = 1, dash = []) {
      context.strokeStyle = color;
      context.lineWidth = thickness;
      context.setLineDash(dash);
      context.beginPath();
      points.forEach(([x, y], k) => (k ? context.lineTo(x, y) : context.moveTo(x, y)));
      context.stroke();
      context.setLineDash([]);
    },
    fill(x, y, w, h, color) {
      context.fillStyle = color;
      context.fillRect(x, y, w, h);
    },
    frame(x, y, w, h, color, thickness = 1) {
      context.strokeStyle = color;
      context.lineWidth = thickness;
      context.strokeRect(x, y, w, h);
    },
    disc(x, y, radius, color) {
      circle(x, y, radius);
      context.fillStyle = color;
      context.fill();
    },
    ring(x, y, radius, color) {
      circle(x, y, radius);
      context.strokeStyle = color;
      context.lineWidth = 2;
      context.stroke();
    },
    dots(xs, ys, which, radius, color) {
      context.fillStyle = color;
      context.beginPath();
      for (let k = 0; k < which.length; k++) {
        const i = which[k];
        context.moveTo(xs[i] + radius, ys[i]);
        context.arc(xs[i], ys[i], radius, 0, 2 * Math.PI);
      }
      context.fill();
    },
    cloud(xs, ys, groups, radius, colors) {
      const count = groups.reduce((sum, group) => sum + group.length, 0);
      if (count < MANY) {
        groups.forEach((group, k) => this.dots(xs, ys, group, radius, `rgb(${colors[k]})`));
        return;
      }
      const { width: wide, height: tall } = context.canvas;
      layer.canvas ??= document.createElement("canvas");
      const to = layer.canvas.getContext("2d");
      if (!to) return;
      if (layer.image?.width !== wide || layer.image.height !== tall) {
        [layer.canvas.width, layer.canvas.height] = [wide, tall];
        layer.image = new ImageData(wide, tall);
      }
      const pixels = new Uint32Array(layer.image.data.buffer);
      pixels.fill(0);
      const ratio = wide / width;
      const side = Math.max(2, Math.round(1.8 * radius * ratio));
      groups.forEach((group, k) => {
        const [r, g, b] = colors[k];
        const color = (0xff000000 | (b << 16) | (g << 8) | r) >>> 0;
        for (const i of group) {
          const left = Math.round(xs[i] * ratio - side / 2);
          const top = Math.round(ys[i] * ratio - side / 2);
          if (!(left >= 0 && top >= 0 && left + side <= wide && top + side <= tall)) continue;
          for (let y = top; y < top + side; y++) pixels.fill(color, y * wide + left, y * wide + left + side);
        }
      });
      to.putImageData(layer.image, 0, 0);
      context.drawImage(layer.canvas, 0, 0, width, height);
    },
    text(x, y, text, style = {}) {
      context.save();
      context.translate(x, y);
      if (style.up) context.rotate(-Math.PI / 2);
      context.font = `${style.bold ? "600 " : ""}${style.size ?? 12}px ${FONT}`;
      context.fillStyle = style.color ?? "#000";
      context.textAlign = style.align ?? "left";
      context.fillText(text, 0, 0);
      context.restore();
    },
    image(image, x, y, w, h) {
      context.imageSmoothingEnabled = false;
      context.drawImage(image, x, y, w, h);
    },
  };
}

/** @param {string} text */
function escaped(text) {
  // eslint-disable-next-line no-control-regex -- XML cannot hold them
  const plain = text.replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, "\ufffd");
  return plain.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);
}

/**
 * @param {number} width
 * @param {number} height
 * @param {string} back
 * @returns {Surface & { finish(title: string): string }}
 */
export function svgSurface(width, height, back) {
  /** @type {string[]} */
  const parts = [];
  const n = (/** @type {number} */ value) => (Number.isFinite(value) ? String(Math.round(value * 100) / 100) : "0");
  return {
    width,
    height,
    line(points, color, thickness = 1, dash = []) {
      const path = points.map(([x, y], k) => `${k ? "L" : "M"}${n(x)} ${n(y)}`).join("");
      const dashes = dash.length ? ` stroke-dasharray="${dash.join(" ")}"` : "";
      parts.push(`<path d="${path}" fill="none" stroke="${color}" stroke-width="${thickness}"${dashes}/>`);
    },
    fill(x, y, w, h, color) {
      parts.push(`<rect x="${n(x)}" y="${n(y)}" width="${n(w)}" height="${n(h)}" fill="${color}"/>`);
    },
    frame(x, y, w, h, color, thickness = 1) {
      const place = `x="${n(x)}" y="${n(y)}" width="${n(w)}" height="${n(h)}"`;
      parts.push(`<rect ${place} fill="none" stroke="${color}" stroke-width="${thickness}"/>`);
    },
    disc(x, y, radius, color) {
      parts.push(`<circle cx="${n(x)}" cy="${n(y)}" r="${n(radius)}" fill="${color}"/>`);
    },
    ring(x, y, radius, color) {
      const style = `fill="none" stroke="${color}" stroke-width="2"`;
      parts.push(`<circle cx="${n(x)}" cy="${n(y)}" r="${n(radius)}" ${style}/>`);
    },
    dots(xs, ys, which, radius, color) {
      let path = "";
      const r = n(radius);
      for (let k = 0; k < which.length; k++) {
        const i = which[k];
        path += `M${n(xs[i] - radius)} ${n(ys[i])}a${r} ${r} 0 1 0 ${n(2 * radius)} 0a${r} ${r} 0 1 0 ${n(-2 * radius)} 0`;
      }
      if (path) parts.push(`<path d="${path}" fill="${color}"/>`);
    },
    cloud(xs, ys, groups, radius, colors) {
      groups.forEach((group, k) => this.dots(xs, ys, group, radius, `rgb(${colors[k]})`));
    },
    text(x, y, text, style = {}) {
      const anchor = { left: "start", center: "middle", right: "end" }[style.align ?? "left"];
      const turn = style.up ? " rotate(-90)" : "";
      const weight = style.bold ? ' font-weight="600"' : "";
      parts.push(
        `<text transform="translate(${n(x)} ${n(y)})${turn}" text-anchor="${anchor}" font-size="${style.size ?? 12}"${weight} fill="${style.color ?? "#000"}">${escaped(text)}</text>`,
      );
    },
    image(image, x, y, w, h) {
      const place = `x="${n(x)}" y="${n(y)}" width="${n(w)}" height="${n(h)}"`;
      parts.push(`<image ${place} image-rendering="pixelated" href="${image.toDataURL("image/png")}"/>`);
    },
    finish(title) {
      const size = `width="${n(width)}" height="${n(height)}" viewBox="0 0 ${n(width)} ${n(height)}"`;
      return `<svg xmlns="http://www.w3.org/2000/svg" ${size} font-family="${FONT}"><title>${escaped(title)}</title><rect width="100%" height="100%" fill="${back}"/>${parts.join("")}</svg>\n`;
    },
  };
}
