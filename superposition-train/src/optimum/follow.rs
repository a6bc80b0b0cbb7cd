//! A minimum along a parameter of the task, and where two of them exchange their order.

use std::ops::ControlFlow;

use faer::Mat;

use super::curvature::FLAT;
use super::{
    Curvature, MinimizeOptions, MinimizeProgress, MinimizeStop, Minimized, Objective, hessian,
    minimize, norm,
};

/// How a branch is followed.
///
/// ```
/// use superposition_train::optimum::FollowOptions;
///
/// assert_eq!(FollowOptions::default().with_n_steps(200).max_move, 0.2);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct FollowOptions {
    /// The range is walked in at least so many steps: 50.
    pub n_steps: usize,
    /// How often a step is halved where the branch turns sharply, before it counts as ended: 14.
    pub max_halvings: u32,
    /// How far the minimum may be from where it was expected, relative to its norm (or to 1): 0.2.
    pub max_move: f64,
    /// How each minimum is found: as by default, but with a first step of 1e-4.
    pub minimize: MinimizeOptions,
    /// Eigenvalues of the Hessian up to this share of the largest count as 0: 1e-6.
    pub flat_tolerance: f64,
}

impl Default for FollowOptions {
    fn default() -> Self {
        Self {
            n_steps: 50,
            max_halvings: 14,
            max_move: 0.2,
            minimize: MinimizeOptions::default().with_first_step(1e-4),
            flat_tolerance: FLAT,
        }
    }
}

impl FollowOptions {
    /// The same with this [`n_steps`](Self::n_steps).
    #[must_use]
    pub fn with_n_steps(self, n_steps: usize) -> Self {
        Self { n_steps, ..self }
    }

    /// The same with this [`max_move`](Self::max_move).
    #[must_use]
    pub fn with_max_move(self, max_move: f64) -> Self {
        Self { max_move, ..self }
    }

    /// The same with this [`minimize`](Self::minimize).
    #[must_use]
    pub fn with_minimize(self, minimize: MinimizeOptions) -> Self {
        Self { minimize, ..self }
    }
}

/// A critical point of a branch.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct BranchPoint {
    /// The parameter of the task.
    pub parameter: f64,
    /// The point.
    pub found: Minimized,
    /// How the value changes with the parameter, along the branch.
    pub slope: f64,
    /// How many eigenvalues of the Hessian are negative: where that is above 0, the minimum has become a saddle, or is on a kink,
    /// where differences can feign it.
    pub n_negative: usize,
}

/// Why a branch is no longer.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum BranchStop {
    /// The end of the range is reached.
    Finished,
    /// Beyond the last point the minimum is not there any more: descents from it lead far away.
    Ended,
    /// The observer ended it.
    Interrupted,
}

/// A critical point followed along a parameter; made by [`follow`].
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Branch {
    /// Its points, from where it was started.
    pub points: Vec<BranchPoint>,
    /// Why there are no more.
    pub stop: BranchStop,
}

