//! What an experiment is, and what it runs with.

use std::fmt;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;

use serde::{Deserialize, Serialize};

use super::{Figure, Findings, ReproductionRow};
use crate::LabError;

/// How much is computed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Preset {
    /// What continuous integration runs: the same checks on fewer seeds, cells or steps.
    Quick,
    /// What the published checks ask for.
    #[default]
    Standard,
    /// The size of the published runs, where that is larger than the check needs.
    Full,
}

impl fmt::Display for Preset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Quick => "quick",
            Self::Standard => "standard",
            Self::Full => "full",
        })
    }
}

/// How many seconds an experiment may take on two cores in a release build.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Budget {
    /// With [`Preset::Quick`].
    pub quick: f64,
    /// With [`Preset::Standard`].
    pub standard: f64,
    /// With [`Preset::Full`].
    pub full: f64,
}

impl Budget {
    /// The same for all presets.
    #[must_use]
    pub const fn seconds(seconds: f64) -> Self {
        Self {
            quick: seconds,
            standard: seconds,
            full: seconds,
        }
    }

    /// That of a preset.
    #[must_use]
    pub fn of(&self, preset: Preset) -> f64 {
        match preset {
            Preset::Quick => self.quick,
            Preset::Standard => self.standard,
            Preset::Full => self.full,
        }
    }
}

/// The words and numbers that say what an experiment is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Definition {
    /// The id, a letter for the block and a number.
    pub id: &'static str,
    /// What is claimed.
    pub claim: &'static str,
    /// By whom.
    pub source: &'static str,
    /// Where in it.
    pub section: &'static str,
    /// What is computed: model, distribution, grid, number of seeds.
    pub config: &'static str,
    /// What is measured.
    pub measured: &'static str,
    /// The seeds of random numbers; none where nothing is drawn.
    pub seeds: &'static [u64],
    /// How long it may take.
    pub budget: Budget,
}

/// A published result that can be reproduced.
#[derive(Clone, Copy, Debug)]
pub struct Experiment {
    /// What it is.
    pub definition: Definition,
    /// Computes it.
    pub run: fn(&Context<'_>) -> Result<Findings, LabError>,
}

/// An experiment that was run.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Reproduced {
    /// What came out.
    pub row: ReproductionRow,
    /// What was drawn; the row names their files.
    pub figures: Vec<Figure>,
}

impl Experiment {
    /// Runs it.
    ///
    /// # Errors
    /// [`LabError::Cancelled`] if the context's observer stopped it, else what went wrong on the way. A check that does
    /// not hold is no error but a row that does not pass.
    pub fn reproduce(&self, context: &Context<'_>) -> Result<Reproduced, LabError> {
        context.progress(0.0)?;
        let findings = (self.run)(context)?;
        // What was computed while it was being stopped may be a part.
        context.progress(1.0)?;
        Ok(Reproduced::new(&self.definition, context.preset, findings))
    }
}

/// What an experiment runs with.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    preset: Preset,
    threads: NonZeroUsize,
    observe: &'a (dyn Fn(f64) -> ControlFlow<()> + Sync),
}

impl fmt::Debug for Context<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("preset", &self.preset)
            .field("threads", &self.threads)
            .finish_non_exhaustive()
    }
}

impl<'a> Context<'a> {
    /// `observe` receives the fraction that is done, from any thread, and may stop the experiment. Results do not
    /// depend on the number of threads.
    #[must_use]
    pub fn new(
        preset: Preset,
        threads: NonZeroUsize,
        observe: &'a (dyn Fn(f64) -> ControlFlow<()> + Sync),
    ) -> Self {
        Self {
            preset,
            threads,
            observe,
        }
    }

    /// How much is to be computed.
    #[must_use]
    pub fn preset(&self) -> Preset {
        self.preset
    }

    /// What the preset says of a number.
    #[must_use]
    pub fn by_preset<T>(&self, quick: T, standard: T, full: T) -> T {
        match self.preset {
            Preset::Quick => quick,
            Preset::Standard => standard,
            Preset::Full => full,
        }
    }

    /// Threads to use.
    #[must_use]
    pub fn threads(&self) -> NonZeroUsize {
        self.threads
    }

    /// Says which fraction is done; what loops with an observer of their own pass on.
    pub fn observe(&self, fraction: f64) -> ControlFlow<()> {
        (self.observe)(fraction.clamp(0.0, 1.0))
    }

    /// Says which fraction is done.
    ///
    /// # Errors
    /// [`LabError::Cancelled`] if the experiment is to stop.
    pub fn progress(&self, fraction: f64) -> Result<(), LabError> {
        match self.observe(fraction) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(LabError::Cancelled),
        }
    }
}
