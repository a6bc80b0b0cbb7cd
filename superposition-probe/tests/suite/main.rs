//! One binary for the tests of what the crate promises; linking it once is most of their time.

mod bad_input;
mod neurons;
mod probing;
mod ridge;
mod rotation;
#[cfg(feature = "serde")]
mod serialization;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use superposition_probe::faer::Mat;
use superposition_testkit::geometry::random_uniform;

fn rng(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

/// Sparse features as in the toy models: active with probability `p`, then uniform on (0, 1).
fn sparse_features(n: usize, n_samples: usize, p: f64, seed: u64) -> Mat<f64> {
    let mut x = random_uniform(n, n_samples, seed);
    for s in 0..n_samples {
        for i in 0..n {
            x[(i, s)] = if x[(i, s)] < p { x[(i, s)] / p } else { 0.0 };
        }
    }
    x
}

/// `a b` by loops.
fn product(a: &Mat<f64>, b: &Mat<f64>) -> Mat<f64> {
    Mat::from_fn(a.nrows(), b.ncols(), |i, j| {
        (0..a.ncols()).map(|k| a[(i, k)] * b[(k, j)]).sum()
    })
}

fn row(a: &Mat<f64>, i: usize) -> Vec<f64> {
    a.row(i).iter().copied().collect()
}
