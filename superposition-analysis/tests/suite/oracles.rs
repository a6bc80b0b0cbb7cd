//! Plain loops in f64 against every implementation, at sizes around lanes and blocks.

use superposition_analysis::faer::{Mat, MatRef};
use superposition_analysis::*;
use superposition_testkit::tolerance::{
    Tolerance, assert_all_close, assert_close, assert_matrix_close,
};
use superposition_testkit::{geometry, oracle};

/// Random dictionaries on both sides of n = m, around lane widths, and beyond the blocks of 128 and 512 features and of 64 rows.
fn dictionaries() -> Vec<Mat<f64>> {
    [
        (1, 1),
        (1, 2),
        (2, 1),
        (3, 7),
        (7, 3),
        (8, 8),
        (8, 9),
        (15, 17),
        (16, 33),
        (63, 130),
        (65, 66),
        (130, 64),
        (140, 129),
        (5, 513),
        (4, 600),
    ]
    .into_iter()
    .enumerate()
    .map(|(seed, (m, n))| geometry::random_gaussian(m, n, seed as u64))
    .collect()
}

/// The promise of the sums through the frame operator.
fn sums() -> Tolerance {
    Tolerance::relative(1e-8)
}

fn cosine_rounding(w: MatRef<'_, f64>) -> Tolerance {
    Tolerance::reduction_f64(4 * w.nrows().max(16), 1.0)
}

#[test]
fn norms_and_cosines() {
    for w in &dictionaries() {
        let w = w.as_ref();
        assert_all_close(
            &feature_norms(w),
            &oracle::feature_norms(w),
            Tolerance::relative(1e-13),
        );
        assert_matrix_close(
            unit_directions(w).as_ref(),
            oracle::unit_directions(w).as_ref(),
            cosine_rounding(w),
        );
        assert_matrix_close(
            cosines(w).as_ref(),
            oracle::cosines(w).as_ref(),
            cosine_rounding(w),
        );
        assert_matrix_close(
            interference_matrix(w).as_ref(),
            oracle::interference(w).as_ref(),
            cosine_rounding(w),
        );
    }
}

#[test]
fn sums_over_pairs() {
    for w in &dictionaries() {
        let w = w.as_ref();
        assert_all_close(
            &feature_interference(w),
            &oracle::feature_interference(w),
            sums(),
        );
        assert_close(mean_interference(w), oracle::mean_interference(w), sums());
        assert_all_close(
            &feature_dimensionality(w),
            &oracle::feature_dimensionality(w),
            sums(),
        );
        assert_all_close(
            &feature_superposition(w),
            &oracle::feature_superposition(w),
            sums(),
        );
        assert_close(frame_potential(w), oracle::frame_potential(w), sums());
        assert_close(tightness(w).unwrap(), oracle::tightness(w).unwrap(), sums());
        assert_close(
            dimensions_per_feature(w).unwrap(),
            oracle::dimensions_per_feature(w).unwrap(),
            sums(),
        );
        let frame = oracle::frame_operator(w);
        let scale = (0..w.nrows()).map(|i| frame[(i, i)]).fold(0.0, f64::max);
        assert_matrix_close(
            frame_operator(w).as_ref(),
            frame.as_ref(),
            Tolerance::reduction_f64(w.ncols(), scale),
        );
    }
}

#[test]
fn leverage_and_rank() {
    for w in &dictionaries() {
        let w = w.as_ref();
        assert_all_close(
            &leverage(w),
            &oracle::leverage(w),
            Tolerance::absolute(1e-9),
        );
        assert_eq!(rank(w), oracle::rank(w));
    }
    // Planted rank: a product of 9 x 3 and 3 x 20.
    let (a, b) = (
        geometry::random_gaussian(9, 3, 90),
        geometry::random_gaussian(3, 20, 91),
    );
    let w = geometry::rotate(a.as_ref(), b.as_ref());
    assert_eq!(rank(w.as_ref()), 3);
    assert_all_close(
        &leverage(w.as_ref()),
        &oracle::leverage(b.as_ref()),
        Tolerance::absolute(1e-9),
    );
}

