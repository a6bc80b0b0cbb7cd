//! `analyze`, `probe` and the others on files: good ones, odd ones and broken ones.

mod support;

use superposition_testkit::golden;
use superposition_testkit::serde_json::Value;
use superposition_testkit::tolerance::{Tolerance, assert_close};
use support::{Folder, safetensors};

#[test]
fn a_real_embedding_agrees_with_numpy() {
    let folder = Folder::new();
    let slice = golden::path("minilm-slice.safetensors");
    std::fs::copy(slice, folder.path("model.safetensors")).unwrap();
    let line = "analyze model.safetensors --tensor embeddings.word_embeddings.weight --features rows --json";
    let document = folder.run(line).succeeds().json();
    let expected = golden::load("minilm.json");
    compare(&document, golden::field(&expected, "analysis"), "");
}

/// Every number of the golden file under the same key of the document.
fn compare(actual: &Value, expected: &Value, path: &str) {
    match expected {
        Value::Object(fields) => {
            assert!(!fields.is_empty(), "{path} is empty");
            for (key, value) in fields {
                compare(golden::field(actual, key), value, &format!("{path}/{key}"));
            }
        }
        Value::Number(_) => assert_close(
            golden::number(actual),
            golden::number(expected),
            Tolerance::golden(),
        ),
        other => panic!("{path} is {other}, not a number"),
    }
}

#[test]
fn known_geometry_from_a_file() {
    let folder = Folder::new();
    // A pentagon, one feature per row.
    let pentagon: Vec<f32> = (0..5)
        .flat_map(|k| {
            let angle = std::f64::consts::TAU * f64::from(k) / 5.0;
            [angle.cos() as f32, angle.sin() as f32]
        })
        .collect();
    folder.write("pentagon.safetensors", &safetensors(5, 2, &pentagon));
    let document = folder
        .run("analyze pentagon.safetensors --features rows --json --per-feature rows.csv")
        .succeeds()
        .json();
    assert_eq!(document["n_features"], 5);
    assert_eq!(document["n_hidden"], 2);
    // The file is f32: cosines of its pentagon are exact to about 1e-7.
    let f32_file = Tolerance::absolute(1e-6);
    let number = |pointer: &str| document.pointer(pointer).unwrap().as_f64().unwrap();
    assert_close(number("/feature_dimensionality/mean"), 0.4, f32_file);
    assert_close(number("/total_dimensionality"), 2.0, f32_file);
    assert_close(number("/dimensions_per_feature"), 0.4, f32_file);
    assert_close(number("/tightness"), 1.0, f32_file);
    assert_close(
        number("/mean_interference"),
        number("/mean_interference_tight"),
        f32_file,
    );
    assert_close(
        number("/max_cosine/value"),
        (std::f64::consts::TAU / 5.0).cos(),
        f32_file,
    );
    let csv = std::fs::read_to_string(folder.path("rows.csv")).unwrap();
    assert_eq!(csv.lines().count(), 6);
    // The other orientation is another dictionary: two features in five dimensions.
    let document = folder
        .run("analyze pentagon.safetensors --features columns --json")
        .succeeds()
        .json();
    assert_eq!(document["n_features"], 2);
    assert_eq!(document["welch_bound"], 0.0);
}

#[test]
fn degenerate_matrices_are_defined() {
    let folder = Folder::new();
    folder.write("one.safetensors", &safetensors(1, 3, &[1.0, 2.0, 2.0]));
    let one = folder
        .run("analyze one.safetensors --features rows --json --per-feature one.csv")
        .succeeds()
        .json();
    assert_eq!(one["mean_interference"], 0.0);
    assert!(one["coherence"].is_null());
    assert_eq!(one["feature_norms"]["mean"], 3.0);
    let csv = std::fs::read_to_string(folder.path("one.csv")).unwrap();
    assert_eq!(csv.lines().nth(1).unwrap(), "0,3,1,0,,,,,0,0");

    folder.write("zero.safetensors", &safetensors(2, 2, &[0.0; 4]));
    let zero = folder
        .run("analyze zero.safetensors --features rows --json")
        .succeeds()
        .json();
    assert!(zero["dimensions_per_feature"].is_null());
    assert_eq!(zero["n_represented"], 0);
    assert_eq!(zero["total_dimensionality"], 0.0);
    let text = folder
        .run("analyze zero.safetensors --features rows")
        .succeeds();
    assert!(
        text.stdout.contains("2 features are exactly zero"),
        "{}",
        text.stdout
    );

    // Norms 1, 1e-8 and 1e-30, orthogonal: each has a dimension of its own.
    let planted = [1.0, 0.0, 0.0, 0.0, 1e-8, 0.0, 0.0, 0.0, 1e-30];
    folder.write("planted.safetensors", &safetensors(3, 3, &planted));
    let planted = folder
        .run("analyze planted.safetensors --features rows --json")
        .succeeds()
        .json();
    assert_eq!(planted["feature_dimensionality"]["min"], 1.0);
    assert_eq!(planted["n_represented"], 3);
}

