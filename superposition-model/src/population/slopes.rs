//! Derivatives of the loss of one output by its bias and its weights.

use super::factors::{Factors, MemberWave, OwnIs, Several, Transforms};
use super::lanes::{Lanes, Nodes};
use super::one_active::one_active_slopes;
use super::row::{Block, Moments, Row, Together};

/// Derivatives by the bias and by the weight of each member of a [`Row`], added up.
#[derive(Clone, Debug, Default)]
pub(super) struct Slopes {
    pub(super) b: f64,
    pub(super) g: Vec<f64>,
}

impl Slopes {
    pub(super) fn new(row: &Row) -> Self {
        Self {
            b: 0.0,
            g: vec![0.0; row.members.len()],
        }
    }

    /// The largest absolute difference.
    pub(super) fn distance(&self, other: &Self) -> f64 {
        let by_g = self.g.iter().zip(&other.g);
        by_g.fold((self.b - other.b).abs(), |largest, (a, b)| {
            largest.max((a - b).abs())
        })
    }

    /// Those of [`Row::moments`] of a level: of the sum of moments times `by`. Those of 1 and x are constant.
    pub(super) fn add_moments(&mut self, row: &Row, level: u32, by: &Moments) {
        let moments = row.moments(level);
        self.b += by.z[1] * moments.z[0] + 2.0 * by.z[2] * moments.z[1] + by.x[1] * moments.x[0];
        let mass = moments.z[0];
        if mass == 0.0 {
            return;
        }
        let mean = moments.z[1] / mass;
        for (index, block) in row.blocks.iter().enumerate() {
            let [m0, m1, _] = row.block_moments(block, level);
            for i in block.members.clone() {
                let Some((by_mean, by_square)) = block_slopes(row, block, i, level) else {
                    continue;
                };
                // z is what the block adds, and the others: mean - m1 / m0.
                self.g[i] += mass / m0
                    * (by.z[1] * by_mean
                        + by.z[2] * (2.0 * (mean - m1 / m0) * by_mean + by_square));
                if index > 0 && row.own.level >= level {
                    // E x is x[0] for any state of the other blocks.
                    self.g[i] += by.x[1] * moments.x[0] * by_mean / m0;
                }
            }
        }
        if row.own.level < level {
            return;
        }
        for i in row.blocks[0].members.clone() {
            if Some(i) == row.own_member {
                self.g[i] += by.x[1] * moments.x[0] * 2.0 / 3.0;
            } else if row.own.has_mates {
                self.g[i] += by.x[1] * moments.x[0] / 2.0;
            }
        }
    }

    /// Those of [`Row::alone_part`].
    pub(super) fn add_alone(&mut self, row: &Row, level: u32) {
        for (i, weight) in row.alone(level) {
            let slopes = one_active_slopes(row.b, row.members[i].g);
            self.b += weight * slopes.square_by_a;
            self.g[i] += weight * slopes.square_by_g;
        }
        let weight = row.own_alone(level);
        let slopes = one_active_slopes(row.b, row.own.g);
        self.b -= 2.0 * weight * slopes.product_by_a;
        if let Some(own) = row.own_member {
            self.g[own] -= 2.0 * weight * slopes.product_by_g;
        }
    }

    /// Those of its moments, times `by`.
    pub(super) fn add_alone_moments(&mut self, row: &Row, level: u32, by: &Moments) {
        let b = row.b;
        for (i, weight) in row.alone(level) {
            let g = row.members[i].g;
            self.b += weight * (by.z[1] + by.z[2] * (2.0 * b + g));
            self.g[i] += weight * (by.z[1] / 2.0 + by.z[2] * (b + 2.0 * g / 3.0));
        }
        let weight = row.own_alone(level);
        self.b += weight * by.x[1] / 2.0;
        if let Some(own) = row.own_member {
            self.g[own] += weight * by.x[1] / 3.0;
        }
    }

    /// That of [`Row::none_part`].
    pub(super) fn add_none(&mut self, row: &Row) {
        if row.b > 0.0 {
            self.b += 2.0 * row.none() * row.b - row.own_alone(super::row::NO_LEVEL);
        }
    }

