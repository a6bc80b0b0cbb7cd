//! Writing npz archives, byte for byte the same for the same arrays.

use std::io::{Cursor, Write};
use std::path::Path;

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use crate::atomic::{Overwrite, write_atomic};
use crate::error::{IoError, shown};
use crate::layout::n_elements;
use crate::npy;

/// The longest text array that is written: NumPy gives each string the length of the longest.
const MOST_TEXT_BYTES: usize = 1 << 30;

/// An array to be written as a member of an npz archive.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ArrayToWrite<'a> {
    /// The key in Python, without `.npy`; unique in the file.
    pub name: &'a str,
    /// The lengths of the dimensions, the slowest first; `[]` for a scalar.
    pub shape: &'a [usize],
    /// As many values as the product of the shape, row-major.
    pub values: ArrayValues<'a>,
}

/// The values of an array.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum ArrayValues<'a> {
    /// `<f8`.
    F64(&'a [f64]),
    /// `<f4`.
    F32(&'a [f32]),
    /// `<i8`.
    I64(&'a [i64]),
    /// `|b1`.
    Bool(&'a [bool]),
    /// `<U`, of the length of the longest; NumPy takes trailing zero characters for padding.
    Text(&'a [String]),
}

impl ArrayValues<'_> {
    fn len(&self) -> usize {
        match self {
            Self::F64(values) => values.len(),
            Self::F32(values) => values.len(),
            Self::I64(values) => values.len(),
            Self::Bool(values) => values.len(),
            Self::Text(values) => values.len(),
        }
    }

    /// NumPy's type string, and the bytes.
    fn encode(&self) -> Result<(String, Vec<u8>), String> {
        Ok(match self {
            Self::F64(values) => (
                "<f8".to_owned(),
                values.iter().flat_map(|x| x.to_le_bytes()).collect(),
            ),
            Self::F32(values) => (
                "<f4".to_owned(),
                values.iter().flat_map(|x| x.to_le_bytes()).collect(),
            ),
            Self::I64(values) => (
                "<i8".to_owned(),
                values.iter().flat_map(|x| x.to_le_bytes()).collect(),
            ),
            Self::Bool(values) => (
                "|b1".to_owned(),
                values.iter().map(|x| u8::from(*x)).collect(),
            ),
            Self::Text(values) => {
                // A type of no characters would be read as one of any number.
                let longest = values.iter().map(|text| text.chars().count()).max();
                let width = longest.unwrap_or(0).max(1);
                let n_bytes = 4_usize.saturating_mul(width).saturating_mul(values.len());
                if n_bytes > MOST_TEXT_BYTES {
                    return Err(format!(
                        "its {} texts would take {n_bytes} bytes, as NumPy gives each the {width} characters of the longest",
                        values.len()
                    ));
                }
                let mut bytes = vec![0; n_bytes];
                for (text, place) in values.iter().zip(bytes.chunks_exact_mut(4 * width)) {
                    for (character, place) in text.chars().zip(place.chunks_exact_mut(4)) {
                        place.copy_from_slice(&u32::from(character).to_le_bytes());
                    }
                }
                (format!("<U{width}"), bytes)
            }
        })
    }
}

/// Writes arrays as an npz archive that `numpy.load` reads without pickles, members stored and in
/// the order given, as a whole or not at all (see [`write_atomic`]).
///
/// The bytes are a function of the arrays alone: no date. Costs the file's length in memory.
///
/// ```
/// use superposition_io::{
///     ArrayToWrite, ArrayValues, Overwrite, ReadLimits, TensorFile, Values, write_npz,
/// };
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("features.npz");
/// let norm = ArrayToWrite { name: "norm", shape: &[2], values: ArrayValues::F64(&[1.0, 0.5]) };
/// let nearest = ArrayToWrite { name: "nearest", shape: &[2], values: ArrayValues::I64(&[1, 0]) };
/// write_npz(&path, &[norm, nearest], Overwrite::Refuse)?;
///
/// let file = TensorFile::open(&path, &ReadLimits::default())?;
/// assert_eq!(file.read("norm")?.values, Values::F64(vec![1.0, 0.5]));
/// assert_eq!(file.tensors()[1].dtype, "I64");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// [`IoError::CannotWrite`] where a name is empty or used twice, a shape does not fit its values, or
/// a text is so long that an array of its width would take more than 1 GiB; otherwise as
/// [`write_atomic`].
pub fn write_npz(
    path: impl AsRef<Path>,
    arrays: &[ArrayToWrite<'_>],
    overwrite: Overwrite,
) -> Result<(), IoError> {
    let path = path.as_ref();
    let bytes = archive(arrays).map_err(|reason| IoError::CannotWrite {
        path: path.to_owned(),
        reason,
    })?;
    write_atomic(path, &bytes, overwrite)
}

fn archive(arrays: &[ArrayToWrite<'_>]) -> Result<Vec<u8>, String> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for (i, array) in arrays.iter().enumerate() {
        let name = shown(array.name);
        if array.name.is_empty() {
            return Err("an array has no name".to_owned());
        }
        if arrays[..i].iter().any(|other| other.name == array.name) {
            return Err(format!("two arrays are named `{name}`"));
        }
        let (shape, n) = (array.shape, array.values.len());
        if n_elements(shape) != Some(n as u64) {
            return Err(format!("array `{name}` has shape {shape:?} and {n} values"));
        }
        let (descr, bytes) = array
            .values
            .encode()
            .map_err(|reason| format!("array `{name}`: {reason}"))?;
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Stored)
            .large_file(bytes.len() as u64 >= u64::from(u32::MAX) / 2);
        archive
            .start_file(format!("{}.npy", array.name), options)
            .map_err(|e| e.to_string())?;
        archive
            .write_all(&npy::header(&descr, shape))
            .and_then(|()| archive.write_all(&bytes))
            .map_err(|e| e.to_string())?;
    }
    archive
        .finish()
        .map(Cursor::into_inner)
        .map_err(|e| e.to_string())
}
