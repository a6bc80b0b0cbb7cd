//! Sampling: from a key to the samples of a shard, in one of three layouts of the draws.
//!
//! Which layout is a function of the distribution alone, so neither the form of the step nor the instructions change a
//! sample. An element of [`Layout::Lanes`] and [`Layout::Compare`] takes one draw, whose upper 31 bits a make its
//! presence, `$a < \lfloor 2^{31} p \rfloor$`, and its value, `$(a + \frac12) / (2^{31} p)$` in one fused multiply-add.
//! An active element of [`Layout::Skip`] takes two: one for the gap since the last, one for the value.

use std::ops::Range;

use superposition_model::{FeatureDistribution, FeatureSets};

use super::Run;
use super::simd::{Chunk, LANES, Simd, chunks_for, flat, flat_mut};
use super::xoshiro::{Key, Xoshiro};

/// Below this probability of the likeliest feature, gaps are drawn instead of elements.
const SKIP_BELOW: f64 = 0.25;

/// The same where lanes are samples, whose elements cost less.
const SKIP_TINY_BELOW: f64 = 0.1;

/// The most features of [`Layout::Lanes`].
pub(crate) const MAX_LANES_FEATURES: usize = 8;

/// Samples drawn from one key: small where they are kept, large where a key would cost more than they do. A change is
/// value-breaking.
const SHARD: usize = 128;
const LANES_SHARD: usize = 1024;

/// Whole numbers up to this are exact in f32.
const EXACT: u64 = 1 << 24;

/// `$2^{31}$`, how many values the upper bits of a draw have.
const RANGE: f64 = 2_147_483_648.0;

/// Samples of which only the active features are stored.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shard {
    /// Where each sample starts, and where the last ends.
    pub(crate) offsets: Vec<usize>,
    /// The active features, ascending in each sample, and their values; all longer than what the offsets speak of.
    pub(crate) indices: Vec<u32>,
    pub(crate) values: Vec<f32>,
    /// The sample of each.
    pub(crate) owners: Vec<u32>,
    /// The samples as rows, where they are drawn so.
    rows: Vec<Chunk>,
}

impl Shard {
    /// How many samples there are.
    pub(crate) fn n_samples(&self) -> usize {
        self.offsets.len().saturating_sub(1)
    }

    /// The active features of some samples in turn, with their values.
    #[inline(always)]
    pub(crate) fn samples_in(
        &self,
        samples: Range<usize>,
    ) -> impl Iterator<Item = (&[u32], &[f32])> {
        self.offsets[samples.start..=samples.end]
            .windows(2)
            .map(|ends| {
                let range = ends[0]..ends[1];
                (&self.indices[range.clone()], &self.values[range])
            })
    }

    /// Forgets all samples but this many empty ones.
    fn clear(&mut self, n_samples: usize) {
        self.offsets.clear();
        self.offsets.resize(n_samples + 1, 0);
    }

    /// Finds where the samples end from the samples of the first `count` features.
    #[inline(always)]
    fn find_ends(&mut self, count: usize) {
        for (k, &owner) in self.owners[..count].iter().enumerate() {
            // The last of a sample is the one that stays.
            self.offsets[owner as usize + 1] = k + 1;
        }
        // Samples without a feature end where the one before them does.
        let mut last = 0;
        for end in &mut self.offsets {
            last = last.max(*end);
            *end = last;
        }
    }

    /// Makes room for `more` features behind the first `count`.
    #[inline(always)]
    fn reserve(&mut self, count: usize, more: usize) {
        if self.indices.len() < count + more {
            let longer = (2 * self.indices.len()).max(count + more);
            self.indices.resize(longer, 0);
            self.owners.resize(longer, 0);
            self.values.resize(longer, 0.0);
        }
    }
}

/// How draws become elements, for a chunk of lanes.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub(crate) struct Elements {
    /// The largest upper 31 bits with which each is active; -1 if it never is.
    last: [u32; LANES],
    scale: Chunk,
    offset: Chunk,
}

impl Elements {
    const NEVER: Self = Self {
        last: [u32::MAX; LANES],
        scale: Chunk([0.0; LANES]),
        offset: Chunk([0.0; LANES]),
    };

    /// Sets a lane to probability p.
    fn set(&mut self, lane: usize, p: f64) {
        let range = p * RANGE;
        let count = range as u64;
        if count > 0 {
            self.last[lane] = (count - 1) as u32;
            self.scale.0[lane] = (1.0 / range) as f32;
            self.offset.0[lane] = (0.5 / range) as f32;
            // Both are rounded, and so is the draw: the largest must not go beyond 1.
            let last = (count - 1) as f32;
            while last.mul_add(self.scale.0[lane], self.offset.0[lane]) > 1.0 {
                self.scale.0[lane] = self.scale.0[lane].next_down();
            }
        }
    }

