//! The documents of a training: `train`, and the first part of `explore`.

use serde::Serialize;
use superposition_train::{StopReason, Trained};

use crate::explore::toy_analysis_options;
use crate::reading::{Evaluation, Reading, evaluate, mean};
use crate::{History, HistoryRow, LabError, Recipe};
use superposition_analysis::{DictionaryReport, analyze};

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
    /// Mean batch loss of the last 100 steps (or all, if fewer): batch losses are noisy.
    pub last_loss: Option<f64>,
}

impl TrainingSummary {
    pub(crate) fn new(trained: &Trained) -> Self {
        let losses = &trained.losses;
        let tail = &losses[losses.len().saturating_sub(100)..];
        Self {
            stop: trained.stop,
            steps: losses.len(),
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
    /// Loss on 100,000 fresh samples.
    pub evaluation: Evaluation,
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
        Ok(Self {
            schema: "superposition/training/v1",
            recipe: recipe.clone(),
            training: TrainingSummary::new(trained),
            evaluation: evaluate(
                &trained.model,
                &task.distribution,
                &task.importance,
                recipe.train.seed,
                100_000,
            ),
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
    /// The analysis; none when training was cancelled or diverged.
    #[serde(flatten)]
    pub reading: Option<&'a Reading>,
}
