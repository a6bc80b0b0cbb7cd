//! Progress on stderr: a bar in a terminal, a line every tenth elsewhere, nothing when quiet.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use superposition_lab::viz::{Charset, sparkline};

use crate::output::{is_dumb, locale_charset, note};

/// Whether progress is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verbosity {
    Quiet,
    Normal,
}

/// Between two drawings of a bar.
const REDRAW_MILLISECONDS: u64 = 100;

/// In a window of fewer columns there is no bar.
const NARROW: u16 = 76;
/// Columns of the sparkline.
const SPARKS: usize = 16;

/// How progress is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shown {
    Nothing,
    Bar,
    /// Because stderr is not a terminal, or one that cannot move its cursor.
    Lines,
}

/// Progress through a known number of steps.
pub(crate) struct Progress {
    bar: ProgressBar,
    shown: Shown,
    /// Steps that were made before.
    first: usize,
    n_steps: usize,
    /// When the bar is drawn next, in milliseconds from the start.
    next_drawing: AtomicU64,
    /// Tenths of the steps that lines were written for.
    tenths: AtomicUsize,
    started: Instant,
    verbosity: Verbosity,
    charset: Charset,
    /// The losses of the drawings so far: all of a training in a line, as long as there is room.
    losses: Mutex<Vec<f64>>,
}

impl Progress {
    pub(crate) fn new(first: usize, n_steps: usize, verbosity: Verbosity) -> Self {
        let shown = match verbosity {
            Verbosity::Quiet => Shown::Nothing,
            Verbosity::Normal if console::Term::stderr().is_term() && !is_dumb() => Shown::Bar,
            Verbosity::Normal => Shown::Lines,
        };
        let charset = locale_charset();
        let bar = if shown == Shown::Bar {
            let bar =
                ProgressBar::with_draw_target(Some(n_steps as u64), ProgressDrawTarget::stderr())
                    .with_style(style(charset))
                    .with_position(first as u64);
            // Steps that were made before say nothing about the speed.
            bar.reset_eta();
            bar
        } else {
            ProgressBar::hidden()
        };
        Self {
            bar,
            shown,
            first,
            n_steps,
            next_drawing: AtomicU64::new(0),
            tenths: AtomicUsize::new(first / tenth(n_steps)),
            started: Instant::now(),
            verbosity,
            charset,
            losses: Mutex::default(),
        }
    }

    /// Shows a step; cheap enough to be called at every one of a training.
    pub(crate) fn show(&self, step: usize, message: impl Fn() -> String) {
        match self.shown {
            Shown::Nothing => {}
            Shown::Bar => self.draw(step, message),
            Shown::Lines => {
                // Steps may come several at a time.
                let tenths = step / tenth(self.n_steps);
                if self.tenths.fetch_max(tenths, Ordering::Relaxed) < tenths || step == self.n_steps
                {
                    self.write_line(step, &message());
                }
            }
        }
    }

    /// Shows a step of a training, with the losses so far.
    pub(crate) fn show_loss(&self, step: usize, loss: f64) {
        self.show(step, || {
            let mut losses = self
                .losses
                .lock()
                .unwrap_or_else(|poisoned| poisoned.into_inner());
            losses.push(loss);
            if self.shown == Shown::Lines {
                return format!("training  loss {loss:.6}");
            }
            let line = sparkline(&thinned(&losses), SPARKS, self.charset);
            format!("loss {loss:.6} {line:<SPARKS$}")
        });
    }

    fn draw(&self, step: usize, message: impl Fn() -> String) {
        let now = self.started.elapsed().as_millis() as u64;
        if now < self.next_drawing.load(Ordering::Relaxed) && step != self.n_steps {
            return;
        }
        self.next_drawing
            .store(now + REDRAW_MILLISECONDS, Ordering::Relaxed);
        self.bar.set_message(message());
        self.bar.set_position(step as u64);
    }

