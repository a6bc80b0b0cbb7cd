//! Features in space.

use crate::svg::{Aspect, Axis, Figure, Panel, Series};

/// Up to so many features carry their numbers.
const NUMBERED: usize = 16;
/// Up to so many are arrows, more are points.
const ARROWS: usize = 300;

/// From where features in space are looked at: far away, so that parallel lines stay parallel.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct View {
    /// Degrees from the first axis towards the second, default 30.
    pub azimuth: f64,
    /// Degrees above the plane of these two, default 20.
    pub elevation: f64,
}

impl Default for View {
    fn default() -> Self {
        Self {
            azimuth: 30.0,
            elevation: 20.0,
        }
    }
}

impl View {
    /// The same from another side.
    #[must_use]
    pub fn with_angles(self, azimuth: f64, elevation: f64) -> Self {
        Self { azimuth, elevation }
    }

    /// To the right, upwards, and towards who looks.
    ///
    /// ```
    /// use superposition_viz::figures::View;
    /// // Along the first axis the second is to the right and the third above.
    /// let view = View::default().with_angles(0.0, 0.0);
    /// assert_eq!(view.project([1.0, 2.0, 3.0]), [2.0, 3.0, 1.0]);
    /// ```
    #[must_use]
    pub fn project(&self, [x, y, z]: [f64; 3]) -> [f64; 3] {
        let (sin_a, cos_a) = self.azimuth.to_radians().sin_cos();
        let (sin_e, cos_e) = self.elevation.to_radians().sin_cos();
        let ahead = x * cos_a + y * sin_a;
        [
            y * cos_a - x * sin_a,
            z * cos_e - ahead * sin_e,
            ahead * cos_e + z * sin_e,
        ]
    }
}

/// Features in three dimensions, such as three hidden dimensions or principal axes, coloured by a number that is named, such as
/// their importance.
///
/// Arrows that point away from who looks are dashed; more than 300 features are points at the tips. `axes` names the three.
///
/// ```
/// use superposition_viz::figures::{View, feature_space};
/// let digons = [[1.0, 0.0, 0.0], [-1.0, 0.0, 0.0], [0.0, 1.0, 0.0]];
/// let axes = ["0", "1", "2"].map(|k| format!("dimension {k}"));
/// let svg = feature_space(&digons, ("importance", &[1.0, 0.5, 0.2]), axes, &View::default()).render();
/// assert!(svg.contains("dimension 2") && svg.contains("away from the viewer"));
/// ```
///
/// # Panics
/// If there is not a number for each feature.
#[must_use]
#[track_caller]
pub fn feature_space(
    directions: &[[f64; 3]],
    (name, values): (&str, &[f64]),
    axes: [String; 3],
    view: &View,
) -> Figure {
    assert_eq!(directions.len(), values.len(), "numbers of features");
    let seen: Vec<[f64; 3]> = directions.iter().map(|d| view.project(*d)).collect();
    let reach = directions
        .iter()
        .flatten()
        .filter(|value| value.is_finite());
    let reach = reach.fold(0.0_f64, |most, value| most.max(value.abs()));
    let reach = if reach > 0.0 { 1.15 * reach } else { 1.0 };
    let finite = values.iter().copied().filter(|value| value.is_finite());
    let range = finite.fold([f64::INFINITY, f64::NEG_INFINITY], |[low, high], value| {
        [low.min(value), high.max(value)]
    });
    // With room for the names of the axes.
    let axis = |label: &str| Axis::new(label).with_range(-1.45 * reach, 1.45 * reach);
    let mut panel = Panel::new("", axis("to the right"), axis("upwards"))
        .with_aspect(Aspect::Equal)
        .with_size(360.0, 360.0);
    let mut ends = Vec::new();
    for (k, name) in axes.into_iter().enumerate() {
        let mut end = [0.0; 3];
        end[k] = reach;
        let [x, y, _] = view.project(end);
        ends.push([[0.0, 0.0], [x, y]]);
        panel = panel.with_word([1.28 * x, 1.28 * y], name);
    }
    panel = panel.with_series(Series::segments("", ends).faint());
    for (series_name, towards) in [
        ("W_i, away from the viewer", false),
        ("W_i, towards the viewer", true),
    ] {
        // Not finite counts as towards, whose legend says so.
        let members = (0..seen.len()).filter(|&i| (seen[i][2] < 0.0) != towards);
        let members: Vec<usize> = members.collect();
        if members.is_empty() {
            continue;
        }
        let tips = members.iter().map(|&i| [seen[i][0], seen[i][1]]).collect();
        let series = match (seen.len() <= ARROWS, towards) {
            (true, true) => Series::arrows(series_name, tips),
            (true, false) => Series::dashed_arrows(series_name, tips),
            // Squares behind circles.
            (false, _) => Series::points(series_name, tips).with_color(usize::from(!towards)),
        };
        let colours = members.iter().map(|&i| values[i]).collect();
        // The last explains the colours of both.
        let is_last = towards || seen.iter().all(|of| of[2] < 0.0);
        let about = if is_last { name } else { "" };
        panel = panel.with_series(series.with_values(about, colours).with_value_range(range));
    }
    if seen.len() <= NUMBERED {
        for (i, [x, y, _]) in seen.iter().enumerate() {
            let length = x.hypot(*y);
            if length > 0.05 * reach {
                let longer = 1.0 + 0.07 * reach / length;
                panel = panel.with_word([x * longer, y * longer], i.to_string());
            }
        }
    }
    Figure::new("Features in space").with_panel(panel)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_features_are_points() {
        let of = |n: usize| {
            let directions = vec![[1.0, 0.5, 0.2]; n];
            let axes = [String::new(), String::new(), String::new()];
            let values = vec![1.0; n];
            feature_space(&directions, ("norm", &values), axes, &View::default()).render()
        };
        // A circle for each and one in the legend; arrows have none.
        assert_eq!(of(301).matches("m-3 0a3 3").count(), 302);
        assert_eq!(of(300).matches("m-3 0a3 3").count(), 0);
    }

    #[test]
    fn a_view_is_a_rotation() {
        let view = View::default().with_angles(37.0, -12.0);
        let [x, y, z] =
            [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]].map(|e| view.project(e));
        let dot = |a: [f64; 3], b: [f64; 3]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        for (a, b, expected) in [
            (x, x, 1.0),
            (y, y, 1.0),
            (z, z, 1.0),
            (x, y, 0.0),
            (y, z, 0.0),
        ] {
            assert!((dot(a, b) - expected).abs() < 1e-15);
        }
        // The third axis is never to the side.
        assert_eq!(z[0], 0.0);
    }
}
