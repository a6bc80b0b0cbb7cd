//! Writing safetensors, byte for byte the same for the same tensors.

use std::collections::BTreeMap;
use std::path::Path;

use crate::atomic::{Overwrite, write_atomic_with};
use crate::error::{IoError, shown};
use crate::layout::n_elements;
use crate::safetensors::{LENGTH_BYTES, METADATA_KEY, MOST_HEADER_BYTES};

/// Values converted between two writes.
const CHUNK: usize = 1 << 16;

/// A tensor of `f32` to be written.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TensorToWrite<'a> {
    /// The name; unique in the file, and not `__metadata__`.
    pub name: &'a str,
    /// The lengths of the dimensions, the slowest first; `[]` for a scalar.
    pub shape: &'a [usize],
    /// As many values as the product of the shape, row-major.
    pub values: &'a [f32],
}

/// Writes tensors as a safetensors file of `F32`, as a whole or not at all
/// (see [`write_atomic`](crate::write_atomic)).
///
/// The bytes are a function of the tensors and the metadata alone, whatever the order of
/// `tensors`: sorted by name, as the reference implementation does, the keys of the metadata too.
/// Values are written as they are, NaN and infinities included. Costs the header in memory beside
/// the values.
///
/// ```
/// use std::collections::BTreeMap;
/// use superposition_io::{Overwrite, TensorToWrite, write_safetensors};
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("b.safetensors");
/// let b = TensorToWrite { name: "b", shape: &[2], values: &[1.0, -2.0] };
/// write_safetensors(&path, &[b], &BTreeMap::new(), Overwrite::Refuse)?;
/// let bytes = std::fs::read(&path)?;
/// // A length, a header padded to a multiple of 8, and two little-endian numbers.
/// assert_eq!(bytes[..8], 56_u64.to_le_bytes());
/// assert_eq!(&bytes[8..64], br#"{"b":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}  "#);
/// assert_eq!(bytes[64..], [0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// [`IoError::CannotWrite`] where a name is used twice or reserved, a shape does not fit its
/// values, or the header is above the format's 100 MB; otherwise as
/// [`write_atomic`](crate::write_atomic).
pub fn write_safetensors(
    path: impl AsRef<Path>,
    tensors: &[TensorToWrite<'_>],
    metadata: &BTreeMap<String, String>,
    overwrite: Overwrite,
) -> Result<(), IoError> {
    let path = path.as_ref();
    let mut tensors = tensors.to_vec();
    tensors.sort_by_key(|tensor| tensor.name);
    let header = check(&tensors)
        .and_then(|()| header(&tensors, metadata))
        .map_err(|reason| IoError::CannotWrite {
            path: path.to_owned(),
            reason,
        })?;
    write_atomic_with(path, overwrite, |file| {
        file.write_all(&(header.len() as u64).to_le_bytes())?;
        file.write_all(&header)?;
        let mut bytes = Vec::new();
        for values in tensors
            .iter()
            .flat_map(|tensor| tensor.values.chunks(CHUNK))
        {
            bytes.clear();
            bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
            file.write_all(&bytes)?;
        }
        Ok(())
    })
}

/// The tensors, sorted by name, make a file.
fn check(tensors: &[TensorToWrite<'_>]) -> Result<(), String> {
    if let Some(pair) = tensors.windows(2).find(|pair| pair[0].name == pair[1].name) {
        return Err(format!("two tensors are named `{}`", shown(pair[0].name)));
    }
    for tensor in tensors {
        let name = shown(tensor.name);
        if tensor.name == METADATA_KEY {
            return Err(format!("the format reserves the name `{name}`"));
        }
        if n_elements(tensor.shape) != Some(tensor.values.len() as u64) {
            let (shape, n) = (tensor.shape, tensor.values.len());
            return Err(format!(
                "tensor `{name}` has shape {shape:?} and {n} values"
            ));
        }
    }
    Ok(())
}

/// The JSON header, padded with spaces to a multiple of eight bytes. Put together by hand because
/// the order of a JSON map's keys would depend on a feature of serde_json.
fn header(
    tensors: &[TensorToWrite<'_>],
    metadata: &BTreeMap<String, String>,
) -> Result<Vec<u8>, String> {
    let json = |error: serde_json::Error| error.to_string();
    let mut entries = Vec::with_capacity(tensors.len() + 1);
    if !metadata.is_empty() {
        let metadata = serde_json::to_string(metadata).map_err(json)?;
        entries.push(format!("\"{METADATA_KEY}\":{metadata}"));
    }
    let mut begin = 0;
    for tensor in tensors {
        let end = begin + 4 * tensor.values.len() as u64;
        let name = serde_json::to_string(tensor.name).map_err(json)?;
        let shape = serde_json::to_string(tensor.shape).map_err(json)?;
        entries.push(format!(
            r#"{name}:{{"dtype":"F32","shape":{shape},"data_offsets":[{begin},{end}]}}"#
        ));
        begin = end;
    }
    let mut header = format!("{{{}}}", entries.join(",")).into_bytes();
    header.resize(header.len().next_multiple_of(LENGTH_BYTES as usize), b' ');
    match header.len() as u64 {
        n if n > MOST_HEADER_BYTES => Err(format!(
            "its header would have {n} bytes, the format allows {MOST_HEADER_BYTES}"
        )),
        _ => Ok(header),
    }
}
