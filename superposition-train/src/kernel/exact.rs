//! Descent on the exact expected loss of two features in one hidden dimension: sixteen models in lanes.
//!
//! Output j sees its own feature x and the other y through `$z = a x + d y + c$` with `$a = W_j^2$`, `$d = W_j W_o$`,
//! `$c = b_j$`. Given y, let `$t = d y + c$`: ReLU is on for `$x > x_0 = \min(\max(-t/a, 0), 1)$`, and with
//! `$u_k = 1 - x_0^k$` the integrals over x of `$(\mathrm{ReLU}(z) - x)^2$` and, where it is on, of `$z - x$` and
//! `$(z - x) x$` are
//!
//! `$(a-1)^2 u_3 / 3 + (a-1) t u_2 + t^2 u_1 + x_0^3/3$`, `$(a-1) u_2 / 2 + t u_1$`, `$(a-1) u_3 / 3 + t u_2 / 2$`.
//!
//! They are polynomials of degree at most 3 in y between the two y at which `$x_0$` leaves 0 and reaches 1, so two
//! nodes of Gauss on each of three pieces integrate them, and the second times y, exactly.
//!
//! Loop order: steps, outputs, nodes. Layout: a chunk for each parameter, moment, probability and importance. Cost: about
//! 450 operations of 16 lanes a step, a quarter more with the loss. Its twin is the same code over
//! [`Scalar`](super::scalar::Scalar).

use super::Run;
use super::adam::{AdamFactors, update};
use super::simd::{Chunk, Simd};

/// The two nodes of Gauss on [0, 1].
const NODES: [f32; 2] = [0.211_324_87, 0.788_675_1];

/// Sixteen models, and what they are asked to reconstruct.
#[derive(Clone, Debug, Default)]
pub(crate) struct ExactModels {
    /// W and b, and both moments of each.
    pub(crate) parameters: [Chunk; 4],
    pub(crate) first: [Chunk; 4],
    pub(crate) second: [Chunk; 4],
    pub(crate) probability: [Chunk; 2],
    pub(crate) importance: [Chunk; 2],
    /// 1, or 0 where there is no bias.
    pub(crate) has_bias: Chunk,
}

/// Makes steps, one for each of the factors, and writes the loss before each so many.
pub(crate) struct ExactSteps<'a> {
    pub(crate) models: &'a mut ExactModels,
    pub(crate) factors: &'a [AdamFactors],
    pub(crate) loss_every: usize,
    pub(crate) losses: &'a mut Vec<Chunk>,
}

impl Run for ExactSteps<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self {
            models,
            factors,
            loss_every,
            losses,
        } = self;
        for (k, factors) in factors.iter().enumerate() {
            let gradient = if k.is_multiple_of(loss_every) {
                let (loss, gradient) = expected::<S, true>(simd, models);
                let mut chunk = Chunk::default();
                simd.store(&mut chunk.0, loss);
                losses.push(chunk);
                gradient
            } else {
                expected::<S, false>(simd, models).1
            };
            for i in 0..4 {
                update(
                    simd,
                    factors,
                    &mut models.parameters[i].0,
                    &mut models.first[i].0,
                    &mut models.second[i].0,
                    gradient[i],
                );
            }
        }
    }
}

/// The loss (or 0) and its gradient.
#[inline(always)]
fn expected<S: Simd, const LOSS: bool>(simd: S, models: &ExactModels) -> (S::F, [S::F; 4]) {
    let zero = simd.splat(0.0);
    let w = [
        simd.load(&models.parameters[0].0),
        simd.load(&models.parameters[1].0),
    ];
    let mut loss = zero;
    let mut gradient = [zero; 4];
    for own in 0..2 {
        let other = 1 - own;
        let importance = simd.load(&models.importance[own].0);
        let output = Output {
            a: simd.mul(w[own], w[own]),
            d: simd.mul(w[own], w[other]),
            c: simd.load(&models.parameters[2 + own].0),
            p: simd.load(&models.probability[own].0),
            p_other: simd.load(&models.probability[other].0),
        };
        let sums = output.expected::<S, LOSS>(simd);
        if LOSS {
            // The mean over two features.
            let half = simd.mul(importance, simd.splat(0.5));
            loss = simd.mul_add(half, sums.loss, loss);
        }
        // Twice over two features.
        let (da, dd) = (simd.mul(importance, sums.a), simd.mul(importance, sums.d));
        let double = simd.mul(simd.splat(2.0), w[own]);
        gradient[own] = simd.mul_add(double, da, gradient[own]);
        gradient[own] = simd.mul_add(w[other], dd, gradient[own]);
        gradient[other] = simd.mul_add(w[own], dd, gradient[other]);
        let bias = simd.mul(importance, simd.load(&models.has_bias.0));
        gradient[2 + own] = simd.mul(bias, sums.c);
    }
    (loss, gradient)
}

