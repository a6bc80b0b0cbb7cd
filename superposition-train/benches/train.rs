//! Benchmarks of this crate; where `cargo test` runs them, each runs once, at toy size.

use std::hint::black_box;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use superposition_model::{
    Dimensions, FeatureDistribution, FeatureProbability, Importance, ToyModelConfig,
};
use superposition_train::{
    Adam, AdamConfig, Job, Kernel, Task, TrainOptions, train, train_ensemble, train_exact,
};

/// Whether the sizes should be small: `cargo bench` says `--bench`, and `cargo test` does not.
fn is_test() -> bool {
    !std::env::args().any(|argument| argument == "--bench")
        || std::env::args().any(|argument| argument == "--test")
}

fn job(n_features: usize, n_hidden: usize, p: f64, batch_size: usize, n_steps: usize) -> Job {
    let config = ToyModelConfig::new(Dimensions {
        n_features,
        n_hidden,
    });
    let distribution =
        FeatureDistribution::new(n_features, &FeatureProbability::Same(p)).expect("a probability");
    let importance = Importance::default()
        .weights(n_features)
        .expect("a feature");
    let task = Task::new(distribution, importance).expect("an importance for each feature");
    Job::new(
        config,
        task,
        TrainOptions::default()
            .with_n_steps(n_steps)
            .with_batch_size(batch_size),
    )
}

fn run(job: &Job) -> f32 {
    let Job {
        config,
        task,
        options,
        ..
    } = job;
    let trained =
        train(config, task, options, &mut |_| ControlFlow::Continue(())).expect("good options");
    trained.losses[trained.losses.len() - 1]
}

/// Whole trainings of a few steps: throughput is steps.
fn training(c: &mut Criterion) {
    let mut group = c.benchmark_group("train");
    let shapes: &[(usize, usize, f64, usize)] = match is_test() {
        true => &[(10, 3, 0.1, 70)],
        false => &[
            (100, 20, 0.1, 256),
            (100, 20, 0.1, 1024),
            (100, 20, 1.0, 1024),
            (400, 30, 0.01, 1024),
            (400, 30, 1.0, 1024),
            (5, 2, 0.1, 1024),
            (2, 1, 0.1, 1024),
        ],
    };
    let n_steps = if is_test() { 2 } else { 100 };
    group
        .throughput(Throughput::Elements(n_steps as u64))
        .sample_size(10);
    for &(n, m, p, batch_size) in shapes {
        for kernel in [Kernel::Auto, Kernel::Scalar] {
            let mut job = job(n, m, p, batch_size, n_steps);
            job.options.kernel = kernel;
            let id = format!("n={n},m={m},p={p},batch={batch_size},kernel={kernel}");
            group.bench_function(BenchmarkId::from_parameter(id), |b| {
                b.iter(|| run(black_box(&job)));
            });
        }
    }
    group.finish();
}

/// Many small trainings over two threads.
fn ensemble(c: &mut Criterion) {
    let (n_jobs, n_steps) = if is_test() { (3, 2) } else { (32, 100) };
    let jobs: Vec<Job> = (0..n_jobs)
        .map(|seed| {
            let mut job = job(5, 2, 0.1, 1024, n_steps);
            job.options.seed = seed;
            job
        })
        .collect();
    let threads = NonZeroUsize::new(2).expect("2 is not 0");
    let mut group = c.benchmark_group("train_ensemble");
    group
        .throughput(Throughput::Elements(n_jobs * n_steps as u64))
        .sample_size(10);
    group.bench_function(
        BenchmarkId::from_parameter(format!("n=5,m=2,jobs={n_jobs},threads=2")),
        |b| {
            b.iter(|| train_ensemble(black_box(&jobs), threads, &|_, _| ControlFlow::Continue(())));
        },
    );
    group.finish();
}

/// One training on several threads: throughput is steps.
fn threads(c: &mut Criterion) {
    let (n, m, batch_size, n_steps) = match is_test() {
        true => (70, 30, 70, 2),
        false => (100, 20, 1024, 100),
    };
    let job = job(n, m, 0.1, batch_size, n_steps);
    let mut group = c.benchmark_group("Job::train");
    group
        .throughput(Throughput::Elements(n_steps as u64))
        .sample_size(10);
    for threads in [1, 2] {
        let threads = NonZeroUsize::new(threads).expect("at least 1");
        let id = format!("n={n},m={m},batch={batch_size},threads={threads}");
        group.bench_function(BenchmarkId::from_parameter(id), |b| {
            b.iter(|| {
                black_box(&job)
                    .train(threads, &mut |_| ControlFlow::Continue(()))
                    .expect("good options")
            });
        });
    }
    group.finish();
}

/// Trainings on the exact gradient: throughput is steps of a model.
fn exact(c: &mut Criterion) {
    let (n_jobs, n_steps) = if is_test() { (3, 2) } else { (1024, 100) };
    let jobs: Vec<Job> = (0..n_jobs)
        .map(|seed| {
            let mut job = job(2, 1, 0.1, 1024, n_steps);
            job.options.seed = seed;
            job
        })
        .collect();
    let mut group = c.benchmark_group("train_exact");
    group
        .throughput(Throughput::Elements(n_jobs * n_steps as u64))
        .sample_size(10);
    group.bench_function(BenchmarkId::from_parameter(format!("jobs={n_jobs}")), |b| {
        b.iter(|| train_exact(black_box(&jobs), NonZeroUsize::MIN));
    });
    group.finish();
}

/// Adam alone: throughput is parameters.
fn adam(c: &mut Criterion) {
    let mut group = c.benchmark_group("Adam::step");
    for n in if is_test() {
        [17, 33]
    } else {
        [2_100, 1_000_000]
    } {
        let mut adam = Adam::new(AdamConfig::default(), n).expect("the defaults are right");
        let mut parameters = vec![0.5; n];
        let gradient: Vec<f32> = (0..n).map(|k| (k % 17) as f32 - 8.0).collect();
        group.throughput(Throughput::Elements(n as u64));
        group.bench_function(BenchmarkId::from_parameter(format!("n={n}")), |b| {
            b.iter(|| adam.step(black_box(&mut parameters), black_box(&gradient), 1.0));
        });
    }
    group.finish();
}

criterion_group!(benches, training, threads, ensemble, exact, adam);
criterion_main!(benches);
