//! The exact loss of files and the lowest loss: documents, reports, and numbers against each other.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::path::Path;

use superposition_lab::analysis::{PolytopeOptions, from_rows, polytopes};
use superposition_lab::io::{Overwrite, TensorToWrite, write_safetensors};
use superposition_lab::model::{
    Bias, Dimensions, FeatureProbability, FeatureSets, Importance, Output, ToyModel, ToyModelConfig,
};
use superposition_lab::report::{loss_report, optimum_report};
use superposition_lab::train::optimum::{CriticalPoint, OptimumOptions};
use superposition_lab::train::posterior::{LearningCoefficientOptions, PosteriorOptions};
use superposition_lab::viz::{Charset, TextStyle};
use superposition_lab::{
    LossOptions, OptimumDocument, OptimumRecipe, Orientation, Recipe, find_optimum, loss_of_file,
    write_model,
};
use superposition_testkit::tolerance::{Tolerance, assert_all_close, assert_close};

use super::validate;

fn model(n_features: usize, n_hidden: usize) -> ToyModelConfig {
    ToyModelConfig::new(Dimensions {
        n_features,
        n_hidden,
    })
}

fn find(recipe: &OptimumRecipe) -> OptimumDocument {
    let go_on = &|_: &_| ControlFlow::Continue(());
    find_optimum(recipe, NonZeroUsize::new(2).unwrap(), go_on).unwrap()
}

fn few(n_starts: usize) -> OptimumOptions {
    OptimumOptions::default().with_n_starts(n_starts)
}

#[test]
fn learning_coefficients_are_half_the_rank_of_what_is_regular() {
    let recipe = OptimumRecipe::new(model(3, 2))
        .with_feature_probability(0.1)
        .with_search(few(2));
    let posterior = PosteriorOptions::default()
        .with_n_burn_in(300)
        .with_n_samples(600);
    let options = LearningCoefficientOptions::new(1e8).with_posterior(posterior);
    let threads = NonZeroUsize::new(2).unwrap();
    let go_on = &|_| ControlFlow::Continue(());
    let found = find(&recipe)
        .with_learning_coefficients(&options, threads, go_on)
        .unwrap();
    validate(&serde_json::to_value(&found).unwrap());
    let mut n_minima = 0;
    for basin in &found.basins {
        let Some(found) = basin.learning_coefficient else {
            assert_eq!(basin.critical_point, Some(CriticalPoint::Saddle));
            continue;
        };
        if basin.critical_point == Some(CriticalPoint::Minimum) {
            n_minima += 1;
            let half = 0.5 * basin.curvature.as_ref().unwrap().rank as f64;
            let tolerance = 5.0 * found.standard_error + 0.02 * half;
            assert!((found.value - half).abs() < tolerance, "{basin:?}");
        }
    }
    assert!(n_minima > 0);
    let report = optimum_report(&found, &TextStyle::default());
    assert!(
        report.contains("lambda") && report.contains("1e8"),
        "{report}"
    );
    // The same on one thread, and stopped.
    let alone = find(&recipe)
        .with_learning_coefficients(&options, NonZeroUsize::MIN, go_on)
        .unwrap();
    let coefficient = |document: &OptimumDocument| document.basins[0].learning_coefficient;
    assert_eq!(coefficient(&alone), coefficient(&found));
    let stopped = find(&recipe)
        .with_learning_coefficients(&options, threads, &|_| ControlFlow::Break(()))
        .unwrap();
    assert!(stopped.interrupted && !found.interrupted);
}

