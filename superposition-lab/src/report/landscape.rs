//! The report of `landscape`.

use superposition_viz::{Summary, SummaryTable, TextStyle, summary_report};

use super::optimum::{precise, probability};
use super::{number, pair};
use crate::{Along, LandscapeDocument, LandscapeStretch, LandscapeTransition, TransitionKind};

/// The report of a landscape.
#[must_use]
pub fn landscape_report(document: &LandscapeDocument, style: &TextStyle) -> String {
    let recipe = &document.recipe;
    let dimensions = recipe.optimum.model.dimensions;
    let mut summary = Summary::new(format!(
        "The minima of {} features in {} dimensions along {}",
        dimensions.n_features,
        dimensions.n_hidden,
        recipe.along.in_words()
    ));
    let (from, to) = recipe.range;
    let range = format!("{} to {}", number(from), number(to));
    summary.configuration = vec![pair(&recipe.along.in_words(), range)];
    if recipe.along != Along::FeatureProbability {
        let rest = probability(&recipe.optimum);
        summary
            .configuration
            .push(pair("feature probability", rest));
    }
    summary.configuration.extend([
        pair("sets", recipe.optimum.sets.to_string()),
        pair("importance", recipe.optimum.importance.to_string()),
        pair(
            "looked for",
            format!(
                "at {} places, the {} lowest of each; {} random starts (seed {}) and named polytopes",
                recipe.n_anchors,
                recipe.n_minima,
                recipe.optimum.search.n_starts,
                recipe.optimum.search.seed
            ),
        ),
    ]);
    summary.tables.push(SummaryTable {
        title: "Lowest".to_owned(),
        headers: ["from", "to", "branch", "geometry"]
            .map(str::to_owned)
            .to_vec(),
        rows: document.lowest.iter().map(stretch_row).collect(),
        note: "The lowest of the minima that were found; what is at none of the places is missed."
            .to_owned(),
    });
    summary.tables.push(SummaryTable {
        title: "Transitions".to_owned(),
        headers: ["at", "branches", "what", "slope below", "slope above"]
            .map(str::to_owned)
            .to_vec(),
        rows: document.transitions.iter().map(transition_row).collect(),
        note: "First order: the slopes of the loss differ, the model jumps. Slopes are those of the mean loss."
            .to_owned(),
    });
    let branches = document.branches.iter().enumerate();
    summary.tables.push(SummaryTable {
        title: "Branches".to_owned(),
        headers: [
            "branch",
            "from",
            "to",
            "lowest loss",
            "saddle at",
            "geometry there",
        ]
        .map(str::to_owned)
        .to_vec(),
        rows: branches
            .filter_map(|(index, branch)| {
                let (first, last) = (branch.points.first()?, branch.points.last()?);
                let points = branch.points.iter();
                let lowest = points.min_by(|a, b| a.loss.total_cmp(&b.loss))?;
                let saddles = branch.points.iter().filter(|p| p.n_negative > 0).count();
                Some(vec![
                    index.to_string(),
                    number(first.parameter),
                    number(last.parameter),
                    precise(lowest.loss),
                    format!("{saddles} of {}", branch.points.len()),
                    lowest.geometry.clone(),
                ])
            })
            .collect(),
        note: "Critical points, followed from where they are minima.".to_owned(),
    });
    summary_report(&summary, style)
}

fn stretch_row(stretch: &LandscapeStretch) -> Vec<String> {
    vec![
        number(stretch.from),
        number(stretch.to),
        stretch.branch.to_string(),
        match &stretch.geometry {
            [first, last] if first == last => first.clone(),
            [first, last] => format!("{first} to {last}"),
        },
    ]
}

fn transition_row(transition: &LandscapeTransition) -> Vec<String> {
    let slope = |side: usize| {
        transition
            .slopes
            .map_or_else(String::new, |slopes| precise(slopes[side]))
    };
    let what = match transition.kind {
        TransitionKind::FirstOrder => "first order",
        TransitionKind::Continuous => "continuous",
        TransitionKind::End => "a branch ends or begins",
    };
    vec![
        number(transition.parameter),
        format!("{} to {}", transition.from, transition.to),
        what.to_owned(),
        slope(0),
        slope(1),
    ]
}
