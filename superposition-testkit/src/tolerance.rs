//! Named tolerances: a test says *why* two numbers may differ, never a literal that made it pass.
//!
//! The bound is computed from the expected value alone, so a test that swaps its arguments is a different test.
//! NaN is close to nothing (except to the same NaN under [`Tolerance::bits`]); an infinity only to itself.

use faer::MatRef;

/// Why, and so by how much, an actual value may differ from the expected one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tolerance(Kind);

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Bits,
    UlpsF32(u32),
    UlpsF64(u32),
    ReductionF32 { length: usize, scale: f64 },
    ReductionF64 { length: usize, scale: f64 },
    Relative(f64),
    Absolute(f64),
    Golden,
    Statistical { sigmas: f64, standard_error: f64 },
}

impl Tolerance {
    /// The same bits: tells 0 from -0, and a NaN equals itself.
    #[must_use]
    pub fn bits() -> Self {
        Self(Kind::Bits)
    }

    /// At most `k` units in the last place of the expected value, seen as an `f32`.
    ///
    /// The actual value is not rounded, so an `f32` result can be compared with an `f64` reference.
    #[must_use]
    pub fn ulps_f32(k: u32) -> Self {
        Self(Kind::UlpsF32(k))
    }

    /// At most `k` units in the last place of the expected value, seen as an `f64`.
    #[must_use]
    pub fn ulps_f64(k: u32) -> Self {
        Self(Kind::UlpsF64(k))
    }

    /// A sum of `length` products accumulated in `f32` in any order: `length * 2^-23 * scale`.
    ///
    /// `scale` is the sum of the terms' absolute values. The classical bound is half of this
    /// (Higham, *Accuracy and Stability of Numerical Algorithms*, section 3.1).
    #[must_use]
    #[track_caller]
    pub fn reduction_f32(length: usize, scale: f64) -> Self {
        assert!(
            scale >= 0.0 && scale.is_finite(),
            "scale {scale} is not a finite sum of absolute values"
        );
        Self(Kind::ReductionF32 { length, scale })
    }

    /// A sum of `length` products accumulated in `f64` in any order: `length * 2^-52 * scale`.
    #[must_use]
    #[track_caller]
    pub fn reduction_f64(length: usize, scale: f64) -> Self {
        assert!(
            scale >= 0.0 && scale.is_finite(),
            "scale {scale} is not a finite sum of absolute values"
        );
        Self(Kind::ReductionF64 { length, scale })
    }

    /// `|actual - expected| <= r |expected|`.
    #[must_use]
    #[track_caller]
    pub fn relative(r: f64) -> Self {
        assert!(r >= 0.0, "relative tolerance {r} is negative");
        Self(Kind::Relative(r))
    }

    /// `|actual - expected| <= a`.
    #[must_use]
    #[track_caller]
    pub fn absolute(a: f64) -> Self {
        assert!(a >= 0.0, "absolute tolerance {a} is negative");
        Self(Kind::Absolute(a))
    }

    /// Agreement with another implementation in `f64`: 1e-6 relative or 1e-12 absolute, whichever is larger.
    #[must_use]
    pub fn golden() -> Self {
        Self(Kind::Golden)
    }

    /// Sampling error: at most `sigmas` standard errors.
    #[must_use]
    #[track_caller]
    pub fn statistical(sigmas: f64, standard_error: f64) -> Self {
        assert!(
            sigmas > 0.0 && standard_error >= 0.0,
            "{sigmas} sigmas of {standard_error} is no tolerance"
        );
        Self(Kind::Statistical {
            sigmas,
            standard_error,
        })
    }

    /// The largest accepted `|actual - expected|`; 0 for [`Tolerance::bits`].
    #[must_use]
    pub fn bound(self, expected: f64) -> f64 {
        let size = expected.abs();
        match self.0 {
            Kind::Bits => 0.0,
            Kind::UlpsF32(k) => f64::from(k) * ulp_f32(size),
            Kind::UlpsF64(k) => f64::from(k) * ulp_f64(size),
            Kind::ReductionF32 { length, scale } => length as f64 * f64::from(f32::EPSILON) * scale,
            Kind::ReductionF64 { length, scale } => length as f64 * f64::EPSILON * scale,
            Kind::Relative(r) => r * size,
            Kind::Absolute(a) => a,
            Kind::Golden => (1e-6 * size).max(1e-12),
            Kind::Statistical {
                sigmas,
                standard_error,
            } => sigmas * standard_error,
        }
    }

