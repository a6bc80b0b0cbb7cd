//! What determines a trained model: the model, what it is trained on, and how.

use std::num::NonZeroUsize;
use std::ops::ControlFlow;

use serde::{Deserialize, Serialize};
use superposition_model::{
    Dimensions, FeatureDistribution, FeatureProbability, FeatureSets, Importance, Magnitude,
    ToyModelConfig,
};
use superposition_train::{
    AdamConfig, Decay, Job, Progress, Schedule, Target, Task, TrainOptions, Trained,
};

use crate::LabError;

/// Everything that determines the bits of a trained toy model.
///
/// Two equal recipes give equal parameters, on any number of threads and on every kernel
/// (`superposition_train::Kernel` is left out of the serialized form for that reason).
/// A recipe is what a model file carries in its metadata.
///
/// ```
/// use superposition_lab::Recipe;
///
/// let recipe = Recipe::quick_start();
/// assert_eq!(recipe.model.dimensions.n_features, 100);
/// assert_eq!(recipe.sparsity(), Some(0.9));
/// let text = serde_json::to_string(&recipe).unwrap();
/// assert_eq!(serde_json::from_str::<Recipe>(&text).unwrap(), recipe);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Recipe {
    /// Shape and variant of the model.
    pub model: ToyModelConfig,
    /// Probability `$p_i = 1 - S_i$` that feature `$i$` is active.
    pub feature_probability: FeatureProbability,
    /// Which features are active together; independent in files that do not say.
    #[serde(default)]
    pub sets: FeatureSets,
    /// What an active feature is; this and what follows up to the training are written only where they are not as usual.
    #[serde(default, skip_serializing_if = "is_default")]
    pub magnitude: Magnitude,
    /// What the outputs are to be.
    #[serde(default, skip_serializing_if = "is_default")]
    pub target: Target,
    /// The weight of the L1 norm of the hidden activations in the loss.
    #[serde(default, skip_serializing_if = "is_default")]
    pub hidden_l1: f64,
    /// The L2 norm of the attacks that the model is trained against.
    #[serde(default, skip_serializing_if = "is_default")]
    pub attack: f64,
    /// Importance `$I_i$` of each feature in the loss.
    pub importance: Importance,
    /// Steps, batch size, seed, optimizer, schedule.
    pub train: TrainOptions,
}

impl Recipe {
    /// The default experiment: 100 features in 20 hidden dimensions at sparsity 0.9,
    /// importance geometric from 1 to 0.01, 10,000 steps of batch 1,024 with Adam at 1e-3.
    #[must_use]
    pub fn quick_start() -> Self {
        Self {
            model: ToyModelConfig::new(Dimensions {
                n_features: 100,
                n_hidden: 20,
            }),
            feature_probability: FeatureProbability::Same(0.1),
            sets: FeatureSets::default(),
            magnitude: Magnitude::default(),
            target: Target::default(),
            hidden_l1: 0.0,
            attack: 0.0,
            importance: Importance::default(),
            train: TrainOptions::default(),
        }
    }

    /// The experiment on the geometry of equally important features: 400 in 30 hidden dimensions, each active with
    /// probability `$p$`, 15,000 steps of batch 1,024 with Adam at 3e-3, falling to 0 along a cosine.
    ///
    /// With that rate and that end the features settle: at p = 0.2 and more all cosines of the polytopes they form are
    /// right to 0.01. At a rate of 1e-3 some are still on their way.
    ///
    /// ```
    /// let recipe = superposition_lab::Recipe::uniform_importance(0.3);
    /// assert_eq!((recipe.model.dimensions.n_features, recipe.sparsity()), (400, Some(0.7)));
    /// recipe.validate().unwrap();
    /// ```
    #[must_use]
    pub fn uniform_importance(p: f64) -> Self {
        Self::quick_start()
            .with_dimensions(Dimensions {
                n_features: 400,
                n_hidden: 30,
            })
            .with_feature_probability(FeatureProbability::Same(p))
            .with_importance(Importance::Uniform)
            .with_train(
                TrainOptions::default()
                    .with_n_steps(15_000)
                    .with_adam(AdamConfig::default().with_learning_rate(3e-3))
                    .with_schedule(Schedule::default().with_decay(Decay::Cosine { last: 0.0 })),
            )
    }

