//! Horizontal bars: one value per row.

use crate::number::{
    DIGITS, Statistics, counted, format_column, format_decimals, format_number, position,
};
use crate::page::{Line, Page, Paint, columns, pad_left, pad_right};
use crate::style::TextStyle;

/// Draws one bar per value, with its label and number.
///
/// `labels[k]` names `values[k]`; where there is no label, the index stands (so `&[] as &[&str]` numbers the bars).
/// Bars start at zero, negative values run to the left of it, and the longest finite value fills the width.
/// An infinite value fills it with a pointed end; NaN has the mark `·` (`?` in ASCII) and a line that explains it.
/// The first [`TextStyle::max_rows`] bars are shown; the statistics are over all finite values.
///
/// ```
/// use superposition_viz::{TextStyle, bar_chart};
/// let style = TextStyle::default().with_width(30);
/// let text = bar_chart("Parameters", &["W", "b"], &[8.0, 2.0], &style);
/// assert_eq!(text, "\
/// Parameters
/// n 2   mean 5.00   std 3.00
/// min 2.00   max 8.00
///
/// W  8.00 │█████████████████████
/// b  2.00 │█████▎
/// ");
/// ```
#[must_use]
pub fn bar_chart<S: AsRef<str>>(
    title: &str,
    labels: &[S],
    values: &[f64],
    style: &TextStyle,
) -> String {
    let mut page = Page::new(style);
    page.title(title);
    let labels: Vec<String> = labels
        .iter()
        .map(|label| label.as_ref().to_owned())
        .collect();
    let chart = Bars {
        labels: &labels,
        header: None,
        noun: "bar",
        values,
        decimals: None,
    };
    chart.draw(&mut page);
    page.finish()
}

/// Draws the norm of every feature.
///
/// `norms[i]` is the norm of column i of W, in the units of the weights. Features are in index order; if not all fit in
/// [`TextStyle::max_rows`], a strip shows the outline of all of them. The statistics are over all features.
///
/// ```
/// use superposition_viz::{TextStyle, feature_norms};
/// let style = TextStyle::default().with_width(40);
/// assert_eq!(feature_norms(&[1.0, 0.5, 0.0], &style), "\
/// Feature norms
/// n 3   mean 0.500   std 0.408   min 0
/// max 1.00
///
/// feature  norm
///       0  1.00 │█████████████████████████
///       1  0.50 │████████████▌
///       2     0 │
/// ");
/// ```
#[must_use]
pub fn feature_norms(norms: &[f64], style: &TextStyle) -> String {
    let mut page = Page::new(style);
    push_norms(&mut page, norms);
    page.finish()
}

pub(crate) fn push_norms(page: &mut Page, norms: &[f64]) {
    page.title("Feature norms");
    let header = Some(("feature", "norm"));
    Bars {
        labels: &[],
        header,
        noun: "feature",
        values: norms,
        decimals: None,
    }
    .draw(page);
}

/// The number of rows of a list that are shown.
pub(crate) fn n_shown(n: usize, style: &TextStyle) -> usize {
    n.min(style.max_rows)
}

/// What is said when a list is cut.
pub(crate) fn showing(page: &mut Page, shown: usize, n: usize, noun: &str, rest: &str) {
    if shown < n {
        let nouns = counted(n, noun);
        page.note(&format!("showing {shown} of {nouns}{rest}"));
    }
}

/// Prints the statistics of all values, and how many of them are not finite.
pub(crate) fn statistics_lines(page: &mut Page, values: &[f64]) {
    let statistics = Statistics::of(values.iter().copied());
    let mut facts = vec![("n", statistics.n.to_string())];
    if let Some(moments) = statistics.finite {
        for (name, value) in [
            ("mean", moments.mean),
            ("std", moments.std),
            ("min", moments.min),
            ("max", moments.max),
        ] {
            facts.push((name, format_number(value, DIGITS)));
        }
    }
    page.facts(&facts);
    not_finite_line(page, &statistics, "value");
}

