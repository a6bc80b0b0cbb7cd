//! X9: the loss of exactly one active feature in closed form.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;
use superposition_analysis::faer::Mat;
use superposition_model::{FeatureDistribution, FeatureProbability, FeatureSets};

use super::geometry::gram;
use super::one_active::OneActive;
use super::support::{C23, population_loss_sum, uniform};
use crate::LabError;
use crate::reproduce::{
    Budget, Check, Context, Definition, Expected, Experiment, Findings, Precision, Verdict,
};

pub(super) const EXPERIMENT: Experiment = Experiment {
    definition: Definition {
        id: "X9",
        claim: "with one active feature the loss is L = H/(3c) in closed form for any W and b",
        source: C23,
        section: "the potential of the toy model in closed form",
        config: "1,000 random (W, b), c = 2..6 features in m = 1..3 dimensions, entries in (-3/2, 3/2), importances in (0, 2)",
        measured: "the largest difference from adaptive quadrature, and from the toy model's population loss",
        seeds: &[9],
        budget: Budget::seconds(4.0),
    },
    run,
};

const DRAWS: usize = 1000;

/// Simpson's rule on ever smaller intervals, to `tolerance`: knows nothing of where ReLU bends.
fn adaptive(f: &dyn Fn(f64) -> f64, low: f64, high: f64, tolerance: f64, depth: u32) -> f64 {
    let simpson = |a: f64, b: f64| (b - a) / 6.0 * (f(a) + 4.0 * f(0.5 * (a + b)) + f(b));
    let middle = 0.5 * (low + high);
    let (whole, halves) = (
        simpson(low, high),
        simpson(low, middle) + simpson(middle, high),
    );
    // Two levels deep at least, so that a bend is not missed.
    if depth == 0 || (depth < 38 && (halves - whole).abs() <= 15.0 * tolerance) {
        return halves + (halves - whole) / 15.0;
    }
    adaptive(f, low, middle, 0.5 * tolerance, depth - 1)
        + adaptive(f, middle, high, 0.5 * tolerance, depth - 1)
}

/// The loss by quadrature over the one active value.
fn by_quadrature(w: &Mat<f64>, b: &[f64], importance: &[f64]) -> f64 {
    let (c, g) = (w.ncols(), gram(w));
    let mut sum = 0.0;
    for i in 0..c {
        for j in 0..c {
            let error = |x: f64| {
                let target = if i == j { x } else { 0.0 };
                (target - (g[(i, j)] * x + b[j]).max(0.0)).powi(2)
            };
            sum += importance[j] * adaptive(&error, 0.0, 1.0, 1e-11, 40);
        }
    }
    sum / c as f64
}

fn run(context: &Context<'_>) -> Result<Findings, LabError> {
    let mut findings = Findings::new(Verdict::Agrees);
    let mut rng = ChaCha8Rng::seed_from_u64(EXPERIMENT.definition.seeds[0]);
    // Rounded to f32, which the toy model stores.
    let mut draw = |low: f64, high: f64| f64::from((low + (high - low) * uniform(&mut rng)) as f32);
    let (mut quadrature, mut model, mut wrong) = (0.0_f64, 0.0_f64, 0.0_f64);
    for k in 0..DRAWS {
        let (c, m) = (2 + k % 5, 1 + k % 3);
        let w = Mat::from_fn(m, c, |_, _| draw(-1.5, 1.5));
        let b: Vec<f64> = (0..c).map(|_| draw(-1.5, 1.5)).collect();
        let importance: Vec<f64> = (0..c).map(|_| draw(0.0, 2.0)).collect();
        let potential = OneActive {
            n_hidden: m,
            importance: importance.clone(),
        };
        let columns = (0..c).flat_map(|i| w.col_as_slice(i).to_vec());
        let x: Vec<f64> = columns.clone().chain(b.iter().copied()).collect();
        let (loss, numeric) = (potential.loss(&x), by_quadrature(&w, &b, &importance));
        quadrature = quadrature.max((loss - numeric).abs());
        let distribution = FeatureDistribution::new(c, &FeatureProbability::Same(1.0 / c as f64))?
            .with_sets(FeatureSets::Anticorrelated { set_size: c })?;
        let population = population_loss_sum(&w, &b, &distribution, &importance)?;
        model = model.max((loss - population).abs());
        let flipped: Vec<f64> = columns.chain(b.iter().map(|b| -b)).collect();
        wrong = wrong.max((potential.loss(&flipped) - numeric).abs());
        if k % 50 == 0 {
            context.progress(k as f64 / DRAWS as f64)?;
        }
    }
    let against = |what: &str, difference: f64| {
        Check::new(
            format!("largest difference from {what}"),
            difference,
            Precision::Deterministic { error: 1e-9 },
            Expected::AtMost { value: 1e-8 },
            "quadrature to 1e-11 an integral, at most 36 of them; values up to 30",
        )
    };
    findings.check(against("adaptive quadrature", quadrature));
    findings.check(against("the toy model's population loss", model));
    findings.control(
        "biases of the other sign",
        against("adaptive quadrature", wrong),
    );
    Ok(findings)
}
