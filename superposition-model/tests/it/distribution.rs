//! The feature distribution: rates, values, and the sameness of its forms.

use proptest::prelude::*;
use rand_chacha::rand_core::{Rng, TryRng};
use superposition_model::faer::Mat;
use superposition_model::{FeatureDistribution, FeatureProbability, SparseBatch};
use superposition_testkit::strategy;
use superposition_testkit::tolerance::{Tolerance, assert_close};

use crate::support::rng;

fn mixed(p: &[f64]) -> FeatureDistribution {
    FeatureDistribution::new(p.len(), &FeatureProbability::PerFeature(p.to_vec())).unwrap()
}

/// The rule as documented, a draw at a time.
fn naive(p: &[f64], batch_size: usize, seed: u64) -> Mat<f32> {
    let mut rng = rng(seed);
    let mut x = Mat::zeros(p.len(), batch_size);
    for s in 0..batch_size {
        for (i, &p) in p.iter().enumerate() {
            let u = rng.next_u32();
            if u64::from(u) < (p * 4_294_967_296.0).floor() as u64 {
                let value = ((f64::from(u) + 0.5) / (p * 4_294_967_296.0)) as f32;
                x[(i, s)] = value.min(1.0_f32.next_down());
            }
        }
    }
    x
}

fn probabilities() -> impl Strategy<Value = Vec<f64>> {
    prop_oneof![
        4 => (1..40_usize).prop_flat_map(strategy::probabilities),
        // Runs of draws that end within a sample, and samples longer than one.
        1 => prop_oneof![Just(683_usize), Just(1023), Just(1024), Just(1025), Just(2500)]
            .prop_flat_map(strategy::probabilities),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn every_form_follows_the_rule(p in probabilities(), batch_size in 0..12_usize, seed in strategy::seed()) {
        let distribution = mixed(&p);
        let expected = naive(&p, batch_size, seed);

        let mut dense_rng = rng(seed);
        let dense = distribution.sample(batch_size, &mut dense_rng);
        prop_assert_eq!(&dense, &expected);

        // Into a row-major view, over what it held.
        let mut rows = Mat::<f32>::full(batch_size, p.len(), f32::NAN);
        distribution.sample_into(&mut rng(seed), rows.as_mut().transpose_mut());
        prop_assert_eq!(rows.transpose(), dense.as_ref());

        // Into a batch that held another.
        let mut sparse_rng = rng(seed);
        let mut sparse = SparseBatch::new();
        mixed(&[1.0; 3]).sample_sparse_into(&mut rng(1), 5, &mut sparse);
        distribution.sample_sparse_into(&mut sparse_rng, batch_size, &mut sparse);
        prop_assert_eq!(sparse.to_dense(), dense);
        prop_assert_eq!(sparse.batch_size(), batch_size);
        for s in 0..batch_size {
            let (indices, values) = sparse.sample(s);
            prop_assert!(indices.windows(2).all(|pair| pair[0] < pair[1]));
            prop_assert!(values.iter().all(|&value| value > 0.0 && value < 1.0));
        }
        // One draw for each element, in each form.
        let mut by_hand = rng(seed);
        (0..batch_size * p.len()).for_each(|_| _ = by_hand.next_u32());
        prop_assert_eq!(&dense_rng, &by_hand);
        prop_assert_eq!(&sparse_rng, &by_hand);
    }
}

/// A generator that says what it is told.
struct Fixed(u32);

impl TryRng for Fixed {
    type Error = std::convert::Infallible;
    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        Ok(self.0)
    }
    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        Ok(u64::from(self.0) << 32 | u64::from(self.0))
    }
    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Self::Error> {
        bytes
            .chunks_mut(4)
            .for_each(|chunk| chunk.copy_from_slice(&self.0.to_le_bytes()[..chunk.len()]));
        Ok(())
    }
}

#[test]
fn the_ends_of_the_rule() {
    let value = |p: f64, u: u32| {
        let dense = mixed(&[p]).sample(1, &mut Fixed(u));
        let mut sparse = SparseBatch::new();
        mixed(&[p]).sample_sparse_into(&mut Fixed(u), 1, &mut sparse);
        assert_eq!(sparse.to_dense(), dense);
        assert_eq!(sparse.n_active(), usize::from(dense[(0, 0)] > 0.0));
        dense[(0, 0)]
    };
    // p = 1: always active, above 0, below 1.
    assert_eq!(value(1.0, 0), 0.5 / 4_294_967_296.0);
    assert_eq!(value(1.0, u32::MAX), 1.0_f32.next_down());
    // p = 1/2: the last active draw and the first inactive one.
    assert_eq!(value(0.5, 0x7fff_ffff), 1.0_f32.next_down());
    assert_eq!(value(0.5, 0x8000_0000), 0.0);
    assert_eq!(value(0.5, 0x4000_0000), 0.5);
    // p = 0, and p too small for a draw: never.
    assert_eq!(value(0.0, 0), 0.0);
    assert_eq!(value(2.0_f64.powi(-33), 0), 0.0);
    assert_eq!(value(f64::MIN_POSITIVE, 0), 0.0);
    // The smallest p that is ever active has one value.
    assert_eq!(value(2.0_f64.powi(-32), 0), 0.5);
    assert_eq!(value(2.0_f64.powi(-32), 1), 0.0);
}

