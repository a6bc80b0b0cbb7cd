//! Two dictionaries compared in everything, beside what chance gives.

use super::gram::{gram_of, scaled};
use super::matching::{MatchMethod, MatchOptions, Matching, match_directions};
use super::metric::{Metric, Needs, Undefined};
use super::procrustes::procrustes_of;
use super::random::Gaussians;
use super::subspace::overlap_of;
use crate::directions::Units;
use crate::directions::column;
use crate::kernel::dot;
use crate::linalg::product;
use crate::{AnalysisError, Real, check_finite, linear_cka, linear_cka_debiased};
use faer::{Mat, MatRef};

/// What [`compare`] matches, and against how many draws of chance.
///
/// ```
/// use superposition_analysis::{CompareOptions, MatchOptions};
/// let options = CompareOptions::default().with_null_draws(Some(50)).with_seed(7);
/// assert_eq!((options.null_draws, options.matching), (Some(50), MatchOptions::default()));
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(default)
)]
#[non_exhaustive]
pub struct CompareOptions {
    /// How features are matched, and with how many threads.
    pub matching: MatchOptions,
    /// Draws of each baseline; each costs a comparison. Default `None`: 20, or 2 where the matching is [`MatchMethod::Sparse`], for dictionaries so large that the baselines hardly vary.
    pub null_draws: Option<usize>,
    /// Seed of the baselines. Default 0.
    pub seed: u64,
}

impl CompareOptions {
    /// The same with another `matching`.
    #[must_use]
    pub fn with_matching(self, matching: MatchOptions) -> Self {
        Self { matching, ..self }
    }

    /// The same with another number of `null_draws`.
    #[must_use]
    pub fn with_null_draws(self, null_draws: Option<usize>) -> Self {
        Self { null_draws, ..self }
    }

    /// The same with another `seed`.
    #[must_use]
    pub fn with_seed(self, seed: u64) -> Self {
        Self { seed, ..self }
    }
}

/// A metric over draws of a baseline.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct NullQuantiles {
    /// The mean.
    pub mean: f64,
    /// The smallest value.
    pub min: f64,
    /// The 5 % quantile, interpolated linearly between the order statistics.
    pub quantile_05: f64,
    /// The median.
    pub median: f64,
    /// The 95 % quantile.
    pub quantile_95: f64,
    /// The largest value.
    pub max: f64,
}

impl NullQuantiles {
    /// `None` without values.
    fn new(mut values: Vec<f64>) -> Option<Self> {
        values.sort_by(f64::total_cmp);
        let last = values.len().checked_sub(1)?;
        let quantile = |q: f64| {
            let place = q * last as f64;
            let below = place as usize;
            let (low, high) = (values[below], values[(below + 1).min(last)]);
            low + (place - below as f64) * (high - low)
        };
        Some(Self {
            mean: values.iter().sum::<f64>() / values.len() as f64,
            min: values[0],
            quantile_05: quantile(0.05),
            median: quantile(0.5),
            quantile_95: quantile(0.95),
            max: values[last],
        })
    }
}

/// A metric of a comparison beside what chance gives.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Score {
    /// What is measured.
    pub metric: Metric,
    /// Its value, if it has one.
    pub value: Option<f64>,
    /// Why not, if it has none.
    pub undefined: Option<Undefined>,
    /// The same between A and random dictionaries: independent directions, uniform on the sphere, with the norms of B. `None` without draws, and for the overlap of subspaces, whose chance value is in closed form ([`SubspaceOverlap::chance`](crate::SubspaceOverlap::chance)).
    pub random: Option<NullQuantiles>,
    /// The same between A and B turned by random rotations, which keep the geometry of B: for the metrics that change then.
    pub rotated: Option<NullQuantiles>,
}

