//! Unit directions as integers of 16 bits, and how far the products of those are from the cosines.

use crate::Real;
use crate::directions::Directions;
use crate::kernel::{PANEL, PanelLine, SIDE, STRIP, StripLine, to_strips};
use crate::parallel::{block_range, for_parts, map_blocks};

/// A component of 1: the largest integer of 16 bits.
///
/// By Cauchy and Schwarz no partial sum of a product of two directions exceeds SCALE^2 (1 + residual)^2, which is below 2^31 for any residual up to 0.41, and so for m up to 7e8.
pub(crate) const SCALE: f64 = 32_767.0;
/// The most dimensions for which the bound above holds, with room.
const MAX_DIMENSIONS: usize = 1 << 28;
/// Features whose residuals are measured in one block of work.
const RESIDUAL_BLOCK: usize = 64;

/// The unit directions of some features, rounded to multiples of 1 / [`SCALE`]: half of what they take as f32.
pub(crate) struct Quantized {
    lines: Vec<PanelLine>,
    /// Lines of a panel: half the number of dimensions, rounded up.
    depth: usize,
}

impl Quantized {
    /// Features with a norm above 0.
    pub(crate) fn new<T: Real>(
        directions: &Directions<'_, T>,
        features: &[usize],
        threads: usize,
    ) -> Self {
        let depth = directions.n_hidden().div_ceil(2).max(1);
        let n_panels = features.len().div_ceil(PANEL);
        let mut lines = vec![PanelLine::default(); n_panels * depth];
        for_parts(threads, &mut lines, depth, |p, panel| {
            let first = p * PANEL;
            let last = features.len().min(first + PANEL);
            for (lane, &feature) in features[first..last].iter().enumerate() {
                let factor = SCALE / directions.lengths.of(feature);
                for (pair, line) in directions.column(feature).chunks(2).zip(panel.iter_mut()) {
                    let low = quantize(pair[0], factor);
                    let high = pair.get(1).map_or(0, |&x| quantize(x, factor));
                    line.0[lane] = (high << 16) | (low & 0xffff);
                }
            }
        });
        Self { lines, depth }
    }

    pub(crate) fn depth(&self) -> usize {
        self.depth
    }

    /// The panels of a range of directions that starts at a panel.
    pub(crate) fn panels(&self, range: std::ops::Range<usize>) -> &[PanelLine] {
        &self.lines[range.start / PANEL * self.depth..range.end.div_ceil(PANEL) * self.depth]
    }

    /// Memory for [`Quantized::copy_strips`].
    pub(crate) fn new_strips(&self) -> Vec<StripLine> {
        vec![[0; STRIP]; SIDE / STRIP * self.depth]
    }

    /// The directions of a range that starts at a panel as rows of a tile.
    pub(crate) fn copy_strips(&self, range: std::ops::Range<usize>, strips: &mut [StripLine]) {
        to_strips(self.panels(range), self.depth, strips);
    }
}

/// How far the product of two quantised directions may be from [`SCALE`]^2 times the cosine of the two features.
///
/// With the residuals `$e_i = \lVert \hat W_i - q_i / S \rVert$`, measured, `$|\cos(W_i, W_j) - q_i \cdot q_j / S^2| \le e_i + e_j + e_i e_j \le e (2 + e)$` where e is the largest.
/// About `sqrt(m / 12) / S`: 2e-4 for m = 512.
pub(crate) fn margin(largest_residual: f64, n_hidden: usize) -> i32 {
    assert!(
        n_hidden <= MAX_DIMENSIONS,
        "{n_hidden} dimensions; at most {MAX_DIMENSIONS}"
    );
    // The last two terms are for the rounding of the cosine that decides, and of this.
    let rounding = 4.0 * f64::EPSILON * n_hidden as f64 + 1e-9;
    (SCALE * SCALE * (largest_residual * (2.0 + largest_residual) + rounding)).ceil() as i32
}

/// The largest `$\lVert \hat W_i - q_i / S \rVert$` of some features with a norm above 0, for [`margin`]; NaN does not count.
pub(crate) fn largest_residual<T: Real>(
    directions: &Directions<'_, T>,
    features: &[usize],
    threads: usize,
) -> f64 {
    let residual = |&feature: &usize| {
        let factor = SCALE / directions.lengths.of(feature);
        let column = directions.column(feature).iter();
        let square: f64 = column
            .map(|&x| x.to_f64() * factor - f64::from(quantize(x, factor)))
            .map(|rest| rest * rest)
            .sum();
        square.sqrt() / SCALE
    };
    map_blocks(threads, features.len().div_ceil(RESIDUAL_BLOCK), |block| {
        features[block_range(block, RESIDUAL_BLOCK, features.len())]
            .iter()
            .map(residual)
            .fold(0.0, f64::max)
    })
    .into_iter()
    .fold(0.0, f64::max)
}

/// Rounded to the nearest integer; NaN is 0.
fn quantize<T: Real>(x: T, factor: f64) -> i32 {
    // A cast truncates: half is added on the side of the sign. It cannot leave 16 bits, since no component of a unit direction exceeds 1.
    let scaled = x.to_f64() * factor;
    ((scaled + 0.5_f64.copysign(scaled)) as i32).clamp(-32_767, 32_767)
}

#[cfg(test)]
mod tests {
    use super::*;
    use superposition_testkit::geometry;

    /// The measured margin holds for every pair, and is not far above what it has to be.
    #[test]
    fn products_are_within_the_margin_of_the_cosines() {
        for (seed, (m, n)) in [(1, 5), (2, 9), (3, 20), (7, 40), (64, 50), (301, 30)]
            .into_iter()
            .enumerate()
        {
            let w = geometry::random_gaussian(m, n, seed as u64);
            let directions = Directions::new(w.as_ref(), 1);
            let features: Vec<usize> = (0..n).collect();
            let margin = i64::from(margin(largest_residual(&directions, &features, 2), m));
            let quantized = Quantized::new(&directions, &features, 2);
            let bound = (m as f64).sqrt() / SCALE;
            assert!(margin as f64 <= SCALE * SCALE * (bound * (2.0 + bound) + 2e-9) + 1.0);
            let component = |i: usize, k: usize| {
                let word = quantized.panels(i / PANEL * PANEL..i + 1)[k / 2].0[i % PANEL];
                i64::from(if k.is_multiple_of(2) {
                    i32::from(word as i16)
                } else {
                    word >> 16
                })
            };
            for i in 0..n {
                for j in 0..n {
                    let product: i64 = (0..m).map(|k| component(i, k) * component(j, k)).sum();
                    let cosine = SCALE * SCALE * directions.cosine(i, &directions, j);
                    assert!((product as f64 - cosine).abs() <= margin as f64, "{i} {j}");
                }
            }
        }
    }
}
