//! What holds for every dictionary.

use superposition_analysis::faer::Mat;
use superposition_analysis::*;
use superposition_testkit::tolerance::Tolerance;
use superposition_testkit::{geometry, proptest, strategy};

use proptest::prelude::*;

/// Enough for sums over the sizes below, of terms of order one.
fn rounding() -> Tolerance {
    Tolerance::reduction_f64(4096, 1.0)
}

/// One relative step above what the same sum in another order may give.
fn same() -> Tolerance {
    Tolerance::relative(1e-9)
}

fn all_accepted(tolerance: Tolerance, actual: &[f64], expected: &[f64]) -> bool {
    actual.len() == expected.len()
        && actual
            .iter()
            .zip(expected)
            .all(|(&a, &e)| tolerance.accepts(a, e))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn dimensionality_is_a_share(w in strategy::dictionary(9, 24)) {
        let w = w.as_ref();
        let d = feature_dimensionality(w);
        let l = leverage(w);
        prop_assert!(d.iter().all(|d| (0.0..=1.0).contains(d)), "{d:?}");
        prop_assert!(l.iter().all(|l| (0.0..=1.0).contains(l)), "{l:?}");
        for (i, (d, l)) in d.iter().zip(&l).enumerate() {
            prop_assert!(*d <= l + rounding().bound(1.0), "feature {i}: D {d} above leverage {l}");
        }
        let rank = rank(w);
        prop_assert!(rank <= w.nrows().min(w.ncols()));
        prop_assert!(rounding().accepts(l.iter().sum(), rank as f64), "{l:?} sums to {rank}");
        prop_assert!(total_dimensionality(w) <= rank as f64 + rounding().bound(1.0));
    }

    #[test]
    fn bounds_of_a_report(w in strategy::dictionary(6, 24)) {
        let w = w.as_ref();
        let report = analyze(w, &AnalysisOptions::default()).unwrap();
        let slack = rounding().bound(1.0);
        prop_assert!(report.mean_interference >= report.mean_interference_tight - slack);
        prop_assert!(report.mean_interference <= 1.0 + slack);
        prop_assert!(report.mean_interference_all <= report.mean_interference + slack);
        if let Some(tightness) = report.tightness {
            prop_assert!(tightness >= 1.0 - slack && tightness <= w.nrows() as f64 + slack, "{tightness}");
        }
        if let (Some(coherence), Some(max), Some(min)) =
            (report.coherence, report.max_cosine, report.min_cosine)
        {
            prop_assert!(coherence.value >= report.welch_bound - slack);
            prop_assert_eq!(coherence.value, max.value.max(-min.value));
            prop_assert!(coherence.i < coherence.j);
            let n = report.n_represented;
            let bound = if n <= w.nrows() + 1 { -1.0 / (n - 1) as f64 } else if n <= 2 * w.nrows() { 0.0 } else { -1.0 };
            prop_assert!(max.value >= bound - slack);
        } else {
            prop_assert!(report.n_represented < 2);
        }
        prop_assert_eq!(report.clusters.unwrap().count, report.cluster_members().len());
        let members: usize = report.cluster_members().iter().map(Vec::len).sum();
        prop_assert_eq!(members, report.n_represented);
        // The free functions are the same numbers.
        prop_assert_eq!(report.mean_interference_all.to_bits(), mean_interference(w).to_bits());
        prop_assert_eq!(report.total_dimensionality.to_bits(), total_dimensionality(w).to_bits());
        prop_assert_eq!(report.frame_potential.to_bits(), frame_potential(w).to_bits());
        prop_assert_eq!(report.tightness, tightness(w));
        prop_assert_eq!(report.coherence, coherence(w));
        prop_assert_eq!(report.max_cosine, max_cosine(w));
        prop_assert_eq!(report.min_cosine, min_cosine(w));
        prop_assert_eq!(report.clusters, Some(clusters(w, 0.5).summary()));
        prop_assert_eq!(report.n_represented, n_represented(w, 0.0));
        prop_assert_eq!(report.dimensions_per_feature, dimensions_per_feature(w));
    }

    #[test]
    fn rotation_changes_nothing(
        (w, q) in (1_usize..8, 1_usize..16).prop_flat_map(|(m, n)| {
            (strategy::matrix(m, n, 0.1..1.0), strategy::rotation(m))
        })
    ) {
        let turned = geometry::rotate(q.as_ref(), w.as_ref());
        let (w, turned) = (w.as_ref(), turned.as_ref());
        prop_assert!(all_accepted(rounding(), &feature_norms(turned), &feature_norms(w)));
        prop_assert!(all_accepted(rounding(), &feature_dimensionality(turned), &feature_dimensionality(w)));
        prop_assert!(all_accepted(rounding(), &feature_interference(turned), &feature_interference(w)));
        prop_assert!(same().accepts(frame_potential(turned), frame_potential(w)));
    }

    #[test]
    fn scale_changes_only_the_norms(w in strategy::matrix_of_any_shape(1..=7, 1..=16, -1.0..1.0), exponent in -60_i32..60) {
        // A power of two changes no bit of what is a ratio.
        let factor = 2.0_f64.powi(exponent);
        let scaled = Mat::from_fn(w.nrows(), w.ncols(), |i, j| w[(i, j)] * factor);
        let (w, scaled) = (w.as_ref(), scaled.as_ref());
        prop_assert_eq!(feature_dimensionality(scaled), feature_dimensionality(w));
        prop_assert_eq!(feature_interference(scaled), feature_interference(w));
        prop_assert_eq!(leverage(scaled), leverage(w));
        prop_assert_eq!(tightness(scaled), tightness(w));
        prop_assert_eq!(coherence(scaled), coherence(w));
        prop_assert_eq!(frame_potential(scaled), frame_potential(w) * factor.powi(4));
        let grown: Vec<f64> = feature_norms(w).iter().map(|norm| norm * factor).collect();
        prop_assert_eq!(feature_norms(scaled), grown);
    }

    #[test]
    fn permutation_permutes(
        (w, order) in (1_usize..7, 2_usize..16).prop_flat_map(|(m, n)| {
            (strategy::matrix(m, n, 0.1..1.0), strategy::permutation(n))
        })
    ) {
        let permuted = geometry::permute_columns(w.as_ref(), &order);
        let pick = |values: &[f64]| order.iter().map(|&i| values[i]).collect::<Vec<f64>>();
        let (w, permuted) = (w.as_ref(), permuted.as_ref());
        prop_assert!(all_accepted(same(), &feature_dimensionality(permuted), &pick(&feature_dimensionality(w))));
        prop_assert!(all_accepted(same(), &feature_interference(permuted), &pick(&feature_interference(w))));
        prop_assert!(all_accepted(rounding(), &leverage(permuted), &pick(&leverage(w))));
        prop_assert_eq!(coherence(permuted).unwrap().value, coherence(w).unwrap().value);
    }

    #[test]
    fn threads_change_no_bit(w in strategy::dictionary(6, 40), threads in 2_usize..5) {
        let one = analyze(w.as_ref(), &AnalysisOptions::default()).unwrap();
        let many = analyze(w.as_ref(), &AnalysisOptions::default().with_threads(threads)).unwrap();
        prop_assert_eq!(one, many);
    }

    #[test]
    fn f32_is_its_own_f64(w in strategy::matrix_of_any_shape(1..=6, 1..=12, -1.0..1.0)) {
        let single = Mat::from_fn(w.nrows(), w.ncols(), |i, j| w[(i, j)] as f32);
        let double = Mat::from_fn(w.nrows(), w.ncols(), |i, j| f64::from(single[(i, j)]));
        let options = AnalysisOptions::default();
        prop_assert_eq!(analyze(single.as_ref(), &options), analyze(double.as_ref(), &options));
    }

    #[test]
    fn orientation_is_what_the_caller_says(w in strategy::matrix_of_any_shape(1..=6, 1..=9, -1.0..1.0)) {
        let (m, n) = (w.nrows(), w.ncols());
        let by_column: Vec<f64> = (0..n).flat_map(|j| (0..m).map(move |i| (i, j))).map(|at| w[at]).collect();
        let by_row: Vec<f64> = (0..m).flat_map(|i| (0..n).map(move |j| (i, j))).map(|at| w[at]).collect();
        let options = AnalysisOptions::default();
        let expected = analyze(w.as_ref(), &options);
        prop_assert_eq!(&analyze(from_columns(&by_column, m, n), &options), &expected);
        prop_assert_eq!(&analyze(from_rows(&by_row, m, n), &options), &expected);
    }

    #[test]
    fn centered_rows_sum_to_zero(w in strategy::matrix_of_any_shape(1..=6, 1..=30, -1.0..1.0)) {
        let centered = center(w.as_ref());
        for i in 0..w.nrows() {
            let sum: f64 = (0..w.ncols()).map(|j| centered[(i, j)]).sum();
            prop_assert!(Tolerance::reduction_f64(w.ncols(), w.ncols() as f64).accepts(sum, 0.0));
        }
    }

    #[test]
    fn nothing_panics_on_nan(mut w in strategy::dictionary(4, 9), at in any::<prop::sample::Index>(), bad in strategy::not_finite()) {
        let (row, column) = (at.index(w.nrows()), at.index(w.ncols()));
        w[(row, column)] = bad;
        let w = w.as_ref();
        prop_assert!(!feature_norms(w)[column].is_finite());
        prop_assert!(check_finite(w).is_err());
        prop_assert!(analyze(w, &AnalysisOptions::default()).is_err());
        prop_assert!(leverage(w)[column].is_nan());
        prop_assert!(rank(w) < w.ncols());
        prop_assert!(mean_interference(w).is_nan() || w.ncols() == 1);
        let _ = (feature_dimensionality(w), feature_superposition(w), frame_potential(w), tightness(w));
        let _ = (coherence(w), clusters(w, 0.5), interference_ranking(w), interference_matrix(w));
        let _ = (center(w), linear_cka(w, w), linear_cka_debiased(w, w));
    }
}
