//! The Gram matrices of two dictionaries of the same features, compared without forming them.

use crate::Real;
use crate::directions::Units;
use crate::kernel::dot;
use crate::linalg::product;
use faer::{Mat, MatRef};

/// How alike the Gram matrices `$G_A = A^T A$` and `$G_B = B^T B$` of two dictionaries of the **same features** are; made by [`gram_comparison`].
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct GramComparison {
    /// `$\langle G_A, G_B \rangle_F / (\lVert G_A \rVert_F \lVert G_B \rVert_F)$`, in [0, 1]: 1 where one is a multiple of the other.
    pub similarity: f64,
    /// `$\lVert G_A - G_B \rVert_F / (\lVert G_A \rVert_F + \lVert G_B \rVert_F)$`, in [0, 1]: 0 where they are equal, scale included.
    /// Taken as a difference of squares, so that values below 2e-8 may be rounding.
    pub difference: f64,
}

/// Compares the inner products of the features with each other in two dictionaries of the same features.
///
/// A is m_a x n and B m_b x n, column i the same feature in both.
/// Inner products do not change when a hidden space is rotated: two dictionaries that are one up to rotation have similarity 1 and difference 0, and a permutation of the features of one changes both.
/// Unlike [`linear_cka`](crate::linear_cka()) nothing is centred, and the diagonals, which are not negative, raise the similarity of unrelated dictionaries: random unit directions in m dimensions each have about m/(m + n).
///
/// All through m x m moments, `$\langle G_A, G_B \rangle = \lVert A B^T \rVert_F^2$`: O(n (m_a + m_b)^2) time, never n x n.
/// `None` where a dictionary is zero; NaN propagates.
///
/// # Panics
/// If the numbers of features differ.
///
/// ```
/// use superposition_analysis::{from_columns, gram_comparison};
/// let a = from_columns(&[1.0, 0.0, 0.0, 1.0], 2, 2);
/// // Turned by a right angle.
/// let b = from_columns(&[0.0, 1.0, -1.0, 0.0], 2, 2);
/// let same = gram_comparison(a, b).unwrap();
/// assert_eq!((same.similarity, same.difference), (1.0, 0.0));
/// // Two parallel features: inner products [1 1; 1 1] against [1 0; 0 1].
/// let c = from_columns(&[1.0, 1.0], 1, 2);
/// let other = gram_comparison(a, c).unwrap();
/// assert!((other.similarity - 0.5_f64.sqrt()).abs() < 1e-15);
/// assert!((other.difference - 2.0_f64.sqrt() / (2.0 + 2.0_f64.sqrt())).abs() < 1e-15);
/// ```
///
/// # References
/// Kornblith et al. 2019, *Similarity of Neural Network Representations Revisited*, section 2.1, for similarities of similarities.
#[must_use]
#[track_caller]
pub fn gram_comparison<A: Real, B: Real>(
    a: MatRef<'_, A>,
    b: MatRef<'_, B>,
) -> Option<GramComparison> {
    assert!(
        a.ncols() == b.ncols(),
        "{} x {} and {} x {} are not dictionaries of the same features: the numbers of columns differ",
        a.nrows(),
        a.ncols(),
        b.nrows(),
        b.ncols()
    );
    gram_of(&Units::new(a), &Units::new(b))
}

pub(super) fn gram_of(a: &Units, b: &Units) -> Option<GramComparison> {
    if is_zero(a) || is_zero(b) {
        return None;
    }
    let (scaled_a, scaled_b) = (scaled(a), scaled(b));
    let inner = |x: &Mat<f64>, y: &Mat<f64>| norm_sq(&product(x.as_ref(), y.transpose()));
    let cross = inner(&scaled_a, &scaled_b);
    let (norm_a_sq, norm_b_sq) = (inner(&scaled_a, &scaled_a), inner(&scaled_b, &scaled_b));
    let most = (norm_a_sq * norm_b_sq).sqrt();
    let similarity = cross / most;
    // Relative to the larger one: the two may be any power of two apart.
    let shift = 2 * (b.exponent - a.exponent);
    let (scale_a, scale_b) = (
        libm::scalbn(1.0, (-shift).min(0)),
        libm::scalbn(1.0, shift.min(0)),
    );
    let (size_a, size_b) = (norm_a_sq.sqrt() * scale_a, norm_b_sq.sqrt() * scale_b);
    // |G_A - G_B|^2 = (|G_A| - |G_B|)^2 + 2 (|G_A| |G_B| - <G_A, G_B>), both terms at least 0.
    let apart = (size_a - size_b).powi(2) + 2.0 * (most - cross).max(0.0) * scale_a * scale_b;
    Some(GramComparison {
        // Cauchy-Schwarz: anything above 1 is rounding. (NaN stays.)
        similarity: if similarity > 1.0 { 1.0 } else { similarity },
        difference: apart.sqrt() / (size_a + size_b),
    })
}

pub(super) fn is_zero(directions: &Units) -> bool {
    directions.norms.iter().all(|&norm| norm == 0.0)
}

/// W divided by the power of two of its largest norm.
pub(super) fn scaled(directions: &Units) -> Mat<f64> {
    let mut w = directions.units.clone();
    for (j, &norm) in directions.relative.iter().enumerate() {
        w.col_as_slice_mut(j).iter_mut().for_each(|x| *x *= norm);
    }
    w
}

pub(super) fn norm_sq(w: &Mat<f64>) -> f64 {
    (0..w.ncols())
        .map(|j| dot(w.col_as_slice(j), w.col_as_slice(j)))
        .sum()
}
