//! What the similarities of a dictionary would be by chance, in two senses of chance.

mod feature;
mod incomplete_beta;
mod isotropic;
mod matched;
mod statistics;

pub use feature::FeatureNull;
pub use isotropic::IsotropicCosine;
pub use statistics::PairStatistics;

use crate::kernel::ThreadPool;
use crate::report::{AnalysisOptions, checked_directions};
use crate::{AnalysisError, Real};
use faer::{Mat, MatRef};
use matched::MatchedGaussian;
use statistics::{quantile, statistics_of};

/// How [`null_baselines`] simulates and what it calls an edge.
///
/// ```
/// use superposition_analysis::NullOptions;
/// let options = NullOptions::new(1).with_draws(50).with_edge_threshold(0.1);
/// assert_eq!((options.seed, options.draws, options.rows), (1, 50, 2048));
/// assert_eq!((options.edge_threshold, options.min_norm, options.threads), (0.1, 0.0, 1));
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct NullOptions {
    /// The seed of the random dictionaries.
    pub seed: u64,
    /// Number of random dictionaries. Default 20. At least 2.
    pub draws: usize,
    /// Features of each random dictionary whose pairs with all others are looked at: all if this is n or more. Default 2,048. At least 1.
    pub rows: usize,
    /// Two features are neighbours if their cos^2 is above this. Default 0.05. In [0, 1].
    pub edge_threshold: f64,
    /// A feature is represented if its norm is above this. Default 0. Finite, at least 0.
    pub min_norm: f64,
    /// Number of threads, at least 1. Default 1. It changes no bit of the results, and is not serialized.
    #[cfg_attr(feature = "serde", serde(skip, default = "one_thread"))]
    pub threads: usize,
}

#[cfg(feature = "serde")]
fn one_thread() -> usize {
    1
}

impl NullOptions {
    /// The defaults with a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            draws: 20,
            rows: 2048,
            edge_threshold: 0.05,
            min_norm: 0.0,
            threads: 1,
        }
    }

    /// The same with another number of `draws`.
    #[must_use]
    pub fn with_draws(self, draws: usize) -> Self {
        Self { draws, ..self }
    }

    /// The same with another number of `rows`.
    #[must_use]
    pub fn with_rows(self, rows: usize) -> Self {
        Self { rows, ..self }
    }

    /// The same with another `edge_threshold`.
    #[must_use]
    pub fn with_edge_threshold(self, edge_threshold: f64) -> Self {
        Self {
            edge_threshold,
            ..self
        }
    }

    /// The same with another `min_norm`.
    #[must_use]
    pub fn with_min_norm(self, min_norm: f64) -> Self {
        Self { min_norm, ..self }
    }

    /// The same with another number of threads.
    #[must_use]
    pub fn with_threads(self, threads: usize) -> Self {
        Self { threads, ..self }
    }

    /// The threads, if the options are valid.
    fn pool(&self) -> Result<ThreadPool, AnalysisError> {
        let invalid = |name, value, expected| {
            Err(AnalysisError::InvalidOption {
                name,
                value,
                expected,
            })
        };
        if self.draws < 2 {
            return invalid("draws", self.draws as f64, "at least 2");
        }
        if self.rows == 0 {
            return invalid("rows", 0.0, "at least 1");
        }
        if !(0.0..=1.0).contains(&self.edge_threshold) {
            return invalid(
                "edge_threshold",
                self.edge_threshold,
                "a cos^2 between 0 and 1",
            );
        }
        AnalysisOptions::default()
            .with_min_norm(self.min_norm)
            .with_threads(self.threads)
            .pool()
    }
}

/// Three quantiles.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Quantiles {
    /// The 5 % quantile.
    pub p05: f64,
    /// The 50 % quantile.
    pub median: f64,
    /// The 95 % quantile.
    pub p95: f64,
}

/// What is known of the distribution of a statistic under a null hypothesis.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct NullDistribution {
    /// Its mean.
    pub mean: f64,
    /// Its standard deviation, of the sample if it was simulated (divided by one less than the draws). `None` where it has no closed form.
    pub std: Option<f64>,
    /// Its quantiles, linear between neighbours if it was simulated. `None` where they have no closed form.
    pub quantiles: Option<Quantiles>,
}

impl NullDistribution {
    /// Of simulated values, at least two.
    fn simulated(mut values: Vec<f64>) -> Self {
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let squares: f64 = values.iter().map(|x| (x - mean) * (x - mean)).sum();
        values.sort_by(f64::total_cmp);
        Self {
            mean,
            std: Some((squares / (n - 1.0)).sqrt()),
            quantiles: Some(Quantiles {
                p05: quantile(&values, 0.05),
                median: quantile(&values, 0.5),
                p95: quantile(&values, 0.95),
            }),
        }
    }

