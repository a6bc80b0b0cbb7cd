//! A row per feature under named columns, as CSV, JSON lines or npz.

use std::path::Path;

use superposition_analysis::{DictionaryReport, FeatureRow, Neighbor, NeighborLists};
use superposition_io::{ArrayToWrite, ArrayValues, Overwrite, write_atomic, write_npz};

use crate::LabError;

/// The values of a column, one per feature.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ColumnValues {
    /// Numbers, some undefined.
    Number(Vec<Option<f64>>),
    /// Indices and counts, some undefined.
    Index(Vec<Option<usize>>),
    /// Yes or no.
    Flag(Vec<bool>),
    /// Text.
    Text(Vec<String>),
}

impl ColumnValues {
    /// Numbers that are all defined.
    #[must_use]
    pub fn numbers(values: impl IntoIterator<Item = f64>) -> Self {
        Self::Number(values.into_iter().map(Some).collect())
    }

    fn len(&self) -> usize {
        match self {
            Self::Number(values) => values.len(),
            Self::Index(values) => values.len(),
            Self::Flag(values) => values.len(),
            Self::Text(values) => values.len(),
        }
    }
}

/// A table with a row per feature.
///
/// ```
/// use superposition_lab::{ColumnValues, FeatureTable};
/// let mut table = FeatureTable::new(2);
/// table.push("norm", ColumnValues::numbers([1.0, 0.5]));
/// table.push("nearest", ColumnValues::Index(vec![Some(1), None]));
/// table.push("label", ColumnValues::Text(vec!["the".into(), "a, b".into()]));
/// assert_eq!(table.to_csv(), "norm,nearest,label\n1,1,the\n0.5,,\"a, b\"\n");
/// assert!(table.to_jsonl().ends_with("{\"norm\":0.5,\"nearest\":null,\"label\":\"a, b\"}\n"));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct FeatureTable {
    n_features: usize,
    columns: Vec<(String, ColumnValues)>,
}

impl FeatureTable {
    /// A table without columns.
    #[must_use]
    pub fn new(n_features: usize) -> Self {
        Self {
            n_features,
            columns: Vec::new(),
        }
    }

    /// Adds a column at the end.
    ///
    /// # Panics
    /// If it has another number of values than there are features, or its name is taken.
    #[track_caller]
    pub fn push(&mut self, name: impl Into<String>, values: ColumnValues) {
        let name = name.into();
        assert_eq!(values.len(), self.n_features, "values of column {name:?}");
        assert!(self.column(&name).is_none(), "a second column {name:?}");
        self.columns.push((name, values));
    }

    /// The columns in order.
    #[must_use]
    pub fn columns(&self) -> &[(String, ColumnValues)] {
        &self.columns
    }

    /// A column by its name.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<&ColumnValues> {
        let mut columns = self.columns.iter();
        columns
            .find(|(column, _)| column == name)
            .map(|(_, values)| values)
    }

    /// Comma-separated values with a header: undefined is an empty cell, what is not finite is `inf`, `-inf` or
    /// `NaN`, text is quoted where it holds a comma, a quote or a line's end.
    #[must_use]
    pub fn to_csv(&self) -> String {
        let names = self.columns.iter().map(|(name, _)| quoted(name));
        let mut csv = names.collect::<Vec<_>>().join(",");
        csv.push('\n');
        for i in 0..self.n_features {
            for (k, (_, values)) in self.columns.iter().enumerate() {
                if k > 0 {
                    csv.push(',');
                }
                match values {
                    ColumnValues::Number(values) => csv.push_str(&cell(values[i])),
                    ColumnValues::Index(values) => csv.push_str(&cell(values[i])),
                    ColumnValues::Flag(values) => csv.push_str(&values[i].to_string()),
                    ColumnValues::Text(values) => csv.push_str(&quoted(&values[i])),
                }
            }
            csv.push('\n');
        }
        csv
    }

    /// A JSON object a line, keys in the order of the columns; what is undefined or not finite is `null`.
    #[must_use]
    pub fn to_jsonl(&self) -> String {
        let names: Vec<String> = self.columns.iter().map(|(name, _)| json(name)).collect();
        let mut lines = String::new();
        for i in 0..self.n_features {
            lines.push('{');
            for (k, (_, values)) in self.columns.iter().enumerate() {
                if k > 0 {
                    lines.push(',');
                }
                lines.push_str(&names[k]);
                lines.push(':');
                lines.push_str(&match values {
                    ColumnValues::Number(values) => json(&values[i]),
                    ColumnValues::Index(values) => json(&values[i]),
                    ColumnValues::Flag(values) => json(&values[i]),
                    ColumnValues::Text(values) => json(&values[i]),
                });
            }
            lines.push_str("}\n");
        }
        lines
    }

    /// Writes it in the format of the path's extension: `csv`, `jsonl` or `npz` (an array per column, undefined
    /// numbers as NaN and undefined indices as -1).
    ///
    /// # Errors
    /// Another extension, or the file exists and `overwrite` refuses, or it cannot be written.
    pub fn write(&self, path: &Path, overwrite: Overwrite) -> Result<(), LabError> {
        match TableFormat::of(path)? {
            TableFormat::Csv => write_atomic(path, self.to_csv().as_bytes(), overwrite)?,
            TableFormat::Jsonl => write_atomic(path, self.to_jsonl().as_bytes(), overwrite)?,
            TableFormat::Npz => self.write_npz(path, overwrite)?,
        }
        Ok(())
    }

    fn write_npz(&self, path: &Path, overwrite: Overwrite) -> Result<(), LabError> {
        /// The values as NumPy has them.
        enum Owned {
            F64(Vec<f64>),
            I64(Vec<i64>),
        }
        let owned: Vec<Option<Owned>> = self
            .columns
            .iter()
            .map(|(_, values)| match values {
                ColumnValues::Number(values) => {
                    let values = values.iter().map(|value| value.unwrap_or(f64::NAN));
                    Some(Owned::F64(values.collect()))
                }
                ColumnValues::Index(values) => {
                    let index = |value: &Option<usize>| value.map_or(-1, |value| value as i64);
                    Some(Owned::I64(values.iter().map(index).collect()))
                }
                ColumnValues::Flag(_) | ColumnValues::Text(_) => None,
            })
            .collect();
        let shape = [self.n_features];
        let arrays: Vec<ArrayToWrite<'_>> = self
            .columns
            .iter()
            .zip(&owned)
            .map(|((name, values), owned)| ArrayToWrite {
                name,
                shape: &shape,
                values: match (values, owned) {
                    (_, Some(Owned::F64(values))) => ArrayValues::F64(values),
                    (_, Some(Owned::I64(values))) => ArrayValues::I64(values),
                    (ColumnValues::Flag(values), None) => ArrayValues::Bool(values),
                    (ColumnValues::Text(values), None) => ArrayValues::Text(values),
                    _ => unreachable!("numbers and indices were converted"),
                },
            })
            .collect();
        Ok(write_npz(path, &arrays, overwrite)?)
    }
}

