//! The weight matrix of a layer: its feature directions and its spectrum.

use crate::leverage::rank;
use crate::report::{analyze_directions, checked_directions};
use crate::spectrum::spectrum_of;
use crate::{AnalysisError, AnalysisOptions, DictionaryReport, Real};
use faer::MatRef;

/// Which side of a weight matrix holds the features.
///
/// Nothing is guessed from the shape: a weight of 10 x 10, or of any other shape, has two sets of directions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
pub enum Features {
    /// Every row is a feature direction: what an output of an `nn.Linear` (weight `[out, in]`) reads, in the space of the inputs.
    Rows,
    /// Every column is a feature direction: what an input of an `nn.Linear` writes, in the space of the outputs.
    Columns,
}

/// The geometry of one side of a weight matrix and the spectrum of the whole.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct LayerSummary {
    /// Which side the features are.
    pub features: Features,
    /// The geometry of the features.
    pub geometry: DictionaryReport,
    /// Number of linearly independent directions; see [`rank`](crate::rank()).
    pub rank: usize,
    /// The singular values, largest first: min(m, n) of them.
    pub singular_values: Vec<f64>,
    /// `$\exp H(p)$` with the entropy H of `$p_k = \sigma_k / \sum \sigma$`; `None` for a zero matrix.
    pub effective_rank: Option<f64>,
    /// `$(\sum \sigma_k^2)^2 / \sum \sigma_k^4$`; `None` for a zero matrix.
    pub participation_ratio: Option<f64>,
}

/// Summarises a weight matrix of any layer: the geometry of the rows or of the columns as feature directions, rank, singular values, effective rank and participation ratio.
///
/// The last two are between 1 and the rank, and are the number of singular values if all are equal: the effective rank weighs them as they are, the participation ratio by their fourth power, so that it follows the largest.
/// Singular values are accurate to rounding of the largest.
/// The cost of [`analyze`](crate::analyze) and O(n m min(n, m)) for the singular values.
///
/// # Errors
/// As [`analyze`](crate::analyze).
///
/// ```
/// use superposition_analysis::{AnalysisOptions, Features, from_rows, layer_summary};
/// // A linear layer from three inputs to two outputs.
/// let weight = from_rows(&[3.0_f32, 0.0, 0.0, 0.0, 3.0, 0.0], 2, 3);
/// let options = AnalysisOptions::default();
/// let outputs = layer_summary(weight, Features::Rows, &options)?;
/// assert_eq!((outputs.geometry.n_features, outputs.geometry.n_hidden), (2, 3));
/// assert_eq!((outputs.rank, outputs.participation_ratio), (2, Some(2.0)));
/// // The third input reaches nothing.
/// let inputs = layer_summary(weight, Features::Columns, &options)?;
/// assert_eq!((inputs.geometry.n_features, inputs.geometry.n_represented), (3, 2));
/// # Ok::<(), superposition_analysis::AnalysisError>(())
/// ```
///
/// # References
/// Roy and Vetterli 2007, *The effective rank: a measure of effective dimensionality*, definition 1.
#[doc(alias = "analyze_layer")]
pub fn layer_summary<T: Real>(
    weights: MatRef<'_, T>,
    features: Features,
    options: &AnalysisOptions,
) -> Result<LayerSummary, AnalysisError> {
    let w = match features {
        Features::Rows => weights.transpose(),
        Features::Columns => weights,
    };
    let pool = options.pool()?;
    let directions = checked_directions(w, &pool)?;
    let spectrum = spectrum_of(&directions);
    Ok(LayerSummary {
        features,
        geometry: analyze_directions(&directions, options, &pool),
        rank: rank(w),
        singular_values: spectrum.singular_values,
        effective_rank: spectrum.effective_rank,
        participation_ratio: spectrum.participation_ratio,
    })
}
