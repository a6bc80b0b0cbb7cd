//! The Gram form of the step: what a shard adds, by the rows of its active features.
//!
//! Loop order: blocks of samples; in each, for z and then for D, samples and active features; the outputs of a panel
//! stay in registers. Layout: rows of G
//! and D for every feature, over the outputs of the panel. Cost, for each sample with a active features and each chunk
//! of 16 outputs: 2a multiply-adds of 16 lanes, 2a + 6 loads and a + 3 stores. Its twin is the same code over
//! [`Scalar`](super::scalar::Scalar).

use superposition_model::Output;

use super::Run;
use super::residual::{Residual, back};
use super::sample::Shard;
use super::simd::{Chunk, LANES, Simd, flat_mut};

/// The widest panel of outputs, in chunks: its sums stay in registers.
pub(crate) const PANEL: usize = 4;

/// Samples that are taken together: first all their z, which read G, then all that they add to D. So each of the two
/// can stay in the first cache by itself; and what is scattered is read long after, when a wide load does not have to
/// wait for the narrow stores before it.
const BLOCK: usize = 16;

/// The chunks that [`GramShard::rows`] needs.
pub(crate) const BLOCK_CHUNKS: usize = BLOCK * (PANEL + 1);

/// For every sample of the shard, `$z = b + \sum_i x_i G_i$` over the active i, its g, and `$D_i \mathrel{+}= x_i g$`.
///
/// All sums run over the samples in order and, within one, over its active features in order.
pub(crate) struct GramShard<'a> {
    pub(crate) residual: Residual<'a>,
    pub(crate) shard: &'a Shard,
    /// The first feature of the panel of outputs.
    pub(crate) first: usize,
    /// A row for each feature, over the outputs of the panel; of D at least as many.
    pub(crate) gram: &'a [Chunk],
    pub(crate) d: &'a mut [Chunk],
    /// Room for the samples of a block: any numbers.
    pub(crate) rows: &'a mut [Chunk],
}

impl Run for GramShard<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        match self.residual.output {
            Output::Relu => self.width::<S, true>(simd),
            Output::Linear => self.width::<S, false>(simd),
        }
    }
}

impl GramShard<'_> {
    #[inline(always)]
    fn width<S: Simd, const RELU: bool>(self, simd: S) {
        match self.residual.bias.len() {
            1 => self.panel::<S, RELU, 1>(simd),
            2 => self.panel::<S, RELU, 2>(simd),
            3 => self.panel::<S, RELU, 3>(simd),
            PANEL => self.panel::<S, RELU, PANEL>(simd),
            width => panic!("a panel has 1 to {PANEL} chunks, not {width}"),
        }
    }

    #[inline(always)]
    fn panel<S: Simd, const RELU: bool, const N: usize>(self, simd: S) {
        let Self {
            residual,
            shard,
            first,
            gram,
            d,
            rows,
        } = self;
        residual.assert_lengths(N);
        let (gram, rest) = gram.as_chunks::<N>();
        let (d, d_rest) = d.as_chunks_mut::<N>();
        assert!(
            rest.is_empty() && d_rest.is_empty() && d.len() >= gram.len(),
            "G and D have rows of {N} chunks, and D has those of G"
        );
        let d = &mut d[..gram.len()];
        let bias: &[Chunk; N] = residual.bias.try_into().expect("N chunks");
        let scale: &[Chunk; N] = residual.scale.try_into().expect("N chunks");
        let bias_gradient: &mut [Chunk; N] = residual.bias_gradient.try_into().expect("N chunks");
        // A chunk more a row, for what lies outside the panel.
        let rows = &mut rows[..BLOCK_CHUNKS];
        let mut bias_sums = [simd.splat(0.0); N];
        for k in 0..N {
            bias_sums[k] = simd.load(&bias_gradient[k].0);
        }
        let mut loss = simd.splat(0.0);
        let mut start = 0;
        while start < shard.n_samples() {
            let ends = &shard.offsets[start..(start + BLOCK + 1).min(shard.offsets.len())];
            // All active features of the block in a row: no loop whose end is hard to foresee.
            let all = ends[0]..ends[ends.len() - 1];
            let (indices, values) = (&shard.indices[all.clone()], &shard.values[all.clone()]);
            let owners = &shard.owners[all.clone()];
            rows.fill(Chunk::default());
            let numbers = flat_mut(rows);
            for ((&i, &value), &owner) in indices.iter().zip(values).zip(owners) {
                let column = (i as usize).wrapping_sub(first).min(N * LANES);
                numbers[(owner as usize - start) * (PANEL + 1) * LANES + column] = value;
            }
            for (row, ends) in ends.windows(2).enumerate() {
                let own = ends[0] - all.start..ends[1] - all.start;
                let mut z = [simd.splat(0.0); N];
                for k in 0..N {
                    z[k] = simd.load(&bias[k].0);
                }
                for (&i, &value) in indices[own.clone()].iter().zip(&values[own]) {
                    let row = &gram[i as usize];
                    let value = simd.splat(value);
                    for k in 0..N {
                        z[k] = simd.mul_add(value, simd.load(&row[k].0), z[k]);
                    }
                }
                // x becomes g.
                let row = &mut rows[row * (PANEL + 1)..][..N];
                for k in 0..N {
                    let (x, scale) = (simd.load(&row[k].0), simd.load(&scale[k].0));
                    let g = back::<S, RELU>(simd, z[k], x, scale, &mut loss);
                    simd.store(&mut row[k].0, g);
                }
            }
            for (row, ends) in ends.windows(2).enumerate() {
                let own = ends[0] - all.start..ends[1] - all.start;
                let row = &rows[row * (PANEL + 1)..][..N];
                let mut g = [simd.splat(0.0); N];
                for k in 0..N {
                    g[k] = simd.load(&row[k].0);
                    bias_sums[k] = simd.add(bias_sums[k], g[k]);
                }
                for (&i, &value) in indices[own.clone()].iter().zip(&values[own]) {
                    let row = &mut d[i as usize];
                    let value = simd.splat(value);
                    for k in 0..N {
                        let sum = simd.mul_add(value, g[k], simd.load(&row[k].0));
                        simd.store(&mut row[k].0, sum);
                    }
                }
            }
            start += BLOCK;
        }
        for k in 0..N {
            simd.store(&mut bias_gradient[k].0, bias_sums[k]);
        }
        *residual.loss += f64::from(simd.sum(loss));
    }
}
