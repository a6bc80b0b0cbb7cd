//! Similarity of two representations of the same items.

use crate::Real;
use crate::directions::{Directions, center, column};
use crate::kernel::{ThreadPool, dot};
use crate::linalg::product;
use faer::{Mat, MatRef};

/// Linear centred kernel alignment of two representations, in [0, 1]:
///
/// ```math
/// \operatorname{CKA}(A, B) = \frac{\lVert A B^T \rVert_F^2}{\lVert A A^T \rVert_F \lVert B B^T \rVert_F}
/// ```
///
/// Columns are the **same items** in both, in the same order: the features of two models, or samples.
/// Rows are hidden dimensions, of which A and B may have different numbers; each row is first centred over the items.
/// So it does not change under rotation of either hidden space, scaling of either matrix, or the same permutation of the items of both,
/// and it does change if the items of one are permuted: it asks whether the same items are alike in both.
///
/// `None` if one of the two is the same for all items, and for fewer than two items; NaN propagates.
/// Biased upwards where there are not many more items than dimensions: see [`linear_cka_debiased`].
/// O(n (m_a + m_b)^2) time and O(n (m_a + m_b)) memory, never n x n.
///
/// # Panics
/// If the numbers of items differ.
///
/// ```
/// use superposition_analysis::{from_columns, linear_cka};
/// let a = from_columns(&[1.0, 0.0, 0.0, 1.0, -1.0, 0.0, 0.0, -2.0], 2, 4);
/// // The same items turned by a right angle.
/// let b = from_columns(&[0.0, 1.0, -1.0, 0.0, 0.0, -1.0, 2.0, 0.0], 2, 4);
/// assert!((linear_cka(a, b).unwrap() - 1.0).abs() < 1e-14);
/// // The first dimension alone.
/// let c = from_columns(&[1.0, 0.0, -1.0, 0.0], 1, 4);
/// assert!(linear_cka(a, c).unwrap() < 0.5);
/// ```
///
/// # References
/// Kornblith et al. 2019, *Similarity of Neural Network Representations Revisited*, section 3, in the form over features.
#[doc(alias = "compute_representation_similarity")]
#[must_use]
#[track_caller]
pub fn linear_cka<A: Real, B: Real>(a: MatRef<'_, A>, b: MatRef<'_, B>) -> Option<f64> {
    let (a, b) = centered_pair(a, b)?;
    // Cauchy-Schwarz: anything above 1 is rounding. (NaN stays.)
    let cka = alignment(&a, &b) / (alignment(&a, &a) * alignment(&b, &b)).sqrt();
    Some(if cka > 1.0 { 1.0 } else { cka })
}

/// Linear centred kernel alignment with the unbiased estimator of the Hilbert-Schmidt independence criterion.
///
/// Unlike [`linear_cka`] it is near 0 for unrelated representations however many dimensions they have, and may then be slightly negative.
/// Invariances and cost are the same.
///
/// `None` for fewer than four items, and where the estimate for one of the two with itself is not positive (it is constant, or too few items differ); NaN propagates.
///
/// # Panics
/// If the numbers of items differ.
///
/// ```
/// use superposition_analysis::{from_columns, linear_cka_debiased};
/// let a = from_columns(&[1.0, 2.0, 3.0, 4.0, 5.0], 1, 5);
/// let b = from_columns(&[-2.0, -4.0, -6.0, -8.0, -10.0], 1, 5);
/// assert!((linear_cka_debiased(a, b).unwrap() - 1.0).abs() < 1e-14);
/// ```
///
/// # References
/// Song et al. 2012, *Feature Selection via Dependence Maximization*, theorem 2.
/// Nguyen, Raghu and Kornblith 2021, *Do Wide and Deep Networks Learn the Same Things?*, section 3.
#[must_use]
#[track_caller]
pub fn linear_cka_debiased<A: Real, B: Real>(a: MatRef<'_, A>, b: MatRef<'_, B>) -> Option<f64> {
    let n = a.ncols();
    let (a, b) = centered_pair(a, b)?;
    if n < 4 {
        return None;
    }
    let (aa, bb) = (debiased(&a, &a), debiased(&b, &b));
    // Rejects what is zero or negative, and lets NaN through.
    if aa <= 0.0 || bb <= 0.0 {
        return None;
    }
    Some(debiased(&a, &b) / (aa * bb).sqrt())
}

/// Both centred over the items and scaled by a power of two; `None` if one of them is constant.
#[track_caller]
fn centered_pair<A: Real, B: Real>(
    a: MatRef<'_, A>,
    b: MatRef<'_, B>,
) -> Option<(Mat<f64>, Mat<f64>)> {
    assert!(
        a.ncols() == b.ncols(),
        "{} x {} and {} x {} are not representations of the same items: the numbers of columns differ",
        a.nrows(),
        a.ncols(),
        b.nrows(),
        b.ncols()
    );
    Some((centered(a)?, centered(b)?))
}

fn centered<T: Real>(w: MatRef<'_, T>) -> Option<Mat<f64>> {
    if w.ncols() < 2 {
        return None;
    }
    let mut columns = center(w);
    let exponent = {
        let directions = Directions::new(columns.as_ref(), &ThreadPool::new(1));
        if directions.lengths.norms.iter().all(|&norm| norm == 0.0) {
            return None;
        }
        directions.lengths.exponent
    };
    for j in 0..columns.ncols() {
        for x in columns.col_as_slice_mut(j) {
            *x = libm::scalbn(*x, -exponent);
        }
    }
    Some(columns)
}

/// `$\lVert A B^T \rVert_F^2 = \operatorname{tr}(K L)$` for the kernels `$K = A^T A$` and `$L = B^T B$`.
fn alignment(a: &Mat<f64>, b: &Mat<f64>) -> f64 {
    let moments = product(a.as_ref(), b.transpose());
    (0..moments.ncols())
        .map(|j| dot(moments.col_as_slice(j), moments.col_as_slice(j)))
        .sum()
}

/// The unbiased estimator of HSIC, up to the factor 1/(n(n-3)) that cancels: the kernels lose their diagonals, and the centred rows sum to zero.
fn debiased(a: &Mat<f64>, b: &Mat<f64>) -> f64 {
    let n = a.ncols() as f64;
    let norm_sq = |w: &Mat<f64>, j| {
        let x = column(w.as_ref(), j);
        dot(x, x)
    };
    let (mut diagonals, mut trace_a, mut trace_b) = (0.0, 0.0, 0.0);
    for j in 0..a.ncols() {
        let (k, l) = (norm_sq(a, j), norm_sq(b, j));
        diagonals += k * l;
        trace_a += k;
        trace_b += l;
    }
    alignment(a, b) - n / (n - 2.0) * diagonals + trace_a * trace_b / ((n - 1.0) * (n - 2.0))
}
