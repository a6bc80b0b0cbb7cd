//! Between the layouts of a matrix: columns of any length, rows of chunks, and transposed squares.
//!
//! All go by blocks of 16 x 16 through the registers. Cost: each number is loaded and stored once.

use super::Run;
use super::simd::{Chunk, LANES, Simd};

/// Lays columns of `m` numbers out as m rows of `stride` chunks over the columns.
pub(crate) struct ColumnsToRows<'a> {
    pub(crate) columns: &'a [f32],
    pub(crate) m: usize,
    pub(crate) rows: &'a mut [Chunk],
    pub(crate) stride: usize,
}

impl Run for ColumnsToRows<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self {
            columns,
            m,
            rows,
            stride,
        } = self;
        assert!(
            rows.len() == m * stride && columns.len() <= m * stride * LANES,
            "m rows of {stride} chunks"
        );
        for (chunk, columns) in columns.chunks(m * LANES).enumerate() {
            for first in (0..m).step_by(LANES) {
                let height = LANES.min(m - first);
                let mut block = [simd.splat(0.0); LANES];
                for (lane, column) in columns.chunks_exact(m).enumerate() {
                    block[lane] = load_part(simd, &column[first..][..height]);
                }
                simd.transpose(&mut block);
                for k in 0..height {
                    simd.store(&mut rows[(first + k) * stride + chunk].0, block[k]);
                }
            }
        }
    }
}

/// Undoes [`ColumnsToRows`]; adds to the columns, or overwrites them.
pub(crate) struct RowsToColumns<'a> {
    pub(crate) rows: &'a [Chunk],
    pub(crate) stride: usize,
    pub(crate) columns: &'a mut [f32],
    pub(crate) m: usize,
    pub(crate) accumulate: bool,
}

impl Run for RowsToColumns<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self {
            rows,
            stride,
            columns,
            m,
            accumulate,
        } = self;
        assert!(
            rows.len() == m * stride && columns.len() <= m * stride * LANES,
            "m rows of {stride} chunks"
        );
        for (chunk, columns) in columns.chunks_mut(m * LANES).enumerate() {
            for first in (0..m).step_by(LANES) {
                let height = LANES.min(m - first);
                let mut block = [simd.splat(0.0); LANES];
                for k in 0..height {
                    block[k] = simd.load(&rows[(first + k) * stride + chunk].0);
                }
                simd.transpose(&mut block);
                for (lane, column) in columns.chunks_exact_mut(m).enumerate() {
                    let column = &mut column[first..][..height];
                    let mut value = block[lane];
                    if accumulate {
                        value = simd.add(load_part(simd, column), value);
                    }
                    let mut numbers = [0.0; LANES];
                    simd.store(&mut numbers, value);
                    if height == LANES {
                        column.copy_from_slice(&numbers);
                    } else {
                        column.copy_from_slice(&numbers[..height]);
                    }
                }
            }
        }
    }
}

/// Up to sixteen numbers, zeros behind them.
#[inline(always)]
fn load_part<S: Simd>(simd: S, part: &[f32]) -> S::F {
    match part.first_chunk::<LANES>() {
        Some(whole) => simd.load(whole),
        None => {
            let mut numbers = [0.0; LANES];
            numbers[..part.len()].copy_from_slice(part);
            simd.load(&numbers)
        }
    }
}

/// Writes the transpose of a matrix of `rows` x `columns` chunks, or its sum with another matrix.
///
/// From `rows` chunks of rows, of `columns` chunks each, to `columns` chunks of rows, of `rows` chunks each, which are
/// added to those of `add` where there is one.
pub(crate) struct Transpose<'a> {
    pub(crate) from: &'a [Chunk],
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    pub(crate) add: Option<&'a [Chunk]>,
    pub(crate) out: &'a mut [Chunk],
}

impl Run for Transpose<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self {
            from,
            rows,
            columns,
            add,
            out,
        } = self;
        let size = rows * columns * LANES;
        assert!(
            from.len() == size && out.len() == size && add.is_none_or(|add| add.len() == size),
            "matrices of {rows} x {columns} chunks"
        );
        for column in 0..columns {
            for row in 0..rows {
                let mut block = [simd.splat(0.0); LANES];
                for k in 0..LANES {
                    block[k] = simd.load(&from[(row * LANES + k) * columns + column].0);
                }
                simd.transpose(&mut block);
                for k in 0..LANES {
                    let place = (column * LANES + k) * rows + row;
                    let mut value = block[k];
                    if let Some(add) = add {
                        value = simd.add(simd.load(&add[place].0), value);
                    }
                    simd.store(&mut out[place].0, value);
                }
            }
        }
    }
}
