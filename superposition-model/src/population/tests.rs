//! Closed forms against the transform: neither knows of the other.

use superposition_testkit::proptest::collection::vec;
use superposition_testkit::proptest::prelude::*;
use superposition_testkit::strategy;

use super::output;
use super::population_loss::Route;
use super::row::Row;
use super::slopes::Slopes;
use super::supports::{self, Activity};
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

/// An output among up to six features.
fn outputs() -> impl Strategy<Value = (FeatureDistribution, usize, f64, Vec<f64>)> {
    let sets = prop_oneof![
        3 => Just(FeatureSets::Independent),
        1 => (2..4_usize).prop_map(|set_size| FeatureSets::Correlated { set_size }),
        1 => (2..6_usize).prop_map(|set_size| FeatureSets::Anticorrelated { set_size }),
    ];
    (1..=6_usize, sets)
        .prop_flat_map(|(n, sets)| {
            let p = prop_oneof![6 => 0.001..=1.0, 1 => Just(0.0), 1 => Just(1.0)];
            (vec(p, n), Just(sets), 0..n, weight(), vec(weight(), n))
        })
        .prop_map(|(mut p, sets, own, b, g)| {
            match sets {
                FeatureSets::Correlated { set_size } => {
                    p.chunks_mut(set_size).for_each(|p| p.fill(p[0]));
                }
                FeatureSets::Anticorrelated { set_size } => p.chunks_mut(set_size).for_each(|p| {
                    let each = p[0] / p.len() as f64;
                    p.fill(each);
                }),
                FeatureSets::Independent => {}
            }
            let distribution =
                FeatureDistribution::new(p.len(), &FeatureProbability::PerFeature(p));
            let distribution = distribution.unwrap().with_sets(sets).unwrap();
            (
                distribution,
                own,
                b.into(),
                g.into_iter().map(f64::from).collect(),
            )
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]
    #[test]
    fn slopes_by_two_routes((distribution, own, b, mut g) in outputs(), digits in 3..10_i32) {
        // Where z is 0 for values other than 0, there is a kink, of which weights that are next to nothing may see either
        // side.
        let least: f64 = if b.abs() < 1e-3 { 1e-3 } else { 1e-9 };
        g.iter_mut().for_each(|g| *g = if *g < 0.0 { g.min(-least) } else { g.max(least) });
        let tolerance = 10.0_f64.powi(-digits);
        let mut by_g = vec![0.0; g.len()];
        let output = supports::Output { own, b, g: &g };
        let activity = Activity::Distribution(&distribution);
        let (closed, by_b) = supports::loss(&output, &activity, 1e-12, &mut by_g);
        let row = Row::new(own, b, &g, &distribution);
        let mut slopes = Slopes::new(&row);
        let part = output::relu(&row, tolerance, Some(&mut slopes));
        prop_assert!(part.error <= tolerance);
        // The closed form takes weights of 1e-9 for their series.
        let allowed = part.slope_error + closed.slope_error + 2e-9;
        let off = (slopes.b - by_b).abs();
        prop_assert!(off <= allowed, "by b {} and {by_b}: {off:e}, {part:?}", slopes.b);
        for (member, slope) in row.members.iter().zip(&slopes.g) {
            let expected = by_g[member.feature];
            let off = (slope - expected).abs();
            prop_assert!(off <= allowed, "{member:?} {slope} and {expected}: {off:e}, {part:?}");
        }
    }
}
