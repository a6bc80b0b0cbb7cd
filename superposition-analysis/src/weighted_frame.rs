//! Sums over all pairs of a row, through the frame operator where that is accurate and directly where it is not.

use crate::linalg::{dot, product, product_into};
use crate::parallel::{block_range, map_blocks};
use faer::{Mat, MatRef};

/// Columns of the frame operator that one block of work computes.
const OPERATOR_BLOCK: usize = 64;
/// Features that one block of work takes through the frame operator.
const FEATURE_BLOCK: usize = 512;
/// Features whose rows of the Gram matrix are summed directly in one block of work.
const DIRECT_BLOCK: usize = 128;
/// How many times the error bound a difference must be to be used: a relative accuracy of 1e-8 at the least.
const SAFETY: f64 = 1e8;

/// What the squared cosines of a row are measured in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    /// The weights as they are.
    Weights,
    /// The weight of the row's own feature.
    Own,
}

/// Unit directions `u_i` with weights `r_i` (norms, or ones), and their frame operator `$F = \sum_i r_i^2 u_i u_i^T$` where n > m.
pub(crate) struct WeightedFrame<'a> {
    units: MatRef<'a, f64>,
    weights: &'a [f64],
    /// The weights times any common factor, for ratios: unlike `weights` never 0 beside a direction.
    unscaled: &'a [f64],
    threads: usize,
    /// m x m; `None` where n <= m, since then the n x n Gram matrix is the smaller one and its rows are summed directly.
    operator: Option<Mat<f64>>,
}

impl<'a> WeightedFrame<'a> {
    pub(crate) fn new(
        units: MatRef<'a, f64>,
        weights: &'a [f64],
        unscaled: &'a [f64],
        threads: usize,
    ) -> Self {
        assert_eq!(units.ncols(), weights.len(), "one weight per direction");
        let operator = (units.ncols() > units.nrows())
            .then(|| operator(weighted(units, weights).as_ref(), threads));
        Self {
            units,
            weights,
            unscaled,
            threads,
            operator,
        }
    }

    /// `$\sum_{j \ne i} (r_j\, u_i \cdot u_j)^2$` for every i, in the stated unit squared.
    ///
    /// The sum over all j is `u_i^T F u_i`, and what remains after its own term `r_i^2` may be nothing but rounding:
    /// with `$\varepsilon (m + \min(n, 512) + n / 512) \lVert F \rVert$` as the bound of the error, rows where the remainder is not safely above it are summed directly, in O(n m) each.
    pub(crate) fn off_diagonal_sums(&self, unit: Unit) -> Vec<f64> {
        let n = self.weights.len();
        let mut sums = vec![0.0; n];
        let mut direct: Vec<usize> = Vec::new();
        match &self.operator {
            None => direct.extend(0..n),
            Some(operator) => {
                let error = relative_error(self.units.nrows(), n) * norm_sq(operator).sqrt();
                for (i, total) in self.quadratic_forms(operator).into_iter().enumerate() {
                    let own = self.weights[i];
                    let others = total - own * own;
                    if others > SAFETY * error {
                        sums[i] = match unit {
                            Unit::Weights => others,
                            // Two divisions: the square of a small weight may underflow.
                            Unit::Own => others / own / own,
                        };
                    } else {
                        direct.push(i);
                    }
                }
            }
        }
        // A zero feature is orthogonal to everything.
        direct.retain(|&i| self.unscaled[i] != 0.0);
        for (&i, sum) in direct.iter().zip(self.direct_sums(&direct, unit)) {
            sums[i] = sum;
        }
        sums
    }

    /// The frame potential `$\sum_{i,j} (r_i r_j\, u_i \cdot u_j)^2 = \lVert F \rVert_F^2$`.
    pub(crate) fn potential(&self) -> f64 {
        match &self.operator {
            Some(operator) => norm_sq(operator),
            None => self
                .off_diagonal_sums(Unit::Weights)
                .iter()
                .zip(self.weights)
                .map(|(others, own)| own * own * (own * own + others))
                .sum(),
        }
    }

    /// `u_i^T F u_i` for every i.
    fn quadratic_forms(&self, operator: &Mat<f64>) -> Vec<f64> {
        let n = self.units.ncols();
        let blocks = map_blocks(self.threads, n.div_ceil(FEATURE_BLOCK), |block| {
            let range = block_range(block, FEATURE_BLOCK, n);
            let units = self.units.subcols(range.start, range.len());
            let images = product(operator.as_ref(), units);
            (0..range.len())
                .map(|j| dot(column(units, j), images.col_as_slice(j)))
                .collect::<Vec<f64>>()
        });
        blocks.concat()
    }

    fn direct_sums(&self, features: &[usize], unit: Unit) -> Vec<f64> {
        let n_blocks = features.len().div_ceil(DIRECT_BLOCK);
        let blocks = map_blocks(self.threads, n_blocks, |block| {
            let range = block_range(block, DIRECT_BLOCK, features.len());
            self.direct_block(&features[range], unit)
        });
        blocks.concat()
    }

