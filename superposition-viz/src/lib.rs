#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod bars;
mod canvas;
mod clusters;
mod curve;
mod dimensionality;
mod histogram;
mod matrix;
mod number;
mod page;
mod plane;
mod sparkline;
mod style;
mod summary;
mod table;
mod transition;

pub mod figures;
pub mod html;
pub mod svg;

pub use bars::{bar_chart, feature_norms};
pub use clusters::clusters;
pub use curve::{CurveOptions, Scale, curve, training_curve};
pub use dimensionality::dimensionality;
pub use histogram::histogram;
pub use matrix::{Square, cosine_matrix, interference_heatmap};
pub use number::format_number;
pub use plane::feature_plane;
pub use sparkline::sparkline;
pub use style::{Charset, Color, MIN_WIDTH, TextStyle};
pub use summary::{Headline, SelectedInterference, Summary, SummaryTable, summary_report};
pub use table::{key_values, section, table};
pub use transition::{Spread, TransitionRow, sparsity_transition};
