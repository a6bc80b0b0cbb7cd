//! The features nearest and most opposed to each one, and the pairs that interfere.

use crate::Real;
use crate::best::Extreme;
use crate::coherence::{PairCosine, RepresentedPairs};
use crate::directions::Directions;
use crate::pairs::PairSearch;
use faer::MatRef;

/// Another feature and its cosine.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Neighbor {
    /// The index of the other feature.
    pub feature: usize,
    /// The cosine with it.
    pub cosine: f64,
}

/// The neighbours of one feature on both sides.
#[derive(Debug, Clone, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Neighbors {
    /// Those with the largest cosines, the largest first, the smallest index first among equals.
    pub nearest: Vec<Neighbor>,
    /// Those with the smallest cosines, the smallest first, the smallest index first among equals.
    pub most_opposed: Vec<Neighbor>,
}

impl Neighbors {
    pub(crate) fn of(pairs: &RepresentedPairs, feature: usize) -> Self {
        let list = |extremes: &[Extreme]| {
            let neighbor = |e: &Extreme| Neighbor {
                feature: e.index,
                cosine: e.value,
            };
            extremes.iter().map(neighbor).collect()
        };
        Self {
            nearest: list(pairs.nearest.of(feature)),
            most_opposed: list(pairs.most_opposed.of(feature)),
        }
    }
}

/// For every feature of the m x n matrix W the `count` others with the largest cosines and the `count` with the smallest.
///
/// Fewer where there are fewer others. Features with a norm of 0 or NaN have no neighbours and are none.
/// Exact: decided by the dot product of the stored values in f64, to the last bit and with the smallest index among equals, for any number of `threads`.
/// O(n^2 m) multiplications of 8-bit or 16-bit integers, which nominate, and few dot products, which decide; beside W three quarters of what W takes as f32.
///
/// # Panics
/// If `threads` is 0.
///
/// ```
/// use superposition_analysis::{Neighbor, from_columns, neighbors};
/// let w = from_columns(&[1.0, 0.0, 0.6, 0.8, -1.0, 0.0], 2, 3);
/// let first = &neighbors(w, 1, 1)[0];
/// assert_eq!(first.nearest, [Neighbor { feature: 1, cosine: 0.6 }]);
/// assert_eq!(first.most_opposed, [Neighbor { feature: 2, cosine: -1.0 }]);
/// ```
#[must_use]
#[track_caller]
pub fn neighbors<T: Real>(w: MatRef<'_, T>, count: usize, threads: usize) -> Vec<Neighbors> {
    let search = PairSearch {
        neighbors: count,
        threshold: None,
        list_edges: false,
        threads,
    };
    let pairs = found(w, search);
    (0..w.ncols()).map(|i| Neighbors::of(&pairs, i)).collect()
}

/// The pairs of features with `$\cos^2(W_i, W_j) >$ threshold`, i < j, in lexicographic order, with their cosines: the edges of the graph whose components are the [`clusters`](crate::clusters).
///
/// Features with a norm of 0 or NaN have no edges. Decided exactly, at the cost of [`neighbors`] and of a dot product for each edge; the list is as long as it is, so choose the threshold with the mean degree in mind that [`analyze`](crate::analyze) reports.
///
/// # Panics
/// If `threads` is 0.
///
/// ```
/// use superposition_analysis::{PairCosine, edges, from_columns};
/// let w = from_columns(&[1.0, 0.0, 0.6, 0.8, -1.0, 0.0], 2, 3);
/// let opposed = PairCosine { value: -1.0, i: 0, j: 2 };
/// assert_eq!(edges(w, 0.5, 1), [opposed]);
/// ```
#[must_use]
#[track_caller]
pub fn edges<T: Real>(w: MatRef<'_, T>, threshold: f64, threads: usize) -> Vec<PairCosine> {
    let search = PairSearch {
        neighbors: 0,
        threshold: Some(threshold),
        list_edges: true,
        threads,
    };
    found(w, search).edges
}

#[track_caller]
fn found<T: Real>(w: MatRef<'_, T>, search: PairSearch) -> RepresentedPairs {
    assert!(search.threads > 0, "at least one thread, not 0");
    let directions = Directions::new(w, search.threads);
    let represented = directions.lengths.represented(0.0);
    RepresentedPairs::new(&directions, &represented, search)
}
