//! Summaries of spectra: NumPy and closed forms.

use superposition_analysis::faer::Mat;
use superposition_analysis::*;
use superposition_testkit::geometry;
use superposition_testkit::golden::{self, array, field, number, vector};
use superposition_testkit::tolerance::{Tolerance, assert_all_close, assert_close};

#[test]
fn summaries_of_numpy() {
    let file = golden::load("null.json");
    for case in array(field(&file, "dictionaries")) {
        let w = golden::matrix(field(case, "w"));
        let found = spectrum(w.as_ref()).unwrap();
        let agreement = Tolerance::golden();
        assert_all_close(
            &found.singular_values,
            &vector(field(case, "singular_values")),
            agreement,
        );
        for (value, key) in [
            (found.effective_rank, "effective_rank"),
            (found.participation_ratio, "participation_ratio"),
            (found.stable_rank, "stable_rank"),
        ] {
            assert_close(value.unwrap(), number(field(case, key)), agreement);
        }
        let layer =
            layer_summary(w.as_ref(), Features::Columns, &AnalysisOptions::default()).unwrap();
        assert_eq!(layer.singular_values, found.singular_values);
    }
}

#[test]
fn summaries_of_known_spectra() {
    let zero = spectrum(Mat::<f64>::zeros(2, 3).as_ref()).unwrap();
    assert_eq!(zero.singular_values, [0.0, 0.0]);
    assert_eq!(
        (
            zero.effective_rank,
            zero.participation_ratio,
            zero.stable_rank
        ),
        (None, None, None)
    );
    assert!(spectrum(Mat::<f64>::zeros(0, 2).as_ref()).is_err());
    assert!(spectrum(Mat::<f64>::full(2, 2, f64::INFINITY).as_ref()).is_err());
    // Equal singular values: every summary counts them, at any scale.
    for scale in [1.0, 1e-200, 1e200] {
        let frame = geometry::tight_frame(12, 5);
        let w = Mat::from_fn(5, 12, |i, j| scale * frame[(i, j)]);
        let found = spectrum(w.as_ref()).unwrap();
        for summary in [
            found.effective_rank,
            found.participation_ratio,
            found.stable_rank,
        ] {
            assert_close(summary.unwrap(), 5.0, Tolerance::relative(1e-13));
        }
    }
    for seed in 0..20 {
        let w = geometry::random_gaussian(7, 11, seed);
        let found = spectrum(w.as_ref()).unwrap();
        let [stable, participation, effective] = [
            found.stable_rank,
            found.participation_ratio,
            found.effective_rank,
        ]
        .map(Option::unwrap);
        assert!(
            1.0 < stable && stable < participation && participation < effective && effective < 7.0
        );
    }
}
