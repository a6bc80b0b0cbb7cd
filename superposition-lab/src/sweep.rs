//! The sparsity sweep: the same model at several sparsities and seeds.

use std::num::NonZeroUsize;
use std::ops::ControlFlow;

use serde::Serialize;
use superposition_analysis::analyze;
use superposition_analysis::faer::{MatRef, RowRef};
use superposition_train::{Progress, StopReason, train_ensemble};

use crate::explore::toy_analysis_options;
use crate::reading::evaluate;
use crate::recipe::probability_of;
use crate::{LabError, Recipe};

/// Models of at most so many weights are kept in the document of a sweep.
const MAX_KEPT: usize = 64;

/// Most models of one sweep.
const MAX_MODELS: usize = 1_000_000;

/// What a sweep trains: `recipe` at each sparsity, with seeds `recipe.train.seed + 0, 1, ...`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SweepOptions {
    /// The model; its feature probability is replaced by `$1 - S$`.
    pub recipe: Recipe,
    /// The sparsities `$S$`.
    pub sparsities: Vec<f64>,
    /// Seeds for each.
    pub n_seeds: usize,
    /// Threads, of which each trains a model while there are more models than threads; results do
    /// not depend on it.
    pub threads: NonZeroUsize,
    /// Fresh samples for each model's loss.
    pub n_evaluation: usize,
}

impl SweepOptions {
    /// 30 features in 10 hidden dimensions at sparsities 0.5, 0.7, 0.9, 0.95 and 0.99, three
    /// seeds each, 5,000 steps of batch 256.
    #[must_use]
    pub fn quick_start() -> Self {
        let mut recipe = Recipe::quick_start();
        recipe.model.dimensions.n_features = 30;
        recipe.model.dimensions.n_hidden = 10;
        recipe.train.n_steps = 5_000;
        recipe.train.batch_size = 256;
        Self {
            recipe,
            sparsities: vec![0.5, 0.7, 0.9, 0.95, 0.99],
            n_seeds: 3,
            threads: NonZeroUsize::MIN,
            n_evaluation: 20_000,
        }
    }

    /// Checks the sparsities, the seeds and the recipe.
    ///
    /// # Errors
    /// There is no sparsity or no seed, a sparsity lies outside [0, 1], or the recipe is not valid
    /// with one of them.
    pub fn validate(&self) -> Result<(), LabError> {
        let n_models = self.sparsities.len().checked_mul(self.n_seeds);
        if !n_models.is_some_and(|n_models| (1..=MAX_MODELS).contains(&n_models)) {
            return Err(LabError::Option {
                name: "sparsities x seeds",
                value: format!("{} x {}", self.sparsities.len(), self.n_seeds),
                expected: "there must be at least one of each, and at most 1,000,000 models",
            });
        }
        if self
            .recipe
            .train
            .seed
            .checked_add(self.n_seeds as u64)
            .is_none()
        {
            return Err(LabError::Option {
                name: "seed",
                value: self.recipe.train.seed.to_string(),
                expected: "the seeds that follow it must be at most 2^64 - 1",
            });
        }
        for (k, sparsity) in self.sparsities.iter().enumerate() {
            if self.sparsities[..k].contains(sparsity) {
                return Err(LabError::Option {
                    name: "sparsity",
                    value: sparsity.to_string(),
                    expected: "each may be given once; for more models, ask for more seeds",
                });
            }
        }
        for sparsity in &self.sparsities {
            if !(0.0..=1.0).contains(sparsity) {
                return Err(LabError::Option {
                    name: "sparsity",
                    value: sparsity.to_string(),
                    expected: "it is a probability, from 0 (always active) to 1 (never)",
                });
            }
            // Not every probability makes every feature set.
            self.recipe.clone().with_sparsity(*sparsity).validate()?;
        }
        Ok(())
    }
}

/// One trained model of a sweep.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct SweepRun {
    /// Its sparsity `$S$`.
    pub sparsity: f64,
    /// Its seed.
    pub seed: u64,
    /// Why training stopped.
    pub stop: StopReason,
    /// Loss on fresh samples.
    pub loss: f64,
    /// Features with norm above 0.5.
    pub n_represented: usize,
    /// Mean `$\cos^2$` over represented features.
    pub mean_interference: f64,
    /// Mean `$D_i$`.
    pub mean_dimensionality: f64,
    /// `$\sum_i D_i$`.
    pub total_dimensionality: f64,
    /// `$D^* = m / \lVert W \rVert_F^2$`.
    pub dimensions_per_feature: Option<f64>,
    /// Smallest cosine between represented features: near -1 for antipodal pairs.
    pub min_cosine: Option<f64>,
    /// `$D_i$` of every feature.
    pub feature_dimensionality: Vec<f64>,
    /// W, m rows of n, to be looked at; none where it has more than 64 numbers.
    pub w: Option<Vec<Vec<f32>>>,
}

