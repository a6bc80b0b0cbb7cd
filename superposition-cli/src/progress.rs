//! Progress on stderr: a bar in a terminal, a line every tenth elsewhere, nothing when quiet.

use std::time::{Duration, Instant};

use crate::output::note;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Whether progress is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verbosity {
    Quiet,
    Normal,
}

/// Progress through a known number of steps.
pub(crate) struct Progress {
    bar: ProgressBar,
    /// Lines instead of a bar, because stderr is not a terminal.
    lines: bool,
    n_steps: usize,
    started: Instant,
    verbosity: Verbosity,
}

impl Progress {
    pub(crate) fn new(n_steps: usize, verbosity: Verbosity) -> Self {
        let visible = verbosity == Verbosity::Normal;
        let terminal = console::Term::stderr().is_term();
        let bar = if visible && terminal {
            let style = ProgressStyle::with_template(
                "{spinner} {msg}  [{bar:32}] {pos}/{len}  {elapsed} elapsed, {eta} left",
            )
            .expect("the template is valid")
            .progress_chars("=> ");
            ProgressBar::with_draw_target(Some(n_steps as u64), ProgressDrawTarget::stderr())
                .with_style(style)
        } else {
            ProgressBar::hidden()
        };
        Self {
            bar,
            lines: visible && !terminal,
            n_steps,
            started: Instant::now(),
            verbosity,
        }
    }

    /// Shows a step; cheap enough to be called at every one of a training.
    pub(crate) fn show(&self, step: usize, message: impl Fn() -> String) {
        // Redrawing is limited in time by the bar, but a message costs: a few hundred in all.
        let every = (self.n_steps / 500).max(1);
        if !self.bar.is_hidden() && (step.is_multiple_of(every) || step == self.n_steps) {
            self.bar.set_message(message());
            self.bar.set_position(step as u64);
        }
        let tenth = (self.n_steps / 10).max(1);
        if self.lines && (step.is_multiple_of(tenth) || step == self.n_steps) {
            let elapsed = self.started.elapsed().as_secs_f64();
            let left = elapsed * self.n_steps.saturating_sub(step) as f64 / step.max(1) as f64;
            note(&format!(
                "{}  {step}/{}  {elapsed:.1} s elapsed, {left:.1} s left",
                message(),
                self.n_steps
            ));
        }
    }

    /// Says what is done after the counted steps.
    pub(crate) fn say(&self, what: &'static str) {
        if self.verbosity == Verbosity::Normal {
            note(what);
        }
    }

    /// Takes the bar away.
    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

/// Does something whose length is not known, behind a clock where stderr is a terminal.
pub(crate) fn waiting<T>(what: &'static str, verbosity: Verbosity, work: impl FnOnce() -> T) -> T {
    let clock = match verbosity {
        Verbosity::Quiet => ProgressBar::hidden(),
        Verbosity::Normal => ProgressBar::new_spinner(),
    };
    let style = ProgressStyle::with_template("{spinner} {msg}  {elapsed}");
    clock.set_style(style.expect("the template is valid"));
    clock.set_message(what);
    clock.enable_steady_tick(Duration::from_millis(200));
    let result = work();
    clock.finish_and_clear();
    result
}
