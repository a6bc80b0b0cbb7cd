//! A training that is stopped and goes on is the training that was never stopped, byte for byte.

use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::path::Path;

use superposition_lab::io::Overwrite;
use superposition_lab::model::{Bias, Coupling, Dimensions, FeatureProbability, FeatureSets};
use superposition_lab::report::exploration_report;
use superposition_lab::train::{AdamConfig, Decay, Schedule, StepForm, StopReason, TrainOptions};
use superposition_lab::viz::TextStyle;
use superposition_lab::{
    ExploreOptions, LabError, Recipe, SavedTraining, TrackOptions, Tracked, explore,
    read_checkpoint, train_tracked, write_checkpoint, write_model,
};

fn recipe(n_features: usize, n_hidden: usize, batch_size: usize) -> Recipe {
    let train = TrainOptions::default()
        .with_n_steps(60)
        .with_batch_size(batch_size)
        .with_seed(3);
    Recipe::quick_start()
        .with_dimensions(Dimensions {
            n_features,
            n_hidden,
        })
        .with_train(train)
}

/// Each of these keeps something else from step to step, or makes steps in another form.
fn recipes() -> Vec<(&'static str, Recipe)> {
    let mut plain = recipe(12, 4, 64);
    plain.train.schedule = Schedule::default().with_decay(Decay::Cosine { last: 0.1 });
    plain.train.schedule.warmup_steps = 15;
    let shared = recipe(100, 20, 256);
    let mut untied = recipe(9, 4, 64);
    untied.model.coupling = Coupling::Untied;
    untied.model.bias = Bias::None;
    untied.train.clip_norm = Some(1e-3);
    untied.train.adam = AdamConfig::default().with_l2(1e-3).with_weight_decay(1e-2);
    untied.train.loss_every = 7;
    let mut tiny = recipe(5, 2, 64);
    tiny.train.step_form = StepForm::Tiny;
    let pairs = recipe(12, 4, 64).with_sets(FeatureSets::Anticorrelated { set_size: 3 });
    vec![
        ("plain", plain),
        ("shared among threads", shared),
        ("untied", untied),
        ("tiny", tiny),
        ("sets", pairs),
    ]
}

fn two() -> NonZeroUsize {
    NonZeroUsize::new(2).unwrap()
}

fn whole(recipe: &Recipe, options: &TrackOptions) -> Tracked {
    train_tracked(recipe, options, &mut |_| ControlFlow::Continue(())).unwrap()
}

