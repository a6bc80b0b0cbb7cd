//! Names of components together: lists, and tegum products.

use super::{Polytope, Polytopes};
use std::fmt;

impl Polytopes {
    /// The name of all components together as a tegum product.
    ///
    /// The *tegum product* of polytopes in orthogonal subspaces, each around the origin, is the convex hull of them all: its corners are the corners
    /// of every factor, and corners of different factors are orthogonal. Features of different factors do not interfere, so each has the
    /// dimensionality `$D_i$` that it has in its own factor. Two digons are a square, three an octahedron, k a k-orthoplex; a
    /// polygon with a digon is a bipyramid, two polygons are a duotegum. A product without a name of its own is listed by its factors.
    ///
    /// Norms may differ between factors, as they may within them: the square is that of the directions.
    /// `None` without components, and if one is irregular, a duplicate or a lone feature, which is not a polytope around the origin.
    ///
    /// ```
    /// use superposition_analysis::{PolytopeOptions, from_columns, polytopes};
    /// let square = from_columns(&[1.0, 1.0, -1.0, 1.0, -1.0, -1.0, 1.0, -1.0], 2, 4);
    /// let found = polytopes(square, &PolytopeOptions::default())?;
    /// assert_eq!(found.to_string(), "2 digons");
    /// assert_eq!(found.tegum_product().unwrap(), "square");
    /// # Ok::<(), superposition_analysis::AnalysisError>(())
    /// ```
    ///
    /// # References
    /// Elhage et al. 2022, *Toy Models of Superposition*, section 4, "Why Do We See These Shapes?", after the Polytope Wiki.
    #[must_use]
    pub fn tegum_product(&self) -> Option<String> {
        let mut factors = Vec::new();
        for count in self.counts() {
            match count.polytope? {
                Polytope::Lone | Polytope::Duplicate(_) => return None,
                polytope => factors.push((polytope, count.n_components)),
            }
        }
        // Digons last, whichever are more.
        factors.sort_by_key(|&(polytope, _)| polytope == Polytope::Digon);
        Some(match factors[..] {
            [] => return None,
            [(Polytope::Digon, k)] => orthoplex(k),
            [(polytope, 1)] => polytope.to_string(),
            [(polytope, 1), (Polytope::Digon, 1)] => format!("{} bipyramid", adjective(polytope)),
            [(Polytope::Polygon(k), 2)] => duotegum(Polytope::Polygon(k), Polytope::Polygon(k)),
            [(Polytope::Polygon(k), 1), (Polytope::Polygon(l), 1)] => {
                duotegum(Polytope::Polygon(k), Polytope::Polygon(l))
            }
            [(Polytope::Polygon(k), 1), (Polytope::Digon, 2)] => {
                format!("square-{} duotegum", Polytope::Polygon(k))
            }
            _ => {
                let names: Vec<String> =
                    factors.iter().map(|(p, count)| p.counted(*count)).collect();
                format!("tegum product of {}", names.join(" and "))
            }
        })
    }
}

fn orthoplex(k: usize) -> String {
    match k {
        1 => "digon".to_owned(),
        2 => "square".to_owned(),
        3 => "octahedron".to_owned(),
        k => format!("{k}-orthoplex"),
    }
}

fn duotegum(a: Polytope, b: Polytope) -> String {
    let (a, b) = (a.min(b), a.max(b));
    format!("{a}-{b} duotegum")
}

/// What kind of bipyramid stands on it.
fn adjective(polytope: Polytope) -> String {
    match polytope {
        Polytope::Polygon(3) => "triangular".to_owned(),
        Polytope::Polygon(k @ 5..=8) => {
            let name = Polytope::Polygon(k).to_string();
            format!("{name}al")
        }
        Polytope::Polygon(k) => format!("{k}-gonal"),
        Polytope::Simplex(4) => "tetrahedral".to_owned(),
        Polytope::Cube => "cubic".to_owned(),
        Polytope::SquareAntiprism => "square antiprismatic".to_owned(),
        Polytope::Icosahedron => "icosahedral".to_owned(),
        other => other.to_string(),
    }
}

impl fmt::Display for Polytopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = self.counts();
        if counts.is_empty() {
            return f.write_str("no features");
        }
        for (position, count) in counts.iter().enumerate() {
            if position > 0 {
                f.write_str(", ")?;
            }
            match count.polytope {
                Some(polytope) => {
                    f.write_str(&polytope.counted(count.n_components))?;
                    if let Some(residual) = count.residual.filter(|&residual| residual >= 0.005) {
                        write!(f, " (residual {residual:.2})")?;
                    }
                }
                None => {
                    let features = if count.n_features == 1 {
                        "feature"
                    } else {
                        "features"
                    };
                    write!(
                        f,
                        "{} irregular ({} {features}, rank {})",
                        count.n_components, count.n_features, count.rank
                    )?;
                }
            }
        }
        Ok(())
    }
}
