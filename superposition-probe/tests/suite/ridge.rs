//! Ridge regression against elimination on the normal equations, and against scikit-learn.

use proptest::prelude::*;
use superposition_probe::faer::{Mat, mat};
use superposition_probe::{
    Intercept, ProbeOptions, RidgeOptions, Split, accuracy, auroc, fit_ridge, probe_on_split,
    r_squared,
};
use superposition_testkit::geometry::random_gaussian;
use superposition_testkit::tolerance::{
    Tolerance, assert_all_close, assert_close, assert_matrix_close, assert_option_close,
};
use superposition_testkit::{golden, oracle, strategy};

use crate::{product, row};

/// What the relative penalty is relative to: the mean variance, or the mean square without an intercept.
fn mean_square(h: &Mat<f64>, intercept: bool) -> f64 {
    let n = h.ncols() as f64;
    let squares = |k: usize| {
        let values = row(h, k);
        let mean = if intercept {
            values.iter().sum::<f64>() / n
        } else {
            0.0
        };
        values
            .iter()
            .map(|value| (value - mean).powi(2))
            .sum::<f64>()
            / n
    };
    (0..h.nrows()).map(squares).sum::<f64>() / h.nrows() as f64
}

fn options(penalty: f64, intercept: bool) -> RidgeOptions {
    let intercept = if intercept {
        Intercept::Fitted
    } else {
        Intercept::None
    };
    RidgeOptions::default()
        .with_penalty(penalty)
        .with_intercept(intercept)
}

fn compare_with_oracle(h: &Mat<f64>, y: &Mat<f64>, penalty: f64, intercept: bool) {
    let alpha = penalty * h.ncols() as f64 * mean_square(h, intercept);
    let (weights, intercepts) = oracle::ridge(h.as_ref(), y.as_ref(), alpha, intercept);
    let probes = fit_ridge(h.as_ref(), y.as_ref(), &options(penalty, intercept)).unwrap();
    // Moments are wrong by about N eps times squares of values (they are centred after rounding), and the smallest
    // eigenvalue they are divided by is at least the penalty.
    let largest = |a: &Mat<f64>| {
        let values = a.col_iter().flat_map(|column| column.iter());
        values.fold(0.0_f64, |largest, value| largest.max(value.abs()))
    };
    let (m, h_size) = (h.nrows() as f64, largest(h));
    let moment = h_size * (largest(y) + m * h_size * largest(&weights));
    let scale = moment / (penalty * mean_square(h, intercept));
    let length = 4 * (h.ncols() + h.nrows());
    let bound = || Tolerance::reduction_f64(length, scale);
    assert_matrix_close(probes.weights.as_ref(), weights.as_ref(), bound());
    let bound = Tolerance::reduction_f64(length, m * h_size * scale + largest(y));
    assert_all_close(&probes.intercepts, &intercepts, bound);
}

proptest! {
    #[test]
    fn agrees_with_elimination(
        (h, y) in (1_usize..7, 1_usize..4, 2_usize..30).prop_flat_map(|(m, t, n)| {
            (strategy::matrix(m, n, -3.0..3.0), strategy::matrix(t, n, -1.0..5.0))
        }),
        penalty in 1e-3..2.0_f64,
        intercept: bool,
    ) {
        // A relative penalty of nothing is nothing: one sample repeated has no variance.
        prop_assume!(mean_square(&h, intercept) > 1e-6);
        compare_with_oracle(&h, &y, penalty, intercept);
    }

    #[test]
    fn scaling_the_activations_scales_the_weights_back(
        h in strategy::matrix(3, 20, -1.0..1.0),
        y in strategy::matrix(2, 20, -1.0..1.0),
        power in -20_i32..20,
    ) {
        let options = RidgeOptions::default().with_penalty(0.01);
        let probes = fit_ridge(h.as_ref(), y.as_ref(), &options).unwrap();
        let scale = 2.0_f64.powi(power);
        let scaled = Mat::from_fn(3, 20, |k, s| h[(k, s)] * scale);
        let rescaled = fit_ridge(scaled.as_ref(), y.as_ref(), &options).unwrap();
        // Powers of two change no digit.
        for t in 0..2 {
            for k in 0..3 {
                assert_close(rescaled.weights[(k, t)] * scale, probes.weights[(k, t)], Tolerance::bits());
            }
        }
    }
}

#[test]
fn agrees_with_elimination_around_the_block_length() {
    for n in [255, 256, 257, 513] {
        let h = random_gaussian(5, n, n as u64);
        let y = random_gaussian(3, n, 1);
        compare_with_oracle(&h, &y, 0.1, true);
        compare_with_oracle(&h, &y, 0.1, false);
    }
}

