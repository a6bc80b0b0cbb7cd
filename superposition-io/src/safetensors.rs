//! The safetensors format: a length, a JSON header, and the bytes of the tensors without a gap.
//!
//! The header is parsed here and not by the safetensors crate because that crate needs the whole
//! file in memory (or a map), names no tensor in most of its errors, refuses a file for one
//! element type that it does not know, keeps the last of two equal keys, and writes the metadata
//! in the order of a hash map. It serves as an oracle in the tests.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::io::Read;
use std::path::Path;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};

use crate::element::{ByteOrder, Element};
use crate::error::{IoError, cut, shown};
use crate::layout::{Entry, Layout, MOST_DIMENSIONS, Place, n_elements, to_usize_shape};
use crate::source::Source;
use crate::tensor::TensorInfo;

const FORMAT: &str = "safetensors";
/// The format's own limit.
pub(crate) const MOST_HEADER_BYTES: u64 = 100_000_000;
/// The bytes of the length in front of the header.
pub(crate) const LENGTH_BYTES: u64 = 8;
pub(crate) const METADATA_KEY: &str = "__metadata__";

struct Header {
    metadata: BTreeMap<String, String>,
    tensors: Vec<(String, HeaderEntry)>,
}

#[derive(serde::Deserialize)]
struct HeaderEntry {
    dtype: String,
    shape: Vec<u64>,
    data_offsets: [u64; 2],
}

/// Whether these first bytes can be those of a safetensors file of `len` bytes.
pub(crate) fn looks_like(head: &[u8], len: u64) -> bool {
    match head.split_first_chunk() {
        Some((length, [b'{', ..])) => {
            u64::from_le_bytes(*length) <= len.saturating_sub(LENGTH_BYTES)
        }
        _ => false,
    }
}

/// The metadata and the tensors of a file, in the order of their bytes.
pub(crate) fn open(
    path: &Path,
    source: &Source,
) -> Result<(BTreeMap<String, String>, Vec<Entry>), IoError> {
    let header_bytes = read_header(path, source)?;
    let data_start = LENGTH_BYTES + header_bytes.len() as u64;
    let data_len = source.len() - data_start;
    let header: Header = serde_json::from_slice(&header_bytes).map_err(|e| {
        IoError::malformed(path, FORMAT, format!("its header is wrong: {}", cut(&e)))
    })?;

    let mut tensors = header.tensors;
    // A stable sort: tensors without elements share an offset and keep the order of the header.
    tensors.sort_by_key(|(_, entry)| entry.data_offsets);
    check_offsets(path, &tensors, data_start, data_len)?;
    let entries = tensors
        .into_iter()
        .map(|(name, entry)| to_entry(path, source, name, &entry, data_start))
        .collect::<Result<_, _>>()?;
    Ok((header.metadata, entries))
}

fn read_header(path: &Path, source: &Source) -> Result<Vec<u8>, IoError> {
    let len = source.len();
    let too_short = |expected| IoError::Truncated {
        path: path.to_owned(),
        expected,
        actual: len,
    };
    let head = source
        .head(LENGTH_BYTES)
        .map_err(|e| IoError::system("read", path, e))?;
    let length: [u8; 8] = head.try_into().map_err(|_| too_short(LENGTH_BYTES))?;
    let n = u64::from_le_bytes(length);
    if n > MOST_HEADER_BYTES {
        let reason = format!(
            "its first eight bytes give a header of {n} bytes, the format allows {MOST_HEADER_BYTES}"
        );
        return Err(IoError::malformed(path, FORMAT, reason));
    }
    if n > len - LENGTH_BYTES {
        return Err(too_short(LENGTH_BYTES + n));
    }
    let mut bytes = Vec::new();
    source
        .reader_at(LENGTH_BYTES)
        .take(n)
        .read_to_end(&mut bytes)
        .map_err(|e| IoError::system("read", path, e))?;
    if bytes.len() as u64 != n {
        return Err(too_short(LENGTH_BYTES + n));
    }
    Ok(bytes)
}

