//! Every cosine once, in tiles, for statistics of the caller's own; and the two that are made of them here.

use std::ops::Range;

use crate::Real;
use crate::directions::Directions;
use crate::kernel::ThreadPool;
use crate::linalg::product_into;
use crate::parallel::{block_range, map_blocks};
use faer::{Mat, MatRef};

/// Features along one side of a tile: 512 KiB of cosines.
const TILE: usize = 256;

/// A tile of the matrix of cosines.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct CosineTile<'a> {
    /// The features of its rows.
    pub rows: Range<usize>,
    /// The features of its columns: the same ones, on the diagonal, or all larger.
    pub columns: Range<usize>,
    /// The cosines, in [-1, 1]; 0 for a zero feature, NaN for one with NaN.
    pub cosines: MatRef<'a, f64>,
}

impl CosineTile<'_> {
    /// Every pair i < j of the tile with its cosine.
    pub fn pairs(&self) -> impl Iterator<Item = (usize, usize, f64)> {
        self.columns.clone().enumerate().flat_map(move |(b, j)| {
            let above = self.rows.clone().take_while(move |&i| i < j).enumerate();
            above.map(move |(a, i)| (i, j, self.cosines[(a, b)]))
        })
    }
}

/// Calls `visit` for every tile of the upper triangle of the matrix of cosines of the m x n matrix W, and returns what it returned, in the order of the tiles.
///
/// For any statistic of pairs that this crate does not have: fold a tile into something small, then add up the results in their order, which is the same for any number of `threads`.
/// O(n^2 m / 2) multiplications in f64, in blocks; memory for W as f64 in two blocks of 256 features for each thread, never n x n.
///
/// # Panics
/// If `threads` is 0.
///
/// ```
/// use superposition_analysis::{from_columns, map_cosine_tiles};
/// let w = from_columns(&[1.0, 0.0, 0.6, 0.8, -1.0, 0.0], 2, 3);
/// // How many pairs are at an angle of more than 90 degrees?
/// let obtuse: usize = map_cosine_tiles(w, 1, |tile| {
///     tile.pairs().filter(|&(_, _, cosine)| cosine < 0.0).count()
/// })
/// .into_iter()
/// .sum();
/// assert_eq!(obtuse, 2);
/// ```
#[track_caller]
pub fn map_cosine_tiles<T: Real, R: Send>(
    w: MatRef<'_, T>,
    threads: usize,
    visit: impl Fn(CosineTile<'_>) -> R + Sync,
) -> Vec<R> {
    let pool = ThreadPool::new(threads);
    let directions = Directions::new(w, &pool);
    let (m, n) = w.shape();
    let side = n.div_ceil(TILE);
    let rows_of_tiles = map_blocks(&pool, side, |i| {
        let rows = block_range(i, TILE, n);
        let mut left = Mat::zeros(m, rows.len());
        let mut right = Mat::zeros(m, TILE.min(n));
        let mut tile = Mat::zeros(rows.len(), TILE.min(n));
        directions.copy_units(rows.clone(), left.as_mut());
        (i..side)
            .map(|j| {
                let columns = block_range(j, TILE, n);
                let mut right = right.subcols_mut(0, columns.len());
                directions.copy_units(columns.clone(), right.as_mut());
                let mut cosines = tile.subcols_mut(0, columns.len());
                product_into(cosines.as_mut(), left.transpose(), right.as_ref());
                for b in 0..columns.len() {
                    for x in cosines.as_mut().col_mut(b).iter_mut() {
                        // Rounding may leave the product of parallel unit vectors beyond 1; NaN stays.
                        *x = x.clamp(-1.0, 1.0);
                    }
                }
                visit(CosineTile {
                    rows: rows.clone(),
                    columns,
                    cosines: cosines.as_ref(),
                })
            })
            .collect::<Vec<R>>()
    });
    rows_of_tiles.into_iter().flatten().collect()
}

/// How many pairs have their cosine in each of `bins` equal parts of [-1, 1]; the last includes 1.
///
/// Over all pairs i < j: zero features have cosine 0 with every other, pairs with NaN are in no bin.
/// A cosine within rounding of the border of two bins may be in either. Cost and threads as for [`map_cosine_tiles`].
///
/// # Panics
/// If `bins` or `threads` is 0.
///
/// ```
/// use superposition_analysis::{cosine_histogram, from_columns};
/// let w = from_columns(&[1.0, 0.0, 0.6, 0.8, -1.0, 0.0], 2, 3);
/// assert_eq!(cosine_histogram(w, 4, 1), [2, 0, 0, 1]);
/// ```
#[doc(alias = "angle_histogram")]
#[must_use]
#[track_caller]
pub fn cosine_histogram<T: Real>(w: MatRef<'_, T>, bins: usize, threads: usize) -> Vec<u64> {
    assert!(bins > 0, "at least one bin, not 0");
    let tiles = map_cosine_tiles(w, threads, |tile| {
        let mut counts = vec![0_u64; bins];
        for (_, _, cosine) in tile.pairs().filter(|pair| !pair.2.is_nan()) {
            let bin = ((cosine + 1.0) / 2.0 * bins as f64) as usize;
            counts[bin.min(bins - 1)] += 1;
        }
        counts
    });
    let mut total = vec![0; bins];
    for counts in tiles {
        for (sum, count) in total.iter_mut().zip(counts) {
            *sum += count;
        }
    }
    total
}

/// The mean of `$|\cos(W_i, W_j)|$` over all pairs i < j; 0 for n = 1.
///
/// Zero features have cosine 0 with every other; NaN anywhere makes it NaN.
/// Unlike the mean of cos^2 ([`mean_interference`](crate::mean_interference)) it is no sum through the frame operator: cost and threads are those of [`map_cosine_tiles`].
/// Random directions have about `$\sqrt{2 / (\pi m)}$`.
///
/// # Panics
/// If `threads` is 0.
///
/// ```
/// use superposition_analysis::{from_columns, mean_absolute_cosine};
/// let w = from_columns(&[1.0, 0.0, 0.6, 0.8, -1.0, 0.0], 2, 3);
/// assert!((mean_absolute_cosine(w, 1) - 2.2 / 3.0).abs() < 1e-15);
/// ```
#[must_use]
#[track_caller]
pub fn mean_absolute_cosine<T: Real>(w: MatRef<'_, T>, threads: usize) -> f64 {
    let n = w.ncols() as f64;
    let sum: f64 = map_cosine_tiles(w, threads, |tile| {
        tile.pairs().map(|pair| pair.2.abs()).sum::<f64>()
    })
    .into_iter()
    .sum();
    if n < 2.0 {
        0.0
    } else {
        sum / (n * (n - 1.0) / 2.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use superposition_testkit::geometry;
    use superposition_testkit::tolerance::{Tolerance, assert_close};

    /// Several tiles, ragged ones among them: every pair once, with the cosine of the naive matrix.
    #[test]
    fn every_pair_is_visited_once() {
        let n = 2 * TILE + 3;
        let w = geometry::random_gaussian(7, n, 3);
        let expected = crate::cosines(w.as_ref());
        for threads in [1, 3] {
            let mut seen = Mat::<f64>::zeros(n, n);
            let tiles =
                map_cosine_tiles(w.as_ref(), threads, |tile| tile.pairs().collect::<Vec<_>>());
            for (i, j, cosine) in tiles.into_iter().flatten() {
                assert!(i < j);
                seen[(i, j)] += 1.0;
                assert_close(cosine, expected[(i, j)], Tolerance::reduction_f64(7, 1.0));
            }
            let visited: f64 = seen.col_iter().flat_map(|c| c.iter()).sum();
            assert!(
                seen.col_iter()
                    .flat_map(|c| c.iter())
                    .all(|&count| count <= 1.0)
            );
            assert_eq!(visited, (n * (n - 1) / 2) as f64);
        }
    }

    #[test]
    fn statistics_are_those_of_the_matrix() {
        let n = TILE + 20;
        let w = geometry::random_gaussian(4, n, 9);
        let cosines = crate::cosines(w.as_ref());
        let pairs: Vec<f64> = (0..n)
            .flat_map(|j| (0..j).map(move |i| (i, j)))
            .map(|at| cosines[at])
            .collect();
        let mean = pairs.iter().map(|c| c.abs()).sum::<f64>() / pairs.len() as f64;
        let found = mean_absolute_cosine(w.as_ref(), 2);
        assert_close(found, mean, Tolerance::relative(1e-12));
        let mut counts = vec![0; 9];
        for cosine in pairs {
            counts[((cosine + 1.0) / 2.0 * 9.0) as usize] += 1;
        }
        assert_eq!(cosine_histogram(w.as_ref(), 9, 2), counts);
        assert_eq!(cosine_histogram(w.as_ref(), 9, 1), counts);
        let one = geometry::random_gaussian(4, 1, 0);
        assert_eq!(mean_absolute_cosine(one.as_ref(), 1), 0.0);
    }
}
