//! Everything about a dictionary in one call.

use crate::clusters::{ClusterSummary, Clusters, members};
use crate::coherence::{PairCosine, RepresentedPairs};
use crate::dimensionality::{dimensionality_of, dimensions_per_feature_of};
use crate::directions::{Directions, Lengths};
use crate::frame::tightness_of;
use crate::interference::{mean, mean_interference_tight, mean_over_others, welch_bound};
use crate::kernel::ThreadPool;
use crate::neighbors::Neighbors;
use crate::pairs::{PairSearch, visit_pairs};
use crate::squares::SquareSums;
use crate::weighted_frame::{Request, Totals, totals};
use crate::{AnalysisError, Real, check_finite};
use faer::MatRef;

/// What [`analyze`] counts as a feature and as a cluster, and with how many threads it works.
///
/// ```
/// use superposition_analysis::AnalysisOptions;
/// let options = AnalysisOptions::default().with_min_norm(0.5).with_threads(2);
/// assert_eq!((options.min_norm, options.cluster_threshold, options.threads), (0.5, 0.5, 2));
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(default)
)]
#[non_exhaustive]
pub struct AnalysisOptions {
    /// A feature is represented if its norm is above this. Default 0; 0.5 suits a toy model, whose norms are near 0 or near 1. Finite, at least 0.
    pub min_norm: f64,
    /// Two features are in one cluster if their cos^2 is above this. Default 0.5. In [0, 1].
    pub cluster_threshold: f64,
    /// How many of the nearest and of the most opposed features are listed for each. Default 1.
    pub neighbors: usize,
    /// Whether pairs are compared one by one. By default they are.
    pub pairs: Pairs,
    /// Number of threads, at least 1. Default 1. It changes no bit of the results, and is not serialized.
    #[cfg_attr(feature = "serde", serde(skip, default = "one_thread"))]
    pub threads: usize,
}

#[cfg(feature = "serde")]
fn one_thread() -> usize {
    1
}

impl Default for AnalysisOptions {
    fn default() -> Self {
        Self {
            min_norm: 0.0,
            cluster_threshold: 0.5,
            neighbors: 1,
            pairs: Pairs::Compared,
            threads: 1,
        }
    }
}

impl AnalysisOptions {
    /// The same with another `min_norm`.
    #[must_use]
    pub fn with_min_norm(self, min_norm: f64) -> Self {
        Self { min_norm, ..self }
    }

    /// The same with another `cluster_threshold`.
    #[must_use]
    pub fn with_cluster_threshold(self, cluster_threshold: f64) -> Self {
        Self {
            cluster_threshold,
            ..self
        }
    }

    /// The same with another number of neighbours.
    #[must_use]
    pub fn with_neighbors(self, neighbors: usize) -> Self {
        Self { neighbors, ..self }
    }

    /// The same with pairs compared or not.
    #[must_use]
    pub fn with_pairs(self, pairs: Pairs) -> Self {
        Self { pairs, ..self }
    }

    /// The same with another number of threads.
    #[must_use]
    pub fn with_threads(self, threads: usize) -> Self {
        Self { threads, ..self }
    }

    /// What the pass over pairs looks for; none if pairs are skipped.
    pub(crate) fn pair_search(&self) -> Option<PairSearch> {
        (self.pairs != Pairs::Skipped).then(|| PairSearch {
            // The extremes are wanted in any case.
            neighbors: self.neighbors.max(1),
            threshold: Some(self.cluster_threshold),
            list_edges: self.pairs == Pairs::Listed,
        })
    }

    /// The threads of an analysis, if the options are valid.
    pub(crate) fn pool(&self) -> Result<ThreadPool, AnalysisError> {
        self.validate()?;
        Ok(ThreadPool::new(self.threads))
    }

    pub(crate) fn validate(&self) -> Result<(), AnalysisError> {
        let invalid = |name, value, expected| {
            Err(AnalysisError::InvalidOption {
                name,
                value,
                expected,
            })
        };
        if !(self.min_norm.is_finite() && self.min_norm >= 0.0) {
            return invalid("min_norm", self.min_norm, "finite and at least 0");
        }
        if !(0.0..=1.0).contains(&self.cluster_threshold) {
            return invalid(
                "cluster_threshold",
                self.cluster_threshold,
                "a cos^2 between 0 and 1",
            );
        }
        if self.threads == 0 {
            return invalid("threads", 0.0, "at least 1");
        }
        Ok(())
    }
}

