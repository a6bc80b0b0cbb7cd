//! Which parameters mean the same model.

use faer::Mat;
use superposition_model::{
    Coupling, FeatureDistribution, FeatureSets, ModelError, ParameterLayout, ToyModel,
    ToyModelConfig,
};

use super::{dot, norm};

/// How many partial assignments of features are tried before two models count as different.
const MAX_TRIALS: usize = 1_000_000;

/// What can be done to a toy model without a change of its loss: rotations and reflections of the hidden space, and
/// permutations of features that the task does not tell apart.
///
/// The loss depends on `$G = W_\mathrm{dec}^\top W$` and b alone (`$G = W^\top W$` where tied), so two models are the
/// same up to a rotation where these are equal. A permutation may exchange features with equal importance and
/// probability, and must keep together the members of a set ([`FeatureSets`](superposition_model::FeatureSets)).
///
/// ```
/// use superposition_model::{Dimensions, FeatureDistribution, FeatureProbability, ToyModelConfig};
/// use superposition_train::optimum::Symmetry;
///
/// let config = ToyModelConfig::new(Dimensions { n_features: 2, n_hidden: 2 });
/// let distribution = FeatureDistribution::new(2, &FeatureProbability::Same(0.1)).unwrap();
/// // The two directions and biases exchanged, and mirrored.
/// let (a, b) = ([1.0, 0.0, 0.5, 2.0, 0.1, 0.2], [0.5, -2.0, 1.0, 0.0, 0.2, 0.1]);
/// let equal = Symmetry::new(config, &distribution, &[1.0, 1.0]).unwrap();
/// assert_eq!(equal.permutation(&a, &b, 1e-9), Some(vec![1, 0]));
/// let unequal = Symmetry::new(config, &distribution, &[1.0, 0.9]).unwrap();
/// assert_eq!(unequal.permutation(&a, &b, 1e-9), None);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Symmetry {
    config: ToyModelConfig,
    layout: ParameterLayout,
    /// Features that the loss treats alike have the same number.
    kinds: Vec<usize>,
    /// The set of each feature.
    sets: Vec<usize>,
}

impl Symmetry {
    /// The symmetry of the loss of such models on this task.
    ///
    /// # Errors
    /// Those of [`ToyModelConfig::validate`].
    ///
    /// # Panics
    /// If the distribution does not have n features, or `importance` does not have length n.
    #[track_caller]
    pub fn new(
        config: ToyModelConfig,
        distribution: &FeatureDistribution,
        importance: &[f64],
    ) -> Result<Self, ModelError> {
        let n_parameters = config.n_parameters()?;
        let layout = ToyModel::new(config, vec![0.0; n_parameters])?.layout();
        let n = config.dimensions.n_features;
        assert!(
            distribution.n_features() == n && importance.len() == n,
            "the distribution has {} features and there are {} importances; the model has {n} features",
            distribution.n_features(),
            importance.len()
        );
        let p = distribution.feature_probability();
        let set_size = match distribution.sets() {
            FeatureSets::Independent => 1,
            FeatureSets::Correlated { set_size } | FeatureSets::Anticorrelated { set_size } => {
                set_size
            }
        };
        let sets: Vec<usize> = (0..n).map(|i| i / set_size).collect();
        let size = |set: usize| set_size.min(n - set * set_size);
        let alike = |i: usize, j: usize| {
            p[i] == p[j] && importance[i] == importance[j] && size(sets[i]) == size(sets[j])
        };
        let first_alike = |i| (0..i).find(|&j| alike(i, j)).unwrap_or(i);
        Ok(Self {
            config,
            layout,
            kinds: (0..n).map(first_alike).collect(),
            sets,
        })
    }

    /// The configuration of the models.
    #[must_use]
    pub fn config(&self) -> ToyModelConfig {
        self.config
    }

    /// How many features the models have.
    #[must_use]
    pub fn n_features(&self) -> usize {
        self.kinds.len()
    }

