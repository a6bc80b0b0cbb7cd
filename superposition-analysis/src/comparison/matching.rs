//! One-to-one matching of the features of two dictionaries by cosine, and the mean similarities that come from it.

use super::assignment::assign_dense;
use super::candidates::{Candidates, CosineSign, Partner, TopLists, UnitPair, margin};
use super::greedy::match_greedily;
use super::sparse_assignment::{PricedAssignment, assign_sparse};
use crate::directions::Units;
use crate::kernel::ThreadPool;
use crate::linalg::product;
use crate::{AnalysisError, Real, check_finite};
use faer::{Mat, MatRef};

/// How features are matched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
pub enum MatchMethod {
    /// The most similar pair first, then the most similar of what is left.
    Greedy,
    /// The largest sum, exactly, over the dense n_a x n_b matrix of cosines: O(n^3) time and O(n_a n_b) memory.
    Optimal,
    /// The largest sum over the best candidates of every feature, with a bound for **all** pairs: each round computes the cosines of all pairs in blocks and adds the pairs that could improve the matching.
    /// O(n_a n_b m) time a round, O((n_a + n_b) candidates) memory.
    Sparse,
}

/// What is matched, and how.
///
/// ```
/// use superposition_analysis::{CosineSign, MatchOptions};
/// let options = MatchOptions::default().with_sign(CosineSign::Absolute).with_threads(2);
/// assert_eq!((options.shared_cosine, options.min_norm), (0.7, [0.0, 0.0]));
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(default)
)]
#[non_exhaustive]
pub struct MatchOptions {
    /// Whether opposite directions are alike. Default signed.
    pub sign: CosineSign,
    /// How features are matched. Default `None`: [`Optimal`](MatchMethod::Optimal) where neither dictionary has more than 2,048 features, [`Sparse`](MatchMethod::Sparse) above.
    pub method: Option<MatchMethod>,
    /// In each dictionary a feature is represented, and so matched, if its norm is above this. Default 0. Finite, at least 0.
    pub min_norm: [f64; 2],
    /// A feature is shared if its partner is at least this similar. Default 0.7. In [-1, 1].
    pub shared_cosine: f64,
    /// Candidates of every feature that the sparse and the greedy matching begin with. Default 32, at least 1.
    pub n_candidates: usize,
    /// Number of threads, at least 1. Default 1. It changes no bit of the results, and is not serialized.
    #[cfg_attr(feature = "serde", serde(skip, default = "one_thread"))]
    pub threads: usize,
}

#[cfg(feature = "serde")]
fn one_thread() -> usize {
    1
}

impl Default for MatchOptions {
    fn default() -> Self {
        Self {
            sign: CosineSign::Signed,
            method: None,
            min_norm: [0.0; 2],
            shared_cosine: 0.7,
            n_candidates: 32,
            threads: 1,
        }
    }
}

impl MatchOptions {
    /// The same with another `sign`.
    #[must_use]
    pub fn with_sign(self, sign: CosineSign) -> Self {
        Self { sign, ..self }
    }

    /// The same with another `method`.
    #[must_use]
    pub fn with_method(self, method: Option<MatchMethod>) -> Self {
        Self { method, ..self }
    }

    /// The same with another `min_norm` for each dictionary.
    #[must_use]
    pub fn with_min_norm(self, min_norm: [f64; 2]) -> Self {
        Self { min_norm, ..self }
    }

    /// The same with another `shared_cosine`.
    #[must_use]
    pub fn with_shared_cosine(self, shared_cosine: f64) -> Self {
        Self {
            shared_cosine,
            ..self
        }
    }

    /// The same with another `n_candidates`.
    #[must_use]
    pub fn with_n_candidates(self, n_candidates: usize) -> Self {
        Self {
            n_candidates,
            ..self
        }
    }

    /// The same with another number of threads.
    #[must_use]
    pub fn with_threads(self, threads: usize) -> Self {
        Self { threads, ..self }
    }

    pub(super) fn validate(&self) -> Result<(), AnalysisError> {
        let invalid = |name, value, expected| {
            Err(AnalysisError::InvalidOption {
                name,
                value,
                expected,
            })
        };
        for min_norm in self.min_norm {
            if !(min_norm.is_finite() && min_norm >= 0.0) {
                return invalid("min_norm", min_norm, "finite and at least 0");
            }
        }
        if !(-1.0..=1.0).contains(&self.shared_cosine) {
            return invalid(
                "shared_cosine",
                self.shared_cosine,
                "a cosine between -1 and 1",
            );
        }
        if self.n_candidates == 0 {
            return invalid("n_candidates", 0.0, "at least 1");
        }
        if self.threads == 0 {
            return invalid("threads", 0.0, "at least 1");
        }
        Ok(())
    }

