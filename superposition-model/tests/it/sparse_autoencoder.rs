//! The sparse autoencoder: torch, finite differences, the oracle, planted dictionaries, the norm constraint.

use proptest::collection::vec;
use proptest::prelude::*;
use superposition_model::faer::{Mat, MatRef, mat};
use superposition_model::sae::{SaeConfig, SaeDimensions, SparseAutoencoder};
use superposition_model::{FeatureDistribution, FeatureProbability};
use superposition_testkit::golden;
use superposition_testkit::oracle::{self, finite_difference};
use superposition_testkit::tolerance::{
    Tolerance, assert_all_close, assert_close, assert_matrix_close,
};

use crate::support::{flat, narrow, rng, wide};

fn sae_config(d_in: usize, d_sae: usize) -> SaeConfig {
    SaeConfig::new(SaeDimensions { d_in, d_sae })
}

/// Flat parameters in f64 as the oracle takes them.
struct Parts {
    w_enc: Mat<f64>,
    w_dec: Mat<f64>,
    b_enc: Vec<f64>,
    b_dec: Vec<f64>,
}

fn parts(sae: &SparseAutoencoder, parameters: &[f64]) -> Parts {
    let SaeDimensions { d_in, d_sae } = sae.dimensions();
    let layout = sae.layout();
    let matrix = |values: &[f64]| Mat::from_fn(d_in, d_sae, |i, j| values[j * d_in + i]);
    Parts {
        w_enc: matrix(&parameters[layout.w_enc]),
        w_dec: matrix(&parameters[layout.w_dec]),
        b_enc: parameters[layout.b_enc].to_vec(),
        b_dec: parameters[layout.b_dec].to_vec(),
    }
}

fn widened(sae: &SparseAutoencoder) -> Vec<f64> {
    sae.parameters().iter().map(|&p| f64::from(p)).collect()
}

fn oracle_loss(
    sae: &SparseAutoencoder,
    parameters: &[f64],
    x: MatRef<'_, f32>,
    l1: f64,
) -> oracle::SaeLoss {
    let Parts {
        w_enc,
        w_dec,
        b_enc,
        b_dec,
    } = parts(sae, parameters);
    oracle::sae_loss(
        w_enc.as_ref(),
        w_dec.as_ref(),
        &b_enc,
        &b_dec,
        wide(x).as_ref(),
        l1,
    )
}

fn oracle_gradient(sae: &SparseAutoencoder, x: MatRef<'_, f32>, l1: f64) -> Vec<f64> {
    let Parts {
        w_enc,
        w_dec,
        b_enc,
        b_dec,
    } = parts(sae, &widened(sae));
    let (w_enc, w_dec, b_enc, b_dec) = oracle::sae_gradient(
        w_enc.as_ref(),
        w_dec.as_ref(),
        &b_enc,
        &b_dec,
        wide(x).as_ref(),
        l1,
    );
    [flat(w_enc.as_ref()), flat(w_dec.as_ref()), b_enc, b_dec].concat()
}

/// For each parameter the sum of the absolute values of the terms of its gradient, and the same of the loss.
fn scale(sae: &SparseAutoencoder, x: MatRef<'_, f32>, l1: f64) -> (Vec<f64>, oracle::SaeLoss) {
    // With these signs every latent is active and all terms of any sum have one sign.
    let mut parameters: Vec<f32> = sae.parameters().iter().map(|p| p.abs()).collect();
    let layout = sae.layout();
    for range in [layout.w_dec, layout.b_dec] {
        parameters[range].iter_mut().for_each(|p| *p = -*p);
    }
    let sae = SparseAutoencoder::new(*sae.config(), parameters).unwrap();
    let x = Mat::from_fn(x.nrows(), x.ncols(), |i, s| x[(i, s)].abs());
    let gradient = oracle_gradient(&sae, x.as_ref(), l1)
        .iter()
        .map(|g| g.abs())
        .collect();
    (gradient, oracle_loss(&sae, &widened(&sae), x.as_ref(), l1))
}

