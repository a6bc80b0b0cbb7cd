//! `superposition sample`.

use superposition_lab::io::check_writable;
use superposition_lab::report::sample_report;
use superposition_lab::sample_model;

use crate::args::SampleArgs;
use crate::failure::Failure;
use crate::output::{distinct, overwrite, print, print_json, terminal_style, to_json};

pub(crate) fn run(args: &SampleArgs) -> Result<(), Failure> {
    let overwrite = overwrite(args.force);
    distinct(("MODEL", &args.model), ("--out", &args.out))?;
    check_writable(&args.out, overwrite)?;
    let document = sample_model(&args.model, args.n_samples, args.seed, &args.out, overwrite)?;
    if args.common.json {
        print_json(&to_json(&document)?)
    } else {
        print(&sample_report(&document, &terminal_style()))?;
        print(&format!("\nThe samples are in {}.\n", args.out.display()))
    }
}
