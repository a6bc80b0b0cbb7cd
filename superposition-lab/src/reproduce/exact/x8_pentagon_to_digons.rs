//! X8: from a pentagon to two digons as one feature's density changes.

use superposition_model::population::PopulationObjective;
use superposition_model::{Dimensions, FeatureDistribution, FeatureProbability, ToyModelConfig};
use superposition_train::optimum::{Branch, Crossing, FollowOptions, crossing, follow};
use superposition_viz::svg::{Aspect, Axis, Figure, Panel, Series};

use super::geometry::polygon;
use super::support::TMS;
use crate::LabError;
use crate::reproduce::{
    Budget, Check, Context, Definition, Expected, Experiment, Findings, Precision, Verdict,
};

pub(super) const EXPERIMENT: Experiment = Experiment {
    definition: Definition {
        id: "X8",
        claim: "as one feature becomes sparser the pentagon is deformed smoothly, then gives way at once to two digons: their losses cross",
        source: TMS,
        section: "The Geometry of Superposition: non-uniform superposition, about 2.5 times sparser",
        config: "n = 5, m = 2, importance 1, p = .05, of feature 0 from .1 to 2 times that; both minima of the exact loss, followed along the ratio",
        measured: "the pentagon at ratio 1; the ratio where the two losses cross, and their slopes there",
        seeds: &[],
        budget: Budget::seconds(10.0),
    },
    run,
};

const P: f64 = 0.05;

fn family(ratio: f64) -> PopulationObjective {
    let mut p = vec![P; 5];
    p[0] *= ratio;
    let config = ToyModelConfig::new(Dimensions {
        n_features: 5,
        n_hidden: 2,
    });
    let distribution = FeatureDistribution::new(5, &FeatureProbability::PerFeature(p));
    let distribution = distribution.expect("probabilities of at most .1");
    PopulationObjective::new(config, distribution, &[1.0; 5]).expect("five features are few")
}

fn pentagon() -> Vec<f64> {
    let w = polygon(5);
    let columns = (0..5).flat_map(|i| [w[(0, i)], w[(1, i)]]);
    columns.map(|x| 1.13 * x).chain([-0.25; 5]).collect()
}

/// Features 1 to 4 as two digons, feature 0 dropped.
fn digons() -> Vec<f64> {
    let w = [[0.0, 0.0], [1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]];
    let b = [0.5 * P, 0.0, 0.0, 0.0, 0.0];
    w.into_iter().flatten().chain(b).collect()
}

/// The lengths of W's columns.
fn norms(x: &[f64]) -> Vec<f64> {
    x[..10].chunks(2).map(|w| w[0].hypot(w[1])).collect()
}

fn sums(branch: &Branch) -> Vec<[f64; 2]> {
    let points = branch.points.iter();
    points
        .map(|point| [point.parameter, 5.0 * point.found.value])
        .collect()
}