    /// Whether `actual` is close to `expected`; for controls that must fail, and inside `prop_assert!`.
    #[must_use]
    pub fn accepts(self, actual: f64, expected: f64) -> bool {
        if self.0 == Kind::Bits {
            return actual.to_bits() == expected.to_bits();
        }
        // An infinity is accepted by equality only: the distance between infinities is NaN, any bound on one infinite.
        actual == expected
            || (expected.is_finite() && (actual - expected).abs() <= self.bound(expected))
    }
}

/// The distance from `size >= 0` to the next larger `f32`, with subnormals spaced 2^-149.
fn ulp_f32(size: f64) -> f64 {
    let size = size as f32;
    if !size.is_finite() {
        return 0.0;
    }
    // The next float above `size` exists or is infinity; below the top binade's end the step down is the same.
    let above = size.next_up();
    if above.is_finite() {
        f64::from(above) - f64::from(size)
    } else {
        f64::from(size) - f64::from(size.next_down())
    }
}

/// The distance from `size >= 0` to the next larger `f64`.
fn ulp_f64(size: f64) -> f64 {
    if !size.is_finite() {
        return 0.0;
    }
    let above = size.next_up();
    if above.is_finite() {
        above - size
    } else {
        size - size.next_down()
    }
}

/// Panics unless `actual` is close to `expected`.
///
/// ```
/// use superposition_testkit::tolerance::{Tolerance, assert_close};
/// assert_close(0.1 + 0.2, 0.3, Tolerance::ulps_f64(1));
/// ```
///
/// ```should_panic
/// use superposition_testkit::tolerance::{Tolerance, assert_close};
/// assert_close(0.1 + 0.2, 0.3, Tolerance::bits());
/// ```
#[track_caller]
pub fn assert_close(actual: f64, expected: f64, tol: Tolerance) {
    assert!(
        tol.accepts(actual, expected),
        "{}",
        complaint(actual, expected, tol)
    );
}

/// Panics unless both slices have one length and every element of `actual` is close to its partner.
#[track_caller]
pub fn assert_all_close(actual: &[f64], expected: &[f64], tol: Tolerance) {
    assert_eq!(
        actual.len(),
        expected.len(),
        "{} actual values, {} expected",
        actual.len(),
        expected.len()
    );
    for (i, (&a, &e)) in actual.iter().zip(expected).enumerate() {
        assert!(tol.accepts(a, e), "element {i}: {}", complaint(a, e, tol));
    }
}

/// Panics unless both matrices have one shape and every element of `actual` is close to its partner.
#[track_caller]
pub fn assert_matrix_close(actual: MatRef<'_, f64>, expected: MatRef<'_, f64>, tol: Tolerance) {
    let (shape, other) = (
        (actual.nrows(), actual.ncols()),
        (expected.nrows(), expected.ncols()),
    );
    assert_eq!(shape, other, "actual is {shape:?}, expected {other:?}");
    for j in 0..shape.1 {
        for i in 0..shape.0 {
            let (a, e) = (actual[(i, j)], expected[(i, j)]);
            assert!(
                tol.accepts(a, e),
                "element ({i}, {j}): {}",
                complaint(a, e, tol)
            );
        }
    }
}

/// Panics unless both options are empty or both hold close values.
#[track_caller]
pub fn assert_option_close(actual: Option<f64>, expected: Option<f64>, tol: Tolerance) {
    match (actual, expected) {
        (Some(a), Some(e)) => assert_close(a, e, tol),
        (a, e) => assert_eq!(a, e, "one of the two is undefined"),
    }
}

/// Every value as an `f64`, exactly.
#[must_use]
pub fn widen(values: &[f32]) -> Vec<f64> {
    values.iter().map(|&v| f64::from(v)).collect()
}

fn complaint(actual: f64, expected: f64, tol: Tolerance) -> String {
    format!(
        "actual {actual:e}, expected {expected:e}: apart by {:e}, allowed {:e} ({:?})",
        (actual - expected).abs(),
        tol.bound(expected),
        tol.0
    )
}