    /// Sixteen elements of sixteen draws.
    #[inline(always)]
    pub(crate) fn of<S: Simd>(&self, simd: S, draws: S::U) -> S::F {
        let upper = simd.shift_right::<1>(draws);
        let scale = simd.load(&self.scale.0);
        let value = simd.mul_add(simd.to_f(upper), scale, simd.load(&self.offset.0));
        simd.where_at_most(upper, simd.load_u(&self.last), value)
    }

    /// The same for one lane and the upper bits of one draw.
    #[inline(always)]
    fn one(&self, lane: usize, upper: u32) -> Option<f32> {
        if upper.cast_signed() > self.last[lane].cast_signed() {
            return None;
        }
        // No `then`: its closure would not be compiled for the instructions.
        Some((upper.cast_signed() as f32).mul_add(self.scale.0[lane], self.offset.0[lane]))
    }
}

/// What is present or absent as a whole, and what it then holds.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Unit {
    /// One feature.
    Single,
    /// A set of features, all active.
    All,
    /// A set of features, of which one is active.
    OneOf,
}

/// In which order draws become samples.
#[derive(Clone, Debug)]
enum Layout {
    /// Few independent features: lanes are samples, a draw for each feature in turn. Elements for each feature, equal
    /// in all lanes.
    Lanes(Vec<Elements>),
    /// Likely features: lanes are features, a draw for each chunk of them in turn, sample after sample.
    Compare(Vec<Elements>),
    /// Unlikely features, or sets: the gap to the next unit is drawn. A unit is kept with its own probability over that
    /// of the likeliest, by elements that are the same for all or one for each.
    Skip {
        unit: Unit,
        /// The features of a unit; the last may have fewer.
        size: usize,
        n_units: usize,
        /// `$1 / \ln(1 - p)$` of the likeliest unit; nothing where no unit is ever present.
        rate: Option<f32>,
        same: bool,
        keep: Vec<Elements>,
    },
}

/// How samples are drawn.
#[derive(Clone, Debug)]
pub(crate) struct Sampler {
    n_features: usize,
    layout: Layout,
}

impl Sampler {
    /// The sampler of a distribution.
    pub(crate) fn new(distribution: &FeatureDistribution) -> Self {
        let p = distribution.feature_probability();
        let n = p.len();
        let likeliest = p.iter().copied().fold(0.0, f64::max);
        let in_chunks = |p: &mut dyn Iterator<Item = f64>, n: usize| {
            let mut chunks = vec![Elements::NEVER; chunks_for(n)];
            for (i, p) in p.enumerate() {
                chunks[i / LANES].set(i % LANES, p);
            }
            chunks
        };
        let sets = match distribution.sets() {
            FeatureSets::Correlated { set_size: 1 }
            | FeatureSets::Anticorrelated { set_size: 1 } => FeatureSets::Independent,
            sets => sets,
        };
        let layout = match sets {
            FeatureSets::Independent if n <= MAX_LANES_FEATURES && likeliest >= SKIP_TINY_BELOW => {
                Layout::Lanes(
                    p.iter()
                        .map(|&p| {
                            let mut elements = Elements::NEVER;
                            (0..LANES).for_each(|lane| elements.set(lane, p));
                            elements
                        })
                        .collect(),
                )
            }
            FeatureSets::Independent if n > MAX_LANES_FEATURES && likeliest >= SKIP_BELOW => {
                Layout::Compare(in_chunks(&mut p.iter().copied(), n))
            }
            sets => {
                let (unit, size) = match sets {
                    FeatureSets::Correlated { set_size } => (Unit::All, set_size.min(n)),
                    FeatureSets::Anticorrelated { set_size } => (Unit::OneOf, set_size.min(n)),
                    _ => (Unit::Single, 1),
                };
                let units: Vec<f64> = p
                    .chunks(size)
                    .map(|set| match unit {
                        Unit::OneOf => (set.len() as f64 * set[0]).min(1.0),
                        _ => set[0],
                    })
                    .collect();
                let likeliest = units.iter().copied().fold(0.0, f64::max);
                let same = units.iter().all(|&p| p == likeliest);
                let n_units = units.len();
                // `ln(1 - 1)` is minus infinity, so the rate is 0 and so is every gap.
                let rate = (likeliest > 0.0).then(|| (1.0 / libm::log1p(-likeliest)) as f32);
                let keep = if same || rate.is_none() {
                    in_chunks(&mut std::iter::once(1.0), 1)
                } else {
                    in_chunks(&mut units.iter().map(|p| p / likeliest), n_units)
                };
                Layout::Skip {
                    unit,
                    size,
                    n_units,
                    rate,
                    same,
                    keep,
                }
            }
        };
        Self {
            n_features: n,
            layout,
        }
    }

