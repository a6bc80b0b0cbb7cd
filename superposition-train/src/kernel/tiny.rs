//! The whole step of a tiny model, with samples in lanes: nothing but the sums leaves the registers.
//!
//! Loop order: blocks of 16 samples; in each, draw x (n draws of 16), `$h = W x$`, `$z = W^\top h + b$`, the residual,
//! `$\partial L / \partial h = W g$`, and the sums of both products of the gradient, all unrolled over n and m, which are constants.
//! Layout: each parameter is a chunk of 16 equal numbers. Cost: n draws and about `$5nm + 8n$` operations of 16 lanes
//! a block; no memory but the parameters and sums, (n m + n) chunks each. Its twin is the same code over
//! [`Scalar`](super::scalar::Scalar).

use super::Run;
use super::sample::{Elements, MAX_LANES_FEATURES};
use super::simd::{Chunk, LANES, Simd};
use super::xoshiro::{Key, Xoshiro};

/// The most hidden dimensions of a tiny model.
pub(crate) const MAX_TINY_HIDDEN: usize = 4;

/// The parameters of the largest tiny model.
pub(crate) const MAX_TINY_PARAMETERS: usize = MAX_LANES_FEATURES * (MAX_TINY_HIDDEN + 1);

/// Draws the samples of a key and adds their loss and gradient.
pub(crate) struct TinyShard<'a> {
    /// n and m.
    pub(crate) shape: (usize, usize),
    pub(crate) elements: &'a [Elements],
    pub(crate) key: Key,
    pub(crate) n_samples: usize,
    /// W, column after column, then b.
    pub(crate) parameters: &'a [f32],
    /// `$s_j = 2 I_j / (B n)$`.
    pub(crate) scale: &'a [f32],
    /// Added to: the sum of `$s_j r_j^2$`, and the gradient in the order of the parameters.
    pub(crate) loss: &'a mut f64,
    pub(crate) gradient: &'a mut [f64; MAX_TINY_PARAMETERS],
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
        let zero = simd.splat(0.0);
        let elements: &[Elements; N] = self.elements.try_into().expect("elements for n features");
        let splat = |value: f32| Chunk([value; LANES]);
        let mut w = [[Chunk::default(); M]; N];
        let mut b = [Chunk::default(); N];
        let mut scale = [Chunk::default(); N];
        for i in 0..N {
            for k in 0..M {
                w[i][k] = splat(self.parameters[i * M + k]);
            }
            b[i] = splat(self.parameters[N * M + i]);
            scale[i] = splat(self.scale[i]);
        }
        let mut random = Xoshiro::new(simd, self.key);
        let mut w_sums = [[zero; M]; N];
        let mut b_sums = [zero; N];
        let mut loss = zero;
        for first in (0..self.n_samples).step_by(LANES) {
            let left = self.n_samples - first;
            if left < LANES {
                // The samples beyond the last weigh nothing.
                for scale in &mut scale {
                    scale.0[left..].fill(0.0);
                }
            }
            let mut x = [zero; N];
            for i in 0..N {
                x[i] = elements[i].of(simd, random.next(simd));
            }
            let mut h = [zero; M];
            for k in 0..M {
                h[k] = simd.mul(simd.load(&w[0][k].0), x[0]);
                for i in 1..N {
                    h[k] = simd.mul_add(simd.load(&w[i][k].0), x[i], h[k]);
                }
            }
            let mut dh = [zero; M];
            for j in 0..N {
                let mut z = simd.load(&b[j].0);
                for k in 0..M {
                    z = simd.mul_add(simd.load(&w[j][k].0), h[k], z);
                }
                let r = simd.sub(simd.relu(z), x[j]);
                let scaled = simd.mul(simd.load(&scale[j].0), r);
                loss = simd.mul_add(scaled, r, loss);
                let g = simd.where_positive(z, scaled);
                b_sums[j] = simd.add(b_sums[j], g);
                for k in 0..M {
                    w_sums[j][k] = simd.mul_add(h[k], g, w_sums[j][k]);
                    dh[k] = simd.mul_add(simd.load(&w[j][k].0), g, dh[k]);
                }
            }
            for i in 0..N {
                for k in 0..M {
                    w_sums[i][k] = simd.mul_add(dh[k], x[i], w_sums[i][k]);
                }
            }
        }
        *self.loss += f64::from(simd.sum(loss));
        for i in 0..N {
            for k in 0..M {
                self.gradient[i * M + k] += f64::from(simd.sum(w_sums[i][k]));
            }
            self.gradient[N * M + i] += f64::from(simd.sum(b_sums[i]));
        }
    }
}
