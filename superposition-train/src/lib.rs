#![doc = include_str!("../README.md")]

mod error;
mod stream;

mod adam;
mod schedule;

mod choice;
mod kernel;
mod options;
mod task;

mod step;

mod checkpoint;
mod ensemble;
mod exact;
mod training;

pub mod sae;

pub use faer;

pub use adam::{Adam, AdamConfig};
pub use checkpoint::Checkpoint;
pub use choice::{Kernel, StepForm};
pub use ensemble::{Job, train_ensemble};
pub use error::TrainError;
pub use exact::train_exact;
pub use options::TrainOptions;
pub use schedule::{Decay, Schedule};
pub use stream::Stream;
pub use task::Task;
pub use training::{Progress, StopReason, Trained, train};
