//! T12: the posterior moves from one polygon to another as examples come in, and training stays at their losses.

use std::ops::{ControlFlow, Range};
use std::sync::Mutex;

use rand::{Rng as _, RngExt as _};
use rand_chacha::ChaCha8Rng;
use superposition_analysis::faer::MatRef;
use superposition_analysis::plane_corners;
use superposition_model::Initialization;
use superposition_train::Stream;
use superposition_train::posterior::{
    Chain, LangevinOptions, PosteriorOptions, Prior, effective_sample_size, r_hat,
    sample_posterior, sgld,
};
use superposition_viz::Scale;
use superposition_viz::svg::{Axis, Figure, Panel, Series};

use super::support::{config, untrained};
use crate::reproduce::exact::{
    C23, OneActive, critical_polygons, loss_with_dead, polygon_parameters,
};
use crate::reproduce::{
    Budget, Check, Context, Definition, Expected, Experiment, Findings, Precision, Verdict,
};
use crate::{LabError, parallel};

pub(super) const EXPERIMENT: Experiment = Experiment {
    definition: Definition {
        id: "T12",
        claim: "the posterior moves from the pentagon to the hexagon near 600 examples, and training has its plateaus at the losses of polygons",
        source: C23,
        section: "Bayesian and dynamical phase transitions of c = 6 features in the plane",
        config: "c = 6, m = 2, one active feature; posterior: likelihood of unit variance, so n L / 2 with the exact loss L, and a standard normal prior; Hamiltonian Monte Carlo at 20 numbers of examples that exchange places, 4 chains of 8,000 (1,500 with --quick); training: 100 runs (20 with --quick) of 40,000 steps of gradient descent on 20 examples each, rate 0.01, from normal weights of deviation 0.3",
        measured: "the number of examples where as much of the posterior has 6 corners as 5; the losses of the longest plateaus",
        seeds: &[0],
        budget: Budget::seconds(120.0),
    },
    run,
};

const C: usize = 6;
const N_PARAMETERS: usize = 3 * C;
const N_CHAINS: usize = 4;
/// Numbers of examples: from the first on, each so many times the one before.
const N_EXAMPLES: (f64, f64, usize) = (40.0, 1.25, 20);

/// How often a chain has 5 and 6 corners, for each number of examples.
struct Corners {
    five: Vec<f64>,
    six: Vec<f64>,
}

fn n_examples() -> Vec<f64> {
    let (first, ratio, count) = N_EXAMPLES;
    std::iter::successors(Some(first), |n| Some(n * ratio))
        .take(count)
        .collect()
}

/// The chains of a ladder whose inverse temperatures are the numbers of examples times `per_example`.
fn ladder(
    context: &Context<'_>,
    per_example: f64,
    chain: usize,
    observe: &(dyn Fn(f64) -> ControlFlow<()> + Sync),
) -> Result<Vec<Chain>, LabError> {
    let betas: Vec<f64> = n_examples().iter().map(|n| per_example * n).collect();
    let n_samples = context.by_preset(1500, 8000, 8000);
    let options = PosteriorOptions::default()
        .with_n_burn_in(n_samples / 3)
        .with_n_samples(n_samples)
        .with_n_leapfrog(12)
        .with_chain(chain as u32);
    let n_rounds = (options.n_burn_in + options.n_samples) as f64;
    // A standard normal start, as the prior has it.
    let model = untrained(
        config(C, 2),
        &superposition_train::TrainOptions::default()
            .with_initialization(Initialization::Normal { std: 1.0 }),
        chain as u64,
    )?;
    let start: Vec<f64> = model.parameters().iter().map(|&x| f64::from(x)).collect();
    let chains = sample_posterior(
        &OneActive::plane(C),
        &Prior::standard(N_PARAMETERS),
        &betas,
        &start,
        &options,
        &mut |_| observe(1.0 / n_rounds),
    )?;
    match chains[0].losses.len() == options.n_samples {
        true => Ok(chains),
        false => Err(LabError::Cancelled),
    }
}

fn corners(chains: &[Chain]) -> Corners {
    let share = |chain: &Chain, k: usize| {
        let places = chain.places().filter(|x| {
            let w = MatRef::from_column_major_slice(&x[..2 * C], 2, C);
            plane_corners(w).len() == k
        });
        places.count() as f64 / chain.losses.len() as f64
    };
    let shares = |k| chains.iter().map(|chain| share(chain, k)).collect();
    Corners {
        five: shares(5),
        six: shares(6),
    }
}

