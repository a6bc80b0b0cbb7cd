//! The oracles against NumPy and scikit-learn, and the golden loader itself.

use superposition_testkit::faer::Mat;
use superposition_testkit::golden::{self, field};
use superposition_testkit::oracle;
use superposition_testkit::serde_json::{Value, json};
use superposition_testkit::tolerance::{
    Tolerance, assert_all_close, assert_close, assert_matrix_close, assert_option_close,
};

fn numbers(value: &Value, key: &str) -> Vec<f64> {
    golden::vector(field(value, key))
}

fn number(value: &Value, key: &str) -> f64 {
    golden::number(field(value, key))
}

fn assert_pair(actual: Option<(f64, usize, usize)>, expected: &Value) {
    let Some((value, i, j)) = actual else {
        assert!(expected.is_null());
        return;
    };
    assert_close(value, number(expected, "value"), Tolerance::golden());
    assert_eq!(
        (json!(i), json!(j)),
        (expected["i"].clone(), expected["j"].clone())
    );
}

#[test]
fn dictionaries_against_numpy() {
    let file = golden::load("analysis");
    let cases = golden::array(field(&file, "dictionaries"));
    assert_eq!(cases.len(), 8);
    let tol = Tolerance::golden();
    for case in cases {
        println!("{}", field(case, "name"));
        let w = golden::matrix(field(case, "w"));
        let w = w.as_ref();
        // Relative, without the absolute bound: norms of 1e-30 must come out right too.
        assert_all_close(
            &oracle::feature_norms(w),
            &numbers(case, "norms"),
            Tolerance::relative(1e-12),
        );
        let d = oracle::feature_dimensionality(w);
        assert_all_close(
            &d,
            &numbers(case, "feature_dimensionality"),
            Tolerance::relative(1e-11),
        );
        assert_close(d.iter().sum(), number(case, "total_dimensionality"), tol);
        assert_matrix_close(
            oracle::cosines(w).as_ref(),
            golden::matrix(field(case, "cosines")).as_ref(),
            tol,
        );
        assert_all_close(
            &oracle::feature_interference(w),
            &numbers(case, "feature_interference"),
            tol,
        );
        assert_close(
            oracle::mean_interference(w),
            number(case, "mean_interference"),
            tol,
        );
        assert_all_close(
            &oracle::feature_superposition(w),
            &numbers(case, "feature_superposition"),
            tol,
        );
        assert_close(
            oracle::frame_potential(w),
            number(case, "frame_potential"),
            tol,
        );
        assert_option_close(
            oracle::tightness(w),
            golden::optional(field(case, "tightness")),
            tol,
        );
        if !field(case, "leverage").is_null() {
            assert_all_close(&oracle::leverage(w), &numbers(case, "leverage"), tol);
            assert_eq!(json!(oracle::rank(w)), case["rank"]);
            assert_all_close(
                &oracle::singular_values(w),
                &numbers(case, "singular_values"),
                tol,
            );
        }
        // The simplices planted apart are ties by construction, which rounding may break either way.
        if field(case, "name") != "planted_norms_apart" && field(case, "name") != "one_dimension" {
            assert_pair(oracle::coherence(w), field(case, "coherence"));
            assert_pair(oracle::max_cosine(w), field(case, "max_cosine"));
            assert_pair(oracle::min_cosine(w), field(case, "min_cosine"));
        }
    }
}

