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

use std::convert::Infallible;
use std::ops::{ControlFlow, Range};

use crate::Real;
use crate::band::Band;
use crate::best::{Best, Extreme, Members, Side};
use crate::coherence::PairCosine;
use crate::directions::Directions;
use crate::kernel::{
    Bounds, Hit, Rows, SIDE, Tile, TileSquares, find_hits, new_tile, row_extremes,
};
use crate::parallel::{block_range, fold_blocks_observed};
use crate::quantized::{Precision, closer_margin, margin};
use crate::squares::SquareSums;
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
    /// If they were to be taken.
    pub(crate) squares: Option<SquareSums>,
}

/// Visits every pair of `features` once, and takes the sums of squares along.
pub(crate) fn visit_pairs<T: Real>(
    directions: &Directions<'_, T>,
    features: &[usize],
    search: PairSearch,
    squares: Option<SquareSums>,
) -> Pairs {
    let precision = match &squares {
        Some(squares) => squares.precision,
        None => Precision::of(directions, features),
    };
    visit_pairs_in(precision, directions, features, search, squares)
}

/// As [`visit_pairs`]: the precision decides how long it takes.
fn visit_pairs_in<T: Real>(
    precision: Precision,
    directions: &Directions<'_, T>,
    features: &[usize],
    search: PairSearch,
    squares: Option<SquareSums>,
) -> Pairs {
    let band = Band::new(directions, features.to_vec(), 0, precision, search.threads);
    let mut found = PairsSoFar::new(features.len(), search, squares);
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
            closer_margin: closer_margin(rows.0.n_hidden()),
        };
        let (n_rows, n_columns) = (rows.1.len(), columns.1.len());
        let side = n_columns.div_ceil(SIDE);
        let rows_of_tiles = 0..n_rows.div_ceil(SIDE);
        // The tiles on the diagonal first: with the best of them known, few pairs of the others are looked at twice.
        let diagonal = rows_of_tiles
            .clone()
            .filter(|_| is_one_band)
            .map(|i| (i, i..i + 1));
        let others = rows_of_tiles.clone().flat_map(|i| {
            (if is_one_band { i + 1 } else { 0 }..side)
                .step_by(TILES_PER_BLOCK)
                .map(move |j| (i, j..side.min(j + TILES_PER_BLOCK)))
        });
        let blocks: Vec<(usize, Range<usize>)> = diagonal.chain(others).collect();
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
            let (i, tiles) = &blocks[block];
            let tile_rows = block_range(*i, SIDE, n_rows);
            rows.1
                .quantized
                .copy_rows(tile_rows.clone(), &mut found.rows);
            for j in tiles.clone() {
                pass.visit_tile(found, tile_rows.clone(), block_range(j, SIDE, n_columns));
            }
        };
        let threads = self.search.threads;
        let states = fold_blocks_observed(threads, blocks.len(), new_state, work, observe)?;
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
            nearest: self.nearest.into_lists(),
            most_opposed: self.most_opposed.into_lists(),
            degrees: self.graph.degrees,
            clusters: self.graph.clusters,
            edges,
            squares: self.squares,
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
    /// Of [`Quantized::closer`](crate::quantized::Quantized::closer).
    closer_margin: f32,
}

/// On which side of a tile a feature is.
#[derive(Clone, Copy)]
enum Axis {
    Row,
    Column,
}

/// Which cosines are those of an edge.
#[derive(Clone, Copy)]
struct EdgeRule {
    threshold: f64,
    /// No pair with a |cosine| below this is an edge.
    possible: f64,
    /// Every pair with a |cosine| above this is one.
    certain: f64,
}

impl EdgeRule {
    fn new(threshold: f64) -> Self {
        // Above a negative threshold is every pair of finite features, and nothing is above NaN.
        let (possible, certain) = if threshold < 0.0 {
            (-1.0, 2.0)
        } else if threshold.is_nan() {
            (2.0, 2.0)
        } else {
            (threshold.sqrt(), threshold.sqrt())
        };
        Self {
            threshold,
            possible,
            certain,
        }
    }

