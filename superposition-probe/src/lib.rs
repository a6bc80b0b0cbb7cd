#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod correlation;
mod direction;
mod error;
mod linalg;
mod metrics;
mod moments;
mod polysemanticity;
mod probe;
mod real;
mod ridge;
mod rotation;
mod samples;
mod significance;
mod split;
mod stepwise;

pub use faer;

pub use correlation::neuron_feature_correlations;
pub use direction::{DirectionComparison, compare_direction};
pub use error::ProbeError;
pub use metrics::{accuracy, auroc, base_rate, r_squared};
pub use polysemanticity::{
    Polysemanticity, PolysemanticityOptions, find_monosemantic_neurons, polysemanticity,
};
pub use probe::{
    ProbeOptions, ProbeResult, feature_coverage, probe_all_features, probe_feature, probe_on_split,
};
pub use real::Real;
pub use ridge::{Intercept, LinearProbes, RidgeOptions, fit_ridge};
pub use rotation::{RotationBaseline, Spread, polysemanticity_under_rotation};
pub use split::Split;
