//! How good predictions and scores are.

use faer::MatRef;

use crate::Real;

/// Coefficient of determination of each row of `predictions` (t x N) for the same row of `targets` (t x N).
///
/// ```math
/// R^2 = 1 - \frac{\sum_s (y_s - \hat y_s)^2}{\sum_s (y_s - \bar y)^2}
/// ```
///
/// with the mean of the given targets. 1 is perfect, 0 no better than the mean, and a bad prediction is negative.
/// `None` for a constant target (and for N = 0), where there is nothing to explain. NaN propagates.
/// O(t N) time.
///
/// # Panics
/// Where the shapes differ.
///
/// ```
/// use faer::mat;
/// use superposition_probe::r_squared;
///
/// let targets = mat![[1.0, 2.0, 3.0], [5.0, 5.0, 5.0]];
/// let predictions = mat![[1.0, 2.0, 2.0], [5.0, 5.0, 5.0]];
/// // Residual 1, total (-1)^2 + 0 + 1^2 = 2.
/// assert_eq!(r_squared(targets.as_ref(), predictions.as_ref()), [Some(0.5), None]);
/// ```
#[must_use]
#[track_caller]
pub fn r_squared<T: Real, P: Real>(
    targets: MatRef<'_, T>,
    predictions: MatRef<'_, P>,
) -> Vec<Option<f64>> {
    assert_eq!(
        targets.shape(),
        predictions.shape(),
        "the shapes of targets (left) and predictions (right) differ"
    );
    let (n_rows, n_samples) = targets.shape();
    if n_samples == 0 {
        return vec![None; n_rows];
    }
    // Sample by sample, as they lie in memory. About the first one, so that a constant target has exactly no variance.
    let first: Vec<f64> = targets.col(0).iter().map(|y| y.to_f64()).collect();
    let mut mean = vec![0.0; n_rows];
    for s in 0..n_samples {
        for ((mean, first), y) in mean.iter_mut().zip(&first).zip(targets.col(s).iter()) {
            *mean += y.to_f64() - first;
        }
    }
    for (mean, first) in mean.iter_mut().zip(&first) {
        *mean = first + *mean / n_samples as f64;
    }
    let mut total = vec![0.0; n_rows];
    let mut residual = vec![0.0; n_rows];
    for s in 0..n_samples {
        let pairs = targets.col(s).iter().zip(predictions.col(s).iter());
        for (row, (y, prediction)) in pairs.enumerate() {
            let y = y.to_f64();
            total[row] += (y - mean[row]) * (y - mean[row]);
            residual[row] += (y - prediction.to_f64()) * (y - prediction.to_f64());
        }
    }
    total
        .iter()
        .zip(&residual)
        .map(|(&total, &residual)| ratio(residual, total))
        .collect()
}

/// R^2, or nothing where there is nothing to explain.
fn ratio(residual: f64, total: f64) -> Option<f64> {
    (total != 0.0).then(|| 1.0 - residual / total)
}

/// [`r_squared`] of one row.
pub(crate) fn r_squared_of(targets: &[f64], predictions: &[f64]) -> Option<f64> {
    let first = *targets.first()?;
    let mean = first + targets.iter().map(|y| y - first).sum::<f64>() / targets.len() as f64;
    let total: f64 = targets.iter().map(|y| (y - mean) * (y - mean)).sum();
    let residual: f64 = targets
        .iter()
        .zip(predictions)
        .map(|(y, prediction)| (y - prediction).powi(2))
        .sum();
    ratio(residual, total)
}

/// The standard error of R^2 over samples, by the delta method for a ratio of means; `None` for a constant target and for
/// fewer than two samples.
///
/// With errors `e`, deviations `d` from the mean and `$\rho = 1 - R^2$`, it is
/// `$\sqrt{N/(N-1) \sum_s (e_s^2 - \rho d_s^2)^2} / \sum_s d_s^2$`. That the mean is estimated too is of second order.
pub(crate) fn r_squared_standard_error(targets: &[f64], predictions: &[f64]) -> Option<f64> {
    let n = targets.len() as f64;
    let ratio = 1.0 - r_squared_of(targets, predictions)?;
    let first = *targets.first()?;
    let mean = first + targets.iter().map(|y| y - first).sum::<f64>() / n;
    let (mut total, mut squares) = (0.0, 0.0);
    for (y, prediction) in targets.iter().zip(predictions) {
        let deviation = (y - mean).powi(2);
        total += deviation;
        squares += ((y - prediction).powi(2) - ratio * deviation).powi(2);
    }
    (n >= 2.0).then(|| (squares * n / (n - 1.0)).sqrt() / total)
}

