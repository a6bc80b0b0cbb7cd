//! All of continuous integration, as steps that all run and of which none may fail.

mod features;

use std::{
    env,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use xshell::{Shell, cmd};

use crate::{bench, doc, page, tidy, wasm, wheel, workspace::Workspace};

type Step<'a> = (&'a str, Box<dyn Fn() -> anyhow::Result<()> + 'a>);

/// What became of a step.
#[derive(Debug)]
struct Outcome {
    name: String,
    time: Duration,
    error: Option<String>,
}

/// Runs every step, also after one failed, prints the seconds of each and fails if any did.
pub(crate) fn run(shell: &Shell, workspace: &Workspace) -> anyhow::Result<()> {
    use_own_tools(shell, workspace)?;
    // Cheap ones first. Clippy's metadata of dependencies serves the documentation and the features, the build of the
    // tests serves the benchmarks and the commands of the documentation.
    let steps: Vec<Step<'_>> = vec![
        (
            "format",
            Box::new(|| Ok(cmd!(shell, "cargo fmt --all -- --check").run()?)),
        ),
        ("lock file", Box::new(|| check_lock_file(shell))),
        ("tidy: sources", Box::new(|| tidy::run_static(workspace))),
        (
            "deny",
            Box::new(|| {
                Ok(cmd!(
                    shell,
                    "cargo deny --locked check --hide-inclusion-graph licenses bans sources"
                )
                .run()?)
            }),
        ),
        ("clippy", Box::new(|| clippy(shell))),
        ("features", Box::new(|| features::run(shell, workspace))),
        ("wasm", Box::new(|| wasm::run(shell, workspace))),
        ("doc", Box::new(|| doc::build(shell, workspace))),
        (
            "test",
            Box::new(|| Ok(cmd!(shell, "cargo test --workspace").run()?)),
        ),
        (
            "reproduce, quick",
            Box::new(|| reproduce_quick(shell, workspace)),
        ),
        ("python", Box::new(|| wheel::run(shell, workspace))),
        ("page", Box::new(|| page::run(shell, workspace))),
        (
            "bench, once each",
            Box::new(|| bench::run_once(shell, workspace, None)),
        ),
        (
            "tidy: built",
            Box::new(|| tidy::run_built(shell, workspace)),
        ),
    ];
    let outcomes = run_steps(&steps);
    println!("\n{}", table(&outcomes));
    let failed: Vec<&str> = outcomes
        .iter()
        .filter(|outcome| outcome.error.is_some())
        .map(|outcome| outcome.name.as_str())
        .collect();
    if !failed.is_empty() {
        bail!("failed: {}", failed.join(", "));
    }
    Ok(())
}

/// `.ci/run` installs tools under `target`, where they disturb nobody.
fn use_own_tools(shell: &Shell, workspace: &Workspace) -> anyhow::Result<()> {
    let own = workspace.target.join("tools").join("bin");
    let others = env::var_os("PATH").unwrap_or_default();
    shell.set_var(
        "PATH",
        env::join_paths([own].into_iter().chain(env::split_paths(&others)))?,
    );
    Ok(())
}

fn check_lock_file(shell: &Shell) -> anyhow::Result<()> {
    cmd!(shell, "cargo metadata --locked --format-version 1")
        .ignore_stdout()
        .run()
        .context("Cargo.lock does not fit the manifests; build once and commit it")
}

fn clippy(shell: &Shell) -> anyhow::Result<()> {
    Ok(cmd!(
        shell,
        "cargo clippy --workspace --all-targets --all-features -- --deny warnings"
    )
    .run()?)
}

/// Block T; block X is among the tests. The command is what these have built.
fn reproduce_quick(shell: &Shell, workspace: &Workspace) -> anyhow::Result<()> {
    let program = workspace.program(shell)?;
    Ok(cmd!(shell, "{program} reproduce T --quick --quiet").run()?)
}

fn run_steps(steps: &[Step<'_>]) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    for (name, step) in steps {
        println!("\n== {name}");
        let start = Instant::now();
        let error = step().err().map(|error| format!("{error:#}"));
        let time = start.elapsed();
        if let Some(error) = &error {
            println!("== {name} FAILED: {error}");
        }
        outcomes.push(Outcome {
            name: (*name).to_owned(),
            time,
            error,
        });
    }
    outcomes
}

fn table(outcomes: &[Outcome]) -> String {
    let mut lines = vec![format!("{:<20} {:>8}", "step", "seconds")];
    for outcome in outcomes {
        let state = if outcome.error.is_some() {
            "FAILED"
        } else {
            "ok"
        };
        lines.push(format!(
            "{:<20} {:>8.1}  {state}",
            outcome.name,
            outcome.time.as_secs_f64()
        ));
    }
    let total: Duration = outcomes.iter().map(|outcome| outcome.time).sum();
    lines.push(format!("{:<20} {:>8.1}", "all", total.as_secs_f64()));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_step_is_kept_and_the_next_one_runs() {
        let steps: Vec<Step<'_>> = vec![
            ("first", Box::new(|| bail!("broken"))),
            ("second", Box::new(|| Ok(()))),
        ];
        let outcomes = run_steps(&steps);
        assert_eq!(outcomes[0].error.as_deref(), Some("broken"));
        assert!(outcomes[1].error.is_none());
        let table = table(&outcomes);
        assert!(
            table
                .lines()
                .any(|line| line.starts_with("first") && line.ends_with("FAILED"))
        );
        assert!(
            table
                .lines()
                .any(|line| line.starts_with("second") && line.ends_with("ok"))
        );
    }
}
