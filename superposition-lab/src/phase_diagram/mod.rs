//! `phase-diagram`: which of n = m + 1 features a toy model represents, by the importance of the extra one and by how
//! often features are active: by theory, at the exact optimum, and trained.

mod agreement;
mod figure;
mod fixed;
mod map;
mod optimum;
mod options;
mod training;

use std::fmt::Write as _;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;

use serde::Serialize;
use superposition_model::population::PopulationObjective;
use superposition_model::{Dimensions, FeatureDistribution, FeatureProbability, ToyModelConfig};

use fixed::lowest_fixed;

use crate::LabError;

pub use agreement::PhaseAgreement;
pub use map::{PhaseMap, PhaseReading, PhaseRegion};
pub use options::PhaseDiagramOptions;

pub(crate) use figure::DrawnDiagram;

pub(crate) use agreement::{compared, excess, share};
pub(crate) use optimum::untrained_optimum;

/// Cells that a thread takes at a time.
const BLOCK: usize = 16;

/// A part of the work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PhaseStage {
    /// Models are trained.
    Training,
    /// Descents lead to the exact optimum.
    Optimum,
}

/// How far a phase diagram is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PhaseProgress {
    /// In which part.
    pub stage: PhaseStage,
    /// Cells that this part has finished.
    pub n_finished: usize,
    /// Cells there are.
    pub n_cells: usize,
}

/// The JSON document of `superposition phase-diagram`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct PhaseDiagramDocument {
    /// `superposition/phase-diagram/v1`.
    pub schema: &'static str,
    /// What was asked.
    pub options: PhaseDiagramOptions,
    /// Relative importance r of the extra feature, of each column.
    pub relative_importance: Vec<f64>,
    /// Feature probability p, of each row.
    pub feature_probability: Vec<f64>,
    /// The best of the fixed weights that *Toy Models of Superposition* compares.
    pub theory: PhaseMap,
    /// The lowest loss over all W and b that was found.
    pub optimum: PhaseMap,
    /// The best of the seeds.
    pub trained: PhaseMap,
    /// The seed of each trained model.
    pub trained_seed: Vec<u64>,
    /// How far the three agree.
    pub agreement: PhaseAgreement,
}

/// Computes a phase diagram.
///
/// Of n = m + 1 features, m have importance 1 and the last, the *extra* one, has importance r; all are active with probability
/// p. In each cell of a grid over r and p, both logarithmic, there is
/// - `theory`: the lowest of the losses, in closed form, of fixed weights: the extra feature or another dropped, the extra one
///   antipodal to another, or (m = 2) two others antipodal;
/// - `optimum`: the lowest exact loss over W and b, by descent from the trained model, from fixed weights, from the triangle,
///   and from the optimum of neighbouring cells in another region;
/// - `trained`: the model of the lowest loss of those trained from some seeds: with m = 1 on the exact gradient
///   (`train_exact`), with m = 2 on samples.
///
/// The optimum starts from the trained model, so it is never above it; it is the best found, not proven lowest.
/// Results do not depend on the number of threads.
///
/// `observe` is called after every few cells, and at every step of trainings on samples, from any thread.
///
/// ```
/// use std::{num::NonZeroUsize, ops::ControlFlow};
/// use superposition_lab::model::Dimensions;
/// use superposition_lab::{PhaseDiagramOptions, PhaseRegion, phase_diagram};
///
/// // One cell: equally important features, each active with probability 1/10.
/// let mut options = PhaseDiagramOptions::new(Dimensions { n_features: 2, n_hidden: 1 });
/// options.grid = 1;
/// options.relative_importance = [0.5, 2.0];
/// options.feature_probability = [0.05, 0.2];
/// let diagram = phase_diagram(&options, NonZeroUsize::MIN, &|_| ControlFlow::Continue(())).unwrap();
/// assert_eq!(diagram.trained.region, [PhaseRegion::ExtraAntipodal]);
/// // Fixed weights lose (1 + r) p^2 / 6; the best weights and biases a little less.
/// assert!((diagram.theory.loss_sum[0] - 0.01 / 3.0).abs() < 1e-12);
/// assert!((diagram.optimum.loss_sum[0] - 0.0033195).abs() < 1e-7);
/// ```
///
/// # Errors
/// Those of [`PhaseDiagramOptions::validate`]; an option on which all trainings of a cell diverge;
/// [`LabError::Cancelled`] if `observe` ends it.
///
/// # References
/// Elhage et al. 2022, *Toy Models of Superposition*, section 3, whose fixed weights are followed; the exact optimum is
/// not in it.
pub fn phase_diagram(
    options: &PhaseDiagramOptions,
    threads: NonZeroUsize,
    observe: &(dyn Fn(&PhaseProgress) -> ControlFlow<()> + Sync),
) -> Result<PhaseDiagramDocument, LabError> {
    options.validate()?;
    let diagram = Diagram {
        relative_importance: centers(options.relative_importance, options.grid),
        feature_probability: centers(options.feature_probability, options.grid),
        options,
        threads,
        observe,
    };
    diagram.progress(PhaseStage::Training, 0)?;
    let trained = training::train(&diagram)?;
    diagram.progress(PhaseStage::Optimum, 0)?;
    let cells = optimum::cells(&diagram, &trained)?;
    let mut theory = PhaseMap::default();
    for cell in 0..diagram.n_cells() {
        let [r, p] = diagram.at(cell);
        theory.push(&lowest_fixed(options.dimensions, r, p));
    }
    let optimum: PhaseMap = cells.iter().map(|cell| cell.optimum).collect();
    let trained_map: PhaseMap = cells.iter().map(|cell| cell.trained).collect();
    let agreement = PhaseAgreement::new(&theory, &optimum, &trained_map);
    Ok(PhaseDiagramDocument {
        schema: "superposition/phase-diagram/v1",
        options: options.clone(),
        relative_importance: diagram.relative_importance,
        feature_probability: diagram.feature_probability,
        theory,
        optimum,
        trained: trained_map,
        trained_seed: trained.iter().map(|best| best.seed).collect(),
        agreement,
    })
}

