//! What is computed from a matrix in memory is what its file gives, to the bit.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use superposition_lab::analysis::faer::{Mat, MatRef};
use superposition_lab::analysis::{CompareOptions, Real, from_columns, from_rows};
use superposition_lab::io::{
    ArrayToWrite, ArrayValues, Overwrite, TensorToWrite, write_npz, write_safetensors,
};
use superposition_lab::model::{Dimensions, FeatureProbability, ToyModel};
use superposition_lab::train::{StopReason, TrainOptions};
use superposition_lab::{
    AnalysisDocument, AnalyzeOptions, Centering, DeadFeatures, Directions, LabError, Layer,
    LossOptions, Orientation, ProbeFileOptions, Recipe, SampleSource, analyze_file, analyze_matrix,
    compare_directions, compare_files, loss_of_file, loss_of_matrix, probe_files, probe_samples,
    samples_of_matrix, train_recipes,
};

const ROWS: usize = 40;
const COLS: usize = 12;

/// Integers between -48 and 48, row by row.
fn values() -> Vec<f64> {
    (0..ROWS * COLS)
        .map(|k| (k * k * 31 % 97) as f64 - 48.0)
        .collect()
}

struct Files {
    folder: tempfile::TempDir,
}

impl Files {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let files = Self { folder };
        let f32s: Vec<f32> = values().iter().map(|&x| x as f32).collect();
        let shape = [ROWS, COLS];
        let tensor = TensorToWrite {
            name: "a",
            shape: &shape,
            values: &f32s,
        };
        write_safetensors(files.f32(), &[tensor], &BTreeMap::new(), Overwrite::Refuse).unwrap();
        let values = values();
        let array = ArrayToWrite {
            name: "a",
            shape: &shape,
            values: ArrayValues::F64(&values),
        };
        write_npz(files.f64(), &[array], Overwrite::Refuse).unwrap();
        files
    }

    fn f32(&self) -> PathBuf {
        self.folder.path().join("a.safetensors")
    }

    fn f64(&self) -> PathBuf {
        self.folder.path().join("a.npz")
    }
}

fn in_memory<T: Real>(matrix: MatRef<'_, T>, options: &AnalyzeOptions) -> AnalysisDocument {
    let go_on = &mut |_| ControlFlow::<()>::Continue(());
    let flow = analyze_matrix(matrix, options, go_on).unwrap();
    flow.continue_value().unwrap()
}

/// Everything but where it comes from.
fn assert_same(here: &AnalysisDocument, file: &AnalysisDocument) {
    assert_eq!(here.geometry, file.geometry);
    assert_eq!(here.spectrum, file.spectrum);
    assert_eq!(here.cosines, file.cosines);
    assert_eq!(here.firing, file.firing);
    assert_eq!(here.feature_table(), file.feature_table());
    let control = |document: &AnalysisDocument| serde_json::to_value(&document.control).unwrap();
    assert_eq!(control(here), control(file));
    let json = |document: &AnalysisDocument| serde_json::to_value(&document.reading).unwrap();
    assert_eq!(json(here), json(file));
}

/// The matrix of a file in either order of memory, analysed with these options.
fn check<T: Real>(path: &Path, of: fn(f64) -> T, options: &AnalyzeOptions) {
    let file = analyze_file(path, options).unwrap();
    let row_major: Vec<T> = values().into_iter().map(of).collect();
    let column_major: Vec<T> = (0..ROWS * COLS)
        .map(|k| row_major[k % ROWS * COLS + k / ROWS])
        .collect();
    let c = from_rows(&row_major, ROWS, COLS);
    let fortran = from_columns(&column_major, ROWS, COLS);
    assert_same(&in_memory(c, options), &file);
    assert_same(&in_memory(fortran, options), &file);
}

#[test]
fn an_analysis_has_the_bits_of_the_file() {
    let files = Files::new();
    for features in [Orientation::Rows, Orientation::Columns] {
        let plain = AnalyzeOptions::default().with_features(Some(features));
        let mut all = plain.clone().with_min_norm(Some(100.0));
        all.centering = Centering::Mean;
        all.layer = Layer::Summarize;
        let mut beside = plain.clone();
        beside.control = Some(files.f64());
        for options in [plain, all, beside] {
            check(&files.f32(), |x| x as f32, &options);
            check(&files.f64(), |x| x, &options);
        }
    }
}

