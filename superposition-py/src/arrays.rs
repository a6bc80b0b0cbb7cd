//! Arrays in and out.

use std::path::PathBuf;

use numpy::{
    Element, IxDyn, PyArray1, PyArray2, PyArrayDescrMethods, PyArrayDyn, PyArrayMethods,
    PyReadonlyArrayDyn, PyUntypedArray, PyUntypedArrayMethods, dtype,
};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};
use superposition_lab::analysis::faer::MatRef;
use superposition_lab::analysis::{Real, from_columns, from_rows};
use superposition_lab::{ColumnValues, FeatureTable};

use crate::failure::wrong;

/// An array of either type, borrowed: contiguous, in C or in Fortran order.
pub(crate) enum Array<'py> {
    F32(PyReadonlyArrayDyn<'py, f32>),
    F64(PyReadonlyArrayDyn<'py, f64>),
}

/// A matrix from a file or from memory.
pub(crate) enum Given<'py> {
    Path(PathBuf),
    Array(Array<'py>),
}

/// Calls a function of the matrix view of an array of either type.
macro_rules! with_matrix {
    ($name:expr, $array:expr, |$matrix:ident| $body:expr) => {
        match $array {
            $crate::arrays::Array::F32(values) => {
                let $matrix = $crate::arrays::matrix($name, values)?;
                $body
            }
            $crate::arrays::Array::F64(values) => {
                let $matrix = $crate::arrays::matrix($name, values)?;
                $body
            }
        }
    };
}
pub(crate) use with_matrix;

impl<'py> Given<'py> {
    /// A path if it is text or has `__fspath__`, else an array.
    pub(crate) fn new(name: &str, object: &Bound<'py, PyAny>) -> PyResult<Self> {
        if object.is_instance_of::<PyString>() || object.hasattr("__fspath__")? {
            return Ok(Self::Path(object.extract()?));
        }
        Array::new(name, object).map(Self::Array)
    }
}

impl<'py> Array<'py> {
    /// Without a copy, unless the elements are strided.
    pub(crate) fn new(name: &str, object: &Bound<'py, PyAny>) -> PyResult<Self> {
        let py = object.py();
        let numpy = py.import("numpy")?;
        // A torch tensor that requires gradients has no array of its own.
        let object = match object.hasattr("detach")? {
            true => object.call_method0("detach")?,
            false => object.clone(),
        };
        let mut array = numpy
            .call_method1("asarray", (object,))?
            .cast_into::<PyUntypedArray>()?;
        let found = array.dtype();
        let is_f32 = found.is_equiv_to(&dtype::<f32>(py));
        if !is_f32 && !found.is_equiv_to(&dtype::<f64>(py)) {
            return Err(PyTypeError::new_err(format!(
                "{name} is an array of {found}; float32 and float64 are read as they are, others have to be converted first: {name}.astype(\"float32\")"
            )));
        }
        if !array.is_contiguous() {
            array = numpy
                .call_method1("ascontiguousarray", (array,))?
                .cast_into::<PyUntypedArray>()?;
        }
        let in_use = |_| wrong(format!("{name} is being written to"));
        Ok(if is_f32 {
            let array = array.cast_into::<PyArrayDyn<f32>>()?;
            Self::F32(array.try_readonly().map_err(in_use)?)
        } else {
            let array = array.cast_into::<PyArrayDyn<f64>>()?;
            Self::F64(array.try_readonly().map_err(in_use)?)
        })
    }

    /// The sizes.
    pub(crate) fn shape(&self) -> &[usize] {
        match self {
            Self::F32(values) => values.shape(),
            Self::F64(values) => values.shape(),
        }
    }
}

/// The rows and columns of an array with two dimensions.
pub(crate) fn matrix<'a, T: Element + Real>(
    name: &str,
    array: &'a PyReadonlyArrayDyn<'_, T>,
) -> PyResult<MatRef<'a, T>> {
    let &[n_rows, n_cols] = array.shape() else {
        return Err(wrong(format!(
            "{name} has shape {:?}; it must have two dimensions{}",
            array.shape(),
            match array.shape().len() {
                3 => format!(": pass one matrix of it, such as {name}[0]"),
                _ => String::new(),
            }
        )));
    };
    let values = array
        .as_slice()
        .map_err(|error| wrong(format!("{name}: {error}")))?;
    Ok(match array.is_c_contiguous() {
        true => from_rows(values, n_rows, n_cols),
        false => from_columns(values, n_rows, n_cols),
    })
}

/// Numbers of any type, with their sizes, in C order: for what is small, such as importances.
pub(crate) fn numbers(name: &str, object: &Bound<'_, PyAny>) -> PyResult<(Vec<usize>, Vec<f64>)> {
    let py = object.py();
    let arguments = PyDict::new(py);
    arguments.set_item("dtype", dtype::<f64>(py))?;
    arguments.set_item("order", "C")?;
    let object = match object.hasattr("detach")? {
        true => object.call_method0("detach")?,
        false => object.clone(),
    };
    let array = py
        .import("numpy")?
        .call_method("asarray", (object,), Some(&arguments));
    let array = array
        .map_err(|error| PyTypeError::new_err(format!("{name} must be numbers: {error}")))?
        .cast_into::<PyArrayDyn<f64>>()?;
    let array = array.readonly();
    let values = array.as_array().iter().copied().collect();
    Ok((array.shape().to_vec(), values))
}

/// A vector of NumPy's.
pub(crate) fn vector<T: Element>(
    py: Python<'_>,
    values: impl IntoIterator<Item = T>,
) -> Bound<'_, PyArray1<T>> {
    PyArray1::from_vec(py, values.into_iter().collect())
}

/// An array of NumPy's with these sizes, of values in C order.
pub(crate) fn shaped<'py, T: Element>(
    py: Python<'py>,
    shape: &[usize],
    values: Vec<T>,
) -> PyResult<Bound<'py, PyArrayDyn<T>>> {
    PyArray1::from_vec(py, values).reshape(IxDyn(shape))
}

/// W, m x n, as NumPy's (n, m): a feature in each row.
pub(crate) fn features_in_rows<'py, T: Element + Copy>(
    py: Python<'py>,
    w: MatRef<'_, T>,
) -> PyResult<Bound<'py, PyArray2<T>>> {
    let values = (0..w.ncols()).flat_map(|i| w.col(i).iter().copied());
    PyArray1::from_vec(py, values.collect()).reshape([w.ncols(), w.nrows()])
}

/// A table as a dictionary of arrays. What is undefined is NaN, or -1 where indices are, as in the files of npz.
pub(crate) fn columns<'py>(py: Python<'py>, table: &FeatureTable) -> PyResult<Bound<'py, PyDict>> {
    let columns = PyDict::new(py);
    for (name, values) in table.columns() {
        match values {
            ColumnValues::Number(values) => {
                let values = values.iter().map(|value| value.unwrap_or(f64::NAN));
                columns.set_item(name, vector(py, values))?;
            }
            ColumnValues::Index(values) => {
                let values = values
                    .iter()
                    .map(|value| value.map_or(-1, |value| value as i64));
                columns.set_item(name, vector(py, values))?;
            }
            ColumnValues::Flag(values) => {
                columns.set_item(name, vector(py, values.iter().copied()))?;
            }
            ColumnValues::Text(values) => columns.set_item(name, values)?,
            // A new kind of column needs a line here; until then it is left out.
            _ => {}
        }
    }
    Ok(columns)
}
