//! Norms, unit directions, and the columns of W as everything else computes with them.

use crate::kernel::{ThreadPool, dot, largest};
use crate::parallel::{block_range, map_blocks};
use crate::products::{Arithmetic, Block};
use crate::{Real, from_columns};
use faer::{Mat, MatMut, MatRef};
use std::ops::Range;

/// Columns whose largest elements have exponents within this of 0 are taken as they are: their squares, and the products of two of those, neither overflow nor underflow.
const SAFE_EXPONENT: i32 = 200;
/// Features that are measured in one block of work.
const BLOCK: usize = 1024;

/// What is measured of a column.
#[derive(Clone, Copy)]
pub(crate) struct Measure {
    /// The size of its largest element, NaN left out.
    pub(crate) largest: f64,
    /// Its squared norm.
    pub(crate) square: f64,
}

impl Measure {
    fn of<T: Real>(column: &[T]) -> Self {
        Self {
            largest: largest(column),
            square: dot(column, column),
        }
    }
}

/// How long the columns of W are: `norm_i = 2^exponent * relative_i`.
pub(crate) struct Lengths {
    /// Of the columns as they are computed with: those of extreme size are scaled.
    measures: Vec<Measure>,
    /// The norms as given.
    pub(crate) norms: Vec<f64>,
    /// The norms divided by `2^exponent`; the largest is of order one.
    pub(crate) relative: Vec<f64>,
    /// The exponent of the largest norm.
    pub(crate) exponent: i32,
}

impl Lengths {
    /// From columns each divided by two to the power of its exponent.
    pub(crate) fn new(measures: Vec<Measure>, exponents: &[i32]) -> Self {
        let n = measures.len();
        let norm = |j: usize| measures[j].square.sqrt();
        let times_power = |j: usize, power| libm::scalbn(norm(j), exponents[j] + power);
        let exponent = (0..n)
            .filter(|&j| norm(j) > 0.0 && norm(j).is_finite())
            .map(|j| exponents[j] + libm::ilogb(norm(j)))
            .max()
            .unwrap_or(0);
        Self {
            norms: (0..n).map(|j| times_power(j, 0)).collect(),
            relative: (0..n).map(|j| times_power(j, -exponent)).collect(),
            measures,
            exponent,
        }
    }

    pub(crate) fn n_features(&self) -> usize {
        self.norms.len()
    }

    /// The features with a norm above `min_norm`, in order.
    pub(crate) fn represented(&self, min_norm: f64) -> Vec<usize> {
        (0..self.n_features())
            .filter(|&i| self.norms[i] > min_norm)
            .collect()
    }

    /// Of the columns as they are computed with.
    pub(crate) fn measures(&self) -> &[Measure] {
        &self.measures
    }

    /// What a column is divided by to have norm 1.
    pub(crate) fn of(&self, j: usize) -> f64 {
        self.measures[j].square.sqrt()
    }

    /// `x * 2^(power * exponent)`: undoes the scaling of a quantity that is homogeneous of degree `power` in W.
    pub(crate) fn rescale(&self, x: f64, power: i32) -> f64 {
        libm::scalbn(x, power * self.exponent)
    }

    /// One for every feature that has a direction, zero for a zero feature: the weights of the unit directions themselves.
    pub(crate) fn unit_weights(&self) -> Vec<f64> {
        self.norms
            .iter()
            .map(|&norm| if norm == 0.0 { 0.0 } else { 1.0 })
            .collect()
    }
}

/// The matrix W taken apart: `W_i = norm_i * unit_i`.
///
/// The columns stay as they are stored. Those with elements of extreme size are copied and scaled by powers of two before anything is squared,
/// so that no norm and no cosine overflows or underflows, and only what is multiplied back at the end can.
pub(crate) struct Directions<'a, T> {
    columns: Columns<'a, T>,
    pub(crate) lengths: Lengths,
}

/// Columns that are slices.
enum Columns<'a, T> {
    Borrowed(MatRef<'a, T>),
    Owned { values: Vec<T>, n_hidden: usize },
}

