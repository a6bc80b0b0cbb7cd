//! The toy model's values: by hand, its variants, its symmetries, its tensors.

use proptest::prelude::*;
use superposition_model::faer::{Mat, mat};
use superposition_model::{
    Bias, Coupling, Initialization, ModelError, NamedTensor, Output, ToyModel,
};
use superposition_testkit::tolerance::{Tolerance, assert_close, assert_matrix_close};
use superposition_testkit::{geometry, oracle, strategy};

use crate::support::{Case, bias, cases, config, narrow, rng, variants, wide};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn reconstruction_equals_the_oracle(case in cases(0..=9)) {
        let (model, x) = (&case.model, case.x.as_ref());
        let expected = oracle::toy_model_reconstruct(
            wide(model.w()).as_ref(),
            wide(model.w_dec()).as_ref(),
            &bias(model),
            wide(x).as_ref(),
            case.relu(),
        );
        let actual = wide(model.reconstruct(x).as_ref());
        prop_assert_eq!(&actual, &expected); // all sums are exact

        // The _into forms fill views of any layout.
        let (n, m) = (model.dimensions().n_features, model.dimensions().n_hidden);
        let x_rows = x.transpose().to_owned();
        let mut h_rows = Mat::<f32>::full(x.ncols(), m, f32::NAN);
        model.encode_into(x_rows.transpose(), h_rows.as_mut().transpose_mut());
        let mut y_rows = Mat::<f32>::full(x.ncols(), n, f32::NAN);
        model.decode_into(h_rows.transpose(), y_rows.as_mut().transpose_mut());
        prop_assert_eq!(wide(y_rows.transpose()), expected);
    }

    #[test]
    fn loss_does_not_depend_on_the_layout_of_x(case in cases(1..=9)) {
        let rows = case.x.transpose().to_owned();
        let mut gradients = [vec![0.0; case.model.parameters().len()], vec![0.0; case.model.parameters().len()]];
        let [by_columns, by_rows] = &mut gradients;
        let a = case.model.loss_and_gradient_into(case.x.as_ref(), &case.importance, by_columns);
        let b = case.model.loss_and_gradient_into(rows.transpose(), &case.importance, by_rows);
        prop_assert_eq!(a, b);
        prop_assert_eq!(case.model.loss(rows.transpose(), &case.importance), a);
        prop_assert_eq!(&gradients[0], &gradients[1]);
    }

    #[test]
    fn rotating_the_hidden_space_changes_nothing(case in cases(1..=9), seed in strategy::seed()) {
        let m = case.model.dimensions().n_hidden;
        let q = geometry::random_rotation(m, seed);
        let rotated = |w: Mat<f64>| narrow(geometry::rotate(q.as_ref(), w.as_ref()).as_ref());
        let mut parameters = Vec::new();
        let mut push = |w: Mat<f32>| (0..w.ncols()).for_each(|i| parameters.extend_from_slice(w.col_as_slice(i)));
        push(rotated(wide(case.model.w())));
        if case.model.config().coupling == Coupling::Untied {
            push(rotated(wide(case.model.w_dec())));
        }
        parameters.extend_from_slice(case.model.b().unwrap_or(&[]));
        let turned = ToyModel::new(*case.model.config(), parameters).unwrap();
        // Rotating mixes m rows, so a product of absolute values grows by m at most, and its square by m^2.
        let n_roundings = case.model.dimensions().n_features + 2 * m + 4;
        assert_close(
            turned.loss(case.x.as_ref(), &case.importance),
            case.model.loss(case.x.as_ref(), &case.importance),
            Tolerance::reduction_f32(n_roundings, (m * m) as f64 * case.loss_scale()),
        );
    }

    #[test]
    fn permuting_the_features_permutes_everything((case, order) in cases(1..=9).prop_flat_map(|case| {
        let n = case.x.nrows();
        (Just(case), strategy::permutation(n))
    })) {
        let (n, m) = (case.model.dimensions().n_features, case.model.dimensions().n_hidden);
        let (model, layout) = (&case.model, case.model.layout());
        // New feature i is old feature order[i]; the place of each parameter follows.
        let matrix = |start: usize| {
            let order = &order;
            (0..n).flat_map(move |i| (0..m).map(move |k| start + order[i] * m + k))
        };
        let mut place: Vec<usize> = matrix(layout.w.start).collect();
        if layout.w_dec != layout.w {
            place.extend(matrix(layout.w_dec.start));
        }
        if let Some(b) = &layout.b {
            place.extend(order.iter().map(|&i| b.start + i));
        }
        let parameters = place.iter().map(|&p| model.parameters()[p]).collect();
        let permuted = ToyModel::new(*model.config(), parameters).unwrap();
        let x = Mat::from_fn(n, case.x.ncols(), |i, s| case.x[(order[i], s)]);
        let importance: Vec<f32> = order.iter().map(|&i| case.importance[i]).collect();

        let mut gradient = vec![0.0; place.len()];
        let loss = model.loss_and_gradient_into(case.x.as_ref(), &case.importance, &mut gradient);
        let mut permuted_gradient = vec![0.0; place.len()];
        let permuted_loss = permuted.loss_and_gradient_into(x.as_ref(), &importance, &mut permuted_gradient);
        assert_close(permuted_loss, loss, Tolerance::relative(1e-13)); // exact residuals, sums in f64
        let scale = case.gradient_scale();
        for (&p, &actual) in place.iter().zip(&permuted_gradient) {
            let tolerance = Tolerance::reduction_f32(n + m + case.x.ncols() + 4, scale[p]);
            assert_close(f64::from(actual), f64::from(gradient[p]), tolerance);
        }
        let y = permuted.reconstruct(x.as_ref());
        let original = model.reconstruct(case.x.as_ref());
        prop_assert_eq!(y, Mat::from_fn(n, x.ncols(), |i, s| original[(order[i], s)]));
    }

    #[test]
    fn untied_with_equal_weights_is_tied(case in cases(1..=9)) {
        let tied = case.model.config().with_coupling(Coupling::Tied);
        let n_weights = case.model.layout().w.len();
        let w = &case.model.parameters()[..n_weights];
        let b = case.model.b().unwrap_or(&[]);
        let untied = ToyModel::new(tied.with_coupling(Coupling::Untied), [w, w, b].concat()).unwrap();
        let tied = ToyModel::new(tied, [w, b].concat()).unwrap();
        let mut tied_gradient = vec![0.0; n_weights + b.len()];
        let mut untied_gradient = vec![0.0; 2 * n_weights + b.len()];
        let x = case.x.as_ref();
        let a = tied.loss_and_gradient_into(x, &case.importance, &mut tied_gradient);
        let b = untied.loss_and_gradient_into(x, &case.importance, &mut untied_gradient);
        prop_assert_eq!(a, b);
        prop_assert_eq!(tied.reconstruct(x), untied.reconstruct(x));
        // The tied gradient is the sum of the two; it is accumulated in another order.
        let tied = Case { model: tied, ..case.clone() };
        for (p, scale) in tied.gradient_scale().into_iter().take(n_weights).enumerate() {
            let sum = f64::from(untied_gradient[p]) + f64::from(untied_gradient[n_weights + p]);
            let tolerance = Tolerance::reduction_f32(2 * (x.nrows() + x.ncols() + 4), scale);
            assert_close(f64::from(tied_gradient[p]), sum, tolerance);
        }
        prop_assert_eq!(&tied_gradient[n_weights..], &untied_gradient[2 * n_weights..]);
    }

    #[test]
    fn tensors_round_trip(case in cases(1..=1)) {
        let mut tensors = case.model.to_tensors();
        for tensor in &tensors {
            prop_assert_eq!(tensor.shape.iter().product::<usize>(), tensor.values.len());
        }
        tensors.reverse(); // their order does not matter
        prop_assert_eq!(ToyModel::from_tensors(*case.model.config(), &tensors), Ok(case.model));
    }
}

