//! Bad values are errors that name them; broken contracts panic with both shapes.

use superposition_probe::faer::{Mat, mat};
use superposition_probe::{
    PolysemanticityOptions, ProbeError, ProbeOptions, RidgeOptions, Split, fit_ridge,
    neuron_feature_correlations, polysemanticity, polysemanticity_under_rotation,
    probe_all_features, probe_feature, probe_on_split,
};
use superposition_testkit::geometry::random_gaussian;

use crate::rng;

fn message<T: std::fmt::Debug>(result: Result<T, ProbeError>) -> String {
    result.unwrap_err().to_string()
}

#[test]
fn values_that_are_not_finite_are_named() {
    let good = random_gaussian(2, 10, 0);
    for bad_value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let mut bad = random_gaussian(3, 10, 1);
        bad[(2, 4)] = bad_value;
        let (good, bad) = (good.as_ref(), bad.as_ref());
        let neurons = PolysemanticityOptions::default();
        for (text, what) in [
            (
                message(fit_ridge(bad, good, &RidgeOptions::default())),
                "activations",
            ),
            (
                message(fit_ridge(good, bad, &RidgeOptions::default())),
                "targets",
            ),
            (
                message(probe_all_features(
                    bad,
                    good,
                    &ProbeOptions::default(),
                    &mut rng(0),
                )),
                "activations",
            ),
            (
                message(probe_all_features(
                    good,
                    bad,
                    &ProbeOptions::default(),
                    &mut rng(0),
                )),
                "targets",
            ),
            (message(polysemanticity(bad, good, &neurons)), "neurons"),
            (
                message(polysemanticity_under_rotation(
                    good,
                    bad,
                    &neurons,
                    1,
                    &mut rng(0),
                )),
                "features",
            ),
        ] {
            assert_eq!(
                text,
                format!("{what} hold {bad_value} at row 2, column 4; every value must be finite")
            );
        }
    }
}

#[test]
fn empty_matrices_are_errors() {
    let (none, some) = (Mat::<f64>::zeros(0, 5), random_gaussian(2, 5, 2));
    let no_samples = Mat::<f64>::zeros(2, 0);
    let options = RidgeOptions::default();
    for result in [
        fit_ridge(none.as_ref(), some.as_ref(), &options),
        fit_ridge(some.as_ref(), none.as_ref(), &options),
        fit_ridge(no_samples.as_ref(), no_samples.as_ref(), &options),
    ] {
        assert!(
            matches!(result, Err(ProbeError::Empty { .. })),
            "{result:?}"
        );
    }
    let probing = ProbeOptions::default();
    let result = probe_all_features(
        no_samples.as_ref(),
        no_samples.as_ref(),
        &probing,
        &mut rng(0),
    );
    assert_eq!(result, Err(ProbeError::TooFewSamples { n_samples: 0 }));
    let result = probe_all_features(none.as_ref(), some.as_ref(), &probing, &mut rng(0));
    assert!(matches!(
        result,
        Err(ProbeError::Empty {
            what: "activations",
            rows: 0,
            columns: 5
        })
    ));
    let options = PolysemanticityOptions::default();
    let result = polysemanticity(no_samples.as_ref(), no_samples.as_ref(), &options);
    assert!(matches!(result, Err(ProbeError::Empty { .. })));
}

#[test]
fn squares_that_overflow_are_errors() {
    let huge = mat![[1e200, -1e200, 0.0], [1.0, 2.0, 3.0]];
    let y = mat![[1.0, 2.0, 3.0]];
    let result = fit_ridge(huge.as_ref(), y.as_ref(), &RidgeOptions::default());
    assert_eq!(
        result,
        Err(ProbeError::TooLarge {
            what: "activations",
            row: 0
        })
    );
    let result = polysemanticity(
        y.as_ref(),
        huge.as_ref(),
        &PolysemanticityOptions::default(),
    );
    assert_eq!(
        result,
        Err(ProbeError::TooLarge {
            what: "features",
            row: 0
        })
    );
}

#[test]
fn differences_whose_squares_underflow_are_errors() {
    // A row that varies is not a dead one; one that does not vary may be as small as it likes.
    let tiny = mat![[1e-200, 1e-200, 1e-200], [1e-200, -1e-200, 0.0]];
    let y = mat![[1.0, 2.0, 4.0]];
    let result = fit_ridge(tiny.as_ref(), y.as_ref(), &RidgeOptions::default());
    let too_small = |what| ProbeError::TooSmall { what, row: 1 };
    assert_eq!(result, Err(too_small("activations")));
    let options = PolysemanticityOptions::default();
    let result = polysemanticity(tiny.as_ref(), y.as_ref(), &options);
    assert_eq!(result, Err(too_small("neurons")));
    let result = polysemanticity(y.as_ref(), tiny.as_ref(), &options);
    assert_eq!(result, Err(too_small("features")));
    let constant = polysemanticity(tiny.as_ref().subrows(0, 1), y.as_ref(), &options).unwrap();
    assert_eq!(constant.dead_neurons, 1);
    // Where squares do not underflow, the scale is nothing.
    let small = mat![[1e-145, 2e-145, 4e-145]];
    let correlations = neuron_feature_correlations(small.as_ref(), y.as_ref());
    assert!((correlations[(0, 0)] - 1.0).abs() < 1e-14);
    assert!(polysemanticity(small.as_ref(), y.as_ref(), &options).is_ok());
}

