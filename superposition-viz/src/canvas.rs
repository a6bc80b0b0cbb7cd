//! Dots and characters on a grid: braille where there is Unicode, one dot per character otherwise.

use crate::page::{Line, Paint};
use crate::style::{Charset, TextStyle};

/// Bits of a braille character by column and row of its dots.
const BRAILLE: [[u32; 4]; 2] = [[0x01, 0x02, 0x04, 0x40], [0x08, 0x10, 0x20, 0x80]];

#[derive(Debug)]
pub(crate) struct Canvas {
    columns: usize,
    rows: usize,
    charset: Charset,
    dots: Vec<u32>,
    /// The paint of the last dot of each character.
    paints: Vec<Paint>,
    under: Vec<Option<(char, Paint)>>,
    over: Vec<Option<(char, Paint)>>,
}

impl Canvas {
    pub(crate) fn new(columns: usize, rows: usize, style: &TextStyle) -> Self {
        let cells = columns * rows;
        Self {
            columns,
            rows,
            charset: style.charset,
            dots: vec![0; cells],
            paints: vec![Paint::Data; cells],
            under: vec![None; cells],
            over: vec![None; cells],
        }
    }

    /// Dots in a row of the canvas.
    pub(crate) fn dot_columns(&self) -> usize {
        self.columns
            * if self.charset == Charset::Unicode {
                2
            } else {
                1
            }
    }

    /// Dots in a column of the canvas.
    pub(crate) fn dot_rows(&self) -> usize {
        self.rows
            * if self.charset == Charset::Unicode {
                4
            } else {
                1
            }
    }

    /// Sets a dot, counted from the top left; outside of the canvas nothing happens.
    pub(crate) fn dot(&mut self, x: usize, y: usize) {
        self.painted_dot(x, y, Paint::Data);
    }

    /// The same, and paints its character.
    pub(crate) fn painted_dot(&mut self, x: usize, y: usize, paint: Paint) {
        if x >= self.dot_columns() || y >= self.dot_rows() {
            return;
        }
        let (column, row, bit) = match self.charset {
            Charset::Unicode => (x / 2, y / 4, BRAILLE[x % 2][y % 4]),
            Charset::Ascii => (x, y, 1),
        };
        self.dots[column + row * self.columns] |= bit;
        self.paints[column + row * self.columns] = paint;
    }

    /// Puts a character under the dots.
    pub(crate) fn ground(&mut self, column: usize, row: usize, c: char, paint: Paint) {
        if column < self.columns && row < self.rows {
            self.under[column + row * self.columns] = Some((c, paint));
        }
    }

    /// Puts a character over the dots.
    pub(crate) fn put(&mut self, column: usize, row: usize, c: char, paint: Paint) {
        if column < self.columns && row < self.rows {
            self.over[column + row * self.columns] = Some((c, paint));
        }
    }

    /// Whether a character was put there, or there is no such place.
    pub(crate) fn taken(&self, column: usize, row: usize) -> bool {
        column >= self.columns
            || row >= self.rows
            || self.over[column + row * self.columns].is_some()
    }

    /// Appends a row to a line.
    pub(crate) fn push_row(&self, line: &mut Line, row: usize) {
        for k in row * self.columns..(row + 1) * self.columns {
            let (c, paint) = match (
                self.over.get(k).copied().flatten(),
                self.dots.get(k).copied().unwrap_or(0),
            ) {
                (Some(over), _) => over,
                (None, 0) => self.under[k].unwrap_or((' ', Paint::Plain)),
                (None, bits) => {
                    let braille = char::from_u32(0x2800 + bits).unwrap_or('*');
                    (
                        if self.charset == Charset::Unicode {
                            braille
                        } else {
                            '*'
                        },
                        self.paints[k],
                    )
                }
            };
            line.push(paint, c.encode_utf8(&mut [0; 4]));
        }
    }
}
