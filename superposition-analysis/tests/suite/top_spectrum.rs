//! The largest singular values: planted ones come back, both ways.

use superposition_analysis::faer::Mat;
use superposition_analysis::*;
use superposition_testkit::tolerance::{Tolerance, assert_all_close, assert_close};
use superposition_testkit::{geometry, oracle};

/// `U diag(values) V^T` with random orthonormal columns of U and V.
fn planted(m: usize, n: usize, values: &[f64], seed: u64) -> (Mat<f64>, Mat<f64>) {
    let orthonormal = |rows: usize, seed: u64| {
        let mut q = geometry::random_gaussian(rows, values.len(), seed);
        for j in 0..q.ncols() {
            for k in (0..j).chain(0..j) {
                let along: f64 = (0..rows).map(|i| q[(i, j)] * q[(i, k)]).sum();
                (0..rows).for_each(|i| q[(i, j)] -= along * q[(i, k)]);
            }
            let norm = (0..rows).map(|i| q[(i, j)] * q[(i, j)]).sum::<f64>().sqrt();
            (0..rows).for_each(|i| q[(i, j)] /= norm);
        }
        q
    };
    let (u, v) = (orthonormal(m, seed), orthonormal(n, seed + 1));
    let stretched = Mat::from_fn(n, values.len(), |i, j| v[(i, j)] * values[j]);
    (geometry::rotate(u.as_ref(), stretched.transpose()), u)
}

fn assert_top(found: &TopSpectrum, values: &[f64], u: &Mat<f64>, tolerance: f64) {
    let k = values.len();
    assert_eq!(
        (found.directions.nrows(), found.directions.ncols()),
        (u.nrows(), k)
    );
    assert!(found.converged, "{:?}", found.residuals);
    let size = Tolerance::absolute(tolerance * values[0]);
    assert_all_close(&found.singular_values, values, size);
    for j in 0..k {
        // The residual bounds the error, up to rounding.
        let error = (found.singular_values[j] - values[j]).abs();
        assert!(error <= found.residuals[j] + 1e-13 * values[0]);
        let direction = found.directions.col_as_slice(j);
        let cosine: f64 = direction
            .iter()
            .zip(u.col_as_slice(j))
            .map(|(a, b)| a * b)
            .sum();
        assert_close(cosine.abs(), 1.0, Tolerance::absolute(1e-8));
        let largest = direction
            .iter()
            .fold(0.0_f64, |max, x| if x.abs() > max.abs() { *x } else { max });
        assert!(largest > 0.0);
    }
}

#[test]
fn planted_singular_values_come_back_from_the_decomposition() {
    for (m, n) in [(6, 40), (40, 6), (9, 9)] {
        let values = [5.0, 4.0, 1.0, 1e-3];
        let (w, u) = planted(m, n, &values, 3);
        for k in 1..=4 {
            let found = top_spectrum(w.as_ref(), k, &TopSpectrumOptions::new(0)).unwrap();
            assert_top(&found, &values[..k], &u, 1e-13);
            assert_eq!(found.restarts, 0);
        }
        // No more than the rank.
        let found = top_spectrum(w.as_ref(), 6, &TopSpectrumOptions::new(0)).unwrap();
        assert_top(&found, &values, &u, 1e-13);
    }
}

/// Large both ways, so that nothing is formed: 1,100 x 1,300 of rank 40 with a tail that decays.
#[test]
fn planted_singular_values_come_back_from_the_iteration() {
    let values: Vec<f64> = (0..40).map(|k| 10.0 * 0.8_f64.powi(k)).collect();
    for (m, n) in [(1100, 1300), (1300, 1100)] {
        let (w, u) = planted(m, n, &values, 5);
        let options = TopSpectrumOptions::new(1);
        let found = top_spectrum(w.as_ref(), 6, &options).unwrap();
        assert!(found.restarts >= 1);
        assert_top(&found, &values[..6], &u, 1e-11);
        if m > n {
            continue;
        }
        let threaded = top_spectrum(w.as_ref(), 6, &options.with_threads(3)).unwrap();
        assert_eq!(threaded, found);
        let other = top_spectrum(w.as_ref(), 6, &TopSpectrumOptions::new(2)).unwrap();
        assert_all_close(
            &other.singular_values,
            &found.singular_values,
            Tolerance::absolute(1e-10),
        );
        // More than the rank: the iteration ends with the space it has found.
        let found = top_spectrum(w.as_ref(), 50, &options).unwrap();
        assert_top(&found, &values, &u, 1e-11);
    }
}

#[test]
fn an_iteration_that_is_stopped_says_so() {
    let w = geometry::random_gaussian(1030, 1040, 7);
    let options = TopSpectrumOptions::new(0).with_max_restarts(1);
    let found = top_spectrum(w.as_ref(), 3, &options).unwrap();
    assert!(!found.converged && found.restarts == 1);
    // Near enough to the edge of the bulk, which is sqrt(m) + sqrt(n), and its residuals are honest about the rest.
    let edge = 1030.0_f64.sqrt() + 1040.0_f64.sqrt();
    assert!(found.singular_values[0] < 1.02 * edge && found.singular_values[0] > 0.9 * edge);
    assert!(
        found
            .residuals
            .iter()
            .all(|&residual| residual > 1e-10 * edge)
    );
}

#[test]
fn scales_signs_and_bad_input() {
    for exponent in [-600, 0, 500] {
        let scale = 2.0_f64.powi(exponent);
        let w = Mat::from_fn(3, 2, |i, j| {
            if i == j {
                -scale * (2.0 - j as f64)
            } else {
                0.0
            }
        });
        let found = top_spectrum(w.as_ref(), 2, &TopSpectrumOptions::new(0)).unwrap();
        assert_all_close(
            &found.singular_values,
            &[2.0 * scale, scale],
            Tolerance::relative(1e-14),
        );
        assert_close(found.directions[(1, 1)], 1.0, Tolerance::relative(1e-14));
    }
    let zero = top_spectrum(
        Mat::<f32>::zeros(4, 5).as_ref(),
        2,
        &TopSpectrumOptions::new(0),
    )
    .unwrap();
    assert!(zero.singular_values.is_empty() && zero.converged);
    // Large both ways, and nothing in it.
    let zero = top_spectrum(
        Mat::<f64>::zeros(1100, 1030).as_ref(),
        2,
        &TopSpectrumOptions::new(0),
    )
    .unwrap();
    assert!(zero.singular_values.is_empty() && zero.converged);
    let w = geometry::random_gaussian(3, 4, 0);
    let none = top_spectrum(w.as_ref(), 0, &TopSpectrumOptions::new(0)).unwrap();
    assert_eq!(
        (none.singular_values.len(), none.directions.ncols()),
        (0, 0)
    );
    for options in [
        TopSpectrumOptions::new(0).with_tolerance(f64::NAN),
        TopSpectrumOptions::new(0).with_max_restarts(0),
        TopSpectrumOptions::new(0).with_threads(0),
    ] {
        assert!(matches!(
            top_spectrum(w.as_ref(), 1, &options),
            Err(AnalysisError::InvalidOption { .. })
        ));
    }
    assert!(
        top_spectrum(
            Mat::<f64>::full(2, 2, f64::NAN).as_ref(),
            1,
            &TopSpectrumOptions::new(0)
        )
        .is_err()
    );
    let all = top_spectrum(w.as_ref(), 9, &TopSpectrumOptions::new(0)).unwrap();
    assert_all_close(
        &all.singular_values,
        &oracle::singular_values(w.as_ref()),
        Tolerance::relative(1e-12),
    );
}
