//! `analyze`: the geometry of a dictionary of feature directions in a file.

use std::convert::Infallible;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use superposition_analysis::faer::MatRef;
use superposition_analysis::{
    ActiveSets, Activity, AnalysisOptions, DictionaryReport, FeatureRow, Features, Real,
    StreamProgress, analyze, center, cosines, layer_summary,
};
use superposition_io::{Orientation, ReadLimits, TensorFile};

use crate::LabError;
use crate::autoencoder::{
    AutoencoderSummary, DecoderNorms, check_matrix, read_autoencoder, update_features, with_view,
};
use crate::dictionary_reading::{DictionaryReading, ReadingOptions, read_more};
use crate::dictionary_stream::{analyze_in_blocks, estimate_of};
use crate::feature_table::{ColumnValues, FeatureTable, geometry_table};
use crate::file_format::{FileFormat, FormatDecision, Found, find_dictionary};
use crate::firing::{
    FiringSummary, check_dead, firing_rates, is_dead, masked, rates_of, summarize_firing,
};
use crate::kept_directions::KeptDirections;
use crate::labels::labels_of;
use crate::samples::{SampleSource, same_count};

/// Most features whose cosines a report draws.
const MAX_COSINES: usize = 64;

/// What to analyse in a file, and how.
///
/// `None` means: as the file says, or the default. A toy model written by this workspace says
/// that its features are the columns of `W` and that a feature counts as represented above norm
/// 0.5; other files say neither.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct AnalyzeOptions {
    /// Name of the tensor; may be left out where the file holds one matrix or is our model.
    pub tensor: Option<String>,
    /// Which side the features are.
    pub features: Option<Orientation>,
    /// Index along the first dimension of a three-dimensional tensor.
    pub slice: Option<usize>,
    /// Whether the mean direction is subtracted first.
    pub centering: Centering,
    /// Features of at most this norm are not represented.
    pub min_norm: Option<f64>,
    /// Threshold of clusters, threads; its `min_norm` is the one above.
    pub analysis: AnalysisOptions,
    /// Whether the matrix is also summarised as a layer.
    pub layer: Layer,
    /// What may be read.
    pub limits: ReadLimits,
    /// What the file is read as.
    pub format: FileFormat,
    /// What happens to the norms of an autoencoder's decoder.
    pub decoder_norms: DecoderNorms,
    /// A file with how often each feature fires; see [`read_firing_rates`](crate::read_firing_rates).
    pub firing_rates: Option<PathBuf>,
    /// Activations of the features over samples: pairs are weighted by how often both are active, instead of by the
    /// product of firing rates.
    pub activations: Option<SampleSource>,
    /// Whether features that never fire count.
    pub dead: DeadFeatures,
    /// A file with a name per feature; see [`read_labels`](crate::read_labels).
    pub labels: Option<PathBuf>,
    /// What more to read: baselines, polytopes.
    pub reading: ReadingOptions,
    /// Bytes that the analysis may take, listed edges and tables not counted; [`DEFAULT_MEMORY`](crate::DEFAULT_MEMORY)
    /// if none are given. A dictionary that needs more is read in blocks.
    pub memory: Option<u64>,
    /// Most values of directions that are kept beside the report, to be drawn: every so manieth feature, if all have more.
    pub kept_values: usize,
    /// A file that is analysed in the same way, such as the same autoencoder at its random initialisation.
    pub control: Option<PathBuf>,
}

/// What becomes of features whose firing rate is below [`DEAD_FIRING_RATE`](crate::DEAD_FIRING_RATE).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeadFeatures {
    /// They are counted, marked in the table of features, and analysed like others.
    #[default]
    Keep,
    /// Their directions are set to zero too, so that they are not represented and no statistic over pairs has them.
    Mask,
}

impl AnalyzeOptions {
    /// The same with a tensor named.
    #[must_use]
    pub fn with_tensor(mut self, tensor: Option<String>) -> Self {
        self.tensor = tensor;
        self
    }

