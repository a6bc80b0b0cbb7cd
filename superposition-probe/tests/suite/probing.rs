//! Probes of planted features, of linear bottlenecks, and of noise.

use proptest::prelude::*;
use superposition_probe::faer::{Mat, mat};
use superposition_probe::{
    ProbeOptions, RidgeOptions, Split, compare_direction, feature_coverage, probe_all_features,
    probe_feature, probe_on_split,
};
use superposition_testkit::geometry::{random_gaussian, random_uniform};
use superposition_testkit::oracle;
use superposition_testkit::tolerance::{Tolerance, assert_close};

use crate::{product, rng, sparse_features};

/// A random W (m x n) of the given rank, independent uniform features, and `h = W x`.
fn bottleneck(rank: usize, seed: u64) -> (Mat<f64>, Mat<f64>, Mat<f64>) {
    let (m, n, n_samples) = (4, 12, 8000);
    let random = random_gaussian(m, n, seed);
    let w = Mat::from_fn(m, n, |k, i| random[(k % rank, i)]);
    let x = random_uniform(n, n_samples, seed + 100);
    let h = product(&w, &x);
    (w, x, h)
}

/// The standard error of a held-out R^2 near `r`, with what estimating m weights adds.
fn r_squared_error(r: f64, n_train: usize, n_test: usize, m: usize) -> f64 {
    2.0 * r.sqrt() * (1.0 - r) / (n_test as f64).sqrt() + m as f64 / n_train as f64
}

#[test]
fn held_out_r_squared_through_a_bottleneck_is_the_leverage() {
    for rank in [4, 3] {
        let (w, x, h) = bottleneck(rank, rank as u64);
        let leverage = oracle::leverage(w.as_ref());
        let options = ProbeOptions::default().with_test_fraction(0.5);
        let results = probe_all_features(h.as_ref(), x.as_ref(), &options, &mut rng(1)).unwrap();
        let mut mean = 0.0;
        let mut mean_error = 0.0;
        for (result, &leverage) in results.iter().zip(&leverage) {
            let error = r_squared_error(leverage, result.n_train, result.n_test, rank);
            let r_squared = result.r_squared.unwrap();
            assert_close(r_squared, leverage, Tolerance::statistical(5.0, error));
            mean += r_squared / 12.0;
            mean_error += error / 12.0;
        }
        // For any W, so this one being random says nothing about the features.
        assert_close(
            mean,
            rank as f64 / 12.0,
            Tolerance::statistical(3.0, mean_error),
        );
    }
}

/// All 2^8 combinations of eight signs: features without any sampling error, uncorrelated and of variance 1 exactly.
#[test]
fn on_a_factorial_design_the_theory_of_the_bottleneck_holds_exactly() {
    let (m, n, n_train) = (3, 8, 256);
    let w = random_gaussian(m, n, 9);
    // Four more samples to hold out.
    let x = Mat::from_fn(
        n,
        n_train + 4,
        |i, s| {
            if (s >> i) & 1 == 1 { 1.0 } else { -1.0 }
        },
    );
    let h = product(&w, &x);
    let split = Split {
        train: (0..n_train).collect(),
        test: (n_train..n_train + 4).collect(),
    };
    let exact = RidgeOptions::default().with_penalty(0.0);
    let options = ProbeOptions::default().with_ridge(exact);
    let results = probe_on_split(h.as_ref(), x.as_ref(), &split, &options).unwrap();
    let leverage = oracle::leverage(w.as_ref());
    let frame = oracle::frame_operator(w.as_ref());
    let mut widest = 0.0_f64;
    for (i, result) in results.iter().enumerate() {
        let column = w.col_as_slice(i);
        let r_squared = result.r_squared_train.unwrap();
        assert_close(r_squared, leverage[i], Tolerance::relative(1e-9));
        // w = F^+ W_i, and the pattern F w / (w^T F w) = W_i / l_i.
        let direction = Mat::from_fn(m, 1, |k, _| result.direction[k]);
        let mapped = product(&frame, &direction);
        for k in 0..m {
            assert_close(mapped[(k, 0)], column[k], Tolerance::absolute(1e-9));
            let pattern = result.pattern[k] * leverage[i];
            assert_close(pattern, column[k], Tolerance::absolute(1e-9));
        }
        let pattern = compare_direction(&result.pattern, column).unwrap();
        assert!(pattern.angle_degrees < 1e-6);
        let direction = compare_direction(&result.direction, column).unwrap();
        widest = widest.max(direction.angle_degrees);
    }
    // The control: to read a feature and to move with it are not the same direction.
    assert!(widest > 15.0, "every probe is within {widest} degrees of W");
}

