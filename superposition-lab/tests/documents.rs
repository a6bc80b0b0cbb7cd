//! Every document against its committed JSON Schema, and against the report printed from it.

use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::path::Path;

use serde_json::Value;
use superposition_lab::analysis::{CompareOptions, MutualInformationOptions};
use superposition_lab::io::Overwrite;
use superposition_lab::model::{Dimensions, FeatureProbability, FeatureSets, Importance, ToyModel};
use superposition_lab::report::{analysis_report, exploration_report, probe_report, sweep_report};
use superposition_lab::train::TrainOptions;
use superposition_lab::viz::{Charset, TextStyle, format_number};
use superposition_lab::{
    AnalyzeOptions, Exploration, ExploreOptions, Layer, Orientation, PopulationLossSummary,
    ProbeFileOptions, Recipe, SampleSource, SweepOptions, TrackOptions, TrainingDocument,
    analyze_file, compare_files, describe_activations, evaluate, explore, list_tensors,
    probe_files, sample_model, sweep, train_tracked, write_model,
};
use superposition_testkit::tolerance::{Tolerance, assert_close};

#[path = "documents/exact.rs"]
mod exact;
#[path = "documents/landscape.rs"]
mod landscape;
#[path = "documents/phases.rs"]
mod phases;

fn validate(document: &impl serde::Serialize) -> Value {
    let value = serde_json::to_value(document).expect("documents serialize");
    let schema = value["schema"].as_str().expect("documents have a schema");
    let name = schema
        .strip_prefix("superposition/")
        .expect("schemas are named superposition/NAME/VERSION")
        .replace('/', ".");
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("schemas")
        .join(format!("{name}.schema.json"));
    let text = std::fs::read_to_string(&path).expect("the schema is committed");
    let schema: Value = serde_json::from_str(&text).expect("the schema is JSON");
    let validator = jsonschema::draft202012::new(&schema).expect("the schema is a schema");
    let errors: Vec<String> = validator
        .iter_errors(&value)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(errors.is_empty(), "{name}: {errors:#?}");
    // A schema that accepts anything would accept this too.
    let mut wrong = value.clone();
    wrong["not in the schema"] = Value::Null;
    assert!(!validator.is_valid(&wrong), "{name} accepts unknown keys");
    value
}

fn recipe(n_features: usize, n_hidden: usize) -> Recipe {
    Recipe::quick_start()
        .with_dimensions(Dimensions {
            n_features,
            n_hidden,
        })
        .with_train(
            TrainOptions::default()
                .with_n_steps(300)
                .with_batch_size(128)
                .with_seed(5),
        )
}

fn small_exploration() -> Exploration {
    let mut options = ExploreOptions::quick_start().with_recipe(recipe(12, 4));
    options.n_samples = 2_000;
    options.n_evaluation = 2_500;
    options.n_rotations = 3;
    explore(&options, &mut |_| ControlFlow::Continue(())).unwrap()
}

#[test]
fn exploration() {
    let exploration = small_exploration();
    let value = validate(&exploration.document());
    assert_eq!(value["features"].as_array().unwrap().len(), 12);
    assert_eq!(value["training"]["stop"], "finished");
    assert_eq!(value["recipe"]["model"]["dimensions"]["n_hidden"], 4);
}

