//! One self-contained HTML page of what other commands left: the data of superposition-viz's
//! [`html::Page`](superposition_viz::html::Page), read from files.

mod dictionary;
mod documents;
mod exploration;
pub(crate) mod inputs;

use std::path::PathBuf;

use superposition_viz::html::{Fact, Page};
use superposition_viz::{Headline, Summary};

use crate::{AnalyzeOptions, LabError};
use inputs::Input;

/// What a page is made of, and how much of it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct PageOptions {
    /// The title; from what is shown, if none.
    pub title: Option<String>,
    /// How a dictionary is analysed. Of its directions at most `kept_values` numbers are in the page: 2^21 by default, 11 MB.
    pub analyze: AnalyzeOptions,
}

impl Default for PageOptions {
    fn default() -> Self {
        let analyze = AnalyzeOptions {
            kept_values: 1 << 21,
            ..AnalyzeOptions::default()
        };
        Self {
            title: None,
            analyze,
        }
    }
}

/// A page of files and folders, of which one at most holds a dictionary:
///
/// - a folder that `explore` left: the model, its training and probes;
/// - any file or folder that [`analyze_file`](crate::analyze_file) reads;
/// - JSON documents of `phase-diagram` (or its folder), `sweep` and `probe`; probes join a dictionary of as many features.
///
/// ```
/// use superposition_lab::page::{PageOptions, page_of_files};
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("pentagon.npy");
/// # let mut bytes = b"\x93NUMPY\x01\x00\x46\x00{'descr': '<f4', 'fortran_order': False, 'shape': (5, 2)}".to_vec();
/// # bytes.resize(79, b' ');
/// # bytes.push(b'\n');
/// # for k in 0..5 {
/// #     let angle = std::f32::consts::TAU * k as f32 / 5.0;
/// #     bytes.extend(angle.cos().to_le_bytes().into_iter().chain(angle.sin().to_le_bytes()));
/// # }
/// # std::fs::write(&path, bytes)?;
/// let mut options = PageOptions::default();
/// options.analyze.features = Some(superposition_lab::Orientation::Rows);
/// let page = page_of_files(&[path], &options)?;
/// assert_eq!(page.features.as_ref().unwrap().n_features(), 5);
/// let sum = page.facts.iter().find(|fact| fact.name == "total dimensionality").unwrap();
/// assert_eq!(sum.value, "2.000");
/// assert!(page.render().starts_with("<!doctype html>"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// A file cannot be read or is none of these; there are two dictionaries; or as [`analyze_file`](crate::analyze_file).
pub fn page_of_files(paths: &[PathBuf], options: &PageOptions) -> Result<Page, LabError> {
    let mut page = Page::default();
    let inputs = paths.iter().map(|path| Input::of(path));
    let mut inputs: Vec<Input> = inputs.collect::<Result<_, _>>()?;
    // Probes join the dictionary, wherever it stands among the files.
    inputs.sort_by_key(|input| matches!(input, Input::Document(..)));
    for input in &inputs {
        match input {
            Input::Exploration(folder) => exploration::add(&mut page, folder, options)?,
            Input::Dictionary(path) => dictionary::add(&mut page, path, options)?,
            Input::Document(path, value) => documents::add(&mut page, path, value)?,
        }
    }
    if let Some(title) = &options.title {
        page.title.clone_from(title);
    }
    Ok(page)
}

/// The title of the first thing on the page is the page's.
fn suggest_title(page: &mut Page, title: &str) {
    if page.title.is_empty() {
        title.clone_into(&mut page.title);
    }
}

/// What a report says, as facts under `group`.
fn push_summary(page: &mut Page, group: &str, summary: &Summary) {
    let configuration = summary.configuration.iter();
    page.facts
        .extend(configuration.map(|(name, value)| Fact::new("What this is", name, value, "")));
    push_headlines(page, group, &summary.headline);
    for table in &summary.tables {
        // A row alone reads better by its columns.
        if let [row] = table.rows.as_slice() {
            let cells = table.headers.iter().zip(row);
            page.facts
                .extend(cells.map(|(name, value)| Fact::new(&table.title, name, value, "")));
        }
        let rows = table.rows.iter().filter(|_| table.rows.len() > 1);
        let rows = rows.map(|row| {
            let rest = row.iter().zip(&table.headers).skip(2);
            let rest: Vec<String> = rest
                .filter(|(cell, _)| !cell.is_empty() && *cell != "-")
                .map(|(cell, header)| format!("{header} {cell}"))
                .collect();
            let cell = |k: usize| row.get(k).cloned().unwrap_or_default();
            Fact::new(&table.title, cell(0), cell(1), rest.join("; "))
        });
        page.facts.extend(rows);
        if !table.note.is_empty() {
            page.facts
                .push(Fact::new(&table.title, "", "", &table.note));
        }
    }
    page.notes.extend(summary.warnings.iter().cloned());
}

fn push_headlines(page: &mut Page, group: &str, headlines: &[Headline]) {
    let facts = headlines.iter();
    page.facts
        .extend(facts.map(|of| Fact::new(group, of.name.trim(), &of.value, &of.note)));
}
