//! Flags of the commands about exact losses: `optimum`, `landscape`, `loss` and `phase-diagram`.

use std::path::PathBuf;

use clap::Args;
use superposition_lab::Along;
use superposition_lab::model::{FeatureSets, Importance, Initialization};

use crate::args::{CommonArgs, Side, ThreadArgs};
use crate::recipe_args::{OutputArg, ProbabilityArgs};

/// Find the lowest expected loss of a toy model, without samples
///
/// Descends on the exact loss from random starts and from every sum of named polytopes that fits, and lists the basins found: their loss, their geometry, whether they are minima or saddles. The lowest is the best found of so many starts, not proven lowest. The loss is in closed form for up to 13 independent features, any number of which one is active at a time, and linear outputs; beyond, it is an integral computed to --tolerance.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  superposition optimum --n-features 2 --n-hidden 1 --feature-probability 0.5 --json
  superposition optimum --n-features 5 --n-hidden 2 --sparsity 0.95
  superposition optimum --n-features 4 --n-hidden 2 --feature-probability 0.1 --learning-coefficients
  superposition optimum --n-features 6 --n-hidden 2 --feature-probability 0.1 --sets correlated:2 --importance geometric:0.9 --starts 100")]
pub(crate) struct OptimumArgs {
    #[command(flatten)]
    pub(crate) search: SearchArgs,
    /// Sample about each basin that is no saddle for its local learning coefficient, at this inverse temperature of the loss (mean over features): the higher, the nearer to its limit, and the better chains stay [1e9 if no number is given]
    #[arg(long, value_name = "BETA", num_args = 0..=1, default_missing_value = "1e9")]
    pub(crate) learning_coefficients: Option<f64>,
    #[command(flatten)]
    pub(crate) common: CommonArgs,
    #[command(flatten)]
    pub(crate) threads: ThreadArgs,
}

// The model, its task, and how minima are looked for. No doc comment: clap would print it as the command's.
#[derive(Args, Debug)]
pub(crate) struct SearchArgs {
    /// Features n
    #[arg(long, value_name = "N")]
    pub(crate) n_features: usize,
    /// Hidden dimensions m
    #[arg(long, value_name = "M")]
    pub(crate) n_hidden: usize,
    #[command(flatten)]
    pub(crate) probability: ProbabilityArgs,
    /// Which features are active together: independent, correlated:K (all K of a set or none) or anticorrelated:K (at most one of K)
    #[arg(long, value_name = "SETS")]
    pub(crate) sets: Option<FeatureSets>,
    /// Weight of each feature in the loss: uniform, geometric:R (R^i), geometric-to:X (from 1 to X over the features), or a list a,b,... [default: uniform]
    #[arg(long, value_name = "IMPORTANCE")]
    pub(crate) importance: Option<Importance>,
    /// What is applied to the decoder's sum
    #[arg(long, value_enum)]
    pub(crate) output: Option<OutputArg>,
    /// Leave out the decoder's bias
    #[arg(long)]
    pub(crate) no_bias: bool,
    /// Give the decoder weights of its own
    #[arg(long)]
    pub(crate) untied: bool,
    /// Random starts, beside the named polytopes [default: 20]
    #[arg(long, value_name = "K")]
    pub(crate) starts: Option<usize>,
    /// Seed of the random starts
    #[arg(long)]
    pub(crate) seed: Option<u64>,
    /// How random starts are drawn: xavier, or normal:STD
    #[arg(long, value_name = "INIT")]
    pub(crate) init: Option<Initialization>,
    /// What losses may be off by where they are not in closed form, mean over features [default: 1e-8]
    #[arg(long, value_name = "ERROR")]
    pub(crate) tolerance: Option<f64>,
}

/// Follow the minima of a toy model along a parameter of its task, and find where the lowest changes
///
/// Looks for minima at several places of the range, follows each to both ends, and prints which is lowest where, where losses cross and whether the model jumps there. With --out: the figure (SVG), the document (JSON) with W and b of every point, and the report.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  superposition landscape --n-features 5 --n-hidden 2 --along p --from 0.01 --to 0.9 --out landscape
  superposition landscape --n-features 5 --n-hidden 2 --feature-probability 0.05 --along p:0 --from 0.005 --to 0.1
  superposition landscape --n-features 3 --n-hidden 2 --feature-probability 0.5 --along importance:2 --from 0.1 --to 10 --json")]
