//! What goes in: views over f32, f64, f16 or bf16 values, and the check for finite values.

use crate::AnalysisError;
use faer::MatRef;

pub(crate) mod sealed {
    pub trait Sealed {
        /// `self * 2^exponent`.
        fn times_power(self, exponent: i32) -> Self;
    }

    impl Sealed for f32 {
        fn times_power(self, exponent: i32) -> Self {
            libm::scalbnf(self, exponent)
        }
    }

    impl Sealed for f64 {
        fn times_power(self, exponent: i32) -> Self {
            libm::scalbn(self, exponent)
        }
    }

    #[cfg(feature = "half")]
    impl Sealed for half::f16 {
        fn times_power(self, exponent: i32) -> Self {
            Self::from_f32(libm::scalbnf(self.to_f32(), exponent))
        }
    }

    #[cfg(feature = "half")]
    impl Sealed for half::bf16 {
        fn times_power(self, exponent: i32) -> Self {
            Self::from_f32(libm::scalbnf(self.to_f32(), exponent))
        }
    }
}

/// An element type that can be analysed: `f32` or `f64`, and with the feature `half` the `f16` and `bf16` of the crate half.
///
/// Matrices of all are read in place; every result is `f64`.
/// The trait is sealed.
///
/// ```
/// use superposition_analysis::Real;
/// assert_eq!(0.5_f32.to_f64(), 0.5);
/// ```
pub trait Real: Copy + Send + Sync + sealed::Sealed + 'static {
    #[doc(hidden)]
    const ZERO: Self;

    /// The same value in `f64`: exact for every type.
    #[must_use]
    fn to_f64(self) -> f64;
}

impl Real for f32 {
    const ZERO: Self = 0.0;

    #[inline]
    fn to_f64(self) -> f64 {
        f64::from(self)
    }
}

impl Real for f64 {
    const ZERO: Self = 0.0;

    #[inline]
    fn to_f64(self) -> f64 {
        self
    }
}

/// Views `values` as the m x n matrix W whose columns lie one after the other: `values` holds one feature per contiguous run of `n_hidden` values.
///
/// This is the layout of a row-major array of shape `[n_features, n_hidden]`: a PyTorch decoder or embedding with features in rows.
/// Nothing is copied.
///
/// # Panics
/// If `values.len()` is not `n_hidden * n_features`.
///
/// ```
/// use superposition_analysis::{feature_norms, from_columns};
/// // Two features in three dimensions.
/// let w = from_columns(&[3.0, 4.0, 0.0, 0.0, 0.0, 2.0], 3, 2);
/// assert_eq!(feature_norms(w), [5.0, 2.0]);
/// ```
#[must_use]
#[track_caller]
pub fn from_columns<T: Real>(values: &[T], n_hidden: usize, n_features: usize) -> MatRef<'_, T> {
    assert_length(values.len(), n_hidden, n_features);
    MatRef::from_column_major_slice(values, n_hidden, n_features)
}

/// Views `values` as the m x n matrix W whose rows lie one after the other: `values` holds one hidden dimension per contiguous run of `n_features` values.
///
/// This is the layout of a row-major array of shape `[n_hidden, n_features]`: a toy model's `W`.
/// Nothing is copied.
///
/// # Panics
/// If `values.len()` is not `n_hidden * n_features`.
///
/// ```
/// use superposition_analysis::{feature_norms, from_rows};
/// // The same two features as three rows of two values.
/// let w = from_rows(&[3.0, 0.0, 4.0, 0.0, 0.0, 2.0], 3, 2);
/// assert_eq!(feature_norms(w), [5.0, 2.0]);
/// ```
#[must_use]
#[track_caller]
pub fn from_rows<T: Real>(values: &[T], n_hidden: usize, n_features: usize) -> MatRef<'_, T> {
    assert_length(values.len(), n_hidden, n_features);
    MatRef::from_row_major_slice(values, n_hidden, n_features)
}

#[track_caller]
fn assert_length(length: usize, n_hidden: usize, n_features: usize) {
    assert!(
        n_hidden.checked_mul(n_features) == Some(length),
        "{length} values do not fill a matrix of {n_hidden} hidden dimensions x {n_features} features"
    );
}

#[cfg(feature = "half")]
impl Real for half::f16 {
    const ZERO: Self = half::f16::ZERO;

    #[inline]
    fn to_f64(self) -> f64 {
        Self::to_f64(self)
    }
}

#[cfg(feature = "half")]
impl Real for half::bf16 {
    const ZERO: Self = half::bf16::ZERO;

    #[inline]
    fn to_f64(self) -> f64 {
        Self::to_f64(self)
    }
}

/// Checks that every element of the m x n matrix W is finite.
///
/// The functions of this crate over a view propagate NaN as each documents; [`analyze`](crate::analyze) calls this first.
/// One pass, O(n m).
///
/// # Errors
/// [`AnalysisError::NotFinite`] with the first offending element, features in order.
///
/// ```
/// use superposition_analysis::{AnalysisError, check_finite, from_columns};
/// let w = from_columns(&[1.0_f32, 2.0, f32::INFINITY, 4.0], 2, 2);
/// let error = check_finite(w).unwrap_err();
/// assert_eq!(error, AnalysisError::NotFinite { row: 0, column: 1, value: f64::INFINITY });
/// assert_eq!(error.to_string(), "component 0 of feature 1 is inf; every element must be finite");
/// ```
pub fn check_finite<T: Real>(w: MatRef<'_, T>) -> Result<(), AnalysisError> {
    for column in 0..w.ncols() {
        for row in 0..w.nrows() {
            let value = w[(row, column)].to_f64();
            if !value.is_finite() {
                return Err(AnalysisError::NotFinite { row, column, value });
            }
        }
    }
    Ok(())
}
