//! Dictionaries whose numbers are known in closed form.

use superposition_analysis::faer::Mat;
use superposition_analysis::*;
use superposition_testkit::geometry;
use superposition_testkit::tolerance::{Tolerance, assert_all_close, assert_close};

/// A handful of operations on numbers of order one.
fn rounding() -> Tolerance {
    Tolerance::reduction_f64(64, 1.0)
}

fn assert_dimensionality(w: &Mat<f64>, expected: f64) {
    let n = w.ncols();
    assert_all_close(
        &feature_dimensionality(w.as_ref()),
        &vec![expected; n],
        rounding(),
    );
    assert_close(
        total_dimensionality(w.as_ref()),
        n as f64 * expected,
        Tolerance::reduction_f64(64, n as f64),
    );
}

#[test]
fn dimensionality_of_polytopes() {
    assert_dimensionality(&geometry::digon(), 1.0 / 2.0);
    assert_dimensionality(&geometry::polygon(3), 2.0 / 3.0);
    assert_dimensionality(&geometry::tetrahedron(), 3.0 / 4.0);
    assert_dimensionality(&geometry::polygon(5), 2.0 / 5.0);
    assert_dimensionality(&geometry::square_antiprism(), 3.0 / 8.0);
    assert_dimensionality(&geometry::cube(), 3.0 / 8.0);
    assert_dimensionality(&geometry::orthoplex(4), 1.0 / 2.0);
}

#[test]
fn unit_norm_tight_frames() {
    for (n, m) in [(2, 1), (5, 2), (7, 3), (9, 9), (16, 5), (40, 12)] {
        let w = geometry::tight_frame(n, m);
        assert_dimensionality(&w, m as f64 / n as f64);
        let w = w.as_ref();
        assert_close(
            mean_interference(w),
            mean_interference_tight(n, m),
            rounding(),
        );
        assert_close(tightness(w).unwrap(), 1.0, rounding());
        assert_all_close(&leverage(w), &vec![m as f64 / n as f64; n], rounding());
        assert_eq!(rank(w), m);
        let potential = (n * n) as f64 / m as f64;
        assert_close(
            frame_potential(w),
            potential,
            Tolerance::reduction_f64(64, potential),
        );
    }
}

#[test]
fn simplices_reach_the_welch_bound() {
    for k in 2..9 {
        let w = geometry::simplex(k);
        let w = w.as_ref();
        let (n, m) = (w.ncols(), w.nrows());
        assert_close(coherence(w).unwrap().value, welch_bound(n, m), rounding());
        assert_close(max_cosine(w).unwrap().value, -1.0 / m as f64, rounding());
    }
}

#[test]
fn pentagon_by_hand() {
    let w = geometry::polygon(5);
    let w = w.as_ref();
    let report = analyze(w, &AnalysisOptions::default()).unwrap();
    assert_close(
        report.max_cosine.unwrap().value,
        (5.0_f64.sqrt() - 1.0) / 4.0,
        rounding(),
    );
    assert_close(
        report.coherence.unwrap().value,
        (5.0_f64.sqrt() + 1.0) / 4.0,
        rounding(),
    );
    assert_close(
        report.min_cosine.unwrap().value,
        -(5.0_f64.sqrt() + 1.0) / 4.0,
        rounding(),
    );
    assert_close(report.mean_interference, 3.0 / 8.0, rounding());
    assert_eq!(report.mean_interference_chance, 0.5);
    assert_eq!(
        report.dimensions_per_feature.map(|d| (d * 1e9).round()),
        Some(4e8)
    );
    assert_close(report.superposition_score(), 2.5, Tolerance::bits());
}

#[test]
fn sign_blind_numbers_and_the_signed_ones_beside_them() {
    let options = AnalysisOptions::default();
    let opposed = analyze(from_columns(&[1.0, 0.0, -1.0, 0.0], 2, 2), &options).unwrap();
    let doubled = analyze(from_columns(&[1.0, 0.0, 1.0, 0.0], 2, 2), &options).unwrap();
    assert_eq!(opposed.mean_interference, doubled.mean_interference);
    assert_eq!(opposed.coherence, doubled.coherence);
    assert_eq!(opposed.frame_potential, doubled.frame_potential);
    assert_eq!(opposed.max_cosine.unwrap().value, -1.0);
    assert_eq!(doubled.max_cosine.unwrap().value, 1.0);
}