fn stopped_at(step: usize, recipe: &Recipe, options: &TrackOptions) -> Tracked {
    train_tracked(recipe, options, &mut |at| {
        if at.step == step {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    })
    .unwrap()
}

/// What it becomes on the way through a file.
fn through_a_file(saved: &SavedTraining) -> SavedTraining {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checkpoint.safetensors");
    write_checkpoint(&path, saved, Overwrite::Refuse).unwrap();
    let read = read_checkpoint(&path).unwrap();
    assert_eq!(&read, saved);
    let bytes = std::fs::read(&path).unwrap();
    write_checkpoint(&path, &read, Overwrite::Replace).unwrap();
    assert_eq!(
        std::fs::read(&path).unwrap(),
        bytes,
        "equal states, equal bytes"
    );
    read
}

/// The bytes of model.safetensors and history.csv.
fn files(recipe: &Recipe, tracked: &Tracked) -> (Vec<u8>, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    write_model(&path, &tracked.trained.model, recipe, Overwrite::Refuse).unwrap();
    (std::fs::read(&path).unwrap(), tracked.history.to_csv())
}

#[test]
fn stopped_anywhere_and_gone_on_with_it_is_the_same_training() {
    for (name, recipe) in recipes() {
        let one = TrackOptions::default()
            .with_history_every(10)
            .with_snapshots(6);
        let several = one.clone().with_threads(two());
        let expected = whole(&recipe, &one);
        assert_eq!(whole(&recipe, &several), expected, "{name}: threads");
        let expected_files = files(&recipe, &expected);
        // At the first step, between rows, at a row, before the last.
        for step in [1, 7, 30, 59] {
            let part = stopped_at(step, &recipe, &several);
            assert_eq!(part.trained.stop, StopReason::Cancelled { step }, "{name}");
            assert_eq!(part.history.rows.last().unwrap().step, step, "{name}");
            let saved = through_a_file(&part.saved.unwrap());
            assert_eq!(saved.history().unwrap(), part.history, "{name}");
            let rest = whole(&recipe, &one.clone().with_start(Some(saved)));
            assert_eq!(rest, expected, "{name} from step {step}");
            assert_eq!(files(&recipe, &rest), expected_files, "{name}");
        }
        // Twice.
        let first = stopped_at(13, &recipe, &one).saved.unwrap();
        let options = one.clone().with_start(Some(through_a_file(&first)));
        let second = stopped_at(41, &recipe, &options).saved.unwrap();
        let rest = whole(&recipe, &several.with_start(Some(through_a_file(&second))));
        assert_eq!(rest, expected, "{name} in three parts");
    }
}

#[test]
fn an_exploration_goes_on_to_the_same_document_and_report() {
    let mut options = ExploreOptions::quick_start().with_recipe(recipe(12, 4, 64));
    options.n_samples = 1_000;
    options.n_evaluation = 2_000;
    options.n_rotations = 2;
    let expected = explore(&options, &mut |_| ControlFlow::Continue(())).unwrap();
    let part = explore(&options, &mut |at| match at.step {
        25 => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    })
    .unwrap();
    assert!(part.reading.is_none());
    options.tracking.start = part.saved;
    let rest = explore(&options, &mut |_| ControlFlow::Continue(())).unwrap();
    let json = |exploration: &superposition_lab::Exploration| {
        serde_json::to_string(&exploration.document()).unwrap()
    };
    assert_eq!(json(&rest), json(&expected));
    let style = TextStyle::default();
    assert_eq!(
        exploration_report(&rest, &style),
        exploration_report(&expected, &style)
    );
}

#[test]
fn at_the_last_step_there_is_nothing_to_stop() {
    let recipe = recipe(12, 4, 64);
    let options = TrackOptions::default();
    let expected = whole(&recipe, &options);
    let stopped = stopped_at(60, &recipe, &options);
    assert_eq!(stopped, expected);
    assert!(stopped.trained.stop.is_finished() && stopped.saved.is_none());
    // The step whose loss is low enough is the last, too: going on from it would be another training.
    let mut low = recipe;
    low.train.loss_below = Some(f64::from(expected.trained.losses[20]) * (1.0 + 1e-9));
    let expected = whole(&low, &options);
    let StopReason::LossBelow { step } = expected.trained.stop else {
        panic!("{:?}", expected.trained.stop);
    };
    assert_eq!(stopped_at(step, &low, &options), expected);
}

#[test]
fn a_checkpoint_of_another_training_is_refused_by_the_field_that_differs() {
    let recipe = recipe(12, 4, 64);
    let options = TrackOptions::default();
    let saved = stopped_at(5, &recipe, &options).saved;
    let options = options.with_start(saved);
    let others = [
        ("train.seed", "3", "4"),
        ("train.n_steps", "60", "61"),
        ("train.adam.learning_rate", "0.001", "0.002"),
        ("train.clip_norm", "null", "1.0"),
        ("feature_probability.same", "0.1", "0.2"),
        (
            "sets",
            "\"independent\"",
            "{\"correlated\":{\"set_size\":2}}",
        ),
        ("model.dimensions.n_hidden", "4", "3"),
        ("history_every", "100", "10"),
    ];
    for (field, there, here) in others {
        let (mut other, mut options) = (recipe.clone(), options.clone());
        match field {
            "train.seed" => other.train.seed = 4,
            "train.n_steps" => other.train.n_steps = 61,
            "train.adam.learning_rate" => other.train.adam.learning_rate = 2e-3,
            "train.clip_norm" => other.train.clip_norm = Some(1.0),
            "feature_probability.same" => {
                other.feature_probability = FeatureProbability::Same(0.2);
            }
            "sets" => other.sets = FeatureSets::Correlated { set_size: 2 },
            "model.dimensions.n_hidden" => other.model.dimensions.n_hidden = 3,
            _ => options.history_every = 10,
        }
        let error =
            train_tracked(&other, &options, &mut |_| ControlFlow::Continue(())).unwrap_err();
        assert!(matches!(error, LabError::OtherTraining { .. }), "{error}");
        let text = error.to_string();
        let expected = format!("{field} is {there} there and {here} here");
        assert!(text.contains(&expected), "{text}: {expected}");
    }
}

#[test]
fn a_file_that_is_no_checkpoint_is_an_error_that_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let recipe = recipe(12, 4, 64);
    let part = stopped_at(5, &recipe, &TrackOptions::default());
    let refused = |path: &Path, words: &str| {
        let text = read_checkpoint(path).unwrap_err().to_string();
        assert!(text.contains(words), "{text}: {words}");
    };

    write_model(
        &path("model"),
        &part.trained.model,
        &recipe,
        Overwrite::Refuse,
    )
    .unwrap();
    refused(&path("model"), "holds a model, but nothing to go on from");
    refused(&path("missing"), "missing");

    let mut saved = part.saved.unwrap();
    write_checkpoint(&path("good"), &saved, Overwrite::Refuse).unwrap();
    let bytes = std::fs::read(path("good")).unwrap();
    for length in [0, 7, 100, bytes.len() / 2, bytes.len() - 1] {
        std::fs::write(path("cut"), &bytes[..length]).unwrap();
        assert!(read_checkpoint(&path("cut")).is_err(), "{length} bytes");
    }
    let text = String::from_utf8_lossy(&bytes[8..]).into_owned();
    let metadata = text
        .find(r#"\"step\":5"#)
        .expect("the step is in the metadata")
        + 8;
    let mut other = bytes.clone();
    let digit = metadata + r#"\"step\":"#.len();
    assert_eq!(other[digit], b'5');
    other[digit] = b'6';
    std::fs::write(path("other"), &other).unwrap();
    refused(&path("other"), "not as many losses as steps");

    // What training itself refuses: a second moment below 0.
    saved.checkpoint.second_moment[0] = -1.0;
    write_checkpoint(&path("negative"), &saved, Overwrite::Refuse).unwrap();
    let options =
        TrackOptions::default().with_start(Some(read_checkpoint(&path("negative")).unwrap()));
    let error = train_tracked(&recipe, &options, &mut |_| ControlFlow::Continue(())).unwrap_err();
    assert!(error.to_string().contains("second_moment"), "{error}");
}
