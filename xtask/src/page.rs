//! The page of superposition-viz: its script's types and lint, and what it does in a headless browser.

use std::path::Path;

use anyhow::Context as _;
use xshell::{Shell, cmd};

use crate::workspace::Workspace;

const FOLDER: &str = "superposition-viz/page";

/// Checks the script, makes pages with the program that was built for the tests, and drives them in a browser.
pub(crate) fn run(shell: &Shell, workspace: &Workspace) -> anyhow::Result<()> {
    check_script(shell)?;
    cmd!(
        shell,
        "cargo build --quiet --package superposition-viz --example hostile_page"
    )
    .run()?;
    let program = workspace.program(shell)?;
    let pages = workspace.target.join("page");
    shell.remove_path(&pages)?;
    shell.create_dir(&pages)?;
    make_pages(shell, workspace, &program, &pages)?;
    cmd!(shell, "node {FOLDER}/test/run.mjs {pages}")
        .run()
        .context("chromium is on the PATH, or named by CHROMIUM?")
}

fn check_script(shell: &Shell) -> anyhow::Result<()> {
    let _folder = shell.push_dir(FOLDER);
    cmd!(shell, "npm ci --silent --no-audit --no-fund").run()?;
    Ok(cmd!(shell, "npm run --silent check").run()?)
}

/// One page of each kind.
fn make_pages(
    shell: &Shell,
    workspace: &Workspace,
    program: &Path,
    pages: &Path,
) -> anyhow::Result<()> {
    let slice = workspace
        .root
        .join("superposition-testkit/golden/minilm-slice.safetensors");
    let matrix = workspace.root.join(FOLDER).join("test/matrix.mjs");
    let hostile = workspace.target.join("debug/examples/hostile_page");
    let _folder = shell.push_dir(pages);
    for name in ["labels", "nan", "one", "empty"] {
        let page = cmd!(shell, "{hostile} {name}").read()?;
        shell.write_file(format!("hostile-{name}.html"), page)?;
    }
    cmd!(shell, "node {matrix} 30522 384 embedding.npy").run()?;
    cmd!(shell, "node {matrix} 16384 64 large.npy").run()?;
    let quick = [
        "explore",
        "--quiet",
        "--out",
        "quick",
        "--html",
        "quick.html",
    ];
    cmd!(shell, "{program} {quick...}").ignore_stdout().run()?;
    let sweep = cmd!(shell, "{program} sweep --quiet --json --steps 200").read()?;
    shell.write_file("sweep.json", sweep)?;
    let planes = "sweep --quiet --json --steps 300 --n-features 5 --n-hidden 2 --seeds 2";
    let planes = cmd!(shell, "{program}").args(planes.split(' ')).read()?;
    shell.write_file("planes.json", planes)?;
    let phases =
        "phase-diagram --n-features 3 --n-hidden 2 --grid 10 --seeds 3 --quiet --out phases";
    cmd!(shell, "{program}")
        .args(phases.split(' '))
        .ignore_stdout()
        .run()?;
    let sample =
        "sample quick/model.safetensors --n-samples 3000 --out samples.safetensors --quiet";
    cmd!(shell, "{program}")
        .args(sample.split(' '))
        .ignore_stdout()
        .run()?;
    let probe = "probe samples.safetensors samples.safetensors --activations-tensor hidden --labels-tensor features --samples rows --json --quiet";
    let probe = cmd!(shell, "{program}").args(probe.split(' ')).read()?;
    shell.write_file("probe.json", probe)?;
    cmd!(
        shell,
        "{program} report {slice} --features rows --out slice.html"
    )
    .run()?;
    for report in [
        "sweep.json --out sweep.html",
        "planes.json --out planes.html",
        "phases --out phases.html",
        "probe.json --out probe.html",
        "large.npy --features rows --out large.html",
        "embedding.npy --features rows --no-pairs --out embedding.html",
        "embedding.npy --features rows --no-pairs --memory 48MiB --out blocks.html",
    ] {
        cmd!(shell, "{program} report")
            .args(report.split(' '))
            .run()?;
    }
    Ok(())
}
