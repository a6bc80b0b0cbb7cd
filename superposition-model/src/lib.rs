#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod error;

mod config;
mod initialization;
mod linalg;
mod toy_loss;
mod toy_model;

mod distribution;
mod draws;
mod feature_probability;
mod feature_sets;
mod importance;
mod sparse_batch;

pub mod population;

pub mod quadratic;
pub mod sae;

mod tensors;

pub use faer;

pub use config::{Bias, Coupling, Dimensions, Hidden, Output, ParameterLayout, ToyModelConfig};
pub use distribution::{FeatureDistribution, Magnitude};
pub use error::ModelError;
pub use feature_probability::FeatureProbability;
pub use feature_sets::FeatureSets;
pub use importance::Importance;
pub use initialization::Initialization;
pub use sparse_batch::SparseBatch;
pub use tensors::NamedTensor;
pub use toy_model::ToyModel;
