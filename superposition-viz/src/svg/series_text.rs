//! Points, lines and arrows as dots and characters.

use super::color::{Palette, category_rgb};
use super::series::{Form, LEVELS, Series};
use super::text::Plot;
use crate::number::format_number;
use crate::page::{Line, Page, Paint};
use crate::style::TextStyle;

/// Points of at most so many are drawn as characters, more as dots.
const FEW: usize = 100;
/// From one character on a line to the next.
const APART: usize = 12;

impl Series {
    pub(super) fn draw_text(&self, plot: &mut Plot, k: usize) {
        let k = self.color.unwrap_or(k);
        let paint = self.paint(k);
        for (point, [low, high]) in self.points.iter().zip(&self.spread) {
            let ends = (plot.x.at(point[0]), plot.y.at(*low), plot.y.at(*high));
            if let (Some(at), Some(low), Some(high)) = ends {
                plot.stroke([at, low], [at, high], 1, paint);
            }
        }
        match self.form {
            Form::Line | Form::Dashed => self.draw_line(plot, k, paint),
            _ => {
                for (level, members) in self.groups().into_iter().enumerate() {
                    let paint = self.level_paint(level, paint);
                    for i in members {
                        self.draw_mark(plot, k, i, paint);
                    }
                }
            }
        }
    }

    fn draw_line(&self, plot: &mut Plot, k: usize, paint: Paint) {
        let every = if self.form == Form::Dashed { 3 } else { 1 };
        let mut last = None;
        for point in &self.points {
            let at = place(plot, point);
            if let Some(to) = at {
                plot.stroke(last.unwrap_or(to), to, every, paint);
            }
            last = at;
        }
        // Lines after the first have a character on them now and then.
        let Some(c) = letter(k) else { return };
        let mut next = APART / 2;
        let seen: Vec<(usize, usize)> = self
            .points
            .iter()
            .filter_map(|point| plot.cell(*point))
            .collect();
        for (column, row) in seen {
            if column >= next {
                plot.canvas.put(column, row, c, paint);
                next = column + APART;
            }
        }
    }

    fn draw_mark(&self, plot: &mut Plot, k: usize, i: usize, paint: Paint) {
        if self.form == Form::Segments {
            let ends = [2 * i, 2 * i + 1].map(|end| place(plot, &self.points[end]));
            if let [Some(from), Some(to)] = ends {
                plot.stroke(from, to, 1, paint);
            }
            return;
        }
        let point = self.points[i];
        let Some(at) = place(plot, &point) else {
            return;
        };
        match self.form {
            Form::Bars => {
                let Some(zero) = plot.y.at(0.0) else { return };
                let half = self.half_width(&plot.x);
                let (mut x, end) = ((at[0] - half).ceil(), at[0] + half);
                plot.stroke([at[0], zero], at, 1, paint);
                while x <= end {
                    plot.stroke([x, zero], [x, at[1]], 1, paint);
                    x += 1.0;
                }
            }
            Form::Arrows | Form::DashedArrows => {
                let origin = (plot.x.at(0.0), plot.y.at(0.0));
                let (Some(x), Some(y)) = origin else { return };
                let every = if self.form == Form::Arrows { 1 } else { 3 };
                plot.stroke([x, y], at, every, paint);
                if let Some((column, row)) = plot.cell(point) {
                    let tip = self.mark(k, &plot.style);
                    plot.canvas.put(column, row, tip, paint);
                }
            }
            _ if k == 0 && self.points.len() > FEW => plot.dot(at, paint),
            _ => {
                if let Some((column, row)) = plot.cell(point) {
                    let mark = self.mark(k, &plot.style);
                    plot.canvas.put(column, row, mark, paint);
                }
            }
        }
    }

    /// The character of a point, or of the tip of an arrow.
    fn mark(&self, k: usize, style: &TextStyle) -> char {
        match (self.form, letter(k)) {
            (Form::DashedArrows, _) => style.pick('○', 'o'),
            (Form::Arrows, _) => style.pick('●', '*'),
            (_, None) => style.pick('•', '*'),
            (_, Some(c)) => c,
        }
    }

