//! `reproduce`.

use std::num::NonZeroUsize;

use pyo3::prelude::*;
use pyo3::types::PyDict;
use superposition_lab::report::reproduction_report;
use superposition_lab::reproduce::{Context, ReproductionDocument, select};

use crate::failure::Failure;
use crate::options::{choice, threads as threads_of};
use crate::results::{style, summary, to_dict};
use crate::running::run;

/// Published results, each with numeric checks that can fail and a control that must.
///
/// id: such as "X3"; a letter for all of a block; or a list of ids.
/// preset: "quick", "standard" or "full": how much is computed.
///
/// Returns a Reproduction. A check that does not hold is no exception. Ctrl-C ends it.
///
/// Raises ValueError for an unknown id.
#[pyfunction]
#[pyo3(signature = (id, *, preset=None, threads=None))]
pub(crate) fn reproduce(
    py: Python<'_>,
    id: Ids,
    preset: Option<&str>,
    threads: Option<NonZeroUsize>,
) -> PyResult<Reproduction> {
    let ids = match id {
        Ids::One(id) => vec![id],
        Ids::Several(ids) => ids,
    };
    let preset = choice("preset", preset)?.unwrap_or_default();
    let selected = select(&ids).map_err(Failure::from)?;
    let reproduced = run(py, |stop| {
        let observe = |_| stop.flow();
        let context = Context::new(preset, threads_of(threads), &observe);
        let rows = selected
            .iter()
            .map(|experiment| Ok(experiment.reproduce(&context)?));
        rows.collect::<Result<Vec<_>, Failure>>()
    })?;
    let mut figures = Vec::new();
    let mut rows = Vec::new();
    for reproduced in reproduced {
        rows.push(reproduced.row);
        figures.extend(
            reproduced
                .figures
                .into_iter()
                .map(|figure| (figure.file, figure.svg)),
        );
    }
    Ok(Reproduction {
        document: ReproductionDocument::new(preset, rows),
        figures,
    })
}

#[derive(FromPyObject)]
pub(crate) enum Ids {
    One(String),
    Several(Vec<String>),
}

/// What came out of experiments.
#[pyclass(frozen, module = "superposition_explorer")]
pub(crate) struct Reproduction {
    document: ReproductionDocument,
    figures: Vec<(String, String)>,
}

#[pymethods]
impl Reproduction {
    /// Whether all checks held and no control did.
    #[getter]
    fn passes(&self) -> bool {
        self.document.passes
    }

    /// A dict per experiment: claim, source, checks, controls, verdict.
    #[getter]
    fn rows<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        to_dict(py, &self.document)?.as_any().get_item("rows")
    }

    /// What was drawn: SVG by the name of its file.
    #[getter]
    fn figures<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let figures = PyDict::new(py);
        for (name, svg) in &self.figures {
            figures.set_item(name, svg)?;
        }
        Ok(figures)
    }

    /// The document of `superposition reproduce --json`.
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        to_dict(py, &self.document)
    }

    fn __repr__(&self) -> String {
        let ids: Vec<&str> = self
            .document
            .rows
            .iter()
            .map(|row| row.id.as_str())
            .collect();
        let passes = if self.document.passes {
            "True"
        } else {
            "False"
        };
        summary(
            "Reproduction",
            &[
                ("ids", format!("{ids:?}")),
                ("preset", format!("{:?}", self.document.preset.to_string())),
                ("passes", passes.to_owned()),
            ],
        )
    }

    fn __str__(&self) -> String {
        reproduction_report(&self.document, &style())
    }
}
