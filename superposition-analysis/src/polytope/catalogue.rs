//! The figures that have a name, and the cosines between their corners.

use std::cmp::Ordering;
use std::f64::consts::{FRAC_PI_4, TAU};
use std::fmt;

use faer::Mat;

/// The squared heights between which two squares around an axis are called an antiprism.
///
/// At 0 they are the regular octagon, at 1 four copies of each end of a digon.
pub(crate) const ANTIPRISM_HEIGHT_SQ: std::ops::RangeInclusive<f64> = 0.15..=0.6;

/// The most corners a figure may have whose cosines are not all equal: a set of corners is the bits of a `u64`.
pub(crate) const MAX_CORNERS: usize = 64;

/// A figure whose corners a component of features can be: see [`polytopes`](crate::polytopes).
///
/// All are irreducible, which means that no part is orthogonal to the rest: the square, the octahedron and the bipyramids are not
/// here, because their features fall into components that are, see [`Polytopes::tegum_product`](crate::Polytopes::tegum_product).
/// All look the same from each corner.
///
/// ```
/// use superposition_analysis::Polytope;
/// assert_eq!(Polytope::Polygon(5).to_string(), "pentagon");
/// assert_eq!((Polytope::Cube.n_corners(), Polytope::Cube.dimension()), (8, 3));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Polytope {
    /// A feature alone in its dimension.
    Lone,
    /// Two opposite features: cosine -1.
    Digon,
    /// This many copies of one direction, at least 2: cosine 1.
    Duplicate(usize),
    /// The corners of a regular polygon, 3 or 5 to 64: cosines `$\cos(2 \pi d / k)$`.
    Polygon(usize),
    /// The k corners of a regular simplex in k - 1 dimensions, at least 4: cosines `$-1/(k-1)$`.
    Simplex(usize),
    /// Cosines `$\pm 1/3$` and -1.
    Cube,
    /// Two squares around one axis, at heights h and -h over its middle, one turned by an eighth: with angles
    /// `$\pi d / 4$` around the axis the cosines are `$(1 - h^2) \cos(\pi d / 4) + (-1)^d h^2$`. `$h^2$` is between 0.15
    /// and 0.6; at 1/3 the frame is tight and D = 3/8 for each feature.
    SquareAntiprism,
    /// Cosines `$\pm 1/\sqrt 5$` and -1.
    Icosahedron,
}

impl Polytope {
    /// How many features it has.
    #[must_use]
    pub fn n_corners(self) -> usize {
        match self {
            Self::Lone => 1,
            Self::Digon => 2,
            Self::Duplicate(k) | Self::Polygon(k) | Self::Simplex(k) => k,
            Self::Cube | Self::SquareAntiprism => 8,
            Self::Icosahedron => 12,
        }
    }

    /// How many dimensions it spans.
    #[must_use]
    pub fn dimension(self) -> usize {
        match self {
            Self::Lone | Self::Digon | Self::Duplicate(_) => 1,
            Self::Polygon(_) => 2,
            Self::Simplex(k) => k.saturating_sub(1),
            Self::Cube | Self::SquareAntiprism | Self::Icosahedron => 3,
        }
    }

