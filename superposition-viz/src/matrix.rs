//! Square matrices of pairs: interference and cosines.

use crate::bars::not_finite_line;
use crate::number::{DIGITS, Statistics, counted, format_number};
use crate::page::{Entry, Line, Page, Paint, columns, pad_left, pad_right};
use crate::style::TextStyle;

/// A square matrix over features, borrowed.
///
/// Entry (i, j) is `values[i + n * j]`; for a symmetric matrix the order does not matter.
///
/// ```
/// use superposition_viz::Square;
/// assert!(Square::new(&[1.0, 0.5, 0.5, 1.0], 2).is_some());
/// assert!(Square::new(&[1.0, 0.5, 0.5], 2).is_none());
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Square<'a> {
    values: &'a [f64],
    n: usize,
    features: Option<&'a [usize]>,
}

impl<'a> Square<'a> {
    /// A matrix of `n` rows and columns, or `None` unless there are exactly `n * n` values.
    ///
    /// ```
    /// use superposition_viz::Square;
    /// assert_eq!(Square::new(&[1.0], 1).map(|square| square.n()), Some(1));
    /// ```
    #[must_use]
    pub fn new(values: &'a [f64], n: usize) -> Option<Self> {
        (n.checked_mul(n) == Some(values.len())).then_some(Self {
            values,
            n,
            features: None,
        })
    }

    /// The same matrix with the numbers of its features, where it is over a selection of them, such as the represented ones;
    /// `None` unless there is one for each row.
    ///
    /// ```
    /// use superposition_viz::Square;
    /// let square = Square::new(&[1.0, 0.0, 0.0, 1.0], 2).expect("2 x 2");
    /// assert!(square.with_features(&[4, 17]).is_some());
    /// assert!(square.with_features(&[4]).is_none());
    /// ```
    #[must_use]
    pub fn with_features(self, features: &'a [usize]) -> Option<Self> {
        (features.len() == self.n).then_some(Self {
            features: Some(features),
            ..self
        })
    }

    /// The number of rows.
    ///
    /// ```
    /// assert_eq!(superposition_viz::Square::new(&[], 0).map(|square| square.n()), Some(0));
    /// ```
    #[must_use]
    pub fn n(&self) -> usize {
        self.n
    }

    fn at(&self, i: usize, j: usize) -> f64 {
        self.values.get(i + self.n * j).copied().unwrap_or(f64::NAN)
    }

    fn feature(&self, i: usize) -> usize {
        self.features
            .and_then(|features| features.get(i))
            .copied()
            .unwrap_or(i)
    }

    fn off_diagonal(&self) -> impl Iterator<Item = (usize, usize, f64)> + Clone + use<'a> {
        let n = self.n;
        let step = n + 1;
        self.values
            .iter()
            .enumerate()
            .filter(move |(k, _)| k % step != 0)
            .map(move |(k, &value)| (k % n.max(1), k / n.max(1), value))
    }
}

/// The values that a tone stands for.
#[derive(Clone, Copy)]
enum Bound {
    AtLeast(f64),
    AtMost(f64),
    /// Every number that no other tone takes.
    Rest,
}

/// A glyph for a range of values. The first tone of a table that holds a value draws it,
/// and the legend is written from the same table.
struct Tone {
    bound: Bound,
    unicode: char,
    ascii: char,
    paint: Paint,
}

const fn tone(bound: Bound, unicode: char, ascii: char, paint: Paint) -> Tone {
    Tone {
        bound,
        unicode,
        ascii,
        paint,
    }
}

/// Edges lie between the values of regular polytopes (0.095, 0.11, 0.25, 0.65, 1), so that rounding does not choose the glyph;
/// 0.5 is the customary threshold of a cluster.
const INTERFERENCE: [Tone; 5] = [
    tone(Bound::AtLeast(0.8), '█', '#', Paint::Accent),
    tone(Bound::AtLeast(0.5), '▓', 'o', Paint::Data),
    tone(Bound::AtLeast(0.2), '▒', ':', Paint::Data),
    tone(Bound::AtLeast(0.05), '░', '.', Paint::Data),
    tone(Bound::Rest, ' ', ' ', Paint::Plain),
];

