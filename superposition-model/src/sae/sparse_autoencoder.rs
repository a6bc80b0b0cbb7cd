//! The sparse autoencoder: its parameters, and what it makes of a batch.

use std::fmt;
use std::ops::Range;

use faer::{Mat, MatMut, MatRef};
use rand::Rng;

use crate::ModelError;
use crate::config::MAX_PARAMETERS;
use crate::initialization::push_normal;
use crate::linalg::{product, relu, zip_column};
use crate::toy_model::{check_rows, check_shape};

/// The sizes of a sparse autoencoder: `d_sae` latents for activations of `d_in` numbers.
///
/// Usually `d_sae > d_in`, but any two sizes of at least 1 will do.
///
/// ```
/// use superposition_model::sae::SaeDimensions;
///
/// let dimensions = SaeDimensions { d_in: 64, d_sae: 512 };
/// assert_eq!(dimensions.d_sae / dimensions.d_in, 8); // the expansion factor
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct SaeDimensions {
    /// The length of an activation vector.
    pub d_in: usize,
    /// How many latents there are.
    pub d_sae: usize,
}

/// Which sparse autoencoder: for now its sizes; the architecture is ReLU with pre-bias.
///
/// ```
/// use superposition_model::sae::{SaeConfig, SaeDimensions};
///
/// let config = SaeConfig::new(SaeDimensions { d_in: 4, d_sae: 6 });
/// assert_eq!(config.n_parameters(), Ok(2 * 4 * 6 + 6 + 4));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
#[non_exhaustive]
pub struct SaeConfig {
    /// Its sizes.
    pub dimensions: SaeDimensions,
}

impl SaeConfig {
    /// A ReLU autoencoder of these sizes.
    #[must_use]
    pub fn new(dimensions: SaeDimensions) -> Self {
        Self { dimensions }
    }

    /// Checks that an autoencoder of this configuration can be held.
    ///
    /// # Errors
    /// [`ModelError::ZeroDimension`] if a size is 0; [`ModelError::TooLarge`] if there would be more than 2^32
    /// parameters. Nothing is allocated.
    pub fn validate(&self) -> Result<(), ModelError> {
        self.layout().map(|_| ())
    }

    /// How many parameters there are: `2 d_in d_sae + d_sae + d_in`.
    ///
    /// # Errors
    /// Those of [`SaeConfig::validate`].
    pub fn n_parameters(&self) -> Result<usize, ModelError> {
        self.layout().map(|layout| layout.b_dec.end)
    }

    pub(crate) fn layout(&self) -> Result<SaeLayout, ModelError> {
        let SaeDimensions { d_in, d_sae } = self.dimensions;
        for (name, size) in [("d_in", d_in), ("d_sae", d_sae)] {
            if size == 0 {
                return Err(ModelError::ZeroDimension { name });
            }
        }
        let ends = || {
            let w_enc = d_in.checked_mul(d_sae)?;
            let w_dec = w_enc.checked_mul(2)?;
            let b_enc = w_dec.checked_add(d_sae)?;
            let b_dec = b_enc.checked_add(d_in)?;
            (b_dec as u64 <= MAX_PARAMETERS).then_some([w_enc, w_dec, b_enc, b_dec])
        };
        let [w_enc, w_dec, b_enc, b_dec] = ends().ok_or_else(|| self.too_large())?;
        Ok(SaeLayout {
            w_enc: 0..w_enc,
            w_dec: w_enc..w_dec,
            b_enc: w_dec..b_enc,
            b_dec: b_enc..b_dec,
        })
    }

    fn too_large(&self) -> ModelError {
        let SaeDimensions { d_in, d_sae } = self.dimensions;
        ModelError::TooLarge {
            what: "a sparse autoencoder",
            sizes: format!("d_in {d_in} x d_sae {d_sae}"),
            limit: MAX_PARAMETERS,
        }
    }
}

