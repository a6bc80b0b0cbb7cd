//! JSON documents on the page: phase diagrams, sweeps, probes.

use std::path::Path;

use serde_json::Value;
use superposition_viz::html::{Axis, Cells, Column, Fact, Features, Layer, Page, PhaseMap, Runs};

use super::exploration::{neurons, push_values};
use super::inputs::{cannot, list, number};
use super::{dictionary, suggest_title};
use crate::report::number as rounded;
use crate::{LabError, PhaseRegion};

/// Puts a document on the page, by the schema that it names.
pub(super) fn add(page: &mut Page, path: &Path, value: &Value) -> Result<(), LabError> {
    match value.get("schema").and_then(Value::as_str) {
        Some("superposition/phase-diagram/v1") => phase_diagram(page, path, value),
        Some("superposition/sweep/v1") => sweep(page, path, value),
        Some("superposition/probe/v1") => probes(page, path, value),
        Some(other) => Err(cannot(
            path,
            format!(
                "it is a document {other}; known are those of phase-diagram, sweep and probe, and the folder that explore leaves"
            ),
        )),
        None => Err(cannot(path, "it is no document of this program")),
    }
}

fn numbers(values: &[Value]) -> Vec<f64> {
    values.iter().map(|value| number(Some(value))).collect()
}

fn phase_diagram(page: &mut Page, path: &Path, value: &Value) -> Result<(), LabError> {
    let of = |key: &str| number(value.pointer(&format!("/options/dimensions/{key}")));
    let title = format!(
        "Phases of {} features in {} dimensions",
        of("n_features"),
        of("n_hidden")
    );
    suggest_title(page, &title);
    push_values(page, "Agreement of the maps", value.get("agreement"));
    let axis = |label: &str, key: &str| -> Result<Axis, LabError> {
        Ok(Axis::logarithmic(label, numbers(list(path, value, key)?)))
    };
    let x = axis("relative importance", "relative_importance")?;
    let y = axis("feature probability", "feature_probability")?;
    let n_cells = x.values.len() * y.values.len();
    let fits = |n: usize| match n == n_cells {
        true => Ok(()),
        false => Err(cannot(
            path,
            format!("a map of {n} cells is not of {n_cells}"),
        )),
    };
    let names: Vec<String> = PhaseRegion::ALL.map(|region| region.to_string()).to_vec();
    let (mut regions, mut others) = (Vec::new(), Vec::new());
    for (map, title) in [
        ("trained", "trained"),
        ("optimum", "exact optimum"),
        ("theory", "fixed weights"),
    ] {
        let found = value.get(map).unwrap_or(&Value::Null);
        let region = |value: &Value| {
            let key = value.as_str().unwrap_or_default();
            let place = PhaseRegion::ALL
                .iter()
                .position(|region| region.key() == key);
            place.ok_or_else(|| cannot(path, format!("{key:?} is no region")))
        };
        let cells = list(path, found, "region")?.iter().map(region);
        let cells: Vec<usize> = cells.collect::<Result<_, _>>()?;
        fits(cells.len())?;
        let names = names.clone();
        regions.push(Layer::new(title, Cells::Categories { names, cells }));
        for (key, name) in [
            ("loss", "loss"),
            ("extra_norm", "norm of the extra feature"),
            ("extra_cosine", "its cosine of largest size"),
            ("extra_superposition", "its superposition"),
        ] {
            let values = numbers(list(path, found, key)?);
            fits(values.len())?;
            others.push(Layer::new(
                format!("{title}: {name}"),
                Cells::Numbers(values),
            ));
        }
    }
    regions.append(&mut others);
    page.maps.push(PhaseMap::new(title, x, y, regions));
    Ok(())
}

