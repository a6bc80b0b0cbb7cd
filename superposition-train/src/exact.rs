//! Training on the exact gradient of the expected loss, without samples.

use std::num::NonZeroUsize;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use superposition_model::{Bias, Coupling, Dimensions, FeatureSets, Hidden, Output, ToyModel};

use crate::adam::AdamClock;
use crate::kernel::{AdamFactors, Chunk, ExactModels, ExactSteps, Instructions, LANES};
use crate::step::check_elements;
use crate::{Job, StopReason, Stream, TrainError, TrainOptions, Trained};

/// Trains models of two features in one hidden dimension on the exact gradient of their expected loss; the outcomes are
/// in the order of the jobs.
///
/// What [`train`](crate::train) estimates from a batch is here the expectation itself,
/// `$L = \frac12 \sum_j I_j \, \mathbb{E}\,(x'_j - x_j)^2$`, in closed form: polynomials between the kinks of ReLU,
/// integrated exactly, in f32. So a few hundred steps with a large learning rate do what takes ten thousand sampled
/// ones, and sixteen models are trained side by side: a phase diagram of 32 x 32 cells with ten seeds each takes a
/// fraction of a second. `losses` has the loss before the steps that [`TrainOptions::loss_every`] asks for, rounded as
/// f32 is; [`ToyModel::population_loss`] gives that of the outcome in f64.
///
/// Models start as in [`train`](crate::train), from the seed of their job. An outcome depends on its own job alone, bit
/// for bit: not on the other jobs, their order, the threads or the instructions. `batch_size` and `step_form` have no
/// meaning here.
///
/// All steps are made whatever happens; [`StopReason::Diverged`] names the first recorded loss that is not finite, or
/// the last step. Where W and b are exactly 0, ReLU counts as on here, and as off in `train`.
///
/// Costs about 450 operations on 16 numbers for a step of 16 models; jobs with equal options share lanes where they
/// follow each other.
///
/// ```
/// use std::num::NonZeroUsize;
/// use superposition_model::{Dimensions, FeatureDistribution, FeatureProbability, ToyModelConfig};
/// use superposition_train::{AdamConfig, Job, Task, TrainOptions, train_exact};
///
/// let config = ToyModelConfig::new(Dimensions { n_features: 2, n_hidden: 1 });
/// let distribution = FeatureDistribution::new(2, &FeatureProbability::Same(0.1)).unwrap();
/// let task = Task::new(distribution, vec![1.0; 2]).unwrap();
/// let options = TrainOptions::default()
///     .with_n_steps(400)
///     .with_adam(AdamConfig::default().with_learning_rate(0.03));
/// let jobs: Vec<Job> = (0..8)
///     .map(|seed| Job::new(config, task.clone(), options.clone().with_seed(seed)))
///     .collect();
/// let best = train_exact(&jobs, NonZeroUsize::MIN)
///     .into_iter()
///     .map(|trained| *trained.unwrap().losses.last().unwrap())
///     .fold(f32::INFINITY, f32::min);
/// // Both features share the dimension as opposites: the optimum of this loss, to its digits.
/// assert!((2.0 * best - 0.0033195).abs() < 1e-5);
/// ```
///
/// # Errors
/// Those of [`train`](crate::train); [`TrainError::NoExactGradient`] unless the model has two features, one hidden
/// dimension, tied weights and ReLU outputs and the features are independent, or if `loss_below`, `clip_norm` or a
/// start is given; [`TrainError::TooLarge`] if what is kept of every step is more than 2^32 f32. An error is that of one job; the others are trained.
///
/// # Panics
/// If no thread can be started.
///
/// # References
/// Elhage et al. 2022, *Toy Models of Superposition*, section 3 (the phase diagram).
#[must_use]
pub fn train_exact(jobs: &[Job], threads: NonZeroUsize) -> Vec<Result<Trained, TrainError>> {
    // Jobs that differ in nothing but their task and their seed share lanes.
    let mut results: Vec<Result<Trained, TrainError>> = Vec::with_capacity(jobs.len());
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for (index, job) in jobs.iter().enumerate() {
        match start(job) {
            Err(error) => results.push(Err(error)),
            Ok(model) => {
                results.push(Ok(Trained {
                    model,
                    losses: Vec::new(),
                    stop: StopReason::Finished,
                }));
                match groups.last_mut() {
                    Some(group)
                        if group.len() < LANES && alike(&jobs[group[0]].options, &job.options) =>
                    {
                        group.push(index);
                    }
                    _ => groups.push(vec![index]),
                }
            }
        }
    }
    let next = AtomicUsize::new(0);
    let results = Mutex::new(results);
    let work = || {
        let mut factors = Factors::default();
        while let Some(group) = groups.get(next.fetch_add(1, Ordering::Relaxed)) {
            let options = &jobs[group[0]].options;
            factors.set(options);
            let mut models = ExactModels::default();
            {
                let results = results.lock().expect("no other thread panics");
                for (lane, &index) in group.iter().enumerate() {
                    if let Ok(trained) = &results[index] {
                        load(&mut models, lane, &jobs[index], &trained.model);
                    }
                }
            }
            let mut losses = Vec::with_capacity(options.n_steps.div_ceil(options.loss_every));
            if let Ok(instructions) = Instructions::select(options.kernel) {
                instructions.run(ExactSteps {
                    models: &mut models,
                    factors: &factors.factors,
                    loss_every: options.loss_every,
                    losses: &mut losses,
                });
            }
            let mut results = results.lock().expect("no other thread panics");
            for (lane, &index) in group.iter().enumerate() {
                if let Ok(trained) = &mut results[index] {
                    store(&models, lane, &losses, options, trained);
                }
            }
        }
    };
    let threads = threads.get().min(groups.len());
    thread::scope(|scope| {
        // The calling thread works too.
        for _ in 1..threads {
            scope.spawn(work);
        }
        work();
    });
    results.into_inner().expect("no other thread panics")
}

