//! What is minimised.

use superposition_model::population::PopulationObjective;
use superposition_model::{Dimensions, Output};

use super::dot;

/// A function to be minimised, with its gradient, in f64.
///
/// ```
/// use std::ops::ControlFlow;
/// use superposition_train::optimum::{MinimizeOptions, Objective, minimize};
///
/// /// (x - 1)^2 + 10 (y + 2)^2
/// struct Bowl;
///
/// impl Objective for Bowl {
///     fn n_parameters(&self) -> usize {
///         2
///     }
///     fn value_and_gradient(&self, x: &[f64], gradient: &mut [f64]) -> f64 {
///         let (u, v) = (x[0] - 1.0, x[1] + 2.0);
///         gradient.copy_from_slice(&[2.0 * u, 20.0 * v]);
///         u * u + 10.0 * v * v
///     }
/// }
///
/// let found = minimize(&Bowl, &[0.0, 0.0], &MinimizeOptions::default(), &mut |_| ControlFlow::Continue(()));
/// assert!((found.x[0] - 1.0).abs() < 1e-9 && (found.x[1] + 2.0).abs() < 1e-9);
/// ```
pub trait Objective {
    /// How many parameters it has.
    fn n_parameters(&self) -> usize;

    /// Its value at `x`; its gradient there is written to `gradient`. Both have as many elements as there are
    /// parameters.
    ///
    /// It must be continuously differentiable, and bounded below. Where a value is not finite, the point is taken to be
    /// too far away.
    fn value_and_gradient(&self, x: &[f64], gradient: &mut [f64]) -> f64;

    /// Where to start again after a descent to `x`, if descents get stuck at points like it. None by default.
    ///
    /// [`optimum()`](super::optimum()) descends from there too.
    fn restart(&self, _x: &[f64]) -> Option<Vec<f64>> {
        None
    }
}

impl<O: Objective + ?Sized> Objective for Box<O> {
    fn n_parameters(&self) -> usize {
        (**self).n_parameters()
    }

    fn value_and_gradient(&self, x: &[f64], gradient: &mut [f64]) -> f64 {
        (**self).value_and_gradient(x, gradient)
    }

    fn restart(&self, x: &[f64]) -> Option<Vec<f64>> {
        (**self).restart(x)
    }
}

impl Objective for PopulationObjective {
    fn n_parameters(&self) -> usize {
        PopulationObjective::n_parameters(self)
    }

    /// The expected loss, mean over features.
    fn value_and_gradient(&self, x: &[f64], gradient: &mut [f64]) -> f64 {
        PopulationObjective::value_and_gradient(self, x, gradient).value
    }

    /// Outputs that are never above 0 have no gradient, but mostly a better place: the feature dropped, and its output
    /// its mean, `$b_j = p_j / 2$`. None where there is no such output.
    fn restart(&self, x: &[f64]) -> Option<Vec<f64>> {
        let b = self.layout().b.clone()?;
        let Dimensions {
            n_features,
            n_hidden: m,
        } = self.config().dimensions;
        if self.config().output == Output::Linear {
            return None;
        }
        let layout = self.layout();
        let column = |start: usize, i: usize| start + i * m..start + (i + 1) * m;
        let mut moved = x.to_vec();
        for j in 0..n_features {
            let decoder = &x[column(layout.w_dec.start, j)];
            let largest: f64 = (0..n_features)
                .map(|i| dot(decoder, &x[column(layout.w.start, i)]).max(0.0))
                .sum();
            let p = self.distribution().feature_probability()[j];
            if x[b.start + j] + largest <= 0.0 && self.importance()[j] * p > 0.0 {
                moved[column(layout.w_dec.start, j)].fill(0.0);
                moved[column(layout.w.start, j)].fill(0.0);
                moved[b.start + j] = 0.5 * p;
            }
        }
        (moved != x).then_some(moved)
    }
}
