//! Curves: one quantity over another, such as a loss over training steps.

use crate::bars::not_finite_line;
use crate::canvas::Canvas;
use crate::number::{
    DIGITS, Statistics, counted, format_column, format_given, format_number, position,
};
use crate::page::{Line, Page, Paint, columns, pad_left};
use crate::style::TextStyle;

/// The tallest plot.
const MAX_HEIGHT: usize = 200;

/// The ratio of largest to smallest value from which [`Scale::Auto`] is logarithmic.
const AUTO_LOGARITHMIC: f64 = 50.0;

/// The scale of the vertical axis.
///
/// ```
/// assert_eq!(superposition_viz::Scale::default(), superposition_viz::Scale::Auto);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Scale {
    /// Logarithmic if all finite values are positive and the largest is at least 50 times the smallest, else linear.
    #[default]
    Auto,
    /// Equal distances are equal differences.
    Linear,
    /// Equal distances are equal ratios; values at or below zero have no place and are counted in a warning.
    Logarithmic,
}

/// What [`curve`] draws around the points.
///
/// ```
/// let options = superposition_viz::CurveOptions::new("Loss").with_height(5);
/// assert_eq!((options.title.as_str(), options.height), ("Loss", 5));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CurveOptions {
    /// The line above the plot.
    pub title: String,
    /// The name of the horizontal axis.
    pub x_label: String,
    /// What a value is called in the remarks.
    pub y_label: String,
    /// Rows of the plot without axis and remarks; taken to lie in 1..=200.
    pub height: usize,
    /// The vertical scale.
    pub scale: Scale,
}

impl CurveOptions {
    /// Axes named x and y, 12 rows, automatic scale.
    ///
    /// ```
    /// assert_eq!(superposition_viz::CurveOptions::new("Loss").x_label, "x");
    /// ```
    #[must_use]
    pub fn new(title: impl Into<String>) -> Self {
        let (x_label, y_label) = ("x".to_owned(), "y".to_owned());
        Self {
            title: title.into(),
            x_label,
            y_label,
            height: 12,
            scale: Scale::Auto,
        }
    }

    /// The same with named axes.
    ///
    /// ```
    /// let options = superposition_viz::CurveOptions::new("Norm").with_labels("step", "norm");
    /// assert_eq!((options.x_label.as_str(), options.y_label.as_str()), ("step", "norm"));
    /// ```
    #[must_use]
    pub fn with_labels(mut self, x_label: impl Into<String>, y_label: impl Into<String>) -> Self {
        self.x_label = x_label.into();
        self.y_label = y_label.into();
        self
    }

    /// The same at another height.
    ///
    /// ```
    /// assert_eq!(superposition_viz::CurveOptions::new("Loss").with_height(4).height, 4);
    /// ```
    #[must_use]
    pub fn with_height(mut self, height: usize) -> Self {
        self.height = height;
        self
    }

    /// The same with another vertical scale.
    ///
    /// ```
    /// use superposition_viz::{CurveOptions, Scale};
    /// assert_eq!(CurveOptions::new("Loss").with_scale(Scale::Linear).scale, Scale::Linear);
    /// ```
    #[must_use]
    pub fn with_scale(mut self, scale: Scale) -> Self {
        self.scale = scale;
        self
    }
}

/// Draws the loss of every training step; `losses[k]` belongs to step k + 1.
///
/// This is [`curve`] with named axes and [`Scale::Auto`]. Every step is in the picture: a column covers a range of steps
/// and reaches from the lowest to the highest loss among them, so that a spike of one step stays visible.
///
/// ```
/// use superposition_viz::{TextStyle, training_curve};
/// let style = TextStyle::default().with_width(40);
/// assert_eq!(training_curve(&[4.0, 3.0, 2.0, 1.0], 3, &style), "\
/// Training loss
/// first 4.00   last 1.00
/// lowest 1.00 at step 4
/// highest 4.00 at step 1
///
/// 4.00 ┤⠉⠑⠒⠒⠢⠤⠤⣀⣀⣀
/// 2.50 ┤          ⠉⠉⠉⠒⠒⠒⠒⠤⠤⠤⠤⣀⣀⣀
/// 1.00 ┤                        ⠉⠉⠉⠒⠒⠢⠤⠤⢄⣀
///      └──────────────────────────────────
///       1              step              4
/// ");
/// ```
#[must_use]
pub fn training_curve(losses: &[f64], height: usize, style: &TextStyle) -> String {
    let mut page = Page::new(style);
    push_training_curve(&mut page, losses, height);
    page.finish()
}

