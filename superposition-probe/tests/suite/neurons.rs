//! Which features neurons respond to: planted responses, correlated features, noise.

use proptest::prelude::*;
use superposition_probe::faer::Mat;
use superposition_probe::{
    PolysemanticityOptions, find_monosemantic_neurons, neuron_feature_correlations, polysemanticity,
};
use superposition_testkit::geometry::{random_gaussian, random_uniform};
use superposition_testkit::tolerance::{Tolerance, assert_close, assert_matrix_close};
use superposition_testkit::{golden, oracle, strategy};

use crate::{product, row, sparse_features};

fn options() -> PolysemanticityOptions {
    PolysemanticityOptions::default()
}

/// `n` mutually exclusive features, one active in every sample.
fn one_hot(n: usize, n_samples: usize) -> Mat<f64> {
    Mat::from_fn(n, n_samples, |i, s| f64::from(s % n == i))
}

fn compare_with_oracle(neurons: &Mat<f64>, features: &Mat<f64>) {
    let r = neuron_feature_correlations(neurons.as_ref(), features.as_ref());
    assert_eq!(r.shape(), (neurons.nrows(), features.nrows()));
    for k in 0..neurons.nrows() {
        for j in 0..features.nrows() {
            let expected = oracle::correlation(&row(neurons, k), &row(features, j));
            let bound = Tolerance::reduction_f64(neurons.ncols() + 8, 4.0);
            assert_close(r[(k, j)], expected, bound);
        }
    }
}

proptest! {
    #[test]
    fn correlations_agree_with_loops(
        (neurons, features) in (1_usize..6, 1_usize..6, 2_usize..40).prop_flat_map(|(m, n, samples)| {
            (strategy::matrix(m, samples, -1.0..1.0), strategy::matrix(n, samples, -1.0..1.0))
        }),
    ) {
        compare_with_oracle(&neurons, &features);
    }

    #[test]
    fn every_neuron_is_counted_once_and_order_does_not_matter(
        signal in strategy::matrix(6, 5, -1.0..1.0),
        (keep, order) in (prop::collection::vec(0..3_u8, 6), strategy::permutation(6)),
        seed: u64,
    ) {
        let features = random_uniform(5, 120, seed);
        let noise = random_gaussian(6, 120, seed ^ 1);
        let response = product(&signal, &features);
        let neurons = Mat::from_fn(6, 120, |k, s| match keep[k] {
            0 => 2.5,
            1 => noise[(k, s)],
            _ => response[(k, s)],
        });
        let result = polysemanticity(neurons.as_ref(), features.as_ref(), &options()).unwrap();
        let groups = [
            result.dead_neurons,
            result.unresponsive_neurons,
            result.monosemantic_neurons,
            result.polysemantic_neurons,
        ];
        prop_assert_eq!(groups.iter().sum::<usize>(), 6);
        prop_assert_eq!(result.dead_neurons, keep.iter().filter(|&&keep| keep == 0).count());
        prop_assert_eq!(result.ratio, result.polysemantic_neurons as f64 / 6.0);
        prop_assert_eq!(result.monosemantic.len(), result.monosemantic_neurons);
        prop_assert!(result.selectivity.iter().all(|s| (0.0..=1.0).contains(s)));
        let moved = Mat::from_fn(6, 120, |k, s| neurons[(order[k], s)]);
        let moved = polysemanticity(moved.as_ref(), features.as_ref(), &options()).unwrap();
        for (responses, &from) in moved.responses.iter().zip(&order) {
            prop_assert_eq!(responses, &result.responses[from]);
        }
    }
}

#[test]
fn correlations_agree_with_loops_around_the_block_length() {
    for n in [255, 256, 257, 513] {
        compare_with_oracle(&random_gaussian(3, n, 1), &random_uniform(4, n, 2));
    }
}

#[test]
fn correlations_agree_with_numpy() {
    let file = golden::load("probe.json");
    let case = golden::field(&file, "correlation");
    let matrix = |key| golden::matrix(golden::field(case, key));
    let r = neuron_feature_correlations(matrix("neurons").as_ref(), matrix("features").as_ref());
    assert_matrix_close(
        r.as_ref(),
        matrix("correlations").as_ref(),
        Tolerance::golden(),
    );
}

#[test]
fn constants_correlate_with_nothing_and_nan_stays_in_its_row() {
    let mut neurons = random_gaussian(3, 50, 3);
    for s in 0..50 {
        neurons[(0, s)] = 0.1;
    }
    neurons[(1, 7)] = f64::NAN;
    let features = random_gaussian(2, 50, 4);
    let r = neuron_feature_correlations(neurons.as_ref(), features.as_ref());
    assert_eq!((r[(0, 0)], r[(0, 1)]), (0.0, 0.0));
    assert!(r[(1, 0)].is_nan() && r[(1, 1)].is_nan());
    assert!(r[(2, 0)].is_finite() && r[(2, 0)] != 0.0);
    let one = neuron_feature_correlations(neurons.subcols(0, 1), features.subcols(0, 1));
    assert_eq!(one, Mat::<f64>::zeros(3, 2));
}