#[test]
fn each_variant_by_hand() {
    // W = [2 -1], W_dec = [1 3] where untied, b = [-1, 1] where learned; x = (1, 1), so h = 1.
    let x = mat![[1.0_f32], [1.0]];
    for (output, bias, coupling) in variants() {
        let config = config(2, 1)
            .with_output(output)
            .with_bias(bias)
            .with_coupling(coupling);
        let mut parameters = vec![2.0, -1.0];
        let (mut z, mut b) = ([2.0, -1.0], [0.0, 0.0]);
        if coupling == Coupling::Untied {
            parameters.extend([1.0, 3.0]);
            z = [1.0, 3.0];
        }
        if bias == Bias::Learned {
            parameters.extend([-1.0, 1.0]);
            b = [-1.0, 1.0];
        }
        let model = ToyModel::new(config, parameters).unwrap();
        assert_eq!(model.encode(x.as_ref())[(0, 0)], 1.0);
        let y = model.reconstruct(x.as_ref());
        for i in 0..2 {
            let z: f32 = z[i] + b[i];
            assert_eq!(
                y[(i, 0)],
                if output == Output::Relu {
                    z.max(0.0)
                } else {
                    z
                },
                "{config:?}"
            );
        }
    }
}

/// Without inputs, the loss is that of the bias alone: the mean of I relu(b)^2.
#[test]
fn loss_of_an_empty_world_is_the_bias() {
    let x = Mat::<f32>::zeros(2, 5);
    let parameters = vec![0.5, -0.25, 0.5, -2.0];
    let model = ToyModel::new(config(2, 1), parameters.clone()).unwrap();
    assert_eq!(model.loss(x.as_ref(), &[1.0, 1.0]), 0.25 / 2.0);
    let linear = ToyModel::new(config(2, 1).with_output(Output::Linear), parameters).unwrap();
    assert_eq!(
        linear.loss(x.as_ref(), &[1.0, 0.5]),
        (0.25 + 0.5 * 4.0) / 2.0
    );
}

