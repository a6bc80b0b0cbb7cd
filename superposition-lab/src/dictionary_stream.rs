//! `analyze` of a dictionary larger than the memory it may take, block by block from its file.

use std::ops::{ControlFlow, Range};
use std::path::Path;

use superposition_analysis::{
    ActivityInterference, AnalysisError, Centered, ColumnSource, DictionaryReport, Real,
    StreamOptions, StreamPlan, StreamProgress, activity_interference_stream, analysis_memory,
    analyze_stream, check_finite, encoder_decoder_cosines, feature_norms, from_columns,
};
use superposition_io::{DictionaryLayout, Float, Orientation, StoredMatrix, TensorFile};

use crate::autoencoder::{AutoencoderSummary, EncoderSide, NormConvention, summarize_autoencoder};
use crate::dictionary::{Analyzed, Inputs};
use crate::dictionary_reading::DictionaryReading;
use crate::file_format::{Found, find_dictionary};
use crate::{AnalyzeOptions, Centering, LabError, Layer};

/// Bytes that an analysis may take where nothing else is said: 8 GiB, whatever the machine.
pub const DEFAULT_MEMORY: u64 = 8 << 30;

/// Operations a second of a thread comparing pairs: about what an AMD EPYC (Zen 4) does with AVX2 for 16,384 features in 512 dimensions.
const PAIR_RATE: f64 = 1e11;
/// Operations a second of a thread taking sums in f64, there.
const SUM_RATE: f64 = 4e10;
/// Bytes a second read from a file: a solid-state disk.
const READ_RATE: f64 = 1e9;
/// Features that are read at a time where a single pass is made.
const BLOCK: usize = 512;

/// What the analysis of a file will take, known from its header; made by [`estimate_analysis`].
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct AnalysisEstimate {
    /// Number of features, n.
    pub n_features: usize,
    /// Number of hidden dimensions, m.
    pub n_hidden: usize,
    /// Bytes that it may take.
    pub memory: u64,
    /// Bytes that it takes with the matrix in memory.
    pub in_memory: u64,
    /// How the matrix is read in blocks; none if it is in memory.
    pub stream: Option<StreamPlan>,
    /// How often the whole matrix is read.
    pub reads: f64,
    /// Operations: `$n^2 m$` for the pairs and `$6 n m^2$` for the sums.
    pub flops: f64,
    /// Seconds, at committed rates of a thread of an AMD EPYC (Zen 4) with AVX2 and of a disk of 1 GB/s; nothing is measured.
    /// What is asked for beside the report (baselines, polytopes, singular values) is not in it.
    pub seconds: f64,
}

/// Says what [`analyze_file`](crate::analyze_file) will take.
///
/// # Errors
/// As [`analyze_file`](crate::analyze_file), those that the header of the file decides.
pub fn estimate_analysis(
    path: &Path,
    options: &AnalyzeOptions,
) -> Result<AnalysisEstimate, LabError> {
    let file = TensorFile::open_dictionary(path, &options.limits)?;
    estimate_of(&find_dictionary(&file, options)?, options)
}

