//! The quadratic model against samples, differences and a direct search.

use proptest::prelude::*;
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng as _};
use superposition_model::ModelError;
use superposition_model::faer::Mat;
use superposition_model::quadratic::QuadraticModel;
use superposition_testkit::oracle::finite_difference;
use superposition_testkit::tolerance::{Tolerance, assert_all_close, assert_close};

fn uniform(rng: &mut ChaCha8Rng) -> f64 {
    f64::from(rng.next_u32()) / 2_f64.powi(32)
}

#[test]
fn the_loss_is_the_variance_of_the_error() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let (v, kurtosis) = (vec![1.0, 0.7, 0.2], 4.0);
    let w = Mat::from_fn(2, 3, |_, _| uniform(&mut rng) - 0.5);
    let loss = QuadraticModel::new(v.clone(), kurtosis)
        .unwrap()
        .loss(w.as_ref());
    // x is +-2 one time in four: square 1, fourth power 4.
    let n = 400_000;
    let errors: Vec<f64> = (0..n)
        .map(|_| {
            let x: Vec<f64> = (0..3)
                .map(|_| match (4.0 * uniform(&mut rng)) as u32 {
                    0 if rng.next_u32() % 2 == 0 => 2.0,
                    0 => -2.0,
                    _ => 0.0,
                })
                .collect();
            let target: f64 = x.iter().zip(&v).map(|(x, v)| v * x * x).sum();
            let hidden = |k: usize| (0..3).map(|i| w[(k, i)] * x[i]).sum::<f64>();
            target - (0..2).map(|k| hidden(k).powi(2)).sum::<f64>()
        })
        .collect();
    let mean = errors.iter().sum::<f64>() / f64::from(n);
    let squares: Vec<f64> = errors.iter().map(|e| (e - mean).powi(2)).collect();
    let variance = squares.iter().sum::<f64>() / f64::from(n);
    let fourth = squares.iter().map(|s| (s - variance).powi(2)).sum::<f64>() / f64::from(n);
    let standard_error = (fourth / f64::from(n)).sqrt();
    assert_close(variance, loss, Tolerance::statistical(4.0, standard_error));
}

proptest! {
    #[test]
    fn the_gradient_is_that_of_the_loss(values in prop::collection::vec(-1.5..1.5_f64, 8), kurtosis in 1.5..9.0_f64) {
        let model = QuadraticModel::new(vec![1.0, 0.8, 0.5, 0.1], kurtosis).unwrap();
        let w = |x: &[f64]| Mat::from_fn(2, 4, |k, i| x[2 * i + k]);
        let mut gradient = vec![0.0; 8];
        let loss = model.loss_and_gradient_into(w(&values).as_ref(), &mut gradient);
        prop_assert_eq!(loss, model.loss(w(&values).as_ref()));
        let differences = finite_difference(|x| model.loss(w(x).as_ref()), &values, 1e-5);
        for (k, difference) in differences.into_iter().enumerate() {
            prop_assert!(Tolerance::absolute(1e-5).accepts(gradient[k], difference));
        }
    }

    #[test]
    fn no_other_allocation_is_better(
        v in prop::collection::vec(0.0..2.0_f64, 2..7),
        kurtosis in 1.5..20.0_f64,
        n_hidden in 0..4usize,
        shift in 0.0..1.0_f64,
        pair in (0..7usize, 0..7usize),
    ) {
        let model = QuadraticModel::new(v.clone(), kurtosis).unwrap();
        let capacities = model.allocate(n_hidden);
        let loss = |c: &[f64]| (0..c.len()).map(|i| model.feature_loss(i, c[i])).sum::<f64>();
        let sum: f64 = capacities.iter().sum();
        let n_positive = v.iter().filter(|&&v| v > 0.0).count();
        prop_assert!(Tolerance::absolute(1e-9).accepts(sum, n_hidden.min(n_positive) as f64));
        prop_assert!(capacities.iter().all(|c| (0.0..=1.0).contains(c)));
        // Moving capacity from one feature to another does not help.
        let (from, to) = (pair.0 % v.len(), pair.1 % v.len());
        let mut moved = capacities.clone();
        let amount = shift * moved[from].min(1.0 - moved[to]);
        moved[from] -= amount;
        moved[to] += amount;
        prop_assert!(loss(&moved) >= loss(&capacities) - 1e-9 || from == to);
    }
}

#[test]
fn allocations_by_hand() {
    let allocate = |kurtosis: f64, v: Vec<f64>, m: usize| {
        QuadraticModel::new(v, kurtosis).unwrap().allocate(m)
    };
    let powers: Vec<f64> = (0..6).map(|i| 0.8_f64.powi(i)).collect();
    let four = allocate(4.0, powers.clone(), 3);
    // (K v_i - 2 v_j) / ((K - 2)(v_i + v_j)) of 0.64 and 0.512.
    let share = (3.0 * 0.64 - 2.0 * 0.512) / (0.64 + 0.512);
    assert_all_close(
        &four[..4],
        &[1.0, 1.0, share, 1.0 - share],
        Tolerance::absolute(1e-12),
    );
    assert_eq!(four[4..], [0.0, 0.0]);
    assert_eq!(
        allocate(2.0, powers.clone(), 3),
        [1.0, 1.0, 1.0, 0.0, 0.0, 0.0]
    );
    assert_eq!(allocate(9.0, powers, 6), [1.0; 6]);
    assert_eq!(allocate(9.0, vec![0.0, 1.0], 2), [0.0, 1.0]);
    assert_eq!(allocate(2.0, vec![1.0, 1.0], 1), [1.0, 0.0]);
}

#[test]
fn a_feature_without_capacity_costs_its_variance_and_a_whole_one_nothing() {
    let model = QuadraticModel::new(vec![0.5], 5.0).unwrap();
    assert_eq!(model.feature_loss(0, 0.0), 4.0 * 0.25);
    assert_eq!(model.feature_loss(0, 1.0), 0.0);
    let slope = finite_difference(|c| model.feature_loss(0, c[0]), &[0.3], 1e-5)[0];
    assert_close(
        model.marginal_benefit(0, 0.3),
        -slope,
        Tolerance::absolute(1e-8),
    );
}

#[test]
fn bad_numbers_are_refused() {
    for (v, kurtosis, said) in [
        (vec![], 3.0, "number of coefficients"),
        (
            vec![1.0, -1.0],
            3.0,
            "coefficient of the quadratic model is -1",
        ),
        (vec![f64::NAN], 3.0, "NaN"),
        (vec![1.0], 1.0, "kurtosis"),
        (vec![1.0], f64::INFINITY, "kurtosis"),
    ] {
        let error: ModelError = QuadraticModel::new(v, kurtosis).unwrap_err();
        assert!(error.to_string().contains(said), "{error}");
    }
}
