//! Errors name the value; broken calls panic with the shapes.

use superposition_analysis::faer::Mat;
use superposition_analysis::*;

fn message(result: Result<DictionaryReport, AnalysisError>) -> String {
    result.unwrap_err().to_string()
}

#[test]
fn empty_matrices() {
    let options = AnalysisOptions::default();
    assert_eq!(
        message(analyze(from_columns::<f32>(&[], 0, 3), &options)),
        "the matrix has 3 features in 0 hidden dimensions; both must be at least 1"
    );
    assert!(analyze(from_columns::<f64>(&[], 3, 0), &options).is_err());
}

#[test]
fn free_functions_take_empty_matrices() {
    let no_rows = Mat::<f64>::zeros(0, 3);
    let no_columns = Mat::<f64>::zeros(3, 0);
    for w in [no_rows.as_ref(), no_columns.as_ref()] {
        let n = w.ncols();
        assert_eq!(feature_norms(w), vec![0.0; n]);
        assert_eq!(feature_dimensionality(w), vec![0.0; n]);
        assert_eq!(feature_interference(w), vec![0.0; n]);
        assert_eq!(feature_superposition(w), vec![0.0; n]);
        assert_eq!(leverage(w), vec![0.0; n]);
        assert_eq!((rank(w), mean_interference(w)), (0, 0.0));
        assert_eq!((tightness(w), coherence(w)), (None, None));
        assert_eq!(dimensions_per_feature(w), None);
        assert_eq!(clusters(w, 0.5).count(), 0);
        assert_eq!(superposition_score(w, 0.0), 0.0);
        assert_eq!(cosines(w).shape(), (n, n));
        assert_eq!(frame_operator(w).shape(), (w.nrows(), w.nrows()));
        assert_eq!(linear_cka(w, w), None);
        assert_eq!(center(w).shape(), w.shape());
    }
    assert_eq!(
        (welch_bound(0, 0), mean_interference_tight(5, 0)),
        (0.0, 0.0)
    );
    assert_eq!((welch_bound(1, 1), welch_bound(3, 4)), (0.0, 0.0));
}

#[test]
fn the_element_that_is_not_finite_is_named() {
    let w = from_rows(&[1.0_f32, 2.0, f32::NAN, 4.0], 2, 2);
    let error = analyze(w, &AnalysisOptions::default()).unwrap_err();
    assert!(matches!(
        error,
        AnalysisError::NotFinite { row: 1, column: 0, value } if value.is_nan()
    ));
    assert_eq!(
        error.to_string(),
        "component 1 of feature 0 is NaN; every element must be finite"
    );
}

#[test]
fn options_out_of_range() {
    let w = from_columns(&[1.0, 0.0], 2, 1);
    let options = AnalysisOptions::default();
    for bad in [-1.0, f64::NAN, f64::INFINITY] {
        assert!(message(analyze(w, &options.with_min_norm(bad))).contains("`min_norm`"));
    }
    for bad in [-0.1, 1.5, f64::NAN] {
        assert!(
            message(analyze(w, &options.with_cluster_threshold(bad)))
                .contains("`cluster_threshold`")
        );
    }
    assert_eq!(
        message(analyze(w, &options.with_threads(0))),
        "`threads` is 0; it must be at least 1"
    );
    assert!(analyze(w, &options.with_threads(1000)).is_ok());
}

#[test]
fn samples_of_mutual_information() {
    let options = MutualInformationOptions::default();
    let error = |x: &[f64], y: &[f64]| mutual_information(x, y, &options).unwrap_err().to_string();
    assert_eq!(error(&[1.0], &[2.0]), "1 samples; at least 2 are needed");
    assert_eq!(
        error(&[1.0, 2.0], &[0.0, f64::NEG_INFINITY]),
        "sample 1 of `y` is -inf; every sample must be finite"
    );
    let none = options.with_n_bins(0);
    assert!(mutual_information(&[1.0, 2.0], &[1.0, 2.0], &none).is_err());
    let most = options.with_n_bins(1 << 20);
    assert!(mutual_information(&[1.0, 2.0], &[1.0, 2.0], &most).is_ok());
    for binning in [Binning::EqualWidth, Binning::EqualFrequency] {
        let beyond = options.with_n_bins((1 << 20) + 1).with_binning(binning);
        let error = mutual_information(&[1.0, 2.0], &[1.0, 2.0], &beyond).unwrap_err();
        assert_eq!(
            error.to_string(),
            "`n_bins` is 1048577; it must be at least 1 and at most 2^20"
        );
    }
}

#[test]
#[should_panic(expected = "5 values do not fill a matrix of 2 hidden dimensions x 3 features")]
fn a_slice_that_does_not_fill_the_matrix() {
    let _ = from_columns(&[0.0_f32; 5], 2, 3);
}

#[test]
#[should_panic(expected = "the numbers of columns differ")]
fn representations_of_different_items() {
    let _ = linear_cka(from_columns(&[0.0; 6], 2, 3), from_columns(&[0.0; 4], 2, 2));
}

#[test]
#[should_panic(expected = "2 samples of x and 1 of y")]
fn samples_that_do_not_pair() {
    let _ = mutual_information(&[0.0, 1.0], &[0.0], &MutualInformationOptions::default());
}

#[cfg(feature = "serde")]
#[test]
fn the_json_keys_are_those_promised() {
    let w = from_columns(&[1.0, 0.0, -1.0, 0.0, 0.0, 2.0], 2, 3);
    let report = analyze(w, &AnalysisOptions::default()).unwrap();
    let value = serde_json::to_value(&report).unwrap();
    let mut keys: Vec<&str> = value
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    let mut expected = vec![
        "n_features",
        "n_hidden",
        "n_represented",
        "feature_norms",
        "min_norm",
        "frobenius_sq",
        "dimensions_per_feature",
        "total_dimensionality",
        "feature_dimensionality",
        "mean_interference",
        "mean_interference_all",
        "mean_interference_chance",
        "mean_interference_tight",
        "coherence",
        "max_cosine",
        "min_cosine",
        "welch_bound",
        "frame_potential",
        "tightness",
        "mean_degree",
        "clusters",
    ];
    keys.sort_unstable();
    expected.sort_unstable();
    assert_eq!(keys, expected);
    assert_eq!(
        value["coherence"],
        serde_json::json!({"value": 1.0, "i": 0, "j": 1})
    );
    assert_eq!(
        value["clusters"],
        serde_json::json!({"threshold": 0.5, "count": 2, "multi": 1, "largest": 2})
    );
    let single = analyze(from_columns(&[0.0], 1, 1), &AnalysisOptions::default()).unwrap();
    let value = serde_json::to_value(&single).unwrap();
    assert!(value["coherence"].is_null() && value["dimensions_per_feature"].is_null());
    // Options come back with what was left out at its default.
    let options: AnalysisOptions = serde_json::from_str(r#"{"min_norm": 0.5}"#).unwrap();
    assert_eq!(options, AnalysisOptions::default().with_min_norm(0.5));
    assert_eq!(serde_json::to_value(Features::Rows).unwrap(), "rows");
    assert_eq!(
        serde_json::to_value(Binning::EqualWidth).unwrap(),
        "equal_width"
    );
}
