//! The optimizer.

use crate::kernel::{AdamFactors, AdamStep, Instructions};
use crate::{Kernel, TrainError};

/// The hyper-parameters of [`Adam`].
///
/// ```
/// use superposition_train::AdamConfig;
///
/// let config = AdamConfig::default();
/// assert_eq!((config.learning_rate, config.beta1, config.beta2), (1e-3, 0.9, 0.999));
/// assert_eq!((config.epsilon, config.weight_decay), (1e-8, 0.0));
/// assert_eq!(AdamConfig::torch_adamw().weight_decay, 0.01);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
#[non_exhaustive]
pub struct AdamConfig {
    /// `$\eta$`, finite and at least 0; 1e-3 by default.
    pub learning_rate: f64,
    /// `$\beta_1$`, within [0, 1); 0.9 by default.
    pub beta1: f64,
    /// `$\beta_2$`, within [0, 1); 0.999 by default.
    pub beta2: f64,
    /// `$\epsilon$`, finite and greater than 0; 1e-8 by default.
    pub epsilon: f64,
    /// `$\lambda$`, the decoupled weight decay of every parameter, biases too: finite, at least 0; 0 by default.
    pub weight_decay: f64,
    /// What the gradient gains of every parameter before all else, `$g + \mathrm{l2}\,\theta$`: the coupled weight decay of
    /// `torch.optim.Adam`; finite, at least 0; 0 by default.
    pub l2: f64,
}

impl Default for AdamConfig {
    fn default() -> Self {
        Self {
            learning_rate: 1e-3,
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
            weight_decay: 0.0,
            l2: 0.0,
        }
    }
}

impl AdamConfig {
    /// The defaults of `torch.optim.AdamW`: those of Adam with a weight decay of 0.01.
    #[must_use]
    pub fn torch_adamw() -> Self {
        Self::default().with_weight_decay(0.01)
    }

    /// The same with this learning rate.
    #[must_use]
    pub fn with_learning_rate(self, learning_rate: f64) -> Self {
        Self {
            learning_rate,
            ..self
        }
    }

    /// The same with these decay rates of the two moments.
    #[must_use]
    pub fn with_betas(self, beta1: f64, beta2: f64) -> Self {
        Self {
            beta1,
            beta2,
            ..self
        }
    }

    /// The same with this number added to the denominator.
    #[must_use]
    pub fn with_epsilon(self, epsilon: f64) -> Self {
        Self { epsilon, ..self }
    }

    /// The same with this decoupled weight decay.
    #[must_use]
    pub fn with_weight_decay(self, weight_decay: f64) -> Self {
        Self {
            weight_decay,
            ..self
        }
    }

    /// The same with this coupled weight decay.
    #[must_use]
    pub fn with_l2(self, l2: f64) -> Self {
        Self { l2, ..self }
    }

    /// Checks every number.
    pub(crate) fn validate(&self) -> Result<(), TrainError> {
        let Self {
            learning_rate,
            beta1,
            beta2,
            epsilon,
            weight_decay,
            l2,
        } = *self;
        let at_least_0 = |value: f64| value.is_finite() && value >= 0.0;
        let below_1 = |value: f64| (0.0..1.0).contains(&value);
        let checks = [
            (
                "learning_rate",
                learning_rate,
                at_least_0(learning_rate),
                "finite and at least 0",
            ),
            ("beta1", beta1, below_1(beta1), "at least 0 and below 1"),
            ("beta2", beta2, below_1(beta2), "at least 0 and below 1"),
            (
                "epsilon",
                epsilon,
                epsilon.is_finite() && epsilon > 0.0,
                "finite and greater than 0",
            ),
            (
                "weight_decay",
                weight_decay,
                at_least_0(weight_decay),
                "finite and at least 0",
            ),
            ("l2", l2, at_least_0(l2), "finite and at least 0"),
        ];
        match checks.into_iter().find(|(_, _, right, _)| !right) {
            Some((name, value, _, expected)) => Err(TrainError::Value {
                name,
                value,
                expected,
            }),
            None => Ok(()),
        }
    }
}

