//! What an experiment finds: checks, controls, figures and a verdict.

use std::fmt;

use serde::{Deserialize, Serialize};
use superposition_viz::format_number;

/// How a result stands to what was published.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The published value or statement came out.
    Agrees,
    /// The same quantity has another value.
    Differs,
    /// The paper made no claim there.
    Extends,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Agrees => "agrees",
            Self::Differs => "differs",
            Self::Extends => "extends",
        })
    }
}

/// How sure a measured value is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Precision {
    /// A closed form or a count: off by rounding alone.
    Exact,
    /// No random numbers; off by at most `error`.
    Deterministic {
        /// The largest error.
        error: f64,
    },
    /// An estimate from random numbers.
    Sampled {
        /// Its standard error.
        standard_error: f64,
    },
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact => f.write_str("exact"),
            Self::Deterministic { error } => {
                write!(f, "deterministic, error <= {}", format_number(*error, 2))
            }
            Self::Sampled { standard_error } => {
                write!(
                    f,
                    "sampled, standard error {}",
                    format_number(*standard_error, 2)
                )
            }
        }
    }
}

/// What a value must be.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "relation", rename_all = "snake_case")]
pub enum Expected {
    /// This value, within a tolerance.
    Equals {
        /// The value.
        value: f64,
        /// The largest difference.
        tolerance: f64,
    },
    /// No more than this.
    AtMost {
        /// The bound.
        value: f64,
    },
    /// No less than this.
    AtLeast {
        /// The bound.
        value: f64,
    },
    /// In this interval, its ends included.
    Between {
        /// The lower end.
        low: f64,
        /// The upper end.
        high: f64,
    },
}

impl Expected {
    /// Whether a measured value is as expected; NaN never is.
    ///
    /// ```
    /// use superposition_lab::reproduce::Expected;
    /// let expected = Expected::Equals { value: 0.4, tolerance: 1e-3 };
    /// assert!(expected.accepts(0.4005));
    /// assert!(!expected.accepts(0.5) && !expected.accepts(f64::NAN));
    /// ```
    #[must_use]
    pub fn accepts(&self, measured: f64) -> bool {
        match *self {
            Self::Equals { value, tolerance } => (measured - value).abs() <= tolerance,
            Self::AtMost { value } => measured <= value,
            Self::AtLeast { value } => measured >= value,
            Self::Between { low, high } => (low..=high).contains(&measured),
        }
    }
}

/// Digits of values in the table.
const DIGITS: usize = 6;

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = |value: f64| format_number(value, DIGITS);
        match *self {
            // A count.
            Self::Equals {
                value,
                tolerance: 0.0,
            } => write!(f, "{value}"),
            Self::Equals { value, tolerance } => {
                write!(f, "{} +- {}", number(value), format_number(tolerance, 1))
            }
            Self::AtMost { value } => write!(f, "<= {}", number(value)),
            Self::AtLeast { value } => write!(f, ">= {}", number(value)),
            Self::Between { low, high } => write!(f, "{} .. {}", number(low), number(high)),
        }
    }
}

/// A measured value beside what it must be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Check {
    /// What is measured.
    pub name: String,
    /// Its value; none if it is not finite.
    pub measured: Option<f64>,
    /// How sure it is.
    pub precision: Precision,
    /// What it must be.
    pub expected: Expected,
    /// Where the expected value comes from, and why the tolerance is what it is.
    pub reason: String,
    /// The published value, where it is another one than is expected here.
    pub published: Option<f64>,
    /// Whether the value is as expected.
    pub holds: bool,
}

impl Check {
    /// Compares.
    #[must_use]
    pub fn new(
        name: impl Into<String>,
        measured: f64,
        precision: Precision,
        expected: Expected,
        reason: impl Into<String>,
    ) -> Self {
        Self {
            name: name.into(),
            measured: measured.is_finite().then_some(measured),
            precision,
            expected,
            reason: reason.into(),
            published: None,
            holds: measured.is_finite() && expected.accepts(measured),
        }
    }

    /// The same beside another value that was published.
    #[must_use]
    pub fn with_published(mut self, value: f64) -> Self {
        self.published = Some(value);
        self
    }

    /// The measured value as text: as it is where it must be met exactly, else six digits.
    #[must_use]
    pub fn measured_text(&self) -> String {
        match (self.measured, self.expected) {
            (None, _) => "not finite".to_owned(),
            (Some(value), Expected::Equals { tolerance: 0.0, .. }) => value.to_string(),
            (Some(value), _) => format_number(value, DIGITS),
        }
    }
}

/// A check on a wrong input.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Control {
    /// What is wrong with the input.
    pub wrong_input: String,
    /// The check, which must not hold.
    pub check: Check,
}

/// A figure, as SVG.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Figure {
    /// Name of its file in a folder of results, from the experiment's id on.
    pub file: String,
    /// The SVG document.
    pub svg: String,
}

/// What an experiment finds.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Findings {
    /// How the result stands to what was published.
    pub verdict: Verdict,
    /// What must hold.
    pub checks: Vec<Check>,
    /// What must not.
    pub controls: Vec<Control>,
    /// Sentences for the reader: what was found beside the checks.
    pub notes: Vec<String>,
    /// Name, empty for the only figure of an experiment, and SVG document.
    pub figures: Vec<(&'static str, String)>,
}

impl Findings {
    /// Nothing found yet.
    #[must_use]
    pub fn new(verdict: Verdict) -> Self {
        Self {
            verdict,
            checks: Vec::new(),
            controls: Vec::new(),
            notes: Vec::new(),
            figures: Vec::new(),
        }
    }

    /// Adds a check.
    pub fn check(&mut self, check: Check) {
        self.checks.push(check);
    }

    /// Adds a check on a wrong input, which must not hold.
    pub fn control(&mut self, wrong_input: impl Into<String>, check: Check) {
        self.controls.push(Control {
            wrong_input: wrong_input.into(),
            check,
        });
    }

    /// Adds a sentence for the reader.
    pub fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }

    /// Adds a figure; its name may be empty if it is the only one.
    pub fn figure(&mut self, name: &'static str, svg: String) {
        self.figures.push((name, svg));
    }

    /// Whether there are checks and all hold, and there are controls and none does.
    #[must_use]
    pub fn pass(&self) -> bool {
        !self.checks.is_empty()
            && !self.controls.is_empty()
            && self.checks.iter().all(|check| check.holds)
            && self.controls.iter().all(|control| !control.check.holds)
    }
}
