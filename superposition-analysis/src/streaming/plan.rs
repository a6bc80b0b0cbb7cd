//! What an analysis takes, known from the shape alone.

use super::StreamOptions;
use super::sums::blocks_at_once;
use crate::kernel::{Hit, SIDE};
use crate::pairs::rows_per_block;
use crate::squares::is_suitable;
use crate::weighted_frame::{DIRECT_BLOCK, FEATURE_BLOCK};
use crate::{AnalysisError, AnalysisOptions, FeatureRow, Pairs};

/// Bytes beside all that grows with the matrix.
const BASE: u64 = 4 << 20;
/// Bytes of every thread: its stack and the workspace of products.
const THREAD: u64 = 4 << 20;
/// The fewest features of a band: a tile.
const SMALLEST_BAND: usize = SIDE;
/// The most weightings of features whose sums are taken in one pass.
const REQUESTS: usize = 3;

/// What [`analyze_stream`](super::analyze_stream) will do and take.
///
/// ```
/// use superposition_analysis::{AnalysisOptions, StreamOptions, StreamPlan};
/// // A million features in 4,096 dimensions, stored as f32, in 8 GiB.
/// let options = StreamOptions::new(AnalysisOptions::default(), 8 << 30);
/// let plan = StreamPlan::new((4096, 1_000_000), 4, &options)?;
/// assert!(plan.n_bands > 2 && plan.memory <= 8 << 30);
/// assert_eq!(plan.pair_flops, 4096.0 * 1e12);
/// // In a hundredth of it there is no room for what is kept of each feature.
/// let options = StreamOptions::new(AnalysisOptions::default(), 80 << 20);
/// assert!(StreamPlan::new((4096, 1_000_000), 4, &options).is_err());
/// # Ok::<(), superposition_analysis::AnalysisError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct StreamPlan {
    /// Into how many bands the features are cut for their pairs; 0 if pairs are skipped.
    pub n_bands: usize,
    /// Features in a band; the last one may have fewer.
    pub band_features: usize,
    /// Bytes it will take at the most, listed edges not counted.
    pub memory: u64,
    /// Columns that are read, one that is read again counted again; the most there can be where n <= m, and where the pairs tell the sums too. Rows that turn out to need direct sums for n > m are not in it.
    pub columns_read: u64,
    /// Operations of the sums, in f64: `$6 n m^2$`, or `$4 n^2 m$` where n <= m.
    pub sum_flops: f64,
    /// Operations of the pairs, on integers: `$n^2 m$`, or 0 if pairs are skipped.
    pub pair_flops: f64,
    /// Rows of the Gram matrix that are summed directly at a time.
    pub(super) direct_features: usize,
}

impl StreamPlan {
    /// For (m, n), hidden dimensions and features, of elements of so many bytes.
    ///
    /// # Errors
    /// [`AnalysisError::MemoryTooSmall`] if the budget does not hold what is kept of every feature, the frame operators and two bands of 192 features.
    pub fn new(
        (m, n): (usize, usize),
        element_bytes: usize,
        options: &StreamOptions,
    ) -> Result<Self, AnalysisError> {
        let StreamOptions { analysis, memory } = *options;
        let kept = kept(n, &analysis);
        let mut sums = kept + sums((m, n), element_bytes, analysis.threads);
        let feature = band_feature((m, n), element_bytes, &analysis);
        let pairs = kept + pass((m, n), analysis.threads);
        let of_bands = |features: usize| pairs + 2 * (features + 8) as u64 * feature;
        let with_pairs = analysis.pairs != Pairs::Skipped;
        let needed = if with_pairs {
            sums.max(of_bands(SMALLEST_BAND.min(n)))
        } else {
            sums
        };
        if memory < needed {
            return Err(AnalysisError::MemoryTooSmall {
                given: memory,
                needed,
            });
        }
        // One block of rows is in `sums`.
        let blocks = 1 + (memory - sums) / direct_block(m);
        let blocks = usize::try_from(blocks).unwrap_or(usize::MAX);
        let blocks = blocks.min(n.div_ceil(DIRECT_BLOCK));
        let direct_features = DIRECT_BLOCK * blocks;
        let (wide_m, wide_n) = (m as f64, n as f64);
        let mut columns_read = n as u64;
        if n > m {
            columns_read += 2 * n as u64;
        } else {
            // At most four sums; the rows of each group are gathered first, by whole blocks.
            let gathered = n.min(direct_features + 2 * FEATURE_BLOCK);
            columns_read += 4 * n.div_ceil(direct_features) as u64 * (gathered + n) as u64;
            sums += (blocks - 1) as u64 * direct_block(m);
        }
        let (mut n_bands, mut band_features, mut taken) = (0, n, sums);
        if with_pairs {
            let most = ((memory - pairs) / (2 * feature)).saturating_sub(8);
            let most = usize::try_from(most).unwrap_or(usize::MAX).clamp(1, n);
            n_bands = n.div_ceil(most);
            band_features = n.div_ceil(n_bands);
            n_bands = n.div_ceil(band_features);
            taken = taken.max(of_bands(band_features));
            let later = n_bands as u64 * (n_bands as u64 - 1) / 2;
            columns_read += (1 + later) * band_features as u64;
        }
        Ok(Self {
            n_bands,
            band_features,
            memory: taken,
            columns_read,
            sum_flops: if n > m {
                2.0 * REQUESTS as f64 * wide_n * wide_m * wide_m
            } else {
                2.0 * 4.0 * wide_n * wide_n * wide_m
            },
            pair_flops: if with_pairs {
                wide_n * wide_n * wide_m
            } else {
                0.0
            },
            direct_features,
        })
    }
}