#[test]
fn similarities_against_numpy() {
    let file = golden::load("analysis");
    for case in golden::array(field(&file, "representations")) {
        let (a, b) = (
            golden::matrix(field(case, "a")),
            golden::matrix(field(case, "b")),
        );
        let cka = oracle::linear_cka(a.as_ref(), b.as_ref());
        assert_option_close(cka, Some(number(case, "linear_cka")), Tolerance::golden());
        match case["name"].as_str() {
            Some("rotated_and_scaled") => assert_close(cka.unwrap(), 1.0, Tolerance::golden()),
            Some("permuted_items") => assert!(
                cka.unwrap() < 0.9,
                "permuting the items of one side must show"
            ),
            _ => {}
        }
    }
    assert_eq!(
        oracle::linear_cka(
            Mat::<f64>::zeros(2, 5).as_ref(),
            Mat::<f64>::full(3, 5, 1.0).as_ref()
        ),
        None
    );

    for case in golden::array(field(&file, "mutual_information")) {
        let (x, y) = (
            golden::indices(field(case, "bins_x")),
            golden::indices(field(case, "bins_y")),
        );
        assert_close(
            oracle::mutual_information(&x, &y),
            number(case, "nats"),
            Tolerance::golden(),
        );
        if field(case, "binning") == "equal_width" {
            let n_bins = field(case, "n_bins").as_u64().unwrap() as usize;
            assert_eq!(oracle::equal_width_bins(&numbers(case, "x"), n_bins), x);
            assert_eq!(oracle::equal_width_bins(&numbers(case, "y"), n_bins), y);
        }
    }
    assert_eq!(oracle::equal_width_bins(&[0.0, 0.5, 1.0], 2), [0, 1, 1]);
    assert_eq!(oracle::equal_width_bins(&[3.0, 3.0], 4), [0, 0]);
}

#[test]
fn probes_against_scikit_learn() {
    let file = golden::load("probe");
    let data = field(&file, "data");
    let matrix = |key| golden::matrix(field(data, key));
    let (h, y) = (matrix("activations"), matrix("targets"));
    let (h_test, y_test) = (matrix("activations_test"), matrix("targets_test"));
    let cases = golden::array(field(&file, "ridge"));
    assert_eq!(cases.len(), 6);
    for case in cases {
        let intercept = field(case, "intercept").as_bool().unwrap();
        let (weights, intercepts) =
            oracle::ridge(h.as_ref(), y.as_ref(), number(case, "penalty"), intercept);
        let tol = Tolerance::golden();
        assert_matrix_close(
            weights.as_ref(),
            golden::matrix(field(case, "weights")).as_ref(),
            tol,
        );
        assert_all_close(&intercepts, &numbers(case, "intercepts"), tol);
        for (h, y, key) in [
            (&h, &y, "r_squared_train"),
            (&h_test, &y_test, "r_squared_test"),
        ] {
            let scores: Vec<f64> = (0..y.nrows())
                .map(|j| {
                    let predict = |s| {
                        intercepts[j]
                            + (0..h.nrows())
                                .map(|k| weights[(k, j)] * h[(k, s)])
                                .sum::<f64>()
                    };
                    let predictions: Vec<f64> = (0..h.ncols()).map(predict).collect();
                    let targets: Vec<f64> = (0..h.ncols()).map(|s| y[(j, s)]).collect();
                    oracle::r_squared(&targets, &predictions).unwrap()
                })
                .collect();
            assert_all_close(&scores, &numbers(case, key), tol);
        }
    }
    assert_eq!(oracle::r_squared(&[0.1; 3], &[0.1; 3]), None);

    for case in golden::array(field(&file, "scores")) {
        let scores = numbers(case, "scores");
        let labels: Vec<bool> = golden::array(field(case, "labels"))
            .iter()
            .map(|l| l.as_bool().unwrap())
            .collect();
        assert_option_close(
            oracle::auroc(&scores, &labels),
            Some(number(case, "auroc")),
            Tolerance::golden(),
        );
        let predictions: Vec<bool> = scores
            .iter()
            .map(|&s| s > number(case, "threshold"))
            .collect();
        let accuracy = oracle::accuracy(&labels, &predictions);
        assert_option_close(
            accuracy,
            Some(number(case, "accuracy")),
            Tolerance::golden(),
        );
    }
    assert_eq!(oracle::auroc(&[1.0, 2.0], &[true, true]), None);
    assert_eq!(
        oracle::auroc(&[1.0, 2.0, 2.0], &[false, true, false]),
        Some(0.75)
    );

    let case = field(&file, "correlation");
    let (neurons, features) = (
        golden::matrix(field(case, "neurons")),
        golden::matrix(field(case, "features")),
    );
    let expected = golden::matrix(field(case, "correlations"));
    let row = |w: &Mat<f64>, k: usize| (0..w.ncols()).map(|s| w[(k, s)]).collect::<Vec<_>>();
    let actual = Mat::from_fn(expected.nrows(), expected.ncols(), |k, j| {
        oracle::correlation(&row(&neurons, k), &row(&features, j))
    });
    assert_matrix_close(actual.as_ref(), expected.as_ref(), Tolerance::golden());
    assert_eq!(oracle::correlation(&[1.0, 2.0], &[0.3, 0.3]), 0.0);
}