#[test]
fn agrees_with_scikit_learn() {
    let file = golden::load("probe.json");
    let data = golden::field(&file, "data");
    let matrix = |key| golden::matrix(golden::field(data, key));
    let (h, y) = (matrix("activations"), matrix("targets"));
    let (h_test, y_test) = (matrix("activations_test"), matrix("targets_test"));
    let (n, n_test) = (h.ncols(), h_test.ncols());
    let joined = |a: &Mat<f64>, b: &Mat<f64>| {
        Mat::from_fn(a.nrows(), n + n_test, |i, s| {
            if s < n { a[(i, s)] } else { b[(i, s - n)] }
        })
    };
    let split = Split {
        train: (0..n).collect(),
        test: (n..n + n_test).collect(),
    };
    for case in golden::array(golden::field(&file, "ridge")) {
        let intercept = golden::field(case, "intercept").as_bool().unwrap();
        let alpha = golden::number(golden::field(case, "penalty"));
        let options = options(alpha / (n as f64 * mean_square(&h, intercept)), intercept);
        let probes = fit_ridge(h.as_ref(), y.as_ref(), &options).unwrap();
        let weights = golden::matrix(golden::field(case, "weights"));
        assert_matrix_close(
            probes.weights.as_ref(),
            weights.as_ref(),
            Tolerance::golden(),
        );
        let intercepts = golden::vector(golden::field(case, "intercepts"));
        assert_all_close(&probes.intercepts, &intercepts, Tolerance::golden());
        let expected = golden::matrix(golden::field(case, "predictions_test"));
        let predictions = probes.predict(h_test.as_ref());
        assert_matrix_close(predictions.as_ref(), expected.as_ref(), Tolerance::golden());

        let probing = ProbeOptions::default().with_ridge(options);
        let (all_h, all_y) = (joined(&h, &h_test), joined(&y, &y_test));
        let results = probe_on_split(all_h.as_ref(), all_y.as_ref(), &split, &probing).unwrap();
        let held_out = golden::vector(golden::field(case, "r_squared_test"));
        let train = golden::vector(golden::field(case, "r_squared_train"));
        let direct = r_squared(y_test.as_ref(), predictions.as_ref());
        for (t, result) in results.iter().enumerate() {
            assert_option_close(result.r_squared, Some(held_out[t]), Tolerance::golden());
            assert_option_close(result.r_squared_train, Some(train[t]), Tolerance::golden());
            assert_option_close(direct[t], Some(held_out[t]), Tolerance::golden());
        }
    }
}

#[test]
fn scores_agree_with_scikit_learn() {
    let file = golden::load("probe.json");
    for case in golden::array(golden::field(&file, "scores")) {
        let scores = golden::vector(golden::field(case, "scores"));
        let labels: Vec<bool> = golden::array(golden::field(case, "labels"))
            .iter()
            .map(|label| label.as_bool().unwrap())
            .collect();
        let expected = golden::number(golden::field(case, "auroc"));
        assert_option_close(auroc(&scores, &labels), Some(expected), Tolerance::golden());
        let cut = golden::number(golden::field(case, "threshold"));
        let expected = golden::number(golden::field(case, "accuracy"));
        assert_option_close(
            accuracy(&scores, &labels, cut),
            Some(expected),
            Tolerance::golden(),
        );
    }
}

proptest! {
    #[test]
    fn scores_agree_with_all_pairs(
        samples in prop::collection::vec((-3_i32..3, any::<bool>(), -1.0..1.0_f64), 0..40),
    ) {
        let scores: Vec<f64> = samples.iter().map(|sample| f64::from(sample.0)).collect();
        let labels: Vec<bool> = samples.iter().map(|sample| sample.1).collect();
        assert_option_close(auroc(&scores, &labels), oracle::auroc(&scores, &labels), Tolerance::ulps_f64(4));
        // Signed zeros are equal scores.
        let signed: Vec<f64> = samples.iter().map(|s| if s.0 == 0 && s.1 { -0.0 } else { f64::from(s.0) }).collect();
        prop_assert_eq!(auroc(&signed, &labels), auroc(&scores, &labels));
        let targets: Vec<f64> = samples.iter().map(|sample| sample.2).collect();
        let as_row = |values: &[f64]| Mat::from_fn(1, values.len(), |_, s| values[s]);
        let ours = r_squared(as_row(&targets).as_ref(), as_row(&scores).as_ref());
        let naive = if targets.is_empty() { None } else { oracle::r_squared(&targets, &scores) };
        assert_option_close(ours[0], naive, Tolerance::relative(1e-9));
    }
}

#[test]
fn a_constant_target_has_no_r_squared() {
    // The mean of ten values 0.1 is not 0.1 in floating point.
    let targets = Mat::from_fn(1, 10, |_, _| 0.1);
    let predictions = Mat::from_fn(1, 10, |_, s| s as f64);
    assert_eq!(r_squared(targets.as_ref(), predictions.as_ref()), [None]);
}

