//! Ridge regression with one factorisation for all targets.

use faer::{Mat, MatRef};

use crate::linalg;
use crate::moments::{self, Centred};
use crate::samples::{self, BLOCK, Source};
use crate::{ProbeError, Real};

/// Whether a probe has an intercept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
#[non_exhaustive]
pub enum Intercept {
    /// Fitted and not penalised: activations and targets are centred.
    #[default]
    Fitted,
    /// None: the prediction for zero activations is zero, and uncentred second moments take the place of covariances.
    None,
}

/// Options of [`fit_ridge`].
///
/// ```
/// use superposition_probe::{Intercept, RidgeOptions};
///
/// let options = RidgeOptions::default();
/// assert_eq!((options.penalty, options.intercept), (1e-6, Intercept::Fitted));
/// assert_eq!(options.with_penalty(0.1).penalty, 0.1);
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(default)
)]
#[non_exhaustive]
pub struct RidgeOptions {
    /// Penalty `$\lambda \ge 0$`, relative to the mean variance of the activations; default 1e-6.
    pub penalty: f64,
    /// Whether there is an intercept; default [`Intercept::Fitted`].
    pub intercept: Intercept,
}

impl Default for RidgeOptions {
    fn default() -> Self {
        Self {
            penalty: 1e-6,
            intercept: Intercept::Fitted,
        }
    }
}

impl RidgeOptions {
    /// With this penalty.
    #[must_use]
    pub fn with_penalty(mut self, penalty: f64) -> Self {
        self.penalty = penalty;
        self
    }

    /// With or without an intercept.
    #[must_use]
    pub fn with_intercept(mut self, intercept: Intercept) -> Self {
        self.intercept = intercept;
        self
    }

    pub(crate) fn check(&self) -> Result<(), ProbeError> {
        if self.penalty >= 0.0 && self.penalty.is_finite() {
            Ok(())
        } else {
            Err(ProbeError::InvalidOption {
                name: "penalty",
                value: self.penalty,
                expected: "finite and at least 0",
            })
        }
    }
}

/// Linear probes for several targets: `$\hat y_t = w_t^\top h + b_t$`.
#[derive(Debug, Clone, PartialEq)]
pub struct LinearProbes {
    /// m x t: column t is the direction of the probe for target t.
    pub weights: Mat<f64>,
    /// The intercepts `$b_t$`, all 0 with [`Intercept::None`].
    pub intercepts: Vec<f64>,
}

impl LinearProbes {
    /// The predictions (t x N) for activations (m x N).
    ///
    /// NaN and infinity propagate to the predictions of their sample. O(m t N) time.
    ///
    /// # Panics
    /// Where the activations do not have m rows.
    ///
    /// ```
    /// use faer::mat;
    /// use superposition_probe::LinearProbes;
    ///
    /// let probes = LinearProbes { weights: mat![[2.0], [1.0]], intercepts: vec![0.5] };
    /// let predictions = probes.predict(mat![[1.0, 0.0], [3.0, -1.0]].as_ref());
    /// assert_eq!(predictions, mat![[5.5, -0.5]]);
    /// ```
    #[must_use]
    #[track_caller]
    pub fn predict<A: Real>(&self, activations: MatRef<'_, A>) -> Mat<f64> {
        let mut predictions = Mat::zeros(self.weights.ncols(), activations.ncols());
        predict_into(
            Source::all(activations),
            self.weights.as_ref(),
            &self.intercepts,
            predictions.as_mut(),
        );
        predictions
    }
}

/// `out` (t x samples) = `weights^T` activations + intercepts.
#[track_caller]
pub(crate) fn predict_into<A: Real>(
    activations: Source<'_, A>,
    weights: MatRef<'_, f64>,
    intercepts: &[f64],
    mut out: faer::MatMut<'_, f64>,
) {
    assert_eq!(
        activations.n_rows(),
        weights.nrows(),
        "activations are {} x {}, and the probe weights {} x {}: the numbers of rows differ",
        activations.n_rows(),
        activations.samples.len(),
        weights.nrows(),
        weights.ncols(),
    );
    assert_eq!(
        weights.ncols(),
        intercepts.len(),
        "one intercept for each column of weights"
    );
    let no_shift = vec![0.0; activations.n_rows()];
    let mut block = Mat::zeros(activations.n_rows(), BLOCK.min(activations.samples.len()));
    for range in activations.samples.blocks() {
        activations.read_into(range.clone(), &no_shift, block.as_mut());
        let mut out = out.as_mut().subcols_mut(range.start, range.len());
        let block = block.as_ref().subcols(0, range.len());
        linalg::multiply(out.as_mut(), weights.transpose(), block);
        for (t, &intercept) in intercepts.iter().enumerate() {
            for k in 0..range.len() {
                out[(t, k)] += intercept;
            }
        }
    }
}

