//! The inner loops of the pass over pairs: products of quantised directions, their extremes, and the dot product that decides.
//!
//! Directions are integers of 16 bits here, two components in one 32-bit word: an instruction multiplies both and adds the two products, which makes
//! twice as many multiplications as f32 on AVX2, without rounding. Sums are exact integers, so any order of adding them gives the same.
//!
//! Each function has one body of plain Rust, which is also compiled for AVX2, except the product, which has a body of intrinsics there.
//! This folder is the only place of the crate with unsafe code: calls into functions that are compiled for AVX2, made where the machine was found to have it, and the loads of vectors.
#![allow(unsafe_code, reason = "vector intrinsics and the dispatch to them")]
#![allow(
    clippy::needless_range_loop,
    reason = "the closures of iterators would not be compiled for the instructions"
)]

#[cfg(target_arch = "x86_64")]
mod avx2;
mod portable;

#[cfg(test)]
mod tests;

use crate::Real;

/// Directions of a panel of columns.
pub(crate) const PANEL: usize = 8;
/// Directions of a strip of rows.
pub(crate) const STRIP: usize = 6;
/// Directions along one side of a [`Tile`]: a multiple of two panels and of a strip.
pub(crate) const SIDE: usize = 192;

/// Two components of each direction of a panel: the first in the low, the second in the high 16 bits of each word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C, align(32))]
pub(crate) struct PanelLine(pub(crate) [i32; PANEL]);

/// Two components of each direction of a strip, as in a [`PanelLine`].
pub(crate) type StripLine = [i32; STRIP];

/// The products of [`SIDE`] directions with [`SIDE`] others: a row for each of the first.
pub(crate) type Tile = [[i32; SIDE]; SIDE];

/// A tile on the heap, without passing through the stack.
pub(crate) fn new_tile() -> Box<Tile> {
    vec![[0; SIDE]; SIDE]
        .into_boxed_slice()
        .try_into()
        .expect("as many rows as a tile has")
}

/// The largest and the smallest number of every row and of every column of a [`Tile`].
#[derive(Clone, Debug)]
pub(crate) struct Extremes {
    pub(crate) row_high: [i32; SIDE],
    pub(crate) row_low: [i32; SIDE],
    pub(crate) column_high: [i32; SIDE],
    pub(crate) column_low: [i32; SIDE],
}

impl Extremes {
    pub(crate) fn new() -> Self {
        Self {
            row_high: [0; SIDE],
            row_low: [0; SIDE],
            column_high: [0; SIDE],
            column_low: [0; SIDE],
        }
    }
}

/// The products of the directions of some strips with those of some panels, `depth` lines each, at most [`SIDE`] directions on either side.
/// The rest of the tile is left as it is, up to the next two panels of columns.
///
/// For every two panels, which stay in the first-level cache, all strips.
pub(crate) fn multiply(strips: &[StripLine], panels: &[PanelLine], depth: usize, tile: &mut Tile) {
    assert_fits(strips.len(), depth, SIDE / STRIP);
    assert_fits(panels.len(), depth, SIDE / PANEL);
    #[cfg(target_arch = "x86_64")]
    if has_avx2() {
        // SAFETY: the machine has AVX2.
        return unsafe { avx2::multiply(strips, panels, depth, tile) };
    }
    portable::multiply(strips, panels, depth, tile);
}

fn assert_fits(lines: usize, depth: usize, most: usize) {
    assert!(
        depth > 0 && lines.is_multiple_of(depth) && lines / depth <= most,
        "{lines} lines are not at most {most} groups of {depth}"
    );
}

/// Copies the directions of some panels into strips, zeros after the last: `strips` holds [`SIDE`] directions.
pub(crate) fn to_strips(panels: &[PanelLine], depth: usize, strips: &mut [StripLine]) {
    for (s, strip) in strips.chunks_exact_mut(depth).enumerate() {
        for r in 0..STRIP {
            let direction = s * STRIP + r;
            let lane = direction % PANEL;
            let start = direction / PANEL * depth;
            match panels.get(start..start + depth) {
                Some(panel) => {
                    for k in 0..depth {
                        strip[k][r] = panel[k].0[lane];
                    }
                }
                None => strip.iter_mut().for_each(|line| line[r] = 0),
            }
        }
    }
}

/// The extremes of the first `n_rows` rows and all columns of a tile.
pub(crate) fn find_extremes(tile: &Tile, n_rows: usize, extremes: &mut Extremes) {
    #[cfg(target_arch = "x86_64")]
    if has_avx2() {
        // SAFETY: the machine has AVX2.
        return unsafe { avx2::find_extremes(tile, n_rows, extremes) };
    }
    portable::find_extremes(tile, n_rows, extremes);
}

/// The dot product in one fixed order, in f64: eight interleaved partial sums, added as a tree.
///
/// The bits depend on the two slices only, and `dot(a, b) == dot(b, a)`: values that decide something (a tie, an edge) are computed with it.
pub(crate) fn dot<T: Real>(a: &[T], b: &[T]) -> f64 {
    assert_eq!(a.len(), b.len(), "dot product of unequal lengths");
    #[cfg(target_arch = "x86_64")]
    if has_avx2() {
        // SAFETY: the machine has AVX2.
        return unsafe { avx2::dot(a, b) };
    }
    portable::dot(a, b)
}

#[cfg(target_arch = "x86_64")]
fn has_avx2() -> bool {
    std::arch::is_x86_feature_detected!("avx2")
}
