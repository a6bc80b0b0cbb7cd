//! A page of styled lines: the one place where text is measured, wrapped, clipped and coloured.

use crate::style::{Charset, Color, TextStyle};

/// The role of a piece of text, which decides its colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Paint {
    Plain,
    Strong,
    Faint,
    Data,
    Accent,
    Alert,
    /// A colour of a palette.
    Rgb([u8; 3]),
}

impl Paint {
    /// The colours of a page are Okabe and Ito's blue, vermillion and reddish purple, the first two brightened for dark grounds; of
    /// 256 colours the nearest.
    fn code(self, color: Color) -> Option<String> {
        let rgb = match (self, color) {
            (_, Color::Never) | (Self::Plain, _) => return None,
            (Self::Strong, _) => return Some("1".to_owned()),
            (Self::Faint, _) => return Some("2".to_owned()),
            (Self::Data, Color::Ansi) => return Some("38;5;32".to_owned()),
            (Self::Accent, Color::Ansi) => return Some("38;5;208".to_owned()),
            (Self::Alert, Color::Ansi) => return Some("38;5;175".to_owned()),
            (Self::Data, _) => [0x1f, 0x8f, 0xd6],
            (Self::Accent, _) => [0xf0, 0x7a, 0x1a],
            (Self::Alert, _) => [0xcc, 0x79, 0xa7],
            (Self::Rgb(rgb), _) => rgb,
        };
        Some(match color {
            Color::TrueColor => format!("38;2;{};{};{}", rgb[0], rgb[1], rgb[2]),
            _ => format!("38;5;{}", nearest_of_256(rgb)),
        })
    }
}

/// The nearest colour of the 6 x 6 x 6 cube of a terminal, or of its 24 greys.
fn nearest_of_256(rgb: [u8; 3]) -> usize {
    const LEVELS: [u8; 6] = [0, 95, 135, 175, 215, 255];
    let distance = |of: [u8; 3]| -> u32 {
        let both = rgb.iter().zip(of);
        both.map(|(&a, b)| u32::from(a.abs_diff(b)).pow(2)).sum()
    };
    let nearest = |value: u8| {
        let levels = LEVELS.iter().enumerate();
        let (k, _) = levels
            .min_by_key(|(_, level)| level.abs_diff(value))
            .expect("there are six levels");
        k
    };
    let [r, g, b] = rgb.map(nearest);
    let cube = distance([r, g, b].map(|k| LEVELS[k]));
    let grey = |k: &usize| distance([8 + 10 * *k as u8; 3]);
    let nearest_grey = (0..24).min_by_key(grey).expect("there are 24 greys");
    match grey(&nearest_grey) < cube {
        true => 232 + nearest_grey,
        false => 16 + 36 * r + 6 * g + b,
    }
}

/// One line, in pieces.
#[derive(Debug, Clone, Default)]
pub(crate) struct Line {
    spans: Vec<(Paint, String)>,
}

impl Line {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn push(&mut self, paint: Paint, text: &str) {
        match self.spans.last_mut() {
            Some((last, run)) if *last == paint => run.push_str(text),
            _ => self.spans.push((paint, text.to_owned())),
        }
    }

    pub(crate) fn with(mut self, paint: Paint, text: &str) -> Self {
        self.push(paint, text);
        self
    }

    pub(crate) fn columns(&self) -> usize {
        self.spans.iter().map(|(_, text)| columns(text)).sum()
    }
}

/// An entry of a legend: the mark, how it is painted, what it means.
pub(crate) type Entry = (Paint, String, String);

/// Lines on their way to a string.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) style: TextStyle,
    pub(crate) width: usize,
    /// Whether titles are headings across the width.
    headings: bool,
    lines: Vec<Line>,
}

impl Page {
    pub(crate) fn new(style: &TextStyle) -> Self {
        Self {
            style: *style,
            width: style.columns(),
            headings: false,
            lines: Vec::new(),
        }
    }

    /// A page of sections: the title of each figure is a heading.
    pub(crate) fn of_sections(style: &TextStyle) -> Self {
        Self {
            headings: true,
            ..Self::new(style)
        }
    }

