//! T6: the dimensionality of single features jumps while the loss drops.

use std::ops::ControlFlow;

use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;
use superposition_analysis::feature_dimensionality;
use superposition_model::{FeatureSets, Importance, ModelError};
use superposition_train::{Job, TrainOptions};

use superposition_viz::Scale;
use superposition_viz::svg::{Axis, Figure, Panel, Series};

use super::support::{config, task};
use crate::LabError;
use crate::reproduce::{
    Budget, Check, Context, Definition, Expected, Experiment, Findings, Precision, Verdict,
};

pub(super) const EXPERIMENT: Experiment = Experiment {
    definition: Definition {
        id: "T6",
        claim: "features jump between energy levels: D_i of single features changes at once, while the loss drops",
        source: "Elhage et al. 2022, Toy Models of Superposition",
        section: "Superposition and Learning Dynamics: discrete energy level jumps",
        config: "n = 40, m = 10, importance 1, p = .3; Adam at 1e-3, 40,000 steps of 1,024 samples; 400 snapshots",
        measured: "D_i of every feature and the expected loss along the training",
        seeds: &[0],
        budget: Budget::seconds(30.0),
    },
    run,
};

const N: usize = 40;
const M: usize = 10;
const N_STEPS: usize = 40_000;
const N_SNAPSHOTS: usize = 400;
/// Snapshots in 2 % of the training.
const WINDOW: usize = N_SNAPSHOTS / 50;
/// Where D_i rests: dropped, simplices, polygons, alone.
const STICKY: [f64; 7] = [0.0, 3.0 / 8.0, 0.4, 0.5, 2.0 / 3.0, 0.75, 1.0];

struct Snapshot {
    dimensionality: Vec<f64>,
    loss: f64,
}

/// The share of all `D_i` at all times that is within .05 of a sticky value.
fn resting(values: impl Iterator<Item = f64>) -> f64 {
    let (mut n, mut near) = (0, 0);
    for d in values {
        n += 1;
        near += usize::from(STICKY.iter().any(|level| (d - level).abs() <= 0.05));
    }
    near as f64 / n as f64
}

fn of_rest(share: f64, name: &str) -> Check {
    Check::new(
        format!("{name}: share of features and times at which D_i is within .05 of a sticky value"),
        share,
        Precision::Deterministic { error: 1e-6 },
        Expected::AtLeast { value: 0.6 },
        "uniform D_i would be there about half of the time",
    )
}

/// Windows in which a feature's D_i changes by more than .2 and the loss falls by more than five times the median.
fn events(snapshots: &[Snapshot]) -> usize {
    let windows = || snapshots.iter().zip(&snapshots[WINDOW..]);
    let mut drops: Vec<f64> = windows().map(|(a, b)| (a.loss - b.loss).abs()).collect();
    drops.sort_by(f64::total_cmp);
    let median = drops[drops.len() / 2];
    let jumps = |(a, b): &(&Snapshot, &Snapshot)| {
        let changes = a.dimensionality.iter().zip(&b.dimensionality);
        changes.map(|(a, b)| (a - b).abs()).fold(0.0, f64::max) > 0.2
            && a.loss - b.loss > 5.0 * median
    };
    windows().filter(jumps).count()
}

fn of_events(snapshots: &[Snapshot], name: &str) -> Check {
    Check::new(
        format!(
            "{name}: windows of 2 % with a jump of D_i by .2 and a drop of the loss by five times the median"
        ),
        events(snapshots) as f64,
        Precision::Exact,
        Expected::AtLeast { value: 1.0 },
        "one is enough: a jump is one event",
    )
}

