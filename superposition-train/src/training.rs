//! The training loop.

use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use superposition_model::{Dimensions, ToyModel, ToyModelConfig};

use crate::adam::AdamClock;
use crate::kernel::Instructions;
use crate::step::{Barrier, Step};
use crate::{Checkpoint, Job, Stream, Task, TrainError, TrainOptions};

/// The smallest n m B for which more than one thread makes a step: below it they would mostly wait for each other.
const SHARED_WORK: usize = 1 << 17;

/// Where a training is, after a step.
#[derive(Clone, Copy)]
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
    /// Where the moments are.
    state: &'a Step,
}

impl Progress<'_> {
    /// All that is needed to go on from here later: the parameters and both moments are copied.
    #[must_use]
    pub fn checkpoint(&self) -> Checkpoint {
        Checkpoint::of(self.step, self.model, self.state)
    }
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
    /// The loss of the batch, before its update, of every step or of those that
    /// [`TrainOptions::loss_every`] asks for.
    pub losses: Vec<f32>,
    /// Why it ended.
    pub stop: StopReason,
}

/// Trains a toy model on batches that are drawn anew at every step.
///
/// Step k (from 1) draws `batch_size` samples, or takes the examples of the task, computes their loss ([`Task`]) and its
/// gradient, makes a step of [`Adam`](crate::Adam) with the learning rate of the schedule,
/// and calls `observe`, which can end the training.
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
/// runs. The parameters start from [`Stream::rng`] of (seed, `Stream::Initialization`, 0, 0). Samples do not come from
/// `Stream::rng`: each shard, 128 samples or 1,024 of up to eight independent features, has a generator of its own, keyed
/// by (seed, `Stream::Data`, k - 1, shard). A feature is active with its probability to within `$2^{-31}$`; where
/// features are drawn one by one (n <= 8, or a probability of 1/4 or more), one with `$p < 2^{-31}$` never is. Values lie
/// in (0, 1].
///
/// # Cost
/// The Gram form takes time `$O(B p n^2 + n^2 m)$` a step, for a mean probability p, and memory for
/// `$3 n^2 + O(nm)$` f32 and the active features of two batches, `$O(B p n)$`; the direct form time `$O(B n m)$` and
/// memory for `$O(nm)$` and a shard of samples; the tiny form time `$O(B n m)$` and no memory to speak of.
/// [`StepForm`](crate::StepForm) says which is taken.
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
/// this machine does not have. Nothing but the sampler's tables, of size n, is allocated then.
///
/// # References
/// Elhage et al. 2022, *Toy Models of Superposition*, section 2, and its notebook.
pub fn train(
    config: &ToyModelConfig,
    task: &Task,
    options: &TrainOptions,
    observe: &mut dyn FnMut(&Progress<'_>) -> ControlFlow<()>,
) -> Result<Trained, TrainError> {
    Job::new(*config, task.clone(), options.clone()).train(NonZeroUsize::MIN, observe)
}

/// See [`Job::train`].
pub(crate) fn run(
    job: &Job,
    threads: NonZeroUsize,
    observe: &mut dyn FnMut(&Progress<'_>) -> ControlFlow<()>,
) -> Result<Trained, TrainError> {
    job.validate()?;
    let Job {
        config,
        task,
        options,
        start,
    } = job;
    let instructions = Instructions::select(options.kernel)?;
    let mut model = match start {
        Some(checkpoint) => checkpoint.model(*config)?,
        None => {
            let mut rng = Stream::Initialization.rng(options.seed, 0, 0);
            ToyModel::random(*config, options.initialization, &mut rng)?
        }
    };
    let step = Step::new(
        config,
        model.layout(),
        task,
        options.batch_size,
        options.seed,
        instructions,
        options.step_form,
    );
    let first_step = match start {
        Some(checkpoint) => {
            checkpoint.set(&step, options.n_steps)?;
            checkpoint.step
        }
        None => {
            let zeros = vec![0.0; model.parameters().len()];
            step.set(model.parameters(), &zeros, &zeros);
            0
        }
    };
    let n_workers = n_workers(job, threads, step.most_workers());
    let team = Team {
        step: &step,
        options,
        first_step,
        n_workers,
        barrier: Barrier::new(n_workers),
        cancelled: AtomicBool::new(false),
    };
    let mut lead = Lead {
        model: &mut model,
        losses: Vec::new(),
        stop: StopReason::Finished,
        observe,
    };
    thread::scope(|scope| {
        // If a thread cannot be started, those that were must not wait for it.
        let _guard = team.barrier.guard();
        for id in 1..n_workers {
            let team = &team;
            scope.spawn(move || team.work(id, None));
        }
        team.work(0, Some(&mut lead));
    });
    let Lead {
        losses, mut stop, ..
    } = lead;
    // No end of a healthy name for a model that is not.
    let mut parameters = model.parameters().iter();
    if !stop.has_diverged() && !parameters.all(|parameter| parameter.is_finite()) {
        let step = match stop {
            StopReason::Cancelled { step } | StopReason::LossBelow { step } => step,
            _ => options.n_steps,
        };
        stop = StopReason::Diverged { step };
    }
    Ok(Trained {
        model,
        losses,
        stop,
    })
}

/// How many workers make a step, of the threads there are and the most that would have something to do.
fn n_workers(job: &Job, threads: NonZeroUsize, most: usize) -> usize {
    let Dimensions {
        n_features,
        n_hidden,
    } = job.config.dimensions;
    let work = n_features
        .saturating_mul(n_hidden)
        .saturating_mul(job.options.batch_size);
    match work {
        SHARED_WORK.. => threads.get().min(most),
        _ => 1,
    }
}

/// The workers of one training.
struct Team<'a> {
    step: &'a Step,
    options: &'a TrainOptions,
    first_step: usize,
    n_workers: usize,
    barrier: Barrier,
    cancelled: AtomicBool,
}

/// What one of them does besides: it records and observes.
struct Lead<'a, 'o> {
    model: &'a mut ToyModel,
    losses: Vec<f32>,
    stop: StopReason,
    observe: &'o mut dyn FnMut(&Progress<'_>) -> ControlFlow<()>,
}

