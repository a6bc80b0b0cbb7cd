//! The toy model with a hidden layer of its own, `x' = f(W_dec^T h + b)` with `h = g(W_enc x + b_enc)`, against any target
//! and with an L1 penalty on h; f and g are the ReLU or the identity.

use faer::MatRef;

/// Which model. Its parameters lie in one slice: W_enc (m x n, column after column), W_dec if it is another, b and b_enc
/// if there are such.
#[derive(Clone, Copy, Debug)]
pub struct HiddenLayer {
    /// Features.
    pub n: usize,
    /// Hidden dimensions.
    pub m: usize,
    /// Whether W_dec is not W_enc.
    pub untied: bool,
    /// Whether there is b.
    pub bias: bool,
    /// Whether there is b_enc.
    pub hidden_bias: bool,
    /// Whether f is the ReLU.
    pub relu: bool,
    /// Whether g is.
    pub hidden_relu: bool,
}

/// The loss of x against y (n x B), the mean over batch and features of `I_i (y_i - x'_i)^2` with `l1` times the mean over
/// the batch of the sum of `|h_k|`; its gradient in the layout of the parameters, with derivatives of 0 at kinks; and the
/// smallest size of what goes into a ReLU or an absolute value, a bias alone left out.
#[must_use]
#[track_caller]
pub fn hidden_layer(
    model: HiddenLayer,
    parameters: &[f64],
    x: MatRef<'_, f64>,
    y: MatRef<'_, f64>,
    importance: &[f64],
    l1: f64,
) -> (f64, Vec<f64>, f64) {
    let HiddenLayer { n, m, .. } = model;
    let w_dec = if model.untied { n * m } else { 0 };
    let b = w_dec + n * m;
    let b_enc = b + if model.bias { n } else { 0 };
    let end = b_enc + if model.hidden_bias { m } else { 0 };
    assert_eq!(parameters.len(), end, "the parameters of {model:?}");
    let batch = x.ncols() as f64;
    let (mut loss, mut gradient, mut nearest) = (0.0, vec![0.0; end], f64::INFINITY);
    for s in 0..x.ncols() {
        let is_active = (0..n).any(|i| x[(i, s)] != 0.0);
        let mut h = vec![0.0; m];
        for k in 0..m {
            for i in 0..n {
                h[k] += parameters[i * m + k] * x[(i, s)];
            }
            if model.hidden_bias {
                h[k] += parameters[b_enc + k];
            }
            if is_active && (model.hidden_relu || l1 != 0.0) {
                nearest = f64::min(nearest, h[k].abs());
            }
            if model.hidden_relu && h[k] < 0.0 {
                h[k] = 0.0;
            }
            loss += l1 * h[k].abs() / batch;
        }
        let mut d_h = vec![0.0; m];
        for i in 0..n {
            let mut z = if model.bias { parameters[b + i] } else { 0.0 };
            for k in 0..m {
                z += parameters[w_dec + i * m + k] * h[k];
            }
            if model.relu && h.iter().any(|h| *h != 0.0) {
                nearest = f64::min(nearest, z.abs());
            }
            let out = if model.relu && z < 0.0 { 0.0 } else { z };
            let error = out - y[(i, s)];
            let weight = importance[i] / (batch * n as f64);
            loss += weight * error * error;
            if model.relu && z <= 0.0 {
                continue;
            }
            let g = 2.0 * weight * error;
            if model.bias {
                gradient[b + i] += g;
            }
            for k in 0..m {
                gradient[w_dec + i * m + k] += g * h[k];
                d_h[k] += g * parameters[w_dec + i * m + k];
            }
        }
        for k in 0..m {
            if h[k] != 0.0 {
                d_h[k] += l1 * h[k].signum() / batch;
            } else if model.hidden_relu {
                d_h[k] = 0.0;
            }
            if model.hidden_bias {
                gradient[b_enc + k] += d_h[k];
            }
            for i in 0..n {
                gradient[i * m + k] += d_h[k] * x[(i, s)];
            }
        }
    }
    (loss, gradient, nearest)
}

/// For the loss and each number of its gradient the sum of the absolute values of its terms: that of the model without
/// ReLU whose numbers are such that all terms of any sum agree in sign.
#[must_use]
#[track_caller]
pub fn hidden_layer_scale(
    model: HiddenLayer,
    parameters: &[f64],
    x: MatRef<'_, f64>,
    y: MatRef<'_, f64>,
    importance: &[f64],
    l1: f64,
) -> (f64, Vec<f64>) {
    let model = HiddenLayer {
        relu: false,
        hidden_relu: false,
        ..model
    };
    let parameters: Vec<f64> = parameters.iter().map(|p| p.abs()).collect();
    let size = |x: MatRef<'_, f64>, sign: f64| {
        faer::Mat::from_fn(x.nrows(), x.ncols(), |i, s| sign * x[(i, s)].abs())
    };
    let (x, y) = (size(x, 1.0), size(y, -1.0));
    let (loss, gradient, _) =
        hidden_layer(model, &parameters, x.as_ref(), y.as_ref(), importance, l1);
    (loss, gradient)
}