    /// Text from outside, made safe to print and to measure.
    pub(crate) fn clean(&self, text: &str) -> String {
        clean(text, self.style.charset)
    }

    pub(crate) fn clip(&self, text: &str, width: usize) -> String {
        clip(text, width, self.style.charset)
    }

    pub(crate) fn line(&mut self, line: Line) {
        self.lines.push(line);
    }

    pub(crate) fn text(&mut self, paint: Paint, text: &str) {
        self.line(Line::new().with(paint, text));
    }

    pub(crate) fn blank(&mut self) {
        self.line(Line::new());
    }

    pub(crate) fn title(&mut self, title: &str) {
        if self.headings {
            self.blank();
            self.heading(title);
        } else {
            self.wrapped(Paint::Strong, title, 0);
        }
    }

    /// A title with a rule; only the title where both do not fit.
    pub(crate) fn heading(&mut self, title: &str) {
        let rule = self.style.pick("─", "-");
        let title = self.clean(title);
        let used = if title.is_empty() {
            2
        } else {
            columns(&title) + 4
        };
        if used > self.width {
            self.wrapped(Paint::Strong, &title, 0);
            return;
        }
        let mut line = Line::new().with(Paint::Faint, &rule.repeat(2));
        if !title.is_empty() {
            line.push(Paint::Plain, " ");
            line.push(Paint::Strong, &title);
            line.push(Paint::Plain, " ");
        }
        line.push(Paint::Faint, &rule.repeat(self.width - used));
        self.line(line);
    }

    /// A remark below or above a figure.
    pub(crate) fn note(&mut self, text: &str) {
        self.wrapped(Paint::Faint, text, 0);
    }

    /// A remark that must not be missed.
    pub(crate) fn alert(&mut self, text: &str) {
        self.wrapped(Paint::Alert, text, 0);
    }

    /// A line where it fits, and else its text broken between words.
    pub(crate) fn fitted(&mut self, line: Line) {
        match line.columns() <= self.width {
            true => self.line(line),
            false => {
                let whole: String = line.spans.iter().map(|(_, text)| text.as_str()).collect();
                self.wrapped(Paint::Plain, &whole, 2);
            }
        }
    }

    /// Text broken between words, the later lines indented.
    pub(crate) fn wrapped(&mut self, paint: Paint, text: &str, indent: usize) {
        for (k, part) in wrap(&self.clean(text), self.width.saturating_sub(indent))
            .into_iter()
            .enumerate()
        {
            let indent = if k == 0 { 0 } else { indent };
            self.line(
                Line::new()
                    .with(Paint::Plain, &" ".repeat(indent))
                    .with(paint, &part),
            );
        }
    }

    /// Marks with their meanings, beside each other.
    pub(crate) fn legend(&mut self, entries: &[Entry]) {
        self.flow(entries.iter().map(|(paint, mark, meaning)| {
            let space = if mark.is_empty() || meaning.is_empty() {
                ""
            } else {
                " "
            };
            Line::new()
                .with(*paint, mark)
                .with(Paint::Plain, space)
                .with(Paint::Faint, meaning)
        }));
    }

    /// Named numbers beside each other.
    pub(crate) fn facts(&mut self, facts: &[(&str, String)]) {
        self.flow(facts.iter().map(|(name, value)| {
            let space = if name.is_empty() || value.is_empty() {
                ""
            } else {
                " "
            };
            Line::new()
                .with(Paint::Faint, name)
                .with(Paint::Plain, space)
                .with(Paint::Plain, value)
        }));
    }

    /// Pieces beside each other, broken only between pieces.
    fn flow(&mut self, pieces: impl Iterator<Item = Line>) {
        let mut line = Line::new();
        for piece in pieces {
            let used = line.columns();
            if piece.columns() > self.width {
                if used > 0 {
                    self.line(std::mem::take(&mut line));
                }
                let whole: String = piece.spans.iter().map(|(_, text)| text.as_str()).collect();
                self.wrapped(Paint::Plain, &whole, 2);
                continue;
            }
            if used > 0 && used + 3 + piece.columns() > self.width {
                self.line(std::mem::take(&mut line));
            } else if used > 0 {
                line.push(Paint::Plain, "   ");
            }
            for (paint, text) in &piece.spans {
                line.push(*paint, text);
            }
        }
        if line.columns() > 0 {
            self.line(line);
        }
    }

