//! How features are distributed: sparse, uniform when active, independent or in sets.

use faer::{Mat, MatMut};
use rand::Rng;

use crate::draws::{Draws, N_DRAWS, RANGE, value, word};
use crate::feature_sets::SetWalk;
use crate::toy_model::check_rows;
use crate::{FeatureProbability, FeatureSets, ModelError, SparseBatch};

/// What an active feature is.
///
/// ```
/// use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
/// use superposition_model::{FeatureDistribution, FeatureProbability, Magnitude};
///
/// let unit = FeatureDistribution::new(3, &FeatureProbability::Same(0.5)).unwrap();
/// let signed = unit.clone().with_magnitude(Magnitude::Signed);
/// let x = unit.sample(4, &mut ChaCha8Rng::seed_from_u64(0));
/// let y = signed.sample(4, &mut ChaCha8Rng::seed_from_u64(0));
/// for s in 0..4 {
///     for i in 0..3 {
///         let expected = if x[(i, s)] == 0.0 { 0.0 } else { 2.0 * x[(i, s)] - 1.0 };
///         assert_eq!(y[(i, s)], expected);
///     }
/// }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Magnitude {
    /// Uniform on (0, 1).
    #[default]
    Unit,
    /// Uniform on (-1, 1): twice what [`Magnitude::Unit`] draws, less 1, rounded once; so it may be 0.
    Signed,
    /// Always 1.
    Binary,
}

impl Magnitude {
    /// What an active feature is of which [`Magnitude::Unit`] draws this.
    fn of(self, value: f32) -> f32 {
        match self {
            Self::Unit => value,
            Self::Signed => signed(value),
            Self::Binary => 1.0,
        }
    }
}

/// `$2v - 1$`, rounded once.
fn signed(value: f32) -> f32 {
    2.0_f32.mul_add(value, -1.0)
}

/// The distribution of the features: `$x_i$` is 0 with probability `$1 - p_i$`, else uniform on (0, 1), or on (-1, 1), or 1
/// ([`Magnitude`]).
///
/// All features are independent, unless [`FeatureDistribution::with_sets`] ties together which of them are active.
///
/// # Which numbers
/// Independent features: a batch takes exactly one u32 `$u$` for each element, in the order of the samples and of the
/// features in each, also where p is 0 or 1. Feature i is active iff `$u < \lfloor 2^{32} p_i \rfloor$`, and its value is then
/// `$(u + \frac12) / (2^{32} p_i)$`, computed in f64, rounded to f32, and kept below 1. So an active feature is never
/// exactly 0, p is realised to within `$2^{-32}$`, and a feature with `$p < 2^{-32}$` is never active. Values lie on a
/// grid of `$2^{32} p$` points, fewer than an f32 has below `$p = 2^{-8}$`; both moments stay right to `$2^{-32}/p$`.
///
/// Sets ([`FeatureSets`]), sample after sample and set after set, with `$t = \lfloor 2^{32} p \rfloor$`:
/// - correlated: one u32 u for the set, then one u32 `$v_i$` for each of its features, also where the set is inactive.
///   The set is active iff `$u < t$`, and `$x_i = (v_i + \frac12) / 2^{32}$`, rounded and kept below 1 as above;
/// - anticorrelated: two u32 for each set, u and v. The active member is number `$\lfloor u / t \rfloor$` of the set
///   where that is below its size, else none; its value is `$(v + \frac12) / 2^{32}$`.
///
/// A `set_size` of 1 draws as independent features do.
///
/// The u32 are the little-endian words of [`Rng::fill_bytes`], asked for 1,024 at a time; of a generator that makes
/// u32, such as `ChaCha8Rng`, they are those of `next_u32`. The dense and sparse forms give the same batch for the
/// same generator state and leave it in the same state. All this is pinned by value-stability tests: a change is a
/// value-breaking release.
///
/// ```
/// use rand_chacha::{ChaCha8Rng, rand_core::{Rng, SeedableRng}};
/// use superposition_model::{FeatureDistribution, FeatureProbability};
///
/// let distribution = FeatureDistribution::new(1, &FeatureProbability::Same(0.5)).unwrap();
/// let x = distribution.sample(4, &mut ChaCha8Rng::seed_from_u64(1));
/// let mut rng = ChaCha8Rng::seed_from_u64(1);
/// for s in 0..4 {
///     let u = f64::from(rng.next_u32()) / 2_f64.powi(32); // in [0, 1)
///     let expected = if u < 0.5 { 2.0 * u } else { 0.0 };
///     assert!((f64::from(x[(0, s)]) - expected).abs() < 1e-7);
/// }
/// ```
///
/// # References
/// Elhage et al. 2022, *Toy Models of Superposition*, section 2; its section on correlated features for sets.
#[derive(Clone, Debug, PartialEq)]
pub struct FeatureDistribution {
    feature_probability: Vec<f64>,
    sets: FeatureSets,
    magnitude: Magnitude,
    /// For each feature: active iff the draw is below the first, which is then divided by the second.
    rule: Vec<(u64, f64)>,
}

