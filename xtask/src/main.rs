//! The checks, benchmarks and releases of this workspace: `cargo xtask --help`.
//!
//! `cargo xtask ci` is all of continuous integration. `cargo xtask tidy` holds the architecture: what may depend on
//! what, what the libraries may not do, and that the documentation speaks of things that exist.
#![forbid(unsafe_code)]

mod bench;
mod ci;
mod doc;
mod figures;
mod flags;
mod golden;
mod page;
mod python;
mod release;
mod source;
mod tidy;
mod wasm;
mod wheel;
mod workspace;

use std::process::ExitCode;

use flags::XtaskCmd;
use workspace::Workspace;

fn main() -> ExitCode {
    let flags = flags::Xtask::from_env_or_exit();
    match run(flags.subcommand) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: XtaskCmd) -> anyhow::Result<()> {
    let workspace = Workspace::load()?;
    let shell = xshell::Shell::new()?;
    shell.change_dir(&workspace.root);
    match command {
        XtaskCmd::Ci(_) => ci::run(&shell, &workspace),
        XtaskCmd::Tidy(_) => tidy::run(&shell, &workspace),
        XtaskCmd::Doc(flags) => doc::run(&shell, &workspace, flags.open),
        XtaskCmd::Bench(flags) => bench::run(&shell, &workspace, &flags),
        XtaskCmd::Golden(flags) => golden::run(&shell, &workspace, &flags),
        XtaskCmd::Figures(_) => figures::run(&shell, &workspace),
        XtaskCmd::Page(_) => page::run(&shell, &workspace),
        XtaskCmd::Wasm(_) => wasm::run(&shell, &workspace),
        XtaskCmd::Python(_) => wheel::run(&shell, &workspace),
        XtaskCmd::Release(flags) => release::run(&shell, &workspace, flags.execute),
    }
}
