//! The measures of two dictionaries against loops, SciPy, and what must hold for any.

use superposition_analysis::faer::Mat;
use superposition_analysis::*;
use superposition_testkit::golden::{self, array, field, matrix, number, optional, vector};
use superposition_testkit::tolerance::{Tolerance, assert_all_close, assert_close};
use superposition_testkit::{geometry, oracle, proptest, strategy};

use proptest::prelude::*;

fn options(method: MatchMethod) -> MatchOptions {
    MatchOptions::default().with_method(Some(method))
}

/// Where the direct difference of two Gram matrices is a difference of squares here.
fn root_of_rounding() -> Tolerance {
    Tolerance::absolute(1e-7)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn gram_matrices_are_compared_as_by_loops(
        n in 1_usize..20,
        m in (1_usize..6, 1_usize..6),
        seed in strategy::seed(),
        scale in 0.1_f64..10.0,
    ) {
        let a = geometry::random_gaussian(m.0, n, seed);
        let b = geometry::random_gaussian(m.1, n, seed ^ 1);
        let b = geometry::with_norms(b.as_ref(), &vec![scale; n]);
        let (a, b) = (a.as_ref(), b.as_ref());
        let found = gram_comparison(a, b).unwrap();
        let (similarity, difference) = oracle::gram_comparison(a, b).unwrap();
        prop_assert!(Tolerance::relative(1e-10).accepts(found.similarity, similarity));
        prop_assert!(root_of_rounding().accepts(found.difference, difference));
        let back = gram_comparison(b, a).unwrap();
        prop_assert!(root_of_rounding().accepts(back.difference, found.difference));
    }

    /// Every method matches one to one; the optimum bounds the others and no bound is below it.
    #[test]
    fn methods_agree_where_they_must(
        a in strategy::dictionary(5, 40),
        n_b in 1_usize..40,
        seed in strategy::seed(),
        n_candidates in 1_usize..6,
        absolute in any::<bool>(),
    ) {
        let b = geometry::random_gaussian(a.nrows(), n_b, seed);
        let (a, b) = (a.as_ref(), b.as_ref());
        let sign = if absolute { CosineSign::Absolute } else { CosineSign::Signed };
        let run = |method| match_features(a, b, &options(method).with_sign(sign).with_n_candidates(n_candidates)).unwrap();
        let optimal = run(MatchMethod::Optimal);
        let back = match_features(b, a, &options(MatchMethod::Optimal).with_sign(sign)).unwrap();
        let rounding = Tolerance::absolute(1e-9);
        for matching in [run(MatchMethod::Greedy), run(MatchMethod::Sparse), optimal.clone()] {
            let [n_a, n_b] = matching.n_represented;
            prop_assert_eq!(matching.pairs.len(), n_a.min(n_b));
            prop_assert!(matching.pairs.windows(2).all(|pairs| pairs[0].a < pairs[1].a));
            let mut used: Vec<usize> = matching.pairs.iter().map(|pair| pair.b).collect();
            used.sort_unstable();
            prop_assert!(used.windows(2).all(|pair| pair[0] < pair[1]));
            let Some(mean) = matching.mean_cosine else {
                prop_assert!(n_a == 0);
                continue;
            };
            let best = optimal.mean_cosine.unwrap();
            prop_assert!(mean <= best + 1e-12);
            if let Some(bound) = matching.upper_bound {
                prop_assert!(bound >= best - 1e-12, "{bound} {best}");
            }
            if matching.method == MatchMethod::Sparse && matching.optimality_gap().unwrap() < 1e-9 {
                prop_assert!(rounding.accepts(mean, best));
            }
            prop_assert!(Tolerance::absolute(1e-12).accepts(back.mean_cosine.unwrap(), best));
            for (found, (x, y)) in matching.mean_max_cosine.into_iter().zip([(a, b), (b, a)]) {
                if !absolute {
                    prop_assert!(Tolerance::absolute(1e-9).accepts(found.unwrap(), oracle::mean_max_cosine(x, y).unwrap()));
                }
            }
            let n_shared = matching.pairs.iter().filter(|pair| pair.cosine >= 0.7).count();
            prop_assert_eq!(matching.n_shared, n_shared);
            prop_assert_eq!((matching.unmatched_a.len(), matching.unmatched_b.len()), (n_a - n_shared, n_b - n_shared));
        }
    }

    /// Rotating both hidden spaces alike changes nothing; permuting the features of one changes no unlabelled metric.
    #[test]
    fn comparisons_have_the_right_invariances(seed in strategy::seed(), n in 4_usize..16) {
        let m = 3;
        let (a, b) = (geometry::random_gaussian(m, n, seed), geometry::random_gaussian(m, n, seed ^ 1));
        let turn = geometry::random_rotation(m, seed ^ 2);
        let turned = [&a, &b].map(|w| geometry::rotate(turn.as_ref(), w.as_ref()));
        let order: Vec<usize> = (0..n).map(|i| (i + 1) % n).collect();
        let moved = geometry::permute_columns(b.as_ref(), &order);
        let none = CompareOptions::default().with_null_draws(Some(0));
        let plain = compare(a.as_ref(), b.as_ref(), &none).unwrap();
        let both = compare(turned[0].as_ref(), turned[1].as_ref(), &none).unwrap();
        let permuted = compare(a.as_ref(), moved.as_ref(), &none).unwrap();
        for metric in Metric::ALL {
            let value = |comparison: &Comparison| comparison.score(metric).value.unwrap();
            prop_assert!(root_of_rounding().accepts(value(&both), value(&plain)), "{metric}");
            let labelled = !matches!(metric, Metric::Mcc | Metric::MmcsAToB | Metric::MmcsBToA
                | Metric::SharedFraction | Metric::SubspaceOverlap
                | Metric::MatchedProcrustesSimilarity | Metric::MatchedProcrustesResidual);
            if !labelled {
                prop_assert!(root_of_rounding().accepts(value(&permuted), value(&plain)), "{metric}");
            }
            let (low, high) = metric.range();
            prop_assert!(value(&plain) <= high && low.is_none_or(|low| value(&plain) >= low), "{metric}");
        }
    }

    #[test]
    fn procrustes_finds_a_planted_rotation_and_scale(seed in strategy::seed(), scale in 0.01_f64..100.0, exponent in -30_i32..30) {
        let (m, n) = (4, 9);
        let a = geometry::random_gaussian(m, n, seed);
        let turn = geometry::random_rotation(m, seed ^ 1);
        let size = scale * 10.0_f64.powi(exponent);
        let b = geometry::with_norms(geometry::rotate(turn.as_ref(), a.as_ref()).as_ref(), &vec![size; n]);
        let found = procrustes(a.as_ref(), b.as_ref()).unwrap();
        prop_assert!(found.residual < 1e-12 && found.similarity > 1.0 - 1e-12);
        prop_assert!(Tolerance::relative(1e-12).accepts(found.scale, 1.0 / size));
        for j in 0..m {
            for i in 0..m {
                // Q undoes the turn: its transpose.
                prop_assert!(Tolerance::absolute(1e-9).accepts(found.rotation[(i, j)], turn[(j, i)]));
            }
        }
    }
}

