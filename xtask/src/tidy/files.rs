//! Every file of the repository: short sources, small files, and nothing that only one machine has.

use super::Finding;
use crate::workspace::Workspace;

const LINES: usize = 600;
const BYTES: u64 = 2 << 20;

pub(crate) fn check_length(workspace: &Workspace) -> Vec<Finding> {
    workspace
        .rust_files()
        .filter_map(|(path, text)| {
            let lines = text.lines().count();
            let message = format!("{lines} lines; a file is one idea in at most {LINES}");
            (lines > LINES).then(|| Finding::new(path, message))
        })
        .collect()
}

pub(crate) fn check_size(workspace: &Workspace) -> Vec<Finding> {
    workspace
        .files
        .iter()
        .filter(|file| file.bytes >= BYTES)
        .map(|file| {
            Finding::new(
                &file.path,
                format!("{} bytes; keep it under {BYTES}", file.bytes),
            )
        })
        .collect()
}

pub(crate) fn check_license(workspace: &Workspace) -> Vec<Finding> {
    let text = workspace
        .file("LICENSE")
        .and_then(|file| file.text.as_deref());
    if text.is_some_and(|text| text.contains("MIT License")) {
        return Vec::new();
    }
    vec![Finding::new(
        "LICENSE",
        "the text of the MIT licence must be here",
    )]
}

/// Git keeps the executable bit, and a fresh clone needs it.
pub(crate) fn check_executable(workspace: &Workspace) -> Vec<Finding> {
    let path = ".ci/run";
    let Some(text) = workspace.file(path).and_then(|file| file.text.as_deref()) else {
        return vec![Finding::new(path, "must exist: it is what a machine runs")];
    };
    let mut findings = Vec::new();
    if !text.starts_with("#!") || !text.contains("set -euo pipefail") {
        findings.push(Finding::new(
            path,
            "needs `#!/usr/bin/env bash` and `set -euo pipefail`",
        ));
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(workspace.root.join(path))
            .map(|metadata| metadata.permissions().mode());
        if mode.is_ok_and(|mode| mode & 0o111 == 0) {
            findings.push(Finding::new(path, "must be executable"));
        }
    }
    findings
}

/// Texts that name a place outside of the repository. In pieces, so that they do not stand in this file.
fn foreign_paths() -> [String; 4] {
    [
        ["..", "shared"].join("/"),
        ["", "work", ""].join("/"),
        ["", "tmp", "bash_jobs"].join("/"),
        ["", "root", ""].join("/"),
    ]
}

pub(crate) fn check_paths(workspace: &Workspace) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in &workspace.files {
        for (number, line) in file.text.as_deref().unwrap_or_default().lines().enumerate() {
            for path in foreign_paths() {
                if names_path(line, &path) {
                    findings.push(Finding::new(
                        format!("{}:{}", file.path, number + 1),
                        format!("`{path}` is no place a reader has"),
                    ));
                }
            }
        }
    }
    findings
}

/// An absolute path starts where it is found: in `https://a.b/c/d` there is no `/c/d`.
fn names_path(line: &str, path: &str) -> bool {
    line.match_indices(path).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !path.starts_with('/')
            || !before.is_some_and(|c| c.is_alphanumeric() || "_-./}".contains(c))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::example;

    #[test]
    fn a_long_source_is_found() {
        let lines = |count| "\n".repeat(count);
        assert_eq!(
            check_length(&example("superposition-io", "a.rs", &lines(600))),
            []
        );
        assert_eq!(
            check_length(&example("superposition-io", "a.rs", &lines(601))).len(),
            1
        );
        assert_eq!(
            check_length(&example("superposition-io", "a.json", &lines(601))),
            []
        );
    }

    #[test]
    fn a_large_file_is_found() {
        let mut workspace = example("superposition-io", "a.bin", "");
        workspace.files[0].bytes = BYTES;
        assert_eq!(check_size(&workspace).len(), 1);
        workspace.files[0].bytes = BYTES - 1;
        assert_eq!(check_size(&workspace), []);
    }

    #[test]
    fn every_foreign_path_is_found() {
        for path in foreign_paths() {
            let text = format!("a\nsee {path}x");
            let findings = check_paths(&example("superposition-io", "a.md", &text));
            assert_eq!(findings.len(), 1);
            assert_eq!(findings[0].place, "a.md:2");
        }
        let elsewhere = "https://example.org/root/a, target/work/b, shared/c";
        assert_eq!(
            check_paths(&example("superposition-io", "a.md", elsewhere)),
            []
        );
    }

    #[test]
    fn the_licence_and_the_script_must_exist() {
        let empty = Workspace::default();
        assert_eq!(check_license(&empty).len(), 1);
        assert_eq!(check_executable(&empty).len(), 1);
        assert_eq!(
            check_license(&example("superposition-io", "LICENSE", "MIT License\n")),
            []
        );
        assert_eq!(
            check_executable(&example("superposition-io", ".ci/run", "echo")).len(),
            1
        );
        let good = example(
            "superposition-io",
            ".ci/run",
            "#!/usr/bin/env bash\nset -euo pipefail\n",
        );
        assert_eq!(check_executable(&good), []);
    }
}
