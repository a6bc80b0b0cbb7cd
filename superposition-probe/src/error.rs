//! What can be wrong with values from outside.

/// A bad value from outside: an option, a split, or a matrix of activations, targets, neurons or features.
///
/// A broken contract of a call (two matrices with different numbers of samples, an index out of range) panics instead.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ProbeError {
    /// A matrix has no rows or no samples.
    #[error(
        "{what} are empty ({rows} rows x {columns} samples); at least one row and one sample are needed"
    )]
    Empty {
        /// Which argument.
        what: &'static str,
        /// Its number of rows.
        rows: usize,
        /// Its number of columns, that is of samples.
        columns: usize,
    },
    /// A value is NaN or infinite.
    #[error("{what} hold {value} at row {row}, column {column}; every value must be finite")]
    NotFinite {
        /// Which argument.
        what: &'static str,
        /// Row of the value, 0-based.
        row: usize,
        /// Column (sample) of the value, 0-based.
        column: usize,
        /// The value.
        value: f64,
    },
    /// Values are finite, but their squares are not.
    #[error(
        "{what} hold values whose squares overflow in row {row}; divide them by a constant first"
    )]
    TooLarge {
        /// Which argument.
        what: &'static str,
        /// The row, 0-based.
        row: usize,
    },
    /// Values differ, but the squares of their differences underflow: the row would pass for a constant one.
    #[error(
        "{what} hold values in row {row} that differ by so little that squares underflow; multiply them by a constant first"
    )]
    TooSmall {
        /// Which argument.
        what: &'static str,
        /// The row, 0-based.
        row: usize,
    },
    /// Neurons respond to so many of so many features that the features' correlations do not fit.
    #[error(
        "{n_chosen} of {n_features} features are responded to, and their correlations with all are more than {limit} values; raise min_abs_correlation or pass fewer features"
    )]
    TooManyCorrelations {
        /// The number of features.
        n_features: usize,
        /// The number of features that some neuron responds to, as far as known.
        n_chosen: usize,
        /// The largest number of correlations.
        limit: usize,
    },
    /// An option is outside its range.
    #[error("{name} is {value}; it must be {expected}")]
    InvalidOption {
        /// The option's name.
        name: &'static str,
        /// Its value.
        value: f64,
        /// What would be right.
        expected: &'static str,
    },
    /// There are too few samples to hold some of them out.
    #[error(
        "{n_samples} samples cannot be split into a training and a test part; at least 2 are needed"
    )]
    TooFewSamples {
        /// The number of samples.
        n_samples: usize,
    },
    /// One side of a split is empty.
    #[error("the {part} part of the split is empty; both parts need at least one sample")]
    EmptySplit {
        /// `"training"` or `"test"`.
        part: &'static str,
    },
    /// A split names a sample more than once, so that the test part is not held out.
    #[error("the split names sample {sample} more than once; each sample may be in one part, once")]
    OverlappingSplit {
        /// The sample, 0-based.
        sample: usize,
    },
    /// The eigendecomposition behind the minimum-norm solution failed.
    #[error(
        "the eigendecomposition of the {size} x {size} second moments did not converge; a penalty above 0 avoids it"
    )]
    NoConvergence {
        /// The number of activations.
        size: usize,
    },
}
