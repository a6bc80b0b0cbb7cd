//! What all results have.

use pyo3::prelude::*;
use pyo3::types::PyDict;
use serde::Serialize;
use superposition_lab::viz::{TextStyle, format_number};

use crate::failure::wrong;

/// The document of the command line's `--json`, as Python's own values.
pub(crate) fn to_dict<'py>(
    py: Python<'py>,
    document: &impl Serialize,
) -> PyResult<Bound<'py, PyDict>> {
    let text = serde_json::to_string(document).map_err(|error| wrong(error.to_string()))?;
    let object = py.import("json")?.call_method1("loads", (text,))?;
    Ok(object.cast_into::<PyDict>()?)
}

/// The style of reports: plain text of 100 columns.
pub(crate) fn style() -> TextStyle {
    TextStyle::default()
}

/// `Name(key=value, ...)`.
pub(crate) fn summary(name: &str, values: &[(&str, String)]) -> String {
    let values: Vec<String> = values
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    format!("{name}({})", values.join(", "))
}

/// As reports print it, or None.
pub(crate) fn number(value: impl Into<Option<f64>>) -> String {
    let value: Option<f64> = value.into();
    value.map_or_else(|| "None".to_owned(), |value| format_number(value, 4))
}
