//! `train_ensemble`.

use std::num::NonZeroUsize;

use numpy::{Element, PyArrayDyn};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};
use superposition_lab::model::{Bias, Coupling, FeatureProbability, Importance, ToyModel};
use superposition_lab::train::StopReason;
use superposition_lab::{EnsembleMember, LabError, Recipe, probability_of, train_recipes};

use crate::arrays::{Array, numbers, shaped};
use crate::failure::{Failure, wrong};
use crate::options::{
    ModelArguments, TrainArguments, check_sparsity, importance as importance_of, parse, set,
    threads as threads_of,
};
use crate::results::{number, summary, to_dict};
use crate::running::run;

/// Trains many toy models at once: the notebook's stacks [instances, features, hidden].
///
/// feature_probability or sparsity: a number, or an array that broadcasts to (instances, features) as NumPy does:
///     (instances, 1) for one number for each instance, (features,) for one for each feature.
/// importance: text as in `train`, or an array that broadcasts in the same way.
/// n_instances: how many; may be left out where an array or w says so.
/// w, b: what trainings begin at, (instances, features, hidden) and (instances, features); drawn if not given.
/// seed: of the first instance; the others have those that follow.
/// All others as in `train`; `n_features` and `n_hidden` may be left out where w is given.
///
/// Returns an Ensemble. Each model is bit for bit what `train` gives for its recipe and seed, whatever the threads.
/// Ctrl-C stops all. A training whose loss ceased to be finite is an outcome: its `stop` says so.
///
/// Raises ValueError for values and shapes that are wrong.
///
/// Elhage et al. 2022, Toy Models of Superposition, and its notebook.
#[pyfunction]
#[pyo3(signature = (*, n_instances=None, n_features=None, n_hidden=None, sparsity=None, feature_probability=None,
    sets=None, importance=None, output=None, bias=None, coupling=None, w=None, b=None, n_steps=None, batch_size=None,
    learning_rate=None, schedule=None, warmup_steps=None, weight_decay=None, l2=None, clip_norm=None,
    loss_below=None, loss_every=None, initialization=None, seed=None, kernel=None, step_form=None, threads=None))]
