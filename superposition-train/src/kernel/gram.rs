//! The Gram form of the step: what a shard adds, by the rows of its active features.

use super::Run;
use super::residual::{Residual, clear, scatter};
use super::sample::Shard;
use super::simd::{Chunk, Simd};

/// The widest panel of outputs, in chunks: its sums stay in registers.
const PANEL: usize = 4;

/// For every sample of the shard, `$z = b + \sum_i x_i G_i$` over the active i, its g, and `$D_i \mathrel{+}= x_i g$`.
///
/// G has n rows of `x.len()` chunks, and D at least as many. All sums run over the samples in order and, within one, over its active
/// features in order, so the bits do not depend on the panels.
pub(crate) struct GramShard<'a> {
    pub(crate) residual: Residual<'a>,
    pub(crate) shard: &'a Shard,
    pub(crate) gram: &'a [Chunk],
    pub(crate) d: &'a mut [Chunk],
    /// Zeros, one for each output, and zeros again afterwards.
    pub(crate) x: &'a mut [Chunk],
}

impl Run for GramShard<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self, simd: S) {
        let stride = self.x.len();
        self.residual.assert_lengths(stride);
        assert!(
            self.gram.len().is_multiple_of(stride)
                && self.d.len().is_multiple_of(stride)
                && self.d.len() >= self.gram.len(),
            "G and D have rows of {stride} chunks, and D has those of G"
        );
        let mut first = 0;
        while first < stride {
            first += match stride - first {
                1 => self.panel::<S, 1>(simd, first),
                2 => self.panel::<S, 2>(simd, first),
                3 => self.panel::<S, 3>(simd, first),
                _ => self.panel::<S, PANEL>(simd, first),
            };
        }
    }
}

impl GramShard<'_> {
    /// The `N` chunks of outputs from chunk `first` on; returns `N`.
    #[inline(always)]
    fn panel<S: Simd, const N: usize>(&mut self, simd: S, first: usize) -> usize {
        let stride = self.x.len();
        for (indices, values) in self.shard.samples() {
            scatter(self.x, indices, values);
            let mut z = [simd.splat(0.0); N];
            let bias = &self.residual.bias[first..][..N];
            for k in 0..N {
                z[k] = simd.load(&bias[k].0);
            }
            for (&i, &value) in indices.iter().zip(values) {
                let row = &self.gram[i as usize * stride + first..][..N];
                let value = simd.splat(value);
                for k in 0..N {
                    z[k] = simd.mul_add(value, simd.load(&row[k].0), z[k]);
                }
            }
            // A loop and no closure: a closure would not be compiled for the instructions.
            let mut g = z;
            for k in 0..N {
                g[k] = self
                    .residual
                    .gradient(simd, first + k, z[k], &self.x[first + k]);
            }
            clear(self.x, indices);
            for (&i, &value) in indices.iter().zip(values) {
                let row = &mut self.d[i as usize * stride + first..][..N];
                let value = simd.splat(value);
                for k in 0..N {
                    let sum = simd.mul_add(value, g[k], simd.load(&row[k].0));
                    simd.store(&mut row[k].0, sum);
                }
            }
        }
        N
    }
}
