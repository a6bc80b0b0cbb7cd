//! The documents of a training: `train`, and the first part of `explore`.

use serde::Serialize;
use superposition_analysis::{DictionaryReport, analyze};
use superposition_train::{StopReason, TrainOptions, Trained};

use crate::explore::toy_analysis_options;
use crate::reading::{Evaluation, PopulationLossSummary, Reading, evaluate, mean};
use crate::{ExploreOptions, History, HistoryRow, LabError, Recipe};

/// How a training went.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct TrainingSummary {
    /// Why it stopped.
    pub stop: StopReason,
    /// Steps completed.
    pub steps: usize,
    /// Batch loss of the first step.
    pub first_loss: Option<f64>,
    /// Mean of the last 100 recorded batch losses (or all, if fewer): batch losses are noisy.
    pub last_loss: Option<f64>,
    /// Smallest batch loss, and its step; none where no loss was finite.
    pub lowest_loss: Option<StepLoss>,
    /// Largest batch loss, and its step; none where no loss was finite.
    pub highest_loss: Option<StepLoss>,
}

/// A batch loss and the step it belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct StepLoss {
    /// The step, from 1.
    pub step: usize,
    /// Its batch loss.
    pub loss: f64,
}

/// Steps with an update: the step at which a loss was not finite has none.
pub(crate) fn steps_completed(trained: &Trained, options: &TrainOptions) -> usize {
    match trained.stop {
        StopReason::Finished => options.n_steps,
        StopReason::LossBelow { step } | StopReason::Cancelled { step } => step,
        StopReason::Diverged { step } => {
            let updated = trained.losses.last().is_none_or(|loss| loss.is_finite());
            step - usize::from(!updated)
        }
    }
}

impl TrainingSummary {
    pub(crate) fn new(trained: &Trained, options: &TrainOptions) -> Self {
        let losses = &trained.losses;
        let tail = &losses[losses.len().saturating_sub(100)..];
        // The first of equal ones, as in the plot.
        let extreme = |better: fn(f32, f32) -> bool| {
            let finite = losses
                .iter()
                .enumerate()
                .filter(|(_, loss)| loss.is_finite());
            finite
                .reduce(|best, next| if better(*next.1, *best.1) { next } else { best })
                .map(|(k, &loss)| StepLoss {
                    step: k * options.loss_every + 1,
                    loss: f64::from(loss),
                })
        };
        Self {
            stop: trained.stop,
            lowest_loss: extreme(|a, b| a < b),
            highest_loss: extreme(|a, b| a > b),
            steps: steps_completed(trained, options),
            first_loss: losses.first().map(|&loss| f64::from(loss)),
            last_loss: mean(tail.iter().map(|&loss| f64::from(loss))),
        }
    }
}

/// The JSON document of `superposition train`.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct TrainingDocument {
    /// `superposition/training/v1`.
    pub schema: &'static str,
    /// What was trained.
    pub recipe: Recipe,
    /// How it went.
    pub training: TrainingSummary,
    /// Loss on fresh samples.
    pub evaluation: Evaluation,
    /// Loss over the whole distribution.
    pub population_loss: PopulationLossSummary,
    /// The geometry of W.
    pub geometry: DictionaryReport,
    /// Loss and geometry over training.
    pub history: Vec<HistoryRow>,
}

impl TrainingDocument {
    /// Evaluates and analyses a trained model.
    ///
    /// # Errors
    /// The recipe is not valid, or a parameter is not finite.
    pub fn new(recipe: &Recipe, trained: &Trained, history: &History) -> Result<Self, LabError> {
        let task = recipe.task()?;
        let evaluation = evaluate(
            &trained.model,
            &task,
            recipe.train.seed,
            ExploreOptions::quick_start().n_evaluation,
        );
        Ok(Self {
            schema: "superposition/training/v1",
            recipe: recipe.clone(),
            training: TrainingSummary::new(trained, &recipe.train),
            population_loss: PopulationLossSummary::new(&trained.model, &task, &evaluation)?,
            evaluation,
            geometry: analyze(trained.model.w(), &toy_analysis_options())?,
            history: history.rows.clone(),
        })
    }
}

/// The JSON document of `superposition explore`.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct ExplorationDocument<'a> {
    /// `superposition/exploration/v1`.
    pub schema: &'static str,
    /// What was trained.
    pub recipe: &'a Recipe,
    /// How it went.
    pub training: TrainingSummary,
    /// Loss and geometry over training.
    pub history: &'a [HistoryRow],
    /// The analysis; none when training was cancelled or diverged.
    #[serde(flatten)]
    pub reading: Option<&'a Reading>,
}
