//! Seeded draws for the baselines: random directions and random rotations.

use crate::linalg::orthogonal_factor;
use faer::Mat;

/// Standard normal numbers: SplitMix64 (Steele, Lea and Flood 2014), then Box and Muller's transform, with functions whose bits do not depend on the machine.
pub(super) struct Gaussians {
    state: u64,
    spare: Option<f64>,
}

impl Gaussians {
    /// The draws of one purpose of one seed; different pairs give unrelated draws.
    pub(super) fn new(seed: u64, stream: u64) -> Self {
        let state = mix(mix(seed).wrapping_add(stream));
        Self { state, spare: None }
    }

    fn uniform(&mut self) -> f64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        // (0, 1], so that the logarithm is finite.
        ((mix(self.state) >> 11) + 1) as f64 / (1_u64 << 53) as f64
    }

    fn next(&mut self) -> f64 {
        if let Some(spare) = self.spare.take() {
            return spare;
        }
        let radius = (-2.0 * libm::log(self.uniform())).sqrt();
        let (sin, cos) = libm::sincos(std::f64::consts::TAU * self.uniform());
        self.spare = Some(radius * sin);
        radius * cos
    }

    /// An m x n matrix of them, column after column.
    pub(super) fn matrix(&mut self, m: usize, n: usize) -> Mat<f64> {
        let mut w = Mat::zeros(m, n);
        for j in 0..n {
            w.col_as_slice_mut(j)
                .iter_mut()
                .for_each(|x| *x = self.next());
        }
        w
    }

    /// An m x m orthogonal matrix, uniform over the orthogonal group (Mezzadri 2007).
    pub(super) fn rotation(&mut self, m: usize) -> Mat<f64> {
        orthogonal_factor(self.matrix(m, m))
    }
}

/// The output function of SplitMix64.
fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
