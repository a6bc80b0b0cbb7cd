//! The exact assignment of a dense matrix, by shortest augmenting paths.

use crate::directions::column;
use faer::MatRef;

/// The one-to-one assignment with the largest sum of weights: for every row its column.
///
/// `weights` is given with a **row per column of the view**, so that what is scanned is contiguous: `weights[(j, i)]` is the weight of row i with column j.
/// There are at most as many rows as columns (columns of the view as rows of it), and every row gets a column.
/// Weights are finite. Equal sums: the first found, the same on every machine.
///
/// One shortest path a row over reduced costs, with a potential for every row and column (Jonker and Volgenant 1987, in the form of Crouse 2016, for rectangular matrices).
/// O(rows^2 columns) time, O(rows + columns) memory.
pub(super) fn assign_dense(weights: MatRef<'_, f64>) -> Vec<usize> {
    let (n_columns, n_rows) = weights.shape();
    assert!(n_rows <= n_columns, "{n_rows} rows for {n_columns} columns");
    let mut search = Search {
        row_potential: vec![0.0; n_rows],
        column_potential: vec![0.0; n_columns],
        row_of: vec![FREE; n_columns],
        column_of: vec![FREE; n_rows],
        distance: vec![0.0; n_columns],
        reached_from: vec![FREE; n_columns],
    };
    for row in 0..n_rows {
        search.augment(weights, row);
    }
    search.column_of
}

/// No partner.
const FREE: usize = usize::MAX;

struct Search {
    row_potential: Vec<f64>,
    column_potential: Vec<f64>,
    /// The row of every column.
    row_of: Vec<usize>,
    /// The column of every row.
    column_of: Vec<usize>,
    /// The length of the shortest path found to every column.
    distance: Vec<f64>,
    /// The row before every column on it.
    reached_from: Vec<usize>,
}

impl Search {
    /// Gives `start` a column along the shortest path of exchanges. Costs are negated weights.
    fn augment(&mut self, weights: MatRef<'_, f64>, start: usize) {
        let n_columns = self.row_of.len();
        self.distance.fill(f64::INFINITY);
        let mut open: Vec<usize> = (0..n_columns).collect();
        let mut closed: Vec<usize> = Vec::new();
        let (mut row, mut length) = (start, 0.0);
        let end = loop {
            let costs = column(weights, row);
            let own = length - self.row_potential[row];
            let (mut nearest, mut shortest) = (0, f64::INFINITY);
            for (place, &j) in open.iter().enumerate() {
                let through = own - costs[j] - self.column_potential[j];
                if through < self.distance[j] {
                    self.distance[j] = through;
                    self.reached_from[j] = row;
                }
                let distance = self.distance[j];
                // A free column among equals ends the search.
                if distance < shortest || (distance == shortest && self.row_of[j] == FREE) {
                    (nearest, shortest) = (place, distance);
                }
            }
            let j = open.swap_remove(nearest);
            length = shortest;
            if self.row_of[j] == FREE {
                break j;
            }
            closed.push(j);
            row = self.row_of[j];
        };
        self.row_potential[start] += length;
        for &j in &closed {
            let slack = length - self.distance[j];
            self.row_potential[self.row_of[j]] += slack;
            self.column_potential[j] -= slack;
        }
        let mut j = end;
        loop {
            let row = self.reached_from[j];
            self.row_of[j] = row;
            std::mem::swap(&mut self.column_of[row], &mut j);
            if row == start {
                return;
            }
        }
    }
}