/// Where the tensors of a [`SparseAutoencoder`] lie in its flat parameters.
///
/// ```
/// use superposition_model::sae::{SaeConfig, SaeDimensions, SparseAutoencoder};
///
/// let config = SaeConfig::new(SaeDimensions { d_in: 2, d_sae: 3 });
/// let layout = SparseAutoencoder::new(config, vec![0.0; 17]).unwrap().layout();
/// assert_eq!((layout.w_enc, layout.w_dec, layout.b_enc, layout.b_dec), (0..6, 6..12, 12..15, 15..17));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SaeLayout {
    /// W_enc, d_in x d_sae, column-major: the numbers of a latent are contiguous.
    pub w_enc: Range<usize>,
    /// W_dec, d_in x d_sae, column-major.
    pub w_dec: Range<usize>,
    /// The bias of the latents.
    pub b_enc: Range<usize>,
    /// The bias of the reconstruction, subtracted from the input too.
    pub b_dec: Range<usize>,
}

/// A sparse autoencoder: `$f = \mathrm{ReLU}(W_\mathrm{enc}^\top (x - b_\mathrm{dec}) + b_\mathrm{enc})$`,
/// `$x' = W_\mathrm{dec} f + b_\mathrm{dec}$`.
///
/// Both matrices are d_in x d_sae: column j is how latent j is read, and the direction it writes. (PyTorch code
/// usually stores W_dec as d_sae x d_in; the names are those of SAELens.) Training keeps the columns of W_dec at
/// norm 1 ([`SparseAutoencoder::normalize_decoder`], [`SparseAutoencoder::project_decoder_gradient`]); without that,
/// the L1 penalty is evaded by small latents and long directions. [`SparseAutoencoder::new`] takes any norms.
///
/// A batch has a sample per column. All parameters are one flat slice ([`SparseAutoencoder::layout`]).
///
/// ```
/// use superposition_model::faer;
/// use superposition_model::sae::{SaeConfig, SaeDimensions, SparseAutoencoder};
///
/// // One input, two latents that read and write +1 and -1; b_enc = 0, b_dec = 1.
/// let config = SaeConfig::new(SaeDimensions { d_in: 1, d_sae: 2 });
/// let sae = SparseAutoencoder::new(config, vec![1.0, -1.0, 1.0, -1.0, 0.0, 0.0, 1.0]).unwrap();
/// let x = faer::mat![[3.0_f32]];
/// let f = sae.encode(x.as_ref());
/// assert_eq!((f[(0, 0)], f[(1, 0)]), (2.0, 0.0)); // ReLU of 3 - 1 and of -(3 - 1)
/// assert_eq!(sae.decode(f.as_ref())[(0, 0)], 3.0); // 2 + 1
/// ```
///
/// # References
/// Bricken et al. 2023, *Towards Monosemanticity*, appendix on the autoencoder: the architecture with its pre-bias, and
/// the norm constraint.
#[derive(Clone, PartialEq)]
pub struct SparseAutoencoder {
    config: SaeConfig,
    layout: SaeLayout,
    parameters: Vec<f32>,
}

impl SparseAutoencoder {
    /// An autoencoder with these parameters, laid out as [`SparseAutoencoder::layout`] says.
    ///
    /// # Errors
    /// Those of [`SaeConfig::validate`]; [`ModelError::ParameterCount`] if the length is another;
    /// [`ModelError::NotFinite`], which names the element, if one is NaN or infinite.
    pub fn new(config: SaeConfig, parameters: Vec<f32>) -> Result<Self, ModelError> {
        let layout = config.layout()?;
        let (found, expected) = (parameters.len(), layout.b_dec.end);
        if found != expected {
            return Err(ModelError::ParameterCount { found, expected });
        }
        let sae = Self {
            config,
            layout,
            parameters,
        };
        match sae.parameters.iter().position(|value| !value.is_finite()) {
            None => Ok(sae),
            Some(position) => Err(sae.not_finite(position)),
        }
    }

