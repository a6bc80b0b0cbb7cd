//! Block X: exact results, which need no training.

mod geometry;
mod support;
mod x3_thomson;
mod x4_phases_of_two;

use super::Experiment;

pub(super) const ROWS: &[&Experiment] = &[&x3_thomson::EXPERIMENT, &x4_phases_of_two::EXPERIMENT];
