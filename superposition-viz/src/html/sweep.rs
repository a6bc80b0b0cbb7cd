//! Many trained models on a page: maps over two parameters, and runs.

use super::data::{Column, write_columns};
use super::json::Json;

/// A parameter of a [`PhaseMap`]: the middles of its cells, evenly apart (their logarithms, on a logarithmic one).
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Axis {
    /// What it is.
    pub label: String,
    /// The middles of the cells.
    pub values: Vec<f64>,
    /// Whether its logarithms are evenly apart.
    pub logarithmic: bool,
}

impl Axis {
    /// A logarithmic axis.
    #[must_use]
    pub fn logarithmic(label: impl Into<String>, values: Vec<f64>) -> Self {
        Self {
            label: label.into(),
            values,
            logarithmic: true,
        }
    }

    /// A linear axis.
    #[must_use]
    pub fn linear(label: impl Into<String>, values: Vec<f64>) -> Self {
        Self {
            label: label.into(),
            values,
            logarithmic: false,
        }
    }

    fn write(&self, json: &mut Json) {
        json.object(|json| {
            json.key("label").text(&self.label);
            json.key("values")
                .list(&self.values, |json, value| json.number(*value));
            json.key("log").boolean(self.logarithmic);
        });
    }
}

/// What the cells of a [`Layer`] hold.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Cells {
    /// Numbers; NaN where there is none.
    Numbers(Vec<f64>),
    /// One of some named categories each.
    Categories {
        /// The names.
        names: Vec<String>,
        /// Which one.
        cells: Vec<usize>,
    },
}

/// A value for each cell of a map.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Layer {
    /// What it is.
    pub name: String,
    /// The values, row after row, x running fastest.
    pub cells: Cells,
}

impl Layer {
    /// A layer.
    #[must_use]
    pub fn new(name: impl Into<String>, cells: Cells) -> Self {
        Self {
            name: name.into(),
            cells,
        }
    }

    fn write(&self, json: &mut Json) {
        json.object(|json| {
            json.key("name").text(&self.name);
            let (names, cells) = match &self.cells {
                Cells::Numbers(values) => (None, values.clone()),
                Cells::Categories { names, cells } => {
                    (Some(names), cells.iter().map(|&k| k as f64).collect())
                }
            };
            json.key("categories").optional(&names, |json, names| {
                json.list(names, |json, name| json.text(name));
            });
            json.key("cells").f64s(&cells);
        });
    }
}

/// A map over two parameters.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct PhaseMap {
    title: String,
    x: Axis,
    y: Axis,
    layers: Vec<Layer>,
}

impl PhaseMap {
    /// A map of one layer at least.
    ///
    /// # Panics
    /// If there is no layer, or one has not a value for each cell, or a category without a name.
    #[must_use]
    #[track_caller]
    pub fn new(title: impl Into<String>, x: Axis, y: Axis, layers: Vec<Layer>) -> Self {
        assert!(!layers.is_empty(), "a map has one layer at least");
        let n = x.values.len() * y.values.len();
        for layer in &layers {
            let count = match &layer.cells {
                Cells::Numbers(values) => values.len(),
                Cells::Categories { names, cells } => {
                    let known = cells.iter().all(|&k| k < names.len());
                    assert!(
                        known,
                        "layer {:?} has a category without a name",
                        layer.name
                    );
                    cells.len()
                }
            };
            assert_eq!(count, n, "cells of layer {:?}", layer.name);
        }
        Self {
            title: title.into(),
            x,
            y,
            layers,
        }
    }

    pub(super) fn write(&self, json: &mut Json) {
        json.object(|json| {
            json.key("title").text(&self.title);
            self.x.write(json.key("x"));
            self.y.write(json.key("y"));
            json.key("layers")
                .list(&self.layers, |json, layer| layer.write(json));
        });
    }
}

/// Trained models, a row each.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Runs {
    /// What they are.
    pub title: String,
    /// What is known of each.
    pub columns: Vec<Column>,
    models: Option<Models>,
}

/// The directions of every run's model.
#[derive(Debug, Clone, PartialEq)]
struct Models {
    n_hidden: usize,
    directions: Vec<f32>,
}

impl Runs {
    /// Runs.
    #[must_use]
    pub fn new(title: impl Into<String>, columns: Vec<Column>) -> Self {
        Self {
            title: title.into(),
            columns,
            models: None,
        }
    }

    /// The same with the model of each, to be seen when it is chosen: run after run, feature after feature, all of one shape.
    ///
    /// # Panics
    /// If there are no dimensions, or not as many values for each run.
    #[must_use]
    #[track_caller]
    pub fn with_models(mut self, n_hidden: usize, directions: Vec<f32>) -> Self {
        let size = directions.len().checked_div(self.n_runs()).unwrap_or(0);
        assert!(
            n_hidden > 0
                && size * self.n_runs() == directions.len()
                && size.is_multiple_of(n_hidden),
            "{} values are no models in {n_hidden} dimensions of {} runs",
            directions.len(),
            self.n_runs()
        );
        self.models = Some(Models {
            n_hidden,
            directions,
        });
        self
    }

    fn n_runs(&self) -> usize {
        self.columns.first().map_or(0, Column::len)
    }

    pub(super) fn write(&self, json: &mut Json) {
        json.object(|json| {
            json.key("title").text(&self.title);
            write_columns(json.key("columns"), &self.columns);
            json.key("models").optional(&self.models, |json, models| {
                let size = models.directions.len().checked_div(self.n_runs());
                json.object(|json| {
                    json.key("n")
                        .number((size.unwrap_or(0) / models.n_hidden) as f64);
                    json.key("m").number(models.n_hidden as f64);
                    json.key("w").f32s(&models.directions);
                });
            });
        });
    }
}
