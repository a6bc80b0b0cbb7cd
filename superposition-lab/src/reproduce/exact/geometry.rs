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

/// The `m + 1` corners of a regular simplex in m dimensions, of norm 1.
pub(super) fn simplex(m: usize) -> Mat<f64> {
    // Corner i shares the coordinates before i with all later ones, which fixes them one after the other.
    let mut w = Mat::zeros(m, m + 1);
    let cosine = -1.0 / m as f64;
    for row in 0..m {
        let before: f64 = (0..row).map(|k| w[(k, row)] * w[(k, row)]).sum();
        let own: f64 = (1.0 - before).sqrt();
        w[(row, row)] = own;
        for later in row + 1..=m {
            w[(row, later)] = (cosine - before) / own;
        }
    }
    w
}

/// Two squares, one turned by an eighth, at heights `+-height`, with corners of norm 1.
pub(super) fn square_antiprism(height: f64) -> Mat<f64> {
    let radius = (1.0 - height * height).sqrt();
    Mat::from_fn(3, 8, |row, i| {
        let (square, corner) = ((i / 4) as f64, (i % 4) as f64);
        let angle = TAU * (corner + 0.5 * square) / 4.0;
        match row {
            0 => radius * angle.cos(),
            1 => radius * angle.sin(),
            _ => height * (1.0 - 2.0 * square),
        }
    })
}

/// The tegum product: both in orthogonal spaces side by side.
pub(super) fn tegum(a: &Mat<f64>, b: &Mat<f64>) -> Mat<f64> {
    let (m, n) = a.shape();
    Mat::from_fn(m + b.nrows(), n + b.ncols(), |row, i| {
        match (row < m, i < n) {
            (true, true) => a[(row, i)],
            (false, false) => b[(row - m, i - n)],
            _ => 0.0,
        }
    })
}
