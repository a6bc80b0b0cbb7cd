//! X11: what a positive bias of a dead feature gains.

use super::one_active::critical_polygons;
use super::support::C23;
use super::x10_polygons::loss_with_dead;
use crate::LabError;
use crate::reproduce::{
    Budget, Check, Context, Definition, Expected, Experiment, Findings, Precision, Verdict,
};

pub(super) const EXPERIMENT: Experiment = Experiment {
    definition: Definition {
        id: "X11",
        claim: "each dead feature with bias 1/(2c) lowers the loss by exactly 1/(4c^2)",
        source: C23,
        section: "k-gons with positive biases of dead features",
        config: "m = 2, one active feature; a pentagon and c - 5 dead features, c = 6..12, all of bias 0 and all of bias 1/(2c)",
        measured: "the difference of the two losses for each dead feature, and L(5+, 6)",
        seeds: &[],
        budget: Budget::seconds(1.0),
    },
    run,
};

fn run(_: &Context<'_>) -> Result<Findings, LabError> {
    let mut findings = Findings::new(Verdict::Agrees);
    let pentagon = critical_polygons(5)[0];
    let gain_off = |of_bias: fn(f64) -> f64| {
        (6..=12)
            .map(|c| {
                let n = c as f64;
                let gain = loss_with_dead(5, pentagon, c, 0.0)
                    - loss_with_dead(5, pentagon, c, of_bias(n));
                (gain / (n - 5.0) - 0.25 / (n * n)).abs()
            })
            .fold(0.0, f64::max)
    };
    let check = |off| {
        Check::new(
            "gain of each dead feature against 1/(4c^2), largest difference",
            off,
            Precision::Exact,
            Expected::AtMost { value: 1e-12 },
            "H changes by 3 c b^2 - 3 b, lowest at 1/(2c); rounding",
        )
    };
    findings.check(check(gain_off(|c| 0.5 / c)));
    findings.check(Check::new(
        "L(5+, 6)",
        loss_with_dead(5, pentagon, 6, 1.0 / 12.0),
        Precision::Deterministic { error: 1e-10 },
        Expected::Equals {
            value: 0.061_799_1,
            tolerance: 1e-7,
        },
        "published to seven digits: L(5, 6) - 1/144",
    ));
    findings.control("dead features of bias 1/c", check(gain_off(|c| 1.0 / c)));
    Ok(findings)
}
