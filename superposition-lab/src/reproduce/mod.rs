//! Published results, each as an experiment with a numeric check.
//!
//! An [`Experiment`] is one file: what is claimed and where, what is computed, checks with a tolerance and its
//! reason, and a control, the same check on a wrong input, which must not hold. Block X needs no training; block T
//! does. [`experiments`] lists them, [`select`] finds them by id, [`Experiment::reproduce`] runs one, and a
//! [`ResultFolder`] keeps what is finished, so that an interrupted run goes on.
//!
//! ```
//! use std::num::NonZeroUsize;
//! use std::ops::ControlFlow;
//! use superposition_lab::reproduce::{Context, Preset, select};
//!
//! let thomson = select(&["X3"]).unwrap()[0];
//! let context = Context::new(Preset::Quick, NonZeroUsize::MIN, &|_| ControlFlow::Continue(()));
//! let row = thomson.reproduce(&context).unwrap().row;
//! assert!(row.passes);
//! // The check on a wrong input failed, as it must.
//! assert!(!row.controls[0].check.holds);
//! ```

mod document;
mod exact;
mod experiment;
mod finding;
mod folder;
mod trained;

pub use document::{Machine, ReproductionDocument, ReproductionRow};
pub use experiment::{Budget, Context, Definition, Experiment, Preset, Reproduced};
pub use finding::{Check, Control, Expected, Figure, Findings, Precision, Verdict};
pub use folder::ResultFolder;

use crate::LabError;

/// All experiments, in the order of the published table: block X, then block T.
///
/// ```
/// use superposition_lab::reproduce::experiments;
/// assert!(experiments().any(|experiment| experiment.definition.id == "X4"));
/// ```
pub fn experiments() -> impl Iterator<Item = &'static Experiment> {
    exact::ROWS.iter().chain(trained::ROWS).copied()
}

/// How many near names an error lists.
const MOST_NEAR: usize = 5;

/// The experiments with these ids, in the order of [`experiments`], each once. Capitals do not matter, and the letter
/// of a block stands for all of it.
///
/// ```
/// use superposition_lab::reproduce::select;
/// assert_eq!(select(&["x4", "X3"]).unwrap()[0].definition.id, "X3");
/// assert!(select(&["X"]).unwrap().len() > 2);
/// assert!(select(&["X33"]).unwrap_err().to_string().contains("X3"));
/// ```
///
/// # Errors
/// [`LabError::UnknownExperiment`], with the nearest ids, if there is none of that id.
pub fn select<S: AsRef<str>>(ids: &[S]) -> Result<Vec<&'static Experiment>, LabError> {
    let names = |wanted: &str, id: &str| {
        id.eq_ignore_ascii_case(wanted)
            || (wanted.len() == 1 && id.get(..1).is_some_and(|b| b.eq_ignore_ascii_case(wanted)))
    };
    for id in ids {
        let id = id.as_ref();
        if !experiments().any(|experiment| names(id, experiment.definition.id)) {
            return Err(LabError::UnknownExperiment {
                id: id.to_owned(),
                near: near(id),
            });
        }
    }
    Ok(experiments()
        .filter(|experiment| {
            ids.iter()
                .any(|id| names(id.as_ref(), experiment.definition.id))
        })
        .collect())
}

/// The most similar ids, best first.
fn near(id: &str) -> Vec<String> {
    // Longer ones are near to nothing, and the comparison is quadratic.
    let wanted: String = id.chars().take(32).collect::<String>().to_uppercase();
    let mut ids: Vec<(f64, &str)> = experiments()
        .map(|experiment| experiment.definition.id)
        .map(|id| (strsim::jaro_winkler(&wanted, id), id))
        .collect();
    ids.sort_by(|a, b| b.0.total_cmp(&a.0));
    let near = ids.into_iter().take(MOST_NEAR);
    near.map(|(_, id)| id.to_owned()).collect()
}
