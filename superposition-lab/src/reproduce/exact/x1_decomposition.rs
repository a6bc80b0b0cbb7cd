//! X1: the loss by the number of active features.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;
use superposition_model::{FeatureDistribution, FeatureProbability, ToyModel};

use super::support::{TMS, objective, uniform};
use crate::LabError;
use crate::reproduce::{
    Budget, Check, Context, Definition, Expected, Experiment, Findings, Precision, Verdict,
};

pub(super) const EXPERIMENT: Experiment = Experiment {
    definition: Definition {
        id: "X1",
        claim: "the loss is the sum over k of p^k (1-p)^(n-k) L_k, by the number k of active features",
        source: TMS,
        section: "The Geometry of Superposition: why does superposition happen",
        config: "20 random W and b, n = 2..7, m = 1..3, p in {.05, .3, .9}; 100,000 samples of one of them",
        measured: "the sum over all supports against the loss at once; L_0; samples",
        seeds: &[0],
        budget: Budget::seconds(5.0),
    },
    run,
};

/// Samples of a chunk: what is evaluated at a time.
const CHUNK: usize = 1000;

fn run(context: &Context<'_>) -> Result<Findings, LabError> {
    let mut findings = Findings::new(Verdict::Agrees);
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let (mut worst, mut worst_of_none, mut worst_of_wrong) = (0.0_f64, 0.0_f64, 0.0_f64);
    let n_models = 20;
    for k in 0..n_models {
        context.progress(f64::from(k) / f64::from(n_models))?;
        let n = 2 + k as usize % 6;
        let m = 1 + k as usize % 3;
        for p in [0.05, 0.3, 0.9] {
            let distribution = FeatureDistribution::new(n, &FeatureProbability::Same(p))?;
            let objective = objective(n, m, distribution)?;
            let x: Vec<f64> = (0..objective.n_parameters())
                .map(|_| 2.0 * uniform(&mut rng) - 1.0)
                .collect();
            let (whole, parts) = (objective.value(&x).value, objective.by_active(&x)?);
            worst = worst.max((parts.iter().sum::<f64>() - whole).abs());
            worst_of_wrong = worst_of_wrong.max((parts[..n].iter().sum::<f64>() - whole).abs());
            // L_0 is a sum of ReLU(b)^2.
            let b = &x[n * m..];
            let none: f64 = b.iter().map(|b| b.max(0.0).powi(2)).sum::<f64>() / n as f64;
            let none = (1.0 - p).powi(n as i32) * none;
            worst_of_none = worst_of_none.max((parts[0] - none).abs());
        }
    }
    let check = |worst| {
        Check::new(
            "sum over all supports against the loss at once: largest difference",
            worst,
            Precision::Exact,
            Expected::AtMost { value: 1e-12 },
            "an identity; both are closed forms, added in another order",
        )
    };
    findings.check(check(worst));
    findings.check(Check::new(
        "the part without active features against (1-p)^n times the sum of ReLU(b)^2: largest difference",
        worst_of_none,
        Precision::Exact,
        Expected::AtMost { value: 1e-14 },
        "the same number, up to rounding",
    ));
    findings.control(
        "the part where all are active left out",
        check(worst_of_wrong),
    );

    let (n, m, p) = (6, 2, 0.3);
    let distribution = FeatureDistribution::new(n, &FeatureProbability::Same(p))?;
    let objective = objective(n, m, distribution.clone())?;
    let parameters: Vec<f32> = (0..objective.n_parameters())
        .map(|_| (2.0 * uniform(&mut rng) - 1.0) as f32)
        .collect();
    let x: Vec<f64> = parameters.iter().map(|&x| f64::from(x)).collect();
    let model = ToyModel::new(*objective.config(), parameters)?;
    let n_chunks = 100;
    let chunks: Vec<f64> = (0..n_chunks)
        .map(|_| model.loss(distribution.sample(CHUNK, &mut rng).as_ref(), &[1.0; 6]))
        .collect();
    let mean = chunks.iter().sum::<f64>() / f64::from(n_chunks);
    let squares: f64 = chunks.iter().map(|loss| (loss - mean).powi(2)).sum();
    let standard_error = (squares / f64::from(n_chunks * (n_chunks - 1))).sqrt();
    findings.check(Check::new(
        "loss of 100,000 samples, n = 6, m = 2, p = .3",
        mean,
        Precision::Sampled { standard_error },
        Expected::Equals {
            value: objective.value(&x).value,
            tolerance: 4.0 * standard_error,
        },
        "four standard errors",
    ));
    Ok(findings)
}
