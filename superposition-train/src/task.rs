//! What a toy model is asked to compute, and from what.

use std::sync::Arc;

use superposition_model::faer::{Mat, MatRef};
use superposition_model::{FeatureDistribution, Magnitude, SparseBatch};

use crate::TrainError;

/// What the outputs are to be.
///
/// ```
/// use superposition_model::{FeatureDistribution, FeatureProbability, Magnitude};
/// use superposition_train::{Target, Task};
///
/// let distribution = FeatureDistribution::new(3, &FeatureProbability::Same(0.1)).unwrap();
/// let task = Task::new(distribution.with_magnitude(Magnitude::Signed), vec![1.0; 3]).unwrap();
/// assert_eq!(task.target, Target::Input);
/// assert_eq!(task.with_target(Target::Absolute).target, Target::Absolute);
/// ```
///
/// # References
/// Elhage et al. 2022, *Toy Models of Superposition*, section 10, for [`Target::Absolute`]; Hänni et al. 2024, *Mathematical
/// Models of Computation in Superposition*, arXiv 2408.05451, for ANDs of pairs, there of all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Target {
    /// The features, `$y = x$`.
    #[default]
    Input,
    /// Their absolute values, `$y_i = \lvert x_i \rvert$`: something to be computed, where features are
    /// [signed](Magnitude::Signed).
    Absolute,
    /// Whether a feature and the next are both active, `$y_i = x_i \wedge x_{(i+1) \bmod n}$`, of features that are
    /// [binary](Magnitude::Binary): n of the pairs of n features, each of which is in two.
    And,
}

impl Target {
    /// What the outputs are to be for samples x (n x B).
    ///
    /// ```
    /// use superposition_train::{Target, faer::mat};
    ///
    /// let x = mat![[1.0_f32, -0.5], [1.0, 0.0]];
    /// assert_eq!(Target::Absolute.of_samples(x.as_ref()), mat![[1.0, 0.5], [1.0, 0.0]]);
    /// assert_eq!(Target::And.of_samples(mat![[1.0_f32, 1.0], [1.0, 0.0]].as_ref()), mat![[1.0, 0.0], [1.0, 0.0]]);
    /// ```
    #[must_use]
    pub fn of_samples(self, x: MatRef<'_, f32>) -> Mat<f32> {
        let n = x.nrows();
        Mat::from_fn(n, x.ncols(), |j, s| match self {
            Self::Input => x[(j, s)],
            Self::Absolute => x[(j, s)].abs(),
            Self::And => x[(j, s)] * x[((j + 1) % n, s)],
        })
    }

    /// What output j is to be for this sample, without padding.
    pub(crate) fn of(self, x: &[f32], j: usize) -> f32 {
        match self {
            Self::Input => x[j],
            Self::Absolute => x[j].abs(),
            Self::And => x[j] * x[(j + 1) % x.len()],
        }
    }
}

/// A distribution of features, what is to be made of them, and how much the loss weighs the error of each.
///
/// ```math
/// L = \frac{1}{Bn} \sum_{s,i} I_i (y_{is} - x'_{is})^2 + \frac{\lambda}{B} \sum_{s,k} \lvert h_{ks} \rvert
/// ```
///
/// over the B samples of a step, n features and m hidden dimensions: the first term is a mean over features, the second,
/// where there is one ([`Task::with_hidden_l1`]), a sum over hidden dimensions.
///
/// Samples are drawn anew at every step, or they are always the same [examples](Task::with_examples); what the model sees of
/// them is attacked where [`Task::with_attack`] says so.
///
/// ```
/// use superposition_model::{FeatureDistribution, FeatureProbability, Importance};
/// use superposition_train::Task;
///
/// let distribution = FeatureDistribution::new(3, &FeatureProbability::Same(0.1)).unwrap();
/// let importance = Importance::Geometric { ratio: 0.5 }.weights(3).unwrap();
/// let task = Task::new(distribution, importance).unwrap();
/// assert_eq!(task.importance, [1.0, 0.5, 0.25]);
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Task {
    /// How the features are drawn; with examples, the population that these are from, at which training does not look.
    pub distribution: FeatureDistribution,
    /// The weights `$I_i$` of the loss, one for each feature: finite, at least 0.
    pub importance: Vec<f32>,
    /// The samples of every step, if they are always the same.
    pub examples: Option<Arc<SparseBatch>>,
    /// What the outputs are to be.
    pub target: Target,
    /// `$\lambda$`, the weight of the L1 norm of the hidden activations: finite, at least 0; 0 by default.
    pub hidden_l1: f64,
    /// `$\epsilon$`, the L2 norm of the attacks: finite, at least 0; 0, the default, for none.
    pub attack: f64,
}

impl Task {
    /// A task with these features, weighted by `importance`, which are to be reconstructed.
    ///
    /// # Errors
    /// [`TrainError::Mismatch`] if there is not one importance for each feature; [`TrainError::Importance`] if one is
    /// negative, NaN or infinite.
    pub fn new(
        distribution: FeatureDistribution,
        importance: Vec<f32>,
    ) -> Result<Self, TrainError> {
        let task = Self {
            distribution,
            importance,
            examples: None,
            target: Target::Input,
            hidden_l1: 0.0,
            attack: 0.0,
        };
        task.validate()?;
        Ok(task)
    }

