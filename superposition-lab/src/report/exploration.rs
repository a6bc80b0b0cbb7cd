//! Reports of trained models: `explore`, `train`, `sweep`.

use superposition_analysis::interference_matrix;
use superposition_model::faer::Mat;
use superposition_model::{
    Bias, Coupling, FeatureProbability, FeatureSets, Hidden, Magnitude, Output, ToyModel,
};
use superposition_train::{StopReason, Target, TrainOptions};
use superposition_viz::{
    CurveOptions, Headline, SelectedInterference, Summary, SummaryTable, TextStyle, TransitionRow,
    curve, format_number, section, sparsity_transition, summary_report,
};

use super::geometry::{headlines, warnings};
use super::{number, optional, pair};
use crate::reading::{Evaluation, PopulationLossSummary};
use crate::sweep::Spread;
use crate::training::TrainingSummary;
use crate::{
    Exploration, FeatureReading, Reading, Recipe, SweepDocument, SweepRow, SweepStop,
    TrainingDocument,
};

/// Most features whose interference is drawn: their matrix is 32 MB.
const MAX_HEATMAP: usize = 2_000;

/// The summary report of an exploration: configuration, headline numbers with what they are to
/// be compared with, training curve, norms, dimensionality, interference, clusters, probes,
/// neurons.
///
/// ```
/// use std::ops::ControlFlow;
/// use superposition_lab::report::exploration_report;
/// use superposition_lab::viz::TextStyle;
/// use superposition_lab::{ExploreOptions, explore};
///
/// let mut options = ExploreOptions::quick_start();
/// options.recipe.train.n_steps = 3;
/// let exploration = explore(&options, &mut |_| ControlFlow::Break(())).unwrap();
/// let report = exploration_report(&exploration, &TextStyle::default());
/// assert!(report.starts_with("Toy model: 100 features in 20 hidden dimensions, sparsity 0.9"));
/// ```
#[must_use]
pub fn exploration_report(exploration: &Exploration, style: &TextStyle) -> String {
    let mut summary = Summary::new(recipe_title(&exploration.recipe));
    summary.configuration = recipe_configuration(&exploration.recipe);
    summary.losses = exploration
        .trained
        .losses
        .iter()
        .map(|&loss| f64::from(loss))
        .collect();
    let training = TrainingSummary::new(&exploration.trained, &exploration.recipe.train);
    summary.headline = training_headlines(&training);
    if let Some(reading) = &exploration.reading {
        summary
            .headline
            .push(evaluation_headline(&reading.evaluation));
        summary
            .headline
            .push(population_headline(&reading.population_loss));
        summary.headline.extend(headlines(&reading.geometry, None));
        summary.warnings = warnings(&reading.geometry, None);
        let rows = &reading.features;
        summary.norms = rows.iter().map(|row| row.norm).collect();
        summary.dimensionality = rows.iter().map(|row| row.dimensionality).collect();
        summary.interference = interference(&exploration.trained.model, rows);
        summary.clusters = reading.geometry.cluster_members();
        if reading.geometry.n_represented > MAX_HEATMAP {
            summary.warnings.push(format!(
                "the heat map shows the first {MAX_HEATMAP} of {} represented features, and its statistics are of those",
                reading.geometry.n_represented
            ));
        }
        summary.n_clustered = reading.geometry.n_represented;
        summary.tables = vec![probe_headlines(reading), probes(rows), neurons(reading)];
    } else {
        summary
            .warnings
            .push("training did not finish: there is no analysis".to_owned());
    }
    summary_report(&summary, style)
}

