//! X18: how the quadratic model shares three dimensions among ten features.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;
use superposition_model::quadratic::QuadraticModel;
use superposition_viz::svg::{Axis, Figure, Panel, Series};

use super::quadratic::{best_weights, capacities};
use super::support::SJB;
use crate::LabError;
use crate::reproduce::{
    Budget, Check, Context, Definition, Expected, Experiment, Findings, Precision, Verdict,
};

pub(super) const EXPERIMENT: Experiment = Experiment {
    definition: Definition {
        id: "X18",
        claim: "capacity is allocated as (1, 1, 1, 0, ...) at kurtosis 2 and 3, (1, 1, .778, .222, 0, ...) at 4, over more features at 6 and 12",
        source: SJB,
        section: "optimal capacity allocation in the quadratic toy model",
        config: "n = 10, m = 3, v_i = 0.8^i, kurtosis 2, 3, 4, 6, 12; best W of 20 starts by the gradient of the loss",
        measured: "capacities (feature dimensionalities) of the W found",
        seeds: &[18],
        budget: Budget::seconds(5.0),
    },
    run,
};

fn run(context: &Context<'_>) -> Result<Findings, LabError> {
    let mut findings = Findings::new(Verdict::Agrees);
    let mut rng = ChaCha8Rng::seed_from_u64(EXPERIMENT.definition.seeds[0]);
    let v: Vec<f64> = (0..10).map(|i| 0.8_f64.powi(i)).collect();
    let pca: &[f64] = &[1.0, 1.0, 1.0, 0.0];
    let published = [
        (2.0, pca),
        (3.0, pca),
        (4.0, &[1.0, 1.0, 0.778, 0.222, 0.0]),
        (6.0, &[]),
        (12.0, &[]),
    ];
    let mut panel = Panel::new("", Axis::new("feature"), Axis::new("capacity"));
    for (k, (kurtosis, expected)) in published.into_iter().enumerate() {
        context.progress(k as f64 / 5.0)?;
        let model = QuadraticModel::new(v.clone(), kurtosis)?;
        let found = capacities(&best_weights(&model, 3, 20, &mut rng));
        let off = |capacities: &[f64], expected: &[f64]| {
            let pairs = capacities.iter().zip(expected);
            pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
        };
        let check = |what: &str, off: f64| {
            Check::new(
                format!("kurtosis {kurtosis}: largest difference of a capacity from {what}"),
                off,
                Precision::Deterministic { error: 1e-4 },
                Expected::AtMost { value: 2e-3 },
                "as asked; published to three digits",
            )
        };
        if !expected.is_empty() {
            findings.check(check("the published one", off(&found, expected)));
        }
        findings.check(check(
            "allocation by equal marginal benefits",
            off(&found, &model.allocate(3)),
        ));
        findings.check(Check::new(
            format!("kurtosis {kurtosis}: sum of the capacities"),
            found.iter().sum(),
            Precision::Deterministic { error: 1e-4 },
            Expected::Equals {
                value: 3.0,
                tolerance: 5e-4,
            },
            "m, to three decimals",
        ));
        if kurtosis == 4.0 {
            findings.control(
                "the capacities of principal components",
                check("the published one", off(pca, expected)),
            );
        }
        let list: Vec<String> = found.iter().map(|c| format!("{c:.3}")).collect();
        findings.note(format!("kurtosis {kurtosis}: {}", list.join(", ")));
        let points: Vec<[f64; 2]> = (0..10).map(|i| [i as f64, found[i]]).collect();
        panel = panel
            .with_series(Series::line("", points.clone()).with_color(k))
            .with_series(Series::points(format!("kurtosis {kurtosis}"), points).with_color(k));
    }
    findings.figure(
        "",
        Figure::new("Capacities of ten features in three dimensions")
            .with_panel(panel)
            .render(),
    );
    Ok(findings)
}
