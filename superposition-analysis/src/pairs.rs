//! The pass over all pairs: for every feature those with the largest and the smallest cosines, the edges of the graph of interference, and its clusters.
//!
//! Tiles of products of quantised directions ([`Quantized`], 16 bits) say within a proven margin what each cosine is, in half the time of f32.
//! They only nominate: whatever lies within the margin of deciding something is decided by the dot product of the stored values, in f64 and one fixed order.
//! The result is that of two loops over this dot product, with the smallest index among equals, whatever the order of the tiles, and so for any number of threads.
//!
//! Pairs are those within one band of the matrix, or of a feature of one band with one of a later band, so that a matrix that is streamed goes through the same pass.
//!
//! Upper triangle only: n^2 m / 2 multiplications of 16 bits; beside the matrix half of what it takes as f32.

use std::convert::Infallible;
use std::ops::{ControlFlow, Range};

use crate::Real;
use crate::band::Band;
use crate::best::{Best, Extreme, Side};
use crate::coherence::PairCosine;
use crate::directions::Directions;
use crate::kernel::{Extremes, SIDE, STRIP, StripLine, Tile, find_extremes, multiply, new_tile};
use crate::parallel::{block_range, fold_blocks_observed};
use crate::quantized::{SCALE, largest_residual, margin};
use crate::union_find::UnionFind;

/// Tiles of a row of tiles in one block of work.
const TILES_PER_BLOCK: usize = 16;

/// What is looked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PairSearch {
    /// How many of the largest and of the smallest cosines of every feature.
    pub(crate) neighbors: usize,
    /// Edges are the pairs with cos^2 above this; there are none without it.
    pub(crate) threshold: Option<f64>,
    /// Whether the edges are listed, beside being counted.
    pub(crate) list_edges: bool,
    pub(crate) threads: usize,
}

/// What the pass finds. Features are numbered within those that were looked at.
pub(crate) struct Pairs {
    /// By feature, the largest cosine first, then the smallest index; fewer than asked for where there are no more others.
    pub(crate) nearest: Vec<Vec<Extreme>>,
    /// By feature, the smallest cosine first, then the smallest index.
    pub(crate) most_opposed: Vec<Vec<Extreme>>,
    /// The number of edges of every feature.
    pub(crate) degrees: Vec<usize>,
    /// Clusters of the graph; all singletons without a threshold.
    pub(crate) clusters: UnionFind,
    /// The edges with i < j in lexicographic order, if they were to be listed.
    pub(crate) edges: Vec<PairCosine>,
}

/// Visits every pair of `features` once.
pub(crate) fn visit_pairs<T: Real>(
    directions: &Directions<'_, T>,
    features: &[usize],
    search: PairSearch,
) -> Pairs {
    let residual = largest_residual(directions, features, search.threads);
    let margin = margin(residual, directions.n_hidden());
    let band = Band::new(directions, features.to_vec(), 0, search.threads);
    let mut found = PairsSoFar::new(features.len(), margin, search);
    let ControlFlow::Continue(()) = found.visit((directions, &band), None, |_, _| {
        ControlFlow::<Infallible>::Continue(())
    });
    found.finish()
}

/// The pass over the pairs of features that are looked at, band by band.
pub(crate) struct PairsSoFar {
    search: PairSearch,
    edge: Option<EdgeRule>,
    nearest: Best,
    most_opposed: Best,
    degrees: Vec<usize>,
    clusters: UnionFind,
    edges: Vec<PairCosine>,
}

impl PairsSoFar {
    /// Before the first of `n` features; the margin is that of all of them.
    pub(crate) fn new(n: usize, margin: i32, search: PairSearch) -> Self {
        let best = |side| Best::new(side, n, search.neighbors, margin);
        Self {
            edge: search.threshold.map(|t| EdgeRule::new(t, margin)),
            nearest: best(Side::Nearest),
            most_opposed: best(Side::MostOpposed),
            degrees: vec![0; n],
            clusters: UnionFind::new(n),
            edges: Vec::new(),
            search,
        }
    }

