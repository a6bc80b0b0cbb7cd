//! Where a tensor lies in a file and how its elements are ordered there; from there to row-major
//! values.

use std::io;

use crate::element::{ByteOrder, Element};
use crate::npz::Member;
use crate::source::{Source, Stream};
use crate::tensor::{Float, TensorInfo, Values};

/// A tensor found in a file.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) info: TensorInfo,
    /// None for a type that is not read.
    pub(crate) element: Option<Element>,
    pub(crate) layout: Layout,
    pub(crate) place: Place,
}

/// The order of bytes and of elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Layout {
    pub(crate) byte_order: ByteOrder,
    /// The first index runs fastest, not the last.
    pub(crate) fortran: bool,
}

/// Where the first element is.
#[derive(Debug, Clone)]
pub(crate) enum Place {
    Bytes { source: Source, offset: u64 },
    Member(Member),
}

/// The most dimensions that are read, which are NumPy's and PyTorch's.
pub(crate) const MOST_DIMENSIONS: usize = 64;

/// The shape of a file as lengths in memory, if they fit.
pub(crate) fn to_usize_shape(shape: &[u64]) -> Option<Vec<usize>> {
    shape.iter().map(|n| usize::try_from(*n).ok()).collect()
}

/// The product of a shape, if it fits; a zero length makes it zero whatever the others are.
pub(crate) fn n_elements(shape: &[usize]) -> Option<u64> {
    if shape.contains(&0) {
        return Some(0);
    }
    shape
        .iter()
        .try_fold(1_u64, |n, length| n.checked_mul(*length as u64))
}

impl Entry {
    /// Reads the elements `first .. first + n` of the row-major order. The caller has checked that
    /// the tensor has them and that they may be allocated.
    pub(crate) fn read(&self, element: Element, first: u64, n: usize) -> io::Result<Values> {
        // Without elements there is no order, and the other lengths may be anything.
        if self.layout.fortran && n > 0 {
            // Row-major neighbours lie apart: read it all, then pick.
            let all = usize::try_from(n_elements(&self.info.shape).unwrap_or(u64::MAX))
                .map_err(|_| io::ErrorKind::OutOfMemory)?;
            let stored = self.read_stored(element, 0, all)?;
            return match stored {
                Values::F32(v) => to_row_major(&v, &self.info.shape, first, n).map(Values::F32),
                Values::F64(v) => to_row_major(&v, &self.info.shape, first, n).map(Values::F64),
            };
        }
        self.read_stored(element, first, n)
    }

    /// Reads rows `first .. first + n` of the matrix that begins `skip` elements into the tensor
    /// and has rows of `n_cols`, as [`read`](Self::read) but into a buffer; in Fortran order the
    /// tensor is that matrix, and of each column only what belongs to these rows is kept.
    pub(crate) fn read_rows<T: Float>(
        &self,
        element: Element,
        skip: u64,
        first: usize,
        n_cols: usize,
        out: &mut [T],
    ) -> io::Result<()> {
        let order = self.layout.byte_order;
        let n_bytes = element.n_bytes();
        self.with_stream(|stream| {
            if !self.layout.fortran {
                stream.skip((skip + first as u64 * n_cols as u64) * n_bytes)?;
                return element.read_into(stream, order, out);
            }
            let n = out.len() / n_cols;
            let n_others = (self.info.shape[0] - n) as u64;
            let mut column = vec![T::from_f32(0.0); n];
            stream.skip(first as u64 * n_bytes)?;
            for c in 0..n_cols {
                if c > 0 {
                    stream.skip(n_others * n_bytes)?;
                }
                element.read_into(stream, order, &mut column)?;
                for (row, value) in out.chunks_exact_mut(n_cols).zip(&column) {
                    row[c] = *value;
                }
            }
            Ok(())
        })
    }

    /// Reads columns `first .. first + n` of the matrix of `shape` that begins `skip` elements into the tensor, one after the other; in Fortran order the
    /// tensor is that matrix.
    pub(crate) fn read_columns<T: Float>(
        &self,
        element: Element,
        skip: u64,
        first: usize,
        (n_rows, n_cols): (usize, usize),
        out: &mut [T],
    ) -> io::Result<()> {
        let order = self.layout.byte_order;
        let n_bytes = element.n_bytes();
        self.with_stream(|stream| {
            if self.layout.fortran {
                stream.skip(first as u64 * n_rows as u64 * n_bytes)?;
                return element.read_into(stream, order, out);
            }
            let n = out.len() / n_rows;
            let n_others = (n_cols - n) as u64;
            let mut row = vec![T::from_f32(0.0); n];
            stream.skip((skip + first as u64) * n_bytes)?;
            for r in 0..n_rows {
                if r > 0 {
                    stream.skip(n_others * n_bytes)?;
                }
                element.read_into(stream, order, &mut row)?;
                for (column, value) in out.chunks_exact_mut(n_rows).zip(&row) {
                    column[r] = *value;
                }
            }
            Ok(())
        })
    }

