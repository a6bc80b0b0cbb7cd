//! Autoencoders of other programs, from their own files: norms, cosines and folding against what
//! those programs compute (`superposition-io/tests/fixtures/dictionaries/golden.json`).

use std::path::PathBuf;

use serde_json::Value;
use superposition_lab::analysis::{analyze, from_columns};
use superposition_lab::io::{ArrayToWrite, ArrayValues, DictionaryFormat, Overwrite, write_npz};
use superposition_lab::report::analysis_report;
use superposition_lab::viz::TextStyle;
use superposition_lab::{
    AnalysisDocument, AnalyzeOptions, ColumnValues, DeadFeatures, DecoderNorms, FileFormat,
    NormConvention, Orientation, analyze_file, read_firing_rates,
};
use superposition_testkit::tolerance::{Tolerance, assert_close};

fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../superposition-io/tests/fixtures/dictionaries")
        .join(name)
}

fn golden(name: &str) -> Value {
    let text = std::fs::read_to_string(fixture("golden.json")).unwrap();
    serde_json::from_str::<Value>(&text).unwrap()[name].take()
}

fn rows(value: &Value) -> Vec<Vec<f64>> {
    let numbers = |row: &Value| -> Vec<f64> {
        let row = row.as_array().unwrap().iter();
        row.map(|x| x.as_f64().unwrap()).collect()
    };
    value.as_array().unwrap().iter().map(numbers).collect()
}

fn norm(row: &[f64]) -> f64 {
    row.iter().map(|x| x * x).sum::<f64>().sqrt()
}

/// The naive formula; 0 where either is zero.
fn cosine(a: &[f64], b: &[f64]) -> f64 {
    let product: f64 = a.iter().zip(b).map(|(a, b)| a * b).sum();
    let norms = norm(a) * norm(b);
    if norms == 0.0 { 0.0 } else { product / norms }
}

fn column(document: &AnalysisDocument, name: &str) -> Vec<f64> {
    let table = document.feature_table();
    match table.column(name) {
        Some(ColumnValues::Number(values)) => values.iter().map(|x| x.unwrap()).collect(),
        other => panic!("{name}: {other:?}"),
    }
}

fn assert_all_close(actual: &[f64], expected: &[f64], what: &str) {
    assert_eq!(actual.len(), expected.len(), "{what}");
    for (a, e) in actual.iter().zip(expected) {
        // Expected values went through the f32 arithmetic of the other program.
        assert_close(*a, *e, Tolerance::absolute(4.0 * f64::from(f32::EPSILON)));
    }
}

#[test]
fn cosines_and_folded_norms_are_those_of_saelens() {
    for name in [
        "saelens-standard",
        "saelens-gated",
        "saelens-topk",
        "saelens-jumprelu",
        "saelens-square",
        "gemma-scope",
        "gemma-scope-2",
    ] {
        let golden = golden(name);
        let document = analyze_file(&fixture(name), &AnalyzeOptions::default()).unwrap();
        let found = document.autoencoder.as_ref().unwrap();
        assert_eq!(found.decoder_norms, NormConvention::Folded, "{name}");
        assert_eq!(document.features, Orientation::Rows);
        let decoder = rows(&golden["decoder"]);
        let encoder = rows(&golden["encoder"]);
        let folded = &golden["folded"];
        // Zero rows have cosine 0 here; TopK and gated encoders scale what they read, which no cosine sees.
        let cosines: Vec<f64> = decoder
            .iter()
            .zip(&encoder)
            .map(|(d, e)| cosine(d, e))
            .collect();
        assert_all_close(&column(&document, "encoder_cosine"), &cosines, name);
        let mean = cosines.iter().sum::<f64>() / cosines.len() as f64;
        assert_all_close(&[found.encoder_cosine.unwrap().mean], &[mean], name);

        let norms: Vec<f64> = rows(&folded["decoder"]).iter().map(|d| norm(d)).collect();
        assert_all_close(&column(&document, "norm"), &norms, name);
        // SAELens takes a norm of zero for 1e-8.
        let encoders: Vec<f64> = rows(&folded["encoder"]).iter().map(|e| norm(e)).collect();
        assert_all_close(&column(&document, "encoder_norm"), &encoders, name);
        let mut n_vectors = 0;
        for vector in ["b_enc", "b_gate", "b_mag", "threshold"] {
            if folded[vector].is_array() {
                let expected: Vec<f64> = serde_json::from_value(folded[vector].clone()).unwrap();
                assert_all_close(&column(&document, vector), &expected, vector);
                n_vectors += 1;
            }
        }
        assert!(n_vectors > 0, "{name}");

        // The geometry is that of the folded decoder, read by another way.
        let flat: Vec<f64> = rows(&folded["decoder"]).concat();
        let options = document_options();
        let expected = analyze(
            from_columns(&flat, flat.len() / norms.len(), norms.len()),
            &options,
        );
        let expected = expected.unwrap();
        assert_all_close(
            &[
                document.geometry.total_dimensionality,
                document.geometry.mean_interference,
            ],
            &[expected.total_dimensionality, expected.mean_interference],
            name,
        );
    }
}