pub(crate) fn estimate_of(
    found: &Found<'_>,
    options: &AnalyzeOptions,
) -> Result<AnalysisEstimate, LabError> {
    let (m, n) = found.shape();
    let memory = options.memory.unwrap_or(DEFAULT_MEMORY);
    let analysis = &options.analysis;
    let stored = if found.matrix.dtype() == "F64" { 8 } else { 4 };
    let (m_wide, n_wide) = (m as u64, n as u64);
    let matrix = |bytes: u64| m_wide.saturating_mul(n_wide).saturating_mul(bytes);
    let is_contiguous = found.features == Orientation::Rows;
    let mut in_memory = memory_of((m, n), stored, is_contiguous, options);
    if found.layout.as_ref().is_some_and(|l| l.encoder.is_some()) {
        // Before the analysis the encoder is beside the decoder.
        in_memory = in_memory.max(matrix(2 * stored as u64));
    }
    let element = element_bytes(stored, options);
    let plan = |memory| StreamPlan::new((m, n), element, &StreamOptions::new(*analysis, memory));
    let stream = if in_memory > memory {
        Some(plan(memory)?)
    } else {
        None
    };
    let (sums, pairs) = match stream.map_or_else(|| plan(u64::MAX / 4), Ok) {
        Ok(plan) => (plan.sum_flops, plan.pair_flops),
        Err(_) => (f64::INFINITY, f64::INFINITY),
    };
    let reads = stream.map_or(1.0, |plan| plan.columns_read as f64 / n as f64);
    let stored_bytes = match found.matrix.dtype() {
        "F64" => 8,
        "F32" => 4,
        _ => 2,
    };
    let threads = analysis.threads.max(1) as f64;
    Ok(AnalysisEstimate {
        n_features: n,
        n_hidden: m,
        memory,
        in_memory,
        stream,
        reads,
        flops: sums + pairs,
        seconds: (pairs / PAIR_RATE + sums / SUM_RATE) / threads
            + reads * matrix(stored_bytes) as f64 / READ_RATE,
    })
}

/// Bytes of an element as it is analysed, of so many as it is stored.
fn element_bytes(stored: usize, options: &AnalyzeOptions) -> usize {
    match options.centering {
        Centering::None => stored,
        Centering::Mean => 8,
    }
}

/// Bytes that the analysis of an m x n matrix takes in memory, the matrix included.
pub(crate) fn memory_of(
    (m, n): (usize, usize),
    stored: usize,
    is_contiguous: bool,
    options: &AnalyzeOptions,
) -> u64 {
    let analysis = analysis_memory((m, n), element_bytes(stored, options), &options.analysis);
    // The view of columns that are not contiguous is copied, and so is a centred matrix.
    let is_copied = options.centering == Centering::Mean || !is_contiguous;
    let copy = (m as u64)
        .saturating_mul(n as u64)
        .saturating_mul(stored as u64);
    analysis.saturating_add(if is_copied { copy } else { 0 })
}

/// Everything that can be had of a matrix that is read in blocks.
pub(crate) fn analyze_in_blocks<B>(
    inputs: &Inputs<'_>,
    estimate: &AnalysisEstimate,
    observe: &mut dyn FnMut(StreamProgress) -> ControlFlow<B>,
) -> Result<ControlFlow<B, Analyzed>, LabError> {
    let is_deflated = !inputs.found.matrix.has_random_access();
    let memory = (estimate.memory, estimate.in_memory);
    refuse_the_rest(inputs.options, is_deflated, memory)?;
    let name = inputs.found.matrix.name();
    let result = if inputs.found.matrix.dtype() == "F64" {
        analyze_columns::<f64, B>(inputs, estimate.memory, observe)
    } else {
        analyze_columns::<f32, B>(inputs, estimate.memory, observe)
    };
    result.map_err(|error| of_tensor(name, error))
}

/// Says of a value that is not finite in which tensor it is.
fn of_tensor(name: &str, error: LabError) -> LabError {
    match error {
        LabError::Analysis(problem @ AnalysisError::NotFinite { .. }) => LabError::Tensor {
            tensor: name.to_owned(),
            problem,
        },
        other => other,
    }
}

/// What needs the matrix in memory.
pub(crate) fn refuse_the_rest(
    options: &AnalyzeOptions,
    is_deflated: bool,
    (memory, needed): (u64, u64),
) -> Result<(), LabError> {
    let refused = [
        (
            options.reading.null.is_some(),
            "random dictionaries to compare with (--null) are as large as the matrix",
            "leave them out",
        ),
        (
            options.reading.polytopes.is_some(),
            "polytopes (--polytopes) are searched for in memory",
            "leave them out",
        ),
        (
            options.layer == Layer::Summarize,
            "singular values (--layer) are computed in memory",
            "leave them out",
        ),
        (
            options.activations.is_some(),
            "interference weighted by --activations is computed in memory",
            "weight it by --firing-rates",
        ),
        (
            is_deflated,
            "a deflated member of an npz archive cannot be read in blocks as often as that takes",
            "store it as it is: numpy.savez, or an .npy file",
        ),
    ];
    match refused.into_iter().find(|(is_asked, ..)| *is_asked) {
        None => Ok(()),
        Some((_, what, instead)) => Err(LabError::NotStreamed {
            what,
            memory,
            needed,
            instead,
        }),
    }
}

