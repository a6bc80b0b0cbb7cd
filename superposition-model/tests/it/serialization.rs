//! Configurations as JSON.

use superposition_model::sae::{SaeConfig, SaeDimensions};
use superposition_model::{
    Bias, Coupling, FeatureProbability, FeatureSets, Importance, Initialization, Output,
    ToyModelConfig,
};
use superposition_testkit::serde_json::{from_str, to_string};

use crate::support::config;

#[test]
fn configurations_round_trip() {
    let paper = config(5, 2);
    let text = r#"{"dimensions":{"n_features":5,"n_hidden":2},"output":"relu","bias":"learned","coupling":"tied"}"#;
    assert_eq!(to_string(&paper).unwrap(), text);
    let other = paper
        .with_output(Output::Linear)
        .with_bias(Bias::None)
        .with_coupling(Coupling::Untied);
    for config in [paper, other] {
        assert_eq!(
            from_str::<ToyModelConfig>(&to_string(&config).unwrap()).unwrap(),
            config
        );
    }
    let short = r#"{"dimensions":{"n_features":5,"n_hidden":2}}"#;
    assert_eq!(from_str::<ToyModelConfig>(short).unwrap(), paper);
    let misspelt = r#"{"dimensions":{"n_features":5,"n_hidden":2},"ouput":"linear"}"#;
    assert!(from_str::<ToyModelConfig>(misspelt).is_err());

    let sae = SaeConfig::new(SaeDimensions { d_in: 2, d_sae: 3 });
    assert_eq!(
        from_str::<SaeConfig>(&to_string(&sae).unwrap()).unwrap(),
        sae
    );
}

#[test]
fn choices_are_snake_case() {
    for (importance, text) in [
        (Importance::Uniform, r#""uniform""#),
        (
            Importance::GeometricTo { last: 0.01 },
            r#"{"geometric_to":{"last":0.01}}"#,
        ),
        (
            Importance::Explicit(vec![1.0, 0.5]),
            r#"{"explicit":[1.0,0.5]}"#,
        ),
    ] {
        assert_eq!(to_string(&importance).unwrap(), text);
        assert_eq!(from_str::<Importance>(text).unwrap(), importance);
    }
    let probability = FeatureProbability::PerFeature(vec![0.1, 1.0]);
    assert_eq!(
        to_string(&probability).unwrap(),
        r#"{"per_feature":[0.1,1.0]}"#
    );
    assert_eq!(
        to_string(&FeatureProbability::Same(0.5)).unwrap(),
        r#"{"same":0.5}"#
    );
    for (sets, text) in [
        (FeatureSets::Independent, r#""independent""#),
        (
            FeatureSets::Correlated { set_size: 2 },
            r#"{"correlated":{"set_size":2}}"#,
        ),
        (
            FeatureSets::Anticorrelated { set_size: 3 },
            r#"{"anticorrelated":{"set_size":3}}"#,
        ),
    ] {
        assert_eq!(to_string(&sets).unwrap(), text);
        assert_eq!(from_str::<FeatureSets>(text).unwrap(), sets);
    }
    assert_eq!(
        to_string(&Initialization::XavierNormal).unwrap(),
        r#""xavier_normal""#
    );
    assert_eq!(
        from_str::<Initialization>(r#"{"normal":{"std":0.1}}"#).unwrap(),
        Initialization::Normal { std: 0.1 }
    );
}
