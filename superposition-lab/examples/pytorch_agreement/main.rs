//! Does the quick start, trained here, agree with the quick start trained in PyTorch?
//!
//! `cargo run --release -p superposition-lab --example pytorch_agreement` trains 20 seeds, takes
//! PyTorch's 20 from the golden file, evaluates all 40 models on the same 100,000 samples in f64
//! and prints both sides. Exit code 1 if they differ. With the argument `short`, a smaller
//! configuration: the one that runs among the tests.

mod agreement;

use std::process::ExitCode;

use agreement::{Comparison, compare, measure, ours, pytorch};

fn main() -> ExitCode {
    let comparison = match std::env::args().nth(1).as_deref() {
        None => Comparison::full(),
        Some("short") => Comparison::short(),
        Some(other) => {
            eprintln!("unknown argument {other:?}: none, or short");
            return ExitCode::from(2);
        }
    };
    let recipe = &comparison.recipe;
    let measured = [ours(recipe), pytorch(comparison.golden)]
        .map(|models| measure(&models, recipe, comparison.n_evaluation));
    println!(
        "{:<26}{:>14}{:>14}{:>14}{:>14}",
        "", "ours", "PyTorch", "std. error", "allowed"
    );
    let lines = compare(&measured[0], &measured[1]);
    for line in &lines {
        println!(
            "{:<26}{:>14.7}{:>14.7}{:>14.7}{:>14.7}  {}",
            line.name,
            line.ours,
            line.pytorch,
            line.standard_error,
            line.allowed,
            if line.agrees() { "agrees" } else { "DIFFERS" }
        );
    }
    if lines.iter().all(agreement::Line::agrees) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