/// What a table is written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TableFormat {
    /// Comma-separated values.
    Csv,
    /// A JSON object a line.
    Jsonl,
    /// An array per column.
    Npz,
}

impl TableFormat {
    /// The format that the extension of a path names.
    ///
    /// # Errors
    /// It names none.
    pub fn of(path: &Path) -> Result<Self, LabError> {
        let extension = path.extension().unwrap_or_default().to_string_lossy();
        match extension.to_ascii_lowercase().as_str() {
            "csv" => Ok(Self::Csv),
            "jsonl" => Ok(Self::Jsonl),
            "npz" => Ok(Self::Npz),
            _ => Err(LabError::Option {
                name: "the file of a table",
                value: path.display().to_string(),
                expected: "its name must end in .csv, .jsonl or .npz",
            }),
        }
    }
}

/// The per-feature table of any [`DictionaryReport`]: `feature`, `norm`, `dimensionality`, `mean_interference`,
/// `max_cosine`, `nearest`, `min_cosine`, `most_opposed`, `degree`, `cluster`, and where more neighbours were
/// asked for `nearest_2`, `nearest_2_cosine` and so on, then the same for `most_opposed`.
#[must_use]
pub fn geometry_table(geometry: &DictionaryReport) -> FeatureTable {
    use ColumnValues::{Index, Number};
    let rows = &geometry.features;
    let numbers = |of: fn(&FeatureRow) -> Option<f64>| Number(rows.iter().map(of).collect());
    let indices = |of: fn(&FeatureRow) -> Option<usize>| Index(rows.iter().map(of).collect());
    let mut table = FeatureTable::new(rows.len());
    table.push("feature", indices(|row| Some(row.feature)));
    table.push("norm", numbers(|row| Some(row.norm)));
    table.push("dimensionality", numbers(|row| Some(row.dimensionality)));
    table.push(
        "mean_interference",
        numbers(|row| Some(row.mean_interference)),
    );
    table.push("max_cosine", numbers(|row| row.max_cosine));
    table.push("nearest", indices(|row| row.nearest));
    table.push("min_cosine", numbers(|row| row.min_cosine));
    table.push("most_opposed", indices(|row| row.most_opposed));
    table.push("degree", indices(|row| row.degree));
    table.push("cluster", indices(|row| row.cluster));
    let both = &geometry.neighbors;
    push_further(&mut table, "nearest", &both.nearest);
    push_further(&mut table, "most_opposed", &both.most_opposed);
    table
}

/// The neighbours of one side from the second on.
fn push_further(table: &mut FeatureTable, name: &str, lists: &NeighborLists) {
    let most = lists.iter().map(<[Neighbor]>::len).max();
    for k in 1..most.unwrap_or(0) {
        let place = k + 1;
        let kth = || lists.iter().map(|list| list.get(k));
        let features = kth().map(|found| Some(found?.feature)).collect();
        table.push(format!("{name}_{place}"), ColumnValues::Index(features));
        let cosines = kth().map(|found| Some(found?.cosine)).collect();
        table.push(
            format!("{name}_{place}_cosine"),
            ColumnValues::Number(cosines),
        );
    }
}

fn cell<T: ToString>(value: Option<T>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
}

/// A text as a cell (RFC 4180).
fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

/// Numbers that are not finite become null.
fn json<T: serde::Serialize + ?Sized>(value: &T) -> String {
    serde_json::to_string(value).expect("plain values have a JSON form")
}
