//! Controls: what has no structure must not look as if it had.

use superposition_analysis::faer::Mat;
use superposition_analysis::*;
use superposition_testkit::geometry;
use superposition_testkit::tolerance::Tolerance;

#[test]
fn a_random_matrix_is_not_a_tight_frame() {
    let (m, n) = (20, 100);
    let w = geometry::random_gaussian(m, n, 11);
    let report = analyze(w.as_ref(), &AnalysisOptions::default()).unwrap();
    assert!(report.tightness.unwrap() > 1.05);
    assert!(report.mean_interference > 1.1 * report.mean_interference_tight);
    // Its interference is that of chance: the mean of n(n-1)/2 values of cos^2 with variance 2 (m-1) / (m^2 (m+2)).
    let (m, n) = (m as f64, n as f64);
    let variance = 2.0 * (m - 1.0) / (m * m * (m + 2.0));
    let standard_error = (variance / (n * (n - 1.0) / 2.0)).sqrt();
    let chance = Tolerance::statistical(4.0, standard_error);
    assert!(chance.accepts(report.mean_interference, report.mean_interference_chance));
    assert!(!chance.accepts(report.mean_interference, report.mean_interference_tight));
    assert!(report.coherence.unwrap().value > 1.5 * report.welch_bound);
}

#[test]
fn an_untrained_w_is_not_a_pentagon() {
    let is_pentagon = |w: &Mat<f64>| {
        feature_dimensionality(w.as_ref())
            .iter()
            .all(|&d| Tolerance::absolute(0.01).accepts(d, 0.4))
    };
    assert!(is_pentagon(&geometry::polygon(5)));
    for seed in 0..200 {
        assert!(
            !is_pentagon(&geometry::random_gaussian(2, 5, seed)),
            "seed {seed}"
        );
    }
}

#[test]
fn orthogonal_features_show_no_superposition() {
    // As many features as dimensions, as a dense model learns them.
    let w = geometry::random_rotation(12, 3);
    let report = analyze(w.as_ref(), &AnalysisOptions::default()).unwrap();
    assert_eq!(report.superposition_score(), 1.0);
    assert!(report.mean_interference < 1e-30);
    assert!(
        report
            .features
            .iter()
            .all(|row| row.dimensionality > 1.0 - 1e-12)
    );
    assert_eq!(report.clusters.unwrap().multi, 0);
}

#[test]
fn dead_features_do_not_score() {
    // The fault of the library this one replaces: it counted dead features and gave 5.
    let dead = geometry::random_gaussian(20, 100, 4);
    let norms: Vec<f64> = (0..100).map(|i| if i < 16 { 1.0 } else { 1e-3 }).collect();
    let units = unit_directions(dead.as_ref());
    let w = geometry::with_norms(units.as_ref(), &norms);
    assert_eq!(superposition_score(w.as_ref(), 0.5), 0.8);
    assert_eq!(superposition_score(w.as_ref(), 0.0), 5.0);
}

#[test]
fn cka_of_permuted_items_is_below_one() {
    let a = geometry::random_gaussian(4, 60, 6);
    let order: Vec<usize> = (0..60).map(|j| (j * 7 + 1) % 60).collect();
    let permuted = geometry::permute_columns(a.as_ref(), &order);
    let cka = linear_cka(a.as_ref(), permuted.as_ref()).unwrap();
    assert!(cka < 0.5, "{cka}");
    let debiased = linear_cka_debiased(a.as_ref(), permuted.as_ref()).unwrap();
    assert!(debiased.abs() < 0.2, "{debiased}");
    assert!(debiased < cka);
}

#[test]
fn a_common_direction_is_taken_for_interference_until_it_is_removed() {
    let noise = geometry::random_gaussian(30, 200, 9);
    let shifted = Mat::from_fn(30, 200, |i, j| noise[(i, j)] + 5.0);
    let before = mean_interference(shifted.as_ref());
    let after = mean_interference(center(shifted.as_ref()).as_ref());
    assert!(before > 0.8, "{before}");
    assert!(after < 2.0 / 30.0, "{after}");
}
