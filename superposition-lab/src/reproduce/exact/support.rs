//! What several experiments share: who is cited, and the population loss of fixed weights.

use superposition_analysis::faer::Mat;
use superposition_model::{Dimensions, FeatureDistribution, ToyModel, ToyModelConfig};

use crate::LabError;

pub(super) const TMS: &str = "Elhage et al. 2022, Toy Models of Superposition";

/// The loss of a toy model with these weights and biases, summed over the features.
///
/// The parameters are rounded to f32: 6e-8 of each.
pub(super) fn population_loss_sum(
    w: &Mat<f64>,
    b: &[f64],
    distribution: &FeatureDistribution,
    importance: &[f64],
) -> Result<f64, LabError> {
    let dimensions = Dimensions {
        n_features: w.ncols(),
        n_hidden: w.nrows(),
    };
    let columns = (0..w.ncols()).flat_map(|i| w.col_as_slice(i));
    let parameters = columns.chain(b).map(|&x| x as f32).collect();
    let model = ToyModel::new(ToyModelConfig::new(dimensions), parameters)?;
    let importance: Vec<f32> = importance.iter().map(|&x| x as f32).collect();
    let loss = model.population_loss(distribution, &importance, 1e-10)?;
    Ok(loss.value * w.ncols() as f64)
}

/// `$v(p) = p/3 - p^2/4$`: the variance of a feature, which dropping it costs with the best bias, `$p/2$`.
pub(super) fn variance(p: f64) -> f64 {
    p / 3.0 - p * p / 4.0
}

/// `n` values from `low` to `high`, each the same ratio above the one before.
pub(super) fn logarithmic(low: f64, high: f64, n: usize) -> Vec<f64> {
    let step = (high / low).ln() / (n - 1) as f64;
    let value = |k: usize| (low * (step * k as f64).exp()).min(high);
    (0..n).map(value).collect()
}

/// Where `f` changes sign between `low` and `high`, to rounding.
pub(super) fn bisect(
    mut low: f64,
    mut high: f64,
    mut f: impl FnMut(f64) -> Result<f64, LabError>,
) -> Result<f64, LabError> {
    let rises = f(high)? > 0.0;
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        if (f(middle)? > 0.0) == rises {
            high = middle;
        } else {
            low = middle;
        }
    }
    Ok(0.5 * (low + high))
}