fn sweep(page: &mut Page, path: &Path, value: &Value) -> Result<(), LabError> {
    let of = |key: &str| number(value.pointer(&format!("/recipe/model/dimensions/{key}")));
    let title = format!(
        "Sparsity sweep of {} features in {} dimensions",
        of("n_features"),
        of("n_hidden")
    );
    suggest_title(page, &title);
    let runs = list(path, value, "runs")?;
    for row in list(path, value, "rows")? {
        let mean = |key: &str| rounded(number(row.get(key).and_then(|spread| spread.get("mean"))));
        page.facts.push(Fact::new(
            "Means over seeds",
            format!("sparsity {}", rounded(number(row.get("sparsity")))),
            format!("loss {}", mean("loss")),
            format!(
                "{} features represented, D* {}",
                mean("n_represented"),
                mean("dimensions_per_feature")
            ),
        ));
    }
    let column = |name: &str, about: &str, of: &dyn Fn(&Value) -> f64| {
        Column::numbers(name, about, runs.iter().map(of).collect())
    };
    let plain = |name: &'static str, about: &str| column(name, about, &|run| number(run.get(name)));
    let columns = vec![
        column("1/(1-S)", "1 over the feature probability", &|run| {
            1.0 / (1.0 - number(run.get("sparsity")))
        }),
        plain(
            "sparsity",
            "share of samples in which a feature is not active",
        ),
        plain("seed", ""),
        plain("loss", "on fresh samples"),
        plain("n_represented", "features with a norm above 0.5"),
        plain("dimensions_per_feature", "D*"),
        plain("mean_dimensionality", "mean D_i"),
        plain("total_dimensionality", "sum of D_i"),
        plain("mean_interference", "mean squared cosine"),
        plain("min_cosine", "-1: an antipodal pair"),
    ];
    let all = Runs::new(title, columns);
    page.runs.push(match models(runs) {
        Some((n_hidden, directions)) => all.with_models(n_hidden, directions),
        None => all,
    });
    Ok(())
}

/// Hidden dimensions and the directions of every run's model, if the document has them all, of one shape.
fn models(runs: &[Value]) -> Option<(usize, Vec<f32>)> {
    let mut shape = None;
    let mut directions = Vec::new();
    for run in runs {
        let rows = run.get("w")?.as_array()?;
        let rows: Option<Vec<&Vec<Value>>> = rows.iter().map(Value::as_array).collect();
        let rows = rows?;
        let (m, n) = (rows.len(), rows.first()?.len());
        let same = *shape.get_or_insert((m, n)) == (m, n);
        if !same || n == 0 || rows.iter().any(|row| row.len() != n) {
            return None;
        }
        for i in 0..n {
            directions.extend(rows.iter().map(|row| number(row.get(i)) as f32));
        }
    }
    shape.map(|(m, _)| (m, directions))
}

fn probes(page: &mut Page, path: &Path, value: &Value) -> Result<(), LabError> {
    let probes = list(path, value, "probes")?;
    suggest_title(page, &format!("Probes of {} labels", probes.len()));
    for (key, note) in [
        ("mean_r_squared", "mean held-out R^2 of linear probes"),
        (
            "mean_r_squared_any_w",
            "what any linear map of this rank has",
        ),
        ("coverage", "share of features at or above the threshold"),
        ("coverage_r_squared", "that threshold"),
    ] {
        let found = number(value.get(key));
        let name = key.replace('_', " ");
        page.facts
            .push(Fact::new("Probes", name, rounded(found), note));
    }
    // Of another number of features than those of the page, or of a part: a probe of one alone says which.
    let first = probes.first().and_then(|probe| probe.get("feature"));
    let whole = first.and_then(Value::as_u64) == Some(0);
    let features = match page.features.take() {
        None => Features::without_directions(probes.len()),
        Some(features) if whole && features.n_features() == probes.len() => features,
        Some(features) => {
            return Err(cannot(
                path,
                format!(
                    "it has {} probes and the page {} features",
                    probes.len(),
                    features.n_features()
                ),
            ));
        }
    };
    let names = [
        ("r_squared", "probe_r_squared"),
        ("r_squared_train", "probe_r_squared_train"),
        ("accuracy", "probe_accuracy"),
        ("base_rate", "probe_base_rate"),
        ("auroc", "probe_auroc"),
    ];
    let features = names.into_iter().fold(features, |features, (key, name)| {
        let values = probes.iter().map(|probe| number(probe.get(key))).collect();
        features.with_probe(Column::numbers(name, dictionary::about(name), values))
    });
    page.features = Some(features);
    if page.neurons.is_none() {
        page.neurons = neurons(value);
    }
    Ok(())
}