/// The report of a training.
#[must_use]
pub fn training_report(document: &TrainingDocument, style: &TextStyle) -> String {
    let mut summary = Summary::new(recipe_title(&document.recipe));
    summary.configuration = recipe_configuration(&document.recipe);
    summary.headline = training_headlines(&document.training);
    summary
        .headline
        .push(evaluation_headline(&document.evaluation));
    summary
        .headline
        .push(population_headline(&document.population_loss));
    summary.headline.extend(headlines(&document.geometry, None));
    summary.warnings = warnings(&document.geometry, None);
    let mut report = summary_report(&summary, style);
    let points: Vec<(f64, f64)> = document
        .history
        .iter()
        .map(|row| (row.step as f64, row.loss))
        .collect();
    let options = CurveOptions::new("loss, mean between rows of the history")
        .with_labels("step", "loss")
        .with_height(10);
    report.push('\n');
    report.push_str(&section("Training", style));
    report.push_str(&curve(&points, &options, style));
    report
}

/// The report of a sweep.
#[must_use]
pub fn sweep_report(document: &SweepDocument, style: &TextStyle) -> String {
    let dimensions = document.recipe.model.dimensions;
    let mut summary = Summary::new(format!(
        "Sparsity sweep: {} features in {} hidden dimensions",
        dimensions.n_features, dimensions.n_hidden
    ));
    if document.stop == SweepStop::Cancelled {
        summary
            .warnings
            .push("the sweep was stopped: only models that were finished are shown".to_owned());
    }
    for run in &document.diverged {
        summary.warnings.push(format!(
            "the model at sparsity {} with seed {} diverged at step {}: it is in no statistic",
            run.sparsity, run.seed, run.step
        ));
    }
    summary.configuration = recipe_configuration(&document.recipe)
        .into_iter()
        .filter(|(name, _)| name != "sparsity" && name != "seed")
        .collect();
    summary.configuration.push(pair(
        "interference by chance",
        format!("1/m = {}", number(document.mean_interference_chance)),
    ));
    let mut report = summary_report(&summary, style);
    let rows: Vec<TransitionRow> = document.rows.iter().map(transition_row).collect();
    report.push('\n');
    report.push_str(&sparsity_transition(&rows, style));
    report
}

fn transition_row(row: &SweepRow) -> TransitionRow {
    let spread = |of: &Spread| superposition_viz::Spread {
        mean: of.mean,
        std: of.std,
        n: row.n_seeds,
    };
    TransitionRow {
        sparsity: row.sparsity,
        n_represented: spread(&row.n_represented),
        mean_interference: spread(&row.mean_interference),
        mean_dimensionality: spread(&row.mean_dimensionality),
        loss: spread(&row.loss),
    }
}

pub(crate) fn recipe_title(recipe: &Recipe) -> String {
    let dimensions = recipe.model.dimensions;
    format!(
        "Toy model: {} features in {} hidden dimensions, {}",
        dimensions.n_features,
        dimensions.n_hidden,
        match recipe.sparsity() {
            Some(sparsity) => format!("sparsity {sparsity}"),
            None => "a sparsity per feature".to_owned(),
        }
    )
}

