//! The direct form of the step: its sparse parts, the encoder and the encoder's gradient.
//!
//! Loop order: panels of hidden dimensions, samples, active features. Layout: rows of W and h over the hidden
//! dimensions. Cost, for each active feature and chunk of 16 hidden dimensions: a multiply-add of 16 lanes and a load,
//! and in the gradient a store. Its twin is the same code over [`Scalar`](super::scalar::Scalar).

use std::ops::Range;

use super::Run;
use super::sample::Shard;
use super::simd::{Chunk, Simd};

/// The widest panel of hidden dimensions, in chunks: its sums stay in registers.
const PANEL: usize = 4;

/// Asserts that h has a row for each sample and W has whole rows.
#[inline(always)]
fn assert_lengths(samples: usize, h: &[Chunk], w: &[Chunk], stride: usize) {
    assert!(
        stride > 0 && w.len().is_multiple_of(stride) && h.len() == samples * stride,
        "rows of {stride} chunks: of W, and of h for each sample"
    );
}

/// `$h = \sum_i x_i W_i$` over the active i, for these samples of the shard.
///
/// W has n rows, one for each feature, and h one for each sample, of `stride` chunks.
pub(crate) struct EncodeShard<'a> {
    pub(crate) shard: &'a Shard,
    pub(crate) samples: Range<usize>,
    pub(crate) w: &'a [Chunk],
    pub(crate) h: &'a mut [Chunk],
    pub(crate) stride: usize,
}

impl Run for EncodeShard<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self, simd: S) {
        assert_lengths(self.samples.len(), self.h, self.w, self.stride);
        let mut first = 0;
        while first < self.stride {
            first += match self.stride - first {
                1 => self.panel::<S, 1>(simd, first),
                2 => self.panel::<S, 2>(simd, first),
                3 => self.panel::<S, 3>(simd, first),
                _ => self.panel::<S, PANEL>(simd, first),
            };
        }
    }
}

impl EncodeShard<'_> {
    /// The `N` chunks of hidden dimensions from chunk `first` on; returns `N`.
    #[inline(always)]
    fn panel<S: Simd, const N: usize>(&mut self, simd: S, first: usize) -> usize {
        for ((indices, values), h) in self
            .shard
            .samples_in(self.samples.clone())
            .zip(self.h.chunks_exact_mut(self.stride))
        {
            let mut sums = [simd.splat(0.0); N];
            for (&i, &value) in indices.iter().zip(values) {
                let row = &self.w[i as usize * self.stride + first..][..N];
                let value = simd.splat(value);
                for k in 0..N {
                    sums[k] = simd.mul_add(value, simd.load(&row[k].0), sums[k]);
                }
            }
            let h = &mut h[first..][..N];
            for k in 0..N {
                simd.store(&mut h[k].0, sums[k]);
            }
        }
        N
    }
}

/// Adds `$x_i \, \partial L / \partial h$` to row i of W's gradient, for these samples of the shard and active i.
pub(crate) struct EncoderGradient<'a> {
    pub(crate) shard: &'a Shard,
    pub(crate) samples: Range<usize>,
    pub(crate) h_gradient: &'a [Chunk],
    pub(crate) w_gradient: &'a mut [Chunk],
    pub(crate) stride: usize,
}

impl Run for EncoderGradient<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self, simd: S) {
        assert_lengths(
            self.samples.len(),
            self.h_gradient,
            self.w_gradient,
            self.stride,
        );
        let mut first = 0;
        while first < self.stride {
            first += match self.stride - first {
                1 => self.panel::<S, 1>(simd, first),
                2 => self.panel::<S, 2>(simd, first),
                3 => self.panel::<S, 3>(simd, first),
                _ => self.panel::<S, PANEL>(simd, first),
            };
        }
    }
}

impl EncoderGradient<'_> {
    /// The `N` chunks of hidden dimensions from chunk `first` on; returns `N`.
    #[inline(always)]
    fn panel<S: Simd, const N: usize>(&mut self, simd: S, first: usize) -> usize {
        for ((indices, values), h) in self
            .shard
            .samples_in(self.samples.clone())
            .zip(self.h_gradient.chunks_exact(self.stride))
        {
            let from = &h[first..][..N];
            let mut h = [simd.splat(0.0); N];
            for k in 0..N {
                h[k] = simd.load(&from[k].0);
            }
            for (&i, &value) in indices.iter().zip(values) {
                let row = &mut self.w_gradient[i as usize * self.stride + first..][..N];
                let value = simd.splat(value);
                for k in 0..N {
                    let sum = simd.mul_add(value, h[k], simd.load(&row[k].0));
                    simd.store(&mut row[k].0, sum);
                }
            }
        }
        N
    }
}