fn document_options() -> superposition_lab::analysis::AnalysisOptions {
    AnalyzeOptions::default().analysis
}

#[test]
fn norms_can_be_kept() {
    let mut options = AnalyzeOptions::default();
    options.decoder_norms = DecoderNorms::Keep;
    let document = analyze_file(&fixture("saelens-standard"), &options).unwrap();
    assert_eq!(
        document.autoencoder.as_ref().unwrap().decoder_norms,
        NormConvention::Stored
    );
    let golden = golden("saelens-standard");
    let norms: Vec<f64> = rows(&golden["decoder"]).iter().map(|d| norm(d)).collect();
    assert_all_close(&column(&document, "norm"), &norms, "norm");
    assert_all_close(&column(&document, "decoder_norm"), &norms, "decoder_norm");
    let encoders: Vec<f64> = rows(&golden["encoder"]).iter().map(|e| norm(e)).collect();
    assert_all_close(&column(&document, "encoder_norm"), &encoders, "encoder");
    let report = analysis_report(&document, &TextStyle::default().with_width(160));
    assert!(report.contains("as stored"), "{report}");
    assert!(report.contains("1 features are exactly zero"), "{report}");
    assert!(report.contains("cosines are 0 (2)"), "{report}");
}

#[test]
fn what_has_no_cosine_says_why() {
    let open = |name: &str| analyze_file(&fixture(name), &AnalyzeOptions::default()).unwrap();
    let transcoder = open("saelens-transcoder").autoencoder.unwrap();
    assert_eq!(transcoder.encoder_cosine, None);
    assert!(
        transcoder
            .encoder_cosine_reason
            .unwrap()
            .contains("transcoder")
    );
    let synthetic = open("saelens-synthetic");
    assert!(synthetic.autoencoder.is_none());
    let firing = synthetic.firing.as_ref().unwrap();
    assert_eq!((firing.n_dead, firing.masked), (1, false));
    assert_eq!(firing.rates, [0.5, 0.25, 0.125, 0.0, 0.0625, 1.0]);
    assert_eq!(firing.rate.median, (0.125 + 0.25) / 2.0);
    let csv = synthetic.feature_table().to_csv();
    assert!(csv.lines().nth(4).unwrap().ends_with(",0,true"), "{csv}");
}

#[test]
fn dead_features_can_be_masked() {
    let mut options = AnalyzeOptions::default();
    options.dead = DeadFeatures::Mask;
    let masked = analyze_file(&fixture("saelens-synthetic"), &options).unwrap();
    let whole = analyze_file(&fixture("saelens-synthetic"), &AnalyzeOptions::default()).unwrap();
    assert_eq!(whole.geometry.n_represented, 6);
    assert_eq!(masked.geometry.n_represented, 5);
    assert!(masked.firing.as_ref().unwrap().masked);
    // Without feature 3, by another way.
    let mut directions = rows(&golden("saelens-synthetic")["decoder"]);
    directions.remove(3);
    let expected = analyze(
        from_columns(&directions.concat(), 4, 5),
        &document_options(),
    )
    .unwrap();
    assert_all_close(
        &[
            masked.geometry.mean_interference,
            masked.geometry.total_dimensionality,
        ],
        &[expected.mean_interference, expected.total_dimensionality],
        "masked",
    );
}

