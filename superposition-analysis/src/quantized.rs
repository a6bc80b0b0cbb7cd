//! Unit directions as small integers, and how far the products of those are from the cosines.

use std::ops::Range;

use crate::Real;
use crate::directions::Directions;
use crate::kernel::{
    BYTE_BLOCK, PANEL, PanelLine, Rows, SIDE, SliceMemory, ThreadPool, Tile, TileSquares,
    byte_range, cosine_unit, depth_of_bytes, depth_of_digits, digits_of_panel, dot_words,
    fill_panels, largest_part, lost_of_digits, multiply_bytes, multiply_digits, multiply_words,
    round_into,
};
use crate::parallel::for_each;

/// A component of 1 in words: the largest integer of 16 bits.
///
/// By Cauchy and Schwarz no partial sum of a product of two directions exceeds WORD_SCALE^2 (1 + residual)^2, which is below 2^31 for any residual up to 0.41, and so for m up to 7e8.
const WORD_SCALE: f64 = 32_767.0;
/// The most dimensions for which the bound above holds, with room.
const MAX_DIMENSIONS: usize = 1 << 28;
/// Features of which [`Precision::of`] measures the residuals.
const SAMPLED: usize = 512;
/// For the rounding of a product to f32 and its two scales, and of the comparison with a bound: a few units of 2^-24.
const ROUNDING: f64 = 1e-6;

/// What a component of a direction becomes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Precision {
    /// 8 bits: twice as fast, and sure of a cosine within about .02.
    Bytes,
    /// 16 bits: sure of it within about 4e-4.
    Words,
    /// Four digits of 8 bits, of components times this scale, where the machine has tiles: so sure of it that squares of cosines can be summed too.
    Digits { scale: f64 },
}

impl Precision {
    /// Bytes, where few pairs of these directions are then left to be decided by their dot products.
    ///
    /// The cosines of random directions are about `$1/\sqrt m$`, and bytes should be sure of one within that: their mean residual, of a few hundred features, at most half of it.
    /// Directions with most of their norm in few components have larger residuals.
    pub(crate) fn of<T: Real>(directions: &Directions<'_, T>, features: &[usize]) -> Self {
        let m = directions.n_hidden();
        let mut rounded = vec![0; m];
        let (mut sum, mut count) = (0.0, 0.0);
        for &feature in features.iter().step_by(features.len() / SAMPLED + 1) {
            sum += Self::Bytes
                .round(directions, feature, &mut rounded)
                .residual;
            count += 1.0;
        }
        if sum / count * 2.0 * (m as f32).sqrt() <= 1.0 {
            Self::Bytes
        } else {
            Self::Words
        }
    }

    /// Rounds the unit direction of a feature, times its scale, to integers.
    fn round<T: Real>(
        self,
        directions: &Directions<'_, T>,
        feature: usize,
        rounded: &mut [i16],
    ) -> Rounding {
        let (column, length) = (directions.column(feature), directions.lengths.of(feature));
        let scale = match self {
            Self::Bytes => byte_scale(
                directions.lengths.measures()[feature].largest,
                column,
                length,
            ),
            Self::Words => WORD_SCALE,
            Self::Digits { .. } => unreachable!("digits are not rounded one by one"),
        };
        let residual = round_into(column, scale / length, rounded) / scale;
        Rounding {
            inverse_scale: (1.0 / scale) as f32,
            residual: (residual + slack(rounded.len())) as f32,
        }
    }
}

/// The unit directions of some features, each multiplied by a scale and rounded.
pub(crate) struct Quantized {
    pub(crate) precision: Precision,
    lines: Vec<PanelLine>,
    /// For bytes what sums begin with, see [`crate::kernel::multiply_bytes`]: a line for every block of lines.
    starts: Vec<PanelLine>,
    /// Lines of a panel.
    depth: usize,
    /// By direction.
    roundings: Vec<Rounding>,
    /// For bytes the directions in words too, one after the other.
    words: Vec<i16>,
    n_hidden: usize,
}

/// What quantising does to a direction.
#[derive(Debug, Clone, Copy, Default)]
struct Rounding {
    /// 1 / S, for the scale S.
    inverse_scale: f32,
    /// `$e = \lVert \hat W_i - q_i / S \rVert$`, measured, and what covers all roundings of f32.
    residual: f32,
}

