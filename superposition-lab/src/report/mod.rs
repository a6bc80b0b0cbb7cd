//! Text for every document of this crate, laid out by superposition-viz.
//!
//! Numbers are those of the document's JSON, rounded to three or four significant digits; only the
//! heat map of interference is computed from W.

mod autoencoder;
mod comparison;
mod exploration;
mod files;
mod geometry;
mod landscape;
mod optimum;
mod phase_diagram;
mod reading;
mod reproduction;

pub(crate) use exploration::{recipe_configuration, recipe_title};
pub(crate) use files::analysis_summary;

pub use comparison::comparison_report;
pub use exploration::{exploration_report, sweep_report, training_report};
pub use files::{activations_report, analysis_report, probe_report, sample_report, tensors_report};
pub use landscape::landscape_report;
pub use optimum::{loss_report, optimum_report};
pub use phase_diagram::phase_diagram_report;
pub use reproduction::{PAGE_MARK, experiments_report, reproduction_page, reproduction_report};

use superposition_viz::format_number;

/// A number as reports print it.
pub(crate) fn number(value: f64) -> String {
    format_number(value, 4)
}

/// A number that may be undefined.
fn optional(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), number)
}

/// A share as a percentage.
fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}

fn pair(name: &str, value: impl Into<String>) -> (String, String) {
    (name.to_owned(), value.into())
}
