//! Interference weighted by how often features are active together.

use crate::directions::Directions;
use crate::kernel::ThreadPool;
use crate::parallel::{block_range, map_blocks};
use crate::report::checked_directions;
use crate::weighted_frame::{Request, off_diagonal_sums};
use crate::{AnalysisError, AnalysisOptions, Real};
use faer::MatRef;

/// Samples that one block of work takes.
const SAMPLE_BLOCK: usize = 64;
/// Blocks whose results are held before they are added up.
const BLOCKS_AT_ONCE: usize = 64;

/// Which features are active in each of a number of samples: the sparse form of a pattern n x N.
///
/// ```
/// use superposition_analysis::{ActiveSets, from_columns};
/// // Three features, two samples.
/// let activations = from_columns(&[0.0_f32, 0.7, 0.2, 0.0, 0.0, -0.1], 3, 2);
/// let sets = ActiveSets::from_activations(activations, 0.0)?;
/// assert_eq!(sets, ActiveSets::from_lists(3, &[[1, 2].as_slice(), &[2]]));
/// assert_eq!((sets.n_features(), sets.n_samples()), (3, 2));
/// assert_eq!(sets.sample(0), [1, 2]);
/// # Ok::<(), superposition_analysis::AnalysisError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActiveSets {
    n_features: usize,
    /// The features of all samples one after the other, increasing within each.
    features: Vec<usize>,
    /// Where each sample ends.
    ends: Vec<usize>,
}

impl ActiveSets {
    /// The features with `$|a| >$ threshold` in each column of the activations, n x N with a sample per column.
    ///
    /// What is not active here is what [`feature_sparsity`](crate::feature_sparsity) counts.
    ///
    /// # Errors
    /// For an activation that is NaN: it is neither.
    pub fn from_activations<T: Real>(
        activations: MatRef<'_, T>,
        threshold: f64,
    ) -> Result<Self, AnalysisError> {
        let (n, n_samples) = activations.shape();
        let mut sets = Self::empty(n, n_samples);
        for sample in 0..n_samples {
            for feature in 0..n {
                let value = activations[(feature, sample)].to_f64();
                if value.is_nan() {
                    return Err(AnalysisError::SampleNotFinite {
                        name: "activations",
                        index: sample,
                        value,
                    });
                }
                if value.abs() > threshold {
                    sets.features.push(feature);
                }
            }
            sets.ends.push(sets.features.len());
        }
        Ok(sets)
    }

    /// From a list of the active features of each sample, in any order; a feature named twice counts once.
    ///
    /// # Panics
    /// If a list names a feature that is not below `n_features`.
    #[must_use]
    #[track_caller]
    pub fn from_lists<L: AsRef<[usize]>>(n_features: usize, lists: &[L]) -> Self {
        let mut sets = Self::empty(n_features, lists.len());
        for (sample, list) in lists.iter().enumerate() {
            let mut active = list.as_ref().to_vec();
            active.sort_unstable();
            active.dedup();
            if let Some(last) = active.last() {
                assert!(
                    *last < n_features,
                    "sample {sample} names feature {last} of {n_features}"
                );
            }
            sets.features.extend(active);
            sets.ends.push(sets.features.len());
        }
        sets
    }

    fn empty(n_features: usize, n_samples: usize) -> Self {
        Self {
            n_features,
            features: Vec::new(),
            ends: Vec::with_capacity(n_samples),
        }
    }

    /// Number of features, n.
    #[must_use]
    pub fn n_features(&self) -> usize {
        self.n_features
    }

    /// Number of samples, N.
    #[must_use]
    pub fn n_samples(&self) -> usize {
        self.ends.len()
    }

    /// The active features of a sample, in order.
    ///
    /// # Panics
    /// If there is no such sample.
    #[must_use]
    #[track_caller]
    pub fn sample(&self, sample: usize) -> &[usize] {
        let start = match sample {
            0 => 0,
            _ => self.ends[sample - 1],
        };
        &self.features[start..self.ends[sample]]
    }
}

/// What is known of how often two features are active together.
#[derive(Debug, Clone, Copy)]
pub enum Activity<'a> {
    /// Nothing: every pair weighs the same, as if both were always active.
    Unknown,
    /// The probability `$p_i$` that feature i is active, for every feature. Features are taken as independent: a pair meets with probability `$p_i p_j$`.
    Rates(&'a [f64]),
    /// The active features of samples: a pair meets as often as it is seen to.
    Samples(&'a ActiveSets),
}

/// How the pairs of an [`ActivityInterference`] were weighted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case", tag = "by")
)]
#[non_exhaustive]
pub enum PairWeighting {
    /// Not at all.
    Unweighted,
    /// By the product of the firing rates: independence was assumed.
    Rates,
    /// By the share of samples in which both are active.
    Samples {
        /// Number of samples.
        n_samples: usize,
    },
}

