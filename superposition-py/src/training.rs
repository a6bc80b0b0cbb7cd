//! `train`.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use numpy::{PyArray1, PyArray2};
use pyo3::exceptions::PyArithmeticError;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use superposition_lab::io::Overwrite;
use superposition_lab::model::{Coupling, ToyModel};
use superposition_lab::report::training_report;
use superposition_lab::train::StopReason;
use superposition_lab::{
    ExploreOptions, LabError, Recipe, TrainingDocument, train_tracked, write_model,
};

use crate::arrays::{features_in_rows, vector};
use crate::failure::Failure;
use crate::options::{
    ModelArguments, TrainArguments, importance as importance_of, parse, probability, set,
    threads as threads_of,
};
use crate::results::{number, style, summary, to_dict};
use crate::running::run;

/// Trains a toy model x' = ReLU(W^T W x + b) to reconstruct sparse features.
///
/// n_features, n_hidden: n and m.
/// sparsity or feature_probability: S, or p = 1 - S, a number, or one for each feature; "power:EXPONENT:ACTIVE" and
/// "geometric:RATIO:ACTIVE" are laws with so many features active on average.
/// sets: which features are active together: "independent", "correlated:K" or "anticorrelated:K".
/// importance: "uniform", "geometric:R", "geometric-to:X", or a number for each feature.
/// output: "relu" or "linear"; bias: "learned" or "none"; coupling: "tied" or "untied".
/// n_steps, batch_size: how long, on how many fresh samples a step.
/// learning_rate, schedule ("constant", "linear:LAST", "cosine:LAST"), warmup_steps, weight_decay (decoupled), l2,
///     clip_norm: of Adam.
/// loss_below: stops after the first step whose batch loss is below it; loss_every: steps from one recorded loss to the
///     next.
/// initialization: "xavier" or "normal:STD".
/// seed: of everything random; the same seed gives the same bits.
/// kernel, step_form: speed ("auto", "scalar", "avx2", "avx512"; "auto", "gram", "direct", "tiny").
/// history_every: steps from one row of the history to the next.
///
/// Without arguments, the quick start of the command line. Returns a Training. Ctrl-C stops it after a step.
///
/// Raises ValueError for values that are wrong, ArithmeticError where the loss ceased to be finite.
///
/// Elhage et al. 2022, Toy Models of Superposition, section 2.
#[pyfunction]
#[pyo3(signature = (*, n_features=None, n_hidden=None, sparsity=None, feature_probability=None, sets=None,
    importance=None, output=None, bias=None, coupling=None, n_steps=None, batch_size=None, learning_rate=None,
    schedule=None, warmup_steps=None, weight_decay=None, l2=None, clip_norm=None, loss_below=None, loss_every=None,
    initialization=None, seed=None, kernel=None, step_form=None, history_every=None, threads=None))]
#[expect(clippy::too_many_arguments, reason = "keyword arguments")]
pub(crate) fn train(
    py: Python<'_>,
    n_features: Option<usize>,
    n_hidden: Option<usize>,
    sparsity: Option<f64>,
    feature_probability: Option<&Bound<'_, PyAny>>,
    sets: Option<&str>,
    importance: Option<&Bound<'_, PyAny>>,
    output: Option<&str>,
    bias: Option<&str>,
    coupling: Option<&str>,
    n_steps: Option<usize>,
    batch_size: Option<usize>,
    learning_rate: Option<f64>,
    schedule: Option<&str>,
    warmup_steps: Option<usize>,
    weight_decay: Option<f64>,
    l2: Option<f64>,
    clip_norm: Option<f64>,
    loss_below: Option<f64>,
    loss_every: Option<usize>,
    initialization: Option<&str>,
    seed: Option<u64>,
    kernel: Option<&str>,
    step_form: Option<&str>,
    history_every: Option<NonZeroUsize>,
    threads: Option<NonZeroUsize>,
) -> PyResult<Training> {
    let mut recipe = Recipe::quick_start();
    ModelArguments {
        n_features,
        n_hidden,
        output,
        bias,
        coupling,
    }
    .apply(&mut recipe.model)?;
    TrainArguments {
        n_steps,
        batch_size,
        learning_rate,
        schedule,
        warmup_steps,
        weight_decay,
        l2,
        clip_norm,
        loss_below,
        loss_every,
        initialization,
        seed,
        kernel,
        step_form,
    }
    .apply(&mut recipe.train)?;
    set(
        &mut recipe.feature_probability,
        probability(feature_probability, sparsity)?,
    );
    set(&mut recipe.sets, parse("sets", sets)?);
    set(&mut recipe.importance, importance_of(importance)?);
    recipe.validate().map_err(Failure::from)?;
    let mut tracking = ExploreOptions::quick_start()
        .with_recipe(recipe.clone())
        .with_threads(threads_of(threads))
        .tracking;
    set(
        &mut tracking.history_every,
        history_every.map(NonZeroUsize::get),
    );
    let (model, losses, document) = run(py, |stop| {
        let tracked = train_tracked(&recipe, &tracking, &mut |_| stop.flow())?;
        let trained = tracked.trained;
        match trained.stop {
            StopReason::Cancelled { .. } => return Err(LabError::Cancelled.into()),
            StopReason::Diverged { step } => {
                let message =
                    format!("the loss was not finite at step {step}: try a smaller learning_rate");
                return Err(Failure::Python(PyArithmeticError::new_err(message)));
            }
            _ => {}
        }
        let document = TrainingDocument::new(&recipe, &trained, &tracked.history)?;
        Ok((trained.model, trained.losses, document))
    })?;
    Ok(Training {
        model,
        losses,
        document,
    })
}

