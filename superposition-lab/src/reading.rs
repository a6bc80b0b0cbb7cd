//! Reading a trained model: its held-out loss, the geometry of W, what a linear probe finds, what
//! its neurons respond to.

use std::num::NonZeroUsize;
use std::panic::resume_unwind;
use std::thread;

use serde::Serialize;
use superposition_analysis::{DictionaryReport, analyze, feature_superposition, leverage, rank};
use superposition_model::{Hidden, Magnitude, ToyModel};
use superposition_probe::{
    Polysemanticity, ProbeResult, RotationBaseline, compare_direction, feature_coverage,
    polysemanticity, polysemanticity_under_rotation, probe_all_features, r_squared,
};
use superposition_train::{Stream, Task};

use crate::{ExploreOptions, LabError};

/// Samples per block of the evaluation set; each block has its own stream.
const EVALUATION_BLOCK: usize = 1_000;

/// The loss on fresh samples.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Evaluation {
    /// Samples.
    pub n_samples: usize,
    /// Mean over samples and features of `$I_i (y_i - x'_i)^2$`, where y is what the outputs are to be.
    pub loss: f64,
    /// Standard error of that mean, over blocks of 1,000 samples; none for a single block.
    pub standard_error: Option<f64>,
}

/// Most features whose population loss is computed: its time grows with their square.
const MAX_POPULATION_FEATURES: usize = 2_000;

/// The accuracy asked of the population loss, relative to the loss itself.
const POPULATION_ACCURACY: f64 = 1e-6;

/// The loss over the whole distribution, without samples.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct PopulationLossSummary {
    /// The expected loss; none where it is not known.
    pub value: Option<f64>,
    /// An estimate from above of its absolute error.
    pub error: Option<f64>,
    /// Why there is no value; none where there is one.
    pub reason: Option<&'static str>,
}

impl PopulationLossSummary {
    /// The population loss of a model, to about a millionth of its loss on fresh samples.
    ///
    /// It takes time proportional to the square of the number of features: beyond 2,000 it is left
    /// out; so it is for ReLU hidden layers, where it is not known.
    ///
    /// ```
    /// use superposition_lab::model::{Dimensions, FeatureDistribution, FeatureProbability, ToyModel, ToyModelConfig};
    /// use superposition_lab::train::Task;
    /// use superposition_lab::{PopulationLossSummary, evaluate};
    ///
    /// // An antipodal pair is off by the smaller of two active features: p^2 / 6.
    /// let config = ToyModelConfig::new(Dimensions { n_features: 2, n_hidden: 1 });
    /// let model = ToyModel::new(config, vec![1.0, -1.0, 0.0, 0.0]).unwrap();
    /// let distribution = FeatureDistribution::new(2, &FeatureProbability::Same(0.1)).unwrap();
    /// let task = Task::new(distribution, vec![1.0, 1.0]).unwrap();
    /// let sampled = evaluate(&model, &task, 0, 20_000);
    /// let exact = PopulationLossSummary::new(&model, &task, &sampled).unwrap();
    /// assert!((exact.value.unwrap() - 0.01 / 6.0).abs() < 1e-8);
    /// assert!((sampled.loss - 0.01 / 6.0).abs() < 5.0 * sampled.standard_error.unwrap());
    /// ```
    ///
    /// # Panics
    /// If the task has not as many features as the model.
    ///
    /// # Errors
    /// A parameter is not finite.
    pub fn new(model: &ToyModel, task: &Task, sampled: &Evaluation) -> Result<Self, LabError> {
        let unknown = |reason| Self {
            value: None,
            error: None,
            reason: Some(reason),
        };
        if model.dimensions().n_features > MAX_POPULATION_FEATURES {
            return Ok(unknown(
                "it takes time proportional to the square of the features: computed up to 2,000",
            ));
        }
        if model.config().hidden != Hidden::Linear {
            return Ok(unknown("it is known for linear hidden layers alone"));
        }
        if task.distribution.magnitude() != Magnitude::Unit {
            return Ok(unknown(
                "it is known for features that are uniform within 0 and 1 alone",
            ));
        }
        // What a model that reconstructs nothing loses: a scale where the sampled loss is 0.
        let nothing = task
            .importance
            .iter()
            .zip(task.distribution.feature_probability());
        let nothing = mean(nothing.map(|(&i, p)| f64::from(i) * p / 3.0)).unwrap_or(0.0);
        let tolerance = (POPULATION_ACCURACY * sampled.loss.max(1e-3 * nothing)).max(1e-30);
        if !tolerance.is_finite() {
            return Ok(unknown("the loss on samples is not finite"));
        }
        let loss = model.population_loss(&task.distribution, &task.importance, tolerance)?;
        if !(loss.value.is_finite() && loss.error.is_finite()) {
            return Ok(unknown("numbers left the range of f64"));
        }
        Ok(Self {
            value: Some(loss.value),
            error: Some(loss.error),
            reason: None,
        })
    }
}