#[test]
fn values_are_those_of_scipy() {
    let file = golden::load("comparison.json");
    let cases = array(field(&file, "pairs"));
    assert!(cases.len() >= 8);
    for case in cases {
        let (a, b) = (matrix(field(case, "a")), matrix(field(case, "b")));
        let (a, b) = (a.as_ref(), b.as_ref());
        let expected = |key| number(field(case, key));
        let mcc =
            |options: MatchOptions| match_features(a, b, &options).unwrap().mean_cosine.unwrap();
        let golden = Tolerance::golden();
        for method in [MatchMethod::Optimal, MatchMethod::Sparse] {
            assert_close(mcc(options(method)), expected("mcc"), golden);
            let absolute = options(method).with_sign(CosineSign::Absolute);
            assert_close(mcc(absolute), expected("mcc_absolute"), golden);
        }
        assert_close(
            mcc(options(MatchMethod::Greedy)),
            expected("mcc_greedy"),
            golden,
        );
        let none = CompareOptions::default().with_null_draws(Some(0));
        let comparison = compare(a, b, &none).unwrap();
        for (metric, key) in [
            (Metric::Mcc, "mcc"),
            (Metric::MmcsAToB, "mmcs_a_to_b"),
            (Metric::MmcsBToA, "mmcs_b_to_a"),
            (Metric::GramSimilarity, "gram_similarity"),
            (Metric::ProcrustesSimilarity, "procrustes_similarity"),
        ] {
            let found = comparison.score(metric);
            assert_eq!(found.value.is_some(), found.undefined.is_none());
            match optional(field(case, key)) {
                Some(expected) => assert_close(found.value.unwrap(), expected, golden),
                None => assert_eq!(found.undefined, Some(Undefined::FeatureCountsDiffer)),
            }
        }
        // What is the square root of a difference, there or here.
        for (metric, key) in [
            (Metric::GramDifference, "gram_difference"),
            (Metric::ProcrustesResidual, "procrustes_residual"),
        ] {
            if let Some(expected) = optional(field(case, key)) {
                assert_close(
                    comparison.score(metric).value.unwrap(),
                    expected,
                    root_of_rounding(),
                );
            }
        }
        if let Some(scale) = optional(field(case, "procrustes_scale")) {
            assert_close(procrustes(a, b).unwrap().scale, scale, golden);
        }
        let overlap = subspace_overlap(a, b);
        let cosines = vector(field(case, "angle_cosines"));
        assert_all_close(&overlap.cosines, &cosines, root_of_rounding());
        let squares: f64 = cosines.iter().map(|x| x * x).sum();
        assert_close(
            overlap.overlap.unwrap(),
            squares / cosines.len() as f64,
            golden,
        );
    }
}