/// Whether [`analyze`] compares every pair of features, in O(n^2 m), or stays with what sums over pairs say, in O(n m^2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
pub enum Pairs {
    /// Extreme cosines, neighbours, degrees and clusters are found.
    #[default]
    Compared,
    /// The same, and the edges are listed: as [`edges`](crate::edges) does, over the represented features.
    Listed,
    /// They are left out: `None` or empty.
    Skipped,
}

/// Mean, spread and range of the feature norms.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct NormSummary {
    /// The mean.
    pub mean: f64,
    /// The standard deviation of the population: divided by n.
    pub std: f64,
    /// The smallest.
    pub min: f64,
    /// The largest.
    pub max: f64,
}

/// Mean and range of the feature dimensionalities.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct DimensionalitySummary {
    /// The mean.
    pub mean: f64,
    /// The smallest.
    pub min: f64,
    /// The largest.
    pub max: f64,
}

/// What [`analyze`] finds about one feature.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct FeatureRow {
    /// The index of the feature: its column in W.
    pub feature: usize,
    /// Its norm.
    pub norm: f64,
    /// Its dimensionality `$D_i$` among all features; 0 for a zero feature.
    pub dimensionality: f64,
    /// The mean of cos^2 over the other represented features; 0 if there are none or it is not represented itself.
    pub mean_interference: f64,
    /// The largest cosine with another represented feature; `None` without one.
    pub max_cosine: Option<f64>,
    /// The feature with that cosine; the smallest index among equals.
    pub nearest: Option<usize>,
    /// The smallest cosine with another represented feature; `None` without one.
    pub min_cosine: Option<f64>,
    /// The feature with that cosine; the smallest index among equals.
    pub most_opposed: Option<usize>,
    /// The number of other represented features with cos^2 above the threshold of the clusters; `None` if it is not represented.
    pub degree: Option<usize>,
    /// Its cluster, numbered from 0 in the order of their smallest members; `None` if it is not represented.
    pub cluster: Option<usize>,
}

/// What [`analyze`] finds about a dictionary.
///
/// With the feature `serde` the keys of the JSON object are the names of the fields; `features`, `neighbors` and `edges` are left out.
/// Norm-weighted quantities (norms, `frobenius_sq`, dimensionalities, frame potential and tightness) are over all features;
/// what is about pairs of directions is over the represented ones, `mean_interference_all` excepted.
///
/// ```
/// use superposition_analysis::{AnalysisOptions, analyze, from_columns};
/// // An antipodal pair in the plane.
/// let w = from_columns(&[1.0, 0.0, -1.0, 0.0], 2, 2);
/// let report = analyze(w, &AnalysisOptions::default())?;
/// assert_eq!(report.feature_dimensionality.mean, 0.5);
/// assert_eq!(report.min_cosine.unwrap().value, -1.0);
/// # Ok::<(), superposition_analysis::AnalysisError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct DictionaryReport {
    /// Number of features, n.
    pub n_features: usize,
    /// Number of hidden dimensions, m.
    pub n_hidden: usize,
    /// Number of features with a norm above `min_norm`.
    pub n_represented: usize,
    /// The feature norms.
    pub feature_norms: NormSummary,
    /// The threshold of the norm, as in the options.
    pub min_norm: f64,
    /// `$\lVert W \rVert_F^2$`.
    pub frobenius_sq: f64,
    /// `$m / \lVert W \rVert_F^2$`, which says something about toy models only; `None` for a zero matrix.
    pub dimensions_per_feature: Option<f64>,
    /// `$\sum_i D_i$`.
    pub total_dimensionality: f64,
    /// The feature dimensionalities.
    pub feature_dimensionality: DimensionalitySummary,
    /// Mean cos^2 over the ordered pairs of represented features; 0 if there are fewer than two.
    pub mean_interference: f64,
    /// Mean cos^2 over all ordered pairs, zero features with cosine 0; 0 for one feature.
    pub mean_interference_all: f64,
    /// What random directions have: 1/m.
    pub mean_interference_chance: f64,
    /// What a unit-norm tight frame of the represented features has, the smallest possible; see [`mean_interference_tight`](crate::mean_interference_tight).
    pub mean_interference_tight: f64,
    /// The largest absolute cosine; `None` with fewer than two represented features.
    pub coherence: Option<PairCosine>,
    /// The largest cosine.
    pub max_cosine: Option<PairCosine>,
    /// The smallest cosine.
    pub min_cosine: Option<PairCosine>,
    /// The smallest possible coherence of the represented features.
    pub welch_bound: f64,
    /// `$\lVert W^T W \rVert_F^2$` with the norms as given.
    pub frame_potential: f64,
    /// The frame potential over its smallest possible value; `None` for a zero matrix.
    pub tightness: Option<f64>,
    /// The mean number of other represented features with cos^2 above the threshold of the clusters; `None` without a represented feature.
    pub mean_degree: Option<f64>,
    /// The clusters of represented features; `None` if pairs were not compared.
    pub clusters: Option<ClusterSummary>,
    /// A row for every feature, in order.
    #[cfg_attr(feature = "serde", serde(skip))]
    pub features: Vec<FeatureRow>,
    /// The nearest and the most opposed features of every one, as many as the options say; no lists if pairs were not compared.
    #[cfg_attr(feature = "serde", serde(skip))]
    pub neighbors: Neighbors,
    /// The pairs of represented features with cos^2 above the threshold of the clusters, i < j, in lexicographic order, if they were to be listed.
    #[cfg_attr(feature = "serde", serde(skip))]
    pub edges: Vec<PairCosine>,
}

