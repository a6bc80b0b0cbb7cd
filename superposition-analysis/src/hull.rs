//! The corners of directions in the plane.

use faer::MatRef;

use crate::Real;

/// The features that are corners of the convex hull of the columns of W (2 x n), counter-clockwise from the lowest first
/// coordinate.
///
/// With two hidden dimensions this says which polygon a toy model is near, without a tolerance: five features in a
/// pentagon and one whose direction is anywhere inside are five corners. A column on an edge is no corner, of equal columns
/// only one is; of columns on one line the two ends are, and of one point that. A column with NaN is left out. O(n log n).
///
/// ```
/// use superposition_analysis::{from_columns, plane_corners};
/// // A square and its middle.
/// let w = from_columns(&[1.0, 0.0, 0.0, 1.0, 0.0, 0.0, -1.0, 0.0, 0.0, -1.0], 2, 5);
/// assert_eq!(plane_corners(w), [3, 4, 0, 1]);
/// ```
///
/// # Panics
/// If W does not have 2 rows.
///
/// # References
/// Andrew 1979, *Another efficient algorithm for convex hulls in two dimensions*.
#[must_use]
#[track_caller]
pub fn plane_corners<T: Real>(w: MatRef<'_, T>) -> Vec<usize> {
    assert!(w.nrows() == 2, "W has {} rows; it must have 2", w.nrows());
    let point = |i: usize| [w[(0, i)].to_f64(), w[(1, i)].to_f64()];
    let known = |i: &usize| point(*i).iter().all(|x| !x.is_nan());
    let mut order: Vec<usize> = (0..w.ncols()).filter(known).collect();
    order.sort_by(|&i, &j| {
        let ([a, b], [c, d]) = (point(i), point(j));
        // A negative zero is a zero.
        (a + 0.0)
            .total_cmp(&(c + 0.0))
            .then((b + 0.0).total_cmp(&(d + 0.0)))
    });
    order.dedup_by(|j, i| point(*i) == point(*j));
    if order.len() < 3 {
        return order;
    }
    let mut corners = half(order.iter().copied(), &point);
    corners.extend(half(order.iter().rev().copied(), &point));
    corners
}

/// The corners on the right of the way through these points, without the last.
fn half(points: impl Iterator<Item = usize>, point: &impl Fn(usize) -> [f64; 2]) -> Vec<usize> {
    let mut corners: Vec<usize> = Vec::new();
    for next in points {
        while let [.., before, last] = corners[..] {
            let ([ax, ay], [bx, by], [cx, cy]) = (point(before), point(last), point(next));
            if (bx - ax) * (cy - ay) - (by - ay) * (cx - ax) > 0.0 {
                break;
            }
            corners.pop();
        }
        corners.push(next);
    }
    corners.pop();
    corners
}

#[cfg(test)]
mod tests {
    use faer::Mat;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn degenerate_columns() {
        let corners = |w: &[f64]| plane_corners(MatRef::from_column_major_slice(w, 2, w.len() / 2));
        assert_eq!(corners(&[]), [] as [usize; 0]);
        assert_eq!(corners(&[1.0, 2.0]), [0]);
        assert_eq!(corners(&[1.0, 2.0, 1.0, 2.0]), [0]);
        // On a line, the ends.
        assert_eq!(corners(&[0.0, 0.0, 2.0, 2.0, 1.0, 1.0, -1.0, -1.0]), [3, 1]);
        assert_eq!(corners(&[0.0, -0.0, -0.0, 0.0, 0.0, 0.0]).len(), 1);
        assert_eq!(corners(&[f64::NAN, 0.0, 1.0, 1.0]), [1]);
    }

    proptest! {
        /// A column is a corner if and only if some direction has its largest product there, and there alone.
        #[test]
        fn corners_are_extreme(points in prop::collection::vec((-20_i8..20, -20_i8..20), 3..12)) {
            let w = Mat::from_fn(2, points.len(), |k, i| match k {
                0 => f64::from(points[i].0),
                _ => f64::from(points[i].1),
            });
            let corners = plane_corners(w.as_ref());
            let mut extreme: Vec<(i8, i8)> = Vec::new();
            for k in 0..7200 {
                let (sin, cos) = (std::f64::consts::TAU * (f64::from(k) + 0.5) / 7200.0).sin_cos();
                let along = |p: &(i8, i8)| f64::from(p.0) * cos + f64::from(p.1) * sin;
                let best = points.iter().max_by(|a, b| along(a).total_cmp(&along(b))).unwrap();
                extreme.push(*best);
            }
            extreme.sort_unstable();
            extreme.dedup();
            let mut found: Vec<(i8, i8)> = corners.iter().map(|&i| points[i]).collect();
            found.sort_unstable();
            prop_assert_eq!(found, extreme);
        }
    }
}
