//! The rotation that brings one dictionary closest to another.

use super::gram::{is_zero, norm_sq, scaled};
use super::matching::assert_same_hidden;
use crate::Real;
use crate::directions::Units;
use crate::linalg::{polar_factor, product};
use faer::{Mat, MatRef};

/// The best rotation and scale from one dictionary to another; made by [`procrustes`].
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Procrustes {
    /// The orthogonal m x m matrix Q, a rotation or a reflection, that makes `$\lVert A - s Q B \rVert_F$` least.
    pub rotation: Mat<f64>,
    /// The scale s that does so, at least 0.
    pub scale: f64,
    /// `$\lVert A B^T \rVert_* / (\lVert A \rVert_F \lVert B \rVert_F)$`, in [0, 1]: 1 where B is A up to rotation and scale.
    pub similarity: f64,
    /// `$\lVert A - s Q B \rVert_F / \lVert A \rVert_F$`, in [0, 1]; its square and that of the similarity sum to 1.
    pub residual: f64,
}

/// Orthogonal Procrustes: rotates and scales B, m x n, to be as close as possible to A, m x n, column i to column i.
///
/// ```math
/// \min_{Q^T Q = I,\; s \ge 0} \lVert A - s Q B \rVert_F, \qquad Q = U V^T \text{ for } A B^T = U \Sigma V^T, \quad s = \frac{\operatorname{tr} \Sigma}{\lVert B \rVert_F^2}
/// ```
///
/// Columns are the same features in both; to compare dictionaries whose features have no common order, match them first ([`match_features`](crate::match_features)) and pass the matched columns.
/// Nothing is centred: a rotation about the origin is what a linear hidden space leaves open.
/// Where `A B^T` is singular, Q is one of several that are equally good.
/// With n <= m any B whose columns are orthogonal fits any such A: a similarity near 1 means something only beside its value for unrelated dictionaries, see [`compare`](crate::compare()).
///
/// `None` where a dictionary is zero or an element is not finite.
/// O(n m^2 + m^3) time and O(n m) memory.
///
/// # Panics
/// If the shapes differ.
///
/// ```
/// use superposition_analysis::{from_columns, procrustes};
/// let a = from_columns(&[1.0, 0.0, 0.0, 1.0, -1.0, 1.0], 2, 3);
/// // Turned by a right angle, and twice as large.
/// let b = from_columns(&[0.0, 2.0, -2.0, 0.0, -2.0, -2.0], 2, 3);
/// let found = procrustes(a, b).unwrap();
/// assert!((found.scale - 0.5).abs() < 1e-14 && found.residual < 1e-14);
/// assert!((found.rotation[(0, 1)] - 1.0).abs() < 1e-14);
/// ```
///
/// # References
/// Schönemann 1966, *A generalized solution of the orthogonal Procrustes problem*, Psychometrika 31.
/// Williams, Kunz, Kornblith and Linderman 2021, *Generalized Shape Metrics on Neural Representations*, for the similarity.
#[must_use]
#[track_caller]
pub fn procrustes<A: Real, B: Real>(a: MatRef<'_, A>, b: MatRef<'_, B>) -> Option<Procrustes> {
    assert_same_hidden(a.shape(), b.shape());
    assert!(
        a.ncols() == b.ncols(),
        "{} x {} and {} x {} are not dictionaries of the same features: the numbers of columns differ",
        a.nrows(),
        a.ncols(),
        b.nrows(),
        b.ncols()
    );
    procrustes_of(&Units::new(a), &Units::new(b))
}

pub(super) fn procrustes_of(a: &Units, b: &Units) -> Option<Procrustes> {
    let finite = |w: &Units| w.norms.iter().all(|norm| norm.is_finite());
    if is_zero(a) || is_zero(b) || !finite(a) || !finite(b) {
        return None;
    }
    let (scaled_a, scaled_b) = (scaled(a), scaled(b));
    let (rotation, nuclear) =
        polar_factor(product(scaled_a.as_ref(), scaled_b.transpose()).as_ref());
    let (norm_a, norm_b) = (norm_sq(&scaled_a).sqrt(), norm_sq(&scaled_b).sqrt());
    let scale = nuclear / norm_b / norm_b;
    let mut rest = product(rotation.as_ref(), scaled_b.as_ref());
    for j in 0..rest.ncols() {
        for (x, &own) in rest
            .col_as_slice_mut(j)
            .iter_mut()
            .zip(scaled_a.col_as_slice(j))
        {
            *x = own - scale * *x;
        }
    }
    Some(Procrustes {
        rotation,
        scale: libm::scalbn(scale, a.exponent - b.exponent),
        // Both are at most 1 but for rounding.
        similarity: (nuclear / norm_a / norm_b).min(1.0),
        residual: (norm_sq(&rest).sqrt() / norm_a).min(1.0),
    })
}
