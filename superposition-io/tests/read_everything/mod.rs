//! The bodies of the fuzz targets (`fuzz/`): everything that can be done with the bytes of a file.

use std::ops::ControlFlow;

use superposition_io::{
    DictionaryFormat, DictionaryLayout, IoError, Orientation, ReadLimits, StoredMatrix, TensorFile,
    Values,
};

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
            Ok(file) => {
                n_read += read_all(&file);
                recognize(&file, None);
            }
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
    let matrix = match file.matrix(name, slice) {
        Ok(matrix) => matrix,
        Err(error) => return check_message(&error),
    };
    let whole = match matrix.read() {
        Ok(whole) => whole,
        Err(error) => return check_message(&error),
    };
    let (n_rows, n_cols) = (matrix.n_rows(), matrix.n_cols());
    assert!(n_rows > 0 && n_cols > 0);
    assert_eq!(whole.values.len(), n_rows * n_cols);
    let bits: Vec<u64> = match whole.values {
        Values::F32(values) => values.iter().map(|x| f64::from(*x).to_bits()).collect(),
        Values::F64(values) => values.iter().map(|x| x.to_bits()).collect(),
    };
    for n_block_rows in [1, n_rows.div_ceil(2)] {
        check_blocks(&matrix, n_block_rows, &bits);
    }
}

/// Rows and blocks have the bits of the whole; a stack in Fortran order has no rows.
fn check_blocks(matrix: &StoredMatrix<'_>, n_block_rows: usize, whole: &[u64]) {
    let mut bits = Vec::new();
    let flow = matrix.for_each_block(n_block_rows, |_, block: &[f64]| {
        bits.extend(block.iter().map(|x| x.to_bits()));
        ControlFlow::<()>::Continue(())
    });
    match flow {
        Ok(_) => assert_eq!(bits, whole),
        Err(error @ IoError::FortranStack { .. }) => return check_message(&error),
        Err(error) => panic!("what was read as a whole is not by blocks: {error}"),
    }
    let (n_rows, n_cols) = (matrix.n_rows(), matrix.n_cols());
    let rows = n_rows - n_block_rows.min(n_rows)..n_rows;
    let mut out = vec![0.0_f64; rows.len() * n_cols];
    matrix.read_rows(rows.clone(), &mut out).expect("as above");
    let bits: Vec<u64> = out.iter().map(|x| x.to_bits()).collect();
    assert_eq!(bits, whole[rows.start * n_cols..]);
}

/// Bytes of a dictionary: the length of its configuration in two bytes (little-endian), that, and
/// the file of its tensors. Returns whether it was recognised as some format.
///
/// # Panics
///
/// As [`read_everything`], and where a layout names what is not there.
#[allow(dead_code, reason = "not every target has configurations")]
pub(crate) fn recognize_everything(bytes: &[u8]) -> bool {
    let Some((length, rest)) = bytes.split_first_chunk::<2>() else {
        return false;
    };
    let length = usize::from(u16::from_le_bytes(*length)).min(rest.len());
    let (config, tensors) = rest.split_at(length);
    let config = String::from_utf8_lossy(config);
    let limits = ReadLimits::default().with_max_bytes(1 << 20);
    match TensorFile::from_bytes("x", tensors.to_vec(), &limits) {
        Ok(file) => recognize(&file, Some(&config)),
        Err(error) => {
            check_message(&error);
            false
        }
    }
}

fn recognize(file: &TensorFile, config: Option<&str>) -> bool {
    let mut any = false;
    let formats = DictionaryFormat::ALL.map(Some);
    for format in formats.into_iter().chain([None]) {
        match DictionaryLayout::recognize(file, config, format) {
            Ok(Some(layout)) => {
                any = true;
                check_layout(file, &layout);
                assert!(format.is_none_or(|format| format == layout.format));
            }
            Ok(None) => assert!(format.is_none()),
            Err(error) => check_message(&error),
        }
    }
    any
}

/// What a layout names is there, with the same number of features everywhere.
fn check_layout(file: &TensorFile, layout: &DictionaryLayout) {
    let shape = |name: &str| {
        let mut tensors = file.tensors().iter();
        let tensor = tensors.find(|tensor| tensor.name == name);
        tensor.expect("it is there").shape.clone()
    };
    let counts = [Some(&layout.decoder), layout.encoder.as_ref()];
    let mut counts: Vec<usize> = counts
        .into_iter()
        .flatten()
        .map(|place| match place.features {
            Orientation::Rows => shape(&place.tensor)[0],
            Orientation::Columns => shape(&place.tensor)[1],
        })
        .collect();
    for vector in layout.encoder_vectors.iter().chain(&layout.firing_rates) {
        assert_eq!(shape(vector).len(), 1);
        counts.push(shape(vector)[0]);
    }
    assert!(counts.iter().all(|n| *n == counts[0]), "{counts:?}");
    assert!(layout.reason.len() < 10_000);
}

fn check_message(error: &IoError) {
    let message = error.to_string();
    // Long enough to help, and never as long as the file.
    assert!((10..10_000).contains(&message.len()), "{message}");
    assert!(!message.contains('\u{1b}'), "{message:?}");
}
