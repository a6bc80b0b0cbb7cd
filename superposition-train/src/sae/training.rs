//! Training a sparse autoencoder on given activations.

use std::ops::ControlFlow;

use faer::{Mat, MatRef};
use rand::Rng;
use superposition_model::sae::{SaeConfig, SaeDimensions, SaeLoss, SparseAutoencoder};

use crate::step::{PER_PARAMETER, check_elements};
use crate::{Adam, AdamConfig, Schedule, StopReason, Stream, TrainError};

/// The samples that are chosen from one generator: a change is value-breaking.
const SHARD_SAMPLES: usize = 64;

/// The samples that are encoded at a time when latents are counted.
const TILE: usize = 1024;

/// How a sparse autoencoder is trained.
///
/// ```
/// use superposition_train::sae::SaeTrainOptions;
///
/// let options = SaeTrainOptions::new(512).with_l1(0.1).with_n_steps(2000);
/// assert_eq!((options.d_sae, options.l1, options.n_steps, options.batch_size), (512, 0.1, 2000, 1024));
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
#[non_exhaustive]
pub struct SaeTrainOptions {
    /// The number of latents: at least 1; it has no default.
    pub d_sae: usize,
    /// The weight of the L1 penalty, finite and at least 0; 0.1 by default. It is meant for activations whose norms
    /// are near 1.
    pub l1: f64,
    /// The steps over which the weight rises to `l1` along a straight line; 0, the default, for none.
    pub l1_warmup_steps: usize,
    /// The number of steps: at least 1; 10,000 by default.
    pub n_steps: usize,
    /// The samples of a step: at least 1; 1024 by default. They are held in memory all at once.
    pub batch_size: usize,
    /// All that chance depends on: 0 by default.
    pub seed: u64,
    /// The optimizer.
    pub adam: AdamConfig,
    /// The learning rate over the steps: constant by default.
    pub schedule: Schedule,
}

impl SaeTrainOptions {
    /// The defaults for this many latents.
    #[must_use]
    pub fn new(d_sae: usize) -> Self {
        Self {
            d_sae,
            l1: 0.1,
            l1_warmup_steps: 0,
            n_steps: 10_000,
            batch_size: 1024,
            seed: 0,
            adam: AdamConfig::default(),
            schedule: Schedule::default(),
        }
    }

    /// The same with this weight of the penalty.
    #[must_use]
    pub fn with_l1(self, l1: f64) -> Self {
        Self { l1, ..self }
    }

    /// The same with this many steps over which the weight of the penalty rises.
    #[must_use]
    pub fn with_l1_warmup_steps(self, l1_warmup_steps: usize) -> Self {
        Self {
            l1_warmup_steps,
            ..self
        }
    }

    /// The same with this many steps.
    #[must_use]
    pub fn with_n_steps(self, n_steps: usize) -> Self {
        Self { n_steps, ..self }
    }

    /// The same with this many samples a step.
    #[must_use]
    pub fn with_batch_size(self, batch_size: usize) -> Self {
        Self { batch_size, ..self }
    }

    /// The same with this seed.
    #[must_use]
    pub fn with_seed(self, seed: u64) -> Self {
        Self { seed, ..self }
    }

    /// The same with this optimizer.
    #[must_use]
    pub fn with_adam(self, adam: AdamConfig) -> Self {
        Self { adam, ..self }
    }

    /// The same with this learning rate over the steps.
    #[must_use]
    pub fn with_schedule(self, schedule: Schedule) -> Self {
        Self { schedule, ..self }
    }

    /// The weight of the penalty at a step (from 0).
    fn penalty(&self, step: usize) -> f64 {
        if step < self.l1_warmup_steps {
            self.l1 * ((step + 1) as f64 / self.l1_warmup_steps as f64)
        } else {
            self.l1
        }
    }

