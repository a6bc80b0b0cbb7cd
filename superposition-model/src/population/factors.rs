//! The transform of a part of the distribution as a product over independent blocks.

use super::lanes::{Lanes, Nodes, Wave};
use super::row::{Block, Row, Together};

/// A block of one member: `$1 - p + p \varphi(g s)$`.
struct Single {
    off: f64,
    /// The probability that all other blocks are off.
    others_off: f64,
    wave: Wave,
}

/// A block of several members.
struct Several {
    together: Together,
    p: f64,
    off: f64,
    others_off: f64,
    waves: Vec<Wave>,
    /// The waves before it are of the level itself, the rest of smaller sizes.
    n_now: usize,
}

impl Several {
    fn new(row: &Row, block: &Block, level: u32, nodes: &Nodes) -> Self {
        // All together count as one, as large as its largest.
        let size = |own_level: u32| match block.together {
            Together::One => own_level,
            Together::All => block.level,
        };
        let weight = match block.together {
            Together::One => block.p,
            Together::All => 1.0,
        };
        let members = &row.members[block.members.clone()];
        let waves = |now: bool| {
            let members = members
                .iter()
                .filter(move |m| size(m.level) >= level && (size(m.level) == level) == now);
            members.map(|m| Wave::new(weight, m.g, nodes))
        };
        let mut all: Vec<Wave> = waves(true).collect();
        let n_now = all.len();
        all.extend(waves(false));
        Self {
            together: block.together,
            p: block.p,
            off: block.off,
            others_off: row.others_off(block),
            waves: all,
            n_now,
        }
    }

    /// With all waves; without those of the level; and the part of it where one of the level is active alone.
    fn evaluate(&mut self, nodes: &Nodes) -> (Lanes, Lanes, Lanes) {
        let off = Lanes::real(self.off);
        if self.waves.is_empty() {
            return (off, off, Lanes::real(0.0));
        }
        let (now, smaller) = self.waves.split_at_mut(self.n_now);
        let phi = |wave: &mut Wave| {
            let phi = wave.phi(nodes);
            wave.advance();
            phi
        };
        match self.together {
            Together::One => {
                let mut add = |sum: Lanes, wave: &mut Wave| sum.plus(phi(wave));
                let low = smaller.iter_mut().fold(off, &mut add);
                let now = now.iter_mut().fold(Lanes::real(0.0), &mut add);
                (low.plus(now), low, now.scaled(self.others_off))
            }
            Together::All => {
                let all = now.iter_mut().chain(smaller);
                let product = all.fold(Lanes::real(self.p), |product, wave| {
                    product.times(phi(wave))
                });
                let full = product.plus(off);
                let low = if self.n_now > 0 { off } else { full };
                (full, low, Lanes::real(0.0))
            }
        }
    }
}

/// Whether the own feature's weight is beyond the level, makes it, or is smaller.
#[derive(Clone, Copy, PartialEq)]
enum OwnIs {
    Larger,
    Now,
    Smaller,
}

/// `$M(s) = \mathrm E\, e^{s z}$` and `$N(s) = \mathrm E\, x e^{s z}$` where the largest active weight is of one level,
/// but is not the only one that is active.
pub(super) struct Factors {
    /// The blocks that are constant, multiplied.
    constant: f64,
    /// The blocks that are the same with and without the level's own members.
    same: Vec<Single>,
    same_sets: Vec<Several>,
    /// The other blocks.
    split: Vec<Single>,
    split_sets: Vec<Several>,
    /// The block of the own feature.
    own_block: Several,
    /// The own feature where it is active: its wave, or half its probability without influence.
    own: Result<Wave, f64>,
    own_is: OwnIs,
    /// The probability that all others are off, where that makes a part of this level.
    own_alone: f64,
    /// Those that are active with it.
    mates: Vec<Wave>,
    bias: Wave,
}