impl FeatureDistribution {
    /// The distribution of `n_features` features with these probabilities.
    ///
    /// # Errors
    /// [`ModelError::ZeroDimension`] for no feature; [`ModelError::TooLarge`] for more than 2^32 - 1 or more than
    /// memory has room for; [`ModelError::ProbabilityCount`] if not one probability for each feature is given;
    /// [`ModelError::Probability`] if one is outside \[0, 1\] or NaN; [`ModelError::FrequencyLaw`] if a number of a law is out of
    /// its range.
    pub fn new(n_features: usize, probability: &FeatureProbability) -> Result<Self, ModelError> {
        if n_features == 0 {
            return Err(ModelError::ZeroDimension { name: "n_features" });
        }
        let limit = u64::from(u32::MAX);
        let too_large = || ModelError::TooLarge {
            what: "a feature distribution",
            sizes: format!("n_features {n_features}"),
            limit,
        };
        if n_features as u64 > limit {
            return Err(too_large());
        }
        let feature_probability = probability.values(n_features)?;
        let mut rule = Vec::new();
        rule.try_reserve_exact(n_features)
            .map_err(|_| too_large())?;
        // The product is exact, a scaling by a power of two.
        rule.extend(
            feature_probability
                .iter()
                .map(|&p| ((p * RANGE) as u64, p * RANGE)),
        );
        Ok(Self {
            feature_probability,
            sets: FeatureSets::Independent,
            magnitude: Magnitude::Unit,
            rule,
        })
    }

    /// The same probabilities, with features active together or one at a time as `sets` says.
    ///
    /// Features are cut into consecutive sets of `set_size`; the last may be smaller, and a size beyond the number of
    /// features makes one set. The probability of a feature stays its marginal probability.
    ///
    /// ```
    /// use superposition_model::{FeatureDistribution, FeatureProbability, FeatureSets};
    ///
    /// let third = FeatureDistribution::new(4, &FeatureProbability::Same(1.0 / 3.0)).unwrap();
    /// let sets = FeatureSets::Anticorrelated { set_size: 3 }; // {0, 1, 2} and {3}
    /// assert_eq!(third.clone().with_sets(sets).unwrap().sets(), sets);
    /// // Four at a third each are active 4/3 of the time together.
    /// assert!(third.with_sets(FeatureSets::Anticorrelated { set_size: 4 }).is_err());
    /// ```
    ///
    /// # Errors
    /// [`ModelError::ZeroDimension`] for a `set_size` of 0; [`ModelError::SetProbability`] if two features of a set
    /// have different probabilities; [`ModelError::AnticorrelatedProbability`] if those of an anticorrelated set add up
    /// to more than 1.
    pub fn with_sets(self, sets: FeatureSets) -> Result<Self, ModelError> {
        sets.check(&self.feature_probability)?;
        Ok(Self { sets, ..self })
    }

    /// Which features are active together.
    #[must_use]
    pub fn sets(&self) -> FeatureSets {
        self.sets
    }

    /// The same with active features of this kind.
    #[must_use]
    pub fn with_magnitude(self, magnitude: Magnitude) -> Self {
        Self { magnitude, ..self }
    }

    /// What an active feature is.
    #[must_use]
    pub fn magnitude(&self) -> Magnitude {
        self.magnitude
    }

    /// Whether active features are uniform on (0, 1), of which the expected loss is known.
    pub(crate) fn check_unit(&self) -> Result<(), ModelError> {
        match self.magnitude {
            Magnitude::Unit => Ok(()),
            Magnitude::Signed => Err(ModelError::NoExpectedLoss {
                what: "the features are signed",
            }),
            Magnitude::Binary => Err(ModelError::NoExpectedLoss {
                what: "the features are binary",
            }),
        }
    }

    /// How many features there are.
    #[must_use]
    pub fn n_features(&self) -> usize {
        self.feature_probability.len()
    }

    /// The marginal probability of each feature.
    #[must_use]
    pub fn feature_probability(&self) -> &[f64] {
        &self.feature_probability
    }

    /// A batch of samples, n x B.
    ///
    /// ```
    /// use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
    /// use superposition_model::{FeatureDistribution, FeatureProbability};
    ///
    /// let never = FeatureDistribution::new(3, &FeatureProbability::Same(0.0)).unwrap();
    /// let x = never.sample(2, &mut ChaCha8Rng::seed_from_u64(0));
    /// assert_eq!(x, superposition_model::faer::Mat::<f32>::zeros(3, 2));
    /// ```
    #[must_use]
    pub fn sample<R: Rng + ?Sized>(&self, batch_size: usize, rng: &mut R) -> Mat<f32> {
        let mut x = Mat::zeros(self.n_features(), batch_size);
        self.sample_into(rng, x.as_mut());
        x
    }

    /// Fills x (n x B, any strides) with samples.
    ///
    /// # Panics
    /// If x does not have n rows.
    #[track_caller]
    pub fn sample_into<R: Rng + ?Sized>(&self, rng: &mut R, mut x: MatMut<'_, f32>) {
        self.sample_unit_into(rng, x.as_mut());
        if self.magnitude != Magnitude::Unit {
            for s in 0..x.ncols() {
                let active = x.as_mut().col_mut(s).iter_mut().filter(|x| **x != 0.0);
                active.for_each(|x| *x = self.magnitude.of(*x));
            }
        }
    }

