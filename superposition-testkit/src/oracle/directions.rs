//! Each feature beside all others: norms, dimensionalities, the frame.

use faer::{Mat, MatRef};

use super::cosines;

/// The norm of each column, scaled first so that norms far below 1e-154 or above 1e154 survive squaring.
#[must_use]
pub fn feature_norms(w: MatRef<'_, f64>) -> Vec<f64> {
    (0..w.ncols())
        .map(|i| {
            let largest = (0..w.nrows()).map(|k| w[(k, i)].abs()).fold(0.0, f64::max);
            if largest == 0.0 {
                return 0.0;
            }
            largest
                * (0..w.nrows())
                    .map(|k| (w[(k, i)] / largest).powi(2))
                    .sum::<f64>()
                    .sqrt()
        })
        .collect()
}

/// Each column divided by its norm; a zero column stays zero.
#[must_use]
pub fn unit_directions(w: MatRef<'_, f64>) -> Mat<f64> {
    let norms = feature_norms(w);
    Mat::from_fn(w.nrows(), w.ncols(), |k, i| {
        if norms[i] == 0.0 {
            0.0
        } else {
            w[(k, i)] / norms[i]
        }
    })
}

/// `D_i = |W_i|^2 / sum_j (W^_i . W_j)^2`, the sum over all j including i; 0 for a zero feature.
///
/// Follows `1 / sum_j (cos_ij |W_j| / |W_i|)^2`, which keeps features of very different norms apart.
#[must_use]
pub fn feature_dimensionality(w: MatRef<'_, f64>) -> Vec<f64> {
    let (norms, cosines) = (feature_norms(w), cosines(w));
    (0..w.ncols())
        .map(|i| {
            if norms[i] == 0.0 {
                return 0.0;
            }
            // The term of i itself is 1.
            let others: f64 = (0..w.ncols())
                .filter(|&j| j != i)
                .map(|j| (cosines[(i, j)] * (norms[j] / norms[i])).powi(2))
                .sum();
            1.0 / (1.0 + others)
        })
        .collect()
}

/// `sum over j != i of (W^_i . W_j)^2`; 0 for a zero feature.
#[must_use]
pub fn feature_superposition(w: MatRef<'_, f64>) -> Vec<f64> {
    let (norms, cosines) = (feature_norms(w), cosines(w));
    (0..w.ncols())
        .map(|i| {
            (0..w.ncols())
                .filter(|&j| j != i)
                .map(|j| (cosines[(i, j)] * norms[j]).powi(2))
                .sum()
        })
        .collect()
}

/// `D* = m / ||W||_F^2`; none for the zero matrix.
#[must_use]
pub fn dimensions_per_feature(w: MatRef<'_, f64>) -> Option<f64> {
    let total: f64 = feature_norms(w).iter().map(|n| n * n).sum();
    (total > 0.0).then(|| w.nrows() as f64 / total)
}

/// `F = W W^T`, m x m.
#[must_use]
pub fn frame_operator(w: MatRef<'_, f64>) -> Mat<f64> {
    Mat::from_fn(w.nrows(), w.nrows(), |k, l| {
        (0..w.ncols()).map(|i| w[(k, i)] * w[(l, i)]).sum()
    })
}

/// `||W^T W||_F^2`, over all ordered pairs including i = j; columns as given, not normalised.
#[must_use]
pub fn frame_potential(w: MatRef<'_, f64>) -> f64 {
    let mut sum = 0.0;
    for i in 0..w.ncols() {
        for j in 0..w.ncols() {
            sum += (0..w.nrows())
                .map(|k| w[(k, i)] * w[(k, j)])
                .sum::<f64>()
                .powi(2);
        }
    }
    sum
}

/// Frame potential times m over the squared sum of squared norms: 1 exactly for tight frames, larger otherwise.
///
/// None for the zero matrix.
#[must_use]
pub fn tightness(w: MatRef<'_, f64>) -> Option<f64> {
    let trace: f64 = feature_norms(w).iter().map(|n| n * n).sum();
    (trace > 0.0).then(|| frame_potential(w) * w.nrows() as f64 / (trace * trace))
}

/// `l_i = W_i^T F^+ W_i`: squared length of the i-th axis of feature space in the row space of W.
///
/// Singular values below `1e-12` of the largest count as zero.
#[must_use]
pub fn leverage(w: MatRef<'_, f64>) -> Vec<f64> {
    let rows = orthogonal_rows(w);
    let norms = feature_norms(rows.transpose());
    let cut = 1e-12 * norms.iter().fold(0.0, |a: f64, &b| a.max(b));
    (0..w.ncols())
        .map(|i| {
            (0..w.nrows())
                .filter(|&k| norms[k] > cut)
                .map(|k| (rows[(k, i)] / norms[k]).powi(2))
                .sum()
        })
        .collect()
}

/// The min(m, n) singular values, largest first.
#[must_use]
pub fn singular_values(w: MatRef<'_, f64>) -> Vec<f64> {
    let mut values = feature_norms(orthogonal_rows(w).transpose());
    values.sort_by(|a, b| b.total_cmp(a));
    values.truncate(w.ncols());
    values
}

/// The number of singular values above `1e-12` of the largest.
#[must_use]
pub fn rank(w: MatRef<'_, f64>) -> usize {
    let values = singular_values(w);
    values.iter().filter(|&&v| v > 1e-12 * values[0]).count()
}

/// One-sided Jacobi: `Q W` with Q orthogonal and the rows mutually orthogonal, of length the singular values.
fn orthogonal_rows(w: MatRef<'_, f64>) -> Mat<f64> {
    // Scaled by the largest entry, for the products of rows must not underflow; exact, by a power of two.
    let largest = (0..w.ncols())
        .flat_map(|i| (0..w.nrows()).map(move |p| w[(p, i)].abs()))
        .fold(0.0, f64::max);
    let scale = if largest > 0.0 {
        2f64.powi(largest.log2().floor() as i32)
    } else {
        1.0
    };
    let mut r = Mat::from_fn(w.nrows(), w.ncols(), |p, i| w[(p, i)] / scale);
    let dot = |r: &Mat<f64>, p: usize, q: usize| {
        (0..r.ncols()).map(|i| r[(p, i)] * r[(q, i)]).sum::<f64>()
    };
    let total: f64 = (0..r.nrows()).map(|p| dot(&r, p, p)).sum();
    for _sweep in 0..60 {
        let mut turned = false;
        for p in 0..r.nrows() {
            for q in p + 1..r.nrows() {
                let (pp, qq, pq) = (dot(&r, p, p), dot(&r, q, q), dot(&r, p, q));
                // Rows that are rounding of zero have no direction to make orthogonal.
                if pq.abs() <= 1e-15 * (pp * qq).sqrt() || pp.min(qq) <= 1e-30 * total {
                    continue;
                }
                turned = true;
                // Golub & Van Loan, section 8.5.2: the smaller of the two angles that zero the product.
                let tau = (qq - pp) / (2.0 * pq);
                let t =
                    if tau >= 0.0 { 1.0 } else { -1.0 } / (tau.abs() + (1.0 + tau * tau).sqrt());
                let c = 1.0 / (1.0 + t * t).sqrt();
                for i in 0..r.ncols() {
                    let (a, b) = (r[(p, i)], r[(q, i)]);
                    r[(p, i)] = c * (a - t * b);
                    r[(q, i)] = c * (t * a + b);
                }
            }
        }
        if !turned {
            break;
        }
    }
    Mat::from_fn(r.nrows(), r.ncols(), |p, i| r[(p, i)] * scale)
}