    /// The method for so many represented features.
    pub(super) fn method_for(&self, n_a: usize, n_b: usize) -> MatchMethod {
        self.method.unwrap_or(if n_a.max(n_b) <= DENSE_FEATURES {
            MatchMethod::Optimal
        } else {
            MatchMethod::Sparse
        })
    }
}

/// Most features of a dictionary that is matched exactly unless another method is asked for: 32 MiB of cosines.
const DENSE_FEATURES: usize = 2048;

/// Two features that were matched.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct MatchedPair {
    /// The feature of the first dictionary.
    pub a: usize,
    /// The feature of the second.
    pub b: usize,
    /// Their cosine, or its absolute value if signs do not count.
    pub cosine: f64,
}

/// A one-to-one matching of two dictionaries; made by [`match_features`].
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Matching {
    /// How it was found.
    pub method: MatchMethod,
    /// Represented features of the first and of the second dictionary.
    pub n_represented: [usize; 2],
    /// The pairs, by the feature of the first dictionary: as many as the smaller dictionary has represented features.
    pub pairs: Vec<MatchedPair>,
    /// The mean correlation coefficient MCC: the mean cosine of the pairs; `None` without pairs.
    pub mean_cosine: Option<f64>,
    /// No one-to-one matching of all represented features has a mean cosine above this. `None` for the greedy matching, which comes without a proof, and without pairs.
    pub upper_bound: Option<f64>,
    /// How many of the pairs have at least the `shared_cosine` of the options.
    pub n_shared: usize,
    /// Represented features of the first dictionary without a partner, or with one less similar than that.
    pub unmatched_a: Vec<usize>,
    /// The same of the second.
    pub unmatched_b: Vec<usize>,
    /// The mean, over the represented features of the first dictionary, of the largest cosine with any of the second (MMCS), and the same the other way; `None` where either has none.
    pub mean_max_cosine: [Option<f64>; 2],
}

impl Matching {
    /// How far at most the mean cosine is below the best possible one: `upper_bound - mean_cosine`.
    ///
    /// ```
    /// use superposition_analysis::{MatchOptions, from_columns, match_features};
    /// let w = from_columns(&[1.0, 0.0, 0.0, 1.0], 2, 2);
    /// assert_eq!(match_features(w, w, &MatchOptions::default())?.optimality_gap(), Some(0.0));
    /// # Ok::<(), superposition_analysis::AnalysisError>(())
    /// ```
    #[must_use]
    pub fn optimality_gap(&self) -> Option<f64> {
        Some((self.upper_bound? - self.mean_cosine?).max(0.0))
    }
}

/// Matches the features of two dictionaries one to one by their cosines.
///
/// A is m x n_a and B m x n_b. With `$c_{ij} = \hat A_i \cdot \hat B_j$` (or its absolute value) the matching maximises
///
/// ```math
/// \mathrm{MCC} = \frac{1}{\min(n_a, n_b)} \max_\pi \sum_i c_{i \pi(i)}
/// ```
///
/// over all one-to-one maps of the smaller dictionary into the larger, counting represented features only; [`MatchMethod::Greedy`] does not maximise.
/// The mean is also known as the mean correlation coefficient; here the correlation is the cosine of directions, as in Song et al., with its sign unless the options say otherwise.
/// Beside it stand the mean max cosine similarities in both directions, which need no one-to-one matching:
///
/// ```math
/// \mathrm{MMCS}(A \to B) = \frac{1}{n_a} \sum_i \max_j c_{ij}
/// ```
///
/// Both means are between -1 and 1, and neither is 0 for unrelated dictionaries: see [`compare`](crate::compare()) for what chance gives.
/// A dictionary with one represented feature or many, more or fewer than dimensions, is matched alike; without represented features there are no pairs.
///
/// The costs are those of [`MatchMethod`]; the unit directions are copied in f64.
/// [`MatchMethod::Sparse`] ends when its bound proves the mean optimal to 1e-9, or after eight rounds, and says what is left between them in [`Matching::optimality_gap`].
///
/// # Errors
/// An option out of range, an element that is not finite.
///
/// # Panics
/// If the numbers of hidden dimensions differ.
///
/// ```
/// use superposition_analysis::{MatchOptions, from_columns, match_features};
/// let a = from_columns(&[1.0, 0.0, 0.0, 1.0, -1.0, 0.0], 2, 3);
/// // The second and the first feature of A, at other norms.
/// let b = from_columns(&[0.0, 3.0, 0.5, 0.0], 2, 2);
/// let matching = match_features(a, b, &MatchOptions::default())?;
/// let pairs: Vec<_> = matching.pairs.iter().map(|pair| (pair.a, pair.b)).collect();
/// assert_eq!(pairs, [(0, 1), (1, 0)]);
/// assert_eq!((matching.mean_cosine, matching.unmatched_a), (Some(1.0), vec![2]));
/// # Ok::<(), superposition_analysis::AnalysisError>(())
/// ```
///
/// # References
/// Sharkey, Braun and Millidge 2022, *Taking features out of superposition with sparse autoencoders*, for MMCS.
/// Hyvärinen and Morioka 2016, *Unsupervised Feature Extraction by Time-Contrastive Learning and Nonlinear ICA*, for the matched mean of absolute correlations.
/// Song et al. 2025, *Position: Mechanistic Interpretability Should Prioritize Feature Consistency in SAEs* (arXiv 2505.20254), for that of directions.
#[track_caller]
pub fn match_features<A: Real, B: Real>(
    a: MatRef<'_, A>,
    b: MatRef<'_, B>,
    options: &MatchOptions,
) -> Result<Matching, AnalysisError> {
    assert_same_hidden(a.shape(), b.shape());
    options.validate()?;
    check_finite(a)?;
    check_finite(b)?;
    Ok(match_directions(&Units::new(a), &Units::new(b), options))
}

