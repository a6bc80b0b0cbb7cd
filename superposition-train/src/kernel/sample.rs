//! Sampling a shard: draw, compare, keep the active.

use superposition_model::FeatureDistribution;

use super::Run;
use super::chacha::{ChaCha, GROUP};
use super::simd::{Limit, Simd};

/// The largest f32 below 1.
const BELOW_ONE: f32 = 1.0 - f32::EPSILON / 2.0;

/// Words that are drawn at a time.
const BUFFER: usize = 16 * GROUP;

/// The most features of a sample that are looked at before the buffer is filled again.
const SEGMENT: usize = BUFFER / 4;

/// Samples of which only the active features are stored.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shard {
    /// Where each sample starts, and where the last ends.
    pub(crate) offsets: Vec<usize>,
    /// The active features, ascending in each sample; longer than what the offsets speak of.
    pub(crate) indices: Vec<u32>,
    /// Their values, as long as the offsets say.
    pub(crate) values: Vec<f32>,
    /// The draws that made them.
    draws: Vec<u32>,
}

impl Shard {
    /// How many samples there are.
    pub(crate) fn n_samples(&self) -> usize {
        self.offsets.len().saturating_sub(1)
    }

    /// The active features of every sample in turn, with their values.
    #[inline(always)]
    pub(crate) fn samples(&self) -> impl Iterator<Item = (&[u32], &[f32])> {
        self.offsets.windows(2).map(|ends| {
            let range = ends[0]..ends[1];
            (&self.indices[range.clone()], &self.values[range])
        })
    }
}

/// Below which draws the features are active, and what their draws are divided by.
#[derive(Clone, Debug)]
pub(crate) struct Thresholds {
    n_features: usize,
    /// Eight features each; those beyond the last are never active.
    limits: Vec<Limit>,
    divisors: Divisors,
}

/// What the draws of active features are divided by.
#[derive(Clone, Debug)]
enum Divisors {
    Same(f64),
    PerFeature(Vec<f64>),
}

impl Thresholds {
    /// Those of [`FeatureDistribution::sample_sparse_into`].
    pub(crate) fn new(distribution: &FeatureDistribution) -> Self {
        let probability = distribution.feature_probability();
        let divisors: Vec<f64> = probability.iter().map(|p| p * 4_294_967_296.0).collect();
        let mut limits = vec![
            Limit {
                last: [0; 8],
                ever: [0; 8]
            };
            divisors.len().div_ceil(8)
        ];
        for (i, &divisor) in divisors.iter().enumerate() {
            let limit = &mut limits[i / 8];
            // Active iff the draw is below this, which is at most 2^32.
            let threshold = divisor as u64;
            limit.last[i % 8] = threshold.saturating_sub(1) as u32;
            limit.ever[i % 8] = if threshold > 0 { u32::MAX } else { 0 };
        }
        let same = divisors.windows(2).all(|pair| pair[0] == pair[1]);
        let n_features = divisors.len();
        let divisors = if same {
            Divisors::Same(divisors[0])
        } else {
            Divisors::PerFeature(divisors)
        };
        Self {
            n_features,
            limits,
            divisors,
        }
    }
}

/// Draws `n_samples` samples with the generator of this key into `shard`.
pub(crate) struct SampleShard<'a> {
    pub(crate) thresholds: &'a Thresholds,
    pub(crate) key: [u8; 32],
    pub(crate) n_samples: usize,
    pub(crate) shard: &'a mut Shard,
}

impl Run for SampleShard<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self {
            thresholds,
            key,
            n_samples,
            shard,
        } = self;
        let n = thresholds.n_features;
        let Shard {
            offsets,
            indices,
            values,
            draws,
        } = shard;
        offsets.clear();
        offsets.push(0);
        let mut chacha = ChaCha::new(key);
        // Eight words more than are ever drawn, so that eight can be loaded anywhere.
        let mut buffer = [0; BUFFER + 8];
        let (mut start, mut end) = (0, 0);
        // Draws that no sample needs are not made, up to a group.
        let mut left = n_samples * n;
        let mut count = 0;
        for _ in 0..n_samples {
            for segment in thresholds.limits.chunks(SEGMENT / 8).enumerate() {
                let (first, limits) = (segment.0 * SEGMENT, segment.1);
                let length = (n - first).min(SEGMENT);
                if end - start < length {
                    buffer.copy_within(start..end, 0);
                    end -= start;
                    start = 0;
                    while end + GROUP <= BUFFER && end < left {
                        let group = &mut buffer[end..][..GROUP];
                        chacha.next_group(simd, group.try_into().expect("the length of a group"));
                        end += GROUP;
                    }
                }
                if draws.len() < count + 8 * (limits.len() + 1) {
                    let longer = (2 * draws.len()).max(count + 8 * (limits.len() + 1));
                    draws.resize(longer, 0);
                    indices.resize(longer, 0);
                }
                let words = &buffer[start..][..8 * limits.len()];
                let (words, _) = words.as_chunks::<8>();
                for (k, (words, limit)) in words.iter().zip(limits).enumerate() {
                    let to_draws = (&mut draws[count..count + 8]).try_into().expect("eight");
                    let to_indices = (&mut indices[count..count + 8]).try_into().expect("eight");
                    count +=
                        simd.compress(words, limit, (first + 8 * k) as u32, to_draws, to_indices);
                }
                start += length;
                left -= length;
            }
            offsets.push(count);
        }
        values.clear();
        match &thresholds.divisors {
            Divisors::Same(divisor) => {
                values.extend(draws[..count].iter().map(|&u| value(u, *divisor)));
            }
            Divisors::PerFeature(divisors) => {
                values.extend(
                    draws[..count]
                        .iter()
                        .zip(&*indices)
                        .map(|(&u, &i)| value(u, divisors[i as usize])),
                );
            }
        }
    }
}

