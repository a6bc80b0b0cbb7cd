//! The element types that are read, and how their bytes become numbers.

use std::io::{self, Read};

use half::{bf16, f16};

use crate::tensor::{Float, Values};

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
        match self {
            Self::F64 => {
                let mut values = zeros(n)?;
                self.read_into(reader, order, &mut values)?;
                Ok(Values::F64(values))
            }
            Self::F32 | Self::F16 | Self::Bf16 => {
                let mut values = zeros(n)?;
                self.read_into(reader, order, &mut values)?;
                Ok(Values::F32(values))
            }
        }
    }

    /// Reads as many elements as `out` holds. Elements of `F64` are rounded if `out` is of `f32`.
    pub(crate) fn read_into<T: Float>(
        self,
        reader: &mut dyn Read,
        order: ByteOrder,
        out: &mut [T],
    ) -> io::Result<()> {
        let n_bytes = self.n_bytes() as usize;
        let mut chunk = vec![0_u8; CHUNK.min(out.len().saturating_mul(n_bytes))];
        for out in out.chunks_mut(CHUNK / n_bytes) {
            let bytes = &mut chunk[..out.len() * n_bytes];
            reader.read_exact(bytes)?;
            if order == ByteOrder::Big {
                bytes.chunks_exact_mut(n_bytes).for_each(<[u8]>::reverse);
            }
            self.decode(bytes, out);
        }
        Ok(())
    }

    /// Turns little-endian bytes into as many numbers.
    fn decode<T: Float>(self, bytes: &[u8], out: &mut [T]) {
        match self {
            Self::F64 => {
                for (out, b) in out.iter_mut().zip(bytes.as_chunks().0) {
                    *out = T::from_f64(f64::from_le_bytes(*b));
                }
            }
            Self::F32 => {
                for (out, b) in out.iter_mut().zip(bytes.as_chunks().0) {
                    *out = T::from_f32(f32::from_le_bytes(*b));
                }
            }
            Self::F16 => {
                let halves = bytes.as_chunks().0.iter();
                let halves: Vec<f16> = halves.map(|b| f16::from_le_bytes(*b)).collect();
                T::from_f16(&halves, out);
            }
            Self::Bf16 => {
                for (out, b) in out.iter_mut().zip(bytes.as_chunks().0) {
                    *out = T::from_f32(bf16::from_le_bytes(*b).to_f32());
                }
            }
        }
    }
}

/// Bytes read between two conversions; a multiple of every element's length.
const CHUNK: usize = 1 << 18;

fn zeros<T: Float>(n: usize) -> io::Result<Vec<T>> {
    let mut values = Vec::new();
    values
        .try_reserve_exact(n)
        .map_err(|_| io::ErrorKind::OutOfMemory)?;
    values.resize(n, T::from_f32(0.0));
    Ok(values)
}
