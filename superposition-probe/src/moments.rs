//! First, second and fourth moments over samples, in `f64`.
//!
//! Means first, then products of centred blocks: the textbook "sum of products less product of sums" loses all
//! digits when a mean is large beside its standard deviation. Both passes subtract the first sample before
//! anything else, so a constant row has the variance 0 exactly, not a rounding error that later divides another.

use faer::Mat;

use crate::linalg;
use crate::samples::{BLOCK, Source};
use crate::{ProbeError, Real};

/// A source with the mean and the population variance of each of its rows.
#[derive(Debug, Clone)]
pub(crate) struct Centred<'a, T> {
    pub(crate) source: Source<'a, T>,
    pub(crate) mean: Vec<f64>,
    pub(crate) variance: Vec<f64>,
    /// Whether a row has two different values. Its variance may have underflowed to 0 even then.
    varies: Vec<bool>,
}

/// The smallest variance of a row that varies, about 1e-292: products of two rows keep their digits.
const SMALLEST_VARIANCE: f64 = f64::MIN_POSITIVE / f64::EPSILON;

impl<'a, T: Real> Centred<'a, T> {
    pub(crate) fn new(source: Source<'a, T>) -> Self {
        let n_rows = source.n_rows();
        let n = source.samples.len();
        let mut first = vec![0.0; n_rows];
        let mut mean = vec![0.0; n_rows];
        let mut variance = vec![0.0; n_rows];
        let mut varies = vec![false; n_rows];
        if n > 0 {
            source.for_each(0, |row, value| first[row] = value);
            for k in 0..n {
                source.for_each(k, |row, value| {
                    mean[row] += value - first[row];
                    varies[row] |= value != first[row];
                });
            }
            for (mean, first) in mean.iter_mut().zip(&first) {
                *mean = *mean / n as f64 + first;
            }
            for k in 0..n {
                source.for_each(k, |row, value| {
                    let centred = value - mean[row];
                    variance[row] += centred * centred;
                });
            }
            for variance in &mut variance {
                *variance /= n as f64;
            }
        }
        Self {
            source,
            mean,
            variance,
            varies,
        }
    }

    /// Err if a variance overflows or underflows: the values themselves have been checked.
    pub(crate) fn check_range(&self, what: &'static str) -> Result<(), ProbeError> {
        let too_large = |row: usize| {
            let square = self.mean[row] * self.mean[row];
            !(square.is_finite() && self.variance[row].is_finite())
        };
        let too_small = |row: usize| self.varies[row] && self.variance[row] < SMALLEST_VARIANCE;
        for row in 0..self.variance.len() {
            if too_large(row) {
                return Err(ProbeError::TooLarge { what, row });
            }
            if too_small(row) {
                return Err(ProbeError::TooSmall { what, row });
            }
        }
        Ok(())
    }

    pub(crate) fn n_rows(&self) -> usize {
        self.source.n_rows()
    }

    pub(crate) fn n_samples(&self) -> usize {
        self.source.samples.len()
    }

    /// `1 / std` of each row, 0 for a constant one.
    pub(crate) fn inverse_std(&self) -> Vec<f64> {
        self.variance
            .iter()
            .map(|&variance| inverse_sqrt(variance))
            .collect()
    }

    /// Kurtosis `E (x - mean)^4 / variance^2` of each row (3 for a Gaussian, about `1/p` for a rare label), 0 for a constant one.
    pub(crate) fn kurtosis(&self) -> Vec<f64> {
        let scale = self.inverse_std();
        let n = self.n_samples();
        let mut kurtosis = vec![0.0; self.n_rows()];
        for k in 0..n {
            self.source.for_each(k, |row, value| {
                let z = (value - self.mean[row]) * scale[row];
                kurtosis[row] += z * z * z * z;
            });
        }
        for kurtosis in &mut kurtosis {
            *kurtosis /= n.max(1) as f64;
        }
        kurtosis
    }

    /// Calls `use_block` with each block of centred samples (rows x samples).
    pub(crate) fn for_each_block(&self, mut use_block: impl FnMut(faer::MatRef<'_, f64>)) {
        let mut block = Mat::zeros(self.n_rows(), BLOCK.min(self.n_samples()));
        for range in self.source.samples.blocks() {
            let length = range.len();
            self.source.read_into(range, &self.mean, block.as_mut());
            use_block(block.as_ref().subcols(0, length));
        }
    }
}

/// `1 / sqrt(value)`, 0 for 0; NaN stays NaN.
pub(crate) fn inverse_sqrt(value: f64) -> f64 {
    if value <= 0.0 {
        0.0
    } else {
        1.0 / value.sqrt()
    }
}

/// The covariances (rows of x) x (rows of y).
pub(crate) fn cross_covariance<X: Real, Y: Real>(
    x: &Centred<'_, X>,
    y: &Centred<'_, Y>,
) -> Mat<f64> {
    let [cross] = accumulate(x, [y], None);
    cross
}

/// The covariance of x, and with each of the ys, in one pass over the samples.
pub(crate) fn covariances<X: Real, Y: Real, const K: usize>(
    x: &Centred<'_, X>,
    ys: [&Centred<'_, Y>; K],
) -> (Mat<f64>, [Mat<f64>; K]) {
    let mut xx = Mat::zeros(x.n_rows(), x.n_rows());
    let cross = accumulate(x, ys, Some(&mut xx));
    (xx, cross)
}

fn accumulate<X: Real, Y: Real, const K: usize>(
    x: &Centred<'_, X>,
    ys: [&Centred<'_, Y>; K],
    mut xx: Option<&mut Mat<f64>>,
) -> [Mat<f64>; K] {
    let width = BLOCK.min(x.n_samples());
    let mut x_block = Mat::zeros(x.n_rows(), width);
    let mut y_blocks = ys.map(|y| Mat::zeros(y.n_rows(), width));
    let mut cross = ys.map(|y| Mat::zeros(x.n_rows(), y.n_rows()));
    for range in x.source.samples.blocks() {
        let length = range.len();
        x.source.read_into(range.clone(), &x.mean, x_block.as_mut());
        let x_block = x_block.as_ref().subcols(0, length);
        if let Some(xx) = xx.as_deref_mut() {
            linalg::rank_update_lower(xx.as_mut(), x_block);
        }
        for ((y, y_block), cross) in ys.iter().zip(&mut y_blocks).zip(&mut cross) {
            y.source.read_into(range.clone(), &y.mean, y_block.as_mut());
            let y_block = y_block.as_ref().subcols(0, length);
            linalg::multiply_add(cross.as_mut(), x_block, y_block.transpose());
        }
    }
    let n = x.n_samples().max(1) as f64;
    if let Some(xx) = xx {
        linalg::mirror_lower(xx);
        divide(xx, n);
    }
    for cross in &mut cross {
        divide(cross, n);
    }
    cross
}

fn divide(a: &mut Mat<f64>, by: f64) {
    for j in 0..a.ncols() {
        for value in a.col_as_slice_mut(j) {
            *value /= by;
        }
    }
}
