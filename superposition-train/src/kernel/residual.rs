//! From an output to its error, the loss and the gradient: what both forms of the step end with.

use superposition_model::Output;

use super::Run;
use super::sample::Shard;
use super::simd::{Chunk, Simd};

/// What the residual of a shard reads and adds to, all over the outputs.
///
/// With `$s_j = 2 I_j / (B n)$` and `$r = x' - x$`, the gradient of the loss with respect to z is `$g_j = s_j r_j$`,
/// or 0 where ReLU is flat, and the loss is the sum of `$s_j r_j^2$`, halved.
pub(crate) struct Residual<'a> {
    pub(crate) output: Output,
    /// The biases, all 0 if there are none.
    pub(crate) bias: &'a [Chunk],
    /// `$s_j$`, 0 beyond the last output.
    pub(crate) scale: &'a [Chunk],
    /// The sum over the samples of this shard of `$s_j r_j^2$`.
    pub(crate) loss: &'a mut [Chunk],
    /// The sum over all samples of `$g_j$`.
    pub(crate) bias_gradient: &'a mut [Chunk],
}

impl Residual<'_> {
    /// Asserts that there is a chunk of everything for each of `outputs` chunks, and at least one.
    #[inline(always)]
    pub(crate) fn assert_lengths(&self, outputs: usize) {
        assert!(
            outputs > 0
                && [
                    self.bias.len(),
                    self.scale.len(),
                    self.loss.len(),
                    self.bias_gradient.len()
                ] == [outputs; 4],
            "the residuals of {outputs} chunks"
        );
    }

    /// `$g$` of a chunk of outputs z, with x given.
    #[inline(always)]
    pub(crate) fn gradient<S: Simd>(&mut self, simd: S, chunk: usize, z: S::F, x: &Chunk) -> S::F {
        let y = match self.output {
            Output::Relu => simd.relu(z),
            Output::Linear => z,
        };
        let r = simd.sub(y, simd.load(&x.0));
        let scaled = simd.mul(simd.load(&self.scale[chunk].0), r);
        let loss = &mut self.loss[chunk].0;
        let sum = simd.mul_add(scaled, r, simd.load(loss));
        simd.store(loss, sum);
        let g = match self.output {
            Output::Relu => simd.where_positive(z, scaled),
            Output::Linear => scaled,
        };
        let bias = &mut self.bias_gradient[chunk].0;
        let sum = simd.add(simd.load(bias), g);
        simd.store(bias, sum);
        g
    }
}

/// Turns the outputs z of a shard, a sample after another, into g.
pub(crate) struct ResidualShard<'a> {
    pub(crate) residual: Residual<'a>,
    pub(crate) shard: &'a Shard,
    /// Zeros, one for each output, and zeros again afterwards.
    pub(crate) x: &'a mut [Chunk],
    pub(crate) z: &'a mut [Chunk],
}

impl Run for ResidualShard<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self {
            mut residual,
            shard,
            x,
            z,
        } = self;
        residual.assert_lengths(x.len());
        assert_eq!(z.len(), shard.n_samples() * x.len(), "z of every sample");
        for ((indices, values), z) in shard.samples().zip(z.chunks_exact_mut(x.len())) {
            scatter(x, indices, values);
            for (chunk, (z, x)) in z.iter_mut().zip(&*x).enumerate() {
                let g = residual.gradient(simd, chunk, simd.load(&z.0), x);
                simd.store(&mut z.0, g);
            }
            clear(x, indices);
        }
    }
}

/// Writes the active features of a sample among zeros.
#[inline(always)]
pub(crate) fn scatter(x: &mut [Chunk], indices: &[u32], values: &[f32]) {
    let x = super::flat_mut(x);
    for (&i, &value) in indices.iter().zip(values) {
        x[i as usize] = value;
    }
}

/// Undoes [`scatter`].
#[inline(always)]
pub(crate) fn clear(x: &mut [Chunk], indices: &[u32]) {
    let x = super::flat_mut(x);
    for &i in indices {
        x[i as usize] = 0.0;
    }
}
