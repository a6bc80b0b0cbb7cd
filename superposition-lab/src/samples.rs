//! Activations and labels from files: `probe` and `activations`.

use std::path::{Path, PathBuf};

use serde::Serialize;
use superposition_analysis::faer::{Mat, MatRef};
use superposition_analysis::{
    AnalysisError, MutualInformation, MutualInformationOptions, Real, check_finite,
    feature_sparsity, mutual_information,
};
use superposition_io::{Matrix, ReadLimits, TensorFile};
use superposition_probe::{
    Polysemanticity, PolysemanticityOptions, ProbeOptions, ProbeResult, RotationBaseline,
    feature_coverage, polysemanticity, polysemanticity_under_rotation, probe_all_features,
    probe_feature,
};
use superposition_train::Stream;

use crate::autoencoder::with_view;
use crate::dictionary_matrix::columns_are_features;
use crate::directions::in_f64;
use crate::reading::mean;
use crate::{LabError, Orientation};

/// A tensor in a file that holds samples.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct SampleSource {
    /// The file.
    pub path: PathBuf,
    /// Name of the tensor; may be left out where the file holds one matrix.
    pub tensor: Option<String>,
    /// Index along the first dimension of a three-dimensional tensor.
    pub slice: Option<usize>,
    /// Which side the samples are.
    pub samples: Orientation,
    /// What may be read.
    pub limits: ReadLimits,
}

impl SampleSource {
    /// The only matrix of a file.
    #[must_use]
    pub fn new(path: &Path, samples: Orientation) -> Self {
        Self {
            path: path.to_owned(),
            tensor: None,
            slice: None,
            samples,
            limits: ReadLimits::default(),
        }
    }

    /// The same file with a tensor named.
    #[must_use]
    pub fn with_tensor(mut self, tensor: Option<String>) -> Self {
        self.tensor = tensor;
        self
    }

    /// Reads the matrix with samples as columns: (name, d x N).
    ///
    /// # Errors
    /// The file cannot be read, or a value is not finite.
    pub fn read(&self) -> Result<(String, Mat<f64>), LabError> {
        let file = TensorFile::open(&self.path, &self.limits)?;
        let matrix = file.read_matrix(self.tensor.as_deref(), self.slice)?;
        let name = matrix.name.clone();
        let columns = columns_of(&matrix, self.samples);
        check_finite(columns.as_ref()).map_err(|error| match error {
            AnalysisError::NotFinite { row, column, value } => LabError::SampleNotFinite {
                path: self.path.clone(),
                tensor: name.clone(),
                sample: column,
                component: row,
                value,
            },
            other => other.into(),
        })?;
        Ok((name, columns))
    }
}

fn columns_of(matrix: &Matrix, samples: Orientation) -> Mat<f64> {
    with_view!(matrix, samples, |columns| in_f64(columns))
}

/// The samples of a matrix in memory, with the rows and columns that its owner gives it, as columns: d x N.
///
/// # Errors
/// A value is not finite.
pub fn samples_of_matrix<T: Real>(
    matrix: MatRef<'_, T>,
    samples: Orientation,
) -> Result<Mat<f64>, LabError> {
    let columns = columns_are_features(matrix, samples);
    check_finite(columns)?;
    Ok(in_f64(columns))
}

/// How `probe` reads activations and labels.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ProbeFileOptions {
    /// Linear probes.
    pub probe: ProbeOptions,
    /// Neurons.
    pub polysemanticity: PolysemanticityOptions,
    /// One label only, or all.
    pub feature: Option<usize>,
    /// Random rotations of the activations that neuron numbers are compared with.
    pub n_rotations: usize,
    /// Seed of the train/test split and of the rotations.
    pub seed: u64,
}

impl Default for ProbeFileOptions {
    fn default() -> Self {
        Self {
            probe: ProbeOptions::default(),
            polysemanticity: PolysemanticityOptions::default(),
            feature: None,
            n_rotations: 20,
            seed: 0,
        }
    }
}

/// The JSON document of `superposition probe`.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct ProbeDocument {
    /// `superposition/probe/v1`.
    pub schema: &'static str,
    /// Samples in all.
    pub n_samples: usize,
    /// Dimensions of the activations.
    pub n_neurons: usize,
    /// Labels.
    pub n_features: usize,
    /// Seed of the split and of the rotations.
    pub seed: u64,
    /// A probe per label, or the one asked for.
    pub probes: Vec<ProbeResult>,
    /// Mean held-out `$R^2$`.
    pub mean_r_squared: Option<f64>,
    /// `min(d, n) / n`: for a linear bottleneck over features of equal variance, the mean `$R^2$`
    /// of any map of full rank, random ones too.
    pub mean_r_squared_any_w: f64,
    /// Share of labels with held-out `$R^2$` of at least the threshold.
    pub coverage: Option<f64>,
    /// That threshold.
    pub coverage_r_squared: f64,
    /// What the neurons respond to, in the basis given.
    pub polysemanticity: Polysemanticity,
    /// The same numbers under random rotations: if they do not differ, the basis is not
    /// privileged.
    pub rotations: RotationBaseline,
}

