//! What the mean interference of a single feature is by chance.

use super::{IsotropicCosine, NullDistribution, Quantiles};

/// The mean interference that a single feature has by chance, to measure those of a dictionary's features in; part of [`NullBaselines`](super::NullBaselines).
///
/// *Isotropic*: the mean of n - 1 values of cos^2 with uniform directions, which are independent: 1/m with a variance of Var(cos^2) / (n - 1), see [`IsotropicCosine::variance_sq`].
/// *Matched*: mean and standard deviation over all features of all random dictionaries, and the mean over the dictionaries of the quantiles over their features. Features differ from each other there, by how much they share with what all have in common; and a draw's own moments deviate from those it was drawn with, so that a dictionary which is nothing but chance has a variance of its z below 1.
///
/// ```
/// use superposition_analysis::*;
/// // Ten copies of a digon: every pair has cos^2 = 1, where 2 dimensions make one expect 1/2.
/// let w: Vec<f64> = (0..20).flat_map(|i| [if i < 10 { 1.0 } else { -1.0 }, 0.0]).collect();
/// let null = null_baselines(from_columns(&w, 2, 20), &NullOptions::new(0))?;
/// // In the plane cos^2 varies by 1/8: this is off by 1/2, or 19 / 8 of such variances.
/// let z = null.feature_interference.isotropic_z(1.0).unwrap();
/// assert!((z - 0.5 / (1.0_f64 / 8.0 / 19.0).sqrt()).abs() < 1e-12);
/// // Directions that use one of the two dimensions only cannot have another one.
/// assert_eq!(null.feature_interference.matched_z(1.0), None);
/// # Ok::<(), AnalysisError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct FeatureNull {
    /// Under independent uniform directions. `None` with fewer than two represented features.
    pub isotropic: Option<NullDistribution>,
    /// Under random directions with the dictionary's own mean and covariance. `None` with fewer than two represented features.
    pub matched: Option<NullDistribution>,
}

impl FeatureNull {
    /// For `n` features in m dimensions, from the mean interference of every feature of each random dictionary.
    pub(super) fn new(n: usize, cosine: Option<IsotropicCosine>, draws: &[Vec<f64>]) -> Self {
        let isotropic = cosine.map(|cosine| {
            let variance = cosine.variance_sq() / (n as f64 - 1.0);
            NullDistribution::of_mean(cosine.mean_sq(), Some(variance.sqrt()))
        });
        Self {
            isotropic,
            matched: (!draws.is_empty()).then(|| pooled(draws)),
        }
    }

    /// How many standard deviations a mean interference is above what isotropic directions have. `None` without that baseline, and where it has a single value.
    #[must_use]
    pub fn isotropic_z(&self, mean_interference: f64) -> Option<f64> {
        z(mean_interference, self.isotropic?)
    }

    /// How many standard deviations a mean interference is above what directions with the same first and second moments have: the one to report. `None` without that baseline, and where it has a single value, up to rounding.
    #[must_use]
    pub fn matched_z(&self, mean_interference: f64) -> Option<f64> {
        z(mean_interference, self.matched?)
    }
}

fn z(value: f64, null: NullDistribution) -> Option<f64> {
    let deviation = null.std?;
    // The interference of copies is known to some 1e-12.
    (deviation > 1e-9 * null.mean).then(|| (value - null.mean) / deviation)
}

/// Of all features of several dictionaries of at least two.
fn pooled(draws: &[Vec<f64>]) -> NullDistribution {
    let count: usize = draws.iter().map(Vec::len).sum();
    let all = || draws.iter().flatten();
    let mean = all().sum::<f64>() / count as f64;
    let squares: f64 = all().map(|x| (x - mean) * (x - mean)).sum();
    let quantiles: Vec<Quantiles> = draws
        .iter()
        .filter_map(|draw| NullDistribution::simulated(draw.clone()).quantiles)
        .collect();
    let of = |quantile: fn(&Quantiles) -> f64| {
        quantiles.iter().map(quantile).sum::<f64>() / quantiles.len() as f64
    };
    NullDistribution {
        mean,
        std: Some((squares / (count as f64 - 1.0)).sqrt()),
        quantiles: Some(Quantiles {
            p05: of(|q| q.p05),
            median: of(|q| q.median),
            p95: of(|q| q.p95),
        }),
    }
}
