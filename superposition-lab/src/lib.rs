#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod error;
mod recipe;

mod history;
mod model_file;

mod checkpoint_file;
mod tracked;

mod reading;
mod training;

mod explore;
mod sweep;

mod compare;
mod dictionary;
mod inspect;
mod samples;
mod sampling;

pub mod report;

pub use superposition_analysis as analysis;
pub use superposition_io as io;
pub use superposition_model as model;
pub use superposition_probe as probe;
pub use superposition_train as train;
pub use superposition_viz as viz;

pub use checkpoint_file::{CHECKPOINT_KEY, SavedTraining, read_checkpoint, write_checkpoint};
pub use compare::{ComparisonDocument, compare_files};
pub use dictionary::{
    AnalysisDocument, AnalyzeOptions, Centering, Layer, Orientation, Spectrum, analyze_file,
    feature_csv,
};
pub use error::LabError;
pub use explore::{Exploration, ExploreOptions, TOY_MIN_NORM, explore, toy_analysis_options};
pub use history::{History, HistoryRow, Tracker};
pub use inspect::{TensorsDocument, list_tensors};
pub use model_file::{RECIPE_KEY, read_model, write_model};
pub use reading::{
    Evaluation, FeatureReading, PopulationLossSummary, ProbeSummary, Reading, evaluate,
};
pub use recipe::{Recipe, available_threads};
pub use samples::{
    ActivationsDocument, PairInformation, ProbeDocument, ProbeFileOptions, SampleSource,
    describe_activations, probe_files,
};
pub use sampling::{SampleDocument, sample_model};
pub use sweep::{
    DivergedRun, Spread, SweepDocument, SweepOptions, SweepRow, SweepRun, SweepStop, sweep,
};
pub use tracked::{TrackOptions, Tracked, train_tracked};
pub use training::{ExplorationDocument, StepLoss, TrainingDocument, TrainingSummary};
