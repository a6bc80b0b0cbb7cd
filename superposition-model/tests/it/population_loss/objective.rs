//! The loss in closed form over every set of active features: against the transform, samples of nothing, and itself.

use proptest::collection::vec;
use proptest::prelude::*;
use superposition_model::population::PopulationObjective;
use superposition_model::{
    Coupling, FeatureDistribution, FeatureProbability, FeatureSets, ModelError, Output, ToyModel,
    ToyModelConfig,
};
use superposition_testkit::oracle::finite_difference;
use superposition_testkit::tolerance::{Tolerance, assert_close, widen};

use super::same;
use crate::support::config;

/// Weights of all sizes, with zeros, as f32 so that models hold the same.
fn weight() -> impl Strategy<Value = f32> {
    prop_oneof![
        8 => -1.5..1.5_f32,
        1 => Just(0.0),
        1 => -1e-3..1e-3_f32,
        1 => prop_oneof![Just(1e-20_f32), Just(-1e-6), Just(1.0), Just(-1.0)],
    ]
}

fn sets() -> impl Strategy<Value = FeatureSets> {
    prop_oneof![
        4 => Just(FeatureSets::Independent),
        1 => (1..4_usize).prop_map(|set_size| FeatureSets::Correlated { set_size }),
        1 => (1..7_usize).prop_map(|set_size| FeatureSets::Anticorrelated { set_size }),
    ]
}

#[derive(Clone, Debug)]
struct Case {
    config: ToyModelConfig,
    parameters: Vec<f32>,
    distribution: FeatureDistribution,
    importance: Vec<f32>,
}

fn case(max_features: usize) -> impl Strategy<Value = Case> {
    let coupling = prop_oneof![Just(Coupling::Tied), Just(Coupling::Untied)];
    let output = prop_oneof![4 => Just(Output::Relu), 1 => Just(Output::Linear)];
    (1..=max_features, 1..=3_usize, coupling, output)
        .prop_flat_map(|(n, m, coupling, output)| {
            let config = config(n, m).with_coupling(coupling).with_output(output);
            let n_parameters = config.n_parameters().unwrap();
            (
                Just(config),
                vec(weight(), n_parameters),
                vec(
                    prop_oneof![6 => 0.0..=1.0, 1 => Just(0.0), 1 => Just(1.0)],
                    n,
                ),
                sets(),
                vec(prop_oneof![4 => 0.01..2.0_f32, 1 => Just(0.0)], n),
            )
        })
        .prop_map(|(config, parameters, mut p, sets, importance)| {
            match sets {
                FeatureSets::Independent => {}
                FeatureSets::Correlated { set_size } => {
                    p.chunks_mut(set_size).for_each(|p| p.fill(p[0]));
                }
                FeatureSets::Anticorrelated { set_size } => p.chunks_mut(set_size).for_each(|p| {
                    let each = p[0] / p.len() as f64;
                    p.fill(each);
                }),
            }
            let n = config.dimensions.n_features;
            let distribution =
                FeatureDistribution::new(n, &FeatureProbability::PerFeature(p)).unwrap();
            Case {
                config,
                parameters,
                distribution: distribution.with_sets(sets).unwrap(),
                importance,
            }
        })
}

