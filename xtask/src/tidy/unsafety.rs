//! Unsafe code is in one folder, and every other crate forbids it.

use super::Finding;
use crate::{source, workspace::Workspace};

/// The crate with kernels, and the folder they are in.
const WITH_KERNELS: &str = "superposition-train";
const KERNELS: [&str; 2] = [
    "superposition-train/src/kernel/",
    "superposition-train/src/kernel.rs",
];

pub(crate) fn check(workspace: &Workspace) -> Vec<Finding> {
    let mut findings = Vec::new();
    for member in &workspace.crates {
        if member.name == WITH_KERNELS {
            continue;
        }
        for root in &member.roots {
            let text = workspace.file(root).and_then(|file| file.text.as_deref());
            let code = source::code_only(text.unwrap_or_default());
            if !code.contains("#![forbid(unsafe_code)]") {
                findings.push(Finding::new(
                    root,
                    "has no kernels, so it says `#![forbid(unsafe_code)]`",
                ));
            }
        }
    }
    for (path, text) in workspace.rust_files() {
        if KERNELS.iter().any(|folder| path.starts_with(folder)) {
            continue;
        }
        let code = source::code_only(text);
        let mut lines = source::lines_with(&code, "unsafe");
        for attribute in ["allow(unsafe_code", "expect(unsafe_code"] {
            lines.extend(source::lines_with(&code, attribute));
        }
        findings.extend(lines.into_iter().map(|line| {
            Finding::new(
                format!("{path}:{line}"),
                "unsafe code belongs in superposition-train/src/kernel",
            )
        }));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::example;

    #[test]
    fn a_crate_without_kernels_forbids_unsafe_code() {
        let path = "superposition-model/src/lib.rs";
        assert_eq!(
            check(&example(
                "superposition-model",
                path,
                "// #![forbid(unsafe_code)]"
            ))
            .len(),
            1
        );
        assert_eq!(
            check(&example(
                "superposition-model",
                path,
                "#![forbid(unsafe_code)]"
            )),
            []
        );
    }

    #[test]
    fn unsafe_code_outside_of_kernels_is_found() {
        let code = "// unsafe\nfn f() { unsafe { g() } }\n#[allow(unsafe_code)]\nmod m;";
        let outside = check(&example(
            "superposition-train",
            "superposition-train/src/adam.rs",
            code,
        ));
        assert_eq!(outside.len(), 2);
        assert_eq!(outside[0].place, "superposition-train/src/adam.rs:2");
        let inside = check(&example(
            "superposition-train",
            "superposition-train/src/kernel/avx2.rs",
            code,
        ));
        assert_eq!(inside, []);
    }
}
