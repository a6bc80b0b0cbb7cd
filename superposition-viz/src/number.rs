//! Numbers: how they are written, and the statistics printed beside a figure.

/// Exponents that are written without a power of ten.
const FIXED_EXPONENTS: std::ops::Range<i32> = -3..6;

/// Significant digits of the figures.
pub(crate) const DIGITS: usize = 3;

/// Writes a number with `digits` significant digits, the one way in which this crate writes numbers.
///
/// From 0.001 to a million as a decimal (whole digits are never rounded away), beyond with a power of ten.
/// Zero, of either sign, is `0` without decimals, so that it differs from a small number.
/// What is not finite is `NaN`, `inf` or `-inf`. Digits are taken to lie in 1..=17.
///
/// ```
/// use superposition_viz::format_number;
/// assert_eq!(format_number(0.123456, 3), "0.123");
/// assert_eq!(format_number(1.0, 3), "1.00");
/// assert_eq!(format_number(123456.7, 3), "123457");
/// assert_eq!(format_number(4.6e-16, 3), "4.60e-16");
/// assert_eq!(format_number(2.5e7, 2), "2.5e7");
/// assert_eq!(format_number(-0.0, 3), "0");
/// assert_eq!(format_number(f64::NAN, 3), "NaN");
/// ```
#[must_use]
pub fn format_number(value: f64, digits: usize) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    if value == 0.0 {
        return "0".to_owned();
    }
    let digits = digits.clamp(1, 17);
    // The exponent is read from the rounded form: 9.996 with three digits is 10.0.
    let scientific = format!("{value:.*e}", digits - 1);
    let exponent = exponent_of(&scientific);
    if FIXED_EXPONENTS.contains(&exponent) {
        let decimals = usize::try_from(digits as i32 - 1 - exponent).unwrap_or(0);
        format!("{value:.decimals$}")
    } else {
        scientific
    }
}

/// The power of ten of a number written with `{:e}`.
fn exponent_of(scientific: &str) -> i32 {
    scientific
        .split_once('e')
        .and_then(|(_, exponent)| exponent.parse().ok())
        .unwrap_or(0)
}

/// Writes a column of numbers with the same number of decimals, so that their points align.
///
/// The largest magnitude gets `digits` significant digits. A number that would be written as zero
/// without being zero is written with a power of ten instead.
pub(crate) fn format_column(values: &[f64], digits: usize) -> Vec<String> {
    let digits = digits.clamp(1, 17);
    let largest = values
        .iter()
        .filter(|v| v.is_finite())
        .fold(0.0_f64, |a, v| a.max(v.abs()));
    let exponent = exponent_of(&format!("{largest:.*e}", digits - 1));
    if largest == 0.0 || !FIXED_EXPONENTS.contains(&exponent) {
        return values.iter().map(|&v| format_number(v, digits)).collect();
    }
    format_decimals(
        values,
        usize::try_from(digits as i32 - 1 - exponent).unwrap_or(0),
    )
}

/// Writes a column of numbers with so many decimals; what would be written as zero without being zero, or is huge,
/// is written with a power of ten instead.
pub(crate) fn format_decimals(values: &[f64], decimals: usize) -> Vec<String> {
    values
        .iter()
        .map(|&v| {
            if !v.is_finite() || v == 0.0 || v.abs() >= if decimals == 0 { 1e15 } else { 1e6 } {
                return format_number(v, DIGITS);
            }
            let fixed = format!("{v:.decimals$}");
            if fixed.bytes().any(|b| matches!(b, b'1'..=b'9')) {
                fixed
            } else {
                format!("{v:.1e}")
            }
        })
        .collect()
}

/// Like [`format_column`], with as many digits as it takes to tell neighbours that differ apart.
pub(crate) fn format_edges(edges: &[f64]) -> Vec<String> {
    let apart = |texts: &[String]| {
        edges
            .windows(2)
            .zip(texts.windows(2))
            .all(|(value, text)| value[0] == value[1] || text[0] != text[1])
    };
    let mut texts = format_column(edges, DIGITS);
    for digits in DIGITS + 1..=17 {
        if apart(&texts) {
            break;
        }
        texts = format_column(edges, digits);
    }
    texts
}

/// A number that somebody chose, such as a sparsity or a step: as short as it is, unless it is long.
pub(crate) fn format_given(value: f64) -> String {
    let short = format!("{value}");
    if value.is_finite() && value != 0.0 && short.len() <= 8 {
        short
    } else {
        format_number(value, 4)
    }
}

