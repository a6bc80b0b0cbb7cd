//! When a correlation is more than chance.

use crate::PolysemanticityOptions;

/// Which correlations count, for one pair of matrices.
#[derive(Debug, Clone)]
pub(crate) struct Gate<'a> {
    pub(crate) n_samples: usize,
    pub(crate) min_abs_correlation: f64,
    /// The |z| of a two-sided test with the Bonferroni-corrected level.
    pub(crate) critical_z: f64,
    pub(crate) neuron_kurtosis: &'a [f64],
    pub(crate) feature_kurtosis: &'a [f64],
}

impl<'a> Gate<'a> {
    pub(crate) fn new(
        options: &PolysemanticityOptions,
        n_samples: usize,
        neuron_kurtosis: &'a [f64],
        feature_kurtosis: &'a [f64],
    ) -> Self {
        let n_tests = neuron_kurtosis.len() as f64 * feature_kurtosis.len() as f64;
        Self {
            n_samples,
            min_abs_correlation: options.min_abs_correlation,
            critical_z: critical_z(options.family_error / n_tests),
            neuron_kurtosis,
            feature_kurtosis,
        }
    }

    /// Whether a part correlation of this size counts, given `n_given` earlier features which leave `unexplained` of
    /// the neuron's variance.
    pub(crate) fn passes(
        &self,
        part: f64,
        unexplained: f64,
        n_given: usize,
        neuron: usize,
        feature: usize,
    ) -> bool {
        let part = part.abs();
        if part < self.min_abs_correlation || part == 0.0 {
            return false;
        }
        let n = self.n_samples as f64;
        // At most the samples there are, and fewer where rare meets rare: for labels with probabilities p and q
        // the kurtoses are about 1/p and 1/q, so this is N times the number of samples in which both are expected.
        let tails = self.neuron_kurtosis[neuron] * self.feature_kurtosis[feature];
        let effective = n.min(n * n / tails);
        let freedom = effective - n_given as f64 - 3.0;
        let partial = (part / unexplained.sqrt()).min(1.0);
        freedom > 0.0 && libm::atanh(partial) * freedom.sqrt() >= self.critical_z
    }

    /// The smallest |r| that can count as a first response.
    pub(crate) fn critical_correlation(&self) -> f64 {
        let freedom = self.n_samples as f64 - 3.0;
        if freedom > 0.0 {
            self.min_abs_correlation
                .max(libm::tanh(self.critical_z / freedom.sqrt()))
        } else {
            1.0
        }
    }
}

/// The z whose two-sided p-value `erfc(z / sqrt 2)` is `level`, by bisection; about 38 for the smallest levels.
pub(crate) fn critical_z(level: f64) -> f64 {
    let (mut low, mut high) = (0.0, 40.0);
    for _ in 0..100 {
        let middle = 0.5 * (low + high);
        if libm::erfc(middle * std::f64::consts::FRAC_1_SQRT_2) > level {
            low = middle;
        } else {
            high = middle;
        }
    }
    high
}

#[cfg(test)]
mod tests {
    use superposition_testkit::tolerance::{Tolerance, assert_close};

    use super::*;

    #[test]
    fn critical_values_are_those_of_the_tables() {
        for (level, z) in [
            (0.05, 1.959_963_984_540),
            (0.01, 2.575_829_303_549),
            (1e-5, 4.417_173_413_469),
        ] {
            assert_close(critical_z(level), z, Tolerance::golden());
        }
    }

    #[test]
    fn rare_pairs_need_more_and_gaussian_ones_do_not() {
        let passes = |r: f64, kurtosis: f64| {
            let kurtosis = [kurtosis];
            let gate = Gate::new(
                &PolysemanticityOptions::default(),
                200,
                &kurtosis,
                &kurtosis,
            );
            gate.passes(r, 1.0, 0, 0, 0)
        };
        assert!(passes(0.3, 3.0) && passes(-0.3, 3.0) && !passes(0.15, 3.0));
        // Kurtoses of 14 leave all 200 samples, 40 leave 25, and 100 leave 4.
        assert!(passes(0.3, 14.0) && !passes(0.3, 40.0));
        assert!(passes(0.6, 40.0) && !passes(0.6, 100.0));
    }
}
