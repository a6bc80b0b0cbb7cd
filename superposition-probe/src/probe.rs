//! Probing features: fit on one part of the samples, judge on the other.

use faer::MatRef;
use rand::Rng;

use crate::metrics;
use crate::moments::Centred;
use crate::ridge::{self, Fit};
use crate::samples::{self, Reading, Samples, Source};
use crate::split::check_test_fraction;
use crate::{ProbeError, Real, RidgeOptions, Split};

/// Options of [`probe_feature`] and [`probe_all_features`].
///
/// ```
/// use superposition_probe::ProbeOptions;
///
/// let options = ProbeOptions::default().with_test_fraction(0.5);
/// assert_eq!((options.test_fraction, options.active_threshold), (0.5, 0.0));
/// assert_eq!(options.r_squared_threshold, 0.5);
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(default)
)]
#[non_exhaustive]
pub struct ProbeOptions {
    /// The regression.
    pub ridge: RidgeOptions,
    /// Share of the samples that is held out, strictly between 0 and 1; default 0.2. Not used by [`probe_on_split`].
    pub test_fraction: f64,
    /// A feature is active (its label true) where its target is above this; default 0.
    pub active_threshold: f64,
    /// The `r_squared_threshold` meant for [`feature_coverage`] of the results, default 0.5; probing itself does not use it.
    pub r_squared_threshold: f64,
}

impl Default for ProbeOptions {
    fn default() -> Self {
        Self {
            ridge: RidgeOptions::default(),
            test_fraction: 0.2,
            active_threshold: 0.0,
            r_squared_threshold: 0.5,
        }
    }
}

impl ProbeOptions {
    /// With these options of the regression.
    #[must_use]
    pub fn with_ridge(mut self, ridge: RidgeOptions) -> Self {
        self.ridge = ridge;
        self
    }

    /// With this share of the samples held out.
    #[must_use]
    pub fn with_test_fraction(mut self, test_fraction: f64) -> Self {
        self.test_fraction = test_fraction;
        self
    }

    /// With labels "target > `active_threshold`".
    #[must_use]
    pub fn with_active_threshold(mut self, active_threshold: f64) -> Self {
        self.active_threshold = active_threshold;
        self
    }

    /// With this threshold for coverage.
    #[must_use]
    pub fn with_r_squared_threshold(mut self, r_squared_threshold: f64) -> Self {
        self.r_squared_threshold = r_squared_threshold;
        self
    }

    fn check(&self) -> Result<(), ProbeError> {
        self.ridge.check()?;
        check_test_fraction(self.test_fraction)?;
        for (name, value) in [
            ("active_threshold", self.active_threshold),
            ("r_squared_threshold", self.r_squared_threshold),
        ] {
            if !value.is_finite() {
                return Err(ProbeError::InvalidOption {
                    name,
                    value,
                    expected: "finite",
                });
            }
        }
        Ok(())
    }
}

