//! X5: which fixed solution of three features in two dimensions is best.

use superposition_analysis::faer::{Mat, mat};
use superposition_model::{Dimensions, FeatureDistribution, FeatureProbability};

use super::support::{TMS, bisect, logarithmic, phase_figure, population_loss_sum, variance};
use crate::phase_diagram::untrained_optimum;
use crate::reproduce::{
    Budget, Check, Context, Definition, Expected, Experiment, Findings, Precision, Verdict,
};
use crate::{LabError, PhaseReading, PhaseRegion};

pub(super) const EXPERIMENT: Experiment = Experiment {
    definition: Definition {
        id: "X5",
        claim: "n = 3, m = 2: four fixed solutions, whose boundaries meet at r = 1, p = 4/7",
        source: TMS,
        section: "Superposition as a Phase Change: the theoretical diagram",
        config: "importances 1, 1 and r; the extra feature or the first dropped (bias p/2), the extra feature antipodal to the first, or the first two antipodal (b = 0); 32 x 32 cells, r in 0.1..10, p in 0.01..1, logarithmic",
        measured: "the population loss of each solution, the best in each cell, the boundaries",
        seeds: &[],
        budget: Budget::seconds(6.0),
    },
    run,
};

const GRID: usize = 32;

/// Losses in closed form.
fn closed_form(r: f64, p: f64) -> [f64; 4] {
    [
        r * variance(p),
        variance(p),
        (1.0 + r) * p * p / 6.0,
        p * p / 3.0,
    ]
}

/// The same from the toy model, with these importances.
fn population(importance: [f64; 3], p: f64) -> Result<[f64; 4], LabError> {
    let distribution = FeatureDistribution::new(3, &FeatureProbability::Same(p))?;
    let loss = |w: Mat<f64>, b: [f64; 3]| population_loss_sum(&w, &b, &distribution, &importance);
    Ok([
        loss(mat![[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]], [0.0, 0.0, p / 2.0])?,
        loss(mat![[0.0, 0.0, 1.0], [0.0, 1.0, 0.0]], [p / 2.0, 0.0, 0.0])?,
        loss(mat![[1.0, 0.0, -1.0], [0.0, 1.0, 0.0]], [0.0; 3])?,
        loss(mat![[1.0, -1.0, 0.0], [0.0, 0.0, 1.0]], [0.0; 3])?,
    ])
}

/// What the boundaries say.
fn phase(r: f64, p: f64) -> usize {
    let sparse = p < 4.0 / 7.0;
    match (r < 1.0, sparse) {
        (true, _) if sparse && r > 2.0 * p / (4.0 - 5.0 * p) => 2,
        (true, _) => 0,
        (false, true) => 3,
        (false, false) => 1,
    }
}

fn best(losses: [f64; 4]) -> usize {
    (0..4)
        .min_by(|&a, &b| losses[a].total_cmp(&losses[b]))
        .expect("there are four")
}

