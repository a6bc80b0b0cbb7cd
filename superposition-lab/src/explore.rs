//! `explore`: train a toy model, then read it.

use std::num::NonZeroUsize;
use std::ops::ControlFlow;

use superposition_analysis::{AnalysisOptions, PolytopeOptions};
use superposition_probe::{PolysemanticityOptions, ProbeOptions};
use superposition_train::{Progress, StopReason, Trained};

use crate::reading::{Reading, read_trained};
use crate::{
    ExplorationDocument, History, LabError, Recipe, SavedTraining, TrackOptions, Tracked,
    TrainingSummary, train_tracked,
};

/// A feature of a toy model counts as represented when its norm is above this.
///
/// Trained features sit near norm 1 or near 0; dead ones shrink but are never exactly 0.
pub const TOY_MIN_NORM: f64 = 0.5;

/// Most values of the dense batch that probes are fitted on.
const MAX_BATCH_VALUES: usize = 1 << 28;

/// Most rows of a history: a longer training has them further apart.
const MAX_HISTORY_ROWS: usize = 10_000;

/// Analysis options for toy models: `min_norm` is [`TOY_MIN_NORM`].
#[must_use]
pub fn toy_analysis_options() -> AnalysisOptions {
    AnalysisOptions::default().with_min_norm(TOY_MIN_NORM)
}

/// How polytopes of toy models are named: `min_norm` is [`TOY_MIN_NORM`].
///
/// An untrained model has no norms near 0 or near 1, so all its features count:
/// [`PolytopeOptions::default`] is the one for it.
#[must_use]
pub fn toy_polytope_options() -> PolytopeOptions {
    PolytopeOptions::default().with_min_norm(TOY_MIN_NORM)
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
    /// How the training is watched, on how many threads, and from where it goes on.
    pub tracking: TrackOptions,
    /// Geometry: represented norm, cluster threshold, threads.
    pub analysis: AnalysisOptions,
    /// Linear probes.
    pub probe: ProbeOptions,
    /// Neurons.
    pub polysemanticity: PolysemanticityOptions,
    /// Samples that probes and neurons are read on.
    pub n_samples: usize,
    /// Fresh samples that the final loss is evaluated on: 20,000 by default, a check of the
    /// population loss.
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
            tracking: TrackOptions::default().with_snapshots(60),
            analysis: toy_analysis_options(),
            probe: ProbeOptions::default(),
            polysemanticity: PolysemanticityOptions::default(),
            n_samples: 20_000,
            n_evaluation: 20_000,
            n_rotations: 20,
        }
    }

    /// The same reading of another experiment, on fewer samples where a dense batch of them would
    /// hold more than 2^28 values (1 GiB), and with at most 10,000 rows of history.
    #[must_use]
    pub fn with_recipe(mut self, recipe: Recipe) -> Self {
        let most = MAX_BATCH_VALUES / recipe.model.dimensions.n_features.max(1);
        self.n_samples = self.n_samples.min(most.max(100));
        let every = recipe.train.n_steps.div_ceil(MAX_HISTORY_ROWS);
        self.tracking.history_every = self.tracking.history_every.max(every);
        self.recipe = recipe;
        self
    }

    /// The same on so many threads; the results do not depend on it.
    #[must_use]
    pub fn with_threads(mut self, threads: NonZeroUsize) -> Self {
        self.tracking.threads = threads;
        self.analysis.threads = threads.get();
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
    /// What the training can go on from; none unless it was cancelled.
    pub saved: Option<SavedTraining>,
    /// The analysis; none when training was cancelled or diverged.
    pub reading: Option<Reading>,
}

impl Exploration {
    /// Reads a model trained by [`train_tracked`] with the recipe of `options`.
    ///
    /// A model whose training was cancelled or diverged is not read.
    ///
    /// # Errors
    /// An option of the reading is not valid.
    pub fn new(options: &ExploreOptions, tracked: Tracked) -> Result<Self, LabError> {
        let Tracked {
            trained,
            history,
            saved,
        } = tracked;
        let reading = match trained.stop {
            StopReason::Cancelled { .. } | StopReason::Diverged { .. } => None,
            _ => Some(read_trained(&trained.model, options)?),
        };
        Ok(Self {
            recipe: options.recipe.clone(),
            trained,
            history,
            saved,
            reading,
        })
    }

    /// The JSON document of `superposition explore`.
    #[must_use]
    pub fn document(&self) -> ExplorationDocument<'_> {
        ExplorationDocument {
            schema: "superposition/exploration/v1",
            training: TrainingSummary::new(&self.trained, &self.recipe.train),
            recipe: &self.recipe,
            history: &self.history.rows,
            reading: self.reading.as_ref(),
        }
    }
}

/// Trains a toy model, analyses its geometry, probes every feature, reads its neurons.
///
/// ```
/// use std::ops::ControlFlow;
/// use superposition_lab::model::Dimensions;
/// use superposition_lab::train::TrainOptions;
/// use superposition_lab::{ExploreOptions, Recipe, explore};
///
/// let recipe = Recipe::quick_start()
///     .with_dimensions(Dimensions { n_features: 6, n_hidden: 3 })
///     .with_train(TrainOptions::default().with_n_steps(100).with_batch_size(64));
/// let mut options = ExploreOptions::quick_start().with_recipe(recipe);
/// options.n_samples = 1_000;
/// options.n_evaluation = 1_000;
/// let exploration = explore(&options, &mut |_| ControlFlow::Continue(())).unwrap();
/// // The mean R^2 of linear probes is near rank / n = 3 / 6, whatever was learned.
/// let probes = exploration.reading.unwrap().probes;
/// assert!((probes.mean_r_squared.unwrap() - 0.5).abs() < 0.1);
/// ```
///
/// `observe` sees every training step and may stop the run; what was trained until then is
/// returned, without a reading, and with what the training can go on from.
///
/// # Errors
/// The recipe or an option is not valid, or the start is of another training. Divergence is not an error: see
/// [`Trained::stop`](superposition_train::Trained).
pub fn explore(
    options: &ExploreOptions,
    observe: &mut dyn FnMut(&Progress<'_>) -> ControlFlow<()>,
) -> Result<Exploration, LabError> {
    let tracked = train_tracked(&options.recipe, &options.tracking, observe)?;
    Exploration::new(options, tracked)
}
