//! Functions whose minima are known, and models that mean the same.

use std::f64::consts::TAU;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;

use proptest::prelude::*;
use superposition_model::{
    Coupling, Dimensions, FeatureDistribution, FeatureProbability, FeatureSets, ToyModelConfig,
};
use superposition_testkit::tolerance::{Tolerance, assert_all_close, assert_close};
use superposition_train::faer::Mat;

use superposition_train::Stream;
use superposition_train::optimum::*;

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

/// A function by its formula.
struct Formula<F>(usize, F);

impl<F: Fn(&[f64], &mut [f64]) -> f64> Objective for Formula<F> {
    fn n_parameters(&self) -> usize {
        self.0
    }
    fn value_and_gradient(&self, x: &[f64], gradient: &mut [f64]) -> f64 {
        (self.1)(x, gradient)
    }
}

fn found<O: Objective>(objective: &O, start: &[f64]) -> Minimized {
    let go_on = &mut |_: &MinimizeProgress| ControlFlow::Continue(());
    minimize(objective, start, &MinimizeOptions::default(), go_on)
}

/// Rosenbrock's chained valley: the minimum is at 1 everywhere.
fn rosenbrock(x: &[f64], gradient: &mut [f64]) -> f64 {
    gradient.fill(0.0);
    let mut value = 0.0;
    for i in 1..x.len() {
        let (u, v) = (x[i] - x[i - 1] * x[i - 1], 1.0 - x[i - 1]);
        value += 100.0 * u * u + v * v;
        gradient[i] += 200.0 * u;
        gradient[i - 1] -= 400.0 * u * x[i - 1] + 2.0 * v;
    }
    value
}

