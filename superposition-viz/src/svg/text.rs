//! The same figures as text, for a terminal.

use super::axis::Placed;
use super::{Aspect, Figure, Panel, first_color, placed};
use crate::Scale;
use crate::canvas::Canvas;
use crate::page::{Line, Page, Paint, columns};
use crate::style::{Charset, TextStyle};

/// The narrowest panel that stands beside another.
const BESIDE: usize = 48;
/// Columns between panels.
const GAP: usize = 3;
/// Rows of a plot: at least, at most, at most where a unit is as long on both axes, or cells fill it.
const ROWS: [usize; 3] = [6, 16, 24];
/// Room for words about levels, and the narrowest panel that has it.
const WORDS: usize = 24;
const WORDS_FROM: usize = 66;

impl Figure {
    /// The figure as text: dots and characters in place of lines and marks, no line wider than the style says.
    ///
    /// Panels stand beside each other where there is room. Series are told apart by a character as well as by colour; numbers that
    /// colour marks are seen where the style has colours alone, those of cells by their glyph too.
    ///
    /// ```
    /// use superposition_viz::svg::{Axis, Figure, Panel, Series};
    /// use superposition_viz::{Charset, TextStyle};
    /// let panel = Panel::new("", Axis::new("x"), Axis::new("y"))
    ///     .with_series(Series::points("squares", vec![[0.0, 0.0], [1.0, 1.0], [2.0, 4.0]]));
    /// let style = TextStyle::default().with_width(24).with_charset(Charset::Ascii);
    /// assert_eq!(Figure::new("Squares").with_panel(panel).render_text(&style), "\
    /// Squares
    ///
    /// y
    /// 4 |                   *
    /// 3 |
    ///   |
    /// 2 |
    /// 1 |          *
    /// 0 | *
    ///   +---------------------
    ///    0.0 0.5  1.0 1.5  2.0
    ///              x
    /// * squares
    /// ");
    /// ```
    #[must_use]
    pub fn render_text(&self, style: &TextStyle) -> String {
        let mut page = Page::new(style);
        if !self.title.is_empty() {
            page.title(&self.title);
        }
        let most = self.columns.clamp(1, self.panels.len().max(1));
        let beside = ((page.width + GAP) / (BESIDE + GAP)).clamp(1, most);
        let width = (page.width - GAP * (beside - 1)) / beside;
        let style = style.with_width(width);
        for panels in self.panels.chunks(beside) {
            page.blank();
            let blocks = panels.iter().map(|panel| text_of(panel, &style)).collect();
            page.beside(blocks, width + GAP);
        }
        page.finish()
    }
}

/// The lines of one panel.
fn text_of(panel: &Panel, style: &TextStyle) -> Vec<Line> {
    let mut page = Page::new(style);
    if !panel.title.is_empty() {
        page.wrapped(Paint::Plain, &panel.title, 0);
    }
    let has_words = !panel.levels.is_empty() && page.width >= WORDS_FROM;
    let room = page.width - if has_words { WORDS } else { 0 };
    let square = panel.aspect == Aspect::Equal || !panel.grids.is_empty();
    let rows = match square {
        true => (room.saturating_sub(8) / 2).clamp(ROWS[0], ROWS[2]),
        false => (room.saturating_sub(8) * 2 / 5).clamp(ROWS[0], ROWS[1]),
    };
    // The labels of the vertical axis depend on its height alone, and say how wide the rest is.
    let labels = row_labels(&Plot::new(panel, 2 * rows, rows, style), page.width / 2);
    let left = labels.iter().map(|label| columns(label)).max().unwrap_or(0) + 1;
    let across = room.saturating_sub(left + 1).max(4);
    let across = if square { across.min(2 * rows) } else { across };
    let mut plot = Plot::new(panel, across, rows, style);
    for grid in &panel.grids {
        grid.draw_text(&mut plot);
    }
    let levels = draw_levels(&mut plot, panel);
    let first = first_color(panel);
    for (k, series) in panel.series.iter().enumerate() {
        series.draw_text(&mut plot, first + k);
    }
    for (at, word) in &panel.words {
        if let Some((column, row)) = plot.cell(*at) {
            let word = page.clip(&page.clean(word), across);
            let start = column.saturating_sub(columns(&word) / 2);
            let start = start.min(across - columns(&word));
            for (k, c) in word.chars().enumerate() {
                plot.canvas.put(start + k, row, c, Paint::Plain);
            }
        }
    }
    if !panel.y.label.is_empty() {
        page.wrapped(Paint::Faint, &named(&panel.y), 0);
    }
    for (row, label) in labels.iter().enumerate() {
        let pad = " ".repeat(left - 1 - columns(label));
        let mut line = Line::new()
            .with(Paint::Plain, &format!("{pad}{label} "))
            .with(Paint::Faint, style.pick("│", "|"));
        plot.canvas.push_row(&mut line, row);
        if has_words {
            let here = levels.iter().find(|(at, _)| *at == row);
            let word = here.map_or("", |(_, label)| *label);
            let word = page.clip(&page.clean(word), WORDS - 1);
            line.push(Paint::Faint, &format!(" {word}"));
        }
        page.line(line);
    }
    let indent = " ".repeat(left);
    let ground = style.pick("─", "-").repeat(across);
    page.text(
        Paint::Faint,
        &format!("{indent}{}{ground}", style.pick("└", "+")),
    );
    let ticks = tick_line(&plot, across);
    if !ticks.is_empty() {
        page.text(Paint::Plain, &format!("{indent} {ticks}"));
    }
    if !panel.x.label.is_empty() {
        let label = page.clip(&page.clean(&named(&panel.x)), page.width - left - 1);
        let pad = " ".repeat(across.saturating_sub(columns(&label)) / 2);
        page.text(Paint::Faint, &format!("{indent} {pad}{label}"));
    }
    if !has_words && !levels.is_empty() {
        let names: Vec<&str> = levels.iter().map(|(_, label)| *label).collect();
        page.note(&format!("lines at {}", names.join(", ")));
    }
    for grid in &panel.grids {
        grid.legend_text(&mut page);
    }
    for (k, series) in panel.series.iter().enumerate() {
        series.legend_text(&mut page, first + k, &plot);
    }
    page.into_lines()
}

