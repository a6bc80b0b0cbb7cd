//! Reading a matrix by blocks of samples: widened to `f64`, restricted to some samples, shifted, thresholded.

use std::ops::Range;

use faer::{Mat, MatMut, MatRef};

use crate::{ProbeError, Real};

/// Samples per block: with a few hundred rows a block stays in the second-level cache.
pub(crate) const BLOCK: usize = 256;

/// The columns that take part.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Samples<'a> {
    /// All of so many columns.
    All(usize),
    /// These columns.
    Only(&'a [usize]),
}

impl Samples<'_> {
    pub(crate) fn len(self) -> usize {
        match self {
            Self::All(n) => n,
            Self::Only(indices) => indices.len(),
        }
    }

    fn column(self, k: usize) -> usize {
        match self {
            Self::All(_) => k,
            Self::Only(indices) => indices[k],
        }
    }

    /// The blocks, in order.
    pub(crate) fn blocks(self) -> impl Iterator<Item = Range<usize>> {
        let n = self.len();
        (0..n.div_ceil(BLOCK)).map(move |k| k * BLOCK..n.min((k + 1) * BLOCK))
    }
}

/// What is read from an element.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Reading {
    /// Its value.
    Value,
    /// 1 where the value is above the threshold, 0 elsewhere.
    Label(f64),
}

/// A matrix with samples in columns, of which some samples are read in some way.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Source<'a, T> {
    pub(crate) view: MatRef<'a, T>,
    pub(crate) samples: Samples<'a>,
    pub(crate) reading: Reading,
}

impl<'a, T: Real> Source<'a, T> {
    pub(crate) fn all(view: MatRef<'a, T>) -> Self {
        Self {
            view,
            samples: Samples::All(view.ncols()),
            reading: Reading::Value,
        }
    }

    pub(crate) fn only(view: MatRef<'a, T>, samples: &'a [usize], reading: Reading) -> Self {
        Self {
            view,
            samples: Samples::Only(samples),
            reading,
        }
    }

    pub(crate) fn n_rows(&self) -> usize {
        self.view.nrows()
    }

    /// Calls `use_value(row, value)` for each row of the sample in place `k`.
    pub(crate) fn for_each(&self, k: usize, mut use_value: impl FnMut(usize, f64)) {
        let column = self.view.col(self.samples.column(k));
        match (self.reading, column.try_as_col_major()) {
            (Reading::Value, Some(column)) => {
                for (row, value) in column.as_slice().iter().enumerate() {
                    use_value(row, value.to_f64());
                }
            }
            (Reading::Value, None) => {
                for (row, value) in column.iter().enumerate() {
                    use_value(row, value.to_f64());
                }
            }
            (Reading::Label(threshold), _) => {
                for (row, value) in column.iter().enumerate() {
                    use_value(row, f64::from(u8::from(value.to_f64() > threshold)));
                }
            }
        }
    }

    /// Writes the samples in the places `range`, each less `shift`, to the leading columns of `out`.
    pub(crate) fn read_into(&self, range: Range<usize>, shift: &[f64], mut out: MatMut<'_, f64>) {
        for (place, k) in range.enumerate() {
            let out = out.as_mut().col_mut(place);
            match out.try_as_col_major_mut() {
                Some(out) => {
                    let out = out.as_slice_mut();
                    self.for_each(k, |row, value| out[row] = value - shift[row]);
                }
                None => unreachable!("blocks are allocated column by column"),
            }
        }
    }

    /// The samples as rows: one contiguous run of `n_samples` for each row of the source.
    pub(crate) fn transposed(&self) -> Mat<f64> {
        let mut out = Mat::zeros(self.samples.len(), self.n_rows());
        for k in 0..self.samples.len() {
            self.for_each(k, |row, value| out[(k, row)] = value);
        }
        out
    }
}

/// Err for a matrix without rows or samples, and for the first value (by column) that is NaN or infinite.
pub(crate) fn check<T: Real>(what: &'static str, view: MatRef<'_, T>) -> Result<(), ProbeError> {
    let (rows, columns) = view.shape();
    if rows == 0 || columns == 0 {
        return Err(ProbeError::Empty {
            what,
            rows,
            columns,
        });
    }
    for column in 0..columns {
        let bad = view
            .col(column)
            .iter()
            .position(|value| !value.to_f64().is_finite());
        if let Some(row) = bad {
            return Err(ProbeError::NotFinite {
                what,
                row,
                column,
                value: view[(row, column)].to_f64(),
            });
        }
    }
    Ok(())
}

/// Panics unless both matrices have the same number of samples.
#[track_caller]
pub(crate) fn assert_same_samples<A, B>(
    (a_name, a): (&str, MatRef<'_, A>),
    (b_name, b): (&str, MatRef<'_, B>),
) {
    assert_eq!(
        a.ncols(),
        b.ncols(),
        "{a_name} are {} x {} and {b_name} {} x {}: the numbers of samples (columns) differ",
        a.nrows(),
        a.ncols(),
        b.nrows(),
        b.ncols(),
    );
}
