//! The only file that calls faer's algorithms, always with an explicit `Par::Seq`, and the fixed-order dot product.

use faer::diag::Diag;
use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::matmul::matmul;
use faer::linalg::svd::{ComputeSvdVectors, svd, svd_scratch};
use faer::{Accum, Mat, MatMut, MatRef, Par};

/// Number of independent partial sums of [`dot`].
const LANES: usize = 8;

/// The dot product in one fixed order: eight interleaved partial sums, added as a tree.
///
/// The bits depend on the two slices only, not on where they lie or on the instruction set, and `dot(a, b) == dot(b, a)`.
/// Values that decide something (a tie, an edge) are computed with it.
pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len(), "dot product of unequal lengths");
    let mut sums = [0.0; LANES];
    let (a_chunks, a_rest) = a.as_chunks::<LANES>();
    let (b_chunks, b_rest) = b.as_chunks::<LANES>();
    for (x, y) in a_chunks.iter().zip(b_chunks) {
        for lane in 0..LANES {
            sums[lane] += x[lane] * y[lane];
        }
    }
    for (lane, (x, y)) in a_rest.iter().zip(b_rest).enumerate() {
        sums[lane] += x * y;
    }
    ((sums[0] + sums[4]) + (sums[2] + sums[6])) + ((sums[1] + sums[5]) + (sums[3] + sums[7]))
}

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

/// Singular values by one-sided Jacobi rotations of the columns of the taller of `a` and its transpose.
fn jacobi_singular_values(a: MatRef<'_, f64>) -> Vec<f64> {
    // Rotations converge quadratically; 60 sweeps is far more than any matrix needs.
    const MAX_SWEEPS: usize = 60;
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
                rotated |= rotate(x, y);
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

/// Makes two columns orthogonal by a plane rotation; false if they are so already.
fn rotate(x: &mut [f64], y: &mut [f64]) -> bool {
    let (xx, yy, xy) = (dot(x, x), dot(y, y), dot(x, y));
    // The negation also stops at NaN.
    if !(xy.abs() > f64::EPSILON * (xx * yy).sqrt()) {
        return false;
    }
    let zeta = (yy - xx) / (2.0 * xy);
    let tangent = zeta.signum() / (zeta.abs() + (1.0 + zeta * zeta).sqrt());
    let cosine = 1.0 / (1.0 + tangent * tangent).sqrt();
    let sine = cosine * tangent;
    for (a, b) in x.iter_mut().zip(y) {
        (*a, *b) = (cosine * *a - sine * *b, sine * *a + cosine * *b);
    }
    true
}
