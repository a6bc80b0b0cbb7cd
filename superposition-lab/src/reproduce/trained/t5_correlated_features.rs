//! T5: correlated features are orthogonal or side by side, anticorrelated ones antipodal.

use superposition_analysis::faer::Mat;
use superposition_model::{FeatureSets, Importance};

use super::support::{Fit, config, cosines, fits, settled, task};
use crate::LabError;
use crate::reproduce::{
    Budget, Check, Context, Definition, Expected, Experiment, Findings, Precision, Verdict,
};

pub(super) const EXPERIMENT: Experiment = Experiment {
    definition: Definition {
        id: "T5",
        claim: "correlated features prefer to be orthogonal or side by side, anticorrelated ones antipodal; sets form local bases",
        source: "Elhage et al. 2022, Toy Models of Superposition",
        section: "The Geometry of Superposition: correlated and anticorrelated features",
        config: "sets of features that are active together, or at most one at a time: n = 4, m = 2; n = 6, m = 2; n = 6, m = 3; n = 20, m = 10; importance 1; Adam at 3e-3 with cosine decay, 10,000 steps of 1,024 samples; the lowest expected loss of 16 seeds (8 of n = 20)",
        measured: "cosines within sets and across",
        seeds: &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
        budget: Budget::seconds(90.0),
    },
    run,
};

/// The cosines of pairs of which `wanted` says yes, each once.
fn pairs(cosines: &Mat<f64>, wanted: impl Fn(usize, usize) -> bool) -> Vec<f64> {
    let n = cosines.nrows();
    let all = (0..n).flat_map(|i| (0..i).map(move |j| (i, j)));
    all.filter(|&(i, j)| wanted(i, j))
        .map(|(i, j)| cosines[(i, j)])
        .collect()
}

fn within(cosines: &Mat<f64>, set_size: usize) -> Vec<f64> {
    pairs(cosines, |i, j| i / set_size == j / set_size)
}

fn largest(values: &[f64]) -> f64 {
    values.iter().copied().fold(f64::NEG_INFINITY, f64::max)
}

fn mean_absolute(values: &[f64]) -> f64 {
    values.iter().map(|value| value.abs()).sum::<f64>() / values.len() as f64
}

/// How many features in the plane have their partner beside them, with none in between.
fn partners_beside(fit: &Fit, set_size: usize) -> usize {
    let w = fit.model.w();
    let angle = |i: usize| f64::from(w[(1, i)]).atan2(f64::from(w[(0, i)]));
    let mut order: Vec<usize> = (0..w.ncols()).collect();
    order.sort_by(|&i, &j| angle(i).total_cmp(&angle(j)));
    let n = order.len();
    let is_beside = |&k: &usize| {
        let partner = |other: usize| order[other] / set_size == order[k] / set_size;
        partner((k + 1) % n) || partner((k + n - 1) % n)
    };
    (0..n).filter(is_beside).count()
}

fn run(context: &Context<'_>) -> Result<Findings, LabError> {
    let mut findings = Findings::new(Verdict::Agrees);
    let deterministic = Precision::Deterministic { error: 1e-6 };
    let options = settled(10_000);
    let best = |share: f64, n: usize, m: usize, sets: FeatureSets, p: f64, seeds: u64| {
        let tasks = [task(n, p, sets, &Importance::Uniform)?];
        let all = fits(
            context,
            share..share + 0.15,
            config(n, m),
            &tasks,
            &options,
            0..seeds,
        )?;
        Ok::<Fit, LabError>(all[0][0].clone())
    };
    let correlated = |set_size| FeatureSets::Correlated { set_size };
    let check = |name: &str, value: f64, expected: Expected, reason: &str| {
        Check::new(name, value, deterministic, expected, reason)
    };

    let fit = best(0.0, 4, 2, correlated(2), 0.1, 16)?;
    let independent = best(0.1, 4, 2, FeatureSets::Independent, 0.1, 16)?;
    let orthogonal = |fit: &Fit, sets: &str| {
        let partners = within(&cosines(&fit.model), 2);
        let most = partners
            .iter()
            .fold(0.0_f64, |most, cos| most.max(cos.abs()));
        check(
            &format!("two {sets} pairs in two dimensions: largest absolute cosine of partners"),
            most,
            Expected::AtMost { value: 0.1 },
            "those that are active together are orthogonal",
        )
    };
    findings.check(orthogonal(&fit, "correlated"));

    let fit = best(
        0.2,
        4,
        2,
        FeatureSets::Anticorrelated { set_size: 2 },
        0.1,
        16,
    )?;
    let antipodal = |fit: &Fit, sets: &str| {
        check(
            &format!("two {sets} pairs in two dimensions: largest cosine of partners"),
            largest(&within(&cosines(&fit.model), 2)),
            Expected::AtMost { value: -0.95 },
            "those that are never active together share a line, without any loss",
        )
    };
    findings.check(antipodal(&fit, "anticorrelated"));
    findings.control("the pairs that are correlated", {
        antipodal(&best(0.3, 4, 2, correlated(2), 0.1, 16)?, "correlated")
    });
    findings.control(
        "anticorrelated features",
        orthogonal(&fit, "anticorrelated"),
    );
    findings.note(format!(
        "independent features in the same place: cosines of pairs {:.2?}",
        within(&cosines(&independent.model), 2)
    ));

    let fit = best(0.4, 6, 2, correlated(2), 0.05, 16)?;
    let partners = within(&cosines(&fit.model), 2);
    let smallest = partners.iter().copied().fold(f64::INFINITY, f64::min);
    findings.check(check(
        "three correlated pairs in two dimensions, p = .05: smallest cosine of partners",
        smallest,
        Expected::AtLeast { value: 0.3 },
        "where orthogonal is impossible they lie side by side",
    ));
    findings.check(check(
        "three correlated pairs in two dimensions, p = .05: features with their partner beside them",
        partners_beside(&fit, 2) as f64,
        Expected::Equals {
            value: 6.0,
            tolerance: 0.0,
        },
        "side by side: no other feature in between",
    ));

    let fit = best(0.55, 6, 3, correlated(3), 0.1, 16)?;
    let across = pairs(&cosines(&fit.model), |i, j| i / 3 != j / 3);
    findings.check(check(
        "two sets of three in three dimensions: antipodal pairs across the sets",
        across.iter().filter(|&&cos| cos < -0.95).count() as f64,
        Expected::Equals {
            value: 3.0,
            tolerance: 0.0,
        },
        "an octahedron whose axes join the sets",
    ));

    let fit = best(0.7, 20, 10, correlated(10), 0.1, 8)?;
    let cosines = cosines(&fit.model);
    let local_basis = |values: &[f64], name: &str| {
        check(
            &format!("two sets of ten in ten dimensions: mean absolute cosine {name}"),
            mean_absolute(values),
            Expected::AtMost { value: 0.1 },
            "each set is about an orthogonal basis",
        )
    };
    findings.check(local_basis(&within(&cosines, 10), "within sets"));
    findings.control(
        "pairs across the sets",
        local_basis(&pairs(&cosines, |i, j| i / 10 != j / 10), "across sets"),
    );
    Ok(findings)
}