/// Where as often six corners as five are seen, by interpolation of the logarithm of their ratio in that of n; NaN where
/// this is nowhere.
fn transition(corners: &Corners) -> f64 {
    let n = n_examples();
    let odds: Vec<f64> = corners
        .six
        .iter()
        .zip(&corners.five)
        .map(|(six, five)| (six.max(1e-6) / five.max(1e-6)).ln())
        .collect();
    // The last crossing: where there are few examples, the prior rules.
    (1..n.len())
        .rev()
        .find(|&k| odds[k - 1] < 0.0 && odds[k] >= 0.0)
        .map_or(f64::NAN, |k| {
            let t = odds[k - 1] / (odds[k - 1] - odds[k]);
            n[k - 1] * (n[k] / n[k - 1]).powf(t)
        })
}

/// Mean and standard error of what independent chains found.
fn mean_and_error(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let squares = values.iter().map(|v| (v - mean) * (v - mean));
    (mean, (squares.sum::<f64>() / (n - 1.0) / n).sqrt())
}

fn check_transition(values: &[f64], name: &str) -> Check {
    let (measured, standard_error) = mean_and_error(values);
    Check::new(
        name,
        measured,
        Precision::Sampled { standard_error },
        Expected::Between {
            low: 500.0,
            high: 800.0,
        },
        "published near 600, read from a figure; between the two, free energies differ by 1.5 log n against n/2 times .0136 to .0206",
    )
}

/// Names and losses of polygons with k live features and some of the dead ones of positive bias.
fn levels() -> Vec<(String, f64)> {
    let mut levels = Vec::new();
    for k in 1..=C {
        let at = match k {
            // Antipodal or orthogonal or further apart: no interference.
            1..=4 => [1.0, 0.0],
            _ => critical_polygons(k)[0],
        };
        for positive in 0..=C - k {
            let gain = positive as f64 / (4 * C * C) as f64;
            let name = format!("{k}{}", "+".repeat(positive));
            levels.push((name, loss_with_dead(k, at, C, 0.0) - gain));
        }
    }
    levels
}

/// The level nearest to a loss, and how far off the loss is relative to it.
fn nearest(levels: &[(String, f64)], loss: f64) -> (&str, f64) {
    let off = |level: &f64| loss / level - 1.0;
    levels
        .iter()
        .map(|(name, level)| (name.as_str(), off(level)))
        .min_by(|a, b| a.1.abs().total_cmp(&b.1.abs()))
        .expect("there are levels")
}

const N_STEPS: usize = 40_000;
const BATCH: usize = 20;
const RATE: f64 = 0.01;
/// Steps between two looks at the exact loss.
const LOOK_EVERY: usize = 10;

/// The exact loss over a training by stochastic gradient descent.
fn train(seed: u64) -> Result<Vec<f64>, LabError> {
    let potential = OneActive::plane(C);
    let options = superposition_train::TrainOptions::default()
        .with_initialization(Initialization::Normal { std: 0.3 });
    let model = untrained(config(C, 2), &options, seed)?;
    let mut x: Vec<f64> = model.parameters().iter().map(|&x| f64::from(x)).collect();
    let mut losses = Vec::with_capacity(N_STEPS / LOOK_EVERY);
    for step in 0..N_STEPS {
        if step % LOOK_EVERY == 0 {
            losses.push(potential.loss(&x));
        }
        let mut rng = Stream::Data.rng(seed, step as u64, 0);
        let mut gradient = [0.0; N_PARAMETERS];
        for _ in 0..BATCH {
            let (active, value) = example(&mut rng);
            add_gradient(&x, active, value, &mut gradient);
        }
        for (x, g) in x.iter_mut().zip(gradient) {
            *x -= RATE * g / BATCH as f64;
        }
    }
    Ok(losses)
}

/// The active feature of an example, and its value.
fn example(rng: &mut ChaCha8Rng) -> (usize, f64) {
    let active = rng.random_range(0..C as u32) as usize;
    (active, f64::from(rng.next_u32()) / 2_f64.powi(32))
}

/// Adds the gradient of `$\lVert x - x' \rVert^2$` for one example.
fn add_gradient(x: &[f64], active: usize, value: f64, gradient: &mut [f64; N_PARAMETERS]) {
    let w = |i: usize| [x[2 * i], x[2 * i + 1]];
    let a = w(active);
    for j in 0..C {
        let b = w(j);
        let z = (a[0] * b[0] + a[1] * b[1]) * value + x[2 * C + j];
        if z > 0.0 {
            let error = 2.0 * (z - if j == active { value } else { 0.0 });
            for k in 0..2 {
                gradient[2 * active + k] += error * value * b[k];
                gradient[2 * j + k] += error * value * a[k];
            }
            gradient[2 * C + j] += error;
        }
    }
}