impl DictionaryReport {
    /// The features of every cluster in order, clusters by their smallest member.
    #[must_use]
    pub fn cluster_members(&self) -> Vec<Vec<usize>> {
        members(self.features.iter().map(|row| row.cluster))
    }

    /// Represented features per hidden dimension; see [`superposition_score`](crate::superposition_score).
    #[must_use]
    pub fn superposition_score(&self) -> f64 {
        self.n_represented as f64 / self.n_hidden as f64
    }
}

/// Analyses the m x n matrix W, whose columns are feature directions, in one call.
///
/// The caller's values are read in place.
/// Sums over pairs go through the m x m frame operator; the extreme pairs and the clusters come from blocks of products of 8-bit or 16-bit integers, which the f64 dot product of the stored values decides, so the n x n matrix never exists.
/// Up to 10 features a dimension, on machines with tiles for products of bytes (AMX), those blocks are cosines in four digits of 8 bits, and their squares are the sums.
/// O(n^2 m) time divided by `threads`; memory of an f32 copy of W at the most, and a few m x m matrices.
/// The bits of the result do not depend on `threads`.
///
/// A dictionary of extreme scale may have a `frobenius_sq` or `frame_potential` of 0 or infinity; all ratios are right even then.
///
/// # Errors
/// For a matrix without rows or columns, an element that is not finite, and an option outside its range.
///
/// ```
/// use superposition_analysis::{AnalysisOptions, analyze, from_columns};
/// // A digon in the first dimension and a feature of norm 2 in the second.
/// let w = from_columns(&[1.0_f32, 0.0, -1.0, 0.0, 0.0, 2.0], 2, 3);
/// let report = analyze(w, &AnalysisOptions::default())?;
/// assert_eq!(report.total_dimensionality, 2.0);
/// assert_eq!(report.min_cosine.unwrap().value, -1.0);
/// assert_eq!(report.frame_potential, 4.0 + 16.0);
/// assert_eq!(report.cluster_members(), [vec![0, 1], vec![2]]);
/// assert_eq!(report.features[1].most_opposed, Some(0));
/// # Ok::<(), superposition_analysis::AnalysisError>(())
/// ```
pub fn analyze<T: Real>(
    w: MatRef<'_, T>,
    options: &AnalysisOptions,
) -> Result<DictionaryReport, AnalysisError> {
    analyze_in(&options.pool()?, w, options)
}

/// As [`analyze`], bit for bit, with the threads of a pool in place of the number in the options.
///
/// For many small dictionaries: of the time that one of 2,000 x 256 takes with two threads, a tenth goes into starting one and ending it.
///
/// # Errors
/// Those of [`analyze`].
///
/// ```
/// use superposition_analysis::{AnalysisOptions, ThreadPool, analyze, analyze_in, from_columns};
/// let (pool, options) = (ThreadPool::new(2), AnalysisOptions::default());
/// for x in [0.0_f32, 0.5, 1.0] {
///     let values = [1.0, 0.0, x, 1.0];
///     let w = from_columns(&values, 2, 2);
///     assert_eq!(analyze_in(&pool, w, &options)?, analyze(w, &options)?);
/// }
/// # Ok::<(), superposition_analysis::AnalysisError>(())
/// ```
pub fn analyze_in<T: Real>(
    pool: &ThreadPool,
    w: MatRef<'_, T>,
    options: &AnalysisOptions,
) -> Result<DictionaryReport, AnalysisError> {
    options.validate()?;
    let directions = checked_directions(w, pool)?;
    Ok(analyze_directions(&directions, options, pool))
}

