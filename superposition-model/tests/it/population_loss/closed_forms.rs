//! The expected loss against closed forms and published values.

use superposition_model::{
    Bias, FeatureDistribution, FeatureSets, Initialization, Output, ToyModel,
};
use superposition_testkit::tolerance::{Tolerance, assert_close};

use super::{polygon, same};
use crate::support::{bias, config, rng, wide};

fn value(model: &ToyModel, distribution: &FeatureDistribution, tolerance: f64) -> f64 {
    let n = model.dimensions().n_features;
    let loss = model
        .population_loss(distribution, &vec![1.0; n], tolerance)
        .unwrap();
    assert!(loss.converged(), "{loss:?}");
    loss.value
}

/// `G = W_dec^T W`.
fn gram(model: &ToyModel, j: usize, i: usize) -> f64 {
    let (w, w_dec) = (wide(model.w()), wide(model.w_dec()));
    (0..w.nrows()).map(|k| w_dec[(k, j)] * w[(k, i)]).sum()
}

/// The integral of (x - relu(b + g x))^2, or of relu(b + g x)^2 for another's output, over x in (0, 1).
fn one_active(b: f64, g: f64, own: bool) -> f64 {
    let own = f64::from(u8::from(own));
    let root = (-b / g).clamp(0.0, 1.0);
    // The integral of (a + c x)^2.
    let square = |a: f64, c: f64, low: f64, high: f64| {
        a * a * (high - low)
            + a * c * (high * high - low * low)
            + c * c * (high.powi(3) - low.powi(3)) / 3.0
    };
    let piece = |low: f64, high: f64| match b + g * (low + high) / 2.0 > 0.0 {
        true => square(b, g - own, low, high),
        false => square(0.0, own, low, high),
    };
    piece(0.0, root) + piece(root, 1.0)
}

/// Always exactly one active feature: an anticorrelated set of all with p = 1/n (X9: L = H / 3c).
#[test]
fn one_active_feature_is_closed_form() {
    for seed in 0..100 {
        let n = 1 + seed as usize % 12;
        let mut model = ToyModel::random(
            config(n, 1 + seed as usize % 4),
            Initialization::Normal { std: 0.8 },
            &mut rng(seed),
        )
        .unwrap();
        let layout = model.layout();
        for (k, b) in model.parameters_mut()[layout.b.unwrap()]
            .iter_mut()
            .enumerate()
        {
            *b = 0.3 - 0.17 * (k as f32 + seed as f32 % 3.0);
        }
        let sets = FeatureSets::Anticorrelated { set_size: n };
        let distribution = same(n, 1.0 / n as f64).with_sets(sets).unwrap();
        let b = bias(&model);
        let mut expected = 0.0;
        for (j, &b) in b.iter().enumerate() {
            for i in 0..n {
                expected += one_active(b, gram(&model, j, i), i == j) / (n * n) as f64;
            }
        }
        let loss = model
            .population_loss(&distribution, &vec![1.0; n], 1e-6)
            .unwrap();
        assert_eq!(loss.n_nodes, 0);
        assert!((loss.value - expected).abs() <= loss.error + 1e-14 * expected.max(1.0));
        assert_close(loss.value, expected, Tolerance::golden());
    }
}

#[test]
fn nothing_learned_costs_the_variance() {
    for p in [0.0, 0.001, 0.3, 1.0] {
        let zero = |b: f64| {
            let parameters = [vec![0.0; 6], vec![b as f32; 3]].concat();
            ToyModel::new(config(3, 2), parameters).unwrap()
        };
        let b = f64::from((p / 2.0) as f32);
        let variance = p / 3.0 - p * p / 4.0;
        let expected = variance + (b - p / 2.0) * (b - p / 2.0);
        assert_close(
            value(&zero(b), &same(3, p), 1e-9),
            expected,
            Tolerance::absolute(1e-15),
        );
        assert_close(
            value(&zero(-1.0), &same(3, p), 1e-9),
            p / 3.0,
            Tolerance::ulps_f64(2),
        );
    }
}

/// The identity is perfect, with m = n and any p.
#[test]
fn the_identity_costs_nothing() {
    for n in [1, 2, 5] {
        let identity = (0..n * n).map(|k| f32::from(u8::from(k / n == k % n)));
        let config = config(n, n).with_bias(Bias::None);
        let model = ToyModel::new(config, identity.collect()).unwrap();
        for p in [0.0, 0.1, 1.0] {
            let loss = value(&model, &same(n, p), 1e-9);
            assert!(loss.abs() < 1e-14, "{loss:e}");
        }
    }
}