/// The name of an axis, and that it is logarithmic.
fn named(axis: &super::Axis) -> String {
    match axis.scale {
        Scale::Logarithmic => format!("{} (logarithmic)", axis.label),
        _ => axis.label.clone(),
    }
}

/// Faint lines, and in which row there is a word about which.
fn draw_levels<'a>(plot: &mut Plot, panel: &'a Panel) -> Vec<(usize, &'a str)> {
    let mut levels = Vec::new();
    for (value, label) in &panel.levels {
        if let Some(at) = plot.y.at(*value).filter(|at| plot.y.contains(*at)) {
            let row = plot.row(at);
            for column in (0..plot.across).step_by(2) {
                let glyph = plot.style.pick('┈', '-');
                plot.canvas.ground(column, row, glyph, Paint::Faint);
            }
            levels.push((row, label.as_str()));
        }
    }
    // Words of near levels make way for each other.
    levels.sort_by_key(|(row, _)| *row);
    let mut next = 0;
    for (row, _) in &mut levels {
        *row = (*row).max(next);
        next = *row + 1;
    }
    levels
}

/// The label of each row, empty where there is no tick, in at most so many columns.
fn row_labels(plot: &Plot, most: usize) -> Vec<String> {
    let mut labels = vec![String::new(); plot.rows];
    for (at, label) in plot.y.ticks() {
        let row = plot.row(at);
        if labels[row].is_empty() {
            labels[row] = crate::page::clip(
                &crate::page::clean(&label, plot.style.charset),
                most,
                plot.style.charset,
            );
        }
    }
    labels
}

/// Labels of the horizontal axis in one line, those left out that would touch another.
fn tick_line(plot: &Plot, across: usize) -> String {
    let mut line = String::new();
    for (at, label) in plot.x.ticks() {
        let label = crate::page::clean(&label, plot.style.charset);
        let wide = columns(&label);
        let column = (at.max(0.0) as usize / 2).min(across - 1);
        let start = column.saturating_sub(wide / 2);
        let start = start.min(across.saturating_sub(wide));
        let used = columns(&line);
        if wide <= across && (used == 0 || start > used) {
            line.push_str(&" ".repeat(start - used));
            line.push_str(&label);
        }
    }
    line
}

/// What is between the axes. A unit of the page is half a character across and a quarter of one up, which are as long.
pub(super) struct Plot {
    pub(super) canvas: Canvas,
    pub(super) x: Placed,
    pub(super) y: Placed,
    pub(super) across: usize,
    pub(super) rows: usize,
    pub(super) style: TextStyle,
}

impl Plot {
    fn new(panel: &Panel, across: usize, rows: usize, style: &TextStyle) -> Self {
        let (x, y) = placed(
            panel,
            [0.0, (2 * across - 1) as f64],
            [(4 * rows - 1) as f64, 0.0],
        );
        Self {
            canvas: Canvas::new(across, rows, style),
            x,
            y,
            across,
            rows,
            style: *style,
        }
    }

    /// The row of characters of a place.
    fn row(&self, at: f64) -> usize {
        (at.max(0.0).round() as usize / 4).min(self.rows - 1)
    }

    /// The character of a pair, if it is between the axes.
    pub(super) fn cell(&self, point: [f64; 2]) -> Option<(usize, usize)> {
        let (a, b) = (self.x.at(point[0])?, self.y.at(point[1])?);
        let seen = self.x.contains(a) && self.y.contains(b);
        let column = (a.max(0.0).round() as usize / 2).min(self.across - 1);
        seen.then(|| (column, self.row(b)))
    }

    /// A dot at a place, if it is between the axes.
    pub(super) fn dot(&mut self, [a, b]: [f64; 2], paint: Paint) {
        if !(self.x.contains(a) && self.y.contains(b)) {
            return;
        }
        let (a, b) = (a.max(0.0).round() as usize, b.max(0.0).round() as usize);
        match self.style.charset {
            Charset::Unicode => self.canvas.painted_dot(a, b, paint),
            Charset::Ascii => self.canvas.painted_dot(a / 2, b / 4, paint),
        }
    }

    /// Dots between two places, of which `every` second or third is drawn.
    pub(super) fn stroke(&mut self, from: [f64; 2], to: [f64; 2], every: usize, paint: Paint) {
        let [dx, dy] = [to[0] - from[0], to[1] - from[1]];
        let steps = dx.abs().max(dy.abs()).ceil();
        for k in (0..=steps as usize).step_by(every) {
            let t = if steps > 0.0 { k as f64 / steps } else { 0.0 };
            self.dot([from[0] + t * dx, from[1] + t * dy], paint);
        }
    }
}
