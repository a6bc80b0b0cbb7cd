//! Many trainings over a few threads.

use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use superposition_model::ToyModelConfig;

use crate::{Progress, Task, TrainError, TrainOptions, Trained, train};

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
}

impl Job {
    /// A training of this model on this task.
    #[must_use]
    pub fn new(config: ToyModelConfig, task: Task, options: TrainOptions) -> Self {
        Self {
            config,
            task,
            options,
        }
    }
}

/// Makes each training by itself, at most `threads` at a time; the outcomes are in the order of the jobs.
///
/// Each outcome is what [`train`] gives for that job, bit for bit: neither the other jobs nor the threads enter.
/// `observe` is called as in [`train`], from the thread of the job, with the job's index first; `Break` ends that job
/// alone. Jobs are started in order; while more jobs than threads are left, all threads are at work.
///
/// ```
/// use std::{num::NonZeroUsize, ops::ControlFlow};
/// use superposition_model::{Dimensions, FeatureDistribution, FeatureProbability, ToyModelConfig};
/// use superposition_train::{Job, Task, TrainOptions, train_many};
///
/// let config = ToyModelConfig::new(Dimensions { n_features: 5, n_hidden: 2 });
/// let distribution = FeatureDistribution::new(5, &FeatureProbability::Same(0.1)).unwrap();
/// let task = Task::new(distribution, vec![1.0; 5]).unwrap();
/// let options = TrainOptions::default().with_n_steps(10).with_batch_size(16);
/// let jobs = [3, 3, 4].map(|seed| Job::new(config, task.clone(), options.clone().with_seed(seed)));
/// let trained = train_many(&jobs, NonZeroUsize::MIN, &|_, _| ControlFlow::Continue(()));
/// assert_eq!(trained[0], trained[1]);
/// assert_ne!(trained[0], trained[2]);
/// ```
///
/// # Panics
/// If `observe` does, after the other threads have ended their jobs; or if no thread can be started.
pub fn train_many(
    jobs: &[Job],
    threads: NonZeroUsize,
    observe: &(dyn Fn(usize, &Progress<'_>) -> ControlFlow<()> + Sync),
) -> Vec<Result<Trained, TrainError>> {
    let results: Vec<OnceLock<Result<Trained, TrainError>>> =
        jobs.iter().map(|_| OnceLock::new()).collect();
    let next = AtomicUsize::new(0);
    let work = || {
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(Job {
                config,
                task,
                options,
            }) = jobs.get(index)
            else {
                break;
            };
            let trained = train(config, task, options, &mut |progress| {
                observe(index, progress)
            });
            let first = results[index].set(trained).is_ok();
            debug_assert!(first, "each index is handed out once");
        }
    };
    thread::scope(|scope| {
        // The calling thread works too.
        for _ in 1..threads.get().min(jobs.len()) {
            scope.spawn(work);
        }
        work();
    });
    results
        .into_iter()
        .map(|result| result.into_inner().expect("every job was made"))
        .collect()
}