impl Factors {
    pub(super) fn new(row: &Row, level: u32, nodes: &Nodes) -> Self {
        let own_is = match row.own.level.cmp(&level) {
            std::cmp::Ordering::Less => OwnIs::Larger,
            std::cmp::Ordering::Equal => OwnIs::Now,
            std::cmp::Ordering::Greater => OwnIs::Smaller,
        };
        let mut mates = Vec::new();
        if row.own.has_mates && own_is != OwnIs::Larger {
            let members = row.blocks[0].members.clone();
            let others = members.filter(|&i| Some(i) != row.own_member);
            mates.extend(others.map(|i| Wave::new(1.0, row.members[i].g, nodes)));
        }
        let own = match row.own_member {
            Some(_) => Ok(Wave::new(row.own.p, row.own.g, nodes)),
            None => Err(row.own.p / 2.0),
        };
        let own_alone = match row.own_alone(level) {
            0.0 => 0.0,
            alone => alone / row.own.p,
        };
        let mut factors = Self {
            constant: 1.0,
            same: Vec::with_capacity(row.blocks.len()),
            same_sets: Vec::new(),
            split: Vec::with_capacity(row.blocks.len()),
            split_sets: Vec::new(),
            own_block: Several::new(row, &row.blocks[0], level, nodes),
            own,
            own_is,
            own_alone,
            mates,
            bias: Wave::new(1.0, row.b, nodes),
        };
        for block in &row.blocks[1..] {
            factors.push(row, block, level, nodes);
        }
        factors
    }

    fn push(&mut self, row: &Row, block: &Block, level: u32, nodes: &Nodes) {
        let members = &row.members[block.members.clone()];
        if let [member] = members {
            if member.level < level {
                self.constant *= block.off;
                return;
            }
            let single = Single {
                off: block.off,
                others_off: row.others_off(block),
                wave: Wave::new(block.p, member.g, nodes),
            };
            if member.level == level {
                self.split.push(single);
            } else {
                self.same.push(single);
            }
            return;
        }
        let several = Several::new(row, block, level, nodes);
        if several.waves.is_empty() {
            self.constant *= block.off;
        } else if several.n_now > 0 {
            self.split_sets.push(several);
        } else {
            self.same_sets.push(several);
        }
    }

    /// M and N at the nodes; the next call must be with the nodes that follow.
    pub(super) fn evaluate(&mut self, nodes: &Nodes) -> (Lanes, Lanes) {
        let mut same = Lanes::real(self.constant);
        for single in &mut self.same {
            same = same.times(single.wave.phi(nodes).plus_real(single.off));
            single.wave.advance();
        }
        for several in &mut self.same_sets {
            same = same.times(several.evaluate(nodes).0);
        }
        let (own_full, own_low, mut alone) = self.own_block.evaluate(nodes);
        let mut full = Lanes::real(1.0);
        let mut low = 1.0;
        for single in &mut self.split {
            let phi = single.wave.phi(nodes);
            alone = alone.plus(phi.scaled(single.others_off));
            full = full.times(phi.plus_real(single.off));
            low *= single.off;
            single.wave.advance();
        }
        let mut low = Lanes::real(low);
        for several in &mut self.split_sets {
            let values = several.evaluate(nodes);
            full = full.times(values.0);
            low = low.times(values.1);
            alone = alone.plus(values.2);
        }
        let difference = full.times(own_full).minus(low.times(own_low));
        let m = same.times(difference).minus(alone);
        let n = match self.own_is {
            OwnIs::Larger => Lanes::real(0.0),
            OwnIs::Now => self.with_own(same.times(full), nodes),
            OwnIs::Smaller => self.with_own(same.times(full.minus(low)), nodes),
        };
        let bias = self.bias.e;
        self.bias.advance();
        (m.times(bias), n.times(bias))
    }

    /// N, where `others` is what it is made of beside the own block.
    fn with_own(&mut self, others: Lanes, nodes: &Nodes) -> Lanes {
        let mut n = others.plus_real(-self.own_alone);
        for mate in &mut self.mates {
            n = n.times(mate.phi(nodes));
            mate.advance();
        }
        match &mut self.own {
            Ok(wave) => {
                let psi = wave.psi(nodes);
                wave.advance();
                n.times(psi)
            }
            Err(half) => n.scaled(*half),
        }
    }

    /// How many roundings a term of the sum has been through, about.
    pub(super) fn n_roundings(&self) -> f64 {
        let sets = self.same_sets.iter().chain(&self.split_sets);
        let n_in_sets: usize = sets.map(|several| several.waves.len()).sum();
        16.0 + 2.0 * (self.same.len() + self.split.len() + n_in_sets) as f64
    }
}
