//! Whole dictionaries, taken apart.

use super::*;
use superposition_testkit::proptest::prelude::*;
use superposition_testkit::tolerance::{Tolerance, assert_close};
use superposition_testkit::{oracle, strategy};

#[test]
fn products_are_taken_apart_and_named() {
    use geometry::{cube, digon, orthoplex, polygon, square_antiprism, tetrahedron};
    let cases = [
        (orthoplex(1), "1 digon", Some("digon")),
        (orthoplex(2), "2 digons", Some("square")),
        (polygon(4), "2 digons", Some("square")),
        (orthoplex(3), "3 digons", Some("octahedron")),
        (orthoplex(7), "7 digons", Some("7-orthoplex")),
        (polygon(3), "1 triangle", Some("triangle")),
        (
            sum(&[digon(), polygon(3)]),
            "1 triangle, 1 digon",
            Some("triangular bipyramid"),
        ),
        (
            sum(&[polygon(5), digon()]),
            "1 pentagon, 1 digon",
            Some("pentagonal bipyramid"),
        ),
        (
            sum(&[digon(), polygon(9)]),
            "1 9-gon, 1 digon",
            Some("9-gonal bipyramid"),
        ),
        (
            sum(&[tetrahedron(), digon()]),
            "1 tetrahedron, 1 digon",
            Some("tetrahedral bipyramid"),
        ),
        (
            sum(&[icosahedron(), digon()]),
            "1 icosahedron, 1 digon",
            Some("icosahedral bipyramid"),
        ),
        (
            sum(&[cube(), digon()]),
            "1 cube, 1 digon",
            Some("cubic bipyramid"),
        ),
        (
            sum(&[polygon(3), polygon(3)]),
            "2 triangles",
            Some("triangle-triangle duotegum"),
        ),
        (
            sum(&[polygon(5), polygon(3)]),
            "1 pentagon, 1 triangle",
            Some("triangle-pentagon duotegum"),
        ),
        (
            sum(&[polygon(3), orthoplex(2)]),
            "2 digons, 1 triangle",
            Some("square-triangle duotegum"),
        ),
        (
            sum(&[polygon(5), orthoplex(3), square_antiprism()]),
            "1 square antiprism, 3 digons, 1 pentagon",
            Some("tegum product of 1 square antiprism and 1 pentagon and 3 digons"),
        ),
        (sum(&[digon(), copies(1)]), "1 digon, 1 lone feature", None),
        (sum(&[digon(), copies(2)]), "1 digon, 1 duplicate", None),
        (
            sum(&[tetrahedron(), tetrahedron()]),
            "2 tetrahedra",
            Some("tegum product of 2 tetrahedra"),
        ),
        (
            sum(&[polygon(5), without_last(&polygon(7)), snub_disphenoid()]),
            "1 pentagon, 2 irregular (14 features, rank 5)",
            None,
        ),
    ];
    for (w, display, product) in cases {
        for seed in [0, 1] {
            let found = named(&disguised(&w, w.nrows() + 2, 0.0, seed));
            assert_eq!(found.to_string(), display);
            assert_eq!(found.tegum_product().as_deref(), product);
            assert_eq!(found.n_represented, w.ncols());
            assert!(found.components.iter().all(|c| c.outside < 1e-12));
        }
    }
}