/// Checks the matrix and takes it apart.
pub(crate) fn checked_directions<'a, T: Real>(
    w: MatRef<'a, T>,
    pool: &ThreadPool,
) -> Result<Directions<'a, T>, AnalysisError> {
    check_not_empty(w.shape())?;
    let directions = Directions::new(w, pool);
    if directions
        .lengths
        .measures()
        .iter()
        .any(|m| !m.square.is_finite())
    {
        check_finite(w)?;
    }
    Ok(directions)
}

/// Of m x n.
pub(crate) fn check_not_empty((m, n): (usize, usize)) -> Result<(), AnalysisError> {
    if m == 0 || n == 0 {
        return Err(AnalysisError::Empty {
            n_features: n,
            n_hidden: m,
        });
    }
    Ok(())
}

/// As [`analyze`], from what [`checked_directions`] returns.
pub(crate) fn analyze_directions<T: Real>(
    directions: &Directions<'_, T>,
    options: &AnalysisOptions,
    pool: &ThreadPool,
) -> DictionaryReport {
    let lengths = &directions.lengths;
    let (m, n) = (directions.n_hidden(), directions.n_features());
    let represented = lengths.represented(options.min_norm);
    let (mut pairs, mut forms) = (None, None);
    if let Some(search) = options.pair_search() {
        let squares = SquareSums::new(lengths, &represented, m);
        let mut found = visit_pairs(directions, &represented, search, squares, pool);
        forms = found.squares.take().map(|squares| squares.forms(m));
        pairs = Some(RepresentedPairs::of_all(found, &represented, n));
    }
    let weights = SumWeights::new(lengths, &represented);
    let totals = totals(directions, &weights.requests(lengths), forms, pool);
    let sums = weights.sums(lengths, &represented, totals);
    report(lengths, m, &represented, sums, pairs, options)
}

/// What is known of all features from sums over the others.
pub(crate) struct Sums {
    pub(crate) dimensionality: Vec<f64>,
    /// The frame potential of the columns as [`Lengths`] scale them.
    pub(crate) potential: f64,
    pub(crate) interference: Interference,
}

/// The weights of the features in the sums of a report.
pub(crate) struct SumWeights {
    /// One for every represented feature.
    represented: Vec<f64>,
    /// One for every feature that has a direction, where those are others.
    all: Option<Vec<f64>>,
}

impl SumWeights {
    pub(crate) fn new(lengths: &Lengths, represented: &[usize]) -> Self {
        let n = lengths.n_features();
        let mut ones = vec![0.0; n];
        represented.iter().for_each(|&i| ones[i] = 1.0);
        Self {
            represented: ones,
            all: (represented.len() != n).then(|| lengths.unit_weights()),
        }
    }

    pub(crate) fn requests<'a>(&'a self, lengths: &'a Lengths) -> Vec<Request<'a>> {
        let mut requests = vec![Request::of_others(lengths), Request::of(&self.represented)];
        requests.extend(self.all.as_ref().map(|all| Request::of(all)));
        requests
    }

    /// From what was found for the requests.
    pub(crate) fn sums(
        self,
        lengths: &Lengths,
        represented: &[usize],
        Totals {
            mut sums,
            potential,
        }: Totals,
    ) -> Sums {
        let n = lengths.n_features();
        let all = self
            .all
            .map(|all| mean(&mean_over_others(sums.swap_remove(2), &all, n)));
        let by_feature =
            mean_over_others(sums.swap_remove(1), &self.represented, represented.len());
        let total: f64 = represented.iter().map(|&i| by_feature[i]).sum();
        let of_represented = total / represented.len().max(1) as f64;
        Sums {
            dimensionality: dimensionality_of(&sums[0], &lengths.norms),
            potential,
            interference: Interference {
                by_feature,
                represented: of_represented,
                all: all.unwrap_or(of_represented),
            },
        }
    }
}

