//! Polytopes by name: which figure the features of every component are.

mod catalogue;
mod product;
mod recognition;
mod search;

pub use catalogue::Polytope;
pub use recognition::{PolytopeMatch, name_component};

use crate::clusters::clusters;
use crate::dimensionality::feature_superposition;
use crate::directions::Directions;
use crate::{AnalysisError, Real};
use faer::MatRef;
use recognition::{checked, recognize, validate_tolerance};
use std::collections::HashSet;

/// What [`polytopes`] takes for a component and for a polytope.
///
/// ```
/// use superposition_analysis::PolytopeOptions;
/// let options = PolytopeOptions::default().with_min_norm(0.5);
/// assert_eq!((options.min_norm, options.threshold, options.tolerance), (0.5, 0.05, 0.05));
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(default)
)]
#[non_exhaustive]
pub struct PolytopeOptions {
    /// A feature is represented if its norm is above this. Default 0; 0.5 suits a toy model, whose norms are near 0 or near 1. Finite, at least 0.
    pub min_norm: f64,
    /// Two features are in one component if their cos^2 is above this. Default 0.05. In [0, 1].
    pub threshold: f64,
    /// By how much the cosine of two features may differ from that of their corners. Default 0.05. In [0, 0.1].
    pub tolerance: f64,
}

impl Default for PolytopeOptions {
    fn default() -> Self {
        Self {
            min_norm: 0.0,
            threshold: 0.05,
            tolerance: 0.05,
        }
    }
}

impl PolytopeOptions {
    /// The same with another `min_norm`.
    #[must_use]
    pub fn with_min_norm(self, min_norm: f64) -> Self {
        Self { min_norm, ..self }
    }

    /// The same with another `threshold`.
    #[must_use]
    pub fn with_threshold(self, threshold: f64) -> Self {
        Self { threshold, ..self }
    }

    /// The same with another `tolerance`.
    #[must_use]
    pub fn with_tolerance(self, tolerance: f64) -> Self {
        Self { tolerance, ..self }
    }

    fn validate(&self) -> Result<(), AnalysisError> {
        if !(self.min_norm.is_finite() && self.min_norm >= 0.0) {
            return Err(AnalysisError::InvalidOption {
                name: "min_norm",
                value: self.min_norm,
                expected: "finite and at least 0",
            });
        }
        validate_threshold(self.threshold)?;
        validate_tolerance(self.tolerance)
    }
}

fn validate_threshold(threshold: f64) -> Result<(), AnalysisError> {
    if (0.0..=1.0).contains(&threshold) {
        return Ok(());
    }
    Err(AnalysisError::InvalidOption {
        name: "threshold",
        value: threshold,
        expected: "a cos^2 between 0 and 1",
    })
}

/// What [`polytopes`] finds: the components of the represented features, each with its name.
///
/// `Display` lists them by name: `19 digons, 5 pentagons, 1 square antiprism (residual 0.02), 2 irregular (9 features, rank 5)`.
/// Residuals are the largest of the name, and left out below 0.005; features and ranks of irregular components are added up.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Polytopes {
    /// What was asked for.
    pub options: PolytopeOptions,
    /// Number of features, n.
    pub n_features: usize,
    /// Number of features with a norm above `min_norm`.
    pub n_represented: usize,
    /// The components, by their smallest feature. Every represented feature is in one.
    pub components: Vec<PolytopeMatch>,
}

/// The components of one name.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct PolytopeCount {
    /// The name; `None` for the irregular ones.
    pub polytope: Option<Polytope>,
    /// Number of components.
    pub n_components: usize,
    /// Number of their features.
    pub n_features: usize,
    /// The sum of their ranks.
    pub rank: usize,
    /// The largest residual; `None` for the irregular ones.
    pub residual: Option<f64>,
}

impl Polytopes {
    /// The components counted by name, those with most features first, irregular ones last.
    #[must_use]
    pub fn counts(&self) -> Vec<PolytopeCount> {
        let mut counts: Vec<PolytopeCount> = Vec::new();
        for component in &self.components {
            let polytope = component.polytope;
            let at = match counts.iter().position(|count| count.polytope == polytope) {
                Some(at) => at,
                None => {
                    counts.push(PolytopeCount {
                        polytope,
                        n_components: 0,
                        n_features: 0,
                        rank: 0,
                        residual: polytope.map(|_| 0.0),
                    });
                    counts.len() - 1
                }
            };
            let count = &mut counts[at];
            count.n_components += 1;
            count.n_features += component.features.len();
            count.rank += component.rank;
            if let (Some(largest), Some(residual)) = (&mut count.residual, component.residual) {
                *largest = largest.max(residual);
            }
        }
        counts.sort_by_key(|count| {
            let features = std::cmp::Reverse(count.n_features);
            (count.polytope.is_none(), features, count.polytope)
        });
        counts
    }

