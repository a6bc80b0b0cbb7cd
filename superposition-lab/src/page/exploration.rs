//! What `explore` left on the page.

use std::path::Path;

use serde_json::Value;
use superposition_viz::html::{self, Column, Fact, Neurons, Page, Training};

use super::inputs::{cannot, list, number, read_json};
use super::{PageOptions, dictionary, push_summary, suggest_title};
use crate::report::{analysis_summary, number as rounded, recipe_configuration, recipe_title};
use crate::{LabError, read_model, read_snapshots};

/// Columns of features beside those of the analysis, and which of them probes measured.
const COLUMNS: [(&str, bool); 13] = [
    ("importance", false),
    ("feature_probability", false),
    ("bias", false),
    ("superposition", false),
    ("leverage", true),
    ("probe_r_squared", true),
    ("readout_r_squared", true),
    ("probe_accuracy", true),
    ("probe_base_rate", true),
    ("probe_auroc", true),
    ("probe_pattern_cosine", true),
    ("probe_pattern_angle_degrees", true),
    ("probe_direction_cosine", true),
];

/// Reads the folder and puts the model, its training, probes and neurons on the page.
pub(super) fn add(page: &mut Page, folder: &Path, options: &PageOptions) -> Result<(), LabError> {
    let path = folder.join("analysis.json");
    let value = read_json(&path)?;
    let schema = value.get("schema").and_then(Value::as_str);
    if schema != Some("superposition/exploration/v1") {
        return Err(cannot(&path, "it is not the analysis that explore leaves"));
    }
    let model = folder.join("model.safetensors");
    let (_, recipe) = read_model(&model)?;
    let document = dictionary::analyzed(page, &model, options)?;
    suggest_title(page, &recipe_title(&recipe));
    let mut summary = analysis_summary(&document);
    summary.configuration = recipe_configuration(&recipe);
    push_summary(page, "Geometry", &summary);
    push_readings(page, &value);

    let rows = list(&path, &value, "features")?;
    if rows.len() != document.geometry.n_features {
        let reason = format!(
            "it has {} features and the model beside it {}",
            rows.len(),
            document.geometry.n_features
        );
        return Err(cannot(&path, reason));
    }
    let mut features = dictionary::features_of(&document);
    let all: Vec<usize> = (0..rows.len()).collect();
    let shown = document
        .directions
        .as_ref()
        .map_or(&all, |kept| &kept.features);
    for (name, is_probe) in COLUMNS {
        let values = shown.iter().map(|&i| number(rows[i].get(name))).collect();
        let column = Column::numbers(name, dictionary::about(name), values);
        features = match is_probe {
            true => features.with_probe(column),
            false => features.with_column(column),
        };
    }
    page.features = Some(features);
    page.notes.extend(dictionary::left_out(&document));
    page.neurons = neurons(&value);
    page.training = Some(training(folder, &path, &value)?);
    Ok(())
}

/// What training and probes gave, beside what it is to be compared with.
fn push_readings(page: &mut Page, value: &Value) {
    for (group, name, pointer, note) in [
        (
            "Loss",
            "loss, exact",
            "/population_loss/value",
            "over the whole distribution",
        ),
        (
            "Loss",
            "loss",
            "/evaluation/loss",
            "on fresh samples, mean over samples and features",
        ),
        (
            "Loss",
            "its standard error",
            "/evaluation/standard_error",
            "",
        ),
        (
            "Loss",
            "batch loss at first",
            "/training/first_loss",
            "of the first step",
        ),
        (
            "Loss",
            "batch loss at last",
            "/training/last_loss",
            "mean of the last 100 steps",
        ),
        (
            "Probes",
            "R^2 of a linear probe",
            "/probes/mean_r_squared",
            "mean over features, held out",
        ),
        (
            "Probes",
            "the same for any W",
            "/probes/mean_r_squared_any_w",
            "of this rank: rank W / n",
        ),
        (
            "Probes",
            "R^2 of the model's readout",
            "/probes/mean_readout_r_squared",
            "the ReLU suppresses interference",
        ),
        (
            "Probes",
            "area under the ROC curve",
            "/probes/mean_auroc",
            "mean over features",
        ),
        (
            "Probes",
            "accuracy",
            "/probes/mean_accuracy",
            "of active or not",
        ),
        (
            "Probes",
            "base rate",
            "/probes/mean_base_rate",
            "accuracy of the more frequent answer",
        ),
    ] {
        if let Some(found) = value.pointer(pointer).and_then(Value::as_f64) {
            page.facts
                .push(Fact::new(group, name, rounded(found), note));
        }
    }
}