    /// Visits the pairs of one feature of `rows` and one of `columns`, a later band; without `columns` those within `rows`.
    ///
    /// `observe` is called on this thread after every piece of work it does, with how many of how many pieces are done, and ends the pass by breaking; then some of the pairs have been visited.
    pub(crate) fn visit<T: Real, B>(
        &mut self,
        rows: (&Directions<'_, T>, &Band),
        columns: Option<(&Directions<'_, T>, &Band)>,
        observe: impl FnMut(usize, usize) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        let is_one_band = columns.is_none();
        let columns = columns.unwrap_or(rows);
        let pass = Pass {
            rows,
            columns,
            is_one_band,
            edge: self.edge,
            list_edges: self.search.list_edges,
        };
        let (n_rows, n_columns) = (rows.1.len(), columns.1.len());
        let side = n_columns.div_ceil(SIDE);
        let blocks: Vec<(usize, Range<usize>)> = (0..n_rows.div_ceil(SIDE))
            .flat_map(|i| {
                (if is_one_band { i } else { 0 }..side)
                    .step_by(TILES_PER_BLOCK)
                    .map(move |j| (i, j..side.min(j + TILES_PER_BLOCK)))
            })
            .collect();
        // By their numbers among all that are looked at: the places of `Found`.
        let members = || {
            let columns = if is_one_band {
                0..0
            } else {
                columns.1.numbers()
            };
            rows.1.numbers().chain(columns)
        };
        let new_state = || Found::new(&pass, self, members());
        let work = |found: &mut Found, block: usize| {
            let (i, tiles) = &blocks[block];
            let tile_rows = block_range(*i, SIDE, n_rows);
            rows.1
                .quantized
                .copy_strips(tile_rows.clone(), &mut found.strips);
            for j in tiles.clone() {
                pass.visit_tile(found, tile_rows.clone(), block_range(j, SIDE, n_columns));
            }
        };
        let threads = self.search.threads;
        let states = fold_blocks_observed(threads, blocks.len(), new_state, work, observe)?;
        let numbers: Vec<usize> = members().collect();
        for found in states {
            self.absorb(found, &numbers);
        }
        ControlFlow::Continue(())
    }

    fn absorb(&mut self, found: Found, numbers: &[usize]) {
        self.nearest.absorb(&found.nearest, numbers.iter().copied());
        self.most_opposed
            .absorb(&found.most_opposed, numbers.iter().copied());
        for (&number, more) in numbers.iter().zip(found.degrees) {
            self.degrees[number] += more;
        }
        self.clusters
            .absorb(&found.clusters, |place| numbers[place]);
        self.edges.extend(found.edges);
    }

    /// What was found.
    pub(crate) fn finish(mut self) -> Pairs {
        self.edges.sort_unstable_by_key(|edge| (edge.i, edge.j));
        Pairs {
            nearest: self.nearest.into_lists(),
            most_opposed: self.most_opposed.into_lists(),
            degrees: self.degrees,
            clusters: self.clusters,
            edges: self.edges,
        }
    }
}

/// What stays the same while two bands are compared.
struct Pass<'a, T> {
    rows: (&'a Directions<'a, T>, &'a Band),
    columns: (&'a Directions<'a, T>, &'a Band),
    is_one_band: bool,
    edge: Option<EdgeRule>,
    list_edges: bool,
}

/// On which side of a tile a feature is.
#[derive(Clone, Copy)]
enum Axis {
    Row,
    Column,
}

/// Which products are those of an edge.
#[derive(Clone, Copy)]
struct EdgeRule {
    threshold: f64,
    /// No pair with a product of at most this size is an edge.
    possible: i32,
    /// Every pair with a product above this size is one.
    certain: i32,
}

impl EdgeRule {
    fn new(threshold: f64, margin: i32) -> Self {
        // Above a negative threshold is every pair of finite features, and nothing is above NaN; no product reaches 2 S^2.
        let (root, certain) = if threshold < 0.0 {
            (-2.0, 2.0)
        } else if threshold.is_nan() {
            (2.0, 2.0)
        } else {
            (threshold.sqrt().min(2.0), threshold.sqrt().min(2.0))
        };
        let product = |cosine: f64| (SCALE * SCALE * cosine) as i32;
        Self {
            threshold,
            possible: product(root).saturating_sub(margin + 1),
            certain: product(certain).saturating_add(margin + 1),
        }
    }
}

/// What one thread has found so far about the features of two bands, by their places: first those of the rows, then those of the columns.
struct Found {
    nearest: Best,
    most_opposed: Best,
    degrees: Vec<usize>,
    clusters: UnionFind,
    edges: Vec<PairCosine>,
    strips: Vec<StripLine>,
    tile: Box<Tile>,
    extremes: Extremes,
    candidates: Vec<(i32, usize)>,
}

impl Found {
    fn new<T>(
        pass: &Pass<'_, T>,
        before: &PairsSoFar,
        members: impl Iterator<Item = usize> + Clone,
    ) -> Self {
        let n = members.clone().count();
        Self {
            nearest: before.nearest.cut(members.clone()),
            most_opposed: before.most_opposed.cut(members),
            degrees: vec![0; n],
            clusters: UnionFind::new(n),
            edges: Vec::new(),
            strips: pass.rows.1.quantized.new_strips(),
            tile: new_tile(),
            extremes: Extremes::new(),
            candidates: Vec::new(),
        }
    }
}

impl<T: Real> Pass<'_, T> {
    /// The cosine of a feature of the rows and one of the columns, by their indices in the bands.
    fn cosine(&self, row: usize, column: usize) -> f64 {
        let ((rows, row_band), (columns, column_band)) = (self.rows, self.columns);
        let (i, j) = (row_band.features[row], column_band.features[column]);
        rows.cosine(i, columns, j)
    }

    /// The place of a feature of one side in [`Found`].
    fn place(&self, axis: Axis, index: usize) -> usize {
        match axis {
            Axis::Column if !self.is_one_band => self.rows.1.len() + index,
            _ => index,
        }
    }

    /// One tile: rows `rows` and columns `columns` of the matrix of cosines, which are equal for a tile on the diagonal.
    fn visit_tile(&self, found: &mut Found, rows: Range<usize>, columns: Range<usize>) {
        let (row_band, column_band) = (self.rows.1, self.columns.1);
        let depth = row_band.quantized.depth();
        let Found {
            tile,
            strips,
            extremes,
            candidates,
            ..
        } = found;
        let panels = column_band.quantized.panels(columns.clone());
        let n_strips = rows.len().div_ceil(STRIP);
        multiply(&strips[..n_strips * depth], panels, depth, tile);
        let is_diagonal = self.is_one_band && rows == columns;
        for (a, row) in tile[..rows.len()].iter_mut().enumerate() {
            // What an earlier tile left beyond the columns; the diagonal is no pair.
            row[columns.len()..].fill(0);
            if is_diagonal {
                row[a] = 0;
            }
        }
        find_extremes(tile, rows.len(), extremes);
        for (best, sign) in [(&mut found.nearest, 1), (&mut found.most_opposed, -1)] {
            for (a, i) in rows.clone().enumerate() {
                let high = if sign > 0 {
                    extremes.row_high[a]
                } else {
                    -extremes.row_low[a]
                };
                if high >= best.floors[self.place(Axis::Row, i)] {
                    let others = columns.clone().filter(|&j| !is_diagonal || j != i);
                    let row = &tile[a];
                    let others = others.map(|j| (row[j - columns.start], j));
                    self.improve(best, candidates, (Axis::Row, i), others);
                }
            }
            // A tile on the diagonal holds every pair twice.
            if is_diagonal {
                continue;
            }
            for (b, j) in columns.clone().enumerate() {
                let high = if sign > 0 {
                    extremes.column_high[b]
                } else {
                    -extremes.column_low[b]
                };
                if high >= best.floors[self.place(Axis::Column, j)] {
                    let others = rows.clone();
                    let others = others.map(|i| (tile[i - rows.start][b], i));
                    self.improve(best, candidates, (Axis::Column, j), others);
                }
            }
        }
        if let Some(rule) = self.edge {
            self.visit_edges(found, rule, rows, columns);
        }
    }

    /// Lets those of `others`, indices on the other side, that may be among the best of feature `own` compete, the most promising first.
    fn improve(
        &self,
        best: &mut Best,
        candidates: &mut Vec<(i32, usize)>,
        own: (Axis, usize),
        others: impl Iterator<Item = (i32, usize)>,
    ) {
        candidates.clear();
        let place = self.place(own.0, own.1);
        let floor = best.floors[place];
        candidates.extend(
            others
                .map(|(product, other)| (best.side.oriented_product(product), other))
                .filter(|&(product, _)| product >= floor),
        );
        // The best few first: they raise the floor, and little is left to be sorted.
        let by_promise = |a: &(i32, usize), b: &(i32, usize)| b.0.cmp(&a.0).then(a.1.cmp(&b.1));
        if candidates.len() > best.count {
            candidates.select_nth_unstable_by(best.count - 1, by_promise);
            self.compete(best, own, &candidates[..best.count]);
            let floor = best.floors[place];
            candidates.drain(..best.count);
            candidates.retain(|&(product, _)| product >= floor);
        }
        candidates.sort_unstable_by(by_promise);
        self.compete(best, own, candidates);
    }

    fn compete(&self, best: &mut Best, own: (Axis, usize), candidates: &[(i32, usize)]) {
        let place = self.place(own.0, own.1);
        let others = match own.0 {
            Axis::Row => self.columns.1,
            Axis::Column => self.rows.1,
        };
        for &(product, other) in candidates {
            if product < best.floors[place] {
                continue;
            }
            // Copies of one direction, of which a dictionary may hold thousands, are equal without a dot product.
            let copy = best
                .of(place)
                .iter()
                .find(|known| others.is_copy(known.index, other));
            let value = match (copy, own) {
                (Some(known), _) => known.value,
                (None, (Axis::Row, i)) => best.side.oriented(self.cosine(i, other)),
                (None, (Axis::Column, j)) => best.side.oriented(self.cosine(other, j)),
            };
            let index = others.first + other;
            best.improve(place, Extreme { value, index });
        }
    }

    fn visit_edges(
        &self,
        found: &mut Found,
        rule: EdgeRule,
        rows: Range<usize>,
        columns: Range<usize>,
    ) {
        for (a, i) in rows.enumerate() {
            let (high, low) = (found.extremes.row_high[a], found.extremes.row_low[a]);
            if high.max(-low) <= rule.possible {
                continue;
            }
            for (b, j) in columns.clone().enumerate() {
                let size = found.tile[a][b].abs();
                // Every pair of a tile on the diagonal once.
                if size <= rule.possible || (self.is_one_band && j <= i) {
                    continue;
                }
                if size <= rule.certain {
                    let exact = self.cosine(i, j);
                    if exact.is_nan() || exact * exact <= rule.threshold {
                        continue;
                    }
                }
                let places = [self.place(Axis::Row, i), self.place(Axis::Column, j)];
                found.degrees[places[0]] += 1;
                found.degrees[places[1]] += 1;
                found.clusters.join(places[0], places[1]);
                if self.list_edges {
                    found.edges.push(PairCosine {
                        value: self.cosine(i, j),
                        i: self.rows.1.first + i,
                        j: self.columns.1.first + j,
                    });
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use faer::{Mat, MatRef};
    use proptest::prelude::*;
    use superposition_testkit::{geometry, strategy};

    /// What the pass promises, by two loops over the deciding dot product.
    fn naive(directions: &Directions<'_, f64>, features: &[usize], search: PairSearch) -> Pairs {
        let n = features.len();
        let cosine = |i: usize, j: usize| directions.cosine(features[i], directions, features[j]);
        let best = |i: usize, sign: f64| {
            let mut all: Vec<Extreme> = (0..n)
                .filter(|&j| j != i && !cosine(i, j).is_nan())
                .map(|j| Extreme {
                    value: cosine(i, j),
                    index: j,
                })
                .collect();
            // A stable sort keeps the order of the index among equals.
            all.sort_by(|a, b| (sign * b.value).total_cmp(&(sign * a.value)));
            all.truncate(search.neighbors);
            all
        };
        let mut pairs = Pairs {
            nearest: (0..n).map(|i| best(i, 1.0)).collect(),
            most_opposed: (0..n).map(|i| best(i, -1.0)).collect(),
            degrees: vec![0; n],
            clusters: UnionFind::new(n),
            edges: Vec::new(),
        };
        for i in 0..n {
            for j in i + 1..n {
                let value = cosine(i, j);
                if search.threshold.is_some_and(|t| value * value > t) {
                    pairs.degrees[i] += 1;
                    pairs.degrees[j] += 1;
                    pairs.clusters.join(i, j);
                    pairs.edges.push(PairCosine { value, i, j });
                }
            }
        }
        pairs
    }

    fn assert_naive(w: MatRef<'_, f64>, search: PairSearch) {
        let directions = Directions::new(w, 1);
        let features = directions.lengths.represented(0.0);
        let found = visit_pairs(&directions, &features, search);
        let expected = naive(&directions, &features, search);
        // Zeros of either sign are equal here, and only there do bits differ.
        assert_eq!(found.nearest, expected.nearest);
        assert_eq!(found.most_opposed, expected.most_opposed);
        assert_eq!(found.degrees, expected.degrees);
        assert_eq!(found.clusters.labels(), expected.clusters.labels());
        assert_eq!(found.edges, expected.edges);
    }

    fn search(neighbors: usize, threshold: f64, threads: usize) -> PairSearch {
        PairSearch {
            neighbors,
            threshold: Some(threshold),
            list_edges: true,
            threads,
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn any_search_gives_the_naive_result(
            w in strategy::dictionary(5, 40),
            neighbors in 0_usize..5,
            threads in 1_usize..4,
            threshold in 0.0_f64..1.0,
        ) {
            assert_naive(w.as_ref(), search(neighbors, threshold, threads));
        }
    }

    /// Sizes around the tiles, so that there are tiles beside the diagonal, and ragged ones.
    #[test]
    fn several_tiles_give_the_naive_result() {
        for (seed, (m, n)) in [
            (6, SIDE - 1),
            (3, SIDE + 1),
            (17, 2 * SIDE + 7),
            (2, 3 * SIDE),
        ]
        .into_iter()
        .enumerate()
        {
            let w = geometry::random_gaussian(m, n, seed as u64);
            for threads in [1, 3] {
                assert_naive(w.as_ref(), search(3, 0.2, threads));
            }
        }
    }

    /// Cosines that differ by far less than the margin, by a few units in the last place, and not at all.
    #[test]
    fn near_ties_are_decided_by_the_dot_product() {
        let base = geometry::random_gaussian(9, 30, 5);
        let noise = geometry::random_gaussian(9, 400, 6);
        for size in [0.0, 1e-15, 1e-12, 1e-8, 1e-5] {
            let w = Mat::from_fn(9, 400, |k, j| {
                // Signs differ, so that both sides and the edges have their ties.
                let sign = if j % 7 < 3 { -1.0 } else { 1.0 };
                sign * (base[(k, j % 30)] + size * noise[(k, j)])
            });
            assert_naive(w.as_ref(), search(4, 0.25, 2));
        }
    }

    /// The cosine of features 0 and 1 is on the threshold to the bit, of others next to it.
    #[test]
    fn a_threshold_is_exclusive_to_the_bit() {
        let w = geometry::random_gaussian(12, 25, 8);
        let directions = Directions::new(w.as_ref(), 1);
        let cosine = directions.cosine(0, &directions, 1);
        for threshold in [
            cosine * cosine,
            (cosine * cosine).next_down(),
            (cosine * cosine).next_up(),
        ] {
            assert_naive(w.as_ref(), search(1, threshold, 1));
        }
        for threshold in [-1.0, 0.0, 1.0, 2.0, f64::NAN] {
            assert_naive(w.as_ref(), search(1, threshold, 1));
        }
    }

    /// Thousands of copies of a few directions need no dot product for each pair.
    #[test]
    fn copies_are_found_in_the_order_of_their_indices() {
        let base = geometry::random_gaussian(4, 3, 1);
        let n = 2 * SIDE + 5;
        let w = Mat::from_fn(4, n, |k, j| base[(k, j % 3)]);
        assert_naive(w.as_ref(), search(5, 0.5, 2));
    }
}