/// The value of an active feature.
#[inline(always)]
fn value(u: u32, divisor: f64) -> f32 {
    let value = ((f64::from(u) + 0.5) / divisor) as f32;
    if value < BELOW_ONE { value } else { BELOW_ONE }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use superposition_model::{FeatureProbability, SparseBatch};

    use super::*;
    use crate::kernel::Instructions;
    use crate::{Kernel, Stream, stream, stream_rng};

    /// Asserts that a shard is what the model's distribution draws.
    fn check(probability: &FeatureProbability, n: usize, n_samples: usize, seed: u64) {
        let distribution = FeatureDistribution::new(n, probability).unwrap();
        let mut expected = SparseBatch::new();
        distribution.sample_sparse_into(
            &mut stream_rng(seed, Stream::Data, 3, 2),
            n_samples,
            &mut expected,
        );
        for kernel in [Kernel::Scalar, Kernel::Auto] {
            let mut shard = Shard::default();
            // A second use of the same memory gives the same.
            for key in [[1; 32], stream::key(seed, Stream::Data, 3, 2)] {
                Instructions::select(kernel).unwrap().run(SampleShard {
                    thresholds: &Thresholds::new(&distribution),
                    key,
                    n_samples,
                    shard: &mut shard,
                });
            }
            let offsets: Vec<u32> = shard.offsets.iter().map(|&end| end as u32).collect();
            assert_eq!(offsets, expected.offsets());
            assert_eq!(shard.indices[..shard.values.len()], *expected.indices());
            let bits = |values: &[f32]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
            assert_eq!(bits(&shard.values), bits(expected.values()));
        }
    }

    #[test]
    fn edges_of_the_vectors_and_of_the_buffer() {
        for n in [
            1,
            7,
            8,
            9,
            100,
            SEGMENT - 1,
            SEGMENT,
            SEGMENT + 1,
            BUFFER + 5,
            3 * BUFFER + 1,
        ] {
            for p in [0.0, 0.1, 1.0] {
                check(&FeatureProbability::Same(p), n, 3, 5);
            }
        }
        check(&FeatureProbability::Same(0.3), 100, 64, 6);
        check(&FeatureProbability::Same(0.1), 3, 1, 6);
    }

    #[test]
    fn a_feature_with_p_0_is_not_active_at_draw_0() {
        let never = Limit {
            last: [0; 8],
            ever: [0; 8],
        };
        let at_zero = Limit {
            last: [0; 8],
            ever: [u32::MAX; 8],
        };
        struct Count<'a>(&'a Limit);
        impl Run for Count<'_> {
            type Output = usize;
            #[inline(always)]
            fn run<S: Simd>(self, simd: S) -> usize {
                simd.compress(&[0; 8], self.0, 0, &mut [0; 8], &mut [0; 8])
            }
        }
        for kernel in [Kernel::Scalar, Kernel::Auto] {
            let instructions = Instructions::select(kernel).unwrap();
            assert_eq!(instructions.run(Count(&never)), 0);
            assert_eq!(instructions.run(Count(&at_zero)), 8);
        }
    }

    proptest! {
        #[test]
        fn mixed_probabilities(
            probability in prop::collection::vec(
                prop_oneof![Just(0.0), Just(1.0), Just(1e-10), 0.0..1.0],
                1..70,
            ),
            n_samples in 1_usize..70,
            seed: u64,
        ) {
            let n = probability.len();
            check(&FeatureProbability::PerFeature(probability), n, n_samples, seed);
        }
    }
}
