//! Numbers of f64 and of twice its precision, for sums whose terms cancel.

use std::ops::{Add, Div, Mul, Neg, Sub};

/// What the sums over supports are computed in.
pub(super) trait Number:
    Copy
    + From<f64>
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
{
    /// What a single operation may be off by, relative to its operands.
    const EPSILON: f64;

    fn to_f64(self) -> f64;
}

impl Number for f64 {
    const EPSILON: f64 = f64::EPSILON;

    fn to_f64(self) -> f64 {
        self
    }
}

/// The unevaluated sum of two f64, of which the second is at most half a unit in the last place of the first.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Double {
    high: f64,
    low: f64,
}

impl Number for Double {
    /// Eight times `$2^{-104}$`, which the operations below are known to stay within.
    const EPSILON: f64 = 3.944_304_526_105_059e-31;

    fn to_f64(self) -> f64 {
        self.high + self.low
    }
}

impl From<f64> for Double {
    fn from(high: f64) -> Self {
        Self { high, low: 0.0 }
    }
}

/// The rounded sum and its error, exactly.
#[inline(always)]
fn two_sum(a: f64, b: f64) -> (f64, f64) {
    let sum = a + b;
    let of_b = sum - a;
    (sum, (a - (sum - of_b)) + (b - of_b))
}

/// The same where `$|a| \ge |b|$`.
#[inline(always)]
fn renormalized(a: f64, b: f64) -> Double {
    let high = a + b;
    Double {
        high,
        low: b - (high - a),
    }
}

/// Two halves of 26 bits.
#[inline(always)]
fn split(a: f64) -> (f64, f64) {
    let scaled = 134_217_729.0 * a; // 2^27 + 1
    let high = scaled - (scaled - a);
    (high, a - high)
}

/// The rounded product and its error, exactly. Without the fused instruction, which std emulates slowly where it is not
/// known to exist.
#[inline(always)]
fn two_product(a: f64, b: f64) -> (f64, f64) {
    let product = a * b;
    let ((a1, a2), (b1, b2)) = (split(a), split(b));
    (product, ((a1 * b1 - product) + a1 * b2 + a2 * b1) + a2 * b2)
}

impl Add for Double {
    type Output = Self;

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        let (sum, error) = two_sum(self.high, other.high);
        renormalized(sum, error + (self.low + other.low))
    }
}

impl Neg for Double {
    type Output = Self;

    #[inline(always)]
    fn neg(self) -> Self {
        Self {
            high: -self.high,
            low: -self.low,
        }
    }
}

impl Sub for Double {
    type Output = Self;

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        self + -other
    }
}

impl Mul for Double {
    type Output = Self;

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        let (product, error) = two_product(self.high, other.high);
        renormalized(
            product,
            error + (self.high * other.low + self.low * other.high),
        )
    }
}

impl Div for Double {
    type Output = Self;

    #[inline(always)]
    fn div(self, other: Self) -> Self {
        let first = self.high / other.high;
        let rest = self - Self::from(first) * other;
        let second = rest.high / other.high;
        let rest = rest - Self::from(second) * other;
        renormalized(first, second) + Self::from(rest.high / other.high)
    }
}

#[cfg(test)]
mod tests {
    use superposition_testkit::proptest::prelude::*;

    use super::*;

    /// Integers of up to 100 bits, as they fit into a Double.
    fn double(value: i128) -> Double {
        let high = value as f64;
        renormalized(high, (value - high as i128) as f64)
    }

    fn integer(value: Double) -> i128 {
        value.high as i128 + value.low as i128
    }

    proptest! {
        #[test]
        fn integers_are_exact(a in -(1_i128 << 100)..(1_i128 << 100), b in -(1_i128 << 100)..(1_i128 << 100)) {
            prop_assert_eq!(integer(double(a) + double(b)), a + b);
            prop_assert_eq!(integer(double(a) - double(b)), a - b);
        }

        #[test]
        fn products_are_exact(a in -(1_i64 << 50)..(1_i64 << 50), b in -(1_i64 << 50)..(1_i64 << 50)) {
            let (a, b) = (i128::from(a), i128::from(b));
            prop_assert_eq!(integer(double(a) * double(b)), a * b);
        }

        #[test]
        fn quotients(a in -1e3..1e3_f64, b in prop_oneof![0.01..1e3_f64, -1e3..-0.01_f64]) {
            let quotient = Double::from(a) / Double::from(b);
            let back = quotient * Double::from(b) - Double::from(a);
            prop_assert!(back.to_f64().abs() <= 8.0 * Double::EPSILON * a.abs());
        }
    }
}