#[test]
fn a_pentagon_by_name_is_the_best_and_the_square_is_below_it() {
    let recipe = OptimumRecipe::new(model(5, 2))
        .with_feature_probability(0.05)
        .with_search(few(4));
    let found = find(&recipe);
    assert_close(
        found.loss_sum.unwrap(),
        0.008_903_6,
        Tolerance::absolute(1e-7),
    );
    let best = &found.basins[0];
    assert_eq!(
        (best.geometry.as_str(), best.n_represented),
        ("1 pentagon", 5)
    );
    assert_eq!(best.critical_point, Some(CriticalPoint::Minimum));
    assert!(
        found.named_starts.contains(&"pentagon".to_owned()),
        "{:?}",
        found.named_starts
    );
    assert!(found.named_starts.contains(&"digon + digon".to_owned()));
    assert_eq!(found.n_starts, found.named_starts.len() + 4);
    let counted: usize = found.basins.iter().map(|basin| basin.n_starts).sum();
    assert_eq!(counted, found.n_starts);
    assert!(found.basins.is_sorted_by(|a, b| a.loss <= b.loss));
    assert!(
        found
            .basins
            .iter()
            .any(|basin| basin.geometry == "2 digons"),
        "{found:?}"
    );
    // The gradient of 1e-10 over the smallest curvature.
    assert_all_close(
        found.feature_dimensionality.as_ref().unwrap(),
        &[0.4; 5],
        Tolerance::absolute(1e-7),
    );
    validate(&found);
    let text = optimum_report(
        &found,
        &TextStyle::default()
            .with_width(100)
            .with_charset(Charset::Ascii),
    );
    assert!(
        text.contains("best found of") && text.contains("pentagon"),
        "{text}"
    );
    assert!(
        text.is_ascii() && text.lines().all(|line| line.len() <= 100),
        "{text}"
    );
}

#[test]
fn variants_of_the_model() {
    // Without a bias, untied, linear: each document is valid, and each loss at most that of the tied ReLU model it
    // contains.
    let tied = OptimumRecipe::new(model(3, 1))
        .with_feature_probability(0.3)
        .with_search(few(6));
    let lowest = |model: ToyModelConfig| {
        let mut recipe = tied.clone();
        recipe.model = model;
        let found = find(&recipe);
        validate(&found);
        found
    };
    let with_bias = lowest(tied.model);
    let without = lowest(tied.model.with_bias(Bias::None));
    assert!(without.b.is_none() && without.loss.unwrap() > with_bias.loss.unwrap());
    let untied = lowest(
        tied.model
            .with_coupling(superposition_lab::model::Coupling::Untied),
    );
    assert!(untied.basins[0].w_dec.is_some());
    assert!(untied.loss.unwrap() <= with_bias.loss.unwrap() + 1e-12);
    let linear = lowest(tied.model.with_output(Output::Linear));
    assert!(linear.named_starts.is_empty());
    assert_close(
        linear.loss_sum.unwrap(),
        2.0 * (0.1 - 0.0225),
        Tolerance::absolute(1e-9),
    );
}

#[test]
fn what_is_wrong_with_a_recipe() {
    let refused = |recipe: OptimumRecipe| {
        let go_on = &|_: &_| ControlFlow::Continue(());
        find_optimum(&recipe, NonZeroUsize::MIN, go_on)
            .unwrap_err()
            .to_string()
    };
    let p = refused(OptimumRecipe::new(model(3, 1)).with_feature_probability(1.5));
    assert!(p.contains("must be within 0 and 1"), "{p}");
    let sets = FeatureSets::Anticorrelated { set_size: 3 };
    let contradictory = refused(OptimumRecipe::new(model(3, 1)).with_sets(sets));
    assert!(
        contradictory.contains("anticorrelated") || contradictory.contains("at most"),
        "{contradictory}"
    );
    let none = OptimumRecipe::new(model(3, 1)).with_search(few(0));
    let mut linear = none.clone();
    linear.model = linear.model.with_output(Output::Linear);
    assert_eq!(refused(linear), "n_starts is 0; it must be at least 1");
    // The borders are no errors: p = 0 loses nothing, p = 1 and an importance of 0 are losses like others.
    let never = find(&none.clone().with_feature_probability(0.0));
    assert_close(never.loss.unwrap(), 0.0, Tolerance::absolute(1e-15));
    find(&none.clone().with_feature_probability(1.0));
    let ignored = none.with_importance(Importance::Explicit(vec![0.0; 3]));
    assert_eq!(find(&ignored).loss, Some(0.0));
}

