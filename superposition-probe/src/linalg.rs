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

/// `rhs = a^+ rhs`, with eigenvalues up to n eps times the largest counted as zero.
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
