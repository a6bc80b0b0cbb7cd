//! Which names of a file somebody may have meant.

use crate::tensor::TensorInfo;

const MOST_NEAR: usize = 5;
/// Longer names are not compared: the comparison is quadratic.
const MOST_COMPARED: usize = 512;

/// The most similar names, best first: those that contain what was asked for, then by edit
/// distance relative to the length; equals in the order of the file.
pub(crate) fn near_names(name: &str, tensors: &[TensorInfo]) -> Vec<String> {
    let wanted = name.to_lowercase();
    let similarity = |info: &TensorInfo| {
        let candidate = info.name.to_lowercase();
        if candidate.len().max(wanted.len()) > MOST_COMPARED {
            return 0.0;
        }
        let contains = !wanted.is_empty() && candidate.contains(&wanted);
        strsim::normalized_damerau_levenshtein(&wanted, &candidate) + f64::from(u8::from(contains))
    };
    let mut scored: Vec<(f64, &TensorInfo)> = tensors
        .iter()
        .map(|info| (similarity(info), info))
        .collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0));
    scored
        .into_iter()
        .take(MOST_NEAR)
        .map(|(_, info)| info.name.clone())
        .collect()
}