    /// Whether to reach an element all before it must be gone through.
    pub(crate) fn is_sequential(&self) -> bool {
        match &self.place {
            Place::Bytes { .. } => false,
            Place::Member(member) => member.stored_at().is_none(),
        }
    }

    /// The bytes of the tensor from their beginning. Where they lie in the file as they are, no
    /// checksum is compared.
    pub(crate) fn with_stream<R>(
        &self,
        read: impl FnOnce(&mut dyn Stream) -> io::Result<R>,
    ) -> io::Result<R> {
        match &self.place {
            Place::Bytes { source, offset } => read(&mut source.reader_at(*offset)),
            Place::Member(member) => match member.stored_at() {
                Some((source, offset)) => read(&mut source.reader_at(offset)),
                None => member.with_stream(read),
            },
        }
    }

    /// Reads elements in the order in which they are stored.
    fn read_stored(&self, element: Element, first: u64, n: usize) -> io::Result<Values> {
        match &self.place {
            Place::Bytes { source, offset } => {
                let mut reader = source.reader_at(offset + first * element.n_bytes());
                element.read(&mut reader, self.layout.byte_order, n)
            }
            Place::Member(member) => member.read(element, self.layout.byte_order, first, n),
        }
    }
}

/// Elements `first .. first + n` of the row-major order, out of all in column-major order.
fn to_row_major<T: Copy>(
    stored: &[T],
    shape: &[usize],
    first: u64,
    n: usize,
) -> io::Result<Vec<T>> {
    let mut values = Vec::new();
    values
        .try_reserve_exact(n)
        .map_err(|_| io::ErrorKind::OutOfMemory)?;
    // The distance in `stored` between neighbours along each dimension.
    let strides: Vec<usize> = shape
        .iter()
        .scan(1, |stride, length| {
            Some(std::mem::replace(stride, *stride * length))
        })
        .collect();
    let mut index = vec![0; shape.len()];
    let mut rest = first as usize;
    for d in (0..shape.len()).rev() {
        index[d] = rest % shape[d].max(1);
        rest /= shape[d].max(1);
    }
    let mut at: usize = index
        .iter()
        .zip(&strides)
        .map(|(i, stride)| i * stride)
        .sum();
    while values.len() < n {
        values.push(stored[at]);
        // The next index in row-major order, and its place.
        for d in (0..shape.len()).rev() {
            index[d] += 1;
            at += strides[d];
            if index[d] < shape[d] {
                break;
            }
            at -= index[d] * strides[d];
            index[d] = 0;
        }
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zero_length_makes_no_elements_whatever_the_others_are() {
        assert_eq!(n_elements(&[usize::MAX, usize::MAX, 0]), Some(0));
        assert_eq!(n_elements(&[usize::MAX, 2]), None);
        assert_eq!(n_elements(&[]), Some(1));
    }

    #[test]
    fn column_major_becomes_row_major() {
        // [[1, 2, 3], [4, 5, 6]] stored by columns.
        let stored = [1, 4, 2, 5, 3, 6];
        assert_eq!(
            to_row_major(&stored, &[2, 3], 0, 6).unwrap(),
            [1, 2, 3, 4, 5, 6]
        );
        assert_eq!(to_row_major(&stored, &[2, 3], 3, 2).unwrap(), [4, 5]);
        assert_eq!(to_row_major(&[0; 0], &[2, 0], 0, 0).unwrap(), [0; 0]);
    }

    #[test]
    fn every_shape_agrees_with_the_formula() {
        // Element (i, j, k) of a 2 x 3 x 4 tensor is named 100 i + 10 j + k.
        let shape = [2, 3, 4];
        let mut stored = Vec::new();
        for k in 0..4 {
            for j in 0..3 {
                for i in 0..2 {
                    stored.push(100 * i + 10 * j + k);
                }
            }
        }
        let all = to_row_major(&stored, &shape, 0, 24).unwrap();
        let expected: Vec<i32> = (0..24)
            .map(|e| 100 * (e / 12) + 10 * (e / 4 % 3) + e % 4)
            .collect();
        assert_eq!(all, expected);
        for first in 0..24 {
            let n = 24 - first;
            assert_eq!(
                to_row_major(&stored, &shape, first as u64, n).unwrap(),
                expected[first..]
            );
        }
    }
}
