//! The bodies for AVX2.

use std::arch::x86_64::{
    __m256, __m256i, _CMP_GE_OQ, _CMP_LE_OQ, _mm256_add_epi16, _mm256_add_epi32, _mm256_cmp_ps,
    _mm256_cvtepi32_ps, _mm256_load_si256, _mm256_loadu_ps, _mm256_loadu_si256, _mm256_madd_epi16,
    _mm256_maddubs_epi16, _mm256_max_ps, _mm256_min_ps, _mm256_movemask_ps, _mm256_mul_ps,
    _mm256_or_ps, _mm256_set1_epi16, _mm256_set1_epi32, _mm256_set1_ps, _mm256_setzero_si256,
    _mm256_storeu_si256,
};

use super::{BYTE_BLOCK, Bounds, Hit, PANEL, PanelLine, SIDE, STRIP, StripLine, Tile, portable};
use crate::Real;

/// Lines that are multiplied before the next: a panel and a strip of them fill 22 KiB of the first-level cache.
const DEPTH: usize = 256;
/// Directions in a vector.
const LANES: usize = 8;
/// Vectors of a panel, which a strip is multiplied with at once: 12 sums, 2 columns, a row and a product fill the 16 registers.
const HALVES: usize = PANEL / LANES;

#[target_feature(enable = "avx2")]
pub(super) fn multiply_words(
    strips: &[StripLine],
    panels: &[PanelLine],
    depth: usize,
    tile: &mut Tile,
) {
    for start in (0..depth).step_by(DEPTH) {
        let lines = start..depth.min(start + DEPTH);
        for j in 0..panels.len() / depth {
            let panel = &panels[j * depth + lines.start..j * depth + lines.end];
            for i in 0..strips.len() / depth {
                let strip = &strips[i * depth + lines.start..i * depth + lines.end];
                let sums = multiply_strip_of_words(strip, panel);
                put(sums, start > 0, tile, (i * STRIP, j * PANEL));
            }
        }
    }
}

#[target_feature(enable = "avx2")]
pub(super) fn multiply_bytes(
    strips: &[StripLine],
    panels: &[PanelLine],
    starts: &[PanelLine],
    depth: usize,
    tile: &mut Tile,
) {
    let n_blocks = depth.div_ceil(BYTE_BLOCK);
    for first in (0..n_blocks).step_by(DEPTH / BYTE_BLOCK) {
        let blocks = first..n_blocks.min(first + DEPTH / BYTE_BLOCK);
        for j in 0..panels.len() / depth {
            for i in 0..strips.len() / depth {
                for block in blocks.clone() {
                    let lines = block * BYTE_BLOCK..depth.min((block + 1) * BYTE_BLOCK);
                    let panel = &panels[j * depth + lines.start..j * depth + lines.end];
                    let start = load_line(&starts[j * n_blocks + block]);
                    let strip = &strips[i * depth + lines.start..i * depth + lines.end];
                    let sums = multiply_strip_of_bytes(strip, panel, start);
                    put(sums, block > 0, tile, (i * STRIP, j * PANEL));
                }
            }
        }
    }
}

/// A line of a panel.
type Line = [__m256i; HALVES];

/// The products of a strip with a panel.
type Sums = [Line; STRIP];

#[target_feature(enable = "avx2")]
#[inline]
fn multiply_strip_of_words(strip: &[StripLine], panel: &[PanelLine]) -> Sums {
    let n = strip.len();
    let panel = &panel[..n];
    let mut sums = [[_mm256_setzero_si256(); HALVES]; STRIP];
    for k in 0..n {
        let line = load_line(&panel[k]);
        for r in 0..STRIP {
            let pair = _mm256_set1_epi32(strip[k][r]);
            for c in 0..HALVES {
                let products = _mm256_madd_epi16(pair, line[c]);
                sums[r][c] = _mm256_add_epi32(sums[r][c], products);
            }
        }
    }
    sums
}

/// At most [`BYTE_BLOCK`] lines: sums of 16 bits, which are added in pairs at the end.
#[target_feature(enable = "avx2")]
#[inline]
fn multiply_strip_of_bytes(strip: &[StripLine], panel: &[PanelLine], start: Line) -> Sums {
    let n = strip.len();
    let panel = &panel[..n];
    let mut sums = [start; STRIP];
    for k in 0..n {
        let line = load_line(&panel[k]);
        for r in 0..STRIP {
            let four = _mm256_set1_epi32(strip[k][r]);
            for c in 0..HALVES {
                let products = _mm256_maddubs_epi16(four, line[c]);
                sums[r][c] = _mm256_add_epi16(sums[r][c], products);
            }
        }
    }
    let ones = _mm256_set1_epi16(1);
    for r in 0..STRIP {
        for c in 0..HALVES {
            sums[r][c] = _mm256_madd_epi16(sums[r][c], ones);
        }
    }
    sums
}

