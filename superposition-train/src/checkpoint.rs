//! What a training goes on from.

use superposition_model::{ModelError, ToyModel, ToyModelConfig};

use crate::TrainError;
use crate::step::Step;

/// The state of a training after a step: with the same configuration, task and options, all that it depends on.
///
/// A training that goes on from here ([`Job::with_start`](crate::Job::with_start)) makes the same steps, bit for bit, as
/// one that was never interrupted, whatever the number of threads of either. Random numbers are keyed by the step, so
/// there is no generator to keep.
///
/// ```
/// use std::{num::NonZeroUsize, ops::ControlFlow};
/// use superposition_model::{Dimensions, FeatureDistribution, FeatureProbability, ToyModelConfig};
/// use superposition_train::{Job, Task, TrainOptions, train, train_ensemble};
///
/// let config = ToyModelConfig::new(Dimensions { n_features: 5, n_hidden: 2 });
/// let distribution = FeatureDistribution::new(5, &FeatureProbability::Same(0.1)).unwrap();
/// let task = Task::new(distribution, vec![1.0; 5]).unwrap();
/// let options = TrainOptions::default().with_n_steps(10).with_batch_size(16);
/// let mut checkpoint = None;
/// let whole = train(&config, &task, &options, &mut |progress| {
///     if progress.step == 4 {
///         checkpoint = Some(progress.checkpoint());
///     }
///     ControlFlow::Continue(())
/// })
/// .unwrap();
/// let job = Job::new(config, task, options).with_start(checkpoint);
/// let rest = &train_ensemble(&[job], NonZeroUsize::MIN, &|_, _| ControlFlow::Continue(()))[0];
/// assert_eq!(rest.as_ref().unwrap().model, whole.model);
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct Checkpoint {
    /// The number of steps made.
    pub step: usize,
    /// The parameters, as a model has them.
    pub parameters: Vec<f32>,
    /// Adam's first moment of each.
    pub first_moment: Vec<f32>,
    /// Adam's second moment of each: at least 0.
    pub second_moment: Vec<f32>,
}

impl Checkpoint {
    pub(crate) fn of(step: usize, model: &ToyModel, state: &Step) -> Self {
        let parameters = model.parameters().to_vec();
        let mut first_moment = vec![0.0; parameters.len()];
        let mut second_moment = first_moment.clone();
        state.gather_moments(&mut first_moment, &mut second_moment);
        Self {
            step,
            parameters,
            first_moment,
            second_moment,
        }
    }

    /// The model as it was.
    ///
    /// # Errors
    /// Those of [`ToyModel::new`].
    pub fn model(&self, config: ToyModelConfig) -> Result<ToyModel, ModelError> {
        ToyModel::new(config, self.parameters.clone())
    }

    /// Checks the rest and hands everything to a step.
    pub(crate) fn set(&self, state: &Step, n_steps: usize) -> Result<(), TrainError> {
        let n_parameters = self.parameters.len();
        for (left, found) in [
            ("the length of first_moment", self.first_moment.len()),
            ("the length of second_moment", self.second_moment.len()),
        ] {
            if found != n_parameters {
                return Err(TrainError::Mismatch {
                    left,
                    left_value: found,
                    right: "the number of parameters",
                    right_value: n_parameters,
                });
            }
        }
        let bad = |value: &f32| !value.is_finite();
        let first = self.first_moment.iter().copied().find(bad);
        let second = self.second_moment.iter().copied();
        let second = second.clone().find(|value| bad(value) || *value < 0.0);
        for (name, found, expected) in [
            ("first_moment", first, "finite"),
            ("second_moment", second, "finite and at least 0"),
        ] {
            if let Some(value) = found {
                return Err(TrainError::Value {
                    name,
                    value: value.into(),
                    expected,
                });
            }
        }
        if self.step >= n_steps {
            return Err(TrainError::NothingLeft {
                made: self.step,
                n_steps,
            });
        }
        state.set(&self.parameters, &self.first_moment, &self.second_moment);
        Ok(())
    }
}