    /// An autoencoder whose decoder columns are random unit vectors, whose encoder equals its decoder, and whose biases
    /// are 0.
    ///
    /// ```
    /// use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
    /// use superposition_model::sae::{SaeConfig, SaeDimensions, SparseAutoencoder};
    ///
    /// let config = SaeConfig::new(SaeDimensions { d_in: 1, d_sae: 3 });
    /// let sae = SparseAutoencoder::random(config, &mut ChaCha8Rng::seed_from_u64(0)).unwrap();
    /// assert!((0..3).all(|j| sae.w_dec()[(0, j)].abs() == 1.0)); // the unit vectors of one dimension
    /// assert_eq!(sae.w_enc(), sae.w_dec());
    /// ```
    ///
    /// # Errors
    /// Those of [`SaeConfig::validate`]; [`ModelError::TooLarge`] if memory has no room.
    ///
    /// # References
    /// Conerly et al. 2024, *Update on how we train SAEs*: the encoder starts as the decoder. We start at norm 1.
    pub fn random<R: Rng + ?Sized>(config: SaeConfig, rng: &mut R) -> Result<Self, ModelError> {
        let layout = config.layout()?;
        let mut parameters = Vec::new();
        parameters
            .try_reserve_exact(layout.b_dec.end)
            .map_err(|_| config.too_large())?;
        push_normal(&mut parameters, layout.w_enc.end, 1.0, rng);
        for column in parameters.chunks_exact_mut(config.dimensions.d_in) {
            normalize(column);
        }
        parameters.extend_from_within(layout.w_enc.clone());
        parameters.resize(layout.b_dec.end, 0.0);
        Ok(Self {
            config,
            layout,
            parameters,
        })
    }

    /// Which autoencoder it is.
    #[must_use]
    pub fn config(&self) -> &SaeConfig {
        &self.config
    }

    /// Its sizes.
    #[must_use]
    pub fn dimensions(&self) -> SaeDimensions {
        self.config.dimensions
    }

    /// Where its tensors lie in [`SparseAutoencoder::parameters`].
    #[must_use]
    pub fn layout(&self) -> SaeLayout {
        self.layout.clone()
    }

    /// All parameters.
    #[must_use]
    pub fn parameters(&self) -> &[f32] {
        &self.parameters
    }

    /// All parameters, to change. What is written is not checked: NaN spreads to every result that depends on it.
    #[must_use]
    pub fn parameters_mut(&mut self) -> &mut [f32] {
        &mut self.parameters
    }

