//! `superposition figure`.

use superposition_lab::figures::{FigureKind, figure_of_file};
use superposition_lab::io::{check_writable, write_atomic};
use superposition_lab::viz::svg::Theme;

use crate::failure::Failure;
use crate::output::{distinct, overwrite, print};
use crate::report_args::{FigureArgs, FigureKindArg};

pub(crate) fn run(args: &FigureArgs) -> Result<(), Failure> {
    distinct(("the input", &args.input), ("--out", &args.out))?;
    let overwrite = overwrite(args.force);
    check_writable(&args.out, overwrite)?;
    let kind = match args.kind {
        FigureKindArg::Plane => FigureKind::Plane,
        FigureKindArg::Gram => FigureKind::Gram,
        FigureKindArg::Capacity => FigureKind::Capacity,
        FigureKindArg::Cosines => FigureKind::Cosines,
        FigureKindArg::Training => FigureKind::Training,
        FigureKindArg::Probes => FigureKind::Probes,
        FigureKindArg::Dimensionality => FigureKind::Dimensionality,
        FigureKindArg::Dimensions => FigureKind::Dimensions,
    };
    let theme = match args.dark {
        true => Theme::Dark,
        false => Theme::Light,
    };
    let mut figure = figure_of_file(kind, &args.input)?.with_theme(theme);
    if let Some(title) = &args.title {
        figure.title.clone_from(title);
    }
    write_atomic(&args.out, figure.render().as_bytes(), overwrite)?;
    print(&format!("The figure is in {}.\n", args.out.display()))
}
