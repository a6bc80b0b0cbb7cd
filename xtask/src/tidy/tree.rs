//! Who wants only the geometry gets few crates.

use std::collections::BTreeSet;

use anyhow::Context as _;
use xshell::{Shell, cmd};

use super::Finding;

const CRATE: &str = "superposition-analysis";
const MOST: usize = 60;

pub(crate) fn check(shell: &Shell) -> anyhow::Result<Vec<Finding>> {
    let tree = cmd!(
        shell,
        "cargo tree --locked --package {CRATE} --edges normal --prefix none"
    )
    .quiet()
    .read()
    .context("cargo tree failed")?;
    Ok(check_tree(&tree))
}

fn check_tree(tree: &str) -> Vec<Finding> {
    let crates: BTreeSet<&str> = tree
        .lines()
        .map(|line| line.trim_end_matches(" (*)"))
        .filter(|line| !line.is_empty())
        .collect();
    let mut findings = Vec::new();
    if crates.len() > MOST {
        let count = crates.len();
        findings.push(Finding::new(
            CRATE,
            format!("pulls in {count} crates; at most {MOST}"),
        ));
    }
    for name in crates.iter().filter_map(|line| line.split(' ').next()) {
        if name.starts_with("superposition-") && name != CRATE {
            findings.push(Finding::new(
                CRATE,
                format!("pulls in {name}; it is for people without our models"),
            ));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_crates_count_once() {
        let tree = format!("{CRATE} v0.1.0\nfaer v0.24.4\nlibm v0.2.16\nfaer v0.24.4 (*)\n");
        assert_eq!(check_tree(&tree), []);
    }

    #[test]
    fn a_large_tree_and_a_crate_of_the_workspace_are_found() {
        let mut tree = format!("{CRATE} v0.1.0\nsuperposition-model v0.1.0\n");
        assert_eq!(check_tree(&tree).len(), 1);
        for index in 0..60 {
            tree += &format!("crate-{index} v1.0.0\n");
        }
        assert_eq!(check_tree(&tree).len(), 2);
    }
}
