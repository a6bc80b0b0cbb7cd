//! A Python of our own under `target`, with pinned packages, for scripts around independent implementations.

use std::path::PathBuf;

use xshell::{Shell, cmd};

use crate::workspace::Workspace;

/// Installs what the requirements file (relative to the root) pins; returns the interpreter.
///
/// All requirements share one environment, because the largest packages are in each of them.
pub(crate) fn environment(
    shell: &Shell,
    workspace: &Workspace,
    requirements: &str,
) -> anyhow::Result<PathBuf> {
    let folder = workspace.target.join("python/environment");
    let programs = folder.join(if cfg!(windows) { "Scripts" } else { "bin" });
    let python = programs.join("python");
    if !python.exists() {
        cmd!(shell, "python3 -m venv {folder}").run()?;
    }
    let requirements = workspace.root.join(requirements);
    cmd!(
        shell,
        "{python} -m pip install --quiet --disable-pip-version-check --requirement {requirements}"
    )
    .run()?;
    Ok(python)
}