/// The numbers of an object as facts.
pub(super) fn push_values(page: &mut Page, group: &str, value: Option<&Value>) {
    let object = value.and_then(Value::as_object);
    for (key, value) in object.into_iter().flatten() {
        if let Some(value) = value.as_f64() {
            let name = key.replace('_', " ");
            page.facts.push(Fact::new(group, name, rounded(value), ""));
        }
    }
}

/// What neurons respond to, beside the same under random rotations.
pub(super) fn neurons(value: &Value) -> Option<Neurons> {
    let found = value.get("polysemanticity")?;
    let responses = found.get("responses")?.as_array()?;
    let selectivity = found.get("selectivity")?.as_array()?;
    let text = |list: &Value| {
        let list = list.as_array().into_iter().flatten();
        let items: Vec<String> = list.map(ToString::to_string).collect();
        items.join(" ")
    };
    let count = |list: &Value| list.as_array().map_or(f64::NAN, |list| list.len() as f64);
    let rotated = value
        .pointer("/rotations/features_per_neuron/mean")
        .and_then(Value::as_f64);
    let about = format!(
        "{} of {} neurons respond to more than one feature; {} features per neuron{}. The hidden layer of a toy model is linear: which neuron responds to what depends on the basis.",
        number(found.get("polysemantic_neurons")),
        responses.len(),
        rounded(number(found.get("features_per_neuron"))),
        rotated.map_or(String::new(), |mean| format!(
            ", and {} under random rotations of the hidden space",
            rounded(mean)
        ))
    );
    let columns = vec![
        Column::numbers(
            "responds to",
            "how many features",
            responses.iter().map(count).collect(),
        ),
        Column::numbers(
            "selectivity",
            "1: nothing but the first feature matters",
            selectivity
                .iter()
                .map(|value| number(Some(value)))
                .collect(),
        ),
        Column::text(
            "features",
            "strongest first",
            responses.iter().map(text).collect(),
        ),
    ];
    Some(Neurons::new(about, columns))
}

fn training(folder: &Path, path: &Path, value: &Value) -> Result<Training, LabError> {
    let history = list(path, value, "history")?;
    let columns = [
        ("step", "steps made"),
        ("loss", "mean batch loss since the row before"),
        ("n_represented", "features with a norm above 0.5"),
        ("mean_norm", "mean norm of all features"),
        (
            "mean_interference",
            "mean squared cosine of represented features",
        ),
        ("total_dimensionality", "sum of D_i"),
        ("dimensions_per_feature", "D*"),
        ("loss_min", "smallest batch loss since the row before"),
        ("loss_max", "largest batch loss since the row before"),
    ];
    let columns = columns.map(|(name, about)| {
        let values = history.iter().map(|row| number(row.get(name))).collect();
        Column::numbers(name, about, values)
    });
    let snapshots = folder.join("snapshots.safetensors");
    let snapshots = match snapshots.is_file() {
        true => Some(read_snapshots(&snapshots)?),
        false => None,
    };
    Ok(Training::new(columns.to_vec())
        .with_snapshots(snapshots.map(|of| html::Snapshots::new(of.steps, of.n_hidden, of.w))))
}
