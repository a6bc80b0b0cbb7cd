//! Feature directions of a model with two hidden dimensions.

use crate::bars::{n_shown, not_finite_line};
use crate::canvas::Canvas;
use crate::curve::segment;
use crate::number::{DIGITS, Statistics, counted, format_number};
use crate::page::{Line, Page, Paint};
use crate::style::{Charset, TextStyle};

/// The most rows of the picture.
const MAX_ROWS: usize = 24;

/// Draws the directions of features in a plane (m = 2) as rays from the origin, each with its index at the tip.
///
/// `directions[i]` is column i of W. Both axes have one scale, and a terminal cell is taken to be twice as high as wide, so
/// angles are as they are. All features are drawn, whatever [`TextStyle::max_rows`]; an index that would cover
/// another is left out and listed below, and so are features at the origin and those that are not finite.
///
/// ```
/// use superposition_viz::{Charset, TextStyle, feature_plane};
/// let style = TextStyle::default().with_width(24).with_charset(Charset::Ascii);
/// assert_eq!(feature_plane(&[[1.0, 0.0], [-1.0, 0.0]], &style), "\
/// Feature directions in
/// the plane
/// 2 features
/// the edge is 1.00 from
///   the origin
/// +----------------------+
/// |                      |
/// |                      |
/// |                      |
/// |                      |
/// |                      |
/// |1**********+*********0|
/// |                      |
/// |                      |
/// |                      |
/// |                      |
/// |                      |
/// +----------------------+
/// ");
/// ```
#[must_use]
pub fn feature_plane(directions: &[[f64; 2]], style: &TextStyle) -> String {
    let mut page = Page::new(style);
    page.title("Feature directions in the plane");
    let n = directions.len();
    if n == 0 {
        page.note("no features");
        return page.finish();
    }
    let finite = |d: &[f64; 2]| d[0].is_finite() && d[1].is_finite();
    let reach = directions
        .iter()
        .filter(|d| finite(d))
        .flatten()
        .fold(0.0_f64, |a, v| a.max(v.abs()));
    page.facts(&[
        ("", counted(n, "feature")),
        (
            "",
            format!(
                "the edge is {} from the origin",
                format_number(reach, DIGITS)
            ),
        ),
    ]);
    let statistics = Statistics::of(directions.iter().flatten().copied());
    not_finite_line(&mut page, &statistics, "coordinate");

    // The frame takes two columns.
    let columns = (page.width - 2).min(MAX_ROWS * 2);
    let rows = (columns / 2).max(1);
    let mut canvas = Canvas::new(columns, rows, style);
    let (middle_x, middle_y) = (
        (canvas.dot_columns() - 1) as f64 / 2.0,
        (canvas.dot_rows() - 1) as f64 / 2.0,
    );
    let place = |d: &[f64; 2]| {
        let scaled = |v: f64| if reach > 0.0 { v / reach } else { 0.0 };
        let x = middle_x + scaled(d[0]) * middle_x;
        let y = middle_y - scaled(d[1]) * middle_y;
        (x.round() as usize, y.round() as usize)
    };
    let origin = place(&[0.0, 0.0]);
    let (cell_x, cell_y) = match style.charset {
        Charset::Unicode => (2, 4),
        Charset::Ascii => (1, 1),
    };
    let (mut hidden, mut at_origin, mut lost) = (Vec::new(), Vec::new(), Vec::new());
    canvas.put(origin.0 / cell_x, origin.1 / cell_y, '+', Paint::Faint);
    for (feature, direction) in directions.iter().enumerate() {
        if !finite(direction) {
            lost.push(feature);
            continue;
        }
        if direction == &[0.0, 0.0] {
            at_origin.push(feature);
            continue;
        }
        let tip = place(direction);
        segment(&mut canvas, origin, tip);
        let label = feature.to_string();
        let (column, row) = (tip.0 / cell_x, tip.1 / cell_y);
        let column = column.min(columns.saturating_sub(label.len()));
        // One more column on each side, or two labels would read as one.
        let near = column.saturating_sub(1)..(column + label.len() + 1).min(columns);
        if near.into_iter().any(|c| canvas.taken(c, row)) {
            hidden.push(feature);
            continue;
        }
        for (k, c) in label.chars().enumerate() {
            canvas.put(column + k, row, c, Paint::Accent);
        }
    }
    let frame = page.style.pick("─", "-").repeat(columns);
    page.text(
        Paint::Faint,
        &format!("{}{frame}{}", style.pick("┌", "+"), style.pick("┐", "+")),
    );
    let side = style.pick("│", "|");
    for row in 0..rows {
        let mut line = Line::new().with(Paint::Faint, side);
        canvas.push_row(&mut line, row);
        line.push(Paint::Faint, side);
        page.line(line);
    }
    page.text(
        Paint::Faint,
        &format!("{}{frame}{}", style.pick("└", "+"), style.pick("┘", "+")),
    );
    for (what, features) in [
        ("index not written, another is there:", &hidden),
        ("exactly at the origin:", &at_origin),
        ("not finite, not drawn:", &lost),
    ] {
        if !features.is_empty() {
            page.note(&format!(
                "{what} {}",
                listed(features, n_shown(features.len(), style).max(1))
            ));
        }
    }
    page.finish()
}

/// The first numbers of a list, and how many more there are.
pub(crate) fn listed(features: &[usize], most: usize) -> String {
    let shown: Vec<String> = features
        .iter()
        .take(most)
        .map(ToString::to_string)
        .collect();
    let rest = features.len() - shown.len();
    let more = if rest > 0 {
        format!(" and {rest} more")
    } else {
        String::new()
    };
    format!("{}{more}", shown.join(" "))
}