#[test]
fn what_needs_one_space_or_one_set_of_features_says_so() {
    let (a, b) = (
        geometry::random_gaussian(3, 7, 1),
        geometry::random_gaussian(4, 7, 2),
    );
    let comparison = compare(a.as_ref(), b.as_ref(), &CompareOptions::default()).unwrap();
    assert!(comparison.matching.is_none());
    for metric in Metric::ALL {
        let score = comparison.score(metric);
        let defined = matches!(
            metric,
            Metric::GramSimilarity
                | Metric::GramDifference
                | Metric::LinearCka
                | Metric::LinearCkaDebiased
        );
        assert_eq!(score.value.is_some(), defined, "{metric}");
        assert_eq!(score.random.is_some(), defined, "{metric}");
        assert!(defined || score.undefined == Some(Undefined::HiddenDimensionsDiffer));
    }
    assert_eq!(comparison.verdict(), Some(Verdict::Unrelated));
    // The same features seen in a larger space.
    let axes = geometry::random_rotation(9, 4);
    let embedded = geometry::rotate(axes.subcols(0, 3), a.as_ref());
    let comparison = compare(a.as_ref(), embedded.as_ref(), &CompareOptions::default()).unwrap();
    assert_eq!(comparison.verdict(), Some(Verdict::DifferentBases));
}

#[test]
fn dictionaries_of_nothing() {
    let (zero, one) = (Mat::<f64>::zeros(3, 4), geometry::random_gaussian(3, 4, 1));
    let comparison = compare(zero.as_ref(), one.as_ref(), &CompareOptions::default()).unwrap();
    for metric in Metric::ALL {
        let score = comparison.score(metric);
        assert_eq!(
            (score.value, score.undefined),
            (None, Some(Undefined::Degenerate)),
            "{metric}"
        );
    }
    let matching = comparison.matching.as_ref().unwrap();
    assert_eq!(matching.n_represented, [0, 4]);
    assert_eq!(matching.unmatched_b, [0, 1, 2, 3]);
    assert_eq!(comparison.verdict(), None);
    assert_eq!(subspace_overlap(zero.as_ref(), one.as_ref()).overlap, None);
    let empty = Mat::<f64>::zeros(3, 0);
    let error = compare(empty.as_ref(), one.as_ref(), &CompareOptions::default()).unwrap_err();
    assert_eq!(
        error,
        AnalysisError::Empty {
            n_features: 0,
            n_hidden: 3
        }
    );
    // One feature in one dimension, as alike as can be or not at all.
    let (up, down) = (
        Mat::from_fn(1, 1, |_, _| 2.0),
        Mat::from_fn(1, 1, |_, _| -1e-300),
    );
    let none = CompareOptions::default().with_null_draws(Some(0));
    let same = compare(up.as_ref(), up.as_ref(), &none).unwrap();
    assert_eq!(same.score(Metric::Mcc).value, Some(1.0));
    let opposite = compare(up.as_ref(), down.as_ref(), &none).unwrap();
    assert_eq!(opposite.score(Metric::Mcc).value, Some(-1.0));
    // A reflection makes them one.
    let reflected = opposite.score(Metric::ProcrustesSimilarity).value.unwrap();
    assert_close(reflected, 1.0, Tolerance::ulps_f64(4));
}

