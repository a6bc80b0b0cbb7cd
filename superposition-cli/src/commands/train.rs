//! `superposition train`.

use superposition_lab::io::{check_writable, write_atomic};
use superposition_lab::report::training_report;
use superposition_lab::train::StopReason;
use superposition_lab::{ExploreOptions, TrainingDocument, train_tracked, write_model};

use crate::args::TrainArgs;
use crate::failure::Failure;
use crate::interrupt;
use crate::output::{distinct, overwrite, print, print_json, terminal_style, to_json};
use crate::progress::Progress;

pub(crate) fn run(args: &TrainArgs) -> Result<(), Failure> {
    let preset = ExploreOptions::quick_start();
    let recipe = args.recipe.apply(preset.recipe)?;
    let overwrite = overwrite(args.force);
    // Before the training, not after it.
    for path in std::iter::once(&args.out).chain(&args.history) {
        check_writable(path, overwrite)?;
    }
    if let Some(history) = &args.history {
        distinct(("--out", &args.out), ("--history", history))?;
    }
    interrupt::listen()?;

    let n_steps = recipe.train.n_steps;
    let progress = Progress::new(n_steps, args.common.verbosity());
    let result = train_tracked(&recipe, preset.history_every, &mut |at| {
        progress.show(at.step, || format!("training  loss {:.6}", at.loss));
        interrupt::control_flow()
    });
    progress.finish();
    let (trained, history) = result?;

    if let StopReason::Diverged { step } = trained.stop {
        return Err(Failure::Failed(anyhow::anyhow!(
            "the loss was not finite at step {step}: try a smaller --lr; nothing was written"
        )));
    }
    write_model(&args.out, &trained.model, &recipe, overwrite)?;
    if let Some(path) = &args.history {
        write_atomic(path, history.to_csv().as_bytes(), overwrite)?;
    }
    if let StopReason::Cancelled { step } = trained.stop {
        return Err(Failure::Interrupted(format!(
            "stopped after step {step} of {n_steps}; the model of that step is in {}",
            args.out.display()
        )));
    }
    let document = TrainingDocument::new(&recipe, &trained, &history)?;
    if args.common.json {
        print_json(&to_json(&document)?)
    } else {
        print(&training_report(&document, &terminal_style()))?;
        print(&format!("\nThe model is in {}.\n", args.out.display()))
    }
}
