//! A range of the features that are looked at, with what the pass over pairs needs of each.

use std::collections::HashMap;
use std::ops::Range;

use crate::Real;
use crate::directions::Directions;
use crate::kernel::ThreadPool;
use crate::parallel::{block_range, map_blocks};
use crate::quantized::{Precision, Quantized};

/// Features whose values are hashed in one block of work.
const HASH_BLOCK: usize = 1024;

/// Some features in a row of those that are looked at.
pub(crate) struct Band {
    /// Their columns in the directions that the band was made from.
    pub(crate) features: Vec<usize>,
    /// The number of the first one among all that are looked at.
    pub(crate) first: usize,
    pub(crate) quantized: Quantized,
    /// For every feature the first one of the band with the same values.
    first_equal: Vec<usize>,
}

impl Band {
    /// Features with a norm above 0.
    pub(crate) fn new<T: Real>(
        directions: &Directions<'_, T>,
        features: Vec<usize>,
        first: usize,
        precision: Precision,
        pool: &ThreadPool,
    ) -> Self {
        Self {
            quantized: Quantized::new(directions, &features, precision, pool),
            first_equal: first_equal(directions, &features, pool),
            features,
            first,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.features.len()
    }

    /// Their numbers among all that are looked at.
    pub(crate) fn numbers(&self) -> Range<usize> {
        self.first..self.first + self.len()
    }

    /// Whether the feature with this number is known to have the values of feature `index` of the band.
    pub(crate) fn is_copy(&self, number: usize, index: usize) -> bool {
        let other = number.checked_sub(self.first);
        let class = other.and_then(|other| self.first_equal.get(other));
        class == Some(&self.first_equal[index])
    }
}

/// For every feature the first one with equal values.
///
/// Those have equal norms, to the bit: values are only looked at of features that share theirs with another.
fn first_equal<T: Real>(
    directions: &Directions<'_, T>,
    features: &[usize],
    pool: &ThreadPool,
) -> Vec<usize> {
    let squares = directions.lengths.measures();
    let square = |a: usize| squares[features[a]].square.to_bits();
    let mut by_square: Vec<(u64, usize)> = (0..features.len()).map(|a| (square(a), a)).collect();
    by_square.sort_unstable();
    let groups = by_square.chunk_by(|a, b| a.0 == b.0);
    let shared: Vec<usize> = groups
        .filter(|group| group.len() > 1)
        .flatten()
        .map(|&(_, a)| a)
        .collect();
    let n_blocks = shared.len().div_ceil(HASH_BLOCK);
    let hashes = map_blocks(pool, n_blocks, |block| {
        block_range(block, HASH_BLOCK, shared.len())
            .map(|place| hash(directions.column(features[shared[place]])))
            .collect::<Vec<u64>>()
    })
    .concat();
    let equal = |a: usize, b: usize| {
        let (x, y) = (
            directions.column(features[a]),
            directions.column(features[b]),
        );
        x.iter().zip(y).all(|(x, y)| x.to_f64() == y.to_f64())
    };
    let mut first_equal: Vec<usize> = (0..features.len()).collect();
    let mut by_hash: HashMap<(u64, u64), Vec<usize>> = HashMap::new();
    for (&a, hash) in shared.iter().zip(hashes) {
        let same_hash = by_hash.entry((square(a), hash)).or_default();
        match same_hash.iter().find(|&&first| equal(first, a)) {
            Some(&first) => first_equal[a] = first,
            None => same_hash.push(a),
        }
    }
    first_equal
}

/// As FNV-1a over the values, in eight lanes; zero of either sign is equal.
fn hash<T: Real>(values: &[T]) -> u64 {
    const LANES: usize = 8;
    let step = |hash: u64, bits: u64| {
        (hash ^ bits)
            .wrapping_mul(0x0000_0100_0000_01b3)
            .rotate_left(29)
    };
    let mut lanes = [0xcbf2_9ce4_8422_2325_u64; LANES];
    for chunk in values.chunks(LANES) {
        for (lane, x) in lanes.iter_mut().zip(chunk) {
            *lane = step(*lane, (x.to_f64() + 0.0).to_bits());
        }
    }
    lanes.into_iter().fold(0, step)
}
