//! The loss of exactly one active feature in closed form, with first and second derivatives (Chen et al. 2023).

use superposition_analysis::faer::Mat;
use superposition_analysis::spectrum;
use superposition_train::optimum::Objective;

use super::geometry::{dot, polygon};
use crate::LabError;

/// One term of H and its derivatives in a = W_i.W_j and b = b_j.
#[derive(Clone, Copy, Debug, Default)]
struct Term {
    value: f64,
    a: f64,
    b: f64,
    aa: f64,
    ab: f64,
    bb: f64,
}

/// `$3 \int_0^1 \mathrm{ReLU}(a x + b)^2 dx$`: what feature i adds to output j.
fn of_another(a: f64, b: f64) -> Term {
    if b >= 0.0 && a >= -b {
        // Positive on all of (0, 1).
        return Term {
            value: a * a + 3.0 * a * b + 3.0 * b * b,
            a: 2.0 * a + 3.0 * b,
            b: 3.0 * a + 6.0 * b,
            aa: 2.0,
            ab: 3.0,
            bb: 6.0,
        };
    }
    if b >= 0.0 {
        // Positive up to -b/a.
        let x = -b / a;
        return Term {
            value: b * b * x,
            a: b * x * x,
            b: 3.0 * b * x,
            aa: 2.0 * x * x * x,
            ab: 3.0 * x * x,
            bb: 6.0 * x,
        };
    }
    if a <= -b {
        return Term::default();
    }
    // Positive from -b/a on, a share s/a of (0, 1).
    let (s, share) = (a + b, (a + b) / a);
    Term {
        value: s * s * share,
        a: s * share * (3.0 - share),
        b: 3.0 * s * share,
        aa: share * (6.0 - 6.0 * share + 2.0 * share * share),
        ab: share * (6.0 - 3.0 * share),
        bb: 6.0 * share,
    }
}

/// `$3 \int_0^1 (x - \mathrm{ReLU}(a x + b))^2 dx$`: output j for its own feature, `$a = \lVert W_j \rVert^2$`.
fn of_itself(a: f64, b: f64) -> Term {
    let u = 1.0 - a;
    if b >= 0.0 {
        return Term {
            value: u * u - 3.0 * u * b + 3.0 * b * b,
            a: -2.0 * u + 3.0 * b,
            b: -3.0 * u + 6.0 * b,
            aa: 2.0,
            ab: 3.0,
            bb: 6.0,
        };
    }
    if a <= -b {
        // Never active.
        return Term {
            value: 1.0,
            ..Term::default()
        };
    }
    let x = -b / a;
    let (one, two, three) = (1.0 - x, 1.0 - x * x, 1.0 - x * x * x);
    Term {
        value: x * x * x + u * u * three - 3.0 * u * b * two + 3.0 * b * b * one,
        a: -2.0 * u * three + 3.0 * b * two,
        b: -3.0 * u * two + 6.0 * b * one,
        // The second derivatives see how x moves.
        aa: 2.0 * three - 6.0 * x * x * x / a,
        ab: 3.0 * two - 6.0 * x * x / a,
        bb: 6.0 * one - 6.0 * x / a,
    }
}

/// The loss `$L = H / 3c$` of c features in m dimensions, one of them active at a time, each as often: the expectation
/// of `$\sum_j I_j (x_j - x'_j)^2$`.
///
/// Parameters are W by columns, then b.
pub(in crate::reproduce) struct OneActive {
    pub(in crate::reproduce) n_hidden: usize,
    pub(in crate::reproduce) importance: Vec<f64>,
}

impl OneActive {
    /// All importances 1, in the plane.
    pub(in crate::reproduce) fn plane(n_features: usize) -> Self {
        Self {
            n_hidden: 2,
            importance: vec![1.0; n_features],
        }
    }

    fn n_features(&self) -> usize {
        self.importance.len()
    }

