#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![allow(
    clippy::missing_panics_doc,
    reason = "assertions panic by trade; everything here does on shapes that do not match"
)]

pub mod geometry;
pub mod golden;
pub mod oracle;
pub mod strategy;
pub mod tolerance;

pub use faer;
pub use proptest;
pub use serde_json;
