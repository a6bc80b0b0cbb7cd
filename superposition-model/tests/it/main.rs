//! Tests of superposition-model: hand-made cases, invariants, oracles, goldens, and controls that must fail.

mod support;

mod distribution;
mod errors;
mod feature_sets;
mod gradient;
mod hidden_layer;
mod importance;
mod population_loss;
mod quadratic;
#[cfg(feature = "serde")]
mod serialization;
mod sparse_autoencoder;
mod toy_model;
mod value_stability;
