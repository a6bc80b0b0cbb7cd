//! The inner loops of the pass over pairs: products of quantised directions, their extremes, and the dot product that decides.
//!
//! Directions are integers here, two components of 16 bits or four of 8 in a word of 32: an instruction multiplies all of a word and adds the products in pairs.
//! On AVX2 that makes twice as many multiplications as f32, or four times as many, without rounding; AVX-512 with VNNI has an instruction that does the second by itself, and the tiles of AMX one for 16 words of 16 directions and 16 others. Sums are exact integers, so any order of adding them gives the same.
//!
//! Each function has one body of plain Rust, which is also compiled for AVX2, except the products and the search of a tile, which have bodies of intrinsics there and more of them for AVX-512 and AMX.
//! Where there are tiles, [`sliced`] makes products of f64 from those of bytes, and [`cosines`] cosines that are nearly as exact.
//! This folder is the only place of the crate with unsafe code: calls into functions that are compiled for more than every machine has, made where the machine was found to have it, the loads of vectors, the assembly of tiles, and the work of a [`ThreadPool`].
#![allow(unsafe_code, reason = "vector intrinsics and the dispatch to them")]
#![allow(
    clippy::needless_range_loop,
    reason = "the closures of iterators would not be compiled for the instructions"
)]

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod amx;
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod cosines;
mod panels;
mod portable;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod sliced;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod sliced_cosines;
mod thread_pool;

#[cfg(test)]
mod tests;

use faer::MatRef;

use crate::Real;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
use crate::directions::column;

pub(crate) use cosines::{
    MOST_SQUARES, SQUARE_STEP, TileSquares, cosine_unit, depth_of_digits, digits_of_panel,
    lost_of_digits, multiply_digits, scale_of_digits,
};
pub(crate) use panels::fill_panels;
pub use thread_pool::ThreadPool;

/// Directions of a panel of columns.
pub(crate) const PANEL: usize = 16;
/// Directions of a strip of rows.
const STRIP: usize = 6;
/// Directions along one side of a [`Tile`]: a multiple of three and of four panels and of a strip, which fits a byte.
pub(crate) const SIDE: usize = 192;

/// Lines of bytes of which the products are added up in 16 bits on AVX2: two sums, of half of the components each.
pub(crate) const BYTE_BLOCK: usize = 16;

/// Two or four components of each direction of a panel: the first in the lowest bits of each word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C, align(64))]
pub(crate) struct PanelLine(pub(crate) [i32; PANEL]);

/// Components of each direction of a strip, as in a [`PanelLine`]; bytes have something added, so that they have no sign.
type StripLine = [i32; STRIP];

/// [`SIDE`] directions as the rows of a [`Tile`], laid out as the machine multiplies them.
pub(crate) enum Rows {
    /// Strips of words, each line by line.
    OfWords(Vec<StripLine>),
    /// The same of bytes.
    OfBytes(Vec<StripLine>),
    /// Groups of 16 directions, a line for each: in steps of as many lines, of bytes or of one digit after the other.
    #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
    InTiles(Vec<amx::Tile>),
}

impl Rows {
    /// For words, `depth` lines of them.
    pub(crate) fn of_words(depth: usize) -> Self {
        Self::OfWords(vec![[0; STRIP]; SIDE / STRIP * depth])
    }

    /// For as many lines of bytes as [`depth_of_bytes`] says.
    pub(crate) fn of_bytes(depth: usize) -> Self {
        #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
        if has_tiles() {
            return Self::of_digits(depth);
        }
        Self::OfBytes(vec![[0; STRIP]; SIDE / STRIP * depth])
    }

    /// For as many lines as [`depth_of_digits`] says.
    pub(crate) fn of_digits(depth: usize) -> Self {
        #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
        return Self::InTiles(vec![amx::ZERO; SIDE / PANEL * depth / PANEL]);
        #[cfg(not(all(target_arch = "x86_64", target_os = "linux")))]
        panic!("{}: {depth} lines of digits", cosines::NO_TILES);
    }

    /// Copies the directions of some panels, zeros after the last.
    pub(crate) fn copy(&mut self, panels: &[PanelLine], depth: usize) {
        match self {
            Self::OfWords(strips) => to_strips(panels, depth, strips, |word| word),
            Self::OfBytes(strips) => bytes_to_strips(panels, depth, byte_range().added, strips),
            #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
            Self::InTiles(tiles) => {
                // SAFETY: the machine has the instructions, or there would be no tiles.
                unsafe { sliced::to_rows(panels, tiles) };
            }
        }
    }
}

