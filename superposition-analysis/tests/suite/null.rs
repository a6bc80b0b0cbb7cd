//! Null baselines: closed forms against mpmath and SciPy, statistics of pairs against NumPy, simulations against closed forms.

use superposition_analysis::*;
use superposition_testkit::golden::{self, array, field, number, vector};
use superposition_testkit::proptest::prelude::*;
use superposition_testkit::tolerance::{
    Tolerance, assert_all_close, assert_close, assert_option_close,
};
use superposition_testkit::{geometry, oracle, strategy};

fn whole(seed: u64) -> NullOptions {
    NullOptions::new(seed).with_rows(usize::MAX)
}

#[test]
fn tails_of_the_cosine_down_to_where_f64_has_none() {
    let file = golden::load("null.json");
    for case in array(field(&file, "tails")) {
        let m = number(field(case, "m"));
        let cosine = IsotropicCosine::new(m as usize);
        let cosines = vector(field(case, "cosines"));
        let expected = vector(field(case, "ln_survival"));
        for (&c, &expected) in cosines.iter().zip(&expected) {
            // A few ulps of the exponent m/2 ln(1 - c^2), and one for each of some sqrt(m) steps of the continued fraction.
            let scale = 1.0 + expected.abs();
            let steps = 16 + 2 * m.sqrt() as usize;
            let tolerance = Tolerance::reduction_f64(steps, scale);
            assert_close(cosine.ln_survival(c), expected, tolerance);
            let tail = expected.exp();
            let relative = Tolerance::reduction_f64(steps, scale * tail);
            if expected > -700.0 {
                assert_close(cosine.survival(c), tail, relative);
                assert_close(
                    cosine.survival_sq(c * c),
                    2.0 * tail,
                    Tolerance::relative(1e-9),
                );
            }
            assert_close(
                cosine.survival(-c),
                1.0 - tail,
                Tolerance::reduction_f64(16, 1.0),
            );
        }
        let tails = vector(field(case, "tails"));
        for (&tail, &expected) in tails.iter().zip(&vector(field(case, "quantiles"))) {
            let found = cosine.upper_quantile(tail);
            assert_close(found, expected, Tolerance::relative(1e-8));
            assert_eq!(
                cosine.upper_quantile(1.0 - 0.25),
                -cosine.upper_quantile(0.25)
            );
            // The smallest cosine whose tail is no larger.
            let ln_tail = tail.ln();
            assert!(cosine.ln_survival(found) <= ln_tail);
            assert!(found == 1.0 || cosine.ln_survival(found - 1e-9) >= ln_tail);
        }
    }
}

#[test]
fn cosines_in_one_two_and_three_dimensions() {
    let line = IsotropicCosine::new(1);
    for (c, survival) in [
        (-1.5, 1.0),
        (-1.0, 0.5),
        (0.0, 0.5),
        (0.9, 0.5),
        (1.0, 0.0),
        (2.0, 0.0),
    ] {
        assert_eq!(line.survival(c), survival);
    }
    assert_eq!((line.mean_sq(), line.variance_sq()), (1.0, 0.0));
    assert_eq!((line.survival_sq(0.5), line.survival_sq(1.0)), (1.0, 0.0));
    assert_eq!(
        (line.upper_quantile(0.6), line.upper_quantile(0.4)),
        (-1.0, 1.0)
    );
    // Two cosines of either sign: both are -1 in one case of four.
    let largest = line.largest_of(2.0);
    assert_eq!(largest.mean, 0.5);
    assert_close(
        largest.std.unwrap(),
        0.75_f64.sqrt(),
        Tolerance::ulps_f64(2),
    );
    let tolerance = Tolerance::reduction_f64(16, 1.0);
    let (circle, sphere) = (IsotropicCosine::new(2), IsotropicCosine::new(3));
    for k in -9..=9 {
        let c = f64::from(k) / 10.0;
        assert_close(
            circle.survival(c),
            c.acos() / std::f64::consts::PI,
            tolerance,
        );
        assert_close(sphere.survival(c), (1.0 - c) / 2.0, tolerance);
    }
    for cosine in [circle, sphere, IsotropicCosine::new(500)] {
        assert_eq!(
            (
                cosine.survival(-1.0),
                cosine.survival(0.0),
                cosine.survival(1.0)
            ),
            (1.0, 0.5, 0.0)
        );
        assert_eq!(
            (cosine.upper_quantile(0.0), cosine.upper_quantile(0.5)),
            (1.0, 0.0)
        );
        assert_eq!(
            (cosine.survival_sq(-0.1), cosine.survival_sq(0.0)),
            (1.0, 1.0)
        );
        assert!(cosine.survival(f64::NAN).is_nan());
    }
}

