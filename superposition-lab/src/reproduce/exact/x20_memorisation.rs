//! X20: examples memorised exactly in two dimensions.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;
use superposition_analysis::faer::Mat;
use superposition_viz::svg::{Aspect, Axis, Figure, Panel, Series};

use super::support::{reconstruct, uniform};
use crate::LabError;
use crate::reproduce::{
    Budget, Check, Context, Definition, Expected, Experiment, Findings, Precision, Verdict,
};

pub(super) const EXPERIMENT: Experiment = Experiment {
    definition: Definition {
        id: "X20",
        claim: "T >= 4 orthonormal non-negative examples are memorised exactly in m = 2: r^2 = 1/(1 - cos(2 pi/T)), b = -cos(2 pi/T) r^2 sum of the examples",
        source: "Henighan et al. 2023, Superposition, Memorization, and Double Descent",
        section: "overfitting: examples as polygons; the construction is ours",
        config: "T = 4..24 examples with 3 features each, random non-negative values of norm 1; W = r sum of u_t X_t^T, u_t the corners of the T-gon",
        measured: "largest error of a reconstruction; for T = 5 the norms of W and b",
        seeds: &[20],
        budget: Budget::seconds(0.5),
    },
    run,
};

/// Orthonormal non-negative examples, a column each: three features of their own.
fn examples(t: usize, rng: &mut ChaCha8Rng) -> Mat<f64> {
    let mut x = Mat::zeros(3 * t, t);
    for s in 0..t {
        let values = [0; 3].map(|_| 0.1 + uniform(rng));
        let norm = values.iter().map(|v| v * v).sum::<f64>().sqrt();
        for (k, value) in values.into_iter().enumerate() {
            x[(3 * s + k, s)] = value / norm;
        }
    }
    x
}

/// W and b that memorise these examples, for a T-gon of `corners`.
fn memorise(x: &Mat<f64>, corners: usize) -> (Mat<f64>, Vec<f64>) {
    let (n, t) = x.shape();
    let cosine = (std::f64::consts::TAU / corners as f64).cos();
    let square = 1.0 / (1.0 - cosine);
    let angle = |s: usize| std::f64::consts::TAU * s as f64 / t as f64;
    let w = Mat::from_fn(2, n, |k, i| {
        let along = |s: usize| {
            if k == 0 {
                angle(s).cos()
            } else {
                angle(s).sin()
            }
        };
        square.sqrt() * (0..t).map(|s| along(s) * x[(i, s)]).sum::<f64>()
    });
    let b = (0..n).map(|i| -cosine * square * (0..t).map(|s| x[(i, s)]).sum::<f64>());
    let b = b.collect();
    (w, b)
}

fn worst(x: &Mat<f64>, (w, b): &(Mat<f64>, Vec<f64>)) -> f64 {
    let errors = (0..x.ncols()).flat_map(|s| {
        let example = x.col_as_slice(s);
        let output = reconstruct(w, b, example);
        let errors = output.iter().zip(example).map(|(y, x)| (y - x).abs());
        errors.collect::<Vec<f64>>()
    });
    errors.fold(0.0, f64::max)
}

fn run(_: &Context<'_>) -> Result<Findings, LabError> {
    let mut findings = Findings::new(Verdict::Extends);
    let mut rng = ChaCha8Rng::seed_from_u64(EXPERIMENT.definition.seeds[0]);
    let (mut largest, mut of_control) = (0.0_f64, 0.0_f64);
    let norm = |values: &mut dyn Iterator<Item = f64>| values.map(|v| v * v).sum::<f64>().sqrt();
    for t in 4..=24 {
        let x = examples(t, &mut rng);
        let memory = memorise(&x, t);
        largest = largest.max(worst(&x, &memory));
        of_control = of_control.max(worst(&x, &memorise(&x, t - 1)));
        if t == 5 {
            let (w, b) = &memory;
            let of_w = norm(&mut (0..15).flat_map(|i| w.col_as_slice(i).to_vec()));
            for (name, value, expected) in [
                ("W", of_w, 2.689_99),
                ("b", norm(&mut b.iter().copied()), 1.0),
            ] {
                findings.check(Check::new(
                    format!("T = 5: norm of {name}"),
                    value,
                    Precision::Exact,
                    Expected::Equals {
                        value: expected,
                        tolerance: 5e-6,
                    },
                    "r sqrt(T) and -cos(72 degrees) r^2 sqrt(T), to six digits",
                ));
            }
            let hidden = |s: usize| {
                let along = |k: usize| (0..15).map(|i| w[(k, i)] * x[(i, s)]).sum::<f64>();
                [along(0), along(1)]
            };
            let panel = Panel::new(
                "",
                Axis::new("hidden dimension 0"),
                Axis::new("hidden dimension 1"),
            )
            .with_aspect(Aspect::Equal)
            .with_series(Series::arrows(
                "examples W X_t",
                (0..5).map(hidden).collect(),
            ))
            .with_series(Series::points(
                "features W_i",
                (0..15).map(|i| [w[(0, i)], w[(1, i)]]).collect(),
            ));
            findings.figure(
                "",
                Figure::new("Five examples memorised in the plane")
                    .with_panel(panel)
                    .render(),
            );
        }
    }
    let check = |error| {
        Check::new(
            "largest error of a reconstruction, T = 4..24",
            error,
            Precision::Exact,
            Expected::AtMost { value: 1e-10 },
            "0 in exact arithmetic; r^2 is up to 30",
        )
    };
    findings.check(check(largest));
    findings.note(
        "the radius is the smallest: that of more corners, with its bias, memorises them too",
    );
    findings.control("radius and bias for one example fewer", check(of_control));
    Ok(findings)
}
