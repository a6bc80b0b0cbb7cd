//! `superposition analyze`.

use std::ops::ControlFlow;

use superposition_lab::analysis::{NullOptions, Pairs, PolytopeOptions, StreamStage};
use superposition_lab::io::check_writable;
use superposition_lab::report::{analysis_report, tensors_report};
use superposition_lab::{
    AnalysisDocument, AnalysisEstimate, AnalyzeOptions, Centering, DeadFeatures, Layer,
    SampleSource, TableFormat, analyze_file, analyze_file_observed, estimate_analysis,
    list_tensors,
};

use crate::args::AnalyzeArgs;
use crate::failure::Failure;
use crate::interrupt;
use crate::output::{distinct, note, overwrite, print, print_json, terminal_style, to_json};
use crate::progress::{Stages, Verbosity, waiting};

/// Seconds from which on an estimate is told.
const LONG: f64 = 60.0;
const AN_HOUR: f64 = 3600.0;

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
    options.memory = args.memory;
    if let Some(memory) = args.memory {
        let may_be_read = options.limits.max_bytes.max(memory);
        options.limits = options.limits.with_max_bytes(may_be_read);
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
    let verbosity = args.common.verbosity();
    let estimate = estimate_analysis(&args.file, &options)?;
    let is_long = estimate.seconds > LONG;
    if verbosity == Verbosity::Normal && (estimate.stream.is_some() || is_long) {
        note(&said(&estimate));
    }
    if estimate.seconds > AN_HOUR && !args.pairs && !args.no_pairs {
        return Err(Failure::Usage(anyhow::anyhow!(
            "comparing all pairs is estimated to take {}: add --pairs to do so, or --no-pairs for norms, dimensionality and interference alone",
            duration(estimate.seconds)
        )));
    }
    let document = if estimate.stream.is_some() {
        analyze_in_blocks(args, &options)?
    } else {
        waiting(
            if args.no_pairs {
                "summing over features"
            } else if args.null.is_some() {
                "comparing all pairs of features, and of random dictionaries"
            } else {
                "comparing all pairs of features"
            },
            verbosity,
            || analyze_file(&args.file, &options),
        )?
    };
    if let Some(path) = &args.per_feature {
        document.feature_table().write(path, overwrite)?;
    }
    if let Some(path) = &args.edges_out {
        document.edge_table().write(path, overwrite)?;
    }
    if args.common.json && verbosity == Verbosity::Normal {
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

/// Reads the dictionary in blocks, with progress; Ctrl-C ends it.
fn analyze_in_blocks(
    args: &AnalyzeArgs,
    options: &AnalyzeOptions,
) -> Result<AnalysisDocument, Failure> {
    interrupt::listen()?;
    let mut stages = Stages::new(args.common.verbosity());
    let flow = analyze_file_observed(&args.file, options, &mut |progress| {
        let name = match progress.stage {
            StreamStage::Measuring => "measuring features",
            StreamStage::Summing => "summing over features",
            StreamStage::SummingAgain => "summing over features again",
            StreamStage::SummingDirectly => "summing feature by feature",
            _ => "comparing pairs of features",
        };
        stages.show(name, progress.fraction);
        interrupt::control_flow()
    });
    stages.finish();
    match flow? {
        ControlFlow::Continue(document) if interrupt::control_flow().is_continue() => Ok(document),
        _ => Err(Failure::Interrupted("nothing was written".to_owned())),
    }
}

/// What an analysis will take.
fn said(estimate: &AnalysisEstimate) -> String {
    let AnalysisEstimate {
        n_features,
        n_hidden,
        flops,
        ..
    } = estimate;
    let place = match &estimate.stream {
        None => format!("{} of memory", bytes(estimate.in_memory)),
        Some(plan) => format!(
            "{} with the matrix in memory, of {} granted: it is read in blocks, {:.1} times in all, and {} are taken",
            bytes(estimate.in_memory),
            bytes(estimate.memory),
            estimate.reads,
            bytes(plan.memory)
        ),
    };
    format!(
        "estimate for {n_features} features in {n_hidden} dimensions: {flops:.1e} operations, {}; {place}",
        duration(estimate.seconds)
    )
}

fn bytes(bytes: u64) -> String {
    let wide = bytes as f64;
    match bytes {
        0..0x10_0000 => format!("{:.0} KiB", wide / 1024.0),
        0x10_0000..0x4000_0000 => format!("{:.0} MiB", wide / 1_048_576.0),
        _ => format!("{:.1} GiB", wide / 1_073_741_824.0),
    }
}

fn duration(seconds: f64) -> String {
    if seconds < 1.0 {
        "less than a second".to_owned()
    } else if seconds < 120.0 {
        format!("about {seconds:.0} s")
    } else if seconds < 7200.0 {
        format!("about {:.0} min", seconds / 60.0)
    } else {
        format!("about {:.1} h", seconds / 3600.0)
    }
}