    /// The lines so far, to stand [`Self::beside`] others.
    pub(crate) fn into_lines(self) -> Vec<Line> {
        self.lines
    }

    /// Blocks of lines beside each other, each so many columns after the one before.
    pub(crate) fn beside(&mut self, blocks: Vec<Vec<Line>>, apart: usize) {
        let height = blocks.iter().map(Vec::len).max().unwrap_or(0);
        let mut lines = vec![Line::new(); height];
        for (k, block) in blocks.into_iter().enumerate() {
            for (line, part) in lines.iter_mut().zip(block) {
                if part.columns() > 0 {
                    let gap = (k * apart).saturating_sub(line.columns());
                    line.push(Paint::Plain, &" ".repeat(gap));
                }
                for (paint, text) in &part.spans {
                    line.push(*paint, text);
                }
            }
        }
        self.lines.append(&mut lines);
    }

    /// The text, each line ended by a newline, without spaces at the ends of lines.
    pub(crate) fn finish(self) -> String {
        let mut out = String::new();
        for line in &self.lines {
            let mut room = self.width;
            let mut spans = Vec::new();
            let total = line.columns();
            for (paint, text) in &line.spans {
                let text = clean(text, self.style.charset);
                let wide = columns(&text);
                if total > self.width && wide >= room {
                    // Something was cut here even if this piece itself just fits.
                    let cut = if wide == room {
                        format!("{text} ")
                    } else {
                        text
                    };
                    spans.push((*paint, clip(&cut, room, self.style.charset)));
                    break;
                }
                room = room.saturating_sub(wide);
                spans.push((*paint, text));
            }
            while let Some((_, text)) = spans.last_mut() {
                text.truncate(text.trim_end_matches(' ').len());
                if !text.is_empty() {
                    break;
                }
                spans.pop();
            }
            for (paint, text) in spans {
                match paint.code(self.style.color) {
                    Some(code) if !text.trim().is_empty() => {
                        out.push_str("\x1b[");
                        out.push_str(&code);
                        out.push('m');
                        out.push_str(&text);
                        out.push_str("\x1b[0m");
                    }
                    _ => out.push_str(&text),
                }
            }
            out.push('\n');
        }
        out
    }
}

/// Replaces what would move the cursor, start an escape sequence, reorder text or, for ASCII, not be ASCII.
pub(crate) fn clean(text: &str, charset: Charset) -> String {
    text.chars()
        .filter_map(|c| match c {
            '\n' | '\r' | '\t' => Some(' '),
            c if c.is_ascii() && !c.is_ascii_control() => Some(c),
            c if char_columns(c) == 0 => (charset == Charset::Unicode).then_some(c),
            c if c.is_control() || is_invisible(c) || charset == Charset::Ascii => Some('?'),
            c => Some(c),
        })
        .collect()
}

/// Characters that show nothing or change the direction of the text.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
}

/// Columns of a character in a terminal, by a short table: marks that combine take none, East Asian wide ones two.
fn char_columns(c: char) -> usize {
    match c {
        '\u{300}'..='\u{36f}'
        | '\u{1ab0}'..='\u{1aff}'
        | '\u{1dc0}'..='\u{1dff}'
        | '\u{20d0}'..='\u{20ff}'
        | '\u{fe00}'..='\u{fe0f}'
        | '\u{fe20}'..='\u{fe2f}' => 0,
        '\u{1100}'..='\u{115f}'
        | '\u{2e80}'..='\u{303e}'
        | '\u{3041}'..='\u{a4cf}'
        | '\u{a960}'..='\u{a97f}'
        | '\u{ac00}'..='\u{d7a3}'
        | '\u{f900}'..='\u{faff}'
        | '\u{fe30}'..='\u{fe6f}'
        | '\u{ff00}'..='\u{ff60}'
        | '\u{ffe0}'..='\u{ffe6}'
        | '\u{1f300}'..='\u{1faff}'
        | '\u{20000}'..='\u{3fffd}' => 2,
        _ => 1,
    }
}