/// A generator that remembers how many bytes were asked for at a time.
#[derive(Default)]
struct Asked(Vec<usize>);

impl TryRng for Asked {
    type Error = std::convert::Infallible;
    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        Ok(0)
    }
    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        Ok(0)
    }
    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Self::Error> {
        bytes.fill(0);
        self.0.push(bytes.len());
        Ok(())
    }
}

/// Pinned, because a generator that makes more than 4 bytes at a time may drop some at the end of a request.
#[test]
fn draws_are_asked_for_in_stated_portions() {
    let mut dense = Asked::default();
    let _ = mixed(&[0.5; 100]).sample(25, &mut dense);
    assert_eq!(dense.0, [4096, 4096, 4 * (2500 - 2048)]);
    let mut sparse = Asked::default();
    mixed(&[0.5; 100]).sample_sparse_into(&mut sparse, 25, &mut SparseBatch::new());
    assert_eq!(sparse.0, dense.0);
}

#[test]
fn rates_and_moments_are_those_stated() {
    let all = [0.0, 1.0, 0.5, 0.1, 0.01, 0.9];
    let batch_size = 40_000;
    let x = mixed(&all).sample(batch_size, &mut rng(11));
    let n = batch_size as f64;
    for (i, &p) in all.iter().enumerate() {
        let row = || (0..batch_size).map(|s| f64::from(x[(i, s)]));
        let rate = row().filter(|&x| x > 0.0).count() as f64 / n;
        assert_close(
            rate,
            p,
            Tolerance::statistical(4.0, (p * (1.0 - p) / n).sqrt()),
        );
        // E x = p/2, E x^2 = p/3, E x^4 = p/5.
        let mean = row().sum::<f64>() / n;
        assert_close(
            mean,
            p / 2.0,
            Tolerance::statistical(4.0, ((p / 3.0 - p * p / 4.0) / n).sqrt()),
        );
        let second = row().map(|x| x * x).sum::<f64>() / n;
        assert_close(
            second,
            p / 3.0,
            Tolerance::statistical(4.0, ((p / 5.0 - p * p / 9.0) / n).sqrt()),
        );
        // Independent of the next feature.
        if let Some(&next) = all.get(i + 1) {
            let joint = (0..batch_size)
                .filter(|&s| x[(i, s)] > 0.0 && x[(i + 1, s)] > 0.0)
                .count() as f64
                / n;
            let expected = p * next;
            assert_close(
                joint,
                expected,
                Tolerance::statistical(4.0, (expected * (1.0 - expected) / n).sqrt()),
            );
        }
    }
}

/// The largest distance of the empirical distribution function from that of the uniform distribution.
fn kolmogorov_smirnov(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let n = values.len() as f64;
    let distances = values
        .iter()
        .enumerate()
        .map(|(k, v)| (v - k as f64 / n).max((k + 1) as f64 / n - v));
    distances.fold(0.0, f64::max)
}

/// The distance that samples of a uniform distribution exceed once in a thousand.
fn critical(n: usize) -> f64 {
    ((2.0_f64 / 0.001).ln() / 2.0 / n as f64).sqrt()
}

#[test]
fn active_values_are_uniform() {
    for (seed, p) in [(21, 1.0), (22, 0.3), (23, 0.01)] {
        let mut batch = SparseBatch::new();
        let distribution = FeatureDistribution::new(100, &FeatureProbability::Same(p)).unwrap();
        distribution.sample_sparse_into(&mut rng(seed), (100.0 / p) as usize, &mut batch);
        let values: Vec<f64> = batch.values().iter().map(|&v| f64::from(v)).collect();
        assert!(values.len() > 9_000);
        let critical = critical(values.len());
        assert!(kolmogorov_smirnov(values.clone()) < critical, "p = {p}");
        // The control: squares are not uniform.
        assert!(kolmogorov_smirnov(values.iter().map(|v| v * v).collect()) > critical);
    }
}

#[test]
#[should_panic(expected = "x is 2 x 5; it must be 3 x 5")]
fn another_height_panics() {
    mixed(&[0.5; 3]).sample_into(&mut rng(0), Mat::zeros(2, 5).as_mut());
}

#[test]
#[should_panic(expected = "sample is 2; it must be below the batch size 2")]
fn a_sample_that_is_not_there_panics() {
    let mut batch = SparseBatch::default();
    mixed(&[0.5; 3]).sample_sparse_into(&mut rng(0), 2, &mut batch);
    let _ = batch.sample(2);
}

#[test]
#[should_panic(expected = "too large for 32-bit offsets")]
fn a_batch_beyond_its_offsets_panics_before_it_is_drawn() {
    mixed(&[0.5; 3]).sample_sparse_into(&mut rng(0), 1 << 31, &mut SparseBatch::new());
}
