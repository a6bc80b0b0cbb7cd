//! `superposition report`.

use superposition_lab::Centering;
use superposition_lab::analysis::Pairs;
use superposition_lab::io::{check_writable, write_atomic};
use superposition_lab::page::{PageOptions, page_of_files};

use crate::failure::Failure;
use crate::output::{distinct, overwrite, print};
use crate::progress::{Verbosity, waiting};
use crate::recipe_args::set;
use crate::report_args::ReportArgs;

pub(crate) fn run(args: &ReportArgs) -> Result<(), Failure> {
    for input in args.inputs.iter().chain(&args.labels) {
        distinct(("an input", input), ("--out", &args.out))?;
    }
    let overwrite = overwrite(args.force);
    check_writable(&args.out, overwrite)?;
    let options = options(args);
    let verbosity = match args.quiet {
        true => Verbosity::Quiet,
        false => Verbosity::Normal,
    };
    let page = waiting("reading and analysing", verbosity, || {
        page_of_files(&args.inputs, &options)
    })?;
    write_atomic(&args.out, page.render().as_bytes(), overwrite)?;
    print(&format!("The page is in {}.\n", args.out.display()))
}

fn options(args: &ReportArgs) -> PageOptions {
    let mut options = PageOptions::default();
    options.title.clone_from(&args.title);
    let analyze = &mut options.analyze;
    analyze.format = args.format.into();
    analyze.tensor.clone_from(&args.tensor);
    analyze.features = args.matrix.features.map(Into::into);
    analyze.slice = args.matrix.slice;
    analyze.labels.clone_from(&args.labels);
    analyze.min_norm = args.min_norm;
    analyze.analysis.threads = args.threads.get().get();
    set(&mut analyze.analysis.cluster_threshold, args.threshold);
    set(&mut analyze.kept_values, args.max_values);
    analyze.memory = args.memory;
    if let Some(memory) = args.memory {
        let may_be_read = analyze.limits.max_bytes.max(memory);
        analyze.limits.max_bytes = may_be_read;
    }
    if args.no_pairs {
        analyze.analysis.pairs = Pairs::Skipped;
    }
    if args.center {
        analyze.centering = Centering::Mean;
    }
    options
}
