//! The largest singular values and their directions, for matrices that are large both ways.

use crate::directions::Directions;
use crate::kernel::{ThreadPool, dot};
use crate::linalg::{product, right_singular, symmetric_eigen};
use crate::parallel::{block_range, map_blocks};
use crate::random::{Purpose, normal_columns};
use crate::report::{AnalysisOptions, checked_directions};
use crate::spectrum::scaled;
use crate::weighted_frame::operator;
use crate::{AnalysisError, Real};
use faer::{Mat, MatRef};

/// Up to this many rows or columns the whole frame operator or Gram matrix is decomposed: by then it costs no more than the iteration.
const DIRECT_SIDE: usize = 1024;
/// Vectors beyond those asked for, so that the last of these converge too.
const EXTRA: usize = 8;
/// Powers of the frame operator that span the space of one restart.
const DEPTH: usize = 8;
/// The smallest number of features that one block of work takes.
const FEATURE_BLOCK: usize = 512;
/// The largest number of blocks, each of which holds a result of its own.
const MAX_BLOCKS: usize = 64;

/// When [`top_spectrum`] has converged, and what it starts from.
///
/// ```
/// use superposition_analysis::TopSpectrumOptions;
/// let options = TopSpectrumOptions::new(7).with_tolerance(1e-6).with_threads(2);
/// assert_eq!((options.seed, options.tolerance, options.max_restarts), (7, 1e-6, 100));
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct TopSpectrumOptions {
    /// The seed of the random vectors that the iteration starts from. It matters no more than the tolerance does.
    pub seed: u64,
    /// The largest accepted residual, relative to the largest singular value. Default 1e-10. Finite, at least 0.
    pub tolerance: f64,
    /// Restarts after which the iteration ends anyway. Default 100. At least 1.
    pub max_restarts: usize,
    /// Number of threads, at least 1. Default 1. It changes no bit of the results.
    pub threads: usize,
}

impl TopSpectrumOptions {
    /// The defaults with a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            tolerance: 1e-10,
            max_restarts: 100,
            threads: 1,
        }
    }

    /// The same with another `tolerance`.
    #[must_use]
    pub fn with_tolerance(self, tolerance: f64) -> Self {
        Self { tolerance, ..self }
    }

    /// The same with another `max_restarts`.
    #[must_use]
    pub fn with_max_restarts(self, max_restarts: usize) -> Self {
        Self {
            max_restarts,
            ..self
        }
    }

    /// The same with another number of threads.
    #[must_use]
    pub fn with_threads(self, threads: usize) -> Self {
        Self { threads, ..self }
    }

    fn validate(&self) -> Result<(), AnalysisError> {
        let invalid = |name, value, expected| {
            Err(AnalysisError::InvalidOption {
                name,
                value,
                expected,
            })
        };
        if !(self.tolerance.is_finite() && self.tolerance >= 0.0) {
            return invalid("tolerance", self.tolerance, "finite and at least 0");
        }
        if self.max_restarts == 0 {
            return invalid("max_restarts", 0.0, "at least 1");
        }
        Ok(())
    }
}

/// The largest singular values of a matrix, made by [`top_spectrum`].
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct TopSpectrum {
    /// The singular values `$\sigma_k$`, largest first.
    pub singular_values: Vec<f64>,
    /// The left singular vectors `$u_k$`, m x k: orthonormal directions of the hidden space, in the order of the values.
    ///
    /// The sign is the one that makes the element of largest size positive, the first of equal ones.
    pub directions: Mat<f64>,
    /// `$\lVert W v_k - \sigma_k u_k \rVert$` with `$v_k = W^T u_k / \sigma_k$`: some singular value of W is no further than this from `$\sigma_k$`, up to rounding of the largest.
    pub residuals: Vec<f64>,
    /// Whether all residuals are within the tolerance.
    pub converged: bool,
    /// Restarts of the iteration; 0 where the whole operator was decomposed.
    pub restarts: usize,
}

