//! The best partners of every feature of two dictionaries, in one blocked pass over their cosines.

use crate::directions::column;
use crate::kernel::{ThreadPool, dot};
use crate::linalg::product_into;
use crate::parallel::{block_range, fold_blocks};
use faer::{Mat, MatRef};

/// Features along one side of a tile: 2 MiB of cosines.
const TILE: usize = 512;

/// The most by which an element of a tile differs from the fixed-order dot product of the same unit columns.
pub(super) fn margin(m: usize) -> f64 {
    (4.0 * f64::EPSILON * m as f64).max(1e-12)
}

/// Unit columns of two dictionaries, and what their similarity is.
#[derive(Clone, Copy)]
pub(super) struct UnitPair<'a> {
    pub(super) a: MatRef<'a, f64>,
    pub(super) b: MatRef<'a, f64>,
    pub(super) sign: CosineSign,
    pub(super) pool: &'a ThreadPool,
    /// Features along one side of a tile; a parameter for tests.
    pub(super) tile: usize,
}

/// Whether opposite directions are alike.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
pub enum CosineSign {
    /// The cosine as it is, in [-1, 1]: a feature and its opposite are as unlike as can be. Right where codes are not negative.
    #[default]
    Signed,
    /// The absolute value, in [0, 1]: for directions whose sign means nothing, such as independent or principal components.
    Absolute,
}

impl CosineSign {
    pub(super) fn of(self, cosine: f64) -> f64 {
        match self {
            CosineSign::Signed => cosine,
            CosineSign::Absolute => cosine.abs(),
        }
    }

    /// The least similarity there is.
    pub(super) fn least(self) -> f64 {
        match self {
            CosineSign::Signed => -1.0,
            CosineSign::Absolute => 0.0,
        }
    }
}

impl<'a> UnitPair<'a> {
    pub(super) fn new(
        a: MatRef<'a, f64>,
        b: MatRef<'a, f64>,
        sign: CosineSign,
        pool: &'a ThreadPool,
    ) -> Self {
        let tile = TILE;
        Self {
            a,
            b,
            sign,
            pool,
            tile,
        }
    }

    /// The two in the other order.
    pub(super) fn swapped(self) -> Self {
        Self {
            a: self.b,
            b: self.a,
            ..self
        }
    }

    /// The similarity that decides: of the fixed-order dot product.
    pub(super) fn similarity(&self, i: usize, j: usize) -> f64 {
        let cosine = dot(column(self.a, i), column(self.b, j));
        self.sign.of(cosine.clamp(-1.0, 1.0))
    }

    /// Calls `visit(state, rows, j, similarities)` for every feature j of B and every block `rows` of features of A.
    ///
    /// Similarities have the rounding of a matrix product, see [`margin`]; the same for any number of threads.
    pub(super) fn visit<S: Send>(
        &self,
        new_state: impl Fn() -> S + Sync,
        visit: impl Fn(&mut S, std::ops::Range<usize>, usize, &[f64]) + Sync,
    ) -> Vec<S> {
        let Self {
            a, b, sign, tile, ..
        } = *self;
        let (n_a, n_b) = (a.ncols(), b.ncols());
        let (side_a, side_b) = (n_a.div_ceil(tile), n_b.div_ceil(tile));
        let with_buffer = || (new_state(), Mat::zeros(tile.min(n_a), tile.min(n_b)));
        let states = fold_blocks(
            self.pool,
            side_a * side_b,
            with_buffer,
            |(state, buffer), t| {
                let rows = block_range(t % side_a, tile, n_a);
                let columns = block_range(t / side_a, tile, n_b);
                product_into(
                    buffer.submatrix_mut(0, 0, rows.len(), columns.len()),
                    a.subcols(rows.start, rows.len()).transpose(),
                    b.subcols(columns.start, columns.len()),
                );
                for (place, j) in columns.enumerate() {
                    let similarities = &mut buffer.col_as_slice_mut(place)[..rows.len()];
                    similarities.iter_mut().for_each(|x| *x = sign.of(*x));
                    visit(state, rows.clone(), j, similarities);
                }
            },
        );
        states.into_iter().map(|(state, _)| state).collect()
    }

