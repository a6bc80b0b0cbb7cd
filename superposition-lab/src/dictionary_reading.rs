//! What `analyze` reads from a dictionary beside its report: bounds, baselines, polytopes, activity.

use serde::Serialize;
use superposition_analysis::faer::MatRef;
use superposition_analysis::{
    Activity, ActivityInterference, AnalysisOptions, Certificate, DictionaryReport, FeatureRow,
    NullBaselines, NullOptions, PairStatistics, PairWeighting, PolytopeOptions, Polytopes, Real,
    activity_interference, certificates, null_baselines_beside, polytope_stability, polytopes,
};

use crate::LabError;
use crate::feature_table::{ColumnValues, FeatureTable};

/// Thresholds over which the names of polytopes are compared.
const STABILITY_THRESHOLDS: [f64; 5] = [0.02, 0.035, 0.05, 0.07, 0.1];
/// How near to its bound a value attains it: single precision.
const ATTAINED: f64 = 1e-6;

/// What more to read from a dictionary.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct ReadingOptions {
    /// Random dictionaries to compare with; `edge_threshold`, `min_norm` and `threads` are those of the analysis.
    pub null: Option<NullOptions>,
    /// How polytopes are named; `min_norm` is that of the analysis.
    pub polytopes: Option<PolytopeOptions>,
}

/// Part of the analysis document.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct DictionaryReading {
    /// Values beside what no dictionary of the shape passes.
    pub certificates: Vec<Certificate>,
    /// What random dictionaries have, if asked for; none with fewer than two represented features or without pairs.
    pub null_baselines: Option<NullBaselines>,
    /// The components by name, if asked for.
    pub polytopes: Option<PolytopeSummary>,
    /// Interference weighted by activations or firing rates, where these are known.
    pub activity: Option<ActivitySummary>,
    /// A name per feature, `None` if it is not represented, and its component.
    #[serde(skip)]
    pub(crate) polytope_of: Option<Vec<Option<(String, usize)>>>,
    /// The interference that a feature meets while it is active.
    #[serde(skip)]
    pub(crate) met_interference: Option<Vec<f64>>,
}

/// The polytopes of a dictionary.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct PolytopeSummary {
    /// In words.
    pub description: String,
    /// Features with cos^2 above this are in one component.
    pub threshold: f64,
    /// The largest difference of cosines from the figure's.
    pub tolerance: f64,
    /// By name, those with most features first.
    pub counts: Vec<NamedCount>,
    /// The thresholds at which the names were compared.
    pub stability_thresholds: Vec<f64>,
    /// Represented features whose component is the same at all of these.
    pub n_stable: usize,
    /// Those of them with a name.
    pub n_stable_named: usize,
}

/// How many components have a name.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct NamedCount {
    /// The name; `irregular` for those that fit no figure.
    pub name: String,
    /// Number of components.
    pub n_components: usize,
    /// Number of features in them.
    pub n_features: usize,
    /// Dimensions they span together.
    pub rank: usize,
    /// The largest difference of a cosine from the figure's; none for irregular ones.
    pub residual: Option<f64>,
}

/// Interference weighted by how often two features are active together.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct ActivitySummary {
    /// Where the weights come from.
    pub weighting: PairWeighting,
    /// Expected sum of cos^2 over the ordered pairs of features active at one time.
    pub total: f64,
    /// Expected number of these pairs.
    pub pairs: f64,
    /// Mean cos^2 of two features that are active together; none where no two ever are.
    pub mean: Option<f64>,
}

/// Reads it from the m x n matrix W, of which `geometry` is the report; `rank` if that is known.
pub(crate) fn read_more<T: Real>(
    w: MatRef<'_, T>,
    geometry: &DictionaryReport,
    rank: Option<usize>,
    activity: Activity<'_>,
    analysis: &AnalysisOptions,
    options: &ReadingOptions,
) -> Result<DictionaryReading, LabError> {
    // No rank is larger.
    let rank = rank.unwrap_or_else(|| w.nrows().min(w.ncols()));
    let (summary, polytope_of) = match options.polytopes {
        Some(options) => {
            let (summary, names) = name_polytopes(w, options.with_min_norm(analysis.min_norm))?;
            (Some(summary), Some(names))
        }
        None => (None, None),
    };
    let activity = match activity {
        Activity::Unknown => None,
        known => Some(activity_interference(w, known, analysis)?),
    };
    Ok(DictionaryReading {
        certificates: certificates(geometry, rank, ATTAINED),
        null_baselines: match options.null {
            Some(null) => baselines(w, geometry, analysis, null)?,
            None => None,
        },
        polytopes: summary,
        activity: activity.as_ref().map(ActivitySummary::of),
        polytope_of,
        met_interference: activity.map(|activity| activity.by_feature),
    })
}