#[test]
fn a_third_dimension_needs_a_slice() {
    let folder = Folder::new();
    let header = r#"{"W":{"dtype":"F32","shape":[2,2,2],"data_offsets":[0,32]}}"#;
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.as_bytes());
    for value in [1.0_f32, 0.0, 0.0, 1.0, 2.0, 0.0, 0.0, 2.0] {
        bytes.extend(value.to_le_bytes());
    }
    folder.write("stack.safetensors", &bytes);
    folder
        .run("analyze stack.safetensors --tensor W --features rows")
        .fails(1, &["slice"]);
    folder
        .run("analyze stack.safetensors --tensor W --features rows --slice 2")
        .fails(1, &["2"]);
    let document = folder
        .run("analyze stack.safetensors --tensor W --features rows --slice 1 --json")
        .succeeds()
        .json();
    assert_eq!(document["feature_norms"]["mean"], 2.0);
}

#[test]
fn broken_files_get_clear_errors() {
    let folder = Folder::new();
    let good = safetensors(2, 2, &[1.0, 0.0, 0.0, 1.0]);
    folder.write("empty.safetensors", b"");
    folder.write("truncated.safetensors", &good[..good.len() - 3]);
    let mut oversized = good.clone();
    oversized[..8].copy_from_slice(&u64::MAX.to_le_bytes());
    folder.write("oversized.safetensors", &oversized);
    folder.write("pickle.pt", b"\x80\x02}q\x00.");
    folder.write("text.txt", b"hello");
    let analyze = |file: &str| folder.run(&format!("analyze {file} --features rows --json"));
    analyze("missing.safetensors").fails(1, &["missing.safetensors"]);
    analyze("empty.safetensors").fails(1, &["empty.safetensors"]);
    analyze("truncated.safetensors").fails(1, &["truncated.safetensors"]);
    analyze("oversized.safetensors").fails(1, &["header"]);
    analyze("pickle.pt").fails(1, &["torch.load", "save_file"]);
    analyze("text.txt").fails(1, &["text.txt"]);
    analyze(".").fails(1, &["."]);

    let header = r#"{"W":{"dtype":"I64","shape":[1,1],"data_offsets":[0,8]}}"#;
    let mut integers = (header.len() as u64).to_le_bytes().to_vec();
    integers.extend(header.as_bytes());
    integers.extend([0; 8]);
    folder.write("integers.safetensors", &integers);
    folder
        .run("analyze integers.safetensors --tensor W --features rows")
        .fails(1, &["I64", "F32"]);
    let listing = folder
        .run("analyze integers.safetensors --list --json")
        .succeeds()
        .json();
    assert_eq!(listing["tensors"][0]["dtype"], "I64");

    folder.write("good.safetensors", &good);
    folder
        .run("analyze good.safetensors --tensor w --features rows")
        .fails(1, &["`W`"]);
    folder
        .run("analyze good.safetensors")
        .fails(2, &["--features rows", "--features columns"]);
    folder
        .run("analyze good.safetensors --features sideways")
        .fails(2, &["rows", "columns"]);
    folder
        .run("analyze good.safetensors --features rows --threshold 7")
        .fails(2, &["7"]);

    folder.write(
        "nan.safetensors",
        &safetensors(2, 3, &[1.0, 0.0, 0.0, 0.0, 1.0, f32::NAN]),
    );
    folder
        .run("analyze nan.safetensors --features rows")
        .fails(1, &["component 2 of feature 1 is NaN"]);
    folder
        .run("analyze nan.safetensors --features rows --center")
        .fails(1, &["NaN"]);
    folder.write(
        "inf.safetensors",
        &safetensors(1, 2, &[1.0, f32::NEG_INFINITY]),
    );
    folder
        .run("analyze inf.safetensors --features rows")
        .fails(1, &["inf"]);

    folder.write("rows.csv", b"mine");
    folder
        .run("analyze good.safetensors --features rows --per-feature rows.csv")
        .fails(1, &["rows.csv", "exists"]);
    assert_eq!(std::fs::read(folder.path("rows.csv")).unwrap(), b"mine");
}

