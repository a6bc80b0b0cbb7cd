//! What a comparison measures: names, ranges, directions.

use std::fmt;

/// A measure of how alike two dictionaries A (m x n_a) and B (m x n_b) are.
///
/// Serialized as its [`name`](Metric::name).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
#[non_exhaustive]
pub enum Metric {
    /// Mean cosine of the features matched one to one, see [`match_features`](crate::match_features).
    Mcc,
    /// Mean max cosine similarity: of every feature of A with its nearest of B.
    MmcsAToB,
    /// The same the other way.
    MmcsBToA,
    /// The share of the matched pairs whose cosine is at least [`MatchOptions::shared_cosine`](crate::MatchOptions::shared_cosine).
    SharedFraction,
    /// How much of the smaller span lies in the larger, see [`subspace_overlap`](crate::subspace_overlap()).
    SubspaceOverlap,
    /// Mean cosine of feature i of A with feature i of B, over the features that are zero in neither.
    LabelCosine,
    /// Similarity of the Gram matrices, feature i as feature i, see [`gram_comparison`](crate::gram_comparison()).
    GramSimilarity,
    /// Difference of the Gram matrices, scale included.
    GramDifference,
    /// Linear centred kernel alignment, see [`linear_cka`](crate::linear_cka()).
    LinearCka,
    /// The same without its bias, see [`linear_cka_debiased`](crate::linear_cka_debiased()).
    LinearCkaDebiased,
    /// Similarity after the best rotation and scale, feature i to feature i, see [`procrustes`](crate::procrustes()).
    ProcrustesSimilarity,
    /// What that rotation leaves.
    ProcrustesResidual,
    /// Similarity after the best rotation and scale of the matched features.
    MatchedProcrustesSimilarity,
    /// What that rotation leaves.
    MatchedProcrustesResidual,
}

/// What a metric asks of the two dictionaries.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Needs {
    /// One hidden space: cosines between a feature of A and one of B.
    SameHidden,
    /// The same features: feature i of A is feature i of B.
    SameFeatures,
    /// Both.
    Both,
}

impl Metric {
    /// All of them, in the order of reports.
    pub const ALL: [Metric; 14] = [
        Metric::Mcc,
        Metric::MmcsAToB,
        Metric::MmcsBToA,
        Metric::SharedFraction,
        Metric::SubspaceOverlap,
        Metric::LabelCosine,
        Metric::GramSimilarity,
        Metric::GramDifference,
        Metric::LinearCka,
        Metric::LinearCkaDebiased,
        Metric::ProcrustesSimilarity,
        Metric::ProcrustesResidual,
        Metric::MatchedProcrustesSimilarity,
        Metric::MatchedProcrustesResidual,
    ];

    /// Its stable name, in snake case.
    ///
    /// ```
    /// use superposition_analysis::Metric;
    /// assert_eq!(Metric::MmcsAToB.name(), "mmcs_a_to_b");
    /// ```
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Metric::Mcc => "mcc",
            Metric::MmcsAToB => "mmcs_a_to_b",
            Metric::MmcsBToA => "mmcs_b_to_a",
            Metric::SharedFraction => "shared_fraction",
            Metric::SubspaceOverlap => "subspace_overlap",
            Metric::LabelCosine => "label_cosine",
            Metric::GramSimilarity => "gram_similarity",
            Metric::GramDifference => "gram_difference",
            Metric::LinearCka => "linear_cka",
            Metric::LinearCkaDebiased => "linear_cka_debiased",
            Metric::ProcrustesSimilarity => "procrustes_similarity",
            Metric::ProcrustesResidual => "procrustes_residual",
            Metric::MatchedProcrustesSimilarity => "matched_procrustes_similarity",
            Metric::MatchedProcrustesResidual => "matched_procrustes_residual",
        }
    }

    /// The smallest and the largest possible value; `None` for the lower end of the debiased CKA, which has none. Absolute cosines begin at 0.
    #[must_use]
    pub fn range(self) -> (Option<f64>, f64) {
        match self {
            Metric::Mcc | Metric::MmcsAToB | Metric::MmcsBToA | Metric::LabelCosine => {
                (Some(-1.0), 1.0)
            }
            Metric::LinearCkaDebiased => (None, 1.0),
            _ => (Some(0.0), 1.0),
        }
    }

    /// What its values are: a cosine, or a share of something.
    #[must_use]
    pub fn unit(self) -> &'static str {
        match self {
            Metric::Mcc | Metric::MmcsAToB | Metric::MmcsBToA | Metric::LabelCosine => {
                "mean cosine"
            }
            Metric::SharedFraction => "share of the matched pairs",
            Metric::SubspaceOverlap => "mean squared cosine of the principal angles",
            Metric::GramSimilarity => "cosine of the Gram matrices",
            Metric::GramDifference => "share of the norms of the Gram matrices",
            Metric::LinearCka | Metric::LinearCkaDebiased => "cosine of the centred Gram matrices",
            Metric::ProcrustesSimilarity | Metric::MatchedProcrustesSimilarity => {
                "cosine of the matrices after rotation"
            }
            Metric::ProcrustesResidual | Metric::MatchedProcrustesResidual => {
                "share of the norm of the first matrix"
            }
        }
    }

    /// Whether a larger value means more alike.
    #[must_use]
    pub fn higher_is_better(self) -> bool {
        !matches!(
            self,
            Metric::GramDifference | Metric::ProcrustesResidual | Metric::MatchedProcrustesResidual
        )
    }

    /// Whether it changes when the hidden space of one dictionary is rotated.
    #[must_use]
    pub fn depends_on_basis(self) -> bool {
        self.needs() == Needs::SameHidden || self == Metric::LabelCosine
    }

    pub(super) fn needs(self) -> Needs {
        match self {
            Metric::Mcc
            | Metric::MmcsAToB
            | Metric::MmcsBToA
            | Metric::SharedFraction
            | Metric::SubspaceOverlap
            | Metric::MatchedProcrustesSimilarity
            | Metric::MatchedProcrustesResidual => Needs::SameHidden,
            Metric::GramSimilarity
            | Metric::GramDifference
            | Metric::LinearCka
            | Metric::LinearCkaDebiased => Needs::SameFeatures,
            Metric::LabelCosine | Metric::ProcrustesSimilarity | Metric::ProcrustesResidual => {
                Needs::Both
            }
        }
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Why a metric has no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
#[non_exhaustive]
pub enum Undefined {
    /// It takes cosines between the dictionaries, which have different numbers of hidden dimensions.
    HiddenDimensionsDiffer,
    /// It takes feature i of one for feature i of the other, and there are not as many.
    FeatureCountsDiffer,
    /// 0/0: no represented feature, a dictionary that is zero or the same for all features, or too few features.
    Degenerate,
}

impl fmt::Display for Undefined {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Undefined::HiddenDimensionsDiffer => {
                "the dictionaries have different numbers of hidden dimensions"
            }
            Undefined::FeatureCountsDiffer => "the dictionaries have different numbers of features",
            Undefined::Degenerate => "too few features that are not zero or constant",
        })
    }
}
