//! The lanes in plain Rust: what every other instruction set is compared with.

use std::array::from_fn;

use super::simd::{LANES, Simd};

/// No special instructions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scalar;

impl Simd for Scalar {
    const HAS_MANY_REGISTERS: bool = false;

    type F = [f32; LANES];
    type U = [u32; LANES];

    #[inline(always)]
    fn load(self, from: &[f32; LANES]) -> Self::F {
        *from
    }

    #[inline(always)]
    fn store(self, to: &mut [f32; LANES], value: Self::F) {
        *to = value;
    }

    #[inline(always)]
    fn splat(self, value: f32) -> Self::F {
        [value; LANES]
    }

    #[inline(always)]
    fn add(self, a: Self::F, b: Self::F) -> Self::F {
        from_fn(|k| a[k] + b[k])
    }

    #[inline(always)]
    fn sub(self, a: Self::F, b: Self::F) -> Self::F {
        from_fn(|k| a[k] - b[k])
    }

    #[inline(always)]
    fn mul(self, a: Self::F, b: Self::F) -> Self::F {
        from_fn(|k| a[k] * b[k])
    }

    #[inline(always)]
    fn div(self, a: Self::F, b: Self::F) -> Self::F {
        from_fn(|k| a[k] / b[k])
    }

    #[inline(always)]
    fn sqrt(self, a: Self::F) -> Self::F {
        from_fn(|k| a[k].sqrt())
    }

    #[inline(always)]
    fn mul_add(self, a: Self::F, b: Self::F, c: Self::F) -> Self::F {
        from_fn(|k| a[k].mul_add(b[k], c[k]))
    }

    #[inline(always)]
    fn min(self, a: Self::F, b: Self::F) -> Self::F {
        // Not `f32::min`, which treats NaN in another way.
        from_fn(|k| if a[k] < b[k] { a[k] } else { b[k] })
    }

    #[inline(always)]
    fn max(self, a: Self::F, b: Self::F) -> Self::F {
        from_fn(|k| if a[k] > b[k] { a[k] } else { b[k] })
    }

    #[inline(always)]
    fn where_positive(self, z: Self::F, a: Self::F) -> Self::F {
        // Not `z > 0`, which would hide NaN.
        from_fn(|k| if z[k] <= 0.0 { 0.0 } else { a[k] })
    }

    #[inline(always)]
    fn sum(self, mut a: Self::F) -> f32 {
        let mut width = LANES / 2;
        while width > 0 {
            for k in 0..width {
                a[k] += a[k + width];
            }
            width /= 2;
        }
        a[0]
    }

    #[inline(always)]
    fn transpose(self, rows: &mut [Self::F; LANES]) {
        for r in 0..LANES {
            for k in 0..r {
                let swapped = rows[r][k];
                rows[r][k] = rows[k][r];
                rows[k][r] = swapped;
            }
        }
    }

    #[inline(always)]
    fn load_u(self, from: &[u32; LANES]) -> Self::U {
        *from
    }

    #[inline(always)]
    fn store_u(self, to: &mut [u32; LANES], value: Self::U) {
        *to = value;
    }

    #[inline(always)]
    fn splat_u(self, value: u32) -> Self::U {
        [value; LANES]
    }

    #[inline(always)]
    fn add_u(self, a: Self::U, b: Self::U) -> Self::U {
        from_fn(|k| a[k].wrapping_add(b[k]))
    }

    #[inline(always)]
    fn prefix_sums(self, a: Self::U) -> Self::U {
        let mut sum = 0_u32;
        from_fn(|k| {
            sum = sum.wrapping_add(a[k]);
            sum
        })
    }

    #[inline(always)]
    fn mul_u(self, a: Self::U, b: Self::U) -> Self::U {
        from_fn(|k| a[k].wrapping_mul(b[k]))
    }

    #[inline(always)]
    fn xor(self, a: Self::U, b: Self::U) -> Self::U {
        from_fn(|k| a[k] ^ b[k])
    }

    #[inline(always)]
    fn and(self, a: Self::U, b: Self::U) -> Self::U {
        from_fn(|k| a[k] & b[k])
    }

    #[inline(always)]
    fn shift_left<const K: u32>(self, a: Self::U) -> Self::U {
        from_fn(|k| a[k] << K)
    }

    #[inline(always)]
    fn shift_right<const K: u32>(self, a: Self::U) -> Self::U {
        from_fn(|k| a[k] >> K)
    }

    #[inline(always)]
    fn rotate_left<const K: u32>(self, a: Self::U) -> Self::U {
        from_fn(|k| a[k].rotate_left(K))
    }

    #[inline(always)]
    fn to_f(self, a: Self::U) -> Self::F {
        from_fn(|k| a[k].cast_signed() as f32)
    }

    #[inline(always)]
    fn truncate(self, a: Self::F) -> Self::U {
        from_fn(|k| (a[k] as i32).cast_unsigned())
    }

    #[inline(always)]
    fn bits_of(self, a: Self::F) -> Self::U {
        from_fn(|k| a[k].to_bits())
    }

    #[inline(always)]
    fn float_of_bits(self, a: Self::U) -> Self::F {
        from_fn(|k| f32::from_bits(a[k]))
    }

    #[inline(always)]
    fn where_at_most(self, a: Self::U, last: Self::U, x: Self::F) -> Self::F {
        from_fn(|k| {
            if a[k].cast_signed() <= last[k].cast_signed() {
                x[k]
            } else {
                0.0
            }
        })
    }
}
