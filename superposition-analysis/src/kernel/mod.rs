//! The inner loops of the pass over pairs: products of quantised directions, their extremes, and the dot product that decides.
//!
//! Directions are integers here, two components of 16 bits or four of 8 in a word of 32: an instruction multiplies all of a word and adds the products in pairs.
//! On AVX2 that makes twice as many multiplications as f32, or four times as many, without rounding; AVX-512 with VNNI has an instruction that does the second by itself. Sums are exact integers, so any order of adding them gives the same.
//!
//! Each function has one body of plain Rust, which is also compiled for AVX2, except the products and the search of a tile, which have bodies of intrinsics there, and for bytes on AVX-512.
//! This folder is the only place of the crate with unsafe code: calls into functions that are compiled for AVX2 or AVX-512, made where the machine was found to have it, and the loads of vectors.
#![allow(unsafe_code, reason = "vector intrinsics and the dispatch to them")]
#![allow(
    clippy::needless_range_loop,
    reason = "the closures of iterators would not be compiled for the instructions"
)]

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod portable;

#[cfg(test)]
mod tests;

use crate::Real;

/// Directions of a panel of columns.
pub(crate) const PANEL: usize = 8;
/// Directions of a strip of rows.
pub(crate) const STRIP: usize = 6;
/// Directions along one side of a [`Tile`]: a multiple of two panels and of a strip, which fits a byte.
pub(crate) const SIDE: usize = 192;

/// The largest byte: of four products of one up to it and one up to twice that, two fit a sum of 16 bits with sign.
pub(crate) const LARGEST_BYTE: i32 = 90;
/// Lines of bytes of which the products are added up in 16 bits: two sums, of half of the components each.
pub(crate) const BYTE_BLOCK: usize = 16;

/// Two or four components of each direction of a panel: the first in the lowest bits of each word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C, align(32))]
pub(crate) struct PanelLine(pub(crate) [i32; PANEL]);

/// Components of each direction of a strip, as in a [`PanelLine`]; bytes have [`LARGEST_BYTE`] added, so that they have no sign.
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

/// What a scaled number of a [`Tile`] has to reach to be a [`Hit`]: the bound of its row or that of its column.
#[derive(Clone, Debug)]
pub(crate) struct Bounds {
    pub(crate) row_high: [f32; SIDE],
    pub(crate) row_low: [f32; SIDE],
    pub(crate) column_high: [f32; SIDE],
    pub(crate) column_low: [f32; SIDE],
}

impl Bounds {
    /// Those that no number reaches.
    pub(crate) fn new() -> Self {
        Self {
            row_high: [f32::INFINITY; SIDE],
            row_low: [f32::NEG_INFINITY; SIDE],
            column_high: [f32::INFINITY; SIDE],
            column_low: [f32::NEG_INFINITY; SIDE],
        }
    }
}

/// A scaled number of a [`Tile`], and where it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Hit {
    row: u8,
    column: u8,
    pub(crate) value: f32,
}

impl Hit {
    pub(crate) fn new(row: usize, column: usize, value: f32) -> Self {
        let (row, column) = (row as u8, column as u8);
        Self { row, column, value }
    }

    pub(crate) fn row(&self) -> usize {
        usize::from(self.row)
    }

    pub(crate) fn column(&self) -> usize {
        usize::from(self.column)
    }
}

/// The products of the directions of some strips with those of some panels, `depth` lines of words each, at most [`SIDE`] directions on either side.
/// The rest of the tile is left as it is, up to the next eight panels of columns.
///
/// For every two panels, which stay in the first-level cache, all strips.
pub(crate) fn multiply_words(
    strips: &[StripLine],
    panels: &[PanelLine],
    depth: usize,
    tile: &mut Tile,
) {
    assert_fits(strips.len(), depth, SIDE / STRIP);
    assert_fits(panels.len(), depth, SIDE / PANEL);
    #[cfg(target_arch = "x86_64")]
    if has_avx2() {
        // SAFETY: the machine has AVX2.
        return unsafe { avx2::multiply_words(strips, panels, depth, tile) };
    }
    portable::multiply_words(strips, panels, depth, tile);
}

/// As [`multiply_words`], of lines of bytes.
///
/// Products of [`BYTE_BLOCK`] lines are added up modulo 2^16. A row without sign, `a + L`, gives `$\sum_k (a_k + L) b_k$`, and so that `$\sum_k a_k b_k$` remains, the sums begin with `$-L \sum_k b_k$`, from `starts`: a line for every block of a panel, in the low 16 bits of each word for the first and second component of each four, in the high ones for the third and fourth.
/// What remains has to fit 16 bits with sign: that is up to the caller.
pub(crate) fn multiply_bytes(
    strips: &[StripLine],
    panels: &[PanelLine],
    starts: &[PanelLine],
    depth: usize,
    tile: &mut Tile,
) {
    assert_fits(strips.len(), depth, SIDE / STRIP);
    assert_fits(panels.len(), depth, SIDE / PANEL);
    assert_eq!(
        starts.len(),
        panels.len() / depth * depth.div_ceil(BYTE_BLOCK)
    );
    #[cfg(target_arch = "x86_64")]
    if has_avx512_vnni() {
        // SAFETY: the machine has AVX-512 and its instructions for products of bytes.
        return unsafe { avx512::multiply_bytes(strips, panels, depth, tile) };
    }
    #[cfg(target_arch = "x86_64")]
    if has_avx2() {
        // SAFETY: the machine has AVX2.
        return unsafe { avx2::multiply_bytes(strips, panels, starts, depth, tile) };
    }
    portable::multiply_bytes(strips, panels, depth, tile);
}