#[test]
fn an_interrupted_search_says_so() {
    let recipe = OptimumRecipe::new(model(4, 2));
    let stop = &|_: &_| ControlFlow::Break(());
    let found = find_optimum(&recipe, NonZeroUsize::MIN, stop).unwrap();
    // Only starts that are critical points already are found by then.
    let ended: usize = found.basins.iter().map(|basin| basin.n_starts).sum();
    assert!(found.interrupted && ended < found.named_starts.len());
    assert!(found.basins.iter().all(|basin| basin.curvature.is_none()));
    validate(&found);
}

fn write(path: &Path, tensors: &[(&str, &[usize], &[f32])]) {
    let tensors: Vec<TensorToWrite<'_>> = tensors
        .iter()
        .map(|&(name, shape, values)| TensorToWrite {
            name,
            shape,
            values,
        })
        .collect();
    write_safetensors(path, &tensors, &BTreeMap::new(), Overwrite::Refuse).unwrap();
}

fn options(p: f64) -> LossOptions {
    let mut options = LossOptions::default();
    options.feature_probability = Some(FeatureProbability::Same(p));
    options
}

/// An antipodal pair, by hand: each alone is perfect; of two the smaller is lost twice.
#[test]
fn the_parts_of_an_antipodal_pair() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pair.safetensors");
    write(
        &path,
        &[("W", &[1, 2], &[1.0, -1.0]), ("b", &[2], &[0.0, 0.0])],
    );
    let mut options = options(0.5);
    options.features = Some(Orientation::Columns);
    let found = loss_of_file(&path, &options).unwrap();
    validate(&found);
    let rounding = Tolerance::reduction_f64(32, 1.0);
    // E y^2 = 1/6 for the smaller of two, at both features, a quarter of the time.
    assert_close(found.loss_sum, 2.0 / 6.0 / 4.0, rounding);
    assert_all_close(&found.feature_loss, &[1.0 / 24.0; 2], rounding);
    assert_close(found.loss_of_nothing, 0.5 / 3.0 - 0.25 / 4.0, rounding);
    assert_eq!((found.feature_benefit, found.interference), (0.0, 0.0));
    let parts: Vec<f64> = found
        .by_active
        .unwrap()
        .iter()
        .map(|part| part.loss)
        .collect();
    assert_all_close(&parts, &[0.0, 0.0, found.loss], rounding);
}

/// The notebook's stack of instances [instances, features, hidden] beside a model of ours with the same weights.
#[test]
fn an_instance_of_a_stack_is_the_model_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let (n, m) = (4, 2);
    let weights: Vec<f32> = (0..3 * n * m)
        .map(|k| ((k * 37 % 23) as f32 - 11.0) / 12.0)
        .collect();
    let biases: Vec<f32> = (0..3 * n)
        .map(|k| ((k * 5 % 7) as f32 - 3.0) / 10.0)
        .collect();
    let stack = folder.path().join("notebook.safetensors");
    write(
        &stack,
        &[("W", &[3, n, m], &weights), ("b_final", &[3, n], &biases)],
    );
    let mut flat = weights[2 * n * m..].to_vec();
    flat.extend(&biases[2 * n..]);
    let recipe = Recipe::quick_start()
        .with_dimensions(Dimensions {
            n_features: n,
            n_hidden: m,
        })
        .with_feature_probability(FeatureProbability::Same(0.3))
        .with_importance(Importance::Geometric { ratio: 0.8 });
    let ours = folder.path().join("ours.safetensors");
    let toy = ToyModel::new(recipe.model, flat).unwrap();
    write_model(&ours, &toy, &recipe, Overwrite::Refuse).unwrap();
    let mut options = options(0.3);
    options.features = Some(Orientation::Rows);
    options.importance = Some(Importance::Geometric { ratio: 0.8 });
    let missing = loss_of_file(&stack, &options).unwrap_err().to_string();
    assert!(missing.contains("3"), "{missing}");
    options.instance = Some(2);
    let found = loss_of_file(&stack, &options).unwrap();
    validate(&found);
    let of_ours = loss_of_file(&ours, &LossOptions::default()).unwrap();
    assert_eq!(found.loss, of_ours.loss);
    assert_eq!(found.feature_loss, of_ours.feature_loss);
    // The other route, in f32 importances.
    let task = recipe.task().unwrap();
    let other = toy
        .population_loss(&task.distribution, &task.importance, 1e-10)
        .unwrap();
    assert_close(found.loss, other.value, Tolerance::absolute(1e-8));
    // The parts are the whole, and one active feature makes the second of them.
    let parts = found.by_active.as_ref().unwrap();
    let rounding = Tolerance::reduction_f64(256, 1.0);
    assert_close(
        parts.iter().map(|part| part.loss).sum(),
        found.loss,
        rounding,
    );
    let one = 0.3 * 0.7_f64.powi(3) * (found.feature_benefit + found.interference);
    assert_close(parts[1].loss * n as f64, one, rounding);
    let text = loss_report(&found, &TextStyle::default().with_width(100));
    assert!(
        text.contains("instance") && text.contains("interference"),
        "{text}"
    );
}

