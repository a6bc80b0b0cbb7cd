//! Sums over pairs from columns that are read block after block: what [`totals`](crate::weighted_frame::totals) gives, to the bit.

use std::ops::{ControlFlow, Range};

use faer::{Mat, MatRef};

use super::reader::Reader;
use super::{ColumnSource, Stage, Stop, StreamProgress, StreamStage};
use crate::directions::{Lengths, column_mut};
use crate::kernel::BlockForms;
use crate::parallel::for_each;
use crate::products::{Arithmetic, Block, Forms, FrameOperator, HalvedFrame, ProductMemory, forms};
use crate::weighted_frame::{
    DIRECT_BLOCK, DirectRows, FEATURE_BLOCK, Request, Totals, are_known, chunk_size,
    forms_without_loss,
};
use crate::{Real, from_columns};

/// The sums over the other features for each request, and the potential of the first, from forms that are known already if they are known well enough.
pub(super) fn totals<S, B, O>(
    reader: &mut Reader<'_, S>,
    lengths: &Lengths,
    (requests, known): (&[Request<'_>], Option<Vec<Forms>>),
    direct_features: usize,
    observe: &mut O,
) -> Result<Totals, Stop<B, S::Error>>
where
    S: ColumnSource,
    O: FnMut(StreamProgress) -> ControlFlow<B>,
{
    let m = reader.n_hidden;
    let known = known.filter(|forms| are_known(requests, forms, m));
    let forms = if known.is_some() {
        known
    } else if reader.n_features > m {
        let mut stage = Stage {
            observe: &mut *observe,
            stage: StreamStage::Summing,
        };
        let of = |requests: &[Request<'_>], arithmetic| {
            let found = operators(reader, lengths, requests, arithmetic, &mut stage)?;
            let forms = quadratic_forms(reader, lengths, found, arithmetic, &mut stage)?;
            stage.stage = StreamStage::SummingAgain;
            Ok(forms)
        };
        Some(forms_without_loss::<S::Element, _>(
            lengths, requests, m, of,
        )?)
    } else {
        None
    };
    let potential = forms.as_ref().map(|forms| forms[0].norm_sq);
    let split = |k: usize, request: &Request<'_>| {
        let forms = forms.as_ref().map(|forms| &forms[k]);
        request.weights.split(forms, m, request.unit)
    };
    let mut requests = requests.to_vec();
    let mut sums: Vec<(Vec<f64>, Vec<usize>)> = requests
        .iter()
        .enumerate()
        .map(|(k, r)| split(k, r))
        .collect();
    if potential.is_none() {
        requests.push(requests[0].in_weights());
        sums.push(split(0, &requests[requests.len() - 1]));
    }
    drop(forms);
    let mut directly = Directly {
        group: direct_features,
        done: 0,
        all: sums.iter().map(|(_, direct)| direct.len()).sum(),
        stage: Stage {
            observe,
            stage: StreamStage::SummingDirectly,
        },
    };
    for ((sums, direct), request) in sums.iter_mut().zip(&requests) {
        directly.sum(reader, lengths, *request, direct, sums)?;
    }
    let mut sums: Vec<Vec<f64>> = sums.into_iter().map(|(sums, _)| sums).collect();
    let potential = potential.unwrap_or_else(|| {
        let last = sums.pop().expect("it was asked for");
        requests[0].weights.potential(&last)
    });
    Ok(Totals { potential, sums })
}

/// How many blocks are worked on at a time, so that there is work for every thread.
pub(super) fn blocks_at_once(threads: usize, n_requests: usize) -> usize {
    threads.div_ceil(n_requests)
}

/// The frame operator with the weights of each request.
fn operators<S, B, O>(
    reader: &mut Reader<'_, S>,
    lengths: &Lengths,
    requests: &[Request<'_>],
    arithmetic: Arithmetic,
    stage: &mut Stage<'_, O>,
) -> Result<Vec<FrameOperator>, Stop<B, S::Error>>
where
    S: ColumnSource,
    O: FnMut(StreamProgress) -> ControlFlow<B>,
{
    let (m, n, pool) = (reader.n_hidden, reader.n_features, reader.pool);
    let at_once = blocks_at_once(pool.n_threads(), requests.len());
    let chunk = chunk_size(n);
    let n_chunks = n.div_ceil(chunk);
    let new_operators = |count: usize| {
        let new = |_| FrameOperator::new(m);
        (0..count).map(new).collect::<Vec<_>>()
    };
    let mut sums = new_operators(requests.len());
    let mut values = vec![Vec::new(); at_once.min(n_chunks)];
    let new_memory = |_| ProductMemory::new();
    let mut memories: Vec<_> = (0..values.len() * requests.len()).map(new_memory).collect();
    let mut read = 0;
    for first in (0..n_chunks).step_by(at_once) {
        let chunks = first..n_chunks.min(first + at_once);
        let mut partials = new_operators(chunks.len() * requests.len());
        for offset in (0..chunk).step_by(FEATURE_BLOCK) {
            let blocks: Vec<Range<usize>> = chunks
                .clone()
                .map(|c| (c * chunk + offset).min(n)..(c * chunk + offset + FEATURE_BLOCK).min(n))
                .collect();
            for (block, values) in blocks.iter().zip(&mut values) {
                stage.at(read as f64 / (2 * n) as f64)?;
                reader.read(block.clone(), values).map_err(Stop::Failed)?;
                read += block.len();
            }
            let tasks = partials.iter_mut().zip(&mut memories).enumerate();
            for_each(pool, tasks, |(task, (operator, memory))| {
                let (b, k) = (task / requests.len(), task % requests.len());
                let block = blocks[b].clone();
                if !block.is_empty() {
                    let weights = &requests[k].weights.scaled[block.clone()];
                    let units = units(&values[b], m, (lengths, block), arithmetic);
                    operator.add_block(&units.weighted(weights), memory);
                }
            });
        }
        for (task, partial) in partials.iter().enumerate() {
            sums[task % requests.len()].add(partial);
        }
    }
    Ok(sums)
}

/// The unit directions of a range of features, from the columns as they were read.
fn units<'a, T: Real>(
    values: &'a [T],
    n_hidden: usize,
    (lengths, features): (&'a Lengths, Range<usize>),
    arithmetic: Arithmetic,
) -> Block<'a, T> {
    let columns = from_columns(values, n_hidden, features.len());
    Block::units(columns, &lengths.measures()[features], arithmetic)
}

/// `u^T F u` for every unit direction and each of the operators.
fn quadratic_forms<S, B, O>(
    reader: &mut Reader<'_, S>,
    lengths: &Lengths,
    operators: Vec<FrameOperator>,
    arithmetic: Arithmetic,
    stage: &mut Stage<'_, O>,
) -> Result<Vec<Forms>, Stop<B, S::Error>>
where
    S: ColumnSource,
    O: FnMut(StreamProgress) -> ControlFlow<B>,
{
    let (m, n, pool) = (reader.n_hidden, reader.n_features, reader.pool);
    let halved: Vec<HalvedFrame> = operators
        .into_iter()
        .map(|operator| HalvedFrame::new(operator, arithmetic))
        .collect();
    let mut found: Vec<Forms> = halved.iter().map(HalvedFrame::no_forms).collect();
    let mut values = vec![Vec::new(); pool.n_threads()];
    let mut tasks: Vec<(ProductMemory, Vec<BlockForms>)> = values
        .iter()
        .map(|_| (ProductMemory::new(), Vec::new()))
        .collect();
    let blocks: Vec<Range<usize>> = reader.blocks().collect();
    for blocks in blocks.chunks(pool.n_threads()) {
        for (block, values) in blocks.iter().zip(&mut values) {
            stage.at(0.5 + block.start as f64 / (2 * n) as f64)?;
            reader.read(block.clone(), values).map_err(Stop::Failed)?;
        }
        let tasks = &mut tasks[..blocks.len()];
        for_each(
            pool,
            tasks.iter_mut().enumerate(),
            |(b, (memory, forms_of_block))| {
                let features = (lengths, blocks[b].clone());
                let units = units(&values[b], m, features, arithmetic);
                *forms_of_block = forms(&halved, &units, memory);
            },
        );
        for (_, forms_of_block) in tasks {
            for (found, forms) in found.iter_mut().zip(forms_of_block) {
                found.extend(forms);
            }
        }
    }
    Ok(found)
}

/// Rows of the Gram matrix that are summed one by one.
struct Directly<'o, O> {
    /// How many rows at a time.
    group: usize,
    done: usize,
    all: usize,
    stage: Stage<'o, O>,
}