/// The `k` largest singular values of the m x n matrix W with their directions in the hidden space.
///
/// There are fewer where the rank is below `k`: values not above rounding of the largest are left out.
/// Where m or n is at most 1,024 (or 8 (k + 8) is not below both) the frame operator, or the Gram matrix if n < m, is decomposed: O(n m min(n, m)) time.
/// Otherwise by a block Lanczos iteration with restarts, which needs W only as a factor: every restart takes O(n m (k + 8)) time about ten times over, and O((n + m) (k + 8)) memory beside the O(n m) of the scaled copy.
/// It converges fast where `$\sigma_k$` stands out and slowly within a bulk of random directions; `residuals` say how far it came.
///
/// A residual bounds the distance to *some* singular value. That none was passed over is not proven, only made unlikely by the random start.
/// Where values are equal their directions are any basis of the space they share.
/// The bits of the result do not depend on `threads`.
///
/// # Errors
/// For a matrix without rows or columns, an element that is not finite, and an option outside its range.
///
/// ```
/// use superposition_analysis::{TopSpectrumOptions, from_columns, top_spectrum};
/// // Singular values 5 and 2 along the axes; the direction of a feature's own sign does not matter.
/// let w = from_columns(&[0.0, -5.0, 2.0, 0.0], 2, 2);
/// let top = top_spectrum(w, 1, &TopSpectrumOptions::new(0))?;
/// assert!((top.singular_values[0] - 5.0).abs() < 1e-14);
/// assert!((top.directions[(1, 0)] - 1.0).abs() < 1e-14);
/// assert!(top.converged && top.residuals[0] < 1e-14);
/// # Ok::<(), superposition_analysis::AnalysisError>(())
/// ```
///
/// # References
/// Golub and Van Loan 2013, *Matrix Computations*, sections 8.1 (residual bound) and 10.3 (block Lanczos); Halko, Martinsson and Tropp 2011, *Finding structure with randomness*, for the start.
pub fn top_spectrum<T: Real>(
    w: MatRef<'_, T>,
    k: usize,
    options: &TopSpectrumOptions,
) -> Result<TopSpectrum, AnalysisError> {
    options.validate()?;
    let checked = AnalysisOptions::default().with_threads(options.threads);
    let pool = checked.pool()?;
    let directions = checked_directions(w, &pool)?;
    let w = scaled(&directions);
    let factor = Factor {
        w: w.as_ref(),
        pool: &pool,
    };
    let side = w.nrows().min(w.ncols());
    let k = k.min(side);
    let found = if side <= DIRECT_SIDE || DEPTH * (k + EXTRA) >= side {
        factor.measured(&factor.decomposed(k), 0)
    } else {
        factor.iterated(k, options)
    };
    Ok(found.into_spectrum(k, options.tolerance, &directions))
}

/// The scaled matrix, whose frame operator is applied but not formed.
struct Factor<'a> {
    w: MatRef<'a, f64>,
    pool: &'a ThreadPool,
}

/// Approximate singular values and vectors, of the scaled matrix.
struct Ritz {
    values: Vec<f64>,
    /// m x the number of values.
    vectors: Mat<f64>,
    residuals: Vec<f64>,
    restarts: usize,
}

