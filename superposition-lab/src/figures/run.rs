//! Figures of a model that `explore` trained.

use std::path::{Path, PathBuf};

use serde_json::Value;
use superposition_analysis::{feature_dimensionality, from_columns};
use superposition_model::ToyModel;
use superposition_viz::figures;
use superposition_viz::svg::Figure;

use super::{FigureKind, sweep};
use crate::page::inputs::{cannot, list, number, read_json};
use crate::{LabError, read_model, read_snapshots};

/// The 97.5 % quantile of a normal distribution: standard errors from the middle of a 95 % interval to its ends.
const NORMAL: f64 = 1.959_963_984_540_054;

/// A folder that `explore` left.
struct Exploration {
    folder: PathBuf,
    /// The path of its document, for errors.
    path: PathBuf,
    document: Value,
    model: ToyModel,
}

impl Exploration {
    fn read(folder: &Path) -> Result<Self, LabError> {
        let path = folder.join("analysis.json");
        if !path.is_file() {
            return Err(cannot(
                folder,
                "this figure is of a folder that explore leaves",
            ));
        }
        let document = read_json(&path)?;
        let (model, _) = read_model(&folder.join("model.safetensors"))?;
        let rows = list(&path, &document, "features")?.len();
        if rows != model.dimensions().n_features {
            return Err(cannot(
                &path,
                "it is of another model than the one beside it",
            ));
        }
        Ok(Self {
            folder: folder.to_owned(),
            path,
            document,
            model,
        })
    }

    /// A number of each feature.
    fn column(&self, name: &str) -> Vec<f64> {
        let rows = self.document.get("features").and_then(Value::as_array);
        let rows = rows.into_iter().flatten();
        rows.map(|row| number(row.get(name))).collect()
    }

    fn plane(&self) -> Result<Vec<[f64; 2]>, LabError> {
        let w = self.model.w();
        if w.nrows() != 2 {
            let reason = format!(
                "a plane is of 2 hidden dimensions, and the model has {}: see the figure space",
                w.nrows()
            );
            return Err(cannot(&self.folder, reason));
        }
        Ok((0..w.ncols())
            .map(|i| [f64::from(w[(0, i)]), f64::from(w[(1, i)])])
            .collect())
    }
}

/// The importance of each feature of a folder.
pub(super) fn importance(folder: &Path) -> Result<Vec<f64>, LabError> {
    Ok(Exploration::read(folder)?.column("importance"))
}

/// A plane for each model, of folders or of a sweep.
pub(super) fn planes(paths: &[PathBuf]) -> Result<Figure, LabError> {
    if let [path] = paths
        && !path.is_dir()
    {
        return sweep::planes(path);
    }
    let mut planes = Vec::new();
    let mut importance: Option<Vec<f64>> = None;
    for path in paths {
        let run = Exploration::read(path)?;
        let its = run.column("importance");
        if importance.as_ref().is_some_and(|first| *first != its) {
            return Err(cannot(
                path,
                "its features have other importances than those of the first: a figure has one scale of colours",
            ));
        }
        importance = Some(its);
        let of = run.document.pointer("/recipe/feature_probability/same");
        let title = match (paths.len(), of.and_then(Value::as_f64)) {
            (1, _) => String::new(),
            (_, Some(p)) => format!("{}: S = {}", path.display(), rounded(1.0 - p)),
            (_, None) => path.display().to_string(),
        };
        planes.push((title, run.plane()?));
    }
    Ok(figures::feature_planes(
        &planes,
        &importance.unwrap_or_default(),
    ))
}

/// A sparsity without the digits that subtraction left.
pub(super) fn rounded(value: f64) -> f64 {
    (value * 1e9).round() / 1e9
}

pub(super) fn figure(kind: FigureKind, folder: &Path) -> Result<Figure, LabError> {
    let run = Exploration::read(folder)?;
    let (w, n) = (run.model.w(), run.model.dimensions().n_features);
    let product = |i: usize, j: usize| -> f64 {
        let (a, b) = (w.col(i).iter(), w.col(j).iter());
        a.zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum()
    };
    Ok(match kind {
        FigureKind::Gram => {
            let gram: Vec<f64> = (0..n * n).map(|k| product(k / n, k % n)).collect();
            let bias = run.model.b().is_some().then(|| run.column("bias"));
            let (norms, superposition) = (run.column("norm"), run.column("superposition"));
            figures::gram_and_norms(&gram, bias.as_deref(), &norms, &superposition)
        }
        FigureKind::Capacity => figures::capacity(
            &run.column("dimensionality"),
            &run.column("importance"),
            w.nrows(),
        ),
        FigureKind::Training => training(&run)?,
        _ => figures::probes(
            &run.column("leverage"),
            &run.column("probe_r_squared"),
            &run.column("readout_r_squared"),
        ),
    })
}

fn training(run: &Exploration) -> Result<Figure, LabError> {
    let history = list(&run.path, &run.document, "history")?;
    let loss: Vec<[f64; 2]> = history
        .iter()
        .map(|row| [number(row.get("step")), number(row.get("loss"))])
        .collect();
    let snapshots = run.folder.join("snapshots.safetensors");
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

/// `$R^2$` of probes with 95 % intervals, of a folder or of a document of `probe`.
pub(super) fn scores(path: &Path) -> Result<Figure, LabError> {
    let (value, rows, names, chance) = if path.is_dir() {
        let run = Exploration::read(path)?;
        let names = ["probe_r_squared", "probe_r_squared_standard_error"];
        let chance = "/probes/mean_r_squared_any_w";
        (run.document, "features", names, chance)
    } else {
        let value = read_json(path)?;
        if value.get("schema").and_then(Value::as_str) != Some("superposition/probe/v1") {
            return Err(cannot(
                path,
                "this figure is of what probe --json prints, or of a folder that explore leaves",
            ));
        }
        let names = ["r_squared", "r_squared_standard_error"];
        (value, "probes", names, "/mean_r_squared_any_w")
    };
    let rows = list(path, &value, rows)?;
    let [scores, errors] =
        names.map(|name| -> Vec<f64> { rows.iter().map(|row| number(row.get(name))).collect() });
    let intervals: Vec<[f64; 2]> = scores
        .iter()
        .zip(errors)
        .map(|(score, error)| [score - NORMAL * error, score + NORMAL * error])
        .collect();
    let chance = number(value.pointer(chance));
    let levels = [(chance, format!("{chance:.3}: mean for any W"))];
    Ok(figures::probe_scores(
        "R^2, held out",
        &scores,
        &intervals,
        &levels,
    ))
}