    /// Checks every number.
    fn validate(&self) -> Result<(), TrainError> {
        for (name, count) in [("n_steps", self.n_steps), ("batch_size", self.batch_size)] {
            if count == 0 {
                return Err(TrainError::Zero { name });
            }
        }
        if !(self.l1.is_finite() && self.l1 >= 0.0) {
            return Err(TrainError::Value {
                name: "l1",
                value: self.l1,
                expected: "finite and at least 0",
            });
        }
        if self.l1_warmup_steps > self.n_steps {
            return Err(TrainError::WarmUp {
                name: "l1_warmup_steps",
                warmup: self.l1_warmup_steps,
                n_steps: self.n_steps,
            });
        }
        self.adam.validate()?;
        self.schedule.validate(self.n_steps)
    }
}

/// Where the training of a sparse autoencoder is, after a step.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct SaeProgress<'a> {
    /// The number of steps made: 1 after the first.
    pub step: usize,
    /// The number of steps of the whole training.
    pub n_steps: usize,
    /// The loss of this step's batch, before its update.
    pub loss: SaeLoss,
    /// The autoencoder after the update.
    pub model: &'a SparseAutoencoder,
}

/// The outcome of training a sparse autoencoder.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TrainedSae {
    /// The autoencoder.
    pub model: SparseAutoencoder,
    /// The loss of every step's batch, before its update.
    pub losses: Vec<SaeLoss>,
    /// Why it ended; [`StopReason::LossBelow`] does not occur.
    pub stop: StopReason,
    /// How many latents are dead: 0 for every one of the activations given.
    pub n_dead: usize,
}

