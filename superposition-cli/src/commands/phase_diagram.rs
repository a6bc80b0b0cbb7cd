//! `superposition phase-diagram`.

use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use superposition_lab::io::{Overwrite, prepare_directory, write_atomic};
use superposition_lab::model::Dimensions;
use superposition_lab::report::phase_diagram_report;
use superposition_lab::{LabError, PhaseDiagramOptions, PhaseProgress, PhaseStage, phase_diagram};

use crate::exact_args::PhaseDiagramArgs;
use crate::failure::Failure;
use crate::interrupt;
use crate::output::{file_style, note, overwrite, print, print_json, terminal_style, to_json};
use crate::progress::{Progress, Verbosity};
use crate::recipe_args::set;

const DOCUMENT: &str = "phase-diagram.json";
const CELLS: &str = "cells.csv";
const FIGURE: &str = "phase-diagram.svg";
const REPORT: &str = "report.txt";

pub(crate) fn run(args: &PhaseDiagramArgs) -> Result<(), Failure> {
    let options = options(args);
    options.validate()?;
    if let Some(out) = &args.out {
        prepare_directory(out, overwrite(args.force))?;
    }
    interrupt::listen()?;
    let verbosity = args.common.verbosity();
    let stages = [Stage::new(verbosity), Stage::new(verbosity)];
    let document = phase_diagram(&options, args.threads.get(), &|at| {
        match at.stage {
            PhaseStage::Training => stages[0].show(at, "training"),
            _ => stages[1].show(at, "descending to the optimum"),
        }
        interrupt::control_flow()
    });
    stages.iter().for_each(Stage::finish);
    let document = document.map_err(|error| match error {
        LabError::Cancelled => Failure::Interrupted("nothing was printed or written".to_owned()),
        error => error.into(),
    })?;
    if verbosity == Verbosity::Normal {
        let n_models = options.grid * options.grid * options.n_seeds;
        let [training, optimum] = [0, 1].map(|k| stages[k].seconds());
        note(&format!(
            "{n_models} models trained in {training:.3} s; the exact optimum of all cells in {optimum:.3} s"
        ));
    }
    let json = match args.common.json || args.out.is_some() {
        true => to_json(&document)?,
        false => String::new(),
    };
    if let Some(out) = &args.out {
        write(out, DOCUMENT, &format!("{json}\n"))?;
        write(out, CELLS, &document.to_csv())?;
        write(out, FIGURE, &document.to_svg())?;
        write(out, REPORT, &phase_diagram_report(&document, &file_style()))?;
    }
    if args.common.json {
        return print_json(&json);
    }
    print(&phase_diagram_report(&document, &terminal_style()))?;
    match &args.out {
        Some(out) => print(&format!(
            "\nDocument (JSON), cells (CSV), figure (SVG) and this report are in {}.\n",
            out.display()
        )),
        None => Ok(()),
    }
}

fn options(args: &PhaseDiagramArgs) -> PhaseDiagramOptions {
    let mut options = PhaseDiagramOptions::new(Dimensions {
        n_features: args.n_features,
        n_hidden: args.n_hidden,
    });
    set(&mut options.grid, args.grid);
    set(&mut options.n_seeds, args.seeds);
    set(&mut options.train.seed, args.seed);
    set(&mut options.relative_importance[0], args.r_min);
    set(&mut options.relative_importance[1], args.r_max);
    set(&mut options.feature_probability[0], args.p_min);
    set(&mut options.feature_probability[1], args.p_max);
    options
}

fn write(out: &Path, name: &str, text: &str) -> Result<(), Failure> {
    Ok(write_atomic(
        out.join(name),
        text.as_bytes(),
        Overwrite::Replace,
    )?)
}

/// One part of the work: its progress, and how long it took.
struct Stage {
    verbosity: Verbosity,
    begun: OnceLock<(Progress, Instant)>,
    ended: OnceLock<Instant>,
    furthest: AtomicUsize,
}

impl Stage {
    fn new(verbosity: Verbosity) -> Self {
        Self {
            verbosity,
            begun: OnceLock::new(),
            ended: OnceLock::new(),
            furthest: AtomicUsize::new(0),
        }
    }

    fn show(&self, at: &PhaseProgress, what: &'static str) {
        let (progress, _) = self
            .begun
            .get_or_init(|| (Progress::new(0, at.n_cells, self.verbosity), Instant::now()));
        // Threads report in any order; each step is shown once.
        if at.n_finished > self.furthest.fetch_max(at.n_finished, Ordering::Relaxed) {
            progress.show(at.n_finished, || what.to_owned());
        }
        if at.n_finished == at.n_cells {
            self.ended.get_or_init(Instant::now);
        }
    }

    fn finish(&self) {
        if let Some((progress, _)) = self.begun.get() {
            progress.finish();
        }
    }

    /// 0 for what was not done.
    fn seconds(&self) -> f64 {
        match (self.begun.get(), self.ended.get()) {
            (Some((_, begun)), Some(ended)) => (*ended - *begun).as_secs_f64(),
            _ => 0.0,
        }
    }
}
