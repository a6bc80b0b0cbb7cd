//! The expectation of truncated powers of a sum of independent terms, in closed form.
//!
//! With `$T_q(z) = z^q / q!$` for z > 0 and 0 otherwise, and U uniform on (0, 1),
//!
//! ```text
//! E T_q(a + g U) = (T_{q+1}(a + g) - T_{q+1}(a)) / g .
//! ```
//!
//! So the expectation over any number of active features is a sum over the corners of their cube, exact whatever their
//! signs; and `$T_q' = T_{q-1}$` makes the derivatives of the same sums. Where a g is so small that the difference
//! would cancel, its Taylor series in g stands in.

use super::double::Number;

/// Powers that are kept: as many features as may be active at a time, and what [`Tree::visit`] starts with.
pub(super) const MAX_POWERS: usize = 20;
/// The highest power that is asked for.
pub(super) const TOP: usize = 3;
/// How many features may follow each other.
pub(super) const MAX_DEPTH: usize = MAX_POWERS - TOP - 1;

/// A number for each of `$T_0, T_1, \dots$`.
pub(super) type Powers<N> = [N; MAX_POWERS];

/// A feature that is active with probability p.
#[derive(Clone, Copy, Debug)]
pub(super) struct Member<N> {
    pub(super) feature: usize,
    pub(super) p: N,
    pub(super) g: N,
    /// Whether it enters by its series.
    pub(super) is_small: bool,
}

#[derive(Clone, Debug)]
pub(super) enum Factor<N> {
    /// At most one of the members is active, none with probability `off`.
    AtMostOne { off: N, members: Vec<Member<N>> },
    /// With probability `on` the factors up to `end` follow, with `off` they are left out.
    Branch { on: N, off: N, end: usize },
}

/// Independent factors, and where the derivatives by each g are summed.
pub(super) struct Tree<'a, N> {
    factors: &'a [Factor<N>],
    /// The most that the factors from here on can add to z.
    reach: Vec<f64>,
    /// 1/q.
    inverse: Powers<N>,
    gradient: &'a mut [N],
}

impl<'a, N: Number> Tree<'a, N> {
    /// `gradient` has an element for each feature.
    pub(super) fn new(factors: &'a [Factor<N>], gradient: &'a mut [N]) -> Self {
        let mut reach = vec![0.0; factors.len() + 1];
        for (k, factor) in factors.iter().enumerate().rev() {
            reach[k] = reach[k + 1];
            if let Factor::AtMostOne { members, .. } = factor {
                let most = members.iter().map(|member| member.g.to_f64());
                reach[k] += most.fold(0.0, f64::max);
            }
        }
        let mut inverse = [N::from(0.0); MAX_POWERS];
        for (q, inverse) in inverse.iter_mut().enumerate().skip(1) {
            *inverse = N::from(1.0) / N::from(q as f64);
        }
        Self {
            factors,
            reach,
            inverse,
            gradient,
        }
    }

    /// `$F_q = \mathrm E\, T_q(a + \dots)$` for q up to [`TOP`].
    ///
    /// To the gradient it adds the derivatives of `$\sum_q c_q F_q$`.
    pub(super) fn expectation(&mut self, a: N, c: &Powers<N>) -> Powers<N> {
        self.visit(0, TOP, a, c)
    }

    fn visit(&mut self, at: usize, top: usize, a: N, c: &Powers<N>) -> Powers<N> {
        let zero = N::from(0.0);
        let mut f = [zero; MAX_POWERS];
        if a.to_f64() + self.reach[at] <= 0.0 {
            return f;
        }
        let factors = self.factors;
        let Some(factor) = factors.get(at) else {
            f[0] = N::from(1.0);
            for q in 1..=top {
                f[q] = f[q - 1] * a * self.inverse[q];
            }
            return f;
        };
        match factor {
            &Factor::Branch { on, off, end } => {
                for (weight, next) in [(on, at + 1), (off, end)] {
                    let part = self.visit(next, top, a, &c.map(|c| weight * c));
                    for q in 0..=top {
                        f[q] = f[q] + weight * part[q];
                    }
                }
            }
            Factor::AtMostOne { off, members } => {
                let mut c_here = [zero; MAX_POWERS];
                for q in 0..=top {
                    c_here[q] = *off * c[q];
                }
                for member in members {
                    if member.is_small {
                        for (k, coefficient) in member.series().into_iter().enumerate() {
                            for q in k..=top {
                                c_here[q - k] = c_here[q - k] + coefficient * c[q];
                            }
                        }
                    } else {
                        let rate = member.p / member.g;
                        for q in 0..=top {
                            c_here[q + 1] = c_here[q + 1] - rate * c[q];
                        }
                    }
                }
                let here = self.visit(at + 1, top + 1, a, &c_here);
                for q in 0..=top {
                    f[q] = *off * here[q];
                }
                for member in members {
                    self.add_member(member, (at + 1, top), a, c, &here, &mut f);
                }
            }
        }
        f
    }

    /// Adds to `f` where this member is active; `here` is what follows where it adds nothing.
    fn add_member(
        &mut self,
        member: &Member<N>,
        (next, top): (usize, usize),
        a: N,
        c: &Powers<N>,
        here: &Powers<N>,
        f: &mut Powers<N>,
    ) {
        let zero = N::from(0.0);
        let slope = &mut self.gradient[member.feature];
        if member.is_small {
            let series = member.series();
            let slopes = member.slopes();
            for k in 0..series.len() {
                for q in k..=top {
                    f[q] = f[q] + series[k] * here[q - k];
                    *slope = *slope + slopes[k] * c[q] * here[q - k];
                }
            }
            return;
        }
        let rate = member.p / member.g;
        let mut c_there = [zero; MAX_POWERS];
        for q in 0..=top {
            c_there[q + 1] = rate * c[q];
        }
        let there = self.visit(next, top + 1, a + member.g, &c_there);
        let (mut moved, mut difference) = (zero, zero);
        for q in 0..=top {
            let step = there[q + 1] - here[q + 1];
            f[q] = f[q] + rate * step;
            moved = moved + c[q] * there[q];
            difference = difference + c[q] * step;
        }
        let slope = &mut self.gradient[member.feature];
        *slope = *slope + rate * (moved - difference / member.g);
    }
}

/// Terms of a series in g that are kept.
const N_TERMS: usize = 4;

impl<N: Number> Member<N> {
    /// `$p g^k / (k + 1)!$`, as `$\mathrm E\, T_q(a + g U) = \sum_k T_{q-k}(a) g^k / (k + 1)!$`.
    fn series(&self) -> [N; N_TERMS] {
        let mut term = self.p;
        std::array::from_fn(|k| {
            if k > 0 {
                term = term * self.g / N::from((k + 1) as f64);
            }
            term
        })
    }

    /// The derivatives of [`Member::series`] by g.
    fn slopes(&self) -> [N; N_TERMS] {
        let mut term = self.p;
        std::array::from_fn(|k| match k {
            0 => N::from(0.0),
            1 => {
                term = term / N::from(2.0);
                term
            }
            _ => {
                // k g^(k-1) / (k+1)!
                term = term * self.g * N::from(k as f64)
                    / (N::from((k - 1) as f64) * N::from((k + 1) as f64));
                term
            }
        })
    }
}
