//! Polysemanticity in random bases, for a hidden layer that has no privileged one.

use faer::{Mat, MatRef};
use rand::Rng;

use crate::correlation;
use crate::linalg;
use crate::moments::{self, Centred, inverse_sqrt};
use crate::polysemanticity::{check, summarise};
use crate::significance::Gate;
use crate::stepwise::{self, FeatureCorrelations};
use crate::{Polysemanticity, PolysemanticityOptions, ProbeError, Real};

/// Mean and spread of a number over repetitions.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Spread {
    /// Mean.
    pub mean: f64,
    /// Sample standard deviation (division by one less than the number of values); 0 for one value.
    pub std: f64,
    /// The values, in the order of the repetitions.
    pub values: Vec<f64>,
}

impl Spread {
    fn new(values: Vec<f64>) -> Self {
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let squares: f64 = values
            .iter()
            .map(|value| (value - mean) * (value - mean))
            .sum();
        let std = if values.len() > 1 {
            (squares / (n - 1.0)).sqrt()
        } else {
            0.0
        };
        Self { mean, std, values }
    }
}

/// Polysemanticity under random rotations of the neurons; made by [`polysemanticity_under_rotation`].
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct RotationBaseline {
    /// [`Polysemanticity::features_per_neuron`] of each rotation.
    pub features_per_neuron: Spread,
    /// [`Polysemanticity::ratio`] of each rotation.
    pub polysemantic_ratio: Spread,
}

/// [`polysemanticity`](crate::polysemanticity) of `Q neurons` for `n_rotations` random orthogonal Q.
///
/// A linear layer looks the same in every basis, so a number of features per neuron says something about the neurons
/// only if it differs from what random bases give. The neurons are rotated as they are, not standardised: a
/// rotated neuron is dominated by the neurons of large variance.
///
/// Q is uniform over the orthogonal group: the orthogonal factor of a Gaussian matrix, with the signs that make the
/// diagonal of R positive (Gaussians by Box and Muller, two `next_u64` for each pair). Rotated correlations come from the
/// moments, `Cov(Qh, x) = Q Cov(h, x)` and `Var(Qh) = diag(Q Cov(h) Q^T)`; only the kurtoses of the rotated neurons
/// take a pass over the samples, one for all rotations.
///
/// Time O((m + n) m N + R m (m N + m n)) for R rotations, besides the selection.
///
/// # Errors
/// As [`polysemanticity`](crate::polysemanticity), and `n_rotations` 0.
///
/// # Panics
/// Where the numbers of columns differ.
///
/// ```
/// use faer::Mat;
/// use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
/// use superposition_probe::{PolysemanticityOptions, polysemanticity, polysemanticity_under_rotation};
///
/// // One neuron per feature: monosemantic, and only in this basis.
/// let features = Mat::from_fn(4, 400, |i, s| f64::from((s >> i & 1) as u8));
/// let options = PolysemanticityOptions::default();
/// let own = polysemanticity(features.as_ref(), features.as_ref(), &options)?;
/// let mut rng = ChaCha8Rng::seed_from_u64(0);
/// let random = polysemanticity_under_rotation(features.as_ref(), features.as_ref(), &options, 5, &mut rng)?;
/// assert_eq!(own.features_per_neuron, 1.0);
/// assert!(random.features_per_neuron.mean > 2.0);
/// # Ok::<(), superposition_probe::ProbeError>(())
/// ```
///
/// # References
/// Elhage et al. 2022, *Toy Models of Superposition*, on privileged bases; Mezzadri 2007, *How to generate random
/// matrices from the classical compact groups* (arXiv math-ph/0609050), for the signs.
#[track_caller]
pub fn polysemanticity_under_rotation<A: Real, T: Real, R: Rng + ?Sized>(
    neurons: MatRef<'_, A>,
    features: MatRef<'_, T>,
    options: &PolysemanticityOptions,
    n_rotations: usize,
    rng: &mut R,
) -> Result<RotationBaseline, ProbeError> {
    if n_rotations == 0 {
        return Err(ProbeError::InvalidOption {
            name: "n_rotations",
            value: 0.0,
            expected: "at least 1",
        });
    }
    let (neurons, features) = check(neurons, features, options)?;
    let rotations: Vec<Mat<f64>> = (0..n_rotations)
        .map(|_| random_rotation(neurons.n_rows(), rng))
        .collect();
    let results = under_rotations(&neurons, &features, options, &rotations)?;
    Ok(RotationBaseline {
        features_per_neuron: Spread::new(
            results
                .iter()
                .map(|result| result.features_per_neuron)
                .collect(),
        ),
        polysemantic_ratio: Spread::new(results.iter().map(|result| result.ratio).collect()),
    })
}

