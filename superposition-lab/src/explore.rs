//! `explore`: train a toy model, then read it.

use std::ops::ControlFlow;

use superposition_analysis::AnalysisOptions;
use superposition_probe::{PolysemanticityOptions, ProbeOptions};
use superposition_train::{Progress, StopReason, Trained};

use crate::reading::{Reading, read_trained};
use crate::{ExplorationDocument, History, LabError, Recipe, Tracker, TrainingSummary};

/// A feature of a toy model counts as represented when its norm is above this.
///
/// Trained features sit near norm 1 or near 0; dead ones shrink but are never exactly 0.
pub const TOY_MIN_NORM: f64 = 0.5;

/// Analysis options for toy models: `min_norm` is [`TOY_MIN_NORM`].
#[must_use]
pub fn toy_analysis_options() -> AnalysisOptions {
    AnalysisOptions::default().with_min_norm(TOY_MIN_NORM)
}

/// What `explore` does: which model, and how it is read afterwards.
///
/// ```
/// let options = superposition_lab::ExploreOptions::quick_start();
/// assert_eq!(options.recipe.train.n_steps, 10_000);
/// assert_eq!(options.analysis.min_norm, 0.5);
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ExploreOptions {
    /// The model and its training.
    pub recipe: Recipe,
    /// A history row every so many steps.
    pub history_every: usize,
    /// Geometry: represented norm, cluster threshold, threads.
    pub analysis: AnalysisOptions,
    /// Linear probes.
    pub probe: ProbeOptions,
    /// Neurons.
    pub polysemanticity: PolysemanticityOptions,
    /// Samples that probes and neurons are read on.
    pub n_samples: usize,
    /// Fresh samples that the final loss is evaluated on.
    pub n_evaluation: usize,
    /// Random rotations of the hidden space that neuron numbers are compared with.
    pub n_rotations: usize,
}

impl ExploreOptions {
    /// The default experiment, [`Recipe::quick_start`], read on 20,000 samples.
    #[must_use]
    pub fn quick_start() -> Self {
        Self {
            recipe: Recipe::quick_start(),
            history_every: 100,
            analysis: toy_analysis_options(),
            probe: ProbeOptions::default(),
            polysemanticity: PolysemanticityOptions::default(),
            n_samples: 20_000,
            n_evaluation: 100_000,
            n_rotations: 20,
        }
    }

    /// The same reading of another experiment.
    #[must_use]
    pub fn with_recipe(mut self, recipe: Recipe) -> Self {
        self.recipe = recipe;
        self
    }
}

/// A trained model with its history and, unless training was cancelled or diverged, its reading.
#[derive(Debug)]
#[non_exhaustive]
pub struct Exploration {
    /// What was run.
    pub recipe: Recipe,
    /// The model, the loss of every step, and why training stopped.
    pub trained: Trained,
    /// Metrics over training.
    pub history: History,
    /// The analysis; none when training was cancelled or diverged.
    pub reading: Option<Reading>,
}

impl Exploration {
    /// The JSON document of `superposition explore`.
    #[must_use]
    pub fn document(&self) -> ExplorationDocument<'_> {
        ExplorationDocument {
            schema: "superposition/exploration/v1",
            training: TrainingSummary::new(&self.trained),
            recipe: &self.recipe,
            reading: self.reading.as_ref(),
        }
    }
}

/// Trains the recipe's model with a [`Tracker`], without reading it.
///
/// # Errors
/// The recipe is not valid.
pub fn train_tracked(
    recipe: &Recipe,
    history_every: usize,
    observe: &mut dyn FnMut(&Progress<'_>) -> ControlFlow<()>,
) -> Result<(Trained, History), LabError> {
    let mut tracker = Tracker::new(history_every);
    let trained = recipe.train(&mut |progress| {
        tracker.observe(progress);
        observe(progress)
    })?;
    let history = tracker.finish(trained.losses.len(), &trained.model);
    Ok((trained, history))
}

/// Trains a toy model, analyses its geometry, probes every feature, reads its neurons.
///
/// `observe` sees every training step and may stop the run; what was trained until then is
/// returned, without a reading.
///
/// # Errors
/// The recipe or an option is not valid. Divergence is not an error: see
/// [`Trained::stop`](superposition_train::Trained).
pub fn explore(
    options: &ExploreOptions,
    observe: &mut dyn FnMut(&Progress<'_>) -> ControlFlow<()>,
) -> Result<Exploration, LabError> {
    let (trained, history) = train_tracked(&options.recipe, options.history_every, observe)?;
    let reading = match trained.stop {
        StopReason::Cancelled { .. } | StopReason::Diverged { .. } => None,
        _ => Some(read_trained(&trained.model, options)?),
    };
    Ok(Exploration {
        recipe: options.recipe.clone(),
        trained,
        history,
        reading,
    })
}
