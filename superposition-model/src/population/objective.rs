//! The expected loss as a function of the parameters, for those who minimise it.

use super::output::{self, Part, output_tolerance};
use super::row::Row;
use super::slopes::Slopes;
use super::supports::{self, Activity};
use super::{PopulationLoss, linear};
use crate::{FeatureDistribution, ModelError, Output, ParameterLayout, ToyModelConfig};

/// The error of closed forms that is allowed before numbers of twice the precision are used, absolute, in units of the
/// loss.
const TOLERANCE: f64 = 1e-12;
/// What the transform is computed to if nothing else is asked for.
const TRANSFORM_TOLERANCE: f64 = 1e-9;
/// What weights of 0 are replaced by, relative to the largest of their output: the transform needs to know how an
/// output changes with them.
const TINY: f64 = 1e-14;

/// The expected loss of a toy model as a function of its parameters, in f64 and with its exact gradient: what an
/// optimiser minimises.
///
/// [`ToyModel::population_loss`](crate::ToyModel::population_loss) has the formula. Parameters are laid out as those of
/// a [`ToyModel`](crate::ToyModel): W (m x n) column after column, W_dec if untied, then b if there is one.
///
/// # Two routes
/// In closed form every set of active features is gone through: up to 13 independent features, or any number of which
/// only one is active at a time. With `$T_q(z) = z^q / q!$` for z > 0 and else 0, and uniform values of the active features,
///
/// ```math
/// \mathrm E\, T_q(a + g_1 u_1 + \dots + g_k u_k)
///   = \frac{1}{g_1 \cdots g_k} \sum_{v \in \{0, 1\}^k} (-1)^{k - |v|}\, T_{q+k}(a + v^\top g),
/// ```
///
/// whose terms cancel where a weight is small: then they are computed with twice the precision of f64, and weights that
/// are small even for that enter by their Taylor series.
///
/// Otherwise, and whenever it is [asked for](Self::by_transform), the Laplace transform of each output is inverted, as in
/// [`ToyModel::population_loss`](crate::ToyModel::population_loss), and differentiated term by term: a term's factor
/// `$\varphi(s G_{ji})$` becomes `$s \varphi'(s G_{ji})$`. That costs about four times what the value does, some `$50 n^2
/// m$` multiplications and more the closer the tolerance; the gradient is continuous, and right to about the tolerance.
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
    /// The error allowed of the transform, if that is the route.
    transform: Option<f64>,
}

