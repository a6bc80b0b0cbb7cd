//! Probes and correlations at the size of a small transformer layer's residual stream.
//!
//! `cargo bench -p superposition-probe`; under `cargo test --benches` each closure runs once, at toy size.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use superposition_probe::faer::Mat;
use superposition_probe::{
    PolysemanticityOptions, ProbeOptions, RidgeOptions, fit_ridge, neuron_feature_correlations,
    polysemanticity, polysemanticity_under_rotation, probe_all_features, r_squared,
};
use superposition_testkit::geometry::{random_gaussian, random_uniform};

struct Workload {
    label: String,
    elements: u64,
    activations: Mat<f32>,
    features: Mat<f32>,
}

impl Workload {
    /// Features active in a tenth of the samples, seen through a random linear map.
    fn new(n_hidden: usize, n_features: usize, n_samples: usize) -> Self {
        // Cargo passes `--bench` for a measurement only.
        let toy = !std::env::args().any(|argument| argument == "--bench");
        let (m, n, samples) = if toy {
            (3, 5, 300)
        } else {
            (n_hidden, n_features, n_samples)
        };
        let uniform = random_uniform(n, samples, 1);
        let features = Mat::from_fn(n, samples, |i, s| {
            let u = uniform[(i, s)];
            if u < 0.1 { (u * 10.0) as f32 } else { 0.0 }
        });
        let w = random_gaussian(m, n, 2);
        let mut activations = Mat::<f32>::zeros(m, samples);
        for s in 0..samples {
            for i in 0..n {
                if features[(i, s)] != 0.0 {
                    for k in 0..m {
                        activations[(k, s)] += w[(k, i)] as f32 * features[(i, s)];
                    }
                }
            }
        }
        Self {
            label: format!("m={m},n={n},N={samples}"),
            elements: (samples * (m + n)) as u64,
            activations,
            features,
        }
    }
}

fn bench(c: &mut Criterion, function: &str, work: &Workload, run: impl Fn(&Workload)) {
    let mut group = c.benchmark_group(function);
    group
        .sample_size(10)
        .throughput(Throughput::Elements(work.elements));
    group.bench_function(work.label.as_str(), |b| b.iter(|| run(black_box(work))));
    group.finish();
}

fn probes(c: &mut Criterion) {
    let layer = Workload::new(64, 200, 20_000);
    bench(c, "ridge_with_r_squared", &layer, |work| {
        let (h, x) = (work.activations.as_ref(), work.features.as_ref());
        let probes = fit_ridge(h, x, &RidgeOptions::default()).expect("finite values");
        black_box(r_squared(x, probes.predict(h).as_ref()));
    });
    let toy_model = Workload::new(20, 100, 20_000);
    bench(c, "probe_all_features", &toy_model, |work| {
        let (h, x) = (work.activations.as_ref(), work.features.as_ref());
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let results = probe_all_features(h, x, &ProbeOptions::default(), &mut rng);
        black_box(results.expect("finite values"));
    });
}

fn neurons(c: &mut Criterion) {
    let layer = Workload::new(64, 200, 20_000);
    bench(c, "neuron_feature_correlations", &layer, |work| {
        black_box(neuron_feature_correlations(
            work.activations.as_ref(),
            work.features.as_ref(),
        ));
    });
    let options = PolysemanticityOptions::default();
    bench(c, "polysemanticity", &layer, |work| {
        let result = polysemanticity(work.activations.as_ref(), work.features.as_ref(), &options);
        black_box(result.expect("finite values"));
    });
    bench(c, "polysemanticity_under_rotation", &layer, |work| {
        let (h, x) = (work.activations.as_ref(), work.features.as_ref());
        let mut rng = ChaCha8Rng::seed_from_u64(4);
        let baseline = polysemanticity_under_rotation(h, x, &options, 5, &mut rng);
        black_box(baseline.expect("finite values"));
    });
}

criterion_group!(benches, probes, neurons);
criterion_main!(benches);
