//! Benchmarks of superposition-analysis. With `--test` (`cargo test --benches`) each closure runs once at toy size.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use superposition_analysis::{
    AnalysisOptions, analyze, feature_dimensionality, from_columns, leverage,
};
use superposition_testkit::geometry;

/// (n, m)
fn size() -> (usize, usize) {
    if std::env::args().any(|argument| argument == "--test") {
        (40, 8)
    } else {
        (2000, 256)
    }
}

/// A random dictionary in f32, a feature per run of m values.
fn dictionary(n: usize, m: usize) -> Vec<f32> {
    let w = geometry::random_gaussian(m, n, 0);
    (0..n)
        .flat_map(|j| w.col_as_slice(j).to_vec())
        .map(|x| x as f32)
        .collect()
}

fn analysis(criterion: &mut Criterion) {
    let (n, m) = size();
    let values = dictionary(n, m);
    let w = from_columns(&values, m, n);
    let id = format!("n={n},m={m}");

    let mut group = criterion.benchmark_group("analyze");
    // Pairs of features.
    group.throughput(Throughput::Elements((n * (n - 1) / 2) as u64));
    for threads in [1, 2] {
        let options = AnalysisOptions::default().with_threads(threads);
        group.bench_function(
            BenchmarkId::from_parameter(format!("{id},threads={threads}")),
            |b| {
                b.iter(|| analyze(black_box(w), &options));
            },
        );
    }
    group.finish();

    let mut group = criterion.benchmark_group("feature_dimensionality");
    group.throughput(Throughput::Elements(n as u64));
    group.bench_function(BenchmarkId::from_parameter(&id), |b| {
        b.iter(|| feature_dimensionality(black_box(w)));
    });
    group.finish();

    let mut group = criterion.benchmark_group("leverage");
    group.throughput(Throughput::Elements(n as u64));
    group.sample_size(10);
    group.bench_function(BenchmarkId::from_parameter(&id), |b| {
        b.iter(|| leverage(black_box(w)));
    });
    group.finish();
}

criterion_group!(benches, analysis);
criterion_main!(benches);
