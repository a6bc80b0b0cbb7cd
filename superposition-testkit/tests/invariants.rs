//! The oracles on random and awkward dictionaries, and the strategies that make them.

use superposition_testkit::proptest::prelude::*;
use superposition_testkit::tolerance::Tolerance;
use superposition_testkit::{geometry, oracle, strategy};

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// 0 <= D_i <= 1, sum D_i <= rank, D_i <= leverage; the frame potential and Welch bounds.
    #[test]
    fn bounds(w in strategy::matrix_of_any_shape(1..=6, 1..=9, -1.0..1.0)) {
        let (w, m, n) = (w.as_ref(), w.nrows() as f64, w.ncols() as f64);
        let d = oracle::feature_dimensionality(w);
        let leverage = oracle::leverage(w);
        let rounding = 1e-9;
        for (d, l) in d.iter().zip(&leverage) {
            prop_assert!(*d >= 0.0 && *d <= 1.0 && *d <= l + rounding, "D {d}, leverage {l}");
        }
        let rank = oracle::rank(w) as f64;
        prop_assert!(d.iter().sum::<f64>() <= rank + rounding);
        prop_assert!(Tolerance::absolute(rounding).accepts(leverage.iter().sum(), rank));
        prop_assert!(oracle::tightness(w).is_none_or(|t| t >= 1.0 - rounding));
        if let Some((coherence, i, j)) = oracle::coherence(w) {
            prop_assert!(i < j);
            let welch = ((n - m) / (m * (n - 1.0))).max(0.0).sqrt();
            // The bound is for unit vectors; zero columns have cosine 0.
            if oracle::feature_norms(w).iter().all(|&norm| norm > 0.0) {
                prop_assert!(coherence >= welch - rounding, "coherence {coherence}, Welch {welch}");
            }
        }
    }

    /// Nothing is NaN for zero, repeated, opposite and wildly scaled columns, and D stays in [0, 1].
    #[test]
    fn awkward_dictionaries(w in strategy::dictionary(5, 8)) {
        let w = w.as_ref();
        for d in oracle::feature_dimensionality(w) {
            prop_assert!((0.0..=1.0).contains(&d), "D {d}");
        }
        for value in oracle::feature_interference(w) {
            prop_assert!((0.0..=1.0 + 1e-12).contains(&value), "mean interference {value}");
        }
        let labels = oracle::clusters(w, 0.5);
        for (i, &label) in labels.iter().enumerate() {
            prop_assert!(label <= labels[..i].iter().max().map_or(0, |top| top + 1), "labels {labels:?}");
        }
    }

    /// Turning the hidden space and permuting features change nothing but the order.
    #[test]
    fn invariances(
        w in strategy::matrix(3, 6, -1.0..1.0),
        q in strategy::rotation(3),
        permutation in strategy::permutation(6),
    ) {
        let tol = Tolerance::absolute(1e-9);
        let d = oracle::feature_dimensionality(w.as_ref());
        let turned = geometry::rotate(q.as_ref(), w.as_ref());
        let permuted = geometry::permute_columns(w.as_ref(), &permutation);
        let d_turned = oracle::feature_dimensionality(turned.as_ref());
        let d_permuted = oracle::feature_dimensionality(permuted.as_ref());
        for i in 0..6 {
            prop_assert!(tol.accepts(d_turned[i], d[i]));
            prop_assert!(tol.accepts(d_permuted[i], d[permutation[i]]));
        }
    }

    /// `oracle::linear_cka` is 1 for a rotated copy and at most 1 for anything.
    #[test]
    fn cka(a in strategy::matrix(3, 7, -1.0..1.0), b in strategy::matrix(2, 7, -1.0..1.0), q in strategy::rotation(3)) {
        let turned = geometry::rotate(q.as_ref(), a.as_ref());
        if let Some(same) = oracle::linear_cka(a.as_ref(), turned.as_ref()) {
            prop_assert!(Tolerance::absolute(1e-9).accepts(same, 1.0));
        }
        if let Some(other) = oracle::linear_cka(a.as_ref(), b.as_ref()) {
            prop_assert!((-1e-12..=1.0 + 1e-12).contains(&other), "CKA {other}");
        }
    }

    /// The strategies keep their word.
    #[test]
    fn strategies(
        w in strategy::matrix_of_any_shape(1..=3, 2..=4, -2.0..2.0),
        p in strategy::probabilities(5),
        f32s in strategy::finite_f32(),
        f64s in strategy::finite_f64(),
        bad in strategy::not_finite(),
        permutation in strategy::permutation(8),
        length in strategy::lane_edge(),
        weights in strategy::importance(4),
    ) {
        prop_assert!((1..=3).contains(&w.nrows()) && (2..=4).contains(&w.ncols()));
        prop_assert!(p.len() == 5 && p.iter().all(|p| (0.0..=1.0).contains(p)));
        prop_assert!(f32s.is_finite() && f64s.is_finite() && !bad.is_finite());
        let mut sorted = permutation;
        sorted.sort_unstable();
        prop_assert_eq!(sorted, (0..8).collect::<Vec<_>>());
        prop_assert!(strategy::LANE_EDGES.contains(&length));
        prop_assert!(weights.len() == 4 && weights.iter().all(|i| *i >= 0.0));
    }
}
