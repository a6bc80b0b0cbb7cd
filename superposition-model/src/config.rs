//! The choices that make a toy model, and where its parameters lie.

use std::ops::Range;

use crate::ModelError;

/// The most parameters a model may have: 2^32 (16 GiB of f32).
pub(crate) const MAX_PARAMETERS: u64 = 1 << 32;

/// The sizes of a toy model: `n_features` features (`$n$`) in `n_hidden` hidden dimensions (`$m$`).
///
/// Any two sizes of at least 1 make a model, also `n_hidden >= n_features`, where nothing needs to be superposed.
/// They are checked by [`ToyModelConfig::validate`].
///
/// ```
/// use superposition_model::Dimensions;
///
/// let dimensions = Dimensions { n_features: 100, n_hidden: 20 };
/// assert_eq!(dimensions.n_features / dimensions.n_hidden, 5);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct Dimensions {
    /// How many features there are, `$n$`: the size of a sample.
    pub n_features: usize,
    /// How many hidden dimensions there are, `$m$`.
    pub n_hidden: usize,
}

/// What is applied to the decoder's sum: the `ReLU output model` or the `linear model` of the paper.
///
/// ```
/// use superposition_model::{Dimensions, Output, ToyModel, ToyModelConfig, faer};
///
/// let config = ToyModelConfig::new(Dimensions { n_features: 1, n_hidden: 1 });
/// let x = faer::mat![[2.0_f32]];
/// // W = -0.5 and b = -1: W W x + b = 0.25 * 2 - 1 = -0.5.
/// for (output, expected) in [(Output::Relu, 0.0), (Output::Linear, -0.5)] {
///     let model = ToyModel::new(config.with_output(output), vec![-0.5, -1.0]).unwrap();
///     assert_eq!(model.reconstruct(x.as_ref())[(0, 0)], expected);
/// }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Output {
    /// `$x' = \mathrm{ReLU}(z)$`, with slope 0 at 0. NaN stays NaN.
    #[default]
    Relu,
    /// `$x' = z$`: the model that learns principal components.
    Linear,
}

/// Whether the decoder adds a learned bias.
///
/// ```
/// use superposition_model::{Bias, Dimensions, ToyModel, ToyModelConfig};
///
/// let config = ToyModelConfig::new(Dimensions { n_features: 3, n_hidden: 2 });
/// let with = ToyModel::new(config, vec![0.0; 3 * 2 + 3]).unwrap();
/// assert_eq!(with.b(), Some(&[0.0; 3][..]));
/// let without = ToyModel::new(config.with_bias(Bias::None), vec![0.0; 3 * 2]).unwrap();
/// assert_eq!(without.b(), None);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Bias {
    /// One parameter per feature.
    #[default]
    Learned,
    /// No bias: there is no such parameter, rather than one that stays 0.
    None,
}

/// Whether the decoder is the transposed encoder or has weights of its own.
///
/// ```
/// use superposition_model::{Coupling, Dimensions, ToyModel, ToyModelConfig};
///
/// let config = ToyModelConfig::new(Dimensions { n_features: 1, n_hidden: 1 }).with_coupling(Coupling::Untied);
/// let model = ToyModel::new(config, vec![0.5, 2.0, 0.0]).unwrap(); // W, W_dec, b
/// assert_eq!((model.w()[(0, 0)], model.w_dec()[(0, 0)]), (0.5, 2.0));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Coupling {
    /// `$z = W^\top W x + b$`, as in the paper.
    #[default]
    Tied,
    /// `$z = W_\mathrm{dec}^\top W x + b$`, with `$W_\mathrm{dec}$` of W's shape.
    Untied,
}

/// What is applied to the hidden layer.
///
/// A linear hidden layer has no basis of its own: rotating W changes nothing. ReLU makes its neurons a privileged basis,
/// in which it can be asked what a neuron responds to.
///
/// ```
/// use superposition_model::{Dimensions, Hidden, ToyModel, ToyModelConfig, faer};
///
/// let config = ToyModelConfig::new(Dimensions { n_features: 1, n_hidden: 2 }).with_hidden(Hidden::Relu);
/// let model = ToyModel::new(config, vec![0.5, -0.5, 0.0]).unwrap();
/// let h = model.encode(faer::mat![[1.0_f32]].as_ref());
/// assert_eq!((h[(0, 0)], h[(1, 0)]), (0.5, 0.0));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Hidden {
    /// `$h = W x$`.
    #[default]
    Linear,
    /// `$h = \mathrm{ReLU}(W x + b_\mathrm{enc})$`, with slope 0 at 0. NaN stays NaN.
    Relu,
}

