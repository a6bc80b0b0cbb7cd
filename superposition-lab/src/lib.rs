#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod error;
mod recipe;

mod history;
mod model_file;
mod snapshots;

mod checkpoint_file;
mod tracked;

mod reading;
mod training;

mod ensemble;
mod explore;
mod sweep;

mod exact_loss;
mod optimum;
mod parallel;
mod phase_diagram;

mod autoencoder;
mod compare;
mod dictionary;
mod dictionary_matrix;
mod dictionary_reading;
mod dictionary_stream;
mod directions;
mod feature_table;
mod file_format;
mod firing;
mod inspect;
mod kept_directions;
mod labels;
mod landscape;
mod learning_coefficients;
mod samples;
mod sampling;

pub mod figures;
pub mod page;
pub mod report;
pub mod reproduce;

pub use superposition_analysis as analysis;
pub use superposition_io as io;
pub use superposition_io::Orientation;
pub use superposition_model as model;
pub use superposition_probe as probe;
pub use superposition_train as train;
pub use superposition_viz as viz;

pub use autoencoder::{AutoencoderSummary, DecoderNorms, NormConvention, Quantiles};
pub use checkpoint_file::{CHECKPOINT_KEY, SavedTraining, read_checkpoint, write_checkpoint};
pub use compare::{
    Baselines, ComparisonDocument, MatchingSummary, MetricValue, compare_directions, compare_files,
};
pub use dictionary::{
    AnalysisDocument, AnalyzeOptions, Centering, ControlSummary, DeadFeatures, Layer, Spectrum,
    analyze_file, analyze_file_observed,
};
pub use dictionary_matrix::analyze_matrix;
pub use dictionary_reading::{
    ActivitySummary, DictionaryReading, NamedCount, PolytopeSummary, ReadingOptions,
};
pub use dictionary_stream::{AnalysisEstimate, DEFAULT_MEMORY, estimate_analysis};
pub use directions::Directions;
pub use ensemble::{EnsembleMember, train_recipes};
pub use error::LabError;
pub use exact_loss::{ActivePart, LossDocument, LossOptions, loss_of_file, loss_of_matrix};
pub use explore::{
    Exploration, ExploreOptions, TOY_MIN_NORM, explore, toy_analysis_options, toy_polytope_options,
};
pub use feature_table::{ColumnValues, FeatureTable, TableFormat, geometry_table};
pub use file_format::{FileFormat, FormatDecision};
pub use firing::{DEAD_FIRING_RATE, FiringSummary, read_firing_rates};
pub use history::{History, HistoryRow, Tracker};
pub use inspect::{TensorsDocument, list_tensors};
pub use kept_directions::KeptDirections;
pub use labels::read_labels;
pub use landscape::{
    Along, LandscapeBranch, LandscapeDocument, LandscapePoint, LandscapeRecipe, LandscapeStretch,
    LandscapeTransition, TransitionKind, find_landscape,
};
pub use model_file::{RECIPE_KEY, read_model, write_model};
pub use optimum::{BasinSummary, OptimumDocument, OptimumRecipe, find_optimum};
pub use phase_diagram::{
    PhaseAgreement, PhaseDiagramDocument, PhaseDiagramOptions, PhaseMap, PhaseProgress,
    PhaseReading, PhaseRegion, PhaseStage, phase_diagram,
};
pub use reading::{
    Evaluation, FeatureReading, PopulationLossSummary, ProbeSummary, Reading, evaluate,
};
pub use recipe::{Recipe, available_threads, probability_of};
pub use samples::{
    ActivationsDocument, PairInformation, ProbeDocument, ProbeFileOptions, SampleSource,
    describe_activations, probe_files, probe_samples, samples_of_matrix,
};
pub use sampling::{SampleDocument, sample_model};
pub use snapshots::{SNAPSHOTS_KEY, Snapshots, read_snapshots, write_snapshots};
pub use sweep::{
    DivergedRun, Spread, SweepDocument, SweepOptions, SweepRow, SweepRun, SweepStop, sweep,
};
pub use tracked::{TrackOptions, Tracked, train_tracked};
pub use training::{ExplorationDocument, StepLoss, TrainingDocument, TrainingSummary};