#[test]
fn options_out_of_range_and_values_that_are_none_are_refused() {
    let w = geometry::random_gaussian(2, 3, 1);
    let w = w.as_ref();
    let base = MatchOptions::default();
    for (options, name) in [
        (base.with_min_norm([0.0, -1.0]), "min_norm"),
        (base.with_min_norm([f64::NAN, 0.0]), "min_norm"),
        (base.with_shared_cosine(1.5), "shared_cosine"),
        (base.with_n_candidates(0), "n_candidates"),
        (base.with_threads(0), "threads"),
    ] {
        for error in [
            match_features(w, w, &options).unwrap_err(),
            compare(w, w, &CompareOptions::default().with_matching(options)).unwrap_err(),
        ] {
            assert!(error.to_string().contains(name), "{error}");
        }
    }
    let mut broken = w.to_owned();
    broken[(1, 2)] = f64::NAN;
    for error in [
        match_features(w, broken.as_ref(), &base).unwrap_err(),
        compare(broken.as_ref(), w, &CompareOptions::default()).unwrap_err(),
    ] {
        assert!(matches!(
            error,
            AnalysisError::NotFinite {
                row: 1,
                column: 2,
                ..
            }
        ));
    }
}

#[test]
#[should_panic(expected = "2 x 3 and 4 x 3")]
fn hidden_spaces_of_different_size_are_not_matched() {
    let (a, b) = (
        geometry::random_gaussian(2, 3, 1),
        geometry::random_gaussian(4, 3, 1),
    );
    let _ = match_features(a.as_ref(), b.as_ref(), &MatchOptions::default());
}

/// A dictionary whose candidates all compete for few features: copies of one direction, beside others.
#[test]
fn the_sparse_matching_gets_out_of_crowds() {
    let (m, n) = (6, 120);
    let a = geometry::random_gaussian(m, n, 1);
    let crowd = |w: &Mat<f64>, size: usize| {
        Mat::from_fn(m, n, |i, j| if j < size { w[(i, 0)] } else { w[(i, j)] })
    };
    let b = geometry::random_gaussian(m, n, 2);
    for (a, b) in [
        (crowd(&a, 100), crowd(&a, 100)),
        (crowd(&a, 60), b.clone()),
        (crowd(&a, n), crowd(&b, n)),
    ] {
        let few = options(MatchMethod::Sparse).with_n_candidates(4);
        let sparse = match_features(a.as_ref(), b.as_ref(), &few).unwrap();
        let optimal =
            match_features(a.as_ref(), b.as_ref(), &options(MatchMethod::Optimal)).unwrap();
        let (found, best) = (sparse.mean_cosine.unwrap(), optimal.mean_cosine.unwrap());
        assert!(found <= best + 1e-12 && sparse.upper_bound.unwrap() >= best - 1e-12);
        assert!(
            sparse.optimality_gap().unwrap() < 1e-6,
            "{:?}",
            sparse.optimality_gap()
        );
    }
}

#[test]
fn threads_change_no_bit() {
    let (a, b) = (
        geometry::random_gaussian(6, 1200, 1),
        geometry::random_gaussian(6, 1100, 2),
    );
    for method in [MatchMethod::Greedy, MatchMethod::Sparse] {
        let run = |threads| {
            match_features(
                a.as_ref(),
                b.as_ref(),
                &options(method).with_threads(threads),
            )
            .unwrap()
        };
        assert_eq!(run(1), run(3));
    }
}
