//! The sparse autoencoder `f = ReLU(W_enc^T (x - b_dec) + b_enc)`, `x' = W_dec f + b_dec`.

use faer::{Mat, MatRef};

/// The terms of a sparse autoencoder's loss.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SaeLoss {
    /// `reconstruction + l1 * sparsity`.
    pub total: f64,
    /// Mean over the batch of `||x - x'||^2` (a sum over the d_in coordinates).
    pub reconstruction: f64,
    /// Mean over the batch of `sum_j f_j`, without the factor `l1`.
    pub sparsity: f64,
}

/// The loss of a sparse autoencoder on `x` (d_in x B).
///
/// `w_enc` and `w_dec` are d_in x d_sae with a latent per column, `b_enc` has length d_sae, `b_dec` d_in.
/// The decoder's columns are used as given, of whatever norm.
#[must_use]
#[track_caller]
pub fn sae_loss(
    w_enc: MatRef<'_, f64>,
    w_dec: MatRef<'_, f64>,
    b_enc: &[f64],
    b_dec: &[f64],
    x: MatRef<'_, f64>,
    l1: f64,
) -> SaeLoss {
    let (f, residual) = forward(w_enc, w_dec, b_enc, b_dec, x);
    let batch = x.ncols() as f64;
    let mut reconstruction = 0.0;
    let mut sparsity = 0.0;
    for s in 0..x.ncols() {
        reconstruction += (0..x.nrows())
            .map(|k| residual[(k, s)] * residual[(k, s)])
            .sum::<f64>()
            / batch;
        sparsity += (0..w_enc.ncols()).map(|j| f[(j, s)]).sum::<f64>() / batch;
    }
    SaeLoss {
        total: reconstruction + l1 * sparsity,
        reconstruction,
        sparsity,
    }
}

/// The exact gradient of [`sae_loss`]'s total with respect to `w_enc`, `w_dec`, `b_enc` and `b_dec`.
///
/// The derivative of the ReLU at 0 is 0; no projection of the decoder's gradient.
#[must_use]
#[track_caller]
pub fn sae_gradient(
    w_enc: MatRef<'_, f64>,
    w_dec: MatRef<'_, f64>,
    b_enc: &[f64],
    b_dec: &[f64],
    x: MatRef<'_, f64>,
    l1: f64,
) -> (Mat<f64>, Mat<f64>, Vec<f64>, Vec<f64>) {
    let (f, residual) = forward(w_enc, w_dec, b_enc, b_dec, x);
    let (d_in, d_sae, batch) = (x.nrows(), w_enc.ncols(), x.ncols());
    let mut d_w_enc = Mat::zeros(d_in, d_sae);
    let mut d_w_dec = Mat::zeros(d_in, d_sae);
    let mut d_b_enc = vec![0.0; d_sae];
    let mut d_b_dec = vec![0.0; d_in];
    for s in 0..batch {
        for k in 0..d_in {
            // dL/dx'_k; b_dec enters x' directly.
            let g = 2.0 * residual[(k, s)] / batch as f64;
            d_b_dec[k] += g;
            for j in 0..d_sae {
                d_w_dec[(k, j)] += g * f[(j, s)];
            }
        }
        for j in 0..d_sae {
            if f[(j, s)] <= 0.0 {
                continue;
            }
            let from_decoder: f64 = (0..d_in)
                .map(|k| 2.0 * residual[(k, s)] * w_dec[(k, j)])
                .sum();
            let g = (from_decoder + l1) / batch as f64;
            d_b_enc[j] += g;
            for k in 0..d_in {
                d_w_enc[(k, j)] += g * (x[(k, s)] - b_dec[k]);
                // b_dec is also subtracted from the encoder's input.
                d_b_dec[k] -= g * w_enc[(k, j)];
            }
        }
    }
    (d_w_enc, d_w_dec, d_b_enc, d_b_dec)
}

/// The latents f (d_sae x B) and the residual x' - x (d_in x B).
#[track_caller]
fn forward(
    w_enc: MatRef<'_, f64>,
    w_dec: MatRef<'_, f64>,
    b_enc: &[f64],
    b_dec: &[f64],
    x: MatRef<'_, f64>,
) -> (Mat<f64>, Mat<f64>) {
    let (d_in, d_sae) = (w_enc.nrows(), w_enc.ncols());
    assert_eq!(
        (d_in, d_sae),
        (w_dec.nrows(), w_dec.ncols()),
        "encoder and decoder are both d_in x d_sae"
    );
    assert_eq!(
        (d_sae, d_in),
        (b_enc.len(), b_dec.len()),
        "b_enc has d_sae values, b_dec d_in"
    );
    assert_eq!(d_in, x.nrows(), "x has d_in rows");
    let f = Mat::from_fn(d_sae, x.ncols(), |j, s| {
        let z: f64 = (0..d_in)
            .map(|k| w_enc[(k, j)] * (x[(k, s)] - b_dec[k]))
            .sum();
        (z + b_enc[j]).max(0.0)
    });
    let residual = Mat::from_fn(d_in, x.ncols(), |k, s| {
        (0..d_sae).map(|j| w_dec[(k, j)] * f[(j, s)]).sum::<f64>() + b_dec[k] - x[(k, s)]
    });
    (f, residual)
}
