//! The report of a comparison.

use superposition_analysis::{Metric, NullQuantiles, Score, Verdict};
use superposition_viz::{Headline, Summary, SummaryTable, TextStyle, summary_report};

use super::{number, optional, pair};
use crate::{ComparisonDocument, MatchingSummary};

/// The report of a comparison.
#[must_use]
pub fn comparison_report(document: &ComparisonDocument, style: &TextStyle) -> String {
    let ([n_a, n_b], [m_a, m_b]) = (document.n_features, document.n_hidden);
    let mut summary = Summary::new(format!(
        "{n_a} features in {m_a} dimensions beside {n_b} in {m_b}"
    ));
    summary.configuration = vec![pair(
        "chance",
        match document.null_draws {
            0 => {
                "no draws: without them MCC and MMCS say little, and there is no verdict".to_owned()
            }
            draws => format!("{draws} draws of each baseline, seed {}", document.seed),
        },
    )];
    if let Some(verdict) = document.verdict {
        let headline = Headline::new("verdict", verdict.to_string(), explanation(verdict));
        summary.headline.push(headline);
    }
    if let Some(matching) = &document.matching {
        let mcc = document.comparison.score(Metric::Mcc).value;
        summary.headline.extend(matching_headlines(matching, mcc));
    }
    summary.tables.push(SummaryTable {
        title: "How alike, beside what chance gives".to_owned(),
        headers: ["metric", "value", "random B", "B turned at random", "alike"]
            .map(str::to_owned)
            .to_vec(),
        rows: document
            .comparison
            .scores
            .iter()
            .filter(|score| score.value.is_some())
            .map(metric_row)
            .collect(),
        note: format!(
            "Chance: median, 5 % and 95 % quantile. alike: the value of two that are the same. {} take feature i of one for feature i of the other{}",
            "label_cosine, gram, linear_cka and procrustes",
            document.comparison.subspace_chance.map_or_else(
                || ".".to_owned(),
                |chance| format!("; random subspaces of these ranks overlap by {}.", number(chance))
            ),
        ),
    });
    summary.warnings = undefined(&document.comparison.scores);
    summary_report(&summary, style)
}

fn explanation(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::SameBasis => "feature i of one is feature i of the other",
        Verdict::Permuted => "the same directions in another order",
        Verdict::PartlyShared => "some directions in common, more than by chance",
        Verdict::DifferentBases => {
            "the same features and inner products, no directions in common: a rotation"
        }
        Verdict::Unrelated => "nothing in common beyond chance",
        _ => "",
    }
}

fn matching_headlines(matching: &MatchingSummary, mcc: Option<f64>) -> [Headline; 4] {
    let [n_a, n_b] = matching.n_represented;
    let [alone_a, alone_b] = matching.n_unmatched;
    [
        Headline::new(
            "matched one to one",
            matching.n_pairs.to_string(),
            format!("of {n_a} and {n_b} represented features"),
        ),
        Headline::new(
            "shared",
            matching.n_shared.to_string(),
            format!(
                "pairs of cosine {} and above; {alone_a} and {alone_b} features are left",
                matching.shared_cosine
            ),
        ),
        Headline::new(
            "PW-MCC",
            optional(mcc),
            "mean MCC over all pairs of dictionaries: of two, their MCC",
        ),
        Headline::new(
            "optimality gap",
            optional(matching.optimality_gap),
            "at most this much above the MCC is possible",
        ),
    ]
}

fn metric_row(score: &Score) -> Vec<String> {
    let chance = |null: &Option<NullQuantiles>| {
        null.as_ref().map_or_else(
            || "-".to_owned(),
            |null| {
                format!(
                    "{} ({} .. {})",
                    number(null.median),
                    number(null.quantile_05),
                    number(null.quantile_95)
                )
            },
        )
    };
    vec![
        score.metric.to_string(),
        optional(score.value),
        chance(&score.random),
        chance(&score.rotated),
        if score.metric.higher_is_better() {
            "1"
        } else {
            "0"
        }
        .to_owned(),
    ]
}

/// One line for each reason why metrics have no value.
fn undefined(scores: &[Score]) -> Vec<String> {
    let mut lines: Vec<(String, Vec<&'static str>)> = Vec::new();
    for Score {
        metric, undefined, ..
    } in scores
    {
        let Some(reason) = undefined.map(|reason| reason.to_string()) else {
            continue;
        };
        match lines.iter_mut().find(|(other, _)| *other == reason) {
            Some((_, names)) => names.push(Metric::name(*metric)),
            None => lines.push((reason, vec![metric.name()])),
        }
    }
    let line =
        |(reason, names): (String, Vec<&str>)| format!("undefined, {reason}: {}", names.join(", "));
    lines.into_iter().map(line).collect()
}
