//! The element types a matrix may have.

/// Element of a matrix that comes in: `f32` or `f64`.
///
/// Matrices are read in place; blocks of samples are widened to `f64` while they are in the cache, and every
/// result is reported in `f64`. The trait is sealed.
///
/// ```
/// use superposition_probe::Real;
/// assert_eq!(0.5_f32.to_f64(), 0.5);
/// ```
pub trait Real: Copy + sealed::Sealed {
    /// The value in `f64`, exactly.
    fn to_f64(self) -> f64;
}

impl Real for f32 {
    fn to_f64(self) -> f64 {
        f64::from(self)
    }
}

impl Real for f64 {
    fn to_f64(self) -> f64 {
        self
    }
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for f32 {}
    impl Sealed for f64 {}
}