#[test]
fn the_largest_of_many_cosines() {
    let file = golden::load("null.json");
    for case in array(field(&file, "largest")) {
        let get = |key| number(field(case, key));
        let found = IsotropicCosine::new(get("m") as usize).largest_of(get("count"));
        assert_close(found.mean, get("mean"), Tolerance::absolute(1e-9));
        assert_close(found.std.unwrap(), get("std"), Tolerance::relative(1e-7));
        let quantiles = found.quantiles.unwrap();
        assert_all_close(
            &[quantiles.p05, quantiles.median, quantiles.p95],
            &vector(field(case, "quantiles")),
            Tolerance::absolute(1e-12),
        );
    }
}

#[test]
fn statistics_of_pairs() {
    let file = golden::load("null.json");
    for case in array(field(&file, "dictionaries")) {
        let w = golden::matrix(field(case, "w"));
        let get = |key| number(field(case, key));
        let options = NullOptions::new(0).with_edge_threshold(get("threshold"));
        let found = pair_statistics(w.as_ref(), &options).unwrap().unwrap();
        let agreement = Tolerance::golden();
        assert_close(found.mean_interference, get("mean_interference"), agreement);
        assert_close(
            found.nearest_cosine_mean,
            get("nearest_cosine_mean"),
            agreement,
        );
        let quantiles = [
            found.nearest_cosine_p05,
            found.nearest_cosine_median,
            found.nearest_cosine_p95,
        ];
        assert_all_close(
            &quantiles,
            &vector(field(case, "nearest_cosine_quantiles")),
            agreement,
        );
        assert_close(found.max_cosine.unwrap(), get("max_cosine"), agreement);
        assert_close(found.min_cosine.unwrap(), get("min_cosine"), agreement);
        assert_close(found.mean_degree, get("mean_degree"), agreement);
    }
}

/// Sizes around the tiles of 256 features, against plain loops.
#[test]
fn statistics_of_pairs_at_the_edges_of_tiles() {
    for n in [2, 3, 255, 256, 257, 520] {
        let w = geometry::random_gaussian(6, n, n as u64);
        let cosines = oracle::cosines(w.as_ref());
        let others = |i: usize| (0..n).filter(move |&j| j != i);
        let nearest = |i: usize| others(i).map(|j| cosines[(i, j)]).fold(-1.0, f64::max);
        let mean = (0..n).map(nearest).sum::<f64>() / n as f64;
        let edges = (0..n).flat_map(|i| others(i).map(move |j| (i, j)));
        let degree = edges.filter(|&at| cosines[at] * cosines[at] > 0.05).count() as f64 / n as f64;
        let options = NullOptions::new(0);
        let found = pair_statistics(w.as_ref(), &options).unwrap().unwrap();
        assert_close(found.nearest_cosine_mean, mean, Tolerance::golden());
        assert_close(found.mean_degree, degree, Tolerance::golden());
        let report = analyze(w.as_ref(), &AnalysisOptions::default()).unwrap();
        assert_close(
            found.max_cosine.unwrap(),
            report.max_cosine.unwrap().value,
            Tolerance::golden(),
        );
        assert_close(
            found.min_cosine.unwrap(),
            report.min_cosine.unwrap().value,
            Tolerance::golden(),
        );
        // The same from what a report knows.
        let nearest: Vec<f64> = report
            .features
            .iter()
            .filter_map(|row| row.max_cosine)
            .collect();
        let edges = (degree * n as f64 / 2.0).round() as u64;
        let smallest = report.min_cosine.unwrap().value;
        let same = PairStatistics::from_pairs(report.mean_interference, &nearest, smallest, edges)
            .unwrap();
        for (a, b) in [
            (same.nearest_cosine_mean, found.nearest_cosine_mean),
            (same.nearest_cosine_p05, found.nearest_cosine_p05),
            (same.nearest_cosine_p95, found.nearest_cosine_p95),
            (same.mean_degree, found.mean_degree),
            (same.max_cosine.unwrap(), found.max_cosine.unwrap()),
        ] {
            assert_close(a, b, Tolerance::golden());
        }
        assert_eq!(
            PairStatistics::from_pairs(0.0, &nearest[..1], smallest, 0),
            None
        );
        assert_close(
            found.mean_interference,
            report.mean_interference,
            Tolerance::golden(),
        );
    }
}

