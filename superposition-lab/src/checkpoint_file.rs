//! Trainings that were stopped, in safetensors files.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use superposition_io::{Overwrite, ReadLimits, TensorFile, TensorToWrite, write_safetensors};
use superposition_model::{ModelError, NamedTensor, ToyModel, ToyModelConfig};
use superposition_train::Checkpoint;

use crate::model_file::{read_f32, recipe_json, recipe_of};
use crate::{History, LabError, RECIPE_KEY, Recipe, Tracker};

/// The metadata key under which a checkpoint file carries its step and its history, as JSON.
pub const CHECKPOINT_KEY: &str = "superposition.checkpoint";

/// What the names of the tensors of Adam's first moment begin with.
const FIRST_MOMENT: &str = "first_moment.";
/// What those of the second begin with.
const SECOND_MOMENT: &str = "second_moment.";
/// The losses so far.
const LOSSES: &str = "losses";

/// A training that was stopped: all that is needed to go on with it.
///
/// Made by [`train_tracked`](crate::train_tracked), which also goes on from it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct SavedTraining {
    /// What is trained.
    pub recipe: Recipe,
    /// The parameters, both moments, and the number of steps made.
    pub checkpoint: Checkpoint,
    /// The batch losses so far.
    pub losses: Vec<f32>,
    /// The history so far.
    pub tracker: Tracker,
}

/// The metadata besides the recipe.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Position {
    step: usize,
    tracker: Tracker,
}

impl SavedTraining {
    /// The history until the step at which the training was stopped, that step included.
    ///
    /// # Errors
    /// The parameters do not fit the recipe.
    pub fn history(&self) -> Result<History, LabError> {
        let model = self.checkpoint.model(self.recipe.model)?;
        Ok(self.tracker.clone().finish(self.checkpoint.step, &model))
    }

    /// Checks that this is a training of `recipe` with a history row every so many steps.
    ///
    /// The instructions used do not count: they change no bit.
    ///
    /// # Errors
    /// [`LabError::OtherTraining`] with the first field that differs.
    pub fn check(&self, recipe: &Recipe, history_every: usize) -> Result<(), LabError> {
        let every = self.tracker.every();
        let difference = first_difference("", &json(&self.recipe)?, &json(recipe)?).or_else(|| {
            (every != history_every.max(1)).then(|| {
                let name = "history_every".to_owned();
                (name, every.to_string(), history_every.to_string())
            })
        });
        match difference {
            Some((field, saved, given)) => Err(LabError::OtherTraining {
                field,
                saved,
                given,
            }),
            None => Ok(()),
        }
    }
}

fn json(recipe: &Recipe) -> Result<Value, LabError> {
    serde_json::to_value(recipe).map_err(|error| LabError::NotAToyModel {
        reason: error.to_string(),
    })
}

/// The path of the first value that differs, in the order of keys, and both values.
fn first_difference(path: &str, a: &Value, b: &Value) -> Option<(String, String, String)> {
    if a == b {
        return None;
    }
    if let (Value::Object(a), Value::Object(b)) = (a, b)
        && a.keys().eq(b.keys())
    {
        let dot = if path.is_empty() { "" } else { "." };
        return a
            .iter()
            .zip(b.values())
            .find_map(|((key, a), b)| first_difference(&format!("{path}{dot}{key}"), a, b));
    }
    Some((path.to_owned(), a.to_string(), b.to_string()))
}

