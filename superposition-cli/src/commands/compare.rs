//! `superposition compare`.

use superposition_lab::report::comparison_report;
use superposition_lab::{AnalyzeOptions, compare_files};

use crate::args::CompareArgs;
use crate::failure::Failure;
use crate::output::{print, print_json, terminal_style, to_json};

pub(crate) fn run(args: &CompareArgs) -> Result<(), Failure> {
    let a = AnalyzeOptions::default()
        .with_tensor(args.a_tensor.clone())
        .with_features(args.a_features.map(Into::into))
        .with_slice(args.a_slice)
        .with_format(args.a_format.into());
    let b = AnalyzeOptions::default()
        .with_tensor(args.b_tensor.clone())
        .with_features(args.b_features.map(Into::into))
        .with_slice(args.b_slice)
        .with_format(args.b_format.into());
    let document = compare_files((&args.a, &a), (&args.b, &b))?;
    if args.common.json {
        print_json(&to_json(&document)?)
    } else {
        print(&comparison_report(&document, &terminal_style()))
    }
}
