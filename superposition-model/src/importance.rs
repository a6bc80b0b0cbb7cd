//! How much the error of each feature counts.

use std::fmt;
use std::str::FromStr;

use crate::ModelError;

/// How much the squared error of each feature counts in the loss, `$I_i$`.
///
/// As text (`FromStr`, `Display`, which round-trip): `uniform`, `geometric:R`, `geometric-to:X` or `a,b,...`.
///
/// The default falls from 1 to 0.01 over the features, so that every feature counts. `geometric:0.7` weights the
/// 40th of 100 features by 9e-7 and the last by 5e-16: all but the first forty or so get no gradient to speak of and
/// keep their random start.
///
/// ```
/// use superposition_model::Importance;
///
/// assert_eq!(Importance::default().weights(3).unwrap(), [1.0, 0.1, 0.01]);
/// assert_eq!(Importance::Geometric { ratio: 0.5 }.weights(3).unwrap(), [1.0, 0.5, 0.25]);
/// let parsed: Importance = "geometric:0.5".parse().unwrap();
/// assert_eq!(parsed, Importance::Geometric { ratio: 0.5 });
/// assert_eq!(parsed.to_string(), "geometric:0.5");
/// ```
///
/// # References
/// Elhage et al. 2022, *Toy Models of Superposition*: `$0.7^i$` in section 2, `$0.9^i$` and
/// `$100^{-i/(n-1)}$` (the default here) in its notebook.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Importance {
    /// `$I_i = 1$`.
    Uniform,
    /// `$I_i = r^i$`.
    Geometric {
        /// The ratio `$r > 0$` of neighbours.
        ratio: f64,
    },
    /// `$I_i = l^{i/(n-1)}$`: from 1 for the first feature to `$l$` for the last. With one feature, 1.
    GeometricTo {
        /// The importance `$l > 0$` of the last feature.
        last: f64,
    },
    /// One number for each feature, each at least 0.
    Explicit(Vec<f64>),
}

impl Default for Importance {
    fn default() -> Self {
        Self::GeometricTo { last: 0.01 }
    }
}

impl Importance {
    /// The importances of `n_features` features, as the losses take them.
    ///
    /// Powers are taken in f64 by libm and rounded once, so bits do not depend on the platform. Importances below
    /// 1e-45 become 0. Zeros are allowed, also for all features: the loss is then 0.
    ///
    /// ```
    /// use superposition_model::Importance;
    ///
    /// assert_eq!(Importance::Uniform.weights(2).unwrap(), [1.0, 1.0]);
    /// assert_eq!(Importance::GeometricTo { last: 10.0 }.weights(2).unwrap(), [1.0, 10.0]);
    /// assert_eq!(Importance::Explicit(vec![3.0, 0.0]).weights(2).unwrap(), [3.0, 0.0]);
    /// assert!(Importance::Explicit(vec![3.0, -1.0]).weights(2).is_err());
    /// ```
    ///
    /// # Errors
    /// [`ModelError::ZeroDimension`] for no feature; [`ModelError::ImportanceRatio`] if a ratio or last importance is
    /// not finite and above 0; [`ModelError::ImportanceCount`] if the numbers given are not one for each feature;
    /// [`ModelError::ImportanceValue`] if one is negative or not finite in f32; [`ModelError::TooLarge`] if memory has
    /// no room.
    pub fn weights(&self, n_features: usize) -> Result<Vec<f32>, ModelError> {
        let values = self.weights_f64(n_features)?;
        let weights = values.iter().enumerate();
        weights
            .map(|(feature, &value)| to_f32(feature, value))
            .collect()
    }

