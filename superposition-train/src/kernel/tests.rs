//! Each operation of the lanes in every instruction set, and slices that do not fit together.

use std::panic::{AssertUnwindSafe, catch_unwind};

use proptest::prelude::*;
use superposition_model::{FeatureDistribution, FeatureProbability, Hidden, Output};

use super::*;
use crate::{Kernel, Target};

/// All kinds of instructions that this machine has.
pub(super) fn instructions() -> Vec<Instructions> {
    [Kernel::Scalar, Kernel::Avx2, Kernel::Avx512]
        .into_iter()
        .filter_map(|kernel| Instructions::select(kernel).ok())
        .collect()
}

/// Every operation of [`Simd`] on some numbers, as bits.
struct Operations([[f32; LANES]; 3], [[u32; LANES]; 2]);

impl Run for Operations {
    type Output = Vec<[u32; LANES]>;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> Self::Output {
        let [a, b, c] = [
            simd.load(&self.0[0]),
            simd.load(&self.0[1]),
            simd.load(&self.0[2]),
        ];
        let [u, v] = [simd.load_u(&self.1[0]), simd.load_u(&self.1[1])];
        let mut floats = vec![
            simd.add(a, b),
            simd.sub(a, b),
            simd.mul(a, b),
            simd.div(a, b),
            simd.sqrt(a),
            simd.mul_add(a, b, c),
            simd.min(a, b),
            simd.max(a, b),
            simd.relu(a),
            simd.where_positive(a, b),
            simd.to_f(u),
            simd.float_of_bits(u),
            simd.where_at_most(u, v, a),
            simd.splat(simd.sum(a)),
        ];
        let mut rows = [a; LANES];
        for k in 0..LANES {
            rows[k] = simd.add(a, simd.splat(k as f32));
        }
        simd.transpose(&mut rows);
        floats.extend(rows);
        let integers = [
            simd.add_u(u, v),
            simd.prefix_sums(u),
            simd.mul_u(u, v),
            simd.xor(u, v),
            simd.and(u, v),
            simd.shift_left::<9>(u),
            simd.shift_right::<1>(u),
            simd.rotate_left::<11>(u),
            simd.bits_of(a),
            // Only numbers from 0 to below 2^31 have one meaning.
            simd.truncate(simd.to_f(simd.shift_right::<2>(u))),
            simd.splat_u(self.1[0][0]),
        ];
        let mut out = Vec::new();
        for value in floats {
            let mut numbers = [0.0; LANES];
            simd.store(&mut numbers, value);
            // The payload of a NaN is nobody's promise.
            out.push(numbers.map(|x| if x.is_nan() { 1 } else { x.to_bits() }));
        }
        for value in integers {
            let mut numbers = [0; LANES];
            simd.store_u(&mut numbers, value);
            out.push(numbers);
        }
        // The bits of a NaN among the floats may have any payload.
        let bits = out.len() - 3;
        out[bits] = out[bits].map(|bits| {
            if f32::from_bits(bits).is_nan() {
                1
            } else {
                bits
            }
        });
        out
    }
}

fn number() -> impl Strategy<Value = f32> {
    prop_oneof![
        4 => -100.0_f32..100.0,
        1 => any::<u32>().prop_map(f32::from_bits),
        1 => prop::sample::select(vec![
            0.0,
            -0.0,
            1.0,
            f32::NAN,
            f32::INFINITY,
            f32::NEG_INFINITY,
            f32::MIN_POSITIVE / 2.0,
        ]),
    ]
}

proptest! {
    #[test]
    fn every_operation_has_the_same_bits_everywhere(
        a in prop::array::uniform16(number()),
        b in prop::array::uniform16(number()),
        c in prop::array::uniform16(number()),
        u in prop::array::uniform16(any::<u32>()),
        v in prop::array::uniform16(any::<u32>()),
    ) {
        let expected = Instructions::Scalar.run(Operations([a, b, c], [u, v]));
        for instructions in instructions() {
            prop_assert_eq!(&instructions.run(Operations([a, b, c], [u, v])), &expected);
        }
    }
}

#[test]
fn a_transpose_swaps_rows_and_lanes() {
    struct Transposed;
    impl Run for Transposed {
        type Output = [[f32; LANES]; LANES];
        #[inline(always)]
        fn run<S: Simd>(self, simd: S) -> Self::Output {
            let mut numbers = [[0.0; LANES]; LANES];
            let mut rows = [simd.splat(0.0); LANES];
            for r in 0..LANES {
                for k in 0..LANES {
                    numbers[r][k] = (100 * r + k) as f32;
                }
                rows[r] = simd.load(&numbers[r]);
            }
            simd.transpose(&mut rows);
            for r in 0..LANES {
                simd.store(&mut numbers[r], rows[r]);
            }
            numbers
        }
    }
    for instructions in instructions() {
        for (r, row) in instructions.run(Transposed).iter().enumerate() {
            for (k, &value) in row.iter().enumerate() {
                assert_eq!(value, (100 * k + r) as f32);
            }
        }
    }
}

/// Whether a kernel runs, by every kind of instructions.
fn runs<R: Run>(make: impl Fn() -> R) -> bool {
    let outcomes: Vec<bool> = instructions()
        .into_iter()
        .map(|instructions| catch_unwind(AssertUnwindSafe(|| instructions.run(make()))).is_ok())
        .collect();
    assert!(outcomes.iter().all(|&outcome| outcome == outcomes[0]));
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
        sampler: &Sampler::new(&distribution),
        key: Key::new([0; 4]),
        n_samples: 3,
        shard: &mut shard,
    });
    shard
}

