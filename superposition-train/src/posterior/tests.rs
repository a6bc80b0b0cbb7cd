//! Against densities whose moments are known.

use std::ops::ControlFlow;

use superposition_testkit::golden;
use superposition_testkit::tolerance::{Tolerance, assert_close};

use super::normal::{fill_normal, uniform};
use super::*;
use crate::optimum::Objective;
use crate::{Stream, TrainError};

/// `$L = \frac12 \sum_k a_k w_k^2$`.
struct Bowl(Vec<f64>);

impl Objective for Bowl {
    fn n_parameters(&self) -> usize {
        self.0.len()
    }

    fn value_and_gradient(&self, x: &[f64], gradient: &mut [f64]) -> f64 {
        let mut value = 0.0;
        for ((g, x), a) in gradient.iter_mut().zip(x).zip(&self.0) {
            *g = a * x;
            value += 0.5 * a * x * x;
        }
        value
    }
}

/// `$L = (w^2 - 1)^2 + w / 5$`: two wells, 0.4 apart in height, with a barrier of 1.
struct TwoWells;

impl TwoWells {
    fn value(x: f64) -> f64 {
        (x * x - 1.0) * (x * x - 1.0) + 0.2 * x
    }
}

impl Objective for TwoWells {
    fn n_parameters(&self) -> usize {
        1
    }

    fn value_and_gradient(&self, x: &[f64], gradient: &mut [f64]) -> f64 {
        gradient[0] = 4.0 * x[0] * (x[0] * x[0] - 1.0) + 0.2;
        Self::value(x[0])
    }
}

fn go(_: usize) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Checks the mean of `values` within 4 standard errors, by their effective sample size.
#[track_caller]
fn assert_mean(values: &[f64], expected: f64) {
    let m = mean(values);
    let squares = values.iter().map(|v| (v - m) * (v - m));
    let variance = squares.sum::<f64>() / values.len() as f64;
    let error = (variance / effective_sample_size(&[values])).sqrt();
    assert_close(m, expected, Tolerance::statistical(4.0, error));
}

#[test]
fn normal_numbers_have_their_moments() {
    let mut values = vec![0.0; 100_001];
    fill_normal(&mut values, &mut Stream::Posterior.rng(1, 0, 0));
    for (power, expected) in [(1, 0.0), (2, 1.0), (3, 0.0), (4, 3.0)] {
        let powers: Vec<f64> = values
            .iter()
            .map(|v| (0..power).map(|_| v).product())
            .collect();
        assert_mean(&powers, expected);
    }
}

#[test]
fn a_normal_density_has_its_moments() {
    let bowl = Bowl(vec![0.0, 0.1, 1.0, 4.0]);
    let prior = Prior {
        centre: vec![1.0, 0.0, -2.0, 0.5],
        precision: 0.5,
    };
    let beta = 3.0;
    let options = PosteriorOptions::default().with_n_samples(8000);
    let chains = sample_posterior(&bowl, &prior, &[beta], &[0.0; 4], &options, &mut go).unwrap();
    let chain = &chains[0];
    assert!(
        (chain.acceptance - 0.8).abs() < 0.08,
        "{}",
        chain.acceptance
    );
    for (k, a) in bowl.0.iter().enumerate() {
        let precision = beta * a + prior.precision;
        let centre = prior.precision * prior.centre[k] / precision;
        let draws: Vec<f64> = chain.places().map(|w| w[k]).collect();
        assert_mean(&draws, centre);
        let squares: Vec<f64> = draws.iter().map(|w| (w - centre) * (w - centre)).collect();
        assert_mean(&squares, 1.0 / precision);
    }
}

#[test]
fn exchanges_cross_barriers_and_leave_densities_as_they_are() {
    let prior = Prior::standard(1);
    let betas = [0.5, 2.0, 6.0, 15.0];
    let options = PosteriorOptions::default().with_n_samples(20_000);
    let chains = sample_posterior(&TwoWells, &prior, &betas, &[1.0], &options, &mut go).unwrap();
    for chain in &chains {
        let below: Vec<f64> = chain
            .places()
            .map(|w| f64::from(u8::from(w[0] < 0.0)))
            .collect();
        let density = |x: f64| (-chain.beta * TwoWells::value(x) - 0.5 * x * x).exp();
        let grid = (-4000..4000).map(|k| (f64::from(k) + 0.5) / 1000.0);
        let (mut all, mut left) = (0.0, 0.0);
        for x in grid {
            all += density(x);
            left += if x < 0.0 { density(x) } else { 0.0 };
        }
        assert_mean(&below, left / all);
    }
    assert!(chains[..3].iter().all(|chain| chain.exchanged > Some(0.2)));
    assert_eq!(chains[3].exchanged, None);
    // Alone, the coldest chain stays in the worse well, where it starts.
    let alone = sample_posterior(
        &TwoWells,
        &prior,
        &[60.0],
        &[1.0],
        &options.with_n_samples(500),
        &mut go,
    );
    assert!(alone.unwrap()[0].places().all(|w| w[0] > 0.0));
}