/// The slice of a real embedding and NumPy's values for it belong together.
#[test]
fn minilm_slice() {
    let file = golden::load("minilm.json");
    let tensors = golden::tensors("minilm-slice.safetensors");
    let tensor = &tensors[field(&file, "tensor").as_str().unwrap()];
    assert_eq!(tensor.shape, [512, 384]);
    let w = tensor.rows_as_columns();
    let w = w.as_ref();
    let (analysis, features) = (field(&file, "analysis"), field(&file, "features"));
    let tol = Tolerance::golden();
    assert_all_close(&oracle::feature_norms(w), &numbers(features, "norm"), tol);
    assert_all_close(
        &oracle::feature_dimensionality(w),
        &numbers(features, "dimensionality"),
        tol,
    );
    assert_all_close(
        &oracle::feature_interference(w),
        &numbers(features, "mean_interference"),
        tol,
    );
    assert_pair(oracle::coherence(w), field(analysis, "coherence"));
    assert_pair(oracle::max_cosine(w), field(analysis, "max_cosine"));
    assert_pair(oracle::min_cosine(w), field(analysis, "min_cosine"));
    let clusters = field(analysis, "clusters");
    let labels = oracle::clusters(w, number(clusters, "threshold"));
    assert_eq!(labels, golden::indices(field(features, "cluster")));
    assert_eq!(json!(labels.iter().max().unwrap() + 1), clusters["count"]);
}

/// The whole embedding's values are of the same kind as the slice's, and consistent among themselves.
#[test]
fn minilm_full() {
    let (full, part) = (golden::load("minilm-full"), golden::load("minilm"));
    let keys = |file: &Value| {
        field(file, "analysis")
            .as_object()
            .unwrap()
            .keys()
            .cloned()
            .collect::<Vec<_>>()
    };
    assert_eq!(keys(&full), keys(&part));
    let analysis = field(&full, "analysis");
    assert_eq!(
        (number(analysis, "n_features"), number(analysis, "n_hidden")),
        (30522.0, 384.0)
    );
    let features = field(&full, "features");
    assert_eq!(numbers(features, "norm").len(), 20);
    let range = field(analysis, "feature_dimensionality");
    for d in numbers(features, "dimensionality") {
        assert!(d >= number(range, "min") && d <= number(range, "max"));
    }
}

/// The trained models of PyTorch have the shapes the README promises, and learned something.
#[test]
fn quick_start_models() {
    for (name, n, m) in [
        ("quick-start-torch.safetensors", 100, 20),
        ("quick-start-short-torch.safetensors", 20, 5),
    ] {
        let tensors = golden::tensors(name);
        assert_eq!(tensors["W"].shape, [20, m, n]);
        assert_eq!(tensors["b"].shape, [20, n]);
        assert_eq!(tensors["late_loss"].shape, [20]);
        for seed in 0..20 {
            let w = tensors["W"].instance(seed);
            assert_eq!((w.nrows(), w.ncols()), (m, n));
            let represented = oracle::feature_norms(w.as_ref())
                .iter()
                .filter(|&&norm| norm > 0.5)
                .count();
            assert!(
                represented > m,
                "seed {seed} represents {represented} features in {m} dimensions"
            );
        }
        let first = tensors["W"].values[1];
        assert_close(
            tensors["W"].instance(0)[(0, 1)],
            f64::from(first),
            Tolerance::bits(),
        );
    }
}

#[test]
fn loader() {
    let w = golden::matrix(&json!({"columns": [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]}));
    assert_eq!(
        (w.nrows(), w.ncols(), w[(1, 0)], w[(0, 2)]),
        (2, 3, 2.0, 5.0)
    );
    assert_eq!(golden::optional(&json!(null)), None);
    assert_eq!(golden::vector_f32(&json!([0.1, 1e-45])), [0.1f32, 1e-45]);
}

#[test]
#[should_panic(expected = "no key colums")]
fn misspelt_keys_are_found() {
    let _ = field(&json!({"columns": []}), "colums");
}