/// Which toy model: its sizes and variant.
///
/// [`ToyModelConfig::new`] gives the paper's model, `$x' = \mathrm{ReLU}(W^\top W x + b)$`; `with_*` change it. It is
/// validated by whatever makes a model of it.
///
/// ```
/// use superposition_model::{Bias, Coupling, Dimensions, Output, ToyModelConfig};
///
/// let config = ToyModelConfig::new(Dimensions { n_features: 5, n_hidden: 2 });
/// assert_eq!((config.output, config.bias, config.coupling), (Output::Relu, Bias::Learned, Coupling::Tied));
/// assert_eq!(config.n_parameters(), Ok(5 * 2 + 5));
/// let untied = config.with_coupling(Coupling::Untied).with_bias(Bias::None);
/// assert_eq!(untied.n_parameters(), Ok(2 * 5 * 2));
/// ```
///
/// # References
/// Elhage et al. 2022, *Toy Models of Superposition*, section 2: the ReLU output model and the linear model, both
/// tied and with bias; sections 9 and 10 for the ReLU hidden layer, with untied weights in the second. A hidden bias and
/// models without bias are variants of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
#[non_exhaustive]
pub struct ToyModelConfig {
    /// Its sizes.
    pub dimensions: Dimensions,
    /// What is applied to the decoder's sum.
    #[cfg_attr(feature = "serde", serde(default))]
    pub output: Output,
    /// Whether the decoder adds a bias.
    #[cfg_attr(feature = "serde", serde(default))]
    pub bias: Bias,
    /// Whether the decoder has weights of its own.
    #[cfg_attr(feature = "serde", serde(default))]
    pub coupling: Coupling,
    /// What is applied to the hidden layer. A linear one is not written, so that files of such models stay as they were.
    #[cfg_attr(
        feature = "serde",
        serde(default, skip_serializing_if = "Hidden::is_linear")
    )]
    pub hidden: Hidden,
    /// Whether the encoder adds a bias, one parameter for each hidden dimension; none by default, and only with
    /// [`Hidden::Relu`]. None is not written either.
    #[cfg_attr(
        feature = "serde",
        serde(default = "Bias::none", skip_serializing_if = "Bias::is_none")
    )]
    pub hidden_bias: Bias,
}

#[cfg(feature = "serde")]
impl Hidden {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
    fn is_linear(&self) -> bool {
        *self == Self::Linear
    }
}

#[cfg(feature = "serde")]
impl Bias {
    fn none() -> Self {
        Self::None
    }

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
    fn is_none(&self) -> bool {
        *self == Self::None
    }
}

impl ToyModelConfig {
    /// The paper's model of these sizes: ReLU output, learned bias, tied weights, a linear hidden layer.
    #[must_use]
    pub fn new(dimensions: Dimensions) -> Self {
        Self {
            dimensions,
            output: Output::default(),
            bias: Bias::default(),
            coupling: Coupling::default(),
            hidden: Hidden::default(),
            hidden_bias: Bias::None,
        }
    }

    /// The same with this output.
    #[must_use]
    pub fn with_output(self, output: Output) -> Self {
        Self { output, ..self }
    }

    /// The same with this bias.
    #[must_use]
    pub fn with_bias(self, bias: Bias) -> Self {
        Self { bias, ..self }
    }

    /// The same with this coupling.
    #[must_use]
    pub fn with_coupling(self, coupling: Coupling) -> Self {
        Self { coupling, ..self }
    }

    /// The same with this hidden layer.
    #[must_use]
    pub fn with_hidden(self, hidden: Hidden) -> Self {
        Self { hidden, ..self }
    }

    /// The same with this bias of the encoder.
    ///
    /// ```
    /// use superposition_model::{Bias, Dimensions, Hidden, ToyModelConfig};
    ///
    /// let config = ToyModelConfig::new(Dimensions { n_features: 5, n_hidden: 2 }).with_hidden_bias(Bias::Learned);
    /// assert!(config.validate().is_err()); // nothing but a bias of the decoder, by way of W_dec
    /// assert_eq!(config.with_hidden(Hidden::Relu).n_parameters(), Ok(5 * 2 + 5 + 2));
    /// ```
    #[must_use]
    pub fn with_hidden_bias(self, hidden_bias: Bias) -> Self {
        Self {
            hidden_bias,
            ..self
        }
    }

