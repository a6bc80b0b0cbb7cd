//! The documentation, with formulas rendered by one header.

use std::fs;

use anyhow::Context as _;
use xshell::{Shell, cmd};

use crate::{tidy::FORMULAS, workspace::Workspace};

/// Builds the documentation for a person; first gives every published library its copy of the header for docs.rs.
pub(crate) fn run(shell: &Shell, workspace: &Workspace, open: bool) -> anyhow::Result<()> {
    for member in workspace.published().filter(|member| member.is_library) {
        copy_if_different(workspace, &member.path("katex.html"))?;
    }
    build(shell, workspace)?;
    let index = workspace
        .target
        .join("doc")
        .join("superposition_lab")
        .join("index.html");
    println!("{}", index.display());
    if open {
        let program = if cfg!(target_os = "macos") {
            "open"
        } else {
            "xdg-open"
        };
        cmd!(shell, "{program} {index}").run()?;
    }
    Ok(())
}

fn copy_if_different(workspace: &Workspace, path: &str) -> anyhow::Result<()> {
    let header = fs::read(workspace.root.join(FORMULAS))?;
    let path = workspace.root.join(path);
    if fs::read(&path).ok().as_ref() != Some(&header) {
        fs::write(&path, header)
            .with_context(|| format!("{} cannot be written", path.display()))?;
    }
    Ok(())
}

/// Builds the documentation of the workspace; warnings are errors.
pub(crate) fn build(shell: &Shell, workspace: &Workspace) -> anyhow::Result<()> {
    // Rustdoc leaves the pages of items which are gone; then a path to nothing would still be found.
    for member in &workspace.crates {
        let folder = workspace
            .target
            .join("doc")
            .join(member.name.replace('-', "_"));
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
    }
    let header = workspace.root.join(FORMULAS);
    // The encoded form, because a path may contain spaces.
    let flags = [
        "--deny",
        "warnings",
        "--html-in-header",
        &header.to_string_lossy(),
    ]
    .join("\u{1f}");
    cmd!(
        shell,
        "cargo doc --locked --workspace --no-deps --all-features"
    )
    .env("CARGO_ENCODED_RUSTDOCFLAGS", flags)
    .run()?;
    Ok(())
}
