//! Cosines of directions in four digits of 8 bits, by tiles, and the sums of their squares.

use std::arch::x86_64::{
    __m512d, __m512i, _mm256_loadu_si256, _mm512_add_epi32, _mm512_cvtepi32_pd, _mm512_fmadd_pd,
    _mm512_loadu_pd, _mm512_loadu_si512, _mm512_maskz_add_epi32, _mm512_mul_pd,
    _mm512_reduce_add_pd, _mm512_set1_epi32, _mm512_set1_pd, _mm512_slli_epi32, _mm512_sllv_epi32,
    _mm512_srai_epi32, _mm512_srav_epi32, _mm512_storeu_pd, _mm512_storeu_si512, _mm512_sub_pd,
};

use super::amx::{COMPONENTS, MultiplySlices, Sums, Tile, Tiles, VECTORS};
use super::cosines::TileSquares;
use super::sliced::{LANES, SliceMemory, split_each, transpose_all};
use super::{PanelLine, SIDE};
use crate::Real;

/// Digits of the components of directions whose cosines are wanted.
const COSINE_DIGITS: usize = 4;
/// The largest number of so many digits, less what rounding may add.
const LARGEST_OF_DIGITS: f64 = 0x7f7f_7f7e_u32 as f64;
/// A cosine of 1 is less than 2^31 of these, with room for what is lost.
const LEAST_UNIT: f64 = 1.0 / 2.12e9;
/// With the coarsest unit: the root of 2^40 / LEAST_UNIT.
const LARGEST_SCALE: f64 = 4.828e10;

/// As [`super::cosines::digits_of_panel`].
#[target_feature(enable = "avx512f,fma,avx512bw,avx512dq,avx512vbmi")]
pub(super) fn panel<'a, T: Real>(
    directions: impl ExactSizeIterator<Item = (&'a [T], f64)>,
    components: usize,
    memory: &mut SliceMemory,
    lines: &mut [PanelLine],
) {
    let rows = &mut memory.some;
    split_each::<T, COSINE_DIGITS>(directions, components, 0, rows);
    let (tiles, _) = lines.as_chunks_mut::<VECTORS>();
    let (steps, _) = tiles.as_chunks_mut::<COSINE_DIGITS>();
    transpose_all::<COSINE_DIGITS>(rows.steps(), steps);
}

/// Lines of a panel of directions of so many components.
pub(super) fn depth(components: usize) -> usize {
    components.div_ceil(COMPONENTS) * COSINE_DIGITS * VECTORS
}

/// As [`super::cosines::scale_of_digits`]: as large as digits hold, and such that cosines fit integers.
pub(super) fn scale(largest: f64) -> f64 {
    (LARGEST_OF_DIGITS / largest).min(LARGEST_SCALE)
}

/// As [`super::cosines::cosine_unit`].
pub(super) fn unit(scale: f64) -> f64 {
    unit_of(finer(scale), scale)
}

fn unit_of(finer: i32, scale: f64) -> f64 {
    libm::scalbn(1.0, 40 - finer) / scale / scale
}

/// How many bits finer the unit of cosines can be than the products of the first two digits with the second, 8 at the most.
fn finer(scale: f64) -> i32 {
    let fits = |&finer: &i32| unit_of(finer, scale) >= LEAST_UNIT;
    (0..=8).rev().find(fits).unwrap_or(0)
}

/// As [`super::cosines::lost_of_digits`].
///
/// Of the products of digits those of 2 with 2 and of 1 with 3 are left out, and smaller ones. Rounding moves a direction by at most half of a unit in each component.
/// Rounding to the unit of cosines takes at most three quarters of it.
pub(super) fn lost(components: usize, scale: f64) -> f64 {
    let m = components as f64;
    let left_out = 3.02 * f64::from(1 << 14) * 65_536.0;
    1.01 * m.sqrt() / scale + m * left_out / scale / scale + 0.76 * unit(scale)
}

/// As [`super::cosines::multiply_digits`].
#[target_feature(enable = "avx512f,fma,avx512bw,avx512dq")]
pub(super) fn multiply(
    tiles: &Tiles,
    rows: &[Tile],
    panels: &[PanelLine],
    (depth, scale): (usize, f64),
    is_diagonal: bool,
    tile: &mut super::Tile,
    squares: &mut TileSquares,
) {
    let steps = depth / (VECTORS * COSINE_DIGITS);
    let (rows, _) = rows.as_chunks::<COSINE_DIGITS>();
    let (columns, _) = panels.as_chunks::<VECTORS>();
    let (columns, _) = columns.as_chunks::<COSINE_DIGITS>();
    let groups = (rows.len() / steps, columns.len() / steps);
    let mut fold = BlockFold {
        finer: finer(scale),
        is_diagonal,
        row_sums: [[_mm512_set1_pd(LEAST_SUM); 2]; SIDE],
        column_sums: [[LEAST_SUM; SIDE]; 2],
    };
    let mut sums = [[[0; VECTORS]; VECTORS]; COSINE_DIGITS];
    for i in 0..groups.0 {
        for j in if is_diagonal { i } else { 0 }..groups.1 {
            let row = &rows[i * steps..(i + 1) * steps];
            tiles.multiply_slices(row, &columns[j * steps..(j + 1) * steps], &mut sums);
            fold.add(&sums, (VECTORS * i, VECTORS * j), tile, squares);
        }
    }
    for request in 0..2 {
        for line in 0..SIDE {
            let of_row = _mm512_sub_pd(fold.row_sums[line][request], _mm512_set1_pd(LEAST_SUM));
            squares.rows[request][line] = _mm512_reduce_add_pd(of_row);
            squares.columns[request][line] = fold.column_sums[request][line] - LEAST_SUM;
        }
    }
}

