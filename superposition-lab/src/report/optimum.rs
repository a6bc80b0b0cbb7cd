//! The reports of `optimum` and `loss`.

use superposition_train::optimum::CriticalPoint;
use superposition_viz::{Headline, Summary, SummaryTable, TextStyle, summary_report};

use super::{number, optional, pair, percent};
use crate::{BasinSummary, LossDocument, OptimumDocument, OptimumRecipe};

/// The report of an optimum.
#[must_use]
pub fn optimum_report(document: &OptimumDocument, style: &TextStyle) -> String {
    let dimensions = document.recipe.model.dimensions;
    let (n, m) = (dimensions.n_features, dimensions.n_hidden);
    let mut summary = Summary::new(format!("The lowest loss of {n} features in {m} dimensions"));
    let named = document.named_starts.len();
    summary.configuration = vec![
        pair("feature probability", probability(&document.recipe)),
        pair("sets", document.recipe.sets.to_string()),
        pair("importance", document.recipe.importance.to_string()),
        pair(
            "starts",
            format!(
                "{} random (seed {}), {named} named polytopes; {} further descents",
                document.n_starts - named,
                document.recipe.search.seed,
                document.n_further
            ),
        ),
    ];
    if let (Some(loss), Some(sum)) = (document.loss, document.loss_sum) {
        let note = format!(
            "best found of {} starts, not proven lowest",
            document.n_starts
        );
        summary.headline.extend([
            Headline::new("loss", precise(loss), note),
            Headline::new("summed over features", precise(sum), "as papers write it"),
        ]);
    }
    if let Some(best) = document.basins.first() {
        let geometry = Headline::new(
            "geometry",
            best.geometry.clone(),
            "of the represented features",
        );
        summary.headline.push(geometry);
    }
    summary.norms = document
        .basins
        .first()
        .map_or(Vec::new(), |best| best.feature_norms.clone());
    summary.dimensionality = document.feature_dimensionality.clone().unwrap_or_default();
    let mut found = SummaryTable {
        title: "What was found".to_owned(),
        headers: ["loss", "summed", "geometry", "starts", "what", "rank", "flat"]
            .map(str::to_owned)
            .to_vec(),
        rows: document.basins.iter().map(basin_row).collect(),
        note: "Equal up to rotation and permutation. starts: how many ended there. flat: directions in which the Hessian \
               vanishes, of which rotations explain the number after the slash."
            .to_owned(),
    };
    if let Some(beta) = document.inverse_temperature {
        found.headers.push("lambda".to_owned());
        for (row, basin) in found.rows.iter_mut().zip(&document.basins) {
            row.push(match basin.learning_coefficient {
                None => "-".to_owned(),
                // Below the minimum, on average.
                Some(found) if found.value < 0.0 => "left".to_owned(),
                Some(found) => {
                    format!(
                        "{} +- {}",
                        number(found.value),
                        number(found.standard_error)
                    )
                }
            });
        }
        found.note.push_str(&format!(
            " lambda: the local learning coefficient, sampled at an inverse temperature of {beta:e}, with its standard error; \
             half the rank where nothing is flatter than a square. left: chains found a way to lower losses, which a \
             higher one closes."
        ));
    }
    summary.tables.push(found);
    summary_report(&summary, style)
}

/// A number in seven digits: losses of basins differ in the later ones.
pub(super) fn precise(value: f64) -> String {
    superposition_viz::format_number(value, 7)
}

pub(super) fn probability(recipe: &OptimumRecipe) -> String {
    use superposition_model::FeatureProbability;
    match &recipe.feature_probability {
        FeatureProbability::Same(p) => number(*p),
        FeatureProbability::PerFeature(all) => all
            .iter()
            .map(|&p| number(p))
            .collect::<Vec<_>>()
            .join(", "),
        law => law.to_string(),
    }
}

fn basin_row(basin: &BasinSummary) -> Vec<String> {
    let what = match basin.critical_point {
        Some(CriticalPoint::Minimum) => "minimum",
        Some(CriticalPoint::Degenerate) => "degenerate",
        Some(CriticalPoint::Saddle) => "saddle",
        _ => "-",
    };
    let curvature = basin.curvature.as_ref();
    vec![
        precise(basin.loss),
        precise(basin.loss_sum),
        basin.geometry.clone(),
        basin.n_starts.to_string(),
        what.to_owned(),
        curvature.map_or("-".to_owned(), |c| c.rank.to_string()),
        curvature.map_or("-".to_owned(), |c| {
            format!("{}/{}", c.n_flat, c.n_symmetric)
        }),
    ]
}

/// The report of an exact loss.
#[must_use]
pub fn loss_report(document: &LossDocument, style: &TextStyle) -> String {
    let (n, m) = (document.n_features, document.n_hidden);
    let mut summary = Summary::new(format!(
        "{}: the expected loss of {n} features in {m} dimensions",
        document.tensor
    ));
    if let Some(instance) = document.instance {
        summary
            .configuration
            .push(pair("instance", instance.to_string()));
    }
    summary
        .configuration
        .push(pair("sets", document.sets.to_string()));
    summary.headline = vec![
        Headline::new(
            "loss",
            precise(document.loss),
            format!(
                "mean over features, error below {}",
                number(document.loss_error)
            ),
        ),
        Headline::new(
            "summed over features",
            precise(document.loss_sum),
            "as papers write it",
        ),
        Headline::new(
            "represented nothing",
            precise(document.loss_of_nothing),
            "the loss of the best constant outputs: the cost of dropping every feature",
        ),
        Headline::new(
            "feature benefit",
            number(document.feature_benefit),
            "one active feature: its own error, summed",
        ),
        Headline::new(
            "interference",
            number(document.interference),
            "one active feature: what it causes in the other outputs, summed",
        ),
    ];
    if let Some(parts) = &document.by_active {
        let row = |part: &crate::ActivePart| {
            vec![
                part.n_active.to_string(),
                percent(part.probability),
                precise(part.loss),
                document_share(part.loss, document.loss),
                optional(part.conditional_loss),
            ]
        };
        summary.tables.push(SummaryTable {
            title: "By the number of active features".to_owned(),
            headers: ["active", "probability", "part of the loss", "share", "loss if so"]
                .map(str::to_owned)
                .to_vec(),
            rows: parts.iter().map(row).collect(),
            note: "The parts sum to the loss; the last column is the mean loss of the samples with so many.".to_owned(),
        });
    }
    if let Some(reason) = document.by_active_reason {
        summary.warnings.push(format!(
            "No parts by the number of active features: {reason}."
        ));
    }
    let row = |(i, &loss): (usize, &f64)| {
        vec![
            i.to_string(),
            number(document.feature_probability[i]),
            number(document.importance[i]),
            precise(loss),
            number(document.feature_benefit_of[i]),
            number(document.interference_in[i]),
        ]
    };
    summary.tables.push(SummaryTable {
        title: "By feature".to_owned(),
        headers: [
            "feature",
            "p",
            "importance",
            "loss",
            "benefit term",
            "interference in it",
        ]
        .map(str::to_owned)
        .to_vec(),
        rows: document
            .feature_loss
            .iter()
            .enumerate()
            .take(MAX_ROWS)
            .map(row)
            .collect(),
        note: if n > MAX_ROWS {
            format!("The first {MAX_ROWS} of {n}; --json has all.")
        } else {
            String::new()
        },
    });
    summary_report(&summary, style)
}

/// Rows of the table by feature.
const MAX_ROWS: usize = 40;

fn document_share(part: f64, whole: f64) -> String {
    if whole > 0.0 {
        percent(part / whole)
    } else {
        "-".to_owned()
    }
}
