//! Feature dimensionality beside the fractions of regular arrangements.

use crate::bars::{BarScale, Columns, LEVELS, LEVELS_ASCII, n_shown, showing, statistics_lines};
use crate::number::{DIGITS, counted, format_decimals, format_number};
use crate::page::{Entry, Page, Paint, columns};
use crate::style::TextStyle;

/// A dimensionality at which features of a regular arrangement lie.
struct Mark {
    /// Its letter on the ruler.
    letter: char,
    fraction: &'static str,
    value: f64,
    name: &'static str,
}

/// Elhage et al. 2022, "Superposition as a phase change" to "The geometry of superposition": k vectors in d dimensions
/// share them as d / k. One table draws the ruler, names the rows and counts.
const MARKS: [Mark; 5] = [
    Mark {
        letter: 'a',
        fraction: "3/8",
        value: 3.0 / 8.0,
        name: "square antiprism",
    },
    Mark {
        letter: 'b',
        fraction: "2/5",
        value: 2.0 / 5.0,
        name: "pentagon",
    },
    Mark {
        letter: 'c',
        fraction: "1/2",
        value: 1.0 / 2.0,
        name: "digon",
    },
    Mark {
        letter: 'd',
        fraction: "2/3",
        value: 2.0 / 3.0,
        name: "triangle",
    },
    Mark {
        letter: 'e',
        fraction: "3/4",
        value: 3.0 / 4.0,
        name: "tetrahedron",
    },
];

/// How close to a mark a value has to be to be named after it; 3/8 and 2/5 are 0.025 apart.
const NEAR: f64 = 0.01;

fn mark_near(value: f64) -> Option<&'static Mark> {
    MARKS.iter().find(|mark| (value - mark.value).abs() <= NEAR)
}

/// Draws the dimensionality of every feature on the scale from 0 to 1, with marks at the fractions of regular polytopes.
///
/// `dimensionality[i]` is `$D_i = \lVert W_i \rVert^2 / \sum_j (\hat W_i \cdot W_j)^2$`. The marks are 3/4 (tetrahedron),
/// 2/3 (triangle), 1/2 (digon), 2/5 (pentagon) and 3/8 (square antiprism); a value within 0.01 of one carries its fraction,
/// and the legend counts them over all features, also those that are not shown. A value beside a mark agrees
/// with that arrangement and does not prove it. Bars end at 1; a number beyond is written as it is.
///
/// ```
/// use superposition_viz::{TextStyle, dimensionality};
/// let style = TextStyle::default().with_width(60);
/// assert_eq!(dimensionality(&[1.0, 0.5, 0.5, 0.4], &style), "\
/// Feature dimensionality
/// n 4   mean 0.600   std 0.235   min 0.400   max 1.00
/// sum 2.40
///
/// feature    D_i      0              ab   c      d  e        1
///       0  1.000      │███████████████████████████████████████
///       1  0.500  1/2 │███████████████████▌      ┊  ┊
///       2  0.500  1/2 │███████████████████▌      ┊  ┊
///       3  0.400  2/5 │███████████████▋   ┊      ┊  ┊
/// features within 0.01 of a mark
/// a 3/8 square antiprism: 0   b 2/5 pentagon: 1
/// c 1/2 digon: 2   d 2/3 triangle: 0   e 3/4 tetrahedron: 0
/// ");
/// ```
///
/// # References
/// Elhage et al. 2022, *Toy Models of Superposition*, "The Geometry of Superposition".
#[must_use]
pub fn dimensionality(dimensionality: &[f64], style: &TextStyle) -> String {
    let mut page = Page::new(style);
    push_dimensionality(&mut page, dimensionality);
    page.finish()
}

pub(crate) fn push_dimensionality(page: &mut Page, dimensionality: &[f64]) {
    page.title("Feature dimensionality");
    let n = dimensionality.len();
    if n == 0 {
        page.note("no features");
        return;
    }
    statistics_lines(page, dimensionality);
    let sum: f64 = dimensionality.iter().filter(|d| d.is_finite()).sum();
    page.facts(&[("sum", format_number(sum, DIGITS))]);
    let shown = n_shown(n, &page.style);
    page.blank();
    rows(page, dimensionality, shown);
    counts(page, dimensionality);
    showing(
        page,
        shown,
        n,
        "feature",
        ", in index order; statistics and counts are over all",
    );
}