/// What becomes of the blocks of a tile of cosines.
///
/// Sums are at least [`LEAST_SUM`] and below twice that, so that all are multiples of 2^26, and what is added to them is rounded to such a multiple whatever they are.
/// It is a square: the last bit of that is one of 2^2k, so it is never halfway between two.
struct BlockFold {
    /// Of the unit.
    finer: i32,
    is_diagonal: bool,
    row_sums: [[__m512d; 2]; SIDE],
    column_sums: [[f64; SIDE]; 2],
}

/// Where sums of squares start.
const LEAST_SUM: f64 = (1_u128 << 78) as f64;

impl BlockFold {
    /// Puts the cosines of a block, from this row and this column on, into the tile, and adds their squares to the sums.
    #[target_feature(enable = "avx512f,fma,avx512bw,avx512dq")]
    #[inline]
    fn add(
        &mut self,
        sums: &[Sums; COSINE_DIGITS],
        (first, column): (usize, usize),
        tile: &mut super::Tile,
        squares: &TileSquares,
    ) {
        let halves = [column, column + LANES];
        let weights = halves.map(|at| load_eight(&squares.column_weights, at));
        let [of_weighted, of_plain] = &self.column_sums;
        let mut column_sums =
            halves.map(|at| [load_eight(of_weighted, at), load_eight(of_plain, at)]);
        // Below 32, which the compiler need not ask.
        let (up, down) = (self.finer & 15, (8 - self.finer) & 15);
        let shifts = [up, down, (1 << down) >> 1].map(|number| _mm512_set1_epi32(number));
        let is_own = self.is_diagonal && first == column;
        for r in 0..VECTORS {
            let others = if is_own { !(1 << r) } else { u16::MAX };
            let to = &mut tile[first + r][column..column + VECTORS];
            let row = cosines(sums, r, shifts, others);
            // SAFETY: sixteen integers.
            unsafe { _mm512_storeu_si512(to.as_mut_ptr().cast(), row) };
            let row_weight = _mm512_set1_pd(squares.row_weights[first + r]);
            let [mut weighted, mut plain] = self.row_sums[first + r];
            for half in 0..2 {
                // SAFETY: eight integers.
                let eight = unsafe { _mm256_loadu_si256(to[LANES * half..].as_ptr().cast()) };
                let cosine = _mm512_cvtepi32_pd(eight);
                let by_column = _mm512_mul_pd(cosine, weights[half]);
                let by_row = _mm512_mul_pd(cosine, row_weight);
                weighted = _mm512_fmadd_pd(by_column, by_column, weighted);
                plain = _mm512_fmadd_pd(cosine, cosine, plain);
                let [of_weighted, of_plain] = &mut column_sums[half];
                *of_weighted = _mm512_fmadd_pd(by_row, by_row, *of_weighted);
                *of_plain = _mm512_fmadd_pd(cosine, cosine, *of_plain);
            }
            self.row_sums[first + r] = [weighted, plain];
        }
        if self.is_diagonal {
            if first == column {
                // Here every pair is there twice, and rows have it all; and what a direction has with itself is left out.
                return;
            }
            for r in first..first + VECTORS {
                for c in column..column + VECTORS {
                    tile[c][r] = tile[r][c];
                }
            }
        }
        for (at, sums) in halves.into_iter().zip(column_sums) {
            for (to, sum) in self.column_sums.iter_mut().zip(sums) {
                // SAFETY: eight numbers.
                unsafe { _mm512_storeu_pd(to[at..at + LANES].as_mut_ptr(), sum) };
            }
        }
    }
}

/// A row of cosines in their unit with some of the columns, and zeros with the rest, from products that are to be shifted so far up and down, and what rounds them.
///
/// What does not fit on the way comes back: the result fits.
#[target_feature(enable = "avx512f,avx512bw")]
#[inline]
fn cosines(
    sums: &[Sums; COSINE_DIGITS],
    row: usize,
    [up, down, half]: [__m512i; 3],
    columns: u16,
) -> __m512i {
    let [first, second, third, last] = sums.each_ref().map(|slice| {
        // SAFETY: sixteen integers.
        unsafe { _mm512_loadu_si512(slice[row].as_ptr().cast()) }
    });
    let first = _mm512_add_epi32(_mm512_slli_epi32::<8>(first), second);
    let last = _mm512_srai_epi32::<8>(_mm512_add_epi32(last, _mm512_set1_epi32(128)));
    let last = _mm512_add_epi32(_mm512_add_epi32(third, half), last);
    let (first, last) = (_mm512_sllv_epi32(first, up), _mm512_srav_epi32(last, down));
    _mm512_maskz_add_epi32(columns, first, last)
}

/// Eight numbers from a place on.
#[target_feature(enable = "avx512f")]
#[inline]
fn load_eight(numbers: &[f64; SIDE], at: usize) -> __m512d {
    // SAFETY: the slice holds eight numbers.
    unsafe { _mm512_loadu_pd(numbers[at..at + LANES].as_ptr()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whatever the components are, a cosine of 1 is nearly 2^31, less what is lost.
    #[test]
    fn cosines_make_use_of_their_integers() {
        for largest in [1.0, 0.71, 0.5, 0.1, 0.045, 0.0438, 0.02, 1e-4] {
            let scale = scale(largest);
            assert!(scale * largest <= LARGEST_OF_DIGITS * 1.000_000_001);
            let one = 1.0 / unit(scale);
            assert!((1.05e9..2.1201e9).contains(&one), "{largest}: {one:e}");
            for components in [1, 1 << 8, 1 << 14] {
                let room = lost(components, scale) / unit(scale);
                assert!(one + room < 2_f64.powi(31), "{largest}: {room:e}");
            }
        }
    }
}