/// Interference weighted by how often pairs meet; made by [`activity_interference`].
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct ActivityInterference {
    /// Where the weights come from.
    pub weighting: PairWeighting,
    /// `$\sum_{i \ne j} c_{ij} \cos_{ij}^2$`: the expected sum of cos^2 over the ordered pairs of features active at one time.
    pub total: f64,
    /// `$\sum_{i \ne j} c_{ij}$`: the expected number of these pairs.
    pub pairs: f64,
    /// Their quotient, the mean cos^2 of two features that are active together; `None` where no pair ever is.
    pub mean: Option<f64>,
    /// For every feature i `$\sum_{j \ne i} c_{ij} \cos_{ij}^2 / c_i$`: the cos^2 it meets on average while it is active, summed over all others. 0 for a feature that is never active or not represented.
    pub by_feature: Vec<f64>,
}

/// The squared cosines of a dictionary weighted by how often two features are active together:
///
/// ```math
/// c_{ij} = p_i p_j \quad\text{or}\quad c_{ij} = \frac{\#\{\text{samples with i and j active}\}}{N}
/// ```
///
/// and `$c_i = p_i$` or the share of samples with i active. [`Activity::Unknown`] has `$c_i = c_{ij} = 1$`, and so `mean` is the [`mean_interference`](crate::mean_interference) of the represented features.
/// Two features that never meet do not interfere however close they are: antipodal or parallel features that exclude each other count nothing here and everything in the unweighted mean.
///
/// Over the features with a norm above the options' `min_norm`. W is m x n.
/// With rates through the frame operator `$\sum_j p_j \hat W_j \hat W_j^T$` in O(n m min(n, m)) time; with samples O(a m min(a, m)) for each sample with a active features. O(n m) memory, never n x n for n > m.
/// The bits of the result do not depend on `threads`.
///
/// # Errors
/// For a matrix without rows or columns, an element that is not finite, a rate outside [0, 1], no samples, and an option outside its range.
///
/// # Panics
/// If the number of rates, or of features of the samples, is not n.
///
/// ```
/// use superposition_analysis::{ActiveSets, Activity, AnalysisOptions, activity_interference, from_columns};
/// # let options = AnalysisOptions::default();
/// // A digon and a third feature at 45 degrees to both ends.
/// let h = 0.5_f64.sqrt();
/// let values = [1.0, 0.0, -1.0, 0.0, h, h];
/// let w = from_columns(&values, 2, 3);
/// // The two ends of the digon are never active together.
/// let sets = ActiveSets::from_lists(3, &[[0, 2].as_slice(), &[1, 2], &[0], &[1]]);
/// let seen = activity_interference(w, Activity::Samples(&sets), &options)?;
/// assert!((seen.mean.unwrap() - 0.5).abs() < 1e-15);
/// // Half of the samples hold a pair, in both orders; feature 0 meets another in every second of its samples.
/// assert_eq!(seen.pairs, 1.0);
/// assert!((seen.by_feature[0] - 0.25).abs() < 1e-15);
/// let unweighted = activity_interference(w, Activity::Unknown, &options)?;
/// assert!((unweighted.mean.unwrap() - 2.0 / 3.0).abs() < 1e-15);
/// # Ok::<(), superposition_analysis::AnalysisError>(())
/// ```
///
/// # References
/// Elhage et al. 2022, *Toy Models of Superposition*, on correlated and anti-correlated features, for why co-occurrence decides what interference costs.
#[track_caller]
pub fn activity_interference<T: Real>(
    w: MatRef<'_, T>,
    activity: Activity<'_>,
    options: &AnalysisOptions,
) -> Result<ActivityInterference, AnalysisError> {
    let n = w.ncols();
    let given = match activity {
        Activity::Unknown => n,
        Activity::Rates(rates) => rates.len(),
        Activity::Samples(sets) => sets.n_features(),
    };
    assert!(
        given == n,
        "activity of {given} features for {n}: there must be as many of each"
    );
    let pool = options.pool()?;
    let directions = checked_directions(w, &pool)?;
    let mut represented = vec![false; n];
    for i in directions.lengths.represented(options.min_norm) {
        represented[i] = true;
    }
    match activity {
        Activity::Unknown => Ok(independent(
            &directions,
            represented
                .iter()
                .map(|&r| f64::from(u8::from(r)))
                .collect(),
            PairWeighting::Unweighted,
            &pool,
        )),
        Activity::Rates(rates) => {
            check_rates(rates)?;
            let rates = rates.iter().zip(&represented);
            Ok(independent(
                &directions,
                rates.map(|(&p, &r)| if r { p } else { 0.0 }).collect(),
                PairWeighting::Rates,
                &pool,
            ))
        }
        Activity::Samples(sets) if sets.n_samples() == 0 => Err(AnalysisError::TooFewSamples {
            n_samples: 0,
            needed: 1,
        }),
        Activity::Samples(sets) => Ok(counted(&directions, sets, &represented, &pool)),
    }
}

