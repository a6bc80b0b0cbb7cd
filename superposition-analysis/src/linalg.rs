//! The only file that calls faer's algorithms, always with an explicit `Par::Seq`.

use crate::kernel::dot;
use faer::diag::Diag;
use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::evd::{ComputeEigenvectors, self_adjoint_evd, self_adjoint_evd_scratch};
use faer::linalg::householder;
use faer::linalg::matmul::matmul;
use faer::linalg::matmul::triangular::{self, BlockStructure};
use faer::linalg::qr::no_pivoting::factor as qr;
use faer::linalg::svd::{ComputeSvdVectors, svd, svd_scratch};
use faer::{Accum, Conj, Mat, MatMut, MatRef, Par};

/// `dst = lhs rhs`.
pub(crate) fn product_into(dst: MatMut<'_, f64>, lhs: MatRef<'_, f64>, rhs: MatRef<'_, f64>) {
    matmul(dst, Accum::Replace, lhs, rhs, 1.0, Par::Seq);
}

/// `lhs rhs`, newly allocated.
pub(crate) fn product(lhs: MatRef<'_, f64>, rhs: MatRef<'_, f64>) -> Mat<f64> {
    let mut dst = Mat::zeros(lhs.nrows(), rhs.ncols());
    product_into(dst.as_mut(), lhs, rhs);
    dst
}

/// Adds the lower triangle of `a a^T` to that of `dst`; its upper triangle stays.
pub(crate) fn add_lower_gram(dst: MatMut<'_, f64>, a: MatRef<'_, f64>) {
    triangular::matmul(
        dst,
        BlockStructure::TriangularLower,
        Accum::Add,
        a,
        BlockStructure::Rectangular,
        a.transpose(),
        BlockStructure::Rectangular,
        1.0,
        Par::Seq,
    );
}

/// `dst = lower rhs`, reading the lower triangle of `lower` only.
pub(crate) fn lower_product_into(
    dst: MatMut<'_, f64>,
    lower: MatRef<'_, f64>,
    rhs: MatRef<'_, f64>,
) {
    triangular::matmul(
        dst,
        BlockStructure::Rectangular,
        Accum::Replace,
        lower,
        BlockStructure::TriangularLower,
        rhs,
        BlockStructure::Rectangular,
        1.0,
        Par::Seq,
    );
}

/// The singular values of `a`, largest first.
///
/// Falls back on one-sided Jacobi rotations where faer's iteration does not converge, which has been reported for some matrices.
pub(crate) fn singular_values(a: MatRef<'_, f64>) -> Vec<f64> {
    svd_values(a).unwrap_or_else(|| jacobi_singular_values(a))
}

fn svd_values(a: MatRef<'_, f64>) -> Option<Vec<f64>> {
    let (m, n) = a.shape();
    let mut s = Diag::<f64>::zeros(m.min(n));
    let scratch = svd_scratch::<f64>(
        m,
        n,
        ComputeSvdVectors::No,
        ComputeSvdVectors::No,
        Par::Seq,
        Default::default(),
    );
    let mut memory = MemBuffer::new(scratch);
    svd(
        a,
        s.as_mut(),
        None,
        None,
        Par::Seq,
        MemStack::new(&mut memory),
        Default::default(),
    )
    .ok()?;
    Some(s.column_vector().iter().copied().collect())
}

