//! The command line's shape. Help texts say what a flag means; defaults come from the presets.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use superposition_lab::analysis::MatchMethod;
use superposition_lab::io::DictionaryFormat;
use superposition_lab::{DecoderNorms, FileFormat, Orientation};

use crate::exact_args::{LandscapeArgs, LossArgs, OptimumArgs, PhaseDiagramArgs};
use crate::progress::Verbosity;
use crate::recipe_args::RecipeArgs;
use crate::report_args::{FigureArgs, ReportArgs};
use crate::reproduce_args::ReproduceArgs;

/// Train toy models of superposition; analyse and probe any dictionary of features.
///
/// Results go to stdout, progress and errors to stderr.
/// Exit codes: 0 done, 1 data or run failed, 2 usage, 75 interrupted with a training that can be resumed, 130 interrupted.
#[derive(Parser, Debug)]
#[command(name = "superposition", version, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    Explore(ExploreArgs),
    Train(TrainArgs),
    Analyze(AnalyzeArgs),
    Probe(ProbeArgs),
    Sample(SampleArgs),
    Activations(ActivationsArgs),
    Compare(CompareArgs),
    Sweep(SweepArgs),
    Reproduce(ReproduceArgs),
    Optimum(OptimumArgs),
    Landscape(LandscapeArgs),
    Loss(LossArgs),
    PhaseDiagram(PhaseDiagramArgs),
    Report(ReportArgs),
    Figure(FigureArgs),
    Completions(CompletionsArgs),
}

/// Flags of every command.
#[derive(Args, Clone, Debug)]
pub(crate) struct CommonArgs {
    /// Print one JSON document on stdout instead of text
    #[arg(long)]
    pub(crate) json: bool,
    /// Show no progress
    #[arg(long, short)]
    pub(crate) quiet: bool,
}

/// Threads, for commands that use them.
#[derive(Args, Clone, Debug)]
pub(crate) struct ThreadArgs {
    /// Threads, at most 1024 [default: all of this machine]. Training steps are made, pairs of features compared and models of a sweep trained in parallel. Results do not depend on it
    #[arg(long, value_name = "THREADS", value_parser = parse_threads)]
    threads: Option<NonZeroUsize>,
}

impl ThreadArgs {
    pub(crate) fn get(&self) -> NonZeroUsize {
        self.threads
            .unwrap_or_else(superposition_lab::available_threads)
    }
}

impl CommonArgs {
    pub(crate) fn verbosity(&self) -> Verbosity {
        if self.quiet {
            Verbosity::Quiet
        } else {
            Verbosity::Normal
        }
    }
}

/// What a training does about what is there already.
#[derive(Args, Clone, Debug)]
pub(crate) struct StartArgs {
    /// Go on with the training that Ctrl-C stopped: with the other flags as they were, the results are those of a training that was never stopped
    #[arg(long)]
    pub(crate) resume: bool,
    /// Replace what an earlier run left; without --resume, a training that was stopped too
    #[arg(long)]
    pub(crate) force: bool,
}

/// Which side of a stored matrix features or samples are.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Side {
    Rows,
    Columns,
}

impl From<Side> for Orientation {
    fn from(side: Side) -> Self {
        match side {
            Side::Rows => Self::Rows,
            Side::Columns => Self::Columns,
        }
    }
}

/// What a file is read as.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(crate) enum FormatArg {
    /// What metadata, tensor names and the configuration beside the file say
    #[default]
    Auto,
    /// A toy model of this program
    ToyModel,
    /// Any matrix, whose features are on the side that --features says: the weight [out, in] of a linear layer, an embedding, npy, npz
    Matrix,
    /// SAELens: sae_weights.safetensors with cfg.json, W_dec [d_sae, d_in]
    Saelens,
    /// Gemma Scope: params.npz or params.safetensors, W_dec [d_sae, d_model]
    GemmaScope,
    /// EleutherAI's sparsify: sae.safetensors with cfg.json, W_dec [num_latents, d_in]
    Sparsify,
    /// A SyntheticModel of SAELens: synthetic_model.safetensors, feature_vectors [num_features, hidden_dim]
    SaelensSynthetic,
}

