//! What a critical point is: the Hessian by differences, and its spectrum.

use faer::{Mat, MatRef};

use super::Objective;
use crate::linalg::symmetric_eigen;

/// Eigenvalues up to this share of the largest count as 0, unless another is asked for.
pub(super) const FLAT: f64 = 1e-6;

/// The Hessian of an objective at `x`, by central differences of its gradient, symmetrised.
///
/// The step is `$10^{-5} \max(1, |x_i|)$`. For a gradient exact to rounding, elements are right to about 1e-10 times
/// the third derivatives; noise `$\varepsilon$` of the gradient becomes `$10^5 \varepsilon$`. Across a kink of the
/// gradient it is the mean of both sides.
///
/// Costs 2 P evaluations for P parameters, and memory for `$P^2$` numbers.
///
/// ```
/// use superposition_train::optimum::{Objective, hessian};
///
/// struct Product; // x y
/// impl Objective for Product {
///     fn n_parameters(&self) -> usize {
///         2
///     }
///     fn value_and_gradient(&self, x: &[f64], gradient: &mut [f64]) -> f64 {
///         gradient.copy_from_slice(&[x[1], x[0]]);
///         x[0] * x[1]
///     }
/// }
/// let h = hessian(&Product, &[3.0, -2.0]);
/// assert!(h[(0, 0)].abs() < 1e-9 && (h[(0, 1)] - 1.0).abs() < 1e-9);
/// ```
///
/// # Panics
/// If `x` does not have as many elements as the objective has parameters.
#[must_use]
#[track_caller]
pub fn hessian<O: Objective + ?Sized>(objective: &O, x: &[f64]) -> Mat<f64> {
    let n = objective.n_parameters();
    assert!(
        x.len() == n,
        "x has {} elements; the objective has {n} parameters",
        x.len()
    );
    let mut moved = x.to_vec();
    let (mut up, mut down) = (vec![0.0; n], vec![0.0; n]);
    let mut raw = Mat::<f64>::zeros(n, n);
    for j in 0..n {
        let step = 1e-5 * x[j].abs().max(1.0);
        moved[j] = x[j] + step;
        let right = moved[j];
        objective.value_and_gradient(&moved, &mut up);
        moved[j] = x[j] - step;
        let width = right - moved[j];
        objective.value_and_gradient(&moved, &mut down);
        moved[j] = x[j];
        for (h, (up, down)) in raw.col_as_slice_mut(j).iter_mut().zip(up.iter().zip(&down)) {
            *h = (up - down) / width;
        }
    }
    Mat::from_fn(n, n, |i, j| 0.5 * (raw[(i, j)] + raw[(j, i)]))
}

/// What kind of point it is where the gradient vanishes, as far as second derivatives tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum CriticalPoint {
    /// A minimum, isolated but for the directions along which the model stays the same.
    Minimum,
    /// No direction leads down, but more directions are flat than the symmetry explains, or the second derivatives
    /// jump: they do not decide whether it is a minimum, or part of a valley of equally good models.
    Degenerate,
    /// Some direction leads down.
    Saddle,
}

/// The spectrum of a Hessian, read.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Curvature {
    /// All eigenvalues, ascending.
    pub eigenvalues: Vec<f64>,
    /// Eigenvalues up to this size count as 0.
    pub threshold: f64,
    /// How many are negative.
    pub n_negative: usize,
    /// How many count as 0.
    pub n_flat: usize,
    /// How many of these the symmetry explains: the directions along which the model stays the same.
    pub n_symmetric: usize,
    /// How many do not count as 0.
    pub rank: usize,
    /// What kind of point it is.
    pub critical_point: CriticalPoint,
}

impl Curvature {
    /// Reads the spectrum of a Hessian, P x P, counting as 0 what is at most `flat_tolerance` times the largest
    /// eigenvalue in size.
    ///
    /// Along `symmetric`, P x d with orthonormal columns, the model stays the same
    /// ([`Symmetry::orbit_directions`](super::Symmetry::orbit_directions)): there the Hessian is taken to be 0, as it
    /// is at a critical point, whatever rounding and kinks make of it.
    ///
    /// Costs `$O(P^3)$`.
    ///
    /// ```
    /// use superposition_train::faer::{Mat, mat};
    /// use superposition_train::optimum::{CriticalPoint, Curvature};
    ///
    /// let hessian = mat![[2.0, 0.0], [0.0, 1e-12]];
    /// let curvature = Curvature::new(hessian.as_ref(), mat![[0.0], [1.0]].as_ref(), 1e-6);
    /// assert_eq!((curvature.rank, curvature.n_flat), (1, 1));
    /// assert_eq!(curvature.critical_point, CriticalPoint::Minimum);
    /// let unexplained = Curvature::new(hessian.as_ref(), Mat::zeros(2, 0).as_ref(), 1e-6);
    /// assert_eq!(unexplained.critical_point, CriticalPoint::Degenerate);
    /// ```
    ///
    /// # Panics
    /// If the matrix is not square, or `symmetric` does not have as many rows.
    #[must_use]
    #[track_caller]
    pub fn new(hessian: MatRef<'_, f64>, symmetric: MatRef<'_, f64>, flat_tolerance: f64) -> Self {
        Self::with_descent(hessian, symmetric, flat_tolerance).0
    }

    /// The same, and the direction of the most negative curvature of a saddle.
    #[track_caller]
    pub(super) fn with_descent(
        hessian: MatRef<'_, f64>,
        symmetric: MatRef<'_, f64>,
        flat_tolerance: f64,
    ) -> (Self, Option<Vec<f64>>) {
        let (n, n_columns) = hessian.shape();
        assert!(n == n_columns, "the Hessian is {n} x {n_columns}");
        assert!(
            symmetric.nrows() == n,
            "the Hessian is {n} x {n} and symmetric {} x {}",
            symmetric.nrows(),
            symmetric.ncols()
        );
        let n_symmetric = symmetric.ncols();
        let hessian = without(hessian, symmetric);
        let (eigenvalues, vectors) = symmetric_eigen(hessian.as_ref());
        let largest = eigenvalues.iter().fold(0.0_f64, |l, v| v.abs().max(l));
        let threshold = flat_tolerance * largest;
        let n_negative = eigenvalues.iter().filter(|&&v| v < -threshold).count();
        let n_flat = eigenvalues.iter().filter(|v| v.abs() <= threshold).count();
        let critical_point = if n_negative > 0 {
            CriticalPoint::Saddle
        } else if n_flat > n_symmetric {
            CriticalPoint::Degenerate
        } else {
            CriticalPoint::Minimum
        };
        let down = (n_negative > 0).then(|| vectors.col_as_slice(0).to_vec());
        let curvature = Self {
            eigenvalues,
            threshold,
            n_negative,
            n_flat,
            n_symmetric,
            rank: n - n_flat,
            critical_point,
        };
        (curvature, down)
    }
}

/// `$P H P$`, where P projects on what is orthogonal to the columns of q.
fn without(h: MatRef<'_, f64>, q: MatRef<'_, f64>) -> Mat<f64> {
    let mut h = h.to_owned();
    // Once from the rows and once from the columns; in between h is not symmetric.
    for _ in 0..2 {
        for column in 0..h.ncols() {
            let column = h.col_as_slice_mut(column);
            for k in 0..q.ncols() {
                let along: f64 = q.col(k).iter().zip(&*column).map(|(q, h)| q * h).sum();
                column
                    .iter_mut()
                    .zip(q.col(k).iter())
                    .for_each(|(h, q)| *h -= along * q);
            }
        }
        h = h.transpose().to_owned();
    }
    h
}