#[test]
fn spectra() {
    for w in &dictionaries() {
        let w = w.as_ref();
        let summary = layer_summary(w, Features::Columns, &AnalysisOptions::default()).unwrap();
        let expected = oracle::singular_values(w);
        assert_all_close(
            &summary.singular_values,
            &expected,
            Tolerance::reduction_f64(64 + w.nrows() + w.ncols(), expected[0]),
        );
        assert_close(
            summary.participation_ratio.unwrap(),
            w.nrows() as f64 / tightness(w).unwrap(),
            sums(),
        );
        let rank = summary.rank as f64;
        let effective = summary.effective_rank.unwrap();
        assert!(summary.participation_ratio.unwrap() <= effective * (1.0 + 1e-12));
        assert!((1.0 - 1e-12..=rank * (1.0 + 1e-12)).contains(&effective));
        let rows = layer_summary(w.transpose(), Features::Rows, &AnalysisOptions::default());
        assert_eq!(rows.unwrap().geometry, summary.geometry);
    }
}

#[test]
fn extreme_pairs_and_clusters() {
    for w in &dictionaries() {
        let w = w.as_ref();
        let report = analyze(w, &AnalysisOptions::default().with_threads(2)).unwrap();
        for (found, expected) in [
            (report.coherence, oracle::coherence(w)),
            (report.max_cosine, oracle::max_cosine(w)),
            (report.min_cosine, oracle::min_cosine(w)),
        ] {
            assert_eq!(found.is_some(), expected.is_some());
            if let (Some(found), Some((value, _, _))) = (found, expected) {
                assert_close(found.value, value, cosine_rounding(w));
                let cosine = oracle::cosines(w)[(found.i, found.j)];
                assert_close(found.value.abs(), cosine.abs(), cosine_rounding(w));
            }
        }
        for threshold in [0.05, 0.3, 0.5, 0.9] {
            let labels: Vec<usize> = clusters(w, threshold)
                .labels
                .into_iter()
                .flatten()
                .collect();
            assert_eq!(labels, oracle::clusters(w, threshold));
        }
        let cosines = oracle::cosines(w);
        for row in &report.features {
            let others = (0..w.ncols()).filter(|&j| j != row.feature);
            let max = others
                .clone()
                .map(|j| cosines[(row.feature, j)])
                .reduce(f64::max);
            let min = others.map(|j| cosines[(row.feature, j)]).reduce(f64::min);
            let tolerance = cosine_rounding(w);
            superposition_testkit::tolerance::assert_option_close(row.max_cosine, max, tolerance);
            superposition_testkit::tolerance::assert_option_close(row.min_cosine, min, tolerance);
        }
    }
}

/// A place for each feature in a slice of the caller's.
#[test]
fn vectors_are_written_where_the_caller_wants_them() {
    use faer::MatRef;
    use superposition_analysis as ours;
    let w = geometry::random_gaussian(3, 7, 4);
    type Function = (
        fn(MatRef<'_, f64>) -> Vec<f64>,
        fn(MatRef<'_, f64>, &mut [f64]),
    );
    let functions: [Function; 5] = [
        (ours::feature_norms, ours::feature_norms_into),
        (
            ours::feature_dimensionality,
            ours::feature_dimensionality_into,
        ),
        (
            ours::feature_superposition,
            ours::feature_superposition_into,
        ),
        (ours::feature_interference, ours::feature_interference_into),
        (ours::leverage, ours::leverage_into),
    ];
    for (values, values_into) in functions {
        let mut places = [f64::NAN; 9];
        values_into(w.as_ref(), &mut places[1..8]);
        assert_eq!(places[1..8], values(w.as_ref()));
        assert!(places[0].is_nan() && places[8].is_nan());
    }
}

#[test]
#[should_panic(expected = "6 places for 7 features")]
fn a_slice_of_another_length_is_refused() {
    let w = geometry::random_gaussian(3, 7, 4);
    superposition_analysis::leverage_into(w.as_ref(), &mut [0.0; 6]);
}