/// Where `value` lies between `low` and `high`, in 0..=1; 0.5 when they are equal. Arguments are finite.
pub(crate) fn position(value: f64, low: f64, high: f64) -> f64 {
    // Dividing first keeps the differences of huge numbers finite.
    let scale = low.abs().max(high.abs());
    if scale == 0.0 {
        return 0.5;
    }
    let span = high / scale - low / scale;
    if span <= 0.0 {
        return 0.5;
    }
    ((value / scale - low / scale) / span).clamp(0.0, 1.0)
}

/// Statistics of the finite values of a slice, and a count of the others.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Statistics {
    pub(crate) n: usize,
    pub(crate) n_nan: usize,
    pub(crate) n_infinite: usize,
    pub(crate) finite: Option<Moments>,
}

/// Mean, standard deviation (of the population) and extremes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Moments {
    pub(crate) mean: f64,
    pub(crate) std: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

impl Statistics {
    pub(crate) fn of(values: impl Iterator<Item = f64> + Clone) -> Self {
        let (mut n, mut n_nan, mut n_finite) = (0_usize, 0_usize, 0_usize);
        let (mut min, mut max) = (f64::INFINITY, f64::NEG_INFINITY);
        for value in values.clone() {
            n += 1;
            if value.is_nan() {
                n_nan += 1;
            } else if value.is_finite() {
                n_finite += 1;
                min = min.min(value);
                max = max.max(value);
            }
        }
        let finite = (n_finite > 0).then(|| {
            // Relative to the largest magnitude, so that sums of huge numbers do not overflow.
            let scale = min.abs().max(max.abs());
            if scale == 0.0 {
                return Moments {
                    mean: 0.0,
                    std: 0.0,
                    min: 0.0,
                    max: 0.0,
                };
            }
            let count = n_finite as f64;
            let scaled = values.filter(|v| v.is_finite()).map(|v| v / scale);
            let mean = scaled.clone().sum::<f64>() / count;
            let variance = scaled.map(|v| (v - mean) * (v - mean)).sum::<f64>() / count;
            // Rounding must not put the mean of equal values beside them.
            Moments {
                mean: (mean * scale).clamp(min, max),
                std: variance.sqrt() * scale,
                min,
                max,
            }
        });
        Self {
            n,
            n_nan,
            n_infinite: n - n_nan - n_finite,
            finite,
        }
    }
}

/// A count with its noun: "1 feature", "2 features".
pub(crate) fn counted(n: usize, noun: &str) -> String {
    let plural = if n == 1 { "" } else { "s" };
    format!("{n} {noun}{plural}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_share_their_decimals() {
        assert_eq!(
            format_column(&[1.0, 0.5, 0.0, 1e-9, f64::NAN], 3),
            ["1.00", "0.50", "0", "1.0e-9", "NaN"]
        );
        assert_eq!(format_column(&[1e-9, 2e-12], 3), ["1.00e-9", "2.00e-12"]);
        assert_eq!(format_column(&[12345.0, 1.0], 3), ["12345", "1"]);
        assert_eq!(format_column(&[], 3), Vec::<String>::new());
    }

    #[test]
    fn rounding_carries_into_the_exponent() {
        assert_eq!(format_number(9.996, 3), "10.0");
        assert_eq!(format_number(0.000_999_96, 3), "0.00100");
        assert_eq!(format_number(999_999.6, 3), "1.00e6");
        assert_eq!(format_number(5e-324, 3), "4.94e-324");
        assert_eq!(format_number(1.5, 0), "2");
    }

    #[test]
    fn edges_are_told_apart() {
        assert_eq!(
            format_edges(&[1.0, 1.0001, 1.0002]),
            ["1.0000", "1.0001", "1.0002"]
        );
        assert_eq!(format_edges(&[2.0, 2.0]), ["2.00", "2.00"]);
    }

    #[test]
    fn huge_values_have_finite_statistics() {
        let values = [f64::MAX, f64::MAX, -f64::MAX, f64::NAN, f64::INFINITY];
        let statistics = Statistics::of(values.into_iter());
        assert_eq!(
            (statistics.n, statistics.n_nan, statistics.n_infinite),
            (5, 1, 1)
        );
        let moments = statistics.finite.expect("three values are finite");
        assert_eq!(format_number(moments.mean / f64::MAX, 6), "0.333333");
        assert!(moments.std.is_finite());
        assert_eq!(position(0.0, -f64::MAX, f64::MAX), 0.5);
    }
}
