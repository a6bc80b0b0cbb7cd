//! The expected loss of a model at any number of features.

use super::output::{self, Part, output_tolerance};
use super::row::Row;
use super::{linear, supports, two_features};
use crate::{FeatureDistribution, ModelError, Output, ToyModel};

/// The expected loss of a toy model over a distribution, and how far it may be off.
///
/// ```
/// use superposition_model::{Dimensions, FeatureDistribution, FeatureProbability, ToyModel, ToyModelConfig};
///
/// let config = ToyModelConfig::new(Dimensions { n_features: 5, n_hidden: 2 });
/// let model = ToyModel::new(config, vec![0.3; 15]).unwrap();
/// let distribution = FeatureDistribution::new(5, &FeatureProbability::Same(0.1)).unwrap();
/// let loss = model.population_loss(&distribution, &[1.0; 5], 1e-6).unwrap();
/// assert!(loss.converged() && loss.error <= 1e-6);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct PopulationLoss {
    /// The expected loss, mean over features.
    pub value: f64,
    /// An estimate from above of the absolute error of `value`, rounding included; infinite where numbers left the
    /// range of f64.
    pub error: f64,
    /// The same of each derivative by a bias or by an element of `$W_\mathrm{dec}^\top W$`, of which a derivative by W is
    /// a sum; 0 where none were computed.
    pub gradient_error: f64,
    /// The error asked for.
    pub tolerance: f64,
    /// At how many points transforms were evaluated, all outputs together: 0 where all of it is closed form.
    pub n_nodes: usize,
}

impl PopulationLoss {
    /// Whether the error is at most the tolerance.
    #[must_use]
    pub fn converged(&self) -> bool {
        self.error <= self.tolerance
    }
}

/// How the loss of an output is computed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Route {
    /// By the closed form of two features where there are two.
    Shortest,
    /// By the transform at any number of features.
    #[cfg_attr(not(test), expect(dead_code, reason = "tests compare the routes"))]
    Transform,
}

impl ToyModel {
    /// The expected [loss](ToyModel::loss) over the whole distribution: no samples, so no noise.
    ///
    /// ```math
    /// L = \frac{1}{n} \sum_{j=1}^{n} I_j \, \mathrm E (x_j - x'_j)^2, \qquad
    /// \mathrm E (x_j - x'_j)^2
    ///   = \mathrm E\, \mathrm{ReLU}(z_j)^2 - 2\, \mathrm E\, x_j \mathrm{ReLU}(z_j) + \tfrac{p_j}{3}
    /// ```
    ///
    /// with `$z_j = b_j + \sum_i G_{ji} x_i$` and `$G = W_\mathrm{dec}^\top W$`. As `$z_j$` is a sum of independent
    /// terms, its Laplace transform is a product. With `$\varphi(w) = (e^w - 1) / w$`,
    ///
    /// ```math
    /// \mathrm E\, e^{s z_j} = e^{s b_j} \prod_i \bigl(1 - p_i + p_i \varphi(s G_{ji})\bigr), \qquad
    /// \mathrm E\, \mathrm{ReLU}(z_j)^2
    ///   = \frac{1}{2 \pi i} \int_{c - i \infty}^{c + i \infty} \frac{2}{s^3}\, \mathrm E\, e^{s z_j}\, ds,
    /// ```
    ///
    /// and likewise for `$\mathrm E\, x_j \mathrm{ReLU}(z_j)$`, and with a factor for each of the
    /// [`FeatureSets`](crate::FeatureSets). It is inverted by the trapezoidal rule, with as many nodes as the
    /// tolerance needs. In closed form are: no or one active feature, outputs whose z has one sign, two features, and
    /// [`Output::Linear`]. The arithmetic is f64 throughout, of the parameters as they are; `loss` runs the model in
    /// f32.
    ///
    /// `tolerance` is the absolute error allowed, in units of the loss. At p = 0.01 a loss is about 0.001: ask for
    /// 1e-8 to see five digits. If rounding, or the limit of 8,192 nodes for a part of an output, stands in the way,
    /// the result says so ([`PopulationLoss::converged`]) with the error that was reached. The error is an estimate by
    /// the envelope of the transform and the last partial sums, not a proof. Samples are from a grid
    /// ([`FeatureDistribution`]), the expected loss is not: they differ by what a grid of `$2^{32} p$` values does,
    /// and where `$p < 2^{-32}$`.
    ///
    /// Costs `$n^2 m$` multiplications for G, and for each of n outputs a closed form of `$O(n)$` and mostly 16 to 64
    /// nodes of n complex factors: a few milliseconds for n = 100 at 1e-6, some 60 for n = 400 (`cargo bench -p
    /// superposition-model -- population_loss`; `cargo run --release -p superposition-model --example population_loss`
    /// prints errors and times of hard models). Memory is `$O(n)$`.
    ///
    /// ```
    /// use superposition_model::{Dimensions, FeatureDistribution, FeatureProbability, ToyModel, ToyModelConfig};
    ///
    /// // An antipodal pair. Each alone is perfect. Of two active features the larger comes out too small by the
    /// // smaller, y, and the smaller as 0: both are off by y, E y^2 = 1/6, p^2 of the time.
    /// let config = ToyModelConfig::new(Dimensions { n_features: 2, n_hidden: 1 });
    /// let model = ToyModel::new(config, vec![1.0, -1.0, 0.0, 0.0]).unwrap();
    /// let distribution = FeatureDistribution::new(2, &FeatureProbability::Same(0.1)).unwrap();
    /// let loss = model.population_loss(&distribution, &[1.0, 1.0], 1e-9).unwrap();
    /// assert!((loss.value - 0.01 / 6.0).abs() < 1e-15);
    /// ```
    ///
    /// # Panics
    /// If the distribution does not have n features, or `importance` does not have length n.
    ///
    /// # Errors
    /// [`ModelError::LossTolerance`] if the tolerance is not finite and above 0; [`ModelError::ImportanceValue`] if an
    /// importance is negative or not finite; [`ModelError::NotFinite`] if a parameter is NaN or infinite;
    /// [`ModelError::NoExpectedLoss`] for a ReLU hidden layer or signed features.
    ///
    /// # References
    /// Elhage et al. 2022, *Toy Models of Superposition*, section 2, for the loss; Abate and Whitt 1992, *The
    /// Fourier-series method for inverting transforms of probability distributions*, for the inversion, whose aliasing
    /// error is here subtracted in closed form.
    #[track_caller]
    pub fn population_loss(
        &self,
        distribution: &FeatureDistribution,
        importance: &[f32],
        tolerance: f64,
    ) -> Result<PopulationLoss, ModelError> {
        let n = self.dimensions().n_features;
        let found = distribution.n_features();
        assert!(
            found == n,
            "the distribution has {found} features; it must have {n}"
        );
        let found = importance.len();
        assert!(
            found == n,
            "importance has length {found}; it must have length {n}"
        );
        if !(tolerance.is_finite() && tolerance > 0.0) {
            return Err(ModelError::LossTolerance { value: tolerance });
        }
        if let Some(feature) = importance
            .iter()
            .position(|&i| !(i >= 0.0 && i.is_finite()))
        {
            let value = f64::from(importance[feature]);
            return Err(ModelError::ImportanceValue { feature, value });
        }
        self.config().check_linear()?;
        distribution.check_unit()?;
        self.check_finite()?;
        Ok(self.population_loss_by(Route::Shortest, distribution, importance, tolerance))
    }

