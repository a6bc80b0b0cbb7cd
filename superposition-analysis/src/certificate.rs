//! How far a dictionary is from bounds that nothing can pass.

use crate::{DictionaryReport, welch_bound};
use std::fmt;

/// Which proven bound a [`Certificate`] compares with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
#[non_exhaustive]
pub enum Bound {
    /// Coherence >= the [`welch_bound`]; attained exactly by equiangular tight frames, and for n <= m by orthogonal features.
    Welch,
    /// Frame potential of n unit directions `$\sum_{i,j} \cos_{ij}^2 \ge \max(n, n^2 / m)$`; attained exactly by tight frames, and for n <= m by orthogonal features.
    FramePotential,
    /// Total dimensionality `$\sum_i D_i \le \operatorname{rank} W$`; attained exactly where the features fall into mutually orthogonal groups, each a tight frame of its span.
    TotalDimensionality,
    /// Largest signed cosine >= -1/(n-1) for n <= m + 1, attained exactly by the simplex; >= 0 for m + 1 < n <= 2m, attained among others by the orthoplex.
    Rankin,
}

impl Bound {
    /// Whether values lie above the bound; otherwise they lie below.
    #[must_use]
    pub fn is_lower(self) -> bool {
        !matches!(self, Self::TotalDimensionality)
    }

    /// The bounded quantity in words.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Welch => "coherence",
            Self::FramePotential => "frame potential of unit directions",
            Self::TotalDimensionality => "total dimensionality",
            Self::Rankin => "largest cosine",
        }
    }
}

/// A measured value beside a bound that no dictionary of its shape passes.
///
/// ```
/// use superposition_analysis::Certificate;
/// // Three directions in the plane whose largest cosine is -0.5: a triangle, and nothing is better.
/// let certificate = Certificate::rankin(-0.5, 3, 2, 1e-6).unwrap();
/// assert!(certificate.attained);
/// assert_eq!(certificate.to_string(), "largest cosine -0.5 >= -0.5: attained");
/// let certificate = Certificate::welch(0.75, 3, 2, 1e-6);
/// assert_eq!(certificate.to_string(), "coherence 0.75 >= 0.5: gap 0.25");
/// ```
///
/// # References
/// Welch 1974, *Lower bounds on the maximum cross correlation of signals*; Benedetto and Fickus 2003, *Finite normalized tight frames*; Scherlis et al. 2022, *Polysemanticity and Capacity in Neural Networks*, for the total capacity; Rankin 1955, *The closest packing of spherical caps in n dimensions*.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Certificate {
    /// The quantity and its bound.
    pub kind: Bound,
    /// What was measured.
    pub value: f64,
    /// What no dictionary of the shape passes.
    pub bound: f64,
    /// How far the value is on the possible side of the bound. Slightly negative where rounding carried it over, NaN for a NaN value.
    pub gap: f64,
    /// Whether the gap is at most `tolerance` times the larger of 1 and the bound.
    pub attained: bool,
    /// The tolerance, as given.
    pub tolerance: f64,
}

impl Certificate {
    /// The coherence of n directions in m dimensions against the [`welch_bound`].
    ///
    /// For n > m(m+1)/2 no dictionary attains it.
    #[must_use]
    pub fn welch(coherence: f64, n_features: usize, n_hidden: usize, tolerance: f64) -> Self {
        let bound = welch_bound(n_features, n_hidden);
        Self::new(Bound::Welch, coherence, bound, tolerance)
    }

    /// The frame potential `$\sum_{i,j} \cos_{ij}^2$` of n unit directions in m dimensions, the diagonal included, against `$\max(n, n^2 / m)$`.
    ///
    /// The bound is 0 for m = 0, where there are no unit directions.
    #[must_use]
    pub fn frame_potential(
        potential: f64,
        n_features: usize,
        n_hidden: usize,
        tolerance: f64,
    ) -> Self {
        let (n, m) = (n_features as f64, n_hidden as f64);
        let bound = match n_hidden {
            0 => 0.0,
            _ => n.max(n * n / m),
        };
        Self::new(Bound::FramePotential, potential, bound, tolerance)
    }

