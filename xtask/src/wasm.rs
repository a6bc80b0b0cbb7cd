//! superposition-analysis as WebAssembly: built for wasm32-unknown-unknown without default features, and run under node.

use anyhow::Context as _;
use xshell::{Shell, cmd};

use crate::workspace::Workspace;

const TARGET: &str = "wasm32-unknown-unknown";
/// Checks that `wasm/src/main.rs` makes.
const CHECKS: &str = "10";

pub(crate) fn run(shell: &Shell, workspace: &Workspace) -> anyhow::Result<()> {
    // The versions of the workspace, though it is outside of it.
    let lock = workspace.root.join("wasm").join("Cargo.lock");
    shell.copy_file(workspace.root.join("Cargo.lock"), lock)?;
    let folder = workspace.target.join("wasm");
    cmd!(
        shell,
        "cargo build --quiet --manifest-path wasm/Cargo.toml --target {TARGET} --target-dir {folder}"
    )
    .run()
    .with_context(|| format!("the target may be missing: rustup target add {TARGET}"))?;
    let program = folder
        .join(TARGET)
        .join("debug")
        .join("superposition-wasm.wasm");
    cmd!(shell, "node wasm/run.mjs {program} {CHECKS}")
        .run()
        .context("node runs the program, if it is installed")
}
