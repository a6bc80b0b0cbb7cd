//! T7: superposition makes models vulnerable to small changes of the input.

use superposition_model::{FeatureDistribution, ToyModel};
use superposition_train::Stream;

use superposition_viz::svg::{Axis, Figure, Panel, Series};

use super::support::features_per_dimension;
use super::t4_sticky_dimensions::levels;
use crate::LabError;
use crate::reproduce::{
    Budget, Check, Context, Definition, Expected, Experiment, Findings, Precision, Verdict,
};

pub(super) const EXPERIMENT: Experiment = Experiment {
    definition: Definition {
        id: "T7",
        claim: "vulnerability to adversarial examples follows the number of features per dimension",
        source: "Elhage et al. 2022, Toy Models of Superposition",
        section: "Relationship to Adversarial Robustness",
        config: "the 20 models of T4 with n = 200, m = 20 (every third with --quick); 1,000 samples; L2 attacks of .1 times the mean norm of an input, along row i of W^T W, for the output i where it does most",
        measured: "how much the squared error of the attacked output grows, by the squared size of the attack, relative to the densest model",
        seeds: &[0],
        budget: Budget::seconds(90.0),
    },
    run,
};

const N_SAMPLES: usize = 1_000;
/// The size of an attack by the mean norm of an input.
const STRENGTH: f64 = 0.1;

/// The mean over samples of the most that the squared error of an output grows, divided by the squared size of the
/// attack.
///
/// An attack of size `$\epsilon$` along `$G_i / \lVert G_i \rVert$` moves `$z_i$` by `$\epsilon \lVert G_i \rVert$`.
fn vulnerability(model: &ToyModel, distribution: &FeatureDistribution) -> f64 {
    let n = model.dimensions().n_features;
    let x = distribution.sample(N_SAMPLES, &mut Stream::Evaluation.rng(0, 0, 0));
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
    let norm = |values: &mut dyn Iterator<Item = f64>| values.map(|v| v * v).sum::<f64>().sqrt();
    let inputs: Vec<Vec<f64>> = (0..N_SAMPLES)
        .map(|s| (0..n).map(|i| f64::from(x[(i, s)])).collect())
        .collect();
    let mean: f64 = inputs
        .iter()
        .map(|x| norm(&mut x.iter().copied()))
        .sum::<f64>();
    let size = STRENGTH * mean / N_SAMPLES as f64;
    let norms: Vec<f64> = g.iter().map(|row| norm(&mut row.iter().copied())).collect();
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

fn run(context: &Context<'_>) -> Result<Findings, LabError> {
    let models = levels(context, 0.0..0.95, context.by_preset(3, 1, 1))?;
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
    let points = per_dimension.iter().zip(&vulnerabilities);
    let points = points.map(|(&d, &v)| [d, v / vulnerabilities[0]]);
    let panel = Panel::new(
        "vulnerability and superposition",
        Axis::new("features per dimension, |W|^2 / m"),
        Axis::new("vulnerability, by that of the densest model"),
    )
    .with_series(Series::points("models", points.collect()));
    findings.figure("", Figure::new("").with_panel(panel).render());
    Ok(findings)
}
