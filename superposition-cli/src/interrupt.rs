//! Ctrl-C: during a training the first one asks it to stop and save, the second one ends the
//! process. Where everything that can be saved has been, the first one ends it.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context as _;

use crate::output::note;

static INTERRUPTED: AtomicBool = AtomicBool::new(false);
static ALL_IS_SAVED: AtomicBool = AtomicBool::new(false);

/// Starts listening to Ctrl-C and to a request to terminate.
pub(crate) fn listen() -> anyhow::Result<()> {
    ctrlc::set_handler(|| {
        let second = INTERRUPTED.swap(true, Ordering::SeqCst);
        if ALL_IS_SAVED.load(Ordering::SeqCst) {
            note("interrupted: what was trained has been saved");
            std::process::exit(130);
        }
        if second {
            std::process::exit(130);
        }
    })
    .context("cannot listen to Ctrl-C")
}

/// Whether to go on.
pub(crate) fn control_flow() -> ControlFlow<()> {
    if INTERRUPTED.load(Ordering::SeqCst) {
        ControlFlow::Break(())
    } else {
        ControlFlow::Continue(())
    }
}

/// From here on there is nothing left to save.
pub(crate) fn all_is_saved() {
    ALL_IS_SAVED.store(true, Ordering::SeqCst);
}
