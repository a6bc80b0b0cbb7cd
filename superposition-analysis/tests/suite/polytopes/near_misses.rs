//! What looks like a polytope of the catalogue and is none.

use std::f64::consts::{PI, TAU};
use std::time::Instant;

use super::*;

#[test]
fn near_misses_are_irregular() {
    let degrees = |angles: &[f64]| -> Vec<f64> { angles.iter().map(|a| a * PI / 180.0).collect() };
    let moved = |w: &Mat<f64>, row: usize, by: f64| {
        let mut w = Mat::from_fn(
            3,
            w.ncols(),
            |r, i| if r < w.nrows() { w[(r, i)] } else { 0.0 },
        );
        w[(row, 0)] += by;
        w
    };
    let stretched = |w: &Mat<f64>, factor: f64| {
        Mat::from_fn(3, w.ncols(), |r, i| {
            w[(r, i)] * if r == 2 { factor } else { 1.0 }
        })
    };
    let cuboctahedron: Vec<[f64; 3]> = (0..12)
        .map(|i| {
            let signs = [1.0 - 2.0 * (i & 1) as f64, 1.0 - (i & 2) as f64];
            let mut corner = [signs[0], signs[1], 0.0];
            corner.rotate_right(i / 4);
            corner
        })
        .collect();
    let mut misses = vec![
        ("bent digon", on_circle(&degrees(&[0.0, 160.0]))),
        (
            "duplicates 20 degrees apart",
            on_circle(&degrees(&[0.0, 20.0])),
        ),
        (
            "triangle with unequal angles",
            on_circle(&degrees(&[0.0, 112.0, 240.0])),
        ),
        (
            "pentagon with one corner moved along the circle",
            on_circle(&degrees(&[10.0, 72.0, 144.0, 216.0, 288.0])),
        ),
        (
            "pentagon with one corner lifted",
            moved(&geometry::polygon(5), 2, 0.4),
        ),
        (
            "pentagon with a corner twice",
            on_circle(&degrees(&[0.0, 72.0, 144.0, 216.0, 216.0])),
        ),
        (
            "hexagon with unequal angles",
            on_circle(&degrees(&[0.0, 50.0, 120.0, 170.0, 240.0, 290.0])),
        ),
        ("square", geometry::orthoplex(2)),
        ("octahedron", geometry::orthoplex(3)),
        (
            "tetrahedron with one corner moved",
            moved(&geometry::tetrahedron(), 0, 0.2),
        ),
        (
            "tetrahedron stretched",
            stretched(&geometry::tetrahedron(), 1.2),
        ),
        ("cube stretched", stretched(&geometry::cube(), 1.1)),
        (
            "cube with one corner moved",
            moved(&geometry::cube(), 0, 0.15),
        ),
        ("flat square prism", two_squares(0.4, 0.0)),
        ("tall square prism", two_squares(0.7, 0.0)),
        (
            "antiprism twisted by 38 degrees",
            two_squares(1.0 / 3f64.sqrt(), 38.0 * PI / 180.0),
        ),
        (
            "antiprism with one corner moved",
            moved(&geometry::square_antiprism(), 1, 0.2),
        ),
        ("snub disphenoid", snub_disphenoid()),
        ("icosahedron stretched", stretched(&icosahedron(), 1.15)),
        ("icosahedron without a corner", without_last(&icosahedron())),
        ("cuboctahedron", points(&cuboctahedron)),
        ("cube without a corner", without_last(&geometry::cube())),
    ];
    for k in 4..13 {
        misses.push((
            "simplex without a corner",
            without_last(&geometry::simplex(k)),
        ));
    }
    for k in 6..66 {
        misses.push((
            "polygon without a corner",
            without_last(&geometry::polygon(k)),
        ));
    }
    for (what, w) in &misses {
        for seed in 0..3 {
            let found = name_component(
                disguised(w, w.nrows().max(4), 0.0, seed).as_ref(),
                TOLERANCE,
            );
            let found = found.unwrap();
            let n = w.ncols();
            assert_eq!(found.polytope, None, "{what} of {n} corners");
            assert_eq!((found.residual, found.height), (None, None));
            assert_eq!(found.features, (0..n).collect::<Vec<_>>());
        }
    }
    // The square prism whose height is that of the cube.
    assert_eq!(
        name(&two_squares(1.0 / 3f64.sqrt(), 0.0)),
        Some(Polytope::Cube)
    );
}

#[test]
fn random_components_have_no_name() {
    for (m, k) in [
        (2, 3),
        (2, 5),
        (2, 6),
        (3, 4),
        (3, 6),
        (3, 8),
        (3, 12),
        (4, 5),
        (5, 12),
    ] {
        let mut n_named = 0;
        for seed in 0..200 {
            let found = name_component(geometry::random_gaussian(m, k, seed).as_ref(), TOLERANCE);
            n_named += usize::from(found.unwrap().polytope.is_some());
        }
        // Three angles are those of a triangle by chance now and then.
        let allowed = if (m, k) == (2, 3) { 4 } else { 0 };
        assert!(
            n_named <= allowed,
            "{k} features in {m} dimensions: {n_named}"
        );
    }
    let untrained = geometry::random_gaussian(30, 400, 1);
    let found = polytopes(untrained.as_ref(), &PolytopeOptions::default()).unwrap();
    assert_eq!(found.to_string(), "1 irregular (400 features, rank 30)");
    assert_eq!(found.tegum_product(), None);
}

#[test]
fn large_components_are_quick() {
    let start = Instant::now();
    let mut cases: Vec<(Mat<f64>, Option<Polytope>)> = vec![
        (geometry::random_gaussian(20, 900, 1), None),
        (geometry::polygon(64), Some(Polytope::Polygon(64))),
        (geometry::polygon(65), None),
        (geometry::polygon(500), None),
        (geometry::simplex(150), Some(Polytope::Simplex(150))),
        (without_last(&geometry::simplex(150)), None),
        (copies(400), Some(Polytope::Duplicate(400))),
        (geometry::tight_frame(300, 40), None),
    ];
    // Figures with the sorted rows of an n-gon nearly, for the search to work on.
    for k in 13..=64 {
        let draw = geometry::random_uniform(1, k, k as u64);
        let angles: Vec<f64> = (0..k)
            .map(|i| TAU * (i as f64 + 0.3 * (draw[(0, i)] - 0.5)) / k as f64)
            .collect();
        let found = name(&on_circle(&angles));
        assert!(found.is_none() || found == Some(Polytope::Polygon(k)));
        let twice: Vec<f64> = (0..k)
            .map(|i| TAU * (i / 2 * 2) as f64 / k as f64)
            .collect();
        cases.push((on_circle(&twice), None));
    }
    for (w, expected) in cases {
        let n = w.ncols();
        let found = name_component(disguised(&w, w.nrows(), 0.0, 0).as_ref(), 0.1).unwrap();
        assert_eq!(found.polytope, expected, "{n} features");
    }
    // Seconds even without optimisation on a busy machine, where exponential time would be years.
    assert!(start.elapsed().as_secs() < 120);
}
