//! The expected loss against itself at a tighter tolerance, and against samples: whether its errors hold.

use proptest::collection::vec;
use proptest::prelude::*;
use superposition_model::population::PopulationObjective;
use superposition_model::{
    FeatureDistribution, FeatureProbability, FeatureSets, Initialization, ToyModel,
};
use superposition_testkit::oracle::finite_difference;
use superposition_testkit::strategy;
use superposition_testkit::tolerance::{Tolerance, assert_close, widen};

use super::{polygon, random, same};
use crate::support::{config, rng};

/// The models on which transforms are slow: features that hardly interfere, dead features, outputs that are never on.
fn hard() -> Vec<(ToyModel, f64)> {
    let mut models = Vec::new();
    for p in [0.001, 0.1, 0.5, 1.0] {
        for (noise, b) in [(0.0, -0.01), (1e-4, -0.01), (1e-4, 0.0), (1e-2, -0.01)] {
            let w = [1.0, 0.0, -1.0, 0.0, 0.0, 1.0, 0.0, -1.0]
                .into_iter()
                .enumerate();
            let w = w.map(|(k, w)| w + noise * ((7 * k % 5) as f32 - 2.0));
            let parameters = w.chain([b; 4]).collect();
            models.push((ToyModel::new(config(4, 2), parameters).unwrap(), p));
        }
        let pentagon = polygon(5, 1.13462, -0.24633);
        for scale in [0.0_f32, 1e-3, 1e-12] {
            let mut parameters = vec![0.0; 30];
            parameters[..10].copy_from_slice(&pentagon.parameters()[..10]);
            for (k, w) in parameters[10..20].iter_mut().enumerate() {
                *w = scale * (k as f32 - 4.2);
            }
            parameters[20..25].fill(-0.24633);
            parameters[25..].fill(p as f32 / 2.0);
            models.push((ToyModel::new(config(10, 2), parameters).unwrap(), p));
        }
        models.push((pentagon, p));
        // Random directions of norm about 1.
        let mut rng = rng(1);
        let normal = Initialization::Normal { std: 0.3 };
        for b in [-0.05, -2.0, 0.0] {
            let mut model = ToyModel::random(config(40, 12), normal, &mut rng).unwrap();
            let layout = model.layout();
            model.parameters_mut()[layout.b.unwrap()].fill(b);
            models.push((model, p));
        }
    }
    models
}

#[track_caller]
fn errors_hold(model: &ToyModel, distribution: &FeatureDistribution) {
    let importance: Vec<f32> = (0..model.dimensions().n_features)
        .map(|i| 0.9_f32.powi(i as i32))
        .collect();
    let loss = |tolerance| {
        model
            .population_loss(distribution, &importance, tolerance)
            .unwrap()
    };
    let reference = loss(1e-10);
    for tolerance in [1e-2, 1e-4, 1e-6, 1e-8] {
        let loss = loss(tolerance);
        assert!(loss.converged(), "{loss:?}");
        let off = (loss.value - reference.value).abs();
        assert!(
            off <= loss.error + reference.error,
            "{loss:?} is off by {off:e} from {reference:?}"
        );
    }
}

#[test]
fn errors_hold_on_hard_models() {
    for (model, p) in hard() {
        errors_hold(&model, &same(model.dimensions().n_features, p));
    }
}

#[test]
fn errors_hold_on_random_models() {
    for index in 0..50 {
        let (model, distribution) = random(index, 60.0);
        errors_hold(&model, &distribution);
    }
}

/// The mean loss over samples, and its standard error.
fn sampled(
    model: &ToyModel,
    distribution: &FeatureDistribution,
    importance: &[f32],
    batch_size: usize,
    seed: u64,
) -> (f64, f64) {
    let n_batches = 60;
    let mut rng = rng(seed);
    let losses: Vec<f64> = (0..n_batches)
        .map(|_| {
            let x = distribution.sample(batch_size, &mut rng);
            model.loss(x.as_ref(), importance)
        })
        .collect();
    let mean = losses.iter().sum::<f64>() / f64::from(n_batches);
    let squares: f64 = losses
        .iter()
        .map(|loss| (loss - mean) * (loss - mean))
        .sum();
    (
        mean,
        (squares / f64::from(n_batches * (n_batches - 1))).sqrt(),
    )
}

