//! Bounds: attained by the geometry that is known to, and by nothing else.

use superposition_analysis::*;
use superposition_testkit::proptest::prelude::*;
use superposition_testkit::{geometry, strategy};

const TOLERANCE: f64 = 1e-9;

fn attained(w: &faer::Mat<f64>) -> Vec<Bound> {
    let report = analyze(w.as_ref(), &AnalysisOptions::default()).unwrap();
    certificates(&report, rank(w.as_ref()), TOLERANCE)
        .into_iter()
        .filter(|certificate| certificate.attained)
        .map(|certificate| certificate.kind)
        .collect()
}

#[test]
fn who_attains_what() {
    use Bound::{FramePotential, Rankin, TotalDimensionality, Welch};
    let tight = vec![FramePotential, TotalDimensionality];
    for k in 2..7 {
        assert_eq!(
            attained(&geometry::simplex(k)),
            [Welch, FramePotential, TotalDimensionality, Rankin]
        );
    }
    assert_eq!(attained(&geometry::polygon(5)), tight);
    assert_eq!(attained(&geometry::tight_frame(16, 5)), tight);
    assert_eq!(attained(&geometry::cube()), tight);
    assert_eq!(
        attained(&geometry::orthoplex(3)),
        [FramePotential, TotalDimensionality, Rankin]
    );
    // Orthogonal features: coherence 0 and no less potential, but a simplex would have negative cosines.
    assert_eq!(
        attained(&geometry::random_rotation(6, 1)),
        [Welch, FramePotential, TotalDimensionality]
    );
    // A digon and a lone feature fill their dimensions and are not tight together.
    let lone = faer::Mat::from_fn(1, 1, |_, _| 2.0);
    let sum = geometry::direct_sum(geometry::digon().as_ref(), lone.as_ref());
    assert_eq!(attained(&sum), [TotalDimensionality]);
    for seed in 0..20 {
        assert!(attained(&geometry::random_gaussian(4, 9, seed)).is_empty());
    }
}

#[test]
fn the_numbers_of_a_certificate() {
    let certificate = Certificate::frame_potential(5.0, 4, 2, 0.0);
    assert_eq!(
        (certificate.value, certificate.bound, certificate.gap),
        (5.0, 8.0, -3.0)
    );
    assert_eq!(Certificate::frame_potential(3.0, 3, 5, 0.0).bound, 3.0);
    assert_eq!(Certificate::frame_potential(0.0, 0, 0, 0.0).bound, 0.0);
    assert_eq!(Certificate::total_dimensionality(2.5, 3, 0.1).gap, 0.5);
    assert_eq!(
        Certificate::total_dimensionality(2.5, 3, 0.1).to_string(),
        "total dimensionality 2.5 <= 3: gap 0.5"
    );
    assert_eq!(Certificate::rankin(0.5, 4, 2, 0.0).unwrap().bound, 0.0);
    assert_eq!(Certificate::rankin(0.5, 3, 2, 0.0).unwrap().bound, -0.5);
    assert_eq!(Certificate::rankin(0.5, 5, 2, 0.0), None);
    assert_eq!(Certificate::rankin(0.5, 1, 2, 0.0), None);
    assert!(!Certificate::welch(f64::NAN, 3, 2, 1.0).attained);
    // The tolerance grows with the bound.
    assert!(Certificate::frame_potential(800.5, 40, 2, 1e-3).attained);
    assert!(!Certificate::frame_potential(800.5, 40, 2, 1e-4).attained);
    let none = analyze(
        faer::Mat::<f64>::zeros(2, 3).as_ref(),
        &AnalysisOptions::default(),
    )
    .unwrap();
    let kinds: Vec<Bound> = certificates(&none, 0, TOLERANCE)
        .iter()
        .map(|c| c.kind)
        .collect();
    assert_eq!(kinds, [Bound::FramePotential, Bound::TotalDimensionality]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn nothing_passes_a_bound(w in strategy::dictionary(6, 14)) {
        let report = analyze(w.as_ref(), &AnalysisOptions::default()).unwrap();
        for certificate in certificates(&report, rank(w.as_ref()), TOLERANCE) {
            let slack = 1e-12 * certificate.bound.abs().max(1.0);
            prop_assert!(certificate.gap >= -slack, "{certificate}");
            prop_assert!(!certificate.to_string().is_empty());
        }
    }
}
