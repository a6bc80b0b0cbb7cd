//! Blocks of work over the threads of a pool, with results that do not depend on how many there are.

use std::convert::Infallible;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex};

use crate::kernel::ThreadPool;

/// Calls `work(state, block)` once for every block in `0..n_blocks`, each thread with a state of its own, and returns the states.
///
/// Which thread takes which block is not determined: what is done with the states must not depend on it.
pub(crate) fn fold_blocks<S: Send>(
    pool: &ThreadPool,
    n_blocks: usize,
    new_state: impl Fn() -> S + Sync,
    work: impl Fn(&mut S, usize) + Sync,
) -> Vec<S> {
    let go_on = |_, _| ControlFlow::<Infallible>::Continue(());
    match fold_blocks_observed(pool, n_blocks, new_state, work, |_| (), go_on) {
        ControlFlow::Continue(states) => states,
    }
}

/// As [`fold_blocks`], and each thread calls `finish(state)` when there are no more blocks; after each of its own blocks the calling thread tells `observe` how many of how many have been begun, and all threads stop after their present one where it breaks.
pub(crate) fn fold_blocks_observed<S: Send, B>(
    pool: &ThreadPool,
    n_blocks: usize,
    new_state: impl Fn() -> S + Sync,
    work: impl Fn(&mut S, usize) + Sync,
    finish: impl Fn(&mut S) + Sync,
    mut observe: impl FnMut(usize, usize) -> ControlFlow<B>,
) -> ControlFlow<B, Vec<S>> {
    let next = AtomicUsize::new(0);
    let one_block = |state: &mut S| {
        let block = next.fetch_add(1, Ordering::Relaxed);
        let is_block = block < n_blocks;
        if is_block {
            work(state, block);
        }
        is_block
    };
    let states = Mutex::new(Vec::new());
    let take_part = || {
        if next.load(Ordering::Relaxed) < n_blocks {
            let mut state = new_state();
            while one_block(&mut state) {}
            finish(&mut state);
            let mut states = states.lock().expect("keeping a state does not panic");
            states.push(state);
        }
    };
    let mut run_observed = || {
        let mut state = new_state();
        while one_block(&mut state) {
            let begun = next.load(Ordering::Relaxed).min(n_blocks);
            if let ControlFlow::Break(value) = observe(begun, n_blocks) {
                // No thread finds a block any more.
                next.fetch_max(n_blocks, Ordering::Relaxed);
                return ControlFlow::Break(value);
            }
        }
        finish(&mut state);
        ControlFlow::Continue(state)
    };
    let own = if n_blocks > 1 {
        pool.run(&take_part, run_observed)
    } else {
        run_observed()
    };
    let mut states = states.into_inner().expect("keeping a state does not panic");
    states.push(own?);
    ControlFlow::Continue(states)
}

/// The values `work(block)` for the blocks `0..n_blocks`, in order.
pub(crate) fn map_blocks<R: Send>(
    pool: &ThreadPool,
    n_blocks: usize,
    work: impl Fn(usize) -> R + Sync,
) -> Vec<R> {
    map_blocks_with(pool, n_blocks, || (), |(), block| work(block))
}

/// As [`map_blocks`], with memory of each thread's own, whose contents must not matter to the values.
pub(crate) fn map_blocks_with<M: Send, R: Send>(
    pool: &ThreadPool,
    n_blocks: usize,
    new_memory: impl Fn() -> M + Sync,
    work: impl Fn(&mut M, usize) -> R + Sync,
) -> Vec<R> {
    let new_state = || (new_memory(), Vec::new());
    let states = fold_blocks(pool, n_blocks, new_state, |(memory, results), block| {
        results.push((block, work(memory, block)));
    });
    let mut results: Vec<(usize, R)> = states.into_iter().flat_map(|state| state.1).collect();
    results.sort_by_key(|&(block, _)| block);
    results.into_iter().map(|(_, result)| result).collect()
}

/// Calls `work(memory, block)` for the blocks `0..n_blocks`, each thread with memory of its own, and then in the order of the blocks `take(block, memory)`.
///
/// A thread waits with what it made until those before it are taken.
pub(crate) fn fold_in_order<M: Send>(
    pool: &ThreadPool,
    n_blocks: usize,
    new_memory: impl Fn() -> M + Sync,
    work: impl Fn(&mut M, usize) + Sync,
    take: impl FnMut(usize, &M) + Send,
) {
    let (line, turn) = (Mutex::new((0, take)), Condvar::new());
    let next_of = || line.lock().expect("taking a value does not panic");
    fold_blocks(pool, n_blocks, new_memory, |memory, block| {
        work(memory, block);
        let waiting = turn.wait_while(next_of(), |(next, _)| *next < block);
        let mut line = waiting.expect("taking a value does not panic");
        (line.1)(block, memory);
        line.0 += 1;
        turn.notify_all();
    });
}

/// Calls `work(item)` once for every item.
pub(crate) fn for_each<I: Send>(
    pool: &ThreadPool,
    items: impl ExactSizeIterator<Item = I> + Send,
    work: impl Fn(I) + Sync,
) {
    for_each_with(pool, items, || (), |(), item| work(item));
}

/// As [`for_each`], with memory of each thread's own.
pub(crate) fn for_each_with<M: Send, I: Send>(
    pool: &ThreadPool,
    items: impl ExactSizeIterator<Item = I> + Send,
    new_memory: impl Fn() -> M + Sync,
    work: impl Fn(&mut M, I) + Sync,
) {
    let n_items = items.len();
    let items = Mutex::new(items);
    fold_blocks(pool, n_items, new_memory, |memory, _| {
        // Released before the work.
        let next = items.lock().expect("taking an item does not panic").next();
        if let Some(item) = next {
            work(memory, item);
        }
    });
}

/// The range of block `block` when `0..n` is cut into blocks of `size`.
pub(crate) fn block_range(block: usize, size: usize, n: usize) -> std::ops::Range<usize> {
    let start = block * size;
    start..n.min(start + size)
}
