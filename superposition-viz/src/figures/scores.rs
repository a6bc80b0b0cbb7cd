//! Scores with their intervals.

use super::Points;
use crate::svg::{Axis, Figure, Panel, Series};

/// A score of each feature with an interval, such as of linear probes, beside what it is to be compared with.
///
/// A score without an interval has one that is not finite. `levels` are values of the score that mean something.
///
/// ```
/// use superposition_viz::figures::probe_scores;
/// let intervals = [[0.35, 0.45], [f64::NAN, f64::NAN]];
/// let svg = probe_scores("R^2, held out", &[0.4, 0.9], &intervals, &[(0.5, "rank W / n".into())]).render();
/// assert!(svg.contains("R^2, held out") && svg.contains("rank W / n"));
/// ```
///
/// # Panics
/// If there is not an interval for each score.
#[must_use]
#[track_caller]
pub fn probe_scores(
    score: &str,
    values: &[f64],
    intervals: &[[f64; 2]],
    levels: &[(f64, String)],
) -> Figure {
    let points: Points = (0..).zip(values).map(|(i, &v)| [f64::from(i), v]).collect();
    let series =
        Series::points("a feature each, 95 % interval", points).with_intervals(intervals.to_vec());
    let panel = Panel::new("", Axis::whole("feature"), Axis::new(score)).with_size(420.0, 240.0);
    let panel = levels
        .iter()
        .fold(panel, |panel, (value, name)| panel.with_level(*value, name));
    Figure::new("What linear probes find").with_panel(panel.with_series(series))
}
