//! The bodies for AVX-512 with its instructions for products of bytes.
//!
//! One of those multiplies 64 pairs of bytes and adds the products, in fours, to 16 sums of 32 bits: nothing overflows on the way, so
//! the starts in 16 bits of the other bodies are not needed.

use std::arch::x86_64::{
    __m512, __m512i, _CMP_GE_OQ, _CMP_LE_OQ, _mm512_add_epi32, _mm512_cmp_ps_mask,
    _mm512_cvtepi32_ps, _mm512_dpbusd_epi32, _mm512_load_si512, _mm512_loadu_ps,
    _mm512_loadu_si512, _mm512_mask_max_ps, _mm512_mask_min_ps, _mm512_max_ps, _mm512_min_ps,
    _mm512_mul_ps, _mm512_reduce_max_ps, _mm512_reduce_min_ps, _mm512_set1_epi8, _mm512_set1_epi32,
    _mm512_set1_ps, _mm512_setzero_si512, _mm512_storeu_si512, _mm512_sub_epi32,
};

use super::{Bounds, Hit, PANEL, PanelLine, SIDE, STRIP, StripLine, Tile, byte_range, portable};
use crate::Real;

/// Panels that a strip is multiplied with at once: 24 sums, 4 columns and a row fill 29 of the 32 registers.
const PANELS: usize = 4;
/// Lines that are multiplied before the next: those of four panels fill 32 KiB of the first-level cache.
const DEPTH: usize = 128;

/// A line of four panels.
type Line = [__m512i; PANELS];

#[target_feature(enable = "avx512f,avx512vnni")]
pub(super) fn multiply_bytes(
    strips: &[StripLine],
    panels: &[PanelLine],
    depth: usize,
    tile: &mut Tile,
) {
    let n_panels = panels.len() / depth;
    let mut columns = [[_mm512_setzero_si512(); PANELS]; DEPTH];
    for first in (0..depth).step_by(DEPTH) {
        let lines = first..depth.min(first + DEPTH);
        for j in (0..n_panels).step_by(PANELS) {
            for (k, line) in lines.clone().zip(&mut columns) {
                for c in 0..PANELS {
                    // Past the last panel it is multiplied once more, into columns that nobody reads.
                    line[c] = load_line(&panels[(j + c).min(n_panels - 1) * depth + k]);
                }
            }
            let columns = &columns[..lines.len()];
            let starts = starts(columns);
            for i in 0..strips.len() / depth {
                let strip = &strips[i * depth + lines.start..i * depth + lines.end];
                let sums = multiply_strip(strip, columns, starts);
                put(sums, first > 0, tile, (i * STRIP, j * PANEL));
            }
        }
    }
}

/// Minus what is added to the bytes of rows, times the sum of the components of each direction.
#[target_feature(enable = "avx512f,avx512vnni")]
#[inline]
fn starts(columns: &[Line]) -> Line {
    let largest = _mm512_set1_epi8(byte_range().added as i8);
    let mut sums = [_mm512_setzero_si512(); PANELS];
    for line in columns {
        for c in 0..PANELS {
            sums[c] = _mm512_dpbusd_epi32(sums[c], largest, line[c]);
        }
    }
    for c in 0..PANELS {
        sums[c] = _mm512_sub_epi32(_mm512_setzero_si512(), sums[c]);
    }
    sums
}

#[target_feature(enable = "avx512f,avx512vnni")]
#[inline]
fn multiply_strip(strip: &[StripLine], columns: &[Line], starts: Line) -> [Line; STRIP] {
    let n = strip.len();
    let columns = &columns[..n];
    let mut sums = [starts; STRIP];
    for k in 0..n {
        let line = columns[k];
        for r in 0..STRIP {
            let four = _mm512_set1_epi32(strip[k][r]);
            for c in 0..PANELS {
                sums[r][c] = _mm512_dpbusd_epi32(sums[r][c], four, line[c]);
            }
        }
    }
    sums
}

/// Puts sums where they belong, or adds them to what is there.
#[target_feature(enable = "avx512f")]
#[inline]
fn put(sums: [Line; STRIP], add: bool, tile: &mut Tile, (row, column): (usize, usize)) {
    for r in 0..STRIP {
        for c in 0..PANELS {
            let at = column + c * PANEL;
            let to = &mut tile[row + r][at..at + PANEL];
            let mut sum = sums[r][c];
            if add {
                // SAFETY: the slice holds sixteen integers.
                let before = unsafe { _mm512_loadu_si512(to.as_ptr().cast::<__m512i>()) };
                sum = _mm512_add_epi32(sum, before);
            }
            // SAFETY: the slice holds sixteen integers.
            unsafe { _mm512_storeu_si512(to.as_mut_ptr().cast::<__m512i>(), sum) };
        }
    }
}