/// Fits one linear probe to each row of `targets` by ridge regression.
///
/// Activations `$h$` are m x N and targets `$y$` t x N, samples in columns. For each target this minimises
///
/// ```math
/// \frac1N \sum_s (y_s - w^\top h_s - b)^2 + \lambda\,\bar v\,\lVert w\rVert^2,
/// \qquad \bar v = \frac1m \operatorname{tr} \operatorname{Cov}(h)
/// ```
///
/// with the population covariance (division by N), so `$w = (\operatorname{Cov}(h) + \lambda\bar v I)^{-1}\operatorname{Cov}(h, y)$`
/// and `$b = \bar y - w^\top \bar h$`. The penalty is relative: activations in other units need no other `$\lambda$`.
/// In scikit-learn's `Ridge` it is `alpha` `$= N \lambda \bar v$`. The activations are not standardised, so neurons of
/// far smaller variance than the mean are penalised more; scale them beforehand where that is not wanted.
///
/// Any penalty above about 1e-13 makes the problem definite, also for dependent or constant neurons and for N <= m.
/// With the penalty 0 and dependent neurons the solution of least norm is returned (eigenvalues up to rounding count
/// as 0). A constant neuron has the weight 0, a constant target the weights 0 and itself as intercept.
///
/// O(N m (m + t)) for the moments in one pass, O(m^3 + m^2 t) for one factorisation; activations are not copied, memory is O(m (m + t)).
///
/// # Errors
/// A matrix without rows or samples; NaN or infinity in either; values whose squares overflow, or
/// underflow though the values differ; a negative or
/// non-finite penalty.
///
/// # Panics
/// Where the numbers of columns differ.
///
/// ```
/// use faer::mat;
/// use superposition_probe::{RidgeOptions, fit_ridge};
///
/// // y = 3 h + 1, without a penalty.
/// let exact = RidgeOptions::default().with_penalty(0.0);
/// let h = mat![[-1.0, 0.0, 1.0]];
/// let y = mat![[-2.0, 1.0, 4.0]];
/// let probes = fit_ridge(h.as_ref(), y.as_ref(), &exact)?;
/// assert!((probes.weights[(0, 0)] - 3.0).abs() < 1e-12);
/// assert!((probes.intercepts[0] - 1.0).abs() < 1e-12);
///
/// // The penalty 0.5 is half of the variance of h: 3 / (1 + 0.5) = 2.
/// let probes = fit_ridge(h.as_ref(), y.as_ref(), &exact.with_penalty(0.5))?;
/// assert!((probes.weights[(0, 0)] - 2.0).abs() < 1e-12);
/// # Ok::<(), superposition_probe::ProbeError>(())
/// ```
///
/// # References
/// Hoerl and Kennard 1970, *Ridge Regression*; Alain and Bengio 2016, *Understanding intermediate layers using
/// linear classifier probes* (arXiv 1610.01644).
#[track_caller]
pub fn fit_ridge<A: Real, T: Real>(
    activations: MatRef<'_, A>,
    targets: MatRef<'_, T>,
    options: &RidgeOptions,
) -> Result<LinearProbes, ProbeError> {
    samples::assert_same_samples(("activations", activations), ("targets", targets));
    options.check()?;
    samples::check("activations", activations)?;
    samples::check("targets", targets)?;
    let h = Centred::new(Source::all(activations));
    let y = Centred::new(Source::all(targets));
    h.check_range("activations")?;
    y.check_range("targets")?;
    let [fit] = fit(&h, [&y], options)?;
    Ok(fit.probes)
}

/// Probes with the moments they came from.
#[derive(Debug)]
pub(crate) struct Fit {
    pub(crate) probes: LinearProbes,
    /// `Cov(h) w` for each probe, m x t.
    pub(crate) covariance_times_weights: Mat<f64>,
    /// R^2 on the samples of the fit.
    pub(crate) r_squared: Vec<Option<f64>>,
}

