//! The only file that calls faer's algorithms, always with an explicit `Par::Seq`.

use faer::diag::Diag;
use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::evd::{ComputeEigenvectors, self_adjoint_evd, self_adjoint_evd_scratch};
use faer::{Mat, MatRef, Par};

/// The eigenvalues of a symmetric matrix in ascending order, and unit eigenvectors in the columns in the same order.
///
/// Falls back on Jacobi's rotations where faer's iteration does not converge.
pub(crate) fn symmetric_eigen(a: MatRef<'_, f64>) -> (Vec<f64>, Mat<f64>) {
    if a.nrows() == 0 {
        // faer's computes its workspace from n - 1.
        return (Vec::new(), Mat::new());
    }
    let (values, vectors) = eigen(a).unwrap_or_else(|| jacobi_eigen(a));
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&i, &j| values[i].total_cmp(&values[j]));
    let sorted = Mat::from_fn(a.nrows(), a.ncols(), |i, j| vectors[(i, order[j])]);
    (order.into_iter().map(|j| values[j]).collect(), sorted)
}

fn eigen(a: MatRef<'_, f64>) -> Option<(Vec<f64>, Mat<f64>)> {
    let n = a.nrows();
    let mut vectors = Mat::zeros(n, n);
    let mut values = Diag::<f64>::zeros(n);
    let scratch =
        self_adjoint_evd_scratch::<f64>(n, ComputeEigenvectors::Yes, Par::Seq, Default::default());
    self_adjoint_evd(
        a,
        values.as_mut(),
        Some(vectors.as_mut()),
        Par::Seq,
        MemStack::new(&mut MemBuffer::new(scratch)),
        Default::default(),
    )
    .ok()?;
    Some((values.column_vector().iter().copied().collect(), vectors))
}

/// Plane rotations that make the elements off the diagonal vanish, one after the other.
fn jacobi_eigen(a: MatRef<'_, f64>) -> (Vec<f64>, Mat<f64>) {
    // They converge quadratically; this is far more than any matrix needs.
    const MAX_SWEEPS: usize = 60;
    let n = a.nrows();
    let mut a = a.to_owned();
    let mut vectors = Mat::<f64>::identity(n, n);
    let scale = (0..n).flat_map(|j| a.col_as_slice(j).iter()).map(|x| x * x);
    let negligible = f64::EPSILON * scale.sum::<f64>().sqrt();
    for _ in 0..MAX_SWEEPS {
        let mut rotated = false;
        for q in 1..n {
            for p in 0..q {
                if a[(p, q)].abs() <= negligible || a[(p, q)].is_nan() {
                    continue;
                }
                rotated = true;
                let zeta = (a[(q, q)] - a[(p, p)]) / (2.0 * a[(p, q)]);
                let tangent = zeta.signum() / (zeta.abs() + (1.0 + zeta * zeta).sqrt());
                let cosine = 1.0 / (1.0 + tangent * tangent).sqrt();
                let sine = cosine * tangent;
                let turned = |x: f64, y: f64| (cosine * x - sine * y, sine * x + cosine * y);
                for k in 0..n {
                    (a[(k, p)], a[(k, q)]) = turned(a[(k, p)], a[(k, q)]);
                }
                for k in 0..n {
                    (a[(p, k)], a[(q, k)]) = turned(a[(p, k)], a[(q, k)]);
                    (vectors[(k, p)], vectors[(k, q)]) = turned(vectors[(k, p)], vectors[(k, q)]);
                }
            }
        }
        if !rotated {
            break;
        }
    }
    ((0..n).map(|i| a[(i, i)]).collect(), vectors)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use superposition_testkit::tolerance::{Tolerance, assert_close};

    proptest! {
        #[test]
        fn eigenvectors_diagonalise(n in 0_usize..9, entries in prop::collection::vec(-3.0..3.0, 81)) {
            let a = Mat::from_fn(n, n, |i, j| entries[9 * i.min(j) + i.max(j)]);
            let by_jacobi = jacobi_eigen(a.as_ref());
            for (values, vectors) in [symmetric_eigen(a.as_ref()), by_jacobi] {
                for (k, &value) in values.iter().enumerate() {
                    for i in 0..n {
                        let product: f64 = (0..n).map(|j| a[(i, j)] * vectors[(j, k)]).sum();
                        let tolerance = Tolerance::reduction_f64(64 * n, 3.0 * n as f64);
                        assert_close(product - value * vectors[(i, k)], 0.0, tolerance);
                    }
                }
            }
            prop_assert!(symmetric_eigen(a.as_ref()).0.is_sorted());
        }
    }
}
