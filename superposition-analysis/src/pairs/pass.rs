//! Two bands of features compared tile by tile: which cosines matter, and what decides them.

use std::ops::Range;

use super::{PairsSoFar, rows_per_block};
use crate::Real;
use crate::band::Band;
use crate::best::{Best, Extreme, Members};
use crate::coherence::PairCosine;
use crate::directions::Directions;
use crate::kernel::{
    Bounds, Hit, Rows, SIDE, Tile, TileSquares, find_hits, new_tile, row_extremes,
};
use crate::quantized::margin;
use crate::squares::SquareSums;
use crate::union_find::UnionFind;

/// What stays the same while two bands are compared.
pub(super) struct Pass<'a, T> {
    pub(super) rows: (&'a Directions<'a, T>, &'a Band),
    pub(super) columns: (&'a Directions<'a, T>, &'a Band),
    pub(super) is_one_band: bool,
    pub(super) edge: Option<EdgeRule>,
    pub(super) list_edges: bool,
    /// Whether tiles know cosines as well as anything but the dot products.
    pub(super) is_close: bool,
    /// Of [`Quantized::closer`](crate::quantized::Quantized::closer).
    pub(super) closer_margin: f32,
}

/// On which side of a tile a feature is.
#[derive(Clone, Copy)]
enum Axis {
    Row,
    Column,
}

/// Which cosines are those of an edge.
#[derive(Clone, Copy)]
pub(super) struct EdgeRule {
    threshold: f64,
    /// No pair with a |cosine| below this is an edge.
    possible: f64,
    /// Every pair with a |cosine| above this is one.
    certain: f64,
}

impl EdgeRule {
    pub(super) fn new(threshold: f64) -> Self {
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
pub(super) struct Found {
    pub(super) nearest: Best,
    pub(super) most_opposed: Best,
    pub(super) graph: Graph,
    pub(super) squares: Option<SquareSums>,
    /// Of the rows of tiles of a block.
    pub(super) rows: Vec<Rows>,
    tile: Box<Tile>,
    tile_squares: Box<TileSquares>,
    bounds: Bounds,
    hits: Vec<Hit>,
    hits_by_column: Vec<Hit>,
    candidates: Vec<(f32, usize)>,
}

/// The graph of interference, as far as its edges are known.
pub(super) struct Graph {
    pub(super) degrees: Vec<usize>,
    pub(super) clusters: UnionFind,
    pub(super) edges: Vec<PairCosine>,
}

impl Graph {
    pub(super) fn new(n: usize) -> Self {
        Self {
            degrees: vec![0; n],
            clusters: UnionFind::new(n),
            edges: Vec::new(),
        }
    }
}

impl Found {
    pub(super) fn new<T>(pass: &Pass<'_, T>, before: &PairsSoFar, members: &Members) -> Self {
        Self {
            nearest: before.nearest.cut(members),
            most_opposed: before.most_opposed.cut(members),
            graph: Graph::new(members.len()),
            squares: before.squares.as_ref().map(|all| all.cut(members)),
            rows: (0..rows_per_block(pass.rows.1.len().div_ceil(SIDE)))
                .map(|_| pass.rows.1.quantized.new_rows())
                .collect(),
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

    /// One tile, of the row of tiles with this number in its block: rows `rows` and columns `columns` of the matrix of cosines, which are equal for a tile on the diagonal.
    pub(super) fn visit_tile(
        &self,
        found: &mut Found,
        own: usize,
        rows: Range<usize>,
        columns: Range<usize>,
    ) {
        let (row_quantized, column_quantized) = (&self.rows.1.quantized, &self.columns.1.quantized);
        let is_diagonal = self.is_one_band && rows == columns;
        self.multiply(found, own, is_diagonal, [rows.clone(), columns.clone()]);
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
    fn multiply(
        &self,
        found: &mut Found,
        own: usize,
        is_diagonal: bool,
        [rows, columns]: [Range<usize>; 2],
    ) {
        let Found {
            squares,
            rows: all,
            tile,
            tile_squares,
            ..
        } = found;
        let first = self.place(Axis::Column, columns.start);
        let places = [rows.clone(), first..first + columns.len()];
        if let Some(squares) = squares {
            squares.put_weights(places.clone(), tile_squares);
        }
        let own = (&all[own], rows.len());
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
        let floors = |first: usize, n: usize| {
            let places = first..first + n;
            let most_opposed = found.most_opposed.floors(places.clone());
            found.nearest.floors(places).zip(most_opposed)
        };
        let row_residuals = self.rows.1.quantized.residuals(rows.clone());
        let of_rows = floors(self.place(Axis::Row, rows.start), rows.len()).zip(row_residuals);
        let places = bounds.row_high.iter_mut().zip(&mut bounds.row_low);
        for ((high, low), ((nearest, most_opposed), residual)) in places.zip(of_rows) {
            let margin = margin(residual, column_residual);
            *high = (nearest - margin).min(edge);
            *low = -(most_opposed - margin).min(edge);
        }
        let column_residuals = self.columns.1.quantized.residuals(columns.clone());
        let first = self.place(Axis::Column, columns.start);
        let of_columns = floors(first, columns.len()).zip(column_residuals);
        let places = bounds.column_high.iter_mut().zip(&mut bounds.column_low);
        for ((high, low), ((nearest, most_opposed), residual)) in places.zip(of_columns) {
            let margin = margin(residual, row_residual);
            *high = nearest - margin;
            *low = -(most_opposed - margin);
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
        if let (true, &[(cosine, other)]) = (self.is_close, &candidates[..]) {
            let index = self.others(own.0).first + other;
            if best.take_estimate(place, (cosine, margin), index) {
                return;
            }
        }
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
        let others = self.others(own.0);
        for &(cosine, other) in candidates {
            if cosine < best.floor(place) - margin {
                // The rest promise less.
                break;
            }
            if let Some(estimate) = best.estimate(place) {
                self.decide(best, place, &estimate);
            }
            // Copies of one direction, of which a dictionary may hold thousands, are equal without a dot product.
            let copy = best
                .of(place)
                .iter()
                .find(|known| others.is_copy(known.index(), other));
            let (row, column) = pair(own, other);
            let value = match copy {
                Some(known) => known.value,
                None if self.falls_short(best, place, row, column) => continue,
                None => best.side.oriented(self.cosine(row, column)),
            };
            let index = others.first + other;
            best.improve(place, Extreme::exact(value, index));
        }
    }

    /// Decides all estimates that may still be the best.
    pub(super) fn decide_all(&self, found: &mut Found) {
        for best in [&mut found.nearest, &mut found.most_opposed] {
            for place in 0..best.len() {
                if let Some(estimate) = best.estimate(place) {
                    if best.is_outdone(place, &estimate) {
                        best.clear(place);
                    } else {
                        self.decide(best, place, &estimate);
                    }
                }
            }
        }
    }

    /// Puts the exact value into the place of an estimate.
    fn decide(&self, best: &mut Best, place: usize, estimate: &Extreme) {
        let own = match place.checked_sub(self.rows.1.len()) {
            Some(column) if !self.is_one_band => (Axis::Column, column),
            _ => (Axis::Row, place),
        };
        let other = estimate.index() - self.others(own.0).first;
        let (row, column) = pair(own, other);
        let value = best.side.oriented(self.cosine(row, column));
        best.replace(place, Extreme::exact(value, estimate.index()));
    }

    /// The features that those of one side are compared with.
    fn others(&self, axis: Axis) -> &Band {
        match axis {
            Axis::Row => self.columns.1,
            Axis::Column => self.rows.1,
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

/// The row and the column of a feature of one side and one of the other.
fn pair(own: (Axis, usize), other: usize) -> (usize, usize) {
    match own {
        (Axis::Row, i) => (i, other),
        (Axis::Column, j) => (other, j),
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
