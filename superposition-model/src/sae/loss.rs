//! The loss of a sparse autoencoder and its exact gradient.

use faer::{Mat, MatMut, MatRef};

use super::{SaeDimensions, SparseAutoencoder};
use crate::linalg::{TILE, add_product, column, column_mut, contiguous_copy, product, tiles};
use crate::toy_model::check_rows;

/// The terms of a sparse autoencoder's loss.
///
/// ```
/// use superposition_model::faer;
/// use superposition_model::sae::{SaeConfig, SaeDimensions, SparseAutoencoder};
///
/// // f = x, x' = f, so only the penalty is left.
/// let config = SaeConfig::new(SaeDimensions { d_in: 1, d_sae: 1 });
/// let sae = SparseAutoencoder::new(config, vec![1.0, 1.0, 0.0, 0.0]).unwrap();
/// let loss = sae.loss(faer::mat![[1.0_f32, 3.0]].as_ref(), 0.25);
/// assert_eq!((loss.reconstruction, loss.sparsity, loss.total), (0.0, 2.0, 0.5));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct SaeLoss {
    /// `reconstruction + l1 * sparsity`.
    pub total: f64,
    /// The mean over the batch of `$\lVert x - x' \rVert^2$`: a sum over d_in, not a mean.
    pub reconstruction: f64,
    /// The mean over the batch of `$\sum_j f_j$`, without the penalty's weight.
    pub sparsity: f64,
}

impl SparseAutoencoder {
    /// The loss of activations x (d_in x B) with weight `l1` of the penalty.
    ///
    /// ```math
    /// L = \frac{1}{B} \sum_s \lVert x_s - x'_s \rVert^2 + \lambda \frac{1}{B} \sum_s \sum_j f_{js}
    /// ```
    ///
    /// It means something when the columns of W_dec have norm 1, which is not checked. The model runs in f32, 256
    /// samples at a time; squares and sums are in f64. NaN spreads to the loss. Costs `2 d_in d_sae B` multiplications.
    ///
    /// ```
    /// use superposition_model::faer;
    /// use superposition_model::sae::{SaeConfig, SaeDimensions, SparseAutoencoder};
    ///
    /// // Two latents read +x and -x - 1 and write +1 and -1: x = 2 gives f = (2, 0) and x' = 2, x = -3 gives
    /// // f = (0, 2) and x' = -2. So the squared errors are 0 and 1, and the sums of latents 2 and 2.
    /// let config = SaeConfig::new(SaeDimensions { d_in: 1, d_sae: 2 });
    /// let sae = SparseAutoencoder::new(config, vec![1.0, -1.0, 1.0, -1.0, 0.0, -1.0, 0.0]).unwrap();
    /// let loss = sae.loss(faer::mat![[2.0_f32, -3.0]].as_ref(), 0.1);
    /// assert_eq!((loss.reconstruction, loss.sparsity), (0.5, 2.0));
    /// assert_eq!(loss.total, 0.5 + 0.1 * 2.0);
    /// ```
    ///
    /// # Panics
    /// If x does not have d_in rows, or no column.
    ///
    /// # References
    /// Bricken et al. 2023, *Towards Monosemanticity*, appendix on the autoencoder.
    #[must_use]
    #[track_caller]
    pub fn loss(&self, x: MatRef<'_, f32>, l1: f64) -> SaeLoss {
        self.check_batch(x);
        let mut terms = Terms::default();
        for tile in tiles(x.ncols()) {
            let x = x.subcols(tile.start, tile.len());
            let f = self.encode(x);
            let y = self.decode(f.as_ref());
            for s in 0..tile.len() {
                terms.sparsity += column(f.as_ref(), s)
                    .iter()
                    .map(|&f| f64::from(f))
                    .sum::<f64>();
                for (i, &y) in column(y.as_ref(), s).iter().enumerate() {
                    let r = f64::from(y - x[(i, s)]);
                    terms.reconstruction += r * r;
                }
            }
        }
        terms.mean(x.ncols(), l1)
    }

