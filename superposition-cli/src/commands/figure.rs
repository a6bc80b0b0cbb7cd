//! `superposition figure`.

use superposition_lab::AnalyzeOptions;
use superposition_lab::figures::{FigureKind, FigureOptions, figure_of_files};
use superposition_lab::io::check_writable;
use superposition_lab::viz::svg::Theme;

use crate::failure::Failure;
use crate::figure_file;
use crate::output::{distinct, overwrite, print, terminal_style};
use crate::report_args::{FigureArgs, FigureKindArg};

pub(crate) fn run(args: &FigureArgs) -> Result<(), Failure> {
    let overwrite = overwrite(args.force);
    if let Some(out) = &args.out {
        for input in &args.inputs {
            distinct(("an input", input), ("--out", out))?;
        }
        figure_file::check(out, args.format)?;
        check_writable(out, overwrite)?;
    }
    let mut figure = figure_of_files(kind(args.kind), &args.inputs, &options(args)?)?;
    if let Some(title) = &args.title {
        figure.title.clone_from(title);
    }
    if args.dark {
        figure = figure.with_theme(Theme::Dark);
    }
    let Some(out) = &args.out else {
        return print(&figure.render_text(&terminal_style()));
    };
    figure_file::write(out, args.format, &figure, overwrite)?;
    print(&format!("The figure is in {}.\n", out.display()))
}

fn kind(kind: FigureKindArg) -> FigureKind {
    match kind {
        FigureKindArg::Planes => FigureKind::Planes,
        FigureKindArg::Space => FigureKind::Space,
        FigureKindArg::Gram => FigureKind::Gram,
        FigureKindArg::Capacity => FigureKind::Capacity,
        FigureKindArg::Cosines => FigureKind::Cosines,
        FigureKindArg::Graph => FigureKind::Graph,
        FigureKindArg::Training => FigureKind::Training,
        FigureKindArg::Probes => FigureKind::Probes,
        FigureKindArg::Scores => FigureKind::Scores,
        FigureKindArg::Dimensionality => FigureKind::Dimensionality,
        FigureKindArg::Dimensions => FigureKind::Dimensions,
        FigureKindArg::Phases => FigureKind::Phases,
        FigureKindArg::Descent => FigureKind::Descent,
    }
}

fn options(args: &FigureArgs) -> Result<FigureOptions, Failure> {
    let mut options = FigureOptions::default();
    options.analyze = AnalyzeOptions::default()
        .with_tensor(args.tensor.clone())
        .with_features(args.matrix.features.map(Into::into))
        .with_slice(args.matrix.slice)
        .with_format(args.input_format.into())
        .with_min_norm(args.min_norm);
    if let Some(axes) = &args.axes {
        let axes = axes.as_slice().try_into();
        options.axes = Some(axes.map_err(|_| usage("--axes takes three numbers: --axes 0,1,2"))?);
    }
    if let Some(view) = &args.view {
        let &[azimuth, elevation] = view.as_slice() else {
            return Err(usage("--view takes two angles: --view 30,20"));
        };
        if !(azimuth.is_finite() && elevation.is_finite()) {
            return Err(usage("--view takes finite angles in degrees"));
        }
        options.view = options.view.with_angles(azimuth, elevation);
    }
    Ok(options)
}

fn usage(text: &'static str) -> Failure {
    Failure::Usage(anyhow::anyhow!(text))
}
