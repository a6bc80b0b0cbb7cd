//! Which features each neuron responds to.

use faer::MatRef;

use crate::correlation;
use crate::moments::Centred;
use crate::samples::{self, Source};
use crate::significance::Gate;
use crate::stepwise::{self, FeatureCorrelations, Selection};
use crate::{ProbeError, Real};

/// Options of [`polysemanticity`].
///
/// ```
/// use superposition_probe::PolysemanticityOptions;
///
/// let options = PolysemanticityOptions::default();
/// assert_eq!((options.min_abs_correlation, options.family_error), (0.1, 0.01));
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(default)
)]
#[non_exhaustive]
pub struct PolysemanticityOptions {
    /// The smallest |part correlation| that counts, however significant; in [0, 1], default 0.1. Its square is the
    /// smallest share of a neuron's variance that a further feature must explain.
    pub min_abs_correlation: f64,
    /// Chance that pure noise yields any response of any neuron; strictly between 0 and 1, default 0.01.
    pub family_error: f64,
}

impl Default for PolysemanticityOptions {
    fn default() -> Self {
        Self {
            min_abs_correlation: 0.1,
            family_error: 0.01,
        }
    }
}

impl PolysemanticityOptions {
    /// With this smallest |part correlation|.
    #[must_use]
    pub fn with_min_abs_correlation(mut self, min_abs_correlation: f64) -> Self {
        self.min_abs_correlation = min_abs_correlation;
        self
    }

    /// With this chance of a false response anywhere.
    #[must_use]
    pub fn with_family_error(mut self, family_error: f64) -> Self {
        self.family_error = family_error;
        self
    }

    pub(crate) fn check(&self) -> Result<(), ProbeError> {
        if !(0.0..=1.0).contains(&self.min_abs_correlation) {
            return Err(ProbeError::InvalidOption {
                name: "min_abs_correlation",
                value: self.min_abs_correlation,
                expected: "in [0, 1]",
            });
        }
        if !(self.family_error > 0.0 && self.family_error < 1.0) {
            return Err(ProbeError::InvalidOption {
                name: "family_error",
                value: self.family_error,
                expected: "strictly between 0 and 1",
            });
        }
        Ok(())
    }
}

/// Which features each neuron responds to; made by [`polysemanticity`].
///
/// Every neuron is in exactly one of `dead_neurons`, `unresponsive_neurons`, `monosemantic_neurons` and
/// `polysemantic_neurons`.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Polysemanticity {
    /// For each neuron the features it responds to, strongest first (in the order of selection).
    pub responses: Vec<Vec<usize>>,
    /// For each neuron `$1 - s / f$`, in [0, 1]: f is its |correlation| with the first feature it responds to and s the largest
    /// |part correlation| of any other feature given that one, significant or not (0 where s > f). 1 says that
    /// nothing but the first feature matters, 0 that another matters as much; 0 for a neuron without responses.
    pub selectivity: Vec<f64>,
    /// Mean number of features per neuron, over all neurons.
    pub features_per_neuron: f64,
    /// Number of neurons that are constant.
    pub dead_neurons: usize,
    /// Number of neurons that vary but respond to no feature.
    pub unresponsive_neurons: usize,
    /// Number of neurons that respond to exactly one feature.
    pub monosemantic_neurons: usize,
    /// Number of neurons that respond to two features or more.
    pub polysemantic_neurons: usize,
    /// `polysemantic_neurons` divided by the number of all neurons, dead and unresponsive ones included.
    pub ratio: f64,
    /// The monosemantic neurons, each with its feature: (neuron, feature), by neuron.
    pub monosemantic: Vec<(usize, usize)>,
    /// The smallest |correlation| that can count as a neuron's first response, with these numbers of samples, neurons and features.
    pub critical_correlation: f64,
}

