//! The statistics of pairs that a null baseline is about.

use crate::directions::Directions;
use crate::interference::{interference_of, mean};
use crate::kernel::ThreadPool;
use crate::linalg::product_into;
use crate::parallel::{block_range, fold_blocks};
use faer::{Mat, MatRef};
use std::ops::Range;

/// Features along one side of a tile of cosines.
const TILE: usize = 256;

/// Statistics of the pairs of the represented features of one dictionary.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct PairStatistics {
    /// Mean cos^2 over all pairs.
    pub mean_interference: f64,
    /// Mean over the features of the largest cosine with another feature.
    pub nearest_cosine_mean: f64,
    /// Of these largest cosines, the 5 % quantile over the features.
    pub nearest_cosine_p05: f64,
    /// Their median.
    pub nearest_cosine_median: f64,
    /// Their 95 % quantile.
    pub nearest_cosine_p95: f64,
    /// The largest cosine of all pairs; `None` where not all were looked at.
    pub max_cosine: Option<f64>,
    /// The smallest cosine of all pairs; `None` where not all were looked at.
    pub min_cosine: Option<f64>,
    /// Mean over the features of the number of others at cos^2 above the threshold: the number of edges is n/2 times this.
    pub mean_degree: f64,
}

impl PairStatistics {
    /// From what a pass over all pairs has found already: the largest cosine of every represented feature with another one, the smallest of all, and the number of pairs above the threshold of the edges.
    ///
    /// `None` for fewer than two features.
    ///
    /// ```
    /// use superposition_analysis::PairStatistics;
    /// // Three features, of which two are at cosine 0.6 and the third is opposed to one of them.
    /// let pairs = PairStatistics::from_pairs(0.5, &[0.6, 0.6, -0.6], -1.0, 3).unwrap();
    /// assert_eq!((pairs.max_cosine, pairs.nearest_cosine_median), (Some(0.6), 0.6));
    /// assert_eq!(pairs.mean_degree, 2.0);
    /// ```
    #[must_use]
    pub fn from_pairs(
        mean_interference: f64,
        nearest: &[f64],
        min_cosine: f64,
        n_edges: u64,
    ) -> Option<Self> {
        let n = nearest.len();
        (n >= 2).then(|| {
            let degree = 2.0 * n_edges as f64 / n as f64;
            Self::of(mean_interference, nearest.to_vec(), min_cosine, degree)
        })
    }

    /// From the largest cosines of at least one feature.
    fn of(
        mean_interference: f64,
        mut nearest: Vec<f64>,
        min_cosine: f64,
        mean_degree: f64,
    ) -> Self {
        nearest.sort_by(f64::total_cmp);
        Self {
            mean_interference,
            nearest_cosine_mean: mean(&nearest),
            nearest_cosine_p05: quantile(&nearest, 0.05),
            nearest_cosine_median: quantile(&nearest, 0.5),
            nearest_cosine_p95: quantile(&nearest, 0.95),
            max_cosine: nearest.last().copied(),
            min_cosine: Some(min_cosine),
            mean_degree,
        }
    }
}

/// What one thread has seen.
struct Seen {
    nearest: Vec<f64>,
    smallest: f64,
    /// Edges counted at the ends that are among the first rows.
    ends: u64,
    tile: Mat<f64>,
}

/// The statistics of unit columns, those of pairs from the pairs of the first `rows` columns with all columns; and the mean interference of every column. `None` for fewer than two columns.
///
/// Maxima and counts, so that the order of the tiles does not matter.
pub(super) fn statistics_of(
    units: MatRef<'_, f64>,
    rows: usize,
    threshold: f64,
    pool: &ThreadPool,
) -> Option<(PairStatistics, Vec<f64>)> {
    let n = units.ncols();
    if n < 2 {
        return None;
    }
    let rows = rows.clamp(1, n);
    let interference = interference_of(&Directions::new(units, pool), &vec![1.0; n], n, pool);
    let new_state = || Seen {
        nearest: vec![f64::NEG_INFINITY; n],
        smallest: f64::INFINITY,
        ends: 0,
        tile: Mat::zeros(TILE, TILE),
    };
    let tiles = tiles(rows, n);
    let states = fold_blocks(pool, tiles.len(), new_state, |seen, tile| {
        let (a, b) = tiles[tile].clone();
        visit(units, seen, a, b, rows, threshold);
    });
    let mut nearest = vec![f64::NEG_INFINITY; rows];
    let (mut smallest, mut ends) = (f64::INFINITY, 0);
    for seen in &states {
        for (best, &other) in nearest.iter_mut().zip(&seen.nearest) {
            *best = best.max(other);
        }
        smallest = smallest.min(seen.smallest);
        ends += seen.ends;
    }
    let degree = ends as f64 / rows as f64;
    let statistics = PairStatistics::of(mean(&interference), nearest, smallest, degree);
    if rows == n {
        return Some((statistics, interference));
    }
    // The extreme of some pairs is not that of all.
    let statistics = PairStatistics {
        max_cosine: None,
        min_cosine: None,
        ..statistics
    };
    Some((statistics, interference))
}

/// Tiles that hold every pair of 0..rows with 0..n once.
fn tiles(rows: usize, n: usize) -> Vec<(Range<usize>, Range<usize>)> {
    let first: Vec<_> = (0..rows.div_ceil(TILE))
        .map(|block| block_range(block, TILE, rows))
        .collect();
    let rest: Vec<_> = (0..(n - rows).div_ceil(TILE))
        .map(|block| block_range(block, TILE, n - rows))
        .map(|range| rows + range.start..rows + range.end)
        .collect();
    let mut tiles = Vec::new();
    for (i, a) in first.iter().enumerate() {
        let partners = first[i..].iter().chain(&rest);
        tiles.extend(partners.map(|b| (a.clone(), b.clone())));
    }
    tiles
}

fn visit(
    units: MatRef<'_, f64>,
    seen: &mut Seen,
    a: Range<usize>,
    b: Range<usize>,
    rows: usize,
    threshold: f64,
) {
    product_into(
        seen.tile.submatrix_mut(0, 0, a.len(), b.len()),
        units.subcols(a.start, a.len()).transpose(),
        units.subcols(b.start, b.len()),
    );
    // An edge within the rows has both of its ends there.
    let ends_of_edge = if b.start < rows { 2 } else { 1 };
    for (column, j) in b.clone().enumerate() {
        // On the diagonal a pair is met once, with i < j.
        let height = if a == b { column } else { a.len() };
        let cosines = &seen.tile.col_as_slice(column)[..height];
        let mut best = f64::NEG_INFINITY;
        let mut smallest = f64::INFINITY;
        let mut edges = 0;
        for (nearest, &cosine) in seen.nearest[a.start..].iter_mut().zip(cosines) {
            // Rounding may carry a cosine beyond 1.
            let cosine = cosine.clamp(-1.0, 1.0);
            *nearest = nearest.max(cosine);
            best = best.max(cosine);
            smallest = smallest.min(cosine);
            edges += u64::from(cosine * cosine > threshold);
        }
        seen.nearest[j] = seen.nearest[j].max(best);
        seen.smallest = seen.smallest.min(smallest);
        seen.ends += ends_of_edge * edges;
    }
}

/// The quantile of sorted values, linear between neighbours: the one at place `p (n - 1)`.
pub(super) fn quantile(sorted: &[f64], p: f64) -> f64 {
    let place = p * (sorted.len() - 1) as f64;
    let below = place as usize;
    let above = (below + 1).min(sorted.len() - 1);
    sorted[below] + (place - below as f64) * (sorted[above] - sorted[below])
}
