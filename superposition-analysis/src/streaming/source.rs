//! Where columns come from.

use std::ops::Range;

use faer::MatRef;

use crate::{AnalysisError, Real};

/// Features that [`Centered`] reads at a time.
const BLOCK: usize = 512;

/// An m x n matrix W whose columns are read in ranges, such as one in a file.
///
/// Every range must give the same columns whenever it is read; ranges come in no particular order.
///
/// ```
/// use std::ops::{ControlFlow, Range};
/// use superposition_analysis::{
///     AnalysisError, AnalysisOptions, ColumnSource, StreamOptions, analyze_stream,
/// };
///
/// /// The corners of a regular polygon, computed when they are asked for.
/// struct Polygon(usize);
///
/// impl ColumnSource for Polygon {
///     type Element = f64;
///     type Error = AnalysisError;
///
///     fn shape(&self) -> (usize, usize) {
///         (2, self.0)
///     }
///
///     fn read(&mut self, features: Range<usize>, columns: &mut [f64]) -> Result<(), AnalysisError> {
///         for (k, corner) in features.zip(columns.chunks_exact_mut(2)) {
///             let angle = std::f64::consts::TAU * k as f64 / self.0 as f64;
///             corner.copy_from_slice(&[angle.cos(), angle.sin()]);
///         }
///         Ok(())
///     }
/// }
///
/// let options = StreamOptions::new(AnalysisOptions::default(), 64 << 20);
/// let report = analyze_stream(&mut Polygon(1000), &options, |_| ControlFlow::<()>::Continue(()))?;
/// let report = report.continue_value().unwrap();
/// assert!((report.feature_dimensionality.min - 0.002).abs() < 1e-12);
/// # Ok::<(), AnalysisError>(())
/// ```
pub trait ColumnSource {
    /// What the columns consist of.
    type Element: Real;
    /// What can go wrong, in reading or in the analysis.
    type Error: From<AnalysisError>;

    /// (m, n): hidden dimensions and features.
    fn shape(&self) -> (usize, usize);

    /// Fills `columns` with the columns of a range of features, one after the other, m values each.
    ///
    /// # Errors
    /// Where they cannot be had.
    fn read(
        &mut self,
        features: Range<usize>,
        columns: &mut [Self::Element],
    ) -> Result<(), Self::Error>;
}

/// A matrix in memory as a source.
impl<T: Real> ColumnSource for MatRef<'_, T> {
    type Element = T;
    type Error = AnalysisError;

    fn shape(&self) -> (usize, usize) {
        MatRef::shape(self)
    }

    fn read(&mut self, features: Range<usize>, columns: &mut [T]) -> Result<(), AnalysisError> {
        let values = features.flat_map(|j| self.col(j).iter());
        columns.iter_mut().zip(values).for_each(|(x, y)| *x = *y);
        Ok(())
    }
}

/// The columns of a source less their mean: [`center`](crate::center) of what does not fit into memory, to the bit.
///
/// ```
/// use superposition_analysis::{Centered, ColumnSource, center, from_columns};
/// let w = from_columns(&[1.0_f32, 5.0, 3.0, 5.0], 2, 2);
/// let mut columns = [0.0; 4];
/// Centered::new(w)?.read(0..2, &mut columns)?;
/// assert_eq!(columns, [-1.0, 0.0, 1.0, 0.0]);
/// assert_eq!(from_columns(&columns, 2, 2), center(w));
/// # Ok::<(), superposition_analysis::AnalysisError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Centered<S: ColumnSource> {
    source: S,
    block: Vec<S::Element>,
    /// What is subtracted, one after the other: the first column, the mean of what that leaves, and the rounding in that.
    means: Vec<Vec<f64>>,
}

impl<S: ColumnSource> Centered<S> {
    /// Reads all columns twice.
    ///
    /// # Errors
    /// Those of the source.
    pub fn new(source: S) -> Result<Self, S::Error> {
        let (m, n) = source.shape();
        let mut centered = Self {
            source,
            block: Vec::new(),
            means: Vec::new(),
        };
        if m == 0 || n == 0 {
            return Ok(centered);
        }
        let mut columns = vec![0.0; m * BLOCK.min(n)];
        centered.read(0..1, &mut columns[..m])?;
        centered.means.push(columns[..m].to_vec());
        for _ in 0..2 {
            let mut mean = vec![0.0; m];
            for start in (0..n).step_by(BLOCK) {
                let range = start..n.min(start + BLOCK);
                let columns = &mut columns[..m * range.len()];
                centered.read(range, columns)?;
                for column in columns.chunks_exact(m) {
                    mean.iter_mut().zip(column).for_each(|(sum, x)| *sum += x);
                }
            }
            mean.iter_mut().for_each(|sum| *sum /= n as f64);
            centered.means.push(mean);
        }
        Ok(centered)
    }
}

impl<S: ColumnSource> ColumnSource for Centered<S> {
    type Element = f64;
    type Error = S::Error;

    fn shape(&self) -> (usize, usize) {
        self.source.shape()
    }

    fn read(&mut self, features: Range<usize>, columns: &mut [f64]) -> Result<(), S::Error> {
        let (m, _) = self.shape();
        let starts = features.clone().step_by(BLOCK);
        for (start, columns) in starts.zip(columns.chunks_mut((m * BLOCK).max(1))) {
            self.block.resize(columns.len(), Real::ZERO);
            let range = start..features.end.min(start + BLOCK);
            self.source.read(range, &mut self.block)?;
            for (x, y) in columns.iter_mut().zip(&self.block) {
                *x = y.to_f64();
            }
            for mean in &self.means {
                for column in columns.chunks_exact_mut(m) {
                    column.iter_mut().zip(mean).for_each(|(x, mean)| *x -= mean);
                }
            }
        }
        Ok(())
    }
}