#[test]
fn exploration_that_was_cancelled_has_no_reading() {
    let mut options = ExploreOptions::quick_start().with_recipe(recipe(12, 4));
    options.tracking.history_every = 10;
    let exploration = explore(&options, &mut |at| {
        if at.step == 25 {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    })
    .unwrap();
    assert!(exploration.trained.stop.was_cancelled());
    assert!(exploration.reading.is_none());
    let steps: Vec<usize> = exploration
        .history
        .rows
        .iter()
        .map(|row| row.step)
        .collect();
    assert_eq!(
        steps,
        [10, 20, 25],
        "the last row is that of the step it stopped at"
    );
    assert!(exploration_report(&exploration, &TextStyle::default()).contains("did not finish"));
}

#[test]
fn the_report_prints_the_numbers_of_the_json() {
    let exploration = small_exploration();
    let value = validate(&exploration.document());
    let report = exploration_report(&exploration, &TextStyle::default().with_width(120));
    // The exact loss has more digits than the others, and is what samples estimate.
    let number = |pointer: &str| {
        value
            .pointer(pointer)
            .and_then(Value::as_f64)
            .expect(pointer)
    };
    let exact = number("/population_loss/value");
    assert!(
        report.contains(&format_number(exact, 7)),
        "{exact}: {report}"
    );
    assert!(number("/population_loss/error") <= 1e-6 * exact);
    assert_close(
        number("/evaluation/loss"),
        exact,
        Tolerance::statistical(5.0, number("/evaluation/standard_error")),
    );
    for pointer in [
        "/evaluation/loss",
        "/evaluation/standard_error",
        "/training/last_loss",
        "/geometry/mean_interference",
        "/geometry/mean_interference_all",
        "/geometry/mean_interference_chance",
        "/geometry/total_dimensionality",
        "/geometry/dimensions_per_feature",
        "/geometry/welch_bound",
        "/geometry/frame_potential",
        "/geometry/tightness",
        "/geometry/coherence/value",
        "/geometry/max_cosine/value",
        "/geometry/min_cosine/value",
        "/probes/mean_r_squared",
        "/probes/mean_r_squared_any_w",
        "/probes/mean_readout_r_squared",
        "/probes/mean_auroc",
        "/polysemanticity/features_per_neuron",
        "/rotations/features_per_neuron/mean",
    ] {
        let number = value
            .pointer(pointer)
            .and_then(Value::as_f64)
            .expect(pointer);
        let printed = format_number(number, 4);
        assert!(
            report.contains(&printed),
            "{pointer} = {printed} is not in\n{report}"
        );
    }
}

#[test]
fn a_population_loss_that_is_not_computed_says_why() {
    let n = 2_001;
    let task = recipe(n, 1).task().unwrap();
    let config = recipe(n, 1).model;
    let model = ToyModel::new(config, vec![0.0; 2 * n]).unwrap();
    let sampled = evaluate(&model, &task, 0, 100);
    let loss = PopulationLossSummary::new(&model, &task, &sampled).unwrap();
    assert_eq!((loss.value, loss.error), (None, None));
    assert!(loss.reason.unwrap().contains("up to 2,000"));
}

#[test]
fn reports_are_ascii_when_asked_and_never_too_wide() {
    let exploration = small_exploration();
    for width in [20, 57, 80, 200] {
        let style = TextStyle::default()
            .with_width(width)
            .with_charset(Charset::Ascii);
        let report = exploration_report(&exploration, &style);
        assert!(report.is_ascii());
        for line in report.lines() {
            assert!(line.len() <= width, "{} > {width}: {line}", line.len());
        }
    }
}

#[test]
fn training() {
    let recipe = recipe(10, 3);
    let options = TrackOptions::default();
    let tracked = train_tracked(&recipe, &options, &mut |_| ControlFlow::Continue(())).unwrap();
    let (trained, history) = (tracked.trained, tracked.history);
    let document = TrainingDocument::new(&recipe, &trained, &history).unwrap();
    let value = validate(&document);
    assert_eq!(value["history"].as_array().unwrap().len(), 3);
    let csv = history.to_csv();
    assert_eq!(csv.lines().count(), 4);
    assert!(csv.starts_with("step,loss,"));
}

#[test]
fn files_from_a_model_to_its_probes() {
    let folder = tempfile::tempdir().unwrap();
    let model_path = folder.path().join("model.safetensors");
    let samples_path = folder.path().join("samples.safetensors");
    let recipe = recipe(10, 3);
    let trained = recipe
        .train(NonZeroUsize::MIN, &mut |_| ControlFlow::Continue(()))
        .unwrap();
    write_model(&model_path, &trained.model, &recipe, Overwrite::Refuse).unwrap();

    let listing = validate(&list_tensors(&model_path).unwrap());
    assert_eq!(listing["toy_model"], true);

    // A toy model says itself which side its features are, and what is represented.
    let mut options = AnalyzeOptions::default();
    options.layer = Layer::Summarize;
    let analysis = analyze_file(&model_path, &options).unwrap();
    let value = validate(&analysis);
    assert_eq!(value["n_features"], 10);
    assert_eq!(value["min_norm"], 0.5);
    assert_eq!(value["spectrum"]["rank"], 3);
    assert!(analysis_report(&analysis, &TextStyle::default()).contains("features represented"));
    let csv = analysis.feature_table().to_csv();
    assert_eq!(
        csv.lines().next().unwrap(),
        "feature,norm,dimensionality,mean_interference,max_cosine,nearest,min_cosine,most_opposed,degree,cluster"
    );
    assert_eq!(csv.lines().count(), 11);

    let own = (model_path.as_path(), &options);
    let comparison = validate(&compare_files(own, own, &CompareOptions::default()).unwrap());
    let cka = comparison["metrics"]["linear_cka"]["value"].as_f64();
    assert!((cka.unwrap() - 1.0).abs() < 1e-12);
    assert_eq!(comparison["verdict"], "same_basis");

    let sample = sample_model(
        &model_path,
        2_000,
        Some(9),
        &samples_path,
        Overwrite::Refuse,
    );
    let value = validate(&sample.unwrap());
    assert_eq!(value["n_hidden"], 3);

    let source = |tensor: &str| {
        SampleSource::new(&samples_path, Orientation::Rows).with_tensor(Some(tensor.to_owned()))
    };
    let probes = probe_files(
        &source("hidden"),
        &source("features"),
        &ProbeFileOptions::default(),
    );
    let probes = probes.unwrap();
    let value = validate(&probes);
    assert_eq!(value["probes"].as_array().unwrap().len(), 10);
    assert!(probe_report(&probes, &TextStyle::default()).contains("held"));

    let pairs = [(0, 1), (2, 2)];
    let activations = describe_activations(
        &source("features"),
        1e-6,
        &pairs,
        &MutualInformationOptions::default(),
    );
    let value = validate(&activations.unwrap());
    let sparsity = value["mean_sparsity"].as_f64().unwrap();
    // 20,000 elements, each inactive with probability 0.9: a standard error of 0.0021.
    assert!((sparsity - 0.9).abs() < 5.0 * 0.0021, "{sparsity}");
    let itself = value["mutual_information"][1]["bits"].as_f64().unwrap();
    let other = value["mutual_information"][0]["bits"].as_f64().unwrap();
    assert!(itself > 10.0 * other);
}

#[test]
fn sweeps_do_not_depend_on_threads() {
    let mut options = SweepOptions::quick_start();
    options.recipe = recipe(8, 3).with_importance(Importance::Uniform);
    options.sparsities = vec![0.0, 0.95];
    options.n_seeds = 2;
    options.n_evaluation = 2_000;
    let one = sweep(&options, &|_, _| ControlFlow::Continue(())).unwrap();
    options.threads = std::num::NonZeroUsize::new(3).unwrap();
    let three = sweep(&options, &|_, _| ControlFlow::Continue(())).unwrap();
    let value = validate(&one);
    assert_eq!(value, validate(&three));
    assert_eq!(value["rows"].as_array().unwrap().len(), 2);
    assert_eq!(one.runs_csv().lines().count(), 5);
    assert!(one.runs.iter().all(|run| run.loss > 0.0));
    assert_ne!(one.runs[0].loss, one.runs[1].loss, "seeds differ");
    assert!(sweep_report(&one, &TextStyle::default()).contains("0.95"));
}

#[test]
fn a_sweep_checks_its_feature_sets_at_each_sparsity() {
    let mut options = SweepOptions::quick_start();
    // Twenty features at 0.1 each are too many for a set, at 0.01 they are not.
    options.recipe = recipe(20, 4).with_sets("anticorrelated:20".parse::<FeatureSets>().unwrap());
    options.recipe.train.n_steps = 3;
    options.n_evaluation = 1_000;
    options.sparsities = vec![0.99];
    let document = sweep(&options, &|_, _| ControlFlow::Continue(())).unwrap();
    let value = validate(&document);
    assert_eq!(value["recipe"]["sets"]["anticorrelated"]["set_size"], 20);
    assert!(sweep_report(&document, &TextStyle::default()).contains("anticorrelated:20"));
    options.sparsities.push(0.9);
    assert!(options.validate().is_err());
}

#[test]
fn a_sweep_that_was_stopped_keeps_what_was_finished() {
    let mut options = SweepOptions::quick_start();
    options.recipe = recipe(8, 3);
    options.sparsities = vec![0.5, 0.9];
    options.n_seeds = 2;
    options.n_evaluation = 1_000;
    let document = sweep(&options, &|model, _| {
        if model >= 3 {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    })
    .unwrap();
    assert_eq!(document.runs.len(), 3);
    assert_eq!(validate(&document)["stop"], "cancelled");
}

#[test]
fn bad_recipes_are_refused_before_anything_runs() {
    let negative = recipe(4, 2).with_importance(Importance::Explicit(vec![1.0, -1.0, 1.0, 1.0]));
    let beyond = recipe(4, 2).with_feature_probability(FeatureProbability::Same(1.5));
    let empty = recipe(4, 0);
    for (recipe, what) in [(negative, "-1"), (beyond, "1.5"), (empty, "n_hidden")] {
        let error = recipe.validate().unwrap_err().to_string();
        assert!(error.contains(what), "{error:?} does not name {what:?}");
    }
}
