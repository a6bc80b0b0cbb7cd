//! What can be said of activations without a model: sparsity and mutual information.

use crate::{AnalysisError, Real};
use faer::MatRef;

/// The sparsity of every feature: the fraction of samples in which `$|a| \le$ threshold`, for activations n x N with a sample per column.
///
/// One minus the feature probability.
/// A feature with a NaN among its activations has sparsity NaN, as every feature has without samples.
/// O(n N) time.
///
/// ```
/// use superposition_analysis::{feature_sparsity, from_rows};
/// // Two features, four samples.
/// let activations = from_rows(&[0.0_f32, 0.7, 0.0, 0.0, 0.1, 0.0, -0.2, 0.3], 2, 4);
/// assert_eq!(feature_sparsity(activations, 0.0), [0.75, 0.25]);
/// ```
#[doc(alias = "compute_feature_sparsity")]
#[must_use]
pub fn feature_sparsity<T: Real>(activations: MatRef<'_, T>, threshold: f64) -> Vec<f64> {
    let (n, n_samples) = activations.shape();
    let mut inactive = vec![0.0; n];
    for sample in 0..n_samples {
        for (feature, count) in inactive.iter_mut().enumerate() {
            let size = activations[(feature, sample)].to_f64().abs();
            if size.is_nan() {
                *count = f64::NAN;
            } else if size <= threshold {
                *count += 1.0;
            }
        }
    }
    inactive
        .iter_mut()
        .for_each(|count| *count /= n_samples as f64);
    inactive
}

/// The largest number of bins: more tell apart nothing but samples.
const MAX_BINS: usize = 1 << 20;

/// How values are sorted into bins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
pub enum Binning {
    /// Bins of equal width from the smallest value to the largest, both included; a value on an inner edge belongs to the bin above.
    #[default]
    EqualWidth,
    /// Bins of as equal numbers of samples as ties allow: equal values share a bin, that of the first of them in order.
    EqualFrequency,
}

/// The bins of [`mutual_information`].
///
/// ```
/// use superposition_analysis::{Binning, MutualInformationOptions};
/// let options = MutualInformationOptions::default().with_n_bins(4);
/// assert_eq!((options.n_bins, options.binning), (4, Binning::EqualWidth));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(default)
)]
#[non_exhaustive]
pub struct MutualInformationOptions {
    /// Number of bins of each of the two, from 1 to 2^20. Default 10.
    pub n_bins: usize,
    /// How values are sorted into them. Default [`Binning::EqualWidth`].
    pub binning: Binning,
}

impl Default for MutualInformationOptions {
    fn default() -> Self {
        Self {
            n_bins: 10,
            binning: Binning::EqualWidth,
        }
    }
}

impl MutualInformationOptions {
    /// The same with another number of bins.
    #[must_use]
    pub fn with_n_bins(self, n_bins: usize) -> Self {
        Self { n_bins, ..self }
    }

    /// The same with another way of binning.
    #[must_use]
    pub fn with_binning(self, binning: Binning) -> Self {
        Self { binning, ..self }
    }
}

/// The mutual information of two binned variables, in bits.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct MutualInformation {
    /// The plug-in estimate: of the observed frequencies themselves. Never negative, and too large on average.
    pub bits: f64,
    /// With the Miller-Madow correction of the bias; it may be slightly negative for independent variables, so that its mean is not shifted.
    pub corrected_bits: f64,
    /// Number of samples.
    pub n_samples: usize,
    /// Number of bins of the first variable that hold a sample.
    pub occupied_x: usize,
    /// Number of bins of the second variable that hold a sample.
    pub occupied_y: usize,
    /// Number of pairs of bins that hold a sample.
    pub occupied_xy: usize,
}

