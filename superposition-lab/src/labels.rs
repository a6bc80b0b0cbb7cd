//! Names of features from a text file.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::LabError;

/// The longest file of labels.
const MAX_BYTES: u64 = 1 << 28;

/// Reads the labels of features: UTF-8 text, a label a line, the first line for feature 0.
///
/// Line ends are `\n` or `\r\n`; one at the end of the file starts no further label. An empty line is an empty label.
///
/// # Errors
/// The file cannot be read, has more than 256 MiB, or is not UTF-8 (the line is named).
pub fn read_labels(path: &Path) -> Result<Vec<String>, LabError> {
    let wrong = |reason: String| LabError::Labels {
        path: path.to_owned(),
        reason,
    };
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes))
        .map_err(|error| wrong(error.to_string()))?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(wrong(format!("it has more than {MAX_BYTES} bytes")));
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let line = error.as_bytes()[..valid].iter().filter(|b| **b == b'\n');
        wrong(format!("line {} is not UTF-8", line.count() + 1))
    })?;
    Ok(text.lines().map(str::to_owned).collect())
}

/// Labels, if there are as many as features.
pub(crate) fn labels_of(
    path: Option<&Path>,
    n_features: usize,
) -> Result<Option<Vec<String>>, LabError> {
    let Some(path) = path else { return Ok(None) };
    let labels = read_labels(path)?;
    if labels.len() == n_features {
        return Ok(Some(labels));
    }
    Err(LabError::Labels {
        path: path.to_owned(),
        reason: format!(
            "it has {} lines, and there are {n_features} features: one line each is needed",
            labels.len()
        ),
    })
}
