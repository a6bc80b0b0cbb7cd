//! Points, lines and arrows.

use super::axis::Placed;
use super::color::{Palette, UNDEFINED};
use super::writer::{Writer, number, push_point, wrapped};
use super::{CHARACTERS, LINE};
use crate::number::{format_number, position};

/// Colours of values: as many are told apart, and marks of one colour are one path.
pub(super) const LEVELS: usize = 16;

/// How a series is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Points,
    Line,
    Dashed,
    Arrows,
    DashedArrows,
    Segments,
    Bars,
}

/// Numbers that colour the marks of a series.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Values {
    pub(super) name: String,
    pub(super) each: Vec<f64>,
    pub(super) palette: Palette,
    range: Option<[f64; 2]>,
}

impl Values {
    /// What the ends of the palette stand for; the wrong way round if nothing is finite.
    pub(super) fn ends(&self) -> [f64; 2] {
        let finite = |value: &f64| value.is_finite();
        let [low, high] = match self.range {
            Some(range) if range.iter().all(finite) && range[0] <= range[1] => range,
            _ => self
                .each
                .iter()
                .copied()
                .filter(finite)
                .fold([f64::INFINITY, f64::NEG_INFINITY], |[low, high], value| {
                    [low.min(value), high.max(value)]
                }),
        };
        match self.palette {
            Palette::Diverging if low <= high => {
                let farthest = low.abs().max(high.abs());
                [-farthest, farthest]
            }
            _ => [low, high],
        }
    }
}

/// A named series of pairs (x, y).
///
/// A pair that is not finite, or not positive on a logarithmic axis, is not drawn, interrupts a line, and is counted in
/// the legend, as are points and arrows that lie outside the axes.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    pub(super) name: String,
    pub(super) points: Vec<[f64; 2]>,
    pub(super) form: Form,
    pub(super) color: Option<usize>,
    pub(super) values: Option<Values>,
    pub(super) spread: Vec<[f64; 2]>,
    /// Whether it steps back.
    pub(super) faint: bool,
}

impl Series {
    /// A mark at each pair.
    #[must_use]
    pub fn points(name: impl Into<String>, points: Vec<[f64; 2]>) -> Self {
        Self::new(name, points, Form::Points)
    }

    /// A line through the pairs in their order.
    #[must_use]
    pub fn line(name: impl Into<String>, points: Vec<[f64; 2]>) -> Self {
        Self::new(name, points, Form::Line)
    }

    /// A dashed line through the pairs in their order.
    #[must_use]
    pub fn dashed(name: impl Into<String>, points: Vec<[f64; 2]>) -> Self {
        Self::new(name, points, Form::Dashed)
    }

    /// An arrow from the origin to each pair, such as feature directions in the plane.
    #[must_use]
    pub fn arrows(name: impl Into<String>, tips: Vec<[f64; 2]>) -> Self {
        Self::new(name, tips, Form::Arrows)
    }

    /// The same with dashed shafts, such as of directions that point away from who looks.
    #[must_use]
    pub fn dashed_arrows(name: impl Into<String>, tips: Vec<[f64; 2]>) -> Self {
        Self::new(name, tips, Form::DashedArrows)
    }

    /// A line between each two pairs, such as the edges of a graph.
    #[must_use]
    pub fn segments(name: impl Into<String>, segments: Vec<[[f64; 2]; 2]>) -> Self {
        Self::new(name, segments.into_flattened(), Form::Segments)
    }

    fn new(name: impl Into<String>, points: Vec<[f64; 2]>, form: Form) -> Self {
        Self {
            name: name.into(),
            points,
            form,
            color: None,
            values: None,
            spread: Vec::new(),
            faint: false,
        }
    }

    /// A bar from 0 to each pair, as wide as the places allow.
    #[must_use]
    pub fn bars(name: impl Into<String>, points: Vec<[f64; 2]>) -> Self {
        Self::new(name, points, Form::Bars)
    }