#[test]
fn correlations_survive_extreme_scales_and_offsets() {
    let features = random_gaussian(1, 100, 5);
    let scales = [(1e-30, 0.0), (1e30, 0.0), (1.0, 1e8)];
    let neurons = Mat::from_fn(3, 100, |k, s| features[(0, s)] * scales[k].0 + scales[k].1);
    let r = neuron_feature_correlations(neurons.as_ref(), features.as_ref());
    assert_close(r[(0, 0)], 1.0, Tolerance::reduction_f64(100, 1.0));
    assert_close(r[(1, 0)], 1.0, Tolerance::reduction_f64(100, 1.0));
    // The neuron itself has been rounded to 1e-8.
    assert_close(r[(2, 0)], 1.0, Tolerance::absolute(1e-12));
}

/// Seeds, of 200, with any response of 20 neurons of noise to 50 features of noise.
fn false_alarms(
    options: &PolysemanticityOptions,
    n: usize,
    draw: impl Fn(usize, u64) -> Mat<f64>,
) -> f64 {
    let alarms = (0..200_u64).filter(|&seed| {
        let (neurons, features) = (draw(20, 2 * seed), draw(50, 2 * seed + 1));
        assert_eq!(neurons.ncols(), n);
        let result = polysemanticity(neurons.as_ref(), features.as_ref(), options).unwrap();
        result.unresponsive_neurons + result.dead_neurons < 20
    });
    alarms.count() as f64
}

/// At most what a family error of `chance` allows, within 4 standard errors.
fn allowed(chance: f64) -> f64 {
    200.0 * chance + 4.0 * (200.0 * chance * (1.0 - chance)).sqrt()
}

#[test]
fn noise_is_not_polysemantic() {
    let gaussian = |rows, seed| random_gaussian(rows, 200, seed);
    let alarms = false_alarms(&options(), 200, gaussian);
    assert!(
        alarms <= allowed(0.01),
        "{alarms} of 200 runs on noise found a response, 2 expected"
    );
    // Teeth: the count can grow, and the level is exact: 1000 tests at 0.5 / 1000 find something with chance 1 - exp(-1/2).
    let loose = options()
        .with_family_error(0.5)
        .with_min_abs_correlation(0.0);
    let chance = 1.0 - (-0.5_f64).exp();
    let error = (200.0 * chance * (1.0 - chance)).sqrt();
    assert_close(
        false_alarms(&loose, 200, gaussian),
        200.0 * chance,
        Tolerance::statistical(4.0, error),
    );
}

#[test]
fn rare_noise_is_not_polysemantic() {
    // Two active samples in 200: where they meet by chance, r is a half, at "7 sigma" of a normal approximation.
    for (n, p) in [(200, 0.01), (200, 0.05), (1000, 0.01)] {
        let alarms = false_alarms(&options(), n, |rows, seed| {
            sparse_features(rows, n, p, seed)
        });
        assert!(
            alarms <= allowed(0.01),
            "p = {p}, N = {n}: {alarms} of 200 runs, 2 expected"
        );
    }
}

#[test]
fn a_rare_feature_is_found_where_it_is() {
    let features = sparse_features(10, 2000, 0.01, 6);
    let noise = random_gaussian(10, 2000, 7);
    let neurons = Mat::from_fn(10, 2000, |k, s| features[(k, s)] + 0.02 * noise[(k, s)]);
    let result = polysemanticity(neurons.as_ref(), features.as_ref(), &options()).unwrap();
    assert_eq!(
        result.monosemantic,
        (0..10).map(|k| (k, k)).collect::<Vec<_>>()
    );
}

#[test]
fn a_neuron_for_one_of_exclusive_features_is_monosemantic() {
    let features = one_hot(5, 500);
    // Every neuron correlates at -1/4 with four other features, far above the thresholds.
    let r = neuron_feature_correlations(features.as_ref(), features.as_ref());
    assert_close(r[(0, 1)], -0.25, Tolerance::ulps_f64(8));
    let noise = random_gaussian(5, 500, 8);
    for size in [0.0, 0.3] {
        let neurons = Mat::from_fn(5, 500, |k, s| features[(k, s)] + size * noise[(k, s)]);
        let result = polysemanticity(neurons.as_ref(), features.as_ref(), &options()).unwrap();
        assert_eq!(
            result.monosemantic,
            (0..5).map(|k| (k, k)).collect::<Vec<_>>()
        );
        assert_eq!((result.monosemantic_neurons, result.ratio), (5, 0.0));
        assert_eq!(find_monosemantic_neurons(&result, 0.8).len(), 5);
    }
    // Also in f32, where the neurons are rounded.
    let neurons = Mat::from_fn(5, 500, |k, s| features[(k, s)] as f32 * 0.1);
    let result = polysemanticity(neurons.as_ref(), features.as_ref(), &options()).unwrap();
    assert_eq!(result.monosemantic_neurons, 5);
    assert!(result.selectivity.iter().all(|&s| s > 1.0 - 1e-6));
}

