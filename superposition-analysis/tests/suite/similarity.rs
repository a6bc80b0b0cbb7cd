//! Similarity of representations, mutual information, sparsity.

use superposition_analysis::faer::Mat;
use superposition_analysis::*;
use superposition_testkit::tolerance::{Tolerance, assert_close};
use superposition_testkit::{geometry, oracle, proptest, strategy};

use proptest::prelude::*;

fn rounding() -> Tolerance {
    Tolerance::relative(1e-10)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn cka_has_the_right_invariances(
        (m, n) in (1_usize..6, 8_usize..30),
        seed in strategy::seed(),
        scale in 0.01_f64..100.0,
    ) {
        let a = geometry::random_gaussian(m, n, seed);
        let b = geometry::random_gaussian(3, n, seed ^ 1);
        let turned = geometry::rotate(geometry::random_rotation(m, seed ^ 2).as_ref(), a.as_ref());
        let turned = Mat::from_fn(m, n, |i, j| scale * turned[(i, j)] + i as f64);
        let order: Vec<usize> = (0..n).map(|j| (j + 3) % n).collect();
        let (moved_a, moved_b) = (
            geometry::permute_columns(a.as_ref(), &order),
            geometry::permute_columns(b.as_ref(), &order),
        );
        type Similarity = fn(faer::MatRef<'_, f64>, faer::MatRef<'_, f64>) -> Option<f64>;
        for similarity in [linear_cka as Similarity, linear_cka_debiased as Similarity] {
            let cka = similarity(a.as_ref(), b.as_ref()).unwrap();
            // The debiased numerator cancels: an absolute bound for both.
            let same = Tolerance::absolute(1e-9);
            prop_assert!(same.accepts(similarity(turned.as_ref(), b.as_ref()).unwrap(), cka));
            prop_assert!(same.accepts(similarity(b.as_ref(), a.as_ref()).unwrap(), cka));
            prop_assert!(same.accepts(similarity(moved_a.as_ref(), moved_b.as_ref()).unwrap(), cka));
            prop_assert!(same.accepts(similarity(a.as_ref(), turned.as_ref()).unwrap(), 1.0));
        }
        let cka = linear_cka(a.as_ref(), b.as_ref()).unwrap();
        prop_assert!((0.0..=1.0).contains(&cka));
        prop_assert!(rounding().accepts(cka, oracle::linear_cka(a.as_ref(), b.as_ref()).unwrap()));
    }

    #[test]
    fn equal_width_information_is_the_oracles(
        (x, y) in (2_usize..60).prop_flat_map(|n| {
            let values = || proptest::collection::vec(-3.0..5.0, n);
            (values(), values())
        }),
        n_bins in 1_usize..9,
    ) {
        let options = MutualInformationOptions::default().with_n_bins(n_bins);
        let found = mutual_information(&x, &y, &options).unwrap();
        let bins = [&x, &y].map(|values| oracle::equal_width_bins(values, n_bins));
        let bits = oracle::mutual_information(&bins[0], &bins[1]) / std::f64::consts::LN_2;
        prop_assert!(Tolerance::absolute(1e-12).accepts(found.bits, bits), "{} {bits}", found.bits);
        let swapped = mutual_information(&y, &x, &options).unwrap();
        prop_assert!(Tolerance::absolute(1e-12).accepts(swapped.bits, found.bits));
    }

    #[test]
    fn information_with_itself_is_entropy(x in proptest::collection::vec(-3.0_f64..5.0, 2..80), n_bins in 1_usize..12) {
        for binning in [Binning::EqualWidth, Binning::EqualFrequency] {
            let options = MutualInformationOptions::default().with_n_bins(n_bins).with_binning(binning);
            let found = mutual_information(&x, &x, &options).unwrap();
            prop_assert_eq!((found.occupied_x, found.occupied_y), (found.occupied_xy, found.occupied_xy));
            prop_assert!(found.bits <= (found.occupied_x as f64).log2() + 1e-12);
            if found.occupied_x == n_bins && x.len() % n_bins == 0 && binning == Binning::EqualFrequency {
                prop_assert!(Tolerance::absolute(1e-12).accepts(found.bits, (n_bins as f64).log2()));
            }
        }
    }
}

#[test]
fn constants_have_no_similarity() {
    let a = geometry::random_gaussian(3, 10, 1);
    let constant = Mat::from_fn(2, 10, |i, _| 0.1 + i as f64 / 3.0);
    assert_eq!(linear_cka(a.as_ref(), constant.as_ref()), None);
    assert_eq!(linear_cka(constant.as_ref(), a.as_ref()), None);
    assert_eq!(linear_cka_debiased(a.as_ref(), constant.as_ref()), None);
    let three = geometry::random_gaussian(3, 3, 1);
    assert_eq!(linear_cka_debiased(three.as_ref(), three.as_ref()), None);
    let one = geometry::random_gaussian(3, 1, 1);
    assert_eq!(linear_cka(one.as_ref(), one.as_ref()), None);
}

