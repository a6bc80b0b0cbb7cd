//! X17: when the quadratic model represents a second feature in one dimension.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;
use superposition_analysis::faer::mat;
use superposition_model::quadratic::QuadraticModel;
use superposition_viz::Scale;
use superposition_viz::svg::{Axis, Figure, Grid, Palette, Panel, Series};

use super::quadratic::{best_weights, capacities};
use super::support::{SJB, bisect, logarithmic};
use crate::LabError;
use crate::reproduce::{
    Budget, Check, Context, Definition, Expected, Experiment, Findings, Precision, Verdict,
};

pub(super) const EXPERIMENT: Experiment = Experiment {
    definition: Definition {
        id: "X17",
        claim: "two features in one dimension: the second is represented iff v_2/v_1 > 2/(kurtosis - 1); at kurtosis 3 nothing is shared; C_1 = (K v_1 - 2 v_2)/((K - 2)(v_1 + v_2))",
        source: SJB,
        section: "phase diagram of two features in the quadratic toy model",
        config: "n = 2, m = 1, kurtosis 3.5 to 20; bisection on whether W = [sqrt v_1, e] has a lower loss than W = [sqrt v_1, 0]; best of 10 starts at kurtosis 6",
        measured: "the ratio v_2/v_1 of the boundary, capacities by search",
        seeds: &[17],
        budget: Budget::seconds(1.0),
    },
    run,
};

/// The ratio from which on a little of the second feature lowers the loss.
fn boundary(kurtosis: f64) -> Result<f64, LabError> {
    let small = 1e-3;
    bisect(0.0, 1.0, |ratio| {
        let model = QuadraticModel::new(vec![1.0, ratio], kurtosis)?;
        let alone = model.loss(mat![[1.0, 0.0]].as_ref());
        Ok(alone - model.loss(mat![[1.0, small]].as_ref()))
    })
}

fn run(_: &Context<'_>) -> Result<Findings, LabError> {
    let mut findings = Findings::new(Verdict::Agrees);
    let check = |kurtosis: f64, of_formula: f64| -> Result<Check, LabError> {
        Ok(Check::new(
            format!("boundary at kurtosis {kurtosis}: v_2/v_1"),
            boundary(kurtosis)?,
            Precision::Deterministic { error: 1e-5 },
            Expected::Equals {
                value: 2.0 / (of_formula - 1.0),
                tolerance: 1e-3,
            },
            "2/(kurtosis - 1); the trial norm of 1e-3 moves it by 1e-6",
        ))
    };
    for kurtosis in [3.5, 4.0, 6.0, 11.0, 20.0] {
        findings.check(check(kurtosis, kurtosis)?);
    }
    let mut rng = ChaCha8Rng::seed_from_u64(EXPERIMENT.definition.seeds[0]);
    let model = QuadraticModel::new(vec![1.0, 0.5], 6.0)?;
    let found = capacities(&best_weights(&model, 1, 10, &mut rng))[0];
    for (how, value) in [
        ("by search", found),
        ("by allocation", model.allocate(1)[0]),
    ] {
        findings.check(Check::new(
            format!("kurtosis 6, v_2/v_1 = 0.5, {how}: C_1"),
            value,
            Precision::Deterministic { error: 1e-6 },
            Expected::Equals {
                value: 0.8889,
                tolerance: 1e-4,
            },
            "published to four digits; the formula gives 8/9",
        ));
    }
    let gaussian = QuadraticModel::new(vec![1.0, 0.9], 3.0)?;
    let found = capacities(&best_weights(&gaussian, 1, 10, &mut rng));
    findings.check(Check::new(
        "kurtosis 3, v_2/v_1 = 0.9, by search: C_2",
        found[1],
        Precision::Deterministic { error: 1e-4 },
        Expected::AtMost { value: 1e-3 },
        "PCA: the second feature is not represented",
    ));
    findings.figure("", figure()?);
    findings.control(
        "the formula for kurtosis 4, measured at 6",
        check(6.0, 4.0)?,
    );
    Ok(findings)
}

fn figure() -> Result<String, LabError> {
    const CELLS: usize = 60;
    let ratios: Vec<f64> = (0..=CELLS).map(|k| k as f64 / CELLS as f64).collect();
    let kurtoses = logarithmic(2.0, 20.0, CELLS + 1);
    let mut values = Vec::with_capacity(CELLS * CELLS);
    for row in 0..CELLS {
        let kurtosis = (kurtoses[row] * kurtoses[row + 1]).sqrt();
        for column in 0..CELLS {
            let ratio = 0.5 * (ratios[column] + ratios[column + 1]);
            values.push(QuadraticModel::new(vec![1.0, ratio], kurtosis)?.allocate(1)[1]);
        }
    }
    let line = kurtoses.iter().map(|k| [2.0 / (k - 1.0), *k]);
    let line = line.filter(|[ratio, _]| *ratio <= 1.0).collect();
    let panel = Panel::new(
        "",
        Axis::new("v_2 / v_1"),
        Axis::new("kurtosis").with_scale(Scale::Logarithmic),
    )
    .with_grid(Grid::heatmap(
        ratios,
        kurtoses,
        "capacity of the second feature",
        values,
        Palette::Sequential,
    ))
    .with_series(Series::line("v_2 / v_1 = 2/(kurtosis - 1)", line).with_color(1));
    Ok(Figure::new("Two features in one dimension")
        .with_panel(panel)
        .render())
}