    /// How many parameters the models have.
    #[must_use]
    pub fn n_parameters(&self) -> usize {
        self.layout.len()
    }

    /// The permutation of features that makes a rotation of model b of model a: feature i of a is feature `p[i]` of b.
    /// None if there is none.
    ///
    /// Elements of G and b may differ by `tolerance`, times the largest of them where that is above 1. A search over
    /// the assignments that fit so far, quick unless a model is nearly but not quite symmetric: after a million trials
    /// the models count as different. Costs mostly `$O(n^2 (m + n))$`.
    ///
    /// # Panics
    /// If one of them does not have the parameters of such a model.
    #[must_use]
    #[track_caller]
    pub fn permutation(&self, a: &[f64], b: &[f64], tolerance: f64) -> Option<Vec<usize>> {
        let (a, b) = (self.invariants(a), self.invariants(b));
        let largest = a
            .gram
            .iter()
            .chain(&a.bias)
            .fold(1.0_f64, |l, x| x.abs().max(l));
        let mut matching = Matching {
            symmetry: self,
            a: &a,
            b: &b,
            tolerance: tolerance * largest,
            order: a.order(),
            to: vec![0; self.n_features()],
            taken: vec![false; self.n_features()],
            n_trials: 0,
        };
        matching.assign(0).then_some(matching.to)
    }

    /// The directions of the parameters, P x d with orthonormal columns, along which a model stays the same up to a
    /// rotation.
    ///
    /// They span the `$A W$` with A skew: `$d = m r - r (r + 1) / 2$` where W has rank r. Untied weights allow any
    /// invertible map of the hidden space, undone by the decoder: `$A W$` with `$-A^\top W_\mathrm{dec}$`. Directions
    /// shorter than 1e-6 times the longest count as 0.
    ///
    /// Costs `$O(m^4 P)$`.
    ///
    /// # Panics
    /// If these are not the parameters of such a model.
    #[must_use]
    #[track_caller]
    pub fn orbit_directions(&self, parameters: &[f64]) -> Mat<f64> {
        self.check(parameters);
        let m = self.config.dimensions.n_hidden;
        let mut left: Vec<Vec<f64>> = Vec::new();
        for a in 0..m {
            for b in 0..m {
                let mut direction = vec![0.0; parameters.len()];
                // Row a changes by row b; a rotation takes it back from row b.
                let mut add = |start: usize, to: usize, from: usize, sign: f64| {
                    for i in 0..self.n_features() {
                        direction[start + i * m + to] += sign * parameters[start + i * m + from];
                    }
                };
                match self.config.coupling {
                    Coupling::Tied if a >= b => continue,
                    Coupling::Tied => {
                        add(self.layout.w.start, a, b, 1.0);
                        add(self.layout.w.start, b, a, -1.0);
                    }
                    Coupling::Untied => {
                        add(self.layout.w.start, a, b, 1.0);
                        add(self.layout.w_dec.start, b, a, -1.0);
                    }
                }
                left.push(direction);
            }
        }
        let longest = left.iter().map(|x| norm(x)).fold(0.0, f64::max);
        let mut basis: Vec<Vec<f64>> = Vec::new();
        // The longest of what is left, made orthogonal to those before, again and again.
        while let Some(k) =
            (0..left.len()).max_by(|&i, &j| norm(&left[i]).total_cmp(&norm(&left[j])))
        {
            let mut next = left.swap_remove(k);
            let length = norm(&next);
            if length <= 1e-6 * longest {
                break;
            }
            next.iter_mut().for_each(|x| *x /= length);
            for other in &mut left {
                let along = dot(other, &next);
                other
                    .iter_mut()
                    .zip(&next)
                    .for_each(|(x, n)| *x -= along * n);
            }
            basis.push(next);
        }
        Mat::from_fn(parameters.len(), basis.len(), |i, k| basis[k][i])
    }

    #[track_caller]
    fn check(&self, parameters: &[f64]) {
        assert!(
            parameters.len() == self.layout.len(),
            "there are {} parameters; the model has {}",
            parameters.len(),
            self.layout.len()
        );
    }