fn check(sae: &SparseAutoencoder, x: MatRef<'_, f32>, l1: f64) {
    let expected = oracle_loss(sae, &widened(sae), x, l1);
    let (scales, loss_scale) = scale(sae, x, l1);
    let mut gradient = vec![f32::NAN; sae.parameters().len()];
    let loss = sae.loss_and_gradient_into(x, l1, &mut gradient);
    let rows = x.transpose().to_owned();
    let again = sae.loss(rows.transpose(), l1); // the same batch by rows
    let n_terms = sae.dimensions().d_in + sae.dimensions().d_sae + x.ncols() + 4;
    let within = |scale| Tolerance::reduction_f32(n_terms, scale);
    assert_close(
        loss.reconstruction,
        expected.reconstruction,
        within(loss_scale.reconstruction),
    );
    assert_close(
        loss.sparsity,
        expected.sparsity,
        within(loss_scale.sparsity),
    );
    assert_close(loss.total, expected.total, within(loss_scale.total));
    assert_close(
        again.reconstruction,
        expected.reconstruction,
        within(loss_scale.reconstruction),
    );
    assert_close(again.sparsity, loss.sparsity, Tolerance::ulps_f64(8));
    for ((&actual, expected), scale) in gradient.iter().zip(oracle_gradient(sae, x, l1)).zip(scales)
    {
        assert_close(f64::from(actual), expected, within(scale));
    }
}

