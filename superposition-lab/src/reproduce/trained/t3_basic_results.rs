//! T3: sparser features, more of them represented; the first to share a dimension are antipodal pairs.

use superposition_analysis::feature_norms;
use superposition_model::{FeatureSets, Importance, Output, ToyModel};
use superposition_train::Task;

use superposition_viz::Scale;
use superposition_viz::svg::{Axis, Figure, Panel, Series};

use super::support::{config, cosines, features_per_dimension, fits, n_represented, settled, task};
use crate::reproduce::{
    Budget, Check, Context, Definition, Expected, Experiment, Findings, Precision, Verdict,
};
use crate::{LabError, TOY_MIN_NORM};

pub(super) const EXPERIMENT: Experiment = Experiment {
    definition: Definition {
        id: "T3",
        claim: "dense features are represented like principal components; the sparser, the more are represented, first as antipodal pairs",
        source: "Elhage et al. 2022, Toy Models of Superposition",
        section: "Demonstrating Superposition: basic results",
        config: "n = 20, m = 5, importance 0.7^i and n = 80, m = 20, importance 0.9^i; p from 1 to .001; Adam at 3e-3 with cosine decay, 20,000 steps of 1,024 samples; the lowest expected loss of 4 and 2 seeds",
        measured: "represented features, biases of dropped ones, cosines of those that share",
        seeds: &[0, 1, 2, 3],
        budget: Budget {
            quick: 45.0,
            standard: 150.0,
            full: 150.0,
        },
    },
    run,
};

const LEVELS: [f64; 10] = [1.0, 0.5, 0.3, 0.2, 0.1, 0.05, 0.03, 0.01, 0.003, 0.001];
/// Below this norm a feature is dropped.
const DROPPED: f64 = 0.1;

struct Size {
    n: usize,
    m: usize,
    ratio: f64,
    /// Of the quick preset, and of the others.
    n_seeds: [u64; 2],
}

const SIZES: [Size; 2] = [
    Size {
        n: 20,
        m: 5,
        ratio: 0.7,
        n_seeds: [2, 4],
    },
    Size {
        n: 80,
        m: 20,
        ratio: 0.9,
        n_seeds: [1, 2],
    },
];

/// The largest difference of a dropped feature's bias from p/2.
fn bias_error(model: &ToyModel, p: f64) -> f64 {
    let b = model.b().unwrap_or_default();
    let norms = feature_norms(model.w());
    let dropped = norms.iter().zip(b).filter(|(norm, _)| **norm < DROPPED);
    dropped.fold(0.0, |most, (_, &b)| {
        most.max((f64::from(b) - p / 2.0).abs())
    })
}

/// The largest cosine among represented features that interfere, of which there may be none.
fn largest_interfering(model: &ToyModel) -> Option<f64> {
    let (norms, cosines) = (feature_norms(model.w()), cosines(model));
    let n = norms.len();
    let pairs = (0..n).flat_map(|i| (0..i).map(move |j| (i, j)));
    pairs
        .filter(|&(i, j)| norms[i] > TOY_MIN_NORM && norms[j] > TOY_MIN_NORM)
        .map(|(i, j)| cosines[(i, j)])
        .filter(|cosine| cosine * cosine > 0.05)
        .reduce(f64::max)
}

fn count(name: String, value: usize, expected: Expected, reason: &str) -> Check {
    Check::new(name, value as f64, Precision::Exact, expected, reason)
}