    /// The same by a chosen route, for checked values.
    pub(super) fn population_loss_by(
        &self,
        route: Route,
        distribution: &FeatureDistribution,
        importance: &[f32],
        tolerance: f64,
    ) -> PopulationLoss {
        let n = self.dimensions().n_features;
        let mut g = vec![0.0; n];
        let importance: Vec<f64> = importance.iter().map(|&i| i.into()).collect();
        let output_tolerance = output_tolerance(tolerance, &importance);
        let (mut sum, mut error, mut n_nodes) = (0.0, 0.0, 0);
        for (own, &importance) in importance.iter().enumerate() {
            if importance == 0.0 {
                continue;
            }
            self.gram_row_into(own, &mut g);
            let b = self.b().map_or(0.0, |b| f64::from(b[own]));
            let part: Part = match (self.config().output, route) {
                (Output::Linear, _) => {
                    let output = supports::Output { own, b, g: &g };
                    linear::loss(&output, distribution, &mut vec![0.0; n]).0
                }
                (Output::Relu, Route::Shortest) if n == 2 => {
                    two_features::relu(own, b, &g, distribution)
                }
                (Output::Relu, _) => {
                    let row = Row::new(own, b, &g, distribution);
                    output::relu(&row, output_tolerance(importance), None)
                }
            };
            sum += importance * part.value;
            error += importance * (part.error + n as f64 * f64::EPSILON * part.value.abs());
            n_nodes += part.n_nodes;
        }
        let (value, error) = (sum / n as f64, error / n as f64);
        PopulationLoss {
            value,
            error: if value.is_finite() {
                error
            } else {
                f64::INFINITY
            },
            gradient_error: 0.0,
            tolerance,
            n_nodes,
        }
    }

    /// Row j of `$G = W_\mathrm{dec}^\top W$`.
    fn gram_row_into(&self, j: usize, g: &mut [f64]) {
        let m = self.dimensions().n_hidden;
        let layout = self.layout();
        let column = &self.parameters()[layout.w_dec][j * m..(j + 1) * m];
        for (g, w) in g
            .iter_mut()
            .zip(self.parameters()[layout.w].chunks_exact(m))
        {
            let products = w.iter().zip(column);
            *g = products.map(|(&w, &d)| f64::from(w) * f64::from(d)).sum();
        }
    }
}
