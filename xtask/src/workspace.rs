//! What the checks look at: the crates as cargo sees them and the files as git sees them, as plain values, so that a
//! test of a check can write down a small example of its own.

use std::{collections::BTreeSet, fs, path::PathBuf, process::Command};

use anyhow::{Context as _, bail, ensure};
use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package, TargetKind};
use xshell::{Shell, cmd};

/// A test that runs the command line, which is built for it.
const TEST_OF_PROGRAM: &str = "streaming";

/// The whole repository.
#[derive(Debug, Default)]
pub(crate) struct Workspace {
    pub(crate) root: PathBuf,
    pub(crate) target: PathBuf,
    /// Sorted by name.
    pub(crate) crates: Vec<Crate>,
    /// Sorted by path; what git tracks, and what it would track after `git add --all`.
    pub(crate) files: Vec<File>,
}

/// A member of the workspace.
#[derive(Debug, Default, Clone)]
pub(crate) struct Crate {
    pub(crate) name: String,
    /// Relative to the root of the workspace.
    pub(crate) folder: String,
    pub(crate) version: String,
    pub(crate) published: bool,
    pub(crate) description: Option<String>,
    pub(crate) license: Option<String>,
    pub(crate) readme: Option<String>,
    /// Without `default`.
    pub(crate) features: Vec<String>,
    pub(crate) dependencies: Vec<Dependency>,
    /// The root source files of its library and binaries, relative to the root of the workspace.
    pub(crate) roots: Vec<String>,
    pub(crate) is_library: bool,
    /// `package.metadata.docs.rs`, null if there is none.
    pub(crate) docs_rs: serde_json::Value,
}

/// One line of a `[dependencies]` table.
#[derive(Debug, Clone)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    /// The version requirement; `*` where the manifest gives none.
    pub(crate) requirement: String,
    pub(crate) in_workspace: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Normal,
    Dev,
    Build,
}

/// A file of the repository.
#[derive(Debug, Default, Clone)]
pub(crate) struct File {
    /// Relative to the root, with `/`.
    pub(crate) path: String,
    pub(crate) bytes: u64,
    /// `None` if it is not UTF-8.
    pub(crate) text: Option<String>,
}

impl Workspace {
    /// The command line as the tests of the workspace have it, which it builds if they have not: alone it would be
    /// compiled with other features, and everything below it too.
    pub(crate) fn program(&self, shell: &Shell) -> anyhow::Result<PathBuf> {
        cmd!(
            shell,
            "cargo test --quiet --locked --workspace --no-run --test {TEST_OF_PROGRAM}"
        )
        .run()?;
        Ok(self.target.join("debug").join("superposition"))
    }

    pub(crate) fn load() -> anyhow::Result<Self> {
        let metadata = MetadataCommand::new()
            .no_deps()
            .exec()
            .context("cargo metadata failed")?;
        let root = metadata.workspace_root.clone().into_std_path_buf();
        let mut crates: Vec<Crate> = metadata
            .workspace_packages()
            .into_iter()
            .map(|package| Crate::new(package, &metadata))
            .collect::<anyhow::Result<_>>()?;
        crates.sort_by(|a, b| a.name.cmp(&b.name));
        let files = tracked_files(&root)?;
        let target = metadata.target_directory.into_std_path_buf();
        Ok(Self {
            root,
            target,
            crates,
            files,
        })
    }

    pub(crate) fn file(&self, path: &str) -> Option<&File> {
        self.files.iter().find(|file| file.path == path)
    }

    pub(crate) fn rust_files(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files
            .iter()
            .filter(|file| file.path.ends_with(".rs"))
            .filter_map(|file| Some((file.path.as_str(), file.text.as_deref()?)))
    }

    pub(crate) fn published(&self) -> impl Iterator<Item = &Crate> {
        self.crates.iter().filter(|member| member.published)
    }

