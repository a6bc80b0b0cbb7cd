//! `loss`: the expected loss of weights from any file, and what it is made of.

use std::path::Path;

use serde::Serialize;
use superposition_analysis::faer::{Mat, MatRef};
use superposition_analysis::{Real, check_finite};
use superposition_io::{Matrix, Orientation, ReadLimits, TensorFile, Values};
use superposition_model::population::PopulationObjective;
use superposition_model::{
    Bias, Coupling, Dimensions, FeatureDistribution, FeatureProbability, FeatureSets, Importance,
    ModelError, Output, ToyModelConfig,
};

use crate::autoencoder::{check_matrix, with_view};
use crate::dictionary_matrix::{NAME, columns_are_features, of_array};
use crate::directions::in_f64;
use crate::model_file::recipe_of;
use crate::{LabError, Recipe};

/// The error asked of the loss where it is not in closed form, relative to that of representing nothing.
const ACCURACY: f64 = 1e-8;

/// Names that biases go by in files of others.
const BIAS_NAMES: [&str; 2] = ["b", "b_final"];

/// Which tensors of a file are a toy model, and of which features the loss is.
///
/// What is not given is that of the file, if it is a toy model of this workspace.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct LossOptions {
    /// Name of W; may be left out for a toy model, for `W`, and where there is one matrix only.
    pub tensor: Option<String>,
    /// Name of the bias; may be left out for `b` and `b_final`.
    pub bias: Option<String>,
    /// Whether there is a bias; without one, that is [`Bias::None`].
    pub with_bias: Option<Bias>,
    /// Which side of W the features are.
    pub features: Option<Orientation>,
    /// The place along the first of three dimensions of W, and of two of b.
    pub instance: Option<usize>,
    /// How often a feature is active.
    pub feature_probability: Option<FeatureProbability>,
    /// Which features are active together; independent if nothing says otherwise.
    pub sets: Option<FeatureSets>,
    /// Importance of each feature; equal if nothing says otherwise.
    pub importance: Option<Importance>,
    /// What is applied to the decoder's sum; ReLU if nothing says otherwise.
    pub output: Option<Output>,
}

/// The JSON document of `superposition loss`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct LossDocument {
    /// Name and version of the document.
    pub schema: &'static str,
    /// Name of the tensor that is W.
    pub tensor: String,
    /// Its place along the first of three dimensions.
    pub instance: Option<usize>,
    /// Features n.
    pub n_features: usize,
    /// Hidden dimensions m.
    pub n_hidden: usize,
    /// What is applied to the decoder's sum.
    pub output: Output,
    /// Probability that each feature is active.
    pub feature_probability: Vec<f64>,
    /// Which are active together.
    pub sets: FeatureSets,
    /// Importance of each feature.
    pub importance: Vec<f64>,
    /// The expected loss, mean over features.
    pub loss: f64,
    /// The same, summed over features, as papers write it.
    pub loss_sum: f64,
    /// An estimate from above of the error of `loss`.
    pub loss_error: f64,
    /// The loss of a model that represents nothing and outputs the best constants, mean over features:
    /// `$\frac1n \sum_i I_i (p_i/3 - p_i^2/4)$`.
    pub loss_of_nothing: f64,
    /// The part of each feature in `loss_sum`: `$I_j\, \mathrm E (x_j - x'_j)^2$`.
    pub feature_loss: Vec<f64>,
    /// Of one active feature: the sum over features of its own error.
    pub feature_benefit: f64,
    /// Of one active feature: the sum over features of the errors that it makes in others.
    pub interference: f64,
    /// The term of each feature in `feature_benefit`.
    pub feature_benefit_of: Vec<f64>,
    /// The error that the others, alone, make in each feature.
    pub interference_in: Vec<f64>,
    /// The loss by how many features are active; none where there are too many sets of active features.
    pub by_active: Option<Vec<ActivePart>>,
    /// Why it is none.
    pub by_active_reason: Option<&'static str>,
}

/// The samples in which so many features are active.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ActivePart {
    /// How many features are active, k.
    pub n_active: usize,
    /// How probable that is.
    pub probability: f64,
    /// Their part of the loss; the parts sum to `loss`.
    pub loss: f64,
    /// Their mean loss; none where the probability is 0.
    pub conditional_loss: Option<f64>,
}

