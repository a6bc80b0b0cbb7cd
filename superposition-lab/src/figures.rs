//! Figures of what other commands left.

use std::path::Path;

use serde_json::Value;
use superposition_analysis::{cosines, feature_dimensionality, from_columns};
use superposition_viz::figures;
use superposition_viz::svg::Figure;

use crate::page::inputs::{cannot, list, number, read_json};
use crate::{LabError, TOY_MIN_NORM, read_model, read_snapshots};

/// What a figure shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FigureKind {
    /// Features of a model with two hidden dimensions, coloured by importance.
    Plane,
    /// `$W^T W$`, bias and norms of a model.
    Gram,
    /// The dimensionality of each feature of a model.
    Capacity,
    /// Cosines of a model's represented features over those of random directions.
    Cosines,
    /// Loss and dimensionalities over a training.
    Training,
    /// Probes of a model's features.
    Probes,
    /// `$D_i$` of the features of a sweep's models against sparsity.
    Dimensionality,
    /// `$D^*$` of a sweep's models against sparsity.
    Dimensions,
}

/// Draws a figure of a folder that `explore` left, or of a document of `sweep`, whichever the kind needs.
///
/// # Errors
/// The input cannot be read, or is not what the kind needs.
pub fn figure_of_file(kind: FigureKind, path: &Path) -> Result<Figure, LabError> {
    if let FigureKind::Dimensionality | FigureKind::Dimensions = kind {
        return sweep_figure(kind, path);
    }
    let analysis = path.join("analysis.json");
    if !analysis.is_file() {
        return Err(cannot(
            path,
            "this figure is of a folder that explore leaves",
        ));
    }
    let value = read_json(&analysis)?;
    let rows = list(&analysis, &value, "features")?;
    let column = |name: &str| {
        rows.iter()
            .map(|row| number(row.get(name)))
            .collect::<Vec<f64>>()
    };
    let (model, _) = read_model(&path.join("model.safetensors"))?;
    let (w, n) = (model.w(), model.dimensions().n_features);
    if rows.len() != n {
        return Err(cannot(
            &analysis,
            "it is of another model than the one beside it",
        ));
    }
    let product = |i: usize, j: usize| -> f64 {
        let (a, b) = (w.col(i).iter(), w.col(j).iter());
        a.zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum()
    };
    Ok(match kind {
        FigureKind::Plane => {
            if w.nrows() != 2 {
                let reason = format!(
                    "a plane is of 2 hidden dimensions, and the model has {}",
                    w.nrows()
                );
                return Err(cannot(path, reason));
            }
            let tips = (0..n).map(|i| [f64::from(w[(0, i)]), f64::from(w[(1, i)])]);
            figures::feature_planes(&[(String::new(), tips.collect())], &column("importance"))
        }
        FigureKind::Gram => {
            let gram: Vec<f64> = (0..n * n).map(|k| product(k / n, k % n)).collect();
            let bias = model.b().is_some().then(|| column("bias"));
            let (norms, superposition) = (column("norm"), column("superposition"));
            figures::gram_and_norms(&gram, bias.as_deref(), &norms, &superposition)
        }
        FigureKind::Capacity => {
            figures::capacity(&column("dimensionality"), &column("importance"), w.nrows())
        }
        FigureKind::Cosines => {
            let norms = column("norm");
            let cosines = cosines(w);
            let represented: Vec<usize> = (0..n).filter(|&i| norms[i] > TOY_MIN_NORM).collect();
            let pairs = represented.iter().enumerate();
            let values = pairs.flat_map(|(k, &i)| represented[..k].iter().map(move |&j| (i, j)));
            let values: Vec<f64> = values.map(|(i, j)| cosines[(i, j)]).collect();
            figures::cosines(&values, w.nrows())
        }
        FigureKind::Training => training(path, &analysis, &value)?,
        _ => figures::probes(
            &column("leverage"),
            &column("probe_r_squared"),
            &column("readout_r_squared"),
        ),
    })
}

fn training(folder: &Path, path: &Path, value: &Value) -> Result<Figure, LabError> {
    let history = list(path, value, "history")?;
    let loss: Vec<[f64; 2]> = history
        .iter()
        .map(|row| [number(row.get("step")), number(row.get("loss"))])
        .collect();
    let snapshots = folder.join("snapshots.safetensors");
    let mut lines = Vec::new();
    if snapshots.is_file() {
        let snapshots = read_snapshots(&snapshots)?;
        let (n, m) = (snapshots.n_features(), snapshots.n_hidden);
        lines = vec![Vec::with_capacity(snapshots.steps.len()); n];
        for (&step, w) in snapshots.steps.iter().zip(snapshots.w.chunks(n * m)) {
            let all = feature_dimensionality(from_columns(w, m, n));
            for (line, d) in lines.iter_mut().zip(all) {
                line.push([step as f64, d]);
            }
        }
    }
    Ok(figures::training(&loss, &lines))
}

fn sweep_figure(kind: FigureKind, path: &Path) -> Result<Figure, LabError> {
    if path.is_dir() {
        return Err(cannot(path, "this figure is of what sweep --json prints"));
    }
    let value = read_json(path)?;
    if value.get("schema").and_then(Value::as_str) != Some("superposition/sweep/v1") {
        return Err(cannot(path, "this figure is of what sweep --json prints"));
    }
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
