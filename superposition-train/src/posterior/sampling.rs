//! Chains at several inverse temperatures that exchange their places.

use std::ops::ControlFlow;

use super::hamiltonian::{Mover, Place};
use super::normal::uniform;
use crate::optimum::Objective;
use crate::{Stream, TrainError};

/// How the step size changes by the k-th move of the burn-in: `$\log \epsilon$` moves by `$k^{-0.6}$` times how far the
/// acceptance was off.
const ADAPTATION_POWER: f64 = 0.6;

/// The Gaussian prior `$\varphi(w) = N(w; c, I / \gamma)$`.
///
/// ```
/// use superposition_train::posterior::Prior;
///
/// let standard = Prior::standard(3);
/// assert_eq!((standard.centre, standard.precision), (vec![0.0; 3], 1.0));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Prior {
    /// Its mean, `$c$`, one number for each parameter.
    pub centre: Vec<f64>,
    /// `$\gamma$`, one over its variance: finite and greater than 0.
    pub precision: f64,
}

impl Prior {
    /// Mean 0 and variance 1.
    #[must_use]
    pub fn standard(n_parameters: usize) -> Self {
        Self {
            centre: vec![0.0; n_parameters],
            precision: 1.0,
        }
    }
}

/// How a posterior is sampled.
///
/// ```
/// use superposition_train::posterior::PosteriorOptions;
///
/// let options = PosteriorOptions::default().with_n_samples(500).with_chain(3);
/// assert_eq!((options.n_samples, options.n_burn_in, options.seed, options.chain), (500, 1000, 0, 3));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct PosteriorOptions {
    /// How many places of each chain are kept, one after each move: 2,000.
    pub n_samples: usize,
    /// Moves before that, in which step sizes adapt: 1,000.
    pub n_burn_in: usize,
    /// Steps of a trajectory: 16.
    pub n_leapfrog: usize,
    /// The mean probability of acceptance that step sizes adapt to: 0.8.
    pub target_acceptance: f64,
    /// All that chance depends on, together with [`chain`](Self::chain): 0.
    pub seed: u64,
    /// Which of several independent runs of the same seed: 0.
    pub chain: u32,
}

impl Default for PosteriorOptions {
    fn default() -> Self {
        Self {
            n_samples: 2000,
            n_burn_in: 1000,
            n_leapfrog: 16,
            target_acceptance: 0.8,
            seed: 0,
            chain: 0,
        }
    }
}

impl PosteriorOptions {
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

    /// The same with this [`n_leapfrog`](Self::n_leapfrog).
    #[must_use]
    pub fn with_n_leapfrog(self, n_leapfrog: usize) -> Self {
        Self { n_leapfrog, ..self }
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
        for (name, count) in [
            ("n_samples", self.n_samples),
            ("n_leapfrog", self.n_leapfrog),
        ] {
            if count == 0 {
                return Err(TrainError::Zero { name });
            }
        }
        if !(self.target_acceptance > 0.0 && self.target_acceptance < 1.0) {
            return Err(TrainError::Value {
                name: "target_acceptance",
                value: self.target_acceptance,
                expected: "between 0 and 1",
            });
        }
        Ok(())
    }
}

/// The places of a chain at one inverse temperature.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Chain {
    /// The inverse temperature, `$\beta$`.
    pub beta: f64,
    /// How many numbers make a place.
    pub n_parameters: usize,
    /// The places kept, one after another.
    pub parameters: Vec<f64>,
    /// Their losses L.
    pub losses: Vec<f64>,
    /// The mean probability of acceptance of the moves that were kept; 1 for [`sgld`](super::sgld), which accepts all.
    pub acceptance: f64,
    /// The step size with which they were made.
    pub step_size: f64,
    /// Of the exchanges tried with the next inverse temperature, the share that was made; `None` for the last, and
    /// where none was tried.
    pub exchanged: Option<f64>,
}

