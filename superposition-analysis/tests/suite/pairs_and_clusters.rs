//! Ties, tiles and chains.

use superposition_analysis::faer::Mat;
use superposition_analysis::*;
use superposition_testkit::geometry;

/// 1,100 directions of 24 dimensions over three tiles, in which every third is a copy of an earlier one, some negated.
fn with_copies() -> (Mat<f64>, Vec<usize>) {
    let base = geometry::random_gaussian(24, 1100, 5);
    let origin: Vec<usize> = (0..1100)
        .map(|j| if j % 3 == 2 { (j * 7) % (j - 1) } else { j })
        .collect();
    let root = |mut j: usize| {
        while origin[j] != j {
            j = origin[j];
        }
        j
    };
    let roots: Vec<usize> = (0..1100).map(root).collect();
    (geometry::permute_columns(base.as_ref(), &roots), roots)
}

#[test]
fn copies_in_different_tiles_tie_and_the_smallest_index_wins() {
    let (w, roots) = with_copies();
    let options = AnalysisOptions::default();
    let report = analyze(w.as_ref(), &options).unwrap();
    for row in &report.features {
        let copies = |i: usize| {
            (0..roots.len())
                .filter(|&j| j != row.feature && roots[j] == roots[i])
                .min()
        };
        // One's own copy if there is one; and whatever is nearest or most opposed, it is the first copy of it.
        if let Some(first) = copies(row.feature) {
            assert_eq!(row.nearest, Some(first), "feature {}", row.feature);
        }
        assert_eq!(copies(row.most_opposed.unwrap()), row.most_opposed);
        assert_eq!(copies(row.nearest.unwrap()), row.nearest);
    }
    let first_pair = (0..roots.len()).find_map(|i| {
        (i + 1..roots.len())
            .find(|&j| roots[j] == roots[i])
            .map(|j| (i, j))
    });
    let best = report.max_cosine.unwrap();
    // Only rounding of the squared length of a unit vector tells copies of one direction from copies of another.
    assert!(best.value >= 1.0 - 1e-14 && roots[best.i] == roots[best.j]);
    assert!(first_pair.is_some());
    assert_eq!(
        analyze(w.as_ref(), &options.with_threads(3)).unwrap(),
        report
    );
}

#[test]
fn equal_features_are_one_cluster_and_quick() {
    // Every pair ties with every other: no pair may cost a dot product.
    let w = Mat::from_fn(64, 3000, |i, _| (i as f64 + 1.0).sqrt());
    let report = analyze(w.as_ref(), &AnalysisOptions::default()).unwrap();
    assert_eq!(report.clusters.unwrap().largest, 3000);
    assert_eq!(report.features[0].nearest, Some(1));
    assert!(
        report.features[1..]
            .iter()
            .all(|row| row.nearest == Some(0))
    );
    let coherence = report.coherence.unwrap();
    assert_eq!((coherence.i, coherence.j), (0, 1));
}

#[test]
fn copies_at_other_scales_have_a_cosine_of_one_at_most() {
    // The unit vectors differ in their last bits, and the product of the second and the third is an ulp above 1.
    for sign in [1.0, -1.0] {
        let w = [9.0, 8.0, 27.0, 24.0, sign * 63.0, sign * 56.0];
        let w = from_columns(&w, 2, 3);
        let report = analyze(w, &AnalysisOptions::default()).unwrap();
        let first_two = PairCosine {
            value: 1.0,
            i: 0,
            j: 1,
        };
        assert_eq!(report.coherence, Some(first_two));
        assert_eq!(report.max_cosine, Some(first_two));
        let last = report.features[2];
        let (cosine, other) = if sign > 0.0 {
            (last.max_cosine, last.nearest)
        } else {
            (last.min_cosine, last.most_opposed)
        };
        assert_eq!((cosine, other), (Some(sign), Some(0)));
    }
    for a in 1..40 {
        for b in 1..a {
            let w = Mat::from_fn(2, 3, |i, j| f64::from([a, b][i] * [1, 3, -7][j]));
            let all = cosines(w.as_ref());
            for pair in [(0, 1), (0, 2), (1, 2)] {
                assert!(all[pair].abs() <= 1.0, "{a} {b}: {}", all[pair]);
            }
            assert!(coherence(w.as_ref()).unwrap().value <= 1.0, "{a} {b}");
        }
    }
}

#[test]
fn the_first_pair_wins_whatever_its_sign() {
    let w = from_columns(&[1.0, 0.0, 0.0, 1.0, 0.0, -1.0, 1.0, 0.0], 2, 4);
    let found = coherence(w).unwrap();
    assert_eq!((found.value, found.i, found.j), (1.0, 0, 3));
    let w = from_columns(&[1.0, 0.0, -1.0, 0.0, 1.0, 0.0], 2, 3);
    let found = coherence(w).unwrap();
    assert_eq!((found.value, found.i, found.j), (1.0, 0, 1));
}

#[test]
fn an_edge_is_strictly_above_the_threshold() {
    // cos^2 = 1/4 exactly.
    let w = from_columns(&[1.0, 0.0, 0.0, 0.0, 0.5, 0.5, 0.5, 0.5], 4, 2);
    assert_eq!(clusters(w, 0.25).count(), 2);
    assert_eq!(clusters(w, 0.25_f64.next_down()).count(), 1);
    // Copies have cos^2 = 1, which is not above 1 though rounding may say so.
    let w = from_columns(&[0.1, 0.2, 0.3, 0.1, 0.2, 0.3, -0.1, -0.2, -0.3], 3, 3);
    assert_eq!(clusters(w, 1.0).count(), 3);
    assert_eq!(clusters(w, 0.999).count(), 1);
    assert_eq!(clusters(w, f64::NAN).count(), 3);
}

#[test]
fn clusters_chain_and_are_numbered_by_their_smallest_members() {
    // Directions every 30 degrees over 120: neighbours have cos^2 = 3/4, the ends 1/4. Then one on its own in a third dimension, first.
    let mut values = vec![0.0, 0.0, 1.0];
    for k in [4, 0, 2, 1, 3] {
        let angle = std::f64::consts::FRAC_PI_6 * f64::from(k);
        values.extend([angle.cos(), angle.sin(), 0.0]);
    }
    values.extend([0.0, 0.0, 0.0]);
    let found = clusters(from_columns(&values, 3, 7), 0.7);
    assert_eq!(found.members(), [vec![0], vec![1, 2, 3, 4, 5]]);
    assert_eq!(found.labels[6], None);
    let summary = found.summary();
    assert_eq!((summary.count, summary.multi, summary.largest), (2, 1, 5));
}

#[test]
fn clusters_across_tiles() {
    // Feature j lies along axis j mod 40: forty clusters, each with members in every tile.
    let w = Mat::from_fn(
        40,
        1200,
        |i, j| if i == j % 40 { 1.0 + j as f64 } else { 0.0 },
    );
    let options = AnalysisOptions::default().with_threads(2);
    let report = analyze(w.as_ref(), &options).unwrap();
    assert_eq!(
        (
            report.clusters.unwrap().count,
            report.clusters.unwrap().multi
        ),
        (40, 40)
    );
    assert!(
        report
            .features
            .iter()
            .all(|row| row.cluster == Some(row.feature % 40))
    );
    assert_eq!(report.features[1199].nearest, Some(39));
    assert_eq!(report.features[1199].most_opposed, Some(0));
}

#[test]
fn ranking_breaks_ties_by_index() {
    let w = from_columns(&[1.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0], 2, 4);
    assert_eq!(interference_ranking(w), [0, 2, 1, 3]);
}