/// Which integers the components of directions in bytes may be.
#[derive(Clone, Copy)]
pub(crate) struct ByteRange {
    /// The largest.
    pub(crate) component: f64,
    /// The largest norm of those that go into one sum of 16 bits, where there are such sums; they begin with what `added` adds to them: see [`multiply_bytes`].
    pub(crate) part: Option<f64>,
    /// What is added to those of rows, so that they have no sign.
    pub(crate) added: u8,
}

/// Of the machine.
pub(crate) fn byte_range() -> ByteRange {
    #[cfg(target_arch = "x86_64")]
    if has_avx512_vnni() {
        return ByteRange {
            component: 127.0,
            part: None,
            added: 128,
        };
    }
    NARROW
}

/// Of four products of a component and one up to twice as large, two fit a sum of 16 bits with sign; and the square of the norm of a part is just below 2^15, so that by Cauchy and Schwarz no sum of products of those overflows.
const NARROW: ByteRange = ByteRange {
    component: 90.0,
    part: Some(181.0),
    added: 90,
};

/// Lines for four components each.
pub(crate) fn depth_of_bytes(components: usize) -> usize {
    let depth = components.div_ceil(4).max(1);
    #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
    if has_tiles() {
        return depth.next_multiple_of(PANEL);
    }
    depth
}

/// Calls the body of a function that is compiled for the best instructions this machine has.
macro_rules! dispatch {
    ($name:ident($($argument:expr),*)) => {{
        #[cfg(target_arch = "x86_64")]
        if has_avx512() {
            // SAFETY: the machine has AVX-512.
            return unsafe { avx512::$name($($argument),*) };
        }
        #[cfg(target_arch = "x86_64")]
        if has_avx2() {
            // SAFETY: the machine has AVX2.
            return unsafe { avx2::$name($($argument),*) };
        }
        portable::$name($($argument),*)
    }};
}

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

