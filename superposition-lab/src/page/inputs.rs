//! What a path is.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::LabError;

/// The largest document that is read.
const MAX_BYTES: u64 = 1 << 29;

/// Something that a page can show.
pub(super) enum Input {
    /// A folder that `explore` left.
    Exploration(PathBuf),
    /// What `analyze` reads.
    Dictionary(PathBuf),
    /// A JSON document.
    Document(PathBuf, Value),
}

impl Input {
    /// Looks at the names in a folder, and at the end of a file's name.
    pub(crate) fn of(path: &Path) -> Result<Self, LabError> {
        if path.is_dir() {
            let phases = path.join("phase-diagram.json");
            return if phases.is_file() {
                Ok(Self::Document(path.to_owned(), read_json(&phases)?))
            } else if path.join("analysis.json").is_file() {
                Ok(Self::Exploration(path.to_owned()))
            } else {
                Ok(Self::Dictionary(path.to_owned()))
            };
        }
        let is_document = path.extension() == Some("json".as_ref())
            && !path.to_string_lossy().ends_with(".index.json");
        if is_document {
            return Ok(Self::Document(path.to_owned(), read_json(path)?));
        }
        Ok(Self::Dictionary(path.to_owned()))
    }
}

/// A document of at most 512 MiB.
pub(crate) fn read_json(path: &Path) -> Result<Value, LabError> {
    serde_json::from_slice(&read_bytes(path)?).map_err(|error| cannot(path, error))
}

/// A text of at most 512 MiB.
pub(crate) fn read_text(path: &Path) -> Result<String, LabError> {
    String::from_utf8(read_bytes(path)?).map_err(|error| cannot(path, error))
}

fn read_bytes(path: &Path) -> Result<Vec<u8>, LabError> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes))
        .map_err(|error| cannot(path, error))?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(cannot(path, format!("it has more than {MAX_BYTES} bytes")));
    }
    Ok(bytes)
}

pub(crate) fn cannot(path: &Path, reason: impl std::fmt::Display) -> LabError {
    LabError::PageInput {
        path: path.to_owned(),
        reason: reason.to_string(),
    }
}

/// The list under a key of a document.
pub(crate) fn list<'a>(path: &Path, value: &'a Value, key: &str) -> Result<&'a [Value], LabError> {
    let found = value.get(key).and_then(Value::as_array);
    let found = found.ok_or_else(|| cannot(path, format!("its {key:?} is no list")))?;
    Ok(found)
}

/// A number, or NaN for what is null or none.
pub(crate) fn number(value: Option<&Value>) -> f64 {
    value.and_then(Value::as_f64).unwrap_or(f64::NAN)
}
