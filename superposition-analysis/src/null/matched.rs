//! Random dictionaries with the mean and the covariance of a given one.

use crate::directions::column;
use crate::kernel::{ThreadPool, dot};
use crate::linalg::{product, symmetric_eigen};
use crate::parallel::{block_range, map_blocks};
use crate::random::{Purpose, normal_columns};
use crate::weighted_frame::operator;
use faer::{Mat, MatRef};

/// Features that are drawn from one stream of random numbers.
const STREAM_BLOCK: usize = 512;

/// The Gaussian with the mean and the covariance of unit columns, in its principal axes.
///
/// Cosines do not change when all directions are rotated, so the draws stay in these axes: a number for each, without a product.
pub(super) struct MatchedGaussian {
    n_features: usize,
    /// Along each axis, not negative: which way an axis points is nobody's choice.
    mean: Vec<f64>,
    /// Along each axis. The last one is 0: that axis holds what of the mean lies in no other.
    deviation: Vec<f64>,
}

impl MatchedGaussian {
    /// From the unit columns of a dictionary, at least one.
    pub(super) fn new(units: MatRef<'_, f64>, pool: &ThreadPool) -> Self {
        let (m, n) = units.shape();
        let mut mean = vec![0.0; m];
        for j in 0..n {
            for (sum, x) in mean.iter_mut().zip(column(units, j)) {
                *sum += x;
            }
        }
        mean.iter_mut().for_each(|sum| *sum /= n as f64);
        let mut centered = units.to_owned();
        for j in 0..n {
            for (x, mean) in centered.col_as_slice_mut(j).iter_mut().zip(&mean) {
                *x -= mean;
            }
        }
        let along = Mat::from_fn(m, 1, |i, _| mean[i]);
        // n times the covariance, or the Gram matrix with the same eigenvalues where that is smaller.
        let (mut values, projections) = if m <= n {
            let (values, axes) = symmetric_eigen(operator(centered.as_ref(), pool).as_ref());
            (values, product(axes.transpose(), along.as_ref()))
        } else {
            let gram = operator(centered.transpose(), pool);
            let (values, coefficients) = symmetric_eigen(gram.as_ref());
            let inner = product(centered.transpose(), along.as_ref());
            (values, product(coefficients.transpose(), inner.as_ref()))
        };
        let noise = 8.0 * m.max(n) as f64 * f64::EPSILON * values[0];
        values.retain(|&value| value > noise);
        let mut axes: Vec<f64> = values
            .iter()
            .enumerate()
            .map(|(k, value)| {
                let projection = projections[(k, 0)].abs();
                // A column of the Gram matrix's decomposition is an axis times the root of its value.
                if m <= n {
                    projection
                } else {
                    projection / value.sqrt()
                }
            })
            .collect();
        let rest = dot(&mean, &mean) - dot(&axes, &axes);
        axes.push(rest.max(0.0).sqrt());
        let mut deviation: Vec<f64> = values.iter().map(|v| (v / n as f64).sqrt()).collect();
        deviation.push(0.0);
        Self {
            n_features: n,
            mean: axes,
            deviation,
        }
    }

    /// Draw number `draw`: as many unit columns as the dictionary has, a function of the seed and the number alone.
    pub(super) fn draw(&self, seed: u64, draw: usize, pool: &ThreadPool) -> Mat<f64> {
        let n_blocks = self.n_features.div_ceil(STREAM_BLOCK);
        let blocks = map_blocks(pool, n_blocks, |block| {
            let range = block_range(block, STREAM_BLOCK, self.n_features);
            let mut units = Mat::zeros(self.mean.len(), range.len());
            let stream = draw as u64 * n_blocks as u64 + block as u64;
            normal_columns(&mut units, seed, Purpose::Null, stream);
            for j in 0..range.len() {
                self.transform(units.col_as_slice_mut(j));
            }
            units
        });
        let mut units = Mat::zeros(self.mean.len(), self.n_features);
        for (block, part) in blocks.iter().enumerate() {
            let first = block_range(block, STREAM_BLOCK, self.n_features).start;
            for j in 0..part.ncols() {
                units
                    .col_as_slice_mut(first + j)
                    .copy_from_slice(part.col_as_slice(j));
            }
        }
        units
    }

    /// Standard normal numbers to a unit vector of the distribution.
    fn transform(&self, x: &mut [f64]) {
        for ((x, mean), deviation) in x.iter_mut().zip(&self.mean).zip(&self.deviation) {
            *x = mean + deviation * *x;
        }
        let norm = dot(x, x).sqrt();
        if norm > 0.0 {
            x.iter_mut().for_each(|x| *x /= norm);
        } else {
            // All numbers were 0, as they may be once in 2^53 times in one dimension: any direction will do.
            x[0] = 1.0;
        }
    }
}
