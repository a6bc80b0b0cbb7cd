//! Exit codes: 0 done, 1 data or run failed, 2 usage, 75 interrupted and resumable, 130 interrupted.

use std::process::ExitCode;

use superposition_lab::LabError;
use superposition_lab::analysis::AnalysisError;
use superposition_lab::io::IoError;
use superposition_lab::probe::ProbeError;

use crate::output::note;

/// The exit code of an interrupted command.
pub(crate) const INTERRUPTED: u8 = 130;
/// That of one that can go on where it was (`EX_TEMPFAIL`).
pub(crate) const RESUMABLE: u8 = 75;

/// Why a command did not finish.
#[derive(Debug)]
pub(crate) enum Failure {
    /// A flag has a value that cannot be.
    Usage(anyhow::Error),
    /// The data or the run failed.
    Failed(anyhow::Error),
    /// Ctrl-C in what cannot go on; what there was has been saved and said.
    Interrupted(String),
    /// Ctrl-C in a training, which can go on; how has to be said.
    Resumable(String),
    /// The reader of our output went away, as `head` does: nothing to say.
    OutputClosed,
}

impl Failure {
    /// Says so on stderr and gives the exit code.
    pub(crate) fn report(self) -> ExitCode {
        match self {
            Self::Usage(error) => {
                note(&format!("error: {error:#}\nFor help, add --help."));
                ExitCode::from(2)
            }
            Self::Failed(error) => {
                note(&format!("error: {error:#}"));
                ExitCode::from(1)
            }
            Self::Interrupted(what_was_saved) => {
                note(&format!("interrupted: {what_was_saved}"));
                ExitCode::from(INTERRUPTED)
            }
            Self::Resumable(how) => {
                note(&format!("interrupted: {how}"));
                ExitCode::from(RESUMABLE)
            }
            Self::OutputClosed => ExitCode::SUCCESS,
        }
    }
}

impl From<LabError> for Failure {
    fn from(error: LabError) -> Self {
        match error {
            // What these say is about values that flags give.
            LabError::Option { .. }
            | LabError::UnknownExperiment { .. }
            | LabError::OtherTraining { .. }
            | LabError::UnknownOrientation { .. }
            | LabError::NotStreamed { .. }
            | LabError::Analysis(
                AnalysisError::InvalidOption { .. } | AnalysisError::MemoryTooSmall { .. },
            )
            | LabError::Probe(ProbeError::InvalidOption { .. }) => Self::Usage(error.into()),
            LabError::Io(error) => error.into(),
            LabError::OtherResults { .. } => Self::Failed(anyhow::anyhow!(
                "{error}: choose another folder, or add --force to compute its results again"
            )),
            _ => Self::Failed(error.into()),
        }
    }
}

impl From<IoError> for Failure {
    fn from(error: IoError) -> Self {
        let refused = matches!(error, IoError::Exists { .. } | IoError::NotEmpty { .. });
        let error = anyhow::Error::new(error);
        Self::Failed(if refused {
            anyhow::anyhow!("{error}: choose another place, or add --force to replace it")
        } else {
            error
        })
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Failed(error)
    }
}
