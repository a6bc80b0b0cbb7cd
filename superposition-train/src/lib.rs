#![doc = include_str!("../README.md")]

mod error;
mod linalg;
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

pub mod optimum;
pub mod posterior;
pub mod sae;

// What a reader wants first; the blank lines keep rustfmt from sorting it.
pub use training::train;

pub use ensemble::train_ensemble;
pub use exact::train_exact;

pub use ensemble::Job;

pub use adam::{Adam, AdamConfig};
pub use checkpoint::Checkpoint;
pub use choice::{Kernel, StepForm};
pub use error::TrainError;
pub use options::TrainOptions;
pub use schedule::{Decay, Schedule};
pub use stream::Stream;
pub use task::{Target, Task};
pub use training::{Progress, StopReason, Trained};

pub use faer;