#[test]
fn the_pattern_of_a_planted_feature_is_its_effect() {
    // h = a x with nothing else: the score's unit change moves h by a / (w . a).
    let x = random_uniform(1, 200, 3);
    let h = Mat::from_fn(2, 200, |k, s| [3.0, -4.0][k] * x[(0, s)] + 1.0);
    let result = probe_feature(
        h.as_ref(),
        x.as_ref(),
        0,
        &ProbeOptions::default(),
        &mut rng(3),
    )
    .unwrap();
    let score: f64 = result.direction[0] * 3.0 - result.direction[1] * 4.0;
    assert_close(result.pattern[0], 3.0 / score, Tolerance::relative(1e-6));
    assert_close(result.pattern[1], -4.0 / score, Tolerance::relative(1e-6));
}

/// Held-out AUROCs and accuracies on activations that know nothing of the labels.
#[test]
fn noise_scores_like_noise() {
    for (p, seed) in [(0.05, 10), (0.5, 20), (0.9, 30)] {
        let features = sparse_features(40, 4000, p, seed);
        let activations = random_gaussian(20, 4000, seed + 1);
        let options = ProbeOptions::default();
        let results = probe_all_features(
            activations.as_ref(),
            features.as_ref(),
            &options,
            &mut rng(seed),
        )
        .unwrap();
        let mut mean = 0.0;
        let mut error = 0.0;
        for result in &results {
            let n = result.n_test as f64;
            let base = result.base_rate;
            let accuracy = result.accuracy.unwrap();
            let slack = 4.5 * (base * (1.0 - base) / n).sqrt();
            assert!(
                accuracy <= base + slack,
                "accuracy {accuracy}, base rate {base}"
            );
            assert!(result.r_squared.unwrap() < 0.05);
            // The Mann-Whitney statistic's standard error with no difference between the classes.
            let (a, b) = (base * n, (1.0 - base) * n);
            error = ((a + b + 1.0) / (12.0 * a * b)).sqrt();
            let auroc = result.auroc.unwrap();
            assert_close(auroc, 0.5, Tolerance::statistical(5.0, error));
            mean += auroc / 40.0;
        }
        // All probes share their activations, but their labels are independent.
        assert_close(
            mean,
            0.5,
            Tolerance::statistical(4.0, error / 40.0_f64.sqrt()),
        );
    }
}

/// The control of the test above: the same numbers do move where there is something to find.
#[test]
fn signal_does_not_score_like_noise() {
    let features = sparse_features(40, 4000, 0.05, 40);
    let noise = random_gaussian(40, 4000, 41);
    let activations = Mat::from_fn(40, 4000, |k, s| features[(k, s)] + 0.05 * noise[(k, s)]);
    let results = probe_all_features(
        activations.as_ref(),
        features.as_ref(),
        &ProbeOptions::default(),
        &mut rng(4),
    )
    .unwrap();
    let beaten = results
        .iter()
        .filter(|r| r.accuracy.unwrap() > r.base_rate)
        .count();
    assert!(beaten >= 38, "only {beaten} of 40 beat the base rate");
    assert!(
        results
            .iter()
            .all(|r| r.auroc.unwrap() > 0.85 && r.r_squared.unwrap() > 0.7)
    );
    assert_eq!(feature_coverage(&results, 0.5), Some(1.0));
    assert_eq!(feature_coverage(&results, 1.0), Some(0.0));
}

