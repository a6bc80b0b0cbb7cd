//! X1: the loss by the number of active features.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;
use superposition_analysis::faer::Mat;
use superposition_model::{
    Dimensions, FeatureDistribution, FeatureProbability, ToyModel, ToyModelConfig,
};
use superposition_viz::svg::{Axis, Figure, Panel, Series};

use super::one_active::OneActive;
use super::support::{TMS, uniform};
use crate::LabError;
use crate::reproduce::{
    Budget, Check, Context, Definition, Expected, Experiment, Findings, Precision, Verdict,
};

pub(super) const EXPERIMENT: Experiment = Experiment {
    definition: Definition {
        id: "X1",
        claim: "the loss decomposes by the number of active features: L = sum over k of p^k (1-p)^(n-k) L_k",
        source: TMS,
        section: "Demonstrating Superposition: mathematical understanding of the loss",
        config: "random models of n = 2, 5, 8 features in m = 1, 2, 2 dimensions, importance 0.9^i, p = 0.1 and 0.4 and a probability per feature; every support with its own features always active; 2,000,000 samples",
        measured: "the population loss against the sum over supports, L_0 and L_1 against closed forms, samples",
        seeds: &[1],
        budget: Budget::seconds(6.0),
    },
    run,
};

/// Most of what a loss summed over the features may be off.
const TOLERANCE: f64 = 1e-13;
const BATCHES: usize = 500;
const BATCH_SIZE: usize = 4_000;

struct Instance {
    model: ToyModel,
    importance: Vec<f32>,
}

impl Instance {
    fn random(n: usize, m: usize, rng: &mut ChaCha8Rng) -> Result<Self, LabError> {
        let dimensions = Dimensions {
            n_features: n,
            n_hidden: m,
        };
        let weights = (0..n * m).map(|_| 2.4 * (uniform(rng) - 0.5));
        let mut parameters: Vec<f32> = weights.map(|w| w as f32).collect();
        parameters.extend((0..n).map(|_| (0.6 * (uniform(rng) - 0.6)) as f32));
        Ok(Self {
            model: ToyModel::new(ToyModelConfig::new(dimensions), parameters)?,
            importance: (0..n).map(|i| 0.9_f64.powi(i as i32) as f32).collect(),
        })
    }

    fn n(&self) -> usize {
        self.importance.len()
    }

    /// The loss summed over the features.
    fn loss(&self, probability: Vec<f64>) -> Result<f64, LabError> {
        let n = self.n();
        let distribution =
            FeatureDistribution::new(n, &FeatureProbability::PerFeature(probability))?;
        let loss = self
            .model
            .population_loss(&distribution, &self.importance, TOLERANCE)?;
        Ok(loss.value * n as f64)
    }

    /// For each support, as bits, the loss where its features are always active and the others never.
    fn by_support(&self) -> Result<Vec<f64>, LabError> {
        let active = |support: usize, i: usize| f64::from(u8::from(support >> i & 1 == 1));
        (0..1 << self.n())
            .map(|support| self.loss((0..self.n()).map(|i| active(support, i)).collect()))
            .collect()
    }
}

/// The losses of the supports, each weighted by its probability.
fn weighted(by_support: &[f64], probability: &[f64]) -> f64 {
    let weight = |support: usize| -> f64 {
        let factor = |(i, p): (usize, &f64)| if support >> i & 1 == 1 { *p } else { 1.0 - p };
        probability.iter().enumerate().map(factor).product()
    };
    let terms = by_support.iter().enumerate();
    terms.map(|(support, loss)| weight(support) * loss).sum()
}

