//! The pass over all pairs: for every feature those with the largest and the smallest cosines, the edges of the graph of interference, and its clusters.
//!
//! Tiles of products of quantised directions ([`Quantized`], 8 or 16 bits) say within a proven margin what each cosine is, in a quarter or half of the time of f32.
//! They only nominate: whatever lies within the margin of deciding something is decided by the dot product of the stored values, in f64 and one fixed order.
//! The result is that of two loops over this dot product, with the smallest index among equals, whatever the order of the tiles, and so for any number of threads.
//!
//! Pairs are those within one band of the matrix, or of a feature of one band with one of a later band, so that a matrix that is streamed goes through the same pass.
//!
//! Where sums of squared cosines are wanted too, and their frame operators would be more work, the tiles hold cosines in digits ([`Precision::Digits`]), which tell both.
//!
//! Upper triangle only: n^2 m / 2 multiplications of small integers; beside the matrix at most three quarters of what it takes as f32, or as much in digits.

mod pass;

use std::convert::Infallible;
use std::ops::{ControlFlow, Range};

use crate::Real;
use crate::band::Band;
use crate::best::{Best, Members, Side};

use crate::coherence::PairCosine;
use crate::directions::Directions;
use crate::kernel::{SIDE, ThreadPool};
use crate::neighbors::Neighbors;
use crate::parallel::{block_range, fold_blocks_observed};
use crate::quantized::{Precision, closer_margin};
use crate::squares::SquareSums;
use crate::union_find::UnionFind;
use pass::{EdgeRule, Found, Graph, Pass};

/// Tiles of a row of tiles in one block of work.
const TILES_PER_BLOCK: usize = 16;
/// Rows of tiles that a block has where there are many: what they share of the columns is fetched once for all of them.
const ROWS_PER_BLOCK: usize = 4;
/// So many rows of tiles are many.
const MANY_ROWS: usize = 48;

/// What is looked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PairSearch {
    /// How many of the largest and of the smallest cosines of every feature.
    pub(crate) neighbors: usize,
    /// Edges are the pairs with cos^2 above this; there are none without it.
    pub(crate) threshold: Option<f64>,
    /// Whether the edges are listed, beside being counted.
    pub(crate) list_edges: bool,
}

/// What the pass finds. Features are numbered within those that were looked at.
pub(crate) struct Pairs {
    pub(crate) neighbors: Neighbors,
    /// The number of edges of every feature.
    pub(crate) degrees: Vec<usize>,
    /// Clusters of the graph; all singletons without a threshold.
    pub(crate) clusters: UnionFind,
    /// The edges with i < j in lexicographic order, if they were to be listed.
    pub(crate) edges: Vec<PairCosine>,
    /// If they were to be taken.
    pub(crate) squares: Option<SquareSums>,
}

/// Visits every pair of `features` once, and takes the sums of squares along.
pub(crate) fn visit_pairs<T: Real>(
    directions: &Directions<'_, T>,
    features: &[usize],
    search: PairSearch,
    squares: Option<SquareSums>,
    pool: &ThreadPool,
) -> Pairs {
    let precision = match &squares {
        Some(squares) => squares.precision(),
        None => Precision::of(directions, features),
    };
    visit_pairs_in(precision, directions, features, search, squares, pool)
}