pub(crate) fn recipe_configuration(recipe: &Recipe) -> Vec<(String, String)> {
    let model = &recipe.model;
    let train = &recipe.train;
    let decoder = match model.coupling {
        Coupling::Tied => "W^T",
        Coupling::Untied => "W_dec^T",
    };
    let weights = match (model.hidden, model.hidden_bias) {
        (Hidden::Linear, _) => format!("{decoder} W x"),
        (Hidden::Relu, Bias::None) => format!("{decoder} ReLU(W x)"),
        (Hidden::Relu, Bias::Learned) => format!("{decoder} ReLU(W x + b_enc)"),
    };
    let bias = match model.bias {
        Bias::Learned => " + b",
        Bias::None => "",
    };
    let readout = match model.output {
        Output::Relu => format!("x' = ReLU({weights}{bias})"),
        Output::Linear => format!("x' = {weights}{bias}"),
    };
    let sparsity = match &recipe.feature_probability {
        FeatureProbability::Same(p) => format!(
            "{} (each feature is active with probability {})",
            optional(recipe.sparsity()),
            number(*p)
        ),
        FeatureProbability::PerFeature(p) => format!(
            "per feature; active with probability {} to {}",
            number(p.iter().copied().fold(f64::INFINITY, f64::min)),
            number(p.iter().copied().fold(f64::NEG_INFINITY, f64::max))
        ),
        FeatureProbability::PowerLaw { exponent, n_active } => format!(
            "per feature; active with probability like i^-{exponent}, {} on average",
            number(*n_active)
        ),
        FeatureProbability::Geometric { ratio, n_active } => format!(
            "per feature; active with probability like {ratio}^i, {} on average",
            number(*n_active)
        ),
    };
    let mut configuration = vec![pair("model", readout), pair("sparsity", sparsity)];
    if recipe.sets != FeatureSets::Independent {
        configuration.push(pair("feature sets", recipe.sets.to_string()));
    }
    let features = match recipe.magnitude {
        Magnitude::Unit => None,
        Magnitude::Signed => Some("uniform within -1 and 1"),
        Magnitude::Binary => Some("1 where active"),
    };
    configuration.extend(features.map(|features| pair("features", features.to_owned())));
    let target = match recipe.target {
        Target::Input => None,
        Target::Absolute => Some("|x|"),
        Target::And => Some("x_i AND x_(i+1)"),
    };
    configuration.extend(target.map(|target| pair("target", target.to_owned())));
    if recipe.attack != 0.0 {
        let attack = format!("trained against attacks of norm {}", recipe.attack);
        configuration.push(pair("attacks", attack));
    }
    configuration.push(pair("importance", recipe.importance.to_string()));
    configuration.push(pair(
        "training",
        format!(
            "{} steps of batch {}, Adam, learning rate {}",
            train.n_steps, train.batch_size, train.adam.learning_rate
        ),
    ));
    configuration.extend(penalties(recipe).map(|penalties| pair("penalties", penalties)));
    configuration.extend(optimizer(train).map(|unusual| pair("optimizer", unusual)));
    configuration.push(pair("seed", train.seed.to_string()));
    configuration
}

fn penalties(recipe: &Recipe) -> Option<String> {
    unusual(&[
        ("L1 of the hidden layer", recipe.hidden_l1),
        ("L1 of the weights", recipe.train.weight_l1),
    ])
}

fn optimizer(train: &TrainOptions) -> Option<String> {
    unusual(&[
        ("weight decay", train.adam.weight_decay),
        ("l2", train.adam.l2),
        ("pull to unit norm", train.unit_norm_decay),
        ("gradient clipped to norm", train.clip_norm.unwrap_or(0.0)),
    ])
}

/// What is not 0, as it usually is.
fn unusual(values: &[(&str, f64)]) -> Option<String> {
    let unusual: Vec<String> = values
        .iter()
        .filter(|(_, value)| *value != 0.0)
        .map(|(name, value)| format!("{name} {value}"))
        .collect();
    (!unusual.is_empty()).then(|| unusual.join(", "))
}

fn training_headlines(training: &TrainingSummary) -> Vec<Headline> {
    let stop = match training.stop {
        StopReason::Finished => "all steps done".to_owned(),
        StopReason::LossBelow { step } => format!("stopped at step {step}: loss low enough"),
        StopReason::Diverged { step } => format!("diverged at step {step}"),
        StopReason::Cancelled { step } => format!("cancelled after step {step}"),
    };
    vec![
        Headline::new("steps", training.steps.to_string(), stop),
        Headline::new(
            "batch loss",
            optional(training.last_loss),
            format!(
                "mean of the last {} steps; {} at the first",
                training.steps.min(100),
                optional(training.first_loss)
            ),
        ),
    ]
}

fn evaluation_headline(evaluation: &Evaluation) -> Headline {
    let error = match evaluation.standard_error {
        Some(error) => format!(" +- {}", number(error)),
        None => String::new(),
    };
    Headline::new(
        "loss",
        number(evaluation.loss),
        format!(
            "{error} on {} fresh samples, mean over samples and features",
            evaluation.n_samples
        )
        .trim_start()
        .to_owned(),
    )
}