/// What a linear probe finds of one feature.
///
/// Two fits share a factorisation: the regression of the target's value gives `direction`, `pattern`, `intercept`
/// and the R^2; the regression of the label (target > `active_threshold`, a least-squares classifier) gives
/// `accuracy` and `auroc`.
///
/// Never call a feature decodable from R^2 alone: on `$h = W x$` with independent features of equal variance the
/// R^2 of feature i *is* its leverage `$W_i^\top F^+ W_i$`, whose mean is rank / n for any W, random ones too.
///
/// ```
/// use faer::Mat;
/// use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
/// use superposition_probe::{ProbeOptions, ProbeResult, probe_feature};
///
/// // The neuron is twice the feature.
/// let labels = Mat::from_fn(1, 50, |_, s| f64::from(s as u32 % 5));
/// let activations = Mat::from_fn(1, 50, |_, s| 2.0 * labels[(0, s)]);
/// let mut rng = ChaCha8Rng::seed_from_u64(0);
/// let probe: ProbeResult =
///     probe_feature(activations.as_ref(), labels.as_ref(), 0, &ProbeOptions::default(), &mut rng)?;
/// assert!((probe.direction[0] - 0.5).abs() < 1e-5 && probe.r_squared.unwrap() > 0.999);
/// # Ok::<(), superposition_probe::ProbeError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct ProbeResult {
    /// The feature: the row of the targets.
    pub feature: usize,
    /// Regression weights `$w$` (length m): the direction to read the feature from.
    pub direction: Vec<f64>,
    /// `$\operatorname{Cov}(h) w / \operatorname{Var}(w^\top h)$` on the training samples (length m): the change of the
    /// activations that goes with a unit change of the score, so the direction along which the feature moves
    /// them (Haufe et al. 2014, equation 6 for one component). Zeros where the score is constant.
    pub pattern: Vec<f64>,
    /// Intercept of the regression.
    pub intercept: f64,
    /// R^2 on the held-out samples, about their own mean; negative where worse than it; `None` if the held-out target is constant.
    pub r_squared: Option<f64>,
    /// Its standard error over held-out samples, of the probe as it is: by the delta method, so for many samples. `None` where
    /// there is no R^2, and for one sample.
    #[cfg_attr(feature = "serde", serde(default))]
    pub r_squared_standard_error: Option<f64>,
    /// R^2 on the training samples; `None` if the training target is constant.
    pub r_squared_train: Option<f64>,
    /// Share of held-out labels that the classifier gets right; `None` if the training labels are all the same, so
    /// that there was nothing to learn. Its cut is the one with the best accuracy on the training samples
    /// (the constant answer, unless some cut is strictly better), so on noise it is the base rate and not more.
    pub accuracy: Option<f64>,
    /// Share of the more frequent label among the held-out samples: what always giving the same answer can score.
    pub base_rate: f64,
    /// Area under the ROC curve of the classifier's score on the held-out samples; `None` if the training labels,
    /// or the held-out ones, are all the same.
    pub auroc: Option<f64>,
    /// Number of training samples.
    pub n_train: usize,
    /// Number of held-out samples.
    pub n_test: usize,
}

/// Probes one feature: [`probe_all_features`] for row `feature` of the targets, with the same split for the same `rng`.
///
/// # Errors
/// As [`probe_all_features`].
///
/// # Panics
/// Where the numbers of columns differ, or `feature` is not a row of the targets.
///
/// ```
/// use faer::Mat;
/// use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
/// use superposition_probe::{ProbeOptions, probe_feature};
///
/// // The second feature is twice the only activation; the penalty 1e-6 shrinks the weight by as much.
/// let activations = Mat::from_fn(1, 50, |_, s| s as f64);
/// let features = Mat::from_fn(2, 50, |i, s| if i == 0 { 0.0 } else { 2.0 * s as f64 });
/// let mut rng = ChaCha8Rng::seed_from_u64(0);
/// let result = probe_feature(activations.as_ref(), features.as_ref(), 1, &ProbeOptions::default(), &mut rng)?;
/// assert!((result.direction[0] - 2.0).abs() < 1e-5);
/// assert!(result.r_squared.unwrap() > 0.999_999);
/// assert_eq!((result.n_train, result.n_test), (40, 10));
/// # Ok::<(), superposition_probe::ProbeError>(())
/// ```
#[track_caller]
pub fn probe_feature<A: Real, T: Real, R: Rng + ?Sized>(
    activations: MatRef<'_, A>,
    targets: MatRef<'_, T>,
    feature: usize,
    options: &ProbeOptions,
    rng: &mut R,
) -> Result<ProbeResult, ProbeError> {
    assert!(
        feature < targets.nrows(),
        "feature {feature} is not one of the {} rows of the targets",
        targets.nrows()
    );
    let target = targets.subrows(feature, 1);
    let mut results = probe_all_features(activations, target, options, rng)?;
    let mut result = results.remove(0);
    result.feature = feature;
    Ok(result)
}