/// The tensors cover the data exactly: none overlaps another, no byte belongs to none.
fn check_offsets(
    path: &Path,
    tensors: &[(String, HeaderEntry)],
    data_start: u64,
    data_len: u64,
) -> Result<(), IoError> {
    let malformed = |reason| Err(IoError::malformed(path, FORMAT, reason));
    let mut covered = 0;
    for (
        name,
        HeaderEntry {
            data_offsets: [begin, end],
            ..
        },
    ) in tensors
    {
        let name = shown(name);
        if end < begin {
            return malformed(format!(
                "tensor `{name}` ends at byte {end}, before it begins at {begin}"
            ));
        }
        if *begin != covered {
            return malformed(format!(
                "tensor `{name}` begins at byte {begin} of the data, the one before it ends at {covered}"
            ));
        }
        covered = *end;
    }
    if covered > data_len {
        return Err(IoError::Truncated {
            path: path.to_owned(),
            expected: data_start.saturating_add(covered),
            actual: data_start + data_len,
        });
    }
    if covered < data_len {
        return malformed(format!(
            "{} bytes after the last tensor belong to none",
            data_len - covered
        ));
    }
    Ok(())
}

fn to_entry(
    path: &Path,
    source: &Source,
    name: String,
    entry: &HeaderEntry,
    data_start: u64,
) -> Result<Entry, IoError> {
    let [begin, end] = entry.data_offsets;
    let malformed = |reason| IoError::malformed(path, FORMAT, reason);
    let overflow = || {
        malformed(format!(
            "tensor `{}` has shape {:?}, too large to count",
            shown(&name),
            entry.shape
        ))
    };
    if entry.shape.len() > MOST_DIMENSIONS {
        let n = entry.shape.len();
        let name = shown(&name);
        return Err(malformed(format!(
            "tensor `{name}` has {n} dimensions, at most {MOST_DIMENSIONS} are read"
        )));
    }
    let shape = to_usize_shape(&entry.shape).ok_or_else(overflow)?;
    let n_elements = n_elements(&shape).ok_or_else(overflow)?;
    if let Some(n_bits) = n_bits(&entry.dtype) {
        let needed = n_elements.checked_mul(n_bits).ok_or_else(overflow)?;
        // Not a sum of bytes but of bits: the types narrower than a byte are packed.
        if (end - begin).checked_mul(8) != Some(needed) {
            return Err(malformed(format!(
                "tensor `{}` of shape {shape:?} and dtype {} needs {} bytes, its offsets [{begin}, {end}] give {}",
                shown(&name),
                entry.dtype,
                needed.div_ceil(8),
                end - begin
            )));
        }
    }
    let element = match entry.dtype.as_str() {
        "F64" => Some(Element::F64),
        "F32" => Some(Element::F32),
        "F16" => Some(Element::F16),
        "BF16" => Some(Element::Bf16),
        _ => None,
    };
    Ok(Entry {
        info: TensorInfo {
            name,
            shape,
            dtype: entry.dtype.clone(),
        },
        element,
        layout: Layout {
            byte_order: ByteOrder::Little,
            fortran: false,
        },
        place: Place::Bytes {
            source: source.clone(),
            offset: data_start + begin,
        },
    })
}

/// Bits of an element, for the types that the format has; none for one invented later.
fn n_bits(dtype: &str) -> Option<u64> {
    Some(match dtype {
        "F4" => 4,
        "F6_E2M3" | "F6_E3M2" => 6,
        "BOOL" | "U8" | "I8" | "F8_E5M2" | "F8_E4M3" | "F8_E8M0" | "F8_E4M3FNUZ"
        | "F8_E5M2FNUZ" => 8,
        "I16" | "U16" | "F16" | "BF16" => 16,
        "I32" | "U32" | "F32" => 32,
        "I64" | "U64" | "F64" | "C64" => 64,
        _ => return None,
    })
}

impl<'de> Deserialize<'de> for Header {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct HeaderVisitor;
        impl<'de> Visitor<'de> for HeaderVisitor {
            type Value = Header;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map from tensor names to dtype, shape and data_offsets")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Header, A::Error> {
                let mut seen = HashSet::new();
                let mut header = Header {
                    metadata: BTreeMap::new(),
                    tensors: Vec::new(),
                };
                while let Some(name) = map.next_key::<String>()? {
                    if !seen.insert(name.clone()) {
                        return Err(A::Error::custom(format!(
                            "`{}` appears twice",
                            shown(&name)
                        )));
                    }
                    if name == METADATA_KEY {
                        header.metadata = map
                            .next_value::<Option<BTreeMap<String, String>>>()?
                            .unwrap_or_default();
                    } else {
                        header.tensors.push((name, map.next_value()?));
                    }
                }
                Ok(header)
            }
        }
        deserializer.deserialize_map(HeaderVisitor)
    }
}