    /// Its corners as unit vectors: [`dimension`](Self::dimension) x [`n_corners`](Self::n_corners), a feature per
    /// column. The square antiprism has height `$1/\sqrt 3$`, at which it is a tight frame.
    ///
    /// ```
    /// use superposition_analysis::{Polytope, PolytopeOptions, feature_dimensionality, polytopes};
    /// let w = Polytope::SquareAntiprism.corners();
    /// let found = polytopes(w.as_ref(), &PolytopeOptions::default())?;
    /// assert_eq!(found.to_string(), "1 square antiprism");
    /// assert!((feature_dimensionality(w.as_ref())[0] - 3.0 / 8.0).abs() < 1e-12);
    /// # Ok::<(), superposition_analysis::AnalysisError>(())
    /// ```
    #[must_use]
    pub fn corners(self) -> Mat<f64> {
        let (d, k) = (self.dimension(), self.n_corners());
        let along = 1.0 / libm::sqrt(3.0);
        Mat::from_fn(d, k, |row, i| match self {
            Self::Lone | Self::Duplicate(_) => 1.0,
            Self::Digon => [1.0, -1.0][i],
            Self::Polygon(k) => on_circle(row, i, k),
            // Row after row: the corner with the row's number is over the middle of those after it.
            Self::Simplex(k) => {
                let left = (k - 1 - row) as f64;
                let height = libm::sqrt(left * k as f64 / ((left + 1.0) * (k as f64 - 1.0)));
                match i.cmp(&row) {
                    Ordering::Less => 0.0,
                    Ordering::Equal => height,
                    Ordering::Greater => -height / left,
                }
            }
            Self::Cube => {
                if i >> row & 1 == 0 {
                    along
                } else {
                    -along
                }
            }
            Self::SquareAntiprism if row == 2 => [along, -along][i % 2],
            Self::SquareAntiprism => libm::sqrt(2.0 / 3.0) * on_circle(row, i, 8),
            Self::Icosahedron => {
                let corner = icosahedron_corner(i);
                corner[row] / libm::sqrt(corner.iter().map(|x| x * x).sum())
            }
        })
    }

    /// All with this many corners.
    pub(crate) fn with_corners(k: usize) -> Vec<Self> {
        let mut all = match k {
            0 => vec![],
            1 => vec![Self::Lone],
            2 => vec![Self::Digon, Self::Duplicate(2)],
            3 => vec![Self::Polygon(3), Self::Duplicate(3)],
            _ => vec![Self::Simplex(k), Self::Duplicate(k)],
        };
        if (5..=MAX_CORNERS).contains(&k) {
            all.push(Self::Polygon(k));
        }
        match k {
            8 => all.extend([Self::Cube, Self::SquareAntiprism]),
            12 => all.push(Self::Icosahedron),
            _ => {}
        }
        all
    }

    /// The cosine between any two corners, if all pairs have the same.
    pub(crate) fn only_cosine(self) -> Option<f64> {
        match self {
            Self::Digon => Some(-1.0),
            Self::Duplicate(_) => Some(1.0),
            Self::Polygon(3) => Some(-0.5),
            Self::Simplex(k) => Some(-1.0 / (k as f64 - 1.0)),
            _ => None,
        }
    }

    /// How far cosines may at most be off for this name, whatever tolerance is asked for.
    ///
    /// The next larger polygon or simplex comes near once a corner is taken from it, the nearer the more corners there are.
    /// For a simplex this is half the distance: `$\frac12 \left(\frac1{k-1} - \frac1k\right)$`.
    /// For a polygon it is an eighth of the angle between neighbours.
    pub(crate) fn largest_tolerance(self) -> f64 {
        match self {
            Self::Digon => 0.25,
            Self::Polygon(3) => 1.0 / 12.0,
            Self::Simplex(k) => 0.5 / (k as f64 * (k as f64 - 1.0)),
            Self::Polygon(k) => FRAC_PI_4 / k as f64,
            _ => f64::INFINITY,
        }
    }

    /// The cosine between corners `i` and `j`; `height_sq` is that of the antiprism, and of no effect on others.
    pub(crate) fn cosine(self, height_sq: f64, i: usize, j: usize) -> f64 {
        if i == j {
            return 1.0;
        }
        match self {
            Self::Polygon(k) => cosine_of_turns(i.abs_diff(j), k),
            Self::Cube => 1.0 - 2.0 * (i ^ j).count_ones() as f64 / 3.0,
            // Corners in order around the axis, up and down in turn.
            Self::SquareAntiprism => {
                let along = if i.abs_diff(j).is_multiple_of(2) {
                    height_sq
                } else {
                    -height_sq
                };
                (1.0 - height_sq) * cosine_of_turns(i.abs_diff(j), 8) + along
            }
            Self::Icosahedron => {
                let (a, b) = (icosahedron_corner(i), icosahedron_corner(j));
                let dot = |a: [f64; 3], b: [f64; 3]| a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
                dot(a, b) / dot(a, a)
            }
            _ => self.only_cosine().unwrap_or(1.0),
        }
    }

