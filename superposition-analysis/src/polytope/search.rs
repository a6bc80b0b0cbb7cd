//! Which feature is which corner.

use super::catalogue::{MAX_CORNERS, Polytope};
use faer::MatRef;

/// Assignments that are tried before a component is given up.
const MAX_ASSIGNMENTS: usize = 10_000;

/// Features as corners, such that every cosine is within a tolerance of the figure's.
pub(crate) struct Search<'a> {
    cosines: MatRef<'a, f64>,
    /// The figure's cosine of corners `i` and `j` at `i * k + j`.
    target: Vec<f64>,
    tolerance: f64,
    assignments: usize,
}

impl<'a> Search<'a> {
    pub(crate) fn new(
        cosines: MatRef<'a, f64>,
        polytope: Polytope,
        height_sq: f64,
        tolerance: f64,
    ) -> Self {
        let k = cosines.ncols();
        assert!(k == polytope.n_corners() && k <= MAX_CORNERS);
        let target = (0..k * k)
            .map(|ij| polytope.cosine(height_sq, ij / k, ij % k))
            .collect();
        Self {
            cosines,
            target,
            tolerance,
            assignments: 0,
        }
    }

    /// The feature at every corner, or `None` if there is no such order.
    ///
    /// Features are assigned one by one, always one that has the fewest corners left, and every assignment takes from the others the
    /// corners that no longer fit. Once as many are assigned as the figure has dimensions, hardly a choice is left. The figure looks
    /// the same from each corner, so feature 0 is at corner 0 without loss.
    pub(crate) fn run(&mut self) -> Option<Vec<usize>> {
        let k = self.cosines.ncols();
        let all = u64::MAX >> (MAX_CORNERS - k);
        let mut corners = vec![all; k];
        corners[0] = 1;
        let assigned = self.extend(&corners, 0)?;
        let mut order = vec![0; k];
        for (feature, corner) in assigned.into_iter().enumerate() {
            order[corner] = feature;
        }
        Some(order)
    }

    /// Completes an assignment: `corners[i]` is the set of corners that feature i may be, `done` the set of features that have one.
    fn extend(&mut self, corners: &[u64], done: u64) -> Option<Vec<usize>> {
        let k = corners.len();
        let open = (0..k).filter(|i| done >> i & 1 == 0);
        let Some(feature) = open.min_by_key(|&i| corners[i].count_ones()) else {
            return Some(
                corners
                    .iter()
                    .map(|c| c.trailing_zeros() as usize)
                    .collect(),
            );
        };
        let mut left = corners[feature];
        while left != 0 {
            let corner = left.trailing_zeros() as usize;
            left &= left - 1;
            self.assignments += 1;
            if self.assignments > MAX_ASSIGNMENTS {
                return None;
            }
            if let Some(narrowed) = self.assign(corners, done, feature, corner)
                && let Some(found) = self.extend(&narrowed, done | 1 << feature)
            {
                return Some(found);
            }
        }
        None
    }

    /// The corners left for every feature once `feature` is at `corner`; `None` if one has none.
    fn assign(
        &self,
        corners: &[u64],
        done: u64,
        feature: usize,
        corner: usize,
    ) -> Option<Vec<u64>> {
        let k = corners.len();
        let mut narrowed = corners.to_vec();
        narrowed[feature] = 1 << corner;
        let target = &self.target[corner * k..][..k];
        for other in (0..k).filter(|&i| i != feature && done >> i & 1 == 0) {
            let cosine = self.cosines[(feature, other)];
            narrowed[other] = (0..k)
                .filter(|&c| c != corner && corners[other] >> c & 1 == 1)
                .filter(|&c| (cosine - target[c]).abs() <= self.tolerance)
                .fold(0, |set, c| set | 1 << c);
            if narrowed[other] == 0 {
                return None;
            }
        }
        Some(narrowed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use faer::Mat;

    /// All orders of `0..k`, by brute force.
    fn permutations(k: usize) -> Vec<Vec<usize>> {
        if k == 0 {
            return vec![vec![]];
        }
        permutations(k - 1)
            .into_iter()
            .flat_map(|shorter| {
                (0..k).map(move |at| {
                    let mut order = shorter.clone();
                    order.insert(at, k - 1);
                    order
                })
            })
            .collect()
    }

    fn deviation(cosines: &Mat<f64>, polytope: Polytope, order: &[usize]) -> f64 {
        let k = order.len();
        (0..k * k)
            .map(|ij| (ij / k, ij % k))
            .map(|(i, j)| (cosines[(order[i], order[j])] - polytope.cosine(0.0, i, j)).abs())
            .fold(0.0, f64::max)
    }

    #[test]
    fn an_order_is_found_exactly_where_brute_force_finds_one() {
        // Pentagons, hexagons and heptagons whose corners are moved along the circle, some too far.
        let (mut found, mut refused) = (0, 0);
        for k in 5..=7 {
            let polytope = Polytope::Polygon(k);
            let orders = permutations(k);
            for seed in 0..20 {
                let draw = superposition_testkit::geometry::random_uniform(1, k, seed);
                // Five steps go through all corners of a hexagon and a heptagon, three through those of a pentagon.
                let stride = if k == 5 { 3 } else { 5 };
                let angle = |i: usize| {
                    let step = (i * stride % k) as f64;
                    std::f64::consts::TAU * (step + 0.15 * draw[(0, i)]) / k as f64
                };
                let cosines = Mat::from_fn(k, k, |i, j| (angle(i) - angle(j)).cos());
                let best = orders
                    .iter()
                    .map(|order| deviation(&cosines, polytope, order))
                    .fold(f64::INFINITY, f64::min);
                let tolerance = 0.1;
                let order = Search::new(cosines.as_ref(), polytope, 0.0, tolerance).run();
                assert_eq!(order.is_some(), best <= tolerance, "{k}-gon {seed}: {best}");
                match order {
                    Some(order) => {
                        assert!(deviation(&cosines, polytope, &order) <= tolerance);
                        found += 1;
                    }
                    None => refused += 1,
                }
            }
        }
        assert!(found >= 10 && refused >= 10, "{found} {refused}");
    }
    #[test]
    fn known_figures_take_two_assignments_a_corner_at_most() {
        for k in 5..=MAX_CORNERS {
            for polytope in Polytope::with_corners(k) {
                if polytope.only_cosine().is_some() {
                    continue;
                }
                // Corners in another order, cosines off by up to nine tenths of the tolerance.
                let tolerance = polytope.largest_tolerance().min(0.05);
                let noise = superposition_testkit::geometry::random_uniform(k, k, k as u64);
                let stride = (2..).find(|s| (2..=*s).all(|d| k % d != 0 || s % d != 0));
                let corner = |i: usize| i * stride.unwrap_or(1) % k;
                let cosines = Mat::from_fn(k, k, |i, j| {
                    let off = 2.0 * noise[(i.min(j), i.max(j))] - 1.0;
                    polytope.cosine(0.3, corner(i), corner(j)) + 0.9 * tolerance * off
                });
                let mut search = Search::new(cosines.as_ref(), polytope, 0.3, tolerance);
                assert!(search.run().is_some(), "{polytope}");
                assert!(
                    search.assignments <= 2 * k,
                    "{polytope}: {}",
                    search.assignments
                );
            }
        }
    }
}
