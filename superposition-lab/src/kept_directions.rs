//! Directions that are kept beside an analysis, to be drawn.

use superposition_analysis::Real;
use superposition_analysis::faer::MatRef;

/// The directions of some features as they were analysed: centred, folded and masked where that was asked for.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct KeptDirections {
    /// Numbers of the features, in order, evenly apart.
    pub features: Vec<usize>,
    /// Hidden dimensions m.
    pub n_hidden: usize,
    /// Feature after feature, rounded to single precision.
    pub values: Vec<f32>,
}

impl KeptDirections {
    /// As many columns of W, m x n, as have at most so many values; one at least, none for 0.
    pub(crate) fn of<T: Real>(w: MatRef<'_, T>, max_values: usize) -> Option<Self> {
        let (m, n) = w.shape();
        if max_values == 0 || m == 0 || n == 0 {
            return None;
        }
        let count = (max_values / m).clamp(1, n);
        let features: Vec<usize> = (0..count)
            .map(|k| (k as u128 * n as u128 / count as u128) as usize)
            .collect();
        let values = features
            .iter()
            .flat_map(|&i| w.col(i).iter().map(|value| value.to_f64() as f32))
            .collect();
        Some(Self {
            features,
            n_hidden: m,
            values,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use superposition_analysis::from_columns;

    #[test]
    fn features_are_evenly_apart() {
        let values: Vec<f64> = (0..20).map(f64::from).collect();
        let w = from_columns(&values, 2, 10);
        let kept = |max| KeptDirections::of(w, max);
        let four = kept(9).unwrap();
        assert_eq!(four.features, [0, 2, 5, 7]);
        assert_eq!(four.values, [0.0, 1.0, 4.0, 5.0, 10.0, 11.0, 14.0, 15.0]);
        assert_eq!(kept(1000).unwrap().features.len(), 10);
        assert_eq!(kept(1).unwrap().features, [0]);
        assert_eq!(kept(0), None);
    }
}