/// The polysemanticity of the neurons in each of these bases.
fn under_rotations<A: Real, T: Real>(
    neurons: &Centred<'_, A>,
    features: &Centred<'_, T>,
    options: &PolysemanticityOptions,
    rotations: &[Mat<f64>],
) -> Result<Vec<Polysemanticity>, ProbeError> {
    let m = neurons.n_rows();
    let (covariance, [cross]) = moments::covariances(neurons, [features]);
    let feature_scale = features.inverse_std();
    let feature_kurtosis = features.kurtosis();
    let total: f64 = neurons.variance.iter().sum();
    // Rounding of a variance taken as a difference of the others; with it, the rotated neuron is constant.
    let noise = m as f64 * f64::EPSILON * total;

    let mut scales = Vec::with_capacity(rotations.len());
    for rotation in rotations {
        let mut product = Mat::zeros(m, m);
        linalg::multiply(product.as_mut(), rotation.as_ref(), covariance.as_ref());
        let scale: Vec<f64> = (0..m)
            .map(|k| {
                let variance: f64 = (0..m).map(|l| product[(k, l)] * rotation[(k, l)]).sum();
                if variance > noise {
                    inverse_sqrt(variance)
                } else {
                    0.0
                }
            })
            .collect();
        scales.push(scale);
    }
    let kurtoses = rotated_kurtosis(neurons, rotations, &scales);

    let mut feature_correlations = FeatureCorrelations::new(features);
    let mut results = Vec::with_capacity(rotations.len());
    for ((rotation, scale), kurtosis) in rotations.iter().zip(&scales).zip(&kurtoses) {
        let mut correlations = Mat::zeros(m, features.n_rows());
        linalg::multiply(correlations.as_mut(), rotation.as_ref(), cross.as_ref());
        correlation::standardise(&mut correlations, scale, &feature_scale);
        let gate = Gate::new(options, neurons.n_samples(), kurtosis, &feature_kurtosis);
        let selections = stepwise::select(correlations.as_ref(), &gate, &mut feature_correlations)?;
        let dead_neurons = scale.iter().filter(|&&scale| scale == 0.0).count();
        results.push(summarise(
            selections,
            dead_neurons,
            gate.critical_correlation(),
        ));
    }
    Ok(results)
}

/// Kurtosis of each rotated neuron, for each rotation, in one pass over the samples.
fn rotated_kurtosis<A: Real>(
    neurons: &Centred<'_, A>,
    rotations: &[Mat<f64>],
    scales: &[Vec<f64>],
) -> Vec<Vec<f64>> {
    let m = neurons.n_rows();
    let mut kurtoses = vec![vec![0.0; m]; rotations.len()];
    let mut rotated = Mat::zeros(m, crate::samples::BLOCK);
    neurons.for_each_block(|block| {
        for ((rotation, scale), kurtosis) in rotations.iter().zip(scales).zip(&mut kurtoses) {
            let mut rotated = rotated.as_mut().subcols_mut(0, block.ncols());
            linalg::multiply(rotated.as_mut(), rotation.as_ref(), block);
            for k in 0..block.ncols() {
                for row in 0..m {
                    let z = rotated[(row, k)] * scale[row];
                    kurtosis[row] += z * z * z * z;
                }
            }
        }
    });
    for value in kurtoses.iter_mut().flatten() {
        *value /= neurons.n_samples() as f64;
    }
    kurtoses
}

/// A random orthogonal matrix, uniform over the orthogonal group.
fn random_rotation<R: Rng + ?Sized>(m: usize, rng: &mut R) -> Mat<f64> {
    let mut gaussians = Gaussians { rng, spare: None };
    let mut gaussian = Mat::zeros(m, m);
    for j in 0..m {
        for i in 0..m {
            gaussian[(i, j)] = gaussians.next();
        }
    }
    linalg::orthogonal_factor(gaussian)
}