/// Uniform directions: the closed forms hold for them, and so does the matched baseline, whose moments are then those of the sphere.
#[test]
fn closed_forms_agree_with_simulation() {
    let (m, n, draws) = (12, 60, 300);
    let threshold = 0.2;
    let options = whole(0).with_draws(2).with_edge_threshold(threshold);
    let simulated: Vec<NullBaselines> = (0..draws)
        .map(|seed| {
            let w = geometry::random_gaussian(m, n, 1000 + seed);
            null_baselines(w.as_ref(), &options).unwrap()
        })
        .collect();
    let null = &simulated[0];
    let observed = |pick: fn(&NullBaselines) -> NullComparison| {
        simulated
            .iter()
            .map(|b| pick(b).observed.unwrap())
            .collect::<Vec<f64>>()
    };
    let count = draws as f64;
    let moments = |values: &[f64]| {
        let mean = values.iter().sum::<f64>() / count;
        let variance = values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (count - 1.0);
        (mean, variance.sqrt())
    };
    let picks: [fn(&NullBaselines) -> NullComparison; 4] = [
        |b| b.mean_interference,
        |b| b.mean_degree,
        |b| b.nearest_cosine_mean,
        |b| b.max_cosine,
    ];
    for (k, pick) in picks.into_iter().enumerate() {
        let closed = pick(null).isotropic.unwrap();
        let (mean, std) = moments(&observed(pick));
        let error = std / count.sqrt();
        // The largest cosine takes the pairs as independent: an error of its own, far below its spread.
        let bias = if k == 3 { 0.1 * std } else { 0.0 };
        assert_close(
            mean,
            closed.mean,
            Tolerance::statistical(4.0, error + bias / 4.0),
        );
        if let Some(expected) = closed.std {
            // The relative error of a standard deviation is about 1 / sqrt(2 draws), more for a skewed statistic.
            let error = 2.0 * expected / (2.0 * count).sqrt();
            assert_close(std, expected, Tolerance::statistical(4.0, error));
        }
    }
    let mut largest = observed(|b| b.max_cosine);
    largest.sort_by(f64::total_cmp);
    let quantiles = null.max_cosine.isotropic.unwrap().quantiles.unwrap();
    for (value, p) in [
        (quantiles.p05, 0.05),
        (quantiles.median, 0.5),
        (quantiles.p95, 0.95),
    ] {
        let below = largest.iter().filter(|&&x| x <= value).count() as f64 / count;
        let error = (p * (1.0_f64 - p) / count).sqrt();
        assert_close(below, p, Tolerance::statistical(4.0, error));
    }
    let smallest = null.min_cosine.isotropic.unwrap();
    assert_eq!(smallest.mean, -null.max_cosine.isotropic.unwrap().mean);
    assert_eq!(smallest.quantiles.unwrap().p05, -quantiles.p95);
}

/// With many features the sample moments are those of the sphere, so both baselines say the same, and the dictionary is nothing but chance.
#[test]
fn on_uniform_directions_the_baselines_agree() {
    let (m, n) = (10, 2500);
    let w = geometry::random_gaussian(m, n, 5);
    let null = null_baselines(
        w.as_ref(),
        &NullOptions::new(9).with_rows(300).with_threads(2),
    )
    .unwrap();
    assert_eq!(null.rows, 300);
    for comparison in [
        null.mean_interference,
        null.mean_degree,
        null.nearest_cosine_mean,
        null.nearest_cosine_p05,
        null.nearest_cosine_median,
        null.nearest_cosine_p95,
    ] {
        let (isotropic, matched) = (comparison.isotropic.unwrap(), comparison.matched.unwrap());
        assert_close(matched.mean, isotropic.mean, Tolerance::relative(0.02));
        assert_close(
            comparison.matched_effect().unwrap().ratio.unwrap(),
            1.0,
            Tolerance::relative(0.02),
        );
        let quantiles = matched.quantiles.unwrap();
        assert!(quantiles.p05 <= quantiles.median && quantiles.median <= quantiles.p95);
    }
    // Not all pairs were drawn: no extreme.
    assert_eq!(
        (null.max_cosine.matched, null.min_cosine.matched),
        (None, None)
    );
    assert!(null.max_cosine.observed.is_some());
}

