//! A phase diagram, from its document.

use std::path::Path;

use serde_json::Value;
use superposition_model::Dimensions;
use superposition_viz::svg::Figure;

use crate::LabError;
use crate::page::inputs::{cannot, list, number, read_json};
use crate::phase_diagram::{DrawnDiagram, PhaseRegion};

pub(super) fn figure(path: &Path) -> Result<Figure, LabError> {
    let file = match path.is_dir() {
        true => path.join("phase-diagram.json"),
        false => path.to_owned(),
    };
    let value = read_json(&file)?;
    if value.get("schema").and_then(Value::as_str) != Some("superposition/phase-diagram/v1") {
        return Err(cannot(
            path,
            "this figure is of the folder that phase-diagram --out leaves, or of what its --json prints",
        ));
    }
    let option = |key: &str| value.pointer(&format!("/options/{key}"));
    let count = |key: &str| {
        let found = option(key).and_then(Value::as_u64);
        found
            .map(|count| count as usize)
            .ok_or_else(|| cannot(path, format!("its options have no {key}")))
    };
    let range = |key: &str| [0, 1].map(|end| number(option(&format!("{key}/{end}"))));
    let grid = count("grid")?;
    let mut regions = Vec::new();
    for map in ["theory", "optimum", "trained"] {
        let cells = list(path, value.get(map).unwrap_or(&Value::Null), "region")?;
        if grid == 0 || cells.len() != grid * grid {
            return Err(cannot(path, "its maps have not a region for each cell"));
        }
        let place = |cell: &Value| {
            let mut all = PhaseRegion::ALL.iter();
            all.position(|region| Some(region.key()) == cell.as_str())
        };
        regions.push(cells.iter().map(place).collect());
    }
    let [theory, optimum, trained] = regions.try_into().expect("there are three maps");
    let diagram = DrawnDiagram {
        dimensions: Dimensions {
            n_features: count("dimensions/n_features")?,
            n_hidden: count("dimensions/n_hidden")?,
        },
        grid,
        n_seeds: count("n_seeds")?,
        relative_importance: range("relative_importance"),
        feature_probability: range("feature_probability"),
        regions: [theory, optimum, trained],
    };
    match diagram.is_known() {
        true => Ok(diagram.figure()),
        false => Err(cannot(path, "its options are not those of a phase diagram")),
    }
}
