//! Slices that do not fit together are refused: zipped, the longer would silently lose its end.

use std::panic::{AssertUnwindSafe, catch_unwind};

use superposition_model::{FeatureDistribution, FeatureProbability, Output};

use super::*;
use crate::{Kernel, Stream, stream};

/// Whether a kernel runs, by every kind of instructions.
fn runs<R: Run>(make: impl Fn() -> R) -> bool {
    let outcomes = [Kernel::Scalar, Kernel::Auto].map(|kernel| {
        let instructions = Instructions::select(kernel).unwrap();
        catch_unwind(AssertUnwindSafe(|| instructions.run(make()))).is_ok()
    });
    assert_eq!(outcomes[0], outcomes[1]);
    outcomes[0]
}

fn chunks(count: usize) -> &'static mut [Chunk] {
    vec![Chunk::default(); count].leak()
}

fn numbers(count: usize) -> &'static mut [f32] {
    vec![0.0; count].leak()
}

/// Three samples of 20 features, all active: two chunks of outputs.
fn shard() -> Shard {
    let distribution = FeatureDistribution::new(20, &FeatureProbability::Same(1.0)).unwrap();
    let mut shard = Shard::default();
    Instructions::Scalar.run(SampleShard {
        thresholds: &Thresholds::new(&distribution),
        key: stream::key(0, Stream::Data, 0, 0),
        n_samples: 3,
        shard: &mut shard,
    });
    shard
}

fn residual(lengths: [usize; 4]) -> Residual<'static> {
    Residual {
        output: Output::Relu,
        bias: chunks(lengths[0]),
        scale: chunks(lengths[1]),
        loss: chunks(lengths[2]),
        bias_gradient: chunks(lengths[3]),
    }
}

/// The lengths that are right, and each of them once one longer and once one shorter.
fn changed<const N: usize>(right: [usize; N]) -> impl Iterator<Item = [usize; N]> {
    (0..N).flat_map(move |k| {
        [right[k] + 1, right[k] - 1].map(|wrong| {
            let mut lengths = right;
            lengths[k] = wrong;
            lengths
        })
    })
}

#[test]
fn adam() {
    let step = |[parameters, first, second, gradient]: [usize; 4]| {
        runs(|| AdamStep {
            factors: AdamFactors {
                keep: 1.0,
                gradient: 0.1,
                beta2: 0.999,
                square: 0.001,
                step: 0.1,
                epsilon: 1e-8,
            },
            parameters: numbers(parameters),
            first: numbers(first),
            second: numbers(second),
            gradient: numbers(gradient),
        })
    };
    // A whole chunk more or less would be lost in a zip.
    assert!(step([32; 4]));
    for lengths in changed([2; 4]) {
        assert!(!step(lengths.map(|chunks| 16 * chunks)), "{lengths:?}");
    }
    for lengths in changed([20; 4]) {
        assert!(!step(lengths), "{lengths:?}");
    }
}

#[test]
fn product() {
    let product = |out: usize, b: usize, stride: usize| {
        runs(|| Product {
            out: chunks(out),
            a: Coefficients {
                values: numbers(1000),
                row_stride: 10,
                column_stride: 1,
            },
            b: chunks(b),
            stride,
            accumulate: false,
            packed: Box::leak(Box::default()),
        })
    };
    assert!(product(14, 6, 2));
    assert!(!product(15, 6, 2));
    assert!(!product(14, 7, 2));
    assert!(!product(14, 6, 0));
}

#[test]
fn gram() {
    let shard = shard();
    let gram = |[gram, d, x]: [usize; 3], lengths| {
        runs(|| GramShard {
            residual: residual(lengths),
            shard: &shard,
            gram: chunks(gram),
            d: chunks(d),
            x: chunks(x),
        })
    };
    assert!(gram([40, 64, 2], [2; 4]));
    for lengths in changed([2; 4]) {
        assert!(!gram([40, 64, 2], lengths), "{lengths:?}");
    }
    for sizes in [
        [41, 64, 2],
        [40, 65, 2],
        [40, 38, 2],
        [40, 64, 3],
        [40, 64, 0],
    ] {
        assert!(!gram(sizes, [2; 4]), "{sizes:?}");
    }
    assert!(!gram([0, 0, 0], [0; 4]));
}

#[test]
fn direct() {
    let shard = shard();
    let encode = |w: usize, h: usize, stride: usize| {
        runs(|| EncodeShard {
            shard: &shard,
            w: chunks(w),
            h: chunks(h),
            stride,
        })
    };
    let gradient = |w: usize, h: usize, stride: usize| {
        runs(|| EncoderGradient {
            shard: &shard,
            h_gradient: chunks(h),
            w_gradient: chunks(w),
            stride,
        })
    };
    for run in [&encode as &dyn Fn(usize, usize, usize) -> bool, &gradient] {
        assert!(run(40, 6, 2));
        for (w, h, stride) in [(41, 6, 2), (40, 5, 2), (40, 8, 2), (40, 4, 2), (40, 6, 0)] {
            assert!(!run(w, h, stride), "{w} {h} {stride}");
        }
    }
}

#[test]
fn residuals() {
    let shard = shard();
    let residual = |x: usize, z: usize, lengths| {
        runs(|| ResidualShard {
            residual: residual(lengths),
            shard: &shard,
            x: chunks(x),
            z: chunks(z),
        })
    };
    assert!(residual(2, 6, [2; 4]));
    for lengths in changed([2; 4]) {
        assert!(!residual(2, 6, lengths), "{lengths:?}");
    }
    for (x, z) in [(2, 4), (2, 8), (2, 7), (3, 9), (0, 0)] {
        assert!(!residual(x, z, [2; 4]), "{x} {z}");
    }
}
