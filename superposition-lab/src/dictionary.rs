//! `analyze`: the geometry of a dictionary of feature directions in a file.

use std::path::Path;

use serde::{Deserialize, Serialize};
use superposition_analysis::faer::MatRef;
use superposition_analysis::{
    AnalysisOptions, DictionaryReport, FeatureRow, Features, Real, analyze, center, check_finite,
    cosines, from_columns, from_rows, layer_summary,
};
use superposition_io::{Matrix, ReadLimits, TensorFile, Values};

use crate::model_file::recipe_of;
use crate::{LabError, TOY_MIN_NORM};

/// Most features whose cosines a report draws.
const MAX_COSINES: usize = 64;

/// Which side of a stored matrix its features (or samples) are.
///
/// Nothing in this workspace guesses it from the shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Orientation {
    /// Each row is one: PyTorch decoders `[d_sae, d_in]`, embeddings `[vocabulary, d]`.
    Rows,
    /// Each column is one: W `[m, n]` of a toy model.
    Columns,
}

/// What to analyse in a file, and how.
///
/// `None` means: as the file says, or the default. A toy model written by this workspace says
/// that its features are the columns of `W` and that a feature counts as represented above norm
/// 0.5; other files say neither.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct AnalyzeOptions {
    /// Name of the tensor; may be left out where the file holds one matrix or is our model.
    pub tensor: Option<String>,
    /// Which side the features are.
    pub features: Option<Orientation>,
    /// Index along the first dimension of a three-dimensional tensor.
    pub slice: Option<usize>,
    /// Whether the mean direction is subtracted first.
    pub centering: Centering,
    /// Features of at most this norm are not represented.
    pub min_norm: Option<f64>,
    /// Threshold of clusters, threads; its `min_norm` is the one above.
    pub analysis: AnalysisOptions,
    /// Whether the matrix is also summarised as a layer.
    pub layer: Layer,
    /// What may be read.
    pub limits: ReadLimits,
}

impl AnalyzeOptions {
    /// The same with a tensor named.
    #[must_use]
    pub fn with_tensor(mut self, tensor: Option<String>) -> Self {
        self.tensor = tensor;
        self
    }

    /// The same with an orientation.
    #[must_use]
    pub fn with_features(mut self, features: Option<Orientation>) -> Self {
        self.features = features;
        self
    }

    /// The same with a slice.
    #[must_use]
    pub fn with_slice(mut self, slice: Option<usize>) -> Self {
        self.slice = slice;
        self
    }

    /// The same with a represented norm.
    #[must_use]
    pub fn with_min_norm(mut self, min_norm: Option<f64>) -> Self {
        self.min_norm = min_norm;
        self
    }
}

/// Whether a matrix is also summarised as a layer: rank, singular values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Layer {
    /// No.
    #[default]
    Skip,
    /// Yes; costs a singular value decomposition.
    Summarize,
}

/// Whether the mean of all directions is subtracted before the analysis.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Centering {
    /// Directions as they are.
    #[default]
    None,
    /// Minus their mean.
    Mean,
}

/// The singular values of a matrix, and how many of them matter.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Spectrum {
    /// Numerical rank.
    pub rank: usize,
    /// Exponential of the entropy of the normalised singular values; none for a zero matrix.
    pub effective_rank: Option<f64>,
    /// `$(\sum \sigma^2)^2 / \sum \sigma^4$`; none for a zero matrix.
    pub participation_ratio: Option<f64>,
    /// In decreasing order.
    pub singular_values: Vec<f64>,
}

/// The JSON document of `superposition analyze`.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct AnalysisDocument {
    /// `superposition/analysis/v1`.
    pub schema: &'static str,
    /// Name of the tensor.
    pub tensor: String,
    /// Which side of it the features are.
    pub features: Orientation,
    /// Which slice of a three-dimensional tensor.
    pub slice: Option<usize>,
    /// Whether the mean was subtracted.
    pub centering: Centering,
    /// Rank and singular values, if asked for.
    pub spectrum: Option<Spectrum>,
    /// Cosines of all pairs, column after column, where there are few enough features to look at.
    #[serde(skip)]
    pub cosines: Option<Vec<f64>>,
    /// The numbers.
    #[serde(flatten)]
    pub geometry: DictionaryReport,
}

impl AnalysisDocument {
    /// The per-feature rows.
    #[must_use]
    pub fn rows(&self) -> &[FeatureRow] {
        &self.geometry.features
    }

    /// Comma-separated values with a row per feature:
    /// `feature,norm,dimensionality,mean_interference,max_cosine,nearest,min_cosine,most_opposed,cluster`.
    /// An undefined value is an empty cell.
    #[must_use]
    pub fn per_feature_csv(&self) -> String {
        feature_csv(self.rows())
    }
}