    /// How many samples come from one key.
    pub(crate) fn shard_samples(&self) -> usize {
        match self.tiny() {
            Some(_) => LANES_SHARD,
            None => SHARD,
        }
    }

    /// Whether samples are drawn as rows: then [`SampleRows`] is the cheaper of the two.
    pub(crate) fn draws_rows(&self) -> bool {
        !matches!(self.layout, Layout::Skip { .. })
    }

    /// The elements, if each is drawn.
    fn elements(&self) -> Option<&[Elements]> {
        match &self.layout {
            Layout::Lanes(elements) | Layout::Compare(elements) => Some(elements),
            Layout::Skip { .. } => None,
        }
    }

    /// The active features of [`Layout::Skip`] in a row, with their values and samples; returns how many.
    #[inline(always)]
    pub(super) fn skip<S: Simd>(
        &self,
        simd: S,
        key: Key,
        n_samples: usize,
        shard: &mut Shard,
    ) -> usize {
        let Layout::Skip {
            unit,
            size,
            n_units,
            rate,
            same,
            keep,
        } = &self.layout
        else {
            unreachable!("the elements are drawn one by one");
        };
        let Some(rate) = *rate else {
            return 0;
        };
        let walk = Walk {
            n_units: *n_units as u64,
            n_samples: n_samples as u64,
            rate,
            shard,
        };
        match (unit, same) {
            (Unit::Single, true) => walk.independent(simd, key),
            (Unit::Single, false) => walk.thinned(simd, key, keep),
            _ => {
                let keep = if *same { None } else { Some(keep.as_slice()) };
                walk.sets(simd, key, keep, *unit, [*size, self.n_features])
            }
        }
    }

    /// The draws of a tiny model: few features that are independent.
    pub(crate) fn tiny(&self) -> Option<TinyDraws<'_>> {
        match &self.layout {
            Layout::Lanes(elements) => Some(TinyDraws::Lanes(elements)),
            Layout::Skip {
                unit: Unit::Single, ..
            } if self.n_features <= MAX_LANES_FEATURES => Some(TinyDraws::Skip(self)),
            _ => None,
        }
    }
}

/// How the samples of a tiny model are drawn.
#[derive(Clone, Copy, Debug)]
pub(crate) enum TinyDraws<'a> {
    /// The elements of each feature: lanes are samples.
    Lanes(&'a [Elements]),
    /// By gaps.
    Skip(&'a Sampler),
}

/// Draws samples of which only the active features are stored.
///
/// Gaps are geometric, `$\lfloor \ln v / \ln(1 - p) \rfloor$` with v uniform, over the units of all samples in a row.
pub(crate) struct SampleShard<'a> {
    pub(crate) sampler: &'a Sampler,
    pub(crate) key: Key,
    pub(crate) n_samples: usize,
    pub(crate) shard: &'a mut Shard,
}

impl Run for SampleShard<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self {
            sampler,
            key,
            n_samples,
            shard,
        } = self;
        shard.clear(n_samples);
        let Some(elements) = sampler.elements() else {
            let count = sampler.skip(simd, key, n_samples, shard);
            shard.find_ends(count);
            return;
        };
        let n = sampler.n_features;
        let stride = chunks_for(n);
        let mut rows = std::mem::take(&mut shard.rows);
        rows.resize(n_samples * stride, Chunk::default());
        draw_rows(simd, key, elements, n, &mut rows);
        let mut count = 0;
        for (s, row) in rows.chunks_exact(stride).enumerate() {
            shard.reserve(count, n + 1);
            for (i, &x) in flat(row)[..n].iter().enumerate() {
                // No branch: each is written, the active are kept.
                shard.indices[count] = i as u32;
                shard.values[count] = x;
                shard.owners[count] = s as u32;
                count += usize::from(x != 0.0);
            }
            shard.offsets[s + 1] = count;
        }
        shard.rows = rows;
    }
}

/// Draws samples as rows of `stride` chunks, zeros beyond the last feature.
pub(crate) struct SampleRows<'a> {
    pub(crate) sampler: &'a Sampler,
    pub(crate) key: Key,
    pub(crate) n_samples: usize,
    pub(crate) rows: &'a mut [Chunk],
    /// Where the active features are stored first, if they are drawn so.
    pub(crate) shard: &'a mut Shard,
}

impl Run for SampleRows<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self {
            sampler,
            key,
            n_samples,
            rows,
            shard,
        } = self;
        let n = sampler.n_features;
        let stride = chunks_for(n);
        assert_eq!(rows.len(), n_samples * stride, "a row for each sample");
        if let Some(elements) = sampler.elements() {
            draw_rows(simd, key, elements, n, rows);
            return;
        }
        let count = sampler.skip(simd, key, n_samples, shard);
        rows.fill(Chunk::default());
        let numbers = flat_mut(rows);
        for k in 0..count {
            let row = shard.owners[k] as usize * stride * LANES;
            numbers[row + shard.indices[k] as usize] = shard.values[k];
        }
    }
}

