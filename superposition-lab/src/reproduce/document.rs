//! The JSON of reproductions.

use serde::{Deserialize, Serialize};

use super::{Check, Control, Definition, Figure, Findings, Preset, Reproduced, Verdict};

/// The schema of this version.
pub(crate) const SCHEMA: &str = "superposition/reproduction/v1";

/// What came out of one experiment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ReproductionRow {
    /// The experiment's id.
    pub id: String,
    /// What is claimed.
    pub claim: String,
    /// By whom.
    pub source: String,
    /// Where in it.
    pub section: String,
    /// What was computed.
    pub config: String,
    /// What was measured.
    pub measured: String,
    /// The seeds of random numbers.
    pub seeds: Vec<u64>,
    /// How long it may take, in seconds on two cores.
    pub expected_seconds: f64,
    /// How long it took; none where nobody looked at a clock.
    pub seconds: Option<f64>,
    /// Whether all checks held and no control did.
    pub passes: bool,
    /// How the result stands to what was published.
    pub verdict: Verdict,
    /// What must hold.
    pub checks: Vec<Check>,
    /// What must not.
    pub controls: Vec<Control>,
    /// Sentences for the reader.
    pub notes: Vec<String>,
    /// Files of the figures, beside this one.
    pub figures: Vec<String>,
}

impl ReproductionRow {
    /// Whether it is a row of this experiment as it is now.
    pub(super) fn is_of(&self, definition: &Definition, preset: Preset) -> bool {
        self.id == definition.id
            && self.claim == definition.claim
            && self.source == definition.source
            && self.section == definition.section
            && self.config == definition.config
            && self.measured == definition.measured
            && self.seeds == definition.seeds
            && self.expected_seconds == definition.budget.of(preset)
    }
}

impl Reproduced {
    pub(super) fn new(definition: &Definition, preset: Preset, findings: Findings) -> Self {
        let passes = findings.pass();
        let figures: Vec<Figure> = findings
            .figures
            .into_iter()
            .map(|(name, svg)| Figure {
                file: match name {
                    "" => format!("{}.svg", definition.id),
                    name => format!("{}-{name}.svg", definition.id),
                },
                svg,
            })
            .collect();
        let row = ReproductionRow {
            id: definition.id.to_owned(),
            claim: definition.claim.to_owned(),
            source: definition.source.to_owned(),
            section: definition.section.to_owned(),
            config: definition.config.to_owned(),
            measured: definition.measured.to_owned(),
            seeds: definition.seeds.to_vec(),
            expected_seconds: definition.budget.of(preset),
            seconds: None,
            passes,
            verdict: findings.verdict,
            checks: findings.checks,
            controls: findings.controls,
            notes: findings.notes,
            figures: figures.iter().map(|figure| figure.file.clone()).collect(),
        };
        Self { row, figures }
    }
}

/// Where something was computed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// Name of the processor.
    pub cpu: String,
    /// Processors that the system offers.
    pub cores: usize,
}

/// The JSON document of `superposition reproduce`, and of each row in a folder of results.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ReproductionDocument {
    /// `superposition/reproduction/v1`.
    pub schema: String,
    /// The version of this crate.
    pub version: String,
    /// How much was computed.
    pub preset: Preset,
    /// Where; none if the caller did not say.
    pub machine: Option<Machine>,
    /// The commit of the sources; none if the caller did not say.
    pub commit: Option<String>,
    /// Whether all rows pass.
    pub passes: bool,
    /// A row per experiment.
    pub rows: Vec<ReproductionRow>,
}

impl ReproductionDocument {
    /// The document of some rows.
    #[must_use]
    pub fn new(preset: Preset, rows: Vec<ReproductionRow>) -> Self {
        Self {
            schema: SCHEMA.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            preset,
            machine: None,
            commit: None,
            passes: rows.iter().all(|row| row.passes),
            rows,
        }
    }

    /// The same, with the machine it was made on.
    #[must_use]
    pub fn with_machine(mut self, machine: Option<Machine>) -> Self {
        self.machine = machine;
        self
    }

    /// The same, with the commit of the sources.
    #[must_use]
    pub fn with_commit(mut self, commit: Option<String>) -> Self {
        self.commit = commit;
        self
    }
}
