//! The 16 lanes that every kernel is written in.

/// The lanes of a vector, for every instruction set.
pub(crate) const LANES: usize = 16;

/// Sixteen numbers in memory, on a cache line of their own.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[repr(C, align(64))]
pub(crate) struct Chunk(pub(crate) [f32; LANES]);

/// How many chunks hold `len` numbers.
pub(crate) fn chunks_for(len: usize) -> usize {
    len.div_ceil(LANES)
}

/// The numbers of some chunks in a row.
pub(crate) fn flat(chunks: &[Chunk]) -> &[f32] {
    // SAFETY: a chunk is 16 f32 without padding, so the slice covers exactly the same initialized memory.
    unsafe { std::slice::from_raw_parts(chunks.as_ptr().cast(), chunks.len() * LANES) }
}

/// The numbers of some chunks in a row, to be written to.
pub(crate) fn flat_mut(chunks: &mut [Chunk]) -> &mut [f32] {
    // SAFETY: as in `flat`; the borrow is exclusive, and every f32 is a valid part of a chunk.
    unsafe { std::slice::from_raw_parts_mut(chunks.as_mut_ptr().cast(), chunks.len() * LANES) }
}

/// An instruction set: sixteen lanes of f32 and of u32, each computed by itself.
///
/// Every method means the same in every implementation, to the last bit, also for NaN, infinities and zeros of
/// either sign (but not for the payload of a NaN).
pub(crate) trait Simd: Copy {
    /// Whether there are registers for 28 times sixteen lanes; for 14 there are always.
    const HAS_MANY_REGISTERS: bool;

    /// Sixteen f32.
    type F: Copy;
    /// Sixteen u32.
    type U: Copy;

    /// Loads.
    fn load(self, from: &[f32; LANES]) -> Self::F;
    /// Stores.
    fn store(self, to: &mut [f32; LANES], value: Self::F);
    /// The same number in every lane.
    fn splat(self, value: f32) -> Self::F;
    /// `a + b`.
    fn add(self, a: Self::F, b: Self::F) -> Self::F;
    /// `a - b`.
    fn sub(self, a: Self::F, b: Self::F) -> Self::F;
    /// `a * b`.
    fn mul(self, a: Self::F, b: Self::F) -> Self::F;
    /// `a / b`, correctly rounded.
    fn div(self, a: Self::F, b: Self::F) -> Self::F;
    /// The square root, correctly rounded.
    fn sqrt(self, a: Self::F) -> Self::F;
    /// `a * b + c`, rounded once.
    fn mul_add(self, a: Self::F, b: Self::F, c: Self::F) -> Self::F;
    /// `if a < b { a } else { b }`: b where one is NaN.
    fn min(self, a: Self::F, b: Self::F) -> Self::F;
    /// `if a > b { a } else { b }`: b where one is NaN.
    fn max(self, a: Self::F, b: Self::F) -> Self::F;
    /// `if z <= 0 { 0 } else { a }`: NaN in z lets a pass.
    fn where_positive(self, z: Self::F, a: Self::F) -> Self::F;
    /// The sum of the lanes: halves are added until one is left.
    fn sum(self, a: Self::F) -> f32;
    /// Row r, lane k becomes row k, lane r.
    fn transpose(self, rows: &mut [Self::F; LANES]);

    /// Loads.
    fn load_u(self, from: &[u32; LANES]) -> Self::U;
    /// Stores.
    fn store_u(self, to: &mut [u32; LANES], value: Self::U);
    /// The same number in every lane.
    fn splat_u(self, value: u32) -> Self::U;
    /// The sum modulo 2^32.
    fn add_u(self, a: Self::U, b: Self::U) -> Self::U;
    /// Lane k becomes the sum of lanes 0 to k, modulo 2^32.
    fn prefix_sums(self, a: Self::U) -> Self::U;
    /// The product modulo 2^32.
    fn mul_u(self, a: Self::U, b: Self::U) -> Self::U;
    /// Exclusive or.
    fn xor(self, a: Self::U, b: Self::U) -> Self::U;
    /// Bitwise and.
    fn and(self, a: Self::U, b: Self::U) -> Self::U;
    /// Shifted left, `K` below 32.
    fn shift_left<const K: u32>(self, a: Self::U) -> Self::U;
    /// Shifted right, zeros entering, `K` below 32.
    fn shift_right<const K: u32>(self, a: Self::U) -> Self::U;
    /// Rotated left, `K` from 1 to 31.
    fn rotate_left<const K: u32>(self, a: Self::U) -> Self::U;
    /// The number as an i32, rounded to f32.
    fn to_f(self, a: Self::U) -> Self::F;
    /// The integer part of a number from 0 to below 2^31.
    fn truncate(self, a: Self::F) -> Self::U;
    /// The bits of an f32.
    fn bits_of(self, a: Self::F) -> Self::U;
    /// The f32 of these bits.
    fn float_of_bits(self, a: Self::U) -> Self::F;
    /// `if a <= last { x } else { 0 }`, both as i32.
    fn where_at_most(self, a: Self::U, last: Self::U, x: Self::F) -> Self::F;

    /// `if 0 > a { 0 } else { a }`: NaN stays NaN.
    #[inline(always)]
    fn relu(self, a: Self::F) -> Self::F {
        self.max(self.splat(0.0), a)
    }
}
