//! The expected loss as a function of the parameters, for those who minimise it.

use super::supports::{self, Activity};
use super::{PopulationLoss, linear};
use crate::{FeatureDistribution, ModelError, Output, ParameterLayout, ToyModelConfig};

/// The error that is allowed before numbers of twice the precision are used, absolute, in units of the loss.
const TOLERANCE: f64 = 1e-12;

/// The expected loss of a toy model as a function of its parameters, in f64 and with its exact gradient: what an
/// optimiser minimises.
///
/// [`ToyModel::population_loss`](crate::ToyModel::population_loss) has the formula. Parameters are laid out as those of
/// a [`ToyModel`](crate::ToyModel): W (m x n) column after column, W_dec if untied, then b if there is one.
///
/// Every set of active features is gone through: up to 13 independent features, or any number of which only one is
/// active at a time. With `$T_q(z) = z^q / q!$` for z > 0 and else 0, and uniform values of the active features,
///
/// ```math
/// \mathrm E\, T_q(a + g_1 u_1 + \dots + g_k u_k)
///   = \frac{1}{g_1 \cdots g_k} \sum_{v \in \{0, 1\}^k} (-1)^{k - |v|}\, T_{q+k}(a + v^\top g),
/// ```
///
/// whose terms cancel where a weight is small: then they are computed with twice the precision of f64, and weights that
/// are small even for that enter by their Taylor series.
///
/// ```
/// use superposition_model::population::PopulationObjective;
/// use superposition_model::{Dimensions, FeatureDistribution, FeatureProbability, ToyModelConfig};
///
/// let config = ToyModelConfig::new(Dimensions { n_features: 2, n_hidden: 1 });
/// let distribution = FeatureDistribution::new(2, &FeatureProbability::Same(0.1)).unwrap();
/// let objective = PopulationObjective::new(config, distribution, &[1.0, 1.0]).unwrap();
/// let mut gradient = [0.0; 4];
/// let loss = objective.value_and_gradient(&[1.0, -1.0, 0.0, 0.0], &mut gradient);
/// // An antipodal pair is off by the smaller of two active values, y, E y^2 = 1/6, at both features.
/// assert!((loss.value - 0.01 / 6.0).abs() < 1e-15);
/// // It is no optimum: a larger bias lowers the loss.
/// assert!(gradient[2] < 0.0 && gradient[3] < 0.0);
/// ```
///
/// # References
/// Elhage et al. 2022, *Toy Models of Superposition*, section 2.
#[derive(Clone, Debug)]
pub struct PopulationObjective {
    config: ToyModelConfig,
    layout: ParameterLayout,
    distribution: FeatureDistribution,
    importance: Vec<f64>,
}

impl PopulationObjective {
    /// For models of this configuration. The importance of each feature multiplies its squared error.
    ///
    /// # Errors
    /// Those of [`ToyModelConfig::validate`]; [`ModelError::ImportanceCount`] if there are not n of them;
    /// [`ModelError::ImportanceValue`] if one is negative or not finite; [`ModelError::TooManySupports`] if outputs are
    /// ReLU and there are more sets of features that may be active together than can be gone through.
    ///
    /// # Panics
    /// If the distribution does not have n features.
    #[track_caller]
    pub fn new(
        config: ToyModelConfig,
        distribution: FeatureDistribution,
        importance: &[f64],
    ) -> Result<Self, ModelError> {
        let layout = config.layout()?;
        let n = config.dimensions.n_features;
        let found = distribution.n_features();
        assert!(
            found == n,
            "the distribution has {found} features; it must have {n}"
        );
        if importance.len() != n {
            let (found, expected) = (importance.len(), n);
            return Err(ModelError::ImportanceCount { found, expected });
        }
        if let Some(feature) = importance
            .iter()
            .position(|&i| !(i >= 0.0 && i.is_finite()))
        {
            let value = importance[feature];
            return Err(ModelError::ImportanceValue { feature, value });
        }
        let objective = Self {
            config,
            layout,
            distribution,
            importance: importance.to_vec(),
        };
        match config.output {
            Output::Relu => objective.check_supports()?,
            Output::Linear => {}
        }
        Ok(objective)
    }

    fn check_supports(&self) -> Result<(), ModelError> {
        if supports::affordable(&self.distribution) {
            return Ok(());
        }
        let (n_features, sets) = (self.distribution.n_features(), self.distribution.sets());
        Err(ModelError::TooManySupports { n_features, sets })
    }

    /// Which toy model it is about.
    #[must_use]
    pub fn config(&self) -> &ToyModelConfig {
        &self.config
    }

    /// Of the features.
    #[must_use]
    pub fn distribution(&self) -> &FeatureDistribution {
        &self.distribution
    }

    /// How much the squared error of each feature counts.
    #[must_use]
    pub fn importance(&self) -> &[f64] {
        &self.importance
    }

    /// Where W, W_dec and b lie among the parameters.
    #[must_use]
    pub fn layout(&self) -> &ParameterLayout {
        &self.layout
    }

    /// How many parameters there are.
    #[must_use]
    pub fn n_parameters(&self) -> usize {
        self.layout.len()
    }

