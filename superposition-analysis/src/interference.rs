//! Cosines, squared cosines, and their means over pairs.

use crate::Real;
use crate::directions::{Directions, write_into};
use crate::kernel::ThreadPool;
use crate::linalg::product;
use crate::weighted_frame::{Request, off_diagonal_sums};
use faer::{Mat, MatRef};

/// The cosine between every two features: `$\hat W_i \cdot \hat W_j$`, n x n.
///
/// In [-1, 1] and symmetric; the diagonal is exactly 1 for a feature with a direction.
/// Row and column of a zero feature are 0, the diagonal included; a NaN feature makes its row and column NaN.
/// O(n^2 m) time and **O(n^2) memory**: for large n use [`analyze`](crate::analyze) or [`feature_interference`], which never form this matrix.
///
/// ```
/// use superposition_analysis::{cosines, from_columns};
/// let c = cosines(from_columns(&[2.0, 0.0, 3.0, 4.0], 2, 2));
/// assert!((c[(0, 1)] - 0.6).abs() < 1e-15);
/// assert_eq!(c[(0, 0)], 1.0);
/// ```
#[must_use]
pub fn cosines<T: Real>(w: MatRef<'_, T>) -> Mat<f64> {
    let directions = Directions::new(w, &ThreadPool::new(1));
    let units = directions.units();
    let units = units.as_ref();
    let mut cosines = product(units.transpose(), units);
    for j in 0..cosines.ncols() {
        for i in 0..j {
            // Rounding may leave the product of parallel unit vectors beyond 1; NaN stays.
            let cosine = cosines[(i, j)].clamp(-1.0, 1.0);
            cosines[(i, j)] = cosine;
            cosines[(j, i)] = cosine;
        }
        if directions.lengths.norms[j] > 0.0 && cosines[(j, j)].is_finite() {
            cosines[(j, j)] = 1.0;
        }
    }
    cosines
}

/// The pairwise interference: `$I_{ij} = \cos^2(W_i, W_j)$`, n x n, in [0, 1].
///
/// Blind to the sign: an antipodal pair, harmless under ReLU when features are sparse, has the same 1 as an exact duplicate.
/// Diagonal, zero and NaN features, and cost as for [`cosines`].
///
/// ```
/// use superposition_analysis::{from_columns, interference_matrix};
/// let i = interference_matrix(from_columns(&[2.0, 0.0, 3.0, 4.0], 2, 2));
/// assert!((i[(0, 1)] - 0.36).abs() < 1e-15);
/// ```
///
/// # References
/// Elhage et al. 2022, *Toy Models of Superposition*, "Definitions and Motivation" and "The Geometry of Superposition".
#[must_use]
pub fn interference_matrix<T: Real>(w: MatRef<'_, T>) -> Mat<f64> {
    let mut interference = cosines(w);
    for j in 0..interference.ncols() {
        for x in interference.col_as_slice_mut(j) {
            *x *= *x;
        }
    }
    interference
}

/// The mean interference of every feature: `$\frac{1}{n-1} \sum_{j \ne i} \cos^2(W_i, W_j)$`.
///
/// All features count; a zero feature has cosine 0 with every other. 0 for n = 1.
/// NaN anywhere makes every value NaN where n > m.
///
/// The sum is `$\hat W_i^T F \hat W_i - 1$` with the frame operator F of the unit directions; rows in which that difference cancels are summed directly.
/// O(n m min(n, m)) time, O(n m + m^2) memory, never n x n.
///
/// ```
/// use superposition_analysis::{feature_interference, from_columns};
/// // Features 0 and 1 are orthogonal; feature 2 lies between them.
/// let interference = feature_interference(from_columns(&[1.0, 0.0, 0.0, 1.0, 1.0, 1.0], 2, 3));
/// assert!((interference[0] - 0.25).abs() < 1e-15);
/// assert!((interference[2] - 0.5).abs() < 1e-15);
/// ```
#[must_use]
pub fn feature_interference<T: Real>(w: MatRef<'_, T>) -> Vec<f64> {
    let pool = ThreadPool::new(1);
    let directions = Directions::new(w, &pool);
    let n = directions.n_features();
    interference_of(&directions, &directions.lengths.unit_weights(), n, &pool)
}

/// As [`feature_interference`], into a slice of the caller's with a place for each of the n features.
///
/// # Panics
/// If it is of another length.
#[track_caller]
pub fn feature_interference_into<T: Real>(w: MatRef<'_, T>, interference: &mut [f64]) {
    write_into(interference, feature_interference(w));
}

