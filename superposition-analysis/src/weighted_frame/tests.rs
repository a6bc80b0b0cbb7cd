use super::*;
use crate::kernel::ThreadPool;
use superposition_testkit::geometry;
use superposition_testkit::tolerance::{Tolerance, assert_all_close, assert_close};

/// Equal terms round the same way time after time: 84 eps have been seen here, of which the two dimensions account for 2.
#[test]
fn the_error_of_the_frame_operator_stays_within_its_bound() {
    let n = 1 << 17;
    for second in [0.03, 0.23, 0.43, 0.63] {
        let direction = [1.0, second];
        let w = Mat::from_fn(2, n, |i, _| direction[i]);
        let directions = Directions::new(w.as_ref(), &ThreadPool::new(1));
        let ones = vec![1.0; n];
        let requests = [Request::of(&ones)];
        let operators = operators_of(&directions, &requests, &ThreadPool::new(1), Arithmetic::F64);
        let forms = quadratic_forms(&directions, operators, &ThreadPool::new(1), Arithmetic::F64);
        // The length of the rounded direction is 1 up to 4 eps.
        let error = (forms[0].values[0] / n as f64 - 1.0).abs();
        assert!(error <= relative_error(2, n), "{direction:?}: {error:e}");
    }
}

/// Both ways of summing, forced, on sizes around the blocks.
#[test]
fn the_frame_operator_and_the_direct_sums_agree() {
    for (seed, (m, n)) in [(2, 5), (9, 130), (65, 140), (4, 515), (3, 4200)]
        .into_iter()
        .enumerate()
    {
        let w = geometry::random_gaussian(m, n, seed as u64);
        let directions = Directions::new(w.as_ref(), &ThreadPool::new(1));
        let weights = directions.lengths.norms.clone();
        let requests = [Unit::Weights, Unit::Own].map(|unit| Request {
            unit,
            ..Request::of(&weights)
        });
        let direct = totals_of(&directions, &requests, None, &ThreadPool::new(2));
        let relative = Tolerance::relative(1e-8);
        for threads in [1, 3] {
            let found = totals(&directions, &requests, None, &ThreadPool::new(threads));
            for (found, expected) in found.sums.iter().zip(&direct.sums) {
                assert_all_close(found, expected, relative);
            }
            assert_close(found.potential, direct.potential, relative);
        }
        assert_close(
            potential(&directions, requests[0]),
            direct.potential,
            relative,
        );
    }
}