impl Quantized {
    /// Features with a norm above 0.
    pub(crate) fn new<T: Real>(
        directions: &Directions<'_, T>,
        features: &[usize],
        precision: Precision,
        pool: &ThreadPool,
    ) -> Self {
        let m = directions.n_hidden();
        assert!(
            m <= MAX_DIMENSIONS,
            "{m} dimensions; at most {MAX_DIMENSIONS}"
        );
        let depth = match precision {
            Precision::Bytes => depth_of_bytes(m),
            Precision::Words => m.div_ceil(2).max(1),
            Precision::Digits { .. } => depth_of_digits(m),
        };
        let n_panels = features.len().div_ceil(PANEL);
        let mut roundings = vec![Rounding::default(); n_panels * PANEL];
        let mut words = match precision {
            Precision::Bytes => vec![0; features.len() * m],
            _ => Vec::new(),
        };
        let mut words_of_panels = words.chunks_mut((PANEL * m).max(1));
        let panels = roundings.chunks_mut(PANEL).zip(features.chunks(PANEL));
        let panels = panels.map(|panel| {
            // None for words, whose lines say all.
            (panel, words_of_panels.next().unwrap_or_default())
        });
        let new_memory = || (SliceMemory::default(), vec![0; m]);
        let lines = fill_panels(pool, depth, panels, new_memory, |memory, lines, panel| {
            let ((roundings, features), words) = panel;
            let (digits, rounded) = memory;
            if let Precision::Digits { scale } = precision {
                roundings.fill(digit_rounding(m, scale));
                put_digits(directions, features, scale, digits, lines);
                return;
            }
            for (lane, &feature) in features.iter().enumerate() {
                roundings[lane] = precision.round(directions, feature, rounded);
                put_components(rounded, precision, lane, lines);
                if let Some(words) = words.get_mut(lane * m..(lane + 1) * m) {
                    Precision::Words.round(directions, feature, words);
                }
            }
        });
        let starts = match precision {
            Precision::Bytes if byte_range().part.is_some() => starts(&lines, depth, pool),
            _ => Vec::new(),
        };
        Self {
            precision,
            lines,
            starts,
            depth,
            roundings,
            words,
            n_hidden: m,
        }
    }

    /// The panels of a range of directions that starts at a panel.
    fn panels(&self, range: Range<usize>) -> &[PanelLine] {
        &self.lines[of_panels(range, self.depth)]
    }

    /// The products of the first `n_rows` of some rows, of the same precision, with a range of these directions that starts at a panel.
    ///
    /// For digits the sums of their squares too; of a tile on the diagonal as [`multiply_digits`] says.
    pub(crate) fn multiply(
        &self,
        range: Range<usize>,
        (rows, n_rows): (&Rows, usize),
        is_diagonal: bool,
        tile: &mut Tile,
        squares: &mut TileSquares,
    ) {
        let panels = self.panels(range.clone());
        match self.precision {
            Precision::Bytes => {
                let starts = match self.starts[..] {
                    [] => &[],
                    _ => &self.starts[of_panels(range, self.depth.div_ceil(BYTE_BLOCK))],
                };
                multiply_bytes(rows, n_rows, panels, starts, self.depth, tile);
            }
            Precision::Words => multiply_words(rows, n_rows, panels, self.depth, tile),
            Precision::Digits { scale } => {
                let format = (self.depth, scale);
                multiply_digits(rows, n_rows, panels, format, is_diagonal, tile, squares);
            }
        }
    }

    /// Memory for [`Quantized::copy_rows`].
    pub(crate) fn new_rows(&self) -> Rows {
        match self.precision {
            Precision::Bytes => Rows::of_bytes(self.depth),
            Precision::Words => Rows::of_words(self.depth),
            Precision::Digits { .. } => Rows::of_digits(self.depth),
        }
    }

    /// The directions of a range that starts at a panel as rows of a tile.
    pub(crate) fn copy_rows(&self, range: Range<usize>, rows: &mut Rows) {
        rows.copy(self.panels(range), self.depth);
    }

    /// The scales of at most [`SIDE`] directions, inverted; NaN after the last.
    pub(crate) fn inverse_scales(&self, range: Range<usize>) -> [f32; SIDE] {
        let mut scales = [f32::NAN; SIDE];
        for (scale, rounding) in scales.iter_mut().zip(&self.roundings[range]) {
            *scale = rounding.inverse_scale;
        }
        scales
    }

    /// The cosine of direction `i` and of direction `j` of others, of the same precision, within [`closer_margin`]; none where their product in a tile is as close.
    pub(crate) fn closer(&self, i: usize, others: &Quantized, j: usize) -> Option<f32> {
        const UNIT: f32 = (1.0 / (WORD_SCALE * WORD_SCALE)) as f32;
        let m = self.n_hidden;
        let a = self.words.get(i * m..(i + 1) * m)?;
        let b = others.words.get(j * m..(j + 1) * m)?;
        Some(dot_words(a, b) as f32 * UNIT)
    }

