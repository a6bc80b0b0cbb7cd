//! The closed form of two features against the transform: neither knows of the other.

use superposition_testkit::proptest::collection::vec;
use superposition_testkit::proptest::prelude::*;
use superposition_testkit::strategy;

use super::population_loss::Route;
use crate::{
    Coupling, Dimensions, FeatureDistribution, FeatureProbability, FeatureSets, ToyModel,
    ToyModelConfig,
};

/// Weights of all sizes, with zeros.
fn weight() -> impl Strategy<Value = f32> {
    prop_oneof![
        6 => -1.5..1.5_f32,
        1 => Just(0.0),
        1 => -1e-3..1e-3_f32,
        1 => prop_oneof![Just(1e-20_f32), Just(-1e-6), Just(1.0), Just(-1.0)],
    ]
}

fn distributions() -> impl Strategy<Value = FeatureDistribution> {
    let sets = prop_oneof![
        Just(FeatureSets::Independent),
        Just(FeatureSets::Correlated { set_size: 2 }),
        Just(FeatureSets::Anticorrelated { set_size: 2 }),
        Just(FeatureSets::Correlated { set_size: 1 }),
    ];
    (strategy::probabilities(2), sets).prop_map(|(p, sets)| {
        let p = match sets {
            FeatureSets::Correlated { set_size: 2 } => vec![p[0]; 2],
            FeatureSets::Anticorrelated { .. } => vec![p[0] / 2.0; 2],
            _ => p,
        };
        let distribution = FeatureDistribution::new(2, &FeatureProbability::PerFeature(p));
        distribution.unwrap().with_sets(sets).unwrap()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn two_features_by_two_routes(
        parameters in (1..=2_usize).prop_flat_map(|m| vec(weight(), 4 * m)),
        b in vec(weight(), 2),
        distribution in distributions(),
        digits in 3..9_i32,
    ) {
        let n_hidden = parameters.len() / 4;
        let config = ToyModelConfig::new(Dimensions { n_features: 2, n_hidden })
            .with_coupling(Coupling::Untied);
        let model = ToyModel::new(config, [parameters, b].concat()).unwrap();
        let tolerance = 10.0_f64.powi(-digits);
        let route = |route| model.population_loss_by(route, &distribution, &[1.0, 0.5], tolerance);
        let (exact, transform) = (route(Route::Shortest), route(Route::Transform));
        prop_assert!(exact.converged() && exact.n_nodes == 0);
        prop_assert!(transform.converged(), "{transform:?}");
        let off = (transform.value - exact.value).abs();
        prop_assert!(off <= transform.error + exact.error, "{off:e}: {exact:?} {transform:?}");
    }
}

/// n = 2, m = 1, to 1e-6 of the value.
#[test]
fn relative_agreement() {
    for (w, b, p) in [
        ([1.0, -1.0], [0.01, 0.01], 0.1),
        ([1.0, -1.0], [0.0, 0.0], 0.001),
        ([0.7, 0.9], [-0.2, 0.1], 0.3),
        ([1.0, 1e-3], [-0.01, 0.005], 0.01),
        ([0.5, -0.8], [0.3, -0.3], 1.0),
    ] {
        let config = ToyModelConfig::new(Dimensions {
            n_features: 2,
            n_hidden: 1,
        });
        let model = ToyModel::new(config, [w, b].concat()).unwrap();
        let distribution = FeatureDistribution::new(2, &FeatureProbability::Same(p)).unwrap();
        let route =
            |route, tolerance| model.population_loss_by(route, &distribution, &[1.0; 2], tolerance);
        let exact = route(Route::Shortest, 1e-9).value;
        let transform = route(Route::Transform, 1e-6 * exact);
        assert!(transform.converged());
        assert!((transform.value - exact).abs() <= 1e-6 * exact);
    }
}
