//! T13: with room for every feature, an L1 penalty still puts two features on some neurons.

use superposition_model::{
    Bias, FeatureDistribution, FeatureProbability, Initialization, SparseBatch, ToyModel,
};
use superposition_train::{AdamConfig, Job, Task, TrainOptions};

use superposition_analysis::faer::Mat;
use superposition_viz::Scale;
use superposition_viz::svg::{Axis, Figure, Panel, Series};

use super::support::{config, train};
use crate::LabError;
use crate::reproduce::{
    Budget, Check, Context, Definition, Expected, Experiment, Findings, Precision, Verdict,
};

pub(super) const EXPERIMENT: Experiment = Experiment {
    definition: Definition {
        id: "T13",
        claim: "incidental polysemanticity: features collide on neurons by chance, n^2/(4m) times, though there is a neuron for each",
        source: "Lecomte et al. 2023, Incidental Polysemanticity",
        section: "Experiments: number of collisions",
        config: "n = 256 one-hot inputs (64 with --quick), y = ReLU(W^T W x), W normal with variance 1/m, m = 256, 512, 1024 (m = 128 with --quick; to 4096 with --full); squared error summed over outputs plus 1e-3 times the L1 norm of W x, mean over inputs; AdamW at 1e-3, 7,500 steps on all inputs; 4 seeds (16 with --full)",
        measured: "neurons with two or more features of absolute weight above 1/2, beside the exact expectation of balls in bins",
        seeds: &[0, 1, 2, 3],
        budget: Budget {
            quick: 60.0,
            standard: 600.0,
            full: 12_000.0,
        },
    },
    run,
};

/// The weight of the L1 norm.
const L1: f64 = 1e-3;
/// What a feature's weight on a neuron must be for the neuron to be its own: a feature on one neuron alone has 1.
const THRESHOLD: f32 = 0.5;

/// The n inputs, each one feature alone.
fn one_hot(n: usize, l1: f64) -> Result<Task, LabError> {
    let each = FeatureProbability::Same(1.0 / n as f64);
    let distribution = FeatureDistribution::new(n, &each)?;
    let inputs = SparseBatch::from_dense(Mat::<f32>::identity(n, n).as_ref())?;
    // The sum over outputs, not their mean.
    let importance = vec![n as f32; n];
    Ok(Task::new(distribution, importance)?
        .with_examples(inputs)?
        .with_hidden_l1(l1)?)
}

fn job(n: usize, m: usize, l1: f64, n_steps: usize, seed: u64) -> Result<Job, LabError> {
    let options = TrainOptions::default()
        .with_n_steps(n_steps)
        .with_batch_size(n)
        .with_seed(seed)
        .with_adam(AdamConfig::torch_adamw())
        .with_initialization(Initialization::Normal {
            std: 1.0 / (m as f64).sqrt(),
        })
        .with_loss_every(1000);
    let config = config(n, m).with_bias(Bias::None);
    Ok(Job::new(config, one_hot(n, l1)?, options))
}

/// For each neuron how many features have a weight above the threshold, of either sign.
fn features_of_neurons(model: &ToyModel) -> Vec<usize> {
    let w = model.w();
    let count = |k: usize| {
        let features = (0..w.ncols()).filter(|&i| w[(k, i)].abs() > THRESHOLD);
        features.count()
    };
    (0..w.nrows()).map(count).collect()
}

fn n_polysemantic(model: &ToyModel) -> f64 {
    let neurons = features_of_neurons(model);
    neurons.iter().filter(|&&count| count > 1).count() as f64
}