    /// The cosines between one corner and the others, ascending.
    pub(crate) fn sorted_row(self, height_sq: f64) -> Vec<f64> {
        let mut row: Vec<f64> = (1..self.n_corners())
            .map(|j| self.cosine(height_sq, 0, j))
            .collect();
        row.sort_by(f64::total_cmp);
        row
    }

    /// The name of this many of them.
    pub(crate) fn counted(self, count: usize) -> String {
        if count == 1 {
            return format!("1 {self}");
        }
        match self {
            Self::Simplex(4) => format!("{count} tetrahedra"),
            Self::Simplex(k) => format!("{count} {}-simplices", k - 1),
            Self::Icosahedron => format!("{count} icosahedra"),
            _ => format!("{count} {self}s"),
        }
    }
}

/// Coordinate 0 or 1 of the corner with this number of a regular polygon.
fn on_circle(row: usize, i: usize, k: usize) -> f64 {
    let (sin, cos) = libm::sincos(TAU * i as f64 / k as f64);
    if row == 0 { cos } else { sin }
}

/// The cosine of `steps / k` of a full turn.
fn cosine_of_turns(steps: usize, k: usize) -> f64 {
    libm::cos(TAU * (steps % k) as f64 / k as f64)
}

/// Corners 2a and 2a + 1 are opposite.
fn icosahedron_corner(i: usize) -> [f64; 3] {
    let golden = 0.5 * (1.0 + libm::sqrt(5.0));
    // Three axes, two lines beside each: cyclic permutations of (0, +-1, golden).
    let sign = |bit: usize| if i & bit == 0 { 1.0 } else { -1.0 };
    let axis = i / 4;
    let mut corner = [0.0; 3];
    corner[(axis + 1) % 3] = sign(1) * sign(2);
    corner[(axis + 2) % 3] = sign(1) * golden;
    corner
}