    /// The expected loss, mean over features. NaN in a parameter spreads to it.
    ///
    /// # Panics
    /// If the number of parameters is another.
    #[must_use]
    #[track_caller]
    pub fn value(&self, parameters: &[f64]) -> PopulationLoss {
        self.value_and_gradient(parameters, &mut vec![0.0; self.n_parameters()])
    }

    /// The expected loss, whose gradient it writes.
    ///
    /// With `$\Gamma_{ji} = \frac{1}{n} I_j\, \partial\, \mathrm E (x'_j - x_j)^2 / \partial G_{ji}$` the gradient by a
    /// tied W is `$W (\Gamma + \Gamma^\top)$`.
    ///
    /// # Panics
    /// If `parameters` or `gradient` do not have the length of the layout.
    #[track_caller]
    pub fn value_and_gradient(&self, parameters: &[f64], gradient: &mut [f64]) -> PopulationLoss {
        let expected = self.n_parameters();
        for (name, found) in [
            ("parameters", parameters.len()),
            ("gradient", gradient.len()),
        ] {
            assert!(
                found == expected,
                "{name} has length {found}; it must have length {expected}"
            );
        }
        gradient.fill(0.0);
        let n = self.config.dimensions.n_features;
        let m = self.config.dimensions.n_hidden;
        let w = &parameters[self.layout.w.clone()];
        let w_dec = &parameters[self.layout.w_dec.clone()];
        let (mut value, mut error) = (0.0, 0.0);
        let mut by_g = vec![0.0; n];
        self.for_each_output(parameters, |weight, output| {
            by_g.fill(0.0);
            let by_b = match self.config.output {
                Output::Linear => {
                    let (loss, by_b) = linear::loss(output, &self.distribution, &mut by_g);
                    value += weight * loss;
                    error += weight * loss * 8.0 * n as f64 * f64::EPSILON;
                    by_b
                }
                Output::Relu => {
                    let activity = Activity::Distribution(&self.distribution);
                    let (loss, by_b) = supports::loss(output, &activity, TOLERANCE, &mut by_g);
                    value += weight * loss.value;
                    error += weight * loss.error;
                    by_b
                }
            };
            let j = output.own;
            if let Some(b) = self.layout.b.clone() {
                gradient[b][j] = weight * by_b;
            }
            for (i, by_g) in by_g.iter().enumerate() {
                for k in 0..m {
                    gradient[self.layout.w.start + i * m + k] += weight * by_g * w_dec[j * m + k];
                    gradient[self.layout.w_dec.start + j * m + k] += weight * by_g * w[i * m + k];
                }
            }
        });
        PopulationLoss {
            value,
            error: if value.is_finite() {
                error
            } else {
                f64::INFINITY
            },
            tolerance: TOLERANCE,
            n_nodes: 0,
        }
    }

    /// The parts of the loss by how many features are active: element k is the expectation where exactly k are, times
    /// the probability of that; together they are the loss.
    ///
    /// Each part is the sum over all sets of k features, so this is also another way to the loss. It costs `$3^n$`
    /// corners for independent features.
    ///
    /// # Errors
    /// [`ModelError::TooManySupports`] if there are too many sets; for ReLU outputs there never are.
    ///
    /// # Panics
    /// If the number of parameters is another.
    ///
    /// # References
    /// Elhage et al. 2022, *Toy Models of Superposition*, section 3, whose `$L_k$` are without the probability.
    #[track_caller]
    pub fn by_active(&self, parameters: &[f64]) -> Result<Vec<f64>, ModelError> {
        self.check_supports()?;
        let n = self.config.dimensions.n_features;
        let mut parts = vec![0.0; n + 1];
        let mut by_g = vec![0.0; n];
        let all = supports::all(&self.distribution);
        self.for_each_output(parameters, |weight, output| {
            for (support, probability) in &all {
                let loss = match self.config.output {
                    Output::Linear => linear::loss_of_support(output, support),
                    Output::Relu => {
                        let activity = Activity::Support(support);
                        supports::loss(output, &activity, TOLERANCE, &mut by_g)
                            .0
                            .value
                    }
                };
                parts[support.len()] += weight * probability * loss;
            }
        });
        Ok(parts)
    }

    /// Calls `f` with every output that counts, and the factor of its squared error in the loss.
    #[track_caller]
    fn for_each_output(&self, parameters: &[f64], mut f: impl FnMut(f64, &supports::Output<'_>)) {
        let n = self.config.dimensions.n_features;
        let m = self.config.dimensions.n_hidden;
        let w = &parameters[self.layout.w.clone()];
        let w_dec = &parameters[self.layout.w_dec.clone()];
        let mut g = vec![0.0; n];
        for (own, decoder) in w_dec.chunks_exact(m).enumerate() {
            let weight = self.importance[own] / n as f64;
            if weight == 0.0 {
                continue;
            }
            for (g, w) in g.iter_mut().zip(w.chunks_exact(m)) {
                *g = w.iter().zip(decoder).map(|(w, d)| w * d).sum();
            }
            let b = self.layout.b.clone().map_or(0.0, |b| parameters[b][own]);
            f(weight, &supports::Output { own, b, g: &g });
        }
    }
}
