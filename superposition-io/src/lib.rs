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
mod stored_matrix;

mod dictionary;
mod dictionary_file;

mod atomic;
mod write;
mod write_npz;

pub use atomic::{Overwrite, check_writable, prepare_directory, write_atomic};
pub use dictionary::{DictionaryFormat, DictionaryLayout, DictionaryTensor, Orientation};
pub use error::IoError;
pub use file::{ReadLimits, TensorFile};
pub use stored_matrix::StoredMatrix;
pub use tensor::{Float, Matrix, Tensor, TensorInfo, Values};
pub use write::{TensorToWrite, write_safetensors};
pub use write_npz::{ArrayToWrite, ArrayValues, write_npz};
