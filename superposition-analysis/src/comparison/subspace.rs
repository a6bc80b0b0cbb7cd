//! The subspaces that two dictionaries span.

use super::matching::assert_same_hidden;
use crate::Real;
use crate::directions::Units;
use crate::leverage::column_space;
use crate::linalg::{product, singular_values};
use faer::{Mat, MatRef};

/// How the spans of two dictionaries lie to each other; made by [`subspace_overlap`].
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct SubspaceOverlap {
    /// Dimensions of the two spans.
    pub ranks: [usize; 2],
    /// The cosines of the principal angles, largest first, in [0, 1]: as many as the smaller rank.
    pub cosines: Vec<f64>,
    /// The mean of their squares, in [0, 1]: the share of the smaller span that lies in the larger. `None` where a dictionary is zero.
    pub overlap: Option<f64>,
    /// The overlap of random subspaces of these ranks: the larger rank divided by m.
    pub chance: Option<f64>,
}

/// The principal angles between the span of A, m x n_a, and that of B, m x n_b.
///
/// With orthonormal bases U and V of the two spans their cosines are the singular values of `$U^T V$`, and the overlap is `$\lVert U^T V \rVert_F^2 / \min(r_A, r_B)$`.
/// Norms do not count; ranks are those of [`rank`](crate::rank()).
/// Two dictionaries that span everything, as most do with more features than dimensions, overlap whole: that says nothing about their features.
/// O((n_a + n_b) m rank) time.
///
/// # Panics
/// If the numbers of hidden dimensions differ.
///
/// ```
/// use superposition_analysis::{from_columns, subspace_overlap};
/// // Two planes in three dimensions with one common direction.
/// let a = from_columns(&[1.0, 0.0, 0.0, 0.0, 1.0, 0.0], 3, 2);
/// let b = from_columns(&[0.0, 2.0, 0.0, 0.0, 0.0, 3.0], 3, 2);
/// let found = subspace_overlap(a, b);
/// assert_eq!((found.ranks, found.cosines), ([2, 2], vec![1.0, 0.0]));
/// assert_eq!((found.overlap, found.chance), (Some(0.5), Some(2.0 / 3.0)));
/// ```
///
/// # References
/// Björck and Golub 1973, *Numerical methods for computing angles between linear subspaces*, Mathematics of Computation 27.
#[must_use]
#[track_caller]
pub fn subspace_overlap<A: Real, B: Real>(a: MatRef<'_, A>, b: MatRef<'_, B>) -> SubspaceOverlap {
    assert_same_hidden(a.shape(), b.shape());
    overlap_of(&Units::new(a), &Units::new(b))
}

pub(super) fn overlap_of(a: &Units, b: &Units) -> SubspaceOverlap {
    let m = a.units.nrows();
    let bases = [a, b].map(basis);
    let ranks = [0, 1].map(|which| bases[which].ncols());
    let smaller = ranks[0].min(ranks[1]);
    let mut cosines = if smaller == 0 {
        Vec::new()
    } else {
        singular_values(product(bases[0].transpose(), bases[1].as_ref()).as_ref())
    };
    cosines
        .iter_mut()
        .for_each(|cosine| *cosine = cosine.min(1.0));
    let squares: f64 = cosines.iter().map(|cosine| cosine * cosine).sum();
    SubspaceOverlap {
        ranks,
        overlap: (smaller > 0).then(|| squares / smaller as f64),
        chance: (smaller > 0).then(|| ranks[0].max(ranks[1]) as f64 / m as f64),
        cosines,
    }
}

/// An orthonormal basis of the span, as columns.
fn basis(directions: &Units) -> Mat<f64> {
    let units = directions.units.as_ref();
    let (m, n) = units.shape();
    if n >= m {
        let spectrum = singular_values(product(units, units.transpose()).as_ref());
        // Far above rounding: the whole space, without the elimination that decides close calls.
        if spectrum
            .last()
            .is_some_and(|smallest| *smallest > 1e-8 * spectrum[0])
        {
            return Mat::identity(m, m);
        }
    }
    let basis = column_space(directions);
    Mat::from_fn(m, basis.len(), |i, k| basis[k][i])
}