#[test]
fn many_polytopes_in_one_dictionary() {
    let mut parts = vec![geometry::square_antiprism(), icosahedron(), copies(1)];
    parts.extend((0..12).map(|_| geometry::digon()));
    parts.extend((0..3).map(|_| geometry::polygon(5)));
    let w = disguised(&sum(&parts), 30, 0.004, 5);
    let found = named(&w);
    let counts: Vec<_> = found
        .counts()
        .iter()
        .map(|count| {
            (
                count.polytope.unwrap(),
                count.n_components,
                count.n_features,
                count.rank,
            )
        })
        .collect();
    assert_eq!(
        counts,
        [
            (Polytope::Digon, 12, 24, 12),
            (Polytope::Polygon(5), 3, 15, 6),
            (Polytope::Icosahedron, 1, 12, 3),
            (Polytope::SquareAntiprism, 1, 8, 3),
            (Polytope::Lone, 1, 1, 1),
        ]
    );
    assert_eq!(found.share(Some(Polytope::Digon)), 24.0 / 60.0);
    assert_eq!(found.share(None), 0.0);
    // The same, taken apart by the oracle's components, and every number of a component by naive loops.
    let labels = oracle::clusters(w.as_ref(), 0.05);
    let cosines = oracle::cosines(w.as_ref());
    let largest_label = labels.iter().max().unwrap();
    assert_eq!(found.components.len(), largest_label + 1);
    for (label, component) in found.components.iter().enumerate() {
        let mut members = component.features.clone();
        members.sort_unstable();
        let expected: Vec<usize> = (0..60).filter(|&i| labels[i] == label).collect();
        assert_eq!(members, expected);
        let mut outside = 0.0;
        for &i in &expected {
            for j in (0..60).filter(|j| !expected.contains(j)) {
                outside += cosines[(i, j)] * cosines[(i, j)] / expected.len() as f64;
            }
        }
        assert_close(component.outside, outside, Tolerance::absolute(1e-12));
    }
}

#[test]
fn a_large_simplex_falls_into_lone_features_that_do_not_look_orthogonal() {
    let w = geometry::simplex(6);
    let found = named(&w);
    assert_eq!(found.to_string(), "6 lone features");
    // Five others at a cosine of -1/5.
    for component in &found.components {
        assert_close(component.outside, 5.0 / 25.0, Tolerance::absolute(1e-12));
    }
    let lower = PolytopeOptions::default().with_threshold(0.03);
    let found = polytopes(w.as_ref(), &lower).unwrap();
    assert_eq!(found.to_string(), "1 5-simplex");
}

#[test]
fn dead_features_are_in_no_component() {
    let alive = sum(&[geometry::polygon(5), geometry::digon()]);
    let dead = geometry::random_gaussian(3, 9, 2);
    let w = Mat::from_fn(3, 16, |row, i| {
        if i < 7 {
            alive[(row, i)]
        } else {
            0.05 * dead[(row, i - 7)]
        }
    });
    let options = PolytopeOptions::default().with_min_norm(0.5);
    let found = polytopes(w.as_ref(), &options).unwrap();
    assert_eq!(found.tegum_product().unwrap(), "pentagonal bipyramid");
    assert_eq!((found.n_features, found.n_represented), (16, 7));
    assert!(found.components.iter().all(|c| c.outside < 1e-12));
    let all = polytopes(w.as_ref(), &PolytopeOptions::default()).unwrap();
    assert_eq!(all.share(None), 1.0);

    let zero = polytopes(Mat::<f64>::zeros(3, 2).as_ref(), &options).unwrap();
    assert_eq!((zero.components.len(), zero.n_represented), (0, 0));
    assert_eq!(
        (zero.to_string().as_str(), zero.share(None)),
        ("no features", 0.0)
    );
    assert_eq!(zero.tegum_product(), None);
    let of_zero = name_component(Mat::<f64>::zeros(3, 2).as_ref(), 0.1).unwrap();
    assert_eq!(
        (of_zero.polytope, of_zero.rank, of_zero.norm_ratio),
        (None, 0, 1.0)
    );
}

