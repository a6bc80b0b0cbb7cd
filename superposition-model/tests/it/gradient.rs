//! The gradient of the toy model: finite differences, the f64 oracle, torch, and hand-made cases.

use proptest::prelude::*;
use superposition_model::faer::{Mat, mat};
use superposition_model::{Bias, Coupling, Output, ToyModel};
use superposition_testkit::golden;
use superposition_testkit::oracle::finite_difference;
use superposition_testkit::serde_json::Value;
use superposition_testkit::tolerance::{Tolerance, assert_close, assert_matrix_close};

use crate::support::{Case, cases, config, flat, narrow, variants, wide};

fn gradient(case: &Case) -> (f64, Vec<f32>) {
    let mut gradient = vec![f32::NAN; case.model.parameters().len()];
    let loss = case
        .model
        .loss_and_gradient_into(case.x.as_ref(), &case.importance, &mut gradient);
    (loss, gradient)
}

/// How many terms the longest sum of the gradient has, counting each rounding on the way to a term.
fn n_terms(case: &Case) -> usize {
    let dimensions = case.model.dimensions();
    dimensions.n_features + dimensions.n_hidden + case.x.ncols() + 4
}

fn check_against_oracle(case: &Case) {
    let (loss, gradient) = gradient(case);
    let parameters: Vec<f64> = case
        .model
        .parameters()
        .iter()
        .map(|&p| f64::from(p))
        .collect();
    // Residuals are exact, sums are in f64.
    assert_close(
        loss,
        case.oracle_loss(&parameters),
        Tolerance::relative(1e-13),
    );
    assert_close(
        case.model.loss(case.x.as_ref(), &case.importance),
        loss,
        Tolerance::bits(),
    );
    let scale = case.gradient_scale();
    for ((&actual, expected), scale) in gradient.iter().zip(case.oracle_gradient()).zip(scale) {
        assert_close(
            f64::from(actual),
            expected,
            Tolerance::reduction_f32(n_terms(case), scale),
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    #[test]
    fn gradient_equals_the_oracle(case in cases(1..=9)) {
        check_against_oracle(&case);
    }

    #[test]
    fn gradient_equals_finite_differences(case in cases(1..=5)) {
        // Away from the kink: z without this is a multiple of 1/512, so no z is within 1/1024 of 0.
        let Some(b) = case.model.layout().b else {
            // Without bias there is nothing to shift; the linear output has no kink.
            prop_assume!(case.model.config().output == Output::Linear);
            return check_finite_differences(&case);
        };
        let mut case = case;
        for value in &mut case.model.parameters_mut()[b] {
            *value += 1.0 / 1024.0;
        }
        check_finite_differences(&case)?;
    }
}

fn check_finite_differences(case: &Case) -> Result<(), TestCaseError> {
    let at: Vec<f64> = case
        .model
        .parameters()
        .iter()
        .map(|&p| f64::from(p))
        .collect();
    let expected = finite_difference(|p| case.oracle_loss(p), &at, 1e-5);
    let (_, gradient) = gradient(case);
    for ((&actual, expected), scale) in gradient.iter().zip(expected).zip(case.gradient_scale()) {
        // Truncation is h^2 times a third derivative, at most 24 times 36 products of numbers up to 1.
        let bound = Tolerance::reduction_f32(n_terms(case), scale).bound(expected) + 1e-7;
        assert_close(f64::from(actual), expected, Tolerance::absolute(bound));
    }
    Ok(())
}

/// Around and across the tiles, for each variant.
#[test]
fn batches_of_any_size_are_tiled_right() {
    for (output, bias, coupling) in variants() {
        for batch_size in [255, 256, 257, 513] {
            let config = config(3, 2)
                .with_output(output)
                .with_bias(bias)
                .with_coupling(coupling);
            let eighth = |k: usize| (k * 7 % 17) as f32 / 8.0 - 1.0;
            let n_parameters = config.n_parameters().unwrap();
            check_against_oracle(&Case {
                model: ToyModel::new(config, (0..n_parameters).map(eighth).collect()).unwrap(),
                x: Mat::from_fn(3, batch_size, |i, s| ((3 * s + i) * 5 % 9) as f32 / 8.0),
                importance: vec![1.0, 0.5, 0.25],
            });
        }
    }
}

/// The tensors of an entry that are there, in the order of the parameters.
fn joined(entry: &Value, [w, w_dec, b]: [&str; 3]) -> Vec<f64> {
    let mut values = Vec::new();
    for key in [w, w_dec] {
        let matrix = golden::field(entry, key);
        if !matrix.is_null() {
            values.extend(flat(golden::matrix(matrix).as_ref()));
        }
    }
    let b = golden::field(entry, b);
    if !b.is_null() {
        values.extend(golden::vector(b));
    }
    values
}

#[test]
fn model_loss_and_gradient_equal_torch() {
    let document = golden::load("toy_model.json");
    let entries = golden::array(golden::field(&document, "cases"));
    assert_eq!(entries.len(), 6);
    for entry in entries {
        let matrix = |key| golden::matrix(golden::field(entry, key));
        let is = |key, text| golden::field(entry, key) == text;
        let w = matrix("w");
        let config = config(w.ncols(), w.nrows())
            .with_output(if is("output", "relu") {
                Output::Relu
            } else {
                Output::Linear
            })
            .with_coupling(if is("coupling", "tied") {
                Coupling::Tied
            } else {
                Coupling::Untied
            })
            .with_bias(if is("bias", "learned") {
                Bias::Learned
            } else {
                Bias::None
            });
        let parameters = joined(entry, ["w", "w_dec", "b"])
            .iter()
            .map(|&p| p as f32)
            .collect();
        let case = Case {
            model: ToyModel::new(config, parameters).unwrap(),
            x: narrow(matrix("x").as_ref()),
            importance: golden::vector_f32(golden::field(entry, "importance")),
        };

        let reconstruction = wide(case.model.reconstruct(case.x.as_ref()).as_ref());
        let longest = Tolerance::reduction_f32(n_terms(&case), 8.0);
        assert_matrix_close(
            reconstruction.as_ref(),
            matrix("reconstruction").as_ref(),
            longest,
        );

        let (loss, gradient) = gradient(&case);
        let expected = golden::number(golden::field(entry, "loss"));
        assert_close(
            loss,
            expected,
            Tolerance::reduction_f32(n_terms(&case), expected),
        );
        let expected = joined(entry, ["gradient_w", "gradient_w_dec", "gradient_b"]);
        assert_eq!(gradient.len(), expected.len());
        for ((&actual, &expected), scale) in
            gradient.iter().zip(&expected).zip(case.gradient_scale())
        {
            assert_close(
                f64::from(actual),
                expected,
                Tolerance::reduction_f32(n_terms(&case), scale),
            );
        }
    }
}

/// At z = 0 exactly the slope is 0: neither W nor b moves, although the residual is not 0.
#[test]
fn subgradient_at_the_kink_is_zero() {
    let x = mat![[1.0_f32]];
    let model = ToyModel::new(config(1, 1), vec![0.5, -0.25]).unwrap();
    let mut gradient = [f32::NAN; 2];
    let loss = model.loss_and_gradient_into(x.as_ref(), &[1.0], &mut gradient);
    assert_eq!((loss, gradient), (1.0, [0.0, 0.0]));
    // The control: above 0 both move.
    let model = ToyModel::new(config(1, 1), vec![0.5, -0.125]).unwrap();
    let _ = model.loss_and_gradient_into(x.as_ref(), &[1.0], &mut gradient);
    assert_eq!(gradient, [-1.75, -1.75]); // 2 (1/8 - 1) times 2 w x = 1, and times 1
}

/// An output far below the residual's last bit still has its slope.
#[test]
fn tiny_outputs_have_a_slope() {
    let model = ToyModel::new(config(1, 1), vec![0.0, 1e-30]).unwrap();
    let mut gradient = [f32::NAN; 2];
    let _ = model.loss_and_gradient_into(mat![[1.0_f32]].as_ref(), &[1.0], &mut gradient);
    assert_eq!(gradient, [0.0, -2.0]);
}

#[test]
fn what_never_happens_or_does_not_matter_has_no_gradient() {
    // Feature 1 is never active and answers below 0; feature 2 has no importance and nobody reads it.
    let model = ToyModel::new(
        config(3, 2),
        vec![1.0, 0.0, 0.0, 0.5, 0.0, 0.0, 0.0, -1.0, 0.5],
    )
    .unwrap();
    let x = mat![[0.5_f32, 1.0], [0.0, 0.0], [1.0, 0.25]];
    let mut gradient = [f32::NAN; 9];
    let _ = model.loss_and_gradient_into(x.as_ref(), &[1.0, 1.0, 0.0], &mut gradient);
    assert_eq!(gradient[2..6], [0.0; 4]);
    assert_eq!(gradient[7..], [0.0; 2]);
}

#[test]
fn nan_shows_in_loss_and_gradient() {
    let mut model = ToyModel::new(config(2, 1), vec![0.5, 0.5, 0.0, 0.0]).unwrap();
    model.parameters_mut()[0] = f32::NAN;
    let mut gradient = [0.0; 4];
    let loss =
        model.loss_and_gradient_into(mat![[1.0_f32], [1.0]].as_ref(), &[1.0, 1.0], &mut gradient);
    assert!(loss.is_nan() && gradient.iter().all(|g| g.is_nan()));
    assert!(
        model
            .loss(mat![[1.0_f32], [1.0]].as_ref(), &[1.0, 1.0])
            .is_nan()
    );
}

#[test]
#[should_panic(expected = "gradient has length 3; it must have length 4")]
fn gradient_of_another_length_panics() {
    let model = ToyModel::new(config(2, 1), vec![0.0; 4]).unwrap();
    let _ =
        model.loss_and_gradient_into(mat![[1.0_f32], [1.0]].as_ref(), &[1.0, 1.0], &mut [0.0; 3]);
}