pub(crate) fn check_rates(rates: &[f64]) -> Result<(), AnalysisError> {
    match rates.iter().position(|p| !(0.0..=1.0).contains(p)) {
        None => Ok(()),
        Some(feature) => Err(AnalysisError::InvalidRate {
            feature,
            value: rates[feature],
        }),
    }
}

/// Pairs weighted by the product of their rates; features to leave out have a rate of 0.
fn independent<T: Real>(
    directions: &Directions<'_, T>,
    rates: Vec<f64>,
    weighting: PairWeighting,
    pool: &ThreadPool,
) -> ActivityInterference {
    let roots: Vec<f64> = rates.iter().map(|p| p.sqrt()).collect();
    let sums = off_diagonal_sums(directions, Request::of(&roots), pool);
    by_rates(sums, &rates, weighting)
}

/// From the sums of cos^2 over the others weighted by their rates.
pub(crate) fn by_rates(
    mut by_feature: Vec<f64>,
    rates: &[f64],
    weighting: PairWeighting,
) -> ActivityInterference {
    for (sum, &rate) in by_feature.iter_mut().zip(rates) {
        if rate == 0.0 {
            *sum = 0.0;
        }
    }
    let total = by_feature.iter().zip(rates).map(|(sum, p)| p * sum).sum();
    // Each pair once and doubled: the sum of all rates less one's own could cancel.
    let mut before = 0.0;
    let mut pairs = 0.0;
    for p in rates {
        pairs += 2.0 * p * before;
        before += p;
    }
    ActivityInterference::new(weighting, total, pairs, by_feature)
}

/// Pairs weighted by the samples in which both are active.
fn counted<T: Real>(
    directions: &Directions<'_, T>,
    sets: &ActiveSets,
    represented: &[bool],
    pool: &ThreadPool,
) -> ActivityInterference {
    let active = |sample: usize| -> Vec<usize> {
        let features = sets.sample(sample).iter().copied();
        features.filter(|&i| represented[i]).collect()
    };
    let mut sums = vec![0.0; represented.len()];
    let mut counts = vec![0.0; represented.len()];
    let (mut total, mut pairs) = (0.0, 0.0);
    let round = SAMPLE_BLOCK * BLOCKS_AT_ONCE;
    for start in (0..sets.n_samples()).step_by(round) {
        let end = sets.n_samples().min(start + round);
        let blocks = map_blocks(pool, (end - start).div_ceil(SAMPLE_BLOCK), |block| {
            block_range(block, SAMPLE_BLOCK, end - start)
                .map(|sample| sums_within(directions, &active(start + sample)))
                .collect::<Vec<_>>()
        });
        // In the order of the samples, whatever the threads.
        for (sample, within) in (start..end).zip(blocks.into_iter().flatten()) {
            let active = active(sample);
            for (&i, sum) in active.iter().zip(within) {
                sums[i] += sum;
                counts[i] += 1.0;
                total += sum;
            }
            pairs += active.len() as f64 * active.len().saturating_sub(1) as f64;
        }
    }
    for (sum, count) in sums.iter_mut().zip(counts) {
        if count > 0.0 {
            *sum /= count;
        }
    }
    let n_samples = sets.n_samples();
    ActivityInterference::new(
        PairWeighting::Samples { n_samples },
        total / n_samples as f64,
        pairs / n_samples as f64,
        sums,
    )
}

/// For every feature of a set the sum of cos^2 with the others of the set.
fn sums_within<T: Real>(directions: &Directions<'_, T>, features: &[usize]) -> Vec<f64> {
    if features.len() < 2 {
        return vec![0.0; features.len()];
    }
    let ones = vec![1.0; features.len()];
    let units = directions.gather(features);
    let alone = ThreadPool::new(1);
    let directions = Directions::new(units.as_ref(), &alone);
    off_diagonal_sums(&directions, Request::of(&ones), &alone)
}

impl ActivityInterference {
    fn new(weighting: PairWeighting, total: f64, pairs: f64, by_feature: Vec<f64>) -> Self {
        Self {
            weighting,
            total,
            pairs,
            mean: (pairs > 0.0).then(|| total / pairs),
            by_feature,
        }
    }
}
