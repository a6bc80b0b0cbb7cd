//! Interference weighted by activity, against plain loops over all pairs and samples.

use superposition_analysis::faer::{Mat, MatRef};
use superposition_analysis::*;
use superposition_testkit::proptest::prelude::*;
use superposition_testkit::tolerance::{
    Tolerance, assert_all_close, assert_close, assert_option_close,
};
use superposition_testkit::{geometry, oracle, strategy};

/// (total, pairs, by feature) from weights of all ordered pairs and of single features.
fn naive(
    w: MatRef<'_, f64>,
    pair: impl Fn(usize, usize) -> f64,
    single: impl Fn(usize) -> f64,
) -> (f64, f64, Vec<f64>) {
    let squares = oracle::interference(w);
    let represented: Vec<bool> = oracle::feature_norms(w)
        .iter()
        .map(|&norm| norm > 0.0)
        .collect();
    let n = w.ncols();
    let (mut total, mut pairs, mut by_feature) = (0.0, 0.0, vec![0.0; n]);
    for i in 0..n {
        for j in (0..n).filter(|&j| j != i && represented[i] && represented[j]) {
            total += pair(i, j) * squares[(i, j)];
            pairs += pair(i, j);
            if single(i) > 0.0 {
                by_feature[i] += pair(i, j) * squares[(i, j)] / single(i);
            }
        }
    }
    (total, pairs, by_feature)
}

fn assert_same(found: &ActivityInterference, expected: (f64, f64, Vec<f64>)) {
    let (total, pairs, by_feature) = expected;
    // The sums through the frame operator promise 1e-8.
    let sums = Tolerance::relative(1e-8);
    assert_close(found.total, total, sums);
    assert_close(found.pairs, pairs, sums);
    assert_all_close(&found.by_feature, &by_feature, sums);
    assert_option_close(found.mean, (pairs > 0.0).then(|| total / pairs), sums);
}

fn pattern(n: usize, n_samples: usize, density: f64, seed: u64) -> Mat<f64> {
    let uniform = geometry::random_uniform(n, n_samples, seed);
    Mat::from_fn(n, n_samples, |i, s| {
        if uniform[(i, s)] < density {
            uniform[(i, s)] + 0.5
        } else {
            0.0
        }
    })
}

#[test]
fn plain_loops_agree() {
    let options = AnalysisOptions::default();
    for (seed, (m, n)) in [(1, 2), (3, 7), (7, 3), (5, 40), (40, 20), (2, 1)]
        .into_iter()
        .enumerate()
    {
        let mut w = geometry::random_gaussian(m, n, seed as u64);
        if n > 2 {
            w.col_as_slice_mut(1).fill(0.0);
        }
        let w = w.as_ref();
        let uniform = geometry::random_uniform(n, 1, 90 + seed as u64);
        let rates: Vec<f64> = (0..n)
            .map(|i| if i % 5 == 4 { 0.0 } else { uniform[(i, 0)] })
            .collect();
        let found = activity_interference(w, Activity::Rates(&rates), &options).unwrap();
        assert_eq!(found.weighting, PairWeighting::Rates);
        assert_same(&found, naive(w, |i, j| rates[i] * rates[j], |i| rates[i]));

        let found = activity_interference(w, Activity::Unknown, &options).unwrap();
        assert_eq!(found.weighting, PairWeighting::Unweighted);
        assert_same(&found, naive(w, |_, _| 1.0, |_| 1.0));

        // Samples with few and with more active features than dimensions.
        for density in [0.1, 0.6] {
            let n_samples = 200;
            let activations = pattern(n, n_samples, density, 40 + seed as u64);
            let sets = ActiveSets::from_activations(activations.as_ref(), 0.0).unwrap();
            let share = |active: &dyn Fn(usize) -> bool| {
                (0..n_samples).filter(|&s| active(s)).count() as f64 / n_samples as f64
            };
            let on = |i: usize, s: usize| activations[(i, s)] > 0.0;
            let expected = naive(
                w,
                |i, j| share(&|s| on(i, s) && on(j, s)),
                |i| share(&|s| on(i, s)),
            );
            let found = activity_interference(w, Activity::Samples(&sets), &options).unwrap();
            assert_eq!(found.weighting, PairWeighting::Samples { n_samples });
            assert_same(&found, expected);
        }
    }
}

#[test]
fn unweighted_is_the_mean_interference() {
    let w = geometry::random_gaussian(6, 30, 3);
    let found =
        activity_interference(w.as_ref(), Activity::Unknown, &AnalysisOptions::default()).unwrap();
    assert_close(
        found.mean.unwrap(),
        mean_interference(w.as_ref()),
        Tolerance::relative(1e-12),
    );
    // Equal rates weigh all pairs alike, however rare.
    let rates = vec![1e-9; 30];
    let rare = activity_interference(
        w.as_ref(),
        Activity::Rates(&rates),
        &AnalysisOptions::default(),
    )
    .unwrap();
    assert_close(
        rare.mean.unwrap(),
        found.mean.unwrap(),
        Tolerance::relative(1e-8),
    );
    assert_close(rare.pairs, 1e-18 * 30.0 * 29.0, Tolerance::relative(1e-12));
}

