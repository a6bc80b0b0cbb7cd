//! No product of matrices by operator, no faer solver by method: both read a setting of the whole process, so another
//! crate could change our numbers by switching faer's threads on.
//!
//! `clippy.toml` bans the methods where they are written, but clippy cannot ban an operator on a type. The compiler's
//! own intermediate text (`--emit=mir`) names every call after types are known, in generic code too, and is searched
//! here. That takes a build, not a check: metadata alone lacks the bodies of what dependencies offer inline.

use std::fs;

use anyhow::Context as _;
use xshell::{Shell, cmd};

use super::Finding;
use crate::workspace::Workspace;

pub(crate) fn check(shell: &Shell, workspace: &Workspace) -> anyhow::Result<Vec<Finding>> {
    let folder = workspace.target.join("tidy-mir");
    fs::create_dir_all(&folder)?;
    let mut findings = Vec::new();
    let uses_faer = |name: &str| {
        let member = workspace.crates.iter().find(|member| member.name == name);
        member.is_some_and(|member| {
            member
                .dependencies
                .iter()
                .any(|dependency| dependency.name == "faer")
        })
    };
    for member in workspace.libraries().filter(|member| member.published) {
        // A crate that gets its matrices from another crate of ours may multiply them as well.
        if !uses_faer(&member.name) && !member.workspace_dependencies().any(uses_faer) {
            continue;
        }
        let name = &member.name;
        let path = folder.join(format!("{name}.mir"));
        // One crate alone unites features differently from the workspace, so dependencies are built again: unoptimised.
        let plain = "profile.dev.package.\"*\".opt-level=0";
        let emit = format!("--emit=mir={}", path.display());
        cmd!(
            shell,
            "cargo rustc --quiet --locked --config {plain} --package {name} --lib --all-features -- {emit}"
        )
        .quiet()
        .run()
        .with_context(|| format!("{name} does not compile"))?;
        let text = fs::read_to_string(&path).with_context(|| {
            format!(
                "no {}: touch the sources of {name} and try again",
                path.display()
            )
        })?;
        findings.extend(check_mir(name, &text));
    }
    Ok(findings)
}

fn check_mir(name: &str, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut function = "";
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("fn ") {
            function = rest.split('(').next().unwrap_or(rest);
        }
        let Some((_, callee)) = line
            .split_once(" = ")
            .filter(|_| line.contains("-> [return"))
        else {
            continue;
        };
        if reads_parallelism(callee) {
            findings.push(Finding::new(
                format!("{name}, fn {function}"),
                "reads faer's process-wide parallelism; call faer::linalg with `Par::Seq`",
            ));
        } else if is_product(callee) {
            findings.push(Finding::new(
                format!("{name}, fn {function}"),
                "multiplies matrices by operator; use faer::linalg::matmul with `Par::Seq`",
            ));
        }
    }
    findings
}

/// Whether the call is one of faer's solvers, which read the setting; their error types may be named.
fn reads_parallelism(callee: &str) -> bool {
    callee.starts_with("faer::linalg::solvers::")
        || (callee.starts_with("<faer::linalg::solvers::") && callee.contains("Solve"))
        || callee
            .split('(')
            .next()
            .is_some_and(|name| name.ends_with("_global_parallelism"))
}

/// Whether the call is `<A as Mul<B>>::mul` with a matrix, column or row on both sides; scaling by a number is
/// elementwise and fine.
fn is_product(line: &str) -> bool {
    let Some((left, rest)) = line.split_once(" as Mul") else {
        return false;
    };
    let Some((right, _)) = rest.split_once(">::mul") else {
        return false;
    };
    // `<A as Mul>` is short for `<A as Mul<A>>`.
    is_container(left) && (right.is_empty() || is_container(right))
}

fn is_container(text: &str) -> bool {
    [
        "faer::mat::",
        "faer::col::",
        "faer::row::",
        "faer::diag::",
        "faer::perm::",
        "faer::sparse::",
    ]
    .iter()
    .any(|module| text.contains(module))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(callee: &str) -> String {
        format!(
            "fn metric(_1: &Mat) -> () {{\n    bb0: {{\n        _0 = {callee}(copy _1) -> [return: bb1, unwind continue];\n"
        )
    }

    #[test]
    fn products_are_found() {
        for callee in [
            "<faer::mat::generic::Mat<faer::mat::Ref<'_, f64>> as Mul>::mul",
            "<&faer::mat::generic::Mat<faer::mat::Ref<'_, T>> as Mul<faer::mat::generic::Mat<faer::mat::Ref<'_, T>>>>::mul",
            "<faer::mat::generic::Mat<faer::mat::Ref<'_, f64>> as Mul<faer::col::generic::Col<faer::col::Ref<'_, f64>>>>::mul",
            "faer::linalg::solvers::<impl faer::mat::generic::Mat<faer::mat::Ref<'_, f64>>>::llt",
            "<faer::linalg::solvers::Llt<f64> as Solve<f64>>::solve::<Mat<f64>>",
            "faer::get_global_parallelism",
        ] {
            let findings = check_mir("superposition-probe", &call(callee));
            assert_eq!(findings.len(), 1, "{callee}");
            assert_eq!(findings[0].place, "superposition-probe, fn metric");
        }
    }

    #[test]
    fn scaling_and_explicit_products_are_not() {
        for callee in [
            "<f64 as Mul<&faer::mat::generic::Mat<faer::mat::Own<f64>>>>::mul",
            "<faer::mat::generic::Mat<faer::mat::Own<f64>> as MulAssign<Scale<f64>>>::mul_assign",
            "<T as Mul>::mul",
            "Result::<LltInfo, faer::linalg::solvers::LltError>::ok",
            "faer::linalg::matmul::matmul::<f64, f64, f64, usize, usize, usize>",
        ] {
            assert_eq!(
                check_mir("superposition-probe", &call(callee)),
                [],
                "{callee}"
            );
        }
    }
}