    /// The share of the represented features that are in a component of this name, or, for `None`, in an irregular one; 0 if no feature is represented.
    #[must_use]
    pub fn share(&self, polytope: Option<Polytope>) -> f64 {
        if self.n_represented == 0 {
            return 0.0;
        }
        let of_name = self.components.iter().filter(|c| c.polytope == polytope);
        of_name.map(|c| c.features.len()).sum::<usize>() as f64 / self.n_represented as f64
    }
}

/// Splits the represented features of W, m x n, into components that do not interfere, and names the polytope of each.
///
/// A component is a connected component of the graph with an edge where `$\cos^2(W_i, W_j) >$ threshold`, see [`clusters`].
/// Up to the threshold, components are orthogonal to each other and none is made of orthogonal parts: they are the irreducible factors
/// of the dictionary, which as a whole is their tegum product, see [`Polytopes::tegum_product`]. How far this holds is said for each by [`PolytopeMatch::outside`].
/// Each is compared with the catalogue [`Polytope`] as in [`name_component`].
///
/// The default threshold of 0.05 is a cosine of 0.22. It connects every polytope of the catalogue but large simplices, whose cosines
/// are smaller: that of k corners is in one piece below a threshold of 1/(k-1)^2, the tetrahedron below 0.11, 6 corners below
/// 0.04, and comes out as k lone features above, with `outside` not near 0.
/// In the other direction, features of a dictionary without structure become one component. [`polytope_stability`] compares thresholds.
///
/// # The tolerance
/// With normal noise of a standard deviation s added to every coordinate of the unit features, in 6 dimensions, so many percent of 40
/// drawings of each polytope keep their name at the default tolerance of 0.05. The others are irregular; none has a wrong name.
///
/// | s | 0 | 0.005 | 0.01 | 0.015 | 0.02 | 0.03 | 0.05 |
/// |---|---|---|---|---|---|---|---|
/// | lone feature | 100 | 100 | 100 | 100 | 100 | 100 | 100 |
/// | digon | 100 | 100 | 100 | 100 | 100 | 100 | 97 |
/// | duplicate | 100 | 100 | 100 | 100 | 100 | 100 | 100 |
/// | 3-fold duplicate | 100 | 100 | 100 | 100 | 100 | 100 | 100 |
/// | triangle | 100 | 100 | 100 | 97 | 95 | 75 | 42 |
/// | tetrahedron | 100 | 100 | 97 | 77 | 60 | 17 | 5 |
/// | pentagon | 100 | 100 | 100 | 97 | 77 | 35 | 12 |
/// | 4-simplex | 100 | 100 | 45 | 20 | 2 | 0 | 0 |
/// | hexagon | 100 | 100 | 100 | 95 | 77 | 20 | 2 |
/// | 5-simplex | 100 | 65 | 2 | 0 | 0 | 0 | 0 |
/// | heptagon | 100 | 100 | 100 | 90 | 72 | 25 | 0 |
/// | octagon | 100 | 100 | 100 | 87 | 52 | 17 | 0 |
/// | cube | 100 | 100 | 97 | 80 | 40 | 0 | 0 |
/// | square antiprism | 100 | 100 | 100 | 95 | 47 | 2 | 0 |
/// | 12-gon | 100 | 100 | 97 | 80 | 35 | 2 | 0 |
/// | icosahedron | 100 | 100 | 100 | 60 | 12 | 0 | 0 |
///
/// Trained toy models are more regular than that: with 400 equally important features in 30 dimensions (the example
/// `polytopes_of_toy_models` of superposition-lab) the residuals of digons, pentagons and antiprisms are at most 0.01.
/// Figures that are wrong on purpose are further: a pentagon with one corner 10 degrees from its place, a cube a tenth too tall, an
/// antiprism turned by 38 degrees instead of 45, the snub disphenoid and others have no order with all cosines within 0.057.
/// Only large polygons and simplices come nearer to each other, and have the limits that [`name_component`] states.
/// The tolerance is one of cosines: it is 3 degrees between orthogonal features, and 18 between opposite or equal ones.
///
/// # Cost
/// O(n^2 m) time for the pairs and O(n m^2) for the sums, O(n m + m^2) memory, for components of any size.
///
/// ```
/// use superposition_analysis::{Polytope, PolytopeOptions, from_columns, polytopes};
/// // Two antipodal pairs and a lone feature, in three dimensions; the last feature is dead.
/// let w = [1.0, 0.0, 0.0, 0.0, 2.0, 0.0, -1.0, 0.0, 0.0, 0.0, -2.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0];
/// let found = polytopes(from_columns(&w, 3, 6), &PolytopeOptions::default())?;
/// assert_eq!(found.to_string(), "2 digons, 1 lone feature");
/// assert_eq!(found.components[1].features, [1, 3]);
/// assert_eq!(found.share(Some(Polytope::Digon)), 0.8);
/// # Ok::<(), superposition_analysis::AnalysisError>(())
/// ```
///
/// # Errors
/// For a matrix without rows or columns, an element that is not finite, and an option outside its range.
///
/// # References
/// Elhage et al. 2022, *Toy Models of Superposition*, section 4, names the polytopes and tegum products that trained models form.
pub fn polytopes<T: Real>(
    w: MatRef<'_, T>,
    options: &PolytopeOptions,
) -> Result<Polytopes, AnalysisError> {
    options.validate()?;
    let directions = checked(w)?;
    let represented = directions.lengths.represented(options.min_norm);
    let components = split(&directions, &represented, options.threshold);
    let total = interference_sums(&directions, &represented);
    let name = |features: Vec<usize>| {
        let mut component = recognize(&directions, features, options.tolerance);
        component.outside = outside(&directions, &component.features, &total);
        component
    };
    Ok(Polytopes {
        options: *options,
        n_features: w.ncols(),
        n_represented: represented.len(),
        components: components.into_iter().map(name).collect(),
    })
}