#[test]
fn langevin_has_the_variance_of_its_step_size() {
    // a = beta + precision, and w <- (1 - epsilon a / 2) w + sqrt(epsilon) xi.
    let (beta, epsilon) = (3.0, 0.2);
    let options = LangevinOptions::new(epsilon).with_n_samples(40_000);
    let mut bowl = |w: &[f64], gradient: &mut [f64], _: &mut _| {
        gradient[0] = w[0];
        0.5 * w[0] * w[0]
    };
    let chain = sgld(
        &mut bowl,
        &Prior::standard(1),
        beta,
        &[0.0],
        &options,
        &mut go,
    )
    .unwrap();
    let a = beta + 1.0;
    let squares: Vec<f64> = chain.places().map(|w| w[0] * w[0]).collect();
    assert_mean(&squares, 1.0 / (a * (1.0 - 0.25 * epsilon * a)));
    let losses: Vec<f64> = squares.iter().map(|square| 0.5 * square).collect();
    assert_eq!(losses, chain.losses);
}

/// `$L = \sum_k w_k^4$`.
struct Quartic;

impl Objective for Quartic {
    fn n_parameters(&self) -> usize {
        3
    }

    fn value_and_gradient(&self, x: &[f64], gradient: &mut [f64]) -> f64 {
        let cubes = x.iter().map(|x| x * x * x);
        for (g, cube) in gradient.iter_mut().zip(cubes) {
            *g = 4.0 * cube;
        }
        x.iter().map(|x| x * x * x * x).sum()
    }
}

#[test]
fn learning_coefficients_of_known_singularities() {
    let options = LearningCoefficientOptions::new(1e6);
    let go = &mut |_: f64| ControlFlow::Continue(());
    // Half the rank, wherever the flat directions are.
    let bowl = Bowl(vec![0.0, 1.0, 2.0, 0.0, 0.5]);
    let found = local_learning_coefficient(&bowl, &[0.0; 5], &options, go).unwrap();
    let tolerance = Tolerance::statistical(4.0, found.standard_error);
    assert_close(found.value, 1.5, tolerance);
    assert!(found.standard_error < 0.05 && found.r_hat < 1.01);
    assert!(found.effective_sample_size > 1000.0);
    // A fourth power has 1/4; the prior must be weak beside it.
    let weak = options.with_precision(1e-3);
    let found = local_learning_coefficient(&Quartic, &[0.0; 3], &weak, go).unwrap();
    let tolerance = Tolerance::statistical(4.0, found.standard_error);
    assert_close(found.value, 0.75, tolerance);
    assert!(found.standard_error < 0.05);
}

#[test]
fn diagnostics_agree_with_arviz() {
    let document = golden::load("chains");
    for case in golden::array(golden::field(&document, "cases")) {
        let draws: Vec<Vec<f64>> = golden::array(golden::field(case, "draws"))
            .iter()
            .map(golden::vector)
            .collect();
        let chains: Vec<&[f64]> = draws.iter().map(Vec::as_slice).collect();
        for (actual, name) in [
            (effective_sample_size(&chains), "effective_sample_size"),
            (r_hat(&chains), "r_hat"),
        ] {
            let expected = golden::number(golden::field(case, name));
            assert_close(actual, expected, Tolerance::golden());
        }
    }
}

#[test]
fn diagnostics_of_an_autoregressive_chain() {
    // Its integrated autocorrelation time is (1 + rho) / (1 - rho).
    let rho: f64 = 0.8;
    let mut noise = vec![0.0; 200_000];
    fill_normal(&mut noise, &mut Stream::Posterior.rng(2, 0, 0));
    let mut x = noise[0];
    let chain: Vec<f64> = noise
        .iter()
        .map(|xi| {
            x = rho * x + (1.0 - rho * rho).sqrt() * xi;
            x
        })
        .collect();
    let expected = chain.len() as f64 * (1.0 - rho) / (1.0 + rho);
    let found = effective_sample_size(&[&chain]);
    assert!((found / expected - 1.0).abs() < 0.1, "{found} {expected}");
}

