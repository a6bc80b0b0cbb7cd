//! The lanes in plain Rust: what every other instruction set is compared with.

use std::array::from_fn;

use super::simd::{LANES, Limit, Simd};

/// No special instructions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scalar;

impl Simd for Scalar {
    type F = [f32; LANES];
    type U = [u32; 8];

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
    fn relu(self, a: Self::F) -> Self::F {
        // Not `max`, which would turn NaN into 0.
        from_fn(|k| if 0.0 > a[k] { 0.0 } else { a[k] })
    }

    #[inline(always)]
    fn where_positive(self, z: Self::F, a: Self::F) -> Self::F {
        // Not `z > 0`, which would hide NaN.
        from_fn(|k| if z[k] <= 0.0 { 0.0 } else { a[k] })
    }

    #[inline(always)]
    fn load_u(self, from: &[u32; 8]) -> Self::U {
        *from
    }

    #[inline(always)]
    fn store_u(self, to: &mut [u32; 8], value: Self::U) {
        *to = value;
    }

    #[inline(always)]
    fn add_u(self, a: Self::U, b: Self::U) -> Self::U {
        from_fn(|k| a[k].wrapping_add(b[k]))
    }

    #[inline(always)]
    fn xor_rotate_16(self, a: Self::U, b: Self::U) -> Self::U {
        from_fn(|k| (a[k] ^ b[k]).rotate_left(16))
    }

    #[inline(always)]
    fn xor_rotate_12(self, a: Self::U, b: Self::U) -> Self::U {
        from_fn(|k| (a[k] ^ b[k]).rotate_left(12))
    }

    #[inline(always)]
    fn xor_rotate_8(self, a: Self::U, b: Self::U) -> Self::U {
        from_fn(|k| (a[k] ^ b[k]).rotate_left(8))
    }

    #[inline(always)]
    fn xor_rotate_7(self, a: Self::U, b: Self::U) -> Self::U {
        from_fn(|k| (a[k] ^ b[k]).rotate_left(7))
    }

    #[inline(always)]
    fn turn_1(self, a: Self::U) -> Self::U {
        turn(a, 1)
    }

    #[inline(always)]
    fn turn_2(self, a: Self::U) -> Self::U {
        turn(a, 2)
    }

    #[inline(always)]
    fn turn_3(self, a: Self::U) -> Self::U {
        turn(a, 3)
    }

    #[inline(always)]
    fn pair_halves(self, a: Self::U, b: Self::U) -> (Self::U, Self::U) {
        (
            from_fn(|k| if k < 4 { a[k] } else { b[k - 4] }),
            from_fn(|k| if k < 4 { a[k + 4] } else { b[k] }),
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
        let mut count = 0;
        for (k, &draw) in draws.iter().enumerate() {
            // At most k were counted before, so this never leaves the arrays.
            to_draws[count] = draw;
            to_indices[count] = first + k as u32;
            count += usize::from(draw <= limit.last[k] && limit.ever[k] != 0);
        }
        count
    }
}

#[inline(always)]
fn turn(a: [u32; 8], by: usize) -> [u32; 8] {
    from_fn(|k| a[(k & 4) | ((k + by) & 3)])
}
