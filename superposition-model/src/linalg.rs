//! The matrix products, each with explicit sequential parallelism, and how samples are walked.

use std::ops::Range;

use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, MatMut, MatRef, Par};

/// How many samples go through a model at a time: intermediate matrices stay in cache and memory stays bounded.
///
/// A constant, because it fixes the order of the sums and so the bits.
pub(crate) const TILE: usize = 256;

/// `dst = a b`.
pub(crate) fn product(dst: MatMut<'_, f32>, a: MatRef<'_, f32>, b: MatRef<'_, f32>) {
    matmul(dst, Accum::Replace, a, b, 1.0, Par::Seq);
}

/// `dst += a b`.
pub(crate) fn add_product(dst: MatMut<'_, f32>, a: MatRef<'_, f32>, b: MatRef<'_, f32>) {
    matmul(dst, Accum::Add, a, b, 1.0, Par::Seq);
}

/// `$\max(z, 0)$`, but NaN stays NaN so that a broken model shows.
#[inline]
pub(crate) fn relu(z: f32) -> f32 {
    if z <= 0.0 { 0.0 } else { z }
}

/// The tiles of a batch of `n` samples, in order.
pub(crate) fn tiles(n: usize) -> impl Iterator<Item = Range<usize>> {
    (0..n)
        .step_by(TILE)
        .map(move |start| start..n.min(start + TILE))
}

/// A copy whose columns are contiguous, if those of `x` are not.
pub(crate) fn contiguous_copy(x: MatRef<'_, f32>) -> Option<Mat<f32>> {
    x.try_as_col_major().is_none().then(|| x.to_owned())
}

/// Column `j` of a matrix whose columns are contiguous.
#[inline]
pub(crate) fn column(x: MatRef<'_, f32>, j: usize) -> &[f32] {
    x.try_as_col_major()
        .expect("columns are contiguous")
        .col(j)
        .as_slice()
}

/// Column `j` of a matrix whose columns are contiguous.
#[inline]
pub(crate) fn column_mut(x: MatMut<'_, f32>, j: usize) -> &mut [f32] {
    x.try_as_col_major_mut()
        .expect("columns are contiguous")
        .col_mut(j)
        .as_slice_mut()
}

/// Calls `f` with each element of column `j` and its partner in `values`, whatever the layout.
#[inline]
pub(crate) fn zip_column(x: MatMut<'_, f32>, j: usize, values: &[f32], f: impl Fn(&mut f32, f32)) {
    // Where the column is contiguous the loop runs over a slice, and vectorises.
    let mut column = x.col_mut(j);
    match column.as_mut().try_as_col_major_mut() {
        Some(column) => column
            .as_slice_mut()
            .iter_mut()
            .zip(values)
            .for_each(|(x, &value)| f(x, value)),
        None => column
            .iter_mut()
            .zip(values)
            .for_each(|(x, &value)| f(x, value)),
    }
}

#[cfg(test)]
mod tests {
    use faer::Mat;
    use proptest::prelude::*;

    use super::*;

    /// Values of little bits: their products and short sums are exact in f32, so any order gives the same.
    fn entry(i: usize, j: usize, salt: usize) -> f32 {
        ((i * 7 + j * 13 + salt * 5 + i * j) % 17) as f32 - 8.0
    }

    proptest! {
        #[test]
        fn products_equal_naive_loops(m in 1..20usize, k in 0..40usize, n in 1..20usize, add: bool, transpose: bool) {
            let a = Mat::from_fn(m, k, |i, j| entry(i, j, 1));
            let a_transposed = a.transpose().to_owned();
            let a_view = if transpose { a_transposed.transpose() } else { a.as_ref() };
            let b = Mat::from_fn(k, n, |i, j| entry(i, j, 2));
            let start = Mat::from_fn(m, n, |i, j| entry(i, j, 3));
            let mut c = start.clone();
            if add {
                add_product(c.as_mut(), a_view, b.as_ref());
            } else {
                product(c.as_mut(), a_view, b.as_ref());
            }
            for i in 0..m {
                for j in 0..n {
                    let mut sum = if add { start[(i, j)] } else { 0.0 };
                    for l in 0..k {
                        sum += a[(i, l)] * b[(l, j)];
                    }
                    prop_assert_eq!(c[(i, j)], sum);
                }
            }
        }

        #[test]
        fn tiles_cover_each_sample_once(n in 0..5 * TILE) {
            let covered: Vec<usize> = tiles(n).flatten().collect();
            prop_assert_eq!(covered, (0..n).collect::<Vec<_>>());
            prop_assert!(tiles(n).all(|tile| !tile.is_empty() && tile.len() <= TILE));
        }
    }

    #[test]
    fn relu_keeps_nan() {
        assert_eq!([relu(-1.0), relu(-0.0), relu(2.0)], [0.0, 0.0, 2.0]);
        assert!(relu(f32::NAN).is_nan());
    }

    #[test]
    fn columns_are_found_in_any_layout() {
        let x = Mat::from_fn(3, 4, |i, j| entry(i, j, 4));
        let rows = x.transpose().to_owned();
        let copy = contiguous_copy(rows.transpose()).expect("row-major columns are strided");
        assert!(contiguous_copy(x.as_ref()).is_none());
        for j in 0..4 {
            assert_eq!(column(copy.as_ref(), j), column(x.as_ref(), j));
        }
    }
}
