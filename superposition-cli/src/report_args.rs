//! Flags of `report` and `figure`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::args::{FormatArg, MatrixArgs, ThreadArgs};

/// Make one HTML page to explore of what other commands left, or of any dictionary
///
/// The page opens from disk and asks no network for anything. It shows a dictionary's geometry, interference, features, clusters and neurons, a training played back, phase diagrams, sweeps, probes: whatever the files hold.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  superposition report superposition-out -o report.html
  superposition report model.safetensors --tensor embeddings.word_embeddings.weight --features rows --labels vocab.txt -o embedding.html
  superposition report phases/ -o phases.html
  superposition sweep --json > sweep.json && superposition report sweep.json -o sweep.html")]
pub(crate) struct ReportArgs {
    /// Folders of explore and phase-diagram, JSON of sweep and probe, and at most one dictionary: any file or folder that analyze reads
    #[arg(required = true, value_name = "FILE|DIR")]
    pub(crate) inputs: Vec<PathBuf>,
    /// File for the page
    #[arg(long, short, value_name = "FILE.html")]
    pub(crate) out: PathBuf,
    /// Title of the page
    #[arg(long)]
    pub(crate) title: Option<String>,
    /// What a dictionary's file is read as
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: FormatArg,
    /// Name of the tensor; may be left out where the file holds one matrix or is a toy model
    #[arg(long, value_name = "NAME")]
    pub(crate) tensor: Option<String>,
    #[command(flatten)]
    pub(crate) matrix: MatrixArgs,
    /// Names of the features, a line each
    #[arg(long, value_name = "FILE.txt")]
    pub(crate) labels: Option<PathBuf>,
    /// Two features with cos^2 above this are an edge; the components of these are the clusters
    #[arg(long, value_name = "COS2", allow_negative_numbers = true)]
    pub(crate) threshold: Option<f64>,
    /// Do not compare features pair by pair: no nearest features and clusters, in a fraction of the time
    #[arg(long, conflicts_with = "threshold")]
    pub(crate) no_pairs: bool,
    /// Subtract the mean direction first
    #[arg(long)]
    pub(crate) center: bool,
    /// Features of at most this norm are not represented [default: 0.5 for a toy model, else 0]
    #[arg(long, value_name = "NORM", allow_negative_numbers = true)]
    pub(crate) min_norm: Option<f64>,
    /// Numbers of directions in the page at most: a dictionary that has more is shown by features evenly apart [default: 2097152]
    #[arg(long, value_name = "N")]
    pub(crate) max_values: Option<usize>,
    /// Replace the page if it exists
    #[arg(long)]
    pub(crate) force: bool,
    /// Show no progress
    #[arg(long, short)]
    pub(crate) quiet: bool,
    #[command(flatten)]
    pub(crate) threads: ThreadArgs,
}

/// What a figure shows.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum FigureKindArg {
    /// The features of a model with two hidden dimensions, coloured by importance
    Plane,
    /// W^T W, bias and norms
    Gram,
    /// The dimensionality of each feature
    Capacity,
    /// Cosines of represented features over those of random directions
    Cosines,
    /// Loss and dimensionalities over a training
    Training,
    /// What probes and the model's readout find of each feature
    Probes,
    /// The dimensionality of each feature of a sweep against sparsity
    Dimensionality,
    /// Dimensions per feature of each model of a sweep against sparsity
    Dimensions,
}

/// Draw a figure as SVG, for a paper or a slide
///
/// Of the folder that explore leaves; dimensionality and dimensions are of what sweep --json prints. phase-diagram writes its figure itself.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  superposition figure gram superposition-out -o gram.svg
  superposition sweep --json > sweep.json && superposition figure dimensionality sweep.json -o dimensionality.svg
  superposition figure training superposition-out --dark -o training.svg")]
pub(crate) struct FigureArgs {
    /// What to draw
    #[arg(value_enum)]
    pub(crate) kind: FigureKindArg,
    /// The folder, or the document of a sweep
    #[arg(value_name = "FILE|DIR")]
    pub(crate) input: PathBuf,
    /// File for the figure
    #[arg(long, short, value_name = "FILE.svg")]
    pub(crate) out: PathBuf,
    /// Another title
    #[arg(long)]
    pub(crate) title: Option<String>,
    /// Light on dark
    #[arg(long)]
    pub(crate) dark: bool,
    /// Replace the figure if it exists
    #[arg(long)]
    pub(crate) force: bool,
}
