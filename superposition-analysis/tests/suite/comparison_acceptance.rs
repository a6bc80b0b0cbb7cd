//! What a comparison must say of a permuted, a rotated, a noisy, a partly shared and an unrelated copy.

use superposition_analysis::faer::Mat;
use superposition_analysis::*;
use superposition_testkit::geometry;
use superposition_testkit::tolerance::{Tolerance, assert_close};

const M: usize = 12;
const N: usize = 60;

fn dictionary(seed: u64) -> Mat<f64> {
    geometry::random_gaussian(M, N, seed)
}

fn compared(a: &Mat<f64>, b: &Mat<f64>) -> Comparison {
    compare(
        a.as_ref(),
        b.as_ref(),
        &CompareOptions::default().with_seed(1),
    )
    .unwrap()
}

fn value(comparison: &Comparison, metric: Metric) -> f64 {
    comparison.score(metric).value.unwrap()
}

fn rounding() -> Tolerance {
    Tolerance::absolute(1e-12)
}

/// Above the 95 % quantiles of both baselines.
fn beats_chance(comparison: &Comparison, metric: Metric) -> bool {
    let score = comparison.score(metric);
    let nulls = [score.random.unwrap(), score.rotated.unwrap()];
    nulls
        .iter()
        .all(|null| score.value.unwrap() > null.quantile_95)
}

#[test]
fn a_permuted_copy_is_matched_feature_by_feature() {
    let a = dictionary(1);
    let order: Vec<usize> = (0..N).map(|i| (7 * i + 3) % N).collect();
    let b = geometry::permute_columns(a.as_ref(), &order);
    let comparison = compared(&a, &b);
    assert_eq!(comparison.verdict(), Some(Verdict::Permuted));
    for metric in [
        Metric::Mcc,
        Metric::MmcsAToB,
        Metric::MmcsBToA,
        Metric::SharedFraction,
        Metric::MatchedProcrustesSimilarity,
    ] {
        assert_close(value(&comparison, metric), 1.0, rounding());
    }
    let matching = comparison.matching.as_ref().unwrap();
    assert_eq!(matching.pairs.len(), N);
    assert!(matching.pairs.iter().all(|pair| order[pair.b] == pair.a));
    assert!(matching.unmatched_a.is_empty() && matching.unmatched_b.is_empty());
    // With labels taken at their word it is no longer the same.
    let gram = comparison.score(Metric::GramSimilarity);
    assert!(gram.value.unwrap() < gram.random.unwrap().max + 0.1);
}

#[test]
fn a_rotated_copy_has_another_basis() {
    let a = dictionary(2);
    let mut beyond = 0;
    for seed in 0..20 {
        let turn = geometry::random_rotation(M, 300 + seed);
        let b = geometry::rotate(turn.as_ref(), a.as_ref());
        let comparison = compared(&a, &b);
        assert_eq!(comparison.verdict(), Some(Verdict::DifferentBases));
        beyond += usize::from(beats_chance(&comparison, Metric::Mcc));
        for metric in [
            Metric::GramSimilarity,
            Metric::LinearCka,
            Metric::LinearCkaDebiased,
            Metric::ProcrustesSimilarity,
        ] {
            assert_close(value(&comparison, metric), 1.0, rounding());
            let random = comparison.score(metric).random.unwrap();
            assert!(random.max < 0.7, "{metric}: {random:?}");
        }
        assert!(value(&comparison, Metric::GramDifference) < 2e-8);
        assert!(value(&comparison, Metric::ProcrustesResidual) < 1e-12);
    }
    assert_at_chance(beyond);
}

/// Of 20 values that are draws of the baseline themselves, few are above the 95 % quantile of 20 others: binomial with p near 0.07.
fn assert_at_chance(beyond: usize) {
    assert!(beyond <= 6, "{beyond} of 20");
}

#[test]
fn the_dictionary_itself_and_a_noisy_copy_have_the_same_basis() {
    let a = dictionary(4);
    let noise = dictionary(5);
    let noisy = Mat::from_fn(M, N, |i, j| a[(i, j)] + 0.1 * noise[(i, j)]);
    for b in [&a, &noisy] {
        let comparison = compared(&a, b);
        assert_eq!(comparison.verdict(), Some(Verdict::SameBasis));
        let matching = comparison.matching.as_ref().unwrap();
        assert!(matching.pairs.iter().all(|pair| pair.a == pair.b));
    }
}

#[test]
fn unrelated_dictionaries_are_what_chance_gives() {
    let mut beyond = 0;
    for seed in 0..20 {
        let comparison = compared(&dictionary(100 + seed), &dictionary(200 + seed));
        assert_eq!(
            comparison.verdict(),
            Some(Verdict::Unrelated),
            "seed {seed}"
        );
        beyond += usize::from(beats_chance(&comparison, Metric::Mcc));
        // Far from 0 although there is nothing in common.
        assert!(value(&comparison, Metric::Mcc) > 0.4);
    }
    assert_at_chance(beyond);
}