/// The sum of cos^2 over the other features of weight one, of a total of `count`, divided by one less than that; 0 for a feature of weight zero.
pub(crate) fn interference_of<T: Real>(
    directions: &Directions<'_, T>,
    weights: &[f64],
    count: usize,
    pool: &ThreadPool,
) -> Vec<f64> {
    let sums = off_diagonal_sums(directions, Request::of(weights), pool);
    mean_over_others(sums, weights, count)
}

/// From the sums over the other features of weight one.
pub(crate) fn mean_over_others(sums: Vec<f64>, weights: &[f64], count: usize) -> Vec<f64> {
    let others = count.saturating_sub(1).max(1) as f64;
    sums.into_iter()
        .zip(weights)
        .map(|(sum, &weight)| if weight == 0.0 { 0.0 } else { sum / others })
        .collect()
}

/// The mean interference of the dictionary: the mean of `$\cos^2(W_i, W_j)$` over all ordered pairs, which is the mean of [`feature_interference`].
///
/// All features count, the zero ones with cosine 0; [`analyze`](crate::analyze) reports this as `mean_interference_all` and beside it the mean over the represented features alone.
/// Compare it with what random directions have, 1/m, and with [`mean_interference_tight`].
/// 0 for n <= 1. Cost as for [`feature_interference`].
///
/// ```
/// use superposition_analysis::{from_columns, mean_interference};
/// // A digon beside an orthogonal feature: one pair in three has cos^2 = 1.
/// let mean = mean_interference(from_columns(&[1.0, 0.0, -1.0, 0.0, 0.0, 1.0], 2, 3));
/// assert!((mean - 1.0 / 3.0).abs() < 1e-15);
/// ```
#[doc(alias = "total_interference")]
#[must_use]
pub fn mean_interference<T: Real>(w: MatRef<'_, T>) -> f64 {
    mean(&feature_interference(w))
}

/// The mean, 0 of nothing.
pub(crate) fn mean(values: &[f64]) -> f64 {
    if values.is_empty() {
        return 0.0;
    }
    values.iter().sum::<f64>() / values.len() as f64
}

/// The features in order of decreasing mean interference, ties in order of the index.
///
/// See [`feature_interference`] for the values and the cost.
///
/// ```
/// use superposition_analysis::{from_columns, interference_ranking};
/// let w = from_columns(&[1.0, 0.0, 0.0, 1.0, 1.0, 1.0], 2, 3);
/// assert_eq!(interference_ranking(w), [2, 0, 1]);
/// ```
#[doc(alias = "interference_rank")]
#[must_use]
pub fn interference_ranking<T: Real>(w: MatRef<'_, T>) -> Vec<usize> {
    let interference = feature_interference(w);
    let mut ranking: Vec<usize> = (0..interference.len()).collect();
    // The sort is stable, so that ties keep the order of the index.
    ranking.sort_by(|&a, &b| interference[b].total_cmp(&interference[a]));
    ranking
}

/// From the number of features n, **then** the number of hidden dimensions m, the mean interference of any unit-norm tight frame of that size: `$\max\left(0, \frac{n - m}{m (n - 1)}\right)$`.
///
/// It is the smallest that n directions can have.
/// Digons, polygons and exact duplicates in equal numbers all reach it, so reaching it says that the directions are spread evenly, not that any two of them are far apart.
/// 0 for n <= m, n = 1 and m = 0.
///
/// ```
/// use superposition_analysis::mean_interference_tight;
/// // The pentagon: the mean of cos^2 72 and cos^2 144 degrees.
/// assert_eq!(mean_interference_tight(5, 2), 3.0 / 8.0);
/// ```
///
/// # References
/// Benedetto and Fickus 2003, *Finite normalized tight frames*, Theorem 6.2 (the frame potential n^2/m, less the diagonal).
#[must_use]
pub fn mean_interference_tight(n_features: usize, n_hidden: usize) -> f64 {
    let (n, m) = (n_features as f64, n_hidden as f64);
    if n_features <= n_hidden.max(1) || n_hidden == 0 {
        return 0.0;
    }
    (n - m) / (m * (n - 1.0))
}

/// From the number of features n, **then** the number of hidden dimensions m, the Welch bound: no n directions in m dimensions have a [`coherence`](crate::coherence) below `$\sqrt{\frac{n - m}{m (n - 1)}}$`.
///
/// 0 for n <= m, where orthogonal directions exist, and for m = 0.
///
/// ```
/// use superposition_analysis::welch_bound;
/// // The triangle reaches it: cosines of -1/2.
/// assert_eq!(welch_bound(3, 2), 0.5);
/// assert_eq!(welch_bound(2, 2), 0.0);
/// ```
///
/// # References
/// Welch 1974, *Lower bounds on the maximum cross correlation of signals*, equation 7 with k = 1.
#[must_use]
pub fn welch_bound(n_features: usize, n_hidden: usize) -> f64 {
    mean_interference_tight(n_features, n_hidden).sqrt()
}
