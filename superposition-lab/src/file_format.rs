//! Which tensor of a file is the dictionary, and which side its features are.

use serde::Serialize;
use superposition_io::{DictionaryFormat, DictionaryLayout, Orientation, StoredMatrix, TensorFile};

use crate::model_file::recipe_of;
use crate::{AnalyzeOptions, LabError, TOY_MIN_NORM};

/// What a file is read as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FileFormat {
    /// What its metadata, the names of its tensors and the configuration beside it say.
    #[default]
    Auto,
    /// A toy model of this workspace.
    ToyModel,
    /// Any matrix: safetensors of any model (such as the weight `[out, in]` of a linear layer), npy, npz. Which
    /// side its features are has to be said.
    Matrix,
    /// The dictionary of another program.
    Dictionary(DictionaryFormat),
}

/// Which file format was decided on, and why: part of the analysis document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct FormatDecision {
    /// `toy-model`, `matrix`, or the name of a [`DictionaryFormat`].
    pub name: &'static str,
    /// What decided it.
    pub reason: String,
    /// The architecture of an autoencoder, where its configuration names it.
    pub architecture: Option<String>,
}

/// The dictionary of a file, found and not read.
pub(crate) struct Found<'a> {
    pub(crate) matrix: StoredMatrix<'a>,
    pub(crate) features: Orientation,
    pub(crate) min_norm: f64,
    pub(crate) format: FormatDecision,
    /// Where the other parts are, if the matrix is the decoder of another program's dictionary.
    pub(crate) layout: Option<DictionaryLayout>,
}

impl Found<'_> {
    /// (hidden dimensions, features).
    pub(crate) fn shape(&self) -> (usize, usize) {
        let (n_rows, n_cols) = (self.matrix.n_rows(), self.matrix.n_cols());
        match self.features {
            Orientation::Rows => (n_cols, n_rows),
            Orientation::Columns => (n_rows, n_cols),
        }
    }
}

/// Decides what to read, by the options first and then by the file; never by a shape.
pub(crate) fn find_dictionary<'a>(
    file: &'a TensorFile,
    options: &AnalyzeOptions,
) -> Result<Found<'a>, LabError> {
    // Another program may use the same metadata key: then it is any other file.
    let is_toy_model = match options.format {
        FileFormat::Auto => recipe_of(file).is_ok_and(|recipe| recipe.is_some()),
        FileFormat::ToyModel => match recipe_of(file)? {
            Some(_) => true,
            None => {
                return Err(LabError::NotAToyModel {
                    reason: "the file has none".to_owned(),
                });
            }
        },
        _ => false,
    };
    let layout = match options.format {
        FileFormat::Auto if !is_toy_model => {
            match (file.dictionary_layout(None), &options.tensor) {
                // A file of no known layout is any file to who says which tensor is meant.
                (Err(_), Some(_)) => None,
                (layout, _) => layout?,
            }
        }
        FileFormat::Dictionary(format) => file.dictionary_layout(Some(format))?,
        _ => None,
    };
    let tensor = match (&options.tensor, &layout) {
        (Some(name), _) => Some(name.as_str()),
        (None, Some(layout)) => Some(layout.decoder.tensor.as_str()),
        (None, None) if is_toy_model => Some("W"),
        (None, None) => None,
    };
    let matrix = file.matrix(tensor, options.slice)?;
    let by_format = match &layout {
        Some(layout) => layout.features_of(matrix.name()),
        None => is_toy_model.then_some(Orientation::Columns),
    };
    let Some(features) = options.features.or(by_format) else {
        return Err(LabError::UnknownOrientation {
            tensor: matrix.name().to_owned(),
            n_rows: matrix.n_rows(),
            n_cols: matrix.n_cols(),
        });
    };
    let format = match &layout {
        Some(layout) => FormatDecision {
            name: layout.format.name(),
            reason: layout.reason.clone(),
            architecture: layout.architecture.clone(),
        },
        None if is_toy_model => FormatDecision {
            name: "toy-model",
            reason: "its metadata has a toy model's configuration".to_owned(),
            architecture: None,
        },
        None => FormatDecision {
            name: "matrix",
            reason: match options.format {
                FileFormat::Auto => "neither its tensors nor a file beside it say more".to_owned(),
                _ => "the caller said so".to_owned(),
            },
            architecture: None,
        },
    };
    let layout = layout.filter(|layout| {
        matrix.name() == layout.decoder.tensor && features == layout.decoder.features
    });
    Ok(Found {
        matrix,
        features,
        min_norm: options
            .min_norm
            .unwrap_or(if is_toy_model { TOY_MIN_NORM } else { 0.0 }),
        format,
        layout,
    })
}