impl<T: Real> Columns<'_, T> {
    fn n_hidden(&self) -> usize {
        match self {
            Self::Borrowed(w) => w.nrows(),
            Self::Owned { n_hidden, .. } => *n_hidden,
        }
    }

    fn column(&self, j: usize) -> &[T] {
        match self {
            Self::Borrowed(w) => column(*w, j),
            Self::Owned { values, n_hidden } => &values[j * n_hidden..(j + 1) * n_hidden],
        }
    }

    /// A range of the columns.
    fn range(&self, columns: Range<usize>) -> MatRef<'_, T> {
        match self {
            Self::Borrowed(w) => w.subcols(columns.start, columns.len()),
            Self::Owned { values, n_hidden } => from_columns(
                &values[columns.start * n_hidden..columns.end * n_hidden],
                *n_hidden,
                columns.len(),
            ),
        }
    }

    fn measures(&self, n: usize, pool: &ThreadPool) -> Vec<Measure> {
        map_blocks(pool, n.div_ceil(BLOCK), |block| {
            block_range(block, BLOCK, n)
                .map(|j| Measure::of(self.column(j)))
                .collect::<Vec<_>>()
        })
        .concat()
    }
}

impl<'a, T: Real> Directions<'a, T> {
    pub(crate) fn new(w: MatRef<'a, T>, pool: &ThreadPool) -> Self {
        let (_, n) = w.shape();
        if w.row_stride() == 1 {
            let columns = Columns::Borrowed(w);
            let measures = columns.measures(n, pool);
            if measures.iter().all(|m| unsafe_exponent(m.largest) == 0) {
                return Self {
                    lengths: Lengths::new(measures, &vec![0; n]),
                    columns,
                };
            }
        }
        let exponents: Vec<i32> = (0..n)
            .map(|j| {
                let sizes = w.col(j).iter().map(|x| x.to_f64().abs());
                unsafe_exponent(sizes.fold(0.0, f64::max))
            })
            .collect();
        let mut values = Vec::with_capacity(w.nrows() * n);
        for (j, exponent) in exponents.iter().enumerate() {
            values.extend(w.col(j).iter().map(|x| x.times_power(-exponent)));
        }
        let columns = Columns::Owned {
            values,
            n_hidden: w.nrows(),
        };
        Self {
            lengths: Lengths::new(columns.measures(n, pool), &exponents),
            columns,
        }
    }

    /// Of columns one after the other that [`scale_extremes`] has gone over; the lengths are those of what it left.
    pub(crate) fn of_scaled(values: Vec<T>, n_hidden: usize, pool: &ThreadPool) -> Self {
        let n = values.len().checked_div(n_hidden).unwrap_or(0);
        let columns = Columns::Owned { values, n_hidden };
        Self {
            lengths: Lengths::new(columns.measures(n, pool), &vec![0; n]),
            columns,
        }
    }

    pub(crate) fn n_features(&self) -> usize {
        self.lengths.n_features()
    }

    pub(crate) fn n_hidden(&self) -> usize {
        self.columns.n_hidden()
    }

    /// A column as it is stored, up to a power of two.
    pub(crate) fn column(&self, j: usize) -> &[T] {
        self.columns.column(j)
    }

    /// The cosine between a feature and one of other directions, or of these, in one fixed order of rounding; NaN for a feature that is 0 or not finite.
    ///
    /// Exactly 1 for a copy and -1 for a negated one, at any scale that is a power of two: the root of a square is the number itself.
    pub(crate) fn cosine(&self, i: usize, other: &Directions<'_, T>, j: usize) -> f64 {
        let product = dot(self.column(i), other.column(j));
        let squares = self.lengths.measures[i].square * other.lengths.measures[j].square;
        // Rounding may leave the cosine of parallel directions beyond 1; NaN stays.
        (product / squares.sqrt()).clamp(-1.0, 1.0)
    }

    /// Copies unit directions into the columns of `units`; a zero feature has a zero column.
    pub(crate) fn copy_units(
        &self,
        features: impl IntoIterator<Item = usize>,
        mut units: MatMut<'_, f64>,
    ) {
        for (a, j) in features.into_iter().enumerate() {
            let unit = column_mut(units.as_mut(), a);
            copy_unit(self.column(j), self.lengths.of(j), unit);
        }
    }

    /// The unit directions of a range of features, for products.
    pub(crate) fn units_of(&self, features: Range<usize>, arithmetic: Arithmetic) -> Block<'_, T> {
        let measures = &self.lengths.measures[features.clone()];
        Block::units(self.columns.range(features), measures, arithmetic)
    }

    /// All unit directions, m x n.
    pub(crate) fn units(&self) -> Mat<f64> {
        let mut units = Mat::zeros(self.n_hidden(), self.n_features());
        self.copy_units(0..self.n_features(), units.as_mut());
        units
    }

    /// The unit directions of some features.
    pub(crate) fn gather(&self, features: &[usize]) -> Mat<f64> {
        let mut units = Mat::zeros(self.n_hidden(), features.len());
        self.copy_units(features.iter().copied(), units.as_mut());
        units
    }
}

