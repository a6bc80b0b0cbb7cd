//! What can go wrong in an experiment.

use std::path::{Path, PathBuf};

use superposition_analysis::AnalysisError;
use superposition_io::IoError;
use superposition_model::ModelError;
use superposition_probe::ProbeError;
use superposition_train::TrainError;

/// An error of an experiment: from one of the crates it is made of, or about the experiment
/// itself.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LabError {
    /// A model, a distribution or an importance is wrong.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// Training options are wrong.
    #[error(transparent)]
    Train(#[from] TrainError),
    /// A matrix cannot be analysed.
    #[error(transparent)]
    Analysis(#[from] AnalysisError),
    /// Activations or labels cannot be probed.
    #[error(transparent)]
    Probe(#[from] ProbeError),
    /// A file cannot be read or written.
    #[error(transparent)]
    Io(#[from] IoError),
    /// A model file whose metadata is not a configuration this version reads.
    #[error("the metadata of this file is not a toy model's configuration: {reason}")]
    NotAToyModel {
        /// What is wrong with it.
        reason: String,
    },
    /// A file that is not a training that was stopped, or not a whole one.
    #[error("this file is not a checkpoint of a training: {reason}")]
    NotACheckpoint {
        /// What is wrong with it.
        reason: String,
    },
    /// A checkpoint of another training than the one that is to go on.
    #[error("the checkpoint is of another training: {field} is {saved} there and {given} here")]
    OtherTraining {
        /// The field of the recipe that differs.
        field: String,
        /// Its value in the checkpoint, as JSON.
        saved: String,
        /// The value asked for.
        given: String,
    },
    /// The orientation of a matrix is not known.
    #[error(
        "tensor {tensor:?} has shape [{n_rows}, {n_cols}] and its file does not say whether a feature is a row or a column: pass --features rows or --features columns (PyTorch decoders [d_sae, d_in] and embeddings [vocabulary, d] hold features in rows)"
    )]
    UnknownOrientation {
        /// Name of the tensor.
        tensor: String,
        /// Its first dimension.
        n_rows: usize,
        /// Its second dimension.
        n_cols: usize,
    },
    /// A tensor has a value that is not finite.
    #[error("in tensor {tensor:?}, {problem}")]
    Tensor {
        /// Its name.
        tensor: String,
        /// Which value it is.
        problem: AnalysisError,
    },
    /// Labels that cannot be read or do not fit.
    #[error("the labels in {} cannot be used: {reason}", path.display())]
    Labels {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// Firing rates that cannot be read or do not fit.
    #[error("the firing rates in {} cannot be used: {reason}", path.display())]
    FiringRates {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// Two matrices that must have the same number of samples or features do not.
    #[error("{left} has {n_left} {what} and {right} has {n_right}: they must be the same {what}")]
    CountsDiffer {
        /// What is counted.
        what: &'static str,
        /// Name of the first matrix.
        left: String,
        /// Its count.
        n_left: usize,
        /// Name of the second matrix.
        right: String,
        /// Its count.
        n_right: usize,
    },
    /// Two dictionaries with neither the same features nor the same hidden space.
    #[error(
        "{left} has {} features in {} dimensions and {right} has {} in {}: to be compared they must have the same number of one or the other",
        n_left[0], n_left[1], n_right[0], n_right[1]
    )]
    NothingToCompare {
        /// Name of the first.
        left: String,
        /// Its features and hidden dimensions.
        n_left: [usize; 2],
        /// Name of the second.
        right: String,
        /// Its features and hidden dimensions.
        n_right: [usize; 2],
    },
    /// An activation or label is not finite.
    #[error("component {component} of sample {sample} of {tensor:?} in {} is {value}; every value must be finite", path.display())]
    SampleNotFinite {
        /// The file.
        path: PathBuf,
        /// The tensor.
        tensor: String,
        /// The sample.
        sample: usize,
        /// The neuron or label.
        component: usize,
        /// Its value.
        value: f64,
    },
    /// What cannot be had of a dictionary that does not fit into the memory it may take.
    #[error(
        "{what}; with the matrix in memory the analysis takes about {needed} bytes and may take {memory}: pass --memory {needed} or more, or {instead}"
    )]
    NotStreamed {
        /// What cannot be had, and why.
        what: &'static str,
        /// Bytes that may be taken.
        memory: u64,
        /// Bytes that would do.
        needed: u64,
        /// What else would do.
        instead: &'static str,
    },
    /// An option of an experiment is out of range.
    #[error("{name} is {value}: {expected}")]
    Option {
        /// The option.
        name: &'static str,
        /// Its value.
        value: String,
        /// What would be right.
        expected: &'static str,
    },
    /// A file of which no page or figure can be made, or not together with the others.
    #[error("this cannot be made of {}: {reason}", path.display())]
    PageInput {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// No experiment has this id.
    #[error("there is no experiment {id:?}; near it are {}", near.join(", "))]
    UnknownExperiment {
        /// What was asked for.
        id: String,
        /// The nearest ids.
        near: Vec<String>,
    },
    /// A folder holds results of another version, preset or definition.
    #[error("{} cannot be mixed with the results of this run: {reason}", path.display())]
    OtherResults {
        /// The file.
        path: PathBuf,
        /// What is different.
        reason: String,
    },
    /// The observer stopped an experiment.
    #[error("the experiment was stopped")]
    Cancelled,
}

impl LabError {
    pub(crate) fn other_results(path: &Path, reason: impl std::fmt::Display) -> Self {
        Self::OtherResults {
            path: path.to_owned(),
            reason: reason.to_string(),
        }
    }
}