    /// Calls `visit` with i, j and the term of output j for active feature i, weighted as in L.
    fn terms(&self, x: &[f64], mut visit: impl FnMut(usize, usize, Term)) {
        let (m, c) = (self.n_hidden, self.n_features());
        assert_eq!(
            x.len(),
            c * (m + 1),
            "parameters of {c} features in {m} dimensions"
        );
        let (w, b) = x.split_at(c * m);
        let column = |i: usize| &w[i * m..(i + 1) * m];
        for (j, (&b, importance)) in b.iter().zip(&self.importance).enumerate() {
            let weight = importance / (3.0 * c as f64);
            for i in 0..c {
                let a = dot(column(i), column(j));
                let t = if i == j {
                    of_itself(a, b)
                } else {
                    of_another(a, b)
                };
                let weighted = Term {
                    value: weight * t.value,
                    a: weight * t.a,
                    b: weight * t.b,
                    aa: weight * t.aa,
                    ab: weight * t.ab,
                    bb: weight * t.bb,
                };
                visit(i, j, weighted);
            }
        }
    }

    /// L.
    pub(in crate::reproduce) fn loss(&self, x: &[f64]) -> f64 {
        let mut loss = 0.0;
        self.terms(x, |_, _, term| loss += term.value);
        loss
    }

    /// The gradient of L.
    pub(super) fn gradient(&self, x: &[f64]) -> Vec<f64> {
        let mut gradient = vec![0.0; x.len()];
        self.value_and_gradient(x, &mut gradient);
        gradient
    }

    /// The second derivatives of L.
    pub(super) fn hessian(&self, x: &[f64]) -> Mat<f64> {
        let (m, c) = (self.n_hidden, self.n_features());
        let mut hessian = Mat::zeros(x.len(), x.len());
        let mut slope = vec![0.0; x.len()];
        self.terms(x, |i, j, term| {
            let touched: Vec<usize> = (i * m..(i + 1) * m).chain(j * m..(j + 1) * m).collect();
            touched.iter().for_each(|&k| slope[k] = 0.0);
            for k in 0..m {
                slope[i * m + k] += x[j * m + k];
                slope[j * m + k] += x[i * m + k];
                // a itself is bilinear: the derivative by W_ik and W_jk is 1, and 2 where i = j.
                hessian[(i * m + k, j * m + k)] += term.a;
                hessian[(j * m + k, i * m + k)] += term.a;
            }
            let mut touched = touched;
            touched.sort_unstable();
            touched.dedup();
            let bias = c * m + j;
            for &p in &touched {
                for &q in &touched {
                    hessian[(p, q)] += term.aa * slope[p] * slope[q];
                }
                hessian[(p, bias)] += term.ab * slope[p];
                hessian[(bias, p)] += term.ab * slope[p];
            }
            hessian[(bias, bias)] += term.bb;
        });
        hessian
    }
}

impl Objective for OneActive {
    fn n_parameters(&self) -> usize {
        self.n_features() * (self.n_hidden + 1)
    }

    fn value_and_gradient(&self, x: &[f64], gradient: &mut [f64]) -> f64 {
        let (m, c) = (self.n_hidden, self.n_features());
        let mut loss = 0.0;
        gradient.fill(0.0);
        self.terms(x, |i, j, term| {
            loss += term.value;
            for k in 0..m {
                // For i = j this is the derivative of the squared norm, 2 W_jk.
                gradient[i * m + k] += term.a * x[j * m + k];
                gradient[j * m + k] += term.a * x[i * m + k];
            }
            gradient[c * m + j] += term.b;
        });
        loss
    }
}

/// The parameters of a regular c-gon of norm l and bias b.
pub(in crate::reproduce) fn polygon_parameters(c: usize, [norm, bias]: [f64; 2]) -> Vec<f64> {
    let corners = polygon(c);
    let columns = (0..c).flat_map(|i| corners.col_as_slice(i).to_vec());
    let w = columns.map(|x| norm * x);
    w.chain(std::iter::repeat_n(bias, c)).collect()
}

