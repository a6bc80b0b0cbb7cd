//! Norms, unit directions, and the normalised copy that every other file computes with.

use crate::Real;
use crate::linalg::dot;
use faer::{Mat, MatRef};

/// The matrix W taken apart: `W_i = 2^exponent * relative_i * unit_i`.
///
/// Columns are scaled by powers of two before anything is squared, so that no norm and no cosine overflows or underflows, and only what is multiplied back at the end can.
pub(crate) struct Directions {
    /// m x n, unit columns; a zero feature has a zero column.
    pub(crate) units: Mat<f64>,
    /// The norms as given.
    pub(crate) norms: Vec<f64>,
    /// The norms divided by `2^exponent`; the largest is of order one.
    pub(crate) relative: Vec<f64>,
    /// The exponent of the largest norm.
    pub(crate) exponent: i32,
}

impl Directions {
    pub(crate) fn new<T: Real>(w: MatRef<'_, T>) -> Self {
        let mut units = Mat::zeros(w.nrows(), w.ncols());
        let mut scaled_norms = Vec::with_capacity(w.ncols());
        for j in 0..w.ncols() {
            let unit = units.col_as_slice_mut(j);
            let scaled = copy_scaled(w, j, unit);
            if scaled.norm != 0.0 {
                unit.iter_mut().for_each(|x| *x /= scaled.norm);
            }
            scaled_norms.push(scaled);
        }
        let exponent = scaled_norms
            .iter()
            .filter(|scaled| scaled.norm > 0.0)
            .map(|scaled| scaled.exponent)
            .max()
            .unwrap_or(0);
        Self {
            units,
            norms: scaled_norms.iter().map(|s| s.times_power(0)).collect(),
            relative: scaled_norms
                .iter()
                .map(|s| s.times_power(-exponent))
                .collect(),
            exponent,
        }
    }

    pub(crate) fn n_features(&self) -> usize {
        self.norms.len()
    }

    /// The features with a norm above `min_norm`, in order.
    pub(crate) fn represented(&self, min_norm: f64) -> Vec<usize> {
        (0..self.n_features())
            .filter(|&i| self.norms[i] > min_norm)
            .collect()
    }

    /// The unit columns of some features.
    pub(crate) fn gather(&self, features: &[usize]) -> Mat<f64> {
        let mut units = Mat::zeros(self.units.nrows(), features.len());
        for (j, &feature) in features.iter().enumerate() {
            units
                .col_as_slice_mut(j)
                .copy_from_slice(self.units.col_as_slice(feature));
        }
        units
    }

    /// `x * 2^(power * exponent)`: undoes the scaling of a quantity that is homogeneous of degree `power` in W.
    pub(crate) fn rescale(&self, x: f64, power: i32) -> f64 {
        libm::scalbn(x, power * self.exponent)
    }

    /// One for every feature that has a direction, zero for a zero feature: the weights of the unit directions themselves.
    pub(crate) fn unit_weights(&self) -> Vec<f64> {
        self.norms
            .iter()
            .map(|&norm| if norm == 0.0 { 0.0 } else { 1.0 })
            .collect()
    }
}

/// A norm as `norm * 2^exponent`, with `norm` in a safe range.
struct ScaledNorm {
    norm: f64,
    exponent: i32,
}

impl ScaledNorm {
    fn times_power(&self, power: i32) -> f64 {
        libm::scalbn(self.norm, self.exponent + power)
    }
}

/// Copies column `j` into `column` divided by the power of two of its largest element, and measures it.
fn copy_scaled<T: Real>(w: MatRef<'_, T>, j: usize, column: &mut [f64]) -> ScaledNorm {
    let mut largest = 0.0_f64;
    for (i, x) in column.iter_mut().enumerate() {
        *x = w[(i, j)].to_f64();
        // A NaN is not larger: it reaches the norm through the sum below.
        largest = largest.max(x.abs());
    }
    let exponent = if largest > 0.0 && largest.is_finite() {
        libm::ilogb(largest)
    } else {
        0
    };
    if exponent != 0 {
        column
            .iter_mut()
            .for_each(|x| *x = libm::scalbn(*x, -exponent));
    }
    ScaledNorm {
        norm: dot(column, column).sqrt(),
        exponent,
    }
}

