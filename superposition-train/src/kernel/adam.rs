//! Adam over flat slices.
//!
//! Layout: four slices of equal length. Cost, for 16 parameters: one division, one square root and ten other
//! operations of 16 lanes, four loads and three stores. Its twin is the same code over
//! [`Scalar`](super::scalar::Scalar).

use super::Run;
use super::simd::{LANES, Simd};

/// The factors of one step of Adam, computed in f64 and rounded to f32 once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AdamFactors {
    /// By which the gradient is scaled first: 1 if it is not clipped.
    pub(crate) clip: f32,
    /// What then adds to it of the parameter: 0 but for coupled weight decay.
    pub(crate) l2: f32,
    /// `$1 - \eta \lambda$`, by which the parameters decay.
    pub(crate) keep: f32,
    /// `$1 - \beta_1$`.
    pub(crate) gradient: f32,
    /// `$\beta_2$`.
    pub(crate) beta2: f32,
    /// `$1 - \beta_2$`.
    pub(crate) square: f32,
    /// `$-\eta \sqrt{1 - \beta_2^t} / (1 - \beta_1^t)$`.
    pub(crate) step: f32,
    /// `$\epsilon \sqrt{1 - \beta_2^t}$`.
    pub(crate) epsilon: f32,
}

/// One step of Adam.
pub(crate) struct AdamStep<'a> {
    pub(crate) factors: AdamFactors,
    pub(crate) parameters: &'a mut [f32],
    pub(crate) first: &'a mut [f32],
    pub(crate) second: &'a mut [f32],
    pub(crate) gradient: &'a [f32],
}

impl Run for AdamStep<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self {
            factors,
            parameters,
            first,
            second,
            gradient,
        } = self;
        let n = parameters.len();
        assert!(
            first.len() == n && second.len() == n && gradient.len() == n,
            "a moment or a gradient for each of {n} parameters"
        );
        let (p, p_rest) = parameters.as_chunks_mut::<LANES>();
        let (m, m_rest) = first.as_chunks_mut::<LANES>();
        let (v, v_rest) = second.as_chunks_mut::<LANES>();
        let (g, g_rest) = gradient.as_chunks::<LANES>();
        for (((p, m), v), g) in p.iter_mut().zip(m).zip(v).zip(g) {
            lanes(simd, &factors, p, m, v, g);
        }
        // What is left goes through the same lanes, so that every parameter is treated alike.
        let rest = g_rest.len();
        if rest == 0 {
            return;
        }
        let pad = |from: &[f32]| {
            let mut lanes = [0.0; LANES];
            lanes[..rest].copy_from_slice(from);
            lanes
        };
        let (mut p, mut m, mut v) = (pad(p_rest), pad(m_rest), pad(v_rest));
        lanes(simd, &factors, &mut p, &mut m, &mut v, &pad(g_rest));
        p_rest.copy_from_slice(&p[..rest]);
        m_rest.copy_from_slice(&m[..rest]);
        v_rest.copy_from_slice(&v[..rest]);
    }
}

/// Sixteen parameters.
#[inline(always)]
fn lanes<S: Simd>(
    simd: S,
    factors: &AdamFactors,
    p: &mut [f32; LANES],
    m: &mut [f32; LANES],
    v: &mut [f32; LANES],
    g: &[f32; LANES],
) {
    update(simd, factors, p, m, v, simd.load(g));
}

/// Sixteen parameters whose gradient is in registers.
#[inline(always)]
pub(crate) fn update<S: Simd>(
    simd: S,
    factors: &AdamFactors,
    p: &mut [f32; LANES],
    m: &mut [f32; LANES],
    v: &mut [f32; LANES],
    g: S::F,
) {
    let parameter = simd.load(p);
    let g = simd.mul(g, simd.splat(factors.clip));
    let g = simd.mul_add(simd.splat(factors.l2), parameter, g);
    let old = simd.load(m);
    let first = simd.mul_add(simd.splat(factors.gradient), simd.sub(g, old), old);
    let square = simd.mul(simd.mul(simd.splat(factors.square), g), g);
    let second = simd.mul_add(simd.splat(factors.beta2), simd.load(v), square);
    let denominator = simd.add(simd.sqrt(second), simd.splat(factors.epsilon));
    let kept = simd.mul(simd.splat(factors.keep), parameter);
    let change = simd.div(first, denominator);
    simd.store(p, simd.mul_add(simd.splat(factors.step), change, kept));
    simd.store(m, first);
    simd.store(v, second);
}