/// The coefficient of the hexagon as it is estimated where only mini-batches are to be had.
fn langevin(context: &Context<'_>, step_size: f64) -> Result<String, LabError> {
    const BETA: f64 = 1e4;
    const BATCH: usize = 256;
    let potential = OneActive::plane(C);
    let at = polygon_parameters(C, critical_polygons(C)[0]);
    let n_samples = context.by_preset(2000, 40_000, 40_000);
    let options = LangevinOptions::new(step_size)
        .with_n_burn_in(n_samples / 4)
        .with_n_samples(n_samples);
    let mut batch = |x: &[f64], gradient: &mut [f64], rng: &mut ChaCha8Rng| {
        let mut sum = [0.0; N_PARAMETERS];
        for _ in 0..BATCH {
            let (active, value) = example(rng);
            add_gradient(x, active, value, &mut sum);
        }
        for (g, sum) in gradient.iter_mut().zip(sum) {
            *g = sum / BATCH as f64;
        }
        // The exact losses are taken afterwards.
        f64::NAN
    };
    let prior = Prior {
        centre: at.clone(),
        precision: 1.0,
    };
    let chain = sgld(&mut batch, &prior, BETA, &at, &options, &mut |_| {
        context.observe(1.0)
    })?;
    let losses: Vec<f64> = chain.places().map(|x| potential.loss(x)).collect();
    let (mean, error) = mean_and_error(&losses);
    let share = losses.len() as f64 / effective_sample_size(&[&losses]);
    Ok(format!(
        "coefficient of the hexagon by stochastic gradient Langevin dynamics, batches of {BATCH}, inverse temperature {BETA:.0}, step size {step_size:e}: {:.2} +- {:.2}, against 8.5",
        BETA * (mean - potential.loss(&at)),
        BETA * error * share.sqrt()
    ))
}

/// Where a loss stays within 2 %, first look and length, the longest first: as long as it does from each place on.
fn plateaus(losses: &[f64]) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut start = 0;
    while start < losses.len() {
        let (mut low, mut high) = (losses[start], losses[start]);
        let length = losses[start..]
            .iter()
            .take_while(|loss| {
                (low, high) = (low.min(**loss), high.max(**loss));
                high <= 1.02 * low
            })
            .count();
        found.push(start..start + length.max(1));
        start += length.max(1);
    }
    found.sort_by_key(|range| std::cmp::Reverse(range.len()));
    found
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

/// The share of losses within 2 % of a level.
fn check_levels(losses: &[f64], levels: &[(String, f64)], name: &str) -> Check {
    let near = losses
        .iter()
        .filter(|loss| nearest(levels, **loss).1.abs() <= 0.02);
    Check::new(
        name,
        near.count() as f64 / losses.len() as f64,
        Precision::Exact,
        Expected::AtLeast { value: 0.8 },
        "within 2 % of the loss of a polygon with dead features; noise of batches lifts it by less",
    )
}