    /// The same with an orientation.
    #[must_use]
    pub fn with_features(mut self, features: Option<Orientation>) -> Self {
        self.features = features;
        self
    }

    /// The same with a format.
    #[must_use]
    pub fn with_format(mut self, format: FileFormat) -> Self {
        self.format = format;
        self
    }

    /// The same with a slice.
    #[must_use]
    pub fn with_slice(mut self, slice: Option<usize>) -> Self {
        self.slice = slice;
        self
    }

    /// The same with a represented norm.
    #[must_use]
    pub fn with_min_norm(mut self, min_norm: Option<f64>) -> Self {
        self.min_norm = min_norm;
        self
    }
}

/// Whether a matrix is also summarised as a layer: rank, singular values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Layer {
    /// No.
    #[default]
    Skip,
    /// Yes; costs a singular value decomposition.
    Summarize,
}

/// Whether the mean of all directions is subtracted before the analysis.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Centering {
    /// Directions as they are.
    #[default]
    None,
    /// Minus their mean.
    Mean,
}

/// The singular values of a matrix, and how many of them matter.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Spectrum {
    /// Numerical rank.
    pub rank: usize,
    /// Exponential of the entropy of the normalised singular values; none for a zero matrix.
    pub effective_rank: Option<f64>,
    /// `$(\sum \sigma^2)^2 / \sum \sigma^4$`; none for a zero matrix.
    pub participation_ratio: Option<f64>,
    /// In decreasing order.
    pub singular_values: Vec<f64>,
}

/// The JSON document of `superposition analyze`.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct AnalysisDocument {
    /// `superposition/analysis/v1`.
    pub schema: &'static str,
    /// Name of the tensor.
    pub tensor: String,
    /// Which side of it the features are.
    pub features: Orientation,
    /// What the file was read as, and why.
    pub format: FormatDecision,
    /// Which slice of a three-dimensional tensor.
    pub slice: Option<usize>,
    /// Whether the mean was subtracted.
    pub centering: Centering,
    /// Rank and singular values, if asked for.
    pub spectrum: Option<Spectrum>,
    /// The encoder's side, where the file is an autoencoder's.
    pub autoencoder: Option<AutoencoderSummary>,
    /// How often features fire, where that is known.
    pub firing: Option<FiringSummary>,
    /// The control, if one was given.
    pub control: Option<Box<ControlSummary>>,
    /// The names of the features, if they were given.
    #[serde(skip)]
    pub labels: Option<Vec<String>>,
    /// Cosines of all pairs, column after column, where there are few enough features to look at.
    #[serde(skip)]
    pub cosines: Option<Vec<f64>>,
    /// The directions of features, if they were asked for and the dictionary was not read in blocks.
    #[serde(skip)]
    pub directions: Option<KeptDirections>,
    /// The numbers.
    #[serde(flatten)]
    pub geometry: DictionaryReport,
    /// What they are to be compared with, and what else was asked for.
    #[serde(flatten)]
    pub reading: DictionaryReading,
}

impl AnalysisDocument {
    /// The per-feature rows.
    #[must_use]
    pub fn rows(&self) -> &[FeatureRow] {
        &self.geometry.features
    }

    /// The edges, where they were listed: `i`, `j`, `cosine`, and with labels `label_i`, `label_j`.
    #[must_use]
    pub fn edge_table(&self) -> FeatureTable {
        let edges = &self.geometry.edges;
        let mut table = FeatureTable::new(edges.len());
        let first: Vec<usize> = edges.iter().map(|edge| edge.i).collect();
        let second: Vec<usize> = edges.iter().map(|edge| edge.j).collect();
        let indices =
            |ends: &[usize]| ColumnValues::Index(ends.iter().copied().map(Some).collect());
        table.push("i", indices(&first));
        table.push("j", indices(&second));
        table.push(
            "cosine",
            ColumnValues::numbers(edges.iter().map(|edge| edge.value)),
        );
        if let Some(labels) = &self.labels {
            for (name, ends) in [("label_i", &first), ("label_j", &second)] {
                let names = ends.iter().map(|&i| labels[i].clone()).collect();
                table.push(name, ColumnValues::Text(names));
            }
        }
        table
    }

