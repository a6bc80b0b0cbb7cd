//! The loss of a toy model and its exact gradient.

use std::borrow::Cow;

use faer::{Mat, MatMut, MatRef};

use crate::linalg::{TILE, add_product, column, column_mut, contiguous_copy, product, relu, tiles};
use crate::toy_model::check_rows;
use crate::{Dimensions, Output, ToyModel};

impl ToyModel {
    /// The loss of samples x (n x B): the importance-weighted squared error, mean over batch **and** features.
    ///
    /// ```math
    /// L = \frac{1}{B n} \sum_{s=1}^{B} \sum_{i=1}^{n} I_i (x_{is} - x'_{is})^2
    /// ```
    ///
    /// The model runs in f32, 256 samples at a time; squares and sums are in f64. Importance of 0 leaves a feature
    /// out; NaN and infinity spread to the loss. Costs `$2nmB$` multiplications and memory for 256 samples.
    ///
    /// ```
    /// use superposition_model::{Dimensions, ToyModel, ToyModelConfig, faer};
    ///
    /// // W = 0 and b = 0 answer 0, so the loss is the mean of I x^2: (1 * 0.25 + 0.5 * 1) / 2.
    /// let config = ToyModelConfig::new(Dimensions { n_features: 2, n_hidden: 1 });
    /// let model = ToyModel::new(config, vec![0.0; 4]).unwrap();
    /// assert_eq!(model.loss(faer::mat![[0.5_f32], [1.0]].as_ref(), &[1.0, 0.5]), 0.375);
    /// ```
    ///
    /// # Panics
    /// If x does not have n rows, or no column, or `importance` does not have length n.
    ///
    /// # References
    /// Elhage et al. 2022, *Toy Models of Superposition*, section 2, which sums over the features: its numbers are n
    /// times these. Its notebook takes the mean, as here.
    #[must_use]
    #[track_caller]
    pub fn loss(&self, x: MatRef<'_, f32>, importance: &[f32]) -> f64 {
        self.check_batch(x, importance);
        let Dimensions {
            n_features,
            n_hidden,
        } = self.dimensions();
        let width = TILE.min(x.ncols());
        let mut h = Mat::<f32>::zeros(n_hidden, width);
        // Holds z without b.
        let mut y = Mat::<f32>::zeros(n_features, width);
        let b = self.bias_or_zeros();
        let mut sums = vec![0.0_f64; n_features];
        for tile in tiles(x.ncols()) {
            let x = x.subcols(tile.start, tile.len());
            let copy = contiguous_copy(x);
            let x = copy.as_ref().map_or(x, |copy| copy.as_ref());
            product(h.as_mut().subcols_mut(0, tile.len()), self.w(), x);
            product(
                y.as_mut().subcols_mut(0, tile.len()),
                self.w_dec().transpose(),
                h.as_ref().subcols(0, tile.len()),
            );
            for s in 0..tile.len() {
                let (x, z) = (column(x, s), column(y.as_ref(), s));
                match self.config().output {
                    Output::Relu => add_squares::<true>(z, &b, x, &mut sums),
                    Output::Linear => add_squares::<false>(z, &b, x, &mut sums),
                }
            }
        }
        weighted(&sums, importance) / (x.ncols() as f64 * n_features as f64)
    }

