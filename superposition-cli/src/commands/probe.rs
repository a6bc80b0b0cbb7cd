//! `superposition probe`.

use superposition_lab::report::probe_report;
use superposition_lab::{ProbeFileOptions, SampleSource, probe_files};

use crate::args::ProbeArgs;
use crate::failure::Failure;
use crate::output::{print, print_json, terminal_style, to_json};
use crate::progress::waiting;

pub(crate) fn run(args: &ProbeArgs) -> Result<(), Failure> {
    let mut options = ProbeFileOptions::default();
    if let Some(penalty) = args.penalty {
        options.probe.ridge.penalty = penalty;
    }
    if let Some(fraction) = args.test_fraction {
        options.probe.test_fraction = fraction;
    }
    if let Some(threshold) = args.active_threshold {
        options.probe.active_threshold = threshold;
    }
    if let Some(correlation) = args.min_correlation {
        options.polysemanticity.min_abs_correlation = correlation;
    }
    if let Some(r_squared) = args.coverage {
        options.probe.r_squared_threshold = r_squared;
    }
    if let Some(seed) = args.seed {
        options.seed = seed;
    }
    options.feature = args.feature;
    let samples = args.samples.into();
    let activations =
        SampleSource::new(&args.activations, samples).with_tensor(args.activations_tensor.clone());
    let labels = SampleSource::new(&args.labels, samples).with_tensor(args.labels_tensor.clone());
    let document = waiting("probing", args.common.verbosity(), || {
        probe_files(&activations, &labels, &options)
    })?;
    if args.common.json {
        print_json(&to_json(&document)?)
    } else {
        print(&probe_report(&document, &terminal_style()))
    }
}
