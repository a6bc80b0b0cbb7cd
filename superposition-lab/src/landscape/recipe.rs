//! What determines a landscape.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use superposition_model::population::PopulationObjective;
use superposition_model::{FeatureProbability, Importance};
use superposition_train::optimum::FollowOptions;

use crate::{LabError, OptimumRecipe};

/// What changes along a landscape.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Along {
    /// The probability of all features: `p`.
    FeatureProbability,
    /// That of one feature: `p:I`.
    FeatureProbabilityOf(usize),
    /// The importance of one feature: `importance:I`.
    ImportanceOf(usize),
}

impl fmt::Display for Along {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FeatureProbability => f.write_str("p"),
            Self::FeatureProbabilityOf(feature) => write!(f, "p:{feature}"),
            Self::ImportanceOf(feature) => write!(f, "importance:{feature}"),
        }
    }
}

impl Along {
    /// Such as `importance of feature 0`.
    #[must_use]
    pub fn in_words(self) -> String {
        match self {
            Self::FeatureProbability => "feature probability p".to_owned(),
            Self::FeatureProbabilityOf(feature) => format!("p of feature {feature}"),
            Self::ImportanceOf(feature) => format!("importance of feature {feature}"),
        }
    }
}

impl FromStr for Along {
    type Err = LabError;

    fn from_str(text: &str) -> Result<Self, LabError> {
        let feature = |index: &str| index.parse().ok();
        let along = match text.split_once(':') {
            None if text == "p" => Some(Self::FeatureProbability),
            Some(("p", index)) => feature(index).map(Self::FeatureProbabilityOf),
            Some(("importance", index)) => feature(index).map(Self::ImportanceOf),
            _ => None,
        };
        along.ok_or_else(|| LabError::Option {
            name: "along",
            value: format!("{text:?}"),
            expected: "p (of all features), p:I (of feature I, counted from 0), or importance:I",
        })
    }
}

/// Everything that determines a landscape.
///
/// ```
/// use superposition_lab::model::{Dimensions, ToyModelConfig};
/// use superposition_lab::{Along, LandscapeRecipe, OptimumRecipe};
///
/// let model = ToyModelConfig::new(Dimensions { n_features: 5, n_hidden: 2 });
/// let recipe = LandscapeRecipe::new(OptimumRecipe::new(model), Along::FeatureProbability, (0.01, 0.9));
/// assert!(recipe.is_log && recipe.n_anchors == 5);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct LandscapeRecipe {
    /// The model and its task, but for what changes, and how minima are looked for.
    pub optimum: OptimumRecipe,
    /// What changes.
    pub along: Along,
    /// From where to where.
    pub range: (f64, f64),
    /// Whether steps are equal ratios: where the range allows it, with both ends above 0.
    pub is_log: bool,
    /// At how many places minima are looked for, the ends among them: 5. A branch that is at none of them is missed.
    pub n_anchors: usize,
    /// How many of the lowest minima of each place are followed: 3.
    pub n_minima: usize,
    /// How they are followed.
    pub follow: FollowOptions,
}

impl LandscapeRecipe {
    /// Five anchors and three minima of each.
    #[must_use]
    pub fn new(optimum: OptimumRecipe, along: Along, range: (f64, f64)) -> Self {
        Self {
            optimum,
            along,
            range,
            is_log: range.0 > 0.0 && range.1 > 0.0,
            n_anchors: 5,
            n_minima: 3,
            follow: FollowOptions::default(),
        }
    }

    /// The recipe of the optimum at a value of the parameter.
    ///
    /// # Errors
    /// The value, or one of the recipe, is wrong.
    pub fn at(&self, parameter: f64) -> Result<OptimumRecipe, LabError> {
        let mut recipe = self.optimum.clone();
        let n = recipe.model.dimensions.n_features;
        let check = |feature: usize| {
            if feature < n {
                return Ok(feature);
            }
            Err(LabError::Option {
                name: "along",
                value: self.along.to_string(),
                expected: "a feature of the model, counted from 0",
            })
        };
        match self.along {
            Along::FeatureProbability => {
                recipe.feature_probability = FeatureProbability::Same(parameter);
            }
            Along::FeatureProbabilityOf(feature) => {
                let mut p = recipe.feature_probability.values(n)?;
                if let Some(p) = p.get_mut(check(feature)?) {
                    *p = parameter;
                }
                recipe.feature_probability = FeatureProbability::PerFeature(p);
            }
            Along::ImportanceOf(feature) => {
                let mut importance = recipe.importance.weights_f64(n)?;
                importance[check(feature)?] = parameter;
                recipe.importance = Importance::Explicit(importance);
            }
        }
        Ok(recipe)
    }

    /// Where on the axis that is walked evenly a value of the parameter is.
    pub(super) fn place(&self, parameter: f64) -> f64 {
        if self.is_log {
            parameter.ln()
        } else {
            parameter
        }
    }

    /// The parameter at a place; exactly the ends at the ends.
    pub(super) fn parameter(&self, place: f64) -> f64 {
        let (from, to) = self.range;
        let parameter = if self.is_log { place.exp() } else { place };
        parameter.clamp(from.min(to), from.max(to))
    }

    /// The objective at a place of a checked recipe.
    pub(super) fn objective(&self, place: f64) -> PopulationObjective {
        let at = self.at(self.parameter(place));
        at.and_then(|recipe| recipe.objective())
            .expect("both ends are valid, so is what is between")
    }

    pub(super) fn check(&self) -> Result<(), LabError> {
        let (from, to) = self.range;
        let range = |expected| {
            Err(LabError::Option {
                name: "range",
                value: format!("from {from} to {to}"),
                expected,
            })
        };
        if !(from.is_finite() && to.is_finite() && from < to) {
            return range("the first must be smaller than the second");
        }
        if self.is_log && from <= 0.0 {
            return range("equal ratios need both ends above 0");
        }
        for (name, value) in [
            ("anchors", self.n_anchors.checked_sub(1)),
            ("steps", Some(self.follow.n_steps)),
            ("minima", Some(self.n_minima)),
        ] {
            if value.is_none_or(|value| value == 0) {
                return Err(LabError::Option {
                    name,
                    value: "too few".to_owned(),
                    expected: "at least two anchors, one step and one minimum",
                });
            }
        }
        // What is wrong at the ends is told before anything is computed.
        for end in [from, to] {
            self.at(end)?.objective()?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changes_in_words() {
        for text in ["p", "p:3", "importance:0"] {
            assert_eq!(text.parse::<Along>().unwrap().to_string(), text);
        }
        for text in ["", "q", "p:", "p:-1", "importance", "importance:x", "p:1:2"] {
            let error = text.parse::<Along>().unwrap_err().to_string();
            assert!(error.contains("importance:I"), "{error}");
        }
    }
}
