//! T2: the phase diagrams of trained models beside the exact optimum and beside fixed weights.

use std::ops::Range;

use superposition_model::Dimensions;

use crate::phase_diagram::{compared, excess, share};
use crate::reproduce::{
    Budget, Check, Context, Definition, Expected, Experiment, Findings, Precision, Verdict,
};
use crate::{
    LabError, PhaseDiagramDocument, PhaseDiagramOptions, PhaseMap, PhaseRegion, PhaseStage,
    phase_diagram,
};

pub(super) const EXPERIMENT: Experiment = Experiment {
    definition: Definition {
        id: "T2",
        claim: "trained models have the phases of the exact optimum: the extra feature dropped, in place of another, or in superposition",
        source: "Elhage et al. 2022, Toy Models of Superposition",
        section: "Superposition as a Phase Change: phase diagrams, empirical",
        config: "n = 2, m = 1 and n = 3, m = 2; importances 1 and r for the last; 32 x 32 cells (quick: 12 x 12, full: 64 x 64), r in 0.1..10, p in 0.01..1, logarithmic; the best of 10 seeds: 400 Adam steps on the exact gradient for m = 1, 1,500 of 1,024 samples for m = 2; and the best of seeds 0 to 99 at r = 1, p = 4/7",
        measured: "expected loss, norm of the extra feature and its signed cosine with the nearest represented one, against the exact optimum of each cell",
        seeds: &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
        budget: Budget {
            quick: 15.0,
            standard: 75.0,
            full: 300.0,
        },
    },
    run,
};

/// How far a norm or a cosine may be from that of the optimum.
const TOLERANCE: f64 = 0.05;

fn run(context: &Context<'_>) -> Result<Findings, LabError> {
    let mut findings = Findings::new(Verdict::Agrees);
    for (name, n_features, n_hidden, done) in
        [("n2-m1", 2, 1, 0.0..0.05), ("n3-m2", 3, 2, 0.05..0.98)]
    {
        let dimensions = Dimensions {
            n_features,
            n_hidden,
        };
        let mut options = PhaseDiagramOptions::new(dimensions);
        options.grid = context.by_preset(12, 32, 64);
        let diagram = computed(context, &options, &done)?;
        let title = format!("n = {n_features}, m = {n_hidden}");
        let transposed = transposed(&diagram.trained, options.grid);
        for (check, of_transposed) in checks(&title, &diagram.trained, &diagram.optimum)
            .into_iter()
            .zip(checks(&title, &transposed, &diagram.optimum))
        {
            findings.check(check);
            findings.control("trained models with r and p exchanged", of_transposed);
        }
        for note in notes(&title, &diagram) {
            findings.note(note);
        }
        findings.figure(name, diagram.to_svg());
    }
    for check in triangle(context)? {
        findings.check(check);
    }
    Ok(findings)
}

/// The diagram, as this part of the experiment.
fn computed(
    context: &Context<'_>,
    options: &PhaseDiagramOptions,
    done: &Range<f64>,
) -> Result<PhaseDiagramDocument, LabError> {
    phase_diagram(options, context.threads(), &|at| {
        let part = at.n_finished as f64 / at.n_cells as f64;
        // Training takes most of the time.
        let part = match at.stage {
            PhaseStage::Training => 0.9 * part,
            _ => 0.9 + 0.1 * part,
        };
        context.observe(done.start + (done.end - done.start) * part)
    })
}

/// The same cells with row and column exchanged.
fn transposed(map: &PhaseMap, grid: usize) -> PhaseMap {
    let other = |cell: usize| map.reading(cell % grid * grid + cell / grid);
    (0..map.n_cells()).map(other).collect()
}

fn checks(title: &str, trained: &PhaseMap, optimum: &PhaseMap) -> [Check; 3] {
    let (norms, cosines) = compared(trained, optimum, TOLERANCE);
    let at_least = Expected::AtLeast { value: 0.95 };
    [
        Check::new(
            format!("{title}: cells whose best trained loss is at most 2 % above the optimum"),
            share(excess(trained, optimum).map(|excess| excess <= 0.02)),
            Precision::Exact,
            at_least,
            "2 % of the loss is what ends of trainings differ by; one cell in twenty may have no seed in the basin of its optimum",
        ),
        Check::new(
            format!(
                "{title}: cells whose norm of the extra feature is within {TOLERANCE} of the optimum's"
            ),
            norms,
            Precision::Exact,
            at_least,
            "near its minimum a loss grows with the square of the distance: 2 % of it leaves some hundredths; at a boundary two basins are equal",
        ),
        Check::new(
            format!(
                "{title}: cells whose signed cosine with the nearest represented feature is within {TOLERANCE} of the optimum's"
            ),
            cosines,
            Precision::Exact,
            at_least,
            "as the norm; where neither represents the extra feature and another, neither has a cosine, which counts as equal",
        ),
    ]
}

/// Where the boundaries of the fixed weights meet, few seeds lead to the triangle.
fn triangle(context: &Context<'_>) -> Result<[Check; 2], LabError> {
    let mut options = PhaseDiagramOptions::new(Dimensions {
        n_features: 3,
        n_hidden: 2,
    });
    options.grid = 1;
    options.n_seeds = 100;
    options.relative_importance = [0.5, 2.0];
    options.feature_probability = [8.0 / 21.0, 6.0 / 7.0];
    let diagram = computed(context, &options, &(0.98..1.0))?;
    let trained = diagram.trained.reading(0);
    let is_triangle = trained.region == PhaseRegion::Triangle;
    Ok([
        Check::new(
            "n = 3, m = 2, r = 1, p = 4/7, the best of 100 seeds: is it a triangle",
            f64::from(u8::from(is_triangle)),
            Precision::Exact,
            Expected::Equals {
                value: 1.0,
                tolerance: 0.0,
            },
            "the exact optimum there; ten seeds find a local minimum some per cent above it",
        ),
        Check::new(
            "the same: excess of its loss over the optimum",
            diagram.agreement.largest_excess,
            Precision::Deterministic { error: 1e-6 },
            Expected::AtMost { value: 0.02 },
            "as in the diagrams",
        ),
    ])
}

fn notes(title: &str, diagram: &PhaseDiagramDocument) -> Vec<String> {
    let agreement = &diagram.agreement;
    let percent = |share: f64| format!("{:.1} %", 100.0 * share);
    let count = |map: &PhaseMap, region: PhaseRegion| {
        map.region.iter().filter(|&&other| other == region).count()
    };
    let n_cells = diagram.optimum.n_cells();
    let mut notes = vec![
        format!(
            "{title}: the best of the fixed weights ({}) has the region of the optimum in {} of the cells, and that of the trained model in {}; trained and optimum agree in {}",
            if diagram.options.dimensions.n_hidden == 1 {
                "X4"
            } else {
                "X5"
            },
            percent(agreement.optimum_and_theory),
            percent(agreement.trained_and_theory),
            percent(agreement.trained_and_optimum),
        ),
        format!(
            "{title}: the largest excess of a trained loss over the optimum is {:.2} %",
            100.0 * agreement.largest_excess
        ),
    ];
    let triangles = count(&diagram.optimum, PhaseRegion::Triangle);
    if diagram.options.dimensions.n_hidden == 2 {
        notes.push(format!(
            "{title}: a triangle is the optimum of {triangles} of {n_cells} cells, and the best trained model of {}",
            count(&diagram.trained, PhaseRegion::Triangle)
        ));
    }
    notes
}