/// Probes every feature, on one random split.
///
/// `activations` are m x N and `targets` n x N (row i holds the values of feature i), samples in columns; the result
/// has one entry for each row of the targets. Weights come from [`fit_ridge`](crate::fit_ridge) on the training
/// samples; every judgement except `r_squared_train` comes from held-out samples.
///
/// O(N m (m + 2n)) for the moments, one O(m^3) factorisation for all features, O(n N (m + log N)) to judge them;
/// memory O(m (m + n)) and a few blocks, the activations are not copied.
///
/// # Errors
/// An option out of range; a matrix without rows; fewer than 2 samples; NaN or infinity; values whose squares overflow, or
/// underflow though the values differ.
///
/// # Panics
/// Where the numbers of columns differ.
///
/// ```
/// use faer::Mat;
/// use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
/// use superposition_probe::{ProbeOptions, feature_coverage, probe_all_features};
///
/// // Two activations that take all four combinations; the third feature is their product: not linear.
/// let bit = |s: usize, k: usize| f64::from((s >> k & 1) as u8) - 0.5;
/// let activations = Mat::from_fn(2, 400, |k, s| bit(s, k));
/// let features = Mat::from_fn(3, 400, |i, s| if i < 2 { bit(s, i) } else { bit(s, 0) * bit(s, 1) });
///
/// let mut rng = ChaCha8Rng::seed_from_u64(0);
/// let results = probe_all_features(activations.as_ref(), features.as_ref(), &ProbeOptions::default(), &mut rng)?;
/// assert!(results[0].r_squared.unwrap() > 0.999 && results[0].auroc == Some(1.0));
/// assert!(results[2].r_squared.unwrap() < 0.1);
/// assert_eq!(feature_coverage(&results, 0.5), Some(2.0 / 3.0));
/// # Ok::<(), superposition_probe::ProbeError>(())
/// ```
///
/// # References
/// Alain and Bengio 2016 (arXiv 1610.01644); Haufe et al. 2014, *On the interpretation of weight vectors of linear
/// models in multivariate neuroimaging*, for the pattern.
#[track_caller]
pub fn probe_all_features<A: Real, T: Real, R: Rng + ?Sized>(
    activations: MatRef<'_, A>,
    targets: MatRef<'_, T>,
    options: &ProbeOptions,
    rng: &mut R,
) -> Result<Vec<ProbeResult>, ProbeError> {
    samples::assert_same_samples(("activations", activations), ("targets", targets));
    let split = Split::random(activations.ncols(), options.test_fraction, rng)?;
    probe_on_split(activations, targets, &split, options)
}

/// [`probe_all_features`] on a split of your own.
///
/// # Errors
/// An option out of range; a matrix without rows; an empty part or a repeated sample in the split; NaN or infinity;
/// values whose squares overflow, or underflow though the values differ.
///
/// # Panics
/// Where the numbers of columns differ, or the split names a sample that does not exist.
///
/// ```
/// use faer::mat;
/// use superposition_probe::{ProbeOptions, Split, probe_on_split};
///
/// let split = Split { train: vec![0, 1, 2], test: vec![3] };
/// let activations = mat![[0.0, 1.0, 2.0, 3.0]];
/// let results = probe_on_split(activations.as_ref(), activations.as_ref(), &split, &ProbeOptions::default())?;
/// // One held-out sample is a constant target: its R^2 does not exist.
/// assert_eq!(results[0].r_squared, None);
/// assert_eq!(results[0].base_rate, 1.0);
/// # Ok::<(), superposition_probe::ProbeError>(())
/// ```
#[track_caller]
pub fn probe_on_split<A: Real, T: Real>(
    activations: MatRef<'_, A>,
    targets: MatRef<'_, T>,
    split: &Split,
    options: &ProbeOptions,
) -> Result<Vec<ProbeResult>, ProbeError> {
    samples::assert_same_samples(("activations", activations), ("targets", targets));
    options.check()?;
    split.check(activations.ncols())?;
    samples::check("activations", activations)?;
    samples::check("targets", targets)?;

    let h = Centred::new(Source::only(activations, &split.train, Reading::Value));
    h.check_range("activations")?;
    let train = |reading| Centred::new(Source::only(targets, &split.train, reading));
    let values = train(Reading::Value);
    values.check_range("targets")?;
    let labels = train(Reading::Label(options.active_threshold));
    let [value_fit, label_fit] = ridge::fit(&h, [&values, &labels], &options.ridge)?;

    // Few features at a time: their scores for all samples are kept, at most 32 MB for each kind.
    let at_once = ((1 << 22) / activations.ncols()).clamp(1, 64);
    let mut results = Vec::with_capacity(targets.nrows());
    for start in (0..targets.nrows()).step_by(at_once) {
        let range = start..targets.nrows().min(start + at_once);
        let judge = Judge {
            activations,
            targets: targets.subrows(range.start, range.len()),
            split,
            threshold: options.active_threshold,
        };
        judge.judge_into(
            range.start,
            &value_fit,
            &label_fit,
            &labels.variance,
            &mut results,
        );
    }
    Ok(results)
}