    /// The rows of a few features, over tiles of columns so that no row is held whole.
    fn direct_block(&self, features: &[usize], unit: Unit) -> Vec<f64> {
        let (m, n) = self.units.shape();
        let mut rows = Mat::<f64>::zeros(m, features.len());
        for (b, &i) in features.iter().enumerate() {
            rows.col_as_slice_mut(b)
                .copy_from_slice(column(self.units, i));
        }
        let mut tile = Mat::<f64>::zeros(FEATURE_BLOCK.min(n), features.len());
        let mut sums = vec![0.0; features.len()];
        for block in 0..n.div_ceil(FEATURE_BLOCK) {
            let range = block_range(block, FEATURE_BLOCK, n);
            let mut cosines = tile.subrows_mut(0, range.len());
            product_into(
                cosines.as_mut(),
                self.units.subcols(range.start, range.len()).transpose(),
                rows.as_ref(),
            );
            for (b, &i) in features.iter().enumerate() {
                let (weights, reference) = match unit {
                    Unit::Weights => (self.weights, 1.0),
                    Unit::Own => (self.unscaled, self.unscaled[i]),
                };
                for (a, j) in range.clone().enumerate() {
                    let cosine = cosines[(a, b)];
                    // An infinite ratio times a cosine of zero is nothing.
                    if j != i && cosine != 0.0 {
                        let term = cosine * (weights[j] / reference);
                        sums[b] += term * term;
                    }
                }
            }
        }
        sums
    }
}

/// What the rounding of `u^T F u` is bounded by, for a unit vector u, relative to the norm of F.
///
/// `u^T F u` itself is a sum of m terms. An element of F is one of n terms, which the matrix product adds up in runs of at most 512 and the runs one after the other.
fn relative_error(m: usize, n: usize) -> f64 {
    let terms = m as f64 + n.min(512) as f64 + n as f64 / 512.0;
    f64::EPSILON * terms
}

/// The columns `r_j u_j`.
fn weighted(units: MatRef<'_, f64>, weights: &[f64]) -> Mat<f64> {
    let mut columns = units.to_owned();
    for (j, &weight) in weights.iter().enumerate() {
        columns
            .col_as_slice_mut(j)
            .iter_mut()
            .for_each(|x| *x *= weight);
    }
    columns
}

/// The frame operator `w w^T`, in blocks of columns.
pub(crate) fn operator(w: MatRef<'_, f64>, threads: usize) -> Mat<f64> {
    let m = w.nrows();
    let blocks = map_blocks(threads, m.div_ceil(OPERATOR_BLOCK), |block| {
        let range = block_range(block, OPERATOR_BLOCK, m);
        product(w, w.subrows(range.start, range.len()).transpose())
    });
    let mut operator = Mat::zeros(m, m);
    for (block, part) in blocks.iter().enumerate() {
        let range = block_range(block, OPERATOR_BLOCK, m);
        for (a, j) in range.enumerate() {
            // The upper triangle is mirrored, so that the operator is symmetric to the bit.
            for i in 0..=j {
                operator[(i, j)] = part[(i, a)];
                operator[(j, i)] = part[(i, a)];
            }
        }
    }
    operator
}

fn norm_sq(a: &Mat<f64>) -> f64 {
    (0..a.ncols())
        .map(|j| dot(a.col_as_slice(j), a.col_as_slice(j)))
        .sum()
}

/// Column `j` of a column-major view.
pub(crate) fn column(a: MatRef<'_, f64>, j: usize) -> &[f64] {
    a.col(j)
        .try_as_col_major()
        .expect("our own matrices are column-major")
        .as_slice()
}

#[cfg(test)]
mod tests {
    use super::*;
    use superposition_testkit::geometry;
    use superposition_testkit::tolerance::{Tolerance, assert_all_close, assert_close};

    /// Equal terms round the same way time after time: 84 eps have been seen here, of which the two dimensions account for 2.
    #[test]
    fn the_error_of_the_frame_operator_stays_within_its_bound() {
        let n = 1 << 17;
        for second in [0.03, 0.23, 0.43, 0.63] {
            let direction = [1.0, second];
            let w = Mat::from_fn(2, n, |i, _| direction[i]);
            let units = crate::unit_directions(w.as_ref());
            let ones = vec![1.0; n];
            let frame = WeightedFrame::new(units.as_ref(), &ones, &ones, 1);
            let operator = frame.operator.as_ref().unwrap();
            // The length of the rounded direction is 1 up to 4 eps.
            let error = (frame.quadratic_forms(operator)[0] / n as f64 - 1.0).abs();
            assert!(error <= relative_error(2, n), "{direction:?}: {error:e}");
        }
    }

    /// Both ways of summing, forced, on sizes around the blocks.
    #[test]
    fn the_frame_operator_and_the_direct_sums_agree() {
        for (seed, (m, n)) in [(2, 5), (9, 130), (65, 140), (4, 515)]
            .into_iter()
            .enumerate()
        {
            let w = geometry::random_gaussian(m, n, seed as u64);
            let units = crate::unit_directions(w.as_ref());
            let weights = crate::feature_norms(w.as_ref());
            for threads in [1, 3] {
                let frame = WeightedFrame::new(units.as_ref(), &weights, &weights, threads);
                assert!(frame.operator.is_some());
                let direct = WeightedFrame {
                    operator: None,
                    ..WeightedFrame::new(units.as_ref(), &weights, &weights, threads)
                };
                let relative = Tolerance::relative(1e-8);
                for unit in [Unit::Weights, Unit::Own] {
                    assert_all_close(
                        &frame.off_diagonal_sums(unit),
                        &direct.off_diagonal_sums(unit),
                        relative,
                    );
                }
                assert_close(frame.potential(), direct.potential(), relative);
            }
        }
    }
}