fn residual(lengths: [usize; 3]) -> Residual<'static> {
    Residual {
        output: Output::Relu,
        bias: chunks(lengths[0]),
        scale: chunks(lengths[1]),
        loss: Box::leak(Box::default()),
        bias_gradient: chunks(lengths[2]),
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
                clip: 1.0,
                l2: 0.0,
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
    let product = |out: usize, b: usize, stride: usize, coefficients: usize| {
        runs(|| Product {
            out: chunks(out),
            a: Coefficients {
                values: numbers(coefficients),
                row_stride: 10,
                column_stride: 1,
            },
            b: chunks(b),
            stride,
            start: Start::Zero,
        })
    };
    // Seven rows of three coefficients: the last is number 62.
    assert!(product(14, 6, 2, 63));
    assert!(!product(14, 6, 2, 62));
    assert!(!product(15, 6, 2, 1000));
    assert!(!product(14, 7, 2, 1000));
    assert!(!product(14, 6, 0, 1000));
    // No rows, and an empty sum.
    assert!(product(0, 6, 2, 0));
    assert!(product(14, 0, 2, 0));
    let row = |length: usize| {
        runs(|| Product {
            out: chunks(14),
            a: Coefficients {
                values: numbers(63),
                row_stride: 10,
                column_stride: 1,
            },
            b: chunks(6),
            stride: 2,
            start: Start::Row(chunks(length)),
        })
    };
    assert!(row(2) && !row(1) && !row(3));
}

#[test]
fn gram() {
    let shard = shard();
    let panel = |[gram, d]: [usize; 2], lengths| GramPanel {
        residual: residual(lengths),
        gram: chunks(gram),
        d: chunks(d),
    };
    let gram = |sizes, lengths| {
        let run = |sizes, lengths, next: Option<([usize; 2], [usize; 3])>| {
            runs(|| GramShard {
                shard: &shard,
                first: 0,
                panel: panel(sizes, lengths),
                next: next.map(|(sizes, lengths)| panel(sizes, lengths)),
                rows: chunks(BLOCK_CHUNKS),
            })
        };
        let alone = run(sizes, lengths, None);
        assert_eq!(run(sizes, lengths, Some(([60, 96], [3; 3]))), alone);
        alone
    };
    assert!(gram([40, 64], [2; 3]));
    for lengths in changed([2; 3]) {
        assert!(!gram([40, 64], lengths), "{lengths:?}");
    }
    // Rows that are not whole, too few of D, and too few for the features.
    for sizes in [[41, 64], [40, 65], [40, 38], [38, 64]] {
        assert!(!gram(sizes, [2; 3]), "{sizes:?}");
    }
    assert!(!gram([0, 0], [0; 3]));
}

#[test]
fn direct() {
    let shard = shard();
    let encode = |w: usize, h: usize, stride: usize| {
        runs(|| EncodeShard {
            shard: &shard,
            samples: 0..3,
            w: chunks(w),
            h: chunks(h),
            stride,
        })
    };
    let gradient = |w: usize, h: usize, stride: usize| {
        runs(|| EncoderGradient {
            shard: &shard,
            samples: 0..3,
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
    let residual = |x: usize, z: usize, lengths| {
        runs(|| ResidualRows {
            residual: residual(lengths),
            target: Target::Input,
            n: 20,
            x: chunks(x),
            z: chunks(z),
        })
    };
    assert!(residual(6, 6, [2; 3]));
    for lengths in changed([2; 3]) {
        assert!(!residual(6, 6, lengths), "{lengths:?}");
    }
    for (x, z) in [(6, 4), (4, 6), (7, 7)] {
        assert!(!residual(x, z, [2; 3]), "{x} {z}");
    }
}

#[test]
fn hidden_layers() {
    let rows = |bias: usize, h: usize| {
        runs(|| HiddenRows {
            hidden: Hidden::Relu,
            bias: chunks(bias),
            h: chunks(h),
        })
    };
    assert!(rows(2, 6));
    assert!(!rows(2, 5) && !rows(0, 6));
    let gradient = |h: usize, h_gradient: usize, bias: usize| {
        runs(|| HiddenGradient {
            hidden: Hidden::Relu,
            l1: 0.0,
            h: chunks(h),
            h_gradient: chunks(h_gradient),
            bias_gradient: chunks(bias),
        })
    };
    assert!(gradient(6, 6, 2));
    assert!(!gradient(6, 4, 2) && !gradient(5, 5, 2) && !gradient(6, 6, 0));
}

#[test]
fn layouts() {
    let columns = |columns: usize, rows: usize, stride: usize| {
        runs(|| ColumnsToRows {
            columns: numbers(columns),
            m: 3,
            rows: chunks(rows),
            stride,
        })
    };
    assert!(columns(60, 6, 2));
    assert!(!columns(60, 5, 2) && !columns(60, 7, 2) && !columns(99, 6, 2));
    let transpose = |from: usize, add: usize, out: usize| {
        runs(|| Transpose {
            from: chunks(from),
            rows: 2,
            columns: 1,
            add: Some(chunks(add)),
            out: chunks(out),
        })
    };
    assert!(transpose(32, 32, 32));
    assert!(!transpose(31, 32, 32) && !transpose(32, 33, 32) && !transpose(32, 32, 31));
}