fn run(context: &Context<'_>) -> Result<Findings, LabError> {
    let mut findings = Findings::new(Verdict::Agrees);
    let options = settled(context.by_preset(10_000, 20_000, 20_000));
    let deterministic = Precision::Deterministic { error: 1e-6 };
    let mut per_dimension: Vec<Vec<f64>> = Vec::new();
    let mut panel = Panel::new(
        "represented features",
        Axis::new("1/p").with_scale(Scale::Logarithmic),
        Axis::new("features of norm above 1/2, by m"),
    );
    for (k, size) in SIZES.iter().enumerate() {
        let importance = Importance::Geometric { ratio: size.ratio };
        let tasks: Vec<Task> = LEVELS
            .iter()
            .map(|&p| task(size.n, p, FeatureSets::Independent, &importance))
            .collect::<Result<_, _>>()?;
        let n_seeds = context.by_preset(size.n_seeds[0], size.n_seeds[1], size.n_seeds[1]);
        let share = if k == 0 { 0.0..0.3 } else { 0.3..1.0 };
        let config = config(size.n, size.m);
        let all = fits(context, share, config, &tasks, &options, 0..n_seeds)?;
        let models: Vec<&ToyModel> = all.iter().map(|fits| &fits[0].model).collect();
        let name = |what: &str| format!("n = {}, m = {}: {what}", size.n, size.m);
        let counts: Vec<usize> = models.iter().map(|model| n_represented(model)).collect();
        findings.check(count(
            name("features represented at p = 1"),
            counts[0],
            Expected::Equals {
                value: size.m as f64,
                tolerance: 0.0,
            },
            "principal components: as many as there are dimensions",
        ));
        let falls = counts.windows(2).filter(|pair| pair[1] < pair[0]);
        findings.check(count(
            name("times that fewer features are represented at a lower p"),
            falls.count(),
            Expected::Equals {
                value: 0.0,
                tolerance: 0.0,
            },
            "nondecreasing with sparsity",
        ));
        let more = |counts: &[usize], name: String| {
            count(
                name,
                counts[5],
                Expected::AtLeast {
                    value: (size.m + 1) as f64,
                },
                "more than there are dimensions",
            )
        };
        findings.check(more(&counts, name("features represented at p = .05")));
        findings.check(Check::new(
            name("p = 1: biases of dropped features, largest difference from p/2"),
            bias_error(models[0], 1.0),
            deterministic,
            Expected::AtMost { value: 0.02 },
            "p/2 is the mean of a feature, the best constant",
        ));
        let errors: Vec<String> = models
            .iter()
            .zip(LEVELS)
            .map(|(model, p)| format!("{:.3}", bias_error(model, p)))
            .collect();
        findings.note(name(&format!(
            "biases of features of norm below {DROPPED} differ from p/2 by up to {} at p = {LEVELS:?}",
            errors.join(" ")
        )));
        let first = models.iter().find_map(|model| largest_interfering(model));
        findings.check(Check::new(
            name("the first features that share dimensions: largest cosine"),
            first.unwrap_or(f64::NAN),
            deterministic,
            Expected::AtMost { value: -0.98 },
            "antipodal pairs",
        ));
        per_dimension.push(
            models
                .iter()
                .map(|model| 1.0 / features_per_dimension(model))
                .collect(),
        );
        let points = LEVELS.iter().zip(&counts);
        let points = points.map(|(p, &count)| [1.0 / p, count as f64 / size.m as f64]);
        let of_size = format!("n = {}, m = {}", size.n, size.m);
        panel = panel.with_series(Series::line(of_size, points.collect()));
        let counts: Vec<String> = counts.iter().map(usize::to_string).collect();
        findings.note(name(&format!(
            "represented at p = {LEVELS:?}: {}",
            counts.join(" ")
        )));

        if k == 0 {
            let linear = config.with_output(Output::Linear);
            let all = fits(context, 0.3..0.3, linear, &tasks[5..6], &options, 0..1)?;
            let counts = [n_represented(&all[0][0].model); LEVELS.len()];
            findings.control(
                "a model without ReLU",
                more(&counts, name("features represented at p = .05")),
            );
        }
    }
    let differences = per_dimension[0].iter().zip(&per_dimension[1]);
    findings.check(Check::new(
        "dimensions per feature D* of the two sizes at the same p: largest difference",
        differences.fold(0.0, |most, (a, b)| most.max((a - b).abs())),
        deterministic,
        Expected::AtMost { value: 0.15 },
        "four times the features and dimensions, and importance 0.9^4 = .66 where it was .7: about the same per dimension",
    ));
    findings.figure("", Figure::new("").with_panel(panel).render());
    Ok(findings)
}
