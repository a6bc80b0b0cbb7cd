//! W at some steps of a training, to be played back.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};
use superposition_io::{Overwrite, ReadLimits, TensorFile, TensorToWrite, write_safetensors};
use superposition_model::ToyModel;

use crate::LabError;
use crate::model_file::read_f32;

/// The metadata key under which a file of snapshots carries their steps.
pub const SNAPSHOTS_KEY: &str = "superposition.snapshots";

/// Most values of all snapshots together: 2 MiB.
const MAX_VALUES: usize = 1 << 19;

/// The weights W of a model at some steps of its training.
///
/// With at most K of them in N steps they are at the steps `$\lceil N (k/K)^2 \rceil$`: early ones, at which most happens, are
/// nearer to each other. Models with many weights have fewer, so that all together stay below 2^19 values.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Snapshots {
    /// Numbers of steps, in order.
    pub steps: Vec<usize>,
    /// Hidden dimensions m.
    pub n_hidden: usize,
    /// Snapshot after snapshot, in each W feature after feature.
    pub w: Vec<f32>,
}

impl Snapshots {
    /// Whether one of `count` snapshots is at this step.
    pub(crate) fn is_at(step: usize, n_steps: usize, count: usize, n_values: usize) -> bool {
        let count = count.min(MAX_VALUES / n_values.max(1)).min(n_steps);
        if count < 2 {
            return false;
        }
        // Steps are at most 2^53 and counts below 2^20.
        let index_of = |step: usize| (step as f64 / n_steps as f64).sqrt() * count as f64;
        // The last k whose step has come; a step is one if it is the first at which that grew.
        index_of(step).floor() > index_of(step - 1).floor()
    }

    pub(crate) fn push(&mut self, step: usize, model: &ToyModel) {
        let w = model.w();
        self.n_hidden = w.nrows();
        self.steps.push(step);
        self.w
            .extend(w.col_iter().flat_map(|column| column.iter().copied()));
    }

    /// Features n.
    #[must_use]
    pub fn n_features(&self) -> usize {
        let values = self.w.len().checked_div(self.steps.len());
        let features = values.and_then(|values| values.checked_div(self.n_hidden));
        features.unwrap_or(0)
    }
}

/// Writes snapshots as safetensors: `W` `[K, m, n]` in f32, the steps under [`SNAPSHOTS_KEY`].
///
/// `superposition analyze FILE --slice K --features columns` reads one of them.
///
/// # Errors
/// The file exists and `overwrite` refuses, or it cannot be written.
pub fn write_snapshots(
    path: &Path,
    snapshots: &Snapshots,
    overwrite: Overwrite,
) -> Result<(), LabError> {
    let (count, m, n) = (
        snapshots.steps.len(),
        snapshots.n_hidden,
        snapshots.n_features(),
    );
    let mut rows = Vec::with_capacity(snapshots.w.len());
    for w in snapshots.w.chunks(m * n) {
        for k in 0..m {
            rows.extend((0..n).map(|i| w[i * m + k]));
        }
    }
    let steps = serde_json::json!({ "steps": snapshots.steps }).to_string();
    let metadata = BTreeMap::from([(SNAPSHOTS_KEY.to_owned(), steps)]);
    let shape = [count, m, n];
    let tensor = TensorToWrite {
        name: "W",
        shape: &shape,
        values: &rows,
    };
    Ok(write_safetensors(path, &[tensor], &metadata, overwrite)?)
}

/// Reads a file that [`write_snapshots`] wrote.
///
/// # Errors
/// The file cannot be read or is not such a file.
pub fn read_snapshots(path: &Path) -> Result<Snapshots, LabError> {
    #[derive(Deserialize)]
    struct Steps {
        steps: Vec<usize>,
    }
    let wrong = |reason: &str| LabError::PageInput {
        path: path.to_owned(),
        reason: format!("it is no file of snapshots: {reason}"),
    };
    let file = TensorFile::open(path, &ReadLimits::default())?;
    let steps = file.metadata().get(SNAPSHOTS_KEY);
    let steps = steps.ok_or_else(|| wrong("its metadata has no steps"))?;
    let Steps { steps } = serde_json::from_str(steps).map_err(|error| wrong(&error.to_string()))?;
    let tensor = read_f32(&file, "W")?;
    let &[count, m, n] = tensor.shape.as_slice() else {
        return Err(wrong("its W has not three dimensions"));
    };
    if count != steps.len() || count * m * n == 0 {
        return Err(wrong("it has not a W for each step"));
    }
    let mut w = Vec::with_capacity(tensor.values.len());
    for rows in tensor.values.chunks(m * n) {
        for i in 0..n {
            w.extend((0..m).map(|k| rows[k * n + i]));
        }
    }
    Ok(Snapshots {
        steps,
        n_hidden: m,
        w,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(n_steps: usize, count: usize, n_values: usize) -> Vec<usize> {
        let is_at = |step: &usize| Snapshots::is_at(*step, n_steps, count, n_values);
        (1..=n_steps).filter(is_at).collect()
    }

    #[test]
    fn steps_are_those_of_the_formula() {
        assert_eq!(steps(100, 5, 1), [4, 16, 36, 64, 100]);
        // ceil(10 (k/4)^2) for k = 1..4.
        assert_eq!(steps(10, 4, 1), [1, 3, 6, 10]);
        assert_eq!(steps(3, 60, 1).last(), Some(&3));
        assert_eq!(steps(10_000, 60, 2_000).len(), 60);
        // 2^19 values hold four of these, and fewer than two of those.
        assert_eq!(steps(100, 60, 1 << 17).len(), 4);
        assert!(steps(100, 60, 1 << 19).is_empty() && steps(100, 0, 1).is_empty());
    }

    #[test]
    fn a_file_gives_back_what_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("snapshots.safetensors");
        let snapshots = Snapshots {
            steps: vec![1, 4],
            n_hidden: 2,
            w: (0..12).map(|k| k as f32).collect(),
        };
        write_snapshots(&path, &snapshots, Overwrite::Refuse).unwrap();
        assert_eq!(read_snapshots(&path).unwrap(), snapshots);
        // Feature 2 of the second snapshot is (10, 11): column 2 of W[1].
        let file = TensorFile::open(&path, &ReadLimits::default()).unwrap();
        let w = read_f32(&file, "W").unwrap();
        assert_eq!(
            (w.shape, w.values[8], w.values[11]),
            (vec![2, 2, 3], 10.0, 11.0)
        );
    }
}
