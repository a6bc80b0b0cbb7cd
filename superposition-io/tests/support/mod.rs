//! Shared by the tests of what is wrong.

use std::path::PathBuf;

use superposition_io::{IoError, ReadLimits, TensorFile};

pub(crate) fn fixture(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests/fixtures", name]
        .iter()
        .collect()
}

#[allow(dead_code, reason = "not every test file opens bytes")]
pub(crate) fn open_bytes(name: &str, bytes: Vec<u8>) -> Result<TensorFile, IoError> {
    TensorFile::from_bytes(name, bytes, &ReadLimits::default())
}

/// The message contains all of these.
#[track_caller]
pub(crate) fn says<T>(result: Result<T, IoError>, parts: &[&str]) {
    let message = result.err().expect("it is wrong").to_string();
    for part in parts {
        assert!(message.contains(part), "`{part}` is not in: {message}");
    }
}

#[allow(dead_code, reason = "not every test file writes headers")]
pub(crate) fn safetensors(header: &str, n_data_bytes: usize) -> Vec<u8> {
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.bytes());
    bytes.resize(bytes.len() + n_data_bytes, 0);
    bytes
}
