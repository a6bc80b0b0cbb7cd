//! Which crate may depend on which. A crate exists because someone wants it without the others.

use super::Finding;
use crate::workspace::{Crate, Kind, Workspace};

/// Every crate, and the crates of the workspace it may depend on.
const ALLOWED: [(&str, &[&str]); 11] = [
    ("superposition-model", &[]),
    ("superposition-analysis", &[]),
    ("superposition-probe", &[]),
    ("superposition-viz", &[]),
    ("superposition-io", &[]),
    ("superposition-train", &["superposition-model"]),
    (
        "superposition-lab",
        &[
            "superposition-model",
            "superposition-analysis",
            "superposition-probe",
            "superposition-viz",
            "superposition-io",
            "superposition-train",
        ],
    ),
    ("superposition-cli", &["superposition-lab"]),
    ("superposition-py", &["superposition-lab"]),
    ("superposition-testkit", &[]),
    ("xtask", &[]),
];

/// These use nothing but the standard library.
const STANDARD_LIBRARY_ONLY: [&str; 1] = ["superposition-viz"];

/// These hold no numerics.
const WITHOUT_NUMERICS: [&str; 2] = ["superposition-cli", "superposition-py"];

pub(crate) fn check(workspace: &Workspace) -> Vec<Finding> {
    workspace.crates.iter().flat_map(check_crate).collect()
}

fn check_crate(member: &Crate) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut find = |message: String| findings.push(Finding::new(&member.name, message));

    let allowed = ALLOWED.iter().find(|(name, _)| *name == member.name);
    match allowed {
        None => find(
            "is not in the list of crates; say in xtask/src/tidy/edges.rs what it may depend on"
                .to_owned(),
        ),
        Some((_, allowed)) => {
            for dependency in member.workspace_dependencies() {
                if !allowed.contains(&dependency) {
                    find(format!("may not depend on {dependency}"));
                }
            }
        }
    }
    for dependency in &member.dependencies {
        if dependency.in_workspace && dependency.kind == Kind::Dev && dependency.requirement != "*"
        {
            find(format!(
                "the dev-dependency on {} must be a path without a version, so that publishing has no cycle",
                dependency.name
            ));
        }
        if dependency.kind == Kind::Dev {
            continue;
        }
        if STANDARD_LIBRARY_ONLY.contains(&member.name.as_str()) {
            find(format!(
                "uses the standard library only, not {}",
                dependency.name
            ));
        }
        if WITHOUT_NUMERICS.contains(&member.name.as_str()) && dependency.name == "faer" {
            find("holds no numerics, so it does not need faer".to_owned());
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::Dependency;

    fn with_dependency(name: &str, dependency: &str, kind: Kind, requirement: &str) -> Crate {
        Crate {
            name: name.to_owned(),
            dependencies: vec![Dependency {
                name: dependency.to_owned(),
                kind,
                requirement: requirement.to_owned(),
                in_workspace: dependency.starts_with("superposition"),
            }],
            ..Crate::default()
        }
    }

    #[test]
    fn the_one_edge_between_libraries_is_allowed() {
        let train = with_dependency(
            "superposition-train",
            "superposition-model",
            Kind::Normal,
            "^0.1.0",
        );
        assert!(check_crate(&train).is_empty());
    }

    #[test]
    fn a_leaf_has_no_edges() {
        let probe = with_dependency(
            "superposition-probe",
            "superposition-analysis",
            Kind::Normal,
            "^0.1.0",
        );
        assert_eq!(
            check_crate(&probe)[0].message,
            "may not depend on superposition-analysis"
        );
        let build = with_dependency(
            "superposition-io",
            "superposition-model",
            Kind::Build,
            "^0.1.0",
        );
        assert_eq!(check_crate(&build).len(), 1);
    }

    #[test]
    fn a_dev_dependency_is_a_path() {
        let path = with_dependency(
            "superposition-model",
            "superposition-testkit",
            Kind::Dev,
            "*",
        );
        assert!(check_crate(&path).is_empty());
        let versioned = with_dependency(
            "superposition-model",
            "superposition-testkit",
            Kind::Dev,
            "^0.1.0",
        );
        assert!(
            check_crate(&versioned)[0]
                .message
                .contains("without a version")
        );
    }

    #[test]
    fn what_a_crate_is_not() {
        assert_eq!(
            check_crate(&with_dependency(
                "superposition-viz",
                "libm",
                Kind::Normal,
                "^0.2"
            ))
            .len(),
            1
        );
        assert_eq!(
            check_crate(&with_dependency(
                "superposition-cli",
                "faer",
                Kind::Normal,
                "^0.24"
            ))
            .len(),
            1
        );
        assert_eq!(
            check_crate(&with_dependency(
                "superposition-new",
                "libm",
                Kind::Normal,
                "^0.2"
            ))
            .len(),
            1
        );
    }
}
