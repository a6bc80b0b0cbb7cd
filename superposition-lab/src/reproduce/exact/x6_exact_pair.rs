//! X6: the exact optimum of two features in one dimension.

use superposition_model::{FeatureDistribution, FeatureProbability};
use superposition_train::optimum::Basin;
use superposition_viz::Scale;
use superposition_viz::svg::{Axis, Figure, Panel, Series};

use super::support::{TMS, basins, logarithmic, objective, variance};
use crate::LabError;
use crate::reproduce::{
    Budget, Check, Context, Definition, Expected, Experiment, Findings, Precision, Verdict,
};

pub(super) const EXPERIMENT: Experiment = Experiment {
    definition: Definition {
        id: "X6",
        claim: "with W and b free, an opposite-sign solution is best for every p < 1: the triple point of the fixed weights disappears",
        source: TMS,
        section: "extends the theoretical phase diagram of Demonstrating Superposition",
        config: "n = 2, m = 1, importance 1; the lowest of 12 starts on the closed form of the loss",
        measured: "the lowest loss as the sum over features; signs, norm and bias there",
        seeds: &[0],
        budget: Budget::seconds(5.0),
    },
    run,
};

/// The lowest losses as sums over features, each from an independent search.
const LOSSES: [(f64, f64); 6] = [
    (0.1, 0.003_319_5),
    (0.3, 0.029_310_4),
    (0.5, 0.076_282_4),
    (0.7, 0.108_106_4),
    (0.9, 0.097_094_2),
    (1.0, 0.083_254_2),
];

fn lowest(context: &Context<'_>, p: f64) -> Result<Basin, LabError> {
    let distribution = FeatureDistribution::new(2, &FeatureProbability::Same(p))?;
    let pair = vec![1.0, -1.0, 0.0, 0.0];
    let mut basins = basins(context, &objective(2, 1, distribution)?, &[pair], 11)?;
    Ok(basins.swap_remove(0))
}

fn run(context: &Context<'_>) -> Result<Findings, LabError> {
    let mut findings = Findings::new(Verdict::Extends);
    let deterministic = Precision::Deterministic { error: 1e-9 };
    let loss = |p: f64, sum: f64, value: f64| {
        Check::new(
            format!("p = {p}: lowest loss, sum over features"),
            sum,
            deterministic,
            Expected::Equals {
                value,
                tolerance: 1e-6,
            },
            "an independent numeric search, given to seven digits",
        )
    };
    for (k, (p, value)) in LOSSES.into_iter().enumerate() {
        context.progress(0.1 * k as f64)?;
        let best = lowest(context, p)?;
        findings.check(loss(p, 2.0 * best.value(), value));
        let w = &best.lowest.x;
        if p < 1.0 {
            findings.check(Check::new(
                format!("p = {p}: product of the two weights"),
                w[0] * w[1],
                deterministic,
                Expected::AtMost { value: -0.1 },
                "opposite signs",
            ));
        }
    }
    // An antipodal pair of unit weights, as in X4.
    findings.control(
        "W = [1, -1], b = 0 at p = .5",
        loss(0.5, 0.25 / 3.0, LOSSES[2].1),
    );

    let p = 1e-3;
    let best = lowest(context, p)?;
    let (norm_sq, b) = (best.lowest.x[0].powi(2), best.lowest.x[2]);
    findings.check(Check::new(
        "p = .001: (norm^2 - 1) / p",
        (norm_sq - 1.0) / p,
        Precision::Deterministic { error: 1e-5 },
        Expected::Equals {
            value: 0.125,
            tolerance: 1e-3,
        },
        "norm^2 = 1 + p/8 + O(p^2)",
    ));
    findings.check(Check::new(
        "p = .001: b / p^2",
        b / (p * p),
        Precision::Deterministic { error: 1e-4 },
        Expected::Equals {
            value: 5.0 / 48.0,
            tolerance: 1e-3,
        },
        "b = 5 p^2/48 + O(p^3)",
    ));
    let distribution = FeatureDistribution::new(2, &FeatureProbability::Same(0.1))?;
    let mut gradient = [0.0; 4];
    objective(2, 1, distribution)?.value_and_gradient(&[1.0, -1.0, 0.0, 0.0], &mut gradient);
    findings.check(Check::new(
        "p = .1: derivative by b at W = [1, -1], b = 0",
        gradient[2],
        Precision::Exact,
        Expected::AtMost { value: -1e-5 },
        "not stationary: a larger bias lowers the loss",
    ));
    let (mut exact, mut fixed) = (Vec::new(), Vec::new());
    for p in logarithmic(0.01, 1.0, 40) {
        context.progress(0.6)?;
        exact.push([p, 2.0 * lowest(context, p)?.value() / variance(p)]);
        fixed.push([p, (p * p / 3.0).min(variance(p)) / variance(p)]);
    }
    let panel = Panel::new(
        "two equally important features in one dimension",
        Axis::new("feature probability p").with_scale(Scale::Logarithmic),
        Axis::new("loss by that of a dropped feature, v(p)"),
    )
    .with_series(Series::line("exact optimum", exact))
    .with_series(Series::dashed("best fixed weights (X4)", fixed));
    findings.figure("", Figure::new("").with_panel(panel).render());
    Ok(findings)
}
