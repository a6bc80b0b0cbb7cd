//! How often features are active.

use std::fmt;
use std::str::FromStr;

use crate::ModelError;

/// With which probability each feature is active, `$p_i = 1 - S_i$` where `$S$` is the sparsity.
///
/// As text (`FromStr`, `Display`, which round-trip): `p`, `power:EXPONENT:ACTIVE`, `geometric:RATIO:ACTIVE` or `a,b,...`.
///
/// ```
/// use superposition_model::{FeatureDistribution, FeatureProbability};
///
/// let same = FeatureDistribution::new(2, &FeatureProbability::Same(0.1)).unwrap();
/// assert_eq!(same.feature_probability(), [0.1, 0.1]);
/// let each = FeatureDistribution::new(2, &FeatureProbability::PerFeature(vec![0.1, 1.0])).unwrap();
/// assert_eq!(each.feature_probability(), [0.1, 1.0]);
/// // Zipf's law, with half a feature active on average: 1, 1/2 and 1/4 in proportion.
/// let zipf: FeatureProbability = "power:1:0.5".parse().unwrap();
/// assert_eq!(zipf, FeatureProbability::PowerLaw { exponent: 1.0, n_active: 0.5 });
/// let p = zipf.values(4).unwrap();
/// assert!((p[0] - 0.24).abs() < 1e-15 && (p[1] - 0.12).abs() < 1e-15 && (p[3] - 0.06).abs() < 1e-15);
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum FeatureProbability {
    /// The same for all features.
    Same(f64),
    /// One for each feature.
    PerFeature(Vec<f64>),
    /// `$p_i = a\, i^{-\alpha} / \sum_j j^{-\alpha}$`, with features counted from 1: Zipf's law where `$\alpha$` is 1.
    PowerLaw {
        /// `$\alpha$`: finite, at least 0.
        exponent: f64,
        /// `$a$`, how many features are active on average: finite, greater than 0, and so small that no probability is
        /// above 1.
        n_active: f64,
    },
    /// `$p_i = a\, r^i / \sum_j r^j$`: each feature is less often active than the one before, by the same factor.
    Geometric {
        /// `$r$`: within (0, 1].
        ratio: f64,
        /// `$a$`, as for [`PowerLaw`](Self::PowerLaw).
        n_active: f64,
    },
}

impl FeatureProbability {
    /// The probabilities of `n_features` features.
    ///
    /// Powers are taken in f64 by libm, so bits do not depend on the platform; sums are in order.
    ///
    /// ```
    /// use superposition_model::FeatureProbability;
    ///
    /// let halving = FeatureProbability::Geometric { ratio: 0.5, n_active: 1.75 };
    /// assert_eq!(halving.values(3).unwrap(), [1.0, 0.5, 0.25]);
    /// // More than the first feature can be active.
    /// assert!(halving.values(2).is_err());
    /// ```
    ///
    /// # Errors
    /// [`ModelError::FrequencyLaw`] if a number of a law is out of its range; [`ModelError::ProbabilityCount`] if not one
    /// probability for each feature is given; [`ModelError::Probability`] if one is outside \[0, 1\] or NaN;
    /// [`ModelError::TooLarge`] if memory has no room.
    pub fn values(&self, n_features: usize) -> Result<Vec<f64>, ModelError> {
        let check = |feature, value: f64| {
            if (0.0..=1.0).contains(&value) {
                Ok(())
            } else {
                Err(ModelError::Probability { feature, value })
            }
        };
        // Before anything is allocated.
        self.validate()?;
        match self {
            Self::Same(p) => check(None, *p)?,
            Self::PerFeature(p) if p.len() != n_features => {
                let (found, expected) = (p.len(), n_features);
                return Err(ModelError::ProbabilityCount { found, expected });
            }
            _ => {}
        }
        let mut values = Vec::new();
        values
            .try_reserve_exact(n_features)
            .map_err(|_| ModelError::TooLarge {
                what: "a feature distribution",
                sizes: format!("n_features {n_features}"),
                limit: u64::from(u32::MAX),
            })?;
        match self {
            Self::Same(p) => values.resize(n_features, *p),
            Self::PerFeature(p) => values.extend_from_slice(p),
            Self::PowerLaw { exponent, n_active } => {
                values.extend((1..=n_features).map(|i| libm::pow(i as f64, *exponent)));
                let sum: f64 = values.iter().map(|power| 1.0 / power).sum();
                values.iter_mut().for_each(|x| *x = n_active / (*x * sum));
            }
            Self::Geometric { ratio, n_active } => {
                values.extend((0..n_features).map(|i| libm::pow(*ratio, i as f64)));
                let sum: f64 = values.iter().sum();
                values.iter_mut().for_each(|x| *x *= n_active / sum);
            }
        }
        let mut features = values.iter().enumerate();
        features.try_for_each(|(feature, &p)| check(Some(feature), p))?;
        Ok(values)
    }

