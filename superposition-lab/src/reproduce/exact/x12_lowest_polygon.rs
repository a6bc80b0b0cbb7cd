//! X12: the lowest loss of c features in the plane, one active.

use superposition_model::{FeatureDistribution, FeatureProbability, FeatureSets};

use super::geometry::polygon;
use super::one_active::critical_polygons;
use super::support::{C23, basins, objective};
use super::x10_polygons::loss_with_dead;
use crate::LabError;
use crate::reproduce::{
    Budget, Check, Context, Definition, Expected, Experiment, Findings, Precision, Verdict,
};
use superposition_viz::svg::{Aspect, Axis, Figure, Panel, Series};

pub(super) const EXPERIMENT: Experiment = Experiment {
    definition: Definition {
        id: "X12",
        claim: "the lowest loss is that of the c-gon for c = 4 to 7; at c = 8 a 7-gon and one dead feature of positive bias are lower than the 8-gon",
        source: C23,
        section: "extends the table of k-gons",
        config: "m = 2, c = 4..8 features of importance 1, one active; the lowest of 40 random starts and the regular polygons of 4 to c corners with the other features dropped",
        measured: "the lowest loss, how many features it represents, the bias of the others",
        seeds: &[0],
        budget: Budget::seconds(10.0),
    },
    run,
};

/// A regular k-gon of norm 1.2, and c - k features without direction.
fn polygon_with_dead(k: usize, c: usize) -> Vec<f64> {
    let w = polygon(k);
    let mut x: Vec<f64> = (0..k)
        .flat_map(|i| [1.2 * w[(0, i)], 1.2 * w[(1, i)]])
        .collect();
    x.resize(2 * c, 0.0);
    x.resize(2 * c + k, -0.5);
    x.resize(3 * c, 0.5 / c as f64);
    x
}

fn run(context: &Context<'_>) -> Result<Findings, LabError> {
    let mut findings = Findings::new(Verdict::Extends);
    let mut figure = Figure::new("").with_columns(5);
    let n_starts = context.by_preset(20, 40, 40);
    for c in 4..=8_usize {
        context.progress((c - 4) as f64 / 5.0)?;
        let n = c as f64;
        let sets = FeatureSets::Anticorrelated { set_size: c };
        let distribution = FeatureDistribution::new(c, &FeatureProbability::Same(1.0 / n))?;
        let objective = objective(c, 2, distribution.with_sets(sets)?)?;
        let polygons: Vec<Vec<f64>> = (4..=c).map(|k| polygon_with_dead(k, c)).collect();
        let found = basins(context, &objective, &polygons, n_starts)?;
        let best = &found[0];
        let w = |i: usize| [best.lowest.x[2 * i], best.lowest.x[2 * i + 1]];
        let represented: Vec<usize> = (0..c).filter(|&i| w(i)[0].hypot(w(i)[1]) > 0.5).collect();
        let k = if c == 8 { 7 } else { c };
        findings.check(Check::new(
            format!("c = {c}: features represented by the lowest of {n_starts} random starts and the polygons"),
            represented.len() as f64,
            Precision::Exact,
            Expected::Equals {
                value: k as f64,
                tolerance: 0.0,
            },
            "a search with other starts found the same",
        ));
        // C23's loss is the sum over features.
        let of = |k: usize| loss_with_dead(k, critical_polygons(k)[0], c, 0.5 / n);
        let (sum, value) = (n * best.value(), if c == 4 { 0.0 } else { of(k) });
        let check = |value: f64| {
            Check::new(
                format!("c = {c}: lowest loss, against the closed form of the {k}-gon"),
                sum,
                Precision::Deterministic { error: 1e-9 },
                Expected::Equals {
                    value,
                    tolerance: 1e-6,
                },
                "two descents on two forms of the same loss",
            )
        };
        findings.check(check(value));
        if c == 8 {
            findings.control("the 8-gon", check(of(8)));
            let dead = (0..c).find(|i| !represented.contains(i));
            findings.check(Check::new(
                "c = 8: bias of the dead feature",
                dead.map_or(f64::NAN, |i| best.lowest.x[16 + i]),
                Precision::Deterministic { error: 1e-6 },
                Expected::Equals {
                    value: 0.5 / n,
                    tolerance: 1e-5,
                },
                "1/(2c), as in X11",
            ));
        }
        let losses: Vec<String> = found
            .iter()
            .take(4)
            .map(|basin| {
                // The polygons are the first starts.
                let random = basin
                    .starts
                    .iter()
                    .filter(|&&start| start >= polygons.len());
                let (loss, n_random) = (n * basin.value(), random.count());
                format!("{loss:.6} from {n_random} of {n_starts} random starts")
            })
            .collect();
        findings.note(format!("c = {c}: {}", losses.join("; ")));
        let panel = Panel::new(
            // At c = 4 rounding is all there is.
            format!("c = {c}, loss {:.5}", sum.max(0.0)),
            Axis::new("dimension 0"),
            Axis::new("dimension 1"),
        );
        let tips = (0..c).map(w).collect();
        figure = figure.with_panel(
            panel
                .with_aspect(Aspect::Equal)
                .with_series(Series::arrows("features", tips)),
        );
    }
    findings.figure("", figure.render());
    Ok(findings)
}
