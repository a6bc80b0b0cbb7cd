//! Gradients of the oracles against central differences of their losses, and both against torch.

use superposition_testkit::faer::{Mat, MatRef};
use superposition_testkit::golden::{self, field};
use superposition_testkit::serde_json::Value;
use superposition_testkit::tolerance::{
    Tolerance, assert_all_close, assert_close, assert_matrix_close,
};
use superposition_testkit::{geometry, oracle};

/// Central differences with h = 1e-5 on losses near 1.
fn differences() -> Tolerance {
    Tolerance::absolute(1e-8)
}

fn flat(parts: &[MatRef<'_, f64>]) -> Vec<f64> {
    parts
        .iter()
        .flat_map(|w| (0..w.ncols()).flat_map(move |i| (0..w.nrows()).map(move |k| w[(k, i)])))
        .collect()
}

fn unflat(values: &[f64], m: usize, n: usize) -> Mat<f64> {
    Mat::from_fn(m, n, |k, i| values[i * m + k])
}

#[test]
fn toy_model_against_differences() {
    let (m, n, batch) = (2, 5, 4);
    let x = geometry::random_uniform(n, batch, 1);
    let importance = [1.0, 0.5, 2.0, 0.0, 0.1];
    for relu in [true, false] {
        let parameters = flat(&[
            geometry::random_gaussian(m, n, 2).as_ref(),
            geometry::random_gaussian(m, n, 3).as_ref(),
            geometry::random_gaussian(1, n, 4).as_ref(),
        ]);
        let parts = |p: &[f64]| {
            (
                unflat(&p[..m * n], m, n),
                unflat(&p[m * n..2 * m * n], m, n),
                p[2 * m * n..].to_vec(),
            )
        };
        let loss = |p: &[f64]| {
            let (w_enc, w_dec, b) = parts(p);
            oracle::toy_model_loss(
                w_enc.as_ref(),
                w_dec.as_ref(),
                &b,
                x.as_ref(),
                &importance,
                relu,
            )
        };
        let (w_enc, w_dec, b) = parts(&parameters);
        let (d_enc, d_dec, d_b) = oracle::toy_model_gradient(
            w_enc.as_ref(),
            w_dec.as_ref(),
            &b,
            x.as_ref(),
            &importance,
            relu,
        );
        let exact = [flat(&[d_enc.as_ref(), d_dec.as_ref()]), d_b].concat();
        assert_all_close(
            &exact,
            &oracle::finite_difference(loss, &parameters, 1e-5),
            differences(),
        );
        assert!(
            exact.iter().any(|g| g.abs() > 0.01),
            "gradients of zero would prove nothing"
        );
    }
}

#[test]
fn sparse_autoencoder_against_differences() {
    let (d_in, d_sae, batch) = (3, 5, 4);
    let x = geometry::random_gaussian(d_in, batch, 5);
    let size = d_in * d_sae;
    let parameters = flat(&[
        geometry::random_gaussian(d_in, d_sae, 6).as_ref(),
        geometry::random_gaussian(d_in, d_sae, 7).as_ref(),
        geometry::random_gaussian(1, d_sae + d_in, 8).as_ref(),
    ]);
    let parts = |p: &[f64]| {
        let (b_enc, b_dec) = p[2 * size..].split_at(d_sae);
        let w_dec = unflat(&p[size..2 * size], d_in, d_sae);
        (
            unflat(&p[..size], d_in, d_sae),
            w_dec,
            b_enc.to_vec(),
            b_dec.to_vec(),
        )
    };
    let loss = |p: &[f64]| {
        let (w_enc, w_dec, b_enc, b_dec) = parts(p);
        oracle::sae_loss(
            w_enc.as_ref(),
            w_dec.as_ref(),
            &b_enc,
            &b_dec,
            x.as_ref(),
            0.3,
        )
        .total
    };
    let (w_enc, w_dec, b_enc, b_dec) = parts(&parameters);
    let (d_w_enc, d_w_dec, d_b_enc, d_b_dec) = oracle::sae_gradient(
        w_enc.as_ref(),
        w_dec.as_ref(),
        &b_enc,
        &b_dec,
        x.as_ref(),
        0.3,
    );
    let exact = [
        flat(&[d_w_enc.as_ref(), d_w_dec.as_ref()]),
        d_b_enc,
        d_b_dec,
    ]
    .concat();
    // Losses near 100 here: the rounding of a difference is a hundred times larger.
    let tol = Tolerance::absolute(1e-6);
    assert_all_close(
        &exact,
        &oracle::finite_difference(loss, &parameters, 1e-5),
        tol,
    );
}

/// One feature, one dimension, one sample: x' = ReLU(w^2 x + b), all by hand.
#[test]
fn toy_model_by_hand() {
    let one = |v: f64| Mat::from_fn(1, 1, |_, _| v);
    let (w, x) = (one(2.0), one(0.5));
    // z = 4 * 0.5 - 0.5 = 1.5; loss 3 * (0.5 - 1.5)^2; g = 2 * 3 * 1.
    assert_eq!(
        oracle::toy_model_loss(w.as_ref(), w.as_ref(), &[-0.5], x.as_ref(), &[3.0], true),
        3.0
    );
    let (enc, dec, b) =
        oracle::toy_model_gradient(w.as_ref(), w.as_ref(), &[-0.5], x.as_ref(), &[3.0], true);
    assert_eq!((enc[(0, 0)], dec[(0, 0)], b[0]), (6.0, 6.0, 6.0));
    // z = 0 exactly: the ReLU lets no gradient through, the identity does.
    let at_zero = |relu| {
        oracle::toy_model_gradient(w.as_ref(), w.as_ref(), &[-2.0], x.as_ref(), &[3.0], relu).2[0]
    };
    assert_eq!((at_zero(true), at_zero(false)), (0.0, -3.0));
}

#[test]
fn toy_model_against_torch() {
    let file = golden::load("toy_model");
    let cases = golden::array(field(&file, "cases"));
    assert_eq!(cases.len(), 6);
    for case in cases {
        println!("{}", field(case, "name"));
        let w = golden::matrix(field(case, "w"));
        let untied = field(case, "coupling") == "untied";
        let w_dec = if untied {
            golden::matrix(field(case, "w_dec"))
        } else {
            w.clone()
        };
        let learned = field(case, "bias") == "learned";
        let b = if learned {
            golden::vector(field(case, "b"))
        } else {
            vec![0.0; w.ncols()]
        };
        let x = golden::matrix(field(case, "x"));
        let importance = golden::vector(field(case, "importance"));
        let relu = field(case, "output") == "relu";
        let (w, w_dec, x) = (w.as_ref(), w_dec.as_ref(), x.as_ref());
        assert_eq!((w.nrows(), w.ncols(), x.nrows(), x.ncols()), (3, 7, 7, 5));

        let loss = oracle::toy_model_loss(w, w_dec, &b, x, &importance, relu);
        assert_close(
            loss,
            golden::number(field(case, "loss")),
            Tolerance::relative(1e-13),
        );
        let reconstruction = oracle::toy_model_reconstruct(w, w_dec, &b, x, relu);
        let tol = Tolerance::absolute(1e-13);
        assert_matrix_close(
            reconstruction.as_ref(),
            golden::matrix(field(case, "reconstruction")).as_ref(),
            tol,
        );
        let (d_enc, d_dec, d_b) = oracle::toy_model_gradient(w, w_dec, &b, x, &importance, relu);
        let expected = golden::matrix(field(case, "gradient_w"));
        if untied {
            assert_matrix_close(d_enc.as_ref(), expected.as_ref(), tol);
            assert_matrix_close(
                d_dec.as_ref(),
                golden::matrix(field(case, "gradient_w_dec")).as_ref(),
                tol,
            );
        } else {
            assert_matrix_close((&d_enc + &d_dec).as_ref(), expected.as_ref(), tol);
        }
        if learned {
            assert_all_close(&d_b, &golden::vector(field(case, "gradient_b")), tol);
        }
    }
}

#[test]
fn sparse_autoencoder_against_torch() {
    let file = golden::load("sae");
    let cases = golden::array(field(&file, "cases"));
    assert_eq!(cases.len(), 3);
    let tol = Tolerance::absolute(1e-12);
    for case in cases {
        let matrix = |key| golden::matrix(field(case, key));
        let (w_enc, w_dec, x) = (matrix("w_enc"), matrix("w_dec"), matrix("x"));
        let (b_enc, b_dec) = (
            golden::vector(field(case, "b_enc")),
            golden::vector(field(case, "b_dec")),
        );
        let l1 = golden::number(field(case, "l1"));
        assert_eq!((w_enc.nrows(), w_enc.ncols(), x.ncols()), (4, 6, 5));
        let loss = oracle::sae_loss(
            w_enc.as_ref(),
            w_dec.as_ref(),
            &b_enc,
            &b_dec,
            x.as_ref(),
            l1,
        );
        let expected =
            ["loss", "reconstruction", "sparsity"].map(|key| golden::number(field(case, key)));
        assert_all_close(
            &[loss.total, loss.reconstruction, loss.sparsity],
            &expected,
            tol,
        );
        let (d_w_enc, d_w_dec, d_b_enc, d_b_dec) = oracle::sae_gradient(
            w_enc.as_ref(),
            w_dec.as_ref(),
            &b_enc,
            &b_dec,
            x.as_ref(),
            l1,
        );
        assert_matrix_close(d_w_enc.as_ref(), matrix("gradient_w_enc").as_ref(), tol);
        assert_matrix_close(d_w_dec.as_ref(), matrix("gradient_w_dec").as_ref(), tol);
        assert_all_close(
            &d_b_enc,
            &golden::vector(field(case, "gradient_b_enc")),
            tol,
        );
        assert_all_close(
            &d_b_dec,
            &golden::vector(field(case, "gradient_b_dec")),
            tol,
        );
    }
}

/// The f64 reference follows torch's f32 traces to the rounding of f32 over fifty steps.
#[test]
fn adam_against_torch() {
    let file = golden::load("adam");
    let cases = golden::array(field(&file, "cases"));
    assert_eq!(cases.len(), 7);
    for case in cases {
        let name = field(case, "name");
        let option = |key| golden::number(field(case, key));
        // What torch.optim.Adam calls weight decay is coupled, that of AdamW is not.
        let coupled = field(case, "kind").as_str() == Some("adam");
        let options = oracle::AdamState {
            learning_rate: option("lr"),
            beta1: option("beta1"),
            beta2: option("beta2"),
            epsilon: option("eps"),
            weight_decay: if coupled { 0.0 } else { option("weight_decay") },
            l2: if coupled { option("weight_decay") } else { 0.0 },
            ..oracle::AdamState::new(golden::array(field(case, "initial")).len())
        };
        assert_eq!(golden::array(field(case, "gradients")).len(), 50);
        assert_eq!(first_departure(case, options.clone()), None, "{name}");
        // Controls: other options do not pass for these.
        let other = oracle::AdamState {
            beta1: 0.85,
            ..options.clone()
        };
        assert!(first_departure(case, other).is_some(), "{name}, beta1");
        let other = oracle::AdamState {
            beta2: 0.98,
            ..options.clone()
        };
        assert!(first_departure(case, other).is_some(), "{name}, beta2");
        let other = oracle::AdamState {
            epsilon: 1e-4,
            ..options.clone()
        };
        assert!(first_departure(case, other).is_some(), "{name}, epsilon");
        let other = oracle::AdamState {
            l2: options.l2 + 0.01,
            ..options.clone()
        };
        assert!(first_departure(case, other).is_some(), "{name}, l2");
        let other = oracle::AdamState {
            weight_decay: options.weight_decay + 0.01,
            ..options
        };
        assert!(
            first_departure(case, other).is_some(),
            "{name}, weight decay"
        );
    }
}

/// The first step after which a parameter is not where torch had it.
fn first_departure(case: &Value, mut state: oracle::AdamState) -> Option<usize> {
    let mut parameters = golden::vector(field(case, "initial"));
    let factors = field(case, "lr_factors");
    golden::array(field(case, "gradients"))
        .iter()
        .enumerate()
        .position(|(step, gradient)| {
            let factor = if factors.is_null() {
                1.0
            } else {
                golden::number(&factors[step])
            };
            oracle::adam_step(
                &mut state,
                &mut parameters,
                &golden::vector(gradient),
                factor,
            );
            let expected = golden::vector(&field(case, "parameters")[step]);
            // Parameters are below 2, so every f32 step so far has rounded by at most 2^-23 and its own update by less.
            let tol = Tolerance::reduction_f32(step + 1, 2.0);
            parameters
                .iter()
                .zip(&expected)
                .any(|(&p, &e)| !tol.accepts(p, e))
        })
}
