//! Cosines between directions that have nothing to do with each other.

use super::incomplete_beta::ln_incomplete_beta_half;
use super::{NullDistribution, Quantiles};

/// The distribution of the cosine between two independent directions, uniform on the sphere of m dimensions.
///
/// `$\cos^2 \sim \mathrm{Beta}(\tfrac12, \tfrac{m-1}{2})$`, with either sign equally likely: for c >= 0
///
/// ```math
/// P(\cos > c) = \tfrac12 I_{1 - c^2}\!\left(\tfrac{m-1}{2}, \tfrac12\right)
/// ```
///
/// It suffices that one of the two directions is uniform. The cosines of any two different pairs of independent directions are independent, also where the pairs share a direction; three pairs of three directions are not.
/// In one dimension cosines are 1 and -1.
///
/// ```
/// use superposition_analysis::IsotropicCosine;
/// // In three dimensions a cosine is uniform on [-1, 1] (Archimedes).
/// let cosine = IsotropicCosine::new(3);
/// assert!((cosine.survival(0.5) - 0.25).abs() < 1e-15);
/// assert!((cosine.upper_quantile(0.25) - 0.5).abs() < 1e-15);
/// assert_eq!(cosine.mean_sq(), 1.0 / 3.0);
/// ```
///
/// # References
/// Muirhead 1982, *Aspects of Multivariate Statistical Theory*, section 1.5; Cai, Fan and Jiang 2013, *Distributions of angles in random packing on spheres*, for the independence of pairs and the limit of the largest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IsotropicCosine {
    n_hidden: usize,
}

impl IsotropicCosine {
    /// In `n_hidden` dimensions, m.
    ///
    /// # Panics
    /// If there are none.
    #[must_use]
    #[track_caller]
    pub fn new(n_hidden: usize) -> Self {
        assert!(n_hidden > 0, "no directions in 0 hidden dimensions");
        Self { n_hidden }
    }

    /// `$E \cos^2 = 1/m$`.
    #[must_use]
    pub fn mean_sq(&self) -> f64 {
        1.0 / self.n_hidden as f64
    }

    /// `$\operatorname{Var} \cos^2 = \frac{2 (m - 1)}{m^2 (m + 2)}$`.
    #[must_use]
    pub fn variance_sq(&self) -> f64 {
        let m = self.n_hidden as f64;
        2.0 * (m - 1.0) / (m * m * (m + 2.0))
    }

    /// `$\ln P(\cos > c)$`, for tails beyond the smallest f64 too; NaN for NaN.
    #[must_use]
    pub fn ln_survival(&self, c: f64) -> f64 {
        const LN_HALF: f64 = -std::f64::consts::LN_2;
        if c.is_nan() {
            return c;
        }
        if !(-1.0..1.0).contains(&c) {
            return if c < 0.0 { 0.0 } else { f64::NEG_INFINITY };
        }
        if self.n_hidden == 1 {
            return LN_HALF;
        }
        if c < 0.0 {
            return libm::log1p(-self.survival(-c));
        }
        let a = 0.5 * (self.n_hidden as f64 - 1.0);
        LN_HALF + ln_incomplete_beta_half(a, (1.0 - c) * (1.0 + c), c * c)
    }

    /// `$P(\cos > c)$`.
    #[must_use]
    pub fn survival(&self, c: f64) -> f64 {
        libm::exp(self.ln_survival(c))
    }

    /// `$P(\cos^2 > t)$`: the expected share of edges at a threshold t.
    #[must_use]
    pub fn survival_sq(&self, t: f64) -> f64 {
        if t < 0.0 {
            return 1.0;
        }
        2.0 * self.survival(t.sqrt())
    }

