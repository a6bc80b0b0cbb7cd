//! X13: learning coefficients of minimally singular polygons, by the rank of the Hessian and by sampling.

use superposition_analysis::spectrum;
use superposition_train::posterior::{
    LearningCoefficientOptions, PosteriorOptions, local_learning_coefficient,
};
use superposition_viz::Scale;
use superposition_viz::svg::{Axis, Figure, Panel, Series};

use super::one_active::{OneActive, critical_polygons, polygon_parameters};
use super::support::C23;
use crate::LabError;
use crate::reproduce::{
    Budget, Check, Context, Definition, Expected, Experiment, Findings, Precision, Verdict,
};

pub(super) const EXPERIMENT: Experiment = Experiment {
    definition: Definition {
        id: "X13",
        claim: "minimally singular c-gons have the local learning coefficient (3c - 1)/2: 7, 8.5, 10, 11.5 for c = 5..8",
        source: C23,
        section: "local learning coefficients of k-gons",
        config: "m = 2, one active feature, the c-gon among c features; exact second derivatives in all 3c parameters; 4 chains of Hamiltonian Monte Carlo about it with the exact loss, inverse temperature 100,000",
        measured: "rank of the Hessian, twice the coefficient where the only flat directions are symmetries; the coefficient from the mean loss of the chains",
        seeds: &[0],
        budget: Budget::seconds(10.0),
    },
    run,
};

/// Singular values of the Hessian, descending.
fn singular_values(c: usize, x: &[f64]) -> Result<Vec<f64>, LabError> {
    Ok(spectrum(OneActive::plane(c).hessian(x).as_ref())?.singular_values)
}

fn rank(values: &[f64]) -> usize {
    values
        .iter()
        .filter(|&&value| value > 1e-9 * values[0])
        .count()
}

fn check_rank(c: usize, values: &[f64]) -> Check {
    Check::new(
        format!("{c}-gon: half the rank of the Hessian"),
        0.5 * rank(values) as f64,
        Precision::Exact,
        Expected::Equals {
            value: 0.5 * (3 * c - 1) as f64,
            tolerance: 0.0,
        },
        "(3c - 1)/2; singular values above 1e-9 of the largest count",
    )
}

/// The inverse temperature at which a polygon is sampled: its flattest directions curve by 0.01, so that the prior makes the
/// coefficient smaller by less than .01.
const BETA: f64 = 1e5;

/// The coefficient of a c-gon from chains about it, beside the expected one.
fn check_sampled(
    context: &Context<'_>,
    c: usize,
    x: &[f64],
    share: f64,
) -> Result<(Check, String), LabError> {
    let n_samples = context.by_preset(500, 2000, 2000);
    let posterior = PosteriorOptions::default()
        .with_n_burn_in(n_samples / 2)
        .with_n_samples(n_samples);
    let options = LearningCoefficientOptions::new(BETA).with_posterior(posterior);
    let observe = &mut |done: f64| context.observe(share + 0.2 * done);
    let found = local_learning_coefficient(&OneActive::plane(c), x, &options, observe)?;
    let expected = 0.5 * (3 * c - 1) as f64;
    let check = Check::new(
        format!("{c}-gon: sampled coefficient"),
        found.value,
        Precision::Sampled {
            standard_error: found.standard_error,
        },
        Expected::Equals {
            value: expected,
            tolerance: 0.1 * expected,
        },
        "(3c - 1)/2, to a tenth",
    );
    let note = format!(
        "{c}-gon: coefficient {:.3} +- {:.3}, effective sample size {:.0}, R-hat {:.4}, acceptance {:.2}",
        found.value,
        found.standard_error,
        found.effective_sample_size,
        found.r_hat,
        found.acceptance
    );
    Ok((check, note))
}

fn run(context: &Context<'_>) -> Result<Findings, LabError> {
    let mut findings = Findings::new(Verdict::Agrees);
    let axis = Axis::new("singular value").with_scale(Scale::Logarithmic);
    let mut panel = Panel::new("", Axis::new("index"), axis);
    for c in 5..=8 {
        let polygon = polygon_parameters(c, critical_polygons(c)[0]);
        let values = singular_values(c, &polygon)?;
        findings.check(check_rank(c, &values));
        findings.check(Check::new(
            format!("{c}-gon: gap between the smallest that counts and the largest that does not"),
            (values[3 * c - 2] / values[3 * c - 1].max(f64::MIN_POSITIVE)).min(1e300),
            Precision::Deterministic { error: 1.0 },
            Expected::AtLeast { value: 1e9 },
            "the rotation is flat to rounding, 1e-16, and every other direction curves by 1e-3",
        ));
        let (check, note) = check_sampled(context, c, &polygon, 0.2 * (c - 5) as f64)?;
        findings.check(check);
        findings.note(note);
        let points = values.iter().enumerate();
        let points = points.map(|(k, &value)| [k as f64 + 1.0, value.max(1e-18)]);
        panel = panel.with_series(Series::points(format!("{c}-gon"), points.collect()));
    }
    findings.figure(
        "",
        Figure::new("Singular values of the Hessian")
            .with_panel(panel)
            .render(),
    );

    // A pentagon and a feature that is never active: flat in all three parameters of that.
    let at = critical_polygons(5)[0];
    let polygon = polygon_parameters(5, at);
    let mut x = polygon[..10].to_vec();
    x.extend([0.0, 0.0]);
    x.extend(&polygon[10..]);
    x.push(-1.0);
    findings.control(
        "in place of the hexagon, a pentagon with a dead feature of negative bias",
        check_rank(6, &singular_values(6, &x)?),
    );
    findings.control(
        "that pentagon sampled",
        check_sampled(context, 6, &x, 0.8)?.0,
    );
    Ok(findings)
}