/// Columns that a text takes in a terminal.
pub(crate) fn columns(text: &str) -> usize {
    text.chars().map(char_columns).sum()
}

/// At most `width` columns of a text; a cut is marked.
pub(crate) fn clip(text: &str, width: usize, charset: Charset) -> String {
    if columns(text) <= width {
        return text.to_owned();
    }
    let Some(room) = width.checked_sub(1) else {
        return String::new();
    };
    let mut out = String::new();
    let mut used = 0;
    for c in text.chars() {
        if used + char_columns(c) > room {
            break;
        }
        used += char_columns(c);
        out.push(c);
    }
    out.push(if charset == Charset::Ascii {
        '~'
    } else {
        '…'
    });
    out
}

pub(crate) fn pad_left(text: &str, width: usize) -> String {
    format!("{}{text}", " ".repeat(width.saturating_sub(columns(text))))
}

pub(crate) fn pad_right(text: &str, width: usize) -> String {
    format!("{text}{}", " ".repeat(width.saturating_sub(columns(text))))
}

/// Breaks a text between words into lines of at most `width` columns; a longer word is broken anywhere.
pub(crate) fn wrap(text: &str, width: usize) -> Vec<String> {
    // Two columns hold every character.
    let width = width.max(2);
    let mut lines = Vec::new();
    let mut line = String::new();
    let mut used = 0;
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let wide = columns(word);
        if used > 0 && used + 1 + wide > width {
            lines.push(std::mem::take(&mut line));
            used = 0;
        }
        if used > 0 {
            line.push(' ');
            used += 1;
        }
        for c in word.chars() {
            if used + char_columns(c) > width {
                lines.push(std::mem::take(&mut line));
                used = 0;
            }
            line.push(c);
            used += char_columns(c);
        }
    }
    if !line.is_empty() || lines.is_empty() {
        lines.push(line);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_outside_is_harmless() {
        assert_eq!(
            clean("a\x1b[31mb\nc\u{202e}d\u{9b}", Charset::Unicode),
            "a?[31mb c?d?"
        );
        assert_eq!(clean("\u{e9}e\u{301}\u{4e2d}", Charset::Ascii), "?e?");
        assert_eq!(columns("e\u{301}\u{4e2d}x"), 4);
    }

    #[test]
    fn colours_are_the_nearest_of_256() {
        // Corners of the cube, a grey between two of its levels, and viridis' green.
        for (rgb, code) in [
            ([0, 0, 0], 16),
            ([255, 255, 255], 231),
            ([255, 0, 0], 196),
            ([118, 118, 118], 243),
            ([0x21, 0x91, 0x8c], 30),
        ] {
            assert_eq!(nearest_of_256(rgb), code, "{rgb:?}");
        }
        let code = |color| Paint::Rgb([1, 2, 3]).code(color);
        assert_eq!(code(Color::TrueColor).as_deref(), Some("38;2;1;2;3"));
        assert_eq!(code(Color::Never), None);
    }

    #[test]
    fn cuts_are_marked() {
        assert_eq!(clip("abcdef", 4, Charset::Unicode), "abc…");
        assert_eq!(clip("abcdef", 4, Charset::Ascii), "abc~");
        assert_eq!(clip("abcd", 4, Charset::Ascii), "abcd");
        assert_eq!(clip("\u{4e2d}\u{4e2d}", 3, Charset::Unicode), "\u{4e2d}…");
        assert_eq!(clip("ab", 0, Charset::Unicode), "");
        let mut page = Page::new(&TextStyle::default().with_width(20));
        page.line(
            Line::new()
                .with(Paint::Plain, &"a".repeat(20))
                .with(Paint::Data, "b"),
        );
        assert_eq!(page.finish(), format!("{}…\n", "a".repeat(19)));
    }

    #[test]
    fn words_wrap_and_long_words_break() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("abcdefgh", 3), ["abc", "def", "gh"]);
        assert_eq!(wrap("", 3), [""]);
    }
}
