//! Planted polytopes, turned, scaled, mixed up and shaken, and figures that only look like them.

mod dictionaries;
mod near_misses;
mod recognition;

use std::f64::consts::TAU;

use superposition_analysis::faer::Mat;
use superposition_analysis::*;
use superposition_testkit::geometry;

/// The tolerance of the confusion table and of the near misses: the default.
pub(crate) const TOLERANCE: f64 = 0.05;

/// Columns from rows of coordinates.
pub(crate) fn points<const M: usize>(corners: &[[f64; M]]) -> Mat<f64> {
    Mat::from_fn(M, corners.len(), |row, i| corners[i][row])
}

/// Points on the unit circle.
pub(crate) fn on_circle(angles: &[f64]) -> Mat<f64> {
    let corners: Vec<[f64; 2]> = angles.iter().map(|a| [a.cos(), a.sin()]).collect();
    points(&corners)
}

/// Two squares around the third axis at heights +-h, the lower one turned by `twist`; corners have norm 1.
pub(crate) fn two_squares(height: f64, twist: f64) -> Mat<f64> {
    let radius = (1.0 - height * height).sqrt();
    Mat::from_fn(3, 8, |row, i| {
        let lower = i / 4;
        let angle = TAU * (i % 4) as f64 / 4.0 + twist * lower as f64;
        [
            radius * angle.cos(),
            radius * angle.sin(),
            height * (1.0 - 2.0 * lower as f64),
        ][row]
    })
}

/// The cyclic permutations of (0, +-1, +-golden).
pub(crate) fn icosahedron() -> Mat<f64> {
    let golden = (1.0 + 5f64.sqrt()) / 2.0;
    let mut corners = Vec::new();
    for a in [-1.0, 1.0] {
        for b in [-golden, golden] {
            corners.extend([[0.0, a, b], [b, 0.0, a], [a, b, 0.0]]);
        }
    }
    points(&corners)
}

/// Twelve triangles, whose 18 edges all have length 2.
pub(crate) fn snub_disphenoid() -> Mat<f64> {
    // The positive root of 2 q^3 + 11 q^2 + 4 q - 1.
    let mut q = 0.17_f64;
    for _ in 0..20 {
        q -= (2.0 * q.powi(3) + 11.0 * q * q + 4.0 * q - 1.0) / (6.0 * q * q + 22.0 * q + 4.0);
    }
    let r = q.sqrt();
    let s = ((1.0 - q) / (2.0 * q)).sqrt();
    let t = 2.0 * r * s;
    let w = points(&[
        [t, r, 0.0],
        [-t, r, 0.0],
        [0.0, -r, t],
        [0.0, -r, -t],
        [1.0, -s, 0.0],
        [-1.0, -s, 0.0],
        [0.0, s, 1.0],
        [0.0, s, -1.0],
    ]);
    let mut edges = 0;
    for j in 0..8 {
        for i in 0..j {
            let length_sq: f64 = (0..3).map(|r| (w[(r, i)] - w[(r, j)]).powi(2)).sum();
            edges += usize::from((length_sq - 4.0).abs() < 1e-9);
        }
    }
    assert_eq!(edges, 18);
    w
}

pub(crate) fn copies(k: usize) -> Mat<f64> {
    Mat::from_fn(1, k, |_, _| 1.0)
}

pub(crate) fn without_last(w: &Mat<f64>) -> Mat<f64> {
    Mat::from_fn(w.nrows(), w.ncols() - 1, |row, i| w[(row, i)])
}

/// W in `m` dimensions, turned, its columns in another order and of lengths between 1 and 1.1, with normal noise of this standard
/// deviation added to every coordinate of the unit columns; all scaled by a power of ten.
pub(crate) fn disguised(w: &Mat<f64>, m: usize, noise: f64, seed: u64) -> Mat<f64> {
    let (units, n) = (unit_directions(w.as_ref()), w.ncols());
    let padding = geometry::random_gaussian(m, n, 3 * seed);
    let shaken = Mat::from_fn(m, n, |row, i| {
        let planted = if row < w.nrows() {
            units[(row, i)]
        } else {
            0.0
        };
        planted + noise * padding[(row, i)]
    });
    let turned = geometry::rotate(
        geometry::random_rotation(m, 3 * seed + 1).as_ref(),
        shaken.as_ref(),
    );
    let draw = geometry::random_uniform(2, n, 3 * seed + 2);
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&i, &j| draw[(0, i)].total_cmp(&draw[(0, j)]));
    let scale = [1.0, 1e-3, 1e100, 1e-100][seed as usize % 4];
    let norms: Vec<f64> = (0..n).map(|i| scale * (1.0 + 0.1 * draw[(1, i)])).collect();
    let permuted = geometry::permute_columns(turned.as_ref(), &order);
    geometry::with_norms(permuted.as_ref(), &norms)
}

pub(crate) fn name(w: &Mat<f64>) -> Option<Polytope> {
    name_component(w.as_ref(), TOLERANCE).unwrap().polytope
}

/// The catalogue, as coordinates.
pub(crate) fn planted() -> Vec<(Polytope, Mat<f64>)> {
    vec![
        (Polytope::Lone, copies(1)),
        (Polytope::Digon, geometry::digon()),
        (Polytope::Duplicate(2), copies(2)),
        (Polytope::Duplicate(3), copies(3)),
        (Polytope::Polygon(3), geometry::polygon(3)),
        (Polytope::Simplex(4), geometry::tetrahedron()),
        (Polytope::Polygon(5), geometry::polygon(5)),
        (Polytope::Simplex(5), geometry::simplex(5)),
        (Polytope::Polygon(6), geometry::polygon(6)),
        (Polytope::Simplex(6), geometry::simplex(6)),
        (Polytope::Polygon(7), geometry::polygon(7)),
        (Polytope::Polygon(8), geometry::polygon(8)),
        (Polytope::Cube, geometry::cube()),
        (Polytope::SquareAntiprism, geometry::square_antiprism()),
        (Polytope::Polygon(12), geometry::polygon(12)),
        (Polytope::Icosahedron, icosahedron()),
    ]
}

pub(crate) fn sum(parts: &[Mat<f64>]) -> Mat<f64> {
    let mut parts = parts.iter();
    let first = parts.next().unwrap().clone();
    parts.fold(first, |all, part| {
        geometry::direct_sum(all.as_ref(), part.as_ref())
    })
}

pub(crate) fn named(w: &Mat<f64>) -> Polytopes {
    polytopes(w.as_ref(), &PolytopeOptions::default()).unwrap()
}