/// Rows of elements, zeros beyond the n-th, in the order of [`Layout::Lanes`] or [`Layout::Compare`].
#[inline(always)]
fn draw_rows<S: Simd>(simd: S, key: Key, elements: &[Elements], n: usize, rows: &mut [Chunk]) {
    let mut random = Xoshiro::new(simd, key);
    if elements.len() == n && n <= MAX_LANES_FEATURES {
        rows.fill(Chunk::default());
        for rows in rows.chunks_mut(LANES) {
            for (i, elements) in elements.iter().enumerate() {
                let mut x = [0.0; LANES];
                let draws = random.next(simd);
                simd.store(&mut x, elements.of(simd, draws));
                for (row, x) in rows.iter_mut().zip(x) {
                    row.0[i] = x;
                }
            }
        }
    } else {
        for row in rows.chunks_exact_mut(elements.len()) {
            for (x, elements) in row.iter_mut().zip(elements) {
                let draws = random.next(simd);
                simd.store(&mut x.0, elements.of(simd, draws));
            }
        }
    }
}

/// Where a walk over the units of all samples is.
struct Place {
    /// The unit that is next, and its sample.
    unit: u64,
    sample: u64,
    n_units: u64,
    n_samples: u64,
}

impl Place {
    /// Steps over a gap to a unit; its sample and its number there, or nothing if the samples end before it.
    #[inline(always)]
    fn step(&mut self, gap: u32) -> Option<(u32, u64)> {
        self.unit += u64::from(gap);
        while self.unit >= self.n_units {
            self.unit -= self.n_units;
            self.sample += 1;
            if self.sample == self.n_samples {
                return None;
            }
        }
        self.unit += 1;
        Some((self.sample as u32, self.unit - 1))
    }
}

/// The walk over the units of all samples, from gap to gap.
///
/// Each walk writes the active features, their values and their samples, and returns how many there are.
struct Walk<'a> {
    n_units: u64,
    n_samples: u64,
    rate: f32,
    shard: &'a mut Shard,
}

