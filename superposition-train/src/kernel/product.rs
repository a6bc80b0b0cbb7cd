//! Products of small matrices whose rows lie in chunks.

use super::Run;
use super::simd::{Chunk, Simd};

/// Rows of a tile: with the two registers of a chunk each, they fill the sixteen registers of AVX2.
const ROWS: usize = 6;

/// The left matrix of a product: element (i, k) is `values[i * row_stride + k * column_stride]`.
#[derive(Clone, Copy)]
pub(crate) struct Coefficients<'a> {
    pub(crate) values: &'a [f32],
    pub(crate) row_stride: usize,
    pub(crate) column_stride: usize,
}

/// `out = a b`, or `out += a b`, for `out` and `b` of `stride` chunks a row.
///
/// Every element is a chain of fused multiply-adds in the order of the rows of b, started at 0 or at what `out`
/// holds. So its bits depend neither on the tiles nor on its neighbours.
pub(crate) struct Product<'a> {
    pub(crate) out: &'a mut [Chunk],
    pub(crate) a: Coefficients<'a>,
    pub(crate) b: &'a [Chunk],
    pub(crate) stride: usize,
    pub(crate) accumulate: bool,
    /// Room for six columns of a, kept to save allocations.
    pub(crate) packed: &'a mut Vec<[f32; ROWS]>,
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
            accumulate,
            packed,
        } = self;
        assert!(
            stride > 0 && out.len().is_multiple_of(stride) && b.len().is_multiple_of(stride),
            "rows of {stride} chunks"
        );
        let inner = b.len() / stride;
        for (tile, out) in out.chunks_mut(ROWS * stride).enumerate() {
            let n_rows = out.len() / stride;
            packed.clear();
            packed.extend((0..inner).map(|k| {
                std::array::from_fn(|row| {
                    // The rows beyond the last are copies of it, and are not stored.
                    let row = tile * ROWS + row.min(n_rows - 1);
                    a.values[row * a.row_stride + k * a.column_stride]
                })
            }));
            match n_rows {
                1 => rows::<S, 1>(simd, out, packed, b, stride, accumulate),
                2 => rows::<S, 2>(simd, out, packed, b, stride, accumulate),
                3 => rows::<S, 3>(simd, out, packed, b, stride, accumulate),
                4 => rows::<S, 4>(simd, out, packed, b, stride, accumulate),
                5 => rows::<S, 5>(simd, out, packed, b, stride, accumulate),
                _ => rows::<S, ROWS>(simd, out, packed, b, stride, accumulate),
            }
        }
    }
}

/// `N` rows of the product.
#[inline(always)]
fn rows<S: Simd, const N: usize>(
    simd: S,
    out: &mut [Chunk],
    packed: &[[f32; ROWS]],
    b: &[Chunk],
    stride: usize,
    accumulate: bool,
) {
    for chunk in 0..stride {
        let mut sums = [simd.splat(0.0); N];
        if accumulate {
            for (row, sum) in sums.iter_mut().enumerate() {
                *sum = simd.load(&out[row * stride + chunk].0);
            }
        }
        for (a, b) in packed.iter().zip(b.chunks_exact(stride)) {
            let b = simd.load(&b[chunk].0);
            for (row, sum) in sums.iter_mut().enumerate() {
                *sum = simd.mul_add(simd.splat(a[row]), b, *sum);
            }
        }
        for (row, sum) in sums.into_iter().enumerate() {
            simd.store(&mut out[row * stride + chunk].0, sum);
        }
    }
}