impl Fit {
    /// `Cov(h) w / Var(w^T h)`, the zero vector for a constant score.
    pub(crate) fn pattern(&self, t: usize) -> Vec<f64> {
        let weights = self.probes.weights.col_as_slice(t);
        let pattern = self.covariance_times_weights.col_as_slice(t);
        let variance = dot(weights, pattern);
        if variance > 0.0 {
            pattern.iter().map(|value| value / variance).collect()
        } else {
            vec![0.0; weights.len()]
        }
    }
}

/// One factorisation of the second moments of `h`, for all targets in all of `ys`.
pub(crate) fn fit<A: Real, T: Real, const K: usize>(
    h: &Centred<'_, A>,
    ys: [&Centred<'_, T>; K],
    options: &RidgeOptions,
) -> Result<[Fit; K], ProbeError> {
    let m = h.n_rows();
    let (covariance, mut cross) = moments::covariances(h, ys);
    // The moments of the normal equations: centred with an intercept, about zero without.
    let mut second = covariance.clone();
    if options.intercept == Intercept::None {
        add_outer(&mut second, &h.mean, &h.mean);
        for (cross, y) in cross.iter_mut().zip(ys) {
            add_outer(cross, &h.mean, &y.mean);
        }
    }
    let mut penalised = second.clone();
    let mean_variance = (0..m).map(|i| second[(i, i)]).sum::<f64>() / m as f64;
    for i in 0..m {
        penalised[(i, i)] += options.penalty * mean_variance;
    }

    let n_targets = ys.iter().map(|y| y.n_rows()).sum();
    let mut solution = Mat::zeros(m, n_targets);
    let mut start = 0;
    for cross in &cross {
        solution
            .as_mut()
            .subcols_mut(start, cross.ncols())
            .copy_from(cross);
        start += cross.ncols();
    }
    linalg::solve_semidefinite(penalised.as_ref(), solution.as_mut())
        .map_err(|linalg::NoConvergence| ProbeError::NoConvergence { size: m })?;

    let mut start = 0;
    let mut index = 0;
    Ok(ys.map(|y| {
        let weights = solution.as_ref().subcols(start, y.n_rows()).to_owned();
        let cross = &cross[index];
        start += y.n_rows();
        index += 1;
        finish(
            h,
            y,
            weights,
            cross,
            &covariance,
            &second,
            options.intercept,
        )
    }))
}

fn finish<A: Real, T: Real>(
    h: &Centred<'_, A>,
    y: &Centred<'_, T>,
    weights: Mat<f64>,
    cross: &Mat<f64>,
    covariance: &Mat<f64>,
    second: &Mat<f64>,
    intercept: Intercept,
) -> Fit {
    let (m, t) = weights.shape();
    let mut covariance_times_weights = Mat::zeros(m, t);
    linalg::multiply(
        covariance_times_weights.as_mut(),
        covariance.as_ref(),
        weights.as_ref(),
    );
    let mut second_times_weights = Mat::zeros(m, t);
    linalg::multiply(
        second_times_weights.as_mut(),
        second.as_ref(),
        weights.as_ref(),
    );

    let mut intercepts = vec![0.0; t];
    let mut r_squared = vec![None; t];
    for t in 0..t {
        let w = weights.col_as_slice(t);
        let mut target_square = y.variance[t];
        match intercept {
            Intercept::Fitted => intercepts[t] = y.mean[t] - dot(w, &h.mean),
            Intercept::None => target_square += y.mean[t] * y.mean[t],
        }
        if y.variance[t] > 0.0 {
            // E (y - w^T h)^2 expanded; rounding may take it below 0.
            let residual = target_square - 2.0 * dot(w, cross.col_as_slice(t))
                + dot(w, second_times_weights.col_as_slice(t));
            r_squared[t] = Some(1.0 - residual.max(0.0) / y.variance[t]);
        }
    }
    Fit {
        probes: LinearProbes {
            weights,
            intercepts,
        },
        covariance_times_weights,
        r_squared,
    }
}

fn add_outer(a: &mut Mat<f64>, left: &[f64], right: &[f64]) {
    for (j, right) in right.iter().enumerate() {
        for (value, left) in a.col_as_slice_mut(j).iter_mut().zip(left) {
            *value += left * right;
        }
    }
}

pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