/// Share of samples whose score is above `cut` exactly where the label is true; `None` without samples.
///
/// A NaN score counts as not above. Read it beside [`base_rate`].
///
/// # Panics
/// Where the lengths differ.
///
/// ```
/// use superposition_probe::accuracy;
///
/// let labels = [true, true, false, false];
/// assert_eq!(accuracy(&[0.9, 0.4, 0.3, 0.1], &labels, 0.5), Some(0.75));
/// assert_eq!(accuracy(&[], &[], 0.5), None);
/// ```
#[must_use]
#[track_caller]
pub fn accuracy(scores: &[f64], labels: &[bool], cut: f64) -> Option<f64> {
    assert_same_length(scores, labels);
    let right = scores
        .iter()
        .zip(labels)
        .filter(|&(&score, &label)| (score > cut) == label)
        .count();
    (!labels.is_empty()).then(|| right as f64 / labels.len() as f64)
}

/// Share of the more frequent label: the accuracy of always answering that; `None` without samples.
///
/// ```
/// use superposition_probe::base_rate;
///
/// assert_eq!(base_rate(&[true, false, false, false]), Some(0.75));
/// ```
#[must_use]
pub fn base_rate(labels: &[bool]) -> Option<f64> {
    let n_true = labels.iter().filter(|&&label| label).count();
    let majority = n_true.max(labels.len() - n_true);
    (!labels.is_empty()).then(|| majority as f64 / labels.len() as f64)
}

/// Area under the ROC curve: the chance that a random true sample scores above a random false one.
///
/// ```math
/// \mathrm{AUROC} = P(s_+ > s_-) + \tfrac12 P(s_+ = s_-)
/// ```
///
/// by average ranks (the Mann-Whitney statistic), so ties count half. 1/2 is chance whatever the base rate, and the
/// value does not depend on a cut. `None` unless both labels occur, or where a score is NaN. O(N log N).
///
/// # Panics
/// Where the lengths differ.
///
/// ```
/// use superposition_probe::auroc;
///
/// let labels = [true, true, false, false];
/// // Of four pairs (true, false) three are in order and one is tied: 3.5 / 4.
/// assert_eq!(auroc(&[0.9, 0.3, 0.3, 0.1], &labels), Some(0.875));
/// assert_eq!(auroc(&[0.5; 4], &labels), Some(0.5));
/// assert_eq!(auroc(&[0.9, 0.3], &[true, true]), None);
/// ```
///
/// # References
/// Fawcett 2006, *An introduction to ROC analysis*, section 7.
#[must_use]
#[track_caller]
pub fn auroc(scores: &[f64], labels: &[bool]) -> Option<f64> {
    assert_same_length(scores, labels);
    if scores.iter().any(|score| score.is_nan()) {
        return None;
    }
    let (mut positives, mut negatives, mut twice_in_order) = (0_u64, 0_u64, 0_u128);
    // Upwards through groups of equal scores: each true sample is above all earlier false ones, level with its own.
    for group in sorted(scores, labels).chunk_by(|a, b| a.0 == b.0) {
        let n_true = group.iter().filter(|sample| sample.1).count() as u64;
        let n_false = group.len() as u64 - n_true;
        twice_in_order += u128::from(n_true) * u128::from(2 * negatives + n_false);
        positives += n_true;
        negatives += n_false;
    }
    let pairs = u128::from(positives) * u128::from(negatives);
    (pairs > 0).then(|| twice_in_order as f64 / (2.0 * pairs as f64))
}

