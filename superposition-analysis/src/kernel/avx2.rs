//! The bodies for AVX2.

use std::arch::x86_64::{
    __m256i, _mm256_add_epi32, _mm256_load_si256, _mm256_loadu_si256, _mm256_madd_epi16,
    _mm256_set1_epi32, _mm256_setzero_si256, _mm256_storeu_si256,
};

use super::{Extremes, PANEL, PanelLine, STRIP, StripLine, Tile, portable};
use crate::Real;

/// Lines that are multiplied before the next: two panels and a strip of them fill 22 KiB of the first-level cache.
const DEPTH: usize = 256;
/// Panels that a strip is multiplied with at once: 12 sums, 2 columns, a row and a product fill the 16 registers.
const PANELS: usize = 2;

#[target_feature(enable = "avx2")]
pub(super) fn multiply(strips: &[StripLine], panels: &[PanelLine], depth: usize, tile: &mut Tile) {
    let n_panels = panels.len() / depth;
    for start in (0..depth).step_by(DEPTH) {
        let end = depth.min(start + DEPTH);
        for j in (0..n_panels).step_by(PANELS) {
            // Past the last panel it is multiplied once more, into columns that nobody reads.
            let next = (j + 1).min(n_panels - 1);
            let left = &panels[j * depth + start..j * depth + end];
            let right = &panels[next * depth + start..next * depth + end];
            for i in 0..strips.len() / depth {
                let strip = &strips[i * depth + start..i * depth + end];
                multiply_strip(strip, left, right, start > 0, tile, i * STRIP, j * PANEL);
            }
        }
    }
}

/// A strip with two panels, added to the tile or put there.
#[target_feature(enable = "avx2")]
fn multiply_strip(
    strip: &[StripLine],
    left: &[PanelLine],
    right: &[PanelLine],
    add: bool,
    tile: &mut Tile,
    row: usize,
    column: usize,
) {
    let n = strip.len();
    let (left, right) = (&left[..n], &right[..n]);
    let mut sums = [[_mm256_setzero_si256(); PANELS]; STRIP];
    for k in 0..n {
        let columns = [load_line(&left[k]), load_line(&right[k])];
        for r in 0..STRIP {
            let pair = _mm256_set1_epi32(strip[k][r]);
            for c in 0..PANELS {
                let products = _mm256_madd_epi16(pair, columns[c]);
                sums[r][c] = _mm256_add_epi32(sums[r][c], products);
            }
        }
    }
    for r in 0..STRIP {
        for c in 0..PANELS {
            let at = column + c * PANEL;
            let to = &mut tile[row + r][at..at + PANEL];
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
fn load_line(line: &PanelLine) -> __m256i {
    // SAFETY: a line is eight integers, aligned to 32 bytes.
    unsafe { _mm256_load_si256(line.0.as_ptr().cast::<__m256i>()) }
}

#[target_feature(enable = "avx2")]
pub(super) fn find_extremes(tile: &Tile, n_rows: usize, extremes: &mut Extremes) {
    portable::find_extremes(tile, n_rows, extremes);
}

#[target_feature(enable = "avx2")]
pub(super) fn dot<T: Real>(a: &[T], b: &[T]) -> f64 {
    portable::dot(a, b)
}