impl Case {
    fn objective(&self) -> PopulationObjective {
        let importance = widen(&self.importance);
        PopulationObjective::new(self.config, self.distribution.clone(), &importance).unwrap()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn the_transform_agrees(case in case(7)) {
        let model = ToyModel::new(case.config, case.parameters.clone()).unwrap();
        let transform = model.population_loss(&case.distribution, &case.importance, 1e-9).unwrap();
        let closed = case.objective().value(&widen(&case.parameters));
        let off = (closed.value - transform.value).abs();
        // Mostly 1e-12; weights that are tiny on different scales leave the closed forms fewer digits, and they say so.
        prop_assert!(closed.error < 1e-5, "{closed:?}");
        prop_assert!(off <= closed.error + transform.error, "{off:e}: {closed:?} {transform:?}");
    }

    #[test]
    fn parts_make_the_whole(case in case(6)) {
        let objective = case.objective();
        let parameters = widen(&case.parameters);
        let whole = objective.value(&parameters);
        let parts = objective.by_active(&parameters).unwrap();
        let sum: f64 = parts.iter().sum();
        prop_assert!((sum - whole.value).abs() <= 1e-12 + whole.error, "{parts:?} {whole:?}");
    }

    /// Where no kink is near: a bias away from 0, which is what z is where nothing is active.
    #[test]
    fn finite_differences(case in case(6), sign in any::<bool>()) {
        let objective = case.objective();
        let mut at = widen(&case.parameters);
        for b in &mut at[objective.layout().b.clone().unwrap()] {
            *b += if sign { 1.6 } else { -1.6 };
        }
        let mut gradient = vec![0.0; at.len()];
        objective.value_and_gradient(&at, &mut gradient);
        let expected = finite_difference(|x| objective.value(x).value, &at, 1e-5);
        for (found, expected) in gradient.iter().zip(&expected) {
            prop_assert!((found - expected).abs() < 1e-6 * expected.abs().max(1.0), "{gradient:?} {expected:?}");
        }
    }
}

/// Parameters at which derivatives are continuous but kinks run through the cubes.
#[test]
fn finite_differences_beside_kinks() {
    let pentagon = super::polygon(5, 1.13462, -0.24633);
    let square: Vec<f32> = vec![
        1.0, 0.0, -1.0, 0.0, 0.0, 1.0, 0.0, -1.0, 0.02, 0.01, 0.02, 0.03,
    ];
    let models = [
        pentagon,
        ToyModel::new(config(4, 2), square).unwrap(),
        ToyModel::new(config(2, 1), vec![1.01, -0.98, 0.02, 0.01]).unwrap(),
    ];
    for model in models {
        for p in [0.05, 0.5, 1.0] {
            let n = model.dimensions().n_features;
            let objective =
                PopulationObjective::new(*model.config(), same(n, p), &vec![1.0; n]).unwrap();
            let at = widen(model.parameters());
            let mut gradient = vec![0.0; at.len()];
            objective.value_and_gradient(&at, &mut gradient);
            let expected = finite_difference(|x| objective.value(x).value, &at, 1e-5);
            for (&found, &expected) in gradient.iter().zip(&expected) {
                assert_close(found, expected, Tolerance::absolute(1e-8));
            }
        }
    }
}

/// The least loss of RESULTS X6, as the sum over features, and the expansion of its optimum at small p.
#[test]
fn the_optimum_of_a_pair() {
    for (p, expected) in [(0.1, 0.0033195), (0.5, 0.0762824), (0.9, 0.0970942)] {
        let objective = PopulationObjective::new(config(2, 1), same(2, p), &[1.0; 2]).unwrap();
        // Descent with momentum along W = (w, -w), b = (b, b), which the gradient does not leave.
        let mut at = [1.0, -1.0, 0.0, 0.0];
        let (mut gradient, mut velocity) = ([0.0; 4], [0.0; 4]);
        for _ in 0..10_000 {
            objective.value_and_gradient(&at, &mut gradient);
            for k in 0..4 {
                velocity[k] = 0.95 * velocity[k] - 0.2 * gradient[k] / p;
                at[k] += velocity[k];
            }
        }
        let loss = 2.0 * objective.value(&at).value;
        assert_close(loss, expected, Tolerance::absolute(1e-6));
    }
}

#[test]
fn one_active_feature_at_a_time() {
    // Of a hundred; C23's pentagon with dead features, in closed form: H / (3 c), here a mean over features.
    let n = 90;
    let sets = FeatureSets::Anticorrelated { set_size: n };
    let distribution = same(n, 1.0 / n as f64).with_sets(sets).unwrap();
    let objective = PopulationObjective::new(config(n, 2), distribution, &vec![1.0; n]).unwrap();
    let parameters = vec![0.0; 3 * n];
    let loss = objective.value(&parameters);
    assert_close(
        loss.value,
        1.0 / (3.0 * n as f64),
        Tolerance::relative(1e-13),
    );
}

/// Beyond closed forms the parts are not known, the loss and its gradient are.
#[test]
fn many_features() {
    for (n, sets) in [
        (14, FeatureSets::Independent),
        (12, FeatureSets::Correlated { set_size: 2 }),
        (100, FeatureSets::Anticorrelated { set_size: 2 }),
    ] {
        let distribution = same(n, 0.1).with_sets(sets).unwrap();
        let objective =
            PopulationObjective::new(config(n, 2), distribution.clone(), &vec![1.0; n]).unwrap();
        assert!(!objective.is_closed_form());
        let expected = ModelError::TooManySupports {
            n_features: n,
            sets,
        };
        let parameters: Vec<f64> = (0..3 * n).map(|i| (i as f64).sin() / 2.0).collect();
        assert_eq!(objective.by_active(&parameters).unwrap_err(), expected);
        let mut gradient = vec![0.0; 3 * n];
        let loss = objective.value_and_gradient(&parameters, &mut gradient);
        assert!(loss.converged() && loss.gradient_error < 1e-9, "{loss:?}");
        let model =
            ToyModel::new(config(n, 2), parameters.iter().map(|&x| x as f32).collect()).unwrap();
        let again = model
            .population_loss(&distribution, &vec![1.0; n], 1e-9)
            .unwrap();
        // The parameters rounded to f32.
        assert_close(again.value, loss.value, Tolerance::relative(1e-7));
        let value = |start: &[f64]| {
            let at = [start, &parameters[start.len()..]].concat();
            objective.value(&at).value
        };
        let finite = finite_difference(value, &parameters[..20], 1e-4);
        for (gradient, finite) in gradient.iter().zip(finite) {
            assert!((gradient - finite).abs() < 1e-6, "{gradient} {finite}");
        }
        let linear = config(n, 2).with_output(Output::Linear);
        let linear = PopulationObjective::new(linear, distribution, &vec![1.0; n]).unwrap();
        assert!(linear.is_closed_form());
        assert_eq!(linear.by_active(&parameters).unwrap_err(), expected);
    }
}
