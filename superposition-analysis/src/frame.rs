//! The frame operator and how tight a frame the features are.

use crate::Real;
use crate::directions::{Directions, Lengths};
use crate::kernel::ThreadPool;
use crate::weighted_frame::{Request, operator, potential};
use faer::{Mat, MatRef};

/// The frame operator: `$F = W W^T = \sum_i W_i W_i^T$`, m x m, accumulated in f64.
///
/// Its trace is the squared Frobenius norm of W, and `$x^T F x = \sum_i (W_i \cdot x)^2$`.
/// Symmetric to the bit. The norms are as given, so an element is infinite where a product of two elements of W is beyond f64; NaN propagates.
/// A feature far smaller than the largest leaves no trace in F: [`feature_dimensionality`](crate::feature_dimensionality) knows this.
/// O(n m^2) time, O(m^2 + n m) memory.
///
/// ```
/// use superposition_analysis::{frame_operator, from_columns};
/// // The digon of norm 2 in the first of two dimensions.
/// let f = frame_operator(from_columns(&[2.0, 0.0, -2.0, 0.0], 2, 2));
/// assert_eq!((f[(0, 0)], f[(0, 1)], f[(1, 1)]), (8.0, 0.0, 0.0));
/// ```
#[must_use]
pub fn frame_operator<T: Real>(w: MatRef<'_, T>) -> Mat<f64> {
    let copy = Mat::from_fn(w.nrows(), w.ncols(), |i, j| w[(i, j)].to_f64());
    operator(copy.as_ref(), &ThreadPool::new(1))
}

/// The frame potential: `$\lVert W^T W \rVert_F^2 = \sum_{i,j} (W_i \cdot W_j)^2$`, with the norms as given.
///
/// At least `$(\operatorname{tr} F)^2 / m$`, with equality exactly for a tight frame.
/// 0 for a zero matrix; infinite or 0 where the fourth power of a norm is beyond f64 (use [`tightness`], which is a ratio).
/// O(n m min(n, m)) time, never n x n for n > m.
///
/// ```
/// use superposition_analysis::{frame_potential, from_columns};
/// // Two unit features at cosine 0.6: 1 + 1 + 2 * 0.36.
/// let w = from_columns(&[1.0, 0.0, 0.6, 0.8], 2, 2);
/// assert!((frame_potential(w) - 2.72).abs() < 1e-15);
/// ```
///
/// # References
/// Benedetto and Fickus 2003, *Finite normalized tight frames*, section 4.
#[must_use]
pub fn frame_potential<T: Real>(w: MatRef<'_, T>) -> f64 {
    let directions = Directions::new(w, &ThreadPool::new(1));
    directions.lengths.rescale(scaled_potential(&directions), 4)
}

/// The frame potential over its smallest possible value: `$m \lVert F \rVert_F^2 / (\operatorname{tr} F)^2$`, from 1 (a tight frame) to m (all features in one direction).
///
/// Independent of the scale of W. `None` for a zero matrix.
/// Below `$\operatorname{rank} W = m$` it is at least m over the rank.
/// Cost as for [`frame_potential`].
///
/// ```
/// use superposition_analysis::{from_columns, tightness};
/// assert_eq!(tightness(from_columns(&[5.0, 0.0, 0.0, 5.0], 2, 2)), Some(1.0));
/// assert_eq!(tightness(from_columns(&[1.0, 0.0, 3.0, 0.0], 2, 2)), Some(2.0));
/// ```
#[must_use]
pub fn tightness<T: Real>(w: MatRef<'_, T>) -> Option<f64> {
    let directions = Directions::new(w, &ThreadPool::new(1));
    tightness_of(
        &directions.lengths,
        w.nrows(),
        scaled_potential(&directions),
    )
}

/// The frame potential of the columns as [`Lengths`] scale them.
fn scaled_potential<T: Real>(directions: &Directions<'_, T>) -> f64 {
    potential(directions, Request::of(&directions.lengths.relative))
}

/// As [`tightness`], from the potential of the frame as [`Lengths`] scale it.
pub(crate) fn tightness_of(
    lengths: &Lengths,
    n_hidden: usize,
    scaled_potential: f64,
) -> Option<f64> {
    let trace: f64 = lengths.relative.iter().map(|r| r * r).sum();
    (trace != 0.0).then(|| scaled_potential * n_hidden as f64 / (trace * trace))
}