#[track_caller]
pub(super) fn assert_same_hidden(a: (usize, usize), b: (usize, usize)) {
    assert!(
        a.0 == b.0,
        "{} x {} and {} x {} have no cosines with each other: the numbers of rows differ",
        a.0,
        a.1,
        b.0,
        b.1
    );
}

pub(super) fn match_directions(a: &Units, b: &Units, options: &MatchOptions) -> Matching {
    let (features_a, features_b) = (
        a.represented(options.min_norm[0]),
        b.represented(options.min_norm[1]),
    );
    let (n_a, n_b) = (features_a.len(), features_b.len());
    let method = options.method_for(n_a, n_b);
    if n_a == 0 || n_b == 0 {
        return Matching {
            method,
            n_represented: [n_a, n_b],
            pairs: Vec::new(),
            mean_cosine: None,
            upper_bound: None,
            n_shared: 0,
            unmatched_a: features_a,
            unmatched_b: features_b,
            mean_max_cosine: [None; 2],
        };
    }
    let (units_a, units_b) = (a.gather(&features_a), b.gather(&features_b));
    let pool = ThreadPool::new(options.threads);
    let pair = UnitPair::new(units_a.as_ref(), units_b.as_ref(), options.sign, &pool);
    let found = find(&pair, method, options.n_candidates);
    let pairs: Vec<MatchedPair> = (0..n_a)
        .filter_map(|i| {
            let j = found.partner_of[i]?;
            Some(MatchedPair {
                a: features_a[i],
                b: features_b[j],
                cosine: pair.similarity(i, j),
            })
        })
        .collect();
    let mean_cosine = mean(pairs.iter().map(|pair| pair.cosine));
    let shared = || {
        pairs
            .iter()
            .filter(|pair| pair.cosine >= options.shared_cosine)
    };
    let without = |features: Vec<usize>, shared: Vec<usize>| {
        let mut is_shared = vec![false; features.last().map_or(0, |last| last + 1)];
        shared
            .into_iter()
            .for_each(|feature| is_shared[feature] = true);
        features
            .into_iter()
            .filter(|&feature| !is_shared[feature])
            .collect()
    };
    Matching {
        method,
        n_represented: [n_a, n_b],
        mean_cosine,
        // What was found is possible: a bound below it is rounding.
        upper_bound: found
            .upper_bound
            .map(|bound| bound.max(mean_cosine.unwrap_or(bound))),
        n_shared: shared().count(),
        unmatched_a: without(features_a, shared().map(|pair| pair.a).collect()),
        unmatched_b: without(features_b, shared().map(|pair| pair.b).collect()),
        mean_max_cosine: found.mean_max,
        pairs,
    }
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (n, sum) = values.fold((0_usize, 0.0), |(n, sum), x| (n + 1, sum + x));
    (n > 0).then(|| sum / n as f64)
}

