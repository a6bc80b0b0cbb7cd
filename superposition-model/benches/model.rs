//! `cargo bench -p superposition-model`: loss and gradient of the quick start, expected loss, sampling, a sparse autoencoder.
//!
//! Run as a test (`cargo test --benches`) each runs once at toy size.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use superposition_model::faer::Mat;
use superposition_model::population::PopulationObjective;
use superposition_model::sae::{SaeConfig, SaeDimensions, SparseAutoencoder};
use superposition_model::{
    Dimensions, FeatureDistribution, FeatureProbability, Importance, Initialization, SparseBatch,
    ToyModel, ToyModelConfig,
};

/// The size of a workload, or a toy size when run as a test.
fn size(full: usize, toy: usize) -> usize {
    if std::env::args().any(|argument| argument == "--test") {
        toy
    } else {
        full
    }
}

fn toy_model(c: &mut Criterion) {
    let mut group = c.benchmark_group("toy_model");
    let (n, m, batch_size) = (size(100, 7), size(20, 3), size(1024, 5));
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let config = ToyModelConfig::new(Dimensions {
        n_features: n,
        n_hidden: m,
    });
    let model = ToyModel::random(config, Initialization::default(), &mut rng).expect("valid sizes");
    let importance = Importance::default().weights(n).expect("valid importance");
    let distribution =
        FeatureDistribution::new(n, &FeatureProbability::Same(0.1)).expect("valid probability");
    let x = distribution.sample(batch_size, &mut rng);
    let mut gradient = vec![0.0; model.parameters().len()];
    let sizes = format!("n={n},m={m},B={batch_size}");
    group.throughput(Throughput::Elements(batch_size as u64));
    group.bench_function(BenchmarkId::new("loss", &sizes), |b| {
        b.iter(|| model.loss(x.as_ref(), &importance));
    });
    group.bench_function(BenchmarkId::new("loss_and_gradient", &sizes), |b| {
        b.iter(|| model.loss_and_gradient_into(x.as_ref(), &importance, &mut gradient));
    });
    group.finish();
}

/// Value and gradient of the expected loss, in closed form and by the transform.
fn population_objective(c: &mut Criterion) {
    let mut group = c.benchmark_group("population_objective");
    for (n, m, tolerance) in [
        (5, 2, None),
        (8, 2, None),
        (8, 2, Some(1e-8)),
        (20, 5, Some(1e-8)),
        (size(80, 21), 20, Some(1e-8)),
    ] {
        let config = ToyModelConfig::new(Dimensions {
            n_features: n,
            n_hidden: m,
        });
        let directions = Initialization::Normal {
            std: 1.0 / (m as f64).sqrt(),
        };
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        let model = ToyModel::random(config, directions, &mut rng).expect("valid sizes");
        let mut parameters: Vec<f64> = model.parameters().iter().map(|&x| x.into()).collect();
        parameters[n * m..].fill(-0.05);
        let distribution =
            FeatureDistribution::new(n, &FeatureProbability::Same(0.1)).expect("valid probability");
        let objective = PopulationObjective::new(config, distribution, &vec![1.0; n]);
        let mut objective = objective.expect("valid importance");
        let mut route = "closed form".to_owned();
        if let Some(tolerance) = tolerance {
            objective = objective.by_transform(tolerance).expect("valid tolerance");
            route = format!("transform to {tolerance:e}");
        }
        let mut gradient = vec![0.0; parameters.len()];
        group.bench_function(BenchmarkId::new(route, format!("n={n},m={m}")), |b| {
            b.iter(|| objective.value_and_gradient(&parameters, &mut gradient));
        });
    }
    group.finish();
}

fn population_loss(c: &mut Criterion) {
    let mut group = c.benchmark_group("population_loss");
    let (n, m) = (size(100, 7), size(20, 3));
    let config = ToyModelConfig::new(Dimensions {
        n_features: n,
        n_hidden: m,
    });
    // Directions of norm about 1, as those of a trained model.
    let directions = Initialization::Normal {
        std: 1.0 / (m as f64).sqrt(),
    };
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let mut model = ToyModel::random(config, directions, &mut rng).expect("valid sizes");
    model.parameters_mut()[n * m..].fill(-0.05);
    let importance = Importance::default().weights(n).expect("valid importance");
    let distribution =
        FeatureDistribution::new(n, &FeatureProbability::Same(0.1)).expect("valid probability");
    group.throughput(Throughput::Elements(n as u64));
    group.bench_function(BenchmarkId::from_parameter(format!("n={n},m={m}")), |b| {
        b.iter(|| model.population_loss(&distribution, &importance, 1e-6));
    });
    group.finish();
}

fn sampling(c: &mut Criterion) {
    let mut group = c.benchmark_group("sample");
    let (n, batch_size) = (size(100, 7), size(1024, 5));
    group.throughput(Throughput::Elements((n * batch_size) as u64));
    for p in [0.01, 0.1, 0.5] {
        let distribution =
            FeatureDistribution::new(n, &FeatureProbability::Same(p)).expect("valid probability");
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        let mut x = Mat::zeros(n, batch_size);
        let sizes = format!("n={n},B={batch_size},p={p}");
        group.bench_function(BenchmarkId::new("dense", &sizes), |b| {
            b.iter(|| distribution.sample_into(&mut rng, x.as_mut()));
        });
        let mut batch = SparseBatch::new();
        group.bench_function(BenchmarkId::new("sparse", &sizes), |b| {
            b.iter(|| distribution.sample_sparse_into(&mut rng, batch_size, &mut batch));
        });
    }
    group.finish();
}

fn sparse_autoencoder(c: &mut Criterion) {
    let mut group = c.benchmark_group("sparse_autoencoder");
    let (d_in, d_sae, batch_size) = (size(64, 3), size(512, 7), size(4096, 5));
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let config = SaeConfig::new(SaeDimensions { d_in, d_sae });
    let sae = SparseAutoencoder::random(config, &mut rng).expect("valid sizes");
    let distribution =
        FeatureDistribution::new(d_in, &FeatureProbability::Same(0.1)).expect("valid probability");
    let x = distribution.sample(batch_size, &mut rng);
    let mut gradient = vec![0.0; sae.parameters().len()];
    group.throughput(Throughput::Elements(batch_size as u64));
    let sizes = format!("d_in={d_in},d_sae={d_sae},B={batch_size}");
    group.bench_function(BenchmarkId::new("loss_and_gradient", &sizes), |b| {
        b.iter(|| sae.loss_and_gradient_into(x.as_ref(), 1e-3, &mut gradient));
    });
    group.finish();
}

criterion_group!(
    benches,
    toy_model,
    population_loss,
    population_objective,
    sampling,
    sparse_autoencoder
);
criterion_main!(benches);
