//! X3: one active feature and unit norms make a generalised Thomson problem.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;
use superposition_analysis::faer::Mat;
use superposition_model::{FeatureDistribution, FeatureProbability, FeatureSets};
use superposition_viz::svg::{Aspect, Axis, Figure, Panel, Series};

use super::geometry::{cross_polytope, gram, polygon};
use super::support::{TMS, population_loss_sum, uniform};
use crate::LabError;
use crate::reproduce::{
    Budget, Check, Context, Definition, Expected, Experiment, Findings, Precision, Verdict,
};

pub(super) const EXPERIMENT: Experiment = Experiment {
    definition: Definition {
        id: "X3",
        claim: "with unit norms, b = 0 and one active feature the loss is a Thomson problem",
        source: TMS,
        section: "The Geometry of Superposition: the Thomson problem",
        config: "energy E_i = sum over j != i of ReLU(W_i.W_j)^2 of cross-polytopes (n <= 2m), pentagon, hexagon; lowest of 50 starts in the plane",
        measured: "energy per feature",
        seeds: &[0],
        budget: Budget::seconds(2.0),
    },
    run,
};

/// The mean over features of `$E_i = \sum_{j \ne i} \mathrm{ReLU}(W_i \cdot W_j)^2$`.
fn energy(w: &Mat<f64>) -> f64 {
    let g = gram(w);
    let n = w.ncols();
    let pairs = (0..n).flat_map(|i| (0..n).map(move |j| (i, j)));
    let sum: f64 = pairs
        .filter(|(i, j)| i != j)
        .map(|(i, j)| g[(i, j)].max(0.0).powi(2))
        .sum();
    sum / n as f64
}

fn circle(angles: &[f64]) -> Mat<f64> {
    Mat::from_fn(2, angles.len(), |row, i| match row {
        0 => angles[i].cos(),
        _ => angles[i].sin(),
    })
}

/// The energy that gradient descent over the angles of `n` unit vectors in the plane ends at.
fn descend(n: usize, rng: &mut ChaCha8Rng) -> f64 {
    let mut angles: Vec<f64> = (0..n)
        .map(|_| std::f64::consts::TAU * uniform(rng))
        .collect();
    for _ in 0..2_000 {
        let slopes: Vec<f64> = (0..n)
            .map(|i| {
                let slope = |j: usize| {
                    let (sin, cos) = (angles[i] - angles[j]).sin_cos();
                    -4.0 * cos.max(0.0) * sin
                };
                (0..n).filter(|&j| j != i).map(slope).sum()
            })
            .collect();
        for (angle, slope) in angles.iter_mut().zip(slopes) {
            *angle -= 0.05 * slope;
        }
    }
    energy(&circle(&angles))
}

fn run(context: &Context<'_>) -> Result<Findings, LabError> {
    let mut findings = Findings::new(Verdict::Agrees);
    let worst = (1..=8)
        .flat_map(|m| (1..=2 * m).map(move |n| energy(&cross_polytope(m, n))))
        .fold(0.0, f64::max);
    findings.check(Check::new(
        "largest energy of cross-polytopes, m <= 8, n <= 2m",
        worst,
        Precision::Exact,
        Expected::Equals {
            value: 0.0,
            tolerance: 0.0,
        },
        "all products are 0 or -1",
    ));

    let six_digits =
        "published to six digits; the closed form is 2 cos^2 of the angle between neighbours";
    let pentagon = polygon(5);
    let of_pentagon = |measured| {
        Check::new(
            "pentagon",
            measured,
            Precision::Exact,
            Expected::Equals {
                value: 0.190_983,
                tolerance: 1e-6,
            },
            six_digits,
        )
    };
    findings.check(of_pentagon(energy(&pentagon)));
    findings.check(Check::new(
        "hexagon",
        energy(&polygon(6)),
        Precision::Exact,
        Expected::Equals {
            value: 0.5,
            tolerance: 1e-12,
        },
        "2 cos^2(60 degrees), rounding",
    ));

    // One active feature, each with probability 1/n: the energy is 3 times the summed loss.
    let n = 5;
    let one_active = FeatureDistribution::new(n, &FeatureProbability::Same(1.0 / n as f64))?
        .with_sets(FeatureSets::Anticorrelated { set_size: n })?;
    let loss = population_loss_sum(&pentagon, &[0.0; 5], &one_active, &[1.0; 5])?;
    findings.check(Check::new(
        "pentagon: 3 x loss of the toy model with one active feature",
        3.0 * loss,
        Precision::Deterministic { error: 1e-6 },
        Expected::Equals {
            value: energy(&pentagon),
            tolerance: 1e-6,
        },
        "each output errs by ReLU(a x), E x^2 = 1/3; weights of f32",
    ));

    let mut rng = ChaCha8Rng::seed_from_u64(EXPERIMENT.definition.seeds[0]);
    for (k, (n, value)) in [(4, 0.0), (5, 0.190_983), (6, 0.5)].into_iter().enumerate() {
        let starts = 50;
        let lowest = (0..starts)
            .map(|_| descend(n, &mut rng))
            .fold(f64::INFINITY, f64::min);
        findings.check(Check::new(
            format!("n = {n}, m = 2: best found of {starts} starts"),
            lowest,
            Precision::Deterministic { error: 1e-6 },
            Expected::Equals {
                value,
                tolerance: 1e-6,
            },
            "the square, pentagon and hexagon are the best; six digits",
        ));
        context.progress((k + 1) as f64 / 3.0)?;
    }

    findings.figure("", figure());
    let mut angles: Vec<f64> = (0..5)
        .map(|i| std::f64::consts::TAU * f64::from(i) / 5.0)
        .collect();
    angles[0] += 10_f64.to_radians();
    findings.control(
        "a pentagon with one corner turned by 10 degrees",
        of_pentagon(energy(&circle(&angles))),
    );
    Ok(findings)
}

fn figure() -> String {
    let figure = Figure::new("Unit vectors in the plane of the least energy found");
    (4..=6)
        .fold(figure, |figure, n| {
            let w = polygon(n);
            let axis = |name| Axis::new(name).with_range(-1.2, 1.2);
            let tips = (0..n).map(|i| [w[(0, i)], w[(1, i)]]).collect();
            figure.with_panel(
                Panel::new(
                    format!("n = {n}: energy {:.6} per feature", energy(&w)),
                    axis("hidden dimension 0"),
                    axis("hidden dimension 1"),
                )
                .with_aspect(Aspect::Equal)
                .with_series(Series::arrows("W_i", tips)),
            )
        })
        .render()
}
