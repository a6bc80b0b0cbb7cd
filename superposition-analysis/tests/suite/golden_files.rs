//! Values of NumPy, SciPy and scikit-learn.

use superposition_analysis::faer::Mat;
use superposition_analysis::*;
use superposition_testkit::golden::{
    self, array, field, indices, matrix, number, optional, vector,
};
use superposition_testkit::tolerance::{
    Tolerance, assert_all_close, assert_close, assert_matrix_close, assert_option_close,
};

use serde_json::Value;

fn agreement() -> Tolerance {
    Tolerance::golden()
}

fn assert_pair(found: Option<PairCosine>, expected: &Value) {
    assert_eq!(found.is_none(), expected.is_null());
    if let Some(found) = found {
        assert_close(found.value, number(&expected["value"]), agreement());
        let pair = (found.i as u64, found.j as u64);
        assert_eq!(Some(pair.0), expected["i"].as_u64());
        assert_eq!(Some(pair.1), expected["j"].as_u64());
    }
}

#[test]
fn small_dictionaries() {
    let file = golden::load("analysis.json");
    let cases = array(field(&file, "dictionaries"));
    assert!(cases.len() >= 8);
    for case in cases {
        let w = matrix(field(case, "w"));
        let w = w.as_ref();
        let get = |key| vector(field(case, key));
        assert_all_close(&feature_norms(w), &get("norms"), Tolerance::relative(1e-12));
        assert_matrix_close(
            cosines(w).as_ref(),
            matrix(field(case, "cosines")).as_ref(),
            agreement(),
        );
        // Relative: some are 1e-60, where any absolute bound accepts anything.
        let relative = Tolerance::relative(1e-8);
        assert_all_close(
            &feature_dimensionality(w),
            &get("feature_dimensionality"),
            relative,
        );
        assert_all_close(
            &feature_superposition(w),
            &get("feature_superposition"),
            agreement(),
        );
        assert_all_close(
            &feature_interference(w),
            &get("feature_interference"),
            agreement(),
        );
        let report = analyze(w, &AnalysisOptions::default()).unwrap();
        for (actual, key) in [
            (report.total_dimensionality, "total_dimensionality"),
            (report.mean_interference_all, "mean_interference"),
            (report.frobenius_sq, "frobenius_sq"),
            (report.frame_potential, "frame_potential"),
        ] {
            assert_close(actual, number(field(case, key)), relative);
        }
        assert_option_close(
            report.tightness,
            optional(field(case, "tightness")),
            relative,
        );
        // One dimension has only cosines of 1 and -1, which rounding orders in NumPy.
        if w.nrows() > 1 {
            assert_pair(report.coherence, field(case, "coherence"));
            assert_pair(report.max_cosine, field(case, "max_cosine"));
            if field(case, "name") != "zero_column" {
                assert_pair(report.min_cosine, field(case, "min_cosine"));
            }
        }
        if !field(case, "leverage").is_null() {
            assert_all_close(&leverage(w), &get("leverage"), agreement());
            assert_eq!(rank(w) as f64, number(field(case, "rank")));
            let summary = layer_summary(w, Features::Columns, &AnalysisOptions::default());
            assert_all_close(
                &summary.unwrap().singular_values,
                &get("singular_values"),
                agreement(),
            );
        }
    }
}

#[test]
fn representations() {
    let file = golden::load("analysis.json");
    for case in array(field(&file, "representations")) {
        let (a, b) = (matrix(field(case, "a")), matrix(field(case, "b")));
        assert_option_close(
            linear_cka(a.as_ref(), b.as_ref()),
            optional(field(case, "linear_cka")),
            agreement(),
        );
        assert_option_close(
            linear_cka_debiased(a.as_ref(), b.as_ref()),
            optional(field(case, "debiased")),
            agreement(),
        );
    }
}

#[test]
fn binned_information() {
    let file = golden::load("analysis.json");
    for case in array(field(&file, "mutual_information")) {
        let (x, y) = (vector(field(case, "x")), vector(field(case, "y")));
        let binning = match field(case, "binning").as_str() {
            Some("equal_width") => Binning::EqualWidth,
            Some("equal_frequency") => Binning::EqualFrequency,
            other => panic!("unknown binning {other:?}"),
        };
        let options = MutualInformationOptions::default()
            .with_n_bins(number(field(case, "n_bins")) as usize)
            .with_binning(binning);
        let found = mutual_information(&x, &y, &options).unwrap();
        let nats = std::f64::consts::LN_2;
        assert_close(found.bits * nats, number(field(case, "nats")), agreement());
        assert_close(
            found.corrected_bits * nats,
            number(field(case, "miller_madow_nats")),
            agreement(),
        );
    }
}

