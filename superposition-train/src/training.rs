//! The training loop.

use std::ops::ControlFlow;

use superposition_model::{ToyModel, ToyModelConfig};

use crate::kernel::Instructions;
use crate::step::{StepKernel, check_work};
use crate::{Adam, Stream, Task, TrainError, TrainOptions, stream_rng};

/// Where a training is, after a step.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Progress<'a> {
    /// The number of steps made: 1 after the first.
    pub step: usize,
    /// The number of steps of the whole training.
    pub n_steps: usize,
    /// The loss of this step's batch, before its update.
    pub loss: f64,
    /// The model after the update.
    pub model: &'a ToyModel,
}

/// Why a training ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum StopReason {
    /// All steps were made.
    Finished,
    /// The loss of this step's batch was below [`TrainOptions::loss_below`].
    LossBelow {
        /// The number of steps made.
        step: usize,
    },
    /// The loss of this step's batch, or a parameter after the last step that was made, was NaN or infinite.
    Diverged {
        /// The number of the step, from 1.
        step: usize,
    },
    /// The observer asked to stop after this step.
    Cancelled {
        /// The number of steps made.
        step: usize,
    },
}

impl StopReason {
    /// Whether all steps were made.
    #[must_use]
    pub fn is_finished(self) -> bool {
        matches!(self, Self::Finished)
    }

    /// Whether the loss came below the threshold.
    #[must_use]
    pub fn reached_loss(self) -> bool {
        matches!(self, Self::LossBelow { .. })
    }

    /// Whether the loss was no longer finite.
    #[must_use]
    pub fn has_diverged(self) -> bool {
        matches!(self, Self::Diverged { .. })
    }

    /// Whether the observer asked to stop.
    #[must_use]
    pub fn was_cancelled(self) -> bool {
        matches!(self, Self::Cancelled { .. })
    }
}

/// The outcome of a training.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Trained {
    /// The model.
    pub model: ToyModel,
    /// The loss of every step's batch, before its update.
    pub losses: Vec<f32>,
    /// Why it ended.
    pub stop: StopReason,
}

/// Trains a toy model on batches that are drawn anew at every step.
///
/// Step k (from 1) draws `batch_size` samples, computes their loss (the importance-weighted squared error, mean over
/// batch and features) and its gradient, makes a step of [`Adam`] with the learning rate of the schedule, and calls
/// `observe`, which can end the training.
///
/// # Ends
/// - `LossBelow`: the batch loss of the step was below `loss_below`. The update of that step is made and observed,
///   and the model after it is returned.
/// - `Cancelled`: `observe` returned `Break`. The model after that step is returned. This counts before `LossBelow`.
/// - `Diverged`: the batch loss of the step was NaN or infinite. The step makes no update and is not observed; the
///   model that had this loss is returned, and this loss is the last of `losses`. It is also given, with the number of
///   the last step made and the model as it is, wherever one of the other ends would return parameters that are not
///   all finite.
///
/// # Bits
/// The same configuration, task and options give the same bits on every machine, whichever [`Kernel`](crate::Kernel)
/// runs. The parameters start from [`stream_rng`]`(seed, Stream::Initialization, 0, 0)`, and each 64 samples of a batch
/// come from `stream_rng(seed, Stream::Data, k - 1, shard)`, drawn as
/// [`sample_sparse_into`](superposition_model::FeatureDistribution::sample_sparse_into) does.
///
/// # Cost
/// A step in the Gram form takes time `$O(B p n^2 + n^2 m)$`, for a mean probability p, and memory for
/// `$3 n^2 + O(nm)$` f32; in the direct form time `$O(B n m)$` and memory for `$O(nm)$`. Both take memory for 64
/// samples besides, whatever B. [`StepForm`](crate::StepForm) says which is taken.
///
/// ```
/// use std::ops::ControlFlow;
/// use superposition_model::{Dimensions, FeatureDistribution, FeatureProbability, ToyModelConfig};
/// use superposition_train::{Task, TrainOptions, train};
///
/// // As many hidden dimensions as features: the model can learn to copy.
/// let config = ToyModelConfig::new(Dimensions { n_features: 2, n_hidden: 2 });
/// let distribution = FeatureDistribution::new(2, &FeatureProbability::Same(0.5)).unwrap();
/// let task = Task::new(distribution, vec![1.0, 1.0]).unwrap();
/// let options = TrainOptions::default().with_n_steps(3000).with_batch_size(64).with_loss_below(Some(1e-4));
/// let mut n_observed = 0;
/// let trained = train(&config, &task, &options, &mut |progress| {
///     n_observed = progress.step;
///     ControlFlow::Continue(())
/// })
/// .unwrap();
/// assert!(trained.stop.reached_loss());
/// assert_eq!(trained.losses.len(), n_observed);
/// assert!(trained.losses[0] > 0.01 && *trained.losses.last().unwrap() < 1e-4);
/// ```
///
/// # Errors
/// [`TrainError`] if the configuration, the task or the options are out of their ranges, disagree about the number of
/// features, ask for more than 2^32 f32 in all (parameters, gradient, moments and work space), or for instructions
/// this machine does not have. Nothing is allocated or trained then.
///
/// # References
/// Elhage et al. 2022, *Toy Models of Superposition*, section 2, and its notebook.
pub fn train(
    config: &ToyModelConfig,
    task: &Task,
    options: &TrainOptions,
    observe: &mut dyn FnMut(&Progress<'_>) -> ControlFlow<()>,
) -> Result<Trained, TrainError> {
    options.validate()?;
    task.validate()?;
    config.validate()?;
    let n_features = config.dimensions.n_features;
    if n_features != task.n_features() {
        return Err(TrainError::Mismatch {
            left: "n_features of the model",
            left_value: n_features,
            right: "n_features of the task",
            right_value: task.n_features(),
        });
    }
    check_work(config, task, options.batch_size, options.step_form)?;
    let instructions = Instructions::select(options.kernel)?;
    let mut rng = stream_rng(options.seed, Stream::Initialization, 0, 0);
    let mut model = ToyModel::random(*config, options.initialization, &mut rng)?;
    let mut kernel = StepKernel::new(
        &model,
        task,
        options.batch_size,
        options.seed,
        instructions,
        options.step_form,
    );
    let mut adam = Adam::with_kernel(options.adam, model.parameters().len(), options.kernel)?;
    let mut gradient = vec![0.0; model.parameters().len()];

    let n_steps = options.n_steps;
    let mut losses = Vec::new();
    let mut stop = StopReason::Finished;
    for k in 0..n_steps {
        let loss = kernel.loss_and_gradient(model.parameters(), k as u64, &mut gradient);
        losses.push(loss as f32);
        let step = k + 1;
        if !loss.is_finite() {
            return Ok(Trained {
                model,
                losses,
                stop: StopReason::Diverged { step },
            });
        }
        adam.step(
            model.parameters_mut(),
            &gradient,
            options.schedule.factor(k, n_steps),
        );
        if observe(&Progress {
            step,
            n_steps,
            loss,
            model: &model,
        })
        .is_break()
        {
            stop = StopReason::Cancelled { step };
            break;
        }
        if options.loss_below.is_some_and(|threshold| loss < threshold) {
            stop = StopReason::LossBelow { step };
            break;
        }
    }
    // No end of a healthy name for a model that is not.
    if !model
        .parameters()
        .iter()
        .all(|parameter| parameter.is_finite())
    {
        stop = StopReason::Diverged { step: losses.len() };
    }
    Ok(Trained {
        model,
        losses,
        stop,
    })
}
