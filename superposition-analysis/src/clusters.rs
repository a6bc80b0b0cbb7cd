//! Clusters of features that interfere.

use crate::Real;
use crate::coherence::RepresentedPairs;
use crate::directions::Directions;
use crate::kernel::ThreadPool;
use crate::pairs::PairSearch;
use faer::MatRef;

/// The connected components of the graph with an edge where cos^2 > threshold.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Clusters {
    /// The threshold on cos^2.
    pub threshold: f64,
    /// The cluster of every feature, numbered from 0 in the order of their smallest members; `None` for a feature that is not represented.
    pub labels: Vec<Option<usize>>,
}

/// How many clusters there are and how large.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ClusterSummary {
    /// The threshold on cos^2.
    pub threshold: f64,
    /// Number of clusters, single features included.
    pub count: usize,
    /// Number of clusters of two features or more.
    pub multi: usize,
    /// Number of features in the largest cluster; 0 if there is none.
    pub largest: usize,
}

impl Clusters {
    /// The features of every cluster in order, clusters by their smallest member.
    #[must_use]
    pub fn members(&self) -> Vec<Vec<usize>> {
        members(self.labels.iter().copied())
    }

    /// Number of clusters, single features included.
    #[must_use]
    pub fn count(&self) -> usize {
        self.summary().count
    }

    /// Number of clusters of two features or more.
    #[must_use]
    pub fn multi(&self) -> usize {
        self.summary().multi
    }

    /// Number of features in the largest cluster; 0 if there is none.
    #[must_use]
    pub fn largest(&self) -> usize {
        self.summary().largest
    }

    /// The counts together.
    #[must_use]
    pub fn summary(&self) -> ClusterSummary {
        let mut sizes: Vec<usize> = Vec::new();
        for &label in self.labels.iter().flatten() {
            sizes.resize(sizes.len().max(label + 1), 0);
            sizes[label] += 1;
        }
        ClusterSummary {
            threshold: self.threshold,
            count: sizes.len(),
            multi: sizes.iter().filter(|&&size| size >= 2).count(),
            largest: sizes.into_iter().max().unwrap_or(0),
        }
    }
}

/// Lists the features by label.
pub(crate) fn members(labels: impl Iterator<Item = Option<usize>>) -> Vec<Vec<usize>> {
    let mut members: Vec<Vec<usize>> = Vec::new();
    for (feature, label) in labels.enumerate() {
        if let Some(label) = label {
            if label >= members.len() {
                members.resize(label + 1, Vec::new());
            }
            members[label].push(feature);
        }
    }
    members
}

/// Clusters of features that interfere: the connected components of the graph with an edge between i and j where `$\cos^2(W_i, W_j) >$ threshold`.
///
/// Single linkage: two features of one cluster need not interfere themselves, a chain of others suffices.
/// Features with a norm of 0 or NaN are in no cluster. No pair has cos^2 > 1, so from a threshold of 1 on, or NaN, all are singletons.
/// O(n^2 m) time in blocks, O(n m) memory.
///
/// ```
/// use superposition_analysis::{clusters, from_columns};
/// // Features 0 and 2 are antipodal, 1 is orthogonal, 3 is dead.
/// let w = from_columns(&[1.0, 0.0, 0.0, 2.0, -3.0, 0.0, 0.0, 0.0], 2, 4);
/// let clusters = clusters(w, 0.5);
/// assert_eq!(clusters.members(), [vec![0, 2], vec![1]]);
/// assert_eq!(clusters.labels, [Some(0), Some(1), Some(0), None]);
/// assert_eq!((clusters.count(), clusters.multi(), clusters.largest()), (2, 1, 2));
/// ```
#[doc(alias = "find_feature_clusters")]
#[must_use]
pub fn clusters<T: Real>(w: MatRef<'_, T>, threshold: f64) -> Clusters {
    let pool = ThreadPool::new(1);
    let directions = Directions::new(w, &pool);
    let represented = directions.lengths.represented(0.0);
    let search = PairSearch {
        neighbors: 0,
        threshold: Some(threshold),
        list_edges: false,
    };
    Clusters {
        threshold,
        labels: RepresentedPairs::new(&directions, &represented, search, &pool).clusters,
    }
}