/// Box and Muller's transform, with functions whose bits do not depend on the machine.
struct Gaussians<'a, R: ?Sized> {
    rng: &'a mut R,
    spare: Option<f64>,
}

impl<R: Rng + ?Sized> Gaussians<'_, R> {
    fn next(&mut self) -> f64 {
        if let Some(spare) = self.spare.take() {
            return spare;
        }
        // (0, 1], so that the logarithm is finite.
        let mut uniform = || ((self.rng.next_u64() >> 11) + 1) as f64 / (1_u64 << 53) as f64;
        let radius = (-2.0 * libm::log(uniform())).sqrt();
        let (sin, cos) = libm::sincos(std::f64::consts::TAU * uniform());
        self.spare = Some(radius * sin);
        radius * cos
    }
}

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::SeedableRng;
    use superposition_testkit::geometry::{self, random_gaussian, random_uniform};
    use superposition_testkit::tolerance::{Tolerance, assert_all_close, assert_close};

    use super::*;
    use crate::polysemanticity;

    #[test]
    fn moments_give_what_rotated_samples_give() {
        let uniform = random_uniform(12, 700, 1);
        let features = Mat::from_fn(12, 700, |i, s| {
            if uniform[(i, s)] < 0.2 {
                uniform[(i, s)]
            } else {
                0.0
            }
        });
        let neurons = geometry::rotate(random_gaussian(5, 12, 2).as_ref(), features.as_ref());
        let options = PolysemanticityOptions::default();
        let rotations: Vec<Mat<f64>> = std::iter::once(Mat::identity(5, 5))
            .chain((0..6).map(|seed| geometry::random_rotation(5, seed)))
            .collect();
        let (h, x) = check(neurons.as_ref(), features.as_ref(), &options).unwrap();
        let results = under_rotations(&h, &x, &options, &rotations).unwrap();
        for (rotation, result) in rotations.iter().zip(&results) {
            let rotated = geometry::rotate(rotation.as_ref(), neurons.as_ref());
            let direct = polysemanticity(rotated.as_ref(), features.as_ref(), &options).unwrap();
            assert_eq!(result.responses, direct.responses);
            assert_all_close(
                &result.selectivity,
                &direct.selectivity,
                Tolerance::absolute(1e-10),
            );
            assert_eq!(result.critical_correlation, direct.critical_correlation);
        }
        assert!(
            results
                .iter()
                .any(|result| result.responses != results[0].responses)
        );
    }

    #[test]
    fn rotations_are_uniform_over_the_orthogonal_group() {
        // Every element has mean 0 and variance 1 / m, and both determinants occur.
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let (m, n) = (2, 4000);
        let (mut sum, mut squares, mut proper) = (0.0, 0.0, 0);
        for _ in 0..n {
            let q = random_rotation(m, &mut rng);
            sum += q[(0, 0)];
            squares += q[(0, 0)] * q[(0, 0)];
            proper += usize::from(q[(0, 0)] * q[(1, 1)] - q[(0, 1)] * q[(1, 0)] > 0.0);
        }
        let n = n as f64;
        assert_close(sum / n, 0.0, Tolerance::statistical(4.5, (0.5 / n).sqrt()));
        // cos^2 of a uniform angle has the variance 1/8.
        assert_close(
            squares / n,
            0.5,
            Tolerance::statistical(4.5, (0.125 / n).sqrt()),
        );
        assert_close(
            proper as f64 / n,
            0.5,
            Tolerance::statistical(4.5, (0.25 / n).sqrt()),
        );
    }

    /// Value stability of the Gaussians; the rotation itself passes through faer.
    #[test]
    fn a_seed_keeps_its_gaussians() {
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        let mut gaussians = Gaussians {
            rng: &mut rng,
            spare: None,
        };
        let drawn: Vec<f64> = (0..3).map(|_| gaussians.next()).collect();
        assert_all_close(
            &drawn,
            &[-0.8102724983810924, 0.17619664335415341, 0.7863012509099367],
            Tolerance::bits(),
        );
    }
}