impl From<FormatArg> for FileFormat {
    fn from(format: FormatArg) -> Self {
        match format {
            FormatArg::Auto => Self::Auto,
            FormatArg::ToyModel => Self::ToyModel,
            FormatArg::Matrix => Self::Matrix,
            FormatArg::Saelens => Self::Dictionary(DictionaryFormat::SaeLens),
            FormatArg::GemmaScope => Self::Dictionary(DictionaryFormat::GemmaScope),
            FormatArg::Sparsify => Self::Dictionary(DictionaryFormat::Sparsify),
            FormatArg::SaelensSynthetic => Self::Dictionary(DictionaryFormat::SaeLensSynthetic),
        }
    }
}

/// What happens to the norms of a decoder.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(crate) enum DecoderNormsArg {
    /// Moved to the encoder: directions of norm 1
    #[default]
    Fold,
    /// As stored
    Keep,
}

impl From<DecoderNormsArg> for DecoderNorms {
    fn from(norms: DecoderNormsArg) -> Self {
        match norms {
            DecoderNormsArg::Fold => Self::Fold,
            DecoderNormsArg::Keep => Self::Keep,
        }
    }
}

/// Train a toy model, analyse it, probe every feature, print the report
///
/// Without flags: 100 features in 20 hidden dimensions at sparsity 0.9, importance geometric from 1 to 0.01, 10,000 steps of batch 1024. Leaves model.safetensors, history.csv, analysis.json, report.txt and snapshots.safetensors (W at some steps) in the output folder. Ctrl-C during the training leaves checkpoint.safetensors there, from which --resume goes on.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  superposition explore
  superposition explore --n-features 5 --n-hidden 2 --sparsity 0.95 --importance uniform --out pentagon
  superposition explore --html explore.html
  superposition explore --sets correlated:2 --out pairs
  superposition explore --steps 2000 --json --quiet > exploration.json")]
pub(crate) struct ExploreArgs {
    #[command(flatten)]
    pub(crate) recipe: RecipeArgs,
    /// Folder for the results
    #[arg(long, value_name = "DIR", default_value = "superposition-out")]
    pub(crate) out: PathBuf,
    /// Also make one HTML page to explore of the results, as report does
    #[arg(long, value_name = "FILE.html")]
    pub(crate) html: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) start: StartArgs,
    #[command(flatten)]
    pub(crate) common: CommonArgs,
    #[command(flatten)]
    pub(crate) threads: ThreadArgs,
}

/// Train a toy model and write it to a file
///
/// Presets as in explore. The file holds W (m x n) and b (n) in f32 and the configuration as metadata; the same flags give the same bytes. Ctrl-C leaves NAME.checkpoint.safetensors beside it, from which --resume goes on.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  superposition train --out model.safetensors
  superposition train --n-features 20 --n-hidden 5 --feature-probability 0.05 --importance geometric:0.7 --out model.safetensors --history history.csv")]
pub(crate) struct TrainArgs {
    #[command(flatten)]
    pub(crate) recipe: RecipeArgs,
    /// File for the model
    #[arg(long, value_name = "FILE.safetensors")]
    pub(crate) out: PathBuf,
    /// File for the loss and the geometry over training
    #[arg(long, value_name = "FILE.csv")]
    pub(crate) history: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) start: StartArgs,
    #[command(flatten)]
    pub(crate) common: CommonArgs,
    #[command(flatten)]
    pub(crate) threads: ThreadArgs,
}

/// A matrix of directions in a file
#[derive(Args, Clone, Debug)]
pub(crate) struct MatrixArgs {
    /// Which side the features are: rows (PyTorch decoders, embeddings) or columns (W of a toy model, m x n); a toy model's file says so itself
    #[arg(long, value_enum)]
    pub(crate) features: Option<Side>,
    /// Index along the first dimension of a three-dimensional tensor
    #[arg(long, value_name = "K")]
    pub(crate) slice: Option<usize>,
}

