//! `superposition compare`.

use superposition_lab::analysis::{CompareOptions, CosineSign, MatchOptions};
use superposition_lab::io::{check_writable, write_atomic};
use superposition_lab::report::comparison_report;
use superposition_lab::{AnalyzeOptions, compare_files};

use crate::args::CompareArgs;
use crate::failure::Failure;
use crate::output::{distinct, overwrite, print, print_json, terminal_style, to_json};
use crate::progress::waiting;

pub(crate) fn run(args: &CompareArgs) -> Result<(), Failure> {
    let a = AnalyzeOptions::default()
        .with_tensor(args.a_tensor.clone())
        .with_features(args.a_features.map(Into::into))
        .with_slice(args.a_slice)
        .with_format(args.a_format.into())
        .with_min_norm(args.min_norm);
    let b = AnalyzeOptions::default()
        .with_tensor(args.b_tensor.clone())
        .with_features(args.b_features.map(Into::into))
        .with_slice(args.b_slice)
        .with_format(args.b_format.into())
        .with_min_norm(args.min_norm);
    let overwrite = overwrite(args.force);
    if let Some(path) = &args.matches_out {
        distinct(("A", &args.a), ("--matches-out", path))?;
        distinct(("B", &args.b), ("--matches-out", path))?;
        check_writable(path, overwrite)?;
    }
    let options = options(args);
    let document = waiting(
        "comparing with each other and with chance",
        args.common.verbosity(),
        || compare_files((&args.a, &a), (&args.b, &b), &options),
    )?;
    if let Some(path) = &args.matches_out {
        let csv = document.matches_csv().ok_or_else(|| {
            let [m_a, m_b] = document.n_hidden;
            anyhow::anyhow!(
                "there is nothing to write to --matches-out: features in {m_a} and in {m_b} hidden dimensions have no cosines"
            )
        })?;
        write_atomic(path, csv.as_bytes(), overwrite)?;
    }
    if args.common.json {
        print_json(&to_json(&document)?)
    } else {
        print(&comparison_report(&document, &terminal_style()))
    }
}

fn options(args: &CompareArgs) -> CompareOptions {
    let mut matching = MatchOptions::default()
        .with_method(args.method.map(Into::into))
        .with_threads(args.threads.get().get());
    if args.absolute {
        matching = matching.with_sign(CosineSign::Absolute);
    }
    if let Some(cosine) = args.shared_cosine {
        matching = matching.with_shared_cosine(cosine);
    }
    let options = CompareOptions::default()
        .with_matching(matching)
        .with_null_draws(args.null_draws);
    match args.seed {
        Some(seed) => options.with_seed(seed),
        None => options,
    }
}