/// 4 sigmas, of fewer samples than the full run of the example `population_loss` (10^7 for each of 50 models).
#[test]
fn samples_agree() {
    for index in 0..20 {
        let (model, distribution) = random(index, 100.0);
        let n = model.dimensions().n_features;
        let importance: Vec<f32> = (0..n).map(|i| 1.0 / (1.0 + i as f32)).collect();
        let expected = model
            .population_loss(&distribution, &importance, 1e-8)
            .unwrap()
            .value;
        let (mean, error) = sampled(&model, &distribution, &importance, 1000, 5000 + index);
        let tolerance = Tolerance::statistical(4.0, error);
        assert_close(mean, expected, tolerance);
        // The control: a bias that is off by a little more than the noise shows.
        let mut other = model.clone();
        let b = other.layout().b.unwrap();
        other.parameters_mut()[b].iter_mut().for_each(|b| *b += 0.3);
        let shifted = other
            .population_loss(&distribution, &importance, 1e-8)
            .unwrap()
            .value;
        assert!(!tolerance.accepts(mean, shifted), "model {index}");
    }
}

/// The closed form of up to 8 features by the transform, by samples, and its gradient by differences.
#[test]
fn two_hundred_configurations() {
    for index in 0..200 {
        let (model, distribution) = random(10_000 + index, 8.0);
        let n = model.dimensions().n_features;
        let importance: Vec<f32> = (0..n).map(|i| 1.0 / (1.0 + i as f32)).collect();
        let objective =
            PopulationObjective::new(*model.config(), distribution.clone(), &widen(&importance))
                .unwrap();
        assert!(objective.is_closed_form());
        let parameters = widen(model.parameters());
        let mut gradient = vec![0.0; parameters.len()];
        let closed = objective.value_and_gradient(&parameters, &mut gradient);

        let reference = objective.clone().by_transform(1e-9).unwrap();
        let mut by_transform = vec![0.0; parameters.len()];
        let transform = reference.value_and_gradient(&parameters, &mut by_transform);
        let off = (closed.value - transform.value).abs();
        assert!(closed.error < 1e-11, "{index}: {closed:?}");
        assert!(off <= closed.error + transform.error, "{index}: {off:e}");

        let value = |at: &[f64]| objective.value(at).value;
        let finite = finite_difference(value, &parameters, 1e-6);
        for (k, &slope) in gradient.iter().enumerate() {
            assert!(
                (slope - finite[k]).abs() <= 1e-6,
                "{index}: {slope} {}",
                finite[k]
            );
            assert!(
                (slope - by_transform[k]).abs() <= 1e-6,
                "{index}: {slope} {}",
                by_transform[k]
            );
        }

        let (mean, error) = sampled(&model, &distribution, &importance, 200, 6000 + index);
        assert_close(mean, closed.value, Tolerance::statistical(4.0, error));
    }
}

