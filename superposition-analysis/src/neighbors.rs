//! The features nearest and most opposed to each one, and the pairs that interfere.

use crate::Real;
use crate::coherence::{PairCosine, RepresentedPairs};
use crate::directions::Directions;
use crate::kernel::ThreadPool;
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

/// For every feature a list of others, the best first.
///
/// ```
/// use superposition_analysis::{from_columns, neighbors};
/// let w = from_columns(&[1.0, 0.0, 0.6, 0.8, -1.0, 0.0], 2, 3);
/// let nearest = neighbors(w, 2, 1).nearest;
/// assert_eq!(nearest.of(1)[1].feature, 2);
/// let firsts: Vec<usize> = nearest.iter().map(|list| list[0].feature).collect();
/// assert_eq!(firsts, [1, 0, 1]);
/// ```
#[derive(Debug, Clone, Default)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(from = "Vec<Vec<Neighbor>>", into = "Vec<Vec<Neighbor>>")
)]
pub struct NeighborLists {
    n_features: usize,
    /// The places of a list.
    count: usize,
    /// `count` a feature, [`NOBODY`] in those that are not taken.
    places: Vec<Neighbor>,
}

/// In a place that is not taken.
pub(crate) const NOBODY: Neighbor = Neighbor {
    feature: usize::MAX,
    cosine: 0.0,
};

impl NeighborLists {
    /// Of features with `count` places each, [`NOBODY`] in the last ones of a list where there are fewer others.
    pub(crate) fn new(n_features: usize, count: usize, places: Vec<Neighbor>) -> Self {
        assert!(places.len() == n_features * count);
        Self {
            n_features,
            count,
            places,
        }
    }

    /// The list of a feature: as many others as were asked for, or all where there are fewer.
    ///
    /// # Panics
    /// If there is no such feature.
    #[must_use]
    #[track_caller]
    pub fn of(&self, feature: usize) -> &[Neighbor] {
        assert!(
            feature < self.n_features,
            "feature {feature} of {}",
            self.n_features
        );
        let places = &self.places[feature * self.count..(feature + 1) * self.count];
        &places[..places.partition_point(|other| other.feature != NOBODY.feature)]
    }

    /// The lists of all features, in order.
    #[must_use]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[Neighbor]> + Clone {
        (0..self.n_features).map(|feature| self.of(feature))
    }

    /// The lists of some of `n` features, in order, by their indices among all; empty ones for the others.
    pub(crate) fn scattered(mut self, features: &[usize], n: usize) -> Self {
        if self.n_features == n {
            return self;
        }
        let taken = |place: &&mut Neighbor| place.feature != NOBODY.feature;
        for place in self.places.iter_mut().filter(taken) {
            place.feature = features[place.feature];
        }
        let mut places = vec![NOBODY; n * self.count];
        for (own, &feature) in features.iter().enumerate() {
            let to = &mut places[feature * self.count..(feature + 1) * self.count];
            to.copy_from_slice(&self.places[own * self.count..(own + 1) * self.count]);
        }
        Self::new(n, self.count, places)
    }
}

/// Whatever was asked for, equal lists are equal.
impl PartialEq for NeighborLists {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

#[cfg(feature = "serde")]
impl From<Vec<Vec<Neighbor>>> for NeighborLists {
    fn from(lists: Vec<Vec<Neighbor>>) -> Self {
        let count = lists.iter().map(Vec::len).max().unwrap_or(0);
        let mut places = vec![NOBODY; lists.len() * count];
        for (places, list) in places.chunks_mut(count.max(1)).zip(&lists) {
            places[..list.len()].copy_from_slice(list);
        }
        Self::new(lists.len(), count, places)
    }
}

#[cfg(feature = "serde")]
impl From<NeighborLists> for Vec<Vec<Neighbor>> {
    fn from(lists: NeighborLists) -> Self {
        lists.iter().map(<[Neighbor]>::to_vec).collect()
    }
}

/// The neighbours of all features on both sides.
#[derive(Debug, Clone, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Neighbors {
    /// Those with the largest cosines, the largest first, the smallest index first among equals.
    pub nearest: NeighborLists,
    /// Those with the smallest cosines, the smallest first, the smallest index first among equals.
    pub most_opposed: NeighborLists,
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
/// let found = neighbors(w, 1, 1);
/// assert_eq!(found.nearest.of(0), [Neighbor { feature: 1, cosine: 0.6 }]);
/// assert_eq!(found.most_opposed.of(0), [Neighbor { feature: 2, cosine: -1.0 }]);
/// ```
#[must_use]
#[track_caller]
pub fn neighbors<T: Real>(w: MatRef<'_, T>, count: usize, threads: usize) -> Neighbors {
    let search = PairSearch {
        neighbors: count,
        threshold: None,
        list_edges: false,
    };
    found(w, search, threads).neighbors
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
    };
    found(w, search, threads).edges
}

#[track_caller]
fn found<T: Real>(w: MatRef<'_, T>, search: PairSearch, threads: usize) -> RepresentedPairs {
    let pool = ThreadPool::new(threads);
    let directions = Directions::new(w, &pool);
    let represented = directions.lengths.represented(0.0);
    RepresentedPairs::new(&directions, &represented, search, &pool)
}

#[cfg(all(test, feature = "serde"))]
mod tests {
    use super::*;
    use crate::from_columns;

    /// As lists of lists, the empty one of a zero feature too.
    #[test]
    fn lists_survive_serialization() {
        let w = from_columns(&[1.0, 0.0, 0.0, 0.0, 0.6, 0.8, -1.0, 0.0], 2, 4);
        let found = neighbors(w, 5, 1);
        let text = serde_json::to_string(&found.most_opposed).unwrap();
        assert!(
            text.starts_with(r#"[[{"feature":3,"cosine":-1.0},{"feature":2,"cosine":0.6}],[],"#)
        );
        let back: NeighborLists = serde_json::from_str(&text).unwrap();
        assert_eq!(back, found.most_opposed);
        assert_ne!(back, found.nearest);
        assert_eq!(back.of(3).len(), 2);
    }
}