/// The singular values of `a`, which has at least as many rows as columns, largest first, and the right singular vectors in the columns.
///
/// Where faer's iteration does not converge, from the eigenvectors of `a^T a`, which lose the values below the root of rounding.
pub(crate) fn right_singular(a: MatRef<'_, f64>) -> (Vec<f64>, Mat<f64>) {
    let (m, n) = a.shape();
    assert!(m >= n, "{m} rows, {n} columns");
    if n == 0 {
        return (Vec::new(), Mat::new());
    }
    let mut s = Diag::<f64>::zeros(n);
    let mut v = Mat::zeros(n, n);
    let mut memory = MemBuffer::new(svd_scratch::<f64>(
        m,
        n,
        ComputeSvdVectors::No,
        ComputeSvdVectors::Thin,
        Par::Seq,
        Default::default(),
    ));
    let outcome = svd(
        a,
        s.as_mut(),
        None,
        Some(v.as_mut()),
        Par::Seq,
        MemStack::new(&mut memory),
        Default::default(),
    );
    if outcome.is_ok() {
        return (s.column_vector().iter().copied().collect(), v);
    }
    let (squares, vectors) = symmetric_eigen(product(a.transpose(), a).as_ref());
    let values = squares.into_iter().map(|x| x.max(0.0).sqrt()).collect();
    (values, vectors)
}

/// The orthogonal factor Q of the square matrix `a` = Q R whose R has a positive diagonal.
///
/// Of a Gaussian matrix it is uniform over the orthogonal group.
pub(crate) fn orthogonal_factor(mut a: Mat<f64>) -> Mat<f64> {
    let n = a.nrows();
    let block = qr::recommended_block_size::<f64>(n, n);
    let mut householder_factor = Mat::<f64>::zeros(block, n);
    let scratch = qr::qr_in_place_scratch::<f64>(n, n, block, Par::Seq, Default::default());
    qr::qr_in_place(
        a.as_mut(),
        householder_factor.as_mut(),
        Par::Seq,
        MemStack::new(&mut MemBuffer::new(scratch)),
        Default::default(),
    );
    let mut q = Mat::<f64>::identity(n, n);
    let scratch = householder::apply_block_householder_sequence_on_the_left_in_place_scratch::<f64>(
        n, block, n,
    );
    householder::apply_block_householder_sequence_on_the_left_in_place_with_conj(
        a.as_ref(),
        householder_factor.as_ref(),
        Conj::No,
        q.as_mut(),
        Par::Seq,
        MemStack::new(&mut MemBuffer::new(scratch)),
    );
    for j in (0..n).filter(|&j| a[(j, j)] < 0.0) {
        q.col_as_slice_mut(j).iter_mut().for_each(|x| *x = -*x);
    }
    q
}

/// The polar factor of a square matrix `a` = U S V^T: the orthogonal matrix U V^T closest to it, and the sum of the singular values.
///
/// Where `a` is singular it is one of several. Jacobi rotations stand in where faer's iteration does not converge.
pub(crate) fn polar_factor(a: MatRef<'_, f64>) -> (Mat<f64>, f64) {
    let (u, s, v) = svd_vectors(a).unwrap_or_else(|| jacobi_svd(a));
    (product(u.as_ref(), v.transpose()), s.iter().sum())
}

type Svd = (Mat<f64>, Vec<f64>, Mat<f64>);

fn svd_vectors(a: MatRef<'_, f64>) -> Option<Svd> {
    let n = a.nrows();
    let (mut u, mut v) = (Mat::zeros(n, n), Mat::zeros(n, n));
    let mut s = Diag::<f64>::zeros(n);
    let both = ComputeSvdVectors::Full;
    let scratch = svd_scratch::<f64>(n, n, both, both, Par::Seq, Default::default());
    svd(
        a,
        s.as_mut(),
        Some(u.as_mut()),
        Some(v.as_mut()),
        Par::Seq,
        MemStack::new(&mut MemBuffer::new(scratch)),
        Default::default(),
    )
    .ok()?;
    Some((u, s.column_vector().iter().copied().collect(), v))
}