fn run(context: &Context<'_>) -> Result<Findings, LabError> {
    let mut findings = Findings::new(Verdict::Agrees);
    let mut rng = ChaCha8Rng::seed_from_u64(EXPERIMENT.definition.seeds[0]);
    let (mut off, mut off_of_control, mut off_none, mut off_one) =
        (0.0_f64, 0.0_f64, 0.0_f64, 0.0_f64);
    let mut largest = None;
    for (n, m) in [(2, 1), (5, 2), (8, 2)] {
        let instance = Instance::random(n, m, &mut rng)?;
        let by_support = instance.by_support()?;
        let each: Vec<f64> = (0..n).map(|i| 0.05 + 0.1 * i as f64).collect();
        for probability in [vec![0.1; n], vec![0.4; n], each] {
            let loss = instance.loss(probability.clone())?;
            off = off.max((weighted(&by_support, &probability) - loss).abs());
            let wrong: Vec<f64> = probability.iter().map(|p| p + 1e-3).collect();
            off_of_control = off_of_control.max((weighted(&by_support, &wrong) - loss).abs());
        }
        let (w, b) = (instance.model.w(), instance.model.b().unwrap_or_default());
        let importance: Vec<f64> = instance.importance.iter().map(|&i| f64::from(i)).collect();
        let none = b
            .iter()
            .zip(&importance)
            .map(|(&b, i)| i * f64::from(b.max(0.0)).powi(2));
        off_none = off_none.max((none.sum::<f64>() - by_support[0]).abs());
        let w = Mat::from_fn(m, n, |k, i| f64::from(w[(k, i)]));
        let columns = (0..n).flat_map(|i| w.col_as_slice(i).to_vec());
        let x: Vec<f64> = columns.chain(b.iter().map(|&b| f64::from(b))).collect();
        let potential = OneActive {
            n_hidden: m,
            importance,
        };
        let one: f64 = (0..n).map(|i| by_support[1 << i]).sum();
        // L_1 is n times the loss of one active feature, each as often.
        off_one = off_one.max((n as f64 * potential.loss(&x) - one).abs());
        largest = Some((instance, by_support));
        context.progress(0.1 * n as f64 / 2.0)?;
    }
    let identity = |off| {
        Check::new(
            "population loss against the sum over all supports, largest difference",
            off,
            Precision::Deterministic { error: 1e-12 },
            Expected::AtMost { value: 1e-12 },
            "an identity; each loss is computed to 1e-13 a feature",
        )
    };
    findings.check(identity(off));
    for (name, off) in [
        ("L_0 against sum of I_i ReLU(b_i)^2", off_none),
        (
            "L_1 against the closed form of one active feature (X9)",
            off_one,
        ),
    ] {
        findings.check(Check::new(
            format!("{name}, largest difference"),
            off,
            Precision::Deterministic { error: 1e-12 },
            Expected::AtMost { value: 1e-12 },
            "closed forms; rounding of up to 8 terms near 1",
        ));
    }
    let Some((instance, by_support)) = largest else {
        return Ok(findings);
    };
    findings.check(sampled(context, &instance, &by_support, &mut rng)?);
    findings.figure("", figure(instance.n(), &by_support));
    findings.control("probabilities larger by 0.001", identity(off_of_control));
    Ok(findings)
}

/// The loss over samples, at p = 0.1, in standard errors from the sum over supports.
fn sampled(
    context: &Context<'_>,
    instance: &Instance,
    by_support: &[f64],
    rng: &mut ChaCha8Rng,
) -> Result<Check, LabError> {
    let n = instance.n();
    let distribution = FeatureDistribution::new(n, &FeatureProbability::Same(0.1))?;
    let mut losses = Vec::with_capacity(BATCHES);
    for k in 0..BATCHES {
        let x = distribution.sample(BATCH_SIZE, rng);
        losses.push(n as f64 * instance.model.loss(x.as_ref(), &instance.importance));
        if k % 50 == 0 {
            context.progress(0.4 + 0.6 * k as f64 / BATCHES as f64)?;
        }
    }
    let mean = losses.iter().sum::<f64>() / BATCHES as f64;
    let squares: f64 = losses.iter().map(|loss| (loss - mean).powi(2)).sum();
    let standard_error = (squares / (BATCHES * (BATCHES - 1)) as f64).sqrt();
    Ok(Check::new(
        "n = 8, p = 0.1: loss over 2,000,000 samples against the sum over supports",
        mean,
        Precision::Sampled { standard_error },
        Expected::Equals {
            value: weighted(by_support, &[0.1; 8]),
            tolerance: 4.0 * standard_error,
        },
        "4 standard errors, from the spread over 500 batches",
    ))
}

fn figure(n: usize, by_support: &[f64]) -> String {
    let of_count = |k: u32, p: f64| -> f64 {
        let weight = p.powi(k as i32) * (1.0 - p).powi(n as i32 - k as i32);
        let supports = by_support.iter().enumerate();
        let same = supports.filter(|(support, _)| support.count_ones() == k);
        same.map(|(_, loss)| weight * loss).sum()
    };
    let mut panel = Panel::new(
        "",
        Axis::new("feature probability p"),
        Axis::new("part of the loss"),
    );
    for k in 0..=4 {
        let line = (0..=100)
            .map(|step| f64::from(step) / 100.0)
            .map(|p| [p, of_count(k, p)]);
        panel = panel.with_series(Series::line(format!("{k} active"), line.collect()));
    }
    Figure::new("Which samples the loss comes from: eight features in two dimensions")
        .with_panel(panel)
        .render()
}
