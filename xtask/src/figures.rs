//! The figures of the README, made again.

use xshell::{Shell, cmd};

use crate::workspace::Workspace;

/// What is run in a folder of its own, and which files of it are kept.
const COMMANDS: [&str; 9] = [
    "explore --n-features 20 --n-hidden 5 --sparsity 0.9 --importance geometric:0.9 --out model",
    "explore --n-features 5 --n-hidden 2 --sparsity 0.95 --importance uniform --steps 5000 --out pentagon",
    "figure gram model -o gram.svg",
    "figure training pentagon -o training.svg",
    "figure planes pentagon -o plane.svg",
    "figure probes model -o probes.svg",
    "figure dimensionality sweep.json -o dimensionality.svg",
    "figure dimensions sweep.json -o dimensions.svg",
    "phase-diagram --n-features 3 --n-hidden 2 --out phases",
];
const SWEEP: &str = "sweep --n-features 60 --n-hidden 12 --importance uniform --steps 4000 --batch-size 512 --seeds 2 --sparsities 0,0.3,0.5,0.65,0.75,0.82,0.87,0.9,0.93,0.95,0.97,0.98,0.99 --json";
const KEPT: [(&str, &str); 7] = [
    ("gram.svg", "gram.svg"),
    ("training.svg", "training.svg"),
    ("plane.svg", "plane.svg"),
    ("probes.svg", "probes.svg"),
    ("dimensionality.svg", "dimensionality.svg"),
    ("dimensions.svg", "dimensions.svg"),
    ("phases/phase-diagram.svg", "phases.svg"),
];

pub(crate) fn run(shell: &Shell, workspace: &Workspace) -> anyhow::Result<()> {
    let program = workspace.program(shell)?;
    let folder = workspace.target.join("figures");
    shell.remove_path(&folder)?;
    shell.create_dir(&folder)?;
    let _folder = shell.push_dir(&folder);
    let sweep = cmd!(shell, "{program}").args(SWEEP.split(' ')).read()?;
    shell.write_file("sweep.json", sweep)?;
    for line in COMMANDS {
        cmd!(shell, "{program}")
            .args(line.split(' '))
            .ignore_stdout()
            .run()?;
    }
    let kept = workspace.root.join("docs").join("figures");
    shell.create_dir(&kept)?;
    for (from, to) in KEPT {
        shell.copy_file(from, kept.join(to))?;
    }
    Ok(())
}