/// The ruler and the bars.
fn rows(page: &mut Page, dimensionality: &[f64], shown: usize) {
    let n = dimensionality.len();
    let shown = &dimensionality[..shown];
    let numbers = format_decimals(shown, 3);
    let layout = Columns::new(page, &[], Some(("feature", "D_i")), numbers, 3);
    let scale = BarScale::new(0.0, 1.0, layout.room);
    let column_of = |mark: &Mark| (mark.value * layout.room as f64) as usize;

    let mut ruler = vec![' '; layout.room];
    for mark in &MARKS {
        if let Some(place) = ruler.get_mut(column_of(mark)) {
            // Where the terminal is too narrow for two marks.
            *place = if *place == ' ' { mark.letter } else { '+' };
        }
    }
    if let Some(last) = ruler.last_mut() {
        *last = '1';
    }
    let ruler: String = ruler.into_iter().collect();
    if shown.len() < n {
        distribution(page, &layout, dimensionality);
    }
    layout.header(
        page,
        &[
            (Paint::Faint, "0".to_owned()),
            (Paint::Accent, ruler.clone()),
        ],
    );

    let mut has_nan = false;
    for (k, &value) in shown.iter().enumerate() {
        has_nan |= value.is_nan();
        let mut line = layout.row(page, k, mark_near(value).map_or("", |mark| mark.fraction));
        let start = line.columns() + 1;
        scale.push_bar(&mut line, value, &page.style);
        // Guides in what the bar leaves empty.
        let filled = line.columns() - start;
        let guides: String = ruler
            .chars()
            .skip(filled)
            .map(|c| {
                if c == ' ' || c == '1' {
                    ' '
                } else {
                    page.style.pick('┊', ':')
                }
            })
            .collect();
        line.push(Paint::Faint, &guides);
        page.line(line);
    }
    if has_nan {
        page.legend(&[(
            Paint::Alert,
            page.style.pick("·", "?").to_owned(),
            "NaN, not a number".to_owned(),
        )]);
    }
    if ruler.contains('+') {
        page.legend(&[(
            Paint::Accent,
            "+".to_owned(),
            "two marks in one column".to_owned(),
        )]);
    }
}

/// Above the ruler: how many of all features lie at each place of it.
fn distribution(page: &mut Page, layout: &Columns, dimensionality: &[f64]) {
    let mut counts = vec![0_usize; layout.room];
    for &value in dimensionality.iter().filter(|d| (0.0..=1.0).contains(*d)) {
        let place = (value * layout.room as f64) as usize;
        if let Some(count) = counts.get_mut(place.min(layout.room.saturating_sub(1))) {
            *count += 1;
        }
    }
    let largest = counts.iter().copied().max().unwrap_or(0);
    if largest == 0 {
        return;
    }
    let marks: Vec<char> = page.style.pick(LEVELS, LEVELS_ASCII).chars().collect();
    let text: String = counts
        .iter()
        .map(|count| marks[(count * 8).div_ceil(largest)])
        .collect();
    page.note(&format!(
        "how {} lie between 0 and 1: {} is {largest} of them",
        counted(dimensionality.len(), "feature"),
        marks[8]
    ));
    layout.named_line(page, "all", &text);
}

/// How many features lie beside each mark.
fn counts(page: &mut Page, dimensionality: &[f64]) {
    let entries: Vec<Entry> = MARKS
        .iter()
        .map(|mark| {
            let near = |d: &&f64| mark_near(**d).is_some_and(|found| found.letter == mark.letter);
            let count = dimensionality.iter().filter(near).count();
            (
                Paint::Accent,
                mark.letter.to_string(),
                format!("{} {}: {count}", mark.fraction, mark.name),
            )
        })
        .collect();
    debug_assert!(entries.iter().all(|(_, letter, _)| columns(letter) == 1));
    page.note(&format!("features within {NEAR} of a mark"));
    page.legend(&entries);
}