/// Follows a minimum along a parameter t of its objective, from one end of `range` to the other.
///
/// `family` makes the objective of a t; it is only asked within the range. At the first end it descends from `start`,
/// then from where the last two points lead. Where the descent ends too far from there, the step is halved, until the
/// branch counts as ended: with a fold, a minimum meets a saddle and is gone. A minimum that turns into a saddle by
/// symmetry is followed as such ([`BranchPoint::n_negative`]), as its descents do not leave it.
///
/// The slope is `$\partial L(x; t) / \partial t$` at fixed x, by differences: at a critical point the change of x does
/// not enter.
///
/// ```
/// use std::ops::ControlFlow;
/// use superposition_train::optimum::{BranchStop, FollowOptions, Objective, follow};
///
/// /// (x^2 - 1)^2 / 4 + t x: two wells, tilted.
/// struct Wells(f64);
/// impl Objective for Wells {
///     fn n_parameters(&self) -> usize {
///         1
///     }
///     fn value_and_gradient(&self, x: &[f64], gradient: &mut [f64]) -> f64 {
///         let u = x[0] * x[0] - 1.0;
///         gradient[0] = u * x[0] + self.0;
///         0.25 * u * u + self.0 * x[0]
///     }
/// }
/// let right = follow(&Wells, &[1.0], (0.0, 1.0), &FollowOptions::default(), &mut |_| ControlFlow::Continue(()));
/// // The upper well is there up to t = 2 / sqrt(27).
/// assert_eq!(right.stop, BranchStop::Ended);
/// assert!((right.points.last().unwrap().parameter - 2.0 / 27_f64.sqrt()).abs() < 1e-3);
/// ```
///
/// # Panics
/// If the range is not finite or its ends are equal, `n_steps` is 0, or `start` does not have the parameters of the
/// objective.
#[track_caller]
pub fn follow<O: Objective>(
    family: &dyn Fn(f64) -> O,
    start: &[f64],
    range: (f64, f64),
    options: &FollowOptions,
    observe: &mut dyn FnMut(&BranchPoint) -> ControlFlow<()>,
) -> Branch {
    let (from, to) = range;
    assert!(
        from.is_finite() && to.is_finite() && from != to,
        "the range is from {from} to {to}"
    );
    assert!(options.n_steps > 0, "a branch has at least one step");
    let point = |parameter: f64, start: &[f64]| {
        let found = settle(&family(parameter), start, options);
        point_at(family, parameter, found, range, options)
    };
    let mut points = vec![point(from, start)];
    if observe(&points[0]).is_break() {
        let stop = BranchStop::Interrupted;
        return Branch { points, stop };
    }
    let longest = (to - from) / options.n_steps as f64;
    let mut halvings = 0_u32;
    let stop = loop {
        let last = &points[points.len() - 1];
        if last.parameter == to {
            break BranchStop::Finished;
        }
        let step = libm::scalbn(longest, -(halvings as i32));
        // The last step ends exactly at the end.
        let left = to - last.parameter;
        let parameter = if left.abs() <= 1.001 * step.abs() {
            to
        } else {
            last.parameter + step
        };
        let expected = match points.len().checked_sub(2).map(|k| &points[k]) {
            None => last.found.x.clone(),
            Some(before) => {
                let ahead = (parameter - last.parameter) / (last.parameter - before.parameter);
                let pairs = last.found.x.iter().zip(&before.found.x);
                pairs.map(|(x, y)| x + ahead * (x - y)).collect()
            }
        };
        let found = settle(&family(parameter), &expected, options);
        let off: Vec<f64> = found.x.iter().zip(&expected).map(|(x, e)| x - e).collect();
        let is_near = norm(&off) <= options.max_move * norm(&found.x).max(1.0);
        let is_settled = matches!(
            found.stop,
            MinimizeStop::Converged | MinimizeStop::NoProgress
        );
        if !(is_near && is_settled) {
            if halvings == options.max_halvings {
                break BranchStop::Ended;
            }
            halvings += 1;
            continue;
        }
        let point = point_at(family, parameter, found, range, options);
        let goes_on = observe(&point).is_continue();
        points.push(point);
        if !goes_on {
            break BranchStop::Interrupted;
        }
        halvings = halvings.saturating_sub(1);
    };
    Branch { points, stop }
}

/// Two branches of equal value; made by [`crossing`].
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Crossing {
    /// The parameter there, to within the tolerance.
    pub parameter: f64,
    /// The value of both.
    pub value: f64,
    /// How each value changes with the parameter: where these differ, the lower of the two has a kink, a transition of
    /// first order.
    pub slopes: [f64; 2],
    /// The distance of the two points, x to x: 0 where the branches meet, which is a continuous transition.
    pub distance: f64,
}

impl Crossing {
    /// Whether the lowest value has a kink: the slopes differ by more than `tolerance`, relative to the larger.
    #[must_use]
    pub fn is_first_order(&self, tolerance: f64) -> bool {
        let [a, b] = self.slopes;
        (a - b).abs() > tolerance * a.abs().max(b.abs())
    }
}