/// A matching of columns.
struct Found {
    /// The column of B of every column of A.
    partner_of: Vec<Option<usize>>,
    /// Of the mean; `None` without a proof.
    upper_bound: Option<f64>,
    mean_max: [Option<f64>; 2],
}

fn find(pair: &UnitPair<'_>, method: MatchMethod, n_candidates: usize) -> Found {
    match method {
        MatchMethod::Optimal => find_optimal(pair),
        MatchMethod::Greedy => {
            let (candidates, mean_max) = decided_candidates(pair, n_candidates);
            Found {
                partner_of: match_greedily(pair, &candidates.of_a),
                upper_bound: None,
                mean_max,
            }
        }
        // Every column of the smaller dictionary gets a partner.
        MatchMethod::Sparse if pair.a.ncols() <= pair.b.ncols() => find_sparse(pair, n_candidates),
        MatchMethod::Sparse => swapped(find_sparse(&pair.swapped(), n_candidates), pair.a.ncols()),
    }
}

/// What was found for B and A, as it is for A and B.
fn swapped(found: Found, n_a: usize) -> Found {
    let mut partner_of = vec![None; n_a];
    for (j, i) in found.partner_of.iter().enumerate() {
        if let Some(i) = *i {
            partner_of[i] = Some(j);
        }
    }
    let [b, a] = found.mean_max;
    Found {
        partner_of,
        mean_max: [a, b],
        ..found
    }
}

fn find_optimal(pair: &UnitPair<'_>) -> Found {
    if pair.a.ncols() > pair.b.ncols() {
        return swapped(find_optimal(&pair.swapped()), pair.a.ncols());
    }
    let mut similarities = product(pair.b.transpose(), pair.a);
    let mut best_of_b = vec![f64::NEG_INFINITY; pair.b.ncols()];
    let mut best_of_a = Vec::with_capacity(pair.a.ncols());
    for i in 0..pair.a.ncols() {
        let mut best = f64::NEG_INFINITY;
        for (x, best_of_b) in similarities
            .col_as_slice_mut(i)
            .iter_mut()
            .zip(&mut best_of_b)
        {
            *x = pair.sign.of(x.clamp(-1.0, 1.0));
            best = best.max(*x);
            *best_of_b = best_of_b.max(*x);
        }
        best_of_a.push(best);
    }
    let partner_of = assign_dense(similarities.as_ref());
    let total: f64 = partner_of
        .iter()
        .enumerate()
        .map(|(i, &j)| similarities[(j, i)])
        .sum();
    Found {
        upper_bound: Some(total / partner_of.len() as f64),
        partner_of: partner_of.into_iter().map(Some).collect(),
        mean_max: [mean(best_of_a.into_iter()), mean(best_of_b.into_iter())],
    }
}

/// The best partners of every feature with the similarities that decide, and the mean of the best ones.
fn decided_candidates(pair: &UnitPair<'_>, k: usize) -> (Candidates, [Option<f64>; 2]) {
    let mut candidates = pair.best(k);
    let decide = |list: &mut Vec<Partner>, similarity: &dyn Fn(usize) -> f64| {
        for partner in list.iter_mut() {
            partner.value = similarity(partner.index);
        }
        list.sort_by(|x, y| y.value.total_cmp(&x.value).then(x.index.cmp(&y.index)));
    };
    for (i, list) in candidates.of_a.iter_mut().enumerate() {
        decide(list, &|j| pair.similarity(i, j));
    }
    for (j, list) in candidates.of_b.iter_mut().enumerate() {
        decide(list, &|i| pair.similarity(i, j));
    }
    let mean_max = [&candidates.of_a, &candidates.of_b]
        .map(|lists| mean(lists.iter().map(|list| list[0].value)));
    (candidates, mean_max)
}

/// Rounds of pricing at most.
const MAX_ROUNDS: usize = 8;
/// New candidates of a feature in a round at most.
const NEW_CANDIDATES: usize = 16;
/// A mean proven optimal to this is optimal.
const OPTIMAL: f64 = 1e-9;