    /// The same, not rounded to f32: for [exact losses](crate::population::PopulationObjective).
    ///
    /// ```
    /// use superposition_model::Importance;
    ///
    /// let importance = Importance::Geometric { ratio: 0.7 };
    /// assert_eq!(importance.weights_f64(2).unwrap(), [1.0, 0.7]);
    /// assert_eq!(importance.weights(2).unwrap(), [1.0, 0.7_f32]);
    /// ```
    ///
    /// # Errors
    /// Those of [`Importance::weights`].
    pub fn weights_f64(&self, n_features: usize) -> Result<Vec<f64>, ModelError> {
        self.validate()?;
        if n_features == 0 {
            return Err(ModelError::ZeroDimension { name: "n_features" });
        }
        if let Self::Explicit(values) = self {
            let (found, expected) = (values.len(), n_features);
            if found != expected {
                return Err(ModelError::ImportanceCount { found, expected });
            }
        }
        let mut weights = Vec::new();
        weights
            .try_reserve_exact(n_features)
            .map_err(|_| ModelError::TooLarge {
                what: "an importance",
                sizes: format!("n_features {n_features}"),
                limit: crate::config::MAX_PARAMETERS,
            })?;
        for feature in 0..n_features {
            let value = match self {
                Self::Uniform => 1.0,
                Self::Geometric { ratio } => libm::pow(*ratio, feature as f64),
                Self::GeometricTo { .. } if n_features == 1 => 1.0,
                Self::GeometricTo { last } => {
                    libm::pow(*last, feature as f64 / (n_features - 1) as f64)
                }
                Self::Explicit(values) => values[feature],
            };
            to_f32(feature, value)?;
            weights.push(value);
        }
        Ok(weights)
    }

    /// Checks what can be checked without the number of features.
    fn validate(&self) -> Result<(), ModelError> {
        let positive = |name, value: f64| {
            if value.is_finite() && value > 0.0 {
                Ok(())
            } else {
                Err(ModelError::ImportanceRatio { name, value })
            }
        };
        match self {
            Self::Uniform => Ok(()),
            Self::Geometric { ratio } => positive("ratio", *ratio),
            Self::GeometricTo { last } => positive("last", *last),
            Self::Explicit(values) => values
                .iter()
                .enumerate()
                .try_for_each(|(feature, &value)| to_f32(feature, value).map(|_| ())),
        }
    }
}

/// An importance as the losses take it.
fn to_f32(feature: usize, value: f64) -> Result<f32, ModelError> {
    let weight = value as f32;
    if weight.is_finite() && value >= 0.0 {
        Ok(weight)
    } else {
        Err(ModelError::ImportanceValue { feature, value })
    }
}

impl fmt::Display for Importance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Uniform => f.write_str("uniform"),
            Self::Geometric { ratio } => write!(f, "geometric:{ratio}"),
            Self::GeometricTo { last } => write!(f, "geometric-to:{last}"),
            Self::Explicit(values) => {
                for (i, value) in values.iter().enumerate() {
                    let comma = if i == 0 { "" } else { "," };
                    write!(f, "{comma}{value}")?;
                }
                Ok(())
            }
        }
    }
}

impl FromStr for Importance {
    type Err = ModelError;

    /// Reads `uniform`, `geometric:R`, `geometric-to:X` or `a,b,...`; blanks around numbers are allowed.
    ///
    /// # Errors
    /// [`ModelError::ImportanceText`] if it is none of these, and the errors of [`Importance::weights`] for values.
    fn from_str(text: &str) -> Result<Self, ModelError> {
        let number = |part: &str| {
            part.trim()
                .parse::<f64>()
                .map_err(|_| ModelError::ImportanceText {
                    text: text.to_owned(),
                    reason: format!("'{}' is no number", part.trim()),
                })
        };
        let trimmed = text.trim();
        let importance = match trimmed.split_once(':') {
            Some(("geometric", ratio)) => Self::Geometric {
                ratio: number(ratio)?,
            },
            Some(("geometric-to", last)) => Self::GeometricTo {
                last: number(last)?,
            },
            Some((name, _)) => {
                return Err(ModelError::ImportanceText {
                    text: text.to_owned(),
                    reason: format!("there is no '{name}'"),
                });
            }
            None if trimmed == "uniform" => Self::Uniform,
            None => Self::Explicit(trimmed.split(',').map(number).collect::<Result<_, _>>()?),
        };
        importance.validate()?;
        Ok(importance)
    }
}
