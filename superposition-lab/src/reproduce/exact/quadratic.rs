//! What the experiments on the quadratic model share: its best W by search.

use rand_chacha::ChaCha8Rng;
use superposition_analysis::faer::{Mat, MatRef};
use superposition_analysis::feature_dimensionality;
use superposition_model::quadratic::QuadraticModel;

use super::support::{descend, uniform};

/// The best W of m rows found from `starts` random ones, by its gradient alone: knows nothing of capacities.
pub(super) fn best_weights(
    model: &QuadraticModel,
    n_hidden: usize,
    starts: usize,
    rng: &mut ChaCha8Rng,
) -> Mat<f64> {
    let n = model.coefficients().len();
    let search = |_| {
        let start = (0..n * n_hidden).map(|_| uniform(rng) - 0.5).collect();
        let x = descend(start, 1e-10, |x, gradient| {
            let w = MatRef::from_column_major_slice(x, n_hidden, n);
            model.loss_and_gradient_into(w, gradient)
        });
        MatRef::from_column_major_slice(&x, n_hidden, n).to_owned()
    };
    (0..starts)
        .map(search)
        .min_by(|a, b| model.loss(a.as_ref()).total_cmp(&model.loss(b.as_ref())))
        .expect("there is a start")
}

/// Capacities: the feature dimensionalities, with 0 where a column is nothing but rounding.
pub(super) fn capacities(w: &Mat<f64>) -> Vec<f64> {
    let norms = superposition_analysis::feature_norms(w.as_ref());
    feature_dimensionality(w.as_ref())
        .into_iter()
        .zip(norms)
        .map(|(capacity, norm)| if norm > 1e-4 { capacity } else { 0.0 })
        .collect()
}
