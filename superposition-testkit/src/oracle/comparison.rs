//! Two dictionaries: Gram matrices and nearest cosines, by loops over all pairs.

use faer::MatRef;

use super::directions::unit_directions;

/// `<G_A, G_B> / (|G_A| |G_B|)` and `|G_A - G_B| / (|G_A| + |G_B|)` for the n x n Gram matrices of two dictionaries of n features.
///
/// None where one of them is zero.
#[must_use]
#[track_caller]
pub fn gram_comparison(a: MatRef<'_, f64>, b: MatRef<'_, f64>) -> Option<(f64, f64)> {
    assert_eq!(a.ncols(), b.ncols(), "columns are the same features");
    let n = a.ncols();
    let inner = |w: MatRef<'_, f64>, i: usize, j: usize| -> f64 {
        (0..w.nrows()).map(|k| w[(k, i)] * w[(k, j)]).sum()
    };
    let (mut aa, mut bb, mut ab, mut apart) = (0.0, 0.0, 0.0, 0.0);
    for i in 0..n {
        for j in 0..n {
            let (x, y) = (inner(a, i, j), inner(b, i, j));
            aa += x * x;
            bb += y * y;
            ab += x * y;
            apart += (x - y) * (x - y);
        }
    }
    let (aa, bb): (f64, f64) = (f64::sqrt(aa), f64::sqrt(bb));
    (aa > 0.0 && bb > 0.0).then(|| (ab / (aa * bb), f64::sqrt(apart) / (aa + bb)))
}

/// The mean over the columns of `a` of the largest cosine with a column of `b`; zero columns are left out of both. None without any.
#[must_use]
#[track_caller]
pub fn mean_max_cosine(a: MatRef<'_, f64>, b: MatRef<'_, f64>) -> Option<f64> {
    assert_eq!(a.nrows(), b.nrows(), "one hidden space");
    let (a, b) = (unit_directions(a), unit_directions(b));
    let represented = |w: &faer::Mat<f64>| -> Vec<usize> {
        (0..w.ncols())
            .filter(|&i| (0..w.nrows()).any(|k| w[(k, i)] != 0.0))
            .collect()
    };
    let (of_a, of_b) = (represented(&a), represented(&b));
    if of_a.is_empty() || of_b.is_empty() {
        return None;
    }
    let largest = |i: usize| {
        let cosines = of_b
            .iter()
            .map(|&j| (0..a.nrows()).map(|k| a[(k, i)] * b[(k, j)]).sum::<f64>());
        cosines.fold(f64::NEG_INFINITY, f64::max)
    };
    Some(of_a.iter().map(|&i| largest(i)).sum::<f64>() / of_a.len() as f64)
}
