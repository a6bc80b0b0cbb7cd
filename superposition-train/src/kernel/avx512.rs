//! The lanes in AVX-512: one register of sixteen.

use std::arch::x86_64::*;

use super::Run;
use super::avx2::Avx2;
use super::simd::{LANES, Simd};

/// Proof that the machine has AVX-512F besides AVX2 and FMA: there is no other way to a value than
/// [`Avx512::detect`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Avx512(Avx2);

impl Avx512 {
    /// The instructions, if the machine has them.
    pub(crate) fn detect() -> Option<Self> {
        let avx2 = Avx2::detect()?;
        std::arch::is_x86_feature_detected!("avx512f").then_some(Self(avx2))
    }
}

/// Runs the body, compiled for these instructions.
///
/// # Safety
/// The machine must have AVX-512F, AVX2 and FMA, of which `simd` is the proof.
#[target_feature(enable = "avx512f,avx2,fma")]
pub(crate) unsafe fn vectorize<R: Run>(simd: Avx512, run: R) -> R::Output {
    run.run(simd)
}

/// Calls an intrinsic that is safe but for the instructions it needs: one that takes no pointer.
///
/// Arguments are variables, so nothing but the call is in the unsafe block.
macro_rules! intrinsic {
    ($intrinsic:ident $(::<$constant:tt>)? ($($argument:ident),*)) => {
        // SAFETY: `self` is the proof that the machine has AVX-512F, AVX2 and FMA.
        unsafe { $intrinsic $(::<$constant>)? ($($argument),*) }
    };
}

impl Simd for Avx512 {
    const HAS_MANY_REGISTERS: bool = true;

    type F = __m512;
    type U = __m512i;

    #[inline(always)]
    fn load(self, from: &[f32; LANES]) -> Self::F {
        // SAFETY: the array is 512 bits, any alignment will do; `self` is the proof of AVX-512F.
        unsafe { _mm512_loadu_ps(from.as_ptr()) }
    }

    #[inline(always)]
    fn store(self, to: &mut [f32; LANES], value: Self::F) {
        // SAFETY: as for `load`.
        unsafe { _mm512_storeu_ps(to.as_mut_ptr(), value) }
    }

    #[inline(always)]
    fn splat(self, value: f32) -> Self::F {
        intrinsic!(_mm512_set1_ps(value))
    }

    #[inline(always)]
    fn add(self, a: Self::F, b: Self::F) -> Self::F {
        intrinsic!(_mm512_add_ps(a, b))
    }

    #[inline(always)]
    fn sub(self, a: Self::F, b: Self::F) -> Self::F {
        intrinsic!(_mm512_sub_ps(a, b))
    }

    #[inline(always)]
    fn mul(self, a: Self::F, b: Self::F) -> Self::F {
        intrinsic!(_mm512_mul_ps(a, b))
    }

    #[inline(always)]
    fn div(self, a: Self::F, b: Self::F) -> Self::F {
        intrinsic!(_mm512_div_ps(a, b))
    }

    #[inline(always)]
    fn sqrt(self, a: Self::F) -> Self::F {
        intrinsic!(_mm512_sqrt_ps(a))
    }

    #[inline(always)]
    fn mul_add(self, a: Self::F, b: Self::F, c: Self::F) -> Self::F {
        intrinsic!(_mm512_fmadd_ps(a, b, c))
    }

    #[inline(always)]
    fn min(self, a: Self::F, b: Self::F) -> Self::F {
        // The instruction gives the second where one is NaN.
        intrinsic!(_mm512_min_ps(a, b))
    }

    #[inline(always)]
    fn max(self, a: Self::F, b: Self::F) -> Self::F {
        // As for `min`.
        intrinsic!(_mm512_max_ps(a, b))
    }

    #[inline(always)]
    fn where_positive(self, z: Self::F, a: Self::F) -> Self::F {
        let zero = intrinsic!(_mm512_setzero_ps());
        // "Not at most" is true of NaN.
        let passes = intrinsic!(_mm512_cmp_ps_mask::<_CMP_NLE_UQ>(z, zero));
        intrinsic!(_mm512_maskz_mov_ps(passes, a))
    }

    #[inline(always)]
    fn sum(self, a: Self::F) -> f32 {
        // The halves are what AVX2 has of the lanes.
        self.0.sum(self.halves(a))
    }

    #[inline(always)]
    fn transpose(self, rows: &mut [Self::F; LANES]) {
        // Within each fourth of the lanes first: four rows become four columns of as many.
        let mut fours = *rows;
        for i in (0..LANES).step_by(4) {
            let (a, b, c, d) = (rows[i], rows[i + 1], rows[i + 2], rows[i + 3]);
            let low = [
                intrinsic!(_mm512_unpacklo_ps(a, b)),
                intrinsic!(_mm512_unpacklo_ps(c, d)),
            ];
            let high = [
                intrinsic!(_mm512_unpackhi_ps(a, b)),
                intrinsic!(_mm512_unpackhi_ps(c, d)),
            ];
            (fours[i], fours[i + 1]) = self.pairs(low);
            (fours[i + 2], fours[i + 3]) = self.pairs(high);
        }
        for k in 0..4 {
            let (a, b, c, d) = (fours[k], fours[4 + k], fours[8 + k], fours[12 + k]);
            let even = self.fourths::<EVEN>([a, b, c, d]);
            let odd = self.fourths::<ODD>([a, b, c, d]);
            [rows[k], rows[8 + k]] = even;
            [rows[4 + k], rows[12 + k]] = odd;
        }
    }

