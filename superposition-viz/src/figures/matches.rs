//! Two dictionaries beside each other.

use super::Points;
use crate::svg::{Axis, Figure, Grid, Palette, Panel, Series};

/// Cosines between the features of two dictionaries in the order of their matching, and the cosines of the pairs.
///
/// `cosines` has a row for each feature of the first and a column for each of the second, row after row; the first `n_pairs`
/// rows and columns are matched one to one, in the same order, so that a shared dictionary shows as a diagonal. `levels` are
/// values of the cosine that mean something, such as what chance gives.
///
/// ```
/// use superposition_viz::figures::match_matrix;
/// // One feature is shared, one of the second has no partner.
/// let svg = match_matrix(["A", "B"], &[1.0, 0.1], 2, 1, &[(0.9, "shared from here".into())]).render();
/// assert!(svg.contains("features of B") && svg.contains("shared from here"));
/// ```
///
/// # Panics
/// If the cosines are no rows of `n_columns`, there are none, or there are more pairs than rows or columns.
#[must_use]
#[track_caller]
pub fn match_matrix(
    names: [&str; 2],
    cosines: &[f64],
    n_columns: usize,
    n_pairs: usize,
    levels: &[(f64, String)],
) -> Figure {
    let n_rows = cosines.len().checked_div(n_columns).unwrap_or(0);
    assert!(
        n_rows * n_columns == cosines.len() && n_rows > 0,
        "{} cosines are no rows of {n_columns}",
        cosines.len()
    );
    assert!(
        n_pairs <= n_rows.min(n_columns),
        "{n_pairs} pairs of {n_rows} and {n_columns} features"
    );
    let edges = |n: usize| (0..=n).map(|k| k as f64 - 0.5).collect::<Vec<f64>>();
    // Row 0 is on top.
    let rows: Vec<f64> = cosines.chunks(n_columns).rev().flatten().copied().collect();
    let end = |n: usize| n as f64 - 0.5;
    let ticks = (0..n_rows).step_by(n_rows.div_ceil(6).max(1));
    let ticks = ticks.map(|k| ((n_rows - 1 - k) as f64, k.to_string()));
    let matrix = Panel::new(
        "cosines",
        Axis::whole(format!("features of {}, matched ones first", names[1]))
            .with_range(-0.5, end(n_columns)),
        Axis::new(format!("features of {}, matched ones first", names[0]))
            .with_range(-0.5, end(n_rows))
            .with_ticks(ticks.collect()),
    )
    .with_size(300.0, 300.0)
    .with_grid(Grid::heatmap(
        edges(n_columns),
        edges(n_rows),
        "cosine",
        rows,
        Palette::Diverging,
    ));
    let pairs: Points = (0..n_pairs)
        .map(|k| [k as f64, cosines[k * n_columns + k]])
        .collect();
    let lowest = pairs.iter().fold(0.0, |low, pair| f64::min(low, pair[1]));
    let cosine = Axis::new("cosine").with_range(1.05 * lowest, 1.05);
    let mut panel = Panel::new("matched pairs", Axis::whole("pair"), cosine)
        .with_size(300.0, 300.0)
        .with_series(Series::points("a pair each", pairs));
    for (value, name) in levels {
        panel = panel.with_level(*value, name);
    }
    Figure::new(format!("{} beside {}", names[0], names[1]))
        .with_panel(matrix)
        .with_panel(panel)
}
