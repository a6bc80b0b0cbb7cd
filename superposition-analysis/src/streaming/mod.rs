//! The analysis of a dictionary larger than memory, which is read in blocks of columns.

mod bands;
mod plan;
mod reader;
mod source;
mod sums;

#[cfg(test)]
mod tests;

use std::ops::ControlFlow;

#[cfg(doc)]
use crate::AnalysisError;
use crate::activity::{by_rates, check_rates};
use crate::coherence::RepresentedPairs;
use crate::kernel::ThreadPool;
use crate::report::{SumWeights, check_not_empty, report};
use crate::squares::SquareSums;
use crate::weighted_frame::Request;
use crate::{ActivityInterference, AnalysisOptions, DictionaryReport, PairWeighting, Pairs};
use reader::Reader;
use sums::totals;

pub use plan::{StreamPlan, analysis_memory};
pub use source::{Centered, ColumnSource};

/// How [`analyze_stream`] analyses, and in how much memory.
///
/// ```
/// use superposition_analysis::{AnalysisOptions, StreamOptions};
/// let options = StreamOptions::new(AnalysisOptions::default(), 1 << 30);
/// assert_eq!(options.memory, 1_073_741_824);
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct StreamOptions {
    /// As for [`analyze`](crate::analyze).
    pub analysis: AnalysisOptions,
    /// Bytes that may be taken, listed edges not counted. See [`StreamPlan`] for what follows from it.
    pub memory: u64,
}

impl StreamOptions {
    /// Analyses within so many bytes.
    #[must_use]
    pub fn new(analysis: AnalysisOptions, memory: u64) -> Self {
        Self { analysis, memory }
    }
}

/// What [`analyze_stream`] is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StreamStage {
    /// Norms are measured and values checked, in one pass over the columns.
    Measuring,
    /// Sums over pairs are taken through the frame operator, in two passes.
    Summing,
    /// The same again, more accurately, where the first time lost too much.
    SummingAgain,
    /// Rows of the Gram matrix are summed one by one, where there are such.
    SummingDirectly,
    /// Pairs are compared.
    Comparing,
}

/// How far [`analyze_stream`] has come in one of its stages.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct StreamProgress {
    /// The stage.
    pub stage: StreamStage,
    /// The share of it that is done, from 0 to 1.
    pub fraction: f64,
}

/// Why a pass over the columns ended early.
enum Stop<B, E> {
    /// The observer broke it off.
    Broken(B),
    /// The source failed.
    Failed(E),
}

/// Tells an observer about one stage.
struct Stage<'o, O> {
    observe: &'o mut O,
    stage: StreamStage,
}

impl<O> Stage<'_, O> {
    fn at<B, E>(&mut self, fraction: f64) -> Result<(), Stop<B, E>>
    where
        O: FnMut(StreamProgress) -> ControlFlow<B>,
    {
        let stage = self.stage;
        match (self.observe)(StreamProgress { stage, fraction }) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(value) => Err(Stop::Broken(value)),
        }
    }
}

/// Analyses a dictionary as [`analyze`](crate::analyze) does, reading its columns from a [`ColumnSource`] within a budget of memory.
///
/// The report is that of [`analyze`](crate::analyze) on the whole matrix, **bit for bit**, whatever the budget and the number of threads.
/// The columns are read once to measure them and twice for the sums, not at all where the pairs tell those, or a few times more where they need more digits; for the pairs the matrix is cut into bands that fit the budget, of which two are held at a time, so that everything is read about half as often as there are bands.
/// Rows that the frame operator would lose (tiny norms beside large ones, and all rows where n <= m) are summed directly, which takes a pass over the columns for as many of them as fit the budget.
/// O(n^2 m) time divided by `threads`, O(n m^2) without pairs; [`StreamPlan`] says beforehand what it takes.
///
/// `observe` is called on the calling thread before and during every stage, many times a second unless a single read takes longer, and ends the analysis by breaking with a value, which is returned.
/// Reading happens on the calling thread too.
///
/// # Errors
/// Those of the source; through them [`AnalysisError`] for a matrix without rows or columns, an element that is not finite, an option outside its range, and a budget too small ([`AnalysisError::MemoryTooSmall`] says what would do).
///
/// ```
/// use std::ops::ControlFlow;
/// use superposition_analysis::{AnalysisOptions, StreamOptions, analyze, analyze_stream, from_columns};
/// let values: Vec<f32> = (0..1000).map(|k| (k * k % 97) as f32 - 48.0).collect();
/// let w = from_columns(&values, 4, 250);
/// let options = AnalysisOptions::default();
/// // A view is a source; so is anything that can fill a block of columns.
/// let (mut source, budget) = (w, StreamOptions::new(options, 64 << 20));
/// let streamed = analyze_stream(&mut source, &budget, |_| ControlFlow::<()>::Continue(()))?;
/// assert_eq!(streamed, ControlFlow::Continue(analyze(w, &options)?));
/// // Broken off at once.
/// let stopped = analyze_stream(&mut source, &budget, |_| ControlFlow::Break("enough"))?;
/// assert_eq!(stopped, ControlFlow::Break("enough"));
/// # Ok::<(), superposition_analysis::AnalysisError>(())
/// ```
pub fn analyze_stream<S: ColumnSource, B>(
    source: &mut S,
    options: &StreamOptions,
    mut observe: impl FnMut(StreamProgress) -> ControlFlow<B>,
) -> Result<ControlFlow<B, DictionaryReport>, S::Error> {
    let shape = source.shape();
    options.analysis.validate()?;
    check_not_empty(shape)?;
    let plan = StreamPlan::new(shape, size_of::<S::Element>(), options)?;
    outcome(analyze_planned(
        source,
        &options.analysis,
        &plan,
        &mut observe,
    ))
}