pub(crate) struct LandscapeArgs {
    #[command(flatten)]
    pub(crate) search: SearchArgs,
    /// What changes: p (probability of all features), p:I (of feature I, counted from 0) or importance:I
    #[arg(long, value_name = "WHAT")]
    pub(crate) along: Along,
    /// The lowest value
    #[arg(long, value_name = "VALUE")]
    pub(crate) from: f64,
    /// The highest value
    #[arg(long, value_name = "VALUE")]
    pub(crate) to: f64,
    /// Equal steps, not equal ratios
    #[arg(long)]
    pub(crate) linear: bool,
    /// Steps from one end to the other, at least [default: 50]
    #[arg(long, value_name = "K")]
    pub(crate) steps: Option<usize>,
    /// Places at which minima are looked for, both ends among them [default: 5]
    #[arg(long, value_name = "K")]
    pub(crate) anchors: Option<usize>,
    /// How many of the lowest minima of each place are followed [default: 3]
    #[arg(long, value_name = "K")]
    pub(crate) minima: Option<usize>,
    /// Folder for the figure, the document and the report
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Replace what is in the folder
    #[arg(long)]
    pub(crate) force: bool,
    #[command(flatten)]
    pub(crate) common: CommonArgs,
    #[command(flatten)]
    pub(crate) threads: ThreadArgs,
}

/// The expected loss of the toy model in a file, without samples, and what it is made of
///
/// W and b from anywhere: a model of this program, or safetensors, npy and npz of others, with stacks [instances, ..] as in the notebook of Toy Models of Superposition. Prints the loss, that of each feature, feature benefit and interference, and the share of each number of active features.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  superposition loss superposition-out/model.safetensors
  superposition loss notebook.safetensors --tensor W --bias b_final --features rows --instance 3 --feature-probability 0.05 --json
  superposition loss weights.npz --features columns --no-bias --sparsity 0.9")]
pub(crate) struct LossArgs {
    /// The file
    pub(crate) file: PathBuf,
    /// Name of W; may be left out for W and where the file holds one matrix
    #[arg(long, value_name = "NAME")]
    pub(crate) tensor: Option<String>,
    /// Name of the bias; may be left out for b and b_final
    #[arg(long, value_name = "NAME")]
    pub(crate) bias: Option<String>,
    /// The model has no bias
    #[arg(long, conflicts_with = "bias")]
    pub(crate) no_bias: bool,
    /// Which side of W the features are: rows or columns (m x n); a toy model's file says so itself
    #[arg(long, value_enum)]
    pub(crate) features: Option<Side>,
    /// Index along the first dimension of stacks [instances, .., ..]
    #[arg(long, value_name = "K")]
    pub(crate) instance: Option<usize>,
    #[command(flatten)]
    pub(crate) probability: ProbabilityArgs,
    /// Which features are active together: independent, correlated:K (all K of a set or none) or anticorrelated:K (at most one of K)
    #[arg(long, value_name = "SETS")]
    pub(crate) sets: Option<FeatureSets>,
    /// Weight of each feature in the loss: uniform, geometric:R, geometric-to:X, or a list a,b,... [default: that of the file, or uniform]
    #[arg(long, value_name = "IMPORTANCE")]
    pub(crate) importance: Option<Importance>,
    /// What is applied to the decoder's sum
    #[arg(long, value_enum)]
    pub(crate) output: Option<OutputArg>,
    #[command(flatten)]
    pub(crate) common: CommonArgs,
}

/// Which features a toy model represents, by the importance of one of them and how often they are active
///
/// For one feature more than hidden dimensions (2 in 1, or 3 in 2): in every cell of a grid over the relative importance r of the extra feature and the feature probability p, both logarithmic, side by side, the best fixed weights in closed form, the exact optimum of W and b, and the best of several trained models. With --out: the figure (SVG), every cell (CSV), the document (JSON) and the report.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  superposition phase-diagram --n-features 2 --n-hidden 1 --out phases
  superposition phase-diagram --n-features 2 --n-hidden 1 --grid 512 --out phases
  superposition phase-diagram --n-features 3 --n-hidden 2 --grid 16 --json")]
pub(crate) struct PhaseDiagramArgs {
    /// Features n: one more than hidden dimensions
    #[arg(long, value_name = "N")]
    pub(crate) n_features: usize,
    /// Hidden dimensions m: 1 or 2
    #[arg(long, value_name = "M")]
    pub(crate) n_hidden: usize,
    /// Cells along each side [default: 32]
    #[arg(long, value_name = "CELLS")]
    pub(crate) grid: Option<usize>,
    /// Models trained in each cell, of which the best counts [default: 10]
    #[arg(long, value_name = "K")]
    pub(crate) seeds: Option<usize>,
    /// The first seed [default: 0]
    #[arg(long)]
    pub(crate) seed: Option<u64>,
    /// The lowest relative importance r [default: 0.1]
    #[arg(long, value_name = "R")]
    pub(crate) r_min: Option<f64>,
    /// The highest relative importance r [default: 10]
    #[arg(long, value_name = "R")]
    pub(crate) r_max: Option<f64>,
    /// The lowest feature probability p [default: 0.01]
    #[arg(long, value_name = "P")]
    pub(crate) p_min: Option<f64>,
    /// The highest feature probability p [default: 1]
    #[arg(long, value_name = "P")]
    pub(crate) p_max: Option<f64>,
    /// Folder for the figure, the cells, the document and the report
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Replace what is in the folder
    #[arg(long)]
    pub(crate) force: bool,
    #[command(flatten)]
    pub(crate) common: CommonArgs,
    #[command(flatten)]
    pub(crate) threads: ThreadArgs,
}
