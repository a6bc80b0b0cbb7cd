//! Sections, pairs and tables.

use crate::bars::{n_shown, showing};
use crate::page::{Line, Page, Paint, columns, pad_left, pad_right, wrap};
use crate::style::TextStyle;

/// A heading across the width; a title that is too long for a rule is wrapped without one.
///
/// ```
/// use superposition_viz::{TextStyle, section};
/// let style = TextStyle::default().with_width(24);
/// assert_eq!(section("Geometry", &style), "── Geometry ────────────\n");
/// ```
#[must_use]
pub fn section(title: &str, style: &TextStyle) -> String {
    let mut page = Page::new(style);
    page.heading(title);
    page.finish()
}

/// Names and values, aligned; a value that does not fit continues below itself.
///
/// ```
/// use superposition_viz::{TextStyle, key_values};
/// let pairs = [("features".to_owned(), "100".to_owned()), ("hidden".to_owned(), "20".to_owned())];
/// assert_eq!(key_values(&pairs, &TextStyle::default()), "features  100\nhidden    20\n");
/// ```
#[must_use]
pub fn key_values(pairs: &[(String, String)], style: &TextStyle) -> String {
    let mut page = Page::new(style);
    push_pairs(&mut page, pairs);
    page.finish()
}

/// Room below which a value goes under its name.
const MIN_VALUE: usize = 12;

pub(crate) fn push_pairs(page: &mut Page, pairs: &[(String, String)]) {
    let key_width = pairs
        .iter()
        .map(|(key, _)| columns(&page.clean(key)))
        .max()
        .unwrap_or(0);
    let beside = key_width + 2 + MIN_VALUE <= page.width;
    let indent = if beside { key_width + 2 } else { 2 };
    for (key, value) in pairs {
        let (key, value) = (page.clean(key), page.clean(value));
        let mut values = wrap(&value, page.width.saturating_sub(indent));
        if beside {
            let first = if values.is_empty() {
                String::new()
            } else {
                values.remove(0)
            };
            let key = pad_right(&key, indent);
            page.line(
                Line::new()
                    .with(Paint::Faint, &key)
                    .with(Paint::Plain, &first),
            );
        } else {
            page.wrapped(Paint::Faint, &key, 0);
        }
        for value in values {
            page.text(Paint::Plain, &format!("{}{value}", " ".repeat(indent)));
        }
    }
}

/// A table: columns of numbers aligned right, others left.
///
/// A column is numeric if every cell of it that is not empty starts with a number (`NaN`, `inf`, `-` and `n/a` also count).
/// If the table is wider than the terminal, the columns that do not fit follow below, each part beginning with the first
/// column. Missing cells are empty, cells beyond the headers are left out and counted, and at most [`TextStyle::max_rows`] rows are shown.
///
/// ```
/// use superposition_viz::{TextStyle, table};
/// let rows = [vec!["digon".to_owned(), "0.5".to_owned()], vec!["pentagon".to_owned(), "0.4".to_owned()]];
/// assert_eq!(table(&["shape", "D"], &rows, &TextStyle::default()), "\
/// shape       D
/// ────────  ───
/// digon     0.5
/// pentagon  0.4
/// ");
/// ```
#[must_use]
pub fn table<S: AsRef<str>>(headers: &[S], rows: &[Vec<String>], style: &TextStyle) -> String {
    let mut page = Page::new(style);
    let headers: Vec<&str> = headers.iter().map(AsRef::as_ref).collect();
    push_table(&mut page, &headers, rows);
    page.finish()
}

pub(crate) fn push_table(page: &mut Page, headers: &[&str], rows: &[Vec<String>]) {
    let shown = n_shown(rows.len(), &page.style);
    let headers: Vec<String> = headers.iter().map(|header| page.clean(header)).collect();
    let cells: Vec<Vec<String>> = rows[..shown]
        .iter()
        .map(|row| {
            (0..headers.len())
                .map(|k| row.get(k).map_or_else(String::new, |cell| page.clean(cell)))
                .collect()
        })
        .collect();
    let table_columns: Vec<Column> = headers
        .iter()
        .enumerate()
        .map(|(k, header)| {
            let widest = cells.iter().map(|row| columns(&row[k])).max().unwrap_or(0);
            let mut filled = rows
                .iter()
                .filter_map(|row| row.get(k))
                .filter(|cell| !cell.trim().is_empty())
                .peekable();
            let numeric = filled.peek().is_some() && filled.all(|cell| is_numeric(cell));
            Column {
                index: k,
                width: widest.max(columns(header)).min(page.width),
                numeric,
            }
        })
        .collect();
    for (k, part) in parts(&table_columns, page.width).iter().enumerate() {
        if k > 0 {
            page.blank();
        }
        let rule: Vec<String> = table_columns
            .iter()
            .map(|column| page.style.pick("─", "-").repeat(column.width))
            .collect();
        page.line(row_line(page, part, &headers, Paint::Strong));
        page.line(row_line(page, part, &rule, Paint::Faint));
        for row in &cells {
            page.line(row_line(page, part, row, Paint::Plain));
        }
    }
    showing(page, shown, rows.len(), "row", "");
    let beyond: usize = rows
        .iter()
        .map(|row| row.len().saturating_sub(headers.len()))
        .sum();
    if beyond > 0 {
        page.alert(&format!("{beyond} cells without a header left out"));
    }
}

#[derive(Debug, Clone, Copy)]
struct Column {
    index: usize,
    width: usize,
    numeric: bool,
}

/// Splits columns into parts that fit, each beginning with the first column.
fn parts(all: &[Column], width: usize) -> Vec<Vec<Column>> {
    let Some((&first, rest)) = all.split_first() else {
        return Vec::new();
    };
    let mut parts = vec![vec![first]];
    let mut used = first.width;
    for &column in rest {
        let part_is_begun = parts.last().is_some_and(|part| part.len() > 1);
        if part_is_begun && used + 2 + column.width > width {
            parts.push(vec![first]);
            used = first.width;
        }
        // A column that does not fit beside the first one gives way.
        let room = width.saturating_sub(used + 2).max(1);
        let column = Column {
            width: column.width.min(room),
            ..column
        };
        used += 2 + column.width;
        if let Some(part) = parts.last_mut() {
            part.push(column);
        }
    }
    parts
}

fn row_line(page: &Page, part: &[Column], cells: &[String], paint: Paint) -> Line {
    let mut line = Line::new();
    for (k, column) in part.iter().enumerate() {
        let cell = page.clip(
            cells.get(column.index).map_or("", String::as_str),
            column.width,
        );
        let cell = if column.numeric {
            pad_left(&cell, column.width)
        } else {
            pad_right(&cell, column.width)
        };
        if k > 0 {
            line.push(Paint::Plain, "  ");
        }
        line.push(paint, &cell);
    }
    line
}

fn is_numeric(cell: &str) -> bool {
    let first = cell.split_whitespace().next().unwrap_or("");
    matches!(first, "-" | "n/a" | "–" | "·") || first.trim_end_matches('%').parse::<f64>().is_ok()
}