/// Bytes that [`analyze`](crate::analyze) takes at the most for (m, n), hidden dimensions and features, of elements of so many bytes whose columns are contiguous, the matrix included and listed edges not counted.
///
/// What is more than this is a matrix for [`analyze_stream`](super::analyze_stream).
///
/// ```
/// use superposition_analysis::{AnalysisOptions, analysis_memory};
/// // A decoder of 16,384 features in 2,304 dimensions takes 144 MiB as f32, and as much more.
/// let bytes = analysis_memory((2304, 16_384), 4, &AnalysisOptions::default());
/// assert!((144 << 20..(2 * 144 + 256) << 20).contains(&bytes));
/// ```
#[must_use]
pub fn analysis_memory(
    (m, n): (usize, usize),
    element_bytes: usize,
    options: &AnalysisOptions,
) -> u64 {
    let matrix = m as u64 * n as u64 * element_bytes as u64;
    let sums = sums((m, n), element_bytes, options.threads);
    let pairs = match options.pairs {
        Pairs::Skipped => 0,
        _ => {
            let quantized = band_feature((m, n), 0, options).saturating_mul(n as u64 + 8);
            quantized + pass((m, n), options.threads)
        }
    };
    kept(n, options)
        .saturating_add(matrix)
        .saturating_add(sums.max(pairs))
}

/// What is kept of every feature, most of it until the end, and the base.
fn kept(n: usize, options: &AnalysisOptions) -> u64 {
    let best = 16 * options.neighbors.max(1) as u64;
    // Lengths, weights, forms and sums.
    let sums = 8 * (4 + 1 + 3 * REQUESTS as u64);
    // The places while there are lists already, then lists by all features, then those of the report.
    let pairs = match options.pairs {
        Pairs::Skipped => 0,
        _ => 2 * (best + 4) + 24 + 2 * 2 * (24 + 16 + best) + 48 + 2 * (16 + best) + 8 * 8,
    };
    let row = size_of::<FeatureRow>() as u64;
    BASE + THREAD * options.threads as u64 + n as u64 * (sums + pairs + row)
}

/// Operators and blocks of columns.
fn sums((m, n): (usize, usize), element_bytes: usize, threads: usize) -> u64 {
    let (block, requests) = (FEATURE_BLOCK.min(n) as u64, REQUESTS as u64);
    let (m_wide, element) = (m as u64, element_bytes as u64);
    // Any row may have to be summed directly.
    let direct = block * m_wide * (element + 8) + direct_block(m);
    if n <= m {
        return direct;
    }
    let at_once = blocks_at_once(threads, REQUESTS) as u64;
    // Columns in f64, or in digits, which take less: of every weighting, and later their images too.
    let copies = 8 * (at_once * requests).max(2 * threads as u64);
    let stored = element * at_once.max(threads as u64);
    // Operators, and later their halves in f64 and in digits.
    let operators = requests * (8 * (at_once + 1)).max(8 + 6 + 6);
    (m_wide * m_wide * operators + block * m_wide * (stored + copies)).max(direct)
}

/// The rows of [`DIRECT_BLOCK`] features.
fn direct_block(m: usize) -> u64 {
    (8 * DIRECT_BLOCK * (m + FEATURE_BLOCK)) as u64
}

/// What a feature of a band takes: stored and quantised values, what its copies are found by, and the state of each thread.
fn band_feature((m, n): (usize, usize), element_bytes: usize, options: &AnalysisOptions) -> u64 {
    let best = 2 * 16 * options.neighbors.max(1) as u64;
    // Degree, cluster, weight and sums of squares.
    let state = best + 8 + 8 + 8 + 16;
    // Bytes with what their sums begin with, and words; words alone take less.
    let bytes = 4 * (m.div_ceil(4) + m.div_ceil(64)) + 2 * m + 8;
    let values = (m * element_bytes + bytes.max(digits((m, n)))) as u64;
    values + 192 + options.threads as u64 * state
}

/// Bytes of a direction in digits, where the pass over pairs may use those.
fn digits((m, n): (usize, usize)) -> usize {
    if is_suitable(n, m) {
        4 * m.next_multiple_of(64) + 8
    } else {
        0
    }
}

/// What the threads of the pass over pairs take.
fn pass((m, n): (usize, usize), threads: usize) -> u64 {
    // Every product of a tile may be a hit, which is kept by row and by column.
    let hits = 2 * size_of::<Hit>() * SIDE * SIDE;
    let direction = (4 * m.div_ceil(2)).max(digits((m, n)));
    let rows = rows_per_block(n.div_ceil(SIDE)) * SIDE * direction;
    // The tile, and its bounds, weights and sums.
    threads as u64 * (rows + 4 * (SIDE * SIDE + 32 * SIDE) + hits) as u64
}
