//! The regularised incomplete beta function with second parameter 1/2, as a logarithm.

use std::f64::consts::PI;

/// `$\ln I_{1-y}(a, \tfrac12)$` for a > 0 and `x = 1 - y`, which is given beside y so that neither is a cancelled difference.
///
/// `$I_x(a, b) = \frac{1}{B(a, b)} \int_0^x t^{a-1} (1-t)^{b-1} dt$`. Accurate to a few ulps of 1 + a |ln x|, which is what x itself leaves of it; finite down to the smallest x > 0.
pub(super) fn ln_incomplete_beta_half(a: f64, x: f64, y: f64) -> f64 {
    if x <= 0.0 {
        return f64::NEG_INFINITY;
    }
    if y <= 0.0 {
        return 0.0;
    }
    let ln_x = if y < 0.5 {
        libm::log1p(-y)
    } else {
        libm::log(x)
    };
    // x^a y^(1/2) / B(a, 1/2), common to both expansions.
    let ln_factor = a * ln_x + 0.5 * (libm::log(y) - libm::log(PI)) + ln_gamma_step(a);
    // Where the fraction in x converges slowly the one in y converges fast, and I_x is not small.
    if x < (a + 1.0) / (a + 2.5) {
        ln_factor - libm::log(a) + libm::log(continued_fraction(a, 0.5, x))
    } else {
        let complement = libm::exp(ln_factor) / 0.5 * continued_fraction(0.5, a, y);
        libm::log1p(-complement)
    }
}

/// `$\ln \Gamma(a + \tfrac12) - \ln \Gamma(a)$` without the cancellation of the two.
fn ln_gamma_step(a: f64) -> f64 {
    /// From here on the series has the accuracy of f64.
    const LARGE: f64 = 20.0;
    let mut shifted = a;
    let mut ratio = 1.0;
    while shifted < LARGE {
        ratio *= shifted / (shifted + 0.5);
        shifted += 1.0;
    }
    let inverse = 1.0 / shifted;
    let square = inverse * inverse;
    let series = [
        -1.0 / 8.0,
        1.0 / 192.0,
        -1.0 / 640.0,
        17.0 / 14336.0,
        -31.0 / 18432.0,
        691.0 / 180_224.0,
    ];
    let tail = series.iter().rev().fold(0.0, |sum, c| sum * square + c);
    0.5 * libm::log(shifted) + inverse * tail + libm::log(ratio)
}

/// The continued fraction of `$I_x(a, b)\, a B(a, b) / (x^a (1-x)^b)$` by Lentz's method, for x < (a+1)/(a+b+2).
///
/// Abramowitz and Stegun 1964, 26.5.8: `1 / (1 + d_1 / (1 + d_2 / (1 + ...)))`.
fn continued_fraction(a: f64, b: f64, x: f64) -> f64 {
    /// It takes O(sqrt(max(a, b))) steps: enough for any number of dimensions that fits in memory.
    const MAX_STEPS: usize = 100_000;
    let coefficient = |step: usize| {
        let k = (step / 2) as f64;
        if step.is_multiple_of(2) {
            k * (b - k) * x / ((a + 2.0 * k - 1.0) * (a + 2.0 * k))
        } else {
            -(a + k) * (a + b + k) * x / ((a + 2.0 * k) * (a + 2.0 * k + 1.0))
        }
    };
    let away_from_zero = |value: f64| {
        if value.abs() < f64::MIN_POSITIVE {
            f64::MIN_POSITIVE
        } else {
            value
        }
    };
    let mut numerator = 1.0;
    let mut denominator = 0.0;
    let mut fraction = 1.0;
    for step in 1..MAX_STEPS {
        let d = coefficient(step);
        denominator = 1.0 / away_from_zero(1.0 + d * denominator);
        numerator = away_from_zero(1.0 + d / numerator);
        let factor = numerator * denominator;
        fraction *= factor;
        if (factor - 1.0).abs() <= f64::EPSILON {
            break;
        }
    }
    1.0 / fraction
}
