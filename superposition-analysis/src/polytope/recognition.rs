//! One component: which figure it is.

use super::catalogue::{ANTIPRISM_HEIGHT_SQ, MAX_CORNERS, Polytope};
use super::search::Search;
use crate::dimensionality::feature_dimensionality;
use crate::directions::Directions;
use crate::directions::column;
use crate::kernel::{ThreadPool, dot};
use crate::linalg::{product, singular_values};
use crate::{AnalysisError, Real, check_finite};
use faer::{Mat, MatRef};

/// A component of features that interfere, and the polytope whose corners they are.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct PolytopeMatch {
    /// The polytope; `None` if the component is irregular: none of the catalogue fits within the tolerance.
    pub polytope: Option<Polytope>,
    /// The features, as columns of W, in the order of the corners: around a polygon, around the axis of an antiprism (up and down
    /// in turn), opposite ones of an icosahedron beside each other, those of a cube as a binary number counts through its three
    /// directions. The smallest is first. Ascending if irregular or if all orders are the same.
    pub features: Vec<usize>,
    /// The largest difference between a cosine of two features and that of their corners; 0 for a lone feature, `None` if irregular.
    pub residual: Option<f64>,
    /// The height h of a square antiprism of radius 1: how far each square is from the middle, least squares over the cosines. `None` for others.
    pub height: Option<f64>,
    /// The number of dimensions spanned: that of the polytope; if irregular, the number of singular values of the unit directions that
    /// are above `tolerance` times the largest.
    pub rank: usize,
    /// The mean dimensionality `$D_i$` of the features among themselves, norms as given; 0 without features.
    pub dimensionality: f64,
    /// The smallest norm over the largest; 1 without features.
    pub norm_ratio: f64,
    /// The sum of cos^2 with the represented features outside the component, averaged over its features: 0 if it is exactly an orthogonal factor.
    pub outside: f64,
}

/// Names the features of W, m x n, taken as one component, by their directions.
///
/// The n x n cosines are compared with those of every [`Polytope`] with n corners, so the answer does not depend on rotation,
/// reflection, scale or order. Norms do not enter, except into the dimensionality that is reported.
/// A polytope fits if there is an order of the features in which every cosine is off by at most `tolerance`, between 0 and 0.1
/// (0.05 is the default elsewhere), and at most by what tells it from its own kind with one more corner:
/// 1/(2k(k-1)) for the simplex of k corners, `$\pi / 4k$` for the polygon. No two polytopes fit the same features.
/// First each feature's sorted cosines are compared with those of a corner, then an order is searched for by backtracking that
/// narrows the choices of all features with every assignment. The search is exact: within 10,000 assignments, of which known figures
/// take at most two for each corner, it finds an order if there is one.
///
/// A set of several orthogonal components, such as a square, is irregular here: [`polytopes`](crate::polytopes) takes it apart.
/// O(n^2 m) time; an n x n matrix is formed for n <= 64 only.
///
/// ```
/// use superposition_analysis::{Polytope, from_columns, name_component};
/// // A pentagon in an order, a size and a place of its own: corners 0, 2, 4, 1, 3 in the second and third of three dimensions.
/// let w: Vec<f64> = (0..5)
///     .flat_map(|k| {
///         let angle = std::f64::consts::TAU * f64::from(2 * k) / 5.0;
///         [0.0, 3.0 * angle.cos(), 3.0 * angle.sin()]
///     })
///     .collect();
/// let found = name_component(from_columns(&w, 3, 5), 0.05)?;
/// assert_eq!(found.polytope, Some(Polytope::Polygon(5)));
/// assert_eq!((found.rank, found.features.len()), (2, 5));
/// assert!(found.residual.unwrap() < 1e-14 && (found.dimensionality - 0.4).abs() < 1e-14);
/// # Ok::<(), superposition_analysis::AnalysisError>(())
/// ```
///
/// # Errors
/// For a matrix without rows or columns, an element that is not finite, and a tolerance outside its range. A zero feature has no
/// direction and fits nothing.
pub fn name_component<T: Real>(
    w: MatRef<'_, T>,
    tolerance: f64,
) -> Result<PolytopeMatch, AnalysisError> {
    validate_tolerance(tolerance)?;
    let directions = checked(w)?;
    let all: Vec<usize> = (0..w.ncols()).collect();
    Ok(recognize(&directions, all, tolerance))
}

