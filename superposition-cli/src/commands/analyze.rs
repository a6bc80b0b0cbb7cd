//! `superposition analyze`.

use superposition_lab::analysis::{NullOptions, Pairs, PolytopeOptions};
use superposition_lab::io::check_writable;
use superposition_lab::report::{analysis_report, tensors_report};
use superposition_lab::{
    AnalyzeOptions, Centering, DeadFeatures, Layer, SampleSource, TableFormat, analyze_file,
    list_tensors,
};

use crate::args::AnalyzeArgs;
use crate::failure::Failure;
use crate::output::{distinct, note, overwrite, print, print_json, terminal_style, to_json};
use crate::progress::{Verbosity, waiting};

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
        .with_min_norm(args.min_norm)
        .with_format(args.format.into());
    options.decoder_norms = args.decoder_norms.into();
    options.firing_rates.clone_from(&args.firing_rates);
    if let (Some(path), Some(samples)) = (&args.activations, args.samples) {
        let source = SampleSource::new(path, samples.into());
        options.activations = Some(source.with_tensor(args.activations_tensor.clone()));
    }
    options.labels.clone_from(&args.labels);
    options.control.clone_from(&args.control);
    if args.mask_dead {
        options.dead = DeadFeatures::Mask;
    }
    options.analysis.threads = args.threads.get().get();
    if let Some(threshold) = args.threshold {
        options.analysis.cluster_threshold = threshold;
    }
    options.analysis.neighbors = args.neighbors;
    if args.no_pairs {
        options.analysis.pairs = Pairs::Skipped;
    } else if args.edges_out.is_some() {
        options.analysis.pairs = Pairs::Listed;
    }
    options.reading.polytopes = args
        .polytopes
        .map(|threshold| PolytopeOptions::default().with_threshold(threshold));
    options.reading.null = args.null.map(|draws| {
        let mut null = NullOptions::new(args.null_seed);
        null.draws = draws;
        null
    });
    if args.center {
        options.centering = Centering::Mean;
    }
    if args.layer {
        options.layer = Layer::Summarize;
    }
    let overwrite = overwrite(args.force);
    let outputs = [
        ("--per-feature", args.per_feature.as_ref()),
        ("--edges-out", args.edges_out.as_ref()),
    ];
    let inputs = [
        ("FILE", Some(&args.file)),
        ("--firing-rates", args.firing_rates.as_ref()),
        ("--activations", args.activations.as_ref()),
        ("--labels", args.labels.as_ref()),
        ("--control", args.control.as_ref()),
    ];
    for (k, (name, path)) in outputs.into_iter().enumerate() {
        let Some(path) = path else { continue };
        for (other, file) in inputs.into_iter().chain(outputs[..k].iter().copied()) {
            if let Some(file) = file {
                distinct((other, file), (name, path))?;
            }
        }
        TableFormat::of(path)?;
        check_writable(path, overwrite)?;
    }
    let document = waiting(
        if args.no_pairs {
            "summing over features"
        } else if args.null.is_some() {
            "comparing all pairs of features, and of random dictionaries"
        } else {
            "comparing all pairs of features"
        },
        args.common.verbosity(),
        || analyze_file(&args.file, &options),
    )?;
    if let Some(path) = &args.per_feature {
        document.feature_table().write(path, overwrite)?;
    }
    if let Some(path) = &args.edges_out {
        document.edge_table().write(path, overwrite)?;
    }
    if args.common.json && args.common.verbosity() == Verbosity::Normal {
        // The text report has it.
        note(&format!(
            "{} is read as {}: {}",
            document.tensor, document.format.name, document.format.reason
        ));
    }
    if args.common.json {
        print_json(&to_json(&document)?)
    } else {
        print(&analysis_report(&document, &terminal_style()))
    }
}
