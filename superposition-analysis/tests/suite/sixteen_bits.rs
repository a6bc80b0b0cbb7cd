//! Matrices of f16 and bf16 give the bits of the same values in f32.

use half::{bf16, f16};
use superposition_analysis::{
    AnalysisOptions, Pairs, Real, analyze, faer::Mat, feature_norms, from_columns, from_rows,
};
use superposition_testkit::geometry;

fn assert_same_report<T: Real>(convert: fn(f32) -> T, back: fn(T) -> f32) {
    for (seed, (m, n)) in [(1, 3), (7, 40), (33, 210)].into_iter().enumerate() {
        let w = geometry::random_gaussian(m, n, seed as u64);
        let stored: Vec<T> = (0..n)
            .flat_map(|j| w.col_as_slice(j).iter().map(|&x| convert(x as f32)))
            .collect();
        let wide: Vec<f32> = stored.iter().map(|&x| back(x)).collect();
        let options = AnalysisOptions::default()
            .with_pairs(Pairs::Listed)
            .with_cluster_threshold(0.1)
            .with_threads(2);
        let report = analyze(from_columns(&stored, m, n), &options).unwrap();
        assert_eq!(
            report,
            analyze(from_columns(&wide, m, n), &options).unwrap()
        );
        // By rows, and so through a copy.
        let rows = Mat::from_fn(m, n, |i, j| stored[j * m + i]);
        let rows: Vec<T> = (0..m)
            .flat_map(|i| (0..n).map(move |j| (i, j)))
            .map(|at| rows[at])
            .collect();
        assert_eq!(report, analyze(from_rows(&rows, m, n), &options).unwrap());
    }
}

#[test]
fn half_precision_is_read_as_it_is() {
    assert_same_report(f16::from_f32, f16::to_f32);
    assert_same_report(bf16::from_f32, bf16::to_f32);
    // The largest and the smallest numbers.
    let w = [bf16::MAX, bf16::MIN_POSITIVE_SUBNORMAL];
    let norms = feature_norms(from_columns(&w, 1, 2));
    assert_eq!(
        norms,
        [bf16::MAX.to_f64(), bf16::MIN_POSITIVE_SUBNORMAL.to_f64()]
    );
}