fn run(context: &Context<'_>) -> Result<Findings, LabError> {
    let mut findings = Findings::new(Verdict::Agrees);
    let (mut worst, mut wrong, mut wrong_of_control) = (0.0_f64, 0, 0);
    for (row, p) in logarithmic(0.01, 1.0, GRID).into_iter().enumerate() {
        context.progress(row as f64 / GRID as f64)?;
        for r in logarithmic(0.1, 10.0, GRID) {
            let losses = population([1.0, 1.0, r], p)?;
            for (loss, closed) in losses.iter().zip(closed_form(r, p)) {
                worst = worst.max((loss - closed).abs() / closed);
            }
            wrong += u32::from(best(losses) != phase(r, p));
            // The first feature has the other importance, not the extra one.
            wrong_of_control += u32::from(best(population([r, 1.0, 1.0], p)?) != phase(r, p));
        }
    }
    findings.check(Check::new(
        "loss of the toy model against r v, v, (1 + r) p^2/6 and p^2/3: largest relative difference",
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
            "no boundary passes through a cell's centre",
        )
    };
    findings.check(cells(wrong));
    // Left of r = 1, right of it, above p = 4/7 and below.
    let between = |a: usize, b: usize, r: f64| {
        bisect(0.1, 0.9, |p| {
            let losses = population([1.0, 1.0, r], p)?;
            Ok(losses[b] - losses[a])
        })
    };
    let across = |a: usize, b: usize, p: f64| {
        bisect(0.3, 3.0, |r| {
            let losses = population([1.0, 1.0, r], p)?;
            Ok(losses[a] - losses[b])
        })
    };
    let at = |r: f64| 4.0 * r / (2.0 + 5.0 * r);
    for (name, measured, value) in [
        (
            "extra dropped | extra antipodal, at r = 0.3: p",
            between(0, 2, 0.3)?,
            at(0.3),
        ),
        (
            "extra dropped | extra antipodal, at r = 1: p",
            between(0, 2, 1.0)?,
            4.0 / 7.0,
        ),
        (
            "first dropped | first two antipodal, at r = 3: p",
            between(1, 3, 3.0)?,
            4.0 / 7.0,
        ),
        (
            "extra dropped | first dropped, at p = 0.8: r",
            across(0, 1, 0.8)?,
            1.0,
        ),
        (
            "extra antipodal | first two antipodal, at p = 0.3: r",
            across(2, 3, 0.3)?,
            1.0,
        ),
    ] {
        findings.check(Check::new(
            format!("boundary {name}"),
            measured,
            Precision::Deterministic { error: 1e-6 },
            Expected::Equals { value, tolerance: 1e-6 },
            "r = 2p/(4 - 5p) left of the point, p = 4/7 right of it, r = 1 above and below; f32 importances",
        ));
    }
    let meet = optimum(1.0, 4.0 / 7.0)?;
    findings.note(format!(
        "these are the four solutions that TMS compares; it sets W perpendicular to (1, 1, 1), the triangle, aside. Over all W and b the optimum at r = 1, p = 4/7 is: {}, with a loss of {:.6} where all four lose {:.6}; the figure has its region, computed for r in {} to {} and p in {} to {}",
        meet.region,
        meet.loss_sum,
        closed_form(1.0, 4.0 / 7.0)[3],
        NEAR_R[0],
        NEAR_R[1],
        NEAR_P[0],
        NEAR_P[1]
    ));
    findings.figure("", figure());
    findings.control(
        "the relative importance given to the first feature",
        cells(wrong_of_control),
    );
    Ok(findings)
}

/// Around the point at which the boundaries meet; T2 finds no triangle elsewhere.
const NEAR_R: [f64; 2] = [0.6, 1.7];
const NEAR_P: [f64; 2] = [0.45, 1.0];

/// The lowest loss over all W and b.
fn optimum(r: f64, p: f64) -> Result<PhaseReading, LabError> {
    let dimensions = Dimensions {
        n_features: 3,
        n_hidden: 2,
    };
    untrained_optimum(dimensions, [r, p])
}

/// The region of the figure: the best of the fixed weights, or the triangle where that is the optimum.
fn drawn(r: f64, p: f64) -> usize {
    let within = |x: f64, [low, high]: [f64; 2]| (low..=high).contains(&x);
    let is_near = within(r, NEAR_R) && within(p, NEAR_P);
    let is_triangle = |found: PhaseReading| found.region == PhaseRegion::Triangle;
    match is_near && optimum(r, p).is_ok_and(is_triangle) {
        true => 4,
        false => phase(r, p),
    }
}

fn figure() -> String {
    let names = [
        "extra feature dropped",
        "first feature dropped",
        "extra feature antipodal to the first",
        "first two features antipodal",
        "all W and b: a triangle of all three",
    ];
    phase_figure(
        "Three features in two dimensions: the best of four fixed solutions, and the triangle",
        &names.map(str::to_owned),
        drawn,
        &[("r = 2p/(4 - 5p) up to the point r = 1, p = 4/7", &|p| {
            2.0 * p / (4.0 - 5.0 * p)
        })],
    )
}