    #[track_caller]
    fn invariants(&self, parameters: &[f64]) -> Invariants {
        self.check(parameters);
        let (n, m) = (self.n_features(), self.config.dimensions.n_hidden);
        let w = &parameters[self.layout.w.clone()];
        let w_dec = &parameters[self.layout.w_dec.clone()];
        let mut gram = Vec::with_capacity(n * n);
        for decoder in w_dec.chunks_exact(m) {
            gram.extend(w.chunks_exact(m).map(|encoder| dot(decoder, encoder)));
        }
        let sorted = (0..n).map(|i| {
            let mut row = gram[i * n..(i + 1) * n].to_vec();
            row.sort_by(f64::total_cmp);
            row
        });
        Invariants {
            sorted_rows: sorted.collect(),
            bias: self
                .layout
                .b
                .clone()
                .map_or(vec![0.0; n], |b| parameters[b].to_vec()),
            gram,
        }
    }
}

/// What rotations leave as it is.
struct Invariants {
    /// G, row after row.
    gram: Vec<f64>,
    bias: Vec<f64>,
    /// The rows of G, each sorted: permutations leave them as they are, up to their order.
    sorted_rows: Vec<Vec<f64>>,
}

impl Invariants {
    /// An order of the features in which each has much to do with one before it, where there is such a one.
    fn order(&self) -> Vec<usize> {
        let n = self.bias.len();
        let mut order: Vec<usize> = Vec::with_capacity(n);
        let mut tie = vec![0.0_f64; n];
        let mut left: Vec<usize> = (0..n).collect();
        while !left.is_empty() {
            let strongest = |&i: &usize, &j: &usize| tie[i].total_cmp(&tie[j]).then(j.cmp(&i));
            let next = left.iter().copied().max_by(strongest).unwrap_or(left[0]);
            left.retain(|&i| i != next);
            order.push(next);
            for &i in &left {
                tie[i] = tie[i].max(self.gram[i * n + next].abs());
            }
        }
        order
    }
}

/// A search for the permutation, feature after feature.
struct Matching<'a> {
    symmetry: &'a Symmetry,
    a: &'a Invariants,
    b: &'a Invariants,
    tolerance: f64,
    order: Vec<usize>,
    to: Vec<usize>,
    taken: Vec<bool>,
    n_trials: usize,
}

impl Matching<'_> {
    /// Whether the features from place `k` of the order on can be assigned, given those before.
    fn assign(&mut self, k: usize) -> bool {
        let Some(&i) = self.order.get(k) else {
            return true;
        };
        for j in 0..self.taken.len() {
            if self.taken[j] || !self.fits(k, i, j) {
                continue;
            }
            self.n_trials += 1;
            if self.n_trials > MAX_TRIALS {
                return false;
            }
            self.taken[j] = true;
            self.to[i] = j;
            if self.assign(k + 1) {
                return true;
            }
            self.taken[j] = false;
        }
        false
    }

    /// Whether feature i of the one can be feature j of the other, beside the first `k` assigned.
    fn fits(&self, k: usize, i: usize, j: usize) -> bool {
        let (a, b, n) = (self.a, self.b, self.taken.len());
        let near = |x: f64, y: f64| (x - y).abs() <= self.tolerance;
        let rows = || a.sorted_rows[i].iter().zip(&b.sorted_rows[j]);
        let Symmetry { kinds, sets, .. } = self.symmetry;
        kinds[i] == kinds[j]
            && near(a.bias[i], b.bias[j])
            && near(a.gram[i * n + i], b.gram[j * n + j])
            && rows().all(|(&x, &y)| near(x, y))
            && self.order[..k].iter().all(|&other| {
                let image = self.to[other];
                near(a.gram[i * n + other], b.gram[j * n + image])
                    && near(a.gram[other * n + i], b.gram[image * n + j])
                    && (sets[i] == sets[other]) == (sets[j] == sets[image])
            })
    }
}
