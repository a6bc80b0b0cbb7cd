//! Runs the commands a reader is told to type, as they are written, with the program that was built here.

use std::{
    collections::BTreeSet,
    env,
    path::Path,
    process::{Command, Output, Stdio},
    time::Instant,
};

use anyhow::Context as _;
use xshell::{Shell, cmd};

use super::Finding;
use crate::workspace::Workspace;

const MARKER: &str = "<!-- tidy: run -->";

/// A page and its commands with their lines.
type Page<'a> = (&'a str, Vec<(usize, String)>);

/// The commands of the fenced blocks whose line before is the marker, in order, with their lines.
///
/// In a `console` block commands follow `$ ` and the rest is output; in a `sh` block every line is a command. A line
/// that ends with a backslash continues. `cargo run --release -- ` stands for the program.
pub(super) fn marked(text: &str) -> Vec<(usize, String)> {
    let mut commands = Vec::new();
    let mut marked = false;
    let mut fence: Option<bool> = None;
    let mut lines = text.lines().enumerate();
    while let Some((_, line)) = lines.next() {
        let line = line.trim();
        if let Some(language) = line.strip_prefix("```") {
            fence = match fence {
                Some(_) => None,
                None => Some(marked && ["console", "sh", "bash"].contains(&language)),
            };
            if fence == Some(true) {
                let prompt = if language == "console" { "$ " } else { "" };
                commands.extend(block(&mut lines, prompt));
                fence = None;
            }
        }
        marked = line == MARKER || (marked && line.is_empty());
    }
    commands
}

/// The commands up to the end of a block.
fn block<'a>(
    lines: &mut impl Iterator<Item = (usize, &'a str)>,
    prompt: &str,
) -> Vec<(usize, String)> {
    let mut commands: Vec<(usize, String)> = Vec::new();
    let mut continues = false;
    for (number, line) in lines {
        let line = line.trim();
        if line == "```" {
            break;
        }
        let words = line.trim_end_matches('\\').trim();
        if continues {
            let (_, command) = commands.last_mut().expect("something continues");
            command.push(' ');
            command.push_str(words);
        } else if let Some(command) = words.strip_prefix(prompt) {
            if command.is_empty() || command.starts_with('#') {
                continue;
            }
            commands.push((
                number + 1,
                command.replace("cargo run --release -- ", "superposition "),
            ));
        } else {
            continue;
        }
        continues = line.ends_with('\\');
    }
    commands
}

/// Builds the program and runs every command, each page in a fresh folder; what fails is a finding.
pub(super) fn run(
    shell: &Shell,
    workspace: &Workspace,
    pages: &[Page<'_>],
) -> anyhow::Result<Vec<Finding>> {
    // As `cargo test --workspace` builds it, so that after the tests nothing is left to build.
    cmd!(shell, "cargo test --quiet --locked --workspace --no-run")
        .quiet()
        .run()
        .context("the workspace does not build")?;
    let programs = workspace.target.join("debug");
    let mut findings = Vec::new();
    for (page, commands) in pages {
        let folder = tempfile::tempdir()?;
        // The table may name one command for several functions.
        let mut done = BTreeSet::new();
        for (line, command) in commands {
            if !done.insert(command) {
                continue;
            }
            let start = Instant::now();
            let output = run_one(command, folder.path(), &programs)?;
            println!(
                "tidy: {:6.1} s  {page}:{line}  {command}",
                start.elapsed().as_secs_f64()
            );
            if let Some(fault) = fault(command, &output) {
                findings.push(Finding::new(
                    format!("{page}:{line}"),
                    format!("`{command}` {fault}"),
                ));
            }
        }
    }
    Ok(findings)
}

/// The way a reader would: through a shell, with the program on the path.
fn run_one(command: &str, folder: &Path, programs: &Path) -> anyhow::Result<Output> {
    let others = env::var_os("PATH").unwrap_or_default();
    let path = env::join_paths(
        [programs.to_path_buf()]
            .into_iter()
            .chain(env::split_paths(&others)),
    )?;
    Command::new("bash")
        .args(["-euo", "pipefail", "-c", command])
        .current_dir(folder)
        .env("PATH", path)
        .env("NO_COLOR", "1")
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("bash could not run `{command}`"))
}

fn fault(command: &str, output: &Output) -> Option<String> {
    if !output.status.success() {
        let errors = String::from_utf8_lossy(&output.stderr);
        let last: Vec<&str> = errors.lines().rev().take(5).collect();
        let last: Vec<&str> = last.into_iter().rev().collect();
        return Some(format!(
            "ended with {}: {}",
            output.status,
            last.join(" / ")
        ));
    }
    let shown = !command.contains(['|', '>', ';', '&']);
    if shown
        && command.split(' ').any(|word| word == "--json")
        && let Err(error) = serde_json::from_slice::<serde_json::Value>(&output.stdout)
    {
        return Some(format!("did not print one JSON document: {error}"));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_marked_blocks_run() {
        let text = "```sh\nrm -r x\n```\n\n<!-- tidy: run -->\n```console\n$ cargo run --release -- explore \\\n    --steps 9\noutput\n$ superposition sweep\n```\n\n```sh\nrm -r y\n```\n<!-- tidy: run -->\n```sh\n# why\nsuperposition train\n```\n<!-- tidy: run -->\n```text\nrm -r z\n```\n";
        assert_eq!(
            marked(text),
            [
                (7, "superposition explore --steps 9".to_owned()),
                (10, "superposition sweep".to_owned()),
                (19, "superposition train".to_owned()),
            ]
        );
    }

    #[test]
    fn what_fails_is_found() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let fault_of = |command: &str| {
            let output = run_one(command, folder.path(), folder.path()).expect("bash");
            fault(command, &output)
        };
        assert_eq!(fault_of("true"), None);
        assert!(
            fault_of("echo no such tensor >&2; exit 2")
                .is_some_and(|fault| fault.contains("no such tensor"))
        );
        assert!(fault_of("false | true").is_some());
        assert_eq!(fault_of("echo {} --json >/dev/null"), None);
        assert_eq!(
            fault_of("echo --json").map(|fault| fault.contains("one JSON document")),
            Some(true)
        );
        // Files stay for the next command of the page.
        assert_eq!(fault_of("touch acts.npy"), None);
        assert_eq!(fault_of("test -f acts.npy"), None);
    }
}