#[test]
fn options_out_of_range_are_named() {
    let h = random_gaussian(2, 10, 3);
    let probe = |options: ProbeOptions| {
        message(probe_all_features(
            h.as_ref(),
            h.as_ref(),
            &options,
            &mut rng(0),
        ))
    };
    let neurons = |options: PolysemanticityOptions| {
        message(polysemanticity(h.as_ref(), h.as_ref(), &options))
    };
    let ridge = RidgeOptions::default();
    let probes = ProbeOptions::default();
    let responses = PolysemanticityOptions::default();
    for (text, start) in [
        (probe(probes.with_test_fraction(0.0)), "test_fraction is 0;"),
        (probe(probes.with_test_fraction(1.0)), "test_fraction is 1;"),
        (
            probe(probes.with_test_fraction(f64::NAN)),
            "test_fraction is NaN;",
        ),
        (
            probe(probes.with_active_threshold(f64::NAN)),
            "active_threshold is NaN;",
        ),
        (
            probe(probes.with_r_squared_threshold(f64::NAN)),
            "r_squared_threshold is NaN;",
        ),
        (
            probe(probes.with_ridge(ridge.with_penalty(-1.0))),
            "penalty is -1;",
        ),
        (
            message(fit_ridge(
                h.as_ref(),
                h.as_ref(),
                &ridge.with_penalty(f64::INFINITY),
            )),
            "penalty is inf;",
        ),
        (
            neurons(responses.with_min_abs_correlation(1.5)),
            "min_abs_correlation is 1.5;",
        ),
        (
            neurons(responses.with_min_abs_correlation(f64::NAN)),
            "min_abs_correlation is NaN;",
        ),
        (
            neurons(responses.with_family_error(0.0)),
            "family_error is 0;",
        ),
        (
            neurons(responses.with_family_error(1.0)),
            "family_error is 1;",
        ),
        (
            message(polysemanticity_under_rotation(
                h.as_ref(),
                h.as_ref(),
                &responses,
                0,
                &mut rng(0),
            )),
            "n_rotations is 0;",
        ),
    ] {
        assert!(text.starts_with(start), "{text}");
    }
}

#[test]
fn splits_are_checked() {
    let h = random_gaussian(2, 4, 4);
    let probe = |train: &[usize], test: &[usize]| {
        let split = Split {
            train: train.to_vec(),
            test: test.to_vec(),
        };
        probe_on_split(h.as_ref(), h.as_ref(), &split, &ProbeOptions::default()).map(|_| ())
    };
    assert_eq!(
        probe(&[], &[1]),
        Err(ProbeError::EmptySplit { part: "training" })
    );
    assert_eq!(
        probe(&[1], &[]),
        Err(ProbeError::EmptySplit { part: "test" })
    );
    assert_eq!(
        probe(&[0, 1], &[2, 1]),
        Err(ProbeError::OverlappingSplit { sample: 1 })
    );
    assert_eq!(
        probe(&[0, 0], &[2]),
        Err(ProbeError::OverlappingSplit { sample: 0 })
    );
    // One training sample and two held-out ones are enough to give an answer, if not a good one.
    assert_eq!(probe(&[0], &[2, 3]), Ok(()));
    assert_eq!(
        Split::random(1, 0.5, &mut rng(0)),
        Err(ProbeError::TooFewSamples { n_samples: 1 })
    );
}

#[test]
#[should_panic(expected = "the split names sample 4 of 4 samples")]
fn a_split_beyond_the_samples_panics() {
    let h = random_gaussian(2, 4, 5);
    let split = Split {
        train: vec![0],
        test: vec![4],
    };
    let _ = probe_on_split(h.as_ref(), h.as_ref(), &split, &ProbeOptions::default());
}

#[test]
#[should_panic(expected = "activations are 2 x 4 and targets 2 x 5")]
fn different_numbers_of_samples_panic() {
    let (h, y) = (random_gaussian(2, 4, 6), random_gaussian(2, 5, 7));
    let _ = fit_ridge(h.as_ref(), y.as_ref(), &RidgeOptions::default());
}

#[test]
#[should_panic(expected = "feature 2 is not one of the 2 rows of the targets")]
fn an_unknown_feature_panics() {
    let h = random_gaussian(2, 4, 8);
    let _ = probe_feature(
        h.as_ref(),
        h.as_ref(),
        2,
        &ProbeOptions::default(),
        &mut rng(0),
    );
}

#[test]
#[should_panic(expected = "activations are 3 x 4, and the probe weights 2 x 2")]
fn predicting_from_other_activations_panics() {
    let h = random_gaussian(2, 4, 9);
    let probes = fit_ridge(h.as_ref(), h.as_ref(), &RidgeOptions::default()).unwrap();
    let _ = probes.predict(random_gaussian(3, 4, 10).as_ref());
}
