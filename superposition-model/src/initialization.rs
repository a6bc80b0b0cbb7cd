//! How parameters start.

use std::str::FromStr;

use rand::Rng;

use crate::{Dimensions, ModelError};

/// How the weights of a [`ToyModel`](crate::ToyModel) start. Biases start at 0.
///
/// ```
/// use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
/// use superposition_model::{Dimensions, Initialization, ToyModel, ToyModelConfig};
///
/// let config = ToyModelConfig::new(Dimensions { n_features: 4, n_hidden: 4 });
/// assert_eq!(Initialization::default().standard_deviation(config.dimensions), 0.5); // sqrt(2 / (4 + 4))
///
/// let mut rng = ChaCha8Rng::seed_from_u64(0);
/// let zeros = ToyModel::random(config, Initialization::Normal { std: 0.0 }, &mut rng).unwrap();
/// assert!(zeros.parameters().iter().all(|&value| value == 0.0));
/// ```
///
/// As text (`FromStr`): `xavier` or `normal:STD`.
///
/// ```
/// use superposition_model::Initialization;
///
/// assert_eq!("normal:0.5".parse(), Ok(Initialization::Normal { std: 0.5 }));
/// assert!("normal".parse::<Initialization>().is_err());
/// ```
///
/// # References
/// Glorot and Bengio 2010, equation 16, in its normal form, which is what the notebook of *Toy Models of
/// Superposition* uses.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Initialization {
    /// Normal with standard deviation `$\sqrt{2 / (n + m)}$`.
    #[default]
    XavierNormal,
    /// Normal with this standard deviation: finite, at least 0, at most 1e37.
    Normal {
        /// The standard deviation.
        std: f64,
    },
}

impl Initialization {
    /// The standard deviation of each weight of a model of these dimensions.
    #[must_use]
    pub fn standard_deviation(&self, dimensions: Dimensions) -> f64 {
        match *self {
            Self::XavierNormal => {
                libm::sqrt(2.0 / (dimensions.n_features as f64 + dimensions.n_hidden as f64))
            }
            Self::Normal { std } => std,
        }
    }

    /// The standard deviation, if it is one.
    /// Checks the standard deviation that a model of these sizes would start with.
    ///
    /// # Errors
    /// It is not finite, negative, or above 1e37.
    pub fn validate(&self, dimensions: Dimensions) -> Result<(), ModelError> {
        self.checked_standard_deviation(dimensions).map(|_| ())
    }

    pub(crate) fn checked_standard_deviation(
        &self,
        dimensions: Dimensions,
    ) -> Result<f64, ModelError> {
        let value = self.standard_deviation(dimensions);
        if (0.0..=1e37).contains(&value) {
            Ok(value)
        } else {
            Err(ModelError::StandardDeviation { value })
        }
    }
}

impl FromStr for Initialization {
    type Err = ModelError;

    fn from_str(text: &str) -> Result<Self, ModelError> {
        let std = text.strip_prefix("normal:");
        match std.map(|std| std.trim().parse()) {
            Some(Ok(std)) => Ok(Self::Normal { std }),
            None if text == "xavier" => Ok(Self::XavierNormal),
            _ => Err(ModelError::InitializationText {
                text: text.to_owned(),
            }),
        }
    }
}

/// Appends `count` normal draws of mean 0.
///
/// Box-Muller with two u64 a pair, both halves used, and libm's functions: bits do not depend on the platform. The
/// second half of a last, odd pair is dropped.
pub(crate) fn push_normal<R: Rng + ?Sized>(
    values: &mut Vec<f32>,
    count: usize,
    std: f64,
    rng: &mut R,
) {
    let end = values.len() + count;
    while values.len() < end {
        let [a, b] = normal_pair(rng);
        values.push((std * a) as f32);
        if values.len() < end {
            values.push((std * b) as f32);
        }
    }
}

/// Two independent standard normal numbers, at most `sqrt(2 ln 2^54) = 8.66` in size.
fn normal_pair<R: Rng + ?Sized>(rng: &mut R) -> [f64; 2] {
    const UNIT: f64 = 1.0 / (1_u64 << 53) as f64;
    // Within (0, 1]: the half keeps the logarithm away from that of 0. From 2^52 on it takes a 54th bit and rounds to
    // even, so that the largest of all draws is exactly 1 (a radius of 0), not just below.
    let mut uniform = || ((rng.next_u64() >> 11) as f64 + 0.5) * UNIT;
    let radius = libm::sqrt(-2.0 * libm::log(uniform()));
    let (sin, cos) = libm::sincos(std::f64::consts::TAU * uniform());
    [radius * cos, radius * sin]
}