impl PopulationObjective {
    /// For models of this configuration. The importance of each feature multiplies its squared error.
    ///
    /// # Errors
    /// Those of [`ToyModelConfig::validate`]; [`ModelError::ImportanceCount`] if there are not n of them;
    /// [`ModelError::ImportanceValue`] if one is negative or not finite; [`ModelError::NoExpectedLoss`] for a ReLU hidden
    /// layer or signed features.
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
        config.check_linear()?;
        distribution.check_unit()?;
        let is_closed_form = config.output == Output::Linear || supports::affordable(&distribution);
        Ok(Self {
            config,
            layout,
            distribution,
            importance: importance.to_vec(),
            transform: (!is_closed_form).then_some(TRANSFORM_TOLERANCE),
        })
    }

    /// The same by the transform, with this absolute error allowed in units of the loss, at any number of features. It
    /// changes nothing for [`Output::Linear`].
    ///
    /// ```
    /// use superposition_model::population::PopulationObjective;
    /// use superposition_model::{Dimensions, FeatureDistribution, FeatureProbability, ToyModelConfig};
    ///
    /// let config = ToyModelConfig::new(Dimensions { n_features: 40, n_hidden: 2 });
    /// let distribution = FeatureDistribution::new(40, &FeatureProbability::Same(0.01)).unwrap();
    /// let objective = PopulationObjective::new(config, distribution, &[1.0; 40]).unwrap();
    /// assert!(!objective.is_closed_form());
    /// let objective = objective.by_transform(1e-6).unwrap();
    /// let mut gradient = [0.0; 120];
    /// let parameters: Vec<f64> = (0..120).map(|k| (k as f64).sin()).collect();
    /// let loss = objective.value_and_gradient(&parameters, &mut gradient);
    /// assert!(loss.converged() && loss.n_nodes > 0);
    /// ```
    ///
    /// # Errors
    /// [`ModelError::LossTolerance`] if it is not finite and above 0.
    pub fn by_transform(mut self, tolerance: f64) -> Result<Self, ModelError> {
        if !(tolerance.is_finite() && tolerance > 0.0) {
            return Err(ModelError::LossTolerance { value: tolerance });
        }
        if self.config.output != Output::Linear {
            self.transform = Some(tolerance);
        }
        Ok(self)
    }

    /// Whether the loss is in closed form, not by the transform.
    #[must_use]
    pub fn is_closed_form(&self) -> bool {
        self.transform.is_none()
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
        self.evaluate(parameters, None)
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
        self.check_length("gradient", gradient.len());
        gradient.fill(0.0);
        self.evaluate(parameters, Some(gradient))
    }

    #[track_caller]
    fn check_length(&self, name: &str, found: usize) {
        let expected = self.n_parameters();
        assert!(
            found == expected,
            "{name} has length {found}; it must have length {expected}"
        );
    }

    #[track_caller]
    fn evaluate(&self, parameters: &[f64], mut gradient: Option<&mut [f64]>) -> PopulationLoss {
        let n = self.config.dimensions.n_features;
        let m = self.config.dimensions.n_hidden;
        let tolerance = self.transform.unwrap_or(TOLERANCE);
        let mut total = PopulationLoss {
            value: 0.0,
            error: 0.0,
            gradient_error: 0.0,
            tolerance,
            n_nodes: 0,
        };
        let output_tolerance = output_tolerance(tolerance, &self.importance);
        let mut by_g = vec![0.0; n];
        self.for_each_output(parameters, |weight, output| {
            by_g.fill(0.0);
            let (loss, by_b) = match (self.config.output, self.transform) {
                (Output::Linear, _) => linear::loss(output, &self.distribution, &mut by_g),
                (Output::Relu, None) => {
                    let activity = Activity::Distribution(&self.distribution);
                    supports::loss(output, &activity, TOLERANCE, &mut by_g)
                }
                (Output::Relu, Some(_)) => {
                    let tolerance = output_tolerance(self.importance[output.own]);
                    let by_g = gradient.is_some().then_some(&mut by_g[..]);
                    self.by_inversion(output, tolerance, by_g)
                }
            };
            total.value += weight * loss.value;
            total.error += weight * loss.error;
            let slope_error = gradient.is_some().then_some(weight * loss.slope_error);
            total.gradient_error = total.gradient_error.max(slope_error.unwrap_or(0.0));
            total.n_nodes += loss.n_nodes;
            let Some(gradient) = &mut gradient else {
                return;
            };
            let j = output.own;
            if let Some(b) = self.layout.b.clone() {
                gradient[b][j] = weight * by_b;
            }
            let w = &parameters[self.layout.w.clone()];
            let w_dec = &parameters[self.layout.w_dec.clone()];
            for (i, by_g) in by_g.iter().enumerate() {
                for k in 0..m {
                    gradient[self.layout.w.start + i * m + k] += weight * by_g * w_dec[j * m + k];
                    gradient[self.layout.w_dec.start + j * m + k] += weight * by_g * w[i * m + k];
                }
            }
        });
        if !total.value.is_finite() {
            total.error = f64::INFINITY;
        }
        total
    }

    /// The loss of an output and its derivative by the bias, 0 if none are asked for.
    fn by_inversion(
        &self,
        output: &supports::Output<'_>,
        tolerance: f64,
        by_g: Option<&mut [f64]>,
    ) -> (Part, f64) {
        let &supports::Output { own, b, g } = output;
        if !(b.is_finite() && g.iter().all(|g| g.is_finite())) {
            let part = Part {
                value: f64::NAN,
                ..Part::default()
            };
            return (part, f64::NAN);
        }
        let Some(by_g) = by_g else {
            let row = Row::new(own, b, g, &self.distribution);
            return (output::relu(&row, tolerance, None), 0.0);
        };
        let largest = g.iter().fold(0.0_f64, |largest, g| largest.max(g.abs()));
        let tiny = TINY * if largest > 0.0 { largest } else { 1.0 };
        let g: Vec<f64> = g.iter().map(|&g| if g == 0.0 { tiny } else { g }).collect();
        let row = Row::new(own, b, &g, &self.distribution);
        let mut slopes = Slopes::new(&row);
        let part = output::relu(&row, tolerance, Some(&mut slopes));
        for (member, slope) in row.members.iter().zip(slopes.g) {
            by_g[member.feature] = slope;
        }
        (part, slopes.b)
    }

    /// The parts of the loss by how many features are active: element k is the expectation where exactly k are, times
    /// the probability of that; together they are the loss.
    ///
    /// Each part is the sum over all sets of k features, so this is also another way to the loss. It costs `$3^n$`
    /// corners for independent features.
    ///
    /// # Errors
    /// [`ModelError::TooManySupports`] if there are too many sets; those of which the loss is not in closed form, or more.
    ///
    /// # Panics
    /// If the number of parameters is another.
    ///
    /// # References
    /// Elhage et al. 2022, *Toy Models of Superposition*, section 3, whose `$L_k$` are without the probability.
    #[track_caller]
    pub fn by_active(&self, parameters: &[f64]) -> Result<Vec<f64>, ModelError> {
        if !supports::affordable(&self.distribution) {
            let (n_features, sets) = (self.distribution.n_features(), self.distribution.sets());
            return Err(ModelError::TooManySupports { n_features, sets });
        }
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
        self.check_length("parameters", parameters.len());
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
