//! `probe`.

use numpy::PyArray1;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use superposition_lab::analysis::faer::Mat;
use superposition_lab::report::probe_report;
use superposition_lab::{
    Orientation, ProbeDocument, ProbeFileOptions, SampleSource, probe_samples, samples_of_matrix,
};

use crate::arrays::{Given, vector, with_matrix};
use crate::failure::{Failure, wrong};
use crate::options::{choice, set};
use crate::results::{number, style, summary, to_dict};
use crate::running::run;

/// Linear probes of labels from activations, and what each neuron responds to.
///
/// activations: matrix of N samples of d neurons, float32 or float64, or the path of a file.
/// labels: matrix of the same N samples of n labels, or the path of a file.
/// samples: "rows" or "columns", which side of both the samples are.
/// activations_tensor, labels_tensor: names of the tensors in files.
/// feature: probe one label only.
/// penalty: of the ridge regression.
/// test_fraction: share of samples that R^2 is measured on.
/// active_threshold: a label above it counts as active.
/// coverage: held-out R^2 from which on a label counts as decodable.
/// min_correlation: least absolute correlation of a neuron with a feature that it responds to.
/// n_rotations: random rotations of the activations that numbers of neurons are compared with.
/// seed: of the split and of the rotations.
///
/// Returns Probes. For a linear bottleneck R^2 is the feature's leverage, whatever the weights: compare with
/// `mean_r_squared_any_w`. Takes f64 copies of both matrices.
///
/// Raises ValueError for values that are wrong, different numbers of samples, or too few of them.
#[pyfunction]
#[pyo3(signature = (activations, labels, samples, *, activations_tensor=None, labels_tensor=None, feature=None,
    penalty=None, test_fraction=None, active_threshold=None, coverage=None, min_correlation=None, n_rotations=None,
    seed=None))]
#[expect(clippy::too_many_arguments, reason = "keyword arguments")]
pub(crate) fn probe(
    py: Python<'_>,
    activations: &Bound<'_, PyAny>,
    labels: &Bound<'_, PyAny>,
    samples: &str,
    activations_tensor: Option<String>,
    labels_tensor: Option<String>,
    feature: Option<usize>,
    penalty: Option<f64>,
    test_fraction: Option<f64>,
    active_threshold: Option<f64>,
    coverage: Option<f64>,
    min_correlation: Option<f64>,
    n_rotations: Option<usize>,
    seed: Option<u64>,
) -> PyResult<Probes> {
    let Some(samples) = choice("samples", Some(samples))? else {
        return Err(wrong("samples is \"rows\" or \"columns\""));
    };
    let mut options = ProbeFileOptions::default();
    options.feature = feature;
    set(&mut options.probe.ridge.penalty, penalty);
    set(&mut options.probe.test_fraction, test_fraction);
    set(&mut options.probe.active_threshold, active_threshold);
    set(&mut options.probe.r_squared_threshold, coverage);
    set(
        &mut options.polysemanticity.min_abs_correlation,
        min_correlation,
    );
    set(&mut options.n_rotations, n_rotations);
    set(&mut options.seed, seed);
    let activations = read(py, "activations", activations, samples, activations_tensor)?;
    let labels = read(py, "labels", labels, samples, labels_tensor)?;
    let document = run(py, |_| {
        Ok(probe_samples(
            activations.as_ref(),
            labels.as_ref(),
            &options,
        )?)
    })?;
    Ok(Probes { document })
}

/// Samples in columns.
fn read(
    py: Python<'_>,
    name: &str,
    object: &Bound<'_, PyAny>,
    samples: Orientation,
    tensor: Option<String>,
) -> PyResult<Mat<f64>> {
    match &Given::new(name, object)? {
        Given::Path(path) => {
            let source = SampleSource::new(path, samples).with_tensor(tensor);
            let (_, samples) = run(py, |_| Ok(source.read()?))?;
            Ok(samples)
        }
        Given::Array(_) if tensor.is_some() => Err(wrong(format!(
            "{name}_tensor names a tensor in a file, and {name} is an array"
        ))),
        Given::Array(array) => with_matrix!(name, array, |matrix| run(py, |_| {
            let read = samples_of_matrix(matrix, samples);
            read.map_err(|error| Failure::Python(wrong(format!("{name}: {error}"))))
        })),
    }
}

/// What `probe` finds: n labels, d neurons.
#[pyclass(frozen, module = "superposition_explorer")]
pub(crate) struct Probes {
    document: ProbeDocument,
}

#[pymethods]
impl Probes {
    /// Held-out R^2 of each probe, (n,); NaN where the label does not vary.
    #[getter]
    fn r_squared<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<f64>> {
        let probes = self.document.probes.iter();
        vector(py, probes.map(|probe| probe.r_squared.unwrap_or(f64::NAN)))
    }

    /// Mean held-out R^2; None where none is defined.
    #[getter]
    fn mean_r_squared(&self) -> Option<f64> {
        self.document.mean_r_squared
    }

    /// min(d, n) / n: what any map of full rank has on features of equal variance.
    #[getter]
    fn mean_r_squared_any_w(&self) -> f64 {
        self.document.mean_r_squared_any_w
    }

    /// Share of labels with at least the R^2 `coverage`; None where none is defined.
    #[getter]
    fn coverage(&self) -> Option<f64> {
        self.document.coverage
    }

    /// Direction of each probe in the activations, a list of arrays (d,).
    #[getter]
    fn directions<'py>(&self, py: Python<'py>) -> Vec<Bound<'py, PyArray1<f64>>> {
        let probes = self.document.probes.iter();
        probes
            .map(|probe| vector(py, probe.direction.iter().copied()))
            .collect()
    }

    /// The document of `superposition probe --json`.
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        to_dict(py, &self.document)
    }

    fn __repr__(&self) -> String {
        let document = &self.document;
        summary(
            "Probes",
            &[
                ("n_samples", document.n_samples.to_string()),
                ("n_neurons", document.n_neurons.to_string()),
                ("n_features", document.n_features.to_string()),
                ("mean_r_squared", number(document.mean_r_squared)),
                (
                    "mean_r_squared_any_w",
                    number(document.mean_r_squared_any_w),
                ),
            ],
        )
    }

    fn __str__(&self) -> String {
        probe_report(&self.document, &style())
    }
}