    /// Whether the hidden layer is linear, so that the model depends on `$W_\mathrm{dec}^\top W$` and b alone.
    pub(crate) fn check_linear(&self) -> Result<(), ModelError> {
        match self.hidden {
            Hidden::Linear => Ok(()),
            Hidden::Relu => Err(ModelError::NoExpectedLoss {
                what: "the hidden layer is ReLU",
            }),
        }
    }

    /// Checks that a model of this configuration can be held.
    ///
    /// ```
    /// use superposition_model::{Dimensions, ToyModelConfig};
    ///
    /// let config = ToyModelConfig::new(Dimensions { n_features: 5, n_hidden: 0 });
    /// assert_eq!(config.validate().unwrap_err().to_string(), "n_hidden is 0; it must be at least 1");
    /// ```
    ///
    /// # Errors
    /// [`ModelError::ZeroDimension`] if a size is 0; [`ModelError::TooLarge`] if there would be more than 2^32
    /// parameters; [`ModelError::RedundantBias`] if a linear hidden layer has a bias. Nothing is allocated.
    pub fn validate(&self) -> Result<(), ModelError> {
        self.layout().map(|_| ())
    }

    /// How many parameters a model of this configuration has: `$nm + n$` for the paper's.
    ///
    /// # Errors
    /// Those of [`ToyModelConfig::validate`].
    pub fn n_parameters(&self) -> Result<usize, ModelError> {
        self.layout().map(|layout| layout.len())
    }

    /// Where the parameters lie, or why there is no such model.
    pub(crate) fn layout(&self) -> Result<ParameterLayout, ModelError> {
        let Dimensions {
            n_features,
            n_hidden,
        } = self.dimensions;
        for (name, size) in [("n_features", n_features), ("n_hidden", n_hidden)] {
            if size == 0 {
                return Err(ModelError::ZeroDimension { name });
            }
        }
        if self.hidden == Hidden::Linear && self.hidden_bias == Bias::Learned {
            return Err(ModelError::RedundantBias);
        }
        let too_large = || self.too_large();
        let w_len = n_features.checked_mul(n_hidden).ok_or_else(too_large)?;
        let w_dec_end = match self.coupling {
            Coupling::Tied => w_len,
            Coupling::Untied => w_len.checked_mul(2).ok_or_else(too_large)?,
        };
        let b_end = match self.bias {
            Bias::Learned => w_dec_end.checked_add(n_features).ok_or_else(too_large)?,
            Bias::None => w_dec_end,
        };
        let end = match self.hidden_bias {
            Bias::Learned => b_end.checked_add(n_hidden).ok_or_else(too_large)?,
            Bias::None => b_end,
        };
        if end as u64 > MAX_PARAMETERS {
            return Err(too_large());
        }
        Ok(ParameterLayout {
            w: 0..w_len,
            w_dec: w_dec_end - w_len..w_dec_end,
            b: matches!(self.bias, Bias::Learned).then_some(w_dec_end..b_end),
            b_enc: matches!(self.hidden_bias, Bias::Learned).then_some(b_end..end),
        })
    }

    /// The error that names the sizes.
    pub(crate) fn too_large(&self) -> ModelError {
        let Dimensions {
            n_features,
            n_hidden,
        } = self.dimensions;
        ModelError::TooLarge {
            what: "a toy model",
            sizes: format!("n_features {n_features} x n_hidden {n_hidden}"),
            limit: MAX_PARAMETERS,
        }
    }
}

/// Where the tensors of a [`ToyModel`](crate::ToyModel) lie in its flat parameters.
///
/// ```
/// use superposition_model::{Dimensions, ToyModel, ToyModelConfig};
///
/// let config = ToyModelConfig::new(Dimensions { n_features: 5, n_hidden: 2 });
/// let layout = ToyModel::new(config, vec![0.0; 15]).unwrap().layout();
/// assert_eq!((layout.w, layout.b), (0..10, Some(10..15)));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ParameterLayout {
    /// W, m x n, column-major: a feature's direction is contiguous.
    pub w: Range<usize>,
    /// The decoder's directions, m x n, column-major; the same range as `w` when tied.
    pub w_dec: Range<usize>,
    /// The bias, if there is one.
    pub b: Option<Range<usize>>,
    /// The bias of the encoder, if there is one.
    pub b_enc: Option<Range<usize>>,
}

impl ParameterLayout {
    /// How many parameters there are.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a model has parameters")]
    pub fn len(&self) -> usize {
        let last = self.b_enc.as_ref().or(self.b.as_ref());
        last.map_or(self.w_dec.end, |b| b.end)
    }
}