    /// The same with points, arrows, segments and bars coloured by a number each, explained in the legend unless the name is
    /// empty. What is not finite is grey.
    ///
    /// # Panics
    /// If there is not a number for each of them.
    #[must_use]
    #[track_caller]
    pub fn with_values(mut self, name: impl Into<String>, values: Vec<f64>) -> Self {
        assert_eq!(values.len(), self.n_marks(), "values of the marks");
        self.values = Some(Values {
            name: name.into(),
            each: values,
            palette: Palette::Sequential,
            range: None,
        });
        self
    }

    /// The same with the colours of its values from another palette.
    #[must_use]
    pub fn with_palette(mut self, palette: Palette) -> Self {
        if let Some(values) = &mut self.values {
            values.palette = palette;
        }
        self
    }

    /// The same with the colours of its values over a given range, such as that of several series; a range that is not finite
    /// or the wrong way round counts as none.
    #[must_use]
    pub fn with_value_range(mut self, range: [f64; 2]) -> Self {
        if let Some(values) = &mut self.values {
            values.range = Some(range);
        }
        self
    }

    /// The same with an interval of y around each pair, drawn as a line.
    ///
    /// # Panics
    /// If there is not an interval for each pair.
    #[must_use]
    #[track_caller]
    pub fn with_intervals(mut self, intervals: Vec<[f64; 2]>) -> Self {
        assert_eq!(intervals.len(), self.points.len(), "intervals of the pairs");
        self.spread = intervals;
        self
    }

    /// The same in colour `k` of [`CATEGORIES`](super::CATEGORIES), and with mark `k`.
    #[must_use]
    pub fn with_color(mut self, k: usize) -> Self {
        self.color = Some(k);
        self
    }

    /// Points, arrows, segments, bars.
    fn n_marks(&self) -> usize {
        match self.form {
            Form::Segments => self.points.len() / 2,
            _ => self.points.len(),
        }
    }

    /// The same in thin grey, such as lines to read others by.
    #[must_use]
    pub fn faint(mut self) -> Self {
        self.faint = true;
        self
    }

