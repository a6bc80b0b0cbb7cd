//! Importance: values by hand, text, refusals.

use proptest::collection::vec;
use proptest::prelude::*;
use superposition_model::{Importance, ModelError};

proptest! {
    #[test]
    fn text_round_trips(importance in prop_oneof![
        Just(Importance::Uniform),
        (1e-300..1e300_f64).prop_map(|ratio| Importance::Geometric { ratio }),
        (f64::MIN_POSITIVE..1.0).prop_map(|last| Importance::GeometricTo { last }),
        vec(prop_oneof![Just(0.0), 0.0..1e30_f64], 1..8).prop_map(Importance::Explicit),
    ]) {
        prop_assert_eq!(importance.to_string().parse(), Ok(importance));
    }

    #[test]
    fn no_text_panics(text in ".*", geometric in "geometric(-to)?:[-+.0-9e]*", list in "[-+.,0-9einfa ]*") {
        for text in [text, geometric, list] {
            if let Ok(importance) = text.parse::<Importance>() {
                prop_assert_eq!(importance.to_string().parse(), Ok(importance));
            }
        }
    }

    #[test]
    fn geometric_to_is_a_geometric_row(last in 1e-3..10.0_f64, n in 2..200_usize) {
        let weights = Importance::GeometricTo { last }.weights(n).unwrap();
        prop_assert_eq!(weights.len(), n);
        prop_assert_eq!((weights[0], weights[n - 1]), (1.0, last as f32));
        let ratio = last.powf(1.0 / (n - 1) as f64);
        for pair in weights.windows(2) {
            prop_assert!((f64::from(pair[1]) / f64::from(pair[0]) / ratio - 1.0).abs() < 2.5e-7);
        }
    }
}

#[test]
fn weights_by_hand() {
    let weights = |importance: Importance, n| importance.weights(n).unwrap();
    assert_eq!(weights(Importance::Uniform, 3), [1.0; 3]);
    assert_eq!(
        weights(Importance::Geometric { ratio: 0.7 }, 3),
        [1.0, 0.7, 0.49]
    );
    assert_eq!(
        weights(Importance::Geometric { ratio: 2.0 }, 4),
        [1.0, 2.0, 4.0, 8.0]
    );
    assert_eq!(weights(Importance::default(), 5)[2], 0.1);
    assert_eq!(weights(Importance::default(), 1), [1.0]);
    assert_eq!(weights(Importance::Explicit(vec![0.0, 2.5]), 2), [0.0, 2.5]);
    // What the documentation says of 0.7^i.
    let seed_library = weights(Importance::Geometric { ratio: 0.7 }, 100);
    assert_eq!(
        (
            format!("{:.0e}", seed_library[39]),
            format!("{:.0e}", seed_library[99])
        ),
        ("9e-7".into(), "5e-16".into())
    );
}

#[test]
fn text_by_hand() {
    let parse = |text: &str| text.parse::<Importance>();
    assert_eq!(parse(" uniform "), Ok(Importance::Uniform));
    assert_eq!(
        parse("geometric:0.9"),
        Ok(Importance::Geometric { ratio: 0.9 })
    );
    assert_eq!(
        parse("geometric-to: 1e-2"),
        Ok(Importance::GeometricTo { last: 0.01 })
    );
    assert_eq!(
        parse("1, 0.5,0"),
        Ok(Importance::Explicit(vec![1.0, 0.5, 0.0]))
    );
    assert_eq!(parse("2"), Ok(Importance::Explicit(vec![2.0])));
    for (text, message) in [
        (
            "",
            "'' is no importance ('' is no number); write uniform, geometric:R, geometric-to:X or a,b,...",
        ),
        (
            "1,,2",
            "'1,,2' is no importance ('' is no number); write uniform, geometric:R, geometric-to:X or a,b,...",
        ),
        (
            "linear:2",
            "'linear:2' is no importance (there is no 'linear'); write uniform, geometric:R, geometric-to:X or a,b,...",
        ),
        (
            "geometric",
            "'geometric' is no importance ('geometric' is no number); write uniform, geometric:R, geometric-to:X or a,b,...",
        ),
        (
            "geometric:0",
            "ratio of the geometric importance is 0; it must be finite and greater than 0",
        ),
        (
            "geometric-to:nan",
            "last of the geometric importance is NaN; it must be finite and greater than 0",
        ),
        (
            "1,-2",
            "importance of feature 1 is -2; it must be finite, at least 0 and at most 3e38",
        ),
    ] {
        assert_eq!(parse(text).unwrap_err().to_string(), message);
    }
}

#[test]
fn what_is_no_importance_is_refused() {
    let error = |importance: Importance, n| importance.weights(n).unwrap_err();
    assert_eq!(
        error(Importance::Uniform, 0),
        ModelError::ZeroDimension { name: "n_features" }
    );
    for value in [0.0, -1.0, f64::INFINITY] {
        let geometric = error(Importance::Geometric { ratio: value }, 2);
        assert_eq!(
            geometric,
            ModelError::ImportanceRatio {
                name: "ratio",
                value
            }
        );
        let to = error(Importance::GeometricTo { last: value }, 2);
        assert_eq!(
            to,
            ModelError::ImportanceRatio {
                name: "last",
                value
            }
        );
    }
    // 10^39 is more than f32 holds.
    let error_at = error(Importance::Geometric { ratio: 10.0 }, 40);
    assert!(
        matches!(error_at, ModelError::ImportanceValue { feature: 39, .. }),
        "{error_at}"
    );
    assert_eq!(
        error(Importance::Explicit(vec![1.0, 2.0]), 3),
        ModelError::ImportanceCount {
            found: 2,
            expected: 3
        }
    );
    for value in [-1.0, f64::INFINITY, 1e39] {
        let explicit = error(Importance::Explicit(vec![1.0, value]), 2);
        assert_eq!(explicit, ModelError::ImportanceValue { feature: 1, value });
    }
    assert!(Importance::Explicit(vec![f64::NAN]).weights(1).is_err());
    assert!(matches!(
        error(Importance::Uniform, usize::MAX),
        ModelError::TooLarge { .. }
    ));
}