/// By one-sided Jacobi rotations of the columns of a square matrix, stacked on the identity to collect them.
fn jacobi_svd(a: MatRef<'_, f64>) -> Svd {
    let n = a.nrows();
    let mut columns: Vec<(Vec<f64>, Vec<f64>)> = (0..n)
        .map(|j| {
            let unit = |i| if i == j { 1.0 } else { 0.0 };
            (
                (0..n).map(|i| a[(i, j)]).collect(),
                (0..n).map(unit).collect(),
            )
        })
        .collect();
    for _ in 0..MAX_SWEEPS {
        let mut rotated = false;
        for q in 1..n {
            let (before, from_q) = columns.split_at_mut(q);
            let (y, v_y) = &mut from_q[0];
            for (x, v_x) in before {
                if let Some((cosine, sine)) = plane_rotation(x, y) {
                    rotate(x, y, cosine, sine);
                    rotate(v_x, v_y, cosine, sine);
                    rotated = true;
                }
            }
        }
        if !rotated {
            break;
        }
    }
    let s: Vec<f64> = columns.iter().map(|(x, _)| dot(x, x).sqrt()).collect();
    let largest = s.iter().copied().fold(0.0, f64::max);
    let mut basis: Vec<Vec<f64>> = Vec::with_capacity(n);
    // Columns with a direction first; the null space is completed from the axes.
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&i, &j| s[j].total_cmp(&s[i]));
    for &j in &order {
        let axes = (0..n).map(|axis| (0..n).map(|i| if i == axis { 1.0 } else { 0.0 }).collect());
        let own = (s[j] > n as f64 * f64::EPSILON * largest).then(|| columns[j].0.clone());
        let direction = own.into_iter().chain(axes).find_map(|mut x: Vec<f64>| {
            let before = dot(&x, &x).sqrt();
            for _ in 0..2 {
                for other in &basis {
                    let along = dot(other, &x);
                    x.iter_mut().zip(other).for_each(|(x, o)| *x -= along * o);
                }
            }
            let norm = dot(&x, &x).sqrt();
            // One of the axes keeps at least 1 / sqrt(n) of itself.
            (norm * n as f64 > before * 0.5).then(|| {
                x.iter_mut().for_each(|x| *x /= norm);
                x
            })
        });
        basis.extend(direction);
    }
    let u = Mat::from_fn(n, n, |i, k| basis[k][i]);
    let v = Mat::from_fn(n, n, |i, k| columns[order[k]].1[i]);
    (u, order.iter().map(|&j| s[j]).collect(), v)
}

/// Rotations converge quadratically; 60 sweeps is far more than any matrix needs.
const MAX_SWEEPS: usize = 60;

/// Singular values by one-sided Jacobi rotations of the columns of the taller of `a` and its transpose.
fn jacobi_singular_values(a: MatRef<'_, f64>) -> Vec<f64> {
    let tall = if a.nrows() >= a.ncols() {
        a
    } else {
        a.transpose()
    };
    let mut columns: Vec<Vec<f64>> = (0..tall.ncols())
        .map(|j| (0..tall.nrows()).map(|i| tall[(i, j)]).collect())
        .collect();
    for _ in 0..MAX_SWEEPS {
        let mut rotated = false;
        for q in 1..columns.len() {
            let (before, from_q) = columns.split_at_mut(q);
            let y = &mut from_q[0];
            for x in before {
                if let Some((cosine, sine)) = plane_rotation(x, y) {
                    rotate(x, y, cosine, sine);
                    rotated = true;
                }
            }
        }
        if !rotated {
            break;
        }
    }
    let mut values: Vec<f64> = columns.iter().map(|c| dot(c, c).sqrt()).collect();
    values.sort_by(|a, b| b.total_cmp(a));
    values
}

/// The cosine and sine of the plane rotation that makes two columns orthogonal; `None` if they are so already.
fn plane_rotation(x: &[f64], y: &[f64]) -> Option<(f64, f64)> {
    let (xx, yy, xy) = (dot(x, x), dot(y, y), dot(x, y));
    let orthogonal = xy.abs() <= f64::EPSILON * (xx * yy).sqrt();
    if orthogonal || xy.is_nan() {
        return None;
    }
    let zeta = (yy - xx) / (2.0 * xy);
    let tangent = zeta.signum() / (zeta.abs() + (1.0 + zeta * zeta).sqrt());
    let cosine = 1.0 / (1.0 + tangent * tangent).sqrt();
    Some((cosine, cosine * tangent))
}