/// Sums of independent features and of sets of size 1, in any order of the features, are the same.
#[test]
fn order_and_trivial_sets_change_nothing() {
    for index in [2, 4, 7, 12] {
        let (model, distribution) = random(index, 30.0);
        let (n, m) = (model.dimensions().n_features, model.dimensions().n_hidden);
        let importance: Vec<f32> = (0..n).map(|i| 1.0 / (1.0 + i as f32)).collect();
        let loss = model
            .population_loss(&distribution, &importance, 1e-8)
            .unwrap();
        for sets in [
            FeatureSets::Correlated { set_size: 1 },
            FeatureSets::Anticorrelated { set_size: 1 },
        ] {
            let trivial = distribution.clone().with_sets(sets).unwrap();
            let other = model.population_loss(&trivial, &importance, 1e-8).unwrap();
            assert!((other.value - loss.value).abs() <= other.error + loss.error);
        }
        let layout = model.layout();
        let mut parameters: Vec<f32> = model.parameters().to_vec();
        let mut reverse = |range: std::ops::Range<usize>, size: usize| {
            let old = parameters[range.clone()].to_vec();
            for (new, old) in parameters[range].chunks_mut(size).zip(old.rchunks(size)) {
                new.copy_from_slice(old);
            }
        };
        reverse(layout.w.clone(), m);
        if layout.w_dec != layout.w {
            reverse(layout.w_dec, m);
        }
        reverse(layout.b.unwrap(), 1);
        let reversed = ToyModel::new(*model.config(), parameters).unwrap();
        let p = distribution
            .feature_probability()
            .iter()
            .rev()
            .copied()
            .collect();
        let p = FeatureDistribution::new(n, &FeatureProbability::PerFeature(p)).unwrap();
        let importance: Vec<f32> = importance.iter().rev().copied().collect();
        let other = reversed.population_loss(&p, &importance, 1e-8).unwrap();
        assert!((other.value - loss.value).abs() <= other.error + loss.error);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    /// Rows with weights of all sizes, any probabilities, any sets.
    #[test]
    fn errors_hold_at_the_edges(
        (n, weights, b, p, fates) in (1..7_usize).prop_flat_map(|n| (
            Just(n),
            vec(-1.2..1.2_f32, 2 * n),
            vec(prop_oneof![Just(0.0), -0.5..0.5_f32], n),
            strategy::probabilities(n),
            vec(prop_oneof![4 => Just(1.0_f32), 1 => Just(0.0), 1 => Just(1e-2), 1 => Just(1e-5)], n),
        )),
        set_size in 1..4_usize,
        kind in 0..3_usize,
        digits in 2..8_i32,
    ) {
        let (sets, share) = match kind {
            0 => (FeatureSets::Independent, 1.0),
            1 => (FeatureSets::Correlated { set_size }, 1.0),
            _ => (FeatureSets::Anticorrelated { set_size }, set_size as f64),
        };
        let p = (0..n).map(|i| if kind == 0 { p[i] } else { p[i / set_size * set_size] / share }).collect();
        let distribution = FeatureDistribution::new(n, &FeatureProbability::PerFeature(p)).unwrap();
        let distribution = distribution.with_sets(sets).unwrap();
        let w = weights.iter().enumerate().map(|(k, w)| w * fates[k / 2]);
        let model = ToyModel::new(config(n, 2), w.chain(b).collect()).unwrap();
        let loss = |tolerance| model.population_loss(&distribution, &vec![1.0; n], tolerance).unwrap();
        let (reference, loss) = (loss(1e-9), loss(10.0_f64.powi(-digits)));
        prop_assert!(loss.converged(), "{:?}", loss);
        let off = (loss.value - reference.value).abs();
        prop_assert!(off <= loss.error + reference.error, "{:?} is off by {:e} from {:?}", loss, off, reference);
    }
}

/// Numbers that exponentials and squares could carry out of f64, and what cannot be reached.
#[test]
fn extremes_are_reported_not_hidden() {
    for scale in [1e-30_f32, 1e-10, 30.0, 1e6, 1e18] {
        for p in [0.01, 1.0] {
            let mut parameters: Vec<f32> = (0..60)
                .map(|k| scale * ((k * 37 % 61) as f32 / 61.0 - 0.5))
                .collect();
            parameters.extend([scale, -scale, 0.1, -0.1, 0.0].repeat(4));
            let model = ToyModel::new(config(20, 3), parameters).unwrap();
            let loss = model
                .population_loss(&same(20, p), &[1.0; 20], 1e-6)
                .unwrap();
            assert!(
                loss.value.is_finite() && loss.value >= 0.0,
                "{scale} {p} {loss:?}"
            );
            assert!(
                loss.error < 1e-6 + 1e-9 * loss.value,
                "{scale} {p} {loss:?}"
            );
        }
    }
    // Many active features, and a bias that cancels their sum.
    let n = 300;
    let parameters = [vec![0.5; n], vec![-0.25 * n as f32 / 2.0; n]].concat();
    let model = ToyModel::new(config(n, 1), parameters).unwrap();
    let loss = model
        .population_loss(&same(n, 1.0), &vec![1.0; n], 1e-8)
        .unwrap();
    assert!(loss.converged(), "{loss:?}");
    // A tolerance below rounding.
    let (model, distribution) = random(2, 30.0);
    let n = model.dimensions().n_features;
    let loss = model
        .population_loss(&distribution, &vec![1.0; n], 1e-30)
        .unwrap();
    assert!(!loss.converged() && loss.error < 1e-9 && loss.tolerance == 1e-30);
}
