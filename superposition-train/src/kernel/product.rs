//! Products of small matrices whose rows lie in chunks.
//!
//! Loop order: blocks of 128 inner indices, chunks of columns (two at a time where there are registers for their sums),
//! tiles of six or eight rows, inner indices. Layout: rows of chunks on the right and in the result, any strides on the
//! left. Cost: a multiply-add of 16 lanes for each row, chunk and inner index, and a sixth or an eighth of that in loads
//! of the right matrix. Its twin is the same code over [`Scalar`](super::scalar::Scalar).

use super::Run;
use super::simd::{Chunk, Simd};

/// Rows of a tile of one chunk: with the two registers of a chunk each, they fill the sixteen registers of AVX2.
const ROWS: usize = 6;

/// Rows of a tile of two chunks, whose sums are enough for multiply-adds not to wait for each other on AVX-512.
const ROWS_OF_TWO: usize = 8;

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

impl Coefficients<'_> {
    /// Without the rows before this one.
    #[inline(always)]
    fn skip_rows(self, row: usize) -> Self {
        let values = self.values.get(row * self.row_stride..).unwrap_or(&[]);
        Self { values, ..self }
    }
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
        columns(simd, out, a, &b[..first * stride], stride, start);
        for k in (DEPTH..inner).step_by(DEPTH) {
            let b = &b[k * stride..inner.min(k + DEPTH) * stride];
            let values = a.values.get(k * a.column_stride..).unwrap_or(&[]);
            let a = Coefficients { values, ..a };
            columns(simd, out, a, b, stride, Start::Sum);
        }
    }
}

/// All chunks of every row, with no more inner indices than [`DEPTH`].
#[inline(always)]
fn columns<S: Simd>(
    simd: S,
    out: &mut [Chunk],
    a: Coefficients<'_>,
    b: &[Chunk],
    stride: usize,
    start: Start<'_>,
) {
    let mut chunk = 0;
    while chunk < stride {
        let place = [stride, chunk];
        if S::HAS_MANY_REGISTERS && stride - chunk >= 2 {
            for (tile, out) in out.chunks_mut(ROWS_OF_TWO * stride).enumerate() {
                let a = a.skip_rows(tile * ROWS_OF_TWO);
                match out.len() / stride {
                    1 => rows::<S, 1, 2>(simd, out, a, b, place, start),
                    2 => rows::<S, 2, 2>(simd, out, a, b, place, start),
                    3 => rows::<S, 3, 2>(simd, out, a, b, place, start),
                    4 => rows::<S, 4, 2>(simd, out, a, b, place, start),
                    5 => rows::<S, 5, 2>(simd, out, a, b, place, start),
                    6 => rows::<S, 6, 2>(simd, out, a, b, place, start),
                    7 => rows::<S, 7, 2>(simd, out, a, b, place, start),
                    _ => rows::<S, ROWS_OF_TWO, 2>(simd, out, a, b, place, start),
                }
            }
            chunk += 2;
        } else {
            for (tile, out) in out.chunks_mut(ROWS * stride).enumerate() {
                let a = a.skip_rows(tile * ROWS);
                match out.len() / stride {
                    1 => rows::<S, 1, 1>(simd, out, a, b, place, start),
                    2 => rows::<S, 2, 1>(simd, out, a, b, place, start),
                    3 => rows::<S, 3, 1>(simd, out, a, b, place, start),
                    4 => rows::<S, 4, 1>(simd, out, a, b, place, start),
                    5 => rows::<S, 5, 1>(simd, out, a, b, place, start),
                    _ => rows::<S, ROWS, 1>(simd, out, a, b, place, start),
                }
            }
            chunk += 1;
        }
    }
}

/// `C` chunks of `N` rows.
#[inline(always)]
fn rows<S: Simd, const N: usize, const C: usize>(
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
    let mut sums = [[simd.splat(0.0); C]; N];
    for row in 0..N {
        let from = match start {
            Start::Zero => continue,
            Start::Sum => &out[row * stride + chunk..][..C],
            Start::Row(row) => &row[chunk..][..C],
        };
        for c in 0..C {
            sums[row][c] = simd.load(&from[c].0);
        }
    }
    for (k, row_of_b) in b.chunks_exact(stride).enumerate() {
        let from = &row_of_b[chunk..][..C];
        let mut b = [simd.splat(0.0); C];
        for c in 0..C {
            b[c] = simd.load(&from[c].0);
        }
        for row in 0..N {
            // SAFETY: row < N and k < inner, so this is at most the index that was asserted to be in bounds, and no
            // product overflows.
            let a = unsafe {
                a.values
                    .get_unchecked(row * a.row_stride + k * a.column_stride)
            };
            let a = simd.splat(*a);
            for c in 0..C {
                sums[row][c] = simd.mul_add(a, b[c], sums[row][c]);
            }
        }
    }
    for row in 0..N {
        let to = &mut out[row * stride + chunk..][..C];
        for c in 0..C {
            simd.store(&mut to[c].0, sums[row][c]);
        }
    }
}
