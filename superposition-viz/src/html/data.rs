//! A dictionary, its neurons and its training on a page.

use super::json::Json;

/// The values of a [`Column`], one per row.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Values {
    /// Numbers; NaN where there is none.
    Numbers(Vec<f64>),
    /// Text.
    Text(Vec<String>),
}

/// A named column.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Column {
    /// Its name, the head of the column.
    pub name: String,
    /// What it is, in a few words.
    pub about: String,
    /// Its values.
    pub values: Values,
}

impl Column {
    /// A column of numbers, NaN where there is none.
    #[must_use]
    pub fn numbers(name: impl Into<String>, about: impl Into<String>, values: Vec<f64>) -> Self {
        Self {
            name: name.into(),
            about: about.into(),
            values: Values::Numbers(values),
        }
    }

    /// A column of text.
    #[must_use]
    pub fn text(name: impl Into<String>, about: impl Into<String>, values: Vec<String>) -> Self {
        Self {
            name: name.into(),
            about: about.into(),
            values: Values::Text(values),
        }
    }

    pub(super) fn len(&self) -> usize {
        match &self.values {
            Values::Numbers(values) => values.len(),
            Values::Text(values) => values.len(),
        }
    }

    fn write(&self, json: &mut Json) {
        json.object(|json| {
            json.key("name").text(&self.name);
            json.key("about").text(&self.about);
            match &self.values {
                Values::Numbers(values) => json.key("f64").f64s(values),
                Values::Text(values) => json.key("text").list(values, |json, text| json.text(text)),
            }
        });
    }
}

pub(super) fn write_columns(json: &mut Json, columns: &[Column]) {
    json.list(columns, |json, column| column.write(json));
}

/// A value of the overview beside what it is to be compared with.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Fact {
    /// The heading under which it stands.
    pub group: String,
    /// What it is.
    pub name: String,
    /// The value, as text.
    pub value: String,
    /// What to compare it with.
    pub note: String,
}

impl Fact {
    /// A fact.
    #[must_use]
    pub fn new(
        group: impl Into<String>,
        name: impl Into<String>,
        value: impl Into<String>,
        note: impl Into<String>,
    ) -> Self {
        Self {
            group: group.into(),
            name: name.into(),
            value: value.into(),
            note: note.into(),
        }
    }

    pub(super) fn write(&self, json: &mut Json) {
        json.object(|json| {
            json.key("group").text(&self.group);
            json.key("name").text(&self.name);
            json.key("value").text(&self.value);
            json.key("note").text(&self.note);
        });
    }
}

/// Which cluster each feature is in.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Clusters {
    /// A cluster per feature; none for a feature that is in none.
    pub of: Vec<Option<usize>>,
    /// A name per cluster, such as that of a polytope; empty where it has none.
    pub names: Vec<String>,
    /// What joins two features.
    pub about: String,
}

impl Clusters {
    /// Clusters without names.
    #[must_use]
    pub fn new(of: Vec<Option<usize>>, about: impl Into<String>) -> Self {
        Self {
            of,
            names: Vec::new(),
            about: about.into(),
        }
    }

    /// The same with a name per cluster.
    #[must_use]
    pub fn with_names(mut self, names: Vec<String>) -> Self {
        self.names = names;
        self
    }

    fn write(&self, json: &mut Json) {
        let of: Vec<f64> = self
            .of
            .iter()
            .map(|cluster| cluster.map_or(f64::NAN, |k| k as f64))
            .collect();
        json.object(|json| {
            json.key("of").f64s(&of);
            json.key("names")
                .list(&self.names, |json, name| json.text(name));
            json.key("about").text(&self.about);
        });
    }
}

/// Features: their directions, and what is known of each. Each list is in the order of the features.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Features {
    n_features: usize,
    n_hidden: usize,
    directions: Option<Vec<f32>>,
    /// Numbers of the features in their file, and how many that has, where these are a part of it.
    part: Option<(Vec<usize>, usize)>,
    labels: Option<Vec<String>>,
    /// Features with a norm above it are represented; 0 by default.
    pub min_norm: f64,
    columns: Vec<Column>,
    probes: Vec<Column>,
    clusters: Option<Clusters>,
}

impl Features {
    /// Features with their directions in `n_hidden` dimensions, one after the other.
    ///
    /// # Panics
    /// If there are no dimensions, or the values are no multiple of them.
    #[must_use]
    #[track_caller]
    pub fn new(directions: Vec<f32>, n_hidden: usize) -> Self {
        assert!(
            n_hidden > 0 && directions.len().is_multiple_of(n_hidden),
            "{} values are no directions in {n_hidden} dimensions",
            directions.len()
        );
        let mut features = Self::without_directions(directions.len() / n_hidden);
        features.n_hidden = n_hidden;
        features.directions = Some(directions);
        features
    }

    /// Features of which directions are not known.
    #[must_use]
    pub fn without_directions(n_features: usize) -> Self {
        Self {
            n_features,
            n_hidden: 0,
            directions: None,
            part: None,
            labels: None,
            min_norm: 0.0,
            columns: Vec::new(),
            probes: Vec::new(),
            clusters: None,
        }
    }

    /// How many there are.
    #[must_use]
    pub fn n_features(&self) -> usize {
        self.n_features
    }

    /// The same as a part of `total` features, of which these have the numbers `index`.
    ///
    /// # Panics
    /// If there is not a number per feature.
    #[must_use]
    #[track_caller]
    pub fn with_part(mut self, index: Vec<usize>, total: usize) -> Self {
        self.assert_rows("numbers", index.len());
        self.part = Some((index, total));
        self
    }

