//! `analyze`.

use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::path::PathBuf;

use numpy::PyArray1;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use superposition_lab::analysis::{FeatureRow, NullOptions, PolytopeOptions};
use superposition_lab::report::analysis_report;
use superposition_lab::{
    AnalysisDocument, AnalyzeOptions, Centering, DeadFeatures, LabError, Layer,
    analyze_file_observed, analyze_matrix,
};

use crate::arrays::{Given, columns, vector, with_matrix};
use crate::options::{Wanted, choice, decoder_norms, file_format, set, threads as threads_of};
use crate::results::{number, style, summary, to_dict};
use crate::running::run;

/// The geometry of a dictionary of feature directions.
///
/// w: matrix of directions, float32 or float64, or the path of a file (also float16 and bfloat16) or of the folder of an
///     autoencoder of SAELens, Gemma Scope or sparsify.
/// features: "rows" or "columns", which side of w the features are; files of known formats say so themselves.
/// tensor, slice, format: what to read in a file: the name of the tensor, the index along the first of three
///     dimensions, and "auto", "toy-model", "matrix", "saelens", "gemma-scope", "sparsify" or "saelens-synthetic".
/// decoder_norms: "fold" the norms of an autoencoder's decoder into its encoder, or "keep" them.
/// min_norm: features of at most this norm are not represented.
/// center: whether the mean direction is subtracted first.
/// threshold: two features with cos^2 above it are an edge; connected features are a cluster.
/// neighbors: how many of the nearest and of the most opposed features are found for each.
/// pairs: "compared"; "listed", with the edges in `edges`; "skipped", which leaves the sums, in a fraction of the time.
/// memory: bytes that the analysis may take; what needs more is read in blocks, with the same result to the bit.
/// polytopes: True or a threshold: names the components (digon, pentagon, ...).
/// null: True or a number of random dictionaries to compare with, isotropic and of the same mean and covariance.
/// null_seed: their seed.
/// spectrum: whether rank and singular values are computed.
/// labels: path of a text file with a name per feature, in the order of the features.
/// firing_rates: path of a vector with the share of samples in which each feature is active.
/// mask_dead: whether directions of features that never fire are set to zero.
/// control: path of a dictionary of the same shape to print beside this one.
///
/// Returns an Analysis. O(n^2 m) time for n features in m dimensions, O(n m^2) with pairs="skipped". Arrays whose
/// features are contiguous are not copied. Ctrl-C ends an analysis in blocks soon, others when they are done.
///
/// Raises ValueError for values that are wrong (NaN, an unknown option), TypeError for arrays of other types, OSError
/// for files that cannot be read.
///
/// Elhage et al. 2022, Toy Models of Superposition; Scherlis et al. 2022, arXiv 2210.01892.
#[pyfunction]
#[pyo3(signature = (w, features=None, *, tensor=None, slice=None, format=None, decoder_norms=None, min_norm=None,
    center=None, threshold=None, neighbors=None, pairs=None, memory=None, polytopes=None, null=None, null_seed=None,
    spectrum=None, labels=None, firing_rates=None, mask_dead=None, control=None, threads=None))]
#[expect(clippy::too_many_arguments, reason = "keyword arguments")]
pub(crate) fn analyze(
    py: Python<'_>,
    w: &Bound<'_, PyAny>,
    features: Option<&str>,
    tensor: Option<String>,
    slice: Option<usize>,
    format: Option<&str>,
    decoder_norms: Option<&str>,
    min_norm: Option<f64>,
    center: Option<bool>,
    threshold: Option<f64>,
    neighbors: Option<usize>,
    pairs: Option<&str>,
    memory: Option<u64>,
    polytopes: Option<Wanted<f64>>,
    null: Option<Wanted<usize>>,
    null_seed: Option<u64>,
    spectrum: Option<bool>,
    labels: Option<PathBuf>,
    firing_rates: Option<PathBuf>,
    mask_dead: Option<bool>,
    control: Option<PathBuf>,
    threads: Option<NonZeroUsize>,
) -> PyResult<Analysis> {
    let given = Given::new("w", w)?;
    let mut options = AnalyzeOptions::default()
        .with_tensor(tensor)
        .with_features(choice("features", features)?)
        .with_slice(slice)
        .with_min_norm(min_norm)
        .with_format(file_format("format", format)?);
    set(
        &mut options.decoder_norms,
        self::decoder_norms(decoder_norms)?,
    );
    options.memory = memory;
    if let Some(memory) = memory {
        let may_be_read = options.limits.max_bytes.max(memory);
        options.limits = options.limits.with_max_bytes(may_be_read);
    }
    options.labels = labels;
    options.firing_rates = firing_rates;
    options.control = control;
    options.analysis.threads = threads_of(threads).get();
    set(&mut options.analysis.cluster_threshold, threshold);
    set(&mut options.analysis.neighbors, neighbors);
    set(&mut options.analysis.pairs, choice("pairs", pairs)?);
    options.reading.polytopes = match polytopes {
        None | Some(Wanted::Flag(false)) => None,
        Some(Wanted::Flag(true)) => Some(PolytopeOptions::default()),
        Some(Wanted::Value(threshold)) => {
            Some(PolytopeOptions::default().with_threshold(threshold))
        }
    };
    let random = NullOptions::new(null_seed.unwrap_or_default());
    options.reading.null = match null {
        None | Some(Wanted::Flag(false)) => None,
        Some(Wanted::Flag(true)) => Some(random),
        Some(Wanted::Value(draws)) => Some(random.with_draws(draws)),
    };
    if center == Some(true) {
        options.centering = Centering::Mean;
    }
    if spectrum == Some(true) {
        options.layer = Layer::Summarize;
    }
    if mask_dead == Some(true) {
        options.dead = DeadFeatures::Mask;
    }
    let flow = match &given {
        Given::Path(path) => run(py, |stop| {
            Ok(analyze_file_observed(path, &options, &mut |_| stop.flow())?)
        })?,
        Given::Array(array) => with_matrix!("w", array, |matrix| run(py, |stop| {
            Ok(analyze_matrix(matrix, &options, &mut |_| stop.flow())?)
        })?),
    };
    match flow {
        ControlFlow::Continue(document) => Ok(Analysis { document }),
        ControlFlow::Break(()) => Err(crate::failure::Failure::from(LabError::Cancelled).into()),
    }
}

