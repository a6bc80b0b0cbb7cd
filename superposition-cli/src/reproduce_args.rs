//! Flags of `reproduce`.

use std::path::PathBuf;

use clap::Args;
use superposition_lab::reproduce::Preset;

use crate::args::{CommonArgs, ThreadArgs};

/// Reproduce published results, each with a numeric check
///
/// Prints what was measured beside what it must be; exit code 1 if a check fails. A control is the same check on a wrong input, which must fail. With --out, finished results are kept, and the same command goes on after Ctrl-C.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  superposition reproduce --list
  superposition reproduce X4 X7
  superposition reproduce X --json
  superposition reproduce --all --out reproduction --page REPRODUCTION.md")]
pub(crate) struct ReproduceArgs {
    /// Which results, by id; X and T stand for all of their block
    #[arg(value_name = "ID", conflicts_with = "all")]
    pub(crate) ids: Vec<String>,
    /// All results
    #[arg(long)]
    pub(crate) all: bool,
    /// List the results there are, and compute nothing
    #[arg(long, conflicts_with_all = ["json", "out", "page"])]
    pub(crate) list: bool,
    /// The same checks on fewer seeds, cells or steps
    #[arg(long, conflicts_with = "full")]
    pub(crate) quick: bool,
    /// The sizes of the published runs, also where the checks need less
    #[arg(long)]
    pub(crate) full: bool,
    /// Folder for figures and a JSON document per result; those that are there already are taken from it
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Write the table as a page; a page that this command wrote is replaced
    #[arg(long, value_name = "FILE.md")]
    pub(crate) page: Option<PathBuf>,
    /// The commit of the sources, for the page and the JSON document
    #[arg(long, value_name = "COMMIT")]
    pub(crate) commit: Option<String>,
    /// Compute again what is asked for, whatever version of it --out has, and replace the file of --page
    #[arg(long)]
    pub(crate) force: bool,
    #[command(flatten)]
    pub(crate) common: CommonArgs,
    #[command(flatten)]
    pub(crate) threads: ThreadArgs,
}

impl ReproduceArgs {
    pub(crate) fn preset(&self) -> Preset {
        match (self.quick, self.full) {
            (true, _) => Preset::Quick,
            (false, true) => Preset::Full,
            (false, false) => Preset::default(),
        }
    }
}
