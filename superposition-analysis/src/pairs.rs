//! The pass over all pairs: for every feature its nearest and its most opposed one, and the clusters.
//!
//! Cosines come in tiles from a matrix product whose last bits depend on where a pair lies in its tile.
//! So a tile value only nominates: whatever is within its rounding error of deciding something is decided by the fixed-order dot product of the pair.
//! The result is the maximum of that dot product with the smallest index among equals, whatever the order of the tiles, and so for any number of threads.

use crate::linalg::{dot, product_into};
use crate::parallel::{block_range, fold_blocks};
use crate::union_find::UnionFind;
use crate::weighted_frame::column;
use faer::{Mat, MatRef};
use std::collections::HashMap;

/// Features along one side of a tile: 2 MiB of cosines.
pub(crate) const TILE: usize = 512;

/// An extreme cosine and the other feature of its pair.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Extreme {
    pub(crate) value: f64,
    pub(crate) index: usize,
}

/// What the pass finds, by feature.
pub(crate) struct Pairs {
    pub(crate) nearest: Vec<Option<Extreme>>,
    pub(crate) most_opposed: Vec<Option<Extreme>>,
    /// Clusters of the graph with an edge where cos^2 > threshold; all singletons without a threshold.
    pub(crate) clusters: UnionFind,
}

/// Whether the largest or the smallest cosine is wanted: the smallest is the largest of the negated ones.
#[derive(Clone, Copy)]
enum Side {
    Nearest,
    MostOpposed,
}

impl Side {
    fn oriented(self, cosine: f64) -> f64 {
        match self {
            Side::Nearest => cosine,
            Side::MostOpposed => -cosine,
        }
    }
}

/// No candidate yet.
const NONE: Extreme = Extreme {
    value: f64::NEG_INFINITY,
    index: usize::MAX,
};

/// Unit columns and what decides between their pairs.
struct Search<'a> {
    units: MatRef<'a, f64>,
    /// For every column the first one with the same bits.
    first_equal: Vec<usize>,
    /// No tile value is further than this from the fixed-order dot product.
    margin: f64,
    threshold: Option<f64>,
}

/// What one thread has found so far. Values are oriented: larger is better on both sides.
struct Found {
    nearest: Vec<Extreme>,
    most_opposed: Vec<Extreme>,
    clusters: UnionFind,
    tile: Mat<f64>,
    row_high: Vec<f64>,
    row_low: Vec<f64>,
}

/// Visits every pair of the unit columns `units` once, in tiles of `tile` x `tile` (a parameter for tests, otherwise [`TILE`]).
pub(crate) fn visit_pairs(
    units: MatRef<'_, f64>,
    threshold: Option<f64>,
    threads: usize,
    tile: usize,
) -> Pairs {
    let (m, n) = units.shape();
    let search = Search {
        units,
        first_equal: first_equal_columns(units),
        // Twice the error bound of a product of m terms, for either way of adding them up.
        margin: (4.0 * f64::EPSILON * m as f64).max(1e-12),
        threshold,
    };
    let side = n.div_ceil(tile);
    let tiles: Vec<(usize, usize)> = (0..side)
        .flat_map(|j| (0..=j).map(move |i| (i, j)))
        .collect();
    let new_state = || Found {
        nearest: vec![NONE; n],
        most_opposed: vec![NONE; n],
        clusters: UnionFind::new(n),
        tile: Mat::zeros(tile.min(n), tile.min(n)),
        row_high: vec![0.0; tile.min(n)],
        row_low: vec![0.0; tile.min(n)],
    };
    let mut states = fold_blocks(threads, tiles.len(), new_state, |found, t| {
        let (i, j) = tiles[t];
        search.visit_tile(found, block_range(i, tile, n), block_range(j, tile, n));
    })
    .into_iter();
    let mut merged = states.next().unwrap_or_else(new_state);
    for found in states {
        merge(&mut merged.nearest, &found.nearest);
        merge(&mut merged.most_opposed, &found.most_opposed);
        merged.clusters.absorb(&found.clusters);
    }
    let finish = |extremes: Vec<Extreme>, side: Side| {
        extremes
            .into_iter()
            .map(|e| {
                (e.index != NONE.index).then(|| Extreme {
                    value: side.oriented(e.value),
                    index: e.index,
                })
            })
            .collect()
    };
    Pairs {
        nearest: finish(merged.nearest, Side::Nearest),
        most_opposed: finish(merged.most_opposed, Side::MostOpposed),
        clusters: merged.clusters,
    }
}

fn merge(into: &mut [Extreme], from: &[Extreme]) {
    for (best, &other) in into.iter_mut().zip(from) {
        best.improve(other);
    }
}

