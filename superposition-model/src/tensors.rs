//! Models to and from named tensors, which a file can hold.

use crate::sae::{SaeConfig, SaeDimensions, SparseAutoencoder};
use crate::{Dimensions, ModelError, ToyModel, ToyModelConfig};

/// A tensor with its name and shape, row-major as in PyTorch and safetensors.
///
/// ```
/// use superposition_model::NamedTensor;
///
/// let b = NamedTensor { name: "b".into(), shape: vec![2], values: vec![0.0, 0.5] };
/// assert_eq!(b.shape.iter().product::<usize>(), b.values.len());
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct NamedTensor {
    /// Its name.
    pub name: String,
    /// Its shape.
    pub shape: Vec<usize>,
    /// Its values, row-major.
    pub values: Vec<f32>,
}

impl ToyModel {
    /// Its tensors: `W` \[m, n\], `W_dec` \[m, n\] if untied, `b` \[n\] if there is a bias, `b_enc`
    /// \[m\] if the encoder has one.
    ///
    /// The configuration is not among them: store it beside them. Values are copied bit for bit.
    ///
    /// ```
    /// use superposition_model::{Dimensions, ToyModel, ToyModelConfig};
    ///
    /// let config = ToyModelConfig::new(Dimensions { n_features: 2, n_hidden: 2 });
    /// let model = ToyModel::new(config, vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]).unwrap();
    /// let tensors = model.to_tensors();
    /// assert_eq!((tensors[0].name.as_str(), &tensors[0].shape[..]), ("W", &[2, 2][..]));
    /// assert_eq!(tensors[0].values, [1.0, 3.0, 2.0, 4.0]); // row by row; columns are features
    /// assert_eq!(ToyModel::from_tensors(config, &tensors), Ok(model));
    /// ```
    #[must_use]
    pub fn to_tensors(&self) -> Vec<NamedTensor> {
        to_tensors(self.parameters(), &toy_specs(self.config()))
    }

    /// The model of these tensors, in any order.
    ///
    /// # Errors
    /// Those of [`ToyModel::new`]; [`ModelError::MissingTensor`], [`ModelError::UnexpectedTensor`],
    /// [`ModelError::DuplicateTensor`], [`ModelError::TensorShape`] and [`ModelError::TensorLength`] if they are not
    /// exactly those of this configuration.
    pub fn from_tensors(
        config: ToyModelConfig,
        tensors: &[NamedTensor],
    ) -> Result<Self, ModelError> {
        config.validate()?;
        Self::new(config, from_tensors(tensors, &toy_specs(&config))?)
    }
}

impl SparseAutoencoder {
    /// Its tensors: `W_enc` \[d_in, d_sae\], `W_dec` \[d_in, d_sae\], `b_enc` \[d_sae\], `b_dec` \[d_in\].
    ///
    /// SAELens stores W_dec as \[d_sae, d_in\]: transpose it on the way. Values are copied bit for bit.
    ///
    /// ```
    /// use superposition_model::sae::{SaeConfig, SaeDimensions, SparseAutoencoder};
    ///
    /// let config = SaeConfig::new(SaeDimensions { d_in: 1, d_sae: 1 });
    /// let sae = SparseAutoencoder::new(config, vec![1.0, 2.0, 3.0, 4.0]).unwrap();
    /// let names: Vec<String> = sae.to_tensors().into_iter().map(|tensor| tensor.name).collect();
    /// assert_eq!(names, ["W_enc", "W_dec", "b_enc", "b_dec"]);
    /// assert_eq!(SparseAutoencoder::from_tensors(config, &sae.to_tensors()), Ok(sae));
    /// ```
    #[must_use]
    pub fn to_tensors(&self) -> Vec<NamedTensor> {
        to_tensors(self.parameters(), &sae_specs(self.config()))
    }

    /// The autoencoder of these tensors, in any order.
    ///
    /// # Errors
    /// Those of [`SparseAutoencoder::new`] and, for the tensors, of [`ToyModel::from_tensors`].
    pub fn from_tensors(config: SaeConfig, tensors: &[NamedTensor]) -> Result<Self, ModelError> {
        config.validate()?;
        Self::new(config, from_tensors(tensors, &sae_specs(&config))?)
    }
}

