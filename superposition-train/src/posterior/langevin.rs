//! Stochastic gradient Langevin dynamics.

use std::ops::ControlFlow;

use rand_chacha::ChaCha8Rng;

use super::normal::fill_normal;
use super::sampling::{Chain, Prior, check};
use crate::{Stream, TrainError};

/// How [`sgld`] moves.
///
/// ```
/// use superposition_train::posterior::LangevinOptions;
///
/// let options = LangevinOptions::new(1e-4).with_n_samples(500);
/// assert_eq!((options.step_size, options.n_samples, options.n_burn_in), (1e-4, 500, 1000));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct LangevinOptions {
    /// The step size `$\epsilon$`, finite and greater than 0; it has no default.
    pub step_size: f64,
    /// How many places are kept, one after each step: 2,000.
    pub n_samples: usize,
    /// Steps before that: 1,000.
    pub n_burn_in: usize,
    /// All that chance depends on, together with [`chain`](Self::chain): 0.
    pub seed: u64,
    /// Which of several independent runs of the same seed: 0.
    pub chain: u32,
}

impl LangevinOptions {
    /// The defaults for this step size.
    #[must_use]
    pub fn new(step_size: f64) -> Self {
        Self {
            step_size,
            n_samples: 2000,
            n_burn_in: 1000,
            seed: 0,
            chain: 0,
        }
    }

    /// The same with this [`n_samples`](Self::n_samples).
    #[must_use]
    pub fn with_n_samples(self, n_samples: usize) -> Self {
        Self { n_samples, ..self }
    }

    /// The same with this [`n_burn_in`](Self::n_burn_in).
    #[must_use]
    pub fn with_n_burn_in(self, n_burn_in: usize) -> Self {
        Self { n_burn_in, ..self }
    }

    /// The same with this [`seed`](Self::seed).
    #[must_use]
    pub fn with_seed(self, seed: u64) -> Self {
        Self { seed, ..self }
    }

    /// The same as another [`chain`](Self::chain).
    #[must_use]
    pub fn with_chain(self, chain: u32) -> Self {
        Self { chain, ..self }
    }

    fn validate(&self) -> Result<(), TrainError> {
        if self.n_samples == 0 {
            return Err(TrainError::Zero { name: "n_samples" });
        }
        if !(self.step_size.is_finite() && self.step_size > 0.0) {
            return Err(TrainError::Value {
                name: "step_size",
                value: self.step_size,
                expected: "finite and greater than 0",
            });
        }
        Ok(())
    }
}

/// Samples `$e^{-\beta L(w)} \varphi(w)$` nearly, by noisy steps along noisy gradients.
///
/// ```math
/// w \leftarrow w - \frac{\epsilon}{2} \bigl( \beta \nabla L_B(w) + \gamma (w - c) \bigr) + \sqrt{\epsilon}\, \xi,
/// \qquad \xi \sim N(0, I)
/// ```
///
/// `loss_and_gradient` writes the gradient of a mini-batch's loss `$L_B$`, which it draws with the generator given, and
/// returns that loss, which the chain keeps. Nothing is rejected, so the step size leaves an error: where L is quadratic and its gradient
/// exact, a direction of curvature a of the potential has the variance `$\frac{1}{a (1 - \epsilon a / 4)}$` in place of 1/a, and
/// the noise of mini-batches adds to it. [`sample_posterior`](super::sample_posterior) has no such error.
///
/// `observe` gets the number of steps made, and may end the sampling.
///
/// ```
/// use std::ops::ControlFlow;
/// use superposition_train::posterior::{LangevinOptions, Prior, sgld};
///
/// let options = LangevinOptions::new(0.1);
/// let mut bowl = |w: &[f64], gradient: &mut [f64], _: &mut _| {
///     gradient[0] = w[0];
///     0.5 * w[0] * w[0]
/// };
/// let chain =
///     sgld(&mut bowl, &Prior::standard(1), 3.0, &[0.0], &options, &mut |_| ControlFlow::Continue(())).unwrap();
/// assert_eq!(chain.losses.len(), 2000);
/// ```
///
/// # Errors
/// [`TrainError`] if `beta` is negative or not finite, the precision is not greater than 0, or an option is out of its
/// range.
///
/// # Panics
/// If start and centre differ in length.
///
/// # References
/// Welling and Teh 2011, *Bayesian Learning via Stochastic Gradient Langevin Dynamics*; Lau et al. 2023, *The Local Learning
/// Coefficient*, for its use here.
#[track_caller]
pub fn sgld(
    mut loss_and_gradient: impl FnMut(&[f64], &mut [f64], &mut ChaCha8Rng) -> f64,
    prior: &Prior,
    beta: f64,
    start: &[f64],
    options: &LangevinOptions,
    observe: &mut dyn FnMut(usize) -> ControlFlow<()>,
) -> Result<Chain, TrainError> {
    options.validate()?;
    check(prior, &[beta])?;
    assert!(
        start.len() == prior.centre.len(),
        "start has length {} and centre {}; they must be equal",
        start.len(),
        prior.centre.len()
    );
    let mut chain = Chain::new(beta, start.len());
    (chain.acceptance, chain.step_size) = (1.0, options.step_size);
    let (half, noise) = (0.5 * options.step_size, options.step_size.sqrt());
    let mut x = start.to_vec();
    let mut gradient = vec![0.0; x.len()];
    let mut normal = vec![0.0; x.len()];
    for step in 0..options.n_burn_in + options.n_samples {
        let mut rng = Stream::Posterior.rng(options.seed, step as u64, options.chain);
        let loss = loss_and_gradient(&x, &mut gradient, &mut rng);
        // The loss is that of where it was taken.
        if step >= options.n_burn_in {
            chain.push(&x, loss);
        }
        fill_normal(&mut normal, &mut rng);
        for (k, x) in x.iter_mut().enumerate() {
            let slope = beta * gradient[k] + prior.precision * (*x - prior.centre[k]);
            *x += noise * normal[k] - half * slope;
        }
        if observe(step + 1).is_break() {
            break;
        }
    }
    Ok(chain)
}