    /// The sum of the feature dimensionalities against the [`rank`](crate::rank()).
    #[must_use]
    pub fn total_dimensionality(total: f64, rank: usize, tolerance: f64) -> Self {
        Self::new(Bound::TotalDimensionality, total, rank as f64, tolerance)
    }

    /// The largest signed cosine of n directions in m dimensions against -1/(n-1) (n <= m + 1) or 0 (n <= 2m).
    ///
    /// `None` for n > 2m, where no bound is known in closed form, and for n < 2, where there is no cosine.
    #[must_use]
    pub fn rankin(
        max_cosine: f64,
        n_features: usize,
        n_hidden: usize,
        tolerance: f64,
    ) -> Option<Self> {
        let (n, m) = (n_features, n_hidden);
        let bound = if n < 2 || n > 2 * m {
            return None;
        } else if n <= m + 1 {
            -1.0 / (n - 1) as f64
        } else {
            0.0
        };
        Some(Self::new(Bound::Rankin, max_cosine, bound, tolerance))
    }

    fn new(kind: Bound, value: f64, bound: f64, tolerance: f64) -> Self {
        let gap = if kind.is_lower() {
            value - bound
        } else {
            bound - value
        };
        Self {
            kind,
            value,
            bound,
            gap,
            attained: gap <= tolerance * bound.abs().max(1.0),
            tolerance,
        }
    }
}

impl fmt::Display for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.kind.is_lower() { ">=" } else { "<=" };
        let (name, value, bound) = (self.kind.name(), self.value, self.bound);
        write!(f, "{name} {value} {sign} {bound}: ")?;
        if self.attained {
            f.write_str("attained")
        } else {
            write!(f, "gap {}", self.gap)
        }
    }
}

/// The certificates of a dictionary that was [analysed](crate::analyze) and whose [`rank`](crate::rank()) is known.
///
/// Welch, frame potential and Rankin are about the represented features, the total dimensionality about all.
/// The first and the last are left out where there are fewer than two represented features, Rankin's also for n > 2m.
/// `tolerance` should allow for the precision in which W is stored: 1e-6 suits `f32`.
///
/// ```
/// use superposition_analysis::{AnalysisOptions, Bound, analyze, certificates, from_columns, rank};
/// // A digon and a feature of its own dimension: as good as it gets for n <= 2m, and not tight.
/// let w = from_columns(&[1.0, 0.0, -1.0, 0.0, 0.0, 1.0], 2, 3);
/// let report = analyze(w, &AnalysisOptions::default())?;
/// let certificates = certificates(&report, rank(w), 1e-6);
/// let attained: Vec<(Bound, bool)> = certificates.iter().map(|c| (c.kind, c.attained)).collect();
/// assert_eq!(attained, [
///     (Bound::Welch, false),
///     (Bound::FramePotential, false),
///     (Bound::TotalDimensionality, true),
///     (Bound::Rankin, false),
/// ]);
/// // The frame potential is 3 + 2, the bound 9/2.
/// assert_eq!((certificates[1].value, certificates[1].gap), (5.0, 0.5));
/// # Ok::<(), superposition_analysis::AnalysisError>(())
/// ```
#[must_use]
pub fn certificates(report: &DictionaryReport, rank: usize, tolerance: f64) -> Vec<Certificate> {
    let (n, m) = (report.n_represented, report.n_hidden);
    let pairs = n as f64 * n.saturating_sub(1) as f64;
    let potential = n as f64 + pairs * report.mean_interference;
    let coherence = report.coherence.map(|pair| pair.value);
    let max_cosine = report.max_cosine.map(|pair| pair.value);
    [
        coherence.map(|value| Certificate::welch(value, n, m, tolerance)),
        Some(Certificate::frame_potential(potential, n, m, tolerance)),
        Some(Certificate::total_dimensionality(
            report.total_dimensionality,
            rank,
            tolerance,
        )),
        max_cosine.and_then(|value| Certificate::rankin(value, n, m, tolerance)),
    ]
    .into_iter()
    .flatten()
    .collect()
}
