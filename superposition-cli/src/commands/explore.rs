//! `superposition explore`.

use std::path::Path;

use superposition_lab::io::{Overwrite, check_writable, prepare_directory, write_atomic};
use superposition_lab::page::{PageOptions, page_of_files};
use superposition_lab::report::exploration_report;
use superposition_lab::train::StopReason;
use superposition_lab::{
    Exploration, ExploreOptions, History, Recipe, Tracked, train_tracked, write_model,
    write_snapshots,
};

use crate::args::ExploreArgs;
use crate::checkpoint::{CHECKPOINT, remove, save, start};
use crate::failure::Failure;
use crate::interrupt::{self, Afterwards};
use crate::output::{file_style, overwrite, print, print_json, terminal_style, to_json};
use crate::progress::Progress;

const MODEL: &str = "model.safetensors";
const HISTORY: &str = "history.csv";
const ANALYSIS: &str = "analysis.json";
const REPORT: &str = "report.txt";
const SNAPSHOTS: &str = "snapshots.safetensors";

pub(crate) fn run(args: &ExploreArgs) -> Result<(), Failure> {
    let mut options = ExploreOptions::quick_start();
    let recipe = args.recipe.apply(options.recipe.clone())?;
    options = options.with_recipe(recipe).with_threads(args.threads.get());
    let checkpoint = args.out.join(CHECKPOINT);
    let saved = start(&checkpoint, &args.start, &options.recipe, &options.tracking)?;
    let resumed = saved.is_some();
    prepare_directory(&args.out, overwrite(args.start.force || resumed))?;
    if let Some(html) = &args.html {
        check_writable(html, overwrite(args.start.force))?;
    }
    interrupt::listen()?;

    let n_steps = options.recipe.train.n_steps;
    let first = saved.as_ref().map_or(0, |saved| saved.checkpoint.step);
    options.tracking = options.tracking.with_start(saved);
    let progress = Progress::new(first, n_steps, args.common.verbosity());
    let tracked = train_tracked(&options.recipe, &options.tracking, &mut |at| {
        progress.show_loss(at.step, at.loss);
        interrupt::control_flow()
    });
    progress.finish();
    let tracked = tracked?;
    if let Some(saved) = &tracked.saved {
        let interrupted = save(&checkpoint, saved)?;
        write_history(&args.out, &tracked.history)?;
        remove(&args.out.join(MODEL))?;
        return Err(interrupted);
    }
    // Before the analysis, which takes time and may fail.
    write_training(&args.out, &options.recipe, &tracked)?;
    if !resumed {
        // Of a run that was given up; that of this one stays until it has come to its end.
        remove(&checkpoint)?;
    }
    if let StopReason::Diverged { step } = tracked.trained.stop {
        remove(&checkpoint)?;
        return Err(Failure::Failed(anyhow::anyhow!(
            "the loss was not finite at step {step}: try a smaller --lr (the history until then is in {})",
            args.out.display()
        )));
    }
    interrupt::all_is_saved(match resumed {
        true => Afterwards::Resume,
        false => Afterwards::Nothing,
    });
    progress.say("analysing the model, probing every feature");
    let exploration = Exploration::new(&options, tracked)?;
    let json = to_json(&exploration.document())?;
    write(&args.out, ANALYSIS, format!("{json}\n").as_bytes())?;
    let report = exploration_report(&exploration, &file_style());
    write(&args.out, REPORT, report.as_bytes())?;
    remove(&checkpoint)?;
    if let Some(html) = &args.html {
        let mut page = PageOptions::default();
        page.analyze.analysis.threads = args.threads.get().get();
        let page = page_of_files(std::slice::from_ref(&args.out), &page)?;
        write_atomic(html, page.render().as_bytes(), overwrite(args.start.force))?;
    }
    if args.common.json {
        print_json(&json)
    } else {
        print(&exploration_report(&exploration, &terminal_style()))?;
        print(&format!(
            "\nModel, history, snapshots, analysis (JSON) and this report are in {}.\n",
            args.out.display()
        ))
    }
}

/// What the training leaves.
fn write_training(out: &Path, recipe: &Recipe, tracked: &Tracked) -> Result<(), Failure> {
    let trained = &tracked.trained;
    if trained.stop.has_diverged() {
        remove(&out.join(MODEL))?;
    } else {
        write_model(&out.join(MODEL), &trained.model, recipe, Overwrite::Replace)?;
    }
    write_history(out, &tracked.history)?;
    let snapshots = &tracked.history.snapshots;
    if snapshots.steps.is_empty() {
        return Ok(());
    }
    Ok(write_snapshots(
        &out.join(SNAPSHOTS),
        snapshots,
        Overwrite::Replace,
    )?)
}

/// The history; what an earlier run left under the names of what comes after the training goes, so
/// that a folder never mixes two runs.
fn write_history(out: &Path, history: &History) -> Result<(), Failure> {
    write(out, HISTORY, history.to_csv().as_bytes())?;
    remove(&out.join(SNAPSHOTS))?;
    remove(&out.join(ANALYSIS))?;
    remove(&out.join(REPORT))
}

fn write(out: &Path, name: &str, bytes: &[u8]) -> Result<(), Failure> {
    Ok(write_atomic(out.join(name), bytes, Overwrite::Replace)?)
}