/// Which features each neuron responds to, with a control for chance and for features that go together.
///
/// `neurons` are m x N and `features` n x N, samples in columns. For each neuron features are chosen one at a time. The
/// next one is the feature with the largest part correlation: that of the neuron with what the features already
/// chosen do not explain of it (at first, the correlation itself). It counts if
///
/// - it is significant: for the partial correlation `$\rho$` given k earlier features,
///   `$|\operatorname{artanh} \rho|\sqrt{N - k - 3}$` (Fisher's z) exceeds the two-sided normal quantile of
///   `family_error` / (m n), Bonferroni's correction over all pairs;
/// - it matters: |part correlation| >= `min_abs_correlation`, so that it adds at least the square of that to the
///   neuron's R^2.
///
/// The first that does not count ends the list. So a neuron that equals one of five mutually exclusive features
/// responds to that one only, although it correlates at -1/4 with the other four; and a neuron that follows what two
/// correlated features share responds to one of them. A feature that the chosen ones determine (a copy, the last of
/// a one-hot set) adds nothing.
///
/// Fisher's z is for tails like a Gaussian's on at least one side of the pair. Where a rare neuron meets a rare feature, one sample that
/// both happen to share makes a correlation of any size. There N is replaced by
/// `$N \min(1, N / (\kappa_h \kappa_x))$` with the kurtoses `$\kappa$`; for labels of probabilities p and q that is N times the number of samples, N p q,
/// in which both are expected to be active, if that is below 1.
///
/// Where the hidden layer is linear it has no privileged basis, and the answer describes the basis, not the network: print
/// [`polysemanticity_under_rotation`](crate::polysemanticity_under_rotation) beside it.
///
/// Time O(m n N) for one product, and O(n N) once for each feature that any
/// neuron responds to (for all, if n <= 256); memory O(m n), and n values for each of those, 2^28 values (2 GiB) at most.
///
/// # Errors
/// An option out of range; a matrix without rows or samples; NaN or infinity; values whose squares overflow, or
/// underflow though the values differ; more than 2^28 / n features that some neuron responds to.
///
/// # Panics
/// Where the numbers of columns differ.
///
/// ```
/// use faer::Mat;
/// use superposition_probe::{PolysemanticityOptions, polysemanticity};
///
/// // Five mutually exclusive features; one neuron for feature 3, one for both 0 and 1, one constant.
/// let features = Mat::from_fn(5, 200, |i, s| f64::from(s % 5 == i));
/// let neurons = Mat::from_fn(3, 200, |k, s| match k {
///     0 => features[(3, s)],
///     1 => features[(0, s)] + features[(1, s)],
///     _ => 1.0,
/// });
/// let result = polysemanticity(neurons.as_ref(), features.as_ref(), &PolysemanticityOptions::default())?;
/// assert_eq!(result.responses, [vec![3], vec![0, 1], vec![]]);
/// assert_eq!(result.monosemantic, [(0, 3)]);
/// assert_eq!((result.dead_neurons, result.features_per_neuron), (1, 1.0));
/// # Ok::<(), superposition_probe::ProbeError>(())
/// ```
///
/// # References
/// Fisher 1921, *On the "probable error" of a coefficient of correlation deduced from a small sample*; forward selection
/// as in Draper and Smith, *Applied Regression Analysis*, chapter 15. The words are those of Elhage et al. 2022 and
/// Scherlis et al. 2022; they prescribe no estimator.
#[track_caller]
pub fn polysemanticity<A: Real, T: Real>(
    neurons: MatRef<'_, A>,
    features: MatRef<'_, T>,
    options: &PolysemanticityOptions,
) -> Result<Polysemanticity, ProbeError> {
    let (neurons, features) = check(neurons, features, options)?;
    let neuron_kurtosis = neurons.kurtosis();
    let feature_kurtosis = features.kurtosis();
    let gate = Gate::new(
        options,
        neurons.n_samples(),
        &neuron_kurtosis,
        &feature_kurtosis,
    );
    let correlations = correlation::correlations(&neurons, &features);
    let selections = stepwise::select(
        correlations.as_ref(),
        &gate,
        &mut FeatureCorrelations::new(&features),
    )?;
    let dead_neurons = neurons
        .variance
        .iter()
        .filter(|&&variance| variance <= 0.0)
        .count();
    Ok(summarise(
        selections,
        dead_neurons,
        gate.critical_correlation(),
    ))
}

