//! X19: when the feature dimensionalities sum to the rank.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;
use superposition_analysis::faer::Mat;
use superposition_analysis::{feature_dimensionality, feature_norms, semi_orthogonal_blocks};
use superposition_model::quadratic::QuadraticModel;

use super::geometry::{polygon, simplex, tegum};
use super::quadratic::best_weights;
use super::support::{SJB, bell};
use crate::LabError;
use crate::reproduce::{
    Budget, Check, Context, Definition, Expected, Experiment, Findings, Precision, Verdict,
};

pub(super) const EXPERIMENT: Experiment = Experiment {
    definition: Definition {
        id: "X19",
        claim: "the D_i sum to the rank iff W^T W splits into orthogonal blocks, each a multiple of a projection; then sum of D_i w_i w_i^T / norm^2 = I",
        source: SJB,
        section: "geometry of efficient embeddings: block-semi-orthogonal matrices",
        config: "planted: a pentagon, a tetrahedron of norm 2 and a digon in 6 dimensions, shuffled and turned; trained: the quadratic model, n = 10, m = 3, kurtosis 4; random: 11 features in 6 dimensions",
        measured: "blocks found, rank less the sum of D_i, the largest element of sum D_i w_i w_i^T / norm^2 - I",
        seeds: &[19],
        budget: Budget::seconds(2.0),
    },
    run,
};

/// The largest element of `$\sum_i D_i \hat w_i \hat w_i^\top - I$`.
fn off_identity(w: &Mat<f64>) -> f64 {
    let (m, n) = w.shape();
    let (d, norms) = (
        feature_dimensionality(w.as_ref()),
        feature_norms(w.as_ref()),
    );
    let mut worst = 0.0_f64;
    for k in 0..m {
        for l in 0..m {
            let weight = |i: usize| {
                if norms[i] > 0.0 {
                    d[i] / (norms[i] * norms[i])
                } else {
                    0.0
                }
            };
            let sum: f64 = (0..n).map(|i| weight(i) * w[(k, i)] * w[(l, i)]).sum();
            worst = worst.max((sum - f64::from(u8::from(k == l))).abs());
        }
    }
    worst
}

/// The same columns in another order, turned by Householder reflections.
fn shuffled_and_turned(w: &Mat<f64>, rng: &mut ChaCha8Rng) -> Mat<f64> {
    let (m, n) = w.shape();
    let mut turned = Mat::from_fn(m, n, |k, i| w[(k, (5 * i + 2) % n)]);
    for _ in 0..2 {
        let v: Vec<f64> = (0..m).map(|_| bell(rng)).collect();
        let square: f64 = v.iter().map(|v| v * v).sum();
        for i in 0..n {
            let product: f64 = (0..m).map(|k| v[k] * turned[(k, i)]).sum();
            for k in 0..m {
                turned[(k, i)] -= 2.0 * product / square * v[k];
            }
        }
    }
    turned
}

fn run(context: &Context<'_>) -> Result<Findings, LabError> {
    let mut findings = Findings::new(Verdict::Agrees);
    let mut rng = ChaCha8Rng::seed_from_u64(EXPERIMENT.definition.seeds[0]);
    let tetrahedron = simplex(3);
    let large = Mat::from_fn(3, 4, |k, i| 2.0 * tetrahedron[(k, i)]);
    let planted = tegum(&tegum(&polygon(5), &large), &simplex(1));
    let planted = shuffled_and_turned(&planted, &mut rng);

    let v: Vec<f64> = (0..10).map(|i| 0.8_f64.powi(i)).collect();
    let trained = best_weights(&QuadraticModel::new(v, 4.0)?, 3, 20, &mut rng);
    context.progress(0.8)?;
    // Features that training made nothing of are not there.
    let norms = feature_norms(trained.as_ref());
    let kept: Vec<usize> = (0..10).filter(|&i| norms[i] > 1e-4).collect();
    let trained = Mat::from_fn(3, kept.len(), |k, i| trained[(k, kept[i])]);

    let not_lost = |name: &str, w: &Mat<f64>, tolerance: f64| -> Result<Check, LabError> {
        let found = semi_orthogonal_blocks(w.as_ref(), tolerance)?;
        Ok(Check::new(
            format!("{name}: rank less the sum of D_i"),
            w.nrows() as f64 - found.total_dimensionality,
            Precision::Deterministic { error: tolerance },
            Expected::Equals {
                value: 0.0,
                tolerance,
            },
            "the features span the space; planted to rounding, trained until the gradient is 1e-10",
        ))
    };
    for (name, w, n_blocks, tolerance) in [
        ("planted", &planted, 3, 1e-9),
        ("trained", &trained, 3, 1e-4),
    ] {
        let found = semi_orthogonal_blocks(w.as_ref(), tolerance)?;
        findings.check(Check::new(
            format!("{name}: blocks, if all are multiples of projections"),
            if found.is_semi_orthogonal { found.blocks.len() as f64 } else { 0.0 },
            Precision::Exact,
            Expected::Equals { value: f64::from(n_blocks), tolerance: 0.0 },
            "as planted; the quadratic model has two features of capacity 1 and a pair in one dimension",
        ));
        findings.check(not_lost(name, w, tolerance)?);
        findings.check(Check::new(
            format!("{name}: largest element of sum of D_i w_i w_i^T / norm^2 - I"),
            off_identity(w),
            Precision::Deterministic { error: tolerance },
            Expected::AtMost { value: tolerance },
            "the projections of the blocks sum to I",
        ));
        let sizes: Vec<String> = found
            .blocks
            .iter()
            .map(|b| format!("{} features of rank {}", b.features.len(), b.rank))
            .collect();
        findings.note(format!("{name}: {}", sizes.join(", ")));
    }

    // And only if: where blocks fail, the sum stays below the rank.
    let random = Mat::from_fn(6, 11, |_, _| bell(&mut rng));
    let found = semi_orthogonal_blocks(random.as_ref(), 1e-9)?;
    findings.check(Check::new(
        "random: blocks, if all are multiples of projections",
        if found.is_semi_orthogonal {
            found.blocks.len() as f64
        } else {
            0.0
        },
        Precision::Exact,
        Expected::Equals {
            value: 0.0,
            tolerance: 0.0,
        },
        "random features are one block that is no projection",
    ));
    findings.control("random features", not_lost("random", &random, 1e-9)?);
    let mut blurred = planted.clone();
    for i in 0..blurred.ncols() {
        for k in 0..blurred.nrows() {
            blurred[(k, i)] += 0.05 * bell(&mut rng);
        }
    }
    findings.control(
        "planted features blurred by 0.05",
        not_lost("blurred", &blurred, 1e-9)?,
    );
    Ok(findings)
}
