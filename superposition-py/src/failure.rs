//! Errors as Python's exceptions.

use std::io;

use pyo3::PyErr;
use pyo3::exceptions::{PyKeyboardInterrupt, PyValueError};
use superposition_lab::LabError;
use superposition_lab::io::IoError;

/// What a function here fails with.
pub(crate) enum Failure {
    Lab(LabError),
    Python(PyErr),
}

impl<E: Into<LabError>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Lab(error.into())
    }
}

impl From<Failure> for PyErr {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Lab(error) => exception(&error),
            Failure::Python(error) => error,
        }
    }
}

/// A value that is not right.
pub(crate) fn wrong(message: impl Into<String>) -> PyErr {
    PyValueError::new_err(message.into())
}

/// What the operating system refused is an `OSError` of its kind; everything else is a value that is wrong. Advice on
/// flags becomes advice on arguments.
fn exception(error: &LabError) -> PyErr {
    match error {
        LabError::Io(IoError::System { source, .. }) => {
            io::Error::new(source.kind(), error.to_string()).into()
        }
        LabError::Cancelled => PyKeyboardInterrupt::new_err(()),
        LabError::UnknownOrientation {
            tensor,
            n_rows,
            n_cols,
        } => wrong(format!(
            "{tensor:?} has shape ({n_rows}, {n_cols}) and nothing says whether a feature is a row or a column: pass features=\"rows\" or features=\"columns\" (PyTorch decoders [d_sae, d_in] and embeddings [vocabulary, d] hold features in rows)"
        )),
        LabError::NotStreamed {
            what,
            memory,
            needed,
            instead,
        } => wrong(format!(
            "{what}; with the matrix in memory the analysis takes about {needed} bytes and may take {memory}: pass memory={needed} or more, or {instead}"
        )),
        other => wrong(other.to_string()),
    }
}
