//! The transform of a part of the distribution as a product over independent blocks.

use super::lanes::{Lanes, Nodes, Wave};
use super::row::{Block, Row, Together};

/// The wave of a member.
#[derive(Clone, Copy, Debug)]
pub(super) struct MemberWave {
    /// Its place in [`Row::members`].
    pub(super) member: usize,
    pub(super) wave: Wave,
}

impl MemberWave {
    fn new(row: &Row, member: usize, weight: f64, nodes: &Nodes) -> Self {
        Self {
            member,
            wave: Wave::new(weight, row.members[member].g, nodes),
        }
    }
}

/// A block of one member: `$1 - p + p \mu_0(g s)$`.
pub(super) struct Single {
    pub(super) off: f64,
    /// The probability that all other blocks are off.
    pub(super) others_off: f64,
    pub(super) of: MemberWave,
}

/// A block of several members, or the own one.
pub(super) struct Several {
    pub(super) together: Together,
    pub(super) p: f64,
    pub(super) off: f64,
    pub(super) others_off: f64,
    pub(super) waves: Vec<MemberWave>,
    /// The waves before it are of the level itself, the rest of smaller sizes.
    pub(super) n_now: usize,
}

/// What a block is a factor of.
pub(super) struct BlockValues {
    /// With all waves.
    pub(super) full: Lanes,
    /// Without those of the level.
    pub(super) low: Lanes,
    /// The part where one of the level is active alone.
    alone: Lanes,
}

impl Several {
    fn new(row: &Row, block: &Block, level: u32, nodes: &Nodes) -> Self {
        // All together count as one, as large as its largest.
        let size = |member: usize| match block.together {
            Together::One => row.members[member].level,
            Together::All => block.level,
        };
        let weight = match block.together {
            Together::One => block.p,
            Together::All => 1.0,
        };
        let waves = |now: bool| {
            let members = block.members.clone();
            let members = members.filter(move |&m| size(m) >= level && (size(m) == level) == now);
            members.map(|m| MemberWave::new(row, m, weight, nodes))
        };
        let mut all: Vec<MemberWave> = waves(true).collect();
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

    pub(super) fn values(&self, nodes: &Nodes) -> BlockValues {
        let off = Lanes::real(self.off);
        let (mut full, mut low, mut alone) = (off, off, Lanes::real(0.0));
        let (now, smaller) = self.waves.split_at(self.n_now);
        match self.together {
            _ if self.waves.is_empty() => {}
            Together::One => {
                let add = |sum: Lanes, of: &MemberWave| sum.plus(of.wave.mu0(nodes));
                low = smaller.iter().fold(off, add);
                let now = now.iter().fold(Lanes::real(0.0), add);
                full = low.plus(now);
                alone = now.scaled(self.others_off);
            }
            Together::All => {
                full = self.product(nodes).plus(off);
                low = if self.n_now > 0 { off } else { full };
            }
        }
        BlockValues { full, low, alone }
    }

    /// The block where all its members are active together.
    pub(super) fn product(&self, nodes: &Nodes) -> Lanes {
        let p = Lanes::real(self.p);
        self.waves
            .iter()
            .fold(p, |product, of| product.times(of.wave.mu0(nodes)))
    }
}

/// Whether the own feature's weight is beyond the level, makes it, or is smaller.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum OwnIs {
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
    pub(super) same: Vec<Single>,
    pub(super) same_sets: Vec<Several>,
    /// The other blocks.
    pub(super) split: Vec<Single>,
    pub(super) split_sets: Vec<Several>,
    /// The block of the own feature.
    pub(super) own_block: Several,
    /// The own feature where it is active: its wave, or half its probability without influence.
    pub(super) own: Result<MemberWave, f64>,
    pub(super) own_is: OwnIs,
    /// The probability that all others are off, where that makes a part of this level.
    own_alone: f64,
    /// Those that are active with it.
    pub(super) mates: Vec<MemberWave>,
    bias: Wave,
}

