//! `analyze --list`: what a file holds.

use std::path::Path;

use serde::Serialize;
use superposition_io::{ReadLimits, TensorFile, TensorInfo};

use crate::LabError;
use crate::model_file::recipe_of;

/// The JSON document of `superposition analyze --list`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct TensorsDocument {
    /// `superposition/tensors/v1`.
    pub schema: &'static str,
    /// Whether the file is a toy model written by this workspace.
    pub toy_model: bool,
    /// Its tensors.
    pub tensors: Vec<TensorInfo>,
}

/// Lists the tensors of a file, or of the one in a folder, without reading their values.
///
/// # Errors
/// The file cannot be read.
pub fn list_tensors(path: &Path) -> Result<TensorsDocument, LabError> {
    let file = TensorFile::open_dictionary(path, &ReadLimits::default())?;
    Ok(TensorsDocument {
        schema: "superposition/tensors/v1",
        toy_model: recipe_of(&file).is_ok_and(|recipe| recipe.is_some()),
        tensors: file.tensors().to_vec(),
    })
}