impl DictionaryReading {
    /// What needs no more of W, m x n, than its report, and interference met where it is known.
    pub(crate) fn of_report(
        geometry: &DictionaryReport,
        activity: Option<ActivityInterference>,
    ) -> Self {
        let rank = geometry.n_hidden.min(geometry.n_features);
        Self {
            certificates: certificates(geometry, rank, ATTAINED),
            null_baselines: None,
            polytopes: None,
            activity: activity.as_ref().map(ActivitySummary::of),
            polytope_of: None,
            met_interference: activity.map(|activity| activity.by_feature),
        }
    }
}

impl ActivitySummary {
    fn of(activity: &ActivityInterference) -> Self {
        Self {
            weighting: activity.weighting,
            total: activity.total,
            pairs: activity.pairs,
            mean: activity.mean,
        }
    }
}

fn baselines<T: Real>(
    w: MatRef<'_, T>,
    geometry: &DictionaryReport,
    analysis: &AnalysisOptions,
    mut options: NullOptions,
) -> Result<Option<NullBaselines>, LabError> {
    options.edge_threshold = analysis.cluster_threshold;
    options.min_norm = analysis.min_norm;
    options.threads = analysis.threads;
    let rows = &geometry.features;
    let nearest: Vec<f64> = rows.iter().filter_map(|row| row.max_cosine).collect();
    let n_ends: usize = rows.iter().filter_map(|row| row.degree).sum();
    let observed = geometry.min_cosine.and_then(|smallest| {
        let mean = geometry.mean_interference;
        PairStatistics::from_pairs(mean, &nearest, smallest.value, n_ends as u64 / 2)
    });
    Ok(match observed {
        Some(_) => Some(null_baselines_beside(w, observed, &options)?),
        None => None,
    })
}

type NameOfFeature = Vec<Option<(String, usize)>>;

fn name_polytopes<T: Real>(
    w: MatRef<'_, T>,
    options: PolytopeOptions,
) -> Result<(PolytopeSummary, NameOfFeature), LabError> {
    let found: Polytopes = polytopes(w, &options)?;
    let stability = polytope_stability(w, &options, &STABILITY_THRESHOLDS)?;
    let name = |polytope: Option<superposition_analysis::Polytope>| {
        polytope.map_or_else(|| "irregular".to_owned(), |polytope| polytope.to_string())
    };
    let mut names = vec![None; w.ncols()];
    for (component, matched) in found.components.iter().enumerate() {
        for &feature in &matched.features {
            names[feature] = Some((name(matched.polytope), component));
        }
    }
    let counts = found.counts().into_iter().map(|count| NamedCount {
        name: name(count.polytope),
        n_components: count.n_components,
        n_features: count.n_features,
        rank: count.rank,
        residual: count.residual,
    });
    let summary = PolytopeSummary {
        description: found.to_string(),
        threshold: options.threshold,
        tolerance: options.tolerance,
        counts: counts.collect(),
        stability_thresholds: STABILITY_THRESHOLDS.to_vec(),
        n_stable: stability.n_stable,
        n_stable_named: stability.n_stable_named,
    };
    Ok((summary, names))
}

impl DictionaryReading {
    /// Adds the columns `interference_z`, `interference_z_isotropic`, `polytope`, `component` and `met_interference`, those that there are.
    pub(crate) fn push_columns(&self, geometry: &DictionaryReport, table: &mut FeatureTable) {
        if let Some(null) = &self.null_baselines {
            let of_features = |z: &dyn Fn(f64) -> Option<f64>| {
                let rows = geometry.features.iter();
                let z = |row: &FeatureRow| {
                    let is_represented = row.norm > geometry.min_norm;
                    is_represented.then(|| z(row.mean_interference)).flatten()
                };
                ColumnValues::Number(rows.map(z).collect())
            };
            let null = &null.feature_interference;
            table.push("interference_z", of_features(&|x| null.matched_z(x)));
            table.push(
                "interference_z_isotropic",
                of_features(&|x| null.isotropic_z(x)),
            );
        }
        if let Some(names) = &self.polytope_of {
            let name = |of: &Option<(String, usize)>| {
                of.as_ref()
                    .map(|(name, _)| name.clone())
                    .unwrap_or_default()
            };
            let component = |of: &Option<(String, usize)>| of.as_ref().map(|(_, index)| *index);
            table.push(
                "polytope",
                ColumnValues::Text(names.iter().map(name).collect()),
            );
            table.push(
                "component",
                ColumnValues::Index(names.iter().map(component).collect()),
            );
        }
        if let Some(met) = &self.met_interference {
            table.push(
                "met_interference",
                ColumnValues::numbers(met.iter().copied()),
            );
        }
    }
}
