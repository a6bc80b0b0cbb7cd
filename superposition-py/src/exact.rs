//! `loss` and `optimum`: expected losses without samples.

use std::num::NonZeroUsize;

use numpy::{PyArray1, PyArray2, PyArrayMethods as _};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use superposition_lab::model::{Bias, Dimensions, ToyModelConfig};
use superposition_lab::report::{loss_report, optimum_report};
use superposition_lab::{
    LabError, LossDocument, LossOptions, OptimumDocument, OptimumRecipe, find_optimum,
    loss_of_file, loss_of_matrix,
};

use crate::arrays::{Given, numbers, vector, with_matrix};
use crate::failure::wrong;
use crate::options::{
    ModelArguments, choice, importance as importance_of, parse, probability, set,
    threads as threads_of,
};
use crate::results::{number, style, summary, to_dict};
use crate::running::run;

/// The expected loss of a toy model, without samples, and what it is made of.
///
/// w: the weights, n features and m hidden dimensions, float32 or float64, or the path of a file that has them.
/// b: the bias, (n,); None for a model without one. For a file it is read from there.
/// features: "rows" or "columns" of w.
/// feature_probability or sparsity: how often features are active, a number, or one for each.
/// sets, importance, output: as in `train`; what is not given is that of the file.
/// tensor, bias, instance: what to read in a file: the names of both, and the index along stacks [instances, ...].
/// no_bias: the file's model has no bias.
///
/// Returns a Loss. In closed form for up to 13 independent features.
///
/// Raises ValueError for values that are wrong or missing.
///
/// Elhage et al. 2022, Toy Models of Superposition, "Mathematical Understanding".
#[pyfunction]
#[pyo3(signature = (w, b=None, features=None, *, feature_probability=None, sparsity=None, sets=None, importance=None,
    output=None, tensor=None, bias=None, no_bias=None, instance=None))]
#[expect(clippy::too_many_arguments, reason = "keyword arguments")]
pub(crate) fn loss(
    py: Python<'_>,
    w: &Bound<'_, PyAny>,
    b: Option<&Bound<'_, PyAny>>,
    features: Option<&str>,
    feature_probability: Option<&Bound<'_, PyAny>>,
    sparsity: Option<f64>,
    sets: Option<&str>,
    importance: Option<&Bound<'_, PyAny>>,
    output: Option<&str>,
    tensor: Option<String>,
    bias: Option<String>,
    no_bias: Option<bool>,
    instance: Option<usize>,
) -> PyResult<Loss> {
    let mut options = LossOptions::default();
    options.tensor = tensor;
    options.bias = bias;
    options.with_bias = (no_bias == Some(true)).then_some(Bias::None);
    options.features = choice("features", features)?;
    options.instance = instance;
    options.feature_probability = probability(feature_probability, sparsity)?;
    options.sets = parse("sets", sets)?;
    options.importance = importance_of(importance)?;
    options.output = choice("output", output)?;
    let document = match &Given::new("w", w)? {
        Given::Path(path) => {
            if b.is_some() {
                return Err(wrong("b is read from the file; bias names its tensor"));
            }
            run(py, |_| Ok(loss_of_file(path, &options)?))?
        }
        Given::Array(array) => {
            let b = b.map(|b| numbers("b", b)).transpose()?;
            let b = match &b {
                None => None,
                Some((shape, values)) if shape.len() == 1 => Some(&values[..]),
                Some((shape, _)) => {
                    return Err(wrong(format!(
                        "b has shape {shape:?}; it must have one dimension"
                    )));
                }
            };
            with_matrix!("w", array, |matrix| run(py, |_| Ok(loss_of_matrix(
                matrix, b, &options
            )?))?)
        }
    };
    Ok(Loss { document })
}

/// An expected loss and its parts, for n features.
#[pyclass(frozen, module = "superposition_explorer")]
pub(crate) struct Loss {
    document: LossDocument,
}

#[pymethods]
impl Loss {
    /// The expected loss, mean over features.
    #[getter]
    fn loss(&self) -> f64 {
        self.document.loss
    }

    /// The same, summed over features, as papers write it.
    #[getter]
    fn loss_sum(&self) -> f64 {
        self.document.loss_sum
    }

    /// The loss of a model that represents nothing, mean over features.
    #[getter]
    fn loss_of_nothing(&self) -> f64 {
        self.document.loss_of_nothing
    }

    /// The part of each feature in loss_sum, (n,).
    #[getter]
    fn feature_loss<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<f64>> {
        vector(py, self.document.feature_loss.iter().copied())
    }

    /// Of one active feature: the sum over features of its own error.
    #[getter]
    fn feature_benefit(&self) -> f64 {
        self.document.feature_benefit
    }

    /// Of one active feature: the sum over features of the errors that it makes in others.
    #[getter]
    fn interference(&self) -> f64 {
        self.document.interference
    }

    /// The document of `superposition loss --json`.
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        to_dict(py, &self.document)
    }

    fn __float__(&self) -> f64 {
        self.document.loss
    }

    fn __repr__(&self) -> String {
        let document = &self.document;
        summary(
            "Loss",
            &[
                ("n_features", document.n_features.to_string()),
                ("n_hidden", document.n_hidden.to_string()),
                ("loss", number(document.loss)),
                ("feature_benefit", number(document.feature_benefit)),
                ("interference", number(document.interference)),
            ],
        )
    }

    fn __str__(&self) -> String {
        loss_report(&self.document, &style())
    }
}

