//! Figures of many models over sparsities.

use std::path::Path;

use serde_json::Value;
use superposition_viz::figures;
use superposition_viz::svg::Figure;

use super::FigureKind;
use super::run::rounded;
use crate::page::inputs::{cannot, list, number, read_json};
use crate::{LabError, Recipe};

/// A document of `sweep`.
fn document(path: &Path) -> Result<Value, LabError> {
    let not = || cannot(path, "this figure is of what sweep --json prints");
    if path.is_dir() {
        return Err(not());
    }
    let value = read_json(path)?;
    match value.get("schema").and_then(Value::as_str) {
        Some("superposition/sweep/v1") => Ok(value),
        _ => Err(not()),
    }
}

pub(super) fn figure(kind: FigureKind, path: &Path) -> Result<Figure, LabError> {
    let value = document(path)?;
    let mut points = Vec::new();
    for run in list(path, &value, "runs")? {
        let x = 1.0 / (1.0 - number(run.get("sparsity")));
        if kind == FigureKind::Dimensions {
            points.push([x, number(run.get("dimensions_per_feature"))]);
        } else {
            let all = list(path, run, "feature_dimensionality")?;
            points.extend(all.iter().map(|d| [x, number(Some(d))]));
        }
    }
    Ok(match kind {
        FigureKind::Dimensions => figures::dimensions_per_feature(&points),
        _ => figures::feature_dimensionality(&points),
    })
}

/// At each sparsity the model of the lowest loss.
pub(super) fn planes(path: &Path) -> Result<Figure, LabError> {
    let value = document(path)?;
    let recipe = value.get("recipe").cloned().unwrap_or_default();
    let recipe: Recipe = serde_json::from_value(recipe).map_err(|error| cannot(path, error))?;
    let importance: Vec<f64> = recipe
        .job()?
        .task
        .importance
        .iter()
        .map(|&of| f64::from(of))
        .collect();
    let mut best: Vec<(f64, f64, Vec<[f64; 2]>)> = Vec::new();
    for run in list(path, &value, "runs")? {
        let (sparsity, loss) = (number(run.get("sparsity")), number(run.get("loss")));
        let Some([first, second]) = rows(run) else {
            return Err(cannot(
                path,
                "its models are not in it, or have not 2 hidden dimensions: a plane is of 2, and a sweep keeps W of at most 64 numbers",
            ));
        };
        let tips = first.into_iter().zip(second).map(|(x, y)| [x, y]).collect();
        match best.iter_mut().find(|(at, ..)| *at == sparsity) {
            Some(known) if loss < known.1 => *known = (sparsity, loss, tips),
            Some(_) => {}
            None => best.push((sparsity, loss, tips)),
        }
    }
    let planes: Vec<(String, Vec<[f64; 2]>)> = best
        .into_iter()
        .map(|(sparsity, _, tips)| (format!("S = {}", rounded(sparsity)), tips))
        .collect();
    if planes
        .iter()
        .any(|(_, tips)| tips.len() != importance.len())
    {
        return Err(cannot(path, "it has not an importance for each feature"));
    }
    Ok(figures::feature_planes(&planes, &importance))
}

/// The two rows of W of a model with two hidden dimensions, if it is there.
fn rows(run: &Value) -> Option<[Vec<f64>; 2]> {
    let [first, second] = run.get("w")?.as_array()?.as_slice() else {
        return None;
    };
    let row = |row: &Value| -> Option<Vec<f64>> {
        Some(
            row.as_array()?
                .iter()
                .map(|value| number(Some(value)))
                .collect(),
        )
    };
    Some([row(first)?, row(second)?])
}