    /// The smallest c with `$P(\cos > c) \le$ tail`, for a tail in [0, 1].
    ///
    /// # Panics
    /// For a tail outside [0, 1].
    #[must_use]
    #[track_caller]
    pub fn upper_quantile(&self, tail: f64) -> f64 {
        assert!(
            (0.0..=1.0).contains(&tail),
            "{tail} is not the probability of a tail"
        );
        if self.n_hidden == 1 {
            return if tail < 0.5 { 1.0 } else { -1.0 };
        }
        if tail > 0.5 {
            return -self.upper_quantile(1.0 - tail);
        }
        let wanted = libm::log(tail);
        let (mut low, mut high) = (0.0, 1.0);
        if self.ln_survival(low) <= wanted {
            return low;
        }
        loop {
            let middle = 0.5 * (low + high);
            if middle <= low || middle >= high {
                return high;
            }
            if self.ln_survival(middle) <= wanted {
                high = middle;
            } else {
                low = middle;
            }
        }
    }

    /// The distribution of the largest of `count` independent cosines: mean, standard deviation and quantiles.
    ///
    /// With count = n - 1 exactly that of a feature's nearest-neighbour cosine among n independent uniform directions.
    /// With count = n(n-1)/2 that of the largest cosine of all pairs as if they were mutually independent: right in the limit of large n (Poisson approximation), and too large where the pairs are many for the dimensions, as in one or two.
    /// `count` may be beyond the integers. The mean and the standard deviation come from an integral, to about 1e-9.
    ///
    /// # Panics
    /// For a count below 1.
    ///
    /// ```
    /// use superposition_analysis::IsotropicCosine;
    /// // The larger of two numbers uniform on [-1, 1].
    /// let largest = IsotropicCosine::new(3).largest_of(2.0);
    /// assert!((largest.mean - 1.0 / 3.0).abs() < 1e-9);
    /// assert!((largest.quantiles.unwrap().median - (2.0_f64.sqrt() - 1.0)).abs() < 1e-15);
    /// ```
    #[must_use]
    #[track_caller]
    pub fn largest_of(&self, count: f64) -> NullDistribution {
        assert!(count >= 1.0, "the largest of {count} cosines");
        let quantile = |p: f64| self.upper_quantile(-libm::expm1(libm::log(p) / count));
        let (mean, variance) = if self.n_hidden == 1 {
            let all_opposed = libm::exp2(-count);
            (
                1.0 - 2.0 * all_opposed,
                4.0 * all_opposed * (1.0 - all_opposed),
            )
        } else {
            self.moments_of_largest(count, quantile(NEGLIGIBLE))
        };
        NullDistribution {
            mean,
            std: Some(variance.max(0.0).sqrt()),
            quantiles: Some(Quantiles {
                p05: quantile(0.05),
                median: quantile(0.5),
                p95: quantile(0.95),
            }),
        }
    }

    /// Mean and variance of the largest of `count` cosines, none of which is below `low` with more than negligible probability.
    ///
    /// By Simpson's rule in the angle, in which the distribution is smooth up to the ends:
    /// with `$G = P(\max \le c)$`, `$E(\max - low) = \int (1 - G)\, dc$` and `$E(\max - low)^2 = \int 2 (c - low)(1 - G)\, dc$`.
    fn moments_of_largest(&self, count: f64, low: f64) -> (f64, f64) {
        const INTERVALS: usize = 4096;
        let high = self.upper_quantile(NEGLIGIBLE / count);
        let (start, end) = (libm::acos(high), libm::acos(low));
        let step = (end - start) / INTERVALS as f64;
        // Above `high` the maximum never is.
        let (mut first, mut second) = (0.0, 0.0);
        for k in 0..=INTERVALS {
            let weight = match k {
                0 | INTERVALS => 1.0,
                _ if k % 2 == 1 => 4.0,
                _ => 2.0,
            } * step
                / 3.0;
            let angle = start + k as f64 * step;
            let c = libm::cos(angle);
            let above = -libm::expm1(count * libm::log1p(-self.survival(c)));
            let measure = weight * libm::sin(angle) * above;
            first += measure;
            second += 2.0 * (c - low) * measure;
        }
        (low + first, second - first * first)
    }
}

/// A probability that no f64 sum near 1 notices.
const NEGLIGIBLE: f64 = 1e-17;
