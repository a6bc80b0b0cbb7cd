//! The best of several trained models in every cell.

use std::ops::Range;

use superposition_model::{FeatureDistribution, FeatureProbability, ToyModelConfig};
use superposition_train::{Job, Task, TrainError, Trained, train_ensemble, train_exact};

use super::{BLOCK, Diagram, PhaseStage, importance};
use crate::{LabError, parallel};

/// Models that are trained between two looks at the observer, where trainings do not look themselves.
const MODELS_AT_ONCE: usize = 1 << 13;

/// The best model of a cell.
pub(super) struct Best {
    pub(super) parameters: Vec<f64>,
    pub(super) seed: u64,
}

/// Trains all cells.
pub(super) fn train(diagram: &Diagram<'_>) -> Result<Vec<Best>, LabError> {
    let n_cells = diagram.n_cells();
    let block = MODELS_AT_ONCE.div_ceil(diagram.options.n_seeds);
    let mut all = Vec::with_capacity(n_cells);
    for start in (0..n_cells).step_by(block) {
        let cells = start..n_cells.min(start + block);
        all.extend(match diagram.options.is_exact() {
            true => on_exact_gradient(diagram, cells)?,
            false => on_samples(diagram, cells)?,
        });
        diagram.progress(PhaseStage::Training, all.len())?;
    }
    Ok(all)
}

/// A job for each seed of each cell.
fn jobs(diagram: &Diagram<'_>, cells: Range<usize>) -> Result<Vec<Job>, LabError> {
    let options = diagram.options;
    let n = options.dimensions.n_features;
    let config = ToyModelConfig::new(options.dimensions);
    // The first and the last loss are recorded.
    let train = options
        .train
        .clone()
        .with_loss_every(options.train.n_steps.saturating_sub(1).max(1));
    let mut jobs = Vec::with_capacity(cells.len() * options.n_seeds);
    for cell in cells {
        let [r, p] = diagram.at(cell);
        let distribution = FeatureDistribution::new(n, &FeatureProbability::Same(p))?;
        let importance = importance(n, r).iter().map(|&i| i as f32).collect();
        let task = Task::new(distribution, importance)?;
        for k in 0..options.n_seeds as u64 {
            let train = train.clone().with_seed(train.seed + k);
            jobs.push(Job::new(config, task.clone(), train));
        }
    }
    Ok(jobs)
}

/// By the loss before the last step, which is that of the outcome to its rounding as the rate goes to 0.
fn on_exact_gradient(diagram: &Diagram<'_>, cells: Range<usize>) -> Result<Vec<Best>, LabError> {
    let jobs = jobs(diagram, cells)?;
    let trained = train_exact(&jobs, diagram.threads);
    let loss = |trained: &Trained| trained.losses.last().copied().unwrap_or(f32::NAN).into();
    let outcomes = trained.into_iter().map(|trained| {
        let trained = trained?;
        let loss = loss(&trained);
        Ok((trained, loss))
    });
    best(diagram, outcomes)
}

/// By the exact loss of the outcome.
fn on_samples(diagram: &Diagram<'_>, cells: Range<usize>) -> Result<Vec<Best>, LabError> {
    let jobs = jobs(diagram, cells.clone())?;
    let trained = train_ensemble(&jobs, diagram.threads, &|_, _| {
        diagram.observe(PhaseStage::Training, cells.start)
    });
    let n_seeds = diagram.options.n_seeds;
    let losses = parallel::map(jobs.len(), BLOCK, diagram.threads, |k| {
        let objective = diagram.objective(cells.start + k / n_seeds)?;
        let Ok(trained) = &trained[k] else {
            return Ok(f64::NAN);
        };
        Ok(objective.value(&widened(trained)).value)
    })?;
    let outcomes = trained.into_iter().zip(losses);
    let outcomes = outcomes.map(|(trained, loss)| Ok((trained?, loss)));
    best(diagram, outcomes)
}

/// The lowest loss of each cell; the first seed of equals.
fn best(
    diagram: &Diagram<'_>,
    outcomes: impl ExactSizeIterator<Item = Result<(Trained, f64), TrainError>>,
) -> Result<Vec<Best>, LabError> {
    let train = &diagram.options.train;
    let n_seeds = diagram.options.n_seeds;
    let mut all = Vec::with_capacity(outcomes.len() / n_seeds);
    let mut lowest: Option<(f64, Best)> = None;
    for (k, outcome) in outcomes.enumerate() {
        let (trained, loss) = outcome?;
        if trained.stop.was_cancelled() {
            return Err(LabError::Cancelled);
        }
        let is_lower = lowest.as_ref().is_none_or(|(lowest, _)| loss < *lowest);
        if loss.is_finite() && !trained.stop.has_diverged() && is_lower {
            let (parameters, seed) = (widened(&trained), train.seed + (k % n_seeds) as u64);
            lowest = Some((loss, Best { parameters, seed }));
        }
        if (k + 1).is_multiple_of(n_seeds) {
            let (_, best) = lowest.take().ok_or_else(|| LabError::Option {
                name: "learning_rate",
                value: train.adam.learning_rate.to_string(),
                expected: "all trainings of a cell diverged; it must be smaller",
            })?;
            all.push(best);
        }
    }
    Ok(all)
}

fn widened(trained: &Trained) -> Vec<f64> {
    let parameters = trained.model.parameters().iter();
    parameters.map(|&x| x.into()).collect()
}