/// W taken apart as in [`Directions`], with the unit directions in memory, for who needs all of them at once.
pub(crate) struct Units {
    /// m x n, unit columns; a zero feature has a zero column.
    pub(crate) units: Mat<f64>,
    pub(crate) norms: Vec<f64>,
    pub(crate) relative: Vec<f64>,
    pub(crate) exponent: i32,
}

impl Units {
    pub(crate) fn new<T: Real>(w: MatRef<'_, T>) -> Self {
        let directions = Directions::new(w, &ThreadPool::new(1));
        Self {
            units: directions.units(),
            norms: directions.lengths.norms,
            relative: directions.lengths.relative,
            exponent: directions.lengths.exponent,
        }
    }

    pub(crate) fn n_features(&self) -> usize {
        self.norms.len()
    }

    /// The features with a norm above `min_norm`, in order.
    pub(crate) fn represented(&self, min_norm: f64) -> Vec<usize> {
        (0..self.n_features())
            .filter(|&i| self.norms[i] > min_norm)
            .collect()
    }

    /// The unit directions of some features.
    pub(crate) fn gather(&self, features: &[usize]) -> Mat<f64> {
        let mut units = Mat::zeros(self.units.nrows(), features.len());
        for (j, &feature) in features.iter().enumerate() {
            units
                .col_as_slice_mut(j)
                .copy_from_slice(self.units.col_as_slice(feature));
        }
        units
    }
}

/// The exponent of a column that has to be scaled, from its largest element; 0 for any other, one that is not finite among them.
fn unsafe_exponent(largest: f64) -> i32 {
    // A NaN is not larger: it reaches the norm through the sum of squares.
    if largest == 0.0 || !largest.is_finite() {
        return 0;
    }
    let exponent = libm::ilogb(largest);
    if exponent.abs() <= SAFE_EXPONENT {
        0
    } else {
        exponent
    }
}

/// Divides columns with elements of extreme size by powers of two, as [`Directions::new`] does, and returns the exponents.
pub(crate) fn scale_extremes<T: Real>(
    values: &mut [T],
    n_hidden: usize,
    pool: &ThreadPool,
) -> Vec<i32> {
    let columns = || values.chunks(n_hidden.max(1));
    let exponents: Vec<i32> = map_blocks(pool, columns().len().div_ceil(BLOCK), |block| {
        columns()
            .skip(block * BLOCK)
            .take(BLOCK)
            .map(|column| unsafe_exponent(largest(column)))
            .collect::<Vec<_>>()
    })
    .concat();
    let columns = values.chunks_mut(n_hidden.max(1));
    for (column, &exponent) in columns.zip(&exponents).filter(|(_, e)| **e != 0) {
        column
            .iter_mut()
            .for_each(|x| *x = x.times_power(-exponent));
    }
    exponents
}

/// A column divided by its length, in f64; a zero feature stays zero.
pub(crate) fn copy_unit<T: Real>(column: &[T], length: f64, unit: &mut [f64]) {
    for (x, &stored) in unit.iter_mut().zip(column) {
        *x = stored.to_f64();
    }
    if length != 0.0 {
        unit.iter_mut().for_each(|x| *x /= length);
    }
}

/// Column `j` of a view whose columns are slices.
pub(crate) fn column<T>(a: MatRef<'_, T>, j: usize) -> &[T] {
    a.col(j)
        .try_as_col_major()
        .expect("the columns are contiguous")
        .as_slice()
}

pub(crate) fn column_mut(a: MatMut<'_, f64>, j: usize) -> &mut [f64] {
    a.col_mut(j)
        .try_as_col_major_mut()
        .expect("our own matrices are column-major")
        .as_slice_mut()
}

/// Puts a value for each feature into the caller's slice.
#[track_caller]
pub(crate) fn write_into(places: &mut [f64], values: Vec<f64>) {
    assert!(
        places.len() == values.len(),
        "{} places for {} features",
        places.len(),
        values.len()
    );
    places.copy_from_slice(&values);
}

/// The norm of every feature: `$\lVert W_i \rVert$` for the columns of the m x n matrix W.
///
/// Columns are scaled by a power of two before they are squared: elements of 1e-200 or 1e200 are no problem.
/// A zero column has norm 0; NaN or infinity in a column gives that in its norm.
/// O(n m) time.
///
/// ```
/// use superposition_analysis::{feature_norms, from_columns};
/// let w = from_columns(&[3.0, 4.0, 0.0, 0.0, 3e-200, 4e-200], 2, 3);
/// assert_eq!(feature_norms(w), [5.0, 0.0, 5e-200]);
/// ```
#[must_use]
pub fn feature_norms<T: Real>(w: MatRef<'_, T>) -> Vec<f64> {
    Directions::new(w, &ThreadPool::new(1)).lengths.norms
}

