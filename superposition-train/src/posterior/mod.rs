//! Sampling `$e^{-\beta L(w)}$`: where the parameters of a model are, if they are as probable as they are good.
//!
//! In singular learning theory a model of n samples has the posterior density `$\propto e^{-n L_n(w)} \varphi(w)$`, and
//! which of several minima holds most of it is decided by their losses and by how much room there is around them: their
//! local learning coefficients. Where the expected loss L is known as a function ([`Objective`]), both can be had without
//! the noise of a data set:
//!
//! - [`sample_posterior`]: Hamiltonian Monte Carlo at several inverse temperatures that exchange their places;
//! - [`local_learning_coefficient`]: the coefficient of a minimum, with a standard error;
//! - [`sgld`]: stochastic gradient Langevin dynamics, what is used where only gradients of mini-batches are to be had;
//! - [`effective_sample_size`] and [`r_hat`]: whether chains are to be believed.
//!
//! [`Objective`]: crate::optimum::Objective
//!
//! # References
//! Watanabe 2009, *Algebraic Geometry and Statistical Learning Theory*; Chen et al. 2023, *Dynamical versus Bayesian Phase
//! Transitions in a Toy Model of Superposition*; Neal 2011, *MCMC using Hamiltonian dynamics*.

mod diagnostics;
mod hamiltonian;
mod langevin;
mod learning_coefficient;
mod normal;
mod sampling;

pub use diagnostics::{effective_sample_size, r_hat};
pub use langevin::{LangevinOptions, sgld};
pub use learning_coefficient::{
    LearningCoefficient, LearningCoefficientOptions, local_learning_coefficient,
};
pub use sampling::{Chain, PosteriorOptions, Prior, sample_posterior};

#[cfg(test)]
mod tests;