#[test]
fn a_neuron_for_several_features_lists_them_by_strength() {
    let features = random_gaussian(6, 2000, 9);
    let planted = [(4, 3.0), (0, -2.0), (5, 1.0)];
    let neurons = Mat::from_fn(1, 2000, |_, s| {
        planted.iter().map(|&(j, a)| a * features[(j, s)]).sum()
    });
    let neurons: Mat<f64> = neurons;
    let result = polysemanticity(neurons.as_ref(), features.as_ref(), &options()).unwrap();
    assert_eq!(result.responses, [vec![4, 0, 5]]);
    assert_eq!(
        (
            result.polysemantic_neurons,
            result.ratio,
            result.features_per_neuron
        ),
        (1, 1.0, 3.0)
    );
    // 1 - 2/3 in the population.
    assert_close(
        result.selectivity[0],
        1.0 / 3.0,
        Tolerance::statistical(4.0, 1.0 / 2000.0_f64.sqrt()),
    );
    // An effect of 1/10 of the largest explains a hundredth: too small to count by default.
    let weak = Mat::from_fn(1, 2000, |_, s| features[(1, s)] + 0.05 * features[(2, s)]);
    let result = polysemanticity(weak.as_ref(), features.as_ref(), &options()).unwrap();
    assert_eq!(result.responses, [vec![1]]);
    let all = options().with_min_abs_correlation(0.01);
    let result = polysemanticity(weak.as_ref(), features.as_ref(), &all).unwrap();
    assert_eq!(result.responses, [vec![1, 2]]);
}

#[test]
fn a_copy_of_a_feature_adds_nothing() {
    let random = random_gaussian(2, 300, 10);
    let features = Mat::from_fn(4, 300, |j, s| match j {
        0 | 2 => random[(0, s)],
        1 => random[(1, s)],
        _ => 1.0,
    });
    let neurons = Mat::from_fn(1, 300, |_, s| random[(0, s)] + random[(1, s)] * 0.5);
    for min_abs_correlation in [0.1, 0.0] {
        let options = options().with_min_abs_correlation(min_abs_correlation);
        let result = polysemanticity(neurons.as_ref(), features.as_ref(), &options).unwrap();
        assert_eq!(result.responses, [vec![0, 1]]);
    }
}

/// Forward selection by least squares on the samples themselves.
fn naive_responses(neuron: &[f64], features: &Mat<f64>, min_part: f64) -> Vec<usize> {
    let n_samples = neuron.len();
    let mut chosen: Vec<usize> = Vec::new();
    loop {
        let given = Mat::from_fn(chosen.len(), n_samples, |k, s| features[(chosen[k], s)]);
        let mut best = (min_part, None);
        for j in (0..features.nrows()).filter(|j| !chosen.contains(j)) {
            let mut rest = row(features, j);
            if !chosen.is_empty() {
                let target = features.subrows(j, 1);
                let (weights, _) = oracle::ridge(given.as_ref(), target, 1e-9, true);
                for (s, rest) in rest.iter_mut().enumerate() {
                    *rest -= (0..chosen.len())
                        .map(|k| weights[(k, 0)] * given[(k, s)])
                        .sum::<f64>();
                }
            }
            let part = oracle::correlation(neuron, &rest).abs();
            if part > best.0 {
                best = (part, Some(j));
            }
        }
        match best.1 {
            Some(j) => chosen.push(j),
            None => return chosen,
        }
    }
}

#[test]
fn selection_on_correlations_is_selection_on_samples() {
    for seed in 0..8 {
        // Correlated features, and neurons that mix them.
        let sources = random_gaussian(12, 1000, seed);
        let features = product(&random_gaussian(8, 12, seed + 50), &sources);
        let neurons = product(&random_gaussian(4, 8, seed + 90), &features);
        // Large enough to be significant (|r| of 0.14 is), so that size alone decides.
        let options = options().with_min_abs_correlation(0.16);
        let result = polysemanticity(neurons.as_ref(), features.as_ref(), &options).unwrap();
        assert!(
            result.critical_correlation <= 0.16,
            "{}",
            result.critical_correlation
        );
        for k in 0..4 {
            assert_eq!(
                result.responses[k],
                naive_responses(&row(&neurons, k), &features, 0.16)
            );
        }
        assert!(result.polysemantic_neurons > 0);
    }
}

#[test]
fn the_critical_correlation_is_where_responses_begin() {
    // Fisher: two-sided 0.05 over one pair of 103 samples, tanh(1.959964 / 10).
    let features = random_gaussian(1, 103, 11);
    let options = options()
        .with_family_error(0.05)
        .with_min_abs_correlation(0.0);
    let result = polysemanticity(features.as_ref(), features.as_ref(), &options).unwrap();
    assert_close(
        result.critical_correlation,
        0.1959964_f64.tanh(),
        Tolerance::golden(),
    );
    assert_eq!(result.responses, [vec![0]]);
    // Three samples prove nothing, not even a perfect correlation.
    let few = features.subcols(0, 3);
    let result = polysemanticity(few, few, &options).unwrap();
    assert_eq!(
        (result.unresponsive_neurons, result.critical_correlation),
        (1, 1.0)
    );
}