    fn category(&self, theme: super::Theme, k: usize) -> &'static str {
        match self.faint {
            true => theme.faint(),
            false => theme.category(k),
        }
    }

    /// The coordinates on one axis, and the origin's for arrows.
    pub(super) fn values(&self, side: usize) -> impl Iterator<Item = f64> + '_ {
        let arrows = matches!(self.form, Form::Arrows | Form::DashedArrows);
        let from_zero = arrows || self.form == Form::Bars && side == 1;
        let origin = from_zero.then_some(0.0);
        let spread = self
            .spread
            .iter()
            .flatten()
            .copied()
            .filter(move |_| side == 1);
        self.points
            .iter()
            .map(move |point| point[side])
            .chain(origin)
            .chain(spread)
    }

    pub(super) fn draw(&self, writer: &mut Writer, k: usize, x: &Placed, y: &Placed) {
        let k = self.color.unwrap_or(k);
        let color = self.category(writer.theme, k);
        let place = |point: &[f64; 2]| Some([x.at(point[0])?, y.at(point[1])?]);
        for (point, [low, high]) in self.points.iter().zip(&self.spread) {
            if let (Some(at), Some(low), Some(high)) = (x.at(point[0]), y.at(*low), y.at(*high)) {
                let mut path = String::new();
                push_point(&mut path, 'M', [at, low]);
                push_point(&mut path, 'L', [at, high]);
                push_path(writer, &path, &self.stroke(color));
            }
        }
        if let Form::Line | Form::Dashed = self.form {
            let (mut path, mut command) = (String::new(), 'M');
            for point in &self.points {
                match place(point) {
                    Some(at) => {
                        push_point(&mut path, command, at);
                        command = 'L';
                    }
                    None => command = 'M',
                }
            }
            return push_path(writer, &path, &self.stroke(color));
        }
        let groups = self.groups();
        for (level, members) in groups.iter().enumerate() {
            let color = self.level_color(level, color);
            let mut path = String::new();
            if self.form == Form::Segments {
                for &i in members {
                    let ends = [2 * i, 2 * i + 1].map(|end| place(&self.points[end]));
                    if let [Some(from), Some(to)] = ends {
                        push_point(&mut path, 'M', from);
                        push_point(&mut path, 'L', to);
                    }
                }
                push_path(writer, &path, &self.stroke(&color));
                continue;
            }
            let places = members.iter().filter_map(|&i| place(&self.points[i]));
            match self.form {
                Form::Points => {
                    places
                        .filter(|at| x.contains(at[0]) && y.contains(at[1]))
                        .for_each(|at| push_mark(&mut path, k, at));
                    push_path(writer, &path, &format!("fill=\"{color}\""));
                }
                Form::Bars => {
                    let (Some(zero), half) = (y.at(0.0), self.half_width(x)) else {
                        continue;
                    };
                    for [at, top] in places {
                        let (left, right) = (number(at - half), number(at + half));
                        let (zero, top) = (number(zero), number(top));
                        path.push_str(&format!("M{left} {zero}V{top}H{right}V{zero}z"));
                    }
                    push_path(writer, &path, &format!("fill=\"{color}\""));
                }
                _ => {
                    let (Some(x0), Some(y0)) = (x.at(0.0), y.at(0.0)) else {
                        return;
                    };
                    places.for_each(|tip| push_arrow(&mut path, [x0, y0], tip));
                    push_path(writer, &path, &self.stroke(&color));
                }
            }
        }
    }

    /// The pairs by level of their values: those without first, then from the lowest on.
    pub(super) fn groups(&self) -> Vec<Vec<usize>> {
        let all = 0..self.n_marks();
        let Some(values) = &self.values else {
            return vec![all.collect()];
        };
        let [low, high] = values.ends();
        let values = &values.each;
        let mut groups = vec![Vec::new(); LEVELS + 1];
        for i in all {
            let level = match values[i].is_finite() {
                true => {
                    1 + ((position(values[i], low, high) * LEVELS as f64) as usize).min(LEVELS - 1)
                }
                false => 0,
            };
            groups[level].push(i);
        }
        groups
    }

    /// The level that stands for the series in its legend.
    pub(super) fn typical(&self) -> usize {
        match &self.values {
            Some(values) if values.palette == Palette::Diverging => 1,
            _ => LEVELS / 2,
        }
    }

    fn level_color(&self, level: usize, otherwise: &str) -> String {
        match (&self.values, level) {
            (None, _) => otherwise.to_owned(),
            (Some(_), 0) => UNDEFINED.to_owned(),
            (Some(values), level) => values.palette.color((level as f64 - 0.5) / LEVELS as f64),
        }
    }

    /// Half of a bar: four tenths of the smallest distance of two places.
    pub(super) fn half_width(&self, x: &Placed) -> f64 {
        let places = self.points.iter().filter_map(|point| x.at(point[0]));
        let mut places: Vec<f64> = places.collect();
        places.sort_by(f64::total_cmp);
        let gaps = places.windows(2).map(|pair| pair[1] - pair[0]);
        let smallest = gaps.filter(|gap| *gap > 0.0).fold(20.0, f64::min);
        (0.4 * smallest).max(0.25)
    }

    fn stroke(&self, color: &str) -> String {
        let dash = match self.form {
            Form::Dashed | Form::DashedArrows => " stroke-dasharray=\"5 3\"",
            _ => "",
        };
        let width = if self.faint { "0.8" } else { "1.6" };
        format!("fill=\"none\" stroke=\"{color}\" stroke-width=\"{width}\"{dash}")
    }

    /// Its name and how much of it is not seen; empty if there is nothing to say.
    pub(super) fn caption(&self, x: &Placed, y: &Placed) -> String {
        let (mut lost, mut outside) = (0, 0);
        for point in &self.points {
            match (x.at(point[0]), y.at(point[1])) {
                (Some(a), Some(b)) => {
                    outside += usize::from(!x.contains(a) || !y.contains(b));
                }
                _ => lost += 1,
            }
        }
        let mut text = self.name.clone();
        for (n, what) in [(lost, "without a place"), (outside, "outside")] {
            if n > 0 {
                text.push_str(&format!(" ({n} {what})"));
            }
        }
        text
    }

    /// Writes the legend at a place and says where the next one goes.
    pub(super) fn legend(
        &self,
        writer: &mut Writer,
        k: usize,
        [left, mut at]: [f64; 2],
        (x, y): (&Placed, &Placed),
    ) -> f64 {
        let k = self.color.unwrap_or(k);
        let text = self.caption(x, y);
        if text.is_empty() {
            return at;
        }
        at += LINE;
        let color = match &self.values {
            Some(values) if values.ends()[0].is_finite() => self.level_color(self.typical(), ""),
            _ => self.category(writer.theme, k).to_owned(),
        };
        let color = color.as_str();
        let (middle, mut path) = (at - 4.0, String::new());
        match self.form {
            Form::Points => {
                push_mark(&mut path, k, [left + 9.0, middle]);
                push_path(writer, &path, &format!("fill=\"{color}\""));
            }
            Form::Line | Form::Dashed | Form::Segments => {
                push_point(&mut path, 'M', [left, middle]);
                push_point(&mut path, 'L', [left + 18.0, middle]);
                push_path(writer, &path, &self.stroke(color));
            }
            Form::Arrows | Form::DashedArrows => {
                push_arrow(&mut path, [left, middle], [left + 18.0, middle]);
                push_path(writer, &path, &self.stroke(color));
            }
            Form::Bars => writer.filled([left + 4.0, middle - 5.0, 10.0, 10.0], color),
        }
        for (k, line) in wrapped(&text, CHARACTERS - 5).iter().enumerate() {
            at += if k > 0 { LINE } else { 0.0 };
            writer.text([left + 25.0, at], "start", "", line);
        }
        self.value_legend(writer, [left, at])
    }

    /// The colours of the values, from the lowest to the highest.
    fn value_legend(&self, writer: &mut Writer, [left, at]: [f64; 2]) -> f64 {
        let Some(values) = &self.values else {
            return at;
        };
        let [low, high] = values.ends();
        if low > high || values.name.is_empty() {
            return at;
        }
        let baseline = at + LINE;
        let text = format!("{}: {}", values.name, format_number(low, 3));
        writer.text([left + 25.0, baseline], "start", "", &text);
        let bar = left + 30.0 + 6.2 * text.chars().count() as f64;
        let step = 96.0 / LEVELS as f64;
        for level in 0..LEVELS {
            let place = [bar + step * level as f64, baseline - 9.0, step, 10.0];
            writer.filled(place, &self.level_color(level + 1, ""));
        }
        writer.text(
            [bar + 101.0, baseline],
            "start",
            "",
            &format_number(high, 3),
        );
        baseline
    }
}