/// Checks options and values, and takes the first moments.
#[track_caller]
pub(crate) fn check<'a, A: Real, T: Real>(
    neurons: MatRef<'a, A>,
    features: MatRef<'a, T>,
    options: &PolysemanticityOptions,
) -> Result<(Centred<'a, A>, Centred<'a, T>), ProbeError> {
    samples::assert_same_samples(("neurons", neurons), ("features", features));
    options.check()?;
    samples::check("neurons", neurons)?;
    samples::check("features", features)?;
    let neurons = Centred::new(Source::all(neurons));
    let features = Centred::new(Source::all(features));
    neurons.check_range("neurons")?;
    features.check_range("features")?;
    Ok((neurons, features))
}

pub(crate) fn summarise(
    selections: Vec<Selection>,
    dead_neurons: usize,
    critical_correlation: f64,
) -> Polysemanticity {
    let n_neurons = selections.len();
    let count = |wanted: fn(usize) -> bool| {
        selections
            .iter()
            .filter(|selection| wanted(selection.features.len()))
            .count()
    };
    let silent = count(|n| n == 0);
    let monosemantic_neurons = count(|n| n == 1);
    let polysemantic_neurons = count(|n| n > 1);
    let total: usize = selections
        .iter()
        .map(|selection| selection.features.len())
        .sum();
    let selectivity = selections
        .iter()
        .map(|selection| {
            if selection.first > 0.0 {
                (1.0 - selection.second / selection.first).max(0.0)
            } else {
                0.0
            }
        })
        .collect();
    let monosemantic = selections
        .iter()
        .enumerate()
        .filter_map(|(neuron, selection)| match selection.features[..] {
            [feature] => Some((neuron, feature)),
            _ => None,
        })
        .collect();
    Polysemanticity {
        selectivity,
        features_per_neuron: total as f64 / n_neurons as f64,
        dead_neurons,
        unresponsive_neurons: silent - dead_neurons,
        monosemantic_neurons,
        polysemantic_neurons,
        ratio: polysemantic_neurons as f64 / n_neurons as f64,
        monosemantic,
        critical_correlation,
        responses: selections
            .into_iter()
            .map(|selection| selection.features)
            .collect(),
    }
}

/// The monosemantic neurons with at least this selectivity, each with its feature: (neuron, feature), by neuron.
///
/// With `min_selectivity` 0 these are all of [`Polysemanticity::monosemantic`]. A monosemantic neuron of low
/// selectivity nearly responds to a second feature: with more samples it may.
///
/// ```
/// use faer::Mat;
/// use superposition_probe::{PolysemanticityOptions, find_monosemantic_neurons, polysemanticity};
///
/// // One neuron for each of five mutually exclusive features.
/// let features = Mat::from_fn(5, 200, |i, s| f64::from(s % 5 == i));
/// let result = polysemanticity(features.as_ref(), features.as_ref(), &PolysemanticityOptions::default())?;
/// assert_eq!(find_monosemantic_neurons(&result, 0.9), [(0, 0), (1, 1), (2, 2), (3, 3), (4, 4)]);
/// # Ok::<(), superposition_probe::ProbeError>(())
/// ```
#[must_use]
pub fn find_monosemantic_neurons(
    result: &Polysemanticity,
    min_selectivity: f64,
) -> Vec<(usize, usize)> {
    let selective = |&&(neuron, _): &&(usize, usize)| result.selectivity[neuron] >= min_selectivity;
    result
        .monosemantic
        .iter()
        .filter(selective)
        .copied()
        .collect()
}