#[test]
fn a_matrix_that_passes_the_memory_is_analysed_in_blocks() {
    let (n, m) = (20_000, 128);
    let values: Vec<f32> = (0..n * m)
        .map(|k| (k * k % 9973 % 97) as f32 - 48.0)
        .collect();
    let w = from_rows(&values, n, m);
    let mut options = AnalyzeOptions::default().with_features(Some(Orientation::Rows));
    options.analysis.pairs = superposition_lab::analysis::Pairs::Skipped;
    for centering in [Centering::None, Centering::Mean] {
        options.centering = centering;
        options.memory = None;
        let whole = in_memory(w, &options);
        options.memory = Some(22 << 20);
        let mut n_observed = 0;
        let flow = analyze_matrix(w, &options, &mut |_| {
            n_observed += 1;
            ControlFlow::<()>::Continue(())
        });
        assert!(n_observed > 0, "only an analysis in blocks is observed");
        assert_same(&flow.unwrap().continue_value().unwrap(), &whole);
        let stopped = analyze_matrix(w, &options, &mut |_| ControlFlow::Break("enough"));
        assert!(matches!(stopped, Ok(ControlFlow::Break("enough"))));
    }
    options.layer = Layer::Summarize;
    let refused = analyze_matrix(w, &options, &mut |_| ControlFlow::<()>::Continue(()));
    assert!(matches!(refused, Err(LabError::NotStreamed { .. })));
}

#[test]
fn firing_rates_weight_and_mask() {
    let files = Files::new();
    let rates: Vec<f64> = (0..ROWS).map(|i| (i % 4) as f64 / 10.0).collect();
    let path = files.folder.path().join("rates.npz");
    let array = ArrayToWrite {
        name: "rates",
        shape: &[ROWS],
        values: ArrayValues::F64(&rates),
    };
    write_npz(&path, &[array], Overwrite::Refuse).unwrap();
    let mut options = AnalyzeOptions::default().with_features(Some(Orientation::Rows));
    options.firing_rates = Some(path);
    check(&files.f32(), |x| x as f32, &options);
    options.dead = DeadFeatures::Mask;
    check(&files.f32(), |x| x as f32, &options);
    let w = from_rows(&[0.0; ROWS * COLS], ROWS, COLS);
    let document = in_memory(w, &options);
    assert_eq!(document.firing.unwrap().n_dead, ROWS / 4);
}

#[test]
fn options_of_files_and_bad_values_are_refused() {
    let w = from_rows(&[1.0, 2.0], 1, 2);
    let go_on = &mut |_| ControlFlow::<()>::Continue(());
    let error = analyze_matrix(w, &AnalyzeOptions::default(), go_on).unwrap_err();
    assert!(matches!(error, LabError::UnknownOrientation { .. }));
    let options = AnalyzeOptions::default().with_features(Some(Orientation::Rows));
    let named = options.clone().with_tensor(Some("a".to_owned()));
    let error = analyze_matrix(w, &named, go_on).unwrap_err();
    assert!(matches!(error, LabError::Option { name: "tensor", .. }));
    let nan = from_rows(&[1.0, f64::NAN], 1, 2);
    let error = analyze_matrix(nan, &options, go_on).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("component 1 of feature 0 is NaN"),
        "{error}"
    );
    assert!(Directions::of_matrix(nan, &options).is_err());
    assert!(samples_of_matrix(nan, Orientation::Rows).is_err());
}

#[test]
fn a_comparison_has_the_bits_of_the_files() {
    let files = Files::new();
    let options = AnalyzeOptions::default().with_features(Some(Orientation::Rows));
    let compared = CompareOptions::default().with_null_draws(Some(2));
    let file = compare_files(
        (&files.f32(), &options),
        (&files.f64(), &options),
        &compared,
    );
    let values = values();
    let here = Directions::of_matrix(from_rows(&values, ROWS, COLS), &options).unwrap();
    let there = Directions::read(&files.f32(), &options).unwrap();
    let mixed = compare_directions(&there, &here, &compared).unwrap();
    let json = |document| serde_json::to_value(document).unwrap();
    assert_eq!(json(&mixed), json(&file.unwrap()));
    assert_eq!(mixed.metrics["label_cosine"].value, Some(1.0));
}