#[expect(clippy::too_many_arguments, reason = "keyword arguments")]
pub(crate) fn train_ensemble(
    py: Python<'_>,
    n_instances: Option<usize>,
    n_features: Option<usize>,
    n_hidden: Option<usize>,
    sparsity: Option<&Bound<'_, PyAny>>,
    feature_probability: Option<&Bound<'_, PyAny>>,
    sets: Option<&str>,
    importance: Option<&Bound<'_, PyAny>>,
    output: Option<&str>,
    bias: Option<&str>,
    coupling: Option<&str>,
    w: Option<&Bound<'_, PyAny>>,
    b: Option<&Bound<'_, PyAny>>,
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
    threads: Option<NonZeroUsize>,
) -> PyResult<Ensemble> {
    let start = w.map(|w| Start::new(w, b)).transpose()?;
    if start.is_none() && b.is_some() {
        return Err(wrong(
            "b is what trainings begin at together with w, which is missing",
        ));
    }
    let (start_features, start_hidden) = match &start {
        Some(start) => (Some(start.n_features), Some(start.n_hidden)),
        None => (None, None),
    };
    let mut recipe = Recipe::quick_start();
    ModelArguments {
        n_features: n_features.or(start_features),
        n_hidden: n_hidden.or(start_hidden),
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
    set(&mut recipe.sets, parse("sets", sets)?);

    let n_features = recipe.model.dimensions.n_features;
    let (name, given) = match (feature_probability, sparsity) {
        (Some(_), Some(_)) => return Err(wrong("pass feature_probability or sparsity, not both")),
        (Some(object), None) => ("feature_probability", Some(object)),
        (None, sparsity) => ("sparsity", sparsity),
    };
    let mut probability = given
        .map(|object| Stack::new(name, object, n_features))
        .transpose()?;
    if let (Some(stack), "sparsity") = (&mut probability, name) {
        for value in &mut stack.values {
            check_sparsity(*value)?;
            *value = probability_of(*value);
        }
    }
    let importance = match importance {
        Some(object) if !object.is_instance_of::<PyString>() => {
            Some(Stack::new("importance", object, n_features)?)
        }
        text => {
            set(&mut recipe.importance, importance_of(text)?);
            None
        }
    };
    let n_instances = agreed_instances(&[
        ("n_instances", n_instances),
        (
            name,
            probability.as_ref().and_then(|stack| stack.n_instances),
        ),
        (
            "importance",
            importance.as_ref().and_then(|stack| stack.n_instances),
        ),
        ("w", start.as_ref().map(|start| start.n_instances)),
    ])?;
    let first = recipe.train.seed;
    let recipes = (0..n_instances)
        .map(|k| {
            let mut recipe = recipe.clone();
            recipe.train.seed = first
                .checked_add(k as u64)
                .ok_or_else(|| wrong("the seeds that follow this one must be at most 2^64 - 1"))?;
            if let Some(stack) = &probability {
                recipe.feature_probability = match stack.row(k) {
                    [p] => FeatureProbability::Same(*p),
                    row => FeatureProbability::PerFeature(row.to_vec()),
                };
            }
            if let Some(stack) = &importance {
                recipe.importance = match stack.row(k) {
                    [one] => Importance::Explicit(vec![*one; n_features]),
                    row => Importance::Explicit(row.to_vec()),
                };
            }
            recipe.validate().map_err(Failure::from)?;
            Ok(recipe)
        })
        .collect::<PyResult<Vec<_>>>()?;
    let starts = start.map(|start| start.models(&recipe)).transpose()?;
    let members = run(py, |stop| {
        let starts = starts.as_deref();
        let members = train_recipes(&recipes, starts, threads_of(threads), &|_, _| stop.flow())?;
        if members
            .iter()
            .any(|member| member.trained.stop.was_cancelled())
        {
            return Err(LabError::Cancelled.into());
        }
        Ok(members)
    })?;
    Ok(Ensemble { members })
}

/// How many instances there are, if all that say so agree.
fn agreed_instances(said: &[(&str, Option<usize>)]) -> PyResult<usize> {
    let mut found: Option<(&str, usize)> = None;
    for &(name, n) in said {
        match (found, n) {
            (Some((other, m)), Some(n)) if m != n => {
                return Err(wrong(format!("{other} says {m} instances and {name} {n}")));
            }
            (None, Some(n)) => found = Some((name, n)),
            _ => {}
        }
    }
    match found {
        Some((_, n)) if n > 0 => Ok(n),
        Some((name, _)) => Err(wrong(format!("{name} says 0 instances; there must be one"))),
        None => Err(wrong(
            "how many instances? Pass n_instances, or an array (instances, 1) or (instances, features)",
        )),
    }
}

/// Numbers that broadcast to (instances, features).
struct Stack {
    /// None where all instances have the same.
    n_instances: Option<usize>,
    /// 1 or the number of features.
    n_columns: usize,
    values: Vec<f64>,
}

impl Stack {
    fn new(name: &str, object: &Bound<'_, PyAny>, n_features: usize) -> PyResult<Self> {
        let (shape, values) = numbers(name, object)?;
        let (n_instances, n_columns) = match shape[..] {
            [] => (None, 1),
            [n] => (None, n),
            [1, n] => (None, n),
            [k, n] => (Some(k), n),
            _ => (None, 0),
        };
        if n_columns != 1 && n_columns != n_features {
            return Err(wrong(format!(
                "{name} has shape {shape:?}; it must broadcast to (instances, {n_features}): (instances, 1) for a number for each instance"
            )));
        }
        Ok(Self {
            n_instances,
            n_columns,
            values,
        })
    }

    fn row(&self, instance: usize) -> &[f64] {
        let start = if self.n_instances.is_some() {
            instance * self.n_columns
        } else {
            0
        };
        &self.values[start..start + self.n_columns]
    }
}

/// What trainings begin at, in C order.
struct Start {
    n_instances: usize,
    n_features: usize,
    n_hidden: usize,
    w: Vec<f32>,
    b: Option<Vec<f32>>,
}

impl Start {
    fn new(w: &Bound<'_, PyAny>, b: Option<&Bound<'_, PyAny>>) -> PyResult<Self> {
        let w = Array::new("w", w)?;
        let &[n_instances, n_features, n_hidden] = w.shape() else {
            return Err(wrong(format!(
                "w has shape {:?}; it must be (instances, features, hidden)",
                w.shape()
            )));
        };
        let b = b.map(|b| Array::new("b", b)).transpose()?;
        if let Some(b) = &b
            && b.shape() != [n_instances, n_features]
        {
            return Err(wrong(format!(
                "b has shape {:?}; it must be (instances, features), ({n_instances}, {n_features})",
                b.shape()
            )));
        }
        Ok(Self {
            n_instances,
            n_features,
            n_hidden,
            w: rounded(&w),
            b: b.as_ref().map(rounded),
        })
    }

    /// The models of this recipe that have these parameters; without b, a bias of 0.
    fn models(&self, recipe: &Recipe) -> PyResult<Vec<ToyModel>> {
        if recipe.model.coupling == Coupling::Untied {
            return Err(wrong("w is for tied weights; coupling is \"untied\""));
        }
        if self.b.is_some() && recipe.model.bias == Bias::None {
            return Err(wrong("b is given for models without a bias"));
        }
        let (n, m) = (self.n_features, self.n_hidden);
        let asked = recipe.model.dimensions;
        if (asked.n_features, asked.n_hidden) != (n, m) {
            return Err(wrong(format!(
                "w is of {n} features in {m} hidden dimensions, and {} in {} are asked for",
                asked.n_features, asked.n_hidden
            )));
        }
        (0..self.n_instances)
            .map(|k| {
                // A feature in each row of C order is a column of W; the bias follows.
                let mut parameters = self.w[k * n * m..(k + 1) * n * m].to_vec();
                match (&self.b, recipe.model.bias) {
                    (Some(b), _) => parameters.extend_from_slice(&b[k * n..(k + 1) * n]),
                    (None, Bias::Learned) => parameters.resize(n * (m + 1), 0.0),
                    (None, Bias::None) => {}
                }
                Ok(ToyModel::new(recipe.model, parameters).map_err(Failure::from)?)
            })
            .collect()
    }
}

/// The values in C order, in the type of training.
fn rounded(array: &Array<'_>) -> Vec<f32> {
    match array {
        Array::F32(values) => values.as_array().iter().copied().collect(),
        Array::F64(values) => values.as_array().iter().map(|&x| x as f32).collect(),
    }
}

/// Trained toy models: i instances of n features in m hidden dimensions.
#[pyclass(frozen, module = "superposition_explorer")]
pub(crate) struct Ensemble {
    members: Vec<EnsembleMember>,
}

impl Ensemble {
    /// The rows of all models, one after the other: (i, row).
    fn stack<'py, T: Element>(
        &self,
        py: Python<'py>,
        row: impl Fn(&EnsembleMember) -> Vec<T>,
    ) -> PyResult<Bound<'py, PyArrayDyn<T>>> {
        let values: Vec<T> = self.members.iter().flat_map(row).collect();
        let n = values.len() / self.members.len();
        shaped(py, &[self.members.len(), n], values)
    }

    /// Weights as (i, n, m).
    fn weights<'py>(
        &self,
        py: Python<'py>,
        of: impl Fn(&ToyModel) -> Vec<f32>,
    ) -> PyResult<Bound<'py, PyArrayDyn<f32>>> {
        let dimensions = self.members[0].recipe.model.dimensions;
        let shape = [
            self.members.len(),
            dimensions.n_features,
            dimensions.n_hidden,
        ];
        let values = self
            .members
            .iter()
            .flat_map(|member| of(&member.trained.model));
        shaped(py, &shape, values.collect())
    }
}

