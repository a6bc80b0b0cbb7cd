//! Unsafe code is in the folders of kernels, and every crate without one forbids it.

use super::Finding;
use crate::{source, workspace::Workspace};

/// The crates with kernels, which are in their folder `src/kernel`.
const WITH_KERNELS: [&str; 2] = ["superposition-analysis", "superposition-train"];

fn is_kernel(path: &str) -> bool {
    WITH_KERNELS
        .iter()
        .any(|name| path.starts_with(&format!("{name}/src/kernel/")))
}

pub(crate) fn check(workspace: &Workspace) -> Vec<Finding> {
    let mut findings = Vec::new();
    for member in &workspace.crates {
        if WITH_KERNELS.contains(&member.name.as_str()) {
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
        if is_kernel(path) {
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
                "unsafe code belongs in src/kernel of superposition-analysis and superposition-train",
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
