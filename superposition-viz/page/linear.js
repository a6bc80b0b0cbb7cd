// Sums over directions: norms, cosines, principal axes. Directions are f32, sums f64.

/**
 * @param {Float32Array} w feature after feature
 * @param {number} m
 * @param {number} i
 * @param {number} j
 */
export function dot(w, m, i, j) {
  let sum = 0;
  const a = i * m;
  const b = j * m;
  for (let k = 0; k < m; k++) sum += w[a + k] * w[b + k];
  return sum;
}

/**
 * The norm of every feature.
 * @param {Float32Array} w
 * @param {number} m
 */
export function norms(w, m) {
  const n = m ? Math.floor(w.length / m) : 0;
  return Float64Array.from({ length: n }, (_, i) => Math.sqrt(dot(w, m, i, i)));
}

/**
 * Directions of length 1; those of length 0 stay.
 * @param {Float32Array} w
 * @param {number} m
 */
export function units(w, m) {
  const lengths = norms(w, m);
  const result = new Float32Array(w.length);
  lengths.forEach((length, i) => {
    for (let k = i * m; k < (i + 1) * m; k++) result[k] = length > 0 ? w[k] / length : 0;
  });
  return result;
}

/**
 * The dimensionality of every feature: `D_i = |W_i|^4 / sum_j (W_i . W_j)^2`, 0 for a zero feature.
 * @param {Float32Array} w
 * @param {number} m
 */
export function dimensionality(w, m) {
  const n = Math.floor(w.length / m);
  const frame = new Float64Array(m * m);
  for (let i = 0; i < n; i++) {
    for (let a = 0; a < m; a++) {
      for (let b = 0; b < m; b++) frame[a * m + b] += w[i * m + a] * w[i * m + b];
    }
  }
  return Float64Array.from({ length: n }, (_, i) => {
    let square = 0;
    let sum = 0;
    for (let a = 0; a < m; a++) {
      let row = 0;
      for (let b = 0; b < m; b++) row += frame[a * m + b] * w[i * m + b];
      sum += row * w[i * m + a];
      square += w[i * m + a] ** 2;
    }
    return square > 0 ? square ** 2 / sum : 0;
  });
}

/** Rounds of orthogonal iteration at most. */
const ROUNDS = 60;

/**
 * The `count` directions along which the features' squared projections sum to most (the origin is not moved), and what
 * share of all squared norms they hold. By orthogonal iteration from a fixed start.
 * @param {Float32Array} w
 * @param {number} m
 * @param {ArrayLike<number>} which features that count
 * @param {number} count
 * @returns {{ axes: Float64Array[], share: number }}
 */
export function principalAxes(w, m, which, count) {
  const wanted = Math.min(count, m);
  // Deterministic, and of no special direction.
  let axes = Array.from({ length: wanted }, (_, a) =>
    Float64Array.from({ length: m }, (_, k) => Math.sin(1.3 * (a + 1) * (k + 1) + 0.7 * a)),
  );
  orthonormalize(axes);
  let total = 0;
  for (let f = 0; f < which.length; f++) total += dot(w, m, which[f], which[f]);
  let held = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const next = axes.map(() => new Float64Array(m));
    let sum = 0;
    for (let f = 0; f < which.length; f++) {
      const start = which[f] * m;
      for (let a = 0; a < wanted; a++) {
        const axis = axes[a];
        let product = 0;
        for (let k = 0; k < m; k++) product += w[start + k] * axis[k];
        sum += product * product;
        const to = next[a];
        for (let k = 0; k < m; k++) to[k] += product * w[start + k];
      }
    }
    const change = Math.abs(sum - held);
    held = sum;
    orthonormalize(next);
    axes = next;
    if (change <= 1e-7 * held) break;
  }
  return { axes, share: total > 0 ? Math.min(1, held / total) : 0 };
}

/**
 * Gram and Schmidt; an axis that vanishes becomes the first unit vector that is left.
 * @param {Float64Array[]} axes
 */
export function orthonormalize(axes) {
  axes.forEach((axis, a) => {
    for (let candidate = -1; candidate < axis.length; candidate++) {
      if (candidate >= 0) axis.fill(0)[candidate] = 1;
      const before = lengthOf(axis);
      for (let other = 0; other < a; other++) {
        let product = 0;
        for (let k = 0; k < axis.length; k++) product += axis[k] * axes[other][k];
        for (let k = 0; k < axis.length; k++) axis[k] -= product * axes[other][k];
      }
      const length = lengthOf(axis);
      if (length > 1e-9 * before && length > 0 && Number.isFinite(length)) {
        for (let k = 0; k < axis.length; k++) axis[k] /= length;
        return;
      }
    }
  });
}

/** @param {Float64Array} axis */
function lengthOf(axis) {
  let sum = 0;
  for (let k = 0; k < axis.length; k++) sum += axis[k] * axis[k];
  return Math.sqrt(sum);
}

/**
 * Coordinates of features along up to three axes; 0 along those that are missing.
 * @param {Float32Array} w
 * @param {number} m
 * @param {Float64Array[]} axes
 */
export function project(w, m, axes) {
  const n = m ? Math.floor(w.length / m) : 0;
  const result = [new Float32Array(n), new Float32Array(n), new Float32Array(n)];
  axes.forEach((axis, a) => {
    for (let i = 0; i < n; i++) {
      let sum = 0;
      for (let k = 0; k < m; k++) sum += w[i * m + k] * axis[k];
      result[a][i] = sum;
    }
  });
  return result;
}

/**
 * The features with the largest and with the smallest cosines to feature `i`.
 * @param {Float32Array} unit directions of length 1
 * @param {number} m
 * @param {number} i
 * @param {number} count
 */
export function neighbors(unit, m, i, count) {
  const n = Math.floor(unit.length / m);
  const cosines = [];
  for (let j = 0; j < n; j++) {
    if (j !== i && dot(unit, m, j, j) > 0) cosines.push({ feature: j, cosine: dot(unit, m, i, j) });
  }
  cosines.sort((a, b) => b.cosine - a.cosine);
  return { nearest: cosines.slice(0, count), opposed: cosines.slice(-count).reverse() };
}