fn rotate(x: &mut [f64], y: &mut [f64], cosine: f64, sine: f64) {
    for (a, b) in x.iter_mut().zip(y) {
        (*a, *b) = (cosine * *a - sine * *b, sine * *a + cosine * *b);
    }
}

/// The eigenvalues of a symmetric matrix, largest first, and unit eigenvectors in the columns in the same order.
///
/// Falls back on Jacobi's rotations where faer's iteration does not converge.
pub(crate) fn symmetric_eigen(a: MatRef<'_, f64>) -> (Vec<f64>, Mat<f64>) {
    if a.nrows() == 0 {
        // faer's computes its workspace from n - 1.
        return (Vec::new(), Mat::new());
    }
    let (values, vectors) = eigen(a).unwrap_or_else(|| jacobi_eigen(a));
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&i, &j| values[j].total_cmp(&values[i]));
    let sorted = Mat::from_fn(a.nrows(), a.ncols(), |i, j| vectors[(i, order[j])]);
    (order.into_iter().map(|j| values[j]).collect(), sorted)
}

fn eigen(a: MatRef<'_, f64>) -> Option<(Vec<f64>, Mat<f64>)> {
    let n = a.nrows();
    let mut vectors = Mat::zeros(n, n);
    let mut values = Diag::<f64>::zeros(n);
    let mut memory = MemBuffer::new(self_adjoint_evd_scratch::<f64>(
        n,
        ComputeEigenvectors::Yes,
        Par::Seq,
        Default::default(),
    ));
    self_adjoint_evd(
        a,
        values.as_mut(),
        Some(vectors.as_mut()),
        Par::Seq,
        MemStack::new(&mut memory),
        Default::default(),
    )
    .ok()?;
    Some((values.column_vector().iter().copied().collect(), vectors))
}

/// Plane rotations that make the off-diagonal elements of a symmetric matrix vanish, one after the other.
fn jacobi_eigen(a: MatRef<'_, f64>) -> (Vec<f64>, Mat<f64>) {
    const MAX_SWEEPS: usize = 60;
    let n = a.nrows();
    let mut a = a.to_owned();
    let mut vectors = Mat::<f64>::identity(n, n);
    let norm_sq: f64 = (0..n)
        .map(|j| dot(a.col_as_slice(j), a.col_as_slice(j)))
        .sum();
    let negligible = f64::EPSILON * norm_sq.sqrt();
    for _ in 0..MAX_SWEEPS {
        let mut rotated = false;
        for q in 1..n {
            for p in 0..q {
                if a[(p, q)].abs() > negligible {
                    rotated = true;
                    diagonalize(&mut a, &mut vectors, p, q);
                }
            }
        }
        if !rotated {
            break;
        }
    }
    ((0..n).map(|i| a[(i, i)]).collect(), vectors)
}

/// One rotation of `a` from both sides and of `vectors` from the right, after which `a[(p, q)]` is 0.
fn diagonalize(a: &mut Mat<f64>, vectors: &mut Mat<f64>, p: usize, q: usize) {
    let zeta = (a[(q, q)] - a[(p, p)]) / (2.0 * a[(p, q)]);
    let tangent = zeta.signum() / (zeta.abs() + (1.0 + zeta * zeta).sqrt());
    let cosine = 1.0 / (1.0 + tangent * tangent).sqrt();
    let sine = cosine * tangent;
    let turn = |x: f64, y: f64| (cosine * x - sine * y, sine * x + cosine * y);
    for k in 0..a.nrows() {
        (a[(k, p)], a[(k, q)]) = turn(a[(k, p)], a[(k, q)]);
        (vectors[(k, p)], vectors[(k, q)]) = turn(vectors[(k, p)], vectors[(k, q)]);
    }
    for k in 0..a.nrows() {
        (a[(p, k)], a[(q, k)]) = turn(a[(p, k)], a[(q, k)]);
    }
    (a[(p, q)], a[(q, p)]) = (0.0, 0.0);
}

