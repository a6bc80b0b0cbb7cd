//! Threads that stay: starting some for each stage of an analysis takes longer than a small stage does.
//!
//! They are here for one line of unsafe code, which gives them work that borrows from its caller.

use std::any::Any;
use std::cell::OnceCell;
use std::fmt;
use std::hint::spin_loop;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};

/// Rounds of looking for a change at once, some 10 to 50 microseconds, and then of letting others have the processor, a quarter of a millisecond: more than stages and reports are apart. Then a thread goes to sleep.
const ROUNDS: [usize; 2] = [1000, 1000];

/// Threads for one analysis after the other, of which the caller's is one: the others start with the first work, and end when this is dropped.
///
/// Between two pieces of work they stay awake for some quarter of a millisecond. What they find does not depend on how many there are.
///
/// [`analyze_in`](crate::analyze_in) takes one; all else that has `threads` makes its own.
pub struct ThreadPool {
    n_threads: usize,
    others: OnceCell<Others>,
}

struct Others {
    board: Arc<Board>,
    handles: Vec<JoinHandle<()>>,
}

/// What the threads tell each other.
struct Board {
    notice: Mutex<Notice>,
    changed: Condvar,
    /// How often there was something new to see, for those who look without the lock.
    changes: AtomicUsize,
}

/// Work, as the threads see it.
type Job = &'static (dyn Fn() + Sync);

#[derive(Default)]
struct Notice {
    /// To be done once by each thread that comes before it is taken away.
    job: Option<Job>,
    /// Of the present job, or of the last one.
    number: usize,
    /// How many threads are at it.
    n_busy: usize,
    panic: Option<Box<dyn Any + Send>>,
    is_over: bool,
}

impl Board {
    fn lock(&self) -> MutexGuard<'_, Notice> {
        self.notice.lock().expect("nobody panics with the lock")
    }

    /// Lets the others see what was changed.
    fn tell(&self, notice: MutexGuard<'_, Notice>) {
        self.changes.fetch_add(1, Ordering::Release);
        drop(notice);
        self.changed.notify_all();
    }

    /// Waits until something of the notice is so: awake for a while, then asleep.
    fn wait_until(&self, is_so: impl Fn(&Notice) -> bool) -> MutexGuard<'_, Notice> {
        let mut seen = self.changes.load(Ordering::Acquire);
        let mut notice = self.lock();
        let mut rounds = 0;
        while !is_so(&notice) && rounds < ROUNDS[0] + ROUNDS[1] {
            drop(notice);
            while self.changes.load(Ordering::Acquire) == seen && rounds < ROUNDS[0] + ROUNDS[1] {
                rounds += 1;
                if rounds < ROUNDS[0] {
                    spin_loop();
                } else {
                    thread::yield_now();
                }
            }
            seen = self.changes.load(Ordering::Acquire);
            notice = self.lock();
        }
        let waiting = self.changed.wait_while(notice, |notice| !is_so(notice));
        waiting.expect("nobody panics with the lock")
    }

    /// What a thread does until all is over.
    fn serve(&self) {
        let mut done = 0;
        loop {
            let mut notice = self.wait_until(|notice| {
                notice.is_over || (notice.job.is_some() && notice.number != done)
            });
            let Some(job) = notice.job else {
                return;
            };
            done = notice.number;
            notice.n_busy += 1;
            drop(notice);
            let outcome = catch_unwind(AssertUnwindSafe(job));
            let mut notice = self.lock();
            notice.n_busy -= 1;
            notice.panic = notice.panic.take().or(outcome.err());
            self.tell(notice);
        }
    }
}

impl fmt::Debug for ThreadPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ThreadPool")
            .field("n_threads", &self.n_threads)
            .finish_non_exhaustive()
    }
}

impl ThreadPool {
    /// So many threads, the caller's among them.
    ///
    /// # Panics
    /// If there are to be none.
    #[must_use]
    #[track_caller]
    pub fn new(n_threads: usize) -> Self {
        assert!(n_threads > 0, "at least one thread, not 0");
        Self {
            n_threads,
            others: OnceCell::new(),
        }
    }

    pub(crate) fn n_threads(&self) -> usize {
        self.n_threads
    }

