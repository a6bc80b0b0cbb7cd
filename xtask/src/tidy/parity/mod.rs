//! The page that maps every public function of the Python library to Rust and to the command line speaks of things
//! that exist: every path is resolved in the documentation that rustdoc wrote, every item has an example, and every
//! command runs.
//!
//! Commands in other Markdown files run as well, where the line before their block says `<!-- tidy: run -->`.

mod commands;
mod items;
mod table;

use anyhow::Context as _;
use xshell::Shell;

use super::Finding;
use crate::workspace::Workspace;

const PAGE: &str = "docs/python-parity.md";

fn page(workspace: &Workspace) -> anyhow::Result<&str> {
    let page = workspace.file(PAGE).and_then(|file| file.text.as_deref());
    page.with_context(|| format!("{PAGE} does not exist"))
}

/// Resolves the Rust items of the table; expects the documentation to be built.
pub(crate) fn check_items(workspace: &Workspace) -> anyhow::Result<Vec<Finding>> {
    let table = table::parse(page(workspace)?);
    let mut findings = Vec::new();
    if table.rows.is_empty() {
        findings.push(Finding::new(
            PAGE,
            "has no table with the columns Python, Rust, Command, Differs",
        ));
    }
    findings.extend(
        table
            .faults
            .iter()
            .map(|(line, fault)| Finding::new(format!("{PAGE}:{line}"), fault)),
    );
    let documentation = workspace.target.join("doc");
    for row in &table.rows {
        for path in &row.items {
            if let Err(message) = items::check(&documentation, path) {
                findings.push(Finding::new(format!("{PAGE}:{}", row.line), message));
            }
        }
    }
    println!(
        "tidy: {} rows, {} items",
        table.rows.len(),
        table.rows.iter().map(|row| row.items.len()).sum::<usize>()
    );
    Ok(findings)
}

/// Runs the commands of the table and of the marked blocks, each page in a fresh folder.
pub(crate) fn check_commands(shell: &Shell, workspace: &Workspace) -> anyhow::Result<Vec<Finding>> {
    let mut pages = Vec::new();
    let rows = table::parse(page(workspace)?).rows;
    let of_table = rows.iter().flat_map(|row| {
        row.commands
            .iter()
            .map(|command| (row.line, command.clone()))
    });
    pages.push((PAGE, of_table.collect::<Vec<_>>()));
    for file in &workspace.files {
        if let (true, Some(text)) = (file.path.ends_with(".md"), file.text.as_deref()) {
            pages.push((file.path.as_str(), commands::marked(text)));
        }
    }
    pages.retain(|(_, commands)| !commands.is_empty());
    commands::run(shell, workspace, &pages)
}
