//! The bodies in plain Rust.

use super::{BYTE_BLOCK, Bounds, Hit, PANEL, PanelLine, SIDE, STRIP, StripLine, Tile};
use crate::Real;

/// Numbers that extremes are taken of at a time.
const LANES: usize = 16;

pub(super) fn multiply_words(
    strips: &[StripLine],
    panels: &[PanelLine],
    depth: usize,
    tile: &mut Tile,
) {
    multiply(strips, panels, depth, tile, |a, b| {
        let low = (a as i16 as i32) * (b as i16 as i32);
        let high = (a >> 16) * (b >> 16);
        low + high
    });
}

pub(super) fn multiply_bytes(
    strips: &[StripLine],
    panels: &[PanelLine],
    depth: usize,
    added: u8,
    tile: &mut Tile,
) {
    multiply(strips, panels, depth, tile, |a, b| {
        let (a, b) = (a.to_le_bytes(), b.to_le_bytes());
        let product = |k: usize| (i32::from(a[k]) - i32::from(added)) * i32::from(b[k] as i8);
        product(0) + product(1) + product(2) + product(3)
    });
}

/// `product` is that of the components in two words.
#[inline(always)]
fn multiply(
    strips: &[StripLine],
    panels: &[PanelLine],
    depth: usize,
    tile: &mut Tile,
    product: impl Fn(i32, i32) -> i32,
) {
    for (i, a) in strips.chunks_exact(depth).enumerate() {
        for (j, b) in panels.chunks_exact(depth).enumerate() {
            let mut sums = [[0_i32; PANEL]; STRIP];
            for k in 0..depth {
                for r in 0..STRIP {
                    for c in 0..PANEL {
                        sums[r][c] += product(a[k][r], b[k].0[c]);
                    }
                }
            }
            for r in 0..STRIP {
                tile[i * STRIP + r][j * PANEL..(j + 1) * PANEL].copy_from_slice(&sums[r]);
            }
        }
    }
}

#[inline(always)]
pub(super) fn row_extremes(
    tile: &Tile,
    row_scales: &[f32],
    column_scales: &[f32; SIDE],
) -> Vec<[f32; 2]> {
    let mut extremes = Vec::with_capacity(row_scales.len());
    for (row, &scale) in row_scales.iter().enumerate() {
        let mut values = [0.0_f32; SIDE];
        for column in 0..SIDE {
            values[column] = tile[row][column] as f32 * scale * column_scales[column];
        }
        values[row] = f32::NAN;
        let (mut low, mut high) = ([f32::INFINITY; LANES], [f32::NEG_INFINITY; LANES]);
        let (chunks, _) = values.as_chunks::<LANES>();
        for chunk in chunks {
            for lane in 0..LANES {
                // NaN is neither.
                let x = chunk[lane];
                low[lane] = if x < low[lane] { x } else { low[lane] };
                high[lane] = if x > high[lane] { x } else { high[lane] };
            }
        }
        extremes.push([
            low.into_iter().fold(f32::INFINITY, f32::min),
            high.into_iter().fold(f32::NEG_INFINITY, f32::max),
        ]);
    }
    extremes
}

pub(super) fn find_hits(
    tile: &Tile,
    row_scales: &[f32],
    column_scales: &[f32; SIDE],
    bounds: &Bounds,
    hits: &mut Vec<Hit>,
) {
    for (row, &scale) in row_scales.iter().enumerate() {
        for column in 0..SIDE {
            let value = tile[row][column] as f32 * scale * column_scales[column];
            let is_high = value >= bounds.row_high[row] || value >= bounds.column_high[column];
            let is_low = value <= bounds.row_low[row] || value <= bounds.column_low[column];
            if is_high || is_low {
                hits.push(Hit::new(row, column, value));
            }
        }
    }
}

#[inline(always)]
pub(super) fn largest<T: Real>(column: &[T]) -> f64 {
    const LANES: usize = 16;
    let mut largest = [0.0_f64; LANES];
    let (chunks, rest) = column.as_chunks::<LANES>();
    for x in chunks {
        for lane in 0..LANES {
            largest[lane] = larger(largest[lane], x[lane]);
        }
    }
    for lane in 0..rest.len() {
        largest[lane] = larger(largest[lane], rest[lane]);
    }
    largest.into_iter().fold(0.0, f64::max)
}

