//! Cells between edges, coloured by category or by number.

use super::axis::Placed;
use super::color::{Palette, Theme, UNDEFINED};
use super::writer::{Writer, number, wrapped};
use super::{CHARACTERS, LINE};
use crate::number::{format_number, position};

/// Colours of numbers: so many are told apart at most, and cells of one colour are one path.
const LEVELS: usize = 32;

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Content {
    Regions {
        names: Vec<String>,
        cells: Vec<Option<usize>>,
    },
    Heatmap {
        name: String,
        values: Vec<f64>,
        palette: Palette,
    },
}

/// A grid of cells: columns between `x_edges`, rows between `y_edges`, row after row, beginning at the first edges.
#[derive(Debug, Clone, PartialEq)]
pub struct Grid {
    pub(super) x_edges: Vec<f64>,
    pub(super) y_edges: Vec<f64>,
    pub(super) content: Content,
}

impl Grid {
    /// Cells that belong to one of some named categories, or to none.
    ///
    /// # Panics
    /// If there are not as many cells as the edges say, or a cell has a category without a name.
    #[must_use]
    #[track_caller]
    pub fn regions(
        x_edges: Vec<f64>,
        y_edges: Vec<f64>,
        names: Vec<String>,
        cells: Vec<Option<usize>>,
    ) -> Self {
        assert_cells(&x_edges, &y_edges, cells.len());
        let n = names.len();
        if let Some(k) = cells.iter().flatten().find(|&&k| k >= n) {
            panic!("a cell has category {k} of {n}");
        }
        Self {
            x_edges,
            y_edges,
            content: Content::Regions { names, cells },
        }
    }

    /// Cells that hold a number each. What is not finite is grey.
    ///
    /// # Panics
    /// If there are not as many values as the edges say.
    #[must_use]
    #[track_caller]
    pub fn heatmap(
        x_edges: Vec<f64>,
        y_edges: Vec<f64>,
        name: impl Into<String>,
        values: Vec<f64>,
        palette: Palette,
    ) -> Self {
        assert_cells(&x_edges, &y_edges, values.len());
        Self {
            x_edges,
            y_edges,
            content: Content::Heatmap {
                name: name.into(),
                values,
                palette,
            },
        }
    }

