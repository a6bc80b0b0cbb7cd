//! The expected loss over the whole distribution, without samples.
//!
//! [`ToyModel::population_loss`](crate::ToyModel::population_loss) has its value at any number of features;
//! [`PopulationObjective`] is a function of the parameters with gradient, in closed form for few features. The first
//! inverts a Laplace transform, the second goes through the sets of active features: neither knows of the other.

mod double;
mod factors;
mod lanes;
mod linear;
mod objective;
mod one_active;
mod output;
mod population_loss;
mod powers;
mod row;
mod slopes;
mod supports;
mod transform;
mod two_features;

#[cfg(test)]
mod tests;

pub use self::objective::PopulationObjective;
pub use self::population_loss::PopulationLoss;