    /// What stands for the series in its legend.
    fn sample(&self, k: usize, style: &TextStyle) -> String {
        match self.form {
            Form::Points if k == 0 && self.points.len() > FEW => style.pick('⠂', '*').to_string(),
            Form::Points => self.mark(k, style).to_string(),
            Form::Bars => style.pick("⣿", "*").to_owned(),
            Form::Arrows => format!("{}{}", style.pick("⠒⠒", "**"), self.mark(k, style)),
            Form::DashedArrows => format!("{}{}", style.pick("⠂⠂", "* "), self.mark(k, style)),
            Form::Segments => style.pick("⠒⠒⠒", "***").to_owned(),
            Form::Line | Form::Dashed => {
                let dots = match (self.form, style.pick(true, false)) {
                    (Form::Line, true) => "⠒",
                    (Form::Line, false) => "*",
                    (_, true) => "⠂",
                    (_, false) => "* ",
                };
                let middle = letter(k).map_or(dots.to_owned(), String::from);
                format!("{dots}{middle}{}", dots.trim())
            }
        }
    }

    fn paint(&self, k: usize) -> Paint {
        match self.faint {
            true => Paint::Faint,
            false => category(k),
        }
    }

    fn level_paint(&self, level: usize, otherwise: Paint) -> Paint {
        match (&self.values, level) {
            (None, _) => otherwise,
            (Some(_), 0) => Paint::Faint,
            (Some(values), level) => shade(values.palette, (level as f64 - 0.5) / LEVELS as f64),
        }
    }

    pub(super) fn legend_text(&self, page: &mut Page, k: usize, plot: &Plot) {
        let k = self.color.unwrap_or(k);
        let text = self.caption(&plot.x, &plot.y);
        if text.is_empty() {
            return;
        }
        let paint = match &self.values {
            Some(_) => self.level_paint(self.typical(), Paint::Plain),
            None => self.paint(k),
        };
        page.legend(&[(paint, self.sample(k, &plot.style), page.clean(&text))]);
        let Some(values) = &self.values else { return };
        let [low, high] = values.ends();
        if low <= high && !values.name.is_empty() {
            let name = format!(
                "  coloured by {}: {}",
                page.clean(&values.name),
                format_number(low, 3)
            );
            let mut entries = Line::new()
                .with(Paint::Faint, &name)
                .with(Paint::Plain, " ");
            for k in 0..8 {
                let share = (f64::from(k) + 0.5) / 8.0;
                entries.push(shade(values.palette, share), page.style.pick("█", "="));
            }
            entries.push(Paint::Faint, &format!(" {}", format_number(high, 3)));
            page.fitted(entries);
        }
    }
}

/// Where a pair is on the plot.
fn place(plot: &Plot, point: &[f64; 2]) -> Option<[f64; 2]> {
    Some([plot.x.at(point[0])?, plot.y.at(point[1])?])
}

/// The character of category `k`; the first has dots alone.
fn letter(k: usize) -> Option<char> {
    [
        None,
        Some('o'),
        Some('+'),
        Some('x'),
        Some('#'),
        Some('%'),
        Some('@'),
        None,
    ][k % 8]
}

/// The paint of a category: the last is the terminal's own colour.
pub(super) fn category(k: usize) -> Paint {
    match k % 8 {
        0 => Paint::Data,
        1 => Paint::Accent,
        7 => Paint::Plain,
        k => Paint::Rgb(category_rgb(k)),
    }
}

/// A colour of a palette. The darkest of a sequential one are left out, as they are not seen on a dark ground.
pub(super) fn shade(palette: Palette, share: f64) -> Paint {
    Paint::Rgb(match palette {
        Palette::Sequential => palette.rgb(0.2 + 0.8 * share),
        Palette::Diverging => palette.rgb(share),
    })
}
