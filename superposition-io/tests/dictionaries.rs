//! Dictionaries written by SAELens, sparsify and NumPy (`fixtures/dictionaries/make.py`): which
//! tensor and which side, compared with what these libraries compute from the same files.

mod support;

use std::path::PathBuf;

use serde_json::Value;
use superposition_io::{
    DictionaryFormat, DictionaryLayout, DictionaryTensor, IoError, Orientation, ReadLimits,
    TensorFile, Values,
};
use support::{fixture, says};

fn folder(name: &str) -> PathBuf {
    fixture("dictionaries").join(name)
}

fn open(name: &str) -> TensorFile {
    TensorFile::open_dictionary(folder(name), &ReadLimits::default()).unwrap()
}

fn layout(name: &str) -> DictionaryLayout {
    open(name).dictionary_layout(None).unwrap().unwrap()
}

fn golden(name: &str, key: &str) -> Option<Vec<Vec<f64>>> {
    let text = std::fs::read_to_string(folder("golden.json")).unwrap();
    let golden: Value = serde_json::from_str(&text).unwrap();
    let rows = golden.get(name)?.get(key)?.as_array()?;
    let numbers = |row: &Value| {
        let row = row.as_array().unwrap().iter();
        row.map(|x| x.as_f64().unwrap()).collect()
    };
    Some(rows.iter().map(numbers).collect())
}

/// The features of a tensor, one after the other.
fn features(file: &TensorFile, place: &DictionaryTensor) -> Vec<Vec<f64>> {
    let matrix = file.read_matrix(Some(&place.tensor), None).unwrap();
    let (rows, cols) = (matrix.n_rows, matrix.n_cols);
    let at = |i: usize| match &matrix.values {
        Values::F32(values) => f64::from(values[i]),
        Values::F64(values) => values[i],
    };
    match place.features {
        Orientation::Rows => (0..rows)
            .map(|r| (0..cols).map(|c| at(r * cols + c)).collect())
            .collect(),
        Orientation::Columns => (0..cols)
            .map(|c| (0..rows).map(|r| at(r * cols + c)).collect())
            .collect(),
    }
}

/// Equal up to the rounding of the library's f32 products, of numbers near 1.
fn assert_near(actual: &[Vec<f64>], expected: &[Vec<f64>], what: &str) {
    assert_eq!(actual.len(), expected.len(), "{what}");
    for (actual, expected) in actual.iter().zip(expected) {
        assert_eq!(actual.len(), expected.len(), "{what}");
        for (a, e) in actual.iter().zip(expected) {
            assert!(
                (a - e).abs() <= 8.0 * f64::from(f32::EPSILON),
                "{what}: {actual:?} and {expected:?}"
            );
        }
    }
}

/// Each at unit length, zeros at zero.
fn unit(rows: Vec<Vec<f64>>) -> Vec<Vec<f64>> {
    let scaled = |row: Vec<f64>| {
        let norm = row.iter().map(|x| x * x).sum::<f64>().sqrt();
        let inverse = if norm == 0.0 { 0.0 } else { 1.0 / norm };
        row.iter().map(|x| x * inverse).collect()
    };
    rows.into_iter().map(scaled).collect()
}

