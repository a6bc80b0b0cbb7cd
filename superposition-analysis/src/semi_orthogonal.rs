//! Features that fall into mutually orthogonal groups, each a tight frame of its span.

use crate::clusters::clusters;
use crate::kernel::ThreadPool;
use crate::linalg::singular_values;
use crate::report::checked_directions;
use crate::spectrum::scaled;
use crate::{AnalysisError, Real, feature_dimensionality};
use faer::MatRef;

/// One group of features.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Block {
    /// Its features, in order.
    pub features: Vec<usize>,
    /// The rank of its columns: singular values above the tolerance times the largest.
    pub rank: usize,
    /// The multiple `$\lambda$`: the mean of the squared singular values that the rank counts.
    pub scale: f64,
    /// The largest `$|\sigma^2 / \lambda - 1|$` over these, and `$\sigma^2 / \lambda$` over the others.
    pub deviation: f64,
}

/// The groups of a dictionary, and whether they are block-semi-orthogonal.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct SemiOrthogonalBlocks {
    /// The tolerance, as given.
    pub tolerance: f64,
    /// The groups, by their first features; a zero feature is in none.
    pub blocks: Vec<Block>,
    /// The largest deviation of a block; 0 if there is none.
    pub deviation: f64,
    /// Whether every deviation is at most the tolerance.
    pub is_semi_orthogonal: bool,
    /// `$\sum_i D_i$`.
    pub total_dimensionality: f64,
    /// The sum of the ranks of the blocks, which the total dimensionality reaches exactly where they are semi-orthogonal.
    pub rank: usize,
}

/// Splits a dictionary into groups of features with `$|\cos| >$ tolerance` along a chain, and asks of each whether its
/// Gram matrix is a multiple of a projection, `$G_B^2 = \lambda G_B$`: all its nonzero singular values are equal.
///
/// Where that holds of all groups, and only there, `$\sum_i D_i$` equals the [`rank`](crate::rank()), the most there
/// can be; then `$D_i = \lVert W_i \rVert^2 / \lambda$`, and `$\sum_i D_i \hat W_i \hat W_i^\top$` is the projection on the
/// span of the features: the identity if they span the hidden space. All digons, all orthogonal features and any unit-norm
/// tight frame are examples; features of different norms may be too.
/// `O(n^2 m)` time.
///
/// ```
/// use superposition_analysis::{from_columns, semi_orthogonal_blocks};
/// // A digon of norm 2 and a feature of its own; then the same with a digon out of balance.
/// let found = semi_orthogonal_blocks(from_columns(&[2.0, 0.0, 0.0, 1.0, -2.0, 0.0], 2, 3), 1e-9)?;
/// assert!(found.is_semi_orthogonal);
/// assert_eq!(found.blocks[0].features, [0, 2]);
/// assert!((found.blocks[0].scale - 8.0).abs() < 1e-12);
/// assert_eq!(found.total_dimensionality, found.rank as f64);
/// let skew = semi_orthogonal_blocks(from_columns(&[2.0, 0.0, 0.0, 1.0, -2.0, 1.0], 2, 3), 1e-9)?;
/// assert!(!skew.is_semi_orthogonal && skew.total_dimensionality < 1.9);
/// # Ok::<(), superposition_analysis::AnalysisError>(())
/// ```
///
/// # Errors
/// For a matrix without rows or columns, an element that is not finite, and a tolerance outside (0, 1).
///
/// # References
/// Scherlis et al. 2022, *Polysemanticity and Capacity in Neural Networks*, arXiv 2210.01892: efficient matrices are the
/// block-semi-orthogonal ones.
pub fn semi_orthogonal_blocks<T: Real>(
    w: MatRef<'_, T>,
    tolerance: f64,
) -> Result<SemiOrthogonalBlocks, AnalysisError> {
    if !(tolerance > 0.0 && tolerance < 1.0) {
        return Err(AnalysisError::InvalidOption {
            name: "tolerance",
            value: tolerance,
            expected: "between 0 and 1, both excluded",
        });
    }
    let directions = checked_directions(w, &ThreadPool::new(1))?;
    let columns = scaled(&directions);
    let blocks: Vec<Block> = clusters(w, tolerance * tolerance)
        .members()
        .into_iter()
        .map(|features| {
            let block = faer::Mat::from_fn(w.nrows(), features.len(), |row, k| {
                columns[(row, features[k])]
            });
            let squares: Vec<f64> = singular_values(block.as_ref())
                .into_iter()
                .map(|value| value * value)
                .collect();
            let counts = |square: f64| square > tolerance * tolerance * squares[0];
            let rank = squares.iter().filter(|&&square| counts(square)).count();
            let (inside, outside) = squares.split_at(rank);
            let scale = inside.iter().sum::<f64>() / rank as f64;
            let off = inside.iter().map(|square| (square / scale - 1.0).abs());
            let deviation = off
                .chain(outside.iter().map(|square| square / scale))
                .fold(0.0, f64::max);
            Block {
                features,
                rank,
                scale: directions.lengths.rescale(scale, 2),
                deviation,
            }
        })
        .collect();
    let deviation = blocks.iter().map(|b| b.deviation).fold(0.0, f64::max);
    Ok(SemiOrthogonalBlocks {
        tolerance,
        deviation,
        is_semi_orthogonal: deviation <= tolerance,
        total_dimensionality: feature_dimensionality(w).iter().sum(),
        rank: blocks.iter().map(|block| block.rank).sum(),
        blocks,
    })
}
