//! Two dictionaries compared: which features they share, and whether they are one up to a permutation or a rotation.

mod assignment;
mod candidates;
mod compare;
mod gram;
mod greedy;
mod matching;
mod metric;
mod pairwise;
mod procrustes;
mod random;
mod sparse_assignment;
mod subspace;
mod verdict;

#[cfg(test)]
mod tests;

pub use candidates::CosineSign;
pub use compare::{CompareOptions, Comparison, NullQuantiles, Score, compare};
pub use gram::{GramComparison, gram_comparison};
pub use matching::{MatchMethod, MatchOptions, MatchedPair, Matching, match_features};
pub use metric::{Metric, Undefined};
pub use pairwise::{PairwiseMcc, pairwise_mcc};
pub use procrustes::{Procrustes, procrustes};
pub use subspace::{SubspaceOverlap, subspace_overlap};
pub use verdict::Verdict;