/// The forms of every request in an arithmetic, whatever is lost.
fn forms_in<T: Real>(
    directions: &Directions<'_, T>,
    requests: &[Request<'_>],
    arithmetic: Arithmetic,
) -> Vec<Forms> {
    let pool = ThreadPool::new(1);
    let operators = operators_of(directions, requests, &pool, arithmetic);
    quadratic_forms(directions, operators, &pool, arithmetic)
}

/// One feature is a hundred times as long as the others and orthogonal to them: beside it digits tell nothing of what those share, and f64 does.
#[test]
fn rows_that_digits_lose_are_found_in_f64() {
    let (m, n) = (80, 400);
    let mut w = geometry::random_gaussian(m, n, 12);
    (0..n).for_each(|j| w[(0, j)] = 0.0);
    w.col_as_slice_mut(0).fill(0.0);
    w[(0, 0)] = 100.0 * (m as f64).sqrt();
    let directions = Directions::new(w.as_ref(), &ThreadPool::new(1));
    let requests = [Request::of(&directions.lengths.relative)];
    let forms = |arithmetic| forms_in(&directions, &requests, arithmetic).swap_remove(0);
    let (digits, exact) = (
        forms(Arithmetic::InDigits(Digits::Six)),
        forms(Arithmetic::F64),
    );
    assert_eq!(exact.lost(), 0.0);
    assert!(!is_lost(&requests[0], &exact, m));
    // Where the machine has tiles at all.
    let has_lost = digits.lost() > 0.0;
    assert_eq!(is_lost(&requests[0], &digits, m), has_lost);
    let found = totals(&directions, &requests, None, &ThreadPool::new(1));
    assert_eq!(
        found,
        totals_of(&directions, &requests, Some(&[exact]), &ThreadPool::new(1))
    );
}

/// A feature of which the digits of f32 tell too little is looked at in more of them, and one of f64 at once.
#[test]
fn five_digits_are_for_f32_where_they_are_enough() {
    let (m, n) = (70, 900);
    let w = geometry::random_gaussian(m, n, 13);
    let narrow = Mat::from_fn(m, n, |i, j| w[(i, j)] as f32);
    // A component of nearly everything leaves the others few digits.
    let spiky = Mat::from_fn(m, n, |i, j| match (i, j) {
        (0, 0) => 3000.0,
        _ => narrow[(i, j)],
    });
    let first = |directions: &Lengths, is_f32: bool| {
        let requests = [Request::of(&directions.relative)];
        match is_f32 {
            true => first_arithmetic::<f32>(directions, &requests, m),
            false => first_arithmetic::<f64>(directions, &requests, m),
        }
    };
    let [five, six] = [Digits::Five, Digits::Six].map(Arithmetic::InDigits);
    let wide = Directions::new(w.as_ref(), &ThreadPool::new(1));
    let [narrow, spiky] =
        [&narrow, &spiky].map(|w| Directions::new(w.as_ref(), &ThreadPool::new(1)));
    assert_eq!(first(&wide.lengths, false), six);
    if Digits::Five.lost(1, 1.0) > 0.0 {
        assert_eq!(first(&narrow.lengths, true), five);
        assert_eq!(first(&spiky.lengths, true), six);
    }
    let weights = &narrow.lengths.relative;
    let requests = [Request::of(weights)];
    let exact = forms_in(&narrow, &requests, Arithmetic::F64).swap_remove(0);
    for (arithmetic, tolerance) in [(five, 1e-9), (six, 1e-11)] {
        let found = forms_in(&narrow, &requests, arithmetic).swap_remove(0);
        assert!(!is_lost(&requests[0], &found, m));
        let tolerance = Tolerance::relative(tolerance);
        assert_all_close(&found.values, &exact.values, tolerance);
        assert_close(found.norm_sq, exact.norm_sq, tolerance);
        for (value, exact) in found.values.iter().zip(&exact.values) {
            // The roundings of f64 beside what digits lose.
            assert!((value - exact).abs() <= exact * 1e-13 + found.lost());
        }
    }
}

/// Norms from 1 down to 1e-30, copies, and directions with nearly all of their norm in one dimension: what the operator cannot tell is summed directly.
#[test]
fn sums_are_accurate_whatever_the_norms() {
    let (m, n) = (70, 600);
    let mut w = geometry::random_gaussian(m, n, 11);
    for j in 0..n {
        if j % 7 == 0 {
            w[(j % m, j)] += 1e5;
        }
        if j % 11 == 0 {
            let before: Vec<f64> = w.col_as_slice(j / 2).to_vec();
            w.col_as_slice_mut(j).copy_from_slice(&before);
        }
        let norm = [1.0, 1e-8, 1e-30][j % 3];
        w.col_as_slice_mut(j).iter_mut().for_each(|x| *x *= norm);
    }
    let directions = Directions::new(w.as_ref(), &ThreadPool::new(1));
    let own = Request::of_others(&directions.lengths);
    let requests = [own, Request::of(&directions.lengths.relative)];
    let found = totals(&directions, &requests, None, &ThreadPool::new(2));
    let direct = totals_of(&directions, &requests, None, &ThreadPool::new(2));
    for (found, expected) in found.sums.iter().zip(&direct.sums) {
        assert_all_close(found, expected, Tolerance::relative(1e-6));
    }
}