/// Puts together what was found about a dictionary.
pub(crate) fn report(
    lengths: &Lengths,
    m: usize,
    represented: &[usize],
    sums: Sums,
    found: Option<RepresentedPairs>,
    options: &AnalysisOptions,
) -> DictionaryReport {
    let n = lengths.n_features();
    let Sums {
        dimensionality,
        potential,
        interference,
    } = sums;
    let pairs = found.as_ref();
    let clusters = pairs.map(|pairs| Clusters {
        threshold: options.cluster_threshold,
        labels: pairs.clusters.clone(),
    });
    let mean_degree = pairs
        .filter(|_| !represented.is_empty())
        .map(|pairs| pairs.degrees.iter().sum::<usize>() as f64 / represented.len() as f64);
    let frobenius_sq: f64 = lengths.relative.iter().map(|r| r * r).sum();

    let mut features: Vec<FeatureRow> = (0..n)
        .map(|i| FeatureRow {
            feature: i,
            norm: lengths.norms[i],
            dimensionality: dimensionality[i],
            mean_interference: interference.by_feature[i],
            max_cosine: None,
            nearest: None,
            min_cosine: None,
            most_opposed: None,
            degree: None,
            cluster: None,
        })
        .collect();
    if let Some(pairs) = pairs {
        for (i, row) in features.iter_mut().enumerate() {
            if let Some(nearest) = pairs.neighbors.nearest.of(i).first() {
                row.max_cosine = Some(nearest.cosine);
                row.nearest = Some(nearest.feature);
            }
            if let Some(most_opposed) = pairs.neighbors.most_opposed.of(i).first() {
                row.min_cosine = Some(most_opposed.cosine);
                row.most_opposed = Some(most_opposed.feature);
            }
            row.cluster = pairs.clusters[i];
            // Only a represented feature is in a cluster.
            row.degree = row.cluster.map(|_| pairs.degrees[i]);
        }
    }
    let coherence = pairs.and_then(RepresentedPairs::coherence);
    let max_cosine = pairs.and_then(RepresentedPairs::max_cosine);
    let min_cosine = pairs.and_then(RepresentedPairs::min_cosine);
    let (mut neighbors, edges) =
        found.map_or_else(Default::default, |found| (found.neighbors, found.edges));
    if options.neighbors == 0 {
        neighbors = Neighbors::default();
    }

    DictionaryReport {
        n_features: n,
        n_hidden: m,
        n_represented: represented.len(),
        feature_norms: summarize_norms(lengths),
        min_norm: options.min_norm,
        frobenius_sq: lengths.rescale(frobenius_sq, 2),
        dimensions_per_feature: dimensions_per_feature_of(lengths, m),
        total_dimensionality: dimensionality.iter().sum(),
        feature_dimensionality: DimensionalitySummary {
            mean: mean(&dimensionality),
            min: smallest(&dimensionality),
            max: largest(&dimensionality),
        },
        mean_interference: interference.represented,
        mean_interference_all: interference.all,
        mean_interference_chance: 1.0 / m as f64,
        mean_interference_tight: mean_interference_tight(represented.len(), m),
        coherence,
        max_cosine,
        min_cosine,
        welch_bound: welch_bound(represented.len(), m),
        frame_potential: lengths.rescale(potential, 4),
        tightness: tightness_of(lengths, m, potential),
        mean_degree,
        clusters: clusters.map(|clusters| clusters.summary()),
        features,
        neighbors,
        edges,
    }
}

/// The means of cos^2.
pub(crate) struct Interference {
    /// Over the other represented features; 0 for a feature that is not represented.
    by_feature: Vec<f64>,
    represented: f64,
    all: f64,
}

/// Computed from the scaled norms, whose squares neither overflow nor underflow.
fn summarize_norms(lengths: &Lengths) -> NormSummary {
    let scaled = &lengths.relative;
    let mean = mean(scaled);
    let variance =
        scaled.iter().map(|r| (r - mean) * (r - mean)).sum::<f64>() / scaled.len() as f64;
    NormSummary {
        mean: lengths.rescale(mean, 1),
        std: lengths.rescale(variance.sqrt(), 1),
        min: smallest(&lengths.norms),
        max: largest(&lengths.norms),
    }
}

fn smallest(values: &[f64]) -> f64 {
    values.iter().copied().fold(f64::INFINITY, f64::min)
}

fn largest(values: &[f64]) -> f64 {
    values.iter().copied().fold(f64::NEG_INFINITY, f64::max)
}
