//! Feature dimensionality, and what of a feature's direction others can activate.

use crate::Real;
use crate::directions::{Directions, Lengths, write_into};
use crate::kernel::ThreadPool;
use crate::weighted_frame::{Request, Unit, Weights, off_diagonal_sums};
use faer::MatRef;

/// The dimensionality of every feature, the share of a hidden dimension that it has for itself:
///
/// ```math
/// D_i = \frac{\lVert W_i \rVert^2}{\sum_j (\hat W_i \cdot W_j)^2}
/// ```
///
/// In [0, 1]: 1 for a feature orthogonal to all others, 1/2 in a digon, 2/3 in a triangle, 3/4 in a tetrahedron, 2/5 in a pentagon, 3/8 in a square antiprism, m/n in any unit-norm tight frame.
/// 0 for a zero feature; NaN anywhere makes every value NaN where n > m.
/// It depends on ratios of norms only, so that norms of 1, 1e-8 and 1e-30 in one matrix come out right, and it is blind to signs.
/// The same number as the capacity `$C_i$` of Scherlis et al.
///
/// The sums over j go through the m x m frame operator, in rows where that would lose accuracy directly over j.
/// O(n m min(n, m)) time, O(n m + m^2) memory, never n x n.
///
/// ```
/// use superposition_analysis::{feature_dimensionality, from_columns};
/// // A digon along one axis, an orthogonal feature of norm 0.01, and a dead one.
/// let w = from_columns(&[1.0, 0.0, -1.0, 0.0, 0.0, 0.01, 0.0, 0.0], 2, 4);
/// assert_eq!(feature_dimensionality(w), [0.5, 0.5, 1.0, 0.0]);
/// ```
///
/// # References
/// Elhage et al. 2022, *Toy Models of Superposition*, "The Geometry of Superposition", literally.
/// Scherlis et al. 2022, *Polysemanticity and Capacity in Neural Networks*, arXiv 2210.01892, definition of capacity.
#[doc(alias = "capacity")]
#[doc(alias = "effective_dimensionality")]
#[must_use]
pub fn feature_dimensionality<T: Real>(w: MatRef<'_, T>) -> Vec<f64> {
    let pool = ThreadPool::new(1);
    let directions = Directions::new(w, &pool);
    let others = off_diagonal_sums(&directions, Request::of_others(&directions.lengths), &pool);
    dimensionality_of(&others, &directions.lengths.norms)
}

/// As [`feature_dimensionality`], into a slice of the caller's with a place for each of the n features.
///
/// # Panics
/// If it is of another length.
#[track_caller]
pub fn feature_dimensionality_into<T: Real>(w: MatRef<'_, T>, dimensionality: &mut [f64]) {
    write_into(dimensionality, feature_dimensionality(w));
}

/// From what the others activate of each feature, in units of its own square, and the norms.
pub(crate) fn dimensionality_of(others: &[f64], norms: &[f64]) -> Vec<f64> {
    // With the own term taken as exactly 1, rounding cannot lift D_i above 1.
    others
        .iter()
        .zip(norms)
        .map(|(others, &norm)| {
            if norm == 0.0 {
                0.0
            } else {
                1.0 / (1.0 + others)
            }
        })
        .collect()
}

impl<'a> Request<'a> {
    /// What the others activate of each feature, in units of its own square.
    pub(crate) fn of_others(lengths: &'a Lengths) -> Self {
        Self {
            weights: Weights {
                scaled: &lengths.relative,
                unscaled: &lengths.norms,
            },
            unit: Unit::Own,
        }
    }
}

/// The sum of the feature dimensionalities: `$\sum_i D_i \le \operatorname{rank} W \le \min(m, n)$`.
///
/// How many hidden dimensions the features have for themselves, together.
/// 0 for a zero matrix. Cost as for [`feature_dimensionality`].
///
/// ```
/// use superposition_analysis::{from_columns, total_dimensionality};
/// let w = from_columns(&[1.0, 0.0, -1.0, 0.0, 0.0, 0.01], 2, 3);
/// assert_eq!(total_dimensionality(w), 2.0);
/// ```
#[doc(alias = "total_capacity_used")]
#[must_use]
pub fn total_dimensionality<T: Real>(w: MatRef<'_, T>) -> f64 {
    feature_dimensionality(w).iter().sum()
}

/// Hidden dimensions per learned feature: `$D^* = m / \lVert W \rVert_F^2$`.
///
/// The squared Frobenius norm counts the features of a **toy model**, whose norms are near 0 or near 1; for a dictionary with other norms the number says nothing about features.
/// `None` for a zero matrix; NaN propagates.
/// O(n m) time.
///
/// ```
/// use superposition_analysis::{dimensions_per_feature, from_columns};
/// // Two digons: four features in two dimensions.
/// let w = from_columns(&[1.0, 0.0, -1.0, 0.0, 0.0, 1.0, 0.0, -1.0], 2, 4);
/// assert_eq!(dimensions_per_feature(w), Some(0.5));
/// ```
///
/// # References
/// Elhage et al. 2022, *Toy Models of Superposition*, "The Geometry of Superposition", literally.
#[must_use]
pub fn dimensions_per_feature<T: Real>(w: MatRef<'_, T>) -> Option<f64> {
    dimensions_per_feature_of(&Directions::new(w, &ThreadPool::new(1)).lengths, w.nrows())
}

pub(crate) fn dimensions_per_feature_of(lengths: &Lengths, n_hidden: usize) -> Option<f64> {
    let scaled: f64 = lengths.relative.iter().map(|r| r * r).sum();
    // m / (2^2e s) as (m / s) 2^-2e, which survives where the square of a norm would not.
    (scaled != 0.0).then(|| lengths.rescale(n_hidden as f64 / scaled, -2))
}

/// How strongly the other features activate each one: `$\sum_{j \ne i} (\hat W_i \cdot W_j)^2$`.
///
/// The colour of the features in the figures of *Toy Models of Superposition*: at 0 the feature has its direction to itself, at 1 or more the others can activate it fully.
/// In units of the squared norm of W; 0 for a zero feature and for n = 1.
/// Cost and NaN as for [`feature_dimensionality`].
///
/// ```
/// use superposition_analysis::{feature_superposition, from_columns};
/// // An antipodal pair with norms 1 and 2.
/// let w = from_columns(&[1.0, -2.0], 1, 2);
/// assert_eq!(feature_superposition(w), [4.0, 1.0]);
/// ```
///
/// # References
/// Elhage et al. 2022, *Toy Models of Superposition*, "Demonstrating Superposition"; its notebook calls the square root of this polysemanticity.
#[doc(alias = "polysemanticity")]
#[must_use]
pub fn feature_superposition<T: Real>(w: MatRef<'_, T>) -> Vec<f64> {
    let pool = ThreadPool::new(1);
    let directions = Directions::new(w, &pool);
    let lengths = &directions.lengths;
    let request = Request {
        unit: Unit::Weights,
        ..Request::of_others(lengths)
    };
    off_diagonal_sums(&directions, request, &pool)
        .iter()
        .map(|&sum| lengths.rescale(sum, 2))
        .collect()
}

/// As [`feature_superposition`], into a slice of the caller's with a place for each of the n features.
///
/// # Panics
/// If it is of another length.
#[track_caller]
pub fn feature_superposition_into<T: Real>(w: MatRef<'_, T>, superposition: &mut [f64]) {
    write_into(superposition, feature_superposition(w));
}