impl fmt::Display for Polytope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lone => f.pad("lone feature"),
            Self::Digon => f.pad("digon"),
            Self::Duplicate(2) => f.pad("duplicate"),
            Self::Duplicate(k) => f.pad(&format!("{k}-fold duplicate")),
            Self::Polygon(3) => f.pad("triangle"),
            Self::Polygon(5) => f.pad("pentagon"),
            Self::Polygon(6) => f.pad("hexagon"),
            Self::Polygon(7) => f.pad("heptagon"),
            Self::Polygon(8) => f.pad("octagon"),
            Self::Polygon(k) => f.pad(&format!("{k}-gon")),
            Self::Simplex(4) => f.pad("tetrahedron"),
            Self::Simplex(k) => f.pad(&format!("{}-simplex", k.saturating_sub(1))),
            Self::Cube => f.pad("cube"),
            Self::SquareAntiprism => f.pad("square antiprism"),
            Self::Icosahedron => f.pad("icosahedron"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use faer::Mat;
    use superposition_testkit::geometry;
    use superposition_testkit::oracle;
    use superposition_testkit::tolerance::{Tolerance, assert_all_close, assert_close};

    /// Every figure with at most 13 corners, the antiprism at many heights.
    fn all() -> Vec<(Polytope, f64)> {
        let mut all: Vec<_> = (1..=13)
            .flat_map(Polytope::with_corners)
            .map(|polytope| (polytope, 1.0 / 3.0))
            .collect();
        for step in 0..=45 {
            let height_sq = ANTIPRISM_HEIGHT_SQ.start() + 0.01 * f64::from(step);
            all.push((Polytope::SquareAntiprism, height_sq));
        }
        all
    }

    fn gram(polytope: Polytope, height_sq: f64) -> Mat<f64> {
        let k = polytope.n_corners();
        Mat::from_fn(k, k, |i, j| polytope.cosine(height_sq, i, j))
    }

    #[test]
    fn every_figure_looks_the_same_from_each_corner_and_has_its_dimension() {
        for (polytope, height_sq) in all() {
            let k = polytope.n_corners();
            let gram = gram(polytope, height_sq);
            let rounding = Tolerance::reduction_f64(8, 1.0);
            for i in 0..k {
                let mut row: Vec<f64> = (0..k).filter(|&j| j != i).map(|j| gram[(i, j)]).collect();
                row.sort_by(f64::total_cmp);
                assert_all_close(&row, &polytope.sorted_row(height_sq), rounding);
            }
            let values = oracle::singular_values(gram.as_ref());
            let rank = values.iter().filter(|&&value| value > 1e-9).count();
            assert_eq!(rank, polytope.dimension(), "{polytope}");
        }
    }

    #[test]
    fn corners_are_unit_vectors_with_the_cosines_of_the_figure() {
        for (polytope, height_sq) in all().into_iter().filter(|(_, h)| *h == 1.0 / 3.0) {
            let corners = polytope.corners();
            let gram = gram(polytope, height_sq);
            for i in 0..polytope.n_corners() {
                for j in 0..polytope.n_corners() {
                    let rows = 0..polytope.dimension();
                    let product = rows.map(|r| corners[(r, i)] * corners[(r, j)]).sum();
                    assert_close(product, gram[(i, j)], Tolerance::reduction_f64(32, 1.0));
                }
            }
        }
    }

    #[test]
    fn cosines_are_those_of_the_planted_dictionaries() {
        let rounding = Tolerance::reduction_f64(8, 1.0);
        let mut planted: Vec<(Polytope, Mat<f64>)> = vec![
            (Polytope::Digon, geometry::digon()),
            (Polytope::Cube, geometry::cube()),
            (Polytope::SquareAntiprism, geometry::square_antiprism()),
        ];
        planted.extend((4..9).map(|k| (Polytope::Simplex(k), geometry::simplex(k))));
        planted.extend((5..9).map(|k| (Polytope::Polygon(k), geometry::polygon(k))));
        planted.push((Polytope::Polygon(3), geometry::polygon(3)));
        for (polytope, w) in planted {
            assert_eq!(w.ncols(), polytope.n_corners());
            let mut row: Vec<f64> = (1..w.ncols())
                .map(|j| (0..w.nrows()).map(|r| w[(r, 0)] * w[(r, j)]).sum())
                .collect();
            row.sort_by(f64::total_cmp);
            assert_all_close(&row, &polytope.sorted_row(1.0 / 3.0), rounding);
        }
        // The icosahedron by hand: five neighbours, five others, the opposite corner.
        let row = Polytope::Icosahedron.sorted_row(0.0);
        let fifth = 1.0 / 5f64.sqrt();
        assert_close(row[0], -1.0, rounding);
        assert_all_close(&row[1..6], &[-fifth; 5], rounding);
        assert_all_close(&row[6..], &[fifth; 5], rounding);
    }

    /// The sorted rows of two matrices of cosines differ by at most as much as the matrices, in any order of the corners.
    #[test]
    fn different_figures_are_further_apart_than_two_tolerances() {
        let all = all();
        for (a, height_a) in &all {
            for (b, height_b) in &all {
                if a.n_corners() != b.n_corners() || a == b {
                    continue;
                }
                let (x, y) = (a.sorted_row(*height_a), b.sorted_row(*height_b));
                let apart = x
                    .iter()
                    .zip(&y)
                    .map(|(x, y)| (x - y).abs())
                    .fold(0.0, f64::max);
                assert!(apart > 0.2, "{a} and {b}: {apart}");
            }
        }
    }

    #[test]
    fn a_larger_simplex_without_a_corner_is_two_tolerances_away() {
        for k in 4..64 {
            let simplex = Polytope::Simplex(k);
            let distance = 1.0 / (k as f64 - 1.0) - 1.0 / k as f64;
            assert_close(
                2.0 * simplex.largest_tolerance(),
                distance,
                Tolerance::relative(1e-9),
            );
        }
    }
}
