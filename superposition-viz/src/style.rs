//! How text is laid out: width, characters, colours, length of lists.

/// The narrowest layout, in columns.
///
/// A smaller [`TextStyle::width`], zero included, is laid out at this width, so that numbers stay readable.
/// From this width on no line of any figure is wider than the style says.
///
/// ```
/// assert_eq!(superposition_viz::MIN_WIDTH, 20);
/// ```
pub const MIN_WIDTH: usize = 20;

/// The widest layout: beyond it a line cannot be read, and a width from a broken terminal must not allocate.
pub(crate) const MAX_WIDTH: usize = 1000;

/// Which characters a figure may use.
///
/// ```
/// use superposition_viz::Charset;
/// assert_eq!(Charset::default(), Charset::Unicode);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Charset {
    /// Block, box-drawing and braille characters.
    #[default]
    Unicode,
    /// Only ASCII, whatever the labels contain: other characters of a label become `?`.
    Ascii,
}

/// Whether a figure contains colour codes.
///
/// A figure never needs its colours: they repeat what glyphs and numbers say.
/// Whether the terminal wants them (`NO_COLOR`, a pipe) is for the caller to decide.
///
/// ```
/// use superposition_viz::Color;
/// assert_eq!(Color::default(), Color::Never);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Color {
    /// No escape sequences at all, even if a label contains one.
    #[default]
    Never,
    /// ANSI escape sequences of the 256 colours of a terminal: blue, orange and purple, told apart under every common colour
    /// blindness, and of palettes the nearest colours.
    Ansi,
    /// The same with 24 bits a colour.
    TrueColor,
}

/// Layout of every figure of this crate.
///
/// ```
/// use superposition_viz::{Charset, TextStyle};
/// let style = TextStyle::default().with_width(100).with_charset(Charset::Ascii);
/// assert_eq!((style.width, style.max_rows), (100, 20));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct TextStyle {
    /// Columns of the terminal; laid out at no less than [`MIN_WIDTH`] and no more than 1000.
    pub width: usize,
    /// Characters that may be used.
    pub charset: Charset,
    /// Whether to write colour codes.
    pub color: Color,
    /// The longest list: bars, table rows, clusters. What is left out is said, and statistics are over everything.
    /// 0 shows the statistics alone. The side of a heat map follows from the width instead.
    pub max_rows: usize,
}

impl Default for TextStyle {
    /// 80 columns, Unicode, no colour, 20 rows.
    fn default() -> Self {
        Self {
            width: 80,
            charset: Charset::Unicode,
            color: Color::Never,
            max_rows: 20,
        }
    }
}

impl TextStyle {
    /// The same style at another width.
    ///
    /// ```
    /// assert_eq!(superposition_viz::TextStyle::default().with_width(60).width, 60);
    /// ```
    #[must_use]
    pub fn with_width(mut self, width: usize) -> Self {
        self.width = width;
        self
    }

    /// The same style with other characters.
    ///
    /// ```
    /// use superposition_viz::{Charset, TextStyle};
    /// assert_eq!(TextStyle::default().with_charset(Charset::Ascii).charset, Charset::Ascii);
    /// ```
    #[must_use]
    pub fn with_charset(mut self, charset: Charset) -> Self {
        self.charset = charset;
        self
    }

    /// The same style with or without colour.
    ///
    /// ```
    /// use superposition_viz::{Color, TextStyle};
    /// assert_eq!(TextStyle::default().with_color(Color::Ansi).color, Color::Ansi);
    /// ```
    #[must_use]
    pub fn with_color(mut self, color: Color) -> Self {
        self.color = color;
        self
    }

    /// The same style with lists of another length.
    ///
    /// ```
    /// assert_eq!(superposition_viz::TextStyle::default().with_max_rows(5).max_rows, 5);
    /// ```
    #[must_use]
    pub fn with_max_rows(mut self, max_rows: usize) -> Self {
        self.max_rows = max_rows;
        self
    }

    /// The width that is laid out.
    pub(crate) fn columns(&self) -> usize {
        self.width.clamp(MIN_WIDTH, MAX_WIDTH)
    }

    /// The character of this style's set.
    pub(crate) fn pick<T>(&self, unicode: T, ascii: T) -> T {
        match self.charset {
            Charset::Unicode => unicode,
            Charset::Ascii => ascii,
        }
    }
}
