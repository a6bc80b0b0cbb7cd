//! `superposition sweep`.

use std::sync::atomic::{AtomicUsize, Ordering};

use superposition_lab::io::{check_writable, write_atomic};
use superposition_lab::report::sweep_report;
use superposition_lab::{SweepOptions, SweepStop, sweep};

use crate::args::SweepArgs;
use crate::failure::Failure;
use crate::interrupt;
use crate::output::{overwrite, print, print_json, terminal_style, to_json};
use crate::progress::Progress;

pub(crate) fn run(args: &SweepArgs) -> Result<(), Failure> {
    if args.recipe.gives_probability() {
        return Err(Failure::Usage(anyhow::anyhow!(
            "a sweep trains at several sparsities: give them as --sparsities S,S,..."
        )));
    }
    let mut options = SweepOptions::quick_start();
    options.recipe = args.recipe.apply_unchecked(options.recipe)?;
    options.threads = args.threads.get();
    if let Some(sparsities) = &args.sparsities {
        options.sparsities.clone_from(sparsities);
    }
    if let Some(seeds) = args.seeds {
        options.n_seeds = seeds;
    }
    options
        .validate()
        .map_err(|error| Failure::Usage(error.into()))?;
    let overwrite = overwrite(args.force);
    if let Some(path) = &args.out {
        check_writable(path, overwrite)?;
    }
    interrupt::listen()?;

    let n_models = options.sparsities.len() * options.n_seeds;
    let n_steps = n_models.saturating_mul(options.recipe.train.n_steps);
    let progress = Progress::new(0, n_steps, args.common.verbosity());
    let done = AtomicUsize::new(0);
    let document = sweep(&options, &|_, _| {
        let step = done.fetch_add(1, Ordering::Relaxed) + 1;
        progress.show(step, || format!("training {n_models} models"));
        interrupt::control_flow()
    });
    progress.finish();
    let document = document?;
    if let Some(path) = &args.out {
        write_atomic(path, document.runs_csv().as_bytes(), overwrite)?;
    }
    // The finished models of a sweep that was stopped are printed too: they are all there is.
    if args.common.json {
        print_json(&to_json(&document)?)?;
    } else {
        print(&sweep_report(&document, &terminal_style()))?;
    }
    if document.stop == SweepStop::Cancelled {
        return Err(Failure::Interrupted(format!(
            "{} of {n_models} models were finished and printed",
            document.runs.len()
        )));
    }
    Ok(())
}
