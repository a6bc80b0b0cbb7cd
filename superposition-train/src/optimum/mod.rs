//! The lowest loss of a model: descent on an exact gradient from many starts, and what the places found are.
//!
//! Training makes noisy steps on samples and stops somewhere near a minimum. Where the expected loss and its gradient
//! are known ([`PopulationObjective`](superposition_model::population::PopulationObjective), or any other
//! [`Objective`]), the minimum itself can be found, to the last digits, and classified:
//!
//! - [`minimize`]: from one start to a critical point, by L-BFGS and a few steps of Newton's method;
//! - [`hessian`] and [`Curvature`]: whether it is a minimum or a saddle, its rank, its flat directions;
//! - [`Symmetry`]: which parameters mean the same model, up to rotations and permutations;
//! - [`optimum`]: all of it from many starts: the basins found, the lowest first;
//! - [`follow`] and [`crossing`]: a minimum along a parameter of the task, and where two exchange their order.
//!
//! The lowest of many starts is the best found, and no proof that nothing is lower.
//!
//! # References
//! Nocedal and Wright 2006, *Numerical Optimization*, section 7.2, for L-BFGS; Hager and Zhang 2005, *A new conjugate
//! gradient method with guaranteed descent and an efficient line search*, for the line search.

mod curvature;
mod follow;
mod line_search;
mod minimize;
mod newton;
mod objective;
mod search;
mod symmetry;

pub use curvature::{CriticalPoint, Curvature, hessian};
pub use follow::{Branch, BranchPoint, BranchStop, Crossing, FollowOptions, crossing, follow};
pub use minimize::{MinimizeOptions, MinimizeProgress, MinimizeStop, Minimized, minimize};
pub use objective::Objective;
pub use search::{Basin, Optimum, OptimumOptions, OptimumProgress, optimum};
pub use symmetry::Symmetry;

/// `$a \cdot b$`, summed in order.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

/// The Euclidean norm.
fn norm(a: &[f64]) -> f64 {
    dot(a, a).sqrt()
}
