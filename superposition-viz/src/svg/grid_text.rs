//! Cells as characters.

use super::color::Palette;
use super::grid::{Content, Grid, ends};
use super::series_text::{category, shade};
use super::text::Plot;
use crate::number::{format_number, position};
use crate::page::{Page, Paint};
use crate::style::TextStyle;

/// Glyphs of numbers from small to large, and of negative ones from small to large in size: Unicode, then ASCII.
const SHADES: [[char; 5]; 2] = [[' ', '░', '▒', '▓', '█'], [' ', '.', ':', 'o', '#']];
const STROKES: [[char; 5]; 2] = [[' ', '╌', '─', '═', '≡'], [' ', '-', '~', '=', 'X']];

impl Grid {
    pub(super) fn draw_text(&self, plot: &mut Plot) {
        let columns = owners(&self.x_edges, plot.across, |edge| {
            plot.x.at(edge).map(|at| at / 2.0)
        });
        let rows = owners(&self.y_edges, plot.rows, |edge| {
            plot.y.at(edge).map(|at| at / 4.0)
        });
        let n_columns = self.x_edges.len() - 1;
        for (row, from_rows) in rows.iter().enumerate() {
            for (column, from_columns) in columns.iter().enumerate() {
                let cells = from_rows
                    .clone()
                    .flat_map(|r| from_columns.clone().map(move |c| r * n_columns + c));
                if let Some((glyph, paint)) = self.glyph(cells, &plot.style) {
                    plot.canvas.ground(column, row, glyph, paint);
                }
            }
        }
    }

    /// The glyph of some cells that one character stands for: of numbers the largest in size, of regions the first.
    fn glyph(
        &self,
        mut cells: impl Iterator<Item = usize>,
        style: &TextStyle,
    ) -> Option<(char, Paint)> {
        match &self.content {
            Content::Regions { cells: regions, .. } => Some(match regions[cells.next()?] {
                Some(k) => (letter(k), category(k)),
                None => ('?', Paint::Faint),
            }),
            Content::Heatmap {
                values, palette, ..
            } => {
                let (low, high) = ends(values, *palette);
                let mut largest: Option<f64> = None;
                let mut any = false;
                for cell in cells {
                    any = true;
                    let value = values[cell];
                    if value.is_finite() && largest.is_none_or(|most| value.abs() > most.abs()) {
                        largest = Some(value);
                    }
                }
                match largest {
                    Some(value) => Some(tone(position(value, low, high), *palette, style)),
                    None => any.then_some(('?', Paint::Faint)),
                }
            }
        }
    }

    pub(super) fn legend_text(&self, page: &mut Page) {
        let style = page.style;
        match &self.content {
            Content::Regions { names, cells } => {
                let mut entries = Vec::new();
                for (k, name) in names.iter().enumerate() {
                    if cells.contains(&Some(k)) {
                        entries.push((category(k), letter(k).to_string(), page.clean(name)));
                    }
                }
                let undefined = cells.iter().filter(|cell| cell.is_none()).count();
                if undefined > 0 {
                    let text = format!("undefined ({undefined} cells)");
                    entries.push((Paint::Faint, "?".to_owned(), text));
                }
                page.legend(&entries);
            }
            Content::Heatmap {
                name,
                values,
                palette,
            } => {
                page.note(name);
                let (low, high) = ends(values, *palette);
                let mut entries = Vec::new();
                if low <= high {
                    let shares: &[f64] = match palette {
                        Palette::Sequential => &[0.0, 0.2, 0.4, 0.6, 0.8],
                        Palette::Diverging => {
                            &[0.05, 0.15, 0.25, 0.35, 0.5, 0.65, 0.75, 0.85, 0.95]
                        }
                    };
                    for share in shares {
                        let (glyph, paint) = tone(*share, *palette, &style);
                        let value = low * (1.0 - share) + high * share;
                        let value = format_number(value, 3);
                        let text = match palette {
                            Palette::Sequential => format!("from {value}"),
                            Palette::Diverging => format!("near {value}"),
                        };
                        let glyph = match glyph {
                            ' ' => "blank".to_owned(),
                            glyph => glyph.to_string(),
                        };
                        entries.push((paint, glyph, text));
                    }
                }
                let undefined = values.iter().filter(|value| !value.is_finite()).count();
                if undefined > 0 {
                    let text = format!("undefined ({undefined} cells)");
                    entries.push((Paint::Faint, "?".to_owned(), text));
                }
                page.legend(&entries);
            }
        }
    }
}

/// The glyph and the colour of a share of a palette.
fn tone(share: f64, palette: Palette, style: &TextStyle) -> (char, Paint) {
    let set = style.pick(0, 1);
    let level = |share: f64| ((share * 5.0 + 1e-9) as usize).min(4);
    match palette {
        Palette::Sequential => (SHADES[set][level(share)], shade(palette, share)),
        Palette::Diverging => {
            let size = (2.0 * share - 1.0).abs();
            let glyphs = if share < 0.5 { &STROKES } else { &SHADES };
            let end = if share < 0.5 { 0.0 } else { 1.0 };
            (glyphs[set][level(size)], shade(palette, end))
        }
    }
}

/// The letter of a category.
fn letter(k: usize) -> char {
    char::from(b'a' + (k % 26) as u8)
}

/// The cells that each of `n` characters stands for: those that lie in it, or else the one that its middle lies in.
fn owners(
    edges: &[f64],
    n: usize,
    place: impl Fn(f64) -> Option<f64>,
) -> Vec<std::ops::Range<usize>> {
    let mut owners: Vec<std::ops::Range<usize>> = (0..n).map(|_| 0..0).collect();
    for (k, pair) in edges.windows(2).enumerate() {
        let (Some(a), Some(b)) = (place(pair[0]), place(pair[1])) else {
            continue;
        };
        let (low, high) = (a.min(b).max(0.0), a.max(b).min(n as f64));
        if low > high {
            continue;
        }
        // Characters whose middle lies in the cell; where it is narrower than one, the character that its own middle lies in.
        let (mut first, mut last) = ((low - 0.5).ceil() as usize, (high - 0.5).ceil() as usize);
        if first >= last {
            first = (0.5 * low + 0.5 * high) as usize;
            last = first + 1;
        }
        for owner in &mut owners[first.min(n)..last.min(n)] {
            // Edges rise or fall: what a character stands for is an unbroken range.
            *owner = match owner.start == owner.end {
                true => k..k + 1,
                false => owner.start..k + 1,
            };
        }
    }
    owners
}
