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

/// The sum of sixteen lanes, always in this order: halves are added until one is left.
pub(crate) fn tree_sum(mut lanes: [f64; LANES]) -> f64 {
    let mut width = LANES / 2;
    while width > 0 {
        for lane in 0..width {
            lanes[lane] += lanes[lane + width];
        }
        width /= 2;
    }
    lanes[0]
}

/// An instruction set: sixteen lanes of f32, each computed by itself, and what sampling needs of integers.
///
/// Every method means the same in every implementation, to the last bit, also for NaN, infinities and zeros of
/// either sign (but not for the payload of a NaN).
pub(crate) trait Simd: Copy {
    /// Sixteen f32.
    type F: Copy;
    /// Two blocks of ChaCha, a row of each: eight u32.
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
    /// `if 0 > a { 0 } else { a }`: NaN stays NaN.
    fn relu(self, a: Self::F) -> Self::F;
    /// `if z <= 0 { 0 } else { a }`: NaN in z lets a pass.
    fn where_positive(self, z: Self::F, a: Self::F) -> Self::F;

    /// Loads.
    fn load_u(self, from: &[u32; 8]) -> Self::U;
    /// Stores.
    fn store_u(self, to: &mut [u32; 8], value: Self::U);
    /// The lane-wise sum modulo 2^32.
    fn add_u(self, a: Self::U, b: Self::U) -> Self::U;
    /// `(a ^ b) <<< 16`.
    fn xor_rotate_16(self, a: Self::U, b: Self::U) -> Self::U;
    /// `(a ^ b) <<< 12`.
    fn xor_rotate_12(self, a: Self::U, b: Self::U) -> Self::U;
    /// `(a ^ b) <<< 8`.
    fn xor_rotate_8(self, a: Self::U, b: Self::U) -> Self::U;
    /// `(a ^ b) <<< 7`.
    fn xor_rotate_7(self, a: Self::U, b: Self::U) -> Self::U;
    /// Lane k of each half becomes lane k + 1 modulo 4 of what it was.
    fn turn_1(self, a: Self::U) -> Self::U;
    /// Lane k of each half becomes lane k + 2 modulo 4 of what it was.
    fn turn_2(self, a: Self::U) -> Self::U;
    /// Lane k of each half becomes lane k + 3 modulo 4 of what it was.
    fn turn_3(self, a: Self::U) -> Self::U;
    /// The first halves of two, then their second halves.
    fn pair_halves(self, a: Self::U, b: Self::U) -> (Self::U, Self::U);

    /// Writes the draw and the index `first + k` of every lane k with `draws[k] <= last[k]` and `ever[k]` all ones,
    /// one behind the other from the front, and returns how many. What it leaves behind them is unspecified.
    fn compress(
        self,
        draws: &[u32; 8],
        limit: &Limit,
        first: u32,
        to_draws: &mut [u32; 8],
        to_indices: &mut [u32; 8],
    ) -> usize;
}

/// Below which draws eight features are active.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub(crate) struct Limit {
    /// The last draw with which each is active.
    pub(crate) last: [u32; 8],
    /// All ones, or 0 for a feature that is never active.
    pub(crate) ever: [u32; 8],
}