#[pymethods]
#[expect(non_snake_case, reason = "W is what everybody calls it")]
impl Ensemble {
    /// The weights, float32 (i, n, m).
    #[getter]
    fn W<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArrayDyn<f32>>> {
        self.weights(py, |model| {
            let w = model.w();
            (0..w.ncols())
                .flat_map(|i| w.col(i).iter().copied())
                .collect()
        })
    }

    /// The biases, float32 (i, n); None for models without one.
    #[getter]
    fn b<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyArrayDyn<f32>>>> {
        let has_bias = self.members[0].trained.model.b().is_some();
        let bias = |member: &EnsembleMember| member.trained.model.b().unwrap_or_default().to_vec();
        has_bias.then(|| self.stack(py, bias)).transpose()
    }

    /// The recorded batch losses, float32 (i, steps); NaN after a training that ended before others.
    #[getter]
    fn losses<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArrayDyn<f32>>> {
        let longest = self
            .members
            .iter()
            .map(|member| member.trained.losses.len())
            .max();
        self.stack(py, |member| {
            let mut losses = member.trained.losses.clone();
            losses.resize(longest.unwrap_or(0), f32::NAN);
            losses
        })
    }

    /// Loss of each model on fresh samples, (i,); NaN for one that is not finite.
    #[getter]
    fn loss<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArrayDyn<f64>>> {
        let loss = |member: &EnsembleMember| member.loss().unwrap_or(f64::NAN);
        shaped(
            py,
            &[self.members.len()],
            self.members.iter().map(loss).collect(),
        )
    }

