//! Samples by every layout: the same from all instructions, with the statistics they should have, and pinned.

use proptest::prelude::*;
use superposition_model::FeatureProbability;

use super::*;
use crate::kernel::tests::instructions;

fn distribution(probability: &[f64], sets: FeatureSets) -> FeatureDistribution {
    let each = FeatureProbability::PerFeature(probability.to_vec());
    FeatureDistribution::new(probability.len(), &each)
        .unwrap()
        .with_sets(sets)
        .unwrap()
}

/// The samples of a key as rows of n numbers; asserts that both kinds of sampling and all instructions agree.
fn sample(distribution: &FeatureDistribution, n_samples: usize, seed: u64) -> Vec<Vec<f32>> {
    let sampler = Sampler::new(distribution);
    let n = distribution.n_features();
    let stride = chunks_for(n);
    let key = Key::new([seed, 1, 2, 3]);
    let mut outcomes = Vec::new();
    // Memory that was used before.
    let (mut shard, mut other) = (Shard::default(), Shard::default());
    let mut rows = vec![Chunk([f32::NAN; LANES]); n_samples * stride];
    for instructions in instructions() {
        instructions.run(SampleShard {
            sampler: &sampler,
            key,
            n_samples,
            shard: &mut shard,
        });
        assert_eq!(shard.n_samples(), n_samples);
        for (s, ends) in shard.offsets.windows(2).enumerate() {
            let owners = &shard.owners[ends[0]..ends[1]];
            assert!(owners.iter().all(|&owner| owner as usize == s));
        }
        let mut sparse = vec![vec![0.0; n]; n_samples];
        for (sample, (indices, values)) in sparse.iter_mut().zip(shard.samples_in(0..n_samples)) {
            assert!(indices.is_sorted_by(|a, b| a < b));
            for (&i, &value) in indices.iter().zip(values) {
                assert!(value > 0.0 && value <= 1.0, "{value}");
                sample[i as usize] = value;
            }
        }
        instructions.run(SampleRows {
            sampler: &sampler,
            key,
            n_samples,
            rows: &mut rows,
            shard: &mut other,
        });
        for (row, sample) in rows.chunks_exact(stride).zip(&sparse) {
            assert_eq!(flat(row)[..n], sample[..]);
            assert!(flat(row)[n..].iter().all(|&x| x == 0.0));
        }
        outcomes.push(sparse);
    }
    assert!(outcomes.iter().all(|outcome| *outcome == outcomes[0]));
    outcomes.swap_remove(0)
}

/// Asserts that a count of independent trials is within five standard deviations.
fn check_count(count: usize, trials: usize, p: f64, what: &str) {
    let (count, trials) = (count as f64, trials as f64);
    let deviation = (trials * p * (1.0 - p)).sqrt();
    assert!(
        (count - trials * p).abs() <= 5.0 * deviation + 1e-9 * trials,
        "{what}: {count} of {trials} at {p}"
    );
}

/// Presence, mean and mean square of each feature, and joint presence of neighbours.
fn check_moments(probability: &[f64], n_shards: u64) {
    let distribution = distribution(probability, FeatureSets::Independent);
    let samples: Vec<Vec<f32>> = (0..n_shards)
        .flat_map(|seed| sample(&distribution, 128, seed))
        .collect();
    let total = samples.len();
    for (i, &p) in probability.iter().enumerate() {
        let values: Vec<f64> = samples.iter().map(|x| f64::from(x[i])).collect();
        let active = values.iter().filter(|&&x| x != 0.0).count();
        check_count(active, total, p, "presence");
        let sum: f64 = values.iter().sum();
        let squares: f64 = values.iter().map(|x| x * x).sum();
        let count = active as f64;
        // Of a uniform number: mean 1/2, variance 1/12; of its square: mean 1/3, variance 4/45.
        assert!((sum - count / 2.0).abs() <= 5.0 * (count / 12.0).sqrt());
        assert!((squares - count / 3.0).abs() <= 5.0 * (count * 4.0 / 45.0).sqrt());
        let next = (i + 1) % probability.len();
        if next != i {
            let both = samples.iter().filter(|x| x[i] != 0.0 && x[next] != 0.0);
            check_count(both.count(), total, p * probability[next], "both");
        }
    }
}

