//! What several experiments share: who is cited, and the population loss of fixed weights.

use std::ops::ControlFlow;

use rand::Rng as _;
use rand_chacha::ChaCha8Rng;
use superposition_analysis::faer::Mat;
use superposition_model::population::PopulationObjective;
use superposition_model::{Dimensions, FeatureDistribution, ToyModel, ToyModelConfig};
use superposition_train::optimum::{
    Basin, MinimizeOptions, Minimized, Objective, OptimumOptions, Symmetry, minimize, optimum,
};
use superposition_viz::Scale;
use superposition_viz::svg::{Axis, Figure, Grid, Panel, Series};

use super::geometry::dot;
use crate::LabError;
use crate::reproduce::Context;

pub(super) const TMS: &str = "Elhage et al. 2022, Toy Models of Superposition";

pub(in crate::reproduce) const C23: &str =
    "Chen et al. 2023, Dynamical versus Bayesian Phase Transitions in a Toy Model of Superposition";

/// A value in [0, 1) from one u32.
pub(super) fn uniform(rng: &mut ChaCha8Rng) -> f64 {
    f64::from(rng.next_u32()) / 2_f64.powi(32)
}

/// The loss of a toy model with these weights and biases, summed over the features.
///
/// The parameters are rounded to f32: 6e-8 of each.
pub(super) fn population_loss_sum(
    w: &Mat<f64>,
    b: &[f64],
    distribution: &FeatureDistribution,
    importance: &[f64],
) -> Result<f64, LabError> {
    let dimensions = Dimensions {
        n_features: w.ncols(),
        n_hidden: w.nrows(),
    };
    let columns = (0..w.ncols()).flat_map(|i| w.col_as_slice(i));
    let parameters = columns.chain(b).map(|&x| x as f32).collect();
    let model = ToyModel::new(ToyModelConfig::new(dimensions), parameters)?;
    let importance: Vec<f32> = importance.iter().map(|&x| x as f32).collect();
    let loss = model.population_loss(distribution, &importance, 1e-10)?;
    Ok(loss.value * w.ncols() as f64)
}

/// `$v(p) = p/3 - p^2/4$`: the variance of a feature, which dropping it costs with the best bias, `$p/2$`.
pub(in crate::reproduce) fn variance(p: f64) -> f64 {
    p / 3.0 - p * p / 4.0
}

/// `n` values from `low` to `high`, each the same ratio above the one before.
pub(super) fn logarithmic(low: f64, high: f64, n: usize) -> Vec<f64> {
    let step = (high / low).ln() / (n - 1) as f64;
    let value = |k: usize| (low * (step * k as f64).exp()).min(high);
    (0..n).map(value).collect()
}

/// Where `f` changes sign between `low` and `high`, to rounding.
pub(super) fn bisect(
    mut low: f64,
    mut high: f64,
    mut f: impl FnMut(f64) -> Result<f64, LabError>,
) -> Result<f64, LabError> {
    let rises = f(high)? > 0.0;
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        if (f(middle)? > 0.0) == rises {
            high = middle;
        } else {
            low = middle;
        }
    }
    Ok(0.5 * (low + high))
}

/// A phase diagram over relative importance and feature probability, r in 0.1..10 and p in 0.01..1, as in TMS: the
/// region of each cell, and boundaries r(p) up to the triple point p = 4/7.
pub(super) fn phase_figure(
    title: &str,
    names: &[String],
    phase: impl Fn(f64, f64) -> usize,
    boundaries: &[(&str, &dyn Fn(f64) -> f64)],
) -> String {
    const CELLS: usize = 120;
    let (x_edges, y_edges) = (
        logarithmic(0.1, 10.0, CELLS + 1),
        logarithmic(0.01, 1.0, CELLS + 1),
    );
    let middle = |edges: &[f64], k: usize| (edges[k] * edges[k + 1]).sqrt();
    let cells = (0..CELLS * CELLS)
        .map(|cell| {
            let (r, p) = (
                middle(&x_edges, cell % CELLS),
                middle(&y_edges, cell / CELLS),
            );
            Some(phase(r, p))
        })
        .collect();
    let mut panel = Panel::new(
        "",
        Axis::new("relative importance r of the extra feature").with_scale(Scale::Logarithmic),
        Axis::new("feature probability p").with_scale(Scale::Logarithmic),
    )
    .with_grid(Grid::regions(x_edges, y_edges, names.to_vec(), cells));
    for (k, (name, r)) in boundaries.iter().enumerate() {
        let line = logarithmic(0.01, 4.0 / 7.0, 200)
            .into_iter()
            .map(|p| [r(p), p])
            .filter(|[r, _]| (0.1..=10.0).contains(r))
            .collect();
        let line = if k == 0 {
            Series::line(*name, line)
        } else {
            Series::dashed(*name, line)
        };
        panel = panel.with_series(line.with_color(7));
    }
    Figure::new(title).with_panel(panel).render()
}

