//! What a toy model is asked to reconstruct.

use superposition_model::FeatureDistribution;

use crate::TrainError;

/// A distribution of features and how much the loss weighs the error of each.
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
    /// How the features are drawn.
    pub distribution: FeatureDistribution,
    /// The weights `$I_i$` of the loss, one for each feature: finite, at least 0.
    pub importance: Vec<f32>,
}

impl Task {
    /// A task with these features, weighted by `importance`.
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
        };
        task.validate()?;
        Ok(task)
    }

    /// How many features there are, `$n$`.
    #[must_use]
    pub fn n_features(&self) -> usize {
        self.distribution.n_features()
    }

    /// Checks the importances.
    pub(crate) fn validate(&self) -> Result<(), TrainError> {
        if self.importance.len() != self.n_features() {
            return Err(TrainError::Mismatch {
                left: "the number of importances",
                left_value: self.importance.len(),
                right: "n_features of the distribution",
                right_value: self.n_features(),
            });
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
