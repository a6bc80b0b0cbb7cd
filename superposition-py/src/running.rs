//! Work while the interpreter is released: other Python threads go on, and Ctrl-C is heard.

use std::any::Any;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::thread;
use std::time::Duration;

use pyo3::exceptions::PyRuntimeError;
use pyo3::{PyErr, PyResult, Python};

use crate::failure::Failure;

/// How often the interpreter is asked for Ctrl-C.
const EVERY: Duration = Duration::from_millis(50);
/// As much as a main thread has.
const STACK: usize = 8 << 20;

/// Whether the work is to end.
pub(crate) struct Stop(AtomicBool);

impl Stop {
    /// What an observer answers.
    pub(crate) fn flow(&self) -> ControlFlow<()> {
        if self.0.load(Ordering::Relaxed) {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }
}

/// Does the work on a thread of its own while this one waits for Ctrl-C, which only the main thread of Python hears.
///
/// Work whose observer looks at [`Stop`] ends soon after; other work is done first. The exception is raised in either
/// case. A panic, which no argument should be able to cause, becomes a `RuntimeError`.
pub(crate) fn run<T: Send>(
    py: Python<'_>,
    work: impl FnOnce(&Stop) -> Result<T, Failure> + Send,
) -> PyResult<T> {
    py.detach(|| {
        let stop = Stop(AtomicBool::new(false));
        let (sender, receiver) = sync_channel::<()>(1);
        thread::scope(|scope| {
            let stop = &stop;
            let worker =
                thread::Builder::new()
                    .stack_size(STACK)
                    .spawn_scoped(scope, move || {
                        // Dropped at the end, however that comes.
                        let _sender = sender;
                        work(stop)
                    })?;
            let mut raised: Option<PyErr> = None;
            while receiver.recv_timeout(EVERY) == Err(RecvTimeoutError::Timeout) {
                if raised.is_none() {
                    raised = Python::attach(|py| py.check_signals()).err();
                    stop.0.store(raised.is_some(), Ordering::Relaxed);
                }
            }
            let outcome = worker.join();
            match (raised, outcome) {
                (Some(raised), _) => Err(raised),
                (None, Ok(result)) => Ok(result?),
                (None, Err(panic)) => Err(PyRuntimeError::new_err(format!(
                    "this is an error in superposition_explorer, please report it: {}",
                    message(panic.as_ref())
                ))),
            }
        })
    })
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("no message")
}
