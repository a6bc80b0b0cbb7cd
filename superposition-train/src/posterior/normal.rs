//! Standard normal numbers in f64.

use rand::Rng;

/// A number in (0, 1].
pub(super) fn uniform(rng: &mut impl Rng) -> f64 {
    const UNIT: f64 = 1.0 / (1_u64 << 53) as f64;
    ((rng.next_u64() >> 11) + 1) as f64 * UNIT
}

/// Fills `values` with independent standard normal numbers: Box-Muller with libm's functions, so that bits do not depend
/// on the platform.
pub(super) fn fill_normal(values: &mut [f64], rng: &mut impl Rng) {
    for pair in values.chunks_mut(2) {
        let radius = libm::sqrt(-2.0 * libm::log(uniform(rng)));
        let (sin, cos) = libm::sincos(std::f64::consts::TAU * uniform(rng));
        for (value, factor) in pair.iter_mut().zip([cos, sin]) {
            *value = radius * factor;
        }
    }
}