    fn of_mean(mean: f64, std: Option<f64>) -> Self {
        Self {
            mean,
            std,
            quantiles: None,
        }
    }

    /// That of the negated statistic.
    fn negated(self) -> Self {
        Self {
            mean: -self.mean,
            std: self.std,
            quantiles: self.quantiles.map(|q| Quantiles {
                p05: -q.p95,
                median: -q.median,
                p95: -q.p05,
            }),
        }
    }
}

/// How far an observed value is from the mean of a null distribution, without a unit of significance: the values of pairs are not independent, and a maximum is not normal.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Effect {
    /// Observed minus mean.
    pub difference: f64,
    /// Observed over mean; `None` where the mean is 0.
    pub ratio: Option<f64>,
}

/// A statistic of a dictionary beside its two null distributions.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct NullComparison {
    /// The value of the dictionary; `None` with fewer than two represented features.
    pub observed: Option<f64>,
    /// Under independent uniform directions. `None` with fewer than two represented features.
    pub isotropic: Option<NullDistribution>,
    /// Under random directions with the dictionary's own mean and covariance. `None` with fewer than two represented features, and for extremes where not all pairs were drawn.
    pub matched: Option<NullDistribution>,
}

impl NullComparison {
    /// The observed value beside what isotropic directions have.
    #[must_use]
    pub fn isotropic_effect(&self) -> Option<Effect> {
        effect(self.observed?, self.isotropic?)
    }

    /// The observed value beside what directions with the same first and second moments have: the one to report.
    #[must_use]
    pub fn matched_effect(&self) -> Option<Effect> {
        effect(self.observed?, self.matched?)
    }
}

fn effect(observed: f64, null: NullDistribution) -> Option<Effect> {
    Some(Effect {
        difference: observed - null.mean,
        ratio: (null.mean != 0.0).then(|| observed / null.mean),
    })
}

/// The similarities of a dictionary beside what they would be by chance; made by [`null_baselines`].
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct NullBaselines {
    /// The number of represented features, n: what every baseline has too.
    pub n_represented: usize,
    /// The number of hidden dimensions, m.
    pub n_hidden: usize,
    /// Number of random dictionaries behind every `matched`.
    pub draws: usize,
    /// Their seed.
    pub seed: u64,
    /// The threshold of `mean_degree`.
    pub edge_threshold: f64,
    /// Features of each draw whose pairs were looked at: n, or the option where that is less.
    pub rows: usize,
    /// Mean cos^2 over all pairs.
    pub mean_interference: NullComparison,
    /// Mean over the features of the cosine with the nearest other one.
    pub nearest_cosine_mean: NullComparison,
    /// The 5 % quantile over the features of the cosine with the nearest other one.
    pub nearest_cosine_p05: NullComparison,
    /// Its median over the features.
    pub nearest_cosine_median: NullComparison,
    /// Its 95 % quantile over the features.
    pub nearest_cosine_p95: NullComparison,
    /// The largest cosine.
    pub max_cosine: NullComparison,
    /// The smallest cosine.
    pub min_cosine: NullComparison,
    /// Mean number of features at cos^2 above the threshold of the options. The number of edges is n/2 times this.
    pub mean_degree: NullComparison,
    /// The mean interference of a single feature, for its `z`.
    pub feature_interference: FeatureNull,
}

