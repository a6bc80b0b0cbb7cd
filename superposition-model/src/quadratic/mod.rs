//! The quadratic model of Scherlis et al.: capacity in closed form.
//!
//! Inputs `$x_1, ..., x_n$` are independent and symmetric with `$\mathrm E x_i^2 = 1$` and kurtosis
//! `$\kappa = \mathrm E x_i^4$`; the target is `$y = \sum_i v_i x_i^2$`, and the model `$\hat y = \sum_k (W x)_k^2 + c =
//! x^\top G x + c$` with W of m x n, `$G = W^\top W$` and the best constant c. Its loss is the variance of the error, and
//! how it shares its m dimensions among the features has a closed form.
//!
//! ```
//! use superposition_model::quadratic::QuadraticModel;
//!
//! // Two features in one dimension. At kurtosis 6 the second is represented from a ratio of 2/5 on.
//! let shared = QuadraticModel::new(vec![1.0, 0.5], 6.0).unwrap().allocate(1);
//! assert!((shared[0] - 8.0 / 9.0).abs() < 1e-12 && (shared[1] - 1.0 / 9.0).abs() < 1e-12);
//! // At kurtosis 3, that of a Gaussian, nothing is shared, as in PCA.
//! assert_eq!(QuadraticModel::new(vec![1.0, 0.5], 3.0).unwrap().allocate(1), [1.0, 0.0]);
//! ```
//!
//! # References
//! Scherlis et al. 2022, *Polysemanticity and Capacity in Neural Networks*, arXiv 2210.01892, its quadratic toy model.

mod model;

pub use model::QuadraticModel;