#[test]
fn one_feature_is_probed_as_among_all() {
    // More features than are judged at once.
    let features = sparse_features(70, 900, 0.2, 50);
    let mixing = random_gaussian(6, 70, 51);
    let activations = product(&mixing, &features);
    let options = ProbeOptions::default().with_test_fraction(0.3);
    let all = probe_all_features(
        activations.as_ref(),
        features.as_ref(),
        &options,
        &mut rng(5),
    )
    .unwrap();
    assert_eq!(all.len(), 70);
    for feature in [0, 63, 64, 69] {
        let one = probe_feature(
            activations.as_ref(),
            features.as_ref(),
            feature,
            &options,
            &mut rng(5),
        )
        .unwrap();
        let among = &all[feature];
        assert_eq!((one.feature, one.n_train, one.n_test), (feature, 630, 270));
        // The products differ in shape, so in rounding.
        let close = |a: f64, b: f64| assert_close(a, b, Tolerance::relative(1e-9));
        for (a, b) in one.direction.iter().zip(&among.direction) {
            close(*a, *b);
        }
        close(one.r_squared.unwrap(), among.r_squared.unwrap());
        close(one.r_squared_train.unwrap(), among.r_squared_train.unwrap());
        close(one.auroc.unwrap(), among.auroc.unwrap());
        close(one.accuracy.unwrap(), among.accuracy.unwrap());
        assert_eq!(one.base_rate, among.base_rate);
    }
}

#[test]
fn the_same_generator_gives_the_same_bits() {
    let features = sparse_features(5, 300, 0.2, 60);
    let activations = random_gaussian(3, 300, 61);
    let options = ProbeOptions::default();
    let run = |seed| {
        probe_all_features(
            activations.as_ref(),
            features.as_ref(),
            &options,
            &mut rng(seed),
        )
        .unwrap()
    };
    assert_eq!(run(6), run(6));
    assert_ne!(run(6), run(7));
}

#[test]
fn what_is_held_out_does_not_enter_the_fit() {
    let features = sparse_features(3, 200, 0.4, 70);
    let activations = random_gaussian(4, 200, 71);
    let split = Split::random(200, 0.25, &mut rng(8)).unwrap();
    let options = ProbeOptions::default();
    let before = probe_on_split(activations.as_ref(), features.as_ref(), &split, &options).unwrap();
    let mut spoilt = activations.clone();
    for &s in &split.test {
        for k in 0..4 {
            spoilt[(k, s)] = 1e6;
        }
    }
    let after = probe_on_split(spoilt.as_ref(), features.as_ref(), &split, &options).unwrap();
    for (before, after) in before.iter().zip(&after) {
        assert_eq!(before.direction, after.direction);
        assert_eq!(before.intercept, after.intercept);
        assert_eq!(before.r_squared_train, after.r_squared_train);
        assert!(after.r_squared < before.r_squared);
    }
}

