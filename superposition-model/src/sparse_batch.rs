//! A batch of which only the active features are stored.

use faer::{Mat, MatRef};

use crate::ModelError;

/// A batch of samples of which only the active features are stored, in compressed columns.
///
/// Sample s has the features `indices[offsets[s]..offsets[s + 1]]`, ascending, and their values beside them. Memory
/// is 8 bytes for each active feature and 4 for each sample. One batch serves again and again
/// ([`FeatureDistribution::sample_sparse_into`](crate::FeatureDistribution::sample_sparse_into)) without new memory.
///
/// ```
/// use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
/// use superposition_model::{FeatureDistribution, FeatureProbability, SparseBatch};
///
/// let two_of_three = FeatureProbability::PerFeature(vec![1.0, 0.0, 1.0]);
/// let distribution = FeatureDistribution::new(3, &two_of_three).unwrap();
/// let mut batch = SparseBatch::new();
/// distribution.sample_sparse_into(&mut ChaCha8Rng::seed_from_u64(0), 2, &mut batch);
/// assert_eq!((batch.n_features(), batch.batch_size(), batch.n_active()), (3, 2, 4));
/// assert_eq!(batch.offsets(), [0, 2, 4]);
/// assert_eq!(batch.sample(1).0, [0, 2]);
/// assert_eq!(batch.to_dense().shape(), (3, 2));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct SparseBatch {
    pub(crate) n_features: usize,
    pub(crate) offsets: Vec<u32>,
    pub(crate) indices: Vec<u32>,
    pub(crate) values: Vec<f32>,
}

impl SparseBatch {
    /// A batch of no samples, to be sampled into.
    #[must_use]
    pub fn new() -> Self {
        Self {
            n_features: 0,
            offsets: vec![0],
            indices: Vec::new(),
            values: Vec::new(),
        }
    }

    /// The samples of x (n x B): those of its numbers that are not 0.
    ///
    /// ```
    /// use superposition_model::{SparseBatch, faer};
    ///
    /// let x = faer::mat![[3.0_f32, 0.0], [0.0, 0.0], [4.0, 0.0]];
    /// let batch = SparseBatch::from_dense(x.as_ref()).unwrap();
    /// assert_eq!(batch.sample(0), (&[0, 2][..], &[3.0, 4.0][..]));
    /// assert_eq!(batch.to_dense(), x);
    /// ```
    ///
    /// # Errors
    /// [`ModelError::Sample`], which names the element, if one is NaN or infinite; [`ModelError::TooLarge`] if x has 2^32
    /// numbers or more.
    pub fn from_dense(x: MatRef<'_, f32>) -> Result<Self, ModelError> {
        let (n, batch_size) = x.shape();
        let limit = u64::from(u32::MAX);
        if n as u128 * batch_size as u128 > u128::from(limit) {
            return Err(ModelError::TooLarge {
                what: "a batch",
                sizes: format!("n_features {n} x {batch_size} samples"),
                limit,
            });
        }
        let mut batch = Self::new();
        batch.n_features = n;
        for s in 0..batch_size {
            for i in 0..n {
                let value = x[(i, s)];
                if !value.is_finite() {
                    return Err(ModelError::Sample {
                        feature: i,
                        sample: s,
                        value,
                    });
                }
                if value != 0.0 {
                    batch.indices.push(i as u32);
                    batch.values.push(value);
                }
            }
            batch.offsets.push(batch.indices.len() as u32);
        }
        Ok(batch)
    }

    /// Scales each sample to unit length; one without an active feature stays 0. The length is computed in f64.
    ///
    /// ```
    /// use superposition_model::{SparseBatch, faer};
    ///
    /// let mut batch = SparseBatch::from_dense(faer::mat![[3.0_f32, 0.0], [4.0, 0.0]].as_ref()).unwrap();
    /// batch.normalize();
    /// assert_eq!(batch.values(), [0.6, 0.8]);
    /// ```
    pub fn normalize(&mut self) {
        for ends in self.offsets.windows(2) {
            let values = &mut self.values[ends[0] as usize..ends[1] as usize];
            let squares = values.iter().map(|&x| f64::from(x) * f64::from(x));
            let length = squares.sum::<f64>().sqrt();
            if length > 0.0 {
                for x in values {
                    *x = (f64::from(*x) / length) as f32;
                }
            }
        }
    }

    /// How many features a sample has, active or not: `$n$`.
    #[must_use]
    pub fn n_features(&self) -> usize {
        self.n_features
    }

    /// How many samples there are: `$B$`.
    #[must_use]
    pub fn batch_size(&self) -> usize {
        self.offsets.len() - 1
    }

    /// How many features are active in all samples together.
    #[must_use]
    pub fn n_active(&self) -> usize {
        self.indices.len()
    }

    /// Where each sample starts in `indices` and `values`, and where the last ends: B + 1 numbers.
    #[must_use]
    pub fn offsets(&self) -> &[u32] {
        &self.offsets
    }

    /// The active features, sample after sample, ascending in each.
    #[must_use]
    pub fn indices(&self) -> &[u32] {
        &self.indices
    }

    /// The values of the active features.
    #[must_use]
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// The active features of a sample and their values.
    ///
    /// # Panics
    /// If there is no such sample.
    #[must_use]
    #[track_caller]
    pub fn sample(&self, sample: usize) -> (&[u32], &[f32]) {
        let n = self.batch_size();
        assert!(
            sample < n,
            "sample is {sample}; it must be below the batch size {n}"
        );
        let range = self.offsets[sample] as usize..self.offsets[sample + 1] as usize;
        (&self.indices[range.clone()], &self.values[range])
    }

    /// The same batch as a matrix, n x B.
    #[must_use]
    pub fn to_dense(&self) -> Mat<f32> {
        let mut x = Mat::zeros(self.n_features, self.batch_size());
        for s in 0..self.batch_size() {
            let (indices, values) = self.sample(s);
            for (&i, &value) in indices.iter().zip(values) {
                x[(i as usize, s)] = value;
            }
        }
        x
    }
}

impl Default for SparseBatch {
    fn default() -> Self {
        Self::new()
    }
}
