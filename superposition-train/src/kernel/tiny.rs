//! The whole step of a tiny model, with samples in lanes: nothing but the sums leaves the registers.
//!
//! Where features are unlikely, only samples with an active feature are computed, side by side; the others are one term.
//!
//! Loop order: blocks of 16 samples; in each, draw x (n draws of 16), `$h = W x$`, `$z = W^\top h + b$`, the residual,
//! `$\partial L / \partial h = W g$`, and the sums of both products of the gradient, all unrolled over n and m, which are constants.
//! Layout: each parameter is a chunk of 16 equal numbers. Cost: n draws and about `$5nm + 8n$` operations of 16 lanes
//! a block; no memory but the parameters and sums, (n m + n) chunks each. Its twin is the same code over
//! [`Scalar`](super::scalar::Scalar).

use super::Run;
use super::residual::back;
use super::sample::{Elements, MAX_LANES_FEATURES, Shard, TinyDraws};
use super::simd::{Chunk, LANES, Simd};
use super::xoshiro::{Key, Xoshiro};

/// The most hidden dimensions of a tiny model.
pub(crate) const MAX_TINY_HIDDEN: usize = 4;

/// The parameters of the largest tiny model.
pub(crate) const MAX_TINY_PARAMETERS: usize = MAX_LANES_FEATURES * (MAX_TINY_HIDDEN + 1);

/// Blocks of samples that are gathered before they are computed, where only those with an active feature are.
const BLOCKS: usize = 4;

/// Draws the samples of a key and adds their loss and gradient.
pub(crate) struct TinyShard<'a> {
    /// n and m.
    pub(crate) shape: (usize, usize),
    pub(crate) draws: TinyDraws<'a>,
    pub(crate) key: Key,
    pub(crate) n_samples: usize,
    /// W, column after column, then b.
    pub(crate) parameters: &'a [f32],
    /// `$s_j = 2 I_j / (B n)$`.
    pub(crate) scale: &'a [f32],
    /// Added to: the sum of `$s_j r_j^2$`, and the gradient in the order of the parameters.
    pub(crate) loss: &'a mut f64,
    pub(crate) gradient: &'a mut [f64; MAX_TINY_PARAMETERS],
    /// Room for active features, where gaps are drawn.
    pub(crate) shard: &'a mut Shard,
}

impl Run for TinyShard<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        macro_rules! shapes {
            ($(($n:literal, $m:literal))+) => {
                match self.shape {
                    $(($n, $m) => self.shard::<S, $n, $m>(simd),)+
                    (n, m) => unreachable!("a model of {n} x {m} is not tiny"),
                }
            };
        }
        shapes!(
            (1, 1)(2, 1)(3, 1)(4, 1)(5, 1)(6, 1)(7, 1)(8, 1)(2, 2)(3, 2)(4, 2)(5, 2)(6, 2)(7, 2)(
                8, 2
            )(3, 3)(4, 3)(5, 3)(6, 3)(7, 3)(8, 3)(4, 4)(5, 4)(6, 4)(7, 4)(8, 4)
        );
    }
}

/// Whether there is a kernel for this shape.
pub(crate) fn is_tiny(n: usize, m: usize) -> bool {
    n <= MAX_LANES_FEATURES && m <= MAX_TINY_HIDDEN && m <= n
}

