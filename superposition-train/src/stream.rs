//! Which random numbers are drawn where.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// What random numbers are for: each purpose draws from streams of its own.
///
/// ```
/// use rand::Rng;
/// use superposition_train::Stream;
///
/// // Evaluating a model does not repeat the numbers it was trained on.
/// let mut data = Stream::Data.rng(0, 0, 0);
/// let mut evaluation = Stream::Evaluation.rng(0, 0, 0);
/// assert_ne!(data.next_u32(), evaluation.next_u32());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Stream {
    /// The parameters a training starts from: number 0.
    Initialization,
    /// The samples that a toy model sees (keyed alike, from a generator of its own: see [`train`](crate::train)), or the
    /// choice of samples that an autoencoder sees: number 1.
    Data,
    /// The samples on which a trained model is judged: number 2.
    Evaluation,
    /// The division of samples into those for fitting and those held out: number 3.
    Split,
    /// The moves of a chain that samples a posterior: number 4.
    Posterior,
    /// Which feature of a sample is [attacked](crate::Task::with_attack): number 5.
    Attack,
}

impl Stream {
    /// The generator of one (seed, stream, step, shard).
    ///
    /// It is ChaCha with 8 rounds whose 256-bit key holds, as little-endian 64-bit words, the seed, the stream's number
    /// (0 to 5 in the order of [`Stream`]), the step and the shard; nonce and counter start at 0. So any two distinct
    /// quadruples have distinct keys, and nothing else, such as a thread or a place in an ensemble, enters.
    /// Its values are part of the crate's promise: a change of them is value-breaking.
    ///
    /// Costs nothing but the key; the first draw computes four blocks of 64 bytes.
    ///
    /// ```
    /// use rand::{Rng, SeedableRng};
    /// use rand_chacha::ChaCha8Rng;
    /// use superposition_train::Stream;
    ///
    /// let mut key = [0; 32];
    /// key[0] = 42; // the seed
    /// key[8] = 1; // Stream::Data
    /// key[16] = 7; // the step
    /// key[24] = 3; // the shard
    /// let mut by_hand = ChaCha8Rng::from_seed(key);
    /// assert_eq!(Stream::Data.rng(42, 7, 3).next_u64(), by_hand.next_u64());
    /// ```
    #[must_use]
    pub fn rng(self, seed: u64, step: u64, shard: u32) -> ChaCha8Rng {
        let mut key = [0; 32];
        for (bytes, word) in
            key.chunks_exact_mut(8)
                .zip([seed, self.number(), step, u64::from(shard)])
        {
            bytes.copy_from_slice(&word.to_le_bytes());
        }
        ChaCha8Rng::from_seed(key)
    }

    pub(crate) fn number(self) -> u64 {
        match self {
            Self::Initialization => 0,
            Self::Data => 1,
            Self::Evaluation => 2,
            Self::Split => 3,
            Self::Posterior => 4,
            Self::Attack => 5,
        }
    }
}