    pub(crate) fn residual(&self, direction: usize) -> f32 {
        self.roundings[direction].residual
    }

    pub(crate) fn residuals(&self, range: Range<usize>) -> impl Iterator<Item = f32> {
        self.roundings[range].iter().map(|r| r.residual)
    }

    /// The largest residual of some directions.
    pub(crate) fn largest_residual(&self, range: Range<usize>) -> f32 {
        self.residuals(range).fold(0.0, f32::max)
    }
}

/// How far a [`closer`](Quantized::closer) cosine may be from the true one.
pub(crate) fn closer_margin(n_hidden: usize) -> f32 {
    // Every component is rounded by at most a half.
    let residual = ((n_hidden as f64).sqrt() / 2.0 / WORD_SCALE + slack(n_hidden)) as f32;
    margin(residual, residual)
}

/// How far the product of two quantised directions, divided by their scales, may be from the cosine: `$e_i + e_j + e_i e_j$`.
pub(crate) fn margin(residual: f32, other: f32) -> f32 {
    residual + other + residual * other
}

/// Those of a range of directions that starts at a panel, where each panel has `depth`.
fn of_panels(range: Range<usize>, depth: usize) -> Range<usize> {
    range.start / PANEL * depth..range.end.div_ceil(PANEL) * depth
}

/// The largest scale at which no component of a unit direction and no part that goes into one sum is larger than [`byte_range`] says.
fn byte_scale<T: Real>(largest: f64, column: &[T], length: f64) -> f64 {
    let range = byte_range();
    let by_component = range.component / (largest / length);
    let Some(part) = range.part else {
        return by_component;
    };
    // Rounding adds at most half to each component of a part.
    let added = (2.0 * BYTE_BLOCK as f64).sqrt() / 2.0;
    by_component.min((part - added) / (largest_part(column) / length))
}

/// For the rounding of the cosine that decides, and of everything that is done in f32.
fn slack(n_hidden: usize) -> f64 {
    4.0 * f64::EPSILON * n_hidden as f64 + ROUNDING
}

/// What digits tell of a cosine, rounded to the unit of a tile.
fn digit_rounding(n_hidden: usize, scale: f64) -> Rounding {
    let lost = lost_of_digits(n_hidden, scale);
    Rounding {
        // Of two directions together.
        inverse_scale: cosine_unit(scale).sqrt() as f32,
        residual: (lost / 2.0 + slack(n_hidden)) as f32,
    }
}

/// Puts the digits of the unit directions of some features into the lines of a panel.
fn put_digits<T: Real>(
    directions: &Directions<'_, T>,
    features: &[usize],
    scale: f64,
    memory: &mut SliceMemory,
    lines: &mut [PanelLine],
) {
    let units = features
        .iter()
        .map(|&j| (directions.column(j), scale / directions.lengths.of(j)));
    digits_of_panel(units, directions.n_hidden(), memory, lines);
}

/// Puts the components of a direction into its lane of the lines of a panel, the first in the lowest bits of each word.
fn put_components(rounded: &[i16], precision: Precision, lane: usize, lines: &mut [PanelLine]) {
    match precision {
        Precision::Bytes => {
            let (fours, rest) = rounded.as_chunks::<4>();
            for (line, four) in lines.iter_mut().zip(fours) {
                line.0[lane] = i32::from_le_bytes(four.map(|q| q as u8));
            }
            if !rest.is_empty() {
                let mut four = [0; 4];
                for (byte, &q) in four.iter_mut().zip(rest) {
                    *byte = q as u8;
                }
                lines[fours.len()].0[lane] = i32::from_le_bytes(four);
            }
        }
        Precision::Words => {
            for (line, pair) in lines.iter_mut().zip(rounded.chunks(2)) {
                let second = pair.get(1).copied().unwrap_or(0);
                line.0[lane] = i32::from(pair[0]) & 0xffff | i32::from(second) << 16;
            }
        }
        Precision::Digits { .. } => unreachable!("digits are put panel by panel"),
    }
}