/// Writes a training that was stopped: the tensors of the model under their usual names, the two
/// moments as tensors of the same shapes under `first_moment.` and `second_moment.` and those names,
/// the losses so far, and as metadata the recipe under [`RECIPE_KEY`] and the step with the history
/// so far under [`CHECKPOINT_KEY`], as JSON with sorted keys.
///
/// # Errors
/// The file exists and `overwrite` refuses, or it cannot be written; nothing is left half-written.
pub fn write_checkpoint(
    path: &Path,
    saved: &SavedTraining,
    overwrite: Overwrite,
) -> Result<(), LabError> {
    let Checkpoint {
        step,
        parameters,
        first_moment,
        second_moment,
    } = &saved.checkpoint;
    let position = Position {
        step: *step,
        tracker: saved.tracker.clone(),
    };
    // Through `Value`, whose maps are sorted.
    let position = serde_json::to_value(&position).map_err(not_a_checkpoint)?;
    let metadata = BTreeMap::from([
        (RECIPE_KEY.to_owned(), recipe_json(&saved.recipe)?),
        (CHECKPOINT_KEY.to_owned(), position.to_string()),
    ]);
    let config = saved.recipe.model;
    let mut tensors = prefixed("", config, parameters)?;
    tensors.extend(prefixed(FIRST_MOMENT, config, first_moment)?);
    tensors.extend(prefixed(SECOND_MOMENT, config, second_moment)?);
    let n_losses = [saved.losses.len()];
    let mut views: Vec<TensorToWrite<'_>> = tensors
        .iter()
        .map(|tensor| TensorToWrite {
            name: &tensor.name,
            shape: &tensor.shape,
            values: &tensor.values,
        })
        .collect();
    views.push(TensorToWrite {
        name: LOSSES,
        shape: &n_losses,
        values: &saved.losses,
    });
    Ok(write_safetensors(path, &views, &metadata, overwrite)?)
}

/// Reads what [`write_checkpoint`] wrote.
///
/// # Errors
/// The file cannot be read, is not a checkpoint, or its parts do not fit each other.
pub fn read_checkpoint(path: &Path) -> Result<SavedTraining, LabError> {
    let file = TensorFile::open(path, &ReadLimits::default())?;
    let wrong = |reason: &str| LabError::NotACheckpoint {
        reason: reason.to_owned(),
    };
    let recipe = recipe_of(&file)?.ok_or_else(|| wrong("it has no recipe"))?;
    let position = file.metadata().get(CHECKPOINT_KEY);
    let position = position.ok_or_else(|| wrong("it holds a model, but nothing to go on from"))?;
    let Position { step, tracker } = serde_json::from_str(position).map_err(not_a_checkpoint)?;
    let (mut model, mut first, mut second, mut losses) = (vec![], vec![], vec![], None);
    for info in file.tensors() {
        let mut tensor = read_f32(&file, &info.name)?;
        if info.name == LOSSES {
            losses = Some(tensor.values);
        } else if let Some(name) = info.name.strip_prefix(FIRST_MOMENT) {
            name.clone_into(&mut tensor.name);
            first.push(tensor);
        } else if let Some(name) = info.name.strip_prefix(SECOND_MOMENT) {
            name.clone_into(&mut tensor.name);
            second.push(tensor);
        } else {
            model.push(tensor);
        }
    }
    let losses = losses.ok_or_else(|| wrong("it has no losses"))?;
    if step == 0 || losses.len() != step.div_ceil(recipe.train.loss_every.max(1)) {
        return Err(wrong("it has not as many losses as steps"));
    }
    let flat = |tensors: &[NamedTensor]| -> Result<Vec<f32>, ModelError> {
        Ok(ToyModel::from_tensors(recipe.model, tensors)?
            .parameters()
            .to_vec())
    };
    Ok(SavedTraining {
        checkpoint: Checkpoint {
            step,
            parameters: flat(&model)?,
            first_moment: flat(&first)?,
            second_moment: flat(&second)?,
        },
        losses,
        tracker,
        recipe,
    })
}

/// Values that lie as the parameters do, as tensors with a prefix before their names.
fn prefixed(
    prefix: &str,
    config: ToyModelConfig,
    values: &[f32],
) -> Result<Vec<NamedTensor>, ModelError> {
    let mut tensors = ToyModel::new(config, values.to_vec())?.to_tensors();
    for tensor in &mut tensors {
        tensor.name.insert_str(0, prefix);
    }
    Ok(tensors)
}

fn not_a_checkpoint(error: serde_json::Error) -> LabError {
    LabError::NotACheckpoint {
        reason: error.to_string(),
    }
}