/// A toy model in f64, as files have it.
struct Weights {
    tensor: String,
    w: Mat<f64>,
    w_dec: Option<Mat<f64>>,
    b: Option<Vec<f64>>,
}

/// The expected loss of the toy model in a file, without samples, and what it is made of.
///
/// W and b may come from anywhere: a model of this workspace, or any safetensors, npy or npz file of which the options
/// say which tensor is meant and on which side the features are; of stacks `[instances, n, m]` and `[instances, n]`, as
/// in the notebook of *Toy Models of Superposition*, one instance. Weights that are not tied are read from models of
/// this workspace only.
///
/// # The parts
/// With f the output and `$G = W_\mathrm{dec}^\top W$`, one active feature i of value x makes the error `$x - f(G_{ii}
/// x + b_i)$` in its own output and `$f(G_{ji} x + b_j)$` in that of j. Averaged over x, uniform on (0, 1), and summed,
///
/// ```math
/// \underbrace{\sum_i I_i \int_0^1 \bigl(x - f(G_{ii} x + b_i)\bigr)^2 dx}_\text{feature benefit}
///   + \underbrace{\sum_{i \ne j} I_j \int_0^1 f(G_{ji} x + b_j)^2\, dx}_\text{interference}
/// ```
///
/// which are the terms of `$L_1$` in the paper, without the probability that just one feature is active. The lower, the
/// better: both are losses, the first smallest where features are represented. By the number of active features are
/// parts with the probability, which sum to the loss.
///
/// The loss is in closed form for up to 13 independent features, and any number of which one is active at a time, of
/// the f64 values of the file; beyond it is by the transform ([`PopulationObjective`]), to `loss_error`.
///
/// # Errors
/// The file cannot be read; a tensor is missing, has another shape, or a value that is not finite; the options do not
/// say what is needed; a probability or an importance is wrong.
pub fn loss_of_file(path: &Path, options: &LossOptions) -> Result<LossDocument, LabError> {
    let file = TensorFile::open(path, &ReadLimits::default())?;
    let recipe = recipe_of(&file).ok().flatten();
    let weights = read_weights(&file, options, recipe.is_some())?;
    loss_of(weights, recipe.as_ref(), options)
}

/// As [`loss_of_file`], of W in memory, with the rows and columns that its owner gives it, and a bias, if there is one.
///
/// ```
/// use superposition_lab::analysis::from_rows;
/// use superposition_lab::model::FeatureProbability;
/// use superposition_lab::{LossOptions, Orientation, loss_of_matrix};
///
/// // A feature that is not represented costs its mean square, p / 3.
/// let mut options = LossOptions::default();
/// options.features = Some(Orientation::Rows);
/// options.feature_probability = Some(FeatureProbability::Same(0.3));
/// let document = loss_of_matrix(from_rows(&[0.0], 1, 1), None, &options).unwrap();
/// assert!((document.loss - 0.1).abs() < 1e-15);
/// ```
///
/// # Errors
/// The options do not say the orientation or the feature probability, or are of files; the bias is not one number for
/// each feature; a value is not finite or out of range.
pub fn loss_of_matrix<T: Real>(
    w: MatRef<'_, T>,
    b: Option<&[f64]>,
    options: &LossOptions,
) -> Result<LossDocument, LabError> {
    let features = options
        .features
        .ok_or_else(|| LabError::UnknownOrientation {
            tensor: NAME.to_owned(),
            n_rows: w.nrows(),
            n_cols: w.ncols(),
        })?;
    let w = columns_are_features(w, features);
    check_finite(w).map_err(of_array)?;
    if let Some(b) = b {
        check_bias(b, w.ncols())?;
    }
    let of_files = [&options.tensor, &options.bias].into_iter().flatten();
    let instance = options.instance.map(|instance| instance.to_string());
    if let Some(value) = of_files.chain(&instance).next() {
        return Err(LabError::Option {
            name: "tensor, bias or instance",
            value: value.clone(),
            expected: "these say what to read in a file, and must be left out for weights in memory",
        });
    }
    let weights = Weights {
        tensor: NAME.to_owned(),
        w: in_f64(w),
        w_dec: None,
        b: b.map(<[f64]>::to_vec),
    };
    loss_of(weights, None, options)
}