pub(super) const SJB: &str =
    "Scherlis et al. 2022, Polysemanticity and Capacity in Neural Networks, arXiv 2210.01892";

/// A point where the gradient of `f` vanishes to `tolerance` of its length, from `x` downhill by gradient steps of
/// Barzilai and Borwein's length; `f` writes the gradient and returns the value. The last point if 20,000 steps do not do.
pub(super) fn descend(
    mut x: Vec<f64>,
    tolerance: f64,
    mut f: impl FnMut(&[f64], &mut [f64]) -> f64,
) -> Vec<f64> {
    let mut gradient = vec![0.0; x.len()];
    let mut value = f(&x, &mut gradient);
    let mut rate = 1e-3;
    for _ in 0..20_000 {
        let square = dot(&gradient, &gradient);
        if square.sqrt() <= tolerance {
            break;
        }
        let mut next_gradient = vec![0.0; x.len()];
        let (next, next_value) = loop {
            let next: Vec<f64> = x.iter().zip(&gradient).map(|(x, g)| x - rate * g).collect();
            let next_value = f(&next, &mut next_gradient);
            // A little uphill is how these steps are fast; rounding ends them.
            if next_value <= value + 1e-3 * value.abs() || rate < 1e-18 {
                break (next, next_value);
            }
            rate *= 0.5;
        };
        let step: Vec<f64> = next.iter().zip(&x).map(|(a, b)| a - b).collect();
        let change: Vec<f64> = next_gradient
            .iter()
            .zip(&gradient)
            .map(|(a, b)| a - b)
            .collect();
        let curvature = dot(&step, &change);
        rate = if curvature > 0.0 {
            dot(&step, &step) / curvature
        } else {
            2.0 * rate
        };
        (x, gradient, value) = (next, next_gradient, next_value);
    }
    x
}

/// `$\mathrm{ReLU}(W^\top W x + b)$` in f64.
pub(super) fn reconstruct(w: &Mat<f64>, b: &[f64], x: &[f64]) -> Vec<f64> {
    let (m, n) = w.shape();
    let hidden: Vec<f64> = (0..m)
        .map(|k| (0..n).map(|i| w[(k, i)] * x[i]).sum())
        .collect();
    let output = |i: usize| (dot(w.col_as_slice(i), &hidden) + b[i]).max(0.0);
    (0..n).map(output).collect()
}

/// A sum of twelve uniform values less 6: mean 0, variance 1, near enough to a normal value for a direction.
pub(super) fn bell(rng: &mut ChaCha8Rng) -> f64 {
    (0..12).map(|_| uniform(rng)).sum::<f64>() - 6.0
}

/// The population loss of toy models with ReLU outputs and importance 1, mean over features, as a function of W and b.
pub(super) fn objective(
    n_features: usize,
    n_hidden: usize,
    distribution: FeatureDistribution,
) -> Result<PopulationObjective, LabError> {
    let config = ToyModelConfig::new(Dimensions {
        n_features,
        n_hidden,
    });
    let importance = vec![1.0; n_features];
    Ok(PopulationObjective::new(config, distribution, &importance)?)
}

/// The critical points below `n_starts` random starts and the given ones, the lowest first.
pub(super) fn basins(
    context: &Context<'_>,
    objective: &PopulationObjective,
    given: &[Vec<f64>],
    n_starts: usize,
) -> Result<Vec<Basin>, LabError> {
    let symmetry = Symmetry::new(
        *objective.config(),
        objective.distribution(),
        objective.importance(),
    )?;
    let options = OptimumOptions::default()
        .with_n_starts(n_starts)
        .with_max_hessian_parameters(0);
    let found = optimum(
        objective,
        &symmetry,
        given,
        &options,
        context.threads(),
        &|_| ControlFlow::Continue(()),
    )?;
    Ok(found.basins)
}

/// Where the descent from `start` ends.
pub(super) fn settle<O: Objective>(objective: &O, start: &[f64]) -> Minimized {
    let options = MinimizeOptions::default();
    minimize(objective, start, &options, &mut |_| {
        ControlFlow::Continue(())
    })
}
