// Numbers as text, and places on an axis.

/**
 * Four significant digits, as in the reports.
 * @param {number} value
 */
export function short(value) {
  if (Number.isNaN(value)) return "–";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
  if (value === 0) return "0";
  if (Number.isInteger(value) && Math.abs(value) < 1e7) return String(value).replace("-", "−");
  const size = Math.abs(value);
  const text = size >= 1e5 || size < 1e-3 ? value.toExponential(2) : value.toPrecision(4);
  return text.replaceAll("-", "−");
}

/**
 * Where values lie on a page: `at` of the lower end is `from`, of the upper one `to`.
 * @typedef {{ low: number, high: number, log: boolean, from: number, to: number }} Scale
 */

/**
 * A scale over the finite values (the positive ones, if logarithmic), with a little room.
 * @param {Iterable<number>} values
 * @param {number} from
 * @param {number} to
 * @param {boolean} [log]
 * @returns {Scale}
 */
export function scaleOver(values, from, to, log = false) {
  let low = Infinity;
  let high = -Infinity;
  for (const value of values) {
    if (!Number.isFinite(value) || (log && value <= 0)) continue;
    const place = log ? Math.log10(value) : value;
    low = Math.min(low, place);
    high = Math.max(high, place);
  }
  if (low > high) [low, high] = [0, 1];
  const room = high > low ? 0.04 * (high - low) : Math.max(1e-12, 0.1 * Math.abs(low)) || 1;
  return { low: low - room, high: high + room, log, from, to };
}

/**
 * @param {Scale} scale
 * @param {number} value
 */
export function at(scale, value) {
  const place = scale.log ? Math.log10(value) : value;
  return scale.from + ((place - scale.low) / (scale.high - scale.low)) * (scale.to - scale.from);
}

/**
 * Round values on a scale, at most about `count`.
 * @param {Scale} scale
 * @param {number} count
 * @returns {{ value: number, label: string }[]}
 */
export function ticks(scale, count) {
  const span = scale.high - scale.low;
  if (!(span > 0) || !Number.isFinite(span)) return [];
  const result = [];
  if (scale.log && span > 1) {
    const every = Math.ceil(span / count);
    for (let power = Math.ceil(scale.low); power <= scale.high; power += every) {
      const value = 10 ** power;
      result.push({ value, label: Math.abs(power) <= 3 ? String(Number(value.toPrecision(3))) : `1e${power}` });
    }
    return result;
  }
  if (scale.log) {
    // Less than a decade: round values, which lie unevenly.
    const [low, high] = [10 ** scale.low, 10 ** scale.high];
    return ticks({ ...scale, low, high, log: false }, count).filter(({ value }) => value > 0);
  }
  const raw = span / count;
  const unit = 10 ** Math.floor(Math.log10(raw));
  const step = ([1, 2, 5, 10].find((factor) => factor * unit >= raw) ?? 10) * unit;
  const decimals = Math.max(0, Math.min(12, -Math.floor(Math.log10(step) + 1e-9)));
  for (let k = Math.ceil(scale.low / step); k * step <= scale.high + 1e-9 * step; k++) {
    const value = k * step;
    const plain = step >= 1e5 || step < 1e-5 ? short(value) : value.toFixed(decimals);
    result.push({ value, label: plain.replace("-", "−") });
    if (result.length > 50) break;
  }
  return result;
}
