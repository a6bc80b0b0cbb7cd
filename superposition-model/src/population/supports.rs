//! The loss of one output in closed form, over every set of active features.

use super::double::{Double, Number};
use super::output::Part;
use super::powers::{Factor, MAX_DEPTH, MAX_POWERS, Member, Powers, TOP, Tree};
use crate::{FeatureDistribution, FeatureSets};

/// Corners of cubes that are worth it, for one output.
const MAX_CORNERS: f64 = 8192.0;
/// What the derivatives may be off by; beyond, numbers of twice the precision are used.
const GRADIENT_ERROR: f64 = 1e-11;

/// Whether every set of active features can be gone through.
pub(super) fn affordable(distribution: &FeatureDistribution) -> bool {
    let n = distribution.n_features();
    let blocks = n.div_ceil(distribution.sets().set_size());
    let (corners, depth) = match distribution.sets() {
        FeatureSets::Independent => (libm::pow(2.0, n as f64), n),
        FeatureSets::Correlated { set_size } => {
            let size = libm::pow(2.0, set_size.min(n) as f64);
            (libm::pow(1.0 + size, blocks as f64), n)
        }
        FeatureSets::Anticorrelated { set_size } => {
            let size = 1.0 + set_size.min(n) as f64;
            (libm::pow(size, blocks as f64), blocks)
        }
    };
    corners <= MAX_CORNERS && depth <= MAX_DEPTH
}

/// All sets of features that may be active together, and how probable each is.
pub(super) fn all(distribution: &FeatureDistribution) -> Vec<(Vec<usize>, f64)> {
    let p = distribution.feature_probability();
    let set_size = distribution.sets().set_size();
    let mut all = vec![(Vec::new(), 1.0)];
    for start in (0..p.len()).step_by(set_size) {
        let set = start..p.len().min(start + set_size);
        let p = p[start];
        let (choices, off): (Vec<Vec<usize>>, f64) = match distribution.sets() {
            FeatureSets::Correlated { .. } => (vec![set.collect()], 1.0 - p),
            _ => {
                let off = (1.0 - set.len() as f64 * p).max(0.0);
                (set.map(|i| vec![i]).collect(), off)
            }
        };
        let mut longer = Vec::with_capacity(all.len() * (choices.len() + 1));
        for (support, probability) in all {
            for choice in choices.iter().filter(|_| p > 0.0) {
                longer.push(([&support[..], choice].concat(), probability * p));
            }
            if off > 0.0 {
                longer.push((support, probability * off));
            }
        }
        all = longer;
    }
    all
}

/// An output: its own feature, its bias, and how much each feature adds to it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Output<'a> {
    pub(super) own: usize,
    pub(super) b: f64,
    pub(super) g: &'a [f64],
}

/// Where the own feature is not active, with weight `off`, and where it is, with weight `on`, the other features are
/// as `factors` say.
struct Case {
    off: f64,
    on: f64,
    factors: Vec<Factor<f64>>,
}

