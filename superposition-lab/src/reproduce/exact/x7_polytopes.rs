//! X7: the dimensionality of the features of polytopes.

use superposition_analysis::faer::Mat;
use superposition_analysis::{PolytopeOptions, feature_dimensionality, polytopes};
use superposition_model::{FeatureDistribution, FeatureProbability};
use superposition_viz::svg::{Axis, Figure, Panel, Series};

use super::geometry::{cross_polytope, polygon, simplex, square_antiprism, tegum};
use super::support::{TMS, objective, settle};
use crate::LabError;
use crate::reproduce::{
    Budget, Check, Context, Definition, Expected, Experiment, Findings, Precision, Verdict,
};

pub(super) const EXPERIMENT: Experiment = Experiment {
    definition: Definition {
        id: "X7",
        claim: "D is 1/2 in a digon, 2/3 in a triangle, 3/4 in a tetrahedron, 2/5 in a pentagon, 3/8 in a tight square antiprism; tegum products keep the D of their factors",
        source: TMS,
        section: "The Geometry of Superposition: feature dimensionality and polytopes",
        config: "constructed: simplices, regular polygons, a square antiprism of height 1/sqrt(3), tegum products of these; optimised: descent on the exact loss over all of W and b from a slightly irregular one, importance 1, at a density where X14 has it first",
        measured: "the feature dimensionalities, each against its fraction",
        seeds: &[],
        budget: Budget::seconds(5.0),
    },
    run,
};

/// A name, corners, and D of each corner.
fn constructed() -> Vec<(&'static str, Mat<f64>, Vec<f64>)> {
    let tight = 1.0 / 3_f64.sqrt();
    let (digon, triangle, pentagon) = (simplex(1), simplex(2), polygon(5));
    let products = |a: (usize, f64), b: (usize, f64)| [vec![a.1; a.0], vec![b.1; b.0]].concat();
    vec![
        ("digon", digon.clone(), vec![0.5; 2]),
        ("triangle", triangle.clone(), vec![2.0 / 3.0; 3]),
        ("tetrahedron", simplex(3), vec![0.75; 4]),
        ("pentagon", pentagon.clone(), vec![0.4; 5]),
        ("square antiprism", square_antiprism(tight), vec![0.375; 8]),
        (
            "triangular bipyramid",
            tegum(&triangle, &digon),
            products((3, 2.0 / 3.0), (2, 0.5)),
        ),
        (
            "pentagonal bipyramid",
            tegum(&pentagon, &digon),
            products((5, 0.4), (2, 0.5)),
        ),
        ("octahedron", cross_polytope(3, 6), vec![0.5; 6]),
    ]
}

/// At these densities X14 has them first.
const DENSITIES: [(&str, f64); 5] = [
    ("digon", 0.4),
    ("triangle", 0.7),
    ("tetrahedron", 0.9),
    ("pentagon", 0.215),
    ("square antiprism", 0.1),
];

/// The minimum below a polytope whose corners are moved a little: no symmetry keeps the descent.
fn optimised(w: &Mat<f64>, p: f64) -> Result<Mat<f64>, LabError> {
    let (m, n) = w.shape();
    let distribution = FeatureDistribution::new(n, &FeatureProbability::Same(p))?;
    let corners = (0..n).flat_map(|i| w.col_as_slice(i).to_vec());
    let moved = corners
        .enumerate()
        .map(|(k, x)| x + 0.05 * (1.7 * k as f64).sin());
    let start: Vec<f64> = moved.chain(vec![-0.1; n]).collect();
    let found = settle(&objective(n, m, distribution)?, &start).x;
    Ok(Mat::from_fn(m, n, |k, i| found[i * m + k]))
}

fn off(w: &Mat<f64>, expected: &[f64]) -> f64 {
    let off = feature_dimensionality(w.as_ref());
    let off = off.iter().zip(expected).map(|(d, e)| (d - e).abs());
    off.fold(0.0, f64::max)
}

fn run(_: &Context<'_>) -> Result<Findings, LabError> {
    let mut findings = Findings::new(Verdict::Agrees);
    let check = |name: &str, w: &Mat<f64>, expected: &[f64]| {
        Check::new(
            format!("{name}: largest difference of a D from its fraction"),
            off(w, expected),
            Precision::Exact,
            Expected::AtMost { value: 1e-12 },
            "constructed; rounding",
        )
    };
    let mut points = Vec::new();
    for (k, (name, w, expected)) in constructed().into_iter().enumerate() {
        findings.check(check(name, &w, &expected));
        let dimensionalities = feature_dimensionality(w.as_ref());
        points.extend(dimensionalities.iter().map(|&d| [k as f64, d]));
        let recognised = polytopes(w.as_ref(), &PolytopeOptions::default())?;
        findings.note(format!("{name}: recognised as {recognised}"));
    }
    for (name, w, expected) in constructed() {
        let Some((_, p)) = DENSITIES.iter().find(|(density, _)| *density == name) else {
            continue;
        };
        let found = optimised(&w, *p)?;
        findings.check(Check::new(
            format!("{name}, optimised at p = {p}: largest difference of a D from its fraction"),
            off(&found, &expected),
            Precision::Deterministic { error: 1e-6 },
            Expected::AtMost {
                value: if name == "square antiprism" {
                    0.006
                } else {
                    0.005
                },
            },
            "the loss, not a construction, made it; the antiprism of least loss is not quite tight",
        ));
    }
    let ticks = constructed().into_iter().enumerate();
    let ticks = ticks.map(|(k, (_, w, _))| (k as f64, format!("{}/{}d", w.ncols(), w.nrows())));
    let panel = Panel::new(
        "",
        Axis::new("corners / dimensions").with_ticks(ticks.collect()),
        Axis::new("feature dimensionality D").with_range(0.3, 0.8),
    )
    .with_series(Series::points("corners of constructed polytopes", points));
    findings.figure(
        "",
        Figure::new("Dimensionality in polytopes")
            .with_panel(panel)
            .render(),
    );
    findings.control(
        "a square antiprism of height 1/2, which is not tight",
        check("square antiprism", &square_antiprism(0.5), &[0.375; 8]),
    );
    Ok(findings)
}
