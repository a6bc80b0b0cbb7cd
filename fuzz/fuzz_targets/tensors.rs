//! Any bytes as a safetensors, npy and npz file: opened, listed, read whole, by slices, rows and blocks.
#![no_main]

#[allow(dead_code, reason = "the other target and a test use the rest")]
#[path = "../../superposition-io/tests/read_everything/mod.rs"]
mod read_everything;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    read_everything::read_everything(bytes);
});
