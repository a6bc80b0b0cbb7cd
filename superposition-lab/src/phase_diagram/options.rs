//! What a phase diagram is asked for.

use serde::Serialize;
use superposition_model::Dimensions;
use superposition_train::{AdamConfig, Decay, Schedule, TrainOptions};

use crate::LabError;

/// Cells along a side at most, where models are trained on the exact gradient, and on samples.
const MAX_GRID: usize = 1024;
const MAX_GRID_ON_SAMPLES: usize = 128;
/// Trained models at most.
const MAX_MODELS: usize = 1 << 24;
/// The largest importance, and the inverse of the smallest; and the lowest probability. Further away a loss comes near the 1e-12
/// that the exact one may be off by.
const MAX_IMPORTANCE: f64 = 1e3;
const MIN_PROBABILITY: f64 = 1e-4;

/// What a phase diagram is asked for.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct PhaseDiagramOptions {
    /// Features and hidden dimensions: 2 and 1, or 3 and 2.
    pub dimensions: Dimensions,
    /// Cells along each side.
    pub grid: usize,
    /// The lowest and the highest relative importance r of the extra feature, the edges of the outermost cells; each cell
    /// has the importance of its centre, in the logarithm.
    pub relative_importance: [f64; 2],
    /// The lowest and the highest feature probability p, likewise.
    pub feature_probability: [f64; 2],
    /// Models trained in each cell.
    pub n_seeds: usize,
    /// How they are trained; its seed is the first one. `loss_every` does not enter.
    pub train: TrainOptions,
}

impl PhaseDiagramOptions {
    /// 32 x 32 cells, r from 0.1 to 10, p from 0.01 to 1, ten seeds from 0; trained with Adam at a rate that goes to 0 along
    /// half a cosine: 400 steps from 0.05 where the gradient is exact, 1,500 steps of 1,024 samples from 0.01 where it is not.
    #[must_use]
    pub fn new(dimensions: Dimensions) -> Self {
        let (n_steps, learning_rate) = match dimensions.n_hidden {
            1 => (400, 0.05),
            _ => (1500, 0.01),
        };
        let train = TrainOptions::default()
            .with_n_steps(n_steps)
            .with_adam(AdamConfig::default().with_learning_rate(learning_rate))
            .with_schedule(Schedule::default().with_decay(Decay::Cosine { last: 0.0 }));
        Self {
            dimensions,
            grid: 32,
            relative_importance: [0.1, 10.0],
            feature_probability: [0.01, 1.0],
            n_seeds: 10,
            train,
        }
    }

    /// Whether models are trained on the exact gradient.
    pub(super) fn is_exact(&self) -> bool {
        self.dimensions.n_hidden == 1
    }

    /// Checks every value but those of `train`, which training itself checks.
    ///
    /// # Errors
    /// [`LabError::Option`] names the value, with what would be right: dimensions other than 2 and 1 or 3 and 2; a grid
    /// of 0, or of more than 1,024 (128 where models are trained on samples); no seeds, or more than 2^24 models in all; a range
    /// that is empty, or not within 1e-3 to 1e3 for r and 1e-4 to 1 for p.
    pub fn validate(&self) -> Result<(), LabError> {
        let wrong = |name, value: String, expected| {
            Err(LabError::Option {
                name,
                value,
                expected,
            })
        };
        let Dimensions {
            n_features,
            n_hidden,
        } = self.dimensions;
        if !matches!((n_features, n_hidden), (2, 1) | (3, 2)) {
            return wrong(
                "(n_features, n_hidden)",
                format!("({n_features}, {n_hidden})"),
                "a phase diagram is for one feature more than dimensions: (2, 1) or (3, 2)",
            );
        }
        let (most, expected) = match self.is_exact() {
            true => (MAX_GRID, "it must be from 1 to 1024"),
            false => (
                MAX_GRID_ON_SAMPLES,
                "it must be from 1 to 128 where models are trained on samples",
            ),
        };
        if !(1..=most).contains(&self.grid) {
            return wrong("grid", self.grid.to_string(), expected);
        }
        let n_models = (self.grid * self.grid).saturating_mul(self.n_seeds);
        if n_models == 0 || n_models > MAX_MODELS {
            return wrong(
                "n_seeds",
                self.n_seeds.to_string(),
                "it must be at least 1, and all cells together must not have more than 2^24 models",
            );
        }
        if self.train.seed.checked_add(self.n_seeds as u64).is_none() {
            return wrong(
                "seed",
                self.train.seed.to_string(),
                "the seeds that follow it must be below 2^64",
            );
        }
        let within = |[low, high]: [f64; 2], least: f64, most: f64| {
            least <= low && low < high && high <= most
        };
        let text = |[low, high]: [f64; 2]| format!("{low} to {high}");
        if !within(
            self.relative_importance,
            1.0 / MAX_IMPORTANCE,
            MAX_IMPORTANCE,
        ) {
            return wrong(
                "relative_importance",
                text(self.relative_importance),
                "it must go from a lower to a higher value, from 1e-3 to 1e3",
            );
        }
        if !within(self.feature_probability, MIN_PROBABILITY, 1.0) {
            return wrong(
                "feature_probability",
                text(self.feature_probability),
                "it must go from a lower to a higher value, from 1e-4 to 1",
            );
        }
        Ok(())
    }
}