/// As [`visit_pairs`]: the precision decides how long it takes.
fn visit_pairs_in<T: Real>(
    precision: Precision,
    directions: &Directions<'_, T>,
    features: &[usize],
    search: PairSearch,
    squares: Option<SquareSums>,
    pool: &ThreadPool,
) -> Pairs {
    let band = Band::new(directions, features.to_vec(), 0, precision, pool);
    let mut found = PairsSoFar::new(features.len(), search, squares);
    let ControlFlow::Continue(()) = found.visit((directions, &band), None, pool, |_, _| {
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
    graph: Graph,
    squares: Option<SquareSums>,
}

impl PairsSoFar {
    /// Before the first of `n` features.
    pub(crate) fn new(n: usize, search: PairSearch, squares: Option<SquareSums>) -> Self {
        let best = |side| Best::new(side, n, search.neighbors);
        Self {
            edge: search.threshold.map(EdgeRule::new),
            nearest: best(Side::Nearest),
            most_opposed: best(Side::MostOpposed),
            graph: Graph::new(n),
            squares,
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
        pool: &ThreadPool,
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
            is_close: rows.1.quantized.precision != Precision::Bytes,
            closer_margin: closer_margin(rows.0.n_hidden()),
        };
        let (n_rows, n_columns) = (rows.1.len(), columns.1.len());
        let side = n_columns.div_ceil(SIDE);
        let rows_of_tiles = 0..n_rows.div_ceil(SIDE);
        let rows_per_block = rows_per_block(rows_of_tiles.len());
        // The tiles on the diagonal first: with the best of them known, few pairs of the others are looked at twice.
        let diagonal = rows_of_tiles
            .clone()
            .filter(|_| is_one_band)
            .map(|i| [i..i + 1, i..i + 1]);
        let others = rows_of_tiles.clone().step_by(rows_per_block).flat_map(|i| {
            let rows = i..rows_of_tiles.end.min(i + rows_per_block);
            (if is_one_band { i + 1 } else { 0 }..side)
                .step_by(TILES_PER_BLOCK)
                .map(move |j| [rows.clone(), j..side.min(j + TILES_PER_BLOCK)])
        });
        let blocks: Vec<[Range<usize>; 2]> = diagonal.chain(others).collect();
        // The places of `Found`.
        let members = Members {
            rows: rows.1.numbers(),
            columns: if is_one_band {
                0..0
            } else {
                columns.1.numbers()
            },
        };
        let new_state = || Found::new(&pass, self, &members);
        let work = |found: &mut Found, block: usize| {
            let [row_tiles, column_tiles] = blocks[block].clone();
            let range = |i| block_range(i, SIDE, n_rows);
            for (own, i) in found.rows.iter_mut().zip(row_tiles.clone()) {
                rows.1.quantized.copy_rows(range(i), own);
            }
            let is_diagonal = is_one_band && row_tiles == column_tiles;
            for j in column_tiles {
                for (own, i) in row_tiles.clone().enumerate() {
                    if !is_one_band || i < j || is_diagonal {
                        let columns = block_range(j, SIDE, n_columns);
                        pass.visit_tile(found, own, range(i), columns);
                    }
                }
            }
        };
        let finish = |found: &mut Found| pass.decide_all(found);
        let states = fold_blocks_observed(pool, blocks.len(), new_state, work, finish, observe)?;
        for found in states {
            self.absorb(found, &members);
        }
        ControlFlow::Continue(())
    }

    fn absorb(&mut self, found: Found, members: &Members) {
        self.nearest.absorb(&found.nearest);
        self.most_opposed.absorb(&found.most_opposed);
        let (graph, more) = (&mut self.graph, found.graph);
        for (number, degree) in members.numbers().zip(more.degrees) {
            graph.degrees[number] += degree;
        }
        let clusters = &mut graph.clusters;
        clusters.absorb(&more.clusters, |place| members.number(place));
        graph.edges.extend(more.edges);
        if let (Some(squares), Some(more)) = (&mut self.squares, found.squares) {
            squares.absorb(&more, members);
        }
    }

    /// What was found.
    pub(crate) fn finish(self) -> Pairs {
        let mut edges = self.graph.edges;
        edges.sort_unstable_by_key(|edge| (edge.i, edge.j));
        Pairs {
            neighbors: Neighbors {
                nearest: self.nearest.into_lists(),
                most_opposed: self.most_opposed.into_lists(),
            },
            degrees: self.graph.degrees,
            clusters: self.graph.clusters,
            edges,
            squares: self.squares,
        }
    }
}

/// How many rows of tiles a block has.
pub(crate) fn rows_per_block(rows_of_tiles: usize) -> usize {
    if rows_of_tiles < MANY_ROWS {
        1
    } else {
        ROWS_PER_BLOCK
    }
}

#[cfg(test)]
mod tests;