/// As [`feature_norms`], into a slice of the caller's with a place for each of the n features.
///
/// # Panics
/// If it is of another length.
#[track_caller]
pub fn feature_norms_into<T: Real>(w: MatRef<'_, T>, norms: &mut [f64]) {
    write_into(norms, feature_norms(w));
}

/// The unit direction of every feature: `$\hat W_i = W_i / \lVert W_i \rVert$`, m x n.
///
/// A zero feature has no direction and keeps a zero column.
/// NaN or infinity in a column makes that column NaN.
/// O(n m) time and memory.
///
/// ```
/// use superposition_analysis::{from_columns, unit_directions};
/// let units = unit_directions(from_columns(&[3.0_f32, 4.0, 0.0, 0.0], 2, 2));
/// assert_eq!((units[(0, 0)], units[(1, 0)]), (0.6, 0.8));
/// assert_eq!((units[(0, 1)], units[(1, 1)]), (0.0, 0.0));
/// ```
#[must_use]
pub fn unit_directions<T: Real>(w: MatRef<'_, T>) -> Mat<f64> {
    Directions::new(w, &ThreadPool::new(1)).units()
}

/// How many features are represented: have a norm above `min_norm`.
///
/// For a toy model 0.5 is the usual choice, since trained norms are near 0 or near 1; for any other dictionary 0, which counts the features that are not zero.
/// A feature with a NaN norm is not counted.
/// O(n m) time.
///
/// ```
/// use superposition_analysis::{from_columns, n_represented};
/// let w = from_columns(&[1.0, 0.0, 0.0, 0.1, 0.0, 0.0], 2, 3);
/// assert_eq!(n_represented(w, 0.5), 1);
/// assert_eq!(n_represented(w, 0.0), 2);
/// ```
#[must_use]
pub fn n_represented<T: Real>(w: MatRef<'_, T>, min_norm: f64) -> usize {
    feature_norms(w)
        .iter()
        .filter(|&&norm| norm > min_norm)
        .count()
}

/// Features represented per hidden dimension: `$n_\text{represented} / m$`.
///
/// Above 1 there are more features than dimensions, so they cannot all be orthogonal: superposition.
/// Unlike the bare ratio n / m it does not count the dead features, see [`n_represented`].
/// 0 for a matrix without rows.
///
/// ```
/// use superposition_analysis::{from_columns, superposition_score};
/// // A digon: two features in one dimension, and a dead third.
/// let w = from_columns(&[1.0, -1.0, 0.01], 1, 3);
/// assert_eq!(superposition_score(w, 0.5), 2.0);
/// ```
#[doc(alias = "compute_superposition_score")]
#[must_use]
pub fn superposition_score<T: Real>(w: MatRef<'_, T>, min_norm: f64) -> f64 {
    if w.nrows() == 0 {
        return 0.0;
    }
    n_represented(w, min_norm) as f64 / w.nrows() as f64
}

/// W with the mean direction subtracted from every column: `$W_i - \frac1n \sum_j W_j$`.
///
/// Embeddings of language models share a large common component; what is left shows the geometry around it.
/// Equal columns give exactly zero (deviations are taken from the first column, then from their mean).
/// NaN or infinity anywhere in a row makes that row NaN.
/// O(n m) time and memory.
///
/// ```
/// use superposition_analysis::{center, from_columns};
/// let centered = center(from_columns(&[1.0_f32, 5.0, 3.0, 5.0], 2, 2));
/// assert_eq!((centered[(0, 0)], centered[(0, 1)]), (-1.0, 1.0));
/// assert_eq!((centered[(1, 0)], centered[(1, 1)]), (0.0, 0.0));
/// ```
#[must_use]
pub fn center<T: Real>(w: MatRef<'_, T>) -> Mat<f64> {
    let (m, n) = w.shape();
    // Measured from the first column, so that rows of equal values become exactly zero.
    let mut centered = Mat::from_fn(m, n, |i, j| w[(i, j)].to_f64() - w[(i, 0)].to_f64());
    // The second pass removes what rounding left of the mean in the first.
    for _ in 0..2 {
        let mut mean = vec![0.0; m];
        for j in 0..n {
            for (sum, x) in mean.iter_mut().zip(centered.col_as_slice(j)) {
                *sum += x;
            }
        }
        mean.iter_mut().for_each(|sum| *sum /= n as f64);
        for j in 0..n {
            for (x, mean) in centered.col_as_slice_mut(j).iter_mut().zip(&mean) {
                *x -= mean;
            }
        }
    }
    centered
}
