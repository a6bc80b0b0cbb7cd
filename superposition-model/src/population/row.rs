//! What one output depends on: `$z = b + \sum_i g_i x_i$` as a sum of independent blocks.

use std::ops::Range;

use super::one_active::one_active;
use crate::{FeatureDistribution, FeatureSets};

/// The level of what has no influence on z.
pub(super) const NO_LEVEL: u32 = u32::MAX;
/// A level spans a factor `$2^4$` of sizes.
const LEVEL_BITS: i32 = 4;

/// A feature with an influence on z.
#[derive(Clone, Copy, Debug)]
pub(super) struct Member {
    pub(super) feature: usize,
    pub(super) g: f64,
    /// 0 for the largest `$|g|$`, then up as they get smaller.
    pub(super) level: u32,
}

/// Which features of a block are active together.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Together {
    /// At most one; a feature on its own too.
    One,
    /// All.
    All,
}

/// Features that depend on each other, and on no other features.
#[derive(Clone, Debug)]
pub(super) struct Block {
    pub(super) together: Together,
    pub(super) p: f64,
    /// The probability that none of its members is active.
    pub(super) off: f64,
    /// In [`Row::members`].
    pub(super) members: Range<usize>,
    /// The largest member's.
    pub(super) level: u32,
}

/// The output's own feature, when it is active.
#[derive(Clone, Copy, Debug)]
pub(super) struct Own {
    pub(super) p: f64,
    pub(super) g: f64,
    /// That of the largest weight which is active with it, itself included.
    pub(super) level: u32,
    /// Whether others with an influence are then active.
    pub(super) has_mates: bool,
}

/// One output. The block of its own feature is the first, and there even without members.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) b: f64,
    pub(super) own: Own,
    pub(super) blocks: Vec<Block>,
    pub(super) members: Vec<Member>,
    /// The place of the own feature among the members, if it has an influence.
    pub(super) own_member: Option<usize>,
    /// The product of the positive `off` of the blocks, and how many are 0.
    off_product: (f64, usize),
}

/// Integrals of z over a part of the distribution (not normalised), and with the own value x.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Moments {
    /// Of 1, z, z^2.
    pub(super) z: [f64; 3],
    /// Of x, x z.
    pub(super) x: [f64; 2],
}

impl Moments {
    /// What `E z^2 - 2 E x z` takes of each.
    pub(super) const LOSS: Self = Self {
        z: [0.0, 0.0, 1.0],
        x: [0.0, -2.0],
    };

    pub(super) fn dot(&self, other: &Self) -> f64 {
        let z: f64 = self.z.iter().zip(other.z).map(|(a, b)| a * b).sum();
        let x: f64 = self.x.iter().zip(other.x).map(|(a, b)| a * b).sum();
        z + x
    }

    pub(super) fn scaled(mut self, factor: f64) -> Self {
        let all = self.z.iter_mut().chain(&mut self.x);
        all.for_each(|moment| *moment *= factor);
        self
    }

    pub(super) fn minus(mut self, other: Self) -> Self {
        self.z.iter_mut().zip(other.z).for_each(|(a, b)| *a -= b);
        self.x.iter_mut().zip(other.x).for_each(|(a, b)| *a -= b);
        self
    }
}