    /// Does `own` on this thread, and lets each of the others that has the time before it is done do `job`.
    ///
    /// # Panics
    /// If one of them does.
    pub(crate) fn run<R>(&self, job: &(dyn Fn() + Sync), own: impl FnOnce() -> R) -> R {
        if self.n_threads == 1 {
            return own();
        }
        let Others { board, .. } = self
            .others
            .get_or_init(|| Others::start(self.n_threads - 1));
        // SAFETY: the others have it from the notice only, and count themselves busy while they do it. It is taken away, and nobody is busy any more, before this function ends in whatever way: `Recall` is dropped.
        let job = unsafe { std::mem::transmute::<&(dyn Fn() + Sync), Job>(job) };
        let mut notice = board.lock();
        notice.job = Some(job);
        notice.number += 1;
        notice.panic = None;
        board.tell(notice);
        let recall = Recall(board);
        let own = own();
        drop(recall);
        // Not with the lock.
        let panic = board.lock().panic.take();
        match panic {
            Some(panic) => resume_unwind(panic),
            None => own,
        }
    }
}

/// Takes the job away when it is dropped, and waits for those who are at it.
struct Recall<'a>(&'a Board);

impl Drop for Recall<'_> {
    fn drop(&mut self) {
        self.0.lock().job = None;
        drop(self.0.wait_until(|notice| notice.n_busy == 0));
    }
}

impl Others {
    fn start(count: usize) -> Self {
        let board = Arc::new(Board {
            notice: Mutex::default(),
            changed: Condvar::new(),
            changes: AtomicUsize::new(0),
        });
        let start = |_| {
            let board = Arc::clone(&board);
            thread::spawn(move || board.serve())
        };
        let handles = (0..count).map(start).collect();
        Self { board, handles }
    }
}

impl Drop for Others {
    fn drop(&mut self) {
        let mut notice = self.board.lock();
        notice.is_over = true;
        self.board.tell(notice);
        for handle in self.handles.drain(..) {
            // A panic of a job has been passed on by `run`.
            let _ = handle.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicBool;
    use std::time::Duration;

    /// Every thread does each job once at the most, and nobody is at it when `run` ends.
    #[test]
    fn jobs_borrow_from_their_caller() {
        for n_threads in [1, 2, 5] {
            let pool = ThreadPool::new(n_threads);
            for round in 0..300 {
                let (count, is_done) = (AtomicUsize::new(0), AtomicBool::new(false));
                let job = || {
                    count.fetch_add(1, Ordering::Relaxed);
                    assert!(!is_done.load(Ordering::Relaxed));
                };
                let own = pool.run(&job, || {
                    if round % 100 == 0 {
                        // They fall asleep, or have time to wake.
                        thread::sleep(Duration::from_millis(2));
                    }
                    round
                });
                is_done.store(true, Ordering::Relaxed);
                assert_eq!(own, round);
                assert!(count.into_inner() < n_threads);
            }
        }
    }

    /// Work that can only be done together is.
    #[test]
    fn all_threads_take_part() {
        let pool = ThreadPool::new(4);
        for _ in 0..3 {
            let here = AtomicUsize::new(0);
            let meet = || {
                here.fetch_add(1, Ordering::AcqRel);
                while here.load(Ordering::Acquire) < 4 {
                    thread::yield_now();
                }
            };
            pool.run(&meet, meet);
            assert_eq!(here.into_inner(), 4);
        }
    }

    #[test]
    fn a_panic_reaches_the_caller_and_the_pool_goes_on() {
        let pool = ThreadPool::new(3);
        let others_panic = || {
            let is_there = AtomicBool::new(false);
            let job = || {
                is_there.store(true, Ordering::Release);
                panic!("as a test");
            };
            pool.run(&job, || {
                while !is_there.load(Ordering::Acquire) {
                    thread::yield_now();
                }
            });
        };
        let own_panics = || pool.run(&|| (), || panic!("as a test"));
        assert!(catch_unwind(AssertUnwindSafe(others_panic)).is_err());
        assert!(catch_unwind(AssertUnwindSafe(own_panics)).is_err());
        assert_eq!(pool.run(&|| (), || 7), 7);
    }
}
