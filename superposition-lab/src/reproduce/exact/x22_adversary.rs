//! X22: the best attack on an output.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;
use superposition_analysis::faer::Mat;

use super::geometry::{gram, polygon};
use super::support::{TMS, bell, reconstruct, uniform};
use crate::LabError;
use crate::reproduce::{
    Budget, Check, Context, Definition, Expected, Experiment, Findings, Precision, Verdict,
};

pub(super) const EXPERIMENT: Experiment = Experiment {
    definition: Definition {
        id: "X22",
        claim: "in the linear region the attack of a given norm that changes output i most is along G_i, by norm(G_i) times its own",
        source: TMS,
        section: "Relationship to Adversarial Robustness",
        config: "a pentagon of norm 1.17 and 40 random W of 2..12 features in 1..4 dimensions; attacks of norm 0.01 on an output at 0.5: 2,000 random ones and 2,000 small changes of the best",
        measured: "the largest change of the output by any attack tried, over that along G_i",
        seeds: &[22],
        budget: Budget::seconds(1.0),
    },
    run,
};

const NORM: f64 = 0.01;

fn scaled_to(v: &[f64], norm: f64) -> Vec<f64> {
    let length = v.iter().map(|v| v * v).sum::<f64>().sqrt();
    v.iter().map(|v| v * norm / length).collect()
}

/// The change of output i by an attack, at an input for which its pre-activation is 1/2.
fn change(w: &Mat<f64>, b: &[f64], x: &[f64], i: usize, attack: &[f64]) -> f64 {
    let attacked: Vec<f64> = x.iter().zip(attack).map(|(x, a)| x + a).collect();
    reconstruct(w, b, &attacked)[i] - reconstruct(w, b, x)[i]
}

/// The largest change by random attacks and by hill climbing.
fn searched(w: &Mat<f64>, b: &[f64], x: &[f64], i: usize, rng: &mut ChaCha8Rng) -> f64 {
    let n = w.ncols();
    let mut best = (f64::NEG_INFINITY, vec![0.0; n]);
    for k in 0..4_000 {
        let step = if k < 2_000 { 1.0 } else { 0.1 };
        let around = |j: usize, rng: &mut ChaCha8Rng| {
            let centre = if k < 2_000 { 0.0 } else { best.1[j] / NORM };
            centre + step * bell(rng)
        };
        let attack: Vec<f64> = (0..n).map(|j| around(j, rng)).collect();
        let attack = scaled_to(&attack, NORM);
        let changed = change(w, b, x, i, &attack);
        if changed > best.0 {
            best = (changed, attack);
        }
    }
    best.0
}

fn run(context: &Context<'_>) -> Result<Findings, LabError> {
    let mut findings = Findings::new(Verdict::Agrees);
    let mut rng = ChaCha8Rng::seed_from_u64(EXPERIMENT.definition.seeds[0]);
    let corners = polygon(5);
    let mut models = vec![Mat::from_fn(2, 5, |k, i| 1.17 * corners[(k, i)])];
    for k in 0..40 {
        let (m, n) = (1 + k % 4, 2 + k % 11);
        models.push(Mat::from_fn(m, n, |_, _| 0.6 * bell(&mut rng)));
    }
    let (mut highest, mut lowest, mut off, mut of_control) =
        (0.0_f64, f64::INFINITY, 0.0_f64, 0.0_f64);
    for (k, w) in models.iter().enumerate() {
        context.progress(k as f64 / models.len() as f64)?;
        let (n, g) = (w.ncols(), gram(w));
        let x: Vec<f64> = (0..n).map(|_| uniform(&mut rng)).collect();
        let i = k % n;
        // Far from the kink: no attack of norm 0.01 reaches it.
        let b: Vec<f64> = (0..n)
            .map(|j| 0.5 - (0..n).map(|l| g[(j, l)] * x[l]).sum::<f64>())
            .collect();
        let row: Vec<f64> = (0..n).map(|j| g[(i, j)]).collect();
        let length = row.iter().map(|g| g * g).sum::<f64>().sqrt();
        let along = change(w, &b, &x, i, &scaled_to(&row, NORM));
        let found = searched(w, &b, &x, i, &mut rng);
        off = off.max((along / (NORM * length) - 1.0).abs());
        highest = highest.max(found / along);
        lowest = lowest.min(found / along);
        let own: Vec<f64> = (0..n).map(|j| f64::from(u8::from(j == i))).collect();
        of_control = of_control.max(found / change(w, &b, &x, i, &scaled_to(&own, NORM)));
    }
    let never_beaten = |ratio| {
        Check::new(
            "largest change by an attack tried, over that of the attack in question",
            ratio,
            Precision::Deterministic { error: 1e-9 },
            Expected::AtMost { value: 1.0 + 1e-9 },
            "Cauchy-Schwarz; rounding of changes near 0.01",
        )
    };
    findings.check(never_beaten(highest));
    findings.check(Check::new(
        "smallest of these ratios: the search comes near",
        lowest,
        Precision::Deterministic { error: 1e-9 },
        Expected::AtLeast { value: 0.95 },
        "a search that finds nothing would prove nothing",
    ));
    findings.check(Check::new(
        "change along G_i over 0.01 norm(G_i), less 1",
        off,
        Precision::Deterministic { error: 1e-9 },
        Expected::AtMost { value: 1e-9 },
        "linear there; rounding",
    ));
    findings.control(
        "the attack along feature i itself",
        never_beaten(of_control),
    );
    Ok(findings)
}