/// Which features may be active, and how.
pub(super) enum Activity<'a> {
    /// As in the distribution.
    Distribution(&'a FeatureDistribution),
    /// Exactly these are.
    Support(&'a [usize]),
}

impl Activity<'_> {
    fn cases(&self, output: &Output<'_>) -> Vec<Case> {
        let (own, g) = (output.own, output.g);
        let member = |feature: usize, p: f64| Member {
            feature,
            p,
            g: g[feature],
            is_small: false,
        };
        let certain = |feature: usize| Factor::AtMostOne {
            off: 0.0,
            members: vec![member(feature, 1.0)],
        };
        let distribution = match self {
            Self::Distribution(distribution) => distribution,
            Self::Support(support) => {
                let on = f64::from(u8::from(support.contains(&own)));
                let others = support.iter().filter(|&&i| i != own);
                return vec![Case {
                    off: 1.0 - on,
                    on,
                    factors: others.map(|&i| certain(i)).collect(),
                }];
            }
        };
        let probability = distribution.feature_probability();
        let p = probability[own];
        let set_size = distribution.sets().set_size();
        let set = |k: usize| k * set_size..g.len().min((k + 1).saturating_mul(set_size));
        let mut others = Vec::with_capacity(g.len());
        for k in (0..g.len().div_ceil(set_size)).filter(|&k| k != own / set_size) {
            let q = probability[set(k).start];
            if q == 0.0 {
                continue;
            }
            if let FeatureSets::Correlated { .. } = distribution.sets() {
                others.push(Factor::Branch {
                    on: q,
                    off: 1.0 - q,
                    end: others.len() + 1 + set(k).len(),
                });
                others.extend(set(k).map(certain));
            } else {
                others.push(Factor::AtMostOne {
                    off: (1.0 - set(k).len() as f64 * q).max(0.0),
                    members: set(k).map(|i| member(i, q)).collect(),
                });
            }
        }
        let mates = || set(own / set_size).filter(|&i| i != own);
        match distribution.sets() {
            _ if mates().next().is_none() => vec![Case {
                off: 1.0 - p,
                on: p,
                factors: others,
            }],
            FeatureSets::Correlated { .. } => {
                let with_mates = others.iter().cloned().chain(mates().map(certain));
                vec![
                    Case {
                        off: 0.0,
                        on: p,
                        factors: with_mates.collect(),
                    },
                    Case {
                        off: 1.0 - p,
                        on: 0.0,
                        factors: others,
                    },
                ]
            }
            _ => {
                let mut with_mates = others.clone();
                with_mates.push(Factor::AtMostOne {
                    off: (1.0 - (mates().count() + 1) as f64 * p).max(0.0),
                    members: mates().map(|i| member(i, p)).collect(),
                });
                vec![
                    Case {
                        off: 0.0,
                        on: p,
                        factors: others,
                    },
                    Case {
                        off: 1.0,
                        on: 0.0,
                        factors: with_mates,
                    },
                ]
            }
        }
    }
}

/// `$\mathrm E (\mathrm{ReLU}(z) - x)^2$` of the output. Its derivatives by g, and by b, are written.
///
/// Rounding and the truncated series are bounded, so that what is cheapest and small enough can be chosen: which g
/// count as small, and whether f64 suffices.
pub(super) fn loss(
    output: &Output<'_>,
    activity: &Activity<'_>,
    tolerance: f64,
    by_g: &mut [f64],
) -> (Part, f64) {
    let cases = activity.cases(output);
    let plan = Plan::best(output, &cases, f64::EPSILON);
    let enough = plan.value_error <= tolerance && plan.gradient_error <= GRADIENT_ERROR;
    if enough {
        return sum_cases::<f64>(output, &cases, plan, by_g);
    }
    let finer = Plan::best(output, &cases, Double::EPSILON);
    sum_cases::<Double>(output, &cases, finer, by_g)
}

/// Which weights are small, and the errors that come of it.
#[derive(Clone, Copy, Debug)]
struct Plan {
    /// `$|g|$` up to this are small.
    small: f64,
    value_error: f64,
    gradient_error: f64,
}

impl Plan {
    fn best(output: &Output<'_>, cases: &[Case], epsilon: f64) -> Self {
        let mut sizes = vec![output.g[output.own].abs()];
        for case in cases {
            for factor in &case.factors {
                if let Factor::AtMostOne { members, .. } = factor {
                    sizes.extend(members.iter().map(|member| member.g.abs()));
                }
            }
        }
        sizes.sort_unstable_by(f64::total_cmp);
        sizes.dedup();
        // A weight of 0 is always small; beyond, the more are, the less cancels and the more is cut off.
        let none = if sizes[0] == 0.0 { None } else { Some(-1.0) };
        none.into_iter()
            .chain(sizes)
            .map(|small| Self::new(output, cases, epsilon, small))
            .min_by(|a, b| a.gradient_error.total_cmp(&b.gradient_error))
            .expect("there is an own weight")
    }

