//! The lanes in AVX2 and FMA: two registers of eight.

use std::arch::x86_64::*;

use super::Run;
use super::simd::{LANES, Limit, Simd};

/// Proof that the machine has AVX2, FMA and POPCNT: there is no other way to a value than [`Avx2::detect`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Avx2(());

impl Avx2 {
    /// The instructions, if the machine has them.
    pub(crate) fn detect() -> Option<Self> {
        let found = std::arch::is_x86_feature_detected!("avx2")
            && std::arch::is_x86_feature_detected!("fma")
            && std::arch::is_x86_feature_detected!("popcnt");
        found.then_some(Self(()))
    }
}

/// Runs the body, compiled for these instructions.
///
/// # Safety
/// The machine must have AVX2, FMA and POPCNT, of which `simd` is the proof.
#[target_feature(enable = "avx2,fma,popcnt")]
pub(crate) unsafe fn vectorize<R: Run>(simd: Avx2, run: R) -> R::Output {
    run.run(simd)
}

/// Calls intrinsics that are safe but for the instructions they need: those that take no pointer.
///
/// Arguments are variables, or halves of them, so nothing but the calls is in the unsafe block.
macro_rules! intrinsics {
    ($($intrinsic:ident $(::<$constant:tt>)? ($($argument:ident $(. $half:tt)?),*)),+) => {
        // SAFETY: `self` is the proof that the machine has AVX2 and FMA.
        unsafe { ($($intrinsic $(::<$constant>)? ($($argument $(. $half)?),*)),+) }
    };
}

impl Simd for Avx2 {
    type F = (__m256, __m256);
    type U = __m256i;

    #[inline(always)]
    fn load(self, from: &[f32; LANES]) -> Self::F {
        let from = from.as_ptr();
        // SAFETY: both halves lie within the 16 f32, any alignment will do; `self` is the proof of AVX2.
        unsafe { (_mm256_loadu_ps(from), _mm256_loadu_ps(from.add(8))) }
    }

    #[inline(always)]
    fn store(self, to: &mut [f32; LANES], value: Self::F) {
        let to = to.as_mut_ptr();
        // SAFETY: as for `load`.
        unsafe {
            _mm256_storeu_ps(to, value.0);
            _mm256_storeu_ps(to.add(8), value.1);
        }
    }

    #[inline(always)]
    fn splat(self, value: f32) -> Self::F {
        let all = intrinsics!(_mm256_set1_ps(value));
        (all, all)
    }

    #[inline(always)]
    fn add(self, a: Self::F, b: Self::F) -> Self::F {
        intrinsics!(_mm256_add_ps(a.0, b.0), _mm256_add_ps(a.1, b.1))
    }

    #[inline(always)]
    fn sub(self, a: Self::F, b: Self::F) -> Self::F {
        intrinsics!(_mm256_sub_ps(a.0, b.0), _mm256_sub_ps(a.1, b.1))
    }

    #[inline(always)]
    fn mul(self, a: Self::F, b: Self::F) -> Self::F {
        intrinsics!(_mm256_mul_ps(a.0, b.0), _mm256_mul_ps(a.1, b.1))
    }

    #[inline(always)]
    fn div(self, a: Self::F, b: Self::F) -> Self::F {
        intrinsics!(_mm256_div_ps(a.0, b.0), _mm256_div_ps(a.1, b.1))
    }

    #[inline(always)]
    fn sqrt(self, a: Self::F) -> Self::F {
        intrinsics!(_mm256_sqrt_ps(a.0), _mm256_sqrt_ps(a.1))
    }

    #[inline(always)]
    fn mul_add(self, a: Self::F, b: Self::F, c: Self::F) -> Self::F {
        intrinsics!(
            _mm256_fmadd_ps(a.0, b.0, c.0),
            _mm256_fmadd_ps(a.1, b.1, c.1)
        )
    }

    #[inline(always)]
    fn relu(self, a: Self::F) -> Self::F {
        // The instruction is `first > second ? first : second`: the second where one is NaN.
        let zero = intrinsics!(_mm256_setzero_ps());
        intrinsics!(_mm256_max_ps(zero, a.0), _mm256_max_ps(zero, a.1))
    }

    #[inline(always)]
    fn where_positive(self, z: Self::F, a: Self::F) -> Self::F {
        let zero = intrinsics!(_mm256_setzero_ps());
        // "Not at most" is true of NaN.
        let passes = intrinsics!(
            _mm256_cmp_ps::<_CMP_NLE_UQ>(z.0, zero),
            _mm256_cmp_ps::<_CMP_NLE_UQ>(z.1, zero)
        );
        intrinsics!(_mm256_and_ps(passes.0, a.0), _mm256_and_ps(passes.1, a.1))
    }

    #[inline(always)]
    fn load_u(self, from: &[u32; 8]) -> Self::U {
        // SAFETY: the array is 256 bits, any alignment will do; `self` is the proof of AVX2.
        unsafe { _mm256_loadu_si256(from.as_ptr().cast()) }
    }

