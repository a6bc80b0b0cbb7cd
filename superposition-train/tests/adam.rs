//! Adam against PyTorch, an f64 reference, and itself with other instructions.

use proptest::prelude::*;
use superposition_testkit::golden;
use superposition_testkit::oracle::{AdamState, adam_step};
use superposition_testkit::tolerance::{Tolerance, assert_close};
use superposition_train::{Adam, AdamConfig, Kernel};

fn numbers(value: &serde_json::Value) -> Vec<f32> {
    golden::array(value)
        .iter()
        .map(|v| golden::number(v) as f32)
        .collect()
}

fn config(case: &serde_json::Value) -> AdamConfig {
    let number = |key| golden::number(golden::field(case, key));
    let config = AdamConfig::default()
        .with_learning_rate(number("lr"))
        .with_betas(number("beta1"), number("beta2"))
        .with_epsilon(number("eps"));
    // What torch.optim.Adam calls weight decay is coupled, that of AdamW is not.
    match golden::field(case, "kind").as_str() {
        Some("adam") => config.with_l2(number("weight_decay")),
        _ => config.with_weight_decay(number("weight_decay")),
    }
}

/// PyTorch divides by the bias correction where we fold it into the step: each step's change, of at most about the
/// learning rate, may be off by a few roundings of itself, and the sum is rounded to f32 in both.
fn tolerance(size: f64, learning_rate: f64, steps: usize) -> Tolerance {
    let ulp = f64::from(f32::EPSILON);
    Tolerance::absolute(steps as f64 * ulp * (0.5 * size + 8.0 * learning_rate))
}

#[test]
fn traces_of_torch() {
    let document = golden::load("adam");
    let cases = golden::array(golden::field(&document, "cases"));
    assert!(cases.len() >= 6);
    for case in cases {
        let config = config(case);
        let mut parameters = numbers(golden::field(case, "initial"));
        let gradients = golden::array(golden::field(case, "gradients"));
        let expected = golden::array(golden::field(case, "parameters"));
        let factors = golden::field(case, "lr_factors");
        let mut adam = Adam::new(config, parameters.len()).unwrap();
        for (k, (gradient, expected)) in gradients.iter().zip(expected).enumerate() {
            let factor = if factors.is_null() {
                1.0
            } else {
                golden::number(&factors[k])
            };
            adam.step(&mut parameters, &numbers(gradient), factor);
            for (ours, expected) in parameters.iter().zip(numbers(expected)) {
                let size = f64::from(expected.abs());
                assert_close(
                    f64::from(*ours),
                    f64::from(expected),
                    tolerance(size.max(config.learning_rate), config.learning_rate, k + 1),
                );
            }
        }
        assert_eq!(adam.step_count(), 50);
    }
}

#[test]
fn a_missing_bias_correction_would_be_seen() {
    let document = golden::load("adam");
    let mut n_seen = 0;
    for case in golden::array(golden::field(&document, "cases")) {
        let config = config(case);
        let initial = numbers(golden::field(case, "initial"));
        let gradient = numbers(&golden::array(golden::field(case, "gradients"))[0]);
        let expected = numbers(&golden::array(golden::field(case, "parameters"))[0]);
        let factors = golden::field(case, "lr_factors");
        let factor = if factors.is_null() {
            1.0
        } else {
            golden::number(&factors[0])
        };
        let rate = config.learning_rate * factor;
        for ((start, g), expected) in initial.iter().zip(gradient).zip(expected) {
            let (start, g, expected) = (f64::from(*start), f64::from(g), f64::from(expected));
            let g = g + config.l2 * start;
            // The first step by hand, with each of the corrections or without.
            let accepted = |corrected_1: bool, corrected_2: bool| {
                let correction = |there: bool, beta: f64| if there { 1.0 - beta } else { 1.0 };
                let mean = (1.0 - config.beta1) * g / correction(corrected_1, config.beta1);
                let square = (1.0 - config.beta2) * g * g / correction(corrected_2, config.beta2);
                let kept = start * (1.0 - rate * config.weight_decay);
                let moved = kept - rate * mean / (square.sqrt() + config.epsilon);
                // The decay rounds twice more, as below.
                let roundings = if config.weight_decay > 0.0 { 3.0 } else { 1.0 };
                let size = roundings * expected.abs().max(config.learning_rate);
                tolerance(size, config.learning_rate, 1).accepts(moved, expected)
            };
            // The control.
            assert!(accepted(true, true), "{start} {g} {expected}");
            // Smaller gradients, and a learning rate that starts at 0, move nothing that could be seen.
            if g.abs() > 1e-3 && rate >= 0.1 * config.learning_rate {
                n_seen += 1;
                for (first, second) in [(false, false), (false, true), (true, false)] {
                    assert!(!accepted(first, second), "{first} {second}: {start} {g}");
                }
            }
        }
    }
    assert!(n_seen > 5, "{n_seen}");
}