impl TinyShard<'_> {
    #[inline(always)]
    fn shard<S: Simd, const N: usize, const M: usize>(self, simd: S) {
        let mut model = Model::<S, N, M>::new(simd, self.parameters, self.scale);
        match self.draws {
            TinyDraws::Lanes(elements) => {
                let elements: &[Elements; N] = elements.try_into().expect("elements of n features");
                let mut random = Xoshiro::new(simd, self.key);
                for first in (0..self.n_samples).step_by(LANES) {
                    let mut x = [simd.splat(0.0); N];
                    for i in 0..N {
                        x[i] = elements[i].of(simd, random.next(simd));
                    }
                    model.block(simd, &x, self.n_samples - first);
                }
            }
            TinyDraws::Skip(sampler) => {
                let shard = self.shard;
                let count = sampler.skip(simd, self.key, self.n_samples, shard);
                let mut n_seen = 0;
                let mut k = 0;
                while k < count {
                    // Samples side by side as they come, each with at least one active feature.
                    let mut blocks = [[Chunk::default(); N]; BLOCKS];
                    let mut n_columns = 0;
                    let mut owner = u32::MAX;
                    while k < count {
                        let new = shard.owners[k] != owner;
                        if new && n_columns == BLOCKS * LANES {
                            break;
                        }
                        owner = shard.owners[k];
                        n_columns += usize::from(new);
                        let column = n_columns - 1;
                        let feature = shard.indices[k] as usize;
                        blocks[column / LANES][feature].0[column % LANES] = shard.values[k];
                        k += 1;
                    }
                    for (block, rows) in blocks.iter().enumerate() {
                        if block * LANES >= n_columns {
                            break;
                        }
                        let mut x = [simd.splat(0.0); N];
                        for i in 0..N {
                            x[i] = simd.load(&rows[i].0);
                        }
                        model.block(simd, &x, n_columns - block * LANES);
                    }
                    n_seen += n_columns;
                }
                // Without an active feature z is b.
                let n_empty = (self.n_samples - n_seen) as f64;
                for j in 0..N {
                    let b = f64::from(self.parameters[N * M + j]);
                    let y = if 0.0 > b { 0.0 } else { b };
                    let g = n_empty * f64::from(self.scale[j]) * y;
                    *self.loss += g * y;
                    self.gradient[N * M + j] += g;
                }
            }
        }
        *self.loss += f64::from(simd.sum(model.loss));
        for i in 0..N {
            for k in 0..M {
                self.gradient[i * M + k] += f64::from(simd.sum(model.w_sums[i][k]));
            }
            self.gradient[N * M + i] += f64::from(simd.sum(model.b_sums[i]));
        }
    }
}

/// The parameters in every lane, and what the samples of each lane have added.
struct Model<S: Simd, const N: usize, const M: usize> {
    w: [[Chunk; M]; N],
    b: [Chunk; N],
    scale: [Chunk; N],
    w_sums: [[S::F; M]; N],
    b_sums: [S::F; N],
    loss: S::F,
}

impl<S: Simd, const N: usize, const M: usize> Model<S, N, M> {
    #[inline(always)]
    fn new(simd: S, parameters: &[f32], scale: &[f32]) -> Self {
        let zero = simd.splat(0.0);
        let mut model = Self {
            w: [[Chunk::default(); M]; N],
            b: [Chunk::default(); N],
            scale: [Chunk::default(); N],
            w_sums: [[zero; M]; N],
            b_sums: [zero; N],
            loss: zero,
        };
        for i in 0..N {
            for k in 0..M {
                model.w[i][k] = Chunk([parameters[i * M + k]; LANES]);
            }
            model.b[i] = Chunk([parameters[N * M + i]; LANES]);
            model.scale[i] = Chunk([scale[i]; LANES]);
        }
        model
    }

    /// Sixteen samples, of which the first `left` count.
    #[inline(always)]
    fn block(&mut self, simd: S, x: &[S::F; N], left: usize) {
        let mut scale = self.scale;
        if left < LANES {
            // The samples beyond the last weigh nothing.
            for scale in &mut scale {
                scale.0[left..].fill(0.0);
            }
        }
        let mut h = [simd.splat(0.0); M];
        for k in 0..M {
            h[k] = simd.mul(simd.load(&self.w[0][k].0), x[0]);
            for i in 1..N {
                h[k] = simd.mul_add(simd.load(&self.w[i][k].0), x[i], h[k]);
            }
        }
        let mut dh = [simd.splat(0.0); M];
        for j in 0..N {
            let mut z = simd.load(&self.b[j].0);
            for k in 0..M {
                z = simd.mul_add(simd.load(&self.w[j][k].0), h[k], z);
            }
            let scale = simd.load(&scale[j].0);
            let g = back::<S, true>(simd, z, x[j], scale, &mut self.loss);
            self.b_sums[j] = simd.add(self.b_sums[j], g);
            for k in 0..M {
                self.w_sums[j][k] = simd.mul_add(h[k], g, self.w_sums[j][k]);
                dh[k] = simd.mul_add(simd.load(&self.w[j][k].0), g, dh[k]);
            }
        }
        for i in 0..N {
            for k in 0..M {
                self.w_sums[i][k] = simd.mul_add(dh[k], x[i], self.w_sums[i][k]);
            }
        }
    }
}