/// Reads a matrix of directions from a file and analyses it.
///
/// # Errors
/// The file cannot be read, the tensor is unknown, the orientation is neither given nor in the
/// file, or a value is not finite (which one is named).
pub fn analyze_file(path: &Path, options: &AnalyzeOptions) -> Result<AnalysisDocument, LabError> {
    let dictionary = read_dictionary(path, options)?;
    let (n_features, n_hidden) = dictionary.shape();
    let matrix = &dictionary.matrix;
    let mut analysis = options.analysis;
    analysis.min_norm = dictionary.min_norm;
    let (geometry, spectrum, cosines) = match (&matrix.values, dictionary.features) {
        (Values::F32(values), Orientation::Rows) => analyze_view(
            from_columns(values, n_hidden, n_features),
            options,
            &analysis,
        ),
        (Values::F32(values), Orientation::Columns) => {
            analyze_view(from_rows(values, n_hidden, n_features), options, &analysis)
        }
        (Values::F64(values), Orientation::Rows) => analyze_view(
            from_columns(values, n_hidden, n_features),
            options,
            &analysis,
        ),
        (Values::F64(values), Orientation::Columns) => {
            analyze_view(from_rows(values, n_hidden, n_features), options, &analysis)
        }
    }?;
    Ok(AnalysisDocument {
        schema: "superposition/analysis/v1",
        tensor: matrix.name.clone(),
        features: dictionary.features,
        slice: options.slice,
        centering: options.centering,
        spectrum,
        cosines,
        geometry,
    })
}

type Analyzed = (DictionaryReport, Option<Spectrum>, Option<Vec<f64>>);

fn analyze_view<T: Real>(
    w: MatRef<'_, T>,
    options: &AnalyzeOptions,
    analysis: &AnalysisOptions,
) -> Result<Analyzed, LabError> {
    match options.centering {
        Centering::None => analyze_columns(w, options.layer, analysis),
        Centering::Mean => {
            check_finite(w)?;
            analyze_columns(center(w).as_ref(), options.layer, analysis)
        }
    }
}

fn analyze_columns<T: Real>(
    w: MatRef<'_, T>,
    layer: Layer,
    analysis: &AnalysisOptions,
) -> Result<Analyzed, LabError> {
    let few = w.ncols() <= MAX_COSINES;
    let (geometry, spectrum) = match layer {
        Layer::Skip => (analyze(w, analysis)?, None),
        Layer::Summarize => {
            let layer = layer_summary(w, Features::Columns, analysis)?;
            let spectrum = Spectrum {
                rank: layer.rank,
                effective_rank: layer.effective_rank,
                participation_ratio: layer.participation_ratio,
                singular_values: layer.singular_values,
            };
            (layer.geometry, Some(spectrum))
        }
    };
    let cosines = few.then(|| {
        let cosines = cosines(w);
        let columns = cosines.col_iter();
        columns.flat_map(|column| column.iter().copied()).collect()
    });
    Ok((geometry, spectrum, cosines))
}

/// A matrix whose orientation is known.
pub(crate) struct Dictionary {
    pub(crate) matrix: Matrix,
    pub(crate) features: Orientation,
    pub(crate) min_norm: f64,
}

impl Dictionary {
    /// (features, hidden dimensions).
    pub(crate) fn shape(&self) -> (usize, usize) {
        match self.features {
            Orientation::Rows => (self.matrix.n_rows, self.matrix.n_cols),
            Orientation::Columns => (self.matrix.n_cols, self.matrix.n_rows),
        }
    }
}

pub(crate) fn read_dictionary(
    path: &Path,
    options: &AnalyzeOptions,
) -> Result<Dictionary, LabError> {
    let file = TensorFile::open(path, &options.limits)?;
    // Another program may use the same metadata key: then it is any other file.
    let is_toy_model = recipe_of(&file).is_ok_and(|recipe| recipe.is_some());
    let tensor = match &options.tensor {
        None if is_toy_model => Some("W"),
        name => name.as_deref(),
    };
    let matrix = file.read_matrix(tensor, options.slice)?;
    let features = match options.features {
        Some(features) => features,
        None if is_toy_model => Orientation::Columns,
        None => {
            return Err(LabError::UnknownOrientation {
                tensor: matrix.name,
                n_rows: matrix.n_rows,
                n_cols: matrix.n_cols,
            });
        }
    };
    let min_norm = options
        .min_norm
        .unwrap_or(if is_toy_model { TOY_MIN_NORM } else { 0.0 });
    Ok(Dictionary {
        matrix,
        features,
        min_norm,
    })
}

/// The per-feature table of any [`DictionaryReport`].
#[must_use]
pub fn feature_csv(rows: &[FeatureRow]) -> String {
    use std::fmt::Write as _;
    fn cell<T: ToString>(value: Option<T>) -> String {
        value.map_or_else(String::new, |value| value.to_string())
    }
    let mut csv = String::from(
        "feature,norm,dimensionality,mean_interference,max_cosine,nearest,min_cosine,most_opposed,cluster\n",
    );
    for row in rows {
        writeln!(
            csv,
            "{},{},{},{},{},{},{},{},{}",
            row.feature,
            row.norm,
            row.dimensionality,
            row.mean_interference,
            cell(row.max_cosine),
            cell(row.nearest),
            cell(row.min_cosine),
            cell(row.most_opposed),
            cell(row.cluster),
        )
        .expect("writing to a string");
    }
    csv
}