/// Independent activity has the pair weights that rates claim; exclusive activity has none of them.
#[test]
fn samples_tell_independent_from_exclusive_features() {
    let w = geometry::random_gaussian(5, 12, 8);
    let (n, n_samples) = (12, 20_000);
    let options = AnalysisOptions::default().with_threads(2);
    let activations = pattern(n, n_samples, 0.3, 1);
    let sets = ActiveSets::from_activations(activations.as_ref(), 0.0).unwrap();
    let seen = activity_interference(w.as_ref(), Activity::Samples(&sets), &options).unwrap();
    let assumed = activity_interference(w.as_ref(), Activity::Rates(&[0.3; 12]), &options).unwrap();
    // 20,000 samples of some 12 * 11 * 0.09 = 12 ordered pairs, which come two at a time and not independently.
    assert_close(seen.pairs, assumed.pairs, Tolerance::relative(0.03));
    assert_close(
        seen.mean.unwrap(),
        assumed.mean.unwrap(),
        Tolerance::relative(0.03),
    );
    let one_at_a_time: Vec<[usize; 1]> = (0..n).map(|i| [i]).collect();
    let sets = ActiveSets::from_lists(n, &one_at_a_time);
    let exclusive = activity_interference(w.as_ref(), Activity::Samples(&sets), &options).unwrap();
    assert_eq!(
        (exclusive.total, exclusive.pairs, exclusive.mean),
        (0.0, 0.0, None)
    );
}

#[test]
fn rates_of_very_different_size() {
    // One feature always active, two hardly ever: their pairs with it decide.
    let w = from_columns(&[1.0, 0.0, 0.6, 0.8, 0.0, 1.0], 2, 3);
    let found = activity_interference(
        w,
        Activity::Rates(&[1.0, 1e-20, 1e-20]),
        &AnalysisOptions::default(),
    )
    .unwrap();
    assert_close(found.pairs, 4e-20, Tolerance::relative(1e-12));
    assert_close(found.mean.unwrap(), 0.18, Tolerance::relative(1e-12));
    assert_close(found.by_feature[1], 0.36, Tolerance::relative(1e-12));
    assert_close(found.by_feature[0], 0.36e-20, Tolerance::relative(1e-12));
}

#[test]
fn bad_activity_is_refused() {
    let w = geometry::random_gaussian(2, 3, 0);
    let options = AnalysisOptions::default();
    for (rate, shown) in [(1.5, "1.5"), (-0.1, "-0.1"), (f64::NAN, "NaN")] {
        let error = activity_interference(w.as_ref(), Activity::Rates(&[0.5, rate, 0.5]), &options)
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("the firing rate of feature 1 is {shown}; it must be between 0 and 1")
        );
    }
    let none = ActiveSets::from_lists::<[usize; 0]>(3, &[]);
    let error = activity_interference(w.as_ref(), Activity::Samples(&none), &options).unwrap_err();
    assert_eq!(
        error,
        AnalysisError::TooFewSamples {
            n_samples: 0,
            needed: 1
        }
    );
    let nan = Mat::from_fn(3, 2, |i, s| if (i, s) == (2, 1) { f64::NAN } else { 1.0 });
    assert!(ActiveSets::from_activations(nan.as_ref(), 0.0).is_err());
}

#[test]
#[should_panic(expected = "activity of 2 features for 3")]
fn one_rate_per_feature() {
    let w = geometry::random_gaussian(2, 3, 0);
    let _ = activity_interference(
        w.as_ref(),
        Activity::Rates(&[0.5, 0.5]),
        &AnalysisOptions::default(),
    );
}

#[test]
#[should_panic(expected = "sample 1 names feature 3 of 3")]
fn lists_name_features_that_exist() {
    let _ = ActiveSets::from_lists(3, &[vec![0], vec![3]]);
}

#[test]
fn lists_in_any_order() {
    let sets = ActiveSets::from_lists(9, &[vec![8, 0, 8, 3], vec![]]);
    assert_eq!(
        (sets.sample(0), sets.sample(1)),
        ([0, 3, 8].as_slice(), [].as_slice())
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn threads_rotations_and_permutations_change_nothing(
        (w, q, order) in (1_usize..6, 2_usize..14).prop_flat_map(|(m, n)| {
            (strategy::matrix(m, n, 0.1..1.0), strategy::rotation(m), strategy::permutation(n))
        }),
        seed in any::<u64>(),
    ) {
        let n = w.ncols();
        let sets = ActiveSets::from_activations(pattern(n, 300, 0.4, seed).as_ref(), 0.0).unwrap();
        let options = AnalysisOptions::default();
        let expected = activity_interference(w.as_ref(), Activity::Samples(&sets), &options).unwrap();
        let threaded = activity_interference(w.as_ref(), Activity::Samples(&sets), &options.with_threads(3)).unwrap();
        prop_assert_eq!(&threaded, &expected);
        let turned = geometry::rotate(q.as_ref(), w.as_ref());
        let turned = activity_interference(turned.as_ref(), Activity::Samples(&sets), &options).unwrap();
        let permuted = geometry::permute_columns(w.as_ref(), &order);
        let lists: Vec<Vec<usize>> = (0..sets.n_samples())
            .map(|s| sets.sample(s).iter().map(|i| order.iter().position(|o| o == i).unwrap()).collect())
            .collect();
        let permuted = activity_interference(permuted.as_ref(), Activity::Samples(&ActiveSets::from_lists(n, &lists)), &options).unwrap();
        for found in [turned, permuted] {
            prop_assert!(Tolerance::relative(1e-9).accepts(found.total, expected.total));
            prop_assert_eq!(found.pairs, expected.pairs);
        }
    }
}
