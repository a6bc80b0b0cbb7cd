//! `superposition activations`.

use superposition_lab::analysis::MutualInformationOptions;
use superposition_lab::report::activations_report;
use superposition_lab::{SampleSource, describe_activations};

use crate::args::ActivationsArgs;
use crate::failure::Failure;
use crate::output::{print, print_json, terminal_style, to_json};

pub(crate) fn run(args: &ActivationsArgs) -> Result<(), Failure> {
    let mut options = MutualInformationOptions::default();
    if let Some(bins) = args.bins {
        options.n_bins = bins;
    }
    let source =
        SampleSource::new(&args.file, args.samples.into()).with_tensor(args.tensor.clone());
    let document = describe_activations(&source, args.threshold, &args.pair, &options)?;
    if args.common.json {
        print_json(&to_json(&document)?)
    } else {
        print(&activations_report(&document, &terminal_style()))
    }
}