#[test]
fn the_linear_model_is_closed_form() {
    // Drop one of two features, with bias p/2: the variance of one.
    let config = config(2, 1).with_output(Output::Linear);
    let model = ToyModel::new(config, vec![1.0, 0.0, 0.0, 0.125]).unwrap();
    let p = 0.25;
    assert_close(
        value(&model, &same(2, p), 1e-9),
        (p / 3.0 - p * p / 4.0) / 2.0,
        Tolerance::ulps_f64(4),
    );
    // A correlated pair (x, y) in one dimension: x' = y' = (x + y)/2. E (x - y)^2 / 4 = p/24.
    let half = 0.5_f32.sqrt();
    let model = ToyModel::new(config, vec![half, half, 0.0, 0.0]).unwrap();
    let pair = same(2, p)
        .with_sets(FeatureSets::Correlated { set_size: 2 })
        .unwrap();
    assert_close(value(&model, &pair, 1e-9), p / 24.0, Tolerance::ulps_f32(4));
    // Never together: E (x^2 + y^2) / 4 = p/6.
    let pair = same(2, p)
        .with_sets(FeatureSets::Anticorrelated { set_size: 2 })
        .unwrap();
    assert_close(value(&model, &pair, 1e-9), p / 6.0, Tolerance::ulps_f32(4));
}

/// X8: the optimal pentagon at p = .05, and X4: the antipodal pair, (1 + r) p^2 / 6 (both sums over features).
#[test]
fn published_values() {
    let pentagon = polygon(5, 1.13462, -0.24633);
    let loss = 5.0 * value(&pentagon, &same(5, 0.05), 1e-9);
    assert_close(loss, 0.0089036, Tolerance::absolute(5e-8));
    let pair = ToyModel::new(config(2, 1), vec![1.0, -1.0, 0.0, 0.0]).unwrap();
    for (r, p) in [(1.0, 0.3), (0.25, 0.01), (2.0, 1.0)] {
        let loss = pair.population_loss(&same(2, p), &[1.0, r], 1e-9).unwrap();
        let expected = (1.0 + f64::from(r)) * p * p / 6.0;
        assert_close(loss.value, expected / 2.0, Tolerance::absolute(loss.error));
        assert!(loss.error < 1e-14 * p);
    }
}

/// The least value that Nelder and Mead's simplex reaches from a start.
fn minimum(f: &dyn Fn(&[f64]) -> f64, start: &[f64]) -> f64 {
    let n = start.len();
    let mut simplex: Vec<(f64, Vec<f64>)> = (0..=n)
        .map(|k| {
            let mut x = start.to_vec();
            if k < n {
                x[k] += 0.1;
            }
            (f(&x), x)
        })
        .collect();
    for _ in 0..600 {
        simplex.sort_by(|a, b| a.0.total_cmp(&b.0));
        let worst = simplex[n].clone();
        let along = |t: f64| {
            let x: Vec<f64> = (0..n)
                .map(|k| {
                    let centre = simplex[..n].iter().map(|(_, x)| x[k]).sum::<f64>() / n as f64;
                    centre + t * (worst.1[k] - centre)
                })
                .collect();
            (f(&x), x)
        };
        let reflected = along(-1.0);
        let next = if reflected.0 < simplex[0].0 {
            let further = along(-2.0);
            if further.0 < reflected.0 {
                further
            } else {
                reflected
            }
        } else if reflected.0 < simplex[n - 1].0 {
            reflected
        } else {
            along(if reflected.0 < worst.0 { -0.5 } else { 0.5 })
        };
        if next.0 < worst.0 {
            simplex[n] = next;
        } else {
            let best = simplex[0].1.clone();
            for (value, x) in &mut simplex[1..] {
                x.iter_mut()
                    .zip(&best)
                    .for_each(|(x, best)| *x = 0.5 * (*x + best));
                *value = f(x);
            }
        }
    }
    simplex
        .iter()
        .map(|(value, _)| *value)
        .fold(f64::INFINITY, f64::min)
}

/// X6: the exact optimum of two features in one dimension, W and b free.
#[test]
fn the_exact_optimum_of_two_features() {
    for (p, expected) in [
        (0.1, 0.0033195),
        (0.3, 0.0293104),
        (0.5, 0.0762824),
        (0.7, 0.1081064),
        (0.9, 0.0970942),
        (1.0, 0.0832542),
    ] {
        let distribution = same(2, p);
        let loss = |x: &[f64]| {
            let parameters = x.iter().map(|&x| x as f32).collect();
            let model = ToyModel::new(config(2, 1), parameters).unwrap();
            2.0 * model
                .population_loss(&distribution, &[1.0; 2], 1e-9)
                .unwrap()
                .value
        };
        let starts = [
            [1.0, -1.0, 0.0, 0.0],
            [1.0, -0.5, 0.0, 0.4],
            [0.8, -0.7, 0.2, 0.3],
            [1.0, -0.3, 0.1, 0.5],
        ];
        let found = starts
            .map(|start| minimum(&loss, &start))
            .into_iter()
            .fold(f64::INFINITY, f64::min);
        assert_close(found, expected, Tolerance::absolute(1e-6));
        // dL/db < 0 at W = [1, -1], b = 0, which therefore is no optimum.
        assert!(loss(&[1.0, -1.0, 0.001, 0.001]) < loss(&[1.0, -1.0, 0.0, 0.0]) || p > 0.99);
    }
}