fn run(context: &Context<'_>) -> Result<Findings, LabError> {
    let mut findings = Findings::new(Verdict::Agrees);
    let done = Mutex::new(0.0);
    let observe = |share: f64| {
        let mut done = done.lock().expect("no other thread panics");
        *done += share / (2 * N_CHAINS) as f64;
        context.observe(0.7 * *done)
    };
    // The second half is the control: twice as much evidence in an example.
    let all = parallel::map(2 * N_CHAINS, 1, context.threads(), |k| {
        let per_example = if k < N_CHAINS { 0.5 } else { 1.0 };
        ladder(context, per_example, k % N_CHAINS, &observe)
    })?;
    let read: Vec<Corners> = all.iter().map(|chains| corners(chains)).collect();
    let transitions: Vec<f64> = read.iter().map(transition).collect();
    let (ours, double) = transitions.split_at(N_CHAINS);
    findings.check(check_transition(
        ours,
        "examples at which the posterior has six corners as often as five",
    ));
    findings.control(
        "e^(-n L) in place of the likelihood: a squared error counted twice",
        check_transition(double, "the same"),
    );
    let n = n_examples();
    let worst = (0..n.len())
        .map(|rung| {
            let losses: Vec<&[f64]> = all[..N_CHAINS]
                .iter()
                .map(|chains| chains[rung].losses.as_slice())
                .collect();
            r_hat(&losses)
        })
        .fold(0.0, f64::max);
    findings.check(Check::new(
        "largest R-hat of the loss over 4 chains",
        worst,
        Precision::Exact,
        Expected::AtMost { value: 1.05 },
        "chains that were started apart agree: below 1.01 is usual for long ones, quick ones are shorter",
    ));
    for (rung, n) in n.iter().enumerate().step_by(3) {
        let mean = |of: fn(&Corners) -> &Vec<f64>| {
            read[..N_CHAINS].iter().map(|c| of(c)[rung]).sum::<f64>() / N_CHAINS as f64
        };
        findings.note(format!(
            "n = {n:.0}: five corners {:.3}, six {:.3}; acceptance {:.2}, exchanges with the next {:.2}",
            mean(|c| &c.five),
            mean(|c| &c.six),
            all[0][rung].acceptance,
            all[0][rung].exchanged.unwrap_or(0.0)
        ));
    }

    let n_runs = context.by_preset(20, 100, 100);
    let runs = parallel::map(n_runs, 1, context.threads(), |k| {
        context.progress(0.7 + 0.3 * k as f64 / n_runs as f64)?;
        train(k as u64)
    })?;
    let levels = levels();
    // Where most of the time is spent, and where at least a twentieth of it is.
    let mut longest = Vec::new();
    let mut all_long = Vec::new();
    for losses in &runs {
        for (k, range) in plateaus(losses).into_iter().enumerate() {
            let loss = median(&losses[range.clone()]);
            if k == 0 {
                longest.push(loss);
            }
            if range.len() >= losses.len() / 20 {
                all_long.push(loss);
            }
        }
    }
    findings.check(check_levels(
        &longest,
        &levels,
        "longest plateaus of trainings at the loss of a polygon",
    ));
    findings.check(check_levels(
        &all_long,
        &levels,
        "all plateaus of a twentieth of the training or more",
    ));
    let shifted: Vec<(String, f64)> = levels
        .iter()
        .map(|(name, level)| (name.clone(), 1.05 * level))
        .collect();
    findings.control(
        "losses of polygons that are 5 % higher",
        check_levels(&longest, &shifted, "the longest plateaus"),
    );
    let mut counts: Vec<(String, usize)> = Vec::new();
    for loss in &longest {
        let (name, _) = nearest(&levels, *loss);
        match counts.iter_mut().find(|(other, _)| other == name) {
            Some((_, count)) => *count += 1,
            None => counts.push((name.to_owned(), 1)),
        }
    }
    counts.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
    let words: Vec<String> = counts
        .iter()
        .map(|(name, count)| format!("{name}: {count}"))
        .collect();
    findings.note(format!(
        "longest plateaus by polygon, a + for each dead feature of positive bias: {}",
        words.join(", ")
    ));
    for step_size in [1e-6, 1e-5, 1e-4] {
        findings.note(langevin(context, step_size)?);
    }
    findings.figure("", figure(&read[..N_CHAINS], ours, &runs, &levels));
    Ok(findings)
}

fn figure(
    read: &[Corners],
    transitions: &[f64],
    runs: &[Vec<f64>],
    levels: &[(String, f64)],
) -> String {
    let n = n_examples();
    let points = |of: fn(&Corners) -> &Vec<f64>| -> Vec<[f64; 2]> {
        n.iter()
            .enumerate()
            .map(|(rung, &n)| {
                let sum: f64 = read.iter().map(|c| of(c)[rung]).sum();
                [n, sum / read.len() as f64]
            })
            .collect()
    };
    let at = mean_and_error(transitions).0;
    let posterior = Panel::new(
        "the posterior",
        Axis::new("examples n").with_scale(Scale::Logarithmic),
        Axis::new("share of the posterior").with_range(0.0, 1.0),
    )
    .with_series(Series::line("five corners", points(|c| &c.five)))
    .with_series(Series::line("six corners", points(|c| &c.six)))
    .with_series(Series::dashed(
        format!("n = {at:.0}"),
        vec![[at, 0.0], [at, 1.0]],
    ));
    let mut training = Panel::new(
        "trainings",
        Axis::new("step").with_scale(Scale::Logarithmic),
        Axis::new("exact loss"),
    );
    for (name, level) in levels {
        if matches!(name.as_str(), "2" | "3" | "4" | "4++" | "5" | "5+" | "6") {
            training = training.with_level(*level, name.clone());
        }
    }
    for losses in runs.iter().take(8) {
        // As dense as the axis shows them.
        let looks = std::iter::successors(Some(0), |k| Some(k + 1 + k / 30));
        let looks = looks.take_while(|&k| k < losses.len());
        let points = looks.map(|k| [(k * LOOK_EVERY + 1) as f64, losses[k]]);
        training = training.with_series(Series::line("", points.collect()));
    }
    Figure::new("")
        .with_columns(2)
        .with_panel(posterior)
        .with_panel(training)
        .render()
}
