//! Drawing by gaps: from one unit that is present to the next, over all samples.

use super::super::simd::{LANES, Simd};
use super::super::xoshiro::{Key, Xoshiro};
use super::{Elements, RANGE, Shard, Unit};

/// Whole numbers up to this are exact in f32.
const EXACT: u64 = 1 << 24;

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
pub(super) struct Walk<'a> {
    pub(super) n_units: u64,
    pub(super) n_samples: u64,
    pub(super) rate: f32,
    pub(super) shard: &'a mut Shard,
}

impl Walk<'_> {
    /// Units that are single features, all equally likely: a chunk of gaps and a chunk of values in turn.
    #[inline(always)]
    pub(super) fn independent<S: Simd>(self, simd: S, key: Key) -> usize {
        let total = self.n_units.saturating_mul(self.n_samples);
        if total <= EXACT {
            self.independent_in_lanes(simd, key, total as u32)
        } else {
            self.independent_one_by_one(simd, key)
        }
    }

    /// Of at most [`EXACT`] units in all samples: their positions are divided into sample and feature in f32, where they
    /// are exact.
    #[inline(always)]
    fn independent_in_lanes<S: Simd>(self, simd: S, key: Key, total: u32) -> usize {
        let mut random = Xoshiro::new(simd, key);
        let rate = simd.splat(self.rate);
        // A longer gap leads no further than past the end, and so no sum overflows.
        let longest = simd.splat(total as f32);
        let (one, minus_one) = (simd.splat(1.0), simd.splat(-1.0));
        let n = simd.splat(self.n_units as f32);
        let inverse = simd.splat(1.0 / self.n_units as f32);
        let shard = self.shard;
        let mut ends = [0; LANES];
        let mut count = 0;
        // How many units are behind.
        let mut next = 0;
        while next < total {
            let gaps = gap(simd, random.next(simd), rate, longest);
            let value = unit_value(simd, random.next(simd));
            let steps = simd.prefix_sums(simd.add_u(gaps, simd.splat_u(1)));
            simd.store_u(&mut ends, simd.add_u(steps, simd.splat_u(next)));
            let position = simd.add_u(steps, simd.splat_u(next.wrapping_sub(1)));
            next = ends[LANES - 1];
            let mut inside = LANES;
            while inside > 0 && ends[inside - 1] > total {
                inside -= 1;
            }
            let position = simd.to_f(position);
            // The quotient by a reciprocal is off by at most one.
            let quotient = simd.to_f(simd.truncate(simd.mul(position, inverse)));
            let rest = simd.mul_add(simd.mul(quotient, minus_one), n, position);
            let above = simd.where_positive(simd.sub(rest, simd.sub(n, one)), one);
            let below = simd.where_positive(simd.mul(rest, minus_one), one);
            let change = simd.sub(above, below);
            let rest = simd.mul_add(simd.mul(change, minus_one), n, rest);
            shard.reserve(count, LANES);
            let indices = shard.indices[count..].first_chunk_mut::<LANES>();
            let values = shard.values[count..].first_chunk_mut::<LANES>();
            let owners = shard.owners[count..].first_chunk_mut::<LANES>();
            let (Some(indices), Some(values), Some(owners)) = (indices, values, owners) else {
                unreachable!("room was made");
            };
            simd.store_u(indices, simd.truncate(rest));
            simd.store(values, value);
            simd.store_u(owners, simd.truncate(simd.add(quotient, change)));
            count += inside;
        }
        count
    }

    /// Of any number of units.
    #[inline(always)]
    fn independent_one_by_one<S: Simd>(self, simd: S, key: Key) -> usize {
        let mut random = Xoshiro::new(simd, key);
        let (rate, longest) = (simd.splat(self.rate), simd.splat(LONGEST));
        let mut gaps = [0; LANES];
        let mut values = [0.0; LANES];
        let mut place = self.start();
        let shard = self.shard;
        let mut count = 0;
        loop {
            simd.store_u(&mut gaps, gap(simd, random.next(simd), rate, longest));
            simd.store(&mut values, unit_value(simd, random.next(simd)));
            shard.reserve(count, LANES);
            for k in 0..LANES {
                let Some((owner, unit)) = place.step(gaps[k]) else {
                    return count;
                };
                shard.indices[count] = unit as u32;
                shard.values[count] = values[k];
                shard.owners[count] = owner;
                count += 1;
            }
        }
    }

    /// The first unit of the first sample.
    fn start(&self) -> Place {
        Place {
            unit: 0,
            sample: 0,
            n_units: self.n_units,
            n_samples: self.n_samples,
        }
    }

    /// Units that are single features, each kept by the elements of its own.
    #[inline(always)]
    pub(super) fn thinned<S: Simd>(self, simd: S, key: Key, keep: &[Elements]) -> usize {
        let mut random = Xoshiro::new(simd, key);
        let (rate, longest) = (simd.splat(self.rate), simd.splat(LONGEST));
        let mut gaps = [0; LANES];
        let mut upper = [0; LANES];
        let mut place = self.start();
        let shard = self.shard;
        let mut count = 0;
        loop {
            simd.store_u(&mut gaps, gap(simd, random.next(simd), rate, longest));
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
    pub(super) fn sets<S: Simd>(
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
        let (rate, longest) = (simd.splat(self.rate), simd.splat(LONGEST));
        let mut gaps = [0; LANES];
        let mut place = self.start();
        let shard = self.shard;
        let mut count = 0;
        loop {
            simd.store_u(&mut gaps, gap(simd, draws.random.next(simd), rate, longest));
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

/// The longest gap that is drawn, `$2^{30}$`.
const LONGEST: f32 = 1_073_741_824.0;

/// The value of an active feature, from a draw.
#[inline(always)]
fn unit_value<S: Simd>(simd: S, draws: S::U) -> S::F {
    let (scale, offset) = (1.0 / RANGE as f32, 0.5 / RANGE as f32);
    let upper = simd.shift_right::<1>(draws);
    simd.mul_add(simd.to_f(upper), simd.splat(scale), simd.splat(offset))
}

/// The gap before the next unit: `$\lfloor \ln v \cdot rate \rfloor$`, or a whole number of at most [`LONGEST`] where
/// that is less, for v an odd multiple of `$2^{-31}$`.
///
/// The logarithm is that of 2^31 v in f32, split at `$\sqrt{1/2}$` of its binade, `$y - y^2/2 + y^3 P(y)$` with a P of
/// degree 6 fitted to a relative error of 3e-8. The rounding of v changes the mean gap by less than 1e-7 of it; below
/// p of about `$10^{-6}$` short gaps come in steps of `$2^{-24}/p$`, and none is less likely than `$2^{-25}$`.
#[inline(always)]
fn gap<S: Simd>(simd: S, draws: S::U, rate: S::F, longest: S::F) -> S::U {
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
    simd.truncate(simd.min(gap, longest))
}