    pub(super) fn edges(&self, side: usize) -> impl Iterator<Item = f64> + '_ {
        [&self.x_edges, &self.y_edges][side].iter().copied()
    }

    pub(super) fn draw(&self, writer: &mut Writer, x: &Placed, y: &Placed) {
        let classes: Vec<usize> = match &self.content {
            Content::Regions { cells, .. } => {
                cells.iter().map(|cell| cell.map_or(0, |k| k + 1)).collect()
            }
            Content::Heatmap {
                values, palette, ..
            } => {
                let (low, high) = ends(values, *palette);
                let level = |share: f64| ((share * LEVELS as f64) as usize).min(LEVELS - 1);
                let class = |&value: &f64| match value.is_finite() {
                    true => 1 + level(position(value, low, high)),
                    false => 0,
                };
                values.iter().map(class).collect()
            }
        };
        let n_classes = classes.iter().max().map_or(0, |most| most + 1);
        let mut paths = vec![String::new(); n_classes];
        let n_columns = self.x_edges.len() - 1;
        for (row, classes) in classes.chunks(n_columns.max(1)).enumerate() {
            let (Some(y0), Some(y1)) = (y.at(self.y_edges[row]), y.at(self.y_edges[row + 1]))
            else {
                continue;
            };
            let mut start = 0;
            for run in classes.chunk_by(|a, b| a == b) {
                let end = start + run.len();
                if let (Some(x0), Some(x1)) = (x.at(self.x_edges[start]), x.at(self.x_edges[end])) {
                    paths[run[0]].push_str(&format!(
                        "M{} {}H{}V{}H{}z",
                        number(x0),
                        number(y0),
                        number(x1),
                        number(y1),
                        number(x0)
                    ));
                }
                start = end;
            }
        }
        for (class, path) in paths
            .iter()
            .enumerate()
            .filter(|(_, path)| !path.is_empty())
        {
            let color = self.color(class, writer.theme);
            writer.push(&format!(
                "<path d=\"{path}\" fill=\"{color}\" shape-rendering=\"crispEdges\"/>"
            ));
        }
    }

    /// The colour of a class: 0 for what has no value.
    fn color(&self, class: usize, theme: Theme) -> String {
        match (&self.content, class) {
            (_, 0) => UNDEFINED.to_owned(),
            (Content::Regions { .. }, class) => theme.category(class - 1).to_owned(),
            (Content::Heatmap { palette, .. }, class) => {
                palette.color((class as f64 - 0.5) / LEVELS as f64)
            }
        }
    }

    /// Writes the legend at a place and says where the next one goes: the categories that are there, or the range of the
    /// numbers with their colours.
    pub(super) fn legend(&self, writer: &mut Writer, [left, mut at]: [f64; 2]) -> f64 {
        let mut entry = |writer: &mut Writer, color: &str, text: &str| {
            at += LINE;
            writer.filled([left, at - 10.0, 18.0, 11.0], color);
            for (k, line) in wrapped(text, CHARACTERS - 5).iter().enumerate() {
                at += if k > 0 { LINE } else { 0.0 };
                writer.text([left + 25.0, at], "start", "", line);
            }
        };
        let undefined = match &self.content {
            Content::Regions { names, cells } => {
                for (k, name) in names.iter().enumerate() {
                    if cells.contains(&Some(k)) {
                        entry(writer, &self.color(k + 1, writer.theme), name);
                    }
                }
                cells.iter().filter(|cell| cell.is_none()).count()
            }
            Content::Heatmap { values, .. } => {
                values.iter().filter(|value| !value.is_finite()).count()
            }
        };
        if undefined > 0 {
            entry(writer, UNDEFINED, &format!("undefined ({undefined} cells)"));
        }
        if let Content::Heatmap {
            name,
            values,
            palette,
        } = &self.content
        {
            let (low, high) = ends(values, *palette);
            if low <= high {
                at = self.color_bar(writer, [left, at], name, [low, high]);
            }
        }
        at
    }

    /// The colours from the lowest to the highest number.
    fn color_bar(
        &self,
        writer: &mut Writer,
        [left, at]: [f64; 2],
        name: &str,
        [low, high]: [f64; 2],
    ) -> f64 {
        let (low_text, high_text) = (format_number(low, 3), format_number(high, 3));
        let (bar, step) = (left + 52.0, 128.0 / LEVELS as f64);
        let baseline = at + LINE;
        writer.text([bar - 5.0, baseline], "end", "", &low_text);
        for level in 0..LEVELS {
            let x = bar + step * level as f64;
            writer.filled(
                [x, baseline - 10.0, step, 11.0],
                &self.color(level + 1, writer.theme),
            );
        }
        writer.text([bar + 133.0, baseline], "start", "", &high_text);
        writer.text([left + 52.0, baseline + LINE], "start", "", name);
        baseline + LINE
    }
}

#[track_caller]
fn assert_cells(x_edges: &[f64], y_edges: &[f64], n: usize) {
    let cells = |edges: &[f64]| edges.len().saturating_sub(1);
    let (columns, rows) = (cells(x_edges), cells(y_edges));
    assert!(
        n == columns * rows && columns > 0 && rows > 0,
        "{n} cells between {} and {} edges, which hold {columns} x {rows}",
        x_edges.len(),
        y_edges.len()
    );
}

/// The lowest and the highest number; as far on both sides of 0 for a diverging palette.
pub(super) fn ends(values: &[f64], palette: Palette) -> (f64, f64) {
    let finite = values.iter().copied().filter(|value| value.is_finite());
    let (low, high) = finite.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
        (low.min(value), high.max(value))
    });
    match palette {
        Palette::Diverging if low <= high => {
            let farthest = low.abs().max(high.abs());
            (-farthest, farthest)
        }
        _ => (low, high),
    }
}