    /// The possible and the certain for estimates with a margin, which is wider than any rounding.
    fn of_estimates(self, margin: f32) -> (f32, f32) {
        let margin = f64::from(margin);
        (
            (self.possible - margin) as f32,
            (self.certain + margin) as f32,
        )
    }
}

/// What one thread has found so far about the features of two bands, by their places: first those of the rows, then those of the columns.
struct Found {
    nearest: Best,
    most_opposed: Best,
    graph: Graph,
    squares: Option<SquareSums>,
    rows: Rows,
    tile: Box<Tile>,
    tile_squares: Box<TileSquares>,
    bounds: Bounds,
    hits: Vec<Hit>,
    hits_by_column: Vec<Hit>,
    candidates: Vec<(f32, usize)>,
}

/// The graph of interference, as far as its edges are known.
struct Graph {
    degrees: Vec<usize>,
    clusters: UnionFind,
    edges: Vec<PairCosine>,
}

impl Graph {
    fn new(n: usize) -> Self {
        Self {
            degrees: vec![0; n],
            clusters: UnionFind::new(n),
            edges: Vec::new(),
        }
    }
}

impl Found {
    fn new<T>(pass: &Pass<'_, T>, before: &PairsSoFar, members: &Members) -> Self {
        Self {
            nearest: before.nearest.cut(members),
            most_opposed: before.most_opposed.cut(members),
            graph: Graph::new(members.len()),
            squares: before.squares.as_ref().map(|all| all.cut(members)),
            rows: pass.rows.1.quantized.new_rows(),
            tile: new_tile(),
            tile_squares: Box::new(TileSquares::new()),
            bounds: Bounds::new(),
            hits: Vec::new(),
            hits_by_column: Vec::new(),
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
        let (row_quantized, column_quantized) = (&self.rows.1.quantized, &self.columns.1.quantized);
        let is_diagonal = self.is_one_band && rows == columns;
        self.multiply(found, is_diagonal, [rows.clone(), columns.clone()]);
        let residuals = (
            row_quantized.largest_residual(rows.clone()),
            column_quantized.largest_residual(columns.clone()),
        );
        self.set_bounds(
            found,
            (rows.clone(), residuals.0),
            (columns.clone(), residuals.1),
        );
        let row_scales = &row_quantized.inverse_scales(rows.clone())[..rows.len()];
        let column_scales = &column_quantized.inverse_scales(columns.clone());
        if is_diagonal && found.nearest.count == 1 {
            let extremes = row_extremes(&found.tile, row_scales, column_scales);
            self.narrow_bounds(&mut found.bounds, rows.start, residuals, &extremes);
        }
        found.hits.clear();
        find_hits(
            &found.tile,
            row_scales,
            column_scales,
            &found.bounds,
            &mut found.hits,
        );
        if is_diagonal {
            found.hits.retain(|hit| hit.row() != hit.column());
        }
        let Found {
            hits, candidates, ..
        } = found;
        for best in [&mut found.nearest, &mut found.most_opposed] {
            for of_row in hits.chunk_by(|a, b| a.row() == b.row()) {
                let i = rows.start + of_row[0].row();
                let others = of_row
                    .iter()
                    .map(|hit| (hit.value, columns.start + hit.column()));
                let margin = margin(row_quantized.residual(i), residuals.1);
                self.improve(best, candidates, (Axis::Row, i), margin, others);
            }
        }
        if let Some(rule) = self.edge {
            let margin = margin(residuals.0, residuals.1);
            let first = (rows.start, columns.start);
            self.visit_edges(&mut found.graph, rule, margin, hits, first);
        }
        // A tile on the diagonal holds every pair twice.
        if is_diagonal {
            return;
        }
        sort_by_column(hits, &mut found.hits_by_column);
        for best in [&mut found.nearest, &mut found.most_opposed] {
            for of_column in found
                .hits_by_column
                .chunk_by(|a, b| a.column() == b.column())
            {
                let j = columns.start + of_column[0].column();
                let others = of_column
                    .iter()
                    .map(|hit| (hit.value, rows.start + hit.row()));
                let margin = margin(column_quantized.residual(j), residuals.0);
                self.improve(best, candidates, (Axis::Column, j), margin, others);
            }
        }
    }

    /// The products of a tile, and in digits the sums of their squares.
    fn multiply(&self, found: &mut Found, is_diagonal: bool, [rows, columns]: [Range<usize>; 2]) {
        let Found {
            squares,
            rows: own,
            tile,
            tile_squares,
            ..
        } = found;
        let first = self.place(Axis::Column, columns.start);
        let places = [rows.clone(), first..first + columns.len()];
        if let Some(squares) = squares {
            squares.put_weights(places.clone(), tile_squares);
        }
        let own = (&*own, rows.len());
        let quantized = &self.columns.1.quantized;
        quantized.multiply(columns, own, is_diagonal, tile, tile_squares);
        if let Some(squares) = squares {
            squares.add_tile(places, tile_squares);
        }
    }

    /// What the cosines of a tile have to reach, as its products tell them, to matter: to be among the best of their row or of their column, or to be an edge.
    fn set_bounds(
        &self,
        found: &mut Found,
        (rows, row_residual): (Range<usize>, f32),
        (columns, column_residual): (Range<usize>, f32),
    ) {
        let edge = self.edge_bound((row_residual, column_residual));
        let bounds = &mut found.bounds;
        let (nearest, most_opposed) = (&found.nearest, &found.most_opposed);
        for (a, i) in rows.enumerate() {
            let place = self.place(Axis::Row, i);
            let margin = margin(self.rows.1.quantized.residual(i), column_residual);
            bounds.row_high[a] = (nearest.floor(place) - margin).min(edge);
            bounds.row_low[a] = -(most_opposed.floor(place) - margin).min(edge);
        }
        for (b, j) in columns.enumerate() {
            let place = self.place(Axis::Column, j);
            let margin = margin(self.columns.1.quantized.residual(j), row_residual);
            bounds.column_high[b] = nearest.floor(place) - margin;
            bounds.column_low[b] = -(most_opposed.floor(place) - margin);
        }
    }

    /// What the size of a cosine has to reach to be that of an edge.
    fn edge_bound(&self, residuals: (f32, f32)) -> f32 {
        self.edge.map_or(f32::INFINITY, |rule| {
            rule.of_estimates(margin(residuals.0, residuals.1)).0
        })
    }

    /// What a tile on the diagonal, among the first, says of its bounds where one neighbour is wanted: the most promising of its row is at least that good.
    /// Columns are rows there.
    fn narrow_bounds(
        &self,
        bounds: &mut Bounds,
        first: usize,
        residuals: (f32, f32),
        extremes: &[[f32; 2]],
    ) {
        let edge = self.edge_bound(residuals);
        for (a, [lowest, highest]) in extremes.iter().enumerate() {
            let margin = 2.0 * margin(self.rows.1.quantized.residual(first + a), residuals.1);
            bounds.row_high[a] = bounds.row_high[a].max((highest - margin).min(edge));
            bounds.row_low[a] = bounds.row_low[a].min((lowest + margin).max(-edge));
        }
        bounds.column_high.fill(f32::INFINITY);
        bounds.column_low.fill(f32::NEG_INFINITY);
    }

    /// Lets those of `others`, indices on the other side with cosines known within the margin, that may be among the best of feature `own` compete, the most promising first.
    fn improve(
        &self,
        best: &mut Best,
        candidates: &mut Vec<(f32, usize)>,
        own: (Axis, usize),
        margin: f32,
        others: impl Iterator<Item = (f32, usize)> + Clone,
    ) {
        candidates.clear();
        let place = self.place(own.0, own.1);
        let side = best.side;
        let others = others.map(|(cosine, other)| (side.oriented_estimate(cosine), other));
        let mut floor = best.floor(place) - margin;
        if best.count == 1 {
            // The most promising is at least this good.
            let highest = others.clone().map(|(cosine, _)| cosine);
            floor = floor.max(highest.fold(f32::NEG_INFINITY, f32::max) - 2.0 * margin);
        }
        candidates.extend(others.filter(|&(cosine, _)| cosine >= floor));
        // The best few first: they raise the floor, and little is left to be sorted.
        let by_promise =
            |a: &(f32, usize), b: &(f32, usize)| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1));
        if candidates.len() > best.count {
            candidates.select_nth_unstable_by(best.count - 1, by_promise);
            self.compete(best, own, margin, &candidates[..best.count]);
            let floor = best.floor(place) - margin;
            candidates.drain(..best.count);
            candidates.retain(|&(cosine, _)| cosine >= floor);
        }
        candidates.sort_unstable_by(by_promise);
        self.compete(best, own, margin, candidates);
    }

    fn compete(
        &self,
        best: &mut Best,
        own: (Axis, usize),
        margin: f32,
        candidates: &[(f32, usize)],
    ) {
        let place = self.place(own.0, own.1);
        let others = match own.0 {
            Axis::Row => self.columns.1,
            Axis::Column => self.rows.1,
        };
        for &(cosine, other) in candidates {
            if cosine < best.floor(place) - margin {
                // The rest promise less.
                break;
            }
            // Copies of one direction, of which a dictionary may hold thousands, are equal without a dot product.
            let copy = best
                .of(place)
                .iter()
                .find(|known| others.is_copy(known.index, other));
            let (row, column) = match own {
                (Axis::Row, i) => (i, other),
                (Axis::Column, j) => (other, j),
            };
            let value = match copy {
                Some(known) => known.value,
                None if self.falls_short(best, place, row, column) => continue,
                None => best.side.oriented(self.cosine(row, column)),
            };
            let index = others.first + other;
            best.improve(place, Extreme { value, index });
        }
    }

    /// Whether a closer look than that of the tile says that a pair is not among the best of a feature.
    fn falls_short(&self, best: &Best, place: usize, row: usize, column: usize) -> bool {
        let (rows, columns) = (&self.rows.1.quantized, &self.columns.1.quantized);
        let closer = rows.closer(row, columns, column);
        closer.is_some_and(|cosine| {
            best.side.oriented_estimate(cosine) < best.floor(place) - self.closer_margin
        })
    }

    /// The edges among the hits of a tile that begins at this row and column.
    fn visit_edges(
        &self,
        graph: &mut Graph,
        rule: EdgeRule,
        margin: f32,
        hits: &[Hit],
        (first_row, first_column): (usize, usize),
    ) {
        let (possible, certain) = rule.of_estimates(margin);
        for hit in hits {
            let (i, j) = (first_row + hit.row(), first_column + hit.column());
            let size = hit.value.abs();
            // Every pair of a tile on the diagonal once.
            if size < possible || (self.is_one_band && j <= i) {
                continue;
            }
            if size <= certain {
                let exact = self.cosine(i, j);
                if exact.is_nan() || exact * exact <= rule.threshold {
                    continue;
                }
            }
            let places = [self.place(Axis::Row, i), self.place(Axis::Column, j)];
            graph.degrees[places[0]] += 1;
            graph.degrees[places[1]] += 1;
            graph.clusters.join(places[0], places[1]);
            if self.list_edges {
                graph.edges.push(PairCosine {
                    value: self.cosine(i, j),
                    i: self.rows.1.first + i,
                    j: self.columns.1.first + j,
                });
            }
        }
    }
}

/// The hits of a tile column by column, and by row within a column.
fn sort_by_column(hits: &[Hit], sorted: &mut Vec<Hit>) {
    let mut starts = [0; SIDE + 1];
    hits.iter().for_each(|hit| starts[hit.column() + 1] += 1);
    for column in 0..SIDE {
        starts[column + 1] += starts[column];
    }
    sorted.clear();
    sorted.resize(hits.len(), Hit::new(0, 0, 0.0));
    for &hit in hits {
        sorted[starts[hit.column()]] = hit;
        starts[hit.column()] += 1;
    }
}

#[cfg(test)]
mod tests;
