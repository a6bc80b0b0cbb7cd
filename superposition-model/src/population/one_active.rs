//! Closed forms of one uniform value.

/// `$\mathrm E\, \mathrm{ReLU}(a + g U)^2$` and `$\mathrm E\, U\, \mathrm{ReLU}(a + g U)$`, U uniform on (0, 1).
///
/// Where `$a + g U > 0$` both are polynomials of degree 2, which two Gauss-Legendre points integrate exactly and,
/// as all terms are positive, without cancellation.
pub(super) fn one_active(a: f64, g: f64) -> (f64, f64) {
    let (low, high) = positive_part(a, g);
    let (middle, half) = (0.5 * (low + high), 0.5 * (high - low));
    let offset = half / 3.0_f64.sqrt();
    let mut sums = (0.0, 0.0);
    for u in [middle - offset, middle + offset] {
        let z = (a + g * u).max(0.0);
        sums.0 += half * z * z;
        sums.1 += half * u * z;
    }
    sums
}

/// Derivatives of [`one_active`].
pub(super) struct OneActiveSlopes {
    pub(super) square_by_a: f64,
    pub(super) square_by_g: f64,
    pub(super) product_by_a: f64,
    pub(super) product_by_g: f64,
}

/// `$2 \mathrm E\, z$`, `$2 \mathrm E\, U z$`, `$\mathrm E\, U [z > 0]$` and `$\mathrm E\, U^2 [z > 0]$` with
/// `$z = \mathrm{ReLU}(a + g U)$`.
pub(super) fn one_active_slopes(a: f64, g: f64) -> OneActiveSlopes {
    let (low, high) = positive_part(a, g);
    let (middle, width) = (0.5 * (low + high), high - low);
    OneActiveSlopes {
        square_by_a: 2.0 * width * (a + g * middle),
        square_by_g: 2.0 * one_active(a, g).1,
        product_by_a: width * middle,
        product_by_g: (high * high * high - low * low * low) / 3.0,
    }
}

/// Where in (0, 1) `$a + g u > 0$`.
fn positive_part(a: f64, g: f64) -> (f64, f64) {
    let root = if g == 0.0 {
        -1.0
    } else {
        (-a / g).clamp(0.0, 1.0)
    };
    // Between the root and that end of (0, 1) where a + g u is larger.
    match (g > 0.0, g < 0.0) {
        (true, _) => (root, 1.0),
        (_, true) => (0.0, root),
        _ if a > 0.0 => (0.0, 1.0),
        _ => (0.0, 0.0),
    }
}

#[cfg(test)]
mod tests {
    use superposition_testkit::tolerance::{Tolerance, assert_close};

    use super::one_active;

    #[test]
    fn by_hand() {
        let close = |actual: (f64, f64), square: f64, product: f64| {
            assert_close(actual.0, square, Tolerance::ulps_f64(4));
            assert_close(actual.1, product, Tolerance::ulps_f64(4));
        };
        close(one_active(0.0, 1.0), 1.0 / 3.0, 1.0 / 3.0);
        close(one_active(0.5, 0.0), 0.25, 0.25);
        close(one_active(-0.5, 0.0), 0.0, 0.0);
        close(one_active(0.0, -2.0), 0.0, 0.0);
        // 1 - u: squares 1/3, u (1 - u) makes 1/6.
        close(one_active(1.0, -1.0), 1.0 / 3.0, 1.0 / 6.0);
        // u - 1/2 from 1/2 on: (1/2)^3 / 3, and 1/3 - 1/4 - (1/24 - 1/16).
        close(one_active(-0.5, 1.0), 1.0 / 24.0, 5.0 / 48.0);
        // A threshold that u never reaches, and one that it always exceeds.
        close(one_active(-1.0, 0.5), 0.0, 0.0);
        close(one_active(1.0, 1.0), 7.0 / 3.0, 5.0 / 6.0);
    }
}
