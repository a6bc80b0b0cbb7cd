//! `compare`: which features two dictionaries share, and whether they are one up to a rotation.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;
use superposition_analysis::{
    CompareOptions, Comparison, CosineSign, MatchMethod, MatchedPair, Matching, Metric,
    NullQuantiles, Score, Verdict, compare,
};

use crate::{AnalyzeOptions, Directions, LabError};

/// The JSON document of `superposition compare`.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct ComparisonDocument {
    /// `superposition/comparison/v2`.
    pub schema: &'static str,
    /// Features of the first and of the second.
    pub n_features: [usize; 2],
    /// Hidden dimensions of the first and of the second.
    pub n_hidden: [usize; 2],
    /// What they have in common; none without draws of chance, and where nothing decides it.
    pub verdict: Option<Verdict>,
    /// The one-to-one matching; none where the hidden dimensions differ.
    pub matching: Option<MatchingSummary>,
    /// Draws of each baseline.
    pub null_draws: usize,
    /// Their seed.
    pub seed: u64,
    /// Every metric by its name.
    pub metrics: BTreeMap<&'static str, MetricValue>,
    /// Where all this comes from.
    #[serde(skip)]
    pub comparison: Comparison,
    /// A pair is shared from this cosine on.
    #[serde(skip)]
    pub shared_cosine: f64,
}

/// The one-to-one matching of two dictionaries in numbers.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct MatchingSummary {
    /// How it was found.
    pub method: MatchMethod,
    /// Whether opposite directions are alike.
    pub sign: CosineSign,
    /// Features above the norm `min_norm`, which are matched.
    pub n_represented: [usize; 2],
    /// A feature is represented above this norm, in the first and in the second.
    pub min_norm: [f64; 2],
    /// Pairs: as many as the smaller dictionary has represented features.
    pub n_pairs: usize,
    /// No matching has a greater mean cosine; none for the greedy one.
    pub upper_bound: Option<f64>,
    /// The bound minus the mean cosine found.
    pub optimality_gap: Option<f64>,
    /// A pair is shared from this cosine on.
    pub shared_cosine: f64,
    /// Pairs that are.
    pub n_shared: usize,
    /// Represented features without such a partner, in the first and in the second.
    pub n_unmatched: [usize; 2],
}

/// A metric: what it is worth, what it could be, and what chance gives.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct MetricValue {
    /// Its value.
    pub value: Option<f64>,
    /// Why it has none.
    pub undefined: Option<String>,
    /// The least and the greatest possible value; none where there is no least.
    pub range: (Option<f64>, f64),
    /// What its values are.
    pub unit: &'static str,
    /// Whether a larger value means more alike.
    pub higher_is_better: bool,
    /// The same between the first dictionary and others that have nothing to do with it.
    pub null: Baselines,
}

/// A metric over draws of chance.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Baselines {
    /// Of random directions with the norms of the second dictionary.
    pub random: Option<NullQuantiles>,
    /// Of the second dictionary turned at random; none for metrics that do not change then.
    pub rotated: Option<NullQuantiles>,
}

impl MetricValue {
    fn new(score: &Score) -> Self {
        Self {
            value: score.value,
            undefined: score.undefined.map(|reason| reason.to_string()),
            range: score.metric.range(),
            unit: score.metric.unit(),
            higher_is_better: score.metric.higher_is_better(),
            null: Baselines {
                random: score.random,
                rotated: score.rotated,
            },
        }
    }
}

