//! What a dictionary is compared with, as tables.

use superposition_analysis::{
    Certificate, NullBaselines, NullComparison, NullDistribution, PairWeighting,
};
use superposition_viz::{Headline, SummaryTable};

use super::{number, optional};
use crate::{AnalysisDocument, DictionaryReading, PolytopeSummary};

/// Most pairs that are listed.
const MAX_PAIRS: usize = 10;

pub(super) fn reading_headlines(reading: &DictionaryReading) -> Vec<Headline> {
    let activity = reading.activity.as_ref().map(|activity| {
        Headline::new(
            "interference met",
            optional(activity.mean),
            match activity.weighting {
                PairWeighting::Samples { n_samples } => {
                    format!("mean cos^2 of two features active together, in {n_samples} samples")
                }
                _ => "mean cos^2 of two features active together, by the product of their firing rates"
                    .to_owned(),
            },
        )
    });
    activity.into_iter().collect()
}

pub(super) fn reading_tables(document: &AnalysisDocument) -> Vec<SummaryTable> {
    let reading = &document.reading;
    let mut tables = Vec::new();
    if let Some(polytopes) = &reading.polytopes {
        tables.push(polytope_table(polytopes));
    }
    if let Some(null) = &reading.null_baselines {
        tables.push(null_table(null));
    }
    if !reading.certificates.is_empty() {
        tables.push(certificate_table(&reading.certificates));
    }
    if document.labels.is_some() {
        tables.extend(nearest_pairs(document));
    }
    tables
}

fn table<const K: usize>(
    title: String,
    headers: [&str; K],
    rows: Vec<Vec<String>>,
    note: String,
) -> SummaryTable {
    SummaryTable {
        title,
        headers: headers.map(str::to_owned).to_vec(),
        rows,
        note,
    }
}

fn polytope_table(polytopes: &PolytopeSummary) -> SummaryTable {
    let row = |count: &crate::NamedCount| {
        vec![
            count.name.clone(),
            count.n_components.to_string(),
            count.n_features.to_string(),
            count.rank.to_string(),
            optional(count.residual),
        ]
    };
    let thresholds = &polytopes.stability_thresholds;
    let range = (thresholds.first(), thresholds.last());
    let note = match range {
        (Some(first), Some(last)) => format!(
            "{} features are in the same component at all of cos^2 > {first} to {last}, {} of them in one with a name.",
            polytopes.n_stable, polytopes.n_stable_named
        ),
        _ => String::new(),
    };
    table(
        format!("Polytopes: components of cos^2 > {}", polytopes.threshold),
        [
            "figure",
            "components",
            "features",
            "rank",
            "largest residual",
        ],
        polytopes.counts.iter().map(row).collect(),
        note,
    )
}

fn null_table(null: &NullBaselines) -> SummaryTable {
    let distribution = |found: Option<NullDistribution>| {
        found.map_or_else(
            || "-".to_owned(),
            |found| match found.quantiles {
                Some(q) => format!(
                    "{} ({}..{})",
                    number(found.mean),
                    number(q.p05),
                    number(q.p95)
                ),
                None => number(found.mean),
            },
        )
    };
    let row = |name: &str, of: &NullComparison| {
        let ratio = of.matched_effect().and_then(|effect| effect.ratio);
        vec![
            name.to_owned(),
            optional(of.observed),
            distribution(of.matched),
            optional(ratio),
            distribution(of.isotropic),
        ]
    };
    table(
        "Beside chance".to_owned(),
        [
            "",
            "here",
            "same moments (5..95 %)",
            "ratio",
            "isotropic (5..95 %)",
        ],
        vec![
            row("mean interference", &null.mean_interference),
            row("nearest cosine, mean", &null.nearest_cosine_mean),
            row("nearest cosine, median", &null.nearest_cosine_median),
            row("largest cosine", &null.max_cosine),
            row("smallest cosine", &null.min_cosine),
            row(
                &format!("degree at cos^2 > {}", null.edge_threshold),
                &null.mean_degree,
            ),
        ],
        format!(
            "Same moments: {} random dictionaries with the mean and covariance of these directions, seed {}, {} features of each compared with all.",
            null.draws, null.seed, null.rows
        ),
    )
}

fn certificate_table(certificates: &[Certificate]) -> SummaryTable {
    let rows = certificates.iter().map(|certificate| {
        let sign = if certificate.kind.is_lower() {
            ">="
        } else {
            "<="
        };
        vec![
            certificate.kind.name().to_owned(),
            number(certificate.value),
            format!("{sign} {}", number(certificate.bound)),
            if certificate.attained {
                "attained".to_owned()
            } else {
                number(certificate.gap)
            },
        ]
    });
    table(
        "Bounds that no dictionary of this shape passes".to_owned(),
        ["quantity", "here", "bound", "gap"],
        rows.collect(),
        String::new(),
    )
}

/// The nearest pairs and the most opposed ones, by name.
fn nearest_pairs(document: &AnalysisDocument) -> Option<SummaryTable> {
    let labels = document.labels.as_deref()?;
    let rows = document.rows();
    let list = |sign: f64| {
        let mut pairs: Vec<(f64, usize, usize)> = rows
            .iter()
            .filter_map(|row| {
                let (value, other) = if sign > 0.0 {
                    (row.max_cosine?, row.nearest?)
                } else {
                    (row.min_cosine?, row.most_opposed?)
                };
                Some((value, row.feature.min(other), row.feature.max(other)))
            })
            .collect();
        pairs.sort_by(|a, b| {
            (sign * b.0)
                .total_cmp(&(sign * a.0))
                .then((a.1, a.2).cmp(&(b.1, b.2)))
        });
        pairs.dedup_by_key(|pair| (pair.1, pair.2));
        pairs.truncate(MAX_PAIRS);
        pairs
    };
    let name = |pair: Option<&(f64, usize, usize)>| match pair {
        Some(&(cosine, i, j)) => vec![format!("{} - {}", labels[i], labels[j]), number(cosine)],
        None => vec![String::new(), String::new()],
    };
    let (nearest, opposed) = (list(1.0), list(-1.0));
    let count = nearest.len().max(opposed.len());
    (count > 0).then(|| {
        table(
            "Nearest and most opposed pairs".to_owned(),
            ["nearest", "cosine", "most opposed", "cosine"],
            (0..count)
                .map(|k| [name(nearest.get(k)), name(opposed.get(k))].concat())
                .collect(),
            String::new(),
        )
    })
}
