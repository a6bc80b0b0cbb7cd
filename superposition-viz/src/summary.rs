//! A whole report from plain data.

use crate::page::{Page, Paint};
use crate::style::TextStyle;
use crate::table::{push_pairs, push_section, push_table};
use crate::{
    Square, clusters, dimensionality, feature_norms, interference_heatmap, training_curve,
};

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
/// assert_eq!(summary_report(&summary, &TextStyle::default().with_width(50)), "");
/// ```
#[must_use]
pub fn summary_report(summary: &Summary, style: &TextStyle) -> String {
    let mut page = Page::new(style);
    page.title(&summary.title);
    for warning in &summary.warnings {
        page.wrapped(Paint::Alert, &format!("warning: {warning}"), 9);
    }
    if !summary.configuration.is_empty() {
        page.blank();
        push_section(&mut page, "Configuration");
        push_pairs(
            &mut page,
            summary
                .configuration
                .iter()
                .map(|(key, value)| (key.as_str(), value.as_str())),
        );
    }
    if !summary.headline.is_empty() {
        page.blank();
        push_section(&mut page, "In short");
        let value_width = summary
            .headline
            .iter()
            .map(|h| crate::page::columns(&page.clean(&h.value)))
            .max()
            .unwrap_or(0);
        let values: Vec<String> = summary
            .headline
            .iter()
            .map(|h| match h.note.is_empty() {
                true => h.value.clone(),
                false => format!(
                    "{}  {}",
                    crate::page::pad_right(&h.value, value_width),
                    h.note
                ),
            })
            .collect();
        push_pairs(
            &mut page,
            summary
                .headline
                .iter()
                .map(|h| h.name.as_str())
                .zip(values.iter().map(String::as_str)),
        );
    }
    let mut out = page.finish();
    let mut figure = |text: String| {
        out.push('\n');
        out.push_str(&text);
    };
    if !summary.losses.is_empty() {
        figure(
            crate::section("Training", style)
                + &training_curve(&summary.losses, CURVE_HEIGHT, style),
        );
    }
    if !summary.norms.is_empty() {
        figure(crate::section("Representation", style) + &feature_norms(&summary.norms, style));
    }
    if !summary.dimensionality.is_empty() {
        figure(
            crate::section("Dimensionality", style)
                + &dimensionality(&summary.dimensionality, style),
        );
    }
    if let Some(interference) = &summary.interference {
        figure(crate::section("Interference", style) + &interference_of(interference, style));
    }
    if !summary.clusters.is_empty() {
        figure(
            crate::section("Clusters", style)
                + &clusters(&summary.clusters, summary.n_clustered, style),
        );
    }
    for table in &summary.tables {
        let mut page = Page::new(style);
        push_section(&mut page, &table.title);
        let headers: Vec<&str> = table.headers.iter().map(String::as_str).collect();
        push_table(&mut page, &headers, &table.rows);
        if !table.note.is_empty() {
            page.note(&table.note);
        }
        figure(page.finish());
    }
    out
}

/// The heat map, or what is wrong with its data.
fn interference_of(interference: &SelectedInterference, style: &TextStyle) -> String {
    let SelectedInterference { features, values } = interference;
    let square =
        Square::new(values, features.len()).and_then(|square| square.with_features(features));
    match square {
        Some(square) => interference_heatmap(square, style),
        None => {
            let mut page = Page::new(style);
            let (n, n_values) = (features.len(), values.len());
            page.alert(&format!(
                "{n_values} values are no matrix over {n} features"
            ));
            page.finish()
        }
    }
}