/// How alike two dictionaries are; made by [`compare`].
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Comparison {
    /// Features of A and of B.
    pub n_features: [usize; 2],
    /// Hidden dimensions of A and of B.
    pub n_hidden: [usize; 2],
    /// The overlap of random subspaces of the ranks of A and B, beside [`Metric::SubspaceOverlap`]; `None` where the hidden dimensions differ or a dictionary is zero.
    pub subspace_chance: Option<f64>,
    /// The one-to-one matching; `None` where the hidden dimensions differ.
    pub matching: Option<Matching>,
    /// Every [`Metric`], in the order of [`Metric::ALL`].
    pub scores: Vec<Score>,
    /// Draws of each baseline.
    pub null_draws: usize,
    /// Their seed.
    pub seed: u64,
}

impl Comparison {
    /// The score of one metric.
    ///
    /// # Panics
    /// If this comparison was put together without it; [`compare`] leaves none out.
    #[must_use]
    pub fn score(&self, metric: Metric) -> &Score {
        let mut scores = self.scores.iter();
        scores
            .find(|score| score.metric == metric)
            .expect("every metric has a score")
    }
}

/// Compares two dictionaries A, m_a x n_a, and B, m_b x n_b, by every [`Metric`], each beside two baselines.
///
/// Metrics of cosines between A and B need one hidden space (m_a = m_b); metrics of labels take feature i of A and feature i of B for the same feature (n_a = n_b).
/// Which are undefined, and why, is said in their [`Score`]. That there are labels is the caller's claim: for two sparse autoencoders feature i is in general not the same, and the label-matched metrics then say so by being what chance gives.
///
/// The baselines are dictionaries that have nothing to do with A: random ones, and B turned at random. The greatest of many cosines is far from 0 by chance, so MCC and MMCS mean nothing without them.
/// [`Comparison::verdict`] puts the result in words.
///
/// The cost of [`match_features`](crate::match_features) and of the m x m moments, for A and B and twice for each draw.
/// Equal seeds give equal results, for any number of threads.
///
/// # Errors
/// An option out of range, a dictionary without features or dimensions, an element that is not finite.
///
/// ```
/// use superposition_analysis::{CompareOptions, Metric, Verdict, compare, from_columns};
/// let a: Vec<f64> = (0..12).flat_map(|i| (0..4).map(move |k| f64::from((7 * i + 5 * k * k + i * k) % 11) - 5.0)).collect();
/// let (a, reversed): (_, Vec<f64>) = (from_columns(&a, 4, 12), a.chunks(4).rev().flatten().copied().collect());
/// let comparison = compare(a, from_columns(&reversed, 4, 12), &CompareOptions::default())?;
/// assert!(comparison.score(Metric::Mcc).value.unwrap() > 1.0 - 1e-12);
/// assert_eq!(comparison.verdict(), Some(Verdict::Permuted));
/// # Ok::<(), superposition_analysis::AnalysisError>(())
/// ```
#[track_caller]
pub fn compare<A: Real, B: Real>(
    a: MatRef<'_, A>,
    b: MatRef<'_, B>,
    options: &CompareOptions,
) -> Result<Comparison, AnalysisError> {
    options.matching.validate()?;
    for (n_hidden, n_features) in [a.shape(), b.shape()] {
        if n_hidden == 0 || n_features == 0 {
            return Err(AnalysisError::Empty {
                n_features,
                n_hidden,
            });
        }
    }
    check_finite(a)?;
    check_finite(b)?;
    let pair = Pair {
        a: &Units::new(a),
        b: &Units::new(b),
        options: &options.matching,
    };
    let observed = pair.evaluate(|_| true);
    let null_draws = options.null_draws.unwrap_or_else(|| pair.default_draws());
    let (random, rotated) = pair.baselines(null_draws, options.seed);
    let scores = Metric::ALL
        .into_iter()
        .zip(observed.values)
        .map(|(metric, value)| Score {
            metric,
            undefined: value.err(),
            random: value.ok().and_then(|_| quantiles(metric, &random)),
            rotated: value.ok().and_then(|_| quantiles(metric, &rotated)),
            value: value.ok(),
        })
        .collect();
    Ok(Comparison {
        n_features: [a.ncols(), b.ncols()],
        n_hidden: [a.nrows(), b.nrows()],
        subspace_chance: observed.subspace_chance,
        matching: observed.matching,
        scores,
        null_draws,
        seed: options.seed,
    })
}