    /// What is known of each feature: `feature`, `label` where labels were given, the columns of
    /// [`geometry_table`]; beside baselines `interference_z`, how many standard deviations the mean interference is
    /// above that of directions with the same moments, and `interference_z_isotropic`; for autoencoders `decoder_norm` (as stored), `encoder_norm`, `encoder_cosine`,
    /// biases and thresholds under their names in the file (with the norms of the decoder folded in, if they
    /// were), `firing_rate` and `dead`.
    #[must_use]
    pub fn feature_table(&self) -> FeatureTable {
        let geometry = geometry_table(&self.geometry);
        let mut table = FeatureTable::new(self.rows().len());
        for (k, (name, values)) in geometry.columns().iter().enumerate() {
            table.push(name, values.clone());
            if let (0, Some(labels)) = (k, &self.labels) {
                table.push("label", ColumnValues::Text(labels.clone()));
            }
        }
        self.reading.push_columns(&self.geometry, &mut table);
        if let Some(autoencoder) = &self.autoencoder {
            for (name, values) in &autoencoder.columns {
                table.push(name, values.clone());
            }
        }
        if let Some(firing) = &self.firing {
            let rates = firing.rates.iter().copied();
            table.push("firing_rate", ColumnValues::numbers(rates));
            let dead = firing.rates.iter().map(|rate| is_dead(*rate)).collect();
            table.push("dead", ColumnValues::Flag(dead));
        }
        table
    }
}

/// The same statistics of another file: part of the analysis document.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct ControlSummary {
    /// Name of its tensor.
    pub tensor: String,
    /// What it was read as.
    pub format: FormatDecision,
    /// Its encoder's side, where it is an autoencoder's.
    pub autoencoder: Option<AutoencoderSummary>,
    /// The numbers.
    pub geometry: DictionaryReport,
}

/// Reads a matrix of directions from a file and analyses it.
///
/// `path` may be the folder of a program whose format is known; see [`TensorFile::open_dictionary`].
///
/// A dictionary that does not fit the options' memory is read in blocks, with the same result to the bit, but without
/// baselines, polytopes and singular values; [`estimate_analysis`](crate::estimate_analysis) says first what it takes.
///
/// # Errors
/// The file cannot be read, the tensor is unknown, the orientation is neither given nor in the
/// file, a value is not finite (which one is named), labels, firing rates or control do not fit, or what is asked for
/// cannot be had in the memory granted.
pub fn analyze_file(path: &Path, options: &AnalyzeOptions) -> Result<AnalysisDocument, LabError> {
    let go_on = &mut |_| ControlFlow::<Infallible>::Continue(());
    let ControlFlow::Continue(document) = analyze_file_observed(path, options, go_on)?;
    Ok(document)
}

