//! Choices that change the speed of a training: which instructions, and which order of summation.

use std::fmt;
use std::str::FromStr;

use crate::TrainError;

/// Which instructions the kernels of this crate use: a choice of speed that never changes a bit of the result.
///
/// ```
/// use superposition_train::Kernel;
///
/// assert_eq!("scalar".parse::<Kernel>(), Ok(Kernel::Scalar));
/// assert_eq!(Kernel::default().to_string(), "auto");
/// assert!("mmx".parse::<Kernel>().is_err());
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Kernel {
    /// AVX-512F where the machine has it together with VBMI2 (Ice Lake, Zen 4 and later), else AVX2 and FMA where it has those, else
    /// plain Rust.
    #[default]
    Auto,
    /// Plain Rust, for any machine.
    Scalar,
    /// AVX2 and FMA on x86-64; a [`TrainError::Kernel`] on a machine without them.
    Avx2,
    /// AVX-512F on x86-64; a [`TrainError::Kernel`] on a machine without it.
    Avx512,
}

impl Kernel {
    /// Its name, as it is parsed.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Scalar => "scalar",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
        }
    }
}

impl fmt::Display for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Kernel {
    type Err = TrainError;

    fn from_str(text: &str) -> Result<Self, TrainError> {
        match text {
            "auto" => Ok(Self::Auto),
            "scalar" => Ok(Self::Scalar),
            "avx2" => Ok(Self::Avx2),
            "avx512" => Ok(Self::Avx512),
            _ => Err(TrainError::KernelText {
                text: text.to_owned(),
            }),
        }
    }
}

/// In which form a step computes the loss and its gradient: a choice of speed that changes the order of summation.
///
/// The forms are equal in exact arithmetic and differ by rounding, so a training is reproducible bit by bit within
/// one form. [`StepForm::Auto`] depends on nothing but the shapes and the probabilities: it takes the tiny form where there is one, else the Gram form where
/// few features are active (`$pn$` small beside m) and n is at most about 2000, and the direct form otherwise. A ReLU hidden
/// layer, examples, signed or binary features, a target that is not the input and an L1 penalty are there in the direct form alone. Below, n
/// is the number of features, m of hidden dimensions, B of samples a step and p the mean probability.
///
/// ```
/// use superposition_train::StepForm;
///
/// assert_eq!("gram".parse::<StepForm>(), Ok(StepForm::Gram));
/// assert_eq!(StepForm::default().to_string(), "auto");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum StepForm {
    /// The form that a committed cost rule expects to be faster; never the Gram form where G would take more than 2^22
    /// f32.
    #[default]
    Auto,
    /// Through the n x n matrix `$G = W^\top W_\mathrm{dec}$`, by its rows of active features: `$O(B p n^2 + n^2 m)$`
    /// a step, and memory for G and two more such matrices, `$3 n^2$` f32, besides `$O(nm)$` and the active features of two
    /// batches.
    Gram,
    /// Through the hidden layer: `$O(Bnm)$` a step, and memory for `$O(nm)$` f32.
    Direct,
    /// With samples in lanes and everything else in registers: `$O(Bnm)$` a step. There is a kernel for tied weights,
    /// ReLU outputs and independent features with `$n \le 8$` and `$m \le \min(4, n)$`; elsewhere this is
    /// [`StepForm::Auto`].
    Tiny,
}

impl fmt::Display for StepForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Auto => "auto",
            Self::Gram => "gram",
            Self::Direct => "direct",
            Self::Tiny => "tiny",
        })
    }
}

impl FromStr for StepForm {
    type Err = TrainError;

    fn from_str(text: &str) -> Result<Self, TrainError> {
        match text {
            "auto" => Ok(Self::Auto),
            "gram" => Ok(Self::Gram),
            "direct" => Ok(Self::Direct),
            "tiny" => Ok(Self::Tiny),
            _ => Err(TrainError::StepFormText {
                text: text.to_owned(),
            }),
        }
    }
}