#[test]
fn stability_counts_what_every_threshold_agrees_on() {
    // A pentagon, a digon, and two pairs at cosines whose squares are 0.03 and 0.07.
    let pair = |cos_sq: f64| points(&[[1.0, 0.0], [cos_sq.sqrt(), (1.0 - cos_sq).sqrt()]]);
    let w = sum(&[
        geometry::polygon(5),
        geometry::digon(),
        pair(0.03),
        pair(0.07),
    ]);
    let thresholds = [0.1, 0.02, 0.05];
    let options = PolytopeOptions::default();
    let stability = polytope_stability(w.as_ref(), &options, &thresholds).unwrap();
    assert_eq!(
        (
            stability.n_represented,
            stability.n_stable,
            stability.n_stable_named
        ),
        (11, 7, 7)
    );
    let irregular: Vec<usize> = stability
        .counts
        .iter()
        .map(|counts| {
            counts
                .iter()
                .filter(|c| c.polytope.is_none())
                .map(|c| c.n_components)
                .sum()
        })
        .collect();
    assert_eq!(irregular, [0, 2, 1]);
    let of_none = polytope_stability(w.as_ref(), &options, &[]).unwrap();
    assert_eq!((of_none.n_stable, of_none.counts.len()), (0, 0));
}

#[test]
fn bad_values_are_refused() {
    let w = geometry::digon();
    for tolerance in [-0.01, 0.11, f64::NAN] {
        let found = name_component(w.as_ref(), tolerance);
        assert!(matches!(
            found,
            Err(AnalysisError::InvalidOption {
                name: "tolerance",
                ..
            })
        ));
        let options = PolytopeOptions::default().with_tolerance(tolerance);
        assert!(polytopes(w.as_ref(), &options).is_err());
    }
    for threshold in [-0.01, 1.01, f64::NAN] {
        let options = PolytopeOptions::default().with_threshold(threshold);
        let found = polytopes(w.as_ref(), &options);
        assert!(matches!(
            found,
            Err(AnalysisError::InvalidOption {
                name: "threshold",
                ..
            })
        ));
        let options = PolytopeOptions::default();
        assert!(polytope_stability(w.as_ref(), &options, &[0.05, threshold]).is_err());
    }
    let options = PolytopeOptions::default().with_min_norm(f64::INFINITY);
    assert!(polytopes(w.as_ref(), &options).is_err());
    let nan = Mat::from_fn(2, 2, |i, j| if i == j { f64::NAN } else { 1.0 });
    assert!(matches!(
        name_component(nan.as_ref(), 0.1),
        Err(AnalysisError::NotFinite { .. })
    ));
    let empty = Mat::<f64>::zeros(3, 0);
    assert!(matches!(
        name_component(empty.as_ref(), 0.1),
        Err(AnalysisError::Empty { .. })
    ));
}

#[cfg(feature = "serde")]
#[test]
fn results_are_written_and_read() {
    let found = named(&sum(&[
        geometry::polygon(5),
        without_last(&geometry::polygon(7)),
    ]));
    let json = serde_json::to_value(&found).unwrap();
    assert_eq!(
        json["components"][0]["polytope"],
        serde_json::json!({ "polygon": 5 })
    );
    assert_eq!(json["components"][1]["polytope"], serde_json::Value::Null);
    assert_eq!(serde_json::from_value::<Polytopes>(json).unwrap(), found);
}

proptest! {
    #[test]
    fn every_represented_feature_is_in_one_component(w in strategy::dictionary(6, 20)) {
        let found = polytopes(w.as_ref(), &PolytopeOptions::default()).unwrap();
        let mut features: Vec<usize> =
            found.components.iter().flat_map(|c| c.features.clone()).collect();
        features.sort_unstable();
        let norms = oracle::feature_norms(w.as_ref());
        let represented: Vec<usize> = (0..w.ncols()).filter(|&i| norms[i] > 0.0).collect();
        prop_assert_eq!(features, represented);
        for component in &found.components {
            prop_assert_eq!(component.residual.is_some(), component.polytope.is_some());
            prop_assert!(component.rank >= 1 && component.rank <= w.nrows().min(component.features.len()));
            prop_assert!(component.dimensionality <= 1.0 + 1e-12 && component.outside >= 0.0);
        }
    }
}
