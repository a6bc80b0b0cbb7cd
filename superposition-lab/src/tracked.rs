//! A training with its history, which can be stopped and gone on with.

use std::num::NonZeroUsize;
use std::ops::ControlFlow;

use superposition_train::{Progress, Trained};

use crate::training::steps_completed;
use crate::{History, LabError, Recipe, SavedTraining, Tracker};

/// How a training is watched: nothing here changes the model that comes out.
///
/// ```
/// use std::num::NonZeroUsize;
/// use superposition_lab::TrackOptions;
///
/// let options = TrackOptions::default().with_threads(NonZeroUsize::new(2).unwrap());
/// assert_eq!((options.history_every, options.threads.get()), (100, 2));
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct TrackOptions {
    /// A history row every so many steps; 100 by default.
    pub history_every: usize,
    /// Most snapshots of the weights, of which a model with many weights has fewer; 0 by default. A training that goes on
    /// keeps those of its beginning.
    pub n_snapshots: usize,
    /// Threads that make each step together, where it is long enough for that; 1 by default.
    pub threads: NonZeroUsize,
    /// What the training goes on from; none, the default, for the beginning.
    pub start: Option<SavedTraining>,
}

impl Default for TrackOptions {
    fn default() -> Self {
        Self {
            history_every: 100,
            n_snapshots: 0,
            threads: NonZeroUsize::MIN,
            start: None,
        }
    }
}

impl TrackOptions {
    /// The same with a history row every so many steps.
    #[must_use]
    pub fn with_history_every(mut self, history_every: usize) -> Self {
        self.history_every = history_every;
        self
    }

    /// The same with at most so many snapshots of the weights.
    #[must_use]
    pub fn with_snapshots(mut self, n_snapshots: usize) -> Self {
        self.n_snapshots = n_snapshots;
        self
    }

    /// The same on so many threads.
    #[must_use]
    pub fn with_threads(mut self, threads: NonZeroUsize) -> Self {
        self.threads = threads;
        self
    }

    /// The same going on from here.
    #[must_use]
    pub fn with_start(mut self, start: Option<SavedTraining>) -> Self {
        self.start = start;
        self
    }
}

/// The outcome of [`train_tracked`].
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Tracked {
    /// The model, the losses of the whole training, and why it stopped.
    pub trained: Trained,
    /// Metrics over the whole training.
    pub history: History,
    /// What the training can go on from; none unless it was cancelled.
    pub saved: Option<SavedTraining>,
}

/// Trains the recipe's model with a [`Tracker`], without reading it.
///
/// `observe` sees every step and may stop the training; what it can go on from is then in
/// [`Tracked::saved`]. Stopped and gone on with as often as you like, a training gives the same model,
/// losses and history, bit for bit. At the last step there is nothing left to stop: the training counts
/// as finished whatever `observe` says there.
///
/// ```
/// use std::ops::ControlFlow;
/// use superposition_lab::model::Dimensions;
/// use superposition_lab::train::TrainOptions;
/// use superposition_lab::{Recipe, TrackOptions, train_tracked};
///
/// let recipe = Recipe::quick_start()
///     .with_dimensions(Dimensions { n_features: 5, n_hidden: 2 })
///     .with_train(TrainOptions::default().with_n_steps(20).with_batch_size(64));
/// let options = TrackOptions::default().with_history_every(10);
/// let whole = train_tracked(&recipe, &options, &mut |_| ControlFlow::Continue(())).unwrap();
/// assert_eq!((whole.trained.losses.len(), whole.history.rows.len()), (20, 2));
///
/// let part = train_tracked(&recipe, &options, &mut |at| match at.step {
///     7 => ControlFlow::Break(()),
///     _ => ControlFlow::Continue(()),
/// })
/// .unwrap();
/// let rest = options.with_start(part.saved);
/// assert_eq!(train_tracked(&recipe, &rest, &mut |_| ControlFlow::Continue(())).unwrap(), whole);
/// ```
///
/// # Errors
/// The recipe is not valid; or the start is of another recipe or history, or does not fit the model.
pub fn train_tracked(
    recipe: &Recipe,
    options: &TrackOptions,
    observe: &mut dyn FnMut(&Progress<'_>) -> ControlFlow<()>,
) -> Result<Tracked, LabError> {
    let (mut tracker, mut losses, start) = match &options.start {
        None => {
            let tracker = Tracker::new(options.history_every);
            (
                tracker.with_snapshots(options.n_snapshots),
                Vec::new(),
                None,
            )
        }
        Some(saved) => {
            saved.check(recipe, options.history_every)?;
            let start = saved.checkpoint.clone();
            (saved.tracker.clone(), saved.losses.clone(), Some(start))
        }
    };
    let job = recipe.job()?.with_start(start);
    let loss_below = recipe.train.loss_below.unwrap_or(f64::NEG_INFINITY);
    let mut checkpoint = None;
    let mut trained = job.train(options.threads, &mut |progress| {
        tracker.observe(progress);
        let is_last = progress.step == progress.n_steps || progress.loss < loss_below;
        if observe(progress).is_continue() || is_last {
            return ControlFlow::Continue(());
        }
        checkpoint = Some(progress.checkpoint());
        ControlFlow::Break(())
    })?;
    losses.append(&mut trained.losses);
    trained.losses = losses;
    // A training that was cancelled with parameters that are not finite has diverged.
    let checkpoint = checkpoint.filter(|_| trained.stop.was_cancelled());
    Ok(Tracked {
        saved: checkpoint.map(|checkpoint| SavedTraining {
            recipe: recipe.clone(),
            checkpoint,
            losses: trained.losses.clone(),
            tracker: tracker.clone(),
        }),
        history: tracker.finish(steps_completed(&trained, &recipe.train), &trained.model),
        trained,
    })
}