impl Chain {
    pub(super) fn new(beta: f64, n_parameters: usize) -> Self {
        Self {
            beta,
            n_parameters,
            parameters: Vec::new(),
            losses: Vec::new(),
            acceptance: 0.0,
            step_size: 0.0,
            exchanged: None,
        }
    }

    pub(super) fn push(&mut self, x: &[f64], loss: f64) {
        self.parameters.extend_from_slice(x);
        self.losses.push(loss);
    }

    /// The places kept, in order.
    pub fn places(&self) -> impl Iterator<Item = &[f64]> {
        self.parameters.chunks_exact(self.n_parameters)
    }
}

/// Checks a prior and inverse temperatures.
pub(super) fn check(prior: &Prior, betas: &[f64]) -> Result<(), TrainError> {
    let precision = prior.precision;
    if !(precision.is_finite() && precision > 0.0) {
        return Err(TrainError::Value {
            name: "precision",
            value: precision,
            expected: "finite and greater than 0",
        });
    }
    if betas.is_empty() {
        return Err(TrainError::Zero {
            name: "the number of inverse temperatures",
        });
    }
    let finite = |beta: &f64| beta.is_finite() && *beta >= 0.0;
    if let Some(&value) = betas.iter().find(|beta| !finite(beta)) {
        return Err(TrainError::Value {
            name: "beta",
            value,
            expected: "finite and at least 0",
        });
    }
    match betas.windows(2).find(|pair| pair[0] >= pair[1]) {
        Some(pair) => Err(TrainError::Value {
            name: "beta",
            value: pair[1],
            expected: "greater than the one before it",
        }),
        None => Ok(()),
    }
}

/// Samples `$p_\beta(w) \propto e^{-\beta L(w)} \varphi(w)$` for each of these inverse temperatures (ascending).
///
/// A round moves each chain by one trajectory of Hamiltonian Monte Carlo (leapfrog steps, momenta of variance 1) and then
/// lets neighbours exchange their places, pairs (0, 1), (2, 3)... in even rounds, the others in odd ones, with the
/// probability `$\min(1, e^{(\beta_i - \beta_j)(L_i - L_j)})$` that leaves all densities as they are. So what is sampled at
/// low `$\beta$`, where barriers are low, reaches the high ones. One `$\beta$` is plain Hamiltonian Monte Carlo.
/// All chains start at `start`. Step sizes adapt during the burn-in, and are fixed after it.
///
/// `observe` gets the number of rounds made, and may end the sampling; then there are fewer places than asked for, or
/// none.
///
/// Costs a gradient for each leapfrog step of each chain, and memory for all places kept. The same options give the same
/// bits, as far as the objective does.
///
/// ```
/// use std::ops::ControlFlow;
/// use superposition_train::optimum::Objective;
/// use superposition_train::posterior::{PosteriorOptions, Prior, sample_posterior};
///
/// /// w^2 / 2: with prior and beta = 3, a normal density of variance 1/4.
/// struct Bowl;
///
/// impl Objective for Bowl {
///     fn n_parameters(&self) -> usize {
///         1
///     }
///     fn value_and_gradient(&self, x: &[f64], gradient: &mut [f64]) -> f64 {
///         gradient[0] = x[0];
///         0.5 * x[0] * x[0]
///     }
/// }
///
/// let chains = sample_posterior(
///     &Bowl,
///     &Prior::standard(1),
///     &[3.0],
///     &[0.0],
///     &PosteriorOptions::default(),
///     &mut |_| ControlFlow::Continue(()),
/// )
/// .unwrap();
/// let variance = chains[0].places().map(|w| w[0] * w[0]).sum::<f64>() / 2000.0;
/// assert!((variance - 0.25).abs() < 0.05);
/// ```
///
/// # Errors
/// [`TrainError`] if there is no inverse temperature, one is negative or not finite, they do not ascend, the precision is
/// not greater than 0, or an option is out of its range.
///
/// # Panics
/// If start or centre do not have as many numbers as the objective has parameters.
///
/// # References
/// Neal 2011, *MCMC using Hamiltonian dynamics*; Geyer 1991, *Markov chain Monte Carlo maximum likelihood*, for the
/// exchanges.
#[track_caller]
pub fn sample_posterior<O: Objective + ?Sized>(
    objective: &O,
    prior: &Prior,
    betas: &[f64],
    start: &[f64],
    options: &PosteriorOptions,
    observe: &mut dyn FnMut(usize) -> ControlFlow<()>,
) -> Result<Vec<Chain>, TrainError> {
    options.validate()?;
    check(prior, betas)?;
    let n_parameters = objective.n_parameters();
    for (name, found) in [("start", start.len()), ("centre", prior.centre.len())] {
        assert!(
            found == n_parameters,
            "{name} has length {found}; it must have length {n_parameters}"
        );
    }
    let mut rungs: Vec<Rung<'_, O>> = betas
        .iter()
        .map(|&beta| Rung {
            mover: Mover {
                objective,
                prior,
                beta,
                n_leapfrog: options.n_leapfrog,
            },
            place: Place::new(objective, start.to_vec()),
            // Of the order of the width of a minimum of curvature 1.
            step_size: 0.5 / (beta + prior.precision).sqrt(),
            chain: Chain::new(beta, n_parameters),
            exchanges: (0, 0),
        })
        .collect();
    let n_rounds = options.n_burn_in + options.n_samples;
    for round in 0..n_rounds {
        let mut rng = Stream::Posterior.rng(options.seed, round as u64, options.chain);
        let kept = round >= options.n_burn_in;
        for rung in &mut rungs {
            let probability = rung.mover.step(&mut rung.place, rung.step_size, &mut rng);
            if kept {
                rung.chain.acceptance += probability;
            } else {
                let by = libm::pow(round as f64 + 1.0, -ADAPTATION_POWER);
                rung.step_size *= libm::exp(by * (probability - options.target_acceptance));
            }
        }
        exchange(&mut rungs, round % 2, uniform_source(&mut rng), kept);
        if kept {
            for rung in &mut rungs {
                rung.chain.push(&rung.place.x, rung.place.loss);
            }
        }
        if observe(round + 1).is_break() {
            break;
        }
    }
    Ok(rungs.into_iter().map(Rung::finish).collect())
}

