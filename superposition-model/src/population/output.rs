//! The loss of one output: levels of sizes, closed forms where they exist, else the transform.

use super::row::{Moments, NO_LEVEL, Row};
use super::transform;

/// A part of a loss, and how far it may be off.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Part {
    pub(super) value: f64,
    pub(super) error: f64,
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
    moments.z[2] - 2.0 * moments.x[1]
}

/// `E (z - x)^2` of the output without ReLU.
pub(super) fn linear(row: &Row) -> Part {
    let moments = row.moments(0);
    let mut part = Part::default();
    part.add_exact(moments.z[2]);
    part.add_exact(-2.0 * moments.x[1]);
    part.add_exact(row.own.p / 3.0);
    finish(row, part)
}

/// `E (ReLU(z) - x)^2`.
///
/// The distribution is cut by the size of the largest weight that is active. In the part of a level all smaller
/// weights are noise that the largest smooths, so that the transform, on the scale of the level, decays; and where z
/// cannot change its sign any more, all that is left is closed form.
pub(super) fn relu(row: &Row, tolerance: f64) -> Part {
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
            return finish(row, part);
        }
        let next = levels.get(k + 1).copied().unwrap_or(NO_LEVEL);
        let all = below;
        below = row.moments(next);
        let (alone, alone_moments) = row.alone_part(level);
        part.add_exact(alone);
        let rest = all.minus(below).minus(alone_moments);
        let bound = rest.z[0].max(0.0) * largest * largest + 2.0 * rest.x[0].max(0.0) * largest;
        if bound < 0.01 * tolerance {
            part.error += bound;
        } else if !only_alone(row, level) {
            let integral = transform::integral(row, level, rest, tolerance);
            part.value += integral.value;
            part.error += integral.error;
            part.scale += integral.scale;
            part.n_nodes += integral.n_nodes;
        }
    }
    part.add_exact(row.none_part());
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