#[test]
fn moments_in_every_layout() {
    check_moments(&[0.3, 0.01, 1.0, 0.0, 0.9], 200); // Lanes
    check_moments(&[0.05, 0.02, 0.09], 800); // Skip, tiny
    check_moments(&[0.5; 20], 100); // Compare
    check_moments(
        &(0..20).map(|i| f64::from(i) / 19.0).collect::<Vec<_>>(),
        100,
    );
    check_moments(&[0.2; 20], 200); // Skip
    check_moments(&[0.003; 40], 500);
    check_moments(
        &(0..20).map(|i| f64::from(i) / 100.0).collect::<Vec<_>>(),
        300,
    ); // thinned
}

#[test]
fn positions_beyond_those_exact_in_f32_are_counted_alike() {
    // 128 samples of 200,000 features: the positions of the first 84 samples are divided in f32, the rest is not.
    let n = 200_000;
    let p = 1e-4;
    let distribution = FeatureDistribution::new(n, &FeatureProbability::Same(p)).unwrap();
    let mut shard = Shard::default();
    for instructions in instructions() {
        instructions.run(SampleShard {
            sampler: &Sampler::new(&distribution),
            key: Key::new([3, 1, 2, 3]),
            n_samples: 128,
            shard: &mut shard,
        });
        for (part, name) in [(0..80, "exact"), (88..128, "beyond"), (0..128, "all")] {
            let count = shard.offsets[part.end] - shard.offsets[part.start];
            check_count(count, part.len() * n, p, name);
        }
        for (indices, _) in shard.samples_in(0..128) {
            assert!(
                indices.is_sorted_by(|a, b| a < b) && indices.iter().all(|&i| (i as usize) < n)
            );
        }
    }
}

#[test]
fn the_largest_draw_is_at_most_1() {
    let odd = [1.0 - 2.0_f64.powi(-24) - 2.0_f64.powi(-40), 0.3, 1.0];
    let many = (1..20_000).map(|k| f64::from(k) / 20_011.0);
    for p in odd.into_iter().chain(many) {
        let mut elements = Elements::NEVER;
        elements.set(0, p);
        let last = elements.one(0, elements.last[0]).unwrap();
        assert!(last <= 1.0 && last > 0.999_9, "{last} at {p}");
        assert!(elements.one(0, 0).unwrap() > 0.0);
        assert!(
            elements.last[0] == i32::MAX as u32 || elements.one(0, elements.last[0] + 1).is_none()
        );
    }
}

#[test]
fn gaps_are_geometric() {
    // From one active feature to the next, over the ends of samples, at a probability where ln matters.
    let p = 0.07;
    let distribution = distribution(&[p; 1000], FeatureSets::Independent);
    let mut counts = [0_usize; 60];
    let mut total = 0;
    for seed in 0..20 {
        let flat: Vec<bool> = sample(&distribution, 128, seed)
            .concat()
            .iter()
            .map(|&x| x != 0.0)
            .collect();
        let places: Vec<usize> = (0..flat.len()).filter(|&k| flat[k]).collect();
        for pair in places.windows(2) {
            counts[(pair[1] - pair[0] - 1).min(59)] += 1;
            total += 1;
        }
    }
    for (gap, &count) in counts[..59].iter().enumerate() {
        check_count(count, total, p * (1.0 - p).powi(gap as i32), "gap");
    }
}

#[test]
fn sets_at_the_edges() {
    let presence = |probability: &[f64], sets| {
        sample(&distribution(probability, sets), 128, 4)
            .iter()
            .map(|x| x.iter().map(|&x| x != 0.0).collect())
            .collect::<Vec<Vec<bool>>>()
    };
    for sets in [
        FeatureSets::Correlated { set_size: 3 },
        FeatureSets::Anticorrelated { set_size: 3 },
    ] {
        let never = presence(&[0.0; 4], sets);
        assert!(never.iter().flatten().all(|&x| !x));
    }
    let together = FeatureSets::Correlated { set_size: 3 };
    let always = presence(&[1.0; 4], together);
    assert!(always.iter().flatten().all(|&x| x));
    // Always one of three; the last set, of one, is there a quarter of the time.
    let one = FeatureSets::Anticorrelated { set_size: 3 };
    let third = 1.0 / 3.0;
    let found = presence(&[third, third, third, 0.25], one);
    let missing = found
        .iter()
        .filter(|x| x[..3].iter().filter(|x| **x).count() != 1);
    // Three times a third may be a little below 1.
    assert!(missing.count() <= 1);
    check_count(found.iter().filter(|x| x[3]).count(), 128, 0.25, "presence");
}

