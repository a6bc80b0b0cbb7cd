//! How accurate the expected loss is, and what it costs: a table of hard models, then random models against samples.
//!
//! `cargo run --release -p superposition-model --example population_loss [samples]`

use std::time::Instant;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use superposition_model::{
    Coupling, Dimensions, FeatureDistribution, FeatureProbability, FeatureSets, Initialization,
    ToyModel, ToyModelConfig,
};

struct Case {
    name: String,
    model: ToyModel,
    distribution: FeatureDistribution,
    importance: Vec<f32>,
}

fn config(n_features: usize, n_hidden: usize) -> ToyModelConfig {
    ToyModelConfig::new(Dimensions {
        n_features,
        n_hidden,
    })
}

fn same(n: usize, p: f64) -> FeatureDistribution {
    FeatureDistribution::new(n, &FeatureProbability::Same(p)).expect("a probability")
}

fn case(name: &str, config: ToyModelConfig, parameters: Vec<f32>, p: f64) -> Case {
    let n = config.dimensions.n_features;
    Case {
        name: format!("{name}, p={p}"),
        model: ToyModel::new(config, parameters).expect("finite parameters"),
        distribution: same(n, p),
        importance: vec![1.0; n],
    }
}

/// Uniform on (0, 1).
fn unit(rng: &mut ChaCha8Rng) -> f64 {
    (f64::from(rng.next_u32()) + 0.5) / 4_294_967_296.0
}

/// Random directions of norm 1, a small negative bias.
fn near_orthogonal(n: usize, m: usize, seed: u64) -> (ToyModelConfig, Vec<f32>) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let normal = Initialization::Normal { std: 1.0 };
    let model = ToyModel::random(config(n, m), normal, &mut rng).expect("sizes");
    let mut parameters = model.parameters().to_vec();
    for w in parameters[..n * m].chunks_mut(m) {
        let norm = w.iter().map(|w| w * w).sum::<f32>().sqrt();
        w.iter_mut().for_each(|w| *w /= norm);
    }
    parameters[n * m..].fill(-0.05);
    (*model.config(), parameters)
}

/// Gradient descent with Adam on samples.
fn trained(n: usize, m: usize, p: f64, steps: usize) -> (ToyModelConfig, Vec<f32>) {
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let mut model =
        ToyModel::random(config(n, m), Initialization::default(), &mut rng).expect("sizes");
    let count = model.parameters().len();
    let (mut gradient, mut first, mut second) =
        (vec![0.0; count], vec![0.0; count], vec![0.0; count]);
    let importance = vec![1.0; n];
    for step in 1..=steps {
        let x = same(n, p).sample(512, &mut rng);
        model.loss_and_gradient_into(x.as_ref(), &importance, &mut gradient);
        let bias = |beta: f32| 1.0 - beta.powi(step as i32);
        for (k, parameter) in model.parameters_mut().iter_mut().enumerate() {
            first[k] = 0.9 * first[k] + 0.1 * gradient[k];
            second[k] = 0.999 * second[k] + 0.001 * gradient[k] * gradient[k];
            *parameter -= 3e-3 * (first[k] / bias(0.9)) / ((second[k] / bias(0.999)).sqrt() + 1e-8);
        }
    }
    (*model.config(), model.parameters().to_vec())
}

fn hard() -> Vec<Case> {
    let mut cases = Vec::new();
    let digons = |noise: f32, b: f32| {
        let mut w = vec![1.0, 0.0, -1.0, 0.0, 0.0, 1.0, 0.0, -1.0];
        w.iter_mut()
            .enumerate()
            .for_each(|(k, w)| *w += noise * ((7 * k % 5) as f32 - 2.0));
        [w, vec![b; 4]].concat()
    };
    for p in [0.001, 0.1, 0.5, 1.0] {
        for (noise, b) in [(0.0, -0.01), (1e-4, -0.01), (1e-4, 0.0), (1e-2, -0.01)] {
            let name = format!("digons noise {noise} b {b}");
            cases.push(case(&name, config(4, 2), digons(noise, b), p));
        }
        let pentagon: Vec<f32> = (0..5)
            .flat_map(|i| {
                let angle = 0.4 * std::f32::consts::PI * i as f32;
                [1.13462 * angle.cos(), 1.13462 * angle.sin()]
            })
            .chain([-0.24633; 5])
            .collect();
        cases.push(case("pentagon", config(5, 2), pentagon.clone(), p));
        let mut dead = vec![0.0; 30];
        dead[..10].copy_from_slice(&pentagon[..10]);
        dead[20..25].fill(-0.24633);
        dead[25..].fill(p as f32 / 2.0);
        cases.push(case("pentagon, 5 dead", config(10, 2), dead.clone(), p));
        dead[10..20]
            .iter_mut()
            .enumerate()
            .for_each(|(k, w)| *w = 1e-3 * (k as f32 - 4.2));
        cases.push(case("pentagon, 5 nearly dead", config(10, 2), dead, p));
        for (n, m) in [(100, 20), (400, 30)] {
            let (config, parameters) = near_orthogonal(n, m, 1);
            cases.push(case(
                &format!("near-orthogonal n={n}"),
                config,
                parameters.clone(),
                p,
            ));
            let mut never = parameters;
            never[n * m..].fill(-2.0);
            cases.push(case(&format!("never on n={n}"), config, never, p));
        }
        if p < 1.0 {
            let (config, parameters) = trained(100, 20, p, 1500);
            cases.push(case("trained n=100", config, parameters, p));
        }
    }
    cases
}

