//! The toy model `x' = f(W_dec^T W_enc x + b)` with f the ReLU or the identity.

use faer::{Mat, MatRef};

/// The reconstruction `x'` (n x B) of `x` (n x B): `f(W_dec^T W_enc x + b)`.
///
/// `w_enc` and `w_dec` are m x n (pass the same matrix twice for tied weights), `b` has length n (zeros for none).
#[must_use]
#[track_caller]
pub fn toy_model_reconstruct(
    w_enc: MatRef<'_, f64>,
    w_dec: MatRef<'_, f64>,
    b: &[f64],
    x: MatRef<'_, f64>,
    relu: bool,
) -> Mat<f64> {
    check_shapes(w_enc, w_dec, b, x);
    let h = encode(w_enc, x);
    Mat::from_fn(x.nrows(), x.ncols(), |i, s| {
        let z = pre_activation(w_dec, b, h.as_ref(), i, s);
        if relu { z.max(0.0) } else { z }
    })
}

/// The loss: mean over batch **and** features of `I_i (x_i - x'_i)^2`.
#[must_use]
#[track_caller]
pub fn toy_model_loss(
    w_enc: MatRef<'_, f64>,
    w_dec: MatRef<'_, f64>,
    b: &[f64],
    x: MatRef<'_, f64>,
    importance: &[f64],
    relu: bool,
) -> f64 {
    assert_eq!(importance.len(), x.nrows(), "one importance per feature");
    let reconstruction = toy_model_reconstruct(w_enc, w_dec, b, x, relu);
    let mut sum = 0.0;
    for s in 0..x.ncols() {
        for i in 0..x.nrows() {
            let error = x[(i, s)] - reconstruction[(i, s)];
            sum += importance[i] * error * error;
        }
    }
    sum / (x.ncols() as f64 * x.nrows() as f64)
}

/// The exact gradient of [`toy_model_loss`] with respect to `w_enc` (m x n), `w_dec` (m x n) and `b` (n).
///
/// The derivative of the ReLU at 0 is 0. For tied weights the gradient is the sum of the first two.
#[must_use]
#[track_caller]
pub fn toy_model_gradient(
    w_enc: MatRef<'_, f64>,
    w_dec: MatRef<'_, f64>,
    b: &[f64],
    x: MatRef<'_, f64>,
    importance: &[f64],
    relu: bool,
) -> (Mat<f64>, Mat<f64>, Vec<f64>) {
    check_shapes(w_enc, w_dec, b, x);
    assert_eq!(importance.len(), x.nrows(), "one importance per feature");
    let (m, n, batch) = (w_enc.nrows(), x.nrows(), x.ncols());
    let h = encode(w_enc, x);
    let mut d_enc = Mat::zeros(m, n);
    let mut d_dec = Mat::zeros(m, n);
    let mut d_b = vec![0.0; n];
    for s in 0..batch {
        for i in 0..n {
            let z = pre_activation(w_dec, b, h.as_ref(), i, s);
            if relu && z <= 0.0 {
                continue;
            }
            // dL/dz_i of this sample; z_i = sum_k W_dec[k, i] sum_j W_enc[k, j] x_j + b_i.
            let g = 2.0 * importance[i] * (z - x[(i, s)]) / (batch as f64 * n as f64);
            d_b[i] += g;
            for k in 0..m {
                d_dec[(k, i)] += g * h[(k, s)];
                for j in 0..n {
                    d_enc[(k, j)] += g * w_dec[(k, i)] * x[(j, s)];
                }
            }
        }
    }
    (d_enc, d_dec, d_b)
}

/// `h = W_enc x`, m x B.
fn encode(w_enc: MatRef<'_, f64>, x: MatRef<'_, f64>) -> Mat<f64> {
    Mat::from_fn(w_enc.nrows(), x.ncols(), |k, s| {
        (0..x.nrows()).map(|j| w_enc[(k, j)] * x[(j, s)]).sum()
    })
}

fn pre_activation(
    w_dec: MatRef<'_, f64>,
    b: &[f64],
    h: MatRef<'_, f64>,
    i: usize,
    s: usize,
) -> f64 {
    b[i] + (0..h.nrows())
        .map(|k| w_dec[(k, i)] * h[(k, s)])
        .sum::<f64>()
}

#[track_caller]
fn check_shapes(w_enc: MatRef<'_, f64>, w_dec: MatRef<'_, f64>, b: &[f64], x: MatRef<'_, f64>) {
    let shape = (w_enc.nrows(), w_enc.ncols());
    assert_eq!(
        shape,
        (w_dec.nrows(), w_dec.ncols()),
        "encoder and decoder are both m x n"
    );
    assert_eq!(
        shape.1,
        x.nrows(),
        "W has {} columns, x {} rows",
        shape.1,
        x.nrows()
    );
    assert_eq!(
        shape.1,
        b.len(),
        "W has {} columns, b {} values",
        shape.1,
        b.len()
    );
}
