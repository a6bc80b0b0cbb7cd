use thiserror::Error;

/// Why a matrix, a sample or an option cannot be analysed.
///
/// Messages name the value and say what would be right.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum AnalysisError {
    /// A matrix without features or without hidden dimensions.
    #[error(
        "the matrix has {n_features} features in {n_hidden} hidden dimensions; both must be at least 1"
    )]
    Empty {
        /// Number of columns.
        n_features: usize,
        /// Number of rows.
        n_hidden: usize,
    },
    /// An element is NaN or infinite.
    #[error("component {row} of feature {column} is {value}; every element must be finite")]
    NotFinite {
        /// Row of the element: the hidden dimension.
        row: usize,
        /// Column of the element: the feature.
        column: usize,
        /// The element.
        value: f64,
    },
    /// A sample of a sequence is NaN or infinite.
    #[error("sample {index} of `{name}` is {value}; every sample must be finite")]
    SampleNotFinite {
        /// Name of the sequence.
        name: &'static str,
        /// Index of the sample.
        index: usize,
        /// The sample.
        value: f64,
    },
    /// Fewer samples than the quantity needs.
    #[error("{n_samples} samples; at least {needed} are needed")]
    TooFewSamples {
        /// Number of samples given.
        n_samples: usize,
        /// Smallest number that would do.
        needed: usize,
    },
    /// A firing rate is no probability.
    #[error("the firing rate of feature {feature} is {value}; it must be between 0 and 1")]
    InvalidRate {
        /// The feature.
        feature: usize,
        /// The rate given.
        value: f64,
    },
    /// A matrix cannot be analysed in the memory that was granted.
    #[error("the analysis was granted {given} bytes of memory; it needs at least {needed}")]
    MemoryTooSmall {
        /// Bytes granted.
        given: u64,
        /// The smallest number that would do.
        needed: u64,
    },
    /// An option is outside its range.
    #[error("`{name}` is {value}; it must be {expected}")]
    InvalidOption {
        /// Name of the option.
        name: &'static str,
        /// The value given.
        value: f64,
        /// What would be right.
        expected: &'static str,
    },
}
