//! Products of small matrices whose rows lie in chunks.
//!
//! Loop order: blocks of 128 inner indices, chunks of columns, tiles of six rows, inner indices.
//! Layout: rows of chunks on the right and in the result, any strides on the left. Cost: a multiply-add of 16 lanes for
//! each row, chunk and inner index, and a sixth of that in loads of the right matrix. Its twin is the same code over
//! [`Scalar`](super::scalar::Scalar).

use super::Run;
use super::simd::{Chunk, Simd};

/// Rows of a tile: with the two registers of a chunk each, they fill the sixteen registers of AVX2.
const ROWS: usize = 6;

/// Inner indices that are taken together, so that their chunks of the right matrix stay in the first cache while all
/// tiles of rows go over them.
const DEPTH: usize = 128;

/// The left matrix of a product: element (i, k) is `values[i * row_stride + k * column_stride]`.
#[derive(Clone, Copy)]
pub(crate) struct Coefficients<'a> {
    pub(crate) values: &'a [f32],
    pub(crate) row_stride: usize,
    pub(crate) column_stride: usize,
}

/// What a product is added to.
#[derive(Clone, Copy)]
pub(crate) enum Start<'a> {
    /// Nothing.
    Zero,
    /// What the result holds.
    Sum,
    /// This row, in every row.
    Row(&'a [Chunk]),
}

/// `out = start + a b`, for `out` and `b` of `stride` chunks a row.
///
/// Every element is a chain of fused multiply-adds in the order of the rows of b. So its bits depend neither on the
/// tiles nor on its neighbours.
pub(crate) struct Product<'a> {
    pub(crate) out: &'a mut [Chunk],
    pub(crate) a: Coefficients<'a>,
    pub(crate) b: &'a [Chunk],
    pub(crate) stride: usize,
    pub(crate) start: Start<'a>,
}

impl Run for Product<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self {
            out,
            a,
            b,
            stride,
            start,
        } = self;
        assert!(
            stride > 0 && out.len().is_multiple_of(stride) && b.len().is_multiple_of(stride),
            "rows of {stride} chunks"
        );
        if let Start::Row(row) = start {
            assert_eq!(row.len(), stride, "a row of {stride} chunks");
        }
        let inner = b.len() / stride;
        let first = inner.min(DEPTH);
        for chunk in 0..stride {
            block(simd, out, a, &b[..first * stride], [stride, chunk], start);
        }
        for k in (DEPTH..inner).step_by(DEPTH) {
            let b = &b[k * stride..inner.min(k + DEPTH) * stride];
            let values = a.values.get(k * a.column_stride..).unwrap_or(&[]);
            for chunk in 0..stride {
                block(
                    simd,
                    out,
                    Coefficients { values, ..a },
                    b,
                    [stride, chunk],
                    Start::Sum,
                );
            }
        }
    }
}

/// A chunk of every row, with no more inner indices than [`DEPTH`].
#[inline(always)]
fn block<S: Simd>(
    simd: S,
    out: &mut [Chunk],
    a: Coefficients<'_>,
    b: &[Chunk],
    [stride, chunk]: [usize; 2],
    start: Start<'_>,
) {
    for (tile, out) in out.chunks_mut(ROWS * stride).enumerate() {
        let values = a.values.get(tile * ROWS * a.row_stride..).unwrap_or(&[]);
        let a = Coefficients { values, ..a };
        let place = [stride, chunk];
        match out.len() / stride {
            1 => rows::<S, 1>(simd, out, a, b, place, start),
            2 => rows::<S, 2>(simd, out, a, b, place, start),
            3 => rows::<S, 3>(simd, out, a, b, place, start),
            4 => rows::<S, 4>(simd, out, a, b, place, start),
            5 => rows::<S, 5>(simd, out, a, b, place, start),
            _ => rows::<S, ROWS>(simd, out, a, b, place, start),
        }
    }
}

/// A chunk of `N` rows.
#[inline(always)]
fn rows<S: Simd, const N: usize>(
    simd: S,
    out: &mut [Chunk],
    a: Coefficients<'_>,
    b: &[Chunk],
    [stride, chunk]: [usize; 2],
    start: Start<'_>,
) {
    let inner = b.len() / stride;
    // What the unchecked reads rest on.
    let last = (N - 1)
        .checked_mul(a.row_stride)
        .zip(inner.saturating_sub(1).checked_mul(a.column_stride))
        .and_then(|(row, column)| row.checked_add(column));
    assert!(
        inner == 0 || last.is_some_and(|last| last < a.values.len()),
        "{N} x {inner} coefficients"
    );
    let mut sums = [simd.splat(0.0); N];
    for (row, sum) in sums.iter_mut().enumerate() {
        *sum = match start {
            Start::Zero => simd.splat(0.0),
            Start::Sum => simd.load(&out[row * stride + chunk].0),
            Start::Row(row) => simd.load(&row[chunk].0),
        };
    }
    for (k, b) in b.chunks_exact(stride).enumerate() {
        let b = simd.load(&b[chunk].0);
        for (row, sum) in sums.iter_mut().enumerate() {
            // SAFETY: row < N and k < inner, so this is at most the index that was asserted to be in bounds, and no
            // product overflows.
            let a = unsafe {
                a.values
                    .get_unchecked(row * a.row_stride + k * a.column_stride)
            };
            *sum = simd.mul_add(simd.splat(*a), b, *sum);
        }
    }
    for (row, sum) in sums.into_iter().enumerate() {
        simd.store(&mut out[row * stride + chunk].0, sum);
    }
}
