//! Gradients from values alone.

/// The gradient of `f` at `at` by central differences: `(f(x + h e_i) - f(x - h e_i)) / 2h`.
///
/// The error is of order `h^2 f'''` from truncation and `1e-16 |f| / h` from rounding; h near 1e-5 balances them for
/// values and derivatives near 1. Exact, but for rounding, for quadratics.
///
/// ```
/// let gradient = superposition_testkit::oracle::finite_difference(|x| x[0] * x[0] * x[1], &[3.0, 2.0], 1e-5);
/// assert!((gradient[0] - 12.0).abs() < 1e-9 && (gradient[1] - 9.0).abs() < 1e-9);
/// ```
#[must_use]
pub fn finite_difference(mut f: impl FnMut(&[f64]) -> f64, at: &[f64], h: f64) -> Vec<f64> {
    let mut x = at.to_vec();
    (0..at.len())
        .map(|i| {
            x[i] = at[i] + h;
            let above = f(&x);
            x[i] = at[i] - h;
            let below = f(&x);
            x[i] = at[i];
            (above - below) / (2.0 * h)
        })
        .collect()
}
