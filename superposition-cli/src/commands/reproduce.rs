//! `superposition reproduce`.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use superposition_lab::LabError;
use superposition_lab::io::{Overwrite, check_writable, write_atomic};
use superposition_lab::report::{
    PAGE_MARK, experiments_report, reproduction_page, reproduction_report,
};
use superposition_lab::reproduce::{
    Context, Machine, ReproductionDocument, ReproductionRow, ResultFolder, experiments, select,
};

use crate::failure::Failure;
use crate::interrupt;
use crate::output::{note, overwrite, print, print_json, terminal_style, to_json};
use crate::progress::{Progress, Verbosity};
use crate::reproduce_args::ReproduceArgs;

/// Steps of progress that an experiment is divided into.
const STEPS: usize = 1000;

pub(crate) fn run(args: &ReproduceArgs) -> Result<(), Failure> {
    let preset = args.preset();
    let selected = match (args.ids.is_empty(), args.all || args.list) {
        (false, _) => select(&args.ids)?,
        (true, true) => experiments().collect(),
        (true, false) => {
            return Err(Failure::Usage(anyhow::anyhow!(
                "which results? Give ids or --all; --list shows what there is"
            )));
        }
    };
    if args.list {
        return print(&experiments_report(&selected, preset, &terminal_style()));
    }
    let page = match &args.page {
        Some(path) => Some((path, page_overwrite(path, args.force)?)),
        None => None,
    };
    if let Some((path, overwrite)) = page {
        check_writable(path, overwrite)?;
    }
    let folder = match &args.out {
        Some(path) => {
            let asked: Vec<&str> = selected.iter().map(|e| e.definition.id).collect();
            let overwrite = overwrite(args.force);
            Some(ResultFolder::open(path, preset, &asked, overwrite)?)
        }
        None => None,
    };
    interrupt::listen()?;

    let mut rows: Vec<ReproductionRow> = Vec::new();
    for experiment in &selected {
        let id = experiment.definition.id;
        if let Some(row) = folder.as_ref().and_then(|folder| folder.finished(id)) {
            say(args, &format!("{id} is finished already"));
            rows.push(row.clone());
            continue;
        }
        let progress = Progress::new(0, STEPS, args.common.verbosity());
        let furthest = AtomicUsize::new(0);
        let observe = |fraction: f64| {
            let step = (fraction * STEPS as f64) as usize;
            // Threads report in any order; each step is shown once.
            if furthest.fetch_max(step, Ordering::Relaxed) < step && step < STEPS {
                progress.show(step, || id.to_owned());
            }
            interrupt::control_flow()
        };
        let started = Instant::now();
        let reproduced = experiment.reproduce(&Context::new(preset, args.threads.get(), &observe));
        progress.finish();
        let mut reproduced = match reproduced {
            Err(LabError::Cancelled) => return Err(stopped(args, rows.len(), selected.len())),
            other => other.map_err(|error| {
                Failure::Failed(
                    anyhow::Error::new(error).context(format!("{id} cannot be computed")),
                )
            })?,
        };
        reproduced.row.seconds = Some(started.elapsed().as_secs_f64());
        if let Some(folder) = &folder {
            folder.write(&reproduced)?;
        }
        let outcome = if reproduced.row.passes {
            "passes"
        } else {
            "FAILS"
        };
        say(args, &format!("{id} {outcome}"));
        rows.push(reproduced.row);
    }
    let document = ReproductionDocument::new(preset, rows)
        .with_machine(Some(machine()))
        .with_commit(args.commit.clone());
    if let Some((path, overwrite)) = page {
        write_atomic(path, reproduction_page(&document).as_bytes(), overwrite)?;
    }
    if args.common.json {
        print_json(&to_json(&document)?)?;
    } else {
        print(&reproduction_report(&document, &terminal_style()))?;
    }
    if document.passes {
        return Ok(());
    }
    let failed = document.rows.iter().filter(|row| !row.passes);
    let failed: Vec<&str> = failed.map(|row| row.id.as_str()).collect();
    Err(Failure::Failed(anyhow::anyhow!(
        "not reproduced: {}",
        failed.join(", ")
    )))
}

fn say(args: &ReproduceArgs, what: &str) {
    if args.common.verbosity() == Verbosity::Normal {
        note(what);
    }
}

fn stopped(args: &ReproduceArgs, n_finished: usize, n: usize) -> Failure {
    let finished = format!("{n_finished} of {n} results were finished");
    match &args.out {
        Some(path) => Failure::Resumable(format!(
            "{finished} and are in {}; the same command, without --force, goes on",
            path.display()
        )),
        None => Failure::Interrupted(format!("{finished}; with --out they would have been kept")),
    }
}

/// A page that this command wrote is replaced; of any other file somebody has to ask for it.
fn page_overwrite(path: &Path, force: bool) -> Result<Overwrite, Failure> {
    if force {
        return Ok(Overwrite::Replace);
    }
    match fs::read(path) {
        Ok(page) if page.starts_with(PAGE_MARK.as_bytes()) => Ok(Overwrite::Replace),
        Ok(_) => Ok(Overwrite::Refuse),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Overwrite::Refuse),
        Err(error) => Err(anyhow::Error::new(error)
            .context(format!("cannot read {}", path.display()))
            .into()),
    }
}

/// This machine, as far as the system tells.
fn machine() -> Machine {
    let cpu = fs::read_to_string("/proc/cpuinfo").ok().and_then(|text| {
        let line = text.lines().find(|line| line.starts_with("model name"))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    });
    Machine {
        cpu: cpu.unwrap_or_else(|| std::env::consts::ARCH.to_owned()),
        cores: superposition_lab::available_threads().get(),
    }
}
