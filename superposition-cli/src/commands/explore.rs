//! `superposition explore`.

use std::io::ErrorKind;
use std::path::Path;

use superposition_lab::io::{Overwrite, prepare_directory, write_atomic};
use superposition_lab::report::exploration_report;
use superposition_lab::train::{StopReason, Trained};
use superposition_lab::{Exploration, ExploreOptions, History, Recipe, train_tracked, write_model};

use crate::args::ExploreArgs;
use crate::failure::Failure;
use crate::interrupt;
use crate::output::{file_style, overwrite, print, print_json, terminal_style, to_json};
use crate::progress::Progress;

const MODEL: &str = "model.safetensors";
const HISTORY: &str = "history.csv";
const ANALYSIS: &str = "analysis.json";
const REPORT: &str = "report.txt";

pub(crate) fn run(args: &ExploreArgs) -> Result<(), Failure> {
    let mut options = ExploreOptions::quick_start();
    let recipe = args.recipe.apply(options.recipe.clone())?;
    options = options.with_recipe(recipe);
    options.analysis.threads = args.threads.get().get();
    let overwrite = overwrite(args.force);
    prepare_directory(&args.out, overwrite)?;
    interrupt::listen()?;

    let n_steps = options.recipe.train.n_steps;
    let progress = Progress::new(n_steps, args.common.verbosity());
    let trained = train_tracked(&options.recipe, options.history_every, &mut |at| {
        progress.show(at.step, || format!("training  loss {:.6}", at.loss));
        interrupt::control_flow()
    });
    progress.finish();
    let (trained, history) = trained?;
    // Before the analysis, which takes time and may fail.
    write_training(&args.out, &options.recipe, &trained, &history)?;
    interrupt::all_is_saved();
    match trained.stop {
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
    progress.say("analysing the model, probing every feature");
    let exploration = Exploration::new(&options, trained, history)?;
    let json = to_json(&exploration.document())?;
    write(&args.out, ANALYSIS, format!("{json}\n").as_bytes())?;
    let report = exploration_report(&exploration, &file_style());
    write(&args.out, REPORT, report.as_bytes())?;
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

/// The files that do not depend on the run having finished; what an earlier run left there under
/// the other names goes, so that a folder never mixes two runs.
fn write_training(
    out: &Path,
    recipe: &Recipe,
    trained: &Trained,
    history: &History,
) -> Result<(), Failure> {
    if trained.stop.has_diverged() {
        remove(out, MODEL)?;
    } else {
        write_model(&out.join(MODEL), &trained.model, recipe, Overwrite::Replace)?;
    }
    write(out, HISTORY, history.to_csv().as_bytes())?;
    remove(out, ANALYSIS)?;
    remove(out, REPORT)
}

fn remove(out: &Path, name: &str) -> Result<(), Failure> {
    match std::fs::remove_file(out.join(name)) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            let error = anyhow::Error::new(error);
            Err(error.context(format!("cannot replace {name}")).into())
        }
        _ => Ok(()),
    }
}

fn write(out: &Path, name: &str, bytes: &[u8]) -> Result<(), Failure> {
    Ok(write_atomic(out.join(name), bytes, Overwrite::Replace)?)
}