/// `recipe` is that of the file.
fn loss_of(
    weights: Weights,
    recipe: Option<&Recipe>,
    options: &LossOptions,
) -> Result<LossDocument, LabError> {
    let (m, n) = weights.w.shape();
    let probability = options
        .feature_probability
        .clone()
        .or_else(|| recipe.map(|recipe| recipe.feature_probability.clone()))
        .ok_or_else(|| LabError::Option {
            name: "feature_probability",
            value: "not given".to_owned(),
            expected: "nothing here says how often a feature is active; give a number, or one for each feature",
        })?;
    let sets = options.sets.or(recipe.map(|recipe| recipe.sets));
    let sets = sets.unwrap_or_default();
    let importance = options
        .importance
        .clone()
        .or_else(|| recipe.map(|recipe| recipe.importance.clone()))
        .unwrap_or(Importance::Uniform)
        .weights_f64(n)?;
    let output = options
        .output
        .or(recipe.map(|recipe| recipe.model.output))
        .unwrap_or_default();
    // What is not within 0 and 1 is refused below.
    let magnitude = recipe.map(|recipe| recipe.magnitude).unwrap_or_default();
    let distribution = FeatureDistribution::new(n, &probability)?
        .with_sets(sets)?
        .with_magnitude(magnitude);
    let config = ToyModelConfig::new(Dimensions {
        n_features: n,
        n_hidden: m,
    })
    .with_output(output)
    .with_bias(match weights.b {
        Some(_) => Bias::Learned,
        None => Bias::None,
    })
    .with_coupling(match weights.w_dec {
        Some(_) => Coupling::Untied,
        None => Coupling::Tied,
    })
    // What is not linear is refused below, where the bias of the hidden layer does not matter any more.
    .with_hidden(recipe.map(|recipe| recipe.model.hidden).unwrap_or_default());
    let parameters = weights.flat();
    let objective =
        |importance: &[f64]| PopulationObjective::new(config, distribution.clone(), importance);
    let whole = objective(&importance)?;
    let p = distribution.feature_probability();
    let variance = |p: f64| p / 3.0 - p * p / 4.0;
    let nothing: Vec<f64> = p
        .iter()
        .zip(&importance)
        .map(|(&p, i)| i * variance(p))
        .collect();
    let (mut feature_loss, mut error) = (Vec::with_capacity(n), 0.0);
    for (j, &nothing) in nothing.iter().enumerate() {
        let mut alone = vec![0.0; n];
        alone[j] = importance[j];
        let mut alone = objective(&alone)?;
        if !alone.is_closed_form() {
            let tolerance = (ACCURACY * nothing / n as f64).max(f64::MIN_POSITIVE);
            alone = alone.by_transform(tolerance)?;
        }
        let loss = alone.value(&parameters);
        feature_loss.push(loss.value * n as f64);
        error += loss.error;
    }
    let loss_sum: f64 = feature_loss.iter().sum();
    let (by_active, by_active_reason) = match whole.by_active(&parameters) {
        Ok(parts) => (Some(active_parts(parts, &distribution)), None),
        Err(_) => (
            None,
            Some("there are too many sets of active features to go through"),
        ),
    };
    let one = OneActive::new(&weights, output, &importance);
    Ok(LossDocument {
        schema: "superposition/loss/v1",
        tensor: weights.tensor,
        instance: options.instance,
        n_features: n,
        n_hidden: m,
        output,
        feature_probability: p.to_vec(),
        sets,
        importance,
        loss: loss_sum / n as f64,
        loss_sum,
        loss_error: error,
        loss_of_nothing: nothing.iter().sum::<f64>() / n as f64,
        feature_loss,
        feature_benefit: one.benefit.iter().sum(),
        interference: one.interference.iter().sum(),
        feature_benefit_of: one.benefit,
        interference_in: one.interference,
        by_active,
        by_active_reason,
    })
}

impl Weights {
    /// Laid out as the parameters of a toy model.
    fn flat(&self) -> Vec<f64> {
        let mut flat = Vec::new();
        for w in [Some(&self.w), self.w_dec.as_ref()].into_iter().flatten() {
            for i in 0..w.ncols() {
                flat.extend_from_slice(w.col_as_slice(i));
            }
        }
        flat.extend(self.b.iter().flatten());
        flat
    }
}

