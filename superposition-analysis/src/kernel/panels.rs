//! Memory for the panels of many directions, which the threads that fill it touch first.

use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{PanelLine, ThreadPool};
use crate::parallel::for_each_with;

/// Panels of so many lines, one for each of `items`, one after the other: `fill(memory, lines, item)` finds zeros, each thread has memory of its own.
///
/// Zeros for all of them beforehand would take half as long as the digits.
pub(crate) fn fill_panels<M: Send, I: Send>(
    pool: &ThreadPool,
    depth: usize,
    items: impl ExactSizeIterator<Item = I> + Send,
    new_memory: impl Fn() -> M + Sync,
    fill: impl Fn(&mut M, &mut [PanelLine], I) + Sync,
) -> Vec<PanelLine> {
    let n_lines = items.len() * depth;
    let mut lines = Vec::with_capacity(n_lines);
    let panels = lines.spare_capacity_mut()[..n_lines].chunks_mut(depth);
    let n_zeros = AtomicUsize::new(0);
    for_each_with(
        pool,
        panels.zip(items),
        new_memory,
        |memory, (panel, item)| {
            let panel = zeros(panel);
            n_zeros.fetch_add(panel.len(), Ordering::Relaxed);
            fill(memory, panel, item);
        },
    );
    assert_eq!(n_zeros.into_inner(), n_lines, "every panel once");
    // SAFETY: that many lines of disjoint panels, which are all there is, have been initialized.
    unsafe { lines.set_len(n_lines) };
    lines
}

fn zeros(lines: &mut [MaybeUninit<PanelLine>]) -> &mut [PanelLine] {
    for line in &mut *lines {
        line.write(PanelLine::default());
    }
    let lines: *mut [MaybeUninit<PanelLine>] = lines;
    // SAFETY: all of them are initialized, and borrowed for as long.
    unsafe { &mut *(lines as *mut [PanelLine]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panels_are_zeros_before_they_are_filled_and_in_order() {
        for (threads, n_panels) in [(1, 5), (3, 40), (2, 0)] {
            let pool = ThreadPool::new(threads);
            let lines = fill_panels(
                &pool,
                3,
                0..n_panels,
                || (),
                |(), lines, panel| {
                    assert_eq!(lines, [PanelLine::default(); 3]);
                    lines[1].0[2] = panel;
                },
            );
            assert_eq!(lines.len(), 3 * n_panels as usize);
            for (panel, lines) in (0..n_panels).zip(lines.chunks(3)) {
                assert_eq!(lines[1].0[2], panel);
            }
        }
    }

    #[test]
    #[should_panic(expected = "as a test")]
    fn a_panic_leaves_no_panel_behind() {
        let pool = ThreadPool::new(2);
        fill_panels(
            &pool,
            2,
            0..9,
            || (),
            |(), _, panel| {
                assert!(panel < 5, "as a test");
            },
        );
    }
}