impl PhaseDiagramDocument {
    /// Comma-separated values with a row per cell; an undefined cosine is an empty cell.
    #[must_use]
    pub fn to_csv(&self) -> String {
        let maps = [
            ("theory", &self.theory),
            ("optimum", &self.optimum),
            ("trained", &self.trained),
        ];
        let mut csv = String::from("relative_importance,feature_probability");
        for (name, _) in maps {
            for column in [
                "region",
                "loss",
                "loss_sum",
                "extra_norm",
                "extra_cosine",
                "extra_superposition",
            ] {
                write!(csv, ",{name}_{column}").expect("writing to a string");
            }
        }
        csv.push_str(",trained_seed\n");
        let columns = self.relative_importance.len();
        for (cell, seed) in self.trained_seed.iter().enumerate() {
            let (r, p) = (
                self.relative_importance[cell % columns],
                self.feature_probability[cell / columns],
            );
            write!(csv, "{r},{p}").expect("writing to a string");
            for (_, map) in maps {
                let reading = map.reading(cell);
                let cosine = reading
                    .extra_cosine
                    .map_or(String::new(), |c| c.to_string());
                write!(
                    csv,
                    ",{},{},{},{},{cosine},{}",
                    reading.region.key(),
                    reading.loss,
                    reading.loss_sum,
                    reading.extra_norm,
                    reading.extra_superposition
                )
                .expect("writing to a string");
            }
            writeln!(csv, ",{seed}").expect("writing to a string");
        }
        csv
    }

    /// The three diagrams side by side as SVG, with the boundaries between the fixed weights.
    #[must_use]
    pub fn to_svg(&self) -> String {
        DrawnDiagram::of(self).figure().render()
    }
}

/// What is computed, where, and by whom.
struct Diagram<'a> {
    relative_importance: Vec<f64>,
    feature_probability: Vec<f64>,
    options: &'a PhaseDiagramOptions,
    threads: NonZeroUsize,
    observe: &'a (dyn Fn(&PhaseProgress) -> ControlFlow<()> + Sync),
}

impl Diagram<'_> {
    fn n_cells(&self) -> usize {
        self.relative_importance.len() * self.feature_probability.len()
    }

    /// r and p of a cell; row after row, beginning at the lowest p.
    fn at(&self, cell: usize) -> [f64; 2] {
        let columns = self.relative_importance.len();
        [
            self.relative_importance[cell % columns],
            self.feature_probability[cell / columns],
        ]
    }

    fn objective(&self, cell: usize) -> Result<PopulationObjective, LabError> {
        objective(self.options.dimensions, self.at(cell))
    }

    fn observe(&self, stage: PhaseStage, n_finished: usize) -> ControlFlow<()> {
        (self.observe)(&PhaseProgress {
            stage,
            n_finished,
            n_cells: self.n_cells(),
        })
    }

    fn progress(&self, stage: PhaseStage, n_finished: usize) -> Result<(), LabError> {
        match self.observe(stage, n_finished) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(LabError::Cancelled),
        }
    }
}

/// Importances of all features: r of the last, 1 of the others.
fn importance(n_features: usize, r: f64) -> Vec<f64> {
    let mut importance = vec![1.0; n_features];
    importance[n_features - 1] = r;
    importance
}

/// The exact loss of a cell.
fn objective(dimensions: Dimensions, [r, p]: [f64; 2]) -> Result<PopulationObjective, LabError> {
    let n = dimensions.n_features;
    let distribution = FeatureDistribution::new(n, &FeatureProbability::Same(p))?;
    let config = ToyModelConfig::new(dimensions);
    Ok(PopulationObjective::new(
        config,
        distribution,
        &importance(n, r),
    )?)
}

/// The edges of cells that divide a range, in equal ratios.
fn edges([low, high]: [f64; 2], n: usize) -> Vec<f64> {
    let edge = |k: usize| low * (high / low).powf(k as f64 / n as f64);
    (0..=n).map(edge).collect()
}

/// Their geometric centres.
fn centers([low, high]: [f64; 2], n: usize) -> Vec<f64> {
    let center = |k: usize| low * (high / low).powf((k as f64 + 0.5) / n as f64);
    (0..n).map(center).collect()
}
