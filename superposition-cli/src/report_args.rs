//! Flags of `report` and `figure`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::args::{FormatArg, MatrixArgs, ThreadArgs, parse_bytes};

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
    /// Take at most so much memory for the dictionary, such as 2GiB; a larger one is read in blocks, and its page is without directions [default: 8GiB]
    #[arg(long, value_name = "BYTES", value_parser = parse_bytes)]
    pub(crate) memory: Option<u64>,
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
    /// Features of models with two hidden dimensions, coloured by importance: a plane for each of several folders of explore, or for each sparsity of a sweep
    #[value(alias = "plane")]
    Planes,
    /// Features of a folder or dictionary in three dimensions: --axes, or principal axes
    Space,
    /// W^T W, bias and norms, of a folder of explore
    Gram,
    /// How the capacity is shared: the dimensionality of each feature, of a folder of explore
    Capacity,
    /// Cosines of represented features over those of random directions, of a folder or dictionary
    Cosines,
    /// Which features interfere, by cluster and polytope, of a folder or dictionary
    Graph,
    /// Loss and dimensionalities over a training, of a folder of explore
    Training,
    /// What probes and the model's readout find of each feature against its leverage, of a folder of explore
    Probes,
    /// R^2 of probes with 95 % intervals, of a folder of explore or what probe --json prints
    Scores,
    /// The dimensionality of each feature of a sweep against sparsity
    Dimensionality,
    /// Dimensions per feature of each model of a sweep against sparsity
    Dimensions,
    /// The phase diagram that phase-diagram --out left, or its --json
    Phases,
    /// Losses against the number of training samples: a table (CSV, or JSON rows) with n_samples, train_loss and test_loss
    Descent,
}

/// What a figure's file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum FigureFormat {
    /// Lines and letters, sharp at any size
    Svg,
    /// Pixels, two for each of the SVG's in both directions
    Png,
}

/// Draw a figure: as SVG or PNG for a paper or a slide, or as text in the terminal
///
/// Of the folder that explore leaves, of what sweep --json prints, of a dictionary, of a table: each kind says of what. Without --out the figure is printed as text, as wide as the window. compare --figure draws two dictionaries beside each other.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  superposition figure gram superposition-out
  superposition figure gram superposition-out -o gram.svg
  superposition sweep --json > sweep.json && superposition figure dimensionality sweep.json -o dimensionality.svg
  superposition figure planes sparse/ sparser/ -o planes.svg
  superposition figure space embedding.npy --features rows --view 60,15 -o space.svg
  superposition figure training superposition-out --dark -o training.png")]
pub(crate) struct FigureArgs {
    /// What to draw
    #[arg(value_enum)]
    pub(crate) kind: FigureKindArg,
    /// The folder, document, dictionary or table; planes takes several folders
    #[arg(value_name = "FILE|DIR", required = true)]
    pub(crate) inputs: Vec<PathBuf>,
    /// File for the figure, .svg or .png; as text on stdout without
    #[arg(long, short, value_name = "FILE.svg")]
    pub(crate) out: Option<PathBuf>,
    /// What the file is [default: by the end of its name]
    #[arg(long, value_enum, requires = "out")]
    pub(crate) format: Option<FigureFormat>,
    /// Another title
    #[arg(long)]
    pub(crate) title: Option<String>,
    /// Light on dark
    #[arg(long, requires = "out")]
    pub(crate) dark: bool,
    /// Three hidden dimensions that space shows, such as 0,1,2 [default: all of three, else principal axes]
    #[arg(long, value_name = "A,B,C", value_delimiter = ',', num_args = 1)]
    pub(crate) axes: Option<Vec<usize>>,
    /// From where space is looked at: degrees around the third axis, and above the first two [default: 30,20]
    #[arg(
        long,
        value_name = "AROUND,ABOVE",
        value_delimiter = ',',
        num_args = 1,
        allow_negative_numbers = true
    )]
    pub(crate) view: Option<Vec<f64>>,
    /// Name of a dictionary's tensor; may be left out where the file holds one matrix or is a toy model
    #[arg(long, value_name = "NAME")]
    pub(crate) tensor: Option<String>,
    #[command(flatten)]
    pub(crate) matrix: MatrixArgs,
    /// What a dictionary's file is read as
    #[arg(long = "input-format", value_enum, default_value_t)]
    pub(crate) input_format: FormatArg,
    /// Features of at most this norm are left out [default: 0.5 for a toy model, else 0]
    #[arg(long, value_name = "NORM", allow_negative_numbers = true)]
    pub(crate) min_norm: Option<f64>,
    /// Replace the figure if it exists
    #[arg(long)]
    pub(crate) force: bool,
}
