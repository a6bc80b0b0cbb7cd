//! The quadratic model: its loss, and the capacities that make it smallest.

use faer::MatRef;

use crate::ModelError;

/// The quadratic model: the coefficients of its target and the kurtosis of its inputs.
#[derive(Clone, Debug, PartialEq)]
pub struct QuadraticModel {
    coefficients: Vec<f64>,
    /// `$K = \kappa - 1$`.
    excess: f64,
}

impl QuadraticModel {
    /// The model of a target `$\sum_i v_i x_i^2$` and inputs of this kurtosis.
    ///
    /// # Errors
    /// [`ModelError::Quadratic`] if there is no coefficient, one is negative or not finite, or the kurtosis is not finite
    /// and above 1 (at 1 all `$x_i^2$` are 1, and nothing can be learnt).
    pub fn new(coefficients: Vec<f64>, kurtosis: f64) -> Result<Self, ModelError> {
        let refuse = |name, value, expected| {
            Err(ModelError::Quadratic {
                name,
                value,
                expected,
            })
        };
        if coefficients.is_empty() {
            return refuse("number of coefficients", 0.0, "at least 1");
        }
        if let Some(&v) = coefficients.iter().find(|v| !(v.is_finite() && **v >= 0.0)) {
            return refuse("coefficient", v, "finite and at least 0");
        }
        if !(kurtosis.is_finite() && kurtosis > 1.0) {
            return refuse("kurtosis", kurtosis, "finite and above 1");
        }
        Ok(Self {
            coefficients,
            excess: kurtosis - 1.0,
        })
    }

    /// The coefficients `$v_i$`.
    #[must_use]
    pub fn coefficients(&self) -> &[f64] {
        &self.coefficients
    }

    /// The kurtosis `$\kappa$`.
    #[must_use]
    pub fn kurtosis(&self) -> f64 {
        self.excess + 1.0
    }

    /// The variance of the error,
    ///
    /// ```math
    /// L = K \sum_i (v_i - G_{ii})^2 + 2 \sum_{i \ne j} G_{ij}^2, \qquad K = \kappa - 1.
    /// ```
    ///
    /// `$O(n^2 m)$` time.
    ///
    /// ```
    /// use superposition_model::{faer, quadratic::QuadraticModel};
    /// let model = QuadraticModel::new(vec![1.0, 1.0], 4.0).unwrap();
    /// assert_eq!(model.loss(faer::mat![[1.0, 0.0]].as_ref()), 3.0); // the second is missing
    /// assert_eq!(model.loss(faer::mat![[1.0, 1.0]].as_ref()), 4.0); // both, with 2 x 2 G_12^2
    /// ```
    ///
    /// # Panics
    /// If W has not a column for each coefficient.
    #[must_use]
    #[track_caller]
    pub fn loss(&self, w: MatRef<'_, f64>) -> f64 {
        self.check_columns(w.ncols());
        let n = w.ncols();
        let mut loss = 0.0;
        for i in 0..n {
            let off = self.coefficients[i] - product(w, i, i);
            loss += self.excess * off * off;
            for j in 0..i {
                // Once for (i, j) and once for (j, i).
                let g = product(w, i, j);
                loss += 4.0 * g * g;
            }
        }
        loss
    }

    /// The [loss](Self::loss), and its gradient by W written to `gradient`, column after column:
    /// `$\partial L / \partial W_i = -4 K (v_i - G_{ii}) W_i + 8 \sum_{j \ne i} G_{ij} W_j$`.
    ///
    /// # Panics
    /// If W has not a column for each coefficient, or the gradient not as many elements as W.
    #[track_caller]
    pub fn loss_and_gradient_into(&self, w: MatRef<'_, f64>, gradient: &mut [f64]) -> f64 {
        let loss = self.loss(w);
        let (m, n) = w.shape();
        assert_eq!(gradient.len(), m * n, "elements of the gradient and of W");
        for i in 0..n {
            let own = -4.0 * self.excess * (self.coefficients[i] - product(w, i, i));
            for k in 0..m {
                gradient[i * m + k] = own * w[(k, i)];
            }
            for j in (0..n).filter(|&j| j != i) {
                let slope = 8.0 * product(w, i, j);
                for k in 0..m {
                    gradient[i * m + k] += slope * w[(k, j)];
                }
            }
        }
        loss
    }

