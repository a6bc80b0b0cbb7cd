//! How often features fire, from a file.

use std::path::Path;

use serde::Serialize;
use superposition_io::{ReadLimits, TensorFile, Values};

use crate::autoencoder::Quantiles;
use crate::{AnalyzeOptions, DeadFeatures, LabError};

/// A feature that fires more rarely than this is dead: SAELens' threshold.
pub const DEAD_FIRING_RATE: f64 = 1e-8;

/// What SAELens adds to a rate before it takes the logarithm.
const SAELENS_FLOOR: f64 = 1e-10;

/// How often the features of a dictionary fire: part of the analysis document.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct FiringSummary {
    /// The shares of samples in which features are active.
    pub rate: Quantiles,
    /// Features below this rate are dead.
    pub dead_below: f64,
    /// How many are dead.
    pub n_dead: usize,
    /// Whether their directions were set to zero.
    pub masked: bool,
    /// A rate per feature.
    #[serde(skip)]
    pub rates: Vec<f64>,
}

pub(crate) fn is_dead(rate: f64) -> bool {
    rate < DEAD_FIRING_RATE
}

/// Reads the share of samples in which each feature is active, in [0, 1].
///
/// The file holds one vector of floating-point numbers. A vector named `sparsity` in safetensors is that of SAELens'
/// `sparsity.safetensors`: the logarithm to base 10 of the rate plus 1e-10, and read as such.
///
/// # Errors
/// The file cannot be read, holds no such vector or several, has another number of values than there are features, or
/// a value is no rate (which one is named).
pub fn read_firing_rates(path: &Path, n_features: usize) -> Result<Vec<f64>, LabError> {
    let file = TensorFile::open(path, &ReadLimits::default())?;
    let mut vectors = file
        .tensors()
        .iter()
        .filter(|tensor| tensor.is_readable() && tensor.shape.len() == 1);
    let wrong = |reason: String| LabError::FiringRates {
        path: path.to_owned(),
        reason,
    };
    let (Some(vector), None) = (vectors.next(), vectors.next()) else {
        return Err(wrong(
            "it must hold one vector of floating-point numbers, a rate per feature".to_owned(),
        ));
    };
    firing_rates(&file, &vector.name, n_features)
}

/// The rates in a vector of a file.
pub(crate) fn firing_rates(
    file: &TensorFile,
    name: &str,
    n_features: usize,
) -> Result<Vec<f64>, LabError> {
    let values = match file.read(name)?.values {
        Values::F32(values) => values.into_iter().map(f64::from).collect(),
        Values::F64(values) => values,
    };
    let wrong = |reason: String| LabError::FiringRates {
        path: file.path().to_owned(),
        reason,
    };
    if values.len() != n_features {
        return Err(wrong(format!(
            "it has {} rates, and there are {n_features} features",
            values.len()
        )));
    }
    let is_logarithm =
        name == "sparsity" && file.path().extension() == Some("safetensors".as_ref());
    values
        .into_iter()
        .enumerate()
        .map(|(i, value)| {
            let rate = if is_logarithm {
                // A rate of one comes out a little above it.
                (10.0_f64.powf(value) - SAELENS_FLOOR).clamp(0.0, 1.0)
            } else {
                value
            };
            let is_rate = if is_logarithm {
                value <= 1e-6
            } else {
                (0.0..=1.0).contains(&value)
            };
            if is_rate {
                Ok(rate)
            } else {
                let expected = if is_logarithm {
                    "the logarithm of a rate is at most 0"
                } else {
                    "a rate is between 0 and 1"
                };
                Err(wrong(format!("feature {i} has {value}: {expected}")))
            }
        })
        .collect()
}

/// The firing rates that the options name.
pub(crate) fn rates_of(
    options: &AnalyzeOptions,
    n_features: usize,
) -> Result<Option<Vec<f64>>, LabError> {
    let path = options.firing_rates.as_ref();
    path.map(|path| read_firing_rates(path, n_features))
        .transpose()
}

/// Features can be masked only where it is known which are dead.
pub(crate) fn check_dead(options: &AnalyzeOptions, rates: Option<&[f64]>) -> Result<(), LabError> {
    if options.dead == DeadFeatures::Mask && rates.is_none() {
        return Err(LabError::Option {
            name: "what becomes of dead features",
            value: "mask".to_owned(),
            expected: "firing rates are needed to know them: give a file of them",
        });
    }
    Ok(())
}

/// Which directions are set to zero.
pub(crate) fn masked(options: &AnalyzeOptions, rates: Option<&[f64]>) -> Option<Vec<bool>> {
    let is_masked = options.dead == DeadFeatures::Mask;
    rates
        .filter(|_| is_masked)
        .map(|rates| rates.iter().map(|rate| is_dead(*rate)).collect())
}

/// None without features.
pub(crate) fn summarize_firing(rates: Vec<f64>, dead: DeadFeatures) -> Option<FiringSummary> {
    Some(FiringSummary {
        rate: Quantiles::of(&rates)?,
        dead_below: DEAD_FIRING_RATE,
        n_dead: rates.iter().filter(|rate| is_dead(**rate)).count(),
        masked: dead == DeadFeatures::Mask,
        rates,
    })
}
