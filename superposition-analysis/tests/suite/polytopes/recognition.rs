//! Every polytope of the catalogue under its own name.

use std::f64::consts::{FRAC_PI_4, TAU};

use super::*;
use superposition_testkit::proptest::prelude::*;
use superposition_testkit::tolerance::{Tolerance, assert_close};
use superposition_testkit::{oracle, strategy};

#[test]
fn the_confusion_table_is_that_of_the_documentation() {
    const DRAWS: u64 = 40;
    let documentation = include_str!("../../../src/polytope/mod.rs");
    let mut table = String::new();
    for (polytope, w) in planted() {
        table += &format!("/// | {polytope} |");
        for noise in [0.0, 0.005, 0.01, 0.015, 0.02, 0.03, 0.05] {
            let names: Vec<Option<Polytope>> = (0..DRAWS)
                .map(|seed| name(&disguised(&w, 6, noise, seed)))
                .collect();
            assert!(
                names.iter().flatten().all(|&found| found == polytope),
                "{polytope} at {noise} is called {names:?}"
            );
            let right = names.iter().flatten().count() as u64;
            if noise <= 0.005 && polytope != Polytope::Simplex(6) {
                assert_eq!(right, DRAWS, "{polytope}");
            }
            table += &format!(" {} |", 100 * right / DRAWS);
        }
        table += "\n";
    }
    assert!(documentation.contains(&table), "the table is\n{table}");
}

/// The cosines of the columns as `oracle` computes them, in the order found.
fn cosines_in_order(w: &Mat<f64>, found: &PolytopeMatch) -> Mat<f64> {
    oracle::cosines(geometry::permute_columns(w.as_ref(), &found.features).as_ref())
}

#[test]
fn planted_polytopes_are_recognised_exactly_and_in_the_order_of_their_corners() {
    for (polytope, w) in planted() {
        for seed in 0..8 {
            let w = disguised(&w, 7, 0.0, seed);
            let found = name_component(w.as_ref(), 1e-9).unwrap();
            assert_eq!(found.polytope, Some(polytope), "{seed}");
            assert!(found.residual.unwrap() < 1e-13);
            assert_eq!(found.outside, 0.0);
            let values = oracle::singular_values(oracle::unit_directions(w.as_ref()).as_ref());
            let rank = values.iter().filter(|&&value| value > 1e-9).count();
            assert_eq!(found.rank, rank);
            let norms = oracle::feature_norms(w.as_ref());
            let extreme = |f: fn(f64, f64) -> f64| norms.iter().copied().reduce(f).unwrap();
            assert_close(
                found.norm_ratio,
                extreme(f64::min) / extreme(f64::max),
                Tolerance::golden(),
            );
            if seed % 4 < 2 {
                let d = oracle::feature_dimensionality(w.as_ref());
                let mean = d.iter().sum::<f64>() / d.len() as f64;
                assert_close(found.dimensionality, mean, Tolerance::golden());
            }

            assert_eq!(found.features[0], 0);
            let cosines = cosines_in_order(&w, &found);
            let k = w.ncols();
            let expected = |i: usize, j: usize| match polytope {
                Polytope::Polygon(k) => (TAU * i.abs_diff(j) as f64 / k as f64).cos(),
                Polytope::Cube => {
                    let sign = |bits: usize, axis: usize| 1.0 - 2.0 * (bits >> axis & 1) as f64;
                    (0..3).map(|axis| sign(i, axis) * sign(j, axis) / 3.0).sum()
                }
                // Tight: h^2 = 1/3.
                Polytope::SquareAntiprism => {
                    let level = |corner: usize| 1.0 - 2.0 * (corner % 2) as f64;
                    let around = (FRAC_PI_4 * i.abs_diff(j) as f64).cos();
                    (2.0 * around + level(i) * level(j)) / 3.0
                }
                // Opposite corners beside each other.
                Polytope::Icosahedron if i / 2 == j / 2 => -1.0,
                _ => cosines[(i, j)],
            };
            for j in 0..k {
                for i in 0..j {
                    assert_close(cosines[(i, j)], expected(i, j), Tolerance::absolute(1e-12));
                }
            }
        }
    }
}

/// Calls `visit` with every order of `0..k`.
fn for_each_order(order: &mut Vec<usize>, from: usize, visit: &mut impl FnMut(&[usize])) {
    if from == order.len() {
        return visit(order);
    }
    for i in from..order.len() {
        order.swap(from, i);
        for_each_order(order, from + 1, visit);
        order.swap(from, i);
    }
}

#[test]
fn the_residual_is_the_smallest_over_all_orders() {
    for (polytope, w) in planted().into_iter().filter(|(p, _)| p.n_corners() <= 7) {
        let target = oracle::cosines(w.as_ref());
        let mut n_named = 0;
        for seed in 0..6 {
            let w = disguised(&w, 6, 0.012, seed);
            let cosines = oracle::cosines(w.as_ref());
            let k = w.ncols();
            let mut smallest = f64::INFINITY;
            for_each_order(&mut (0..k).collect(), 0, &mut |order| {
                let mut largest = 0.0_f64;
                for j in 0..k {
                    for i in 0..j {
                        let difference = cosines[(order[i], order[j])] - target[(i, j)];
                        largest = largest.max(difference.abs());
                    }
                }
                smallest = smallest.min(largest);
            });
            let found = name_component(w.as_ref(), TOLERANCE).unwrap();
            let simplex = match polytope {
                Polytope::Simplex(k) => 0.5 / (k * (k - 1)) as f64,
                _ => f64::INFINITY,
            };
            assert_eq!(found.polytope.is_some(), smallest <= TOLERANCE.min(simplex));
            if let Some(residual) = found.residual {
                assert_close(residual, smallest, Tolerance::absolute(1e-12));
                n_named += 1;
            }
        }
        assert!(
            n_named > 0 || polytope == Polytope::Simplex(6),
            "{polytope}"
        );
    }
}