#[test]
fn constant_features_have_no_scores() {
    // Feature 0 never varies, feature 1 varies in the training part only, feature 2 in the held-out part only.
    let activations = random_gaussian(2, 8, 80);
    let features = mat![
        [0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1],
        [0.0, 1.0, 0.0, 1.0, 0.5, 0.5, 0.5, 0.5],
        [0.5, 0.5, 0.5, 0.5, 0.0, 1.0, 0.0, 1.0]
    ];
    let split = Split {
        train: vec![0, 1, 2, 3],
        test: vec![4, 5, 6, 7],
    };
    let options = ProbeOptions::default();
    let results =
        probe_on_split(activations.as_ref(), features.as_ref(), &split, &options).unwrap();
    let [never, train_only, test_only] = &results[..] else {
        panic!("three results")
    };

    assert_eq!((never.r_squared, never.r_squared_train), (None, None));
    assert_eq!(
        (never.accuracy, never.auroc, never.base_rate),
        (None, None, 1.0)
    );
    assert_eq!(
        (&never.direction, &never.pattern),
        (&vec![0.0; 2], &vec![0.0; 2])
    );
    assert_eq!(never.intercept, 0.1);

    assert!(train_only.r_squared.is_none() && train_only.r_squared_train.is_some());
    // Its labels do vary where it is fitted; held out they are all true.
    assert!(train_only.accuracy.is_some() && train_only.auroc.is_none());
    assert_eq!(train_only.base_rate, 1.0);

    // Predicting the training constant 0.5, which is the held-out mean.
    assert_eq!(
        (test_only.r_squared, test_only.r_squared_train),
        (Some(0.0), None)
    );
    assert_eq!(
        (test_only.accuracy, test_only.auroc, test_only.base_rate),
        (None, None, 0.5)
    );
    assert_eq!(feature_coverage(&results, 0.0), Some(1.0 / 3.0));
}

#[test]
fn labels_follow_the_threshold() {
    let x = random_uniform(1, 1000, 90);
    let options = ProbeOptions::default().with_active_threshold(0.75);
    let result = probe_feature(x.as_ref(), x.as_ref(), 0, &options, &mut rng(9)).unwrap();
    assert_close(
        result.base_rate,
        0.75,
        Tolerance::statistical(4.0, (0.1875_f64 / 200.0).sqrt()),
    );
    // A threshold on a monotone score: the order is perfect, and the learned cut lies near 0.75.
    assert_eq!(result.auroc, Some(1.0));
    assert!(result.accuracy.unwrap() > 0.98);
}

#[test]
fn directions_compare_with_sign_and_at_any_scale() {
    let opposite = compare_direction(&[1.0, 2.0], &[-2.0, -4.0]).unwrap();
    assert_close(opposite.cosine, -1.0, Tolerance::ulps_f64(2));
    assert_eq!(opposite.angle_degrees, 180.0);
    let tiny = compare_direction(&[3e-200, 0.0], &[1e200, 1e200]).unwrap();
    assert_close(tiny.angle_degrees, 45.0, Tolerance::ulps_f64(4));
    // acos of the cosine could not tell these apart.
    let close = compare_direction(&[1.0, 1e-10], &[1.0, 0.0]).unwrap();
    assert_close(
        close.angle_degrees,
        1e-10_f64.to_degrees(),
        Tolerance::relative(1e-6),
    );
    assert!(compare_direction(&[0.0, -0.0], &[1.0, 0.0]).is_none());
    assert!(compare_direction(&[], &[]).is_none());
    assert!(
        compare_direction(&[f64::NAN, 1.0], &[1.0, 0.0])
            .unwrap()
            .cosine
            .is_nan()
    );
}

proptest! {
    #[test]
    fn a_split_takes_every_sample_once(n in 2_usize..400, fraction in 0.001..0.999_f64, seed: u64) {
        let split = Split::random(n, fraction, &mut rng(seed)).unwrap();
        prop_assert!(!split.train.is_empty() && !split.test.is_empty());
        prop_assert!(split.train.is_sorted() && split.test.is_sorted());
        prop_assert!((split.test.len() as f64 - fraction * n as f64).abs() <= 1.0);
        let mut all: Vec<usize> = split.train.iter().chain(&split.test).copied().collect();
        all.sort_unstable();
        prop_assert!(all.into_iter().eq(0..n));
    }
}

#[test]
fn every_sample_is_held_out_equally_often() {
    let mut rng = rng(11);
    let mut counts = [0_u32; 10];
    for _ in 0..4000 {
        for s in Split::random(10, 0.3, &mut rng).unwrap().test {
            counts[s] += 1;
        }
    }
    for count in counts {
        let error = (4000.0 * 0.3 * 0.7_f64).sqrt();
        assert_close(f64::from(count), 1200.0, Tolerance::statistical(4.5, error));
    }
}