#[cfg(test)]
mod tests {
    use super::*;
    use superposition_testkit::tolerance::{
        Tolerance, assert_all_close, assert_close, assert_matrix_close,
    };
    use superposition_testkit::{geometry, oracle};

    #[test]
    fn products_are_those_of_loops() {
        for (seed, (m, k, n)) in [(1, 1, 1), (3, 5, 2), (17, 9, 33), (64, 65, 63), (2, 300, 3)]
            .into_iter()
            .enumerate()
        {
            let a = geometry::random_gaussian(m, k, seed as u64);
            let b = geometry::random_gaussian(k, n, 50 + seed as u64);
            let expected = geometry::rotate(a.as_ref(), b.as_ref());
            let found = product(a.as_ref(), b.as_ref());
            // The same from a row-major view of the left side.
            let transposed = Mat::from_fn(k, m, |i, j| a[(j, i)]);
            let again = product(transposed.transpose(), b.as_ref());
            for j in 0..n {
                let tolerance = Tolerance::reduction_f64(k, 16.0 * k as f64);
                assert_all_close(found.col_as_slice(j), expected.col_as_slice(j), tolerance);
                assert_all_close(again.col_as_slice(j), expected.col_as_slice(j), tolerance);
            }
        }
    }

    #[test]
    fn both_ways_to_singular_values_agree_with_the_oracle() {
        for (seed, (m, n)) in [(1, 1), (1, 6), (5, 2), (8, 8), (3, 40), (33, 17)]
            .into_iter()
            .enumerate()
        {
            let w = geometry::random_gaussian(m, n, seed as u64);
            let w = w.as_ref();
            let expected = oracle::singular_values(w);
            let tolerance = Tolerance::reduction_f64(64, expected[0]);
            assert_all_close(&jacobi_singular_values(w), &expected, tolerance);
            assert_all_close(&svd_values(w).unwrap(), &expected, tolerance);
        }
        let zero = Mat::<f64>::zeros(3, 2);
        assert_eq!(jacobi_singular_values(zero.as_ref()), [0.0, 0.0]);
        assert_eq!(singular_values(zero.as_ref()), [0.0, 0.0]);
    }

    #[test]
    fn both_ways_to_eigenvectors_agree_with_the_oracle() {
        for (seed, (m, n)) in [(1, 3), (5, 2), (8, 8), (17, 40), (40, 17)]
            .into_iter()
            .enumerate()
        {
            let w = geometry::random_gaussian(m, n, seed as u64);
            let a = oracle::frame_operator(w.as_ref());
            let mut expected: Vec<f64> = oracle::singular_values(w.as_ref())
                .iter()
                .map(|s| s * s)
                .collect();
            expected.resize(m, 0.0);
            let tolerance = Tolerance::reduction_f64(64 + m, expected[0]);
            let (mut values, mut vectors) = jacobi_eigen(a.as_ref());
            assert_decomposition(&values, &vectors, &a, tolerance);
            values.sort_by(|x, y| y.total_cmp(x));
            assert_all_close(&values, &expected, tolerance);
            (values, vectors) = symmetric_eigen(a.as_ref());
            assert_decomposition(&values, &vectors, &a, tolerance);
            assert_all_close(&values, &expected, tolerance);
        }
    }