    fn new(output: &Output<'_>, cases: &[Case], epsilon: f64, small: f64) -> Self {
        let mut plan = Self {
            small,
            value_error: 0.0,
            gradient_error: 0.0,
        };
        for case in cases {
            plan.add_case(output, case, epsilon);
        }
        plan
    }

    fn add_case(&mut self, output: &Output<'_>, case: &Case, epsilon: f64) {
        let own = output.g[output.own].abs();
        // e_k of the product of (off + sum of 2 p / |g| y).
        let mut e = [0.0; MAX_POWERS];
        e[0] = 1.0;
        let (mut reach, mut tau, mut mass) = (output.b.abs() + own, 0.0, 0.0);
        let mut least = f64::INFINITY;
        let mut depth = 0;
        for factor in &case.factors {
            let Factor::AtMostOne { off, members } = factor else {
                continue;
            };
            let (mut flat, mut rate, mut most) = (*off, 0.0, 0.0_f64);
            for member in members {
                let size = member.g.abs();
                most = most.max(size);
                if size <= self.small {
                    flat += member.p;
                    tau += size;
                    mass += member.p;
                } else {
                    rate += 2.0 * member.p / size;
                    least = least.min(size);
                }
            }
            reach += most;
            depth += 1;
            for k in (0..=depth.min(MAX_POWERS - 1)).rev() {
                e[k] = flat * e[k] + if k > 0 { rate * e[k - 1] } else { 0.0 };
            }
        }
        let own_is_small = own <= self.small;
        if own_is_small {
            tau += own;
            mass += 1.0;
        } else {
            least = least.min(own);
        }
        let (on, off) = (case.on, case.off);
        // The coefficients of F_0 to F_3, in absolute values.
        let c = if own_is_small {
            [2.0 * on * own, 2.0 * on, 2.0 * (on + off), 0.0]
        } else {
            let twice = on * (4.0 / own + 4.0 / (own * own));
            [0.0, 0.0, 2.0 * off + 2.0 * on / own, twice]
        };
        let mut power = [0.0; MAX_POWERS + TOP];
        power[0] = 1.0;
        for q in 1..power.len() {
            power[q] = power[q - 1] * reach / q as f64;
        }
        let sum = |shift: usize| -> f64 {
            let mut sum = 0.0;
            for (q, c) in c.iter().enumerate() {
                for (k, e) in e.iter().enumerate() {
                    sum += c * e * power[(q + k).saturating_sub(shift)];
                }
            }
            sum
        };
        let n_roundings = 16.0 + 8.0 * (case.factors.len() + 1) as f64;
        let rounding = n_roundings * epsilon;
        let (value, slope) = (sum(0), sum(1));
        self.value_error += rounding * value;
        self.gradient_error += rounding
            * (slope
                + if least.is_finite() {
                    value / least
                } else {
                    0.0
                });
        if tau > 0.0 {
            // A term of the series is wrong where a kink is within tau of z: at b, or beside others that are active.
            let near = f64::from(u8::from(output.b.abs() <= tau));
            let others = if least.is_finite() {
                2.0 * tau / least
            } else {
                0.0
            };
            let chance = (on + off) * mass * (near + others);
            let order = if own_is_small { 1.0 } else { tau };
            self.value_error += 2.0 * chance * tau * order;
            self.gradient_error += 2.0 * chance * order;
        }
    }
}

