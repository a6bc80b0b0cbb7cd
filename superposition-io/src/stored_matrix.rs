//! A matrix in a file of which nothing has been read: all of it, some rows, or block after block.

use std::fmt;
use std::ops::{ControlFlow, Range};

use crate::error::IoError;
use crate::file::TensorFile;
use crate::layout::Entry;
use crate::tensor::{Float, Matrix};

/// A two-dimensional tensor of a [`TensorFile`], or a slice of a three-dimensional one, whose
/// numbers have not been read.
///
/// ```
/// use std::collections::BTreeMap;
/// use std::ops::ControlFlow;
/// use superposition_io::{Overwrite, ReadLimits, TensorFile, TensorToWrite, write_safetensors};
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("decoder.safetensors");
/// let w = TensorToWrite { name: "W", shape: &[3, 2], values: &[0.0, 1.0, 2.0, 3.0, 4.0, 5.0] };
/// write_safetensors(&path, &[w], &BTreeMap::new(), Overwrite::Refuse)?;
///
/// let file = TensorFile::open(&path, &ReadLimits::default())?;
/// let matrix = file.matrix(Some("W"), None)?;
/// let mut last_two = [0.0_f32; 4];
/// matrix.read_rows(1..3, &mut last_two)?;
/// assert_eq!(last_two, [2.0, 3.0, 4.0, 5.0]);
///
/// // The sum of everything, two rows at a time.
/// let mut sum = 0.0_f64;
/// matrix.for_each_block(2, |_first_row, values: &[f64]| {
///     sum += values.iter().sum::<f64>();
///     ControlFlow::<()>::Continue(())
/// })?;
/// assert_eq!(sum, 15.0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy)]
pub struct StoredMatrix<'a> {
    file: &'a TensorFile,
    entry: &'a Entry,
    n_rows: usize,
    n_cols: usize,
    /// Elements of the tensor before the matrix.
    skip: u64,
}

impl fmt::Debug for StoredMatrix<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredMatrix")
            .field("name", &self.name())
            .field("n_rows", &self.n_rows)
            .field("n_cols", &self.n_cols)
            .finish_non_exhaustive()
    }
}

impl<'a> StoredMatrix<'a> {
    pub(crate) fn new(
        file: &'a TensorFile,
        entry: &'a Entry,
        slice: Option<usize>,
    ) -> Result<Self, IoError> {
        let (path, tensor) = (file.path().to_owned(), entry.info.name.clone());
        let shape = entry.info.shape.clone();
        let (n_rows, n_cols, k) = match (shape.as_slice(), slice) {
            (&[n_rows, n_cols], None) => (n_rows, n_cols, 0),
            (&[n, n_rows, n_cols], Some(k)) if k < n => (n_rows, n_cols, k),
            (&[_, _, _], None) => {
                return Err(IoError::NeedsSlice {
                    path,
                    tensor,
                    shape,
                });
            }
            (_, Some(slice)) if matches!(shape.len(), 2 | 3) => {
                return Err(IoError::NoSuchSlice {
                    path,
                    tensor,
                    shape,
                    slice,
                });
            }
            _ => {
                return Err(IoError::NotAMatrix {
                    path,
                    tensor,
                    shape,
                });
            }
        };
        if n_rows == 0 || n_cols == 0 {
            return Err(IoError::EmptyMatrix {
                path,
                tensor,
                shape,
            });
        }
        Ok(Self {
            file,
            entry,
            n_rows,
            n_cols,
            // The product of the whole shape was checked when the file was opened.
            skip: k as u64 * (n_rows as u64 * n_cols as u64),
        })
    }