    #[inline(always)]
    fn load_u(self, from: &[u32; LANES]) -> Self::U {
        // SAFETY: as for `load`.
        unsafe { _mm512_loadu_si512(from.as_ptr().cast()) }
    }

    #[inline(always)]
    fn store_u(self, to: &mut [u32; LANES], value: Self::U) {
        // SAFETY: as for `load`.
        unsafe { _mm512_storeu_si512(to.as_mut_ptr().cast(), value) }
    }

    #[inline(always)]
    fn splat_u(self, value: u32) -> Self::U {
        let value = value.cast_signed();
        intrinsic!(_mm512_set1_epi32(value))
    }

    #[inline(always)]
    fn add_u(self, a: Self::U, b: Self::U) -> Self::U {
        intrinsic!(_mm512_add_epi32(a, b))
    }

    #[inline(always)]
    fn prefix_sums(self, a: Self::U) -> Self::U {
        let zero = intrinsic!(_mm512_setzero_si512());
        // Each step adds the lanes 1, 2, 4 and 8 below.
        let below = intrinsic!(_mm512_alignr_epi32::<15>(a, zero));
        let a = self.add_u(a, below);
        let below = intrinsic!(_mm512_alignr_epi32::<14>(a, zero));
        let a = self.add_u(a, below);
        let below = intrinsic!(_mm512_alignr_epi32::<12>(a, zero));
        let a = self.add_u(a, below);
        let below = intrinsic!(_mm512_alignr_epi32::<8>(a, zero));
        self.add_u(a, below)
    }

    #[inline(always)]
    fn mul_u(self, a: Self::U, b: Self::U) -> Self::U {
        intrinsic!(_mm512_mullo_epi32(a, b))
    }

    #[inline(always)]
    fn xor(self, a: Self::U, b: Self::U) -> Self::U {
        intrinsic!(_mm512_xor_si512(a, b))
    }

    #[inline(always)]
    fn and(self, a: Self::U, b: Self::U) -> Self::U {
        intrinsic!(_mm512_and_si512(a, b))
    }

    #[inline(always)]
    fn shift_left<const K: u32>(self, a: Self::U) -> Self::U {
        let by = self.splat_u(K);
        intrinsic!(_mm512_sllv_epi32(a, by))
    }

    #[inline(always)]
    fn shift_right<const K: u32>(self, a: Self::U) -> Self::U {
        let by = self.splat_u(K);
        intrinsic!(_mm512_srlv_epi32(a, by))
    }

    #[inline(always)]
    fn rotate_left<const K: u32>(self, a: Self::U) -> Self::U {
        let by = self.splat_u(K);
        intrinsic!(_mm512_rolv_epi32(a, by))
    }

    #[inline(always)]
    fn to_f(self, a: Self::U) -> Self::F {
        intrinsic!(_mm512_cvtepi32_ps(a))
    }

    #[inline(always)]
    fn truncate(self, a: Self::F) -> Self::U {
        intrinsic!(_mm512_cvttps_epi32(a))
    }

    #[inline(always)]
    fn bits_of(self, a: Self::F) -> Self::U {
        intrinsic!(_mm512_castps_si512(a))
    }

    #[inline(always)]
    fn float_of_bits(self, a: Self::U) -> Self::F {
        intrinsic!(_mm512_castsi512_ps(a))
    }

    #[inline(always)]
    fn where_at_most(self, a: Self::U, last: Self::U, x: Self::F) -> Self::F {
        let passes = intrinsic!(_mm512_cmple_epi32_mask(a, last));
        intrinsic!(_mm512_maskz_mov_ps(passes, x))
    }
}

/// Fourths of the lanes of two registers: the first and third of each, or the second and fourth.
const EVEN: i32 = 0b10_00_10_00;
const ODD: i32 = 0b11_01_11_01;

impl Avx512 {
    /// Lanes 0 to 7, and 8 to 15.
    #[inline(always)]
    fn halves(self, a: __m512) -> (__m256, __m256) {
        let low = intrinsic!(_mm512_castps512_ps256(a));
        let whole = intrinsic!(_mm512_castps_pd(a));
        let high = intrinsic!(_mm512_extractf64x4_pd::<1>(whole));
        let high = intrinsic!(_mm256_castpd_ps(high));
        (low, high)
    }

    /// The lower pairs of lanes of each fourth of two registers in turn, and the upper ones.
    #[inline(always)]
    fn pairs(self, [a, b]: [__m512; 2]) -> (__m512, __m512) {
        let (a, b) = (
            intrinsic!(_mm512_castps_pd(a)),
            intrinsic!(_mm512_castps_pd(b)),
        );
        let low = intrinsic!(_mm512_unpacklo_pd(a, b));
        let high = intrinsic!(_mm512_unpackhi_pd(a, b));
        (
            intrinsic!(_mm512_castpd_ps(low)),
            intrinsic!(_mm512_castpd_ps(high)),
        )
    }

    /// Two fourths of each of four registers, as columns: of the [`EVEN`] ones the first and the third.
    #[inline(always)]
    fn fourths<const WHICH: i32>(self, [a, b, c, d]: [__m512; 4]) -> [__m512; 2] {
        let ab = intrinsic!(_mm512_shuffle_f32x4::<WHICH>(a, b));
        let cd = intrinsic!(_mm512_shuffle_f32x4::<WHICH>(c, d));
        [
            intrinsic!(_mm512_shuffle_f32x4::<EVEN>(ab, cd)),
            intrinsic!(_mm512_shuffle_f32x4::<ODD>(ab, cd)),
        ]
    }
}
