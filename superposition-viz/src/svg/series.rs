//! Points, lines and arrows.

use super::axis::Placed;
use super::color::{Palette, UNDEFINED};
use super::writer::{Writer, number, push_point, wrapped};
use super::{CHARACTERS, LINE};
use crate::number::{format_number, position};

/// Colours of values: as many are told apart, and marks of one colour are one path.
const LEVELS: usize = 16;

/// How a series is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Points,
    Line,
    Dashed,
    Arrows,
    Bars,
}

/// A named series of pairs (x, y).
///
/// A pair that is not finite, or not positive on a logarithmic axis, is not drawn, interrupts a line, and is counted in
/// the legend, as are points and arrows that lie outside the axes.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    name: String,
    points: Vec<[f64; 2]>,
    form: Form,
    color: Option<usize>,
    values: Option<(String, Vec<f64>)>,
    spread: Vec<[f64; 2]>,
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

    fn new(name: impl Into<String>, points: Vec<[f64; 2]>, form: Form) -> Self {
        Self {
            name: name.into(),
            points,
            form,
            color: None,
            values: None,
            spread: Vec::new(),
        }
    }

    /// A bar from 0 to each pair, as wide as the places allow.
    #[must_use]
    pub fn bars(name: impl Into<String>, points: Vec<[f64; 2]>) -> Self {
        Self::new(name, points, Form::Bars)
    }

    /// The same with points, arrows and bars coloured by a number each, named in the legend. What is not finite is grey.
    ///
    /// # Panics
    /// If there is not a number for each pair.
    #[must_use]
    #[track_caller]
    pub fn with_values(mut self, name: impl Into<String>, values: Vec<f64>) -> Self {
        assert_eq!(values.len(), self.points.len(), "values of the pairs");
        self.values = Some((name.into(), values));
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

    /// The coordinates on one axis, and the origin's for arrows.
    pub(super) fn values(&self, side: usize) -> impl Iterator<Item = f64> + '_ {
        let from_zero = self.form == Form::Arrows || self.form == Form::Bars && side == 1;
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
        let color = writer.theme.category(k);
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
            let places = members.iter().filter_map(|&i| place(&self.points[i]));
            let mut path = String::new();
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
    fn groups(&self) -> Vec<Vec<usize>> {
        let all = 0..self.points.len();
        let Some((_, values)) = &self.values else {
            return vec![all.collect()];
        };
        let [low, high] = ends(values);
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

    fn level_color(&self, level: usize, otherwise: &str) -> String {
        match (&self.values, level) {
            (None, _) => otherwise.to_owned(),
            (Some(_), 0) => UNDEFINED.to_owned(),
            (Some(_), level) => Palette::Sequential.color((level as f64 - 0.5) / LEVELS as f64),
        }
    }

    /// Half of a bar: four tenths of the smallest distance of two places.
    fn half_width(&self, x: &Placed) -> f64 {
        let places = self.points.iter().filter_map(|point| x.at(point[0]));
        let mut places: Vec<f64> = places.collect();
        places.sort_by(f64::total_cmp);
        let gaps = places.windows(2).map(|pair| pair[1] - pair[0]);
        let smallest = gaps.filter(|gap| *gap > 0.0).fold(20.0, f64::min);
        (0.4 * smallest).max(0.25)
    }

    fn stroke(&self, color: &str) -> String {
        let dash = match self.form {
            Form::Dashed => " stroke-dasharray=\"5 3\"",
            _ => "",
        };
        format!("fill=\"none\" stroke=\"{color}\" stroke-width=\"1.6\"{dash}")
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
        if text.is_empty() {
            return at;
        }
        at += LINE;
        let color = match &self.values {
            Some((_, values)) if ends(values)[0].is_finite() => self.level_color(LEVELS / 2, ""),
            _ => writer.theme.category(k).to_owned(),
        };
        let color = color.as_str();
        let (middle, mut path) = (at - 4.0, String::new());
        match self.form {
            Form::Points => {
                push_mark(&mut path, k, [left + 9.0, middle]);
                push_path(writer, &path, &format!("fill=\"{color}\""));
            }
            Form::Line | Form::Dashed => {
                push_point(&mut path, 'M', [left, middle]);
                push_point(&mut path, 'L', [left + 18.0, middle]);
                push_path(writer, &path, &self.stroke(color));
            }
            Form::Arrows => {
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
        let Some((name, values)) = &self.values else {
            return at;
        };
        let [low, high] = ends(values);
        if low > high {
            return at;
        }
        let baseline = at + LINE;
        let text = format!("{name}: {}", format_number(low, 3));
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

/// The lowest and the highest finite value; the wrong way round if there is none.
fn ends(values: &[f64]) -> [f64; 2] {
    let finite = values.iter().copied().filter(|value| value.is_finite());
    finite.fold([f64::INFINITY, f64::NEG_INFINITY], |[low, high], value| {
        [low.min(value), high.max(value)]
    })
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