/// Analyse the geometry of a dictionary of feature directions in a file
///
/// Reads safetensors (one file, or sharded through model.safetensors.index.json), npy and npz in F64, F32, F16 and BF16, and the files and folders of SAELens, Gemma Scope and sparsify. A dictionary larger than --memory is read in blocks, with the same result; what that takes is said first.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  superposition analyze superposition-out/model.safetensors
  superposition analyze model.safetensors --list
  superposition analyze model.safetensors --tensor embeddings.word_embeddings.weight --features rows --json
  superposition analyze decoder.npy --features rows --center --per-feature features.csv
  superposition analyze sae/ --firing-rates sae/sparsity.safetensors --control random-init/ --per-feature latents.npz
  superposition analyze params.npz --format gemma-scope --json
  superposition analyze huge.safetensors --features rows --memory 2GiB --pairs")]
pub(crate) struct AnalyzeArgs {
    /// The file, or the folder of a program whose format is known
    pub(crate) file: PathBuf,
    /// What the file is read as; what was decided on is printed
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: FormatArg,
    /// Name of the tensor; may be left out where the file holds one matrix or is a toy model
    #[arg(long, value_name = "NAME")]
    pub(crate) tensor: Option<String>,
    #[command(flatten)]
    pub(crate) matrix: MatrixArgs,
    /// List the names, shapes and types of the file's tensors
    #[arg(long, conflicts_with_all = ["per_feature", "edges_out", "center", "layer", "tensor", "slice", "features", "firing_rates", "labels", "control"])]
    pub(crate) list: bool,
    /// Two features with cos^2 above this are an edge; the components of these are the clusters
    #[arg(
        long,
        visible_alias = "edges",
        value_name = "COS2",
        allow_negative_numbers = true
    )]
    pub(crate) threshold: Option<f64>,
    /// Write the edges: a row per pair
    #[arg(long, value_name = "FILE.{csv,jsonl,npz}")]
    pub(crate) edges_out: Option<PathBuf>,
    /// Find so many of the nearest and of the most opposed features of each, for --per-feature
    #[arg(long, value_name = "K", default_value_t = 1)]
    pub(crate) neighbors: usize,
    /// Do not compare features pair by pair: norms, dimensionality and interference alone, which take a fraction of the time
    #[arg(long, conflicts_with_all = ["edges_out", "neighbors"])]
    pub(crate) no_pairs: bool,
    /// Compare all pairs even where that is estimated to take more than an hour
    #[arg(long, conflicts_with = "no_pairs")]
    pub(crate) pairs: bool,
    /// Take at most so much memory, such as 2GiB, and read a larger dictionary in blocks [default: 8GiB]
    #[arg(long, value_name = "BYTES", value_parser = parse_bytes)]
    pub(crate) memory: Option<u64>,
    /// Subtract the mean direction first
    #[arg(long)]
    pub(crate) center: bool,
    /// Features of at most this norm are not represented [default: 0.5 for a toy model, else 0]
    #[arg(long, value_name = "NORM", allow_negative_numbers = true)]
    pub(crate) min_norm: Option<f64>,
    /// Name the components at cos^2 > 0.05 (or COS2): digon, pentagon, square antiprism, ...
    #[arg(long, value_name = "COS2", num_args = 0..=1, default_missing_value = "0.05")]
    pub(crate) polytopes: Option<f64>,
    /// Compare with K random dictionaries, isotropic and of the same mean and covariance; --per-feature then has interference_z
    #[arg(long, value_name = "K", num_args = 0..=1, default_missing_value = "20", conflicts_with = "no_pairs")]
    pub(crate) null: Option<usize>,
    /// Seed of the random dictionaries
    #[arg(long, value_name = "SEED", default_value_t = 0)]
    pub(crate) null_seed: u64,
    /// Also summarise the matrix as a layer: rank and singular values
    #[arg(long)]
    pub(crate) layer: bool,
    /// What happens to the norms of an autoencoder's decoder
    #[arg(long, value_enum, default_value_t)]
    pub(crate) decoder_norms: DecoderNormsArg,
    /// A vector with the share of samples in which each feature is active, or SAELens' sparsity.safetensors
    #[arg(long, value_name = "FILE")]
    pub(crate) firing_rates: Option<PathBuf>,
    /// Activations of the features over samples: interference is weighted by how often two are active together
    #[arg(long, value_name = "FILE", requires = "samples")]
    pub(crate) activations: Option<PathBuf>,
    /// Which side the samples of --activations are
    #[arg(long, value_enum, requires = "activations")]
    pub(crate) samples: Option<Side>,
    /// Name of the tensor of --activations; may be left out where the file holds one matrix
    #[arg(long, value_name = "NAME", requires = "activations")]
    pub(crate) activations_tensor: Option<String>,
    /// Set the directions of dead features (firing rate below 1e-8) to zero
    #[arg(long)]
    pub(crate) mask_dead: bool,
    /// Names of the features, a line each, for reports and tables
    #[arg(long, value_name = "FILE.txt")]
    pub(crate) labels: Option<PathBuf>,
    /// A dictionary of the same shape to print beside this one, such as the same autoencoder at random initialisation
    #[arg(long, value_name = "FILE")]
    pub(crate) control: Option<PathBuf>,
    /// Write a row per feature: the name's end says whether as CSV, as JSON lines or as arrays for NumPy
    #[arg(long, value_name = "FILE.{csv,jsonl,npz}")]
    pub(crate) per_feature: Option<PathBuf>,
    /// Replace the files of --per-feature and --edges-out if they exist
    #[arg(long)]
    pub(crate) force: bool,
    #[command(flatten)]
    pub(crate) common: CommonArgs,
    #[command(flatten)]
    pub(crate) threads: ThreadArgs,
}

