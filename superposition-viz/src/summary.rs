//! A whole report from plain data.

use crate::bars::push_norms;
use crate::clusters::push_clusters;
use crate::curve::push_training_curve;
use crate::dimensionality::push_dimensionality;
use crate::matrix::{Square, push_interference};
use crate::page::{Line, Page, Paint, columns, pad_right, wrap};
use crate::style::TextStyle;
use crate::table::{push_pairs, push_table};

/// A number worth reading first, with what it means or is to be compared with.
///
/// ```
/// use superposition_viz::Headline;
/// let headline = Headline::new("features represented", "38", "of 100, in 20 dimensions");
/// assert_eq!(headline.value, "38");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Headline {
    /// What it is.
    pub name: String,
    /// Its value, written out.
    pub value: String,
    /// A remark, such as the value that chance would give; may be empty.
    pub note: String,
}

impl Headline {
    /// A headline.
    ///
    /// ```
    /// assert_eq!(superposition_viz::Headline::new("n", "1", "").name, "n");
    /// ```
    #[must_use]
    pub fn new(name: impl Into<String>, value: impl Into<String>, note: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            value: value.into(),
            note: note.into(),
        }
    }
}

/// Pairwise interference of a selection of features.
///
/// ```
/// use superposition_viz::SelectedInterference;
/// let pair = SelectedInterference { features: vec![3, 8], values: vec![1.0, 0.2, 0.2, 1.0] };
/// assert_eq!(pair.values.len(), pair.features.len() * pair.features.len());
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SelectedInterference {
    /// The features of rows and columns, such as the represented ones.
    pub features: Vec<usize>,
    /// The entries of the square matrix over them, column after column.
    pub values: Vec<f64>,
}

/// A table of a report, such as the results of probes.
///
/// ```
/// use superposition_viz::SummaryTable;
/// let table = SummaryTable { title: "Probes".into(), headers: vec!["feature".into()], ..SummaryTable::default() };
/// assert!(table.rows.is_empty());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SummaryTable {
    /// The heading.
    pub title: String,
    /// Names of the columns.
    pub headers: Vec<String>,
    /// Rows of cells, written out.
    pub rows: Vec<Vec<String>>,
    /// A remark below the table; may be empty.
    pub note: String,
}

/// The content of a report. What is empty is left out of it.
///
/// ```
/// use superposition_viz::Summary;
/// let mut summary = Summary::new("Toy model");
/// summary.norms = vec![1.0, 0.2];
/// assert!(summary.warnings.is_empty());
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct Summary {
    /// The first line.
    pub title: String,
    /// Warnings, above everything that they may be about.
    pub warnings: Vec<String>,
    /// What was run: names and values.
    pub configuration: Vec<(String, String)>,
    /// The numbers to read first.
    pub headline: Vec<Headline>,
    /// The loss of each training step.
    pub losses: Vec<f64>,
    /// The norm of each feature.
    pub norms: Vec<f64>,
    /// The dimensionality of each feature.
    pub dimensionality: Vec<f64>,
    /// Interference among the features that are represented.
    pub interference: Option<SelectedInterference>,
    /// Clusters of features.
    pub clusters: Vec<Vec<usize>>,
    /// The number of features that clusters were looked for in.
    pub n_clustered: usize,
    /// Tables, such as that of the probes.
    pub tables: Vec<SummaryTable>,
}

impl Summary {
    /// A report with a title and nothing else.
    ///
    /// ```
    /// assert_eq!(superposition_viz::Summary::new("Toy model").title, "Toy model");
    /// ```
    #[must_use]
    pub fn new(title: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            ..Self::default()
        }
    }
}

/// Rows of the training curve in a report.
const CURVE_HEIGHT: usize = 10;