    /// `a = V diag(values) V^T` with orthogonal V.
    fn assert_decomposition(
        values: &[f64],
        vectors: &Mat<f64>,
        a: &Mat<f64>,
        tolerance: Tolerance,
    ) {
        let m = a.nrows();
        let scaled = Mat::from_fn(m, m, |i, j| vectors[(i, j)] * values[j]);
        let back = geometry::rotate(scaled.as_ref(), vectors.transpose());
        let square = geometry::rotate(vectors.transpose(), vectors.as_ref());
        let identity = Mat::<f64>::identity(m, m);
        for j in 0..m {
            assert_all_close(back.col_as_slice(j), a.col_as_slice(j), tolerance);
            let unit = Tolerance::reduction_f64(64 + m, 1.0);
            assert_all_close(square.col_as_slice(j), identity.col_as_slice(j), unit);
        }
    }

    #[test]
    fn right_singular_vectors_diagonalize() {
        for (seed, (m, n)) in [(1, 1), (6, 1), (5, 5), (40, 3), (33, 17)]
            .into_iter()
            .enumerate()
        {
            let w = geometry::random_gaussian(m, n, seed as u64);
            let (values, v) = right_singular(w.as_ref());
            let expected = oracle::singular_values(w.as_ref());
            let tolerance = Tolerance::reduction_f64(64, expected[0]);
            assert_all_close(&values, &expected, tolerance);
            // The columns of a V are orthogonal and as long as the values say.
            let images = geometry::rotate(w.as_ref(), v.as_ref());
            for j in 0..n {
                for i in 0..=j {
                    let inner = dot(images.col_as_slice(i), images.col_as_slice(j));
                    let expected = if i == j { values[i] * values[i] } else { 0.0 };
                    let scale = values[0] * values[0];
                    assert_close(inner, expected, Tolerance::reduction_f64(64, scale));
                }
            }
        }
        assert!(right_singular(Mat::zeros(3, 0).as_ref()).0.is_empty());
        assert!(symmetric_eigen(Mat::zeros(0, 0).as_ref()).0.is_empty());
    }

    #[test]
    fn both_ways_to_a_polar_factor_are_orthogonal_and_reach_the_nuclear_norm() {
        for (seed, (n, rank)) in [(1, 1), (2, 1), (5, 5), (5, 2), (12, 7), (9, 0)]
            .into_iter()
            .enumerate()
        {
            let (left, right) = (
                geometry::random_gaussian(n, rank, seed as u64),
                geometry::random_gaussian(rank, n, 50 + seed as u64),
            );
            let a = geometry::rotate(left.as_ref(), right.as_ref());
            let nuclear: f64 = oracle::singular_values(a.as_ref()).iter().sum();
            let tolerance = Tolerance::reduction_f64(64 * n, nuclear.max(1.0));
            for (u, s, v) in [svd_vectors(a.as_ref()).unwrap(), jacobi_svd(a.as_ref())] {
                let q = product(u.as_ref(), v.transpose());
                assert_close(s.iter().sum(), nuclear, tolerance);
                let square = product(q.transpose(), q.as_ref());
                let identity = Mat::<f64>::identity(n, n);
                assert_matrix_close(square.as_ref(), identity.as_ref(), tolerance);
                let inner: f64 = (0..n)
                    .map(|j| dot(q.col_as_slice(j), a.col_as_slice(j)))
                    .sum();
                assert_close(inner, nuclear, tolerance);
            }
        }
    }

    #[test]
    fn an_orthogonal_factor_times_a_triangle_is_the_matrix() {
        for n in [1, 2, 7, 40] {
            let a = geometry::random_gaussian(n, n, n as u64);
            let q = orthogonal_factor(a.clone());
            let r = product(q.transpose(), a.as_ref());
            let tolerance = Tolerance::reduction_f64(16 * n, n as f64);
            for j in 0..n {
                assert!(r[(j, j)] > 0.0);
                for i in j + 1..n {
                    assert_close(r[(i, j)], 0.0, tolerance);
                }
            }
            let square = product(q.transpose(), q.as_ref());
            assert_matrix_close(square.as_ref(), Mat::identity(n, n).as_ref(), tolerance);
        }
    }
}
