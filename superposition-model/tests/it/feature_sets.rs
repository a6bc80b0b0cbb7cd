//! Correlated and anticorrelated features: the rule, its edges, the rates, the text.

use proptest::prelude::*;
use rand_chacha::rand_core::Rng;
use superposition_model::faer::Mat;
use superposition_model::{
    FeatureDistribution, FeatureProbability, FeatureSets, ModelError, SparseBatch,
};
use superposition_testkit::strategy;
use superposition_testkit::tolerance::{Tolerance, assert_close};

use crate::support::rng;

const CORRELATED: fn(usize) -> FeatureSets = |set_size| FeatureSets::Correlated { set_size };
const ANTICORRELATED: fn(usize) -> FeatureSets =
    |set_size| FeatureSets::Anticorrelated { set_size };

fn distribution(p: &[f64], sets: FeatureSets) -> Result<FeatureDistribution, ModelError> {
    FeatureDistribution::new(p.len(), &FeatureProbability::PerFeature(p.to_vec()))?.with_sets(sets)
}

/// The value of a draw, as documented.
fn unit(v: u32) -> f32 {
    (((f64::from(v) + 0.5) / 4_294_967_296.0) as f32).min(1.0_f32.next_down())
}

/// The rule as documented, a set at a time.
fn naive(p: &[f64], sets: FeatureSets, batch_size: usize, rng: &mut impl Rng) -> Mat<f32> {
    let mut x = Mat::zeros(p.len(), batch_size);
    let threshold = |p: f64| (p * 4_294_967_296.0).floor() as u64;
    for s in 0..batch_size {
        match sets {
            FeatureSets::Correlated { set_size } => {
                for (set, p) in p.chunks(set_size).enumerate() {
                    let u = u64::from(rng.next_u32());
                    for i in 0..p.len() {
                        let v = rng.next_u32();
                        if u < threshold(p[0]) {
                            x[(set * set_size + i, s)] = unit(v);
                        }
                    }
                }
            }
            FeatureSets::Anticorrelated { set_size } => {
                for (set, p) in p.chunks(set_size).enumerate() {
                    let (u, v) = (u64::from(rng.next_u32()), rng.next_u32());
                    for i in 0..p.len() {
                        let t = threshold(p[0]);
                        if (t * i as u64..t * (i as u64 + 1)).contains(&u) {
                            x[(set * set_size + i, s)] = unit(v);
                        }
                    }
                }
            }
            FeatureSets::Independent => unreachable!("has its own test"),
        }
    }
    x
}

