//! Block T: results of trained models.

use super::Experiment;

pub(super) const ROWS: &[&Experiment] = &[];