    /// The crates that programs of others call: they may not print, read clocks or touch what a process shares.
    /// The command line and xtask are programs.
    pub(crate) fn libraries(&self) -> impl Iterator<Item = &Crate> {
        self.crates.iter().filter(|member| member.is_library)
    }
}

impl Crate {
    fn new(package: &Package, metadata: &Metadata) -> anyhow::Result<Self> {
        let relative = |path: &cargo_metadata::camino::Utf8Path| -> anyhow::Result<String> {
            let path = path
                .strip_prefix(&metadata.workspace_root)
                .with_context(|| format!("{path} is outside of the workspace"))?;
            Ok(path.as_str().replace('\\', "/"))
        };
        let folder = package
            .manifest_path
            .parent()
            .context("a manifest has a folder")?;
        let is_library = package
            .targets
            .iter()
            .any(|target| target.kind.contains(&TargetKind::Lib));
        let roots = package
            .targets
            .iter()
            .filter(|target| {
                target
                    .kind
                    .iter()
                    .any(|kind| matches!(kind, TargetKind::Lib | TargetKind::Bin))
            })
            .map(|target| relative(&target.src_path))
            .collect::<anyhow::Result<_>>()?;
        let dependencies = package.dependencies.iter().map(|dependency| Dependency {
            name: dependency.name.clone(),
            kind: match dependency.kind {
                DependencyKind::Development => Kind::Dev,
                DependencyKind::Build => Kind::Build,
                _ => Kind::Normal,
            },
            requirement: dependency.req.to_string(),
            in_workspace: dependency.path.is_some(),
        });
        Ok(Self {
            name: package.name.to_string(),
            folder: relative(folder)?,
            version: package.version.to_string(),
            published: package
                .publish
                .as_ref()
                .is_none_or(|registries| !registries.is_empty()),
            description: package.description.clone(),
            license: package.license.clone(),
            readme: package.readme.as_ref().map(ToString::to_string),
            features: package
                .features
                .keys()
                .filter(|name| *name != "default")
                .cloned()
                .collect(),
            dependencies: dependencies.collect(),
            roots,
            is_library,
            docs_rs: package.metadata["docs"]["rs"].clone(),
        })
    }

    /// The path of a file of this crate, relative to the root of the workspace.
    pub(crate) fn path(&self, file: &str) -> String {
        format!("{}/{file}", self.folder)
    }

    /// Whether the path (relative to the root of the workspace) is one of its sources, not a test or benchmark.
    pub(crate) fn has_source(&self, path: &str) -> bool {
        path.strip_prefix(self.folder.as_str())
            .is_some_and(|rest| rest.starts_with("/src/"))
    }

    /// What it needs of the workspace when somebody else builds it.
    pub(crate) fn workspace_dependencies(&self) -> impl Iterator<Item = &str> {
        self.dependencies
            .iter()
            .filter(|dependency| dependency.in_workspace && dependency.kind != Kind::Dev)
            .map(|dependency| dependency.name.as_str())
    }
}

fn tracked_files(root: &std::path::Path) -> anyhow::Result<Vec<File>> {
    let output = Command::new("git")
        .args([
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ])
        .current_dir(root)
        .output()
        .context("git ls-files failed")?;
    if !output.status.success() {
        bail!("git ls-files: {}", String::from_utf8_lossy(&output.stderr));
    }
    let paths: BTreeSet<String> = String::from_utf8(output.stdout)
        .context("a tracked path is not UTF-8")?
        .split_terminator('\0')
        .map(str::to_owned)
        .collect();
    ensure!(!paths.is_empty(), "git tracks no file");
    let mut files = Vec::new();
    for path in paths {
        // A file that is deleted but not yet committed so is still listed.
        let Ok(bytes) = fs::read(root.join(&path)) else {
            continue;
        };
        files.push(File {
            path,
            bytes: bytes.len() as u64,
            text: String::from_utf8(bytes).ok(),
        });
    }
    Ok(files)
}