/// Sets of at least two, with and without a remainder, and probabilities with their ends.
fn cases() -> impl Strategy<Value = (Vec<f64>, FeatureSets)> {
    let size = prop_oneof![4 => 2..9_usize, 1 => 600..1500_usize];
    (1..40_usize, size, any::<bool>()).prop_flat_map(|(n, set_size, together)| {
        let n = if set_size > 100 { n + 1300 } else { n };
        strategy::probabilities(n.div_ceil(set_size)).prop_map(move |of_set| {
            let size = |set: usize| set_size.min(n - set * set_size) as f64;
            let p = |set: usize| {
                if together {
                    of_set[set]
                } else {
                    of_set[set] / size(set)
                }
            };
            let p = (0..n).map(|i| p(i / set_size)).collect();
            (
                p,
                if together {
                    CORRELATED(set_size)
                } else {
                    ANTICORRELATED(set_size)
                },
            )
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn every_form_follows_the_rule((p, sets) in cases(), batch_size in 0..12_usize, seed in strategy::seed()) {
        let distribution = distribution(&p, sets).unwrap();
        let mut by_hand = rng(seed);
        let expected = naive(&p, sets, batch_size, &mut by_hand);

        let mut dense_rng = rng(seed);
        let mut dense = Mat::full(p.len(), batch_size, f32::NAN);
        distribution.sample_into(&mut dense_rng, dense.as_mut());
        prop_assert_eq!(&dense, &expected);

        let mut sparse_rng = rng(seed);
        let mut sparse = SparseBatch::new();
        distribution.sample_sparse_into(&mut rng(1), 5, &mut sparse);
        distribution.sample_sparse_into(&mut sparse_rng, batch_size, &mut sparse);
        prop_assert_eq!(sparse.to_dense(), dense);
        prop_assert_eq!(sparse.batch_size(), batch_size);
        prop_assert!(sparse.values().iter().all(|&value| value > 0.0 && value < 1.0));
        for s in 0..batch_size {
            prop_assert!(sparse.sample(s).0.windows(2).all(|pair| pair[0] < pair[1]));
        }
        prop_assert_eq!(&dense_rng, &by_hand);
        prop_assert_eq!(&sparse_rng, &by_hand);
    }

    #[test]
    fn sets_of_one_are_independent(p in strategy::probabilities(7), seed in strategy::seed()) {
        let independent = distribution(&p, FeatureSets::Independent).unwrap().sample(9, &mut rng(seed));
        for sets in [CORRELATED(1), ANTICORRELATED(1)] {
            let x = distribution(&p, sets).unwrap().sample(9, &mut rng(seed));
            prop_assert_eq!(&x, &independent);
        }
    }

    #[test]
    fn text_round_trips(k in 1..usize::MAX) {
        for sets in [FeatureSets::Independent, CORRELATED(k), ANTICORRELATED(k)] {
            prop_assert_eq!(sets.to_string().parse(), Ok(sets));
        }
    }

    #[test]
    fn no_text_panics(text in ".*", sets in " ?(anti)?correlated:?[-+0-9]* ?") {
        for text in [text, sets] {
            if let Ok(sets) = text.parse::<FeatureSets>() {
                prop_assert_eq!(sets.to_string().parse(), Ok(sets));
            }
        }
    }
}

#[test]
fn the_ends_of_the_rule() {
    let n_active = |p: f64, n: usize, sets| -> Vec<usize> {
        let x = distribution(&vec![p; n], sets)
            .unwrap()
            .sample(50, &mut rng(3));
        (0..50)
            .map(|s| x.col(s).iter().filter(|&&x| x > 0.0).count())
            .collect()
    };
    // Sets {0, 1, 2} and {3}.
    assert_eq!(n_active(0.0, 4, CORRELATED(3)), [0; 50]);
    assert_eq!(n_active(1.0, 4, CORRELATED(3)), [4; 50]);
    assert_eq!(n_active(0.0, 4, ANTICORRELATED(3)), [0; 50]);
    // A set larger than the features is one set; 10 x 0.1 makes 1, up to the last draws of 2^32.
    assert_eq!(n_active(0.1, 10, ANTICORRELATED(99)), [1; 50]);
    assert_eq!(n_active(1.0, 10, CORRELATED(usize::MAX)), [10; 50]);
    // Every 1/k is accepted for k.
    for k in 2..2000 {
        assert!(
            distribution(&vec![1.0 / k as f64; k], ANTICORRELATED(k)).is_ok(),
            "k = {k}"
        );
    }
    // The remainder may be as probable as its size allows.
    assert!(distribution(&[0.3, 0.3, 0.3, 1.0], ANTICORRELATED(3)).is_ok());
}

/// Marginals, first and second moments, joint presence and joint values, each within 4 sigmas.
#[test]
fn rates_and_moments_are_those_stated() {
    let (n, batch_size) = (7, 60_000);
    let count = batch_size as f64;
    for (sets, p, seed) in [
        (CORRELATED(3), [0.3, 0.3, 0.3, 0.05, 0.05, 0.05, 0.9], 31),
        (
            ANTICORRELATED(3),
            [0.3, 0.3, 0.3, 0.05, 0.05, 0.05, 0.9],
            32,
        ),
        (ANTICORRELATED(7), [1.0 / 7.0; 7], 33),
    ] {
        let x = distribution(&p, sets)
            .unwrap()
            .sample(batch_size, &mut rng(seed));
        let set_size = match sets {
            FeatureSets::Correlated { set_size } | FeatureSets::Anticorrelated { set_size } => {
                set_size
            }
            FeatureSets::Independent => 1,
        };
        let mean = |f: &dyn Fn(usize) -> f64| (0..batch_size).map(f).sum::<f64>() / count;
        let close = |actual: f64, expected: f64, second: f64| {
            let variance = (second - expected * expected).max(0.0);
            assert_close(
                actual,
                expected,
                Tolerance::statistical(4.0, (variance / count).sqrt()),
            );
        };
        let at = |i: usize, s: usize| f64::from(x[(i, s)]);
        let active = |i: usize, s: usize| f64::from(u8::from(x[(i, s)] > 0.0));
        for i in 0..n {
            close(mean(&|s| active(i, s)), p[i], p[i]);
            close(mean(&|s| at(i, s)), p[i] / 2.0, p[i] / 3.0);
            close(mean(&|s| at(i, s) * at(i, s)), p[i] / 3.0, p[i] / 5.0);
            for j in 0..i {
                let joint = match sets {
                    _ if i / set_size != j / set_size => p[i] * p[j],
                    FeatureSets::Correlated { .. } => p[i],
                    _ => 0.0,
                };
                close(mean(&|s| active(i, s) * active(j, s)), joint, joint);
                // Values are independent of each other: E x_i x_j = joint / 4.
                close(mean(&|s| at(i, s) * at(j, s)), joint / 4.0, joint / 9.0);
            }
        }
    }
}

#[test]
fn refusals_name_features_and_values() {
    let error = |p: &[f64], sets| distribution(p, sets).unwrap_err().to_string();
    for sets in [CORRELATED(2), ANTICORRELATED(2)] {
        assert_eq!(
            error(&[0.1, 0.1, 0.2, 0.3], sets),
            "feature probabilities 2 and 3 are 0.2 and 0.3; features of one set must have the same"
        );
    }
    assert_eq!(
        error(&[0.1, 0.1, 0.6, 0.6], ANTICORRELATED(2)),
        "feature probability 2 is 0.6 in an anticorrelated set of 2; it must be at most 1/2"
    );
    for sets in [CORRELATED(0), ANTICORRELATED(0)] {
        assert_eq!(error(&[0.1], sets), "set_size is 0; it must be at least 1");
    }
    for (text, message) in [
        (
            "pairs",
            "'pairs' says no feature sets (there is no 'pairs')",
        ),
        (
            "correlated",
            "'correlated' says no feature sets (the set size is missing)",
        ),
        (
            "correlated:0",
            "'correlated:0' says no feature sets (a set has at least 1 feature)",
        ),
        (
            "anticorrelated:x",
            "'anticorrelated:x' says no feature sets ('x' is no size)",
        ),
    ] {
        let error = text.parse::<FeatureSets>().unwrap_err().to_string();
        let rest = "; write independent, correlated:K or anticorrelated:K";
        assert_eq!(error, format!("{message}{rest}"));
    }
    assert_eq!(" correlated: 3 ".parse(), Ok(CORRELATED(3)));
    assert_eq!(FeatureSets::default(), FeatureSets::Independent);
}
