//! Toy models in safetensors files, with their recipe in the metadata.

use std::collections::BTreeMap;
use std::path::Path;

use superposition_io::{
    IoError, Overwrite, ReadLimits, TensorFile, TensorToWrite, Values, write_safetensors,
};
use superposition_model::{NamedTensor, ToyModel};

use crate::{LabError, Recipe};

/// The metadata key under which a model file carries its [`Recipe`], as JSON with sorted keys.
pub const RECIPE_KEY: &str = "superposition";

/// Writes a model as safetensors: `W` `[m, n]`, `b` `[n]` (and `W_dec` `[m, n]` when untied), f32,
/// with the recipe under [`RECIPE_KEY`].
///
/// Equal models and recipes give equal bytes: no time, path, host or thread count is stored.
///
/// # Errors
/// The file exists and `overwrite` refuses, or it cannot be written; nothing is left half-written.
pub fn write_model(
    path: &Path,
    model: &ToyModel,
    recipe: &Recipe,
    overwrite: Overwrite,
) -> Result<(), LabError> {
    let metadata = BTreeMap::from([(RECIPE_KEY.to_owned(), recipe_json(recipe)?)]);
    let tensors = model.to_tensors();
    let views: Vec<TensorToWrite<'_>> = tensors
        .iter()
        .map(|tensor| TensorToWrite {
            name: &tensor.name,
            shape: &tensor.shape,
            values: &tensor.values,
        })
        .collect();
    Ok(write_safetensors(path, &views, &metadata, overwrite)?)
}

/// Reads a model written by [`write_model`].
///
/// # Errors
/// The file cannot be read, is not one of ours, or its tensors do not fit its configuration.
pub fn read_model(path: &Path) -> Result<(ToyModel, Recipe), LabError> {
    let file = TensorFile::open(path, &ReadLimits::default())?;
    let recipe = recipe_of(&file)?.ok_or_else(|| LabError::NotAToyModel {
        reason: format!("there is no metadata key {RECIPE_KEY:?}"),
    })?;
    let names: Vec<String> = file
        .tensors()
        .iter()
        .map(|info| info.name.clone())
        .collect();
    let tensors = names
        .iter()
        .map(|name| read_f32(&file, name))
        .collect::<Result<Vec<_>, IoError>>()?;
    Ok((ToyModel::from_tensors(recipe.model, &tensors)?, recipe))
}

/// A tensor of a file, rounded to f32 where it is not.
pub(crate) fn read_f32(file: &TensorFile, name: &str) -> Result<NamedTensor, IoError> {
    let tensor = file.read(name)?;
    let values = match tensor.values {
        Values::F32(values) => values,
        Values::F64(values) => values.into_iter().map(|value| value as f32).collect(),
    };
    Ok(NamedTensor {
        name: name.to_owned(),
        shape: tensor.info.shape,
        values,
    })
}

/// A recipe as JSON with sorted keys.
pub(crate) fn recipe_json(recipe: &Recipe) -> Result<String, LabError> {
    // Through `Value`, whose maps are sorted: the key order does not depend on declarations.
    serde_json::to_value(recipe)
        .map(|value| value.to_string())
        .map_err(|error| LabError::NotAToyModel {
            reason: error.to_string(),
        })
}

/// The recipe in a file's metadata, if it is one of our models.
pub(crate) fn recipe_of(file: &TensorFile) -> Result<Option<Recipe>, LabError> {
    file.metadata()
        .get(RECIPE_KEY)
        .map(|text| {
            serde_json::from_str(text).map_err(|error| LabError::NotAToyModel {
                reason: error.to_string(),
            })
        })
        .transpose()
}