/// As [`analyze_file`]; where the dictionary is read in blocks `observe` hears of the progress, many times a second, and
/// ends the analysis by breaking with a value, which is returned.
///
/// # Errors
/// As [`analyze_file`].
pub fn analyze_file_observed<B>(
    path: &Path,
    options: &AnalyzeOptions,
    observe: &mut dyn FnMut(StreamProgress) -> ControlFlow<B>,
) -> Result<ControlFlow<B, AnalysisDocument>, LabError> {
    let file = TensorFile::open_dictionary(path, &options.limits)?;
    let found = find_dictionary(&file, options)?;
    let n_features = found.shape().1;
    let labels = labels_of(options.labels.as_deref(), n_features)?;
    let layout = found.layout.as_ref();
    let stored_rates = layout.and_then(|layout| layout.firing_rates.as_ref());
    let stored_rates = stored_rates
        .map(|name| firing_rates(&file, name, n_features))
        .transpose()?;
    let rates = rates_of(options, n_features)?.or(stored_rates);
    check_dead(options, rates.as_deref())?;
    let estimate = estimate_of(&found, options)?;
    let inputs = Inputs {
        file: &file,
        found: &found,
        rates: rates.as_deref(),
        options,
    };
    let Analyzed {
        geometry,
        spectrum,
        cosines,
        directions,
        autoencoder,
        reading,
    } = if estimate.stream.is_some() {
        match analyze_in_blocks(&inputs, &estimate, observe)? {
            ControlFlow::Continue(analyzed) => analyzed,
            ControlFlow::Break(value) => return Ok(ControlFlow::Break(value)),
        }
    } else {
        analyze_in_memory(path, &inputs)?
    };
    let control = match &options.control {
        None => None,
        Some(control) => match analyze_control(
            &path.display().to_string(),
            &geometry,
            control,
            options,
            observe,
        )? {
            ControlFlow::Continue(control) => Some(control),
            ControlFlow::Break(value) => return Ok(ControlFlow::Break(value)),
        },
    };
    Ok(ControlFlow::Continue(AnalysisDocument {
        schema: "superposition/analysis/v1",
        tensor: found.matrix.name().to_owned(),
        features: found.features,
        format: found.format,
        slice: options.slice,
        centering: options.centering,
        spectrum,
        autoencoder,
        firing: rates.and_then(|rates| summarize_firing(rates, options.dead)),
        control,
        labels,
        cosines,
        directions,
        geometry,
        reading,
    }))
}

/// What is analysed.
pub(crate) struct Inputs<'a> {
    pub(crate) file: &'a TensorFile,
    pub(crate) found: &'a Found<'a>,
    /// How often each feature fires, where that is known.
    pub(crate) rates: Option<&'a [f64]>,
    pub(crate) options: &'a AnalyzeOptions,
}

impl Inputs<'_> {
    /// The options of the analysis, with what the file says.
    pub(crate) fn analysis(&self) -> AnalysisOptions {
        let min_norm = self.found.min_norm;
        self.options.analysis.with_min_norm(min_norm)
    }

    /// Which directions are set to zero.
    pub(crate) fn masked(&self) -> Option<Vec<bool>> {
        masked(self.options, self.rates)
    }
}

/// Everything, with the matrix in memory.
fn analyze_in_memory(path: &Path, inputs: &Inputs<'_>) -> Result<Analyzed, LabError> {
    let Inputs {
        file,
        found,
        rates,
        options,
    } = *inputs;
    let (features, n_features) = (found.features, found.shape().1);
    let mut matrix = found.matrix.read()?;
    check_matrix(&matrix, features)?;
    let mut autoencoder = None;
    if let Some(layout) = found.layout.as_ref().filter(|l| l.encoder.is_some()) {
        let norms = options.decoder_norms;
        autoencoder = Some(read_autoencoder(file, layout, &mut matrix, norms)?);
    }
    if let Some(masked) = inputs.masked() {
        update_features(
            &mut matrix,
            features,
            |i, x| if masked[i] { 0.0 } else { x },
        );
    }
    let active = active_sets(&path.display().to_string(), n_features, options)?;
    let activity = activity_of(active.as_ref(), rates);
    let analyzed = with_view!(&matrix, features, |w| analyze_view(
        w,
        activity,
        options,
        &inputs.analysis()
    ))?;
    Ok(Analyzed {
        autoencoder,
        ..analyzed
    })
}

/// The features active in every sample of the file of activations, if the options name one.
pub(crate) fn active_sets(
    dictionary: &str,
    n_features: usize,
    options: &AnalyzeOptions,
) -> Result<Option<ActiveSets>, LabError> {
    let Some(source) = &options.activations else {
        return Ok(None);
    };
    let (_, activations) = source.read()?;
    same_count(
        "features",
        (dictionary, n_features),
        (&source.path.display().to_string(), activations.nrows()),
    )?;
    let sets = ActiveSets::from_activations(activations.as_ref(), 0.0)?;
    Ok(Some(sets))
}

