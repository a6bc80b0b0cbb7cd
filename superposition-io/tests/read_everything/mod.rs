//! The body of a fuzz target: everything that can be done with the bytes of a file.

use superposition_io::{IoError, ReadLimits, TensorFile, Values};

/// Opens the bytes under a name of each kind and reads all that is in them. Returns how many
/// tensors were read.
///
/// # Panics
///
/// Where a reader panics, and where one returns other than what its description says.
pub(crate) fn read_everything(bytes: &[u8]) -> usize {
    let limits = ReadLimits::default().with_max_bytes(1 << 20);
    let mut n_read = 0;
    for name in ["x.safetensors", "x.npy", "x.npz", "x"] {
        match TensorFile::from_bytes(name, bytes.to_vec(), &limits) {
            Ok(file) => n_read += read_all(&file),
            Err(error) => check_message(&error),
        }
    }
    n_read
}

/// Reads every tensor of a file in every way.
pub(crate) fn read_all(file: &TensorFile) -> usize {
    let mut n_read = 0;
    for info in file.tensors() {
        match file.read(&info.name) {
            Ok(tensor) => {
                n_read += 1;
                assert!(info.is_readable());
                assert_eq!(&tensor.info, info);
                assert_eq!(tensor.values.len(), info.shape.iter().product::<usize>());
                let n_bytes = match tensor.values {
                    Values::F32(values) => 4 * values.len(),
                    Values::F64(values) => 8 * values.len(),
                };
                assert!(n_bytes <= 1 << 20);
            }
            Err(error) => check_message(&error),
        }
        for slice in [None, Some(0), Some(1), Some(usize::MAX)] {
            check_matrix(file, Some(&info.name), slice);
        }
    }
    for slice in [None, Some(0)] {
        check_matrix(file, None, slice);
    }
    file.read("no such name")
        .map(drop)
        .unwrap_or_else(|error| check_message(&error));
    n_read
}

fn check_matrix(file: &TensorFile, name: Option<&str>, slice: Option<usize>) {
    match file.read_matrix(name, slice) {
        Ok(matrix) => {
            assert!(matrix.n_rows > 0 && matrix.n_cols > 0);
            assert_eq!(matrix.values.len(), matrix.n_rows * matrix.n_cols);
        }
        Err(error) => check_message(&error),
    }
}

fn check_message(error: &IoError) {
    let message = error.to_string();
    // Long enough to help, and never as long as the file.
    assert!((10..10_000).contains(&message.len()), "{message}");
    assert!(!message.contains('\u{1b}'), "{message:?}");
}
