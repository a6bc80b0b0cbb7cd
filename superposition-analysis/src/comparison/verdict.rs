//! What the numbers of a comparison say in words.

use super::compare::Comparison;
use super::metric::Metric;
use std::fmt;

/// What two dictionaries have in common, by the thresholds of [`verdict`](Comparison::verdict).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
#[non_exhaustive]
pub enum Verdict {
    /// Feature i of one is feature i of the other, direction by direction.
    SameBasis,
    /// The same directions, in another order.
    Permuted,
    /// Some directions in common, more than by chance.
    PartlyShared,
    /// The same features with the same inner products, but no directions in common: one hidden space is a rotation of the other.
    DifferentBases,
    /// No directions in common beyond chance, and, where features have labels, other inner products.
    /// A copy that is both rotated and in another order is not told apart from this.
    Unrelated,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Verdict::SameBasis => "same basis",
            Verdict::Permuted => "permuted",
            Verdict::PartlyShared => "partly shared",
            Verdict::DifferentBases => "different bases",
            Verdict::Unrelated => "unrelated",
        })
    }
}

/// From here on a similarity counts as the same.
const SAME: f64 = 0.9;
/// Up to here a similarity counts as chance.
const CHANCE: f64 = 0.1;

impl Comparison {
    /// The verdict; `None` without baselines, or where neither cosines between the dictionaries nor labels exist to decide it.
    ///
    /// With the **excess** `(x - x_0) / (1 - x_0)` of a metric x over the median `$x_0$` of its baseline (0 where `$x_0$` = 1), the first of these that holds:
    ///
    /// - *same basis*: `label_cosine` is at least 0.9.
    /// - *permuted*: `mcc` is at least 0.9 and above the 95 % quantile of both its baselines.
    /// - *different bases*: `gram_similarity` and those of `linear_cka` and `procrustes_similarity` that are defined have an excess of at least 0.9 over random dictionaries.
    /// - *partly shared*: `mcc` is above the 95 % quantile of both its baselines and its excess over each at least 0.1.
    /// - *unrelated*: none of these, and `mcc` is defined or all label-matched metrics are.
    ///
    /// Baselines with one draw or two have their extremes for quantiles.
    #[must_use]
    pub fn verdict(&self) -> Option<Verdict> {
        if self.null_draws == 0 {
            return None;
        }
        let value = |metric: Metric| self.score(metric).value;
        let mcc = value(Metric::Mcc);
        let beats_chance = self.beats_chance(Metric::Mcc, 0.0);
        let same_geometry = [
            Metric::GramSimilarity,
            Metric::LinearCka,
            Metric::ProcrustesSimilarity,
        ]
        .into_iter()
        .filter_map(|metric| self.excess_over_random(metric))
        .map(|excess| excess >= SAME)
        .reduce(|all, one| all && one);
        if value(Metric::LabelCosine).is_some_and(|cosine| cosine >= SAME) {
            Some(Verdict::SameBasis)
        } else if mcc.is_some_and(|mcc| mcc >= SAME) && beats_chance {
            Some(Verdict::Permuted)
        } else if same_geometry == Some(true) {
            Some(Verdict::DifferentBases)
        } else if self.beats_chance(Metric::Mcc, CHANCE) {
            Some(Verdict::PartlyShared)
        } else {
            mcc.map(|_| ())
                .or(same_geometry.map(|_| ()))
                .map(|()| Verdict::Unrelated)
        }
    }

    /// Whether a metric is above the 95 % quantiles of both its baselines, and in excess of their medians by at least this.
    fn beats_chance(&self, metric: Metric, excess: f64) -> bool {
        let score = self.score(metric);
        let Some(value) = score.value else {
            return false;
        };
        let mut baselines = [&score.random, &score.rotated].into_iter().flatten();
        baselines.all(|null| value > null.quantile_95 && excess_over(value, null.median) >= excess)
    }

    fn excess_over_random(&self, metric: Metric) -> Option<f64> {
        let score = self.score(metric);
        Some(excess_over(score.value?, score.random.as_ref()?.median))
    }
}

/// 0 at `chance`, 1 at 1; 0 where there is no room between.
fn excess_over(value: f64, chance: f64) -> f64 {
    if chance < 1.0 {
        (value - chance) / (1.0 - chance)
    } else {
        0.0
    }
}
