//! The loss of one output without ReLU, in closed form at any number of features.

use super::output::Part;
use super::supports::Output;
use crate::{FeatureDistribution, FeatureSets};

/// `$\mathrm E (z - x)^2 = (b + h^\top \mu)^2 + h^\top C h$` with `$h = g - e_\mathrm{own}$`, the means
/// `$\mu_i = p_i / 2$` and the covariances C. Its derivatives by g are written; the one by b is returned beside it.
pub(super) fn loss(
    output: &Output<'_>,
    distribution: &FeatureDistribution,
    by_g: &mut [f64],
) -> (Part, f64) {
    let p = distribution.feature_probability();
    let h = |i: usize| output.g[i] - f64::from(u8::from(i == output.own));
    let mean = (0..p.len()).fold(output.b, |mean, i| mean + h(i) * p[i] / 2.0);
    let set_size = distribution.sets().set_size();
    let mut value = mean * mean;
    for start in (0..p.len()).step_by(set_size) {
        let set = start..p.len().min(start + set_size);
        let sum: f64 = set.clone().map(h).sum();
        let p = p[start];
        // Of two different members of a set.
        let together = match distribution.sets() {
            FeatureSets::Correlated { .. } => p / 4.0 - p * p / 4.0,
            FeatureSets::Anticorrelated { .. } => -p * p / 4.0,
            FeatureSets::Independent => 0.0,
        };
        for i in set {
            let half = (p / 3.0 - p * p / 4.0 - together) * h(i) + together * sum;
            value += h(i) * half;
            by_g[i] = 2.0 * half + mean * p;
        }
    }
    let part = Part {
        value,
        error: 8.0 * p.len() as f64 * f64::EPSILON * value,
        slope_error: 8.0 * p.len() as f64 * f64::EPSILON * value.sqrt(),
        ..Part::default()
    };
    (part, 2.0 * mean)
}

/// The same where exactly these features are active.
pub(super) fn loss_of_support(output: &Output<'_>, support: &[usize]) -> f64 {
    let h = |i: usize| output.g[i] - f64::from(u8::from(i == output.own));
    let (mean, variance) = support
        .iter()
        .fold((output.b, 0.0), |(mean, variance), &i| {
            (mean + h(i) / 2.0, variance + h(i) * h(i) / 12.0)
        });
    mean * mean + variance
}