    /// Norm of each feature, (i, n).
    #[getter]
    fn feature_norms<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArrayDyn<f64>>> {
        self.stack(py, |member| member.feature_norms.clone())
    }

    /// D_i of each feature, (i, n).
    #[getter]
    fn feature_dimensionality<'py>(
        &self,
        py: Python<'py>,
    ) -> PyResult<Bound<'py, PyArrayDyn<f64>>> {
        self.stack(py, |member| member.feature_dimensionality.clone())
    }

    /// Why each training ended: "finished", "loss_below" or "diverged".
    #[getter]
    fn stop(&self) -> Vec<&'static str> {
        let name = |member: &EnsembleMember| match member.trained.stop {
            StopReason::Finished => "finished",
            StopReason::LossBelow { .. } => "loss_below",
            StopReason::Diverged { .. } => "diverged",
            StopReason::Cancelled { .. } => "cancelled",
        };
        self.members.iter().map(name).collect()
    }

    fn __len__(&self) -> usize {
        self.members.len()
    }

    /// `instances`: recipe, training, evaluation, feature_norms and feature_dimensionality of each.
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let instances = self.members.iter().map(|member| to_dict(py, member));
        let document = PyDict::new(py);
        document.set_item("instances", instances.collect::<PyResult<Vec<_>>>()?)?;
        Ok(document)
    }

    fn __repr__(&self) -> String {
        let dimensions = self.members[0].recipe.model.dimensions;
        let losses = self.members.iter().filter_map(|member| member.loss());
        let (least, most) = losses.fold(
            (None, None),
            |(least, most): (Option<f64>, Option<f64>), x| {
                (
                    Some(least.map_or(x, |y| y.min(x))),
                    Some(most.map_or(x, |y| y.max(x))),
                )
            },
        );
        summary(
            "Ensemble",
            &[
                ("n_instances", self.members.len().to_string()),
                ("n_features", dimensions.n_features.to_string()),
                ("n_hidden", dimensions.n_hidden.to_string()),
                ("loss", format!("{}..{}", number(least), number(most))),
            ],
        )
    }
}