    /// The [loss](SparseAutoencoder::loss) of activations x (d_in x B), whose exact gradient it writes to `gradient`.
    ///
    /// `gradient` has the layout of [`SparseAutoencoder::parameters`]; what it held is overwritten. With
    /// `$r = \frac{2}{B}(x' - x)$` and `$g = (W_\mathrm{dec}^\top r + \frac{\lambda}{B}) \circ [f > 0]$`,
    ///
    /// ```math
    /// \frac{\partial L}{\partial W_\mathrm{dec}} = r f^\top, \quad
    /// \frac{\partial L}{\partial W_\mathrm{enc}} = (x - b_\mathrm{dec}) g^\top, \quad
    /// \frac{\partial L}{\partial b_\mathrm{enc}} = \sum_s g_s, \quad
    /// \frac{\partial L}{\partial b_\mathrm{dec}} = \sum_s (r_s - W_\mathrm{enc} g_s) .
    /// ```
    ///
    /// The subgradient at an inactive latent is 0. It is the plain gradient: for the constraint on the decoder's norms
    /// see [`SparseAutoencoder::project_decoder_gradient`]. Costs `5 d_in d_sae B` multiplications and memory for 256
    /// samples.
    ///
    /// ```
    /// use superposition_model::faer;
    /// use superposition_model::sae::{SaeConfig, SaeDimensions, SparseAutoencoder};
    ///
    /// // x = 1, W_enc = 1/2, W_dec = 1: f = 1/2, r = 2 (1/2 - 1) = -1, g = -1 + l1.
    /// let config = SaeConfig::new(SaeDimensions { d_in: 1, d_sae: 1 });
    /// let sae = SparseAutoencoder::new(config, vec![0.5, 1.0, 0.0, 0.0]).unwrap();
    /// let mut gradient = [f32::NAN; 4];
    /// let _ = sae.loss_and_gradient_into(faer::mat![[1.0_f32]].as_ref(), 0.25, &mut gradient);
    /// assert_eq!(gradient, [-0.75, -0.5, -0.75, -1.0 + 0.5 * 0.75]);
    /// ```
    ///
    /// # Panics
    /// If x does not have d_in rows, or no column, or `gradient` does not have the length of the parameters.
    #[track_caller]
    pub fn loss_and_gradient_into(
        &self,
        x: MatRef<'_, f32>,
        l1: f64,
        gradient: &mut [f32],
    ) -> SaeLoss {
        self.check_batch(x);
        self.check_gradient(gradient);
        let SaeDimensions { d_in, d_sae } = self.dimensions();
        let layout = self.layout();
        let batch_size = x.ncols();
        let slope = (2.0 / batch_size as f64) as f32;
        let penalty = (l1 / batch_size as f64) as f32;
        let width = TILE.min(batch_size);
        let mut centered = Mat::<f32>::zeros(d_in, width);
        let mut f = Mat::<f32>::zeros(d_sae, width);
        let mut g = Mat::<f32>::zeros(d_sae, width);
        // Holds x' - b_dec, then r.
        let mut r = Mat::<f32>::zeros(d_in, width);
        let mut db_enc = vec![0.0_f64; d_sae];
        let mut dr_sum = vec![0.0_f64; d_in];
        let mut terms = Terms::default();
        gradient.fill(0.0);
        for tile in tiles(batch_size) {
            let x = x.subcols(tile.start, tile.len());
            let copy = contiguous_copy(x);
            let x = copy.as_ref().map_or(x, |copy| copy.as_ref());
            let mut centered = centered.as_mut().subcols_mut(0, tile.len());
            let mut f = f.as_mut().subcols_mut(0, tile.len());
            let mut g = g.as_mut().subcols_mut(0, tile.len());
            let mut r = r.as_mut().subcols_mut(0, tile.len());

            for s in 0..tile.len() {
                let centered = column_mut(centered.as_mut(), s);
                for ((centered, x), b) in centered.iter_mut().zip(column(x, s)).zip(self.b_dec()) {
                    *centered = x - b;
                }
            }
            self.encode_centered_into(centered.as_ref(), f.as_mut());
            product(r.as_mut(), self.w_dec(), f.as_ref());
            for s in 0..tile.len() {
                terms.sparsity += column(f.as_ref(), s)
                    .iter()
                    .map(|&f| f64::from(f))
                    .sum::<f64>();
                let r = column_mut(r.as_mut(), s);
                let elements = r
                    .iter_mut()
                    .zip(column(x, s))
                    .zip(self.b_dec())
                    .zip(&mut dr_sum);
                for (((r, x), b), sum) in elements {
                    let residual = *r + b - x;
                    terms.reconstruction += f64::from(residual) * f64::from(residual);
                    *r = slope * residual;
                    *sum += f64::from(*r);
                }
            }
            product(g.as_mut(), self.w_dec().transpose(), r.as_ref());
            for s in 0..tile.len() {
                let (f, g) = (column(f.as_ref(), s), column_mut(g.as_mut(), s));
                for ((g, &f), sum) in g.iter_mut().zip(f).zip(&mut db_enc) {
                    // A select rather than a branch, written so that NaN passes.
                    let through = *g + penalty;
                    *g = if f <= 0.0 { 0.0 } else { through };
                    *sum += f64::from(*g);
                }
            }
            let dw_enc = MatMut::from_column_major_slice_mut(
                &mut gradient[layout.w_enc.clone()],
                d_in,
                d_sae,
            );
            add_product(dw_enc, centered.as_ref(), g.as_ref().transpose());
            let dw_dec = MatMut::from_column_major_slice_mut(
                &mut gradient[layout.w_dec.clone()],
                d_in,
                d_sae,
            );
            add_product(dw_dec, r.as_ref(), f.as_ref().transpose());
        }
        for (gradient, sum) in gradient[layout.b_enc].iter_mut().zip(&db_enc) {
            *gradient = *sum as f32;
        }
        // The sum over samples of W_enc g is W_enc times that of g.
        for (j, g) in db_enc.iter().enumerate() {
            for (sum, &w) in dr_sum.iter_mut().zip(column(self.w_enc(), j)) {
                *sum -= f64::from(w) * g;
            }
        }
        for (gradient, sum) in gradient[layout.b_dec].iter_mut().zip(&dr_sum) {
            *gradient = *sum as f32;
        }
        terms.mean(batch_size, l1)
    }

    #[track_caller]
    fn check_batch(&self, x: MatRef<'_, f32>) {
        let d_in = self.dimensions().d_in;
        check_rows("x", x.shape(), d_in);
        assert!(
            x.ncols() > 0,
            "x is {d_in} x 0; a mean needs at least one sample"
        );
    }
}

/// Sums over the batch.
#[derive(Default)]
struct Terms {
    reconstruction: f64,
    sparsity: f64,
}

impl Terms {
    fn mean(&self, batch_size: usize, l1: f64) -> SaeLoss {
        let reconstruction = self.reconstruction / batch_size as f64;
        let sparsity = self.sparsity / batch_size as f64;
        SaeLoss {
            total: reconstruction + l1 * sparsity,
            reconstruction,
            sparsity,
        }
    }
}
