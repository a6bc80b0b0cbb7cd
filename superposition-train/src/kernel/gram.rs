//! The Gram form of the step: what a shard adds, by the rows of its active features.
//!
//! Loop order: blocks of samples; in each, for z and then for D, samples and active features; the outputs of a panel, or
//! of two that are neighbours, stay in registers. Layout: rows of G and D for every feature, over the outputs of a panel.
//! Cost, for each sample with a active features and each chunk of 16 outputs: 2a multiply-adds of 16 lanes, 2a + 4 loads
//! and a + 2 stores; what an active feature takes besides is spent once for two panels. Its twin is the same code over
//! [`Scalar`](super::scalar::Scalar).

use superposition_model::Output;

use super::Run;
use super::residual::{Residual, back};
use super::sample::Shard;
use super::simd::{Chunk, LANES, Simd, flat_mut};

/// The widest panel of outputs, in chunks: its sums stay in registers, and those of two where there are many.
pub(crate) const PANEL: usize = 4;

/// Samples that are taken together: first all their z, which read G, then all that they add to D. So what is scattered
/// is read long after, when a wide load does not have to wait for the narrow stores before it. G and D of two panels do
/// not fit the first cache together: there it pays to stay with one of them for longer.
const BLOCK: usize = 16;
const BLOCK_OF_TWO: usize = 64;

/// The chunks that [`GramShard::rows`] needs: for each sample those of the panels, and one for what lies outside.
pub(crate) const BLOCK_CHUNKS: usize = BLOCK_OF_TWO * (2 * PANEL + 1);

/// For every sample of the shard, `$z = b + \sum_i x_i G_i$` over the active i, its g, and `$D_i \mathrel{+}= x_i g$`.
///
/// All sums run over the samples in order and, within one, over its active features in order.
pub(crate) struct GramShard<'a> {
    pub(crate) shard: &'a Shard,
    /// The first feature of the first panel.
    pub(crate) first: usize,
    pub(crate) panel: GramPanel<'a>,
    /// The panel behind it, if that is to be done too.
    pub(crate) next: Option<GramPanel<'a>>,
    /// Room for the samples of a block: all zeros, and zeros again afterwards.
    pub(crate) rows: &'a mut [Chunk],
}

/// A panel of outputs.
pub(crate) struct GramPanel<'a> {
    pub(crate) residual: Residual<'a>,
    /// A row for each feature, over the outputs of the panel; of D at least as many.
    pub(crate) gram: &'a [Chunk],
    pub(crate) d: &'a mut [Chunk],
}

impl Run for GramShard<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        match self.panel.residual.output {
            Output::Relu => self.widths::<S, true>(simd),
            Output::Linear => self.widths::<S, false>(simd),
        }
    }
}

impl GramShard<'_> {
    #[inline(always)]
    fn widths<S: Simd, const RELU: bool>(self, simd: S) {
        let Self {
            shard,
            first,
            panel,
            next,
            rows,
        } = self;
        let samples = (shard, rows);
        let width = panel.residual.bias.len();
        let Some(next) = next else {
            return panel.alone::<S, RELU>(simd, samples, first);
        };
        if !S::HAS_MANY_REGISTERS {
            panel.alone::<S, RELU>(simd, (shard, &mut *samples.1), first);
            return next.alone::<S, RELU>(simd, samples, first + width * LANES);
        }
        // Panels are as equally wide as can be, and two of them never fit one.
        match (width, next.residual.bias.len()) {
            (2, 3) => panel.with::<S, RELU, 2, 3>(next, simd, samples, first),
            (3, 3) => panel.with::<S, RELU, 3, 3>(next, simd, samples, first),
            (3, 4) => panel.with::<S, RELU, 3, 4>(next, simd, samples, first),
            (4, 3) => panel.with::<S, RELU, 4, 3>(next, simd, samples, first),
            (PANEL, PANEL) => panel.with::<S, RELU, PANEL, PANEL>(next, simd, samples, first),
            widths => panic!("panels of {widths:?} chunks"),
        }
    }
}