/// Where the values of two branches of a family cross first, by bisection to `tolerance`; none if they do not, where
/// both are.
///
/// The parameter is that of the first change of sign of the difference between points of `a`, in their order; two
/// crossings between two neighbouring points stay unseen. At each parameter both are settled anew from their nearest
/// point.
///
/// # Panics
/// If a branch has no points, or the tolerance is not above 0.
#[must_use]
#[track_caller]
pub fn crossing<O: Objective>(
    family: &dyn Fn(f64) -> O,
    a: &Branch,
    b: &Branch,
    tolerance: f64,
    options: &FollowOptions,
) -> Option<Crossing> {
    assert!(tolerance > 0.0, "the tolerance is {tolerance}");
    let both = |parameter: f64| {
        let objective = family(parameter);
        [a, b].map(|branch| settle(&objective, &branch.nearest(parameter).found.x, options))
    };
    let difference = |parameter: f64| {
        let [a, b] = both(parameter);
        a.value - b.value
    };
    let (low, high) = b.extent();
    let inside = a.points.iter().map(|point| point.parameter);
    let shared: Vec<f64> = inside.filter(|&t| (low..=high).contains(&t)).collect();
    let signs: Vec<f64> = shared.iter().map(|&t| difference(t)).collect();
    let k = signs.windows(2).position(|pair| pair[0] * pair[1] <= 0.0)?;
    let (mut from, mut to, before) = (shared[k], shared[k + 1], signs[k]);
    while (to - from).abs() > tolerance {
        let middle = 0.5 * (from + to);
        if difference(middle) * before > 0.0 {
            from = middle;
        } else {
            to = middle;
        }
    }
    let parameter = 0.5 * (from + to);
    let range = (shared[k], shared[k + 1]);
    let points = both(parameter);
    let off = points[0].x.iter().zip(&points[1].x).map(|(x, y)| x - y);
    Some(Crossing {
        parameter,
        value: 0.5 * (points[0].value + points[1].value),
        distance: norm(&off.collect::<Vec<f64>>()),
        slopes: points.map(|found| slope(family, parameter, &found.x, range)),
    })
}

impl Branch {
    /// The smallest and the largest parameter.
    fn extent(&self) -> (f64, f64) {
        let parameters = self.points.iter().map(|point| point.parameter);
        parameters.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), t| {
            (low.min(t), high.max(t))
        })
    }

    /// The point with the parameter nearest to this.
    ///
    /// # Panics
    /// If the branch has no points.
    #[must_use]
    #[track_caller]
    pub fn nearest(&self, parameter: f64) -> &BranchPoint {
        let distance = |point: &BranchPoint| (point.parameter - parameter).abs();
        self.points
            .iter()
            .min_by(|a, b| distance(a).total_cmp(&distance(b)))
            .expect("a branch has points")
    }
}

/// The critical point that a start leads to.
fn settle<O: Objective>(objective: &O, start: &[f64], options: &FollowOptions) -> Minimized {
    let go_on = &mut |_: &MinimizeProgress| ControlFlow::Continue(());
    minimize(objective, start, &options.minimize, go_on)
}

fn point_at<O: Objective>(
    family: &dyn Fn(f64) -> O,
    parameter: f64,
    found: Minimized,
    range: (f64, f64),
    options: &FollowOptions,
) -> BranchPoint {
    let hessian = hessian(&family(parameter), &found.x);
    let none = Mat::zeros(found.x.len(), 0);
    let curvature = Curvature::new(hessian.as_ref(), none.as_ref(), options.flat_tolerance);
    BranchPoint {
        slope: slope(family, parameter, &found.x, range),
        n_negative: curvature.n_negative,
        parameter,
        found,
    }
}

/// `$\partial L(x; t) / \partial t$` by a difference within the range: central inside, one-sided at its ends.
fn slope<O: Objective>(
    family: &dyn Fn(f64) -> O,
    parameter: f64,
    x: &[f64],
    range: (f64, f64),
) -> f64 {
    let step = 1e-5 * (range.1 - range.0).abs();
    let (low, high) = (range.0.min(range.1), range.0.max(range.1));
    let (left, right) = ((parameter - step).max(low), (parameter + step).min(high));
    let mut gradient = vec![0.0; x.len()];
    let mut value = |t: f64| family(t).value_and_gradient(x, &mut gradient);
    (value(right) - value(left)) / (right - left)
}
