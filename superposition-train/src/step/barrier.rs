//! Where the threads of one training wait for each other.

use std::hint::spin_loop;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

/// Rounds of waiting before the processor is offered to others: about two microseconds.
const SPINS: u32 = 200;

/// A barrier for a fixed number of workers: they spin, because a step takes microseconds.
#[derive(Debug)]
pub(crate) struct Barrier {
    n_workers: usize,
    arrived: AtomicUsize,
    round: AtomicUsize,
    broken: AtomicBool,
}

/// A worker has gone and will not come to the barrier any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Broken;

impl Barrier {
    pub(crate) fn new(n_workers: usize) -> Self {
        Self {
            n_workers,
            arrived: AtomicUsize::new(0),
            round: AtomicUsize::new(0),
            broken: AtomicBool::new(false),
        }
    }

    /// Waits until all workers are here. What each wrote before, all see afterwards.
    pub(crate) fn wait(&self) -> Result<(), Broken> {
        if self.n_workers == 1 {
            return Ok(());
        }
        let round = self.round.load(Ordering::Acquire);
        if self.arrived.fetch_add(1, Ordering::AcqRel) + 1 == self.n_workers {
            self.arrived.store(0, Ordering::Relaxed);
            self.round.store(round.wrapping_add(1), Ordering::Release);
        } else {
            let mut spins = 0;
            while self.round.load(Ordering::Acquire) == round {
                if self.broken.load(Ordering::Acquire) {
                    return Err(Broken);
                }
                if spins < SPINS {
                    spins += 1;
                    spin_loop();
                } else {
                    thread::yield_now();
                }
            }
        }
        Ok(())
    }

    /// Breaks the barrier if the worker that holds this ends by a panic, so that no other waits for it for ever.
    pub(crate) fn guard(&self) -> Guard<'_> {
        Guard(self)
    }
}

/// See [`Barrier::guard`].
pub(crate) struct Guard<'a>(&'a Barrier);

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.broken.store(true, Ordering::Release);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_see_what_all_wrote() {
        for n_workers in [1, 2, 3, 5] {
            let barrier = Barrier::new(n_workers);
            let count = AtomicUsize::new(0);
            thread::scope(|scope| {
                for _ in 0..n_workers {
                    scope.spawn(|| {
                        for round in 1..200 {
                            count.fetch_add(1, Ordering::Relaxed);
                            barrier.wait().unwrap();
                            assert_eq!(count.load(Ordering::Relaxed), round * n_workers);
                            barrier.wait().unwrap();
                        }
                    });
                }
            });
        }
    }

    #[test]
    fn a_panic_frees_the_others() {
        let barrier = Barrier::new(2);
        thread::scope(|scope| {
            let panics = scope.spawn(|| {
                let _guard = barrier.guard();
                panic!("as a test");
            });
            assert_eq!(barrier.wait(), Err(Broken));
            assert!(panics.join().is_err());
        });
    }
}