impl Walk<'_> {
    /// Units that are single features, all equally likely: a chunk of gaps and a chunk of values in turn.
    ///
    /// Positions below [`EXACT`] are divided into sample and feature in f32, where they are exact, without a branch.
    #[inline(always)]
    fn independent<S: Simd>(self, simd: S, key: Key) -> usize {
        let mut random = Xoshiro::new(simd, key);
        let rate = simd.splat(self.rate);
        let (scale, offset) = (1.0 / RANGE as f32, 0.5 / RANGE as f32);
        let shard = self.shard;
        let total = self.n_units.saturating_mul(self.n_samples);
        let mut gaps = [0; LANES];
        let mut count = 0;
        let mut next = 0;
        while next < total {
            simd.store_u(&mut gaps, gap(simd, random.next(simd), rate));
            let upper = simd.shift_right::<1>(random.next(simd));
            let value = simd.mul_add(simd.to_f(upper), simd.splat(scale), simd.splat(offset));
            shard.reserve(count, LANES);
            let indices = shard.indices[count..].first_chunk_mut::<LANES>();
            let values = shard.values[count..].first_chunk_mut::<LANES>();
            let owners = shard.owners[count..].first_chunk_mut::<LANES>();
            let (Some(indices), Some(values), Some(owners)) = (indices, values, owners) else {
                unreachable!("room was made");
            };
            simd.store(values, value);
            let mut positions = [0; LANES];
            for k in 0..LANES {
                next += u64::from(gaps[k]);
                positions[k] = next;
                next += 1;
            }
            let mut inside = LANES;
            if next > total {
                while inside > 0 && positions[inside - 1] >= total {
                    inside -= 1;
                }
            }
            if next <= EXACT {
                let mut exact = [0; LANES];
                for k in 0..LANES {
                    exact[k] = positions[k] as u32;
                }
                let n = simd.splat(self.n_units as f32);
                let position = simd.to_f(simd.load_u(&exact));
                let (one, minus_one) = (simd.splat(1.0), simd.splat(-1.0));
                // The quotient by a reciprocal is off by at most one.
                let inverse = simd.splat(1.0 / self.n_units as f32);
                let quotient = simd.to_f(simd.truncate(simd.mul(position, inverse)));
                let rest = simd.mul_add(simd.mul(quotient, minus_one), n, position);
                let above = simd.where_positive(simd.sub(rest, simd.sub(n, one)), one);
                let below = simd.where_positive(simd.mul(rest, minus_one), one);
                let change = simd.sub(above, below);
                let rest = simd.mul_add(simd.mul(change, minus_one), n, rest);
                simd.store_u(indices, simd.truncate(rest));
                simd.store_u(owners, simd.truncate(simd.add(quotient, change)));
            } else {
                for k in 0..inside {
                    indices[k] = (positions[k] % self.n_units) as u32;
                    owners[k] = (positions[k] / self.n_units) as u32;
                }
            }
            count += inside;
        }
        count
    }

    /// Units that are single features, each kept by the elements of its own.
    #[inline(always)]
    fn thinned<S: Simd>(self, simd: S, key: Key, keep: &[Elements]) -> usize {
        let mut random = Xoshiro::new(simd, key);
        let rate = simd.splat(self.rate);
        let mut gaps = [0; LANES];
        let mut upper = [0; LANES];
        let shard = self.shard;
        let mut place = Place {
            unit: 0,
            sample: 0,
            n_units: self.n_units,
            n_samples: self.n_samples,
        };
        let mut count = 0;
        loop {
            simd.store_u(&mut gaps, gap(simd, random.next(simd), rate));
            simd.store_u(&mut upper, simd.shift_right::<1>(random.next(simd)));
            shard.reserve(count, LANES);
            for k in 0..LANES {
                let Some((owner, unit)) = place.step(gaps[k]) else {
                    return count;
                };
                let i = unit as usize;
                if let Some(value) = keep[i / LANES].one(i % LANES, upper[k]) {
                    shard.indices[count] = i as u32;
                    shard.values[count] = value;
                    shard.owners[count] = owner;
                    count += 1;
                }
            }
        }
    }

    /// Sets: a gap; a draw that keeps the set, where not all are equally likely; a draw for which member is active,
    /// where one is; a draw for each value.
    #[inline(always)]
    fn sets<S: Simd>(
        self,
        simd: S,
        key: Key,
        keep: Option<&[Elements]>,
        unit: Unit,
        [size, n]: [usize; 2],
    ) -> usize {
        let mut certain = Elements::NEVER;
        certain.set(0, 1.0);
        let mut draws = Draws {
            simd,
            random: Xoshiro::new(simd, key),
            words: [0; LANES],
            used: LANES,
        };
        let rate = simd.splat(self.rate);
        let mut gaps = [0; LANES];
        let shard = self.shard;
        let mut place = Place {
            unit: 0,
            sample: 0,
            n_units: self.n_units,
            n_samples: self.n_samples,
        };
        let mut count = 0;
        loop {
            simd.store_u(&mut gaps, gap(simd, draws.random.next(simd), rate));
            for gap in gaps {
                let Some((owner, set)) = place.step(gap) else {
                    return count;
                };
                let set = set as usize;
                if let Some(keep) = keep
                    && keep[set / LANES].one(set % LANES, draws.next()).is_none()
                {
                    continue;
                }
                // The last set may be smaller.
                let members = size * set..n.min(size * (set + 1));
                let active = match unit {
                    Unit::OneOf => {
                        let among = members.len() as u64;
                        let member = (u64::from(draws.next()) * among) >> 31;
                        let member = members.start + member as usize;
                        member..member + 1
                    }
                    _ => members,
                };
                shard.reserve(count, active.len());
                for i in active {
                    shard.indices[count] = i as u32;
                    shard.owners[count] = owner;
                    if let Some(value) = certain.one(0, draws.next()) {
                        shard.values[count] = value;
                    }
                    count += 1;
                }
            }
        }
    }
}

/// Numbers one at a time: the upper 31 bits.
struct Draws<S: Simd> {
    simd: S,
    random: Xoshiro<S>,
    words: [u32; LANES],
    used: usize,
}

impl<S: Simd> Draws<S> {
    #[inline(always)]
    fn next(&mut self) -> u32 {
        if self.used == LANES {
            let next = self.random.next(self.simd);
            self.simd.store_u(&mut self.words, next);
            self.used = 0;
        }
        self.used += 1;
        self.words[self.used - 1] >> 1
    }
}

