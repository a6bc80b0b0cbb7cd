//! From a start to a critical point.

use std::collections::VecDeque;
use std::ops::ControlFlow;

use super::line_search::LineSearch;
use super::{Objective, dot, newton, norm};

/// When to stop, and how.
///
/// ```
/// use superposition_train::optimum::MinimizeOptions;
///
/// let options = MinimizeOptions::default().with_gradient_tolerance(1e-6).with_max_newton_parameters(0);
/// assert_eq!((options.history, options.max_iterations), (20, 5000));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct MinimizeOptions {
    /// The Euclidean norm of the gradient that is small enough: 1e-10.
    pub gradient_tolerance: f64,
    /// The most steps of L-BFGS: 5,000.
    pub max_iterations: usize,
    /// How many steps L-BFGS remembers: 20.
    pub history: usize,
    /// How far the first point tried is, relative to the norm of the start (or to 1): 0.1. Smaller for a start in a
    /// shallow basin that is not to be left.
    pub first_step: f64,
    /// Up to how many parameters Newton's method finishes what L-BFGS could not, with the Hessian: 200; 0 for never.
    pub max_newton_parameters: usize,
}

impl Default for MinimizeOptions {
    fn default() -> Self {
        Self {
            gradient_tolerance: 1e-10,
            max_iterations: 5000,
            history: 20,
            first_step: 0.1,
            max_newton_parameters: 200,
        }
    }
}

impl MinimizeOptions {
    /// The same with this [`gradient_tolerance`](Self::gradient_tolerance).
    #[must_use]
    pub fn with_gradient_tolerance(self, gradient_tolerance: f64) -> Self {
        Self {
            gradient_tolerance,
            ..self
        }
    }

    /// The same with this [`max_iterations`](Self::max_iterations).
    #[must_use]
    pub fn with_max_iterations(self, max_iterations: usize) -> Self {
        Self {
            max_iterations,
            ..self
        }
    }

    /// The same with this [`history`](Self::history).
    #[must_use]
    pub fn with_history(self, history: usize) -> Self {
        Self { history, ..self }
    }

    /// The same with this [`first_step`](Self::first_step).
    #[must_use]
    pub fn with_first_step(self, first_step: f64) -> Self {
        Self { first_step, ..self }
    }

    /// The same with this [`max_newton_parameters`](Self::max_newton_parameters).
    #[must_use]
    pub fn with_max_newton_parameters(self, max_newton_parameters: usize) -> Self {
        Self {
            max_newton_parameters,
            ..self
        }
    }
}

/// A step of [`minimize`].
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct MinimizeProgress {
    /// Steps made, from 0.
    pub iteration: usize,
    /// The value reached.
    pub value: f64,
    /// The norm of the gradient there.
    pub gradient_norm: f64,
}

/// Why [`minimize`] stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum MinimizeStop {
    /// The gradient is small enough.
    Converged,
    /// Rounding, or a kink, leaves neither a lower value nor a smaller gradient in reach.
    NoProgress,
    /// All steps were made.
    MaxIterations,
    /// The value or the gradient at the start is not finite.
    NotFinite,
    /// The observer ended it.
    Interrupted,
}

/// The outcome of [`minimize`].
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Minimized {
    /// The point reached.
    pub x: Vec<f64>,
    /// The value there.
    pub value: f64,
    /// The Euclidean norm of the gradient there.
    pub gradient_norm: f64,
    /// Steps of L-BFGS.
    pub n_iterations: usize,
    /// Evaluations of value and gradient, those for Hessians included.
    pub n_evaluations: usize,
    /// Why it stopped.
    pub stop: MinimizeStop,
}

/// Steps in which neither value nor gradient got better before it is given up.
const PATIENCE: usize = 12;

/// Goes downhill from `start` until the gradient vanishes.
///
/// L-BFGS with the line search of Hager and Zhang. Where rounding or bad conditioning stops it before the gradient is
/// small enough, up to [`max_newton_parameters`](MinimizeOptions::max_newton_parameters) parameters, Newton's method
/// goes on with the Hessian by differences ([`hessian`](super::hessian())), along the directions in which that is not
/// flat. What is found is a critical point below the start: mostly a minimum, but a symmetric start may lead to a
/// saddle, where the gradient vanishes too.
///
/// `observe` sees every step of L-BFGS and ends the search with `Break`. Same start and options, same bits, on one
/// instruction set.
///
/// A step costs one to three evaluations and `$O(P h)$` for P parameters and a history of h; Newton's method 2 P
/// evaluations and `$O(P^3)$`, at most three times.
///
/// # Panics
/// If `start` does not have as many elements as the objective has parameters.
#[must_use]
#[track_caller]
pub fn minimize<O: Objective + ?Sized>(
    objective: &O,
    start: &[f64],
    options: &MinimizeOptions,
    observe: &mut dyn FnMut(&MinimizeProgress) -> ControlFlow<()>,
) -> Minimized {
    let n = objective.n_parameters();
    assert!(
        start.len() == n,
        "the start has {} elements; the objective has {n} parameters",
        start.len()
    );
    let mut found = descend(objective, start, options, observe);
    if found.stop == MinimizeStop::NoProgress && n <= options.max_newton_parameters {
        newton::polish(objective, &mut found, options.gradient_tolerance);
    }
    found
}

