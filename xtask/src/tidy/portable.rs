//! The same seed gives the same bits everywhere: exp, ln, cos and powers come from `libm` or from our own code in the
//! crates that promise so, because the standard library's differ between platforms.
//!
//! Square roots, absolute values and fused multiply-adds are exact everywhere and allowed.

use super::Finding;
use crate::{source, workspace::Workspace};

const PROMISES: [&str; 2] = ["superposition-model", "superposition-train"];

const FUNCTIONS: [&str; 22] = [
    "exp", "exp2", "exp_m1", "ln", "ln_1p", "log", "log2", "log10", "powf", "powi", "sin", "cos",
    "tan", "sin_cos", "asin", "acos", "atan", "atan2", "sinh", "cosh", "tanh", "cbrt",
];

pub(crate) fn check(workspace: &Workspace) -> Vec<Finding> {
    let mut findings = Vec::new();
    for member in workspace
        .crates
        .iter()
        .filter(|member| PROMISES.contains(&member.name.as_str()))
    {
        let sources = workspace
            .rust_files()
            .filter(|(path, _)| member.has_source(path));
        for (path, text) in sources.filter(|(path, _)| !source::is_test_file(path)) {
            findings.extend(check_source(path, text));
        }
    }
    findings
}

fn check_source(path: &str, text: &str) -> Vec<Finding> {
    let code = source::without_tests(&source::code_only(text));
    let mut findings = Vec::new();
    for function in FUNCTIONS {
        let forms = [
            format!(".{function}("),
            format!("f32::{function}"),
            format!("f64::{function}"),
        ];
        for line in forms
            .iter()
            .flat_map(|form| source::lines_with(&code, form))
        {
            findings.push(Finding::new(
                format!("{path}:{line}"),
                format!("`{function}` of the standard library differs between platforms; use libm::{function}"),
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
    fn functions_of_the_standard_library_are_found() {
        let code = "fn f(x: f64) -> f64 { x.exp() + f64::ln(x) + x.sqrt() + libm::cos(x) + x.mul_add(x, x) }";
        let path = "superposition-train/src/schedule.rs";
        let findings = check(&example("superposition-train", path, code));
        assert_eq!(findings.len(), 2, "{findings:?}");
        assert_eq!(
            check(&example(
                "superposition-analysis",
                "superposition-analysis/src/a.rs",
                code
            )),
            []
        );
    }

    #[test]
    fn tests_may_use_them() {
        assert_eq!(
            check_source(
                "a.rs",
                "#[cfg(test)]\nmod tests { fn f() { 1.0_f64.exp(); } }"
            ),
            []
        );
    }
}