#[test]
fn a_third_of_the_features_in_common_is_partly_shared() {
    let (a, other) = (dictionary(6), dictionary(7));
    let b = Mat::from_fn(M, N, |i, j| {
        if j % 3 == 0 {
            a[(i, (j + 5) % N)]
        } else {
            other[(i, j)]
        }
    });
    let comparison = compared(&a, &b);
    assert_eq!(comparison.verdict(), Some(Verdict::PartlyShared));
    assert!(comparison.matching.as_ref().unwrap().n_shared >= N / 3);
}

#[test]
fn more_features_in_one_are_no_obstacle() {
    let a = dictionary(8);
    // Every other feature of A, in reverse order.
    let order: Vec<usize> = (0..N).rev().step_by(2).collect();
    let b = geometry::permute_columns(a.as_ref(), &order);
    let comparison = compared(&a, &b);
    assert_eq!(comparison.verdict(), Some(Verdict::Permuted));
    assert_close(value(&comparison, Metric::Mcc), 1.0, rounding());
    assert_close(value(&comparison, Metric::MmcsBToA), 1.0, rounding());
    assert!(value(&comparison, Metric::MmcsAToB) < 0.95);
    let labelled = comparison.score(Metric::GramSimilarity);
    assert_eq!(
        (labelled.value, labelled.undefined),
        (None, Some(Undefined::FeatureCountsDiffer))
    );
    assert_eq!(
        comparison.matching.as_ref().unwrap().unmatched_a.len(),
        N / 2
    );
}

/// Chance must not pass for agreement in few dimensions, where every direction is near some other.
#[test]
fn pentagons_turned_by_an_angle_are_no_permutation() {
    let a = geometry::polygon(5);
    let angle = std::f64::consts::PI / 11.0;
    let turn = Mat::from_fn(2, 2, |i, j| match (i, j) {
        (0, 1) => -angle.sin(),
        (1, 0) => angle.sin(),
        _ => angle.cos(),
    });
    let b = geometry::rotate(turn.as_ref(), a.as_ref());
    // The third corner becomes the first, so that no label hides it.
    let order = [2, 3, 4, 0, 1];
    let moved = geometry::permute_columns(b.as_ref(), &order);
    let comparison = compared(&a, &moved);
    assert_close(value(&comparison, Metric::Mcc), angle.cos(), rounding());
    assert_eq!(comparison.verdict(), Some(Verdict::DifferentBases));
}

#[test]
fn equal_seeds_and_any_threads_give_equal_comparisons() {
    let (a, b) = (dictionary(9), dictionary(10));
    let run = |seed, threads| {
        let matching = MatchOptions::default()
            .with_threads(threads)
            .with_method(Some(MatchMethod::Sparse));
        let options = CompareOptions::default()
            .with_matching(matching)
            .with_null_draws(Some(3))
            .with_seed(seed);
        compare(a.as_ref(), b.as_ref(), &options).unwrap()
    };
    assert_eq!(run(5, 1), run(5, 2));
    let (five, six) = (run(5, 1), run(6, 1));
    assert_eq!(five.score(Metric::Mcc).value, six.score(Metric::Mcc).value);
    assert_ne!(
        five.score(Metric::Mcc).random,
        six.score(Metric::Mcc).random
    );
    assert_eq!(run(5, 1).null_draws, 3);
}

#[test]
fn without_draws_there_is_no_verdict() {
    let a = dictionary(11);
    let options = CompareOptions::default().with_null_draws(Some(0));
    let comparison = compare(a.as_ref(), a.as_ref(), &options).unwrap();
    assert_eq!(comparison.verdict(), None);
    assert_eq!(comparison.score(Metric::Mcc).random, None);
}

#[test]
fn the_features_of_several_seeds() {
    let (a, b) = (dictionary(12), dictionary(13));
    let order: Vec<usize> = (0..N).rev().collect();
    let c = geometry::permute_columns(a.as_ref(), &order);
    let options = MatchOptions::default();
    let found = pairwise_mcc(&[a.as_ref(), b.as_ref(), c.as_ref()], &options).unwrap();
    let of = |x: &Mat<f64>, y: &Mat<f64>| {
        match_features(x.as_ref(), y.as_ref(), &options)
            .unwrap()
            .mean_cosine
            .unwrap()
    };
    let expected = (of(&a, &b) + 1.0 + of(&b, &c)) / 3.0;
    assert_close(found.mean.unwrap(), expected, rounding());
    assert_eq!(found.pairs.len(), 3);
    assert_eq!(pairwise_mcc(&[a.as_ref()], &options).unwrap().mean, None);
}
