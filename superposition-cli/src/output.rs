//! What goes to stdout: one JSON document, or text that fits the terminal.

use std::io::{ErrorKind, Write};
use std::path::Path;

use anyhow::Context as _;
use superposition_lab::io::Overwrite;
use superposition_lab::viz::{Charset, Color, TextStyle};

use crate::failure::Failure;

/// Writes to stdout; a closed pipe is not an error.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    let mut stdout = std::io::stdout().lock();
    match stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
    {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Err(Failure::OutputClosed),
        Err(error) => Err(Failure::Failed(
            anyhow::Error::new(error).context("cannot write to stdout"),
        )),
    }
}

/// What `--force` says about files that exist.
pub(crate) fn overwrite(force: bool) -> Overwrite {
    if force {
        Overwrite::Replace
    } else {
        Overwrite::Refuse
    }
}

/// Refuses two paths of one file, of which the second is about to be written.
pub(crate) fn distinct((one, a): (&str, &Path), (other, b): (&str, &Path)) -> Result<(), Failure> {
    let place = |path: &Path| {
        let name = path.file_name()?;
        let folder = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new(".")).canonicalize().ok()?;
        Some(path.canonicalize().unwrap_or_else(|_| folder.join(name)))
    };
    match (place(a), place(b)) {
        (Some(a), Some(b)) if a == b => Err(Failure::Usage(anyhow::anyhow!(
            "{one} and {other} are the same file, {}: choose another place for {other}",
            b.display()
        ))),
        _ => Ok(()),
    }
}

/// Writes a line to stderr; where nobody reads it, nothing is lost but the line.
pub(crate) fn note(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// Prints one document as JSON.
pub(crate) fn print_json(json: &str) -> Result<(), Failure> {
    print(&format!("{json}\n"))
}

/// A document as indented JSON.
pub(crate) fn to_json(document: &impl serde::Serialize) -> anyhow::Result<String> {
    serde_json::to_string_pretty(document).context("cannot write the document as JSON")
}

/// The style of text on this stdout: its width, the colours that the terminal has, ASCII unless the locale is UTF-8.
pub(crate) fn terminal_style() -> TextStyle {
    let terminal = console::Term::stdout();
    let width = terminal
        .size_checked()
        .map_or(100, |(_rows, columns)| usize::from(columns));
    let color = match terminal.is_term() {
        true => color_of(|name| std::env::var(name).ok()),
        false => Color::Never,
    };
    TextStyle::default()
        .with_width(width)
        .with_color(color)
        .with_charset(locale_charset())
}

/// The colours of a terminal, by what the environment says of it: none with `NO_COLOR`, without `TERM`, and for terminals that
/// have none; 24 bits where `COLORTERM` or `TERM` promises them; else 256.
fn color_of(variable: impl Fn(&str) -> Option<String>) -> Color {
    let of = |name: &str| variable(name).unwrap_or_default().to_ascii_lowercase();
    let (term, colors) = (of("TERM"), of("COLORTERM"));
    let has_none = ["", "dumb", "unknown", "cons25"].contains(&term.as_str());
    if !of("NO_COLOR").is_empty() || has_none || term.starts_with("vt") {
        Color::Never
    } else if colors == "truecolor" || colors == "24bit" || term.ends_with("-direct") {
        Color::TrueColor
    } else {
        Color::Ansi
    }
}

/// The style of `report.txt`: the same on every machine.
pub(crate) fn file_style() -> TextStyle {
    TextStyle::default()
        .with_width(100)
        .with_color(Color::Never)
        .with_charset(Charset::Unicode)
}

/// Whether the terminal says that it cannot do more than print.
pub(crate) fn is_dumb() -> bool {
    std::env::var_os("TERM").is_some_and(|term| term == "dumb")
}

/// The first of the locale variables that is set decides, as in the C library.
pub(crate) fn locale_charset() -> Charset {
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
        .iter()
        .find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()));
    match locale {
        Some(locale) => {
            let locale = locale.to_ascii_lowercase();
            if locale.contains("utf-8") || locale.contains("utf8") {
                Charset::Unicode
            } else {
                Charset::Ascii
            }
        }
        // Unset, as in most containers and CI: today's terminals are UTF-8.
        None => Charset::Unicode,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_those_of_the_terminal() {
        for (variables, color) in [
            ("TERM=xterm-256color", Color::Ansi),
            ("TERM=xterm-256color COLORTERM=truecolor", Color::TrueColor),
            ("TERM=xterm-direct", Color::TrueColor),
            ("TERM=screen", Color::Ansi),
            (
                "TERM=xterm-256color COLORTERM=truecolor NO_COLOR=1",
                Color::Never,
            ),
            ("TERM=xterm NO_COLOR=", Color::Ansi),
            ("TERM=dumb COLORTERM=truecolor", Color::Never),
            ("TERM=vt220", Color::Never),
            ("COLORTERM=truecolor", Color::Never),
        ] {
            let of = |name: &str| {
                let mut pairs = variables.split(' ').filter_map(|pair| pair.split_once('='));
                pairs
                    .find(|(of, _)| *of == name)
                    .map(|(_, value)| value.to_owned())
            };
            assert_eq!(color_of(of), color, "{variables}");
        }
    }
}
