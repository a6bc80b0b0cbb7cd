//! T7: superposition makes models vulnerable to small changes of the input, and training against them makes it less.

use std::ops::Range;

use superposition_model::{FeatureDistribution, ToyModel};
use superposition_train::{Stream, Task};

use superposition_viz::svg::{Axis, Figure, Panel, Series};

use super::support::{Fit, config, features_per_dimension, fits};
use super::t4_sticky_dimensions::{M, N, levels, options};
use crate::LabError;
use crate::reproduce::{
    Budget, Check, Context, Definition, Expected, Experiment, Findings, Precision, Verdict,
};

pub(super) const EXPERIMENT: Experiment = Experiment {
    definition: Definition {
        id: "T7",
        claim: "vulnerability to adversarial examples follows the number of features per dimension, and training against them lowers both",
        source: "Elhage et al. 2022, Toy Models of Superposition",
        section: "Relationship to Adversarial Robustness",
        config: "the 20 models of T4 with n = 200, m = 20 (every third with --quick); 1,000 samples; L2 attacks of .1 times the mean norm of an input, along row i of W^T W, for the output i where it does most; the sparsest trained again against attacks on features drawn at random, of 1, 3 and 10 times that size (3 alone with --quick)",
        measured: "how much the squared error of the attacked output grows, by the squared size of the attack, relative to the densest model; the same and the features per dimension after training against attacks",
        seeds: &[0],
        budget: Budget::seconds(150.0),
    },
    run,
};

const N_SAMPLES: usize = 1_000;
/// The size of an attack by the mean norm of an input.
const STRENGTH: f64 = 0.1;

/// So many times the size of the attacks that are measured are those trained against.
const TRAINED_AGAINST: [f64; 3] = [3.0, 1.0, 10.0];

fn norm(values: impl IntoIterator<Item = f64>) -> f64 {
    values.into_iter().map(|v| v * v).sum::<f64>().sqrt()
}

/// The samples that are attacked, and the size of the attacks.
fn inputs(distribution: &FeatureDistribution) -> (Vec<Vec<f64>>, f64) {
    let x = distribution.sample(N_SAMPLES, &mut Stream::Evaluation.rng(0, 0, 0));
    let inputs: Vec<Vec<f64>> = (0..N_SAMPLES)
        .map(|s| x.col(s).iter().map(|&x| f64::from(x)).collect())
        .collect();
    let norms = inputs.iter().map(|x| norm(x.iter().copied()));
    let size = STRENGTH * norms.sum::<f64>() / N_SAMPLES as f64;
    (inputs, size)
}

/// The mean over samples of the most that the squared error of an output grows, divided by the squared size of the
/// attack.
///
/// An attack of size `$\epsilon$` along `$G_i / \lVert G_i \rVert$` moves `$z_i$` by `$\epsilon \lVert G_i \rVert$`.
fn vulnerability(model: &ToyModel, distribution: &FeatureDistribution) -> f64 {
    let n = model.dimensions().n_features;
    let (inputs, size) = inputs(distribution);
    let w = model.w();
    let b = model.b().expect("the models of T4 have a bias");
    let column = |i: usize| (0..w.nrows()).map(move |k| f64::from(w[(k, i)]));
    let g: Vec<Vec<f64>> = (0..n)
        .map(|i| {
            (0..n)
                .map(|j| column(i).zip(column(j)).map(|(a, b)| a * b).sum())
                .collect()
        })
        .collect();
    let norms: Vec<f64> = g.iter().map(|row| norm(row.iter().copied())).collect();
    let mut sum = 0.0;
    let mut z = vec![0.0; n];
    for x in &inputs {
        for (z, b) in z.iter_mut().zip(b) {
            *z = f64::from(*b);
        }
        // G is symmetric, and most inputs are 0.
        for (row, &x) in g.iter().zip(x).filter(|(_, x)| **x != 0.0) {
            for (z, g) in z.iter_mut().zip(row) {
                *z += g * x;
            }
        }
        let grown = (0..n).map(|i| {
            let square = |z: f64| (z.max(0.0) - x[i]).powi(2);
            let moved = size * norms[i];
            square(z[i] + moved).max(square(z[i] - moved)) - square(z[i])
        });
        sum += grown.fold(0.0, f64::max);
    }
    sum / (N_SAMPLES as f64 * size * size)
}

fn expected_loss(model: &ToyModel, task: &Task) -> Result<f64, LabError> {
    let loss = model.population_loss(&task.distribution, &task.importance, 1e-8)?;
    Ok(loss.value)
}

/// The rank correlation of Spearman, without ties.
fn spearman(a: &[f64], b: &[f64]) -> f64 {
    let ranks = |values: &[f64]| -> Vec<f64> {
        let below = |value: &f64| values.iter().filter(|other| *other < value).count() as f64;
        values.iter().map(below).collect()
    };
    let n = a.len() as f64;
    let squares = ranks(a)
        .into_iter()
        .zip(ranks(b))
        .map(|(a, b)| (a - b).powi(2));
    1.0 - 6.0 * squares.sum::<f64>() / (n * (n * n - 1.0))
}

/// What training against attacks makes of the sparsest model.
struct Trained {
    /// The size of the attacks, by that of those that are measured.
    times: f64,
    vulnerability: f64,
    per_dimension: f64,
    /// The expected loss without attacks.
    loss: f64,
}

