//! `superposition explore`.

use std::path::Path;

use superposition_lab::io::{Overwrite, prepare_directory, write_atomic};
use superposition_lab::report::exploration_report;
use superposition_lab::train::StopReason;
use superposition_lab::{Exploration, ExploreOptions, explore, write_model};

use crate::args::ExploreArgs;
use crate::failure::Failure;
use crate::interrupt;
use crate::output::{file_style, print, print_json, terminal_style, to_json};
use crate::progress::Progress;

pub(crate) fn run(args: &ExploreArgs) -> Result<(), Failure> {
    let mut options = ExploreOptions::quick_start();
    options.recipe = args.recipe.apply(options.recipe)?;
    options.analysis.threads = args.common.threads().get();
    let overwrite = if args.force {
        Overwrite::Replace
    } else {
        Overwrite::Refuse
    };
    prepare_directory(&args.out, overwrite)?;
    interrupt::listen()?;

    let n_steps = options.recipe.train.n_steps;
    let progress = Progress::new(n_steps, args.common.verbosity());
    let exploration = explore(&options, &mut |at| {
        progress.show(at.step, || format!("training  loss {:.6}", at.loss));
        if at.step == n_steps {
            progress.say("analysing");
        }
        interrupt::control_flow()
    });
    progress.finish();
    let exploration = exploration?;

    write_training(&args.out, &exploration)?;
    match exploration.trained.stop {
        StopReason::Cancelled { step } => {
            return Err(Failure::Interrupted(format!(
                "stopped after step {step} of {n_steps}; the model and its history until then are in {}",
                args.out.display()
            )));
        }
        StopReason::Diverged { step } => {
            return Err(Failure::Failed(anyhow::anyhow!(
                "the loss was not finite at step {step}: try a smaller --lr (the history until then is in {})",
                args.out.display()
            )));
        }
        _ => {}
    }
    let json = to_json(&exploration.document())?;
    write(&args.out, "analysis.json", format!("{json}\n").as_bytes())?;
    let report = exploration_report(&exploration, &file_style());
    write(&args.out, "report.txt", report.as_bytes())?;
    if args.common.json {
        print_json(&json)
    } else {
        print(&exploration_report(&exploration, &terminal_style()))?;
        print(&format!(
            "\nModel, history, analysis (JSON) and this report are in {}.\n",
            args.out.display()
        ))
    }
}

/// The files that do not depend on the run having finished.
fn write_training(out: &Path, exploration: &Exploration) -> Result<(), Failure> {
    let diverged = matches!(exploration.trained.stop, StopReason::Diverged { .. });
    if !diverged {
        // The folder was empty, or its replacement was asked for.
        write_model(
            &out.join("model.safetensors"),
            &exploration.trained.model,
            &exploration.recipe,
            Overwrite::Replace,
        )?;
    }
    write(out, "history.csv", exploration.history.to_csv().as_bytes())
}

fn write(out: &Path, name: &str, bytes: &[u8]) -> Result<(), Failure> {
    Ok(write_atomic(out.join(name), bytes, Overwrite::Replace)?)
}