/// What is known of one feature of a trained toy model.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct FeatureReading {
    /// Index of the feature.
    pub feature: usize,
    /// Its importance `$I_i$`.
    pub importance: f64,
    /// Its probability `$p_i$` of being active.
    pub feature_probability: f64,
    /// `$\lVert W_i \rVert$`.
    pub norm: f64,
    /// `$b_i$`; none for a model without bias.
    pub bias: Option<f64>,
    /// `$D_i$`.
    pub dimensionality: f64,
    /// Mean `$\cos^2$` with the other represented features; 0 for one that is not represented.
    pub mean_interference: f64,
    /// `$\sum_{j \ne i} (\hat W_i \cdot W_j)^2$`: 1 or more means others can activate it fully.
    pub superposition: f64,
    /// `$l_i = W_i^T F^+ W_i$`: the `$R^2$` that any linear probe has in the population when all
    /// features have the same variance.
    pub leverage: f64,
    /// Largest cosine with another represented feature.
    pub max_cosine: Option<f64>,
    /// Whose it is.
    pub nearest: Option<usize>,
    /// Smallest cosine with another represented feature.
    pub min_cosine: Option<f64>,
    /// Whose it is.
    pub most_opposed: Option<usize>,
    /// Cluster of interfering features.
    pub cluster: Option<usize>,
    /// Held-out `$R^2$` of a linear probe on the hidden activations.
    pub probe_r_squared: Option<f64>,
    /// Its standard error over the held-out samples.
    pub probe_r_squared_standard_error: Option<f64>,
    /// `$R^2$` of the model's own output `$x'_i$` on the same samples, by what it is to be: of the readout, where that is `$x_i$`.
    pub readout_r_squared: Option<f64>,
    /// Held-out accuracy of telling active from inactive.
    pub probe_accuracy: Option<f64>,
    /// Accuracy of always answering with the more frequent class.
    pub probe_base_rate: f64,
    /// Area under the ROC curve of the same score.
    pub probe_auroc: Option<f64>,
    /// Cosine of the probe's pattern (the direction the feature moves the activations) with
    /// `$W_i$`.
    pub probe_pattern_cosine: Option<f64>,
    /// The same as an angle in degrees.
    pub probe_pattern_angle_degrees: Option<f64>,
    /// Cosine of the probe's weights with `$W_i$`.
    pub probe_direction_cosine: Option<f64>,
}

/// Averages over all probes.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ProbeSummary {
    /// Samples in all, before the split.
    pub n_samples: usize,
    /// Mean held-out `$R^2$` of the linear probes that have one.
    pub mean_r_squared: Option<f64>,
    /// rank W / n: the mean `$R^2$` in the population for *any* W of this rank when all features
    /// have the same variance. Not evidence of anything learned.
    pub mean_r_squared_any_w: f64,
    /// Mean `$R^2$` of the model's own readout.
    pub mean_readout_r_squared: Option<f64>,
    /// Mean area under the ROC curve.
    pub mean_auroc: Option<f64>,
    /// Mean accuracy.
    pub mean_accuracy: Option<f64>,
    /// Mean base rate.
    pub mean_base_rate: f64,
    /// Share of features with held-out `$R^2$` of at least the threshold.
    pub coverage: Option<f64>,
    /// That threshold.
    pub coverage_r_squared: f64,
}

