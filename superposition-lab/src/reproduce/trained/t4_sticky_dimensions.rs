//! T4: dimensions per feature stick at 1/2, and those of single features lie on lines.

use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;
use superposition_analysis::{
    Polytope, Polytopes, feature_dimensionality, feature_norms, polytopes,
};
use superposition_model::{
    Dimensions, FeatureDistribution, FeatureProbability, FeatureSets, Importance, ToyModel,
};
use superposition_train::{Task, TrainOptions};

use superposition_viz::Scale;
use superposition_viz::svg::{Axis, Figure, Panel, Series};

use super::support::{
    Fit, config, features_per_dimension, fits, notebook, notebook_levels, settled, task, untrained,
};
use crate::reproduce::exact::{best_gain, variance};
use crate::reproduce::{
    Budget, Check, Context, Definition, Expected, Experiment, Findings, Precision, Verdict,
};
use crate::{LabError, TOY_MIN_NORM, toy_polytope_options};

pub(super) const EXPERIMENT: Experiment = Experiment {
    definition: Definition {
        id: "T4",
        claim: "dimensions per feature stick at 1/2, and the dimensionality of single features lies on lines that belong to polytopes",
        source: "Elhage et al. 2022, Toy Models of Superposition",
        section: "The Geometry of Superposition: uniform superposition",
        config: "n = 200, m = 20, importance 1, p = 20^(-k/19), k = 0..19, the notebook's AdamW, 10,000 steps; n = 400, m = 30 at p = .3, .22 and .05, Adam at 3e-3 with cosine decay, 15,000 steps; 1,024 samples a step",
        measured: "D* of a model, D_i of represented features, components by name",
        seeds: &[0],
        budget: Budget {
            quick: 120.0,
            standard: 240.0,
            full: 240.0,
        },
    },
    run,
};

pub(super) const N: usize = 200;
pub(super) const M: usize = 20;
pub(super) const N_LEVELS: usize = 20;
/// Where lines are looked for.
const FRACTIONS: [(f64, &str); 5] = [
    (3.0 / 4.0, "3/4, tetrahedra"),
    (2.0 / 3.0, "2/3, triangles"),
    (1.0 / 2.0, "1/2, digons"),
    (2.0 / 5.0, "2/5, pentagons"),
    (3.0 / 8.0, "3/8, square antiprisms"),
];
/// Half the width of a line, and how far from it the background is counted.
const HALF_WIDTH: f64 = 0.005;
const BESIDE: f64 = 0.0125;

/// How they are trained.
pub(super) fn options() -> TrainOptions {
    let dimensions = Dimensions {
        n_features: N,
        n_hidden: M,
    };
    notebook(dimensions, N_LEVELS)
}

/// The models of every so many levels, which T7 attacks.
pub(super) fn levels(
    context: &Context<'_>,
    share: std::ops::Range<f64>,
    every: usize,
) -> Result<Vec<(f64, Task, ToyModel)>, LabError> {
    let levels: Vec<f64> = notebook_levels(N_LEVELS)
        .into_iter()
        .step_by(every)
        .collect();
    let tasks: Vec<Task> = levels
        .iter()
        .map(|&p| task(N, p, FeatureSets::Independent, &Importance::Uniform))
        .collect::<Result<_, _>>()?;
    let all = fits(context, share, config(N, M), &tasks, &options(), 0..1)?;
    let models = all.into_iter().flatten().map(|Fit { model, .. }| model);
    Ok(levels
        .into_iter()
        .zip(tasks)
        .zip(models)
        .map(|((p, task), model)| (p, task, model))
        .collect())
}

/// The dimensionality of represented features.
fn dimensionality(model: &ToyModel) -> Vec<f64> {
    let norms = feature_norms(model.w());
    let values = feature_dimensionality(model.w()).into_iter().zip(norms);
    values
        .filter(|&(_, norm)| norm > TOY_MIN_NORM)
        .map(|(d, _)| d)
        .collect()
}

/// How many features are on the line at `f`, and beside it on the side where there are more.
fn on_and_beside(values: &[f64], f: f64) -> (usize, usize) {
    let near = |at: f64| {
        values
            .iter()
            .filter(|&&d| (d - at).abs() <= HALF_WIDTH)
            .count()
    };
    (near(f), near(f - BESIDE).max(near(f + BESIDE)))
}

fn is_line(values: &[f64], f: f64) -> bool {
    let (on, beside) = on_and_beside(values, f);
    on >= 10 && on >= 2 * beside
}

fn lines(values: &[f64], name: &str) -> [Check; 2] {
    let reason = "a line: at least 10 features within .005, and twice as many as within .005 of a place .0125 off";
    let half = is_line(values, 0.5);
    let others = FRACTIONS
        .iter()
        .filter(|(f, _)| *f != 0.5 && is_line(values, *f));
    [
        Check::new(
            format!("{name}: whether D_i has a line at 1/2"),
            f64::from(u8::from(half)),
            Precision::Exact,
            Expected::Equals {
                value: 1.0,
                tolerance: 0.0,
            },
            reason,
        ),
        Check::new(
            format!("{name}: lines of D_i at 3/4, 2/3, 2/5 or 3/8"),
            others.count() as f64,
            Precision::Exact,
            Expected::AtLeast { value: 1.0 },
            reason,
        ),
    ]
}

fn share(name: String, value: f64, at_least: f64, reason: &str) -> Check {
    Check::new(
        name,
        value,
        Precision::Exact,
        Expected::AtLeast { value: at_least },
        reason,
    )
}