/// A quantity over the seeds of one sparsity.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Spread {
    /// Mean.
    pub mean: f64,
    /// Sample standard deviation; none for a single seed.
    pub std: Option<f64>,
    /// Smallest.
    pub min: f64,
    /// Largest.
    pub max: f64,
}

impl Spread {
    /// The spread of some values; none of none.
    ///
    /// ```
    /// let spread = superposition_lab::Spread::of(&[1.0, 3.0]).unwrap();
    /// assert_eq!((spread.mean, spread.min, spread.max), (2.0, 1.0, 3.0));
    /// assert_eq!(spread.std, Some(2.0_f64.sqrt()));
    /// ```
    #[must_use]
    pub fn of(values: &[f64]) -> Option<Self> {
        let n = values.len() as f64;
        let mean = crate::reading::mean(values.iter().copied())?;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        Some(Self {
            mean,
            std: (values.len() > 1).then(|| (squares / (n - 1.0)).sqrt()),
            min: values.iter().copied().fold(f64::INFINITY, f64::min),
            max: values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        })
    }
}

/// One sparsity of a sweep.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct SweepRow {
    /// `$S$`.
    pub sparsity: f64,
    /// `$p = 1 - S$`.
    pub feature_probability: f64,
    /// Seeds.
    pub n_seeds: usize,
    /// Loss on fresh samples.
    pub loss: Spread,
    /// Features represented.
    pub n_represented: Spread,
    /// Mean interference of represented features.
    pub mean_interference: Spread,
    /// Mean `$D_i$`.
    pub mean_dimensionality: Spread,
    /// `$D^*$`; none where some W is zero.
    pub dimensions_per_feature: Option<Spread>,
}

/// Whether all models of a sweep were trained.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum SweepStop {
    /// All were.
    Finished,
    /// The observer stopped it; the document has the models finished by then.
    Cancelled,
}

/// The JSON document of `superposition sweep`.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct SweepDocument {
    /// `superposition/sweep/v1`.
    pub schema: &'static str,
    /// Whether all models were trained.
    pub stop: SweepStop,
    /// What was trained; its feature probability is that of the first row.
    pub recipe: Recipe,
    /// `$1/m$`: the mean interference of random directions.
    pub mean_interference_chance: f64,
    /// A row per sparsity, over the models that did not diverge.
    pub rows: Vec<SweepRow>,
    /// Every model that did not diverge.
    pub runs: Vec<SweepRun>,
    /// The models whose loss ceased to be finite: in no statistic.
    pub diverged: Vec<DivergedRun>,
}

/// A model of a sweep whose loss ceased to be finite.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct DivergedRun {
    /// Its sparsity `$S$`.
    pub sparsity: f64,
    /// Its seed.
    pub seed: u64,
    /// The step.
    pub step: usize,
}

impl SweepDocument {
    /// Comma-separated values with a row per trained model; an undefined value is an empty cell.
    #[must_use]
    pub fn runs_csv(&self) -> String {
        use std::fmt::Write as _;
        let cell = |value: Option<f64>| value.map_or_else(String::new, |value| value.to_string());
        let mut csv = String::from(
            "sparsity,seed,loss,n_represented,mean_interference,mean_dimensionality,total_dimensionality,dimensions_per_feature,min_cosine\n",
        );
        for run in &self.runs {
            writeln!(
                csv,
                "{},{},{},{},{},{},{},{},{}",
                run.sparsity,
                run.seed,
                run.loss,
                run.n_represented,
                run.mean_interference,
                run.mean_dimensionality,
                run.total_dimensionality,
                cell(run.dimensions_per_feature),
                cell(run.min_cosine),
            )
            .expect("writing to a string");
        }
        csv
    }
}