/// The components of some features at a threshold, ordered by their first.
fn split<T: Real>(
    directions: &Directions<'_, T>,
    features: &[usize],
    threshold: f64,
) -> Vec<Vec<usize>> {
    let units = directions.gather(features);
    let components = clusters(units.as_ref(), threshold).members();
    components
        .into_iter()
        .map(|component| component.into_iter().map(|j| features[j]).collect())
        .collect()
}

/// For every feature that is represented the sum of cos^2 with the others that are; 0 for the rest.
fn interference_sums<T: Real>(directions: &Directions<'_, T>, represented: &[usize]) -> Vec<f64> {
    let units = directions.gather(represented);
    let mut sums = vec![0.0; directions.n_features()];
    for (&i, sum) in represented
        .iter()
        .zip(feature_superposition(units.as_ref()))
    {
        sums[i] = sum;
    }
    sums
}

/// See [`PolytopeMatch::outside`].
fn outside<T: Real>(directions: &Directions<'_, T>, component: &[usize], total: &[f64]) -> f64 {
    let units = directions.gather(component);
    let inside: f64 = feature_superposition(units.as_ref()).iter().sum();
    let all: f64 = component.iter().map(|&i| total[i]).sum();
    // A difference below 0 is rounding.
    ((all - inside) / component.len() as f64).max(0.0)
}

/// How much the names depend on the threshold.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct PolytopeStability {
    /// Number of features with a norm above `min_norm`.
    pub n_represented: usize,
    /// Number of those whose component is the same at every threshold.
    pub n_stable: usize,
    /// Number of those that are in a component with a name.
    pub n_stable_named: usize,
    /// The counts by name at every threshold, in the order of the thresholds as given.
    pub counts: Vec<Vec<PolytopeCount>>,
}

/// Names the components at several thresholds, and counts the features whose component is the same at all of them.
///
/// Thresholds from 0.02 to 0.1 are a fair range around the default. That of `options` is not used.
/// Time is that of [`polytopes`] for each threshold.
///
/// ```
/// use superposition_analysis::{PolytopeOptions, from_columns, polytope_stability};
/// // A digon, and two features at a cosine of 0.25, whose square is 0.0625.
/// let w = [1.0, 0.0, 0.0, -1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.25, 0.9375_f64.sqrt()];
/// let w = from_columns(&w, 3, 4);
/// let stability = polytope_stability(w, &PolytopeOptions::default(), &[0.02, 0.05, 0.1])?;
/// assert_eq!((stability.n_stable, stability.n_stable_named), (2, 2));
/// assert_eq!(stability.counts[1].len(), 2); // a digon, and an irregular component
/// # Ok::<(), superposition_analysis::AnalysisError>(())
/// ```
///
/// # Errors
/// As [`polytopes`], and for a threshold outside [0, 1].
pub fn polytope_stability<T: Real>(
    w: MatRef<'_, T>,
    options: &PolytopeOptions,
    thresholds: &[f64],
) -> Result<PolytopeStability, AnalysisError> {
    options.validate()?;
    for &threshold in thresholds {
        validate_threshold(threshold)?;
    }
    let at_each = thresholds
        .iter()
        .map(|&threshold| polytopes(w, &options.with_threshold(threshold)))
        .collect::<Result<Vec<_>, _>>()?;
    let n_represented = crate::n_represented(w, options.min_norm);
    let (mut n_stable, mut n_stable_named) = (0, 0);
    if let Some((first, others)) = at_each.split_first() {
        // The order of the features is a function of the set.
        let others: Vec<HashSet<&[usize]>> = others
            .iter()
            .map(|found| found.components.iter().map(|c| &c.features[..]).collect())
            .collect();
        for component in &first.components {
            if others
                .iter()
                .all(|sets| sets.contains(&component.features[..]))
            {
                n_stable += component.features.len();
                if component.polytope.is_some() {
                    n_stable_named += component.features.len();
                }
            }
        }
    }
    Ok(PolytopeStability {
        n_represented,
        n_stable,
        n_stable_named,
        counts: at_each.iter().map(Polytopes::counts).collect(),
    })
}