impl Factor<'_> {
    /// `W W^T x`.
    fn apply(&self, x: MatRef<'_, f64>) -> Mat<f64> {
        let parts =
            self.by_block(|features| product(features, product(features.transpose(), x).as_ref()));
        sum(&parts, x.nrows(), x.ncols())
    }

    /// An orthonormal basis that holds the `k` largest directions, from the decomposition of the smaller of the two operators.
    fn decomposed(&self, k: usize) -> Mat<f64> {
        if self.w.nrows() <= self.w.ncols() {
            let (_, vectors) = symmetric_eigen(operator(self.w, self.pool).as_ref());
            vectors.subcols(0, k).to_owned()
        } else {
            let (_, vectors) = symmetric_eigen(operator(self.w.transpose(), self.pool).as_ref());
            let images = product(self.w, vectors.subcols(0, k));
            let largest = (0..k).map(|j| norm(images.col_as_slice(j)));
            let noise = self.noise(largest.fold(0.0, f64::max));
            let mut basis = Columns::new(self.w.nrows());
            basis.extend(&images, noise);
            basis.matrix()
        }
    }

    /// What rounding may leave of a singular value of 0, where `largest` is the largest.
    fn noise(&self, largest: f64) -> f64 {
        8.0 * self.w.nrows().max(self.w.ncols()) as f64 * f64::EPSILON * largest
    }

    /// Block Lanczos: the best approximations from the span of X, FX, ..., F^7 X, from which the next X is taken.
    fn iterated(&self, k: usize, options: &TopSpectrumOptions) -> Ritz {
        let (m, n) = self.w.shape();
        let mut start = Mat::zeros(n, k + EXTRA);
        normal_columns(&mut start, options.seed, Purpose::Spectrum, 0);
        // In the range of W, so that nothing is spent on what W does not reach.
        let mut start = product(self.w, start.as_ref());
        let mut restarts = 0;
        loop {
            restarts += 1;
            let mut basis = Columns::new(m);
            let mut images = Columns::new(m);
            let mut power = start;
            for _ in 0..DEPTH {
                let largest = (0..power.ncols()).map(|j| norm(power.col_as_slice(j)));
                let noise = self.noise(largest.fold(0.0, f64::max));
                let added = basis.extend(&power, noise);
                if added == 0 {
                    break;
                }
                power = self.apply(basis.last(added).as_ref());
                images.push(&power);
            }
            let width = k + EXTRA;
            let ritz = self.ritz(&basis.matrix(), &images.matrix(), width, restarts);
            if ritz.converged(k, options.tolerance) || restarts == options.max_restarts {
                return ritz;
            }
            start = ritz.vectors;
        }
    }

    /// The Rayleigh-Ritz step: the `width` best approximations from the span of the orthonormal columns of Q, whose images are `W W^T Q`.
    fn ritz(&self, basis: &Mat<f64>, images: &Mat<f64>, width: usize, restarts: usize) -> Ritz {
        let projected = product(basis.transpose(), images.as_ref());
        let symmetric = Mat::from_fn(projected.nrows(), projected.ncols(), |i, j| {
            0.5 * (projected[(i, j)] + projected[(j, i)])
        });
        let (_, rotation) = symmetric_eigen(symmetric.as_ref());
        let rotation = rotation.subcols(0, width.min(rotation.ncols()));
        self.measured(&product(basis.as_ref(), rotation), restarts)
    }

    /// The singular values of `W^T U` for orthonormal columns U, without the square that an eigenvalue is, and how good they are for W.
    fn measured(&self, columns: &Mat<f64>, restarts: usize) -> Ritz {
        let (n, width) = (self.w.ncols(), columns.ncols());
        let parts = self.by_block(|features| product(features.transpose(), columns.as_ref()));
        let mut images = Mat::zeros(n, width);
        let mut first = 0;
        for part in &parts {
            for j in 0..width {
                images.col_as_slice_mut(j)[first..first + part.nrows()]
                    .copy_from_slice(part.col_as_slice(j));
            }
            first += part.nrows();
        }
        let (mut values, rotation) = right_singular(images.as_ref());
        let noise = self.noise(values.first().copied().unwrap_or(0.0));
        values.retain(|&value| value > noise);
        let kept = values.len();
        let scaled = Mat::from_fn(width, kept, |i, j| rotation[(i, j)] / values[j]);
        // u and v = W^T u / sigma; what W v is beside sigma u.
        let vectors = product(columns.as_ref(), rotation.subcols(0, kept));
        let parts = self.by_block(|features| {
            let images = product(features.transpose(), columns.as_ref());
            product(features, product(images.as_ref(), scaled.as_ref()).as_ref())
        });
        let mut rest = sum(&parts, vectors.nrows(), kept);
        let residuals = (0..kept).map(|j| {
            add(
                rest.col_as_slice_mut(j),
                -values[j],
                vectors.col_as_slice(j),
            );
            norm(rest.col_as_slice(j))
        });
        Ritz {
            residuals: residuals.collect(),
            vectors,
            values,
            restarts,
        }
    }

    /// A result for each block of features, whose number depends on the shape alone.
    fn by_block(&self, work: impl Fn(MatRef<'_, f64>) -> Mat<f64> + Sync) -> Vec<Mat<f64>> {
        let w = self.w;
        let n = w.ncols();
        let size = FEATURE_BLOCK.max(n.div_ceil(MAX_BLOCKS));
        map_blocks(self.pool, n.div_ceil(size), |block| {
            let range = block_range(block, size, n);
            work(w.subcols(range.start, range.len()))
        })
    }
}

