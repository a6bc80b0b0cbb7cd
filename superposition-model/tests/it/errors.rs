//! Every error, with its message.

use superposition_model::sae::{SaeConfig, SaeDimensions, SparseAutoencoder};
use superposition_model::{
    FeatureDistribution, FeatureProbability, Initialization, ModelError, NamedTensor, ToyModel,
};

use crate::support::{config, rng};

#[test]
fn zero_dimensions_are_refused() {
    for (n, m, name) in [
        (0, 1, "n_features"),
        (1, 0, "n_hidden"),
        (0, 0, "n_features"),
    ] {
        assert_eq!(
            config(n, m).validate(),
            Err(ModelError::ZeroDimension { name })
        );
        assert!(ToyModel::new(config(n, m), Vec::new()).is_err());
        assert!(ToyModel::random(config(n, m), Initialization::default(), &mut rng(0)).is_err());
    }
    for (d_in, d_sae, name) in [(0, 1, "d_in"), (1, 0, "d_sae")] {
        let config = SaeConfig::new(SaeDimensions { d_in, d_sae });
        assert_eq!(config.validate(), Err(ModelError::ZeroDimension { name }));
        assert!(SparseAutoencoder::random(config, &mut rng(0)).is_err());
    }
    let error = FeatureDistribution::new(0, &FeatureProbability::Same(0.5)).unwrap_err();
    assert_eq!(error.to_string(), "n_features is 0; it must be at least 1");
}

/// Sizes whose product wraps around, or would fill any memory, are refused before anything is allocated.
#[test]
fn sizes_too_large_are_refused() {
    for (n, m) in [
        (usize::MAX, 2),
        (1 << 33, 1 << 33),
        (1 << 20, 1 << 20),
        (usize::MAX, 1),
        (1 << 32, 1),
    ] {
        let error =
            ToyModel::random(config(n, m), Initialization::default(), &mut rng(0)).unwrap_err();
        assert!(
            matches!(
                error,
                ModelError::TooLarge {
                    limit: 4_294_967_296,
                    ..
                }
            ),
            "{error}"
        );
        let sae = SaeConfig::new(SaeDimensions { d_in: m, d_sae: n });
        assert!(matches!(
            SparseAutoencoder::random(sae, &mut rng(0)),
            Err(ModelError::TooLarge { .. })
        ));
    }
    let error = config(1 << 20, 1 << 20).validate().unwrap_err();
    assert_eq!(
        error.to_string(),
        "a toy model of n_features 1048576 x n_hidden 1048576 would not fit; at most 4294967296 numbers are held, and \
         memory must have room for them"
    );
    let error = FeatureDistribution::new(1 << 40, &FeatureProbability::Same(0.5)).unwrap_err();
    assert!(matches!(
        error,
        ModelError::TooLarge {
            limit: 4_294_967_295,
            ..
        }
    ));
}

#[test]
fn parameters_of_another_length_are_refused() {
    let error = ToyModel::new(config(5, 2), vec![0.0; 14]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "14 parameters were given; this configuration has 15"
    );
    let sae = SaeConfig::new(SaeDimensions { d_in: 2, d_sae: 3 });
    let error = SparseAutoencoder::new(sae, vec![0.0; 18]).unwrap_err();
    assert_eq!(
        error,
        ModelError::ParameterCount {
            found: 18,
            expected: 17
        }
    );
}

#[test]
fn parameters_that_are_not_finite_are_named() {
    use superposition_model::Coupling;
    let untied = config(3, 2).with_coupling(Coupling::Untied);
    for (position, value, message) in [
        (
            0,
            f32::NAN,
            "W[0, 0] is NaN; every parameter must be finite",
        ),
        (
            5,
            f32::INFINITY,
            "W[1, 2] is inf; every parameter must be finite",
        ),
        (
            6,
            f32::NEG_INFINITY,
            "W_dec[0, 0] is -inf; every parameter must be finite",
        ),
        (
            9,
            f32::NAN,
            "W_dec[1, 1] is NaN; every parameter must be finite",
        ),
        (14, f32::NAN, "b[2] is NaN; every parameter must be finite"),
    ] {
        let mut parameters = vec![0.0; 15];
        parameters[position] = value;
        assert_eq!(
            ToyModel::new(untied, parameters).unwrap_err().to_string(),
            message
        );
    }
    let mut parameters = vec![0.0; 9];
    parameters[7] = f32::NAN;
    assert_eq!(
        ToyModel::new(config(3, 2), parameters)
            .unwrap_err()
            .to_string(),
        "b[1] is NaN; every parameter must be finite"
    );
    let sae = SaeConfig::new(SaeDimensions { d_in: 2, d_sae: 3 });
    for (position, name) in [
        (3, "W_enc[1, 1]"),
        (10, "W_dec[0, 2]"),
        (14, "b_enc[2]"),
        (16, "b_dec[1]"),
    ] {
        let mut parameters = vec![0.0; 17];
        parameters[position] = f32::INFINITY;
        let error = SparseAutoencoder::new(sae, parameters).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("{name} is inf; every parameter must be finite")
        );
    }
}