/// What the matched baseline is for: a common direction and unused dimensions are no structure, a planted pair is.
#[test]
fn the_matched_baseline_knows_the_shape_of_the_cloud_and_not_the_pairs() {
    let (m, n) = (40, 300);
    // Dividing Gaussian vectors by their lengths changes the moments they were given, so the baseline is near and not exact.
    let shape = Tolerance::relative(0.25);
    let noise = geometry::random_gaussian(m, n, 3);
    let stretched = faer::Mat::from_fn(m, n, |i, j| {
        noise[(i, j)] * 0.9_f64.powi(i as i32) + if i == 0 { 1.0 } else { 0.0 }
    });
    let null = null_baselines(stretched.as_ref(), &whole(1)).unwrap();
    assert!(
        null.mean_interference
            .isotropic_effect()
            .unwrap()
            .ratio
            .unwrap()
            > 3.0
    );
    assert!(null.mean_degree.isotropic_effect().unwrap().ratio.unwrap() > 2.0);
    for comparison in [
        null.mean_interference,
        null.mean_degree,
        null.nearest_cosine_mean,
    ] {
        assert_close(
            comparison.matched_effect().unwrap().ratio.unwrap(),
            1.0,
            shape,
        );
    }
    let max = null.max_cosine;
    assert!(max.observed.unwrap() <= max.matched.unwrap().quantiles.unwrap().p95 + 0.05);
    // Every feature beside a near copy: the moments are the same, the nearest neighbours are not.
    let paired = faer::Mat::from_fn(m, n, |i, j| {
        stretched[(i, j / 2)] + 0.05 * noise[(m - 1 - i, j)]
    });
    let null = null_baselines(paired.as_ref(), &whole(1)).unwrap();
    assert_close(
        null.mean_interference
            .matched_effect()
            .unwrap()
            .ratio
            .unwrap(),
        1.0,
        shape,
    );
    assert!(
        null.nearest_cosine_median.observed.unwrap()
            > null
                .nearest_cosine_median
                .matched
                .unwrap()
                .quantiles
                .unwrap()
                .p95
                + 0.1
    );
}

#[test]
fn a_part_of_the_rows_estimates_the_whole() {
    let w = geometry::random_gaussian(8, 700, 2);
    let options = whole(4).with_draws(40);
    let all = null_baselines(w.as_ref(), &options).unwrap();
    let part = null_baselines(w.as_ref(), &options.with_rows(100)).unwrap();
    // The same draws, and all of their pairs here.
    assert_eq!(part.mean_interference, all.mean_interference);
    for (part, all) in [
        (part.mean_degree, all.mean_degree),
        (part.nearest_cosine_mean, all.nearest_cosine_mean),
    ] {
        assert_eq!(part.observed, all.observed);
        let (part, all) = (part.matched.unwrap(), all.matched.unwrap());
        let error = part.std.unwrap() / 40.0_f64.sqrt();
        assert_close(part.mean, all.mean, Tolerance::statistical(4.0, error));
        assert!(part.std.unwrap() > all.std.unwrap());
    }
}

#[test]
fn degenerate_dictionaries() {
    let options = whole(0).with_draws(3);
    // Nothing to compare.
    for w in [geometry::random_gaussian(3, 1, 0), faer::Mat::zeros(3, 4)] {
        let null = null_baselines(w.as_ref(), &options).unwrap();
        assert!(null.n_represented < 2);
        for comparison in [null.mean_interference, null.max_cosine, null.mean_degree] {
            assert_eq!(
                (
                    comparison.observed,
                    comparison.isotropic,
                    comparison.matched
                ),
                (None, None, None)
            );
            assert_eq!(comparison.matched_effect(), None);
        }
    }
    // Copies of one direction have no covariance: every draw is the same.
    let copies = faer::Mat::from_fn(5, 7, |i, j| (i as f64 + 1.0) * 2.0_f64.powi(j as i32));
    let null = null_baselines(copies.as_ref(), &options).unwrap();
    let matched = null.min_cosine.matched.unwrap();
    assert_close(matched.mean, 1.0, Tolerance::reduction_f64(16, 1.0));
    assert_close(
        null.mean_degree.matched.unwrap().mean,
        6.0,
        Tolerance::bits(),
    );
    // A line: signs as often as in the dictionary, on average.
    let line = faer::Mat::from_fn(1, 400, |_, j| if j % 4 == 0 { -2.0 } else { 3.0 });
    let null = null_baselines(line.as_ref(), &options).unwrap();
    assert_eq!(null.mean_interference.matched.unwrap().mean, 1.0);
    assert_eq!(null.mean_interference.isotropic.unwrap().mean, 1.0);
    assert_eq!(null.min_cosine.matched.unwrap().mean, -1.0);
    // Fewer features than dimensions, of rank 2, and two features.
    let w = geometry::rotate(
        geometry::random_gaussian(30, 2, 1).as_ref(),
        geometry::random_gaussian(2, 9, 2).as_ref(),
    );
    let null = null_baselines(w.as_ref(), &options).unwrap();
    // In a plane cos^2 is 1/2 on average for directions without a preference, in 30 dimensions 1/30.
    assert!(null.mean_interference.matched.unwrap().mean > 0.25);
    let two = null_baselines(w.subcols(0, 2), &options).unwrap();
    assert!(two.mean_interference.matched.unwrap().mean.is_finite());
}