/// Probes labels from activations, both in files.
///
/// # Errors
/// A file cannot be read, a value is not finite, the numbers of samples differ, or there are too
/// few samples.
pub fn probe_files(
    activations: &SampleSource,
    labels: &SampleSource,
    options: &ProbeFileOptions,
) -> Result<ProbeDocument, LabError> {
    let (activations_name, activations) = activations.read()?;
    let (labels_name, labels) = labels.read()?;
    same_count(
        "samples",
        (&activations_name, activations.ncols()),
        (&labels_name, labels.ncols()),
    )?;
    probe_samples(activations.as_ref(), labels.as_ref(), options)
}

/// As [`probe_files`], of activations, d x N, and labels, n x N, in memory.
///
/// # Errors
/// A value is not finite, the numbers of samples differ, or there are too few samples.
pub fn probe_samples(
    activations: MatRef<'_, f64>,
    labels: MatRef<'_, f64>,
    options: &ProbeFileOptions,
) -> Result<ProbeDocument, LabError> {
    same_count(
        "samples",
        ("activations", activations.ncols()),
        ("labels", labels.ncols()),
    )?;
    let mut rng = Stream::Split.rng(options.seed, 0, 0);
    let probes = match options.feature {
        Some(feature) if feature >= labels.nrows() => {
            return Err(LabError::Option {
                name: "feature",
                value: feature.to_string(),
                expected: "labels are numbered from 0; it must be below their number",
            });
        }
        Some(feature) => vec![probe_feature(
            activations,
            labels,
            feature,
            &options.probe,
            &mut rng,
        )?],
        None => probe_all_features(activations, labels, &options.probe, &mut rng)?,
    };
    let mut rng = Stream::Split.rng(options.seed, 1, 0);
    Ok(ProbeDocument {
        schema: "superposition/probe/v1",
        n_samples: activations.ncols(),
        n_neurons: activations.nrows(),
        n_features: labels.nrows(),
        seed: options.seed,
        mean_r_squared: mean(probes.iter().filter_map(|probe| probe.r_squared)),
        mean_r_squared_any_w: activations.nrows().min(labels.nrows()) as f64
            / labels.nrows() as f64,
        coverage: feature_coverage(&probes, options.probe.r_squared_threshold),
        coverage_r_squared: options.probe.r_squared_threshold,
        probes,
        polysemanticity: polysemanticity(activations, labels, &options.polysemanticity)?,
        rotations: polysemanticity_under_rotation(
            activations,
            labels,
            &options.polysemanticity,
            options.n_rotations,
            &mut rng,
        )?,
    })
}

/// The mutual information of two features over the samples of a file.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct PairInformation {
    /// One feature.
    pub i: usize,
    /// The other.
    pub j: usize,
    /// In bits.
    #[serde(flatten)]
    pub information: MutualInformation,
}

/// The JSON document of `superposition activations`.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct ActivationsDocument {
    /// `superposition/activations/v1`.
    pub schema: &'static str,
    /// Name of the tensor.
    pub tensor: String,
    /// Samples.
    pub n_samples: usize,
    /// Dimensions, neurons or latents: one sparsity each.
    pub n_features: usize,
    /// Absolute values up to this count as inactive.
    pub threshold: f64,
    /// Share of samples in which each feature is inactive.
    pub feature_sparsity: Vec<f64>,
    /// Mean of the above.
    pub mean_sparsity: Option<f64>,
    /// Mutual information of the pairs asked for.
    pub mutual_information: Vec<PairInformation>,
}

/// Sparsity of every feature of a file of activations, and the mutual information of some pairs.
///
/// # Errors
/// The file cannot be read, a value is not finite, or a pair names a feature that is not there.
pub fn describe_activations(
    source: &SampleSource,
    threshold: f64,
    pairs: &[(usize, usize)],
    options: &MutualInformationOptions,
) -> Result<ActivationsDocument, LabError> {
    if !(threshold.is_finite() && threshold >= 0.0) {
        return Err(LabError::Option {
            name: "threshold",
            value: threshold.to_string(),
            expected: "it must be finite and at least 0",
        });
    }
    let (tensor, activations) = source.read()?;
    let activations = activations.as_ref();
    let feature_sparsity = feature_sparsity(activations, threshold);
    let mutual_information = pairs
        .iter()
        .map(|&(i, j)| {
            Ok(PairInformation {
                i,
                j,
                information: mutual_information(
                    &row(activations, i)?,
                    &row(activations, j)?,
                    options,
                )?,
            })
        })
        .collect::<Result<_, LabError>>()?;
    Ok(ActivationsDocument {
        schema: "superposition/activations/v1",
        tensor,
        n_samples: activations.ncols(),
        n_features: activations.nrows(),
        threshold,
        mean_sparsity: mean(feature_sparsity.iter().copied()),
        feature_sparsity,
        mutual_information,
    })
}

fn row(matrix: MatRef<'_, f64>, i: usize) -> Result<Vec<f64>, LabError> {
    if i >= matrix.nrows() {
        return Err(LabError::Option {
            name: "pair",
            value: i.to_string(),
            expected: "features are numbered from 0; it must be below their number",
        });
    }
    Ok(matrix.row(i).iter().copied().collect())
}

pub(crate) fn same_count(
    what: &'static str,
    (left, n_left): (&str, usize),
    (right, n_right): (&str, usize),
) -> Result<(), LabError> {
    if n_left == n_right {
        return Ok(());
    }
    Err(LabError::CountsDiffer {
        what,
        left: left.to_owned(),
        n_left,
        right: right.to_owned(),
        n_right,
    })
}