    /// The sparsity `$S = 1 - p$` when it is the same for all features, rounded to undo the
    /// representation error of `$1 - p$` in binary (twelve decimals).
    #[must_use]
    pub fn sparsity(&self) -> Option<f64> {
        match self.feature_probability {
            FeatureProbability::Same(p) => Some(((1.0 - p) * 1e12).round() / 1e12),
            _ => None,
        }
    }

    /// The same recipe with another shape.
    #[must_use]
    pub fn with_dimensions(mut self, dimensions: Dimensions) -> Self {
        self.model.dimensions = dimensions;
        self
    }

    /// The same recipe with another feature probability.
    #[must_use]
    pub fn with_feature_probability(mut self, probability: FeatureProbability) -> Self {
        self.feature_probability = probability;
        self
    }

    /// The same recipe at sparsity `$S$`: every feature is active with probability `$p = 1 - S$`.
    ///
    /// `$p$` is rounded to fifteen decimals, so that 0.9 gives 0.1 and not 0.09999999999999998.
    #[must_use]
    pub fn with_sparsity(self, sparsity: f64) -> Self {
        self.with_feature_probability(FeatureProbability::Same(probability_of(sparsity)))
    }

    /// The same recipe with features active together, or one at a time, in sets.
    #[must_use]
    pub fn with_sets(mut self, sets: FeatureSets) -> Self {
        self.sets = sets;
        self
    }

    /// The same recipe with another importance.
    #[must_use]
    pub fn with_importance(mut self, importance: Importance) -> Self {
        self.importance = importance;
        self
    }

    /// The same recipe with other training options.
    #[must_use]
    pub fn with_train(mut self, train: TrainOptions) -> Self {
        self.train = train;
        self
    }

    /// The task of this recipe, checked.
    ///
    /// # Errors
    /// A probability outside [0, 1], a negative importance, penalty or attack, a list whose length is not the number of
    /// features, sets that these probabilities cannot make, or a target that these features do not have.
    pub fn task(&self) -> Result<Task, LabError> {
        let n = self.model.dimensions.n_features;
        let distribution = FeatureDistribution::new(n, &self.feature_probability)?
            .with_sets(self.sets)?
            .with_magnitude(self.magnitude);
        // With a penalty last, which checks the target too.
        Ok(Task::new(distribution, self.importance.weights(n)?)?
            .with_target(self.target)
            .with_attack(self.attack)?
            .with_hidden_l1(self.hidden_l1)?)
    }

    /// This recipe as one job of `superposition_train::train_ensemble`.
    ///
    /// # Errors
    /// As [`Recipe::task`].
    pub fn job(&self) -> Result<Job, LabError> {
        Ok(Job::new(self.model, self.task()?, self.train.clone()))
    }

    /// Checks all of the recipe without training: shapes, probabilities, importance, optimizer, and whether they fit each other.
    ///
    /// # Errors
    /// The first value that is wrong, with what would be right.
    pub fn validate(&self) -> Result<(), LabError> {
        self.model.validate()?;
        self.train.validate()?;
        self.train.initialization.validate(self.model.dimensions)?;
        Ok(self.job()?.validate()?)
    }

    /// Trains the model on up to `threads` threads; `observe` sees every step and may stop the run.
    ///
    /// The outcome does not depend on `threads`.
    ///
    /// # Errors
    /// As [`Recipe::validate`]. Divergence is not an error but a
    /// [`StopReason`](superposition_train::StopReason).
    pub fn train(
        &self,
        threads: NonZeroUsize,
        observe: &mut dyn FnMut(&Progress<'_>) -> ControlFlow<()>,
    ) -> Result<Trained, LabError> {
        Ok(self.job()?.train(threads, observe)?)
    }
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// The probability that a feature is active at sparsity S: `$p = 1 - S$`, rounded to fifteen decimals.
///
/// ```
/// assert_eq!(superposition_lab::probability_of(0.9), 0.1);
/// ```
#[must_use]
pub fn probability_of(sparsity: f64) -> f64 {
    ((1.0 - sparsity) * 1e15).round() / 1e15
}

/// The number of threads of this machine, at least 1.
#[must_use]
pub fn available_threads() -> NonZeroUsize {
    std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
}