    /// The same with values as [`Magnitude::Unit`] has them.
    #[track_caller]
    fn sample_unit_into<R: Rng + ?Sized>(&self, rng: &mut R, mut x: MatMut<'_, f32>) {
        check_rows("x", x.shape(), self.n_features());
        let (n, batch_size) = x.shape();
        if let Some(walk) = SetWalk::new(self.sets, &self.rule) {
            x.fill(0.0);
            walk.sample(rng, batch_size, |sample, feature, value| {
                x[(feature, sample)] = value;
            });
            return;
        }
        let mut draws = Draws::new(rng, n as u64 * batch_size as u64);
        for s in 0..batch_size {
            let mut i = 0;
            while i < n {
                let run = draws.next(n - i);
                let rules = &self.rule[i..];
                let mut sample = x.as_mut().col_mut(s).subrows_mut(i, run.len() / 4);
                for (k, &(threshold, divisor)) in rules.iter().enumerate().take(run.len() / 4) {
                    let u = word(run, k);
                    let value = value(u, divisor);
                    sample[k] = if u64::from(u) < threshold { value } else { 0.0 };
                }
                i += run.len() / 4;
            }
        }
    }

    /// Fills `batch` with samples, of which only the active features are stored.
    ///
    /// The same values as [`FeatureDistribution::sample_into`], bit for bit. An inactive feature costs its draw and one
    /// comparison, without a branch. What the batch held is overwritten; its memory is used again.
    ///
    /// ```
    /// use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
    /// use superposition_model::{FeatureDistribution, FeatureProbability, SparseBatch};
    ///
    /// let distribution = FeatureDistribution::new(100, &FeatureProbability::Same(0.1)).unwrap();
    /// let mut batch = SparseBatch::new();
    /// distribution.sample_sparse_into(&mut ChaCha8Rng::seed_from_u64(0), 64, &mut batch);
    /// assert_eq!(batch.to_dense(), distribution.sample(64, &mut ChaCha8Rng::seed_from_u64(0)));
    /// ```
    ///
    /// # Panics
    /// If `batch_size` times the number of features is 2^32 or more.
    #[track_caller]
    pub fn sample_sparse_into<R: Rng + ?Sized>(
        &self,
        rng: &mut R,
        batch_size: usize,
        batch: &mut SparseBatch,
    ) {
        self.sample_sparse_unit_into(rng, batch_size, batch);
        if self.magnitude != Magnitude::Unit {
            let values = batch.values.iter_mut();
            values.for_each(|x| *x = self.magnitude.of(*x));
        }
    }

    /// The same with values as [`Magnitude::Unit`] has them.
    #[track_caller]
    fn sample_sparse_unit_into<R: Rng + ?Sized>(
        &self,
        rng: &mut R,
        batch_size: usize,
        batch: &mut SparseBatch,
    ) {
        let n = self.n_features();
        let n_draws = batch_size as u128 * n as u128;
        assert!(
            n_draws < 1 << 32,
            "a batch of {n} x {batch_size} is too large for 32-bit offsets; sample it in parts"
        );
        batch.n_features = n;
        batch.offsets.clear();
        batch.offsets.reserve(batch_size + 1);
        batch.offsets.push(0);
        batch.indices.clear();
        batch.values.clear();
        if let Some(walk) = SetWalk::new(self.sets, &self.rule) {
            batch.offsets.resize(batch_size + 1, 0);
            walk.sample(rng, batch_size, |sample, feature, value| {
                batch.indices.push(feature as u32);
                batch.values.push(value);
                batch.offsets[sample + 1] = batch.indices.len() as u32;
            });
            // A sample without an active feature ends where the one before it does.
            for s in 0..batch_size {
                batch.offsets[s + 1] = batch.offsets[s + 1].max(batch.offsets[s]);
            }
            return;
        }
        let mut draws = Draws::new(rng, n_draws as u64);
        let mut index = [0_u32; N_DRAWS];
        let mut drawn = [0_u32; N_DRAWS];
        for _ in 0..batch_size {
            let mut i = 0;
            while i < n {
                let run = draws.next(n - i);
                let rules = &self.rule[i..i + run.len() / 4];
                // Compress without a branch: write each, keep the active. The remainder only says that it is in bounds.
                let mut n_active = 0_usize;
                for (k, (bytes, &(threshold, _))) in run.chunks_exact(4).zip(rules).enumerate() {
                    let u = word(bytes, 0);
                    index[n_active % N_DRAWS] = k as u32;
                    drawn[n_active % N_DRAWS] = u;
                    n_active += usize::from(u64::from(u) < threshold);
                }
                let active = index[..n_active].iter().zip(&drawn);
                let values = active.map(|(&k, &u)| value(u, rules[k as usize].1));
                batch.values.extend(values);
                batch
                    .indices
                    .extend(index[..n_active].iter().map(|&k| i as u32 + k));
                i += run.len() / 4;
            }
            batch.offsets.push(batch.indices.len() as u32);
        }
    }
}
