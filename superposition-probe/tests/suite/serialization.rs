//! The optional serde form of options and results.

use superposition_probe::{
    Intercept, Polysemanticity, PolysemanticityOptions, ProbeOptions, ProbeResult, RidgeOptions,
    Split, polysemanticity, probe_on_split,
};
use superposition_testkit::geometry::random_gaussian;
use superposition_testkit::serde_json::{self, json};

#[test]
fn options_have_snake_case_names_and_defaults() {
    let options =
        ProbeOptions::default().with_ridge(RidgeOptions::default().with_intercept(Intercept::None));
    let value = serde_json::to_value(options).unwrap();
    let expected = json!({
        "ridge": {"penalty": 1e-6, "intercept": "none"},
        "test_fraction": 0.2, "active_threshold": 0.0, "r_squared_threshold": 0.5,
    });
    assert_eq!(value, expected);
    assert_eq!(
        serde_json::from_value::<ProbeOptions>(value).unwrap(),
        options
    );
    assert_eq!(
        serde_json::from_value::<ProbeOptions>(json!({})).unwrap(),
        ProbeOptions::default()
    );
    let partial = serde_json::from_value::<PolysemanticityOptions>(json!({"family_error": 0.05}));
    assert_eq!(
        partial.unwrap(),
        PolysemanticityOptions::default().with_family_error(0.05)
    );
}

#[test]
fn results_come_back_and_what_is_undefined_is_null() {
    let h = random_gaussian(2, 6, 1);
    let split = Split {
        train: vec![0, 1, 2, 3, 4],
        test: vec![5],
    };
    let results = probe_on_split(h.as_ref(), h.as_ref(), &split, &ProbeOptions::default()).unwrap();
    let value = serde_json::to_value(&results).unwrap();
    assert_eq!(value[0]["r_squared"], json!(null));
    assert!(value[0].as_object().unwrap().contains_key("r_squared"));
    assert_eq!(
        serde_json::from_value::<Vec<ProbeResult>>(value).unwrap(),
        results
    );
    let result =
        polysemanticity(h.as_ref(), h.as_ref(), &PolysemanticityOptions::default()).unwrap();
    let text = serde_json::to_string(&result).unwrap();
    assert_eq!(
        serde_json::from_str::<Polysemanticity>(&text).unwrap(),
        result
    );
}