#[test]
fn antiprisms_of_any_height_are_recognised_and_measured() {
    for height_sq in [
        0.16,
        0.2,
        1.0 / (1.0 + 8f64.sqrt()),
        0.3,
        1.0 / 3.0,
        0.4605,
        0.5,
        0.59,
    ] {
        let w = two_squares(f64::sqrt(height_sq), FRAC_PI_4);
        for seed in 0..4 {
            let found = name_component(disguised(&w, 5, 0.0, seed).as_ref(), 1e-9).unwrap();
            assert_eq!(
                found.polytope,
                Some(Polytope::SquareAntiprism),
                "{height_sq}"
            );
            assert_close(found.height.unwrap(), height_sq.sqrt(), Tolerance::golden());
            let found = name_component(disguised(&w, 5, 0.01, seed).as_ref(), 0.1).unwrap();
            assert!((found.height.unwrap() - height_sq.sqrt()).abs() < 0.03);
        }
    }
    // Flatter it comes near the octagon, taller near copies of a digon.
    for height_sq in [0.08, 0.12, 0.65, 0.8] {
        assert_eq!(name(&two_squares(f64::sqrt(height_sq), FRAC_PI_4)), None);
    }
    assert_eq!(
        name(&two_squares(0.0, FRAC_PI_4)),
        Some(Polytope::Polygon(8))
    );
}

#[test]
fn the_residual_of_an_antiprism_is_the_smallest_over_all_orders_at_the_best_height() {
    // The cosine of two corners d eighths apart is cos(pi d / 4) + h^2 (+-1 - cos(pi d / 4)).
    let around = |i: usize, j: usize| (FRAC_PI_4 * i.abs_diff(j) as f64).cos();
    let slope = |i: usize, j: usize| 1.0 - 2.0 * (i.abs_diff(j) % 2) as f64 - around(i, j);
    let pairs: Vec<(usize, usize)> = (0..8).flat_map(|j| (0..j).map(move |i| (i, j))).collect();
    let (mut n_named, mut n_irregular) = (0, 0);
    let cases = [
        (0.2, 0.02),
        (0.26, 0.02),
        (0.33, 0.02),
        (0.45, 0.02),
        (0.55, 0.025),
    ];
    for (seed, (height_sq, noise)) in cases.into_iter().enumerate() {
        let planted = two_squares(f64::sqrt(height_sq), FRAC_PI_4);
        let w = disguised(&planted, 3, noise, seed as u64);
        let cosines = oracle::cosines(w.as_ref());
        let mut smallest = f64::INFINITY;
        for_each_order(&mut (0..8).collect(), 0, &mut |order| {
            let found = |i: usize, j: usize| cosines[(order[i], order[j])];
            let sum = |f: &dyn Fn(usize, usize) -> f64| -> f64 {
                pairs.iter().map(|&(i, j)| f(i, j)).sum()
            };
            let height_sq = sum(&|i, j| slope(i, j) * (found(i, j) - around(i, j)))
                / sum(&|i, j| slope(i, j) * slope(i, j));
            let residual = pairs
                .iter()
                .map(|&(i, j)| (found(i, j) - around(i, j) - height_sq * slope(i, j)).abs())
                .fold(0.0, f64::max);
            smallest = smallest.min(residual);
        });
        let found = name_component(w.as_ref(), TOLERANCE).unwrap();
        assert_eq!(found.polytope.is_some(), smallest <= TOLERANCE);
        match found.residual {
            Some(residual) => {
                assert_close(residual, smallest, Tolerance::absolute(1e-12));
                n_named += 1;
            }
            None => n_irregular += 1,
        }
    }
    assert!(n_named >= 1 && n_irregular >= 1, "{n_named} {n_irregular}");
}

proptest! {
    #[test]
    fn turning_mixing_and_scaling_change_no_name(
        choice in 0..16usize,
        noise in 0.0..0.02,
        seed in strategy::seed(),
        rotation in strategy::rotation(5),
        exponent in -200..200i32,
    ) {
        let (_, planted) = planted().swap_remove(choice);
        let w = disguised(&planted, 5, noise, seed >> 3);
        let before = name_component(w.as_ref(), TOLERANCE).unwrap();
        let turned = geometry::rotate(rotation.as_ref(), w.as_ref());
        let reversed: Vec<usize> = (0..w.ncols()).rev().collect();
        let mixed = geometry::permute_columns(turned.as_ref(), &reversed);
        let scaled = geometry::with_norms(mixed.as_ref(), &vec![2f64.powi(exponent); w.ncols()]);
        let after = name_component(scaled.as_ref(), TOLERANCE).unwrap();
        let difference = before.residual.zip(after.residual).map_or(0.0, |(a, b)| (a - b).abs());
        prop_assert_eq!(before.polytope, after.polytope);
        prop_assert!(difference < 1e-10);
    }
}