/// Norm and bias of a regular c-gon that is a critical point, by Newton's method from `start`; by its symmetry it is
/// critical for all parameters, not these two alone. None if the method ends nowhere or
/// where no feature is represented.
pub(super) fn critical_polygon(c: usize, start: [f64; 2]) -> Option<[f64; 2]> {
    let cosines: Vec<f64> = (0..c).map(|k| polygon(c)[(0, k)]).collect();
    let mut at = start;
    for _ in 0..60 {
        let [norm, bias] = at;
        let (mut g, mut a, mut b, mut d) = ([0.0; 2], 0.0, 0.0, 0.0);
        for (k, cosine) in cosines.iter().enumerate() {
            let product = norm * norm * cosine;
            let t = if k == 0 {
                of_itself(product, bias)
            } else {
                of_another(product, bias)
            };
            // The product changes by this with the norm.
            let slope = 2.0 * norm * cosine;
            g[0] += t.a * slope;
            g[1] += t.b;
            a += t.aa * slope * slope + 2.0 * t.a * cosine;
            b += t.ab * slope;
            d += t.bb;
        }
        let determinant = a * d - b * b;
        let step = [
            (d * g[0] - b * g[1]) / determinant,
            (a * g[1] - b * g[0]) / determinant,
        ];
        let length = step[0].hypot(step[1]);
        // Far away the quadratic model says little.
        let scale = if length > 0.2 { 0.2 / length } else { 1.0 };
        at = [at[0] - scale * step[0], at[1] - scale * step[1]];
        if length < 1e-14 {
            break;
        }
    }
    let x = polygon_parameters(c, at);
    let critical = OneActive::plane(c)
        .gradient(&x)
        .iter()
        .all(|g| g.abs() < 1e-12);
    let alive = at[0] > 0.1 && at[0] * at[0] > -at[1];
    (critical && alive).then_some(at)
}

/// The critical c-gons that a grid of starts ends at, lowest loss first.
pub(in crate::reproduce) fn critical_polygons(c: usize) -> Vec<[f64; 2]> {
    let potential = OneActive::plane(c);
    let loss = |at: &[f64; 2]| potential.loss(&polygon_parameters(c, *at));
    let starts =
        (2..=9).flat_map(|l| (0..=10).map(move |b| [0.2 * f64::from(l), -0.2 * f64::from(b)]));
    let mut found: Vec<[f64; 2]> = Vec::new();
    for at in starts.filter_map(|start| critical_polygon(c, start)) {
        let near = |other: &[f64; 2]| (other[0] - at[0]).hypot(other[1] - at[1]) < 1e-6;
        if !found.iter().any(near) {
            found.push(at);
        }
    }
    found.sort_by(|a, b| loss(a).total_cmp(&loss(b)));
    found
}

/// Eigenvalues of a symmetric matrix, descending.
pub(super) fn eigenvalues(hessian: &Mat<f64>) -> Result<Vec<f64>, LabError> {
    let n = hessian.ncols();
    let square: f64 = (0..n)
        .map(|k| dot(hessian.col_as_slice(k), hessian.col_as_slice(k)))
        .sum();
    // Above zero all of them are singular values.
    let shift = 2.0 * square.sqrt();
    let shifted = Mat::from_fn(n, n, |i, j| {
        hessian[(i, j)] + if i == j { shift } else { 0.0 }
    });
    let values = spectrum(shifted.as_ref())?.singular_values;
    Ok(values.into_iter().map(|value| value - shift).collect())
}

#[cfg(test)]
mod tests {
    use rand::Rng as _;
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::SeedableRng as _;
    use superposition_testkit::oracle::finite_difference;
    use superposition_testkit::tolerance::{Tolerance, assert_all_close, assert_close};

    use super::*;

    #[test]
    fn derivatives_are_those_of_the_loss() {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        for (n_hidden, c) in [(1, 3), (2, 5), (3, 4)] {
            let potential = OneActive {
                n_hidden,
                importance: (0..c).map(|i| 1.0 + 0.3 * i as f64).collect(),
            };
            let x: Vec<f64> = (0..c * (n_hidden + 1))
                .map(|_| 3.0 * (f64::from(rng.next_u32()) / 2_f64.powi(32) - 0.5))
                .collect();
            let gradient = potential.gradient(&x);
            let differences = finite_difference(|x| potential.loss(x), &x, 1e-5);
            assert_all_close(&gradient, &differences, Tolerance::absolute(1e-8));
            let hessian = potential.hessian(&x);
            for k in 0..x.len() {
                let row = finite_difference(|x| potential.gradient(x)[k], &x, 1e-5);
                assert_all_close(hessian.col_as_slice(k), &row, Tolerance::absolute(1e-7));
            }
        }
    }

    #[test]
    fn eigenvalues_have_their_signs() {
        let matrix = Mat::from_fn(2, 2, |i, j| if i == j { 1.0 } else { 2.0 });
        let values = eigenvalues(&matrix).unwrap();
        assert_close(values[0], 3.0, Tolerance::absolute(1e-14));
        assert_close(values[1], -1.0, Tolerance::absolute(1e-14));
    }
}