/// How much a trained model gains per dimension over dropping all features, beside the best of X14's polytopes.
fn gain(model: &ToyModel, p: f64) -> Result<String, LabError> {
    let Dimensions {
        n_features: n,
        n_hidden: m,
    } = model.dimensions();
    let distribution = FeatureDistribution::new(n, &FeatureProbability::Same(p))?;
    let loss = model.population_loss(&distribution, &vec![1.0; n], 1e-4 * p)?;
    let (name, best) = best_gain(p)?;
    Ok(format!(
        "n = {n}, p = {p:.3}: gain per dimension {:.5}; of the best polytope of X14, the {name}, {best:.5}",
        n as f64 * (variance(p) - loss.value) / m as f64
    ))
}

fn run(context: &Context<'_>) -> Result<Findings, LabError> {
    let mut findings = Findings::new(Verdict::Agrees);
    let models = levels(context, 0.0..0.35, 1)?;
    let per_feature: Vec<f64> = models
        .iter()
        .map(|(_, _, model)| 1.0 / features_per_dimension(model))
        .collect();
    findings.check(Check::new(
        "levels whose D* is within .03 of 1/2",
        per_feature
            .iter()
            .filter(|d| (*d - 0.5).abs() <= 0.03)
            .count() as f64,
        Precision::Exact,
        Expected::AtLeast { value: 3.0 },
        "D* sticks at 1/2 over a range of sparsity",
    ));
    let values: Vec<f64> = models
        .iter()
        .flat_map(|(_, _, model)| dimensionality(model))
        .collect();
    for check in lines(&values, "n = 200") {
        findings.check(check);
    }
    for (f, name) in FRACTIONS {
        let (on, beside) = on_and_beside(&values, f);
        findings.note(format!(
            "n = 200: {on} of {} features within .005 of {name}, {beside} beside it",
            values.len()
        ));
    }
    for (p, _, model) in &models {
        let d = dimensionality(model);
        findings.note(format!(
            "n = 200, p = {p:.3}: D* {:.3}, sum of D_i {:.2} of {M}",
            1.0 / features_per_dimension(model),
            d.iter().fold(0.0, |sum, d| sum + d)
        ));
    }
    for (p, _, model) in models.iter().filter(|(p, ..)| *p < 0.95) {
        findings.note(gain(model, *p)?);
    }
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let blurred: Vec<f64> = values
        .iter()
        .map(|d| d + rng.random_range(-0.05..0.05))
        .collect();
    for check in lines(&blurred, "blurred") {
        findings.control("the same D_i, each moved by up to .05", check);
    }
    let dimensions = config(N, M).dimensions;
    let mut before = Vec::new();
    for seed in 0..N_LEVELS as u64 {
        let model = untrained(config(N, M), &notebook(dimensions, N_LEVELS), seed)?;
        // No norm says whether a feature was learned: all count.
        before.extend(feature_dimensionality(model.w()));
    }
    for check in lines(&before, "untrained") {
        findings.control("models before training", check);
    }

    let probabilities = [0.3, 0.22, 0.05];
    let tasks: Vec<Task> = probabilities
        .iter()
        .map(|&p| task(400, p, FeatureSets::Independent, &Importance::Uniform))
        .collect::<Result<_, _>>()?;
    let options = settled(context.by_preset(4_000, 15_000, 15_000));
    let large = fits(context, 0.35..1.0, config(400, 30), &tasks, &options, 0..1)?;
    let mut found: Vec<Polytopes> = Vec::new();
    for (p, fits) in probabilities.iter().zip(&large) {
        let named = polytopes(fits[0].model.w(), &toy_polytope_options())?;
        findings.note(format!("n = 400, p = {p}: {named}"));
        findings.note(gain(&fits[0].model, *p)?);
        found.push(named);
    }
    let digons = |found: &Polytopes, name: &str| {
        share(
            format!("n = 400, {name}: share of represented features in digons"),
            found.share(Some(Polytope::Digon)),
            0.95,
            "the best polytope at this density",
        )
    };
    let named = |found: &Polytopes, name: &str| {
        share(
            format!("n = 400, {name}: share of represented features in named components"),
            1.0 - found.share(None),
            0.8,
            "digons, pentagons and square antiprisms side by side",
        )
    };
    findings.check(digons(&found[0], "p = .3"));
    findings.check(named(&found[1], "p = .22"));
    findings.control(
        "features so sparse that all interfere",
        named(&found[2], "p = .05"),
    );
    findings.figure("", figure(&models, &per_feature));
    Ok(findings)
}

/// D* and D_i against 1/p, with the lines of the polytopes.
fn figure(models: &[(f64, Task, ToyModel)], per_feature: &[f64]) -> String {
    let sparsity = || Axis::new("1/p").with_scale(Scale::Logarithmic);
    let lines = |mut panel: Panel| {
        for (f, name) in FRACTIONS {
            panel = panel.with_series(Series::dashed(name, vec![[1.0, f], [20.0, f]]));
        }
        panel
    };
    let stars = models.iter().zip(per_feature);
    let stars = stars.map(|((p, _, _), &d)| [1.0 / p, d]).collect();
    let of_model = Panel::new(
        "dimensions per feature",
        sparsity(),
        Axis::new("D* = m / |W|^2"),
    )
    .with_series(Series::line("n = 200, m = 20", stars));
    let points = models
        .iter()
        .flat_map(|(p, _, model)| dimensionality(model).into_iter().map(move |d| [1.0 / p, d]));
    let of_features = Panel::new(
        "dimensionality of represented features",
        sparsity(),
        Axis::new("D_i").with_range(0.0, 1.0),
    )
    .with_series(Series::points("features", points.collect()));
    Figure::new("")
        .with_columns(2)
        .with_panel(of_model)
        .with_panel(lines(of_features))
        .render()
}
