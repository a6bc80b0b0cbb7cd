//! T9: computing absolute values in superposition.

use std::ops::Range;

use superposition_analysis::{NeuronOptions, Neurons, neurons};
use superposition_model::{
    Coupling, FeatureDistribution, FeatureProbability, Hidden, Importance, Initialization,
    Magnitude, Output, ToyModel, ToyModelConfig,
};
use superposition_train::{Checkpoint, Job, Schedule, Stream, Target, Task, TrainOptions};

use superposition_viz::Scale;
use superposition_viz::svg::{Axis, Figure, Panel, Series};

use super::support::{RESPONSE_SHARES, config, settled, train};
use crate::LabError;
use crate::reproduce::{
    Budget, Check, Context, Definition, Expected, Experiment, Findings, Precision, Verdict,
};

pub(super) const EXPERIMENT: Experiment = Experiment {
    definition: Definition {
        id: "T9",
        claim: "absolute values are computed in superposition: with room a neuron for each sign of each feature, sparse several features a neuron, kept apart by inhibition",
        source: "Elhage et al. 2022, Toy Models of Superposition",
        section: "Computation in Superposition",
        config: "y = |x|, x uniform in [-1, 1] when active; x' = ReLU(W_dec^T ReLU(W x) + b); n = 3, m = 6, p = .5, importance 1, the best of 16 seeds (4 with --quick); n = 100, m = 40, importance 0.8^i, p from 1 to .001, the best of 2 seeds and of going on from the next sparser level (n = 20, m = 8, 3 levels, 1 seed with --quick); Adam at 1e-2 from normal weights of deviation .03: 2,000 steps of 1,024 samples without the outer ReLU, then 8,000 with it, cosine to 0 (500 and 2,500 with --quick)",
        measured: "the loss, the features each neuron responds to, and pairs of features on one neuron that others keep apart",
        seeds: &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
        budget: Budget {
            quick: 60.0,
            standard: 600.0,
            full: 600.0,
        },
    },
    run,
};

const N_TEST: usize = 20_000;

fn model_config(n: usize, m: usize) -> ToyModelConfig {
    config(n, m)
        .with_hidden(Hidden::Relu)
        .with_coupling(Coupling::Untied)
}

fn absolute(n: usize, p: f64, importance: &Importance) -> Result<Task, LabError> {
    let distribution = FeatureDistribution::new(n, &FeatureProbability::Same(p))?
        .with_magnitude(Magnitude::Signed);
    Ok(Task::new(distribution, importance.weights(n)?)?.with_target(Target::Absolute))
}

/// The loss on fresh samples, more of them where features are rare, and its standard error.
fn loss(model: &ToyModel, task: &Task) -> (f64, f64) {
    let p = task.distribution.feature_probability()[0];
    let n_blocks = (2.0 / p).clamp(10.0, 100.0) as u64;
    let losses: Vec<f64> = (0..n_blocks)
        .map(|block| {
            let mut rng = Stream::Evaluation.rng(0, block, 0);
            let x = task.distribution.sample(N_TEST, &mut rng);
            let y = task.target.of_samples(x.as_ref());
            model.loss_against(x.as_ref(), y.as_ref(), &task.importance)
        })
        .collect();
    let n = n_blocks as f64;
    let mean = losses.iter().sum::<f64>() / n;
    let squares = losses.iter().map(|loss| (loss - mean).powi(2)).sum::<f64>();
    (mean, (squares / (n - 1.0) / n).sqrt())
}

/// A trained model with its loss on fresh samples.
struct Fit {
    model: ToyModel,
    loss: f64,
    standard_error: f64,
}

/// Where a training begins.
#[derive(Clone, Copy)]
enum Start<'a> {
    /// Small weights, without the outer ReLU for some steps: an output that is 0 for all samples has no gradient, and most
    /// outputs of a random model come to that as others are pushed down.
    Linear { n_steps: usize },
    /// Random weights of the usual size.
    Random,
    /// For each task a model that was trained on another.
    From(&'a [Fit]),
}

/// The beginning of a training that goes on from these parameters.
fn beginning(model: &ToyModel) -> Option<Checkpoint> {
    let zeros = vec![0.0; model.parameters().len()];
    Some(Checkpoint {
        step: 0,
        parameters: model.parameters().to_vec(),
        first_moment: zeros.clone(),
        second_moment: zeros,
    })
}

