//! Nothing is left open: no stub, no ignored test, no doctest that is not even compiled.

use super::Finding;
use crate::{source, workspace::Workspace};

const BANNED: [(&str, &str); 4] = [
    ("todo!", "no stubs: finish it or leave it out"),
    ("unimplemented!", "no stubs: finish it or leave it out"),
    (
        "#[ignore",
        "no ignored tests: make it fast enough or remove it",
    ),
    (
        ", ignore",
        "no ignored tests: make it fast enough or remove it",
    ),
];

pub(crate) fn check(workspace: &Workspace) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in &workspace.files {
        let Some(text) = file.text.as_deref() else {
            continue;
        };
        if file.path.ends_with(".rs") {
            findings.extend(unfinished_code(&file.path, text));
        }
        if file.path.ends_with(".rs") || file.path.ends_with(".md") {
            findings.extend(ignored_examples(&file.path, text));
        }
    }
    findings
}

fn unfinished_code(path: &str, text: &str) -> Vec<Finding> {
    let code = source::code_only(text);
    let mut findings = Vec::new();
    for (name, reason) in BANNED {
        for line in source::lines_with(&code, name) {
            // `#[cfg_attr(miri, ignore)]` is an attribute; `f(x, ignore)` is not.
            let attribute = code
                .lines()
                .nth(line - 1)
                .is_some_and(|line| line.contains("cfg_attr"));
            if name != ", ignore" || attribute {
                findings.push(Finding::new(
                    format!("{path}:{line}"),
                    format!("`{name}`: {reason}"),
                ));
            }
        }
    }
    findings
}

/// Fences of examples, in Markdown and in documentation comments.
fn ignored_examples(path: &str, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let line = line
            .trim_start()
            .trim_start_matches(['/', '!'])
            .trim_start();
        let Some(words) = line.strip_prefix("```") else {
            continue;
        };
        if words.split([',', ' ']).any(|word| word == "ignore") {
            findings.push(Finding::new(
                format!("{path}:{}", number + 1),
                "an ignored example rots; let it run, or mark it `text`",
            ));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::example;

    #[test]
    fn stubs_and_ignored_tests_are_found() {
        let code = "fn f() { todo!() }\n#[ignore = \"slow\"]\n#[test]\nfn g() {}\n#[cfg_attr(miri, ignore)]\nfn h() { unimplemented!() }";
        let findings = check(&example(
            "superposition-model",
            "superposition-model/tests/a.rs",
            code,
        ));
        assert_eq!(findings.len(), 4, "{findings:?}");
    }

    #[test]
    fn ignored_examples_are_found() {
        let code = "/// ```ignore\n/// f();\n/// ```\nfn f() {}\n//! ```rust,ignore\n";
        assert_eq!(ignored_examples("a.rs", code).len(), 2);
        assert_eq!(
            check(&example(
                "superposition-model",
                "README.md",
                "```rust,ignore\n```\n"
            ))
            .len(),
            1
        );
    }

    #[test]
    fn words_are_not() {
        let code =
            "/// We ignore it, todo!\n/// ```\n/// f();\n/// ```\nfn f(a: bool, ignore: bool) {}";
        assert_eq!(check(&example("superposition-model", "a.rs", code)), []);
    }
}