/// The cut with the best accuracy on these samples, for a rule "true where score > cut".
///
/// The constant answer of the majority (an infinite cut) stands unless some cut is strictly better, and of equally
/// good cuts the highest is taken; a cut lies midway between two neighbouring scores.
pub(crate) fn best_cut(scores: &[f64], labels: &[bool]) -> f64 {
    let n_true = labels.iter().filter(|&&label| label).count();
    let n_false = labels.len() - n_true;
    let (mut best, mut cut) = if n_true > n_false {
        (n_true, f64::NEG_INFINITY)
    } else {
        (n_false, f64::INFINITY)
    };
    let sorted = sorted(scores, labels);
    // Right answers with everything above answered true: all false samples below, all true ones above.
    let mut right = n_false;
    for pair in (0..sorted.len()).rev() {
        let (score, label) = sorted[pair];
        if label {
            right += 1;
        } else {
            right -= 1;
        }
        let Some(&(below, _)) = pair.checked_sub(1).and_then(|below| sorted.get(below)) else {
            break;
        };
        if below < score && right > best {
            best = right;
            cut = below + (score - below) / 2.0;
            if cut >= score {
                // Neighbouring floats: "above the lower one" is the same rule.
                cut = below;
            }
        }
    }
    cut
}

fn sorted(scores: &[f64], labels: &[bool]) -> Vec<(f64, bool)> {
    let mut samples: Vec<(f64, bool)> =
        scores.iter().copied().zip(labels.iter().copied()).collect();
    samples.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    samples
}

#[track_caller]
fn assert_same_length(scores: &[f64], labels: &[bool]) {
    assert_eq!(
        scores.len(),
        labels.len(),
        "the numbers of scores (left) and labels (right) differ"
    );
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng as _};

    use super::*;

    proptest! {
        #[test]
        fn no_cut_is_better(samples in prop::collection::vec((-4_i32..4, any::<bool>()), 1..30)) {
            let scores: Vec<f64> = samples.iter().map(|sample| f64::from(sample.0)).collect();
            let labels: Vec<bool> = samples.iter().map(|sample| sample.1).collect();
            let ours = accuracy(&scores, &labels, best_cut(&scores, &labels)).unwrap();
            let best = (-5..5)
                .map(|cut| accuracy(&scores, &labels, f64::from(cut) + 0.5).unwrap())
                .fold(0.0, f64::max);
            prop_assert_eq!(ours, best);
        }
    }

    #[test]
    fn the_standard_error_is_the_spread_of_repetitions() {
        // A sparse target, as features are, read with noise: R^2 of many sets of samples.
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let (mut scores, mut errors) = (Vec::new(), Vec::new());
        for _ in 0..2_000 {
            let mut sample = || {
                let active: f64 = rng.random();
                let value: f64 = rng.random();
                let target = if active < 0.2 { value } else { 0.0 };
                let noise: f64 = rng.random();
                (target, 0.7 * target + 0.2 * (noise - 0.5))
            };
            let (targets, predictions): (Vec<f64>, Vec<f64>) = (0..500).map(|_| sample()).unzip();
            scores.push(r_squared_of(&targets, &predictions).unwrap());
            errors.push(r_squared_standard_error(&targets, &predictions).unwrap());
        }
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
        let centre = mean(&scores);
        let squares: Vec<f64> = scores
            .iter()
            .map(|score| (score - centre).powi(2))
            .collect();
        let ratio = mean(&errors) / mean(&squares).sqrt();
        // The spread of 2,000 repetitions is known to 1.6 %; the delta method is of first order in 1/500.
        assert!((ratio - 1.0).abs() < 0.06, "{ratio}");
        assert_eq!(r_squared_standard_error(&[1.0, 1.0], &[0.0, 1.0]), None);
        assert_eq!(r_squared_standard_error(&[], &[]), None);
    }

    #[test]
    fn the_majority_stands_unless_beaten() {
        // Any cut is as wrong as the constant answer.
        assert_eq!(best_cut(&[1.0, 2.0], &[true, false]), f64::INFINITY);
        assert_eq!(
            best_cut(&[1.0, 2.0, 3.0], &[true, true, false]),
            f64::NEG_INFINITY
        );
        assert_eq!(best_cut(&[1.0, 2.0], &[false, true]), 1.5);
        // No float lies between the two.
        let above = 1.0_f64.next_up();
        assert_eq!(
            accuracy(
                &[1.0, above],
                &[false, true],
                best_cut(&[1.0, above], &[false, true])
            ),
            Some(1.0)
        );
    }
}