/// The products of the first `n_rows` directions of some rows, of words, with those of some panels, `depth` lines each, at most [`SIDE`] directions on either side.
/// What becomes of the other rows and columns is left open.
///
/// For every panel, which stays in the first-level cache, all rows.
pub(crate) fn multiply_words(
    rows: &Rows,
    n_rows: usize,
    panels: &[PanelLine],
    depth: usize,
    tile: &mut Tile,
) {
    let Rows::OfWords(strips) = rows else {
        panic!("rows of bytes and columns of words");
    };
    let strips = &strips[..n_rows.div_ceil(STRIP) * depth];
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
/// On AVX2 products of [`BYTE_BLOCK`] lines are added up modulo 2^16. A row without sign, `a + L`, gives `$\sum_k (a_k + L) b_k$`, and so that `$\sum_k a_k b_k$` remains, the sums begin with `$-L \sum_k b_k$`, from `starts`: a line for every block of a panel, in the low 16 bits of each word for the first and second component of each four, in the high ones for the third and fourth.
/// What remains has to fit 16 bits with sign: that is up to the caller, by [`byte_range`].
pub(crate) fn multiply_bytes(
    rows: &Rows,
    n_rows: usize,
    panels: &[PanelLine],
    starts: &[PanelLine],
    depth: usize,
    tile: &mut Tile,
) {
    assert_fits(panels.len(), depth, SIDE / PANEL);
    let strips = match rows {
        Rows::OfBytes(strips) => &strips[..n_rows.div_ceil(STRIP) * depth],
        #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
        Rows::InTiles(rows) => {
            let tiles = tiles().expect("rows were laid out for tiles");
            let rows = &rows[..n_rows.div_ceil(2 * PANEL) * 2 * depth / PANEL];
            return amx::multiply_bytes(&tiles, rows, panels, depth, tile);
        }
        Rows::OfWords(_) => panic!("rows of words and columns of bytes"),
    };
    assert_fits(strips.len(), depth, SIDE / STRIP);
    let blocks = panels.len() / depth * depth.div_ceil(BYTE_BLOCK);
    assert!(byte_range().part.is_none() || starts.len() == blocks);
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
    portable::multiply_bytes(strips, panels, depth, byte_range().added, tile);
}

fn assert_fits(lines: usize, depth: usize, most: usize) {
    assert!(
        depth > 0 && lines.is_multiple_of(depth) && lines / depth <= most,
        "{lines} lines are not at most {most} groups of {depth}"
    );
}

fn bytes_to_strips(panels: &[PanelLine], depth: usize, added: u8, strips: &mut [StripLine]) {
    to_strips(panels, depth, strips, |word| {
        i32::from_le_bytes(word.to_le_bytes().map(|byte| byte.wrapping_add(added)))
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
    dispatch!(find_hits(tile, row_scales, column_scales, bounds, hits));
}

/// The smallest and the largest number of each of the first rows of a tile on the diagonal, multiplied by the scales of their row and their column; without the diagonal, and columns with a scale of NaN.
pub(crate) fn row_extremes(
    tile: &Tile,
    row_scales: &[f32],
    column_scales: &[f32; SIDE],
) -> Vec<[f32; 2]> {
    dispatch!(row_extremes(tile, row_scales, column_scales))
}

/// The size of the largest component; NaN is left out.
pub(crate) fn largest<T: Real>(column: &[T]) -> f64 {
    dispatch!(largest(column))
}

/// The largest norm of the components of a column that go into one sum of 16 bits; what is not finite gives anything.
pub(crate) fn largest_part<T: Real>(column: &[T]) -> f64 {
    dispatch!(largest_part(column))
}

/// Rounds a column times a factor to integers, which have to fit, and returns the norm of what that takes away; components that are not finite give anything.
pub(crate) fn round_into<T: Real>(column: &[T], factor: f64, rounded: &mut [i16]) -> f64 {
    assert_eq!(column.len(), rounded.len(), "an integer for each component");
    dispatch!(round_into(column, factor, rounded))
}

/// The dot product of two directions in words.
pub(crate) fn dot_words(a: &[i16], b: &[i16]) -> i32 {
    assert_eq!(a.len(), b.len(), "dot product of unequal lengths");
    dispatch!(dot_words(a, b))
}

/// The dot product in one fixed order, in f64: 32 interleaved partial sums, added as a tree.
///
/// The bits depend on the two slices only, and `dot(a, b) == dot(b, a)`: values that decide something (a tie, an edge) are computed with it.
pub(crate) fn dot<T: Real>(a: &[T], b: &[T]) -> f64 {
    assert_eq!(a.len(), b.len(), "dot product of unequal lengths");
    dispatch!(dot(a, b))
}

#[cfg(target_arch = "x86_64")]
fn has_avx2() -> bool {
    std::arch::is_x86_feature_detected!("avx2")
}

/// Of the machines with AVX-512 those that have its instructions for small integers too: on older ones it lowers the clock.
#[cfg(target_arch = "x86_64")]
fn has_avx512() -> bool {
    has_avx512_vnni()
        && std::arch::is_x86_feature_detected!("avx512bw")
        && std::arch::is_x86_feature_detected!("avx512dq")
        && std::arch::is_x86_feature_detected!("avx512vl")
}

#[cfg(target_arch = "x86_64")]
fn has_avx512_vnni() -> bool {
    std::arch::is_x86_feature_detected!("avx512f")
        && std::arch::is_x86_feature_detected!("avx512vnni")
}

/// Whether the machine has tiles, and the other instructions that are used with them.
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
fn has_tiles() -> bool {
    let has_vectors = std::arch::is_x86_feature_detected!("avx512f")
        && std::arch::is_x86_feature_detected!("fma")
        && std::arch::is_x86_feature_detected!("avx512bw")
        && std::arch::is_x86_feature_detected!("avx512dq")
        && std::arch::is_x86_feature_detected!("avx512vbmi");
    has_vectors && amx::are_permitted()
}

/// The tiles of this thread.
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
fn tiles() -> Option<amx::Tiles> {
    has_tiles().then(amx::Tiles::new)
}

/// Of vectors whose products are made of bytes: six products of 2^14 at the most for each go into one sum of 32 bits.
pub(crate) const MOST_COMPONENTS: usize = 1 << 14;

/// What [`add_gram_in_slices`] and [`forms_in_slices`] work in.
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
pub(crate) use sliced::SliceMemory;
#[cfg(not(all(target_arch = "x86_64", target_os = "linux")))]
#[derive(Default)]
pub(crate) struct SliceMemory;

/// How many digits of 8 bits numbers have whose products are made of those of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Digits {
    Five,
    Six,
}

impl Digits {
    /// What each of the sums of [`add_gram_in_slices`] over n columns may be off by, where no component is larger than this.
    pub(crate) fn lost(self, n: usize, largest: f64) -> f64 {
        #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
        return match self {
            Self::Five => sliced::lost_of(5, n, largest),
            Self::Six => sliced::lost_of(6, n, largest),
        };
        #[cfg(not(all(target_arch = "x86_64", target_os = "linux")))]
        {
            let _ = (n, largest);
            0.0
        }
    }
}

/// Columns as they are stored, all finite, what each is multiplied with, and a bound of the sizes of their components then.
#[derive(Clone, Copy)]
pub(crate) struct SlicedColumns<'a, T> {
    pub(crate) columns: MatRef<'a, T>,
    pub(crate) factors: &'a [f64],
    pub(crate) largest: f64,
}

/// `$\sum_j c_j c_j^T$` over columns c, as products of bytes in tiles: `add(l, k, products)` is to add them to row l and the columns from k on, for every l and every group of 16 columns from that of l on, some of them past the last.
///
/// Returns what each of the sums may be off by; none, and nothing is added, where the machine has no tiles.
pub(crate) fn add_gram_in_slices<T: Real>(
    columns: SlicedColumns<'_, T>,
    digits: Digits,
    memory: &mut SliceMemory,
    add: impl FnMut(usize, usize, &[f64; 16]),
) -> Option<f64> {
    #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
    if let Some(tiles) = tiles() {
        let n = columns.factors.len();
        assert!(n <= MOST_COMPONENTS, "{n} columns at once");
        // SAFETY: the machine has the instructions.
        return Some(unsafe {
            match digits {
                Digits::Five => sliced::add_gram::<T, 5>(&tiles, columns, memory, add),
                Digits::Six => sliced::add_gram::<T, 6>(&tiles, columns, memory, add),
            }
        });
    }
    let _ = (columns.columns, columns.factors, columns.largest);
    let _ = (digits, memory, add);
    None
}

/// A lower triangle, in the digits that its products in tiles are made of.
pub(crate) struct SlicedTriangle {
    #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
    columns: sliced::SlicedVectors,
    #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
    digits: Digits,
}

impl SlicedTriangle {
    /// From a matrix with zeros above the diagonal, all finite. None where the machine has no tiles.
    pub(crate) fn new(lower: MatRef<'_, f64>, digits: Digits) -> Option<Self> {
        #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
        if has_tiles() {
            let m = lower.nrows();
            assert!(m <= MOST_COMPONENTS, "{m} rows");
            let sizes = (0..m).map(|l| largest(column(lower, l)));
            let columns = SlicedColumns {
                columns: lower,
                factors: &vec![1.0; m],
                largest: sizes.fold(0.0, f64::max),
            };
            // SAFETY: the machine has the instructions.
            let columns = unsafe {
                match digits {
                    Digits::Five => sliced::triangle::<5>(columns),
                    Digits::Six => sliced::triangle::<6>(columns),
                }
            };
            return Some(Self { columns, digits });
        }
        let _ = (lower, digits);
        None
    }
}

/// Quadratic forms of a block of vectors.
pub(crate) struct BlockForms {
    pub(crate) values: Vec<f64>,
    /// What each may be off by for the products of digits that are left out, and for their rounding.
    pub(crate) lost: f64,
}

/// For some triangles L `$u^T L u$` for columns u of length 1; none where the machine has no tiles.
pub(crate) fn forms_in_slices<T: Real>(
    columns: SlicedColumns<'_, T>,
    triangles: &[&SlicedTriangle],
    memory: &mut SliceMemory,
) -> Option<Vec<BlockForms>> {
    #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
    if let Some(tiles) = tiles() {
        let m = columns.columns.nrows();
        assert!(m <= MOST_COMPONENTS, "{m} rows");
        let digits = triangles.first()?.digits;
        assert!(triangles.iter().all(|t| t.digits == digits));
        let triangles: Vec<&sliced::SlicedVectors> = triangles.iter().map(|t| &t.columns).collect();
        // SAFETY: the machine has the instructions.
        return Some(unsafe {
            match digits {
                Digits::Five => sliced::forms::<T, 5>(&tiles, columns, &triangles, memory),
                Digits::Six => sliced::forms::<T, 6>(&tiles, columns, &triangles, memory),
            }
        });
    }
    let _ = (columns, triangles, memory);
    None
}