/// For every block of lines, and of each direction by the two sums that it goes into, minus what is added to rows times the sum of its components, modulo 2^16.
fn starts(lines: &[PanelLine], depth: usize, pool: &ThreadPool) -> Vec<PanelLine> {
    let n_blocks = depth.div_ceil(BYTE_BLOCK);
    let added = -i32::from(byte_range().added);
    let mut starts = vec![PanelLine::default(); lines.len() / depth * n_blocks];
    let panels = starts.chunks_mut(n_blocks).zip(lines.chunks(depth));
    for_each(pool, panels, |(starts, lines)| {
        for (block, start) in lines.chunks(BYTE_BLOCK).zip(starts) {
            for lane in 0..PANEL {
                let mut sums = [0_i32; 2];
                for line in block {
                    let bytes = line.0[lane].to_le_bytes().map(|byte| i32::from(byte as i8));
                    sums[0] += bytes[0] + bytes[1];
                    sums[1] += bytes[2] + bytes[3];
                }
                let [low, high] = sums.map(|sum| (added * sum) & 0xffff);
                start.0[lane] = low | (high << 16);
            }
        }
    });
    starts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::new_tile;
    use faer::{Mat, MatRef};
    use superposition_testkit::geometry;

    const BOTH: [Precision; 2] = [Precision::Bytes, Precision::Words];

    /// The measured margins hold for every pair: the largest error found, as a part of its margin.
    fn largest_error(w: MatRef<'_, f64>, precision: Precision) -> f64 {
        let n = w.ncols();
        let directions = Directions::new(w, &ThreadPool::new(1));
        let features: Vec<usize> = (0..n).collect();
        let quantized = Quantized::new(&directions, &features, precision, &ThreadPool::new(2));
        let mut rows = quantized.new_rows();
        quantized.copy_rows(0..n, &mut rows);
        let mut tile = new_tile();
        quantized.multiply(0..n, (&rows, n), true, &mut tile, &mut TileSquares::new());
        let scales = quantized.inverse_scales(0..n);
        let mut largest = 0.0_f64;
        for i in 0..n {
            for j in 0..n {
                let product = f64::from(tile[i][j] as f32 * scales[i] * scales[j]);
                let error = (product - directions.cosine(i, &directions, j)).abs();
                let margin = margin(quantized.residual(i), quantized.residual(j));
                largest = largest.max(error / f64::from(margin));
            }
        }
        largest
    }

    #[test]
    fn products_are_within_the_margin_of_the_cosines() {
        for (seed, (m, n)) in [
            (1, 5),
            (2, 9),
            (3, 20),
            (7, 40),
            (64, 50),
            (65, 60),
            (301, 30),
        ]
        .into_iter()
        .enumerate()
        {
            let w = geometry::random_gaussian(m, n, seed as u64);
            for precision in BOTH {
                let largest = largest_error(w.as_ref(), precision);
                assert!(largest <= 1.0, "{precision:?} {m} x {n}: {largest}");
            }
        }
    }

    /// The sums of 16 bits are at their largest: all of a direction in one part, all components equal, copies and negated ones of it.
    #[test]
    fn no_sum_overflows() {
        for width in [1, 2, 16, 32, 64, 128] {
            let w = Mat::from_fn(200, 6, |k, j| {
                let sign = if j % 2 == 0 { 1.0 } else { -1.0 };
                // Every second pair of components, of which one sum is made.
                let own = if j < 4 { k / 2 % 2 == 0 } else { k % 3 == 0 };
                if own && k < 2 * width { sign } else { 0.0 }
            });
            for precision in BOTH {
                let largest = largest_error(w.as_ref(), precision);
                assert!(largest <= 1.0, "{precision:?} {width}: {largest}");
            }
        }
    }

    /// Margins are not far above what they have to be.
    #[test]
    fn residuals_are_those_of_rounding() {
        let (m, n) = (768, 40);
        let w = geometry::random_gaussian(m, n, 4);
        let directions = Directions::new(w.as_ref(), &ThreadPool::new(1));
        let features: Vec<usize> = (0..n).collect();
        for (precision, most) in [(Precision::Bytes, 0.016), (Precision::Words, 2.6e-4)] {
            let quantized = Quantized::new(&directions, &features, precision, &ThreadPool::new(1));
            assert!(quantized.largest_residual(0..n) < most, "{precision:?}");
        }
        assert_eq!(Precision::of(&directions, &features), Precision::Bytes);
        // One component holds nearly all of every direction.
        let spiked = Mat::from_fn(m, n, |k, j| w[(k, j)] + if k == j { 300.0 } else { 0.0 });
        let directions = Directions::new(spiked.as_ref(), &ThreadPool::new(1));
        assert_eq!(Precision::of(&directions, &features), Precision::Words);
    }
}