impl Ritz {
    fn converged(&self, k: usize, tolerance: f64) -> bool {
        let largest = self.values.first().copied().unwrap_or(0.0);
        self.residuals
            .iter()
            .take(k)
            .all(|&residual| residual <= tolerance * largest)
    }

    fn into_spectrum<T: Real>(
        self,
        k: usize,
        tolerance: f64,
        directions: &Directions<'_, T>,
    ) -> TopSpectrum {
        let converged = self.converged(k, tolerance);
        let k = self.values.len().min(k);
        let mut vectors = self.vectors.subcols(0, k).to_owned();
        for j in 0..k {
            canonical_sign(vectors.col_as_slice_mut(j));
        }
        let rescaled = |values: &[f64]| {
            let first = values.iter().take(k);
            first
                .map(|&value| directions.lengths.rescale(value, 1))
                .collect()
        };
        TopSpectrum {
            singular_values: rescaled(&self.values),
            directions: vectors,
            residuals: rescaled(&self.residuals),
            converged,
            restarts: self.restarts,
        }
    }
}

/// Columns one after the other, orthonormal unless they are [pushed](Self::push).
struct Columns {
    nrows: usize,
    columns: Vec<Vec<f64>>,
}

impl Columns {
    fn new(nrows: usize) -> Self {
        Self {
            nrows,
            columns: Vec::new(),
        }
    }

    /// Appends by Gram-Schmidt, twice for each column; columns of which no more than `noise` is left are dropped. Returns how many were added.
    fn extend(&mut self, columns: &Mat<f64>, noise: f64) -> usize {
        let before = self.columns.len();
        for j in 0..columns.ncols() {
            let mut column = columns.col_as_slice(j).to_vec();
            self.project_out(&mut column);
            let left = norm(&column);
            if left <= noise || self.columns.len() == self.nrows {
                continue;
            }
            column.iter_mut().for_each(|x| *x /= left);
            self.project_out(&mut column);
            let length = norm(&column);
            column.iter_mut().for_each(|x| *x /= length);
            self.columns.push(column);
        }
        self.columns.len() - before
    }

    /// Appends columns as they are.
    fn push(&mut self, columns: &Mat<f64>) {
        let added = (0..columns.ncols()).map(|j| columns.col_as_slice(j).to_vec());
        self.columns.extend(added);
    }

    fn project_out(&self, x: &mut [f64]) {
        for direction in &self.columns {
            let coefficient = dot(direction, x);
            add(x, -coefficient, direction);
        }
    }

    /// The last `count` columns.
    fn last(&self, count: usize) -> Mat<f64> {
        let first = self.columns.len() - count;
        Mat::from_fn(self.nrows, count, |i, j| self.columns[first + j][i])
    }

    fn matrix(&self) -> Mat<f64> {
        self.last(self.columns.len())
    }
}

/// The sum of matrices of one shape, in order.
fn sum(parts: &[Mat<f64>], nrows: usize, ncols: usize) -> Mat<f64> {
    let mut sum = Mat::zeros(nrows, ncols);
    for part in parts {
        for j in 0..ncols {
            add(sum.col_as_slice_mut(j), 1.0, part.col_as_slice(j));
        }
    }
    sum
}

fn add(x: &mut [f64], factor: f64, y: &[f64]) {
    for (x, y) in x.iter_mut().zip(y) {
        *x += factor * y;
    }
}

fn norm(x: &[f64]) -> f64 {
    dot(x, x).sqrt()
}

/// Negates a vector whose element of largest size, the first of equal ones, is negative.
fn canonical_sign(x: &mut [f64]) {
    let largest = x
        .iter()
        .fold(0.0_f64, |max, &x| if x.abs() > max.abs() { x } else { max });
    if largest < 0.0 {
        x.iter_mut().for_each(|x| *x = -*x);
    }
}
