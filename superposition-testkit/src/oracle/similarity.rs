//! Two views of the same items: linear CKA and mutual information.

use faer::{Mat, MatRef};

/// Linear CKA of two representations whose columns are the same items (m1 x N and m2 x N).
///
/// Follows the definition through the N x N Gram matrices of the centred data (Kornblith et al. 2019, section 3):
/// `HSIC(K, L) / sqrt(HSIC(K, K) HSIC(L, L))`. None where one representation does not vary over the items.
#[must_use]
#[track_caller]
pub fn linear_cka(a: MatRef<'_, f64>, b: MatRef<'_, f64>) -> Option<f64> {
    assert_eq!(a.ncols(), b.ncols(), "columns are the same items");
    let (k, l) = (centred_gram(a), centred_gram(b));
    let n = a.ncols();
    let hsic = |p: &Mat<f64>, q: &Mat<f64>| -> f64 {
        (0..n)
            .flat_map(|i| (0..n).map(move |j| (i, j)))
            .map(|at| p[at] * q[at])
            .sum()
    };
    let (kk, ll) = (hsic(&k, &k), hsic(&l, &l));
    (kk > 0.0 && ll > 0.0).then(|| hsic(&k, &l) / (kk.sqrt() * ll.sqrt()))
}

/// Inner products of the items after each row's mean over the items is taken off.
fn centred_gram(a: MatRef<'_, f64>) -> Mat<f64> {
    let n = a.ncols();
    let means: Vec<f64> = (0..a.nrows())
        .map(|k| (0..n).map(|i| a[(k, i)]).sum::<f64>() / n as f64)
        .collect();
    Mat::from_fn(n, n, |i, j| {
        (0..a.nrows())
            .map(|k| (a[(k, i)] - means[k]) * (a[(k, j)] - means[k]))
            .sum()
    })
}

/// The bin of each value among `n_bins` bins of equal width from the smallest to the largest value.
///
/// Bin k holds `edge_k <= v < edge_(k+1)`, the last bin its upper edge too. All in bin 0 if the values are equal.
#[must_use]
pub fn equal_width_bins(values: &[f64], n_bins: usize) -> Vec<usize> {
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let edges: Vec<f64> = (1..n_bins)
        .map(|k| low + (high - low) * (k as f64 / n_bins as f64))
        .collect();
    values
        .iter()
        .map(|&v| {
            if high > low {
                edges.iter().filter(|&&e| v >= e).count()
            } else {
                0
            }
        })
        .collect()
}

/// The plug-in mutual information of two discrete variables in **nats**: `sum p_xy ln(p_xy / (p_x p_y))`.
///
/// `x[s]` and `y[s]` are the bins of sample s. Divide by ln 2 for bits.
///
/// ```
/// use superposition_testkit::oracle::mutual_information;
/// assert_eq!(mutual_information(&[0, 1], &[1, 0]), 2f64.ln());
/// assert_eq!(mutual_information(&[0, 0, 1, 1], &[0, 1, 0, 1]), 0.0);
/// ```
#[must_use]
#[track_caller]
pub fn mutual_information(x: &[usize], y: &[usize]) -> f64 {
    assert_eq!(x.len(), y.len(), "one pair per sample");
    let total = x.len() as f64;
    let bins = |v: &[usize]| v.iter().max().map_or(0, |&top| top + 1);
    let mut sum = 0.0;
    for a in 0..bins(x) {
        for b in 0..bins(y) {
            let in_x = x.iter().filter(|&&v| v == a).count() as f64;
            let in_y = y.iter().filter(|&&v| v == b).count() as f64;
            let in_both = x.iter().zip(y).filter(|&(&p, &q)| p == a && q == b).count() as f64;
            if in_both > 0.0 {
                sum += in_both / total * (in_both * total / (in_x * in_y)).ln();
            }
        }
    }
    sum
}