/// The columns of a stored matrix as they are analysed.
struct StoredColumns<'a, T> {
    matrix: StoredMatrix<'a>,
    features: Orientation,
    /// What each feature is divided by, where that is not 0.
    divisors: Option<Vec<f64>>,
    /// Features that are set to zero.
    masked: Option<Vec<bool>>,
    element: std::marker::PhantomData<T>,
}

impl<'a, T: Real + Float> StoredColumns<'a, T> {
    fn new(matrix: StoredMatrix<'a>, features: Orientation) -> Self {
        Self {
            matrix,
            features,
            divisors: None,
            masked: None,
            element: std::marker::PhantomData,
        }
    }

    /// The columns in blocks, checked; the visitor gets the first feature of a block.
    fn for_each_block(
        &mut self,
        mut visit: impl FnMut(usize, &[T]) -> Result<(), LabError>,
    ) -> Result<(), LabError> {
        let (m, n) = self.shape();
        let mut block = vec![T::ZERO; m * BLOCK.min(n)];
        for start in (0..n).step_by(BLOCK) {
            let range = start..n.min(start + BLOCK);
            let columns = &mut block[..m * range.len()];
            self.read(range.clone(), columns)?;
            check_finite(from_columns(columns, m, range.len())).map_err(|error| match error {
                AnalysisError::NotFinite { row, column, value } => AnalysisError::NotFinite {
                    row,
                    column: start + column,
                    value,
                },
                other => other,
            })?;
            visit(start, columns)?;
        }
        Ok(())
    }
}

impl<T: Real + Float> ColumnSource for StoredColumns<'_, T> {
    type Element = T;
    type Error = LabError;

    fn shape(&self) -> (usize, usize) {
        match self.features {
            Orientation::Rows => (self.matrix.n_cols(), self.matrix.n_rows()),
            Orientation::Columns => (self.matrix.n_rows(), self.matrix.n_cols()),
        }
    }

    fn read(&mut self, features: Range<usize>, columns: &mut [T]) -> Result<(), LabError> {
        match self.features {
            Orientation::Rows => self.matrix.read_rows(features.clone(), columns)?,
            Orientation::Columns => self.matrix.read_columns(features.clone(), columns)?,
        }
        let (m, _) = self.shape();
        for (i, column) in features.zip(columns.chunks_exact_mut(m)) {
            // Rounded to the type of the file, as in memory.
            match &self.divisors {
                Some(divisors) if divisors[i] != 0.0 => {
                    for x in column.iter_mut() {
                        *x = T::from_f64(x.to_f64() / divisors[i]);
                    }
                }
                _ => {}
            }
            if self.masked.as_ref().is_some_and(|masked| masked[i]) {
                column.fill(T::ZERO);
            }
        }
        Ok(())
    }
}

fn analyze_columns<T: Real + Float, B>(
    inputs: &Inputs<'_>,
    memory: u64,
    observe: &mut dyn FnMut(StreamProgress) -> ControlFlow<B>,
) -> Result<ControlFlow<B, Analyzed>, LabError> {
    let Inputs { file, found, .. } = *inputs;
    let mut columns = StoredColumns::<T>::new(found.matrix, found.features);
    let mut autoencoder = None;
    if let Some(layout) = found.layout.as_ref().filter(|l| l.encoder.is_some()) {
        let (summary, norms) = read_autoencoder_in_blocks(file, layout, &mut columns, inputs)?;
        columns.divisors = norms;
        autoencoder = Some(summary);
    }
    columns.masked = inputs.masked();
    let options = StreamOptions::new(inputs.analysis(), memory);
    let analyzed = match inputs.options.centering {
        Centering::None => analyze_source(&mut columns, inputs.rates, &options, observe)?,
        Centering::Mean => {
            // The mean would spread what is not finite over all columns.
            columns.for_each_block(|_, _| Ok(()))?;
            let mut centered = Centered::new(columns)?;
            analyze_source(&mut centered, inputs.rates, &options, observe)?
        }
    };
    Ok(match analyzed {
        ControlFlow::Break(value) => ControlFlow::Break(value),
        ControlFlow::Continue(geometry) => ControlFlow::Continue(Analyzed {
            autoencoder,
            ..Analyzed::in_blocks(geometry)
        }),
    })
}

