//! Linear probes and their scores.

use faer::{Mat, MatRef};

/// Ridge regression of each target on the activations: minimises `||y - w^T h - c||^2 + penalty ||w||^2`.
///
/// `activations` m x N, `targets` t x N; returns the weights m x t and the intercepts (zeros without `intercept`).
/// The penalty is absolute (scikit-learn's `alpha`) and leaves the intercept alone. Solves the normal equations by
/// Gaussian elimination with partial pivoting.
///
/// # Panics
/// If shapes do not match or the normal equations are exactly singular.
#[must_use]
#[track_caller]
pub fn ridge(
    activations: MatRef<'_, f64>,
    targets: MatRef<'_, f64>,
    penalty: f64,
    intercept: bool,
) -> (Mat<f64>, Vec<f64>) {
    let (m, t, n) = (activations.nrows(), targets.nrows(), activations.ncols());
    assert_eq!(
        n,
        targets.ncols(),
        "{n} samples of activations, {} of targets",
        targets.ncols()
    );
    let means = |data: MatRef<'_, f64>| -> Vec<f64> {
        let mean = |k: usize| (0..n).map(|s| data[(k, s)]).sum::<f64>() / n as f64;
        (0..data.nrows())
            .map(|k| if intercept { mean(k) } else { 0.0 })
            .collect()
    };
    let (h_mean, y_mean) = (means(activations), means(targets));
    let h = |k: usize, s: usize| activations[(k, s)] - h_mean[k];
    let mut normal = Mat::from_fn(m, m, |k, l| {
        (0..n).map(|s| h(k, s) * h(l, s)).sum::<f64>() + if k == l { penalty } else { 0.0 }
    });
    let mut weights = Mat::from_fn(m, t, |k, j| {
        (0..n)
            .map(|s| h(k, s) * (targets[(j, s)] - y_mean[j]))
            .sum()
    });
    solve(&mut normal, &mut weights);
    let intercepts = (0..t)
        .map(|j| y_mean[j] - (0..m).map(|k| weights[(k, j)] * h_mean[k]).sum::<f64>())
        .collect();
    (weights, intercepts)
}

/// Overwrites `b` with the solution of `a x = b`.
#[track_caller]
fn solve(a: &mut Mat<f64>, b: &mut Mat<f64>) {
    let m = a.nrows();
    for column in 0..m {
        let pivot = (column..m)
            .max_by(|&p, &q| a[(p, column)].abs().total_cmp(&a[(q, column)].abs()))
            .unwrap_or(column);
        assert!(
            a[(pivot, column)] != 0.0,
            "the normal equations are singular: raise the penalty"
        );
        for j in 0..m {
            let swapped = a[(column, j)];
            a[(column, j)] = a[(pivot, j)];
            a[(pivot, j)] = swapped;
        }
        for j in 0..b.ncols() {
            let swapped = b[(column, j)];
            b[(column, j)] = b[(pivot, j)];
            b[(pivot, j)] = swapped;
        }
        for row in column + 1..m {
            let factor = a[(row, column)] / a[(column, column)];
            for j in column..m {
                a[(row, j)] -= factor * a[(column, j)];
            }
            for j in 0..b.ncols() {
                b[(row, j)] -= factor * b[(column, j)];
            }
        }
    }
    for j in 0..b.ncols() {
        for row in (0..m).rev() {
            let known: f64 = (row + 1..m).map(|k| a[(row, k)] * b[(k, j)]).sum();
            b[(row, j)] = (b[(row, j)] - known) / a[(row, row)];
        }
    }
}

/// `R^2 = 1 - sum (y - prediction)^2 / sum (y - mean y)^2`; none for a constant target.
///
/// Can be negative: worse than predicting the mean of these very targets.
#[must_use]
#[track_caller]
pub fn r_squared(targets: &[f64], predictions: &[f64]) -> Option<f64> {
    assert_eq!(
        targets.len(),
        predictions.len(),
        "one prediction per target"
    );
    // Decided on the values: the mean of equal values need not equal them.
    if targets.iter().all(|&y| y == targets[0]) {
        return None;
    }
    let mean = targets.iter().sum::<f64>() / targets.len() as f64;
    let residual: f64 = targets
        .iter()
        .zip(predictions)
        .map(|(y, p)| (y - p) * (y - p))
        .sum();
    let total: f64 = targets.iter().map(|y| (y - mean) * (y - mean)).sum();
    Some(1.0 - residual / total)
}

/// The fraction of equal labels; none for no labels.
#[must_use]
#[track_caller]
pub fn accuracy(labels: &[bool], predictions: &[bool]) -> Option<f64> {
    assert_eq!(labels.len(), predictions.len(), "one prediction per label");
    let right = labels
        .iter()
        .zip(predictions)
        .filter(|(l, p)| l == p)
        .count();
    (!labels.is_empty()).then(|| right as f64 / labels.len() as f64)
}

/// The chance that a positive scores above a negative, ties counting half, over all pairs.
///
/// None where one class is empty.
#[must_use]
#[track_caller]
pub fn auroc(scores: &[f64], labels: &[bool]) -> Option<f64> {
    assert_eq!(scores.len(), labels.len(), "one score per label");
    let (mut won, mut pairs) = (0.0, 0.0);
    for (p, _) in scores.iter().zip(labels).filter(|(_, label)| **label) {
        for (q, _) in scores.iter().zip(labels).filter(|(_, label)| !**label) {
            pairs += 1.0;
            won += if p > q {
                1.0
            } else if p == q {
                0.5
            } else {
                0.0
            };
        }
    }
    (pairs > 0.0).then(|| won / pairs)
}

/// Pearson's correlation; 0 where one of the two is constant.
#[must_use]
#[track_caller]
pub fn correlation(x: &[f64], y: &[f64]) -> f64 {
    assert_eq!(x.len(), y.len(), "one pair per sample");
    let constant = |v: &[f64]| v.iter().all(|&value| value == v[0]);
    if constant(x) || constant(y) {
        return 0.0;
    }
    let mean = |v: &[f64]| v.iter().sum::<f64>() / v.len() as f64;
    let (mx, my) = (mean(x), mean(y));
    let xy: f64 = x.iter().zip(y).map(|(a, b)| (a - mx) * (b - my)).sum();
    let xx: f64 = x.iter().map(|a| (a - mx) * (a - mx)).sum();
    let yy: f64 = y.iter().map(|b| (b - my) * (b - my)).sum();
    xy / (xx.sqrt() * yy.sqrt())
}