    /// The `k` best partners of every feature of A and of every feature of B, best first; the smaller index among equals.
    pub(super) fn best(&self, k: usize) -> Candidates {
        let (n_a, n_b) = (self.a.ncols(), self.b.ncols());
        let new_state = || {
            (
                TopLists::new(vec![f64::NEG_INFINITY; n_a], k),
                TopLists::new(vec![f64::NEG_INFINITY; n_b], k),
            )
        };
        let states = self.visit(new_state, |(of_a, of_b), rows, j, similarities| {
            of_b.offer_to_one(j, rows.start, similarities);
            of_a.offer_one(rows.start, j, similarities);
        });
        let (of_a, of_b): (Vec<_>, Vec<_>) = states.into_iter().unzip();
        Candidates {
            of_a: TopLists::merge(of_a),
            of_b: TopLists::merge(of_b),
        }
    }
}

/// A partner and how similar it is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Partner {
    pub(super) index: usize,
    pub(super) value: f64,
}

/// Best partners, best first.
pub(super) struct Candidates {
    pub(super) of_a: Vec<Vec<Partner>>,
    pub(super) of_b: Vec<Vec<Partner>>,
}

/// For every feature the k best partners so far, in buffers of 2k that are cut when full.
///
/// What is kept is decided by value, then by index, whatever the order of the offers.
pub(super) struct TopLists {
    lists: Vec<Vec<Partner>>,
    /// What a partner must reach to be among them.
    thresholds: Vec<f64>,
    k: usize,
}

impl TopLists {
    /// Lists that take partners of at least these values.
    pub(super) fn new(thresholds: Vec<f64>, k: usize) -> Self {
        Self {
            lists: vec![Vec::new(); thresholds.len()],
            thresholds,
            k,
        }
    }

    /// Offers the partners `first..` of these values to the list of `feature`.
    fn offer_to_one(&mut self, feature: usize, first: usize, values: &[f64]) {
        const LANES: usize = 8;
        for (chunk, values) in values.chunks(LANES).enumerate() {
            let threshold = self.thresholds[feature];
            if values.iter().any(|&value| value >= threshold) {
                for (lane, &value) in values.iter().enumerate() {
                    self.offer(feature, first + chunk * LANES + lane, value);
                }
            }
        }
    }

    /// Offers one partner to the lists of the features `first..`, with a value for each.
    pub(super) fn offer_one(&mut self, first: usize, partner: usize, values: &[f64]) {
        const LANES: usize = 8;
        for (chunk, values) in values.chunks(LANES).enumerate() {
            let start = first + chunk * LANES;
            let thresholds = &self.thresholds[start..start + values.len()];
            // All lanes are compared, without a branch between them.
            let reached = values
                .iter()
                .zip(thresholds)
                .fold(false, |any, (x, t)| any | (x >= t));
            if reached {
                for (lane, &value) in values.iter().enumerate() {
                    self.offer(start + lane, partner, value);
                }
            }
        }
    }

    fn offer(&mut self, feature: usize, index: usize, value: f64) {
        if value >= self.thresholds[feature] {
            let list = &mut self.lists[feature];
            list.push(Partner { index, value });
            if list.len() >= 2 * self.k {
                cut(list, self.k);
                self.thresholds[feature] = self.thresholds[feature].max(list[self.k - 1].value);
            }
        }
    }

    /// The k best of all, sorted.
    pub(super) fn merge(lists: Vec<Self>) -> Vec<Vec<Partner>> {
        let mut lists = lists.into_iter();
        let Some(mut all) = lists.next() else {
            return Vec::new();
        };
        for other in lists {
            for (list, more) in all.lists.iter_mut().zip(other.lists) {
                list.extend(more);
            }
        }
        for list in &mut all.lists {
            cut(list, all.k);
        }
        all.lists
    }
}

/// Keeps the k best, sorted.
fn cut(list: &mut Vec<Partner>, k: usize) {
    list.sort_by(|x, y| y.value.total_cmp(&x.value).then(x.index.cmp(&y.index)));
    list.truncate(k);
}
