//! Fixed weights and their losses in closed form.

use superposition_model::Dimensions;

use super::PhaseReading;

/// The fixed weights of *Toy Models of Superposition*: W column after column, b, and the loss summed over features.
///
/// A dropped feature has the bias p/2, its mean, and loses its variance, `$v = p/3 - p^2/4$`, times its importance. Of an
/// antipodal pair both lose the smaller of two active values, `$p^2/6$` each.
pub(super) fn fixed(dimensions: Dimensions, r: f64, p: f64) -> Vec<(Vec<f64>, Vec<f64>, f64)> {
    let variance = p / 3.0 - p * p / 4.0;
    let (half, pair) = (p / 2.0, p * p / 6.0);
    match dimensions.n_hidden {
        1 => vec![
            (vec![1.0, 0.0], vec![0.0, half], r * variance),
            (vec![0.0, 1.0], vec![half, 0.0], variance),
            (vec![1.0, -1.0], vec![0.0; 2], (1.0 + r) * pair),
        ],
        _ => vec![
            (
                vec![1.0, 0.0, 0.0, 1.0, 0.0, 0.0],
                vec![0.0, 0.0, half],
                r * variance,
            ),
            (
                vec![0.0, 0.0, 0.0, 1.0, 1.0, 0.0],
                vec![half, 0.0, 0.0],
                variance,
            ),
            (
                vec![1.0, 0.0, 0.0, 1.0, -1.0, 0.0],
                vec![0.0; 3],
                (1.0 + r) * pair,
            ),
            (
                vec![1.0, 0.0, -1.0, 0.0, 0.0, 1.0],
                vec![0.0; 3],
                2.0 * pair,
            ),
        ],
    }
}

/// The best of them; the first of equals.
pub(super) fn lowest_fixed(dimensions: Dimensions, r: f64, p: f64) -> PhaseReading {
    let all = fixed(dimensions, r, p);
    let (w, _, loss_sum) = all
        .iter()
        .min_by(|a, b| a.2.total_cmp(&b.2))
        .expect("there are several");
    PhaseReading::new(dimensions, w, loss_sum / dimensions.n_features as f64)
}

/// The boundaries between the regions of the best fixed weights, as lines of points (r, p) within the ranges.
///
/// The extra feature is dropped up to `$r = 2p / (4 - 5p)$`; all boundaries meet at r = 1, p = 4/7.
pub(super) fn boundaries(
    dimensions: Dimensions,
    r: [f64; 2],
    p: [f64; 2],
) -> Vec<(&'static str, Vec<[f64; 2]>)> {
    const POINTS: usize = 400;
    let meet = 4.0 / 7.0;
    let curve = |p: f64| 2.0 * p / (4.0 - 5.0 * p);
    let inside = |at: &[f64; 2]| (r[0]..=r[1]).contains(&at[0]) && (p[0]..=p[1]).contains(&at[1]);
    let lower = super::edges([p[0].min(meet), p[1].min(meet)], POINTS);
    let upper = super::edges([p[0].max(meet), p[1].max(meet)], POINTS);
    let along = |ps: &[f64], r_of: &dyn Fn(f64) -> f64| {
        let points = ps.iter().map(|&p| [r_of(p), p]);
        points.filter(inside).collect::<Vec<_>>()
    };
    let mut lines = vec![("extra dropped: r = 2p/(4 - 5p)", along(&lower, &curve))];
    match dimensions.n_hidden {
        1 => {
            lines.push(("its mirror", along(&lower, &|p| 1.0 / curve(p))));
            lines.push(("r = 1", along(&upper, &|_| 1.0)));
        }
        _ => {
            let all = [&lower[..], &upper[..]].concat();
            lines.push(("r = 1", along(&all, &|_| 1.0)));
            let right = super::edges([r[0].max(1.0), r[1].max(1.0)], POINTS);
            let points = right.iter().map(|&r| [r, meet]).filter(inside);
            lines.push(("p = 4/7", points.collect()));
        }
    }
    lines.retain(|(_, points)| points.len() > 1);
    lines
}

#[cfg(test)]
mod tests {
    use superposition_testkit::tolerance::{Tolerance, assert_close};

    use super::super::{PhaseRegion, objective};
    use super::*;

    const BOTH: [(usize, usize); 2] = [(2, 1), (3, 2)];

    /// The closed forms are the exact loss of these weights and biases.
    #[test]
    fn closed_forms_are_the_exact_losses() {
        for (n_features, n_hidden) in BOTH {
            let dimensions = Dimensions {
                n_features,
                n_hidden,
            };
            for (r, p) in [(0.1, 0.01), (0.7, 0.3), (1.0, 4.0 / 7.0), (8.0, 1.0)] {
                let objective = objective(dimensions, [r, p]).unwrap();
                for (w, b, loss_sum) in fixed(dimensions, r, p) {
                    let x = [&w[..], &b[..]].concat();
                    let exact = objective.value(&x).value * n_features as f64;
                    assert_close(loss_sum, exact, Tolerance::absolute(1e-12));
                }
            }
        }
    }

    /// On each boundary the two lowest of the fixed weights have the same loss.
    #[test]
    fn boundaries_are_where_two_are_equal() {
        for (n_features, n_hidden) in BOTH {
            let dimensions = Dimensions {
                n_features,
                n_hidden,
            };
            let lines = boundaries(dimensions, [0.1, 10.0], [0.01, 1.0]);
            assert_eq!(lines.len(), 3);
            for (_, points) in lines {
                for [r, p] in points {
                    let mut losses: Vec<f64> =
                        fixed(dimensions, r, p).iter().map(|f| f.2).collect();
                    losses.sort_by(f64::total_cmp);
                    assert_close(losses[0], losses[1], Tolerance::relative(1e-12));
                }
            }
        }
    }

    #[test]
    fn each_of_the_fixed_weights_has_its_region() {
        use PhaseRegion::{ExtraAntipodal, ExtraDropped, OtherDropped, OthersAntipodal};
        for (n_features, n_hidden) in BOTH {
            let dimensions = Dimensions {
                n_features,
                n_hidden,
            };
            let regions: Vec<PhaseRegion> = fixed(dimensions, 1.0, 0.5)
                .iter()
                .map(|(w, _, loss)| PhaseReading::new(dimensions, w, *loss).region)
                .collect();
            let all = [ExtraDropped, OtherDropped, ExtraAntipodal, OthersAntipodal];
            assert_eq!(regions, all[..n_features + 1]);
        }
    }
}