impl Row {
    /// Output `own` with weights `g` and bias `b`.
    pub(super) fn new(own: usize, b: f64, g: &[f64], distribution: &FeatureDistribution) -> Self {
        let probability = distribution.feature_probability();
        let largest = g.iter().fold(0.0_f64, |largest, g| largest.max(g.abs()));
        let (set_size, together) = match distribution.sets() {
            FeatureSets::Independent => (1, Together::One),
            FeatureSets::Correlated { set_size } => (set_size, Together::All),
            FeatureSets::Anticorrelated { set_size } => (set_size, Together::One),
        };
        let own_set = own / set_size;
        let mut row = Self {
            b,
            own: Own {
                p: probability[own],
                g: g[own],
                level: NO_LEVEL,
                has_mates: false,
            },
            blocks: Vec::with_capacity(g.len().div_ceil(set_size)),
            members: Vec::with_capacity(g.len()),
            own_member: None,
            off_product: (1.0, 0),
        };
        let n_sets = g.len().div_ceil(set_size);
        for set in std::iter::once(own_set).chain((0..n_sets).filter(|&set| set != own_set)) {
            let start = set * set_size;
            let start_of_members = row.members.len();
            for (i, &g) in g
                .iter()
                .enumerate()
                .take(start.saturating_add(set_size))
                .skip(start)
            {
                if g == 0.0 || probability[i] == 0.0 {
                    continue;
                }
                if i == own {
                    row.own_member = Some(row.members.len());
                }
                let level = (libm::ilogb(largest / g.abs()) / LEVEL_BITS) as u32;
                row.members.push(Member {
                    feature: i,
                    g,
                    level,
                });
            }
            let members = start_of_members..row.members.len();
            if members.is_empty() && set != own_set {
                continue;
            }
            let p = probability[start];
            // Of one member both kinds are the same.
            let together = if members.len() <= 1 {
                Together::One
            } else {
                together
            };
            let active = match together {
                Together::One => members.len() as f64 * p,
                Together::All => p,
            };
            let level = row.members[members.clone()].iter().map(|m| m.level).min();
            row.blocks.push(Block {
                together,
                p,
                off: (1.0 - active).max(0.0),
                members,
                level: level.unwrap_or(NO_LEVEL),
            });
        }
        let block = &row.blocks[0];
        let correlated = matches!(distribution.sets(), FeatureSets::Correlated { .. });
        row.own.has_mates =
            correlated && block.members.len() > usize::from(row.own_member.is_some());
        row.own.level = match row.own_member {
            _ if correlated => block.level,
            Some(member) => row.members[member].level,
            None => NO_LEVEL,
        };
        for block in &row.blocks {
            if block.off > 0.0 {
                row.off_product.0 *= block.off;
            } else {
                row.off_product.1 += 1;
            }
        }
        row
    }

    /// The levels that occur, ascending.
    pub(super) fn levels(&self) -> Vec<u32> {
        let mut levels: Vec<u32> = self.members.iter().map(|m| m.level).collect();
        levels.sort_unstable();
        levels.dedup();
        levels
    }

    /// The probability that all blocks but one are off.
    pub(super) fn others_off(&self, block: &Block) -> f64 {
        match (self.off_product, block.off > 0.0) {
            ((product, 0), _) => product / block.off,
            ((product, 1), false) => product,
            _ => 0.0,
        }
    }

