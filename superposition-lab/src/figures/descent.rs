//! Losses against the number of training samples, from a table.

use std::path::Path;

use serde_json::Value;
use superposition_viz::figures;
use superposition_viz::svg::Figure;

use crate::LabError;
use crate::page::inputs::{cannot, number, read_json, read_text};

/// What each run has.
const COLUMNS: [&str; 3] = ["n_samples", "train_loss", "test_loss"];

pub(super) fn figure(path: &Path) -> Result<Figure, LabError> {
    let rows = match path.extension() == Some("json".as_ref()) {
        true => of_json(path, &read_json(path)?)?,
        false => of_csv(path, &read_text(path)?)?,
    };
    if rows.is_empty() {
        return Err(cannot(path, "it has no runs"));
    }
    let [train, test] =
        [1, 2].map(|of| -> Vec<[f64; 2]> { rows.iter().map(|row| [row[0], row[of]]).collect() });
    Ok(figures::double_descent(&train, &test))
}

/// A list of objects, or that under `runs` in a document.
fn of_json(path: &Path, value: &Value) -> Result<Vec<[f64; 3]>, LabError> {
    let list = value.get("runs").unwrap_or(value).as_array();
    let list =
        list.ok_or_else(|| cannot(path, "it is no list of runs, and has none under \"runs\""))?;
    list.iter()
        .map(|row| {
            for name in COLUMNS {
                if row.get(name).is_none() {
                    return Err(cannot(path, format!("a run has no {name:?}")));
                }
            }
            Ok(COLUMNS.map(|name| number(row.get(name))))
        })
        .collect()
}

/// Lines of values after a line of names; an empty cell is no number.
fn of_csv(path: &Path, text: &str) -> Result<Vec<[f64; 3]>, LabError> {
    let mut lines = text.lines().filter(|line| !line.trim().is_empty());
    let header: Vec<&str> = lines
        .next()
        .unwrap_or("")
        .split(',')
        .map(str::trim)
        .collect();
    let place = |name: &str| {
        let found = header.iter().position(|of| of.trim_matches('"') == name);
        found.ok_or_else(|| {
            cannot(
                path,
                format!("it has no column {name:?}, but {}", header.join(", ")),
            )
        })
    };
    let places = [place(COLUMNS[0])?, place(COLUMNS[1])?, place(COLUMNS[2])?];
    let mut rows = Vec::new();
    for (k, line) in lines.enumerate() {
        let cells: Vec<&str> = line.split(',').map(str::trim).collect();
        let mut row = [f64::NAN; 3];
        for (value, &at) in row.iter_mut().zip(&places) {
            let cell = *cells.get(at).unwrap_or(&"");
            if !cell.is_empty() {
                *value = cell
                    .parse()
                    .map_err(|_| cannot(path, format!("row {}: {cell:?} is no number", k + 1)))?;
            }
        }
        rows.push(row);
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_read_by_their_names() {
        let path = Path::new("runs");
        let csv = "seed, test_loss,n_samples,train_loss\n0,0.5,10,1e-3\n1,,20,2\n\n";
        let rows = of_csv(path, csv).unwrap();
        assert_eq!(rows[0], [10.0, 1e-3, 0.5]);
        assert!(rows.len() == 2 && rows[1][2].is_nan());
        let json = serde_json::json!({"schema": "x", "runs": [
            {"n_samples": 10, "train_loss": 1e-3, "test_loss": 0.5},
        ]});
        assert_eq!(of_json(path, &json).unwrap(), rows[..1]);
    }

    #[test]
    fn what_is_wrong_is_named() {
        let path = Path::new("runs");
        for (csv, what) in [
            ("a,b\n1,2\n", "\"n_samples\", but a, b"),
            ("n_samples,train_loss,test_loss\n1,2,x\n", "row 1: \"x\""),
            ("", "n_samples"),
        ] {
            let error = of_csv(path, csv).unwrap_err().to_string();
            assert!(error.contains(what), "{error}");
        }
        let error = of_json(path, &serde_json::json!([{"n_samples": 1}])).unwrap_err();
        assert!(error.to_string().contains("train_loss"));
    }
}