fn run(context: &Context<'_>) -> Result<Findings, LabError> {
    let mut findings = Findings::new(Verdict::Differs);
    let options = FollowOptions::default().with_n_steps(context.by_preset(20, 40, 40));
    let along = |start: &[f64], range: (f64, f64)| {
        follow(&family, start, range, &options, &mut |_| {
            context.observe(0.5)
        })
    };
    let down = along(&pentagon(), (1.0, 0.1));
    context.progress(0.4)?;
    let up = along(&pentagon(), (1.0, 2.0));
    let two_digons = along(&digons(), (0.1, 2.0));
    context.progress(0.8)?;

    let start = &down.points[0];
    let deterministic = Precision::Deterministic { error: 1e-9 };
    for (name, measured, value, tolerance) in [
        (
            "loss, sum over features",
            5.0 * start.found.value,
            0.008_903_6,
            1e-7,
        ),
        ("norm", norms(&start.found.x)[1], 1.134_62, 1e-5),
        ("bias", start.found.x[11], -0.246_33, 1e-5),
    ] {
        findings.check(Check::new(
            format!("the pentagon at ratio 1: {name}"),
            measured,
            deterministic,
            Expected::Equals { value, tolerance },
            "an independent numeric search, all digits given",
        ));
    }
    let tolerance = 1e-4;
    let found = crossing(&family, &down, &two_digons, tolerance, &options);
    let ratio = found.map_or(f64::NAN, |crossing| crossing.parameter);
    findings.check(
        Check::new(
            "ratio at which pentagon and digons have the same loss",
            ratio,
            Precision::Deterministic { error: tolerance },
            Expected::Between {
                low: 0.1,
                high: 1.0,
            },
            "the pentagon wins where all are alike; two digons win without the fifth feature",
        )
        .with_published(0.4),
    );
    let transition = |found: Option<Crossing>, name: &str| {
        let slopes = found.map_or(f64::NAN, |crossing| {
            let [a, b] = crossing.slopes;
            (a - b).abs() / a.abs().max(b.abs())
        });
        let distance = found.map_or(f64::NAN, |crossing| crossing.distance);
        [
            Check::new(
                format!("{name}: difference of the slopes by the larger"),
                slopes,
                Precision::Deterministic { error: 1e-3 },
                Expected::AtLeast { value: 0.05 },
                "a kink of the lowest loss: a transition of first order",
            ),
            Check::new(
                format!("{name}: distance of the two solutions"),
                distance,
                Precision::Deterministic { error: 1e-3 },
                Expected::AtLeast { value: 0.5 },
                "the geometry jumps",
            ),
        ]
    };
    for check in transition(found, "where the two branches cross") {
        findings.check(check);
    }
    let itself = crossing(&family, &down, &down, tolerance, &options);
    for check in transition(itself, "where a branch meets itself") {
        findings.control("the pentagon's branch twice", check);
    }
    findings.note(format!(
        "the losses cross at ratio {ratio:.4}, where the feature is {:.2} times sparser; the paper says about 2.5 times. The pentagon remains a minimum down to ratio {:.3} ({:?}) and up to {:.3}; the digons up to {:.3} ({:?})",
        1.0 / ratio,
        down.points.last().map_or(f64::NAN, |point| point.parameter),
        down.stop,
        up.points.last().map_or(f64::NAN, |point| point.parameter),
        two_digons.points.last().map_or(f64::NAN, |point| point.parameter),
        two_digons.stop,
    ));

    let mut of_pentagon: Vec<[f64; 2]> = sums(&down).into_iter().rev().collect();
    of_pentagon.extend(sums(&up).into_iter().skip(1));
    let losses = Panel::new(
        "loss of the two minima",
        Axis::new("p of feature 0 by p of the others"),
        Axis::new("loss, sum over features"),
    )
    .with_series(Series::line("pentagon", of_pentagon))
    .with_series(Series::line("two digons", sums(&two_digons)));
    let plane = |title: &str, x: &[f64]| {
        let tips = x[..10].chunks(2).map(|w| [w[0], w[1]]).collect();
        Panel::new(title, Axis::new("dimension 0"), Axis::new("dimension 1"))
            .with_aspect(Aspect::Equal)
            .with_series(Series::arrows("features", tips))
    };
    let near = |branch: &Branch| {
        let points = branch.points.iter();
        let nearest = points.min_by(|a, b| {
            let off = |point: f64| (point - ratio).abs();
            off(a.parameter).total_cmp(&off(b.parameter))
        });
        nearest.map_or_else(Vec::new, |point| point.found.x.clone())
    };
    let mut figure = Figure::new("").with_columns(3).with_panel(losses);
    for (title, branch) in [
        ("pentagon near the crossing", &down),
        ("two digons near the crossing", &two_digons),
    ] {
        let x = near(branch);
        if !x.is_empty() {
            figure = figure.with_panel(plane(title, &x));
        }
    }
    findings.figure("", figure.render());
    Ok(findings)
}
