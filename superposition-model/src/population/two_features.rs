//! Two features: closed form, by the set of active features.

use super::one_active::one_active;
use super::output::Part;
use crate::{FeatureDistribution, FeatureSets};

/// Three Gauss-Legendre points on (-1, 1) and their weights: exact up to degree 5.
const POINTS: [(f64, f64); 3] = [
    (-0.774_596_669_241_483_4, 5.0 / 9.0),
    (0.0, 8.0 / 9.0),
    (0.774_596_669_241_483_4, 5.0 / 9.0),
];

/// How likely it is that both features, only the own, only the other, or none is active.
struct Active {
    both: f64,
    own: f64,
    other: f64,
    none: f64,
}

impl Active {
    fn new(own: usize, distribution: &FeatureDistribution) -> Self {
        let p = distribution.feature_probability();
        let (p, q) = (p[own], p[1 - own]);
        let both = match distribution.sets() {
            FeatureSets::Correlated { set_size } if set_size > 1 => p,
            FeatureSets::Anticorrelated { set_size } if set_size > 1 => 0.0,
            _ => p * q,
        };
        Self {
            both,
            own: p - both,
            other: q - both,
            none: match distribution.sets().set_size() {
                1 => (1.0 - p) * (1.0 - q),
                _ => (1.0 - (p + q - both)).max(0.0),
            },
        }
    }
}

/// `E (ReLU(b + g_own x_own + g_other x_other) - x_own)^2`.
pub(super) fn relu(own: usize, b: f64, g: &[f64], distribution: &FeatureDistribution) -> Part {
    let p = distribution.feature_probability()[own];
    let active = Active::new(own, distribution);
    let (g, g_other) = (g[own], g[1 - own]);
    let relu = b.max(0.0);
    let (square, product) = one_active(b, g);
    let (both_square, both_product) = both_active(b, g, g_other);
    let terms = [
        p / 3.0,
        active.none * relu * relu,
        active.own * square,
        -2.0 * active.own * product,
        active.other * one_active(b, g_other).0,
        active.both * both_square,
        -2.0 * active.both * both_product,
    ];
    let scale: f64 = terms.iter().map(|term| term.abs()).sum();
    Part {
        value: terms.iter().sum(),
        error: 32.0 * f64::EPSILON * scale,
        scale,
        slope_error: 0.0,
        n_nodes: 0,
    }
}

/// The same two means as [`one_active`], over two uniform values.
///
/// The mean over the own value is closed form, and as a function of the other value y a cubic polynomial on each side
/// of the two y at which z reaches 0 for an own value of 0 and of 1.
fn both_active(b: f64, g: f64, g_other: f64) -> (f64, f64) {
    let kink = |a: f64| match g_other == 0.0 {
        true => 0.0,
        false => (-a / g_other).clamp(0.0, 1.0),
    };
    let (first, second) = (kink(b), kink(b + g));
    let edges = [0.0, first.min(second), first.max(second), 1.0];
    let mut sums = (0.0, 0.0);
    for piece in edges.windows(2) {
        let (middle, half) = (0.5 * (piece[0] + piece[1]), 0.5 * (piece[1] - piece[0]));
        for (point, weight) in POINTS {
            let (square, product) = one_active(b + g_other * (middle + half * point), g);
            sums.0 += half * weight * square;
            sums.1 += half * weight * product;
        }
    }
    sums
}
