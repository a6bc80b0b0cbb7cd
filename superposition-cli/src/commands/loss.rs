//! `superposition loss`.

use superposition_lab::model::Bias;
use superposition_lab::report::loss_report;
use superposition_lab::{LossOptions, loss_of_file};

use crate::exact_args::LossArgs;
use crate::failure::Failure;
use crate::output::{print, print_json, terminal_style, to_json};
use crate::progress::waiting;

pub(crate) fn run(args: &LossArgs) -> Result<(), Failure> {
    let mut options = LossOptions::default();
    options.tensor.clone_from(&args.tensor);
    options.bias.clone_from(&args.bias);
    options.with_bias = args.no_bias.then_some(Bias::None);
    options.features = args.features.map(Into::into);
    options.instance = args.instance;
    options.feature_probability = args.probability.get()?;
    options.sets = args.sets;
    options.importance.clone_from(&args.importance);
    options.output = args.output.map(Into::into);
    let document = waiting("computing the loss", args.common.verbosity(), || {
        loss_of_file(&args.file, &options)
    })?;
    if args.common.json {
        print_json(&to_json(&document)?)
    } else {
        print(&loss_report(&document, &terminal_style()))
    }
}