/// The mutual information of two variables after binning, in bits:
///
/// ```math
/// I = \sum_{k,l} p_{kl} \log_2 \frac{p_{kl}}{p_k p_l}, \qquad
/// I_{\mathrm{MM}} = I + \frac{K_x + K_y - K_{xy} - 1}{2 N \ln 2}
/// ```
///
/// with K the numbers of occupied bins and N the number of samples (Miller and Madow's correction of each entropy).
/// Every sample is in a bin, the largest value too. A constant variable has mutual information 0 with any other.
/// O(N log N) time (and O(N log `n_bins`)), O(N) memory whatever the number of bins.
///
/// # Errors
/// For fewer than two samples, a sample that is not finite, and a number of bins that is 0 or above 2^20.
///
/// # Panics
/// If the lengths differ.
///
/// ```
/// use superposition_analysis::{MutualInformationOptions, mutual_information};
/// let options = MutualInformationOptions::default();
/// // Three distinct values, each its own bin: log2(3) bits.
/// let x = [0.0_f32, 100.0, 200.0];
/// let information = mutual_information(&x, &x, &options)?;
/// assert!((information.bits - 3.0_f64.log2()).abs() < 1e-15);
/// assert_eq!(mutual_information(&x, &[7.0, 7.0, 7.0], &options)?.bits, 0.0);
/// # Ok::<(), superposition_analysis::AnalysisError>(())
/// ```
///
/// # References
/// Miller 1955, *Note on the bias of information estimates*; Paninski 2003, *Estimation of entropy and mutual information*, section 4.
#[doc(alias = "compute_mutual_information")]
#[track_caller]
pub fn mutual_information<T: Real>(
    x: &[T],
    y: &[T],
    options: &MutualInformationOptions,
) -> Result<MutualInformation, AnalysisError> {
    assert!(
        x.len() == y.len(),
        "{} samples of x and {} of y: there must be as many of each",
        x.len(),
        y.len()
    );
    if !(1..=MAX_BINS).contains(&options.n_bins) {
        return Err(AnalysisError::InvalidOption {
            name: "n_bins",
            value: options.n_bins as f64,
            expected: "at least 1 and at most 2^20",
        });
    }
    if x.len() < 2 {
        return Err(AnalysisError::TooFewSamples {
            n_samples: x.len(),
            needed: 2,
        });
    }
    let x_bins = bins(&finite("x", x)?, options);
    let y_bins = bins(&finite("y", y)?, options);
    let mut cells: Vec<(usize, usize)> = x_bins.iter().copied().zip(y_bins.clone()).collect();
    cells.sort_unstable();
    let x_counts = counts(x_bins);
    let y_counts = counts(y_bins);
    let n = x.len() as f64;
    let count = |counts: &[(usize, usize)], bin| {
        let place = counts.binary_search_by_key(&bin, |&(bin, _)| bin);
        counts[place.expect("every sample was counted")].1 as f64
    };

    let (mut bits, mut occupied_xy) = (0.0, 0);
    for cell in cells.chunk_by(|a, b| a == b) {
        let joint = cell.len() as f64;
        let (k, l) = cell[0];
        bits += joint / n * libm::log2(joint / count(&x_counts, k) * (n / count(&y_counts, l)));
        occupied_xy += 1;
    }
    let (occupied_x, occupied_y) = (x_counts.len(), y_counts.len());
    // The terms of independent variables cancel up to rounding.
    let bits = bits.max(0.0);
    let bias = (occupied_x + occupied_y) as f64 - occupied_xy as f64 - 1.0;
    Ok(MutualInformation {
        bits,
        corrected_bits: bits + bias / (2.0 * n * std::f64::consts::LN_2),
        n_samples: x.len(),
        occupied_x,
        occupied_y,
        occupied_xy,
    })
}

fn finite<T: Real>(name: &'static str, samples: &[T]) -> Result<Vec<f64>, AnalysisError> {
    samples
        .iter()
        .enumerate()
        .map(|(index, sample)| {
            let value = sample.to_f64();
            if value.is_finite() {
                Ok(value)
            } else {
                Err(AnalysisError::SampleNotFinite { name, index, value })
            }
        })
        .collect()
}

/// Bins that hold samples, with their numbers of samples, in order.
fn counts(mut bins: Vec<usize>) -> Vec<(usize, usize)> {
    bins.sort_unstable();
    bins.chunk_by(|a, b| a == b)
        .map(|run| (run[0], run.len()))
        .collect()
}

fn bins(values: &[f64], options: &MutualInformationOptions) -> Vec<usize> {
    match options.binning {
        Binning::EqualWidth => equal_width(values, options.n_bins),
        Binning::EqualFrequency => equal_frequency(values, options.n_bins),
    }
}

fn equal_width(values: &[f64], n_bins: usize) -> Vec<usize> {
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    // Halved before the difference, which could overflow.
    let step = (high / 2.0 - low / 2.0) / n_bins as f64;
    if step == 0.0 {
        return vec![0; values.len()];
    }
    let edge = |bin: usize| low / 2.0 + bin as f64 * step;
    values
        .iter()
        .map(|value| {
            let value = value / 2.0;
            // The last bin whose edge is not above the value, by bisection: the quotient by the step may fall on the wrong side of an edge, or of many where edges round to the same number.
            let (mut bin, mut above) = (0, n_bins);
            while above - bin > 1 {
                let middle = bin.midpoint(above);
                if value >= edge(middle) {
                    bin = middle;
                } else {
                    above = middle;
                }
            }
            bin
        })
        .collect()
}

fn equal_frequency(values: &[f64], n_bins: usize) -> Vec<usize> {
    let n = values.len();
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    let mut bins = vec![0; n];
    let mut place = 0;
    for tied in order.chunk_by(|&a, &b| values[a] == values[b]) {
        // In u128, since place * n_bins may not fit.
        let bin = (place as u128 * n_bins as u128 / n as u128) as usize;
        for &i in tied {
            bins[i] = bin;
        }
        place += tied.len();
    }
    bins
}