#[test]
fn standard_deviations_are_checked() {
    for std in [-1.0, f64::INFINITY, 1e38] {
        let error = ToyModel::random(config(3, 2), Initialization::Normal { std }, &mut rng(0))
            .unwrap_err();
        assert_eq!(error, ModelError::StandardDeviation { value: std });
    }
    assert!(
        ToyModel::random(
            config(3, 2),
            Initialization::Normal { std: f64::NAN },
            &mut rng(0)
        )
        .is_err()
    );
    let largest = ToyModel::random(
        config(300, 20),
        Initialization::Normal { std: 1e37 },
        &mut rng(0),
    )
    .unwrap();
    assert!(largest.parameters().iter().all(|value| value.is_finite()));
}

#[test]
fn probabilities_are_checked() {
    for value in [-0.1, 1.5, f64::INFINITY, -f64::MIN_POSITIVE] {
        let error = FeatureDistribution::new(2, &FeatureProbability::Same(value)).unwrap_err();
        assert_eq!(
            error,
            ModelError::Probability {
                feature: None,
                value
            }
        );
        let error = FeatureDistribution::new(2, &FeatureProbability::PerFeature(vec![0.5, value]))
            .unwrap_err();
        assert_eq!(
            error,
            ModelError::Probability {
                feature: Some(1),
                value
            }
        );
    }
    let error = FeatureDistribution::new(2, &FeatureProbability::PerFeature(vec![f64::NAN, 0.0]))
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "feature probability 0 is NaN; it must be within 0 and 1"
    );
    let error =
        FeatureDistribution::new(3, &FeatureProbability::PerFeature(vec![0.5; 2])).unwrap_err();
    assert_eq!(
        error.to_string(),
        "2 feature probabilities were given for 3 features; give one for each, or one for all"
    );
}

#[test]
fn tensors_that_do_not_fit_are_refused() {
    let tensor = |name: &str, shape: &[usize], n_values| NamedTensor {
        name: name.into(),
        shape: shape.to_vec(),
        values: vec![0.0; n_values],
    };
    let error = |tensors: &[NamedTensor]| {
        ToyModel::from_tensors(config(3, 2), tensors)
            .unwrap_err()
            .to_string()
    };
    let (w, b) = (tensor("W", &[2, 3], 6), tensor("b", &[3], 3));
    assert!(ToyModel::from_tensors(config(3, 2), &[w.clone(), b.clone()]).is_ok());
    assert_eq!(error(&[]), "tensor 'W' is missing; there is none");
    assert_eq!(
        error(std::slice::from_ref(&w)),
        "tensor 'b' is missing; there is 'W'"
    );
    assert_eq!(
        error(&[w.clone(), b.clone(), tensor("step", &[], 1)]),
        "tensor 'step' has no place in this configuration; it has W, b"
    );
    assert_eq!(
        error(&[w.clone(), b.clone(), b.clone()]),
        "tensor 'b' is given twice; each must be given once"
    );
    assert_eq!(
        error(&[tensor("W", &[3, 2], 6), b.clone()]),
        "tensor 'W' has shape [3, 2]; it must be [2, 3]"
    );
    assert_eq!(
        error(&[w.clone(), tensor("b", &[3, 1], 3)]),
        "tensor 'b' has shape [3, 1]; it must be [3]"
    );
    assert_eq!(
        error(&[tensor("W", &[2, 3], 5), b]),
        "tensor 'W' holds 5 values; its shape says 6"
    );
    let mut not_finite = tensor("b", &[3], 3);
    not_finite.values[2] = f32::NAN;
    assert_eq!(
        error(&[w, not_finite]),
        "b[2] is NaN; every parameter must be finite"
    );

    let sae = SaeConfig::new(SaeDimensions { d_in: 2, d_sae: 3 });
    let transposed = [
        tensor("W_enc", &[2, 3], 6),
        tensor("W_dec", &[3, 2], 6),
        tensor("b_enc", &[3], 3),
        tensor("b_dec", &[2], 2),
    ];
    let error = SparseAutoencoder::from_tensors(sae, &transposed).unwrap_err();
    assert_eq!(
        error.to_string(),
        "tensor 'W_dec' has shape [3, 2]; it must be [2, 3]"
    );
    let huge = SaeConfig::new(SaeDimensions {
        d_in: usize::MAX,
        d_sae: 3,
    });
    assert!(matches!(
        SparseAutoencoder::from_tensors(huge, &[]),
        Err(ModelError::TooLarge { .. })
    ));
}