    /// What is left of feature i's part of the loss where it has capacity C (the same number as the feature
    /// dimensionality) and the best norm: `$L_i(C) = 2 K v_i^2 (1 - C) / (2 + (K - 2) C)$`.
    ///
    /// `$K v_i^2$` at C = 0, 0 at C = 1. A sum over features is the loss of a W only where these capacities can be had
    /// together, as those of [`allocate`](Self::allocate) can.
    ///
    /// # Panics
    /// If there is no feature i.
    #[must_use]
    pub fn feature_loss(&self, i: usize, capacity: f64) -> f64 {
        let (k, v) = (self.excess, self.coefficients[i]);
        2.0 * k * v * v * (1.0 - capacity) / (2.0 + (k - 2.0) * capacity)
    }

    /// By how much more capacity lowers the loss of feature i: `$-L_i'(C) = 2 K^2 v_i^2 / (2 + (K - 2) C)^2$`.
    ///
    /// Falls with C for a kurtosis above 3, where sharing pays; is constant at 3; rises below.
    ///
    /// # Panics
    /// If there is no feature i.
    #[must_use]
    pub fn marginal_benefit(&self, i: usize, capacity: f64) -> f64 {
        let (k, v) = (self.excess, self.coefficients[i]);
        let denominator = 2.0 + (k - 2.0) * capacity;
        2.0 * k * k * v * v / (denominator * denominator)
    }

    /// The capacities `$C_i$` in [0, 1] that sum to m and make `$\sum_i L_i(C_i)$` smallest.
    ///
    /// At a kurtosis above 3 the marginal benefits of features with 0 < C < 1 are equal, which makes C linear in v:
    /// `$C_i = (K v_i s - 2) / (K - 2)$`, held to [0, 1], with the s for which they sum to m, found by bisection to
    /// rounding divided by K - 2. Otherwise the m features of the largest coefficients have capacity 1, the earlier of equal ones first.
    /// A feature with coefficient 0 has none, so the sum is smaller where fewer than m have another.
    ///
    /// # References
    /// Scherlis et al. 2022: equal marginal benefits, and kurtosis 3 as the limit of superposition.
    #[must_use]
    pub fn allocate(&self, n_hidden: usize) -> Vec<f64> {
        let n = self.coefficients.len();
        let n_positive = self.coefficients.iter().filter(|&&v| v > 0.0).count();
        let k = self.excess;
        if n_positive <= n_hidden || k <= 2.0 {
            let mut order: Vec<usize> = (0..n).filter(|&i| self.coefficients[i] > 0.0).collect();
            order.sort_by(|&i, &j| self.coefficients[j].total_cmp(&self.coefficients[i]));
            let mut capacities = vec![0.0; n];
            for &i in order.iter().take(n_hidden) {
                capacities[i] = 1.0;
            }
            return capacities;
        }
        let capacities = |s: f64| -> Vec<f64> {
            let capacity = |v: &f64| ((k * v * s - 2.0) / (k - 2.0)).clamp(0.0, 1.0);
            self.coefficients.iter().map(capacity).collect()
        };
        // With 1/v_min all are 1, so the sum is more than m; with 0 all are 0.
        let positive = self.coefficients.iter().copied().filter(|&v| v > 0.0);
        let (mut low, mut high) = (0.0, 1.0 / positive.fold(f64::INFINITY, f64::min));
        for _ in 0..200 {
            let middle = 0.5 * (low + high);
            if capacities(middle).iter().sum::<f64>() < n_hidden as f64 {
                low = middle;
            } else {
                high = middle;
            }
        }
        capacities(high)
    }

    #[track_caller]
    fn check_columns(&self, n_columns: usize) {
        let n = self.coefficients.len();
        assert_eq!(n_columns, n, "columns of W and number of coefficients");
    }
}

/// `$W_i \cdot W_j$`.
fn product(w: MatRef<'_, f64>, i: usize, j: usize) -> f64 {
    (0..w.nrows()).map(|k| w[(k, i)] * w[(k, j)]).sum()
}
