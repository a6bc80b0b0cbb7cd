//! Which features are active together: correlated and anticorrelated sets.

use std::fmt;
use std::str::FromStr;

use rand::Rng;

use crate::ModelError;
use crate::draws::{Draws, RANGE, value};

/// Which features are active together.
///
/// Features are cut into consecutive sets of `set_size`, the last perhaps smaller; sets are independent of each other,
/// and so are the values of active features. `$p$` is always the marginal probability of a feature, the same within a
/// set. A `set_size` of 1 means independent features.
///
/// As text (`FromStr`, `Display`, which round-trip): `independent`, `correlated:K` or `anticorrelated:K`.
///
/// ```
/// use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
/// use superposition_model::{FeatureDistribution, FeatureProbability, FeatureSets};
///
/// let half = FeatureDistribution::new(2, &FeatureProbability::Same(0.5)).unwrap();
/// let n_active = |sets: FeatureSets| {
///     let x = half.clone().with_sets(sets).unwrap().sample(100, &mut ChaCha8Rng::seed_from_u64(0));
///     [0, 1, 2].map(|n| (0..100).filter(|&s| x.col(s).iter().filter(|&&x| x > 0.0).count() == n).count())
/// };
/// assert_eq!(n_active(FeatureSets::Correlated { set_size: 2 })[1], 0); // none or both
/// assert_eq!(n_active("anticorrelated:2".parse().unwrap()), [0, 100, 0]); // 2 x 1/2: always exactly one
/// ```
///
/// # References
/// Elhage et al. 2022, *Toy Models of Superposition*, the section on correlated features. Its sets are pairs; other
/// sizes are ours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum FeatureSets {
    /// Each feature on its own.
    #[default]
    Independent,
    /// All features of a set are active, each with its own value, or none: the set with probability `$p$`.
    Correlated {
        /// How many features a set has, `$k \ge 1$`.
        set_size: usize,
    },
    /// At most one feature of a set is active: each with probability `$p$`, so `$k p \le 1$`.
    Anticorrelated {
        /// How many features a set has, `$k \ge 1$`.
        set_size: usize,
    },
}

impl FeatureSets {
    /// Checks that these probabilities make such sets.
    pub(crate) fn check(self, probability: &[f64]) -> Result<(), ModelError> {
        let (Self::Correlated { set_size } | Self::Anticorrelated { set_size }) = self else {
            return Ok(());
        };
        if set_size == 0 {
            return Err(ModelError::ZeroDimension { name: "set_size" });
        }
        for (set, members) in probability.chunks(set_size).enumerate() {
            if let Some(other) = members.iter().position(|p| p != &members[0]) {
                return Err(ModelError::SetProbability {
                    features: [set * set_size, set * set_size + other],
                    values: [members[0], members[other]],
                });
            }
            // Rounded as 1/k is: k of fl(1/k) make 1.
            if matches!(self, Self::Anticorrelated { .. })
                && members.len() as f64 * members[0] > 1.0
            {
                return Err(ModelError::AnticorrelatedProbability {
                    feature: set * set_size,
                    set_size: members.len(),
                    value: members[0],
                });
            }
        }
        Ok(())
    }

    /// How many features a set has: 1 for independent features.
    pub(crate) fn set_size(self) -> usize {
        match self {
            Self::Independent => 1,
            Self::Correlated { set_size } | Self::Anticorrelated { set_size } => set_size,
        }
    }
}

impl fmt::Display for FeatureSets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Independent => f.write_str("independent"),
            Self::Correlated { set_size } => write!(f, "correlated:{set_size}"),
            Self::Anticorrelated { set_size } => write!(f, "anticorrelated:{set_size}"),
        }
    }
}

impl FromStr for FeatureSets {
    type Err = ModelError;

    /// Reads `independent`, `correlated:K` or `anticorrelated:K`; blanks around are allowed.
    ///
    /// # Errors
    /// [`ModelError::FeatureSetsText`] if it is none of these or K is 0.
    fn from_str(text: &str) -> Result<Self, ModelError> {
        let error = |reason: String| ModelError::FeatureSetsText {
            text: text.to_owned(),
            reason,
        };
        let size = |part: &str| match part.trim().parse::<usize>() {
            Ok(0) => Err(error("a set has at least 1 feature".to_owned())),
            Ok(size) => Ok(size),
            Err(_) => Err(error(format!("'{}' is no size", part.trim()))),
        };
        match text.trim().split_once(':') {
            None if text.trim() == "independent" => Ok(Self::Independent),
            Some(("correlated", k)) => Ok(Self::Correlated { set_size: size(k)? }),
            Some(("anticorrelated", k)) => Ok(Self::Anticorrelated { set_size: size(k)? }),
            None | Some(_) => {
                let name = text.trim().split(':').next().unwrap_or_default();
                Err(error(match name {
                    "correlated" | "anticorrelated" => "the set size is missing".to_owned(),
                    _ => format!("there is no '{name}'"),
                }))
            }
        }
    }
}

/// The active features of sets, in the order in which they are drawn.
pub(crate) struct SetWalk<'a> {
    sets: FeatureSets,
    rule: &'a [(u64, f64)],
}

impl<'a> SetWalk<'a> {
    /// None where features are independent.
    pub(crate) fn new(sets: FeatureSets, rule: &'a [(u64, f64)]) -> Option<Self> {
        (sets.set_size() > 1).then_some(Self { sets, rule })
    }

    /// Says sample, feature and value of each active feature, samples and features ascending.
    pub(crate) fn sample<R: Rng + ?Sized>(
        &self,
        rng: &mut R,
        batch_size: usize,
        mut active: impl FnMut(usize, usize, f32),
    ) {
        let (n, set_size) = (self.rule.len(), self.sets.set_size());
        let n_sets = n.div_ceil(set_size);
        let anticorrelated = matches!(self.sets, FeatureSets::Anticorrelated { .. });
        let n_values = if anticorrelated { n_sets } else { n };
        let mut draws = Draws::new(rng, (n_sets + n_values) as u64 * batch_size as u64);
        for s in 0..batch_size {
            let mut start = 0;
            while start < n {
                let size = set_size.min(n - start);
                let (threshold, u) = (self.rule[start].0, u64::from(draws.next_word()));
                if anticorrelated {
                    let v = draws.next_word();
                    // A threshold of 0 divides into no member.
                    if let Some(member) = u.checked_div(threshold).filter(|&c| c < size as u64) {
                        active(s, start + member as usize, value(v, RANGE));
                    }
                } else {
                    for i in start..start + size {
                        let v = draws.next_word();
                        if u < threshold {
                            active(s, i, value(v, RANGE));
                        }
                    }
                }
                start += size;
            }
        }
    }
}
