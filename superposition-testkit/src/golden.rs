//! Golden files: small committed results of independent implementations, each with the script that made it.
//!
//! They live in the folder `golden` of this crate; its README has the commands and the format. A matrix is
//! `{"columns": [[..], ..]}`; an undefined value is `null`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use faer::Mat;
use serde_json::Value;

/// The path of a golden file, named with its extension.
#[must_use]
pub fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("golden")
        .join(name)
}

/// The JSON document `golden/<name>`, named with or without `.json`.
///
/// # Panics
/// If the file is missing or is not JSON.
#[must_use]
#[track_caller]
pub fn load(name: &str) -> Value {
    let path = path(&format!("{}.json", name.trim_end_matches(".json")));
    let text = std::fs::read_to_string(&path)
        .unwrap_or_else(|e| panic!("golden file {}: {e}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("golden file {}: {e}", path.display()))
}

/// A number.
///
/// # Panics
/// If the value is anything else.
#[must_use]
#[track_caller]
pub fn number(value: &Value) -> f64 {
    value
        .as_f64()
        .unwrap_or_else(|| panic!("expected a number, not {value}"))
}

/// A number, or nothing for `null`.
///
/// # Panics
/// If the value is anything else; a missing key is not `null` when it is looked up with `[]` in time: see [`field`].
#[must_use]
#[track_caller]
pub fn optional(value: &Value) -> Option<f64> {
    (!value.is_null()).then(|| number(value))
}

/// The value under `key`, which must exist (`value[key]` gives `null` for a key misspelt).
///
/// # Panics
/// If there is no such key.
#[must_use]
#[track_caller]
pub fn field<'a>(value: &'a Value, key: &str) -> &'a Value {
    value
        .get(key)
        .unwrap_or_else(|| panic!("no key {key} in the golden file"))
}

/// The elements of an array.
///
/// # Panics
/// If the value is no array.
#[must_use]
#[track_caller]
pub fn array(value: &Value) -> &[Value] {
    value
        .as_array()
        .unwrap_or_else(|| panic!("expected an array, not {value}"))
}

/// An array of numbers.
///
/// # Panics
/// If the value is anything else.
#[must_use]
#[track_caller]
pub fn vector(value: &Value) -> Vec<f64> {
    array(value).iter().map(number).collect()
}

/// An array of numbers, each an `f32` written in full, so that the bits come back.
///
/// # Panics
/// If the value is anything else.
#[must_use]
#[track_caller]
pub fn vector_f32(value: &Value) -> Vec<f32> {
    array(value).iter().map(|v| number(v) as f32).collect()
}

/// An array of indices.
///
/// # Panics
/// If the value is anything else.
#[must_use]
#[track_caller]
pub fn indices(value: &Value) -> Vec<usize> {
    let index = |v: &Value| {
        v.as_u64()
            .unwrap_or_else(|| panic!("expected an index, not {v}")) as usize
    };
    array(value).iter().map(index).collect()
}

/// A matrix from `{"columns": [[..], ..]}`.
///
/// # Panics
/// If the value is anything else or the columns differ in length.
#[must_use]
#[track_caller]
pub fn matrix(value: &Value) -> Mat<f64> {
    let columns: Vec<Vec<f64>> = array(field(value, "columns")).iter().map(vector).collect();
    let n_rows = columns.first().map_or(0, Vec::len);
    assert!(
        columns.iter().all(|c| c.len() == n_rows),
        "columns of different lengths"
    );
    Mat::from_fn(n_rows, columns.len(), |row, i| columns[i][row])
}

/// One F32 tensor of a golden safetensors file.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// Sizes of the axes, slowest first.
    pub shape: Vec<usize>,
    /// Values in row-major order.
    pub values: Vec<f32>,
}

/// The F32 tensors of the safetensors file `golden/<name>`, by name.
///
/// A reader for our own files, so that leaf crates need none: 8 bytes of header length, the JSON header, the data.
///
/// # Panics
/// If the file is missing, damaged, or holds another type.
#[must_use]
#[track_caller]
pub fn tensors(name: &str) -> BTreeMap<String, Tensor> {
    let path = path(name);
    let bytes =
        std::fs::read(&path).unwrap_or_else(|e| panic!("golden file {}: {e}", path.display()));
    let (length, rest) = bytes
        .split_first_chunk::<8>()
        .expect("a safetensors file starts with 8 bytes of length");
    let length =
        usize::try_from(u64::from_le_bytes(*length)).expect("a header that fits in memory");
    let (header, data) = rest.split_at(length);
    let header: Value = serde_json::from_slice(header).expect("a safetensors header is JSON");
    let entries = header
        .as_object()
        .expect("a safetensors header is an object");
    entries
        .iter()
        .filter(|(name, _)| *name != "__metadata__")
        .map(|(name, entry)| {
            assert_eq!(entry["dtype"], "F32", "tensor {name}");
            let shape = indices(&entry["shape"]);
            let offsets = indices(&entry["data_offsets"]);
            let (values, rest) = data[offsets[0]..offsets[1]].as_chunks::<4>();
            assert!(
                rest.is_empty() && values.len() == shape.iter().product::<usize>(),
                "tensor {name}"
            );
            (
                name.clone(),
                Tensor {
                    shape,
                    values: values.iter().map(|&v| f32::from_le_bytes(v)).collect(),
                },
            )
        })
        .collect()
}

impl Tensor {
    /// A two-axis tensor with features in its rows, as a matrix with a feature per column.
    ///
    /// # Panics
    /// Unless there are two axes.
    #[must_use]
    #[track_caller]
    pub fn rows_as_columns(&self) -> Mat<f64> {
        let &[n, m] = self.shape.as_slice() else {
            panic!("not a matrix: {:?}", self.shape)
        };
        Mat::from_fn(m, n, |row, i| f64::from(self.values[i * m + row]))
    }

    /// Entry `k` along the first of three axes, as a matrix of the other two (rows, columns).
    ///
    /// # Panics
    /// Unless there are three axes and entry `k` exists.
    #[must_use]
    #[track_caller]
    pub fn instance(&self, k: usize) -> Mat<f64> {
        let &[count, m, n] = self.shape.as_slice() else {
            panic!("not a stack of matrices: {:?}", self.shape)
        };
        assert!(k < count, "instance {k} of {count}");
        Mat::from_fn(m, n, |row, i| f64::from(self.values[(k * m + row) * n + i]))
    }
}