#[test]
fn a_single_feature() {
    let report = analyze(
        from_columns(&[3.0_f32, 4.0], 2, 1),
        &AnalysisOptions::default(),
    )
    .unwrap();
    assert_eq!(report.mean_interference, 0.0);
    assert_eq!(report.mean_interference_all, 0.0);
    assert_eq!(report.mean_interference_tight, 0.0);
    assert_eq!(report.welch_bound, 0.0);
    assert_eq!(report.coherence, None);
    assert_eq!(report.max_cosine, None);
    assert_eq!(report.min_cosine, None);
    assert_eq!(report.total_dimensionality, 1.0);
    assert_eq!(report.tightness, Some(2.0));
    let row = report.features[0];
    assert_eq!((row.norm, row.nearest, row.most_opposed), (5.0, None, None));
    assert_eq!((row.max_cosine, row.cluster), (None, Some(0)));
    assert_eq!(
        (
            report.clusters.unwrap().count,
            report.clusters.unwrap().multi
        ),
        (1, 0)
    );
}

#[test]
fn a_zero_matrix() {
    let w = from_columns(&[0.0; 6], 2, 3);
    let report = analyze(w, &AnalysisOptions::default()).unwrap();
    assert_eq!((report.n_features, report.n_represented), (3, 0));
    assert_eq!(report.dimensions_per_feature, None);
    assert_eq!(report.tightness, None);
    assert_eq!(report.frame_potential, 0.0);
    assert_eq!(report.total_dimensionality, 0.0);
    assert_eq!(report.mean_interference, 0.0);
    assert_eq!(report.coherence, None);
    assert_eq!(report.clusters.unwrap().count, 0);
    assert_eq!(report.clusters.unwrap().largest, 0);
    assert!(report.features.iter().all(|row| row.cluster.is_none()));
    assert_eq!(leverage(w), [0.0; 3]);
    assert_eq!(rank(w), 0);
}

#[test]
fn features_below_min_norm_take_part_in_no_pair() {
    // A digon of norm 1, and two dead features along its axis.
    let w = from_columns(&[1.0, 0.0, 0.01, 0.0, -1.0, 0.0, 0.02, 0.0], 2, 4);
    let options = AnalysisOptions::default().with_min_norm(0.5);
    let report = analyze(w, &options).unwrap();
    assert_eq!(report.n_represented, 2);
    assert_eq!(report.mean_interference, 1.0);
    assert_eq!(report.mean_interference_all, 1.0);
    assert_eq!(report.max_cosine.unwrap().value, -1.0);
    assert_eq!(report.max_cosine.map(|p| (p.i, p.j)), Some((0, 2)));
    assert_eq!(report.features[0].nearest, Some(2));
    assert_eq!(report.features[1].nearest, None);
    assert_eq!(report.features[1].mean_interference, 0.0);
    assert_eq!(report.features[1].cluster, None);
    assert_eq!(report.features[2].cluster, Some(0));
    // The norm-weighted numbers count all four.
    assert_close(report.frobenius_sq, 2.0005, rounding());
    assert!(report.features[1].dimensionality > 0.0);
    // And without the threshold nothing is left out.
    let all = analyze(w, &AnalysisOptions::default()).unwrap();
    assert_eq!(all.n_represented, 4);
    assert_eq!(all.features[1].nearest, Some(0));
}

#[test]
fn spectrum_of_a_layer() {
    // Singular values 3 and 4: the entropy of (3/7, 4/7), and 25^2 / (81 + 256).
    let weight = from_rows(&[3.0, 0.0, 0.0, 0.0, 0.0, 4.0], 2, 3);
    let summary = layer_summary(weight, Features::Columns, &AnalysisOptions::default()).unwrap();
    assert_all_close(&summary.singular_values, &[4.0, 3.0], rounding());
    let entropy = -(3.0_f64 / 7.0) * (3.0_f64 / 7.0).ln() - (4.0_f64 / 7.0) * (4.0_f64 / 7.0).ln();
    assert_close(summary.effective_rank.unwrap(), entropy.exp(), rounding());
    assert_close(
        summary.participation_ratio.unwrap(),
        625.0 / 337.0,
        rounding(),
    );
    assert_eq!(summary.rank, 2);
    assert_eq!(summary.geometry.n_represented, 2);
    let zero = from_rows(&[0.0_f32; 4], 2, 2);
    let summary = layer_summary(zero, Features::Rows, &AnalysisOptions::default()).unwrap();
    assert_eq!((summary.rank, summary.effective_rank), (0, None));
    assert_eq!(summary.participation_ratio, None);
}
