//! Random numbers that depend on a seed and on what they are for, and on nothing else.

use faer::Mat;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// What random numbers are for: each purpose draws from streams of its own.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Purpose {
    /// The start of [`top_spectrum`](crate::top_spectrum).
    Spectrum = 0,
    /// The draws of [`null_baselines`](crate::null_baselines).
    Null = 1,
}

/// Fills a matrix with independent standard normal numbers, column after column.
///
/// From ChaCha with 8 rounds, whose key holds the seed, the purpose and `stream` as little-endian 64-bit words.
/// By Box and Muller's transformation: two u64 make two numbers, and a last odd one drops its second half.
pub(crate) fn normal_columns(matrix: &mut Mat<f64>, seed: u64, purpose: Purpose, stream: u64) {
    let mut key = [0; 32];
    for (bytes, word) in key.chunks_exact_mut(8).zip([seed, purpose as u64, stream]) {
        bytes.copy_from_slice(&word.to_le_bytes());
    }
    let mut rng = ChaCha8Rng::from_seed(key);
    let mut spare = None;
    for j in 0..matrix.ncols() {
        for x in matrix.col_as_slice_mut(j) {
            *x = spare.take().unwrap_or_else(|| {
                let [first, second] = normal_pair(&mut rng);
                spare = Some(second);
                first
            });
        }
    }
}

fn normal_pair(rng: &mut ChaCha8Rng) -> [f64; 2] {
    const UNIT: f64 = 1.0 / (1_u64 << 53) as f64;
    // Within (0, 1]: the half keeps the logarithm away from that of 0.
    let mut uniform = || ((rng.next_u64() >> 11) as f64 + 0.5) * UNIT;
    let radius = (-2.0 * libm::log(uniform())).sqrt();
    let (sin, cos) = libm::sincos(std::f64::consts::TAU * uniform());
    [radius * cos, radius * sin]
}

#[cfg(test)]
mod tests {
    use super::*;
    use superposition_testkit::tolerance::{Tolerance, assert_close};

    fn draws(seed: u64, purpose: Purpose, stream: u64) -> Vec<f64> {
        let mut matrix = Mat::zeros(50, 2000);
        normal_columns(&mut matrix, seed, purpose, stream);
        (0..2000)
            .flat_map(|j| matrix.col_as_slice(j).to_vec())
            .collect()
    }

    #[test]
    fn moments_are_those_of_normal_numbers() {
        let draws = draws(3, Purpose::Null, 5);
        let n = draws.len() as f64;
        // The variances of x, x^2, x^3 and x^4 are 1, 2, 15 and 96.
        for (power, mean, variance) in
            [(1, 0.0, 1.0), (2, 1.0, 2.0), (3, 0.0, 15.0), (4, 3.0, 96.0)]
        {
            let found = draws.iter().map(|x: &f64| x.powi(power)).sum::<f64>() / n;
            let error = (variance / n).sqrt();
            assert_close(found, mean, Tolerance::statistical(4.0, error));
        }
        let neighbours: f64 = draws.windows(2).map(|pair| pair[0] * pair[1]).sum();
        assert_close(
            neighbours / n,
            0.0,
            Tolerance::statistical(4.0, n.sqrt().recip()),
        );
    }

    #[test]
    fn every_part_of_the_key_counts() {
        let base = draws(1, Purpose::Null, 0);
        assert_eq!(base, draws(1, Purpose::Null, 0));
        for other in [
            draws(2, Purpose::Null, 0),
            draws(1, Purpose::Spectrum, 0),
            draws(1, Purpose::Null, 1),
        ] {
            assert!(base.iter().zip(&other).all(|(a, b)| a != b));
        }
    }

    /// What a seed gives is part of the promise; these numbers were also computed by hand from ChaCha's definition.
    #[test]
    fn values_are_pinned() {
        let mut matrix = Mat::zeros(3, 1);
        normal_columns(&mut matrix, 42, Purpose::Null, 7);
        let expected = [
            -1.3364729599842795,
            0.05651037415022836,
            -0.8186954259734114,
        ];
        assert_eq!(matrix.col_as_slice(0), expected);
    }
}
