//! Sparse autoencoders: they take the features of a model's activations apart again.
//!
//! A dictionary of `d_sae` directions and how each is read, such that few of them are needed for any one activation.
//!
//! - [`SparseAutoencoder`]: the parameters, and what they make of a batch: latents, reconstruction, loss and exact gradient.
//! - [`SaeConfig`]: which autoencoder it is; for now its sizes alone.
//! - [`SaeDimensions`]: the sizes, `d_in` and `d_sae`.
//! - [`SaeLayout`]: where each tensor lies in the flat parameters.
//! - [`SaeLoss`]: the terms of the loss, reconstruction and sparsity.
//!
//! Training them is in superposition-train, in the module of the same name.

mod loss;
mod sparse_autoencoder;

pub use loss::SaeLoss;
pub use sparse_autoencoder::{SaeConfig, SaeDimensions, SaeLayout, SparseAutoencoder};
