//! Superposition Explorer in Python: the functions of superposition-lab over NumPy and PyTorch arrays, without copies.
//!
//! Holds no numerics. An argument that is not given leaves the value of the Rust option struct; shapes and types are
//! checked before anything is computed; the interpreter is released meanwhile. `superposition_explorer.pyi` has the
//! types, `tests` the tests, in Python.
#![forbid(unsafe_code)]

mod failure;

mod arrays;
mod options;
mod results;
mod running;

mod analysis;
mod comparison;
mod ensemble;
mod exact;
mod probing;
mod reproduction;
mod training;

use pyo3::pymodule;

/// Superposition Explorer: feature geometry, superposition and polysemanticity.
///
/// A dictionary is a matrix of feature directions from anywhere. It is given as a NumPy array, anything with
/// `__array__` (a torch tensor on the CPU, a JAX array) or the path of a file (safetensors, npy, npz, the folder of a
/// SAELens autoencoder), with `features="rows"` or `features="columns"`: no shape is looked at to guess. Arrays are
/// float32 or float64 and are read in place. W in results has features in rows, as PyTorch decoders and the notebook of
/// *Toy Models of Superposition* do.
///
/// An argument left at None takes the value that the command line would take. `print(result)` shows the report,
/// `result.to_dict()` is the document of the command line's `--json`, and `threads` changes no bit of it.
#[pymodule]
mod superposition_explorer {
    use numpy::{PyArray1, PyArrayMethods as _};
    use pyo3::prelude::*;

    /// NumPy is looked for here, where that may fail, and not at the first array.
    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.py().import("numpy")?;
        drop(PyArray1::<f64>::zeros(module.py(), 0, false).readonly());
        Ok(())
    }

    #[pymodule_export]
    use crate::analysis::{Analysis, analyze};
    #[pymodule_export]
    use crate::comparison::{Comparison, compare};
    #[pymodule_export]
    use crate::ensemble::{Ensemble, train_ensemble};
    #[pymodule_export]
    use crate::exact::{Loss, Optimum, loss, optimum};
    #[pymodule_export]
    use crate::probing::{Probes, probe};
    #[pymodule_export]
    use crate::reproduction::{Reproduction, reproduce};
    #[pymodule_export]
    use crate::training::{Training, train};

    #[pymodule_export]
    #[expect(non_upper_case_globals, reason = "what Python calls it")]
    const __version__: &str = env!("CARGO_PKG_VERSION");
}
