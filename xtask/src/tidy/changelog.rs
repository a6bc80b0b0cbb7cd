//! A changelog says what is new, and under a heading of its own which numbers changed for the same input and seed.

use super::Finding;
use crate::workspace::Workspace;

pub(crate) fn check(workspace: &Workspace) -> Vec<Finding> {
    let mut findings = Vec::new();
    for member in workspace.published() {
        let path = member.path("CHANGELOG.md");
        // That there is one is a matter of the manifest check.
        let Some(text) = workspace.file(&path).and_then(|file| file.text.as_deref()) else {
            continue;
        };
        for heading in missing_headings(text) {
            findings.push(Finding::new(
                &path,
                format!("needs a heading \"{heading}\""),
            ));
        }
    }
    findings
}

fn missing_headings(text: &str) -> Vec<&'static str> {
    ["Unreleased", "Value-breaking"]
        .into_iter()
        .filter(|heading| {
            let wanted = heading.to_lowercase();
            !text
                .lines()
                .any(|line| line.starts_with('#') && line.to_lowercase().contains(&wanted))
        })
        .collect()
}

/// Whether a heading of the changelog is about this version.
pub(crate) fn has_version(text: &str, version: &str) -> bool {
    text.lines()
        .filter(|line| line.starts_with("## "))
        .flat_map(|line| line.split(|c: char| c.is_whitespace() || "[]()".contains(c)))
        .any(|word| word == version)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::example;

    const GOOD: &str =
        "# Changelog\n\n## [Unreleased]\n\n### Value-breaking\n\n## [0.1.0] - 2026-01-01\n";

    #[test]
    fn both_headings_are_needed() {
        let path = "superposition-model/CHANGELOG.md";
        assert_eq!(check(&example("superposition-model", path, GOOD)), []);
        assert_eq!(
            check(&example(
                "superposition-model",
                path,
                "Unreleased, value-breaking"
            ))
            .len(),
            2
        );
    }

    #[test]
    fn a_version_has_a_heading() {
        assert!(has_version(GOOD, "0.1.0"));
        assert!(!has_version(GOOD, "0.1"));
        assert!(!has_version("since 0.2.0", "0.2.0"));
    }
}