    /// W_enc, d_in x d_sae: column j is how latent j is read.
    #[must_use]
    pub fn w_enc(&self) -> MatRef<'_, f32> {
        self.matrix(&self.parameters[self.layout.w_enc.clone()])
    }

    /// W_dec, d_in x d_sae: column j is the direction that latent j writes.
    #[must_use]
    pub fn w_dec(&self) -> MatRef<'_, f32> {
        self.matrix(&self.parameters[self.layout.w_dec.clone()])
    }

    /// The bias of the latents, d_sae.
    #[must_use]
    pub fn b_enc(&self) -> &[f32] {
        &self.parameters[self.layout.b_enc.clone()]
    }

    /// The bias of the reconstruction, d_in.
    #[must_use]
    pub fn b_dec(&self) -> &[f32] {
        &self.parameters[self.layout.b_dec.clone()]
    }

    /// The latents `$f$` (d_sae x B) of activations x (d_in x B).
    ///
    /// Costs `d_in d_sae B` multiplications. NaN in a sample spreads to its own column only.
    ///
    /// # Panics
    /// If x does not have d_in rows.
    #[must_use]
    #[track_caller]
    pub fn encode(&self, x: MatRef<'_, f32>) -> Mat<f32> {
        check_rows("x", x.shape(), self.dimensions().d_in);
        let mut f = Mat::zeros(self.dimensions().d_sae, x.ncols());
        self.encode_into(x, f.as_mut());
        f
    }

    /// Writes [`SparseAutoencoder::encode`] to `f` (d_sae x B).
    ///
    /// # Panics
    /// If x does not have d_in rows, or f is not d_sae x B.
    #[track_caller]
    pub fn encode_into(&self, x: MatRef<'_, f32>, f: MatMut<'_, f32>) {
        let SaeDimensions { d_in, d_sae } = self.dimensions();
        check_rows("x", x.shape(), d_in);
        check_shape("f", f.shape(), (d_sae, x.ncols()));
        let b_dec = self.b_dec();
        let centered = Mat::from_fn(d_in, x.ncols(), |i, s| x[(i, s)] - b_dec[i]);
        self.encode_centered_into(centered.as_ref(), f);
    }

    /// The reconstruction `$x'$` (d_in x B) from latents f (d_sae x B).
    ///
    /// Costs `d_in d_sae B` multiplications.
    ///
    /// # Panics
    /// If f does not have d_sae rows.
    #[must_use]
    #[track_caller]
    pub fn decode(&self, f: MatRef<'_, f32>) -> Mat<f32> {
        check_rows("f", f.shape(), self.dimensions().d_sae);
        let mut x = Mat::zeros(self.dimensions().d_in, f.ncols());
        self.decode_into(f, x.as_mut());
        x
    }

    /// Writes [`SparseAutoencoder::decode`] to `x` (d_in x B).
    ///
    /// # Panics
    /// If f does not have d_sae rows, or x is not d_in x B.
    #[track_caller]
    pub fn decode_into(&self, f: MatRef<'_, f32>, mut x: MatMut<'_, f32>) {
        let SaeDimensions { d_in, d_sae } = self.dimensions();
        check_rows("f", f.shape(), d_sae);
        check_shape("x", x.shape(), (d_in, f.ncols()));
        product(x.as_mut(), self.w_dec(), f);
        for s in 0..x.ncols() {
            zip_column(x.as_mut(), s, self.b_dec(), |x, b| *x += b);
        }
    }

    /// What the autoencoder makes of activations x (d_in x B): [`SparseAutoencoder::decode`] of
    /// [`SparseAutoencoder::encode`], d_in x B.
    ///
    /// # Panics
    /// If x does not have d_in rows.
    #[must_use]
    #[track_caller]
    pub fn reconstruct(&self, x: MatRef<'_, f32>) -> Mat<f32> {
        self.decode(self.encode(x).as_ref())
    }

    /// Scales each column of W_dec to norm 1.
    ///
    /// A column of zeros stays (its latent writes nothing); one that holds NaN becomes NaN. The encoder is left alone,
    /// so what the autoencoder computes changes: this is the projection of training, after each step. Norms are in f64.
    ///
    /// ```
    /// use superposition_model::sae::{SaeConfig, SaeDimensions, SparseAutoencoder};
    ///
    /// let config = SaeConfig::new(SaeDimensions { d_in: 2, d_sae: 1 });
    /// let mut sae = SparseAutoencoder::new(config, vec![1.0, 0.0, 3.0, 4.0, 0.0, 0.0, 0.0]).unwrap();
    /// sae.normalize_decoder();
    /// assert_eq!((sae.w_dec()[(0, 0)], sae.w_dec()[(1, 0)]), (0.6, 0.8));
    /// ```
    pub fn normalize_decoder(&mut self) {
        let w_dec = &mut self.parameters[self.layout.w_dec.clone()];
        for column in w_dec.chunks_exact_mut(self.config.dimensions.d_in) {
            normalize(column);
        }
    }

    /// Takes from the gradient of each column of W_dec its part along that column, `$g - \hat w (\hat w \cdot g)$`.
    ///
    /// What is left does not change the norms to first order, so that an optimiser with momentum does not work against
    /// [`SparseAutoencoder::normalize_decoder`]. `gradient` has the layout of the parameters; the other tensors are left
    /// alone, and so is a column whose direction is zero. Sums are in f64.
    ///
    /// ```
    /// use superposition_model::sae::{SaeConfig, SaeDimensions, SparseAutoencoder};
    ///
    /// let config = SaeConfig::new(SaeDimensions { d_in: 2, d_sae: 1 });
    /// let sae = SparseAutoencoder::new(config, vec![0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0]).unwrap();
    /// let mut gradient = [7.0, 7.0, 5.0, 6.0, 7.0, 7.0, 7.0];
    /// sae.project_decoder_gradient(&mut gradient);
    /// assert_eq!(gradient, [7.0, 7.0, 5.0, 0.0, 7.0, 7.0, 7.0]);
    /// ```
    ///
    /// # Panics
    /// If `gradient` does not have the length of the parameters.
    #[track_caller]
    pub fn project_decoder_gradient(&self, gradient: &mut [f32]) {
        self.check_gradient(gradient);
        let d_in = self.dimensions().d_in;
        let w_dec = &self.parameters[self.layout.w_dec.clone()];
        let gradient = &mut gradient[self.layout.w_dec.clone()];
        for (w, g) in w_dec
            .chunks_exact(d_in)
            .zip(gradient.chunks_exact_mut(d_in))
        {
            let norm_sq = dot(w, w);
            if norm_sq != 0.0 {
                let along = dot(w, g) / norm_sq;
                for (g, &w) in g.iter_mut().zip(w) {
                    *g = (f64::from(*g) - along * f64::from(w)) as f32;
                }
            }
        }
    }

    /// The latents of activations from which b_dec is already taken.
    pub(crate) fn encode_centered_into(&self, centered: MatRef<'_, f32>, mut f: MatMut<'_, f32>) {
        product(f.as_mut(), self.w_enc().transpose(), centered);
        for s in 0..f.ncols() {
            zip_column(f.as_mut(), s, self.b_enc(), |f, b| *f = relu(*f + b));
        }
    }

    #[track_caller]
    pub(crate) fn check_gradient(&self, gradient: &[f32]) {
        let (found, expected) = (gradient.len(), self.parameters.len());
        assert!(
            found == expected,
            "gradient has length {found}; it must have length {expected}"
        );
    }

    fn matrix<'a>(&self, values: &'a [f32]) -> MatRef<'a, f32> {
        let SaeDimensions { d_in, d_sae } = self.dimensions();
        MatRef::from_column_major_slice(values, d_in, d_sae)
    }

    /// The error that names the parameter at `position`.
    fn not_finite(&self, position: usize) -> ModelError {
        let d_in = self.dimensions().d_in;
        let SaeLayout {
            w_enc,
            w_dec,
            b_enc,
            b_dec,
        } = self.layout();
        let at = |range: Range<usize>| position - range.start;
        let (tensor, index) = if w_enc.contains(&position) {
            ("W_enc", vec![at(w_enc.clone()) % d_in, at(w_enc) / d_in])
        } else if w_dec.contains(&position) {
            ("W_dec", vec![at(w_dec.clone()) % d_in, at(w_dec) / d_in])
        } else if b_enc.contains(&position) {
            ("b_enc", vec![at(b_enc)])
        } else {
            ("b_dec", vec![at(b_dec)])
        };
        ModelError::NotFinite {
            tensor,
            index,
            value: self.parameters[position],
        }
    }
}

/// Shapes and sizes; the values are too many to print.
impl fmt::Debug for SparseAutoencoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SparseAutoencoder")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

/// The inner product in f64, where f32 can neither overflow nor underflow.
fn dot(a: &[f32], b: &[f32]) -> f64 {
    a.iter()
        .zip(b)
        .map(|(&a, &b)| f64::from(a) * f64::from(b))
        .sum()
}

/// Scales to norm 1; zeros stay.
fn normalize(column: &mut [f32]) {
    let norm = libm::sqrt(dot(column, column));
    if norm != 0.0 {
        for value in column {
            *value = (f64::from(*value) / norm) as f32;
        }
    }
}