pub(crate) fn push_training_curve(page: &mut Page, losses: &[f64], height: usize) {
    let points: Vec<(f64, f64)> = losses
        .iter()
        .enumerate()
        .map(|(k, &loss)| ((k + 1) as f64, loss))
        .collect();
    let options = CurveOptions::new("Training loss")
        .with_labels("step", "loss")
        .with_height(height);
    push_curve(page, points, &options);
}

/// Draws points (x, y) as a line, sorted by x.
///
/// A column of the terminal reaches from the lowest to the highest value of the points in it; between columns the line is
/// straight (on the scale of the picture). Values that are not finite interrupt the line, are marked on the axis and
/// counted; points whose x is not finite are only counted. The plot is never wider than the style says.
/// Cost: sorting, then one pass.
///
/// ```
/// use superposition_viz::{CurveOptions, TextStyle, curve};
/// let style = TextStyle::default().with_width(30);
/// let points = [(0.0, 0.0), (1.0, f64::NAN), (2.0, 1.0), (3.0, 0.5)];
/// let options = CurveOptions::new("Coherence").with_labels("sparsity", "coherence").with_height(2);
/// assert_eq!(curve(&points, &options, &style), "\
/// Coherence
/// first 0   last 0.500
/// lowest 0 at sparsity 0
/// highest 1.00 at sparsity 2
/// 1 NaN of 4 values, left out of
/// the statistics
///
/// 1.00 ┤               ⠈⠑⠒⠢⠤⢄⣀⡀
///    0 ┤⡀                     ⠈⠉
///      └────────?───────────────
///       0       sparsity       3
/// ? coherence here is not finite
/// ");
/// ```
#[must_use]
pub fn curve(points: &[(f64, f64)], options: &CurveOptions, style: &TextStyle) -> String {
    let mut page = Page::new(style);
    push_curve(&mut page, points.to_vec(), options);
    page.finish()
}

fn push_curve(page: &mut Page, mut points: Vec<(f64, f64)>, options: &CurveOptions) {
    let n_given = points.len();
    points.retain(|(x, _)| x.is_finite());
    points.sort_by(|a, b| a.0.total_cmp(&b.0));

    let statistics = Statistics::of(points.iter().map(|&(_, y)| y));
    let logarithmic = match (options.scale, statistics.finite) {
        (Scale::Linear, _) | (_, None) => false,
        (Scale::Auto, Some(moments)) => {
            moments.min > 0.0 && moments.max / moments.min >= AUTO_LOGARITHMIC
        }
        (Scale::Logarithmic, Some(moments)) => moments.max > 0.0,
    };
    let title = if logarithmic {
        format!("{} (logarithmic scale)", options.title)
    } else {
        options.title.clone()
    };
    page.title(&title);
    if points.is_empty() {
        page.note("no points");
    } else {
        let mut facts = extremes(&points, &options.x_label);
        facts
            .iter_mut()
            .for_each(|(_, text)| *text = page.clean(text));
        page.facts(&facts);
        not_finite_line(page, &statistics, "value");
        let plot = Plot {
            points: &points,
            options,
            logarithmic,
        };
        plot.draw(page);
    }
    if points.len() < n_given {
        page.alert(&format!(
            "{} without a finite {} left out",
            counted(n_given - points.len(), "point"),
            options.x_label
        ));
    }
}

