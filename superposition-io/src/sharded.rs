//! `model.safetensors.index.json`: which of several safetensors files holds which tensor.

use std::collections::{BTreeMap, HashMap};
use std::io::Read;
use std::path::{Component, Path};

use crate::error::{IoError, cut, shown};
use crate::layout::Entry;
use crate::safetensors;
use crate::source::Source;

const FORMAT: &str = "safetensors index";
const MOST_BYTES: u64 = safetensors::MOST_HEADER_BYTES;

#[derive(serde::Deserialize)]
struct Index {
    #[serde(default)]
    metadata: Option<BTreeMap<String, serde_json::Value>>,
    /// From the name of a tensor to the name of a file beside the index.
    weight_map: BTreeMap<String, String>,
}

/// The index's metadata, with what is no string as JSON text, and the tensors of its files: files
/// by name, in each the tensors in the order of their bytes.
pub(crate) fn open(
    path: &Path,
    source: &Source,
) -> Result<(BTreeMap<String, String>, Vec<Entry>), IoError> {
    let malformed = |reason: String| IoError::malformed(path, FORMAT, reason);
    if source.len() > MOST_BYTES {
        return Err(malformed(format!(
            "it has {} bytes, at most {MOST_BYTES} are read",
            source.len()
        )));
    }
    let mut text = Vec::new();
    source
        .reader_at(0)
        .take(MOST_BYTES)
        .read_to_end(&mut text)
        .map_err(|e| IoError::system("read", path, e))?;
    let index: Index = serde_json::from_slice(&text).map_err(|e| malformed(cut(&e)))?;

    let mut names_of: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (name, file) in &index.weight_map {
        names_of.entry(file).or_default().push(name);
    }
    let folder = path.parent().unwrap_or(Path::new(""));
    check_files(folder, names_of.keys().copied()).map_err(malformed)?;

    let mut entries = Vec::new();
    for (file, names) in names_of {
        let shard = folder.join(file);
        let (_, of_shard) = safetensors::open(&shard, &Source::open(&shard)?)?;
        let mut missing: HashMap<&str, ()> = names.into_iter().map(|name| (name, ())).collect();
        entries.extend(
            of_shard
                .into_iter()
                .filter(|e| missing.remove(e.info.name.as_str()).is_some()),
        );
        if let Some(name) = missing.into_keys().min() {
            return Err(malformed(format!(
                "it says that `{}` is in {}, which lacks it",
                shown(name),
                shown(file)
            )));
        }
    }
    Ok((metadata_text(index.metadata), entries))
}

/// All files lie beside the index, and exist.
fn check_files<'a>(folder: &Path, files: impl Iterator<Item = &'a str>) -> Result<(), String> {
    let mut missing = Vec::new();
    for file in files {
        let mut components = Path::new(file).components();
        let plain = matches!((components.next(), components.next()), (Some(Component::Normal(name)), None) if name == file);
        // Both kinds of separators and colons are refused on every system, so that an index means
        // the same files everywhere.
        if !plain || file.contains(['/', '\\', ':', '\0']) {
            return Err(format!(
                "it names `{}`, which is not the plain name of a file beside it",
                shown(file)
            ));
        }
        if !folder.join(file).exists() {
            missing.push(shown(file).to_string());
        }
    }
    match missing.len() {
        0 => Ok(()),
        n => {
            missing.truncate(5);
            Err(format!(
                "{n} of the files that it names are missing beside it: {}",
                missing.join(", ")
            ))
        }
    }
}

fn metadata_text(
    metadata: Option<BTreeMap<String, serde_json::Value>>,
) -> BTreeMap<String, String> {
    let text = |value: serde_json::Value| match value {
        serde_json::Value::String(string) => string,
        other => other.to_string(),
    };
    metadata
        .unwrap_or_default()
        .into_iter()
        .map(|(key, value)| (key, text(value)))
        .collect()
}