/// Checks the matrix and takes it apart.
pub(crate) fn checked<T: Real>(w: MatRef<'_, T>) -> Result<Directions<'_, T>, AnalysisError> {
    let (m, n) = w.shape();
    if m == 0 || n == 0 {
        return Err(AnalysisError::Empty {
            n_features: n,
            n_hidden: m,
        });
    }
    check_finite(w)?;
    Ok(Directions::new(w, &ThreadPool::new(1)))
}

pub(crate) fn validate_tolerance(tolerance: f64) -> Result<(), AnalysisError> {
    if (0.0..=0.1).contains(&tolerance) {
        return Ok(());
    }
    Err(AnalysisError::InvalidOption {
        name: "tolerance",
        value: tolerance,
        expected: "a difference of cosines between 0 and 0.1",
    })
}

/// Names the component of some features, at least one; `outside` is left at 0.
pub(crate) fn recognize<T: Real>(
    directions: &Directions<'_, T>,
    features: Vec<usize>,
    tolerance: f64,
) -> PolytopeMatch {
    let units = directions.gather(&features);
    let k = features.len();
    let fit = Polytope::with_corners(k)
        .into_iter()
        .find_map(|polytope| fit(units.as_ref(), polytope, tolerance));
    let norms = features.iter().map(|&i| directions.lengths.relative[i]);
    let (smallest, largest) = norms.fold((f64::INFINITY, 0.0_f64), |(low, high), norm| {
        (low.min(norm), high.max(norm))
    });
    let scaled = Mat::from_fn(units.nrows(), k, |row, j| {
        units[(row, j)] * directions.lengths.relative[features[j]]
    });
    let dimensionality = feature_dimensionality(scaled.as_ref());
    PolytopeMatch {
        polytope: fit.as_ref().map(|fit| fit.polytope),
        residual: fit.as_ref().map(|fit| fit.residual),
        height: fit
            .as_ref()
            .filter(|fit| fit.polytope == Polytope::SquareAntiprism)
            .map(|fit| fit.height_sq.sqrt()),
        rank: fit.as_ref().map_or_else(
            || effective_rank(units.as_ref(), tolerance),
            |fit| fit.polytope.dimension(),
        ),
        dimensionality: dimensionality.iter().sum::<f64>() / k as f64,
        norm_ratio: if largest > 0.0 {
            smallest / largest
        } else {
            1.0
        },
        outside: 0.0,
        features: match fit {
            Some(fit) => fit.order.iter().map(|&j| features[j]).collect(),
            None => features,
        },
    }
}

/// A polytope with the order in which the features are its corners.
struct Fit {
    polytope: Polytope,
    height_sq: f64,
    residual: f64,
    order: Vec<usize>,
}

/// The fit of one polytope to as many unit columns, if it is close enough.
fn fit(units: MatRef<'_, f64>, polytope: Polytope, tolerance: f64) -> Option<Fit> {
    let k = units.ncols();
    let tolerance = tolerance.min(polytope.largest_tolerance());
    if let Some(cosine) = polytope.only_cosine() {
        let residual = residual_of_equal_cosines(units, cosine, tolerance)?;
        return Some(Fit {
            polytope,
            height_sq: 0.0,
            residual,
            order: (0..k).collect(),
        });
    }
    if k > MAX_CORNERS {
        return None;
    }
    let cosines = product(units.transpose(), units);
    let rows: Vec<Vec<f64>> = (0..k).map(|i| sorted_row(cosines.as_ref(), i)).collect();
    let (heights, slack) = match polytope {
        Polytope::SquareAntiprism => grid_of_heights_sq(),
        _ => (vec![0.0], 0.0),
    };
    heights.into_iter().find_map(|height_sq| {
        let distance = distance_of_rows(&rows, &polytope.sorted_row(height_sq));
        if distance > tolerance + slack {
            return None;
        }
        let mut search = Search::new(cosines.as_ref(), polytope, height_sq, tolerance + slack);
        let fit = fit_in_order(cosines.as_ref(), polytope, search.run()?)?;
        (fit.residual <= tolerance).then_some(fit)
    })
}

/// The residual once it is known which feature is which corner, for the best height of an antiprism; `None` if that is no antiprism's.
fn fit_in_order(cosines: MatRef<'_, f64>, polytope: Polytope, order: Vec<usize>) -> Option<Fit> {
    let mut height_sq = 0.0;
    if polytope == Polytope::SquareAntiprism {
        height_sq = fitted_height_sq(cosines, &order);
        if !ANTIPRISM_HEIGHT_SQ.contains(&height_sq) {
            return None;
        }
    }
    let mut residual = 0.0_f64;
    for j in 0..order.len() {
        for i in 0..j {
            let cosine = cosines[(order[i], order[j])];
            residual = residual.max((cosine - polytope.cosine(height_sq, i, j)).abs());
        }
    }
    Some(Fit {
        polytope,
        height_sq,
        residual,
        order,
    })
}

/// The largest difference between a cosine of two columns and `cosine`, or `None` once it is above `tolerance`.
fn residual_of_equal_cosines(units: MatRef<'_, f64>, cosine: f64, tolerance: f64) -> Option<f64> {
    let mut residual = 0.0_f64;
    for j in 0..units.ncols() {
        for i in 0..j {
            let found = dot(column(units, i), column(units, j));
            residual = residual.max((found - cosine).abs());
        }
        if residual > tolerance {
            return None;
        }
    }
    Some(residual)
}

fn sorted_row(cosines: MatRef<'_, f64>, i: usize) -> Vec<f64> {
    let mut row: Vec<f64> = (0..cosines.ncols())
        .filter(|&j| j != i)
        .map(|j| cosines[(i, j)])
        .collect();
    row.sort_by(f64::total_cmp);
    row
}

/// The largest difference between sorted rows and that of a figure: never more than the residual in any order.
fn distance_of_rows(rows: &[Vec<f64>], target: &[f64]) -> f64 {
    rows.iter()
        .flat_map(|row| row.iter().zip(target))
        .map(|(x, y)| (x - y).abs())
        .fold(0.0, f64::max)
}

/// Squared heights of antiprisms, and by how much the cosines of any antiprism differ at most from those of the nearest.
fn grid_of_heights_sq() -> (Vec<f64>, f64) {
    const STEP: f64 = 0.01;
    let (start, end) = (*ANTIPRISM_HEIGHT_SQ.start(), *ANTIPRISM_HEIGHT_SQ.end());
    let n_steps = ((end - start) / STEP).round() as usize;
    let heights = (0..=n_steps).map(|step| start + step as f64 * STEP);
    // No cosine changes faster than twice the squared height, and the nearest is at most half a step off.
    (heights.collect(), STEP)
}

/// The squared height that fits the cosines best in the sense of least squares: they are linear in it.
fn fitted_height_sq(cosines: MatRef<'_, f64>, order: &[usize]) -> f64 {
    let (mut numerator, mut denominator) = (0.0, 0.0);
    for j in 0..order.len() {
        for i in 0..j {
            let flat = Polytope::SquareAntiprism.cosine(0.0, i, j);
            let slope = Polytope::SquareAntiprism.cosine(1.0, i, j) - flat;
            numerator += slope * (cosines[(order[i], order[j])] - flat);
            denominator += slope * slope;
        }
    }
    numerator / denominator
}

/// The number of singular values above `tolerance` times the largest.
fn effective_rank(units: MatRef<'_, f64>, tolerance: f64) -> usize {
    // Squares of singular values, from the smaller side.
    let squares = if units.ncols() < units.nrows() {
        product(units.transpose(), units)
    } else {
        product(units, units.transpose())
    };
    let squares = singular_values(squares.as_ref());
    // Below this, squares are rounding.
    let relative = (tolerance * tolerance).max(1e-12);
    squares
        .iter()
        .filter(|&&square| square > relative * squares[0])
        .count()
}
