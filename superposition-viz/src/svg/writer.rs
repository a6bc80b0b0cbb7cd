//! The text of an SVG document.

use std::fmt::Write as _;

use super::color::Theme;

/// Collects the elements of a document.
pub(super) struct Writer {
    body: String,
    pub(super) theme: Theme,
}

impl Writer {
    pub(super) fn new(theme: Theme) -> Self {
        Self {
            theme,
            body: String::new(),
        }
    }

    /// The whole document.
    pub(super) fn finish(self, width: f64, height: f64) -> String {
        let (width, height) = (width.ceil(), height.ceil());
        let ground = self.theme.ground();
        let text = match self.theme {
            Theme::Light => "",
            Theme::Dark => "text{fill:#e8eaed}",
        };
        // Words above what is drawn are read on any colour.
        let halo = match self.body.contains("class=\"w\"") {
            true => format!(".w{{paint-order:stroke;stroke:{ground};stroke-width:3px}}"),
            false => String::new(),
        };
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" font-size=\"11\">\n\
             <style>{text}.t{{font-size:14px;font-weight:bold}}.h{{font-size:12px}}{halo}</style>\n\
             <rect width=\"100%\" height=\"100%\" fill=\"{ground}\"/>\n{}</svg>\n",
            self.body
        )
    }

    pub(super) fn push(&mut self, element: &str) {
        self.body.push_str(element);
        self.body.push('\n');
    }

    /// Text that begins, ends or has its middle (`anchor`) at a place.
    pub(super) fn text(&mut self, at: [f64; 2], anchor: &str, class: &str, text: &str) {
        if text.is_empty() {
            return;
        }
        let class = match class {
            "" => String::new(),
            class => format!(" class=\"{class}\""),
        };
        let anchor = match anchor {
            "start" => String::new(),
            anchor => format!(" text-anchor=\"{anchor}\""),
        };
        self.push(&format!(
            "<text x=\"{}\" y=\"{}\"{anchor}{class}>{}</text>",
            number(at[0]),
            number(at[1]),
            escaped(text)
        ));
    }

    /// Text that runs upwards.
    pub(super) fn text_upwards(&mut self, at: [f64; 2], text: &str) {
        if text.is_empty() {
            return;
        }
        self.push(&format!(
            "<text transform=\"translate({} {}) rotate(-90)\" text-anchor=\"middle\">{}</text>",
            number(at[0]),
            number(at[1]),
            escaped(text)
        ));
    }

    pub(super) fn line(&mut self, a: [f64; 2], b: [f64; 2]) {
        self.push(&format!(
            "<path d=\"M{} {}L{} {}\" stroke=\"{}\"/>",
            number(a[0]),
            number(a[1]),
            number(b[0]),
            number(b[1]),
            self.theme.line()
        ));
    }

    /// The sides of a rectangle: left, top, width, height.
    pub(super) fn frame(&mut self, [left, top, width, height]: [f64; 4]) {
        self.push(&format!(
            "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" fill=\"none\" stroke=\"{}\"/>",
            number(left),
            number(top),
            number(width),
            number(height),
            self.theme.line()
        ));
    }

    /// A faint dashed line across.
    pub(super) fn level(&mut self, [left, right]: [f64; 2], at: f64) {
        self.push(&format!(
            "<path d=\"M{} {}H{}\" stroke=\"{}\" stroke-width=\".7\" stroke-dasharray=\"2 3\"/>",
            number(left),
            number(at),
            number(right),
            self.theme.faint()
        ));
    }

    pub(super) fn filled(&mut self, [left, top, width, height]: [f64; 4], color: &str) {
        self.push(&format!(
            "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" fill=\"{color}\" shape-rendering=\"crispEdges\"/>",
            number(left),
            number(top),
            number(width),
            number(height)
        ));
    }

    /// What follows is seen inside a rectangle alone.
    pub(super) fn clip(&mut self, index: usize, [left, top, width, height]: [f64; 4]) {
        self.push(&format!(
            "<clipPath id=\"p{index}\"><rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"/></clipPath>\n<g clip-path=\"url(#p{index})\">",
            number(left),
            number(top),
            number(width),
            number(height)
        ));
    }

    pub(super) fn end_clip(&mut self) {
        self.push("</g>");
    }
}

/// A coordinate with at most two decimals.
pub(super) fn number(value: f64) -> String {
    debug_assert!(value.is_finite(), "a coordinate is {value}");
    let text = format!("{value:.2}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0" } else { text }.to_owned()
}

/// Adds a coordinate pair to a path.
pub(super) fn push_point(path: &mut String, command: char, [x, y]: [f64; 2]) {
    write!(path, "{command}{} {}", number(x), number(y)).expect("writing to a string");
}

/// Text as XML has it; characters that XML cannot hold are replaced.
pub(super) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\t' | '\n' | '\r' => escaped.push(' '),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}

/// Lines of at most so many characters, broken at spaces; a longer word has a line of its own.
pub(super) fn wrapped(text: &str, characters: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= characters => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}