/// Says how many values are left out of the statistics, if any.
pub(crate) fn not_finite_line(page: &mut Page, statistics: &Statistics, noun: &str) {
    let (n_nan, n_infinite) = (statistics.n_nan, statistics.n_infinite);
    let what = match (n_nan, n_infinite) {
        (0, 0) => return,
        (_, 0) => format!("{n_nan} NaN"),
        (0, _) => format!("{n_infinite} infinite"),
        _ => format!("{n_nan} NaN and {n_infinite} infinite"),
    };
    page.alert(&format!(
        "{what} of {}, left out of the statistics",
        counted(statistics.n, noun)
    ));
}

/// A chart of bars within a page.
pub(crate) struct Bars<'a> {
    /// Names of the values; indices where they end.
    pub(crate) labels: &'a [String],
    /// Names of the label column and the number column.
    pub(crate) header: Option<(&'a str, &'a str)>,
    /// What one bar is, for the line about truncation.
    pub(crate) noun: &'a str,
    pub(crate) values: &'a [f64],
    /// Decimals of the numbers, if they do not follow from the values.
    pub(crate) decimals: Option<usize>,
}

impl Bars<'_> {
    /// Statistics, a strip where the list is cut, and the bars.
    pub(crate) fn draw(&self, page: &mut Page) {
        let n = self.values.len();
        if n == 0 {
            page.note(&format!("no {}s", self.noun));
            return;
        }
        statistics_lines(page, self.values);
        let shown = n_shown(n, &page.style);
        if shown < n {
            strip(page, self.values, self.noun);
        }
        if shown > 0 {
            page.blank();
            self.rows(page, shown);
        }
        showing(
            page,
            shown,
            n,
            self.noun,
            ", in the order given; the statistics are over all",
        );
    }

    /// The first `shown` bars.
    pub(crate) fn rows(&self, page: &mut Page, shown: usize) {
        let (low, high) = self.range();
        let shown = shown.min(self.values.len());
        let numbers = match self.decimals {
            Some(decimals) => format_decimals(&self.values[..shown], decimals),
            None => format_column(&self.values[..shown], DIGITS),
        };
        let layout = Columns::new(page, self.labels, self.header, numbers, 0);
        layout.header(page, &[]);
        let scale = BarScale::new(low, high, layout.room);
        let mut has_nan = false;
        for (k, &value) in self.values[..shown].iter().enumerate() {
            has_nan |= value.is_nan();
            let mut line = layout.row(page, k, "");
            scale.push_bar(&mut line, value, &page.style);
            page.line(line);
        }
        if has_nan {
            let mark = page.style.pick("·", "?").to_owned();
            page.legend(&[(Paint::Alert, mark, "NaN, not a number".to_owned())]);
        }
    }

    /// The finite extremes, including zero.
    fn range(&self) -> (f64, f64) {
        let finite = self.values.iter().filter(|v| v.is_finite());
        finite.fold((0.0, 0.0), |(low, high), &v| {
            (f64::min(low, v), f64::max(high, v))
        })
    }
}

/// The columns to the left of the bars: label, number, and one more.
pub(crate) struct Columns {
    labels: Vec<String>,
    numbers: Vec<String>,
    label_width: usize,
    number_width: usize,
    extra_width: usize,
    header: Option<(String, String)>,
    named: bool,
    /// What is left for the bars.
    pub(crate) room: usize,
}

impl Columns {
    /// `extra_width` columns are kept between number and bar.
    pub(crate) fn new(
        page: &Page,
        labels: &[String],
        header: Option<(&str, &str)>,
        numbers: Vec<String>,
        extra_width: usize,
    ) -> Self {
        let mut number_width = numbers.iter().map(|text| columns(text)).max().unwrap_or(0);
        let named = !labels.is_empty();
        let labels: Vec<String> = (0..numbers.len())
            .map(|k| {
                labels
                    .get(k)
                    .map_or_else(|| k.to_string(), |label| page.clean(label))
            })
            .collect();
        let mut label_width = labels.iter().map(|text| columns(text)).max().unwrap_or(0);
        let header = header.map(|(label, number)| (label.to_owned(), number.to_owned()));
        if let Some((label, number)) = &header {
            label_width = label_width.max(columns(label));
            number_width = number_width.max(columns(number));
        }
        // Numbers are never cut; of the rest, labels get half, so that bars stay visible.
        let extra_columns = if extra_width > 0 { extra_width + 2 } else { 0 };
        let rest = page.width.saturating_sub(number_width + extra_columns + 4);
        label_width = label_width.min((rest / 2).max(3));
        let room = rest.saturating_sub(label_width);
        Self {
            labels,
            numbers,
            label_width,
            number_width,
            extra_width,
            header,
            named,
            room,
        }
    }