#[test]
fn cka_takes_both_element_types() {
    let a = geometry::random_gaussian(3, 12, 8);
    let single = Mat::from_fn(3, 12, |i, j| a[(i, j)] as f32);
    let cka = linear_cka(a.as_ref(), single.as_ref()).unwrap();
    assert_close(cka, 1.0, Tolerance::absolute(1e-6));
}

#[test]
fn the_largest_value_is_in_a_bin() {
    // Three equally likely bins of [0, 100, 200]; the seed's library dropped the 200.
    let options = MutualInformationOptions::default();
    let found = mutual_information(&[0.0_f32, 100.0, 200.0], &[0.0_f32, 100.0, 200.0], &options);
    let found = found.unwrap();
    assert_eq!((found.n_samples, found.occupied_xy), (3, 3));
    assert_close(found.bits, 3.0_f64.log2(), rounding());
    // (3 + 3 - 3 - 1) / (2 * 3 * ln 2) more.
    let bias = 1.0 / (3.0 * std::f64::consts::LN_2);
    assert_close(found.corrected_bits, found.bits + bias, rounding());
    // The ends of the range of f64.
    let ends = [f64::MIN, 0.0, f64::MAX];
    assert_close(
        mutual_information(&ends, &ends, &options).unwrap().bits,
        3.0_f64.log2(),
        rounding(),
    );
}

#[test]
fn a_constant_tells_nothing() {
    let x: Vec<f64> = (0..20).map(f64::from).collect();
    for binning in [Binning::EqualWidth, Binning::EqualFrequency] {
        let options = MutualInformationOptions::default().with_binning(binning);
        let found = mutual_information(&x, &[0.3; 20], &options).unwrap();
        assert_eq!((found.bits, found.corrected_bits), (0.0, 0.0));
    }
}

#[test]
fn a_sparse_feature_keeps_zero_apart_from_its_values() {
    // 80 % zeros: quantile edges would coincide at zero.
    let x: Vec<f64> = (0..20)
        .map(|s| if s % 5 == 0 { 1.0 + f64::from(s) } else { 0.0 })
        .collect();
    let active: Vec<f64> = x.iter().map(|&v| if v > 0.0 { 1.0 } else { 0.0 }).collect();
    let options = MutualInformationOptions::default()
        .with_n_bins(5)
        .with_binning(Binning::EqualFrequency);
    let found = mutual_information(&x, &active, &options).unwrap();
    let entropy = -0.2 * 0.2_f64.log2() - 0.8 * 0.8_f64.log2();
    assert_close(found.bits, entropy, rounding());
}

#[test]
fn the_correction_removes_the_bias_of_independent_variables() {
    // 64 pairs of 200 independent samples: plug-in information is far from 0, the corrected mean within its sampling error.
    let options = MutualInformationOptions::default().with_n_bins(5);
    let (mut plug_in, mut corrected) = (Vec::new(), Vec::new());
    for seed in 0..64 {
        let draws = geometry::random_uniform(2, 200, 1000 + seed);
        let row = |i| (0..200).map(|j| draws[(i, j)]).collect::<Vec<f64>>();
        let found = mutual_information(&row(0), &row(1), &options).unwrap();
        plug_in.push(found.bits);
        corrected.push(found.corrected_bits);
    }
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let spread = |values: &[f64]| {
        let center = mean(values);
        (values.iter().map(|v| (v - center).powi(2)).sum::<f64>() / (values.len() - 1) as f64)
            .sqrt()
    };
    let standard_error = spread(&corrected) / 8.0;
    assert_close(
        mean(&corrected),
        0.0,
        Tolerance::statistical(4.0, standard_error),
    );
    assert!(!Tolerance::statistical(4.0, standard_error).accepts(mean(&plug_in), 0.0));
}

#[test]
fn sparsity_of_activations() {
    let activations = from_rows(&[0.0, 1e-7, 0.5, f64::NAN, 0.0, 0.0, 0.0, -2.0], 2, 4);
    let sparsity = feature_sparsity(activations, 1e-6);
    assert!(sparsity[0].is_nan());
    assert_eq!(sparsity[1], 0.75);
    assert!(feature_sparsity(from_rows::<f32>(&[], 2, 0), 0.0)[0].is_nan());
}
