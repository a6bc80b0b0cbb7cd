//! Pairs of features: cosines and what is made of them.
//!
//! All features take part; a zero feature has cosine 0 with every other and with itself.

use faer::{Mat, MatRef};

use super::unit_directions;

/// The cosine of each pair, n x n.
#[must_use]
pub fn cosines(w: MatRef<'_, f64>) -> Mat<f64> {
    let u = unit_directions(w);
    // Columns as vectors and a plain loop: unoptimised, indexing the matrix makes the tests crawl.
    let column = |i| (0..u.nrows()).map(|k| u[(k, i)]).collect::<Vec<f64>>();
    let u: Vec<Vec<f64>> = (0..u.ncols()).map(column).collect();
    Mat::from_fn(w.ncols(), w.ncols(), |i, j| {
        let mut sum = 0.0;
        for (a, b) in u[i].iter().zip(&u[j]) {
            sum += a * b;
        }
        sum
    })
}

/// The squared cosine of each pair, n x n.
#[must_use]
pub fn interference(w: MatRef<'_, f64>) -> Mat<f64> {
    let cosines = cosines(w);
    Mat::from_fn(w.ncols(), w.ncols(), |i, j| cosines[(i, j)].powi(2))
}

/// Of each feature the mean of `cos^2` with the n - 1 others; 0 for n = 1.
#[must_use]
pub fn feature_interference(w: MatRef<'_, f64>) -> Vec<f64> {
    let n = w.ncols();
    let interference = interference(w);
    (0..n)
        .map(|i| {
            let sum: f64 = (0..n)
                .filter(|&j| j != i)
                .map(|j| interference[(i, j)])
                .sum();
            if n > 1 { sum / (n as f64 - 1.0) } else { 0.0 }
        })
        .collect()
}

/// The mean of `cos^2` over all ordered pairs i != j; 0 for n <= 1.
#[must_use]
pub fn mean_interference(w: MatRef<'_, f64>) -> f64 {
    let values = feature_interference(w);
    if values.is_empty() {
        0.0
    } else {
        values.iter().sum::<f64>() / values.len() as f64
    }
}

/// The largest cosine of a pair i < j with its indices, the first pair among equals; none for n <= 1.
#[must_use]
pub fn max_cosine(w: MatRef<'_, f64>) -> Option<(f64, usize, usize)> {
    first_best(w, |cosine| cosine)
}

/// The smallest cosine of a pair i < j with its indices, the first pair among equals; none for n <= 1.
#[must_use]
pub fn min_cosine(w: MatRef<'_, f64>) -> Option<(f64, usize, usize)> {
    first_best(w, |cosine| -cosine).map(|(negated, i, j)| (-negated, i, j))
}

/// The largest absolute cosine of a pair i < j with its indices, the first pair among equals; none for n <= 1.
#[must_use]
pub fn coherence(w: MatRef<'_, f64>) -> Option<(f64, usize, usize)> {
    first_best(w, f64::abs)
}

fn first_best(w: MatRef<'_, f64>, value: impl Fn(f64) -> f64) -> Option<(f64, usize, usize)> {
    let cosines = cosines(w);
    let mut best: Option<(f64, usize, usize)> = None;
    for i in 0..w.ncols() {
        for j in i + 1..w.ncols() {
            let v = value(cosines[(i, j)]);
            if best.is_none_or(|(b, _, _)| v > b) {
                best = Some((v, i, j));
            }
        }
    }
    best
}

/// Connected components of the graph with an edge where `cos^2 > threshold`.
///
/// The label of each feature; labels count up from 0 in the order of the clusters' smallest members.
#[must_use]
pub fn clusters(w: MatRef<'_, f64>, threshold: f64) -> Vec<usize> {
    let interference = interference(w);
    let mut labels = vec![usize::MAX; w.ncols()];
    let mut count = 0;
    for start in 0..w.ncols() {
        if labels[start] != usize::MAX {
            continue;
        }
        labels[start] = count;
        let mut reached = vec![start];
        while let Some(i) = reached.pop() {
            for j in 0..w.ncols() {
                if labels[j] == usize::MAX && interference[(i, j)] > threshold {
                    labels[j] = count;
                    reached.push(j);
                }
            }
        }
        count += 1;
    }
    labels
}