    /// The [loss](ToyModel::loss) of samples x (n x B), whose exact gradient it writes to `gradient`.
    ///
    /// `gradient` has the layout of [`ToyModel::parameters`]; what it held is overwritten. With
    /// `$g = \frac{2}{Bn} I \circ (x' - x) \circ [z > 0]$`,
    ///
    /// ```math
    /// \frac{\partial L}{\partial W} = W_\mathrm{dec}\, g\, x^\top, \qquad
    /// \frac{\partial L}{\partial W_\mathrm{dec}} = W x\, g^\top, \qquad
    /// \frac{\partial L}{\partial b} = \sum_s g_s .
    /// ```
    ///
    /// A tied W gets the sum of the first two. The subgradient of ReLU at 0 is 0. The model and the products run in
    /// f32, the sums for loss and b in f64. Costs `$5nmB$` multiplications and memory for 256 samples.
    ///
    /// ```
    /// use superposition_model::{Bias, Dimensions, ToyModel, ToyModelConfig, faer};
    ///
    /// // One feature, W = 1/2, x = 1: x' = 1/4, L = (1 - w^2)^2 = 9/16, dL/dw = -4 w (1 - w^2) = -3/2.
    /// let config = ToyModelConfig::new(Dimensions { n_features: 1, n_hidden: 1 }).with_bias(Bias::None);
    /// let model = ToyModel::new(config, vec![0.5]).unwrap();
    /// let mut gradient = [f32::NAN];
    /// let loss = model.loss_and_gradient_into(faer::mat![[1.0_f32]].as_ref(), &[1.0], &mut gradient);
    /// assert_eq!((loss, gradient), (0.5625, [-1.5]));
    /// ```
    ///
    /// # Panics
    /// If x does not have n rows, or no column, `importance` does not have length n, or `gradient` not that of the
    /// parameters.
    #[track_caller]
    pub fn loss_and_gradient_into(
        &self,
        x: MatRef<'_, f32>,
        importance: &[f32],
        gradient: &mut [f32],
    ) -> f64 {
        self.check_batch(x, importance);
        let (found, expected) = (gradient.len(), self.parameters().len());
        assert!(
            found == expected,
            "gradient has length {found}; it must have length {expected}"
        );

        let Dimensions {
            n_features,
            n_hidden,
        } = self.dimensions();
        let layout = self.layout();
        let n_terms = x.ncols() as f64 * n_features as f64;
        let slope: Vec<f32> = importance
            .iter()
            .map(|&i| (2.0 * f64::from(i) / n_terms) as f32)
            .collect();
        let width = TILE.min(x.ncols());
        let mut h = Mat::<f32>::zeros(n_hidden, width);
        let mut dh = Mat::<f32>::zeros(n_hidden, width);
        // Holds z without b, then g.
        let mut y = Mat::<f32>::zeros(n_features, width);
        let b = self.bias_or_zeros();
        let mut sums = vec![0.0_f64; n_features];
        let mut db = vec![0.0_f64; n_features];
        gradient.fill(0.0);
        for tile in tiles(x.ncols()) {
            let x = x.subcols(tile.start, tile.len());
            let copy = contiguous_copy(x);
            let x = copy.as_ref().map_or(x, |copy| copy.as_ref());
            let mut h = h.as_mut().subcols_mut(0, tile.len());
            let mut dh = dh.as_mut().subcols_mut(0, tile.len());
            let mut y = y.as_mut().subcols_mut(0, tile.len());
            product(h.as_mut(), self.w(), x);
            product(y.as_mut(), self.w_dec().transpose(), h.as_ref());
            for s in 0..tile.len() {
                let (x, y) = (column(x, s), column_mut(y.as_mut(), s));
                match self.config().output {
                    Output::Relu => back::<true>(y, &b, x, &slope, &mut sums, &mut db),
                    Output::Linear => back::<false>(y, &b, x, &slope, &mut sums, &mut db),
                }
            }
            let g = y.as_ref();
            product(dh.as_mut(), self.w_dec(), g);
            let dw = MatMut::from_column_major_slice_mut(
                &mut gradient[layout.w.clone()],
                n_hidden,
                n_features,
            );
            add_product(dw, dh.as_ref(), x.transpose());
            let dw_dec = MatMut::from_column_major_slice_mut(
                &mut gradient[layout.w_dec.clone()],
                n_hidden,
                n_features,
            );
            add_product(dw_dec, h.as_ref(), g.transpose());
        }
        if let Some(b) = layout.b {
            for (gradient, sum) in gradient[b].iter_mut().zip(&db) {
                *gradient = *sum as f32;
            }
        }
        weighted(&sums, importance) / n_terms
    }

    /// The bias; zeros where there is none.
    fn bias_or_zeros(&self) -> Cow<'_, [f32]> {
        match self.b() {
            Some(b) => Cow::Borrowed(b),
            None => Cow::Owned(vec![0.0; self.dimensions().n_features]),
        }
    }

    #[track_caller]
    fn check_batch(&self, x: MatRef<'_, f32>, importance: &[f32]) {
        let n = self.dimensions().n_features;
        check_rows("x", x.shape(), n);
        assert!(
            x.ncols() > 0,
            "x is {n} x 0; a mean needs at least one sample"
        );
        let found = importance.len();
        assert!(
            found == n,
            "importance has length {found}; it must have length {n}"
        );
    }
}

/// What the model makes of `z`.
#[inline(always)]
fn output<const RELU: bool>(z: f32) -> f32 {
    if RELU { relu(z) } else { z }
}

/// Adds the squared residuals of a sample to the sums, a sum for each feature. `z` is without b.
///
/// The importance waits until the end: the features' sums are independent, and the loop has no chain of additions.
fn add_squares<const RELU: bool>(z: &[f32], b: &[f32], x: &[f32], sums: &mut [f64]) {
    for (((&z, &b), &x), sum) in z.iter().zip(b).zip(x).zip(sums) {
        let r = f64::from(output::<RELU>(z + b) - x);
        *sum += r * r;
    }
}

/// The same, and turns `y` from z without b into g, which it adds to `db`.
fn back<const RELU: bool>(
    y: &mut [f32],
    b: &[f32],
    x: &[f32],
    slope: &[f32],
    sums: &mut [f64],
    db: &mut [f64],
) {
    for (((((y, &b), &x), &slope), sum), db) in
        y.iter_mut().zip(b).zip(x).zip(slope).zip(sums).zip(db)
    {
        let z = *y + b;
        let r = output::<RELU>(z) - x;
        *sum += f64::from(r) * f64::from(r);
        // A select rather than a branch, written so that NaN passes.
        let g = slope * r;
        let g = if RELU && z <= 0.0 { 0.0 } else { g };
        *db += f64::from(g);
        *y = g;
    }
}

/// The sum of the features' sums with their importances.
fn weighted(sums: &[f64], importance: &[f32]) -> f64 {
    sums.iter()
        .zip(importance)
        .map(|(&sum, &importance)| f64::from(importance) * sum)
        .sum()
}