/// Two null baselines for the similarities of the represented features of W, m x n.
///
/// *Isotropic*: n independent directions, uniform on the sphere. By closed forms, see [`IsotropicCosine`], with P = P(cos^2 > threshold) and N = n(n-1)/2 pairs:
///
/// | statistic | mean | standard deviation | quantiles |
/// |---|---|---|---|
/// | `mean_interference` | 1/m | root of Var(cos^2) / N | none |
/// | `mean_degree` | (n-1) P | 2/n times the root of N P (1-P) | none |
/// | `nearest_cosine_mean` | that of the largest of n-1 cosines | none | none |
/// | `nearest_cosine_p05`, ... | that quantile of the largest of n-1 cosines | none | none |
/// | `max_cosine`, `min_cosine` | as if the N pairs were independent | likewise | likewise |
///
/// The first two rows are exact, since different pairs of independent directions are independent two by two; so is the third. The fourth is the limit for large n, and the last an approximation for large n, see [`IsotropicCosine::largest_of`].
///
/// *Matched*: n independent Gaussian vectors with the mean and the covariance of the dictionary's **unit** directions, each divided by its length. Simulated: mean, standard deviation and quantiles of `draws` random dictionaries.
/// It keeps what any cloud of that shape has in common: a direction all features share, and dimensions that few of them use. What exceeds it is structure between particular features.
/// The unit directions are matched and not W because cosines do not know the norms: matching W would let features of large norm shape the baseline (the token embedding of all-MiniLM-L6-v2, 30,522 x 384, has 459 neighbours per feature at cos^2 > 0.05; its matched directions have some 490, directions matched to W 45, isotropic ones 0.29).
/// Dividing by the length changes the moments a little, so that the mean cos^2 of the baseline is not exactly the dictionary's (there 0.0080 against 0.0087).
///
/// For n <= `rows` a draw is a whole dictionary. Above that its first `rows` features are compared with all n, so a draw costs O(n m (m + rows)) instead of O(n m (m + n)):
/// `mean_interference` is still that of all pairs; the means of `nearest_cosine_mean` and `mean_degree` are unbiased, and their standard deviations not below those of whole dictionaries; `max_cosine` and `min_cosine` have no matched baseline, since the extreme of some pairs is not that of all.
///
/// The observed values cost O(n^2 m), divided by the threads; see [`null_baselines_beside`] where they are known already. O(n m + m^2) memory, never n x n for n > m.
/// The draws depend on the seed, n and the moments; rotating, scaling and permuting the features changes them by rounding only, where the principal variances are distinct. The bits do not depend on `threads`.
///
/// # Errors
/// As [`analyze`](crate::analyze), and for an option outside its range.
///
/// ```
/// use superposition_analysis::{NullOptions, from_columns, null_baselines};
/// // Ten copies of a digon in two dimensions: every pair has cos^2 = 1.
/// let w: Vec<f64> = (0..20).flat_map(|i| [if i < 10 { 1.0 } else { -1.0 }, 0.0]).collect();
/// let null = null_baselines(from_columns(&w, 2, 20), &NullOptions::new(0))?;
/// // Against uniform directions that is twice what is expected...
/// assert_eq!(null.mean_interference.isotropic_effect().unwrap().ratio, Some(2.0));
/// // ...and nothing at all for directions that use one of the two dimensions only.
/// assert!((null.mean_interference.matched_effect().unwrap().difference).abs() < 1e-12);
/// # Ok::<(), superposition_analysis::AnalysisError>(())
/// ```
pub fn null_baselines<T: Real>(
    w: MatRef<'_, T>,
    options: &NullOptions,
) -> Result<NullBaselines, AnalysisError> {
    let pool = options.pool()?;
    let units = represented_units(w, options, &pool)?;
    let observed = observed(&units, options, &pool);
    Ok(baselines(&units, observed, options, &pool))
}

/// As [`null_baselines`], beside statistics of the pairs of the represented features of W that are known already.
///
/// `observed` is `None` for fewer than two represented features.
///
/// # Errors
/// As [`null_baselines`].
///
/// ```
/// use superposition_analysis::*;
/// let w = from_columns(&[1.0, 0.0, 0.6, 0.8, -1.0, 0.0], 2, 3);
/// let options = NullOptions::new(3);
/// let observed = pair_statistics(w, &options)?;
/// let null = null_baselines_beside(w, observed, &options)?;
/// assert_eq!(null, null_baselines(w, &options)?);
/// # Ok::<(), AnalysisError>(())
/// ```
pub fn null_baselines_beside<T: Real>(
    w: MatRef<'_, T>,
    observed: Option<PairStatistics>,
    options: &NullOptions,
) -> Result<NullBaselines, AnalysisError> {
    let pool = options.pool()?;
    let units = represented_units(w, options, &pool)?;
    Ok(baselines(&units, observed, options, &pool))
}

/// The statistics that [`null_baselines`] compares, of the dictionary itself: over all pairs of its represented features, whatever the option `rows`. `None` for fewer than two of them.
///
/// O(n^2 m) time divided by the threads, O(n m) memory.
///
/// # Errors
/// As [`null_baselines`].
///
/// ```
/// use superposition_analysis::{NullOptions, from_columns, pair_statistics};
/// let w = from_columns(&[1.0, 0.0, 0.6, 0.8, -1.0, 0.0], 2, 3);
/// let pairs = pair_statistics(w, &NullOptions::new(0))?.unwrap();
/// assert_eq!((pairs.max_cosine, pairs.min_cosine), (Some(0.6), Some(-1.0)));
/// // Every two of the three have cos^2 above 0.05.
/// assert_eq!(pairs.mean_degree, 2.0);
/// # Ok::<(), superposition_analysis::AnalysisError>(())
/// ```
pub fn pair_statistics<T: Real>(
    w: MatRef<'_, T>,
    options: &NullOptions,
) -> Result<Option<PairStatistics>, AnalysisError> {
    let pool = options.pool()?;
    let units = represented_units(w, options, &pool)?;
    Ok(observed(&units, options, &pool))
}

