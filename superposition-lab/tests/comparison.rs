//! Toy models of different seeds: features are labelled, hidden spaces are not.

use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use superposition_lab::analysis::{CompareOptions, Metric, Verdict};
use superposition_lab::io::Overwrite;
use superposition_lab::model::{Dimensions, FeatureProbability, Importance};
use superposition_lab::report::comparison_report;
use superposition_lab::train::TrainOptions;
use superposition_lab::viz::{Charset, TextStyle};
use superposition_lab::{
    AnalyzeOptions, ComparisonDocument, LabError, Recipe, compare_files, write_model,
};

fn recipe(n_features: usize, n_hidden: usize, probability: f64, importance: Importance) -> Recipe {
    Recipe::quick_start()
        .with_dimensions(Dimensions {
            n_features,
            n_hidden,
        })
        .with_feature_probability(FeatureProbability::Same(probability))
        .with_importance(importance)
}

fn trained(folder: &Path, recipe: &Recipe, n_steps: usize, seed: u64) -> PathBuf {
    let train = TrainOptions::default()
        .with_n_steps(n_steps)
        .with_batch_size(256)
        .with_seed(seed);
    let recipe = recipe.clone().with_train(train);
    let trained = recipe
        .train(NonZeroUsize::MIN, &mut |_| ControlFlow::Continue(()))
        .unwrap();
    let path = folder.join(format!("{n_steps}-{seed}.safetensors"));
    write_model(&path, &trained.model, &recipe, Overwrite::Replace).unwrap();
    path
}

fn compare(a: &Path, b: &Path) -> Result<ComparisonDocument, LabError> {
    let options = AnalyzeOptions::default();
    compare_files((a, &options), (b, &options), &CompareOptions::default())
}

fn value(document: &ComparisonDocument, metric: Metric) -> f64 {
    document.metrics[metric.name()].value.unwrap()
}

/// Where features are always active the model keeps the most important ones, each in a direction of its own:
/// the Gram matrix is the same from every seed, the basis is where the initialisation left it.
#[test]
fn dense_features_come_out_the_same_in_different_bases() {
    let folder = tempfile::tempdir().unwrap();
    let recipe = recipe(12, 6, 1.0, Importance::Geometric { ratio: 0.7 });
    let [a, b] = [1, 2].map(|seed| trained(folder.path(), &recipe, 8_000, seed));
    let document = compare(&a, &b).unwrap();
    for metric in [
        Metric::GramSimilarity,
        Metric::LinearCka,
        Metric::ProcrustesSimilarity,
    ] {
        assert!(value(&document, metric) > 0.99, "{metric}: {document:#?}");
    }
    assert!(value(&document, Metric::ProcrustesResidual) < 0.1);
    assert!(value(&document, Metric::GramDifference) < 0.05);
    assert_eq!(document.verdict, Some(Verdict::DifferentBases));
    // The features that were not learned take no part in the matching: a toy model's file says so.
    let matching = document.matching.as_ref().unwrap();
    assert_eq!(
        (matching.n_represented, matching.min_norm),
        ([6, 6], [0.5, 0.5])
    );

    // Control: what training did is not there before it.
    let untrained = [3, 4].map(|seed| trained(folder.path(), &recipe, 1, seed));
    let document = compare(&untrained[0], &untrained[1]).unwrap();
    assert!(value(&document, Metric::GramSimilarity) < 0.8);
    assert!(value(&document, Metric::ProcrustesResidual) > 0.3);
    assert_ne!(document.verdict, Some(Verdict::DifferentBases));
}

/// Where features are sparse and equally important, who shares a dimension with whom is up to the seed.
#[test]
fn sparse_features_pair_up_differently() {
    let folder = tempfile::tempdir().unwrap();
    let recipe = recipe(24, 6, 0.1, Importance::Uniform);
    let [a, b] = [1, 2].map(|seed| trained(folder.path(), &recipe, 3_000, seed));
    let document = compare(&a, &b).unwrap();
    assert!(value(&document, Metric::GramSimilarity) < 0.8);
    assert!(value(&document, Metric::ProcrustesResidual) > 0.3);
    assert!(matches!(
        document.verdict,
        Some(Verdict::Unrelated | Verdict::PartlyShared)
    ));
    let report = comparison_report(
        &document,
        &TextStyle::default().with_charset(Charset::Ascii),
    );
    assert!(report.is_ascii());
    for metric in Metric::ALL {
        assert!(
            report.contains(metric.name()),
            "{metric} is not in\n{report}"
        );
    }
}

#[test]
fn dictionaries_that_share_no_dimension_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let a = trained(folder.path(), &recipe(5, 2, 0.1, Importance::Uniform), 1, 1);
    let b = trained(folder.path(), &recipe(6, 3, 0.1, Importance::Uniform), 1, 2);
    let error = compare(&a, &b).unwrap_err().to_string();
    assert!(
        error.contains("5 features in 2") && error.contains("6 in 3"),
        "{error}"
    );
}