#[test]
fn rosenbrocks_valley() {
    for n in [2, 5, 20] {
        let start: Vec<f64> = (0..n)
            .map(|i| if i % 2 == 0 { -1.2 } else { 1.0 })
            .collect();
        let valley = Formula(n, rosenbrock);
        let found = found(&valley, &start);
        assert_eq!(found.stop, MinimizeStop::Converged, "{found:?}");
        assert!(found.gradient_norm <= 1e-10 && found.n_evaluations < 120 * n);
        // From n = 4 on there is a second minimum near x_0 = -1, with a value near 4.
        if found.value < 1.0 {
            assert_all_close(&found.x, &vec![1.0; n], Tolerance::absolute(1e-9));
        } else {
            assert!(found.value > 3.5 && found.value < 4.1, "{}", found.value);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]
    /// (x - c)^T diag(l) (x - c) / 2 with conditions up to 10^6: the minimum is at c, the spectrum is l.
    #[test]
    fn quadratic_functions(
        n in 1_usize..8,
        exponents in prop::collection::vec(-3.0..3.0, 8),
        centre in prop::collection::vec(-5.0..5.0, 8),
        start in prop::collection::vec(-5.0..5.0, 8),
    ) {
        let scale: Vec<f64> = exponents[..n].iter().map(|&e| 10_f64.powf(e)).collect();
        let bowl = Formula(n, |x: &[f64], gradient: &mut [f64]| {
            let mut value = 0.0;
            for i in 0..n {
                let u = x[i] - centre[i];
                gradient[i] = scale[i] * u;
                value += 0.5 * scale[i] * u * u;
            }
            value
        });
        let found = found(&bowl, &start[..n]);
        prop_assert!(found.gradient_norm <= 1e-10, "{:?}", found);
        for i in 0..n {
            // |x - c| = |gradient| / l.
            assert_close(found.x[i], centre[i], Tolerance::absolute(1e-10 / scale[i] + 1e-14));
        }
        let curvature = Curvature::new(hessian(&bowl, &found.x).as_ref(), Mat::zeros(n, 0).as_ref(), 1e-8);
        let mut sorted = scale.clone();
        sorted.sort_by(f64::total_cmp);
        let tolerance = Tolerance::absolute(1e-8 * sorted[n - 1]);
        assert_all_close(&curvature.eigenvalues, &sorted, tolerance);
        prop_assert_eq!((curvature.rank, curvature.critical_point), (n, CriticalPoint::Minimum));
    }
}

/// f is smooth once only, as the expected loss can be: |x|^3 / 3 - x on one side, a quadratic on the other.
#[test]
fn a_jump_of_the_second_derivative_at_the_minimum() {
    let kinked = Formula(1, |x: &[f64], gradient: &mut [f64]| {
        let stiffness = if x[0] > 0.3 { 50.0 } else { 1.0 };
        let u = x[0] - 0.3;
        gradient[0] = stiffness * u;
        0.5 * stiffness * u * u
    });
    for start in [-2.0, 0.31, 3.0] {
        let found = found(&kinked, &[start]);
        assert_eq!(found.stop, MinimizeStop::Converged);
        assert_close(found.x[0], 0.3, Tolerance::absolute(1e-10));
    }
}

#[test]
fn what_is_not_finite_is_too_far() {
    // -ln x + x: infinite and NaN on the left, the minimum at 1.
    let wall = Formula(1, |x: &[f64], gradient: &mut [f64]| {
        gradient[0] = 1.0 - 1.0 / x[0];
        x[0] - x[0].ln()
    });
    assert_close(found(&wall, &[20.0]).x[0], 1.0, Tolerance::absolute(1e-9));
    assert_eq!(found(&wall, &[-1.0]).stop, MinimizeStop::NotFinite);
}

#[test]
fn the_observer_ends_it() {
    let valley = Formula(2, rosenbrock);
    let mut seen = Vec::new();
    let found = minimize(
        &valley,
        &[-1.2, 1.0],
        &MinimizeOptions::default(),
        &mut |step| {
            seen.push(*step);
            if step.iteration == 3 {
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        },
    );
    assert_eq!(
        (found.stop, found.n_iterations),
        (MinimizeStop::Interrupted, 3)
    );
    assert!(seen.is_sorted_by(|a, b| a.value >= b.value) && seen.len() == 4);
}

const ONE: NonZeroUsize = NonZeroUsize::MIN;

fn config(n_features: usize, n_hidden: usize) -> ToyModelConfig {
    ToyModelConfig::new(Dimensions {
        n_features,
        n_hidden,
    })
}

fn same_probability(n: usize) -> FeatureDistribution {
    FeatureDistribution::new(n, &FeatureProbability::Same(0.1)).unwrap()
}

/// Planar directions with these angles in turns and lengths, then biases.
fn planar(angles_and_norms: &[(f64, f64)], bias: &[f64]) -> Vec<f64> {
    let mut parameters = Vec::new();
    for (turns, norm) in angles_and_norms {
        let (sin, cos) = (TAU * turns).sin_cos();
        parameters.extend([norm * cos, norm * sin]);
    }
    parameters.extend(bias);
    parameters
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    /// A model with its features exchanged, its hidden space turned, and mirrored.
    #[test]
    fn planted_rotations_and_permutations_are_found(
        n in 1_usize..9,
        m in 1_usize..4,
        seed in 0_u64..1000,
        order in Just((0_usize..8).collect::<Vec<_>>()).prop_shuffle(),
        angle in 0.0..TAU,
        mirror: bool,
    ) {
        use rand::Rng;
        let mut rng = Stream::Data.rng(seed, 0, 0);
        let mut draw = || f64::from(rng.next_u32()) / 2_f64.powi(31) - 1.0;
        let order: Vec<usize> = order.into_iter().filter(|&i| i < n).collect();
        let a: Vec<f64> = (0..n * m + n).map(|_| draw()).collect();
        let (sin, cos) = angle.sin_cos();
        let mut b = vec![0.0; a.len()];
        for (i, &to) in order.iter().enumerate() {
            let mut w = a[i * m..(i + 1) * m].to_vec();
            if m > 1 {
                (w[0], w[m - 1]) = (cos * w[0] - sin * w[m - 1], sin * w[0] + cos * w[m - 1]);
            }
            if mirror {
                w[0] = -w[0];
            }
            b[to * m..(to + 1) * m].copy_from_slice(&w);
            b[n * m + to] = a[n * m + i];
        }
        let symmetry = Symmetry::new(config(n, m), &same_probability(n), &vec![1.0; n]).unwrap();
        prop_assert_eq!(symmetry.permutation(&a, &b, 1e-9), Some(order.clone()));
        // The bias of one feature is another: no longer the same.
        b[n * m] += 0.01;
        prop_assert_eq!(symmetry.permutation(&a, &b, 1e-3), None);
    }
}

#[test]
fn different_geometries_are_told_apart() {
    let symmetry = Symmetry::new(config(5, 2), &same_probability(5), &[1.0; 5]).unwrap();
    let zeros = [0.0; 5];
    let pentagon: Vec<_> = (0..5).map(|k| (f64::from(k) / 5.0, 1.0)).collect();
    let star: Vec<_> = (0..5).map(|k| (f64::from(2 * k) / 5.0, 1.0)).collect();
    let digons = [(0.0, 1.0), (0.5, 1.0), (0.25, 1.0), (0.75, 1.0), (0.0, 0.0)];
    let crossed = [
        (0.1, 1.0),
        (0.25, 0.0),
        (0.85, 1.0),
        (0.35, 1.0),
        (0.6, 1.0),
    ];
    let [pentagon, star, digons, crossed] =
        [&pentagon[..], &star, &digons, &crossed].map(|w| planar(w, &zeros));
    assert!(symmetry.permutation(&pentagon, &star, 1e-9).is_some());
    assert!(symmetry.permutation(&digons, &crossed, 1e-9).is_some());
    assert!(symmetry.permutation(&pentagon, &digons, 1e-3).is_none());
    // Turned against each other the digons are another model, with the same norms.
    let skew = planar(
        &[(0.0, 1.0), (0.5, 1.0), (0.24, 1.0), (0.74, 1.0), (0.0, 0.0)],
        &zeros,
    );
    assert!(symmetry.permutation(&digons, &skew, 1e-3).is_none());
}

#[test]
fn what_the_task_tells_apart_is_not_exchanged() {
    let a = planar(&[(0.0, 1.0), (0.1, 2.0), (0.4, 1.5), (0.8, 1.2)], &[0.0; 4]);
    let exchanged = |i: usize, j: usize| {
        let mut b = a.clone();
        for k in 0..2 {
            b.swap(2 * i + k, 2 * j + k);
        }
        b
    };
    let importance =
        Symmetry::new(config(4, 2), &same_probability(4), &[1.0, 1.0, 0.5, 0.5]).unwrap();
    assert!(importance.permutation(&a, &exchanged(0, 1), 1e-9).is_some());
    assert!(importance.permutation(&a, &exchanged(1, 2), 1e-9).is_none());
    let p = FeatureProbability::PerFeature(vec![0.1, 0.1, 0.2, 0.2]);
    let distribution = FeatureDistribution::new(4, &p).unwrap();
    let probability = Symmetry::new(config(4, 2), &distribution, &[1.0; 4]).unwrap();
    assert!(
        probability
            .permutation(&a, &exchanged(2, 3), 1e-9)
            .is_some()
    );
    assert!(
        probability
            .permutation(&a, &exchanged(0, 3), 1e-9)
            .is_none()
    );
    let pairs = same_probability(4)
        .with_sets(FeatureSets::Correlated { set_size: 2 })
        .unwrap();
    let pairs = Symmetry::new(config(4, 2), &pairs, &[1.0; 4]).unwrap();
    assert!(pairs.permutation(&a, &exchanged(0, 1), 1e-9).is_some());
    assert!(pairs.permutation(&a, &exchanged(1, 2), 1e-9).is_none());
}

#[test]
fn dimensions_of_orbits() {
    let orbit = |n, m, coupling, w: &[f64]| {
        let config = config(n, m).with_coupling(coupling);
        let symmetry = Symmetry::new(config, &same_probability(n), &vec![1.0; n]).unwrap();
        let mut parameters = w.to_vec();
        if coupling == Coupling::Untied {
            parameters.extend(w);
        }
        parameters.extend(vec![0.0; n]);
        symmetry.orbit_directions(&parameters).ncols()
    };
    // O(2) turns the plane; a line in it too; in one dimension there is nothing to turn.
    assert_eq!(orbit(2, 2, Coupling::Tied, &[1.0, 0.0, 0.3, 2.0]), 1);
    assert_eq!(orbit(2, 2, Coupling::Tied, &[1.0, 0.0, 0.3, 0.0]), 1);
    assert_eq!(orbit(2, 1, Coupling::Tied, &[1.0, -1.0]), 0);
    // A line in space can be turned to a sphere of others, and around itself for nothing.
    assert_eq!(orbit(1, 3, Coupling::Tied, &[1.0, 2.0, 3.0]), 2);
    assert_eq!(
        orbit(2, 3, Coupling::Tied, &[1.0, 2.0, 3.0, 0.0, 1.0, 0.0]),
        3
    );
    assert_eq!(orbit(2, 2, Coupling::Tied, &[0.0; 4]), 0);
    // Untied: all of GL(2); and of a line, 4 - 1.
    assert_eq!(orbit(2, 2, Coupling::Untied, &[1.0, 0.0, 0.3, 2.0]), 4);
    assert_eq!(orbit(2, 2, Coupling::Untied, &[1.0, 0.0, 0.3, 0.0]), 3);
}

/// Squared distance of G from a matrix, and of b from 0: its minima are known, and it has the symmetry of a tied model.
fn nearest_gram(target: Mat<f64>, m: usize) -> impl Objective + Sync {
    let n = target.nrows();
    Formula(n * m + n, move |x: &[f64], gradient: &mut [f64]| {
        gradient.fill(0.0);
        let w = |i: usize| &x[i * m..(i + 1) * m];
        let mut value = 0.0;
        for i in 0..n {
            for j in 0..n {
                let off = dot(w(i), w(j)) - target[(i, j)];
                value += off * off;
                for k in 0..m {
                    gradient[i * m + k] += 4.0 * off * w(j)[k];
                }
            }
            value += x[n * m + i] * x[n * m + i];
            gradient[n * m + i] += 2.0 * x[n * m + i];
        }
        value
    })
}

const QUIET: &(dyn Fn(&OptimumProgress) -> ControlFlow<()> + Sync) = &|_| ControlFlow::Continue(());

#[test]
fn the_best_approximation_by_rank_two() {
    // G = diag(3, 2, 1): the best of rank 2 drops the 1, for a loss of 1. Dropping another is a saddle.
    let target = Mat::from_fn(3, 3, |i, j| if i == j { 3.0 - i as f64 } else { 0.0 });
    let objective = nearest_gram(target, 2);
    let symmetry = Symmetry::new(config(3, 2), &same_probability(3), &[3.0, 2.0, 1.0]).unwrap();
    let saddle = vec![3_f64.sqrt(), 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0];
    let options = OptimumOptions::default().with_n_starts(7).with_seed(3);
    let one = optimum(
        &objective,
        &symmetry,
        std::slice::from_ref(&saddle),
        &options,
        ONE,
        QUIET,
    )
    .unwrap();
    assert_eq!(
        (one.n_starts, one.basins.len(), one.n_further),
        (8, 2, 2),
        "{one:?}"
    );
    let [best, dropped] = &one.basins[..] else {
        unreachable!()
    };
    assert_close(best.value(), 1.0, Tolerance::absolute(1e-12));
    assert_eq!(
        (&best.starts[..], best.n_further),
        (&[1, 2, 3, 4, 5, 6, 7][..], 2)
    );
    let curvature = best.curvature.as_ref().unwrap();
    assert_eq!(curvature.critical_point, CriticalPoint::Minimum);
    assert_eq!(
        (curvature.n_flat, curvature.n_symmetric, curvature.rank),
        (1, 1, 8)
    );
    assert_close(dropped.value(), 4.0, Tolerance::absolute(1e-12));
    assert!(dropped.is_saddle() && dropped.starts == [0]);
    // Whatever the threads.
    let four = NonZeroUsize::new(4).unwrap();
    let again = optimum(&objective, &symmetry, &[saddle], &options, four, QUIET).unwrap();
    assert_eq!(one, again);
}

#[test]
fn a_continuum_of_optima_is_degenerate() {
    // Every plane of three dimensions is as good for the identity.
    let objective = nearest_gram(Mat::identity(3, 3), 2);
    let symmetry = Symmetry::new(config(3, 2), &same_probability(3), &[1.0; 3]).unwrap();
    let options = OptimumOptions::default().with_n_starts(4);
    let found = optimum(&objective, &symmetry, &[], &options, ONE, QUIET).unwrap();
    let [basin] = &found.basins[..] else {
        panic!("{found:?}")
    };
    assert_close(basin.value(), 1.0, Tolerance::absolute(1e-12));
    assert_eq!(
        (&basin.starts[..], basin.n_different),
        (&[0, 1, 2, 3][..], 4)
    );
    let curvature = basin.curvature.as_ref().unwrap();
    // The planes of space are a manifold of two dimensions.
    assert_eq!((curvature.n_flat, curvature.n_symmetric), (3, 1));
    assert_eq!(curvature.critical_point, CriticalPoint::Degenerate);
}

#[test]
fn bad_input_and_interruption() {
    let objective = nearest_gram(Mat::identity(3, 3), 2);
    let symmetry = Symmetry::new(config(3, 2), &same_probability(3), &[1.0; 3]).unwrap();
    let refused = |given: &[Vec<f64>], options: OptimumOptions| {
        let outcome = optimum(&objective, &symmetry, given, &options, ONE, QUIET);
        outcome.unwrap_err().to_string()
    };
    let options = OptimumOptions::default();
    assert_eq!(
        refused(&[], options.with_n_starts(0)),
        "n_starts is 0; it must be at least 1"
    );
    assert_eq!(
        refused(&[vec![f64::NAN; 9]], options),
        "a start is NaN; it must be finite everywhere"
    );
    assert_eq!(
        refused(&[], options.with_flat_tolerance(-1.0)),
        "flat_tolerance is -1; it must be finite and at least 0"
    );
    let stopped = optimum(&objective, &symmetry, &[], &options, ONE, &|at| {
        if at.n_finished == 3 {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    });
    let stopped = stopped.unwrap();
    assert!(stopped.interrupted);
    let ended: usize = stopped.basins.iter().map(|basin| basin.starts.len()).sum();
    assert_eq!(ended, 3);
    assert!(stopped.basins.iter().all(|basin| basin.curvature.is_none()));
}

/// (x^2 - 1)^2 / 4 + t x: two wells at -1 and 1 that exchange their order at t = 0.
fn wells(t: f64) -> impl Objective {
    Formula(1, move |x: &[f64], gradient: &mut [f64]| {
        let u = x[0] * x[0] - 1.0;
        gradient[0] = u * x[0] + t;
        0.25 * u * u + t * x[0]
    })
}

fn along(family: &dyn Fn(f64) -> Box<dyn Objective>, start: f64, range: (f64, f64)) -> Branch {
    let go_on = &mut |_: &BranchPoint| ControlFlow::Continue(());
    follow(family, &[start], range, &FollowOptions::default(), go_on)
}

#[test]
fn two_wells_cross_and_the_upper_one_ends() {
    let family = |t: f64| -> Box<dyn Objective> { Box::new(wells(t)) };
    let right = along(&family, 1.0, (-0.6, 0.6));
    let left = along(&family, -1.0, (0.6, -0.6));
    let fold = 2.0 / 27_f64.sqrt();
    for (branch, end) in [(&right, fold), (&left, -fold)] {
        assert_eq!(branch.stop, BranchStop::Ended);
        let last = branch.points.last().unwrap();
        assert_close(last.parameter, end, Tolerance::absolute(1e-3));
        assert!(branch.points.iter().all(|point| point.n_negative == 0));
        for point in &branch.points {
            // dL/dt is x, along the branch.
            assert_close(point.slope, point.found.x[0], Tolerance::absolute(1e-8));
        }
    }
    let met = crossing(&family, &right, &left, 1e-9, &FollowOptions::default()).unwrap();
    assert_close(met.parameter, 0.0, Tolerance::absolute(1e-9));
    assert_all_close(&met.slopes, &[1.0, -1.0], Tolerance::absolute(1e-8));
    assert_close(met.distance, 2.0, Tolerance::absolute(1e-8));
    assert!(met.is_first_order(1e-3));
    // A branch and a higher copy of it do not cross.
    let mut higher = right.clone();
    higher.points.truncate(3);
    assert!(crossing(&family, &higher, &left, 1e-9, &FollowOptions::default()).is_none());
}

/// x^4 / 4 - t x^2 / 2: the minimum at 0 becomes a saddle at t = 0, from which two minima depart.
#[test]
fn a_minimum_that_becomes_a_saddle_is_seen() {
    let family = |t: f64| -> Box<dyn Objective> {
        Box::new(Formula(1, move |x: &[f64], gradient: &mut [f64]| {
            gradient[0] = x[0].powi(3) - t * x[0];
            0.25 * x[0].powi(4) - 0.5 * t * x[0] * x[0]
        }))
    };
    let straight = along(&family, 0.0, (-1.0, 1.0));
    assert_eq!(straight.stop, BranchStop::Finished);
    for point in &straight.points {
        assert_eq!(
            point.n_negative,
            usize::from(point.parameter > 1e-9),
            "{point:?}"
        );
    }
    // From the other side the minimum at sqrt t meets it, with the slope it has there: a continuous transition.
    let bent = along(&family, 1.0, (1.0, 0.01));
    for point in &bent.points {
        assert_close(
            point.found.x[0],
            point.parameter.sqrt(),
            Tolerance::absolute(1e-7),
        );
        assert_eq!(point.n_negative, 0);
    }
}
