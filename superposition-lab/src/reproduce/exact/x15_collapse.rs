//! X15: correlated pairs collapse onto their principal component, one after another.

use superposition_model::{FeatureDistribution, FeatureProbability, FeatureSets};

use super::support::{TMS, basins, objective};
use crate::LabError;
use crate::reproduce::{
    Budget, Check, Context, Definition, Expected, Experiment, Findings, Precision, Verdict,
};
use superposition_viz::svg::{Axis, Figure, Panel, Series};

pub(super) const EXPERIMENT: Experiment = Experiment {
    definition: Definition {
        id: "X15",
        claim: "three always-co-active pairs collapse to their principal components, pair by pair, as features become denser",
        source: TMS,
        section: "The Geometry of Superposition: correlated features, collapse",
        config: "n = 6, m = 2, importance 1, three pairs that are active together, p from .02 to .9; the lowest of 12 random starts and the solution of the p before, on the exact loss",
        measured: "pairs whose two features have cosine above .98",
        seeds: &[0],
        budget: Budget {
            quick: 20.0,
            standard: 60.0,
            full: 60.0,
        },
    },
    run,
};

/// The lowest solution: its parameters, and how many pairs are collapsed.
fn lowest(
    context: &Context<'_>,
    p: f64,
    given: &[Vec<f64>],
    n_starts: usize,
) -> Result<(Vec<f64>, usize), LabError> {
    let sets = FeatureSets::Correlated { set_size: 2 };
    let distribution = FeatureDistribution::new(6, &FeatureProbability::Same(p))?;
    let objective = objective(6, 2, distribution.with_sets(sets)?)?;
    let found = basins(context, &objective, given, n_starts)?;
    let x = found[0].lowest.x.clone();
    let n_collapsed = collapsed(&x);
    Ok((x, n_collapsed))
}

fn collapsed(x: &[f64]) -> usize {
    let pairs = x[..12].chunks(4);
    let cosine =
        |w: &[f64]| (w[0] * w[2] + w[1] * w[3]) / (w[0].hypot(w[1]) * w[2].hypot(w[3])).max(1e-12);
    pairs.filter(|w| cosine(w) > 0.98).count()
}

fn run(context: &Context<'_>) -> Result<Findings, LabError> {
    let mut findings = Findings::new(Verdict::Agrees);
    let n_levels = context.by_preset(16, 45, 45);
    let n_starts = context.by_preset(6, 12, 12);
    let mut counts: Vec<(f64, usize)> = Vec::new();
    let mut last: Vec<Vec<f64>> = Vec::new();
    for k in 0..n_levels {
        context.progress(k as f64 / n_levels as f64)?;
        let p = 0.02 + 0.88 * k as f64 / (n_levels - 1) as f64;
        let (x, n_collapsed) = lowest(context, p, &last, n_starts)?;
        counts.push((p, n_collapsed));
        last = vec![x];
    }
    let steps = |counts: &[(f64, usize)]| {
        let mut seen: Vec<usize> = counts.iter().map(|(_, count)| *count).collect();
        seen.dedup();
        seen
    };
    let in_order = |counts: &[(f64, usize)]| {
        Check::new(
            "whether the number of collapsed pairs is 0, 1, 2, 3, in this order, as p rises",
            f64::from(u8::from(steps(counts) == [0, 1, 2, 3])),
            Precision::Deterministic { error: 0.0 },
            Expected::Equals {
                value: 1.0,
                tolerance: 0.0,
            },
            "pair by pair",
        )
    };
    findings.check(in_order(&counts));
    let falling: Vec<(f64, usize)> = counts.iter().rev().copied().collect();
    findings.control("the same levels from dense to sparse", in_order(&falling));
    for pair in counts.windows(2).filter(|pair| pair[0].1 != pair[1].1) {
        findings.note(format!(
            "{} collapsed pairs at p = {:.3}, {} at {:.3}",
            pair[0].1, pair[0].0, pair[1].1, pair[1].0
        ));
    }
    let points = counts.iter().map(|&(p, count)| [p, count as f64]);
    let panel = Panel::new(
        "three correlated pairs in the plane",
        Axis::new("feature probability p"),
        Axis::new("collapsed pairs"),
    )
    .with_series(Series::points("lowest of all starts", points.collect()));
    findings.figure("", Figure::new("").with_panel(panel).render());
    Ok(findings)
}
