//! Figures as SVG, and the same as text: axes, series, grids of cells, legends.
//!
//! A [`Figure`] holds [`Panel`]s; a panel has two [`Axis`]es, [`Grid`]s of cells and, above them, [`Series`]. Legends
//! are written from what is drawn, with its count of what is not. Everything is plain data in, one `String` out; nothing
//! that is not finite reaches a coordinate.
//!
//! ```
//! use superposition_viz::svg::{Aspect, Axis, Figure, Panel, Series};
//!
//! let pentagon: Vec<[f64; 2]> = (0..5)
//!     .map(|k| (std::f64::consts::TAU * f64::from(k) / 5.0).sin_cos())
//!     .map(|(y, x)| [x, y])
//!     .collect();
//! let svg = Figure::new("Five features in the plane")
//!     .with_panel(
//!         Panel::new("", Axis::new("neuron 0"), Axis::new("neuron 1"))
//!             .with_aspect(Aspect::Equal)
//!             .with_series(Series::arrows("W_i", pentagon)),
//!     )
//!     .render();
//! assert!(svg.starts_with("<svg") && svg.ends_with("</svg>\n"));
//! ```

mod axis;
mod color;
mod grid;
mod grid_text;
mod series;
mod series_text;
mod text;
mod writer;

pub use axis::Axis;
pub use color::{CATEGORIES, Palette, Theme};
pub use grid::Grid;
pub use series::Series;

use axis::Placed;
use writer::Writer;

/// How the scales of a panel's two axes stand to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Aspect {
    /// Each axis fills its side.
    #[default]
    Free,
    /// A unit is as long on both axes, as directions in the plane need it; linear axes only.
    Equal,
}

/// Two axes and what is drawn between them.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Panel {
    /// Its title; may be empty.
    pub title: String,
    /// The horizontal axis.
    pub x: Axis,
    /// The vertical axis.
    pub y: Axis,
    /// How their scales stand to each other.
    pub aspect: Aspect,
    /// Cells, drawn first.
    pub grids: Vec<Grid>,
    /// Points, lines and arrows, drawn above.
    pub series: Vec<Series>,
    /// Values of y that mean something, with what they mean: faint lines.
    pub levels: Vec<(f64, String)>,
    /// Words at places between the axes, above everything.
    pub words: Vec<([f64; 2], String)>,
    /// Width and height of what the axes enclose, in pixels: at least 20, at most 10,000.
    pub size: [f64; 2],
}

impl Panel {
    /// An empty panel.
    #[must_use]
    pub fn new(title: impl Into<String>, x: Axis, y: Axis) -> Self {
        Self {
            title: title.into(),
            x,
            y,
            aspect: Aspect::Free,
            grids: Vec::new(),
            series: Vec::new(),
            levels: Vec::new(),
            words: Vec::new(),
            size: [WIDTH, HEIGHT],
        }
    }

    /// The same with another aspect.
    #[must_use]
    pub fn with_aspect(mut self, aspect: Aspect) -> Self {
        self.aspect = aspect;
        self
    }

    /// The same with a faint line across at a value of y, and a word about it.
    #[must_use]
    pub fn with_level(mut self, y: f64, label: impl Into<String>) -> Self {
        self.levels.push((y, label.into()));
        self
    }

    /// The same with a word whose middle is at a place.
    #[must_use]
    pub fn with_word(mut self, at: [f64; 2], word: impl Into<String>) -> Self {
        self.words.push((at, word.into()));
        self
    }

    /// The same in another size, in pixels.
    #[must_use]
    pub fn with_size(mut self, width: f64, height: f64) -> Self {
        self.size = [width, height];
        self
    }

    /// The size that is drawn.
    fn pixels(&self) -> [f64; 2] {
        let [width, height] = self.size;
        let or = |value: f64, usual: f64| match value.is_finite() {
            true => value.clamp(20.0, 10_000.0),
            false => usual,
        };
        [or(width, WIDTH), or(height, HEIGHT)]
    }

    /// The same with another grid of cells.
    #[must_use]
    pub fn with_grid(mut self, grid: Grid) -> Self {
        self.grids.push(grid);
        self
    }

    /// The same with another series, in the colour that follows unless it has one of its own.
    #[must_use]
    pub fn with_series(mut self, series: Series) -> Self {
        self.series.push(series);
        self
    }
}

/// A title and panels side by side.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Figure {
    /// The title; may be empty.
    pub title: String,
    /// The panels, row by row.
    pub panels: Vec<Panel>,
    /// Panels in a row, at least 1.
    pub columns: usize,
    /// The ground.
    pub theme: Theme,
}

/// Width and height of what the axes enclose, unless a panel says otherwise.
const WIDTH: f64 = 300.0;
const HEIGHT: f64 = 240.0;
/// Room for tick labels and the label of the vertical axis.
const LEFT: f64 = 62.0;
const RIGHT: f64 = 18.0;
/// Room for words about levels.
const LEVEL_LABELS: f64 = 132.0;
const LINE: f64 = 16.0;
/// Room for tick labels and the label of the horizontal axis.
const BELOW: f64 = 42.0;
/// Characters of a line under a panel.
const CHARACTERS: usize = 54;
/// Characters of a line of the title, which is larger.
const TITLE_CHARACTERS: usize = 40;