impl<'a> GramPanel<'a> {
    #[inline(always)]
    fn alone<S: Simd, const RELU: bool>(
        self,
        simd: S,
        samples: (&Shard, &mut [Chunk]),
        first: usize,
    ) {
        let mut no_loss = 0.0;
        let none = Outputs::none(&mut no_loss);
        match self.residual.bias.len() {
            1 => accumulate::<S, RELU, 1, 0>(simd, samples, first, self.outputs(), none),
            2 => accumulate::<S, RELU, 2, 0>(simd, samples, first, self.outputs(), none),
            3 => accumulate::<S, RELU, 3, 0>(simd, samples, first, self.outputs(), none),
            PANEL => accumulate::<S, RELU, PANEL, 0>(simd, samples, first, self.outputs(), none),
            width => panic!("a panel has 1 to {PANEL} chunks, not {width}"),
        }
    }

    #[inline(always)]
    fn with<S: Simd, const RELU: bool, const N: usize, const M: usize>(
        self,
        next: Self,
        simd: S,
        samples: (&Shard, &mut [Chunk]),
        first: usize,
    ) {
        accumulate::<S, RELU, N, M>(simd, samples, first, self.outputs(), next.outputs());
    }

    #[inline(always)]
    fn outputs<const N: usize>(self) -> Outputs<'a, N> {
        let Self { residual, gram, d } = self;
        residual.assert_lengths(N);
        let (gram, gram_rest) = gram.as_chunks();
        let (d, d_rest) = d.as_chunks_mut();
        assert!(
            gram_rest.is_empty() && d_rest.is_empty() && d.len() >= gram.len(),
            "G and D have rows of {N} chunks, and D has those of G"
        );
        Outputs {
            bias: residual.bias.try_into().expect("N chunks"),
            scale: residual.scale.try_into().expect("N chunks"),
            bias_gradient: residual.bias_gradient.try_into().expect("N chunks"),
            loss: residual.loss,
            d: &mut d[..gram.len()],
            gram,
        }
    }
}

/// A panel of `N` chunks.
struct Outputs<'a, const N: usize> {
    bias: &'a [Chunk; N],
    scale: &'a [Chunk; N],
    bias_gradient: &'a mut [Chunk; N],
    loss: &'a mut f64,
    gram: &'a [[Chunk; N]],
    d: &'a mut [[Chunk; N]],
}

impl<'a> Outputs<'a, 0> {
    /// No panel.
    #[inline(always)]
    fn none(loss: &'a mut f64) -> Self {
        Self {
            bias: &[],
            scale: &[],
            bias_gradient: &mut [],
            loss,
            gram: &[],
            d: &mut [],
        }
    }
}

impl<const N: usize> Outputs<'_, N> {
    /// Adds row i of G times a value.
    #[inline(always)]
    fn add_gram<S: Simd>(&self, simd: S, i: usize, value: S::F, z: &mut [S::F; N]) {
        if N == 0 {
            return;
        }
        let row = &self.gram[i];
        for k in 0..N {
            z[k] = simd.mul_add(value, simd.load(&row[k].0), z[k]);
        }
    }

    /// Turns x into g.
    #[inline(always)]
    fn back<S: Simd, const RELU: bool>(
        &self,
        simd: S,
        z: [S::F; N],
        x: &mut [Chunk],
        loss: &mut S::F,
    ) {
        for k in 0..N {
            let scale = simd.load(&self.scale[k].0);
            let g = back::<S, RELU>(simd, z[k], simd.load(&x[k].0), scale, loss);
            simd.store(&mut x[k].0, g);
        }
    }

    /// Adds g times a value to row i of D.
    #[inline(always)]
    fn add_to_d<S: Simd>(&mut self, simd: S, i: usize, value: S::F, g: &[S::F; N]) {
        if N == 0 {
            return;
        }
        let row = &mut self.d[i];
        for k in 0..N {
            let sum = simd.mul_add(value, g[k], simd.load(&row[k].0));
            simd.store(&mut row[k].0, sum);
        }
    }
}