/// The samples and features that some probes are judged on.
struct Judge<'a, A, T> {
    activations: MatRef<'a, A>,
    targets: MatRef<'a, T>,
    split: &'a Split,
    threshold: f64,
}

impl<A: Real, T: Real> Judge<'_, A, T> {
    /// Appends a result for each target; `start` is the first one's feature.
    fn judge_into(
        &self,
        start: usize,
        value_fit: &Fit,
        label_fit: &Fit,
        label_variance: &[f64],
        results: &mut Vec<ProbeResult>,
    ) {
        let truth = Source::only(self.targets, &self.split.test, Reading::Value).transposed();
        let truth_train =
            Source::only(self.targets, &self.split.train, Reading::Value).transposed();
        let predictions = self.scores(&self.split.test, value_fit, start);
        let scores = self.scores(&self.split.test, label_fit, start);
        let scores_train = self.scores(&self.split.train, label_fit, start);
        let label = |&value: &f64| value > self.threshold;
        for k in 0..self.targets.nrows() {
            let feature = start + k;
            let truth = truth.col_as_slice(k);
            let labels: Vec<bool> = truth.iter().map(label).collect();
            let scores = scores.col_as_slice(k);
            let learned = label_variance[feature] > 0.0;
            let accuracy = learned.then(|| {
                let labels_train: Vec<bool> =
                    truth_train.col_as_slice(k).iter().map(label).collect();
                let cut = metrics::best_cut(scores_train.col_as_slice(k), &labels_train);
                metrics::accuracy(scores, &labels, cut)
            });
            results.push(ProbeResult {
                feature,
                direction: value_fit.probes.weights.col_as_slice(feature).to_vec(),
                pattern: value_fit.pattern(feature),
                intercept: value_fit.probes.intercepts[feature],
                r_squared: metrics::r_squared_of(truth, predictions.col_as_slice(k)),
                r_squared_standard_error: metrics::r_squared_standard_error(
                    truth,
                    predictions.col_as_slice(k),
                ),
                r_squared_train: value_fit.r_squared[feature],
                accuracy: accuracy.flatten(),
                // The split has been checked: there are held-out samples.
                base_rate: metrics::base_rate(&labels).unwrap_or(1.0),
                auroc: if learned {
                    metrics::auroc(scores, &labels)
                } else {
                    None
                },
                n_train: self.split.train.len(),
                n_test: self.split.test.len(),
            });
        }
    }

    /// The probes' outputs, samples x features, so that those for one feature are contiguous.
    fn scores(&self, samples: &[usize], fit: &Fit, start: usize) -> faer::Mat<f64> {
        let n_features = self.targets.nrows();
        let source = Source {
            view: self.activations,
            samples: Samples::Only(samples),
            reading: Reading::Value,
        };
        let mut scores = faer::Mat::zeros(samples.len(), n_features);
        ridge::predict_into(
            source,
            fit.probes.weights.as_ref().subcols(start, n_features),
            &fit.probes.intercepts[start..start + n_features],
            scores.as_mut().transpose_mut(),
        );
        scores
    }
}

/// Share of the probed features whose held-out R^2 is at least `r_squared_threshold`; `None` without results.
///
/// A feature whose R^2 does not exist (constant held-out target) counts as not covered. Compare it with what a random
/// W of the same shape would give, not with 0: the mean R^2 through a linear bottleneck is rank / n for any W.
///
/// ```
/// use superposition_probe::feature_coverage;
/// assert_eq!(feature_coverage(&[], 0.5), None);
/// ```
#[must_use]
pub fn feature_coverage(results: &[ProbeResult], r_squared_threshold: f64) -> Option<f64> {
    let covered =
        |result: &&ProbeResult| result.r_squared.is_some_and(|r| r >= r_squared_threshold);
    let n_covered = results.iter().filter(covered).count();
    (!results.is_empty()).then(|| n_covered as f64 / results.len() as f64)
}