impl Figure {
    /// A figure without panels.
    #[must_use]
    pub fn new(title: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            panels: Vec::new(),
            columns: 3,
            theme: Theme::Light,
        }
    }

    /// The same with another panel.
    #[must_use]
    pub fn with_panel(mut self, panel: Panel) -> Self {
        self.panels.push(panel);
        self
    }

    /// The same with another number of panels in a row; 0 counts as 1.
    #[must_use]
    pub fn with_columns(mut self, columns: usize) -> Self {
        self.columns = columns;
        self
    }

    /// The same on another ground.
    #[must_use]
    pub fn with_theme(mut self, theme: Theme) -> Self {
        self.theme = theme;
        self
    }

    /// The SVG document.
    #[must_use]
    pub fn render(&self) -> String {
        let columns = self.columns.clamp(1, self.panels.len().max(1));
        let has_levels = self.panels.iter().any(|panel| !panel.levels.is_empty());
        let widest = self.panels.iter().map(|panel| panel.pixels()[0]);
        let widest = widest.reduce(f64::max).unwrap_or(WIDTH);
        let panel_width = LEFT + widest + if has_levels { LEVEL_LABELS } else { RIGHT };
        let width = panel_width * columns as f64;
        let mut writer = Writer::new(self.theme);
        let characters = TITLE_CHARACTERS * columns;
        let mut top = 8.0;
        for line in writer::wrapped(&self.title, characters) {
            top += LINE;
            writer.text([width / 2.0, top], "middle", "t", &line);
        }
        for (row, panels) in self.panels.chunks(columns).enumerate() {
            let mut bottom = top;
            for (column, panel) in panels.iter().enumerate() {
                let index = row * columns + column;
                let left = panel_width * column as f64 + LEFT;
                bottom = bottom.max(draw(&mut writer, panel, index, [left, top]));
            }
            top = bottom;
        }
        writer.finish(width, top + 8.0)
    }
}

/// Draws a panel whose axes begin at `left` and says where it ends.
fn draw(writer: &mut Writer, panel: &Panel, index: usize, [left, mut top]: [f64; 2]) -> f64 {
    let [width, height] = panel.pixels();
    top += 8.0;
    for line in writer::wrapped(&panel.title, CHARACTERS) {
        top += LINE;
        writer.text([left + width / 2.0, top], "middle", "h", &line);
    }
    top += 8.0;
    let (x, y) = placed(panel, [left, left + width], [top + height, top]);
    writer.clip(index, [left, top, width, height]);
    for grid in &panel.grids {
        grid.draw(writer, &x, &y);
    }
    let mut labels = Vec::new();
    for (value, label) in &panel.levels {
        if let Some(at) = y.at(*value).filter(|at| y.contains(*at)) {
            writer.level([left, left + width], at);
            labels.push((at, label));
        }
    }
    let first = first_color(panel);
    for (k, series) in panel.series.iter().enumerate() {
        series.draw(writer, first + k, &x, &y);
    }
    for ([a, b], word) in &panel.words {
        if let (Some(a), Some(b)) = (x.at(*a), y.at(*b)) {
            writer.text([a, b + 4.0], "middle", "w", word);
        }
    }
    writer.end_clip();
    writer.frame([left, top, width, height]);
    let bottom = top + height;
    for (at, label) in x.ticks() {
        writer.line([at, bottom], [at, bottom + 4.0]);
        writer.text([at, bottom + 16.0], "middle", "", &label);
    }
    for (at, label) in y.ticks() {
        writer.line([left - 4.0, at], [left, at]);
        writer.text([left - 7.0, at + 4.0], "end", "", &label);
    }
    writer.text(
        [left + width / 2.0, bottom + 33.0],
        "middle",
        "",
        &panel.x.label,
    );
    writer.text_upwards([left - 46.0, top + height / 2.0], &panel.y.label);
    labels.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut lowest = f64::NEG_INFINITY;
    for (at, label) in labels {
        // Labels of near levels make way for each other.
        lowest = (at + 4.0).max(lowest + 12.0);
        writer.text([left + width + 5.0, lowest], "start", "", label);
    }
    let mut at = bottom + BELOW;
    for grid in &panel.grids {
        at = grid.legend(writer, [left, at]);
    }
    for (k, series) in panel.series.iter().enumerate() {
        at = series.legend(writer, first + k, [left, at], (&x, &y));
    }
    at + 10.0
}

/// The colour of a panel's first series: above cells in their colours, lines begin with black.
fn first_color(panel: &Panel) -> usize {
    match panel.grids.is_empty() {
        true => 0,
        false => CATEGORIES.len() - 1,
    }
}

/// The axes of a panel, from one place on the page to another each.
fn placed(panel: &Panel, across: [f64; 2], up: [f64; 2]) -> (Placed, Placed) {
    let values = |side: usize| {
        let grids = panel.grids.iter().flat_map(move |grid| grid.edges(side));
        let series = panel
            .series
            .iter()
            .flat_map(move |series| series.values(side));
        grids.chain(series)
    };
    let tight = !panel.grids.is_empty();
    let mut x = panel.x.span(&mut values(0), tight);
    let mut y = panel.y.span(&mut values(1), tight);
    if panel.aspect == Aspect::Equal && !x.logarithmic && !y.logarithmic {
        // The longer of the two in units of the page says the scale of both.
        let [width, height] = [across, up].map(|[from, to]| (to - from).abs());
        let unit = (x.length() / width).max(y.length() / height);
        x = x.widened(unit * width);
        y = y.widened(unit * height);
    }
    (
        Placed::new(&panel.x, x, across),
        Placed::new(&panel.y, y, up),
    )
}
