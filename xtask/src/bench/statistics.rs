//! Medians, and whether two samples of losses have the same one.

/// The middle value, or the mean of the two; NaN of nothing.
pub(super) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => sorted[n / 2],
        n => 0.5 * (sorted[n / 2 - 1] + sorted[n / 2]),
    }
}

pub(super) fn range(values: &[f64]) -> (f64, f64) {
    values
        .iter()
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), &value| {
            (low.min(value), high.max(value))
        })
}

/// The standard error of a median, from the median absolute deviation, for values that are normal but for outliers.
fn error_of_median(values: &[f64]) -> f64 {
    let middle = median(values);
    let deviations: Vec<f64> = values.iter().map(|value| (value - middle).abs()).collect();
    let standard_deviation = 1.4826 * median(&deviations);
    1.2533 * standard_deviation / (values.len() as f64).sqrt()
}

/// How many standard errors two medians may differ.
pub(super) const ERRORS: f64 = 4.0;

/// The largest difference between medians, over the columns, in standard errors; infinite if a value is not finite or
/// the shapes differ. A row is a seed, a column a model or a group of models.
///
/// The deviation of ten values is itself uncertain, and among many columns one is far too small by chance, so a column's
/// error counts at least as much, relative to its median, as the median column's.
pub(super) fn disagreement(ours: &[Vec<f64>], theirs: &[Vec<f64>]) -> f64 {
    let n_columns = ours.first().map_or(0, Vec::len);
    let good = |rows: &[Vec<f64>]| {
        rows.len() > 1
            && rows
                .iter()
                .all(|row| row.len() == n_columns && row.iter().all(|value| value.is_finite()))
    };
    if n_columns == 0 || !good(ours) || !good(theirs) {
        return f64::INFINITY;
    }
    let column = |rows: &[Vec<f64>], k: usize| rows.iter().map(|row| row[k]).collect::<Vec<f64>>();
    let columns: Vec<(f64, f64, f64)> = (0..n_columns)
        .map(|k| {
            let (a, b) = (column(ours, k), column(theirs, k));
            let scale = 0.5 * (median(&a).abs() + median(&b).abs());
            let error = error_of_median(&a).hypot(error_of_median(&b));
            (
                (median(&a) - median(&b)).abs() / scale,
                error / scale,
                scale,
            )
        })
        .filter(|&(_, _, scale)| scale > 0.0)
        .collect();
    let typical = median(
        &columns
            .iter()
            .map(|&(_, error, _)| error)
            .collect::<Vec<f64>>(),
    );
    columns
        .iter()
        .map(|&(difference, error, _)| difference / error.max(typical).max(1e-6))
        .fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Losses of ten seeds of three models, around a median, with an outlier as a local minimum gives.
    fn losses(factor: f64, phase: f64) -> Vec<Vec<f64>> {
        (0..10)
            .map(|seed| {
                let noise = (f64::from(seed) * 2.4 + phase).sin() * 0.03;
                let outlier = if seed == 7 { 4.0 } else { 1.0 };
                [1.0, 0.1, 1e-5]
                    .map(|size| size * factor * outlier * (1.0 + noise))
                    .to_vec()
            })
            .collect()
    }

    #[test]
    fn medians_of_odd_even_and_nothing() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
        assert!(median(&[]).is_nan());
        assert_eq!(range(&[2.0, 1.0, 3.0]), (1.0, 3.0));
    }

    #[test]
    fn the_same_distribution_agrees() {
        let difference = disagreement(&losses(1.0, 0.0), &losses(1.0, 1.0));
        assert!(difference < ERRORS, "{difference}");
    }

    #[test]
    fn another_loss_disagrees() {
        let difference = disagreement(&losses(1.0, 0.0), &losses(1.2, 1.0));
        assert!(difference > ERRORS, "{difference}");
        let mut one_model = losses(1.0, 1.0);
        one_model.iter_mut().for_each(|row| row[2] *= 1.2);
        assert!(disagreement(&losses(1.0, 0.0), &one_model) > ERRORS);
    }

    #[test]
    fn what_is_no_number_or_missing_disagrees() {
        let mut broken = losses(1.0, 0.0);
        broken[3][1] = f64::NAN;
        for other in [broken, Vec::new(), vec![vec![1.0]; 10]] {
            assert_eq!(disagreement(&losses(1.0, 0.0), &other), f64::INFINITY);
        }
        // All losses 0: a program that trains nothing.
        assert!(disagreement(&losses(1.0, 0.0), &vec![vec![0.0; 3]; 10]) > ERRORS);
    }
}
