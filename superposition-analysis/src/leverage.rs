//! Rank and leverage, by elimination that respects columns of very different norms.

use crate::Real;
use crate::directions::{Units, write_into};
use crate::kernel::dot;
use faer::MatRef;

/// The leverage of every feature:
///
/// ```math
/// l_i = W_i^T F^+ W_i = (W^+ W)_{ii}
/// ```
///
/// with the pseudo-inverse of the frame operator F: the diagonal of the projection on the row space of W.
/// It is the share of feature i that a linear read-out can recover from the hidden vector (the population R^2, when features are uncorrelated with equal variances).
/// In [0, 1], never below the [`feature_dimensionality`](crate::feature_dimensionality), and the sum is the [`rank`].
/// 0 for a zero feature. A feature whose norm is not finite has leverage NaN, and the others are as without it.
///
/// A direction counts as new if what is left of a feature after projection exceeds `8 max(m, n) eps` of **its own** norm, so that a feature of norm 1e-30 orthogonal to features of norm 1 has leverage 1, not 0.
/// O(n m rank) time, O(n m) memory.
///
/// ```
/// use superposition_analysis::{from_columns, leverage};
/// // Two parallel features of norms 1 and 2 share one dimension; a third, tiny, has its own.
/// let l = leverage(from_columns(&[1.0, 0.0, 2.0, 0.0, 0.0, 1e-30], 2, 3));
/// assert!((l[0] - 0.2).abs() < 1e-15);
/// assert!((l[1] - 0.8).abs() < 1e-15);
/// assert!((l[2] - 1.0).abs() < 1e-15);
/// ```
///
/// # References
/// Scherlis et al. 2022, *Polysemanticity and Capacity in Neural Networks*, arXiv 2210.01892, for the bound of the total capacity.
#[must_use]
pub fn leverage<T: Real>(w: MatRef<'_, T>) -> Vec<f64> {
    let directions = Units::new(w);
    let (rows, _) = row_space(&directions);
    let basis = orthonormalized(rows);
    (0..directions.n_features())
        .map(|i| {
            if !directions.norms[i].is_finite() {
                return f64::NAN;
            }
            let leverage: f64 = basis.iter().map(|row| row[i] * row[i]).sum();
            // A diagonal element of a projection: anything above 1 is rounding.
            leverage.min(1.0)
        })
        .collect()
}

/// As [`leverage`], into a slice of the caller's with a place for each of the n features.
///
/// # Panics
/// If it is of another length.
#[track_caller]
pub fn leverage_into<T: Real>(w: MatRef<'_, T>, leverages: &mut [f64]) {
    write_into(leverages, leverage(w));
}

/// The rank of W: how many directions are linearly independent.
///
/// The rule for a new direction is that of [`leverage`], relative to each feature's own norm; features that are not finite are left out.
/// O(n m rank) time, O(n m) memory.
///
/// ```
/// use superposition_analysis::{from_columns, rank};
/// assert_eq!(rank(from_columns(&[1.0, 0.0, 2.0, 0.0, 0.0, 1e-30], 2, 3)), 2);
/// assert_eq!(rank(from_columns(&[0.0, 0.0], 2, 1)), 0);
/// ```
#[must_use]
pub fn rank<T: Real>(w: MatRef<'_, T>) -> usize {
    column_space(&Units::new(w)).len()
}

/// An orthonormal basis of the column space of W.
pub(crate) fn column_space(directions: &Units) -> Vec<Vec<f64>> {
    let (_, pivots) = row_space(directions);
    pivots
}

/// A basis of the row space of W and an orthonormal one of its column space, by modified Gram-Schmidt with column pivoting.
///
/// Row k holds the coefficients of every feature along the k-th pivot direction, relative to the pivot's norm.
/// Whatever lies in the earlier directions up to rounding is dropped for good: otherwise the rounding of a large feature would drown the small ones, whose directions come last.
fn row_space(directions: &Units) -> (Vec<Vec<f64>>, Vec<Vec<f64>>) {
    let (m, n) = directions.units.shape();
    let tolerance = 8.0 * m.max(n) as f64 * f64::EPSILON;
    let weights = &directions.norms;
    let mut rest = directions.units.clone();
    // What is left of every unit direction; 0 once it is dropped.
    let mut rest_norms: Vec<f64> = directions
        .norms
        .iter()
        .map(|&norm| {
            if norm > 0.0 && norm.is_finite() {
                1.0
            } else {
                0.0
            }
        })
        .collect();
    let mut pivots: Vec<Vec<f64>> = Vec::new();
    let mut rows = Vec::new();
    while let Some(pivot) = largest(weights, &rest_norms) {
        let mut direction = rest.col_as_slice(pivot).to_vec();
        normalize(&mut direction);
        // The remainder may be all rounding in the earlier directions: take them out once more.
        project_out(&mut direction, &pivots);
        normalize(&mut direction);
        let mut row = vec![0.0; n];
        for j in (0..n).filter(|&j| rest_norms[j] > 0.0).collect::<Vec<_>>() {
            let column = rest.col_as_slice_mut(j);
            let coefficient = dot(&direction, column);
            subtract(column, coefficient, &direction);
            let left = dot(column, column).sqrt();
            rest_norms[j] = if j != pivot && left > tolerance {
                left
            } else {
                0.0
            };
            if coefficient != 0.0 {
                row[j] = coefficient * (weights[j] / weights[pivot]);
            }
        }
        rows.push(row);
        pivots.push(direction);
    }
    (rows, pivots)
}

/// The feature with the largest remainder, if any has one; the first of equal ones.
fn largest(weights: &[f64], rest_norms: &[f64]) -> Option<usize> {
    let mut best = None;
    let mut largest = 0.0;
    for (j, (weight, rest)) in weights.iter().zip(rest_norms).enumerate() {
        // A weight may be too small to multiply: any remainder is better than none.
        let size = (weight * rest).max(f64::MIN_POSITIVE);
        if *rest > 0.0 && size > largest {
            best = Some(j);
            largest = size;
        }
    }
    best
}

/// Gram-Schmidt, twice for each row, after scaling rows to unit length.
fn orthonormalized(rows: Vec<Vec<f64>>) -> Vec<Vec<f64>> {
    let mut basis: Vec<Vec<f64>> = Vec::with_capacity(rows.len());
    for mut row in rows {
        // Scaled by the largest first: the squares of large ratios of norms would overflow.
        let largest = row.iter().fold(0.0_f64, |max, x| max.max(x.abs()));
        row.iter_mut().for_each(|x| *x /= largest);
        normalize(&mut row);
        for _ in 0..2 {
            project_out(&mut row, &basis);
            normalize(&mut row);
        }
        basis.push(row);
    }
    basis
}

fn project_out(x: &mut [f64], basis: &[Vec<f64>]) {
    for direction in basis {
        let coefficient = dot(direction, x);
        subtract(x, coefficient, direction);
    }
}

fn subtract(x: &mut [f64], factor: f64, y: &[f64]) {
    for (x, y) in x.iter_mut().zip(y) {
        *x -= factor * y;
    }
}

fn normalize(x: &mut [f64]) {
    let norm = dot(x, x).sqrt();
    x.iter_mut().for_each(|x| *x /= norm);
}