#[test]
fn sets_are_active_together_or_one_at_a_time() {
    let n = 11;
    let mut probability = [0.1; 11];
    probability[8..].fill(0.03);
    let size = 4;
    for together in [true, false] {
        let sets = match together {
            true => FeatureSets::Correlated { set_size: size },
            false => FeatureSets::Anticorrelated { set_size: size },
        };
        let distribution = distribution(&probability, sets);
        let samples: Vec<Vec<f32>> = (0..300)
            .flat_map(|seed| sample(&distribution, 128, seed))
            .collect();
        for i in 0..n {
            let active = samples.iter().filter(|x| x[i] != 0.0);
            check_count(active.count(), samples.len(), probability[i], "presence");
            for j in 0..i {
                let both = samples
                    .iter()
                    .filter(|x| x[i] != 0.0 && x[j] != 0.0)
                    .count();
                let p = match (i / size == j / size, together) {
                    (true, true) => probability[i],
                    (true, false) => 0.0,
                    (false, _) => probability[i] * probability[j],
                };
                check_count(both, samples.len(), p, "both");
            }
        }
        // Values of a set are independent of each other.
        if together {
            let pairs: Vec<f64> = samples
                .iter()
                .filter(|x| x[0] != 0.0)
                .map(|x| (f64::from(x[0]) - 0.5) * (f64::from(x[1]) - 0.5))
                .collect();
            let count = pairs.len() as f64;
            assert!(pairs.iter().sum::<f64>().abs() < 5.0 * count.sqrt() / 12.0);
        }
    }
}

#[test]
fn values_are_stable() {
    let first = |probability: &[f64], sets| {
        let samples = sample(&distribution(probability, sets), 128, 1).concat();
        let active = samples.iter().enumerate().filter(|(_, x)| **x != 0.0);
        let active: Vec<(usize, u32)> = active.map(|(k, x)| (k, x.to_bits())).collect();
        (active.len(), active[0], active[active.len() - 1])
    };
    let independent = FeatureSets::Independent;
    let found = [
        first(&[0.5; 3], independent),
        first(&[0.5; 20], independent),
        first(&[0.1; 20], independent),
        first(&[0.05; 3], independent),
        first(&[[0.1; 10], [0.05; 10]].concat(), independent),
        first(&[0.1; 20], FeatureSets::Correlated { set_size: 3 }),
        first(&[0.1; 20], FeatureSets::Anticorrelated { set_size: 3 }),
    ];
    let expected = [
        (189, (0, 1_046_845_670), (383, 1_055_271_324)),
        (1294, (0, 1_046_845_670), (2559, 1_060_429_451)),
        (262, (20, 1_059_811_748), (2557, 1_063_866_032)),
        (29, (42, 1_059_811_748), (381, 1_064_950_331)),
        (191, (20, 1_059_811_748), (2549, 1_063_431_698)),
        (257, (58, 1_059_811_748), (2519, 1_058_518_055)),
        (240, (24, 1_061_143_685), (2556, 1_062_617_151)),
    ];
    assert_eq!(found, expected);
}

proptest! {
    #[test]
    fn any_probabilities_and_counts(
        probability in prop::collection::vec(
            prop_oneof![Just(0.0), Just(1.0), Just(1e-10), Just(1e-4), 0.0..1.0, 0.0..0.2],
            1..70,
        ),
        n_samples in 1_usize..70,
        seed: u64,
    ) {
        let samples = sample(&distribution(&probability, FeatureSets::Independent), n_samples, seed);
        for sample in &samples {
            for (&x, &p) in sample.iter().zip(&probability) {
                prop_assert!(p != 0.0 || x == 0.0);
                prop_assert!(p != 1.0 || x != 0.0);
            }
        }
    }
}
