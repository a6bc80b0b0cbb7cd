//! Frames whose numbers are known by hand, with a feature per column.

use std::f64::consts::TAU;

use superposition_analysis::faer::Mat;

/// The corners of a regular polygon; of two corners, an antipodal pair.
pub(super) fn polygon(corners: usize) -> Mat<f64> {
    Mat::from_fn(2, corners, |row, i| {
        let angle = TAU * i as f64 / corners as f64;
        if row == 0 { angle.cos() } else { angle.sin() }
    })
}

/// The first `n` of the `2 m` corners of the cross-polytope, in antipodal pairs.
pub(super) fn cross_polytope(m: usize, n: usize) -> Mat<f64> {
    assert!(
        n <= 2 * m,
        "the cross-polytope of {m} dimensions has fewer than {n} corners"
    );
    Mat::from_fn(m, n, |row, i| match row == i / 2 {
        true => 1.0 - 2.0 * (i % 2) as f64,
        false => 0.0,
    })
}

/// `$W^\top W$`.
pub(super) fn gram(w: &Mat<f64>) -> Mat<f64> {
    Mat::from_fn(w.ncols(), w.ncols(), |i, j| {
        dot(w.col_as_slice(i), w.col_as_slice(j))
    })
}

pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}