impl<O> Directly<'_, O> {
    /// Sums the rows of some features, which are in order.
    fn sum<S, B>(
        &mut self,
        reader: &mut Reader<'_, S>,
        lengths: &Lengths,
        request: Request<'_>,
        features: &[usize],
        sums: &mut [f64],
    ) -> Result<(), Stop<B, S::Error>>
    where
        S: ColumnSource,
        O: FnMut(StreamProgress) -> ControlFlow<B>,
    {
        let (m, n, pool) = (reader.n_hidden, reader.n_features, reader.pool);
        let mut units = Mat::zeros(m, FEATURE_BLOCK.min(n));
        for group in features.chunks(self.group) {
            let mut rows: Vec<DirectRows> = group
                .chunks(DIRECT_BLOCK)
                .map(|features| DirectRows::new(m, features.to_vec()))
                .collect();
            let mut next = 0;
            for block in reader.blocks() {
                let end = next + group[next..].partition_point(|&i| i < block.end);
                if end > next {
                    self.at(0.0)?;
                    reader
                        .read_units(block.clone(), lengths, units.as_mut())
                        .map_err(Stop::Failed)?;
                }
                for (place, &i) in group.iter().enumerate().take(end).skip(next) {
                    let rows = &mut rows[place / DIRECT_BLOCK];
                    column_mut(rows.units.as_mut(), place % DIRECT_BLOCK)
                        .copy_from_slice(units.col_as_slice(i - block.start));
                }
                next = end;
            }
            for block in reader.blocks() {
                self.at(group.len() as f64 * block.start as f64 / n as f64)?;
                reader
                    .read_units(block.clone(), lengths, units.as_mut())
                    .map_err(Stop::Failed)?;
                let units: MatRef<'_, f64> = units.subcols(0, block.len());
                for_each(pool, rows.iter_mut(), |rows| {
                    rows.add(block.clone(), units, request.weights, request.unit);
                });
            }
            let found = rows.iter().flat_map(|rows| &rows.sums);
            for (&i, sum) in group.iter().zip(found) {
                sums[i] = *sum;
            }
            self.done += group.len();
        }
        Ok(())
    }

    /// Tells that so many rows of the present group are done.
    fn at<B, E>(&mut self, rows: f64) -> Result<(), Stop<B, E>>
    where
        O: FnMut(StreamProgress) -> ControlFlow<B>,
    {
        self.stage.at((self.done as f64 + rows) / self.all as f64)
    }
}