fn observed(units: &Mat<f64>, options: &NullOptions, pool: &ThreadPool) -> Option<PairStatistics> {
    let all = units.ncols();
    let found = statistics_of(units.as_ref(), all, options.edge_threshold, pool);
    found.map(|(statistics, _)| statistics)
}

fn represented_units<T: Real>(
    w: MatRef<'_, T>,
    options: &NullOptions,
    pool: &ThreadPool,
) -> Result<Mat<f64>, AnalysisError> {
    let directions = checked_directions(w, pool)?;
    let represented = directions.lengths.represented(options.min_norm);
    if represented.len() == directions.n_features() {
        return Ok(directions.units());
    }
    Ok(directions.gather(&represented))
}

fn baselines(
    units: &Mat<f64>,
    observed: Option<PairStatistics>,
    options: &NullOptions,
    pool: &ThreadPool,
) -> NullBaselines {
    let (m, n) = units.shape();
    let (draws, interference): (Vec<PairStatistics>, Vec<Vec<f64>>) = match n {
        0 | 1 => Default::default(),
        _ => {
            let gaussian = MatchedGaussian::new(units.as_ref(), pool);
            let draw = |number| {
                let units = gaussian.draw(options.seed, number, pool);
                statistics_of(units.as_ref(), options.rows, options.edge_threshold, pool)
            };
            (0..options.draws).filter_map(draw).unzip()
        }
    };
    let isotropic = (n >= 2).then(|| Isotropic::new(n, m, options.edge_threshold));
    let compare = |isotropic: Option<NullDistribution>,
                   statistic: fn(&PairStatistics) -> Option<f64>| {
        let values: Option<Vec<f64>> = draws.iter().map(statistic).collect();
        NullComparison {
            observed: observed.as_ref().and_then(statistic),
            isotropic,
            matched: values
                .filter(|values| !values.is_empty())
                .map(NullDistribution::simulated),
        }
    };
    let null = isotropic.as_ref();
    NullBaselines {
        n_represented: n,
        n_hidden: m,
        draws: options.draws,
        seed: options.seed,
        edge_threshold: options.edge_threshold,
        rows: options.rows.min(n),
        mean_interference: compare(null.map(|i| i.mean_interference), |s| {
            Some(s.mean_interference)
        }),
        nearest_cosine_mean: compare(null.map(|i| i.nearest(|d| d.mean)), |s| {
            Some(s.nearest_cosine_mean)
        }),
        nearest_cosine_p05: compare(null.map(|i| i.nearest(|d| quantiles(d).p05)), |s| {
            Some(s.nearest_cosine_p05)
        }),
        nearest_cosine_median: compare(null.map(|i| i.nearest(|d| quantiles(d).median)), |s| {
            Some(s.nearest_cosine_median)
        }),
        nearest_cosine_p95: compare(null.map(|i| i.nearest(|d| quantiles(d).p95)), |s| {
            Some(s.nearest_cosine_p95)
        }),
        max_cosine: compare(null.map(|i| i.largest), |s| s.max_cosine),
        min_cosine: compare(null.map(|i| i.largest.negated()), |s| s.min_cosine),
        mean_degree: compare(null.map(|i| i.mean_degree), |s| Some(s.mean_degree)),
        feature_interference: FeatureNull::new(
            n,
            null.map(|_| IsotropicCosine::new(m)),
            &interference,
        ),
    }
}

/// The closed forms for n >= 2 uniform directions.
struct Isotropic {
    mean_interference: NullDistribution,
    mean_degree: NullDistribution,
    /// Of one feature's nearest cosine.
    nearest: NullDistribution,
    /// Of the largest cosine of all pairs.
    largest: NullDistribution,
}

impl Isotropic {
    fn new(n: usize, m: usize, threshold: f64) -> Self {
        let cosine = IsotropicCosine::new(m);
        let n = n as f64;
        let pairs = 0.5 * n * (n - 1.0);
        let edge = cosine.survival_sq(threshold);
        let of_mean = |mean, variance: f64| NullDistribution::of_mean(mean, Some(variance.sqrt()));
        Self {
            mean_interference: of_mean(cosine.mean_sq(), cosine.variance_sq() / pairs),
            mean_degree: of_mean(
                (n - 1.0) * edge,
                pairs * edge * (1.0 - edge) * (2.0 / n) * (2.0 / n),
            ),
            nearest: cosine.largest_of(n - 1.0),
            largest: cosine.largest_of(pairs),
        }
    }

    /// A number of the distribution of the nearest cosine, as the mean of a statistic over the features.
    fn nearest(&self, number: fn(&NullDistribution) -> f64) -> NullDistribution {
        NullDistribution::of_mean(number(&self.nearest), None)
    }
}

fn quantiles(of: &NullDistribution) -> Quantiles {
    of.quantiles
        .expect("the largest of some cosines has quantiles")
}