/// The analysis of a trained toy model.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Reading {
    /// Loss on fresh samples.
    pub evaluation: Evaluation,
    /// Loss over the whole distribution.
    pub population_loss: PopulationLossSummary,
    /// The geometry of W.
    pub geometry: DictionaryReport,
    /// Numerical rank of W.
    pub rank: usize,
    /// Features represented per hidden dimension.
    pub superposition_score: f64,
    /// n / m: a property of the shape, not evidence of superposition.
    pub superposition_ratio: f64,
    /// A row per feature.
    pub features: Vec<FeatureReading>,
    /// Averages over the probes.
    pub probes: ProbeSummary,
    /// What the hidden neurons respond to, in the basis the model happens to have.
    pub polysemanticity: Polysemanticity,
    /// The same numbers under random rotations of the hidden space: a linear hidden layer has no
    /// privileged basis.
    pub rotations: RotationBaseline,
}

/// The loss of a model on `n_samples` fresh samples of the task, in f64: of what it is to make of them, without penalty
/// and without attacks.
///
/// The samples are a function of `seed` alone, so two models are compared on the same ones.
/// They are drawn in blocks of 1,000; memory does not grow with `n_samples`.
///
/// ```
/// use superposition_lab::model::{Dimensions, FeatureDistribution, FeatureProbability, ToyModel, ToyModelConfig};
/// use superposition_lab::train::Task;
///
/// // W = 0 and b = 0 reconstruct nothing: the loss is the mean square of a feature, p / 3.
/// let config = ToyModelConfig::new(Dimensions { n_features: 2, n_hidden: 1 });
/// let model = ToyModel::new(config, vec![0.0; 4]).unwrap();
/// let distribution = FeatureDistribution::new(2, &FeatureProbability::Same(0.3)).unwrap();
/// let task = Task::new(distribution, vec![1.0, 1.0]).unwrap();
/// let evaluation = superposition_lab::evaluate(&model, &task, 0, 20_000);
/// assert!((evaluation.loss - 0.1).abs() < 5.0 * evaluation.standard_error.unwrap());
/// ```
#[must_use]
pub fn evaluate(model: &ToyModel, task: &Task, seed: u64, n_samples: usize) -> Evaluation {
    let mut blocks = Vec::new();
    let mut start = 0;
    while start < n_samples {
        let size = EVALUATION_BLOCK.min(n_samples - start);
        let mut rng = Stream::Evaluation.rng(seed, 0, blocks.len() as u32);
        let x = task.distribution.sample(size, &mut rng);
        let y = task.target.of_samples(x.as_ref());
        let loss = model.loss_against(x.as_ref(), y.as_ref(), &task.importance);
        blocks.push((loss, size));
        start += size;
    }
    let loss = blocks
        .iter()
        .map(|&(loss, size)| loss * size as f64)
        .sum::<f64>()
        / n_samples as f64;
    // The last block may be smaller: its deviation counts by its share.
    let count = blocks.len() as f64;
    let spread: f64 = blocks
        .iter()
        .map(|&(block, size)| (size as f64 / EVALUATION_BLOCK as f64) * (block - loss).powi(2))
        .sum();
    Evaluation {
        n_samples,
        loss,
        standard_error: (blocks.len() > 1).then(|| (spread / (count * (count - 1.0))).sqrt()),
    }
}