impl ComparisonDocument {
    /// Comma-separated values with a row per matched pair, `a,b,cosine,shared`, by the feature of the first dictionary;
    /// then the represented features of either that have no partner, with the other cells empty.
    /// None where the hidden dimensions differ.
    #[must_use]
    pub fn matches_csv(&self) -> Option<String> {
        let matching = self.comparison.matching.as_ref()?;
        let mut csv = String::from("a,b,cosine,shared\n");
        for pair in &matching.pairs {
            let shared = pair.cosine >= self.shared_cosine;
            let MatchedPair { a, b, cosine } = pair;
            csv += &format!("{a},{b},{cosine},{shared}\n");
        }
        let (alone_a, alone_b) = without_partner(matching);
        for a in alone_a {
            csv += &format!("{a},,,false\n");
        }
        for b in alone_b {
            csv += &format!(",{b},,false\n");
        }
        Some(csv)
    }
}

/// Represented features that are in no pair at all.
fn without_partner(matching: &Matching) -> (Vec<usize>, Vec<usize>) {
    let alone = |unmatched: &[usize], mut paired: Vec<usize>| {
        paired.sort_unstable();
        let has_none = |feature: &&usize| paired.binary_search(feature).is_err();
        unmatched.iter().filter(has_none).copied().collect()
    };
    let pairs = &matching.pairs;
    (
        alone(
            &matching.unmatched_a,
            pairs.iter().map(|pair| pair.a).collect(),
        ),
        alone(
            &matching.unmatched_b,
            pairs.iter().map(|pair| pair.b).collect(),
        ),
    )
}

/// Compares two dictionaries by every metric that their shapes allow, beside what chance gives.
///
/// Where both have as many features, item i of one is also taken for item i of the other; a metric that needs what is not there is none, with the reason.
/// A feature is represented above the norm that its file or its options say: `min_norm` of `options.matching` is not read.
///
/// # Errors
/// As [`analyze_file`](crate::analyze_file), an option out of range, or both the numbers of features and of hidden dimensions differ, so that nothing can be compared.
pub fn compare_files(
    a: (&Path, &AnalyzeOptions),
    b: (&Path, &AnalyzeOptions),
    options: &CompareOptions,
) -> Result<ComparisonDocument, LabError> {
    let (a, b) = (Directions::read(a.0, a.1)?, Directions::read(b.0, b.1)?);
    compare_directions(&a, &b, options)
}

/// As [`compare_files`], of directions from anywhere.
///
/// # Errors
/// An option out of range, or both the numbers of features and of hidden dimensions differ, so that nothing can be compared.
pub fn compare_directions(
    a: &Directions,
    b: &Directions,
    options: &CompareOptions,
) -> Result<ComparisonDocument, LabError> {
    let ([n_a, m_a], [n_b, m_b]) = (a.shape(), b.shape());
    if n_a != n_b && m_a != m_b {
        return Err(LabError::NothingToCompare {
            left: a.name.clone(),
            n_left: [n_a, m_a],
            right: b.name.clone(),
            n_right: [n_b, m_b],
        });
    }
    let min_norm = [a.min_norm, b.min_norm];
    let options = options.with_matching(options.matching.with_min_norm(min_norm));
    let comparison = compare(a.w.as_ref(), b.w.as_ref(), &options)?;
    let matching = comparison.matching.as_ref().map(|found| MatchingSummary {
        method: found.method,
        sign: options.matching.sign,
        n_represented: found.n_represented,
        min_norm,
        n_pairs: found.pairs.len(),
        upper_bound: found.upper_bound,
        optimality_gap: found.optimality_gap(),
        shared_cosine: options.matching.shared_cosine,
        n_shared: found.n_shared,
        n_unmatched: [found.unmatched_a.len(), found.unmatched_b.len()],
    });
    let metric = |metric: Metric| (metric.name(), MetricValue::new(comparison.score(metric)));
    Ok(ComparisonDocument {
        schema: "superposition/comparison/v2",
        n_features: comparison.n_features,
        n_hidden: comparison.n_hidden,
        verdict: comparison.verdict(),
        matching,
        null_draws: comparison.null_draws,
        seed: comparison.seed,
        metrics: Metric::ALL.into_iter().map(metric).collect(),
        shared_cosine: options.matching.shared_cosine,
        comparison,
    })
}