impl Extreme {
    /// Takes `other` if it is larger, or equal with a smaller index.
    fn improve(&mut self, other: Extreme) {
        if other.value > self.value || (other.value == self.value && other.index < self.index) {
            *self = other;
        }
    }
}

impl Search<'_> {
    /// Rounding may leave the dot product of parallel unit vectors beyond 1; NaN stays.
    fn cosine(&self, i: usize, j: usize) -> f64 {
        dot(column(self.units, i), column(self.units, j)).clamp(-1.0, 1.0)
    }

    /// One tile: rows `rows` and columns `columns` of the matrix of cosines, which are equal for a tile on the diagonal.
    fn visit_tile(
        &self,
        found: &mut Found,
        rows: std::ops::Range<usize>,
        columns: std::ops::Range<usize>,
    ) {
        let mut tile = std::mem::replace(&mut found.tile, Mat::new());
        product_into(
            tile.submatrix_mut(0, 0, rows.len(), columns.len()),
            self.units.subcols(rows.start, rows.len()).transpose(),
            self.units.subcols(columns.start, columns.len()),
        );
        if rows == columns {
            // Not a pair; no comparison with NaN is true.
            for a in 0..rows.len() {
                tile[(a, a)] = f64::NAN;
            }
        }
        found.row_high[..rows.len()].fill(f64::NEG_INFINITY);
        found.row_low[..rows.len()].fill(f64::INFINITY);
        for (b, j) in columns.clone().enumerate() {
            let cosines = &tile.col_as_slice(b)[..rows.len()];
            let (high, low) = extremes(cosines, &mut found.row_high, &mut found.row_low);
            if high >= found.nearest[j].value - self.margin {
                for (&cosine, i) in cosines.iter().zip(rows.clone()) {
                    self.consider(&mut found.nearest[j], Side::Nearest, cosine, j, i);
                }
            }
            if -low >= found.most_opposed[j].value - self.margin {
                for (&cosine, i) in cosines.iter().zip(rows.clone()) {
                    self.consider(&mut found.most_opposed[j], Side::MostOpposed, cosine, j, i);
                }
            }
            let largest = high.max(-low);
            if let Some(threshold) = self.threshold
                && largest * largest > threshold - 4.0 * self.margin
            {
                for (&cosine, i) in cosines.iter().zip(rows.clone()) {
                    if self.is_edge(cosine, threshold, i, j) {
                        found.clusters.join(i, j);
                    }
                }
            }
        }
        for (a, i) in rows.enumerate() {
            if found.row_high[a] >= found.nearest[i].value - self.margin {
                for (b, j) in columns.clone().enumerate() {
                    self.consider(&mut found.nearest[i], Side::Nearest, tile[(a, b)], i, j);
                }
            }
            if -found.row_low[a] >= found.most_opposed[i].value - self.margin {
                for (b, j) in columns.clone().enumerate() {
                    self.consider(
                        &mut found.most_opposed[i],
                        Side::MostOpposed,
                        tile[(a, b)],
                        i,
                        j,
                    );
                }
            }
        }
        found.tile = tile;
    }

    /// Lets feature `other` be the best of feature `own` if the exact cosine says so.
    fn consider(&self, best: &mut Extreme, side: Side, cosine: f64, own: usize, other: usize) {
        let nominated = side.oriented(cosine) >= best.value - self.margin;
        if !nominated {
            return;
        }
        // Copies of one direction, of which a dictionary may hold thousands, are equal without a dot product.
        let value = if best.index != NONE.index
            && self.first_equal[other] == self.first_equal[best.index]
        {
            best.value
        } else {
            side.oriented(self.cosine(own, other))
        };
        best.improve(Extreme {
            value,
            index: other,
        });
    }

    fn is_edge(&self, cosine: f64, threshold: f64, i: usize, j: usize) -> bool {
        let square = cosine * cosine;
        let doubt = 4.0 * self.margin;
        if (square - threshold).abs() > doubt {
            return square > threshold;
        }
        if cosine.is_nan() {
            return false;
        }
        let exact = self.cosine(i, j);
        exact * exact > threshold
    }
}

