//! Neuron by feature correlations as one product.

use faer::{Mat, MatRef};

use crate::Real;
use crate::moments::{self, Centred};
use crate::samples::{self, Source};

/// Pearson correlation of each neuron (row of `neurons`, m x N) with each feature (row of `features`, n x N): m x n.
///
/// ```math
/// r_{kj} = \frac{\operatorname{Cov}(h_k, x_j)}{\sqrt{\operatorname{Var}(h_k)\operatorname{Var}(x_j)}}
/// ```
///
/// in [-1, 1], and 0 where the neuron or the feature is constant (so also for N < 2). NaN and infinity propagate to
/// the row or column of their neuron or feature. Values that differ by less than about 1e-146 pass for constant in part or
/// altogether (their squares underflow): multiply them by a constant first. Means are subtracted before anything is multiplied.
/// O(m n N) time in one product over blocks of samples, O(m n) memory.
///
/// # Panics
/// Where the numbers of columns differ.
///
/// ```
/// use faer::mat;
/// use superposition_probe::neuron_feature_correlations;
///
/// let neurons = mat![[1.0, 2.0, 3.0], [7.0, 7.0, 7.0]];
/// let features = mat![[0.0, 0.0, 1.0]];
/// let r = neuron_feature_correlations(neurons.as_ref(), features.as_ref());
/// // Cov = 1/3, Var = 2/3 and 2/9: (1/3) / sqrt(4/27).
/// assert!((r[(0, 0)] - 0.75_f64.sqrt()).abs() < 1e-15);
/// assert_eq!(r[(1, 0)], 0.0);
/// ```
#[must_use]
#[track_caller]
pub fn neuron_feature_correlations<A: Real, T: Real>(
    neurons: MatRef<'_, A>,
    features: MatRef<'_, T>,
) -> Mat<f64> {
    samples::assert_same_samples(("neurons", neurons), ("features", features));
    correlations(
        &Centred::new(Source::all(neurons)),
        &Centred::new(Source::all(features)),
    )
}

pub(crate) fn correlations<A: Real, T: Real>(
    neurons: &Centred<'_, A>,
    features: &Centred<'_, T>,
) -> Mat<f64> {
    let mut r = moments::cross_covariance(neurons, features);
    standardise(&mut r, &neurons.inverse_std(), &features.inverse_std());
    r
}

/// Divides covariances by both standard deviations.
pub(crate) fn standardise(covariance: &mut Mat<f64>, row_scale: &[f64], column_scale: &[f64]) {
    for (j, &scale) in column_scale.iter().enumerate() {
        for (value, row_scale) in covariance.col_as_slice_mut(j).iter_mut().zip(row_scale) {
            // Rounding may take it past 1; a NaN stays.
            *value = (*value * row_scale * scale).clamp(-1.0, 1.0);
        }
    }
}