/// Random models of every kind.
fn random(index: u64) -> Case {
    let mut rng = ChaCha8Rng::seed_from_u64(1000 + index);
    let n = (200.0_f64.powf(unit(&mut rng))).round() as usize;
    let m = 1 + (unit(&mut rng) * 20.0_f64.min(n as f64)) as usize;
    let p = 0.001_f64.powf(unit(&mut rng) * 1.2).clamp(0.001, 1.0);
    let p = if index % 10 == 9 { 1.0 } else { p };
    let coupling = if index % 4 == 3 {
        Coupling::Untied
    } else {
        Coupling::Tied
    };
    let std = 1.2 * unit(&mut rng) / (m as f64).sqrt();
    let config = config(n, m).with_coupling(coupling);
    let mut model =
        ToyModel::random(config, Initialization::Normal { std }, &mut rng).expect("sizes");
    let b = model.layout().b.expect("a bias");
    for b in &mut model.parameters_mut()[b] {
        *b = (0.4 * unit(&mut rng) - 0.3) as f32;
    }
    let importance = (0..n).map(|_| unit(&mut rng) as f32).collect();
    let set_size = 1 + (unit(&mut rng) * 6.0) as usize;
    let sets = match index % 5 {
        0 => FeatureSets::Correlated { set_size },
        1 if p * set_size as f64 <= 1.0 => FeatureSets::Anticorrelated { set_size },
        _ => FeatureSets::Independent,
    };
    let probability = match (sets, index % 5) {
        (FeatureSets::Independent, 2) => FeatureProbability::PerFeature(
            (0..n)
                .map(|_| {
                    if unit(&mut rng) < 0.1 {
                        1.0
                    } else {
                        p * unit(&mut rng)
                    }
                })
                .collect(),
        ),
        _ => FeatureProbability::Same(p),
    };
    let distribution = FeatureDistribution::new(n, &probability).expect("probabilities");
    Case {
        name: format!("random {index}: n={n} m={m} p={p:.4} {sets} {coupling:?} std={std:.3}"),
        model,
        distribution: distribution.with_sets(sets).expect("sets"),
        importance,
    }
}

/// Values at three tolerances against a tighter one: whether the stated errors hold.
fn table(cases: &[Case]) -> usize {
    let mut broken = 0;
    for case in cases {
        let run = |tolerance: f64| {
            let start = Instant::now();
            let loss = case
                .model
                .population_loss(&case.distribution, &case.importance, tolerance)
                .expect("finite parameters");
            (loss, 1e3 * start.elapsed().as_secs_f64())
        };
        let (reference, _) = run(1e-11);
        print!(
            "{:<60} {:.10} +- {:.0e} |",
            case.name, reference.value, reference.error
        );
        for tolerance in [1e-4, 1e-6, 1e-8] {
            let (loss, ms) = run(tolerance);
            let off = (loss.value - reference.value).abs();
            let honest = off <= loss.error + reference.error;
            broken += usize::from(!honest || !loss.converged());
            let sign = match (honest, loss.converged()) {
                (false, _) => "BROKEN",
                (_, false) => "open",
                _ => "",
            };
            print!(
                " {off:.0e}<{:.0e} {}nd {ms:.2}ms {sign} |",
                loss.error, loss.n_nodes
            );
        }
        println!();
    }
    broken
}

/// Against the mean loss of samples.
fn against_samples(case: &Case, samples: usize) -> f64 {
    let loss = case
        .model
        .population_loss(&case.distribution, &case.importance, 1e-9)
        .expect("finite parameters");
    let mut rng = ChaCha8Rng::seed_from_u64(77);
    let (batch_size, n_batches) = (
        samples.div_ceil(1000).max(100),
        samples.div_ceil(samples.div_ceil(1000).max(100)),
    );
    let mut x = superposition_model::faer::Mat::zeros(case.distribution.n_features(), batch_size);
    let (mut sum, mut sum_sq) = (0.0, 0.0);
    for _ in 0..n_batches {
        case.distribution.sample_into(&mut rng, x.as_mut());
        let off = case.model.loss(x.as_ref(), &case.importance) - loss.value;
        sum += off;
        sum_sq += off * off;
    }
    let n = n_batches as f64;
    let mean = sum / n;
    let standard_error = ((sum_sq / n - mean * mean).max(0.0) / (n - 1.0)).sqrt();
    let sigmas = mean / standard_error;
    println!(
        "{:<75} {:.8} sampled {:+.1e} +- {standard_error:.0e}: {sigmas:+.2} sigmas",
        case.name, loss.value, mean
    );
    sigmas.abs()
}

fn main() {
    let samples = std::env::args()
        .nth(1)
        .and_then(|text| text.parse().ok())
        .unwrap_or(0);
    let cases: Vec<Case> = hard().into_iter().chain((0..50).map(random)).collect();
    let broken = table(&cases);
    println!(
        "{broken} of {} values not within their errors or tolerances",
        3 * cases.len()
    );
    if samples > 0 {
        let sigmas = (0..50).map(|index| against_samples(&random(index), samples));
        let worst = sigmas.fold(0.0, f64::max);
        println!("{samples} samples: at most {worst:.2} sigmas away");
    }
}