#[test]
fn degenerate_chains() {
    let three: &[f64] = &[1.0, 2.0, 3.0];
    assert!(r_hat(&[three]).is_nan() && effective_sample_size(&[three]).is_nan());
    assert!(r_hat(&[]).is_nan() && effective_sample_size(&[]).is_nan());
    let four: &[f64] = &[1.0; 4];
    assert!(r_hat(&[four, three]).is_nan() && effective_sample_size(&[four, three]).is_nan());
    assert_eq!((r_hat(&[four]), effective_sample_size(&[four])), (1.0, 4.0));
    let nan: &[f64] = &[1.0, f64::NAN, 2.0, 0.0];
    assert!(r_hat(&[nan]).is_nan() && effective_sample_size(&[nan]).is_nan());
}

#[test]
fn the_same_options_give_the_same_bits_and_a_break_ends_it() {
    let prior = Prior::standard(1);
    let options = PosteriorOptions::default().with_n_samples(50);
    let run = |options: &PosteriorOptions, last: usize| {
        let mut observe = |round: usize| match round == last {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        };
        sample_posterior(
            &TwoWells,
            &prior,
            &[1.0, 4.0],
            &[1.0],
            options,
            &mut observe,
        )
        .unwrap()
    };
    let all = run(&options, usize::MAX);
    assert_eq!(all, run(&options, usize::MAX));
    assert_ne!(all, run(&options.with_chain(1), usize::MAX));
    assert_ne!(all, run(&options.with_seed(1), usize::MAX));
    let part = run(&options, 1020);
    assert_eq!(part[1].losses, all[1].losses[..20]);
    assert!(run(&options, 10)[0].losses.is_empty());
}

/// A function that is infinite beyond 1.
struct Wall;

impl Objective for Wall {
    fn n_parameters(&self) -> usize {
        1
    }

    fn value_and_gradient(&self, x: &[f64], gradient: &mut [f64]) -> f64 {
        gradient[0] = 0.0;
        if x[0] > 1.0 { f64::NAN } else { 0.0 }
    }
}

#[test]
fn places_without_a_value_are_never_taken() {
    let options = PosteriorOptions::default().with_n_samples(500);
    let chains = sample_posterior(
        &Wall,
        &Prior::standard(1),
        &[1.0, 2.0],
        &[0.0],
        &options,
        &mut go,
    );
    for chain in chains.unwrap() {
        assert!(chain.places().all(|w| w[0] <= 1.0));
        assert!(chain.places().any(|w| w[0] > 0.5));
    }
}

#[test]
fn bad_values_are_named() {
    let bowl = Bowl(vec![1.0]);
    let standard = Prior::standard(1);
    let refused = |prior: &Prior, betas: &[f64], options: PosteriorOptions| {
        let found = sample_posterior(&bowl, prior, betas, &[0.0], &options, &mut go);
        found.unwrap_err().to_string()
    };
    let options = PosteriorOptions::default();
    let flat = Prior {
        precision: 0.0,
        ..standard.clone()
    };
    assert!(refused(&flat, &[1.0], options).starts_with("precision is 0"));
    assert!(refused(&standard, &[], options).contains("inverse temperatures"));
    assert!(refused(&standard, &[1.0, 1.0], options).starts_with("beta is 1"));
    assert!(refused(&standard, &[f64::NAN], options).starts_with("beta is NaN"));
    let none = options.with_n_samples(0);
    assert!(refused(&standard, &[1.0], none).starts_with("n_samples is 0"));
    let mut still = |_: &[f64], _: &mut [f64], _: &mut _| 0.0;
    let found = sgld(
        &mut still,
        &standard,
        1.0,
        &[0.0],
        &LangevinOptions::new(0.0),
        &mut go,
    );
    assert!(matches!(
        found,
        Err(TrainError::Value {
            name: "step_size",
            ..
        })
    ));
}

#[test]
fn uniform_numbers_are_never_0() {
    let mut rng = Stream::Posterior.rng(3, 0, 0);
    let draws: Vec<f64> = (0..10_000).map(|_| uniform(&mut rng)).collect();
    assert!(draws.iter().all(|u| *u > 0.0 && *u <= 1.0));
    assert_mean(&draws, 0.5);
}
