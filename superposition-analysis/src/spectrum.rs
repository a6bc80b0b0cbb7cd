//! The singular values of a dictionary, and the few numbers that sum them up.

use crate::directions::Directions;
use crate::kernel::ThreadPool;
use crate::linalg::singular_values;
use crate::report::checked_directions;
use crate::{AnalysisError, Real};
use faer::{Mat, MatRef};

/// The singular values of a matrix and how many of them count.
///
/// With `$\sigma_1 \ge \sigma_2 \ge \dots$`, every summary is between 1 and the rank, and all are the number of singular values where these are equal.
/// They differ in how fast they forget small values: `stable_rank` <= `participation_ratio` <= `effective_rank`.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Spectrum {
    /// The singular values `$\sigma_k$`, largest first: min(m, n) of them.
    pub singular_values: Vec<f64>,
    /// `$\exp H(p)$` with the entropy H of `$p_k = \sigma_k / \sum \sigma$`; `None` for a zero matrix.
    pub effective_rank: Option<f64>,
    /// `$(\sum \sigma_k^2)^2 / \sum \sigma_k^4$`; `None` for a zero matrix.
    pub participation_ratio: Option<f64>,
    /// `$\lVert W \rVert_F^2 / \sigma_1^2 = \sum \sigma_k^2 / \sigma_1^2$`; `None` for a zero matrix.
    pub stable_rank: Option<f64>,
}

/// All singular values of the m x n matrix W, with effective rank, participation ratio and stable rank.
///
/// They are the same for W and its transpose, and of any scale: the values are computed from columns scaled by powers of two.
/// Accurate to rounding of the largest, so the number of values above 0 is not the [`rank`](crate::rank()), which respects features of small norm.
/// O(n m min(n, m)) time, O(n m) memory; for the first few of a large matrix see [`top_spectrum`](crate::top_spectrum).
///
/// # Errors
/// For a matrix without rows or columns, and an element that is not finite.
///
/// ```
/// use superposition_analysis::{from_columns, spectrum};
/// // Norms 3 and 4 on two axes, and a third dimension that nothing uses.
/// let s = spectrum(from_columns(&[3.0, 0.0, 0.0, 0.0, 4.0, 0.0], 3, 2))?;
/// assert_eq!(s.singular_values, [4.0, 3.0]);
/// assert_eq!(s.stable_rank, Some(25.0 / 16.0));
/// assert_eq!(s.participation_ratio, Some(625.0 / 337.0));
/// # Ok::<(), superposition_analysis::AnalysisError>(())
/// ```
///
/// # References
/// Roy and Vetterli 2007, *The effective rank: a measure of effective dimensionality*, definition 1; Rudelson and Vershynin 2007, *Sampling from large matrices*, section 1, for the stable ("numerical") rank.
pub fn spectrum<T: Real>(w: MatRef<'_, T>) -> Result<Spectrum, AnalysisError> {
    let directions = checked_directions(w, &ThreadPool::new(1))?;
    Ok(spectrum_of(&directions))
}

/// As [`spectrum`], from what [`checked_directions`] returns.
pub(crate) fn spectrum_of<T: Real>(directions: &Directions<'_, T>) -> Spectrum {
    let values = singular_values(scaled(directions).as_ref());
    Spectrum {
        effective_rank: effective_rank(&values),
        participation_ratio: participation_ratio(&values),
        stable_rank: stable_rank(&values),
        singular_values: values
            .into_iter()
            .map(|value| directions.lengths.rescale(value, 1))
            .collect(),
    }
}

/// W divided by the power of two of its largest norm.
pub(crate) fn scaled<T: Real>(directions: &Directions<'_, T>) -> Mat<f64> {
    let mut scaled = directions.units();
    for (j, &norm) in directions.lengths.relative.iter().enumerate() {
        scaled
            .col_as_slice_mut(j)
            .iter_mut()
            .for_each(|x| *x *= norm);
    }
    scaled
}

fn effective_rank(values: &[f64]) -> Option<f64> {
    let sum: f64 = values.iter().sum();
    let entropy: f64 = values
        .iter()
        .map(|value| value / sum)
        .filter(|&p| p > 0.0)
        .map(|p| -p * libm::log(p))
        .sum();
    (sum > 0.0).then(|| libm::exp(entropy))
}

fn participation_ratio(values: &[f64]) -> Option<f64> {
    let second: f64 = values.iter().map(|s| s * s).sum();
    let fourth: f64 = values.iter().map(|s| s * s * s * s).sum();
    (second > 0.0).then(|| second * second / fourth)
}

fn stable_rank(values: &[f64]) -> Option<f64> {
    let largest = values.first().copied().unwrap_or(0.0);
    let second: f64 = values.iter().map(|s| s * s).sum();
    (largest > 0.0).then(|| second / (largest * largest))
}