    /// Those of the sum over the nodes of the real parts of `by_m` times M plus `by_n` times N, with the bias.
    ///
    /// A product without one of its factors is the product divided by it: the same rounded number is in both, so
    /// nothing is lost.
    pub(super) fn add_transforms(
        &mut self,
        factors: &Factors,
        at: &Transforms,
        by_m: Lanes,
        by_n: Lanes,
        nodes: &Nodes,
    ) {
        let (by_m, by_n) = (by_m.times(at.bias), by_n.times(at.bias));
        let total = by_m.times(at.m).plus(by_n.times(at.n));
        self.b += nodes.s.real_dot(&total);
        // A weight enters as mu_0(g s), whose derivative is s mu_1.
        let (by_m, by_n) = (by_m.times(nodes.s), by_n.times(nodes.s));

        let by_own = by_n.times(at.own);
        let own = &at.own_block;
        // What the terms with the members of the level are multiplied by in each factor, and those without.
        let by_m_same = by_m.times(at.same);
        let by_m_full = by_m_same.times(at.full).times(own.full);
        let by_m_low = by_m_same.times(at.low).times(own.low);
        let n_full = by_own.times(at.same).times(at.full);
        let (by_full, by_low) = match factors.own_is {
            OwnIs::Larger => (by_m_full, by_m_low),
            OwnIs::Now => (by_m_full.plus(n_full), by_m_low),
            OwnIs::Smaller => {
                let n_low = by_own.times(at.same).times(at.low);
                (by_m_full.plus(n_full), by_m_low.plus(n_low))
            }
        };
        let by_same = by_full.minus(by_low);
        for single in &factors.same {
            let factor = single.of.wave.mu0(nodes).plus_real(single.off);
            self.add_member(&single.of, by_same.times(factor.inverse()), nodes);
        }
        for several in &factors.same_sets {
            let by = by_same.times(several.values(nodes).full.inverse());
            self.add_block(several, by, Lanes::real(0.0), by_m, nodes);
        }
        for single in &factors.split {
            let factor = single.of.wave.mu0(nodes).plus_real(single.off);
            let by = by_full.times(factor.inverse());
            let by = by.minus(by_m.scaled(single.others_off));
            self.add_member(&single.of, by, nodes);
        }
        for several in &factors.split_sets {
            let values = several.values(nodes);
            let by = by_full.times(values.full.inverse());
            // Without smaller members nothing is multiplied by it, and it may be 0.
            let by_low = if several.n_now < several.waves.len() {
                by_low.times(values.low.inverse())
            } else {
                Lanes::real(0.0)
            };
            self.add_block(several, by, by_low, by_m, nodes);
        }
        let by_own_full = by_m_same.times(at.full);
        let by_own_low = by_m_same.times(at.low);
        self.add_block(&factors.own_block, by_own_full, by_own_low, by_m, nodes);

        if factors.own_is == OwnIs::Larger {
            return;
        }
        for mate in &factors.mates {
            let by = by_n.times(at.n).times(mate.wave.mu0(nodes).inverse());
            self.add_member(mate, by, nodes);
        }
        if let Ok(of) = &factors.own {
            let mates = factors.mates.iter();
            let by = mates.fold(by_n.times(at.others), |by, mate| {
                by.times(mate.wave.mu0(nodes))
            });
            self.g[of.member] += by.real_dot(&of.wave.mu2(nodes));
        }
    }

    fn add_member(&mut self, of: &MemberWave, by: Lanes, nodes: &Nodes) {
        self.g[of.member] += by.real_dot(&of.wave.mu1(nodes));
    }

    /// Of a block that is multiplied by `by_full` with all members, less `by_low` without those of the level, less
    /// `by_m` where one of the level is active alone.
    fn add_block(
        &mut self,
        several: &Several,
        by_full: Lanes,
        by_low: Lanes,
        by_m: Lanes,
        nodes: &Nodes,
    ) {
        let (now, smaller) = several.waves.split_at(several.n_now);
        match several.together {
            Together::One => {
                let by_now = by_full.minus(by_m.scaled(several.others_off));
                now.iter().for_each(|of| self.add_member(of, by_now, nodes));
                let by_smaller = by_full.minus(by_low);
                smaller
                    .iter()
                    .for_each(|of| self.add_member(of, by_smaller, nodes));
            }
            Together::All => {
                // Of a smaller level, all of it is in both.
                let by = if several.n_now > 0 {
                    by_full
                } else {
                    by_full.minus(by_low)
                };
                let by = by.times(several.product(nodes));
                for of in &several.waves {
                    self.add_member(of, by.times(of.wave.mu0(nodes).inverse()), nodes);
                }
            }
        }
    }
}

/// The derivatives of the first and the second of [`Row::block_moments`] by the weight of a member; none if it is not
/// in them.
fn block_slopes(row: &Row, block: &Block, member: usize, level: u32) -> Option<(f64, f64)> {
    let g = row.members[member].g;
    match block.together {
        Together::One if row.members[member].level >= level => {
            Some((block.p / 2.0, block.p * 2.0 * g / 3.0))
        }
        Together::All if block.level >= level => {
            let sum: f64 = row.members[block.members.clone()].iter().map(|m| m.g).sum();
            Some((block.p / 2.0, block.p * (sum / 2.0 + g / 6.0)))
        }
        _ => None,
    }
}
