//! X2: the linear model finds principal components.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;
use superposition_model::population::PopulationObjective;
use superposition_model::{
    Dimensions, FeatureDistribution, FeatureProbability, Output, ToyModelConfig,
};

use super::support::{TMS, settle, uniform, variance};
use crate::LabError;
use crate::reproduce::{
    Budget, Check, Context, Definition, Expected, Experiment, Findings, Precision, Verdict,
};

pub(super) const EXPERIMENT: Experiment = Experiment {
    definition: Definition {
        id: "X2",
        claim: "the linear model is PCA at any sparsity: it keeps the m most important features and drops the others",
        source: TMS,
        section: "Demonstrating Superposition: the linear model",
        config: "n = 20, m = 5, importance 0.7^i and n = 80, m = 20, importance 0.9^i; p = .05 and .5; descent on the exact loss from a random start",
        measured: "the lowest loss by v(p) = p/3 - p^2/4, and W^T W",
        seeds: &[0],
        budget: Budget::seconds(10.0),
    },
    run,
};

fn run(context: &Context<'_>) -> Result<Findings, LabError> {
    let mut findings = Findings::new(Verdict::Agrees);
    for (k, (n, m, ratio)) in [(20, 5, 0.7_f64), (80, 20, 0.9)].into_iter().enumerate() {
        context.progress(0.2 * k as f64)?;
        let importance: Vec<f64> = (0..n).map(|i| ratio.powi(i as i32)).collect();
        let dropped: f64 = importance[m..].iter().sum();
        for p in [0.05, 0.5] {
            let distribution = FeatureDistribution::new(n, &FeatureProbability::Same(p))?;
            let config = ToyModelConfig::new(Dimensions {
                n_features: n,
                n_hidden: m,
            })
            .with_output(Output::Linear);
            let objective = PopulationObjective::new(config, distribution, &importance)?;
            let mut rng = ChaCha8Rng::seed_from_u64(0);
            let start: Vec<f64> = (0..objective.n_parameters())
                .map(|_| uniform(&mut rng) - 0.5)
                .collect();
            let found = settle(&objective, &start);
            let sum = found.value * n as f64;
            let check = |loss: f64| {
                Check::new(
                    format!("n = {n}, p = {p}: lowest loss by v(p)"),
                    loss / variance(p),
                    Precision::Deterministic { error: 1e-6 },
                    Expected::Equals {
                        value: dropped,
                        tolerance: 0.005 * dropped,
                    },
                    "the sum of the n - m smallest importances, .5 %",
                )
            };
            findings.check(check(sum));
            let w = |i: usize| &found.x[i * m..(i + 1) * m];
            let mut off = 0.0_f64;
            for i in 0..n {
                for j in 0..n {
                    let g: f64 = w(i).iter().zip(w(j)).map(|(a, b)| a * b).sum();
                    off = off.max((g - f64::from(u8::from(i == j && i < m))).abs());
                }
            }
            findings.check(Check::new(
                format!(
                    "n = {n}, p = {p}: largest difference of W^T W from diag(1, .., 1, 0, .., 0)"
                ),
                off,
                Precision::Deterministic { error: 1e-6 },
                Expected::AtMost { value: 0.02 },
                "the projection on the most important features",
            ));
            if (n, p) == (20, 0.5) {
                let at_start = objective.value(&start).value * n as f64;
                findings.control("the random start", check(at_start));
            }
        }
    }
    findings.check(Check::new(
        "sum of the dropped importances of n = 20, m = 5",
        (5..20).map(|i| 0.7_f64.powi(i)).sum(),
        Precision::Exact,
        Expected::Equals {
            value: 0.557_574,
            tolerance: 1e-6,
        },
        "a geometric series",
    ));
    Ok(findings)
}
