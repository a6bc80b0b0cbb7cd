//! The pass over pairs by two bands of columns at a time.

use std::ops::{ControlFlow, Range};

use super::reader::Reader;
use super::{ColumnSource, Stage, Stop, StreamProgress};
use crate::band::Band;
use crate::directions::Directions;
use crate::pairs::{PairSearch, Pairs, PairsSoFar};
use crate::parallel::block_range;
use crate::quantized::Precision;
use crate::squares::SquareSums;

/// A band in memory.
struct Loaded<T: 'static> {
    directions: Directions<'static, T>,
    band: Band,
}

/// Visits every pair of the represented features once, and takes the sums of squares along; a band is of `band_features` columns.
///
/// First the pairs within each band and with every later one, the next band last: it is then there already to be the first of its own pairs.
pub(super) fn visit<S: ColumnSource, B, O: FnMut(StreamProgress) -> ControlFlow<B>>(
    reader: &mut Reader<'_, S>,
    represented: &[usize],
    band_features: usize,
    (search, squares): (PairSearch, Option<SquareSums>),
    stage: &mut Stage<'_, O>,
) -> Result<Pairs, Stop<B, S::Error>> {
    let (n, pool) = (reader.n_features, reader.pool);
    let n_bands = n.div_ceil(band_features);
    // The represented features of a band, by their numbers.
    let numbers = |band: usize| {
        let columns = block_range(band, band_features, n);
        let number = |column| represented.partition_point(|&feature| feature < column);
        number(columns.start)..number(columns.end)
    };
    let all = represented.len() as f64 * (represented.len() as f64 + 1.0) / 2.0;
    let mut done = 0.0;
    let mut precision = squares.as_ref().map(|squares| squares.precision());
    let mut found = PairsSoFar::new(represented.len(), search, squares);
    let mut rows: Option<Loaded<S::Element>> = None;
    for a in 0..n_bands {
        let mut columns: Option<Loaded<S::Element>> = None;
        let own = match rows.take() {
            Some(loaded) => loaded,
            None => load(
                reader,
                represented,
                numbers(a),
                block_range(a, band_features, n),
                &mut precision,
            )
            .map_err(Stop::Failed)?,
        };
        let n_own = own.band.len() as f64;
        let mut compare = |found: &mut PairsSoFar, other: Option<&Loaded<S::Element>>| {
            let pairs = match other {
                None => n_own * (n_own + 1.0) / 2.0,
                Some(other) => n_own * other.band.len() as f64,
            };
            let mut result = stage.at(done / all.max(1.0));
            if result.is_ok() {
                let flow = found.visit(
                    (&own.directions, &own.band),
                    other.map(|other| (&other.directions, &other.band)),
                    pool,
                    |block, n_blocks| {
                        let share = block as f64 / n_blocks as f64;
                        match stage.at((done + share * pairs) / all) {
                            Ok(()) => ControlFlow::Continue(()),
                            Err(stop) => ControlFlow::Break(stop),
                        }
                    },
                );
                if let ControlFlow::Break(stop) = flow {
                    result = Err(stop);
                }
            }
            done += pairs;
            result
        };
        compare(&mut found, None)?;
        for b in (a + 1..n_bands).rev() {
            // Before the next is read, the memory of the last.
            drop(columns.take());
            let other = load(
                reader,
                represented,
                numbers(b),
                block_range(b, band_features, n),
                &mut precision,
            )
            .map_err(Stop::Failed)?;
            compare(&mut found, Some(&other))?;
            columns = Some(other);
        }
        rows = columns;
    }
    Ok(found.finish())
}

/// Reads a band: the represented features with these numbers, which are among these columns. The first that has any decides the precision of all, if it is not known.
fn load<S: ColumnSource>(
    reader: &mut Reader<'_, S>,
    represented: &[usize],
    numbers: Range<usize>,
    columns: Range<usize>,
    precision: &mut Option<Precision>,
) -> Result<Loaded<S::Element>, S::Error> {
    let mut values = Vec::new();
    let features = represented[numbers.clone()].iter();
    let features: Vec<usize> = features.map(|feature| feature - columns.start).collect();
    if !features.is_empty() {
        reader.read(columns, &mut values)?;
    }
    let directions = Directions::of_scaled(values, reader.n_hidden, reader.pool);
    if precision.is_none() && !features.is_empty() {
        *precision = Some(Precision::of(&directions, &features));
    }
    // A band of no features has no pairs.
    let precision = precision.unwrap_or(Precision::Words);
    let band = Band::new(&directions, features, numbers.start, precision, reader.pool);
    Ok(Loaded { directions, band })
}