#[test]
fn decoders_are_what_the_libraries_decode() {
    for (name, format) in [
        ("saelens-standard", DictionaryFormat::SaeLens),
        ("saelens-gated", DictionaryFormat::SaeLens),
        ("saelens-topk", DictionaryFormat::SaeLens),
        ("saelens-jumprelu", DictionaryFormat::SaeLens),
        ("saelens-square", DictionaryFormat::SaeLens),
        ("saelens-transcoder", DictionaryFormat::SaeLens),
        ("gemma-scope", DictionaryFormat::GemmaScope),
        ("gemma-scope-2", DictionaryFormat::GemmaScope),
        ("sparsify", DictionaryFormat::Sparsify),
        ("sparsify-expansion", DictionaryFormat::Sparsify),
        ("saelens-synthetic", DictionaryFormat::SaeLensSynthetic),
    ] {
        let (file, layout) = (open(name), layout(name));
        assert_eq!(layout.format, format, "{name}");
        let mut ours = features(&file, &layout.decoder);
        if name == "saelens-topk" {
            // With `rescale_acts_by_decoder_norm` SAELens decodes along unit directions.
            ours = unit(ours);
        }
        assert_near(&ours, &golden(name, "decoder").unwrap(), name);
        // The same when it is said, and nothing of another format.
        for other in DictionaryFormat::ALL {
            let forced = file.dictionary_layout(Some(other));
            let same_tensors = name.starts_with("saelens-jumprelu")
                && other.name() == "gemma-scope"
                || name == "gemma-scope" && other.name() == "saelens";
            if other == format {
                assert_eq!(forced.unwrap().as_ref(), Some(&layout), "{name}");
            } else if !same_tensors {
                says(forced, &[other.name()]);
            }
        }
    }
}

#[test]
fn encoders_are_what_the_libraries_read() {
    let mut n_compared = 0;
    for name in [
        "saelens-standard",
        "saelens-jumprelu",
        "saelens-square",
        "saelens-transcoder",
        "gemma-scope",
        "gemma-scope-2",
        "sparsify",
        "sparsify-expansion",
    ] {
        let (file, layout) = (open(name), layout(name));
        let encoder = features(&file, layout.encoder.as_ref().unwrap());
        assert_near(&encoder, &golden(name, "encoder").unwrap(), name);
        assert_eq!(layout.is_transcoder, name == "saelens-transcoder", "{name}");
        n_compared += 1;
    }
    // Gated and TopK (which multiplies by the norms of the decoder) read along W_enc, at lengths
    // of their own.
    for name in ["saelens-gated", "saelens-topk"] {
        let (file, layout) = (open(name), layout(name));
        let ours = unit(features(&file, layout.encoder.as_ref().unwrap()));
        let theirs = unit(golden(name, "encoder").unwrap());
        assert_near(&ours, &theirs, name);
        n_compared += 1;
    }
    assert_eq!(n_compared, 10);
}

#[test]
fn what_else_the_files_say() {
    let vectors = |name: &str| layout(name).encoder_vectors;
    assert_eq!(vectors("saelens-standard"), ["b_enc"]);
    assert_eq!(vectors("saelens-gated"), ["b_gate", "b_mag"]);
    assert_eq!(vectors("saelens-jumprelu"), ["b_enc", "threshold"]);
    assert_eq!(vectors("gemma-scope"), ["b_enc", "threshold"]);
    assert_eq!(vectors("sparsify"), ["encoder.bias"]);
    let synthetic = layout("saelens-synthetic");
    assert_eq!(
        synthetic.firing_rates.as_deref(),
        Some("firing_probabilities")
    );
    assert_eq!(synthetic.encoder, None);
    let jumprelu = layout("saelens-jumprelu");
    assert_eq!(jumprelu.architecture.as_deref(), Some("jumprelu"));
    assert!(jumprelu.reason.contains("cfg.json"), "{}", jumprelu.reason);
    assert_eq!(jumprelu.features_of("W_enc"), Some(Orientation::Columns));
    assert_eq!(jumprelu.features_of("b_enc"), None);
    // 16-bit numbers, in the same layout.
    let bf16 = open("saelens-bf16");
    assert_eq!(bf16.matrix(Some("W_dec"), None).unwrap().dtype(), "BF16");
    let decoder = features(&bf16, &layout("saelens-bf16").decoder);
    assert_near(
        &decoder,
        &golden("saelens-standard", "decoder").unwrap(),
        "",
    );
    // A linear layer says nothing about which side its features are.
    assert_eq!(open("linear").dictionary_layout(None).unwrap(), None);
    let weight = DictionaryTensor::clone(&jumprelu.decoder);
    assert_eq!(weight.tensor, "W_dec");
}