/// What is known of how often features are active together.
pub(crate) fn activity_of<'a>(
    sets: Option<&'a ActiveSets>,
    rates: Option<&'a [f64]>,
) -> Activity<'a> {
    match (sets, rates) {
        (Some(sets), _) => Activity::Samples(sets),
        (None, Some(rates)) => Activity::Rates(rates),
        (None, None) => Activity::Unknown,
    }
}

/// Analyses the control of a dictionary, of which it must have the shape.
pub(crate) fn analyze_control<B>(
    dictionary: &str,
    geometry: &DictionaryReport,
    control: &Path,
    options: &AnalyzeOptions,
    observe: &mut dyn FnMut(StreamProgress) -> ControlFlow<B>,
) -> Result<ControlFlow<B, Box<ControlSummary>>, LabError> {
    let mut options = options.clone();
    (options.labels, options.firing_rates, options.control) = (None, None, None);
    options.activations = None;
    options.reading = ReadingOptions::default();
    (options.layer, options.kept_values) = (Layer::Skip, 0);
    let document = match analyze_file_observed(control, &options, observe)? {
        ControlFlow::Continue(document) => document,
        ControlFlow::Break(value) => return Ok(ControlFlow::Break(value)),
    };
    let there = control.display().to_string();
    for (what, n, n_control) in [
        (
            "features",
            geometry.n_features,
            document.geometry.n_features,
        ),
        ("dimensions", geometry.n_hidden, document.geometry.n_hidden),
    ] {
        same_count(what, (dictionary, n), (&there, n_control))?;
    }
    Ok(ControlFlow::Continue(Box::new(ControlSummary {
        tensor: document.tensor,
        format: document.format,
        autoencoder: document.autoencoder,
        geometry: document.geometry,
    })))
}

/// What is computed from a matrix.
pub(crate) struct Analyzed {
    pub(crate) geometry: DictionaryReport,
    pub(crate) spectrum: Option<Spectrum>,
    pub(crate) cosines: Option<Vec<f64>>,
    pub(crate) directions: Option<KeptDirections>,
    pub(crate) autoencoder: Option<AutoencoderSummary>,
    pub(crate) reading: DictionaryReading,
}

pub(crate) fn analyze_view<T: Real>(
    w: MatRef<'_, T>,
    activity: Activity<'_>,
    options: &AnalyzeOptions,
    analysis: &AnalysisOptions,
) -> Result<Analyzed, LabError> {
    match options.centering {
        Centering::None => analyze_columns(w, activity, options, analysis),
        Centering::Mean => analyze_columns(center(w).as_ref(), activity, options, analysis),
    }
}

fn analyze_columns<T: Real>(
    w: MatRef<'_, T>,
    activity: Activity<'_>,
    options: &AnalyzeOptions,
    analysis: &AnalysisOptions,
) -> Result<Analyzed, LabError> {
    let few = w.ncols() <= MAX_COSINES;
    let (geometry, spectrum) = match options.layer {
        Layer::Skip => (analyze(w, analysis)?, None),
        Layer::Summarize => {
            let layer = layer_summary(w, Features::Columns, analysis)?;
            let spectrum = Spectrum {
                rank: layer.rank,
                effective_rank: layer.effective_rank,
                participation_ratio: layer.participation_ratio,
                singular_values: layer.singular_values,
            };
            (layer.geometry, Some(spectrum))
        }
    };
    let cosines = few.then(|| {
        let cosines = cosines(w);
        let columns = cosines.col_iter();
        columns.flat_map(|column| column.iter().copied()).collect()
    });
    let rank = spectrum.as_ref().map(|spectrum| spectrum.rank);
    let reading = read_more(w, &geometry, rank, activity, analysis, &options.reading)?;
    Ok(Analyzed {
        geometry,
        spectrum,
        cosines,
        directions: KeptDirections::of(w, options.kept_values),
        autoencoder: None,
        reading,
    })
}