impl Analyzed {
    /// What there is of a matrix that is read in blocks.
    pub(crate) fn in_blocks((geometry, activity): Geometry) -> Self {
        Self {
            reading: DictionaryReading::of_report(&geometry, activity),
            geometry,
            spectrum: None,
            cosines: None,
            directions: None,
            autoencoder: None,
        }
    }
}

/// The report, and interference weighted by firing rates.
pub(crate) type Geometry = (DictionaryReport, Option<ActivityInterference>);

pub(crate) fn analyze_source<S: ColumnSource, B>(
    source: &mut S,
    rates: Option<&[f64]>,
    options: &StreamOptions,
    observe: &mut dyn FnMut(StreamProgress) -> ControlFlow<B>,
) -> Result<ControlFlow<B, Geometry>, S::Error> {
    let geometry = match analyze_stream(source, options, &mut *observe)? {
        ControlFlow::Continue(geometry) => geometry,
        ControlFlow::Break(value) => return Ok(ControlFlow::Break(value)),
    };
    let activity = match rates {
        None => None,
        Some(rates) => match activity_interference_stream(source, rates, options, observe)? {
            ControlFlow::Continue(activity) => Some(activity),
            ControlFlow::Break(value) => return Ok(ControlFlow::Break(value)),
        },
    };
    Ok(ControlFlow::Continue((geometry, activity)))
}

/// As [`read_autoencoder`](crate::autoencoder::read_autoencoder), with the norms that the decoder is to be divided by, if
/// it is.
fn read_autoencoder_in_blocks<T: Real + Float>(
    file: &TensorFile,
    layout: &DictionaryLayout,
    decoder: &mut StoredColumns<'_, T>,
    inputs: &Inputs<'_>,
) -> Result<(AutoencoderSummary, Option<Vec<f64>>), LabError> {
    let (m, n) = decoder.shape();
    let mut stored_norms = Vec::with_capacity(n);
    decoder.for_each_block(|_, columns| {
        stored_norms.extend(feature_norms(from_columns(columns, m, columns.len() / m)));
        Ok(())
    })?;
    let encoder = match &layout.encoder {
        None => None,
        Some(place) => {
            let matrix = file.matrix(Some(&place.tensor), None)?;
            // f64 holds the values of every type.
            let mut encoder = StoredColumns::<f64>::new(matrix, place.features);
            let (m_encoder, _) = encoder.shape();
            let mut side = EncoderSide {
                norms: Vec::with_capacity(n),
                cosines: (!layout.is_transcoder).then(Vec::new),
            };
            let mut block = Vec::new();
            encoder
                .for_each_block(|first, columns| {
                    let e = from_columns(columns, m_encoder, columns.len() / m_encoder);
                    side.norms.extend(feature_norms(e));
                    if let Some(cosines) = &mut side.cosines {
                        block.resize(m * e.ncols(), T::ZERO);
                        decoder.read(first..first + e.ncols(), &mut block)?;
                        let d = from_columns(&block, m, e.ncols());
                        cosines.extend(encoder_decoder_cosines(e, d));
                    }
                    Ok(())
                })
                .map_err(|error| of_tensor(&place.tensor, error))?;
            Some(side)
        }
    };
    let norms = inputs.options.decoder_norms;
    let summary = summarize_autoencoder(file, layout, &stored_norms, encoder, norms)?;
    let is_folded = summary.decoder_norms == NormConvention::Folded;
    Ok((summary, is_folded.then_some(stored_norms)))
}