/// Strokes are negative and shades positive, so that the sign is seen without colour.
const COSINE: [Tone; 7] = [
    tone(Bound::AtMost(-0.9), '═', '=', Paint::Accent),
    tone(Bound::AtMost(-0.4), '─', '~', Paint::Accent),
    tone(Bound::AtMost(-0.1), '╌', '-', Paint::Accent),
    tone(Bound::AtLeast(0.9), '█', '#', Paint::Data),
    tone(Bound::AtLeast(0.4), '▒', 'o', Paint::Data),
    tone(Bound::AtLeast(0.1), '░', '.', Paint::Data),
    tone(Bound::Rest, ' ', ' ', Paint::Plain),
];

impl Tone {
    fn holds(&self, value: f64) -> bool {
        match self.bound {
            Bound::AtLeast(bound) => value >= bound,
            Bound::AtMost(bound) => value <= bound,
            Bound::Rest => !value.is_nan(),
        }
    }

    fn glyph(&self, style: &TextStyle) -> char {
        style.pick(self.unicode, self.ascii)
    }
}

/// Draws pairwise interference, `$I_{ij} = \cos^2(W_i, W_j)$`, as a heat map.
///
/// The legend is written from the table that draws the cells. The diagonal, where a feature meets itself, has a mark of
/// its own and is in none of the statistics. If the matrix is wider than the terminal, each cell is the
/// **largest** off-diagonal entry of a block of pairs (NaN if one of them is), and the figure says so. Entries
/// outside of [0, 1] are drawn with the nearest tone and counted in a warning.
/// Cost: one pass over the `n * n` entries.
///
/// ```
/// use superposition_viz::{Square, TextStyle, interference_heatmap};
/// let values = [1.0, 0.9, 0.0, 0.9, 1.0, 0.25, 0.0, 0.25, 1.0];
/// let square = Square::new(&values, 3).expect("3 x 3");
/// assert_eq!(interference_heatmap(square, &TextStyle::default()), "\
/// Interference (cos² of each pair of features)
/// 3 features   mean 0.383   max 0.900 at (0, 1)
///
///    0 1 2
///   ┌──────┐
/// 0 │╲╲██  │
/// 1 │██╲╲▒▒│
/// 2 │  ▒▒╲╲│
///   └──────┘
/// blank < 0.05   ░ ≥ 0.05   ▒ ≥ 0.2   ▓ ≥ 0.5   █ ≥ 0.8   ╲ the feature itself
/// ");
/// ```
#[must_use]
pub fn interference_heatmap(interference: Square<'_>, style: &TextStyle) -> String {
    let mut page = Page::new(style);
    push_interference(&mut page, interference);
    page.finish()
}

pub(crate) fn push_interference(page: &mut Page, interference: Square<'_>) {
    page.title(page.style.pick(
        "Interference (cos² of each pair of features)",
        "Interference (cos^2 of each pair of features)",
    ));
    Heatmap {
        square: interference,
        tones: &INTERFERENCE,
        worst: |a, b| if b > a { b } else { a },
        worst_name: "the largest entry",
        range: (0.0, 1.0),
        signed: false,
    }
    .draw(page);
}

/// Draws the cosines between features, with strokes for negative and shades for positive values.
///
/// If the matrix is wider than the terminal, each cell is the off-diagonal entry of **largest magnitude** of a block of
/// pairs, with its sign, and the figure says so. Otherwise as [`interference_heatmap`].
///
/// ```
/// use superposition_viz::{Square, TextStyle, cosine_matrix};
/// // A triangle: every pair at 120 degrees.
/// let values = [1.0, -0.5, -0.5, -0.5, 1.0, -0.5, -0.5, -0.5, 1.0];
/// let square = Square::new(&values, 3).expect("3 x 3");
/// assert_eq!(cosine_matrix(square, &TextStyle::default().with_width(40)), "\
/// Cosines between features
/// 3 features   mean -0.500
/// max -0.500 at (0, 1)
/// min -0.500 at (0, 1)
///
///    0 1 2
///   ┌──────┐
/// 0 │╲╲────│
/// 1 │──╲╲──│
/// 2 │────╲╲│
///   └──────┘
/// ═ ≤ -0.9   ─ ≤ -0.4   ╌ ≤ -0.1
/// blank > -0.1 and < 0.1   ░ ≥ 0.1
/// ▒ ≥ 0.4   █ ≥ 0.9   ╲ the feature itself
/// ");
/// ```
#[must_use]
pub fn cosine_matrix(cosines: Square<'_>, style: &TextStyle) -> String {
    let mut page = Page::new(style);
    page.title("Cosines between features");
    Heatmap {
        square: cosines,
        tones: &COSINE,
        worst: |a, b| if b.abs() > a.abs() { b } else { a },
        worst_name: "the entry of largest magnitude",
        range: (-1.0, 1.0),
        signed: true,
    }
    .draw(&mut page);
    page.finish()
}

