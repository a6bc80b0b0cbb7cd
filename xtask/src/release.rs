//! What must hold before anything is published, and the order of publishing. Publishing cannot be undone, so without
//! `--execute` nothing leaves the machine.

use anyhow::{bail, ensure};
use xshell::{Shell, cmd};

use crate::{
    ci, tidy,
    workspace::{Crate, Kind, Workspace},
};

pub(crate) fn run(shell: &Shell, workspace: &Workspace, execute: bool) -> anyhow::Result<()> {
    let changes = cmd!(shell, "git status --porcelain").read()?;
    ensure!(changes.is_empty(), "the tree is not clean:\n{changes}");
    let faults = faults(workspace);
    if !faults.is_empty() {
        bail!("not ready:\n    {}", faults.join("\n    "));
    }
    let order = order(workspace)?;
    ci::run(shell, workspace)?;
    tidy::run_operators(shell, workspace)?;
    // Builds every crate from its package, as somebody else will.
    cmd!(
        shell,
        "cargo package --locked --workspace --exclude xtask --exclude superposition-testkit --exclude superposition-py"
    )
    .run()?;
    println!("\nThe order of publishing:");
    for member in &order {
        println!("    {} {}", member.name, member.version);
    }
    if execute {
        cmd!(
            shell,
            "cargo publish --locked --workspace --exclude xtask --exclude superposition-testkit --exclude superposition-py"
        )
        .run()?;
    } else {
        println!("Nothing was published; `cargo xtask release --execute` does it.");
    }
    Ok(())
}

/// What the manifests and changelogs of published crates lack.
fn faults(workspace: &Workspace) -> Vec<String> {
    let mut faults = Vec::new();
    let Some(version) = workspace
        .published()
        .map(|member| member.version.as_str())
        .next()
    else {
        return vec!["no crate is published".to_owned()];
    };
    for member in workspace.published() {
        let name = &member.name;
        if member.version != version {
            faults.push(format!(
                "{name} has version {}, others {version}",
                member.version
            ));
        }
        for dependency in &member.dependencies {
            let wanted = format!("^{version}");
            if dependency.in_workspace
                && dependency.kind != Kind::Dev
                && dependency.requirement != wanted
            {
                faults.push(format!(
                    "{name} needs {} {}, not {wanted}",
                    dependency.name, dependency.requirement
                ));
            }
        }
        let changelog = workspace
            .file(&member.path("CHANGELOG.md"))
            .and_then(|file| file.text.as_deref());
        if !changelog.is_some_and(|text| tidy::has_version(text, version)) {
            faults.push(format!(
                "the CHANGELOG.md of {name} has no heading for {version}"
            ));
        }
    }
    faults
}

/// Published crates, each after what it depends on.
fn order(workspace: &Workspace) -> anyhow::Result<Vec<&Crate>> {
    let mut left: Vec<&Crate> = workspace.published().collect();
    let mut order: Vec<&Crate> = Vec::new();
    while !left.is_empty() {
        let waits = |member: &Crate| {
            member
                .workspace_dependencies()
                .any(|name| left.iter().any(|other| other.name == name))
        };
        let (later, now): (Vec<&Crate>, Vec<&Crate>) =
            left.iter().partition(|member| waits(member));
        ensure!(
            !now.is_empty(),
            "the crates depend on each other in a circle"
        );
        order.extend(now);
        left = later;
    }
    Ok(order)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::{Dependency, File};

    fn member(name: &str, dependency: Option<&str>) -> Crate {
        let dependency = dependency.map(|name| Dependency {
            name: name.to_owned(),
            kind: Kind::Normal,
            requirement: "^0.1.0".to_owned(),
            in_workspace: true,
        });
        Crate {
            name: name.to_owned(),
            folder: name.to_owned(),
            version: "0.1.0".to_owned(),
            published: true,
            dependencies: dependency.into_iter().collect(),
            ..Crate::default()
        }
    }

    fn ready() -> Workspace {
        let changelog = |folder: &str| File {
            path: format!("{folder}/CHANGELOG.md"),
            text: Some("## [0.1.0]\n".to_owned()),
            ..File::default()
        };
        Workspace {
            crates: vec![member("a", Some("b")), member("b", None)],
            files: vec![changelog("a"), changelog("b")],
            ..Workspace::default()
        }
    }

    #[test]
    fn each_crate_follows_what_it_needs() {
        let workspace = ready();
        let names: Vec<&str> = order(&workspace)
            .expect("no circle")
            .iter()
            .map(|member| member.name.as_str())
            .collect();
        assert_eq!(names, ["b", "a"]);
        let circle = Workspace {
            crates: vec![member("a", Some("b")), member("b", Some("a"))],
            ..Workspace::default()
        };
        assert!(order(&circle).is_err());
    }

    #[test]
    fn versions_and_changelogs_must_agree() {
        let mut workspace = ready();
        assert!(faults(&workspace).is_empty());
        workspace.crates[1].version = "0.2.0".to_owned();
        assert_eq!(faults(&workspace).len(), 1);
        workspace.files.clear();
        workspace.crates[0].dependencies[0].requirement = "*".to_owned();
        assert_eq!(faults(&workspace).len(), 4);
    }
}
