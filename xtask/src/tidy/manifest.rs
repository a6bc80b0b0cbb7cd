//! What the manifests say: a published crate can be found and read about, and the others cannot be published.

use super::Finding;
use crate::workspace::{Crate, Workspace};

const NOT_PUBLISHED: [&str; 3] = ["superposition-py", "superposition-testkit", "xtask"];

/// The one file that renders formulas; each published library carries a copy, because docs.rs sees only the package.
pub(crate) const FORMULAS: &str = "xtask/katex.html";

pub(crate) fn check_published(workspace: &Workspace) -> Vec<Finding> {
    let mut findings = Vec::new();
    for member in workspace.published() {
        let mut find = |message: &str| findings.push(Finding::new(&member.name, message));
        if NOT_PUBLISHED.contains(&member.name.as_str()) {
            continue;
        }
        if member.description.as_deref().is_none_or(str::is_empty) {
            find("needs a description");
        }
        if member.license.as_deref() != Some("MIT") {
            find("needs `license = \"MIT\"`");
        }
        if member.readme.as_deref() != Some("README.md") {
            find("needs `readme = \"README.md\"`");
        }
        for file in ["README.md", "CHANGELOG.md"] {
            if workspace.file(&member.path(file)).is_none() {
                find(&format!("needs a {file}"));
            }
        }
        let includes_readme = |root: &String| {
            let text = workspace.file(root).and_then(|file| file.text.as_deref());
            text.is_some_and(|text| text.contains("#![doc = include_str!(\"../README.md\")]"))
        };
        if member.is_library && !member.roots.iter().any(includes_readme) {
            find(
                "its README.md is its crate documentation: `#![doc = include_str!(\"../README.md\")]`",
            );
        }
    }
    findings
}

pub(crate) fn check_unpublished(workspace: &Workspace) -> Vec<Finding> {
    workspace
        .published()
        .filter(|member| NOT_PUBLISHED.contains(&member.name.as_str()))
        .map(|member| Finding::new(&member.name, "needs `publish = false`"))
        .collect()
}

pub(crate) fn check_docs_rs(workspace: &Workspace) -> Vec<Finding> {
    let header = workspace
        .file(FORMULAS)
        .and_then(|file| file.text.as_deref());
    let libraries = workspace.published().filter(|member| member.is_library);
    libraries
        .flat_map(|member| check_docs_rs_of(workspace, member, header))
        .collect()
}

fn check_docs_rs_of(workspace: &Workspace, member: &Crate, header: Option<&str>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let arguments = serde_json::json!(["--html-in-header", "katex.html"]);
    if member.docs_rs["all-features"] != true || member.docs_rs["rustdoc-args"] != arguments {
        findings.push(Finding::new(
            &member.name,
            format!("needs `[package.metadata.docs.rs]` with `all-features = true` and `rustdoc-args = {arguments}`"),
        ));
    }
    let copy = workspace.file(&member.path("katex.html"));
    if copy.and_then(|file| file.text.as_deref()) != header {
        findings.push(Finding::new(
            member.path("katex.html"),
            format!("must be a copy of {FORMULAS}; `cargo xtask doc` makes it"),
        ));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{tidy::example, workspace::File};

    fn add(workspace: &mut Workspace, path: &str, text: &str) {
        workspace.files.push(File {
            path: path.to_owned(),
            bytes: text.len() as u64,
            text: Some(text.to_owned()),
        });
    }

    #[test]
    fn a_bare_crate_lacks_everything() {
        let mut workspace = example("superposition-model", "superposition-model/src/lib.rs", "");
        let messages: Vec<String> = check_published(&workspace)
            .into_iter()
            .map(|finding| finding.message)
            .collect();
        assert_eq!(messages.len(), 6, "{messages:?}");

        let member = &mut workspace.crates[0];
        member.description = Some("Toy models.".to_owned());
        member.license = Some("MIT".to_owned());
        member.readme = Some("README.md".to_owned());
        workspace.files[0].text = Some("#![doc = include_str!(\"../README.md\")]".to_owned());
        add(&mut workspace, "superposition-model/README.md", "");
        add(&mut workspace, "superposition-model/CHANGELOG.md", "");
        assert_eq!(check_published(&workspace), []);
    }

    #[test]
    fn testkit_is_not_published() {
        let mut workspace = example("superposition-testkit", "a", "");
        assert_eq!(check_unpublished(&workspace).len(), 1);
        workspace.crates[0].published = false;
        assert_eq!(check_unpublished(&workspace), []);
    }

    #[test]
    fn docs_rs_gets_the_header() {
        let mut workspace = example("superposition-model", FORMULAS, "<script></script>");
        assert_eq!(check_docs_rs(&workspace).len(), 2);
        workspace.crates[0].docs_rs = serde_json::json!({ "all-features": true, "rustdoc-args": ["--html-in-header", "katex.html"] });
        add(
            &mut workspace,
            "superposition-model/katex.html",
            "<script></script>",
        );
        assert_eq!(check_docs_rs(&workspace), []);
    }
}