fn outcome<B, E, R>(result: Result<R, Stop<B, E>>) -> Result<ControlFlow<B, R>, E> {
    match result {
        Ok(result) => Ok(ControlFlow::Continue(result)),
        Err(Stop::Broken(value)) => Ok(ControlFlow::Break(value)),
        Err(Stop::Failed(error)) => Err(error),
    }
}

fn analyze_planned<S: ColumnSource, B, O: FnMut(StreamProgress) -> ControlFlow<B>>(
    source: &mut S,
    analysis: &AnalysisOptions,
    plan: &StreamPlan,
    observe: &mut O,
) -> Result<DictionaryReport, Stop<B, S::Error>> {
    let (m, n) = source.shape();
    let pool = ThreadPool::new(analysis.threads);
    let mut reader = Reader::new(source, &pool);
    let search = analysis.pair_search();
    let lengths = reader.measure(&mut Stage {
        observe: &mut *observe,
        stage: StreamStage::Measuring,
    })?;
    let represented = lengths.represented(analysis.min_norm);

    let (mut pairs, mut forms) = (None, None);
    if let Some(search) = search {
        let squares = SquareSums::new(&lengths, &represented, m);
        let mut found = bands::visit(
            &mut reader,
            &represented,
            plan.band_features,
            (search, squares),
            &mut Stage {
                observe: &mut *observe,
                stage: StreamStage::Comparing,
            },
        )?;
        forms = found.squares.take().map(|squares| squares.forms(m));
        pairs = Some(RepresentedPairs::of_all(found, &represented, n));
    }

    let weights = SumWeights::new(&lengths, &represented);
    let totals = totals(
        &mut reader,
        &lengths,
        (&weights.requests(&lengths), forms),
        plan.direct_features,
        observe,
    )?;
    let sums = weights.sums(&lengths, &represented, totals);
    Ok(report(&lengths, m, &represented, sums, pairs, analysis))
}

/// The squared cosines of a dictionary weighted by firing rates as [`activity_interference`](crate::activity_interference) does, bit for bit, reading its columns as [`analyze_stream`] does.
///
/// The columns are read three times; pairs are not compared one by one.
///
/// # Errors
/// Those of [`analyze_stream`], and a rate outside [0, 1].
///
/// # Panics
/// If the number of rates is not n.
///
/// ```
/// use std::ops::ControlFlow;
/// use superposition_analysis::{AnalysisOptions, StreamOptions, activity_interference_stream, from_columns};
/// // A digon, of which one end fires always and the other in every fourth sample.
/// let values = [1.0, 0.0, -1.0, 0.0];
/// let (mut w, rates) = (from_columns(&values, 2, 2), [1.0, 0.25]);
/// let options = StreamOptions::new(AnalysisOptions::default(), 64 << 20);
/// let go_on = |_| ControlFlow::<()>::Continue(());
/// let seen = activity_interference_stream(&mut w, &rates, &options, go_on)?;
/// assert_eq!(seen.continue_value().unwrap().by_feature, [0.25, 1.0]);
/// # Ok::<(), superposition_analysis::AnalysisError>(())
/// ```
#[track_caller]
pub fn activity_interference_stream<S: ColumnSource, B>(
    source: &mut S,
    rates: &[f64],
    options: &StreamOptions,
    mut observe: impl FnMut(StreamProgress) -> ControlFlow<B>,
) -> Result<ControlFlow<B, ActivityInterference>, S::Error> {
    let (m, n) = source.shape();
    assert!(
        rates.len() == n,
        "{} rates for {n} features: there must be as many of each",
        rates.len()
    );
    let options = StreamOptions {
        analysis: options.analysis.with_pairs(Pairs::Skipped),
        ..*options
    };
    options.analysis.validate()?;
    check_not_empty((m, n))?;
    check_rates(rates)?;
    let plan = StreamPlan::new((m, n), size_of::<S::Element>(), &options)?;
    let pool = ThreadPool::new(options.analysis.threads);
    let mut reader = Reader::new(source, &pool);
    let mut weigh = || {
        let mut stage = Stage {
            observe: &mut observe,
            stage: StreamStage::Measuring,
        };
        let lengths = reader.measure(&mut stage)?;
        let mut represented = vec![0.0; n];
        for i in lengths.represented(options.analysis.min_norm) {
            represented[i] = rates[i];
        }
        let roots: Vec<f64> = represented.iter().map(|p| p.sqrt()).collect();
        let request = Request::of(&roots);
        let direct = plan.direct_features;
        let totals = totals(
            &mut reader,
            &lengths,
            (&[request], None),
            direct,
            &mut observe,
        )?;
        // One request: one list.
        let sums = totals.sums.concat();
        Ok(by_rates(sums, &represented, PairWeighting::Rates))
    };
    outcome(weigh())
}