#[test]
fn options_out_of_range_are_refused() {
    let w = geometry::random_gaussian(3, 5, 0);
    let valid = NullOptions::new(0);
    for (options, name) in [
        (valid.with_draws(1), "draws"),
        (valid.with_rows(0), "rows"),
        (valid.with_edge_threshold(1.5), "edge_threshold"),
        (valid.with_edge_threshold(f64::NAN), "edge_threshold"),
        (valid.with_min_norm(-1.0), "min_norm"),
        (valid.with_threads(0), "threads"),
    ] {
        let error = null_baselines(w.as_ref(), &options).unwrap_err();
        assert!(
            error.to_string().starts_with(&format!("`{name}`")),
            "{error}"
        );
        assert_eq!(
            pair_statistics(w.as_ref(), &options)
                .unwrap_err()
                .to_string(),
            error.to_string()
        );
    }
    let empty = faer::Mat::<f64>::zeros(0, 3);
    assert!(matches!(
        null_baselines(empty.as_ref(), &valid),
        Err(AnalysisError::Empty { .. })
    ));
}

fn values(comparison: NullComparison) -> [f64; 4] {
    let matched = comparison.matched.unwrap();
    let quantiles = matched.quantiles.unwrap();
    [
        comparison.observed.unwrap(),
        matched.mean,
        quantiles.p05,
        quantiles.p95,
    ]
}

fn all_values(null: &NullBaselines) -> Vec<f64> {
    [
        null.mean_interference,
        null.nearest_cosine_mean,
        null.nearest_cosine_median,
        null.max_cosine,
        null.min_cosine,
    ]
    .into_iter()
    .flat_map(values)
    .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// The draws live in the principal axes, so what changes no cosine changes no draw, up to the rounding of the axes.
    #[test]
    fn rotation_scaling_and_permutation_change_nothing(
        (seed, m, n) in (any::<u64>(), 2_usize..7, 3_usize..30),
        turn in any::<u64>(),
        exponent in -300_i32..300,
    ) {
        let w = geometry::random_gaussian(m, n, seed);
        let options = whole(seed).with_draws(3);
        let expected = all_values(&null_baselines(w.as_ref(), &options).unwrap());
        let turned = geometry::rotate(geometry::random_rotation(m, turn).as_ref(), w.as_ref());
        let order: Vec<usize> = (0..n).rev().collect();
        let reversed = geometry::permute_columns(w.as_ref(), &order);
        let factor = 2.0_f64.powi(exponent);
        let scaled = faer::Mat::from_fn(m, n, |i, j| factor * w[(i, j)]);
        for changed in [turned, reversed, scaled] {
            let found = all_values(&null_baselines(changed.as_ref(), &options).unwrap());
            for (found, expected) in found.iter().zip(&expected) {
                // Close eigenvalues turn their axes by more than rounding: n is small and the draws are few.
                prop_assert!(Tolerance::absolute(1e-6).accepts(*found, *expected), "{found} {expected}");
            }
        }
    }

    #[test]
    fn threads_change_no_bit_of_a_baseline(w in strategy::dictionary(5, 40), threads in 2_usize..4) {
        let options = whole(1).with_draws(3);
        prop_assert_eq!(
            null_baselines(w.as_ref(), &options).unwrap(),
            null_baselines(w.as_ref(), &options.with_threads(threads)).unwrap()
        );
    }

    #[test]
    fn awkward_dictionaries_have_baselines_within_their_ranges(w in strategy::dictionary(6, 20), seed in any::<u64>()) {
        let null = null_baselines(w.as_ref(), &whole(seed).with_draws(2)).unwrap();
        prop_assert_eq!(null.mean_interference.matched.is_some(), null.n_represented >= 2);
        for comparison in [null.mean_interference, null.nearest_cosine_p95, null.max_cosine, null.min_cosine] {
            for distribution in [comparison.isotropic, comparison.matched].into_iter().flatten() {
                prop_assert!((-1.0 - 1e-12..=1.0 + 1e-12).contains(&distribution.mean), "{distribution:?}");
            }
        }
        assert_option_close(
            null.max_cosine.observed,
            max_cosine(w.as_ref()).map(|pair| pair.value),
            Tolerance::reduction_f64(64, 1.0),
        );
    }
}
