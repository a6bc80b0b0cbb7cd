//! The exact optimum of every cell.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicUsize, Ordering};

use superposition_model::Dimensions;
use superposition_model::population::PopulationObjective;
use superposition_train::optimum::{MinimizeOptions, Minimized, minimize};

use super::training::Best;
use super::{BLOCK, Diagram, PhaseReading, PhaseStage, fixed, objective};
use crate::{LabError, parallel};

/// What a cell is read to be.
pub(super) struct Cell {
    pub(super) optimum: PhaseReading,
    pub(super) trained: PhaseReading,
}

/// The optimum of every cell: from its own starts, and once more from that of each neighbour in another region.
pub(super) fn cells(diagram: &Diagram<'_>, trained: &[Best]) -> Result<Vec<Cell>, LabError> {
    let (n_cells, columns) = (diagram.n_cells(), diagram.relative_importance.len());
    let done = AtomicUsize::new(0);
    let own = parallel::map(n_cells, BLOCK, diagram.threads, |cell| {
        let objective = diagram.objective(cell)?;
        let [r, p] = diagram.at(cell);
        let starts = [
            vec![trained[cell].parameters.clone()],
            starts(diagram.options.dimensions, r, p),
        ]
        .concat();
        let found = lowest(&objective, &starts);
        let n_finished = done.fetch_add(1, Ordering::Relaxed) + 1;
        // The last one is finished when all neighbours have been tried.
        diagram.progress(PhaseStage::Optimum, n_finished.min(n_cells - 1))?;
        Ok((read(&objective, &found.x, found.value), found))
    })?;
    let cells = parallel::map(n_cells, BLOCK, diagram.threads, |cell| {
        diagram.progress(PhaseStage::Optimum, n_cells - 1)?;
        let objective = diagram.objective(cell)?;
        let (column, row) = (cell % columns, cell / columns);
        let neighbours = [
            (column > 0).then(|| cell - 1),
            (column + 1 < columns).then(|| cell + 1),
            (row > 0).then(|| cell - columns),
            (cell + columns < n_cells).then(|| cell + columns),
        ];
        let starts: Vec<Vec<f64>> = neighbours
            .into_iter()
            .flatten()
            .filter(|&other| own[other].0.region != own[cell].0.region)
            .map(|other| own[other].1.x.clone())
            .collect();
        let mut optimum = own[cell].0;
        if !starts.is_empty() {
            let found = lowest(&objective, &starts);
            if found.value < optimum.loss {
                optimum = read(&objective, &found.x, found.value);
            }
        }
        let x = &trained[cell].parameters;
        let loss = objective.value(x).value;
        Ok(Cell {
            optimum,
            trained: read(&objective, x, loss),
        })
    })?;
    diagram.progress(PhaseStage::Optimum, n_cells)?;
    Ok(cells)
}

/// The lowest end of descents from these starts; the first of equals.
///
/// # Panics
/// If there are no starts.
fn lowest(objective: &PopulationObjective, starts: &[Vec<f64>]) -> Minimized {
    let options = MinimizeOptions::default();
    let ends = starts.iter().map(|start| {
        minimize(objective, start, &options, &mut |_| {
            ControlFlow::Continue(())
        })
    });
    ends.min_by(|a, b| a.value.total_cmp(&b.value))
        .expect("there is a start")
}

/// The lowest end of descents that know of no training and of no neighbour.
pub(crate) fn untrained_optimum(
    dimensions: Dimensions,
    [r, p]: [f64; 2],
) -> Result<PhaseReading, LabError> {
    let objective = objective(dimensions, [r, p])?;
    let found = lowest(&objective, &starts(dimensions, r, p));
    Ok(read(&objective, &found.x, found.value))
}

fn read(objective: &PopulationObjective, x: &[f64], loss: f64) -> PhaseReading {
    let dimensions = objective.config().dimensions;
    PhaseReading::new(dimensions, &x[objective.layout().w.clone()], loss)
}

/// Where descents start that know of no training: the fixed weights, the same with a weak pair instead of a dropped feature
/// (fixed weights with a dropped feature are critical points, often saddles), and the triangle.
fn starts(dimensions: Dimensions, r: f64, p: f64) -> Vec<Vec<f64>> {
    let fixed = fixed::fixed(dimensions, r, p);
    let mut starts: Vec<Vec<f64>> = fixed
        .iter()
        .map(|(w, b, _)| [&w[..], &b[..]].concat())
        .collect();
    let half = p / 2.0;
    match dimensions.n_hidden {
        1 => {
            starts.push(vec![1.0, -0.5, 0.0, half / 2.0]);
            starts.push(vec![-0.5, 1.0, half / 2.0, 0.0]);
        }
        _ => {
            let (x, y) = (0.5, 0.75_f64.sqrt());
            starts.push(vec![-x, y, -x, -y, 1.0, 0.0, 0.0, 0.0, 0.0]);
            starts.push(vec![1.0, 0.0, 0.0, 1.0, -0.5, 0.0, 0.0, 0.0, half / 2.0]);
            starts.push(vec![-0.5, 0.0, 0.0, 1.0, 1.0, 0.0, half / 2.0, 0.0, 0.0]);
        }
    }
    starts
}
