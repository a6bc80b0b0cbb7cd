//! The expected loss.

mod accuracy;
mod closed_forms;
mod objective;

use rand_chacha::rand_core::Rng;
use superposition_model::{
    Coupling, FeatureDistribution, FeatureProbability, FeatureSets, Initialization, ModelError,
    ToyModel,
};

use crate::support::{config, rng};

pub(super) fn same(n: usize, p: f64) -> FeatureDistribution {
    FeatureDistribution::new(n, &FeatureProbability::Same(p)).unwrap()
}

/// A regular polygon in two dimensions.
pub(super) fn polygon(n: usize, norm: f64, b: f64) -> ToyModel {
    let angles = (0..n).map(|i| 2.0 * std::f64::consts::PI * i as f64 / n as f64);
    let w = angles.flat_map(|angle| [(norm * angle.cos()) as f32, (norm * angle.sin()) as f32]);
    ToyModel::new(config(n, 2), w.chain(vec![b as f32; n]).collect()).unwrap()
}

/// A model and a distribution of any kind; how many features is up to `index` too.
pub(super) fn random(index: u64, most: f64) -> (ToyModel, FeatureDistribution) {
    let mut rng = rng(1000 + index);
    let mut unit = || (f64::from(rng.next_u32()) + 0.5) / 4_294_967_296.0;
    let n = most.powf(unit()).round() as usize;
    let m = 1 + (unit() * 20.0_f64.min(n as f64)) as usize;
    let p = if index % 10 == 9 {
        1.0
    } else {
        0.001_f64.powf(1.2 * unit()).max(0.001)
    };
    let set_size = 1 + (6.0 * unit()) as usize;
    let sets = match index % 5 {
        0 => FeatureSets::Correlated { set_size },
        1 if p * set_size as f64 <= 1.0 => FeatureSets::Anticorrelated { set_size },
        _ => FeatureSets::Independent,
    };
    let probability = match index % 5 {
        2 => (0..n)
            .map(|_| if unit() < 0.1 { 1.0 } else { p * unit() })
            .collect(),
        _ => vec![p; n],
    };
    let distribution = FeatureDistribution::new(n, &FeatureProbability::PerFeature(probability));
    let coupling = if index % 4 == 3 {
        Coupling::Untied
    } else {
        Coupling::Tied
    };
    let std = 1.2 * unit() / (m as f64).sqrt();
    let shift = unit();
    let config = config(n, m).with_coupling(coupling);
    let mut model = ToyModel::random(config, Initialization::Normal { std }, &mut rng).unwrap();
    let b = model.layout().b.unwrap();
    for (k, b) in model.parameters_mut()[b].iter_mut().enumerate() {
        *b = (0.4 * ((k as f64 * 0.618 + shift) % 1.0) - 0.3) as f32;
    }
    (model, distribution.unwrap().with_sets(sets).unwrap())
}

#[test]
fn bad_values_are_refused() {
    let mut model = polygon(3, 1.0, 0.0);
    for tolerance in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let error = model
            .population_loss(&same(3, 0.1), &[1.0; 3], tolerance)
            .unwrap_err();
        assert!(matches!(error, ModelError::LossTolerance { .. }));
    }
    let error = model
        .population_loss(&same(3, 0.1), &[1.0; 3], 0.0)
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "tolerance is 0; it must be finite and greater than 0"
    );
    for value in [-1.0, f32::NAN, f32::INFINITY] {
        let error = model
            .population_loss(&same(3, 0.1), &[1.0, value, 1.0], 1e-6)
            .unwrap_err();
        assert!(matches!(
            error,
            ModelError::ImportanceValue { feature: 1, .. }
        ));
    }
    model.parameters_mut()[7] = f32::NAN;
    let error = model
        .population_loss(&same(3, 0.1), &[1.0; 3], 1e-6)
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "b[1] is NaN; every parameter must be finite"
    );
}

#[test]
#[should_panic(expected = "the distribution has 4 features; it must have 3")]
fn another_distribution_panics() {
    let _ = polygon(3, 1.0, 0.0).population_loss(&same(4, 0.1), &[1.0; 3], 1e-6);
}

#[test]
#[should_panic(expected = "importance has length 2; it must have length 3")]
fn another_importance_panics() {
    let _ = polygon(3, 1.0, 0.0).population_loss(&same(3, 0.1), &[1.0; 2], 1e-6);
}
