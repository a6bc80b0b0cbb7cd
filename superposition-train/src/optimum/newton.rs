//! The last digits, by Newton's method.

use super::curvature::{FLAT, hessian};
use super::{MinimizeStop, Minimized, Objective, norm};
use crate::linalg::symmetric_eigen;

const MAX_HESSIANS: usize = 3;
/// Steps made with one Hessian.
const MAX_STEPS: usize = 8;

/// Moves towards the critical point nearby, as long as the gradient gets smaller and the value no larger.
pub(super) fn polish<O: Objective + ?Sized>(objective: &O, found: &mut Minimized, tolerance: f64) {
    let n = found.x.len();
    let mut gradient = vec![0.0; n];
    objective.value_and_gradient(&found.x, &mut gradient);
    let mut next = vec![0.0; n];
    let mut next_gradient = vec![0.0; n];
    for _ in 0..MAX_HESSIANS {
        let (values, vectors) = symmetric_eigen(hessian(objective, &found.x).as_ref());
        found.n_evaluations += 2 * n;
        let largest = values.iter().fold(0.0_f64, |l, v| v.abs().max(l));
        let before = found.gradient_norm;
        for _ in 0..MAX_STEPS {
            next.copy_from_slice(&found.x);
            for (k, value) in values.iter().enumerate() {
                if value.abs() <= FLAT * largest {
                    continue;
                }
                let vector = vectors.col_as_slice(k);
                let factor = super::dot(vector, &gradient) / value;
                next.iter_mut()
                    .zip(vector)
                    .for_each(|(x, v)| *x -= factor * v);
            }
            let value = objective.value_and_gradient(&next, &mut next_gradient);
            let gradient_norm = norm(&next_gradient);
            found.n_evaluations += 1;
            // A step that leads away from here is no correction.
            let rise = 1e-12 * found.value.abs() + tolerance * tolerance;
            if gradient_norm.is_nan()
                || gradient_norm >= found.gradient_norm
                || value > found.value + rise
            {
                break;
            }
            found.x.copy_from_slice(&next);
            gradient.copy_from_slice(&next_gradient);
            (found.value, found.gradient_norm) = (value, gradient_norm);
            if gradient_norm <= tolerance {
                found.stop = MinimizeStop::Converged;
                return;
            }
        }
        if found.gradient_norm > 0.5 * before {
            return;
        }
    }
}
