//! Assignment over few candidate pairs: exact over them, with the prices that bound every assignment.

use super::candidates::Partner;
use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

/// An assignment over candidate pairs and the prices that prove how good it is.
pub(super) struct PricedAssignment {
    /// The column of every row; `None` for a row that takes `floor` instead.
    pub(super) column_of: Vec<Option<usize>>,
    /// What is left to every row: its largest weight minus price, or `floor`.
    pub(super) profit: Vec<f64>,
    /// The price of every column, at least 0; 0 for a free one.
    pub(super) price: Vec<f64>,
}

/// Maximises the sum of weights where every row takes one of its candidate columns, each column once, or stays out for `floor`.
///
/// `edges[i]` are the candidate columns of row i with their weights, at least `floor`.
/// First rows bid for columns as in an auction whose prices rise by no more than the bidder's lead over the second best, a bounded number of times; then every row that is left is assigned along a shortest path of exchanges (Jonker and Volgenant 1987).
/// At the end weights are at most profit + price on every candidate, with equality on the assigned ones, and free columns cost nothing.
/// So for **any** weights of the pairs that are no candidates, where the best of them minus price is `$r_i$` for row i,
/// no assignment of all pairs sums to more than `$\sum_i \max(u_i, r_i) + \sum_j p_j$` with the profits u and prices p.
pub(super) fn assign_sparse(
    edges: &[Vec<Partner>],
    n_columns: usize,
    floor: f64,
) -> PricedAssignment {
    let n_rows = edges.len();
    let mut search = Search {
        edges,
        floor,
        column_of: vec![None; n_rows],
        row_of: vec![None; n_columns],
        profit: vec![floor; n_rows],
        price: vec![0.0; n_columns],
        distance: vec![f64::INFINITY; n_columns],
        reached_from: vec![usize::MAX; n_columns],
    };
    for row in search.bid() {
        search.augment(row);
    }
    PricedAssignment {
        column_of: search.column_of,
        profit: search.profit,
        price: search.price,
    }
}

/// Bids per row before shortest paths take over.
const BIDS: usize = 32;

struct Search<'a> {
    edges: &'a [Vec<Partner>],
    floor: f64,
    column_of: Vec<Option<usize>>,
    row_of: Vec<Option<usize>>,
    profit: Vec<f64>,
    price: Vec<f64>,
    distance: Vec<f64>,
    /// The row before every column on the shortest path to it.
    reached_from: Vec<usize>,
}

/// Where a shortest path ends.
enum End {
    /// At a free column.
    Column(usize),
    /// At a row that stays out.
    Row(usize),
}

/// A column by the length of a path to it; the smaller index among equals.
#[derive(PartialEq)]
struct Reached {
    distance: f64,
    column: usize,
}

impl Eq for Reached {}

impl Ord for Reached {
    fn cmp(&self, other: &Self) -> Ordering {
        let by_distance = self.distance.total_cmp(&other.distance);
        by_distance.then(self.column.cmp(&other.column))
    }
}

impl PartialOrd for Reached {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Search<'_> {
    /// Rows take their best column for as much as makes it equal to their second best; who is displaced bids again.
    ///
    /// Returns the rows that are still without a column when their bids are used up. A row whose best is to stay out is done: prices only rise.
    fn bid(&mut self) -> Vec<usize> {
        let mut waiting: Vec<usize> = (0..self.edges.len()).rev().collect();
        let mut left: Vec<usize> = Vec::new();
        let mut bids = BIDS * self.edges.len();
        while let Some(row) = waiting.pop() {
            let (mut best, mut profit, mut second) = (None, self.floor, f64::NEG_INFINITY);
            for edge in &self.edges[row] {
                let value = edge.value - self.price[edge.index];
                // A free column among equals displaces nobody.
                let free_among_equals = value == profit
                    && self.row_of[edge.index].is_none()
                    && best.is_none_or(|j: usize| self.row_of[j].is_some());
                if value > profit || free_among_equals {
                    (best, second, profit) = (Some(edge.index), profit, value);
                } else {
                    second = second.max(value);
                }
            }
            let Some(column) = best else {
                self.profit[row] = self.floor;
                continue;
            };
            let displaced = self.row_of[column];
            if displaced.is_some() && (second >= profit || bids == 0) {
                // Nothing to win by a bid.
                left.push(row);
                continue;
            }
            bids = bids.saturating_sub(1);
            // Where nobody competes the price need not rise; a row alone with its column pays nothing.
            let raise = if displaced.is_some() {
                profit - second.max(self.floor)
            } else {
                0.0
            };
            self.price[column] += raise;
            self.row_of[column] = Some(row);
            self.column_of[row] = Some(column);
            self.profit[row] = profit - raise;
            if let Some(displaced) = displaced {
                self.column_of[displaced] = None;
                waiting.push(displaced);
            }
        }
        left.sort_unstable();
        left
    }

    /// Gives `start` a column, or its part in a shortest path of exchanges that ends where somebody stays out.
    fn augment(&mut self, start: usize) {
        self.profit[start] = self.best_profit(start);
        let mut heap = BinaryHeap::new();
        let mut touched: Vec<usize> = Vec::new();
        let mut closed: Vec<usize> = Vec::new();
        let mut end = End::Row(start);
        let mut shortest = f64::INFINITY;
        let (mut row, mut length) = (start, 0.0);
        loop {
            let out = length + (self.profit[row] - self.floor);
            if out < shortest {
                (end, shortest) = (End::Row(row), out);
            }
            for edge in &self.edges[row] {
                let j = edge.index;
                // Rounding may leave a slack below zero.
                let slack = (self.profit[row] + self.price[j] - edge.value).max(0.0);
                let through = length + slack;
                if through >= self.distance[j] || through >= shortest {
                    continue;
                }
                if self.distance[j] == f64::INFINITY {
                    touched.push(j);
                }
                self.distance[j] = through;
                self.reached_from[j] = row;
                if self.row_of[j].is_none() {
                    (end, shortest) = (End::Column(j), through);
                } else {
                    heap.push(Reverse(Reached {
                        distance: through,
                        column: j,
                    }));
                }
            }
            let next = loop {
                match heap.pop() {
                    // What a shorter path has replaced.
                    Some(Reverse(found)) if found.distance > self.distance[found.column] => {}
                    other => break other,
                }
            };
            let Some(Reverse(next)) = next.filter(|next| next.0.distance < shortest) else {
                break;
            };
            closed.push(next.column);
            length = next.distance;
            row = self.row_of[next.column].expect("free columns end the search");
        }
        self.profit[start] -= shortest;
        for &j in &closed {
            let slack = shortest - self.distance[j];
            self.price[j] += slack;
            self.profit[self.row_of[j].expect("only taken columns are passed")] -= slack;
        }
        self.exchange(start, end);
        for j in touched {
            self.distance[j] = f64::INFINITY;
        }
    }

    fn best_profit(&self, row: usize) -> f64 {
        let values = self.edges[row]
            .iter()
            .map(|edge| edge.value - self.price[edge.index]);
        values.fold(self.floor, f64::max)
    }

    /// Moves every row of the path to the column after it.
    fn exchange(&mut self, start: usize, end: End) {
        let mut free = match end {
            End::Column(j) => Some(j),
            End::Row(row) => self.column_of[row].take(),
        };
        if matches!(end, End::Row(row) if row == start) {
            return;
        }
        while let Some(j) = free {
            let row = self.reached_from[j];
            self.row_of[j] = Some(row);
            free = self.column_of[row].replace(j);
            if row == start {
                return;
            }
        }
    }
}