/// Trains a sparse autoencoder on activations (d_in x N, a sample per column).
///
/// It starts from [`SparseAutoencoder::random`] with [`Stream::rng`] of (seed, `Stream::Initialization`, 0, 0). Step k
/// (from 1) draws `batch_size` columns with replacement, each column index as `$\lfloor u N / 2^{64} \rfloor$` of one
/// u64, each 64 of them from `Stream::Data.rng(seed, k - 1, shard)`; computes the loss and its gradient; takes
/// from the gradient of each decoder column its part along that column; makes a step of [`Adam`]; and scales the
/// decoder columns to norm 1. Then it calls `observe`, which can end the training.
///
/// # Ends
/// Those of [`train`](crate::train): a loss that is not finite ends it as `Diverged`, before the update and without
/// calling `observe`; and so does any other end with parameters that are not all finite. Dead latents are counted at
/// the end and not revived.
///
/// # Bits
/// The same options and activations give the same bits on one machine. The products go through faer, so unlike
/// [`train`](crate::train) this promises nothing across instruction sets.
///
/// # Cost
/// `5 d_in d_sae batch_size` multiplications a step and `d_in d_sae N` at the end, with memory for a batch and four
/// numbers for each parameter.
///
/// ```
/// use std::ops::ControlFlow;
/// use superposition_train::{AdamConfig, faer};
/// use superposition_train::sae::{SaeTrainOptions, train_sparse_autoencoder};
///
/// // Samples on two axes: two latents that read and write the axes reconstruct them.
/// let activations = faer::mat![[1.0_f32, 0.0, 0.5, 0.0], [0.0, 1.0, 0.0, 0.5]];
/// let options = SaeTrainOptions::new(8)
///     .with_l1(0.01)
///     .with_n_steps(500)
///     .with_batch_size(16)
///     .with_adam(AdamConfig::default().with_learning_rate(0.01));
/// let trained = train_sparse_autoencoder(activations.as_ref(), &options, &mut |_| ControlFlow::Continue(())).unwrap();
/// assert!(trained.model.loss(activations.as_ref(), 0.01).reconstruction < 0.01);
/// assert!(trained.n_dead < 8);
/// ```
///
/// # Errors
/// [`TrainError`] if an option is out of its range, if parameters and batch would take more than 2^32 f32, if there are
/// no activations, or, naming it, if one of them is NaN or infinite. Nothing is allocated or trained then.
///
/// # References
/// Bricken et al. 2023, *Towards Monosemanticity*, appendix on the autoencoder: the constraint on the decoder and the
/// projection of its gradient. Its resampling of dead latents is left out.
pub fn train_sparse_autoencoder(
    activations: MatRef<'_, f32>,
    options: &SaeTrainOptions,
    observe: &mut dyn FnMut(&SaeProgress<'_>) -> ControlFlow<()>,
) -> Result<TrainedSae, TrainError> {
    options.validate()?;
    let (d_in, n_samples) = activations.shape();
    let config = SaeConfig::new(SaeDimensions {
        d_in,
        d_sae: options.d_sae,
    });
    config.validate()?;
    check_work(&config, options.batch_size)?;
    if n_samples == 0 {
        return Err(TrainError::Zero {
            name: "the number of activations",
        });
    }
    for column in 0..n_samples {
        for row in 0..d_in {
            let value = activations[(row, column)];
            if !value.is_finite() {
                return Err(TrainError::NotFinite { row, column, value });
            }
        }
    }

    let mut rng = Stream::Initialization.rng(options.seed, 0, 0);
    let mut model = SparseAutoencoder::random(config, &mut rng)?;
    let mut adam = Adam::new(options.adam, model.parameters().len())?;
    let mut gradient = vec![0.0; model.parameters().len()];
    let mut batch = Mat::zeros(d_in, options.batch_size);

    let n_steps = options.n_steps;
    let mut losses = Vec::new();
    let mut stop = StopReason::Finished;
    for k in 0..n_steps {
        for (shard, first) in (0..options.batch_size).step_by(SHARD_SAMPLES).enumerate() {
            let mut rng = Stream::Data.rng(options.seed, k as u64, shard as u32);
            for s in first..options.batch_size.min(first + SHARD_SAMPLES) {
                let draw = u128::from(rng.next_u64()) * n_samples as u128;
                batch
                    .as_mut()
                    .col_mut(s)
                    .copy_from(activations.col((draw >> 64) as usize));
            }
        }
        let loss = model.loss_and_gradient_into(batch.as_ref(), options.penalty(k), &mut gradient);
        losses.push(loss);
        let step = k + 1;
        if !loss.total.is_finite() {
            stop = StopReason::Diverged { step };
            break;
        }
        model.project_decoder_gradient(&mut gradient);
        adam.step(
            model.parameters_mut(),
            &gradient,
            options.schedule.factor(k, n_steps),
        );
        model.normalize_decoder();
        if observe(&SaeProgress {
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
    }
    if !model
        .parameters()
        .iter()
        .all(|parameter| parameter.is_finite())
    {
        stop = StopReason::Diverged { step: losses.len() };
    }
    let n_dead = count_dead(&model, activations);
    Ok(TrainedSae {
        model,
        losses,
        stop,
        n_dead,
    })
}

/// Refuses a training that would take too much, before anything of it is allocated.
fn check_work(config: &SaeConfig, batch_size: usize) -> Result<(), TrainError> {
    let SaeDimensions { d_in, d_sae } = config.dimensions;
    let parameters = PER_PARAMETER * config.n_parameters()? as u128;
    let batch = d_in as u128 * batch_size as u128;
    // Latents: while they are counted, and, with their gradients, in the step.
    let tiles = TILE as u128 * (d_in as u128 + d_sae as u128);
    check_elements("this training", parameters + batch + tiles)
}

/// How many latents are 0 for every sample.
fn count_dead(model: &SparseAutoencoder, activations: MatRef<'_, f32>) -> usize {
    let (d_sae, n_samples) = (model.dimensions().d_sae, activations.ncols());
    let mut dead = vec![true; d_sae];
    let mut latents = Mat::zeros(d_sae, TILE.min(n_samples));
    for first in (0..n_samples).step_by(TILE) {
        let width = TILE.min(n_samples - first);
        let mut latents = latents.as_mut().subcols_mut(0, width);
        model.encode_into(activations.subcols(first, width), latents.as_mut());
        for s in 0..width {
            for (j, dead) in dead.iter_mut().enumerate() {
                // NaN does not count as dead: nothing is known about it.
                *dead &= latents[(j, s)] == 0.0;
            }
        }
    }
    dead.into_iter().filter(|&dead| dead).count()
}