    /// The members that are active alone with largest level `level`, and with which probability.
    pub(super) fn alone(&self, level: u32) -> impl Iterator<Item = (usize, f64)> + '_ {
        let blocks = self.blocks.iter().filter(|b| b.together == Together::One);
        blocks.flat_map(move |block| {
            let weight = block.p * self.others_off(block);
            let members = block.members.clone();
            members
                .filter(move |&i| self.members[i].level == level && weight > 0.0)
                .map(move |i| (i, weight))
        })
    }

    /// The probability that the own feature alone is active, where it counts for this level.
    pub(super) fn own_alone(&self, level: u32) -> f64 {
        if self.own.level == level && !self.own.has_mates {
            self.own.p * self.others_off(&self.blocks[0])
        } else {
            0.0
        }
    }

    /// The part of `E relu(z)^2 - 2 E x relu(z)` where one member of this level is active alone, and its moments.
    pub(super) fn alone_part(&self, level: u32) -> (f64, Moments) {
        let mut sum = 0.0;
        let mut moments = Moments::default();
        let b = self.b;
        for (i, weight) in self.alone(level) {
            let g = self.members[i].g;
            sum += weight * one_active(b, g).0;
            moments.z[0] += weight;
            moments.z[1] += weight * (b + g / 2.0);
            moments.z[2] += weight * (b * b + b * g + g * g / 3.0);
        }
        let weight = self.own_alone(level);
        sum -= 2.0 * weight * one_active(b, self.own.g).1;
        moments.x[0] += weight / 2.0;
        moments.x[1] += weight * (b / 2.0 + self.own.g / 3.0);
        (sum, moments)
    }

    /// The same where no member is active: z = b.
    pub(super) fn none_part(&self) -> f64 {
        let relu = self.b.max(0.0);
        self.none() * relu * relu - self.own_alone(NO_LEVEL) * relu
    }

    /// The probability that no member is active.
    pub(super) fn none(&self) -> f64 {
        match self.off_product {
            (product, 0) => product,
            _ => 0.0,
        }
    }

    /// The moments where all active members are of level `level` or smaller in size.
    pub(super) fn moments(&self, level: u32) -> Moments {
        let (mut mass, mut mean, mut variance) = (1.0, self.b, 0.0);
        for block in &self.blocks[1..] {
            let [m0, m1, m2] = self.block_moments(block, level);
            if m0 == 0.0 {
                return Moments::default();
            }
            mass *= m0;
            mean += m1 / m0;
            variance += (m2 - m1 * m1 / m0) / m0;
        }
        let square = mean * mean + variance;
        let [m0, m1, m2] = self.block_moments(&self.blocks[0], level);
        let mut moments = Moments {
            z: [
                mass * m0,
                mass * (m0 * mean + m1),
                mass * (m0 * square + 2.0 * m1 * mean + m2),
            ],
            x: [0.0; 2],
        };
        if self.own.level >= level {
            let mates = if self.own.has_mates {
                let members = self.blocks[0].members.clone();
                let others = members.filter(|&i| Some(i) != self.own_member);
                others.map(|i| self.members[i].g).sum::<f64>() / 2.0
            } else {
                0.0
            };
            let weight = mass * self.own.p;
            moments.x = [
                weight / 2.0,
                weight * ((mean + mates) / 2.0 + self.own.g / 3.0),
            ];
        }
        moments
    }

    /// Of 1, y and y^2, where y is what the block adds to z.
    pub(super) fn block_moments(&self, block: &Block, level: u32) -> [f64; 3] {
        let members = &self.members[block.members.clone()];
        let mut moments = [block.off, 0.0, 0.0];
        match block.together {
            Together::One => {
                for member in members.iter().filter(|m| m.level >= level) {
                    moments[0] += block.p;
                    moments[1] += block.p * member.g / 2.0;
                    moments[2] += block.p * member.g * member.g / 3.0;
                }
            }
            Together::All if block.level >= level => {
                let (mean, variance) = members.iter().fold((0.0, 0.0), |(mean, variance), m| {
                    (mean + m.g / 2.0, variance + m.g * m.g / 12.0)
                });
                moments[0] += block.p;
                moments[1] = block.p * mean;
                moments[2] = block.p * (mean * mean + variance);
            }
            Together::All => {}
        }
        moments
    }

    /// The least and the largest z where all active members are of level `level` or smaller in size.
    pub(super) fn range(&self, level: u32) -> (f64, f64) {
        let (mut least, mut largest) = (self.b, self.b);
        for block in self.blocks.iter() {
            let members = self.members[block.members.clone()].iter();
            match block.together {
                Together::One => {
                    let (mut low, mut high) = (0.0_f64, 0.0_f64);
                    for member in members.filter(|m| m.level >= level) {
                        (low, high) = (low.min(member.g), high.max(member.g));
                    }
                    (least, largest) = (least + low, largest + high);
                }
                Together::All if block.level >= level => {
                    for member in members {
                        (least, largest) = (least + member.g.min(0.0), largest + member.g.max(0.0));
                    }
                }
                Together::All => {}
            }
        }
        (least, largest)
    }
}
