//! Each tolerance at its edge: the last value it accepts and the first it does not.

use superposition_testkit::tolerance::{
    Tolerance, assert_all_close, assert_matrix_close, assert_option_close,
};

#[test]
fn bits() {
    let tol = Tolerance::bits();
    assert!(tol.accepts(1.0, 1.0) && tol.accepts(f64::NAN, f64::NAN));
    assert!(!tol.accepts(0.0, -0.0) && !tol.accepts(1.0, 1f64.next_up()));
}

#[test]
fn ulps() {
    // Between 1 and 2 an f32 has a spacing of 2^-23, an f64 of 2^-52.
    let tol = Tolerance::ulps_f32(2);
    assert!(
        tol.accepts(1.0 + 2.0 * 2f64.powi(-23), 1.0)
            && !tol.accepts(1.0 + 2.1 * 2f64.powi(-23), 1.0)
    );
    let tol = Tolerance::ulps_f64(1);
    assert!(tol.accepts(1f64.next_up(), 1.0) && !tol.accepts(1f64.next_up().next_up(), 1.0));
    // Around zero the spacing is that of the subnormals; at the top it is finite.
    assert_eq!(Tolerance::ulps_f32(1).bound(0.0), 2f64.powi(-149));
    assert_eq!(Tolerance::ulps_f64(1).bound(0.0), f64::from_bits(1));
    assert_eq!(
        Tolerance::ulps_f32(1).bound(f64::from(f32::MAX)),
        2f64.powi(104)
    );
    assert_eq!(Tolerance::ulps_f64(1).bound(f64::MAX), 2f64.powi(971));
}

#[test]
fn reductions() {
    assert_eq!(
        Tolerance::reduction_f32(8, 2.0).bound(123.0),
        16.0 * 2f64.powi(-23)
    );
    assert_eq!(
        Tolerance::reduction_f64(8, 2.0).bound(123.0),
        16.0 * 2f64.powi(-52)
    );
    // A sum of 4096 equal terms in one f32 accumulator stays within its bound, and does round.
    let sum = f64::from((0..4096).fold(0f32, |sum, _| sum + 0.1));
    let exact = 4096.0 * f64::from(0.1f32);
    assert!(Tolerance::reduction_f32(4096, exact).accepts(sum, exact) && sum != exact);
}

#[test]
fn relative_absolute_golden_statistical() {
    assert!(
        Tolerance::relative(0.1).accepts(-9.5, -10.0)
            && !Tolerance::relative(0.1).accepts(-8.9, -10.0)
    );
    assert!(
        Tolerance::absolute(0.5).accepts(1.5, 1.0) && !Tolerance::absolute(0.4).accepts(1.5, 1.0)
    );
    assert!(
        !Tolerance::relative(0.1).accepts(1e-300, 0.0)
            && Tolerance::relative(0.1).accepts(0.0, 0.0)
    );
    let golden = Tolerance::golden();
    assert!(golden.accepts(1e6 + 0.9, 1e6) && !golden.accepts(1e6 + 1.1, 1e6));
    assert!(golden.accepts(9e-13, 0.0) && !golden.accepts(2e-12, 0.0));
    let sampling = Tolerance::statistical(3.0, 0.1);
    assert!(sampling.accepts(0.29, 0.0) && !sampling.accepts(0.31, 0.0));
}

#[test]
fn not_finite_values() {
    let all = [
        Tolerance::ulps_f32(5),
        Tolerance::ulps_f64(5),
        Tolerance::reduction_f32(5, 1.0),
        Tolerance::relative(0.5),
        Tolerance::absolute(1e300),
        Tolerance::golden(),
        Tolerance::statistical(5.0, 1.0),
    ];
    for tol in all {
        assert!(tol.accepts(f64::INFINITY, f64::INFINITY));
        assert!(!tol.accepts(f64::NEG_INFINITY, f64::INFINITY));
        assert!(!tol.accepts(1.0, f64::INFINITY) && !tol.accepts(f64::INFINITY, 1.0));
        assert!(
            !tol.accepts(f64::NAN, f64::NAN)
                && !tol.accepts(f64::NAN, 1.0)
                && !tol.accepts(1.0, f64::NAN)
        );
    }
}

#[test]
#[should_panic(expected = "element 1: actual 2e0, expected 3e0")]
fn slices_name_the_element() {
    assert_all_close(&[1.0, 2.0], &[1.0, 3.0], Tolerance::golden());
}

#[test]
#[should_panic(expected = "2 actual values, 3 expected")]
fn slices_of_different_lengths() {
    assert_all_close(&[1.0, 2.0], &[1.0, 2.0, 3.0], Tolerance::golden());
}

#[test]
#[should_panic(expected = "element (1, 0)")]
fn matrices_name_the_element() {
    let w = superposition_testkit::geometry::polygon(4);
    let v = superposition_testkit::faer::Mat::from_fn(2, 4, |k, i| {
        w[(k, i)] + if (k, i) == (1, 0) { 1.0 } else { 0.0 }
    });
    assert_matrix_close(w.as_ref(), v.as_ref(), Tolerance::golden());
}

#[test]
#[should_panic(expected = "undefined")]
fn nothing_is_not_zero() {
    assert_option_close(None, Some(0.0), Tolerance::golden());
}

#[test]
#[should_panic(expected = "is negative")]
fn negative_tolerances() {
    let _ = Tolerance::relative(-1e-6);
}
