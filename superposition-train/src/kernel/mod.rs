//! The kernels: sampling, products, the step and Adam, in 16 logical f32 lanes.
//!
//! Each kernel is one body, generic over [`Simd`], that is compiled once for every instruction set. Its arithmetic
//! is fixed: lanes are never summed but by [`Simd::sum`], every fused multiply-add is spelled `mul_add`, and there
//! are no estimates. So all instruction sets give the same bits.
//!
//! This folder is the only place of the crate with unsafe code: the intrinsics and the call into a function that is
//! compiled for them, which are sound because a value of the instruction set's type exists only where the machine was
//! found to have it; chunks seen as flat slices; and the reads of a product behind an assertion.
#![allow(unsafe_code, reason = "vector intrinsics and the dispatch to them")]
#![allow(
    clippy::needless_range_loop,
    reason = "lanes and unrolled sums: the closures of iterators would not be compiled for the instructions"
)]

mod adam;
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod direct;
mod exact;
mod gram;
mod hidden;
mod layout;
mod product;
mod residual;
mod sample;
mod scalar;
mod simd;
mod tiny;
mod xoshiro;

#[cfg(test)]
mod tests;

pub(crate) use adam::{AdamFactors, AdamStep};
pub(crate) use direct::{EncodeShard, EncoderGradient};
pub(crate) use exact::{ExactModels, ExactSteps};
pub(crate) use gram::{BLOCK_CHUNKS, GramPanel, GramShard, PANEL};
pub(crate) use hidden::{HiddenGradient, HiddenRows};
pub(crate) use layout::{ColumnsToRows, RowsToColumns, Transpose};
pub(crate) use product::{Coefficients, Product, Start};
pub(crate) use residual::{Residual, ResidualRows};
pub(crate) use sample::{SampleRows, SampleShard, Sampler, Shard};
pub(crate) use simd::{Chunk, LANES, chunks_for, flat, flat_mut};
pub(crate) use tiny::{MAX_TINY_PARAMETERS, TinyShard, is_tiny};
pub(crate) use xoshiro::Key;

use simd::Simd;

use crate::{Kernel, TrainError};

/// A computation with one body for all instruction sets.
pub(crate) trait Run {
    /// What it returns.
    type Output;
    /// Its body: `#[inline(always)]`, so that it is compiled for the instructions of its caller.
    fn run<S: Simd>(self, simd: S) -> Self::Output;
}

/// An instruction set that this machine was found to have.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Instructions {
    /// Plain Rust.
    Scalar,
    /// AVX2 and FMA.
    #[cfg(target_arch = "x86_64")]
    Avx2(avx2::Avx2),
    /// AVX-512F.
    #[cfg(target_arch = "x86_64")]
    Avx512(avx512::Avx512),
}

impl Instructions {
    /// The instructions that were asked for, if this machine has them.
    pub(crate) fn select(kernel: Kernel) -> Result<Self, TrainError> {
        let missing = TrainError::Kernel {
            name: kernel.name(),
        };
        match kernel {
            Kernel::Scalar => Ok(Self::Scalar),
            #[cfg(target_arch = "x86_64")]
            Kernel::Auto => Ok(Self::fastest()),
            #[cfg(target_arch = "x86_64")]
            Kernel::Avx2 => avx2::Avx2::detect().map(Self::Avx2).ok_or(missing),
            #[cfg(target_arch = "x86_64")]
            Kernel::Avx512 => avx512::Avx512::detect().map(Self::Avx512).ok_or(missing),
            #[cfg(not(target_arch = "x86_64"))]
            Kernel::Auto => Ok(Self::Scalar),
            #[cfg(not(target_arch = "x86_64"))]
            _ => Err(missing),
        }
    }

    /// AVX-512 only from the generations on that have VBMI2 too: those before run slower while they use vectors of 512 bits.
    #[cfg(target_arch = "x86_64")]
    fn fastest() -> Self {
        let avx2 = avx2::Avx2::detect().map_or(Self::Scalar, Self::Avx2);
        match std::arch::is_x86_feature_detected!("avx512vbmi2") {
            true => avx512::Avx512::detect().map_or(avx2, Self::Avx512),
            false => avx2,
        }
    }

    /// Runs the body with these instructions.
    pub(crate) fn run<R: Run>(self, run: R) -> R::Output {
        match self {
            Self::Scalar => run.run(scalar::Scalar),
            #[cfg(target_arch = "x86_64")]
            // SAFETY: an `Avx2` exists only where the machine has AVX2 and FMA.
            Self::Avx2(simd) => unsafe { avx2::vectorize(simd, run) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: an `Avx512` exists only where the machine has AVX-512F, AVX2 and FMA.
            Self::Avx512(simd) => unsafe { avx512::vectorize(simd, run) },
        }
    }
}