/// Trains and measures every model of a sweep.
///
/// ```
/// use std::ops::ControlFlow;
/// use superposition_lab::{SweepOptions, sweep};
///
/// let mut options = SweepOptions::quick_start();
/// options.recipe.model.dimensions.n_features = 6;
/// options.recipe.model.dimensions.n_hidden = 3;
/// options.recipe.train.n_steps = 50;
/// options.sparsities = vec![0.5, 0.9];
/// options.n_seeds = 2;
/// let document = sweep(&options, &|_, _| ControlFlow::Continue(())).unwrap();
/// assert_eq!((document.rows.len(), document.runs.len()), (2, 4));
/// // D_i of 6 features in 3 dimensions never sum to more than 3.
/// assert!(document.runs.iter().all(|run| run.total_dimensionality < 3.0 + 1e-9));
/// ```
///
/// `observe` receives the index of the model (of sparsities x seeds) and its progress, from
/// several threads. If it stops the sweep, the models that were finished by then are measured and
/// returned, and [`SweepDocument::stop`] says so.
///
/// # Errors
/// As [`SweepOptions::validate`].
pub fn sweep(
    options: &SweepOptions,
    observe: &(dyn Fn(usize, &Progress<'_>) -> ControlFlow<()> + Sync),
) -> Result<SweepDocument, LabError> {
    options.validate()?;
    let recipes: Vec<(f64, Recipe)> = options
        .sparsities
        .iter()
        .flat_map(|&sparsity| (0..options.n_seeds).map(move |k| (sparsity, k as u64)))
        .map(|(sparsity, k)| {
            let mut recipe = options.recipe.clone().with_sparsity(sparsity);
            recipe.train.seed += k;
            (sparsity, recipe)
        })
        .collect();
    let jobs = recipes
        .iter()
        .map(|(_, recipe)| recipe.job())
        .collect::<Result<Vec<_>, _>>()?;
    let trained = train_ensemble(&jobs, options.threads, observe);

    let mut runs = Vec::with_capacity(jobs.len());
    let mut diverged = Vec::new();
    let mut stop = SweepStop::Finished;
    for (((sparsity, recipe), job), trained) in recipes.iter().zip(&jobs).zip(trained) {
        let trained = trained?;
        if trained.stop.was_cancelled() {
            stop = SweepStop::Cancelled;
            continue;
        }
        if let StopReason::Diverged { step } = trained.stop {
            diverged.push(DivergedRun {
                sparsity: *sparsity,
                seed: recipe.train.seed,
                step,
            });
            continue;
        }
        let geometry = analyze(trained.model.w(), &toy_analysis_options())?;
        // One evaluation set for all seeds of a sweep: the seed of the recipe.
        let evaluation = evaluate(
            &trained.model,
            &job.task,
            options.recipe.train.seed,
            options.n_evaluation,
        );
        runs.push(SweepRun {
            sparsity: *sparsity,
            seed: recipe.train.seed,
            stop: trained.stop,
            loss: evaluation.loss,
            n_represented: geometry.n_represented,
            mean_interference: geometry.mean_interference,
            mean_dimensionality: geometry.feature_dimensionality.mean,
            total_dimensionality: geometry.total_dimensionality,
            dimensions_per_feature: geometry.dimensions_per_feature,
            min_cosine: geometry.min_cosine.map(|pair| pair.value),
            feature_dimensionality: geometry
                .features
                .iter()
                .map(|row| row.dimensionality)
                .collect(),
            w: kept(trained.model.w()),
        });
    }
    Ok(SweepDocument {
        schema: "superposition/sweep/v1",
        stop,
        recipe: recipes[0].1.clone(),
        mean_interference_chance: 1.0 / options.recipe.model.dimensions.n_hidden as f64,
        rows: runs
            .chunk_by(|a, b| a.sparsity == b.sparsity)
            .map(row_of)
            .collect(),
        runs,
        diverged,
    })
}

/// The rows of a small W.
fn kept(w: MatRef<'_, f32>) -> Option<Vec<Vec<f32>>> {
    let row = |row: RowRef<'_, f32>| row.iter().copied().collect();
    (w.nrows() * w.ncols() <= MAX_KEPT).then(|| w.row_iter().map(row).collect())
}

fn row_of(runs: &[SweepRun]) -> SweepRow {
    let spread = |of: &dyn Fn(&SweepRun) -> f64| {
        Spread::of(&runs.iter().map(of).collect::<Vec<_>>()).expect("a row has at least one run")
    };
    let per_feature: Option<Vec<f64>> = runs.iter().map(|run| run.dimensions_per_feature).collect();
    SweepRow {
        sparsity: runs[0].sparsity,
        feature_probability: probability_of(runs[0].sparsity),
        n_seeds: runs.len(),
        loss: spread(&|run| run.loss),
        n_represented: spread(&|run| run.n_represented as f64),
        mean_interference: spread(&|run| run.mean_interference),
        mean_dimensionality: spread(&|run| run.mean_dimensionality),
        dimensions_per_feature: per_feature.and_then(|values| Spread::of(&values)),
    }
}
