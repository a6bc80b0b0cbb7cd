//! Training sparse autoencoders on given activations.
//!
//! - [`train_sparse_autoencoder`]: the loop: samples drawn with replacement, Adam, and decoder columns kept at norm 1.
//! - [`SaeTrainOptions`]: how many latents, and how they are trained.
//! - [`SaeProgress`]: what the observer sees after each step.
//! - [`TrainedSae`]: the outcome: the autoencoder, its losses, why it ended and how many latents are dead.
//!
//! The autoencoder itself is in [`superposition_model::sae`]. Its matrix products are faer's, so the bits of a training are
//! promised on one machine only, unlike those of toy models.

mod training;

pub use training::{SaeProgress, SaeTrainOptions, TrainedSae, train_sparse_autoencoder};
