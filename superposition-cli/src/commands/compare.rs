//! `superposition compare`.

use superposition_lab::analysis::{CompareOptions, CosineSign, MatchOptions};
use superposition_lab::figures::comparison_figure;
use superposition_lab::io::{check_writable, write_atomic};
use superposition_lab::report::comparison_report;
use superposition_lab::{AnalyzeOptions, ComparisonDocument, Directions, compare_directions};

use crate::args::CompareArgs;
use crate::failure::Failure;
use crate::figure_file;
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
    let outputs = [
        ("--matches-out", &args.matches_out),
        ("--figure", &args.figure),
    ];
    for (flag, path) in outputs {
        if let Some(path) = path {
            distinct(("A", &args.a), (flag, path))?;
            distinct(("B", &args.b), (flag, path))?;
            check_writable(path, overwrite)?;
        }
    }
    if let (Some(csv), Some(svg)) = (&args.matches_out, &args.figure) {
        distinct(("--matches-out", csv), ("--figure", svg))?;
    }
    if let Some(path) = &args.figure {
        figure_file::check(path, None)?;
    }
    let options = options(args);
    let (a, b) = (
        Directions::read(&args.a, &a)?,
        Directions::read(&args.b, &b)?,
    );
    let document = waiting(
        "comparing with each other and with chance",
        args.common.verbosity(),
        || compare_directions(&a, &b, &options),
    )?;
    if let Some(path) = &args.matches_out {
        let csv = document.matches_csv();
        let csv = csv.ok_or_else(|| nothing("--matches-out", &document))?;
        write_atomic(path, csv.as_bytes(), overwrite)?;
    }
    if let Some(path) = &args.figure {
        let figure = comparison_figure(&document, &a, &b);
        let figure = figure.ok_or_else(|| nothing("--figure", &document))?;
        figure_file::write(path, None, &figure, overwrite)?;
    }
    if args.common.json {
        print_json(&to_json(&document)?)
    } else {
        print(&comparison_report(&document, &terminal_style()))
    }
}

/// Why there is nothing to write.
fn nothing(flag: &str, document: &ComparisonDocument) -> anyhow::Error {
    let [m_a, m_b] = document.n_hidden;
    anyhow::anyhow!(
        "there is nothing to write to {flag}: features in {m_a} and in {m_b} hidden dimensions have no cosines"
    )
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