    #[inline(always)]
    fn store_u(self, to: &mut [u32; 8], value: Self::U) {
        // SAFETY: as for `load_u`.
        unsafe { _mm256_storeu_si256(to.as_mut_ptr().cast(), value) }
    }

    #[inline(always)]
    fn add_u(self, a: Self::U, b: Self::U) -> Self::U {
        intrinsics!(_mm256_add_epi32(a, b))
    }

    #[inline(always)]
    fn xor_rotate_16(self, a: Self::U, b: Self::U) -> Self::U {
        // SAFETY: `self` is the proof of AVX2.
        let bytes = unsafe {
            _mm256_broadcastsi128_si256(_mm_setr_epi8(
                2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13,
            ))
        };
        let x = intrinsics!(_mm256_xor_si256(a, b));
        intrinsics!(_mm256_shuffle_epi8(x, bytes))
    }

    #[inline(always)]
    fn xor_rotate_12(self, a: Self::U, b: Self::U) -> Self::U {
        let x = intrinsics!(_mm256_xor_si256(a, b));
        let (left, right) = intrinsics!(_mm256_slli_epi32::<12>(x), _mm256_srli_epi32::<20>(x));
        intrinsics!(_mm256_or_si256(left, right))
    }

    #[inline(always)]
    fn xor_rotate_8(self, a: Self::U, b: Self::U) -> Self::U {
        // SAFETY: `self` is the proof of AVX2.
        let bytes = unsafe {
            _mm256_broadcastsi128_si256(_mm_setr_epi8(
                3, 0, 1, 2, 7, 4, 5, 6, 11, 8, 9, 10, 15, 12, 13, 14,
            ))
        };
        let x = intrinsics!(_mm256_xor_si256(a, b));
        intrinsics!(_mm256_shuffle_epi8(x, bytes))
    }

    #[inline(always)]
    fn xor_rotate_7(self, a: Self::U, b: Self::U) -> Self::U {
        let x = intrinsics!(_mm256_xor_si256(a, b));
        let (left, right) = intrinsics!(_mm256_slli_epi32::<7>(x), _mm256_srli_epi32::<25>(x));
        intrinsics!(_mm256_or_si256(left, right))
    }

    #[inline(always)]
    fn turn_1(self, a: Self::U) -> Self::U {
        intrinsics!(_mm256_shuffle_epi32::<0b00_11_10_01>(a))
    }

    #[inline(always)]
    fn turn_2(self, a: Self::U) -> Self::U {
        intrinsics!(_mm256_shuffle_epi32::<0b01_00_11_10>(a))
    }

    #[inline(always)]
    fn turn_3(self, a: Self::U) -> Self::U {
        intrinsics!(_mm256_shuffle_epi32::<0b10_01_00_11>(a))
    }

    #[inline(always)]
    fn pair_halves(self, a: Self::U, b: Self::U) -> (Self::U, Self::U) {
        intrinsics!(
            _mm256_permute2x128_si256::<0x20>(a, b),
            _mm256_permute2x128_si256::<0x31>(a, b)
        )
    }

    #[inline(always)]
    fn compress(
        self,
        draws: &[u32; 8],
        limit: &Limit,
        first: u32,
        to_draws: &mut [u32; 8],
        to_indices: &mut [u32; 8],
    ) -> usize {
        let u = self.load_u(draws);
        let last = self.load_u(&limit.last);
        let ever = self.load_u(&limit.ever);
        // There is no unsigned comparison: u <= last exactly where u is the smaller of the two.
        let smaller = intrinsics!(_mm256_min_epu32(u, last));
        let below = intrinsics!(_mm256_cmpeq_epi32(smaller, u));
        let active = intrinsics!(_mm256_and_si256(below, ever));
        let active = intrinsics!(_mm256_castsi256_ps(active));
        let mask = intrinsics!(_mm256_movemask_ps(active)) as u8;
        let order = &ACTIVE_FIRST[usize::from(mask)];
        // SAFETY: the entry is 64 bits, any alignment will do; `self` is the proof of AVX2.
        let order = unsafe { _mm256_cvtepu8_epi32(_mm_loadl_epi64(order.as_ptr().cast())) };
        self.store_u(to_draws, intrinsics!(_mm256_permutevar8x32_epi32(u, order)));
        let first = first as i32;
        let first = intrinsics!(_mm256_set1_epi32(first));
        self.store_u(to_indices, intrinsics!(_mm256_add_epi32(order, first)));
        mask.count_ones() as usize
    }
}

/// For every mask of eight lanes, the set ones in increasing order, then zeros.
static ACTIVE_FIRST: [[u8; 8]; 256] = {
    let mut table = [[0; 8]; 256];
    let mut mask = 0;
    while mask < 256 {
        let (mut lane, mut count) = (0, 0);
        while lane < 8 {
            if mask >> lane & 1 == 1 {
                table[mask][count] = lane as u8;
                count += 1;
            }
            lane += 1;
        }
        mask += 1;
    }
    table
};
