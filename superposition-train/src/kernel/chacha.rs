//! The keystream of ChaCha with 8 rounds, word for word that of `rand_chacha::ChaCha8Rng`, several blocks at a time.

use super::simd::Simd;

/// Pairs of blocks that are computed side by side, for the processor to have enough to do.
const PAIRS: usize = 3;

/// Words of one call of [`ChaCha::next_group`].
pub(crate) const GROUP: usize = PAIRS * 32;

/// Where a keystream is.
#[derive(Clone, Debug)]
pub(crate) struct ChaCha {
    key: [u32; 8],
    counter: u64,
}

impl ChaCha {
    /// The beginning of the keystream with this key and nonce 0.
    pub(crate) fn new(key: [u8; 32]) -> Self {
        let (words, _) = key.as_chunks::<4>();
        Self {
            key: std::array::from_fn(|k| u32::from_le_bytes(words[k])),
            counter: 0,
        }
    }

    /// The next words.
    #[inline(always)]
    pub(crate) fn next_group<S: Simd>(&mut self, simd: S, out: &mut [u32; GROUP]) {
        let [k0, k1, k2, k3, k4, k5, k6, k7] = self.key;
        let a0 = twice(simd, [0x6170_7865, 0x3320_646e, 0x7962_2d32, 0x6b20_6574]);
        let b0 = twice(simd, [k0, k1, k2, k3]);
        let c0 = twice(simd, [k4, k5, k6, k7]);
        let mut d0 = [c0; PAIRS];
        let mut counter = self.counter;
        for d in &mut d0 {
            let next = counter.wrapping_add(1);
            let counters = [
                counter as u32,
                (counter >> 32) as u32,
                0,
                0,
                next as u32,
                (next >> 32) as u32,
                0,
                0,
            ];
            *d = simd.load_u(&counters);
            counter = counter.wrapping_add(2);
        }
        self.counter = counter;

        let (mut a, mut b, mut c, mut d) = ([a0; PAIRS], [b0; PAIRS], [c0; PAIRS], d0);
        for _ in 0..4 {
            quarter_rounds(simd, &mut a, &mut b, &mut c, &mut d);
            for pair in 0..PAIRS {
                b[pair] = simd.turn_1(b[pair]);
                c[pair] = simd.turn_2(c[pair]);
                d[pair] = simd.turn_3(d[pair]);
            }
            quarter_rounds(simd, &mut a, &mut b, &mut c, &mut d);
            for pair in 0..PAIRS {
                b[pair] = simd.turn_3(b[pair]);
                c[pair] = simd.turn_2(c[pair]);
                d[pair] = simd.turn_1(d[pair]);
            }
        }
        let (rows, _) = out.as_chunks_mut::<8>();
        for pair in 0..PAIRS {
            let (ab0, ab1) = simd.pair_halves(simd.add_u(a[pair], a0), simd.add_u(b[pair], b0));
            let (cd0, cd1) =
                simd.pair_halves(simd.add_u(c[pair], c0), simd.add_u(d[pair], d0[pair]));
            for (row, value) in [ab0, cd0, ab1, cd1].into_iter().enumerate() {
                simd.store_u(&mut rows[4 * pair + row], value);
            }
        }
    }
}

/// A row of both blocks of a pair, which lie in the halves of one vector.
#[inline(always)]
fn twice<S: Simd>(simd: S, row: [u32; 4]) -> S::U {
    let [a, b, c, d] = row;
    simd.load_u(&[a, b, c, d, a, b, c, d])
}

/// Four quarter rounds of every block, on the columns of its rows.
#[inline(always)]
fn quarter_rounds<S: Simd>(
    simd: S,
    a: &mut [S::U; PAIRS],
    b: &mut [S::U; PAIRS],
    c: &mut [S::U; PAIRS],
    d: &mut [S::U; PAIRS],
) {
    for pair in 0..PAIRS {
        a[pair] = simd.add_u(a[pair], b[pair]);
        d[pair] = simd.xor_rotate_16(d[pair], a[pair]);
    }
    for pair in 0..PAIRS {
        c[pair] = simd.add_u(c[pair], d[pair]);
        b[pair] = simd.xor_rotate_12(b[pair], c[pair]);
    }
    for pair in 0..PAIRS {
        a[pair] = simd.add_u(a[pair], b[pair]);
        d[pair] = simd.xor_rotate_8(d[pair], a[pair]);
    }
    for pair in 0..PAIRS {
        c[pair] = simd.add_u(c[pair], d[pair]);
        b[pair] = simd.xor_rotate_7(b[pair], c[pair]);
    }
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::Kernel;
    use crate::kernel::{Instructions, Run};

    struct Groups<'a>(&'a mut ChaCha, &'a mut [u32; GROUP]);

    impl Run for Groups<'_> {
        type Output = ();

        #[inline(always)]
        fn run<S: Simd>(self, simd: S) {
            self.0.next_group(simd, self.1);
        }
    }

    #[test]
    fn words_are_those_of_rand_chacha() {
        for kernel in [Kernel::Scalar, Kernel::Auto] {
            let instructions = Instructions::select(kernel).unwrap();
            for (seed, counter) in [(0, 0), (7, u64::from(u32::MAX) - 2)] {
                let key = std::array::from_fn(|k| (k as u8).wrapping_mul(seed).wrapping_add(seed));
                let mut theirs = ChaCha8Rng::from_seed(key);
                theirs.set_word_pos(u128::from(counter) * 16);
                let mut ours = ChaCha {
                    counter,
                    ..ChaCha::new(key)
                };
                for _ in 0..5 {
                    let mut words = [0; GROUP];
                    instructions.run(Groups(&mut ours, &mut words));
                    let expected: [u32; GROUP] = std::array::from_fn(|_| theirs.next_u32());
                    assert_eq!(words, expected);
                }
            }
        }
    }
}