/// Writes a report: what was run, the numbers to read first, then every figure there is data for.
///
/// ```
/// use superposition_viz::{Headline, Summary, TextStyle, summary_report};
/// let mut summary = Summary::new("Toy model");
/// summary.configuration = vec![("features".into(), "3".into()), ("hidden".into(), "2".into())];
/// summary.headline = vec![Headline::new("mean interference", "0.250", "a tight frame has 0.250")];
/// assert_eq!(summary_report(&summary, &TextStyle::default().with_width(50)), "\
/// Toy model
///
/// ── Configuration ─────────────────────────────────
/// features  3
/// hidden    2
///
/// ── In short ──────────────────────────────────────
/// mean interference  0.250  a tight frame has 0.250
/// ");
/// ```
#[must_use]
pub fn summary_report(summary: &Summary, style: &TextStyle) -> String {
    let mut page = Page::new(style);
    page.title(&summary.title);
    for warning in &summary.warnings {
        page.wrapped(Paint::Alert, &format!("warning: {warning}"), 2);
    }
    let mut sections = Page::of_sections(style);
    if !summary.configuration.is_empty() {
        sections.title("Configuration");
        push_pairs(&mut sections, &summary.configuration);
    }
    if !summary.headline.is_empty() {
        sections.title("In short");
        push_headlines(&mut sections, &summary.headline);
    }
    if !summary.losses.is_empty() {
        push_training_curve(&mut sections, &summary.losses, CURVE_HEIGHT);
    }
    if !summary.norms.is_empty() {
        push_norms(&mut sections, &summary.norms);
    }
    if !summary.dimensionality.is_empty() {
        push_dimensionality(&mut sections, &summary.dimensionality);
    }
    if let Some(SelectedInterference { features, values }) = &summary.interference {
        let square = Square::new(values, features.len());
        match square.and_then(|square| square.with_features(features)) {
            Some(square) => push_interference(&mut sections, square),
            None => {
                sections.title("Interference");
                let (n, n_values) = (features.len(), values.len());
                sections.alert(&format!(
                    "{n_values} values are no matrix over {n} features"
                ));
            }
        }
    }
    if !summary.clusters.is_empty() {
        push_clusters(&mut sections, &summary.clusters, summary.n_clustered);
    }
    for table in &summary.tables {
        sections.title(&table.title);
        let headers: Vec<&str> = table.headers.iter().map(String::as_str).collect();
        push_table(&mut sections, &headers, &table.rows);
        if !table.note.is_empty() {
            sections.note(&table.note);
        }
    }
    page.finish() + &sections.finish()
}

/// Room below which a note goes under its headline.
const MIN_NOTE: usize = 20;

/// Name, value and note of each headline, aligned.
fn push_headlines(page: &mut Page, headlines: &[Headline]) {
    let widest = |of: fn(&Headline) -> &str| {
        headlines
            .iter()
            .map(|headline| columns(&page.clean(of(headline))))
            .max()
            .unwrap_or(0)
    };
    let name_width = widest(|headline| &headline.name);
    let value_width = widest(|headline| &headline.value);
    let used = name_width + value_width + 4;
    // Columns where they fit, otherwise one thing below the other.
    let aligned = name_width + 2 + value_width <= page.width;
    let beside = used + MIN_NOTE <= page.width;
    let indent = if beside { used } else { 2 };
    for Headline { name, value, note } in headlines {
        let mut notes = match note.is_empty() {
            true => Vec::new(),
            false => wrap(&page.clean(note), page.width - indent),
        };
        if aligned {
            let (name, value) = (page.clean(name), page.clean(value));
            let mut line = Line::new()
                .with(Paint::Faint, &pad_right(&name, name_width + 2))
                .with(Paint::Strong, &pad_right(&value, value_width));
            if beside && !notes.is_empty() {
                line.push(Paint::Plain, &format!("  {}", notes.remove(0)));
            }
            page.line(line);
        } else {
            page.wrapped(Paint::Faint, name, 0);
            page.wrapped(Paint::Strong, value, 0);
        }
        for note in notes {
            page.text(Paint::Plain, &format!("{}{note}", " ".repeat(indent)));
        }
    }
}
