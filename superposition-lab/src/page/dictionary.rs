//! A dictionary on the page.

use std::path::Path;

use superposition_analysis::PolytopeOptions;
use superposition_viz::html::{Clusters, Column, Features, Page};

use super::inputs::cannot;
use super::{PageOptions, push_summary, suggest_title};
use crate::report::analysis_summary;
use crate::{AnalysisDocument, ColumnValues, LabError, analyze_file, estimate_analysis};

/// Dictionaries of at most so many features have their polytopes named, if nothing else was asked for.
const MAX_POLYTOPES: usize = 2_048;

/// Analyses it and puts it on the page.
pub(super) fn add(page: &mut Page, path: &Path, options: &PageOptions) -> Result<(), LabError> {
    let document = analyzed(page, path, options)?;
    let geometry = &document.geometry;
    let (n, m) = (geometry.n_features, geometry.n_hidden);
    let title = format!("{}: {n} features in {m} dimensions", document.tensor);
    suggest_title(page, &title);
    push_summary(page, "Geometry", &analysis_summary(&document));
    page.features = Some(features_of(&document));
    page.notes.extend(left_out(&document));
    Ok(())
}

/// The analysis of the page's one dictionary.
pub(super) fn analyzed(
    page: &Page,
    path: &Path,
    options: &PageOptions,
) -> Result<AnalysisDocument, LabError> {
    if page.features.is_some() {
        return Err(cannot(
            path,
            "the page has a dictionary already: one a page",
        ));
    }
    let mut options = options.analyze.clone();
    let estimate = estimate_analysis(path, &options)?;
    if options.reading.polytopes.is_none()
        && estimate.stream.is_none()
        && estimate.n_features <= MAX_POLYTOPES
    {
        options.reading.polytopes = Some(PolytopeOptions::default());
    }
    analyze_file(path, &options)
}

/// What of the dictionary the page does not hold.
pub(super) fn left_out(document: &AnalysisDocument) -> Option<String> {
    let n = document.geometry.n_features;
    match &document.directions {
        None => Some(format!(
            "The directions of the {n} features are not here, because they were read in blocks: the table is of all."
        )),
        Some(kept) if kept.features.len() < n => Some(format!(
            "{} of {n} features are here, evenly apart in the file. Statistics and the columns of the table are over all {n}; what is drawn, and neighbours beside a selected feature, are of these.",
            kept.features.len()
        )),
        Some(_) => None,
    }
}

/// The features with their directions and everything that is known of each.
pub(super) fn features_of(document: &AnalysisDocument) -> Features {
    let n = document.geometry.n_features;
    let (mut features, kept) = match &document.directions {
        Some(kept) => {
            let features = Features::new(kept.values.clone(), kept.n_hidden);
            let index = kept.features.clone();
            (features.with_part(index.clone(), n), index)
        }
        None => (Features::without_directions(n), (0..n).collect()),
    };
    features = features.with_min_norm(document.geometry.min_norm);
    if let Some(labels) = &document.labels {
        features = features.with_labels(kept.iter().map(|&i| labels[i].clone()).collect());
    }
    for (name, values) in document.feature_table().columns() {
        if name != "feature" && name != "label" {
            features = features.with_column(column(name, values, &kept));
        }
    }
    if let Some(clusters) = clusters_of(document, &kept) {
        features = features.with_clusters(clusters);
    }
    features
}

fn column(name: &str, values: &ColumnValues, kept: &[usize]) -> Column {
    let about = about(name);
    let numbers = |of: &dyn Fn(usize) -> f64| {
        Column::numbers(name, about, kept.iter().map(|&i| of(i)).collect())
    };
    match values {
        ColumnValues::Number(values) => numbers(&|i| values[i].unwrap_or(f64::NAN)),
        ColumnValues::Index(values) => numbers(&|i| values[i].map_or(f64::NAN, |k| k as f64)),
        ColumnValues::Flag(values) => numbers(&|i| f64::from(u8::from(values[i]))),
        ColumnValues::Text(values) => Column::text(
            name,
            about,
            kept.iter().map(|&i| values[i].clone()).collect(),
        ),
    }
}

/// What a column of features is.
pub(super) fn about(name: &str) -> &'static str {
    match name {
        "norm" => "length of the direction",
        "dimensionality" => "D_i: the share of a dimension that the feature has for itself",
        "mean_interference" => "mean squared cosine with the other represented features",
        "max_cosine" => "largest cosine with another represented feature",
        "nearest" => "whose that is",
        "min_cosine" => "smallest cosine with another represented feature",
        "most_opposed" => "whose that is",
        "degree" => "other features with a squared cosine above the threshold",
        "cluster" => "component of features joined by such pairs",
        "polytope" => "the figure that the feature's component forms",
        "component" => "component whose figure that is",
        "importance" => "weight of the feature in the loss",
        "feature_probability" => "how often it is active",
        "bias" => "b_i",
        "superposition" => "how much the others activate it: 1 or more, fully",
        "leverage" => "R^2 that any linear probe has in the population",
        "probe_r_squared" => "held-out R^2 of a linear probe on the hidden activations",
        "readout_r_squared" => "R^2 of the model's own readout",
        "probe_auroc" => "area under the ROC curve of the probe",
        "probe_accuracy" => "held-out accuracy of active or not",
        "probe_base_rate" => "accuracy of always giving the more frequent answer",
        "firing_rate" => "share of samples in which it is active",
        _ => "",
    }
}

/// The components with their figures, if these were named, and else the clusters of the report.
fn clusters_of(document: &AnalysisDocument, kept: &[usize]) -> Option<Clusters> {
    let reading = &document.reading;
    if let (Some(of), Some(summary)) = (&reading.polytope_of, &reading.polytopes) {
        let count = of
            .iter()
            .flatten()
            .map(|(_, component)| component + 1)
            .max();
        let mut names = vec![String::new(); count.unwrap_or(0)];
        for (name, component) in of.iter().flatten() {
            names[*component].clone_from(name);
        }
        let component = |&i: &usize| of[i].as_ref().map(|(_, component)| *component);
        let about = format!(
            "Components of pairs with cos^2 > {}, by the figure they form.",
            summary.threshold
        );
        return Some(Clusters::new(kept.iter().map(component).collect(), about).with_names(names));
    }
    let threshold = document.geometry.clusters?.threshold;
    let rows = document.rows();
    let of = kept.iter().map(|&i| rows[i].cluster).collect();
    Some(Clusters::new(
        of,
        format!("Components of pairs with cos^2 > {threshold}. A large one may be a chain."),
    ))
}
