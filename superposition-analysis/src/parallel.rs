//! Blocks of work over scoped threads, with results that do not depend on how many there are.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// Calls `work(state, block)` once for every block in `0..n_blocks`, each thread with a state of its own, and returns the states.
///
/// Which thread takes which block is not determined: what is done with the states must not depend on it.
pub(crate) fn fold_blocks<S: Send>(
    threads: usize,
    n_blocks: usize,
    new_state: impl Fn() -> S + Sync,
    work: impl Fn(&mut S, usize) + Sync,
) -> Vec<S> {
    let next = AtomicUsize::new(0);
    let run = || {
        let mut state = new_state();
        loop {
            let block = next.fetch_add(1, Ordering::Relaxed);
            if block >= n_blocks {
                return state;
            }
            work(&mut state, block);
        }
    };
    let threads = threads.min(n_blocks);
    if threads <= 1 {
        return vec![run()];
    }
    thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(run)).collect();
        let mut states = vec![run()];
        for other in others {
            match other.join() {
                Ok(state) => states.push(state),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        states
    })
}

/// The values `work(block)` for the blocks `0..n_blocks`, in order.
pub(crate) fn map_blocks<R: Send>(
    threads: usize,
    n_blocks: usize,
    work: impl Fn(usize) -> R + Sync,
) -> Vec<R> {
    let states = fold_blocks(threads, n_blocks, Vec::new, |results, block| {
        results.push((block, work(block)));
    });
    let mut results: Vec<(usize, R)> = states.into_iter().flatten().collect();
    results.sort_by_key(|&(block, _)| block);
    results.into_iter().map(|(_, result)| result).collect()
}

/// Calls `work(block, part)` once for every part of `slice`, all of `size` elements but the last.
pub(crate) fn for_parts<T: Send>(
    threads: usize,
    slice: &mut [T],
    size: usize,
    work: impl Fn(usize, &mut [T]) + Sync,
) {
    let n_parts = slice.len().div_ceil(size);
    let parts = Mutex::new(slice.chunks_mut(size).enumerate());
    fold_blocks(
        threads,
        n_parts,
        || (),
        |(), _| {
            // Released before the work.
            let next = parts.lock().expect("taking a part does not panic").next();
            if let Some((block, part)) = next {
                work(block, part);
            }
        },
    );
}

/// The range of block `block` when `0..n` is cut into blocks of `size`.
pub(crate) fn block_range(block: usize, size: usize, n: usize) -> std::ops::Range<usize> {
    let start = block * size;
    start..n.min(start + size)
}
