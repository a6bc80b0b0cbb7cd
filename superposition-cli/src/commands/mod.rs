//! One file a command.

pub(crate) mod activations;
pub(crate) mod analyze;
pub(crate) mod compare;
pub(crate) mod completions;
pub(crate) mod explore;
pub(crate) mod figure;
pub(crate) mod landscape;
pub(crate) mod loss;
pub(crate) mod optimum;
pub(crate) mod phase_diagram;
pub(crate) mod probe;
pub(crate) mod report;
pub(crate) mod reproduce;
pub(crate) mod sample;
pub(crate) mod sweep;
pub(crate) mod train;
