//! Points, lines and arrows.

use super::axis::Placed;
use super::color::category;
use super::writer::{Writer, number, push_point, wrapped};
use super::{CHARACTERS, LINE};

/// How a series is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Points,
    Line,
    Dashed,
    Arrows,
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
        }
    }

    /// The same in colour `k` of [`CATEGORIES`](super::CATEGORIES), and with mark `k`.
    #[must_use]
    pub fn with_color(mut self, k: usize) -> Self {
        self.color = Some(k);
        self
    }

    /// The coordinates on one axis, and the origin's for arrows.
    pub(super) fn values(&self, side: usize) -> impl Iterator<Item = f64> + '_ {
        let origin = (self.form == Form::Arrows).then_some(0.0);
        self.points
            .iter()
            .map(move |point| point[side])
            .chain(origin)
    }

    pub(super) fn draw(&self, writer: &mut Writer, k: usize, x: &Placed, y: &Placed) {
        let k = self.color.unwrap_or(k);
        let color = category(k);
        let place = |point: &[f64; 2]| Some([x.at(point[0])?, y.at(point[1])?]);
        let mut path = String::new();
        match self.form {
            Form::Points => {
                let places = self.points.iter().filter_map(place);
                places
                    .filter(|at| x.contains(at[0]) && y.contains(at[1]))
                    .for_each(|at| push_mark(&mut path, k, at));
                push_path(writer, &path, &format!("fill=\"{color}\""));
            }
            Form::Line | Form::Dashed => {
                let mut command = 'M';
                for point in &self.points {
                    match place(point) {
                        Some(at) => {
                            push_point(&mut path, command, at);
                            command = 'L';
                        }
                        None => command = 'M',
                    }
                }
                push_path(writer, &path, &self.stroke(color));
            }
            Form::Arrows => {
                let (Some(x0), Some(y0)) = (x.at(0.0), y.at(0.0)) else {
                    return;
                };
                for tip in self.points.iter().filter_map(place) {
                    push_arrow(&mut path, [x0, y0], tip);
                }
                push_path(writer, &path, &self.stroke(color));
            }
        }
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
        let color = category(k);
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
        }
        for (k, line) in wrapped(&text, CHARACTERS - 5).iter().enumerate() {
            at += if k > 0 { LINE } else { 0.0 };
            writer.text([left + 25.0, at], "start", "", line);
        }
        at
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
