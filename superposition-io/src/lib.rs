#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod error;

mod tensor;

mod source;

mod element;
mod layout;

mod npy;
mod npz;
mod safetensors;
mod sharded;

mod format;
mod names;

mod file;

mod atomic;
mod write;

pub use atomic::{Overwrite, check_writable, prepare_directory, write_atomic};
pub use error::IoError;
pub use file::{ReadLimits, TensorFile};
pub use tensor::{Matrix, Tensor, TensorInfo, Values};
pub use write::{TensorToWrite, write_safetensors};
