//! A dictionary on disk: a folder or a file, the configuration beside it, and the layout of both.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::dictionary::{DictionaryFormat, DictionaryLayout};
use crate::error::IoError;
use crate::file::{ReadLimits, TensorFile};

/// The longest configuration that is read.
const MOST_CONFIG_BYTES: u64 = 1 << 20;
/// The names that programs give to the tensors in a folder of theirs.
const WEIGHTS: [&str; 7] = [
    "sae_weights.safetensors",
    "params.safetensors",
    "params.npz",
    "sae.safetensors",
    "synthetic_model.safetensors",
    "model.safetensors",
    "model.safetensors.index.json",
];

impl TensorFile {
    /// Opens a dictionary: a file as [`open`](Self::open) does, or a folder that holds exactly one
    /// of the files that SAELens, Gemma Scope, sparsify and transformers write into theirs.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open); [`IoError::IsDirectory`] for a folder without such a file, and
    /// [`IoError::ManyDictionaries`] for one with several.
    pub fn open_dictionary(path: impl AsRef<Path>, limits: &ReadLimits) -> Result<Self, IoError> {
        let path = path.as_ref();
        if !path.is_dir() {
            return Self::open(path, limits);
        }
        let mut found: Vec<PathBuf> = WEIGHTS
            .iter()
            .map(|name| path.join(name))
            .filter(|file| file.is_file())
            .collect();
        match found.len() {
            0 => Err(IoError::IsDirectory {
                path: path.to_owned(),
                inside: None,
            }),
            1 => Self::open(found.remove(0), limits),
            _ => Err(IoError::ManyDictionaries {
                path: path.to_owned(),
                files: found,
            }),
        }
    }

    /// How its dictionary is laid out; see [`DictionaryLayout::recognize`]. The configuration is read
    /// from the folder of the file.
    ///
    /// # Errors
    ///
    /// As [`DictionaryLayout::recognize`], and [`IoError::System`] or [`IoError::Malformed`] for a
    /// configuration that is there and cannot be read.
    pub fn dictionary_layout(
        &self,
        format: Option<DictionaryFormat>,
    ) -> Result<Option<DictionaryLayout>, IoError> {
        let has = |name: &str| self.tensors().iter().any(|tensor| tensor.name == name);
        // Without a format said, a configuration is read where it could belong to the tensors.
        let format_with_config = format.or(if has("W_dec") {
            Some(DictionaryFormat::SaeLens)
        } else if has("feature_vectors") {
            Some(DictionaryFormat::SaeLensSynthetic)
        } else {
            None
        });
        let config = match format_with_config.and_then(DictionaryFormat::config_name) {
            Some(name) => read_config(&self.path().with_file_name(name))?,
            None => None,
        };
        DictionaryLayout::recognize(self, config.as_deref(), format)
    }
}

/// The text of a configuration; none where there is no such file.
fn read_config(path: &Path) -> Result<Option<String>, IoError> {
    if !path.is_file() {
        return Ok(None);
    }
    let system = |source| IoError::system("read", path, source);
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MOST_CONFIG_BYTES + 1).read_to_end(&mut bytes))
        .map_err(system)?;
    let malformed = |reason: String| IoError::malformed(path, "configuration", reason);
    if bytes.len() as u64 > MOST_CONFIG_BYTES {
        return Err(malformed(format!(
            "it has more than {MOST_CONFIG_BYTES} bytes"
        )));
    }
    String::from_utf8(bytes)
        .map(Some)
        .map_err(|e| malformed(e.utf8_error().to_string()))
}
