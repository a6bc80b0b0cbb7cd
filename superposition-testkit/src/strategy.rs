//! Proptest strategies for what the crates take: matrices, sizes, probabilities, permutations.
//!
//! Everything shrinks towards small sizes and values near zero; `proptest!` itself is re-exported by the crate root.

use std::ops::{Range, RangeInclusive};

use faer::Mat;
use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any, prop_oneof};

use crate::geometry;

/// Lengths around the lane width 16 and its multiples, where remainders go wrong.
pub const LANE_EDGES: [usize; 16] = [1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33, 47, 48, 64, 65];

/// An m x n matrix with independent entries uniform on `range`.
pub fn matrix(m: usize, n: usize, range: Range<f64>) -> impl Strategy<Value = Mat<f64>> + Clone {
    vec(range, m * n).prop_map(move |values| Mat::from_fn(m, n, |row, i| values[i * m + row]))
}

/// An m x n matrix of any shape within the bounds, with entries uniform on `range`.
pub fn matrix_of_any_shape(
    hidden: RangeInclusive<usize>,
    features: RangeInclusive<usize>,
    range: Range<f64>,
) -> impl Strategy<Value = Mat<f64>> + Clone {
    dimensions(hidden, features).prop_flat_map(move |(m, n)| matrix(m, n, range.clone()))
}

/// An awkward dictionary: entries on [-1, 1), then some columns zero, repeated, opposite or scaled by 1e-30 to 1e30.
///
/// Has between 1 and `max_features` columns and between 1 and `max_hidden` rows.
pub fn dictionary(
    max_hidden: usize,
    max_features: usize,
) -> impl Strategy<Value = Mat<f64>> + Clone {
    dimensions(1..=max_hidden, 1..=max_features).prop_flat_map(|(m, n)| {
        (matrix(m, n, -1.0..1.0), vec(fate(), n)).prop_map(|(w, fates)| {
            Mat::from_fn(w.nrows(), w.ncols(), |row, i| match fates[i] {
                Fate::Keep => w[(row, i)],
                Fate::Zero => 0.0,
                Fate::Repeat(factor) => factor * w[(row, i.saturating_sub(1))],
                Fate::Scale(factor) => factor * w[(row, i)],
            })
        })
    })
}

#[derive(Clone, Copy, Debug)]
enum Fate {
    Keep,
    Zero,
    Repeat(f64),
    Scale(f64),
}

fn fate() -> impl Strategy<Value = Fate> + Clone {
    prop_oneof![
        6 => Just(Fate::Keep),
        1 => Just(Fate::Zero),
        1 => prop_oneof![Just(1.0), Just(-1.0), Just(2.0)].prop_map(Fate::Repeat),
        2 => prop_oneof![Just(1e-30), Just(1e-8), Just(1e8), Just(1e30)].prop_map(Fate::Scale),
    ]
}

/// The pair (m, n): hidden dimensions and features.
pub fn dimensions(
    hidden: RangeInclusive<usize>,
    features: RangeInclusive<usize>,
) -> impl Strategy<Value = (usize, usize)> + Clone {
    (hidden, features)
}

/// A length on or beside a multiple of the lane width, from [`LANE_EDGES`].
pub fn lane_edge() -> impl Strategy<Value = usize> + Clone {
    proptest::sample::select(LANE_EDGES.as_slice())
}

/// A probability, the ends 0 and 1 among them.
pub fn probability() -> impl Strategy<Value = f64> + Clone {
    prop_oneof![1 => Just(0.0), 1 => Just(1.0), 8 => 0.0..1.0]
}

/// One probability per feature.
pub fn probabilities(n: usize) -> impl Strategy<Value = Vec<f64>> + Clone {
    vec(probability(), n)
}

/// One importance per feature, zeros among them.
pub fn importance(n: usize) -> impl Strategy<Value = Vec<f64>> + Clone {
    vec(prop_oneof![1 => Just(0.0), 5 => 0.0..2.0], n)
}

/// Any finite `f32`: both zeros, subnormals and the largest among them.
pub fn finite_f32() -> impl Strategy<Value = f32> + Clone {
    any::<u32>().prop_map(|bits| {
        let value = f32::from_bits(bits);
        // An exponent of all ones is an infinity or a NaN; clearing its top bit makes a number near 1.
        if value.is_finite() {
            value
        } else {
            f32::from_bits(bits & !(1 << 30))
        }
    })
}

/// Any finite `f64`.
pub fn finite_f64() -> impl Strategy<Value = f64> + Clone {
    any::<u64>().prop_map(|bits| {
        let value = f64::from_bits(bits);
        if value.is_finite() {
            value
        } else {
            f64::from_bits(bits & !(1 << 62))
        }
    })
}

/// A NaN or an infinity.
pub fn not_finite() -> impl Strategy<Value = f64> + Clone {
    proptest::sample::select([f64::NAN, f64::INFINITY, f64::NEG_INFINITY].as_slice())
}

/// Any seed.
pub fn seed() -> impl Strategy<Value = u64> + Clone {
    any::<u64>()
}

/// A permutation of 0..n.
pub fn permutation(n: usize) -> impl Strategy<Value = Vec<usize>> + Clone {
    Just((0..n).collect::<Vec<_>>()).prop_shuffle()
}

/// A random m x m orthogonal matrix; does not shrink towards the identity.
pub fn rotation(m: usize) -> impl Strategy<Value = Mat<f64>> + Clone {
    seed()
        .no_shrink()
        .prop_map(move |seed| geometry::random_rotation(m, seed))
}
