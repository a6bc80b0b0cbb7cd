//! `sample`: features, hidden activations and reconstructions of a toy model, in a file.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;
use superposition_analysis::faer::MatRef;
use superposition_io::{Overwrite, TensorToWrite, write_safetensors};
use superposition_model::Dimensions;
use superposition_train::Stream;

use crate::{LabError, read_model};

/// Most values of a file of samples: 4 GiB of f32.
const MAX_VALUES: usize = 1 << 30;

/// The JSON document of `superposition sample`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct SampleDocument {
    /// `superposition/sample/v1`.
    pub schema: &'static str,
    /// Samples N.
    pub n_samples: usize,
    /// Features n.
    pub n_features: usize,
    /// Hidden dimensions m.
    pub n_hidden: usize,
    /// Seed of the samples.
    pub seed: u64,
    /// Tensors of the file, with a sample per row.
    pub tensors: [&'static str; 3],
}

/// Draws sparse features from a model's own distribution, encodes and reconstructs them, and
/// writes `features` `[N, n]`, `hidden` `[N, m]` and `reconstruction` `[N, n]` in f32.
///
/// # Errors
/// The model cannot be read, there are no samples, or the file cannot be written.
pub fn sample_model(
    model: &Path,
    n_samples: usize,
    seed: Option<u64>,
    out: &Path,
    overwrite: Overwrite,
) -> Result<SampleDocument, LabError> {
    let (model, recipe) = read_model(model)?;
    let Dimensions {
        n_features,
        n_hidden,
    } = model.dimensions();
    let n_values = n_samples.checked_mul(2 * n_features + n_hidden);
    if !n_values.is_some_and(|n_values| (1..=MAX_VALUES).contains(&n_values)) {
        return Err(LabError::Option {
            name: "n_samples",
            value: n_samples.to_string(),
            expected: "there must be at least one sample, and at most 2^30 values of features, hidden and reconstruction together",
        });
    }
    let seed = seed.unwrap_or(recipe.train.seed);
    let mut rng = Stream::Evaluation.rng(seed, 1, 0);
    let features = recipe.task()?.distribution.sample(n_samples, &mut rng);
    let hidden = model.encode(features.as_ref());
    let reconstruction = model.reconstruct(features.as_ref());
    let tensors = ["features", "hidden", "reconstruction"];
    let values =
        [&features, &hidden, &reconstruction].map(|matrix| samples_as_rows(matrix.as_ref()));
    let shapes = [&features, &hidden, &reconstruction].map(|matrix| [n_samples, matrix.nrows()]);
    let views: Vec<TensorToWrite<'_>> = (0..3)
        .map(|k| TensorToWrite {
            name: tensors[k],
            shape: &shapes[k],
            values: &values[k],
        })
        .collect();
    write_safetensors(out, &views, &BTreeMap::new(), overwrite)?;
    Ok(SampleDocument {
        schema: "superposition/sample/v1",
        n_samples,
        n_features: features.nrows(),
        n_hidden: hidden.nrows(),
        seed,
        tensors,
    })
}

/// A d x N matrix with samples as columns, written with samples as rows.
fn samples_as_rows(matrix: MatRef<'_, f32>) -> Vec<f32> {
    let mut values = Vec::with_capacity(matrix.nrows() * matrix.ncols());
    for sample in 0..matrix.ncols() {
        values.extend(matrix.col(sample).iter().copied());
    }
    values
}