/// First, last, lowest and highest value, and where.
fn extremes(points: &[(f64, f64)], x_label: &str) -> Vec<(&'static str, String)> {
    let mut facts = Vec::new();
    if let (Some(first), Some(last)) = (points.first(), points.last()) {
        facts.push(("first", format_number(first.1, DIGITS)));
        facts.push(("last", format_number(last.1, DIGITS)));
    }
    let at = |(x, y): &(f64, f64)| {
        format!(
            "{} at {x_label} {}",
            format_number(*y, DIGITS),
            format_given(*x)
        )
    };
    let finite = || points.iter().filter(|(_, y)| y.is_finite());
    // Of equal values the first.
    if let Some(lowest) = finite().reduce(|a, b| if b.1 < a.1 { b } else { a }) {
        facts.push(("lowest", at(lowest)));
    }
    if let Some(highest) = finite().reduce(|a, b| if b.1 > a.1 { b } else { a }) {
        facts.push(("highest", at(highest)));
    }
    facts
}

struct Plot<'a> {
    /// Sorted, x finite, not empty.
    points: &'a [(f64, f64)],
    options: &'a CurveOptions,
    logarithmic: bool,
}

impl Plot<'_> {
    /// The place of a value before it is scaled, if it has one.
    fn level(&self, y: f64) -> Option<f64> {
        let level = if self.logarithmic {
            if y > 0.0 { y.log10() } else { f64::NAN }
        } else {
            y
        };
        level.is_finite().then_some(level)
    }

    fn draw(&self, page: &mut Page) {
        let levels = || self.points.iter().filter_map(|&(_, y)| self.level(y));
        let (low, high) = levels().fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), y| {
            (a.min(y), b.max(y))
        });
        if low > high {
            page.note("nothing to draw");
            return;
        }
        let n_below = if self.logarithmic {
            self.points.iter().filter(|&&(_, y)| y <= 0.0).count()
        } else {
            0
        };
        let rows = self.options.height.clamp(1, MAX_HEIGHT);
        let labels = self.row_labels(rows, low, high);
        let label_width = labels.iter().map(|text| columns(text)).max().unwrap_or(0);
        let room = page.width.saturating_sub(label_width + 2).max(1);

        let mut canvas = Canvas::new(room, rows, &page.style);
        let axis = self.trace(&mut canvas, low, high, room);
        page.blank();
        for (row, label) in labels.iter().enumerate() {
            let tick = if label.is_empty() {
                page.style.pick("│", "|")
            } else {
                page.style.pick("┤", "+")
            };
            let mut line = Line::new()
                .with(Paint::Plain, &pad_left(label, label_width))
                .with(Paint::Plain, " ")
                .with(Paint::Faint, tick);
            canvas.push_row(&mut line, row);
            page.line(line);
        }
        let mut line = Line::new()
            .with(Paint::Plain, &" ".repeat(label_width + 1))
            .with(Paint::Faint, page.style.pick("└", "+"));
        for &interrupted in &axis {
            match interrupted {
                true => line.push(Paint::Alert, "?"),
                false => line.push(Paint::Faint, page.style.pick("─", "-")),
            }
        }
        page.line(line);
        self.x_labels(page, label_width + 2, room);
        if axis.contains(&true) {
            page.legend(&[(
                Paint::Alert,
                "?".to_owned(),
                format!("{} here is not finite", self.options.y_label),
            )]);
        }
        if n_below > 0 {
            page.alert(&format!(
                "{} at or below zero, without a place on a logarithmic scale",
                counted(n_below, "value")
            ));
        }
        let n = self.points.len();
        if n > canvas.dot_columns() {
            page.note(&format!(
                "{n} values in {room} columns, each drawn from the lowest to the highest {} in it",
                self.options.y_label
            ));
        }
    }

    /// The value of each labelled row: top, bottom, and some between.
    fn row_labels(&self, rows: usize, low: f64, high: f64) -> Vec<String> {
        let value = |level: f64| {
            if self.logarithmic {
                10.0_f64.powf(level)
            } else {
                level
            }
        };
        let mut labels = vec![String::new(); rows];
        if low == high || rows == 1 {
            // One row stands for everything between the extremes, which are written above the plot.
            let middle = value(low / 2.0 + high / 2.0);
            labels[rows / 2] = format_number(middle, DIGITS);
            return labels;
        }
        let last = rows - 1;
        let ticks = match rows {
            0..=2 => vec![0, last],
            3..=8 => vec![0, rows / 2, last],
            _ => vec![0, last / 3, last - last / 3, last],
        };
        let values: Vec<f64> = ticks
            .iter()
            .map(|&row| match row {
                0 => value(high),
                row if row == last => value(low),
                // The middle of the row.
                row => {
                    let share = (row as f64 + 0.5) / rows as f64;
                    let value = value(high * (1.0 - share) + low * share);
                    // Zero but for the rounding of the row.
                    let negligible = value.abs() < 1e-3 * high.abs().max(low.abs());
                    if negligible && !self.logarithmic {
                        0.0
                    } else {
                        value
                    }
                }
            })
            .collect();
        let texts = if self.logarithmic {
            values.iter().map(|&v| format_number(v, DIGITS)).collect()
        } else {
            format_column(&values, DIGITS)
        };
        for (row, text) in ticks.into_iter().zip(texts) {
            labels[row] = text;
        }
        labels
    }

    /// Draws the line; returns for each column whether something in it is not finite.
    fn trace(&self, canvas: &mut Canvas, low: f64, high: f64, room: usize) -> Vec<bool> {
        let (dots, heights) = (canvas.dot_columns(), canvas.dot_rows());
        let (first, last) = (self.points[0].0, self.points[self.points.len() - 1].0);
        let mut interrupted = vec![false; room];
        let x_of = |x: f64| {
            let place = if first == last {
                0.0
            } else {
                position(x, first, last)
            };
            (place * (dots - 1) as f64).round() as usize
        };
        let y_of = |level: f64| {
            ((1.0 - position(level, low, high)) * (heights - 1) as f64).round() as usize
        };
        // The last dot of the line so far, unless it is interrupted.
        let mut previous: Option<(usize, usize)> = None;
        for &(x, y) in self.points {
            let x = x_of(x);
            let Some(level) = self.level(y) else {
                if !y.is_finite() {
                    interrupted[(x * room / dots).min(room - 1)] = true;
                }
                previous = None;
                continue;
            };
            let y = y_of(level);
            match previous {
                Some(from) => segment(canvas, from, (x, y)),
                None => canvas.dot(x, y),
            }
            previous = Some((x, y));
        }
        interrupted
    }

    /// First and last x below the ends of the axis, the name between them.
    fn x_labels(&self, page: &mut Page, indent: usize, room: usize) {
        let (first, last) = (self.points[0].0, self.points[self.points.len() - 1].0);
        let (left, right) = (
            format_given(first),
            if first == last {
                String::new()
            } else {
                format_given(last)
            },
        );
        let name = page.clean(&self.options.x_label);
        let used = columns(&left) + columns(&right);
        let mut line = Line::new()
            .with(Paint::Plain, &" ".repeat(indent))
            .with(Paint::Plain, &left);
        if used + columns(&name) + 2 <= room {
            let gap = room - used - columns(&name);
            line.push(
                Paint::Faint,
                &format!("{}{name}{}", " ".repeat(gap / 2), " ".repeat(gap - gap / 2)),
            );
            line.push(Paint::Plain, &right);
        } else if used < room {
            line.push(Paint::Plain, &" ".repeat(room - used));
            line.push(Paint::Plain, &right);
        }
        page.line(line);
    }
}

/// A straight line of dots.
pub(crate) fn segment(canvas: &mut Canvas, from: (usize, usize), to: (usize, usize)) {
    let (dx, dy) = (to.0 as f64 - from.0 as f64, to.1 as f64 - from.1 as f64);
    let steps = dx.abs().max(dy.abs());
    let n = steps as usize;
    for k in 0..=n {
        let t = if n == 0 { 0.0 } else { k as f64 / steps };
        canvas.dot(
            (from.0 as f64 + t * dx).round() as usize,
            (from.1 as f64 + t * dy).round() as usize,
        );
    }
}
