//! What can be wrong with a value from outside.

use thiserror::Error;

use crate::FeatureSets;

/// A value from outside that no model, distribution or weighting can be made of.
///
/// Every message names the value and says what would be right. A broken contract of a Rust call (shapes that do
/// not match) panics instead.
///
/// ```
/// use superposition_model::{FeatureDistribution, FeatureProbability, ModelError};
///
/// let error = FeatureDistribution::new(3, &FeatureProbability::Same(1.5)).unwrap_err();
/// assert_eq!(error.to_string(), "feature probability is 1.5; it must be within 0 and 1");
/// assert!(matches!(error, ModelError::Probability { feature: None, .. }));
/// ```
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum ModelError {
    /// A dimension is zero.
    #[error("{name} is 0; it must be at least 1")]
    ZeroDimension {
        /// The dimension, as it is called in code.
        name: &'static str,
    },
    /// The sizes multiply to more numbers than the crate agrees to hold, or than memory has room for.
    #[error(
        "{what} of {sizes} would not fit; at most {limit} numbers are held, and memory must have room for them"
    )]
    TooLarge {
        /// What was asked for.
        what: &'static str,
        /// The sizes asked for, such as `n_features 5 x n_hidden 2`.
        sizes: String,
        /// The largest number of numbers.
        limit: u64,
    },
    /// The flat parameters do not have the length that the configuration implies.
    #[error("{found} parameters were given; this configuration has {expected}")]
    ParameterCount {
        /// The length given.
        found: usize,
        /// The length that the configuration implies.
        expected: usize,
    },
    /// A parameter is NaN or infinite.
    #[error("{tensor}{index:?} is {value}; every parameter must be finite")]
    NotFinite {
        /// The tensor that holds it.
        tensor: &'static str,
        /// Its 0-based place there: row and column, or one index.
        index: Vec<usize>,
        /// The value found.
        value: f32,
    },
    /// A standard deviation is negative, not finite, or too large for f32.
    #[error("standard deviation is {value}; it must be finite, at least 0 and at most 1e37")]
    StandardDeviation {
        /// The value found.
        value: f64,
    },
    /// A feature probability is outside \[0, 1\] or NaN.
    #[error(
        "feature probability{} is {value}; it must be within 0 and 1",
        feature.map(|i| format!(" {i}")).unwrap_or_default()
    )]
    Probability {
        /// The feature, or none where one number serves all.
        feature: Option<usize>,
        /// The value found.
        value: f64,
    },
    /// Not one probability for each feature.
    #[error(
        "{found} feature probabilities were given for {expected} features; give one for each, or one for all"
    )]
    ProbabilityCount {
        /// How many were given.
        found: usize,
        /// How many features there are.
        expected: usize,
    },
    /// Two features of a set have different probabilities.
    #[error(
        "feature probabilities {} and {} are {} and {}; features of one set must have the same",
        features[0], features[1], values[0], values[1]
    )]
    SetProbability {
        /// The first feature of the set, and the first that differs from it.
        features: [usize; 2],
        /// Their probabilities.
        values: [f64; 2],
    },
    /// The probabilities of an anticorrelated set add up to more than 1.
    #[error(
        "feature probability {feature} is {value} in an anticorrelated set of {set_size}; it must be at most 1/{set_size}"
    )]
    AnticorrelatedProbability {
        /// The first feature of the set.
        feature: usize,
        /// How many features the set has.
        set_size: usize,
        /// The probability of each.
        value: f64,
    },
    /// A text says no feature sets.
    #[error(
        "'{text}' says no feature sets ({reason}); write independent, correlated:K or anticorrelated:K"
    )]
    FeatureSetsText {
        /// The text.
        text: String,
        /// What about it is wrong.
        reason: String,
    },
    /// An importance is negative, not finite, or too large for f32.
    #[error(
        "importance of feature {feature} is {value}; it must be finite, at least 0 and at most 3e38"
    )]
    ImportanceValue {
        /// The feature.
        feature: usize,
        /// The value found.
        value: f64,
    },
    /// Not one importance for each feature.
    #[error("{found} importances were given for {expected} features; give one for each")]
    ImportanceCount {
        /// How many were given.
        found: usize,
        /// How many features there are.
        expected: usize,
    },
    /// The parameter of a geometric importance is not a positive finite number.
    #[error("{name} of the geometric importance is {value}; it must be finite and greater than 0")]
    ImportanceRatio {
        /// `ratio` or `last`.
        name: &'static str,
        /// The value found.
        value: f64,
    },
    /// A text is no importance.
    #[error(
        "'{text}' is no importance ({reason}); write uniform, geometric:R, geometric-to:X or a,b,..."
    )]
    ImportanceText {
        /// The text.
        text: String,
        /// What about it is wrong.
        reason: String,
    },
    /// A number of a law of frequencies is out of its range.
    #[error("{name} is {value}; it must be {expected}")]
    FrequencyLaw {
        /// What it is.
        name: &'static str,
        /// The value found.
        value: f64,
        /// What would be right.
        expected: &'static str,
    },
    /// A text is no feature probability.
    #[error(
        "'{text}' is no feature probability ({reason}); write p, power:EXPONENT:ACTIVE, geometric:RATIO:ACTIVE or a,b,..."
    )]
    ProbabilityText {
        /// The text.
        text: String,
        /// What about it is wrong.
        reason: String,
    },
    /// A text names no initialization.
    #[error("'{text}' is no initialization; write xavier or normal:STD")]
    InitializationText {
        /// The text.
        text: String,
    },
    /// An expected loss is asked for set by set of active features, and there are too many.
    #[error(
        "there are too many sets of active features to go through all of {n_features} {sets} features; the limit is \
         8192 corners: 13 independent features, 5 pairs that are active together, or any number of which one is active at a time"
    )]
    TooManySupports {
        /// How many features there are.
        n_features: usize,
        /// Which are active together.
        sets: FeatureSets,
    },
    /// The error that an expected loss may have is not a positive finite number.
    #[error("tolerance is {value}; it must be finite and greater than 0")]
    LossTolerance {
        /// The value found.
        value: f64,
    },
    /// A number of the quadratic model is outside its range.
    #[error("{name} of the quadratic model is {value}; it must be {expected}")]
    Quadratic {
        /// What it is.
        name: &'static str,
        /// Its value.
        value: f64,
        /// What would be right.
        expected: &'static str,
    },
    /// A number of a sample is NaN or infinite.
    #[error("feature {feature} of sample {sample} is {value}; it must be finite")]
    Sample {
        /// The feature.
        feature: usize,
        /// The sample.
        sample: usize,
        /// The value found.
        value: f32,
    },
    /// A linear hidden layer with a bias.
    #[error(
        "a bias of a linear hidden layer does what a bias of the decoder does, by way of W_dec; use that, or a ReLU hidden layer"
    )]
    RedundantBias,
    /// An expected loss that is not known here.
    #[error(
        "{what}; the expected loss is known for linear hidden layers and for features that are uniform within 0 and 1"
    )]
    NoExpectedLoss {
        /// What was found.
        what: &'static str,
    },
    /// A tensor that the configuration asks for is not there.
    #[error("tensor '{name}' is missing; there {}", list("is", "are", found))]
    MissingTensor {
        /// The tensor's name.
        name: &'static str,
        /// The names that are there.
        found: Vec<String>,
    },
    /// A tensor that the configuration has no place for.
    #[error("tensor '{name}' has no place in this configuration; it has {}", expected.join(", "))]
    UnexpectedTensor {
        /// The tensor's name.
        name: String,
        /// The names that have a place.
        expected: Vec<&'static str>,
    },
    /// Two tensors of one name.
    #[error("tensor '{name}' is given twice; each must be given once")]
    DuplicateTensor {
        /// The tensor's name.
        name: String,
    },
    /// A tensor of another shape than the configuration implies.
    #[error("tensor '{name}' has shape {found:?}; it must be {expected:?}")]
    TensorShape {
        /// The tensor's name.
        name: &'static str,
        /// Its shape.
        found: Vec<usize>,
        /// The shape that the configuration implies.
        expected: Vec<usize>,
    },
    /// A tensor that holds more or fewer values than its shape says.
    #[error("tensor '{name}' holds {found} values; its shape says {expected}")]
    TensorLength {
        /// The tensor's name.
        name: &'static str,
        /// How many values it holds.
        found: usize,
        /// How many its shape says.
        expected: usize,
    },
}

/// `are 'a', 'b'`, `is 'a'` or `is none`.
fn list(one: &str, many: &str, names: &[String]) -> String {
    match names {
        [] => format!("{one} none"),
        [name] => format!("{one} '{name}'"),
        names => format!("{many} '{}'", names.join("', '")),
    }
}