impl Team<'_> {
    /// All steps of one worker. Every decision but the observer's is made by each from the same numbers.
    fn work(&self, id: usize, mut lead: Option<&mut Lead<'_, '_>>) {
        let _guard = self.barrier.guard();
        let Self { step, options, .. } = self;
        let n_steps = options.n_steps;
        let mut clock = AdamClock::after(options.adam, self.first_step as u64);
        let mut worker = step.worker(id, self.n_workers, self.first_step as u64);
        if self.barrier.wait().is_err() {
            return;
        }
        for k in self.first_step..n_steps {
            step.accumulate(&mut worker, k as u64);
            if self.barrier.wait().is_err() || self.cancelled.load(Ordering::Acquire) {
                return;
            }
            let loss = step.loss();
            // As it is recorded: what is too large for that is infinite.
            let recorded = loss as f32;
            let made = k + 1;
            if let Some(lead) = &mut lead
                && (k.is_multiple_of(options.loss_every) || !recorded.is_finite())
            {
                lead.losses.push(recorded);
            }
            if !recorded.is_finite() {
                if let Some(lead) = lead {
                    lead.stop = StopReason::Diverged { step: made };
                }
                return;
            }
            step.differentiate(&mut worker);
            if options.weight_l1 != 0.0 {
                step.add_weight_l1(&worker, options.weight_l1 as f32);
            }
            let factor = options.schedule.factor(k, n_steps);
            let mut factors = clock.next(factor);
            if let Some(most) = options.clip_norm {
                step.measure(&worker);
                if self.barrier.wait().is_err() {
                    return;
                }
                factors.clip = (most / (step.gradient_norm() + 1e-6)).min(1.0) as f32;
            }
            step.update(&worker, factors);
            if options.unit_norm_decay != 0.0 {
                let rate = options.adam.learning_rate * factor;
                step.pull_to_unit_norm(&worker, rate * options.unit_norm_decay);
            }
            if self.barrier.wait().is_err() {
                return;
            }
            let below = options.loss_below.is_some_and(|threshold| loss < threshold);
            let last = below || made == n_steps;
            if let Some(lead) = &mut lead {
                step.gather_parameters(lead.model.parameters_mut());
                if below {
                    lead.stop = StopReason::LossBelow { step: made };
                }
                let progress = Progress {
                    step: made,
                    n_steps,
                    loss,
                    model: lead.model,
                    state: step,
                };
                if (lead.observe)(&progress).is_break() {
                    lead.stop = StopReason::Cancelled { step: made };
                    if !last {
                        // The others are at the next step already; they look at this where they next wait.
                        self.cancelled.store(true, Ordering::Release);
                        let _ = self.barrier.wait();
                        return;
                    }
                }
            }
            if last {
                return;
            }
        }
    }
}