/// A chain that is being sampled.
struct Rung<'a, O: ?Sized> {
    mover: Mover<'a, O>,
    place: Place,
    step_size: f64,
    chain: Chain,
    /// Made and tried, with the next rung.
    exchanges: (usize, usize),
}

impl<O: Objective + ?Sized> Rung<'_, O> {
    fn finish(self) -> Chain {
        let mut chain = self.chain;
        if !chain.losses.is_empty() {
            chain.acceptance /= chain.losses.len() as f64;
        }
        chain.step_size = self.step_size;
        let (made, tried) = self.exchanges;
        chain.exchanged = (tried > 0).then(|| made as f64 / tried as f64);
        chain
    }
}

fn uniform_source(rng: &mut impl rand::Rng) -> impl FnMut() -> f64 {
    move || uniform(rng)
}

/// Exchanges the places of neighbours, from rung `first` on.
fn exchange<O: ?Sized>(
    rungs: &mut [Rung<'_, O>],
    first: usize,
    mut uniform: impl FnMut() -> f64,
    counted: bool,
) {
    for pair in rungs[first..].chunks_exact_mut(2) {
        let [low, high] = pair else { continue };
        let exponent = (high.mover.beta - low.mover.beta) * (high.place.loss - low.place.loss);
        // NaN is never exchanged.
        let made = uniform() <= libm::exp(exponent.min(0.0)) && !exponent.is_nan();
        if made {
            std::mem::swap(&mut low.place, &mut high.place);
        }
        if counted {
            low.exchanges.0 += usize::from(made);
            low.exchanges.1 += 1;
        }
    }
}
