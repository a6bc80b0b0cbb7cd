//! Reading blocks of columns, and what has to be known of all columns first.

use std::ops::{ControlFlow, Range};

use faer::MatRef;

use super::{ColumnSource, Stage, Stop, StreamProgress};
use crate::directions::{Directions, Lengths, column_mut, copy_unit, scale_extremes};
use crate::kernel::ThreadPool;
use crate::weighted_frame::FEATURE_BLOCK;
use crate::{AnalysisError, Real, check_finite, from_columns};

/// Reads columns and scales those of extreme size, as [`Directions`] does.
pub(super) struct Reader<'s, S: ColumnSource> {
    source: &'s mut S,
    pub(super) n_hidden: usize,
    pub(super) n_features: usize,
    pub(super) pool: &'s ThreadPool,
    /// The last block of [`read_units`](Self::read_units).
    block: Vec<S::Element>,
}

impl<'s, S: ColumnSource> Reader<'s, S> {
    pub(super) fn new(source: &'s mut S, pool: &'s ThreadPool) -> Self {
        let (n_hidden, n_features) = source.shape();
        Self {
            source,
            n_hidden,
            n_features,
            pool,
            block: Vec::new(),
        }
    }

    /// Reads a range of columns into `values`, which becomes as long as it has to be, and returns the exponents of what they were divided by.
    pub(super) fn read(
        &mut self,
        features: Range<usize>,
        values: &mut Vec<S::Element>,
    ) -> Result<Vec<i32>, S::Error> {
        values.resize(features.len() * self.n_hidden, Real::ZERO);
        self.source.read(features, values)?;
        Ok(scale_extremes(values, self.n_hidden, self.pool))
    }

    /// Reads the unit directions of a range of features into the first columns of `units`.
    pub(super) fn read_units(
        &mut self,
        features: Range<usize>,
        lengths: &Lengths,
        mut units: faer::MatMut<'_, f64>,
    ) -> Result<(), S::Error> {
        let mut block = std::mem::take(&mut self.block);
        self.read(features.clone(), &mut block)?;
        for (a, (j, column)) in features.zip(block.chunks_exact(self.n_hidden)).enumerate() {
            copy_unit(column, lengths.of(j), column_mut(units.as_mut(), a));
        }
        self.block = block;
        Ok(())
    }

    /// The blocks in which sums are taken.
    pub(super) fn blocks(&self) -> impl Iterator<Item = Range<usize>> + use<S> {
        let n = self.n_features;
        (0..n)
            .step_by(FEATURE_BLOCK)
            .map(move |start| start..n.min(start + FEATURE_BLOCK))
    }

    /// Checks and measures all columns.
    pub(super) fn measure<B, O: FnMut(StreamProgress) -> ControlFlow<B>>(
        &mut self,
        stage: &mut Stage<'_, O>,
    ) -> Result<Lengths, Stop<B, S::Error>> {
        let mut measures = Vec::with_capacity(self.n_features);
        let mut exponents = Vec::with_capacity(self.n_features);
        let mut values = Vec::new();
        for range in self.blocks() {
            stage.at(range.start as f64 / self.n_features as f64)?;
            let scaled = self
                .read(range.clone(), &mut values)
                .map_err(Stop::Failed)?;
            let w = from_columns(&values, self.n_hidden, range.len());
            check_block(w, range.start).map_err(|error| Stop::Failed(error.into()))?;
            let directions = Directions::new(w, self.pool);
            measures.extend(directions.lengths.measures());
            exponents.extend(scaled);
        }
        Ok(Lengths::new(measures, &exponents))
    }
}

/// As [`check_finite`], of columns from `first` on.
fn check_block<T: Real>(w: MatRef<'_, T>, first: usize) -> Result<(), AnalysisError> {
    check_finite(w).map_err(|error| match error {
        AnalysisError::NotFinite { row, column, value } => AnalysisError::NotFinite {
            row,
            column: first + column,
            value,
        },
        other => other,
    })
}
