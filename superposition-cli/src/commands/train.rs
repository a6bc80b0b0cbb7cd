//! `superposition train`.

use std::path::Path;

use superposition_lab::io::{Overwrite, check_writable, write_atomic};
use superposition_lab::report::training_report;
use superposition_lab::train::StopReason;
use superposition_lab::{
    ExploreOptions, SavedTraining, TrainingDocument, train_tracked, write_model,
};

use crate::args::TrainArgs;
use crate::checkpoint::{beside, remove, save, start};
use crate::failure::Failure;
use crate::interrupt::{self, Afterwards};
use crate::output::{distinct, overwrite, print, print_json, terminal_style, to_json};
use crate::progress::Progress;

pub(crate) fn run(args: &TrainArgs) -> Result<(), Failure> {
    let preset = ExploreOptions::quick_start();
    let recipe = args.recipe.apply(preset.recipe.clone())?;
    let options = preset.with_recipe(recipe).with_threads(args.threads.get());
    let recipe = options.recipe;
    let checkpoint = beside(&args.out);
    if let Some(history) = &args.history {
        distinct(("--out", &args.out), ("--history", history))?;
        distinct(("the checkpoint", &checkpoint), ("--history", history))?;
    }
    let saved = start(&checkpoint, &args.start, &recipe, &options.tracking)?;
    // Before the training, not after it.
    let overwrite_model = overwrite(args.start.force);
    check_writable(&args.out, overwrite_model)?;
    let mut overwrite_history = overwrite_model;
    if let Some(path) = &args.history {
        if is_of_this_training(path, saved.as_ref())? {
            overwrite_history = Overwrite::Replace;
        }
        check_writable(path, overwrite_history)?;
    }
    interrupt::listen()?;

    let n_steps = recipe.train.n_steps;
    let first = saved.as_ref().map_or(0, |saved| saved.checkpoint.step);
    let tracking = options.tracking.with_start(saved);
    let progress = Progress::new(first, n_steps, args.common.verbosity());
    let tracked = train_tracked(&recipe, &tracking, &mut |at| {
        progress.show_loss(at.step, at.loss);
        interrupt::control_flow()
    });
    progress.finish();
    let tracked = tracked?;

    if let StopReason::Diverged { step } = tracked.trained.stop {
        remove(&checkpoint)?;
        return Err(Failure::Failed(anyhow::anyhow!(
            "the loss was not finite at step {step}: try a smaller --lr; nothing was written"
        )));
    }
    let interrupted = tracked.saved.as_ref().map(|saved| save(&checkpoint, saved));
    let interrupted = interrupted.transpose()?;
    if interrupted.is_none() {
        write_model(&args.out, &tracked.trained.model, &recipe, overwrite_model)?;
    }
    if let Some(path) = &args.history {
        write_atomic(path, tracked.history.to_csv().as_bytes(), overwrite_history)?;
    }
    if let Some(interrupted) = interrupted {
        return Err(interrupted);
    }
    remove(&checkpoint)?;
    interrupt::all_is_saved(Afterwards::Nothing);
    let document = TrainingDocument::new(&recipe, &tracked.trained, &tracked.history)?;
    if args.common.json {
        print_json(&to_json(&document)?)
    } else {
        print(&training_report(&document, &terminal_style()))?;
        print(&format!("\nThe model is in {}.\n", args.out.display()))
    }
}

/// Whether a file is the history that this training left when it was stopped.
fn is_of_this_training(path: &Path, saved: Option<&SavedTraining>) -> Result<bool, Failure> {
    let Some(saved) = saved else {
        return Ok(false);
    };
    let history = saved.history()?.to_csv();
    Ok(std::fs::read(path).is_ok_and(|bytes| bytes == history.as_bytes()))
}
