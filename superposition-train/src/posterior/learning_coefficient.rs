//! The local learning coefficient of a minimum.

use std::ops::ControlFlow;

use super::sampling::{PosteriorOptions, Prior, sample_posterior};
use super::{effective_sample_size, r_hat};
use crate::TrainError;
use crate::optimum::Objective;

/// How a local learning coefficient is estimated.
///
/// ```
/// use superposition_train::posterior::LearningCoefficientOptions;
///
/// let options = LearningCoefficientOptions::new(1e5).with_n_chains(8);
/// assert_eq!((options.beta, options.precision, options.n_chains), (1e5, 1.0, 8));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct LearningCoefficientOptions {
    /// The inverse temperature `$\beta$`, greater than 0, usually `$n / \log n$`; it has no default. The estimate has its
    /// limit where it is large.
    pub beta: f64,
    /// The precision `$\gamma$` of the prior about the minimum, which keeps chains there: 1.
    pub precision: f64,
    /// How many independent chains there are: 4.
    pub n_chains: u32,
    /// How each is sampled.
    pub posterior: PosteriorOptions,
}

impl LearningCoefficientOptions {
    /// The defaults for this inverse temperature.
    #[must_use]
    pub fn new(beta: f64) -> Self {
        Self {
            beta,
            precision: 1.0,
            n_chains: 4,
            posterior: PosteriorOptions::default(),
        }
    }

    /// The same with this [`precision`](Self::precision).
    #[must_use]
    pub fn with_precision(self, precision: f64) -> Self {
        Self { precision, ..self }
    }

    /// The same with this [`n_chains`](Self::n_chains).
    #[must_use]
    pub fn with_n_chains(self, n_chains: u32) -> Self {
        Self { n_chains, ..self }
    }

    /// The same with these options of a [chain](Self::posterior).
    #[must_use]
    pub fn with_posterior(self, posterior: PosteriorOptions) -> Self {
        Self { posterior, ..self }
    }
}

/// An estimate of a local learning coefficient.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct LearningCoefficient {
    /// `$\hat\lambda$`.
    pub value: f64,
    /// Its standard error, from the effective sample size; it knows nothing of the bias of a finite `$\beta$`.
    pub standard_error: f64,
    /// Of the losses of all chains.
    pub effective_sample_size: f64,
    /// Of the losses of all chains.
    pub r_hat: f64,
    /// The mean probability of acceptance.
    pub acceptance: f64,
}

/// Estimates the local learning coefficient `$\lambda$` of the minimum `at`.
///
/// ```math
/// \hat\lambda = \beta \bigl( \mathrm E_\beta L(w) - L(w^*) \bigr), \qquad
/// w \sim e^{-\beta L(w) - \frac{\gamma}{2} \lVert w - w^* \rVert^2}
/// ```
///
/// It is half the rank of the Hessian where L is quadratic up to flat directions, and less where it is flatter. The prior
/// about the minimum makes it too small by about `$\frac{\gamma}{2 \beta h}$` for each direction of curvature h. Where the
/// place is no minimum, chains leave it, and the value can be anything, also negative.
///
/// `observe` gets the share that is done; a break leaves the estimate to the draws made until then.
///
/// ```
/// use std::ops::ControlFlow;
/// use superposition_train::optimum::Objective;
/// use superposition_train::posterior::{LearningCoefficientOptions, local_learning_coefficient};
///
/// /// u^2 + v^4: 1/2 and 1/4.
/// struct Valley;
///
/// impl Objective for Valley {
///     fn n_parameters(&self) -> usize {
///         2
///     }
///     fn value_and_gradient(&self, x: &[f64], gradient: &mut [f64]) -> f64 {
///         gradient.copy_from_slice(&[2.0 * x[0], 4.0 * x[1] * x[1] * x[1]]);
///         x[0] * x[0] + x[1] * x[1] * x[1] * x[1]
///     }
/// }
///
/// let options = LearningCoefficientOptions::new(1e4);
/// let found =
///     local_learning_coefficient(&Valley, &[0.0, 0.0], &options, &mut |_| ControlFlow::Continue(())).unwrap();
/// assert!((found.value - 0.75).abs() < 0.1);
/// ```
///
/// # Errors
/// Those of [`sample_posterior`].
///
/// # Panics
/// If `at` does not have as many numbers as the objective has parameters.
///
/// # References
/// Lau et al. 2023, *The Local Learning Coefficient: A Singularity-Aware Complexity Measure*.
#[track_caller]
pub fn local_learning_coefficient<O: Objective + ?Sized>(
    objective: &O,
    at: &[f64],
    options: &LearningCoefficientOptions,
    observe: &mut dyn FnMut(f64) -> ControlFlow<()>,
) -> Result<LearningCoefficient, TrainError> {
    if options.n_chains == 0 {
        return Err(TrainError::Zero { name: "n_chains" });
    }
    let lowest = objective.value_and_gradient(at, &mut vec![0.0; at.len()]);
    let prior = Prior {
        centre: at.to_vec(),
        precision: options.precision,
    };
    let posterior = options.posterior;
    let rounds = posterior.n_burn_in + posterior.n_samples;
    let all = f64::from(options.n_chains) * rounds as f64;
    let (mut losses, mut acceptance) = (Vec::new(), 0.0);
    for chain in 0..options.n_chains {
        let mut stopped = false;
        let before = f64::from(chain) * rounds as f64;
        let mut found = sample_posterior(
            objective,
            &prior,
            &[options.beta],
            at,
            &posterior.with_chain(posterior.chain + chain),
            &mut |round| {
                let flow = observe((before + round as f64) / all);
                stopped = flow.is_break();
                flow
            },
        )?;
        let found = found.remove(0);
        acceptance += found.acceptance / f64::from(options.n_chains);
        losses.push(found.losses);
        if stopped {
            break;
        }
    }
    let chains: Vec<&[f64]> = losses.iter().map(Vec::as_slice).collect();
    let draws: Vec<f64> = losses.concat();
    let mean = draws.iter().sum::<f64>() / draws.len() as f64;
    let squares = draws.iter().map(|loss| (loss - mean) * (loss - mean));
    let variance = squares.sum::<f64>() / draws.len() as f64;
    let effective_sample_size = effective_sample_size(&chains);
    Ok(LearningCoefficient {
        value: options.beta * (mean - lowest),
        standard_error: options.beta * (variance / effective_sample_size).sqrt(),
        effective_sample_size,
        r_hat: r_hat(&chains),
        acceptance,
    })
}