fn push_path(writer: &mut Writer, path: &str, style: &str) {
    if !path.is_empty() {
        writer.push(&format!("<path d=\"{path}\" {style}/>"));
    }
}

/// A circle, square, triangle or diamond, so that colour is not all that tells series apart.
fn push_mark(path: &mut String, k: usize, [x, y]: [f64; 2]) {
    let shape = match k % 4 {
        0 => "m-3 0a3 3 0 1 0 6 0a3 3 0 1 0-6 0",
        1 => "m-2.7-2.7h5.4v5.4h-5.4z",
        2 => "m0-3.4l3.4 5.9h-6.8z",
        _ => "m0-3.8l3.4 3.8l-3.4 3.8l-3.4-3.8z",
    };
    path.push_str(&format!("M{} {}{shape}", number(x), number(y)));
}

/// A shaft and two barbs; a point of no length has none.
fn push_arrow(path: &mut String, from: [f64; 2], tip: [f64; 2]) {
    let (dx, dy) = (tip[0] - from[0], tip[1] - from[1]);
    let length = dx.hypot(dy);
    push_point(path, 'M', from);
    push_point(path, 'L', tip);
    if length < 1.0 {
        return;
    }
    let (ux, uy) = (dx / length * 6.0, dy / length * 6.0);
    let barb = |side: f64| [tip[0] - ux + side * uy * 0.5, tip[1] - uy - side * ux * 0.5];
    push_point(path, 'M', barb(1.0));
    push_point(path, 'L', tip);
    push_point(path, 'L', barb(-1.0));
}