fn run(kernel: Kernel, config: AdamConfig, start: &[f32], gradients: &[Vec<f32>]) -> Vec<u32> {
    let mut parameters = start.to_vec();
    let mut adam = Adam::with_kernel(config, start.len(), kernel).unwrap();
    for gradient in gradients {
        adam.step(&mut parameters, gradient, 0.9);
    }
    parameters.iter().map(|p| p.to_bits()).collect()
}

proptest! {
    #[test]
    fn instructions_change_no_bit_and_f64_agrees(
        (start, gradients) in (1_usize..70).prop_flat_map(|n| (
            prop::collection::vec(-2.0_f32..2.0, n),
            prop::collection::vec(prop::collection::vec(prop_oneof![Just(0.0), -3.0_f32..3.0, -1e-20_f32..1e-20], n), 1..6),
        )),
        weight_decay in prop_oneof![Just(0.0), Just(0.1)],
    ) {
        let config = AdamConfig::default().with_learning_rate(0.01).with_weight_decay(weight_decay);
        let scalar = run(Kernel::Scalar, config, &start, &gradients);
        prop_assert_eq!(&scalar, &run(Kernel::Auto, config, &start, &gradients));

        let mut state = AdamState { learning_rate: 0.01, weight_decay, ..AdamState::new(start.len()) };
        let mut reference: Vec<f64> = start.iter().map(|&p| f64::from(p)).collect();
        for gradient in &gradients {
            let gradient: Vec<f64> = gradient.iter().map(|&g| f64::from(g)).collect();
            adam_step(&mut state, &mut reference, &gradient, 0.9);
        }
        for ((bits, expected), start) in scalar.into_iter().zip(reference).zip(start) {
            // The decay rounds twice more: its factor, and the product.
            let roundings = if weight_decay > 0.0 { 3.0 } else { 1.0 };
            let tolerance = tolerance(roundings * (f64::from(start.abs()) + 0.06), 0.01, gradients.len());
            prop_assert!(tolerance.accepts(f64::from(f32::from_bits(bits)), expected));
        }
    }

    /// A parameter's place among others does not enter.
    #[test]
    fn each_parameter_is_by_itself(before in 0_usize..40, after in 0_usize..40, g in -1.0_f32..1.0) {
        let alone = run(Kernel::Auto, AdamConfig::torch_adamw(), &[0.7], &[vec![g], vec![-g]]);
        let among = |value: f32, other: f32| {
            let mut all = vec![other; before + 1 + after];
            all[before] = value;
            all
        };
        let many = run(Kernel::Auto, AdamConfig::torch_adamw(), &among(0.7, 3.0), &[among(g, 9.0), among(-g, 1.0)]);
        prop_assert_eq!(alone[0], many[before]);
    }
}

#[test]
fn biases_decay_like_all_parameters_and_rest_without_gradient() {
    let mut adam = Adam::new(AdamConfig::torch_adamw().with_learning_rate(0.5), 2).unwrap();
    let mut parameters = [2.0, 0.0];
    adam.step(&mut parameters, &[0.0, 0.0], 1.0);
    // 2 (1 - 0.5 * 0.01), and no 0/0.
    assert_eq!(parameters, [1.99, 0.0]);
}

#[test]
fn l2_adds_to_the_gradient() {
    // m / (|g| + 1) with both moments forgotten at once: not the sign alone.
    let config = AdamConfig::default().with_betas(0.0, 0.0).with_epsilon(1.0);
    let moved = |config, g: f32| {
        let mut parameters = [2.0_f32];
        Adam::new(config, 1)
            .unwrap()
            .step(&mut parameters, &[g], 1.0);
        parameters[0].to_bits()
    };
    assert_eq!(moved(config.with_l2(0.25), 1.0), moved(config, 1.5));
    assert_ne!(moved(config, 1.0), moved(config, 1.5));
}

#[test]
fn bad_hyper_parameters_are_refused() {
    let good = AdamConfig::default();
    for bad in [
        good.with_learning_rate(f64::NAN),
        good.with_learning_rate(-1e-3),
        good.with_betas(1.0, 0.999),
        good.with_betas(0.9, -0.1),
        good.with_epsilon(0.0),
        good.with_weight_decay(f64::INFINITY),
        good.with_l2(-1.0),
    ] {
        assert!(Adam::new(bad, 1).is_err(), "{bad:?}");
    }
    assert!(Adam::new(good.with_betas(0.0, 0.0), 0).is_ok());
}

#[test]
#[should_panic(expected = "2 parameters and 3 gradients; the optimizer was made for 3")]
fn lengths_must_agree() {
    Adam::new(AdamConfig::default(), 3)
        .unwrap()
        .step(&mut [0.0; 2], &[0.0; 3], 1.0);
}