/// Dead features lose exactly what they carry: the mean of I x^2.
#[test]
fn loss_of_a_dead_model_is_the_signal() {
    let model = ToyModel::new(config(2, 3), vec![0.0; 8]).unwrap();
    let x = mat![[0.5_f32, 1.0], [0.0, 0.5]];
    assert_eq!(
        model.loss(x.as_ref(), &[1.0, 2.0]),
        (0.25 + 1.0 + 2.0 * 0.25) / 4.0
    );
}

/// A planted solution: a pentagon in the plane answers a single active feature up to its two neighbours' interference
/// cos(72 degrees), which a bias removes.
#[test]
fn pentagon_by_hand() {
    let w = narrow(geometry::polygon(5).as_ref());
    let interference = 0.309_017;
    let mut parameters: Vec<f32> = (0..5).flat_map(|i| w.col_as_slice(i).to_vec()).collect();
    parameters.extend([0.0; 5]);
    let model = ToyModel::new(config(5, 2), parameters).unwrap();
    let x = Mat::from_fn(5, 5, |i, s| if i == s { 1.0_f32 } else { 0.0 });
    let y = model.reconstruct(x.as_ref());
    let expected = Mat::from_fn(5, 5, |i, s| match (i + 5 - s) % 5 {
        0 => 1.0,
        1 | 4 => interference,
        _ => 0.0,
    });
    assert_matrix_close(
        wide(y.as_ref()).as_ref(),
        expected.as_ref(),
        Tolerance::absolute(1e-6),
    );
    let expected = 2.0 * interference * interference / 5.0;
    assert_close(
        model.loss(x.as_ref(), &[1.0; 5]),
        expected,
        Tolerance::relative(1e-5),
    );
}

/// A bottleneck as wide as the features loses nothing; a narrower linear one must.
#[test]
fn superposition_is_needed_only_below_n() {
    let x = mat![[0.5_f32, 1.0], [0.25, 0.0]];
    let identity = ToyModel::new(config(2, 2), vec![1.0, 0.0, 0.0, 1.0, 0.0, 0.0]).unwrap();
    assert_eq!(identity.loss(x.as_ref(), &[1.0, 1.0]), 0.0);
    let narrow = ToyModel::new(config(2, 1), vec![1.0, 0.0, 0.0, 0.0]).unwrap();
    assert_eq!(narrow.loss(x.as_ref(), &[1.0, 1.0]), 0.0625 / 4.0);
}