fn sum_cases<N: Number>(
    output: &Output<'_>,
    cases: &[Case],
    plan: Plan,
    by_g: &mut [f64],
) -> (Part, f64) {
    let zero = N::from(0.0);
    let mut gradient = vec![zero; output.g.len()];
    let (mut value, mut by_b) = (zero, zero);
    let mut third = 0.0;
    for case in cases {
        let factors: Vec<Factor<N>> = case
            .factors
            .iter()
            .map(|factor| convert(factor, plan.small))
            .collect();
        let (case_value, case_by_b) = sum_case(output, case, &factors, plan.small, &mut gradient);
        value = value + case_value;
        by_b = by_b + case_by_b;
        third += case.on / 3.0;
    }
    for (to, from) in by_g.iter_mut().zip(&gradient) {
        *to = from.to_f64();
    }
    let value = (value + N::from(third)).to_f64();
    let part = Part {
        value,
        error: plan.value_error + 4.0 * f64::EPSILON * (value.abs() + third),
        slope_error: plan.gradient_error,
        ..Part::default()
    };
    (part, by_b.to_f64())
}

fn convert<N: Number>(factor: &Factor<f64>, small: f64) -> Factor<N> {
    match factor {
        Factor::AtMostOne { off, members } => Factor::AtMostOne {
            off: N::from(*off),
            members: members
                .iter()
                .map(|member| Member {
                    feature: member.feature,
                    p: N::from(member.p),
                    g: N::from(member.g),
                    is_small: member.g.abs() <= small,
                })
                .collect(),
        },
        &Factor::Branch { on, off, end } => Factor::Branch {
            on: N::from(on),
            off: N::from(off),
            end,
        },
    }
}

/// The part of the loss of a case, without the `$x^2$`, and its derivative by b.
///
/// The own value U enters by `$\mathrm E\, T_q(a + g U) = (T_{q+1}(a + g) - T_{q+1}(a)) / g$` and
/// `$\mathrm E\, U T_1(a + g U) = T_2(a + g) / g - (T_3(a + g) - T_3(a)) / g^2$`.
fn sum_case<N: Number>(
    output: &Output<'_>,
    case: &Case,
    factors: &[Factor<N>],
    small: f64,
    gradient: &mut [N],
) -> (N, N) {
    let number = |value: f64| N::from(value);
    let zero = number(0.0);
    let (b, g) = (number(output.b), number(output.g[output.own]));
    let (on, off) = (number(case.on), number(case.off));
    let two = number(2.0);
    let dot = |c: &Powers<N>, f: &Powers<N>, shift: usize| {
        (shift..=TOP).fold(zero, |sum, q| sum + c[q] * f[q - shift])
    };
    let mut c = [zero; MAX_POWERS];
    c[2] = two * off;
    if case.on == 0.0 || output.g[output.own].abs() <= small {
        // The series of both: T_2 + g T_1 / 2 + g^2 T_0 / 6, and T_1 / 2 + g T_0 / 3.
        c[2] = c[2] + two * on;
        c[1] = on * (g - number(1.0));
        c[0] = on * (g * g - two * g) / number(3.0);
        let f = Tree::new(factors, gradient).expectation(b, &c);
        let by_g = on * (f[1] + two * (g - number(1.0)) / number(3.0) * f[0]);
        gradient[output.own] = gradient[output.own] + by_g;
        return (dot(&c, &f, 0), dot(&c, &f, 1));
    }
    let one_over = number(1.0) / g;
    let rate = two * on * one_over;
    let both = rate + rate * one_over;
    c[3] = -both;
    let here = Tree::new(factors, gradient).expectation(b, &c);
    let mut c_there = [zero; MAX_POWERS];
    c_there[3] = both;
    c_there[2] = -rate;
    let there = Tree::new(factors, gradient).expectation(b + g, &c_there);
    let moved = dot(&c_there, &there, 1);
    // The derivatives of 2 / g and of 2 / g + 2 / g^2.
    let rate_by_g = -(rate * one_over);
    let both_by_g = rate_by_g + two * rate_by_g * one_over;
    let by_g = moved + both_by_g * (there[3] - here[3]) - rate_by_g * there[2];
    gradient[output.own] = gradient[output.own] + by_g;
    (
        dot(&c, &here, 0) + dot(&c_there, &there, 0),
        dot(&c, &here, 1) + moved,
    )
}