    /// Checks the numbers of a law.
    fn validate(&self) -> Result<(), ModelError> {
        let law = |name, value: f64, right, expected| match right {
            true => Ok(()),
            false => Err(ModelError::FrequencyLaw {
                name,
                value,
                expected,
            }),
        };
        let (Self::PowerLaw { n_active, .. } | Self::Geometric { n_active, .. }) = self else {
            return Ok(());
        };
        let positive = n_active.is_finite() && *n_active > 0.0;
        law("n_active", *n_active, positive, "finite and greater than 0")?;
        match *self {
            Self::PowerLaw { exponent, .. } => law(
                "exponent",
                exponent,
                exponent.is_finite() && exponent >= 0.0,
                "finite and at least 0",
            ),
            Self::Geometric { ratio, .. } => law(
                "ratio",
                ratio,
                ratio > 0.0 && ratio <= 1.0,
                "greater than 0 and at most 1",
            ),
            _ => Ok(()),
        }
    }
}

impl fmt::Display for FeatureProbability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Same(p) => write!(f, "{p}"),
            Self::PerFeature(values) => {
                for (i, value) in values.iter().enumerate() {
                    let comma = if i == 0 { "" } else { "," };
                    write!(f, "{comma}{value}")?;
                }
                Ok(())
            }
            Self::PowerLaw { exponent, n_active } => write!(f, "power:{exponent}:{n_active}"),
            Self::Geometric { ratio, n_active } => write!(f, "geometric:{ratio}:{n_active}"),
        }
    }
}

impl FromStr for FeatureProbability {
    type Err = ModelError;

    /// Reads `p`, `power:EXPONENT:ACTIVE`, `geometric:RATIO:ACTIVE` or `a,b,...`; blanks around numbers are allowed.
    ///
    /// # Errors
    /// [`ModelError::ProbabilityText`] if it is none of these; [`ModelError::FrequencyLaw`] if a number of a law is out of its
    /// range.
    fn from_str(text: &str) -> Result<Self, ModelError> {
        let wrong = |reason: String| ModelError::ProbabilityText {
            text: text.to_owned(),
            reason,
        };
        let number = |part: &str| {
            let part = part.trim();
            part.parse::<f64>()
                .map_err(|_| wrong(format!("'{part}' is no number")))
        };
        let probability = match text.split(':').map(str::trim).collect::<Vec<_>>()[..] {
            ["power", exponent, n_active] => Self::PowerLaw {
                exponent: number(exponent)?,
                n_active: number(n_active)?,
            },
            ["geometric", ratio, n_active] => Self::Geometric {
                ratio: number(ratio)?,
                n_active: number(n_active)?,
            },
            [name @ ("power" | "geometric"), ..] => {
                return Err(wrong(format!("{name} takes two numbers")));
            }
            [name, _, ..] => return Err(wrong(format!("there is no '{name}'"))),
            _ => match text.split(',').map(number).collect::<Result<Vec<_>, _>>()?[..] {
                [p] => Self::Same(p),
                ref all => Self::PerFeature(all.to_vec()),
            },
        };
        probability.validate()?;
        Ok(probability)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn laws_are_those_of_their_formulas() {
        for n in [1, 2, 7, 1000] {
            for exponent in [0.0, 0.5, 1.0, 2.5] {
                let n_active = 0.3;
                let law = FeatureProbability::PowerLaw { exponent, n_active };
                let p = law.values(n).unwrap();
                assert_eq!(p.len(), n);
                assert!((p.iter().sum::<f64>() - n_active).abs() < 1e-12);
                for (i, p_i) in p.iter().enumerate() {
                    let ratio = ((i + 1) as f64).powf(-exponent);
                    assert!((p_i / p[0] - ratio).abs() < 1e-12);
                }
            }
            for ratio in [1e-3, 0.9, 1.0] {
                let n_active = 0.9;
                let law = FeatureProbability::Geometric { ratio, n_active };
                let p = law.values(n).unwrap();
                assert!((p.iter().sum::<f64>() - n_active).abs() < 1e-12);
                let steady = |pair: &[f64]| (pair[1] - ratio * pair[0]).abs() < 1e-12;
                assert!(p.windows(2).all(steady));
            }
        }
    }

    #[test]
    fn text_goes_both_ways() {
        for text in ["0.1", "0.1,0.2", "power:1:2.5", "geometric:0.5:0.25"] {
            let read: FeatureProbability = text.parse().unwrap();
            assert_eq!(read.to_string(), text);
        }
        for (text, reason) in [
            ("often", "'often' is no number"),
            ("power:1", "power takes two numbers"),
            ("power:a:1", "'a' is no number"),
            ("zipf:1:1", "there is no 'zipf'"),
            ("power:-1:1", "exponent is -1"),
            ("power:1:0", "n_active is 0"),
            ("geometric:1.5:1", "ratio is 1.5"),
            ("geometric:0:1", "ratio is 0"),
        ] {
            let error = text.parse::<FeatureProbability>().unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
    }

    #[test]
    fn no_probability_is_above_1() {
        let law: FeatureProbability = "power:1:2".parse().unwrap();
        let error = law.values(3).unwrap_err();
        assert!(matches!(
            error,
            ModelError::Probability {
                feature: Some(0),
                ..
            }
        ));
        assert!(law.values(30).is_ok());
    }
}