    /// The same on these examples: every step is on all of them, in their order.
    ///
    /// [`TrainOptions::batch_size`](crate::TrainOptions::batch_size) must then be their number. Scale them before if they
    /// are to have unit length ([`SparseBatch::normalize`]).
    ///
    /// ```
    /// use superposition_model::{FeatureDistribution, FeatureProbability, SparseBatch, faer};
    /// use superposition_train::Task;
    ///
    /// let distribution = FeatureDistribution::new(2, &FeatureProbability::Same(0.5)).unwrap();
    /// let one_hot = SparseBatch::from_dense(faer::Mat::identity(2, 2).as_ref()).unwrap();
    /// let task = Task::new(distribution, vec![1.0; 2]).unwrap().with_examples(one_hot).unwrap();
    /// assert_eq!(task.examples.unwrap().batch_size(), 2);
    /// ```
    ///
    /// # Errors
    /// [`TrainError::Mismatch`] if they have another number of features; [`TrainError::Zero`] if there is none.
    pub fn with_examples(self, examples: SparseBatch) -> Result<Self, TrainError> {
        let task = Self {
            examples: Some(Arc::new(examples)),
            ..self
        };
        task.validate()?;
        Ok(task)
    }

    /// The same with outputs that are to be something else. [`Target::And`] is refused by whatever trains where features are
    /// not binary.
    #[must_use]
    pub fn with_target(self, target: Target) -> Self {
        Self { target, ..self }
    }

    /// The same with this weight of the L1 norm of the hidden activations.
    ///
    /// # Errors
    /// [`TrainError::Value`] if it is negative, NaN or infinite.
    pub fn with_hidden_l1(self, hidden_l1: f64) -> Result<Self, TrainError> {
        let task = Self { hidden_l1, ..self };
        task.validate()?;
        Ok(task)
    }

    /// The same with every sample attacked: adversarial training, against attacks on features drawn at random.
    ///
    /// In each sample x of each step a feature j is drawn, each with probability 1/n. The model sees
    ///
    /// ```math
    /// x + \delta, \qquad \delta = \pm \epsilon \frac{d_j}{\lVert d_j \rVert}, \qquad d_j = W^\top (W_\mathrm{dec})_j,
    /// ```
    ///
    /// with the sign that puts output j further from its target, which stays that of x. No other change of this size moves
    /// `$z_j$` as far. The loss is that of what the model sees; the gradient is by the parameters alone, `$\delta$` being
    /// taken as it is. Costs `$O(n m^2 + B m^2)$` more a step. A [ReLU hidden layer](superposition_model::Hidden::Relu) is
    /// refused by whatever trains: there d depends on the sample.
    ///
    /// # Errors
    /// [`TrainError::Value`] if it is negative, NaN or infinite.
    ///
    /// # References
    /// Elhage et al. 2022, *Toy Models of Superposition*, section 8, for the attack; Madry et al. 2018, *Towards Deep Learning
    /// Models Resistant to Adversarial Attacks*, for training against attacks.
    pub fn with_attack(self, attack: f64) -> Result<Self, TrainError> {
        let task = Self { attack, ..self };
        task.validate()?;
        Ok(task)
    }

    /// How many features there are, `$n$`.
    #[must_use]
    pub fn n_features(&self) -> usize {
        self.distribution.n_features()
    }

    /// What it asks for beyond reconstructing fresh samples within 0 and 1, if anything: only the direct form of the step
    /// has that.
    pub(crate) fn beyond_plain(&self) -> Option<&'static str> {
        [
            (self.examples.is_some(), "examples"),
            (
                self.distribution.magnitude() == Magnitude::Signed,
                "signed features",
            ),
            (
                self.distribution.magnitude() == Magnitude::Binary,
                "binary features",
            ),
            (
                self.target != Target::Input,
                "a target that is not the input",
            ),
            (self.hidden_l1 != 0.0, "an L1 penalty on the hidden layer"),
            (self.attack != 0.0, "attacks"),
        ]
        .into_iter()
        .find_map(|(is, what)| is.then_some(what))
    }

    /// Checks all but the distribution, which is checked.
    pub(crate) fn validate(&self) -> Result<(), TrainError> {
        let mismatch = |left, left_value| TrainError::Mismatch {
            left,
            left_value,
            right: "n_features of the distribution",
            right_value: self.n_features(),
        };
        if self.importance.len() != self.n_features() {
            return Err(mismatch("the number of importances", self.importance.len()));
        }
        if let Some(examples) = &self.examples {
            if examples.batch_size() == 0 {
                return Err(TrainError::Zero {
                    name: "the number of examples",
                });
            }
            if examples.n_features() != self.n_features() {
                return Err(mismatch(
                    "n_features of the examples",
                    examples.n_features(),
                ));
            }
        }
        if self.target == Target::And {
            let is_binary = match &self.examples {
                Some(examples) => examples.values().iter().all(|&x| x == 0.0 || x == 1.0),
                None => self.distribution.magnitude() == Magnitude::Binary,
            };
            if !is_binary {
                return Err(TrainError::NotBinary);
            }
        }
        for (name, value) in [("hidden_l1", self.hidden_l1), ("attack", self.attack)] {
            if !(value.is_finite() && value >= 0.0) {
                return Err(TrainError::Value {
                    name,
                    value,
                    expected: "finite and at least 0",
                });
            }
        }
        match self
            .importance
            .iter()
            .position(|i| !(i.is_finite() && *i >= 0.0))
        {
            Some(feature) => Err(TrainError::Importance {
                feature,
                value: self.importance[feature],
            }),
            None => Ok(()),
        }
    }
}