    /// The same with names.
    ///
    /// # Panics
    /// If there is not a name per feature.
    #[must_use]
    #[track_caller]
    pub fn with_labels(mut self, labels: Vec<String>) -> Self {
        self.assert_rows("labels", labels.len());
        self.labels = Some(labels);
        self
    }

    /// The same with the norm above which a feature is represented.
    #[must_use]
    pub fn with_min_norm(mut self, min_norm: f64) -> Self {
        self.min_norm = min_norm;
        self
    }

    /// The same with a column more.
    ///
    /// # Panics
    /// If it has not a value per feature.
    #[must_use]
    #[track_caller]
    pub fn with_column(mut self, column: Column) -> Self {
        self.assert_rows(&column.name, column.len());
        self.columns.push(column);
        self
    }

    /// The same with a column of what probes found.
    ///
    /// # Panics
    /// If it has not a value per feature.
    #[must_use]
    #[track_caller]
    pub fn with_probe(mut self, column: Column) -> Self {
        self.assert_rows(&column.name, column.len());
        self.probes.push(column);
        self
    }

    /// The same with clusters.
    ///
    /// # Panics
    /// If there is not an entry per feature.
    #[must_use]
    #[track_caller]
    pub fn with_clusters(mut self, clusters: Clusters) -> Self {
        self.assert_rows("clusters", clusters.of.len());
        self.clusters = Some(clusters);
        self
    }

    #[track_caller]
    fn assert_rows(&self, what: &str, n: usize) {
        assert_eq!(n, self.n_features, "{what} of {} features", self.n_features);
    }

    pub(super) fn write(&self, json: &mut Json) {
        let index: Vec<f64> = match &self.part {
            Some((index, _)) => index.iter().map(|&i| i as f64).collect(),
            None => (0..self.n_features).map(|i| i as f64).collect(),
        };
        let total = self
            .part
            .as_ref()
            .map_or(self.n_features, |(_, total)| *total);
        json.object(|json| {
            json.key("n").number(self.n_features as f64);
            json.key("m").number(self.n_hidden as f64);
            json.key("total").number(total as f64);
            json.key("min_norm").number(self.min_norm);
            json.key("index").f64s(&index);
            json.key("labels").optional(&self.labels, |json, labels| {
                json.list(labels, |json, label| json.text(label));
            });
            json.key("directions")
                .optional(&self.directions, |json, values| json.f32s(values));
            write_columns(json.key("columns"), &self.columns);
            write_columns(json.key("probes"), &self.probes);
            json.key("clusters")
                .optional(&self.clusters, |json, clusters| clusters.write(json));
        });
    }
}

/// What is known of each hidden neuron.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Neurons {
    /// What the columns say, and what to compare them with.
    pub about: String,
    /// A value per neuron each.
    pub columns: Vec<Column>,
}

impl Neurons {
    /// Columns of neurons.
    #[must_use]
    pub fn new(about: impl Into<String>, columns: Vec<Column>) -> Self {
        Self {
            about: about.into(),
            columns,
        }
    }

    pub(super) fn write(&self, json: &mut Json) {
        json.object(|json| {
            json.key("about").text(&self.about);
            write_columns(json.key("columns"), &self.columns);
        });
    }
}

/// Directions at some steps of a training.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Snapshots {
    steps: Vec<usize>,
    n_hidden: usize,
    directions: Vec<f32>,
}

impl Snapshots {
    /// All directions in `n_hidden` dimensions, step after step.
    ///
    /// # Panics
    /// If there are no dimensions, or the values are not as many for each step.
    #[must_use]
    #[track_caller]
    pub fn new(steps: Vec<usize>, n_hidden: usize, directions: Vec<f32>) -> Self {
        let size = directions.len().checked_div(steps.len()).unwrap_or(0);
        assert!(
            n_hidden > 0 && size * steps.len() == directions.len() && size.is_multiple_of(n_hidden),
            "{} values are no directions in {n_hidden} dimensions at {} steps",
            directions.len(),
            steps.len()
        );
        Self {
            steps,
            n_hidden,
            directions,
        }
    }

    fn write(&self, json: &mut Json) {
        let size = self
            .directions
            .len()
            .checked_div(self.steps.len())
            .unwrap_or(0);
        json.object(|json| {
            json.key("steps")
                .list(&self.steps, |json, step| json.number(*step as f64));
            json.key("n").number((size / self.n_hidden) as f64);
            json.key("m").number(self.n_hidden as f64);
            json.key("w").f32s(&self.directions);
        });
    }
}

/// A training: the first column counts its steps, the others are measured at them.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Training {
    /// A row per measurement.
    pub columns: Vec<Column>,
    /// The features on their way.
    pub snapshots: Option<Snapshots>,
}

impl Training {
    /// Measurements over training.
    #[must_use]
    pub fn new(columns: Vec<Column>) -> Self {
        Self {
            columns,
            snapshots: None,
        }
    }

    /// The same with snapshots.
    #[must_use]
    pub fn with_snapshots(mut self, snapshots: Option<Snapshots>) -> Self {
        self.snapshots = snapshots;
        self
    }

    pub(super) fn write(&self, json: &mut Json) {
        json.object(|json| {
            write_columns(json.key("columns"), &self.columns);
            json.key("snapshots")
                .optional(&self.snapshots, |json, snapshots| snapshots.write(json));
        });
    }
}