/// Puts sums where they belong, or adds them to what is there.
#[target_feature(enable = "avx2")]
#[inline]
fn put(sums: Sums, add: bool, tile: &mut Tile, (row, column): (usize, usize)) {
    for r in 0..STRIP {
        for c in 0..HALVES {
            let at = column + c * LANES;
            let to = &mut tile[row + r][at..at + LANES];
            let mut sum = sums[r][c];
            if add {
                // SAFETY: the slice holds eight integers.
                let before = unsafe { _mm256_loadu_si256(to.as_ptr().cast::<__m256i>()) };
                sum = _mm256_add_epi32(sum, before);
            }
            // SAFETY: the slice holds eight integers.
            unsafe { _mm256_storeu_si256(to.as_mut_ptr().cast::<__m256i>(), sum) };
        }
    }
}

#[target_feature(enable = "avx2")]
#[inline]
fn load_line(line: &PanelLine) -> Line {
    // SAFETY: a line is sixteen integers, aligned to 64 bytes.
    unsafe {
        let start = line.0.as_ptr().cast::<__m256i>();
        [_mm256_load_si256(start), _mm256_load_si256(start.add(1))]
    }
}

#[target_feature(enable = "avx2")]
pub(super) fn find_hits(
    tile: &Tile,
    row_scales: &[f32],
    column_scales: &[f32; SIDE],
    bounds: &Bounds,
    hits: &mut Vec<Hit>,
) {
    for (row, &row_scale) in row_scales.iter().enumerate() {
        let scale = _mm256_set1_ps(row_scale);
        let row_high = _mm256_set1_ps(bounds.row_high[row]);
        let row_low = _mm256_set1_ps(bounds.row_low[row]);
        for first in (0..SIDE).step_by(LANES) {
            // SAFETY: a row of the tile holds eight integers from there on.
            let products = unsafe {
                _mm256_loadu_si256(tile[row][first..first + LANES].as_ptr().cast::<__m256i>())
            };
            let high = _mm256_min_ps(row_high, load_numbers(&bounds.column_high, first));
            let low = _mm256_max_ps(row_low, load_numbers(&bounds.column_low, first));
            let scaled = _mm256_mul_ps(_mm256_cvtepi32_ps(products), scale);
            let value = _mm256_mul_ps(scaled, load_numbers(column_scales, first));
            let is_high = _mm256_cmp_ps::<_CMP_GE_OQ>(value, high);
            let is_low = _mm256_cmp_ps::<_CMP_LE_OQ>(value, low);
            let mut lanes = _mm256_movemask_ps(_mm256_or_ps(is_high, is_low));
            while lanes != 0 {
                let column = first + lanes.trailing_zeros() as usize;
                lanes &= lanes - 1;
                // In the order of the vectors, for the same bits.
                let value = tile[row][column] as f32 * row_scale * column_scales[column];
                hits.push(Hit::new(row, column, value));
            }
        }
    }
}

#[target_feature(enable = "avx2")]
#[inline]
fn load_numbers(numbers: &[f32; SIDE], first: usize) -> __m256 {
    // SAFETY: the slice holds eight numbers.
    unsafe { _mm256_loadu_ps(numbers[first..first + LANES].as_ptr()) }
}

#[target_feature(enable = "avx2")]
pub(super) fn largest<T: Real>(column: &[T]) -> f64 {
    portable::largest(column)
}

#[target_feature(enable = "avx2")]
pub(super) fn largest_part<T: Real>(column: &[T]) -> f64 {
    portable::largest_part(column)
}

#[target_feature(enable = "avx2")]
pub(super) fn round_into<T: Real>(column: &[T], factor: f64, rounded: &mut [i16]) -> f64 {
    portable::round_into(column, factor, rounded)
}

#[target_feature(enable = "avx2")]
pub(super) fn dot_words(a: &[i16], b: &[i16]) -> i32 {
    portable::dot_words(a, b)
}

#[target_feature(enable = "avx2")]
pub(super) fn dot<T: Real>(a: &[T], b: &[T]) -> f64 {
    portable::dot(a, b)
}

#[target_feature(enable = "avx2")]
pub(super) fn row_extremes(
    tile: &Tile,
    row_scales: &[f32],
    column_scales: &[f32; SIDE],
) -> Vec<[f32; 2]> {
    portable::row_extremes(tile, row_scales, column_scales)
}
