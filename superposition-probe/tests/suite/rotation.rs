//! Random bases as the baseline.

use superposition_probe::faer::Mat;
use superposition_probe::{
    PolysemanticityOptions, polysemanticity, polysemanticity_under_rotation,
};
use superposition_testkit::geometry::random_gaussian;
use superposition_testkit::tolerance::{Tolerance, assert_close};

use crate::{product, rng, sparse_features};

#[test]
fn a_privileged_basis_stands_out() {
    let features = sparse_features(8, 2000, 0.3, 1);
    let options = PolysemanticityOptions::default();
    let own = polysemanticity(features.as_ref(), features.as_ref(), &options).unwrap();
    let random = polysemanticity_under_rotation(
        features.as_ref(),
        features.as_ref(),
        &options,
        10,
        &mut rng(1),
    )
    .unwrap();
    assert_eq!((own.features_per_neuron, own.ratio), (1.0, 0.0));
    assert!(random.features_per_neuron.mean > 4.0);
    assert_eq!(random.polysemantic_ratio.mean, 1.0);
    assert_eq!(random.polysemantic_ratio.std, 0.0);
}

/// The control: in a random linear bottleneck the neurons' own basis is one of the random ones.
#[test]
fn a_linear_bottleneck_has_no_privileged_basis() {
    let features = sparse_features(30, 3000, 0.1, 2);
    let neurons = product(&random_gaussian(8, 30, 3), &features);
    let options = PolysemanticityOptions::default();
    let own = polysemanticity(neurons.as_ref(), features.as_ref(), &options).unwrap();
    let random = polysemanticity_under_rotation(
        neurons.as_ref(),
        features.as_ref(),
        &options,
        40,
        &mut rng(2),
    )
    .unwrap();
    let spread = &random.features_per_neuron;
    assert!(spread.std > 0.0);
    assert_close(
        own.features_per_neuron,
        spread.mean,
        Tolerance::statistical(4.0, spread.std),
    );
    let mean = spread.values.iter().sum::<f64>() / 40.0;
    assert_close(spread.mean, mean, Tolerance::ulps_f64(4));
    let squares: f64 = spread
        .values
        .iter()
        .map(|value| (value - mean).powi(2))
        .sum();
    assert_close(
        spread.std,
        (squares / 39.0).sqrt(),
        Tolerance::relative(1e-12),
    );
}

#[test]
fn dead_neurons_stay_dead_in_every_basis() {
    let neurons = Mat::from_fn(3, 100, |_, _| 0.1);
    let features = random_gaussian(2, 100, 4);
    let options = PolysemanticityOptions::default();
    let baseline = polysemanticity_under_rotation(
        neurons.as_ref(),
        features.as_ref(),
        &options,
        1,
        &mut rng(3),
    )
    .unwrap();
    assert_eq!(baseline.features_per_neuron.values, [0.0]);
    assert_eq!(
        (
            baseline.polysemantic_ratio.mean,
            baseline.polysemantic_ratio.std
        ),
        (0.0, 0.0)
    );
}
