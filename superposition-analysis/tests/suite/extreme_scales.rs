//! Norms far from one, alone and together.

use superposition_analysis::faer::Mat;
use superposition_analysis::*;
use superposition_testkit::geometry;
use superposition_testkit::tolerance::{Tolerance, assert_all_close, assert_close};

fn rounding() -> Tolerance {
    Tolerance::relative(1e-12)
}

/// A digon of norm 1, a pentagon of norm 1e-8 and a tetrahedron of norm 1e-30, in orthogonal subspaces.
fn planted() -> Mat<f64> {
    let shapes = geometry::direct_sum(
        geometry::direct_sum(geometry::digon().as_ref(), geometry::polygon(5).as_ref()).as_ref(),
        geometry::tetrahedron().as_ref(),
    );
    let norms = [vec![1.0; 2], vec![1e-8; 5], vec![1e-30; 4]].concat();
    geometry::with_norms(shapes.as_ref(), &norms)
}

fn planted_dimensionality() -> Vec<f64> {
    [vec![0.5; 2], vec![0.4; 5], vec![0.75; 4]].concat()
}

#[test]
fn planted_norms_in_one_matrix() {
    let w = planted();
    let w = w.as_ref();
    assert!(w.ncols() > w.nrows(), "the frame operator is in use");
    assert_all_close(
        &feature_norms(w),
        &[vec![1.0; 2], vec![1e-8; 5], vec![1e-30; 4]].concat(),
        rounding(),
    );
    assert_all_close(
        &feature_dimensionality(w),
        &planted_dimensionality(),
        rounding(),
    );
    assert_all_close(&leverage(w), &planted_dimensionality(), rounding());
    assert_eq!(rank(w), 6);
    // In an equal number of further dimensions, where rows are summed directly.
    let padded = Mat::from_fn(w.ncols(), w.ncols(), |i, j| {
        if i < w.nrows() { w[(i, j)] } else { 0.0 }
    });
    assert_all_close(
        &feature_dimensionality(padded.as_ref()),
        &planted_dimensionality(),
        rounding(),
    );
    let superposition = feature_superposition(w);
    assert_close(superposition[0], 1.0, rounding());
    assert_close(superposition[2], 1.5e-16, rounding());
    assert_close(superposition[10], 1e-60 / 3.0, rounding());
}

#[test]
fn planted_norms_that_overlap() {
    // (1, 0), 1e-8 (0.6, 0.8) and 1e-30 (0.8, -0.6): D by the formula with the smaller terms dropped where they vanish.
    let w = from_columns(&[1.0, 0.0, 0.6e-8, 0.8e-8, 0.8e-30, -0.6e-30], 2, 3);
    assert_all_close(
        &feature_dimensionality(w),
        &[1.0 / (1.0 + 0.36e-16), 1e-16 / (0.36 + 1e-16), 1e-60 / 0.64],
        rounding(),
    );
    assert_all_close(&feature_interference(w), &[0.5, 0.18, 0.32], rounding());
}

#[test]
fn whole_matrices_at_the_ends_of_the_range() {
    let shape = geometry::polygon(7);
    for scale in [1e-300, 1e-200, 1e-30, 1e30, 1e200, 1e300] {
        let w = geometry::with_norms(shape.as_ref(), &[scale; 7]);
        let report = analyze(w.as_ref(), &AnalysisOptions::default()).unwrap();
        assert_close(report.feature_norms.mean, scale, rounding());
        assert!(report.feature_norms.std <= rounding().bound(scale));
        assert_close(report.total_dimensionality, 2.0, rounding());
        assert_close(report.tightness.unwrap(), 1.0, rounding());
        assert_close(report.mean_interference, 5.0 / 12.0, rounding());
        assert_all_close(&leverage(w.as_ref()), &[2.0 / 7.0; 7], rounding());
        let same = linear_cka(w.as_ref(), shape.as_ref()).unwrap();
        assert_close(same, 1.0, rounding());
    }
}

#[test]
fn both_ends_in_one_matrix() {
    // Ratios of norms beyond f64, orthogonal and parallel.
    let w = from_columns(&[1e300, 0.0, 0.0, 1e-300, 0.0, -1e-300], 2, 3);
    assert_eq!(feature_dimensionality(w), [1.0, 0.5, 0.5]);
    let w = from_columns(&[1e300, 0.0, 1e-300, 0.0], 2, 2);
    assert_eq!(feature_dimensionality(w), [1.0, 0.0]);
    assert_eq!(coherence(w).unwrap().value, 1.0);
    assert_eq!(rank(w), 1);
    let w = from_columns(&[1e300, 0.0, 0.0, 1e-300], 2, 2);
    assert_eq!((leverage(w), rank(w)), (vec![1.0, 1.0], 2));
}

#[test]
fn subnormal_f32_and_f64() {
    let w = from_columns(&[1e-45_f32, 0.0, 0.0, 1e-45], 2, 2);
    assert_eq!(feature_dimensionality(w), [1.0, 1.0]);
    let smallest = f64::from_bits(1);
    let digon = [smallest, 0.0, -smallest, 0.0];
    let w = from_columns(&digon, 2, 2);
    assert_eq!(feature_norms(w), [smallest; 2]);
    assert_eq!(feature_dimensionality(w), [0.5, 0.5]);
}

#[test]
fn nearly_orthogonal_rows_of_the_frame_do_not_cancel() {
    // A feature at an angle of 1e-9 to being orthogonal to a hundred copies of another: cos^2 sums to 1e-16, lost beside 1.
    let mut values = Vec::new();
    for _ in 0..100 {
        values.extend([1.0, 0.0]);
    }
    values.extend([1e-9, 1.0]);
    let w = from_columns(&values, 2, 101);
    assert_close(feature_interference(w)[100], 1e-18, rounding());
    assert_close(feature_superposition(w)[100], 1e-16, rounding());
}