/// What the samples of a shard add to one panel, or to two.
#[inline(always)]
fn accumulate<S: Simd, const RELU: bool, const N: usize, const M: usize>(
    simd: S,
    (shard, rows): (&Shard, &mut [Chunk]),
    first: usize,
    mut a: Outputs<'_, N>,
    mut b: Outputs<'_, M>,
) {
    // A chunk more a row, for what lies outside the panels.
    let stride = N + M + 1;
    let block = if M == 0 { BLOCK } else { BLOCK_OF_TWO };
    let rows = &mut rows[..block * stride];
    let bias = (load(simd, a.bias), load(simd, b.bias));
    let mut bias_sums = (load(simd, a.bias_gradient), load(simd, b.bias_gradient));
    let mut losses = [simd.splat(0.0); 2];
    let mut start = 0;
    while start < shard.n_samples() {
        let ends = &shard.offsets[start..(start + block + 1).min(shard.offsets.len())];
        // All active features of the block in a row: no loop whose end is hard to foresee.
        let all = ends[0]..ends[ends.len() - 1];
        let (indices, values) = (&shard.indices[all.clone()], &shard.values[all.clone()]);
        let owners = &shard.owners[all.clone()];
        let numbers = flat_mut(rows);
        for ((&i, &value), &owner) in indices.iter().zip(values).zip(owners) {
            let column = (i as usize).wrapping_sub(first).min((N + M) * LANES);
            numbers[(owner as usize - start) * stride * LANES + column] = value;
        }
        for (ends, row) in ends.windows(2).zip(rows.chunks_exact_mut(stride)) {
            let own = ends[0] - all.start..ends[1] - all.start;
            let mut z = bias;
            for (&i, &value) in indices[own.clone()].iter().zip(&values[own]) {
                let (i, value) = (i as usize, simd.splat(value));
                a.add_gram(simd, i, value, &mut z.0);
                b.add_gram(simd, i, value, &mut z.1);
            }
            let (row_a, row_b) = row.split_at_mut(N);
            a.back::<S, RELU>(simd, z.0, row_a, &mut losses[0]);
            b.back::<S, RELU>(simd, z.1, row_b, &mut losses[1]);
        }
        for (ends, row) in ends.windows(2).zip(rows.chunks_exact_mut(stride)) {
            let own = ends[0] - all.start..ends[1] - all.start;
            let (row_a, row_b) = row.split_at(N);
            let g = (
                load(simd, row_a.first_chunk().expect("N chunks")),
                load(simd, row_b.first_chunk().expect("M chunks")),
            );
            row.fill(Chunk::default());
            add(simd, &mut bias_sums.0, &g.0);
            add(simd, &mut bias_sums.1, &g.1);
            for (&i, &value) in indices[own.clone()].iter().zip(&values[own]) {
                let (i, value) = (i as usize, simd.splat(value));
                a.add_to_d(simd, i, value, &g.0);
                b.add_to_d(simd, i, value, &g.1);
            }
        }
        start += block;
    }
    store(simd, a.bias_gradient, bias_sums.0);
    store(simd, b.bias_gradient, bias_sums.1);
    *a.loss += f64::from(simd.sum(losses[0]));
    *b.loss += f64::from(simd.sum(losses[1]));
}

#[inline(always)]
fn load<S: Simd, const N: usize>(simd: S, chunks: &[Chunk; N]) -> [S::F; N] {
    let mut loaded = [simd.splat(0.0); N];
    for k in 0..N {
        loaded[k] = simd.load(&chunks[k].0);
    }
    loaded
}

#[inline(always)]
fn store<S: Simd, const N: usize>(simd: S, chunks: &mut [Chunk; N], values: [S::F; N]) {
    for k in 0..N {
        simd.store(&mut chunks[k].0, values[k]);
    }
}

#[inline(always)]
fn add<S: Simd, const N: usize>(simd: S, sums: &mut [S::F; N], values: &[S::F; N]) {
    for k in 0..N {
        sums[k] = simd.add(sums[k], values[k]);
    }
}
