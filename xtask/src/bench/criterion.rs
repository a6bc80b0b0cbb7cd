//! The criterion benchmarks. Only benchmark targets are selected: the unit tests of the libraries are none.

use xshell::{Shell, cmd};

pub(super) fn run(shell: &Shell, filter: Option<&str>) -> anyhow::Result<()> {
    Ok(cmd!(
        shell,
        "cargo bench --locked --workspace --bench * -- {filter...}"
    )
    .run()?)
}

/// Runs each benchmark once in the dev profile, at the toy size it chooses when it sees `--test`.
pub(super) fn run_once(shell: &Shell, filter: Option<&str>) -> anyhow::Result<()> {
    Ok(cmd!(
        shell,
        "cargo test --locked --workspace --bench * -- --test {filter...}"
    )
    .run()?)
}