#[test]
fn random_weights_have_the_stated_spread_and_the_bias_none() {
    for (initialization, std) in [
        (Initialization::XavierNormal, (2.0_f64 / 250.0).sqrt()),
        (Initialization::Normal { std: 3.0 }, 3.0),
    ] {
        let config = config(200, 50).with_coupling(Coupling::Untied);
        let model = ToyModel::random(config, initialization, &mut rng(5)).unwrap();
        assert!(model.b().unwrap().iter().all(|&b| b == 0.0));
        let values: Vec<f64> = model.parameters()[..20_000]
            .iter()
            .map(|&v| f64::from(v) / std)
            .collect();
        let n = values.len() as f64;
        let moment = |k: i32| values.iter().map(|v| v.powi(k)).sum::<f64>() / n;
        // Variances of the moments of a standard normal: 1, 2, 15, 96.
        for (k, expected, variance) in [
            (1, 0.0, 1.0_f64),
            (2, 1.0, 2.0),
            (3, 0.0, 15.0),
            (4, 3.0, 96.0),
        ] {
            assert_close(
                moment(k),
                expected,
                Tolerance::statistical(4.0, (variance / n).sqrt()),
            );
        }
        // The two halves of Box-Muller and neighbouring pairs are not correlated.
        for lag in [1, 2] {
            let covariance = values
                .iter()
                .zip(&values[lag..])
                .map(|(a, b)| a * b)
                .sum::<f64>()
                / n;
            assert_close(
                covariance,
                0.0,
                Tolerance::statistical(4.0, n.sqrt().recip()),
            );
        }
        assert_ne!(model.w(), model.w_dec());
    }
}

#[test]
fn odd_numbers_of_weights_are_filled() {
    let model = ToyModel::random(config(3, 1), Initialization::XavierNormal, &mut rng(0)).unwrap();
    let longer = ToyModel::random(
        config(4, 1),
        Initialization::Normal {
            std: (0.5_f64).sqrt(),
        },
        &mut rng(0),
    )
    .unwrap();
    assert_eq!(model.w(), longer.w().subcols(0, 3)); // 2 / (3 + 1) = 1/2
}

#[test]
fn tensors_are_row_major() {
    let model = ToyModel::new(config(2, 3), vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]).unwrap();
    let expected = [
        NamedTensor {
            name: "W".into(),
            shape: vec![3, 2],
            values: vec![1.0, 4.0, 2.0, 5.0, 3.0, 6.0],
        },
        NamedTensor {
            name: "b".into(),
            shape: vec![2],
            values: vec![7.0, 8.0],
        },
    ];
    assert_eq!(model.to_tensors(), expected);
}

#[test]
fn tensors_of_another_configuration_are_refused() {
    let tied = ToyModel::new(config(2, 1), vec![0.0; 4]).unwrap();
    let untied = tied.config().with_coupling(Coupling::Untied);
    let error = ToyModel::from_tensors(untied, &tied.to_tensors()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "tensor 'W_dec' is missing; there are 'W', 'b'"
    );
    let no_bias = tied.config().with_bias(Bias::None);
    let error = ToyModel::from_tensors(no_bias, &tied.to_tensors()).unwrap_err();
    assert_eq!(
        error,
        ModelError::UnexpectedTensor {
            name: "b".into(),
            expected: vec!["W"]
        }
    );
}

#[test]
fn debug_is_short() {
    let model = ToyModel::new(config(100, 20), vec![0.0; 2100]).unwrap();
    assert!(format!("{model:?}").len() < 300);
}

#[test]
#[should_panic(expected = "x is 3 x 4; it must be 2 x 4")]
fn x_of_another_height_panics() {
    let _ = ToyModel::new(config(2, 1), vec![0.0; 4])
        .unwrap()
        .encode(Mat::zeros(3, 4).as_ref());
}

#[test]
#[should_panic(expected = "h is 2 x 4; it must be 1 x 4")]
fn h_of_another_height_panics() {
    let _ = ToyModel::new(config(2, 1), vec![0.0; 4])
        .unwrap()
        .decode(Mat::zeros(2, 4).as_ref());
}

#[test]
#[should_panic(expected = "h is 1 x 3; it must be 1 x 4")]
fn a_result_of_another_width_panics() {
    let model = ToyModel::new(config(2, 1), vec![0.0; 4]).unwrap();
    model.encode_into(Mat::zeros(2, 4).as_ref(), Mat::zeros(1, 3).as_mut());
}

#[test]
#[should_panic(expected = "importance has length 3; it must have length 2")]
fn importance_of_another_length_panics() {
    let _ = ToyModel::new(config(2, 1), vec![0.0; 4])
        .unwrap()
        .loss(Mat::zeros(2, 4).as_ref(), &[1.0; 3]);
}

#[test]
#[should_panic(expected = "a mean needs at least one sample")]
fn an_empty_batch_panics() {
    let _ = ToyModel::new(config(2, 1), vec![0.0; 4])
        .unwrap()
        .loss(Mat::zeros(2, 0).as_ref(), &[1.0; 2]);
}