fn read_weights(
    file: &TensorFile,
    options: &LossOptions,
    is_toy_model: bool,
) -> Result<Weights, LabError> {
    let has = |name: &str| file.tensors().iter().any(|tensor| tensor.name == name);
    let name = match &options.tensor {
        Some(name) => Some(name.as_str()),
        None => has("W").then_some("W"),
    };
    let stored = file.matrix(name, options.instance)?;
    let features = options
        .features
        .or(is_toy_model.then_some(Orientation::Columns))
        .ok_or_else(|| LabError::UnknownOrientation {
            tensor: stored.name().to_owned(),
            n_rows: stored.n_rows(),
            n_cols: stored.n_cols(),
        })?;
    let w = columns(&stored.read()?, features)?;
    let w_dec = match is_toy_model && options.tensor.is_none() && has("W_dec") {
        true => Some(columns(&file.read_matrix(Some("W_dec"), None)?, features)?),
        false => None,
    };
    let by_name = BIAS_NAMES.into_iter().find(|name| has(name));
    let without = options.with_bias == Some(Bias::None) || (is_toy_model && by_name.is_none());
    let b = match (&options.bias, by_name) {
        (Some(name), _) => Some(name.as_str()),
        (None, _) if without => None,
        (None, Some(name)) => Some(name),
        (None, None) => {
            let names: Vec<&str> = file.tensors().iter().map(|t| t.name.as_str()).collect();
            return Err(LabError::Option {
                name: "bias",
                value: format!("not given, and the file has {}", names.join(", ")),
                expected: "name the tensor that holds it, or say that there is none",
            });
        }
    };
    Ok(Weights {
        tensor: stored.name().to_owned(),
        b: b.map(|b| read_bias(file, b, options.instance, w.ncols()))
            .transpose()?,
        w,
        w_dec,
    })
}

/// A matrix of a file with features in columns, in f64.
fn columns(matrix: &Matrix, features: Orientation) -> Result<Mat<f64>, LabError> {
    check_matrix(matrix, features)?;
    Ok(with_view!(matrix, features, |w| in_f64(w)))
}

/// n values: a vector, or a row of `[instances, n]`.
fn read_bias(
    file: &TensorFile,
    name: &str,
    instance: Option<usize>,
    n: usize,
) -> Result<Vec<f64>, LabError> {
    let tensor = file.read(name)?;
    let shape = &tensor.info.shape;
    let start = match (&shape[..], instance) {
        (&[length], _) if length == n => 0,
        (&[instances, length], Some(k)) if length == n && k < instances => k * n,
        _ => {
            return Err(LabError::Option {
                name: "bias",
                value: format!("{name:?} of shape {shape:?} for {n} features"),
                expected: "it must be a vector with an element for each feature, or a row of such, of which --instance says which",
            });
        }
    };
    let values: Vec<f64> = match &tensor.values {
        Values::F32(values) => values[start..start + n].iter().map(|&b| b.into()).collect(),
        Values::F64(values) => values[start..start + n].to_vec(),
    };
    check_bias(&values, n)?;
    Ok(values)
}

/// One finite number for each feature.
fn check_bias(values: &[f64], n: usize) -> Result<(), LabError> {
    if values.len() != n {
        return Err(LabError::CountsDiffer {
            what: "features",
            left: "the bias".to_owned(),
            n_left: values.len(),
            right: "W".to_owned(),
            n_right: n,
        });
    }
    match values.iter().position(|b| !b.is_finite()) {
        None => Ok(()),
        Some(index) => Err(ModelError::NotFinite {
            tensor: "b",
            index: vec![index],
            value: values[index] as f32,
        }
        .into()),
    }
}

/// The terms of one active feature.
struct OneActive {
    benefit: Vec<f64>,
    interference: Vec<f64>,
}

impl OneActive {
    fn new(weights: &Weights, output: Output, importance: &[f64]) -> Self {
        let (m, n) = weights.w.shape();
        let w_dec: MatRef<'_, f64> = weights.w_dec.as_ref().unwrap_or(&weights.w).as_ref();
        let mut benefit = vec![0.0; n];
        let mut interference = vec![0.0; n];
        for j in 0..n {
            let b = weights.b.as_ref().map_or(0.0, |b| b[j]);
            for i in 0..n {
                let g = (0..m).map(|k| w_dec[(k, j)] * weights.w[(k, i)]).sum();
                if i == j {
                    benefit[j] = importance[j] * mean_square(g, b, 1.0, output);
                } else {
                    interference[j] += importance[j] * mean_square(g, b, 0.0, output);
                }
            }
        }
        Self {
            benefit,
            interference,
        }
    }
}