/// Probe labels linearly from activations; find polysemantic neurons
///
/// Every R^2 is on held-out samples. For a linear bottleneck the R^2 of a probe is the feature's leverage, whatever the weights: compare with the mean that any map of that rank has, printed beside it.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  superposition sample superposition-out/model.safetensors --out samples.safetensors
  superposition probe samples.safetensors samples.safetensors --activations-tensor hidden --labels-tensor features --samples rows
  superposition probe activations.npy labels.npy --samples rows --feature 5 --json")]
pub(crate) struct ProbeArgs {
    /// File with the activations
    pub(crate) activations: PathBuf,
    /// File with the labels (may be the same file)
    pub(crate) labels: PathBuf,
    /// Which side the samples are, in both
    #[arg(long, value_enum)]
    pub(crate) samples: Side,
    /// Name of the activations' tensor
    #[arg(long, value_name = "NAME")]
    pub(crate) activations_tensor: Option<String>,
    /// Name of the labels' tensor
    #[arg(long, value_name = "NAME")]
    pub(crate) labels_tensor: Option<String>,
    /// Probe one label only
    #[arg(long, value_name = "I")]
    pub(crate) feature: Option<usize>,
    /// Ridge penalty, relative to the mean variance of the activations
    #[arg(long, allow_negative_numbers = true)]
    pub(crate) penalty: Option<f64>,
    /// Share of samples held out
    #[arg(long, value_name = "SHARE", allow_negative_numbers = true)]
    pub(crate) test_fraction: Option<f64>,
    /// Labels above this count as active
    #[arg(long, value_name = "VALUE", allow_negative_numbers = true)]
    pub(crate) active_threshold: Option<f64>,
    /// A neuron responds to a feature only above this correlation
    #[arg(long, value_name = "R", allow_negative_numbers = true)]
    pub(crate) min_correlation: Option<f64>,
    /// Labels of at least this held-out R^2 count as covered
    #[arg(long, value_name = "R2", allow_negative_numbers = true)]
    pub(crate) coverage: Option<f64>,
    /// Seed of the split and of the rotations
    #[arg(long)]
    pub(crate) seed: Option<u64>,
    #[command(flatten)]
    pub(crate) common: CommonArgs,
}

/// Draw sparse features and run a toy model on them
///
/// Writes three tensors, a sample per row: features (N x n), hidden (N x m) and reconstruction (N x n).
#[derive(Args, Debug)]
#[command(after_help = "Example:
  superposition sample superposition-out/model.safetensors --n-samples 5000 --out samples.safetensors")]
