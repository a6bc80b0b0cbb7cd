//! Learning rates that change over a training.

use std::str::FromStr;

use crate::TrainError;

/// How the learning rate falls after the warm-up, as a fraction of [`AdamConfig::learning_rate`](crate::AdamConfig).
///
/// As text (`FromStr`): `constant`, `linear:LAST` or `cosine:LAST`.
///
/// ```
/// use superposition_train::Decay;
///
/// assert_eq!("cosine:0".parse::<Decay>(), Ok(Decay::Cosine { last: 0.0 }));
/// assert!("cosine".parse::<Decay>().is_err());
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Decay {
    /// Not at all.
    #[default]
    Constant,
    /// Along a straight line from 1 to `last`.
    Linear {
        /// The factor of the last step: finite, at least 0.
        last: f64,
    },
    /// Along half a wave from 1 to `last`: `$last + (1 - last)(1 + \cos \pi t)/2$`.
    Cosine {
        /// The factor of the last step: finite, at least 0.
        last: f64,
    },
}

impl FromStr for Decay {
    type Err = TrainError;

    fn from_str(text: &str) -> Result<Self, TrainError> {
        let (name, last) = match text.split_once(':') {
            Some((name, last)) => (name, last.trim().parse().ok()),
            None => (text, None),
        };
        match (name, last) {
            ("constant", None) if text == name => Ok(Self::Constant),
            ("linear", Some(last)) => Ok(Self::Linear { last }),
            ("cosine", Some(last)) => Ok(Self::Cosine { last }),
            _ => Err(TrainError::DecayText {
                text: text.to_owned(),
            }),
        }
    }
}

/// The factor by which the learning rate of each step is multiplied: a linear warm-up, then a decay.
///
/// With `$w$` steps of warm-up, step `$k$` (from 0) of `$K$` has the factor `$(k+1)/w$` where `$k < w$`. After that
/// the decay runs over `$t = (k-w)/(K-1-w)$` from 0 to 1, so that the first step after the warm-up has the factor 1
/// and the last step of the training has exactly `last`. If only one step follows the warm-up, it has `$t = 0$`.
///
/// ```
/// use superposition_train::{Decay, Schedule};
///
/// let schedule = Schedule::default()
///     .with_decay(Decay::Linear { last: 0.0 })
///     .with_warmup_steps(2);
/// let factors: Vec<f64> = (0..7).map(|step| schedule.factor(step, 7)).collect();
/// assert_eq!(factors, [0.5, 1.0, 1.0, 0.75, 0.5, 0.25, 0.0]);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
#[non_exhaustive]
pub struct Schedule {
    /// What follows the warm-up.
    pub decay: Decay,
    /// The steps over which the factor rises to 1; 0 for none.
    pub warmup_steps: usize,
}

impl Schedule {
    /// The same with this decay.
    #[must_use]
    pub fn with_decay(self, decay: Decay) -> Self {
        Self { decay, ..self }
    }

    /// The same with this many steps of warm-up.
    #[must_use]
    pub fn with_warmup_steps(self, warmup_steps: usize) -> Self {
        Self {
            warmup_steps,
            ..self
        }
    }

    /// The factor of the step with this 0-based index among `n_steps`.
    ///
    /// A step beyond the last one has the last one's factor. Values are the same on every machine: the cosine is
    /// libm's.
    #[must_use]
    pub fn factor(&self, step: usize, n_steps: usize) -> f64 {
        if step < self.warmup_steps {
            return (step + 1) as f64 / self.warmup_steps as f64;
        }
        let length = n_steps.saturating_sub(self.warmup_steps + 1);
        let done = (step - self.warmup_steps).min(length);
        let t = if length == 0 {
            0.0
        } else {
            done as f64 / length as f64
        };
        match self.decay {
            Decay::Constant => 1.0,
            // Both ends are exact: 1 at t = 0 and `last` at t = 1.
            Decay::Linear { last } => (1.0 - t) + t * last,
            Decay::Cosine { last } => {
                let high = 0.5 * (1.0 + libm::cos(std::f64::consts::PI * t));
                high + (1.0 - high) * last
            }
        }
    }

    /// Checks the numbers for a training of `n_steps`.
    pub(crate) fn validate(&self, n_steps: usize) -> Result<(), TrainError> {
        if self.warmup_steps > n_steps {
            return Err(TrainError::WarmUp {
                name: "warmup_steps",
                warmup: self.warmup_steps,
                n_steps,
            });
        }
        match self.decay {
            Decay::Linear { last } | Decay::Cosine { last }
                if !(last.is_finite() && last >= 0.0) =>
            {
                Err(TrainError::Value {
                    name: "last of the learning rate's decay",
                    value: last,
                    expected: "finite and at least 0",
                })
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_by_hand() {
        let cosine = Schedule::default().with_decay(Decay::Cosine { last: 0.1 });
        let factors: Vec<f64> = (0..5).map(|k| cosine.factor(k, 5)).collect();
        // cos of 0, pi/4, pi/2, 3 pi/4, pi.
        let half = std::f64::consts::FRAC_1_SQRT_2;
        let expected = [
            1.0,
            0.1 + 0.45 * (1.0 + half),
            0.55,
            0.1 + 0.45 * (1.0 - half),
            0.1,
        ];
        for (factor, expected) in factors.iter().zip(expected) {
            assert!((factor - expected).abs() < 1e-15, "{factor} {expected}");
        }
        assert_eq!((factors[0], factors[4]), (1.0, 0.1));
        assert_eq!(cosine.factor(99, 5), 0.1);
    }

    #[test]
    fn constant_is_one_after_the_warm_up() {
        let schedule = Schedule::default().with_warmup_steps(4);
        let factors: Vec<f64> = (0..6).map(|k| schedule.factor(k, 6)).collect();
        assert_eq!(factors, [0.25, 0.5, 0.75, 1.0, 1.0, 1.0]);
    }

    #[test]
    fn short_trainings_do_not_divide_by_zero() {
        for decay in [Decay::Linear { last: 0.5 }, Decay::Cosine { last: 0.5 }] {
            let schedule = Schedule::default().with_decay(decay);
            assert_eq!(schedule.factor(0, 1), 1.0);
            assert_eq!(schedule.factor(0, 0), 1.0);
            assert_eq!([0, 1].map(|k| schedule.factor(k, 2)), [1.0, 0.5]);
            let warm = schedule.with_warmup_steps(2);
            assert_eq!([0, 1].map(|k| warm.factor(k, 2)), [0.5, 1.0]);
            assert_eq!([0, 1, 2].map(|k| warm.factor(k, 3)), [0.5, 1.0, 1.0]);
        }
    }

    #[test]
    fn bad_numbers_are_refused() {
        assert!(Schedule::default().with_warmup_steps(3).validate(3).is_ok());
        assert!(
            Schedule::default()
                .with_warmup_steps(4)
                .validate(3)
                .is_err()
        );
        for last in [-0.1, f64::NAN, f64::INFINITY] {
            assert!(
                Schedule::default()
                    .with_decay(Decay::Linear { last })
                    .validate(3)
                    .is_err()
            );
            assert!(
                Schedule::default()
                    .with_decay(Decay::Cosine { last })
                    .validate(3)
                    .is_err()
            );
        }
    }
}