/// `$\int_0^1 (f(g x + b) - c x)^2\, dx$`: a quadratic on both sides of the kink, where Simpson's rule is exact.
fn mean_square(g: f64, b: f64, c: f64, output: Output) -> f64 {
    let kink = match output {
        Output::Relu if g != 0.0 => (-b / g).clamp(0.0, 1.0),
        _ => 0.0,
    };
    let part = |from: f64, to: f64| {
        let middle = 0.5 * (from + to);
        let is_on = output == Output::Linear || g * middle + b > 0.0;
        let error_sq = |x: f64| {
            let error = if is_on { g * x + b } else { 0.0 } - c * x;
            error * error
        };
        (to - from) / 6.0 * (error_sq(from) + 4.0 * error_sq(middle) + error_sq(to))
    };
    part(0.0, kink) + part(kink, 1.0)
}

fn active_parts(parts: Vec<f64>, distribution: &FeatureDistribution) -> Vec<ActivePart> {
    let probability = active_counts(distribution);
    let part = |(n_active, (loss, probability)): (usize, (f64, f64))| ActivePart {
        n_active,
        probability,
        loss,
        conditional_loss: (probability > 0.0).then(|| loss / probability),
    };
    parts
        .into_iter()
        .zip(probability)
        .enumerate()
        .map(part)
        .collect()
}

/// With which probability k features are active, for k from 0 to n.
fn active_counts(distribution: &FeatureDistribution) -> Vec<f64> {
    let p = distribution.feature_probability();
    let set_size = match distribution.sets() {
        FeatureSets::Independent => 1,
        FeatureSets::Correlated { set_size } | FeatureSets::Anticorrelated { set_size } => set_size,
    };
    let mut counts = vec![0.0; p.len() + 1];
    counts[0] = 1.0;
    for set in p.chunks(set_size) {
        let size = set.len() as f64;
        let (on, step) = match distribution.sets() {
            FeatureSets::Anticorrelated { .. } => (size * set[0], 1),
            _ => (set[0], set.len()),
        };
        for k in (0..counts.len()).rev() {
            let before = if k < step { 0.0 } else { counts[k - step] };
            counts[k] = (1.0 - on).max(0.0) * counts[k] + on * before;
        }
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;
    use superposition_testkit::tolerance::{Tolerance, assert_all_close, assert_close};

    #[test]
    fn integrals_of_squares_by_hand() {
        let square = |g, b, c| mean_square(g, b, c, Output::Relu);
        let rounding = Tolerance::reduction_f64(8, 1.0);
        // ReLU(x - 1/2)^2 over (1/2, 1): 1/24. An output that is off: x^2. A perfect one: 0.
        assert_close(square(1.0, -0.5, 0.0), 1.0 / 24.0, rounding);
        assert_close(square(-1.0, -0.5, 1.0), 1.0 / 3.0, rounding);
        assert_close(square(1.0, 0.0, 1.0), 0.0, rounding);
        assert_close(square(0.0, 0.5, 1.0), 1.0 / 12.0, rounding);
        // ReLU(1 - 2 x): on until 1/2; the integral of (1 - 2x)^2 to 1/2 is 1/6, linear all along 1/3.
        assert_close(square(-2.0, 1.0, 0.0), 1.0 / 6.0, rounding);
        assert_close(
            mean_square(-2.0, 1.0, 0.0, Output::Linear),
            1.0 / 3.0,
            rounding,
        );
    }

    #[test]
    fn how_many_are_active() {
        let rounding = Tolerance::reduction_f64(16, 1.0);
        let same = |n, p| FeatureDistribution::new(n, &FeatureProbability::Same(p)).unwrap();
        assert_all_close(
            &active_counts(&same(3, 0.5)),
            &[0.125, 0.375, 0.375, 0.125],
            rounding,
        );
        let pairs = same(3, 0.5)
            .with_sets(FeatureSets::Correlated { set_size: 2 })
            .unwrap();
        assert_all_close(&active_counts(&pairs), &[0.25, 0.25, 0.25, 0.25], rounding);
        let one = same(3, 1.0 / 3.0)
            .with_sets(FeatureSets::Anticorrelated { set_size: 3 })
            .unwrap();
        assert_all_close(&active_counts(&one), &[0.0, 1.0, 0.0, 0.0], rounding);
    }
}