#[test]
fn probes_have_the_bits_of_the_files() {
    let files = Files::new();
    let f32s: Vec<f32> = values().iter().map(|&x| x as f32).collect();
    let options = ProbeFileOptions::default();
    for (samples, w) in [
        (Orientation::Rows, from_rows(&f32s, ROWS, COLS)),
        (Orientation::Columns, from_rows(&f32s, ROWS, COLS)),
    ] {
        let source = |path| SampleSource::new(path, samples);
        let file = probe_files(&source(&files.f32()), &source(&files.f64()), &options);
        let columns: Mat<f64> = samples_of_matrix(w, samples).unwrap();
        let here = probe_samples(columns.as_ref(), columns.as_ref(), &options);
        match (file, here) {
            (Ok(file), Ok(here)) => assert_eq!(
                serde_json::to_value(here).unwrap(),
                serde_json::to_value(file).unwrap()
            ),
            (file, here) => {
                assert_eq!(file.unwrap_err().to_string(), here.unwrap_err().to_string());
            }
        }
    }
}

#[test]
fn a_loss_has_the_bits_of_the_file() {
    // Five features in the plane; the bias is what the file has beside them.
    let w: Vec<f64> = (0..10).map(|k| f64::from(k * k % 7) / 7.0 - 0.4).collect();
    let b: Vec<f64> = (0..5).map(|i| -0.1 * f64::from(i)).collect();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.npz");
    let arrays =
        [("W", &[5, 2][..], &w), ("b", &[5][..], &b)].map(|(name, shape, values)| ArrayToWrite {
            name,
            shape,
            values: ArrayValues::F64(values),
        });
    write_npz(&path, &arrays, Overwrite::Refuse).unwrap();
    let mut options = LossOptions::default();
    options.features = Some(Orientation::Rows);
    options.feature_probability = Some(FeatureProbability::Same(0.1));
    let mut file = loss_of_file(&path, &options).unwrap();
    let matrix = from_rows(&w, 5, 2);
    let here = loss_of_matrix(matrix, Some(&b), &options).unwrap();
    file.tensor = here.tensor.clone();
    assert_eq!(here, file);
    assert!(loss_of_matrix(matrix, Some(&b[1..]), &options).is_err());
    assert!(loss_of_matrix(matrix, Some(&[f64::NAN; 5]), &options).is_err());
    options.tensor = Some("W".to_owned());
    assert!(loss_of_matrix(matrix, None, &options).is_err());
}

#[test]
fn members_of_an_ensemble_are_their_recipes_alone() {
    let recipe = |seed| {
        Recipe::quick_start()
            .with_dimensions(Dimensions {
                n_features: 5,
                n_hidden: 2,
            })
            .with_train(
                TrainOptions::default()
                    .with_n_steps(30)
                    .with_batch_size(64)
                    .with_seed(seed),
            )
    };
    let recipes = [recipe(0), recipe(7).with_sparsity(0.5)];
    let go_on = &|_: usize, _: &superposition_lab::train::Progress<'_>| ControlFlow::Continue(());
    let two = NonZeroUsize::new(2).unwrap();
    let members = train_recipes(&recipes, None, two, go_on).unwrap();
    for (member, recipe) in members.iter().zip(&recipes) {
        let alone = recipe
            .train(NonZeroUsize::MIN, &mut |_| ControlFlow::Continue(()))
            .unwrap();
        assert_eq!(member.trained, alone);
        assert_eq!(member.training.stop, StopReason::Finished);
    }

    // From given parameters: at a learning rate of 0 they stay.
    let mut still = recipe(0);
    still.train.adam.learning_rate = 0.0;
    let start = ToyModel::new(still.model, (0..15).map(|k| k as f32 / 15.0).collect()).unwrap();
    let starts = [start.clone()];
    let members = train_recipes(&[still], Some(&starts), two, go_on).unwrap();
    assert_eq!(members[0].trained.model, start);
    assert!(train_recipes(&recipes, Some(&starts), two, go_on).is_err());
    let other = Recipe::quick_start();
    assert!(train_recipes(&[other], Some(&starts), two, go_on).is_err());
}
