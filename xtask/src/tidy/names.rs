//! No crate and no module with a name that says nothing: everything lands there.

use super::Finding;
use crate::{source, workspace::Workspace};

const BANNED: [&str; 4] = ["core", "common", "utils", "prelude"];

pub(crate) fn check(workspace: &Workspace) -> Vec<Finding> {
    let mut findings = Vec::new();
    for member in &workspace.crates {
        let name = member.name.trim_start_matches("superposition-");
        if BANNED.contains(&name) {
            findings.push(Finding::new(
                &member.name,
                "the name says nothing about what is in it",
            ));
        }
    }
    for (path, text) in workspace.rust_files() {
        if let Some(name) = banned_in_path(path) {
            findings.push(Finding::new(
                path,
                format!("name it after its idea, not `{name}`"),
            ));
        }
        for (line, name) in banned_modules(text) {
            findings.push(Finding::new(
                format!("{path}:{line}"),
                format!("name the module after its idea, not `{name}`"),
            ));
        }
    }
    findings
}

fn banned_in_path(path: &str) -> Option<&str> {
    path.trim_end_matches(".rs")
        .split('/')
        .find(|part| BANNED.contains(part))
}

fn banned_modules(text: &str) -> Vec<(usize, &'static str)> {
    let code = source::code_only(text);
    let mut found = Vec::new();
    for name in BANNED {
        let lines = source::lines_with(&code, &format!("mod {name}"));
        found.extend(lines.into_iter().map(|line| (line, name)));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::example;

    #[test]
    fn names_that_say_nothing_are_found() {
        assert_eq!(check(&example("superposition-core", "a.rs", "")).len(), 1);
        assert_eq!(
            check(&example(
                "superposition-model",
                "superposition-model/src/common/mod.rs",
                ""
            ))
            .len(),
            1
        );
        assert_eq!(
            check(&example(
                "superposition-model",
                "superposition-model/src/utils.rs",
                ""
            ))
            .len(),
            1
        );
        let code = "mod score;\n/// mod prelude\npub(crate) mod prelude {}";
        assert_eq!(banned_modules(code), [(3, "prelude")]);
    }

    #[test]
    fn names_that_say_something_are_not() {
        let path = "superposition-model/src/sparse.rs";
        assert_eq!(
            check(&example(
                "superposition-model",
                path,
                "mod common_neighbours; use core::fmt;"
            )),
            []
        );
    }
}