#[test]
fn firing_rates_from_files() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rates.npz");
    let write = |name: &str, values: &[f64]| {
        let array = ArrayToWrite {
            name,
            shape: &[values.len()],
            values: ArrayValues::F64(values),
        };
        write_npz(&path, &[array], Overwrite::Replace).unwrap();
        read_firing_rates(&path, 3)
    };
    assert_eq!(write("rates", &[0.5, 0.0, 1.0]).unwrap(), [0.5, 0.0, 1.0]);
    // In npz the name is nobody's convention.
    assert_eq!(write("sparsity", &[0.5, 0.0, 1.0]).unwrap()[0], 0.5);
    for (values, word) in [
        (&[0.5, 1.5, 0.0][..], "feature 1 has 1.5"),
        (&[f64::NAN, 0.5, 0.0], "feature 0 has NaN"),
        (&[0.5, 0.5, -0.1], "feature 2 has -0.1"),
        (&[0.5, 0.5], "2 rates, and there are 3 features"),
    ] {
        let error = write("rates", values).unwrap_err().to_string();
        assert!(error.contains(word), "{error}");
    }
    let error = read_firing_rates(&fixture("saelens-gated/sae_weights.safetensors"), 6);
    assert!(error.unwrap_err().to_string().contains("one vector"));

    // SAELens: the logarithm of the rate plus 1e-10.
    let path = folder.path().join("sparsity.safetensors");
    let values = [-10.0, 0.0, -2.0_f32];
    let tensor = superposition_lab::io::TensorToWrite {
        name: "sparsity",
        shape: &[3],
        values: &values,
    };
    superposition_lab::io::write_safetensors(
        &path,
        &[tensor],
        &std::collections::BTreeMap::new(),
        Overwrite::Replace,
    )
    .unwrap();
    let rates = read_firing_rates(&path, 3).unwrap();
    assert_all_close(&rates, &[0.0, 1.0, 0.01], "logarithms");
    assert!(rates[0] < superposition_lab::DEAD_FIRING_RATE);
}

#[test]
fn a_control_stands_beside() {
    let mut options = AnalyzeOptions::default();
    options.control = Some(fixture("saelens-jumprelu"));
    let document = analyze_file(&fixture("saelens-standard"), &options).unwrap();
    let alone = analyze_file(&fixture("saelens-jumprelu"), &AnalyzeOptions::default()).unwrap();
    let control = document.control.as_ref().unwrap();
    assert_eq!(control.geometry, alone.geometry);
    assert_eq!(control.autoencoder, alone.autoencoder);
    let report = analysis_report(&document, &TextStyle::default().with_width(160));
    assert!(report.contains("Beside the control"), "{report}");
    // Another shape is no control.
    options.control = Some(fixture("saelens-square"));
    let error = analyze_file(&fixture("saelens-standard"), &options).unwrap_err();
    assert!(error.to_string().contains("has 4"), "{error}");
}

#[test]
fn what_is_said_goes_before_what_is_found() {
    let weights = fixture("saelens-standard").join("sae_weights.safetensors");
    let mut options = AnalyzeOptions::default().with_tensor(Some("W_enc".to_owned()));
    let encoder = analyze_file(&weights, &options).unwrap();
    assert_eq!(encoder.features, Orientation::Columns);
    assert_eq!(encoder.geometry.n_features, 6);
    assert!(encoder.autoencoder.is_none());
    options.features = Some(Orientation::Rows);
    assert_eq!(
        analyze_file(&weights, &options)
            .unwrap()
            .geometry
            .n_features,
        4
    );

    let options = AnalyzeOptions::default()
        .with_format(FileFormat::Matrix)
        .with_tensor(Some("W_dec".to_owned()));
    let error = analyze_file(&weights, &options).unwrap_err().to_string();
    assert!(error.contains("--features"), "{error}");
    for format in [
        FileFormat::ToyModel,
        FileFormat::Dictionary(DictionaryFormat::Sparsify),
    ] {
        let options = AnalyzeOptions::default().with_format(format);
        assert!(analyze_file(&weights, &options).is_err());
    }
}
