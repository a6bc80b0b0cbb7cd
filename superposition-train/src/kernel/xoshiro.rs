//! Random numbers: xoshiro128+ in sixteen lanes, keyed by what the numbers are for.

use super::simd::{LANES, Simd};

/// The golden ratio in 64 and in 32 bits.
const GOLDEN_64: u64 = 0x9e37_79b9_7f4a_7c15;
const GOLDEN_32: u32 = 0x9e37_79b9;

/// What a stream of numbers is a function of: 128 bits, made of a 64-bit hash of four words. Two of `$2^{32}$` streams
/// share a key with a probability of 1/2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Key([u32; 4]);

impl Key {
    /// The words are absorbed one after another by the mixing function of SplitMix64.
    pub(crate) fn new(words: [u64; 4]) -> Self {
        let mut state = 0;
        for word in words {
            state = mix_64(state ^ word).wrapping_add(GOLDEN_64);
        }
        let (low, high) = (mix_64(state), mix_64(state.wrapping_add(GOLDEN_64)));
        Self([
            low as u32,
            (low >> 32) as u32,
            high as u32,
            (high >> 32) as u32,
        ])
    }
}

/// The finalizer of SplitMix64: a bijection in which each bit depends on all.
fn mix_64(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Sixteen generators xoshiro128+ (Blackman and Vigna 2021), one a lane.
///
/// Word j of the state of lane l is the finalizer of MurmurHash3 of `key[j] + l * 0x9e3779b9`. All four words are zero,
/// from which the generator would not come loose, in one lane of `$2^{128}$`. The lowest bits are weak, as they are in
/// all generators of this kind: what is drawn uses the upper 31.
pub(crate) struct Xoshiro<S: Simd>([S::U; 4]);

impl<S: Simd> Xoshiro<S> {
    /// The generators of a key, before their first numbers.
    #[inline(always)]
    pub(crate) fn new(simd: S, key: Key) -> Self {
        let mut lanes = [0; LANES];
        for (k, lane) in lanes.iter_mut().enumerate() {
            *lane = GOLDEN_32.wrapping_mul(k as u32);
        }
        let lanes = simd.load_u(&lanes);
        let mut state = [lanes; 4];
        for j in 0..4 {
            let mut h = simd.add_u(simd.splat_u(key.0[j]), lanes);
            h = simd.xor(h, simd.shift_right::<16>(h));
            h = simd.mul_u(h, simd.splat_u(0x85eb_ca6b));
            h = simd.xor(h, simd.shift_right::<13>(h));
            h = simd.mul_u(h, simd.splat_u(0xc2b2_ae35));
            state[j] = simd.xor(h, simd.shift_right::<16>(h));
        }
        Self(state)
    }

    /// The next number of every lane.
    #[inline(always)]
    pub(crate) fn next(&mut self, simd: S) -> S::U {
        let [a, b, c, d] = self.0;
        let result = simd.add_u(a, d);
        let shifted = simd.shift_left::<9>(b);
        let c = simd.xor(c, a);
        let d = simd.xor(d, b);
        self.0 = [
            simd.xor(a, d),
            simd.xor(b, c),
            simd.xor(c, shifted),
            simd.rotate_left::<11>(d),
        ];
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::Run;
    use crate::kernel::tests::instructions;

    struct Numbers(Key, usize);

    impl Run for Numbers {
        type Output = Vec<[u32; LANES]>;

        #[inline(always)]
        fn run<S: Simd>(self, simd: S) -> Self::Output {
            let mut random = Xoshiro::new(simd, self.0);
            let mut all = Vec::new();
            for _ in 0..self.1 {
                let mut numbers = [0; LANES];
                let next = random.next(simd);
                simd.store_u(&mut numbers, next);
                all.push(numbers);
            }
            all
        }
    }

    /// The generator as its authors describe it, one lane at a time, with the state made by hand.
    fn by_hand(key: Key, lane: u32, count: usize) -> Vec<u32> {
        let mut s = key.0.map(|word| {
            let mut h = word.wrapping_add(lane.wrapping_mul(GOLDEN_32));
            h = (h ^ (h >> 16)).wrapping_mul(0x85eb_ca6b);
            h = (h ^ (h >> 13)).wrapping_mul(0xc2b2_ae35);
            h ^ (h >> 16)
        });
        let mut numbers = Vec::new();
        for _ in 0..count {
            numbers.push(s[0].wrapping_add(s[3]));
            let t = s[1] << 9;
            s[2] ^= s[0];
            s[3] ^= s[1];
            s[1] ^= s[2];
            s[0] ^= s[3];
            s[2] ^= t;
            s[3] = s[3].rotate_left(11);
        }
        numbers
    }

    #[test]
    fn every_lane_is_the_generator_of_its_authors() {
        let key = Key::new([3, 1, 4, 1]);
        for instructions in instructions() {
            let numbers = instructions.run(Numbers(key, 50));
            for lane in 0..LANES {
                let theirs = by_hand(key, lane as u32, 50);
                let ours: Vec<u32> = numbers.iter().map(|row| row[lane]).collect();
                assert_eq!(ours, theirs);
            }
        }
    }

    #[test]
    fn values_are_stable() {
        assert_eq!(
            Key::new([0; 4]),
            Key([2_865_234_536, 556_823_690, 2_043_564_176, 214_405_049])
        );
        let first = instructions()[0].run(Numbers(Key::new([1, 2, 3, 4]), 1))[0];
        assert_eq!(
            first[..4],
            [3_790_605_577, 1_017_977_355, 3_407_700_690, 859_227_912]
        );
    }

    #[test]
    fn each_word_of_a_key_matters() {
        let mut keys = vec![Key::new([0; 4])];
        for place in 0..4 {
            for value in [1, 2, u64::MAX] {
                let mut words = [0; 4];
                words[place] = value;
                keys.push(Key::new(words));
            }
        }
        for (k, key) in keys.iter().enumerate() {
            assert!(!keys[..k].contains(key));
        }
    }

    #[test]
    fn bits_are_even_and_lanes_and_keys_independent() {
        // 64,000 numbers of two keys that differ in one bit: each upper bit is set in half of them, and equals the
        // same bit of the other key, and of the next lane, in half of them; within five standard deviations.
        let numbers = |seed| instructions()[0].run(Numbers(Key::new([seed, 1, 0, 0]), 4000));
        let (a, b) = (numbers(6), numbers(7));
        let total = 64_000.0_f64;
        let within =
            |count: u32| (f64::from(count) - total / 2.0).abs() < 5.0 * (total / 4.0).sqrt();
        for bit in 1..32 {
            let count = |of: &dyn Fn(usize, usize) -> u32| {
                (0..4000)
                    .flat_map(|row| (0..LANES).map(move |lane| (row, lane)))
                    .map(|(row, lane)| of(row, lane) >> bit & 1)
                    .sum::<u32>()
            };
            assert!(within(count(&|row, lane| a[row][lane])));
            assert!(within(count(&|row, lane| a[row][lane] ^ b[row][lane])));
            assert!(within(count(
                &|row, lane| a[row][lane] ^ a[row][(lane + 1) % LANES]
            )));
            assert!(within(count(
                &|row, lane| a[row][lane] ^ a[(row + 1) % 4000][lane]
            )));
        }
    }
}
