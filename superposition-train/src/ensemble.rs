//! Many trainings over a few threads.

use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use superposition_model::ToyModelConfig;

use crate::step::check_work;
use crate::training::run;
use crate::{Checkpoint, Progress, Task, TrainError, TrainOptions, Trained};

/// One training among many.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Job {
    /// The model.
    pub config: ToyModelConfig,
    /// What it is asked to reconstruct.
    pub task: Task,
    /// How it is trained.
    pub options: TrainOptions,
    /// Where it goes on from, if not from the beginning.
    pub start: Option<Checkpoint>,
}

impl Job {
    /// A training of this model on this task.
    #[must_use]
    pub fn new(config: ToyModelConfig, task: Task, options: TrainOptions) -> Self {
        Self {
            config,
            task,
            options,
            start: None,
        }
    }

    /// Makes this training, several threads making each step together where it is long enough for that.
    ///
    /// The outcome is that of [`train`](crate::train), bit for bit, whatever `threads` is; with a start, that of the
    /// training it was taken from. `losses` then has the steps made here of those that [`TrainOptions::loss_every`] asks
    /// for, which are counted from the first step of the whole training. At most `threads` make a step, and one where
    /// n m B is below 2^17; the others wait busily while `observe` runs.
    ///
    /// # Errors
    /// Those of [`train`](crate::train), and [`TrainError`] if the start does not fit the model or has made all steps.
    ///
    /// # Panics
    /// If `observe` does; or if no thread can be started.
    pub fn train(
        &self,
        threads: NonZeroUsize,
        observe: &mut dyn FnMut(&Progress<'_>) -> ControlFlow<()>,
    ) -> Result<Trained, TrainError> {
        run(self, threads, observe)
    }

    /// Checks all that can be known without training: each part by itself, and whether they fit each other.
    ///
    /// Of the start it says nothing.
    ///
    /// # Errors
    /// Those of [`train`](crate::train), but for the instructions.
    pub fn validate(&self) -> Result<(), TrainError> {
        let Self {
            config,
            task,
            options,
            start: _,
        } = self;
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
        if let Some(examples) = &task.examples
            && examples.batch_size() != options.batch_size
        {
            return Err(TrainError::Mismatch {
                left: "batch_size",
                left_value: options.batch_size,
                right: "the number of examples",
                right_value: examples.batch_size(),
            });
        }
        check_work(config, task, options.batch_size, options.step_form)
    }

    /// The same, going on from here.
    #[must_use]
    pub fn with_start(self, start: Option<Checkpoint>) -> Self {
        Self { start, ..self }
    }
}

/// Makes each training by itself, at most `threads` at a time; the outcomes are in the order of the jobs.
///
/// Each outcome is what [`train`](crate::train) gives for that job, bit for bit: neither the other jobs nor the threads
/// enter. `observe` is called as there, from the thread of the job, with the job's index first; `Break` ends that job
/// alone. Jobs are started in order; while more jobs than threads are left, all threads are at work. Where there are at
/// least twice as many threads as jobs, several make the steps of a job together.
///
/// ```
/// use std::{num::NonZeroUsize, ops::ControlFlow};
/// use superposition_model::{Dimensions, FeatureDistribution, FeatureProbability, ToyModelConfig};
/// use superposition_train::{Job, Task, TrainOptions, train_ensemble};
///
/// let config = ToyModelConfig::new(Dimensions { n_features: 5, n_hidden: 2 });
/// let distribution = FeatureDistribution::new(5, &FeatureProbability::Same(0.1)).unwrap();
/// let task = Task::new(distribution, vec![1.0; 5]).unwrap();
/// let options = TrainOptions::default().with_n_steps(10).with_batch_size(16);
/// let jobs = [3, 3, 4].map(|seed| Job::new(config, task.clone(), options.clone().with_seed(seed)));
/// let trained = train_ensemble(&jobs, NonZeroUsize::MIN, &|_, _| ControlFlow::Continue(()));
/// assert_eq!(trained[0], trained[1]);
/// assert_ne!(trained[0], trained[2]);
/// ```
///
/// # Panics
/// If `observe` does, after the other threads have ended their jobs; or if no thread can be started.
pub fn train_ensemble(
    jobs: &[Job],
    threads: NonZeroUsize,
    observe: &(dyn Fn(usize, &Progress<'_>) -> ControlFlow<()> + Sync),
) -> Vec<Result<Trained, TrainError>> {
    let results: Vec<OnceLock<Result<Trained, TrainError>>> =
        jobs.iter().map(|_| OnceLock::new()).collect();
    let next = AtomicUsize::new(0);
    // Threads across trainings first; where there are more of them than trainings, several make each step together.
    let outside = threads.get().min(jobs.len()).max(1);
    let inside = NonZeroUsize::new(threads.get() / outside).unwrap_or(NonZeroUsize::MIN);
    let work = || {
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(job) = jobs.get(index) else {
                break;
            };
            let trained = job.train(inside, &mut |progress| observe(index, progress));
            let first = results[index].set(trained).is_ok();
            debug_assert!(first, "each index is handed out once");
        }
    };
    thread::scope(|scope| {
        // The calling thread works too.
        for _ in 1..outside {
            scope.spawn(work);
        }
        work();
    });
    results
        .into_iter()
        .map(|result| result.into_inner().expect("every job was made"))
        .collect()
}