pub(crate) fn read_trained(
    model: &ToyModel,
    options: &ExploreOptions,
) -> Result<Reading, LabError> {
    let recipe = &options.recipe;
    let seed = recipe.train.seed;
    let task = recipe.task()?;
    let w = model.w();
    let n_features = model.dimensions().n_features;
    let n_hidden = model.dimensions().n_hidden;

    // Probes and neurons see other samples than the evaluation: those of step 1 of the same stream.
    let mut rng = Stream::Evaluation.rng(seed, 1, 0);
    let x = task.distribution.sample(options.n_samples, &mut rng);
    let hidden = model.encode(x.as_ref());
    let (x, hidden) = (x.as_ref(), hidden.as_ref());
    // Two halves of about the same length.
    let probe_features = || {
        let y = task.target.of_samples(x);
        let readout_r_squared = r_squared(y.as_ref(), model.reconstruct(x).as_ref());
        let mut rng = Stream::Split.rng(seed, 0, 0);
        let probes = probe_all_features(hidden, x, &options.probe, &mut rng)?;
        Ok::<_, LabError>((probes, readout_r_squared))
    };
    let read_the_rest = || {
        let evaluation = evaluate(model, &task, seed, options.n_evaluation);
        let population_loss = PopulationLossSummary::new(model, &task, &evaluation)?;
        let geometry = analyze(w, &options.analysis)?;
        let neurons = polysemanticity(hidden, x, &options.polysemanticity)?;
        let mut rng = Stream::Split.rng(seed, 1, 0);
        let rotations = polysemanticity_under_rotation(
            hidden,
            x,
            &options.polysemanticity,
            options.n_rotations,
            &mut rng,
        )?;
        Ok::<_, LabError>((evaluation, population_loss, geometry, neurons, rotations))
    };
    let (probed, read) = both(options.tracking.threads, probe_features, read_the_rest);
    let (evaluation, population_loss, geometry, neurons, rotations) = read?;
    let (probes, readout_r_squared) = probed?;
    let superposition = feature_superposition(w);
    let leverage = leverage(w);
    let rank = rank(w);

    let features = geometry
        .features
        .iter()
        .zip(&probes)
        .map(|(row, probe)| {
            let i = row.feature;
            let direction: Vec<f64> = w.col(i).iter().map(|&value| f64::from(value)).collect();
            let pattern = compare_direction(&probe.pattern, &direction);
            let weights = compare_direction(&probe.direction, &direction);
            FeatureReading {
                feature: i,
                importance: f64::from(task.importance[i]),
                feature_probability: task.distribution.feature_probability()[i],
                norm: row.norm,
                bias: model.b().map(|b| f64::from(b[i])),
                dimensionality: row.dimensionality,
                mean_interference: row.mean_interference,
                superposition: superposition[i],
                leverage: leverage[i],
                max_cosine: row.max_cosine,
                nearest: row.nearest,
                min_cosine: row.min_cosine,
                most_opposed: row.most_opposed,
                cluster: row.cluster,
                probe_r_squared: probe.r_squared,
                probe_r_squared_standard_error: probe.r_squared_standard_error,
                readout_r_squared: readout_r_squared[i],
                probe_accuracy: probe.accuracy,
                probe_base_rate: probe.base_rate,
                probe_auroc: probe.auroc,
                probe_pattern_cosine: pattern.as_ref().map(|both| both.cosine),
                probe_pattern_angle_degrees: pattern.as_ref().map(|both| both.angle_degrees),
                probe_direction_cosine: weights.as_ref().map(|both| both.cosine),
            }
        })
        .collect();

    Ok(Reading {
        superposition_score: geometry.superposition_score(),
        superposition_ratio: n_features as f64 / n_hidden as f64,
        probes: summarize_probes(
            &probes,
            &readout_r_squared,
            rank,
            options.n_samples,
            options.probe.r_squared_threshold,
        ),
        evaluation,
        population_loss,
        geometry,
        rank,
        features,
        polysemanticity: neurons,
        rotations,
    })
}

/// Both results, of which the first is made on a thread of its own where there is one.
fn both<A: Send, B>(
    threads: NonZeroUsize,
    a: impl FnOnce() -> A + Send,
    b: impl FnOnce() -> B,
) -> (A, B) {
    if threads.get() == 1 {
        return (a(), b());
    }
    thread::scope(|scope| {
        let a = scope.spawn(a);
        let b = b();
        (a.join().unwrap_or_else(|panic| resume_unwind(panic)), b)
    })
}

fn summarize_probes(
    probes: &[ProbeResult],
    readout: &[Option<f64>],
    rank: usize,
    n_samples: usize,
    threshold: f64,
) -> ProbeSummary {
    ProbeSummary {
        n_samples,
        mean_r_squared: mean(probes.iter().filter_map(|probe| probe.r_squared)),
        mean_r_squared_any_w: rank as f64 / probes.len() as f64,
        mean_readout_r_squared: mean(readout.iter().copied().flatten()),
        mean_auroc: mean(probes.iter().filter_map(|probe| probe.auroc)),
        mean_accuracy: mean(probes.iter().filter_map(|probe| probe.accuracy)),
        mean_base_rate: mean(probes.iter().map(|probe| probe.base_rate)).unwrap_or(0.0),
        coverage: feature_coverage(probes, threshold),
        coverage_r_squared: threshold,
    }
}

/// The mean of some values; none of none.
pub(crate) fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (count, sum) = values.fold((0_usize, 0.0), |(count, sum), value| {
        (count + 1, sum + value)
    });
    (count > 0).then(|| sum / count as f64)
}