/// A baseline of one metric, over the draws in which it is defined.
fn quantiles(metric: Metric, draws: &[Vec<Value>]) -> Option<NullQuantiles> {
    let place = Metric::ALL.iter().position(|&other| other == metric)?;
    NullQuantiles::new(draws.iter().filter_map(|draw| draw[place].ok()).collect())
}

type Value = Result<f64, Undefined>;

struct Pair<'a> {
    a: &'a Units,
    b: &'a Units,
    options: &'a MatchOptions,
}

struct Evaluated {
    /// In the order of [`Metric::ALL`].
    values: Vec<Value>,
    matching: Option<Matching>,
    subspace_chance: Option<f64>,
}

impl Pair<'_> {
    fn same_hidden(&self) -> bool {
        self.a.units.nrows() == self.b.units.nrows()
    }

    fn same_features(&self) -> bool {
        self.a.n_features() == self.b.n_features()
    }

    /// Draws where the options say nothing.
    fn default_draws(&self) -> usize {
        let [n_a, n_b] = [(self.a, 0), (self.b, 1)]
            .map(|(w, which)| w.represented(self.options.min_norm[which]).len());
        match self.options.method_for(n_a, n_b) {
            MatchMethod::Sparse if self.same_hidden() => 2,
            _ => 20,
        }
    }

    /// The metrics that are wanted; the others are undefined without a reason that anyone sees.
    fn evaluate(&self, wanted: impl Fn(Metric) -> bool) -> Evaluated {
        let mut values: Vec<Value> = Metric::ALL
            .into_iter()
            .map(|metric| self.possible(metric))
            .collect();
        let (mut matching, mut subspace_chance) = (None, None);
        let mut set = |metric: Metric, value: Option<f64>| {
            let place = Metric::ALL.iter().position(|&other| other == metric);
            values[place.expect("every metric is listed")] = value.ok_or(Undefined::Degenerate);
        };
        if self.same_hidden() {
            let found = match_directions(self.a, self.b, self.options);
            set(Metric::Mcc, found.mean_cosine);
            let [a_to_b, b_to_a] = found.mean_max_cosine;
            set(Metric::MmcsAToB, a_to_b);
            set(Metric::MmcsBToA, b_to_a);
            let n_pairs = found.pairs.len() as f64;
            set(
                Metric::SharedFraction,
                (n_pairs > 0.0).then(|| found.n_shared as f64 / n_pairs),
            );
            let matched = self.matched_columns(&found);
            let aligned = procrustes_of(&matched[0], &matched[1]);
            set(
                Metric::MatchedProcrustesSimilarity,
                aligned.as_ref().map(|p| p.similarity),
            );
            set(
                Metric::MatchedProcrustesResidual,
                aligned.map(|p| p.residual),
            );
            if wanted(Metric::SubspaceOverlap) {
                let overlap = overlap_of(self.a, self.b);
                set(Metric::SubspaceOverlap, overlap.overlap);
                subspace_chance = overlap.chance;
            }
            matching = Some(found);
        }
        if self.same_hidden() && self.same_features() {
            set(Metric::LabelCosine, self.label_cosine());
            if wanted(Metric::ProcrustesSimilarity) {
                let aligned = procrustes_of(self.a, self.b);
                set(
                    Metric::ProcrustesSimilarity,
                    aligned.as_ref().map(|p| p.similarity),
                );
                set(Metric::ProcrustesResidual, aligned.map(|p| p.residual));
            }
        }
        if self.same_features() && wanted(Metric::GramSimilarity) {
            let gram = gram_of(self.a, self.b);
            set(Metric::GramSimilarity, gram.map(|gram| gram.similarity));
            set(Metric::GramDifference, gram.map(|gram| gram.difference));
            let (a, b) = (scaled(self.a), scaled(self.b));
            set(Metric::LinearCka, linear_cka(a.as_ref(), b.as_ref()));
            set(
                Metric::LinearCkaDebiased,
                linear_cka_debiased(a.as_ref(), b.as_ref()),
            );
        }
        for (metric, value) in Metric::ALL.into_iter().zip(&mut values) {
            if !wanted(metric) {
                *value = Err(Undefined::Degenerate);
            }
        }
        Evaluated {
            values,
            matching,
            subspace_chance,
        }
    }

    /// Nothing yet, or why there will be nothing.
    fn possible(&self, metric: Metric) -> Value {
        let needs = metric.needs();
        if needs != Needs::SameFeatures && !self.same_hidden() {
            Err(Undefined::HiddenDimensionsDiffer)
        } else if needs != Needs::SameHidden && !self.same_features() {
            Err(Undefined::FeatureCountsDiffer)
        } else {
            Err(Undefined::Degenerate)
        }
    }

    /// The matched features of both, in one order.
    fn matched_columns(&self, matching: &Matching) -> [Units; 2] {
        let columns = |directions: &Units, of: fn(&(usize, usize)) -> usize| {
            let pairs = matching.pairs.iter().map(|pair| (pair.a, pair.b));
            let features: Vec<usize> = pairs.map(|pair| of(&pair)).collect();
            let mut columns = directions.gather(&features);
            for (k, &feature) in features.iter().enumerate() {
                let norm = directions.relative[feature];
                columns
                    .col_as_slice_mut(k)
                    .iter_mut()
                    .for_each(|x| *x *= norm);
            }
            Units::new(columns.as_ref())
        };
        [
            columns(self.a, |pair| pair.0),
            columns(self.b, |pair| pair.1),
        ]
    }

    fn label_cosine(&self) -> Option<f64> {
        let (mut n, mut sum) = (0_usize, 0.0);
        for i in 0..self.a.n_features() {
            if self.a.norms[i] > 0.0 && self.b.norms[i] > 0.0 {
                let cosine = dot(
                    column(self.a.units.as_ref(), i),
                    column(self.b.units.as_ref(), i),
                );
                sum += self.options.sign.of(cosine.clamp(-1.0, 1.0));
                n += 1;
            }
        }
        (n > 0).then(|| sum / n as f64)
    }

    /// The metrics of every draw: with random dictionaries, and with B turned at random.
    fn baselines(&self, draws: usize, seed: u64) -> (Vec<Vec<Value>>, Vec<Vec<Value>>) {
        let (m, n) = self.b.units.shape();
        let with = |units: Mat<f64>, wanted: fn(Metric) -> bool| {
            let b = Units {
                units,
                norms: self.b.norms.clone(),
                relative: self.b.relative.clone(),
                exponent: self.b.exponent,
            };
            Pair { b: &b, ..*self }.evaluate(wanted).values
        };
        let random = |draw| {
            let mut units = Units::new(Gaussians::new(seed, 2 * draw).matrix(m, n).as_ref()).units;
            for j in (0..n).filter(|&j| self.b.norms[j] == 0.0) {
                units.col_as_slice_mut(j).fill(0.0);
            }
            with(units, |metric| metric != Metric::SubspaceOverlap)
        };
        let rotated = |draw| {
            let rotation = Gaussians::new(seed, 2 * draw + 1).rotation(m);
            let units = product(rotation.as_ref(), self.b.units.as_ref());
            with(units, |metric| {
                metric.depends_on_basis() && metric != Metric::SubspaceOverlap
            })
        };
        let draws = 0..draws as u64;
        let rotated = if self.same_hidden() {
            draws.clone().map(rotated).collect()
        } else {
            Vec::new()
        };
        (draws.map(random).collect(), rotated)
    }
}