/// A trained toy model, and how its training went.
#[pyclass(frozen, module = "superposition_explorer")]
pub(crate) struct Training {
    model: ToyModel,
    losses: Vec<f32>,
    document: TrainingDocument,
}

#[pymethods]
#[expect(non_snake_case, reason = "W is what everybody calls it")]
impl Training {
    /// The weights, float32 (n, m): a feature in each row.
    #[getter]
    fn W<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArray2<f32>>> {
        features_in_rows(py, self.model.w())
    }

    /// The decoder's weights of an untied model, float32 (n, m); else None.
    #[getter]
    fn W_dec<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyArray2<f32>>>> {
        let is_untied = self.model.config().coupling == Coupling::Untied;
        is_untied
            .then(|| features_in_rows(py, self.model.w_dec()))
            .transpose()
    }

    /// The bias, float32 (n,); None for a model without one.
    #[getter]
    fn b<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyArray1<f32>>> {
        self.model.b().map(|b| vector(py, b.iter().copied()))
    }

    /// The recorded batch losses, float32.
    #[getter]
    fn losses<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<f32>> {
        vector(py, self.losses.iter().copied())
    }

    /// Loss on fresh samples: importance-weighted squared error, mean over samples and features.
    #[getter]
    fn loss(&self) -> f64 {
        self.document.evaluation.loss
    }

    /// The expected loss, without samples; None where it is not known.
    #[getter]
    fn population_loss(&self) -> Option<f64> {
        self.document.population_loss.value
    }

    /// Features with a norm above 0.5.
    #[getter]
    fn n_represented(&self) -> usize {
        self.document.geometry.n_represented
    }

    /// Norm of each feature, (n,).
    #[getter]
    fn feature_norms<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<f64>> {
        vector(
            py,
            self.document.geometry.features.iter().map(|row| row.norm),
        )
    }

    /// D_i of each feature, (n,).
    #[getter]
    fn feature_dimensionality<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<f64>> {
        vector(
            py,
            self.document
                .geometry
                .features
                .iter()
                .map(|row| row.dimensionality),
        )
    }

    /// Writes the model as safetensors, as `superposition train --out` does, byte for byte.
    #[pyo3(signature = (path, *, overwrite=false))]
    fn save(&self, path: PathBuf, overwrite: bool) -> PyResult<()> {
        let overwrite = match overwrite {
            true => Overwrite::Replace,
            false => Overwrite::Refuse,
        };
        write_model(&path, &self.model, &self.document.recipe, overwrite).map_err(Failure::from)?;
        Ok(())
    }

    /// The document of `superposition train --json`.
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        to_dict(py, &self.document)
    }

    fn __repr__(&self) -> String {
        let geometry = &self.document.geometry;
        summary(
            "Training",
            &[
                ("n_features", geometry.n_features.to_string()),
                ("n_hidden", geometry.n_hidden.to_string()),
                ("steps", self.document.training.steps.to_string()),
                ("loss", number(self.document.evaluation.loss)),
                ("n_represented", geometry.n_represented.to_string()),
            ],
        )
    }

    fn __str__(&self) -> String {
        training_report(&self.document, &style())
    }
}