    fn label(&self, page: &Page, text: &str) -> String {
        let text = page.clip(text, self.label_width);
        if self.named {
            pad_right(&text, self.label_width)
        } else {
            pad_left(&text, self.label_width)
        }
    }

    /// The names of the columns; `extra` are pieces written where the bars will be.
    pub(crate) fn header(&self, page: &mut Page, extra: &[(Paint, String)]) {
        let Some((label, number)) = &self.header else {
            return;
        };
        let mut line = Line::new()
            .with(Paint::Faint, &self.label(page, label))
            .with(Paint::Faint, "  ")
            .with(Paint::Faint, &pad_left(number, self.number_width))
            .with(Paint::Plain, " ");
        if self.extra_width > 0 {
            line.push(Paint::Plain, &" ".repeat(self.extra_width + 2));
        }
        for (paint, text) in extra {
            line.push(*paint, text);
        }
        page.line(line);
    }

    /// A line with a name and something drawn where the bars are.
    pub(crate) fn named_line(&self, page: &mut Page, name: &str, text: &str) {
        let left = page.width.saturating_sub(self.room);
        let name = pad_left(&page.clip(name, self.label_width), self.label_width);
        page.line(
            Line::new()
                .with(Paint::Faint, &pad_right(&name, left))
                .with(Paint::Data, text),
        );
    }

    /// The start of row k, up to where the bar begins.
    pub(crate) fn row(&self, page: &Page, k: usize, extra: &str) -> Line {
        let label = self.labels.get(k).map_or("", String::as_str);
        let number = self.numbers.get(k).map_or("", String::as_str);
        let mut line = Line::new()
            .with(Paint::Plain, &self.label(page, label))
            .with(Paint::Plain, "  ")
            .with(Paint::Plain, &pad_left(number, self.number_width))
            .with(Paint::Plain, " ");
        if self.extra_width > 0 {
            line.push(Paint::Plain, " ");
            line.push(Paint::Accent, &pad_right(extra, self.extra_width));
            line.push(Paint::Plain, " ");
        }
        line
    }
}

/// How values become lengths. Bars take `room` columns beside the axis.
pub(crate) struct BarScale {
    left: usize,
    right: usize,
    /// Magnitude by which values are divided before anything else.
    unit: f64,
    cells_per_unit: f64,
}

impl BarScale {
    /// `low <= 0 <= high`, finite.
    pub(crate) fn new(low: f64, high: f64, room: usize) -> Self {
        let unit = high.max(-low);
        if unit <= 0.0 || room == 0 {
            return Self {
                left: 0,
                right: room,
                unit: 1.0,
                cells_per_unit: 0.0,
            };
        }
        let (negative, positive) = (-low / unit, high / unit);
        let left = if low < 0.0 {
            let share = negative / (negative + positive) * room as f64;
            let most = if high > 0.0 {
                room.saturating_sub(1)
            } else {
                room
            };
            (share.round() as usize).clamp(most.min(1), most)
        } else {
            0
        };
        let right = room - left;
        // The same length for the same magnitude on both sides.
        let mut cells_per_unit = f64::INFINITY;
        if negative > 0.0 {
            cells_per_unit = cells_per_unit.min(left as f64 / negative);
        }
        if positive > 0.0 {
            cells_per_unit = cells_per_unit.min(right as f64 / positive);
        }
        Self {
            left,
            right,
            unit,
            cells_per_unit,
        }
    }