#[test]
fn many_features_have_a_loss_without_parts() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("many.safetensors");
    let n = 20;
    let w: Vec<f32> = (0..3 * n)
        .map(|k| ((k * 13 % 17) as f32 - 8.0) / 9.0)
        .collect();
    write(&path, &[("decoder", &[n, 3], &w)]);
    let mut options = options(0.1);
    options.features = Some(Orientation::Rows);
    let refused = loss_of_file(&path, &options).unwrap_err().to_string();
    assert!(
        refused.contains("bias") && refused.contains("decoder"),
        "{refused}"
    );
    options.with_bias = Some(Bias::None);
    let found = loss_of_file(&path, &options).unwrap();
    validate(&found);
    assert!(found.by_active.is_none() && found.by_active_reason.is_some());
    let config = model(n, 3).with_bias(Bias::None);
    let toy = ToyModel::new(config, w).unwrap();
    let p = FeatureProbability::Same(0.1);
    let distribution = superposition_lab::model::FeatureDistribution::new(n, &p).unwrap();
    let whole = toy
        .population_loss(&distribution, &vec![1.0; n], 1e-10)
        .unwrap();
    assert_close(found.loss, whole.value, Tolerance::absolute(1e-8));
}

#[test]
fn files_that_say_too_little_or_nonsense_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w.safetensors");
    write(
        &path,
        &[("W", &[1, 2], &[1.0, f32::NAN]), ("b", &[3], &[0.0; 3])],
    );
    let refused = |options: &LossOptions| loss_of_file(&path, options).unwrap_err().to_string();
    assert!(refused(&options(0.1)).contains("--features"));
    let mut said = options(0.1);
    said.features = Some(Orientation::Columns);
    assert!(refused(&said).contains("NaN"));
    let path = folder.path().join("b.safetensors");
    write(
        &path,
        &[("W", &[1, 2], &[1.0, 0.5]), ("b", &[3], &[0.0; 3])],
    );
    let refused = |options: &LossOptions| loss_of_file(&path, options).unwrap_err().to_string();
    assert!(refused(&said).contains("[3]"));
    said.with_bias = Some(Bias::None);
    said.feature_probability = None;
    assert!(refused(&said).contains("how often a feature is active"));
    said.feature_probability = Some(FeatureProbability::PerFeature(vec![0.1; 5]));
    assert!(refused(&said).contains('5'));
}

/// Directions of the catalogue are recognised as themselves where rotation is all that a basin leaves open.
#[test]
fn named_starts_are_what_they_say() {
    let found = find(
        &OptimumRecipe::new(model(8, 3))
            .with_feature_probability(0.1)
            .with_search(few(0)),
    );
    assert!(
        found
            .named_starts
            .iter()
            .any(|name| name == "square antiprism")
    );
    assert!(
        found
            .named_starts
            .iter()
            .any(|name| name == "pentagon + digon")
    );
    let best = &found.basins[0];
    let values: Vec<f64> = best.w.iter().flatten().copied().collect();
    let again = polytopes(
        from_rows(&values, 3, 8),
        &PolytopeOptions::default().with_min_norm(0.5),
    );
    assert_eq!(again.unwrap().to_string(), best.geometry);
}
