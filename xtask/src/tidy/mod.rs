//! `cargo xtask tidy`: the invariants of the architecture, each a small function over plain values that returns what
//! breaks it, with a test that shows it does.

mod api;
mod calls;
mod changelog;
mod edges;
mod files;
mod manifest;
mod names;
mod operators;
mod parity;
mod portable;
mod tree;
mod unfinished;
mod unsafety;

use std::fmt;

use anyhow::bail;
use xshell::Shell;

pub(crate) use changelog::has_version;
pub(crate) use manifest::FORMULAS;

use crate::{bench, doc, workspace::Workspace};

/// One place that breaks an invariant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    /// A crate, a path, or `path:line`.
    pub(crate) place: String,
    /// What is wrong and what would be right.
    pub(crate) message: String,
}

impl Finding {
    pub(crate) fn new(place: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            place: place.into(),
            message: message.into(),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.message)
    }
}

type Check = fn(&Workspace) -> Vec<Finding>;

/// What can be seen in the manifests and the sources, without building anything.
const CHECKS: [(&str, Check); 17] = [
    ("dependencies between crates", edges::check),
    ("manifests of published crates", manifest::check_published),
    ("crates that are not published", manifest::check_unpublished),
    ("docs.rs shows formulas", manifest::check_docs_rs),
    ("changelogs", changelog::check),
    ("names of crates and modules", names::check),
    ("public items in docs/api.txt", api::check),
    ("unsafe only in kernels", unsafety::check),
    ("what libraries do not call", calls::check),
    ("bits that every machine agrees on", portable::check),
    ("nothing unfinished", unfinished::check),
    ("length of sources", files::check_length),
    ("size of files", files::check_size),
    ("paths of one machine", files::check_paths),
    ("licence", files::check_license),
    ("continuous integration can run", files::check_executable),
    ("BENCHMARKS.md is what the records give", bench::check),
];

/// The whole of tidy: what continuous integration runs, and the check of operators, which builds every
/// dependency again and so takes minutes from a cold cache.
pub(crate) fn run(shell: &Shell, workspace: &Workspace) -> anyhow::Result<()> {
    let outcomes = [
        run_static(workspace),
        doc::build(shell, workspace).and_then(|()| run_built(shell, workspace)),
        run_operators(shell, workspace),
    ];
    let failed: Vec<String> = outcomes
        .into_iter()
        .filter_map(|outcome| outcome.err().map(|error| format!("{error:#}")))
        .collect();
    if !failed.is_empty() {
        bail!("{}", failed.join("; "));
    }
    Ok(())
}

/// No product of matrices by operator.
pub(crate) fn run_operators(shell: &Shell, workspace: &Workspace) -> anyhow::Result<()> {
    finish(report(
        "no products by operator",
        &operators::check(shell, workspace)?,
    ))
}

/// The checks of manifests and sources: seconds.
pub(crate) fn run_static(workspace: &Workspace) -> anyhow::Result<()> {
    let mut count = 0;
    for (name, check) in CHECKS {
        count += report(name, &check(workspace));
    }
    finish(count)
}

/// The checks that need the compiler, the documentation or the program; expects fresh documentation.
pub(crate) fn run_built(shell: &Shell, workspace: &Workspace) -> anyhow::Result<()> {
    let mut count = report("size of the dependency tree", &tree::check(shell)?);
    count += report(
        "every function of the Python library",
        &parity::check_items(workspace)?,
    );
    count += report(
        "commands of the documentation",
        &parity::check_commands(shell, workspace)?,
    );
    finish(count)
}

fn report(name: &str, findings: &[Finding]) -> usize {
    let state = if findings.is_empty() { "ok" } else { "BROKEN" };
    println!("tidy: {name}: {state}");
    for finding in findings {
        println!("    {finding}");
    }
    findings.len()
}

fn finish(count: usize) -> anyhow::Result<()> {
    if count > 0 {
        bail!("{count} findings, listed above");
    }
    Ok(())
}

/// A workspace of one crate and one file, for the tests of the checks.
#[cfg(test)]
pub(crate) fn example(name: &str, path: &str, text: &str) -> Workspace {
    use crate::workspace::{Crate, File};

    Workspace {
        crates: vec![Crate {
            name: name.to_owned(),
            folder: name.to_owned(),
            version: "0.1.0".to_owned(),
            published: true,
            is_library: true,
            roots: vec![format!("{name}/src/lib.rs")],
            ..Crate::default()
        }],
        files: vec![File {
            path: path.to_owned(),
            bytes: text.len() as u64,
            text: Some(text.to_owned()),
        }],
        ..Workspace::default()
    }
}
