//! X4: which fixed solution of two features in one dimension is best.

use superposition_analysis::faer::{Mat, mat};
use superposition_model::{FeatureDistribution, FeatureProbability};

use super::support::{TMS, bisect, logarithmic, phase_figure, population_loss_sum, variance};
use crate::LabError;
use crate::reproduce::{
    Budget, Check, Context, Definition, Expected, Experiment, Findings, Precision, Verdict,
};

pub(super) const EXPERIMENT: Experiment = Experiment {
    definition: Definition {
        id: "X4",
        claim: "n = 2, m = 1: the phases of fixed weights are the extra feature dropped, the first dropped, and an antipodal pair",
        source: TMS,
        section: "Superposition as a Phase Change: the theoretical diagram",
        config: "W = [1, 0], [0, 1] with bias p/2 of the dropped feature, and [1, -1] with b = 0; relative importance r in 0.1..10 and p in 0.01..1, logarithmic, 64 x 64 cells",
        measured: "the population loss of each solution, the best in each cell, the boundaries",
        seeds: &[],
        budget: Budget::seconds(3.0),
    },
    run,
};

const GRID: usize = 64;

/// Losses of the three solutions, importance 1 and r, in closed form.
fn closed_form(r: f64, p: f64) -> [f64; 3] {
    [r * variance(p), variance(p), (1.0 + r) * p * p / 6.0]
}

/// The same from the toy model.
fn population(r: f64, p: f64) -> Result<[f64; 3], LabError> {
    let distribution = FeatureDistribution::new(2, &FeatureProbability::Same(p))?;
    let loss = |w: Mat<f64>, b: [f64; 2]| population_loss_sum(&w, &b, &distribution, &[1.0, r]);
    Ok([
        loss(mat![[1.0, 0.0]], [0.0, p / 2.0])?,
        loss(mat![[0.0, 1.0]], [p / 2.0, 0.0])?,
        loss(mat![[1.0, -1.0]], [0.0, 0.0])?,
    ])
}

/// What the boundaries say: the antipodal pair lies between `r = 2p/(4 - 5p)` and its mirror.
fn phase(r: f64, p: f64) -> usize {
    let boundary = 2.0 * p / (4.0 - 5.0 * p);
    // From p = 4/5 on the boundary is nowhere; from the triple point on the pair is nowhere best.
    let pair = p < 4.0 / 7.0 && r > boundary && r < 1.0 / boundary;
    match (pair, r < 1.0) {
        (true, _) => 2,
        (false, true) => 0,
        (false, false) => 1,
    }
}

fn best(losses: [f64; 3]) -> usize {
    (0..3)
        .min_by(|&a, &b| losses[a].total_cmp(&losses[b]))
        .expect("there are three")
}

fn run(context: &Context<'_>) -> Result<Findings, LabError> {
    let mut findings = Findings::new(Verdict::Agrees);
    let (mut worst, mut wrong, mut wrong_of_control) = (0.0_f64, 0, 0);
    for (row, p) in logarithmic(0.01, 1.0, GRID).into_iter().enumerate() {
        context.progress(row as f64 / GRID as f64)?;
        for r in logarithmic(0.1, 10.0, GRID) {
            let (losses, closed) = (population(r, p)?, closed_form(r, p));
            for (loss, closed) in losses.iter().zip(closed) {
                worst = worst.max((loss - closed).abs() / closed);
            }
            wrong += u32::from(best(losses) != phase(r, p));
            // Dropped with a bias of 0, a feature costs E x^2 = p/3.
            let unbiased = [r * p / 3.0, p / 3.0, losses[2]];
            wrong_of_control += u32::from(best(unbiased) != phase(r, p));
        }
    }
    findings.check(Check::new(
        "loss of the toy model against r v, v and (1 + r) p^2/6: largest relative difference",
        worst,
        Precision::Deterministic { error: 1e-6 },
        Expected::AtMost { value: 1e-6 },
        "importance and bias are rounded to f32",
    ));
    let cells = |wrong: u32| {
        Check::new(
            "cells whose best solution is not that of the boundaries",
            f64::from(wrong),
            Precision::Exact,
            Expected::Equals {
                value: 0.0,
                tolerance: 0.0,
            },
            "a boundary through a cell's centre would be a tie; none is",
        )
    };
    findings.check(cells(wrong));
    for p in [0.1, 0.3, 0.5] {
        let r = bisect(0.01, 1.0, |r| {
            let [drop_extra, _, pair] = population(r, p)?;
            Ok(drop_extra - pair)
        })?;
        findings.check(Check::new(
            format!("boundary at p = {p}: r"),
            r,
            Precision::Deterministic { error: 1e-6 },
            Expected::Equals {
                value: 2.0 * p / (4.0 - 5.0 * p),
                tolerance: 1e-6,
            },
            "2p/(4 - 5p); importance is rounded to f32",
        ));
    }
    let triple = bisect(0.1, 0.9, |p| {
        let [drop_extra, _, pair] = population(1.0, p)?;
        Ok(pair - drop_extra)
    })?;
    findings.check(Check::new(
        "triple point at r = 1: p",
        triple,
        Precision::Deterministic { error: 1e-6 },
        Expected::Equals {
            value: 4.0 / 7.0,
            tolerance: 1e-6,
        },
        "p/3 - p^2/4 = p^2/3 at 4/7; the bias is rounded to f32",
    ));
    findings.figure("", figure());
    findings.control(
        "dropped features whose bias is 0 instead of p/2",
        cells(wrong_of_control),
    );
    Ok(findings)
}

fn figure() -> String {
    let names = [
        "extra feature dropped",
        "first feature dropped",
        "antipodal pair",
    ];
    phase_figure(
        "Two features in one dimension: the best fixed weights",
        &names.map(str::to_owned),
        phase,
        &[
            ("r = 2p/(4 - 5p)", &|p| 2.0 * p / (4.0 - 5.0 * p)),
            ("its mirror", &|p| (4.0 - 5.0 * p) / (2.0 * p)),
        ],
    )
}
