//! X16: the quadratic model and its closed forms.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;
use superposition_analysis::faer::Mat;
use superposition_model::quadratic::QuadraticModel;

use super::quadratic::{best_weights, capacities};
use super::support::{SJB, uniform};
use crate::LabError;
use crate::reproduce::{
    Budget, Check, Context, Definition, Expected, Experiment, Findings, Precision, Verdict,
};

pub(super) const EXPERIMENT: Experiment = Experiment {
    definition: Definition {
        id: "X16",
        claim: "the quadratic model: Var(error) = K sum (v_i - G_ii)^2 + 2 sum over i != j of G_ij^2, K = kurtosis - 1; at the optimum shared features have equal marginal benefits and capacities sum to m",
        source: SJB,
        section: "the quadratic toy model and its optimal capacity allocation",
        config: "variance: n = 5, m = 2, random W, kurtosis 4, 2,000,000 samples; optimum: n = 10, m = 3, v_i = 0.8^i, kurtosis 4, best of 20 starts by the gradient",
        measured: "sample variance, spread of the marginal benefits, sum of the capacities, loss beside sum of L_i(C_i)",
        seeds: &[16],
        budget: Budget::seconds(5.0),
    },
    run,
};

const SAMPLES: u32 = 2_000_000;

/// The variance of the error over samples, and its standard error. Inputs are 0, or +-2 one time in four.
fn sampled(w: &Mat<f64>, v: &[f64], rng: &mut ChaCha8Rng) -> (f64, f64) {
    let (m, n) = w.shape();
    let mut sums = [0.0; 4];
    let shift = v.iter().sum::<f64>();
    let mut x = vec![0.0; n];
    for _ in 0..SAMPLES {
        for x in &mut x {
            let u = 8.0 * uniform(rng);
            *x = if u < 1.0 {
                2.0
            } else if u < 2.0 {
                -2.0
            } else {
                0.0
            };
        }
        let hidden = |k: usize| (0..n).map(|i| w[(k, i)] * x[i]).sum::<f64>();
        let target: f64 = x.iter().zip(v).map(|(x, v)| v * x * x).sum();
        // Near its mean, so that powers do not cancel.
        let error = target - (0..m).map(|k| hidden(k).powi(2)).sum::<f64>() - shift;
        for (power, sum) in sums.iter_mut().enumerate() {
            *sum += error.powi(power as i32 + 1);
        }
    }
    let [m1, m2, m3, m4] = sums.map(|sum| sum / f64::from(SAMPLES));
    let variance = m2 - m1 * m1;
    let fourth = m4 - 4.0 * m1 * m3 + 6.0 * m1 * m1 * m2 - 3.0 * m1.powi(4);
    (
        variance,
        ((fourth - variance * variance) / f64::from(SAMPLES)).sqrt(),
    )
}

fn run(context: &Context<'_>) -> Result<Findings, LabError> {
    let mut findings = Findings::new(Verdict::Agrees);
    let mut rng = ChaCha8Rng::seed_from_u64(EXPERIMENT.definition.seeds[0]);
    let v = [1.0, 0.8, 0.5, 0.3, 0.2];
    let w = Mat::from_fn(2, 5, |_, _| 1.6 * (uniform(&mut rng) - 0.5));
    let (variance, standard_error) = sampled(&w, &v, &mut rng);
    context.progress(0.4)?;
    let check = |kurtosis: f64| -> Result<Check, LabError> {
        let loss = QuadraticModel::new(v.to_vec(), kurtosis)?.loss(w.as_ref());
        Ok(Check::new(
            "variance of the error over samples against the formula",
            variance,
            Precision::Sampled { standard_error },
            Expected::Equals {
                value: loss,
                tolerance: 0.01 * loss,
            },
            "1 %, several standard errors of 2,000,000 samples",
        ))
    };
    findings.check(check(4.0)?);

    let model = QuadraticModel::new((0..10).map(|i| 0.8_f64.powi(i)).collect(), 4.0)?;
    let best = best_weights(&model, 3, 20, &mut rng);
    let capacities = capacities(&best);
    let shared: Vec<f64> = (0..10)
        .filter(|&i| capacities[i] > 1e-3 && capacities[i] < 1.0 - 1e-3)
        .map(|i| model.marginal_benefit(i, capacities[i]))
        .collect();
    let mean = shared.iter().sum::<f64>() / shared.len() as f64;
    let spread = shared.iter().map(|b| (b - mean).abs()).fold(0.0, f64::max);
    findings.check(Check::new(
        "features that share a dimension",
        shared.len() as f64,
        Precision::Exact,
        Expected::AtLeast { value: 2.0 },
        "equality among one says nothing",
    ));
    findings.check(Check::new(
        "spread of their marginal benefits, relative to the mean",
        spread / mean,
        Precision::Deterministic { error: 1e-6 },
        Expected::AtMost { value: 1e-4 },
        "as asked; the search stops at a gradient of 1e-10",
    ));
    findings.check(Check::new(
        "sum of the capacities",
        capacities.iter().sum(),
        Precision::Deterministic { error: 1e-6 },
        Expected::Equals {
            value: 3.0,
            tolerance: 1e-4,
        },
        "m",
    ));
    let by_capacity: f64 = (0..10).map(|i| model.feature_loss(i, capacities[i])).sum();
    findings.check(Check::new(
        "loss of the W found",
        model.loss(best.as_ref()),
        Precision::Deterministic { error: 1e-8 },
        Expected::Equals {
            value: by_capacity,
            tolerance: 1e-6,
        },
        "sum of L_i(C_i) = 2K v_i^2 (1 - C_i)/(2 + (K - 2) C_i)",
    ));
    findings.note(format!(
        "the shared features are those of capacity {}",
        capacities
            .iter()
            .filter(|&&c| c > 1e-3 && c < 1.0 - 1e-3)
            .map(|c| format!("{c:.4}"))
            .collect::<Vec<_>>()
            .join(" and ")
    ));
    findings.control(
        "a kurtosis of 3 in the formula, 4 in the samples",
        check(3.0)?,
    );
    Ok(findings)
}