/// The lowest expected loss of a toy model, and the geometry of every basin found.
///
/// n_features, n_hidden: n and m; the exact loss is for up to 13 independent features.
/// feature_probability or sparsity: how often features are active, a number, or one for each.
/// sets, importance, output, bias, coupling, initialization: as in `train`; importance is uniform if not given.
/// n_starts: random starts beside the named polytopes; seed: theirs.
///
/// Returns an Optimum: the best found of so many starts, not a proof. Ctrl-C ends the search.
///
/// Raises ValueError for values that are wrong, and where n is too large for an exact loss.
#[pyfunction]
#[pyo3(signature = (n_features, n_hidden, *, feature_probability=None, sparsity=None, sets=None, importance=None,
    output=None, bias=None, coupling=None, n_starts=None, seed=None, initialization=None, threads=None))]
#[expect(clippy::too_many_arguments, reason = "keyword arguments")]
pub(crate) fn optimum(
    py: Python<'_>,
    n_features: usize,
    n_hidden: usize,
    feature_probability: Option<&Bound<'_, PyAny>>,
    sparsity: Option<f64>,
    sets: Option<&str>,
    importance: Option<&Bound<'_, PyAny>>,
    output: Option<&str>,
    bias: Option<&str>,
    coupling: Option<&str>,
    n_starts: Option<usize>,
    seed: Option<u64>,
    initialization: Option<&str>,
    threads: Option<NonZeroUsize>,
) -> PyResult<Optimum> {
    let mut model = ToyModelConfig::new(Dimensions {
        n_features,
        n_hidden,
    });
    ModelArguments {
        output,
        bias,
        coupling,
        ..ModelArguments::default()
    }
    .apply(&mut model)?;
    let mut recipe = OptimumRecipe::new(model);
    recipe.feature_probability = probability(feature_probability, sparsity)?.ok_or_else(|| {
        wrong("how often is a feature active? Pass feature_probability or sparsity")
    })?;
    set(&mut recipe.sets, parse("sets", sets)?);
    set(&mut recipe.importance, importance_of(importance)?);
    set(&mut recipe.search.n_starts, n_starts);
    set(&mut recipe.search.seed, seed);
    set(
        &mut recipe.search.initialization,
        parse("initialization", initialization)?,
    );
    let document = run(py, |stop| {
        let found = find_optimum(&recipe, threads_of(threads), &|_| stop.flow())?;
        match found.interrupted {
            true => Err(LabError::Cancelled.into()),
            false => Ok(found),
        }
    })?;
    if document.basins.is_empty() {
        return Err(PyRuntimeError::new_err("no descent stayed finite"));
    }
    Ok(Optimum { document })
}

/// The lowest expected loss found, and every basin.
#[pyclass(frozen, module = "superposition_explorer")]
pub(crate) struct Optimum {
    document: OptimumDocument,
}

#[pymethods]
#[expect(non_snake_case, reason = "W is what everybody calls it")]
impl Optimum {
    /// The lowest loss, mean over features.
    #[getter]
    fn loss(&self) -> f64 {
        self.document.basins[0].loss
    }

    /// The same, summed over features, as papers write it.
    #[getter]
    fn loss_sum(&self) -> f64 {
        self.document.basins[0].loss_sum
    }

    /// W of the lowest, (n, m): a feature in each row.
    #[getter]
    fn W<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArray2<f64>>> {
        // The document has m rows of n.
        let rows = PyArray2::from_vec2(py, &self.document.basins[0].w)?;
        rows.transpose()
    }

    /// Its bias, (n,); None for a model without one.
    #[getter]
    fn b<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyArray1<f64>>> {
        let b = self.document.b.as_ref();
        b.map(|b| vector(py, b.iter().copied()))
    }

    /// D_i of its features, (n,).
    #[getter]
    fn feature_dimensionality<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<f64>> {
        vector(
            py,
            self.document.basins[0]
                .feature_dimensionality
                .iter()
                .copied(),
        )
    }

    /// Its represented features as named polytopes.
    #[getter]
    fn geometry(&self) -> &str {
        &self.document.basins[0].geometry
    }

    /// All that was found, lowest first: a list of dicts.
    #[getter]
    fn basins<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        to_dict(py, &self.document)?.as_any().get_item("basins")
    }

    /// The document of `superposition optimum --json`.
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        to_dict(py, &self.document)
    }

    fn __repr__(&self) -> String {
        let lowest = &self.document.basins[0];
        let dimensions = self.document.recipe.model.dimensions;
        summary(
            "Optimum",
            &[
                ("n_features", dimensions.n_features.to_string()),
                ("n_hidden", dimensions.n_hidden.to_string()),
                ("loss", number(lowest.loss)),
                ("geometry", format!("{:?}", lowest.geometry)),
                ("n_basins", self.document.basins.len().to_string()),
            ],
        )
    }

    fn __str__(&self) -> String {
        optimum_report(&self.document, &style())
    }
}