fn trained_against(
    context: &Context<'_>,
    share: Range<f64>,
    (task, times, seed): (&Task, f64, u64),
) -> Result<Trained, LabError> {
    let size = inputs(&task.distribution).1;
    let attacked = [task.clone().with_attack(times * size)?];
    let seeds = seed..seed + 1;
    let fits = fits(context, share, config(N, M), &attacked, &options(), seeds)?;
    let Fit { model, loss } = &fits[0][0];
    Ok(Trained {
        times,
        vulnerability: vulnerability(model, &task.distribution),
        per_dimension: features_per_dimension(model),
        loss: *loss,
    })
}

fn run(context: &Context<'_>) -> Result<Findings, LabError> {
    let models = levels(context, 0.0..0.75, context.by_preset(3, 1, 1))?;
    let per_dimension: Vec<f64> = models
        .iter()
        .map(|(_, _, model)| features_per_dimension(model))
        .collect();
    let mut vulnerabilities = Vec::new();
    for (_, task, model) in &models {
        vulnerabilities.push(vulnerability(model, &task.distribution));
    }
    let mut findings = Findings::new(Verdict::Agrees);
    let rises = vulnerabilities[models.len() - 1] / vulnerabilities[0];
    let sampled = Precision::Deterministic { error: 1e-6 };
    findings.check(Check::new(
        "vulnerability of the sparsest model by that of the densest",
        rises,
        sampled,
        Expected::AtLeast { value: 3.0 },
        "superposed features are attacked together: a change along many of them moves one output further than any change moves an orthogonal one",
    ));
    let follows = |vulnerabilities: &[f64], name: &str| {
        Check::new(
            format!("rank correlation of {name} with features per dimension"),
            spearman(vulnerabilities, &per_dimension),
            sampled,
            Expected::AtLeast { value: 0.95 },
            "both rise with sparsity, and stick together",
        )
    };
    findings.check(follows(&vulnerabilities, "the vulnerability"));
    let mut shuffled = vulnerabilities.clone();
    shuffled.rotate_left(models.len() / 2);
    findings.control(
        "each model's vulnerability given to another",
        follows(&shuffled, "a vulnerability that is another model's"),
    );
    for ((p, _, _), (v, d)) in models
        .iter()
        .zip(vulnerabilities.iter().zip(&per_dimension))
    {
        findings.note(format!(
            "p = {p:.3}: vulnerability {v:.3}, features per dimension {d:.3}"
        ));
    }
    let (task, last) = (&models[models.len() - 1].1, models.len() - 1);
    // Without attacks, from the seed of the others and from another.
    let plain = Trained {
        times: 0.0,
        vulnerability: vulnerabilities[last],
        per_dimension: per_dimension[last],
        loss: expected_loss(&models[last].2, task)?,
    };
    let other = trained_against(context, 0.75..0.8, (task, 0.0, 1))?;
    let n_against = context.by_preset(1, 3, 3);
    let mut against = Vec::new();
    for (k, &times) in TRAINED_AGAINST[..n_against].iter().enumerate() {
        let share = |k: usize| 0.8 + 0.15 * k as f64 / n_against as f64;
        against.push(trained_against(
            context,
            share(k)..share(k + 1),
            (task, times, 0),
        )?);
    }
    let falls = |trained: &Trained| {
        let falls = |name: &str, value: f64| {
            Check::new(
                format!("{name} of the sparsest model trained against attacks, by that without"),
                value,
                sampled,
                Expected::AtMost { value: 0.75 },
                "published as a thing to be tried, without a number: who is attacked through superposed features has less of them; trained against attacks of three times the size",
            )
        };
        [
            falls("vulnerability", trained.vulnerability / plain.vulnerability),
            falls(
                "features per dimension",
                trained.per_dimension / plain.per_dimension,
            ),
        ]
    };
    for check in falls(&against[0]) {
        findings.check(check);
    }
    for check in falls(&other) {
        findings.control("trained without attacks, from another seed", check);
    }
    against.push(plain);
    against.sort_by(|a, b| a.times.total_cmp(&b.times));
    for trained in &against {
        findings.note(format!(
            "trained against attacks of {} times the size: vulnerability {:.3}, features per dimension {:.3}, loss without attacks {:.6}",
            trained.times, trained.vulnerability, trained.per_dimension, trained.loss
        ));
    }
    let points = per_dimension.iter().zip(&vulnerabilities);
    let points = points.map(|(&d, &v)| [d, v / vulnerabilities[0]]);
    let panel = Panel::new(
        "vulnerability and superposition",
        Axis::new("features per dimension, |W|^2 / m"),
        Axis::new("vulnerability, by that of the densest model"),
    )
    .with_series(Series::points("models", points.collect()));
    let of = |value: fn(&Trained) -> f64| {
        let by_plain = |trained: &Trained| [trained.times, value(trained) / value(&against[0])];
        against.iter().map(by_plain).collect()
    };
    let trained = Panel::new(
        "trained against attacks",
        Axis::new("size of the attacks, by that of those measured"),
        Axis::new("by that of the model trained without"),
    )
    .with_series(Series::line(
        "vulnerability",
        of(|trained| trained.vulnerability),
    ))
    .with_series(Series::line(
        "features per dimension",
        of(|trained| trained.per_dimension),
    ))
    .with_series(Series::line(
        "loss without attacks",
        of(|trained| trained.loss),
    ));
    let figure = Figure::new("").with_panel(panel).with_panel(trained);
    findings.figure("", figure.render());
    Ok(findings)
}
