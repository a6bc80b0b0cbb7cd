//! How far theory, optimum and training agree.

use serde::Serialize;

use super::{PhaseMap, PhaseRegion};

/// How far above the optimum a trained model counts as there.
const LOSS_TOLERANCE: f64 = 0.02;

/// Shares of cells in which the maps of a diagram agree.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct PhaseAgreement {
    /// Trained models whose loss is at most 2 % above that of the optimum.
    pub trained_near_optimum: f64,
    /// The largest excess of a trained loss, relative to the optimum.
    pub largest_excess: f64,
    /// The same region trained and at the optimum.
    pub trained_and_optimum: f64,
    /// The same region trained and by theory.
    pub trained_and_theory: f64,
    /// The same region at the optimum and by theory.
    pub optimum_and_theory: f64,
}

impl PhaseAgreement {
    pub(super) fn new(theory: &PhaseMap, optimum: &PhaseMap, trained: &PhaseMap) -> Self {
        let excess: Vec<f64> = excess(trained, optimum).collect();
        let near = excess.iter().filter(|&&excess| excess <= LOSS_TOLERANCE);
        let same = |a: &PhaseMap, b: &PhaseMap| {
            let same = |(a, b): (&PhaseRegion, &PhaseRegion)| a == b;
            share(a.region.iter().zip(&b.region).map(same))
        };
        Self {
            trained_near_optimum: near.count() as f64 / excess.len() as f64,
            largest_excess: excess.iter().copied().fold(0.0, f64::max),
            trained_and_optimum: same(trained, optimum),
            trained_and_theory: same(trained, theory),
            optimum_and_theory: same(optimum, theory),
        }
    }
}

/// By how much the losses of one map are above those of another, relative to these.
pub(crate) fn excess<'a>(map: &'a PhaseMap, other: &'a PhaseMap) -> impl Iterator<Item = f64> + 'a {
    let relative = |(a, b): (&f64, &f64)| a / b - 1.0;
    map.loss.iter().zip(&other.loss).map(relative)
}

/// The share of what is true.
pub(crate) fn share(all: impl Iterator<Item = bool>) -> f64 {
    let (n_true, n) = all.fold((0_usize, 0_usize), |(n_true, n), one| {
        (n_true + usize::from(one), n + 1)
    });
    n_true as f64 / n as f64
}

/// The shares of cells in which the norm of the extra feature, and its signed cosine, are within `tolerance`. Two cosines that
/// are not defined agree.
pub(crate) fn compared(a: &PhaseMap, b: &PhaseMap, tolerance: f64) -> (f64, f64) {
    let norms = a.extra_norm.iter().zip(&b.extra_norm);
    let cosines = a.extra_cosine.iter().zip(&b.extra_cosine);
    (
        share(norms.map(|(a, b)| (a - b).abs() <= tolerance)),
        share(cosines.map(|cosines| match cosines {
            (Some(a), Some(b)) => (a - b).abs() <= tolerance,
            (a, b) => a.is_none() && b.is_none(),
        })),
    )
}
