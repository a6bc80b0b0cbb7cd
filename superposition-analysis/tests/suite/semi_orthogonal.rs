//! Blocks of orthogonal groups: planted ones are found, and the dimensionalities sum to the rank just there.

use proptest::prelude::*;
use superposition_analysis::faer::Mat;
use superposition_analysis::{
    AnalysisError, leverage, rank, semi_orthogonal_blocks, total_dimensionality,
};
use superposition_testkit::geometry;
use superposition_testkit::tolerance::{Tolerance, assert_close};

/// Both side by side in orthogonal spaces, the second scaled.
fn beside(a: &Mat<f64>, b: &Mat<f64>, scale: f64) -> Mat<f64> {
    let (m, n) = a.shape();
    Mat::from_fn(m + b.nrows(), n + b.ncols(), |row, i| {
        match (row < m, i < n) {
            (true, true) => a[(row, i)],
            (false, false) => scale * b[(row - m, i - n)],
            _ => 0.0,
        }
    })
}

#[test]
fn planted_blocks_are_found_with_their_scale() {
    let w = beside(&geometry::polygon(5), &geometry::tetrahedron(), 1e-3);
    let found = semi_orthogonal_blocks(w.as_ref(), 1e-9).unwrap();
    assert!(found.is_semi_orthogonal, "{found:?}");
    assert_eq!(found.blocks.len(), 2);
    assert_eq!(found.blocks[0].features, [0, 1, 2, 3, 4]);
    assert_eq!(found.blocks[1].features, [5, 6, 7, 8]);
    assert_eq!(
        (found.blocks[0].rank, found.blocks[1].rank, found.rank),
        (2, 3, 5)
    );
    // A tight frame of n unit vectors in d dimensions has squared singular values n/d.
    assert_close(found.blocks[0].scale, 2.5, Tolerance::relative(1e-12));
    assert_close(
        found.blocks[1].scale,
        1e-6 * 4.0 / 3.0,
        Tolerance::relative(1e-12),
    );
    assert_close(found.total_dimensionality, 5.0, Tolerance::absolute(1e-12));
}

#[test]
fn one_feature_out_of_balance_is_noticed() {
    let mut w = geometry::polygon(5);
    w[(0, 0)] *= 1.1;
    let found = semi_orthogonal_blocks(w.as_ref(), 1e-3).unwrap();
    assert!(!found.is_semi_orthogonal);
    assert!(found.total_dimensionality < 1.999);
    // With a tolerance that allows for it, it is a block.
    assert!(
        semi_orthogonal_blocks(w.as_ref(), 0.2)
            .unwrap()
            .is_semi_orthogonal
    );
}

#[test]
fn degenerate_dictionaries() {
    let zero = Mat::<f64>::zeros(2, 3);
    let found = semi_orthogonal_blocks(zero.as_ref(), 1e-6).unwrap();
    assert_eq!(
        (found.blocks.len(), found.rank, found.deviation),
        (0, 0, 0.0)
    );
    assert!(found.is_semi_orthogonal);
    let one = Mat::from_fn(3, 1, |k, _| if k == 1 { -2.0_f64 } else { 0.0 });
    let found = semi_orthogonal_blocks(one.as_ref(), 1e-6).unwrap();
    assert_eq!((found.blocks[0].scale, found.blocks[0].rank), (4.0, 1));
    for tolerance in [0.0, 1.0, -1.0, f64::NAN] {
        assert!(matches!(
            semi_orthogonal_blocks(one.as_ref(), tolerance),
            Err(AnalysisError::InvalidOption {
                name: "tolerance",
                ..
            })
        ));
    }
    assert!(semi_orthogonal_blocks(Mat::<f64>::zeros(0, 2).as_ref(), 0.1).is_err());
}

proptest! {
    #[test]
    fn sums_reach_the_rank_just_where_blocks_are_semi_orthogonal(
        values in prop::collection::vec(-1.0..1.0_f64, 15),
        blur in prop_oneof![Just(0.0), 0.05..0.5_f64],
    ) {
        // Digons of different norms in three dimensions, blurred or not.
        let planted = Mat::from_fn(3, 5, |k, i| {
            let sign = if i < 3 { 1.0 } else { -1.0 };
            if k == i % 3 { sign * (1.0 + 0.2 * i as f64) } else { 0.0 }
        });
        let w = Mat::from_fn(3, 5, |k, i| planted[(k, i)] + blur * values[3 * i + k]);
        let found = semi_orthogonal_blocks(w.as_ref(), 1e-9).unwrap();
        let lost = rank(w.as_ref()) as f64 - total_dimensionality(w.as_ref());
        prop_assert_eq!(found.is_semi_orthogonal, lost < 1e-7, "{} {:?}", lost, found);
        prop_assert!(found.total_dimensionality <= leverage(w.as_ref()).iter().sum::<f64>() + 1e-9);
    }
}
