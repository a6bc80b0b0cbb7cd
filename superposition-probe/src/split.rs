//! Holding samples out.

use rand::Rng;

use crate::ProbeError;

/// Which samples a probe is fitted on, and on which it is judged.
///
/// Both lists hold 0-based sample indices. [`Split::random`] makes one; samples that are not independent (tokens
/// of one document, frames of one episode) should be kept on one side by writing the lists by hand.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Split {
    /// Samples for the fit.
    pub train: Vec<usize>,
    /// Held-out samples.
    pub test: Vec<usize>,
}

impl Split {
    /// A uniformly random split, both parts in ascending order.
    ///
    /// The test part has `test_fraction * n_samples` samples, rounded, at least 1 and at most `n_samples - 1`.
    /// It is a partial Fisher-Yates shuffle that takes one `next_u64` for each test sample (index =
    /// high word of the 128-bit product with the number of samples left), so a seed gives the same split on every machine.
    ///
    /// # Errors
    /// Fewer than 2 samples; `test_fraction` not strictly between 0 and 1.
    ///
    /// ```
    /// use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
    /// use superposition_probe::Split;
    ///
    /// let split = Split::random(10, 0.2, &mut ChaCha8Rng::seed_from_u64(0))?;
    /// assert_eq!((split.train.len(), split.test.len()), (8, 2));
    /// # Ok::<(), superposition_probe::ProbeError>(())
    /// ```
    pub fn random<R: Rng + ?Sized>(
        n_samples: usize,
        test_fraction: f64,
        rng: &mut R,
    ) -> Result<Self, ProbeError> {
        check_test_fraction(test_fraction)?;
        if n_samples < 2 {
            return Err(ProbeError::TooFewSamples { n_samples });
        }
        let n_test = ((test_fraction * n_samples as f64).round() as usize).clamp(1, n_samples - 1);
        let mut order: Vec<usize> = (0..n_samples).collect();
        for k in 0..n_test {
            let left = (n_samples - k) as u64;
            let pick = (u128::from(rng.next_u64()) * u128::from(left)) >> 64;
            order.swap(k, k + pick as usize);
        }
        let mut train = order.split_off(n_test);
        let mut test = order;
        // Ascending order reads the samples as they lie in memory.
        train.sort_unstable();
        test.sort_unstable();
        Ok(Self { train, test })
    }

    /// Panics for an index out of range; Err for an empty part or a repeated sample.
    #[track_caller]
    pub(crate) fn check(&self, n_samples: usize) -> Result<(), ProbeError> {
        for (part, samples) in [("training", &self.train), ("test", &self.test)] {
            if samples.is_empty() {
                return Err(ProbeError::EmptySplit { part });
            }
        }
        let mut seen = vec![false; n_samples];
        for &sample in self.train.iter().chain(&self.test) {
            assert!(
                sample < n_samples,
                "the split names sample {sample} of {n_samples} samples"
            );
            if std::mem::replace(&mut seen[sample], true) {
                return Err(ProbeError::OverlappingSplit { sample });
            }
        }
        Ok(())
    }
}

/// Err unless the fraction is strictly between 0 and 1.
pub(crate) fn check_test_fraction(test_fraction: f64) -> Result<(), ProbeError> {
    if test_fraction > 0.0 && test_fraction < 1.0 {
        Ok(())
    } else {
        Err(ProbeError::InvalidOption {
            name: "test_fraction",
            value: test_fraction,
            expected: "strictly between 0 and 1",
        })
    }
}

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::SeedableRng;

    use super::*;

    /// Value stability: a change here is value-breaking, and goes under that heading of the changelog.
    #[test]
    fn a_seed_keeps_its_split() {
        let split = Split::random(20, 0.25, &mut ChaCha8Rng::seed_from_u64(0)).unwrap();
        assert_eq!(split.test, [0_usize, 4, 9, 14, 18]);
    }
}