    /// Appends the bar of `value`, with its axis.
    pub(crate) fn push_bar(&self, line: &mut Line, value: f64, style: &TextStyle) {
        let axis = style.pick("│", "|");
        let (negative, positive) = self.sides(value, style);
        line.push(Paint::Data, &pad_left(&negative, self.left));
        line.push(Paint::Faint, axis);
        let paint = if value.is_nan() {
            Paint::Alert
        } else {
            Paint::Data
        };
        line.push(paint, &positive);
    }

    /// What stands to the left and to the right of the axis.
    fn sides(&self, value: f64, style: &TextStyle) -> (String, String) {
        let full = style.pick("█", "=");
        if value.is_nan() {
            return (
                String::new(),
                if self.right > 0 {
                    style.pick("·", "?")
                } else {
                    ""
                }
                .to_owned(),
            );
        }
        if value == f64::INFINITY {
            let end = if self.right > 0 {
                style.pick("▶", ">")
            } else {
                ""
            };
            return (
                String::new(),
                full.repeat(self.right.saturating_sub(1)) + end,
            );
        }
        if value == f64::NEG_INFINITY {
            let end = if self.left > 0 {
                style.pick("◀", "<")
            } else {
                ""
            };
            return (
                end.to_owned() + &full.repeat(self.left.saturating_sub(1)),
                String::new(),
            );
        }
        let cells = (value.abs() / self.unit * self.cells_per_unit).max(0.0);
        if value < 0.0 {
            // There are no left-growing eighths of a block: halves.
            let halves = at_least_one(cells * 2.0, value).min(self.left * 2);
            let tip = if halves % 2 == 1 {
                style.pick("▐", "-")
            } else {
                ""
            };
            return (tip.to_owned() + &full.repeat(halves / 2), String::new());
        }
        let eighths = at_least_one(cells * 8.0, value).min(self.right * 8);
        let tip = match (eighths % 8, style.pick(true, false)) {
            (0, _) => "",
            (eighth, true) => ["▏", "▎", "▍", "▌", "▋", "▊", "▉"][eighth - 1],
            (_, false) => "-",
        };
        (String::new(), full.repeat(eighths / 8) + tip)
    }
}

/// Rounds a length, but what is not zero is seen.
fn at_least_one(length: f64, value: f64) -> usize {
    let least = usize::from(value != 0.0);
    (length.round() as usize).max(least)
}

/// Heights from nothing to full, in eighths.
pub(crate) const LEVELS: &str = " ▁▂▃▄▅▆▇█";
pub(crate) const LEVELS_ASCII: &str = " .:-=+*%#";

/// A line with the outline of all values: each mark is the largest of a block.
pub(crate) fn strip(page: &mut Page, values: &[f64], noun: &str) {
    let statistics = Statistics::of(values.iter().copied());
    let Some(moments) = statistics.finite else {
        return;
    };
    let (low, high) = (moments.min.min(0.0), moments.max.max(0.0));
    let block = values.len().div_ceil(page.width).max(1);
    let marks: Vec<char> = page.style.pick(LEVELS, LEVELS_ASCII).chars().collect();
    let not_a_number = page.style.pick('·', '?');
    let text: String = values
        .chunks(block)
        .map(|chunk| {
            // NaN must not hide behind its neighbours.
            if chunk.iter().any(|v| v.is_nan()) {
                return not_a_number;
            }
            let largest = chunk
                .iter()
                .fold(f64::NEG_INFINITY, |a, &v| a.max(v))
                .clamp(low, high);
            let level = if high > low {
                (position(largest, low, high) * 8.0).ceil() as usize
            } else {
                0
            };
            marks.get(level).copied().unwrap_or(' ')
        })
        .collect();
    page.blank();
    page.text(Paint::Data, &text);
    let per_mark = match block {
        1 => format!("one mark per {noun}"),
        _ => format!("each mark is the largest of {block} {noun}s"),
    };
    let nan = if statistics.n_nan > 0 {
        format!(", {not_a_number} is NaN")
    } else {
        String::new()
    };
    page.note(&format!(
        "all {}, {per_mark}: blank is {}, {} is {}{nan}",
        values.len(),
        format_number(low, DIGITS),
        marks.last().copied().unwrap_or('#'),
        format_number(high, DIGITS),
    ));
}
