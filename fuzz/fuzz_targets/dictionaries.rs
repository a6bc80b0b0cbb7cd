//! Any configuration beside any file of tensors, as every format of a dictionary.
#![no_main]

#[allow(dead_code, reason = "the other target and a test use the rest")]
#[path = "../../superposition-io/tests/read_everything/mod.rs"]
mod read_everything;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    read_everything::recognize_everything(bytes);
});
