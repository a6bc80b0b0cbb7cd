//! The mean interference of single features beside chance.

use superposition_analysis::faer::Mat;
use superposition_analysis::*;
use superposition_testkit::geometry;
use superposition_testkit::tolerance::{Tolerance, assert_close};

/// On uniform directions both kinds of z have mean 0 and a known variance over the features; a feature planted amid copies of itself stands out, and one of a common direction only against isotropy.
#[test]
fn the_interference_of_single_features_beside_chance() {
    let (m, n) = (16, 400);
    let mut w = geometry::random_gaussian(m, n, 21);
    let z_of = |w: &Mat<f64>| {
        let null = null_baselines(w.as_ref(), &NullOptions::new(4).with_draws(6)).unwrap();
        let interference = feature_interference(w.as_ref());
        let z = |of: &dyn Fn(f64) -> Option<f64>| -> Vec<f64> {
            interference.iter().map(|&x| of(x).unwrap()).collect()
        };
        let of = null.feature_interference;
        (z(&|x| of.matched_z(x)), z(&|x| of.isotropic_z(x)), null)
    };
    let (matched, isotropic, baselines) = z_of(&w);
    let null = baselines.feature_interference;
    // A draw deviates from its own moments as much as this dictionary's moments do from those of the sphere, and has both deviations: twice the variance.
    for (z, expected) in [(&matched, 0.5), (&isotropic, 1.0)] {
        let mean = z.iter().sum::<f64>() / n as f64;
        let variance = z.iter().map(|z| (z - mean) * (z - mean)).sum::<f64>() / n as f64;
        // One of each comes from the sample of features, one from the m (m + 1) / 2 moments.
        assert_close(mean, 0.0, Tolerance::statistical(4.0, 0.1));
        let error = expected * (2.0 / n as f64 + 4.0 / (m * m) as f64).sqrt();
        assert_close(variance, expected, Tolerance::statistical(4.0, error));
    }
    // The mean over features is that of the dictionaries.
    let mean = baselines.mean_interference.matched.unwrap().mean;
    let of_features = null.matched.unwrap();
    assert_close(of_features.mean, mean, Tolerance::relative(1e-12));
    let (quantiles, spread) = (of_features.quantiles.unwrap(), of_features.std.unwrap());
    for (value, sigmas) in [
        (quantiles.p05, -1.5),
        (quantiles.median, -0.1),
        (quantiles.p95, 1.8),
    ] {
        // Skewed as chi-squared is.
        assert_close(
            (value - mean) / spread,
            sigmas,
            Tolerance::statistical(4.0, 0.1),
        );
    }
    // Twenty copies of feature 0.
    let first = w.col_as_slice(0).to_vec();
    (1..20).for_each(|j| w.col_as_slice_mut(j).copy_from_slice(&first));
    let (matched, isotropic, _) = z_of(&w);
    assert!(
        matched[5] > 5.0 && isotropic[5] > 5.0,
        "{} {}",
        matched[5],
        isotropic[5]
    );
    // A direction that all features share.
    let shared = Mat::from_fn(m, n, |i, j| w[(i, j)] + if i == 0 { 6.0 } else { 0.0 });
    let (matched, isotropic, _) = z_of(&shared);
    assert!(
        matched[300].abs() < 4.0 && isotropic[300] > 50.0,
        "{} {}",
        matched[300],
        isotropic[300]
    );
}
