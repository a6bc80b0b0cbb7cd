//! Features are additive: each published crate builds without any, and with each alone.

use xshell::{Shell, cmd};

use crate::workspace::{Crate, Workspace};

pub(super) fn run(shell: &Shell, workspace: &Workspace) -> anyhow::Result<()> {
    for member in workspace.published() {
        for selection in selections(member) {
            let name = &member.name;
            // Clippy, because it can deny warnings without building the dependencies again.
            cmd!(shell, "cargo clippy --quiet --locked --package {name} --no-default-features {selection...} -- --deny warnings")
                .run()?;
        }
    }
    Ok(())
}

/// The arguments of each build after `--no-default-features`.
fn selections(member: &Crate) -> Vec<Vec<String>> {
    let alone = member
        .features
        .iter()
        .map(|feature| vec!["--features".to_owned(), feature.clone()]);
    [vec![]].into_iter().chain(alone).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn none_and_each_alone() {
        let member = Crate {
            features: vec!["serde".to_owned(), "rayon".to_owned()],
            ..Crate::default()
        };
        let expected: [&[&str]; 3] = [&[], &["--features", "serde"], &["--features", "rayon"]];
        assert_eq!(selections(&member), expected);
    }
}
