//! The same for each of many, on several threads.

use std::num::NonZeroUsize;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use crate::LabError;

/// `f` of each of `0..n` in order, of which a thread takes `block` at a time; the first error in the order of time.
pub(crate) fn map<T: Send>(
    n: usize,
    block: usize,
    threads: NonZeroUsize,
    f: impl Fn(usize) -> Result<T, LabError> + Sync,
) -> Result<Vec<T>, LabError> {
    let (next, failed) = (AtomicUsize::new(0), AtomicBool::new(false));
    let blocks: Mutex<Vec<(usize, Vec<T>)>> = Mutex::new(Vec::new());
    let error = Mutex::new(None);
    let work = || {
        while !failed.load(Ordering::Relaxed) {
            let start = next.fetch_add(block, Ordering::Relaxed);
            if start >= n {
                break;
            }
            let end = n.min(start + block);
            match (start..end).map(&f).collect() {
                Ok(block) => blocks
                    .lock()
                    .expect("no other thread panics")
                    .push((start, block)),
                Err(e) => {
                    failed.store(true, Ordering::Relaxed);
                    let mut error = error.lock().expect("no other thread panics");
                    error.get_or_insert(e);
                }
            }
        }
    };
    thread::scope(|scope| {
        // The calling thread works too.
        for _ in 1..threads.get().min(n.div_ceil(block)) {
            scope.spawn(work);
        }
        work();
    });
    if let Some(error) = error.into_inner().expect("no thread panicked") {
        return Err(error);
    }
    let mut blocks = blocks.into_inner().expect("no thread panicked");
    blocks.sort_by_key(|(start, _)| *start);
    Ok(blocks.into_iter().flat_map(|(_, block)| block).collect())
}
