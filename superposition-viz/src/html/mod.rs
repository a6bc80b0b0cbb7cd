//! One HTML file to explore: a dictionary's features, a training, sweeps, probes.
//!
//! The file opens from disk without a network: a Content-Security-Policy in it forbids every request and every script but
//! its own (by hash). Numbers are embedded as little-endian bytes in base64; labels only ever become text.
//!
//! A view is there where its data are: [`Features`] give geometry, interference, the table of features, clusters and
//! weights of neurons; [`Training`] the playback; [`PhaseMap`] and [`Runs`] sweeps.
//!
//! The script is plain ES modules under `page/`, typed by comments and joined when the page is written: nothing is built.

mod data;
mod encoding;
mod json;
mod script;
mod sweep;

use encoding::{base64, sha256};
use json::Json;

pub use data::{Clusters, Column, Fact, Features, Neurons, Snapshots, Training, Values};
pub use sweep::{Axis, Cells, Layer, PhaseMap, Runs};

const STYLE: &str = include_str!("../../page/page.css");

/// A page, from plain data.
///
/// ```
/// use superposition_viz::html::{Column, Fact, Features, Page};
///
/// // Two opposed directions in one dimension.
/// let features = Features::new(vec![1.0, -1.0], 1)
///     .with_labels(vec!["<b>up".into(), "down".into()])
///     .with_column(Column::numbers("norm", "length of the direction", vec![1.0, 1.0]));
/// let page = Page::new("A digon")
///     .with_fact(Fact::new("Geometry", "smallest cosine", "-1", "an antipodal pair"))
///     .with_features(features)
///     .render();
/// assert!(page.starts_with("<!doctype html>") && !page.contains("<b>up"));
/// assert!(page.contains("default-src 'none'"));
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct Page {
    /// What it is about.
    pub title: String,
    /// Sentences above everything: where the data come from, what was left out.
    pub notes: Vec<String>,
    /// Values beside what they are to be compared with.
    pub facts: Vec<Fact>,
    /// A dictionary.
    pub features: Option<Features>,
    /// What neurons respond to.
    pub neurons: Option<Neurons>,
    /// A training.
    pub training: Option<Training>,
    /// Maps over two parameters.
    pub maps: Vec<PhaseMap>,
    /// Trained models, a row each.
    pub runs: Vec<Runs>,
}

impl Page {
    /// A page with a title and nothing else.
    #[must_use]
    pub fn new(title: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            ..Self::default()
        }
    }

    /// The same with a sentence above everything.
    #[must_use]
    pub fn with_note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    /// The same with a value of the overview.
    #[must_use]
    pub fn with_fact(mut self, fact: Fact) -> Self {
        self.facts.push(fact);
        self
    }

    /// The same with a dictionary.
    #[must_use]
    pub fn with_features(mut self, features: Features) -> Self {
        self.features = Some(features);
        self
    }

    /// The same with what neurons respond to.
    #[must_use]
    pub fn with_neurons(mut self, neurons: Neurons) -> Self {
        self.neurons = Some(neurons);
        self
    }

    /// The same with a training.
    #[must_use]
    pub fn with_training(mut self, training: Training) -> Self {
        self.training = Some(training);
        self
    }

    /// The same with a map.
    #[must_use]
    pub fn with_map(mut self, map: PhaseMap) -> Self {
        self.maps.push(map);
        self
    }

    /// The same with runs.
    #[must_use]
    pub fn with_runs(mut self, runs: Runs) -> Self {
        self.runs.push(runs);
        self
    }

    /// The HTML. Equal pages give equal bytes.
    #[must_use]
    pub fn render(&self) -> String {
        let script = script::joined();
        let [script_hash, style_hash] =
            [&script, STYLE].map(|text| base64(&sha256(text.as_bytes())));
        // Styles that the script sets on elements are no inline styles.
        let policy = format!(
            "default-src 'none'; script-src 'sha256-{script_hash}'; style-src 'sha256-{style_hash}'; base-uri 'none'; form-action 'none'"
        );
        let title = escaped(&self.title);
        let data = self.json();
        format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n\
             <noscript>{title}: this page is a script that draws; it needs JavaScript, and no network.</noscript>\n\
             <script type=\"application/json\" id=\"data\">{data}</script>\n\
             <script>{script}</script>\n</body>\n</html>\n"
        )
    }

    fn json(&self) -> String {
        let mut json = Json::new();
        json.object(|json| {
            json.key("title").text(&self.title);
            json.key("notes")
                .list(&self.notes, |json, note| json.text(note));
            json.key("facts")
                .list(&self.facts, |json, fact| fact.write(json));
            json.key("features")
                .optional(&self.features, |json, of| of.write(json));
            json.key("neurons")
                .optional(&self.neurons, |json, of| of.write(json));
            json.key("training")
                .optional(&self.training, |json, of| of.write(json));
            json.key("maps")
                .list(&self.maps, |json, map| map.write(json));
            json.key("runs")
                .list(&self.runs, |json, runs| runs.write(json));
        });
        json.finish()
    }
}

/// Text between tags.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_label_is_markup_or_ends_the_script() {
        let evil = "</script><img src=x onerror=alert(1)>\u{2028}<!--";
        let features = Features::new(vec![0.0], 1)
            .with_labels(vec![evil.into()])
            .with_column(Column::text(evil, evil, vec![evil.into()]));
        let page = Page::new(evil)
            .with_note(evil)
            .with_fact(Fact::new(evil, evil, evil, evil))
            .with_features(features)
            .render();
        assert!(!page.contains("<img") && !page.contains("<!--"));
        assert_eq!(page.matches("</script>").count(), 2);
    }

    #[test]
    fn the_page_without_data_is_small() {
        let page = Page::default().render();
        assert!(page.len() < 200_000, "{} bytes", page.len());
    }
}