/// Column generation: assign over the candidates, let the prices bound all pairs, add those that the bound cannot exclude.
///
/// Every column of A gets a partner, and there are at least as many columns of B.
fn find_sparse(pair: &UnitPair<'_>, n_candidates: usize) -> Found {
    let n = pair.a.ncols();
    let (candidates, mean_max) = decided_candidates(pair, n_candidates);
    let mut edges = candidates.of_a;
    for (j, list) in candidates.of_b.iter().enumerate() {
        for partner in list {
            edges[partner.index].push(Partner {
                index: j,
                value: partner.value,
            });
        }
    }
    let mut best: Option<(f64, Vec<usize>)> = None;
    let mut upper_bound = f64::INFINITY;
    for _ in 0..MAX_ROUNDS {
        for list in &mut edges {
            list.sort_by_key(|partner| partner.index);
            list.dedup_by_key(|partner| partner.index);
        }
        let priced = assign_sparse(&edges, pair.b.ncols(), pair.sign.least());
        let partner_of = complete(pair, &priced.column_of, n_candidates);
        let total: f64 = (0..n).map(|i| pair.similarity(i, partner_of[i])).sum();
        let violators = violators(pair, &priced);
        upper_bound = upper_bound.min(bound(pair, &priced, &violators) / n as f64);
        let mut n_new = 0;
        for (i, list) in violators.into_iter().enumerate() {
            for partner in list {
                let value = pair.similarity(i, partner.index);
                edges[i].push(Partner {
                    index: partner.index,
                    value,
                });
                n_new += 1;
            }
            if priced.column_of[i].is_none() {
                let value = pair.similarity(i, partner_of[i]);
                edges[i].push(Partner {
                    index: partner_of[i],
                    value,
                });
                n_new += 1;
            }
        }
        if best.as_ref().is_none_or(|(most, _)| total > *most) {
            best = Some((total, partner_of));
        }
        let proven = best
            .as_ref()
            .is_some_and(|(most, _)| upper_bound - most / n as f64 <= OPTIMAL);
        if proven || n_new == 0 {
            break;
        }
    }
    let (_, partner_of) = best.expect("at least one round");
    Found {
        partner_of: partner_of.into_iter().map(Some).collect(),
        upper_bound: Some(upper_bound),
        mean_max,
    }
}

/// The assignment with the columns that stayed out matched greedily with what is free.
fn complete(pair: &UnitPair<'_>, column_of: &[Option<usize>], n_candidates: usize) -> Vec<usize> {
    let mut taken = vec![false; pair.b.ncols()];
    column_of.iter().flatten().for_each(|&j| taken[j] = true);
    let out: Vec<usize> = (0..column_of.len())
        .filter(|&i| column_of[i].is_none())
        .collect();
    let free: Vec<usize> = (0..taken.len()).filter(|&j| !taken[j]).collect();
    let (units_out, units_free) = (gather(pair.a, &out), gather(pair.b, &free));
    let rest = UnitPair {
        a: units_out.as_ref(),
        b: units_free.as_ref(),
        ..*pair
    };
    let partners = if out.is_empty() {
        Vec::new()
    } else {
        match_greedily(&rest, &decided_candidates(&rest, n_candidates).0.of_a)
    };
    let mut partners = partners.into_iter().flatten().map(|j| free[j]);
    column_of
        .iter()
        .map(|j| {
            j.or_else(|| partners.next())
                .expect("at least as many columns of B as of A")
        })
        .collect()
}

fn gather(units: MatRef<'_, f64>, columns: &[usize]) -> Mat<f64> {
    Mat::from_fn(units.nrows(), columns.len(), |i, j| units[(i, columns[j])])
}

/// For every column of A the pairs whose similarity minus price exceeds its profit by more than rounding, the best ones first; values are those differences.
fn violators(pair: &UnitPair<'_>, priced: &PricedAssignment) -> Vec<Vec<Partner>> {
    let margin = margin(pair.a.nrows());
    let thresholds: Vec<f64> = priced
        .profit
        .iter()
        .map(|profit| profit + 2.0 * margin)
        .collect();
    let new_state = || {
        (
            TopLists::new(thresholds.clone(), NEW_CANDIDATES),
            Vec::new(),
        )
    };
    let states = pair.visit(new_state, |(lists, reduced), rows, j, similarities| {
        reduced.clear();
        reduced.extend(similarities.iter().map(|x| x - priced.price[j]));
        lists.offer_one(rows.start, j, reduced);
    });
    TopLists::merge(states.into_iter().map(|(lists, _)| lists).collect())
}

/// The sum that no assignment of all pairs exceeds.
fn bound(pair: &UnitPair<'_>, priced: &PricedAssignment, violators: &[Vec<Partner>]) -> f64 {
    let margin = margin(pair.a.nrows());
    let profits = priced.profit.iter().zip(violators);
    let rows: f64 = profits
        .map(|(&profit, list)| {
            list.first().map_or(profit, |best| best.value.max(profit)) + 3.0 * margin
        })
        .sum();
    rows + priced.price.iter().sum::<f64>()
}