fn run(context: &Context<'_>) -> Result<Findings, LabError> {
    let task = task(N, 0.3, FeatureSets::Independent, &Importance::Uniform)?;
    let options = TrainOptions::default()
        .with_n_steps(N_STEPS)
        .with_loss_every(N_STEPS);
    let mut snapshots: Vec<Snapshot> = Vec::with_capacity(N_SNAPSHOTS);
    let mut failed: Option<ModelError> = None;
    let job = Job::new(config(N, M), task.clone(), options);
    let trained = job.train(context.threads(), &mut |progress| {
        if progress.step % (N_STEPS / N_SNAPSHOTS) != 0 {
            return ControlFlow::Continue(());
        }
        match progress
            .model
            .population_loss(&task.distribution, &task.importance, 1e-8)
        {
            Ok(loss) => snapshots.push(Snapshot {
                dimensionality: feature_dimensionality(progress.model.w()),
                loss: loss.value,
            }),
            Err(error) => {
                failed = Some(error);
                return ControlFlow::Break(());
            }
        }
        context.observe(progress.step as f64 / N_STEPS as f64)
    })?;
    if let Some(error) = failed {
        return Err(error.into());
    }
    if trained.stop.was_cancelled() && snapshots.len() < N_SNAPSHOTS {
        return Err(LabError::Cancelled);
    }

    let mut findings = Findings::new(Verdict::Agrees);
    findings.check(of_events(&snapshots, "the training"));
    let values = snapshots
        .iter()
        .flat_map(|snapshot| snapshot.dimensionality.iter().copied());
    findings.check(of_rest(resting(values), "the training"));
    let last = &snapshots[N_SNAPSHOTS - 1].dimensionality;
    findings.check(Check::new(
        "features in digons at the end: D_i within .05 of 1/2",
        last.iter().filter(|d| (*d - 0.5).abs() <= 0.05).count() as f64,
        Precision::Exact,
        Expected::AtLeast {
            value: 0.9 * 2.0 * M as f64,
        },
        "the training was chosen to end in digons: two features per dimension, some dimensions may differ",
    ));
    // As different as at the end, but on a straight way.
    let first = &snapshots[0];
    let end = &snapshots[N_SNAPSHOTS - 1];
    let straight: Vec<Snapshot> = (0..N_SNAPSHOTS)
        .map(|k| {
            let t = k as f64 / (N_SNAPSHOTS - 1) as f64;
            let mix = |a: f64, b: f64| (1.0 - t) * a + t * b;
            let pairs = first.dimensionality.iter().zip(&end.dimensionality);
            Snapshot {
                dimensionality: pairs.map(|(&a, &b)| mix(a, b)).collect(),
                loss: mix(first.loss, end.loss),
            }
        })
        .collect();
    findings.control(
        "a straight way from the first snapshot to the last",
        of_events(&straight, "a straight way"),
    );
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let uniform = (0..10_000).map(|_| rng.random_range(0.0..1.0));
    findings.control("uniform values", of_rest(resting(uniform), "uniform"));
    findings.figure("", figure(&snapshots));
    Ok(findings)
}

/// D_i and the loss over the training.
fn figure(snapshots: &[Snapshot]) -> String {
    let step = |k: usize| ((k + 1) * (N_STEPS / N_SNAPSHOTS)) as f64;
    let points = snapshots
        .iter()
        .enumerate()
        .step_by(2)
        .flat_map(|(k, snapshot)| {
            let values = snapshot.dimensionality.iter();
            values.map(move |&d| [step(k), d])
        });
    let losses = snapshots.iter().enumerate();
    let losses = losses
        .map(|(k, snapshot)| [step(k), snapshot.loss])
        .collect();
    let steps = || Axis::new("step").with_scale(Scale::Logarithmic);
    let levels = Panel::new("dimensionality of every feature", steps(), Axis::new("D_i"))
        .with_series(Series::points("features", points.collect()));
    let loss = Panel::new("expected loss", steps(), Axis::new("mean over features"))
        .with_series(Series::line("loss", losses));
    Figure::new("")
        .with_columns(2)
        .with_panel(levels)
        .with_panel(loss)
        .render()
}