#[test]
fn a_transformers_token_embedding() {
    let file = golden::load("minilm.json");
    let tensors = golden::tensors("minilm-slice.safetensors");
    let tensor = &tensors[field(&file, "tensor").as_str().unwrap()];
    let (n, m) = (tensor.shape[0], tensor.shape[1]);
    // Features are rows of the file, so each is a contiguous run.
    let w = from_columns(&tensor.values, m, n);
    let report = analyze(w, &AnalysisOptions::default().with_threads(2)).unwrap();
    let expected = field(&file, "analysis");
    let get = |path: &str| {
        path.split('.')
            .fold(expected, |value, key| field(value, key))
    };
    for (actual, path) in [
        (report.n_features as f64, "n_features"),
        (report.n_hidden as f64, "n_hidden"),
        (report.n_represented as f64, "n_represented"),
        (report.feature_norms.mean, "feature_norms.mean"),
        (report.feature_norms.std, "feature_norms.std"),
        (report.feature_norms.min, "feature_norms.min"),
        (report.feature_norms.max, "feature_norms.max"),
        (report.min_norm, "min_norm"),
        (report.frobenius_sq, "frobenius_sq"),
        (
            report.dimensions_per_feature.unwrap(),
            "dimensions_per_feature",
        ),
        (report.total_dimensionality, "total_dimensionality"),
        (
            report.feature_dimensionality.mean,
            "feature_dimensionality.mean",
        ),
        (
            report.feature_dimensionality.min,
            "feature_dimensionality.min",
        ),
        (
            report.feature_dimensionality.max,
            "feature_dimensionality.max",
        ),
        (report.mean_interference, "mean_interference"),
        (report.mean_interference_all, "mean_interference_all"),
        (report.mean_interference_chance, "mean_interference_chance"),
        (report.mean_interference_tight, "mean_interference_tight"),
        (report.welch_bound, "welch_bound"),
        (report.frame_potential, "frame_potential"),
        (report.tightness.unwrap(), "tightness"),
        (report.clusters.unwrap().threshold, "clusters.threshold"),
        (report.clusters.unwrap().count as f64, "clusters.count"),
        (report.clusters.unwrap().multi as f64, "clusters.multi"),
        (report.clusters.unwrap().largest as f64, "clusters.largest"),
    ] {
        assert_close(actual, number(get(path)), agreement());
    }
    assert_pair(report.coherence, get("coherence"));
    assert_pair(report.max_cosine, get("max_cosine"));
    assert_pair(report.min_cosine, get("min_cosine"));

    let features = field(&file, "features");
    let column =
        |pick: fn(&FeatureRow) -> f64| report.features.iter().map(pick).collect::<Vec<_>>();
    for (actual, key) in [
        (column(|row| row.norm), "norm"),
        (column(|row| row.dimensionality), "dimensionality"),
        (column(|row| row.mean_interference), "mean_interference"),
        (column(|row| row.max_cosine.unwrap()), "max_cosine"),
        (column(|row| row.min_cosine.unwrap()), "min_cosine"),
    ] {
        assert_all_close(&actual, &vector(field(features, key)), agreement());
    }
    let index =
        |pick: fn(&FeatureRow) -> usize| report.features.iter().map(pick).collect::<Vec<_>>();
    for (actual, key) in [
        (index(|row| row.feature), "feature"),
        (index(|row| row.nearest.unwrap()), "nearest"),
        (index(|row| row.most_opposed.unwrap()), "most_opposed"),
        (index(|row| row.cluster.unwrap()), "cluster"),
    ] {
        assert_eq!(actual, indices(field(features, key)), "{key}");
    }
    // Read as f64 in the other orientation of memory, the same bits.
    let transposed = Mat::from_fn(n, m, |i, k| f64::from(tensor.values[i * m + k]));
    let again = analyze(transposed.transpose(), &AnalysisOptions::default()).unwrap();
    assert_eq!(again, report);
}
