//! Trainings that go on: what a run starts from, and what one that is stopped leaves.

use std::ffi::OsString;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use superposition_lab::io::Overwrite;
use superposition_lab::{Recipe, SavedTraining, TrackOptions, read_checkpoint, write_checkpoint};

use crate::args::StartArgs;
use crate::failure::Failure;

/// The name of the checkpoint in a folder of results.
pub(crate) const CHECKPOINT: &str = "checkpoint.safetensors";

/// The checkpoint of a model that has no folder of its own lies beside it, under its name.
pub(crate) fn beside(model: &Path) -> PathBuf {
    let name = model.file_name().unwrap_or_default();
    let mut name = match name.to_str().and_then(|n| n.strip_suffix(".safetensors")) {
        Some(stem) => OsString::from(stem),
        None => name.to_owned(),
    };
    name.push(".");
    name.push(CHECKPOINT);
    model.with_file_name(name)
}

/// What the training starts from: the checkpoint with --resume, which has to be of this recipe, and
/// else the beginning, where there is no checkpoint or --force gives it up.
pub(crate) fn start(
    path: &Path,
    args: &StartArgs,
    recipe: &Recipe,
    tracking: &TrackOptions,
) -> Result<Option<SavedTraining>, Failure> {
    let exists = path.symlink_metadata().is_ok();
    let path_shown = path.display();
    match (args.resume, exists) {
        (true, true) => {
            let saved =
                read_checkpoint(path).with_context(|| format!("cannot go on from {path_shown}"))?;
            saved.check(recipe, tracking.history_every)?;
            Ok(Some(saved))
        }
        (true, false) => Err(Failure::Failed(anyhow::anyhow!(
            "there is no {path_shown} to go on from: leave out --resume to start from the beginning"
        ))),
        (false, true) if !args.force => Err(Failure::Failed(anyhow::anyhow!(
            "{path_shown} holds a training that was stopped: add --resume to go on with it, or --force to give it up and start from the beginning"
        ))),
        (false, _) => Ok(None),
    }
}

/// Writes the checkpoint of a training that was stopped, and says how to go on.
pub(crate) fn save(path: &Path, saved: &SavedTraining) -> Result<Failure, Failure> {
    write_checkpoint(path, saved, Overwrite::Replace)
        .with_context(|| format!("cannot save the stopped training in {}", path.display()))?;
    Ok(Failure::Resumable(format!(
        "stopped after step {} of {} and saved in {}; go on with\n  {}",
        saved.checkpoint.step,
        saved.recipe.train.n_steps,
        path.display(),
        // What is no Unicode is shown as well as it can be.
        command_to_resume(std::env::args_os().map(|word| word.to_string_lossy().into_owned()))
    )))
}

/// Removes a file that may be there.
pub(crate) fn remove(path: &Path) -> Result<(), Failure> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            let error = anyhow::Error::new(error);
            Err(error
                .context(format!("cannot remove {}", path.display()))
                .into())
        }
        _ => Ok(()),
    }
}

/// The command line of this process with --resume, to be pasted into a shell.
fn command_to_resume(arguments: impl Iterator<Item = String>) -> String {
    let resume = "--resume".to_owned();
    let mut words: Vec<String> = arguments.filter(|word| *word != resume).collect();
    words.push(resume);
    let words: Vec<String> = words.iter().map(|word| quoted(word)).collect();
    words.join(" ")
}

/// A word as a POSIX shell reads it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:,=+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_to_resume_survives_a_shell() {
        let line = |words: &[&str]| command_to_resume(words.iter().map(|&word| word.to_owned()));
        assert_eq!(
            line(&["superposition", "explore", "--importance", "1,0.5"]),
            "superposition explore --importance 1,0.5 --resume"
        );
        assert_eq!(
            line(&[
                "superposition",
                "train",
                "--resume",
                "--out",
                "it's a model",
                ""
            ]),
            r"superposition train --out 'it'\''s a model' '' --resume"
        );
    }

    #[test]
    fn each_model_has_a_checkpoint_of_its_own() {
        for (model, checkpoint) in [
            ("model.safetensors", "model.checkpoint.safetensors"),
            ("runs/a.safetensors", "runs/a.checkpoint.safetensors"),
            ("run.1", "run.1.checkpoint.safetensors"),
        ] {
            assert_eq!(beside(Path::new(model)), Path::new(checkpoint));
        }
    }
}