pub(crate) struct SampleArgs {
    /// A toy model's file
    pub(crate) model: PathBuf,
    /// Samples
    #[arg(long, value_name = "N", default_value_t = 20_000)]
    pub(crate) n_samples: usize,
    /// Seed of the samples [default: the model's]
    #[arg(long)]
    pub(crate) seed: Option<u64>,
    /// File for the samples
    #[arg(long, value_name = "FILE.safetensors")]
    pub(crate) out: PathBuf,
    /// Replace the file if it exists
    #[arg(long)]
    pub(crate) force: bool,
    #[command(flatten)]
    pub(crate) common: CommonArgs,
}

/// How sparse activations are, and the mutual information of pairs
#[derive(Args, Debug)]
#[command(after_help = "Example:
  superposition activations samples.safetensors --tensor features --samples rows --pair 0,1")]
pub(crate) struct ActivationsArgs {
    /// The file
    pub(crate) file: PathBuf,
    /// Name of the tensor
    #[arg(long, value_name = "NAME")]
    pub(crate) tensor: Option<String>,
    /// Which side the samples are
    #[arg(long, value_enum)]
    pub(crate) samples: Side,
    /// Absolute values up to this count as inactive
    #[arg(long, default_value_t = 1e-6, allow_negative_numbers = true)]
    pub(crate) threshold: f64,
    /// Mutual information of features I and J; may be repeated
    #[arg(long, value_name = "I,J", value_parser = parse_pair)]
    pub(crate) pair: Vec<(usize, usize)>,
    /// Bins of each feature for the mutual information
    #[arg(long)]
    pub(crate) bins: Option<usize>,
    #[command(flatten)]
    pub(crate) common: CommonArgs,
}

/// Compare two dictionaries: which features they share, and whether they are one up to a rotation
///
/// Features are matched one to one by cosine where the hidden dimensions are as many; where the features are as many, feature i of one is also taken for feature i of the other. Each metric stands beside what random directions and random rotations give.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  superposition compare a.safetensors b.safetensors
  superposition compare model.safetensors decoder.npy --b-features rows
  superposition compare seed0.npy seed1.npy --a-features rows --b-features rows --matches-out matches.csv --json")]
pub(crate) struct CompareArgs {
    /// One file
    pub(crate) a: PathBuf,
    /// The other
    pub(crate) b: PathBuf,
    /// Name of the tensor in A
    #[arg(long, value_name = "NAME")]
    pub(crate) a_tensor: Option<String>,
    /// Name of the tensor in B
    #[arg(long, value_name = "NAME")]
    pub(crate) b_tensor: Option<String>,
    /// Which side the features of A are; a toy model's file says so itself
    #[arg(long, value_enum)]
    pub(crate) a_features: Option<Side>,
    /// Which side the features of B are
    #[arg(long, value_enum)]
    pub(crate) b_features: Option<Side>,
    /// What A is read as
    #[arg(long, value_enum, default_value_t)]
    pub(crate) a_format: FormatArg,
    /// What B is read as
    #[arg(long, value_enum, default_value_t)]
    pub(crate) b_format: FormatArg,
    /// Index along the first dimension of a three-dimensional tensor in A
    #[arg(long, value_name = "K")]
    pub(crate) a_slice: Option<usize>,
    /// The same in B
    #[arg(long, value_name = "K")]
    pub(crate) b_slice: Option<usize>,
    /// How features are matched one to one [default: optimal up to 2048 features, then sparse]
    #[arg(long = "match", value_name = "METHOD", value_enum)]
    pub(crate) method: Option<MatchArg>,
    /// Count opposite directions as alike
    #[arg(long)]
    pub(crate) absolute: bool,
    /// Matched features of at least this cosine are shared
    #[arg(long, value_name = "COSINE", allow_negative_numbers = true)]
    pub(crate) shared_cosine: Option<f64>,
    /// Features of at most this norm are not matched [default: 0.5 for a toy model, else 0]
    #[arg(long, value_name = "NORM", allow_negative_numbers = true)]
    pub(crate) min_norm: Option<f64>,
    /// Draws of each baseline of chance; 0 for none, and no verdict [default: 20, or 2 where the matching is sparse]
    #[arg(long, value_name = "DRAWS")]
    pub(crate) null_draws: Option<usize>,
    /// Seed of the baselines [default: 0]
    #[arg(long)]
    pub(crate) seed: Option<u64>,
    /// Write a row per matched pair, then the features without a partner
    #[arg(long, value_name = "FILE.csv")]
    pub(crate) matches_out: Option<PathBuf>,
    /// Draw the cosines of all features in the order of their matching, and those of the pairs
    #[arg(long, value_name = "FILE.svg")]
    pub(crate) figure: Option<PathBuf>,
    /// Replace the files of --matches-out and --figure if they exist
    #[arg(long)]
    pub(crate) force: bool,
    #[command(flatten)]
    pub(crate) common: CommonArgs,
    #[command(flatten)]
    pub(crate) threads: ThreadArgs,
}

