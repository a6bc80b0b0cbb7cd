//! The toy model: its parameters, and what it makes of a batch.

use std::fmt;

use faer::{Mat, MatMut, MatRef};
use rand::Rng;

use crate::config::{ParameterLayout, ToyModelConfig};
use crate::initialization::push_normal;
use crate::linalg::{product, relu, zip_column};
use crate::{Dimensions, Hidden, Initialization, ModelError, Output};

/// A toy model of superposition: `$x' = \mathrm{ReLU}(W^\top W x + b)$` and its variants.
///
/// It squeezes `$n$` features through `$m$` hidden dimensions: `$h = W x$` with W of m x n, then
/// `$x' = \mathrm{ReLU}(W^\top h + b)$`. Column i of W is the direction of feature i. Its parameters are one flat
/// slice of f32: W column-major, then W_dec column-major if untied, then b if there is one, then the encoder's bias if
/// there is one ([`ToyModel::layout`]), so that an optimiser needs to know nothing about it.
///
/// A batch has a sample per column. Memory is `$O(nm)$`.
///
/// ```
/// use superposition_model::{Dimensions, ToyModel, ToyModelConfig, faer};
///
/// // Two features as an antipodal pair in one dimension: W = [1, -1].
/// let config = ToyModelConfig::new(Dimensions { n_features: 2, n_hidden: 1 });
/// let model = ToyModel::new(config, vec![1.0, -1.0, 0.0, 0.0]).unwrap();
/// let x = faer::mat![[0.8_f32, 0.0, 0.8], [0.0, 0.5, 0.5]]; // three samples
/// let y = model.reconstruct(x.as_ref());
/// assert_eq!((y[(0, 0)], y[(1, 0)]), (0.8, 0.0)); // one active feature comes out right
/// assert_eq!((y[(0, 1)], y[(1, 1)]), (0.0, 0.5)); // so does the other
/// assert!((y[(0, 2)] - 0.3).abs() < 1e-6);        // two active features interfere
/// ```
///
/// # References
/// Elhage et al. 2022, *Toy Models of Superposition*, section 2, to the letter for the default configuration.
#[derive(Clone, PartialEq)]
pub struct ToyModel {
    config: ToyModelConfig,
    layout: ParameterLayout,
    parameters: Vec<f32>,
}

impl ToyModel {
    /// A model with these parameters, laid out as [`ToyModel::layout`] says.
    ///
    /// # Errors
    /// Those of [`ToyModelConfig::validate`]; [`ModelError::ParameterCount`] if the length is another;
    /// [`ModelError::NotFinite`], which names the element, if one is NaN or infinite.
    pub fn new(config: ToyModelConfig, parameters: Vec<f32>) -> Result<Self, ModelError> {
        let layout = config.layout()?;
        let (found, expected) = (parameters.len(), layout.len());
        if found != expected {
            return Err(ModelError::ParameterCount { found, expected });
        }
        let model = Self {
            config,
            layout,
            parameters,
        };
        model.check_finite()?;
        Ok(model)
    }

    /// A model with random weights and biases of 0.
    ///
    /// W is drawn first, column after column, then W_dec if untied: two u64 make two weights (Box-Muller). The same
    /// generator state gives the same bits on every platform.
    ///
    /// ```
    /// use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
    /// use superposition_model::{Dimensions, Initialization, ToyModel, ToyModelConfig};
    ///
    /// let config = ToyModelConfig::new(Dimensions { n_features: 5, n_hidden: 2 });
    /// let model = ToyModel::random(config, Initialization::XavierNormal, &mut ChaCha8Rng::seed_from_u64(0)).unwrap();
    /// assert_eq!(model.b(), Some(&[0.0; 5][..]));
    /// ```
    ///
    /// # Errors
    /// Those of [`ToyModelConfig::validate`]; [`ModelError::StandardDeviation`] if it is negative, not finite or more
    /// than 1e37; [`ModelError::TooLarge`] if memory has no room.
    pub fn random<R: Rng + ?Sized>(
        config: ToyModelConfig,
        initialization: Initialization,
        rng: &mut R,
    ) -> Result<Self, ModelError> {
        let layout = config.layout()?;
        let std = initialization.checked_standard_deviation(config.dimensions)?;
        let mut parameters = Vec::new();
        parameters
            .try_reserve_exact(layout.len())
            .map_err(|_| config.too_large())?;
        push_normal(&mut parameters, layout.w_dec.end, std, rng);
        parameters.resize(layout.len(), 0.0);
        Ok(Self {
            config,
            layout,
            parameters,
        })
    }

    /// Which toy model it is.
    #[must_use]
    pub fn config(&self) -> &ToyModelConfig {
        &self.config
    }

