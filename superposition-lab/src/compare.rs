//! `compare`: how similar two representations of the same features are.

use std::path::Path;

use serde::Serialize;
use superposition_analysis::faer::{Mat, MatRef};
use superposition_analysis::{check_finite, linear_cka, linear_cka_debiased};
use superposition_io::Values;

use crate::dictionary::{Dictionary, read_dictionary};
use crate::reading::mat_from_rows;
use crate::samples::same_count;
use crate::{AnalyzeOptions, LabError, Orientation};

/// The JSON document of `superposition compare`.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct ComparisonDocument {
    /// `superposition/comparison/v1`.
    pub schema: &'static str,
    /// Features: the same ones, in the same order, in both.
    pub n_features: usize,
    /// Hidden dimensions of the first and of the second.
    pub n_hidden: [usize; 2],
    /// Linear centred kernel alignment, in [0, 1]: 1 for a rotated or scaled copy; not invariant
    /// to a permutation of the features of one of the two. None when one is constant.
    pub linear_cka: Option<f64>,
    /// The same without the bias that few features give it (near 0 for unrelated
    /// representations); may be slightly negative, undefined below four features.
    pub linear_cka_debiased: Option<f64>,
}

/// Compares two dictionaries of the same features: item i of one is item i of the other.
///
/// # Errors
/// As [`analyze_file`](crate::analyze_file), or the numbers of features differ.
pub fn compare_files(
    a: (&Path, &AnalyzeOptions),
    b: (&Path, &AnalyzeOptions),
) -> Result<ComparisonDocument, LabError> {
    let first = read_dictionary(a.0, a.1)?;
    let second = read_dictionary(b.0, b.1)?;
    let ((n, m_first), (n_second, m_second)) = (first.shape(), second.shape());
    same_count(
        "features",
        (&a.0.display().to_string(), n),
        (&b.0.display().to_string(), n_second),
    )?;
    let (first, second) = (directions(&first), directions(&second));
    check_finite(first.as_ref())?;
    check_finite(second.as_ref())?;
    Ok(ComparisonDocument {
        schema: "superposition/comparison/v1",
        n_features: n,
        n_hidden: [m_first, m_second],
        linear_cka: linear_cka(first.as_ref(), second.as_ref()),
        linear_cka_debiased: linear_cka_debiased(first.as_ref(), second.as_ref()),
    })
}

/// W, m x n, in f64.
fn directions(dictionary: &Dictionary) -> Mat<f64> {
    let matrix = &dictionary.matrix;
    let (rows, cols) = (matrix.n_rows, matrix.n_cols);
    let stored = match &matrix.values {
        Values::F32(values) => mat_from_rows(values, rows, cols),
        Values::F64(values) => mat_from_rows(values, rows, cols),
    };
    match dictionary.features {
        Orientation::Columns => stored,
        Orientation::Rows => MatRef::transpose(stored.as_ref()).to_owned(),
    }
}