/// L-BFGS.
fn descend<O: Objective + ?Sized>(
    objective: &O,
    start: &[f64],
    options: &MinimizeOptions,
    observe: &mut dyn FnMut(&MinimizeProgress) -> ControlFlow<()>,
) -> Minimized {
    let n = start.len();
    let mut at = start.to_vec();
    let mut gradient = vec![0.0; n];
    let mut value = objective.value_and_gradient(&at, &mut gradient);
    let mut n_evaluations = 1;
    let mut memory = Memory::new(options.history);
    let (mut direction, mut next, mut next_gradient) = (vec![0.0; n], vec![0.0; n], vec![0.0; n]);
    let (mut best_value, mut best_norm, mut stalled) = (value, norm(&gradient), 0);
    let mut iteration = 0;
    let stop = loop {
        let gradient_norm = norm(&gradient);
        if !(value.is_finite() && gradient_norm.is_finite()) {
            break MinimizeStop::NotFinite;
        }
        if gradient_norm <= options.gradient_tolerance {
            break MinimizeStop::Converged;
        }
        let better = value < best_value - 4.0 * f64::EPSILON * best_value.abs();
        if better || gradient_norm < 0.9 * best_norm {
            stalled = 0;
        } else {
            stalled += 1;
        }
        best_value = best_value.min(value);
        best_norm = best_norm.min(gradient_norm);
        if stalled > PATIENCE {
            break MinimizeStop::NoProgress;
        }
        if iteration == options.max_iterations {
            break MinimizeStop::MaxIterations;
        }
        let progress = MinimizeProgress {
            iteration,
            value,
            gradient_norm,
        };
        if observe(&progress).is_break() {
            break MinimizeStop::Interrupted;
        }
        // Along the direction of the remembered curvature; if that leads nowhere, once along the gradient.
        let accepted = loop {
            memory.direction_into(&gradient, &mut direction);
            let slope = dot(&gradient, &direction);
            let first = if memory.is_empty() {
                options.first_step * norm(&at).max(1.0) / gradient_norm
            } else {
                1.0
            };
            let mut search = LineSearch::new(
                objective,
                (&at, value),
                (&direction, slope),
                (&mut next, &mut next_gradient),
            );
            let accepted = if slope < 0.0 { search.run(first) } else { None };
            n_evaluations += search.n_evaluations;
            if accepted.is_some() || memory.is_empty() {
                break accepted;
            }
            memory.clear();
        };
        let Some(accepted) = accepted else {
            break MinimizeStop::NoProgress;
        };
        memory.push(&at, &next, &gradient, &next_gradient);
        std::mem::swap(&mut at, &mut next);
        std::mem::swap(&mut gradient, &mut next_gradient);
        value = accepted.value;
        iteration += 1;
    };
    Minimized {
        gradient_norm: norm(&gradient),
        x: at,
        value,
        n_iterations: iteration,
        n_evaluations,
        stop,
    }
}

/// What L-BFGS remembers: the last steps, how the gradient changed over them, and the inverse of their product.
struct Memory {
    pairs: VecDeque<(Vec<f64>, Vec<f64>, f64)>,
    capacity: usize,
}

impl Memory {
    fn new(capacity: usize) -> Self {
        Self {
            pairs: VecDeque::new(),
            capacity,
        }
    }

    fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    fn clear(&mut self) {
        self.pairs.clear();
    }

    fn push(&mut self, from: &[f64], to: &[f64], gradient_from: &[f64], gradient_to: &[f64]) {
        let difference =
            |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| b - a).collect::<Vec<f64>>();
        let (s, y) = (difference(from, to), difference(gradient_from, gradient_to));
        let curvature = dot(&s, &y);
        // Rounding can leave no curvature: such a pair says nothing.
        if self.capacity == 0 || curvature <= f64::EPSILON * norm(&s) * norm(&y) {
            return;
        }
        if self.pairs.len() == self.capacity {
            self.pairs.pop_front();
        }
        self.pairs.push_back((s, y, 1.0 / curvature));
    }

    /// `$-H g$` by the two-loop recursion.
    fn direction_into(&self, gradient: &[f64], direction: &mut [f64]) {
        for (d, g) in direction.iter_mut().zip(gradient) {
            *d = -g;
        }
        let add = |d: &mut [f64], factor: f64, v: &[f64]| {
            d.iter_mut().zip(v).for_each(|(d, v)| *d += factor * v);
        };
        let mut alphas = Vec::with_capacity(self.pairs.len());
        for (s, y, rho) in self.pairs.iter().rev() {
            let alpha = rho * dot(s, direction);
            add(direction, -alpha, y);
            alphas.push(alpha);
        }
        if let Some((_, y, rho)) = self.pairs.back() {
            let scale = 1.0 / (rho * dot(y, y));
            direction.iter_mut().for_each(|d| *d *= scale);
        }
        for ((s, y, rho), alpha) in self.pairs.iter().zip(alphas.iter().rev()) {
            let beta = rho * dot(y, direction);
            add(direction, alpha - beta, s);
        }
    }
}