/// What `analyze` finds. n features in m hidden dimensions.
#[pyclass(frozen, module = "superposition_explorer")]
pub(crate) struct Analysis {
    document: AnalysisDocument,
}

impl Analysis {
    fn numbers<'py>(
        &self,
        py: Python<'py>,
        of: fn(&FeatureRow) -> Option<f64>,
    ) -> Bound<'py, PyArray1<f64>> {
        vector(
            py,
            self.document
                .rows()
                .iter()
                .map(|row| of(row).unwrap_or(f64::NAN)),
        )
    }

    fn indices<'py>(
        &self,
        py: Python<'py>,
        of: fn(&FeatureRow) -> Option<usize>,
    ) -> Bound<'py, PyArray1<i64>> {
        let rows = self.document.rows().iter();
        vector(py, rows.map(|row| of(row).map_or(-1, |index| index as i64)))
    }
}

#[pymethods]
impl Analysis {
    /// n.
    #[getter]
    fn n_features(&self) -> usize {
        self.document.geometry.n_features
    }

    /// m.
    #[getter]
    fn n_hidden(&self) -> usize {
        self.document.geometry.n_hidden
    }

    /// Features with a norm above min_norm.
    #[getter]
    fn n_represented(&self) -> usize {
        self.document.geometry.n_represented
    }

    /// n_represented / m.
    #[getter]
    fn superposition_score(&self) -> f64 {
        self.document.geometry.superposition_score()
    }

    /// Mean cos^2 over the ordered pairs of represented features.
    #[getter]
    fn mean_interference(&self) -> f64 {
        self.document.geometry.mean_interference
    }

    /// Sum of D_i, at most the rank of W.
    #[getter]
    fn total_dimensionality(&self) -> f64 {
        self.document.geometry.total_dimensionality
    }

    /// The largest absolute cosine; None without two represented features, or with pairs="skipped".
    #[getter]
    fn coherence(&self) -> Option<f64> {
        self.document.geometry.coherence.map(|pair| pair.value)
    }

    /// The smallest coherence that so many features can have.
    #[getter]
    fn welch_bound(&self) -> f64 {
        self.document.geometry.welch_bound
    }

    /// ||W^T W||_F^2, with the norms as given.
    #[getter]
    fn frame_potential(&self) -> f64 {
        self.document.geometry.frame_potential
    }

    /// The frame potential over its smallest possible value; None for a zero matrix.
    #[getter]
    fn tightness(&self) -> Option<f64> {
        self.document.geometry.tightness
    }

    /// Norm of each feature, (n,).
    #[getter]
    fn feature_norms<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<f64>> {
        self.numbers(py, |row| Some(row.norm))
    }

    /// D_i = ||W_i||^4 / sum_j (W_i . W_j)^2 of each feature, (n,); 0 for a zero feature.
    #[getter]
    fn feature_dimensionality<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<f64>> {
        self.numbers(py, |row| Some(row.dimensionality))
    }

    /// Mean cos^2 of each feature with the other represented ones, (n,).
    #[getter]
    fn feature_interference<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<f64>> {
        self.numbers(py, |row| Some(row.mean_interference))
    }

    /// The largest cosine of each feature with another represented one, (n,); NaN where there is none.
    #[getter]
    fn nearest_cosine<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<f64>> {
        self.numbers(py, |row| row.max_cosine)
    }

    /// The feature with that cosine, (n,); -1 where there is none.
    #[getter]
    fn nearest<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<i64>> {
        self.indices(py, |row| row.nearest)
    }

    /// The smallest cosine of each feature with another represented one, (n,); NaN where there is none.
    #[getter]
    fn opposed_cosine<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<f64>> {
        self.numbers(py, |row| row.min_cosine)
    }

    /// The feature with that cosine, (n,); -1 where there is none.
    #[getter]
    fn most_opposed<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<i64>> {
        self.indices(py, |row| row.most_opposed)
    }

    /// The cluster of each feature, (n,), numbered from 0; -1 where it is not represented.
    #[getter]
    fn cluster<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<i64>> {
        self.indices(py, |row| row.cluster)
    }

    /// All that is known of each feature: a dict of arrays (n,), the columns of the command line's --per-feature.
    #[getter]
    fn features<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        columns(py, &self.document.feature_table())
    }

    /// The edges, with pairs="listed": a dict of arrays `i`, `j`, `cosine`.
    #[getter]
    fn edges<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        columns(py, &self.document.edge_table())
    }

    /// The document of `superposition analyze --json`.
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        to_dict(py, &self.document)
    }

    fn __repr__(&self) -> String {
        let geometry = &self.document.geometry;
        summary(
            "Analysis",
            &[
                ("n_features", geometry.n_features.to_string()),
                ("n_hidden", geometry.n_hidden.to_string()),
                ("n_represented", geometry.n_represented.to_string()),
                ("mean_interference", number(geometry.mean_interference)),
                (
                    "total_dimensionality",
                    number(geometry.total_dimensionality),
                ),
                ("coherence", number(self.coherence())),
            ],
        )
    }

    fn __str__(&self) -> String {
        analysis_report(&self.document, &style())
    }
}