/// How many of m neurons have both signs of n features that take neuron and sign by chance: one less the
/// probabilities that a sign is missing, with both missing counted once.
fn balls_in_bins(n: usize, m: usize) -> f64 {
    let (m, n) = (m as f64, n as f64);
    m * (1.0 - 2.0 * (1.0 - 0.5 / m).powf(n) + (1.0 - 1.0 / m).powf(n))
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn run(context: &Context<'_>) -> Result<Findings, LabError> {
    let n = context.by_preset(64, 256, 256);
    let sizes: &[usize] =
        context.by_preset(&[128], &[256, 512, 1024], &[256, 512, 1024, 2048, 4096]);
    let n_seeds = context.by_preset(8, 4, 16);
    let n_steps = context.by_preset(5_000, 7_500, 7_500);
    let mut jobs = Vec::new();
    for &m in sizes {
        for seed in 0..n_seeds {
            jobs.push(job(n, m, L1, n_steps, seed)?);
        }
    }
    // The control, on the last of the sizes up to 1024.
    let checked: Vec<usize> = sizes.iter().copied().filter(|&m| m >= 4 * n).collect();
    let control = sizes.iter().copied().filter(|&m| m <= 1024).max();
    let control = control.unwrap_or(sizes[0]);
    jobs.push(job(n, control, 0.0, n_steps, 0)?);
    let mut models = train(context, 0.0..1.0, &jobs)?;
    let without = models
        .pop()
        .map_or(f64::NAN, |model| n_polysemantic(&model));

    let mut findings = Findings::new(Verdict::Agrees);
    let of_count = |count: f64, error: f64, m: usize, name: &str| {
        let expected = balls_in_bins(n, m);
        Check::new(
            format!("m = {m}: polysemantic neurons{name}, by {expected:.3} of balls in bins"),
            count / expected,
            Precision::Sampled {
                standard_error: error / expected,
            },
            Expected::Between {
                low: 0.7,
                high: 1.3,
            },
            "the paper's balls in bins leave out that features which meet with the same sign move on; and a count of chance events, summed over the seeds, is off by the root of itself",
        )
    };
    let (mut measured, mut exact, mut approximate) = (Vec::new(), Vec::new(), Vec::new());
    for (&m, models) in sizes.iter().zip(models.chunks(n_seeds as usize)) {
        let counts: Vec<f64> = models.iter().map(n_polysemantic).collect();
        let count = mean(&counts);
        let squares: Vec<f64> = counts.iter().map(|c| (c - count).powi(2)).collect();
        let error =
            (squares.iter().sum::<f64>() / (counts.len() * (counts.len() - 1)) as f64).sqrt();
        let single = |model: &ToyModel| {
            let neurons = features_of_neurons(model);
            neurons.iter().sum::<usize>() as f64 / n as f64
        };
        let on_one = mean(&models.iter().map(single).collect::<Vec<_>>());
        let same_sign = models.iter().map(n_of_one_sign).sum::<usize>();
        let x = m as f64;
        findings.note(format!(
            "m = {m}: {count:.2} +- {error:.2} polysemantic neurons; {:.3} expected of balls in bins, {:.3} by n^2/(4m); {on_one:.3} neurons for each feature; {same_sign} neurons with two features of one sign in {} models",
            balls_in_bins(n, m),
            (n * n) as f64 / (4.0 * x),
            models.len(),
        ));
        measured.push([x, count]);
        exact.push([x, balls_in_bins(n, m)]);
        approximate.push([x, (n * n) as f64 / (4.0 * x)]);
        // Where there are few neurons the bins are not what chance alone fills: the paper claims large m.
        if checked.contains(&m) || sizes.len() == 1 {
            findings.check(of_count(count, error, m, ""));
        }
    }
    findings.control(
        "no L1 penalty, so that features stay spread over all neurons",
        of_count(without, 0.0, control, " without L1"),
    );
    let panel = Panel::new(
        format!("{n} features on m neurons"),
        Axis::new("neurons, m").with_scale(Scale::Logarithmic),
        Axis::new("polysemantic neurons").with_scale(Scale::Logarithmic),
    )
    .with_series(Series::line("balls in bins", exact))
    .with_series(Series::dashed("n^2/(4m)", approximate))
    .with_series(Series::points("trained, mean", measured));
    findings.figure("", Figure::new("").with_panel(panel).render());
    Ok(findings)
}

/// Neurons on which two features have weights of one sign above the threshold.
fn n_of_one_sign(model: &ToyModel) -> usize {
    let w = model.w();
    let is = |k: usize, sign: f32| {
        (0..w.ncols())
            .filter(|&i| sign * w[(k, i)] > THRESHOLD)
            .count()
            > 1
    };
    (0..w.nrows())
        .filter(|&k| is(k, 1.0) || is(k, -1.0))
        .count()
}