/// The norm of every feature: `$\lVert W_i \rVert$` for the columns of the m x n matrix W.
///
/// Columns are scaled by a power of two before they are squared: elements of 1e-200 or 1e200 are no problem.
/// A zero column has norm 0; NaN or infinity in a column gives that in its norm.
/// O(n m) time.
///
/// ```
/// use superposition_analysis::{feature_norms, from_columns};
/// let w = from_columns(&[3.0, 4.0, 0.0, 0.0, 3e-200, 4e-200], 2, 3);
/// assert_eq!(feature_norms(w), [5.0, 0.0, 5e-200]);
/// ```
#[must_use]
pub fn feature_norms<T: Real>(w: MatRef<'_, T>) -> Vec<f64> {
    let mut column = vec![0.0; w.nrows()];
    (0..w.ncols())
        .map(|j| copy_scaled(w, j, &mut column).times_power(0))
        .collect()
}

/// The unit direction of every feature: `$\hat W_i = W_i / \lVert W_i \rVert$`, m x n.
///
/// A zero feature has no direction and keeps a zero column.
/// NaN or infinity in a column makes that column NaN.
/// O(n m) time and memory.
///
/// ```
/// use superposition_analysis::{from_columns, unit_directions};
/// let units = unit_directions(from_columns(&[3.0_f32, 4.0, 0.0, 0.0], 2, 2));
/// assert_eq!((units[(0, 0)], units[(1, 0)]), (0.6, 0.8));
/// assert_eq!((units[(0, 1)], units[(1, 1)]), (0.0, 0.0));
/// ```
#[must_use]
pub fn unit_directions<T: Real>(w: MatRef<'_, T>) -> Mat<f64> {
    Directions::new(w).units
}

/// How many features are represented: have a norm above `min_norm`.
///
/// For a toy model 0.5 is the usual choice, since trained norms are near 0 or near 1; for any other dictionary 0, which counts the features that are not zero.
/// A feature with a NaN norm is not counted.
/// O(n m) time.
///
/// ```
/// use superposition_analysis::{from_columns, n_represented};
/// let w = from_columns(&[1.0, 0.0, 0.0, 0.1, 0.0, 0.0], 2, 3);
/// assert_eq!(n_represented(w, 0.5), 1);
/// assert_eq!(n_represented(w, 0.0), 2);
/// ```
#[must_use]
pub fn n_represented<T: Real>(w: MatRef<'_, T>, min_norm: f64) -> usize {
    feature_norms(w)
        .iter()
        .filter(|&&norm| norm > min_norm)
        .count()
}

/// Features represented per hidden dimension: `$n_\text{represented} / m$`.
///
/// Above 1 there are more features than dimensions, so they cannot all be orthogonal: superposition.
/// Unlike the bare ratio n / m it does not count the dead features, see [`n_represented`].
/// 0 for a matrix without rows.
///
/// ```
/// use superposition_analysis::{from_columns, superposition_score};
/// // A digon: two features in one dimension, and a dead third.
/// let w = from_columns(&[1.0, -1.0, 0.01], 1, 3);
/// assert_eq!(superposition_score(w, 0.5), 2.0);
/// ```
#[doc(alias = "compute_superposition_score")]
#[must_use]
pub fn superposition_score<T: Real>(w: MatRef<'_, T>, min_norm: f64) -> f64 {
    if w.nrows() == 0 {
        return 0.0;
    }
    n_represented(w, min_norm) as f64 / w.nrows() as f64
}

/// W with the mean direction subtracted from every column: `$W_i - \frac1n \sum_j W_j$`.
///
/// Embeddings of language models share a large common component; what is left shows the geometry around it.
/// Equal columns give exactly zero (deviations are taken from the first column, then from their mean).
/// NaN or infinity anywhere in a row makes that row NaN.
/// O(n m) time and memory.
///
/// ```
/// use superposition_analysis::{center, from_columns};
/// let centered = center(from_columns(&[1.0_f32, 5.0, 3.0, 5.0], 2, 2));
/// assert_eq!((centered[(0, 0)], centered[(0, 1)]), (-1.0, 1.0));
/// assert_eq!((centered[(1, 0)], centered[(1, 1)]), (0.0, 0.0));
/// ```
#[must_use]
pub fn center<T: Real>(w: MatRef<'_, T>) -> Mat<f64> {
    let (m, n) = w.shape();
    // Measured from the first column, so that rows of equal values become exactly zero.
    let mut centered = Mat::from_fn(m, n, |i, j| w[(i, j)].to_f64() - w[(i, 0)].to_f64());
    // The second pass removes what rounding left of the mean in the first.
    for _ in 0..2 {
        let mut mean = vec![0.0; m];
        for j in 0..n {
            for (sum, x) in mean.iter_mut().zip(centered.col_as_slice(j)) {
                *sum += x;
            }
        }
        mean.iter_mut().for_each(|sum| *sum /= n as f64);
        for j in 0..n {
            for (x, mean) in centered.col_as_slice_mut(j).iter_mut().zip(&mean) {
                *x -= mean;
            }
        }
    }
    centered
}
