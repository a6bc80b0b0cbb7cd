//! The u32 that samples are made of.

use rand::Rng;

/// 2^32, how many values a u32 has.
pub(crate) const RANGE: f64 = 4_294_967_296.0;
/// The largest f32 below 1.
const BELOW_ONE: f32 = 1.0 - f32::EPSILON / 2.0;
/// How many u32 are drawn at a time.
pub(crate) const N_DRAWS: usize = 1024;

/// The value of an active feature.
#[inline]
pub(crate) fn value(u: u32, divisor: f64) -> f32 {
    (((f64::from(u) + 0.5) / divisor) as f32).min(BELOW_ONE)
}

/// The k-th u32.
#[inline]
pub(crate) fn word(bytes: &[u8], k: usize) -> u32 {
    let bytes = &bytes[4 * k..4 * k + 4];
    u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
}

/// A known number of u32 from a generator, drawn in bulk and handed out in runs.
pub(crate) struct Draws<'a, R: ?Sized> {
    rng: &'a mut R,
    /// How many are still to be drawn.
    left: u64,
    buffer: [u8; 4 * N_DRAWS],
    /// The part of the buffer that is not handed out yet.
    start: usize,
    end: usize,
}

impl<'a, R: Rng + ?Sized> Draws<'a, R> {
    pub(crate) fn new(rng: &'a mut R, count: u64) -> Self {
        Self {
            rng,
            left: count,
            buffer: [0; 4 * N_DRAWS],
            start: 0,
            end: 0,
        }
    }

    /// The bytes of the next u32: at least one, at most `max`.
    #[inline]
    pub(crate) fn next(&mut self, max: usize) -> &[u8] {
        if self.start == self.end {
            let n = self.left.min(N_DRAWS as u64) as usize;
            self.left -= n as u64;
            (self.start, self.end) = (0, 4 * n);
            self.rng.fill_bytes(&mut self.buffer[..4 * n]);
        }
        let start = self.start;
        self.start = self.end.min(start + 4 * max.min(N_DRAWS));
        &self.buffer[start..self.start]
    }

    /// The next u32.
    #[inline]
    pub(crate) fn next_word(&mut self) -> u32 {
        word(self.next(1), 0)
    }
}