#[inline(always)]
fn larger<T: Real>(largest: f64, x: T) -> f64 {
    let size = x.to_f64().abs();
    if size > largest { size } else { largest }
}

#[inline(always)]
pub(super) fn largest_part<T: Real>(column: &[T]) -> f64 {
    const LANES: usize = 16;
    let mut largest_square = 0.0_f64;
    for block in column.chunks(4 * BYTE_BLOCK) {
        let mut squares = [0.0_f64; LANES];
        let (chunks, rest) = block.as_chunks::<LANES>();
        for x in chunks {
            for lane in 0..LANES {
                squares[lane] += x[lane].to_f64() * x[lane].to_f64();
            }
        }
        for lane in 0..rest.len() {
            squares[lane] += rest[lane].to_f64() * rest[lane].to_f64();
        }
        // Of every four components two go into one sum and two into another.
        let mut sums = [0.0; 2];
        for lane in 0..LANES {
            sums[lane % 4 / 2] += squares[lane];
        }
        largest_square = largest_square.max(sums[0]).max(sums[1]);
    }
    largest_square.sqrt()
}

#[inline(always)]
pub(super) fn round_into<T: Real>(column: &[T], factor: f64, rounded: &mut [i16]) -> f64 {
    const LANES: usize = 16;
    // Beside it a number has no binary places left: its lowest bits are the nearest integer.
    const SHIFT: f64 = 1.5 * (1_u64 << 52) as f64;
    let n = column.len().min(rounded.len());
    let mut squares = [0.0_f64; LANES];
    let (columns, rest) = column[..n].as_chunks::<LANES>();
    let (rounded, rounded_rest) = rounded[..n].as_chunks_mut::<LANES>();
    for (x, q) in columns.iter().zip(rounded) {
        for lane in 0..LANES {
            let scaled = x[lane].to_f64() * factor;
            let shifted = scaled + SHIFT;
            q[lane] = shifted.to_bits() as i16;
            let lost = scaled - (shifted - SHIFT);
            squares[lane] += lost * lost;
        }
    }
    for lane in 0..rest.len() {
        let scaled = rest[lane].to_f64() * factor;
        let shifted = scaled + SHIFT;
        rounded_rest[lane] = shifted.to_bits() as i16;
        let lost = scaled - (shifted - SHIFT);
        squares[lane] += lost * lost;
    }
    tree_sum(squares).sqrt()
}

#[inline(always)]
pub(super) fn dot_words(a: &[i16], b: &[i16]) -> i32 {
    let n = a.len().min(b.len());
    let (a, b) = (&a[..n], &b[..n]);
    let mut sum = 0_i32;
    for k in 0..n {
        sum += i32::from(a[k]) * i32::from(b[k]);
    }
    sum
}

/// The sum of lanes, the second half of which is added to the first again and again.
#[inline(always)]
pub(super) fn tree_sum<const N: usize>(mut lanes: [f64; N]) -> f64 {
    let mut half = N / 2;
    while half > 0 {
        for lane in 0..half {
            lanes[lane] += lanes[lane + half];
        }
        half /= 2;
    }
    lanes[0]
}

#[inline(always)]
pub(super) fn dot<T: Real>(a: &[T], b: &[T]) -> f64 {
    const LANES: usize = 32;
    let n = a.len().min(b.len());
    let mut sums = [0.0_f64; LANES];
    let (a, a_rest) = a[..n].as_chunks::<LANES>();
    let (b, b_rest) = b[..n].as_chunks::<LANES>();
    for (a, b) in a.iter().zip(b) {
        for lane in 0..LANES {
            sums[lane] += a[lane].to_f64() * b[lane].to_f64();
        }
    }
    for lane in 0..a_rest.len() {
        sums[lane] += a_rest[lane].to_f64() * b_rest[lane].to_f64();
    }
    tree_sum(sums)
}