/// The factors of every step, made again only for other options.
#[derive(Default)]
struct Factors {
    of: Option<TrainOptions>,
    factors: Vec<AdamFactors>,
}

impl Factors {
    fn set(&mut self, options: &TrainOptions) {
        if self.of.as_ref().is_some_and(|of| alike(of, options)) {
            return;
        }
        let mut clock = AdamClock::new(options.adam);
        self.factors.clear();
        self.factors.extend(
            (0..options.n_steps).map(|k| clock.next(options.schedule.factor(k, options.n_steps))),
        );
        self.of = Some(options.clone());
    }
}

/// Whether two trainings make the same steps.
fn alike(a: &TrainOptions, b: &TrainOptions) -> bool {
    (a.n_steps, a.loss_every, a.kernel) == (b.n_steps, b.loss_every, b.kernel)
        && a.adam == b.adam
        && a.schedule == b.schedule
}

/// Checks a job and makes the model it starts from.
fn start(job: &Job) -> Result<ToyModel, TrainError> {
    let Job {
        config,
        task,
        options,
        start,
    } = job;
    options.validate()?;
    task.validate()?;
    config.validate()?;
    Instructions::select(options.kernel)?;
    let n_losses = options.n_steps.div_ceil(options.loss_every);
    check_elements(
        "the factors and losses of this training",
        8 * options.n_steps as u128 + 32 * n_losses as u128,
    )?;
    let refuse = |what: String| {
        Err(TrainError::NoExactGradient {
            what,
            needed: "two independent features in one hidden dimension, with tied weights and ReLU outputs, \
                     without loss_below, clip_norm, weight_l1, unit_norm_decay or a start",
        })
    };
    let Dimensions {
        n_features,
        n_hidden,
    } = config.dimensions;
    if (n_features, n_hidden, task.n_features()) != (2, 1, 2) {
        return refuse(format!(
            "the model has {n_features} features in {n_hidden} dimensions and the task {} features",
            task.n_features()
        ));
    }
    if config.coupling != Coupling::Tied || config.output != Output::Relu {
        return refuse(format!(
            "the weights are {:?} and the outputs {:?}",
            config.coupling, config.output
        ));
    }
    if config.hidden != Hidden::Linear {
        return refuse(format!("the hidden layer is {:?}", config.hidden));
    }
    if let Some(what) = task.beyond_plain() {
        return refuse(format!("the task has {what}"));
    }
    if task.distribution.sets() != FeatureSets::Independent {
        return refuse(format!("the features are {}", task.distribution.sets()));
    }
    for (name, given) in [
        ("loss_below", options.loss_below.is_some()),
        ("clip_norm", options.clip_norm.is_some()),
        ("weight_l1", options.weight_l1 != 0.0),
        ("unit_norm_decay", options.unit_norm_decay != 0.0),
        ("a start", start.is_some()),
    ] {
        if given {
            return refuse(format!("{name} is given"));
        }
    }
    let mut rng = Stream::Initialization.rng(options.seed, 0, 0);
    Ok(ToyModel::random(*config, options.initialization, &mut rng)?)
}

/// Puts a job into a lane.
fn load(models: &mut ExactModels, lane: usize, job: &Job, model: &ToyModel) {
    for (chunk, &parameter) in models.parameters.iter_mut().zip(model.parameters()) {
        chunk.0[lane] = parameter;
    }
    let probability = job.task.distribution.feature_probability();
    for (chunk, &p) in models.probability.iter_mut().zip(probability) {
        chunk.0[lane] = p as f32;
    }
    for (chunk, &importance) in models.importance.iter_mut().zip(&job.task.importance) {
        chunk.0[lane] = importance;
    }
    models.has_bias.0[lane] = f32::from(job.config.bias == Bias::Learned);
}

/// Takes the outcome out of a lane.
fn store(
    models: &ExactModels,
    lane: usize,
    losses: &[Chunk],
    options: &TrainOptions,
    trained: &mut Trained,
) {
    for (parameter, chunk) in trained
        .model
        .parameters_mut()
        .iter_mut()
        .zip(&models.parameters)
    {
        *parameter = chunk.0[lane];
    }
    trained.losses = losses.iter().map(|chunk| chunk.0[lane]).collect();
    let mut numbers = trained.losses.iter().chain(trained.model.parameters());
    if !numbers.all(|number| number.is_finite()) {
        let bad = trained.losses.iter().position(|loss| !loss.is_finite());
        trained.stop = StopReason::Diverged {
            step: bad.map_or(options.n_steps, |k| k * options.loss_every + 1),
        };
    }
}