/// The largest and the smallest of `cosines`, element by element also gathered in `row_high` and `row_low`; NaN is passed over.
fn extremes(cosines: &[f64], row_high: &mut [f64], row_low: &mut [f64]) -> (f64, f64) {
    const LANES: usize = 8;
    // A comparison and a choice is one instruction per vector; `f64::max` is several.
    let larger = |x: f64, y: f64| if x > y { x } else { y };
    let smaller = |x: f64, y: f64| if x < y { x } else { y };
    let mut high = [f64::NEG_INFINITY; LANES];
    let mut low = [f64::INFINITY; LANES];
    let n = cosines.len();
    let (chunks, rest) = cosines.as_chunks::<LANES>();
    let (high_chunks, high_rest) = row_high[..n].as_chunks_mut::<LANES>();
    let (low_chunks, low_rest) = row_low[..n].as_chunks_mut::<LANES>();
    for ((x, row_high), row_low) in chunks.iter().zip(high_chunks).zip(low_chunks) {
        for lane in 0..LANES {
            row_high[lane] = larger(x[lane], row_high[lane]);
            row_low[lane] = smaller(x[lane], row_low[lane]);
            high[lane] = larger(x[lane], high[lane]);
            low[lane] = smaller(x[lane], low[lane]);
        }
    }
    for (lane, &x) in rest.iter().enumerate() {
        high_rest[lane] = larger(x, high_rest[lane]);
        low_rest[lane] = smaller(x, low_rest[lane]);
        high[lane] = larger(x, high[lane]);
        low[lane] = smaller(x, low[lane]);
    }
    (
        high.into_iter().fold(f64::NEG_INFINITY, larger),
        low.into_iter().fold(f64::INFINITY, smaller),
    )
}

/// For every column the index of the first column with equal elements.
fn first_equal_columns(units: MatRef<'_, f64>) -> Vec<usize> {
    let mut by_hash: HashMap<u64, Vec<usize>> = HashMap::new();
    (0..units.ncols())
        .map(|j| {
            let values = column(units, j);
            let same_hash = by_hash.entry(hash(values)).or_default();
            match same_hash.iter().find(|&&i| column(units, i) == values) {
                Some(&first) => first,
                None => {
                    same_hash.push(j);
                    j
                }
            }
        })
        .collect()
}

/// FNV-1a over the values; zero of either sign is equal.
fn hash(values: &[f64]) -> u64 {
    values.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &x| {
        ((hash ^ (x + 0.0).to_bits()).wrapping_mul(0x0000_0100_0000_01b3)).rotate_left(29)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::unit_directions;
    use proptest::prelude::*;
    use superposition_testkit::strategy;

    fn exact_cosine(units: MatRef<'_, f64>, i: usize, j: usize) -> f64 {
        dot(column(units, i), column(units, j)).clamp(-1.0, 1.0)
    }

    /// What the pass promises, by two loops over the fixed-order dot product.
    fn naive(units: MatRef<'_, f64>) -> (Vec<Option<Extreme>>, Vec<Option<Extreme>>) {
        let n = units.ncols();
        let extreme = |sign: f64, i: usize| {
            let mut best = NONE;
            for j in (0..n).filter(|&j| j != i) {
                let value = sign * exact_cosine(units, i, j);
                best.improve(Extreme { value, index: j });
            }
            (n > 1).then_some(Extreme {
                value: sign * best.value,
                index: best.index,
            })
        };
        (
            (0..n).map(|i| extreme(1.0, i)).collect(),
            (0..n).map(|i| extreme(-1.0, i)).collect(),
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        /// Small tiles, so that a small input goes through many; rows and columns at the edges included.
        #[test]
        fn any_tile_and_any_number_of_threads_give_the_naive_result(
            w in strategy::dictionary(5, 40),
            tile in 1_usize..20,
            threads in 1_usize..4,
            threshold in 0.0_f64..1.0,
        ) {
            let units = unit_directions(w.as_ref());
            let units = units.as_ref();
            let found = visit_pairs(units, Some(threshold), threads, tile);
            let (nearest, most_opposed) = naive(units);
            prop_assert_eq!(found.nearest, nearest);
            prop_assert_eq!(found.most_opposed, most_opposed);
            let mut clusters = UnionFind::new(units.ncols());
            for j in 0..units.ncols() {
                for i in 0..j {
                    let cosine = exact_cosine(units, i, j);
                    if cosine * cosine > threshold {
                        clusters.join(i, j);
                    }
                }
            }
            prop_assert_eq!(found.clusters.labels(), clusters.labels());
        }
    }

    #[test]
    fn extremes_pass_over_nan_at_any_length() {
        for n in 0..30 {
            let mut values: Vec<f64> = (0..n).map(|i| f64::from((i * 7) % 11) - 5.0).collect();
            if n > 2 {
                values[2] = f64::NAN;
            }
            let (mut high, mut low) = (
                vec![f64::NEG_INFINITY; n as usize],
                vec![f64::INFINITY; n as usize],
            );
            let found = extremes(&values, &mut high, &mut low);
            let finite = || values.iter().copied().filter(|x| !x.is_nan());
            assert_eq!(found.0, finite().fold(f64::NEG_INFINITY, f64::max));
            assert_eq!(found.1, finite().fold(f64::INFINITY, f64::min));
            for (i, &x) in values.iter().enumerate() {
                assert!(x.is_nan() && high[i] == f64::NEG_INFINITY || high[i] == x && low[i] == x);
            }
        }
    }
}