/// For each task the model of the lowest loss.
fn fits(
    context: &Context<'_>,
    share: Range<f64>,
    (config, tasks): (ToyModelConfig, &[Task]),
    (start, n_steps): (Start<'_>, usize),
    n_seeds: u64,
) -> Result<Vec<Fit>, LabError> {
    // Where features are rare and unimportant, gradients are far below Adam's usual epsilon.
    let settled = settled(n_steps);
    let adam = settled.adam.with_learning_rate(1e-2).with_epsilon(1e-12);
    let settled = settled.with_adam(adam);
    let jobs = |config: ToyModelConfig, options: &TrainOptions| -> Vec<Job> {
        let seeds = |task| (0..n_seeds).map(move |seed| (task, seed));
        tasks
            .iter()
            .flat_map(seeds)
            .map(|(task, seed)| Job::new(config, task.clone(), options.clone().with_seed(seed)))
            .collect()
    };
    let middle = 0.8 * share.start + 0.2 * share.end;
    let mut second = jobs(config, &settled);
    match start {
        Start::Random => {}
        Start::From(fits) => {
            for (job, fit) in second.iter_mut().zip(fits) {
                job.start = beginning(&fit.model);
            }
        }
        Start::Linear { n_steps } => {
            let linear = settled
                .clone()
                .with_n_steps(n_steps)
                .with_schedule(Schedule::default())
                .with_initialization(Initialization::Normal { std: 0.03 });
            let first = jobs(config.with_output(Output::Linear), &linear);
            let starts = train(context, share.start..middle, &first)?;
            for (job, model) in second.iter_mut().zip(&starts) {
                job.start = beginning(model);
            }
        }
    }
    let models = train(context, middle..share.end, &second)?;
    let best = models
        .chunks(n_seeds as usize)
        .zip(tasks)
        .filter_map(|(models, task)| {
            let fits = models.iter().map(|model| {
                let (loss, standard_error) = loss(model, task);
                Fit {
                    model: model.clone(),
                    loss,
                    standard_error,
                }
            });
            fits.min_by(|a, b| a.loss.total_cmp(&b.loss))
        });
    Ok(best.collect())
}

fn read(model: &ToyModel, min_share: f64) -> Result<Neurons, LabError> {
    let options = NeuronOptions::default().with_min_share(min_share);
    Ok(neurons(model.w(), model.w_dec(), &options)?)
}

/// How many features have one neuron for their positive values, one for their negative ones, and no other.
fn n_exact(model: &ToyModel) -> Result<usize, LabError> {
    let mut signs = vec![[0, 0]; model.dimensions().n_features];
    for (k, responses) in read(model, RESPONSE_SHARES[0])?
        .responses
        .iter()
        .enumerate()
    {
        for &feature in responses {
            let weight = if responses.len() == 1 { 1 } else { 2 };
            signs[feature][usize::from(model.w()[(k, feature)] < 0.0)] += weight;
        }
    }
    Ok(signs.iter().filter(|signs| **signs == [1, 1]).count())
}

/// A model whose decoder belongs to the neurons so many places on.
fn rotated(model: &ToyModel, places: usize) -> ToyModel {
    let mut other = model.clone();
    let (m, range) = (model.dimensions().n_hidden, model.layout().w_dec);
    for column in other.parameters_mut()[range].chunks_exact_mut(m) {
        column.rotate_left(places);
    }
    other
}

/// A model without negative weights out, so that no neuron inhibits an output.
fn without_inhibition(model: &ToyModel) -> ToyModel {
    let mut other = model.clone();
    let range = model.layout().w_dec;
    for weight in &mut other.parameters_mut()[range] {
        *weight = weight.max(0.0);
    }
    other
}

/// The loss of m/2 features computed exactly, and the others replaced by the best constant.
fn loss_without_superposition(task: &Task, m: usize) -> f64 {
    let p = task.distribution.feature_probability()[0];
    let variance = p / 3.0 - p * p / 4.0;
    let rest = task.importance.iter().skip(m / 2);
    let rest = rest.map(|&importance| f64::from(importance)).sum::<f64>();
    rest * variance / task.n_features() as f64
}

fn run(context: &Context<'_>) -> Result<Findings, LabError> {
    let mut findings = Findings::new(Verdict::Agrees);
    let start = Start::Linear {
        n_steps: context.by_preset(500, 2_000, 2_000),
    };
    let n_steps = context.by_preset(2_500, 8_000, 8_000);
    let small = small(context, &mut findings, start, n_steps)?;

    let (n, m) = context.by_preset((20, 8), (100, 40), (100, 40));
    let levels: &[f64] = context.by_preset(
        &[1.0, 0.1, 0.001],
        &[1.0, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001],
        &[1.0, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001],
    );
    let importance = Importance::Geometric { ratio: 0.8 };
    let tasks: Vec<Task> = levels
        .iter()
        .map(|&p| absolute(n, p, &importance))
        .collect::<Result<_, _>>()?;
    let model = (model_config(n, m), tasks.as_slice());
    let last = levels.len() - 1;
    let n_seeds = context.by_preset(1, 2, 2);
    let mut large = fits(context, 0.1..0.7, model, (start, n_steps), n_seeds)?;
    // Dense features are the harder: what is learned where they are sparser is a start among others.
    let denser = (model.0, &tasks[..last]);
    let from = Start::From(&large[1..]);
    let others = fits(context, 0.7..0.95, denser, (from, n_steps), 1)?;
    for ((&p, task), fit) in levels.iter().zip(&tasks).zip(&large) {
        findings.note(format!(
            "p = {p}, random starts alone: loss {:.2} times that of {} features computed exactly, share of polysemantic neurons {:.3}",
            fit.loss / loss_without_superposition(task, m),
            m / 2,
            read(&fit.model, RESPONSE_SHARES[0])?.polysemantic_share,
        ));
    }
    for (fit, other) in large.iter_mut().zip(others) {
        if other.loss < fit.loss {
            *fit = other;
        }
    }
    let sparsest = (model.0, &tasks[last..]);
    let dead = fits(context, 0.95..1.0, sparsest, (Start::Random, n_steps), 1)?;

    let of_share = |model: &ToyModel, p: f64, min_share: f64, expected: Expected| {
        let share = read(model, min_share)?.polysemantic_share;
        Ok::<_, LabError>(Check::new(
            format!(
                "n = {n}, m = {m}, p = {p}: share of polysemantic neurons, weights of at least {min_share} of the largest"
            ),
            share,
            Precision::Exact,
            expected,
            "dense features are computed one at a time, sparse ones together; judged by eye in the paper's figure, here at the end of a range of lines that is the stricter",
        ))
    };
    for (fit, &p) in large.iter().zip(levels) {
        // Where the lowest loss found is below that of the exact solution, superposition has begun.
        let (low, high) = (RESPONSE_SHARES[0], Expected::AtMost { value: 0.1 });
        if p == 1.0 {
            let none = Expected::AtMost { value: 0.0 };
            findings.check(of_share(&fit.model, p, low, none)?);
        } else if p >= 0.3 {
            findings.check(of_share(&fit.model, p, low, high)?.with_published(0.0));
        }
    }
    let all = Expected::AtLeast { value: 1.0 };
    findings.check(of_share(
        &large[last].model,
        levels[last],
        RESPONSE_SHARES[1],
        all,
    )?);
    findings.control(
        "the model of dense features",
        of_share(&large[0].model, levels[last], RESPONSE_SHARES[1], all)?,
    );
    let read_all: Vec<Neurons> = large
        .iter()
        .map(|fit| read(&fit.model, RESPONSE_SHARES[0]))
        .collect::<Result<_, _>>()?;
    let falls = read_all
        .windows(2)
        .map(|pair| pair[0].polysemantic_share - pair[1].polysemantic_share);
    findings.check(Check::new(
        format!("n = {n}, m = {m}: largest fall of the share from one level to the next sparser"),
        falls.fold(f64::NEG_INFINITY, f64::max),
        Precision::Exact,
        Expected::AtMost { value: 0.05 },
        "the share does not fall with sparsity, but for two neurons of 40",
    ));
    let of_loss = |fit: &Fit, name: &str| {
        let without = loss_without_superposition(&tasks[last], m);
        Check::new(
            format!(
                "n = {n}, m = {m}, p = {}{name}: loss, by that of {} features computed exactly",
                levels[last],
                m / 2
            ),
            fit.loss / without,
            Precision::Sampled {
                standard_error: fit.standard_error / without,
            },
            Expected::AtMost { value: 0.9 },
            "two neurons a feature and the best constant for the rest is the best without superposition, in closed form; a tenth is far more than chance",
        )
    };
    findings.check(of_loss(&large[last], ""));
    findings.control(
        "trained with the outer ReLU from the start, so that most outputs die",
        of_loss(&dead[0], ", random start"),
    );
    // Where superposition begins: the paper's example has a few such neurons among monosemantic ones.
    let begins = levels.iter().position(|&p| p < 0.3).unwrap_or(last);
    let of_motif = |neurons: &Neurons, name: &str| {
        Check::new(
            format!(
                "n = {n}, m = {m}, {name}: neurons with an asymmetric pair of features that another neuron keeps apart"
            ),
            neurons.asymmetric_neurons as f64,
            Precision::Exact,
            Expected::AtLeast { value: 1.0 },
            "one weight at least twice the other on the way in, the other on the way out, and half of the interference taken back",
        )
    };
    let name = format!("p = {}", levels[begins]);
    findings.check(of_motif(&read_all[begins], &name));
    let inhibited = &large[begins].model;
    findings.control(
        "weights out below 0 taken away",
        of_motif(
            &read(&without_inhibition(inhibited), RESPONSE_SHARES[0])?,
            &name,
        ),
    );
    findings.control(
        "the model of dense features",
        of_motif(&read_all[0], "p = 1"),
    );
    for (((p, fit), task), neurons) in levels.iter().zip(&large).zip(&tasks).zip(&read_all) {
        let shares = [0.05, 0.1, 0.25, 0.5].map(|min_share| {
            let share = read(&fit.model, min_share).map_or(f64::NAN, |n| n.polysemantic_share);
            format!("{share:.3} at {min_share}")
        });
        let most = neurons.responses.iter().map(Vec::len).max().unwrap_or(0);
        findings.note(format!(
            "p = {p}: loss {:.3e}, {:.2} times that of {} features computed exactly; {} of {m} neurons dead; share of polysemantic ones by the line: {}; most features on one {most}; {} neurons with an asymmetric pair",
            fit.loss,
            fit.loss / loss_without_superposition(task, m),
            m / 2,
            neurons.dead_neurons,
            shares.join(", "),
            neurons.asymmetric_neurons,
        ));
    }
    let by_chance: Vec<usize> = (1..m)
        .map(|places| Ok(read(&rotated(inhibited, places), RESPONSE_SHARES[0])?.asymmetric_neurons))
        .collect::<Result<_, LabError>>()?;
    findings.note(format!(
        "p = {}: {} neurons with an asymmetric pair, {:.2} on average with decoders given to other neurons",
        levels[begins],
        read_all[begins].asymmetric_neurons,
        by_chance.iter().sum::<usize>() as f64 / by_chance.len() as f64,
    ));
    if let Some(motif) = read_all[begins].motifs.first() {
        findings.note(format!(
            "p = {}, a motif: neuron {} takes in feature {} strongly and gives out {} strongly, which the former disturbs by {:.2}; neuron {} takes back {:.2}",
            levels[begins],
            motif.neuron,
            motif.interfering,
            motif.disturbed,
            motif.interference,
            motif.inhibitor,
            motif.inhibition,
        ));
    }
    draw(&mut findings, &small.model, levels, &large)?;
    Ok(findings)
}

/// The part with room for every feature.
fn small(
    context: &Context<'_>,
    findings: &mut Findings,
    start: Start<'_>,
    n_steps: usize,
) -> Result<Fit, LabError> {
    let (n, m) = (3, 6);
    let task = absolute(n, 0.5, &Importance::Uniform)?;
    let tasks = std::slice::from_ref(&task);
    let n_seeds = context.by_preset(4, 16, 16);
    let model = model_config(n, m);
    let mut best = fits(
        context,
        0.0..0.08,
        (model, tasks),
        (start, n_steps),
        n_seeds,
    )?;
    let fit = best.remove(0);
    let of_loss = |(value, standard_error): (f64, f64), name: &str| {
        Check::new(
            format!("n = 3, m = 6{name}: loss"),
            value,
            Precision::Sampled { standard_error },
            Expected::AtMost { value: 1e-4 },
            "|x| = ReLU(x) + ReLU(-x): with two neurons a feature the loss can be 0, against 1/6 - 1/16 = .10 for a constant",
        )
    };
    let of_neurons = |model: &ToyModel, name: &str| {
        Ok::<_, LabError>(Check::new(
            format!("n = 3, m = 6{name}: features with one neuron for each sign and no other"),
            n_exact(model)? as f64,
            Precision::Exact,
            Expected::Equals {
                value: 3.0,
                tolerance: 0.0,
            },
            "the basis of the hidden layer is privileged by the ReLU",
        ))
    };
    findings.check(of_loss((fit.loss, fit.standard_error), ""));
    findings.check(of_neurons(&fit.model, "")?);
    let other = rotated(&fit.model, 1);
    findings.control(
        "each decoder given to another neuron",
        of_loss(loss(&other, &task), ", rotated"),
    );
    let linear = model.with_hidden(Hidden::Linear);
    let linear = fits(context, 0.08..0.1, (linear, tasks), (start, n_steps), 1)?;
    findings.control(
        "a linear hidden layer, which cannot compute it",
        of_loss((linear[0].loss, linear[0].standard_error), ", linear"),
    );
    findings.control(
        "a linear hidden layer, whose basis means nothing",
        of_neurons(&linear[0].model, ", linear")?,
    );
    Ok(fit)
}

/// Weights of the small model, and of the large ones over the levels; shares of polysemantic neurons.
fn draw(
    findings: &mut Findings,
    small: &ToyModel,
    levels: &[f64],
    large: &[Fit],
) -> Result<(), LabError> {
    let mut figure = Figure::new("")
        .with_columns(2)
        .with_panel(weights(small, "n = 3, m = 6"));
    let n_levels = levels.len();
    for k in [0, n_levels / 3, n_levels - 1] {
        figure = figure.with_panel(weights(&large[k].model, &format!("p = {}", levels[k])));
    }
    let mut panel = Panel::new(
        "polysemantic neurons",
        Axis::new("feature probability, p").with_scale(Scale::Logarithmic),
        Axis::new("share").with_range(0.0, 1.0),
    );
    for min_share in RESPONSE_SHARES {
        let mut points = Vec::new();
        for (&p, fit) in levels.iter().zip(large) {
            points.push([p, read(&fit.model, min_share)?.polysemantic_share]);
        }
        panel = panel.with_series(Series::line(
            format!("weights of {min_share} and more"),
            points,
        ));
    }
    let mut motifs = Vec::new();
    for (&p, fit) in levels.iter().zip(large) {
        motifs.push([
            p,
            read(&fit.model, RESPONSE_SHARES[0])?.asymmetric_neurons as f64,
        ]);
    }
    let asymmetric = Panel::new(
        "asymmetric superposition with inhibition",
        Axis::new("feature probability, p").with_scale(Scale::Logarithmic),
        Axis::new("neurons"),
    )
    .with_series(Series::line("neurons with such a pair", motifs));
    findings.figure("", figure.with_panel(panel).with_panel(asymmetric).render());
    Ok(())
}

/// The weights into each neuron, its largest scaled to 1 and neurons in the order of the feature of that, as the paper has
/// them; smaller ones than a twentieth are left out.
fn weights(model: &ToyModel, title: &str) -> Panel {
    let w = model.w();
    let size = |k: usize, i: usize| f64::from(w[(k, i)].abs());
    let (m, n) = w.shape();
    let mut order: Vec<(usize, usize)> = (0..m)
        .filter_map(|k| {
            let first = (0..n).max_by(|&i, &j| size(k, i).total_cmp(&size(k, j)))?;
            Some((first, k))
        })
        .collect();
    order.sort_unstable();
    let (mut points, mut features) = (Vec::new(), Vec::new());
    for (place, &(first, k)) in order.iter().enumerate() {
        for i in 0..n {
            let share = size(k, i) / size(k, first);
            if share > 0.05 {
                points.push([place as f64, share]);
                features.push(i as f64);
            }
        }
    }
    Panel::new(
        format!("{title}: weights into neurons"),
        Axis::whole("neuron, by its largest feature"),
        Axis::new("by the largest").with_range(0.0, 1.05),
    )
    .with_series(Series::points("weights", points).with_values("feature", features))
}
