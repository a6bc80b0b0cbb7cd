//! `compare`.

use std::num::NonZeroUsize;

use pyo3::prelude::*;
use pyo3::types::PyDict;
use superposition_lab::analysis::{CompareOptions, MatchOptions};
use superposition_lab::report::comparison_report;
use superposition_lab::{AnalyzeOptions, ComparisonDocument, Directions, compare_directions};

use crate::arrays::{Given, vector, with_matrix};
use crate::options::{choice, file_format, threads as threads_of};
use crate::results::{number, style, summary, to_dict};
use crate::running::run;

/// Which features two dictionaries share, and whether they are one up to a permutation or a rotation.
///
/// a, b: matrices of directions or paths of files, as in `analyze`.
/// features: "rows" or "columns", for both; a_features and b_features for one of them.
/// a_tensor, b_tensor, a_slice, b_slice, a_format, b_format: what to read in a file.
/// min_norm: features of at most this norm are not represented.
/// method: how features are matched: "greedy", "optimal" or "sparse"; by size if not given.
/// sign: "signed", or "absolute" where opposite directions are alike.
/// shared_cosine: a pair is shared from this cosine on.
/// null_draws: random and rotated copies that every metric is compared with.
/// seed: their seed.
///
/// Returns a Comparison. O(n_a n_b m) time and f64 copies of both.
///
/// Raises ValueError for values that are wrong and for dictionaries with neither the same number of features nor of
/// hidden dimensions.
///
/// MCC, MMCS and the Gram metrics as defined in superposition-analysis, which cites their sources.
#[pyfunction]
#[pyo3(signature = (a, b, features=None, *, a_features=None, b_features=None, a_tensor=None, b_tensor=None,
    a_slice=None, b_slice=None, a_format=None, b_format=None, min_norm=None, method=None, sign=None,
    shared_cosine=None, null_draws=None, seed=None, threads=None))]
#[expect(clippy::too_many_arguments, reason = "keyword arguments")]
pub(crate) fn compare(
    py: Python<'_>,
    a: &Bound<'_, PyAny>,
    b: &Bound<'_, PyAny>,
    features: Option<&str>,
    a_features: Option<&str>,
    b_features: Option<&str>,
    a_tensor: Option<String>,
    b_tensor: Option<String>,
    a_slice: Option<usize>,
    b_slice: Option<usize>,
    a_format: Option<&str>,
    b_format: Option<&str>,
    min_norm: Option<f64>,
    method: Option<&str>,
    sign: Option<&str>,
    shared_cosine: Option<f64>,
    null_draws: Option<usize>,
    seed: Option<u64>,
    threads: Option<NonZeroUsize>,
) -> PyResult<Comparison> {
    let a_options = AnalyzeOptions::default()
        .with_tensor(a_tensor)
        .with_features(choice("features", a_features.or(features))?)
        .with_slice(a_slice)
        .with_format(file_format("a_format", a_format)?)
        .with_min_norm(min_norm);
    let b_options = AnalyzeOptions::default()
        .with_tensor(b_tensor)
        .with_features(choice("features", b_features.or(features))?)
        .with_slice(b_slice)
        .with_format(file_format("b_format", b_format)?)
        .with_min_norm(min_norm);
    let mut matching = MatchOptions::default()
        .with_method(choice("method", method)?)
        .with_threads(threads_of(threads).get());
    if let Some(sign) = choice("sign", sign)? {
        matching = matching.with_sign(sign);
    }
    if let Some(cosine) = shared_cosine {
        matching = matching.with_shared_cosine(cosine);
    }
    let mut options = CompareOptions::default()
        .with_matching(matching)
        .with_null_draws(null_draws);
    if let Some(seed) = seed {
        options = options.with_seed(seed);
    }
    let a = directions(py, "a", a, &a_options)?;
    let b = directions(py, "b", b, &b_options)?;
    let document = run(py, |_| Ok(compare_directions(&a, &b, &options)?))?;
    Ok(Comparison { document })
}

fn directions(
    py: Python<'_>,
    name: &str,
    object: &Bound<'_, PyAny>,
    options: &AnalyzeOptions,
) -> PyResult<Directions> {
    match &Given::new(name, object)? {
        Given::Path(path) => run(py, |_| Ok(Directions::read(path, options)?)),
        Given::Array(array) => {
            let read = with_matrix!(name, array, |matrix| run(py, |_| {
                Ok(Directions::of_matrix(matrix, options)?)
            }));
            let mut directions = read?;
            directions.name = name.to_owned();
            Ok(directions)
        }
    }
}

/// What `compare` finds.
#[pyclass(frozen, module = "superposition_explorer")]
pub(crate) struct Comparison {
    document: ComparisonDocument,
}

#[pymethods]
impl Comparison {
    /// "same_basis", "permuted", "partly_shared", "different_bases" or "unrelated"; None where nothing decides it.
    #[getter]
    fn verdict<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        to_dict(py, &self.document)?
            .get_item("verdict")
            .map(|verdict| verdict.filter(|v| !v.is_none()))
    }

    /// Every metric by its name; None where it is undefined.
    #[getter]
    fn metrics<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let metrics = PyDict::new(py);
        for (name, metric) in &self.document.metrics {
            metrics.set_item(name, metric.value)?;
        }
        Ok(metrics)
    }

    /// The matched pairs: a dict of arrays `a`, `b` (features) and `cosine`; None where the hidden dimensions differ.
    #[getter]
    fn matches<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyDict>>> {
        let Some(matching) = &self.document.comparison.matching else {
            return Ok(None);
        };
        let pairs = &matching.pairs;
        let matches = PyDict::new(py);
        matches.set_item("a", vector(py, pairs.iter().map(|pair| pair.a as i64)))?;
        matches.set_item("b", vector(py, pairs.iter().map(|pair| pair.b as i64)))?;
        matches.set_item("cosine", vector(py, pairs.iter().map(|pair| pair.cosine)))?;
        Ok(Some(matches))
    }

    /// Pairs with at least the cosine shared_cosine; None where the hidden dimensions differ.
    #[getter]
    fn n_shared(&self) -> Option<usize> {
        self.document
            .matching
            .as_ref()
            .map(|matching| matching.n_shared)
    }

    /// The document of `superposition compare --json`.
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        to_dict(py, &self.document)
    }

    fn __repr__(&self) -> String {
        let document = &self.document;
        let matching = document.comparison.matching.as_ref();
        let verdict = document
            .verdict
            .map(|verdict| format!("{:?}", verdict.to_string()));
        summary(
            "Comparison",
            &[
                ("n_features", format!("{:?}", document.n_features)),
                ("n_hidden", format!("{:?}", document.n_hidden)),
                ("verdict", verdict.unwrap_or_else(|| "None".to_owned())),
                (
                    "mean_cosine",
                    number(matching.and_then(|matching| matching.mean_cosine)),
                ),
            ],
        )
    }

    fn __str__(&self) -> String {
        comparison_report(&self.document, &style())
    }
}