    fn write_line(&self, step: usize, message: &str) {
        let elapsed = self.started.elapsed().as_secs_f64();
        let made = step.saturating_sub(self.first).max(1);
        let left = elapsed * self.n_steps.saturating_sub(step) as f64 / made as f64;
        note(&format!(
            "{message}  {step}/{}  {elapsed:.1} s elapsed, {left:.1} s left",
            self.n_steps
        ));
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

/// Between two lines about one stage.
const LINE_SECONDS: f64 = 1.0;
/// Steps of the bar of a stage.
const STAGE_STEPS: u64 = 1000;

/// Progress through stages that say what share of them is done.
pub(crate) struct Stages {
    verbosity: Verbosity,
    current: Option<Stage>,
}

struct Stage {
    name: &'static str,
    progress: Progress,
    /// Tenths of it that were told of.
    tenths: u64,
    last_line: f64,
}

impl Stages {
    pub(crate) fn new(verbosity: Verbosity) -> Self {
        Self {
            verbosity,
            current: None,
        }
    }

    /// Shows a share from 0 to 1; cheap enough to be called at every piece of work.
    pub(crate) fn show(&mut self, name: &'static str, fraction: f64) {
        let is_new = self.current.as_ref().is_none_or(|stage| stage.name != name);
        if is_new {
            self.finish();
            let progress = Progress::new(0, STAGE_STEPS as usize, self.verbosity);
            if progress.shown == Shown::Lines {
                note(&format!("{name} ..."));
            }
            self.current = Some(Stage {
                name,
                progress,
                tenths: 0,
                last_line: 0.0,
            });
        }
        let Some(stage) = &mut self.current else {
            return;
        };
        let step = (fraction * STAGE_STEPS as f64) as usize;
        match stage.progress.shown {
            Shown::Nothing => {}
            Shown::Bar => stage.progress.draw(step, || name.to_owned()),
            Shown::Lines => {
                let now = stage.progress.started.elapsed().as_secs_f64();
                let tenths = (fraction * 10.0) as u64;
                if tenths > stage.tenths && now - stage.last_line > LINE_SECONDS {
                    (stage.tenths, stage.last_line) = (tenths, now);
                    let left = now / fraction - now;
                    let percent = 100.0 * fraction;
                    note(&format!(
                        "{name}  {percent:.0} %  {now:.1} s elapsed, {left:.1} s left"
                    ));
                }
            }
        }
    }

    /// Takes the bar away.
    pub(crate) fn finish(&mut self) {
        if let Some(stage) = self.current.take() {
            stage.progress.finish();
        }
    }
}

/// A line no wider than the window: what is shown, a bar that takes the room that is left, steps per second, time left.
fn style(charset: Charset) -> ProgressStyle {
    let (_rows, columns) = console::Term::stderr().size();
    let style = ProgressStyle::with_template(match columns < NARROW {
        true => "{spinner} {wide_msg}  {eta} left",
        false => "{spinner} {msg}  [{wide_bar}] {pos}/{len}  {rate}  {eta} left",
    });
    let style = style
        .expect("the template is valid")
        .progress_chars("=> ")
        .with_key(
            "rate",
            |state: &ProgressState, f: &mut dyn std::fmt::Write| {
                let _ = match state.per_sec() {
                    rate if rate >= 100.0 => write!(f, "{rate:.0}/s"),
                    rate => write!(f, "{rate:.1}/s"),
                };
            },
        );
    match charset {
        Charset::Unicode => style,
        Charset::Ascii => style.tick_chars("|/-\\ "),
    }
}

/// At most [`SPARKS`] of some values, evenly apart, with the last.
fn thinned(values: &[f64]) -> Vec<f64> {
    let n = values.len();
    if n <= SPARKS {
        return values.to_vec();
    }
    (1..=SPARKS).map(|k| values[k * n / SPARKS - 1]).collect()
}

/// Steps from one line to the next.
fn tenth(n_steps: usize) -> usize {
    (n_steps / 10).max(1)
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
