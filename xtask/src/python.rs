//! A Python of our own under `target`, with pinned packages, for scripts around independent implementations.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use xshell::{Shell, cmd};

use crate::workspace::Workspace;

/// Installs packages faster than pip.
const UV: &str = "uv==0.13.9";

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
    let pip = [
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
    ];
    cmd!(shell, "{python} {pip...} {UV}").run()?;
    // In a third of pip's time. Torch comes with gigabytes for graphics cards and does not start without most of them;
    // it does without the compiler for them.
    let overrides = workspace.target.join("python/overrides.txt");
    fs::write(&overrides, "triton; sys_platform == 'never'\n")?;
    let uv = cmd!(
        shell,
        "{python} -m uv pip install --quiet --no-cache --native-tls --python {python} --overrides {overrides} --requirement {requirements}"
    );
    if uv.run().is_err() {
        // It does not know how pip is configured to reach the index.
        cmd!(shell, "{python} {pip...} --requirement {requirements}").run()?;
    }
    Ok(python)
}

/// The archive of a package, of which no code is run.
pub(crate) fn download(
    shell: &Shell,
    workspace: &Workspace,
    python: &Path,
    package: &str,
) -> anyhow::Result<PathBuf> {
    let folder = workspace.target.join("python/packages").join(package);
    let archive = || -> Option<PathBuf> {
        let mut entries = fs::read_dir(&folder).ok()?.filter_map(Result::ok);
        entries.next().map(|entry| entry.path())
    };
    if archive().is_none() {
        cmd!(
            shell,
            "{python} -m pip download --quiet --no-deps --dest {folder} {package}"
        )
        .run()?;
    }
    archive().with_context(|| format!("pip downloaded nothing for {package}"))
}