/// An autoencoder and a batch of multiples of 1/8, so that f32 and f64 agree on which latents are active.
fn cases() -> impl Strategy<Value = (SparseAutoencoder, Mat<f32>)> {
    (1..5_usize, 1..6_usize, 1..6_usize).prop_flat_map(|(d_in, d_sae, batch)| {
        let config = sae_config(d_in, d_sae);
        let eighths = |count| vec((-8..=8_i32).prop_map(|k| k as f32 / 8.0), count);
        (
            eighths(config.n_parameters().expect("small")),
            eighths(d_in * batch),
        )
            .prop_map(move |(parameters, x)| {
                let sae = SparseAutoencoder::new(config, parameters).expect("finite");
                (sae, Mat::from_fn(d_in, batch, |i, s| x[s * d_in + i]))
            })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn loss_and_gradient_equal_the_oracle((sae, x) in cases(), l1 in prop_oneof![Just(0.0), 0.0..2.0]) {
        check(&sae, x.as_ref(), l1);
    }

    #[test]
    fn gradient_equals_finite_differences((mut sae, x) in cases(), l1 in 0.0..1.0) {
        // Away from the kink: a pre-activation without this is a multiple of 1/64.
        let b_enc = sae.layout().b_enc;
        sae.parameters_mut()[b_enc].iter_mut().for_each(|b| *b += 1.0 / 128.0);
        let mut gradient = vec![0.0; sae.parameters().len()];
        let _ = sae.loss_and_gradient_into(x.as_ref(), l1, &mut gradient);
        let expected = finite_difference(|p| oracle_loss(&sae, p, x.as_ref(), l1).total, &widened(&sae), 1e-5);
        let (scales, _) = scale(&sae, x.as_ref(), l1);
        for ((&actual, expected), scale) in gradient.iter().zip(expected).zip(scales) {
            // Truncation: h^2 times a third derivative, far below 10^4 for these sizes.
            let bound = Tolerance::reduction_f32(20, scale).bound(expected) + 1e-6;
            assert_close(f64::from(actual), expected, Tolerance::absolute(bound));
        }
    }

    #[test]
    fn columns_have_norm_one_and_gradients_stay_on_the_sphere(
        (mut sae, _) in cases(),
        values in vec(-10.0..10.0_f32, 60),
    ) {
        let before = sae.clone();
        sae.normalize_decoder();
        let layout = sae.layout();
        let d_in = sae.dimensions().d_in;
        prop_assert_eq!(sae.w_enc(), before.w_enc());
        prop_assert_eq!((sae.b_enc(), sae.b_dec()), (before.b_enc(), before.b_dec()));

        let original: Vec<f32> = values.iter().copied().cycle().take(sae.parameters().len()).collect();
        let mut gradient = original.clone();
        sae.project_decoder_gradient(&mut gradient);
        for (p, (&new, &old)) in gradient.iter().zip(&original).enumerate() {
            prop_assert!(layout.w_dec.contains(&p) || new == old);
        }
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum::<f64>();
        for j in 0..sae.dimensions().d_sae {
            let column = |all: &[f32]| all[layout.w_dec.clone()][j * d_in..(j + 1) * d_in].to_vec();
            let (w, old_w) = (column(sae.parameters()), column(before.parameters()));
            let (g, old_g) = (column(&gradient), column(&original));
            if old_w.iter().all(|&w| w == 0.0) {
                prop_assert_eq!(&w, &old_w);
                prop_assert_eq!(&g, &old_g);
                continue;
            }
            assert_close(dot(&w, &w), 1.0, Tolerance::reduction_f32(d_in, 1.0));
            let parallel = dot(&w, &old_w) / dot(&old_w, &old_w).sqrt();
            assert_close(parallel, 1.0, Tolerance::reduction_f32(d_in, 1.0)); // the direction is kept
            assert_close(dot(&w, &g), 0.0, Tolerance::reduction_f32(d_in, 10.0));
            // What was taken away lies along w: nothing else changed.
            let taken: Vec<f32> = old_g.iter().zip(&g).map(|(a, b)| a - b).collect();
            assert_close(dot(&taken, &g), 0.0, Tolerance::reduction_f32(d_in, 400.0));
        }
    }

    #[test]
    fn tensors_round_trip((sae, _) in cases()) {
        let mut tensors = sae.to_tensors();
        prop_assert_eq!(&tensors[0].shape, &[sae.dimensions().d_in, sae.dimensions().d_sae]);
        prop_assert_eq!(tensors[0].values[sae.dimensions().d_sae - 1], sae.w_enc()[(0, sae.dimensions().d_sae - 1)]);
        tensors.rotate_left(1);
        prop_assert_eq!(SparseAutoencoder::from_tensors(*sae.config(), &tensors), Ok(sae));
    }
}

#[test]
fn sae_loss_and_gradient_equal_torch() {
    let document = golden::load("sae.json");
    let entries = golden::array(golden::field(&document, "cases"));
    assert_eq!(entries.len(), 3);
    for entry in entries {
        let matrix = |key| golden::matrix(golden::field(entry, key));
        let vector = |key| golden::vector(golden::field(entry, key));
        let number = |key| golden::number(golden::field(entry, key));
        let w_enc = matrix("w_enc");
        let parameters = [
            flat(w_enc.as_ref()),
            flat(matrix("w_dec").as_ref()),
            vector("b_enc"),
            vector("b_dec"),
        ];
        let parameters = parameters.concat().iter().map(|&p| p as f32).collect();
        let sae =
            SparseAutoencoder::new(sae_config(w_enc.nrows(), w_enc.ncols()), parameters).unwrap();
        let x = narrow(matrix("x").as_ref());
        check(&sae, x.as_ref(), number("l1"));

        // Numbers up to 3 in sums of up to 6, twice: terms of at most 200.
        let tolerance = Tolerance::reduction_f32(16, 200.0);
        let f = sae.encode(x.as_ref());
        assert_matrix_close(
            wide(f.as_ref()).as_ref(),
            matrix("latents").as_ref(),
            tolerance,
        );
        let y = sae.reconstruct(x.as_ref());
        assert_matrix_close(
            wide(y.as_ref()).as_ref(),
            matrix("x_hat").as_ref(),
            tolerance,
        );

        let mut gradient = vec![0.0; sae.parameters().len()];
        let loss = sae.loss_and_gradient_into(x.as_ref(), number("l1"), &mut gradient);
        // Relative: sums of squares and of positive numbers, whose terms carry a few roundings.
        for (actual, key) in [
            (loss.total, "loss"),
            (loss.reconstruction, "reconstruction"),
            (loss.sparsity, "sparsity"),
        ] {
            assert_close(actual, number(key), Tolerance::ulps_f32(32));
        }
        let expected = [
            flat(matrix("gradient_w_enc").as_ref()),
            flat(matrix("gradient_w_dec").as_ref()),
            vector("gradient_b_enc"),
            vector("gradient_b_dec"),
        ];
        let gradient: Vec<f64> = gradient.iter().map(|&g| f64::from(g)).collect();
        assert_all_close(&gradient, &expected.concat(), tolerance);
    }
}

#[test]
fn batches_of_any_size_are_tiled_right() {
    let eighth = |k: usize| (k * 7 % 17) as f32 / 8.0 - 1.0;
    for batch_size in [255, 256, 257, 513] {
        let sae = SparseAutoencoder::new(sae_config(2, 3), (0..17).map(eighth).collect()).unwrap();
        let x = Mat::from_fn(2, batch_size, |i, s| eighth(3 * s + i + s / 17));
        check(&sae, x.as_ref(), 0.5);
    }
}

/// The true features of a dictionary with orthogonal directions: nothing is lost, and the penalty is their sum.
#[test]
fn planted_dictionary_has_no_reconstruction_loss() {
    let (d, b) = (4, 0.5_f32);
    let mut parameters = vec![0.0; 2 * d * d + 2 * d];
    for j in 0..d {
        parameters[j * d + j] = 1.0;
        parameters[d * d + j * d + j] = 1.0;
    }
    parameters[2 * d * d + d..].fill(b);
    let sae = SparseAutoencoder::new(sae_config(d, d), parameters).unwrap();
    let features = FeatureDistribution::new(d, &FeatureProbability::Same(0.5))
        .unwrap()
        .sample(500, &mut rng(3));
    // Values with few bits, so that adding b is exact.
    let features = Mat::from_fn(d, 500, |i, s| (features[(i, s)] * 256.0).round() / 256.0);
    let x = Mat::from_fn(d, 500, |i, s| features[(i, s)] + b);
    let loss = sae.loss(x.as_ref(), 0.25);
    let sum: f64 = (0..500)
        .flat_map(|s| features.col_as_slice(s))
        .map(|&f| f64::from(f))
        .sum();
    assert_eq!((loss.reconstruction, loss.sparsity), (0.0, sum / 500.0));
    assert_eq!(loss.total, 0.25 * loss.sparsity);
    assert_eq!(sae.encode(x.as_ref()), features);
    // The control: an untrained autoencoder loses something.
    let untrained = SparseAutoencoder::random(sae_config(d, d), &mut rng(0)).unwrap();
    assert!(untrained.loss(x.as_ref(), 0.25).reconstruction > 0.1);
}

/// Two latents by hand: x = (3, 1), b_dec = (1, 1), so x - b_dec = (2, 0).
#[test]
fn two_latents_by_hand() {
    let sae = SparseAutoencoder::new(
        sae_config(2, 2),
        vec![1.0, 0.0, 0.0, 1.0, 0.6, 0.8, 0.0, 1.0, -0.5, 0.25, 1.0, 1.0],
    )
    .unwrap();
    let x = mat![[3.0_f32], [1.0]];
    let f = sae.encode(x.as_ref());
    assert_eq!((f[(0, 0)], f[(1, 0)]), (1.5, 0.25));
    // x' = 1.5 (0.6, 0.8) + 0.25 (0, 1) + (1, 1) = (1.9, 2.45): off by (-1.1, 1.45).
    let loss = sae.loss(x.as_ref(), 2.0);
    assert_close(
        loss.reconstruction,
        1.1 * 1.1 + 1.45 * 1.45,
        Tolerance::ulps_f32(4),
    );
    assert_eq!(loss.sparsity, 1.75);
    assert_eq!(loss.total, loss.reconstruction + 2.0 * 1.75);
}

#[test]
fn random_start_has_unit_columns_and_equal_sides() {
    let sae = SparseAutoencoder::random(sae_config(16, 200), &mut rng(1)).unwrap();
    assert_eq!(sae.w_enc(), sae.w_dec());
    assert!(sae.b_enc().iter().chain(sae.b_dec()).all(|&b| b == 0.0));
    let w = wide(sae.w_dec());
    for j in 0..200 {
        let norm_sq: f64 = (0..16).map(|i| w[(i, j)] * w[(i, j)]).sum();
        assert_close(norm_sq, 1.0, Tolerance::reduction_f32(16, 1.0));
    }
    // Directions are uniform: the mean of a squared component is 1/d, of variance 2 (d - 1) / (d^2 (d + 2)).
    for i in 0..16 {
        let mean = (0..200).map(|j| w[(i, j)] * w[(i, j)]).sum::<f64>() / 200.0;
        let variance = 2.0 * 15.0 / (16.0 * 16.0 * 18.0);
        assert_close(
            mean,
            1.0 / 16.0,
            Tolerance::statistical(4.0, f64::sqrt(variance / 200.0)),
        );
    }
}

/// A column of norm 5 projects like one of norm 1: (5, 0) loses its part along (3, 4) / 5, which is 3 (0.6, 0.8).
#[test]
fn projection_does_not_depend_on_the_norm() {
    for size in [1.0, 5.0] {
        let parameters = vec![0.0, 0.0, 0.6 * size, 0.8 * size, 0.0, 0.0, 0.0];
        let sae = SparseAutoencoder::new(sae_config(2, 1), parameters).unwrap();
        let mut gradient = [0.0, 0.0, 5.0, 0.0, 0.0, 0.0, 0.0];
        sae.project_decoder_gradient(&mut gradient);
        assert_close(f64::from(gradient[2]), 3.2, Tolerance::ulps_f32(4));
        assert_close(f64::from(gradient[3]), -2.4, Tolerance::ulps_f32(4));
    }
}

#[test]
fn extreme_columns_are_normalized() {
    let mut sae = SparseAutoencoder::new(
        sae_config(2, 2),
        vec![
            0.0, 0.0, 0.0, 0.0, 3e38, 3e38, 0.0, 1e-45, 0.0, 0.0, 0.0, 0.0,
        ],
    )
    .unwrap();
    sae.normalize_decoder();
    let half = std::f32::consts::FRAC_1_SQRT_2;
    assert_eq!(sae.w_dec(), mat![[half, 0.0], [half, 1.0]].as_ref());
}

#[test]
fn nan_shows() {
    let mut sae = SparseAutoencoder::random(sae_config(2, 3), &mut rng(0)).unwrap();
    sae.parameters_mut()[0] = f32::NAN;
    let mut gradient = vec![0.0; 17];
    let loss = sae.loss_and_gradient_into(mat![[1.0_f32], [1.0]].as_ref(), 0.1, &mut gradient);
    assert!(loss.total.is_nan() && gradient.iter().any(|g| g.is_nan()));
}

#[test]
#[should_panic(expected = "x is 3 x 4; it must be 2 x 4")]
fn x_of_another_height_panics() {
    let _ = SparseAutoencoder::new(sae_config(2, 3), vec![0.0; 17])
        .unwrap()
        .loss(Mat::zeros(3, 4).as_ref(), 0.0);
}

#[test]
#[should_panic(expected = "f is 2 x 4; it must be 3 x 4")]
fn f_of_another_height_panics() {
    let _ = SparseAutoencoder::new(sae_config(2, 3), vec![0.0; 17])
        .unwrap()
        .decode(Mat::zeros(2, 4).as_ref());
}

#[test]
#[should_panic(expected = "a mean needs at least one sample")]
fn an_empty_batch_panics() {
    let _ = SparseAutoencoder::new(sae_config(2, 3), vec![0.0; 17])
        .unwrap()
        .loss(Mat::zeros(2, 0).as_ref(), 0.0);
}

#[test]
#[should_panic(expected = "gradient has length 16; it must have length 17")]
fn gradient_of_another_length_panics() {
    SparseAutoencoder::new(sae_config(2, 3), vec![0.0; 17])
        .unwrap()
        .project_decoder_gradient(&mut [0.0; 16]);
}
