//! The hidden layer where it is not just `$W x$`: its bias, ReLU and the L1 penalty, forwards and backwards.
//!
//! Layout: rows of h over the hidden dimensions, one for each sample. Cost: for each chunk a handful of operations, a load
//! and a store. Its twin is the same code over [`Scalar`](super::scalar::Scalar).

use superposition_model::Hidden;

use super::Run;
use super::simd::{Chunk, Simd};

/// Turns `$W x$` of some samples into h; adds up the L1 norms.
pub(crate) struct HiddenRows<'a> {
    pub(crate) hidden: Hidden,
    /// The bias, all 0 if there is none.
    pub(crate) bias: &'a [Chunk],
    pub(crate) h: &'a mut [Chunk],
}

impl Run for HiddenRows<'_> {
    /// The sum over samples and hidden dimensions of `$\lvert h \rvert$`.
    type Output = f64;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> f64 {
        let Self { hidden, bias, h } = self;
        let stride = bias.len();
        assert!(
            stride > 0 && h.len().is_multiple_of(stride),
            "rows of {stride} chunks"
        );
        let zero = simd.splat(0.0);
        let mut norm = zero;
        for row in h.chunks_exact_mut(stride) {
            for k in 0..stride {
                let mut value = simd.load(&row[k].0);
                if hidden == Hidden::Relu {
                    value = simd.relu(simd.add(value, simd.load(&bias[k].0)));
                    simd.store(&mut row[k].0, value);
                }
                norm = simd.add(norm, simd.max(value, simd.sub(zero, value)));
            }
        }
        f64::from(simd.sum(norm))
    }
}

/// Turns the gradient of the loss by h into that by `$W x$`, with that of the L1 penalty; adds it up for the bias.
pub(crate) struct HiddenGradient<'a> {
    pub(crate) hidden: Hidden,
    /// `$\lambda / B$`.
    pub(crate) l1: f32,
    pub(crate) h: &'a [Chunk],
    pub(crate) h_gradient: &'a mut [Chunk],
    pub(crate) bias_gradient: &'a mut [Chunk],
}

impl Run for HiddenGradient<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self {
            hidden,
            l1,
            h,
            h_gradient,
            bias_gradient,
        } = self;
        let stride = bias_gradient.len();
        assert!(
            stride > 0 && h.len() == h_gradient.len() && h.len().is_multiple_of(stride),
            "rows of {stride} chunks of h and of its gradient"
        );
        let (zero, l1) = (simd.splat(0.0), simd.splat(l1));
        for (h, gradient) in h
            .chunks_exact(stride)
            .zip(h_gradient.chunks_exact_mut(stride))
        {
            for k in 0..stride {
                let h = simd.load(&h[k].0);
                let mut g = simd.load(&gradient[k].0);
                let minus = simd.sub(zero, h);
                g = simd.add(g, simd.where_positive(h, l1));
                g = simd.sub(g, simd.where_positive(minus, l1));
                if hidden == Hidden::Relu {
                    g = simd.where_positive(h, g);
                    let bias = &mut bias_gradient[k].0;
                    let sum = simd.add(simd.load(bias), g);
                    simd.store(bias, sum);
                }
                simd.store(&mut gradient[k].0, g);
            }
        }
    }
}
