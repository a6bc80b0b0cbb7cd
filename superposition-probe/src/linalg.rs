//! The algorithms taken from faer, always sequential (faer's operators read a process-wide setting).

use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::cholesky::llt;
use faer::linalg::evd::{self, ComputeEigenvectors};
use faer::linalg::householder;
use faer::linalg::matmul::{
    matmul,
    triangular::{self, BlockStructure},
};
use faer::linalg::qr::no_pivoting::factor as qr;
use faer::{Accum, Conj, Mat, MatMut, MatRef, Par};

/// `dst = a b`.
pub(crate) fn multiply(dst: MatMut<'_, f64>, a: MatRef<'_, f64>, b: MatRef<'_, f64>) {
    matmul(dst, Accum::Replace, a, b, 1.0, Par::Seq);
}

/// `dst += a b`.
pub(crate) fn multiply_add(dst: MatMut<'_, f64>, a: MatRef<'_, f64>, b: MatRef<'_, f64>) {
    matmul(dst, Accum::Add, a, b, 1.0, Par::Seq);
}

/// The lower triangle of `dst += a a^T`.
pub(crate) fn rank_update_lower(dst: MatMut<'_, f64>, a: MatRef<'_, f64>) {
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

/// Copies the lower triangle to the upper one.
pub(crate) fn mirror_lower(a: &mut Mat<f64>) {
    for j in 0..a.ncols() {
        for i in j + 1..a.nrows() {
            a[(j, i)] = a[(i, j)];
        }
    }
}

/// The eigendecomposition did not converge.
#[derive(Debug)]
pub(crate) struct NoConvergence;

/// Replaces `rhs` by the minimum-norm least-squares solution of `a x = rhs`, for a symmetric positive semidefinite `a`.
///
/// A Cholesky factorisation where `a` is numerically definite, otherwise a pseudo-inverse from the eigenvalues.
pub(crate) fn solve_semidefinite(
    a: MatRef<'_, f64>,
    rhs: MatMut<'_, f64>,
) -> Result<(), NoConvergence> {
    match cholesky(a) {
        Some(l) => {
            let mut memory = MemBuffer::new(llt::solve::solve_in_place_scratch::<f64>(
                a.nrows(),
                rhs.ncols(),
                Par::Seq,
            ));
            llt::solve::solve_in_place(l.as_ref(), rhs, Par::Seq, MemStack::new(&mut memory));
            Ok(())
        }
        None => solve_by_eigenvalues(a, rhs),
    }
}

/// The Cholesky factor, or nothing if a pivot is rounding noise.
///
/// A pivot divided by its diagonal element is one minus the share of that variable which the previous ones
/// explain, so the test does not depend on the scale of the variables.
fn cholesky(a: MatRef<'_, f64>) -> Option<Mat<f64>> {
    let n = a.nrows();
    let mut l = a.to_owned();
    let mut memory = MemBuffer::new(llt::factor::cholesky_in_place_scratch::<f64>(
        n,
        Par::Seq,
        Default::default(),
    ));
    llt::factor::cholesky_in_place(
        l.as_mut(),
        Default::default(),
        Par::Seq,
        MemStack::new(&mut memory),
        Default::default(),
    )
    .ok()?;
    let noise = 16.0 * n as f64 * f64::EPSILON;
    let definite = (0..n).all(|i| l[(i, i)] * l[(i, i)] > noise * a[(i, i)]);
    definite.then_some(l)
}

/// `rhs = a^+ rhs`, with eigenvalues up to 16 n eps times the largest counted as zero.
fn solve_by_eigenvalues(a: MatRef<'_, f64>, mut rhs: MatMut<'_, f64>) -> Result<(), NoConvergence> {
    let n = a.nrows();
    let mut u = Mat::<f64>::zeros(n, n);
    let mut s = faer::diag::Diag::<f64>::zeros(n);
    let mut memory = MemBuffer::new(evd::self_adjoint_evd_scratch::<f64>(
        n,
        ComputeEigenvectors::Yes,
        Par::Seq,
        Default::default(),
    ));
    evd::self_adjoint_evd(
        a,
        s.as_mut(),
        Some(u.as_mut()),
        Par::Seq,
        MemStack::new(&mut memory),
        Default::default(),
    )
    .map_err(|_| NoConvergence)?;
    let s = s.column_vector();
    let largest = s.iter().fold(0.0_f64, |max, &value| max.max(value));
    let noise = 16.0 * n as f64 * f64::EPSILON * largest;
    let mut coordinates = Mat::<f64>::zeros(n, rhs.ncols());
    multiply(coordinates.as_mut(), u.transpose(), rhs.as_ref());
    for j in 0..coordinates.ncols() {
        for i in 0..n {
            coordinates[(i, j)] = if s[i] > noise {
                coordinates[(i, j)] / s[i]
            } else {
                0.0
            };
        }
    }
    multiply(rhs.as_mut(), u.as_ref(), coordinates.as_ref());
    Ok(())
}

/// The orthogonal factor of a square matrix, with the signs that make the diagonal of R positive.
///
/// For a Gaussian matrix this is a random rotation or reflection, uniform over the orthogonal group.
pub(crate) fn orthogonal_factor(mut a: Mat<f64>) -> Mat<f64> {
    let n = a.nrows();
    let block = qr::recommended_block_size::<f64>(n, n);
    let mut factor = Mat::<f64>::zeros(block, n);
    let mut memory = MemBuffer::new(qr::qr_in_place_scratch::<f64>(
        n,
        n,
        block,
        Par::Seq,
        Default::default(),
    ));
    qr::qr_in_place(
        a.as_mut(),
        factor.as_mut(),
        Par::Seq,
        MemStack::new(&mut memory),
        Default::default(),
    );
    let mut q = Mat::<f64>::identity(n, n);
    let mut memory = MemBuffer::new(
        householder::apply_block_householder_sequence_on_the_left_in_place_scratch::<f64>(
            n, block, n,
        ),
    );
    householder::apply_block_householder_sequence_on_the_left_in_place_with_conj(
        a.as_ref(),
        factor.as_ref(),
        Conj::No,
        q.as_mut(),
        Par::Seq,
        MemStack::new(&mut memory),
    );
    for j in 0..n {
        if a[(j, j)] < 0.0 {
            for i in 0..n {
                q[(i, j)] = -q[(i, j)];
            }
        }
    }
    q
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use superposition_testkit::geometry::random_gaussian;
    use superposition_testkit::strategy;
    use superposition_testkit::tolerance::{Tolerance, assert_matrix_close};

    use super::*;

    /// `a b` by loops.
    fn naive(a: MatRef<'_, f64>, b: MatRef<'_, f64>) -> Mat<f64> {
        Mat::from_fn(a.nrows(), b.ncols(), |i, j| {
            (0..a.ncols()).map(|k| a[(i, k)] * b[(k, j)]).sum()
        })
    }

    proptest! {
        #[test]
        fn products_agree_with_loops(
            (a, b) in (1_usize..20, 1_usize..20, 1_usize..20)
                .prop_flat_map(|(m, k, n)| (strategy::matrix(m, k, -1.0..1.0), strategy::matrix(k, n, -1.0..1.0))),
        ) {
            let bound = || Tolerance::reduction_f64(a.ncols() + 1, a.ncols() as f64 + 1.0);
            let mut c = Mat::zeros(a.nrows(), b.ncols());
            multiply(c.as_mut(), a.as_ref(), b.as_ref());
            let expected = naive(a.as_ref(), b.as_ref());
            assert_matrix_close(c.as_ref(), expected.as_ref(), bound());
            multiply_add(c.as_mut(), a.as_ref(), b.as_ref());
            let twice = Mat::from_fn(a.nrows(), b.ncols(), |i, j| 2.0 * expected[(i, j)]);
            assert_matrix_close(c.as_ref(), twice.as_ref(), bound());
            // A row-major destination, as the scores of probes have.
            let mut c = Mat::zeros(b.ncols(), a.nrows());
            multiply(c.as_mut().transpose_mut(), a.as_ref(), b.as_ref());
            assert_matrix_close(c.transpose(), expected.as_ref(), bound());

            let mut square = Mat::zeros(a.nrows(), a.nrows());
            rank_update_lower(square.as_mut(), a.as_ref());
            mirror_lower(&mut square);
            let expected = naive(a.as_ref(), a.transpose());
            assert_matrix_close(square.as_ref(), expected.as_ref(), bound());
        }

        #[test]
        fn solutions_solve(
            (root, x) in (1_usize..12, 1_usize..5)
                .prop_flat_map(|(n, t)| (strategy::matrix(n, n, -1.0..1.0), strategy::matrix(n, t, -1.0..1.0))),
            shift in 0.1..1.0_f64,
        ) {
            let mut a = naive(root.as_ref(), root.transpose());
            for i in 0..a.nrows() {
                a[(i, i)] += shift;
            }
            let rhs = naive(a.as_ref(), x.as_ref());
            // The condition number is at most (n^2 + 1) / shift.
            let n = a.nrows();
            let bound = || Tolerance::reduction_f64(10 * n, ((n * n + 1) as f64 / shift).powi(2));
            prop_assert!(cholesky(a.as_ref()).is_some());
            let mut solution = rhs.clone();
            solve_semidefinite(a.as_ref(), solution.as_mut()).unwrap();
            assert_matrix_close(solution.as_ref(), x.as_ref(), bound());
            let mut solution = rhs;
            solve_by_eigenvalues(a.as_ref(), solution.as_mut()).unwrap();
            assert_matrix_close(solution.as_ref(), x.as_ref(), bound());
        }
    }

    #[test]
    fn a_singular_matrix_gives_the_shortest_solution() {
        for (n, rank) in [(5, 2), (40, 17), (6, 0)] {
            let root = random_gaussian(n, rank.max(1), n as u64);
            let root = Mat::from_fn(n, rank, |i, j| root[(i, j)]);
            let a = naive(root.as_ref(), root.transpose());
            assert!(cholesky(a.as_ref()).is_none());
            // In the range, so shortest already.
            let x = naive(
                root.as_ref(),
                random_gaussian(rank.max(1), 3, 1).subrows(0, rank),
            );
            let mut solution = naive(a.as_ref(), x.as_ref());
            solve_semidefinite(a.as_ref(), solution.as_mut()).unwrap();
            assert_matrix_close(solution.as_ref(), x.as_ref(), Tolerance::absolute(1e-9));
        }
    }

    #[test]
    fn scale_alone_is_not_dependence() {
        let a = Mat::from_fn(
            3,
            3,
            |i, j| if i == j { [1.0, 1e-16, 1e-60][i] } else { 0.0 },
        );
        assert!(cholesky(a.as_ref()).is_some());
    }

    #[test]
    fn orthogonal_factors_are_orthogonal_with_positive_diagonals() {
        for n in [1, 2, 3, 7, 33, 70] {
            let a = random_gaussian(n, n, n as u64);
            let q = orthogonal_factor(a.clone());
            let identity = Mat::identity(n, n);
            let bound = || Tolerance::reduction_f64(n, 10.0);
            assert_matrix_close(
                naive(q.transpose(), q.as_ref()).as_ref(),
                identity.as_ref(),
                bound(),
            );
            let r = naive(q.transpose(), a.as_ref());
            for j in 0..n {
                assert!(r[(j, j)] > 0.0);
                assert!((j + 1..n).all(|i| r[(i, j)].abs() < 1e-12));
            }
        }
    }
}
