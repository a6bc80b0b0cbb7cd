//! The extreme cosines of a dictionary.

use crate::Real;
use crate::directions::Directions;
use crate::kernel::ThreadPool;
use crate::neighbors::{NeighborLists, Neighbors};
use crate::pairs::{PairSearch, Pairs, visit_pairs};
use faer::MatRef;

/// The cosine of one pair of features.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct PairCosine {
    /// The cosine, or for [`coherence`] its absolute value.
    pub value: f64,
    /// The smaller index of the pair.
    pub i: usize,
    /// The larger index of the pair.
    pub j: usize,
}

/// The pass over the pairs of the represented features, reported by the indices of the whole dictionary.
pub(crate) struct RepresentedPairs {
    /// None of a feature that is not represented or has no partner.
    pub(crate) neighbors: Neighbors,
    /// By feature; 0 for a feature that is not represented.
    pub(crate) degrees: Vec<usize>,
    /// By feature; `None` for a feature that is not represented.
    pub(crate) clusters: Vec<Option<usize>>,
    /// In lexicographic order, if they were to be listed.
    pub(crate) edges: Vec<PairCosine>,
}

impl RepresentedPairs {
    pub(crate) fn new<T: Real>(
        directions: &Directions<'_, T>,
        represented: &[usize],
        search: PairSearch,
        pool: &ThreadPool,
    ) -> Self {
        let found = visit_pairs(directions, represented, search, None, pool);
        Self::of_all(found, represented, directions.n_features())
    }

    /// What was found about the represented ones of `n` features.
    pub(crate) fn of_all(found: Pairs, represented: &[usize], n: usize) -> Self {
        let mut labels = vec![None; n];
        for (&feature, label) in represented.iter().zip(found.clusters.labels()) {
            labels[feature] = Some(label);
        }
        let mut degrees = vec![0; n];
        for (&feature, degree) in represented.iter().zip(found.degrees) {
            degrees[feature] = degree;
        }
        let edges = found.edges.into_iter().map(|edge| PairCosine {
            i: represented[edge.i],
            j: represented[edge.j],
            ..edge
        });
        Self {
            // The order of the features is kept, so "smallest index" means the same before and after.
            neighbors: Neighbors {
                nearest: found.neighbors.nearest.scattered(represented, n),
                most_opposed: found.neighbors.most_opposed.scattered(represented, n),
            },
            degrees,
            clusters: labels,
            edges: edges.collect(),
        }
    }

    fn of<T: Real>(w: MatRef<'_, T>) -> Self {
        let pool = ThreadPool::new(1);
        let directions = Directions::new(w, &pool);
        let represented = directions.lengths.represented(0.0);
        let search = PairSearch {
            neighbors: 1,
            threshold: None,
            list_edges: false,
        };
        Self::new(&directions, &represented, search, &pool)
    }

    pub(crate) fn max_cosine(&self) -> Option<PairCosine> {
        largest(&self.neighbors.nearest, |value| value)
    }

    pub(crate) fn min_cosine(&self) -> Option<PairCosine> {
        largest(&self.neighbors.most_opposed, |value| -value).map(|pair| PairCosine {
            value: -pair.value,
            ..pair
        })
    }

    pub(crate) fn coherence(&self) -> Option<PairCosine> {
        let nearest = largest(&self.neighbors.nearest, f64::abs);
        let most_opposed = largest(&self.neighbors.most_opposed, f64::abs);
        match (nearest, most_opposed) {
            (Some(a), Some(b)) if b.value > a.value => Some(b),
            (Some(a), Some(b)) if b.value == a.value && (b.i, b.j) < (a.i, a.j) => Some(b),
            (a, b) => a.or(b),
        }
    }
}

/// The pair whose measured cosine is largest; of equal ones the first in lexicographic order.
///
/// Every pair is among the neighbours of both of its members, and equal to the bit in both, so the first feature in order that reaches the maximum is the smaller index of the pair.
fn largest(lists: &NeighborLists, measure: impl Fn(f64) -> f64) -> Option<PairCosine> {
    let mut best: Option<PairCosine> = None;
    for (i, list) in lists.iter().enumerate() {
        if let Some(other) = list.first() {
            let value = measure(other.cosine);
            if best.is_none_or(|best| value > best.value) {
                let j = other.feature;
                best = Some(PairCosine {
                    value,
                    i: i.min(j),
                    j: i.max(j),
                });
            }
        }
    }
    best
}

/// The coherence: `$\max_{i \ne j} |\cos(W_i, W_j)|$` with its pair, i < j, the first in lexicographic order among equals.
///
/// At least the [`welch_bound`](crate::welch_bound). Blind to the sign: see [`max_cosine`] and [`min_cosine`].
/// Over the features with a norm above 0; `None` where fewer than two have one. NaN features take no part.
/// O(n^2 m) time in blocks, O(n m) memory; [`analyze`](crate::analyze) gives the same number, with threads.
///
/// ```
/// use superposition_analysis::{PairCosine, coherence, from_columns};
/// let w = from_columns(&[1.0, 0.0, 0.0, 0.0, 0.6, 0.8, -1.0, 0.0], 2, 4);
/// assert_eq!(coherence(w), Some(PairCosine { value: 1.0, i: 0, j: 3 }));
/// ```
#[must_use]
pub fn coherence<T: Real>(w: MatRef<'_, T>) -> Option<PairCosine> {
    RepresentedPairs::of(w).coherence()
}

/// The largest cosine between two features, with its pair: the two most alike.
///
/// At least -1/(n-1) for n <= m+1 features and at least 0 for more.
/// Ties, zero features and cost as for [`coherence`].
///
/// ```
/// use superposition_analysis::{PairCosine, from_columns, max_cosine};
/// let w = from_columns(&[1.0, 0.0, 0.6, 0.8, -1.0, 0.0], 2, 3);
/// assert_eq!(max_cosine(w), Some(PairCosine { value: 0.6, i: 0, j: 1 }));
/// ```
///
/// # References
/// Rankin 1955, *The closest packing of spherical caps in n dimensions*.
#[must_use]
pub fn max_cosine<T: Real>(w: MatRef<'_, T>) -> Option<PairCosine> {
    RepresentedPairs::of(w).max_cosine()
}

/// The smallest cosine between two features, with its pair: the two most opposed, harmless to each other under ReLU while features are sparse.
///
/// Ties, zero features and cost as for [`coherence`].
///
/// ```
/// use superposition_analysis::{PairCosine, from_columns, min_cosine};
/// let w = from_columns(&[1.0, 0.0, 0.6, 0.8, -1.0, 0.0], 2, 3);
/// assert_eq!(min_cosine(w), Some(PairCosine { value: -1.0, i: 0, j: 2 }));
/// ```
#[must_use]
pub fn min_cosine<T: Real>(w: MatRef<'_, T>) -> Option<PairCosine> {
    RepresentedPairs::of(w).min_cosine()
}