fn population_headline(loss: &PopulationLossSummary) -> Headline {
    // As many digits as it is asked for.
    let value = loss.value.map(|value| format_number(value, 7));
    let note = match (loss.error, loss.reason) {
        (Some(error), _) => format!("+- {} over the whole distribution", format_number(error, 2)),
        (None, reason) => reason.unwrap_or_default().to_owned(),
    };
    Headline::new("loss, exact", value.unwrap_or_else(|| "-".to_owned()), note)
}

fn interference(model: &ToyModel, rows: &[FeatureReading]) -> Option<SelectedInterference> {
    let features: Vec<usize> = rows
        .iter()
        .filter(|row| row.cluster.is_some())
        .map(|row| row.feature)
        .take(MAX_HEATMAP)
        .collect();
    if features.is_empty() {
        return None;
    }
    let w = model.w();
    let chosen = Mat::from_fn(w.nrows(), features.len(), |k, i| w[(k, features[i])]);
    let matrix = interference_matrix(chosen.as_ref());
    let values = matrix
        .col_iter()
        .flat_map(|column| column.iter().copied())
        .collect();
    Some(SelectedInterference { features, values })
}

fn probe_headlines(reading: &Reading) -> SummaryTable {
    let probes = &reading.probes;
    let row = |name: &str, value: String, note: String| vec![name.to_owned(), value, note];
    SummaryTable {
        title: "Linear probes: how much of each feature can be read from the hidden layer"
            .to_owned(),
        headers: ["over all features", "mean", "compare with"]
            .map(str::to_owned)
            .to_vec(),
        rows: vec![
            row(
                "R^2 of a linear probe",
                optional(probes.mean_r_squared),
                format!(
                    "{} for any W of this rank",
                    number(probes.mean_r_squared_any_w)
                ),
            ),
            row(
                "R^2 of the model's readout",
                optional(probes.mean_readout_r_squared),
                "the ReLU suppresses interference".to_owned(),
            ),
            row(
                "area under the ROC curve",
                optional(probes.mean_auroc),
                "0.5 by chance".to_owned(),
            ),
            row(
                "accuracy",
                optional(probes.mean_accuracy),
                format!(
                    "{} by always saying the same",
                    number(probes.mean_base_rate)
                ),
            ),
            row(
                "coverage",
                optional(probes.coverage),
                format!(
                    "share of features with R^2 of at least {}",
                    probes.coverage_r_squared
                ),
            ),
        ],
        note: format!(
            "Held-out, on a split of {} samples. In a linear bottleneck the R^2 of feature i is its leverage W_i^T F^+ W_i, for trained and random W alike, and its mean is rank / n: a feature is not decodable because of it.",
            probes.n_samples
        ),
    }
}

fn probes(rows: &[FeatureReading]) -> SummaryTable {
    SummaryTable {
        title: "Features".to_owned(),
        headers: [
            "feature", "norm", "D", "interference", "nearest", "cos", "leverage", "probe R^2",
            "readout R^2", "AUROC",
        ]
        .map(str::to_owned)
        .to_vec(),
        rows: rows
            .iter()
            .map(|row| {
                vec![
                    row.feature.to_string(),
                    number(row.norm),
                    number(row.dimensionality),
                    number(row.mean_interference),
                    row.nearest.map_or_else(|| "-".to_owned(), |j| j.to_string()),
                    optional(row.max_cosine),
                    number(row.leverage),
                    optional(row.probe_r_squared),
                    optional(row.readout_r_squared),
                    optional(row.probe_auroc),
                ]
            })
            .collect(),
        note: "interference: mean cos^2 with the other represented features. All rows are in the JSON."
            .to_owned(),
    }
}

fn neurons(reading: &Reading) -> SummaryTable {
    let found = &reading.polysemanticity;
    let rotated = &reading.rotations;
    super::files::neuron_table(found, rotated)
}
