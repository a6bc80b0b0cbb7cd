//! How consistent several dictionaries are, over all their pairs.

use super::matching::{MatchOptions, match_features};
use crate::{AnalysisError, Real};
use faer::MatRef;

/// The matched mean cosines of all pairs of several dictionaries; made by [`pairwise_mcc`].
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct PairwiseMcc {
    /// PW-MCC: the mean over all pairs of dictionaries; `None` with fewer than two dictionaries, or where a pair has no represented features to match.
    pub mean: Option<f64>,
    /// The MCC of every pair `(i, j)` with i < j: (0, 1), (0, 2), (1, 2), (0, 3), ...
    pub pairs: Vec<(usize, usize, Option<f64>)>,
}

/// The pairwise dictionary mean correlation coefficient (PW-MCC): how consistent the features of several dictionaries are, such as those of sparse autoencoders trained from different seeds.
///
/// The mean of the MCC of [`match_features`] over all pairs of dictionaries, each m x n of its own n.
/// With two dictionaries it is their MCC. The first and second entry of [`MatchOptions::min_norm`] are for the first and second dictionary of a pair.
/// The cost of [`match_features`] for each pair.
///
/// # Errors
/// As [`match_features`].
///
/// # Panics
/// If the numbers of hidden dimensions differ.
///
/// ```
/// use superposition_analysis::{MatchOptions, from_columns, pairwise_mcc};
/// let a = from_columns(&[1.0, 0.0, 0.0, 1.0], 2, 2);
/// let b = from_columns(&[0.0, 1.0, 1.0, 0.0], 2, 2);
/// let c = from_columns(&[1.0, 0.0, 0.0, -1.0], 2, 2);
/// // a and b are one; c differs from both in the sign of a feature, so that 1 and -1 average to 0, as do 0 and 0.
/// let found = pairwise_mcc(&[a, b, c], &MatchOptions::default())?;
/// assert_eq!(found.mean, Some(1.0 / 3.0));
/// # Ok::<(), superposition_analysis::AnalysisError>(())
/// ```
///
/// # References
/// Song et al. 2025, *Position: Mechanistic Interpretability Should Prioritize Feature Consistency in SAEs* (arXiv 2505.20254).
#[track_caller]
pub fn pairwise_mcc<T: Real>(
    dictionaries: &[MatRef<'_, T>],
    options: &MatchOptions,
) -> Result<PairwiseMcc, AnalysisError> {
    let mut pairs = Vec::new();
    for j in 0..dictionaries.len() {
        for i in 0..j {
            let matching = match_features(dictionaries[i], dictionaries[j], options)?;
            pairs.push((i, j, matching.mean_cosine));
        }
    }
    let values: Option<Vec<f64>> = pairs.iter().map(|&(_, _, mcc)| mcc).collect();
    let mean = values
        .filter(|values| !values.is_empty())
        .map(|values| values.iter().sum::<f64>() / values.len() as f64);
    Ok(PairwiseMcc { mean, pairs })
}
