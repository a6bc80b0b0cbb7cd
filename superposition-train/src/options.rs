//! The options of a training.

use superposition_model::Initialization;

use crate::{AdamConfig, Kernel, Schedule, StepForm, TrainError};

/// How a toy model is trained.
///
/// ```
/// use superposition_train::TrainOptions;
///
/// let options = TrainOptions::default().with_n_steps(500).with_seed(7);
/// assert_eq!((options.n_steps, options.batch_size, options.seed), (500, 1024, 7));
/// assert_eq!(options.adam.learning_rate, 1e-3);
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
#[non_exhaustive]
pub struct TrainOptions {
    /// The number of steps: at least 1; 10,000 by default.
    pub n_steps: usize,
    /// The samples of a step, drawn anew each time: at least 1; 1024 by default. With
    /// [examples](crate::Task::with_examples), their number.
    ///
    /// The gradient is accumulated in f32 over the whole batch (in the direct form over a quarter of it, in the tiny form
    /// over 1,024 samples), so its rounding grows with it: in the worst case by a
    /// relative error of about `batch_size * 2^-24`, relative to the sum of the samples' absolute values. That is 6e-5
    /// for the default, and 6 % for a batch of a million.
    pub batch_size: usize,
    /// All that chance depends on: 0 by default.
    pub seed: u64,
    /// The parameters a training starts from.
    pub initialization: Initialization,
    /// The optimizer.
    pub adam: AdamConfig,
    /// The learning rate over the steps: constant by default.
    pub schedule: Schedule,
    /// Scales a gradient whose Euclidean norm N, over all parameters, is above this to it, by the factor
    /// `$\min(1, c / (N + 10^{-6}))$`, as `torch.nn.utils.clip_grad_norm_` does; `None`, the default, for never.
    pub clip_norm: Option<f64>,
    /// `$\lambda$`, the weight of the L1 norm of all weights, W and the decoder's where they are another: finite, at least 0;
    /// 0, the default, for none.
    ///
    /// The gradient gains `$\lambda\, \mathrm{sign}(w)$` of each weight, before it is clipped; biases are left alone. Losses are
    /// recorded without it, as without every other decay of weights. It is not written where it is 0.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "is_zero"))]
    pub weight_l1: f64,
    /// `$\gamma$`, how fast each column of W is pulled to unit norm: finite, at least 0; 0, the default, for not at all.
    ///
    /// After each step, with its learning rate `$\eta$`, each column that is not 0 becomes
    /// `$W_i - \eta \gamma (W_i - W_i / \lVert W_i \rVert)$`: shorter ones grow, so that no feature is given up. Adam's
    /// `weight_decay` is there besides. What is published as a weight decay of `$-\gamma$` (Liu, Liu and Gore 2025,
    /// *Superposition Yields Robust Neural Scaling*) is this without the other. It is not written where it is 0.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "is_zero"))]
    pub unit_norm_decay: f64,
    /// Records the loss of the first step, and of each so many steps later: at least 1, the default.
    pub loss_every: usize,
    /// Stops after the first step whose batch loss is below this; `None`, the default, for never.
    pub loss_below: Option<f64>,
    /// The instructions used, which change no bit of the result; not serialized for that reason.
    #[cfg_attr(feature = "serde", serde(skip))]
    pub kernel: Kernel,
    /// The form of the step, which changes how sums round.
    pub step_form: StepForm,
}

#[cfg(feature = "serde")]
#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn is_zero(value: &f64) -> bool {
    *value == 0.0
}

impl Default for TrainOptions {
    fn default() -> Self {
        Self {
            n_steps: 10_000,
            batch_size: 1024,
            seed: 0,
            initialization: Initialization::default(),
            adam: AdamConfig::default(),
            schedule: Schedule::default(),
            clip_norm: None,
            weight_l1: 0.0,
            unit_norm_decay: 0.0,
            loss_every: 1,
            loss_below: None,
            kernel: Kernel::Auto,
            step_form: StepForm::Auto,
        }
    }
}

impl TrainOptions {
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

    /// The same starting from these parameters.
    #[must_use]
    pub fn with_initialization(self, initialization: Initialization) -> Self {
        Self {
            initialization,
            ..self
        }
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

    /// The same with gradients scaled to at most this norm.
    #[must_use]
    pub fn with_clip_norm(self, clip_norm: Option<f64>) -> Self {
        Self { clip_norm, ..self }
    }

    /// The same with this weight of the L1 norm of the weights.
    #[must_use]
    pub fn with_weight_l1(self, weight_l1: f64) -> Self {
        Self { weight_l1, ..self }
    }

    /// The same with columns of W pulled to unit norm this fast.
    #[must_use]
    pub fn with_unit_norm_decay(self, unit_norm_decay: f64) -> Self {
        Self {
            unit_norm_decay,
            ..self
        }
    }

    /// The same, recording the loss of each so many steps.
    #[must_use]
    pub fn with_loss_every(self, loss_every: usize) -> Self {
        Self { loss_every, ..self }
    }

    /// The same, stopping after the first step whose batch loss is below this.
    #[must_use]
    pub fn with_loss_below(self, loss_below: Option<f64>) -> Self {
        Self { loss_below, ..self }
    }

    /// The same with these instructions.
    #[must_use]
    pub fn with_kernel(self, kernel: Kernel) -> Self {
        Self { kernel, ..self }
    }

    /// The same with this form of the step.
    #[must_use]
    pub fn with_step_form(self, step_form: StepForm) -> Self {
        Self { step_form, ..self }
    }

    /// Checks every number.
    ///
    /// # Errors
    /// The first number that is out of range, by name, with what would be right.
    pub fn validate(&self) -> Result<(), TrainError> {
        for (name, count) in [
            ("n_steps", self.n_steps),
            ("batch_size", self.batch_size),
            ("loss_every", self.loss_every),
        ] {
            if count == 0 {
                return Err(TrainError::Zero { name });
            }
        }
        // Sums in f32 would lose what more samples add.
        if self.batch_size > u32::MAX as usize {
            return Err(TrainError::Value {
                name: "batch_size",
                value: self.batch_size as f64,
                expected: "at most 4294967295",
            });
        }
        if let Some(value) = self.clip_norm.filter(|c| !(c.is_finite() && *c > 0.0)) {
            return Err(TrainError::Value {
                name: "clip_norm",
                value,
                expected: "finite and greater than 0",
            });
        }
        for (name, value) in [
            ("weight_l1", self.weight_l1),
            ("unit_norm_decay", self.unit_norm_decay),
        ] {
            if !(value.is_finite() && value >= 0.0) {
                return Err(TrainError::Value {
                    name,
                    value,
                    expected: "finite and at least 0",
                });
            }
        }
        if let Some(value) = self.loss_below.filter(|value| value.is_nan()) {
            return Err(TrainError::Value {
                name: "loss_below",
                value,
                expected: "a number",
            });
        }
        self.adam.validate()?;
        self.schedule.validate(self.n_steps)
    }
}
