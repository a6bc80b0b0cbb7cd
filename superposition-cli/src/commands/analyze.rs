//! `superposition analyze`.

use superposition_lab::io::{check_writable, write_atomic};
use superposition_lab::report::{analysis_report, tensors_report};
use superposition_lab::{AnalyzeOptions, Centering, Layer, analyze_file, list_tensors};

use crate::args::AnalyzeArgs;
use crate::failure::Failure;
use crate::output::{distinct, overwrite, print, print_json, terminal_style, to_json};
use crate::progress::waiting;

pub(crate) fn run(args: &AnalyzeArgs) -> Result<(), Failure> {
    if args.list {
        let document = list_tensors(&args.file)?;
        return if args.common.json {
            print_json(&to_json(&document)?)
        } else {
            print(&tensors_report(&document, &terminal_style()))
        };
    }
    let mut options = AnalyzeOptions::default()
        .with_tensor(args.tensor.clone())
        .with_features(args.matrix.features.map(Into::into))
        .with_slice(args.matrix.slice)
        .with_min_norm(args.min_norm);
    options.analysis.threads = args.threads.get().get();
    if let Some(threshold) = args.threshold {
        options.analysis.cluster_threshold = threshold;
    }
    if args.center {
        options.centering = Centering::Mean;
    }
    if args.layer {
        options.layer = Layer::Summarize;
    }
    let overwrite = overwrite(args.force);
    if let Some(path) = &args.per_feature {
        distinct(("FILE", &args.file), ("--per-feature", path))?;
        check_writable(path, overwrite)?;
    }
    let document = waiting(
        "comparing all pairs of features",
        args.common.verbosity(),
        || analyze_file(&args.file, &options),
    )?;
    if let Some(path) = &args.per_feature {
        write_atomic(path, document.per_feature_csv().as_bytes(), overwrite)?;
    }
    if args.common.json {
        print_json(&to_json(&document)?)
    } else {
        print(&analysis_report(&document, &terminal_style()))
    }
}