/// The gap before the next unit: `$\lfloor \ln v \cdot rate \rfloor$`, at most `$2^{30}$`, for v an odd multiple of
/// `$2^{-31}$`.
///
/// The logarithm is that of 2^31 v in f32, split at `$\sqrt{1/2}$` of its binade, `$y - y^2/2 + y^3 P(y)$` with a P of
/// degree 6 fitted to a relative error of 3e-8. The rounding of v changes the mean gap by less than 1e-7 of it; below
/// p of about `$10^{-6}$` short gaps come in steps of `$2^{-24}/p$`, and none is less likely than `$2^{-25}$`.
#[inline(always)]
fn gap<S: Simd>(simd: S, draws: S::U, rate: S::F) -> S::U {
    const ROOT_HALF: u32 = 0x3f35_04f3;
    const P: [f32; 7] = [
        0.087_003_596,
        -0.142_674_76,
        0.149_147_87,
        -0.165_775_87,
        0.199_630_62,
        -0.250_013_38,
        0.333_339_1,
    ];
    let odd = simd.xor(
        simd.shift_left::<1>(simd.shift_right::<2>(draws)),
        simd.splat_u(1),
    );
    let bits = simd.add_u(
        simd.bits_of(simd.to_f(odd)),
        simd.splat_u(ROOT_HALF.wrapping_neg()),
    );
    let exponent = simd.add_u(
        simd.shift_right::<23>(bits),
        simd.splat_u(31_u32.wrapping_neg()),
    );
    let fraction = simd.add_u(
        simd.and(bits, simd.splat_u(0x007f_ffff)),
        simd.splat_u(ROOT_HALF),
    );
    let y = simd.sub(simd.float_of_bits(fraction), simd.splat(1.0));
    let mut sum = simd.splat(P[0]);
    for k in 1..P.len() {
        sum = simd.mul_add(sum, y, simd.splat(P[k]));
    }
    let square = simd.mul(y, y);
    let tail = simd.mul_add(simd.mul(square, y), sum, simd.mul(square, simd.splat(-0.5)));
    let ln_2 = simd.splat(std::f32::consts::LN_2);
    let log = simd.mul_add(simd.to_f(exponent), ln_2, simd.add(y, tail));
    // Rounding may leave the logarithm of 1 above 0.
    let gap = simd.max(simd.mul(log, rate), simd.splat(0.0));
    simd.truncate(simd.min(gap, simd.splat(1_073_741_824.0)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use superposition_model::FeatureProbability;

    use super::*;
    use crate::kernel::tests::instructions;

    fn distribution(probability: &[f64], sets: FeatureSets) -> FeatureDistribution {
        let each = FeatureProbability::PerFeature(probability.to_vec());
        FeatureDistribution::new(probability.len(), &each)
            .unwrap()
            .with_sets(sets)
            .unwrap()
    }

    /// The samples of a key as rows of n numbers; asserts that both kinds of sampling and all instructions agree.
    fn sample(distribution: &FeatureDistribution, n_samples: usize, seed: u64) -> Vec<Vec<f32>> {
        let sampler = Sampler::new(distribution);
        let n = distribution.n_features();
        let stride = chunks_for(n);
        let key = Key::new([seed, 1, 2, 3]);
        let mut outcomes = Vec::new();
        // Memory that was used before.
        let (mut shard, mut other) = (Shard::default(), Shard::default());
        let mut rows = vec![Chunk([f32::NAN; LANES]); n_samples * stride];
        for instructions in instructions() {
            instructions.run(SampleShard {
                sampler: &sampler,
                key,
                n_samples,
                shard: &mut shard,
            });
            assert_eq!(shard.n_samples(), n_samples);
            for (s, ends) in shard.offsets.windows(2).enumerate() {
                let owners = &shard.owners[ends[0]..ends[1]];
                assert!(owners.iter().all(|&owner| owner as usize == s));
            }
            let mut sparse = vec![vec![0.0; n]; n_samples];
            for (sample, (indices, values)) in sparse.iter_mut().zip(shard.samples_in(0..n_samples))
            {
                assert!(indices.is_sorted_by(|a, b| a < b));
                for (&i, &value) in indices.iter().zip(values) {
                    assert!(value > 0.0 && value <= 1.0, "{value}");
                    sample[i as usize] = value;
                }
            }
            instructions.run(SampleRows {
                sampler: &sampler,
                key,
                n_samples,
                rows: &mut rows,
                shard: &mut other,
            });
            for (row, sample) in rows.chunks_exact(stride).zip(&sparse) {
                assert_eq!(flat(row)[..n], sample[..]);
                assert!(flat(row)[n..].iter().all(|&x| x == 0.0));
            }
            outcomes.push(sparse);
        }
        assert!(outcomes.iter().all(|outcome| *outcome == outcomes[0]));
        outcomes.swap_remove(0)
    }

    /// Asserts that a count of independent trials is within five standard deviations.
    fn check_count(count: usize, trials: usize, p: f64, what: &str) {
        let (count, trials) = (count as f64, trials as f64);
        let deviation = (trials * p * (1.0 - p)).sqrt();
        assert!(
            (count - trials * p).abs() <= 5.0 * deviation + 1e-9 * trials,
            "{what}: {count} of {trials} at {p}"
        );
    }

    /// Presence, mean and mean square of each feature, and joint presence of neighbours.
    fn check_moments(probability: &[f64], n_shards: u64) {
        let distribution = distribution(probability, FeatureSets::Independent);
        let samples: Vec<Vec<f32>> = (0..n_shards)
            .flat_map(|seed| sample(&distribution, 128, seed))
            .collect();
        let total = samples.len();
        for (i, &p) in probability.iter().enumerate() {
            let values: Vec<f64> = samples.iter().map(|x| f64::from(x[i])).collect();
            let active = values.iter().filter(|&&x| x != 0.0).count();
            check_count(active, total, p, "presence");
            let sum: f64 = values.iter().sum();
            let squares: f64 = values.iter().map(|x| x * x).sum();
            let count = active as f64;
            // Of a uniform number: mean 1/2, variance 1/12; of its square: mean 1/3, variance 4/45.
            assert!((sum - count / 2.0).abs() <= 5.0 * (count / 12.0).sqrt());
            assert!((squares - count / 3.0).abs() <= 5.0 * (count * 4.0 / 45.0).sqrt());
            let next = (i + 1) % probability.len();
            if next != i {
                let both = samples.iter().filter(|x| x[i] != 0.0 && x[next] != 0.0);
                check_count(both.count(), total, p * probability[next], "both");
            }
        }
    }

    #[test]
    fn moments_in_every_layout() {
        check_moments(&[0.3, 0.01, 1.0, 0.0, 0.9], 200); // Lanes
        check_moments(&[0.05, 0.02, 0.09], 800); // Skip, tiny
        check_moments(&[0.5; 20], 100); // Compare
        check_moments(
            &(0..20).map(|i| f64::from(i) / 19.0).collect::<Vec<_>>(),
            100,
        );
        check_moments(&[0.2; 20], 200); // Skip
        check_moments(&[0.003; 40], 500);
        check_moments(
            &(0..20).map(|i| f64::from(i) / 100.0).collect::<Vec<_>>(),
            300,
        ); // thinned
    }

    #[test]
    fn positions_beyond_those_exact_in_f32_are_counted_alike() {
        // 128 samples of 200,000 features: the positions of the first 84 samples are divided in f32, the rest is not.
        let n = 200_000;
        let p = 1e-4;
        let distribution = FeatureDistribution::new(n, &FeatureProbability::Same(p)).unwrap();
        let mut shard = Shard::default();
        for instructions in instructions() {
            instructions.run(SampleShard {
                sampler: &Sampler::new(&distribution),
                key: Key::new([3, 1, 2, 3]),
                n_samples: 128,
                shard: &mut shard,
            });
            for (part, name) in [(0..80, "exact"), (88..128, "beyond"), (0..128, "all")] {
                let count = shard.offsets[part.end] - shard.offsets[part.start];
                check_count(count, part.len() * n, p, name);
            }
            for (indices, _) in shard.samples_in(0..128) {
                assert!(
                    indices.is_sorted_by(|a, b| a < b) && indices.iter().all(|&i| (i as usize) < n)
                );
            }
        }
    }

    #[test]
    fn the_largest_draw_is_at_most_1() {
        let odd = [1.0 - 2.0_f64.powi(-24) - 2.0_f64.powi(-40), 0.3, 1.0];
        let many = (1..20_000).map(|k| f64::from(k) / 20_011.0);
        for p in odd.into_iter().chain(many) {
            let mut elements = Elements::NEVER;
            elements.set(0, p);
            let last = elements.one(0, elements.last[0]).unwrap();
            assert!(last <= 1.0 && last > 0.999_9, "{last} at {p}");
            assert!(elements.one(0, 0).unwrap() > 0.0);
            assert!(
                elements.last[0] == i32::MAX as u32
                    || elements.one(0, elements.last[0] + 1).is_none()
            );
        }
    }

    #[test]
    fn gaps_are_geometric() {
        // From one active feature to the next, over the ends of samples, at a probability where ln matters.
        let p = 0.07;
        let distribution = distribution(&[p; 1000], FeatureSets::Independent);
        let mut counts = [0_usize; 60];
        let mut total = 0;
        for seed in 0..20 {
            let flat: Vec<bool> = sample(&distribution, 128, seed)
                .concat()
                .iter()
                .map(|&x| x != 0.0)
                .collect();
            let places: Vec<usize> = (0..flat.len()).filter(|&k| flat[k]).collect();
            for pair in places.windows(2) {
                counts[(pair[1] - pair[0] - 1).min(59)] += 1;
                total += 1;
            }
        }
        for (gap, &count) in counts[..59].iter().enumerate() {
            check_count(count, total, p * (1.0 - p).powi(gap as i32), "gap");
        }
    }

    #[test]
    fn sets_at_the_edges() {
        let presence = |probability: &[f64], sets| {
            sample(&distribution(probability, sets), 128, 4)
                .iter()
                .map(|x| x.iter().map(|&x| x != 0.0).collect())
                .collect::<Vec<Vec<bool>>>()
        };
        for sets in [
            FeatureSets::Correlated { set_size: 3 },
            FeatureSets::Anticorrelated { set_size: 3 },
        ] {
            let never = presence(&[0.0; 4], sets);
            assert!(never.iter().flatten().all(|&x| !x));
        }
        let together = FeatureSets::Correlated { set_size: 3 };
        let always = presence(&[1.0; 4], together);
        assert!(always.iter().flatten().all(|&x| x));
        // Always one of three; the last set, of one, is there a quarter of the time.
        let one = FeatureSets::Anticorrelated { set_size: 3 };
        let third = 1.0 / 3.0;
        let found = presence(&[third, third, third, 0.25], one);
        let missing = found
            .iter()
            .filter(|x| x[..3].iter().filter(|x| **x).count() != 1);
        // Three times a third may be a little below 1.
        assert!(missing.count() <= 1);
        check_count(found.iter().filter(|x| x[3]).count(), 128, 0.25, "presence");
    }

    #[test]
    fn sets_are_active_together_or_one_at_a_time() {
        let n = 11;
        let mut probability = [0.1; 11];
        probability[8..].fill(0.03);
        let size = 4;
        for together in [true, false] {
            let sets = match together {
                true => FeatureSets::Correlated { set_size: size },
                false => FeatureSets::Anticorrelated { set_size: size },
            };
            let distribution = distribution(&probability, sets);
            let samples: Vec<Vec<f32>> = (0..300)
                .flat_map(|seed| sample(&distribution, 128, seed))
                .collect();
            for i in 0..n {
                let active = samples.iter().filter(|x| x[i] != 0.0);
                check_count(active.count(), samples.len(), probability[i], "presence");
                for j in 0..i {
                    let both = samples
                        .iter()
                        .filter(|x| x[i] != 0.0 && x[j] != 0.0)
                        .count();
                    let p = match (i / size == j / size, together) {
                        (true, true) => probability[i],
                        (true, false) => 0.0,
                        (false, _) => probability[i] * probability[j],
                    };
                    check_count(both, samples.len(), p, "both");
                }
            }
            // Values of a set are independent of each other.
            if together {
                let pairs: Vec<f64> = samples
                    .iter()
                    .filter(|x| x[0] != 0.0)
                    .map(|x| (f64::from(x[0]) - 0.5) * (f64::from(x[1]) - 0.5))
                    .collect();
                let count = pairs.len() as f64;
                assert!(pairs.iter().sum::<f64>().abs() < 5.0 * count.sqrt() / 12.0);
            }
        }
    }

    #[test]
    fn values_are_stable() {
        let first = |probability: &[f64], sets| {
            let samples = sample(&distribution(probability, sets), 128, 1).concat();
            let active = samples.iter().enumerate().filter(|(_, x)| **x != 0.0);
            let active: Vec<(usize, u32)> = active.map(|(k, x)| (k, x.to_bits())).collect();
            (active.len(), active[0], active[active.len() - 1])
        };
        let independent = FeatureSets::Independent;
        let found = [
            first(&[0.5; 3], independent),
            first(&[0.5; 20], independent),
            first(&[0.1; 20], independent),
            first(&[0.05; 3], independent),
            first(&[[0.1; 10], [0.05; 10]].concat(), independent),
            first(&[0.1; 20], FeatureSets::Correlated { set_size: 3 }),
            first(&[0.1; 20], FeatureSets::Anticorrelated { set_size: 3 }),
        ];
        let expected = [
            (189, (0, 1_046_845_670), (383, 1_055_271_324)),
            (1294, (0, 1_046_845_670), (2559, 1_060_429_451)),
            (262, (20, 1_059_811_748), (2557, 1_063_866_032)),
            (29, (42, 1_059_811_748), (381, 1_064_950_331)),
            (191, (20, 1_059_811_748), (2549, 1_063_431_698)),
            (257, (58, 1_059_811_748), (2519, 1_058_518_055)),
            (240, (24, 1_061_143_685), (2556, 1_062_617_151)),
        ];
        assert_eq!(found, expected);
    }

    proptest! {
        #[test]
        fn any_probabilities_and_counts(
            probability in prop::collection::vec(
                prop_oneof![Just(0.0), Just(1.0), Just(1e-10), Just(1e-4), 0.0..1.0, 0.0..0.2],
                1..70,
            ),
            n_samples in 1_usize..70,
            seed: u64,
        ) {
            let samples = sample(&distribution(&probability, FeatureSets::Independent), n_samples, seed);
            for sample in &samples {
                for (&x, &p) in sample.iter().zip(&probability) {
                    prop_assert!(p != 0.0 || x == 0.0);
                    prop_assert!(p != 1.0 || x != 0.0);
                }
            }
        }
    }
}