/// The transforms at the nodes, and what they are made of.
pub(super) struct Transforms {
    /// M and N, but for [`Transforms::bias`].
    pub(super) m: Lanes,
    pub(super) n: Lanes,
    /// `$e^{s b}$`
    pub(super) bias: Lanes,
    /// The product of [`Factors::same`].
    pub(super) same: Lanes,
    /// The product of [`Factors::split`], with the members of the level and without.
    pub(super) full: Lanes,
    pub(super) low: Lanes,
    pub(super) own_block: BlockValues,
    /// N is what is active beside the own feature and those with it, times these.
    pub(super) others: Lanes,
    pub(super) own: Lanes,
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
            mates.extend(others.map(|i| MemberWave::new(row, i, 1.0, nodes)));
        }
        let own = match row.own_member {
            Some(member) => Ok(MemberWave::new(row, member, row.own.p, nodes)),
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
        if block.members.len() == 1 {
            let member = block.members.start;
            let own_level = row.members[member].level;
            if own_level < level {
                self.constant *= block.off;
                return;
            }
            let single = Single {
                off: block.off,
                others_off: row.others_off(block),
                of: MemberWave::new(row, member, block.p, nodes),
            };
            if own_level == level {
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

    /// At the nodes that it stands at.
    pub(super) fn transforms(&self, nodes: &Nodes) -> Transforms {
        let mut same = Lanes::real(self.constant);
        for single in &self.same {
            same = same.times(single.of.wave.mu0(nodes).plus_real(single.off));
        }
        for several in &self.same_sets {
            same = same.times(several.values(nodes).full);
        }
        let own_block = self.own_block.values(nodes);
        let mut alone = own_block.alone;
        let mut full = Lanes::real(1.0);
        let mut low = 1.0;
        for single in &self.split {
            let mu0 = single.of.wave.mu0(nodes);
            alone = alone.plus(mu0.scaled(single.others_off));
            full = full.times(mu0.plus_real(single.off));
            low *= single.off;
        }
        let mut low = Lanes::real(low);
        for several in &self.split_sets {
            let values = several.values(nodes);
            full = full.times(values.full);
            low = low.times(values.low);
            alone = alone.plus(values.alone);
        }
        let difference = full.times(own_block.full).minus(low.times(own_block.low));
        let zero = Lanes::real(0.0);
        let (others, own) = match self.own_is {
            OwnIs::Larger => (zero, zero),
            OwnIs::Now => (same.times(full), self.own(nodes)),
            OwnIs::Smaller => (same.times(full.minus(low)), self.own(nodes)),
        };
        let others = others.plus_real(-self.own_alone);
        Transforms {
            m: same.times(difference).minus(alone),
            n: others.times(own),
            bias: self.bias.exponential(),
            same,
            full,
            low,
            own_block,
            others,
            own,
        }
    }

    /// The own value and those that are active with it.
    fn own(&self, nodes: &Nodes) -> Lanes {
        let own = match &self.own {
            Ok(of) => of.wave.mu1(nodes),
            Err(half) => Lanes::real(*half),
        };
        self.mates
            .iter()
            .fold(own, |own, mate| own.times(mate.wave.mu0(nodes)))
    }

    /// To the nodes that follow.
    pub(super) fn advance(&mut self) {
        for single in self.same.iter_mut().chain(&mut self.split) {
            single.of.wave.advance();
        }
        let sets = self.same_sets.iter_mut().chain(&mut self.split_sets);
        for several in sets.chain([&mut self.own_block]) {
            several.waves.iter_mut().for_each(|of| of.wave.advance());
        }
        let own = self.own.as_mut().ok().into_iter();
        self.mates
            .iter_mut()
            .chain(own)
            .for_each(|of| of.wave.advance());
        self.bias.advance();
    }

    /// How many roundings a term of the sum has been through, about.
    pub(super) fn n_roundings(&self) -> f64 {
        let sets = self.same_sets.iter().chain(&self.split_sets);
        let n_in_sets: usize = sets.map(|several| several.waves.len()).sum();
        16.0 + 2.0 * (self.same.len() + self.split.len() + n_in_sets) as f64
    }
}
