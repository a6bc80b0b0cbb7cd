//! The element types that are read, and how their bytes become numbers.

use std::io::{self, Read};

use half::slice::HalfFloatSliceExt;
use half::{bf16, f16};

use crate::tensor::Values;

/// A readable element type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Element {
    F64,
    F32,
    F16,
    Bf16,
}

/// The order of the bytes of an element in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ByteOrder {
    Little,
    Big,
}

impl Element {
    /// Bytes of an element in the file.
    pub(crate) fn n_bytes(self) -> u64 {
        match self {
            Self::F64 => 8,
            Self::F32 => 4,
            Self::F16 | Self::Bf16 => 2,
        }
    }

    /// Bytes of an element in memory.
    pub(crate) fn n_bytes_decoded(self) -> u64 {
        self.n_bytes().max(4)
    }

    /// The name in safetensors files.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::F64 => "F64",
            Self::F32 => "F32",
            Self::F16 => "F16",
            Self::Bf16 => "BF16",
        }
    }

    /// Reads `n` elements. The caller has checked `n` against its limit; what cannot be allocated
    /// is an error, not an abort.
    pub(crate) fn read(
        self,
        reader: &mut dyn Read,
        order: ByteOrder,
        n: usize,
    ) -> io::Result<Values> {
        let n_bytes = self.n_bytes() as usize;
        match self {
            Self::F64 => read_all(reader, order, n, n_bytes, |bytes, out| {
                out.extend(bytes.as_chunks().0.iter().map(|b| f64::from_le_bytes(*b)));
            })
            .map(Values::F64),
            Self::F32 => read_all(reader, order, n, n_bytes, |bytes, out| {
                out.extend(bytes.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)));
            })
            .map(Values::F32),
            Self::F16 => read_all(reader, order, n, n_bytes, |bytes, out| {
                let halves: Vec<f16> = bytes
                    .as_chunks()
                    .0
                    .iter()
                    .map(|b| f16::from_le_bytes(*b))
                    .collect();
                let start = out.len();
                out.resize(start + halves.len(), 0.0);
                halves.convert_to_f32_slice(&mut out[start..]);
            })
            .map(Values::F32),
            Self::Bf16 => read_all(reader, order, n, n_bytes, |bytes, out| {
                out.extend(
                    bytes
                        .as_chunks()
                        .0
                        .iter()
                        .map(|b| bf16::from_le_bytes(*b).to_f32()),
                );
            })
            .map(Values::F32),
        }
    }
}

/// Bytes read between two conversions; a multiple of every element's length.
const CHUNK: usize = 1 << 18;

fn read_all<T>(
    reader: &mut dyn Read,
    order: ByteOrder,
    n: usize,
    n_bytes: usize,
    append: impl Fn(&[u8], &mut Vec<T>),
) -> io::Result<Vec<T>> {
    let mut values = Vec::new();
    values
        .try_reserve_exact(n)
        .map_err(|_| io::ErrorKind::OutOfMemory)?;
    let mut chunk = vec![0_u8; CHUNK.min(n.saturating_mul(n_bytes))];
    while values.len() < n {
        let now = CHUNK.min((n - values.len()).saturating_mul(n_bytes));
        let bytes = &mut chunk[..now];
        reader.read_exact(bytes)?;
        if order == ByteOrder::Big {
            bytes.chunks_exact_mut(n_bytes).for_each(<[u8]>::reverse);
        }
        append(bytes, &mut values);
    }
    Ok(values)
}