    /// The name of the tensor that it is, or is a slice of.
    #[must_use]
    pub fn name(&self) -> &'a str {
        &self.entry.info.name
    }

    /// The element type in the words of safetensors; see [`TensorInfo`](crate::TensorInfo).
    #[must_use]
    pub fn dtype(&self) -> &'a str {
        &self.entry.info.dtype
    }

    /// The number of rows, at least 1.
    #[must_use]
    pub fn n_rows(&self) -> usize {
        self.n_rows
    }

    /// The number of columns, at least 1.
    #[must_use]
    pub fn n_cols(&self) -> usize {
        self.n_cols
    }

    /// Reads all of it; see [`TensorFile::read_matrix`].
    ///
    /// # Errors
    ///
    /// As [`TensorFile::read`].
    pub fn read(&self) -> Result<Matrix, IoError> {
        let n = self.n_rows as u64 * self.n_cols as u64;
        Ok(Matrix {
            name: self.name().to_owned(),
            n_rows: self.n_rows,
            n_cols: self.n_cols,
            values: self.file.read_elements(self.entry, self.skip, n)?,
        })
    }

    /// Reads some rows, row-major, into a buffer of the caller's, and nothing else of the tensor.
    ///
    /// Costs the bytes of these rows, beside a fixed buffer. Of a matrix in Fortran order, a piece of
    /// each column is read at its position. In an npz archive stored members are read at positions as
    /// well, without comparing their checksum; of a deflated one everything before the last row is
    /// gone through, so for all of it use [`for_each_block`](Self::for_each_block).
    /// [`ReadLimits`](crate::ReadLimits) do not apply: the buffer is there already.
    ///
    /// # Errors
    ///
    /// [`IoError::UnsupportedDtype`]; [`IoError::WouldRound`] for `F64` into a buffer of `f32`;
    /// [`IoError::FortranStack`] for a slice of a stack in Fortran order, whose rows lie element by
    /// element apart; and as [`TensorFile::read`].
    ///
    /// # Panics
    ///
    /// If `rows` goes beyond the last one or does not have as many elements as the buffer.
    #[track_caller]
    pub fn read_rows<T: Float>(&self, rows: Range<usize>, out: &mut [T]) -> Result<(), IoError> {
        let (n_rows, n_cols) = (self.n_rows, self.n_cols);
        assert!(
            rows.start <= rows.end && rows.end <= n_rows,
            "rows {rows:?} of a matrix of {n_rows} x {n_cols}"
        );
        assert!(
            rows.len().checked_mul(n_cols) == Some(out.len()),
            "rows {rows:?} of a matrix of {n_rows} x {n_cols} do not fill a buffer of {}",
            out.len()
        );
        let element = self.element_for::<T>()?;
        if rows.is_empty() {
            return Ok(());
        }
        self.entry
            .read_rows(element, self.skip, rows.start, n_cols, out)
            .map_err(|e| self.file.reading_failed(self.entry, e))
    }

    /// Reads some columns, one after the other, into a buffer of the caller's, and nothing else of the tensor.
    ///
    /// The other way round from [`read_rows`](Self::read_rows), at the same costs: of each row a piece is read at its
    /// position, and columns of a matrix in Fortran order lie together.
    ///
    /// # Errors
    ///
    /// As [`read_rows`](Self::read_rows).
    ///
    /// # Panics
    ///
    /// If `columns` goes beyond the last one or does not have as many elements as the buffer.
    #[track_caller]
    pub fn read_columns<T: Float>(
        &self,
        columns: Range<usize>,
        out: &mut [T],
    ) -> Result<(), IoError> {
        let (n_rows, n_cols) = (self.n_rows, self.n_cols);
        assert!(
            columns.start <= columns.end && columns.end <= n_cols,
            "columns {columns:?} of a matrix of {n_rows} x {n_cols}"
        );
        assert!(
            columns.len().checked_mul(n_rows) == Some(out.len()),
            "columns {columns:?} of a matrix of {n_rows} x {n_cols} do not fill a buffer of {}",
            out.len()
        );
        let element = self.element_for::<T>()?;
        if columns.is_empty() {
            return Ok(());
        }
        self.entry
            .read_columns(element, self.skip, columns.start, (n_rows, n_cols), out)
            .map_err(|e| self.file.reading_failed(self.entry, e))
    }

    /// Whether any part of it can be read without going through what is before it: not in a deflated member of an npz
    /// archive.
    #[must_use]
    pub fn has_random_access(&self) -> bool {
        !self.entry.is_sequential()
    }

    /// Reads the whole matrix, `n_block_rows` rows at a time (at the end what is left), and shows
    /// each block, row-major, with the index of its first row.
    ///
    /// Costs one pass over its bytes and the memory of one block, deflated members of npz archives
    /// included, whose checksum is then compared; a deflated one in Fortran order is gone through
    /// once a block.
    ///
    /// # Errors
    ///
    /// As [`read_rows`](Self::read_rows).
    ///
    /// # Panics
    ///
    /// If `n_block_rows` is 0.
    #[track_caller]
    pub fn for_each_block<T: Float, B>(
        &self,
        n_block_rows: usize,
        mut visit: impl FnMut(usize, &[T]) -> ControlFlow<B>,
    ) -> Result<ControlFlow<B>, IoError> {
        assert!(n_block_rows > 0, "blocks of no rows");
        let (n_rows, n_cols) = (self.n_rows, self.n_cols);
        let element = self.element_for::<T>()?;
        let n_block_rows = n_block_rows.min(n_rows);
        let mut block = vec![T::from_f32(0.0); n_block_rows * n_cols];
        let firsts = (0..n_rows).step_by(n_block_rows);
        if !self.entry.is_sequential() || self.entry.layout.fortran {
            for first in firsts {
                let rows = first..n_rows.min(first + n_block_rows);
                let block = &mut block[..rows.len() * n_cols];
                self.read_rows(rows, block)?;
                if let ControlFlow::Break(value) = visit(first, block) {
                    return Ok(ControlFlow::Break(value));
                }
            }
            return Ok(ControlFlow::Continue(()));
        }
        let order = self.entry.layout.byte_order;
        let n_after = self.n_elements() - self.skip - n_rows as u64 * n_cols as u64;
        self.entry
            .with_stream(|stream| {
                stream.skip(self.skip * element.n_bytes())?;
                for first in firsts {
                    let n = n_block_rows.min(n_rows - first) * n_cols;
                    element.read_into(stream, order, &mut block[..n])?;
                    if let ControlFlow::Break(value) = visit(first, &block[..n]) {
                        return Ok(ControlFlow::Break(value));
                    }
                }
                // The checksum is compared where the stream ends.
                stream.skip(n_after * element.n_bytes())?;
                crate::source::expect_end(stream)?;
                Ok(ControlFlow::Continue(()))
            })
            .map_err(|e| self.file.reading_failed(self.entry, e))
    }

    fn n_elements(&self) -> u64 {
        self.entry.info.shape.iter().map(|n| *n as u64).product()
    }

    fn element_for<T: Float>(&self) -> Result<crate::element::Element, IoError> {
        let element = self.file.element(self.entry)?;
        let (path, tensor) = (|| self.file.path().to_owned(), self.name().to_owned());
        if element == crate::element::Element::F64 && !T::HOLDS_F64 {
            return Err(IoError::WouldRound {
                path: path(),
                tensor,
            });
        }
        if self.entry.layout.fortran && self.entry.info.shape.len() != 2 {
            return Err(IoError::FortranStack {
                path: path(),
                tensor,
                shape: self.entry.info.shape.clone(),
            });
        }
        Ok(element)
    }
}