fn assert_fits(lines: usize, depth: usize, most: usize) {
    assert!(
        depth > 0 && lines.is_multiple_of(depth) && lines / depth <= most,
        "{lines} lines are not at most {most} groups of {depth}"
    );
}

/// Copies the directions of some panels of words into strips, zeros after the last: `strips` holds [`SIDE`] directions.
pub(crate) fn words_to_strips(panels: &[PanelLine], depth: usize, strips: &mut [StripLine]) {
    to_strips(panels, depth, strips, |word| word);
}

/// As [`words_to_strips`], of panels of bytes.
pub(crate) fn bytes_to_strips(panels: &[PanelLine], depth: usize, strips: &mut [StripLine]) {
    to_strips(panels, depth, strips, |word| {
        let bytes = word.to_le_bytes();
        i32::from_le_bytes(bytes.map(|byte| byte.wrapping_add(LARGEST_BYTE as u8)))
    });
}

fn to_strips(
    panels: &[PanelLine],
    depth: usize,
    strips: &mut [StripLine],
    row_of: impl Fn(i32) -> i32,
) {
    for (s, strip) in strips.chunks_exact_mut(depth).enumerate() {
        for r in 0..STRIP {
            let direction = s * STRIP + r;
            let lane = direction % PANEL;
            let start = direction / PANEL * depth;
            match panels.get(start..start + depth) {
                Some(panel) => {
                    for k in 0..depth {
                        strip[k][r] = row_of(panel[k].0[lane]);
                    }
                }
                None => strip.iter_mut().for_each(|line| line[r] = row_of(0)),
            }
        }
    }
}

/// Appends, row by row, the numbers of a tile that reach a bound when they are multiplied by the scales of their row and their column; a scale of NaN has no hits, and rows without a scale are left out.
pub(crate) fn find_hits(
    tile: &Tile,
    row_scales: &[f32],
    column_scales: &[f32; SIDE],
    bounds: &Bounds,
    hits: &mut Vec<Hit>,
) {
    #[cfg(target_arch = "x86_64")]
    if has_avx512_vnni() {
        // SAFETY: the machine has AVX-512.
        return unsafe { avx512::find_hits(tile, row_scales, column_scales, bounds, hits) };
    }
    #[cfg(target_arch = "x86_64")]
    if has_avx2() {
        // SAFETY: the machine has AVX2.
        return unsafe { avx2::find_hits(tile, row_scales, column_scales, bounds, hits) };
    }
    portable::find_hits(tile, row_scales, column_scales, bounds, hits);
}

/// What limits the scale at which a direction can be rounded to bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ByteLimits {
    /// The size of its largest component.
    pub(crate) component: f64,
    /// The largest norm of the components that go into one sum of 16 bits.
    pub(crate) part: f64,
}

/// Of a column; components that are not finite give anything.
pub(crate) fn byte_limits<T: Real>(column: &[T]) -> ByteLimits {
    #[cfg(target_arch = "x86_64")]
    if has_avx2() {
        // SAFETY: the machine has AVX2.
        return unsafe { avx2::byte_limits(column) };
    }
    portable::byte_limits(column)
}

/// Rounds a column times a factor to integers, which have to fit, and returns the norm of what that takes away; components that are not finite give anything.
pub(crate) fn round_into<T: Real>(column: &[T], factor: f64, rounded: &mut [i16]) -> f64 {
    assert_eq!(column.len(), rounded.len(), "an integer for each component");
    #[cfg(target_arch = "x86_64")]
    if has_avx2() {
        // SAFETY: the machine has AVX2.
        return unsafe { avx2::round_into(column, factor, rounded) };
    }
    portable::round_into(column, factor, rounded)
}

/// The dot product of two directions in words.
pub(crate) fn dot_words(a: &[i16], b: &[i16]) -> i32 {
    assert_eq!(a.len(), b.len(), "dot product of unequal lengths");
    #[cfg(target_arch = "x86_64")]
    if has_avx2() {
        // SAFETY: the machine has AVX2.
        return unsafe { avx2::dot_words(a, b) };
    }
    portable::dot_words(a, b)
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

#[cfg(target_arch = "x86_64")]
fn has_avx512_vnni() -> bool {
    std::arch::is_x86_feature_detected!("avx512f")
        && std::arch::is_x86_feature_detected!("avx512vnni")
}
