//! Arguments that several functions take. There are no defaults here: an argument that is not given leaves the value
//! of the option struct.

use std::fmt::Display;
use std::num::NonZeroUsize;
use std::str::FromStr;

use pyo3::prelude::*;
use pyo3::types::PyString;
use serde::de::DeserializeOwned;
use superposition_lab::model::{FeatureProbability, Importance, ToyModelConfig};
use superposition_lab::train::TrainOptions;
use superposition_lab::{DecoderNorms, FileFormat, available_threads, probability_of};

use crate::arrays::numbers;
use crate::failure::wrong;

/// Yes, no, or yes with a value of its own.
#[derive(FromPyObject)]
pub(crate) enum Wanted<T> {
    Flag(bool),
    Value(T),
}

/// Replaces the value of an option if one is given.
pub(crate) fn set<T>(field: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *field = value;
    }
}

/// One of the names that an option's type has in documents.
pub(crate) fn choice<T: DeserializeOwned>(name: &str, text: Option<&str>) -> PyResult<Option<T>> {
    let parse = |text: &str| {
        serde_json::from_value(text.into()).map_err(|error| wrong(format!("{name}: {error}")))
    };
    text.map(parse).transpose()
}

/// An option in the form that the command line takes.
pub(crate) fn parse<T: FromStr<Err: Display>>(
    name: &str,
    text: Option<&str>,
) -> PyResult<Option<T>> {
    let parse = |text: &str| {
        text.parse()
            .map_err(|error| wrong(format!("{name}: {error}")))
    };
    text.map(parse).transpose()
}

/// As many as there are, unless a number is given; results do not depend on it.
pub(crate) fn threads(given: Option<NonZeroUsize>) -> NonZeroUsize {
    given.unwrap_or_else(available_threads)
}

/// What a file is read as.
pub(crate) fn file_format(name: &str, text: Option<&str>) -> PyResult<FileFormat> {
    Ok(match text {
        None | Some("auto") => FileFormat::Auto,
        Some("toy-model") => FileFormat::ToyModel,
        Some("matrix") => FileFormat::Matrix,
        other => match choice(name, other)? {
            Some(format) => FileFormat::Dictionary(format),
            None => FileFormat::Auto,
        },
    })
}

/// What happens to the norms of a decoder.
pub(crate) fn decoder_norms(text: Option<&str>) -> PyResult<Option<DecoderNorms>> {
    Ok(match text {
        None => None,
        Some("fold") => Some(DecoderNorms::Fold),
        Some("keep") => Some(DecoderNorms::Keep),
        Some(other) => {
            return Err(wrong(format!(
                "decoder_norms is {other:?}; it is \"fold\" or \"keep\""
            )));
        }
    })
}

/// Text such as `geometric:0.7`, or a number for each feature.
pub(crate) fn importance(object: Option<&Bound<'_, PyAny>>) -> PyResult<Option<Importance>> {
    let Some(object) = object else {
        return Ok(None);
    };
    if let Ok(text) = object.cast::<PyString>() {
        return parse("importance", Some(text.extract()?));
    }
    let (shape, values) = numbers("importance", object)?;
    one_dimension("importance", &shape)?;
    Ok(Some(Importance::Explicit(values)))
}

/// How often features are active, said in one of two ways: a number, one for each feature, or text such as `power:1:2`.
pub(crate) fn probability(
    feature_probability: Option<&Bound<'_, PyAny>>,
    sparsity: Option<f64>,
) -> PyResult<Option<FeatureProbability>> {
    match (feature_probability, sparsity) {
        (Some(_), Some(_)) => Err(wrong("pass feature_probability or sparsity, not both")),
        (None, None) => Ok(None),
        (None, Some(sparsity)) => {
            check_sparsity(sparsity)?;
            Ok(Some(FeatureProbability::Same(probability_of(sparsity))))
        }
        (Some(object), None) => {
            if let Ok(text) = object.cast::<PyString>() {
                return parse("feature_probability", Some(text.extract()?));
            }
            let (shape, values) = numbers("feature_probability", object)?;
            match &shape[..] {
                [] => Ok(Some(FeatureProbability::Same(values[0]))),
                _ => {
                    one_dimension("feature_probability", &shape)?;
                    Ok(Some(FeatureProbability::PerFeature(values)))
                }
            }
        }
    }
}

pub(crate) fn check_sparsity(sparsity: f64) -> PyResult<()> {
    match (0.0..=1.0).contains(&sparsity) {
        true => Ok(()),
        false => Err(wrong(format!(
            "sparsity is {sparsity}; it is a probability, from 0 (every feature always active) to 1 (never)"
        ))),
    }
}

fn one_dimension(name: &str, shape: &[usize]) -> PyResult<()> {
    match shape {
        [_] => Ok(()),
        _ => Err(wrong(format!(
            "{name} has shape {shape:?}; it must have one dimension, a number for each feature"
        ))),
    }
}

/// The arguments that say which toy model.
#[derive(Default)]
pub(crate) struct ModelArguments<'a> {
    pub(crate) n_features: Option<usize>,
    pub(crate) n_hidden: Option<usize>,
    pub(crate) output: Option<&'a str>,
    pub(crate) bias: Option<&'a str>,
    pub(crate) coupling: Option<&'a str>,
}

impl ModelArguments<'_> {
    pub(crate) fn apply(&self, model: &mut ToyModelConfig) -> PyResult<()> {
        set(&mut model.dimensions.n_features, self.n_features);
        set(&mut model.dimensions.n_hidden, self.n_hidden);
        set(&mut model.output, choice("output", self.output)?);
        set(&mut model.bias, choice("bias", self.bias)?);
        set(&mut model.coupling, choice("coupling", self.coupling)?);
        Ok(())
    }
}

/// The arguments that say how it is trained.
#[derive(Default)]
pub(crate) struct TrainArguments<'a> {
    pub(crate) n_steps: Option<usize>,
    pub(crate) batch_size: Option<usize>,
    pub(crate) learning_rate: Option<f64>,
    pub(crate) schedule: Option<&'a str>,
    pub(crate) warmup_steps: Option<usize>,
    pub(crate) weight_decay: Option<f64>,
    pub(crate) l2: Option<f64>,
    pub(crate) clip_norm: Option<f64>,
    pub(crate) loss_below: Option<f64>,
    pub(crate) loss_every: Option<usize>,
    pub(crate) initialization: Option<&'a str>,
    pub(crate) seed: Option<u64>,
    pub(crate) kernel: Option<&'a str>,
    pub(crate) step_form: Option<&'a str>,
}

impl TrainArguments<'_> {
    pub(crate) fn apply(&self, train: &mut TrainOptions) -> PyResult<()> {
        set(&mut train.n_steps, self.n_steps);
        set(&mut train.batch_size, self.batch_size);
        set(&mut train.adam.learning_rate, self.learning_rate);
        set(&mut train.adam.weight_decay, self.weight_decay);
        set(&mut train.adam.l2, self.l2);
        set(&mut train.schedule.decay, parse("schedule", self.schedule)?);
        set(&mut train.schedule.warmup_steps, self.warmup_steps);
        set(&mut train.loss_every, self.loss_every);
        set(
            &mut train.initialization,
            parse("initialization", self.initialization)?,
        );
        set(&mut train.seed, self.seed);
        set(&mut train.kernel, parse("kernel", self.kernel)?);
        set(&mut train.step_form, parse("step_form", self.step_form)?);
        train.clip_norm = self.clip_norm.or(train.clip_norm);
        train.loss_below = self.loss_below.or(train.loss_below);
        Ok(())
    }
}