#[test]
fn dependent_neurons_share_the_weight() {
    // y = 2 h, and the neuron is there twice: of all solutions the shortest is (1, 1).
    let h = mat![[-1.0, 0.0, 1.0], [-1.0, 0.0, 1.0]];
    let y = mat![[-2.0, 0.0, 2.0]];
    for (penalty, tolerance) in [(0.0, 1e-12), (1e-6, 1e-5)] {
        let probes = fit_ridge(h.as_ref(), y.as_ref(), &options(penalty, true)).unwrap();
        for k in 0..2 {
            assert_close(probes.weights[(k, 0)], 1.0, Tolerance::absolute(tolerance));
        }
    }
}

#[test]
fn few_samples_without_a_penalty_are_interpolated() {
    let h = random_gaussian(10, 4, 3);
    let y = random_gaussian(2, 4, 4);
    let probes = fit_ridge(h.as_ref(), y.as_ref(), &options(0.0, true)).unwrap();
    let predictions = probes.predict(h.as_ref());
    assert_matrix_close(predictions.as_ref(), y.as_ref(), Tolerance::absolute(1e-10));
}

#[test]
fn a_constant_neuron_has_no_weight() {
    let h = Mat::from_fn(2, 9, |k, s| if k == 0 { 0.1 } else { s as f64 });
    let y = Mat::from_fn(1, 9, |_, s| 3.0 * s as f64);
    for penalty in [0.0, 1e-6] {
        let probes = fit_ridge(h.as_ref(), y.as_ref(), &options(penalty, true)).unwrap();
        assert_eq!(probes.weights[(0, 0)], 0.0);
        assert_close(probes.weights[(1, 0)], 3.0, Tolerance::relative(1e-5));
    }
}

#[test]
fn constant_activations_and_targets_are_predicted_by_the_intercept() {
    let h = Mat::from_fn(2, 5, |_, _| 0.1);
    let y = mat![[1.0, 2.0, 3.0, 4.0, 5.0], [7.0, 7.0, 7.0, 7.0, 7.0]];
    for penalty in [0.0, 1e-6] {
        let probes = fit_ridge(h.as_ref(), y.as_ref(), &options(penalty, true)).unwrap();
        assert_eq!(probes.weights, Mat::<f64>::zeros(2, 2));
        assert_eq!(probes.intercepts, [3.0, 7.0]);
    }
}

#[test]
fn neurons_of_very_different_scales_are_all_used_without_a_penalty() {
    let unit = random_gaussian(3, 50, 5);
    let scales = [1.0, 1e-8, 1e-30];
    let h = Mat::from_fn(3, 50, |k, s| unit[(k, s)] * scales[k]);
    let weights = mat![[1.0], [2.0], [-3.0]];
    let y = product(&weights.transpose().to_owned(), &unit);
    let probes = fit_ridge(h.as_ref(), y.as_ref(), &options(0.0, true)).unwrap();
    for k in 0..3 {
        assert_close(
            probes.weights[(k, 0)] * scales[k],
            weights[(k, 0)],
            Tolerance::relative(1e-9),
        );
    }
}

#[test]
fn a_large_mean_does_not_cost_the_digits() {
    let centred = random_gaussian(3, 300, 6);
    // Multiples of 2^-10, so that the shift itself rounds nothing.
    let centred = Mat::from_fn(3, 300, |k, s| (centred[(k, s)] * 1024.0).round() / 1024.0);
    let shifted = Mat::from_fn(3, 300, |k, s| centred[(k, s)] + 1e9);
    let y = random_gaussian(2, 300, 7);
    let near = fit_ridge(centred.as_ref(), y.as_ref(), &options(0.0, true)).unwrap();
    let far = fit_ridge(shifted.as_ref(), y.as_ref(), &options(0.0, true)).unwrap();
    // The mean is known to 1e9 eps, about 1e-7; sums of squares would leave nothing at all.
    assert_matrix_close(
        far.weights.as_ref(),
        near.weights.as_ref(),
        Tolerance::absolute(1e-6),
    );
}

#[test]
fn element_type_and_layout_do_not_matter() {
    let h = random_gaussian(4, 300, 8);
    let y = random_gaussian(2, 300, 9);
    let h32 = Mat::from_fn(4, 300, |k, s| h[(k, s)] as f32);
    let widened = Mat::from_fn(4, 300, |k, s| f64::from(h32[(k, s)]));
    let rows = Mat::from_fn(300, 4, |s, k| h32[(k, s)]);
    let options = RidgeOptions::default();
    let expected = fit_ridge(widened.as_ref(), y.as_ref(), &options).unwrap();
    assert_eq!(
        fit_ridge(h32.as_ref(), y.as_ref(), &options).unwrap(),
        expected
    );
    assert_eq!(
        fit_ridge(rows.transpose(), y.as_ref(), &options).unwrap(),
        expected
    );
    assert_eq!(
        expected.predict(rows.transpose()),
        expected.predict(widened.as_ref())
    );
}
