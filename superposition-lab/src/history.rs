//! Metrics over training: what the Python library's `SuperpositionTracker` logs, with the right
//! formulas.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use superposition_analysis::analyze;
use superposition_model::ToyModel;
use superposition_train::Progress;

use crate::Snapshots;
use crate::explore::toy_analysis_options;

/// One row of a [`History`]: the loss since the row before, and the geometry at this step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct HistoryRow {
    /// Steps completed.
    pub step: usize,
    /// Mean batch loss since the row before.
    pub loss: f64,
    /// Smallest batch loss since the row before.
    pub loss_min: f64,
    /// Largest batch loss since the row before: spikes stay visible.
    pub loss_max: f64,
    /// Features with norm above [`TOY_MIN_NORM`](crate::TOY_MIN_NORM).
    pub n_represented: usize,
    /// Mean norm over all features.
    pub mean_norm: f64,
    /// Mean `$\cos^2$` over ordered pairs of represented features.
    pub mean_interference: f64,
    /// `$\sum_i D_i$`, at most the rank of W.
    pub total_dimensionality: f64,
    /// `$D^* = m / \lVert W \rVert_F^2$`; none for W = 0.
    pub dimensions_per_feature: Option<f64>,
}

/// Rows of metrics at chosen steps of a training run; made by a [`Tracker`].
///
/// ```
/// let nothing = superposition_lab::History::default().to_csv();
/// assert!(nothing.starts_with("step,loss,loss_min,loss_max,n_represented,"));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct History {
    /// In order of steps.
    pub rows: Vec<HistoryRow>,
    /// The weights at some steps, if they were asked for.
    #[serde(default)]
    pub snapshots: Snapshots,
}

impl History {
    /// Comma-separated values with a header; an undefined value is an empty cell.
    #[must_use]
    pub fn to_csv(&self) -> String {
        let mut csv = String::from(
            "step,loss,loss_min,loss_max,n_represented,mean_norm,mean_interference,total_dimensionality,dimensions_per_feature\n",
        );
        for row in &self.rows {
            let per_feature = row
                .dimensions_per_feature
                .map_or_else(String::new, |d| d.to_string());
            writeln!(
                csv,
                "{},{},{},{},{},{},{},{},{}",
                row.step,
                row.loss,
                row.loss_min,
                row.loss_max,
                row.n_represented,
                row.mean_norm,
                row.mean_interference,
                row.total_dimensionality,
                per_feature
            )
            .expect("writing to a string");
        }
        csv
    }
}

/// Records a [`History`] while a model trains: call [`Tracker::observe`] at every step.
///
/// A row is recorded every `every` steps and at the last one. Between rows only the loss is
/// touched, so tracking costs nothing at other steps.
///
/// ```
/// use std::num::NonZeroUsize;
/// use std::ops::ControlFlow;
/// use superposition_lab::{Recipe, Tracker};
/// use superposition_model::Dimensions;
/// use superposition_train::TrainOptions;
///
/// let recipe = Recipe::quick_start()
///     .with_dimensions(Dimensions { n_features: 5, n_hidden: 2 })
///     .with_train(TrainOptions::default().with_n_steps(25).with_batch_size(64));
/// let mut tracker = Tracker::new(10);
/// recipe
///     .train(NonZeroUsize::MIN, &mut |progress| {
///         tracker.observe(progress);
///         ControlFlow::Continue(())
///     })
///     .unwrap();
/// let steps: Vec<usize> = tracker.into_history().rows.iter().map(|row| row.step).collect();
/// assert_eq!(steps, [10, 20, 25]);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tracker {
    every: usize,
    /// The losses since the last row; none right after a row.
    window: Option<LossWindow>,
    history: History,
    /// Most snapshots that are kept.
    #[serde(default)]
    n_snapshots: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct LossWindow {
    count: usize,
    sum: f64,
    min: f64,
    max: f64,
}

impl LossWindow {
    const EMPTY: Self = Self {
        count: 0,
        sum: 0.0,
        min: f64::INFINITY,
        max: f64::NEG_INFINITY,
    };
}

impl Tracker {
    /// A tracker that records a row every `every` steps (0 is read as 1).
    #[must_use]
    pub fn new(every: usize) -> Self {
        Self {
            every: every.max(1),
            window: None,
            history: History::default(),
            n_snapshots: 0,
        }
    }

    /// The same keeping at most so many [`Snapshots`].
    #[must_use]
    pub fn with_snapshots(mut self, n_snapshots: usize) -> Self {
        self.n_snapshots = n_snapshots;
        self
    }

    /// Takes in one step.
    pub fn observe(&mut self, progress: &Progress<'_>) {
        let window = self.window.get_or_insert(LossWindow::EMPTY);
        window.count += 1;
        window.sum += progress.loss;
        window.min = window.min.min(progress.loss);
        window.max = window.max.max(progress.loss);
        if progress.step.is_multiple_of(self.every) || progress.step == progress.n_steps {
            self.record(progress.step, progress.model);
        }
        let n_values = progress.model.parameters().len();
        if Snapshots::is_at(progress.step, progress.n_steps, self.n_snapshots, n_values) {
            self.history.snapshots.push(progress.step, progress.model);
        }
    }

    /// Records a row for the steps since the last one, if there are any: for a run that was
    /// stopped between rows.
    #[must_use]
    pub fn finish(mut self, step: usize, model: &ToyModel) -> History {
        self.record(step, model);
        self.history
    }

    /// The rows recorded so far.
    #[must_use]
    pub fn into_history(self) -> History {
        self.history
    }

    /// Steps between two rows.
    pub(crate) fn every(&self) -> usize {
        self.every
    }

    fn record(&mut self, step: usize, model: &ToyModel) {
        let Some(window) = self.window.take() else {
            return;
        };
        // A model that diverged has no geometry: the run's stop reason says so.
        let Ok(geometry) = analyze(model.w(), &toy_analysis_options()) else {
            return;
        };
        self.history.rows.push(HistoryRow {
            step,
            loss: window.sum / window.count as f64,
            loss_min: window.min,
            loss_max: window.max,
            n_represented: geometry.n_represented,
            mean_norm: geometry.feature_norms.mean,
            mean_interference: geometry.mean_interference,
            total_dimensionality: geometry.total_dimensionality,
            dimensions_per_feature: geometry.dimensions_per_feature,
        });
    }
}
