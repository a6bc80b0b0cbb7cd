//! The loss of one output: levels of sizes, closed forms where they exist, else the transform.

use super::row::{Moments, NO_LEVEL, Row};
use super::slopes::Slopes;
use super::transform;

/// A part of a loss, and how far it may be off.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Part {
    pub(super) value: f64,
    pub(super) error: f64,
    /// The same of each derivative, where there are any.
    pub(super) slope_error: f64,
    /// The sum of the absolute values of what was added up, which rounding is relative to.
    pub(super) scale: f64,
    pub(super) n_nodes: usize,
}

impl Part {
    fn add_exact(&mut self, value: f64) {
        self.value += value;
        self.scale += value.abs();
    }
}

/// `E z^2 - 2 E x z`.
fn of_moments(moments: &Moments) -> f64 {
    moments.dot(&Moments::LOSS)
}

/// What each output may be off by, as a function of its importance, for the mean over features to be within a tolerance.
///
/// Nodes grow with the root of the accuracy: the least of them meet the tolerance with errors of `I^(-2/3)`.
pub(super) fn output_tolerance(tolerance: f64, importance: &[f64]) -> impl Fn(f64) -> f64 {
    let roots: f64 = importance.iter().map(|&i| libm::cbrt(i)).sum();
    // A little is left for rounding and for closed forms.
    let of_all = 0.9 * tolerance * importance.len() as f64;
    move |importance| {
        let root = libm::cbrt(importance);
        of_all / (roots * root * root)
    }
}

/// `E (ReLU(z) - x)^2`.
///
/// The distribution is cut by the size of the largest weight that is active. In the part of a level all smaller
/// weights are noise that the largest smooths, so that the transform, on the scale of the level, decays; and where z
/// cannot change its sign any more, all that is left is closed form.
///
/// If `slopes` are asked for, the derivatives are added to them, each to the tolerance too.
pub(super) fn relu(row: &Row, tolerance: f64, mut slopes: Option<&mut Slopes>) -> Part {
    let mut part = Part::default();
    part.add_exact(row.own.p / 3.0);
    let levels = row.levels();
    let tolerance = tolerance / levels.len().max(1) as f64;
    let mut below = row.moments(0);
    for (k, &level) in levels.iter().enumerate() {
        let (least, largest) = row.range(level);
        if largest <= 0.0 {
            return finish(row, part);
        }
        if least >= 0.0 {
            part.add_exact(of_moments(&below));
            part.scale += below.z[2] + 2.0 * below.x[1].abs();
            if let Some(slopes) = &mut slopes {
                slopes.add_moments(row, level, &Moments::LOSS);
            }
            return finish(row, part);
        }
        let next = levels.get(k + 1).copied().unwrap_or(NO_LEVEL);
        let all = below;
        below = row.moments(next);
        let (alone, alone_moments) = row.alone_part(level);
        part.add_exact(alone);
        if let Some(slopes) = &mut slopes {
            slopes.add_alone(row, level);
        }
        let rest = all.minus(below).minus(alone_moments);
        let (mass, x) = (rest.z[0].max(0.0), rest.x[0].max(0.0));
        let bound = mass * largest * largest + 2.0 * x * largest;
        let largest_slope = match &slopes {
            Some(_) => 2.0 * (mass * largest + x),
            None => 0.0,
        };
        if bound.max(largest_slope) < 0.01 * tolerance {
            part.error += bound;
            part.slope_error += largest_slope;
        } else if !only_alone(row, level) {
            let levels = (level, next);
            let integral = transform::integral(row, levels, rest, tolerance, slopes.as_deref_mut());
            part.value += integral.value;
            part.error += integral.error;
            part.slope_error += integral.slope_error;
            part.scale += integral.scale;
            part.n_nodes += integral.n_nodes;
        }
    }
    part.add_exact(row.none_part());
    if let Some(slopes) = &mut slopes {
        slopes.add_none(row);
    }
    finish(row, part)
}

/// Whether nothing is left of a level without the features that are active alone.
fn only_alone(row: &Row, level: u32) -> bool {
    let mut blocks = row.blocks.iter().enumerate().filter(|(_, block)| {
        let mut members = row.members[block.members.clone()].iter();
        members.any(|m| m.level >= level)
    });
    let Some((index, block)) = blocks.next() else {
        return true;
    };
    let own_is_inside = (index == 0 && !row.own.has_mates) || row.own.p == 0.0;
    block.together == super::row::Together::One && own_is_inside && blocks.next().is_none()
}

/// Adds the rounding error.
fn finish(row: &Row, mut part: Part) -> Part {
    let n_roundings = 16.0 + 2.0 * row.blocks.len() as f64;
    part.error += n_roundings * f64::EPSILON * part.scale;
    part
}
