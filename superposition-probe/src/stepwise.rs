//! Forward selection of the features that a neuron responds to, on correlations alone.
//!
//! Features correlate with each other: of five mutually exclusive ones each correlates at -1/4 with the others, and
//! so does a neuron that equals one of them. What counts is what a feature adds to those already chosen. With
//! `x_j.S` the feature j less its regression on the chosen set S, the *part* (semipartial) correlation
//!
//!   part_j = Cov(h, x_j.S) / (sd(h) sd(x_j.S)),     part_j^2 = the gain in R^2 from j,
//!
//! is the size of the effect, and the *partial* correlation part_j / sqrt(1 - R^2_S) is what is tested. A size in units of
//! the whole neuron is needed: the rest of a neuron that a feature explains up to rounding is noise of relative size 1.
//!
//! Of the feature by feature correlations only the rows of chosen features are needed; where there are many features, only
//! those are ever computed.

use faer::{Mat, MatRef};

use crate::linalg;
use crate::moments::Centred;
use crate::samples::BLOCK;
use crate::significance::Gate;
use crate::{ProbeError, Real};

/// Variance, of 1, below which a feature is determined by the chosen ones, or a neuron fully explained.
const DETERMINED: f64 = 1e-9;

/// Up to so many features all their correlations come from the first pass, instead of a pass for each step; few in
/// tests, so that they take both ways.
const ALL_AT_ONCE: usize = if cfg!(test) { 4 } else { 256 };

/// At most so many correlations among features are kept, 2 GiB; few in tests.
const MOST_CORRELATIONS: usize = if cfg!(test) { 1 << 12 } else { 1 << 28 };

/// What a neuron responds to.
#[derive(Debug, Clone, Default)]
pub(crate) struct Selection {
    /// In the order in which they were chosen.
    pub(crate) features: Vec<usize>,
    /// |correlation| with the first one.
    pub(crate) first: f64,
    /// The largest |part correlation| of any other feature given the first, whether or not it counts.
    pub(crate) second: f64,
}

/// Rows of the correlations among features, computed when asked for.
#[derive(Debug)]
pub(crate) struct FeatureCorrelations<'a, T> {
    features: &'a Centred<'a, T>,
    inverse_std: Vec<f64>,
    /// The rows, as columns of a matrix for each pass.
    passes: Vec<Mat<f64>>,
    /// By feature: its pass and its column there.
    places: Vec<Option<(usize, usize)>>,
}

impl<'a, T: Real> FeatureCorrelations<'a, T> {
    pub(crate) fn new(features: &'a Centred<'a, T>) -> Self {
        Self {
            inverse_std: features.inverse_std(),
            passes: Vec::new(),
            places: vec![None; features.n_rows()],
            features,
        }
    }

    pub(crate) fn n_features(&self) -> usize {
        self.places.len()
    }

    fn n_known(&self) -> usize {
        self.passes.iter().map(Mat::ncols).sum()
    }

    /// Drops all rows if they take up more than half of the space.
    fn make_room(&mut self) {
        if self.n_known() * self.n_features() > MOST_CORRELATIONS / 2 {
            self.passes.clear();
            self.places.fill(None);
        }
    }

    /// 1 for a feature that varies, 0 for a constant one.
    fn variances(&self) -> Vec<f64> {
        self.inverse_std
            .iter()
            .map(|&scale| if scale > 0.0 { 1.0 } else { 0.0 })
            .collect()
    }

    /// Makes these rows available, in one pass over the samples; Err if there are too many with those available already.
    fn ensure(&mut self, wanted: impl Iterator<Item = usize>) -> Result<(), ProbeError> {
        let mut missing: Vec<usize> = wanted.filter(|&j| self.places[j].is_none()).collect();
        missing.sort_unstable();
        missing.dedup();
        if missing.is_empty() {
            return Ok(());
        }
        if self.n_features() <= ALL_AT_ONCE {
            missing = (0..self.n_features()).collect();
        }
        let n_chosen = self.n_known() + missing.len();
        if n_chosen > MOST_CORRELATIONS / self.n_features() {
            return Err(ProbeError::TooManyCorrelations {
                n_features: self.n_features(),
                n_chosen,
                limit: MOST_CORRELATIONS,
            });
        }
        let mut products = Mat::zeros(self.n_features(), missing.len());
        let mut picked = Mat::zeros(missing.len(), BLOCK);
        self.features.for_each_block(|block| {
            for k in 0..block.ncols() {
                for (place, &j) in missing.iter().enumerate() {
                    picked[(place, k)] = block[(j, k)];
                }
            }
            let picked = picked.as_ref().subcols(0, block.ncols());
            linalg::multiply_add(products.as_mut(), block, picked.transpose());
        });
        let n = self.features.n_samples() as f64;
        for (place, &j) in missing.iter().enumerate() {
            let row = products.col_as_slice_mut(place);
            for (value, scale) in row.iter_mut().zip(&self.inverse_std) {
                *value *= self.inverse_std[j] * scale / n;
            }
            self.places[j] = Some((self.passes.len(), place));
        }
        self.passes.push(products);
        Ok(())
    }

    fn row(&self, j: usize) -> &[f64] {
        let (pass, place) =
            self.places[j].expect("ensure() is called for a feature when it is chosen");
        self.passes[pass].col_as_slice(place)
    }
}

/// One neuron during the selection.
struct State {
    /// Cov(h, x_j.S) / (sd(h) sd(x_j)).
    covariance: Vec<f64>,
    /// Var(x_j.S) / Var(x_j).
    variance: Vec<f64>,
    /// 1 - R^2 of the neuron on S.
    unexplained: f64,
    /// Rows of the Cholesky factor of the correlations among S.
    factor: Vec<Vec<f64>>,
    selection: Selection,
    chosen: Option<usize>,
}