/// A safetensors file of zeros.
fn file(tensors: &[(&str, &[usize])]) -> TensorFile {
    let mut begin = 0;
    let entries: Vec<String> = tensors
        .iter()
        .map(|(name, shape)| {
            let end = begin + 4 * shape.iter().product::<usize>();
            let entry = format!(
                r#""{name}":{{"dtype":"F32","shape":{shape:?},"data_offsets":[{begin},{end}]}}"#
            );
            begin = end;
            entry
        })
        .collect();
    let bytes = support::safetensors(&format!("{{{}}}", entries.join(",")), begin);
    support::open_bytes("sae_weights.safetensors", bytes).unwrap()
}

fn recognize(
    tensors: &[(&str, &[usize])],
    config: Option<&str>,
    format: Option<DictionaryFormat>,
) -> Result<Option<DictionaryLayout>, IoError> {
    DictionaryLayout::recognize(&file(tensors), config, format)
}

const STANDARD: [(&str, &[usize]); 4] = [
    ("W_enc", &[4, 6]),
    ("W_dec", &[6, 4]),
    ("b_enc", &[6]),
    ("b_dec", &[4]),
];

#[test]
fn the_same_names_without_a_configuration_are_ambiguous() {
    let ambiguous = |config| recognize(&STANDARD, config, None);
    for config in [None, Some("{}"), Some("no JSON"), Some(r#"{"d_in": 4}"#)] {
        says(
            ambiguous(config),
            &["saelens", "gemma-scope", "W_dec", "[d_sae, d_in]"],
        );
    }
    let config = r#"{"d_in": 4, "d_sae": 6}"#;
    assert!(ambiguous(Some(config)).unwrap().is_some());
    let both = [
        ("feature_vectors", &[6_usize, 4][..]),
        ("firing_probabilities", &[6]),
        ("encoder.weight", &[6, 4]),
        ("W_dec", &[6, 4]),
    ];
    says(recognize(&both, None, None), &["sparsify and of saelens"]);
    assert_eq!(recognize(&[("W", &[2, 2])], None, None).unwrap(), None);
}

#[test]
fn the_longer_side_decides_nothing() {
    // More dimensions than features.
    let tensors = [("W_enc", &[9_usize, 2][..]), ("W_dec", &[2, 9])];
    let config = r#"{"d_in": 9, "d_sae": 2}"#;
    let layout = recognize(&tensors, Some(config), None).unwrap().unwrap();
    assert_eq!(layout.decoder.features, Orientation::Rows);
    assert_eq!(layout.features_of("W_enc"), Some(Orientation::Columns));
}

#[test]
fn files_that_contradict_themselves() {
    let saelens = Some(DictionaryFormat::SaeLens);
    let config = |n: &str, d: &str| format!(r#"{{"d_in": {d}, "d_sae": {n}}}"#);
    // Stored the other way round.
    let other = [
        ("W_enc", &[6_usize, 4][..]),
        ("W_dec", &[4, 6]),
        ("b_enc", &[6]),
        ("b_dec", &[4]),
    ];
    says(
        recognize(&other, Some(&config("6", "4")), None),
        &["saelens", "[4, 6]", "should be 6", "d_sae is 6", "each row"],
    );
    // Without a configuration the biases tell.
    says(
        recognize(&other, None, saelens),
        &["[4, 6]", "should be 6", "b_enc has [6]"],
    );
    assert!(recognize(&STANDARD, None, saelens).is_ok());
    says(
        recognize(&STANDARD, Some(&config("6", "5")), None),
        &["[6, 4]", "should be 5"],
    );
    says(
        recognize(&STANDARD, Some(&config("18446744073709551615", "4")), None),
        &["should be 18446744073709551615"],
    );
    says(
        recognize(&STANDARD, Some("{\"d_in\": -1}"), saelens),
        &["cfg.json beside it cannot be read", "-1"],
    );
    says(
        recognize(&STANDARD, Some(&"[".repeat(1000)), saelens),
        &["cannot be read"],
    );
    says(
        recognize(&STANDARD[..1], None, saelens),
        &["no tensor W_dec"],
    );
    let encoder = [("W_enc", &[4_usize, 5][..]), ("W_dec", &[6, 4])];
    says(
        recognize(&encoder, None, saelens),
        &["W_enc has shape [4, 5]", "the columns of W_enc"],
    );
    let vector = [
        ("W_enc", &[4_usize, 6][..]),
        ("W_dec", &[6, 4]),
        ("b_enc", &[6]),
        ("threshold", &[5]),
    ];
    says(
        recognize(&vector, None, saelens),
        &["threshold has shape [5]", "6 features"],
    );
    // Matching pursuit has no encoder; where the configuration does not say so it is missing.
    let decoder = [("W_dec", &[6_usize, 4][..])];
    says(recognize(&decoder, None, saelens), &["no tensor W_enc"]);
    let layout = recognize(&decoder, Some(&config("6", "4")), None).unwrap();
    assert_eq!(layout.unwrap().encoder, None);
    says(
        recognize(&STANDARD, None, Some(DictionaryFormat::GemmaScope)),
        &["lacks", "threshold"],
    );
    let cross_layer = [("w_enc", &[4_usize, 6][..]), ("w_dec", &[6, 3, 4])];
    says(
        recognize(&cross_layer, None, Some(DictionaryFormat::GemmaScope)),
        &["[6, 3, 4]", "slice"],
    );
    let sparsify = [
        ("encoder.weight", &[8_usize, 4][..]),
        ("W_dec", &[8, 4]),
        ("b_dec", &[4]),
    ];
    for (config, part) in [
        (r#"{"d_in": 4, "num_latents": 7}"#, "num_latents is 7"),
        (
            r#"{"d_in": 4, "num_latents": 0, "expansion_factor": 3}"#,
            "expansion_factor 3",
        ),
        (r#"{"d_in": 3}"#, "d_in is 3"),
    ] {
        says(recognize(&sparsify, Some(config), None), &[part]);
    }
    let config = r#"{"d_in": 4, "num_latents": 0, "expansion_factor": 2}"#;
    assert!(recognize(&sparsify, Some(config), None).is_ok());
    // The product of a configuration that lies does not overflow.
    let config = r#"{"d_in": 4, "expansion_factor": 18446744073709551615}"#;
    assert!(recognize(&sparsify, Some(config), None).is_ok());
}

#[test]
fn folders_hold_one_dictionary() {
    let temporary = tempfile::tempdir().unwrap();
    let path = temporary.path();
    let open = || TensorFile::open_dictionary(path, &ReadLimits::default());
    says(open(), &["is a folder"]);
    let copy = |from: &str, to: &str| std::fs::copy(folder(from), path.join(to)).unwrap();
    copy(
        "saelens-standard/sae_weights.safetensors",
        "sae_weights.safetensors",
    );
    let opened = open().unwrap();
    says(opened.dictionary_layout(None), &["without a cfg.json"]);
    copy("saelens-standard/cfg.json", "cfg.json");
    assert!(opened.dictionary_layout(None).unwrap().is_some());
    copy("sparsify/sae.safetensors", "sae.safetensors");
    says(
        open(),
        &["several dictionaries", "sae.safetensors", "sae_weights"],
    );
    std::fs::write(path.join("cfg.json"), vec![b' '; (1 << 20) + 1]).unwrap();
    says(opened.dictionary_layout(None), &["more than 1048576 bytes"]);
    std::fs::write(path.join("cfg.json"), b"{\"\xff\": 1}").unwrap();
    says(opened.dictionary_layout(None), &["cfg.json", "utf-8"]);
    // It is nothing to a file whose tensors it cannot belong to.
    copy("linear/model.safetensors", "other");
    let other = TensorFile::open(path.join("other"), &ReadLimits::default()).unwrap();
    assert_eq!(other.dictionary_layout(None).unwrap(), None);
}