/// A tensor as the flat parameters hold it: a vector, or a column-major matrix.
struct Spec {
    name: &'static str,
    shape: Vec<usize>,
}

/// The tensors of a toy model in the order of its parameters.
fn toy_specs(config: &ToyModelConfig) -> Vec<Spec> {
    use crate::{Bias, Coupling};
    let Dimensions {
        n_features,
        n_hidden,
    } = config.dimensions;
    let mut specs = vec![Spec {
        name: "W",
        shape: vec![n_hidden, n_features],
    }];
    if config.coupling == Coupling::Untied {
        specs.push(Spec {
            name: "W_dec",
            shape: vec![n_hidden, n_features],
        });
    }
    if config.bias == Bias::Learned {
        specs.push(Spec {
            name: "b",
            shape: vec![n_features],
        });
    }
    if config.hidden_bias == Bias::Learned {
        specs.push(Spec {
            name: "b_enc",
            shape: vec![n_hidden],
        });
    }
    specs
}

/// The tensors of a sparse autoencoder in the order of its parameters.
fn sae_specs(config: &SaeConfig) -> Vec<Spec> {
    let SaeDimensions { d_in, d_sae } = config.dimensions;
    vec![
        Spec {
            name: "W_enc",
            shape: vec![d_in, d_sae],
        },
        Spec {
            name: "W_dec",
            shape: vec![d_in, d_sae],
        },
        Spec {
            name: "b_enc",
            shape: vec![d_sae],
        },
        Spec {
            name: "b_dec",
            shape: vec![d_in],
        },
    ]
}

fn to_tensors(mut parameters: &[f32], specs: &[Spec]) -> Vec<NamedTensor> {
    let mut tensors = Vec::with_capacity(specs.len());
    for Spec { name, shape } in specs {
        let (values, rest) = parameters.split_at(shape.iter().product());
        parameters = rest;
        let values = match shape[..] {
            [n_rows, n_cols] => transposed(values, n_rows, n_cols),
            _ => values.to_vec(),
        };
        tensors.push(NamedTensor {
            name: (*name).to_owned(),
            shape: shape.clone(),
            values,
        });
    }
    tensors
}

/// The flat parameters of these tensors. Sizes come from the configuration, which is validated; those that the tensors
/// claim are only compared.
fn from_tensors(tensors: &[NamedTensor], specs: &[Spec]) -> Result<Vec<f32>, ModelError> {
    for (k, tensor) in tensors.iter().enumerate() {
        if !specs.iter().any(|spec| spec.name == tensor.name) {
            let expected = specs.iter().map(|spec| spec.name).collect();
            return Err(ModelError::UnexpectedTensor {
                name: tensor.name.clone(),
                expected,
            });
        }
        if tensors[..k]
            .iter()
            .any(|earlier| earlier.name == tensor.name)
        {
            return Err(ModelError::DuplicateTensor {
                name: tensor.name.clone(),
            });
        }
    }
    let mut parameters = Vec::new();
    for Spec { name, shape } in specs {
        let Some(tensor) = tensors.iter().find(|tensor| tensor.name == *name) else {
            let found = tensors.iter().map(|tensor| tensor.name.clone()).collect();
            return Err(ModelError::MissingTensor { name, found });
        };
        if tensor.shape != *shape {
            return Err(ModelError::TensorShape {
                name,
                found: tensor.shape.clone(),
                expected: shape.clone(),
            });
        }
        let (found, expected) = (tensor.values.len(), shape.iter().product());
        if found != expected {
            return Err(ModelError::TensorLength {
                name,
                found,
                expected,
            });
        }
        match shape[..] {
            [n_rows, n_cols] => parameters.extend(transposed(&tensor.values, n_cols, n_rows)),
            _ => parameters.extend_from_slice(&tensor.values),
        }
    }
    Ok(parameters)
}

/// A column-major matrix of these sizes as row-major, or the other way round with the sizes exchanged.
fn transposed(values: &[f32], n_rows: usize, n_cols: usize) -> Vec<f32> {
    let mut out = Vec::with_capacity(values.len());
    for i in 0..n_rows {
        out.extend((0..n_cols).map(|j| values[j * n_rows + i]));
    }
    out
}