impl State {
    fn part(&self, j: usize) -> f64 {
        if self.variance[j] > DETERMINED {
            self.covariance[j] / self.variance[j].sqrt()
        } else {
            0.0
        }
    }

    /// The strongest feature that counts, smallest index on ties.
    fn choose(&mut self, neuron: usize, gate: &Gate<'_>) {
        self.chosen = None;
        let n_given = self.selection.features.len();
        let mut largest = 0.0_f64;
        let mut strongest = 0.0_f64;
        if self.unexplained > DETERMINED {
            for j in 0..self.covariance.len() {
                let part = self.part(j).abs();
                largest = largest.max(part);
                if part > strongest && gate.passes(part, self.unexplained, n_given, neuron, j) {
                    strongest = part;
                    self.chosen = Some(j);
                }
            }
        }
        match n_given {
            0 => self.selection.first = strongest,
            1 => self.selection.second = largest,
            _ => {}
        }
    }

    /// Adds the chosen feature to S and takes its contribution out of everything else (a Gram-Schmidt step).
    fn take<T: Real>(&mut self, s: usize, correlations: &FeatureCorrelations<'_, T>) {
        let given = &self.selection.features;
        let row = correlations.row(s);
        // Regression of x_s on S: L y = C[S, s], then L^T beta = y.
        let mut y: Vec<f64> = Vec::with_capacity(given.len() + 1);
        for (l, &feature) in self.factor.iter().zip(given) {
            let known: f64 = l.iter().zip(&y).map(|(l, y)| l * y).sum();
            y.push((row[feature] - known) / l[y.len()]);
        }
        let mut beta = y.clone();
        for l in (0..beta.len()).rev() {
            let known: f64 = (l + 1..beta.len())
                .map(|k| self.factor[k][l] * beta[k])
                .sum();
            beta[l] = (beta[l] - known) / self.factor[l][l];
        }
        // Cov(x_s.S, x_j) for all j.
        let mut residual = row.to_vec();
        for (&feature, &beta) in given.iter().zip(&beta) {
            for (value, other) in residual.iter_mut().zip(correlations.row(feature)) {
                *value -= beta * other;
            }
        }
        let std = self.variance[s].sqrt();
        let part = self.covariance[s] / std;
        for (j, residual) in residual.iter().enumerate() {
            let residual = residual / std;
            self.covariance[j] -= part * residual;
            self.variance[j] = (self.variance[j] - residual * residual).max(0.0);
        }
        self.variance[s] = 0.0;
        self.unexplained = (self.unexplained - part * part).max(0.0);
        y.push(std);
        self.factor.push(y);
        self.selection.features.push(s);
    }
}

/// The features that each neuron responds to, from neuron by feature correlations (m x n).
///
/// All neurons take a step together, so that each step needs one pass over the samples for the newly chosen features,
/// at most.
pub(crate) fn select<T: Real>(
    neuron_feature: MatRef<'_, f64>,
    gate: &Gate<'_>,
    correlations: &mut FeatureCorrelations<'_, T>,
) -> Result<Vec<Selection>, ProbeError> {
    correlations.make_room();
    let variances = correlations.variances();
    let mut states: Vec<State> = (0..neuron_feature.nrows())
        .map(|neuron| State {
            covariance: neuron_feature.row(neuron).iter().copied().collect(),
            variance: variances.clone(),
            unexplained: 1.0,
            factor: Vec::new(),
            selection: Selection::default(),
            chosen: None,
        })
        .collect();
    let mut active: Vec<usize> = (0..states.len()).collect();
    while !active.is_empty() {
        for &neuron in &active {
            states[neuron].choose(neuron, gate);
        }
        active.retain(|&neuron| states[neuron].chosen.is_some());
        correlations.ensure(active.iter().filter_map(|&neuron| states[neuron].chosen))?;
        for &neuron in &active {
            if let Some(s) = states[neuron].chosen {
                states[neuron].take(s, correlations);
            }
        }
    }
    Ok(states.into_iter().map(|state| state.selection).collect())
}

#[cfg(test)]
mod tests {
    use superposition_testkit::geometry::random_uniform;

    use super::*;
    use crate::correlation::correlations;
    use crate::polysemanticity::check;
    use crate::{PolysemanticityOptions, polysemanticity};

    /// 100 features have room for 40 rows here.
    #[test]
    fn too_many_rows_are_an_error_and_old_ones_make_room() {
        let x = random_uniform(100, 400, 1);
        let options = PolysemanticityOptions::default();
        let result = polysemanticity(x.as_ref().subrows(0, 41), x.as_ref(), &options);
        assert_eq!(
            result,
            Err(ProbeError::TooManyCorrelations {
                n_features: 100,
                n_chosen: 41,
                limit: 1 << 12,
            })
        );
        let (_, features) = check(x.as_ref(), x.as_ref(), &options).unwrap();
        let mut rows = FeatureCorrelations::new(&features);
        for first in [0, 30, 60] {
            let part = x.as_ref().subrows(first, 30);
            let (neurons, _) = check(part, x.as_ref(), &options).unwrap();
            let (h, f) = (neurons.kurtosis(), features.kurtosis());
            let gate = Gate::new(&options, 400, &h, &f);
            let selections =
                select(correlations(&neurons, &features).as_ref(), &gate, &mut rows).unwrap();
            for (neuron, selection) in selections.iter().enumerate() {
                assert_eq!(selection.features, [first + neuron]);
            }
        }
    }
}
