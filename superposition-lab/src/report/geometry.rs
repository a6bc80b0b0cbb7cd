//! The headline numbers of a dictionary, each beside what it is to be compared with.

use superposition_analysis::DictionaryReport;
use superposition_analysis::PairCosine;
use superposition_viz::Headline;

use super::{number, optional};

/// Most features that a warning names.
const MAX_NAMED: usize = 10;
/// Most characters of a label that are shown.
const MAX_LABEL: usize = 24;

/// The name of a feature: its index, and its label where there is one.
fn feature(i: usize, labels: Option<&[String]>) -> String {
    let Some(label) = labels.and_then(|labels| labels.get(i)) else {
        return i.to_string();
    };
    let mut characters = label.chars();
    let shown: String = characters
        .by_ref()
        .take(MAX_LABEL)
        .flat_map(|c| {
            // What would move the cursor, or look like nothing, is written out.
            let hidden = c.is_control() || c.is_whitespace() && c != ' ';
            let (plain, escaped) = if hidden {
                (None, Some(c.escape_unicode()))
            } else {
                (Some(c), None)
            };
            plain.into_iter().chain(escaped.into_iter().flatten())
        })
        .collect();
    let rest = if characters.next().is_some() {
        "..."
    } else {
        ""
    };
    format!("{i} ({shown}{rest})")
}

/// Headlines over any dictionary, whose features may have names.
pub(super) fn headlines(geometry: &DictionaryReport, labels: Option<&[String]>) -> Vec<Headline> {
    let n = geometry.n_features;
    let m = geometry.n_hidden;
    let represented = geometry.n_represented;
    let dimensionality = &geometry.feature_dimensionality;
    let norms = &geometry.feature_norms;
    vec![
        Headline::new(
            "features represented",
            represented.to_string(),
            format!("of {n}: norm above {}", geometry.min_norm),
        ),
        Headline::new(
            "superposition score",
            number(represented as f64 / m as f64),
            format!("represented features per dimension, of {m}"),
        ),
        Headline::new(
            "feature norm",
            number(norms.mean),
            format!(
                "mean; std {}, from {} to {}",
                number(norms.std),
                number(norms.min),
                number(norms.max)
            ),
        ),
        Headline::new(
            "dimensions per feature D*",
            optional(geometry.dimensions_per_feature),
            "m / |W|_F^2; meant for toy models, whose features have norm near 1",
        ),
        Headline::new(
            "total dimensionality",
            number(geometry.total_dimensionality),
            format!("sum of D_i, at most rank W <= {}", n.min(m)),
        ),
        Headline::new(
            "feature dimensionality D_i",
            number(dimensionality.mean),
            format!(
                "mean; from {} to {}",
                number(dimensionality.min),
                number(dimensionality.max)
            ),
        ),
        Headline::new(
            "mean interference",
            number(geometry.mean_interference),
            format!(
                "mean cos^2; random {}, tight frame {}",
                number(geometry.mean_interference_chance),
                number(geometry.mean_interference_tight)
            ),
        ),
        Headline::new(
            "  with all features",
            number(geometry.mean_interference_all),
            "features that are not represented included",
        ),
        Headline::new(
            "largest cosine",
            optional(geometry.max_cosine.map(|pair| pair.value)),
            between(geometry.max_cosine, labels),
        ),
        Headline::new(
            "smallest cosine",
            optional(geometry.min_cosine.map(|pair| pair.value)),
            format!(
                "{}; -1 is an antipodal pair",
                between(geometry.min_cosine, labels)
            ),
        ),
        Headline::new(
            "coherence",
            optional(geometry.coherence.map(|pair| pair.value)),
            format!(
                "largest |cos|, blind to sign; Welch bound {}",
                number(geometry.welch_bound)
            ),
        ),
        Headline::new(
            "mean degree",
            optional(geometry.mean_degree),
            geometry.clusters.map_or_else(
                || "pairs were not compared".to_owned(),
                |clusters| format!("others with cos^2 > {}", clusters.threshold),
            ),
        ),
        Headline::new(
            "frame potential",
            number(geometry.frame_potential),
            "norms as given",
        ),
        Headline::new(
            "tightness",
            optional(geometry.tightness),
            "1 for a tight frame, more otherwise",
        ),
    ]
}

fn between(pair: Option<PairCosine>, labels: Option<&[String]>) -> String {
    pair.map_or_else(
        || "there is no pair".to_owned(),
        |pair| {
            let (i, j) = (feature(pair.i, labels), feature(pair.j, labels));
            format!("of features {i} and {j}")
        },
    )
}

/// What a reader of these numbers may misread.
pub(super) fn warnings(geometry: &DictionaryReport, labels: Option<&[String]>) -> Vec<String> {
    let mut warnings = Vec::new();
    if geometry.n_represented == 0 {
        warnings.push(format!(
            "no feature has a norm above {}: statistics over pairs are empty",
            geometry.min_norm
        ));
    }
    let zeros: Vec<usize> = geometry
        .features
        .iter()
        .filter(|row| row.norm == 0.0)
        .map(|row| row.feature)
        .collect();
    if !zeros.is_empty() {
        let named = zeros.iter().take(MAX_NAMED).map(|&i| feature(i, labels));
        let mut names: Vec<String> = named.collect();
        if zeros.len() > names.len() {
            names.push(format!("{} others", zeros.len() - names.len()));
        }
        warnings.push(format!(
            "{} features are exactly zero: their D_i and cosines are 0 ({})",
            zeros.len(),
            names.join(", ")
        ));
    }
    warnings
}