/// Rounding may carry an entry this far out of its range.
const RANGE_SLACK: f64 = 1e-6;

struct Heatmap<'a> {
    square: Square<'a>,
    tones: &'static [Tone],
    /// The entry that stands for two of them.
    worst: fn(f64, f64) -> f64,
    worst_name: &'static str,
    range: (f64, f64),
    signed: bool,
}

impl Heatmap<'_> {
    fn draw(&self, page: &mut Page) {
        let n = self.square.n;
        if n == 0 {
            page.note("no features");
            return;
        }
        self.statistics(page);

        let label_width = (0..n)
            .map(|i| self.square.feature(i))
            .max()
            .unwrap_or(0)
            .to_string()
            .len();
        let room = page.width.saturating_sub(label_width + 3).max(1);
        let block = n.div_ceil(room);
        // A pair of columns is about as wide as a row is high.
        let cells = n.div_ceil(block);
        let cell_width = if cells * 2 <= room { 2 } else { 1 };
        let block = if block > 1 {
            n.div_ceil(room / 2).max(2)
        } else {
            1
        };
        let (cells, cell_width) = if block > 1 {
            (n.div_ceil(block), 2)
        } else {
            (cells, cell_width)
        };

        page.blank();
        self.column_labels(page, cells, block, cell_width, label_width);
        let frame = |left: &str, right: &str| {
            let line = page.style.pick("─", "-").repeat(cells * cell_width);
            Line::new().with(
                Paint::Faint,
                &format!("{}{left}{line}{right}", " ".repeat(label_width + 1)),
            )
        };
        let (top, bottom) = (
            frame(page.style.pick("┌", "+"), page.style.pick("┐", "+")),
            frame(page.style.pick("└", "+"), page.style.pick("┘", "+")),
        );
        let side = page.style.pick("│", "|");
        let mut seen = Seen::default();
        page.line(top);
        for row in 0..cells {
            let label = pad_left(&self.square.feature(row * block).to_string(), label_width);
            let mut line = Line::new()
                .with(Paint::Plain, &label)
                .with(Paint::Plain, " ")
                .with(Paint::Faint, side);
            for column in 0..cells {
                let (glyph, paint) = self.cell(row, column, block, &page.style, &mut seen);
                line.push(paint, &glyph.to_string().repeat(cell_width));
            }
            line.push(Paint::Faint, side);
            page.line(line);
        }
        page.line(bottom);
        page.legend(&self.legend(&page.style, seen));
        if block > 1 {
            page.note(&format!(
                "each cell is {} of a block of {block} x {block} pairs, without the diagonal; a label is the first feature of its block ({n} features are wider than {} columns)",
                self.worst_name, page.width
            ));
        }
    }

    /// Mean and extremes of the pairs.
    fn statistics(&self, page: &mut Page) {
        let statistics = Statistics::of(self.square.off_diagonal().map(|(_, _, value)| value));
        let mut facts = vec![(counted(self.square.n, "feature"), String::new())];
        let pair = |wanted: f64| {
            let found = self
                .square
                .off_diagonal()
                .filter(|&(_, _, value)| value == wanted);
            let first = found.map(|(i, j, _)| (i.min(j), i.max(j))).min();
            first.map_or_else(String::new, |(i, j)| {
                let (i, j) = (self.square.feature(i), self.square.feature(j));
                format!("{} at ({i}, {j})", format_number(wanted, DIGITS))
            })
        };
        match statistics.finite {
            Some(moments) => {
                facts.push(("mean".to_owned(), format_number(moments.mean, DIGITS)));
                facts.push(("max".to_owned(), pair(moments.max)));
                if self.signed {
                    facts.push(("min".to_owned(), pair(moments.min)));
                }
            }
            None if statistics.n == 0 => facts.push(("no pairs".to_owned(), String::new())),
            None => facts.push(("no finite entry".to_owned(), String::new())),
        }
        let facts: Vec<(&str, String)> = facts
            .iter()
            .map(|(name, value)| (name.as_str(), value.clone()))
            .collect();
        page.facts(&facts);
        not_finite_line(page, &statistics, "pair");
        let (low, high) = (self.range.0 - RANGE_SLACK, self.range.1 + RANGE_SLACK);
        let outside = self
            .square
            .off_diagonal()
            .filter(|&(_, _, v)| v < low || v > high)
            .count();
        if outside > 0 {
            let (low, high) = self.range;
            page.alert(&format!(
                "{} outside of [{low}, {high}]",
                counted(outside, "entry").replace("entrys", "entries")
            ));
        }
    }

    /// The names of every so many columns, each above the start of its cell.
    fn column_labels(
        &self,
        page: &mut Page,
        cells: usize,
        block: usize,
        cell_width: usize,
        label_width: usize,
    ) {
        // The smallest round step at which labels keep apart.
        let least = (label_width + 1).div_ceil(cell_width);
        let round = (0..6).flat_map(|k| [1, 2, 5].map(|digit| digit * 10_usize.pow(k)));
        let step = round
            .into_iter()
            .find(|&step| step >= least)
            .unwrap_or(least);
        let mut text = " ".repeat(label_width + 2);
        for cell in (0..cells).step_by(step) {
            let place = label_width + 2 + cell * cell_width;
            let label = self.square.feature(cell * block).to_string();
            // The last label may reach over the frame, not over the page.
            if place + label.len() <= page.width {
                text = pad_right(&text, place);
                text.push_str(&label);
            }
        }
        page.text(Paint::Plain, &text);
    }

    fn cell(
        &self,
        row: usize,
        column: usize,
        block: usize,
        style: &TextStyle,
        seen: &mut Seen,
    ) -> (char, Paint) {
        let n = self.square.n;
        let range = |k: usize| k * block..((k + 1) * block).min(n);
        let mut worst: Option<f64> = None;
        for j in range(column) {
            for i in range(row) {
                let value = self.square.at(i, j);
                if i == j {
                    continue;
                }
                worst = Some(match worst {
                    Some(a) if a.is_nan() || value.is_nan() => f64::NAN,
                    Some(a) => (self.worst)(a, value),
                    None => value,
                });
            }
        }
        match worst {
            None => {
                seen.diagonal = true;
                (style.pick('╲', '\\'), Paint::Faint)
            }
            Some(value) => self
                .tones
                .iter()
                .find(|tone| tone.holds(value))
                .map_or_else(
                    || {
                        seen.nan = true;
                        (style.pick('·', '?'), Paint::Alert)
                    },
                    |tone| (tone.glyph(style), tone.paint),
                ),
        }
    }

    /// From the most negative to the most positive tone.
    fn legend(&self, style: &TextStyle, seen: Seen) -> Vec<Entry> {
        let (at_most, at_least) = (style.pick("≤", "<="), style.pick("≥", ">="));
        let entry =
            |tone: &Tone, meaning: String| (tone.paint, tone.glyph(style).to_string(), meaning);
        let mut entries: Vec<Entry> = Vec::new();
        let (mut above, mut below) = (None, None);
        for tone in self.tones {
            if let Bound::AtMost(bound) = tone.bound {
                entries.push(entry(tone, format!("{at_most} {bound}")));
                above = Some(bound);
            }
        }
        let negative = entries.len();
        for tone in self.tones.iter().rev() {
            if let Bound::AtLeast(bound) = tone.bound {
                entries.push(entry(tone, format!("{at_least} {bound}")));
                below = below.or(Some(bound));
            }
        }
        let rest = match (above, below) {
            (Some(above), Some(below)) => format!("> {above} and < {below}"),
            (None, Some(below)) => format!("< {below}"),
            (Some(above), None) => format!("> {above}"),
            (None, None) => "any".to_owned(),
        };
        entries.insert(negative, (Paint::Plain, "blank".to_owned(), rest));
        if seen.diagonal {
            entries.push((
                Paint::Faint,
                style.pick("╲", "\\").to_owned(),
                "the feature itself".to_owned(),
            ));
        }
        if seen.nan {
            entries.push((
                Paint::Alert,
                style.pick("·", "?").to_owned(),
                "NaN".to_owned(),
            ));
        }
        debug_assert!(
            entries
                .iter()
                .all(|(_, mark, _)| columns(mark) == 1 || mark == "blank")
        );
        entries
    }
}

/// Marks that are explained only where they occur.
#[derive(Debug, Default, Clone, Copy)]
struct Seen {
    diagonal: bool,
    nan: bool,
}
