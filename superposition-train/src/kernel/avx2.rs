//! The lanes in AVX2 and FMA: two registers of eight.

use std::arch::x86_64::*;

use super::Run;
use super::simd::{LANES, Simd};

/// Proof that the machine has AVX2 and FMA: there is no other way to a value than [`Avx2::detect`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Avx2(());

impl Avx2 {
    /// The instructions, if the machine has them.
    pub(crate) fn detect() -> Option<Self> {
        let found = std::arch::is_x86_feature_detected!("avx2")
            && std::arch::is_x86_feature_detected!("fma");
        found.then_some(Self(()))
    }
}

/// Runs the body, compiled for these instructions.
///
/// # Safety
/// The machine must have AVX2 and FMA, of which `simd` is the proof.
#[target_feature(enable = "avx2,fma")]
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
    const HAS_MANY_REGISTERS: bool = false;

    type F = (__m256, __m256);
    type U = (__m256i, __m256i);

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
    fn min(self, a: Self::F, b: Self::F) -> Self::F {
        // The instruction gives the second where one is NaN.
        intrinsics!(_mm256_min_ps(a.0, b.0), _mm256_min_ps(a.1, b.1))
    }

    #[inline(always)]
    fn max(self, a: Self::F, b: Self::F) -> Self::F {
        // The instruction gives the second where one is NaN.
        intrinsics!(_mm256_max_ps(a.0, b.0), _mm256_max_ps(a.1, b.1))
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
    fn sum(self, a: Self::F) -> f32 {
        let eight = intrinsics!(_mm256_add_ps(a.0, a.1));
        let (low, high) = intrinsics!(
            _mm256_castps256_ps128(eight),
            _mm256_extractf128_ps::<1>(eight)
        );
        let four = intrinsics!(_mm_add_ps(low, high));
        let high = intrinsics!(_mm_movehl_ps(four, four));
        let two = intrinsics!(_mm_add_ps(four, high));
        let high = intrinsics!(_mm_movehdup_ps(two));
        let one = intrinsics!(_mm_add_ss(two, high));
        intrinsics!(_mm_cvtss_f32(one))
    }

    #[inline(always)]
    fn transpose(self, rows: &mut [Self::F; LANES]) {
        // Four blocks: top left, bottom left, top right, bottom right. Loops, for a closure would not be compiled for
        // the instructions.
        let mut blocks = [[rows[0].0; 8]; 4];
        for k in 0..8 {
            blocks[0][k] = rows[k].0;
            blocks[1][k] = rows[8 + k].0;
            blocks[2][k] = rows[k].1;
            blocks[3][k] = rows[8 + k].1;
        }
        for block in &mut blocks {
            self.transpose_8(block);
        }
        for k in 0..8 {
            rows[k] = (blocks[0][k], blocks[1][k]);
            rows[8 + k] = (blocks[2][k], blocks[3][k]);
        }
    }

    #[inline(always)]
    fn load_u(self, from: &[u32; LANES]) -> Self::U {
        let from = from.as_ptr().cast::<__m256i>();
        // SAFETY: both halves lie within the 16 u32, any alignment will do; `self` is the proof of AVX2.
        unsafe { (_mm256_loadu_si256(from), _mm256_loadu_si256(from.add(1))) }
    }

    #[inline(always)]
    fn store_u(self, to: &mut [u32; LANES], value: Self::U) {
        let to = to.as_mut_ptr().cast::<__m256i>();
        // SAFETY: as for `load_u`.
        unsafe {
            _mm256_storeu_si256(to, value.0);
            _mm256_storeu_si256(to.add(1), value.1);
        }
    }

    #[inline(always)]
    fn splat_u(self, value: u32) -> Self::U {
        let value = value.cast_signed();
        let all = intrinsics!(_mm256_set1_epi32(value));
        (all, all)
    }

    #[inline(always)]
    fn add_u(self, a: Self::U, b: Self::U) -> Self::U {
        intrinsics!(_mm256_add_epi32(a.0, b.0), _mm256_add_epi32(a.1, b.1))
    }

    #[inline(always)]
    fn prefix_sums(self, a: Self::U) -> Self::U {
        // Within fours: each step adds the lanes 1 and 2 below.
        let below = intrinsics!(_mm256_slli_si256::<4>(a.0), _mm256_slli_si256::<4>(a.1));
        let a = self.add_u(a, below);
        let below = intrinsics!(_mm256_slli_si256::<8>(a.0), _mm256_slli_si256::<8>(a.1));
        let a = self.add_u(a, below);
        // The sum of the first four of each eight, for the second four.
        let first = intrinsics!(
            _mm256_permute2x128_si256::<0x08>(a.0, a.0),
            _mm256_permute2x128_si256::<0x08>(a.1, a.1)
        );
        let first = intrinsics!(
            _mm256_shuffle_epi32::<0xff>(first.0),
            _mm256_shuffle_epi32::<0xff>(first.1)
        );
        let a = self.add_u(a, first);
        // The sum of the first eight, for the second.
        let sevens = self.splat_u(7).0;
        let (zero, first) = intrinsics!(
            _mm256_setzero_si256(),
            _mm256_permutevar8x32_epi32(a.0, sevens)
        );
        self.add_u(a, (zero, first))
    }

    #[inline(always)]
    fn mul_u(self, a: Self::U, b: Self::U) -> Self::U {
        intrinsics!(_mm256_mullo_epi32(a.0, b.0), _mm256_mullo_epi32(a.1, b.1))
    }

    #[inline(always)]
    fn xor(self, a: Self::U, b: Self::U) -> Self::U {
        intrinsics!(_mm256_xor_si256(a.0, b.0), _mm256_xor_si256(a.1, b.1))
    }

    #[inline(always)]
    fn and(self, a: Self::U, b: Self::U) -> Self::U {
        intrinsics!(_mm256_and_si256(a.0, b.0), _mm256_and_si256(a.1, b.1))
    }

    #[inline(always)]
    fn shift_left<const K: u32>(self, a: Self::U) -> Self::U {
        let by = self.splat_u(K);
        intrinsics!(_mm256_sllv_epi32(a.0, by.0), _mm256_sllv_epi32(a.1, by.1))
    }

    #[inline(always)]
    fn shift_right<const K: u32>(self, a: Self::U) -> Self::U {
        let by = self.splat_u(K);
        intrinsics!(_mm256_srlv_epi32(a.0, by.0), _mm256_srlv_epi32(a.1, by.1))
    }

    #[inline(always)]
    fn rotate_left<const K: u32>(self, a: Self::U) -> Self::U {
        let left = self.shift_left::<K>(a);
        let by = self.splat_u(32 - K);
        let right = intrinsics!(_mm256_srlv_epi32(a.0, by.0), _mm256_srlv_epi32(a.1, by.1));
        intrinsics!(
            _mm256_or_si256(left.0, right.0),
            _mm256_or_si256(left.1, right.1)
        )
    }

    #[inline(always)]
    fn to_f(self, a: Self::U) -> Self::F {
        intrinsics!(_mm256_cvtepi32_ps(a.0), _mm256_cvtepi32_ps(a.1))
    }

    #[inline(always)]
    fn truncate(self, a: Self::F) -> Self::U {
        intrinsics!(_mm256_cvttps_epi32(a.0), _mm256_cvttps_epi32(a.1))
    }

    #[inline(always)]
    fn bits_of(self, a: Self::F) -> Self::U {
        intrinsics!(_mm256_castps_si256(a.0), _mm256_castps_si256(a.1))
    }

    #[inline(always)]
    fn float_of_bits(self, a: Self::U) -> Self::F {
        intrinsics!(_mm256_castsi256_ps(a.0), _mm256_castsi256_ps(a.1))
    }

    #[inline(always)]
    fn where_at_most(self, a: Self::U, last: Self::U, x: Self::F) -> Self::F {
        let above = intrinsics!(
            _mm256_cmpgt_epi32(a.0, last.0),
            _mm256_cmpgt_epi32(a.1, last.1)
        );
        let above = intrinsics!(_mm256_castsi256_ps(above.0), _mm256_castsi256_ps(above.1));
        intrinsics!(
            _mm256_andnot_ps(above.0, x.0),
            _mm256_andnot_ps(above.1, x.1)
        )
    }
}

impl Avx2 {
    /// Transposes eight rows of eight.
    #[inline(always)]
    fn transpose_8(self, rows: &mut [__m256; 8]) {
        // Pairs of rows, then fours, then eights: each step doubles what lies in the right order.
        let mut pairs = *rows;
        for k in 0..4 {
            let (a, b) = (rows[2 * k], rows[2 * k + 1]);
            (pairs[2 * k], pairs[2 * k + 1]) =
                intrinsics!(_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b));
        }
        let mut fours = pairs;
        for k in 0..2 {
            for high in 0..2 {
                let (a, b) = (pairs[4 * k + high], pairs[4 * k + 2 + high]);
                (fours[4 * k + 2 * high], fours[4 * k + 2 * high + 1]) = intrinsics!(
                    _mm256_shuffle_ps::<0b01_00_01_00>(a, b),
                    _mm256_shuffle_ps::<0b11_10_11_10>(a, b)
                );
            }
        }
        for k in 0..4 {
            let (a, b) = (fours[k], fours[k + 4]);
            (rows[k], rows[k + 4]) = intrinsics!(
                _mm256_permute2f128_ps::<0x20>(a, b),
                _mm256_permute2f128_ps::<0x31>(a, b)
            );
        }
    }
}