#[test]
fn from_a_model_to_probes_of_its_samples() {
    let folder = Folder::new();
    folder
        .run("train --n-features 8 --n-hidden 3 --steps 300 --batch-size 64 --quiet --out model.safetensors")
        .succeeds();
    folder
        .run("sample model.safetensors --n-samples 3000 --out samples.safetensors")
        .succeeds();
    let line = "probe samples.safetensors samples.safetensors --activations-tensor hidden --labels-tensor features --samples rows";
    let document = folder.run(&format!("{line} --json")).succeeds().json();
    assert_eq!(document["probes"].as_array().unwrap().len(), 8);
    // Any full-rank linear map of 8 features to 3 dimensions: a mean R^2 of 3/8. Held out on 600
    // samples, the mean over 8 features has a standard error of about 0.01.
    let mean = document["mean_r_squared"].as_f64().unwrap();
    assert_close(mean, 3.0 / 8.0, Tolerance::statistical(4.0, 0.01));
    let text = folder.run(line).succeeds();
    assert!(
        text.stdout.contains("no privileged basis"),
        "{}",
        text.stdout
    );

    let one = folder
        .run(&format!("{line} --feature 5 --json"))
        .succeeds()
        .json();
    assert_eq!(one["probes"][0]["feature"], 5);
    folder.run(&format!("{line} --feature 8")).fails(2, &["8"]);
    folder
        .run(&format!("{line} --test-fraction 1.5"))
        .fails(2, &["1.5"]);
    folder
        .run("probe samples.safetensors samples.safetensors --samples rows")
        .fails(1, &["hidden", "features"]);
    folder
        .run("probe samples.safetensors model.safetensors --samples rows --activations-tensor hidden --labels-tensor W")
        .fails(1, &["3000", "3"]);

    let document = folder
        .run("activations samples.safetensors --tensor features --samples rows --pair 0,1 --json")
        .succeeds()
        .json();
    assert_eq!(document["n_features"], 8);
    folder
        .run("activations samples.safetensors --tensor features --samples rows --pair 0,9")
        .fails(2, &["9"]);
    let document = folder
        .run("compare model.safetensors model.safetensors --json")
        .succeeds()
        .json();
    let cka = document["metrics"]["linear_cka"]["value"].as_f64();
    assert!(cka.unwrap() > 1.0 - 1e-12);
    folder
        .run("sample samples.safetensors --out x.safetensors")
        .fails(1, &["toy model"]);
}

#[test]
fn metadata_of_another_program_is_no_obstacle() {
    let folder = Folder::new();
    let header = r#"{"__metadata__":{"superposition":"something else"},"W":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]}}"#;
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.as_bytes());
    bytes.extend([1.0_f32, 2.0].iter().flat_map(|value| value.to_le_bytes()));
    folder.write("other.safetensors", &bytes);
    let listing = folder
        .run("analyze other.safetensors --list --json")
        .succeeds()
        .json();
    assert_eq!(listing["toy_model"], false);
    folder
        .run("analyze other.safetensors --features rows")
        .succeeds();
    folder
        .run("sample other.safetensors --out x.safetensors")
        .fails(1, &["toy model"]);
}

#[test]
fn a_toy_model_is_compared_with_rows_of_another_file() {
    let folder = Folder::new();
    folder
        .run("train --n-features 4 --n-hidden 2 --steps 50 --batch-size 32 --quiet --out m.safetensors")
        .succeeds();
    let decoder = [1.0, 0.0, 0.0, 1.0, -1.0, 0.0, 0.0, -1.0];
    folder.write("decoder.safetensors", &safetensors(4, 2, &decoder));
    folder
        .run("compare m.safetensors decoder.safetensors")
        .fails(2, &["rows"]);
    let document = folder
        .run("compare m.safetensors decoder.safetensors --b-features rows --json")
        .succeeds()
        .json();
    assert_eq!(document["n_features"], serde_json::json!([4, 4]));
}

#[test]
fn numbers_that_are_none_are_refused() {
    let folder = Folder::new();
    folder.write(
        "x.safetensors",
        &safetensors(3, 2, &[1.0, 0.0, 0.0, 1.0, 1.0, 1.0]),
    );
    for threshold in ["nan", "-1", "inf"] {
        folder
            .run(&format!(
                "activations x.safetensors --samples rows --threshold {threshold}"
            ))
            .fails(2, &["threshold"]);
    }
    folder
        .run("probe x.safetensors x.safetensors --samples rows --coverage nan")
        .fails(2, &["r_squared_threshold"]);
    folder
        .run("explore --init normal:-1 --quiet")
        .fails(2, &["-1"]);
    assert!(!folder.path("superposition-out").exists());
    folder
        .run("analyze x.safetensors --features rows --threshold nan")
        .fails(2, &["NaN"]);
    folder.write(
        "nan.safetensors",
        &safetensors(3, 2, &[1.0, 0.0, 0.0, 1.0, f32::NAN, 1.0]),
    );
    folder
        .run("probe nan.safetensors x.safetensors --samples rows")
        .fails(1, &["component 0 of sample 2", "nan.safetensors"]);
    folder
        .run("train --n-features 4 --n-hidden 2 --steps 5 --batch-size 8 --quiet --out m.safetensors")
        .succeeds();
    for n_samples in ["0", "100000000000", "18446744073709551615"] {
        folder
            .run(&format!(
                "sample m.safetensors --n-samples {n_samples} --out s.safetensors"
            ))
            .fails(2, &["n_samples"]);
    }
}
