//! A folder of finished rows, from which an interrupted run goes on.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use superposition_io::{Overwrite, prepare_directory, write_atomic};

use super::document::SCHEMA;
use super::{Preset, Reproduced, ReproductionDocument, ReproductionRow, experiments};
use crate::LabError;

/// A folder with a JSON document and the figures of each finished row, all of one version and one preset.
#[derive(Clone, Debug)]
pub struct ResultFolder {
    path: PathBuf,
    preset: Preset,
    finished: Vec<ReproductionRow>,
}

impl ResultFolder {
    /// Takes a folder of finished rows, an empty one, or creates one.
    ///
    /// With [`Overwrite::Replace`] no row counts as finished; those of the ids `asked` for are removed, whatever version left
    /// them, and other files stay.
    ///
    /// # Errors
    /// [`LabError::OtherResults`] if it holds rows of another version, another preset or other definitions, and they
    /// are not to be replaced; as [`prepare_directory`] if it cannot be written or holds something else.
    pub fn open(
        path: impl AsRef<Path>,
        preset: Preset,
        asked: &[&str],
        overwrite: Overwrite,
    ) -> Result<Self, LabError> {
        let path = path.as_ref();
        let mut folder = Self {
            path: path.to_owned(),
            preset,
            finished: Vec::new(),
        };
        let mut found = false;
        for experiment in experiments() {
            let file = folder.file(experiment.definition.id);
            let Some(text) = read_if_there(&file)? else {
                continue;
            };
            found = true;
            if overwrite == Overwrite::Replace {
                if asked.contains(&experiment.definition.id) {
                    fs::remove_file(&file)
                        .map_err(|error| LabError::other_results(&file, error))?;
                }
                continue;
            }
            let row = row_of(&text, preset)
                .and_then(|row| match row.is_of(&experiment.definition, preset) {
                    true => Ok(row),
                    false => Err(format!(
                        "{} was defined otherwise there",
                        experiment.definition.id
                    )),
                })
                .map_err(|reason| LabError::other_results(&file, reason))?;
            // Without its figures a row is not finished.
            if row.figures.iter().all(|file| path.join(file).is_file()) {
                folder.finished.push(row);
            }
        }
        let overwrite = match found {
            true => Overwrite::Replace,
            false => overwrite,
        };
        prepare_directory(path, overwrite)?;
        Ok(folder)
    }

    /// The finished row of this id.
    #[must_use]
    pub fn finished(&self, id: &str) -> Option<&ReproductionRow> {
        self.finished.iter().find(|row| row.id == id)
    }

    /// Writes a row: its figures, and last its JSON, which says that it is finished.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn write(&self, reproduced: &Reproduced) -> Result<(), LabError> {
        for figure in &reproduced.figures {
            let path = self.path.join(&figure.file);
            write_atomic(path, figure.svg.as_bytes(), Overwrite::Replace)?;
        }
        let row = reproduced.row.clone();
        let file = self.file(&row.id);
        let document = ReproductionDocument::new(self.preset, vec![row]);
        let mut json = serde_json::to_string_pretty(&document)
            .map_err(|error| LabError::other_results(&file, error))?;
        json.push('\n');
        Ok(write_atomic(file, json.as_bytes(), Overwrite::Replace)?)
    }

    fn file(&self, id: &str) -> PathBuf {
        self.path.join(format!("{id}.json"))
    }
}

fn read_if_there(file: &Path) -> Result<Option<String>, LabError> {
    match fs::read_to_string(file) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(LabError::other_results(file, error)),
    }
}

/// The one row of a file of this version and preset, or what else it is.
fn row_of(text: &str, preset: Preset) -> Result<ReproductionRow, String> {
    let document: ReproductionDocument = serde_json::from_str(text)
        .map_err(|error| format!("it is no row of this program: {error}"))?;
    let version = env!("CARGO_PKG_VERSION");
    if document.schema != SCHEMA || document.version != version {
        return Err(format!(
            "it is of version {} and this is version {version}",
            document.version
        ));
    }
    if document.preset != preset {
        return Err(format!(
            "it is of the {} preset and this is the {preset} one",
            document.preset
        ));
    }
    let mut rows = document.rows.into_iter();
    match (rows.next(), rows.next()) {
        (Some(row), None) => Ok(row),
        _ => Err("it does not hold one row".to_owned()),
    }
}
