//! Figures of any dictionary.

use std::path::Path;

use superposition_analysis::faer::MatRef;
use superposition_analysis::{
    PolytopeOptions, TopSpectrumOptions, edges, feature_norms, polytopes, top_spectrum,
};
use superposition_viz::figures;
use superposition_viz::svg::Figure;

use super::{FigureKind, FigureOptions, run};
use crate::page::inputs::cannot;
use crate::{Directions, LabError};

/// Most features of a graph, of a histogram of all pairs, and in space.
const MAX_GRAPH: usize = 2_048;
const MAX_COSINES: usize = 8_192;
const MAX_SPACE: usize = 20_000;

pub(super) fn figure(
    kind: FigureKind,
    path: &Path,
    options: &FigureOptions,
) -> Result<Figure, LabError> {
    let is_run = path.join("analysis.json").is_file();
    let file = match is_run {
        true => path.join("model.safetensors"),
        false => path.to_owned(),
    };
    let directions = Directions::read(&file, &options.analyze)?;
    let w = directions.w.as_ref();
    let norms = feature_norms(w);
    let represented: Vec<usize> = (0..norms.len())
        .filter(|&i| norms[i] > directions.min_norm)
        .collect();
    let most = match kind {
        FigureKind::Graph => MAX_GRAPH,
        FigureKind::Cosines => MAX_COSINES,
        _ => MAX_SPACE,
    };
    if represented.len() > most {
        let reason = format!(
            "it has {} represented features, and this figure is of at most {most}: report makes a page of any number",
            represented.len()
        );
        return Err(cannot(path, reason));
    }
    match kind {
        FigureKind::Graph => graph(w, directions.min_norm, options),
        FigureKind::Cosines => Ok(figures::cosines(
            &cosines_of_pairs(w, &norms, &represented),
            w.nrows(),
        )),
        _ => {
            let values = match is_run {
                true => run::importance(path)?,
                false => norms,
            };
            let name = if is_run { "importance" } else { "norm" };
            space(path, w, (name, &values), options)
        }
    }
}

/// The cosine of every two features of a list.
fn cosines_of_pairs(w: MatRef<'_, f64>, norms: &[f64], features: &[usize]) -> Vec<f64> {
    let pairs = features.iter().enumerate();
    let pairs = pairs.flat_map(|(k, &i)| features[..k].iter().map(move |&j| (i, j)));
    pairs
        .map(|(i, j)| {
            let products = w.col(i).iter().zip(w.col(j).iter());
            let dot: f64 = products.map(|(a, b)| a * b).sum();
            (dot / (norms[i] * norms[j])).clamp(-1.0, 1.0)
        })
        .collect()
}

fn graph(w: MatRef<'_, f64>, min_norm: f64, options: &FigureOptions) -> Result<Figure, LabError> {
    let reading = options.analyze.reading.polytopes;
    let naming: PolytopeOptions = reading.unwrap_or_default().with_min_norm(min_norm);
    let found = polytopes(w, &naming)?;
    let mut clusters = Vec::new();
    let mut is_in = vec![false; w.ncols()];
    for component in &found.components {
        let name = match component.polytope {
            Some(polytope) => polytope.to_string(),
            None => "irregular".to_owned(),
        };
        component.features.iter().for_each(|&i| is_in[i] = true);
        clusters.push((name, component.features.clone()));
    }
    let threads = options.analyze.analysis.threads;
    let pairs = edges(w, naming.threshold, threads).into_iter();
    let pairs = pairs.map(|pair| (pair.i, pair.j, pair.value));
    let pairs: Vec<_> = pairs.filter(|(i, j, _)| is_in[*i] && is_in[*j]).collect();
    let mut figure = figures::interference_graph(&clusters, &pairs);
    figure.panels[0].title = format!("pairs with cos^2 > {}", naming.threshold);
    Ok(figure)
}

fn space(
    path: &Path,
    w: MatRef<'_, f64>,
    values: (&str, &[f64]),
    options: &FigureOptions,
) -> Result<Figure, LabError> {
    let (m, n) = w.shape();
    let dimensions = match options.axes {
        Some(axes) => Some(axes),
        None if m == 3 => Some([0, 1, 2]),
        None => None,
    };
    let (tips, names) = match dimensions {
        Some(axes) => {
            if let Some(axis) = axes.iter().find(|&&axis| axis >= m) {
                return Err(LabError::Option {
                    name: "axes",
                    value: axis.to_string(),
                    expected: "three numbers of hidden dimensions, the first of which is 0",
                });
            }
            let tips = (0..n).map(|i| axes.map(|axis| w[(axis, i)]));
            let names = axes.map(|axis| format!("dimension {axis}"));
            (tips.collect::<Vec<_>>(), names)
        }
        None => {
            // The start of an iteration that hidden dimensions above 1,024 alone need; it matters no more than its tolerance.
            let top = top_spectrum(w, 3, &TopSpectrumOptions::new(0))?;
            let axes = top.directions.ncols();
            if axes < 2 {
                return Err(cannot(path, "its features lie on one line"));
            }
            let along = |i: usize, axis: usize| -> f64 {
                let direction = (0..m).map(|k| w[(k, i)] * top.directions[(k, axis)]);
                direction.sum()
            };
            let tips = (0..n).map(|i| {
                std::array::from_fn(|axis| if axis < axes { along(i, axis) } else { 0.0 })
            });
            let all: f64 = (0..n).map(|i| norm_sq(w, i)).sum();
            let share = |axis: usize| {
                let value = top.singular_values.get(axis).copied().unwrap_or(0.0);
                100.0 * value * value / all
            };
            let names =
                std::array::from_fn(|axis| format!("axis {} ({:.0} %)", axis + 1, share(axis)));
            (tips.collect(), names)
        }
    };
    let mut figure = figures::feature_space(&tips, values, names, &options.view);
    if dimensions.is_none() {
        figure.panels[0].title =
            "principal axes through the origin, with their share of the squared norms".to_owned();
    }
    Ok(figure)
}

fn norm_sq(w: MatRef<'_, f64>, i: usize) -> f64 {
    w.col(i).iter().map(|value| value * value).sum()
}