    /// Its sizes.
    #[must_use]
    pub fn dimensions(&self) -> Dimensions {
        self.config.dimensions
    }

    /// Where its tensors lie in [`ToyModel::parameters`].
    #[must_use]
    pub fn layout(&self) -> ParameterLayout {
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

    /// W, m x n: column i is the direction of feature i.
    ///
    /// ```
    /// use superposition_model::{Dimensions, ToyModel, ToyModelConfig};
    ///
    /// let config = ToyModelConfig::new(Dimensions { n_features: 2, n_hidden: 3 });
    /// let model = ToyModel::new(config, vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 0.0, 0.0]).unwrap();
    /// assert_eq!(model.w().shape(), (3, 2));
    /// assert_eq!(model.w()[(0, 1)], 4.0); // the first component of feature 1
    /// ```
    #[must_use]
    pub fn w(&self) -> MatRef<'_, f32> {
        self.matrix(&self.parameters[self.layout.w.clone()])
    }

    /// The decoder's directions, m x n: column i is that of feature i. The same as [`ToyModel::w`] when tied.
    ///
    /// ```
    /// use superposition_model::{Bias, Coupling, Dimensions, ToyModel, ToyModelConfig};
    ///
    /// let config = ToyModelConfig::new(Dimensions { n_features: 2, n_hidden: 1 }).with_bias(Bias::None);
    /// let tied = ToyModel::new(config, vec![1.0, -1.0]).unwrap();
    /// assert_eq!(tied.w_dec(), tied.w());
    /// let untied = config.with_coupling(Coupling::Untied);
    /// let untied = ToyModel::new(untied, vec![1.0, -1.0, 3.0, 4.0]).unwrap();
    /// assert_eq!(untied.w_dec()[(0, 1)], 4.0);
    /// ```
    #[must_use]
    pub fn w_dec(&self) -> MatRef<'_, f32> {
        self.matrix(&self.parameters[self.layout.w_dec.clone()])
    }

    /// The bias, one number for each feature, if there is one.
    #[must_use]
    pub fn b(&self) -> Option<&[f32]> {
        self.layout.b.clone().map(|b| &self.parameters[b])
    }

    /// The bias of the encoder, one number for each hidden dimension, if there is one.
    #[must_use]
    pub fn b_enc(&self) -> Option<&[f32]> {
        self.layout.b_enc.clone().map(|b| &self.parameters[b])
    }

    /// The hidden activations `$h = W x$` (m x B) of samples x (n x B), or `$\mathrm{ReLU}(W x + b_\mathrm{enc})$`.
    ///
    /// Costs `$nmB$` multiplications. NaN in a sample spreads to its own column only, as in all functions below.
    ///
    /// ```
    /// use superposition_model::{Dimensions, ToyModel, ToyModelConfig, faer};
    ///
    /// let config = ToyModelConfig::new(Dimensions { n_features: 2, n_hidden: 1 });
    /// let model = ToyModel::new(config, vec![3.0, -1.0, 0.0, 0.0]).unwrap();
    /// let h = model.encode(faer::mat![[1.0_f32], [2.0]].as_ref());
    /// assert_eq!(h[(0, 0)], 1.0); // 3 * 1 - 1 * 2
    /// ```
    ///
    /// # Panics
    /// If x does not have n rows.
    #[must_use]
    #[track_caller]
    pub fn encode(&self, x: MatRef<'_, f32>) -> Mat<f32> {
        check_rows("x", x.shape(), self.dimensions().n_features);
        let mut h = Mat::zeros(self.dimensions().n_hidden, x.ncols());
        self.encode_into(x, h.as_mut());
        h
    }

    /// Writes [`ToyModel::encode`] to `h` (m x B).
    ///
    /// # Panics
    /// If x does not have n rows, or h is not m x B.
    #[track_caller]
    pub fn encode_into(&self, x: MatRef<'_, f32>, mut h: MatMut<'_, f32>) {
        check_rows("x", x.shape(), self.dimensions().n_features);
        check_shape("h", h.shape(), (self.dimensions().n_hidden, x.ncols()));
        product(h.as_mut(), self.w(), x);
        self.activate(h);
    }

    /// What the hidden layer makes of `$W x$`.
    pub(crate) fn activate(&self, mut h: MatMut<'_, f32>) {
        for s in 0..h.ncols() {
            match (self.config.hidden, self.b_enc()) {
                (Hidden::Linear, _) => return,
                (Hidden::Relu, Some(b)) => zip_column(h.as_mut(), s, b, |h, b| *h = relu(*h + b)),
                (Hidden::Relu, None) => {
                    h.as_mut().col_mut(s).iter_mut().for_each(|h| *h = relu(*h));
                }
            }
        }
    }

    /// The features `$x' = \mathrm{ReLU}(W_\mathrm{dec}^\top h + b)$` (n x B) read from hidden activations h (m x B).
    ///
    /// Without ReLU for [`Output::Linear`], without b for [`Bias::None`](crate::Bias::None). Costs `$nmB$`
    /// multiplications.
    ///
    /// ```
    /// use superposition_model::{Dimensions, ToyModel, ToyModelConfig, faer};
    ///
    /// let config = ToyModelConfig::new(Dimensions { n_features: 2, n_hidden: 1 });
    /// let model = ToyModel::new(config, vec![3.0, -1.0, 0.5, 0.5]).unwrap();
    /// let x = model.decode(faer::mat![[1.0_f32]].as_ref());
    /// assert_eq!((x[(0, 0)], x[(1, 0)]), (3.5, 0.0)); // ReLU(3 + 0.5), ReLU(-1 + 0.5)
    /// ```
    ///
    /// # Panics
    /// If h does not have m rows.
    #[must_use]
    #[track_caller]
    pub fn decode(&self, h: MatRef<'_, f32>) -> Mat<f32> {
        check_rows("h", h.shape(), self.dimensions().n_hidden);
        let mut x = Mat::zeros(self.dimensions().n_features, h.ncols());
        self.decode_into(h, x.as_mut());
        x
    }

    /// Writes [`ToyModel::decode`] to `x` (n x B).
    ///
    /// # Panics
    /// If h does not have m rows, or x is not n x B.
    #[track_caller]
    pub fn decode_into(&self, h: MatRef<'_, f32>, mut x: MatMut<'_, f32>) {
        check_rows("h", h.shape(), self.dimensions().n_hidden);
        check_shape("x", x.shape(), (self.dimensions().n_features, h.ncols()));
        product(x.as_mut(), self.w_dec().transpose(), h);
        for s in 0..x.ncols() {
            match (self.config.output, self.b()) {
                (Output::Relu, Some(b)) => zip_column(x.as_mut(), s, b, |x, b| *x = relu(*x + b)),
                (Output::Relu, None) => {
                    x.as_mut().col_mut(s).iter_mut().for_each(|x| *x = relu(*x));
                }
                (Output::Linear, Some(b)) => zip_column(x.as_mut(), s, b, |x, b| *x += b),
                (Output::Linear, None) => {}
            }
        }
    }

    /// What the model makes of samples x (n x B): [`ToyModel::decode`] of [`ToyModel::encode`], n x B.
    ///
    /// # Panics
    /// If x does not have n rows.
    #[must_use]
    #[track_caller]
    pub fn reconstruct(&self, x: MatRef<'_, f32>) -> Mat<f32> {
        self.decode(self.encode(x).as_ref())
    }

    /// A flat slice of W's length as m x n.
    fn matrix<'a>(&self, values: &'a [f32]) -> MatRef<'a, f32> {
        let Dimensions {
            n_features,
            n_hidden,
        } = self.dimensions();
        MatRef::from_column_major_slice(values, n_hidden, n_features)
    }

    /// Whether all parameters are finite; what [`ToyModel::parameters_mut`] lets in is not checked there.
    pub(crate) fn check_finite(&self) -> Result<(), ModelError> {
        match self.parameters.iter().position(|value| !value.is_finite()) {
            None => Ok(()),
            Some(position) => Err(self.not_finite(position)),
        }
    }

    /// The error that names the parameter at `position`.
    fn not_finite(&self, position: usize) -> ModelError {
        let value = self.parameters[position];
        let m = self.dimensions().n_hidden;
        let (tensor, index) = if self.layout.w.contains(&position) {
            ("W", vec![position % m, position / m])
        } else if self.layout.w_dec.contains(&position) {
            let position = position - self.layout.w_dec.start;
            ("W_dec", vec![position % m, position / m])
        } else if let Some(b) = self.layout.b_enc.clone().filter(|b| b.contains(&position)) {
            ("b_enc", vec![position - b.start])
        } else {
            ("b", vec![position - self.layout.w_dec.end])
        };
        ModelError::NotFinite {
            tensor,
            index,
            value,
        }
    }
}

/// Shapes and sizes; the values of a model are too many to print.
impl fmt::Debug for ToyModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ToyModel")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

/// Panics with both shapes where the number of rows is another.
#[track_caller]
pub(crate) fn check_rows(name: &str, shape: (usize, usize), n_rows: usize) {
    check_shape(name, shape, (n_rows, shape.1));
}

/// Panics with both shapes where they differ.
#[track_caller]
pub(crate) fn check_shape(name: &str, found: (usize, usize), expected: (usize, usize)) {
    assert!(
        found == expected,
        "{name} is {} x {}; it must be {} x {}",
        found.0,
        found.1,
        expected.0,
        expected.1
    );
}
