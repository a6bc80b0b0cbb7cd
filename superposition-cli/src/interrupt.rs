//! Ctrl-C: during a training the first one asks it to stop and save, the second one ends the
//! process. Where everything that can be saved has been, the first one ends it.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};

use anyhow::Context as _;

use crate::failure::{INTERRUPTED, RESUMABLE};
use crate::output::note;

static ASKED: AtomicBool = AtomicBool::new(false);
/// The exit code, once everything is saved; before, 0.
static ALL_IS_SAVED: AtomicI32 = AtomicI32::new(0);

/// What can be done after an interruption where everything has been saved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Afterwards {
    /// The same command with --resume does the rest.
    Resume,
    /// There is the trained model.
    Nothing,
}

/// Starts listening to Ctrl-C and to a request to terminate.
pub(crate) fn listen() -> anyhow::Result<()> {
    ctrlc::set_handler(|| {
        let second = ASKED.swap(true, Ordering::SeqCst);
        exit_if_saved();
        if second {
            std::process::exit(INTERRUPTED.into());
        }
    })
    .context("cannot listen to Ctrl-C")
}

/// Whether to go on.
pub(crate) fn control_flow() -> ControlFlow<()> {
    // A step later is soon enough, so no order is asked for.
    if ASKED.load(Ordering::Relaxed) {
        ControlFlow::Break(())
    } else {
        ControlFlow::Continue(())
    }
}

/// From here on there is nothing left to save; ends the process if that is what it was waiting for.
pub(crate) fn all_is_saved(afterwards: Afterwards) {
    let code = match afterwards {
        Afterwards::Resume => RESUMABLE,
        Afterwards::Nothing => INTERRUPTED,
    };
    ALL_IS_SAVED.store(code.into(), Ordering::SeqCst);
    if ASKED.load(Ordering::SeqCst) {
        exit_if_saved();
    }
}

fn exit_if_saved() {
    let code = ALL_IS_SAVED.load(Ordering::SeqCst);
    if code != 0 {
        note("interrupted: what was trained has been saved");
        std::process::exit(code);
    }
}