/// Adam, with decoupled weight decay (AdamW), over a flat slice of parameters.
///
/// Step t (from 1) with gradient g (plus `l2` times `$\theta$`) and learning rate `$\eta$` does, for each parameter
/// `$\theta$` by itself,
///
/// ```math
/// \begin{aligned}
/// m &\leftarrow m + (1 - \beta_1)(g - m) \\
/// v &\leftarrow \beta_2 v + (1 - \beta_2) g^2 \\
/// \theta &\leftarrow (1 - \eta\lambda)\,\theta
///   - \frac{\eta}{1 - \beta_1^t} \cdot \frac{m}{\sqrt{v / (1 - \beta_2^t)} + \epsilon}
/// \end{aligned}
/// ```
///
/// # Order of operations
/// The moments and parameters are f32. The factors of a step are computed in f64, powers of beta by repeated
/// multiplication, and rounded to f32 once. First `g = fma(l2, theta, g)`. Then `m = fma(1 - beta1, g - m, m)`;
/// `v = fma(beta2, v, ((1 - beta2) g) g)`; and, with both sides of the fraction multiplied by
/// `$c = \sqrt{1 - \beta_2^t}$`, `theta = fma(-eta c / (1 - beta1^t), m / (sqrt(v) + epsilon c), (1 - eta lambda) theta)`.
/// All is correctly rounded, so the bits are the same on every machine.
///
/// All parameters decay, biases too, as in `torch.optim.AdamW` without parameter groups. A gradient of NaN or infinity
/// makes its own parameter NaN for ever, and no other. Costs one pass over four slices.
///
/// ```
/// use superposition_train::{Adam, AdamConfig};
///
/// // In the first step m / sqrt(v) is the sign of the gradient, so each parameter moves by the learning rate.
/// let mut adam = Adam::new(AdamConfig::default().with_learning_rate(0.25), 2).unwrap();
/// let mut parameters = [1.0, 1.0];
/// adam.step(&mut parameters, &[3.0, -0.5], 1.0);
/// assert!((parameters[0] - 0.75).abs() < 1e-6);
/// assert!((parameters[1] - 1.25).abs() < 1e-6);
/// assert_eq!(adam.step_count(), 1);
/// ```
///
/// # References
/// Kingma and Ba 2015, *Adam: A Method for Stochastic Optimization*, algorithm 1; Loshchilov and Hutter 2019,
/// *Decoupled Weight Decay Regularization*, algorithm 2, where the decay is multiplied by `$\eta$` as in PyTorch.
#[derive(Clone, Debug)]
pub struct Adam {
    clock: AdamClock,
    first: Vec<f32>,
    second: Vec<f32>,
    instructions: Instructions,
}

impl Adam {
    /// An optimizer of `n_parameters` that has made no step: both moments are 0.
    ///
    /// # Errors
    /// [`TrainError::Value`] if a number of the configuration is out of its range.
    pub fn new(config: AdamConfig, n_parameters: usize) -> Result<Self, TrainError> {
        Self::with_kernel(config, n_parameters, Kernel::Auto)
    }

    /// The same with the instructions chosen, which change no bit of the result.
    ///
    /// # Errors
    /// Those of [`Adam::new`]; [`TrainError::Kernel`] if the machine does not have the instructions.
    pub fn with_kernel(
        config: AdamConfig,
        n_parameters: usize,
        kernel: Kernel,
    ) -> Result<Self, TrainError> {
        config.validate()?;
        Ok(Self {
            clock: AdamClock::new(config),
            first: vec![0.0; n_parameters],
            second: vec![0.0; n_parameters],
            instructions: Instructions::select(kernel)?,
        })
    }

    /// One step along this gradient, with the learning rate multiplied by `learning_rate_factor` (1 for no change).
    ///
    /// # Panics
    /// If either slice does not have the length the optimizer was made for.
    #[track_caller]
    pub fn step(&mut self, parameters: &mut [f32], gradient: &[f32], learning_rate_factor: f64) {
        let n = self.first.len();
        assert!(
            parameters.len() == n && gradient.len() == n,
            "{} parameters and {} gradients; the optimizer was made for {n}",
            parameters.len(),
            gradient.len(),
        );
        let factors = self.clock.next(learning_rate_factor);
        self.instructions.run(AdamStep {
            factors,
            parameters,
            first: &mut self.first,
            second: &mut self.second,
            gradient,
        });
    }

    /// How many steps were made.
    #[must_use]
    pub fn step_count(&self) -> u64 {
        self.clock.step_count
    }

    /// Its hyper-parameters.
    #[must_use]
    pub fn config(&self) -> &AdamConfig {
        &self.clock.config
    }
}

/// What Adam knows of time: the factors of each step in turn.
#[derive(Clone, Debug)]
pub(crate) struct AdamClock {
    config: AdamConfig,
    step_count: u64,
    beta1_power: f64,
    beta2_power: f64,
}

impl AdamClock {
    /// Before the first step.
    pub(crate) fn new(config: AdamConfig) -> Self {
        Self {
            config,
            step_count: 0,
            beta1_power: 1.0,
            beta2_power: 1.0,
        }
    }

    /// After some steps.
    pub(crate) fn after(config: AdamConfig, step_count: u64) -> Self {
        let mut clock = Self::new(config);
        // As they are made: powers by another route would differ in their last bits. What no longer changes never will.
        for _ in 0..step_count {
            let powers = (
                clock.beta1_power * config.beta1,
                clock.beta2_power * config.beta2,
            );
            if powers == (clock.beta1_power, clock.beta2_power) {
                break;
            }
            (clock.beta1_power, clock.beta2_power) = powers;
        }
        clock.step_count = step_count;
        clock
    }

    /// The factors of the next step.
    pub(crate) fn next(&mut self, learning_rate_factor: f64) -> AdamFactors {
        let AdamConfig {
            learning_rate,
            beta1,
            beta2,
            epsilon,
            weight_decay,
            l2,
        } = self.config;
        self.step_count += 1;
        self.beta1_power *= beta1;
        self.beta2_power *= beta2;
        let learning_rate = learning_rate * learning_rate_factor;
        let correction = (1.0 - self.beta2_power).sqrt();
        AdamFactors {
            clip: 1.0,
            l2: l2 as f32,
            keep: (1.0 - learning_rate * weight_decay) as f32,
            gradient: (1.0 - beta1) as f32,
            beta2: beta2 as f32,
            square: (1.0 - beta2) as f32,
            step: (-learning_rate * correction / (1.0 - self.beta1_power)) as f32,
            // Never 0, which would make 0/0 of a parameter without gradient.
            epsilon: ((epsilon * correction) as f32).max(f32::MIN_POSITIVE),
        }
    }
}
