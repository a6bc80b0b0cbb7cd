//! `superposition`: train toy models of superposition, analyse and probe any dictionary of
//! features, from the command line.
//!
//! Arguments, printing, progress and exit codes live here; numbers come from superposition-lab.

#![forbid(unsafe_code)]

mod args;
mod checkpoint;
mod commands;
mod exact_args;
mod failure;
mod figure_file;
mod interrupt;
mod output;
#[cfg(feature = "png")]
mod png;
mod progress;
mod recipe_args;
mod report_args;
mod reproduce_args;

use std::process::ExitCode;

use clap::Parser;

use crate::args::{Cli, Command};

fn main() -> ExitCode {
    let cli = Cli::parse();
    let result = match &cli.command {
        Command::Explore(args) => commands::explore::run(args),
        Command::Train(args) => commands::train::run(args),
        Command::Analyze(args) => commands::analyze::run(args),
        Command::Probe(args) => commands::probe::run(args),
        Command::Sample(args) => commands::sample::run(args),
        Command::Activations(args) => commands::activations::run(args),
        Command::Compare(args) => commands::compare::run(args),
        Command::Sweep(args) => commands::sweep::run(args),
        Command::Reproduce(args) => commands::reproduce::run(args),
        Command::Landscape(args) => commands::landscape::run(args),
        Command::Optimum(args) => commands::optimum::run(args),
        Command::Loss(args) => commands::loss::run(args),
        Command::PhaseDiagram(args) => commands::phase_diagram::run(args),
        Command::Report(args) => commands::report::run(args),
        Command::Figure(args) => commands::figure::run(args),
        Command::Completions(args) => commands::completions::run(args),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
