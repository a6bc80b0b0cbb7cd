//! What is read: a tensor's description, its values, and a matrix.

use half::f16;
use half::slice::HalfFloatSliceExt;
use serde::Serialize;

mod sealed {
    pub trait Sealed {}
    impl Sealed for f32 {}
    impl Sealed for f64 {}
}

/// What numbers of a file are read into: `f32`, which holds `F32`, `F16` and `BF16` exactly, or
/// `f64`, which holds all.
///
/// The trait is sealed.
pub trait Float: Copy + PartialEq + sealed::Sealed + 'static {
    #[doc(hidden)]
    fn from_f16(halves: &[f16], out: &mut [Self]);
    #[doc(hidden)]
    fn from_f32(value: f32) -> Self;
    #[doc(hidden)]
    fn from_f64(value: f64) -> Self;
    #[doc(hidden)]
    const HOLDS_F64: bool;
}

impl Float for f32 {
    fn from_f16(halves: &[f16], out: &mut [Self]) {
        halves.convert_to_f32_slice(out);
    }
    fn from_f32(value: f32) -> Self {
        value
    }
    fn from_f64(value: f64) -> Self {
        value as f32
    }
    const HOLDS_F64: bool = false;
}

impl Float for f64 {
    fn from_f16(halves: &[f16], out: &mut [Self]) {
        halves.convert_to_f64_slice(out);
    }
    fn from_f32(value: f32) -> Self {
        f64::from(value)
    }
    fn from_f64(value: f64) -> Self {
        value
    }
    const HOLDS_F64: bool = true;
}

/// The name, shape and element type of a tensor in a file, known without reading its values.
///
/// It serializes to `{"name": ..., "shape": [...], "dtype": ...}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct TensorInfo {
    /// The name in the file; for an `.npy` file, which stores none, the file's name without `.npy`.
    pub name: String,
    /// The lengths of the dimensions, the slowest first as in NumPy and PyTorch; `[]` is a scalar.
    pub shape: Vec<usize>,
    /// The element type in the words of safetensors (`F32`, `BF16`, `I64`, `BOOL`, ...). A NumPy
    /// type without such a word keeps NumPy's (`|O`, `<U5`, `structured`). Only `F64`, `F32`,
    /// `F16` and `BF16` can be read.
    pub dtype: String,
}

impl TensorInfo {
    /// Whether the values are floating-point numbers that this crate reads.
    #[must_use]
    pub fn is_readable(&self) -> bool {
        matches!(self.dtype.as_str(), "F64" | "F32" | "F16" | "BF16")
    }
}

/// The numbers of a tensor in row-major order, whatever the order in the file.
///
/// `F32`, `F16` and `BF16` become `f32` and `F64` stays `f64`. No conversion rounds: every 16-bit
/// value, subnormals and infinities included, is an `f32`. NaN stays NaN (with its sign and
/// payload, made quiet); looking for it is the caller's business.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// Values stored as `F32`, `F16` or `BF16`.
    F32(Vec<f32>),
    /// Values stored as `F64`.
    F64(Vec<f64>),
}

impl Values {
    /// The number of values.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::F32(values) => values.len(),
            Self::F64(values) => values.len(),
        }
    }

    /// Whether there is no value.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A tensor with its values.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Tensor {
    /// Name, shape and element type in the file.
    pub info: TensorInfo,
    /// As many values as the product of the shape, row-major.
    pub values: Values,
}

/// A matrix with at least one row and one column.
///
/// `values` is row-major: element (r, c) is `values[r * n_cols + c]`. Which of rows and columns
/// are features is not stored in any file format and not guessed here.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Matrix {
    /// The name of the tensor that it is, or is a slice of.
    pub name: String,
    /// The number of rows, at least 1.
    pub n_rows: usize,
    /// The number of columns, at least 1.
    pub n_cols: usize,
    /// `n_rows * n_cols` values, row-major.
    pub values: Values,
}