/// What an output depends on.
struct Output<F> {
    a: F,
    d: F,
    c: F,
    p: F,
    p_other: F,
}

/// The expected squared error, and half its derivatives.
struct Sums<F> {
    loss: F,
    a: F,
    d: F,
    c: F,
}

impl<F: Copy> Output<F> {
    /// Over both features.
    #[inline(always)]
    fn expected<S: Simd<F = F>, const LOSS: bool>(&self, simd: S) -> Sums<F> {
        let (zero, one) = (simd.splat(0.0), simd.splat(1.0));
        // Where t is 0 and where it is -a, if d is not 0; else anywhere.
        let minus = simd.div(simd.splat(-1.0), self.d);
        let inverse = simd.div(simd.splat(-1.0), self.a);
        let ends = [
            simd.mul(self.c, minus),
            simd.mul(simd.add(self.c, self.a), minus),
        ];
        let mut clamped = ends;
        for k in 0..2 {
            clamped[k] = simd.min(simd.max(ends[k], zero), one);
        }
        let low = simd.min(clamped[0], clamped[1]);
        let high = simd.max(clamped[0], clamped[1]);
        // The other feature is absent, or it is y.
        let absent = simd.sub(one, self.p_other);
        let mut sums = Sums {
            loss: zero,
            a: zero,
            d: zero,
            c: zero,
        };
        self.add::<S, LOSS>(simd, inverse, zero, absent, &mut sums);
        let half = simd.mul(self.p_other, simd.splat(0.5));
        for (start, end) in [(zero, low), (low, high), (high, one)] {
            let width = simd.sub(end, start);
            let weight = simd.mul(half, width);
            for node in NODES {
                let y = simd.mul_add(width, simd.splat(node), start);
                self.add::<S, LOSS>(simd, inverse, y, weight, &mut sums);
            }
        }
        sums
    }

    /// Adds what there is for one y, integrated over the own feature. `inverse` is `$-1/a$`.
    #[inline(always)]
    fn add<S: Simd<F = F>, const LOSS: bool>(
        &self,
        simd: S,
        inverse: F,
        y: F,
        weight: F,
        sums: &mut Sums<F>,
    ) {
        let (zero, one) = (simd.splat(0.0), simd.splat(1.0));
        let (third, half) = (simd.splat(1.0 / 3.0), simd.splat(0.5));
        let t = simd.mul_add(self.d, y, self.c);
        // 0/0, where a and t are 0, becomes 0.
        let x0 = simd.min(simd.max(simd.mul(t, inverse), zero), one);
        let square = simd.mul(x0, x0);
        let cube = simd.mul(square, x0);
        let (u1, u2, u3) = (
            simd.sub(one, x0),
            simd.sub(one, square),
            simd.sub(one, cube),
        );
        let slope = simd.sub(self.a, one);
        let slope_u3 = simd.mul(simd.mul(slope, third), u3);
        let t_u1 = simd.mul(t, u1);
        let t_u2 = simd.mul(t, u2);
        let present = simd.mul(weight, self.p);
        let absent = simd.sub(weight, present);
        // The own feature is present: the integrals of z - x and (z - x) x. It is absent: ReLU(t).
        let on = simd.relu(t);
        let c = simd.mul_add(simd.mul(slope, half), u2, t_u1);
        let a = simd.mul_add(half, t_u2, slope_u3);
        let c = simd.mul_add(present, c, simd.mul(absent, on));
        sums.c = simd.add(sums.c, c);
        sums.d = simd.mul_add(y, c, sums.d);
        sums.a = simd.mul_add(present, a, sums.a);
        if LOSS {
            let mut value = simd.mul_add(slope, slope_u3, simd.mul(cube, third));
            value = simd.mul_add(slope, t_u2, value);
            value = simd.mul_add(t, t_u1, value);
            sums.loss = simd.mul_add(present, value, sums.loss);
            sums.loss = simd.mul_add(absent, simd.mul(on, on), sums.loss);
        }
    }
}