/// How the features of two dictionaries are matched.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum MatchArg {
    /// The most similar pair first
    Greedy,
    /// The largest sum of cosines, exactly, in memory for all pairs
    Optimal,
    /// The largest sum of cosines over the best candidates, with a bound on what all pairs could reach
    Sparse,
}

impl From<MatchArg> for MatchMethod {
    fn from(method: MatchArg) -> Self {
        match method {
            MatchArg::Greedy => Self::Greedy,
            MatchArg::Optimal => Self::Optimal,
            MatchArg::Sparse => Self::Sparse,
        }
    }
}

/// Train the same model at several sparsities and seeds
///
/// Without flags: 30 features in 10 hidden dimensions, 5,000 steps of batch 256, three seeds each.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  superposition sweep
  superposition sweep --sparsities 0,0.5,0.9,0.99 --seeds 10 --out sweep.csv")]
pub(crate) struct SweepArgs {
    #[command(flatten)]
    pub(crate) recipe: RecipeArgs,
    /// Sparsities S to train at
    #[arg(long, value_name = "S,S,...", value_delimiter = ',')]
    pub(crate) sparsities: Option<Vec<f64>>,
    /// Seeds at each sparsity
    #[arg(long, value_name = "K")]
    pub(crate) seeds: Option<usize>,
    /// Write a row per trained model
    #[arg(long, value_name = "FILE.csv")]
    pub(crate) out: Option<PathBuf>,
    /// Replace the file of --out if it exists
    #[arg(long)]
    pub(crate) force: bool,
    #[command(flatten)]
    pub(crate) common: CommonArgs,
    #[command(flatten)]
    pub(crate) threads: ThreadArgs,
}

/// Print completions for a shell
#[derive(Args, Debug)]
#[command(after_help = "Example:
  superposition completions bash > ~/.local/share/bash-completion/completions/superposition")]
pub(crate) struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    pub(crate) shell: clap_complete::Shell,
}

fn parse_threads(text: &str) -> anyhow::Result<NonZeroUsize> {
    text.parse()
        .ok()
        .filter(|threads: &NonZeroUsize| threads.get() <= 1024)
        .ok_or_else(|| anyhow::anyhow!("--threads must be from 1 to 1024"))
}

/// A number of bytes, with or without a unit.
pub(crate) fn parse_bytes(text: &str) -> anyhow::Result<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit());
    let (number, unit) = text.split_at(digits.unwrap_or(text.len()));
    let factor: Option<u64> = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => Some(1),
        "kib" => Some(1 << 10),
        "mib" => Some(1 << 20),
        "gib" => Some(1 << 30),
        "tib" => Some(1 << 40),
        "kb" => Some(1_000),
        "mb" => Some(1_000_000),
        "gb" => Some(1_000_000_000),
        "tb" => Some(1_000_000_000_000),
        _ => None,
    };
    let bytes = number.parse::<u64>().ok().zip(factor);
    bytes
        .and_then(|(number, factor)| number.checked_mul(factor))
        .ok_or_else(|| {
            anyhow::anyhow!("expected a whole number of bytes, or of KiB, MiB, GiB or TiB")
        })
}

fn parse_pair(text: &str) -> anyhow::Result<(usize, usize)> {
    let parse = |part: &str| part.trim().parse::<usize>().ok();
    text.split_once(',')
        .and_then(|(i, j)| Some((parse(i)?, parse(j)?)))
        .ok_or_else(|| anyhow::anyhow!("expected two feature numbers I,J"))
}