#[target_feature(enable = "avx512f")]
#[inline]
fn load_line(line: &PanelLine) -> __m512i {
    // SAFETY: a line is sixteen integers, aligned to 64 bytes.
    unsafe { _mm512_load_si512(line.0.as_ptr().cast::<__m512i>()) }
}

#[target_feature(enable = "avx512f")]
pub(super) fn find_hits(
    tile: &Tile,
    row_scales: &[f32],
    column_scales: &[f32; SIDE],
    bounds: &Bounds,
    hits: &mut Vec<Hit>,
) {
    for (row, &row_scale) in row_scales.iter().enumerate() {
        let scale = _mm512_set1_ps(row_scale);
        let row_high = _mm512_set1_ps(bounds.row_high[row]);
        let row_low = _mm512_set1_ps(bounds.row_low[row]);
        // All of a row before the few of them: nothing has to make room for a call.
        const { assert!(SIDE.is_multiple_of(64)) };
        let mut masks = [0_u64; SIDE / 64];
        for (of_four, mask) in masks.iter_mut().enumerate() {
            for at in 0..64 / PANEL {
                let first = 64 * of_four + at * PANEL;
                let high = _mm512_min_ps(row_high, load_numbers(&bounds.column_high, first));
                let low = _mm512_max_ps(row_low, load_numbers(&bounds.column_low, first));
                let value = scaled(tile, (row, first), scale, column_scales);
                let is_high = _mm512_cmp_ps_mask::<_CMP_GE_OQ>(value, high);
                let is_hit = is_high | _mm512_cmp_ps_mask::<_CMP_LE_OQ>(value, low);
                *mask |= u64::from(is_hit) << (at * PANEL);
            }
        }
        for (of_four, mut lanes) in masks.into_iter().enumerate() {
            while lanes != 0 {
                let column = 64 * of_four + lanes.trailing_zeros() as usize;
                lanes &= lanes - 1;
                // In the order of the vectors, for the same bits.
                let value = tile[row][column] as f32 * row_scale * column_scales[column];
                hits.push(Hit::new(row, column, value));
            }
        }
    }
}

/// Sixteen numbers of a row of a tile, multiplied by their scales.
#[target_feature(enable = "avx512f")]
#[inline]
fn scaled(
    tile: &Tile,
    (row, first): (usize, usize),
    row_scale: __m512,
    column_scales: &[f32; SIDE],
) -> __m512 {
    let products = &tile[row][first..first + PANEL];
    // SAFETY: the slice holds sixteen integers.
    let products = unsafe { _mm512_loadu_si512(products.as_ptr().cast::<__m512i>()) };
    let scaled = _mm512_mul_ps(_mm512_cvtepi32_ps(products), row_scale);
    _mm512_mul_ps(scaled, load_numbers(column_scales, first))
}

#[target_feature(enable = "avx512f")]
#[inline]
fn load_numbers(numbers: &[f32; SIDE], first: usize) -> __m512 {
    // SAFETY: the slice holds sixteen numbers.
    unsafe { _mm512_loadu_ps(numbers[first..first + PANEL].as_ptr()) }
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
pub(super) fn largest<T: Real>(column: &[T]) -> f64 {
    portable::largest(column)
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
pub(super) fn largest_part<T: Real>(column: &[T]) -> f64 {
    portable::largest_part(column)
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
pub(super) fn round_into<T: Real>(column: &[T], factor: f64, rounded: &mut [i16]) -> f64 {
    portable::round_into(column, factor, rounded)
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
pub(super) fn dot_words(a: &[i16], b: &[i16]) -> i32 {
    portable::dot_words(a, b)
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
pub(super) fn dot<T: Real>(a: &[T], b: &[T]) -> f64 {
    portable::dot(a, b)
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
pub(super) fn row_extremes(
    tile: &Tile,
    row_scales: &[f32],
    column_scales: &[f32; SIDE],
) -> Vec<[f32; 2]> {
    let mut extremes = Vec::with_capacity(row_scales.len());
    for (row, &row_scale) in row_scales.iter().enumerate() {
        let scale = _mm512_set1_ps(row_scale);
        let (mut low, mut high) = (
            _mm512_set1_ps(f32::INFINITY),
            _mm512_set1_ps(f32::NEG_INFINITY),
        );
        for first in (0..SIDE).step_by(PANEL) {
            let value = scaled(tile, (row, first), scale, column_scales);
            let own = row.wrapping_sub(first);
            let others = if own < PANEL { !(1 << own) } else { u16::MAX };
            // Of a number and NaN they give the second.
            low = _mm512_mask_min_ps(low, others, value, low);
            high = _mm512_mask_max_ps(high, others, value, high);
        }
        extremes.push([_mm512_reduce_min_ps(low), _mm512_reduce_max_ps(high)]);
    }
    extremes
}
