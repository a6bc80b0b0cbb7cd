//! The loss of a toy model and its exact gradient.

use std::borrow::Cow;

use faer::{Mat, MatMut, MatRef};

use crate::linalg::{TILE, add_product, column, column_mut, contiguous_copy, product, relu, tiles};
use crate::toy_model::{check_rows, check_shape};
use crate::{Dimensions, Hidden, Output, ToyModel};

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
        self.loss_against(x, x, importance)
    }

    /// The loss of samples x (n x B) against targets y (n x B), which x' should be instead of x: `$I_i (y_{is} - x'_{is})^2$`,
    /// mean over batch and features. For all else see [`ToyModel::loss`].
    ///
    /// ```
    /// use superposition_model::{Dimensions, ToyModel, ToyModelConfig, faer};
    ///
    /// // W = 1 and b = 0 keep what is positive; |x| is 2 at -2.
    /// let config = ToyModelConfig::new(Dimensions { n_features: 1, n_hidden: 1 });
    /// let model = ToyModel::new(config, vec![1.0, 0.0]).unwrap();
    /// let (x, y) = (faer::mat![[3.0_f32, -2.0]], faer::mat![[3.0_f32, 2.0]]);
    /// assert_eq!(model.loss_against(x.as_ref(), y.as_ref(), &[1.0]), 2.0); // (0 + 2^2) / 2
    /// ```
    ///
    /// # Panics
    /// If x does not have n rows, or no column, y is not of its shape, or `importance` does not have length n.
    #[must_use]
    #[track_caller]
    pub fn loss_against(&self, x: MatRef<'_, f32>, y: MatRef<'_, f32>, importance: &[f32]) -> f64 {
        self.check_batch(x, importance);
        check_shape("y", y.shape(), x.shape());
        let Dimensions {
            n_features,
            n_hidden,
        } = self.dimensions();
        let width = TILE.min(x.ncols());
        let mut h = Mat::<f32>::zeros(n_hidden, width);
        // Without b.
        let mut z = Mat::<f32>::zeros(n_features, width);
        let b = self.bias_or_zeros();
        let mut sums = vec![0.0_f64; n_features];
        for tile in tiles(x.ncols()) {
            let [x, y] = [x, y].map(|x| x.subcols(tile.start, tile.len()));
            let copies = [x, y].map(contiguous_copy);
            let [x, y] = [(x, &copies[0]), (y, &copies[1])]
                .map(|(x, copy)| copy.as_ref().map_or(x, |copy| copy.as_ref()));
            let mut h = h.as_mut().subcols_mut(0, tile.len());
            product(h.as_mut(), self.w(), x);
            self.activate(h.as_mut());
            product(
                z.as_mut().subcols_mut(0, tile.len()),
                self.w_dec().transpose(),
                h.as_ref(),
            );
            for s in 0..tile.len() {
                let (y, z) = (column(y, s), column(z.as_ref(), s));
                match self.config().output {
                    Output::Relu => add_squares::<true>(z, &b, y, &mut sums),
                    Output::Linear => add_squares::<false>(z, &b, y, &mut sums),
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
    /// A tied W gets the sum of the first two. With a ReLU hidden layer `$W_\mathrm{dec}\, g$` is 0 where h is, its sum over
    /// samples is the gradient of `$b_\mathrm{enc}$`, and h stands for `$W x$`. The subgradient of ReLU at 0 is 0. The model and the products run in
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
        self.loss_and_gradient_against_into(x, x, importance, gradient)
    }

    /// The loss of samples x (n x B) [against targets y](ToyModel::loss_against) (n x B), whose exact gradient it writes to
    /// `gradient` as [`ToyModel::loss_and_gradient_into`] does.
    ///
    /// # Panics
    /// As there, and if y is not of the shape of x.
    #[track_caller]
    pub fn loss_and_gradient_against_into(
        &self,
        x: MatRef<'_, f32>,
        y: MatRef<'_, f32>,
        importance: &[f32],
        gradient: &mut [f32],
    ) -> f64 {
        self.check_batch(x, importance);
        check_shape("y", y.shape(), x.shape());
        self.check_gradient(gradient);

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
        let mut z = Mat::<f32>::zeros(n_features, width);
        let b = self.bias_or_zeros();
        let mut sums = vec![0.0_f64; n_features];
        let mut db = vec![0.0_f64; n_features];
        let mut db_enc = vec![0.0_f64; n_hidden];
        gradient.fill(0.0);
        for tile in tiles(x.ncols()) {
            let [x, y] = [x, y].map(|x| x.subcols(tile.start, tile.len()));
            let copies = [x, y].map(contiguous_copy);
            let [x, y] = [(x, &copies[0]), (y, &copies[1])]
                .map(|(x, copy)| copy.as_ref().map_or(x, |copy| copy.as_ref()));
            let mut h = h.as_mut().subcols_mut(0, tile.len());
            let mut dh = dh.as_mut().subcols_mut(0, tile.len());
            let mut z = z.as_mut().subcols_mut(0, tile.len());
            product(h.as_mut(), self.w(), x);
            self.activate(h.as_mut());
            product(z.as_mut(), self.w_dec().transpose(), h.as_ref());
            for s in 0..tile.len() {
                let (y, z) = (column(y, s), column_mut(z.as_mut(), s));
                match self.config().output {
                    Output::Relu => back::<true>(z, &b, y, &slope, &mut sums, &mut db),
                    Output::Linear => back::<false>(z, &b, y, &slope, &mut sums, &mut db),
                }
            }
            let g = z.as_ref();
            product(dh.as_mut(), self.w_dec(), g);
            self.deactivate(h.as_ref(), dh.as_mut(), &mut db_enc);
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
        for (range, sums) in [(layout.b, &db), (layout.b_enc, &db_enc)] {
            for (gradient, sum) in gradient[range.unwrap_or(0..0)].iter_mut().zip(sums) {
                *gradient = *sum as f32;
            }
        }
        weighted(&sums, importance) / n_terms
    }

    /// `weight` times the mean over samples x (n x B) of `$\sum_k \lvert h_k \rvert$`, whose gradient it **adds** to
    /// `gradient`: an L1 penalty on the hidden layer, to be added to a loss.
    ///
    /// It is a sum over hidden dimensions where [`ToyModel::loss`] is a mean over features: what is written as
    /// `$\lVert x - x' \rVert^2 + \lambda \lVert h \rVert_1$` is n times this loss with a weight of
    /// `$\lambda / n$`, or the loss with every importance n and a weight of `$\lambda$`. The subgradient at 0 is 0.
    /// Costs `$2nmB$` multiplications.
    ///
    /// ```
    /// use superposition_model::{Bias, Dimensions, ToyModel, ToyModelConfig, faer};
    ///
    /// let config = ToyModelConfig::new(Dimensions { n_features: 1, n_hidden: 2 }).with_bias(Bias::None);
    /// let model = ToyModel::new(config, vec![0.5, -1.0]).unwrap();
    /// let mut gradient = [0.0; 2];
    /// let penalty = model.add_hidden_l1(faer::mat![[2.0_f32]].as_ref(), 0.1, &mut gradient);
    /// assert!((penalty - 0.3).abs() < 1e-7); // 0.1 (|1| + |-2|)
    /// assert_eq!(gradient, [0.2, -0.2]); // 0.1 sign(h) x
    /// ```
    ///
    /// # Panics
    /// If x does not have n rows, or no column, or `gradient` does not have the length of the parameters.
    #[track_caller]
    pub fn add_hidden_l1(&self, x: MatRef<'_, f32>, weight: f64, gradient: &mut [f32]) -> f64 {
        let Dimensions {
            n_features,
            n_hidden,
        } = self.dimensions();
        check_rows("x", x.shape(), n_features);
        assert!(x.ncols() > 0, "a mean needs at least one sample");
        self.check_gradient(gradient);
        let layout = self.layout();
        let slope = (weight / x.ncols() as f64) as f32;
        let (mut sum, mut db_enc) = (0.0, vec![0.0_f64; n_hidden]);
        for tile in tiles(x.ncols()) {
            let x = x.subcols(tile.start, tile.len());
            let mut h = self.encode(x);
            for s in 0..tile.len() {
                for k in 0..n_hidden {
                    let value = h[(k, s)];
                    sum += f64::from(value.abs());
                    h[(k, s)] = if value == 0.0 {
                        0.0
                    } else {
                        slope * value.signum()
                    };
                    db_enc[k] += f64::from(h[(k, s)]);
                }
            }
            let dw = MatMut::from_column_major_slice_mut(
                &mut gradient[layout.w.clone()],
                n_hidden,
                n_features,
            );
            add_product(dw, h.as_ref(), x.transpose());
        }
        for (gradient, sum) in gradient[layout.b_enc.unwrap_or(0..0)]
            .iter_mut()
            .zip(db_enc)
        {
            *gradient += sum as f32;
        }
        weight * sum / x.ncols() as f64
    }

    /// From the gradient by the hidden layer to that by `$W x$`, which it adds to `sums`.
    fn deactivate(&self, h: MatRef<'_, f32>, dh: MatMut<'_, f32>, sums: &mut [f64]) {
        if self.config().hidden == Hidden::Linear {
            return;
        }
        let mut dh = dh;
        for s in 0..h.ncols() {
            let (h, dh) = (column(h, s), column_mut(dh.as_mut(), s));
            for ((h, dh), sum) in h.iter().zip(dh).zip(&mut *sums) {
                // So that NaN passes.
                *dh = if *h <= 0.0 { 0.0 } else { *dh };
                *sum += f64::from(*dh);
            }
        }
    }

    #[track_caller]
    fn check_gradient(&self, gradient: &[f32]) {
        let (found, expected) = (gradient.len(), self.parameters().len());
        assert!(
            found == expected,
            "gradient has length {found}; it must have length {expected}"
        );
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

/// Adds the squared residuals of a sample to the sums, a sum for each feature. `z` is without b; `y` is the target.
///
/// The importance waits until the end: the features' sums are independent, and the loop has no chain of additions.
fn add_squares<const RELU: bool>(z: &[f32], b: &[f32], y: &[f32], sums: &mut [f64]) {
    for (((&z, &b), &y), sum) in z.iter().zip(b).zip(y).zip(sums) {
        let r = f64::from(output::<RELU>(z + b) - y);
        *sum += r * r;
    }
}

/// The same, and turns `at` from z without b into g, which it adds to `db`.
fn back<const RELU: bool>(
    at: &mut [f32],
    b: &[f32],
    y: &[f32],
    slope: &[f32],
    sums: &mut [f64],
    db: &mut [f64],
) {
    for (((((at, &b), &y), &slope), sum), db) in
        at.iter_mut().zip(b).zip(y).zip(slope).zip(sums).zip(db)
    {
        let z = *at + b;
        let r = output::<RELU>(z) - y;
        *sum += f64::from(r) * f64::from(r);
        // A select rather than a branch, written so that NaN passes.
        let g = slope * r;
        let g = if RELU && z <= 0.0 { 0.0 } else { g };
        *db += f64::from(g);
        *at = g;
    }
}

/// The sum of the features' sums with their importances.
fn weighted(sums: &[f64], importance: &[f32]) -> f64 {
    sums.iter()
        .zip(importance)
        .map(|(&sum, &importance)| f64::from(importance) * sum)
        .sum()
}
