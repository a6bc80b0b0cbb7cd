//! What can be wrong with a value from outside.

use superposition_model::ModelError;
use thiserror::Error;

use crate::StepForm;

/// A value from outside with which no training can be done.
///
/// Every message names the value and says what would be right. Bad luck, such as a loss that is no longer finite, is
/// no error but a [`StopReason`](crate::StopReason).
///
/// ```
/// use superposition_train::{Adam, AdamConfig, TrainError};
///
/// let error = Adam::new(AdamConfig::default().with_learning_rate(-1.0), 3).unwrap_err();
/// assert_eq!(error.to_string(), "learning_rate is -1; it must be finite and at least 0");
/// assert!(matches!(error, TrainError::Value { name: "learning_rate", .. }));
/// ```
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum TrainError {
    /// A model, a distribution or an initialization cannot be made.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// A number of the options is out of its range.
    #[error("{name} is {value}; it must be {expected}")]
    Value {
        /// The option, as it is called in code.
        name: &'static str,
        /// The value found.
        value: f64,
        /// What would be right.
        expected: &'static str,
    },
    /// A count of the options is zero.
    #[error("{name} is 0; it must be at least 1")]
    Zero {
        /// The option, as it is called in code.
        name: &'static str,
    },
    /// The warm-up is longer than the training.
    #[error("{name} is {warmup}; it must be at most n_steps, which is {n_steps}")]
    WarmUp {
        /// The option, as it is called in code.
        name: &'static str,
        /// The steps of the warm-up.
        warmup: usize,
        /// The steps of the training.
        n_steps: usize,
    },
    /// Two parts of a training disagree about a size.
    #[error("{left} is {left_value} and {right} is {right_value}; they must be equal")]
    Mismatch {
        /// One of them.
        left: &'static str,
        /// Its size.
        left_value: usize,
        /// The other.
        right: &'static str,
        /// Its size.
        right_value: usize,
    },
    /// The training that should go on has made all its steps.
    #[error("the checkpoint has made {made} steps; n_steps is {n_steps} and must be more")]
    NothingLeft {
        /// The steps made.
        made: usize,
        /// The steps of the training.
        n_steps: usize,
    },
    /// The exact gradient of this model is not known here, or an option has no meaning for it.
    #[error("{what}; exact gradients are there for {needed}")]
    NoExactGradient {
        /// What was found.
        what: String,
        /// What would be right.
        needed: &'static str,
    },
    /// A form of the step that does not have what the model or its task asks for.
    #[error("the {form} form of the step is not there for {what}; use auto or direct")]
    NoForm {
        /// The form.
        form: StepForm,
        /// What it does not have.
        what: &'static str,
    },
    /// The AND of features that are not 0 or 1.
    #[error("the target is the AND of features that may be other than 0 and 1; make them binary")]
    NotBinary,
    /// Attacks on a model whose hidden layer is ReLU.
    #[error(
        "attacks move the input along what moves an output most, which is the same everywhere for a linear hidden layer alone; this one is ReLU"
    )]
    AttackThroughRelu,
    /// An importance is negative or not finite.
    #[error("importance of feature {feature} is {value}; it must be finite and at least 0")]
    Importance {
        /// The feature.
        feature: usize,
        /// The value found.
        value: f32,
    },
    /// The sizes ask for more work space than the crate agrees to take.
    #[error("{what} would take {elements} f32; at most {limit} are held")]
    TooLarge {
        /// What was asked for.
        what: &'static str,
        /// How many f32 it would take.
        elements: u128,
        /// The largest number that is held.
        limit: u64,
    },
    /// This machine cannot run the kernel that was asked for.
    #[error("kernel {name} cannot run on this machine; use auto or scalar")]
    Kernel {
        /// The kernel's name.
        name: &'static str,
    },
    /// A text names no kernel.
    #[error("'{text}' is no kernel; use auto, scalar, avx2 or avx512")]
    KernelText {
        /// The text.
        text: String,
    },
    /// A text names no form of the step.
    #[error("'{text}' is no form of a step; use auto, gram, direct or tiny")]
    StepFormText {
        /// The text.
        text: String,
    },
    /// A text names no decay of the learning rate.
    #[error("'{text}' is no schedule; use constant, linear:LAST or cosine:LAST")]
    DecayText {
        /// The text.
        text: String,
    },
    /// An activation is NaN or infinite.
    #[error("activations[{row}, {column}] is {value}; every activation must be finite")]
    NotFinite {
        /// Its row.
        row: usize,
        /// Its column: the sample.
        column: usize,
        /// The value found.
        value: f32,
    },
}
