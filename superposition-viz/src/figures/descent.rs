//! Losses against the number of training samples.

use super::Points;
use crate::Scale;
use crate::svg::{Axis, Figure, Panel, Series};

/// Double descent: the loss on training and on test data against the number of training samples T, both logarithmic.
///
/// `train` and `test` hold (T, loss) of every run; lines go through the median of the runs at each T. A loss of 0, as of
/// samples known by heart, has no place on the axis and is counted in the legend.
///
/// ```
/// use superposition_viz::figures::double_descent;
/// let train = [[10.0, 1e-5], [100.0, 0.02], [1000.0, 0.01]];
/// let test = [[10.0, 0.03], [100.0, 0.05], [100.0, 0.07], [1000.0, 0.01]];
/// let svg = double_descent(&train, &test).render();
/// assert!(svg.contains("training samples T") && svg.contains("test loss, median"));
/// ```
///
/// # References
/// Henighan et al. 2023, *Superposition, Memorization, and Double Descent*, whose first figure this is.
#[must_use]
pub fn double_descent(train: &[[f64; 2]], test: &[[f64; 2]]) -> Figure {
    let panel = Panel::new(
        "",
        Axis::new("training samples T").with_scale(Scale::Logarithmic),
        Axis::new("loss").with_scale(Scale::Logarithmic),
    );
    let curves = [("test", test), ("training", train)];
    let panel = curves
        .into_iter()
        .enumerate()
        .fold(panel, |panel, (color, (name, runs))| {
            panel
                .with_series(
                    Series::line(format!("{name} loss, median"), medians(runs)).with_color(color),
                )
                .with_series(
                    Series::points(format!("{name} loss, a run each"), runs.to_vec())
                        .with_color(color),
                )
        });
    Figure::new("Loss by the number of training samples").with_panel(panel)
}

/// The median of the finite values at each place, by place.
fn medians(points: &[[f64; 2]]) -> Points {
    let mut points: Points = points
        .iter()
        .copied()
        .filter(|point| point.iter().all(|value| value.is_finite()))
        .collect();
    points.sort_by(|a, b| a[0].total_cmp(&b[0]).then(a[1].total_cmp(&b[1])));
    points
        .chunk_by(|a, b| a[0] == b[0])
        .map(|runs| {
            let (low, high) = (runs[(runs.len() - 1) / 2], runs[runs.len() / 2]);
            [low[0], 0.5 * low[1] + 0.5 * high[1]]
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_are_of_the_runs_at_each_place() {
        let runs = [
            [2.0, 5.0],
            [1.0, 3.0],
            [1.0, f64::NAN],
            [2.0, 1.0],
            [1.0, 4.0],
            [2.0, 2.0],
        ];
        assert_eq!(medians(&runs), [[1.0, 3.5], [2.0, 2.0]]);
        assert!(medians(&[]).is_empty());
    }
}
