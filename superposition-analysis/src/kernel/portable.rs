//! The bodies in plain Rust.

use super::{Extremes, PANEL, PanelLine, SIDE, STRIP, StripLine, Tile};
use crate::Real;

pub(super) fn multiply(strips: &[StripLine], panels: &[PanelLine], depth: usize, tile: &mut Tile) {
    for (i, a) in strips.chunks_exact(depth).enumerate() {
        for (j, b) in panels.chunks_exact(depth).enumerate() {
            let mut sums = [[0_i32; PANEL]; STRIP];
            for k in 0..depth {
                for r in 0..STRIP {
                    for c in 0..PANEL {
                        sums[r][c] += multiply_pair(a[k][r], b[k].0[c]);
                    }
                }
            }
            for r in 0..STRIP {
                tile[i * STRIP + r][j * PANEL..(j + 1) * PANEL].copy_from_slice(&sums[r]);
            }
        }
    }
}

/// The product of the low halves plus the product of the high halves.
#[inline(always)]
fn multiply_pair(a: i32, b: i32) -> i32 {
    let low = (a as i16 as i32) * (b as i16 as i32);
    let high = (a >> 16) * (b >> 16);
    low + high
}

#[inline(always)]
pub(super) fn find_extremes(tile: &Tile, n_rows: usize, extremes: &mut Extremes) {
    const LANES: usize = 16;
    extremes.column_high = [i32::MIN; SIDE];
    extremes.column_low = [i32::MAX; SIDE];
    for r in 0..n_rows {
        let row = &tile[r];
        let mut high = [i32::MIN; LANES];
        let mut low = [i32::MAX; LANES];
        for start in (0..SIDE).step_by(LANES) {
            for lane in 0..LANES {
                let c = start + lane;
                high[lane] = high[lane].max(row[c]);
                low[lane] = low[lane].min(row[c]);
                extremes.column_high[c] = extremes.column_high[c].max(row[c]);
                extremes.column_low[c] = extremes.column_low[c].min(row[c]);
            }
        }
        let (mut highest, mut lowest) = (i32::MIN, i32::MAX);
        for lane in 0..LANES {
            highest = highest.max(high[lane]);
            lowest = lowest.min(low[lane]);
        }
        extremes.row_high[r] = highest;
        extremes.row_low[r] = lowest;
    }
}

#[inline(always)]
pub(super) fn dot<T: Real>(a: &[T], b: &[T]) -> f64 {
    const LANES: usize = 8;
    let n = a.len().min(b.len());
    let mut sums = [0.0_f64; LANES];
    let whole = n - n % LANES;
    for start in (0..whole).step_by(LANES) {
        for lane in 0..LANES {
            sums[lane] += a[start + lane].to_f64() * b[start + lane].to_f64();
        }
    }
    for k in whole..n {
        sums[k - whole] += a[k].to_f64() * b[k].to_f64();
    }
    ((sums[0] + sums[4]) + (sums[2] + sums[6])) + ((sums[1] + sums[5]) + (sums[3] + sums[7]))
}
